//! What a reviewer sees of a question and its two answers: nothing that tells who answered.

use super::files::{Files, read_json};
use super::key::Sealed;
use super::trials;
use crate::compare::{Support, Trial};
use crate::fault::{Fault, Result};
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

impl Item {
    /// What a reviewer sees of a trial whose A is the baseline.
    pub(super) fn of(trial: &Trial, sealed: &Sealed, baseline: &str, reference: Option<Reference>) -> Self {
        let [a, b] = [0, 1].map(|side| Said {
            text: trial.answers[side].text.clone(),
            support: trial.answers[side].support.clone(),
        });
        Self {
            id: trial.id.clone(),
            corpus: sealed.corpus.clone(),
            question_id: sealed.question.clone(),
            question: trial.question.clone(),
            reference,
            passages: trial.passages().to_vec(),
            answers: if sealed.left == baseline { [a, b] } else { [b, a] },
        }
    }

    /// Left and right exchanged.
    #[must_use]
    pub fn swapped(mut self) -> Self {
        self.answers.swap(0, 1);
        self
    }

    pub(super) fn read(files: &Files, id: &str) -> Result<Self> {
        let path = files.item(id);
        let item: Self = read_json(&path, "an item")?;
        let said = item
            .answers
            .iter()
            .zip(["left", "right"])
            .map(|(said, side)| (&said.text, &said.support, format!("the {side} answer")));
        let sound = if item.id == id {
            trials::sound(&item.passages, said)
        } else {
            Err(format!("the id {:?}", item.id))
        };
        sound.map_err(|what| {
            Fault::new(path.display(), what)
                .expected("an item as juxta wrote it")
                .next("The file was changed by hand; put back what it was.")
        })?;
        Ok(item)
    }
}
