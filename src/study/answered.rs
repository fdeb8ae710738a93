//! How the answers of a study were made: how long they are, and how fast they came. Nobody is told before the blinding
//! is off, since both can give a contender away.

use super::whole::Study;
use crate::compare::Finish;
use crate::fault::{Fault, Result};
use crate::text::word_count;
use rayon::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;

/// An answer, as far as a report tells of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The contender, as the plan names it.
    pub contender: String,
    /// The corpus's id.
    pub corpus: String,
    /// How many words it has.
    pub words: usize,
    /// Whether it was cut off at the limit of tokens.
    pub cut_off: bool,
    /// After the first token; absent below two tokens, and where an answer was recorded without it.
    pub tokens_per_second: Option<f64>,
}

/// What is read of a trial: what it was found by is most of it.
#[derive(Deserialize)]
struct Part {
    answers: [Told; 2],
}

#[derive(Deserialize)]
struct Told {
    contender: String,
    text: String,
    tokens_per_second: Option<f64>,
    finish: Finish,
}

impl Study {
    /// Every answer once, by contender, corpus and question; and the trials that cannot be read.
    ///
    /// # Errors
    /// A [`Fault`] before the study is unblinded, and as [`Study::key`].
    pub fn answered(&self) -> Result<(Vec<Answered>, Vec<Fault>)> {
        self.seen()?;
        let key = self.key()?;
        let read: Vec<_> = key
            .items
            .par_iter()
            .filter(|(id, _)| self.files.item(id).is_file())
            .map(|(id, sealed)| {
                let part: Part = super::files::read_json(&self.files.trial(id), "a trial")?;
                Ok((sealed, part.answers))
            })
            .collect();
        let (mut answers, mut faults) = (BTreeMap::new(), Vec::new());
        for trial in read {
            let (sealed, told) = match trial {
                Ok(trial) => trial,
                Err(crate::fault::Error::Fault(fault)) => {
                    faults.push(*fault);
                    continue;
                }
                Err(cancelled) => return Err(cancelled),
            };
            for one in told {
                let place = (one.contender.clone(), sealed.corpus.clone(), sealed.question.clone());
                // The baseline's stands in an item with each of the others.
                answers.entry(place).or_insert_with(|| Answered {
                    words: word_count(&one.text),
                    cut_off: one.finish == Finish::Length,
                    tokens_per_second: one.tokens_per_second,
                    contender: one.contender,
                    corpus: sealed.corpus.clone(),
                });
            }
        }
        Ok((answers.into_values().collect(), faults))
    }
}

#[cfg(test)]
mod tests {
    use crate::sample;

    #[test]
    fn every_answer_is_there_once_and_not_before_the_blinding_is_off() {
        let dir = tempfile::tempdir().expect("a folder");
        let study = sample::study(dir.path(), &["ada"]);
        assert!(study.answered().expect_err("blind").to_string().contains("juxta study unblind"));
        study.unblind("planner").expect("unblinded");
        let (answers, faults) = study.answered().expect("there");
        assert_eq!(faults, []);
        let of = |name: &str| answers.iter().filter(|a| a.contender == name).count();
        let questions = study.item_ids().expect("listed").len() / sample::AGAINST.len();
        assert_eq!((of(sample::BASELINE), of(sample::AGAINST[0])), (questions, questions));
        assert!(answers.iter().all(|a| a.words > 0 && a.tokens_per_second.is_some()));

        let item = study.item_ids().expect("listed").remove(0);
        std::fs::write(study.files().trial(&item), "{").expect("written");
        assert_eq!(study.answered().expect("the others").1.len(), 1);
    }
}
