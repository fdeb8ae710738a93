//! A model that turns texts into vectors whose products say how alike they are: BERT and what is built like it, from a
//! folder as sentence-transformers writes it. Knows nothing of passages or of what is searched.
//!
//! What is done with the model's last layer is what the folder's `modules.json` and `1_Pooling/config.json` say: the mean
//! over all tokens or the first one, and whether it is made of length 1. Without them it is the mean, of length 1.

use super::codec::read_tokenizer;
use super::settings::Settings;
use super::weights::{Listing, files_of};
use crate::fault::{Fault, Result};
use crate::folder::Folder;
use crate::job::{Cancel, SILENT};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use tokenizers::{PaddingParams, PaddingStrategy, Tokenizer, TruncationParams};

const CONFIG: &str = "config.json";
const MODULES: &str = "modules.json";
const POOLING: &str = "1_Pooling/config.json";
const SENTENCES: &str = "sentence_bert_config.json";
const TOKENIZER: &str = "tokenizer.json";
/// More of anything than encoders have, so that a config that lies asks for no memory.
const MOST: usize = 1 << 20;

/// What becomes of the vectors of a text's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pooling {
    Mean,
    First,
}

/// A BERT with what stands around it.
pub struct Encoder {
    model: BertModel,
    tokenizer: Tokenizer,
    pooling: Pooling,
    unit: bool,
    width: usize,
    digest: String,
    place: String,
}

impl Encoder {
    /// Loads the encoder in a folder.
    ///
    /// # Errors
    /// A [`Fault`] naming the file and what is wrong with it: a model of another family, other pooling, weights that do not
    /// fit; [`crate::fault::Error::Cancelled`] between tensors.
    pub fn load(folder: &Folder, cancel: &Cancel) -> Result<Self> {
        let config = config(folder)?;
        let (pooling, unit) = pooling(folder)?;
        let files = files_of(folder)?;
        let mut listing = Listing::open(folder, &files)?;
        // The heads of what the model was trained by are not used.
        let names: Vec<String> = (listing.names())
            .filter(|name| name.contains("embeddings.") || name.contains("encoder.layer."))
            .filter(|name| !name.ends_with("position_ids"))
            .map(str::to_owned)
            .collect();
        let tensors = listing.read_all(&names, "loading the encoder", SILENT, cancel)?.into_tensors();
        let place = folder.place(&files[0]);
        let builder = VarBuilder::from_tensors(tensors.into_iter().collect(), DType::F32, &Device::Cpu);
        let model = BertModel::load(builder, &config).map_err(|e| {
            Fault::new(&place, e)
                .expected(format!("the tensors of a BERT as {CONFIG} describes it"))
                .next("Copy or download the folder again.")
        })?;
        let tokenizer = tokenizer(folder, &config)?;
        let mut decides = files;
        decides.extend([CONFIG, TOKENIZER, MODULES, POOLING, SENTENCES].map(str::to_owned));
        decides.retain(|file| folder.has(file));
        let digest = folder.digest_of(&decides)?;
        Ok(Self { model, tokenizer, pooling, unit, width: config.hidden_size, digest, place })
    }

    /// How many numbers a vector has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// BLAKE3 of the files that decide its vectors, as hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// A vector of [`Encoder::width`] numbers for each text, in their order. A text longer than the model was made for
    /// counts by its beginning.
    ///
    /// # Errors
    /// A [`Fault`] if tokenizer or model fail.
    pub fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let encodings = self.tokenizer.encode_batch(texts.to_vec(), true).map_err(|e| self.failed(&e))?;
        let length = encodings.first().map_or(0, tokenizers::Encoding::len);
        let of = |numbers: &dyn Fn(&tokenizers::Encoding) -> Vec<u32>| {
            let all: Vec<u32> = encodings.iter().flat_map(numbers).collect();
            Tensor::from_vec(all, (texts.len(), length), &Device::Cpu)
        };
        let run = || -> candle_core::Result<Vec<Vec<f32>>> {
            let ids = of(&|e| e.get_ids().to_vec())?;
            let mask = of(&|e| e.get_attention_mask().to_vec())?;
            let tokens = self.model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
            let pooled = match self.pooling {
                Pooling::First => tokens.narrow(1, 0, 1)?.squeeze(1)?,
                Pooling::Mean => {
                    let mask = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
                    tokens.broadcast_mul(&mask)?.sum(1)?.broadcast_div(&mask.sum(1)?)?
                }
            };
            pooled.to_vec2()
        };
        let mut vectors = run().map_err(|e| self.failed(&e))?;
        if self.unit {
            for vector in &mut vectors {
                let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
                vector.iter_mut().for_each(|x| *x /= length);
            }
        }
        Ok(vectors)
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> crate::fault::Error {
        Fault::new(&self.place, error)
            .expected("an encoder that its tokenizer fits")
            .next("Copy or download the folder again, or use another encoder.")
            .into()
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("place", &self.place).finish_non_exhaustive()
    }
}

fn config(folder: &Folder) -> Result<Config> {
    let text = folder.read_text(CONFIG)?;
    let place = folder.place(CONFIG);
    let refuse = |found: String, expected: &str| {
        Fault::new(&place, found).expected(expected).next("Name the folder of a BERT in retrieval.encoder.")
    };
    let config: Config = serde_json::from_str(&text)
        .map_err(|e| refuse(e.to_string(), "the config of a BERT as Hugging Face transformers writes it"))?;
    if config.model_type.as_deref().is_some_and(|family| family != "bert") {
        let family = crate::text::one_line(config.model_type.as_deref().unwrap_or_default());
        return Err(refuse(format!("model_type {family}"), "bert").into());
    }
    let counts = [
        ("vocab_size", config.vocab_size),
        ("hidden_size", config.hidden_size),
        ("num_hidden_layers", config.num_hidden_layers),
        ("num_attention_heads", config.num_attention_heads),
        ("intermediate_size", config.intermediate_size),
        ("max_position_embeddings", config.max_position_embeddings),
        ("type_vocab_size", config.type_vocab_size),
    ];
    if let Some((name, found)) = counts.into_iter().find(|(_, n)| !(1..=MOST).contains(n)) {
        return Err(refuse(format!("{name} {found}"), "a whole number from 1 to 1048576").into());
    }
    if !config.hidden_size.is_multiple_of(config.num_attention_heads) {
        let found = format!("hidden_size {} for {} heads", config.hidden_size, config.num_attention_heads);
        return Err(refuse(found, "a multiple of num_attention_heads").into());
    }
    Ok(config)
}

/// What the folder says of pooling, and whether vectors are made of length 1.
fn pooling(folder: &Folder) -> Result<(Pooling, bool)> {
    let unit = !folder.has(MODULES) || folder.read_text(MODULES)?.contains("Normalize");
    if !folder.has(POOLING) {
        return Ok((Pooling::Mean, unit));
    }
    let settings = Settings::read(folder, POOLING)?;
    let mut on = Vec::new();
    for (name, value) in settings.iter() {
        if name.starts_with("pooling_mode_") && value.as_bool() == Some(true) {
            on.push(name.to_owned());
        }
    }
    match on.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["pooling_mode_mean_tokens"] => Ok((Pooling::Mean, unit)),
        ["pooling_mode_cls_token"] => Ok((Pooling::First, unit)),
        _ => Err(Fault::new(folder.place(POOLING), format!("{on:?}"))
            .expected("pooling_mode_mean_tokens or pooling_mode_cls_token, alone")
            .next("Use an encoder with one of these.")
            .into()),
    }
}

/// The tokenizer, which pads a batch to its longest text and cuts off what the model cannot read.
fn tokenizer(folder: &Folder, config: &Config) -> Result<Tokenizer> {
    let mut tokenizer = read_tokenizer(folder, TOKENIZER)?;
    let told = match folder.has(SENTENCES) {
        true => Settings::read(folder, SENTENCES)?.maybe_count("max_seq_length")?,
        false => None,
    };
    let longest = told.unwrap_or(config.max_position_embeddings).min(config.max_position_embeddings);
    let refuse = |error: &dyn std::fmt::Display| {
        Fault::new(folder.place(TOKENIZER), error)
            .expected("a tokenizer that can be cut off at the model's length")
            .next("Copy or download the folder again.")
    };
    let truncation = TruncationParams { max_length: longest, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|e| refuse(&e))?;
    let pad_id = u32::try_from(config.pad_token_id).map_err(|e| refuse(&e))?;
    let pad_token = tokenizer.id_to_token(pad_id).unwrap_or_else(|| "[PAD]".to_owned());
    tokenizer.with_padding(Some(PaddingParams {
        strategy: PaddingStrategy::BatchLongest,
        pad_id,
        pad_token,
        ..PaddingParams::default()
    }));
    Ok(tokenizer)
}
