//! Attention of some tokens over the keys and values of their rows.
//!
//! Keys and values lie as the kernels take matrices, so scores and mixtures are products like any other; the queries of a
//! group, which share keys, are vectors of one product.

use crate::kernels::{Kernel, Part, TILE, Vectors};
use crate::network::Shape;
use crate::row::Row;
use crate::scratch;
use std::ops::Range;

/// Tokens of one row that stand beside each other in a pass.
pub(crate) struct Stretch<'a> {
    pub(crate) row: &'a Row,
    pub(crate) layer: usize,
    /// Which tokens of the pass.
    pub(crate) tokens: Range<usize>,
    /// Where in the row the first of them stands.
    pub(crate) position: usize,
}

/// Tokens whose queries are multiplied at once: a multiple of what the kernels take together would be no better, since
/// each brings the queries of a whole group.
pub(crate) const TOGETHER: usize = 24;

/// Fills a part of what the heads give, `[tokens, heads · head]`, from the queries of the same shape, turned and scaled.
/// The part's columns are those of one head of keys or several.
pub(crate) fn attend(kernel: Kernel, shape: &Shape, stretches: &[Stretch], queries: &[f32], part: &mut Part) {
    let (rows, columns) = (part.rows(), part.columns());
    let group = shape.heads / shape.key_heads;
    let wide = group * shape.head;
    for key_head in columns.start / wide..columns.end / wide {
        for stretch in stretches {
            let tokens = stretch.tokens.start.max(rows.start)..stretch.tokens.end.min(rows.end);
            if !tokens.is_empty() {
                attend_one(kernel, shape, stretch, key_head, tokens, queries, part);
            }
        }
    }
}

fn attend_one(
    kernel: Kernel,
    shape: &Shape,
    stretch: &Stretch,
    key_head: usize,
    tokens: Range<usize>,
    queries: &[f32],
    part: &mut Part,
) {
    let (head, group) = (shape.head, shape.heads / shape.key_heads);
    let (width, wide) = (shape.heads * head, head.next_multiple_of(TILE));
    let position = |token: usize| stretch.position + token - stretch.tokens.start;
    let n = tokens.len() * group;
    let past = position(tokens.end - 1) + 1;
    let padded = past.next_multiple_of(TILE);
    scratch::with(n * (head + padded + wide), |room| {
        let (of_head, room) = room.split_at_mut(n * head);
        let (scores, mixed) = room.split_at_mut(n * padded);
        // Queries of the group, token by token.
        for (of_head, t) in of_head.chunks_exact_mut(group * head).zip(tokens.clone()) {
            of_head.copy_from_slice(&queries[t * width + key_head * group * head..][..group * head]);
        }
        let keys = stretch.row.keys(shape, stretch.layer, key_head, padded);
        kernel.multiply(keys, &Vectors { floats: of_head, quants: None, n, inner: head }, scores);
        for (i, scores) in scores.chunks_exact_mut(padded).enumerate() {
            // Nobody looks ahead: what stands there gets no share.
            let (seen, ahead) = scores.split_at_mut(position(tokens.start + i / group) + 1);
            kernel.softmax(seen);
            ahead.fill(0.0);
        }
        let values = stretch.row.values(shape, stretch.layer, key_head);
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
