//! A model behind a server: chat completions as OpenAI's API has them, which vLLM, llama.cpp's server, Ollama, Text
//! Generation Inference and others speak. It is how a study runs on more than one machine.
//!
//! The server has weights, tokenizer and chat template. It is sent the messages and the sampling, streams its answer, and
//! what it says of itself is recorded with that. Nothing it sends is trusted: not the length of its lines, not that it
//! will end, not that its text is harmless, and not that it keeps a key to itself.
//!
//! [`Endpoint`] is what is kept of one; [`Remote`] answers; `asking` is one request with its time-outs, `events` cuts a
//! stream into events, `chunk` reads them, `told` is what servers say of their models.

mod asking;
mod chunk;
mod events;
mod remote;
mod settings;
mod told;

pub(super) use remote::Remote;
pub use settings::{ENDPOINT, Endpoint, IN_FLIGHT, TIMEOUT_SECONDS};
pub use told::{Listed, Told};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a server was sent with a question and what it said of its answer, as it is recorded with that.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Served {
    /// Where it was asked.
    pub url: String,
    /// The model it was asked for.
    pub asked_for: String,
    /// How its answer was to be drawn, as it was sent; whether the server keeps to it is for the server to say.
    pub sent: serde_json::Map<String, serde_json::Value>,
    /// Whose chat template the messages were rendered with.
    pub template: String,
    /// Tokens that prompt and answer may have together, where the server or a person said so.
    pub context_tokens: Option<usize>,
    /// The model that answered, as the server calls it.
    pub model: Option<String>,
    /// What the server calls the state that it answered in.
    pub system_fingerprint: Option<String>,
    /// Why the answer ended, in the server's word.
    pub finish_reason: Option<String>,
    /// Tokens as the server counted them; without them an answer's tokens are the pieces it came in.
    pub usage: BTreeMap<String, u64>,
    /// Bytes of thinking that the server sent apart from the answer; not kept.
    pub thinking_bytes: usize,
    /// How often it was asked until it answered.
    pub tries: u32,
}
