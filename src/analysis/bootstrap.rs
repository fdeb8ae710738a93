//! The bootstrap over whole clusters: judgments of one question are not independent, questions are.
//!
//! Every cluster is kept as a few sums, and a statistic is a function of their totals, so that a resample costs
//! one addition per cluster, however many judgments lie behind it. Clusters are put in an order of their own
//! first: the same clusters in another order give the same interval.
//!
//! Resampling clusters with replacement: A. C. Davison and D. V. Hinkley (1997), Bootstrap Methods and their
//! Application, 3.8; C. A. Field and A. H. Welsh (2007), "Bootstrapping clustered data", JRSS B 69.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rand::RngCore;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::distribution::{normal_cdf, normal_quantile, quantile, t_quantile};
use super::figure::{Figure, Interval, LEVEL};

/// How a bootstrap is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// How many resamples are drawn; at least 2,000 for a 95 % interval.
    pub resamples: usize,
    /// The seed of the draws (ChaCha20).
    pub seed: u64,
    /// The nominal coverage of the interval.
    pub level: f64,
}

impl Default for Plan {
    fn default() -> Self {
        Self { resamples: 2_000, seed: 0, level: LEVEL }
    }
}

/// How the ends of an interval are found.
///
/// Actual coverage of a nominal 95 % in `benches/coverage.rs`, difference of two contenders' five-point ratings,
/// two annotators a question; in brackets with most ratings at the top of the scale:
///
/// | questions | percentile | expanded | BCa | jackknife |
/// |---|---|---|---|---|
/// | 20 | 93.0 (92.2) | 94.7 (94.7) | 93.3 (90.3) | 95.4 (95.9) |
/// | 50 | 93.8 (93.4) | 94.9 (94.8) | 94.0 (92.9) | 95.4 (95.3) |
/// | 100 | 94.3 (94.9) | 94.4 (95.2) | 94.1 (94.7) | 94.5 (95.4) |
/// | 200 | 94.7 (94.8) | 94.9 (94.8) | 94.6 (94.7) | 95.0 (95.2) |
///
/// Percentile and BCa are too narrow below a hundred questions; BCa, which mends skewness, gains nothing on a
/// scale of five points. So [`Ends::Expanded`] is the default: it covers what it says from 20 questions on and,
/// unlike the jackknife's, never leaves the scale. The exception is a mean near the top of the scale: at 20
/// questions every interval covers 92 to 94 times in 100.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ends {
    /// The quantiles of the resampled statistic. Too narrow for few clusters.
    Percentile,
    /// The same, read further out so that the interval of a mean is as wide as Student's: T. C. Hesterberg (2015),
    /// "What teachers should know about the bootstrap", The American Statistician 69, expanded percentile.
    #[default]
    Expanded,
    /// Bias-corrected and accelerated: B. Efron (1987), "Better bootstrap confidence intervals", JASA 82, with
    /// the acceleration from the jackknife over clusters.
    BiasCorrected,
    /// No resampling: Student's t with as many degrees of freedom as clusters less one, times the jackknife's
    /// standard error over clusters (J. W. Tukey, 1958; Davison and Hinkley, 2.7.3). May reach past the scale.
    Jackknife,
}

impl Ends {
    /// Whether resamples are drawn at all.
    pub fn resamples(self) -> bool {
        self != Self::Jackknife
    }

    /// The method as it is named in a figure.
    pub fn describe(self, plan: &Plan) -> String {
        let name = match self {
            Self::Percentile => "percentile bootstrap",
            Self::Expanded => "expanded percentile bootstrap",
            Self::BiasCorrected => "BCa bootstrap",
            Self::Jackknife => return "jackknife over questions, Student's t".to_string(),
        };
        format!("{name} over questions ({} resamples, seed {})", plan.resamples, plan.seed)
    }
}

/// The values of one cluster, as far as a mean needs them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sums {
    /// The sum of the values.
    pub total: f64,
    /// How many there are.
    pub count: usize,
}

impl Sums {
    /// Adds one value.
    pub fn add(&mut self, value: f64) {
        self.total += value;
        self.count += 1;
    }
}

/// The sums of every cluster, from values with the key of their cluster.
pub fn cluster<K: Ord>(values: impl IntoIterator<Item = (K, f64)>) -> Vec<Sums> {
    let mut clusters: BTreeMap<K, Sums> = BTreeMap::new();
    for (key, value) in values {
        clusters.entry(key).or_default().add(value);
    }
    clusters.into_values().collect()
}

/// The sums of every cluster for two contenders, from `(cluster, baseline, against)`.
pub fn cluster_pairs<K: Ord>(values: impl IntoIterator<Item = (K, f64, f64)>) -> Vec<[Sums; 2]> {
    let mut clusters: BTreeMap<K, [Sums; 2]> = BTreeMap::new();
    for (key, baseline, against) in values {
        let sums = clusters.entry(key).or_default();
        sums[0].add(baseline);
        sums[1].add(against);
    }
    clusters.into_values().collect()
}

/// The mean of all values with an interval from resampled clusters.
///
/// See [`Ends`] for which interval covers what.
pub fn mean(clusters: &[Sums], plan: &Plan, ends: Ends) -> Figure {
    let sums: Vec<[f64; 2]> = clusters.iter().map(|c| [c.total, c.count as f64]).collect();
    let n = clusters.iter().map(|c| c.count).sum();
    figure(&sums, n, "mean", |[total, count]| (*count > 0.0).then(|| total / count), plan, ends)
}

/// The mean of the second contender less the mean of the first, with an interval from resampled clusters: both
/// contenders' values of a cluster are drawn together, which keeps the pairs. `n` counts the second's values.
pub fn difference(clusters: &[[Sums; 2]], plan: &Plan, ends: Ends) -> Figure {
    let sums: Vec<[f64; 4]> =
        clusters.iter().map(|[a, b]| [a.total, a.count as f64, b.total, b.count as f64]).collect();
    let n = clusters.iter().map(|c| c[1].count).sum();
    let statistic = |[a, in_a, b, in_b]: &[f64; 4]| (*in_a > 0.0 && *in_b > 0.0).then(|| b / in_b - a / in_a);
    figure(&sums, n, "difference of means", statistic, plan, ends)
}

fn figure<const K: usize>(
    sums: &[[f64; K]],
    n: usize,
    what: &str,
    statistic: impl Fn(&[f64; K]) -> Option<f64>,
    plan: &Plan,
    ends: Ends,
) -> Figure {
    if sums.iter().flatten().any(|v| !v.is_finite()) {
        return Figure::absent("a value is not a finite number");
    }
    let Some(value) = statistic(&totals(sums)) else {
        return Figure::absent("nothing was rated");
    };
    let method = format!("{what}, {}", ends.describe(plan));
    let known = Figure::known(value, n, method).with_clusters(sums.len());
    match interval(sums, statistic, plan, ends) {
        Ok(interval) => few(known.with_interval(Some(interval)), sums.len(), plan, ends),
        Err(why) => known.with_note(why),
    }
}

/// So many clusters it takes at least for resampling to keep its promise at a level: where all n of them lie on one
/// side of the truth by chance, which happens 2 in 2ⁿ times, every resample does. Six at 95 %.
pub fn enough(level: f64) -> usize {
    (1..64).find(|n| 2.0_f64.powi(1 - n) <= 1.0 - level).map_or(64, |n| n as usize)
}

/// The figure with a word where its interval rests on too few clusters.
pub(super) fn few(figure: Figure, clusters: usize, plan: &Plan, ends: Ends) -> Figure {
    if !ends.resamples() || clusters >= enough(plan.level) {
        return figure;
    }
    figure.with_note(format!(
        "from fewer than {} questions: the interval is too narrow to rely on",
        enough(plan.level)
    ))
}

fn totals<const K: usize>(sums: &[[f64; K]]) -> [f64; K] {
    let mut all = [0.0; K];
    for sum in sums {
        for (total, value) in all.iter_mut().zip(sum) {
            *total += value;
        }
    }
    all
}

/// The statistic of every resample of whole clusters, in the order drawn; a resample for which it does not exist
/// (no value of one contender in it) is left out. The clusters are taken in the order given.
pub fn resample<const K: usize>(
    sums: &[[f64; K]],
    statistic: impl Fn(&[f64; K]) -> Option<f64>,
    resamples: usize,
    seed: u64,
) -> Vec<f64> {
    if sums.is_empty() {
        return Vec::new();
    }
    let mut random = ChaCha20Rng::seed_from_u64(seed);
    let mut found = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        let mut all = [0.0; K];
        for _ in 0..sums.len() {
            let sum = &sums[draw(&mut random, sums.len())];
            for (total, value) in all.iter_mut().zip(sum) {
                *total += value;
            }
        }
        found.extend(statistic(&all).filter(|v| v.is_finite()));
    }
    found
}

/// An index below `n`, by the high half of a product: uneven by less than `n` in 2^32, and the same on every
/// machine.
pub(crate) fn draw(random: &mut ChaCha20Rng, n: usize) -> usize {
    ((u64::from(random.next_u32()) * n as u64) >> 32) as usize
}

/// The interval of a statistic of the clusters' totals.
///
/// # Errors
/// Says why there is no interval: fewer than two clusters, or no spread among them.
pub fn interval<const K: usize>(
    sums: &[[f64; K]],
    statistic: impl Fn(&[f64; K]) -> Option<f64>,
    plan: &Plan,
    ends: Ends,
) -> Result<Interval, &'static str> {
    let mut sums = sums.to_vec();
    sums.sort_by(|a, b| {
        a.iter().zip(b).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    });
    let all = totals(&sums);
    let value = statistic(&all).ok_or("no interval: the statistic does not exist")?;
    let draws = if ends.resamples() && sums.len() > 1 { plan.resamples } else { 0 };
    let found = resample(&sums, &statistic, draws, plan.seed);
    let left_out: Vec<f64> = sums
        .iter()
        .filter_map(|sum| {
            let mut rest = all;
            for (total, value) in rest.iter_mut().zip(sum) {
                *total -= value;
            }
            statistic(&rest).filter(|v| v.is_finite())
        })
        .collect();
    ends_of(found, value, &left_out, sums.len(), plan, ends)
}

/// The interval from the statistic's `value`, its resamples and its values with one cluster left out each;
/// resamples are not looked at for [`Ends::Jackknife`], and those left out only for it and
/// [`Ends::BiasCorrected`].
///
/// # Errors
/// Says why there is no interval: fewer than two clusters, or no spread among them.
pub fn ends_of(
    mut found: Vec<f64>,
    value: f64,
    left_out: &[f64],
    clusters: usize,
    plan: &Plan,
    ends: Ends,
) -> Result<Interval, &'static str> {
    if clusters < 2 {
        return Err("no interval: it needs two questions at least");
    }
    if !(plan.level > 0.0 && plan.level < 1.0) || plan.resamples < 2 {
        return Err("no interval: its level or its number of resamples makes no sense");
    }
    let same = Err("no interval: every question says the same");
    let rounding = 1e-12 * (1.0 + value.abs());
    let tail = (1.0 - plan.level) / 2.0;
    let groups = clusters as f64;
    if ends == Ends::Jackknife {
        if left_out.len() < clusters {
            return Err("no interval: it rests on a single question");
        }
        let mean = left_out.iter().sum::<f64>() / groups;
        let squares: f64 = left_out.iter().map(|v| (v - mean).powi(2)).sum();
        let error = ((groups - 1.0) / groups * squares).sqrt();
        if error <= rounding {
            return same;
        }
        let half = t_quantile(1.0 - tail, groups - 1.0) * error;
        return Ok(Interval { low: value - half, high: value + half, level: plan.level });
    }
    found.sort_by(f64::total_cmp);
    match (found.first(), found.last()) {
        (Some(first), Some(last)) if last - first > rounding => {}
        _ => return same,
    }
    let (low, high) = match ends {
        Ends::Expanded => {
            let wider = (groups / (groups - 1.0)).sqrt() * t_quantile(tail, groups - 1.0);
            (normal_cdf(wider), normal_cdf(-wider))
        }
        Ends::BiasCorrected => corrected(&found, value, acceleration(left_out), tail),
        Ends::Percentile | Ends::Jackknife => (tail, 1.0 - tail),
    };
    Ok(Interval { low: quantile(&found, low), high: quantile(&found, high), level: plan.level })
}

/// A sixth of the skewness of the jackknife values: Efron and Tibshirani (1993), equation 14.15, with clusters as
/// the units.
fn acceleration(left_out: &[f64]) -> f64 {
    let mean = left_out.iter().sum::<f64>() / left_out.len() as f64;
    let squares: f64 = left_out.iter().map(|v| (mean - v).powi(2)).sum();
    let cubes: f64 = left_out.iter().map(|v| (mean - v).powi(3)).sum();
    let a = cubes / (6.0 * squares.powf(1.5));
    if a.is_finite() { a } else { 0.0 }
}

/// The probabilities at which the BCa interval reads its ends. Resamples that equal the value count half, which
/// matters for statistics that take few values.
fn corrected(found: &[f64], value: f64, a: f64, tail: f64) -> (f64, f64) {
    let near = 1e-12 * (1.0 + value.abs());
    let below = found.iter().filter(|v| **v < value - near).count() as f64;
    let up_to = found.iter().filter(|v| **v <= value + near).count() as f64;
    let n = found.len() as f64;
    let share = f64::midpoint(below, up_to) / n;
    let z0 = normal_quantile(share.clamp(0.5 / n, 1.0 - 0.5 / n));
    let at = |p: f64| {
        let z = z0 + normal_quantile(p);
        let stretch = 1.0 - a * z;
        if stretch > 0.0 { normal_cdf(z0 + z / stretch) } else { normal_cdf(z) }
    };
    (at(tail), at(1.0 - tail))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ratings() -> Vec<Sums> {
        cluster((0..200).map(|i| (i % 40, f64::from((i * i / 7) % 5 + 1))))
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_and_another_seed_another() {
        let first = mean(&ratings(), &Plan::default(), Ends::BiasCorrected);
        assert_eq!(first, mean(&ratings(), &Plan::default(), Ends::BiasCorrected));
        let other = mean(&ratings(), &Plan { seed: 1, ..Plan::default() }, Ends::BiasCorrected);
        assert_ne!(first.interval(), other.interval());
    }

    #[test]
    fn an_interval_from_too_few_clusters_says_so() {
        assert_eq!([enough(0.95), enough(0.9), enough(0.99)], [6, 5, 8]);
        let of =
            |n: i32| mean(&cluster((0..n).map(|i| (i, f64::from(i)))), &Plan::default(), Ends::default());
        let note = |n: i32| of(n).estimate().and_then(|e| e.note.clone());
        assert!(note(5).is_some_and(|told| told.contains("fewer than 6 questions")));
        assert_eq!(note(6), None);
    }

    #[test]
    fn the_order_of_the_clusters_does_not_matter() {
        let mut turned = ratings();
        turned.reverse();
        for ends in [Ends::Percentile, Ends::BiasCorrected] {
            let (a, b) = (mean(&ratings(), &Plan::default(), ends), mean(&turned, &Plan::default(), ends));
            assert_eq!(a.interval(), b.interval());
        }
    }

    #[test]
    fn a_mean_of_nothing_is_absent_and_one_cluster_has_no_interval() {
        assert!(mean(&[], &Plan::default(), Ends::Percentile).why_absent().is_some());
        let one = mean(&[Sums { total: 7.0, count: 2 }], &Plan::default(), Ends::Percentile);
        assert_eq!((one.value(), one.interval()), (Some(3.5), None));
        assert!(one.estimate().is_some_and(|e| e.note.is_some()));
    }

    #[test]
    fn ratings_that_are_all_the_same_have_no_interval_and_say_so() {
        let same = cluster((0..30).map(|i| (i, 4.0)));
        let figure = mean(&same, &Plan::default(), Ends::BiasCorrected);
        assert_eq!((figure.value(), figure.interval()), (Some(4.0), None));
        assert!(figure.estimate().is_some_and(|e| e.note.is_some()));
    }

    #[test]
    fn judgments_of_one_question_that_agree_are_worth_one_judgment() {
        let alone = cluster((0..60).map(|i| (i, f64::from(i % 5))));
        let five_times = cluster((0..300).map(|i| (i % 60, f64::from(i % 60 % 5))));
        let (a, b) = (
            mean(&alone, &Plan::default(), Ends::Percentile).interval().expect("an interval"),
            mean(&five_times, &Plan::default(), Ends::Percentile).interval().expect("an interval"),
        );
        assert!((a.width() - b.width()).abs() < 1e-9, "{a:?} {b:?}");
    }

    #[test]
    fn a_difference_that_is_the_same_in_every_cluster_has_no_interval() {
        let pairs = cluster_pairs((0..40).map(|i| (i, f64::from(i % 4), f64::from(i % 4) + 1.0)));
        let figure = difference(&pairs, &Plan::default(), Ends::BiasCorrected);
        assert!(figure.value().is_some_and(|v| (v - 1.0).abs() < 1e-12));
        assert_eq!(figure.interval(), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn nothing_panics_and_a_percentile_interval_of_a_mean_stays_among_the_values(
            values in prop::collection::vec((0u8..12, 1u8..=5), 0..40),
        ) {
            let clusters = cluster(values.iter().map(|(k, v)| (*k, f64::from(*v))));
            let plan = Plan { resamples: 300, ..Plan::default() };
            for ends in [Ends::Percentile, Ends::BiasCorrected] {
                if let Some(interval) = mean(&clusters, &plan, ends).interval() {
                    prop_assert!(interval.low >= 1.0 && interval.high <= 5.0 && interval.low <= interval.high);
                }
            }
        }

        #[test]
        fn swapping_the_contenders_mirrors_the_percentile_interval_up_to_the_draws(
            values in prop::collection::vec((0u8..20, 1u8..=5, 1u8..=5), 60..120),
        ) {
            let plan = Plan::default();
            let there = cluster_pairs(values.iter().map(|(k, a, b)| (*k, f64::from(*a), f64::from(*b))));
            let back: Vec<_> = there.iter().map(|[a, b]| [*b, *a]).collect();
            let (there, back) = (difference(&there, &plan, Ends::Percentile), difference(&back, &plan, Ends::Percentile));
            prop_assert!((there.value().unwrap() + back.value().unwrap()).abs() < 1e-12);
            let (there, back) = (there.interval().unwrap(), back.interval().unwrap().negated());
            prop_assert!((there.low - back.low).abs() < 0.25 * there.width());
            prop_assert!((there.high - back.high).abs() < 0.25 * there.width());
        }
    }
}
