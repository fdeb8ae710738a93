//! What is wrong in the files of an import: every mistake is counted by its kind, and the first few of each kind are
//! named with their place.

use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many mistakes of a kind are named.
const NAMED: usize = 20;

/// A kind of mistake, or of something that was mended or left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Wrong {
    Unreadable,
    Shape,
    EmptyDocument,
    SameDocument,
    SameId,
    SameText,
    Skipped,
    OffsetMended,
    AnswerNotThere,
    NoAnswer,
    NoDocument,
    SameQuestion,
    GivesAway,
    Unjudged,
    JudgedUnknown,
    LongAnswer,
}

impl Wrong {
    /// What was counted, in the plural.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "files or lines that could not be read",
            Self::Shape => "records of another shape",
            Self::EmptyDocument => "documents without text",
            Self::SameDocument => "documents that came twice",
            Self::SameId => "documents with the id of another one",
            Self::SameText => "documents with the text of another one, kept",
            Self::Skipped => "files that are no documents",
            Self::OffsetMended => "answers whose offset was wrong and could be mended",
            Self::AnswerNotThere => "answers that do not stand in their text",
            Self::NoAnswer => "questions without an answer",
            Self::NoDocument => "questions whose document is not there",
            Self::SameQuestion => "questions that came twice",
            Self::GivesAway => "training questions that give away what is judged by, left out",
            Self::Unjudged => "questions that nothing was judged for, left out",
            Self::JudgedUnknown => "judgments of what is not there",
            Self::LongAnswer => "answers cut at the end of a sentence for being long",
        }
    }
}

/// How often something was met, and the first few places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// What.
    pub what: Wrong,
    /// How often.
    pub count: usize,
    /// The first few, each with its place.
    pub named: Vec<Fault>,
}

/// Everything that was met so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    by_kind: BTreeMap<Wrong, Tally>,
}

impl Found {
    /// Counts something, and names it if it is among the first of its kind.
    pub(super) fn put(&mut self, what: Wrong, fault: impl FnOnce() -> Fault) {
        let tally = self.by_kind.entry(what).or_insert_with(|| Tally { what, count: 0, named: Vec::new() });
        tally.count += 1;
        if tally.named.len() < NAMED {
            tally.named.push(fault());
        }
    }

    /// The first mistake that may be why there is nothing else.
    pub(super) fn first(&self) -> Option<&Fault> {
        self.by_kind.values().filter(|t| t.what != Wrong::Skipped).find_map(|t| t.named.first())
    }

    pub(super) fn tallies(self) -> Vec<Tally> {
        self.by_kind.into_values().collect()
    }
}
