//! Where everything is printed. Text for people is made printable here; results go to standard output, errors and
//! progress to standard error.

use crate::fault;
use crate::job::Progress;
use crate::text::{self, one_line, visible};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::{self, Write};
use std::time::Duration;

/// Prints text for people.
pub(super) fn text(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(visible(text).as_bytes())?;
    Ok(out.flush()?)
}

/// Prints one JSON value for programs.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text::json(value)?.as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Prints one JSON value on one line.
pub(super) fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text::json_line(value)?.as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Text of several lines below an entry's head: no line of it can pass for a head.
pub(super) fn indented(text: &str) -> String {
    visible(text.trim()).lines().map(|line| format!("    {line}\n")).collect()
}

/// Prints an error, on one line.
pub(super) fn error(error: &anyhow::Error) {
    // Standard error may be gone too; there is nobody left to tell then.
    let _ = writeln!(io::stderr(), "juxta: {}", one_line(&format!("{error:#}")));
}

/// Prints what clap says of arguments that it does not know.
pub(super) fn wrong_arguments(message: &str) {
    let _ = io::stderr().write_all(visible(message).as_bytes());
}

/// Prints a remark that is no result, on one line.
pub(super) fn remark(remark: &str) {
    let _ = writeln!(io::stderr(), "juxta: {}", one_line(remark));
}

/// Whether the reader of our output went away, as `head` does: no error.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|e| e.downcast_ref::<io::Error>()).any(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

/// The work was stopped by whoever started it: what that means, and how to go on.
#[derive(Debug, thiserror::Error)]
#[error("stopped. {0}")]
pub(super) struct Stopped(&'static str);

/// What to do after the building of an index was stopped.
pub(super) const INDEX_AGAIN: &str = "No index was left half done; the same command builds it again.";

/// For `map_err`: tells `next` where the work was stopped.
pub(super) fn stopped(next: &'static str) -> impl Fn(fault::Error) -> anyhow::Error {
    move |error| match error {
        fault::Error::Cancelled => Stopped(next).into(),
        other => other.into(),
    }
}

/// Whether the work was stopped by whoever started it.
pub(super) fn is_stopped(error: &anyhow::Error) -> bool {
    error.is::<Stopped>() || matches!(error.downcast_ref(), Some(fault::Error::Cancelled))
}

/// A progress bar on standard error; hidden where that is no terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    pub(super) fn show(&self, progress: &Progress) {
        self.0.set_message(visible(&progress.doing).into_owned());
        self.0.set_length(progress.total);
        self.0.set_position(progress.done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
