//! Low-rank adapters (Hu et al. 2021, arXiv 2106.09685): W' = W + α/r · B A with A: [r, in], B: [out, r].
//!
//! Without dropout the passes run on W' itself, added up once a step: they then cost what the base costs, and only
//! the gradients touch A and B: with s = α/r, dA = s (dy B)ᵀ x and dB = s dyᵀ (x Aᵀ). With dropout on the adapter's
//! input the passes run on W, and the adapter adds its part.

use super::model::Tuning;
use super::product::{Threads, To, View, product};
use super::recipe::Recipe;
use super::shape::Shape;
use super::trained::{Slot, Trained};
use super::weights::{FourOf, Fused, Projection, Weights};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::ops::Range;

/// The adapters of every block, with their gradients.
#[derive(Debug)]
pub(super) struct Lora {
    shape: Shape,
    rank: usize,
    scale: f32,
    /// All A and B, one after the other as `groups` says.
    values: Vec<f32>,
    /// The gradient of `values`.
    gradient: Vec<f32>,
    /// One for each block.
    groups: Vec<FourOf<Option<Group>>>,
    /// W' for each adapted matrix, one for each block; empty with dropout.
    merged: Vec<FourOf<Vec<f32>>>,
    dropout: Option<Dropout>,
}

/// The adapters of one fused matrix: the A's of its parts lie together, so that one product serves them all.
#[derive(Debug, Clone)]
struct Group {
    /// [parts × rank, input].
    a: Range<usize>,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    projection: Projection,
    /// Its rows of the fused matrix.
    rows: Range<usize>,
    /// [output, rank].
    b: Range<usize>,
}

#[derive(Debug)]
struct Dropout {
    share: f32,
    seed: u64,
    /// `None` outside training.
    pass: Option<u64>,
}

impl Lora {
    /// Fresh adapters as PEFT makes them: A uniform within ±1/√in (Kaiming with a = √5), B zero.
    pub fn new(shape: &Shape, recipe: &Recipe) -> Self {
        let targets = recipe.projections();
        let rank = recipe.rank;
        let mut at = 0;
        let mut take = |n: usize| {
            at += n;
            at - n..at
        };
        let groups: Vec<FourOf<Option<Group>>> = (0..shape.layers)
            .map(|_| {
                Fused::ALL.map(|fused| {
                    let parts: Vec<Projection> =
                        fused.parts().iter().copied().filter(|p| targets.contains(p)).collect();
                    if parts.is_empty() {
                        return None;
                    }
                    let a = take(parts.len() * rank * fused.input(shape));
                    let parts = parts.into_iter().map(|projection| {
                        let rows = fused.rows(projection, shape);
                        Part { projection, b: take(rows.len() * rank), rows }
                    });
                    Some(Group { a, parts: parts.collect() })
                })
            })
            .collect();
        let mut values = vec![0.0; at];
        let mut random = ChaCha8Rng::seed_from_u64(recipe.seed);
        for layer in &groups {
            for (fused, group) in Fused::ALL.iter().zip(layer).filter_map(|(f, g)| Some((f, g.as_ref()?))) {
                let bound = 1.0 / (fused.input(shape) as f32).sqrt();
                for value in &mut values[group.a.clone()] {
                    *value = bound * (2.0 * unit(&mut random) - 1.0);
                }
            }
        }
        let dropout = (recipe.dropout > 0.0).then_some(Dropout {
            share: recipe.dropout as f32,
            seed: recipe.seed,
            pass: None,
        });
        Self {
            shape: shape.clone(),
            rank,
            scale: (recipe.alpha / rank as f64) as f32,
            gradient: vec![0.0; at],
            values,
            merged: Vec::new(),
            groups,
            dropout,
        }
    }

    /// The input as part `projection` of `layer` sees it under dropout: `None` where it sees `x` itself.
    fn dropped(&self, layer: usize, projection: Projection, x: &[f32]) -> Option<Vec<f32>> {
        let mut x = x.to_vec();
        self.drop_in(layer, projection, &mut x).then_some(x)
    }

    /// Sets the dropped elements to zero and scales the rest by 1 / (1 − share); false where nothing is dropped.
    fn drop_in(&self, layer: usize, projection: Projection, x: &mut [f32]) -> bool {
        let Some(Dropout { share, seed, pass: Some(pass) }) = self.dropout else { return false };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // A stream of its own for each pass and projection; stream 0 made A.
        random.set_stream(1 + (pass * self.shape.layers as u64 + layer as u64) * 8 + projection as u64);
        let keep = 1.0 / (1.0 - share);
        for x in x {
            *x *= if unit(&mut random) < share { 0.0 } else { keep };
        }
        true
    }
}

/// Uniform in [0, 1), from the upper 24 bits: spelled out, so that no version of rand changes it.
fn unit(random: &mut impl RngCore) -> f32 {
    (random.next_u32() >> 8) as f32 / (1 << 24) as f32
}

impl Trained for Lora {
    fn values(&self) -> &[f32] {
        &self.values
    }

    fn both(&mut self) -> (&mut [f32], &mut [f32]) {
        (&mut self.values, &mut self.gradient)
    }

    /// Every A and B under its PEFT name.
    fn slots(&self) -> Vec<Slot> {
        let mut slots = Vec::new();
        for (layer, groups) in self.groups.iter().enumerate() {
            for (fused, group) in Fused::ALL.iter().zip(groups).filter_map(|(f, g)| Some((f, g.as_ref()?))) {
                let input = fused.input(&self.shape);
                for (i, part) in group.parts.iter().enumerate() {
                    let stem = format!("base_model.model.model.layers.{layer}.{}", part.projection.path());
                    let a = group.a.start + i * self.rank * input;
                    slots.push(Slot {
                        name: format!("{stem}.lora_A.weight"),
                        range: a..a + self.rank * input,
                        dims: vec![self.rank, input],
                    });
                    slots.push(Slot {
                        name: format!("{stem}.lora_B.weight"),
                        range: part.b.clone(),
                        dims: vec![part.rows.len(), self.rank],
                    });
                }
            }
        }
        slots
    }

    fn changed(&mut self, base: &Weights) {
        if self.dropout.is_some() {
            return;
        }
        self.merged.resize_with(self.groups.len(), Default::default);
        let (shape, values, rank, scale) = (&self.shape, &self.values, self.rank, self.scale);
        (&mut self.merged, &self.groups, &base.blocks).into_par_iter().for_each(|(merged, groups, block)| {
            for (i, fused) in Fused::ALL.iter().enumerate() {
                let Some(group) = &groups[i] else { continue };
                let input = fused.input(shape);
                merged[i].clone_from(&block.fused[i]);
                for (part, a) in group.parts.iter().zip(values[group.a.clone()].chunks_exact(rank * input)) {
                    let b = View::new(&values[part.b.clone()], part.rows.len(), rank);
                    let to = &mut merged[i][part.rows.start * input..part.rows.end * input];
                    product(To::add(to, input), scale, b, View::new(a, rank, input), Threads::One);
                }
            }
        });
    }

    /// Dropout is drawn anew for each pass, the same for the same number.
    fn begin(&mut self, pass: Option<u64>) {
        if let Some(dropout) = &mut self.dropout {
            dropout.pass = pass;
        }
    }
}

impl Tuning for Lora {
    fn weight(&self, layer: usize, fused: Fused) -> Option<&[f32]> {
        let merged = &self.merged.get(layer)?[fused as usize];
        (!merged.is_empty()).then_some(merged)
    }

    fn forward(&self, layer: usize, fused: Fused, x: &[f32], y: &mut [f32]) {
        let Some(group) = self.groups[layer][fused as usize].as_ref().filter(|_| self.dropout.is_some())
        else {
            return;
        };
        let (input, output, rank) = (fused.input(&self.shape), fused.output(&self.shape), self.rank);
        let n = x.len() / input;
        let mut xa = vec![0.0; n * rank];
        for (part, a) in group.parts.iter().zip(self.values[group.a.clone()].chunks_exact(rank * input)) {
            let dropped = self.dropped(layer, part.projection, x);
            let x = View::new(dropped.as_deref().unwrap_or(x), n, input);
            product(To::set(&mut xa, rank), 1.0, x, View::new(a, rank, input).t(), Threads::All);
            let b = View::new(&self.values[part.b.clone()], part.rows.len(), rank);
            let to = &mut y[part.rows.start..];
            product(To::add(to, output), self.scale, View::new(&xa, n, rank), b.t(), Threads::All);
        }
    }

    fn backward(&mut self, layer: usize, fused: Fused, x: &[f32], dy: &[f32], mut dx: Option<&mut [f32]>) {
        let Some(group) = self.groups[layer][fused as usize].clone() else { return };
        let (input, output, rank) = (fused.input(&self.shape), fused.output(&self.shape), self.rank);
        let n = x.len() / input;
        let width = group.parts.len() * rank;
        // dy B of every part, side by side.
        let mut dyb = vec![0.0; n * width];
        for (i, part) in group.parts.iter().enumerate() {
            let dy = View::window(&dy[part.rows.start..], n, part.rows.len(), output);
            let b = View::new(&self.values[part.b.clone()], part.rows.len(), rank);
            product(To::set(&mut dyb[i * rank..], width), 1.0, dy, b, Threads::All);
        }
        if self.dropout.is_none() {
            let mut xa = vec![0.0; n * width];
            let a = View::new(&self.values[group.a.clone()], width, input);
            product(To::set(&mut xa, width), 1.0, View::new(x, n, input), a.t(), Threads::All);
            let to = To::add(&mut self.gradient[group.a.clone()], input);
            product(to, self.scale, View::new(&dyb, n, width).t(), View::new(x, n, input), Threads::All);
            for (i, part) in group.parts.iter().enumerate() {
                let dy = View::window(&dy[part.rows.start..], n, part.rows.len(), output);
                let to = To::add(&mut self.gradient[part.b.clone()], rank);
                product(to, self.scale, dy.t(), View::window(&xa[i * rank..], n, rank, width), Threads::All);
            }
            return;
        }
        let mut xa = vec![0.0; n * rank];
        for (i, part) in group.parts.iter().enumerate() {
            let at = group.a.start + i * rank * input..group.a.start + (i + 1) * rank * input;
            let dropped = self.dropped(layer, part.projection, x);
            let x = View::new(dropped.as_deref().unwrap_or(x), n, input);
            let a = View::new(&self.values[at.clone()], rank, input);
            let dyb = View::window(&dyb[i * rank..], n, rank, width);
            product(To::set(&mut xa, rank), 1.0, x, a.t(), Threads::All);
            product(To::add(&mut self.gradient[at], input), self.scale, dyb.t(), x, Threads::All);
            let dy = View::window(&dy[part.rows.start..], n, part.rows.len(), output);
            let to = To::add(&mut self.gradient[part.b.clone()], rank);
            product(to, self.scale, dy.t(), View::new(&xa, n, rank), Threads::All);
            if let Some(dx) = dx.as_deref_mut() {
                let mut through = vec![0.0; n * input];
                product(To::set(&mut through, input), self.scale, dyb, a, Threads::All);
                self.drop_in(layer, part.projection, &mut through);
                for (dx, through) in dx.iter_mut().zip(&through) {
                    *dx += through;
                }
            }
        }
    }
}
