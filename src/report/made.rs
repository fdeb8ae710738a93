//! How a contender's answers were made: what a rating may rest on besides what is right, and what it costs.

use super::{OfContender, Report};
use crate::analysis::Figure;
use crate::analysis::annotator::median;
use crate::study::Answered;
use serde::Serialize;

/// All answers of a contender on the questions of a corpus, or of all together, judged or not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Made {
    /// How many there are.
    pub answers: usize,
    /// Words of an answer: the median.
    pub words: Figure,
    /// Answers that were cut off at the limit of tokens.
    pub cut_off: usize,
    /// Tokens a second, after the first: the median.
    pub tokens_per_second: Figure,
}

impl Made {
    fn of(answers: &[&Answered], level: f64) -> Self {
        let words: Vec<f64> = answers.iter().map(|a| a.words as f64).collect();
        let speeds: Vec<f64> = answers.iter().filter_map(|a| a.tokens_per_second).collect();
        Self {
            answers: answers.len(),
            words: median(&words, level, "there is no answer"),
            cut_off: answers.iter().filter(|a| a.cut_off).count(),
            tokens_per_second: median(&speeds, level, "no answer says how fast it was made"),
        }
    }
}

impl Report {
    /// With how answers were made, beside how they were judged. Nothing where the study is blind.
    #[must_use]
    pub fn with_answers(mut self, answers: &[Answered]) -> Self {
        let level = self.intervals.level;
        for scope in self.results.iter_mut().flatten() {
            let corpus = scope.corpus.as_deref();
            for OfContender { name, made, .. } in &mut scope.contenders {
                let own = |a: &&Answered| a.contender == *name && corpus.is_none_or(|c| a.corpus == c);
                *made = Some(Made::of(&answers.iter().filter(own).collect::<Vec<_>>(), level));
            }
        }
        self
    }
}
