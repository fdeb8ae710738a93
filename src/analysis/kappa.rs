//! Cohen's kappa of two annotators, plain and weighted.

use super::distribution::t_quantile;
use super::figure::{Figure, Interval};
use super::proportion::wilson;

/// How much a disagreement counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// Every disagreement the same: J. Cohen (1960), Educational and Psychological Measurement 20.
    Equal,
    /// By the difference of the two ratings.
    Linear,
    /// By its square: J. Cohen (1968), Psychological Bulletin 70.
    Quadratic,
}

impl Weights {
    fn name(self) -> &'static str {
        match self {
            Self::Equal => "unweighted",
            Self::Linear => "linear weights",
            Self::Quadratic => "quadratic weights",
        }
    }

    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Equal => f64::from(u8::from(a != b)),
            Self::Linear => (a - b).abs(),
            Self::Quadratic => (a - b).powi(2),
        }
    }
}

/// Below this many items the interval of kappa covers less often than it says.
pub const FEW_ITEMS: usize = 50;

/// Above this many different values no kappa is computed.
const VALUES_UP_TO: usize = 256;

/// Cohen's kappa of pairs of ratings of the same items: one less the weighted disagreement over what the two
/// annotators' own distributions of ratings would give by chance. Weights go by the ratings themselves, so they
/// must be numbers on one scale. Absent where both gave one and the same rating throughout.
///
/// The interval has the large-sample variance of J. L. Fleiss, J. Cohen and B. S. Everitt (1969), Psychological
/// Bulletin 72, with Student's t, on the logarithm of the ratio of disagreements, `ln(1 - kappa)`, since kappa is
/// skewed; cut off at -1. It takes items as independent. Of nominal 95 %, `benches/coverage.rs` finds 90.9 at 20
/// items, 93.6 at 50 and 94.3 at 200 (on kappa itself 89.0, 92.9 and 94.0), so below [`FEW_ITEMS`] a note says that
/// it is too narrow.
pub fn kappa(pairs: &[(f64, f64)], weights: Weights, level: f64) -> Figure {
    if pairs.is_empty() {
        return Figure::absent("the two rated nothing in common");
    }
    if pairs.iter().any(|(a, b)| !(a.is_finite() && b.is_finite())) {
        return Figure::absent("a rating is not a finite number");
    }
    let mut values: Vec<f64> = pairs.iter().flat_map(|(a, b)| [a + 0.0, b + 0.0]).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let v = values.len();
    if v > VALUES_UP_TO {
        return Figure::absent("there are more different values than kappa is computed for");
    }
    let n = pairs.len() as f64;
    let index = |x: f64| values.partition_point(|other| *other < x);
    let mut table = vec![0.0; v * v];
    for (a, b) in pairs {
        table[index(*a) * v + index(*b)] += 1.0 / n;
    }
    let first: Vec<f64> = (0..v).map(|i| table[i * v..][..v].iter().sum()).collect();
    let second: Vec<f64> = (0..v).map(|j| (0..v).map(|i| table[i * v + j]).sum()).collect();
    let weight = |i: usize, j: usize| weights.of(values[i], values[j]);
    let (mut observed, mut expected) = (0.0, 0.0);
    for i in 0..v {
        for j in 0..v {
            observed += weight(i, j) * table[i * v + j];
            expected += weight(i, j) * first[i] * second[j];
        }
    }
    if expected <= 0.0 {
        return Figure::absent("both gave the same rating throughout: agreement cannot be told from chance");
    }
    let kappa = 1.0 - observed / expected;
    // In terms of disagreement, kappa is a ratio of means; its variance follows by linearising both.
    let by_first: Vec<f64> = (0..v).map(|i| (0..v).map(|j| second[j] * weight(i, j)).sum()).collect();
    let by_second: Vec<f64> = (0..v).map(|j| (0..v).map(|i| first[i] * weight(i, j)).sum()).collect();
    let mut squares = 0.0;
    let mut mean = 0.0;
    for i in 0..v {
        for j in 0..v {
            let influence =
                weight(i, j) / expected - observed * (by_first[i] + by_second[j]) / (expected * expected);
            squares += table[i * v + j] * influence * influence;
            mean += table[i * v + j] * influence;
        }
    }
    let variance = ((squares - mean * mean) / n).max(0.0);
    let figure = Figure::known(
        kappa,
        pairs.len(),
        format!("Cohen's kappa, {}, interval on the log of disagreement", weights.name()),
    );
    if !(level > 0.0 && level < 1.0) {
        return figure.with_note("no interval: its level makes no sense");
    }
    if variance <= 1e-15 || observed <= 0.0 {
        return figure.with_note("no interval: every pair says the same");
    }
    let ratio = observed / expected;
    let half = t_quantile(f64::midpoint(1.0, level), n - 1.0) * variance.sqrt() / ratio;
    let (low, high) = (1.0 - ratio * half.exp(), 1.0 - ratio * (-half).exp());
    let figure = figure.with_interval(Some(Interval { low: low.max(-1.0), high, level }));
    if pairs.len() < FEW_ITEMS {
        figure.with_note("few items: the interval is somewhat too narrow")
    } else {
        figure
    }
}

/// The share of items that both rated the same, with its Wilson interval.
pub fn per_cent(pairs: &[(f64, f64)], level: f64) -> Figure {
    wilson(pairs.iter().filter(|(a, b)| a == b).count(), pairs.len(), level)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(table: &[&[usize]]) -> Vec<(f64, f64)> {
        let mut pairs = Vec::new();
        for (i, row) in table.iter().enumerate() {
            for (j, count) in row.iter().enumerate() {
                pairs.extend(std::iter::repeat_n((i as f64, j as f64), *count));
            }
        }
        pairs
    }

    #[test]
    fn the_textbook_example_of_two_readers_of_grants_comes_out() {
        // 50 proposals, yes and no: 20 and 15 alike, 5 and 10 apart; observed 0.7, expected 0.5, kappa 0.4.
        let found = kappa(&pairs(&[&[20, 5], &[10, 15]]), Weights::Equal, 0.95).value().expect("a kappa");
        assert!((found - 0.4).abs() < 1e-12);
    }

    #[test]
    fn cohens_and_fleiss_diagnoses_come_out_as_printed() {
        // Fleiss, Cohen and Everitt (1969), as in Fleiss, Statistical Methods for Rates and Proportions, 18.1:
        // 100 diagnoses, kappa 0.68 with a standard error of 0.087.
        let figure = kappa(&pairs(&[&[75, 1, 4], &[5, 4, 1], &[0, 0, 10]]), Weights::Equal, 0.95);
        let (value, interval) = (figure.value().expect("a kappa"), figure.interval().expect("an interval"));
        assert!((value - 0.68).abs() < 0.005, "{value}");
        let half = ((1.0 - interval.low) / (1.0 - interval.high)).ln() / 2.0;
        // Student's t at 99 is 1.984.
        assert!((half * (1.0 - value) / 1.984 - 0.087).abs() < 0.001, "{interval:?}");
    }

    #[test]
    fn no_pairs_and_no_variety_have_no_kappa() {
        assert!(kappa(&[], Weights::Linear, 0.95).why_absent().is_some());
        assert!(kappa(&[(2.0, 2.0); 5], Weights::Linear, 0.95).why_absent().is_some());
        assert!(per_cent(&[], 0.95).why_absent().is_some());
    }

    proptest! {
        #[test]
        fn kappa_is_at_most_one_and_the_same_from_either_side(
            pairs in prop::collection::vec((1u8..=5, 1u8..=5), 1..60),
        ) {
            let there: Vec<(f64, f64)> = pairs.iter().map(|(a, b)| (f64::from(*a), f64::from(*b))).collect();
            let back: Vec<(f64, f64)> = there.iter().rev().map(|(a, b)| (*b, *a)).collect();
            for weights in [Weights::Equal, Weights::Linear, Weights::Quadratic] {
                let (a, b) = (kappa(&there, weights, 0.95), kappa(&back, weights, 0.95));
                if let (Some(a), Some(b)) = (a.value(), b.value()) {
                    prop_assert!(a <= 1.0 && (a - b).abs() < 1e-9);
                }
                if let Some(interval) = a.interval() {
                    prop_assert!(interval.contains(a.value().unwrap()));
                }
            }
        }
    }
}
