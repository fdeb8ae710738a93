//! A line of JSON Lines: one of our own exports, a record alone, or an object with the fields of a table.

use super::columns::Columns;
use super::row::Row;
use super::{Beside, Record, Renamed, blind, passed_over};
use crate::compare::{Role, Trial};
use crate::export::cell;
use crate::fault::{Fault, Result};
use crate::study::{Judgment, Marks, Rated, Rating, Showing};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The fields beside the record, as [`crate::export::jsonl`] writes them.
#[derive(Default, Deserialize)]
struct Fields {
    #[serde(default)]
    study: Option<String>,
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    scale: BTreeMap<String, u8>,
    #[serde(default)]
    examples: BTreeMap<String, usize>,
}

pub(super) fn read(line: &str, place: &str, renamed: &Renamed) -> Result<Record> {
    let wrong = |e: serde_json::Error| {
        Fault::new(place, e.to_string().split(" at line").next().unwrap_or_default())
            .expected("a judgment, as one JSON object")
            .next("Correct that line; nothing of the file was taken.")
    };
    let mut line: Value = serde_json::from_str(line).map_err(wrong)?;
    if !line.is_object() {
        return Err(Fault::new(place, "JSON that is no object")
            .expected("a judgment, as one JSON object")
            .next("Correct that line; nothing of the file was taken.")
            .into());
    }
    let (record, trial, fields) = match line.get_mut("judgment").map(Value::take) {
        Some(record) => {
            let trial = line.get_mut("trial").map(Value::take).unwrap_or_default();
            (record, trial, Fields::deserialize(&line).map_err(wrong)?)
        }
        None if !is_record(&line) => return of_fields(&line, place, renamed),
        None => (line, Value::Null, Fields::default()),
    };
    let mut beside = Beside {
        study: fields.study,
        seed: fields.seed,
        criteria: Vec::new(),
        tags: fields.tags,
        highest: fields.scale.into_iter().collect(),
        examples: fields.examples.into_iter().collect(),
    };
    if record.get("contenders").is_some() {
        let rated: Rated = serde_json::from_value(record).map_err(wrong)?;
        beside.criteria = rated.ratings.iter().flat_map(|m| m.scores.keys().cloned()).collect();
        return Ok((Ok(rated), beside));
    }
    if record.get("item").is_some() {
        return Err(blind(place).into());
    }
    let judgment: Judgment = serde_json::from_value(record).map_err(wrong)?;
    if trial.is_null() {
        return Ok((Err(passed_over(place, "a judgment whose trial is missing")), beside));
    }
    let trial: Trial = serde_json::from_value(trial).map_err(wrong)?;
    beside.criteria = ["accuracy", "completeness"].map(str::to_owned).to_vec();
    let rated = of_judgment(&judgment, &trial);
    Ok((rated.ok_or_else(|| passed_over(place, "a judgment that is not complete")), beside))
}

/// Whether it is a record of ours rather than an object with the fields of a table.
fn is_record(line: &Value) -> bool {
    line.get("ratings").is_some_and(Value::is_array)
}

/// An object with the fields that a table has as columns.
fn of_fields(line: &Value, place: &str, renamed: &Renamed) -> Result<Record> {
    let fields = line.as_object().into_iter().flatten();
    let (mut head, mut cells) = (csv::StringRecord::new(), csv::StringRecord::new());
    for (name, value) in fields {
        head.push_field(name);
        match value {
            Value::Null => cells.push_field(""),
            // Written as a cell, so that it is read as what it is.
            Value::String(text) => cells.push_field(&cell::write(text)),
            other => cells.push_field(&other.to_string()),
        }
    }
    let columns = Columns::of(&head, place, renamed)?;
    Row { columns: &columns, record: &cells, place }.record()
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
        at: Some(judgment.at),
        seconds: Some(judgment.seconds),
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
