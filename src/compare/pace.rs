//! How fast both answers of a trial come together, and how near that is to what the machine's memory allows.
//!
//! Generation on a processor waits for its weights: a token of one answer needs each of them once, and where one pass serves
//! both, a token of each does. So the bytes of weights that are read in a second, as a share of those that the machine can
//! read, say how much is left to gain. Keys and values are not counted; they are small beside the weights of short answers.
//!
//! Knows no clocks and no screens: it is given moments.

use super::trial::Answer;
use crate::generate::Model;
use std::time::Duration;

/// What the answers of a trial read for each token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerToken {
    /// Bytes of weights for one token of each side; `None` where nobody knows: servers, recorded answers, candle's models.
    pub bytes: [Option<u64>; 2],
    /// Whether one pass over the same weights serves both.
    pub shared: bool,
}

/// How far an answer has come: its tokens, and when the first and the last of them came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// Tokens so far.
    pub tokens: usize,
    /// Passes over the weights that they were chosen behind; `None` where nobody knows: then one for each.
    pub passes: Option<usize>,
    /// When the first came.
    pub first: Duration,
    /// When the last came, or now.
    pub last: Duration,
}

/// Too short to say how fast anything was.
const SHORTEST: Duration = Duration::from_millis(50);

impl Course {
    /// Of a recorded answer, from when it was asked; `None` if it said nothing.
    pub fn of(answer: &Answer) -> Option<Self> {
        let of = |seconds| Duration::try_from_secs_f64(seconds).ok();
        let first = of(answer.seconds_to_first_token?)?;
        Some(Self { tokens: answer.tokens, passes: answer.passes, first, last: of(answer.seconds)? })
    }

    /// Tokens a second after the first; `None` for fewer than two or too short a time.
    fn rate(self) -> Option<f64> {
        let time = self.last.saturating_sub(self.first);
        (self.tokens > 1 && time > SHORTEST).then(|| (self.tokens - 1) as f64 / time.as_secs_f64())
    }

    /// Passes over the weights a second, after that of the first token.
    fn passes(self) -> Option<f64> {
        let passes = self.passes.map_or(self.tokens, |passes| passes.min(self.tokens));
        Some(self.rate()? * passes.saturating_sub(1) as f64 / (self.tokens - 1) as f64)
    }
}

/// Tokens a second of both answers together: those after each one's first, over the time from the earlier first to the later
/// last. `None` if one has too few to say.
pub fn together([a, b]: [Course; 2]) -> Option<f64> {
    (a.rate().is_some() && b.rate().is_some()).then(|| {
        let time = a.last.max(b.last).saturating_sub(a.first.min(b.first));
        (a.tokens + b.tokens - 2) as f64 / time.as_secs_f64()
    })
}

impl PerToken {
    /// Of two models that answer at the same time.
    pub(super) fn of(models: [Option<&Model>; 2]) -> Self {
        let bytes = models.map(|model| model.and_then(Model::weight_bytes));
        let shared = matches!(models, [Some(a), Some(b)] if a.shares_weights_with(b));
        Self { bytes, shared }
    }

    /// Bytes of weights that answers of these courses read in a second; `None` where that is not known.
    pub fn read(&self, courses: [Course; 2]) -> Option<f64> {
        let mut each =
            courses.iter().zip(self.bytes).map(|(course, bytes)| Some(course.passes()? * bytes? as f64));
        let (a, b) = (each.next()??, each.next()??);
        // Of a pass that serves both, the faster tells how many there were.
        Some(if self.shared { a.max(b) } else { a + b })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(tokens: usize, first: u64, last: u64) -> Course {
        let of = Duration::from_millis;
        Course { tokens, passes: None, first: of(first), last: of(last) }
    }

    #[test]
    fn both_together_are_their_tokens_over_the_time_of_both() {
        assert_eq!(together([course(11, 0, 1000), course(11, 0, 1000)]), Some(20.0));
        assert_eq!(together([course(11, 0, 1000), course(21, 500, 2000)]), Some(15.0));
        assert_eq!(together([course(11, 0, 1000), course(1, 0, 1000)]), None, "one token says nothing");
        assert_eq!(together([course(11, 0, 10), course(11, 0, 1000)]), None, "nor does a moment");
    }

    #[test]
    fn weights_that_are_shared_are_read_once_for_both() {
        let courses = [course(11, 0, 1000), course(21, 0, 1000)];
        let per_token = |a, b, shared| PerToken { bytes: [a, b], shared };
        assert_eq!(per_token(Some(100), Some(100), true).read(courses), Some(2000.0));
        assert_eq!(per_token(Some(100), Some(10), false).read(courses), Some(1200.0));
        assert_eq!(per_token(Some(100), None, false).read(courses), None);
        // Of eleven tokens, ten came behind six passes after the first's.
        let ahead = Course { passes: Some(7), ..course(11, 0, 1000) };
        assert_eq!(per_token(Some(100), Some(100), true).read([ahead, ahead]), Some(600.0));
    }
}
