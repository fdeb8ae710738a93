//! How many more questions until an interval excludes zero.
//!
//! The usual power calculation for a mean, with questions as the units: the standard error falls with the root
//! of the number of questions. It assumes that the effect is what it is now, that new questions vary like those
//! judged, and that each is judged by as many people. A guess to plan by, not a promise: where the true effect is
//! smaller than the present one, it takes more.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::bootstrap::{Plan, Sums, draw};
use super::distribution::{quantile, t_quantile};
use super::figure::{Figure, Interval};
use crate::text::grouped;

/// The level of the interval of the number needed: half. At 95 % it would have no upper end until the interval
/// of the effect itself excludes zero, when nobody asks any more.
pub const UNCERTAINTY: f64 = 0.5;

/// What is aimed for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aim {
    /// The level of the interval that is to exclude zero.
    pub level: f64,
    /// The chance that it does with the number given, if the effect is as it is now.
    pub power: f64,
    /// Beyond this many questions in all the answer is that it is out of reach.
    pub cap: usize,
}

impl Default for Aim {
    fn default() -> Self {
        Self { level: 0.95, power: 0.8, cap: 10_000 }
    }
}

/// The difference of means of the clusters drawn and its standard deviation by cluster: the standard error times
/// the root of the number of clusters, by linearisation.
fn effect(clusters: &[&[Sums; 2]]) -> Option<(f64, f64)> {
    let side = |s: usize| {
        let total: f64 = clusters.iter().map(|c| c[s].total).sum();
        let count: usize = clusters.iter().map(|c| c[s].count).sum();
        (count > 0).then(|| (total / count as f64, count as f64))
    };
    let ((a, in_a), (b, in_b)) = (side(0)?, side(1)?);
    let groups = clusters.len() as f64;
    let squares: f64 = clusters
        .iter()
        .map(|c| {
            let off = |s: usize, mean: f64, all: f64| (c[s].total - mean * c[s].count as f64) / all;
            (off(1, b, in_b) - off(0, a, in_a)).powi(2)
        })
        .sum();
    Some((b - a, groups * (squares / (groups - 1.0)).sqrt()))
}

/// The smallest number of clusters at which an effect of `ratio` standard deviations is found.
fn clusters_for(ratio: f64, aim: &Aim) -> Option<usize> {
    let found = |groups: usize| {
        let freedom = (groups - 1) as f64;
        let needed = t_quantile(f64::midpoint(1.0, aim.level), freedom) + t_quantile(aim.power, freedom);
        ratio * (groups as f64).sqrt() >= needed
    };
    if aim.cap < 2 || !found(aim.cap) {
        return None;
    }
    let (mut below, mut enough) = (1, aim.cap);
    while enough - below > 1 {
        let middle = usize::midpoint(below, enough);
        if found(middle) {
            enough = middle;
        } else {
            below = middle;
        }
    }
    Some(enough)
}

/// How many more clusters (questions) it takes until the interval of the difference of means (second less first)
/// excludes zero, nought if there are enough already. The interval is the middle half of what resampled clusters
/// say; where its upper end is out of reach, the note gives the lower. `n` counts the second's values.
pub fn more(clusters: &[[Sums; 2]], aim: &Aim, plan: &Plan) -> Figure {
    let groups = clusters.len();
    let sensible = aim.level > 0.0 && aim.level < 1.0 && aim.power >= 0.5 && aim.power < 1.0;
    if !sensible {
        return Figure::absent("the level or the power aimed for makes no sense");
    }
    if groups < 3 {
        return Figure::absent("it takes three questions at least to tell");
    }
    if clusters.iter().flatten().any(|s| !s.total.is_finite()) {
        return Figure::absent("a value is not a finite number");
    }
    let all: Vec<&[Sums; 2]> = clusters.iter().collect();
    let Some((difference, deviation)) = effect(&all) else {
        return Figure::absent("nothing was rated");
    };
    if deviation <= 1e-12 * (1.0 + difference.abs()) {
        return Figure::absent("every question says the same: its spread cannot be told");
    }
    let ratio = difference.abs() / deviation;
    if ratio < 1e-9 {
        return Figure::absent("there is no difference to be found");
    }
    let Some(total) = clusters_for(ratio, aim) else {
        return Figure::absent(format!(
            "the difference is too small: more than {} questions in all would not be enough",
            grouped(aim.cap as u64)
        ));
    };
    let rest = |total: usize| total.saturating_sub(groups) as f64;
    let method = format!(
        "questions needed at {:.0} % power for a {:.0} % interval, middle half of {} resamples (seed {})",
        100.0 * aim.power,
        100.0 * aim.level,
        plan.resamples,
        plan.seed
    );
    let n = clusters.iter().map(|c| c[1].count).sum();
    let figure = Figure::known(rest(total), n, method).with_clusters(groups);
    let mut ratios = ratios(clusters, difference.signum(), plan);
    ratios.sort_by(f64::total_cmp);
    if ratios.len() < 2 {
        return figure.with_note("no interval: the resamples vary too little");
    }
    let tail = (1.0 - UNCERTAINTY) / 2.0;
    let at = |p: f64| clusters_for(quantile(&ratios, p).max(0.0), aim);
    // A large ratio needs few questions.
    match (at(1.0 - tail), at(tail)) {
        (Some(few), Some(many)) => {
            let (low, high) = (rest(few.min(total)), rest(many.max(total)));
            figure.with_interval(Some(Interval { low, high, level: UNCERTAINTY }))
        }
        (Some(few), None) => figure.with_note(format!(
            "at least {} with three chances in four, and it may be more than {} in all",
            grouped(rest(few.min(total)) as u64),
            grouped(aim.cap as u64)
        )),
        _ => figure.with_note("no interval: it may be out of reach altogether"),
    }
}

/// The effect over its deviation in every resample, positive where it points the way it does now.
fn ratios(clusters: &[[Sums; 2]], sign: f64, plan: &Plan) -> Vec<f64> {
    let mut sorted = clusters.to_vec();
    let key = |c: &[Sums; 2]| [c[0].total, c[1].total, c[0].count as f64, c[1].count as f64];
    sorted.sort_by(|a, b| key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal));
    let mut random = ChaCha20Rng::seed_from_u64(plan.seed);
    (0..plan.resamples)
        .filter_map(|_| {
            let drawn: Vec<&[Sums; 2]> =
                (0..sorted.len()).map(|_| &sorted[draw(&mut random, sorted.len())]).collect();
            let (difference, deviation) = effect(&drawn)?;
            let ratio = sign * difference / deviation;
            (!ratio.is_nan()).then_some(ratio.clamp(-1e9, 1e9))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::bootstrap::cluster_pairs;
    use super::*;

    fn study(groups: u32, effect: f64) -> Vec<[Sums; 2]> {
        // Differences of -1, 0 and 1 around the effect, in turn.
        cluster_pairs((0..groups).map(|q| (q, 3.0, 3.0 + effect + f64::from(q % 3) - 1.0)))
    }

    #[test]
    fn a_small_effect_takes_as_many_questions_as_the_formula_says() {
        // sd = sqrt(2/3 * 30/29), effect 0.2: ((1.96 + 0.84) * sd / 0.2)^2 is about 135 in all, a little more
        // with Student's t.
        let figure = more(&study(30, 0.2), &Aim::default(), &Plan::default());
        let value = figure.value().expect("a number");
        assert!((104.0..=110.0).contains(&value), "{value}");
        let estimate = figure.estimate().expect("an estimate");
        assert!(estimate.interval.is_some_and(|i| i.contains(value)) || estimate.note.is_some());
    }

    #[test]
    fn what_is_found_already_takes_no_more() {
        assert_eq!(more(&study(300, 1.0), &Aim::default(), &Plan::default()).value(), Some(0.0));
    }

    #[test]
    fn no_effect_a_tiny_one_and_too_few_questions_have_no_answer() {
        assert!(more(&study(30, 0.0), &Aim::default(), &Plan::default()).why_absent().is_some());
        assert!(more(&study(30, 0.001), &Aim::default(), &Plan::default()).why_absent().is_some());
        assert!(more(&study(2, 0.5), &Aim::default(), &Plan::default()).why_absent().is_some());
        assert!(more(&[], &Aim::default(), &Plan::default()).why_absent().is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn swapping_the_contenders_changes_nothing(values in prop::collection::vec((0u8..15, 1u8..=5, 1u8..=5), 0..60)) {
            let there = cluster_pairs(values.iter().map(|(k, a, b)| (*k, f64::from(*a), f64::from(*b))));
            let back: Vec<_> = there.iter().map(|[a, b]| [*b, *a]).collect();
            let plan = Plan { resamples: 100, ..Plan::default() };
            let (a, b) = (more(&there, &Aim::default(), &plan), more(&back, &Aim::default(), &plan));
            prop_assert_eq!(a.value(), b.value());
            if let Some(interval) = a.interval() {
                prop_assert!(interval.contains(a.value().unwrap()));
            }
        }
    }
}
