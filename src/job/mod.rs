//! Long work: how it is cancelled, how it says how far it is, and what the machine has for it. Knows no terminal and no
//! model.

mod each;
pub mod interrupt;
pub mod memory;
mod task;
pub mod threads;

pub use each::{Clock, each, each_waiting, workers};
pub use task::{Task, spawn};

use crate::fault::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A request to stop, shared by who asks and who works. Work looks at it between two tokens or two documents.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A token that nobody has cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the work to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the work was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// [`Error::Cancelled`] if the work was asked to stop: for use with `?` between two steps.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Rests so long, or until it is cancelled.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn rest(&self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        loop {
            self.check()?;
            match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Ok(()),
                left => std::thread::sleep(left.min(LOOK)),
            }
        }
    }
}

/// Between two looks at a token while resting.
const LOOK: Duration = Duration::from_millis(20);

/// How far a piece of work is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, as a present participle: "indexing biomedicine".
    pub doing: String,
    /// Units done so far.
    pub done: u64,
    /// Units in all; 0 where it is not known.
    pub total: u64,
}

/// Where work reports its progress: a closure that must not block.
pub type Report<'a> = &'a (dyn Fn(Progress) + Sync);

/// A report that nobody listens to.
pub const SILENT: Report<'static> = &|_| {};

/// A time for people: seconds, then minutes, then hours.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Rounded, and not negative.
pub fn time(seconds: f64) -> String {
    let seconds = seconds.round().max(0.0) as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02} min"),
        (hours, minutes, _) => format!("{hours}:{minutes:02} h"),
    }
}
