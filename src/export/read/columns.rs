//! The first line of a table: which column is what.
//!
//! | column | what it holds |
//! |---|---|
//! | `annotator`, `contender_a`, `contender_b`, `verdict` | needed, and one of the next two |
//! | `question_id`, `question` | what figures are clustered by: the id, or else the question itself |
//! | `corpus` | figures are made for each corpus; without it for all together |
//! | `item`, `trial` | what was judged; without it the question and the two contenders are the item |
//! | `showing` | `first`, or `swapped` where an item came back |
//! | `judged_at`, `seconds` | when, and how long it took |
//! | `baseline` | which side is the baseline: `a`, `b` |
//! | `NAME_a`, `NAME_b`, `NAME_highest` | a criterion: whole numbers from 1 up, and where its scale ends |
//! | `tags_a`, `tags_b`, `tags`, `evidence`, `note`, `flagged`, `reference_shown` | as exports write them; `tags` are all there are |
//! | `study`, `seed`, `examples_a`, `examples_b` | where judgments come from; how many examples each was fine-tuned on |

use super::super::csv::{HIGHEST, OF_A_SIDE};
use crate::fault::{Fault, Result};
use std::collections::{BTreeMap, HashMap};

/// The columns that are read, without those of criteria.
const KNOWN: [&str; 24] = [
    "annotator",
    "baseline",
    "contender_a",
    "contender_b",
    "corpus",
    "evidence",
    "examples_a",
    "examples_b",
    "flagged",
    "item",
    "judged_at",
    "note",
    "question",
    "question_id",
    "reference_shown",
    "seconds",
    "seed",
    "showing",
    "study",
    "tags",
    "tags_a",
    "tags_b",
    "trial",
    "verdict",
];

/// What the columns of a table made elsewhere are, by their own names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renamed(BTreeMap<String, String>);

impl Renamed {
    /// From `ours=theirs` each, like `verdict=winner`, `annotator=rater` or `accuracy_a=score of the left`.
    ///
    /// # Errors
    /// A [`Fault`] for anything else, and for a name of ours that nothing is called by.
    pub fn parse(pairs: &[String]) -> Result<Self> {
        let mut renamed = BTreeMap::new();
        for pair in pairs {
            let refuse = |found: String, expected: String| {
                Fault::new("--column", found).expected(expected).next("For example --column verdict=winner.")
            };
            let (ours, theirs) = pair
                .split_once('=')
                .map(|(ours, theirs)| (ours.trim(), theirs.trim()))
                .filter(|(ours, theirs)| !ours.is_empty() && !theirs.is_empty())
                .ok_or_else(|| refuse(format!("{pair:?}"), "OURS=THEIRS".into()))?;
            let of_criterion = ["_a", "_b", HIGHEST].iter().any(|end| ours.ends_with(end) && ours != *end);
            if !KNOWN.contains(&ours) && !of_criterion {
                let known = KNOWN.join(", ");
                let expected = format!("one of {known}, or a criterion's NAME_a, NAME_b, NAME{HIGHEST}");
                return Err(refuse(format!("{ours:?}"), expected).into());
            }
            if renamed.insert(theirs.to_owned(), ours.to_owned()).is_some() {
                return Err(refuse(format!("{theirs:?} twice"), "each column once".into()).into());
            }
        }
        Ok(Self(renamed))
    }

    /// What a column is; nothing for one of ours whose place another column takes.
    fn ours<'a>(&'a self, theirs: &'a str) -> Option<&'a str> {
        match self.0.get(theirs) {
            Some(ours) => Some(ours),
            None => (!self.0.values().any(|ours| ours == theirs)).then_some(theirs),
        }
    }
}

/// Where the cells of a table are.
pub(super) struct Columns {
    by_name: HashMap<String, usize>,
    /// What each column is called in the table.
    names: Vec<String>,
    /// Criterion, column of A, column of B, column of the highest degree.
    pub(super) criteria: Vec<(String, [usize; 2], Option<usize>)>,
}

impl Columns {
    pub(super) fn of(head: &csv::StringRecord, place: &str, renamed: &Renamed) -> Result<Self> {
        let names: Vec<String> = head.iter().map(|name| name.trim().to_owned()).collect();
        let mut by_name = HashMap::new();
        let mut in_order = Vec::new();
        for (n, name) in names.iter().enumerate() {
            let Some(ours) = renamed.ours(name) else { continue };
            if by_name.insert(ours.to_owned(), n).is_some() {
                return Err(Fault::new(place, format!("a second column {name:?}"))
                    .expected("each column once")
                    .next("Rename one of them.")
                    .into());
            }
            in_order.push(ours);
        }
        let there = || names.join(", ");
        if let Some(absent) = renamed.0.keys().find(|theirs| !names.contains(theirs)) {
            return Err(Fault::new(place, format!("no column {absent:?}, but {}", there()))
                .expected("the columns that --column names")
                .next("Correct the name, or leave it out.")
                .into());
        }
        let needed = ["annotator", "contender_a", "contender_b", "verdict"];
        let asked = by_name.contains_key("question_id") || by_name.contains_key("question");
        if let Some(missing) =
            needed.into_iter().find(|n| !by_name.contains_key(*n)).or((!asked).then_some("question"))
        {
            return Err(Fault::new(place, format!("no column {missing:?}, but {}", there()))
                .expected(format!("the columns {} and question_id or question", needed.join(", ")))
                .next(format!(
                    "Name the columns so, or say which is which with --column {missing}=NAME; A is what was shown left."
                ))
                .into());
        }
        let mut criteria = Vec::new();
        for name in in_order {
            let Some(id) = name.strip_suffix("_a").filter(|id| !OF_A_SIDE.contains(id)) else { continue };
            let other = format!("{id}_b");
            let Some(b) = by_name.get(&other) else {
                return Err(Fault::new(place, format!("{name:?} without {other:?}"))
                    .expected("the columns of a criterion for both sides")
                    .next("Add the other one, or name this one otherwise.")
                    .into());
            };
            let criterion = OF_A_SIDE.iter().find(|taken| id == format!("{taken}_score")).map_or(id, |t| t);
            let highest = by_name.get(&format!("{id}{HIGHEST}")).copied();
            criteria.push((criterion.to_owned(), [by_name[name], *b], highest));
        }
        Ok(Self { by_name, names, criteria })
    }

    /// The place of one of our columns.
    pub(super) fn at(&self, ours: &str) -> Option<usize> {
        self.by_name.get(ours).copied()
    }

    /// What a column is called in the table.
    pub(super) fn name(&self, at: usize) -> &str {
        self.names.get(at).map_or("", String::as_str)
    }
}
