//! The sizes of the base, as the passes need them.

use crate::fault::{Fault, Result};
use crate::generate;

/// A Llama decoder: pre-norm blocks of grouped-query attention with rotary positions and a gated SiLU feed-forward.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    pub vocabulary: usize,
    pub hidden: usize,
    pub feed_forward: usize,
    pub layers: usize,
    pub heads: usize,
    /// Heads of keys and values; divides `heads`.
    pub kv_heads: usize,
    pub head: usize,
    pub eps: f32,
    /// The longest sequence, in tokens.
    pub window: usize,
    /// Whether the output projection is the embedding.
    pub tied: bool,
    /// What the products of queries and keys are multiplied by.
    pub scale: f32,
    /// Radians a position for each pair of coordinates of a head, `head / 2` of them.
    pub frequencies: Vec<f64>,
}

impl Shape {
    /// The sizes of a model that has been read and checked.
    ///
    /// # Errors
    /// As [`check_base`].
    pub fn of(read: &generate::Shape, name: &str) -> Result<Self> {
        check_base(read, name)?;
        Ok(Self {
            vocabulary: read.vocabulary,
            hidden: read.hidden,
            feed_forward: read.feed_forward,
            layers: read.layers,
            heads: read.heads,
            kv_heads: read.key_heads,
            head: read.head,
            eps: read.epsilon as f32,
            window: read.window(),
            tied: read.tied,
            // Queries and keys are turned by angles alone here: the amplitude of both comes with the product's scale.
            scale: (read.scale * read.rope.amplitude.powi(2)) as f32,
            frequencies: read.rope.frequencies(),
        })
    }

    /// Columns of the fused query, key and value projection.
    pub fn qkv(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head
    }
}

/// That a model is computed in the way the passes here do it.
///
/// # Errors
/// A [`Fault`] naming its family.
pub fn check_base(read: &generate::Shape, name: &str) -> Result<()> {
    if read.is_plain() {
        return Ok(());
    }
    Err(Fault::new(name, format!("a model of the {} family", read.family))
        .expected("llama, or mistral without windows: what fine-tuning has passes for")
        .next("Choose another base, or fine-tune it elsewhere (PEFT) and add the adapter.")
        .into())
}
