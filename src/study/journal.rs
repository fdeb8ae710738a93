//! A journal: JSON Lines that only grow. Each record is appended in one write and synced; what a crash, a full
//! disk or an editor leaves behind is reported and kept, never dropped in silence. Knows of a record what [`Record`]
//! says, and nothing of what is judged.

use super::judgment::Judgment;
use crate::fault::{Fault, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What a journal can hold: one JSON object a line.
pub trait Record: Serialize + DeserializeOwned {
    /// What a line is expected to be, in faults: "a judgment".
    const WHAT: &'static str;

    /// What it is a record of, and whose: of the records with one subject one stands.
    type Subject<'a>: Ord
    where
        Self: 'a;

    /// See [`Record::Subject`].
    fn subject(&self) -> Self::Subject<'_>;

    /// Whether it stands rather than `earlier`, a record of the same subject on a line before.
    fn supersedes(&self, earlier: &Self) -> bool {
        let _ = earlier;
        true
    }
}

/// A journal that is open for appending.
#[derive(Debug)]
pub struct Journal<R = Judgment> {
    path: PathBuf,
    file: File,
    records: Vec<R>,
    problems: Vec<Problem>,
}

/// What else a record has to be than readable: what is found and what is expected, where it is not.
pub(super) type Check<'a, R> = &'a dyn Fn(&R) -> Option<(String, String)>;

/// Something in a journal that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(pub Fault);

impl<R: Record> Journal<R> {
    /// Opens the journal `name` (an annotator's, mostly) below `dir`, made if missing. A torn last line is moved into a file
    /// beside it, so that the next record starts on a line of its own; unreadable lines before it stay.
    /// Both are in [`Journal::problems`].
    ///
    /// # Errors
    /// A [`Fault`] if the file cannot be opened, read or mended.
    pub fn open(dir: &Path, name: &str) -> Result<Self> {
        Self::open_checked(dir, name, &|_| None)
    }

    /// As [`Journal::open`]; records that are not as they have to be are passed over like unreadable ones.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub(super) fn open_checked(dir: &Path, name: &str, check: Check<'_, R>) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(|e| Fault::io(dir, "make", &e))?;
        let path = dir.join(format!("{name}.jsonl"));
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|e| Fault::io(&path, "open", &e))?;
        regular(&path, &file)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| Fault::io(&path, "read", &e))?;
        let (records, mut problems) = parse(&path, &bytes, check);
        if let Some(torn) = torn_tail::<R>(&bytes) {
            problems.push(Problem(set_aside(&path, &file, torn, bytes.len())?));
        } else if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            // A whole record without its line break: an editor took it.
            file.write_all(b"\n").map_err(|e| Fault::io(&path, "write to", &e))?;
        }
        Ok(Self { path, file, records, problems })
    }

    /// Reads a journal without opening it for writing. A torn last line is a problem like any other, and stays.
    ///
    /// # Errors
    /// A [`Fault`] if the file cannot be read.
    pub fn read(path: &Path) -> Result<(Vec<R>, Vec<Problem>)> {
        Self::read_checked(path, &|_| None)
    }

    /// As [`Journal::read`]; records that are not as they have to be are passed over like unreadable ones.
    ///
    /// # Errors
    /// As [`Journal::read`].
    pub(super) fn read_checked(path: &Path, check: Check<'_, R>) -> Result<(Vec<R>, Vec<Problem>)> {
        regular(path, &File::open(path).map_err(|e| Fault::io(path, "read", &e))?)?;
        let bytes = std::fs::read(path).map_err(|e| Fault::io(path, "read", &e))?;
        let (records, mut problems) = parse(path, &bytes, check);
        if let Some(torn) = torn_tail::<R>(&bytes) {
            problems.push(Problem(
                torn_fault(path, torn)
                    .next("It is kept as it is and not counted; the lab sets it aside when it opens."),
            ));
        }
        Ok((records, problems))
    }

    /// Every record that could be read, in the order they were written.
    pub fn records(&self) -> &[R] {
        &self.records
    }

    /// What could not be read.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a record and syncs it to the disk.
    ///
    /// # Errors
    /// A [`Fault`] if the disk would not take it; the journal is then as it was, and the same record can be
    /// appended again.
    pub fn append(&mut self, record: R) -> Result<()> {
        let line = serde_json::to_vec(&record).map_err(|e| {
            Fault::new(self.path.display(), e).expected(format!("{} that can be written as JSON", R::WHAT))
        })?;
        self.append_lines(&[&line])?;
        self.records.push(record);
        Ok(())
    }

    /// Appends lines as they are, whether they can be read or not, and syncs them.
    pub(super) fn append_lines(&mut self, lines: &[&[u8]]) -> Result<()> {
        let mut bytes = lines.join(&b'\n');
        if bytes.is_empty() {
            return Ok(());
        }
        bytes.push(b'\n');
        let failed = |e: &std::io::Error| Fault::io(&self.path, "write to", e);
        let before = self.file.seek(SeekFrom::End(0)).map_err(|e| failed(&e))?;
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        if let Err(e) = written {
            // Half a line must not stand before the next try.
            let _ = self.file.set_len(before);
            return Err(failed(&e).into());
        }
        Ok(())
    }
}

impl Journal {
    /// The record that stands for a trial: the last one.
    pub fn of_trial(&self, trial: &str) -> Option<&Judgment> {
        self.records.iter().rev().find(|j| j.trial == trial)
    }
}

/// Refuses devices and pipes: some never end.
fn regular(path: &Path, file: &File) -> Result<()> {
    if file.metadata().is_ok_and(|m| m.is_file()) {
        return Ok(());
    }
    Err(Fault::new(path.display(), "something that is no regular file")
        .expected("a journal")
        .next("Move it away; a new journal is then begun.")
        .into())
}

/// The records that stand: one of each subject, in the order of subjects.
pub fn current<R: Record>(records: &[R]) -> Vec<&R> {
    let mut last: BTreeMap<R::Subject<'_>, &R> = BTreeMap::new();
    for record in records {
        let subject = record.subject();
        if last.get(&subject).is_none_or(|earlier| record.supersedes(earlier)) {
            last.insert(subject, record);
        }
    }
    last.into_values().collect()
}

/// The records that stand in every journal below `dir`, and what could not be read.
///
/// # Errors
/// A [`Fault`] if the folder or a journal cannot be read.
pub fn all_current<R: Record + Clone>(dir: &Path) -> Result<(Vec<R>, Vec<Problem>)> {
    let (mut records, mut problems) = (Vec::new(), Vec::new());
    for path in journals(dir)? {
        let (some, wrong) = Journal::<R>::read(&path)?;
        records.extend(some);
        problems.extend(wrong);
    }
    Ok((current(&records).into_iter().cloned().collect(), problems))
}

/// Every journal below `dir`, which need not exist, sorted.
///
/// # Errors
/// A [`Fault`] if the folder cannot be listed.
pub(super) fn journals(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = match std::fs::read_dir(dir) {
        Ok(entries) => entries.flatten().map(|e| e.path()).collect(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(Fault::io(dir, "list", &e).into()),
    };
    paths.retain(|p| p.extension().is_some_and(|e| e == "jsonl"));
    paths.sort();
    Ok(paths)
}

fn parse<R: Record>(path: &Path, bytes: &[u8], check: Check<'_, R>) -> (Vec<R>, Vec<Problem>) {
    let (mut records, mut problems) = (Vec::new(), Vec::new());
    let torn = torn_tail::<R>(bytes).map_or(bytes.len(), |t| bytes.len() - t.len());
    for (n, line) in bytes[..torn].split(|b| *b == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let (found, expected) = match serde_json::from_slice(line) {
            Ok(record) => match check(&record) {
                None => {
                    records.push(record);
                    continue;
                }
                Some(wrong) => wrong,
            },
            Err(e) => (
                e.to_string().split(" at line").next().unwrap_or_default().to_owned(),
                format!("{}, as one JSON object", R::WHAT),
            ),
        };
        problems.push(Problem(
            Fault::new(format!("{}:{}", path.display(), n + 1), found)
                .expected(expected)
                .next("The line is kept as it is and not counted; mend it if it matters."),
        ));
    }
    (records, problems)
}

/// The last line, if it has no line break and is no whole record: what a crash in the middle of a write leaves.
pub(super) fn torn_tail<R: Record>(bytes: &[u8]) -> Option<&[u8]> {
    let start = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let tail = &bytes[start..];
    (!tail.trim_ascii().is_empty() && serde_json::from_slice::<R>(tail).is_err()).then_some(tail)
}

fn torn_fault(path: &Path, torn: &[u8]) -> Fault {
    Fault::new(path.display(), format!("a torn last line of {} bytes", torn.len())).expected("a whole record")
}

/// Moves a torn last line into a file beside the journal, first there, then away here.
fn set_aside(path: &Path, file: &File, torn: &[u8], length: usize) -> Result<Fault> {
    let aside = keep_aside(path, torn)?;
    file.set_len((length - torn.len()) as u64).map_err(|e| Fault::io(path, "mend", &e))?;
    Ok(torn_fault(path, torn)
        .next(format!("It was set aside in {}; every record before it is there.", aside.display())))
}

/// Keeps a torn line in a new file beside the journal.
pub(super) fn keep_aside(path: &Path, torn: &[u8]) -> Result<PathBuf> {
    let mut n = 1;
    let aside = loop {
        let candidate = path.with_extension(format!("torn-{n}"));
        if !candidate.exists() {
            break candidate;
        }
        n += 1;
    };
    crate::folder::replace(&aside, torn)?;
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::super::judgment::{Rating, Verdict};
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn judgment(trial: &str, verdict: Verdict) -> Judgment {
        Judgment {
            trial: trial.into(),
            annotator: "ada".into(),
            at: Timestamp::UNIX_EPOCH,
            seconds: 1.5,
            ratings: [Rating { accuracy: Some(4), completeness: Some(2), tags: vec![] }, Rating::default()],
            verdict: Some(verdict),
            note: "a\nnote \u{1b}[2J".into(),
            shown: vec![],
            juxta: "0".into(),
        }
    }

    #[test]
    fn what_was_appended_is_read_back_and_the_last_stands() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::<Judgment>::open(dir.path(), "ada").expect("opened");
        for verdict in [Verdict::A, Verdict::Tie] {
            journal.append(judgment("t1", verdict)).expect("appended");
        }
        drop(journal);
        let journal = Journal::<Judgment>::open(dir.path(), "ada").expect("opened");
        assert_eq!(journal.records().len(), 2);
        assert_eq!(journal.of_trial("t1").and_then(|j| j.verdict), Some(Verdict::Tie));
        assert_eq!(current(journal.records()).len(), 1);
        assert!(journal.problems().is_empty());
    }

    #[test]
    fn an_unreadable_line_is_named_and_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ada.jsonl");
        let good = serde_json::to_string(&judgment("t", Verdict::A)).expect("json");
        std::fs::write(&path, format!("{good}\nnot json\n{good}")).expect("written");
        let mut journal = Journal::<Judgment>::open(dir.path(), "ada").expect("opened");
        assert_eq!(journal.records().len(), 2);
        assert!(journal.problems()[0].0.place.ends_with("ada.jsonl:2"));
        journal.append(judgment("u", Verdict::B)).expect("appended");
        let text = std::fs::read_to_string(&path).expect("there");
        assert_eq!(text.lines().count(), 4, "the editor's missing line break was put back");
        assert!(text.contains("not json"));
    }

    #[test]
    fn a_full_disk_leaves_the_journal_as_it_was() {
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let file = OpenOptions::new().read(true).append(true).open(full).expect("opened");
        let mut journal = Journal { path: full.into(), file, records: vec![], problems: vec![] };
        let refused = journal.append(judgment("t", Verdict::A)).expect_err("the disk is full").to_string();
        assert!(refused.contains("/dev/full") && refused.contains("Free some space"), "{refused}");
        assert!(journal.records().is_empty());
    }

    proptest! {
        #[test]
        fn a_journal_torn_anywhere_keeps_every_whole_record(cut in 0usize..2000, more in 0usize..3) {
            let dir = tempfile::tempdir().expect("a folder");
            let path = dir.path().join("ada.jsonl");
            let mut journal = Journal::<Judgment>::open(dir.path(), "ada").expect("opened");
            for n in 0..4 {
                journal.append(judgment(&format!("t{n}"), Verdict::A)).expect("appended");
            }
            let bytes = std::fs::read(&path).expect("there");
            let cut = cut % (bytes.len() + 1);
            std::fs::write(&path, &bytes[..cut]).expect("torn");
            let lines = bytes[..cut].iter().filter(|b| **b == b'\n').count();
            let mut journal = Journal::<Judgment>::open(dir.path(), "ada").expect("opened");
            // A record that lacks only its line break is whole too.
            prop_assert!(journal.records().len() == lines || journal.records().len() == lines + 1);
            let kept = journal.records().len();
            let aside: usize = std::fs::read_dir(dir.path()).expect("listed").flatten()
                .filter(|e| e.path().extension().is_some_and(|x| x.to_string_lossy().starts_with("torn")))
                .map(|e| std::fs::read(e.path()).expect("there").len()).sum();
            let left = std::fs::read(&path).expect("there").len();
            prop_assert!(left + aside == cut || left + aside == cut + 1, "no byte is lost");
            for n in 0..more {
                journal.append(judgment(&format!("u{n}"), Verdict::B)).expect("appended");
            }
            drop(journal);
            prop_assert_eq!(Journal::<Judgment>::open(dir.path(), "ada").expect("opened").records().len(), kept + more);
        }
    }
}
