//! Products of quantised tiles for processors with AVX-512 and VNNI.
//!
//! Blocks are widened as `avx2_quants` does it; pairs of numbers of eight rows are then multiplied and added in one instruction
//! (`vpdpwssd`). The tiles that stand beside each other are multiplied at once, so that a pair of a vector's numbers is taken
//! from memory for sixteen rows; 32 registers have room for the sums of six vectors. Vectors twice as wide gain nothing where
//! a processor has units of 256 bits. Whole numbers are summed exactly and the rest in the order of `avx2_quants`, so each
//! output has the same bits.

use super::avx2_quants::{AHEAD, Wide, products, two};
use super::tiles::{ABREAST, GROUPS};
use super::{BLOCK, TILE, Vectors};
use std::arch::x86_64::*;

/// Of each pair of words the two products, added to a sum: `vpdpwssd`, and under Miri, which has not got it, what Intel's
/// manual says it does. In assembly, since the compiler takes it apart again: two instructions have a result sooner than it, which
/// is of no use where others wait to be begun.
#[target_feature(enable = "avx2,avx512f,avx512vl,avx512vnni")]
#[inline]
fn plus_products(mut sums: __m256i, a: __m256i, b: __m256i) -> __m256i {
    if cfg!(miri) {
        return _mm256_add_epi32(sums, _mm256_madd_epi16(a, b));
    }
    // SAFETY: the processor has the instruction, and it changes nothing but its first operand.
    unsafe {
        std::arch::asm!(
            "vpdpwssd {0}, {1}, {2}",
            inout(ymm_reg) sums,
            in(ymm_reg) a,
            in(ymm_reg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}

products!(
    "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni", plus_products,
    1 => (1, 4, 2),
    2 => (2, 2, 2),
    3 => (3, 2, 2),
    4 => (4, 1, 2),
    5 => (5, 1, 2),
    _ => (6, 1, 2)
);
