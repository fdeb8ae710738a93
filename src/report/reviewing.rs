//! How annotators judge: whether they agree with each other and with themselves, lean to a side, how fast they are.
//! None of it needs to know who answered.

use super::about::About;
use super::votes::{Vote, Votes, Winner};
use crate::analysis::Figure;
use crate::analysis::alpha::{self, Metric, Unit};
use crate::analysis::annotator::{LeftRate, Pace, left_rate, pace, rating_shift, same_verdict};
use crate::analysis::bootstrap::{Ends, Plan};
use crate::analysis::kappa::{self, Weights, kappa};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// What agreement on the verdict is called.
pub const VERDICT: &str = "verdict";

/// How far annotators agree, on items shown for the first time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// All together, on each criterion and on the verdict.
    pub of: Vec<Agreed>,
    /// Each two who judged something in common.
    pub pairs: Vec<PairAgreed>,
}

/// How far all annotators agree on one thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreed {
    /// The criterion's id, or [`VERDICT`].
    pub on: String,
    /// Krippendorff's alpha: ordinal for a criterion, nominal for the verdict.
    pub alpha: Figure,
    /// The share of equal pairs.
    pub per_cent: Figure,
}

/// How far two annotators agree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairAgreed {
    /// Who.
    pub annotators: [String; 2],
    /// Items that both judged.
    pub items: usize,
    /// On each criterion and on the verdict.
    pub of: Vec<PairOn>,
}

/// How far two annotators agree on one thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairOn {
    /// The criterion's id, or [`VERDICT`].
    pub on: String,
    /// Cohen's kappa: quadratic weights for a criterion, none for the verdict.
    pub kappa: Figure,
    /// The share of equal ones.
    pub per_cent: Figure,
}

/// What an annotator's judgments say of the annotator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Annotator {
    /// Who.
    pub name: String,
    /// Judgments of items shown for the first time.
    pub judgments: usize,
    /// Judgments of items that came back with the sides swapped, and were judged the first time too.
    pub twice: usize,
    /// How often the left answer is preferred.
    pub left: LeftRate,
    /// How often an item that came back got the same verdict.
    pub same_verdict: Figure,
    /// How far apart its two ratings are, over all criteria and both answers.
    pub rating_shift: Figure,
    /// How long an item takes.
    pub pace: Pace,
}

/// The verdict as a category: which of the item's answers, tie, both bad.
fn category(winner: Winner) -> f64 {
    match winner {
        Winner::Answer(answer) => answer as f64,
        Winner::Tie => 2.0,
        Winner::BothBad => 3.0,
    }
}

pub(super) fn agreement(about: &About, votes: &Votes, plan: &Plan) -> Agreement {
    let mut items: BTreeMap<usize, Vec<&Vote>> = BTreeMap::new();
    for vote in votes.first() {
        items.entry(vote.item).or_default().push(vote);
    }
    let units = |ratings: &dyn Fn(&Vote) -> Option<f64>| -> Vec<Unit> {
        let unit = |all: &Vec<&Vote>| Unit {
            cluster: all[0].question,
            ratings: all.iter().filter_map(|v| ratings(v)).collect(),
        };
        items.values().map(unit).collect()
    };
    let mut things: Vec<(String, Vec<Unit>, Metric)> = about
        .criteria
        .iter()
        .enumerate()
        .map(|(c, criterion)| {
            let both = [0, 1].map(|answer| units(&|v| v.scores[c][answer]));
            (criterion.id.clone(), both.concat(), Metric::Ordinal)
        })
        .collect();
    things.push((VERDICT.to_owned(), units(&|v| Some(category(v.winner))), Metric::Nominal));
    let of = things
        .into_par_iter()
        .map(|(on, units, metric)| Agreed {
            on,
            alpha: alpha::alpha(&units, metric, plan, Ends::default()),
            per_cent: alpha::per_cent(&units, plan, Ends::default()),
        })
        .collect();
    let mut common: BTreeMap<(usize, usize), Vec<[&Vote; 2]>> = BTreeMap::new();
    for all in items.values() {
        for (n, second) in all.iter().enumerate() {
            for first in &all[..n] {
                common.entry((first.annotator, second.annotator)).or_default().push([first, second]);
            }
        }
    }
    let pairs = common
        .into_par_iter()
        .map(|((first, second), shared)| PairAgreed {
            annotators: [first, second].map(|a| votes.annotators[a].clone()),
            items: shared.len(),
            of: pair(about, &shared, plan.level),
        })
        .collect();
    Agreement { of, pairs }
}

fn pair(about: &About, shared: &[[&Vote; 2]], level: f64) -> Vec<PairOn> {
    let on = |on: &str, pairs: &[(f64, f64)], weights| PairOn {
        on: on.to_owned(),
        kappa: kappa(pairs, weights, level),
        per_cent: kappa::per_cent(pairs, level),
    };
    let mut of: Vec<PairOn> = about
        .criteria
        .iter()
        .enumerate()
        .map(|(c, criterion)| {
            let rated =
                |[a, b]: &[&Vote; 2], answer: usize| Some((a.scores[c][answer]?, b.scores[c][answer]?));
            let pairs: Vec<_> =
                shared.iter().flat_map(|two| [0, 1].map(|answer| rated(two, answer))).flatten().collect();
            on(&criterion.id, &pairs, Weights::Quadratic)
        })
        .collect();
    let verdicts: Vec<_> = shared.iter().map(|[a, b]| (category(a.winner), category(b.winner))).collect();
    of.push(on(VERDICT, &verdicts, Weights::Equal));
    of
}

/// Everyone who judged something, and all together where they are several.
pub(super) fn annotators(about: &About, votes: &Votes, plan: &Plan) -> (Vec<Annotator>, Option<Annotator>) {
    let mut by: BTreeMap<usize, Vec<&Vote>> = BTreeMap::new();
    for vote in &votes.list {
        by.entry(vote.annotator).or_default().push(vote);
    }
    let of = |(who, list): (&usize, &Vec<&Vote>)| {
        annotator(about, votes, votes.annotators[*who].clone(), list, plan)
    };
    let each: Vec<Annotator> = by.iter().map(of).collect();
    let all: Vec<&Vote> = votes.list.iter().collect();
    let everyone = (each.len() > 1).then(|| annotator(about, votes, "everyone".to_owned(), &all, plan));
    (each, everyone)
}

fn annotator(about: &About, votes: &Votes, name: String, list: &[&Vote], plan: &Plan) -> Annotator {
    let first: Vec<&Vote> = list.iter().filter(|v| !v.repeat).copied().collect();
    let known: BTreeMap<(usize, usize), &Vote> = first.iter().map(|v| ((v.item, v.annotator), *v)).collect();
    let twice: Vec<(&Vote, &Vote)> = list
        .iter()
        .filter(|v| v.repeat)
        .filter_map(|again| Some((*known.get(&(again.item, again.annotator))?, *again)))
        .collect();
    let verdicts: Vec<(Winner, Winner)> = twice.iter().map(|(a, b)| (a.winner, b.winner)).collect();
    let shifts = twice.iter().flat_map(|(a, b)| {
        let answers = (0..about.criteria.len()).flat_map(|c| [(c, 0), (c, 1)]);
        answers.filter_map(|(c, answer)| Some((a.question, a.scores[c][answer]?, b.scores[c][answer]?)))
    });
    let sided = |side: usize| {
        let is = |v: &&&Vote| matches!(v.winner, Winner::Answer(a) if (a == v.left) == (side == 0));
        first.iter().filter(is).count()
    };
    let seconds: Vec<f64> = first.iter().filter_map(|v| v.seconds).collect();
    let left = if votes.sides_vary {
        left_rate(sided(0), sided(1), plan.level)
    } else {
        let none = || {
            Figure::absent(
                "the same answer always stood on the left: a leaning to a side would look like a preference",
            )
        };
        LeftRate { share: none(), p: none() }
    };
    Annotator {
        name,
        judgments: first.len(),
        twice: twice.len(),
        left,
        same_verdict: same_verdict(&verdicts, plan.level),
        rating_shift: rating_shift(shifts, plan),
        pace: pace(&seconds, plan.level),
    }
}
