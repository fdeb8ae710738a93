//! The base's weights, with the projections that read the same input laid out as one matrix.

use super::shape::Shape;
use crate::fault::{Fault, Result};
use crate::generate;
use std::ops::Range;

/// The projections of a block, in Hugging Face's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Projection {
    Q,
    K,
    V,
    O,
    Gate,
    Up,
    Down,
}

impl Projection {
    pub const ALL: [Self; 7] = [Self::Q, Self::K, Self::V, Self::O, Self::Gate, Self::Up, Self::Down];

    /// `q_proj`, as adapters' `target_modules` name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q => "q_proj",
            Self::K => "k_proj",
            Self::V => "v_proj",
            Self::O => "o_proj",
            Self::Gate => "gate_proj",
            Self::Up => "up_proj",
            Self::Down => "down_proj",
        }
    }

    /// `self_attn.q_proj`, its path within a block.
    pub fn path(self) -> String {
        let part = if matches!(self, Self::Q | Self::K | Self::V | Self::O) { "self_attn" } else { "mlp" };
        format!("{part}.{}", self.name())
    }
}

/// Projections that read the same input, stored as one matrix: their rows one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fused {
    Qkv,
    O,
    GateUp,
    Down,
}

impl Fused {
    pub const ALL: [Self; 4] = [Self::Qkv, Self::O, Self::GateUp, Self::Down];

    /// Its projections, in the order of their rows.
    pub fn parts(self) -> &'static [Projection] {
        match self {
            Self::Qkv => &[Projection::Q, Projection::K, Projection::V],
            Self::O => &[Projection::O],
            Self::GateUp => &[Projection::Gate, Projection::Up],
            Self::Down => &[Projection::Down],
        }
    }

    /// Columns: what it reads.
    pub fn input(self, shape: &Shape) -> usize {
        match self {
            Self::Qkv | Self::GateUp => shape.hidden,
            Self::O => shape.heads * shape.head,
            Self::Down => shape.feed_forward,
        }
    }

    /// Rows: what it makes.
    pub fn output(self, shape: &Shape) -> usize {
        match self {
            Self::Qkv => shape.qkv(),
            Self::O | Self::Down => shape.hidden,
            Self::GateUp => 2 * shape.feed_forward,
        }
    }

    /// The rows of `part`.
    pub fn rows(self, part: Projection, shape: &Shape) -> Range<usize> {
        let (q, kv, f) = (shape.heads * shape.head, shape.kv_heads * shape.head, shape.feed_forward);
        match part {
            Projection::Q => 0..q,
            Projection::K => q..q + kv,
            Projection::V => q + kv..q + 2 * kv,
            Projection::Gate => 0..f,
            Projection::Up => f..2 * f,
            Projection::O | Projection::Down => 0..shape.hidden,
        }
    }
}

/// One matrix for each of [`Fused::ALL`].
pub(super) type FourOf<T> = [T; 4];

/// One block.
#[derive(Debug)]
pub(super) struct Block {
    /// Indexed by [`Fused`]: [output, input].
    pub fused: FourOf<Vec<f32>>,
    /// Before attention: [hidden].
    pub attention_norm: Vec<f32>,
    /// Before the feed-forward: [hidden].
    pub feed_norm: Vec<f32>,
}

/// The whole base.
#[derive(Debug)]
pub(super) struct Weights {
    /// [vocabulary, hidden].
    pub embedding: Vec<f32>,
    /// [vocabulary, hidden]; `None` where it is the embedding.
    pub head: Option<Vec<f32>>,
    /// [hidden].
    pub norm: Vec<f32>,
    pub blocks: Vec<Block>,
}

impl Weights {
    /// Lays out the weights of a model that has been read and checked.
    ///
    /// # Errors
    /// A [`Fault`] naming a tensor that is missing or of another size than `shape` says.
    pub fn of(tensors: &generate::Weights, shape: &Shape) -> Result<Self> {
        let hidden = shape.hidden;
        let blocks = (0..shape.layers)
            .map(|n| {
                let fused = |fused: Fused| -> Result<Vec<f32>> {
                    let mut rows = Vec::with_capacity(fused.output(shape) * fused.input(shape));
                    for part in fused.parts() {
                        let name = format!("model.layers.{n}.{}.weight", part.path());
                        let size = fused.rows(*part, shape).len() * fused.input(shape);
                        rows.extend(values(tensors, &name, size)?);
                    }
                    Ok(rows)
                };
                let norm = |name: &str| values(tensors, &format!("model.layers.{n}.{name}.weight"), hidden);
                Ok(Block {
                    fused: [fused(Fused::Qkv)?, fused(Fused::O)?, fused(Fused::GateUp)?, fused(Fused::Down)?],
                    attention_norm: norm("input_layernorm")?,
                    feed_norm: norm("post_attention_layernorm")?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let whole = shape.vocabulary * hidden;
        let head = (!shape.tied).then(|| values(tensors, "lm_head.weight", whole)).transpose()?;
        Ok(Self {
            embedding: values(tensors, "model.embed_tokens.weight", whole)?,
            head,
            norm: values(tensors, "model.norm.weight", hidden)?,
            blocks,
        })
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        let blocks = self.blocks.iter().map(|b| {
            b.fused.iter().map(Vec::len).sum::<usize>() + b.attention_norm.len() + b.feed_norm.len()
        });
        let head = self.head.as_ref().map_or(0, Vec::len);
        self.embedding.len() + head + self.norm.len() + blocks.sum::<usize>()
    }

    /// The output projection: [vocabulary, hidden].
    pub fn head(&self) -> &[f32] {
        self.head.as_ref().unwrap_or(&self.embedding)
    }
}

fn values(tensors: &generate::Weights, name: &str, size: usize) -> Result<Vec<f32>> {
    let read = tensors.get(name).and_then(|t| t.flatten_all().and_then(|t| t.to_vec1::<f32>()).ok());
    let found = read.as_ref().map_or_else(|| "no such tensor".to_owned(), |v| format!("{} values", v.len()));
    read.filter(|v| v.len() == size).ok_or_else(|| {
        Fault::new(format!("tensor {name}"), found)
            .expected(format!("{size} values"))
            .next("Take config.json and the weights from the same model.")
            .into()
    })
}
