//! How often each interval of the statistics holds the truth, beside how often it says it does.
//!
//! `cargo bench --bench coverage` simulates 2,000 studies a line and prints nominal and actual coverage, how often
//! the truth lay below and above, and the mean width; `-- --quick`, or running it any other way, takes 50. The
//! standard error of a coverage near 95 % from 2,000 studies is 0.5 points. Bootstraps draw 1,000 resamples here.
//!
//! The studies: five-point ratings of questions by two annotators, made from a question's own level, a contender's
//! effect on the question and noise, rounded and cut off to the scale. Truths are means over two million simulated
//! questions.

// Printing is what this program is for.
#![allow(clippy::print_stdout)]

use juxta::analysis::alpha::{Metric, Unit, alpha};
use juxta::analysis::anytime;
use juxta::analysis::bootstrap::{Ends, Plan, Sums, cluster, cluster_pairs, difference, mean};
use juxta::analysis::bradley_terry::{Comparison, Spread, scores};
use juxta::analysis::kappa::{Weights, kappa};
use juxta::analysis::preference::{Record, shares_clustered};
use juxta::analysis::proportion::wilson;
use juxta::analysis::wilcoxon::shift;
use juxta::analysis::{Figure, Interval};
use rand::Rng;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

const ALL_ENDS: [(&str, Ends); 4] = [
    ("percentile", Ends::Percentile),
    ("expanded percentile", Ends::Expanded),
    ("BCa", Ends::BiasCorrected),
    ("jackknife t", Ends::Jackknife),
];

fn main() {
    let quick = std::env::args().any(|a| a == "--quick") || !std::env::args().any(|a| a == "--bench");
    let studies = if quick { 50 } else { 2_000 };
    println!("{studies} studies a line; every interval is meant to hold the truth 95 times in 100\n");
    println!(
        "{:<44} {:>5} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "interval", "n", "covers", "below", "above", "absent", "width"
    );
    // Two halves of about the same length, for two cores.
    std::thread::scope(|scope| {
        let parts: Vec<fn(usize) -> String> = vec![|n| [proportions(n), middling(n)].concat(), |n| {
            [top(n), shifts(n), sequences(n), pairs_of_annotators(n), contenders(n)].concat()
        }];
        let parts: Vec<_> = parts.into_iter().map(|part| scope.spawn(move || part(studies))).collect();
        for part in parts {
            print!("{}", part.join().unwrap_or_else(|_| "this part failed\n".to_string()));
        }
    });
}

/// What became of the intervals of one line.
#[derive(Default)]
struct Tally {
    covered: usize,
    /// The truth lay below the interval.
    below: usize,
    above: usize,
    absent: usize,
    width: f64,
}

impl Tally {
    fn count(&mut self, interval: Option<Interval>, truth: f64) {
        let Some(interval) = interval else {
            self.absent += 1;
            return;
        };
        self.width += interval.width();
        // A truth on the edge of an interval is in it, whatever rounding says.
        if truth < interval.low - 1e-9 {
            self.below += 1;
        } else if truth > interval.high + 1e-9 {
            self.above += 1;
        } else {
            self.covered += 1;
        }
    }

    fn line(&self, name: &str, n: usize) -> String {
        let there = (self.covered + self.below + self.above).max(1) as f64;
        let share = |k: usize| 100.0 * k as f64 / there;
        format!(
            "{name:<44} {n:>5} {:>6.1}% {:>6.1}% {:>6.1}% {:>7} {:>7.3}\n",
            share(self.covered),
            share(self.below),
            share(self.above),
            self.absent,
            self.width / there
        )
    }
}

fn normal(random: &mut ChaCha20Rng) -> f64 {
    let (u, v): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn rating(x: f64) -> f64 {
    x.round().clamp(1.0, 5.0)
}

/// Two annotators' ratings of the baseline's and the other's answer to one question.
fn question(random: &mut ChaCha20Rng, centre: f64, effect: f64) -> [(f64, f64); 2] {
    let level = centre + 0.8 * normal(random);
    let own = effect + 0.6 * normal(random);
    std::array::from_fn(|_| {
        let severity = 0.3 * normal(random);
        (
            rating(level + severity + 0.5 * normal(random)),
            rating(level + own + severity + 0.5 * normal(random)),
        )
    })
}

fn proportions(studies: usize) -> String {
    let mut out = String::new();
    let mut random = ChaCha20Rng::seed_from_u64(1);
    for (n, p) in [(20, 0.1), (20, 0.5), (50, 0.1), (50, 0.5), (200, 0.1), (200, 0.5)] {
        let mut tally = Tally::default();
        for _ in 0..studies {
            let k = (0..n).filter(|_| random.random::<f64>() < p).count();
            tally.count(wilson(k, n, 0.95).interval(), p);
        }
        out += &tally.line(&format!("Wilson, share {p}"), n);
    }
    out.push('\n');
    out
}

fn middling(studies: usize) -> String {
    ratings(studies, "middling", 3.2, 0.4)
}

fn top(studies: usize) -> String {
    ratings(studies, "near the top", 4.6, 0.3)
}

fn ratings(studies: usize, what: &str, centre: f64, effect: f64) -> String {
    let mut out = String::new();
    let mut random = ChaCha20Rng::seed_from_u64(2);
    let (mut sum, mut apart, mut ahead) = (0.0, 0.0, 0.0);
    let questions = 2_000_000;
    for _ in 0..questions {
        for (a, b) in question(&mut random, centre, effect) {
            sum += a;
            apart += b - a;
            ahead += 0.5 + 0.5 * f64::from(i8::from(b > a) - i8::from(a > b));
        }
    }
    let judgments = 2.0 * f64::from(questions);
    let (mean_truth, difference_truth, ahead_truth) = (sum / judgments, apart / judgments, ahead / judgments);
    for n in [20, 50, 100, 200] {
        let mut means: [Tally; 4] = Default::default();
        let mut differences: [Tally; 4] = Default::default();
        let mut preferred = Tally::default();
        for study in 0..studies {
            let rows: Vec<(usize, f64, f64)> =
                (0..n).flat_map(|q| question(&mut random, centre, effect).map(|(a, b)| (q, a, b))).collect();
            let singles = cluster(rows.iter().map(|(q, a, _)| (*q, *a)));
            let pairs = cluster_pairs(rows.iter().copied());
            let plan = Plan { seed: study as u64, resamples: 1_000, ..Plan::default() };
            for (e, (_, ends)) in ALL_ENDS.iter().enumerate() {
                means[e].count(mean(&singles, &plan, *ends).interval(), mean_truth);
                differences[e].count(difference(&pairs, &plan, *ends).interval(), difference_truth);
            }
            let records: Vec<Record> =
                rows.chunks(2).map(|two| Record::of(&[two[0].2 - two[0].1, two[1].2 - two[1].1])).collect();
            preferred.count(shares_clustered(&records, 0.95).with_ties.interval(), ahead_truth);
        }
        for (e, (name, _)) in ALL_ENDS.iter().enumerate() {
            out += &means[e].line(&format!("mean, {what}, {name}"), n);
        }
        for (e, (name, _)) in ALL_ENDS.iter().enumerate() {
            out += &differences[e].line(&format!("difference, {what}, {name}"), n);
        }
        out += &preferred.line(&format!("wins and half ties, {what}, Wilson"), n);
    }
    out.push('\n');
    out
}

fn shifts(studies: usize) -> String {
    let mut out = String::new();
    let mut random = ChaCha20Rng::seed_from_u64(3);
    for n in [20, 50, 100] {
        let mut tally = Tally::default();
        for _ in 0..studies {
            let shifted: Vec<f64> = (0..n).map(|_| 0.4 + normal(&mut random)).collect();
            tally.count(shift(&shifted, 0.95).interval(), 0.4);
        }
        out += &tally.line("Hodges-Lehmann shift, without ties", n);
    }
    out.push('\n');
    out
}

/// Looks after every question: a study counts as covered only if the sequence held the truth all the time.
fn sequences(studies: usize) -> String {
    let mut out = String::new();
    for (effect, n) in [(0.0, 50), (0.0, 200), (0.0, 1_000), (0.4, 200)] {
        let mut random = ChaCha20Rng::seed_from_u64(4);
        let truth: f64 = (0..1_000_000)
            .map(|_| question(&mut random, 3.2, effect).iter().map(|(a, b)| b - a).sum::<f64>() / 2.0)
            .sum::<f64>()
            / 1e6;
        let (mut sequence, mut last, mut fixed) = (Tally::default(), Tally::default(), Tally::default());
        for _ in 0..studies {
            let values: Vec<f64> = (0..n)
                .map(|_| question(&mut random, 3.2, effect).iter().map(|(a, b)| b - a).sum::<f64>() / 2.0)
                .collect();
            let steps = anytime::path(&values, (-4.0, 4.0), 0.95, &[n]).unwrap_or_default();
            // It only shrinks: what holds the truth at the end has held it all along.
            sequence.count(steps.first().map(|s| s.interval), truth);
            // What looking every ten questions does to an interval that is not made for it.
            let looked = (10..=n).step_by(10).map(|k| student(&values[..k])).collect::<Vec<_>>();
            let missed = looked.iter().find(|i| !i.contains(truth)).or(looked.last());
            fixed.count(missed.copied(), truth);
            last.count(looked.last().copied(), truth);
        }
        out += &sequence.line(&format!("confidence sequence at any time, effect {effect}"), n);
        out += &fixed.line(&format!("  Student's t looked at every ten, effect {effect}"), n);
        out += &last.line(&format!("  Student's t looked at once, effect {effect}"), n);
    }
    out.push('\n');
    out
}

fn student(values: &[f64]) -> Interval {
    let clusters: Vec<Sums> = values.iter().map(|v| Sums { total: *v, count: 1 }).collect();
    let nothing = Interval { low: f64::NEG_INFINITY, high: f64::INFINITY, level: 0.95 };
    mean(&clusters, &Plan::default(), Ends::Jackknife).interval().unwrap_or(nothing)
}

/// Three annotators, of whom one in five ratings is missing, and two who rated everything.
fn pairs_of_annotators(studies: usize) -> String {
    let mut out = String::new();
    let unit = |random: &mut ChaCha20Rng, cluster: usize, all: bool| {
        let level = 3.2 + normal(random);
        let ratings: Vec<f64> = (0..3).map(|_| rating(level + 0.7 * normal(random))).collect();
        Unit {
            cluster,
            ratings: ratings.into_iter().filter(|_| all || random.random::<f64>() < 0.8).collect(),
        }
    };
    let mut random = ChaCha20Rng::seed_from_u64(5);
    let many: Vec<Unit> = (0..300_000).map(|c| unit(&mut random, c, false)).collect();
    let none = Plan { resamples: 2, ..Plan::default() };
    let value = |figure: Figure| figure.value().unwrap_or(f64::NAN);
    let alpha_truth = value(alpha(&many, Metric::Ordinal, &none, Ends::Percentile));
    let two = |units: &[Unit]| units.iter().map(|u| (u.ratings[0], u.ratings[1])).collect::<Vec<_>>();
    let full: Vec<Unit> = (0..300_000).map(|c| unit(&mut random, c, true)).collect();
    let kappa_truth = value(kappa(&two(&full), Weights::Quadratic, 0.95));
    for n in [20, 50, 100, 200] {
        let mut tallies: [Tally; 4] = Default::default();
        let mut by_kappa = Tally::default();
        for study in 0..studies {
            let units: Vec<Unit> = (0..n).map(|c| unit(&mut random, c, false)).collect();
            let plan = Plan { seed: study as u64, resamples: 1_000, ..Plan::default() };
            for (e, (_, ends)) in ALL_ENDS.iter().enumerate() {
                tallies[e].count(alpha(&units, Metric::Ordinal, &plan, *ends).interval(), alpha_truth);
            }
            let full: Vec<Unit> = (0..n).map(|c| unit(&mut random, c, true)).collect();
            by_kappa.count(kappa(&two(&full), Weights::Quadratic, 0.95).interval(), kappa_truth);
        }
        for (e, (name, _)) in ALL_ENDS.iter().enumerate() {
            out += &tallies[e].line(&format!("alpha, ordinal, {name}"), n);
        }
        out += &by_kappa.line("kappa, quadratic, log scale", n);
    }
    out.push('\n');
    out
}

/// Four contenders, two annotators of every pair of a question, who share what the question does to contenders.
fn contenders(studies: usize) -> String {
    let mut out = String::new();
    let strengths = [-0.9, -0.1, 0.2, 0.8];
    let study = |random: &mut ChaCha20Rng, n: usize| -> Vec<Comparison> {
        let mut games = Vec::with_capacity(n * 6);
        for cluster in 0..n {
            let own: [f64; 4] = std::array::from_fn(|i| strengths[i] + 0.7 * normal(random));
            for annotator in 0..2 {
                // Three pairs a question: everyone appears.
                for (first, second) in [(0, 1), (2, 3), ([0, 1][annotator], [2, 3][cluster % 2])] {
                    let apart = own[first] - own[second] + normal(random);
                    let score = if apart.abs() < 0.4 { 0.5 } else { f64::from(u8::from(apart > 0.0)) };
                    games.push(Comparison { cluster, first, second, score });
                }
            }
        }
        games
    };
    let mut random = ChaCha20Rng::seed_from_u64(6);
    let robust = Spread::Robust { level: 0.95 };
    let truth: Vec<f64> = scores(4, &study(&mut random, 300_000), robust)
        .iter()
        .map(|f| f.value().unwrap_or(f64::NAN))
        .collect();
    for n in [20, 50, 100, 200] {
        let (mut by_variance, mut by_resampling) = (Tally::default(), Tally::default());
        for run in 0..studies {
            let games = study(&mut random, n);
            let plan = Plan { seed: run as u64, resamples: 500, ..Plan::default() };
            let variance = scores(4, &games, robust);
            for (figure, truth) in variance.iter().zip(&truth) {
                by_variance.count(figure.interval(), *truth);
            }
            // Resampling takes long: a quarter of the studies.
            if run % 4 == 0 {
                for (figure, truth) in scores(4, &games, Spread::Bootstrap(plan)).iter().zip(&truth) {
                    by_resampling.count(figure.interval(), *truth);
                }
            }
        }
        out += &by_variance.line("Bradley-Terry, robust variance", n);
        out += &by_resampling.line("Bradley-Terry, percentile bootstrap", n);
    }
    out
}
