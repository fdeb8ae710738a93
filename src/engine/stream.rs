//! How fast a model's weights can be read on this machine: what generation is bound by, measured.
//!
//! An ordinary reading loop on the threads that passes use, over the weights themselves, so that what it finds is what passes
//! could have, takes no memory, and is a cache's speed for models that fit into one; the processor's own limit may be a little
//! higher.

use crate::kernels::Pool;
use crate::network::Network;
use std::hint::black_box;
use std::time::Instant;

/// Bytes that are read at least, so that the time is worth measuring.
const LEAST: usize = 64 << 20;
const REPEATS: usize = 5;
/// Bytes that a thread takes at once.
const PIECE: usize = 1 << 20;

/// Bytes a second at which a pool's threads together read all weights that a pass reads: the best of five readings. Takes some
/// hundredths of a second for every 100 MB.
pub fn memory_speed(pool: &Pool, network: &Network) -> f64 {
    speed(pool, &network.weights().collect::<Vec<_>>())
}

fn speed(pool: &Pool, all: &[&[u8]]) -> f64 {
    let pieces: Vec<&[u8]> = all.iter().flat_map(|bytes| bytes.chunks(PIECE)).collect();
    let once: usize = pieces.iter().map(|piece| piece.len()).sum();
    let times = LEAST.div_ceil(once.max(1)).min(1000);
    let best = (0..REPEATS).map(|_| {
        let start = Instant::now();
        for _ in 0..times {
            pool.each(pieces.len(), &|n| {
                // Several sums, so that none has to wait for another.
                let mut sums = [0u64; 16];
                for line in pieces[n].chunks_exact(128) {
                    for (sum, x) in sums.iter_mut().zip(line.as_chunks::<8>().0) {
                        *sum = sum.wrapping_add(u64::from_ne_bytes(*x));
                    }
                }
                black_box(sums);
            });
        }
        start.elapsed().as_secs_f64()
    });
    (times * once) as f64 / best.fold(f64::MAX, f64::min).max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_at_some_speed() {
        let weights = vec![1u8; if cfg!(miri) { 1 << 12 } else { 8 << 20 }];
        let found = speed(&Pool::new(2), &[&weights, &weights]);
        // Between a disk's and what no memory has.
        assert!(cfg!(miri) || (1e8..1e13).contains(&found), "{found} bytes a second");
    }
}
