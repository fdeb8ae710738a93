//! Both models read what is typed before it is asked, so that their answers begin at once when it is.
//!
//! Every change of the question begins this anew. A pause is waited for first; what was read by then stays with the models, and
//! whoever asks goes on from there.

use crate::fault::Error;
use crate::job::{self, Task};
use crate::lab::{Asking, Lab};
use crate::retrieve::Index;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use std::sync::Arc;
use std::time::Duration;

/// How long nothing is typed before the models read what is: shorter than between two keys of a word. What is found changes
/// little with the last words of a question, and what was read of it by the next key is not read again.
const PAUSE: Duration = Duration::from_millis(30);

/// Models that read, or wait for a pause. Dropped, they stop.
pub(super) struct Ahead {
    task: Task,
    /// Dropped when something is typed or asked: nobody waits for the pause to end then.
    quiet: Sender<()>,
}

impl Ahead {
    /// Waits for the pause and has them read. What is wrong is told when it is asked.
    ///
    /// # Errors
    /// The system's, if it will not start a thread.
    pub(super) fn begin(lab: Arc<Lab>, index: Arc<Index>, asking: Asking) -> std::io::Result<Self> {
        let (quiet, typed) = bounded::<()>(0);
        let task = job::spawn("ahead", move |cancel| {
            if typed.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout)
                && let Err(Error::Fault(fault)) = lab.read_ahead(&asking, &index, &cancel)
            {
                tracing::info!("read ahead: {fault}");
            }
        })?;
        Ok(Self { task, quiet })
    }

    /// Stops, and waits until what was read can be gone on from: the models let go of it between two layers.
    pub(super) fn end(self) {
        drop(self.quiet);
        self.task.cancel();
        while !self.task.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
