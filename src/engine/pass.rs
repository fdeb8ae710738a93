//! One pass over the weights for tokens of several rows.

use crate::adapter::{Delta, Deltas};
use crate::attention::{Attention, Run, TOGETHER};
use crate::kernels::{ABREAST, BLOCK, Kernel, Part, Pool, Quants, TILE, Vectors};
use crate::matrix::Matrix;
use crate::network::{Layer, Linear, Network};
use crate::row::Row;
use crate::scratch;
use std::ops::Range;
use std::sync::{Mutex, PoisonError, RwLock};

/// What a pass reads of one row.
#[derive(Debug)]
pub struct Reading<'a> {
    /// The row.
    pub row: &'a mut Row,
    /// Its next tokens.
    pub tokens: &'a [u32],
    /// Behind how many of the last of them logits are wanted.
    pub answers: usize,
}

/// Vectors as products take them.
#[derive(Default)]
struct Input {
    floats: Vec<f32>,
    numbers: Vec<i16>,
    scales: Vec<f32>,
    sums: Vec<f32>,
    n: usize,
    inner: usize,
}

impl Input {
    fn sized(&mut self, n: usize, inner: usize) -> &mut [f32] {
        (self.n, self.inner) = (n, inner);
        self.floats.resize(n * inner, 0.0);
        &mut self.floats
    }

    /// Makes the 16 bits that quantised matrices want, if one of these is.
    fn ready(&mut self, pool: &Pool, kernel: Kernel, of: &[&Matrix]) {
        let quantised = of.iter().any(|matrix| matrix.format().block().is_some());
        let n = if quantised { self.floats.len() } else { 0 };
        self.numbers.resize(n, 0);
        self.scales.resize(n / BLOCK, 0.0);
        self.sums.resize(n / BLOCK, 0.0);
        if !quantised {
            return;
        }
        let piece = TOGETHER * self.inner;
        let scales = self.scales.chunks_mut(piece / BLOCK).zip(self.sums.chunks_mut(piece / BLOCK));
        let numbers = self.floats.chunks(piece).zip(self.numbers.chunks_mut(piece));
        let pieces: Vec<_> = numbers.zip(scales).map(Mutex::new).collect();
        pool.each(pieces.len(), &|n| {
            let mut piece = pieces[n].lock().unwrap_or_else(PoisonError::into_inner);
            let ((floats, numbers), (scales, sums)) = &mut *piece;
            kernel.quantise(floats, numbers, scales, sums);
        });
    }

    /// Some of the vectors.
    fn some(&self, of: Range<usize>) -> Vectors<'_> {
        let floats = of.start * self.inner..of.end * self.inner;
        let blocks = of.start * (self.inner / BLOCK)..of.end * (self.inner / BLOCK);
        let quants = (!self.numbers.is_empty()).then(|| Quants {
            numbers: &self.numbers[floats.clone()],
            scales: &self.scales[blocks.clone()],
            sums: &self.sums[blocks],
        });
        Vectors { floats: &self.floats[floats], quants, n: of.len(), inner: self.inner }
    }
}

/// What an adapter's A gives for the tokens of its run.
struct Low<'a> {
    delta: &'a Delta,
    tokens: Range<usize>,
    numbers: Vec<f32>,
}

/// A product to be made: a matrix, and what the runs' adapters add to it.
struct Product<'a> {
    linear: &'a Linear,
    low: Vec<Low<'a>>,
}

impl<'a> Product<'a> {
    fn new(linear: &'a Linear) -> Self {
        Self { linear, low: Vec::new() }
    }

    /// The outputs `columns`, whole tiles but for the last, of all vectors: `[n, columns]`.
    fn some(&self, kernel: Kernel, x: &Input, columns: Range<usize>, out: &mut [f32]) {
        let tiles = columns.start / TILE..columns.end.div_ceil(TILE);
        let wide = tiles.len() * TILE;
        self.linear.weight.multiply(kernel, tiles.clone(), &x.some(0..x.n), out);
        for low in &self.low {
            let rank = low.delta.rank();
            let u = Vectors { floats: &low.numbers, quants: None, n: low.tokens.len(), inner: rank };
            scratch::with(u.n * wide, |more| {
                low.delta.b.multiply(kernel, tiles.clone(), &u, more);
                let out = &mut out[low.tokens.start * wide..low.tokens.end * wide];
                out.iter_mut().zip(more).for_each(|(out, more)| *out += *more);
            });
        }
        if let Some(bias) = &self.linear.bias {
            for out in out.chunks_exact_mut(wide) {
                out.iter_mut().zip(&bias[columns.clone()]).for_each(|(out, bias)| *out += bias);
            }
        }
    }
}

/// Numbers of outputs in whole tiles, `n` times.
fn in_tiles(columns: &Range<usize>, n: usize) -> usize {
    columns.len().next_multiple_of(TILE) * n
}

/// Everything that the steps of a pass need.
struct Pass<'a> {
    network: &'a Network,
    pool: &'a Pool,
    kernel: Kernel,
    runs: Vec<Run>,
    n: usize,
}

/// A pass for some of its tokens: their vectors and turns.
struct Narrowed<'a> {
    pass: Pass<'a>,
    x: Vec<f32>,
    turns: Vec<(f32, f32)>,
}

impl Network {
    /// Reads the next tokens of some rows, each weight once for all of them. The logits that are wanted, over the vocabulary:
    /// row by row, of each in the order of its tokens. Before every layer `go_on` is asked; if it says no, nothing was read.
    ///
    /// # Panics
    /// If a token is not in the vocabulary, a row is full or of another network, there are no tokens for one, or more logits
    /// than tokens are wanted.
    pub fn pass(
        &self,
        pool: &Pool,
        kernel: Kernel,
        readings: &mut [Reading],
        go_on: &dyn Fn() -> bool,
    ) -> Option<Vec<Vec<f32>>> {
        let mut n = 0;
        let mut runs = Vec::new();
        for reading in readings.iter() {
            let position = reading.row.tokens.len();
            assert!(!reading.tokens.is_empty(), "a row without tokens");
            assert!(reading.answers <= reading.tokens.len(), "more answers than tokens");
            assert!(position + reading.tokens.len() <= reading.row.capacity(), "a row that is full");
            assert_eq!(reading.row.depth(), self.layers.len(), "a row of another network");
            runs.push(Run { tokens: n..n + reading.tokens.len(), position });
            n += reading.tokens.len();
        }
        let pass = Pass { network: self, pool, kernel, runs, n };
        let logits = pass.run(readings, go_on)?;
        for reading in readings {
            reading.row.tokens.extend_from_slice(reading.tokens);
        }
        Some(logits)
    }
}

impl Pass<'_> {
    fn run(&self, readings: &mut [Reading], go_on: &dyn Fn() -> bool) -> Option<Vec<Vec<f32>>> {
        let (network, n) = (self.network, self.n);
        let shape = &network.shape;
        let hidden = shape.hidden;
        let mut x = vec![0.0; n * hidden];
        let tokens = readings.iter().flat_map(|r| r.tokens);
        for (token, x) in tokens.zip(x.chunks_exact_mut(hidden)) {
            network.embedding.row(*token as usize, x);
        }
        let turns = self.turns();
        let (mut input, mut fed) = (Input::default(), Input::default());
        let (last, others) = network.layers.split_last().expect("`Network::new` wants some");
        for (at, layer) in others.iter().enumerate() {
            if !go_on() {
                return None;
            }
            self.attention(at, layer, readings, &turns, &mut x, &mut input);
            self.feed_forward(at, layer, readings, &mut x, (&mut input, &mut fed));
        }
        if !go_on() {
            return None;
        }
        let at = others.len();
        // Of tokens behind which no logits are wanted, the last layer's keys and values are all that anyone will look at.
        let (passed, asked): (Vec<_>, Vec<_>) = (self.runs.iter().zip(readings.iter()))
            .map(|(Run { tokens, .. }, reading)| {
                let asked = tokens.end - reading.answers;
                (tokens.start..asked, asked..tokens.end)
            })
            .unzip();
        let early = self.narrowed(&passed, &x, &turns);
        early.pass.remember(at, last, readings, &early.turns, &early.x, &mut input);
        let Narrowed { pass, mut x, turns } = self.narrowed(&asked, &x, &turns);
        if pass.n == 0 {
            return Some(Vec::new());
        }
        pass.attention(at, last, readings, &turns, &mut x, &mut input);
        pass.feed_forward(at, last, readings, &mut x, (&mut input, &mut fed));
        Some(pass.logits(&x, &mut input))
    }

    /// The pass for some tokens of each run, with what is theirs.
    fn narrowed(&self, some: &[Range<usize>], x: &[f32], turns: &[(f32, f32)]) -> Narrowed<'_> {
        let (hidden, half) = (self.network.shape.hidden, self.network.shape.head / 2);
        let mut of =
            Narrowed { pass: Pass { runs: Vec::new(), n: 0, ..*self }, x: Vec::new(), turns: Vec::new() };
        for (run, some) in self.runs.iter().zip(some) {
            of.x.extend_from_slice(&x[some.start * hidden..some.end * hidden]);
            of.turns.extend_from_slice(&turns[some.start * half..some.end * half]);
            let position = run.position + some.start - run.tokens.start;
            of.pass.runs.push(Run { tokens: of.pass.n..of.pass.n + some.len(), position });
            of.pass.n += some.len();
        }
        of
    }

    /// Cosines and sines of the tokens' positions, a pair for each turned pair of a head.
    fn turns(&self) -> Vec<(f32, f32)> {
        let positions = self.runs.iter().flat_map(|run| (0..run.tokens.len()).map(|n| run.position + n));
        positions
            .flat_map(|position| {
                // In f32, as the models were trained with: at position 30,000 it makes a difference.
                self.network.shape.frequencies.iter().map(move |f| position as f32 * f)
            })
            .map(|angle| (angle.cos(), angle.sin()))
            .collect()
    }

    fn norm(&self, x: &[f32], weight: &[f32], out: &mut [f32]) {
        let n = weight.len();
        self.pool.parts(out, n, (TOGETHER, n), &|part| {
            for row in part.rows() {
                self.kernel.norm(&x[row * n..][..n], weight, self.network.shape.epsilon, part.row(row));
            }
        });
    }

    /// A product with what the adapters' A give for it.
    fn product<'a>(
        &self,
        linear: &'a Linear,
        input: &Input,
        readings: &'a [Reading],
        at: usize,
        of: impl Fn(&'a Deltas) -> &'a Option<Delta>,
    ) -> Product<'a> {
        let mut product = Product::new(linear);
        for (run, reading) in self.runs.iter().zip(readings) {
            let Some(delta) = reading.row.adapter.as_ref().and_then(|a| of(&a.layers[at]).as_ref()) else {
                continue;
            };
            if run.tokens.is_empty() {
                continue;
            }
            let rank = delta.rank();
            let mut numbers = vec![0.0; run.tokens.len() * rank];
            let first = run.tokens.start;
            self.pool.parts(&mut numbers, rank, (TOGETHER, rank), &|part| {
                let rows = part.rows();
                let x = input.some(first + rows.start..first + rows.end);
                scratch::with(rows.len() * rank, |u| {
                    delta.a.multiply(self.kernel, 0..delta.a.tiles(), &x, u);
                    for (row, u) in rows.zip(u.chunks_exact(rank)) {
                        part.row(row).copy_from_slice(u);
                    }
                });
            });
            product.low.push(Low { delta, tokens: run.tokens.clone(), numbers });
        }
        product
    }

    /// Columns of products side by side that a thread takes at a time: some pieces for each thread, so that a slow one does not
    /// hold all up, and small enough to stay in a processor's own memory while all vectors are multiplied with them.
    fn grain(&self, widths: &[usize], inner: usize) -> usize {
        let threads = self.pool.threads();
        let most = (128 * 1024 / inner.max(1)).max(4 * TILE);
        let even = widths.iter().sum::<usize>().div_ceil(4 * threads).min(most);
        if self.n >= TOGETHER || even >= 12 * TILE {
            // Several tiles at a time are multiplied faster.
            return even.next_multiple_of(4 * TILE);
        }
        // Of little work all threads should have as much.
        let most = even.div_ceil(ABREAST * TILE);
        let of_one_thread = |grain: usize| {
            let pieces = widths.iter().map(|width| width.div_ceil(grain)).sum::<usize>();
            pieces.div_ceil(threads) * grain
        };
        let grains = (most.div_ceil(2)..=most).rev().map(|n| n * ABREAST * TILE);
        grains.min_by_key(|grain| of_one_thread(*grain)).unwrap_or(ABREAST * TILE)
    }

    fn attention(
        &self,
        at: usize,
        layer: &Layer,
        readings: &mut [Reading],
        turns: &[(f32, f32)],
        x: &mut [f32],
        input: &mut Input,
    ) {
        let (shape, n) = (&self.network.shape, self.n);
        let (wide, _) = shape.widths();
        self.norm(x, &layer.input_norm, input.sized(n, shape.hidden));
        let products = [&layer.queries, &layer.keys, &layer.values];
        input.ready(self.pool, self.kernel, &products.map(|linear| &linear.weight));
        let width = products.iter().map(|linear| linear.weight.rows()).sum();
        let group = shape.heads / shape.key_heads * shape.head;
        scratch::with(n * width, |all| {
            {
                let q = self.product(&layer.queries, input, readings, at, |d| &d.queries);
                let k = self.product(&layer.keys, input, readings, at, |d| &d.keys);
                let v = self.product(&layer.values, input, readings, at, |d| &d.values);
                self.beside(all, width, input, &[&q, &k, &v]);
            }
            let attention = self.over(at, layer, readings, turns, (all, width));
            // Where each run has one token, whoever needs a head's keys is the only one.
            let alone = self.runs.iter().all(|run| run.tokens.len() == 1);
            if !alone {
                self.pool.each(attention.heads.len(), &|head| attention.keep(head));
            }
            let tall = if alone { 1 } else { TOGETHER };
            self.pool.parts(input.sized(n, wide), wide, (tall, group), &|part| {
                if alone {
                    attention.keep(part.rows().start * shape.key_heads + part.columns().start / group);
                }
                attention.attend(part);
            });
        });
        input.ready(self.pool, self.kernel, &[&layer.output.weight]);
        let output = self.product(&layer.output, input, readings, at, |d| &d.output);
        self.add(x, shape.hidden, input, &output);
    }

    /// Keys and values alone.
    fn remember(
        &self,
        at: usize,
        layer: &Layer,
        readings: &mut [Reading],
        turns: &[(f32, f32)],
        x: &[f32],
        input: &mut Input,
    ) {
        if self.n == 0 {
            return;
        }
        self.norm(x, &layer.input_norm, input.sized(self.n, self.network.shape.hidden));
        input.ready(self.pool, self.kernel, &[&layer.keys.weight, &layer.values.weight]);
        let width = layer.keys.weight.rows() + layer.values.weight.rows();
        scratch::with(self.n * width, |all| {
            {
                let k = self.product(&layer.keys, input, readings, at, |d| &d.keys);
                let v = self.product(&layer.values, input, readings, at, |d| &d.values);
                self.beside(all, width, input, &[&k, &v]);
            }
            let attention = self.over(at, layer, readings, turns, (all, width));
            self.pool.each(attention.heads.len(), &|head| attention.keep(head));
        });
    }

    /// A layer's attention over what the products gave, `[n, width]`.
    fn over<'a>(
        &'a self,
        at: usize,
        layer: &'a Layer,
        readings: &'a mut [Reading],
        turns: &'a [(f32, f32)],
        (all, width): (&'a [f32], usize),
    ) -> Attention<'a> {
        let shape = &self.network.shape;
        let heads = readings.iter_mut().flat_map(|reading| reading.row.heads(shape, at));
        Attention {
            kernel: self.kernel,
            shape,
            runs: &self.runs,
            heads: heads.map(RwLock::new).collect(),
            all,
            width,
            turns,
            norms: layer.head_norms.as_ref(),
        }
    }

    fn feed_forward(
        &self,
        at: usize,
        layer: &Layer,
        readings: &[Reading],
        x: &mut [f32],
        (input, fed): (&mut Input, &mut Input),
    ) {
        let (shape, n, kernel) = (&self.network.shape, self.n, self.kernel);
        self.norm(x, &layer.feed_norm, input.sized(n, shape.hidden));
        input.ready(self.pool, kernel, &[&layer.gate.weight, &layer.up.weight]);
        let inner = shape.feed_forward;
        {
            let gate = self.product(&layer.gate, input, readings, at, |d| &d.gate);
            let up = self.product(&layer.up, input, readings, at, |d| &d.up);
            let input = &*input;
            self.pool.columns(fed.sized(n, inner), inner, self.grain(&[inner], shape.hidden), &|part| {
                let columns = part.columns();
                let all = in_tiles(&columns, n);
                scratch::with(2 * all, |both| {
                    let (a, b) = both.split_at_mut(all);
                    gate.some(kernel, input, columns.clone(), a);
                    up.some(kernel, input, columns, b);
                    kernel.gated(a, b);
                    each_row(part, n, a, |out, a| out.copy_from_slice(a));
                });
            });
        }
        fed.ready(self.pool, kernel, &[&layer.down.weight]);
        let down = self.product(&layer.down, fed, readings, at, |d| &d.down);
        self.add(x, shape.hidden, fed, &down);
    }

    /// Products of the same vectors side by side, `[n, width]`, their widths together, shared out at once.
    fn beside(&self, out: &mut [f32], width: usize, input: &Input, products: &[&Product]) {
        let widths: Vec<usize> = products.iter().map(|product| product.linear.weight.rows()).collect();
        let grain = self.grain(&widths, input.inner);
        // Pieces end where a product does, since its tiles start at its own first column.
        let (mut pieces, mut ranges, mut from) = (Vec::new(), Vec::new(), 0);
        for (product, own) in products.iter().zip(widths) {
            for start in (0..own).step_by(grain) {
                let end = (start + grain).min(own);
                pieces.push((*product, start..end));
                ranges.push(from + start..from + end);
            }
            from += own;
        }
        self.pool.ranges(out, width, &ranges, &|piece, part| {
            let (product, columns) = &pieces[piece];
            scratch::with(in_tiles(columns, self.n), |a| {
                product.some(self.kernel, input, columns.clone(), a);
                each_row(part, self.n, a, |out, a| out.copy_from_slice(a));
            });
        });
    }

    /// `out += product`, `[n, width]`.
    fn add(&self, out: &mut [f32], width: usize, input: &Input, product: &Product) {
        self.pool.columns(out, width, self.grain(&[width], input.inner), &|part| {
            scratch::with(in_tiles(&part.columns(), self.n), |a| {
                product.some(self.kernel, input, part.columns(), a);
                each_row(part, self.n, a, |out, a| out.iter_mut().zip(a).for_each(|(out, a)| *out += a));
            });
        });
    }

    /// The logits of all tokens.
    fn logits(&self, x: &[f32], input: &mut Input) -> Vec<Vec<f32>> {
        let (network, n) = (self.network, self.n);
        let hidden = network.shape.hidden;
        self.norm(x, &network.norm, input.sized(n, hidden));
        input.ready(self.pool, self.kernel, &[&network.head]);
        let width = network.shape.vocabulary;
        let mut logits = vec![0.0; n * width];
        let input = &*input;
        self.pool.columns(&mut logits, width, self.grain(&[width], hidden), &|part| {
            let columns = part.columns();
            let tiles = columns.start / TILE..columns.end.div_ceil(TILE);
            scratch::with(in_tiles(&columns, n), |a| {
                network.head.multiply(self.kernel, tiles, &input.some(0..n), a);
                each_row(part, n, a, |out, a| out.copy_from_slice(a));
            });
        });
        logits.chunks_exact(width).map(<[f32]>::to_vec).collect()
    }
}

/// Hands each of a part's `n` rows over with its own of `tiles`, `[n, whole tiles]`, as many as the part has columns.
fn each_row(part: &mut Part, n: usize, tiles: &[f32], mut to: impl FnMut(&mut [f32], &[f32])) {
    let wide = tiles.len() / n;
    let columns = part.columns().len();
    for (row, tiles) in tiles.chunks_exact(wide).enumerate() {
        to(part.row(row), &tiles[..columns]);
    }
}
