//! What one answer has of its own: the tokens read so far, their keys and values, perhaps an adapter.

use crate::adapter::Adapter;
use crate::kernels::{TILE, Tiles, halves};
use crate::network::{Network, Shape};
use std::ops::Range;
use std::sync::Arc;

/// One answer's state.
#[derive(Debug)]
pub struct Row {
    pub(crate) adapter: Option<Arc<Adapter>>,
    pub(crate) tokens: Vec<u32>,
    kept: Kept,
    depth: usize,
    capacity: usize,
}

/// Keys and values of all layers, in one piece of memory: of each layer its keys, then its values. They are laid out as the kernels
/// take matrices: of each head of keys, the keys as rows (`[positions, head]`), the values as columns (`[head, positions]`), in
/// tiles of eight rows. As they are, or for weights that are rounded themselves in half precision.
#[derive(Debug)]
enum Kept {
    F32(Vec<f32>),
    F16(Vec<u16>),
}

/// One head of a layer: its keys and values.
pub(crate) struct Head<'a> {
    keys: Place<'a>,
    values: Place<'a>,
    capacity: usize,
}

enum Place<'a> {
    F32(&'a mut [f32]),
    F16(&'a mut [u16]),
}

/// Numbers of one head's keys and of its values for one position.
fn widths(shape: &Shape) -> [usize; 2] {
    [shape.head, shape.head.next_multiple_of(TILE)]
}

impl Row {
    /// A row that has read nothing, with room for `capacity` tokens of prompt and answer together.
    pub fn new(network: &Network, adapter: Option<Arc<Adapter>>, capacity: usize) -> Self {
        let capacity = capacity.max(1).next_multiple_of(TILE);
        let (shape, depth) = (network.shape(), network.depth());
        let n = depth * capacity * shape.key_heads * widths(shape).iter().sum::<usize>();
        let kept = match network.keeps_halves {
            true => Kept::F16(vec![0; n]),
            false => Kept::F32(vec![0.0; n]),
        };
        Self { adapter, tokens: Vec::new(), kept, depth, capacity }
    }

    /// How many layers its network has.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Where a head of a layer has its keys, and its values.
    fn places(&self, shape: &Shape, layer: usize, head: usize) -> [Range<usize>; 2] {
        let [keys, values] = widths(shape).map(|wide| self.capacity * wide);
        let from = layer * shape.key_heads * (keys + values);
        let (of_keys, of_values) = (from + head * keys, from + shape.key_heads * keys + head * values);
        [of_keys..of_keys + keys, of_values..of_values + values]
    }

    /// The heads of a layer.
    pub(crate) fn heads(&mut self, shape: &Shape, layer: usize) -> Vec<Head<'_>> {
        fn split<'a, T>(
            layer: &'a mut [T],
            capacity: usize,
            [keys, values]: [usize; 2],
            heads: usize,
            place: fn(&'a mut [T]) -> Place<'a>,
        ) -> Vec<Head<'a>> {
            let (k, v) = layer.split_at_mut(heads * keys);
            let both = k.chunks_exact_mut(keys).map(place).zip(v.chunks_exact_mut(values).map(place));
            both.map(|(keys, values)| Head { keys, values, capacity }).collect()
        }
        let (capacity, heads) = (self.capacity, shape.key_heads);
        let [first, _] = self.places(shape, layer, 0);
        let both = widths(shape).map(|wide| capacity * wide);
        let all = first.start..first.start + heads * both.iter().sum::<usize>();
        match &mut self.kept {
            Kept::F32(kept) => split(&mut kept[all], capacity, both, heads, Place::F32),
            Kept::F16(kept) => split(&mut kept[all], capacity, both, heads, Place::F16),
        }
    }

    /// The tokens read so far.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The most tokens it has room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Its adapter.
    pub fn adapter(&self) -> Option<&Arc<Adapter>> {
        self.adapter.as_ref()
    }

    /// Forgets what was read after the first `n` tokens. What is read then is as if nothing else had ever been read: a
    /// token's keys and values hang on those before it alone.
    pub fn keep(&mut self, n: usize) {
        self.tokens.truncate(n);
    }

    /// What it has read of its first `n` tokens, in a row with room for `capacity`.
    ///
    /// # Panics
    /// If it has read fewer, there is no room for them, or it is of another network.
    pub fn widened(&self, network: &Network, capacity: usize, n: usize) -> Self {
        let mut wide = Self::new(network, self.adapter.clone(), capacity);
        assert_eq!(self.depth, wide.depth, "a row of another network");
        assert!(n <= wide.capacity, "no room for {n} tokens");
        wide.tokens.extend_from_slice(&self.tokens[..n]);
        let (shape, tiles) = (network.shape(), n.next_multiple_of(TILE));
        let mut pieces = Vec::new();
        for layer in 0..self.depth {
            for head in 0..shape.key_heads {
                let [keys, values] = self.places(shape, layer, head);
                let [to_keys, to_values] = wide.places(shape, layer, head);
                pieces.push((keys.start, to_keys.start, tiles * shape.head));
                for columns in 0..widths(shape)[1] / TILE {
                    let [from, to] = [self.capacity, wide.capacity].map(|room| columns * room * TILE);
                    pieces.push((values.start + from, to_values.start + to, tiles * TILE));
                }
            }
        }
        match (&self.kept, &mut wide.kept) {
            (Kept::F32(from), Kept::F32(to)) => copy(from, to, &pieces),
            (Kept::F16(from), Kept::F16(to)) => copy(from, to, &pieces),
            _ => panic!("a row of another network"),
        }
        wide
    }

    /// How many of its first tokens are those of `tokens`.
    pub fn shared(&self, tokens: &[u32]) -> usize {
        self.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count()
    }
}

/// Copies pieces: from where, to where, how many numbers.
fn copy<T: Copy>(from: &[T], to: &mut [T], pieces: &[(usize, usize, usize)]) {
    for (start, at, n) in pieces {
        to[*at..at + n].copy_from_slice(&from[*start..start + n]);
    }
}

impl Head<'_> {
    /// Writes the key and the value of one token.
    pub(crate) fn put(&mut self, position: usize, key: &[f32], value: &[f32]) {
        let from = position / TILE * TILE * key.len() + position % TILE;
        self.keys.put(key, |n| from + n * TILE);
        let of_tile = |n: usize| n / TILE * self.capacity * TILE + position * TILE + n % TILE;
        self.values.put(value, of_tile);
    }

    /// The keys of the first positions, which are whole tiles, of so many numbers each.
    pub(crate) fn keys(&self, positions: usize, numbers: usize) -> Tiles<'_> {
        match &self.keys {
            Place::F32(all) => Tiles::F32(&all[..positions * numbers]),
            Place::F16(all) => Tiles::F16(&all[..positions * numbers]),
        }
    }

    /// The values of all positions.
    pub(crate) fn values(&self) -> Tiles<'_> {
        match &self.values {
            Place::F32(all) => Tiles::Apart(all, self.capacity * TILE),
            Place::F16(all) => Tiles::HalvesApart(all, self.capacity * TILE),
        }
    }
}

impl Place<'_> {
    /// Puts each number into its own place.
    fn put(&mut self, numbers: &[f32], place: impl Fn(usize) -> usize) {
        match self {
            Self::F32(all) => numbers.iter().enumerate().for_each(|(n, x)| all[place(n)] = *x),
            Self::F16(all) => {
                let mut of = [0; 64];
                for (m, some) in numbers.chunks(of.len()).enumerate() {
                    halves(some, &mut of);
                    let from = m * of.len();
                    of[..some.len()].iter().enumerate().for_each(|(n, half)| all[place(from + n)] = *half);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;

    #[test]
    fn halves_give_what_was_kept_to_eleven_bits_and_nothing_without_end() {
        let (capacity, head) = (16, 2);
        let (mut keys, mut values) = (vec![0; capacity * head], vec![0; capacity * TILE]);
        let kept = [[1.0, -0.1], [1e-3, 1e9], [f32::NEG_INFINITY, 0.3]];
        let mut of = Head { keys: Place::F16(&mut keys), values: Place::F16(&mut values), capacity };
        for (position, numbers) in kept.iter().enumerate() {
            of.put(position, numbers, numbers);
        }
        for (position, numbers) in kept.iter().enumerate() {
            for (n, x) in numbers.iter().enumerate() {
                let expected = x.clamp(-65_504.0, 65_504.0);
                for bits in [keys[n * TILE + position], values[position * TILE + n]] {
                    let found = f16::from_bits(bits).to_f32();
                    assert!((found - expected).abs() <= expected.abs() / 2048.0, "{found}, not {expected}");
                }
            }
        }
    }
}
