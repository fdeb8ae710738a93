//! Figures of a ranking, by the conventions of trec_eval (Buckley and Voorhees; NIST): what its `recall.K`, `success.K`,
//! `recip_rank`, `map` and `ndcg_cut.10` say. Knows nothing of indices; `tests/reference/retrieval.py` made the numbers
//! that the tests compare with.
//!
//! A ranking is ordered by score, equal scores by name, the later name first, whatever order it came in. A grade above 0
//! is relevant, what was not judged is not. The gain of nDCG is the grade, its discount log2(rank + 1) (Järvelin and
//! Kekäläinen, ACM TOIS 20(4), 2002), and the ideal ranking is that of all judged ones.

use serde::Serialize;
use std::collections::BTreeMap;

/// The depths recall is given for.
pub(super) const CUTS: [usize; 5] = [1, 3, 5, 10, 100];
/// The depth of nDCG.
const DEPTH: usize = 10;

/// Figures of one question, each from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measures {
    /// For each depth, 1 if something relevant is among the first so many.
    pub hit_at: Vec<(usize, f64)>,
    /// For each depth, the share of all relevant ones among the first so many.
    pub recall_at: Vec<(usize, f64)>,
    /// 1 by the rank of the first relevant one, 0 where there is none.
    pub reciprocal_rank: f64,
    /// Mean of the precisions at the ranks of the relevant ones; those not found count as 0.
    pub average_precision: f64,
    /// Normalised discounted cumulative gain at 10.
    pub ndcg_at_10: f64,
}

/// The figures of a ranking; none where nothing is relevant, since then no ranking is better than another.
#[allow(clippy::cast_precision_loss)] // Ranks and counts are far below 2^52.
pub fn measures(ranking: &[(String, f32)], grades: &BTreeMap<String, i32>) -> Option<Measures> {
    let relevant = grades.values().filter(|g| **g > 0).count();
    if relevant == 0 {
        return None;
    }
    let mut ranked: Vec<&(String, f32)> = ranking.iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| b.0.cmp(&a.0)));
    let gains: Vec<i32> =
        ranked.iter().map(|(name, _)| grades.get(name).copied().unwrap_or(0).max(0)).collect();
    let mut ideal: Vec<i32> = grades.values().copied().filter(|g| *g > 0).collect();
    ideal.sort_unstable_by(|a, b| b.cmp(a));
    let found = |k: usize| gains.iter().take(k).filter(|g| **g > 0).count();
    let (mut so_far, mut precisions) = (0usize, 0.0);
    for (n, _) in gains.iter().enumerate().filter(|(_, g)| **g > 0) {
        so_far += 1;
        precisions += so_far as f64 / (n + 1) as f64;
    }
    Some(Measures {
        hit_at: CUTS.iter().map(|&k| (k, f64::from(u8::from(found(k) > 0)))).collect(),
        recall_at: CUTS.iter().map(|&k| (k, found(k) as f64 / relevant as f64)).collect(),
        reciprocal_rank: gains.iter().position(|g| *g > 0).map_or(0.0, |n| 1.0 / (n + 1) as f64),
        average_precision: precisions / relevant as f64,
        ndcg_at_10: discounted(&gains) / discounted(&ideal),
    })
}

#[allow(clippy::cast_precision_loss)] // Ranks up to ten.
fn discounted(gains: &[i32]) -> f64 {
    gains.iter().take(DEPTH).enumerate().map(|(n, g)| f64::from(*g) / (n as f64 + 2.0).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Case {
        ranking: Vec<(String, f32)>,
        grades: BTreeMap<String, i32>,
        figures: Option<Told>,
    }

    /// What trec_eval says, as `tests/reference/retrieval.py` wrote it.
    #[derive(Deserialize)]
    struct Told {
        hit_at: Vec<(usize, f64)>,
        recall_at: Vec<(usize, f64)>,
        reciprocal_rank: f64,
        average_precision: f64,
        ndcg_at_10: f64,
    }

    #[test]
    fn figures_are_those_of_trec_eval() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../tests/data/retrieval.json")).expect("cases");
        assert!(cases.iter().any(|c| c.figures.is_none()) && cases.len() > 50);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} is not {b}");
        for case in cases {
            let found = measures(&case.ranking, &case.grades);
            assert_eq!(found.is_some(), case.figures.is_some());
            let (Some(found), Some(told)) = (found, case.figures) else { continue };
            for (a, b) in
                found.hit_at.iter().zip(&told.hit_at).chain(found.recall_at.iter().zip(&told.recall_at))
            {
                assert_eq!(a.0, b.0);
                close(a.1, b.1);
            }
            close(found.reciprocal_rank, told.reciprocal_rank);
            close(found.average_precision, told.average_precision);
            close(found.ndcg_at_10, told.ndcg_at_10);
        }
    }
}
