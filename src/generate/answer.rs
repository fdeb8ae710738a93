//! What comes of asking: the steps as they happen, and the completion as it is recorded.

use super::endpoint::Served;
use serde::{Deserialize, Serialize};
use std::time::Instant;

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
        /// The answer so far.
        count: Count,
    },
    /// What a server was sent and said of its answer; comes last, from servers alone.
    Served(Box<Served>),
}

/// How far an answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Its tokens.
    pub tokens: usize,
    /// Passes over the weights that they were chosen behind: fewer than tokens where guesses held. `None` where nobody knows.
    pub passes: Option<usize>,
}

/// An answer, as it is recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// All of it: the pieces put together.
    pub text: String,
    /// Its tokens, without the one that ended it.
    pub tokens: usize,
    /// Passes over the weights that they were chosen behind; `None` where nobody knows.
    pub passes: Option<usize>,
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

/// What of a piece goes on an answer that is `text` so far. An answer begins with its first word, whoever gave it: a model that
/// copies from the middle of a passage begins with the space before it, those of the SentencePiece kind with one of their
/// own, some servers' with lines that are empty. A reviewer would tell contenders by it.
pub(super) fn from_first_word<'a>(text: &str, piece: &'a str) -> &'a str {
    if text.is_empty() { piece.trim_start() } else { piece }
}

/// An answer as it grows, of a model that chooses its tokens one by one.
#[derive(Default)]
pub(super) struct Growing {
    text: String,
    tokens: usize,
    passes: usize,
    first: Option<f64>,
    last: f64,
}

impl Growing {
    /// The tokens chosen so far.
    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Counts a token that was just chosen, of an answer that was asked for at `asked`: behind a pass of its own, or read
    /// ahead with another.
    pub(super) fn took(&mut self, asked: Instant, ahead: bool) {
        self.tokens += 1;
        self.passes += usize::from(!ahead);
        self.last = asked.elapsed().as_secs_f64();
        self.first.get_or_insert(self.last);
    }

    /// Adds what the tokens say.
    pub(super) fn add(&mut self, piece: &str, on: &mut dyn FnMut(Step)) {
        let piece = from_first_word(&self.text, piece);
        if piece.is_empty() {
            return;
        }
        self.text.push_str(piece);
        let count = Count { tokens: self.tokens, passes: Some(self.passes) };
        on(Step::Text { piece: piece.to_owned(), count });
    }

    /// What it came to, with a prompt of so many tokens.
    pub(super) fn completion(self, prompt_tokens: usize, asked: Instant, finish: Finish) -> Completion {
        let rate = self.first.filter(|first| self.tokens > 1 && self.last > *first);
        Completion {
            tokens_per_second: rate.map(|first| (self.tokens - 1) as f64 / (self.last - first)),
            text: self.text,
            tokens: self.tokens,
            passes: Some(self.passes),
            prompt_tokens,
            seconds_to_first_token: self.first,
            seconds: asked.elapsed().as_secs_f64(),
            finish,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_begins_with_its_first_word_and_keeps_every_later_space() {
        let (mut answer, mut told) = (Growing::default(), Vec::new());
        for piece in [" ", "\n", " In", " ", " the  end.\n", " "] {
            answer.add(piece, &mut |step| told.push(step));
        }
        let said: String = told
            .iter()
            .map(|step| match step {
                Step::Text { piece, .. } => piece.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(said, "In  the  end.\n ");
        assert_eq!(answer.completion(3, Instant::now(), Finish::Stop).text, said);
    }
}
