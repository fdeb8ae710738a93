//! Several answers from one pass over the weights: juxta's own decoder for the CPU.
//!
//! Generation on a CPU is bound by reading weights. The usual pair that juxta compares is one base model and an adapter of
//! it, and every product with the base's weights serves both: a pass reads each weight once, whatever number of answers it
//! is for, and adds an adapter's low-rank products to the rows that have one. What one row gets hangs on nothing but its own
//! tokens, bit for bit: see `kernels`.
//!
//! The way in: matrices are packed ([`Matrix`]), put together ([`Network`]), and read by [`Row`]s, each with keys and values
//! of its own and perhaps an [`Adapter`]; [`Network::pass`] reads tokens of several rows at once.
//!
//! Runs decoders of the llama make: RMS norms before attention and feed-forward, rotary positions, grouped keys, SiLU gate;
//! with biases (Qwen 2) or norms of heads (Qwen 3). A crate of its own so that it is compiled with optimisation in debug
//! builds too, and so that its `unsafe` stands behind a door of its own. Knows no files, no tokenizers, no sampling.

pub mod kernels;

mod adapter;
mod attention;
mod chosen;
mod format;
mod matrix;
mod network;
mod packed;
mod pass;
mod row;
mod scratch;
mod stream;
#[cfg(test)]
mod tests;

pub use adapter::{Adapter, Delta, Deltas};
pub use format::Format;
pub use kernels::{Activations, Kernel, Pool};
pub use matrix::Matrix;
pub use network::{Layer, Linear, Network, Shape};
pub use pass::Reading;
pub use row::Row;
pub use stream::memory_speed;
