//! What answers, whatever it is made of: a network of weights, answers that were recorded elsewhere, a server.

use super::ahead::Guessing;
use super::answer::{Completion, Step};
use super::codec::Codec;
use super::endpoint::Remote;
use super::network::Network;
use super::recorded::Recorded;
use super::registry::{Contender, Kind, Registry};
use super::sampling::Sampling;
use super::ways::Ways;
use crate::fault::{Fault, Result};
use crate::job::{Cancel, Report};
use crate::prompt::Message;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

/// A model that answers.
pub struct Model(Voice);

enum Voice {
    Network(Box<Network>),
    Recorded(Recorded),
    Remote(Box<Remote>),
}

/// What must be known of a model to have its answers again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What it is called by.
    pub name: String,
    /// BLAKE3 of its weights, as hex; of an adapter, of the adapter's settings and weights.
    pub digest: String,
    /// Of an adapter: BLAKE3 of its base's weights.
    pub base_digest: Option<String>,
    /// BLAKE3 of its chat template, if it has one.
    pub template_digest: Option<String>,
    /// `llama`.
    pub architecture: String,
    /// What computes it, in which numbers.
    pub engine: String,
    /// The most tokens that prompt and answer may have together; 0 where nobody knows: a server that does not say.
    pub context_tokens: usize,
}

impl Model {
    /// Loads `contender`; an adapter's base is looked up in `registry`. Looks at `cancel` between two tensors.
    ///
    /// # Errors
    /// A [`Fault`] naming what is wrong in which file, or [`crate::fault::Error::Cancelled`].
    pub fn load(contender: &Contender, registry: &Registry, report: Report, cancel: &Cancel) -> Result<Self> {
        Self::load_in(Ways::default(), contender, registry, report, cancel)
    }

    /// As [`Model::load`], computed in other ways than by default.
    ///
    /// # Errors
    /// As [`Model::load`], and for a model that is not to be had in these ways.
    pub fn load_in(
        ways: Ways,
        contender: &Contender,
        registry: &Registry,
        report: Report,
        cancel: &Cancel,
    ) -> Result<Self> {
        Ok(Self(match contender.kind {
            Kind::Recorded => Voice::Recorded(Recorded::read(contender)?),
            Kind::Endpoint { .. } => Voice::Remote(Box::new(Remote::load(contender, report, cancel)?)),
            _ => Voice::Network(Box::new(Network::load(contender, registry, ways, report, cancel)?)),
        }))
    }

    /// What must be known of it to have its answers again.
    pub fn facts(&self) -> &Facts {
        match &self.0 {
            Voice::Network(network) => network.facts(),
            Voice::Recorded(recorded) => recorded.facts(),
            Voice::Remote(remote) => remote.facts(),
        }
    }

    /// Bytes of weights that are read for each token; `None` where nobody knows.
    pub fn weight_bytes(&self) -> Option<u64> {
        match &self.0 {
            Voice::Network(network) => network.weight_bytes(),
            Voice::Recorded(_) | Voice::Remote(_) => None,
        }
    }

    /// Bytes a second at which the threads that answers are made on can read those weights: measured when it is first asked for,
    /// as [`juxta_engine::memory_speed`] says. `None` where nobody knows.
    pub fn memory_speed(&self) -> Option<f64> {
        match &self.0 {
            Voice::Network(network) => network.memory_speed(),
            Voice::Recorded(_) | Voice::Remote(_) => None,
        }
    }

    /// Whether both answer from the same weights in memory, so that one pass over them serves both.
    pub fn shares_weights_with(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Voice::Network(a), Voice::Network(b)) => a.shares_weights_with(b),
            _ => false,
        }
    }

    /// How many answers are asked of it at a time when many are made; `None` where this machine computes them.
    pub fn in_flight(&self) -> Option<NonZeroUsize> {
        match &self.0 {
            Voice::Remote(remote) => Some(remote.in_flight()),
            Voice::Network(_) | Voice::Recorded(_) => None,
        }
    }

    /// Its tokenizer and template; recorded answers have none, and a server keeps its own.
    pub fn codec(&self) -> Option<&Codec> {
        match &self.0 {
            Voice::Network(network) => Some(network.codec()),
            Voice::Recorded(_) | Voice::Remote(_) => None,
        }
    }

    /// The prompt that asks for the next turn, in the model's own chat template. Recorded answers are asked for by
    /// the question alone, a server by the messages themselves.
    ///
    /// # Errors
    /// A [`Fault`] if the model has no template or it fails.
    pub fn render(&self, messages: &[Message]) -> Result<String> {
        match &self.0 {
            Voice::Network(network) => network.render(messages),
            Voice::Recorded(recorded) => recorded.render(messages),
            Voice::Remote(remote) => remote.render(messages),
        }
    }

    /// How many tokens `text` takes of the model's window as a prompt. Recorded answers have a window without end; of a
    /// server's model it is an estimate, rather too high.
    ///
    /// # Errors
    /// A [`Fault`] if the tokenizer fails on it.
    pub fn count_tokens(&self, text: &str) -> Result<usize> {
        match &self.0 {
            Voice::Network(network) => network.count_tokens(text),
            Voice::Recorded(_) => Ok(0),
            Voice::Remote(remote) => Ok(remote.count_tokens(text)),
        }
    }

    /// Has a model that this machine computes read `prompt`, a rendered one, but for its last token, so that its answer begins
    /// sooner when it is asked; every other does nothing.
    ///
    /// # Errors
    /// As [`Self::generate`], and [`crate::fault::Error::Cancelled`].
    pub fn read_ahead(&self, prompt: &str, sampling: &Sampling, cancel: &Cancel) -> Result<()> {
        match &self.0 {
            Voice::Network(network) => network.read_ahead(prompt, sampling, cancel),
            Voice::Recorded(_) | Voice::Remote(_) => Ok(()),
        }
    }

    /// Answers `prompt`, a rendered one; tells each step to `on` as it happens. A cancelled answer is one with
    /// the text so far; `cancel` is looked at before every token, and about every tenth of a second
    /// while the prompt is read.
    ///
    /// # Errors
    /// A [`Fault`] if the prompt is empty or longer than the model's window, the engine fails, or there is no
    /// recorded answer.
    pub fn generate(
        &self,
        prompt: &str,
        sampling: &Sampling,
        cancel: &Cancel,
        on: &mut dyn FnMut(Step),
    ) -> Result<Completion> {
        self.generate_from((prompt, Guessing::default()), sampling, cancel, on)
    }

    /// As [`Self::generate`], with tokens guessed from something else, or nothing.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn generate_from(
        &self,
        (prompt, guessing): (&str, Guessing),
        sampling: &Sampling,
        cancel: &Cancel,
        on: &mut dyn FnMut(Step),
    ) -> Result<Completion> {
        match &self.0 {
            Voice::Network(network) => network.generate((prompt, guessing), sampling, cancel, on),
            Voice::Recorded(recorded) => recorded.generate(prompt, cancel, on),
            Voice::Remote(remote) => remote.generate(prompt, sampling, cancel, on),
        }
    }

    /// The logits of the token after `tokens`, over the whole vocabulary.
    ///
    /// # Errors
    /// A [`Fault`] if there are none or more than the window holds, one is not in the vocabulary, the engine
    /// fails, or there is no engine.
    pub fn logits(&self, tokens: &[u32]) -> Result<Vec<f32>> {
        match &self.0 {
            Voice::Network(network) => network.logits(tokens),
            Voice::Recorded(_) | Voice::Remote(_) => {
                Err(Fault::new(&self.facts().name, "a model without weights here")
                    .expected("a model with weights")
                    .into())
            }
        }
    }
}

/// Answers are made on threads of their own.
const _: fn() = || {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Model>();
};

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("facts", self.facts()).finish_non_exhaustive()
    }
}
