//! The loops that take the time, the threads that share them and the memory that they read: the room of juxta with `unsafe` in
//! it.
//!
//! A matrix is cut into tiles of eight rows whose numbers lie interleaved, so that each lane of a vector is one row and
//! nothing has to be summed across lanes; the blocks of two tiles take turns where weights are quantised. The sum of each output
//! is formed in the order of the inner numbers and hangs on nothing else: an output is the same, bit for bit, whatever else is
//! computed beside it, on however many threads. That is what lets two answers be read from one pass over the weights without
//! either changing.
//!
//! Four ways, chosen at run time: AVX-512 with VNNI, AVX2 with FMA and F16C, NEON on ARM, and plain Rust.
//! The first two give the same bits; plain Rust differs in the last of them (FMA rounds once).
//!
//! Safety. Everything public here is a safe function over slices that checks all lengths before a pointer is made of one.
//! Instructions beyond the baseline are reached only through a [`Kernel`] that [`Kernel::all`] has made after asking the
//! processor. [`Pool`] lends a closure and disjoint parts of a slice to threads for the time of one call. [`Paged`] has a
//! stretch of memory with others, of which each has its own part. Each block of `unsafe` says which of these it rests on.
//! Tested against scalar loops on random and extreme numbers below, and the same tests under Miri, valgrind and the address
//! sanitiser: `tests/reference/sanitised.sh`.
//!
//! Knows no models: rows, columns, numbers.
#![allow(unsafe_code)]
// Lanes and vectors are counted, several arrays at once.
#![allow(clippy::needless_range_loop)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx2_quants;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_quants;
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pages;
mod plain;
mod pool;
#[cfg(test)]
mod tests;
mod tiles;

pub(crate) use lanes::{half, halves};
pub(crate) use pages::Paged;
pub use pool::{Part, Pool};
pub use tiles::{ABREAST, Block, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0, place};

/// Rows of one tile.
pub const TILE: usize = 8;
/// Inner numbers that share a scale in quantised formats.
pub const BLOCK: usize = 32;

/// Whole tiles of a matrix. All but the quantised ones hold, for each inner number, those of the eight rows beside each other.
#[derive(Debug, Clone, Copy)]
pub enum Tiles<'a> {
    /// As they are.
    F32(&'a [f32]),
    /// As they are, each tile so many numbers after the one before: the room that a cache leaves for what comes.
    Apart(&'a [f32], usize),
    /// Bits of half precision.
    F16(&'a [u16]),
    /// Bits of half precision, apart as `Apart` is.
    HalvesApart(&'a [u16], usize),
    /// The upper halves of f32.
    Bf16(&'a [u16]),
    /// Blocks, in the places that [`place`] has for them.
    Q8_0(&'a [Q8_0]),
    /// Blocks, in the places that [`place`] has for them.
    Q4_0(&'a [Q4_0]),
    /// Blocks, in the places that [`place`] has for them.
    Q4_1(&'a [Q4_1]),
    /// Blocks, in the places that [`place`] has for them.
    Q5_0(&'a [Q5_0]),
    /// Blocks, in the places that [`place`] has for them.
    Q5_1(&'a [Q5_1]),
    /// Blocks, in the places that [`place`] has for them.
    Q4K(&'a [Q4K]),
    /// Blocks, in the places that [`place`] has for them.
    Q5K(&'a [Q5K]),
    /// Blocks, in the places that [`place`] has for them.
    Q6K(&'a [Q6K]),
}

impl Tiles<'_> {
    /// How many tiles of `inner` numbers a row these are.
    fn count(&self, inner: usize) -> usize {
        fn blocks<B: Block>(tiles: &[B], inner: usize) -> (usize, usize) {
            assert!(inner.is_multiple_of(B::BLOCKS * BLOCK), "{inner} are no whole blocks");
            (tiles.len(), inner / (B::BLOCKS * BLOCK))
        }
        let apart = |len: usize, stride: usize| {
            assert!(inner * TILE <= stride, "tiles of {inner} every {stride}");
            (len, stride)
        };
        let (len, of_one) = match self {
            Self::F32(t) => (t.len(), inner * TILE),
            Self::Apart(t, stride) => apart(t.len(), *stride),
            Self::HalvesApart(t, stride) => apart(t.len(), *stride),
            Self::F16(t) | Self::Bf16(t) => (t.len(), inner * TILE),
            Self::Q8_0(t) => blocks(t, inner),
            Self::Q4_0(t) => blocks(t, inner),
            Self::Q4_1(t) => blocks(t, inner),
            Self::Q5_0(t) => blocks(t, inner),
            Self::Q5_1(t) => blocks(t, inner),
            Self::Q4K(t) => blocks(t, inner),
            Self::Q5K(t) => blocks(t, inner),
            Self::Q6K(t) => blocks(t, inner),
        };
        assert!(of_one > 0 && len % of_one == 0, "{len} are no whole tiles of {inner}");
        len / of_one
    }
}

impl<'a> Tiles<'a> {
    /// All of their bytes, as they lie in memory.
    pub fn bytes(self) -> &'a [u8] {
        fn of<T: Copy>(all: &[T]) -> &[u8] {
            // SAFETY: every type that tiles are of is made of whole numbers or floats alone, one after the other, with no byte
            // between them (`tiles` asserts it of those with several fields), so that each byte is a number's; a byte
            // may lie anywhere, and the slice lives as long as what it is of.
            unsafe { std::slice::from_raw_parts(all.as_ptr().cast(), size_of_val(all)) }
        }
        match self {
            Self::F32(t) | Self::Apart(t, _) => of(t),
            Self::F16(t) | Self::HalvesApart(t, _) | Self::Bf16(t) => of(t),
            Self::Q8_0(t) => of(t),
            Self::Q4_0(t) => of(t),
            Self::Q4_1(t) => of(t),
            Self::Q5_0(t) => of(t),
            Self::Q5_1(t) => of(t),
            Self::Q4K(t) => of(t),
            Self::Q5K(t) => of(t),
            Self::Q6K(t) => of(t),
        }
    }
}

/// Vectors that a matrix is multiplied with, `[n, inner]`.
#[derive(Debug, Clone, Copy)]
pub struct Vectors<'a> {
    /// Their numbers.
    pub floats: &'a [f32],
    /// The same, as [`Kernel::quantise`] makes them: for quantised tiles.
    pub quants: Option<Quants<'a>>,
    /// How many there are.
    pub n: usize,
    /// Numbers of one.
    pub inner: usize,
}

/// Vectors in whole numbers of [`Activations`]: number = quant × scale of its block.
#[derive(Debug, Clone, Copy)]
pub struct Quants<'a> {
    /// `[n, inner]`.
    pub numbers: &'a [i16],
    /// `[n, inner / 32]`.
    pub scales: &'a [f32],
    /// The sums of the blocks' numbers, `[n, inner / 32]`.
    pub sums: &'a [f32],
}

/// The loops for this processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    way: Way,
    activations: Activations,
}

/// Private, so that nobody can claim instructions that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Plain,
}

/// What vectors are rounded to before they are multiplied with quantised weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activations {
    /// 16 bits of the largest of 32: next to nothing is lost.
    #[default]
    Bits16,
    /// ggml's `Q8_0`: 8 bits of the largest of 32, with a scale in half precision. What llama.cpp does where weights are in
    /// blocks of 32.
    Bits8,
}

impl Kernel {
    /// The fastest that this processor has.
    pub fn best() -> Self {
        Self::all()[0]
    }

    /// All that this processor has, the fastest first.
    pub fn all() -> Vec<Self> {
        let mut ways = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                ways.push(Way::Avx512);
            }
            ways.push(Way::Avx2);
        }
        // Miri has few of its instructions.
        #[cfg(target_arch = "aarch64")]
        if !cfg!(miri) && std::arch::is_aarch64_feature_detected!("neon") {
            ways.push(Way::Neon);
        }
        ways.push(Way::Plain);
        ways.into_iter().map(|way| Self { way, activations: Activations::default() }).collect()
    }

    /// The one that runs anywhere.
    pub fn plain() -> Self {
        Self { way: Way::Plain, activations: Activations::default() }
    }

    /// The same, rounding vectors otherwise.
    pub fn rounding_to(self, activations: Activations) -> Self {
        Self { activations, ..self }
    }

    /// What it is called in records.
    pub fn name(self) -> &'static str {
        match self.way {
            #[cfg(target_arch = "x86_64")]
            Way::Avx512 => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Way::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Way::Neon => "neon",
            Way::Plain => "portable",
        }
    }

    /// To what it rounds vectors.
    pub fn activations(self) -> Activations {
        self.activations
    }

    /// `out[v, row] = Σ tiles[row, k] · x[v, k]` for each vector v and row of the tiles; `out` is `[n, rows]`.
    ///
    /// # Panics
    /// If the lengths do not fit each other, or quantised tiles get vectors that are not.
    pub fn multiply(self, tiles: Tiles, x: &Vectors, out: &mut [f32]) {
        let count = tiles.count(x.inner);
        assert_eq!(x.floats.len(), x.n * x.inner, "vectors");
        assert_eq!(out.len(), x.n * count * TILE, "outputs");
        if let Some(q) = &x.quants {
            assert!(x.inner.is_multiple_of(BLOCK) && q.numbers.len() == x.floats.len(), "quantised vectors");
            let blocks = x.n * (x.inner / BLOCK);
            assert!(q.scales.len() == blocks && q.sums.len() == blocks, "scales");
        }
        match self.way {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the way exists only where `all` found the instructions; the lengths were checked just now.
            Way::Avx512 => unsafe { avx512::multiply(tiles, count, x, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Way::Avx2 => unsafe { avx2::multiply(tiles, count, x, out) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Way::Neon => unsafe { neon::multiply(tiles, count, x, out) },
            Way::Plain => plain::multiply(tiles, count, x, out),
        }
    }

    /// Vectors in whole numbers, block by block, and the blocks' sums: scale = largest magnitude / 32767, or / 127. A block with
    /// numbers that are none gets a scale that is none, so that what is computed from it is seen to be broken.
    ///
    /// # Panics
    /// If the lengths do not fit each other.
    pub fn quantise(self, floats: &[f32], numbers: &mut [i16], scales: &mut [f32], sums: &mut [f32]) {
        let blocks = scales.len();
        assert!(
            floats.len() == numbers.len() && floats.len() == blocks * BLOCK && sums.len() == blocks,
            "blocks"
        );
        let to = self.activations;
        match self.way {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the ways exist only where `all` found the instructions; there are no pointers in it.
            Way::Avx512 | Way::Avx2 => unsafe { avx2::quantise(to, floats, numbers, scales, sums) },
            _ => lanes::quantise(to, floats, numbers, scales, sums),
        }
    }

    /// Softmax in place.
    pub fn softmax(self, scores: &mut [f32]) {
        match self.way {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Way::Avx512 | Way::Avx2 => unsafe { avx2::softmax(scores) },
            _ => lanes::softmax(scores),
        }
    }

    /// `gate = gate · σ(gate) · up`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn gated(self, gate: &mut [f32], up: &[f32]) {
        assert_eq!(gate.len(), up.len());
        match self.way {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Way::Avx512 | Way::Avx2 => unsafe { avx2::gated(gate, up) },
            _ => lanes::gated(gate, up),
        }
    }

    /// `out = x / √(mean(x²) + ε) · weight` (Zhang and Sennrich 2019, arXiv 1910.07467).
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn norm(self, x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
        assert!(x.len() == weight.len() && x.len() == out.len());
        match self.way {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Way::Avx512 | Way::Avx2 => unsafe { avx2::norm(x, weight, epsilon, out) },
            _ => lanes::norm(x, weight, epsilon, out),
        }
    }
}
