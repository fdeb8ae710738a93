//! A list with a selection.

/// Entries, one of them selected.
#[derive(Debug, Clone)]
pub struct List<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// Which is selected.
    pub at: usize,
    /// Whether the entries have come yet.
    pub loaded: bool,
}

/// Something to choose: what it is called and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What it is called.
    pub name: String,
    /// A line about it.
    pub about: String,
}

impl<T> List<T> {
    /// A list whose entries are there.
    pub fn of(entries: Vec<T>, at: usize) -> Self {
        let at = at.min(entries.len().saturating_sub(1));
        Self { entries, at, loaded: true }
    }

    /// A list whose entries are still to come.
    pub fn awaited() -> Self {
        Self { entries: Vec::new(), at: 0, loaded: false }
    }

    /// The selected entry.
    pub fn selected(&self) -> Option<&T> {
        self.entries.get(self.at)
    }

    /// Moves the selection, stopping at both ends.
    pub fn go(&mut self, by: isize) {
        self.at = self.at.saturating_add_signed(by).min(self.entries.len().saturating_sub(1));
    }
}
