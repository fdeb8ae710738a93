//! What lies in `sealed/`: questions as they were asked, and answers with their authors. From these items are made.

use super::files::{read_json, write_json};
use super::item::Reference;
use super::key::Key;
use super::whole::Study;
use crate::compare::{Answer, Rerun, Trial};
use crate::fault::Result;
use crate::retrieve::Hit;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A question, ready to be asked: every contender gets the same messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedQuestion {
    /// The corpus's id.
    pub corpus: String,
    /// The question's id in its corpus.
    pub id: String,
    /// What is asked.
    pub question: String,
    /// What a right answer says.
    pub reference: Reference,
    /// The passages found, best first.
    pub hits: Vec<Hit>,
    /// What is needed to ask again, with the messages.
    pub rerun: Rerun,
}

impl SealedQuestion {
    /// The passages that fitted into everyone's prompt.
    pub fn passages(&self) -> &[Hit] {
        &self.hits[..self.rerun.passages_used.min(self.hits.len())]
    }
}

impl Study {
    /// Keeps a question as it will be asked.
    ///
    /// # Errors
    /// A [`crate::fault::Fault`] if the disk would not take it.
    pub fn keep_question(&self, question: &SealedQuestion) -> Result<()> {
        write_json(&self.files.question(&question.corpus, &question.id), question)
    }

    /// The question as it is asked.
    ///
    /// # Errors
    /// A [`crate::fault::Fault`] if it is not there or cannot be read.
    pub fn question(&self, corpus: &str, id: &str) -> Result<SealedQuestion> {
        read_json(&self.files.question(corpus, id), "a question")
    }

    /// Keeps the whole answer of a contender, called as in the plan.
    ///
    /// # Errors
    /// A [`crate::fault::Fault`] if the disk would not take it.
    pub fn keep_answer(&self, contender: &str, corpus: &str, question: &str, answer: &Answer) -> Result<()> {
        write_json(&self.files.answer(contender, corpus, question), answer)
    }

    /// Whether a contender has answered a question: a file is there only if it is whole.
    pub fn is_answered(&self, contender: &str, corpus: &str, question: &str) -> bool {
        self.files.answer(contender, corpus, question).is_file()
    }

    /// Makes the items whose two answers are there, and says how many items there are then.
    ///
    /// # Errors
    /// A [`crate::fault::Fault`] for a sealed file that cannot be read, or if the disk would not take an item.
    pub fn assemble(&self, key: &Key) -> Result<usize> {
        let mut there = 0;
        for (id, sealed) in &key.items {
            if self.files.item(id).is_file() && self.files.trial(id).is_file() {
                there += 1;
                continue;
            }
            let (corpus, question) = (&sealed.corpus, &sealed.question);
            let pair = [self.plan.baseline.as_str(), sealed.contender(&self.plan.baseline)];
            if !pair.iter().all(|contender| self.is_answered(contender, corpus, question)) {
                continue;
            }
            let answer = |n: usize| read_json(&self.files.answer(pair[n], corpus, question), "an answer");
            let asked = self.question(corpus, question)?;
            let trial = Trial {
                id: id.clone(),
                asked_at: Timestamp::now(),
                again_of: None,
                question: asked.question,
                corpus: asked.corpus,
                hits: asked.hits,
                answers: [answer(0)?, answer(1)?],
                rerun: asked.rerun,
            };
            self.keep(key, id, &trial, Some(asked.reference))?;
            there += 1;
        }
        Ok(there)
    }
}
