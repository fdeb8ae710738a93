//! How many threads the mathematics gets.

use crate::fault::{Fault, Result};
use std::sync::OnceLock;

/// The variable that candle and rayon read.
pub const VARIABLE: &str = "RAYON_NUM_THREADS";

/// The threads this machine gives to this process (processors, less what affinity and control groups take).
pub fn count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The threads for work that all share at once, however many pieces of work are under way: what a person has fixed with
/// [`VARIABLE`], else [`count`].
pub fn all() -> usize {
    match ASKED.get() {
        Some(asked) => asked.unwrap_or_else(count),
        None => asked().unwrap_or_else(count),
    }
}

/// What a person had fixed when [`settle`] was called.
static ASKED: OnceLock<Option<usize>> = OnceLock::new();

fn asked() -> Option<usize> {
    std::env::var(VARIABLE).ok()?.parse().ok().filter(|n| *n > 0)
}

/// Does `work` with all of its mathematics on one thread of its own, so that several such pieces of work, one a
/// processor, do not wait for each other.
///
/// # Errors
/// A [`Fault`] if the system gives no thread.
pub fn alone(work: impl FnOnce() + Send) -> Result<()> {
    // candle's parallel loops run in the pool that they are called from, else all in the one they share.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(|e| {
        Fault::new("threads", e)
            .expected("one more thread")
            .next("Close other programs, or use fewer workers.")
    })?;
    pool.install(work);
    Ok(())
}

/// Fixes how many threads one product uses, for the rest of the process, unless a person has fixed it already:
/// candle reads /proc/cpuinfo on every matrix product while the variable is unset (1.2 to 1.3 times slower).
///
/// Call it first thing in `main`, before any other thread exists.
#[allow(unsafe_code)]
pub fn settle(threads: usize) {
    ASKED.get_or_init(asked);
    if std::env::var_os(VARIABLE).is_none() {
        // SAFETY: changing the environment is only unsound while another thread reads it. `main` calls this
        // before it starts any thread, and nothing else in juxta changes the environment.
        unsafe { std::env::set_var(VARIABLE, threads.to_string()) };
    }
}
