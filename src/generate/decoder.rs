//! The engine: a decoder in f32, whatever its family, its weights dense or quantised.
//!
//! candle computes the products, norms, rotations and softmax; how they are put together stands here, once for all
//! families. candle-transformers has a model for each, and each of them is wrong for some files that people have:
//! windows of attention end with the piece of the prompt that is being read (Mistral, Qwen, Gemma), scales and softcaps
//! are those of one size (Gemma 2 and 3), stretched frequencies are left out or multiplied instead of divided (Gemma 3,
//! Phi 3, Llama 3.1 as GGUF), and quantised ones have their own copies of all this.
//!
//! The weights are shared; what one answer needs of its own (keys and values of the tokens so far) is in a
//! [`Session`], so that one model serves several at once and asking the same thing twice gives the same answer.

use super::shape::Shape;
use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{D, Device, Module, Result, Tensor};
use candle_nn::kv_cache::KvCache;
use candle_nn::ops::{rms_norm, softmax_last_dim};
use candle_nn::rotary_emb::{rope, rope_i};
use std::sync::Arc;

/// Tokens that a session's memory grows by.
const GROWTH: usize = 512;

/// A decoder's weights, ready to run.
pub(super) struct Decoder {
    shape: Shape,
    embedding: Embedding,
    layers: Vec<Layer>,
    norm: Tensor,
    head: Linear,
    turns: Turns,
    /// Of texts that are longer than so many tokens, where those are turned otherwise.
    far: Option<(usize, Turns)>,
    local_turns: Option<Turns>,
    /// Whether the two halves of a turned pair lie beside each other, as GGUF has them for llama.
    beside: bool,
}

/// Where the vectors of tokens are looked up.
pub(super) enum Embedding {
    /// `[vocabulary, hidden]`.
    Dense(Tensor),
    /// The same, quantised.
    Quantised(Arc<QTensor>),
}

/// A matrix `[out, in]`, and what is added to its product.
pub(super) struct Linear {
    pub(super) weight: Weight,
    pub(super) bias: Option<Tensor>,
}

pub(super) enum Weight {
    Dense(Tensor),
    Quantised(QMatMul),
}

/// One layer's weights.
pub(super) struct Layer {
    pub(super) input_norm: Tensor,
    /// Of queries, keys and values: three, or one for all.
    pub(super) projections: Vec<Linear>,
    pub(super) head_norms: Option<(Tensor, Tensor)>,
    pub(super) output: Linear,
    /// Behind the attention, where there is one.
    pub(super) attention_norm: Option<Tensor>,
    pub(super) feed_norm: Tensor,
    /// Gate and up: two, or one for both.
    pub(super) gate_up: Vec<Linear>,
    pub(super) down: Linear,
    /// Behind the feed-forward, where there is one.
    pub(super) fed_norm: Option<Tensor>,
}

/// Everything a decoder is put together from.
pub(super) struct Parts {
    pub(super) shape: Shape,
    pub(super) embedding: Embedding,
    pub(super) layers: Vec<Layer>,
    pub(super) norm: Tensor,
    pub(super) head: Linear,
    pub(super) beside: bool,
}

/// Cosines and sines of the positions.
struct Turns {
    cosines: Tensor,
    sines: Tensor,
}

/// One answer's state.
pub(super) struct Session<'a> {
    decoder: &'a Decoder,
    turns: &'a Turns,
    caches: Vec<KvCache>,
}

impl Linear {
    pub(super) fn dense(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight: Weight::Dense(weight), bias }
    }

    /// `[n, in]` → `[n, out]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let product = match &self.weight {
            Weight::Dense(weight) => x.matmul(&weight.t()?)?,
            Weight::Quantised(weight) => weight.forward(x)?,
        };
        match &self.bias {
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }
}

impl Embedding {
    /// `[n]` → `[n, hidden]`.
    fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(table) => table.index_select(ids, 0),
            Self::Quantised(table) => table.embedding(ids),
        }
    }
}

impl Turns {
    fn at(&self, position: usize, n: usize) -> Result<(Tensor, Tensor)> {
        Ok((self.cosines.narrow(0, position, n)?, self.sines.narrow(0, position, n)?))
    }
}

impl Decoder {
    /// Puts a decoder together for prompts and answers of up to `window` tokens.
    pub(super) fn new(parts: Parts, window: usize) -> Result<Self> {
        let Parts { shape, embedding, layers, norm, head, beside } = parts;
        let turns = |rope: &super::rope::Rope, positions: usize| {
            let (cosines, sines) = rope.tables(positions)?;
            Ok::<_, candle_core::Error>(Turns { cosines, sines })
        };
        let beyond = shape.rope.beyond().filter(|(original, _)| *original < window);
        let near = beyond.as_ref().map_or(window, |(original, _)| *original);
        let far = beyond.map(|(original, rope)| turns(&rope, window).map(|far| (original, far)));
        Ok(Self {
            turns: turns(&shape.rope, near)?,
            far: far.transpose()?,
            local_turns: shape.local_rope.as_ref().map(|rope| turns(rope, window)).transpose()?,
            shape,
            embedding,
            layers,
            norm,
            head,
            beside,
        })
    }

    /// A session in which nothing has been read, for a prompt and an answer of at most `total` tokens together: how they are
    /// turned cannot change on the way.
    pub(super) fn session(&self, total: usize) -> Session<'_> {
        let turns = match &self.far {
            Some((original, far)) if total > *original => far,
            _ => &self.turns,
        };
        Session {
            decoder: self,
            turns,
            caches: self.layers.iter().map(|_| KvCache::new(2, GROWTH)).collect(),
        }
    }

    fn norm(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        rms_norm(x, weight, self.shape.epsilon as f32)
    }

    /// `[1, heads, n, head]`, turned by the positions from `position` on.
    fn turned(&self, x: &Tensor, (cosines, sines): &(Tensor, Tensor)) -> Result<Tensor> {
        let turn = |x: &Tensor| {
            if self.beside { rope_i(x, cosines, sines) } else { rope(x, cosines, sines) }
        };
        let (turned, head) = (self.shape.rope.turned, self.shape.head);
        if turned == head {
            return turn(&x.contiguous()?);
        }
        let first = turn(&x.narrow(D::Minus1, 0, turned)?.contiguous()?)?;
        Tensor::cat(&[first, x.narrow(D::Minus1, turned, head - turned)?], D::Minus1)?.contiguous()
    }

    /// Queries `[1, heads, n, head]`, keys and values `[1, key heads, n, head]` of `[n, hidden]`.
    fn projected(&self, layer: &Layer, x: &Tensor) -> Result<[Tensor; 3]> {
        let (queries, keys) = self.shape.rows();
        let n = x.dim(0)?;
        let apart = match layer.projections.as_slice() {
            [all] => {
                let all = all.forward(x)?;
                [
                    all.narrow(1, 0, queries)?,
                    all.narrow(1, queries, keys)?,
                    all.narrow(1, queries + keys, keys)?,
                ]
            }
            [q, k, v] => [q.forward(x)?, k.forward(x)?, v.forward(x)?],
            _ => candle_core::bail!("a layer with {} projections", layer.projections.len()),
        };
        let [q, k, v] = apart.map(|x| x.reshape((1, n, (), self.shape.head)));
        let (mut q, mut k) = (q?, k?);
        if let Some((q_norm, k_norm)) = &layer.head_norms {
            (q, k) = (self.norm(&q, q_norm)?, self.norm(&k, k_norm)?);
        }
        Ok([q.transpose(1, 2)?, k.transpose(1, 2)?, v?.transpose(1, 2)?])
    }

    fn attention(
        &self,
        layer: &Layer,
        window: Option<usize>,
        mask: Option<&Tensor>,
        cache: &mut KvCache,
        (x, position): (&Tensor, usize),
        turns: &Turns,
    ) -> Result<Tensor> {
        let (n, heads, key_heads, head) =
            (x.dim(0)?, self.shape.heads, self.shape.key_heads, self.shape.head);
        let turns = match (&self.local_turns, window) {
            (Some(local), Some(_)) => local,
            _ => turns,
        };
        let turns = turns.at(position, n)?;
        let [q, k, v] = self.projected(layer, x)?;
        let (q, k) = (self.turned(&q, &turns)?, self.turned(&k, &turns)?);
        let (k, v) = cache.append(&k.contiguous()?, &v.contiguous()?)?;
        // With a window, what no token here can look back at is left out.
        let past = past(n, position, window);
        let from = position + n - past;
        let (k, v) = (k.narrow(2, from, past)?.squeeze(0)?, v.narrow(2, from, past)?.squeeze(0)?);
        // The queries that share keys are rows of one product.
        let q = (q * self.shape.scale)?.reshape((key_heads, heads / key_heads * n, head))?;
        let mut scores = q.matmul(&k.t()?)?;
        if let Some(cap) = self.shape.score_cap {
            scores = ((scores / cap)?.tanh()? * cap)?;
        }
        if let Some(mask) = mask {
            scores = scores.reshape((heads, n, past))?.broadcast_add(mask)?.reshape((key_heads, (), past))?;
        }
        let mixed = softmax_last_dim(&scores)?.matmul(&v)?;
        let mixed = mixed.reshape((heads, n, head))?.transpose(0, 1)?.contiguous()?;
        layer.output.forward(&mixed.reshape((n, heads * head))?)
    }

    fn feed_forward(&self, layer: &Layer, x: &Tensor) -> Result<Tensor> {
        let inner = self.shape.feed_forward;
        let (gate, up) = match layer.gate_up.as_slice() {
            [both] => {
                let both = both.forward(x)?;
                (both.narrow(1, 0, inner)?.contiguous()?, both.narrow(1, inner, inner)?.contiguous()?)
            }
            [gate, up] => (gate.forward(x)?, up.forward(x)?),
            _ => candle_core::bail!("a layer with {} gates", layer.gate_up.len()),
        };
        let gate = if self.shape.family.is_gemma() { gate.gelu()? } else { gate.silu()? };
        layer.down.forward(&(gate * up)?)
    }
}

/// How many tokens are looked back at by the n from `position` on, themselves counted.
fn past(n: usize, position: usize, window: Option<usize>) -> usize {
    window.map_or(position + n, |window| (position + n).min(window + n - 1))
}

/// `[n, past]`: nought where the n newest of `past` tokens may look, −∞ where not.
fn mask(n: usize, past: usize, window: Option<usize>) -> Result<Tensor> {
    let values: Vec<f32> = (0..n)
        .flat_map(|row| {
            let own = past - n + row;
            (0..past).map(move |other| {
                let seen = other <= own && window.is_none_or(|window| own - other < window);
                if seen { 0.0 } else { f32::NEG_INFINITY }
            })
        })
        .collect();
    Tensor::from_vec(values, (n, past), &Device::Cpu)
}

impl Session<'_> {
    /// Reads `tokens`, the first of which stands at `position`: the logits of the last, over the vocabulary.
    pub(super) fn forward(&mut self, tokens: &[u32], position: usize) -> Result<Vec<f32>> {
        let decoder = self.decoder;
        let ids = Tensor::new(tokens, &Device::Cpu)?;
        let mut x = decoder.embedding.forward(&ids)?;
        if decoder.shape.family.is_gemma() {
            x = (x * (decoder.shape.hidden as f64).sqrt())?;
        }
        let mut masks: Vec<(Option<usize>, Tensor)> = Vec::new();
        for (n, (layer, cache)) in decoder.layers.iter().zip(&mut self.caches).enumerate() {
            let window = decoder.shape.windows.of(n);
            if tokens.len() > 1 && !masks.iter().any(|(of, _)| *of == window) {
                let past = past(tokens.len(), position, window);
                masks.push((window, mask(tokens.len(), past, window)?));
            }
            let mask = masks.iter().find(|(of, _)| *of == window).map(|(_, mask)| mask);
            let normed = decoder.norm(&x, &layer.input_norm)?;
            let mut more = decoder.attention(layer, window, mask, cache, (&normed, position), self.turns)?;
            if let Some(norm) = &layer.attention_norm {
                more = decoder.norm(&more, norm)?;
            }
            x = (x + more)?;
            let mut more = decoder.feed_forward(layer, &decoder.norm(&x, &layer.feed_norm)?)?;
            if let Some(norm) = &layer.fed_norm {
                more = decoder.norm(&more, norm)?;
            }
            x = (x + more)?;
        }
        let last = x.narrow(0, tokens.len() - 1, 1)?.contiguous()?;
        let mut logits = decoder.head.forward(&decoder.norm(&last, &decoder.norm)?)?;
        if let Some(cap) = decoder.shape.logit_cap {
            logits = ((logits / cap)?.tanh()? * cap)?;
        }
        logits.squeeze(0)?.to_vec1()
    }
}
