//! What was said to the prompts of late, by whoever answers from the same weights: guesses at what others say to them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Prompts that are remembered: a study's. Their answers take some hundred bytes each.
const PROMPTS: usize = 4096;
/// Answers to one prompt that are.
const ANSWERS: usize = 8;

/// Answers by prompt.
#[derive(Default)]
pub(super) struct Said(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    answers: HashMap<blake3::Hash, Vec<Arc<[u32]>>>,
    /// The prompts, the oldest first.
    prompts: VecDeque<blake3::Hash>,
}

impl Said {
    /// What was said to a prompt, the latest last.
    pub(super) fn to(&self, prompt: &[u32]) -> Vec<Arc<[u32]>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.answers.get(&hash(prompt)).cloned().unwrap_or_default()
    }

    /// Remembers an answer.
    pub(super) fn keep(&self, prompt: &[u32], answer: &[u32]) {
        let prompt = hash(prompt);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Remembered { answers, prompts } = &mut *all;
        let of_prompt = answers.entry(prompt).or_insert_with(|| {
            prompts.push_back(prompt);
            Vec::new()
        });
        of_prompt.retain(|said| **said != *answer);
        if of_prompt.len() >= ANSWERS {
            of_prompt.remove(0);
        }
        of_prompt.push(answer.into());
        if prompts.len() > PROMPTS
            && let Some(oldest) = prompts.pop_front()
        {
            answers.remove(&oldest);
        }
    }
}

fn hash(tokens: &[u32]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for token in tokens {
        hasher.update(&token.to_le_bytes());
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_answers_to_the_latest_prompts_are_remembered() {
        let said = Said::default();
        assert!(said.to(&[1]).is_empty());
        for n in 0..=ANSWERS as u32 {
            said.keep(&[1], &[n, 7]);
        }
        said.keep(&[1], &[3, 7]);
        let found: Vec<u32> = said.to(&[1]).iter().map(|answer| answer[0]).collect();
        assert_eq!(found, [1, 2, 4, 5, 6, 7, 8, 3], "each once, and not the oldest");
        (0..PROMPTS as u32).for_each(|n| said.keep(&[2, n], &[n]));
        assert!(said.to(&[1]).is_empty());
        assert_eq!(said.to(&[2, 0]).len(), 1);
    }
}
