//! Krippendorff's alpha: how far several annotators agree beyond chance, with missing ratings.
//!
//! K. Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", University of Pennsylvania. Its
//! interval resamples whole clusters of units (A. Zapf and others, 2016, BMC Medical Research Methodology 16)
//! rather than single disagreements (Hayes and Krippendorff, 2007), which takes judgments of one question as
//! independent and comes out too narrow.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::bootstrap::{Ends, Plan, Sums, draw, ends_of, few, mean};
use super::figure::Figure;

/// Above this many different values no alpha is computed: its table grows with the square.
pub const VALUES_UP_TO: usize = 256;

/// How far apart two values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// The same or not.
    Nominal,
    /// By how many ratings lie between them.
    Ordinal,
    /// The square of their difference.
    Interval,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::Nominal => "nominal",
            Self::Ordinal => "ordinal",
            Self::Interval => "interval",
        }
    }
}

/// One thing that was rated, by those who rated it.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// Which independent group (question) it belongs to.
    pub cluster: usize,
    /// The ratings it got, one an annotator, in any order; a missing rating is not in it.
    pub ratings: Vec<f64>,
}

/// The table of coincidences: for every pair of values (by index) how often they met in a unit.
struct Coincidences {
    values: Vec<f64>,
    /// For each cluster, its share of the table: only pairs that occur.
    clusters: Vec<Vec<(usize, f64)>>,
    /// Ratings in units with two ratings or more: those that can be compared.
    pairable: usize,
}

impl Coincidences {
    fn of(units: &[Unit]) -> Result<Self, &'static str> {
        let compared = || units.iter().filter(|u| u.ratings.len() >= 2);
        if compared().flat_map(|u| &u.ratings).any(|v| !v.is_finite()) {
            return Err("a rating is not a finite number");
        }
        let mut values: Vec<f64> = compared().flat_map(|u| u.ratings.iter().map(|v| v + 0.0)).collect();
        let pairable = values.len();
        values.sort_by(f64::total_cmp);
        values.dedup();
        if values.len() > VALUES_UP_TO {
            return Err("there are more different values than alpha is computed for");
        }
        let index = |v: f64| values.partition_point(|other| *other < v);
        let mut clusters: BTreeMap<usize, BTreeMap<usize, f64>> = BTreeMap::new();
        for unit in compared() {
            let share = clusters.entry(unit.cluster).or_default();
            let weight = 1.0 / (unit.ratings.len() - 1) as f64;
            for (i, a) in unit.ratings.iter().enumerate() {
                for (j, b) in unit.ratings.iter().enumerate() {
                    if i != j {
                        *share.entry(index(*a) * values.len() + index(*b)).or_default() += weight;
                    }
                }
            }
        }
        let mut clusters: Vec<Vec<(usize, f64)>> =
            clusters.into_values().map(|share| share.into_iter().collect()).collect();
        clusters.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        Ok(Self { values, clusters, pairable })
    }

    fn table(&self, which: impl Iterator<Item = usize>) -> Vec<f64> {
        let mut table = vec![0.0; self.values.len() * self.values.len()];
        for cluster in which {
            for (at, weight) in &self.clusters[cluster] {
                table[*at] += weight;
            }
        }
        table
    }

    /// One less the observed disagreement over the expected. None without two values to disagree about.
    fn alpha(&self, table: &[f64], metric: Metric) -> Option<f64> {
        let v = self.values.len();
        let counts: Vec<f64> = table.chunks(v.max(1)).map(|row| row.iter().sum()).collect();
        let n: f64 = counts.iter().sum();
        // Ratings up to and with each value, less half of its own: their differences are the ordinal distances.
        let mut below = 0.0;
        let middles: Vec<f64> = counts
            .iter()
            .map(|c| {
                below += c;
                below - c / 2.0
            })
            .collect();
        let distance = |i: usize, j: usize| match metric {
            Metric::Nominal => f64::from(u8::from(i != j)),
            Metric::Ordinal => (middles[i] - middles[j]).powi(2),
            Metric::Interval => (self.values[i] - self.values[j]).powi(2),
        };
        let (mut observed, mut expected) = (0.0, 0.0);
        for i in 0..v {
            for j in 0..i {
                let d = distance(i, j);
                observed += table[i * v + j] * d;
                expected += counts[i] * counts[j] * d;
            }
        }
        let alpha = 1.0 - (n - 1.0) * observed / expected;
        (expected > 0.0 && alpha.is_finite()).then_some(alpha)
    }
}

/// Krippendorff's alpha with an interval from resampled clusters; `n` counts the ratings that can be compared.
/// 1 is perfect agreement, 0 what chance would give, below 0 disagreement by system. Absent where no unit has
/// two ratings, or all ratings are the same, since then there is nothing to tell agreement from chance by.
pub fn alpha(units: &[Unit], metric: Metric, plan: &Plan, ends: Ends) -> Figure {
    let coincidences = match Coincidences::of(units) {
        Ok(coincidences) => coincidences,
        Err(why) => return Figure::absent(why),
    };
    let groups = coincidences.clusters.len();
    if groups == 0 {
        return Figure::absent("nothing was rated twice");
    }
    let whole = coincidences.table(0..groups);
    let Some(value) = coincidences.alpha(&whole, metric) else {
        return Figure::absent("all ratings are the same: agreement cannot be told from chance");
    };
    let mut random = ChaCha20Rng::seed_from_u64(plan.seed);
    let draws = if ends.resamples() && groups > 1 { plan.resamples } else { 0 };
    let found: Vec<f64> = (0..draws)
        .filter_map(|_| {
            let drawn = coincidences.table((0..groups).map(|_| draw(&mut random, groups)));
            coincidences.alpha(&drawn, metric)
        })
        .collect();
    let left_out: Vec<f64> = (0..groups)
        .filter_map(|out| {
            let rest: Vec<f64> = {
                let mut rest = whole.clone();
                for (at, weight) in &coincidences.clusters[out] {
                    rest[*at] -= weight;
                    // What rounding leaves of a pair that is gone would count as a pair.
                    if rest[*at] < 1e-9 {
                        rest[*at] = 0.0;
                    }
                }
                rest
            };
            coincidences.alpha(&rest, metric)
        })
        .collect();
    let method = format!("Krippendorff's alpha, {}, {}", metric.name(), ends.describe(plan));
    let figure = Figure::known(value, coincidences.pairable, method).with_clusters(groups);
    match ends_of(found, value, &left_out, groups, plan, ends) {
        Ok(mut interval) => {
            interval.high = interval.high.min(1.0);
            few(figure.with_interval(Some(interval)), groups, plan, ends)
        }
        Err(why) => figure.with_note(why),
    }
}

/// The share of equal pairs among all pairs of ratings of the same unit, with a bootstrap interval over
/// clusters; `n` counts the pairs.
pub fn per_cent(units: &[Unit], plan: &Plan, ends: Ends) -> Figure {
    let mut clusters: BTreeMap<usize, Sums> = BTreeMap::new();
    for unit in units {
        for (i, a) in unit.ratings.iter().enumerate() {
            for b in &unit.ratings[..i] {
                if !(a.is_finite() && b.is_finite()) {
                    return Figure::absent("a rating is not a finite number");
                }
                clusters.entry(unit.cluster).or_default().add(f64::from(u8::from(a == b)));
            }
        }
    }
    if clusters.is_empty() {
        return Figure::absent("nothing was rated twice");
    }
    let clusters: Vec<Sums> = clusters.into_values().collect();
    let figure = mean(&clusters, plan, ends);
    match figure {
        Figure::Known(mut estimate) => {
            estimate.method = format!("share of equal pairs, {}", ends.describe(plan)).into();
            if let Some(interval) = &mut estimate.interval {
                interval.low = interval.low.max(0.0);
                interval.high = interval.high.min(1.0);
            }
            Figure::Known(estimate)
        }
        absent @ Figure::Absent { .. } => absent,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Krippendorff (2011), example C: four observers, twelve units, missing ratings as 0.
    const EXAMPLE: [[u8; 12]; 4] = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ];

    fn example() -> Vec<Unit> {
        (0..12)
            .map(|u| Unit {
                cluster: u,
                ratings: EXAMPLE.iter().map(|o| o[u]).filter(|r| *r > 0).map(f64::from).collect(),
            })
            .collect()
    }

    #[test]
    fn krippendorffs_example_comes_out_as_he_printed_it() {
        for (metric, printed) in
            [(Metric::Nominal, 0.743), (Metric::Ordinal, 0.815), (Metric::Interval, 0.849)]
        {
            let figure = alpha(&example(), metric, &Plan::default(), Ends::Percentile);
            let value = figure.value().expect("an alpha");
            assert!((value - printed).abs() < 5e-4, "{metric:?}: {value}");
            assert_eq!(figure.estimate().map(|e| (e.n, e.clusters)), Some((40, Some(11))));
            assert!(figure.interval().is_some_and(|i| i.contains(value)));
        }
    }

    #[test]
    fn nothing_rated_twice_has_no_alpha() {
        let once = [Unit { cluster: 0, ratings: vec![3.0] }, Unit { cluster: 1, ratings: Vec::new() }];
        assert!(alpha(&once, Metric::Ordinal, &Plan::default(), Ends::Percentile).why_absent().is_some());
        assert!(alpha(&[], Metric::Ordinal, &Plan::default(), Ends::Percentile).why_absent().is_some());
        assert!(per_cent(&once, &Plan::default(), Ends::Percentile).why_absent().is_some());
    }

    #[test]
    fn ratings_all_the_same_have_no_alpha_but_full_agreement() {
        let same: Vec<Unit> = (0..9).map(|cluster| Unit { cluster, ratings: vec![4.0; 3] }).collect();
        assert!(alpha(&same, Metric::Nominal, &Plan::default(), Ends::Percentile).why_absent().is_some());
        assert_eq!(per_cent(&same, &Plan::default(), Ends::Percentile).value(), Some(1.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn alpha_is_at_most_one_and_blind_to_order(
            units in prop::collection::vec((0usize..8, prop::collection::vec(1u8..=5, 0..5)), 0..30),
        ) {
            let units: Vec<Unit> = units
                .into_iter()
                .map(|(cluster, r)| Unit { cluster, ratings: r.into_iter().map(f64::from).collect() })
                .collect();
            let mut turned = units.clone();
            turned.reverse();
            turned.iter_mut().for_each(|u| u.ratings.reverse());
            let plan = Plan { resamples: 100, ..Plan::default() };
            for metric in [Metric::Nominal, Metric::Ordinal, Metric::Interval] {
                for ends in [Ends::Percentile, Ends::Expanded, Ends::BiasCorrected, Ends::Jackknife] {
                    let figure = alpha(&units, metric, &plan, ends);
                    let back = alpha(&turned, metric, &plan, ends);
                    prop_assert_eq!(figure.value().is_some(), back.value().is_some());
                    if let (Some(value), Some(other)) = (figure.value(), back.value()) {
                        prop_assert!(value <= 1.0 + 1e-12);
                        prop_assert!((value - other).abs() < 1e-9);
                    }
                }
            }
        }

        #[test]
        fn interval_alpha_does_not_change_with_the_scale(
            units in prop::collection::vec(prop::collection::vec(1u8..=5, 2..4), 2..20), by in 1u8..9,
        ) {
            let with = |f: &dyn Fn(u8) -> f64| {
                let units: Vec<Unit> = units
                    .iter()
                    .enumerate()
                    .map(|(cluster, r)| Unit { cluster, ratings: r.iter().map(|v| f(*v)).collect() })
                    .collect();
                alpha(&units, Metric::Interval, &Plan { resamples: 2, ..Plan::default() }, Ends::Percentile).value()
            };
            if let (Some(a), Some(b)) = (with(&|v| f64::from(v)), with(&|v| f64::from(v) * f64::from(by) - 3.0)) {
                prop_assert!((a - b).abs() < 1e-9);
            }
        }
    }
}
