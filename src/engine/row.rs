//! What one answer has of its own: the tokens read so far, their keys and values, perhaps an adapter.

use crate::adapter::Adapter;
use crate::kernels::TILE;
use crate::network::{Network, Shape};
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
    pub(crate) keys: Vec<f32>,
    pub(crate) values: Vec<f32>,
}

impl Row {
    /// A row that has read nothing, with room for `capacity` tokens of prompt and answer together.
    pub fn new(network: &Network, adapter: Option<Arc<Adapter>>, capacity: usize) -> Self {
        let capacity = capacity.max(1).next_multiple_of(TILE);
        let shape = network.shape();
        let (keys, values) =
            (shape.key_heads * shape.head, shape.key_heads * shape.head.next_multiple_of(TILE));
        let cache = |_| Cache { keys: vec![0.0; capacity * keys], values: vec![0.0; capacity * values] };
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
    /// Writes keys and values of one token, `[key heads · head]` each.
    pub(crate) fn put(
        &mut self,
        shape: &Shape,
        capacity: usize,
        position: usize,
        keys: &[f32],
        values: &[f32],
    ) {
        let head = shape.head;
        for (h, (keys, values)) in keys.chunks_exact(head).zip(values.chunks_exact(head)).enumerate() {
            let of_keys = &mut self.keys[h * capacity * head..][..capacity * head];
            let lane = &mut of_keys[position / TILE * TILE * head + position % TILE..];
            lane.iter_mut().step_by(TILE).zip(keys).for_each(|(place, key)| *place = *key);
            let wide = capacity * head.next_multiple_of(TILE);
            let of_values = &mut self.values[h * wide..][..wide];
            for (tile, values) in of_values.chunks_exact_mut(capacity * TILE).zip(values.chunks(TILE)) {
                tile[position * TILE..][..values.len()].copy_from_slice(values);
            }
        }
    }
}
