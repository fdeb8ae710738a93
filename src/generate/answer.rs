//! What comes of asking: the steps as they happen, and the completion as it is recorded.

use super::endpoint::Served;
use serde::{Deserialize, Serialize};

/// What happens while a model answers, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A server is waited for, and this is why; what was said of the answer by now is void.
    Waiting {
        /// One sentence or two.
        why: String,
    },
    /// The prompt is being read: so many of its tokens are done. Comes first with `read` = 0, except
    /// from servers, which do not tell.
    Reading {
        /// Tokens read so far.
        read: usize,
        /// Tokens in all.
        prompt_tokens: usize,
    },
    /// The answer grew. Text that ends within a character is held back, so that there can be fewer of these
    /// than tokens.
    Text {
        /// What was added, whole characters.
        piece: String,
        /// Tokens of the answer so far.
        tokens: usize,
    },
    /// What a server was sent and said of its answer; comes last, from servers alone.
    Served(Box<Served>),
}

/// An answer, as it is recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// All of it: the pieces put together.
    pub text: String,
    /// Its tokens, without the one that ended it.
    pub tokens: usize,
    /// The prompt's tokens.
    pub prompt_tokens: usize,
    /// From being asked until the first token was chosen; `None` if there was none.
    pub seconds_to_first_token: Option<f64>,
    /// From being asked until the end.
    pub seconds: f64,
    /// Tokens after the first, over the time from the first to the last; `None` with fewer than two.
    pub tokens_per_second: Option<f64>,
    /// Why it ended.
    pub finish: Finish,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// The model said that it was done.
    Stop,
    /// It reached the most tokens it may have, or the end of the model's window.
    Length,
    /// Whoever asked asked for it to stop.
    Cancelled,
}
