//! Guesses at how an answer goes on, so that one pass over the weights can read several tokens and choose as many.
//!
//! An answer from passages says much that stands in them. Where its last tokens stood before, in the prompt or in the answer
//! itself, what followed there is guessed to follow here, and is read in the same pass as the last token (prompt lookup:
//! Yang et al. 2023, arXiv 2304.04487). A base and its adapters often agree: what was said to the same prompt before is
//! guessed to be said again, for as long as it is (speculative decoding with the draft of another: Leviathan et al. 2023, arXiv
//! 2211.17192). Every token is still chosen from its own logits, in order, and a guess that was wrong is forgotten with all
//! that was read behind it: the answer is the same, bit for bit, in fewer passes.

use std::collections::VecDeque;
use std::sync::Arc;

/// What tokens are guessed from. No answer is another for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guessing {
    /// Nothing: a pass for each token.
    Nothing,
    /// The prompt and the answer so far: how fast an answer comes hangs on nothing but itself.
    #[default]
    Text,
    /// Those, and what was said to the same prompt before from the same weights.
    Said,
}

/// Tokens that must have stood before in the same order for a guess.
const SHORTEST: usize = 2;
/// More in the same order make a place no likelier.
const LONGEST: usize = 5;
/// The most tokens that are guessed at once.
const MOST: usize = 7;

/// An answer's prompt and tokens so far, and what was guessed and read ahead of them.
pub(super) struct Ahead {
    seen: Vec<u32>,
    /// How many of `seen` are the prompt's.
    prompt: usize,
    /// What was said to the same prompt before, the latest last.
    said: Vec<Arc<[u32]>>,
    /// How many tokens are guessed: twice as many where all held, as many as held where not all did.
    hope: usize,
    held: usize,
    guessed: VecDeque<u32>,
    /// The logits behind each of `guessed`.
    logits: VecDeque<Vec<f32>>,
}

impl Ahead {
    /// Before the first token of an answer to `prompt`, to which all this was `said` before.
    pub(super) fn new(prompt: &[u32], said: Vec<Arc<[u32]>>) -> Self {
        Self {
            seen: prompt.to_vec(),
            prompt: prompt.len(),
            said,
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
        let most = self.hope.min(most);
        let behind = |tokens: &[u32], at: usize| tokens[at..tokens.len().min(at + most)].to_vec();
        let answer = &self.seen[self.prompt..];
        // One that was the same to here.
        let agreeing =
            self.said.iter().rev().find(|said| said.len() > answer.len() && said.starts_with(answer));
        if let Some(said) = agreeing {
            return behind(said, answer.len());
        }
        let alike = |tokens: &[u32], at: usize| {
            let back = tokens[..at].iter().rev().zip(self.seen.iter().rev());
            back.take(LONGEST).take_while(|(a, b)| a == b).count()
        };
        // The longest run; of equals, what was said before others, and the latest.
        let places = |tokens: &'_ [u32]| (SHORTEST..tokens.len()).map(|at| (alike(tokens, at), at)).max();
        let of_said = self.said.iter().enumerate().filter_map(|(n, said)| Some((places(said)?, n + 1)));
        let all = of_said.chain(places(&self.seen).map(|place| (place, 0)));
        let best = all.max_by_key(|((run, at), n)| (*run, *n, *at)).filter(|((run, _), _)| *run >= SHORTEST);
        best.map_or_else(Vec::new, |((_, at), n)| match n {
            0 => behind(&self.seen, at),
            n => behind(&self.said[n - 1], at),
        })
    }

    /// The tokens of the answer so far.
    pub(super) fn answer(&self) -> &[u32] {
        &self.seen[self.prompt..]
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
        let mut ahead = Ahead::new(before, Vec::new());
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
    fn what_was_said_before_to_the_same_prompt_is_guessed_to_be_said_again() {
        let said: Vec<Arc<[u32]>> = vec![[5, 6, 7, 8].into(), [5, 6, 9, 4, 3].into()];
        let mut ahead = Ahead::new(&[1, 2, 6, 1, 1], said);
        assert_eq!(ahead.choose(5), None);
        assert_eq!(ahead.guess(7), [6, 9], "the latest that is the same to here, though it is one word");
        ahead.choose(6);
        ahead.choose(7);
        assert_eq!(ahead.guess(7), [8], "another that is the same to here");
        ahead.choose(1);
        assert!(ahead.guess(7).is_empty());
        ahead.choose(9);
        ahead.choose(4);
        assert_eq!(ahead.guess(7), [3], "where it comes back to what was said");
        assert_eq!(ahead.answer(), [5, 6, 7, 1, 9, 4]);
    }

    #[test]
    fn guesses_grow_while_they_hold_and_shrink_when_they_do_not() {
        let mut ahead = Ahead::new(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99, 1], Vec::new());
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
