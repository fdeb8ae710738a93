//! Wins, ties and losses of one contender against another.

use super::bootstrap::Sums;
use super::distribution::fair_coin_two_sided;
use super::figure::{Figure, Interval};
use super::proportion::{wilson, wilson_clustered, wilson_scored};

/// How often a contender won, tied and lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Record {
    /// Comparisons it won.
    pub wins: usize,
    /// Comparisons without a winner.
    pub ties: usize,
    /// Comparisons it lost.
    pub losses: usize,
}

impl Record {
    /// Counts paired differences: positive as wins, zero as ties.
    pub fn of(differences: &[f64]) -> Self {
        let mut record = Self::default();
        for difference in differences {
            if *difference > 0.0 {
                record.wins += 1;
            } else if *difference < 0.0 {
                record.losses += 1;
            } else {
                record.ties += 1;
            }
        }
        record
    }

    /// All comparisons.
    pub fn n(&self) -> usize {
        self.wins + self.ties + self.losses
    }

    /// The record of the other side.
    #[must_use]
    pub fn swapped(&self) -> Self {
        Self { wins: self.losses, ties: self.ties, losses: self.wins }
    }

    /// Both records together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            wins: self.wins + other.wins,
            ties: self.ties + other.ties,
            losses: self.losses + other.losses,
        }
    }
}

/// The shares of a record, each with a Wilson interval.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Shares {
    /// What was counted.
    pub record: Record,
    /// Wins of all comparisons.
    pub wins: Figure,
    /// Ties of all comparisons.
    pub ties: Figure,
    /// Losses of all comparisons.
    pub losses: Figure,
    /// Wins of the comparisons with a winner: the share without ties.
    pub without_ties: Figure,
    /// Wins and half of the ties of all comparisons: the share with ties.
    pub with_ties: Figure,
    /// The sign test of wins against losses.
    pub sign: Figure,
}

/// The shares of one record, its comparisons taken as independent. The share with ties has its interval at the
/// effective number of comparisons ([`wilson_scored`]), since a tie varies less than a throw of a coin.
pub fn shares(record: Record, level: f64) -> Shares {
    let n = record.n();
    let score = |times: usize, total: f64| std::iter::repeat_n(Sums { total, count: 1 }, times);
    let scores: Vec<Sums> =
        score(record.wins, 1.0).chain(score(record.ties, 0.5)).chain(score(record.losses, 0.0)).collect();
    Shares {
        record,
        wins: wilson(record.wins, n, level),
        ties: wilson(record.ties, n, level),
        losses: wilson(record.losses, n, level),
        without_ties: wilson(record.wins, record.wins + record.losses, level),
        with_ties: wilson_scored(&scores, level),
        sign: sign_test(record.wins, record.losses),
    }
}

/// The shares of records that come one a cluster (question): several judgments of one question are not
/// independent, and the Wilson intervals are taken at the effective number of comparisons
/// ([`wilson_clustered`], [`wilson_scored`]). The sign test has one vote a question: more wins than losses, or fewer.
pub fn shares_clustered(records: &[Record], level: f64) -> Shares {
    let record = records.iter().fold(Record::default(), |all, one| all.and(one));
    let sums = |count: &dyn Fn(&Record) -> (f64, usize)| -> Vec<Sums> {
        let all = records.iter().map(count).map(|(total, count)| Sums { total, count });
        all.filter(|s| s.count > 0).collect()
    };
    let share = |count: &dyn Fn(&Record) -> (f64, usize)| wilson_clustered(&sums(count), level);
    let ahead = records.iter().filter(|r| r.wins > r.losses).count();
    let behind = records.iter().filter(|r| r.wins < r.losses).count();
    Shares {
        record,
        wins: share(&|r| (r.wins as f64, r.n())),
        ties: share(&|r| (r.ties as f64, r.n())),
        losses: share(&|r| (r.losses as f64, r.n())),
        without_ties: share(&|r| (r.wins as f64, r.wins + r.losses)),
        with_ties: wilson_scored(&sums(&|r| (r.wins as f64 + r.ties as f64 / 2.0, r.n())), level),
        sign: sign_test(ahead, behind).with_clusters(records.len()),
    }
}

/// The exact two-sided sign test of wins against losses: W. J. Dixon and A. M. Mood (1946), "The statistical
/// sign test", JASA 41. Ties are left out; `n` counts the rest. The value is the p-value.
pub fn sign_test(wins: usize, losses: usize) -> Figure {
    if wins + losses == 0 {
        return Figure::absent("there is no win and no loss");
    }
    let p = fair_coin_two_sided(wins as u64, (wins + losses) as u64);
    Figure::known(p, wins + losses, "sign test, exact, two-sided, ties left out")
}

/// The interval of the net share, wins less losses of all comparisons, from that of the share with ties: the one
/// is twice the other less one.
pub fn net(with_ties: &Figure) -> Figure {
    let Some(estimate) = with_ties.estimate() else {
        return with_ties.clone();
    };
    let mut net = estimate.clone();
    net.value = 2.0 * estimate.value - 1.0;
    net.interval = estimate.interval.map(|i| Interval {
        low: 2.0 * i.low - 1.0,
        high: 2.0 * i.high - 1.0,
        level: i.level,
    });
    net.method = format!("wins less losses, from the {}", estimate.method).into();
    Figure::Known(net)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_compared_has_no_shares_and_no_test() {
        let shares = shares(Record::default(), 0.95);
        for figure in [&shares.wins, &shares.without_ties, &shares.with_ties, &shares.sign] {
            assert!(figure.why_absent().is_some());
        }
        assert!(shares_clustered(&[], 0.95).wins.why_absent().is_some());
    }

    #[test]
    fn only_ties_have_a_share_with_ties_but_none_without() {
        let shares = shares(Record { wins: 0, ties: 8, losses: 0 }, 0.95);
        assert_eq!(shares.with_ties.value(), Some(0.5));
        assert!(shares.without_ties.why_absent().is_some());
    }

    #[test]
    fn conovers_sign_test_comes_out_as_he_printed_it() {
        // Conover, Practical Nonparametric Statistics, 3.4: 8 plus, 1 minus, one-sided p = 0.0195.
        let p = sign_test(8, 1).value().expect("a p-value");
        assert!((p / 2.0 - 10.0 / 512.0).abs() < 1e-12);
    }

    #[test]
    fn one_comparison_a_question_is_the_plain_interval() {
        let records =
            [(7, Record { wins: 1, ties: 0, losses: 0 }), (3, Record { wins: 0, ties: 0, losses: 1 })];
        let each: Vec<Record> = records.iter().flat_map(|(n, r)| std::iter::repeat_n(*r, *n)).collect();
        let plain = shares(Record { wins: 7, ties: 0, losses: 3 }, 0.95);
        assert_eq!(shares_clustered(&each, 0.95).wins.interval(), plain.wins.interval());
    }

    #[test]
    fn annotators_who_agree_do_not_narrow_the_interval() {
        let once: Vec<Record> = (0..40)
            .map(|i| Record { wins: usize::from(i % 3 > 0), ties: 0, losses: usize::from(i % 3 == 0) })
            .collect();
        let five: Vec<Record> =
            once.iter().map(|r| Record { wins: 5 * r.wins, ties: 0, losses: 5 * r.losses }).collect();
        let (a, b) = (shares_clustered(&once, 0.95).wins, shares_clustered(&five, 0.95).wins);
        let (a, b) = (a.interval().expect("an interval"), b.interval().expect("an interval"));
        assert!(b.width() > 0.95 * a.width(), "{a:?} {b:?}");
    }

    proptest! {
        #[test]
        fn swapping_the_sides_mirrors_the_shares(wins in 0usize..50, ties in 0usize..50, losses in 0usize..50) {
            let record = Record { wins, ties, losses };
            let (there, back) = (shares(record, 0.95), shares(record.swapped(), 0.95));
            prop_assert_eq!(there.sign, back.sign);
            if let (Some(a), Some(b)) = (there.with_ties.estimate(), back.with_ties.estimate()) {
                prop_assert!((a.value + b.value - 1.0).abs() < 1e-12);
                let (a, b) = (a.interval.unwrap(), b.interval.unwrap());
                prop_assert!((a.low + b.high - 1.0).abs() < 1e-9 && (a.high + b.low - 1.0).abs() < 1e-9);
                let (a, b) = (net(&there.with_ties).value().unwrap(), net(&back.with_ties).value().unwrap());
                prop_assert!((a + b).abs() < 1e-12);
            }
        }
    }
}
