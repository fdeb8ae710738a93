//! Causal grouped-query attention over packed sequences, forward and backward.
//!
//! The query heads of one key-value head stand as neighbouring rows of one matrix, so that keys and values are
//! never repeated and their gradients sum by themselves. Queries go in blocks of positions, and a block sees only the
//! keys up to its end: about half of the square is never computed. Every (sequence, key-value head) is a task of its
//! own, on one thread.

use super::kernels::{rotate, rotate_back, softmax, softmax_rows_back};
use super::product::{Threads, To, View, product};
use super::shape::Shape;
use rayon::prelude::*;
use std::ops::Range;

/// Positions of queries in a block: larger wastes more of the triangle, smaller makes smaller products.
const BLOCK: usize = 64;

/// The turning of each position: cos and sin of position × frequency, [window, head / 2] each.
#[derive(Debug)]
pub(super) struct Rotary {
    cos: Vec<f32>,
    sin: Vec<f32>,
    half: usize,
}

impl Rotary {
    pub fn new(shape: &Shape, positions: usize) -> Self {
        let angles: Vec<f64> =
            (0..positions).flat_map(|p| shape.frequencies.iter().map(move |f| p as f64 * f)).collect();
        Self {
            cos: angles.iter().map(|a| a.cos() as f32).collect(),
            sin: angles.iter().map(|a| a.sin() as f32).collect(),
            half: shape.frequencies.len(),
        }
    }

    fn at(&self, position: usize) -> (&[f32], &[f32]) {
        let range = position * self.half..(position + 1) * self.half;
        (&self.cos[range.clone()], &self.sin[range])
    }
}

/// One sequence among the packed rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// Its rows among all rows.
    pub rows: Range<usize>,
    /// From which of its positions on queries are wanted (0 for all).
    pub from: usize,
}

impl Span {
    /// How many queries it has.
    pub fn queries(&self) -> usize {
        self.rows.len() - self.from
    }
}

/// What the backward needs of one key-value head of one sequence.
#[derive(Debug)]
pub(super) struct Saved {
    /// [queries × group, head], turned.
    q: Vec<f32>,
    /// [positions, head], turned.
    k: Vec<f32>,
    /// [positions, head].
    v: Vec<f32>,
    /// The softmax, block after block, each [block × group, positions up to the block's end].
    p: Vec<f32>,
    /// [queries × group, head].
    o: Vec<f32>,
}

/// A block of queries: its rows within `q` (as positions from `from` on), the keys that it sees, and where its softmax lies.
struct Part {
    queries: Range<usize>,
    keys: usize,
    p: Range<usize>,
}

fn parts(span: &Span, group: usize) -> Vec<Part> {
    let mut at = 0;
    (0..span.queries())
        .step_by(BLOCK)
        .map(|start| {
            let end = (start + BLOCK).min(span.queries());
            let keys = span.from + end;
            let p = at..at + (end - start) * group * keys;
            at = p.end;
            Part { queries: start..end, keys, p }
        })
        .collect()
}

/// The sizes that every task needs.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    group: usize,
    head: usize,
    /// Columns of q | k | v.
    qkv: usize,
    /// Column where the keys start, and the values.
    k: usize,
    v: usize,
    /// Columns of all query heads.
    all: usize,
    scale: f32,
}

impl Sizes {
    fn of(shape: &Shape) -> Self {
        let all = shape.heads * shape.head;
        Self {
            group: shape.heads / shape.kv_heads,
            head: shape.head,
            qkv: shape.qkv(),
            k: all,
            v: all + shape.kv_heads * shape.head,
            all,
            scale: shape.scale,
        }
    }
}

/// softmax(q kᵀ / √head, causal) v for each head. `qkv`: [rows, q | k | v], before turning. Returns [queries of all
/// spans, heads × head], and what the backward needs, one for each span and key-value head.
pub(super) fn attend(shape: &Shape, rotary: &Rotary, spans: &[Span], qkv: &[f32]) -> (Vec<f32>, Vec<Saved>) {
    let sizes = Sizes::of(shape);
    let tasks = tasks(shape, spans);
    let threads = threads(tasks.len());
    let saved: Vec<Saved> = tasks
        .par_iter()
        .map(|(span, kv)| forward(&sizes, rotary, &spans[*span], *kv, qkv, threads))
        .collect();
    let mut out = vec![0.0; spans.iter().map(Span::queries).sum::<usize>() * sizes.all];
    let group = sizes.group * sizes.head;
    rows_of(&mut out, spans, sizes.all).into_par_iter().enumerate().for_each(|(s, rows)| {
        for (i, row) in rows.chunks_exact_mut(sizes.all).enumerate() {
            for (kv, to) in row.chunks_exact_mut(group).enumerate() {
                to.copy_from_slice(&saved[s * shape.kv_heads + kv].o[i * group..(i + 1) * group]);
            }
        }
    });
    (out, saved)
}

/// The gradient of [`attend`]'s `qkv` from that of its result.
pub(super) fn attend_back(
    shape: &Shape,
    rotary: &Rotary,
    spans: &[Span],
    saved: &[Saved],
    dout: &[f32],
) -> Vec<f32> {
    let sizes = Sizes::of(shape);
    let tasks = tasks(shape, spans);
    let threads = threads(tasks.len());
    let starts: Vec<usize> = spans
        .iter()
        .scan(0, |at, s| {
            let start = *at;
            *at += s.queries();
            Some(start)
        })
        .collect();
    let gradients: Vec<Gradient> = tasks
        .par_iter()
        .zip(saved)
        .map(|((s, kv), saved)| {
            let dout = &dout[starts[*s] * sizes.all..(starts[*s] + spans[*s].queries()) * sizes.all];
            backward(&sizes, rotary, &spans[*s], *kv, saved, dout, threads)
        })
        .collect();
    let rows: usize = spans.iter().map(|s| s.rows.len()).sum();
    let mut dqkv = vec![0.0; rows * sizes.qkv];
    let whole: Vec<Span> = spans.iter().map(|s| Span { rows: s.rows.clone(), from: 0 }).collect();
    rows_of(&mut dqkv, &whole, sizes.qkv).into_par_iter().enumerate().for_each(|(s, to)| {
        for (position, row) in to.chunks_exact_mut(sizes.qkv).enumerate() {
            for kv in 0..shape.kv_heads {
                let g = &gradients[s * shape.kv_heads + kv];
                if let Some(i) = position.checked_sub(spans[s].from) {
                    let group = sizes.group * sizes.head;
                    row[kv * group..(kv + 1) * group].copy_from_slice(&g.q[i * group..(i + 1) * group]);
                }
                let from = position * sizes.head..(position + 1) * sizes.head;
                let at = kv * sizes.head;
                row[sizes.k + at..sizes.k + at + sizes.head].copy_from_slice(&g.k[from.clone()]);
                row[sizes.v + at..sizes.v + at + sizes.head].copy_from_slice(&g.v[from]);
            }
        }
    });
    dqkv
}

fn tasks(shape: &Shape, spans: &[Span]) -> Vec<(usize, usize)> {
    (0..spans.len()).flat_map(|s| (0..shape.kv_heads).map(move |kv| (s, kv))).collect()
}

/// Few heads on many cores: let the products within a task spread too.
fn threads(tasks: usize) -> Threads {
    if tasks < rayon::current_num_threads() { Threads::All } else { Threads::One }
}

/// The rows of each span, as slices that can be written side by side.
fn rows_of<'a>(mut all: &'a mut [f32], spans: &[Span], width: usize) -> Vec<&'a mut [f32]> {
    spans
        .iter()
        .map(|span| {
            let (rows, rest) = std::mem::take(&mut all).split_at_mut(span.queries() * width);
            all = rest;
            rows
        })
        .collect()
}

fn forward(sizes: &Sizes, rotary: &Rotary, span: &Span, kv: usize, qkv: &[f32], threads: Threads) -> Saved {
    let Sizes { group, head, .. } = *sizes;
    let positions = span.rows.len();
    let mut q = vec![0.0; span.queries() * group * head];
    let mut k = vec![0.0; positions * head];
    let mut v = vec![0.0; positions * head];
    for position in 0..positions {
        let row = &qkv[(span.rows.start + position) * sizes.qkv..][..sizes.qkv];
        let (cos, sin) = rotary.at(position);
        let here = position * head..(position + 1) * head;
        rotate(&row[sizes.k + kv * head..][..head], cos, sin, &mut k[here.clone()]);
        v[here].copy_from_slice(&row[sizes.v + kv * head..][..head]);
        if let Some(i) = position.checked_sub(span.from) {
            let from = row[kv * group * head..][..group * head].chunks_exact(head);
            for (from, to) in from.zip(q[i * group * head..][..group * head].chunks_exact_mut(head)) {
                rotate(from, cos, sin, to);
            }
        }
    }
    let parts = parts(span, group);
    let mut p = vec![0.0; parts.last().map_or(0, |p| p.p.end)];
    let mut o = vec![0.0; q.len()];
    for part in &parts {
        let rows = part.queries.len() * group;
        let at = part.queries.start * group * head..part.queries.end * group * head;
        let p = &mut p[part.p.clone()];
        let keys = View::new(&k[..part.keys * head], part.keys, head);
        product(To::set(p, part.keys), sizes.scale, View::new(&q[at.clone()], rows, head), keys.t(), threads);
        for (r, row) in p.chunks_exact_mut(part.keys).enumerate() {
            let sees = span.from + part.queries.start + r / group + 1;
            softmax(&mut row[..sees]);
            row[sees..].fill(0.0);
        }
        let values = View::new(&v[..part.keys * head], part.keys, head);
        product(To::set(&mut o[at], head), 1.0, View::new(p, rows, part.keys), values, threads);
    }
    Saved { q, k, v, p, o }
}

/// Gradients of q, k and v as they were before turning, laid out as in [`Saved`].
struct Gradient {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
}

/// With s = q kᵀ / √d, p = softmax(s), o = p v: dv = pᵀ do, dp = do vᵀ, ds = p ∘ (dp − rowsum(do ∘ o)),
/// dq = ds k / √d, dk = dsᵀ q / √d.
fn backward(
    sizes: &Sizes,
    rotary: &Rotary,
    span: &Span,
    kv: usize,
    saved: &Saved,
    dout: &[f32],
    threads: Threads,
) -> Gradient {
    let Sizes { group, head, .. } = *sizes;
    let positions = span.rows.len();
    let wide = group * head;
    let mut dout_here = vec![0.0; saved.o.len()];
    for (to, from) in dout_here.chunks_exact_mut(wide).zip(dout.chunks_exact(sizes.all)) {
        to.copy_from_slice(&from[kv * wide..(kv + 1) * wide]);
    }
    let mut dq = vec![0.0; saved.q.len()];
    let mut dk = vec![0.0; positions * head];
    let mut dv = vec![0.0; positions * head];
    let mut ds = Vec::new();
    for part in parts(span, group) {
        let rows = part.queries.len() * group;
        let at = part.queries.start * wide..part.queries.end * wide;
        let seen = ..part.keys * head;
        let p = &saved.p[part.p];
        let d_o = View::new(&dout_here[at.clone()], rows, head);
        product(To::add(&mut dv[seen], head), 1.0, View::new(p, rows, part.keys).t(), d_o, threads);
        ds.resize(rows * part.keys, 0.0);
        product(
            To::set(&mut ds, part.keys),
            1.0,
            d_o,
            View::new(&saved.v[seen], part.keys, head).t(),
            threads,
        );
        softmax_rows_back(p, part.keys, &saved.o[at.clone()], &dout_here[at.clone()], head, &mut ds);
        let ds = View::new(&ds, rows, part.keys);
        let keys = View::new(&saved.k[seen], part.keys, head);
        product(To::set(&mut dq[at.clone()], head), sizes.scale, ds, keys, threads);
        product(
            To::add(&mut dk[seen], head),
            sizes.scale,
            ds.t(),
            View::new(&saved.q[at], rows, head),
            threads,
        );
    }
    let mut turned = vec![0.0; head];
    for position in 0..positions {
        let (cos, sin) = rotary.at(position);
        let mut back = |x: &mut [f32]| {
            rotate_back(x, cos, sin, &mut turned);
            x.copy_from_slice(&turned);
        };
        back(&mut dk[position * head..(position + 1) * head]);
        if let Some(i) = position.checked_sub(span.from) {
            dq[i * wide..(i + 1) * wide].chunks_exact_mut(head).for_each(back);
        }
    }
    Gradient { q: dq, k: dk, v: dv }
}
