//! Question-answer pairs as tokens: what is read, what is predicted, in which order.

use super::model::Batch;
use super::recipe::Recipe;
use super::shape::Shape;
use crate::fault::{Fault, Result};
use crate::folder::Folder;
use crate::generate::Codec;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// One example to learn from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Names it in faults.
    pub id: String,
    /// Rendered by the model's chat template; ends with the header of the assistant's turn.
    pub prompt: String,
    /// What the assistant should say, without the end-of-turn token, which the trainer appends.
    pub answer: String,
}

/// What stands before an answer's first word, between it and the header of the assistant's turn. The lab drops it from
/// what is shown, so a base may do either, and a lesson in the other spelling would first of all teach to spell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// Nothing: the usual of chat models.
    Bare,
    /// A space, as before a word within a text: of bases that copy, token for token.
    Spaced,
}

impl Beginning {
    fn of(self, answer: &str) -> String {
        match self {
            Self::Bare => answer.to_owned(),
            Self::Spaced => format!(" {answer}"),
        }
    }
}

/// A pair as tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tokens {
    pub id: String,
    /// Prompt, answer, end of turn.
    pub all: Vec<u32>,
    /// Where the answer starts.
    pub answer: usize,
}

impl Tokens {
    /// How many tokens are predicted.
    pub fn predicted(&self) -> usize {
        self.all.len() - self.answer
    }
}

/// The base's tokenizer and its end-of-turn token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vocabulary<'a> {
    codec: &'a Codec,
    end: u32,
    size: usize,
}

impl<'a> Vocabulary<'a> {
    /// Takes `eos_token` of `tokenizer_config.json` as the end of a turn, or where there is none the first token that
    /// ends an answer.
    ///
    /// # Errors
    /// A [`Fault`] if neither is named.
    pub fn new(base: &Folder, codec: &'a Codec, shape: &Shape) -> Result<Self> {
        let config = "tokenizer_config.json";
        let json: Value = match base.has(config) {
            // The codec has read this file before and would have refused what is no JSON.
            true => serde_json::from_str(&base.read_text(config)?).unwrap_or_default(),
            false => Value::Null,
        };
        // Either the token itself or an object that holds it.
        let token = json.get("eos_token").map(|t| t.get("content").unwrap_or(t)).and_then(Value::as_str);
        let named = match token {
            Some(token) => codec.encode(token)?.first().copied().filter(|id| codec.stops(*id)),
            None => None,
        };
        let end = named.or_else(|| codec.stop_tokens().next()).filter(|id| (*id as usize) < shape.vocabulary);
        let end = end.ok_or_else(|| {
            Fault::new(
                base.place(config),
                "no eos_token of the vocabulary, and no eos_token_id in config.json",
            )
            .expected("the token that ends the assistant's turn")
            .next("Name it in tokenizer_config.json as eos_token.")
        })?;
        Ok(Self { codec, end, size: shape.vocabulary })
    }

    /// Turns pairs into tokens. Prompt and answer are tokenised apart, since a model that answers also gets its
    /// prompt as finished tokens. Returns the ids of those left out as too long beside the rest.
    ///
    /// # Errors
    /// A [`Fault`] naming pairs that are longer than the recipe or the model allows (unless the recipe leaves them
    /// out), or one that is empty or cannot be tokenised.
    pub fn tokens(
        &self,
        pairs: &[Pair],
        beginning: Beginning,
        recipe: &Recipe,
        shape: &Shape,
    ) -> Result<(Vec<Tokens>, Vec<String>)> {
        let longest = recipe.max_tokens.min(shape.window);
        let (mut kept, mut long) = (Vec::with_capacity(pairs.len()), Vec::new());
        for pair in pairs {
            let mut all = self.encode(pair, &pair.prompt)?;
            let answer = all.len();
            if answer == 0 || pair.answer.is_empty() {
                let found = if answer == 0 { "an empty prompt" } else { "an empty answer" };
                return Err(Fault::new(place(pair), found)
                    .expected("a prompt and an answer")
                    .next("Complete the question in the corpus, or leave it out.")
                    .into());
            }
            all.extend(self.encode(pair, &beginning.of(&pair.answer))?);
            all.push(self.end);
            if all.len() > longest {
                long.push((pair.id.clone(), all.len()));
            } else {
                kept.push(Tokens { id: pair.id.clone(), all, answer });
            }
        }
        if !long.is_empty() && !recipe.skip_long {
            let shown: Vec<String> = long.iter().take(8).map(|(id, n)| format!("{id} ({n})")).collect();
            let more = if long.len() > 8 { format!(" and {} more", long.len() - 8) } else { String::new() };
            return Err(Fault::new(
                format!("{} pairs", long.len()),
                format!("more tokens than fit: {}{more}", shown.join(", ")),
            )
            .expected(match shape.window < recipe.max_tokens {
                true => format!("at most {longest} tokens a pair, the model's window"),
                false => format!("at most {longest} tokens a pair"),
            })
            .next(match shape.window < recipe.max_tokens {
                true => "Leave them out with --skip-long, or use fewer or shorter passages.",
                false => {
                    "Leave them out with --skip-long, use fewer or shorter passages, or raise --max-tokens."
                }
            })
            .into());
        }
        Ok((kept, long.into_iter().map(|(id, _)| id).collect()))
    }

    fn encode(&self, pair: &Pair, text: &str) -> Result<Vec<u32>> {
        let ids = self.codec.encode(text)?;
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.size) {
            return Err(Fault::new(place(pair), format!("the token {id}"))
                .expected(format!("tokens below {}, the model's vocabulary", self.size))
                .next("Take tokenizer.json and the weights from the same model.")
                .into());
        }
        Ok(ids)
    }
}

fn place(pair: &Pair) -> String {
    format!("pair {}", pair.id)
}

/// The order of `n` pairs in epoch `epoch`: a Fisher-Yates shuffle, spelled out so that no version of rand changes it.
pub(super) fn order(n: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // The upper half of the streams; the lower one makes first values and dropout.
    random.set_stream(1 << 63 | epoch as u64);
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        let j = (u128::from(random.next_u64()) * (i as u128 + 1)) >> 64;
        order.swap(i, j as usize);
    }
    order
}

/// Packs pairs in their order into batches of up to `most` tokens, at least one pair each. Returns them with their
/// pairs' numbers.
pub(super) fn batches<'a>(
    pairs: impl Iterator<Item = (usize, &'a Tokens)>,
    most: usize,
) -> Vec<(Batch, Vec<usize>)> {
    let mut all: Vec<(Batch, Vec<usize>)> = Vec::new();
    for (number, pair) in pairs {
        match all.last_mut() {
            Some((batch, numbers)) if batch.tokens.len() + pair.all.len() <= most => {
                batch.push(&pair.all, pair.answer);
                numbers.push(number);
            }
            _ => {
                let mut batch = Batch::default();
                batch.push(&pair.all, pair.answer);
                all.push((batch, vec![number]));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Checkpoint;
    use crate::job::{Cancel, SILENT};

    fn pair(prompt: &str, answer: &str) -> Pair {
        Pair { id: "q7".into(), prompt: prompt.into(), answer: answer.into() }
    }

    fn tokens(pairs: &[Pair], recipe: &Recipe) -> Result<(Vec<Tokens>, Vec<String>)> {
        let base = Folder::Bundled("assets/models/reader".into());
        let read = Checkpoint::load(&base, "reader", SILENT, &Cancel::new())?;
        let shape = Shape::of(&read.shape, "reader")?;
        Vocabulary::new(&base, &read.codec, &shape)?.tokens(pairs, Beginning::Bare, recipe, &shape)
    }

    #[test]
    fn a_pair_ends_with_the_end_of_turn_and_its_answer_starts_after_the_prompt() {
        let prompt = "<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n";
        let (found, _) = tokens(&[pair(prompt, "He.")], &Recipe::default()).unwrap();
        assert_eq!(found[0].all.last(), Some(&2));
        let (longer, _) = tokens(&[pair(prompt, "He and she.")], &Recipe::default()).unwrap();
        assert_eq!(longer[0].answer, found[0].answer);
        assert_eq!(longer[0].all[..longer[0].answer], found[0].all[..found[0].answer]);
    }

    #[test]
    fn a_pair_that_is_too_long_is_refused_by_id_or_left_out_and_named() {
        let pairs = [pair(&"word ".repeat(50), "yes")];
        let recipe = Recipe { max_tokens: 20, ..Recipe::default() };
        assert!(tokens(&pairs, &recipe).unwrap_err().to_string().contains("q7"));
        let (kept, long) = tokens(&pairs, &Recipe { skip_long: true, ..recipe }).unwrap();
        assert!(kept.is_empty() && long == ["q7"]);
    }

    #[test]
    fn an_empty_answer_is_refused_by_id() {
        assert!(tokens(&[pair("a", "")], &Recipe::default()).unwrap_err().to_string().contains("pair q7"));
    }

    #[test]
    fn every_epoch_has_each_pair_once_in_an_order_of_its_own() {
        let (first, second) = (order(50, 3, 0), order(50, 3, 1));
        assert_ne!(first, second);
        assert_eq!(first, order(50, 3, 0));
        let mut sorted = first;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn batches_keep_the_order_and_the_bound() {
        let pairs: Vec<Tokens> = [5, 5, 9, 2, 30]
            .iter()
            .map(|n| Tokens { id: n.to_string(), all: (0..*n).collect(), answer: 1 })
            .collect();
        let found: Vec<Vec<usize>> =
            batches(pairs.iter().enumerate(), 12).into_iter().map(|(_, n)| n).collect();
        assert_eq!(found, vec![vec![0, 1], vec![2, 3], vec![4]]);
    }
}
