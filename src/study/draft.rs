//! What was being entered when the lab or a review last closed, however it closed.

use super::assign::Slot;
use super::judgment::{Rating, Verdict};
use super::review::{Evidence, Marks, Review};
use crate::config::Layer;
use crate::fault::{Fault, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Entered, but not yet asked or recorded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// The corpus that was open.
    pub corpus: Option<String>,
    /// The question being typed.
    pub question: String,
    /// The trial that was open.
    pub trial: Option<String>,
    /// Ratings begun for that trial.
    pub ratings: [Rating; 2],
    /// The verdict, if the ratings were not complete.
    pub verdict: Option<Verdict>,
    /// A note being typed.
    pub note: String,
}

impl Draft {
    /// Whether any of a judgment was begun: a degree, a tag, the verdict or a note.
    pub fn has_begun(&self) -> bool {
        self.ratings != <[Rating; 2]>::default() || self.verdict.is_some() || !self.note.is_empty()
    }

    /// The draft at `path`; an empty one if there is none. A damaged one is set aside, and reported.
    pub fn load(path: &Path) -> (Self, Option<Fault>) {
        load(path)
    }

    /// Keeps the draft.
    ///
    /// # Errors
    /// A [`Fault`] if the disk would not take it.
    pub fn save(&self, path: &Path) -> Result<()> {
        save(self, path)
    }
}

/// What a reviewer of a study was entering.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReviewDraft {
    /// What was on the screen.
    pub slot: Option<Slot>,
    /// Ratings begun for it, left and right as shown.
    pub ratings: [Marks; 2],
    /// The verdict, if the ratings were not complete.
    pub verdict: Option<Verdict>,
    /// Evidence entered, as shown.
    pub evidence: Vec<Evidence>,
    /// A note being typed.
    pub note: String,
    /// Whether it is to be talked over.
    pub flagged: bool,
    /// Whether the reference answer was looked at.
    pub reference_shown: bool,
    /// The highlight layers that were shown.
    pub shown: Vec<Layer>,
    /// Seconds spent on it so far, without the time away.
    pub seconds: f64,
    /// Seconds away meanwhile.
    pub away: f64,
}

impl ReviewDraft {
    /// Whether any of a judgment was begun.
    pub fn has_begun(&self) -> bool {
        self.ratings != <[Marks; 2]>::default()
            || self.verdict.is_some()
            || !self.evidence.is_empty()
            || !self.note.is_empty()
            || self.flagged
    }

    /// Whether a record says what the draft does: it was left over when the record was appended.
    pub(super) fn is_of(&self, record: &Review) -> bool {
        self.slot.as_ref() == Some(&record.slot())
            && self.ratings == record.ratings
            && self.verdict == record.verdict
            && self.evidence == record.evidence
            && self.note == record.note
            && self.flagged == record.flagged
    }

    pub(super) fn load(path: &Path) -> (Self, Option<Fault>) {
        load(path)
    }

    pub(super) fn save(&self, path: &Path) -> Result<()> {
        save(self, path)
    }
}

fn load<D: DeserializeOwned + Default>(path: &Path) -> (D, Option<Fault>) {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return (D::default(), None),
        Err(e) => return (D::default(), Some(Fault::io(path, "read", &e))),
    };
    match serde_json::from_slice(&bytes) {
        Ok(draft) => (draft, None),
        Err(e) => {
            let aside = path.with_extension("damaged.json");
            let _ = std::fs::rename(path, &aside);
            let fault = Fault::new(path.display(), e)
                .expected("a draft as juxta wrote it")
                .next(format!("It was set aside in {}.", aside.display()));
            (D::default(), Some(fault))
        }
    }
}

fn save(draft: &impl Serialize, path: &Path) -> Result<()> {
    let json = serde_json::to_vec_pretty(draft)
        .map_err(|e| Fault::new(path.display(), e).expected("a draft that can be written as JSON"))?;
    crate::folder::replace(path, &json)
}
