//! One annotator's ratings of one trial.

use super::journal::Record;
use crate::config::Layer;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Which answer is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The left one.
    A,
    /// The right one.
    B,
    /// Neither; both will do.
    Tie,
    /// Neither will do.
    BothBad,
}

impl Verdict {
    /// As it is written in exports.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::Tie => "tie",
            Self::BothBad => "both-bad",
        }
    }
}

/// The ratings of one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    /// 1 to 5; absent until rated.
    pub accuracy: Option<u8>,
    /// 1 to 5; absent until rated.
    pub completeness: Option<u8>,
    /// What is wrong with it, of the tags of the settings.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// One line of a journal. A later judgment of the same trial by the same annotator supersedes an earlier one,
/// which stays where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgment {
    /// The trial's id.
    pub trial: String,
    /// Who judged.
    pub annotator: String,
    /// When.
    pub at: Timestamp,
    /// How long the judgment took, in seconds, from when both answers could be read.
    pub seconds: f64,
    /// Of A, then of B.
    pub ratings: [Rating; 2],
    /// Which answer is better; absent until chosen.
    pub verdict: Option<Verdict>,
    /// Free text.
    #[serde(default)]
    pub note: String,
    /// The highlight layers that were shown: they can sway a judge.
    #[serde(default)]
    pub shown: Vec<Layer>,
    /// The version of juxta.
    pub juxta: String,
}

impl Judgment {
    /// Whether every rating and the verdict are there.
    pub fn is_complete(&self) -> bool {
        self.verdict.is_some()
            && self.ratings.iter().all(|r| r.accuracy.is_some() && r.completeness.is_some())
    }
}

impl Record for Judgment {
    const WHAT: &'static str = "a judgment";
    type Subject<'a> = (&'a str, &'a str);

    fn subject(&self) -> Self::Subject<'_> {
        (&self.trial, &self.annotator)
    }
}
