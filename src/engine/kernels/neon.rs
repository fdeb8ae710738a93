//! Products for processors with NEON, which every 64-bit ARM has. Sums are formed in the order of `avx2`, rounded as often.
//!
//! Blocks are unpacked by [`Block`]'s own loops, which the compiler turns into vectors. Their whole numbers are multiplied with
//! vectors in 16 bits and added in 32 (`smlal`), even and odd ones apart until a block's end.

use super::tiles::{GROUPS, one_by_one};
use super::{BLOCK, Block, TILE, Tiles, Vectors};
use std::arch::aarch64::*;

const F32: u8 = 0;
const F16: u8 = 1;
const BF16: u8 = 2;

/// # Safety
/// NEON; lengths as `Kernel::multiply` checks them.
#[target_feature(enable = "neon")]
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

/// Numbers of the eight rows of a tile.
type Eight = [float32x4_t; 2];

/// Eight numbers of a tile.
///
/// # Safety
/// Eight numbers of kind `KIND` from number `at` on behind `tiles`.
#[target_feature(enable = "neon")]
#[inline]
unsafe fn eight<const KIND: u8>(tiles: *const u8, at: usize) -> Eight {
    // SAFETY: the caller's promise.
    unsafe {
        if KIND == F32 {
            let numbers = tiles.cast::<f32>().add(at);
            return [vld1q_f32(numbers), vld1q_f32(numbers.add(4))];
        }
        let halves = vld1q_u16(tiles.cast::<u16>().add(at));
        let (low, high) = (vget_low_u16(halves), vget_high_u16(halves));
        match KIND {
            F16 => [wide(low), wide(high)],
            _ => [low, high].map(|upper| vreinterpretq_f32_u32(vshlq_n_u32::<16>(vmovl_u16(upper)))),
        }
    }
}

/// Half precision in f32, exactly. (The instruction for it takes a type that Rust does not have yet.)
#[target_feature(enable = "neon")]
#[inline]
fn wide(halves: uint16x4_t) -> float32x4_t {
    let bits = vmovl_u16(halves);
    let sign = vshlq_n_u32::<16>(vandq_u32(bits, vdupq_n_u32(0x8000)));
    // Exponent and fraction where f32 has them, 112 powers of two too low; numbers without end, or none, have none of these.
    let rest = vshlq_n_u32::<13>(vandq_u32(bits, vdupq_n_u32(0x7fff)));
    let scaled = vmulq_n_f32(vreinterpretq_f32_u32(rest), f32::from_bits((127 + 112) << 23));
    let endless = vcgeq_u32(rest, vdupq_n_u32(0x7c00 << 13));
    let endless_rest = vorrq_u32(rest, vdupq_n_u32(0x7f80_0000));
    let rest = vbslq_u32(endless, endless_rest, vreinterpretq_u32_f32(scaled));
    vreinterpretq_f32_u32(vorrq_u32(sign, rest))
}

/// # Safety
/// As [`multiply`]; `tiles` points to so many whole tiles of `KIND`, each so many numbers after the one before.
#[target_feature(enable = "neon")]
unsafe fn floats<const KIND: u8>(
    tiles: *const u8,
    (count, stride): (usize, usize),
    x: &Vectors,
    out: &mut [f32],
) {
    let mut v = 0;
    while v < x.n {
        // SAFETY: vectors v to v + V are among the n, and every tile is there.
        unsafe {
            v += match x.n - v {
                1 => some_floats::<KIND, 1>(tiles, (count, stride), x, v, out),
                2 => some_floats::<KIND, 2>(tiles, (count, stride), x, v, out),
                3 => some_floats::<KIND, 3>(tiles, (count, stride), x, v, out),
                4 | 5 => some_floats::<KIND, 4>(tiles, (count, stride), x, v, out),
                _ => some_floats::<KIND, 6>(tiles, (count, stride), x, v, out),
            };
        }
    }
}

/// `V` vectors from `v` on.
///
/// # Safety
/// As [`floats`], with `v + V ≤ x.n`.
#[target_feature(enable = "neon")]
#[inline]
unsafe fn some_floats<const KIND: u8, const V: usize>(
    tiles: *const u8,
    (count, stride): (usize, usize),
    x: &Vectors,
    v: usize,
    out: &mut [f32],
) -> usize {
    // SAFETY: k < inner, so vector v + i has number k, and the tile has eight numbers from k · 8 on; outputs are eight numbers
    // within row v + i of `out`, which is `[n, count · 8]`.
    unsafe {
        let vectors: [*const f32; V] = std::array::from_fn(|i| x.floats.as_ptr().add((v + i) * x.inner));
        for tile in 0..count {
            let mut sums = [[vdupq_n_f32(0.0); 2]; V];
            for k in 0..x.inner {
                let weights = eight::<KIND>(tiles, tile * stride + k * TILE);
                for i in 0..V {
                    let one = *vectors[i].add(k);
                    for half in 0..2 {
                        sums[i][half] = vfmaq_n_f32(sums[i][half], weights[half], one);
                    }
                }
            }
            for i in 0..V {
                let out = out.as_mut_ptr().add((v + i) * count * TILE + tile * TILE);
                vst1q_f32(out, sums[i][0]);
                vst1q_f32(out.add(4), sums[i][1]);
            }
        }
    }
    V
}

/// # Safety
/// As [`multiply`].
#[target_feature(enable = "neon")]
unsafe fn quants<B: Block>(tiles: &[B], count: usize, x: &Vectors, out: &mut [f32]) {
    let mut v = 0;
    while v < x.n {
        // SAFETY: vectors v to v + V are among those that were checked.
        unsafe {
            v += match x.n - v {
                1 => some_quants::<B, 1>(tiles, count, x, v, out),
                2 => some_quants::<B, 2>(tiles, count, x, v, out),
                3 => some_quants::<B, 3>(tiles, count, x, v, out),
                _ => some_quants::<B, 4>(tiles, count, x, v, out),
            };
        }
    }
}

/// `V` vectors from `v` on.
///
/// # Safety
/// As [`quants`], with `v + V ≤ x.n`.
#[target_feature(enable = "neon")]
#[inline]
unsafe fn some_quants<B: Block, const V: usize>(
    tiles: &[B],
    count: usize,
    x: &Vectors,
    v: usize,
    out: &mut [f32],
) -> usize {
    let q = x.quants.expect("quantised tiles with vectors that are not");
    let (inner, blocks) = (x.inner, x.inner / BLOCK);
    // SAFETY: v + i < n and b · B::BLOCKS + c < inner / 32, so every pair of numbers read is one of vector v + i; eight floats
    // and sixteen words are read from arrays that have so many; outputs are eight numbers within row v + i of `out`, which is
    // `[n, count · 8]`.
    unsafe {
        let numbers: [*const i16; V] = std::array::from_fn(|i| q.numbers.as_ptr().add((v + i) * inner));
        for (tile, of_tile) in one_by_one(tiles, blocks / B::BLOCKS).enumerate() {
            let mut sums = [[vdupq_n_f32(0.0); 2]; V];
            for (b, block) in of_tile.enumerate() {
                for c in 0..B::BLOCKS {
                    let at = b * B::BLOCKS + c;
                    let groups = GROUPS / B::SCALES;
                    for half in 0..B::SCALES {
                        // Even and odd numbers of two rows in each.
                        let mut whole = [[vdupq_n_s32(0); 4]; V];
                        for group in half * groups..(half + 1) * groups {
                            for (k, words) in block.group(c, group).iter().enumerate() {
                                let rows = [vld1q_s16(words.as_ptr()), vld1q_s16(words.as_ptr().add(8))];
                                for i in 0..V {
                                    let pair = numbers[i].add(at * BLOCK + group * 8 + 2 * k);
                                    let pair = vdup_n_s32(pair.cast::<i32>().read_unaligned());
                                    let pair = vreinterpret_s16_s32(pair);
                                    for r in 0..2 {
                                        let sum = &mut whole[i][2 * r..2 * r + 2];
                                        sum[0] = vmlal_s16(sum[0], vget_low_s16(rows[r]), pair);
                                        sum[1] = vmlal_s16(sum[1], vget_high_s16(rows[r]), pair);
                                    }
                                }
                            }
                        }
                        let rows = block.scales(c, half);
                        for i in 0..V {
                            let of_vector = q.scales[(v + i) * blocks + at];
                            for r in 0..2 {
                                let scale = vmulq_n_f32(vld1q_f32(rows.as_ptr().add(4 * r)), of_vector);
                                let whole = vpaddq_s32(whole[i][2 * r], whole[i][2 * r + 1]);
                                sums[i][r] = vfmaq_f32(sums[i][r], vcvtq_f32_s32(whole), scale);
                            }
                        }
                    }
                    if let Some(least) = block.least(c) {
                        for i in 0..V {
                            let sum = q.sums[(v + i) * blocks + at];
                            for r in 0..2 {
                                let least = vld1q_f32(least.as_ptr().add(4 * r));
                                sums[i][r] = vfmaq_n_f32(sums[i][r], least, sum);
                            }
                        }
                    }
                }
            }
            for i in 0..V {
                let out = out.as_mut_ptr().add((v + i) * count * TILE + tile * TILE);
                vst1q_f32(out, sums[i][0]);
                vst1q_f32(out.add(4), sums[i][1]);
            }
        }
    }
    V
}
