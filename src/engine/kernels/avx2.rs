//! Products for processors with AVX2, FMA and F16C.
//!
//! Bytes of weights are widened to 16 bits and multiplied with vectors in 16 bits (`vpmaddwd`): a sum over a block of 32
//! is at most 32 · 128 · 32767 < 2²⁷·², so it is exact in 32 bits, and the vectors lose next to nothing. The more usual
//! way over `vpmaddubsw` needs vectors in 8 bits and saves no instruction once two rows share the widening.

use super::{BLOCK, Q4, Q8, TILE, Tiles, Vectors, lanes};
use std::arch::x86_64::*;

/// Blocks from the one that is being multiplied to the one that is fetched meanwhile.
const AHEAD: usize = 15;

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
            Tiles::Q8(t) => quants(t, count, x, out),
            Tiles::Q4(t) => quants(t, count, x, out),
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

/// Blocks of quantised tiles.
trait Block: Sized {
    /// For each vector the sums of the block's whole numbers with the vector's, row by row.
    ///
    /// # Safety
    /// AVX2; 32 numbers behind each pointer.
    unsafe fn whole<const V: usize>(&self, numbers: [*const i16; V]) -> [__m256i; V];

    /// Scales of the rows, and what nought stands for, where it is not nought.
    fn scales(&self) -> (&[u16; TILE], Option<&[u16; TILE]>);
}

/// Two numbers of a vector, as often as there are rows.
///
/// # Safety
/// AVX2; two numbers behind the pointer.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn two(numbers: *const i16) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe { _mm256_set1_epi32(numbers.cast::<i32>().read_unaligned()) }
}

impl Block for Q8 {
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn whole<const V: usize>(&self, numbers: [*const i16; V]) -> [__m256i; V] {
        let mut whole = [_mm256_setzero_si256(); V];
        for p in 0..BLOCK / 2 {
            // SAFETY: a block has 16 pieces of 16 bytes; number 2 p + 1 is one of the 32.
            unsafe {
                let bytes = _mm_loadu_si128(self.numbers.as_ptr().add(p * 2 * TILE).cast());
                let weights = _mm256_cvtepi8_epi16(bytes);
                for i in 0..V {
                    let product = _mm256_madd_epi16(weights, two(numbers[i].add(2 * p)));
                    whole[i] = _mm256_add_epi32(whole[i], product);
                }
            }
        }
        whole
    }

    fn scales(&self) -> (&[u16; TILE], Option<&[u16; TILE]>) {
        (&self.scales, None)
    }
}

impl Block for Q4 {
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn whole<const V: usize>(&self, numbers: [*const i16; V]) -> [__m256i; V] {
        let mut whole = [_mm256_setzero_si256(); V];
        let lower = _mm_set1_epi8(15);
        for p in 0..BLOCK / 4 {
            // SAFETY: a block has 8 pieces of 16 bytes; number 16 + 2 p + 1 is one of the 32.
            unsafe {
                let bytes = _mm_loadu_si128(self.numbers.as_ptr().add(p * 2 * TILE).cast());
                let low = _mm256_cvtepu8_epi16(_mm_and_si128(bytes, lower));
                let high = _mm256_cvtepu8_epi16(_mm_and_si128(_mm_srli_epi16::<4>(bytes), lower));
                for i in 0..V {
                    let product = _mm256_madd_epi16(low, two(numbers[i].add(2 * p)));
                    whole[i] = _mm256_add_epi32(whole[i], product);
                    let product = _mm256_madd_epi16(high, two(numbers[i].add(BLOCK / 2 + 2 * p)));
                    whole[i] = _mm256_add_epi32(whole[i], product);
                }
            }
        }
        whole
    }

    fn scales(&self) -> (&[u16; TILE], Option<&[u16; TILE]>) {
        (&self.scales, Some(&self.least))
    }
}

/// # Safety
/// As [`multiply`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn quants<B: Block>(tiles: &[B], count: usize, x: &Vectors, out: &mut [f32]) {
    let mut v = 0;
    while v < x.n {
        // SAFETY: vectors v to v + n are among those that were checked.
        unsafe {
            v += match x.n - v {
                1 => some_quants::<B, 1>(tiles, count, x, v, out),
                2 => some_quants::<B, 2>(tiles, count, x, v, out),
                3 => some_quants::<B, 3>(tiles, count, x, v, out),
                4 => some_quants::<B, 4>(tiles, count, x, v, out),
                5 => some_quants::<B, 5>(tiles, count, x, v, out),
                _ => some_quants::<B, 6>(tiles, count, x, v, out),
            };
        }
    }
}

/// `V` vectors from `v` on.
///
/// # Safety
/// As [`multiply`], with `v + V ≤ x.n`.
#[target_feature(enable = "avx2,fma,f16c")]
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
    // SAFETY: v + i < n, so every number, scale and sum read is one of vector v + i; outputs are eight numbers within row
    // v + i of `out`, which is `[n, count · 8]`.
    unsafe {
        let numbers: [*const i16; V] = std::array::from_fn(|i| q.numbers.as_ptr().add((v + i) * inner));
        let scales: [*const f32; V] = std::array::from_fn(|i| q.scales.as_ptr().add((v + i) * blocks));
        let of_blocks: [*const f32; V] = std::array::from_fn(|i| q.sums.as_ptr().add((v + i) * blocks));
        for (tile, blocks) in tiles.chunks_exact(blocks).enumerate() {
            let mut sums = [_mm256_setzero_ps(); V];
            for (b, block) in blocks.iter().enumerate() {
                if V <= 2 {
                    // One or two vectors leave the processor waiting for memory. A prefetch may point anywhere.
                    let ahead = std::ptr::from_ref(block).wrapping_add(AHEAD).cast::<i8>();
                    for line in 0..size_of::<B>().div_ceil(64) {
                        _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(64 * line));
                    }
                }
                let whole = block.whole::<V>(std::array::from_fn(|i| numbers[i].add(b * BLOCK)));
                let (rows, least) = block.scales();
                let rows = _mm256_cvtph_ps(_mm_loadu_si128(rows.as_ptr().cast()));
                for i in 0..V {
                    let scale = _mm256_mul_ps(rows, _mm256_broadcast_ss(&*scales[i].add(b)));
                    sums[i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[i]), scale, sums[i]);
                }
                if let Some(least) = least {
                    let least = _mm256_cvtph_ps(_mm_loadu_si128(least.as_ptr().cast()));
                    for i in 0..V {
                        sums[i] = _mm256_fmadd_ps(least, _mm256_broadcast_ss(&*of_blocks[i].add(b)), sums[i]);
                    }
                }
            }
            for i in 0..V {
                _mm256_storeu_ps(out.as_mut_ptr().add((v + i) * count * TILE + tile * TILE), sums[i]);
            }
        }
    }
    V
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
