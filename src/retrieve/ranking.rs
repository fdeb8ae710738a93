//! The ways passages can be ranked. A name for each, recorded in every trial; how each works stands in its own room.

use crate::fault::{Error, Fault};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How passages are ranked for a question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ranking {
    /// BM25 alone.
    #[default]
    Plain,
    /// BM25, and more where words of the question stand near each other.
    Proximity,
    /// BM25 for the question and for words that stand out in what it finds first.
    Feedback,
    /// BM25 among the passages that hold what was typed in quotation marks, or after `title:` and `heading:`.
    Fielded,
    /// BM25 and the likeness of vectors that an encoder makes, by reciprocal rank fusion.
    Dense,
}

impl Ranking {
    /// All of them, the plain one first.
    pub const ALL: [Self; 5] = [Self::Plain, Self::Proximity, Self::Feedback, Self::Fielded, Self::Dense];

    /// What it is called by in settings, commands and trials.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Proximity => "proximity",
            Self::Feedback => "feedback",
            Self::Fielded => "fielded",
            Self::Dense => "dense",
        }
    }

    /// Whether it is the plain one: what a record leaves out.
    #[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
    pub fn is_plain(&self) -> bool {
        *self == Self::Plain
    }

    /// The one after it, the first after the last.
    #[must_use]
    pub fn next(self) -> Self {
        let place = Self::ALL.iter().position(|r| *r == self).unwrap_or_default();
        Self::ALL[(place + 1) % Self::ALL.len()]
    }
}

impl fmt::Display for Ranking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Ranking {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|r| r.name() == name).ok_or_else(|| {
            Fault::new("ranking", format!("{name:?}"))
                .expected(Self::ALL.map(Self::name).join(", "))
                .next("Name one of these.")
                .into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ranking_is_found_by_the_name_that_it_is_recorded_by() {
        for ranking in Ranking::ALL {
            assert_eq!(ranking.name().parse::<Ranking>().expect("known"), ranking);
            assert_eq!(serde_json::to_value(ranking).expect("plain"), ranking.name());
        }
        assert!("bm26".parse::<Ranking>().expect_err("unknown").to_string().contains("plain, proximity"));
    }

    #[test]
    fn one_after_another_comes_round_to_the_first() {
        let mut seen = vec![Ranking::Plain];
        while seen.last().is_some_and(|r| !r.next().is_plain()) {
            seen.extend(seen.last().map(|r| r.next()));
        }
        assert_eq!(seen, Ranking::ALL);
    }
}
