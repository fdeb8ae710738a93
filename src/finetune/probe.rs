//! A look inside: logits and gradients by tensor name, to compare with another implementation.

use super::full::Full;
use super::lora::Lora;
use super::model::{Batch, Frozen, Model};
use super::recipe::Recipe;
use super::shape::Shape;
use super::trained::Trained;
use super::weights::Weights;
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
        let shape = Shape::of(&read.shape, &base.name())?;
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
            lora.both().0[slot.range].copy_from_slice(&found);
        }
        lora.changed(&self.model.weights);
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
        let Some(lora) = &mut self.lora else { return (f32::NAN, Gradients::new()) };
        lora.begin(pass);
        let found = gradients(&self.model, lora, &packed(sequences));
        lora.begin(None);
        found
    }

    /// The mean loss over all predicted tokens of the packed sequences, and its gradient for every tensor of the
    /// base (without adapters). The embedding's, where it is tied, holds both of its uses.
    pub fn base_gradients(self, sequences: &[Sequence]) -> (f32, Gradients) {
        let Self { mut model, .. } = self;
        let mut full = Full::new(&model.shape, &mut model.weights);
        gradients(&model, &mut full, &packed(sequences))
    }
}

fn gradients(model: &Model, trained: &mut impl Trained, batch: &Batch) -> (f32, Gradients) {
    trained.both().1.fill(0.0);
    let losses = model.gradients(trained, batch, 1.0 / batch.targets.len() as f32);
    let slots = trained.slots();
    let (_, gradient) = trained.both();
    (mean(&losses), slots.into_iter().map(|s| (s.name, gradient[s.range].to_vec())).collect())
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
