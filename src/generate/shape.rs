//! What a decoder is made of: sizes, variations, and the tensors that follow from them.
//!
//! One description for every family that juxta runs, so that one engine computes them all (`decoder`), adapters are
//! merged the same way, and memory is known before anything is read. Knows no file formats: `config` makes one from
//! config.json, `gguf` from metadata.

use super::rope::Rope;
use serde::Serialize;
use std::fmt;

/// The largest window that position tables are made for: half a gigabyte at heads of 128 would be too much to
/// pay for positions that no prompt here reaches.
pub const LARGEST_WINDOW: usize = 32_768;

/// The largest head that tables of positions are made for; those of the families here have 64 to 256.
pub(super) const LARGEST_HEAD: usize = 1_024;

/// A family of architectures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Llama 1 to 3, and the many that took over its layout.
    Llama,
    /// Mistral.
    Mistral,
    /// Qwen 2 and 2.5.
    Qwen2,
    /// Qwen 3, dense.
    Qwen3,
    /// Gemma 1.
    Gemma,
    /// Gemma 2.
    Gemma2,
    /// Gemma 3, its text.
    Gemma3,
    /// Phi 3, 3.5 and 4-mini.
    Phi3,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Llama,
        Self::Mistral,
        Self::Qwen2,
        Self::Qwen3,
        Self::Gemma,
        Self::Gemma2,
        Self::Gemma3,
        Self::Phi3,
    ];

    /// As config.json calls it (Gemma 3's text is `gemma3_text` there).
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Mistral => "mistral",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Gemma => "gemma",
            Self::Gemma2 => "gemma2",
            Self::Gemma3 => "gemma3",
            Self::Phi3 => "phi3",
        }
    }

    /// The names of all, for a message.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Whether it is one of Gemma's.
    pub fn is_gemma(self) -> bool {
        matches!(self, Self::Gemma | Self::Gemma2 | Self::Gemma3)
    }

    /// Whether there are norms behind attention and feed-forward too.
    pub(super) fn has_post_norms(self) -> bool {
        matches!(self, Self::Gemma2 | Self::Gemma3)
    }

    /// Whether the heads of queries and keys are normed.
    pub(super) fn has_head_norms(self) -> bool {
        matches!(self, Self::Qwen3 | Self::Gemma3)
    }

    /// Whether query, key and value, and gate and up, are one matrix each.
    pub(super) fn is_fused(self) -> bool {
        self == Self::Phi3
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A decoder's sizes and variations.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Which family's.
    pub family: Family,
    /// Tokens in the vocabulary.
    pub vocabulary: usize,
    /// Numbers for each token between the layers.
    pub hidden: usize,
    /// Numbers within the feed-forward.
    pub feed_forward: usize,
    /// Layers.
    pub layers: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values; divides `heads`.
    pub key_heads: usize,
    /// Numbers in one head.
    pub head: usize,
    /// What norms add before the root.
    pub epsilon: f64,
    /// Positions that the model was made for.
    pub positions: usize,
    /// Whether the output projection is the embedding.
    pub tied: bool,
    /// Whether query, key and value have biases.
    pub biases: bool,
    /// Whether the attention's output has one.
    pub output_bias: bool,
    /// What scores are multiplied by before softmax.
    pub scale: f64,
    /// Scores are held below this by tanh.
    pub score_cap: Option<f64>,
    /// Logits are held below this by tanh.
    pub logit_cap: Option<f64>,
    /// The rotary embedding.
    pub rope: Rope,
    /// That of layers with a window, where it is another.
    pub local_rope: Option<Rope>,
    /// Tokens that a layer looks back over, itself counted; `None`: all.
    pub windows: Windows,
    /// Tokens that end an answer, as the files beside the weights list them.
    pub eos: Vec<u32>,
}

/// Which layers look back over how many tokens. A rule rather than a list, since a broken file can ask for billions of
/// layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Windows {
    /// Every layer looks back to the first token.
    None,
    /// Every layer looks back over so many.
    All(usize),
    /// All but each `every`-th.
    ButEvery {
        /// Tokens.
        window: usize,
        /// Counted from one.
        every: usize,
    },
    /// Those from this layer on.
    From {
        /// Tokens.
        window: usize,
        /// Counted from nought.
        first: usize,
    },
    /// Those that are marked.
    Marked {
        /// Tokens.
        window: usize,
        /// One for each layer.
        layers: Vec<bool>,
    },
}

impl Windows {
    /// The window of one layer.
    pub fn of(&self, layer: usize) -> Option<usize> {
        match self {
            Self::None => None,
            Self::All(window) => Some(*window),
            Self::ButEvery { window, every } => {
                (!(layer + 1).is_multiple_of((*every).max(1))).then_some(*window)
            }
            Self::From { window, first } => (layer >= *first).then_some(*window),
            Self::Marked { window, layers } => layers.get(layer).copied().unwrap_or(false).then_some(*window),
        }
    }
}

impl Shape {
    /// Positions that juxta uses at most.
    pub fn window(&self) -> usize {
        self.positions.min(LARGEST_WINDOW)
    }

    /// Rows of the fused or separate projections of queries, and of keys or values.
    pub(super) fn rows(&self) -> (usize, usize) {
        (self.heads * self.head, self.key_heads * self.head)
    }

    /// Whether it is a llama in the sense of the fine-tuning's own passes: no windows, no biases, heads that make up
    /// the hidden size, plain frequencies or Llama 3's.
    pub fn is_plain(&self) -> bool {
        matches!(self.family, Family::Llama | Family::Mistral)
            && self.windows == Windows::None
            && !self.biases
            && !self.output_bias
            && self.heads * self.head == self.hidden
            && self.scale == 1.0 / (self.head as f64).sqrt()
    }

    /// The tensors that such a model has, and their shapes: weights are `[out, in]`, the embeddings
    /// `[vocabulary, hidden]`, norms and biases one number a row. Lazy, since a broken config can ask for billions.
    pub fn tensors(&self) -> impl Iterator<Item = (String, Vec<usize>)> + use<> {
        let (hidden, inner, vocabulary) = (self.hidden, self.feed_forward, self.vocabulary);
        let (queries, keys) = self.rows();
        let family = self.family;
        let outer = [
            ("model.embed_tokens.weight".to_owned(), vec![vocabulary, hidden]),
            ("model.norm.weight".to_owned(), vec![hidden]),
        ];
        let head = (!self.tied).then(|| ("lm_head.weight".to_owned(), vec![vocabulary, hidden]));
        let mut parts: Vec<(&str, Vec<usize>)> =
            vec![("input_layernorm.weight", vec![hidden]), ("post_attention_layernorm.weight", vec![hidden])];
        if family.has_post_norms() {
            parts.push(("pre_feedforward_layernorm.weight", vec![hidden]));
            parts.push(("post_feedforward_layernorm.weight", vec![hidden]));
        }
        if family.has_head_norms() {
            parts.push(("self_attn.q_norm.weight", vec![self.head]));
            parts.push(("self_attn.k_norm.weight", vec![self.head]));
        }
        if family.is_fused() {
            parts.push(("self_attn.qkv_proj.weight", vec![queries + 2 * keys, hidden]));
            parts.push(("mlp.gate_up_proj.weight", vec![2 * inner, hidden]));
        } else {
            parts.push(("self_attn.q_proj.weight", vec![queries, hidden]));
            parts.push(("self_attn.k_proj.weight", vec![keys, hidden]));
            parts.push(("self_attn.v_proj.weight", vec![keys, hidden]));
            parts.push(("mlp.gate_proj.weight", vec![inner, hidden]));
            parts.push(("mlp.up_proj.weight", vec![inner, hidden]));
        }
        parts.push(("self_attn.o_proj.weight", vec![hidden, queries]));
        parts.push(("mlp.down_proj.weight", vec![hidden, inner]));
        if self.biases {
            parts.push(("self_attn.q_proj.bias", vec![queries]));
            parts.push(("self_attn.k_proj.bias", vec![keys]));
            parts.push(("self_attn.v_proj.bias", vec![keys]));
        }
        if self.output_bias {
            parts.push(("self_attn.o_proj.bias", vec![hidden]));
        }
        let layers = (0..self.layers).flat_map(move |n| {
            let named = parts.iter().map(|(part, shape)| (format!("model.layers.{n}.{part}"), shape.clone()));
            named.collect::<Vec<_>>()
        });
        outer.into_iter().chain(head).chain(layers)
    }

    /// How many numbers such a model holds; `None` if the settings ask for more than there can be.
    pub fn parameters(&self) -> Option<u64> {
        let one = Self { layers: 1.min(self.layers), ..self.clone() };
        let none = Self { layers: 0, ..self.clone() };
        let layer = count(&one)?.checked_sub(count(&none)?)?;
        layer.checked_mul(self.layers as u64)?.checked_add(count(&none)?)
    }

    /// Bytes that keys and values of `positions` take, in f32.
    pub fn cache_bytes(&self, positions: usize) -> u64 {
        let (_, keys) = self.rows();
        [2, 4, self.layers, keys, positions].iter().fold(1u64, |n, by| n.saturating_mul(*by as u64))
    }
}

fn count(shape: &Shape) -> Option<u64> {
    shape.tensors().try_fold(0u64, |sum, (_, dims)| {
        let n = dims.iter().try_fold(1u64, |n, d| n.checked_mul(*d as u64))?;
        sum.checked_add(n)
    })
}
