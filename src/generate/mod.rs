//! What answers: finds models, loads them, renders the chat template, samples, streams.
//!
//! The way in: [`Registry::discover`] → [`Contender`] → [`Model::load`] → [`Model::render`] →
//! [`Model::generate`]. Runs decoders of the families in [`Family`] on the CPU: Hugging Face folders as they are or quantised
//! when they are loaded, PEFT adapters, and GGUF files as they are quantised. Juxta's own engine computes those whose make it
//! has, a base's weights once for all that answer from them; candle the others. Whatever the engines would get wrong
//! or ignore is refused by its name, before gigabytes are read. Answers that were recorded elsewhere are a contender
//! too, and so is a model behind a server.
//!
//! Knows nothing of retrieval, corpora or the terminal.

mod adapter;
mod ahead;
mod answer;
mod card;
mod checkpoint;
mod codec;
mod config;
mod decoder;
mod encoder;
mod endpoint;
mod gguf;
mod identity;
mod inspect;
mod linked;
mod model;
mod network;
mod own;
mod recorded;
mod registry;
mod rope;
mod sampling;
mod settings;
mod shape;
mod source;
mod ways;
mod weights;

pub use ahead::Guessing;
pub use answer::{Completion, Count, Finish, Step};
pub use card::{CARD, Card, TrainedOn};
pub use checkpoint::{Checkpoint, digest};
pub use codec::Codec;
pub use encoder::Encoder;
pub use endpoint::{ENDPOINT, Endpoint, IN_FLIGHT, Listed, Served, TIMEOUT_SECONDS, Told};
pub use gguf::{Numbers, Order, export};
pub use identity::identity;
pub use inspect::{Inspection, bytes, inspect, look, pair as remarks_on_pair};
pub use linked::{How, add, remove};
pub use model::{Facts, Model};
pub use recorded::{Columns, RECORDED, Recording};
pub use registry::{Contender, Kind, Registry};
pub use rope::{Rope, Scaling};
pub use sampling::{Draw, Mode, Penalty, Sampling};
pub use shape::{Family, LARGEST_WINDOW, Shape, Windows};
pub use ways::{Activations, Engine, Quant, Ways};
pub use weights::Weights;
