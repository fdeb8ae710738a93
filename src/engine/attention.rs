//! Attention of some tokens over the keys and values of their rows.
//!
//! Keys and values lie as the kernels take matrices, so scores and mixtures are products like any other; the queries of a
//! group, which share keys, are vectors of one product.

use crate::kernels::{Kernel, Part, TILE, Vectors};
use crate::network::Shape;
use crate::row::Head;
use crate::scratch;
use std::ops::Range;
use std::sync::{PoisonError, RwLock};

/// Tokens of one row in a pass, which stand beside each other.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Which tokens of the pass.
    pub(crate) tokens: Range<usize>,
    /// Where in the row the first of them stands.
    pub(crate) position: usize,
}

/// Tokens whose queries are multiplied at once: a multiple of what the kernels take together would be no better, since
/// each brings the queries of a whole group.
pub(crate) const TOGETHER: usize = 24;

/// The attention of one layer.
pub(crate) struct Attention<'a> {
    pub(crate) kernel: Kernel,
    pub(crate) shape: &'a Shape,
    pub(crate) runs: &'a [Run],
    /// The rows' heads, run by run. Each is written to by one thread, and read by others when that is done.
    pub(crate) heads: Vec<RwLock<Head<'a>>>,
    /// Queries, perhaps none, keys and values of every token, as products give them, `[tokens, width]`.
    pub(crate) all: &'a [f32],
    pub(crate) width: usize,
    /// Cosines and sines of the tokens' positions, a pair for each turned pair of a head.
    pub(crate) turns: &'a [(f32, f32)],
    /// What norms of queries' heads and of keys' multiply with, where there are such.
    pub(crate) norms: Option<&'a (Vec<f32>, Vec<f32>)>,
}

impl Attention<'_> {
    /// Turns keys of a run's tokens by their positions, and puts them and the values into one of the heads, by its number among
    /// those of all runs.
    pub(crate) fn keep(&self, n: usize) {
        let (shape, head) = (self.shape, self.shape.head);
        let (_, keys) = shape.widths();
        let run = &self.runs[n / shape.key_heads];
        let from = n % shape.key_heads * head;
        let mut of_head = self.heads[n].write().unwrap_or_else(PoisonError::into_inner);
        scratch::with(head, |key| {
            for (n, token) in run.tokens.clone().enumerate() {
                let of_token = &self.all[token * self.width..][..self.width];
                let (others, values) = of_token.split_at(self.width - keys);
                key.copy_from_slice(&others[others.len() - keys + from..][..head]);
                self.turn(key, token, self.norms.map(|(_, keys)| keys), 1.0);
                of_head.put(run.position + n, key, &values[from..][..head]);
            }
        });
    }

    /// Fills a part of what the heads give, `[tokens, heads · head]`, from those that were kept. The part's columns are those of
    /// one head of keys or several.
    pub(crate) fn attend(&self, part: &mut Part) {
        let (rows, columns) = (part.rows(), part.columns());
        let wide = self.shape.heads / self.shape.key_heads * self.shape.head;
        for key_head in columns.start / wide..columns.end / wide {
            for (n, run) in self.runs.iter().enumerate() {
                let tokens = run.tokens.start.max(rows.start)..run.tokens.end.min(rows.end);
                if !tokens.is_empty() {
                    self.attend_one(n, key_head, tokens, part);
                }
            }
        }
    }

    fn attend_one(&self, run: usize, key_head: usize, tokens: Range<usize>, part: &mut Part) {
        let (shape, kernel) = (self.shape, self.kernel);
        let (head, group) = (shape.head, shape.heads / shape.key_heads);
        let wide = head.next_multiple_of(TILE);
        let of_head =
            self.heads[run * shape.key_heads + key_head].read().unwrap_or_else(PoisonError::into_inner);
        let run = &self.runs[run];
        let position = |token: usize| run.position + token - run.tokens.start;
        let n = tokens.len() * group;
        let past = position(tokens.end - 1) + 1;
        let padded = past.next_multiple_of(TILE);
        scratch::with(n * (head + padded + wide), |room| {
            let (queries, room) = room.split_at_mut(n * head);
            let (scores, mixed) = room.split_at_mut(n * padded);
            // Queries of the group, token by token.
            for (queries, token) in queries.chunks_exact_mut(group * head).zip(tokens.clone()) {
                let from = token * self.width + key_head * group * head;
                queries.copy_from_slice(&self.all[from..from + group * head]);
                self.turn(queries, token, self.norms.map(|(queries, _)| queries), shape.scale);
            }
            let keys = of_head.keys(padded, head);
            kernel.multiply(keys, &Vectors { floats: queries, quants: None, n, inner: head }, scores);
            for (i, scores) in scores.chunks_exact_mut(padded).enumerate() {
                // Nobody looks ahead: what stands there gets no share.
                let (seen, ahead) = scores.split_at_mut(position(tokens.start + i / group) + 1);
                kernel.softmax(seen);
                ahead.fill(0.0);
            }
            let values = of_head.values();
            kernel.multiply(values, &Vectors { floats: scores, quants: None, n, inner: padded }, mixed);
            let start = part.columns().start;
            for (token, mixed) in tokens.zip(mixed.chunks_exact(group * wide)) {
                let out = &mut part.row(token)[key_head * group * head - start..][..group * head];
                for (out, mixed) in out.chunks_exact_mut(head).zip(mixed.chunks_exact(wide)) {
                    out.copy_from_slice(&mixed[..head]);
                }
            }
        });
    }

    /// Heads of a token, normed where they are, turned by its position, and scaled.
    fn turn(&self, heads: &mut [f32], token: usize, norm: Option<&Vec<f32>>, scale: f32) {
        let (head, half) = (self.shape.head, self.shape.head / 2);
        let turns = &self.turns[token * half..][..half];
        let turned = |x: &mut f32, y: &mut f32, (cosine, sine): (f32, f32)| {
            (*x, *y) = ((*x * cosine - *y * sine) * scale, (*y * cosine + *x * sine) * scale);
        };
        for of_one in heads.chunks_exact_mut(head) {
            if let Some(weight) = norm {
                scratch::with(head, |normed| {
                    self.kernel.norm(of_one, weight, self.shape.epsilon, normed);
                    of_one.copy_from_slice(normed);
                });
            }
            if self.shape.beside {
                for (pair, turn) in of_one.as_chunks_mut::<2>().0.iter_mut().zip(turns) {
                    let [x, y] = pair;
                    turned(x, y, *turn);
                }
            } else {
                let (first, second) = of_one.split_at_mut(half);
                first.iter_mut().zip(second).zip(turns).for_each(|((x, y), turn)| turned(x, y, *turn));
            }
        }
    }
}
