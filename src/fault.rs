//! What is told to a person when something is wrong: the place, what was found, what was expected, what to do
//! next. Every room returns these, so that no message can leave one of the four out.
//!
//! Knows nothing of who shows it. The texts may quote files and are made printable by whoever prints them.

use std::fmt;
use std::path::Path;

/// A mistake in something that came from outside: a file, a setting, an argument, a machine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fault {
    /// Where: a path, `path:line`, a setting, an argument.
    pub place: String,
    /// What was there.
    pub found: String,
    /// What should have been there.
    pub expected: String,
    /// What to do about it, as a whole sentence.
    pub next: String,
}

impl Fault {
    /// Starts a fault at `place` with what was found there.
    pub fn new(place: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self {
            place: place.to_string(),
            found: found.to_string(),
            expected: String::new(),
            next: String::new(),
        }
    }

    /// Says what should have been there.
    #[must_use]
    pub fn expected(mut self, expected: impl fmt::Display) -> Self {
        self.expected = expected.to_string();
        self
    }

    /// Says what to do next, as a whole sentence.
    #[must_use]
    pub fn next(mut self, next: impl fmt::Display) -> Self {
        self.next = next.to_string();
        self
    }

    /// A file that the system would not read, write or make: `doing` is "read", "write to", …
    pub fn io(path: &Path, doing: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        let next = match error.kind() {
            K::NotFound => "Check the path.",
            K::PermissionDenied | K::ReadOnlyFilesystem => {
                "Give yourself permission, or choose another folder with --data-dir."
            }
            K::StorageFull | K::QuotaExceeded | K::FileTooLarge => {
                "Free some space; nothing that was there has been changed."
            }
            _ => "Check the disk and try again.",
        };
        Self::new(path.display(), error).expected(format!("to {doing} it")).next(next)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: found {}", self.place, self.found)?;
        if !self.expected.is_empty() {
            write!(f, "; expected {}", self.expected)?;
        }
        write!(f, ".")?;
        if !self.next.is_empty() {
            write!(f, " {}", self.next)?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// Why a piece of work did not come to its end.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Something from outside is wrong.
    #[error(transparent)]
    Fault(Box<Fault>),
    /// Whoever asked for it asked for it to stop.
    #[error("stopped")]
    Cancelled,
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

/// The result of every room's work.
pub type Result<T, E = Error> = std::result::Result<T, E>;
