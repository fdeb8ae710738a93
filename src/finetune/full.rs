//! Training every weight: the base's tensors moved into one vector that the passes read and the optimiser changes.

use super::kernels::rms_norm_weight_back;
use super::model::{Norm, Tuning};
use super::product::{Threads, To, View, product};
use super::shape::Shape;
use super::trained::{Slot, Trained};
use super::weights::{FourOf, Fused, Weights};
use std::ops::Range;

/// All weights of a model, with their gradients.
#[derive(Debug)]
pub(super) struct Full {
    shape: Shape,
    values: Vec<f32>,
    gradient: Vec<f32>,
    places: Places,
}

/// Where everything lies in the values.
#[derive(Debug)]
struct Places {
    /// [vocabulary, hidden].
    embedding: Range<usize>,
    /// [vocabulary, hidden]; `None` where it is the embedding.
    head: Option<Range<usize>>,
    /// [hidden].
    norm: Range<usize>,
    blocks: Vec<BlockPlaces>,
}

#[derive(Debug)]
struct BlockPlaces {
    fused: FourOf<Range<usize>>,
    attention_norm: Range<usize>,
    feed_norm: Range<usize>,
}

impl Full {
    /// Takes the weights over: what is left in `weights` are empty tensors, so that only one copy is in memory.
    pub fn new(shape: &Shape, weights: &mut Weights) -> Self {
        let mut values = Vec::with_capacity(weights.count());
        let mut take = |tensor: &mut Vec<f32>| {
            let start = values.len();
            values.append(tensor);
            tensor.shrink_to_fit();
            start..values.len()
        };
        let embedding = take(&mut weights.embedding);
        let head = weights.head.as_mut().map(&mut take);
        let norm = take(&mut weights.norm);
        let blocks = weights.blocks.iter_mut().map(|block| BlockPlaces {
            fused: Fused::ALL.map(|fused| take(&mut block.fused[fused as usize])),
            attention_norm: take(&mut block.attention_norm),
            feed_norm: take(&mut block.feed_norm),
        });
        let places = Places { embedding, head, norm, blocks: blocks.collect() };
        Self { shape: shape.clone(), gradient: vec![0.0; values.len()], values, places }
    }

    /// Whether the output projection is the embedding.
    pub fn tied(&self) -> bool {
        self.places.head.is_none()
    }

    fn place(&self, norm: Norm) -> Range<usize> {
        match norm {
            Norm::Attention(n) => self.places.blocks[n].attention_norm.clone(),
            Norm::Feed(n) => self.places.blocks[n].feed_norm.clone(),
            Norm::Last => self.places.norm.clone(),
        }
    }
}

impl Trained for Full {
    fn values(&self) -> &[f32] {
        &self.values
    }

    fn both(&mut self) -> (&mut [f32], &mut [f32]) {
        (&mut self.values, &mut self.gradient)
    }

    /// In Hugging Face's names.
    fn slots(&self) -> Vec<Slot> {
        let Shape { vocabulary, hidden, .. } = self.shape;
        let slot = |name: &str, range: &Range<usize>, dims: Vec<usize>| Slot {
            name: name.to_owned(),
            range: range.clone(),
            dims,
        };
        let mut slots = vec![
            slot("model.embed_tokens.weight", &self.places.embedding, vec![vocabulary, hidden]),
            slot("model.norm.weight", &self.places.norm, vec![hidden]),
        ];
        slots.extend(self.places.head.iter().map(|r| slot("lm_head.weight", r, vec![vocabulary, hidden])));
        for (n, block) in self.places.blocks.iter().enumerate() {
            let stem = format!("model.layers.{n}");
            slots.push(slot(&format!("{stem}.input_layernorm.weight"), &block.attention_norm, vec![hidden]));
            slots.push(slot(
                &format!("{stem}.post_attention_layernorm.weight"),
                &block.feed_norm,
                vec![hidden],
            ));
            for (fused, place) in Fused::ALL.iter().zip(&block.fused) {
                let input = fused.input(&self.shape);
                for part in fused.parts() {
                    let rows = fused.rows(*part, &self.shape);
                    let range = place.start + rows.start * input..place.start + rows.end * input;
                    let name = format!("{stem}.{}.weight", part.path());
                    slots.push(slot(&name, &range, vec![rows.len(), input]));
                }
            }
        }
        slots
    }
}

impl Tuning for Full {
    fn weight(&self, layer: usize, fused: Fused) -> Option<&[f32]> {
        Some(&self.values[self.places.blocks[layer].fused[fused as usize].clone()])
    }

    fn norm_weight(&self, norm: Norm) -> Option<&[f32]> {
        Some(&self.values[self.place(norm)])
    }

    fn embedding_weight(&self) -> Option<&[f32]> {
        Some(&self.values[self.places.embedding.clone()])
    }

    fn head_weight(&self) -> Option<&[f32]> {
        Some(&self.values[self.places.head.clone().unwrap_or(self.places.embedding.clone())])
    }

    fn backward(&mut self, layer: usize, fused: Fused, x: &[f32], dy: &[f32], _dx: Option<&mut [f32]>) {
        let (input, output) = (fused.input(&self.shape), fused.output(&self.shape));
        let n = x.len() / input;
        let to = &mut self.gradient[self.places.blocks[layer].fused[fused as usize].clone()];
        product(To::add(to, input), 1.0, View::new(dy, n, output).t(), View::new(x, n, input), Threads::All);
    }

    fn norm(&mut self, norm: Norm, x: &[f32], inverse: &[f32], dy: &[f32]) {
        let place = self.place(norm);
        rms_norm_weight_back(x, inverse, dy, &mut self.gradient[place]);
    }

    fn head(&mut self, x: &[f32], dlogits: &[f32]) {
        let Shape { vocabulary, hidden, .. } = self.shape;
        let n = x.len() / hidden;
        let place = self.places.head.clone().unwrap_or(self.places.embedding.clone());
        let to = To::add(&mut self.gradient[place], hidden);
        product(to, 1.0, View::new(dlogits, n, vocabulary).t(), View::new(x, n, hidden), Threads::All);
    }

    fn wants_embedding(&self) -> bool {
        true
    }

    fn embedding(&mut self, tokens: &[u32], dx: &[f32]) {
        let hidden = self.shape.hidden;
        let to = &mut self.gradient[self.places.embedding.clone()];
        for (token, dx) in tokens.iter().zip(dx.chunks_exact(hidden)) {
            for (to, dx) in to[*token as usize * hidden..][..hidden].iter_mut().zip(dx) {
                *to += dx;
            }
        }
    }
}
