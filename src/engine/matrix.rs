//! A matrix of weights as the kernels want it: cut into tiles, in one of a few formats.
//!
//! Knows how numbers are packed and found again, and not what they mean.

use crate::format::Format;
use crate::kernels::{ABREAST, BLOCK, Block, Kernel, TILE, Tiles, Vectors, half};
use crate::packed::Packed;
use crate::scratch;
use half::{bf16, f16};
use std::ops::Range;

/// A matrix `[rows, inner]`, packed.
#[derive(Debug)]
pub struct Matrix {
    rows: usize,
    inner: usize,
    packed: Packed,
}

/// Numbers that are packed at once.
const AT_ONCE: usize = 1 << 16;

/// The fewest bits that lose nothing of what was seen: bf16 where every number is one, f16 where every number is one of those,
/// else f32.
struct Fewest {
    bf16: bool,
    f16: bool,
}

impl Default for Fewest {
    fn default() -> Self {
        Self { bf16: true, f16: true }
    }
}

impl Fewest {
    fn see(&mut self, numbers: &[f32]) {
        self.bf16 &= numbers.iter().all(|x| x.to_bits() & 0xffff == 0);
        self.f16 &= numbers.iter().all(|x| half(*x).to_f32().to_bits() == x.to_bits());
    }

    fn format(&self) -> Format {
        match self {
            Self { bf16: true, .. } => Format::Bf16,
            Self { f16: true, .. } => Format::F16,
            _ => Format::F32,
        }
    }
}

impl Matrix {
    /// Packs `[rows, inner]`. A number of 0 to 7 rows of noughts fills the last tile.
    ///
    /// # Panics
    /// If the length is not that of the shape, `inner` does not suit the format (see [`Matrix::suits`]), or it is not one
    /// of [`Format::MADE`].
    pub fn pack(numbers: &[f32], rows: usize, inner: usize, format: Format) -> Self {
        assert!(
            inner > 0 && numbers.len() == rows * inner,
            "{} numbers are no [{rows}, {inner}]",
            numbers.len()
        );
        assert!(Self::suits(inner, format), "blocks of {format} do not make rows of {inner}");
        let mut packed = Packed::room(format, rows.div_ceil(TILE), inner);
        packed.put(numbers, inner);
        Self { rows, inner, packed }
    }

    /// Packs `[rows, inner]` in as few bits as lose nothing: bf16 where every number is one, f16 where every number is
    /// one of those, else f32.
    ///
    /// # Panics
    /// As [`Matrix::pack`].
    pub fn exact(numbers: &[f32], rows: usize, inner: usize) -> Self {
        let mut fewest = Fewest::default();
        fewest.see(numbers);
        Self::pack(numbers, rows, inner, fewest.format())
    }

    /// Packs `[rows, inner]` as [`Matrix::pack`] does, or as [`Matrix::exact`] does where no format is given, from some rows at a
    /// time: `numbers` puts those it is asked for, perhaps twice, into the room it is given.
    ///
    /// # Errors
    /// As `numbers`.
    ///
    /// # Panics
    /// As [`Matrix::pack`].
    pub fn gathered<E>(
        rows: usize,
        inner: usize,
        format: Option<Format>,
        mut numbers: impl FnMut(Range<usize>, &mut [f32]) -> Result<(), E>,
    ) -> Result<Self, E> {
        assert!(inner > 0, "rows of nothing");
        let step = ((AT_ONCE / inner / Packed::ROWS).max(1) * Packed::ROWS).min(rows.max(1));
        // Room that were given back between two matrices would become part of the next one's, and its end, which nobody writes
        // to, would take memory.
        scratch::with(step * inner, |room| {
            let pieces = || (0..rows).step_by(step).map(|from| from..(from + step).min(rows));
            let mut read = |range: Range<usize>, take: &mut dyn FnMut(&[f32])| {
                let some = &mut room[..range.len() * inner];
                numbers(range, some).map(|()| take(some))
            };
            let format = match format {
                Some(format) => format,
                None => {
                    let mut fewest = Fewest::default();
                    for piece in pieces() {
                        read(piece, &mut |some| fewest.see(some))?;
                        if fewest.format() == Format::F32 {
                            break;
                        }
                    }
                    fewest.format()
                }
            };
            assert!(Self::suits(inner, format), "blocks of {format} do not make rows of {inner}");
            let mut packed = Packed::room(format, rows.div_ceil(TILE), inner);
            for piece in pieces() {
                read(piece, &mut |some| packed.put(some, inner))?;
            }
            Ok(Self { rows, inner, packed })
        })
    }

    /// Packs a matrix of a format with blocks from the bytes that GGUF files have for it: row by row, block by block. `None`
    /// if these are not the bytes of such a matrix, or the format has no blocks.
    pub fn read(bytes: &[u8], rows: usize, inner: usize, format: Format) -> Option<Self> {
        Some(Self { rows, inner, packed: Packed::read(bytes, rows, inner, format)? })
    }

    /// Whether rows of `inner` numbers can be packed in a format.
    pub fn suits(inner: usize, format: Format) -> bool {
        inner > 0 && format.block().is_none_or(|(of, _)| inner.is_multiple_of(of))
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many numbers a row has.
    pub fn inner(&self) -> usize {
        self.inner
    }

    /// How the numbers are kept.
    pub fn format(&self) -> Format {
        self.packed.format()
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.packed_bytes().len()
    }

    pub(crate) fn packed_bytes(&self) -> &[u8] {
        self.some(0..self.tiles()).bytes()
    }

    pub(crate) fn tiles(&self) -> usize {
        self.rows.div_ceil(TILE)
    }

    /// Some of the tiles.
    pub(crate) fn some(&self, tiles: Range<usize>) -> Tiles<'_> {
        self.packed.some(tiles, self.inner)
    }

    /// The products of some tiles' rows with vectors: `out` is `[n, 8 × tiles]`.
    pub(crate) fn multiply(&self, kernel: Kernel, tiles: Range<usize>, x: &Vectors, out: &mut [f32]) {
        kernel.multiply(self.some(tiles), x, out);
    }

    /// One row as numbers.
    ///
    /// # Panics
    /// If there is no such row, or `out` is not as long as one.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.rows && out.len() == self.inner, "row {row} of {}", self.rows);
        let (tile, lane) = (row / TILE, row % TILE);
        let first = tile / ABREAST * ABREAST;
        let two = first..(first + ABREAST).min(self.tiles());
        let (abreast, at) = (two.len(), tile - first);
        match self.some(two) {
            Tiles::F32(t) | Tiles::Apart(t, _) => row_of(&t[at * TILE * self.inner..], lane, |x| x, out),
            Tiles::F16(t) | Tiles::HalvesApart(t, _) => {
                row_of(&t[at * TILE * self.inner..], lane, |x| f16::from_bits(x).to_f32(), out);
            }
            Tiles::Bf16(t) => {
                row_of(&t[at * TILE * self.inner..], lane, |x| bf16::from_bits(x).to_f32(), out);
            }
            Tiles::Q8_0(t) => row_of_blocks(t, (at, abreast), lane, out),
            Tiles::Q4_0(t) => row_of_blocks(t, (at, abreast), lane, out),
            Tiles::Q4_1(t) => row_of_blocks(t, (at, abreast), lane, out),
            Tiles::Q5_0(t) => row_of_blocks(t, (at, abreast), lane, out),
            Tiles::Q5_1(t) => row_of_blocks(t, (at, abreast), lane, out),
            Tiles::Q4K(t) => row_of_blocks(t, (at, abreast), lane, out),
            Tiles::Q5K(t) => row_of_blocks(t, (at, abreast), lane, out),
            Tiles::Q6K(t) => row_of_blocks(t, (at, abreast), lane, out),
        }
    }
}

fn row_of<W: Copy>(tile: &[W], lane: usize, wide: impl Fn(W) -> f32, out: &mut [f32]) {
    for (x, numbers) in out.iter_mut().zip(tile.chunks_exact(TILE)) {
        *x = wide(numbers[lane]);
    }
}

fn row_of_blocks<B: Block>(tiles: &[B], (tile, abreast): (usize, usize), lane: usize, out: &mut [f32]) {
    let of_tile = tiles[tile..].iter().step_by(abreast);
    for (block, out) in of_tile.zip(out.chunks_exact_mut(B::BLOCKS * BLOCK)) {
        for (b, out) in out.chunks_exact_mut(BLOCK).enumerate() {
            let least = block.least(b).map_or(0.0, |least| least[lane]);
            for (group, out) in out.chunks_exact_mut(8).enumerate() {
                let (pairs, scale) = (block.group(b, group), block.scales(b, group * B::SCALES / 4)[lane]);
                for (n, x) in out.iter_mut().enumerate() {
                    *x = f32::from(pairs[n / 2][2 * lane + n % 2]) * scale + least;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chosen;
    use crate::tests::{Drawn, file_of};

    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 % 101) as f32 - 50.0) / 16.0).collect()
    }

    #[test]
    fn what_was_packed_is_found_again() {
        let (rows, inner) = (11, 64);
        let all = numbers(rows * inner);
        let mut row = vec![0.0; inner];
        for (format, most) in Format::MADE.into_iter().zip([0.0, 0.0, 0.0, 0.02, 0.4, 0.22]) {
            let matrix = Matrix::pack(&all, rows, inner, format);
            assert_eq!((matrix.rows(), matrix.inner(), matrix.format()), (rows, inner, format));
            for (n, expected) in all.chunks_exact(inner).enumerate() {
                matrix.row(n, &mut row);
                let off = row.iter().zip(expected).fold(0.0f32, |a, (x, y)| a.max((x - y).abs()));
                assert!(off <= most, "{format}: off by {off}");
            }
        }
    }

    #[test]
    fn what_is_packed_piece_by_piece_is_what_is_packed_at_once() {
        // Rows so long that a piece has as few as can be: three pieces, the last of three rows.
        let (rows, inner) = (2 * Packed::ROWS + 3, AT_ONCE / Packed::ROWS / 2 + 32);
        let mut all = numbers(rows * inner);
        all[rows * inner - 1] = 0.1;
        for format in Format::MADE.map(Some).into_iter().chain([None]) {
            let mut pieces = Vec::new();
            let gathered = Matrix::gathered(rows, inner, format, |range, some| {
                pieces.push(range.clone());
                some.copy_from_slice(&all[range.start * inner..range.end * inner]);
                Ok::<_, ()>(())
            })
            .expect("no piece fails");
            let whole = match format {
                Some(format) => Matrix::pack(&all, rows, inner, format),
                None => Matrix::exact(&all, rows, inner),
            };
            assert_eq!(pieces.len() % 3, 0, "{pieces:?}");
            assert_eq!(gathered.format(), whole.format());
            assert!(gathered.packed_bytes() == whole.packed_bytes(), "{format:?}");
            assert_eq!(gathered.bytes(), gathered.packed_bytes().len());
        }
        assert!(Matrix::gathered(8, 32, None, |_, _| Err(())).is_err());
    }

    #[test]
    fn exact_takes_the_fewest_bits_that_lose_nothing() {
        let of = |x: f32| Matrix::exact(&[1.0, x], 1, 2).format();
        assert_eq!(
            [of(0.5), of(1.0 + 1.0 / 1024.0), of(0.1), of(f32::MAX)],
            [Format::Bf16, Format::F16, Format::F32, Format::F32]
        );
    }

    /// One block's numbers as ggml's `dequantize_row_…` has them, written after its source, number by number.
    fn as_ggml(format: Format, block: &[u8]) -> Vec<f32> {
        let half = |at: usize| f16::from_le_bytes([block[at], block[at + 1]]).to_f32();
        let nibble = |from: usize, n: usize| block[from + n % 16] >> (n / 16 * 4) & 15;
        let fifth = |from: usize, n: usize| (block[from + n / 8] >> (n % 8) & 1) << 4;
        let k4 = |j: usize| {
            let s = &block[4..16];
            match j {
                0..4 => (s[j] & 63, s[j + 4] & 63),
                _ => (s[j + 4] & 15 | s[j - 4] >> 6 << 4, s[j + 4] >> 4 | s[j] >> 6 << 4),
            }
        };
        let signed = |byte: u8| f32::from(i8::from_le_bytes([byte]));
        let wide = format.block().expect("blocks").0;
        let of = |n: usize| match format {
            Format::Q8_0 => half(0) * signed(block[2 + n]),
            Format::Q4_0 => half(0) * (f32::from(nibble(2, n)) - 8.0),
            Format::Q4_1 => half(0) * f32::from(nibble(4, n)) + half(2),
            Format::Q5_0 => half(0) * (f32::from(nibble(6, n) | fifth(2, n)) - 16.0),
            Format::Q5_1 => half(0) * f32::from(nibble(8, n) | fifth(4, n)) + half(2),
            Format::Q4K | Format::Q5K => {
                let (scale, least) = k4(n / 32);
                let lows = if format == Format::Q4K { 16 } else { 48 };
                let low = block[lows + n / 64 * 32 + n % 32] >> (n / 32 % 2 * 4) & 15;
                let high = if format == Format::Q5K { (block[16 + n % 32] >> (n / 32) & 1) << 4 } else { 0 };
                half(0) * f32::from(scale) * f32::from(low | high) - half(2) * f32::from(least)
            }
            Format::Q6K => {
                let (of_half, l) = (n % 128 / 32, n % 32);
                let low = block[n / 128 * 64 + of_half % 2 * 32 + l] >> (of_half / 2 * 4) & 15;
                let high = block[128 + n / 128 * 32 + l] >> (2 * of_half) & 3;
                half(208) * signed(block[192 + n / 16]) * (f32::from(low | high << 4) - 32.0)
            }
            Format::F32 | Format::F16 | Format::Bf16 => unreachable!("no blocks"),
        };
        (0..wide).map(of).collect()
    }

    #[test]
    fn numbers_of_a_file_are_kept_to_the_bit() {
        let mut drawn = Drawn::new(5);
        for format in Format::ALL {
            let Some((of_one, size)) = format.block() else { continue };
            let (rows, inner) = (11, 2 * of_one);
            let bytes = file_of(format, rows * inner, 0.1, &mut drawn);
            let matrix = Matrix::read(&bytes, rows, inner, format).expect("whole");
            assert_eq!((matrix.rows(), matrix.inner(), matrix.format()), (rows, inner, format));
            let bits = matrix.bytes() as f64 * 8.0 / (16 * inner) as f64;
            assert!(bits <= size as f64 * 8.0 / of_one as f64 * 1.03, "{format} takes {bits} bits a number");
            let mut row = vec![0.0; inner];
            for (n, bytes) in bytes.chunks_exact(2 * size).enumerate() {
                matrix.row(n, &mut row);
                let expected: Vec<f32> = bytes.chunks_exact(size).flat_map(|b| as_ggml(format, b)).collect();
                assert!(expected.iter().any(|x| *x != expected[0]));
                assert_eq!(row, expected, "row {n} of {format}");
            }
            for (bytes, inner) in [(&bytes[1..], inner), (&bytes[..], inner - 1), (&bytes[..], 0)] {
                assert!(Matrix::read(bytes, rows, inner, format).is_none());
            }
        }
    }

    #[test]
    fn what_is_packed_is_what_a_file_of_it_is() {
        for (format, of) in [
            (Format::Q8_0, chosen::q8_0 as fn(&[f32], &mut Vec<u8>)),
            (Format::Q4_0, chosen::q4_0),
            (Format::Q4_1, chosen::q4_1),
        ] {
            let all = numbers(9 * 64);
            let mut bytes = Vec::new();
            all.chunks_exact(BLOCK).for_each(|block| of(block, &mut bytes));
            let read = Matrix::read(&bytes, 9, 64, format).expect("whole");
            let packed = Matrix::pack(&all, 9, 64, format);
            let (mut a, mut b) = (vec![0.0; 64], vec![0.0; 64]);
            for row in 0..9 {
                packed.row(row, &mut a);
                read.row(row, &mut b);
                assert_eq!(a, b);
            }
        }
    }
}
