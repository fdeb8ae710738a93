//! A question about a corpus, with what a right answer needs.

use serde::{Deserialize, Serialize};

/// What a question is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// For fine-tuning. The first n of the file are the training set of size n.
    Train,
    /// For choosing settings.
    Dev,
    /// For judging; never trained on.
    Test,
}

/// What sort of answer a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Kind {
    Fact,
    List,
    Reason,
    Comparison,
    YesNo,
    Definition,
    Procedure,
}

/// A run of a document's text that an answer rests on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gold {
    /// The id of the document.
    pub document: String,
    /// Text that stands in it, letter for letter.
    pub quote: String,
}

/// One line of `questions.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Unique in its corpus.
    pub id: String,
    /// What it is used for.
    pub split: Split,
    /// What sort of answer it asks for.
    pub kind: Kind,
    /// As a person would ask it.
    pub question: String,
    /// The reference answer, one to three sentences.
    pub answer: String,
    /// Short phrases a complete answer must contain.
    #[serde(default)]
    pub key_points: Vec<String>,
    /// What the answer rests on; empty where the corpus has no answer.
    #[serde(default)]
    pub gold: Vec<Gold>,
    /// Whether the answer is known, but not where the corpus says it: such a question is never held to be
    /// unanswerable, although it has no gold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
}

/// One line of `queries.jsonl`: a question without a reference answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Unique in its corpus, among its questions too.
    pub id: String,
    /// What it is used for.
    pub split: Split,
    /// As a person would ask it.
    pub question: String,
}

impl Question {
    /// Whether the corpus holds an answer, as far as is known.
    pub fn is_answerable(&self) -> bool {
        self.open || !self.gold.is_empty()
    }
}
