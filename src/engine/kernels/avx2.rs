//! Products for processors with AVX2, FMA and F16C.
//! Those of quantised tiles have a room of their own, `avx2_quants`.

use super::avx2_quants::quants;
use super::{Activations, TILE, Tiles, Vectors, lanes};
use std::arch::x86_64::*;
use std::ops::Range;

pub(super) const F32: u8 = 0;
pub(super) const F16: u8 = 1;
pub(super) const BF16: u8 = 2;

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
            Tiles::HalvesApart(t, stride) => floats::<F16>(t.as_ptr().cast(), (count, stride), x, out),
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
pub(super) unsafe fn eight<const KIND: u8>(tiles: *const u8, at: usize) -> __m256 {
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

/// Inner numbers of two tiles that stay in the first cache while all vectors are multiplied with them.
const DEEP: usize = 256;
/// Vectors from which on that is worth it.
const MANY: usize = 7;

/// # Safety
/// As [`multiply`]; `tiles` points to so many whole tiles of `KIND`, each so many numbers after the one before.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn floats<const KIND: u8>(
    tiles: *const u8,
    (count, stride): (usize, usize),
    x: &Vectors,
    out: &mut [f32],
) {
    let (vectors, out) = (x.floats.as_ptr(), out.as_mut_ptr());
    let all = Panel { tiles, stride, vectors, out, inner: x.inner, across: count * TILE };
    // SAFETY: tiles and vectors are those that were checked; a panel of `wide` has what it needs of two tiles.
    unsafe {
        if x.n < MANY {
            all.tiles_by_vectors::<KIND>(count, x.n, 0..x.inner);
            return;
        }
        let mut wide = [0.0f32; 2 * DEEP * TILE];
        for tile in (0..count).step_by(2) {
            let two = 2.min(count - tile);
            for from in (0..x.inner.max(1)).step_by(DEEP) {
                let deep = DEEP.min(x.inner - from);
                let mut panel = Panel { out: out.add(tile * TILE), vectors: vectors.add(from), ..all };
                if KIND == F32 {
                    panel.tiles = tiles.cast::<f32>().add(tile * stride + from * TILE).cast();
                } else {
                    for t in 0..two {
                        for k in 0..deep {
                            let numbers = eight::<KIND>(tiles, (tile + t) * stride + (from + k) * TILE);
                            _mm256_storeu_ps(wide.as_mut_ptr().add((t * DEEP + k) * TILE), numbers);
                        }
                    }
                    (panel.tiles, panel.stride) = (wide.as_ptr().cast(), DEEP * TILE);
                }
                panel.tiles_by_vectors::<F32>(two, x.n, from..from + deep);
            }
        }
    }
}

/// Some tiles and vectors from the first of which on products are formed, and where the first output goes.
#[derive(Clone, Copy)]
struct Panel {
    tiles: *const u8,
    /// Numbers from one tile to the next.
    stride: usize,
    vectors: *const f32,
    /// Numbers from one vector to the next.
    inner: usize,
    out: *mut f32,
    /// Outputs from one vector's to the next one's.
    across: usize,
}

impl Panel {
    /// The products of `count` tiles and `n` vectors, over inner numbers `some`, of which all before were added up already.
    ///
    /// # Safety
    /// AVX2, FMA and F16C; there are so many tiles, vectors and outputs.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    unsafe fn tiles_by_vectors<const KIND: u8>(self, count: usize, n: usize, some: Range<usize>) {
        let mut v = 0;
        while v < n {
            // SAFETY: vectors v to v + V are among the n.
            unsafe {
                v += match n - v {
                    1 => self.some::<KIND, 8, 1>(count, v, &some),
                    2 => self.some::<KIND, 4, 2>(count, v, &some),
                    3 => self.some::<KIND, 3, 3>(count, v, &some),
                    // Two fours are faster than a six and a two.
                    4 | 8 => self.some::<KIND, 2, 4>(count, v, &some),
                    5 => self.some::<KIND, 2, 5>(count, v, &some),
                    _ => self.some::<KIND, 2, 6>(count, v, &some),
                };
            }
        }
    }

    /// `V` vectors from `v` on, `R` tiles at a time.
    ///
    /// # Safety
    /// As [`Panel::tiles_by_vectors`], with `v + V ≤ n`.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    unsafe fn some<const KIND: u8, const R: usize, const V: usize>(
        self,
        count: usize,
        v: usize,
        some: &Range<usize>,
    ) -> usize {
        let mut tile = 0;
        // SAFETY: `tile + R ≤ count`, `v + V ≤ n`.
        unsafe {
            while tile + R <= count {
                self.product::<KIND, R, V>(tile, v, some);
                tile += R;
            }
            if R > 4 && tile + 4 <= count {
                self.product::<KIND, 4, V>(tile, v, some);
                tile += 4;
            }
            if R > 2 && tile + 2 <= count {
                self.product::<KIND, 2, V>(tile, v, some);
                tile += 2;
            }
            while tile < count {
                self.product::<KIND, 1, V>(tile, v, some);
                tile += 1;
            }
        }
        V
    }

    /// # Safety
    /// As [`Panel::tiles_by_vectors`], with `tile + R ≤ count` and `v + V ≤ n`.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    unsafe fn product<const KIND: u8, const R: usize, const V: usize>(
        self,
        tile: usize,
        v: usize,
        some: &Range<usize>,
    ) {
        // SAFETY: k < inner, so vector v + i has number k, and tile + r has eight numbers from k · 8 on; each output is
        // eight numbers within what vector v + i gives.
        unsafe {
            let vectors: [*const f32; V] = std::array::from_fn(|i| self.vectors.add((v + i) * self.inner));
            let out = |r: usize, i: usize| self.out.add((v + i) * self.across + (tile + r) * TILE);
            let mut sums = [[_mm256_setzero_ps(); V]; R];
            if some.start > 0 {
                sums = std::array::from_fn(|r| std::array::from_fn(|i| _mm256_loadu_ps(out(r, i))));
            }
            let mut step = |k: usize| {
                let weights: [__m256; R] =
                    std::array::from_fn(|r| eight::<KIND>(self.tiles, (tile + r) * self.stride + k * TILE));
                for i in 0..V {
                    let one = _mm256_broadcast_ss(&*vectors[i].add(k));
                    for r in 0..R {
                        sums[r][i] = _mm256_fmadd_ps(weights[r], one, sums[r][i]);
                    }
                }
            };
            let (deep, mut k) = (some.len(), 0);
            // Beside the sums of eight tiles there are no registers left for four steps at once.
            while R < 8 && k + 4 <= deep {
                step(k);
                step(k + 1);
                step(k + 2);
                step(k + 3);
                k += 4;
            }
            while k < deep {
                step(k);
                k += 1;
            }
            for r in 0..R {
                for i in 0..V {
                    _mm256_storeu_ps(out(r, i), sums[r][i]);
                }
            }
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn quantise(
    to: Activations,
    floats: &[f32],
    numbers: &mut [i16],
    scales: &mut [f32],
    sums: &mut [f32],
) {
    lanes::quantise(to, floats, numbers, scales, sums);
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
