//! How fast this machine's memory is read: what generation is bound by, measured.
//!
//! Knows no models. It is an ordinary reading loop on the threads that passes use, so that what it finds is what they could
//! have; the processor's own limit may be a little higher.

use crate::kernels::Pool;
use std::hint::black_box;
use std::time::Instant;

/// Bytes that are read: more than most processors keep to themselves.
const BYTES: usize = 128 << 20;
const REPEATS: usize = 5;

/// Bytes a second that a pool's threads read together, one after the other: the best of five readings of 128 MiB. Takes that
/// memory meanwhile, and some tenths of a second.
pub fn memory_speed(pool: &Pool) -> f64 {
    speed(pool, BYTES)
}

fn speed(pool: &Pool, bytes: usize) -> f64 {
    let numbers = vec![1u64; bytes / size_of::<u64>()];
    let pieces: Vec<&[u64]> = numbers.chunks(numbers.len().div_ceil(8 * pool.threads()).max(1)).collect();
    let best = (0..REPEATS).map(|_| {
        let start = Instant::now();
        pool.each(pieces.len(), &|n| {
            // Several sums, so that none has to wait for another.
            let mut sums = [0u64; 16];
            for eight in pieces[n].chunks_exact(16) {
                sums.iter_mut().zip(eight).for_each(|(sum, x)| *sum = sum.wrapping_add(*x));
            }
            black_box(sums);
        });
        start.elapsed().as_secs_f64()
    });
    bytes as f64 / best.fold(f64::MAX, f64::min).max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_at_some_speed() {
        let found = speed(&Pool::new(2), if cfg!(miri) { 1 << 12 } else { 16 << 20 });
        // Between a disk's and what no memory has.
        assert!(cfg!(miri) || (1e8..1e13).contains(&found), "{found} bytes a second");
    }
}
