//! A network of weights and how it answers.
//!
//! The weights are shared; what one answer needs of its own (keys and values of the tokens so far) is cloned per
//! answer, so that one model serves several at once and asking the same thing twice gives the same answer.

use super::adapter::{self, Adapter};
use super::answer::{Completion, Finish, Step};
use super::card::Card;
use super::checkpoint::Checkpoint;
use super::codec::Codec;
use super::config::{LARGEST_WINDOW, Shape};
use super::gguf::{self, Quantised};
use super::model::Facts;
use super::registry::{Contender, Kind, Registry};
use super::sampling::{Sampler, Sampling};
use super::weights::Weights;
use crate::fault::{Error, Fault, Result};
use crate::job::{Cancel, Report};
use crate::prompt::Message;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::llama::{Cache, Llama};
use candle_transformers::models::quantized_llama::ModelWeights;
use std::time::Instant;

/// Multiplications between two looks at the cancel token while a prompt is read: about a tenth of a second on two
/// cores. Fewer would cost time: each product packs the whole weight again, however few tokens it is for.
const UNCANCELLED: u64 = 12_000_000_000;

/// Weights that answer.
pub(super) struct Network {
    facts: Facts,
    codec: Codec,
    engine: Engine,
    vocabulary: usize,
    /// Tokens of the prompt that are read at once.
    chunk: usize,
}

enum Engine {
    Dense { llama: Llama, start: Cache },
    Quantised(ModelWeights),
}

/// One answer's state.
enum Session<'a> {
    Dense { llama: &'a Llama, cache: Cache },
    Quantised(ModelWeights),
}

impl Network {
    /// Loads `contender`; an adapter's base is looked up in `registry`. Looks at `cancel` between two tensors.
    ///
    /// # Errors
    /// A [`Fault`] naming what is wrong in which file, or [`Error::Cancelled`].
    pub(super) fn load(
        contender: &Contender,
        registry: &Registry,
        report: Report,
        cancel: &Cancel,
    ) -> Result<Self> {
        let card = Card::read(&contender.folder)?;
        match (&contender.kind, &contender.file) {
            (Kind::Gguf, Some(file)) => Self::quantised(contender, file, report, cancel),
            (Kind::Adapter { .. }, _) => {
                let base = registry.base_of(contender)?;
                Self::adapted(contender, &card, &base, report, cancel)
            }
            _ => {
                let checkpoint = Checkpoint::load(&contender.folder, &contender.name, report, cancel)?;
                let digest = checkpoint.digest.clone();
                Self::dense(contender, checkpoint, card.context_tokens, digest, None)
            }
        }
    }

    fn adapted(
        contender: &Contender,
        card: &Card,
        base: &Contender,
        report: Report,
        cancel: &Cancel,
    ) -> Result<Self> {
        if !base.kind.is_whole() {
            return Err(Fault::new(
                contender.place(),
                format!("an adapter for {}, which is {}", base.name, told(&base.kind)),
            )
            .expected("an adapter for a Hugging Face folder: adapters are merged into unquantised weights")
            .next("Put the base model's Hugging Face folder into the models folder.")
            .into());
        }
        // Settings and digests first: they tell what is wrong before gigabytes are read.
        let adapter = Adapter::read(&contender.folder)?;
        if let Some(expected) = &card.base_digest {
            adapter.check_base(expected, &base.folder, &base.name)?;
        }
        let mut checkpoint = Checkpoint::load(&base.folder, &base.name, report, cancel)?;
        adapter.merge(&mut checkpoint, &contender.name, report, cancel)?;
        if Codec::in_folder(&contender.folder) {
            checkpoint.codec = Codec::read(&contender.folder, &checkpoint.shape.eos)?;
        }
        let window = match (card.context_tokens, Card::read(&base.folder)?.context_tokens) {
            (Some(own), Some(base)) => Some(own.min(base)),
            (own, base) => own.or(base),
        };
        let base_digest = Some(checkpoint.digest.clone());
        let digest = adapter::digest(&contender.folder)?;
        Self::dense(contender, checkpoint, window, digest, base_digest)
    }

    fn dense(
        contender: &Contender,
        checkpoint: Checkpoint,
        window: Option<usize>,
        digest: String,
        base_digest: Option<String>,
    ) -> Result<Self> {
        let Checkpoint { shape, weights, codec, .. } = checkpoint;
        let chunk = chunk(weights.parameters());
        let own = shape.config.max_position_embeddings.min(LARGEST_WINDOW);
        let context_tokens = window.map_or(own, |w| w.min(own));
        let engine = Engine::dense(&shape, weights, context_tokens).map_err(|e| {
            Fault::new(contender.place(), e)
                .expected("a llama model that the engine can run")
                .next("Report this with the model's name: its tensors were checked before.")
        })?;
        Ok(Self {
            facts: Facts {
                name: contender.name.clone(),
                digest,
                base_digest,
                template_digest: codec.template_digest().map(str::to_owned),
                architecture: "llama".to_owned(),
                engine: "candle-transformers llama f32".to_owned(),
                context_tokens,
            },
            vocabulary: shape.config.vocab_size,
            chunk,
            codec,
            engine,
        })
    }

    fn quantised(contender: &Contender, file: &str, report: Report, cancel: &Cancel) -> Result<Self> {
        let Quantised { weights, codec, vocabulary, parameters, window, types } =
            gguf::load(&contender.folder, file, &contender.name, report, cancel)?;
        Ok(Self {
            facts: Facts {
                name: contender.name.clone(),
                digest: contender.folder.digest(file)?,
                base_digest: None,
                template_digest: codec.template_digest().map(str::to_owned),
                architecture: "llama".to_owned(),
                engine: format!("candle-transformers quantized_llama {types}"),
                context_tokens: window,
            },
            vocabulary,
            chunk: chunk(parameters),
            codec,
            engine: Engine::Quantised(weights),
        })
    }

    /// What must be known of it to have its answers again.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Its tokenizer and template.
    pub(super) fn codec(&self) -> &Codec {
        &self.codec
    }

    /// The prompt that asks for the next turn, in the model's own chat template.
    ///
    /// # Errors
    /// A [`Fault`] if the model has no template or it fails.
    pub(super) fn render(&self, messages: &[Message]) -> Result<String> {
        self.codec.render(messages)
    }

    /// How many tokens `text` takes of the model's window as a prompt.
    ///
    /// # Errors
    /// A [`Fault`] if the tokenizer fails on it.
    pub(super) fn count_tokens(&self, text: &str) -> Result<usize> {
        Ok(self.codec.encode_prompt(text)?.len())
    }

    /// Answers `prompt`, a rendered one; tells each step to `on` as it happens. A cancelled answer is one with
    /// the text so far; `cancel` is looked at before every token, and about every tenth of a second
    /// while the prompt is read.
    ///
    /// # Errors
    /// A [`Fault`] if the prompt is empty or longer than the model's window, or the engine fails.
    pub(super) fn generate(
        &self,
        prompt: &str,
        sampling: &Sampling,
        cancel: &Cancel,
        on: &mut dyn FnMut(Step),
    ) -> Result<Completion> {
        let asked = Instant::now();
        let ids = self.codec.encode_prompt(prompt)?;
        self.check_prompt(&ids)?;
        let mut answer = Answer::default();
        let mut stream = self.codec.stream();
        let mut sampler = Sampler::new(sampling);
        let mut session = self.engine.session();
        let read = |read, on: &mut dyn FnMut(Step)| on(Step::Reading { read, prompt_tokens: ids.len() });
        read(0, on);
        let mut logits = None;
        for (n, chunk) in ids.chunks(self.chunk).enumerate() {
            if cancel.is_cancelled() {
                break;
            }
            logits = Some(self.forward(&mut session, chunk, n * self.chunk)?);
            read(n * self.chunk + chunk.len(), on);
        }
        let finish = loop {
            if cancel.is_cancelled() {
                break Finish::Cancelled;
            }
            if answer.tokens >= sampling.max_tokens {
                break Finish::Length;
            }
            let Some(token) = logits.take().and_then(|logits| sampler.choose(&logits)) else {
                return Err(self.failed("logits that are no numbers"));
            };
            if self.codec.stops(token) {
                break Finish::Stop;
            }
            answer.took(asked);
            if let Some(piece) = stream.push(token)? {
                answer.add(piece, on);
            }
            // The position of the token just chosen is the first one that the window must still have.
            let position = ids.len() + answer.tokens - 1;
            if position >= self.facts.context_tokens {
                break Finish::Length;
            }
            if answer.tokens < sampling.max_tokens && !cancel.is_cancelled() {
                logits = Some(self.forward(&mut session, &[token], position)?);
            }
        };
        if let Some(piece) = stream.finish()? {
            answer.add(piece, on);
        }
        Ok(answer.completion(ids.len(), asked, finish))
    }

    /// The logits of the token after `tokens`, over the whole vocabulary.
    ///
    /// # Errors
    /// A [`Fault`] if there are none or more than the window holds, one is not in the vocabulary, or the engine
    /// fails.
    pub(super) fn logits(&self, tokens: &[u32]) -> Result<Vec<f32>> {
        self.check_prompt(tokens)?;
        let mut session = self.engine.session();
        let mut logits = Vec::new();
        for (n, chunk) in tokens.chunks(self.chunk).enumerate() {
            logits = self.forward(&mut session, chunk, n * self.chunk)?;
        }
        Ok(logits)
    }

    fn check_prompt(&self, ids: &[u32]) -> Result<()> {
        self.codec.check(ids, self.vocabulary)?;
        let window = self.facts.context_tokens;
        if ids.is_empty() || ids.len() > window {
            return Err(Fault::new(
                format!("the prompt for {}", self.facts.name),
                format!("{} tokens", ids.len()),
            )
            .expected(format!("1 to {window}, the model's window"))
            .next("Ask with fewer or shorter passages.")
            .into());
        }
        Ok(())
    }

    fn forward(&self, session: &mut Session, tokens: &[u32], position: usize) -> Result<Vec<f32>> {
        session.forward(tokens, position).map_err(|e| self.failed(e))
    }

    fn failed(&self, what: impl std::fmt::Display) -> Error {
        Fault::new(format!("the model {}", self.facts.name), what)
            .expected("an answer")
            .next("Check the model's files (copy them again), or choose another model.")
            .into()
    }
}

fn chunk(parameters: u64) -> usize {
    let tokens = (UNCANCELLED / parameters.max(1)).clamp(16, 512);
    usize::try_from(tokens).unwrap_or(512)
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

impl Engine {
    fn dense(shape: &Shape, weights: Weights, window: usize) -> candle_core::Result<Self> {
        let mut config = shape.config.clone();
        // Tables are made for the positions that are used. candle narrows its cache once there are more heads
        // than positions, which must not happen.
        config.max_position_embeddings = window.max(config.num_attention_heads);
        let start = Cache::new(true, DType::F32, &config, &Device::Cpu)?;
        let tensors = weights.into_tensors().into_iter().collect();
        let llama = Llama::load(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu), &config)?;
        Ok(Self::Dense { llama, start })
    }

    fn session(&self) -> Session<'_> {
        match self {
            Self::Dense { llama, start } => Session::Dense { llama, cache: start.clone() },
            // Tensors are shared; the keys and values of the clone are its own.
            Self::Quantised(weights) => Session::Quantised(weights.clone()),
        }
    }
}

impl Session<'_> {
    /// Reads `tokens` at `position`; the logits of the last, over the vocabulary.
    fn forward(&mut self, tokens: &[u32], position: usize) -> candle_core::Result<Vec<f32>> {
        let tokens = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let logits = match self {
            Self::Dense { llama, cache } => llama.forward(&tokens, position, cache)?,
            Self::Quantised(weights) => weights.forward(&tokens, position)?,
        };
        logits.squeeze(0)?.to_dtype(DType::F32)?.to_vec1()
    }
}

/// An answer as it grows.
#[derive(Default)]
struct Answer {
    text: String,
    tokens: usize,
    first: Option<f64>,
    last: f64,
}

impl Answer {
    fn took(&mut self, asked: Instant) {
        self.tokens += 1;
        self.last = asked.elapsed().as_secs_f64();
        self.first.get_or_insert(self.last);
    }

    fn add(&mut self, piece: String, on: &mut dyn FnMut(Step)) {
        self.text.push_str(&piece);
        on(Step::Text { piece, tokens: self.tokens });
    }

    fn completion(self, prompt_tokens: usize, asked: Instant, finish: Finish) -> Completion {
        let rate = self.first.filter(|first| self.tokens > 1 && self.last > *first);
        Completion {
            tokens_per_second: rate.map(|first| (self.tokens - 1) as f64 / (self.last - first)),
            text: self.text,
            tokens: self.tokens,
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
    use crate::job::SILENT;
    use std::path::Path;

    fn in_pieces(path: &Path, tokens: &[u32]) {
        let registry = Registry::default();
        let contender = registry.find(&path.to_string_lossy()).expect("a model");
        let mut model = Network::load(&contender, &registry, SILENT, &Cancel::new()).expect("loads");
        let whole = model.logits(tokens).expect("logits");
        for chunk in [1, 3, 7] {
            model.chunk = chunk;
            let got = model.logits(tokens).expect("logits");
            let off = got.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-4, "off by {off} in pieces of {chunk}");
        }
    }

    #[test]
    fn a_prompt_read_in_pieces_is_the_same_prompt() {
        let tokens: Vec<u32> = (3..23).collect();
        in_pieces(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/grouped"), &tokens);
    }

    #[test]
    #[allow(clippy::print_stdout)]
    fn a_prompt_read_in_pieces_by_the_quantised_engine_is_the_same_prompt() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../shared/data/model-tiny-random-llama-gguf/llama-2-tiny-random.gguf");
        if !path.exists() {
            return println!("skipped: there is no {}", path.display());
        }
        in_pieces(&path, &(300..320).collect::<Vec<u32>>());
    }

    #[test]
    fn large_models_read_in_smaller_pieces() {
        assert_eq!([chunk(1), chunk(100_000_000), chunk(7_000_000_000)], [512, 120, 16]);
    }
}
