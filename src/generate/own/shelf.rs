//! Rows of answers that have ended, kept for the next: whoever asks again, with another seed or another question about the
//! same passages, need not have the same beginning read once more.

use juxta_engine::{Adapter, Network, Row};
use std::sync::{Arc, Mutex, PoisonError};

/// Rows that are kept: of the pair of the last question, and of the one before.
const KEPT: usize = 4;
/// Positions that a row has room for are a multiple of this, so that most questions fit into what the one before had.
const ROOM: usize = 128;
/// Positions beyond what is wanted: a question that somebody is still typing grows, and its row shall do to the end.
const SPARE: usize = 32;

/// Tokens read of which copying what was read of them to a row with more room is worth it.
const WORTH: usize = 16;

/// Rows that nobody answers from.
#[derive(Default)]
pub(super) struct Shelf(Mutex<Vec<Row>>);

impl Shelf {
    /// A row for `tokens` and an answer of up to `more`, of up to `window` together: the one that has read most of them, cut
    /// back to what it shares with them but for their last, since somebody must read that to answer. Where it is too small, and
    /// has read much more of them than others, what it has read goes on in a larger one.
    pub(super) fn row(
        &self,
        network: &Network,
        adapter: Option<&Arc<Adapter>>,
        (tokens, more, window): (&[u32], usize, usize),
    ) -> Row {
        let wanted = tokens.len().saturating_add(more).min(window.max(tokens.len()));
        let room = (wanted + SPARE).next_multiple_of(ROOM);
        let shared = |row: &Row| row.shared(tokens).min(tokens.len().saturating_sub(1));
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let most = |fits: &dyn Fn(&Row) -> bool| {
            let same = |row: &Row| match (row.adapter(), adapter) {
                (None, None) => true,
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                _ => false,
            };
            let some = rows.iter().enumerate().filter(|(_, row)| same(row) && fits(row));
            some.map(|(n, row)| (n, shared(row))).max_by_key(|(_, shared)| *shared)
        };
        let fitting = most(&|row| row.capacity() >= wanted);
        let longest = most(&|_| true);
        match (fitting, longest) {
            (fitting, Some((n, shared))) if shared >= fitting.map_or(0, |(_, shared)| shared) + WORTH => {
                let row = rows.remove(n);
                drop(rows);
                row.widened(network, room, shared)
            }
            (Some((n, shared)), _) => {
                let mut row = rows.remove(n);
                row.keep(shared);
                row
            }
            _ => Row::new(network, adapter.cloned(), room),
        }
    }

    /// Puts a row back.
    pub(super) fn keep(&self, row: Row) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.len() >= KEPT {
            rows.remove(0);
        }
        rows.push(row);
    }
}
