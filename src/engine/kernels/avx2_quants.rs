//! Products of quantised tiles for processors with AVX2, FMA and F16C.
//!
//! Whole numbers of weights are widened to 16 bits and multiplied with vectors in 16 bits (`vpmaddwd`): a sum over a block of
//! 32 is at most 32 · 128 · 32767 < 2²⁷·², so it is exact in 32 bits, and the vectors lose next to nothing. The more usual
//! way over `vpmaddubsw` needs vectors in 8 bits and saves no instruction once two rows share the widening.
//!
//! A scale of scales multiplies in f32, where the eleven bits of the one and the eight of the other have room: nothing is
//! rounded before the sums are.

use super::tiles::{ABREAST, GROUPS, Shares, WORDS};
use super::{BLOCK, Block, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0, TILE, Vectors};
use std::arch::x86_64::*;

/// Bytes from what is being multiplied to what is fetched meanwhile.
pub(super) const AHEAD: usize = 4096;

/// Blocks in vectors: what [`Block`] gives, to the bit.
pub(super) trait Wide: Block {
    /// [`Block::group`].
    ///
    /// # Safety
    /// AVX2.
    unsafe fn pairs(&self, b: usize, group: usize) -> [__m256i; 4];

    /// [`Block::scales`].
    ///
    /// # Safety
    /// AVX2 and F16C.
    unsafe fn wide_scales(&self, b: usize, half: usize) -> __m256;

    /// [`Block::least`].
    ///
    /// # Safety
    /// AVX2 and F16C.
    unsafe fn wide_least(&self, b: usize) -> Option<__m256>;
}

#[target_feature(enable = "avx2,f16c")]
#[inline]
fn wide(halves: &[u16; TILE]) -> __m256 {
    // SAFETY: eight halves are 16 bytes.
    unsafe { _mm256_cvtph_ps(_mm_loadu_si128(halves.as_ptr().cast())) }
}

#[target_feature(enable = "avx2,f16c")]
#[inline]
fn wide_times(halves: &[u16; TILE], by: f32) -> __m256 {
    _mm256_mul_ps(wide(halves), _mm256_set1_ps(by))
}

/// Scales and their shares.
#[target_feature(enable = "avx2,f16c")]
#[inline]
fn wide_shares(halves: &[u16; TILE], of: &[u8; TILE]) -> __m256 {
    // SAFETY: eight shares are 8 bytes.
    let of = unsafe { _mm_loadl_epi64(of.as_ptr().cast()) };
    _mm256_mul_ps(wide(halves), _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(of)))
}

impl Shares {
    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    fn wide_scales(&self, b: usize) -> __m256 {
        wide_shares(&self.scales, &self.of_scales[b])
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    fn wide_least(&self, b: usize) -> __m256 {
        _mm256_sub_ps(_mm256_setzero_ps(), wide_shares(&self.least, &self.of_least[b]))
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn loaded(words: &[u16; WORDS]) -> __m256i {
    // SAFETY: sixteen words are 32 bytes.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn nibbles(words: &[u16; WORDS]) -> [__m256i; 4] {
    let (words, four) = (loaded(words), _mm256_set1_epi16(15));
    [
        _mm256_and_si256(words, four),
        _mm256_and_si256(_mm256_srli_epi16::<4>(words), four),
        _mm256_and_si256(_mm256_srli_epi16::<8>(words), four),
        _mm256_srli_epi16::<12>(words),
    ]
}

#[target_feature(enable = "avx2")]
#[inline]
fn with_fifths(four: [__m256i; 4], fifths: &[u16; WORDS], group: usize) -> [__m256i; 4] {
    // Its lowest four bits are this group's.
    let bits = _mm256_srl_epi16(loaded(fifths), _mm_cvtsi32_si128(4 * group as i32));
    [
        masked(four[0], _mm256_slli_epi16::<4>(bits), 16),
        masked(four[1], _mm256_slli_epi16::<3>(bits), 16),
        masked(four[2], _mm256_slli_epi16::<2>(bits), 16),
        masked(four[3], _mm256_slli_epi16::<1>(bits), 16),
    ]
}

/// What the mask leaves of the bits, beside others. (Not in a closure: the compiler would call it, since the function that
/// the standard library would call it from has no AVX2.)
#[target_feature(enable = "avx2")]
#[inline]
fn masked(beside: __m256i, bits: __m256i, mask: i16) -> __m256i {
    _mm256_or_si256(beside, _mm256_and_si256(bits, _mm256_set1_epi16(mask)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn bytes(bytes: &[i8; WORDS]) -> __m256i {
    // SAFETY: sixteen bytes.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

impl Wide for Q8_0 {
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn pairs(&self, _: usize, group: usize) -> [__m256i; 4] {
        let at = 4 * group;
        let all = &self.numbers;
        [bytes(&all[at]), bytes(&all[at + 1]), bytes(&all[at + 2]), bytes(&all[at + 3])]
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_scales(&self, _: usize, _: usize) -> __m256 {
        wide(&self.scales)
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_least(&self, _: usize) -> Option<__m256> {
        None
    }
}

impl Wide for Q4_0 {
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn pairs(&self, _: usize, group: usize) -> [__m256i; 4] {
        nibbles(&self.nibbles[group])
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_scales(&self, _: usize, _: usize) -> __m256 {
        wide(&self.scales)
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_least(&self, _: usize) -> Option<__m256> {
        Some(wide_times(&self.scales, -8.0))
    }
}

impl Wide for Q4_1 {
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn pairs(&self, _: usize, group: usize) -> [__m256i; 4] {
        nibbles(&self.nibbles[group])
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_scales(&self, _: usize, _: usize) -> __m256 {
        wide(&self.scales)
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_least(&self, _: usize) -> Option<__m256> {
        Some(wide(&self.least))
    }
}

impl Wide for Q5_0 {
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn pairs(&self, _: usize, group: usize) -> [__m256i; 4] {
        with_fifths(nibbles(&self.nibbles[group]), &self.fifths, group)
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_scales(&self, _: usize, _: usize) -> __m256 {
        wide(&self.scales)
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_least(&self, _: usize) -> Option<__m256> {
        Some(wide_times(&self.scales, -16.0))
    }
}

impl Wide for Q5_1 {
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn pairs(&self, _: usize, group: usize) -> [__m256i; 4] {
        with_fifths(nibbles(&self.nibbles[group]), &self.fifths, group)
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_scales(&self, _: usize, _: usize) -> __m256 {
        wide(&self.scales)
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_least(&self, _: usize) -> Option<__m256> {
        Some(wide(&self.least))
    }
}

impl Wide for Q4K {
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn pairs(&self, b: usize, group: usize) -> [__m256i; 4] {
        nibbles(&self.nibbles[b][group])
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_scales(&self, b: usize, _: usize) -> __m256 {
        self.shares.wide_scales(b)
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_least(&self, b: usize) -> Option<__m256> {
        Some(self.shares.wide_least(b))
    }
}

impl Wide for Q5K {
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn pairs(&self, b: usize, group: usize) -> [__m256i; 4] {
        with_fifths(nibbles(&self.nibbles[b][group]), &self.fifths[b], group)
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_scales(&self, b: usize, _: usize) -> __m256 {
        self.shares.wide_scales(b)
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_least(&self, b: usize) -> Option<__m256> {
        Some(self.shares.wide_least(b))
    }
}

impl Wide for Q6K {
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn pairs(&self, b: usize, group: usize) -> [__m256i; 4] {
        let four = nibbles(&self.nibbles[b][group]);
        // Its lower byte has this group's.
        let highs = loaded(&self.highs[2 * b + group / 2]);
        let highs = _mm256_srl_epi16(highs, _mm_cvtsi32_si128((group % 2 * 8) as i32));
        let middle = _mm256_set1_epi16(32);
        [
            _mm256_sub_epi16(masked(four[0], _mm256_slli_epi16::<4>(highs), 48), middle),
            _mm256_sub_epi16(masked(four[1], _mm256_slli_epi16::<2>(highs), 48), middle),
            _mm256_sub_epi16(masked(four[2], highs, 48), middle),
            _mm256_sub_epi16(masked(four[3], _mm256_srli_epi16::<2>(highs), 48), middle),
        ]
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_scales(&self, b: usize, half: usize) -> __m256 {
        // SAFETY: eight shares are 8 bytes.
        let of = unsafe { _mm_loadl_epi64(self.shares[2 * b + half].as_ptr().cast()) };
        _mm256_mul_ps(wide(&self.scales), _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(of)))
    }

    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    unsafe fn wide_least(&self, _: usize) -> Option<__m256> {
        None
    }
}

/// Two numbers of a vector, as often as there are rows.
///
/// # Safety
/// AVX2; two numbers behind the pointer.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) unsafe fn two(numbers: *const i16) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe { _mm256_set1_epi32(numbers.cast::<i32>().read_unaligned()) }
}

/// The products of quantised tiles, for processors with some features: `$plus` adds to sums of whole numbers the products of pairs
/// of them; for each number of vectors that are multiplied at once, how many sums those of an output are added up in (each waits
/// for the one before), and how many tiles of those that stand beside each other are multiplied at once: these take a vector's
/// numbers from memory once, where there are registers for all their sums.
///
/// A macro since a function with these features can be compiled into others only if they have them too.
macro_rules! products {
    ($features:literal, $plus:ident $(, $v:pat => ($n:literal, $sums:literal, $at_once:literal))*) => {
        /// The products of whole tiles.
        ///
        /// # Safety
        /// The features; lengths as `Kernel::multiply` checks them.
        #[target_feature(enable = $features)]
        #[allow(private_bounds)]
        pub(super) unsafe fn quants<B: Wide>(tiles: &[B], count: usize, x: &Vectors, out: &mut [f32]) {
            let mut v = 0;
            while v < x.n {
                // SAFETY: vectors v to v + V are among those that were checked.
                unsafe {
                    v += match x.n - v {
                        $($v => some::<B, $sums, $at_once, $n>(tiles, count, x, v, out),)*
                    };
                }
            }
        }

        /// `V` vectors from `v` on.
        ///
        /// # Safety
        /// As [`quants`], with `v + V ≤ x.n`.
        #[target_feature(enable = $features)]
        #[inline]
        unsafe fn some<B: Wide, const SUMS: usize, const AT_ONCE: usize, const V: usize>(
            tiles: &[B],
            count: usize,
            x: &Vectors,
            v: usize,
            out: &mut [f32],
        ) -> usize {
            let of_one = x.inner / BLOCK / B::BLOCKS;
            for tile in (0..count).step_by(ABREAST) {
                let here = &tiles[tile * of_one..];
                // SAFETY: so many tiles are there from `tile` on, and their blocks take turns.
                unsafe {
                    match count - tile {
                        1 => abreast::<B, SUMS, 1, 1, V>(here, (tile, count), x, v, out),
                        _ => abreast::<B, SUMS, AT_ONCE, ABREAST, V>(here, (tile, count), x, v, out),
                    }
                }
            }
            V
        }

        /// `R` tiles side by side, whose blocks take turns; the first is number `tile` of `count`.
        ///
        /// # Safety
        /// As [`some`], with `tile + R ≤ count`, and all of their blocks in `tiles`.
        #[target_feature(enable = $features)]
        #[inline]
        unsafe fn abreast<B: Wide, const SUMS: usize, const AT_ONCE: usize, const R: usize, const V: usize>(
            tiles: &[B],
            (tile, count): (usize, usize),
            x: &Vectors,
            v: usize,
            out: &mut [f32],
        ) {
            let q = x.quants.expect("quantised tiles with vectors that are not");
            let (inner, blocks) = (x.inner, x.inner / BLOCK);
            // SAFETY: v + i < n and b · B::BLOCKS + c < inner / 32, so every number, scale and sum read is one of vector v + i;
            // there are inner / 32 / B::BLOCKS blocks of each tile, every `R`; outputs are eight numbers of a tile within
            // row v + i of `out`, which is `[n, count · 8]`. A prefetch may point anywhere.
            unsafe {
                let numbers: [*const i16; V] = std::array::from_fn(|i| q.numbers.as_ptr().add((v + i) * inner));
                let scales: [*const f32; V] = std::array::from_fn(|i| q.scales.as_ptr().add((v + i) * blocks));
                let of_blocks: [*const f32; V] = std::array::from_fn(|i| q.sums.as_ptr().add((v + i) * blocks));
                let mut sums = [[_mm256_setzero_ps(); V]; R];
                for b in 0..blocks / B::BLOCKS {
                    let block: [&B; R] = std::array::from_fn(|r| &*tiles.as_ptr().add(b * R + r));
                    for c in 0..B::BLOCKS {
                        if V <= 2 {
                            // One or two vectors leave the processor waiting for memory.
                            let size = R * size_of::<B>() / B::BLOCKS;
                            let ahead = std::ptr::from_ref(block[0]).cast::<i8>().wrapping_add(AHEAD + c * size);
                            for line in 0..size.div_ceil(64) {
                                _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(64 * line));
                            }
                        }
                        let at = b * B::BLOCKS + c;
                        let groups = GROUPS / B::SCALES;
                        for half in 0..B::SCALES {
                            for first in (0..R).step_by(AT_ONCE) {
                                let mut whole = [[[_mm256_setzero_si256(); SUMS]; V]; AT_ONCE];
                                for group in half * groups..(half + 1) * groups {
                                    let mut pairs = [[_mm256_setzero_si256(); 4]; AT_ONCE];
                                    for r in 0..AT_ONCE {
                                        pairs[r] = block[first + r].pairs(c, group);
                                    }
                                    for k in 0..4 {
                                        for i in 0..V {
                                            let x = two(numbers[i].add(at * BLOCK + group * 8 + 2 * k));
                                            for r in 0..AT_ONCE {
                                                let sum = &mut whole[r][i][k % SUMS];
                                                *sum = $plus(*sum, pairs[r][k], x);
                                            }
                                        }
                                    }
                                }
                                for r in 0..AT_ONCE {
                                    let rows = block[first + r].wide_scales(c, half);
                                    for i in 0..V {
                                        for n in 1..SUMS {
                                            whole[r][i][0] = _mm256_add_epi32(whole[r][i][0], whole[r][i][n]);
                                        }
                                        let scale = _mm256_mul_ps(rows, _mm256_broadcast_ss(&*scales[i].add(at)));
                                        let sum = &mut sums[first + r][i];
                                        *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[r][i][0]), scale, *sum);
                                    }
                                }
                            }
                        }
                        for r in 0..R {
                            if let Some(least) = block[r].wide_least(c) {
                                for i in 0..V {
                                    let sum = _mm256_broadcast_ss(&*of_blocks[i].add(at));
                                    sums[r][i] = _mm256_fmadd_ps(least, sum, sums[r][i]);
                                }
                            }
                        }
                    }
                }
                for r in 0..R {
                    for i in 0..V {
                        let out = out.as_mut_ptr().add((v + i) * count * TILE + (tile + r) * TILE);
                        _mm256_storeu_ps(out, sums[r][i]);
                    }
                }
            }
        }
    };
}
pub(super) use products;

/// Of each pair of words the two products, added to a sum.
#[target_feature(enable = "avx2")]
#[inline]
fn plus_products(sums: __m256i, a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi32(sums, _mm256_madd_epi16(a, b))
}

products!(
    "avx2,fma,f16c", plus_products,
    1 => (1, 1, 2),
    2 => (2, 1, 1),
    3 => (3, 1, 1),
    4 => (4, 1, 1),
    5 => (5, 1, 1),
    _ => (6, 1, 1)
);
