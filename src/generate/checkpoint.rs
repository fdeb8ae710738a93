//! A whole model in f32, as Hugging Face lays it out: shape, tensors, tokenizer. What adapters are merged into and
//! fine-tuning starts from.

use super::adapter::{Adapter, same_tokens};
use super::card::Card;
use super::codec::Codec;
use super::decoder::{Embedding, Layer, Linear, Parts};
use super::inspect::check_memory;
use super::registry::{Contender, Kind, Registry};
use super::shape::Shape;
use super::weights::{Listing, Weights, files_of};
use crate::fault::{Fault, Result};
use crate::folder::Folder;
use crate::job::{Cancel, Report};

pub(super) const HEAD: &str = "lm_head.weight";

/// A dense decoder, loaded and checked: every tensor that [`Shape::tensors`] names is there in its shape.
#[derive(Debug)]
pub struct Checkpoint {
    /// Its settings. `tied` says how the weights are: without an output head of their own.
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

/// A dense decoder of which everything was read and checked but the tensors' numbers.
pub(super) struct Unread {
    /// As a [`Checkpoint`]'s.
    pub(super) shape: Shape,
    pub(super) codec: Codec,
    /// Where its tensors are.
    pub(super) listing: Listing,
    /// Bytes that they take in f32.
    pub(super) bytes: u64,
}

impl Unread {
    /// Reads and checks settings, tokenizer and headers in `folder`.
    ///
    /// # Errors
    /// A [`Fault`] naming file, tensor and shapes.
    pub(super) fn open(folder: &Folder) -> Result<Self> {
        let mut shape = Shape::read(folder)?;
        let codec = Codec::read(folder, &shape.eos)?;
        let listing = Listing::open(folder, &files_of(folder)?)?;
        let (faults, bytes) = compare(&mut shape, &listing);
        match faults.into_iter().next() {
            Some(fault) => Err(fault.into()),
            None => Ok(Self { shape, codec, listing, bytes }),
        }
    }
}

impl Checkpoint {
    /// Loads the model in `folder`, called `name` in reports. Looks at `cancel` between two tensors.
    ///
    /// # Errors
    /// A [`Fault`] naming file, tensor and shapes, or [`crate::fault::Error::Cancelled`].
    pub fn load(folder: &Folder, name: &str, report: Report, cancel: &Cancel) -> Result<Self> {
        let Unread { shape, codec, mut listing, bytes } = Unread::open(folder)?;
        cancel.check()?;
        check_memory(&folder.place(""), bytes)?;
        let names: Vec<String> = shape.tensors().map(|(name, _)| name).collect();
        let weights = listing.read_all(&names, &format!("loading {name}"), report, cancel)?;
        Ok(Self { shape, weights, codec, digest: digest(folder)? })
    }

    /// Loads a contender's weights: of an adapter its base's, looked up in `registry`, with the adapter merged in. Their
    /// digest is the base's then.
    ///
    /// # Errors
    /// As [`Checkpoint::load`], and for an adapter that does not belong to its base.
    pub(super) fn of(
        contender: &Contender,
        registry: &Registry,
        report: Report,
        cancel: &Cancel,
    ) -> Result<Self> {
        let Kind::Adapter { .. } = contender.kind else {
            return Self::load(&contender.folder, &contender.name, report, cancel);
        };
        let base = registry.base_of(contender)?;
        if base.kind == Kind::Gguf {
            let found = format!("an adapter for {}, which is {}", base.name, told(&base.kind));
            return Err(Fault::new(contender.place(), found)
                .expected("an adapter for a Hugging Face folder, whose numbers it can be added to")
                .next("Add that folder, and name it with --base.")
                .into());
        }
        // Settings and digests first: they tell what is wrong before gigabytes are read.
        let adapter = adapter_of(contender, &base)?;
        let mut checkpoint = Self::load(&base.folder, &base.name, report, cancel)?;
        if Codec::in_folder(&contender.folder) {
            let own = Codec::read(&contender.folder, &checkpoint.shape.eos)?;
            same_tokens(&own, &checkpoint.codec, &base.name)?;
            checkpoint.codec = own;
        }
        adapter.merge(&mut checkpoint, &contender.name, report, cancel)?;
        Ok(checkpoint)
    }

    /// Gives the output its own copy of the embeddings, so that one can change without the other.
    pub(super) fn untie(&mut self) {
        if self.shape.tied
            && let Some(embeddings) = self.weights.get("model.embed_tokens.weight").cloned()
        {
            self.weights.set(HEAD, embeddings);
            self.shape.tied = false;
        }
    }
}

/// The settings of an adapter, held against the base it is for.
///
/// # Errors
/// A [`Fault`] for a base that adapters do not go onto, settings that juxta does not do, or another base than it was
/// trained on.
pub(super) fn adapter_of(contender: &Contender, base: &Contender) -> Result<Adapter> {
    if !base.kind.takes_adapters() {
        let found = format!("an adapter for {}, which is {}", base.name, told(&base.kind));
        return Err(Fault::new(contender.place(), found)
            .expected("an adapter for a Hugging Face folder or a GGUF file")
            .next("Put the base model into the models folder.")
            .into());
    }
    let adapter = Adapter::read(&contender.folder)?;
    // Of what a GGUF file was made cannot be told from it.
    if let (Some(expected), true) = (&Card::read(&contender.folder)?.base_digest, base.kind.is_whole()) {
        adapter.check_base(expected, &base.folder, &base.name)?;
    }
    Ok(adapter)
}

/// The parts of a decoder: each tensor is taken out of `weights`, so that none is in memory twice.
pub(super) fn parts(shape: Shape, weights: Weights) -> candle_core::Result<Parts> {
    let mut tensors = weights.into_tensors();
    let mut take = |name: &str| match tensors.remove(name) {
        Some(tensor) => Ok(tensor),
        None => candle_core::bail!("no tensor {name}"),
    };
    let gemma = shape.family.is_gemma();
    // Gemma's norms multiply by one more than their weights.
    let norm = |tensor: candle_core::Tensor| if gemma { tensor + 1.0 } else { Ok(tensor) };
    let embedding = take("model.embed_tokens.weight")?;
    let head = if shape.tied { embedding.clone() } else { take(HEAD)? };
    let mut layers = Vec::new();
    for n in 0..shape.layers {
        let mut take = |part: &str| take(&format!("model.layers.{n}.{part}"));
        let (family, input_norm) = (shape.family, norm(take("input_layernorm.weight")?)?);
        let behind = norm(take("post_attention_layernorm.weight")?)?;
        let (attention_norm, feed_norm, fed_norm) = match family.has_post_norms() {
            true => {
                let before = norm(take("pre_feedforward_layernorm.weight")?)?;
                (Some(behind), before, Some(norm(take("post_feedforward_layernorm.weight")?)?))
            }
            false => (None, behind, None),
        };
        let head_norms = match family.has_head_norms() {
            true => Some((norm(take("self_attn.q_norm.weight")?)?, norm(take("self_attn.k_norm.weight")?)?)),
            false => None,
        };
        let mut linear = |name: &str, biased: bool| {
            let bias = if biased { Some(take(&format!("{name}.bias"))?) } else { None };
            Ok::<_, candle_core::Error>(Linear::dense(take(&format!("{name}.weight"))?, bias))
        };
        let (projections, gate_up): (&[&str], &[&str]) = match family.is_fused() {
            true => (&["self_attn.qkv_proj"], &["mlp.gate_up_proj"]),
            false => {
                let apart = &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"];
                (apart, &["mlp.gate_proj", "mlp.up_proj"])
            }
        };
        let projections = projections.iter().map(|name| linear(name, shape.biases));
        let projections = projections.collect::<Result<_, candle_core::Error>>()?;
        let gate_up = gate_up.iter().map(|name| linear(name, false));
        layers.push(Layer {
            input_norm,
            projections,
            head_norms,
            gate_up: gate_up.collect::<Result<_, candle_core::Error>>()?,
            output: linear("self_attn.o_proj", shape.output_bias)?,
            attention_norm,
            feed_norm,
            down: linear("mlp.down_proj", false)?,
            fed_norm,
        });
    }
    let last = norm(take("model.norm.weight")?)?;
    Ok(Parts {
        shape,
        embedding: Embedding::Dense(embedding),
        layers,
        norm: last,
        head: Linear::dense(head, None),
        beside: false,
    })
}

/// Faults of a model's tensors that are told one by one.
const MOST_FAULTS: usize = 1_000;

/// What does not fit between a shape and the tensors of its files, and the bytes that the weights take in memory, in f32.
/// A file without an output head is one of tied embeddings, whatever its config.json leaves out.
///
/// A tensor that the engine has no place for (a bias, a norm of the queries) would be left out in silence: it is a fault.
pub(super) fn compare(shape: &mut Shape, listing: &Listing) -> (Vec<Fault>, u64) {
    shape.tied |= listing.shape(HEAD).is_none();
    let mut faults = Vec::new();
    let mut wanted = std::collections::BTreeSet::new();
    let mut numbers = 0u64;
    for (name, expected) in shape.tensors() {
        if let Err(crate::fault::Error::Fault(fault)) = listing.expect(&name, &expected) {
            faults.push(*fault);
        }
        // A broken config can ask for billions of layers.
        if faults.len() > MOST_FAULTS {
            return (faults, 0);
        }
        numbers = expected
            .iter()
            .try_fold(1u64, |n, d| n.checked_mul(*d as u64))
            .map_or(u64::MAX, |n| numbers.saturating_add(n));
        wanted.insert(name);
    }
    // Tables that old files carry along: they follow from config.json. The head of a tied model is its embeddings.
    let harmless = |name: &str| name.ends_with("rotary_emb.inv_freq") || name == HEAD;
    for name in listing.names().filter(|name| !wanted.contains(*name) && !harmless(name)) {
        faults.push(
            Fault::new(listing.place(name), format!("the tensor {name}"))
                .expected(format!(
                    "the tensors of a {} model with this config.json and no others",
                    shape.family
                ))
                .next("Choose a model without it: the engine would ignore it and answer wrongly."),
        );
    }
    (faults, numbers.saturating_mul(4))
}

fn told(kind: &Kind) -> &'static str {
    match kind {
        Kind::Base | Kind::Full { .. } => "a Hugging Face folder",
        Kind::Adapter { .. } => "itself an adapter",
        Kind::Gguf => "a GGUF file",
        Kind::Recorded => "recorded answers",
        Kind::Endpoint { .. } => "a model behind a server",
    }
}
