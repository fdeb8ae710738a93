//! A figure as it is shown: a value with its interval, its `n` and its method, or the reason why there is none.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The level of every interval unless someone asks for another.
pub const LEVEL: f64 = 0.95;

/// A two-sided interval of an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end, in the unit of the value.
    pub low: f64,
    /// The upper end, in the unit of the value.
    pub high: f64,
    /// The nominal coverage, between 0 and 1.
    pub level: f64,
}

impl Interval {
    /// Whether `value` lies in the interval, its ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// The upper end less the lower.
    pub fn width(&self) -> f64 {
        self.high - self.low
    }

    /// The same interval of the value with its sign turned.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self { low: -self.high, high: -self.low, level: self.level }
    }
}

/// A value that exists, with what is needed to judge it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value itself.
    pub value: f64,
    /// Its interval; absent where the method gives none for these numbers, and then `note` says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// How many observations the value rests on.
    pub n: usize,
    /// How many independent groups (questions, as a rule) they come in, where the method resamples groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters: Option<usize>,
    /// The method by name, with what was chosen in it.
    pub method: Cow<'static, str>,
    /// What a reader must know to trust it rightly: few groups, no interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Cow<'static, str>>,
}

/// A figure, or the reason why there is none.
///
/// Serialised without a tag: `{"value": …, "n": …, "method": …}` or `{"absent": "why"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Figure {
    /// It exists.
    Known(Estimate),
    /// It does not.
    Absent {
        /// Why not, as half a sentence.
        #[serde(rename = "absent")]
        why: Cow<'static, str>,
    },
}

impl Figure {
    /// A figure without interval, clusters or note.
    pub fn known(value: f64, n: usize, method: impl Into<Cow<'static, str>>) -> Self {
        if !value.is_finite() {
            return Self::absent("the numbers are too large to compute with");
        }
        Self::Known(Estimate { value, interval: None, n, clusters: None, method: method.into(), note: None })
    }

    /// A figure that does not exist.
    pub fn absent(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Absent { why: why.into() }
    }

    /// The figure with this interval; an interval whose ends are not finite is left out.
    #[must_use]
    pub fn with_interval(mut self, interval: Option<Interval>) -> Self {
        if let Self::Known(estimate) = &mut self {
            estimate.interval = interval.filter(|i| i.low.is_finite() && i.high.is_finite());
        }
        self
    }

    /// The figure with the number of groups it rests on.
    #[must_use]
    pub fn with_clusters(mut self, clusters: usize) -> Self {
        if let Self::Known(estimate) = &mut self {
            estimate.clusters = Some(clusters);
        }
        self
    }

    /// The figure with a word to its reader.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<Cow<'static, str>>) -> Self {
        if let Self::Known(estimate) = &mut self {
            estimate.note = Some(note.into());
        }
        self
    }

    /// The estimate, where there is one.
    pub fn estimate(&self) -> Option<&Estimate> {
        match self {
            Self::Known(estimate) => Some(estimate),
            Self::Absent { .. } => None,
        }
    }

    /// The value, where there is one.
    pub fn value(&self) -> Option<f64> {
        self.estimate().map(|e| e.value)
    }

    /// The interval, where there is one.
    pub fn interval(&self) -> Option<Interval> {
        self.estimate().and_then(|e| e.interval)
    }

    /// Why there is no figure, where there is none.
    pub fn why_absent(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Absent { why } => Some(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_comes_back_from_its_json() {
        let known = Figure::known(0.5, 10, "share").with_interval(Some(Interval {
            low: 0.25,
            high: 0.75,
            level: LEVEL,
        }));
        let absent = Figure::absent("no judgments");
        for figure in [known, absent] {
            let json = serde_json::to_string(&figure).expect("figures serialise");
            assert_eq!(serde_json::from_str::<Figure>(&json).expect("and come back"), figure, "{json}");
        }
    }

    #[test]
    fn an_absent_figure_says_why_in_its_json() {
        let json = serde_json::to_string(&Figure::absent("no judgments")).expect("figures serialise");
        assert_eq!(json, r#"{"absent":"no judgments"}"#);
    }

    #[test]
    fn a_value_that_is_not_finite_is_absent() {
        assert_eq!(Figure::known(f64::NAN, 3, "mean").value(), None);
    }
}
