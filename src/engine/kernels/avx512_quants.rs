//! Products of quantised tiles for processors with AVX-512 and VNNI: two at a time, one in each half of a vector.
//!
//! Blocks are widened as `avx2_quants` does it; a pair of numbers of sixteen rows is then multiplied and added in one
//! instruction (`vpdpwssd`) with a pair of a vector's that comes from memory as its operand. Whole numbers are summed exactly
//! and the rest in the order of `avx2_quants`, so each output has the same bits.

use super::avx2_quants::Wide;
use super::avx512::both as both_floats;
use super::tiles::GROUPS;
use super::{BLOCK, TILE, Vectors};
use std::arch::x86_64::*;

/// Two halves of a vector.
#[target_feature(enable = "avx512f")]
#[inline]
fn both(low: __m256i, high: __m256i) -> __m512i {
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

/// Two numbers of a vector, as often as there are rows.
///
/// # Safety
/// AVX-512 F; two numbers behind the pointer.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn two(numbers: *const i16) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe { _mm512_set1_epi32(numbers.cast::<i32>().read_unaligned()) }
}

/// Of each pair of words the two products, added to a sum: `vpdpwssd`, and under Miri, which has not got it, what Intel's
/// manual says it does.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn plus_products(sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
    if cfg!(miri) { _mm512_add_epi32(sums, _mm512_madd_epi16(a, b)) } else { _mm512_dpwssd_epi32(sums, a, b) }
}

/// # Safety
/// AVX2, FMA, F16C and AVX-512 with F, BW, DQ and VNNI; lengths as `Kernel::multiply` checks them.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vnni")]
pub(super) unsafe fn quants<B: Wide>(tiles: &[B], count: usize, x: &Vectors, out: &mut [f32]) {
    let mut v = 0;
    while v < x.n {
        // SAFETY: vectors v to v + n are among those that were checked.
        unsafe {
            v += match x.n - v {
                1 => some::<B, 1>(tiles, count, x, v, out),
                2 => some::<B, 2>(tiles, count, x, v, out),
                3 => some::<B, 3>(tiles, count, x, v, out),
                4 => some::<B, 4>(tiles, count, x, v, out),
                5 => some::<B, 5>(tiles, count, x, v, out),
                6 => some::<B, 6>(tiles, count, x, v, out),
                7 => some::<B, 7>(tiles, count, x, v, out),
                _ => some::<B, 8>(tiles, count, x, v, out),
            };
        }
    }
}

/// `V` vectors from `v` on.
///
/// # Safety
/// As [`quants`], with `v + V ≤ x.n`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vnni")]
#[inline]
unsafe fn some<B: Wide, const V: usize>(
    tiles: &[B],
    count: usize,
    x: &Vectors,
    v: usize,
    out: &mut [f32],
) -> usize {
    let q = x.quants.expect("quantised tiles with vectors that are not");
    let (inner, blocks) = (x.inner, x.inner / BLOCK);
    let of_one = blocks / B::BLOCKS;
    // SAFETY: v + i < n and b · B::BLOCKS + c < inner / 32, so every number, scale and sum read is one of vector v + i; outputs
    // are eight numbers of a tile within row v + i of `out`, which is `[n, count · 8]`.
    unsafe {
        let numbers: [*const i16; V] = std::array::from_fn(|i| q.numbers.as_ptr().add((v + i) * inner));
        let scales: [*const f32; V] = std::array::from_fn(|i| q.scales.as_ptr().add((v + i) * blocks));
        let of_blocks: [*const f32; V] = std::array::from_fn(|i| q.sums.as_ptr().add((v + i) * blocks));
        for (pair, both_tiles) in tiles.chunks(2 * of_one).enumerate() {
            // The last tile of an odd number is beside itself, and one of the two results is left.
            let (low, high) = both_tiles.split_at(of_one);
            let alone = high.is_empty();
            let high = if alone { low } else { high };
            let mut sums = [_mm512_setzero_ps(); V];
            for (b, (low, high)) in low.iter().zip(high).enumerate() {
                for c in 0..B::BLOCKS {
                    let at = b * B::BLOCKS + c;
                    let groups = GROUPS / B::SCALES;
                    for half in 0..B::SCALES {
                        let mut whole = [_mm512_setzero_si512(); V];
                        for group in half * groups..(half + 1) * groups {
                            let (low, high) = (low.pairs(c, group), high.pairs(c, group));
                            for k in 0..4 {
                                let rows = both(low[k], high[k]);
                                for i in 0..V {
                                    let x = two(numbers[i].add(at * BLOCK + group * 8 + 2 * k));
                                    whole[i] = plus_products(whole[i], rows, x);
                                }
                            }
                        }
                        let rows = both_floats(low.wide_scales(c, half), high.wide_scales(c, half));
                        for i in 0..V {
                            let scale = _mm512_mul_ps(rows, _mm512_set1_ps(*scales[i].add(at)));
                            sums[i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[i]), scale, sums[i]);
                        }
                    }
                    if let (Some(low), Some(high)) = (low.wide_least(c), high.wide_least(c)) {
                        let least = both_floats(low, high);
                        for i in 0..V {
                            let sum = _mm512_set1_ps(*of_blocks[i].add(at));
                            sums[i] = _mm512_fmadd_ps(least, sum, sums[i]);
                        }
                    }
                }
            }
            for i in 0..V {
                let out = out.as_mut_ptr().add((v + i) * count * TILE + 2 * pair * TILE);
                _mm256_storeu_ps(out, _mm512_castps512_ps256(sums[i]));
                if !alone {
                    _mm256_storeu_ps(out.add(TILE), _mm512_extractf32x8_ps::<1>(sums[i]));
                }
            }
        }
    }
    V
}
