//! Quantised tiles: the numbers of eight rows as the kernels want them, put there from the blocks of GGUF files.
//!
//! Every format of ggml that is here is kept to the bit: what a block's numbers are is the same as in the file, only
//! their places differ. Numbers stand in groups of eight of a row. A 16-bit word of a group belongs to one row and to even
//! or odd numbers, and has four of them in four bits each, so that a shift and a mask make words that `vpmaddwd` takes; what
//! a format has beyond four bits stands in words of its own. `[2 r + i]` is always row r, numbers 2 k + i.
//!
//! Knows ggml's blocks (its `ggml-common.h` and `ggml-quants.c`), and not how they were chosen.

use super::{BLOCK, TILE};
use half::f16;

/// Words of one group: of eight rows the even and the odd numbers.
pub(super) const WORDS: usize = 2 * TILE;
/// Groups of eight numbers in a block of 32.
pub(super) const GROUPS: usize = 4;
/// 32s in one of ggml's larger blocks.
const LARGE: usize = 8;

/// The four pairs of a group: `[k][2 r + i]` is number 2 k + i of row r.
pub(super) type Group = [[i16; WORDS]; 4];
/// Four bits of 32 numbers of eight rows, group by group: pair k in bits 4 k and on.
type Nibbles = [[u16; WORDS]; GROUPS];

/// Quantised tiles stand in twos whose blocks take turns in memory: two rows of eight share what they take of a vector, and are
/// still read as one stretch, which memory gives faster than two at once. The last of an odd number stands alone.
pub const ABREAST: usize = 2;

/// Where block `b` of a tile lies, of so many tiles of `of_one` blocks.
pub fn place(tile: usize, b: usize, tiles: usize, of_one: usize) -> usize {
    let first = tile / ABREAST * ABREAST;
    first * of_one + b * ABREAST.min(tiles - first) + tile - first
}

/// Tiles of `of_one` blocks, one after the other: the blocks of each.
pub(super) fn one_by_one<B>(tiles: &[B], of_one: usize) -> impl Iterator<Item = impl Iterator<Item = &B>> {
    tiles.chunks(ABREAST * of_one).flat_map(move |two| {
        let abreast = two.len() / of_one;
        (0..abreast).map(move |tile| two[tile..].iter().step_by(abreast))
    })
}

/// Blocks of one format, of the eight rows of a tile.
///
/// A number is `scale × whole + least`; one scale and one least number for every 32 numbers of a row, or a scale for 16.
pub trait Block: Copy {
    /// Of noughts alone.
    const EMPTY: Self;
    /// Bytes of one row's block in a file.
    const SIZE: usize;
    /// 32s in a row of one.
    const BLOCKS: usize;
    /// Scales of 32 numbers: one or two.
    const SCALES: usize;
    /// Takes one row's block, as a file has it. Each row of a tile that was empty is put there once.
    fn put(&mut self, row: usize, bytes: &[u8]);
    /// The whole numbers of a group of the 32s `b`.
    fn group(&self, b: usize, group: usize) -> [[i16; 16]; 4];
    /// The scales of the rows, for the `half`th of so many as there are.
    fn scales(&self, b: usize, half: usize) -> [f32; TILE];
    /// What is added to each number of the rows, if something is.
    fn least(&self, _b: usize) -> Option<[f32; TILE]> {
        None
    }
}

/// ggml's `Q8_0`: signed bytes, with a scale for every 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Q8_0 {
    pub(super) scales: [u16; TILE],
    /// `[p][2 r + i]` is number 2 p + i of row r.
    pub(super) numbers: [[i8; WORDS]; BLOCK / 2],
}

/// ggml's `Q4_0`: nibble − 8, with a scale for every 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Q4_0 {
    pub(super) scales: [u16; TILE],
    pub(super) nibbles: Nibbles,
}

/// ggml's `Q4_1`: nibbles, with a scale and a least number for every 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Q4_1 {
    pub(super) scales: [u16; TILE],
    pub(super) least: [u16; TILE],
    pub(super) nibbles: Nibbles,
}

/// ggml's `Q5_0`: five bits − 16, with a scale for every 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Q5_0 {
    pub(super) scales: [u16; TILE],
    /// Bit p is the fifth of numbers 2 p + i.
    pub(super) fifths: [u16; WORDS],
    pub(super) nibbles: Nibbles,
}

/// ggml's `Q5_1`: five bits, with a scale and a least number for every 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Q5_1 {
    pub(super) scales: [u16; TILE],
    pub(super) least: [u16; TILE],
    pub(super) fifths: [u16; WORDS],
    pub(super) nibbles: Nibbles,
}

/// The scales of ggml's larger blocks with least numbers: for every 32 a share of the block's in six bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Shares {
    pub(super) scales: [u16; TILE],
    pub(super) least: [u16; TILE],
    pub(super) of_scales: [[u8; TILE]; LARGE],
    pub(super) of_least: [[u8; TILE]; LARGE],
}

/// ggml's `Q4_K`: nibbles; 256 of a row share scales of scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Q4K {
    pub(super) shares: Shares,
    pub(super) nibbles: [Nibbles; LARGE],
}

/// ggml's `Q5_K`: five bits; 256 of a row share scales of scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Q5K {
    pub(super) shares: Shares,
    pub(super) fifths: [[u16; WORDS]; LARGE],
    pub(super) nibbles: [Nibbles; LARGE],
}

/// ggml's `Q6_K`: six bits − 32, for every 16 a share of the scale that 256 of a row have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Q6K {
    pub(super) scales: [u16; TILE],
    pub(super) shares: [[i8; TILE]; 2 * LARGE],
    /// Of the 32s `b`: word `[2 b + h][2 r + i]` has the fifth and sixth bits of numbers 16 h + 2 f + i in bits 2 f and on.
    pub(super) highs: [[u16; WORDS]; 2 * LARGE],
    pub(super) nibbles: [Nibbles; LARGE],
}

/// No byte lies between the fields of a block: `Tiles::bytes` rests on it.
const _: () = {
    let (scales, words, nibbles) = (2 * TILE, 2 * WORDS, size_of::<Nibbles>());
    assert!(size_of::<Q8_0>() == scales + TILE * BLOCK);
    assert!(size_of::<Q4_0>() == scales + nibbles);
    assert!(size_of::<Q4_1>() == 2 * scales + nibbles);
    assert!(size_of::<Q5_0>() == scales + words + nibbles);
    assert!(size_of::<Q5_1>() == 2 * scales + words + nibbles);
    let shares = size_of::<Shares>();
    assert!(shares == 2 * scales + 2 * LARGE * TILE);
    assert!(size_of::<Q4K>() == shares + LARGE * nibbles);
    assert!(size_of::<Q5K>() == shares + LARGE * (words + nibbles));
    assert!(size_of::<Q6K>() == scales + 2 * LARGE * (TILE + words) + LARGE * nibbles);
};

const NO_NIBBLES: Nibbles = [[0; WORDS]; GROUPS];
const NO_SHARES: Shares = Shares {
    scales: [0; TILE],
    least: [0; TILE],
    of_scales: [[0; TILE]; LARGE],
    of_least: [[0; TILE]; LARGE],
};

/// The lower four bits of number `n` of a row's 32.
fn put_nibble(nibbles: &mut Nibbles, row: usize, n: usize, number: u8) {
    nibbles[n / 8][2 * row + n % 2] |= u16::from(number & 15) << (n % 8 / 2 * 4);
}

/// The fifth bit of number `n` of a row's 32.
fn put_fifth(fifths: &mut [u16; WORDS], row: usize, n: usize, number: u8) {
    fifths[2 * row + n % 2] |= u16::from(number >> 4 & 1) << (n / 2);
}

fn half_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn wide(halves: &[u16; TILE]) -> [f32; TILE] {
    halves.map(|h| f16::from_bits(h).to_f32())
}

fn group_of(nibbles: &Nibbles, group: usize) -> Group {
    std::array::from_fn(|k| nibbles[group].map(|word| (word >> (4 * k) & 15) as i16))
}

/// Nibbles with their fifth bits.
fn group_of_five(nibbles: &Nibbles, fifths: &[u16; WORDS], group: usize) -> Group {
    let mut all = group_of(nibbles, group);
    for (k, pair) in all.iter_mut().enumerate() {
        for (number, fifth) in pair.iter_mut().zip(fifths) {
            *number |= ((fifth >> (4 * group + k) & 1) << 4) as i16;
        }
    }
    all
}

/// ggml's smaller blocks have numbers 0 to 15 in the lower halves of bytes and 16 to 31 in the upper ones.
fn halves(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    bytes.iter().enumerate().flat_map(|(n, byte)| [(n, byte & 15), (n + BLOCK / 2, byte >> 4)])
}

impl Block for Q8_0 {
    const EMPTY: Self = Self { scales: [0; TILE], numbers: [[0; WORDS]; BLOCK / 2] };
    const SIZE: usize = 2 + BLOCK;
    const BLOCKS: usize = 1;
    const SCALES: usize = 1;

    fn put(&mut self, row: usize, bytes: &[u8]) {
        self.scales[row] = half_at(bytes, 0);
        for (n, byte) in bytes[2..Self::SIZE].iter().enumerate() {
            self.numbers[n / 2][2 * row + n % 2] = i8::from_le_bytes([*byte]);
        }
    }

    fn group(&self, _: usize, group: usize) -> Group {
        std::array::from_fn(|k| self.numbers[4 * group + k].map(i16::from))
    }

    fn scales(&self, _: usize, _: usize) -> [f32; TILE] {
        wide(&self.scales)
    }
}

impl Block for Q4_0 {
    const EMPTY: Self = Self { scales: [0; TILE], nibbles: NO_NIBBLES };
    const SIZE: usize = 2 + BLOCK / 2;
    const BLOCKS: usize = 1;
    const SCALES: usize = 1;

    fn put(&mut self, row: usize, bytes: &[u8]) {
        self.scales[row] = half_at(bytes, 0);
        halves(&bytes[2..Self::SIZE]).for_each(|(n, number)| put_nibble(&mut self.nibbles, row, n, number));
    }

    fn group(&self, _: usize, group: usize) -> Group {
        group_of(&self.nibbles, group)
    }

    fn scales(&self, _: usize, _: usize) -> [f32; TILE] {
        wide(&self.scales)
    }

    /// Exact: a power of two.
    fn least(&self, _: usize) -> Option<[f32; TILE]> {
        Some(wide(&self.scales).map(|scale| -8.0 * scale))
    }
}

impl Block for Q4_1 {
    const EMPTY: Self = Self { scales: [0; TILE], least: [0; TILE], nibbles: NO_NIBBLES };
    const SIZE: usize = 4 + BLOCK / 2;
    const BLOCKS: usize = 1;
    const SCALES: usize = 1;

    fn put(&mut self, row: usize, bytes: &[u8]) {
        (self.scales[row], self.least[row]) = (half_at(bytes, 0), half_at(bytes, 2));
        halves(&bytes[4..Self::SIZE]).for_each(|(n, number)| put_nibble(&mut self.nibbles, row, n, number));
    }

    fn group(&self, _: usize, group: usize) -> Group {
        group_of(&self.nibbles, group)
    }

    fn scales(&self, _: usize, _: usize) -> [f32; TILE] {
        wide(&self.scales)
    }

    fn least(&self, _: usize) -> Option<[f32; TILE]> {
        Some(wide(&self.least))
    }
}

/// The fifth bits of a row's 32 numbers from four bytes, and the rest from sixteen.
fn put_five(fifths: &mut [u16; WORDS], nibbles: &mut Nibbles, row: usize, bytes: &[u8]) {
    let bits = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    for (n, number) in halves(&bytes[4..4 + BLOCK / 2]) {
        put_nibble(nibbles, row, n, number);
        put_fifth(fifths, row, n, ((bits >> n & 1) << 4) as u8);
    }
}

impl Block for Q5_0 {
    const EMPTY: Self = Self { scales: [0; TILE], fifths: [0; WORDS], nibbles: NO_NIBBLES };
    const SIZE: usize = 2 + BLOCK / 8 + BLOCK / 2;
    const BLOCKS: usize = 1;
    const SCALES: usize = 1;

    fn put(&mut self, row: usize, bytes: &[u8]) {
        self.scales[row] = half_at(bytes, 0);
        put_five(&mut self.fifths, &mut self.nibbles, row, &bytes[2..Self::SIZE]);
    }

    fn group(&self, _: usize, group: usize) -> Group {
        group_of_five(&self.nibbles, &self.fifths, group)
    }

    fn scales(&self, _: usize, _: usize) -> [f32; TILE] {
        wide(&self.scales)
    }

    /// Exact: a power of two.
    fn least(&self, _: usize) -> Option<[f32; TILE]> {
        Some(wide(&self.scales).map(|scale| -16.0 * scale))
    }
}

impl Block for Q5_1 {
    const EMPTY: Self = Self { scales: [0; TILE], least: [0; TILE], fifths: [0; WORDS], nibbles: NO_NIBBLES };
    const SIZE: usize = 4 + BLOCK / 8 + BLOCK / 2;
    const BLOCKS: usize = 1;
    const SCALES: usize = 1;

    fn put(&mut self, row: usize, bytes: &[u8]) {
        (self.scales[row], self.least[row]) = (half_at(bytes, 0), half_at(bytes, 2));
        put_five(&mut self.fifths, &mut self.nibbles, row, &bytes[4..Self::SIZE]);
    }

    fn group(&self, _: usize, group: usize) -> Group {
        group_of_five(&self.nibbles, &self.fifths, group)
    }

    fn scales(&self, _: usize, _: usize) -> [f32; TILE] {
        wide(&self.scales)
    }

    fn least(&self, _: usize) -> Option<[f32; TILE]> {
        Some(wide(&self.least))
    }
}

impl Shares {
    /// Scale and least number of the block, then eight shares of each, in six bits that lie across twelve bytes.
    const SIZE: usize = 4 + 12;

    fn put(&mut self, row: usize, bytes: &[u8]) {
        (self.scales[row], self.least[row]) = (half_at(bytes, 0), half_at(bytes, 2));
        let six = &bytes[4..Self::SIZE];
        for b in 0..LARGE {
            // The first four of each as they are; of the others four bits together, and two above the first four's.
            (self.of_scales[b][row], self.of_least[b][row]) = match b {
                0..4 => (six[b] & 63, six[b + 4] & 63),
                _ => (six[b + 4] & 15 | six[b - 4] >> 6 << 4, six[b + 4] >> 4 | six[b] >> 6 << 4),
            };
        }
    }

    fn scales(&self, b: usize) -> [f32; TILE] {
        let of = self.of_scales[b];
        std::array::from_fn(|r| f16::from_bits(self.scales[r]).to_f32() * f32::from(of[r]))
    }

    fn least(&self, b: usize) -> [f32; TILE] {
        let of = self.of_least[b];
        std::array::from_fn(|r| -f16::from_bits(self.least[r]).to_f32() * f32::from(of[r]))
    }
}

impl Block for Q4K {
    const EMPTY: Self = Self { shares: NO_SHARES, nibbles: [NO_NIBBLES; LARGE] };
    const SIZE: usize = Shares::SIZE + LARGE * BLOCK / 2;
    const BLOCKS: usize = LARGE;
    const SCALES: usize = 1;

    fn put(&mut self, row: usize, bytes: &[u8]) {
        self.shares.put(row, bytes);
        // The lower halves of 32 bytes are one 32, the upper ones the next.
        for (pair, bytes) in bytes[Shares::SIZE..Self::SIZE].chunks_exact(BLOCK).enumerate() {
            for (n, byte) in bytes.iter().enumerate() {
                put_nibble(&mut self.nibbles[2 * pair], row, n, byte & 15);
                put_nibble(&mut self.nibbles[2 * pair + 1], row, n, byte >> 4);
            }
        }
    }

    fn group(&self, b: usize, group: usize) -> Group {
        group_of(&self.nibbles[b], group)
    }

    fn scales(&self, b: usize, _: usize) -> [f32; TILE] {
        self.shares.scales(b)
    }

    fn least(&self, b: usize) -> Option<[f32; TILE]> {
        Some(self.shares.least(b))
    }
}

impl Block for Q5K {
    const EMPTY: Self = Self { shares: NO_SHARES, fifths: [[0; WORDS]; LARGE], nibbles: [NO_NIBBLES; LARGE] };
    const SIZE: usize = Shares::SIZE + LARGE * BLOCK / 8 + LARGE * BLOCK / 2;
    const BLOCKS: usize = LARGE;
    const SCALES: usize = 1;

    fn put(&mut self, row: usize, bytes: &[u8]) {
        self.shares.put(row, bytes);
        // Byte n has the fifth bit of number n of each 32, the first 32's lowest.
        let (fifths, rest) = bytes[Shares::SIZE..Self::SIZE].split_at(BLOCK);
        for (pair, bytes) in rest.chunks_exact(BLOCK).enumerate() {
            for (n, byte) in bytes.iter().enumerate() {
                for (b, number) in [(2 * pair, byte & 15), (2 * pair + 1, byte >> 4)] {
                    put_nibble(&mut self.nibbles[b], row, n, number);
                    put_fifth(&mut self.fifths[b], row, n, (fifths[n] >> b & 1) << 4);
                }
            }
        }
    }

    fn group(&self, b: usize, group: usize) -> Group {
        group_of_five(&self.nibbles[b], &self.fifths[b], group)
    }

    fn scales(&self, b: usize, _: usize) -> [f32; TILE] {
        self.shares.scales(b)
    }

    fn least(&self, b: usize) -> Option<[f32; TILE]> {
        Some(self.shares.least(b))
    }
}

impl Block for Q6K {
    const EMPTY: Self = Self {
        scales: [0; TILE],
        shares: [[0; TILE]; 2 * LARGE],
        highs: [[0; WORDS]; 2 * LARGE],
        nibbles: [NO_NIBBLES; LARGE],
    };
    const SIZE: usize = LARGE * BLOCK / 2 + LARGE * BLOCK / 4 + 2 * LARGE + 2;
    const BLOCKS: usize = LARGE;
    const SCALES: usize = 2;

    fn put(&mut self, row: usize, bytes: &[u8]) {
        let (lows, rest) = bytes[..Self::SIZE].split_at(LARGE * BLOCK / 2);
        let (highs, rest) = rest.split_at(LARGE * BLOCK / 4);
        let (shares, scale) = rest.split_at(2 * LARGE);
        self.scales[row] = half_at(scale, 0);
        for (shares, byte) in self.shares.iter_mut().zip(shares) {
            shares[row] = i8::from_le_bytes([*byte]);
        }
        // Of each half of the block, byte n of 32 has two bits of number n of each 32, the first 32's lowest; the lower
        // halves of 64 bytes are the first two 32s, the upper ones the next two.
        for b in 0..LARGE {
            let (half, of_half) = (b / 4, b % 4);
            let lows = &lows[half * 2 * BLOCK + of_half % 2 * BLOCK..][..BLOCK];
            let highs = &highs[half * BLOCK..][..BLOCK];
            for (n, (low, high)) in lows.iter().zip(highs).enumerate() {
                put_nibble(&mut self.nibbles[b], row, n, low >> (of_half / 2 * 4));
                let bits = u16::from(high >> (2 * of_half) & 3);
                self.highs[2 * b + n / 16][2 * row + n % 2] |= bits << (n % 16 / 2 * 2);
            }
        }
    }

    fn group(&self, b: usize, group: usize) -> Group {
        let mut all = group_of(&self.nibbles[b], group);
        for (k, pair) in all.iter_mut().enumerate() {
            for (number, high) in pair.iter_mut().zip(&self.highs[2 * b + group / 2]) {
                *number |= ((high >> (group % 2 * 8 + 2 * k) & 3) << 4) as i16;
            }
        }
        all.map(|pair| pair.map(|number| number - 32))
    }

    fn scales(&self, b: usize, half: usize) -> [f32; TILE] {
        let shares = self.shares[2 * b + half];
        std::array::from_fn(|r| f16::from_bits(self.scales[r]).to_f32() * f32::from(shares[r]))
    }
}
