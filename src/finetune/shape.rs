//! The sizes of the base, as the passes need them.

use crate::generate;
use candle_transformers::models::llama::Llama3RopeConfig;

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
    /// Radians a position for each pair of coordinates of a head, `head / 2` of them.
    pub frequencies: Vec<f64>,
}

impl Shape {
    /// The sizes of a model that has been read and checked.
    pub fn of(read: &generate::Shape) -> Self {
        let c = &read.config;
        Self {
            vocabulary: c.vocab_size,
            hidden: c.hidden_size,
            feed_forward: c.intermediate_size,
            layers: c.num_hidden_layers,
            heads: c.num_attention_heads,
            kv_heads: c.num_key_value_heads,
            head: read.head_dim(),
            eps: c.rms_norm_eps as f32,
            window: c.max_position_embeddings.min(generate::LARGEST_WINDOW),
            tied: c.tie_word_embeddings,
            frequencies: frequencies(f64::from(c.rope_theta), read.head_dim(), c.rope_scaling.as_ref()),
        }
    }

    /// Columns of the fused query, key and value projection.
    pub fn qkv(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head
    }
}

/// Rotary frequencies: θ^(−2i/d), or Llama 3's, which slows the low ones down by `factor` and blends between.
fn frequencies(theta: f64, head: usize, scaling: Option<&Llama3RopeConfig>) -> Vec<f64> {
    let plain = (0..head / 2).map(|i| theta.powf(-2.0 * i as f64 / head as f64));
    let Some(s) = scaling else { return plain.collect() };
    let (low, high) = (f64::from(s.low_freq_factor), f64::from(s.high_freq_factor));
    plain
        .map(|f| {
            let turns = s.original_max_position_embeddings as f64 * f / (2.0 * std::f64::consts::PI);
            let smooth = ((turns - low) / (high - low)).clamp(0.0, 1.0);
            (1.0 - smooth) * f / f64::from(s.factor) + smooth * f
        })
        .collect()
}
