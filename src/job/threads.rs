//! How many threads the mathematics gets.

/// The variable that candle and rayon read.
pub const VARIABLE: &str = "RAYON_NUM_THREADS";

/// The threads this machine gives to this process (processors, less what affinity and control groups take).
pub fn count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Fixes the number of threads for the rest of the process, unless a person has fixed it already: candle reads
/// /proc/cpuinfo on every matrix product while the variable is unset (1.2 to 1.3 times slower).
///
/// Call it first thing in `main`, before any other thread exists.
#[allow(unsafe_code)]
pub fn settle() {
    if std::env::var_os(VARIABLE).is_none() {
        // SAFETY: changing the environment is only unsound while another thread reads it. `main` calls this
        // before it starts any thread, and nothing else in juxta changes the environment.
        unsafe { std::env::set_var(VARIABLE, count().to_string()) };
    }
}
