//! A look inside: logits and gradients by tensor name, to compare with another implementation.

use super::kernels::rms_norm_weight_back;
use super::lora::Lora;
use super::model::{Batch, Frozen, Model, Norm, Tuning};
use super::product::{Threads, To, View, product};
use super::recipe::Recipe;
use super::shape::Shape;
use super::weights::{Fused, Weights};
use crate::fault::{Fault, Result};
use crate::folder::Folder;
use crate::generate::Checkpoint;
use crate::job::{Cancel, SILENT};
use std::collections::BTreeMap;

/// A base in memory, with or without adapters.
#[derive(Debug)]
pub struct Probe {
    model: Model,
    lora: Option<Lora>,
}

/// A sequence whose tokens from `answer` on are predicted.
#[derive(Debug, Clone)]
pub struct Sequence {
    /// All tokens.
    pub tokens: Vec<u32>,
    /// The first that is predicted: at least 1.
    pub answer: usize,
}

/// Gradients by tensor name.
pub type Gradients = BTreeMap<String, Vec<f32>>;

impl Probe {
    /// Reads the base.
    ///
    /// # Errors
    /// As [`super::train`] for a base that cannot be read or is not known.
    pub fn open(base: &Folder) -> Result<Self> {
        let read = Checkpoint::load(base, &base.name(), SILENT, &Cancel::new())?;
        let shape = Shape::of(&read.shape);
        let weights = Weights::of(&read.weights, &shape)?;
        let longest = shape.window;
        Ok(Self { model: Model::new(shape, weights, longest), lora: None })
    }

    /// Puts adapters on it, with the values that `values` has for each PEFT tensor name.
    ///
    /// # Errors
    /// A [`Fault`] naming a tensor that is missing or of another size.
    pub fn adapt(&mut self, recipe: &Recipe, values: &dyn Fn(&str) -> Option<Vec<f32>>) -> Result<()> {
        recipe.check()?;
        let mut lora = Lora::new(&self.model.shape, recipe);
        for slot in lora.slots() {
            let found = values(&slot.name).filter(|v| v.len() == slot.range.len()).ok_or_else(|| {
                Fault::new(&slot.name, "nothing of that size").expected(format!("{:?} values", slot.dims))
            })?;
            lora.values[slot.range].copy_from_slice(&found);
        }
        lora.merge(&self.model.weights);
        self.lora = Some(lora);
        Ok(())
    }

    /// The logits at every position: [tokens, vocabulary].
    pub fn logits(&self, tokens: &[u32]) -> Vec<f32> {
        let mut batch = Batch::default();
        // One token more, which nothing reads, since the last one of a sequence only serves as a target.
        batch.push(&[tokens, &[0]].concat(), 1);
        match &self.lora {
            Some(lora) => self.model.logits(lora, &batch),
            None => self.model.logits(&Frozen, &batch),
        }
    }

    /// The mean loss over all predicted tokens of the packed sequences, and its gradient for each adapter's A and B.
    /// Nothing without adapters. `pass` numbers the draw of dropout; `None` drops nothing.
    pub fn adapter_gradients(&mut self, sequences: &[Sequence], pass: Option<u64>) -> (f32, Gradients) {
        let batch = packed(sequences);
        let Some(lora) = &mut self.lora else { return (f32::NAN, Gradients::new()) };
        lora.gradient.fill(0.0);
        lora.begin(pass);
        let losses = self.model.gradients(lora, &batch, 1.0 / batch.targets.len() as f32);
        lora.begin(None);
        let slots = lora.slots().into_iter();
        (mean(&losses), slots.map(|s| (s.name, lora.gradient[s.range].to_vec())).collect())
    }

    /// The mean loss over all predicted tokens of the packed sequences, and its gradient for every tensor of the
    /// base (without adapters). The embedding's, where it is tied, holds both of its uses.
    pub fn base_gradients(&self, sequences: &[Sequence]) -> (f32, Gradients) {
        let batch = packed(sequences);
        let mut whole = Whole {
            shape: self.model.shape.clone(),
            tied: self.model.weights.head.is_none(),
            found: Gradients::new(),
        };
        let losses = self.model.gradients(&mut whole, &batch, 1.0 / batch.targets.len() as f32);
        (mean(&losses), whole.found)
    }
}

fn packed(sequences: &[Sequence]) -> Batch {
    let mut batch = Batch::default();
    for sequence in sequences {
        batch.push(&sequence.tokens, sequence.answer);
    }
    batch
}

fn mean(losses: &[f32]) -> f32 {
    (losses.iter().map(|l| f64::from(*l)).sum::<f64>() / losses.len() as f64) as f32
}

/// Collects the gradients of all weights of the base.
struct Whole {
    shape: Shape,
    tied: bool,
    found: Gradients,
}

impl Whole {
    fn add(&mut self, name: String, rows: usize, cols: usize, dy: View<'_>, x: View<'_>) {
        let to = self.found.entry(name).or_insert_with(|| vec![0.0; rows * cols]);
        product(To::add(to, cols), 1.0, dy.t(), x, Threads::All);
    }
}

impl Tuning for Whole {
    fn backward(&mut self, layer: usize, fused: Fused, x: &[f32], dy: &[f32], _dx: Option<&mut [f32]>) {
        let (input, output) = (fused.input(&self.shape), fused.output(&self.shape));
        let n = x.len() / input;
        for part in fused.parts() {
            let rows = fused.rows(*part, &self.shape);
            let dy = View::window(&dy[rows.start..], n, rows.len(), output);
            let name = format!("model.layers.{layer}.{}.weight", part.path());
            self.add(name, rows.len(), input, dy, View::new(x, n, input));
        }
    }

    fn norm(&mut self, norm: Norm, x: &[f32], inverse: &[f32], dy: &[f32]) {
        let name = match norm {
            Norm::Attention(n) => format!("model.layers.{n}.input_layernorm.weight"),
            Norm::Feed(n) => format!("model.layers.{n}.post_attention_layernorm.weight"),
            Norm::Last => "model.norm.weight".to_owned(),
        };
        let to = self.found.entry(name).or_insert_with(|| vec![0.0; self.shape.hidden]);
        rms_norm_weight_back(x, inverse, dy, to);
    }

    fn head(&mut self, x: &[f32], dlogits: &[f32]) {
        let Shape { vocabulary, hidden, .. } = self.shape;
        let n = x.len() / hidden;
        let name = if self.tied { "model.embed_tokens.weight" } else { "lm_head.weight" };
        let (dy, x) = (View::new(dlogits, n, vocabulary), View::new(x, n, hidden));
        self.add(name.to_owned(), vocabulary, hidden, dy, x);
    }

    fn wants_embedding(&self) -> bool {
        true
    }

    fn embedding(&mut self, tokens: &[u32], dx: &[f32]) {
        let Shape { vocabulary, hidden, .. } = self.shape;
        let to = self
            .found
            .entry("model.embed_tokens.weight".to_owned())
            .or_insert_with(|| vec![0.0; vocabulary * hidden]);
        for (token, dx) in tokens.iter().zip(dx.chunks_exact(hidden)) {
            for (to, dx) in to[*token as usize * hidden..][..hidden].iter_mut().zip(dx) {
                *to += dx;
            }
        }
    }
}
