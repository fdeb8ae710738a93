//! Sets the ways of ranking against each other on a corpus's own questions.

use super::Lab;
use crate::analysis::bootstrap::{self, Ends, Plan};
use crate::analysis::figure::Figure;
use crate::corpus::Entry;
use crate::fault::Result;
use crate::job::{Cancel, Report};
use crate::retrieve::{self, Evaluation, Measures, Ranking, Run};
use serde::Serialize;

/// What a ranking found, and how much more than the plain one.
#[derive(Debug, Clone, Serialize)]
pub struct Ranked {
    /// What it found.
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// How much more than the plain one on the same questions; absent for that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<Gain>,
}

/// Mean differences of paired figures, with a 95 % interval of the expanded percentile bootstrap over questions;
/// questions whose first gold lies in one document are drawn together.
#[derive(Debug, Clone, Serialize)]
pub struct Gain {
    /// Of nDCG@10.
    pub ndcg_at_10: Figure,
    /// Of mean average precision.
    pub map: Figure,
    /// Of the share of questions with something relevant among the first three.
    pub hit_at_3: Figure,
}

impl Lab {
    /// Measures each of the rankings on a corpus; where the plain one is among them, the others' gains too.
    ///
    /// # Errors
    /// As [`Lab::index`] and [`retrieve::evaluate`].
    pub fn rankings(
        &self,
        entry: &Entry,
        rankings: &[Ranking],
        report: Report<'_>,
        cancel: &Cancel,
    ) -> Result<Vec<Ranked>> {
        let corpus = entry.read()?;
        let mut found: Vec<Ranked> = Vec::with_capacity(rankings.len());
        for ranking in rankings {
            let index = self.index_ranked(entry, *ranking, report, cancel)?;
            let evaluation = retrieve::evaluate(&corpus, &index, report, cancel)?;
            let plain = found.iter().find(|r| r.evaluation.ranking.is_plain());
            let gain = plain.map(|plain| gain(&plain.evaluation.runs, &evaluation.runs));
            found.push(Ranked { evaluation, gain });
        }
        Ok(found)
    }
}

/// Both have the same questions in the same order: which are measured hangs on what is relevant alone.
fn gain(plain: &[Run], other: &[Run]) -> Gain {
    let of = |value: &dyn Fn(&Measures) -> f64| {
        let pairs = plain.iter().zip(other).filter(|(a, b)| a.question == b.question).map(|(a, b)| {
            let cluster = (a.about.is_some(), a.about.as_deref().unwrap_or(&a.question));
            (cluster, value(&a.measures), value(&b.measures))
        });
        bootstrap::difference(&bootstrap::cluster_pairs(pairs), &Plan::default(), Ends::Expanded)
    };
    let hit_at_3 = |m: &Measures| m.hit_at.iter().find(|(k, _)| *k == 3).map_or(0.0, |(_, hit)| *hit);
    Gain { ndcg_at_10: of(&|m| m.ndcg_at_10), map: of(&|m| m.average_precision), hit_at_3: of(&hit_at_3) }
}
