//! `acts.jsonl`: what was done to a study, by whom and when. Only grows, like a journal.

use super::files::Files;
use super::journal::{Journal, Problem, Record};
use super::lock::DataLock;
use super::review::Showing;
use crate::fault::Result;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that was done to a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// Who did it: the name they are logged in under, or review under.
    pub who: String,
    /// The version of juxta.
    pub juxta: String,
    /// What.
    #[serde(flatten)]
    pub deed: Deed,
}

/// What was done. Digests are BLAKE3 as hex.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Deed {
    /// The study was planned.
    Planned,
    /// Plan, rubric and sides were fixed.
    Frozen {
        /// Of the plan's values.
        plan_digest: String,
        /// The plan's values: what a later change is named by.
        plan: Value,
        /// Of the rubric's values.
        rubric_digest: String,
        /// The rubric's values.
        rubric: Value,
        /// Of the sealed key.
        key_digest: String,
    },
    /// Answers were generated, to the end or as far as it went.
    Generated {
        /// Items that are there.
        items: usize,
        /// Items that are planned.
        planned: usize,
        /// Answers that failed.
        failed: usize,
    },
    /// A reviewer took a place of the plan.
    Claimed {
        /// The place, like `reviewer-1`.
        place: String,
        /// The reviewer.
        annotator: String,
    },
    /// A reviewer's part was copied into a folder of its own.
    HandedOut {
        /// Whose part, as the plan names it.
        place: String,
        /// How many showings.
        slots: usize,
    },
    /// What came back was taken in.
    Merged {
        /// Lines of journals that were new.
        reviews: usize,
        /// Where two records disagreed.
        conflicts: Vec<Conflict>,
    },
    /// The blinding was taken off: figures by contender may be seen.
    Unblinded {
        /// Of the sealed key.
        key_digest: String,
    },
    /// Something that a later version does.
    #[serde(other)]
    Other,
}

/// Two records of one showing by one annotator, neither of which knew of the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// The item's id.
    pub item: String,
    /// Which showing of it.
    pub showing: Showing,
    /// Who judged.
    pub annotator: String,
    /// When the record was made that stands.
    pub stands: Timestamp,
    /// When the other was made, which stays where it is.
    pub gave_way: Timestamp,
}

impl Record for Act {
    const WHAT: &'static str = "an act";
    type Subject<'a> = (Timestamp, &'a str, String);

    fn subject(&self) -> Self::Subject<'_> {
        // Every act stands.
        (self.at, &self.who, serde_json::to_string(&self.deed).unwrap_or_default())
    }
}

/// What was done so far, in the order of the file.
pub(super) fn read(files: &Files) -> Result<(Vec<Act>, Vec<Problem>)> {
    if !files.acts().exists() {
        return Ok((Vec::new(), Vec::new()));
    }
    Journal::read(&files.acts())
}

/// Notes an act. Waits for whoever else is noting one.
pub(super) fn note(files: &Files, who: &str, deed: Deed) -> Result<()> {
    let _lock = DataLock::wait(&files.lock("acts"))?;
    note_locked(files, who, deed)
}

/// As [`note`], by who holds the lock of acts.
pub(super) fn note_locked(files: &Files, who: &str, deed: Deed) -> Result<()> {
    let mut journal = Journal::<Act>::open(files.dir(), "acts")?;
    journal.append(Act {
        at: Timestamp::now(),
        who: who.to_owned(),
        juxta: env!("CARGO_PKG_VERSION").to_owned(),
        deed,
    })
}
