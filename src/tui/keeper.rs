//! Keeps on the disk what a person entered, on a thread of its own. A judgment that the disk would not take is
//! tried again until it does.

use super::app::Message;
use crate::fault::{Error, Fault};
use crate::study::{Draft, History, Journal, Judgment};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long to wait before the disk is tried again.
const AGAIN: Duration = Duration::from_secs(2);

enum Keep {
    Judgment(Box<Judgment>),
    Draft(Box<Draft>),
    Question(String),
}

/// The thread that writes.
pub(super) struct Keeper {
    to: Option<Sender<Keep>>,
    thread: Option<JoinHandle<()>>,
    unkept: Arc<Mutex<Vec<Judgment>>>,
}

struct Desk {
    journal: Journal,
    history: History,
    draft: PathBuf,
    tell: Sender<Message>,
    waiting: VecDeque<Judgment>,
    /// Whether the last draft could not be written, so that it is told once and not at every key.
    draft_told: bool,
}

impl Keeper {
    pub fn start(
        journal: Journal,
        history: History,
        draft: PathBuf,
        tell: Sender<Message>,
    ) -> std::io::Result<Self> {
        let (to, from) = unbounded();
        let unkept = Arc::new(Mutex::new(Vec::new()));
        let left = Arc::clone(&unkept);
        let mut desk = Desk { journal, history, draft, tell, waiting: VecDeque::new(), draft_told: false };
        let thread = std::thread::Builder::new().name("keeper".into()).spawn(move || {
            desk.work(&from);
            *left.lock().unwrap_or_else(PoisonError::into_inner) = desk.waiting.into();
        })?;
        Ok(Self { to: Some(to), thread: Some(thread), unkept })
    }

    pub fn judgment(&self, judgment: Judgment) {
        self.send(Keep::Judgment(Box::new(judgment)));
    }

    pub fn draft(&self, draft: Draft) {
        self.send(Keep::Draft(Box::new(draft)));
    }

    pub fn question(&self, question: String) {
        self.send(Keep::Question(question));
    }

    fn send(&self, keep: Keep) {
        if let Some(to) = &self.to {
            // The thread ends only when this sender is dropped.
            let _ = to.send(keep);
        }
    }

    /// Ends the thread after everything was tried once more, and gives back what the disk still would not take.
    pub fn finish(&mut self) -> Vec<Judgment> {
        self.to = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        std::mem::take(&mut *self.unkept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Desk {
    fn work(&mut self, from: &Receiver<Keep>) {
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
            self.write_judgments();
            if let Some(draft) = draft {
                self.write_draft(&draft);
            }
            if over {
                return;
            }
        }
    }

    fn take(&mut self, keep: Keep, draft: &mut Option<Box<Draft>>) {
        match keep {
            Keep::Judgment(judgment) => self.waiting.push_back(*judgment),
            // Of several drafts that wait only the last is worth writing.
            Keep::Draft(new) => *draft = Some(new),
            Keep::Question(question) => {
                if let Err(Error::Fault(fault)) = self.history.add(&question) {
                    self.tell(Message::Told(*fault));
                }
            }
        }
    }

    fn write_judgments(&mut self) {
        while let Some(judgment) = self.waiting.front() {
            match self.journal.append(judgment.clone()) {
                Ok(()) => {
                    if let Some(kept) = self.waiting.pop_front() {
                        self.tell(Message::Kept(kept));
                    }
                }
                Err(Error::Fault(fault)) => return self.tell(Message::NotKept(*fault)),
                Err(Error::Cancelled) => return,
            }
        }
    }

    fn write_draft(&mut self, draft: &Draft) {
        match draft.save(&self.draft) {
            Ok(()) => self.draft_told = false,
            Err(Error::Fault(fault)) if !self.draft_told => {
                self.draft_told = true;
                self.tell(Message::Told(Fault {
                    next: format!("{} What you type stays on the screen.", fault.next),
                    ..*fault
                }));
            }
            Err(_) => {}
        }
    }

    fn tell(&self, message: Message) {
        // The lab may have ended already.
        let _ = self.tell.send(message);
    }
}
