//! From question-answer pairs to a LoRA adapter that Hugging Face PEFT loads, or to a whole fine-tuned model, on the
//! CPU.
//!
//! The way of the data: pairs → tokens ([`pairs`]) → packed batches → forward and backward ([`model`]) → gradients of
//! the adapters ([`lora`]) or of all weights ([`full`]) → AdamW ([`adamw`]) → checkpoint, folder and cards ([`card`]). The passes are written out
//! for one architecture, Llama's, because that is what makes training here as fast as PyTorch's: see [`model`].
//! Gradients agree with PyTorch's; `tests/gradients.rs` holds that.
//!
//! The trainer deliberately knows nothing of corpora, retrieval, prompts or the terminal: pairs come ready
//! ([`examples`] makes them), progress goes to a closure. The same pairs, recipe and base make the same bytes on one
//! kind of machine, also across an interruption.

mod adamw;
mod apart;
mod attention;
mod card;
mod checkpoint;
mod examples;
mod full;
mod kernels;
mod lora;
mod model;
mod pairs;
pub mod probe;
mod product;
mod recipe;
mod run;
mod shape;
mod trained;
mod weights;

pub use card::{Card, differences};
pub use examples::{Source, check, examples};
pub use pairs::Pair;
pub use recipe::{Method, Recipe};
pub use run::{HeldOut, Outcome, Status, refuse_taken, train};
pub use shape::check_base;
