//! One JSON object a line, with everything that was recorded: letter for letter, though what a terminal would obey
//! is escaped.
//!
//! | field | what it is |
//! |---|---|
//! | `study` | the study's id; not there for the lab's own judgments |
//! | `judgment` | the record: [`crate::study::Judgment`], [`crate::study::Rated`], or, of a blind study, [`crate::study::Review`] |
//! | `item` | [`crate::study::Item`] as its file has it, left and right as first shown; only of a study |
//! | `trial` | [`crate::compare::Trial`]; `null` where its file is missing; not there while a study is blind |

use super::Export;
use super::written::{File, Written, json_lines};
use serde_json::{Map, Value};

pub(super) fn write(export: &Export<'_>) -> serde_json::Result<Written> {
    let mut lines = Vec::with_capacity(export.rows.len());
    for row in &export.rows {
        let mut line = Map::new();
        if let Some(study) = export.study {
            line.insert("study".into(), Value::from(study));
        }
        line.insert("judgment".into(), row.record()?);
        if export.study.is_some() {
            line.insert("item".into(), serde_json::to_value(row.judged.and_then(|j| j.item))?);
        }
        if export.named {
            line.insert("trial".into(), serde_json::to_value(row.judged.and_then(|j| j.trial))?);
        }
        lines.push(Value::Object(line));
    }
    Ok(Written::of(File::main("judgments.jsonl", json_lines(lines)?)))
}
