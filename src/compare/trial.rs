//! What is recorded of a trial: enough to judge it, and enough to run it again.

use super::support::Support;
use crate::generate::{Facts, Sampling, Served};
use crate::prompt::Message;
use crate::retrieve::{Hit, Settings};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The left or the right answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Side {
    /// The left one.
    A,
    /// The right one.
    B,
}

impl Side {
    /// Both, in order.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// 0 for A, 1 for B.
    pub fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    /// "A" or "B".
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// What part a contender plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The model as it was.
    Baseline,
    /// The model after fine-tuning.
    FineTuned,
}

impl Role {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::FineTuned => "fine-tuned",
        }
    }
}

/// How an answer came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// The model ended it.
    Stop,
    /// It reached the most tokens it may have, or the end of the model's window.
    Length,
    /// A person stopped it.
    Cancelled,
    /// The model could not be loaded or failed.
    Failed,
}

impl From<crate::generate::Finish> for Finish {
    fn from(finish: crate::generate::Finish) -> Self {
        match finish {
            crate::generate::Finish::Stop => Self::Stop,
            crate::generate::Finish::Length => Self::Length,
            crate::generate::Finish::Cancelled => Self::Cancelled,
        }
    }
}

/// One contender's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The name of the contender.
    pub contender: String,
    /// The part it plays.
    pub role: Role,
    /// What it said, as it said it: not made printable.
    pub text: String,
    /// Tokens of the answer.
    pub tokens: usize,
    /// Passes over the weights that they were chosen behind, where that is known: fewer than tokens where guesses held.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub passes: Option<usize>,
    /// Tokens of the prompt, as this contender counts them.
    pub prompt_tokens: usize,
    /// From the start of reading the prompt; absent where no token came.
    pub seconds_to_first_token: Option<f64>,
    /// From the start of reading the prompt to the end.
    pub seconds: f64,
    /// After the first token; absent below two tokens.
    pub tokens_per_second: Option<f64>,
    /// How it came to its end.
    pub finish: Finish,
    /// Why it failed, where it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// What of it the passages support, by the text alone.
    pub support: Support,
    /// How it was drawn.
    pub sampling: Sampling,
    /// What the model is; absent where it could not be loaded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<Facts>,
    /// BLAKE3 of the rendered prompt, as hex; absent where it could not be rendered. Of a server's answer that of the
    /// messages, as JSON.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prompt_digest: Option<String>,
    /// Whether the model's template refuses a system message, so that its text stood above the question.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub system_folded: bool,
    /// What a server was sent and what it said of its answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub served: Option<Box<Served>>,
}

/// What is needed to run a trial again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rerun {
    /// The version of juxta.
    pub juxta: String,
    /// The digest of the corpus.
    pub corpus_digest: String,
    /// How passages were cut.
    pub retrieval: Settings,
    /// Passages asked for.
    pub k: usize,
    /// Passages that fitted into both prompts, from the first.
    pub passages_used: usize,
    /// The conversation both contenders got.
    pub messages: Vec<Message>,
}

/// One question, its hits and two answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Names it; sorts by time.
    pub id: String,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// The trial of which one answer was asked again to make this one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub again_of: Option<String>,
    /// What was asked.
    pub question: String,
    /// The corpus's id.
    pub corpus: String,
    /// The passages found, best first.
    pub hits: Vec<Hit>,
    /// A, then B.
    pub answers: [Answer; 2],
    /// What is needed to run it again.
    pub rerun: Rerun,
}

impl Trial {
    /// Why what differs between the two answers is not the fine-tuning alone, as far as what is recorded of the models
    /// tells: a sentence for each reason.
    pub fn remarks(&self) -> Vec<String> {
        let [baseline, tuned] = Side::BOTH.map(|side| self.answer(side));
        let (Some(a), Some(b)) = (&baseline.model, &tuned.model) else { return Vec::new() };
        if self.answers.iter().any(|answer| answer.finish == Finish::Failed) {
            return Vec::new();
        }
        let (of, with) = (&tuned.contender, &baseline.contender);
        let mut remarks = Vec::new();
        if let Some(base) = &b.base_digest
            && *base != a.digest
            && a.base_digest.as_ref() != Some(base)
        {
            remarks.push(format!("{of} was not fine-tuned from {with}: it has another base."));
        }
        if a.architecture != b.architecture {
            let both = format!("{} and {}", a.architecture, b.architecture);
            remarks.push(format!(
                "{with} and {of} are of two architectures, {both}: what differs is the model."
            ));
        }
        if matches!((&a.template_digest, &b.template_digest), (Some(a), Some(b)) if a != b) {
            remarks.push(format!(
                "{with} and {of} have two chat templates: the same messages became two prompts."
            ));
        }
        remarks
    }

    /// The answer of a side.
    pub fn answer(&self, side: Side) -> &Answer {
        &self.answers[side.index()]
    }

    /// The hits that were in the prompts.
    pub fn passages(&self) -> &[Hit] {
        &self.hits[..self.rerun.passages_used.min(self.hits.len())]
    }
}

/// A name for a trial asked now: its time, and enough of a digest to tell apart what is asked in one instant.
pub(super) fn new_id(at: Timestamp, question: &str) -> String {
    let key = format!("{} {} {question}", at.as_nanosecond(), std::process::id());
    format!("{}-{}", at.strftime("%Y%m%dT%H%M%SZ"), &blake3::hash(key.as_bytes()).to_hex()[..8])
}
