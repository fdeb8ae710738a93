//! A matrix's numbers in tiles, in one of the formats.
//!
//! Knows how numbers are put into tiles and found again; what a matrix is stands in `matrix`.

use crate::chosen;
use crate::format::Format;
use crate::kernels::{
    ABREAST, BLOCK, Block, Paged, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0, TILE, Tiles, half, place,
};
use half::bf16;
use std::ops::Range;

/// One matrix's tiles.
#[derive(Debug)]
pub(crate) enum Packed {
    F32(Paged<f32>),
    F16(Paged<u16>),
    Bf16(Paged<u16>),
    Q8_0(Paged<Q8_0>),
    Q4_0(Paged<Q4_0>),
    Q4_1(Paged<Q4_1>),
    Q5_0(Paged<Q5_0>),
    Q5_1(Paged<Q5_1>),
    Q4K(Paged<Q4K>),
    Q5K(Paged<Q5K>),
    Q6K(Paged<Q6K>),
}

impl Packed {
    /// Rows that lie in a piece of memory of their own in every format.
    pub(crate) const ROWS: usize = ABREAST * TILE;

    /// Room for so many tiles of one of [`Format::MADE`].
    ///
    /// # Panics
    /// If the format comes from files alone.
    pub(crate) fn room(format: Format, tiles: usize, inner: usize) -> Self {
        let (all, blocks) = (tiles * TILE * inner, tiles * (inner / BLOCK));
        match format {
            Format::F32 => Self::F32(Paged::room(all)),
            Format::F16 => Self::F16(Paged::room(all)),
            Format::Bf16 => Self::Bf16(Paged::room(all)),
            Format::Q8_0 => Self::Q8_0(Paged::room(blocks)),
            Format::Q4_0 => Self::Q4_0(Paged::room(blocks)),
            Format::Q4_1 => Self::Q4_1(Paged::room(blocks)),
            Format::Q5_0 | Format::Q5_1 | Format::Q4K | Format::Q5K | Format::Q6K => {
                panic!("{format} comes from files alone")
            }
        }
    }

    /// Adds rows of numbers to what there was room for: a multiple of [`Packed::ROWS`], but for the last.
    pub(crate) fn put(&mut self, numbers: &[f32], inner: usize) {
        match self {
            Self::F32(to) => interleave(numbers, inner, |x| x, to),
            Self::F16(to) => interleave(numbers, inner, |x| half(x).to_bits(), to),
            Self::Bf16(to) => interleave(numbers, inner, |x| bf16::from_f32(x).to_bits(), to),
            Self::Q8_0(to) => quantise(numbers, inner, chosen::q8_0, to),
            Self::Q4_0(to) => quantise(numbers, inner, chosen::q4_0, to),
            Self::Q4_1(to) => quantise(numbers, inner, chosen::q4_1, to),
            Self::Q5_0(_) | Self::Q5_1(_) | Self::Q4K(_) | Self::Q5K(_) | Self::Q6K(_) => {
                unreachable!("there is no room of these")
            }
        }
    }

    /// From the bytes that GGUF files have for a matrix of a format with blocks: row by row, block by block. `None` if these
    /// are not the bytes of such a matrix, or the format has no blocks.
    pub(crate) fn read(bytes: &[u8], rows: usize, inner: usize, format: Format) -> Option<Self> {
        Some(match format {
            Format::F32 | Format::F16 | Format::Bf16 => return None,
            Format::Q8_0 => Self::Q8_0(read(bytes, rows, inner)?),
            Format::Q4_0 => Self::Q4_0(read(bytes, rows, inner)?),
            Format::Q4_1 => Self::Q4_1(read(bytes, rows, inner)?),
            Format::Q5_0 => Self::Q5_0(read(bytes, rows, inner)?),
            Format::Q5_1 => Self::Q5_1(read(bytes, rows, inner)?),
            Format::Q4K => Self::Q4K(read(bytes, rows, inner)?),
            Format::Q5K => Self::Q5K(read(bytes, rows, inner)?),
            Format::Q6K => Self::Q6K(read(bytes, rows, inner)?),
        })
    }

    /// How the numbers are kept.
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::F32(_) => Format::F32,
            Self::F16(_) => Format::F16,
            Self::Bf16(_) => Format::Bf16,
            Self::Q8_0(_) => Format::Q8_0,
            Self::Q4_0(_) => Format::Q4_0,
            Self::Q4_1(_) => Format::Q4_1,
            Self::Q5_0(_) => Format::Q5_0,
            Self::Q5_1(_) => Format::Q5_1,
            Self::Q4K(_) => Format::Q4K,
            Self::Q5K(_) => Format::Q5K,
            Self::Q6K(_) => Format::Q6K,
        }
    }

    /// Some of the tiles, of rows of `inner` numbers: of a format with blocks, those that stand beside each other together.
    pub(crate) fn some(&self, tiles: Range<usize>, inner: usize) -> Tiles<'_> {
        fn blocks<B: Block>(all: &[B], tiles: Range<usize>, inner: usize) -> &[B] {
            let of_one = inner / (B::BLOCKS * BLOCK);
            let together = |end: usize| end.is_multiple_of(ABREAST) || end * of_one == all.len();
            assert!(together(tiles.start) && together(tiles.end), "one tile of two: {tiles:?}");
            &all[tiles.start * of_one..tiles.end * of_one]
        }
        let floats = tiles.start * TILE * inner..tiles.end * TILE * inner;
        match self {
            Self::F32(t) => Tiles::F32(&t[floats]),
            Self::F16(t) => Tiles::F16(&t[floats]),
            Self::Bf16(t) => Tiles::Bf16(&t[floats]),
            Self::Q8_0(t) => Tiles::Q8_0(blocks(t, tiles, inner)),
            Self::Q4_0(t) => Tiles::Q4_0(blocks(t, tiles, inner)),
            Self::Q4_1(t) => Tiles::Q4_1(blocks(t, tiles, inner)),
            Self::Q5_0(t) => Tiles::Q5_0(blocks(t, tiles, inner)),
            Self::Q5_1(t) => Tiles::Q5_1(blocks(t, tiles, inner)),
            Self::Q4K(t) => Tiles::Q4K(blocks(t, tiles, inner)),
            Self::Q5K(t) => Tiles::Q5K(blocks(t, tiles, inner)),
            Self::Q6K(t) => Tiles::Q6K(blocks(t, tiles, inner)),
        }
    }
}

/// Blocks from a file's bytes.
fn read<B: Block>(bytes: &[u8], rows: usize, inner: usize) -> Option<Paged<B>> {
    let of_one = B::BLOCKS * BLOCK;
    let blocks = inner / of_one;
    let fits = inner > 0 && inner.is_multiple_of(of_one);
    if !fits || bytes.len() != rows.checked_mul(blocks)?.checked_mul(B::SIZE)? {
        return None;
    }
    let count = rows.div_ceil(TILE);
    let mut packed = Paged::room(count * blocks);
    let tiles = packed.more(count * blocks, B::EMPTY);
    for (n, block) in bytes.chunks_exact(B::SIZE).enumerate() {
        let (row, b) = (n / blocks, n % blocks);
        tiles[place(row / TILE, b, count, blocks)].put(row % TILE, block);
    }
    Some(packed)
}

/// Adds blocks made of numbers, `of` each 32.
fn quantise<B: Block>(numbers: &[f32], inner: usize, of: impl Fn(&[f32], &mut Vec<u8>), to: &mut Paged<B>) {
    let blocks = inner / BLOCK;
    let count = (numbers.len() / inner).div_ceil(TILE);
    let tiles = to.more(count * blocks, B::EMPTY);
    let mut bytes = Vec::with_capacity(B::SIZE);
    for (n, numbers) in numbers.chunks_exact(BLOCK).enumerate() {
        let (row, b) = (n / blocks, n % blocks);
        bytes.clear();
        of(numbers, &mut bytes);
        tiles[place(row / TILE, b, count, blocks)].put(row % TILE, &bytes);
    }
}

/// Adds numbers, those of eight rows beside each other.
fn interleave<W: Copy + Default>(numbers: &[f32], inner: usize, of: impl Fn(f32) -> W, to: &mut Paged<W>) {
    let tiles = to.more((numbers.len() / inner).div_ceil(TILE) * TILE * inner, W::default());
    for (row, numbers) in numbers.chunks_exact(inner).enumerate() {
        let lane = &mut tiles[row / TILE * TILE * inner + row % TILE..];
        for (place, x) in lane.iter_mut().step_by(TILE).zip(numbers) {
            *place = of(*x);
        }
    }
}
