//! Where answers that are under way meet, so that one pass over the weights serves them all.
//!
//! Each answer is made on its own thread and asks here for the logits behind its next tokens. Once all that are under way
//! have asked, the last to come makes one pass for everyone and wakes the others. One that lets the rest wait (its thread is
//! kept from running, its words go to a slow place) is not waited for long: a pass is made without it.

use super::{Base, pool};
use crate::job::Cancel;
use juxta_engine::{Adapter, Reading, Row};
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long those who have asked wait for those who have not: a few passes of a small model.
const PATIENCE: Duration = Duration::from_millis(10);

/// Who has asked, and what has come of it.
#[derive(Default)]
pub(super) struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Answers under way.
    active: usize,
    /// Those that have asked.
    asking: Vec<Asked>,
    /// Whether a pass is being made.
    busy: bool,
    done: HashMap<u64, Outcome>,
    /// The number of the next who asks.
    next: u64,
}

struct Asked {
    number: u64,
    row: Row,
    tokens: Vec<u32>,
    answers: usize,
    cancel: Cancel,
}

/// A row given back, and the logits behind its tokens, as many as were wanted; `None` if the pass was stopped.
struct Outcome {
    row: Option<Row>,
    logits: Option<Vec<Vec<f32>>>,
}

/// An answer under way.
pub(in super::super) struct Session<'a> {
    base: &'a Base,
    row: Option<Row>,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Session<'a> {
    /// Begins an answer of up to `more` tokens to the prompt `tokens`, of up to `window` together.
    pub(in super::super) fn new(
        base: &'a Base,
        adapter: Option<&Arc<Adapter>>,
        (tokens, more, window): (&[u32], usize, usize),
    ) -> Self {
        let row = base.shelf.row(&base.network, adapter, (tokens, more, window));
        base.desk.state().active += 1;
        Self { base, row: Some(row) }
    }

    /// How many tokens of the prompt need not be read: its row has read them.
    pub(in super::super) fn known(&self) -> usize {
        self.row.as_ref().map_or(0, |row| row.tokens().len())
    }

    /// Forgets what was read after the first `n` tokens.
    pub(in super::super) fn keep(&mut self, n: usize) {
        if let Some(row) = &mut self.row {
            row.keep(n);
        }
    }

    /// Reads the next tokens, with whoever else is reading; the logits behind the last `answers` of them. `None` if `cancel`
    /// was heard first.
    ///
    /// # Errors
    /// What broke.
    pub(in super::super) fn forward(
        &mut self,
        tokens: &[u32],
        answers: usize,
        cancel: &Cancel,
    ) -> candle_core::Result<Option<Vec<Vec<f32>>>> {
        let Some(row) = self.row.take() else { candle_core::bail!("the engine broke off before") };
        if row.tokens().len() + tokens.len() > row.capacity() {
            candle_core::bail!("{} more tokens than there is room for", tokens.len());
        }
        let desk = &self.base.desk;
        let mut state = desk.state();
        let number = state.next;
        state.next += 1;
        let asked = Asked { number, row, tokens: tokens.to_vec(), answers, cancel: cancel.clone() };
        state.asking.push(asked);
        desk.changed.notify_all();
        let mut late = false;
        loop {
            if let Some(outcome) = state.done.remove(&number) {
                self.row = outcome.row;
                if self.row.is_none() {
                    candle_core::bail!("the engine broke off");
                }
                return Ok(outcome.logits);
            }
            let waits = state.asking.iter().any(|a| a.number == number);
            if waits && !state.busy && (late || state.asking.len() >= state.active) {
                state.busy = true;
                let all = std::mem::take(&mut state.asking);
                drop(state);
                let outcomes = Pass::new(desk, &all).make(self.base, all);
                state = desk.state();
                state.busy = false;
                state.done.extend(outcomes);
                desk.changed.notify_all();
                continue;
            }
            let (woken, waited) =
                desk.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            late |= waited.timed_out();
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.base.desk.state().active -= 1;
        // Somebody may have waited for this one.
        self.base.desk.changed.notify_all();
        if let Some(row) = self.row.take() {
            self.base.shelf.keep(row);
        }
    }
}

/// A pass being made: should it panic, nobody is left waiting.
struct Pass<'a> {
    desk: &'a Desk,
    numbers: Vec<u64>,
}

impl<'a> Pass<'a> {
    fn new(desk: &'a Desk, all: &[Asked]) -> Self {
        Self { desk, numbers: all.iter().map(|a| a.number).collect() }
    }

    fn make(mut self, base: &Base, mut all: Vec<Asked>) -> Vec<(u64, Outcome)> {
        let cancels: Vec<Cancel> = all.iter().map(|a| a.cancel.clone()).collect();
        let go_on = || cancels.iter().any(|cancel| !cancel.is_cancelled());
        let mut readings: Vec<Reading> = all
            .iter_mut()
            .map(|a| Reading { row: &mut a.row, tokens: &a.tokens, answers: a.answers })
            .collect();
        let logits = base.network.pass(pool(), base.kernel(), &mut readings, &go_on);
        let read = logits.is_some();
        let mut logits = logits.unwrap_or_default().into_iter();
        self.numbers.clear();
        all.into_iter()
            .map(|a| {
                let of_it = read.then(|| logits.by_ref().take(a.answers).collect());
                (a.number, Outcome { row: Some(a.row), logits: of_it })
            })
            .collect()
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.numbers.is_empty() {
            return;
        }
        let mut state = self.desk.state();
        state.busy = false;
        for number in self.numbers.drain(..) {
            state.done.insert(number, Outcome { row: None, logits: None });
        }
        self.desk.changed.notify_all();
    }
}
