//! Products for processors with AVX-512 and VNNI.
//! Those of quantised tiles have a room of their own, `avx512_quants`.
//!
//! Floats are multiplied from a copy in which the numbers of several tiles lie beside each other, two tiles at a time, one in each
//! half of a vector. Few vectors wait for memory in any case: those are `avx2`'s. Each output is summed in the order of its inner
//! numbers, as there, and has the same bits.

use super::avx2::{self, BF16, F16, F32, eight};
use super::avx512_quants::quants;
use super::{TILE, Tiles, Vectors};
use std::arch::x86_64::*;

/// Vectors from which on products of floats are faster than `avx2`'s. (Miri, for which all are slow, is given fewer.)
const MANY: usize = if cfg!(miri) { 3 } else { 16 };
/// Tiles that are copied at once.
const TILES: usize = 4;
/// Inner numbers of them: what stays in the first cache while all vectors are multiplied with it.
const DEEP: usize = 128;

/// # Safety
/// AVX2, FMA, F16C and AVX-512 with F, BW, DQ, VL and VNNI; lengths as `Kernel::multiply` checks them.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn multiply(tiles: Tiles, count: usize, x: &Vectors, out: &mut [f32]) {
    let beside = x.inner * TILE;
    // SAFETY: the caller's promises are handed on; kinds and pointers' types belong together.
    unsafe {
        match tiles {
            Tiles::Q8_0(t) => quants(t, count, x, out),
            Tiles::Q4_0(t) => quants(t, count, x, out),
            Tiles::Q4_1(t) => quants(t, count, x, out),
            Tiles::Q5_0(t) => quants(t, count, x, out),
            Tiles::Q5_1(t) => quants(t, count, x, out),
            Tiles::Q4K(t) => quants(t, count, x, out),
            Tiles::Q5K(t) => quants(t, count, x, out),
            Tiles::Q6K(t) => quants(t, count, x, out),
            few if x.n < MANY => avx2::multiply(few, count, x, out),
            Tiles::F32(t) => floats::<F32>(t.as_ptr().cast(), (count, beside), x, out),
            Tiles::Apart(t, stride) => floats::<F32>(t.as_ptr().cast(), (count, stride), x, out),
            Tiles::F16(t) => floats::<F16>(t.as_ptr().cast(), (count, beside), x, out),
            Tiles::HalvesApart(t, stride) => floats::<F16>(t.as_ptr().cast(), (count, stride), x, out),
            Tiles::Bf16(t) => floats::<BF16>(t.as_ptr().cast(), (count, beside), x, out),
        }
    }
}

/// Two halves of a vector.
#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
pub(super) fn both(low: __m256, high: __m256) -> __m512 {
    _mm512_insertf32x8::<1>(_mm512_castps256_ps512(low), high)
}

/// # Safety
/// As [`multiply`]; `tiles` points to so many whole tiles of `KIND`, each so many numbers after the one before.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
unsafe fn floats<const KIND: u8>(
    tiles: *const u8,
    (count, stride): (usize, usize),
    x: &Vectors,
    out: &mut [f32],
) {
    let (vectors, out) = (x.floats.as_ptr(), out.as_mut_ptr());
    let mut copy = [0.0f32; DEEP * TILES * TILE];
    for tile in (0..count).step_by(TILES) {
        let here = TILES.min(count - tile);
        for from in (0..x.inner.max(1)).step_by(DEEP) {
            let deep = DEEP.min(x.inner - from);
            // SAFETY: tiles and vectors are those that were checked; the copy has room for `deep` numbers of `TILES` tiles.
            unsafe {
                for k in 0..deep {
                    for t in 0..here {
                        let numbers = eight::<KIND>(tiles, (tile + t) * stride + (from + k) * TILE);
                        _mm256_storeu_ps(copy.as_mut_ptr().add((k * TILES + t) * TILE), numbers);
                    }
                }
                let panel = Panel {
                    copy: copy.as_ptr(),
                    tiles: here,
                    deep,
                    begun: from > 0,
                    vectors: vectors.add(from),
                    inner: x.inner,
                    out: out.add(tile * TILE),
                    across: count * TILE,
                };
                if here > 2 { panel.by_vectors::<2>(x.n) } else { panel.by_vectors::<1>(x.n) }
            }
        }
    }
}

/// Copied tiles, the vectors that they are multiplied with, and where the first output goes.
#[derive(Clone, Copy)]
struct Panel {
    /// `[deep, TILES, 8]`. What stands in the place of a tile that is not there is multiplied for nothing.
    copy: *const f32,
    tiles: usize,
    deep: usize,
    /// Whether inner numbers before these were added up already.
    begun: bool,
    vectors: *const f32,
    /// Numbers from one vector to the next.
    inner: usize,
    out: *mut f32,
    /// Outputs from one vector's to the next one's.
    across: usize,
}

impl Panel {
    /// The products of `PAIRS` pairs of tiles, the last perhaps of one, and `n` vectors.
    ///
    /// # Safety
    /// AVX-512 F and DQ; there are so many tiles, numbers, vectors and outputs.
    #[target_feature(enable = "avx2,avx512f,avx512dq")]
    #[inline]
    unsafe fn by_vectors<const PAIRS: usize>(self, n: usize) {
        let mut v = 0;
        while v < n {
            // SAFETY: vectors v to v + V are among the n.
            unsafe {
                v += match n - v {
                    1 => self.some::<PAIRS, 1>(v),
                    2 => self.some::<PAIRS, 2>(v),
                    3 => self.some::<PAIRS, 3>(v),
                    4 => self.some::<PAIRS, 4>(v),
                    5 => self.some::<PAIRS, 5>(v),
                    6 => self.some::<PAIRS, 6>(v),
                    7 => self.some::<PAIRS, 7>(v),
                    _ => self.some::<PAIRS, 8>(v),
                };
            }
        }
    }

    /// `V` vectors from `v` on.
    ///
    /// # Safety
    /// As [`Panel::by_vectors`], with `v + V ≤ n`.
    #[target_feature(enable = "avx2,avx512f,avx512dq")]
    #[inline]
    unsafe fn some<const PAIRS: usize, const V: usize>(self, v: usize) -> usize {
        // SAFETY: k < deep, so vector v + i has number k and the copy 16 numbers of each pair from there on; outputs are eight
        // numbers, within what vector v + i gives, of a tile that is there.
        unsafe {
            let vectors: [*const f32; V] = std::array::from_fn(|i| self.vectors.add((v + i) * self.inner));
            let out = |tile: usize, i: usize| self.out.add((v + i) * self.across + tile * TILE);
            let alone = |pair: usize| 2 * pair + 1 >= self.tiles;
            let mut sums = [[_mm512_setzero_ps(); V]; PAIRS];
            if self.begun {
                for p in 0..PAIRS {
                    for i in 0..V {
                        let low = _mm256_loadu_ps(out(2 * p, i));
                        let high = if alone(p) { low } else { _mm256_loadu_ps(out(2 * p + 1, i)) };
                        sums[p][i] = both(low, high);
                    }
                }
            }
            for k in 0..self.deep {
                let rows: [__m512; PAIRS] =
                    std::array::from_fn(|p| _mm512_loadu_ps(self.copy.add((k * TILES + 2 * p) * TILE)));
                for i in 0..V {
                    let one = _mm512_set1_ps(*vectors[i].add(k));
                    for p in 0..PAIRS {
                        sums[p][i] = _mm512_fmadd_ps(rows[p], one, sums[p][i]);
                    }
                }
            }
            for p in 0..PAIRS {
                for i in 0..V {
                    _mm256_storeu_ps(out(2 * p, i), _mm512_castps512_ps256(sums[p][i]));
                    if !alone(p) {
                        _mm256_storeu_ps(out(2 * p + 1, i), _mm512_extractf32x8_ps::<1>(sums[p][i]));
                    }
                }
            }
        }
        V
    }
}
