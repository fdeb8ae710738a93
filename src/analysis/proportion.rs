//! The interval of a proportion.

use super::bootstrap::Sums;
use super::distribution::{normal_quantile, t_quantile};
use super::figure::{Figure, Interval};

/// Wilson's score interval of `successes` in `n`, both of which may be fractions of a count (a tie as half a
/// win). Absent where `n` is not positive, `successes` not between 0 and `n`, or `level` not between 0 and 1.
///
/// E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22; method
/// 3 of R. G. Newcombe (1998), Statistics in Medicine 17, and what Brown, Cai and DasGupta (2001) recommend for
/// small `n`. Without continuity correction. It assumes independent observations.
pub fn wilson_interval(successes: f64, n: f64, level: f64) -> Option<Interval> {
    let valid = n > 0.0 && n.is_finite() && (0.0..=n).contains(&successes) && level > 0.0 && level < 1.0;
    if !valid {
        return None;
    }
    let z = normal_quantile(f64::midpoint(1.0, level));
    let p = successes / n;
    let denominator = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / denominator;
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / denominator;
    let low = if successes == 0.0 { 0.0 } else { (centre - half).clamp(0.0, p) };
    let high = if successes == n { 1.0 } else { (centre + half).clamp(p, 1.0) };
    Some(Interval { low, high, level })
}

/// The share of `successes` in `n` with its Wilson interval at `level`.
pub fn wilson(successes: usize, n: usize, level: f64) -> Figure {
    if n == 0 {
        return Figure::absent("nothing was counted");
    }
    if successes > n {
        return Figure::absent("more successes than observations");
    }
    // Counts of judgments are far below 2^53, where every integer is a float.
    let (s, total) = (successes as f64, n as f64);
    Figure::known(s / total, n, "share, Wilson score interval")
        .with_interval(wilson_interval(s, total, level))
}

/// The share of successes where observations come in clusters (several annotators of one question): `total` of a
/// cluster is its successes, `count` its observations.
///
/// Wilson's interval at the effective number of observations, the one that would give a simple sample the
/// cluster-robust variance: E. L. Korn and B. I. Graubard (1998), Survey Methodology 24, with Wilson's in place of
/// the exact interval as C. Franco and others (2019), Journal of Survey Statistics and Methodology 7, advise. Never
/// more observations than there are, and as many as clusters where the spread between clusters cannot be told
/// (all successes, or none). With one observation a cluster it is the plain interval.
pub fn wilson_clustered(clusters: &[Sums], level: f64) -> Figure {
    let n: usize = clusters.iter().map(|c| c.count).sum();
    let plain = clusters.iter().all(|c| c.count == 1);
    effective(clusters, level, |found| if plain { n as f64 } else { found.min(n as f64) })
}

/// The mean of scores between 0 and 1 in clusters, a tie being one half, say. As [`wilson_clustered`], but ties
/// vary less than wins and losses, so the effective number may be above the real one.
pub fn wilson_scored(clusters: &[Sums], level: f64) -> Figure {
    effective(clusters, level, |found| found)
}

fn effective(clusters: &[Sums], level: f64, limit: impl Fn(f64) -> f64) -> Figure {
    let n: usize = clusters.iter().map(|c| c.count).sum();
    if n == 0 {
        return Figure::absent("nothing was counted");
    }
    let valid = |c: &Sums| (0.0..=c.count as f64).contains(&c.total);
    if !clusters.iter().all(valid) {
        return Figure::absent("more successes than observations");
    }
    let total: f64 = clusters.iter().map(|c| c.total).sum();
    let (p, all, groups) = (total / n as f64, n as f64, clusters.len() as f64);
    let share = Figure::known(p, n, "share, Wilson score interval at the effective number of observations")
        .with_clusters(clusters.len());
    if !(level > 0.0 && level < 1.0) {
        return share.with_note("no interval: its level makes no sense");
    }
    if clusters.len() < 2 && n > 1 {
        return share.with_note("no interval: it needs two questions at least");
    }
    let squares: f64 = clusters.iter().map(|c| (c.total - p * c.count as f64).powi(2)).sum();
    let variance = groups / (groups - 1.0) * squares / (all * all);
    let found = if p * (1.0 - p) <= 0.0 || variance.is_nan() || variance <= 1e-15 {
        groups.min(all)
    } else {
        let tail = f64::midpoint(1.0, level);
        let fewer = normal_quantile(tail) / t_quantile(tail, groups - 1.0);
        p * (1.0 - p) / variance * fewer * fewer
    };
    let found = limit(found);
    share.with_interval(wilson_interval(p * found, found, level))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends(successes: usize, n: usize) -> (f64, f64) {
        let interval = wilson(successes, n, 0.95).interval().expect("an interval");
        (interval.low, interval.high)
    }

    #[test]
    fn newcombes_four_examples_come_out_as_he_printed_them() {
        // Newcombe (1998), table I, method 3.
        let table = [
            ((81, 263), (0.2553, 0.3662)),
            ((15, 148), (0.0624, 0.1605)),
            ((0, 20), (0.0, 0.1611)),
            ((1, 29), (0.0061, 0.1718)),
        ];
        for ((successes, n), (low, high)) in table {
            let found = ends(successes, n);
            assert!(
                (found.0 - low).abs() < 5e-5 && (found.1 - high).abs() < 5e-5,
                "{successes}/{n}: {found:?}"
            );
        }
    }

    #[test]
    fn a_proportion_of_nothing_is_absent() {
        assert!(wilson(0, 0, 0.95).why_absent().is_some());
        assert!(wilson(2, 1, 0.95).why_absent().is_some());
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_share_and_stays_between_nought_and_one(n in 1usize..2000, part in 0.0f64..=1.0, level in 0.01f64..0.999) {
            let successes = (part * n as f64) as usize;
            let figure = wilson(successes, n, level);
            let interval = figure.interval().expect("an interval");
            prop_assert!(interval.contains(figure.value().expect("a share")));
            prop_assert!(interval.low >= 0.0 && interval.high <= 1.0);
        }

        #[test]
        fn counting_failures_instead_mirrors_the_interval(n in 1usize..2000, part in 0.0f64..=1.0) {
            let successes = (part * n as f64) as usize;
            let (low, high) = ends(successes, n);
            let (mirrored_low, mirrored_high) = ends(n - successes, n);
            prop_assert!((low - (1.0 - mirrored_high)).abs() < 1e-12);
            prop_assert!((high - (1.0 - mirrored_low)).abs() < 1e-12);
        }
    }
}
