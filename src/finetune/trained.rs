//! What a run changes: one vector of values with its gradient, and which tensor lies where in it.

use super::model::Tuning;
use super::weights::Weights;
use std::ops::Range;

/// Values that a run trains. The optimiser and the checkpoint see one vector; the passes see a [`Tuning`].
pub(super) trait Trained: Tuning {
    /// The present values.
    fn values(&self) -> &[f32];

    /// The values and their gradient.
    fn both(&mut self) -> (&mut [f32], &mut [f32]);

    /// Which tensor lies where: all of the values, each once.
    fn slots(&self) -> Vec<Slot>;

    /// Makes the passes use the present values. To be called after they have changed.
    fn changed(&mut self, _base: &Weights) {}

    /// Says which pass over the data comes, the same number for the same pass of a run; `None` outside training.
    fn begin(&mut self, _pass: Option<u64>) {}
}

/// One tensor: its name in the file that the run leaves, where it lies in the values, and its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    pub name: String,
    pub range: Range<usize>,
    pub dims: Vec<usize>,
}

/// The runs of values with the weight decay of each: that of the recipe for matrices, none for norms (Loshchilov &
/// Hutter decay weights, not scales; as the trainers of GPT-2 and Llama do).
pub(super) fn decays(slots: &[Slot], decay: f64) -> Vec<(Range<usize>, f64)> {
    let mut sorted: Vec<&Slot> = slots.iter().collect();
    sorted.sort_by_key(|s| s.range.start);
    let mut runs: Vec<(Range<usize>, f64)> = Vec::new();
    for slot in sorted {
        let own = if slot.dims.len() > 1 { decay } else { 0.0 };
        match runs.last_mut() {
            Some((run, same)) if run.end == slot.range.start && *same == own => run.end = slot.range.end,
            _ => runs.push((slot.range.clone(), own)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_decay_and_norms_do_not() {
        let slot =
            |range: Range<usize>, dims: &[usize]| Slot { name: String::new(), range, dims: dims.to_vec() };
        let slots = [slot(6..8, &[2]), slot(0..2, &[2, 1]), slot(2..6, &[2, 2]), slot(8..9, &[1, 1])];
        assert_eq!(decays(&slots, 0.1), [(0..6, 0.1), (6..8, 0.0), (8..9, 0.1)]);
    }
}
