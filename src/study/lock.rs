//! Keeps two labs from writing into one data folder.

use crate::fault::{Fault, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Held while a lab is open; given back when dropped, and by the system if the lab is killed.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// A [`Fault`] that names the process holding it, or says why the file cannot be made.
    pub fn take(path: &Path) -> Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|e| Fault::io(path, "open", &e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another lab".to_owned(),
                    process => format!("another lab (process {process})"),
                };
                let dir = path.parent().unwrap_or(path);
                return Err(Fault::new(dir.display(), format!("{holder} at work in it"))
                    .expected("one lab on a data folder")
                    .next("Close the other lab, or give this one a folder of its own with --data-dir.")
                    .into());
            }
            Err(TryLockError::Error(e)) => return Err(Fault::io(path, "lock", &e).into()),
        }
        // Only for the message above: that it could not be written does no harm.
        let _ = file.set_len(0);
        let _ = file.seek(SeekFrom::Start(0));
        let _ = write!(file, "{}", std::process::id());
        Ok(Self { _file: file })
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
