//! Products in plain Rust: what runs where there is no AVX2, and what the other ways are held against.

use super::{BLOCK, Q4, Q8, Quants, TILE, Tiles, Vectors};
use half::{bf16, f16};

pub(super) fn multiply(tiles: Tiles, count: usize, x: &Vectors, out: &mut [f32]) {
    match tiles {
        Tiles::F32(t) => floats(t, x.inner * TILE, |w| w, count, x, out),
        Tiles::Apart(t, stride) => floats(t, stride, |w| w, count, x, out),
        Tiles::F16(t) => floats(t, x.inner * TILE, |w| f16::from_bits(w).to_f32(), count, x, out),
        Tiles::Bf16(t) => floats(t, x.inner * TILE, |w| bf16::from_bits(w).to_f32(), count, x, out),
        Tiles::Q8(t) => blocks(t, q8, count, x, out),
        Tiles::Q4(t) => blocks(t, q4, count, x, out),
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

/// What a block adds to the rows' sums, of a vector's numbers, their scale and their sum.
type Added<B> = fn(&B, &[i16], (f32, f32), &mut [f32; TILE]);

fn q8(block: &Q8, numbers: &[i16], (scale, _): (f32, f32), sums: &mut [f32; TILE]) {
    let mut whole = [0i32; TILE];
    for (w, x) in block.numbers.chunks_exact(2 * TILE).zip(numbers.chunks_exact(2)) {
        for r in 0..TILE {
            whole[r] += i32::from(w[2 * r]) * i32::from(x[0]) + i32::from(w[2 * r + 1]) * i32::from(x[1]);
        }
    }
    for r in 0..TILE {
        sums[r] += whole[r] as f32 * (f16::from_bits(block.scales[r]).to_f32() * scale);
    }
}

fn q4(block: &Q4, numbers: &[i16], (scale, sum): (f32, f32), sums: &mut [f32; TILE]) {
    let mut whole = [0i32; TILE];
    let (low, high) = numbers.split_at(BLOCK / 2);
    for ((w, low), high) in
        block.numbers.chunks_exact(2 * TILE).zip(low.chunks_exact(2)).zip(high.chunks_exact(2))
    {
        for r in 0..TILE {
            for i in 0..2 {
                let byte = i32::from(w[2 * r + i]);
                whole[r] += (byte & 15) * i32::from(low[i]) + (byte >> 4) * i32::from(high[i]);
            }
        }
    }
    for r in 0..TILE {
        sums[r] += whole[r] as f32 * (f16::from_bits(block.scales[r]).to_f32() * scale);
        sums[r] += f16::from_bits(block.least[r]).to_f32() * sum;
    }
}

fn blocks<B>(tiles: &[B], add: Added<B>, count: usize, x: &Vectors, out: &mut [f32]) {
    let q: &Quants = x.quants.as_ref().expect("quantised tiles with vectors that are not");
    let blocks = x.inner / BLOCK;
    for (v, out) in out.chunks_exact_mut((count * TILE).max(1)).enumerate() {
        let numbers = &q.numbers[v * x.inner..][..x.inner];
        let scales = q.scales[v * blocks..][..blocks].iter().zip(&q.sums[v * blocks..]);
        for (tile, out) in tiles.chunks_exact(blocks).zip(out.chunks_exact_mut(TILE)) {
            let mut rows = [0.0f32; TILE];
            for ((block, numbers), (scale, sum)) in
                tile.iter().zip(numbers.chunks_exact(BLOCK)).zip(scales.clone())
            {
                add(block, numbers, (*scale, *sum), &mut rows);
            }
            out.copy_from_slice(&rows);
        }
    }
}
