//! What one annotator's judgments say about the annotator: leaning to a side, consistency, pace.

use super::bootstrap::{Ends, Plan, cluster, mean};
use super::distribution::{fair_coin_at_most, fair_coin_two_sided, quantile};
use super::figure::{Figure, Interval};
use super::proportion::wilson;

/// Whether the answer on the left is preferred more often than a fair coin would have it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LeftRate {
    /// The share of verdicts for the left among those for a side, with a Wilson interval.
    pub share: Figure,
    /// The exact two-sided binomial p-value against one half.
    pub p: Figure,
}

/// The left-rate of `left` verdicts for the left and `right` for the right; ties are for neither. Sides must
/// have been drawn at random, else the better contender may just have stood on one side.
pub fn left_rate(left: usize, right: usize, level: f64) -> LeftRate {
    let p = if left + right == 0 {
        Figure::absent("no verdict was for a side")
    } else {
        let p = fair_coin_two_sided(left as u64, (left + right) as u64);
        Figure::known(p, left + right, "binomial test against one half, exact, two-sided")
    };
    LeftRate { share: wilson(left, left + right, level), p }
}

/// The share of items judged twice that got the same verdict both times, with its Wilson interval. Verdicts are
/// for contenders, not sides.
pub fn same_verdict<V: PartialEq>(pairs: &[(V, V)], level: f64) -> Figure {
    if pairs.is_empty() {
        return Figure::absent("nothing was judged twice");
    }
    wilson(pairs.iter().filter(|(a, b)| a == b).count(), pairs.len(), level)
}

/// The mean absolute difference of the two ratings of things rated twice, with an interval from resampled
/// clusters (questions, given as keys).
pub fn rating_shift<K: Ord>(pairs: impl IntoIterator<Item = (K, f64, f64)>, plan: &Plan) -> Figure {
    let clusters = cluster(pairs.into_iter().map(|(key, a, b)| (key, (a - b).abs())));
    if clusters.is_empty() {
        return Figure::absent("nothing was rated twice");
    }
    let Figure::Known(mut estimate) = mean(&clusters, plan, Ends::Expanded) else {
        return Figure::absent("a rating is not a finite number");
    };
    estimate.method = format!("mean absolute difference, {}", Ends::Expanded.describe(plan)).into();
    Figure::Known(estimate)
}

/// How long an item takes.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Pace {
    /// The [`median`] in seconds.
    pub median: Figure,
    /// The first and third quartile in seconds, interpolated linearly; absent where the median is.
    pub quartiles: Option<(f64, f64)>,
}

/// The pace of items that took `seconds` each.
pub fn pace(seconds: &[f64], level: f64) -> Pace {
    let median = median(seconds, level, "nothing was timed");
    let quartiles = median.value().map(|_| {
        let mut sorted = seconds.to_vec();
        sorted.sort_by(f64::total_cmp);
        (quantile(&sorted, 0.25), quantile(&sorted, 0.75))
    });
    Pace { median, quartiles }
}

/// The median of independent values, with the interval between two order statistics (sign test inverted), which is
/// exact or wider. `none` says why there is no figure where there is no value.
pub fn median(values: &[f64], level: f64, none: &'static str) -> Figure {
    if values.is_empty() {
        return Figure::absent(none);
    }
    if values.iter().any(|v| !v.is_finite()) {
        return Figure::absent("a value is not a finite number");
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let median = Figure::known(quantile(&sorted, 0.5), n, "median, interval from order statistics");
    let tail = (1.0 - level) / 2.0;
    // The largest number of values that may lie outside at each end.
    let outside = (1..=n / 2).take_while(|k| fair_coin_at_most(*k as u64 - 1, n as u64) <= tail).last();
    match outside.filter(|_| level > 0.0 && level < 1.0) {
        Some(k) => median.with_interval(Some(Interval { low: sorted[k - 1], high: sorted[n - k], level })),
        None => median.with_note("no interval: too few values for this level"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_annotator_who_judged_nothing_has_no_figures() {
        assert!(left_rate(0, 0, 0.95).share.why_absent().is_some());
        assert!(left_rate(0, 0, 0.95).p.why_absent().is_some());
        assert!(same_verdict::<u8>(&[], 0.95).why_absent().is_some());
        assert!(rating_shift::<u8>([], &Plan::default()).why_absent().is_some());
        assert_eq!(pace(&[], 0.95).quartiles, None);
    }

    #[test]
    fn always_left_is_hardly_a_fair_coin() {
        let rate = left_rate(20, 0, 0.95);
        assert_eq!(rate.share.value(), Some(1.0));
        assert!(rate.p.value().is_some_and(|p| (p - 2.0_f64.powi(-19)).abs() < 1e-15));
    }

    #[test]
    fn the_median_of_ten_times_lies_between_the_second_and_the_ninth() {
        // P(at most one of ten below the median) = 11 / 1024, at most 2.5 %; of two it is 56 / 1024.
        let times: Vec<f64> = (1..=10).rev().map(f64::from).collect();
        let pace = pace(&times, 0.95);
        let interval = pace.median.interval().expect("an interval");
        assert_eq!((interval.low, interval.high, pace.median.value()), (2.0, 9.0, Some(5.5)));
        assert_eq!(pace.quartiles, Some((3.25, 7.75)));
    }

    proptest! {
        #[test]
        fn pace_is_blind_to_order_and_its_interval_holds_the_median(times in prop::collection::vec(0.0f64..600.0, 1..80)) {
            let mut turned = times.clone();
            turned.reverse();
            let there = pace(&times, 0.95);
            prop_assert_eq!(&there, &pace(&turned, 0.95));
            if let Some(interval) = there.median.interval() {
                prop_assert!(interval.contains(there.median.value().unwrap()));
            }
        }

        #[test]
        fn left_and_right_are_alike(left in 0usize..400, right in 0usize..400) {
            prop_assert_eq!(left_rate(left, right, 0.95).p, left_rate(right, left, 0.95).p);
        }
    }
}
