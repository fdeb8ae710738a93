//! Judgments made elsewhere, and our own exports again: `csv` and `jsonl` as [`super::csv`] and [`super::jsonl`]
//! write them, one file or several of them.
//!
//! A table made elsewhere needs the columns `annotator`, `contender_a`, `contender_b`, `verdict` (`a`, `b`, `tie`,
//! `both-bad`, or the better contender's name) and one of `question_id` and `question`; A is the answer that was shown
//! left. What else it may have stands in [`columns`]. Columns with other names are passed over, unless [`Renamed`]
//! says what they are. Cells are set apart by commas, semicolons or tabs. In `jsonl` a line is one of our own, the
//! record [`Rated`] alone, or an object with the fields that a table has as columns.
//!
//! A judgment that is not complete, or of a trial that is missing, is no mistake: it is told, and not counted. One
//! that is there twice counts once; of two that differ the later one stands, and that is told.

mod columns;
mod line;
mod row;

pub use columns::Renamed;

use crate::fault::{Fault, Result};
use crate::study::{Rated, Showing};
use columns::Columns;
use row::Row;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// Judgments that were read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Read {
    /// Those that count, in the order they were first met in.
    pub judgments: Vec<Rated>,
    /// How many were there again, and count once.
    pub duplicates: usize,
    /// Where two records of one judgment differ, and which of them stands.
    pub conflicts: Vec<Fault>,
    /// Why others do not count.
    pub passed_over: Vec<Fault>,
    /// What else the files say.
    pub told: Told,
}

/// What files say of the studies that their judgments come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The studies' ids.
    pub studies: BTreeSet<String>,
    /// The seeds that their reports' bootstraps take.
    pub seeds: BTreeSet<u64>,
    /// What was rated, in the order it was met in.
    pub criteria: Vec<String>,
    /// What could be wrong with an answer, in the order it was met in, where a file says so.
    pub tags: Vec<String>,
    /// The highest degree of each criterion, where a file says so.
    pub highest: BTreeMap<String, u8>,
    /// On how many examples contenders were fine-tuned, where a file says so.
    pub examples: BTreeMap<String, usize>,
}

/// What a record says beside its judgment.
#[derive(Debug, Default)]
struct Beside {
    study: Option<String>,
    seed: Option<u64>,
    criteria: Vec<String>,
    tags: Vec<String>,
    highest: Vec<(String, u8)>,
    examples: Vec<(String, usize)>,
}

/// A record: the judgment, or why it does not count; and what it says beside it.
type Record = (Result<Rated, Fault>, Beside);

/// Reads files by their endings, `.csv`, `.tsv` or `.jsonl`, as one.
///
/// # Errors
/// A [`Fault`] naming the file and line that are wrong: nothing of any file is taken then.
pub fn read_files(paths: &[impl AsRef<Path>], renamed: &Renamed) -> Result<Read> {
    let mut reading = Reading::default();
    for path in paths.iter().map(AsRef::as_ref) {
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        let read = match ending.as_deref() {
            Some("csv" | "tsv") => table,
            Some("jsonl") => lines,
            _ => {
                return Err(Fault::new(path.display(), "a file of another ending")
                    .expected("judgments in .csv, .tsv or .jsonl")
                    .next("Give the file the ending of what it is.")
                    .into());
            }
        };
        let bytes = std::fs::read(path).map_err(|e| Fault::io(path, "read", &e))?;
        let place = path.display().to_string();
        let before = reading.records;
        read(&mut reading, &crate::folder::utf8(bytes, &place)?, &place, renamed)?;
        if reading.records == before {
            return Err(Fault::new(place, "no judgment")
                .expected("one or more")
                .next("Check whether it is the right file.")
                .into());
        }
    }
    reading.done()
}

/// Reads JSON Lines found at `place`.
///
/// # Errors
/// A [`Fault`] naming the line that is wrong.
pub fn read_jsonl(text: &str, place: &str, renamed: &Renamed) -> Result<Read> {
    let mut reading = Reading::default();
    lines(&mut reading, text, place, renamed)?;
    reading.done()
}

/// Reads a table found at `place`.
///
/// # Errors
/// A [`Fault`] naming the line and the column that are wrong.
pub fn read_csv(text: &str, place: &str, renamed: &Renamed) -> Result<Read> {
    let mut reading = Reading::default();
    table(&mut reading, text, place, renamed)?;
    reading.done()
}

fn lines(reading: &mut Reading, text: &str, place: &str, renamed: &Renamed) -> Result<()> {
    for (n, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let place = format!("{place}:{}", n + 1);
        reading.take(line::read(line, &place, renamed)?, place)?;
    }
    Ok(())
}

fn table(reading: &mut Reading, text: &str, place: &str, renamed: &Renamed) -> Result<()> {
    let text = text.trim_start_matches('\u{feff}');
    let mut table = csv::ReaderBuilder::new().delimiter(delimiter(text)).from_reader(text.as_bytes());
    let broken = |e: csv::Error| {
        let line = e.position().map_or(1, csv::Position::line);
        Fault::new(format!("{place}:{line}"), unplaced(&e))
            .expected("a line with as many cells as the first one")
            .next("Correct that line; nothing of the file was taken.")
    };
    let columns = Columns::of(table.headers().map_err(broken)?, &format!("{place}:1"), renamed)?;
    for record in table.records() {
        let record = record.map_err(broken)?;
        let place = format!("{place}:{}", record.position().map_or(1, csv::Position::line));
        let row = Row { columns: &columns, record: &record, place: &place };
        reading.take(row.record()?, place)?;
    }
    Ok(())
}

/// What stands between cells: whichever there is most of in the first line. A comma, if they are equal.
fn delimiter(text: &str) -> u8 {
    let head = text.lines().next().unwrap_or_default();
    let count = |c: char| head.matches(c).count();
    [(b'\t', '\t'), (b';', ';'), (b',', ',')]
        .into_iter()
        .max_by_key(|(_, c)| count(*c))
        .map_or(b',', |(b, _)| b)
}

fn unplaced(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} cells, not {expected_len}")
        }
        _ => error.to_string(),
    }
}

#[derive(Default)]
struct Reading {
    read: Read,
    records: usize,
    /// Where the judgment stands that is held, and its index.
    seen: HashMap<Key, (String, usize)>,
    /// Where each highest degree and number of examples was said first.
    said_at: HashMap<String, String>,
}

/// What makes two records records of one judgment: corpus, question, item and both contenders, showing, annotator.
type Key = ([String; 5], Showing, String);

fn key(rated: &Rated) -> Key {
    let [a, b] = &rated.contenders;
    let (first, second) = if a <= b { (a, b) } else { (b, a) };
    let item = [&rated.corpus, &rated.question_id, &rated.item, first, second].map(Clone::clone);
    (item, rated.showing, rated.annotator.clone())
}

impl Reading {
    fn take(&mut self, (record, beside): Record, place: String) -> Result<()> {
        self.records += 1;
        self.note(beside, &place)?;
        match record {
            Ok(rated) => self.add(rated, place),
            Err(fault) => {
                self.read.passed_over.push(fault);
                Ok(())
            }
        }
    }

    fn note(&mut self, beside: Beside, place: &str) -> Result<()> {
        let told = &mut self.read.told;
        told.studies.extend(beside.study);
        told.seeds.extend(beside.seed);
        for (list, more) in [(&mut told.criteria, beside.criteria), (&mut told.tags, beside.tags)] {
            for one in more {
                if !list.contains(&one) {
                    list.push(one);
                }
            }
        }
        for (criterion, n) in beside.highest {
            let what = format!("the highest degree of {criterion}");
            agree(&mut self.said_at, &mut told.highest, criterion, n, &what, place)?;
        }
        for (contender, n) in beside.examples {
            let what = format!("the number of examples of {contender}");
            agree(&mut self.said_at, &mut told.examples, contender, n, &what, place)?;
        }
        Ok(())
    }

    fn add(&mut self, rated: Rated, place: String) -> Result<()> {
        let refuse = |found: String, expected: &str, next: &str| {
            Err(Fault::new(&place, found).expected(expected).next(next).into())
        };
        let correct = "Correct that line; nothing of the file was taken.";
        if let Some(seconds) = rated.seconds.filter(|s| !(s.is_finite() && *s >= 0.0)) {
            return refuse(format!("seconds = {seconds}"), "a number of seconds", correct);
        }
        if rated.baseline.is_some_and(|side| side > 1) {
            let found = format!("baseline = {:?}", rated.baseline);
            return refuse(found, "0 for left, 1 for right, or none", correct);
        }
        if rated.contenders[0] == rated.contenders[1] {
            return refuse(format!("{:?} on both sides", rated.contenders[0]), "two contenders", correct);
        }
        let Some((before, at)) = self.seen.get_mut(&key(&rated)) else {
            self.seen.insert(key(&rated), (place, self.read.judgments.len()));
            self.read.judgments.push(rated);
            return Ok(());
        };
        let held = &mut self.read.judgments[*at];
        let same = held.contenders == rated.contenders
            && held.verdict == rated.verdict
            && held.ratings == rated.ratings;
        let later = rated.at > held.at;
        if same {
            self.read.duplicates += 1;
        } else if rated.at.is_none() || held.at.is_none() || rated.at == held.at {
            let found = format!(
                "a second judgment of {} by {} that says something else than {before}",
                rated.item, rated.annotator
            );
            let next = "Leave one of them out, or say with judged_at which is the later one; showing = swapped says \
                        that an item came back. Nothing was taken.";
            return refuse(found, "one judgment for each item, showing and annotator", next);
        } else {
            let (stands, gave_way) = if later { (&place, &*before) } else { (&*before, &place) };
            self.read.conflicts.push(
                Fault::new(
                    gave_way,
                    format!(
                        "a judgment of {} by {} that says something else than {stands}",
                        rated.item, rated.annotator
                    ),
                )
                .expected("one judgment for each item, showing and annotator")
                .next(format!("The later one stands, {stands}; this one is not counted.")),
            );
        }
        if later {
            *held = rated;
            *before = place;
        }
        Ok(())
    }

    /// Files in which nothing counts are told as a mistake.
    fn done(mut self) -> Result<Read> {
        if self.read.judgments.is_empty() && !self.read.passed_over.is_empty() {
            return Err(self.read.passed_over.remove(0).into());
        }
        Ok(self.read)
    }
}

/// Takes a number that every file must say alike.
fn agree<T: PartialEq + Copy + std::fmt::Display>(
    said_at: &mut HashMap<String, String>,
    told: &mut BTreeMap<String, T>,
    name: String,
    n: T,
    what: &str,
    place: &str,
) -> Result<()> {
    match told.get(&name) {
        Some(before) if *before != n => {
            let at = said_at.get(what).map_or("", String::as_str);
            Err(Fault::new(place, format!("{n} as {what}"))
                .expected(format!("{before}, as {at} says"))
                .next("What was not judged alike cannot be reported as one; report these files apart.")
                .into())
        }
        Some(_) => Ok(()),
        None => {
            said_at.insert(what.to_owned(), place.to_owned());
            told.insert(name, n);
            Ok(())
        }
    }
}

/// Why a record does not count.
fn passed_over(place: &str, found: &str) -> Fault {
    Fault::new(place, found).expected("a complete judgment of two contenders").next("It is not counted.")
}

fn blind(place: &str) -> Fault {
    Fault::new(place, "a judgment that does not say who answered")
        .expected("the names of two contenders")
        .next("It comes from a study that is still blind: export it again after `juxta study unblind`.")
}
