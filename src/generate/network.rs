//! A network of weights, loaded.
//!
//! Knows tokens, windows and when to stop; what is computed for a token is juxta's own engine's (`own`) or, where that has
//! not the model's make, candle's (`decoder`).

mod answering;

use super::adapter;
use super::card::Card;
use super::checkpoint::{self, Checkpoint};
use super::codec::Codec;
use super::decoder::{self, Decoder, Parts};
use super::gguf::{self, Quantised};
use super::model::Facts;
use super::own::{self, Base};
use super::registry::{Contender, Kind, Registry};
use super::shape::Shape;
use super::ways::{self, Quant, Ways};
use crate::fault::{Error, Fault, Result};
use crate::job::{Cancel, Report};
use crate::prompt::Message;
use std::sync::Arc;

/// Multiplications between two looks at the cancel token while a prompt is read: about a tenth of a second on two
/// cores. Fewer would cost time: each product packs the whole weight again, however few tokens it is for.
const UNCANCELLED: u64 = 12_000_000_000;

/// Weights that answer.
pub(super) struct Network {
    facts: Facts,
    codec: Codec,
    engine: Engine,
    vocabulary: usize,
    /// Tokens of the prompt that are read at once, at most.
    chunk: usize,
}

enum Engine {
    Candle(Box<Decoder>),
    /// Base weights that others may answer from too, and perhaps an adapter beside them.
    Own {
        base: Arc<Base>,
        adapter: Option<Arc<juxta_engine::Adapter>>,
    },
}

/// One answer's state.
enum Session<'a> {
    Candle(decoder::Session<'a>),
    Own(own::Session<'a>),
}

/// What is known of a network before its weights are.
struct Known {
    digest: String,
    base_digest: Option<String>,
    codec: Codec,
    window: Option<usize>,
}

impl Network {
    /// Loads `contender`; an adapter's base is looked up in `registry`. Looks at `cancel` between two tensors.
    ///
    /// # Errors
    /// A [`Fault`] naming what is wrong in which file, or [`Error::Cancelled`].
    pub(super) fn load(
        contender: &Contender,
        registry: &Registry,
        ways: Ways,
        report: Report,
        cancel: &Cancel,
    ) -> Result<Self> {
        // A GGUF file may lie among anything: a card beside it need not be its own.
        let carded = |of: &Contender| match of.kind {
            Kind::Gguf => Ok(None),
            _ => Card::read(&of.folder).map(|card| card.context_tokens),
        };
        let own = carded(contender)?;
        let base = match contender.kind {
            Kind::Adapter { .. } => Some(registry.base_of(contender)?),
            _ => None,
        };
        let window = match (own, base.as_ref().map(carded).transpose()?.flatten()) {
            (Some(own), Some(base)) => Some(own.min(base)),
            (own, base) => own.or(base),
        };
        let whole = base.as_ref().unwrap_or(contender);
        if let (Kind::Gguf, Some(file)) = (&whole.kind, &whole.file) {
            return Self::quantised(contender, (whole, file), window, ways, report, cancel);
        }
        if whole.kind.is_whole() && Self::is_own(&Shape::read(&whole.folder)?, window, ways) {
            let found = Self::shared(contender, base.as_ref(), window, ways, report, cancel)?;
            if let Some(network) = found {
                return Ok(network);
            }
        }
        let Checkpoint { shape, weights, codec, digest } =
            Checkpoint::of(contender, registry, report, cancel)?;
        let (digest, base_digest) = match base {
            Some(_) => (adapter::digest(&contender.folder)?, Some(digest)),
            None => (digest, None),
        };
        let parameters = weights.parameters();
        let parts = checkpoint::parts(shape, weights).map_err(|e| cannot_run(contender, e))?;
        let known = Known { digest, base_digest, codec, window };
        Self::new(contender, known, parts, ("f32", parameters), ways)
    }

    fn is_own(shape: &Shape, window: Option<usize>, ways: Ways) -> bool {
        let window = window.map_or(shape.window(), |w| w.min(shape.window()));
        ways.engine == ways::Engine::Own && own::suits(shape, window)
    }

    /// On base weights that others may answer from too; `None` for an adapter that is not to be had beside its base.
    fn shared(
        contender: &Contender,
        base: Option<&Contender>,
        window: Option<usize>,
        ways: Ways,
        report: Report,
        cancel: &Cancel,
    ) -> Result<Option<Self>> {
        let whole = base.unwrap_or(contender);
        // Settings and digests first: they tell what is wrong before gigabytes are read.
        let settings = base.map(|base| checkpoint::adapter_of(contender, base)).transpose()?;
        if let Some(settings) = &settings
            && settings.halves(&Shape::read(&whole.folder)?)?.is_none()
        {
            return Ok(None);
        }
        let (shared, mut codec) = own::shared(&whole.folder, &whole.name, ways, report, cancel)?;
        let mut adapter = None;
        if let Some(settings) = &settings {
            if Codec::in_folder(&contender.folder) {
                let own = Codec::read(&contender.folder, &shared.shape.eos)?;
                adapter::same_tokens(&own, &codec, &whole.name)?;
                codec = own;
            }
            adapter = own::beside(settings, &shared)?;
            if adapter.is_none() {
                return Ok(None);
            }
        }
        let known = match base {
            Some(_) => {
                let digest = adapter::digest(&contender.folder)?;
                Known { digest, base_digest: Some(shared.digest.clone()), codec, window }
            }
            None => Known { digest: shared.digest.clone(), base_digest: None, codec, window },
        };
        let (shape, told) = (shared.shape.clone(), shared.engine());
        let piece = shared.piece();
        let engine = Engine::Own { base: shared, adapter };
        Ok(Some(Self::with(contender, known, &shape, told, engine, piece)))
    }

    /// On a GGUF file: the contender's own, or that of its base `whole`, which others may answer from too.
    fn quantised(
        contender: &Contender,
        (whole, file): (&Contender, &str),
        window: Option<usize>,
        ways: Ways,
        report: Report,
        cancel: &Cancel,
    ) -> Result<Self> {
        let adapted = matches!(contender.kind, Kind::Adapter { .. });
        let settings = adapted.then(|| checkpoint::adapter_of(contender, whole)).transpose()?;
        let (opened, mut codec) = gguf::Opened::read(&whole.folder, file)?;
        let mut digests = (whole.folder.digest(file)?, None);
        let (shape, parameters) = (opened.shape.clone(), opened.parameters);
        if settings.is_some() {
            if Codec::in_folder(&contender.folder) {
                let own = Codec::read(&contender.folder, &shape.eos)?;
                adapter::same_tokens(&own, &codec, &whole.name)?;
                codec = own;
            }
            digests = (adapter::digest(&contender.folder)?, Some(digests.0));
        }
        let own = Self::is_own(&shape, window, ways) && opened.has_formats();
        let beside = settings.as_ref().map(|s| s.halves(&shape)).transpose()?;
        // An adapter that adds to linear layers alone leaves the file's weights as they are.
        if own && !matches!(beside, Some(None)) {
            let of_file = digests.1.clone().unwrap_or_else(|| digests.0.clone());
            let base = own::in_memory(&shape, &of_file, ways, cancel, || {
                let Quantised { parts, .. } = opened.load(&whole.name, true, None, report, cancel)?;
                let base = Base::new(parts, shape.clone(), of_file.clone(), ways);
                base.map_err(|e| cannot_run(whole, e))
            })?;
            let adapter = settings.as_ref().map(|s| own::beside(s, &base)).transpose()?.flatten();
            let known = Known { digest: digests.0, base_digest: digests.1, codec, window };
            let (told, piece) = (base.engine(), base.piece());
            let engine = Engine::Own { base, adapter };
            return Ok(Self::with(contender, known, &shape, told, engine, piece));
        }
        let changes = settings.as_ref().map(|s| s.changes(&shape)).transpose()?;
        let Quantised { parts, types } = opened.load(&whole.name, own, changes, report, cancel)?;
        let known = Known { digest: digests.0, base_digest: digests.1, codec, window };
        Self::new(contender, known, parts, (&types, parameters), ways)
    }

    /// Weights that nobody else answers from.
    fn new(
        contender: &Contender,
        known: Known,
        parts: Parts,
        (types, parameters): (&str, u64),
        ways: Ways,
    ) -> Result<Self> {
        let shape = parts.shape.clone();
        if Self::is_own(&shape, known.window, ways) && own::has_formats(&parts) {
            let base = Base::new(parts, shape.clone(), known.digest.clone(), ways);
            let base = Arc::new(base.map_err(|e| cannot_run(contender, e))?);
            let (told, piece) = (base.engine(), base.piece());
            let engine = Engine::Own { base, adapter: None };
            return Ok(Self::with(contender, known, &shape, told, engine, piece));
        }
        if ways.quant != Quant::None && types == "f32" {
            return Err(Fault::new(
                contender.place(),
                format!("a {} model with quant = {}", shape.family, ways.quant),
            )
            .expected("a llama, mistral, qwen2 or qwen3 model: juxta's own engine has no others to quantise")
            .next("Ask it with quant = \"none\", or put a GGUF file of it into the models folder.")
            .into());
        }
        let told = format!("candle {} {types}", shape.family);
        let window = known.window.map_or(shape.window(), |w| w.min(shape.window()));
        let decoder = Decoder::new(parts, window).map_err(|e| cannot_run(contender, e))?;
        Ok(Self::with(contender, known, &shape, told, Engine::Candle(Box::new(decoder)), chunk(parameters)))
    }

    fn with(
        contender: &Contender,
        known: Known,
        shape: &Shape,
        told: String,
        engine: Engine,
        chunk: usize,
    ) -> Self {
        let Known { digest, base_digest, codec, window } = known;
        let facts = Facts {
            name: contender.name.clone(),
            digest,
            base_digest,
            template_digest: codec.template_digest().map(str::to_owned),
            architecture: shape.family.to_string(),
            engine: told,
            context_tokens: window.map_or(shape.window(), |w| w.min(shape.window())),
        };
        Self { facts, codec, engine, vocabulary: shape.vocabulary, chunk }
    }

    /// What must be known of it to have its answers again.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Its tokenizer and template.
    pub(super) fn codec(&self) -> &Codec {
        &self.codec
    }

    /// Bytes of weights read for each token, whoever else is served by the same reading; `None` where candle computes.
    pub(super) fn weight_bytes(&self) -> Option<u64> {
        match &self.engine {
            Engine::Own { base, .. } => Some(base.weight_bytes()),
            Engine::Candle(_) => None,
        }
    }

    /// Bytes a second at which this machine can read its weights, where they are the engine's.
    pub(super) fn memory_speed(&self) -> Option<f64> {
        match &self.engine {
            Engine::Own { base, .. } => Some(base.memory_speed()),
            Engine::Candle(_) => None,
        }
    }

    /// Whether both answer from the same weights in memory, so that one pass serves both.
    pub(super) fn shares_weights_with(&self, other: &Self) -> bool {
        match (&self.engine, &other.engine) {
            (Engine::Own { base: a, .. }, Engine::Own { base: b, .. }) => Arc::ptr_eq(a, b),
            _ => false,
        }
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

    /// The logits of the token after `tokens`, over the whole vocabulary.
    ///
    /// # Errors
    /// A [`Fault`] if there are none or more than the window holds, one is not in the vocabulary, or the engine
    /// fails.
    pub(super) fn logits(&self, tokens: &[u32]) -> Result<Vec<f32>> {
        self.check_prompt(tokens)?;
        let mut session = self.session(tokens, 0);
        let (mut logits, mut at) = (None, session.known());
        for chunk in tokens[at..].chunks(self.piece(tokens.len() - at)) {
            logits = self.forward(&mut session, chunk, (at, tokens.len()), &Cancel::new())?;
            at += chunk.len();
        }
        logits.ok_or_else(|| self.failed("no logits"))
    }

    /// Tokens that are read at once where so many are to be read.
    fn piece(&self, tokens: usize) -> usize {
        match &self.engine {
            Engine::Candle(_) => self.chunk,
            // Evenly, since a pass of few tokens takes nearly as long as one of many.
            Engine::Own { .. } => tokens.div_ceil(tokens.div_ceil(self.chunk).max(1)).max(1),
        }
    }

    fn session(&self, prompt: &[u32], more: usize) -> Session<'_> {
        match &self.engine {
            Engine::Candle(decoder) => Session::Candle(decoder.session(prompt.len().saturating_add(more))),
            Engine::Own { base, adapter } => {
                let wanted = (prompt, more, self.facts.context_tokens);
                Session::Own(own::Session::new(base, adapter.as_ref(), wanted))
            }
        }
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

    /// Reads `tokens`, the first of which stands at `at`: the logits behind them, if they reach `to`. `None` if the work
    /// was cancelled meanwhile.
    fn forward(
        &self,
        session: &mut Session,
        tokens: &[u32],
        (at, to): (usize, usize),
        cancel: &Cancel,
    ) -> Result<Option<Vec<f32>>> {
        match session {
            Session::Candle(session) => session.forward(tokens, at).map(Some),
            Session::Own(session) => {
                let read = session.forward(tokens, usize::from(at + tokens.len() == to), cancel);
                read.map(|logits| logits.and_then(|mut logits| logits.pop()))
            }
        }
        .map_err(|e| self.failed(e))
    }

    fn failed(&self, what: impl std::fmt::Display) -> Error {
        Fault::new(format!("the model {}", self.facts.name), what)
            .expected("an answer")
            .next("Check the model's files (copy them again), or choose another model.")
            .into()
    }
}

impl Session<'_> {
    /// Tokens of the prompt that need not be read.
    fn known(&self) -> usize {
        match self {
            Self::Candle(_) => 0,
            Self::Own(session) => session.known(),
        }
    }
}

fn cannot_run(contender: &Contender, error: candle_core::Error) -> Error {
    Fault::new(contender.place(), error)
        .expected("a model that the engine can run")
        .next("Report this with the model's name: its tensors were checked before.")
        .into()
}

fn chunk(parameters: u64) -> usize {
    let tokens = (UNCANCELLED / parameters.max(1)).clamp(16, 512);
    usize::try_from(tokens).unwrap_or(512)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::SILENT;
    use std::path::Path;

    fn in_pieces(path: &Path, tokens: &[u32], ways: Ways) {
        let registry = Registry::default();
        let contender = registry.find(&path.to_string_lossy()).expect("a model");
        let mut model = Network::load(&contender, &registry, ways, SILENT, &Cancel::new()).expect("loads");
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
        in_pieces(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/grouped"),
            &tokens,
            Ways::default(),
        );
        let ways = Ways { engine: ways::Engine::Candle, ..Ways::default() };
        in_pieces(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/grouped"), &tokens, ways);
    }

    #[test]
    #[allow(clippy::print_stdout)]
    fn a_prompt_read_in_pieces_by_the_quantised_engine_is_the_same_prompt() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../shared/data/model-tiny-random-llama-gguf/llama-2-tiny-random.gguf");
        if !path.exists() {
            return println!("skipped: there is no {}", path.display());
        }
        in_pieces(&path, &(300..320).collect::<Vec<u32>>(), Ways::default());
    }

    #[test]
    fn large_models_read_in_smaller_pieces() {
        assert_eq!([chunk(1), chunk(100_000_000), chunk(7_000_000_000)], [512, 120, 16]);
    }
}
