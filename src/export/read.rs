//! Judgments made elsewhere, and our own exports again: `csv` and `jsonl` as [`super::csv`] and [`super::jsonl`]
//! write them.
//!
//! A table made elsewhere needs the columns `annotator`, `contender_a`, `contender_b`, `verdict` (`a`, `b`, `tie`,
//! `both-bad`) and one of `question_id` and `question`; A is the answer that was shown left. What else it may have:
//! `item`, `showing` (`first`, `swapped`), `corpus`, `judged_at`, `seconds`, `baseline` (`a`, `b`), a pair of columns
//! for each criterion (`accuracy_a`, `accuracy_b`, whole numbers from 1 up), `tags_a`, `tags_b`, `evidence`, `note`,
//! `flagged`, `reference_shown`. Other columns are passed over. In `jsonl` a line is one of our own, or the record
//! [`Rated`] alone.
//!
//! A judgment that is not complete, or of a trial that is missing, is no mistake: it is told, and not counted.

use super::cell;
use super::csv::OF_A_SIDE;
use crate::compare::{Role, Trial};
use crate::fault::{Fault, Result};
use crate::study::{Evidence, Judgment, Marks, Rated, Rating, Showing, Verdict};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Judgments that were read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Read {
    /// Those that count, in their order.
    pub judgments: Vec<Rated>,
    /// Why others do not.
    pub passed_over: Vec<Fault>,
}

/// Reads a file by its ending, `.csv` or `.jsonl`.
///
/// # Errors
/// A [`Fault`] naming the line that is wrong: nothing of the file is taken then.
pub fn read_judgments(path: &Path) -> Result<Read> {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let reader = match ending.as_deref() {
        Some("csv") => read_csv,
        Some("jsonl") => read_jsonl,
        _ => {
            return Err(Fault::new(path.display(), "a file of another ending")
                .expected("judgments in .csv or .jsonl")
                .next("Give the file the ending of what it is.")
                .into());
        }
    };
    let bytes = std::fs::read(path).map_err(|e| Fault::io(path, "read", &e))?;
    let place = path.display().to_string();
    reader(&crate::folder::utf8(bytes, &place)?, &place)
}

/// Reads JSON Lines found at `place`.
///
/// # Errors
/// A [`Fault`] naming the line that is wrong.
pub fn read_jsonl(text: &str, place: &str) -> Result<Read> {
    let mut reading = Reading::default();
    for (n, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let place = format!("{place}:{}", n + 1);
        match of_line(line, &place)? {
            Ok(rated) => reading.add(rated, place)?,
            Err(fault) => reading.read.passed_over.push(fault),
        }
    }
    reading.done()
}

/// Reads a table found at `place`.
///
/// # Errors
/// A [`Fault`] naming the line and the column that are wrong.
pub fn read_csv(text: &str, place: &str) -> Result<Read> {
    let mut table = csv::ReaderBuilder::new().from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let broken = |e: csv::Error| {
        let line = e.position().map_or(1, csv::Position::line);
        Fault::new(format!("{place}:{line}"), unplaced(&e))
            .expected("a line with as many cells as the first one")
            .next("Correct that line; nothing of the file was taken.")
    };
    let columns = Columns::of(table.headers().map_err(broken)?, place)?;
    let mut reading = Reading::default();
    for record in table.records() {
        let record = record.map_err(broken)?;
        let place = format!("{place}:{}", record.position().map_or(1, csv::Position::line));
        let row = Row { columns: &columns, record: &record, place: &place };
        match row.rated()? {
            Ok(rated) => reading.add(rated, place)?,
            Err(fault) => reading.read.passed_over.push(fault),
        }
    }
    reading.done()
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
    seen: HashMap<(String, Showing, String), String>,
}

impl Reading {
    fn add(&mut self, rated: Rated, place: String) -> Result<()> {
        let refuse = |found: String, expected: &str| {
            let fault = Fault::new(&place, found).expected(expected);
            Err(fault.next("Correct that line; nothing of the file was taken.").into())
        };
        if !(rated.seconds.is_finite() && rated.seconds >= 0.0) {
            return refuse(format!("seconds = {}", rated.seconds), "a number of seconds");
        }
        if rated.baseline.is_some_and(|side| side > 1) {
            return refuse(format!("baseline = {:?}", rated.baseline), "0 for left, 1 for right, or none");
        }
        if rated.contenders[0] == rated.contenders[1] {
            return refuse(format!("{:?} on both sides", rated.contenders[0]), "two contenders");
        }
        let key = (rated.item.clone(), rated.showing, rated.annotator.clone());
        if let Some(before) = self.seen.get(&key) {
            let found = format!("a second judgment of {} by {}, after {before}", rated.item, rated.annotator);
            return refuse(found, "one judgment for each item, showing and annotator");
        }
        self.seen.insert(key, place);
        self.read.judgments.push(rated);
        Ok(())
    }

    /// A file in which nothing counts is told as a mistake.
    fn done(mut self) -> Result<Read> {
        if self.read.judgments.is_empty() && !self.read.passed_over.is_empty() {
            return Err(self.read.passed_over.remove(0).into());
        }
        Ok(self.read)
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

fn of_line(line: &str, place: &str) -> Result<Result<Rated, Fault>> {
    let wrong = |e: serde_json::Error| {
        Fault::new(place, e.to_string().split(" at line").next().unwrap_or_default())
            .expected("a judgment, as one JSON object")
            .next("Correct that line; nothing of the file was taken.")
    };
    let mut line: Value = serde_json::from_str(line).map_err(wrong)?;
    let (record, trial) = match line.get_mut("judgment").map(Value::take) {
        Some(record) => (record, line.get_mut("trial").map(Value::take).unwrap_or_default()),
        None => (line, Value::Null),
    };
    if record.get("contenders").is_some() {
        return Ok(Ok(serde_json::from_value(record).map_err(wrong)?));
    }
    if record.get("item").is_some() {
        return Err(blind(place).into());
    }
    let judgment: Judgment = serde_json::from_value(record).map_err(wrong)?;
    if trial.is_null() {
        return Ok(Err(passed_over(place, "a judgment whose trial is missing")));
    }
    let trial: Trial = serde_json::from_value(trial).map_err(wrong)?;
    Ok(of_judgment(&judgment, &trial).ok_or_else(|| passed_over(place, "a judgment that is not complete")))
}

/// A judgment of the lab. Its questions have no ids, so that the question itself is what figures are clustered by.
fn of_judgment(judgment: &Judgment, trial: &Trial) -> Option<Rated> {
    let marks = |rating: &Rating| {
        let degrees = [("accuracy", rating.accuracy), ("completeness", rating.completeness)];
        let scores = degrees.into_iter().map(|(id, degree)| Some((id.to_owned(), degree?)));
        Some(Marks { scores: scores.collect::<Option<_>>()?, tags: rating.tags.clone() })
    };
    Some(Rated {
        item: judgment.trial.clone(),
        showing: Showing::First,
        corpus: trial.corpus.clone(),
        question_id: trial.question.clone(),
        annotator: judgment.annotator.clone(),
        at: judgment.at,
        seconds: judgment.seconds,
        contenders: [trial.answers[0].contender.clone(), trial.answers[1].contender.clone()],
        baseline: trial.answers.iter().position(|a| a.role == Role::Baseline),
        ratings: [marks(&judgment.ratings[0])?, marks(&judgment.ratings[1])?],
        verdict: judgment.verdict?,
        evidence: Vec::new(),
        note: judgment.note.clone(),
        flagged: false,
        reference_shown: false,
    })
}

/// Where the cells of a table are.
struct Columns {
    by_name: HashMap<String, usize>,
    /// Criterion, column of A, column of B.
    criteria: Vec<(String, [usize; 2])>,
}

impl Columns {
    fn of(head: &csv::StringRecord, place: &str) -> Result<Self> {
        let place = format!("{place}:1");
        let mut by_name = HashMap::new();
        for (n, name) in head.iter().enumerate() {
            if by_name.insert(name.trim().to_owned(), n).is_some() {
                return Err(Fault::new(&place, format!("a second column {name:?}"))
                    .expected("each column once")
                    .next("Rename one of them.")
                    .into());
            }
        }
        let needed = ["annotator", "contender_a", "contender_b", "verdict"];
        let asked = by_name.contains_key("question_id") || by_name.contains_key("question");
        if let Some(missing) =
            needed.into_iter().find(|n| !by_name.contains_key(*n)).or((!asked).then_some("question"))
        {
            return Err(Fault::new(&place, format!("no column {missing:?}"))
                .expected(format!("the columns {} and question_id or question", needed.join(", ")))
                .next("Name the columns so in the first line; A is what was shown left.")
                .into());
        }
        let mut criteria = Vec::new();
        for name in head.iter().map(str::trim) {
            let Some(id) = name.strip_suffix("_a").filter(|id| !OF_A_SIDE.contains(id)) else { continue };
            let other = format!("{id}_b");
            let Some(b) = by_name.get(&other) else {
                return Err(Fault::new(&place, format!("{name:?} without {other:?}"))
                    .expected("the columns of a criterion for both sides")
                    .next("Add the other one, or name this one otherwise.")
                    .into());
            };
            let criterion = OF_A_SIDE.iter().find(|taken| id == format!("{taken}_score")).map_or(id, |t| t);
            criteria.push((criterion.to_owned(), [by_name[name], *b]));
        }
        Ok(Self { by_name, criteria })
    }
}

/// A line of a table.
struct Row<'a> {
    columns: &'a Columns,
    record: &'a csv::StringRecord,
    place: &'a str,
}

impl Row<'_> {
    fn raw(&self, column: &str) -> &str {
        self.columns.by_name.get(column).and_then(|n| self.record.get(*n)).unwrap_or_default()
    }

    fn text(&self, column: &str) -> String {
        cell::read(self.raw(column)).into_owned()
    }

    fn refuse(&self, column: &str, expected: &str) -> Fault {
        Fault::new(format!("{}, {column}", self.place), format!("{:?}", self.raw(column)))
            .expected(expected)
            .next("Correct that cell; nothing of the file was taken.")
    }

    /// What a cell says, or `otherwise` where it is empty or there is none.
    fn parsed<T>(
        &self,
        column: &str,
        otherwise: T,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        match self.raw(column).trim() {
            "" => Ok(otherwise),
            cell => parse(cell).ok_or_else(|| self.refuse(column, expected).into()),
        }
    }

    fn rated(&self) -> Result<Result<Rated, Fault>> {
        let contenders = ["contender_a", "contender_b"].map(|column| self.text(column));
        if contenders.iter().any(String::is_empty) {
            if !self.raw("showing").is_empty() {
                return Err(blind(self.place).into());
            }
            return Ok(Err(passed_over(self.place, "a judgment without a contender's name")));
        }
        let verdict = self.parsed("verdict", None, "a, b, tie or both-bad", |v| match v {
            "a" => Some(Some(Verdict::A)),
            "b" => Some(Some(Verdict::B)),
            "tie" => Some(Some(Verdict::Tie)),
            "both-bad" => Some(Some(Verdict::BothBad)),
            _ => None,
        })?;
        let Some(verdict) = verdict else {
            return Ok(Err(passed_over(self.place, "a judgment without a verdict")));
        };
        let annotator = self.text("annotator");
        if annotator.is_empty() {
            return Err(self.refuse("annotator", "who judged").into());
        }
        let question = self.text("question");
        let question_id = match self.text("question_id") {
            id if id.is_empty() => question,
            id => id,
        };
        if question_id.is_empty() {
            return Err(self.refuse("question_id", "what was asked: an id, or the question").into());
        }
        let corpus = self.text("corpus");
        let item = match self.text("item") {
            item if item.is_empty() => match self.text("trial") {
                trial if trial.is_empty() => item_of(&corpus, &question_id, &contenders),
                trial => trial,
            },
            item => item,
        };
        let mut ratings = [Marks::default(), Marks::default()];
        for (criterion, columns) in &self.columns.criteria {
            for (marks, column) in ratings.iter_mut().zip(columns) {
                if let Some(degree) = self.degree(*column)? {
                    marks.scores.insert(criterion.clone(), degree);
                }
            }
        }
        for (marks, column) in ratings.iter_mut().zip(["tags_a", "tags_b"]) {
            marks.tags = cell::read_list(self.raw(column));
        }
        let flag = |column: &str| self.parsed(column, false, "true or false", |cell| cell.parse().ok());
        let evidence = |cell: &str| serde_json::from_str::<Vec<Evidence>>(cell).ok();
        Ok(Ok(Rated {
            item,
            showing: self.parsed("showing", Showing::First, "first or swapped", |cell| match cell {
                "first" => Some(Showing::First),
                "swapped" => Some(Showing::Swapped),
                _ => None,
            })?,
            corpus,
            question_id,
            annotator,
            at: self.parsed(
                "judged_at",
                Timestamp::UNIX_EPOCH,
                "a time like 2026-11-20T12:00:00Z",
                |cell| cell.parse().ok(),
            )?,
            seconds: self.parsed("seconds", 0.0, "a number of seconds", |cell| cell.parse().ok())?,
            contenders,
            baseline: self.parsed("baseline", None, "a or b", |cell| match cell {
                "a" => Some(Some(0)),
                "b" => Some(Some(1)),
                _ => None,
            })?,
            ratings,
            verdict,
            evidence: self.parsed("evidence", Vec::new(), "evidence, as a JSON list", evidence)?,
            note: self.text("note"),
            flagged: flag("flagged")?,
            reference_shown: flag("reference_shown")?,
        }))
    }

    fn degree(&self, column: usize) -> Result<Option<u8>> {
        let cell = self.record.get(column).unwrap_or_default().trim();
        if cell.is_empty() {
            return Ok(None);
        }
        match cell.parse() {
            Ok(degree) if degree > 0 => Ok(Some(degree)),
            _ => {
                let name =
                    self.columns.by_name.iter().find(|(_, n)| **n == column).map_or("", |(name, _)| name);
                Err(self.refuse(name, "a degree: a whole number from 1 up, or nothing").into())
            }
        }
    }
}

/// Names an item that a table does not name: a question and who is compared on it, whoever was left.
fn item_of(corpus: &str, question: &str, contenders: &[String; 2]) -> String {
    let [a, b] = contenders;
    let (first, second) = if a <= b { (a, b) } else { (b, a) };
    let named: BTreeMap<&str, &str> =
        [("corpus", corpus), ("question", question), ("first", first), ("second", second)].into();
    let key = serde_json::to_vec(&named).unwrap_or_default();
    blake3::hash(&key).to_hex()[..12].to_owned()
}
