//! Products in plain Rust: what runs where there is no AVX2, and what the other ways are held against.

use super::tiles::{GROUPS, one_by_one};
use super::{BLOCK, Block, Quants, TILE, Tiles, Vectors};
use half::{bf16, f16};

pub(super) fn multiply(tiles: Tiles, count: usize, x: &Vectors, out: &mut [f32]) {
    match tiles {
        Tiles::F32(t) => floats(t, x.inner * TILE, |w| w, count, x, out),
        Tiles::Apart(t, stride) => floats(t, stride, |w| w, count, x, out),
        Tiles::F16(t) => floats(t, x.inner * TILE, |w| f16::from_bits(w).to_f32(), count, x, out),
        Tiles::HalvesApart(t, stride) => floats(t, stride, |w| f16::from_bits(w).to_f32(), count, x, out),
        Tiles::Bf16(t) => floats(t, x.inner * TILE, |w| bf16::from_bits(w).to_f32(), count, x, out),
        Tiles::Q8_0(t) => blocks(t, count, x, out),
        Tiles::Q4_0(t) => blocks(t, count, x, out),
        Tiles::Q4_1(t) => blocks(t, count, x, out),
        Tiles::Q5_0(t) => blocks(t, count, x, out),
        Tiles::Q5_1(t) => blocks(t, count, x, out),
        Tiles::Q4K(t) => blocks(t, count, x, out),
        Tiles::Q5K(t) => blocks(t, count, x, out),
        Tiles::Q6K(t) => blocks(t, count, x, out),
    }
}

fn floats<W: Copy>(
    tiles: &[W],
    stride: usize,
    wide: impl Fn(W) -> f32,
    count: usize,
    x: &Vectors,
    out: &mut [f32],
) {
    let inner = x.inner;
    for (v, out) in out.chunks_exact_mut((count * TILE).max(1)).enumerate() {
        let vector = &x.floats[v * inner..][..inner];
        for (tile, out) in tiles.chunks_exact(stride).zip(out.chunks_exact_mut(TILE)) {
            let mut sums = [0.0f32; TILE];
            for (w, x) in tile.chunks_exact(TILE).zip(vector) {
                for r in 0..TILE {
                    sums[r] += wide(w[r]) * x;
                }
            }
            out.copy_from_slice(&sums);
        }
    }
}

fn blocks<B: Block>(tiles: &[B], count: usize, x: &Vectors, out: &mut [f32]) {
    let q: &Quants = x.quants.as_ref().expect("quantised tiles with vectors that are not");
    let blocks = x.inner / BLOCK;
    for (v, out) in out.chunks_exact_mut((count * TILE).max(1)).enumerate() {
        let numbers = &q.numbers[v * x.inner..][..x.inner];
        let (scales, sums) = (&q.scales[v * blocks..][..blocks], &q.sums[v * blocks..][..blocks]);
        for (tile, out) in one_by_one(tiles, blocks / B::BLOCKS).zip(out.chunks_exact_mut(TILE)) {
            let mut rows = [0.0f32; TILE];
            let of_tile = tile.flat_map(|block| (0..B::BLOCKS).map(move |b| (block, b)));
            for (at, (block, b)) in of_tile.enumerate() {
                let of = (&numbers[at * BLOCK..][..BLOCK], scales[at], sums[at]);
                add(block, b, of, &mut rows);
            }
            out.copy_from_slice(&rows);
        }
    }
}

/// What the 32s `b` of a block add to the rows' sums, of a vector's numbers, their scale and their sum.
fn add<B: Block>(block: &B, b: usize, (numbers, scale, sum): (&[i16], f32, f32), rows: &mut [f32; TILE]) {
    let groups = GROUPS / B::SCALES;
    for half in 0..B::SCALES {
        let mut whole = [0i32; TILE];
        for group in half * groups..(half + 1) * groups {
            let pairs = block.group(b, group);
            for (w, x) in pairs.iter().zip(numbers[group * 8..][..8].chunks_exact(2)) {
                for r in 0..TILE {
                    whole[r] +=
                        i32::from(w[2 * r]) * i32::from(x[0]) + i32::from(w[2 * r + 1]) * i32::from(x[1]);
                }
            }
        }
        let scales = block.scales(b, half);
        for r in 0..TILE {
            rows[r] += whole[r] as f32 * (scales[r] * scale);
        }
    }
    if let Some(least) = block.least(b) {
        for r in 0..TILE {
            rows[r] += least[r] * sum;
        }
    }
}
