//! A LoRA adapter (Hu et al. 2021, arXiv 2106.09685), kept beside the weights and not in them: W x + s · B (A x).

use crate::format::Format;
use crate::kernels::TILE;
use crate::matrix::Matrix;
use crate::network::Network;

/// What one matrix of the base gets.
#[derive(Debug)]
pub struct Delta {
    /// A, `[rank, in]`.
    pub(crate) a: Matrix,
    /// s · B, `[out, rank]`, its rank filled up to whole tiles.
    pub(crate) b: Matrix,
}

impl Delta {
    /// From A `[rank, in]`, B `[out, rank]` and the scale s that their product is added with: as they are, or for a base
    /// that is quantised in half precision, where that holds them.
    ///
    /// # Panics
    /// If the lengths are not those of the shapes, or one of them is nought.
    pub fn new(a: &[f32], b: &[f32], rank: usize, scale: f32, quantised: bool) -> Self {
        assert!(
            rank > 0 && a.len().is_multiple_of(rank) && b.len().is_multiple_of(rank),
            "an adapter of rank {rank}"
        );
        // What A gives comes in whole tiles, so B takes as many: the last are noughts times noughts.
        let padded = rank.next_multiple_of(TILE);
        let out = b.len() / rank;
        let mut wide = vec![0.0; out * padded];
        for (wide, b) in wide.chunks_exact_mut(padded).zip(b.chunks_exact(rank)) {
            wide.iter_mut().zip(b).for_each(|(wide, b)| *wide = b * scale);
        }
        let pack = |numbers: &[f32], rows, inner| {
            let half = quantised && numbers.iter().all(|x| x.abs() <= f32::from(half::f16::MAX));
            match half {
                true => Matrix::pack(numbers, rows, inner, Format::F16),
                false => Matrix::exact(numbers, rows, inner),
            }
        };
        Self { a: pack(a, rank, a.len() / rank), b: pack(&wide, out, padded) }
    }

    /// Numbers that A x has, in whole tiles.
    pub(crate) fn rank(&self) -> usize {
        self.b.inner()
    }
}

/// What one layer's matrices get.
#[derive(Debug, Default)]
pub struct Deltas {
    /// Of queries.
    pub queries: Option<Delta>,
    /// Of keys.
    pub keys: Option<Delta>,
    /// Of values.
    pub values: Option<Delta>,
    /// Of the attention's output.
    pub output: Option<Delta>,
    /// Of the gate.
    pub gate: Option<Delta>,
    /// Of up.
    pub up: Option<Delta>,
    /// Of down.
    pub down: Option<Delta>,
}

/// An adapter of a network.
#[derive(Debug)]
pub struct Adapter {
    pub(crate) layers: Vec<Deltas>,
}

impl Adapter {
    /// Of every layer what its matrices get.
    ///
    /// # Errors
    /// What does not fit the network, by name.
    pub fn new(layers: Vec<Deltas>, network: &Network) -> Result<Self, String> {
        if layers.len() != network.depth() {
            return Err(format!("an adapter of {} layers for {}", layers.len(), network.depth()));
        }
        for (n, (deltas, layer)) in layers.iter().zip(&network.layers).enumerate() {
            for (name, delta, linear) in [
                ("queries", &deltas.queries, &layer.queries),
                ("keys", &deltas.keys, &layer.keys),
                ("values", &deltas.values, &layer.values),
                ("output", &deltas.output, &layer.output),
                ("gate", &deltas.gate, &layer.gate),
                ("up", &deltas.up, &layer.up),
                ("down", &deltas.down, &layer.down),
            ] {
                let Some(delta) = delta else { continue };
                let (found, base) =
                    ((delta.b.rows(), delta.a.inner()), (linear.weight.rows(), linear.weight.inner()));
                if found != base {
                    return Err(format!("layer {n}'s {name} is {base:?}, its adapter {found:?}"));
                }
            }
        }
        Ok(Self { layers })
    }
}
