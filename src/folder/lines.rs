//! A file of JSON Lines that only grows: each record is appended in one write and synced, so that a killed run finds
//! what it had. What a crash leaves of a last line is set aside and told, never dropped in silence.

use crate::fault::{Fault, Result};
use crate::text::json_line;
use serde::{Serialize, de::DeserializeOwned};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// Such a file, open for appending and held against a second process until it is dropped.
#[derive(Debug)]
pub struct Lines<T> {
    path: PathBuf,
    file: File,
    records: PhantomData<T>,
}

/// What a file of lines held when it was opened.
#[derive(Debug)]
pub struct Found<T> {
    /// Every record that could be read, in the order they were written.
    pub records: Vec<T>,
    /// What could not be read; it is kept.
    pub faults: Vec<Fault>,
}

impl<T: Serialize + DeserializeOwned> Lines<T> {
    /// Opens the file, made if missing. A torn last line is moved into a file beside it; unreadable lines before it
    /// stay and are not counted. `record` says what a line holds, for faults: "an answer".
    ///
    /// # Errors
    /// A [`Fault`] if another process has it open, or it cannot be opened, read or mended.
    pub fn open(path: &Path, record: &str) -> Result<(Self, Found<T>)> {
        let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(dir).map_err(|e| Fault::io(dir, "make", &e))?;
        // Opening a pipe would wait for ever.
        if path.exists() && !path.is_file() {
            return Err(Fault::new(path.display(), "something that is no regular file")
                .expected(format!("a file with {record} a line"))
                .next("Move it away; a new file is then begun.")
                .into());
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(|e| Fault::io(path, "open", &e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Fault::new(path.display(), "a file that another process is writing to")
                    .expected("one process at a time")
                    .next("Wait for the other one to end, or stop it.")
                    .into());
            }
            Err(TryLockError::Error(e)) => return Err(Fault::io(path, "lock", &e).into()),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| Fault::io(path, "read", &e))?;
        let mut found = Found { records: Vec::new(), faults: Vec::new() };
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        for (n, line) in bytes[..whole].split(|b| *b == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice(line) {
                Ok(read) => found.records.push(read),
                Err(e) => found.faults.push(
                    Fault::new(
                        format!("{}:{}", path.display(), n + 1),
                        e.to_string().split(" at line").next().unwrap_or_default(),
                    )
                    .expected(format!("{record}, as one JSON object"))
                    .next("The line is kept as it is and not counted."),
                ),
            }
        }
        let tail = &bytes[whole..];
        if let Ok(read) = serde_json::from_slice(tail) {
            // A whole record that lacks only its line break.
            file.write_all(b"\n").map_err(|e| Fault::io(path, "write to", &e))?;
            found.records.push(read);
        } else if !tail.is_empty() {
            found.faults.push(set_aside(path, &file, tail, whole)?);
        }
        Ok((Self { path: path.to_owned(), file, records: PhantomData }, found))
    }

    /// Appends a record and syncs it to the disk.
    ///
    /// # Errors
    /// A [`Fault`] if the disk would not take it; the file is then as it was.
    pub fn append(&mut self, record: &T) -> Result<()> {
        let mut line = json_line(record)
            .map_err(|e| Fault::new(self.path.display(), e).expected("a record that JSON can hold"))?
            .into_bytes();
        line.push(b'\n');
        let failed = |e: &std::io::Error| Fault::io(&self.path, "write to", e);
        let before = self.file.seek(SeekFrom::End(0)).map_err(|e| failed(&e))?;
        if let Err(e) = self.file.write_all(&line).and_then(|()| self.file.sync_data()) {
            // Half a line must not stand before the next try.
            let _ = self.file.set_len(before);
            return Err(failed(&e).into());
        }
        Ok(())
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Moves a torn last line into a file beside: first there, then away here.
fn set_aside(path: &Path, file: &File, torn: &[u8], whole: usize) -> Result<Fault> {
    let mut n = 1;
    let aside = loop {
        let candidate = path.with_extension(format!("torn-{n}"));
        if !candidate.exists() {
            break candidate;
        }
        n += 1;
    };
    super::replace(&aside, torn)?;
    file.set_len(whole as u64).map_err(|e| Fault::io(path, "mend", &e))?;
    Ok(Fault::new(path.display(), format!("a torn last line of {} bytes", torn.len()))
        .expected("a whole record")
        .next(format!("It was set aside in {}; every record before it is there.", aside.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Open = (Lines<String>, Found<String>);

    fn open(path: &Path) -> Open {
        Lines::open(path, "a text").expect("opened")
    }

    #[test]
    fn a_second_process_is_told() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("deep/a.jsonl");
        let held = open(&path);
        let refused = Lines::<String>::open(&path, "a text").expect_err("held").to_string();
        assert!(refused.contains("another process"), "{refused}");
        drop(held);
        open(&path);
    }

    #[test]
    fn an_unreadable_line_is_named_and_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.jsonl");
        std::fs::write(&path, "\"one\"\n5\n\"two\"").expect("written");
        let (mut lines, found) = open(&path);
        assert_eq!(found.records, ["one", "two"]);
        assert!(found.faults[0].place.ends_with("a.jsonl:2"));
        lines.append(&"three \u{202e}".to_owned()).expect("appended");
        drop(lines);
        let text = std::fs::read_to_string(&path).expect("there");
        assert_eq!(text, "\"one\"\n5\n\"two\"\n\"three \\u202e\"\n");
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let refused = Lines::<String>::open(dir.path(), "a text").expect_err("a folder").to_string();
        assert!(refused.contains("no regular file"), "{refused}");
    }

    proptest! {
        #[test]
        fn a_file_torn_anywhere_keeps_every_whole_record_and_no_byte_is_lost(cut in 0usize..200) {
            let dir = tempfile::tempdir().expect("a folder");
            let path = dir.path().join("a.jsonl");
            let (mut lines, _) = open(&path);
            for n in 0..4 {
                lines.append(&format!("record é {n}")).expect("appended");
            }
            drop(lines);
            let bytes = std::fs::read(&path).expect("there");
            let cut = cut % (bytes.len() + 1);
            std::fs::write(&path, &bytes[..cut]).expect("torn");
            let whole = bytes[..cut].iter().filter(|b| **b == b'\n').count();
            let (mut lines, found) = open(&path);
            prop_assert!(found.records.len() == whole || found.records.len() == whole + 1);
            let aside = std::fs::read(path.with_extension("torn-1")).map_or(0, |torn| torn.len());
            let left = usize::try_from(std::fs::metadata(&path).expect("there").len()).expect("small");
            prop_assert!(left + aside == cut || left + aside == cut + 1);
            lines.append(&"more".to_owned()).expect("appended");
            drop(lines);
            prop_assert_eq!(open(&path).1.records.len(), found.records.len() + 1);
        }
    }
}
