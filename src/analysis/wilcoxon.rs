//! Wilcoxon's signed-rank test of paired differences, its effect size, and the shift that goes with it.
//!
//! F. Wilcoxon (1945), "Individual comparisons by ranking methods", Biometrics Bulletin 1; J. W. Pratt (1959),
//! "Remarks on zeros and ties in the Wilcoxon signed rank procedures", JASA 54; M. Hollander, D. A. Wolfe and
//! E. Chicken (2014), Nonparametric Statistical Methods, 3.1 to 3.3.
//!
//! The differences must be independent: where several annotators rated the same question, give one difference
//! a question (their mean), not one a judgment.

use super::distribution::{normal_quantile, normal_tail};
use super::figure::{Figure, Interval};

/// Up to this many differences the null distribution is computed exactly, ties and zeros included.
pub const EXACT_UP_TO: usize = 200;

/// Above this many differences no shift is estimated: its pairwise means grow with the square.
pub const SHIFT_UP_TO: usize = 4_000;

/// What is done with differences of zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zeros {
    /// Left out before ranking, as Wilcoxon did.
    Wilcoxon,
    /// Ranked with the others and left out afterwards, as Pratt proposed: many zeros then weaken the test.
    Pratt,
}

impl Zeros {
    fn name(self) -> &'static str {
        match self {
            Self::Wilcoxon => "zeros left out",
            Self::Pratt => "zeros by Pratt",
        }
    }
}

/// What the test found. In every p-value `n` counts the differences that are not zero.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SignedRank {
    /// The sum of the ranks of positive differences.
    pub positive: f64,
    /// The sum of the ranks of negative differences.
    pub negative: f64,
    /// How many differences are zero.
    pub zeros: usize,
    /// The p-value against a shift to either side.
    pub p: Figure,
    /// The p-value against a positive shift.
    pub p_greater: Figure,
    /// The p-value against a negative shift.
    pub p_less: Figure,
    /// The matched-pairs rank-biserial correlation, from -1 (all negative) to 1: the favourable less the
    /// unfavourable rank sum, over both. D. S. Kerby (2014), Comprehensive Psychology 3.
    pub effect: Figure,
}

/// The ranks of the differences that are not zero, with mean ranks for ties.
struct Ranks {
    /// Twice each rank, so that mean ranks are whole, and whether its difference is positive.
    doubled: Vec<(u64, bool)>,
    zeros: usize,
}

/// Differences closer than this share of the largest count as tied: means of ratings are not exact floats.
const TIED: f64 = 1e-9;

fn rank(differences: &[f64], zeros: Zeros) -> Ranks {
    let largest = differences.iter().fold(0.0_f64, |m, d| m.max(d.abs()));
    let tied = TIED * largest;
    let mut sizes: Vec<(f64, bool)> = differences.iter().map(|d| (d.abs(), *d > 0.0)).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let none = sizes.iter().take_while(|(size, _)| *size <= tied).count();
    let before = match zeros {
        Zeros::Wilcoxon => 0,
        Zeros::Pratt => none,
    };
    let left = &sizes[none..];
    let mut doubled = Vec::with_capacity(left.len());
    let mut start = 0;
    while start < left.len() {
        let end = start + left[start..].iter().take_while(|(size, _)| size - left[start].0 <= tied).count();
        // Ranks start+1 ..= end, after those before; twice their mean is the sum of the first and the last.
        let twice = (2 * before + start + 1 + end) as u64;
        doubled.extend(left[start..end].iter().map(|(_, positive)| (twice, *positive)));
        start = end;
    }
    Ranks { doubled, zeros: none }
}

/// The probability of every sum of a random half of the values: each is in it with probability one half.
/// `pmf[s]` is the probability of sum `s`. By dynamic programming, one value after the other.
fn sums_of_random_halves(values: impl Iterator<Item = u64>) -> Vec<f64> {
    let mut pmf = vec![1.0];
    for value in values {
        let value = value as usize;
        let reach = pmf.len();
        pmf.resize(reach + value, 0.0);
        for s in (0..pmf.len()).rev() {
            let without = if s < reach { pmf[s] } else { 0.0 };
            let with = if s >= value { pmf[s - value] } else { 0.0 };
            pmf[s] = 0.5 * without + 0.5 * with;
        }
    }
    pmf
}

/// The signed-rank test of paired differences (second less first, say).
///
/// Exact up to [`EXACT_UP_TO`] differences that are not zero: the distribution over all signs of the ranks at
/// hand, by dynamic programming over doubled ranks. Above, the normal approximation with the variance of these
/// ranks (which is the correction for ties) and a continuity correction of one half. Two-sided is twice the
/// smaller tail, at most 1. Differences closer than a billionth of the largest are ties.
///
/// # Errors
/// Says why there is no test: no differences, none but zeros, or one that is not finite.
pub fn signed_rank(differences: &[f64], zeros: Zeros) -> Result<SignedRank, &'static str> {
    if differences.is_empty() {
        return Err("there are no pairs");
    }
    if differences.iter().any(|d| !d.is_finite()) {
        return Err("a difference is not a finite number");
    }
    let ranks = rank(differences, zeros);
    let n = ranks.doubled.len();
    if n == 0 {
        return Err("every difference is zero");
    }
    let all: u64 = ranks.doubled.iter().map(|(r, _)| r).sum();
    let up: u64 = ranks.doubled.iter().filter(|(_, positive)| *positive).map(|(r, _)| r).sum();
    let (positive, negative) = (up as f64 / 2.0, (all - up) as f64 / 2.0);
    let exact = n <= EXACT_UP_TO;
    let (greater, less) = if exact {
        let pmf = sums_of_random_halves(ranks.doubled.iter().map(|(r, _)| *r));
        let at = up as usize;
        (pmf[at..].iter().sum::<f64>().min(1.0), pmf[..=at].iter().sum::<f64>().min(1.0))
    } else {
        let variance: f64 = ranks.doubled.iter().map(|(r, _)| (*r as f64 / 4.0).powi(2)).sum();
        let away = (positive - negative) / 2.0;
        let z = |corrected: f64| normal_tail(corrected / variance.sqrt());
        (z(away - 0.5), z(-away - 0.5))
    };
    let method = |side: &str| {
        let how = if exact { "exact" } else { "normal approximation, corrected for ties and continuity" };
        format!("Wilcoxon signed-rank test, {side}, {how}, {}", zeros.name())
    };
    Ok(SignedRank {
        positive,
        negative,
        zeros: ranks.zeros,
        p: Figure::known((2.0 * greater.min(less)).min(1.0), n, method("two-sided")),
        p_greater: Figure::known(greater, n, method("greater")),
        p_less: Figure::known(less, n, method("less")),
        effect: Figure::known(
            (positive - negative) / (positive + negative),
            n,
            format!("matched-pairs rank-biserial correlation, {}", zeros.name()),
        ),
    })
}

/// The Hodges-Lehmann estimate of the shift: the median of the means of all pairs of differences, each with
/// itself too. Zeros count. The interval inverts the signed-rank test (Hollander, Wolfe and Chicken, 3.3) with
/// its distribution without ties, so it is conservative for ratings, where ties are many: exact up to
/// [`EXACT_UP_TO`] differences, by the normal approximation above. Absent above [`SHIFT_UP_TO`].
pub fn shift(differences: &[f64], level: f64) -> Figure {
    let n = differences.len();
    if n == 0 {
        return Figure::absent("there are no pairs");
    }
    if n > SHIFT_UP_TO {
        return Figure::absent("more pairs than the shift is estimated for");
    }
    if differences.iter().any(|d| !d.is_finite()) {
        return Figure::absent("a difference is not a finite number");
    }
    let mut means = Vec::with_capacity(n * (n + 1) / 2);
    for (i, a) in differences.iter().enumerate() {
        means.extend(differences[i..].iter().map(|b| f64::midpoint(*a, *b)));
    }
    means.sort_by(f64::total_cmp);
    let count = means.len();
    let median = f64::midpoint(means[(count - 1) / 2], means[count / 2]);
    let figure = Figure::known(median, n, "Hodges-Lehmann shift, interval from the signed-rank distribution");
    match (level > 0.0 && level < 1.0).then(|| cut(n, level)).flatten() {
        Some(k) => figure.with_interval(Some(Interval { low: means[k], high: means[count - 1 - k], level })),
        None => figure.with_note("no interval: too few pairs for this level"),
    }
}

/// How many of the smallest means lie below the interval: the largest `k` for which a rank sum below `k` has at
/// most half of the error. None where even the most extreme sum is likelier than that.
fn cut(n: usize, level: f64) -> Option<usize> {
    let tail = (1.0 - level) / 2.0;
    if n <= EXACT_UP_TO {
        let pmf = sums_of_random_halves(1..=n as u64);
        let mut below = 0.0;
        let mut k = 0_usize;
        for p in pmf {
            below += p;
            if below > tail {
                break;
            }
            k += 1;
        }
        return k.checked_sub(1);
    }
    let n = n as f64;
    let sums = n * (n + 1.0) / 2.0;
    let spread = (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt();
    let k = sums / 2.0 - normal_quantile(f64::midpoint(1.0, level)) * spread;
    (k >= 1.0).then(|| k as usize - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn p(figure: &Figure) -> f64 {
        figure.value().expect("a p-value")
    }

    /// Hamilton's depression scale before and after treatment: Hollander and Wolfe, table 3.1.
    const BEFORE: [f64; 9] = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
    // A depression score of 3.14 is no π.
    #[allow(clippy::approx_constant)]
    const AFTER: [f64; 9] = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];

    #[test]
    fn hollander_and_wolfes_example_comes_out_as_they_printed_it() {
        let differences: Vec<f64> = AFTER.iter().zip(BEFORE).map(|(y, x)| y - x).collect();
        let test = signed_rank(&differences, Zeros::Wilcoxon).expect("a test");
        // W+ = 5; P(W+ <= 5) = 10 / 512.
        assert_eq!(test.positive, 5.0);
        assert!((p(&test.p_less) - 10.0 / 512.0).abs() < 1e-12);
        let shift = shift(&differences, 1.0 - 2.0 * 10.0 / 512.0);
        // Their estimate is -0.46, and their interval of 96.1 % runs from -0.786 to -0.010.
        assert!((shift.value().unwrap() + 0.46).abs() < 5e-3);
        let interval = shift.interval().expect("an interval");
        assert!((interval.low + 0.786).abs() < 1e-9 && (interval.high + 0.010).abs() < 1e-9, "{interval:?}");
    }

    #[test]
    fn wilcoxons_darwin_example_has_the_rank_sum_he_gave() {
        // Cross- and self-fertilised maize, in eighths of an inch (Wilcoxon 1945, from Fisher): T = 24.
        let maize =
            [49.0, -67.0, 8.0, 16.0, 6.0, 23.0, 28.0, 41.0, 14.0, 29.0, 56.0, 24.0, 75.0, 60.0, -48.0];
        let test = signed_rank(&maize, Zeros::Wilcoxon).expect("a test");
        assert_eq!(test.negative, 24.0);
        assert!((p(&test.p) - 0.041_260).abs() < 5e-7);
    }

    #[test]
    fn there_is_no_test_of_nothing_and_none_of_zeros() {
        assert!(signed_rank(&[], Zeros::Pratt).is_err());
        assert!(signed_rank(&[0.0, 0.0], Zeros::Pratt).is_err());
        assert!(signed_rank(&[f64::NAN], Zeros::Wilcoxon).is_err());
        assert!(shift(&[], 0.95).why_absent().is_some());
        assert!(shift(&[1.0, 2.0], 0.95).interval().is_none());
    }

    #[test]
    fn one_pair_proves_nothing() {
        let test = signed_rank(&[3.0], Zeros::Wilcoxon).expect("a test");
        assert_eq!((p(&test.p), p(&test.p_greater), p(&test.p_less)), (1.0, 0.5, 1.0));
    }

    #[test]
    fn sums_that_differ_only_by_rounding_are_ties() {
        let rounded = [0.1 + 0.2, -0.3, 0.3, 1.0];
        let exact = [0.3, -0.3, 0.3, 1.0];
        let (a, b) = (signed_rank(&rounded, Zeros::Pratt), signed_rank(&exact, Zeros::Pratt));
        assert_eq!(a.expect("a test"), b.expect("a test"));
    }

    #[test]
    fn where_the_exact_test_ends_the_approximation_is_as_good() {
        let differences: Vec<f64> =
            (1..=EXACT_UP_TO).map(|i| if i % 7 < 3 { -(i as f64) } else { i as f64 }).collect();
        let test = signed_rank(&differences, Zeros::Wilcoxon).expect("a test");
        let n = EXACT_UP_TO as f64;
        let spread = (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt();
        let approximate = normal_tail(((test.positive - test.negative) / 2.0 - 0.5) / spread);
        assert!((p(&test.p_greater) - approximate).abs() < 0.01 * approximate);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn turning_the_signs_turns_the_test(differences in prop::collection::vec(-4i8..=4, 1..260), pratt: bool) {
            let zeros = if pratt { Zeros::Pratt } else { Zeros::Wilcoxon };
            let there: Vec<f64> = differences.iter().map(|d| f64::from(*d)).collect();
            let back: Vec<f64> = there.iter().rev().map(|d| -d).collect();
            if let (Ok(a), Ok(b)) = (signed_rank(&there, zeros), signed_rank(&back, zeros)) {
                prop_assert_eq!(a.positive, b.negative);
                prop_assert!((p(&a.p) - p(&b.p)).abs() < 1e-12);
                prop_assert!((p(&a.p_greater) - p(&b.p_less)).abs() < 1e-12);
                prop_assert!((p(&a.effect) + p(&b.effect)).abs() < 1e-12);
                for one in [&a.p, &a.p_greater, &a.p_less] {
                    prop_assert!((0.0..=1.0).contains(&p(one)));
                }
            }
            let shift = shift(&there, 0.95);
            if let Some(interval) = shift.interval() {
                prop_assert!(interval.contains(shift.value().unwrap()));
            }
        }
    }
}
