//! Guesses at how an answer goes on, so that one pass over the weights can read several tokens and choose as many.
//!
//! An answer from passages says much that stands in them. Where its last tokens stood before, in the prompt or in the answer
//! itself, what followed there is guessed to follow here, and is read in the same pass as the last token (prompt lookup:
//! Yang et al. 2023, arXiv 2304.04487). Every token is still chosen from its own logits, in order, and a guess that was wrong
//! is forgotten with all that was read behind it: the answer is the same, bit for bit, in fewer passes.

use std::collections::VecDeque;

/// Tokens that must have stood before in the same order for a guess.
const SHORTEST: usize = 2;
/// More in the same order make a place no likelier.
const LONGEST: usize = 5;
/// The most tokens that are guessed at once.
const MOST: usize = 7;

/// An answer's prompt and tokens so far, and what was guessed and read ahead of them.
pub(super) struct Ahead {
    seen: Vec<u32>,
    /// How many tokens are guessed: twice as many where all held, as many as held where not all did.
    hope: usize,
    held: usize,
    guessed: VecDeque<u32>,
    /// The logits behind each of `guessed`.
    logits: VecDeque<Vec<f32>>,
}

impl Ahead {
    /// Before the first token of an answer to `prompt`.
    pub(super) fn new(prompt: &[u32]) -> Self {
        Self {
            seen: prompt.to_vec(),
            hope: SHORTEST,
            held: 0,
            guessed: VecDeque::new(),
            logits: VecDeque::new(),
        }
    }

    /// Goes on by the token that was chosen. The logits behind it, if it was guessed.
    pub(super) fn choose(&mut self, token: u32) -> Option<Vec<f32>> {
        self.seen.push(token);
        if self.guessed.pop_front() == Some(token) {
            self.held += 1;
            if self.guessed.is_empty() {
                self.hope = (2 * self.hope).min(MOST);
            }
            return self.logits.pop_front();
        }
        if !self.logits.is_empty() {
            self.hope = self.held.max(1);
        }
        self.guessed.clear();
        self.logits.clear();
        None
    }

    /// Up to `most` tokens that may follow the last one.
    pub(super) fn guess(&mut self, most: usize) -> Vec<u32> {
        let end = self.seen.len();
        let alike = |at: usize| {
            let back = self.seen[..at].iter().rev().zip(self.seen.iter().rev());
            back.take(LONGEST).take_while(|(a, b)| a == b).count()
        };
        // The longest run; of equals, the latest.
        let best = (SHORTEST..end).map(|at| (alike(at), at)).max().filter(|(run, _)| *run >= SHORTEST);
        best.map_or_else(Vec::new, |(_, at)| self.seen[at..end.min(at + self.hope.min(most))].to_vec())
    }

    /// Keeps what was read: `guesses` behind the last token, and the logits behind that and each of them. The first of these.
    pub(super) fn read(&mut self, guesses: Vec<u32>, logits: Vec<Vec<f32>>) -> Option<Vec<f32>> {
        self.held = 0;
        self.guessed = guesses.into();
        self.logits = logits.into();
        self.logits.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guesses behind `tokens`, of which the last was just chosen.
    fn guesses(tokens: &[u32], most: usize) -> Vec<u32> {
        let (last, before) = tokens.split_last().expect("one");
        let mut ahead = Ahead::new(before);
        assert_eq!(ahead.choose(*last), None);
        ahead.guess(most)
    }

    #[test]
    fn what_followed_the_same_words_before_is_guessed_to_follow_again() {
        assert_eq!(guesses(&[1, 2, 3, 4, 5, 9, 1, 2], 7), [3, 4]);
        assert_eq!(guesses(&[1, 2, 3, 4, 5, 9, 1, 2], 1), [3]);
        // More words that are the same come before a later place.
        assert_eq!(guesses(&[7, 1, 2, 3, 8, 1, 2, 4, 7, 1, 2], 1), [3]);
        assert_eq!(guesses(&[7, 1, 2, 3, 8, 1, 2, 4, 9, 1, 2], 1), [4]);
        assert!(guesses(&[1, 2, 3, 9, 4, 2], 7).is_empty(), "one word alone says too little");
        assert!(guesses(&[1], 7).is_empty());
    }

    #[test]
    fn guesses_grow_while_they_hold_and_shrink_when_they_do_not() {
        let mut ahead = Ahead::new(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99, 1]);
        assert_eq!(ahead.choose(2), None);
        let read = |ahead: &mut Ahead| {
            let guesses = ahead.guess(7);
            let logits = (0..=guesses.len()).map(|n| vec![n as f32]).collect();
            assert_eq!(ahead.read(guesses.clone(), logits), Some(vec![0.0]));
            guesses
        };
        assert_eq!(read(&mut ahead), [3, 4]);
        assert_eq!(ahead.choose(3), Some(vec![1.0]));
        assert_eq!(ahead.choose(4), Some(vec![2.0]));
        assert_eq!(ahead.choose(5), None, "nobody guessed it");
        assert_eq!(read(&mut ahead), [6, 7, 8, 9]);
        assert_eq!(ahead.choose(6), Some(vec![1.0]));
        assert_eq!(ahead.choose(1), None, "another than was guessed");
        assert_eq!(ahead.choose(2), None);
        assert_eq!(read(&mut ahead), [3], "one of the four held");
    }
}
