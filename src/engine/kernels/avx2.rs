//! Products for processors with AVX2, FMA and F16C.
//! Those of quantised tiles have a room of their own, `avx2_quants`.

use super::avx2_quants::quants;
use super::{TILE, Tiles, Vectors, lanes};
use std::arch::x86_64::*;

const F32: u8 = 0;
const F16: u8 = 1;
const BF16: u8 = 2;

/// # Safety
/// AVX2, FMA and F16C; lengths as `Kernel::multiply` checks them.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn multiply(tiles: Tiles, count: usize, x: &Vectors, out: &mut [f32]) {
    // SAFETY: the caller's promises are handed on; kinds and pointers' types belong together.
    unsafe {
        match tiles {
            Tiles::F32(t) => floats::<F32>(t.as_ptr().cast(), (count, x.inner * TILE), x, out),
            Tiles::Apart(t, stride) => floats::<F32>(t.as_ptr().cast(), (count, stride), x, out),
            Tiles::F16(t) => floats::<F16>(t.as_ptr().cast(), (count, x.inner * TILE), x, out),
            Tiles::Bf16(t) => floats::<BF16>(t.as_ptr().cast(), (count, x.inner * TILE), x, out),
            Tiles::Q8_0(t) => quants(t, count, x, out),
            Tiles::Q4_0(t) => quants(t, count, x, out),
            Tiles::Q4_1(t) => quants(t, count, x, out),
            Tiles::Q5_0(t) => quants(t, count, x, out),
            Tiles::Q5_1(t) => quants(t, count, x, out),
            Tiles::Q4K(t) => quants(t, count, x, out),
            Tiles::Q5K(t) => quants(t, count, x, out),
            Tiles::Q6K(t) => quants(t, count, x, out),
        }
    }
}

/// Eight numbers of a tile.
///
/// # Safety
/// Eight numbers of kind `KIND` from number `at` on behind `tiles`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
unsafe fn eight<const KIND: u8>(tiles: *const u8, at: usize) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        match KIND {
            F32 => _mm256_loadu_ps(tiles.cast::<f32>().add(at)),
            F16 => _mm256_cvtph_ps(_mm_loadu_si128(tiles.cast::<u16>().add(at).cast())),
            _ => {
                let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(tiles.cast::<u16>().add(at).cast()));
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
            }
        }
    }
}

/// # Safety
/// As [`multiply`]; `tiles` points to so many whole tiles of `KIND`, each so many numbers after the one before.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn floats<const KIND: u8>(tiles: *const u8, of: (usize, usize), x: &Vectors, out: &mut [f32]) {
    let mut v = 0;
    while v < x.n {
        // SAFETY: vectors v to v + n are among those that were checked.
        unsafe {
            v += match x.n - v {
                1 => some_floats::<KIND, 4, 1>(tiles, of, x, v, out),
                2 => some_floats::<KIND, 4, 2>(tiles, of, x, v, out),
                3 => some_floats::<KIND, 3, 3>(tiles, of, x, v, out),
                4 => some_floats::<KIND, 2, 4>(tiles, of, x, v, out),
                5 => some_floats::<KIND, 2, 5>(tiles, of, x, v, out),
                _ => some_floats::<KIND, 2, 6>(tiles, of, x, v, out),
            };
        }
    }
}

/// `V` vectors from `v` on, `R` tiles at a time.
///
/// # Safety
/// As [`floats`], with `v + V ≤ x.n`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
unsafe fn some_floats<const KIND: u8, const R: usize, const V: usize>(
    tiles: *const u8,
    of: (usize, usize),
    x: &Vectors,
    v: usize,
    out: &mut [f32],
) -> usize {
    let (mut tile, count) = (0, of.0);
    // SAFETY: `tile + R ≤ count`, `v + V ≤ n`.
    unsafe {
        while tile + R <= count {
            tiles_of_floats::<KIND, R, V>(tiles, tile, of, x, v, out);
            tile += R;
        }
        while tile < count {
            tiles_of_floats::<KIND, 1, V>(tiles, tile, of, x, v, out);
            tile += 1;
        }
    }
    V
}

/// # Safety
/// As [`floats`], with `tile + R ≤ count` and `v + V ≤ x.n`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
unsafe fn tiles_of_floats<const KIND: u8, const R: usize, const V: usize>(
    tiles: *const u8,
    tile: usize,
    of: (usize, usize),
    x: &Vectors,
    v: usize,
    out: &mut [f32],
) {
    let (count, stride) = of;
    let inner = x.inner;
    let mut sums = [[_mm256_setzero_ps(); V]; R];
    // SAFETY: k < inner, so vector v + i has number k, and tile + r has eight numbers from k · 8 on; each output is
    // eight numbers within row v + i of `out`, which is `[n, count · 8]`.
    unsafe {
        let vectors: [*const f32; V] = std::array::from_fn(|i| x.floats.as_ptr().add((v + i) * inner));
        for k in 0..inner {
            let weights: [__m256; R] =
                std::array::from_fn(|r| eight::<KIND>(tiles, (tile + r) * stride + k * TILE));
            for i in 0..V {
                let one = _mm256_broadcast_ss(&*vectors[i].add(k));
                for r in 0..R {
                    sums[r][i] = _mm256_fmadd_ps(weights[r], one, sums[r][i]);
                }
            }
        }
        for r in 0..R {
            for i in 0..V {
                let at = (v + i) * count * TILE + (tile + r) * TILE;
                _mm256_storeu_ps(out.as_mut_ptr().add(at), sums[r][i]);
            }
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn quantise(floats: &[f32], numbers: &mut [i16], scales: &mut [f32], sums: &mut [f32]) {
    lanes::quantise(floats, numbers, scales, sums);
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn softmax(scores: &mut [f32]) {
    lanes::softmax(scores);
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn gated(gate: &mut [f32], up: &[f32]) {
    lanes::gated(gate, up);
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn norm(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    lanes::norm(x, weight, epsilon, out);
}
