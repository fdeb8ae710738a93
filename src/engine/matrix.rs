//! A matrix of weights as the kernels want it: cut into tiles, in one of a few formats.
//!
//! Knows how numbers are packed and found again, and not what they mean.

use crate::kernels::{BLOCK, Kernel, Q4, Q8, TILE, Tiles, Vectors};
use half::{bf16, f16};
use std::fmt;
use std::ops::Range;

/// How a matrix's numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As they are.
    F32,
    /// In half precision: 11 bits of each.
    F16,
    /// The upper halves of f32: 8 bits of each.
    Bf16,
    /// Signed bytes, with a scale in f16 for every 32 of a row: ggml's `Q8_0`.
    Q8,
    /// Four bits, with a scale and a least number in f16 for every 32 of a row: ggml's `Q4_1`, and its `Q4_0` too.
    Q4,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::F32, Self::F16, Self::Bf16, Self::Q8, Self::Q4];

    /// Whether it has blocks.
    pub(crate) fn is_quantised(self) -> bool {
        matches!(self, Self::Q8 | Self::Q4)
    }

    /// As records call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Q8 => "q8_0",
            Self::Q4 => "q4_1",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A matrix `[rows, inner]`, packed.
#[derive(Debug)]
pub struct Matrix {
    rows: usize,
    inner: usize,
    packed: Packed,
}

#[derive(Debug)]
enum Packed {
    F32(Vec<f32>),
    F16(Vec<u16>),
    Bf16(Vec<u16>),
    Q8(Vec<Q8>),
    Q4(Vec<Q4>),
}

impl Matrix {
    /// Packs `[rows, inner]`. A number of 0 to 7 rows of noughts fills the last tile.
    ///
    /// # Panics
    /// If the length is not that of the shape, or `inner` does not suit the format: see [`Matrix::suits`].
    pub fn pack(numbers: &[f32], rows: usize, inner: usize, format: Format) -> Self {
        assert!(
            inner > 0 && numbers.len() == rows * inner,
            "{} numbers are no [{rows}, {inner}]",
            numbers.len()
        );
        let packed = match format {
            Format::F32 => Packed::F32(interleaved(numbers, rows, inner, |x| x)),
            Format::F16 => Packed::F16(interleaved(numbers, rows, inner, |x| f16::from_f32(x).to_bits())),
            Format::Bf16 => Packed::Bf16(interleaved(numbers, rows, inner, |x| bf16::from_f32(x).to_bits())),
            Format::Q8 => {
                assert!(Self::suits(inner, format), "blocks of {BLOCK} do not make rows of {inner}");
                let blocks = inner / BLOCK;
                let mut tiles = vec![EMPTY; rows.div_ceil(TILE) * blocks];
                for (row, numbers) in numbers.chunks_exact(inner).enumerate() {
                    for (b, numbers) in numbers.chunks_exact(BLOCK).enumerate() {
                        let (scale, bytes) = quantised(numbers);
                        put(&mut tiles[row / TILE * blocks + b], row % TILE, scale, &bytes);
                    }
                }
                Packed::Q8(tiles)
            }
            Format::Q4 => {
                assert!(Self::suits(inner, format), "blocks of {BLOCK} do not make rows of {inner}");
                let blocks = inner / BLOCK;
                let mut tiles = vec![NOTHING; rows.div_ceil(TILE) * blocks];
                for (row, numbers) in numbers.chunks_exact(inner).enumerate() {
                    for (b, numbers) in numbers.chunks_exact(BLOCK).enumerate() {
                        let (scale, least, halves) = halved(numbers);
                        put_halves(&mut tiles[row / TILE * blocks + b], row % TILE, (scale, least), &halves);
                    }
                }
                Packed::Q4(tiles)
            }
        };
        Self { rows, inner, packed }
    }

    /// Packs `[rows, inner]` in as few bits as lose nothing: bf16 where every number is one, f16 where every number is
    /// one of those, else f32.
    ///
    /// # Panics
    /// As [`Matrix::pack`].
    pub fn exact(numbers: &[f32], rows: usize, inner: usize) -> Self {
        let format = if numbers.iter().all(|x| x.to_bits() & 0xffff == 0) {
            Format::Bf16
        } else if numbers.iter().all(|x| f16::from_f32(*x).to_f32().to_bits() == x.to_bits()) {
            Format::F16
        } else {
            Format::F32
        };
        Self::pack(numbers, rows, inner, format)
    }

    /// Packs a matrix that is `Q8_0` already, as GGUF files have it: block by block, row by row, 34 bytes each: scale, then
    /// numbers. `None` if these are not the bytes of such a matrix.
    pub fn from_q8_0(bytes: &[u8], rows: usize, inner: usize) -> Option<Self> {
        const SIZE: usize = 2 + BLOCK;
        if inner == 0
            || !inner.is_multiple_of(BLOCK)
            || bytes.len() != rows.checked_mul(inner / BLOCK)?.checked_mul(SIZE)?
        {
            return None;
        }
        let blocks = inner / BLOCK;
        let mut tiles = vec![EMPTY; rows.div_ceil(TILE) * blocks];
        for (n, block) in bytes.chunks_exact(SIZE).enumerate() {
            let (row, b) = (n / blocks, n % blocks);
            let mut numbers = [0i8; BLOCK];
            for (number, byte) in numbers.iter_mut().zip(&block[2..]) {
                *number = i8::from_le_bytes([*byte]);
            }
            let scale = u16::from_le_bytes([block[0], block[1]]);
            put(&mut tiles[row / TILE * blocks + b], row % TILE, scale, &numbers);
        }
        Some(Self { rows, inner, packed: Packed::Q8(tiles) })
    }

    /// Packs a matrix that is `Q4_1` (`least`) or `Q4_0` already, as GGUF files have it: block by block, row by row, 20 or 18
    /// bytes each: scale, least number, then two numbers a byte, the one 16 further on in its upper half. Of `Q4_0` the least
    /// number is −8 scales. `None` if these are not the bytes of such a matrix, or one has a least number beyond f16.
    pub fn from_q4(bytes: &[u8], rows: usize, inner: usize, least: bool) -> Option<Self> {
        let size = 2 + 2 * usize::from(least) + BLOCK / 2;
        if inner == 0
            || !inner.is_multiple_of(BLOCK)
            || bytes.len() != rows.checked_mul(inner / BLOCK)?.checked_mul(size)?
        {
            return None;
        }
        let blocks = inner / BLOCK;
        let mut tiles = vec![NOTHING; rows.div_ceil(TILE) * blocks];
        for (n, block) in bytes.chunks_exact(size).enumerate() {
            let scale = f16::from_le_bytes([block[0], block[1]]);
            let least = match least {
                true => f16::from_le_bytes([block[2], block[3]]),
                // Exact: a power of two.
                false => f16::from_f32(scale.to_f32() * -8.0),
            };
            if !least.is_finite() && scale.is_finite() {
                return None;
            }
            let halves = block[size - BLOCK / 2..].try_into().ok()?;
            put_halves(
                &mut tiles[n / blocks / TILE * blocks + n % blocks],
                n / blocks % TILE,
                (scale, least),
                &halves,
            );
        }
        Some(Self { rows, inner, packed: Packed::Q4(tiles) })
    }

    /// Whether rows of `inner` numbers can be packed in a format.
    pub fn suits(inner: usize, format: Format) -> bool {
        inner > 0 && (!format.is_quantised() || inner.is_multiple_of(BLOCK))
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
        match &self.packed {
            Packed::F32(_) => Format::F32,
            Packed::F16(_) => Format::F16,
            Packed::Bf16(_) => Format::Bf16,
            Packed::Q8(_) => Format::Q8,
            Packed::Q4(_) => Format::Q4,
        }
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> usize {
        match &self.packed {
            Packed::F32(t) => size_of_val(t.as_slice()),
            Packed::F16(t) | Packed::Bf16(t) => size_of_val(t.as_slice()),
            Packed::Q8(t) => size_of_val(t.as_slice()),
            Packed::Q4(t) => size_of_val(t.as_slice()),
        }
    }

    pub(crate) fn tiles(&self) -> usize {
        self.rows.div_ceil(TILE)
    }

    /// Some of the tiles.
    pub(crate) fn some(&self, tiles: Range<usize>) -> Tiles<'_> {
        let floats = tiles.start * TILE * self.inner..tiles.end * TILE * self.inner;
        let blocks = tiles.start * (self.inner / BLOCK)..tiles.end * (self.inner / BLOCK);
        match &self.packed {
            Packed::F32(t) => Tiles::F32(&t[floats]),
            Packed::F16(t) => Tiles::F16(&t[floats]),
            Packed::Bf16(t) => Tiles::Bf16(&t[floats]),
            Packed::Q8(t) => Tiles::Q8(&t[blocks]),
            Packed::Q4(t) => Tiles::Q4(&t[blocks]),
        }
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
        let at = |k: usize| (tile * self.inner + k) * TILE + lane;
        match &self.packed {
            Packed::F32(t) => out.iter_mut().enumerate().for_each(|(k, x)| *x = t[at(k)]),
            Packed::F16(t) => {
                out.iter_mut().enumerate().for_each(|(k, x)| *x = f16::from_bits(t[at(k)]).to_f32())
            }
            Packed::Bf16(t) => {
                out.iter_mut().enumerate().for_each(|(k, x)| *x = bf16::from_bits(t[at(k)]).to_f32())
            }
            Packed::Q8(t) => {
                let blocks = self.inner / BLOCK;
                for (k, x) in out.iter_mut().enumerate() {
                    let block = &t[tile * blocks + k / BLOCK];
                    let number = block.numbers[place(k % BLOCK, lane)];
                    *x = f32::from(number) * f16::from_bits(block.scales[lane]).to_f32();
                }
            }
            Packed::Q4(t) => {
                let blocks = self.inner / BLOCK;
                for (k, x) in out.iter_mut().enumerate() {
                    let block = &t[tile * blocks + k / BLOCK];
                    let (k, half) = (k % BLOCK % (BLOCK / 2), k % BLOCK / (BLOCK / 2));
                    let number = block.numbers[place(k, lane)] >> (4 * half) & 15;
                    let (scale, least) =
                        (f16::from_bits(block.scales[lane]), f16::from_bits(block.least[lane]));
                    *x = f32::from(number) * scale.to_f32() + least.to_f32();
                }
            }
        }
    }
}

const EMPTY: Q8 = Q8 { scales: [0; TILE], numbers: [0; TILE * BLOCK] };

const NOTHING: Q4 = Q4 { scales: [0; TILE], least: [0; TILE], numbers: [0; TILE * BLOCK / 2] };

/// Where number `k` of a lane's block stands.
fn place(k: usize, lane: usize) -> usize {
    k / 2 * 2 * TILE + lane * 2 + k % 2
}

fn put(tile: &mut Q8, lane: usize, scale: u16, numbers: &[i8; BLOCK]) {
    tile.scales[lane] = scale;
    for (k, number) in numbers.iter().enumerate() {
        tile.numbers[place(k, lane)] = *number;
    }
}

/// `halves`: numbers 0 to 15 in the lower halves, 16 to 31 in the upper ones, as ggml has them.
fn put_halves(tile: &mut Q4, lane: usize, (scale, least): (f16, f16), halves: &[u8; BLOCK / 2]) {
    tile.scales[lane] = scale.to_bits();
    tile.least[lane] = least.to_bits();
    for (k, byte) in halves.iter().enumerate() {
        tile.numbers[place(k, lane)] = *byte;
    }
}

/// A block in four bits, from its least number to its greatest in fifteen steps, as ggml's `Q4_1`.
fn halved(numbers: &[f32]) -> (f16, f16, [u8; BLOCK / 2]) {
    let (least, most) = numbers.iter().fold((f32::MAX, f32::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
    let step = (most - least) / 15.0;
    let by = if step > 0.0 { 1.0 / step } else { 0.0 };
    let of = |x: f32| ((x - least) * by).round().clamp(0.0, 15.0) as u8;
    let mut halves = [0u8; BLOCK / 2];
    for (k, byte) in halves.iter_mut().enumerate() {
        *byte = of(numbers[k]) | of(numbers[k + BLOCK / 2]) << 4;
    }
    // Weights that are no numbers stay none.
    let broken = numbers.iter().any(|x| !x.is_finite());
    (f16::from_f32(if broken { f32::NAN } else { step }), f16::from_f32(least), halves)
}

/// A block as ggml quantises it: scale = largest magnitude / 127, rounded to f16 after the numbers were made with it.
fn quantised(numbers: &[f32]) -> (u16, [i8; BLOCK]) {
    let top = numbers.iter().fold(0.0f32, |a, x| a.max(x.abs()));
    let scale = top / 127.0;
    let by = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let mut bytes = [0i8; BLOCK];
    for (byte, number) in bytes.iter_mut().zip(numbers) {
        *byte = (number * by).round().clamp(-127.0, 127.0) as i8;
    }
    // Weights that are no numbers stay none.
    let broken = numbers.iter().any(|x| !x.is_finite());
    (f16::from_f32(if broken { f32::NAN } else { scale }).to_bits(), bytes)
}

fn interleaved<W: Copy + Default>(
    numbers: &[f32],
    rows: usize,
    inner: usize,
    of: impl Fn(f32) -> W,
) -> Vec<W> {
    let mut tiles = vec![W::default(); rows.div_ceil(TILE) * TILE * inner];
    for (row, numbers) in numbers.chunks_exact(inner).enumerate() {
        let lane = &mut tiles[row / TILE * TILE * inner + row % TILE..];
        for (place, x) in lane.iter_mut().step_by(TILE).zip(numbers) {
            *place = of(*x);
        }
    }
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 % 101) as f32 - 50.0) / 16.0).collect()
    }

    #[test]
    fn what_was_packed_is_found_again() {
        let (rows, inner) = (11, 64);
        let all = numbers(rows * inner);
        let mut row = vec![0.0; inner];
        for format in Format::ALL {
            let matrix = Matrix::pack(&all, rows, inner, format);
            assert_eq!((matrix.rows(), matrix.inner(), matrix.format()), (rows, inner, format));
            for (n, expected) in all.chunks_exact(inner).enumerate() {
                matrix.row(n, &mut row);
                let off = row.iter().zip(expected).fold(0.0f32, |a, (x, y)| a.max((x - y).abs()));
                assert!(off <= [0.0, 0.0, 0.0, 0.02, 0.22][format as usize], "{format}: off by {off}");
            }
        }
    }

    #[test]
    fn exact_takes_the_fewest_bits_that_lose_nothing() {
        let of = |x: f32| Matrix::exact(&[1.0, x], 1, 2).format();
        assert_eq!(
            [of(0.5), of(1.0 + 1.0 / 1024.0), of(0.1), of(f32::MAX)],
            [Format::Bf16, Format::F16, Format::F32, Format::F32]
        );
    }

    #[test]
    fn bytes_of_a_file_are_the_same_matrix() {
        let all = numbers(9 * 64);
        let packed = Matrix::pack(&all, 9, 64, Format::Q8);
        let mut bytes = Vec::new();
        for block in all.chunks_exact(BLOCK) {
            let (scale, numbers) = quantised(block);
            bytes.extend(scale.to_le_bytes());
            bytes.extend(numbers.map(|n| n.to_le_bytes()[0]));
        }
        let read = Matrix::from_q8_0(&bytes, 9, 64).expect("whole");
        let (mut a, mut b) = (vec![0.0; 64], vec![0.0; 64]);
        for row in 0..9 {
            packed.row(row, &mut a);
            read.row(row, &mut b);
            assert_eq!(a, b);
        }
        let mut bytes_of_four = [Vec::new(), Vec::new()];
        for n in 0..9u8 * 2 {
            let scale = f16::from_f32(0.5 + f32::from(n)).to_le_bytes();
            let halves: [u8; 16] = std::array::from_fn(|k| (k as u8).wrapping_mul(37).wrapping_add(n));
            bytes_of_four[0].extend(scale.iter().chain(&halves));
            bytes_of_four[1].extend(scale.iter().chain(&f16::from_f32(-3.0).to_le_bytes()).chain(&halves));
        }
        for (least, bytes) in [false, true].into_iter().zip(&bytes_of_four) {
            let read = Matrix::from_q4(bytes, 9, 64, least).expect("whole");
            read.row(8, &mut a);
            let (scale, halves) = (0.5 + 17.0, |k: u8| k.wrapping_mul(37).wrapping_add(17));
            let nought = if least { -3.0 } else { -8.0 * scale };
            assert_eq!(a[32 + 5], f32::from(halves(5) & 15) * scale + nought);
            assert_eq!(a[32 + 16 + 5], f32::from(halves(5) >> 4) * scale + nought);
            assert!(Matrix::from_q4(&bytes[1..], 9, 64, least).is_none());
        }
        assert!(Matrix::from_q8_0(&bytes[1..], 9, 64).is_none());
        assert!(Matrix::from_q8_0(&bytes, 9, 63).is_none());
    }
}
