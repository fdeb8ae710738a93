//! Every figure against what scipy, statsmodels, krippendorff and choix say about random data:
//! `tests/data/statistics.json`, made by `tests/reference/statistics.py`.

use serde_json::Value;

use super::alpha::{Metric, Unit, alpha};
use super::bootstrap::{Ends, Plan, Sums, cluster, cluster_pairs, difference, mean};
use super::bradley_terry::{Comparison, Spread, scores};
use super::distribution::t_quantile;
use super::figure::{Figure, Interval};
use super::kappa::{Weights, kappa};
use super::multiple::holm;
use super::preference::sign_test;
use super::proportion::{wilson, wilson_clustered};
use super::wilcoxon::{Zeros, shift, signed_rank};
use super::{annotator, anytime};

fn cases(name: &str) -> Vec<Value> {
    let all: Value =
        serde_json::from_str(include_str!("../../tests/data/statistics.json")).expect("reference data");
    let cases = all[name].as_array().expect("a list of cases").clone();
    assert!(!cases.is_empty());
    cases
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(number).collect()
}

fn count(value: &Value) -> usize {
    value.as_u64().expect("a whole number") as usize
}

/// To 1e-9, absolutely where numbers are small.
fn same(found: f64, expected: f64, what: &str) {
    assert!(
        (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        "{what}: {found}, expected {expected}"
    );
}

fn same_figure(figure: &Figure, value: f64, low: f64, high: f64) {
    let Interval { low: found_low, high: found_high, .. } = figure.interval().expect("an interval");
    same(figure.value().expect("a value"), value, "value");
    same(found_low, low, "low");
    same(found_high, high, "high");
}

#[test]
fn wilsons_interval_is_that_of_statsmodels() {
    for case in cases("wilson") {
        let (k, n) = (count(&case["k"]), count(&case["n"]));
        let figure = wilson(k, n, number(&case["level"]));
        same_figure(&figure, k as f64 / n as f64, number(&case["low"]), number(&case["high"]));
    }
}

#[test]
fn sign_and_binomial_test_are_that_of_scipy() {
    for case in cases("binomial") {
        let (k, n) = (count(&case["k"]), count(&case["n"]));
        same(sign_test(k, n - k).value().expect("a p-value"), number(&case["p"]), "sign test");
        same(
            annotator::left_rate(k, n - k, 0.95).p.value().expect("a p-value"),
            number(&case["p"]),
            "left-rate",
        );
    }
}

#[test]
fn the_signed_rank_test_is_that_of_scipy_and_of_trying_every_sign() {
    for case in cases("wilcoxon") {
        let differences = numbers(&case["d"]);
        let zeros = if case["pratt"] == true { Zeros::Pratt } else { Zeros::Wilcoxon };
        let test = signed_rank(&differences, zeros).expect("a test");
        for (figure, key) in [(&test.p, "two"), (&test.p_greater, "greater"), (&test.p_less, "less")] {
            same(figure.value().expect("a p-value"), number(&case[key]), key);
        }
        if let Some(expected) = case.get("shift") {
            let shift = shift(&differences, 0.95);
            same(shift.value().expect("a shift"), number(expected), "shift");
            match case["interval"].as_array() {
                Some(ends) => same_figure(&shift, number(expected), number(&ends[0]), number(&ends[1])),
                None => assert_eq!(shift.interval(), None),
            }
        }
    }
}

#[test]
fn holms_adjustment_is_that_of_statsmodels() {
    for case in cases("holm") {
        let p: Vec<Option<f64>> = numbers(&case["p"]).into_iter().map(Some).collect();
        for (found, expected) in holm(&p).into_iter().zip(numbers(&case["adjusted"])) {
            same(found.expect("adjusted"), expected, "adjusted");
        }
    }
}

#[test]
fn students_quantiles_are_those_of_scipy() {
    for case in cases("t_quantiles") {
        same(t_quantile(number(&case["p"]), number(&case["freedom"])), number(&case["t"]), "t");
    }
}

#[test]
fn the_bootstrap_of_a_mean_is_that_of_scipy_within_the_noise_of_its_draws() {
    for case in cases("means") {
        let values = numbers(&case["x"]);
        let clusters = cluster(values.iter().copied().enumerate());
        let plan = Plan { resamples: 40_000, ..Plan::default() };
        for (ends, key) in [(Ends::Percentile, "percentile"), (Ends::BiasCorrected, "BCa")] {
            let figure = mean(&clusters, &plan, ends);
            let (interval, expected) = (figure.interval().expect("an interval"), numbers(&case[key]));
            same(figure.value().expect("a mean"), number(&case["mean"]), "mean");
            // A quantile at 2.5 % of 40,000 draws is off by 0.7 % of the width, as a rule; a mean of few ratings
            // takes steps of one rating in n on top.
            let noise = 0.025 * interval.width() + 1.0 / values.len() as f64 * 0.5;
            assert!((interval.low - expected[0]).abs() < noise, "{key}: {interval:?} {expected:?}");
            assert!((interval.high - expected[1]).abs() < noise, "{key}: {interval:?} {expected:?}");
        }
        let jackknife = mean(&clusters, &plan, Ends::Jackknife);
        let t = numbers(&case["t"]);
        same_figure(&jackknife, number(&case["mean"]), t[0], t[1]);
    }
}

#[test]
fn clusters_of_uneven_size_have_the_jackknife_and_the_effective_share_computed_by_hand() {
    for case in cases("clustered") {
        let rows: Vec<Vec<f64>> = case["rows"].as_array().expect("rows").iter().map(numbers).collect();
        let key = |row: &Vec<f64>| row[0] as usize;
        let plan = Plan::default();
        let pairs = cluster_pairs(rows.iter().map(|r| (key(r), r[1], r[2])));
        let expected = numbers(&case["difference"]);
        same_figure(&difference(&pairs, &plan, Ends::Jackknife), expected[0], expected[1], expected[2]);
        let singles = cluster(rows.iter().map(|r| (key(r), r[1])));
        let expected = numbers(&case["mean"]);
        same_figure(&mean(&singles, &plan, Ends::Jackknife), expected[0], expected[1], expected[2]);
        let good: Vec<Sums> = cluster(rows.iter().map(|r| (key(r), f64::from(u8::from(r[1] >= 4.0)))));
        let expected = numbers(&case["share"]);
        same_figure(&wilson_clustered(&good, 0.95), expected[0], expected[1], expected[2]);
    }
}

fn games(case: &Value) -> Vec<Comparison> {
    let rows = case["games"].as_array().expect("games").iter().map(numbers);
    rows.map(|g| Comparison {
        cluster: g[0] as usize,
        first: g[1] as usize,
        second: g[2] as usize,
        score: g[3],
    })
    .collect()
}

#[test]
fn bradley_terry_scores_are_those_of_choix_and_their_variance_that_of_the_matrices() {
    for case in cases("bradley_terry") {
        let figures = scores(count(&case["contenders"]), &games(&case), Spread::Robust { level: 0.95 });
        for ((figure, score), half) in
            figures.iter().zip(numbers(&case["scores"])).zip(numbers(&case["half"]))
        {
            same_figure(figure, score, score - half, score + half);
        }
    }
}

#[test]
fn the_bootstrap_of_scores_is_as_wide_as_their_clustered_variance_says() {
    let case = &cases("bradley_terry")[1];
    let figures = scores(count(&case["contenders"]), &games(case), Spread::Bootstrap(Plan::default()));
    for (figure, error) in figures.iter().zip(numbers(&case["clustered"])) {
        let width = figure.interval().expect("an interval").width();
        assert!((0.85..1.2).contains(&(width / (2.0 * 1.96 * error))), "{width} against an error of {error}");
    }
}

#[test]
fn alpha_is_that_of_the_package_krippendorff() {
    for case in cases("alpha") {
        let units: Vec<Unit> = case["units"]
            .as_array()
            .expect("units")
            .iter()
            .enumerate()
            .map(|(cluster, ratings)| Unit { cluster, ratings: numbers(ratings) })
            .collect();
        for (metric, key) in
            [(Metric::Nominal, "nominal"), (Metric::Ordinal, "ordinal"), (Metric::Interval, "interval")]
        {
            let figure = alpha(&units, metric, &Plan { resamples: 50, ..Plan::default() }, Ends::Percentile);
            same(figure.value().expect("an alpha"), number(&case[key]), key);
        }
    }
}

#[test]
fn kappa_and_its_standard_error_are_those_of_statsmodels() {
    for case in cases("kappa") {
        let pairs: Vec<(f64, f64)> =
            case["pairs"].as_array().expect("pairs").iter().map(numbers).map(|p| (p[0], p[1])).collect();
        for (weights, key) in
            [(Weights::Equal, "equal"), (Weights::Linear, "linear"), (Weights::Quadratic, "quadratic")]
        {
            let (value, error) = (number(&case[key][0]), number(&case[key][1]));
            let half = t_quantile(0.975, pairs.len() as f64 - 1.0) * error / (1.0 - value);
            let (low, high) = (1.0 - (1.0 - value) * half.exp(), 1.0 - (1.0 - value) * (-half).exp());
            same_figure(&kappa(&pairs, weights, 0.95), value, low.max(-1.0), high);
        }
    }
}

#[test]
fn the_confidence_sequence_is_that_of_the_formula_in_its_paper() {
    for case in cases("sequence") {
        let values = numbers(&case["x"]);
        let steps = anytime::path(&values, (-4.0, 4.0), 0.95, &[values.len()]).expect("a sequence");
        same(steps[0].interval.low, number(&case["low"]), "low");
        same(steps[0].interval.high, number(&case["high"]), "high");
        let p = anytime::p_value(&values, (-4.0, 4.0), 0.0);
        same(p.value().expect("a p-value"), number(&case["p"]), "p");
    }
}

#[test]
fn pace_has_the_quartiles_of_numpy_and_the_order_statistics_of_scipy() {
    for case in cases("pace") {
        let quartiles = numbers(&case["quartiles"]);
        let pace = annotator::pace(&numbers(&case["x"]), 0.95);
        let found = pace.quartiles.expect("quartiles");
        same(found.0, quartiles[0], "first quartile");
        same(pace.median.value().expect("a median"), quartiles[1], "median");
        same(found.1, quartiles[2], "third quartile");
        match case["interval"].as_array() {
            Some(ends) => same_figure(&pace.median, quartiles[1], number(&ends[0]), number(&ends[1])),
            None => assert_eq!(pace.median.interval(), None),
        }
    }
}
