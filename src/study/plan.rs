//! `study.toml`: what is asked of whom, and who judges it. A person may edit it until the study is frozen.

use crate::config::{Layer, SamplingSettings};
use crate::corpus::Split;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A planned study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Names the study in exports and reports: letters, digits and hyphens.
    pub id: String,
    /// For people.
    pub title: String,
    /// When it was planned.
    pub made: Timestamp,
    /// Decides which questions are drawn, the order of each annotator's items, and which of them come back. It does
    /// not decide the sides: those hang on the sealed key.
    pub seed: u64,
    /// The corpora's ids.
    pub corpora: Vec<String>,
    /// The split that questions are drawn from.
    pub split: Split,
    /// Questions drawn from each corpus.
    pub questions: usize,
    /// The contender that every other one is compared with.
    pub baseline: String,
    /// The contenders that are compared with it: one item for each of them and each question.
    pub against: Vec<String>,
    /// Who judges. A name like `reviewer-1` is a place that the first unnamed reviewer takes.
    pub annotators: Vec<String>,
    /// The share of items, 0 to 1, that every annotator judges; the rest is divided among them.
    pub overlap: f64,
    /// The share of an annotator's items, 0 to 1, that come back later with the sides swapped.
    pub repeat: f64,
    /// Passages a question gets.
    pub k: usize,
    /// Words a passage has at most.
    pub passage_words: usize,
    /// How answers are drawn.
    pub sampling: SamplingSettings,
    /// The highlight layers that reviewers see at the start. None by default: they can sway a judge.
    #[serde(default)]
    pub highlight: Vec<Layer>,
    /// What was fixed when answers were first generated; absent until then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub frozen: Option<Frozen>,
}

/// What may no longer change, by BLAKE3 digests as hex.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frozen {
    /// When.
    pub at: Timestamp,
    /// Of the plan above.
    pub plan: String,
    /// Of `rubric.toml`.
    pub rubric: String,
    /// Of `sealed/key.json`: the commitment to the sides, made before the first judgment.
    pub key: String,
    /// Of each corpus.
    pub corpora: BTreeMap<String, String>,
    /// Of each contender's model.
    pub contenders: BTreeMap<String, String>,
}

impl Plan {
    /// Baseline first, then the others.
    pub fn contenders(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.baseline).chain(&self.against).map(String::as_str)
    }
}
