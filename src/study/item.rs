//! What a reviewer sees of a question and its two answers: nothing that tells who answered.

use crate::compare::Support;
use crate::retrieve::Hit;
use serde::{Deserialize, Serialize};

/// `items/<id>.json`: a question, its passages, and two answers, left and right as they are first shown.
///
/// The whole trials, with names, timings and model facts, lie in `sealed/`, which a reviewer's copy need not have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Names it; says nothing of who answered.
    pub id: String,
    /// The corpus's id.
    pub corpus: String,
    /// The question's id in its corpus.
    pub question_id: String,
    /// What was asked.
    pub question: String,
    /// What a right answer says; shown on demand, which is recorded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reference: Option<Reference>,
    /// The passages of both prompts, as they were numbered.
    pub passages: Vec<Hit>,
    /// Left and right, as the models said it: not made printable.
    pub answers: [Said; 2],
}

/// An answer without its author.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// The text.
    pub text: String,
    /// What of it the passages support, by the text alone.
    pub support: Support,
}

/// What a right answer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The reference answer.
    pub answer: String,
    /// Short phrases a complete answer must contain.
    #[serde(default)]
    pub key_points: Vec<String>,
    /// What it rests on, quoted; empty where the corpus has no answer.
    #[serde(default)]
    pub quotes: Vec<String>,
}
