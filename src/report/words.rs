//! Figures as people read them. Minus is the minus sign, thousands are set apart by commas, probabilities below a
//! thousandth say so.

use super::about::About;
use super::scope::{OfContender, Scope};
use crate::analysis::bootstrap::enough;
use crate::analysis::{Figure, Interval};
pub use crate::text::counted;
use crate::text::grouped;

/// What stands where a figure does not exist.
pub const ABSENT: &str = "—";

/// A number with so many decimals.
pub fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        // What rounds to nought has no sign.
        Some(digits) if digits.bytes().any(|b| (b'1'..=b'9').contains(&b)) => format!("−{digits}"),
        Some(digits) => digits.to_owned(),
        None => text,
    }
}

/// A count: `1,000`.
pub fn count(n: usize) -> String {
    grouped(n as u64)
}

/// How a figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// With two decimals: ratings, scores, coefficients.
    Number,
    /// As [`As::Number`] with a plus sign above nought: differences.
    Signed,
    /// Per cent.
    Share,
    /// A p-value.
    Probability,
    /// Whole: seconds, questions.
    Whole,
}

impl As {
    /// One value.
    pub fn value(self, value: f64) -> String {
        match self {
            Self::Number => number(value, 2),
            Self::Signed => {
                let text = number(value, 2);
                let plus = value > 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b));
                if plus { format!("+{text}") } else { text }
            }
            Self::Share => format!("{} %", number(100.0 * value, 0)),
            Self::Probability if value < 0.001 => "< 0.001".to_owned(),
            Self::Probability => number(value, 3),
            Self::Whole if value >= 0.0 => count(value.round() as usize),
            Self::Whole => number(value, 0),
        }
    }

    /// An interval in brackets.
    pub fn interval(self, interval: &Interval) -> String {
        let end = |value: f64| match self {
            Self::Share => number(100.0 * value, 0),
            _ => self.value(value),
        };
        format!("[{}, {}]", end(interval.low), end(interval.high))
    }

    /// A value with its interval, where it has one; [`ABSENT`] where there is none.
    pub fn figure(self, figure: &Figure) -> String {
        let Some(estimate) = figure.estimate() else { return ABSENT.to_owned() };
        match &estimate.interval {
            Some(interval) => format!("{} {}", self.value(estimate.value), self.interval(interval)),
            None => self.value(estimate.value),
        }
    }
}

/// What the ratings of a corpus say about every contender, a sentence each.
pub fn sentences(about: &About, scope: &Scope) -> Vec<String> {
    let place = match &scope.corpus {
        Some(corpus) => format!("On {corpus}"),
        None if about.corpora.is_empty() => "Over all judgments".to_owned(),
        None => "Over all corpora".to_owned(),
    };
    if scope.judgments == 0 {
        return vec![format!("{place} nothing was judged.")];
    }
    let others = scope.contenders.iter().skip(1).filter(|c| c.judged > 0);
    let found: Vec<String> = others.map(|c| format!("{place}, {}.", sentence(about, c))).collect();
    if found.is_empty() {
        return vec![format!(
            "{place} only {} was judged: there is nothing to compare it with.",
            about.baseline()
        )];
    }
    found
}

fn sentence(about: &About, contender: &OfContender) -> String {
    let who = match contender.examples {
        Some(n) if contender.label != contender.name => format!("fine-tuning on {}", counted(n, "example")),
        _ => contender.name.clone(),
    };
    let said: Vec<String> = contender
        .ratings
        .iter()
        .zip(&about.criteria)
        .filter_map(|(rating, criterion)| {
            let change = rating.change.as_ref()?;
            let name = criterion.name.to_lowercase();
            Some(match change.difference.estimate() {
                None => format!("left {name} unknown ({})", change.difference.why_absent()?),
                Some(estimate) => match estimate.interval {
                    None => format!(
                        "changed {name} by {}, without an interval ({})",
                        As::Signed.value(estimate.value),
                        estimate
                            .note
                            .as_deref()
                            .unwrap_or("too little was judged")
                            .trim_start_matches("no interval: ")
                    ),
                    Some(i) if estimate.clusters.is_some_and(|n| n < enough(i.level)) => format!(
                        "changed {name} by {} ({} are too few to tell)",
                        As::Signed.value(estimate.value),
                        counted(estimate.clusters.unwrap_or_default(), "question")
                    ),
                    Some(i) if i.contains(0.0) => {
                        let found = As::Signed.figure(&change.difference);
                        format!("did not clearly change {name} ({found}{})", more(&change.more_questions))
                    }
                    Some(i) => {
                        let (verb, amount, ends) = if estimate.value < 0.0 {
                            ("lowered", -estimate.value, i.negated())
                        } else {
                            ("raised", estimate.value, i)
                        };
                        let found = format!("{} {}", As::Number.value(amount), As::Number.interval(&ends));
                        // An interval is not adjusted for how many there are; the test beside it is.
                        match change.signed_rank_adjusted.value().filter(|p| *p > 1.0 - i.level) {
                            Some(p) => {
                                let p = As::Probability.value(p);
                                format!("may have {verb} {name} by {found} (signed-rank p {p} after Holm)")
                            }
                            None => format!("{verb} {name} by {found}"),
                        }
                    }
                },
            })
        })
        .collect();
    let said = match said.as_slice() {
        [] => verdicts(contender),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    };
    format!("{who} {said}")
}

/// How far away a clear answer is, where that can be guessed.
fn more(questions: &Figure) -> String {
    match questions.value().map(f64::round) {
        // A guess: two digits of it.
        Some(n) if n >= 1.0 => {
            let unit = 10_f64.powf((n.log10().floor() - 1.0).max(0.0));
            let n = (n / unit).round() * unit;
            format!("; some {} may tell", counted(n as usize, "more question"))
        }
        _ => String::new(),
    }
}

/// What verdicts say, where there are no ratings.
fn verdicts(contender: &OfContender) -> String {
    let Some(verdicts) = contender.verdicts.as_ref().filter(|v| v.shares.record.n() > 0) else {
        return "was not judged against the baseline".to_owned();
    };
    let r = verdicts.shares.record;
    let p = match verdicts.shares.sign.value() {
        Some(p) if p < 0.001 => ", sign test p < 0.001".to_owned(),
        Some(p) => format!(", sign test p = {}", As::Probability.value(p)),
        None => String::new(),
    };
    format!(
        "won {} and lost {} of {}, {} tied{p}",
        count(r.wins),
        count(r.losses),
        counted(r.n(), "comparison"),
        count(r.ties)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([number(-0.004, 2), number(-0.4, 2), number(3.0, 1)], ["0.00", "−0.40", "3.0"]);
        assert_eq!(
            [As::Signed.value(0.25), As::Signed.value(0.001), As::Signed.value(-1.0)],
            ["+0.25", "0.00", "−1.00"]
        );
        assert_eq!([As::Probability.value(0.000_4), As::Probability.value(0.04)], ["< 0.001", "0.040"]);
        assert_eq!(As::Share.value(0.123), "12 %");
    }

    #[test]
    fn what_does_not_exist_has_no_number() {
        assert_eq!(As::Number.figure(&Figure::absent("nothing was rated")), ABSENT);
    }
}
