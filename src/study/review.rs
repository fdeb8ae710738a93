//! One line of a reviewer's journal in a study.

use super::assign::Slot;
use super::journal::Record;
use super::judgment::Verdict;
use super::rubric::Rubric;
use crate::compare::Side;
use crate::config::Layer;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which showing of an item to a reviewer. Together with the item it is what a review is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Showing {
    /// The first one, with the sides of the item's file.
    First,
    /// A second one, with the sides swapped: how a reviewer's consistency is measured.
    Swapped,
}

/// A reviewer's judgment of one showing of an item. Sides are as they were on the screen: A left, B right. A later
/// line of the same item and showing supersedes an earlier one, which stays where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// The item's id.
    pub item: String,
    /// Which showing of it.
    pub showing: Showing,
    /// Who judged.
    pub annotator: String,
    /// When.
    pub at: Timestamp,
    /// How long it took, in seconds, without the time away.
    pub seconds: f64,
    /// How long the reviewer was away meanwhile, in seconds.
    #[serde(default)]
    pub away: f64,
    /// Of the left answer, then of the right one.
    pub ratings: [Marks; 2],
    /// Which answer is better; absent until chosen.
    pub verdict: Option<Verdict>,
    /// What is wrong where, and what the passages say to it.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// Free text.
    #[serde(default)]
    pub note: String,
    /// To be talked over with the others.
    #[serde(default)]
    pub flagged: bool,
    /// Put off: it comes again at the end, and is no judgment.
    #[serde(default)]
    pub skipped: bool,
    /// Whether the reference answer was looked at before judging.
    #[serde(default)]
    pub reference_shown: bool,
    /// The highlight layers that were shown: they can sway a judge.
    #[serde(default)]
    pub shown: Vec<Layer>,
    /// The version of juxta.
    pub juxta: String,
}

/// The ratings of one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Degrees by criterion id; a criterion not yet rated is not there.
    #[serde(default)]
    pub scores: BTreeMap<String, u8>,
    /// What is wrong with it, of the rubric's tags.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// A sentence of an answer, what is wrong with it, and what the passages say to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The side, as on the screen.
    pub side: Side,
    /// The bytes of the sentence in that answer's text.
    pub range: (usize, usize),
    /// Of the rubric's tags.
    pub tag: String,
    /// The span of a passage it is tied to; absent for "no support".
    pub support: Option<PassageSpan>,
}

/// Some bytes of a passage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassageSpan {
    /// The passage's number, from 1.
    pub passage: usize,
    /// The bytes of its text.
    pub range: (usize, usize),
}

impl Review {
    /// The place in a reviewer's list that it is of.
    pub fn slot(&self) -> Slot {
        Slot { item: self.item.clone(), showing: self.showing }
    }

    /// What of it no reviewer can have entered, and what is expected: ratings off the scale, words that the rubric does
    /// not have, times below nought. A hand or another program wrote it, and no figure may rest on it.
    pub(super) fn unsound(&self, rubric: &Rubric) -> Option<(String, String)> {
        for (id, degree) in self.ratings.iter().flat_map(|marks| &marks.scores) {
            let Some(criterion) = rubric.criteria.iter().find(|c| c.id == *id) else {
                let ids: Vec<&str> = rubric.ids().collect();
                return Some((format!("a rating of {id:?}"), format!("ratings of {}", ids.join(", "))));
            };
            let highest = criterion.highest();
            if !(1..=highest).contains(degree) {
                return Some((format!("{degree} for {id}"), format!("a degree from 1 to {highest}")));
            }
        }
        let tags =
            self.ratings.iter().flat_map(|marks| &marks.tags).chain(self.evidence.iter().map(|e| &e.tag));
        if let Some(tag) = tags.into_iter().find(|tag| !rubric.tags.contains(tag)) {
            return Some((format!("the tag {tag:?}"), format!("one of {}", rubric.tags.join(", "))));
        }
        let spans = self.evidence.iter().flat_map(|e| [Some(e.range), e.support.map(|s| s.range)]).flatten();
        if let Some((start, end)) = spans.into_iter().find(|(start, end)| start >= end) {
            return Some((format!("a mark from byte {start} to {end}"), "a mark of some text".to_owned()));
        }
        let times = [self.seconds, self.away];
        let wrong = times.into_iter().find(|t| !(t.is_finite() && *t >= 0.0))?;
        Some((format!("{wrong} seconds"), "a time".to_owned()))
    }

    /// Whether every criterion of `criteria` is rated on both sides and a verdict was chosen.
    pub fn is_complete<'a>(&self, criteria: impl IntoIterator<Item = &'a str>) -> bool {
        !self.skipped
            && self.verdict.is_some()
            && criteria.into_iter().all(|c| self.ratings.iter().all(|m| m.scores.contains_key(c)))
    }
}

impl Record for Review {
    const WHAT: &'static str = "a review";
    type Subject<'a> = (&'a str, Showing, &'a str);

    fn subject(&self) -> Self::Subject<'_> {
        (&self.item, self.showing, &self.annotator)
    }

    /// The later one stands, wherever its line is: so it does not matter in which order journals were merged. A
    /// journal's own lines never go back in time (see [`super::Desk::append`]). At one instant the greater text stands.
    fn supersedes(&self, earlier: &Self) -> bool {
        let text = |r: &Self| serde_json::to_string(r).unwrap_or_default();
        self.at > earlier.at || (self.at == earlier.at && text(self) >= text(earlier))
    }
}
