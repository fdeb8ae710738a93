//! From a decoder's parts, which candle holds, to the engine's.

use super::super::adapter::{self, Halves, HalvesOf};
use super::super::checkpoint::HEAD;
use super::super::decoder::{Embedding, Linear, Parts, Weight};
use super::super::gguf::turned;
use super::super::shape::{Family, Shape, Windows};
use super::super::ways::Quant;
use super::super::weights::Listing;
use crate::fault::Fault;
use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{DType, Device, Result, Tensor, bail};
use juxta_engine as engine;
use juxta_engine::{Delta, Deltas, Format, Matrix};
use std::sync::Arc;

/// Whether the engine has this make of decoder, for windows of up to `window` tokens: RMS norms before attention and
/// feed-forward, whole heads turned, SiLU gate, no caps, and every layer looking back to the first token.
pub(in super::super) fn suits(shape: &Shape, window: usize) -> bool {
    let family = matches!(shape.family, Family::Llama | Family::Mistral | Family::Qwen2 | Family::Qwen3);
    let caps = shape.score_cap.is_some() || shape.logit_cap.is_some() || shape.local_rope.is_some();
    let looks_back = match &shape.windows {
        Windows::None => true,
        Windows::All(own) | Windows::From { window: own, .. } => *own >= window,
        Windows::ButEvery { .. } | Windows::Marked { .. } => false,
    };
    family && !caps && looks_back && shape.rope.turned == shape.head
}

/// The engine's name of a file's format for matrices, where it has it.
fn format(dtype: GgmlDType) -> Option<Format> {
    Some(match dtype {
        GgmlDType::F32 => Format::F32,
        GgmlDType::F16 => Format::F16,
        GgmlDType::BF16 => Format::Bf16,
        GgmlDType::Q8_0 => Format::Q8_0,
        GgmlDType::Q4_0 => Format::Q4_0,
        GgmlDType::Q4_1 => Format::Q4_1,
        GgmlDType::Q5_0 => Format::Q5_0,
        GgmlDType::Q5_1 => Format::Q5_1,
        GgmlDType::Q4K => Format::Q4K,
        GgmlDType::Q5K => Format::Q5K,
        GgmlDType::Q6K => Format::Q6K,
        GgmlDType::Q8_1 | GgmlDType::Q2K | GgmlDType::Q3K | GgmlDType::Q8K => return None,
    })
}

/// Whether the engine has a file's format for matrices.
pub(in super::super) fn has(dtype: GgmlDType) -> bool {
    format(dtype).is_some()
}

/// Whether all of a file's matrices are in formats that the engine has.
pub(in super::super) fn has_formats(parts: &Parts) -> bool {
    let linear = |linear: &Linear| match &linear.weight {
        Weight::Dense(_) => true,
        Weight::Quantised(QMatMul::QTensor(tensor)) => has(tensor.dtype()),
        Weight::Quantised(_) => false,
    };
    let embedding = match &parts.embedding {
        Embedding::Dense(_) => true,
        Embedding::Quantised(tensor) => has(tensor.dtype()),
    };
    let layers = parts.layers.iter().all(|layer| {
        let all = layer.projections.iter().chain(&layer.gate_up).chain([&layer.output, &layer.down]);
        layer.projections.len() == 3 && layer.gate_up.len() == 2 && all.into_iter().all(linear)
    });
    embedding && layers && linear(&parts.head)
}

fn vector(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}

/// `as_made`: the format that a dense matrix is made into, if it is.
fn dense(tensor: &Tensor, as_made: Option<Format>) -> Result<Matrix> {
    let (rows, inner) = tensor.dims2()?;
    let numbers = vector(tensor)?;
    Ok(match as_made.filter(|format| Matrix::suits(inner, *format)) {
        Some(format) => Matrix::pack(&numbers, rows, inner, format),
        None => Matrix::exact(&numbers, rows, inner),
    })
}

/// What matrices of layers are made into, and embedding and head.
fn made(quant: Quant) -> (Option<Format>, Option<Format>) {
    match quant {
        Quant::None => (None, None),
        Quant::Q8_0 => (Some(Format::Q8_0), Some(Format::Q8_0)),
        Quant::Q4_0 => (Some(Format::Q4_0), Some(Format::Q8_0)),
    }
}

fn quantised(tensor: &QTensor) -> Result<Matrix> {
    let (rows, inner) = tensor.shape().dims2()?;
    match format(tensor.dtype()).filter(|format| format.block().is_some()) {
        Some(format) => match Matrix::read(&tensor.data()?, rows, inner, format) {
            Some(matrix) => Ok(matrix),
            None => bail!("{} bytes for [{rows}, {inner}] in {format}", tensor.data()?.len()),
        },
        None => dense(&tensor.dequantize(&Device::Cpu)?, None),
    }
}

fn weight(weight: Weight, as_made: Option<Format>) -> Result<Matrix> {
    match weight {
        Weight::Dense(tensor) => dense(&tensor, as_made),
        Weight::Quantised(QMatMul::QTensor(tensor)) => quantised(&tensor),
        Weight::Quantised(QMatMul::Tensor(tensor) | QMatMul::TensorF16(tensor)) => dense(&tensor, as_made),
    }
}

fn linear(part: Linear, as_made: Option<Format>) -> Result<engine::Linear> {
    let bias = part.bias.as_ref().map(vector).transpose()?;
    Ok(engine::Linear { weight: weight(part.weight, as_made)?, bias })
}

fn shape_of(shape: &Shape, beside: bool) -> engine::Shape {
    engine::Shape {
        vocabulary: shape.vocabulary,
        hidden: shape.hidden,
        feed_forward: shape.feed_forward,
        heads: shape.heads,
        key_heads: shape.key_heads,
        head: shape.head,
        epsilon: shape.epsilon as f32,
        // Queries and keys are turned by angles alone here: the amplitude of both comes with the product's scale.
        scale: (shape.scale * shape.rope.amplitude.powi(2)) as f32,
        frequencies: shape.rope.frequencies().into_iter().map(|f| f as f32).collect(),
        beside,
    }
}

/// Bytes that the weights of a Hugging Face folder take, packed; what is widened of them while they are read is little.
pub(super) fn bytes_read(shape: &Shape, listing: &Listing, quant: Quant) -> u64 {
    let sizes = shape.tensors().map(|(_, dims)| dims.iter().map(|d| *d as u64).product::<u64>());
    match quant {
        Quant::None => listing.bytes(),
        // Embedding and head may be most of it.
        Quant::Q8_0 | Quant::Q4_0 => sizes.fold(0, u64::saturating_add) / 32 * 34,
    }
}

/// The engine's decoder from a Hugging Face folder: matrices are packed some rows at a time, so that no more than those are in
/// memory in f32.
pub(super) fn read(
    shape: &Shape,
    listing: &mut Listing,
    quant: Quant,
    step: &mut dyn FnMut() -> crate::fault::Result<()>,
) -> crate::fault::Result<engine::Network> {
    let (of_layers, of_tokens) = made(quant);
    let failed =
        |e: candle_core::Error| Fault::new("the engine", e).expected("tensors that were checked before");
    let embedding = Arc::new(gathered(listing, "model.embed_tokens.weight", of_tokens, step)?);
    let head = match shape.tied {
        true => Arc::clone(&embedding),
        false => Arc::new(gathered(listing, HEAD, of_tokens, step)?),
    };
    let mut layers = Vec::new();
    for n in 0..shape.layers {
        let name = |part: &str| format!("model.layers.{n}.{part}");
        let mut linear = |part: &str, biased: bool| -> crate::fault::Result<engine::Linear> {
            let weight = gathered(listing, &name(&format!("{part}.weight")), of_layers, step)?;
            let bias = match biased {
                true => Some(read_vector(listing, &name(&format!("{part}.bias")), step)?),
                false => None,
            };
            Ok(engine::Linear { weight, bias })
        };
        let [queries, keys, values] = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]
            .map(|part| linear(part, shape.biases));
        let (queries, keys, values) = (queries?, keys?, values?);
        let output = linear("self_attn.o_proj", shape.output_bias)?;
        let [gate, up, down] =
            ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"].map(|part| linear(part, false));
        let (gate, up, down) = (gate?, up?, down?);
        let mut norm = |part: &str| read_vector(listing, &name(part), step);
        let head_norms = match shape.family.has_head_norms() {
            true => Some((norm("self_attn.q_norm.weight")?, norm("self_attn.k_norm.weight")?)),
            false => None,
        };
        let input_norm = norm("input_layernorm.weight")?;
        let feed_norm = norm("post_attention_layernorm.weight")?;
        layers.push(engine::Layer {
            input_norm,
            queries,
            keys,
            values,
            head_norms,
            output,
            feed_norm,
            gate,
            up,
            down,
        });
    }
    let norm = read_vector(listing, "model.norm.weight", step)?;
    engine::Network::new(shape_of(shape, false), embedding, layers, norm, head)
        .map_err(|e| failed(candle_core::Error::Msg(e)).into())
}

/// One of the model's matrices, of which it is known that it is there and of two dimensions.
fn gathered(
    listing: &mut Listing,
    name: &str,
    as_made: Option<Format>,
    step: &mut dyn FnMut() -> crate::fault::Result<()>,
) -> crate::fault::Result<Matrix> {
    step()?;
    let Some(&[rows, inner]) = listing.shape(name) else {
        return Err(Fault::new(listing.place(name), format!("no matrix {name}")).expected("it").into());
    };
    let format = as_made.filter(|format| Matrix::suits(inner, *format));
    Matrix::gathered(rows, inner, format, |rows, to| listing.rows(name, rows, to))
}

fn read_vector(
    listing: &mut Listing,
    name: &str,
    step: &mut dyn FnMut() -> crate::fault::Result<()>,
) -> crate::fault::Result<Vec<f32>> {
    step()?;
    let tensor = listing.read(name)?;
    vector(&tensor)
        .map_err(|e| Fault::new(listing.place(name), e).expected("a tensor that was checked before").into())
}

/// The engine's decoder. Each tensor is let go as soon as it is packed.
pub(super) fn network(parts: Parts, quant: Quant) -> Result<engine::Network> {
    let Parts { shape, embedding, layers, norm, head, beside } = parts;
    let own = shape_of(&shape, beside);
    let (of_layers, of_tokens) = made(quant);
    let embedding = Arc::new(match embedding {
        Embedding::Dense(table) => dense(&table, of_tokens)?,
        Embedding::Quantised(table) => quantised(&table)?,
    });
    let head = if shape.tied { Arc::clone(&embedding) } else { Arc::new(weight(head.weight, of_tokens)?) };
    let packed = layers.into_iter().map(|layer| {
        let (Ok([queries, keys, values]), Ok([gate, up])) =
            (<[Linear; 3]>::try_from(layer.projections), <[Linear; 2]>::try_from(layer.gate_up))
        else {
            bail!("a layer whose projections are one matrix")
        };
        let head_norms =
            layer.head_norms.as_ref().map(|(q, k)| Ok::<_, candle_core::Error>((vector(q)?, vector(k)?)));
        Ok(engine::Layer {
            input_norm: vector(&layer.input_norm)?,
            queries: linear(queries, of_layers)?,
            keys: linear(keys, of_layers)?,
            values: linear(values, of_layers)?,
            head_norms: head_norms.transpose()?,
            output: linear(layer.output, of_layers)?,
            feed_norm: vector(&layer.feed_norm)?,
            gate: linear(gate, of_layers)?,
            up: linear(up, of_layers)?,
            down: linear(layer.down, of_layers)?,
        })
    });
    let layers = packed.collect::<Result<Vec<_>>>()?;
    engine::Network::new(own, embedding, layers, vector(&norm)?, head).map_err(candle_core::Error::Msg)
}

/// An adapter's halves, as the engine has them: with the rows of its base, of a shape as Hugging Face has it.
///
/// # Errors
/// A [`Fault`] if one cannot be read, or is not of that base.
pub(super) fn adapter(
    of: &adapter::Adapter,
    halves: HalvesOf,
    shape: &Shape,
    network: &engine::Network,
    quantised: bool,
) -> crate::fault::Result<engine::Adapter> {
    let mut layers: Vec<Deltas> = (0..network.depth()).map(|_| Deltas::default()).collect();
    for halves in halves {
        let Halves { module, a, b, rank, scale } = halves?;
        let known = module.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.'));
        let layer = known.and_then(|(n, part)| Some((layers.get_mut(n.parse::<usize>().ok()?)?, part)));
        let place = layer.and_then(|(layer, part)| match part {
            "self_attn.q_proj" => Some(&mut layer.queries),
            "self_attn.k_proj" => Some(&mut layer.keys),
            "self_attn.v_proj" => Some(&mut layer.values),
            "self_attn.o_proj" => Some(&mut layer.output),
            "mlp.gate_proj" => Some(&mut layer.gate),
            "mlp.up_proj" => Some(&mut layer.up),
            "mlp.down_proj" => Some(&mut layer.down),
            _ => None,
        });
        let Some(place) = place else { return Err(of.cannot(&format!("the module {module}"))) };
        let delta = || -> Result<Delta> {
            let b = match turned::heads(&module, shape).filter(|_| network.shape().beside) {
                Some(heads) => turned::beside(&b, heads)?,
                None => b.clone(),
            };
            Ok(Delta::new(&vector(&a)?, &vector(&b)?, rank, scale as f32, quantised))
        };
        *place = Some(delta().map_err(|e| of.cannot(&e.to_string()))?);
    }
    engine::Adapter::new(layers, network).map_err(|e| of.cannot(&e))
}
