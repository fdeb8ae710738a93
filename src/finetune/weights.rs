//! The base's weights, widened to `f32` once, with the projections that read the same input laid out as one matrix.

use super::shape::Shape;
use crate::fault::{Error, Fault, Result};
use crate::folder::Folder;
use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;
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
    /// Reads every safetensors file of `base`.
    ///
    /// # Errors
    /// A [`Fault`] for a missing or broken file, or a tensor that is missing or of another shape than `shape` says.
    pub fn read(base: &Folder, shape: &Shape) -> Result<Self> {
        let mut tensors = Tensors { place: base.place("model.safetensors"), found: HashMap::new() };
        let mut files: Vec<String> =
            base.list()?.into_iter().filter(|f| f.ends_with(".safetensors") && !f.contains('/')).collect();
        if files.is_empty() {
            files.push("model.safetensors".to_owned());
        }
        for file in files {
            let bytes = base.read(&file)?;
            let read = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|e| {
                Fault::new(base.place(&file), without_trace(&e))
                    .expected("a complete safetensors file")
                    .next("Download or copy the file again.")
            })?;
            tensors.found.extend(read);
        }
        let hidden = shape.hidden;
        let blocks = (0..shape.layers)
            .map(|n| {
                let fused = |fused: Fused| -> Result<Vec<f32>> {
                    let mut rows = Vec::with_capacity(fused.output(shape) * fused.input(shape));
                    for part in fused.parts() {
                        let name = format!("model.layers.{n}.{}.weight", part.path());
                        rows.extend(
                            tensors.take(&name, &[fused.rows(*part, shape).len(), fused.input(shape)])?,
                        );
                    }
                    Ok(rows)
                };
                Ok(Block {
                    fused: [fused(Fused::Qkv)?, fused(Fused::O)?, fused(Fused::GateUp)?, fused(Fused::Down)?],
                    attention_norm: tensors
                        .take(&format!("model.layers.{n}.input_layernorm.weight"), &[hidden])?,
                    feed_norm: tensors
                        .take(&format!("model.layers.{n}.post_attention_layernorm.weight"), &[hidden])?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            embedding: tensors.take("model.embed_tokens.weight", &[shape.vocabulary, hidden])?,
            head: if shape.tied {
                None
            } else {
                Some(tensors.take("lm_head.weight", &[shape.vocabulary, hidden])?)
            },
            norm: tensors.take("model.norm.weight", &[hidden])?,
            blocks,
        })
    }

    /// The output projection: [vocabulary, hidden].
    pub fn head(&self) -> &[f32] {
        self.head.as_ref().unwrap_or(&self.embedding)
    }
}

struct Tensors {
    place: String,
    found: HashMap<String, Tensor>,
}

impl Tensors {
    fn take(&self, name: &str, dims: &[usize]) -> Result<Vec<f32>> {
        let wrong = |found: String| -> Error {
            Fault::new(format!("{}, tensor {name}", self.place), found)
                .expected(format!("the shape {dims:?} that config.json states"))
                .next("Take config.json and the weights from the same model.")
                .into()
        };
        let tensor = self.found.get(name).ok_or_else(|| wrong("no such tensor".to_owned()))?;
        if tensor.dims() != dims {
            return Err(wrong(format!("the shape {:?}", tensor.dims())));
        }
        tensor
            .to_dtype(DType::F32)
            .and_then(|t| t.flatten_all()?.to_vec1())
            .map_err(|e| wrong(format!("{:?} that cannot be read ({})", tensor.dtype(), without_trace(&e))))
    }
}

/// candle's message, without the backtrace that it appends where RUST_BACKTRACE is set.
fn without_trace(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
