//! A thread that stops when its owner goes away.

use super::Cancel;
use std::thread::JoinHandle;

/// Work running on its own thread. Dropping it asks the work to stop, without waiting for it.
#[derive(Debug)]
pub struct Task {
    cancel: Cancel,
    thread: Option<JoinHandle<()>>,
}

/// Starts `work` on a thread called `name`; it gets the token that [`Task::cancel`] and drop set.
///
/// # Errors
/// The system's, if it will not start a thread.
pub fn spawn(name: &str, work: impl FnOnce(Cancel) + Send + 'static) -> std::io::Result<Task> {
    let cancel = Cancel::new();
    let given = cancel.clone();
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || work(given))?;
    Ok(Task { cancel, thread: Some(thread) })
}

impl Task {
    /// Asks the work to stop.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Whether the work has come to its end.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the work to end; a panic in it is passed on.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
