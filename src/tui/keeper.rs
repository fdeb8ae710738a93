//! Keeps on the disk what a person entered, on a thread of its own. A record that the disk would not take is tried
//! again until it does.

use crate::fault::{Error, Fault, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long to wait before the disk is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// Where records and drafts go.
pub(super) trait Shelf: Send + 'static {
    /// What is appended to a journal.
    type Record: Clone + Send + 'static;
    /// What is being entered; each takes the place of the one before.
    type Draft: Send + 'static;
    /// What else there is to keep, once and without trying again.
    type Other: Send + 'static;

    /// Appends a record and syncs it.
    fn append(&mut self, record: Self::Record) -> Result<()>;
    /// Keeps what is being entered.
    fn save(&mut self, draft: &Self::Draft) -> Result<()>;
    /// Keeps something else.
    fn keep(&mut self, other: Self::Other) -> Result<()>;
}

/// What the keeper has to tell.
pub(super) enum Word<R> {
    /// A record is on the disk.
    Kept(R),
    /// A record could not be written yet; it is kept trying.
    NotKept(Fault),
    /// Something that is only worth telling.
    Told(Fault),
}

enum Keep<S: Shelf> {
    Record(S::Record),
    Draft(S::Draft),
    Other(S::Other),
}

/// The thread that writes.
pub(super) struct Keeper<S: Shelf> {
    to: Option<Sender<Keep<S>>>,
    thread: Option<JoinHandle<()>>,
    unkept: Arc<Mutex<Vec<S::Record>>>,
}

struct Work<S: Shelf, T> {
    shelf: S,
    tell: T,
    waiting: VecDeque<S::Record>,
    /// Whether the last draft could not be written, so that it is told once and not at every key.
    draft_told: bool,
}

impl<S: Shelf> Keeper<S> {
    /// Starts the thread; what it has to tell goes to `tell`.
    pub fn start(shelf: S, tell: impl Fn(Word<S::Record>) + Send + 'static) -> std::io::Result<Self> {
        let (to, from) = unbounded();
        let unkept = Arc::new(Mutex::new(Vec::new()));
        let left = Arc::clone(&unkept);
        let mut work = Work { shelf, tell, waiting: VecDeque::new(), draft_told: false };
        let thread = std::thread::Builder::new().name("keeper".into()).spawn(move || {
            work.run(&from);
            *left.lock().unwrap_or_else(PoisonError::into_inner) = work.waiting.into();
        })?;
        Ok(Self { to: Some(to), thread: Some(thread), unkept })
    }

    pub fn record(&self, record: S::Record) {
        self.send(Keep::Record(record));
    }

    pub fn draft(&self, draft: S::Draft) {
        self.send(Keep::Draft(draft));
    }

    pub fn other(&self, other: S::Other) {
        self.send(Keep::Other(other));
    }

    fn send(&self, keep: Keep<S>) {
        if let Some(to) = &self.to {
            // The thread ends only when this sender is dropped.
            let _ = to.send(keep);
        }
    }

    /// Ends the thread after everything was tried once more, and gives back what the disk still would not take.
    pub fn finish(&mut self) -> Vec<S::Record> {
        self.to = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        std::mem::take(&mut *self.unkept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Shelf, T: Fn(Word<S::Record>)> Work<S, T> {
    fn run(&mut self, from: &Receiver<Keep<S>>) {
        loop {
            let next = if self.waiting.is_empty() {
                from.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                from.recv_timeout(AGAIN)
            };
            let mut draft = None;
            let over = match next {
                Ok(keep) => {
                    for keep in std::iter::once(keep).chain(from.try_iter()) {
                        self.take(keep, &mut draft);
                    }
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            self.write_records();
            if let Some(draft) = draft {
                self.write_draft(&draft);
            }
            if over {
                return;
            }
        }
    }

    fn take(&mut self, keep: Keep<S>, draft: &mut Option<S::Draft>) {
        match keep {
            Keep::Record(record) => self.waiting.push_back(record),
            // Of several drafts that wait only the last is worth writing.
            Keep::Draft(new) => *draft = Some(new),
            Keep::Other(other) => {
                if let Err(Error::Fault(fault)) = self.shelf.keep(other) {
                    (self.tell)(Word::Told(*fault));
                }
            }
        }
    }

    fn write_records(&mut self) {
        while let Some(record) = self.waiting.front() {
            match self.shelf.append(record.clone()) {
                Ok(()) => {
                    if let Some(kept) = self.waiting.pop_front() {
                        (self.tell)(Word::Kept(kept));
                    }
                }
                Err(Error::Fault(fault)) => return (self.tell)(Word::NotKept(*fault)),
                Err(Error::Cancelled) => return,
            }
        }
    }

    fn write_draft(&mut self, draft: &S::Draft) {
        match self.shelf.save(draft) {
            Ok(()) => self.draft_told = false,
            Err(Error::Fault(fault)) if !self.draft_told => {
                self.draft_told = true;
                (self.tell)(Word::Told(Fault {
                    next: format!("{} What you type stays on the screen.", fault.next),
                    ..*fault
                }));
            }
            Err(_) => {}
        }
    }
}
