//! Bradley-Terry scores of three or more contenders from who beat whom.
//!
//! The chance that `i` beats `j` is `1 / (1 + exp(s_j - s_i))`: R. A. Bradley and M. E. Terry (1952),
//! Biometrika 39. A tie counts as half a win for both, so scores are comparable with and without ties but say
//! nothing of how likely a tie is (Davidson's model of 1970 would).
//!
//! Scores are the mode under a normal prior of mean 0 and standard deviation [`PRIOR_SPREAD`] on each: a
//! contender that never lost stays finite, and a hundred comparisons move away from the prior by half a per
//! cent or less. The mode sums to nought by itself. Found by Newton's method, since the objective is concave.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::bootstrap::{Ends, Plan, draw, ends_of};
use super::distribution::t_quantile;
use super::figure::{Figure, Interval};

/// The standard deviation of the prior of a score, in logits.
pub const PRIOR_SPREAD: f64 = 3.0;

/// One comparison of two contenders.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Which independent group (question) it belongs to.
    pub cluster: usize,
    /// The index of one contender.
    pub first: usize,
    /// The index of the other.
    pub second: usize,
    /// What the first got: 1 for a win, 0.5 for a tie, 0 for a loss.
    pub score: f64,
}

/// Where the intervals of scores come from. Of nominal 95 %, `benches/coverage.rs` finds at 20, 50, 100 and 200
/// questions 91.9, 93.2, 93.8 and 92.8 for the bootstrap and 96.9, 96.2, 95.1 and 95.1 for the robust variance,
/// which is also faster: prefer it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    /// Whole clusters resampled, percentile ends.
    Bootstrap(Plan),
    /// The larger of the curvature's variance (Fisher information and prior) and the cluster-robust one
    /// (sandwich, times G / (G - 1)), with Student's t at G - 1 for G clusters.
    Robust {
        /// The nominal coverage.
        level: f64,
    },
}

/// What the comparisons come to: `wins[i][j]` is what `i` got against `j`.
#[derive(Clone)]
struct Table {
    contenders: usize,
    wins: Vec<f64>,
}

impl Table {
    fn new(contenders: usize) -> Self {
        Self { contenders, wins: vec![0.0; contenders * contenders] }
    }

    fn add(&mut self, meeting: &Meeting) {
        self.wins[meeting.first * self.contenders + meeting.second] += meeting.won;
        self.wins[meeting.second * self.contenders + meeting.first] += meeting.played - meeting.won;
    }

    fn won(&self, i: usize, j: usize) -> f64 {
        self.wins[i * self.contenders + j]
    }

    fn played(&self, i: usize, j: usize) -> f64 {
        self.won(i, j) + self.won(j, i)
    }

    /// How many comparisons a contender was in.
    fn appearances(&self, i: usize) -> f64 {
        (0..self.contenders).map(|j| self.played(i, j)).sum()
    }

    /// Whether everyone can be reached from the first by comparisons.
    fn connected(&self) -> bool {
        let mut reached = vec![false; self.contenders];
        let mut open = vec![0];
        reached[0] = true;
        while let Some(i) = open.pop() {
            for (j, reached) in reached.iter_mut().enumerate() {
                if !*reached && self.played(i, j) > 0.0 {
                    *reached = true;
                    open.push(j);
                }
            }
        }
        reached.iter().all(|r| *r)
    }

    fn objective(&self, scores: &[f64]) -> f64 {
        let mut sum = -scores.iter().map(|s| s * s).sum::<f64>() / (2.0 * PRIOR_SPREAD * PRIOR_SPREAD);
        for i in 0..self.contenders {
            for j in 0..self.contenders {
                if self.won(i, j) > 0.0 {
                    sum -= self.won(i, j) * softplus(scores[j] - scores[i]);
                }
            }
        }
        sum
    }

    fn gradient(&self, scores: &[f64]) -> Vec<f64> {
        let shrink = 1.0 / (PRIOR_SPREAD * PRIOR_SPREAD);
        (0..self.contenders)
            .map(|i| {
                let surprise: f64 = (0..self.contenders)
                    .map(|j| self.won(i, j) - self.played(i, j) * beats(scores[i], scores[j]))
                    .sum();
                surprise - shrink * scores[i]
            })
            .collect()
    }

    /// Minus the matrix of second derivatives: positive definite, thanks to the prior.
    fn curvature(&self, scores: &[f64]) -> Vec<f64> {
        let k = self.contenders;
        let mut matrix = vec![0.0; k * k];
        for i in 0..k {
            matrix[i * k + i] += 1.0 / (PRIOR_SPREAD * PRIOR_SPREAD);
            for j in 0..k {
                let p = beats(scores[i], scores[j]);
                let information = self.played(i, j) * p * (1.0 - p);
                matrix[i * k + i] += information;
                matrix[i * k + j] -= information;
            }
        }
        matrix
    }

    /// The mode, from `start`. None where it was not found, which only numbers out of all proportion bring about.
    fn mode(&self, start: &[f64]) -> Option<Vec<f64>> {
        let mut scores = start.to_vec();
        let mut height = self.objective(&scores);
        for _ in 0..200 {
            let step = solve(&self.curvature(&scores), &self.gradient(&scores))?;
            let mut stride = 1.0;
            loop {
                let next: Vec<f64> = scores.iter().zip(&step).map(|(s, d)| s + stride * d).collect();
                let reached = self.objective(&next);
                // The last steps gain less than rounding loses.
                if reached >= height - 1e-12 * height.abs() || stride < 1e-6 {
                    scores = next;
                    height = reached;
                    break;
                }
                stride /= 2.0;
            }
            if step.iter().all(|d| (stride * d).abs() < 1e-12) {
                return Some(scores);
            }
        }
        None
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn beats(a: f64, b: f64) -> f64 {
    1.0 / (1.0 + (b - a).exp())
}

/// Solves a symmetric positive definite system by Cholesky's factors; None where the matrix is none.
fn solve(matrix: &[f64], right: &[f64]) -> Option<Vec<f64>> {
    let k = right.len();
    let mut lower = vec![0.0; k * k];
    for i in 0..k {
        for j in 0..=i {
            let inner: f64 = (0..j).map(|c| lower[i * k + c] * lower[j * k + c]).sum();
            let rest = matrix[i * k + j] - inner;
            if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                lower[i * k + i] = rest.sqrt();
            } else {
                lower[i * k + j] = rest / lower[j * k + j];
            }
        }
    }
    let mut solution = right.to_vec();
    for i in 0..k {
        let inner: f64 = (0..i).map(|c| lower[i * k + c] * solution[c]).sum();
        solution[i] = (solution[i] - inner) / lower[i * k + i];
    }
    for i in (0..k).rev() {
        let inner: f64 = (i + 1..k).map(|c| lower[c * k + i] * solution[c]).sum();
        solution[i] = (solution[i] - inner) / lower[i * k + i];
    }
    Some(solution)
}

/// The score of every contender on the log scale, centred: a difference of `d` means odds of `exp(d)`.
///
/// `n` of a figure counts the comparisons that its contender was in. All are absent where the contenders fall
/// into groups that were never compared with each other. A contender that never lost, or never won, says so:
/// its score is finite by the prior alone, and its interval is a matter of the prior too.
pub fn scores(contenders: usize, comparisons: &[Comparison], spread: Spread) -> Vec<Figure> {
    let absent = |why: &'static str| vec![Figure::absent(why); contenders];
    if contenders < 2 || comparisons.is_empty() {
        return absent("nothing was compared");
    }
    let valid = |c: &Comparison| {
        c.first < contenders && c.second < contenders && c.first != c.second && (0.0..=1.0).contains(&c.score)
    };
    if !comparisons.iter().all(valid) {
        return absent("a comparison is not of two contenders, or its score not between 0 and 1");
    }
    let questions = by_cluster(comparisons);
    let table = gather(contenders, &questions, 0..questions.len());
    if !table.connected() {
        return absent("the contenders fall into groups never compared with each other");
    }
    let Some(mode) = table.mode(&vec![0.0; contenders]) else {
        return absent("no scores were found");
    };
    let intervals = match spread {
        Spread::Bootstrap(plan) => resampled(contenders, &questions, &mode, &plan),
        Spread::Robust { level } => robust(&table, &questions, &mode, level),
    };
    let how: Cow<'static, str> = match spread {
        Spread::Bootstrap(plan) => {
            format!("percentile bootstrap over questions ({} resamples, seed {})", plan.resamples, plan.seed)
                .into()
        }
        Spread::Robust { .. } => "larger of Fisher's and the cluster-robust variance, Student's t".into(),
    };
    let method = format!("Bradley-Terry, ties as half wins, normal prior of spread {PRIOR_SPREAD}, {how}");
    (0..contenders)
        .map(|i| {
            let n = table.appearances(i);
            let won: f64 = (0..contenders).map(|j| table.won(i, j)).sum();
            let mut figure =
                Figure::known(mode[i], n.round() as usize, method.clone()).with_clusters(questions.len());
            figure = match &intervals[i] {
                Ok(interval) => figure.with_interval(Some(*interval)),
                Err(why) => figure.with_note(*why),
            };
            if won >= n {
                figure = figure.with_note("it never lost: its score is finite by the prior alone");
            } else if won <= 0.0 {
                figure = figure.with_note("it never won: its score is finite by the prior alone");
            }
            figure
        })
        .collect()
}

/// All that two contenders did against each other in one cluster.
struct Meeting {
    first: usize,
    second: usize,
    /// What the first got.
    won: f64,
    played: f64,
}

/// The meetings of every cluster, in an order that does not depend on how the comparisons came.
fn by_cluster(comparisons: &[Comparison]) -> Vec<Vec<Meeting>> {
    let mut clusters: BTreeMap<usize, BTreeMap<(usize, usize), Vec<f64>>> = BTreeMap::new();
    for c in comparisons {
        let (pair, score) = if c.first < c.second {
            ((c.first, c.second), c.score)
        } else {
            ((c.second, c.first), 1.0 - c.score)
        };
        clusters.entry(c.cluster).or_default().entry(pair).or_default().push(score);
    }
    let meeting = |((first, second), mut scores): ((usize, usize), Vec<f64>)| {
        scores.sort_by(f64::total_cmp);
        Meeting { first, second, won: scores.iter().sum(), played: scores.len() as f64 }
    };
    clusters.into_values().map(|pairs| pairs.into_iter().map(meeting).collect()).collect()
}

fn gather(contenders: usize, questions: &[Vec<Meeting>], which: impl Iterator<Item = usize>) -> Table {
    let mut table = Table::new(contenders);
    for question in which {
        for meeting in &questions[question] {
            table.add(meeting);
        }
    }
    table
}

type Ended = Result<Interval, &'static str>;

fn resampled(contenders: usize, questions: &[Vec<Meeting>], mode: &[f64], plan: &Plan) -> Vec<Ended> {
    let mut random = ChaCha20Rng::seed_from_u64(plan.seed);
    let mut found = vec![Vec::with_capacity(plan.resamples); contenders];
    for _ in 0..plan.resamples {
        let drawn = (0..questions.len()).map(|_| draw(&mut random, questions.len()));
        let table = gather(contenders, questions, drawn);
        if let Some(scores) = table.mode(mode) {
            for (found, score) in found.iter_mut().zip(scores) {
                found.push(score);
            }
        }
    }
    let whole = questions.len();
    found.into_iter().zip(mode).map(|(f, m)| ends_of(f, *m, &[], whole, plan, Ends::Percentile)).collect()
}

fn robust(table: &Table, questions: &[Vec<Meeting>], mode: &[f64], level: f64) -> Vec<Ended> {
    let (k, groups) = (table.contenders, questions.len() as f64);
    if questions.len() < 2 {
        return vec![Err("no interval: it needs two questions at least"); k];
    }
    if !(level > 0.0 && level < 1.0) {
        return vec![Err("no interval: its level makes no sense"); k];
    }
    let curvature = table.curvature(mode);
    let t = t_quantile(f64::midpoint(1.0, level), groups - 1.0);
    // The share of each cluster in the gradient; the prior's is no cluster's.
    let pulls: Vec<Vec<f64>> = questions
        .iter()
        .map(|question| {
            let mut pull = vec![0.0; k];
            for m in question {
                let surprise = m.won - m.played * beats(mode[m.first], mode[m.second]);
                pull[m.first] += surprise;
                pull[m.second] -= surprise;
            }
            pull
        })
        .collect();
    (0..k)
        .map(|i| {
            // Scores are centred: how far all of them could move together is no part of the spread.
            let centred: Vec<f64> = (0..k).map(|j| f64::from(u8::from(i == j)) - 1.0 / k as f64).collect();
            let row = solve(&curvature, &centred).ok_or("no interval: the curvature is too flat")?;
            let fisher: f64 = row.iter().zip(&centred).map(|(r, c)| r * c).sum();
            let influence = |pull: &Vec<f64>| row.iter().zip(pull).map(|(r, p)| r * p).sum::<f64>();
            let clustered = groups / (groups - 1.0) * pulls.iter().map(|p| influence(p).powi(2)).sum::<f64>();
            let half = t * fisher.max(clustered).sqrt();
            Ok(Interval { low: mode[i] - half, high: mode[i] + half, level })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROBUST: Spread = Spread::Robust { level: 0.95 };

    fn comparison(cluster: usize, first: usize, second: usize, score: f64) -> Comparison {
        Comparison { cluster, first, second, score }
    }

    fn values(figures: &[Figure]) -> Vec<f64> {
        figures.iter().map(|f| f.value().expect("a score")).collect()
    }

    #[test]
    fn contenders_never_compared_have_no_scores() {
        let two_islands = [comparison(0, 0, 1, 1.0), comparison(1, 2, 3, 0.5)];
        assert!(scores(4, &two_islands, ROBUST).iter().all(|f| f.why_absent().is_some()));
        assert!(scores(3, &two_islands[..1], ROBUST)[0].why_absent().is_some());
        assert!(scores(2, &[], ROBUST)[0].why_absent().is_some());
        assert!(scores(2, &[comparison(0, 0, 5, 1.0)], ROBUST)[0].why_absent().is_some());
    }

    #[test]
    fn who_never_lost_has_a_finite_score_and_says_so() {
        let always: Vec<_> = (0..30)
            .flat_map(|c| [comparison(c, 0, 1, 1.0), comparison(c, 1, 2, f64::from(c as u32 % 2))])
            .collect();
        for spread in [ROBUST, Spread::Bootstrap(Plan::default())] {
            let figures = scores(3, &always, spread);
            assert!(values(&figures).iter().all(|v| v.is_finite()));
            let note = figures[0].estimate().and_then(|e| e.note.clone()).unwrap_or_default();
            assert!(note.contains("never lost"), "{note}");
        }
    }

    #[test]
    fn two_contenders_have_the_log_odds_of_winning() {
        let forty: Vec<_> =
            (0..4_000).map(|c| comparison(c, 0, 1, if c % 4 == 0 { 0.0 } else { 1.0 })).collect();
        let found = values(&scores(2, &forty, ROBUST));
        assert!((found[0] - found[1] - 3.0_f64.ln()).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn ties_alone_leave_everyone_at_nought() {
        let ties: Vec<_> = (0..20).map(|c| comparison(c, c % 3, (c + 1) % 3, 0.5)).collect();
        assert!(values(&scores(3, &ties, ROBUST)).iter().all(|v| v.abs() < 1e-12));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn scores_are_centred_mirror_and_do_not_depend_on_the_order(
            games in prop::collection::vec((0usize..15, 0usize..4, 1usize..4, 0u8..=2), 1..80),
        ) {
            let all: Vec<_> = games
                .iter()
                .map(|(c, a, step, s)| comparison(*c, *a, (a + step) % 4, f64::from(*s) / 2.0))
                .collect();
            let plan = Plan { resamples: 50, ..Plan::default() };
            for spread in [ROBUST, Spread::Bootstrap(plan)] {
                let figures = scores(4, &all, spread);
                if figures[0].value().is_none() {
                    continue;
                }
                let found = values(&figures);
                prop_assert!(found.iter().sum::<f64>().abs() < 1e-9);
                let mut turned = all.clone();
                turned.reverse();
                prop_assert_eq!(&figures, &scores(4, &turned, spread));
                let lost: Vec<_> = all.iter().map(|c| Comparison { score: 1.0 - c.score, ..*c }).collect();
                for (a, b) in found.iter().zip(values(&scores(4, &lost, spread))) {
                    prop_assert!((a + b).abs() < 1e-8);
                }
            }
        }
    }
}
