//! Whole passes against a reference in f64 that reads one token after the other.

use crate::kernels::{Kernel, Pool};
use crate::*;
use std::sync::Arc;

/// Numbers that look drawn, and are the same every time.
pub(crate) struct Drawn(u64);

impl Drawn {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 24) as f32 * 2.0 - 1.0
    }

    pub(crate) fn some(&mut self, n: usize, by: f32) -> Vec<f32> {
        (0..n).map(|_| self.next() * by).collect()
    }

    fn byte(&mut self) -> u8 {
        (self.next() * 128.0 + 128.0) as u8
    }
}

/// A file's bytes of `n` numbers in a format with blocks: any bits that there can be, some blocks of nothing but noughts or
/// ones, but for the scales, which make the numbers about as large as `by`.
pub(crate) fn file_of(format: Format, n: usize, by: f32, drawn: &mut Drawn) -> Vec<u8> {
    let (of_one, size) = format.block().expect("blocks");
    let mut bytes: Vec<u8> = (0..n / of_one * size).map(|_| drawn.byte()).collect();
    for block in bytes.chunks_exact_mut(size) {
        let scale = (1.0 + drawn.next() / 2.0) * if drawn.byte().is_multiple_of(8) { -by } else { by };
        match drawn.byte() {
            0..16 => block.fill(0),
            16..32 => block.fill(0xff),
            _ => {}
        }
        let mut put =
            |at: usize, x: f32| block[at..at + 2].copy_from_slice(&crate::kernels::half(x).to_le_bytes());
        match format {
            Format::Q8_0 => put(0, scale / 128.0),
            Format::Q4_0 => put(0, scale / 8.0),
            Format::Q5_0 => put(0, scale / 16.0),
            Format::Q4_1 => [(0, scale / 8.0), (2, -scale)].into_iter().for_each(|(at, x)| put(at, x)),
            Format::Q5_1 => [(0, scale / 16.0), (2, -scale)].into_iter().for_each(|(at, x)| put(at, x)),
            Format::Q4K => [(0, scale / 256.0), (2, scale / 32.0)].into_iter().for_each(|(at, x)| put(at, x)),
            Format::Q5K => [(0, scale / 512.0), (2, scale / 32.0)].into_iter().for_each(|(at, x)| put(at, x)),
            Format::Q6K => put(208, scale / 2048.0),
            Format::F32 | Format::F16 | Format::Bf16 => unreachable!("no blocks"),
        }
    }
    bytes
}

/// A matrix of drawn numbers, about as large as `by`.
pub(crate) fn matrix_of(format: Format, rows: usize, inner: usize, by: f32, drawn: &mut Drawn) -> Matrix {
    match format.block() {
        None => Matrix::pack(&drawn.some(rows * inner, by), rows, inner, format),
        Some(_) => {
            Matrix::read(&file_of(format, rows * inner, by, drawn), rows, inner, format).expect("whole")
        }
    }
}

/// As small as the format allows.
fn shape(head: usize, beside: bool, format: Format) -> Shape {
    let large = format.block().is_some_and(|(of_one, _)| of_one == 256);
    let frequencies = (0..head / 2).map(|i| 10_000f32.powf(-2.0 * i as f32 / head as f32)).collect();
    Shape {
        vocabulary: 50,
        hidden: if large { 256 } else { 64 },
        feed_forward: if large { 256 } else { 96 },
        heads: 4,
        key_heads: 2,
        head,
        epsilon: 1e-5,
        scale: 1.0 / (head as f32).sqrt(),
        frequencies,
        beside,
    }
}

fn network(shape: &Shape, format: Format, more: bool, seed: u64) -> Network {
    let mut drawn = Drawn::new(seed);
    let (queries, keys) = shape.widths();
    let (hidden, inner) = (shape.hidden, shape.feed_forward);
    let mut linear = |rows: usize, inner: usize, biased: bool| {
        let format = if Matrix::suits(inner, format) { format } else { Format::F32 };
        let weight = matrix_of(format, rows, inner, 2.0 / (inner as f32).sqrt(), &mut drawn);
        Linear { weight, bias: biased.then(|| drawn.some(rows, 0.5)) }
    };
    let layers = (0..3)
        .map(|n| Layer {
            input_norm: vec![1.0 + n as f32 / 10.0; hidden],
            queries: linear(queries, hidden, more),
            keys: linear(keys, hidden, more),
            values: linear(keys, hidden, more),
            head_norms: more.then(|| (vec![1.1; shape.head], vec![0.9; shape.head])),
            output: linear(hidden, queries, false),
            feed_norm: vec![0.8; hidden],
            gate: linear(inner, hidden, false),
            up: linear(inner, hidden, false),
            down: linear(hidden, inner, false),
        })
        .collect();
    let embedding = Arc::new(linear(shape.vocabulary, hidden, false).weight);
    Network::new(shape.clone(), Arc::clone(&embedding), layers, vec![1.0; hidden], embedding).expect("fits")
}

fn adapter(network: &Network, rank: usize, seed: u64) -> Arc<Adapter> {
    let mut drawn = Drawn::new(seed);
    let mut delta = |of: &Linear| {
        let (rows, inner) = (of.weight.rows(), of.weight.inner());
        Some(Delta::new(&drawn.some(rank * inner, 0.2), &drawn.some(rows * rank, 0.3), rank, 1.5, false))
    };
    let layers = network
        .layers
        .iter()
        .map(|layer| Deltas {
            queries: delta(&layer.queries),
            keys: None,
            values: delta(&layer.values),
            output: delta(&layer.output),
            gate: delta(&layer.gate),
            up: None,
            down: delta(&layer.down),
        })
        .collect();
    Arc::new(Adapter::new(layers, network).expect("fits"))
}

/// The same in f64, as it stands in the papers, one position after the other.
fn reference(network: &Network, adapter: Option<&Adapter>, tokens: &[u32]) -> Vec<f64> {
    let s = &network.shape;
    let wide = |m: &Matrix| -> Vec<Vec<f64>> {
        (0..m.rows())
            .map(|r| {
                let mut row = vec![0.0; m.inner()];
                m.row(r, &mut row);
                row.into_iter().map(f64::from).collect()
            })
            .collect()
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let plain = |m: &Matrix, x: &[f64]| wide(m).iter().map(|row| dot(row, x)).collect::<Vec<f64>>();
    let linear = |l: &Linear, d: Option<&Delta>, x: &[f64]| {
        let mut y = plain(&l.weight, x);
        if let Some(d) = d {
            let mut u = plain(&d.a, x);
            u.resize(d.b.inner(), 0.0);
            y.iter_mut().zip(plain(&d.b, &u)).for_each(|(y, more)| *y += more);
        }
        if let Some(bias) = &l.bias {
            y.iter_mut().zip(bias).for_each(|(y, b)| *y += f64::from(*b));
        }
        y
    };
    let norm = |x: &[f64], w: &[f32]| {
        let root = (dot(x, x) / x.len() as f64 + f64::from(s.epsilon)).sqrt();
        x.iter().zip(w).map(|(x, w)| x / root * f64::from(*w)).collect::<Vec<f64>>()
    };
    let turn = |x: &mut [f64], position: usize, w: Option<&Vec<f32>>| {
        for head in x.chunks_exact_mut(s.head) {
            if let Some(w) = w {
                head.copy_from_slice(&norm(head, w));
            }
            for (i, f) in s.frequencies.iter().enumerate() {
                let (sine, cosine) = (position as f64 * f64::from(*f)).sin_cos();
                let (a, b) = if s.beside { (2 * i, 2 * i + 1) } else { (i, s.head / 2 + i) };
                (head[a], head[b]) = (head[a] * cosine - head[b] * sine, head[b] * cosine + head[a] * sine);
            }
        }
    };
    let mut caches: Vec<Vec<(Vec<f64>, Vec<f64>)>> = network.layers.iter().map(|_| Vec::new()).collect();
    let mut logits = Vec::new();
    let embedding = wide(&network.embedding);
    for (position, token) in tokens.iter().enumerate() {
        let mut x = embedding[*token as usize].clone();
        for (n, (layer, cache)) in network.layers.iter().zip(&mut caches).enumerate() {
            let none = Deltas::default();
            let d = adapter.map_or(&none, |a| &a.layers[n]);
            let h = norm(&x, &layer.input_norm);
            let mut q = linear(&layer.queries, d.queries.as_ref(), &h);
            let mut k = linear(&layer.keys, d.keys.as_ref(), &h);
            let (q_norm, k_norm) =
                layer.head_norms.as_ref().map_or((None, None), |(q, k)| (Some(q), Some(k)));
            turn(&mut q, position, q_norm);
            turn(&mut k, position, k_norm);
            cache.push((k, linear(&layer.values, d.values.as_ref(), &h)));
            let mut mixed = Vec::new();
            for (head, q) in q.chunks_exact(s.head).enumerate() {
                let of =
                    head / (s.heads / s.key_heads) * s.head..(head / (s.heads / s.key_heads) + 1) * s.head;
                let powers: Vec<f64> =
                    cache.iter().map(|(k, _)| (dot(q, &k[of.clone()]) * f64::from(s.scale)).exp()).collect();
                let sum: f64 = powers.iter().sum();
                for i in of.clone() {
                    mixed.push(cache.iter().zip(&powers).map(|((_, v), p)| v[i] * p / sum).sum());
                }
            }
            let more = linear(&layer.output, d.output.as_ref(), &mixed);
            x.iter_mut().zip(more).for_each(|(x, more)| *x += more);
            let h = norm(&x, &layer.feed_norm);
            let gate = linear(&layer.gate, d.gate.as_ref(), &h);
            let up = linear(&layer.up, d.up.as_ref(), &h);
            let fed: Vec<f64> = gate.iter().zip(up).map(|(g, up)| g / (1.0 + (-g).exp()) * up).collect();
            let more = linear(&layer.down, d.down.as_ref(), &fed);
            x.iter_mut().zip(more).for_each(|(x, more)| *x += more);
        }
        logits = plain(&network.head, &norm(&x, &network.norm));
    }
    logits
}

fn read(network: &Network, kernel: Kernel, pool: &Pool, row: &mut Row, tokens: &[u32]) -> Vec<f32> {
    let mut reading = [Reading { row, tokens, answers: 1 }];
    network.pass(pool, kernel, &mut reading, &|| true).expect("nobody stops it").remove(0)
}

fn tokens(n: usize) -> Vec<u32> {
    (0..n as u32).map(|i| i * 17 % 50).collect()
}

fn kernels() -> [Kernel; 2] {
    [Kernel::plain(), Kernel::best()]
}

#[test]
fn logits_are_those_of_the_papers_for_every_format_and_make() {
    let pool = Pool::new(2);
    for kernel in kernels() {
        for (head, beside, more) in [(16, false, false), (12, true, true), (32, false, true)] {
            for format in Format::ALL {
                // The reference takes its time.
                let large = format.block().is_some_and(|(of_one, _)| of_one > 32);
                let tokens = tokens(if cfg!(miri) {
                    2
                } else if large {
                    4
                } else {
                    11
                });
                // Of rounded weights, keys and values are in half precision too.
                let slack = if format.block().is_some() { 2e-3 } else { 2e-5 };
                let network = network(&shape(head, beside, format), format, more, 7);
                for adapter in [None, Some(adapter(&network, 5, 3))] {
                    let expected = reference(&network, adapter.as_deref(), &tokens);
                    let got = read(&network, kernel, &pool, &mut Row::new(&network, adapter, 40), &tokens);
                    let off =
                        got.iter().zip(&expected).fold(0f64, |a, (x, y)| a.max((f64::from(*x) - y).abs()));
                    let top = expected.iter().fold(1f64, |a, y| a.max(y.abs()));
                    assert!(
                        off < slack * top,
                        "{format} with heads of {head}, {}: off by {off} of {top}",
                        kernel.name()
                    );
                }
            }
        }
    }
}

#[test]
fn a_row_reads_the_same_bits_alone_beside_another_in_pieces_and_on_any_threads() {
    for kernel in kernels() {
        for format in [Format::F32, Format::Q8_0, Format::Q5_0, Format::Q4K, Format::Q6K] {
            let network = network(&shape(16, false, format), format, false, 11);
            let adapter = adapter(&network, 8, 5);
            let large = format.block().is_some_and(|(of_one, _)| of_one > 32);
            let tokens = tokens(if cfg!(miri) {
                5
            } else if large {
                18
            } else {
                37
            });
            let alone = read(&network, kernel, &Pool::new(1), &mut Row::new(&network, None, 64), &tokens);
            let tuned = read(
                &network,
                kernel,
                &Pool::new(1),
                &mut Row::new(&network, Some(Arc::clone(&adapter)), 64),
                &tokens,
            );
            assert_ne!(alone, tuned);
            let all = tokens.len();
            for threads in if large { 2..=2 } else { 1..=3 } {
                let pool = Pool::new(threads);
                for piece in [1, 2, 7, 16] {
                    let mut base = Row::new(&network, None, 64);
                    let mut other = Row::new(&network, Some(Arc::clone(&adapter)), 80);
                    let mut logits = Vec::new();
                    for (n, tokens) in tokens.chunks(piece).enumerate() {
                        // Behind all but the last of them nobody looks, or only behind one row's.
                        let last = (n + 1) * piece >= all;
                        let mut readings = [
                            Reading { row: &mut base, tokens, answers: usize::from(last) },
                            Reading { row: &mut other, tokens, answers: usize::from(last || n % 2 == 1) },
                        ];
                        logits =
                            network.pass(&pool, kernel, &mut readings, &|| true).expect("nobody stops it");
                    }
                    assert_eq!(
                        logits,
                        [alone.clone(), tuned.clone()],
                        "{format}, {threads} threads, by {piece}"
                    );
                }
            }
        }
    }
}

#[test]
fn logits_behind_two_tokens_of_one_row_are_its_own_where_nobody_looks_behind_the_others() {
    let network = network(&shape(16, false, Format::Q8_0), Format::Q8_0, false, 11);
    let (pool, kernel, tokens) = (Pool::new(2), Kernel::best(), tokens(5));
    let expected =
        [3, 4].map(|n| read(&network, kernel, &pool, &mut Row::new(&network, None, 64), &tokens[..n]));
    let (mut first, mut second) = (Row::new(&network, None, 64), Row::new(&network, None, 64));
    read(&network, kernel, &pool, &mut first, &tokens[..2]);
    read(&network, kernel, &pool, &mut second, &tokens[..4]);
    let mut readings = [
        Reading { row: &mut first, tokens: &tokens[2..4], answers: 2 },
        Reading { row: &mut second, tokens: &tokens[4..], answers: 0 },
    ];
    let logits = network.pass(&pool, kernel, &mut readings, &|| true).expect("nobody stops it");
    assert_eq!(logits, expected);
    let after = read(&network, kernel, &pool, &mut first, &tokens[4..]);
    let fresh = read(&network, kernel, &pool, &mut Row::new(&network, None, 64), &tokens);
    assert_eq!(after, fresh);
}

#[test]
fn a_row_with_more_room_has_read_what_it_had() {
    // Keys and values as they are, and in half precision; heads that are no whole tiles.
    for format in [Format::F32, Format::Q8_0] {
        let network = network(&shape(12, false, format), format, false, 11);
        let (pool, kernel) = (Pool::new(2), Kernel::best());
        let tokens = tokens(40);
        let fresh = read(&network, kernel, &pool, &mut Row::new(&network, None, 64), &tokens);
        let mut row = Row::new(&network, None, 16);
        read(&network, kernel, &pool, &mut row, &tokens[..13]);
        for n in [13, 9] {
            let mut wide = row.widened(&network, 41, n);
            assert_eq!(wide.tokens(), &tokens[..n]);
            assert_eq!(read(&network, kernel, &pool, &mut wide, &tokens[n..]), fresh, "{format} {n}");
        }
    }
}

#[test]
fn what_is_kept_of_a_row_is_as_if_nothing_else_had_been_read() {
    let network = network(&shape(16, false, Format::Q8_0), Format::Q8_0, false, 11);
    let (pool, kernel) = (Pool::new(2), Kernel::best());
    let tokens = tokens(20);
    let fresh = read(&network, kernel, &pool, &mut Row::new(&network, None, 64), &tokens);
    let mut row = Row::new(&network, None, 64);
    read(&network, kernel, &pool, &mut row, &tokens[..12]);
    read(&network, kernel, &pool, &mut row, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]);
    assert_eq!((row.shared(&tokens), row.tokens().len()), (12, 29));
    row.keep(12);
    assert_eq!(read(&network, kernel, &pool, &mut row, &tokens[12..]), fresh);
}

#[test]
fn a_pass_that_is_stopped_has_read_nothing() {
    let network = network(&shape(16, false, Format::F32), Format::F32, false, 11);
    let (pool, kernel) = (Pool::new(2), Kernel::best());
    let tokens = tokens(9);
    let mut row = Row::new(&network, None, 64);
    let asked = std::cell::Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() < 3
    };
    let mut reading = [Reading { row: &mut row, tokens: &tokens, answers: 1 }];
    assert!(network.pass(&pool, kernel, &mut reading, &stop).is_none());
    assert!(row.tokens().is_empty());
    let fresh = read(&network, kernel, &pool, &mut Row::new(&network, None, 64), &tokens);
    assert_eq!(read(&network, kernel, &pool, &mut row, &tokens), fresh);
}

#[test]
fn what_does_not_fit_is_named() {
    let shape = shape(16, false, Format::F32);
    let fits = network(&shape, Format::F32, false, 1);
    let Network { embedding, mut layers, norm, head, .. } = fits;
    layers[1].down = Matrix::pack(&[0.0; 64 * 32], 64, 32, Format::F32).into();
    let told = Network::new(shape, embedding, layers, norm, head).expect_err("does not fit");
    assert_eq!(told, "layer 1's down is [64, 32], not [64, 96]");
}
