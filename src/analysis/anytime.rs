//! A confidence sequence: an interval that may be looked at after every question, and the study stopped whenever
//! one likes, without its coverage suffering.
//!
//! The hedged capital (betting) confidence sequence of I. Waudby-Smith and A. Ramdas (2024), "Estimating means of
//! bounded random variables by betting", JRSS B 86, theorem 3, with their predictable plug-in bets (equation 26),
//! bets truncated at half of what could ruin them, and half of the capital on either side. A bettor who cannot
//! expect to win if the mean is `m` has won twenty times the stake: then `m` is not the mean, at 95 %. For means
//! of few questions it is much narrower than their empirical-Bernstein sequence, at the price of a search.
//!
//! It assumes that each value lies in the bounds, and that the mean of the next value, given those before it, is
//! always the same: questions in random order, each entering once, with one value (the mean of its
//! differences).

use super::figure::{Figure, Interval};

/// How much of the bet that could lose all capital is placed at most.
const TRUNCATION: f64 = 0.5;

/// Values moved to the unit interval, with the bet on each, which knows only the values before it.
struct Bets {
    values: Vec<f64>,
    bets: Vec<f64>,
}

impl Bets {
    fn on(values: &[f64], (low, high): (f64, f64), error: f64) -> Result<Self, &'static str> {
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err("the bounds of the values make no sense");
        }
        if !(error > 0.0 && error < 1.0) {
            return Err("the level makes no sense");
        }
        if values.is_empty() {
            return Err("there are no values");
        }
        let slack = 1e-9 * (high - low);
        if !values.iter().all(|v| (low - slack..=high + slack).contains(v)) {
            return Err("a value lies outside the bounds");
        }
        let values: Vec<f64> = values.iter().map(|v| ((v - low) / (high - low)).clamp(0.0, 1.0)).collect();
        let mut bets = Vec::with_capacity(values.len());
        let (mut sum, mut squares) = (0.5, 0.25);
        let mut variance = 0.25_f64;
        for (before, value) in values.iter().enumerate() {
            let t = (before + 1) as f64;
            bets.push((2.0 * (2.0 / error).ln() / (variance * t * (t + 1.0).ln())).sqrt());
            sum += value;
            squares += (value - sum / (t + 1.0)).powi(2);
            variance = squares / (t + 1.0);
        }
        Ok(Self { values, bets })
    }

    /// The same seen from the other end.
    fn mirrored(&self) -> Self {
        Self { values: self.values.iter().map(|v| 1.0 - v).collect(), bets: self.bets.clone() }
    }

    /// The logarithm of the capital of betting that the mean is above `m`, after each value.
    fn capital(&self, m: f64) -> impl Iterator<Item = f64> {
        self.values.iter().zip(&self.bets).scan(0.0, move |log, (value, bet)| {
            *log += (bet.min(TRUNCATION / m) * (value - m)).ln_1p();
            Some(*log)
        })
    }

    /// The highest capital so far of betting that the mean is above `m`; it falls as `m` grows.
    fn highest(&self, m: f64) -> f64 {
        self.capital(m).fold(f64::NEG_INFINITY, f64::max)
    }

    /// The smallest mean that the capital does not rule out after `n` values, by halving.
    fn low(&self, threshold: f64, n: usize) -> f64 {
        let highest = |m: f64| self.capital(m).take(n).fold(f64::NEG_INFINITY, f64::max);
        let (mut out, mut within) = (0.0, 1.0);
        if highest(out) < threshold {
            return 0.0;
        }
        // 52 halvings of the unit interval reach its last bit.
        for _ in 0..52 {
            let middle = f64::midpoint(out, within);
            if highest(middle) < threshold {
                within = middle;
            } else {
                out = middle;
            }
        }
        out
    }
}

/// The sequence after some numbers of values.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// After how many values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// What no bet has ruled out by then; it only ever shrinks.
    pub interval: Interval,
}

/// The confidence sequence of the mean of `values`, in the order they came, each between the `bounds`, after
/// each of `at` many values (numbers that are too large or nought are left out). An interval may lie beside the
/// mean so far, where the mean has wandered off from what was ruled out earlier.
///
/// # Errors
/// Says why there is none: no values, bounds or level that make no sense, a value outside the bounds.
pub fn path(values: &[f64], bounds: (f64, f64), level: f64, at: &[usize]) -> Result<Vec<Step>, &'static str> {
    let bets = Bets::on(values, bounds, 1.0 - level)?;
    let mirrored = bets.mirrored();
    let threshold = (2.0 / (1.0 - level)).ln();
    let (low, width) = (bounds.0, bounds.1 - bounds.0);
    Ok(at
        .iter()
        .filter(|n| (1..=values.len()).contains(n))
        .map(|n| Step {
            n: *n,
            mean: values[..*n].iter().sum::<f64>() / *n as f64,
            interval: Interval {
                low: low + width * bets.low(threshold, *n),
                high: low + width * (1.0 - mirrored.low(threshold, *n)),
                level,
            },
        })
        .collect())
}

/// The mean of `values` with the last interval of their confidence sequence ([`path`]). Where the mean has
/// wandered out of the sequence, the interval is stretched to it and says so, and still covers.
pub fn mean(values: &[f64], bounds: (f64, f64), level: f64) -> Figure {
    let last = match path(values, bounds, level, &[values.len()]) {
        Ok(steps) => steps.into_iter().next_back(),
        Err(why) => return Figure::absent(why),
    };
    let Some(step) = last else {
        return Figure::absent("there are no values");
    };
    let figure = Figure::known(
        step.mean,
        step.n,
        "mean, hedged-capital confidence sequence, valid at any stopping time",
    )
    .with_clusters(step.n);
    let stretched =
        Interval { low: step.interval.low.min(step.mean), high: step.interval.high.max(step.mean), level };
    let figure = figure.with_interval(Some(stretched));
    if step.interval.contains(step.mean) {
        figure
    } else {
        figure.with_note(
            "the mean has moved out of what was ruled out earlier: did the questions come in random order?",
        )
    }
}

/// The p-value against a mean of `null` that is valid at any stopping time: one over the highest that the larger
/// half of the hedged capital ever was, at most 1. It is below 0.05 exactly where the 95 % sequence excludes
/// `null`, up to bets being placed for that level.
pub fn p_value(values: &[f64], bounds: (f64, f64), null: f64) -> Figure {
    let bets = match Bets::on(values, bounds, 0.05) {
        Ok(bets) => bets,
        Err(why) => return Figure::absent(why),
    };
    let m = (null - bounds.0) / (bounds.1 - bounds.0);
    if !(0.0..=1.0).contains(&m) {
        return Figure::absent("the mean asked about lies outside the bounds");
    }
    let highest = bets.highest(m).max(bets.mirrored().highest(1.0 - m));
    Figure::known((2.0 / highest.exp()).min(1.0), values.len(), "anytime-valid p-value, hedged capital")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_values_bad_bounds_and_values_outside_have_no_sequence() {
        assert!(mean(&[], (-4.0, 4.0), 0.95).why_absent().is_some());
        assert!(mean(&[1.0], (4.0, -4.0), 0.95).why_absent().is_some());
        assert!(mean(&[5.0], (-4.0, 4.0), 0.95).why_absent().is_some());
        assert!(mean(&[f64::NAN], (-4.0, 4.0), 0.95).why_absent().is_some());
        assert!(p_value(&[1.0], (-4.0, 4.0), 9.0).why_absent().is_some());
    }

    #[test]
    fn one_value_rules_out_next_to_nothing() {
        let figure = mean(&[4.0], (-4.0, 4.0), 0.95);
        assert!(figure.interval().is_some_and(|i| i.width() > 6.0), "{figure:?}");
        assert_eq!(p_value(&[0.0], (-4.0, 4.0), 0.0).value(), Some(1.0));
    }

    #[test]
    fn constant_values_close_in_on_themselves() {
        let figure = mean(&[1.0; 400], (-4.0, 4.0), 0.95);
        let interval = figure.interval().expect("an interval");
        assert!(interval.contains(1.0) && interval.width() < 0.3, "{interval:?}");
        assert!(p_value(&[1.0; 400], (-4.0, 4.0), 0.0).value().is_some_and(|p| p < 1e-6));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_sequence_only_shrinks_mirrors_and_agrees_with_the_p_value(values in prop::collection::vec(-4i8..=4, 1..120)) {
            let there: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
            let back: Vec<f64> = there.iter().map(|v| -v).collect();
            let every: Vec<usize> = (1..=there.len()).collect();
            let steps = path(&there, (-4.0, 4.0), 0.95, &every).unwrap();
            for (a, b) in steps.iter().zip(&steps[1..]) {
                prop_assert!(b.interval.low >= a.interval.low && b.interval.high <= a.interval.high);
            }
            let (a, b) = (mean(&there, (-4.0, 4.0), 0.95), mean(&back, (-4.0, 4.0), 0.95));
            let (i, j) = (a.interval().unwrap(), b.interval().unwrap().negated());
            prop_assert!((i.low - j.low).abs() < 1e-9 && (i.high - j.high).abs() < 1e-9);
            prop_assert!(i.contains(a.value().unwrap()));
            let last = steps[steps.len() - 1].interval;
            let p = p_value(&there, (-4.0, 4.0), 0.0).value().unwrap();
            if (p - 0.05).abs() > 1e-9 {
                prop_assert_eq!(p < 0.05, !last.contains(0.0));
            }
        }
    }
}
