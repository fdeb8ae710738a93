//! The forward and the backward pass of a Llama decoder over packed sequences, for training on answers.
//!
//! Written out instead of taken from candle's graph: frozen weights get no gradient, nothing is computed for
//! positions that nobody asks about (the last block's queries and feed-forward, and the logits, exist only where an
//! answer's token is predicted), and several sequences lie one after the other without padding.
//!
//! Knows nothing of what is trained: a [`Tuning`] says which weights to use and collects gradients.

use super::attention::{Rotary, Saved, Span, attend, attend_back};
use super::kernels::{add, add_here, cross_entropy, rms_norm, rms_norm_back, swiglu, swiglu_back};
use super::product::{Threads, To, View, product};
use super::shape::Shape;
use super::weights::{Fused, Weights};

/// Sequences packed one after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Batch {
    /// The tokens of all sequences.
    pub tokens: Vec<u32>,
    /// Where each lies, and from which position on its next tokens are predicted.
    pub spans: Vec<Span>,
    /// The token to predict at each of those positions, in order.
    pub targets: Vec<u32>,
}

impl Batch {
    /// Appends a sequence, whose tokens from `from` on are to be predicted from those before. `from` is at least 1.
    pub fn push(&mut self, sequence: &[u32], from: usize) {
        let start = self.tokens.len();
        // The last token is predicted and predicts nothing itself.
        self.tokens.extend_from_slice(&sequence[..sequence.len() - 1]);
        self.targets.extend_from_slice(&sequence[from..]);
        self.spans.push(Span { rows: start..self.tokens.len(), from: from - 1 });
    }

    /// The rows that predict, in order.
    fn predicting(&self) -> impl Iterator<Item = usize> {
        self.spans.iter().flat_map(|s| s.rows.start + s.from..s.rows.end)
    }
}

/// The norms of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Norm {
    Attention(usize),
    Feed(usize),
    Last,
}

/// What is trained: which weights the passes use, and where gradients go. The defaults are those of a frozen model.
pub(super) trait Tuning: Sync {
    /// The matrix to use instead of the base's.
    fn weight(&self, _layer: usize, _fused: Fused) -> Option<&[f32]> {
        None
    }
    /// The norm's weight to use instead of the base's.
    fn norm_weight(&self, _norm: Norm) -> Option<&[f32]> {
        None
    }
    /// The embedding to use instead of the base's.
    fn embedding_weight(&self) -> Option<&[f32]> {
        None
    }
    /// The output projection to use instead of the base's.
    fn head_weight(&self) -> Option<&[f32]> {
        None
    }
    /// Adds to `y` what the matrix leaves out.
    fn forward(&self, _layer: usize, _fused: Fused, _x: &[f32], _y: &mut [f32]) {}
    /// Collects gradients from a matrix's input and its output's gradient, and adds to `dx` (where it is wanted) what
    /// the matrix leaves out.
    fn backward(&mut self, _layer: usize, _fused: Fused, _x: &[f32], _dy: &[f32], _dx: Option<&mut [f32]>) {}
    /// Collects a norm's gradient.
    fn norm(&mut self, _norm: Norm, _x: &[f32], _inverse: &[f32], _dy: &[f32]) {}
    /// Collects the output projection's gradient from its input and the logits' gradient.
    fn head(&mut self, _x: &[f32], _dlogits: &[f32]) {}
    /// Whether [`Tuning::embedding`] and the first norm want their gradients.
    fn wants_embedding(&self) -> bool {
        false
    }
    /// Collects the embedding's gradient.
    fn embedding(&mut self, _tokens: &[u32], _dx: &[f32]) {}
}

/// The base as it is.
#[derive(Debug)]
pub(super) struct Frozen;
impl Tuning for Frozen {}

/// A base that can be run.
#[derive(Debug)]
pub(super) struct Model {
    pub shape: Shape,
    pub weights: Weights,
    rotary: Rotary,
}

/// What the backward needs of a block. Rows are all packed ones up to the attention, and from there on those of the
/// queries.
struct Kept {
    x: Vec<f32>,
    x_inverse: Vec<f32>,
    x_normed: Vec<f32>,
    attention: Vec<Saved>,
    attended: Vec<f32>,
    h: Vec<f32>,
    h_inverse: Vec<f32>,
    h_normed: Vec<f32>,
    gate_up: Vec<f32>,
    act: Vec<f32>,
}

impl Model {
    /// A model for sequences of up to `longest` tokens.
    pub fn new(shape: Shape, weights: Weights, longest: usize) -> Self {
        let rotary = Rotary::new(&shape, longest);
        Self { shape, weights, rotary }
    }

    /// −log p of each target.
    pub fn losses(&self, tuning: &impl Tuning, batch: &Batch) -> Vec<f32> {
        let mut logits = self.logits(tuning, batch);
        cross_entropy(&mut logits, self.shape.vocabulary, &batch.targets, 0.0)
    }

    /// The logits of each row that predicts: [targets, vocabulary].
    pub fn logits(&self, tuning: &impl Tuning, batch: &Batch) -> Vec<f32> {
        let (x, _) = self.blocks(tuning, batch, false);
        let mut normed = vec![0.0; x.len()];
        rms_norm(&x, self.norm(tuning, Norm::Last), self.shape.eps, &mut normed);
        self.times(self.head(tuning), &normed, self.shape.hidden)
    }

    /// −log p of each target; the gradient of their sum times `scale` goes to `tuning`.
    pub fn gradients(&self, tuning: &mut impl Tuning, batch: &Batch, scale: f32) -> Vec<f32> {
        let Shape { hidden, vocabulary, eps, .. } = self.shape;
        let (x, kept) = self.blocks(tuning, batch, true);
        let mut normed = vec![0.0; x.len()];
        let inverse = rms_norm(&x, self.norm(tuning, Norm::Last), eps, &mut normed);
        let mut logits = self.times(self.head(tuning), &normed, hidden);
        let losses = cross_entropy(&mut logits, vocabulary, &batch.targets, scale);
        tuning.head(&normed, &logits);
        let dnormed = self.times_back(self.head(tuning), &logits, hidden);
        drop(logits);
        let mut dx = vec![0.0; x.len()];
        rms_norm_back(&x, self.norm(tuning, Norm::Last), &inverse, &dnormed, &mut dx);
        tuning.norm(Norm::Last, &x, &inverse, &dnormed);
        for (layer, kept) in kept.into_iter().enumerate().rev() {
            dx = self.block_back(tuning, batch, layer, &kept, dx);
        }
        if tuning.wants_embedding() {
            tuning.embedding(&batch.tokens, &dx);
        }
        losses
    }

    fn blocks(&self, tuning: &impl Tuning, batch: &Batch, keep: bool) -> (Vec<f32>, Vec<Kept>) {
        let hidden = self.shape.hidden;
        let mut x = Vec::with_capacity(batch.tokens.len() * hidden);
        let embedding = tuning.embedding_weight().unwrap_or(&self.weights.embedding);
        for token in &batch.tokens {
            x.extend_from_slice(&embedding[*token as usize * hidden..][..hidden]);
        }
        let mut all = Vec::new();
        for layer in 0..self.shape.layers {
            let (next, kept) = self.block(tuning, batch, layer, x);
            x = next;
            if keep {
                all.push(kept);
            }
        }
        (x, all)
    }

    /// The spans of a block: all positions ask, except in the last one.
    fn spans(&self, batch: &Batch, layer: usize) -> Vec<Span> {
        let last = layer + 1 == self.shape.layers;
        batch
            .spans
            .iter()
            .map(|s| Span { rows: s.rows.clone(), from: if last { s.from } else { 0 } })
            .collect()
    }

    fn block(&self, tuning: &impl Tuning, batch: &Batch, layer: usize, x: Vec<f32>) -> (Vec<f32>, Kept) {
        let Shape { hidden, feed_forward, eps, .. } = self.shape;
        let mut x_normed = vec![0.0; x.len()];
        let x_inverse = rms_norm(&x, self.norm(tuning, Norm::Attention(layer)), eps, &mut x_normed);
        let qkv = self.project(tuning, layer, Fused::Qkv, &x_normed);
        let (attended, attention) = attend(&self.shape, &self.rotary, &self.spans(batch, layer), &qkv);
        let mut h = self.project(tuning, layer, Fused::O, &attended);
        if layer + 1 == self.shape.layers {
            for (h, row) in h.chunks_exact_mut(hidden).zip(batch.predicting()) {
                add_here(h, &x[row * hidden..][..hidden]);
            }
        } else {
            add(&mut h, &x);
        }
        let mut h_normed = vec![0.0; h.len()];
        let h_inverse = rms_norm(&h, self.norm(tuning, Norm::Feed(layer)), eps, &mut h_normed);
        let gate_up = self.project(tuning, layer, Fused::GateUp, &h_normed);
        let mut act = vec![0.0; gate_up.len() / 2];
        swiglu(&gate_up, feed_forward, &mut act);
        let mut next = self.project(tuning, layer, Fused::Down, &act);
        add(&mut next, &h);
        (next, Kept { x, x_inverse, x_normed, attention, attended, h, h_inverse, h_normed, gate_up, act })
    }

    /// The gradient of a block's input from that of its output; empty for the first block where nobody wants it.
    fn block_back(
        &self,
        tuning: &mut impl Tuning,
        batch: &Batch,
        layer: usize,
        kept: &Kept,
        dnext: Vec<f32>,
    ) -> Vec<f32> {
        let Shape { hidden, feed_forward, .. } = self.shape;
        let dact = self.project_back(tuning, layer, Fused::Down, &kept.act, &dnext);
        let mut dgate_up = vec![0.0; kept.gate_up.len()];
        swiglu_back(&kept.gate_up, feed_forward, &dact, &mut dgate_up);
        let dnormed = self.project_back(tuning, layer, Fused::GateUp, &kept.h_normed, &dgate_up);
        let mut dh = dnext;
        rms_norm_back(&kept.h, self.norm(tuning, Norm::Feed(layer)), &kept.h_inverse, &dnormed, &mut dh);
        tuning.norm(Norm::Feed(layer), &kept.h, &kept.h_inverse, &dnormed);
        let dattended = self.project_back(tuning, layer, Fused::O, &kept.attended, &dh);
        let spans = self.spans(batch, layer);
        let dqkv = attend_back(&self.shape, &self.rotary, &spans, &kept.attention, &dattended);
        if layer == 0 && !tuning.wants_embedding() {
            tuning.backward(layer, Fused::Qkv, &kept.x_normed, &dqkv, None);
            return Vec::new();
        }
        let dnormed = self.project_back(tuning, layer, Fused::Qkv, &kept.x_normed, &dqkv);
        let mut dx = dh;
        if layer + 1 == self.shape.layers {
            let mut wide = vec![0.0; kept.x.len()];
            for (dx, row) in dx.chunks_exact(hidden).zip(batch.predicting()) {
                wide[row * hidden..][..hidden].copy_from_slice(dx);
            }
            dx = wide;
        }
        rms_norm_back(&kept.x, self.norm(tuning, Norm::Attention(layer)), &kept.x_inverse, &dnormed, &mut dx);
        tuning.norm(Norm::Attention(layer), &kept.x, &kept.x_inverse, &dnormed);
        dx
    }

    fn norm<'a>(&'a self, tuning: &'a impl Tuning, norm: Norm) -> &'a [f32] {
        tuning.norm_weight(norm).unwrap_or_else(|| match norm {
            Norm::Attention(n) => &self.weights.blocks[n].attention_norm,
            Norm::Feed(n) => &self.weights.blocks[n].feed_norm,
            Norm::Last => &self.weights.norm,
        })
    }

    fn head<'a>(&'a self, tuning: &'a impl Tuning) -> &'a [f32] {
        tuning.head_weight().unwrap_or_else(|| self.weights.head())
    }

    fn project(&self, tuning: &impl Tuning, layer: usize, fused: Fused, x: &[f32]) -> Vec<f32> {
        let weight = tuning.weight(layer, fused).unwrap_or(&self.weights.blocks[layer].fused[fused as usize]);
        let mut y = self.times(weight, x, fused.input(&self.shape));
        tuning.forward(layer, fused, x, &mut y);
        y
    }

    fn project_back(
        &self,
        tuning: &mut impl Tuning,
        layer: usize,
        fused: Fused,
        x: &[f32],
        dy: &[f32],
    ) -> Vec<f32> {
        let weight = tuning.weight(layer, fused).unwrap_or(&self.weights.blocks[layer].fused[fused as usize]);
        let mut dx = self.times_back(weight, dy, fused.input(&self.shape));
        tuning.backward(layer, fused, x, dy, Some(&mut dx));
        dx
    }

    /// x wᵀ: [rows, input] by [output, input].
    fn times(&self, weight: &[f32], x: &[f32], input: usize) -> Vec<f32> {
        let (rows, output) = (x.len() / input, weight.len() / input);
        let mut y = vec![0.0; rows * output];
        let weight = View::new(weight, output, input).t();
        product(To::set(&mut y, output), 1.0, View::new(x, rows, input), weight, Threads::All);
        y
    }

    /// dy w: [rows, output] by [output, input].
    fn times_back(&self, weight: &[f32], dy: &[f32], input: usize) -> Vec<f32> {
        let output = weight.len() / input;
        let rows = dy.len() / output;
        let mut dx = vec![0.0; rows * input];
        product(
            To::set(&mut dx, input),
            1.0,
            View::new(dy, rows, output),
            View::new(weight, output, input),
            Threads::All,
        );
        dx
    }
}
