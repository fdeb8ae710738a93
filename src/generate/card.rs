//! model.toml: what juxta wants to know of a model and no other file of the model says. Optional.

use crate::fault::{Fault, Result};
use crate::folder::Folder;
use serde::{Deserialize, Serialize};

/// The card's file name in a model's folder.
pub const CARD: &str = "model.toml";

/// A model's card.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// What the model is called in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// One or two sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Under which terms the weights may be passed on, naming what they were made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Tokens of prompt and answer together up to which the model works, where that is fewer than
    /// config.json allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<usize>,
    /// Of what was fine-tuned: the base's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Of what was fine-tuned: BLAKE3 of the weights of the base it was trained from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_digest: Option<String>,
    /// Of what was fine-tuned: the digest of the corpus that its pairs were made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corpus_digest: Option<String>,
    /// Of what was fine-tuned: what on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trained_on: Option<TrainedOn>,
    /// Of what was fine-tuned: how, for people and for training it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<toml::Table>,
    /// Of what was fine-tuned: what the training came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<toml::Table>,
}

/// What a model was fine-tuned on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainedOn {
    /// The corpus's id.
    pub corpus: String,
    /// How many question-answer pairs.
    pub examples: usize,
}

impl Card {
    /// Reads a folder's card; an empty one where there is none.
    ///
    /// # Errors
    /// A [`Fault`] with the line that is wrong.
    pub fn read(folder: &Folder) -> Result<Self> {
        if !folder.has(CARD) {
            return Ok(Self::default());
        }
        let text = folder.read_text(CARD)?;
        let card: Self = toml::from_str(&text).map_err(|e| {
            let line =
                e.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            Fault::new(format!("{}:{line}", folder.place(CARD)), e.message())
                .expected("title, description, licence, context_tokens, base, base_digest, corpus_digest, trained_on, training or result")
                .next("Correct the line.")
        })?;
        if card.context_tokens == Some(0) {
            return Err(Fault::new(folder.place(CARD), "context_tokens = 0")
                .expected("a number of tokens above 0, or no such line")
                .next("Correct the line.")
                .into());
        }
        Ok(card)
    }
}
