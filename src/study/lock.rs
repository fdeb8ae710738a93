//! Keeps two processes from writing into one data folder, one journal or one study.

use crate::fault::{Fault, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Held while a lab or a journal is open; given back when dropped, and by the system if the lab is killed.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock of a lab's data folder.
    ///
    /// # Errors
    /// A [`Fault`] that names the process holding it, or says why the file cannot be made.
    pub fn take(path: &Path) -> Result<Self> {
        Self::take_or(path, |holder| {
            let dir = path.parent().unwrap_or(path);
            Fault::new(dir.display(), format!("{} at work in it", other("lab", holder)))
                .expected("one lab on a data folder")
                .next("Close the other lab, or give this one a folder of its own with --data-dir.")
        })
    }

    /// Takes the lock of an annotator's journal in a study.
    pub(super) fn take_journal(path: &Path, annotator: &str) -> Result<Self> {
        Self::take_or(path, |holder| {
            let found = format!("{} at work as {annotator}", other("process", holder));
            Fault::new(path.display(), found)
                .expected("one reviewer at a time under one name")
                .next("Close the other one, or review under your own name with --annotator.")
        })
    }

    /// Takes the lock of a study as a whole: for what changes more than one journal.
    pub(super) fn take_study(path: &Path) -> Result<Self> {
        Self::take_or(path, |holder| {
            Fault::new(path.display(), format!("{} at work on the study", other("process", holder)))
                .expected("one at a time to generate, merge or unblind")
                .next("Wait until it is done, or stop it.")
        })
    }

    /// Takes the lock, or says with `refusal` who holds it: the process's number, if it is known.
    fn take_or(path: &Path, refusal: impl Fn(&str) -> Fault) -> Result<Self> {
        let mut file = open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                return Err(refusal(holder.trim()).into());
            }
            Err(TryLockError::Error(e)) => return Err(Fault::io(path, "lock", &e).into()),
        }
        Ok(Self::held(file))
    }

    /// Takes the lock, waiting for whoever holds it: for what is done in a moment.
    pub(super) fn wait(path: &Path) -> Result<Self> {
        let file = open(path)?;
        file.lock().map_err(|e| Fault::io(path, "lock", &e))?;
        Ok(Self::held(file))
    }

    fn held(mut file: File) -> Self {
        // Only for the message to others: that it could not be written does no harm.
        let _ = file.set_len(0);
        let _ = file.seek(SeekFrom::Start(0));
        let _ = write!(file, "{}", std::process::id());
        Self { _file: file }
    }
}

fn open(path: &Path) -> Result<File> {
    let dir = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(|e| Fault::io(dir, "make", &e))?;
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    Ok(file.map_err(|e| Fault::io(path, "open", &e))?)
}

fn other(what: &str, process: &str) -> String {
    match (what, process) {
        (what, "") => format!("another {what}"),
        ("process", process) => format!("another process ({process})"),
        (what, process) => format!("another {what} (process {process})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lab_is_told_who_holds_the_folder() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("lab.lock");
        let held = DataLock::take(&path).expect("free");
        let refused = DataLock::take(&path).expect_err("held").to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        assert!(refused.contains("--data-dir"));
        drop(held);
        DataLock::take(&path).expect("free again");
    }
}
