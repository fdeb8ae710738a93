//! What one answer has of its own: the tokens read so far, their keys and values, perhaps an adapter.

use crate::adapter::Adapter;
use crate::kernels::{TILE, Tiles};
use crate::network::{Network, Shape};
use half::f16;
use std::sync::Arc;

/// One answer's state.
#[derive(Debug)]
pub struct Row {
    pub(crate) adapter: Option<Arc<Adapter>>,
    pub(crate) tokens: Vec<u32>,
    pub(crate) caches: Vec<Cache>,
    capacity: usize,
}

/// One layer's keys and values, laid out as the kernels take matrices: of each head of keys, the keys as rows
/// (`[positions, head]`), the values as columns (`[head, positions]`), in tiles of eight rows.
#[derive(Debug)]
pub(crate) struct Cache {
    keys: Kept,
    values: Kept,
}

/// As they are, or for weights that are rounded themselves in half precision.
#[derive(Debug)]
enum Kept {
    F32(Vec<f32>),
    F16(Vec<u16>),
}

/// One head of a cache, to put tokens into.
pub(crate) struct Keeping<'a> {
    keys: Place<'a>,
    values: Place<'a>,
    capacity: usize,
}

enum Place<'a> {
    F32(&'a mut [f32]),
    F16(&'a mut [u16]),
}

impl Row {
    /// A row that has read nothing, with room for `capacity` tokens of prompt and answer together.
    pub fn new(network: &Network, adapter: Option<Arc<Adapter>>, capacity: usize) -> Self {
        let capacity = capacity.max(1).next_multiple_of(TILE);
        let shape = network.shape();
        let (keys, values) =
            (shape.key_heads * shape.head, shape.key_heads * shape.head.next_multiple_of(TILE));
        let kept = |n| match network.is_rounded() {
            true => Kept::F16(vec![0; n]),
            false => Kept::F32(vec![0.0; n]),
        };
        let cache = |_| Cache { keys: kept(capacity * keys), values: kept(capacity * values) };
        Self { adapter, tokens: Vec::new(), caches: (0..network.depth()).map(cache).collect(), capacity }
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

    /// How many of its first tokens are those of `tokens`.
    pub fn shared(&self, tokens: &[u32]) -> usize {
        self.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count()
    }
}

impl Cache {
    /// The keys of a head, of the first positions, which are whole tiles.
    pub(crate) fn keys(&self, shape: &Shape, capacity: usize, head: usize, positions: usize) -> Tiles<'_> {
        let of = head * capacity * shape.head..head * capacity * shape.head + positions * shape.head;
        match &self.keys {
            Kept::F32(all) => Tiles::F32(&all[of]),
            Kept::F16(all) => Tiles::F16(&all[of]),
        }
    }

    /// The values of a head, of all positions.
    pub(crate) fn values(&self, shape: &Shape, capacity: usize, head: usize) -> Tiles<'_> {
        let wide = capacity * shape.head.next_multiple_of(TILE);
        let of = head * wide..(head + 1) * wide;
        match &self.values {
            Kept::F32(all) => Tiles::Apart(&all[of], capacity * TILE),
            Kept::F16(all) => Tiles::HalvesApart(&all[of], capacity * TILE),
        }
    }

    /// Its heads.
    pub(crate) fn heads(&mut self, shape: &Shape, capacity: usize) -> impl Iterator<Item = Keeping<'_>> {
        let keys = self.keys.places(capacity * shape.head);
        let values = self.values.places(capacity * shape.head.next_multiple_of(TILE));
        keys.into_iter().zip(values).map(move |(keys, values)| Keeping { keys, values, capacity })
    }
}

impl Kept {
    fn places(&mut self, of_one: usize) -> Vec<Place<'_>> {
        match self {
            Self::F32(all) => all.chunks_exact_mut(of_one).map(Place::F32).collect(),
            Self::F16(all) => all.chunks_exact_mut(of_one).map(Place::F16).collect(),
        }
    }
}

impl Keeping<'_> {
    /// Writes the key and the value of one token.
    pub(crate) fn put(&mut self, position: usize, key: &[f32], value: &[f32]) {
        let from = position / TILE * TILE * key.len() + position % TILE;
        self.keys.put(key.iter().enumerate().map(|(n, x)| (from + n * TILE, *x)));
        let of_tile = |n: usize| n / TILE * self.capacity * TILE + position * TILE + n % TILE;
        self.values.put(value.iter().enumerate().map(|(n, x)| (of_tile(n), *x)));
    }
}

impl Place<'_> {
    fn put(&mut self, numbers: impl Iterator<Item = (usize, f32)>) {
        match self {
            Self::F32(all) => numbers.for_each(|(at, x)| all[at] = x),
            // A number that is larger than the largest is taken for that: one that has no end would spoil the whole answer.
            Self::F16(all) => numbers.for_each(|(at, x)| {
                let most = f32::from(f16::MAX);
                all[at] = f16::from_f32(x.clamp(-most, most)).to_bits();
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Kernel, Vectors};

    #[test]
    fn halves_give_what_was_kept_to_eleven_bits_and_nothing_without_end() {
        let (capacity, head) = (16, 2);
        let mut keys = Kept::F16(vec![0; capacity * head]);
        let mut values = Kept::F16(vec![0; capacity * TILE]);
        let kept = [[1.0, -0.1], [1e-3, 1e9], [f32::NEG_INFINITY, 0.3]];
        for (position, numbers) in kept.iter().enumerate() {
            let (mut k, mut v) = (keys.places(capacity * head), values.places(capacity * TILE));
            let mut of = Keeping { keys: k.remove(0), values: v.remove(0), capacity };
            of.put(position, numbers, numbers);
        }
        let (Kept::F16(keys), Kept::F16(values)) = (&keys, &values) else { unreachable!("halves") };
        let floats = [1.0, 0.0, 0.0, 1.0];
        let mut scores = [0.0; 2 * TILE];
        let x = Vectors { floats: &floats, quants: None, n: 2, inner: head };
        Kernel::best().multiply(Tiles::F16(&keys[..TILE * head]), &x, &mut scores);
        for (position, numbers) in kept.iter().enumerate() {
            for (n, x) in numbers.iter().enumerate() {
                let expected = x.clamp(-65_504.0, 65_504.0);
                for found in
                    [scores[n * TILE + position], f16::from_bits(values[position * TILE + n]).to_f32()]
                {
                    assert!((found - expected).abs() <= expected.abs() / 2048.0, "{found}, not {expected}");
                }
            }
        }
    }
}
