//! A whole model in f32, as Hugging Face lays it out: shape, tensors, tokenizer. What adapters are merged into and
//! fine-tuning starts from.

use super::codec::Codec;
use super::config::Shape;
use super::weights::{Listing, Weights, files_of};
use crate::fault::{Fault, Result};
use crate::folder::Folder;
use crate::job::{Cancel, Report};

const HEAD: &str = "lm_head.weight";

/// A dense llama model, loaded and checked: every tensor that [`Shape::tensors`] names is there in its shape.
#[derive(Debug)]
pub struct Checkpoint {
    /// Its settings. `tie_word_embeddings` says how the weights are: without an output head of their own.
    pub shape: Shape,
    /// Its tensors, in f32.
    pub weights: Weights,
    /// Its tokenizer and template.
    pub codec: Codec,
    /// BLAKE3 of its weight files, as hex: see [`digest`].
    pub digest: String,
}

/// BLAKE3 over the names and digests of a folder's weight files, as hex. The same for a folder on disk and its
/// bundled copy; settings and tokenizer do not enter.
///
/// # Errors
/// A [`Fault`] if a file is missing or cannot be read.
pub fn digest(folder: &Folder) -> Result<String> {
    folder.digest_of(&files_of(folder)?)
}

impl Checkpoint {
    /// Loads the model in `folder`, called `name` in reports. Looks at `cancel` between two tensors.
    ///
    /// # Errors
    /// A [`Fault`] naming file, tensor and shapes, or [`crate::fault::Error::Cancelled`].
    pub fn load(folder: &Folder, name: &str, report: Report, cancel: &Cancel) -> Result<Self> {
        let mut shape = Shape::read(folder)?;
        let codec = Codec::read(folder, &shape.eos)?;
        let mut listing = Listing::open(folder, &files_of(folder)?)?;
        // A file without an output head is one of tied embeddings, whatever its config.json leaves out.
        shape.config.tie_word_embeddings |= listing.shape(HEAD).is_none();
        let mut names = Vec::new();
        for (tensor, expected) in shape.tensors() {
            cancel.check()?;
            listing.expect(&tensor, &expected)?;
            names.push(tensor);
        }
        refuse_others(&listing, &names)?;
        let weights = listing.read_all(&names, &format!("loading {name}"), report, cancel)?;
        Ok(Self { shape, weights, codec, digest: digest(folder)? })
    }

    /// Gives the output its own copy of the embeddings, so that one can change without the other.
    pub(super) fn untie(&mut self) {
        if self.shape.config.tie_word_embeddings
            && let Some(embeddings) = self.weights.get("model.embed_tokens.weight").cloned()
        {
            self.weights.set(HEAD, embeddings);
            self.shape.config.tie_word_embeddings = false;
        }
    }
}

/// A tensor that the engine has no place for (a bias, a norm of the queries) would be left out in silence.
fn refuse_others(listing: &Listing, wanted: &[String]) -> Result<()> {
    let wanted: std::collections::BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
    // Tables that old files carry along: they follow from config.json. The head of a tied model is its embeddings.
    let harmless = |name: &str| name.ends_with("rotary_emb.inv_freq") || name == HEAD;
    match listing.names().find(|name| !wanted.contains(name) && !harmless(name)) {
        None => Ok(()),
        Some(name) => Err(Fault::new(listing.place(name), format!("the tensor {name}"))
            .expected("the tensors of a llama model with this config.json and no others")
            .next("Choose a model without it: the engine would ignore it and answer wrongly.")
            .into()),
    }
}
