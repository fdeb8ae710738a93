//! One JSON object a line, with everything that was recorded: letter for letter, though what a terminal would obey
//! is escaped.
//!
//! | field | what it is |
//! |---|---|
//! | `study`, `seed` | the study's id, and the seed that its report's bootstraps take; not there for the lab's own judgments |
//! | `scale`, `tags` | the highest degree of each criterion, and what could be wrong with an answer |
//! | `examples` | on how many examples contenders were fine-tuned, as far as their cards say; not there while a study is blind |
//! | `judgment` | the record: [`crate::study::Judgment`], [`crate::study::Rated`], or, of a blind study, [`crate::study::Review`] |
//! | `item` | [`crate::study::Item`] as its file has it, left and right as first shown; only of a study |
//! | `trial` | [`crate::compare::Trial`]; `null` where its file is missing; not there while a study is blind |

use super::Export;
use super::written::{File, Written, json_lines};
use serde_json::{Map, Value};

pub(super) fn write(export: &Export<'_>) -> serde_json::Result<Written> {
    let mut lines = Vec::with_capacity(export.rows.len());
    let scale: Map<String, Value> =
        export.criteria.iter().map(|c| (c.id.clone(), Value::from(c.highest()))).collect();
    let scale = Value::Object(scale);
    for row in &export.rows {
        let mut line = Map::new();
        if let Some(study) = export.study {
            line.insert("study".into(), Value::from(study));
        }
        if let Some(seed) = export.seed {
            line.insert("seed".into(), Value::from(seed));
        }
        line.insert("scale".into(), scale.clone());
        line.insert("tags".into(), serde_json::to_value(&export.tags)?);
        if !export.examples.is_empty() {
            line.insert("examples".into(), serde_json::to_value(&export.examples)?);
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
