//! A judgment beside the trial it is of.

use crate::compare::Trial;
use crate::study::Judgment;
use std::collections::HashMap;

/// A judgment and its trial.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The judgment.
    pub judgment: &'a Judgment,
    /// What was judged; absent where its file is missing.
    pub trial: Option<&'a Trial>,
}

/// Pairs judgments with their trials, in the order of the judgments.
pub fn rows<'a>(judgments: &'a [Judgment], trials: &'a [Trial]) -> Vec<Row<'a>> {
    let by_id: HashMap<&str, &Trial> = trials.iter().map(|t| (t.id.as_str(), t)).collect();
    judgments
        .iter()
        .map(|judgment| Row { judgment, trial: by_id.get(judgment.trial.as_str()).copied() })
        .collect()
}
