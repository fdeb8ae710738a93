//! What LLM Comparator shows: `DataResponse` of `client/lib/types.ts` in PAIR-code/llm-comparator (read at commit
//! 60edc1e; the Python package is llm-comparator 0.1), with what its README says of scores.
//!
//! | field | what it is |
//! |---|---|
//! | `metadata.source_path` | the study's id |
//! | `metadata.custom_fields_schema` | every criterion as `per_model_number`, tags as `per_model_category`, `corpus` as `category`, `question_id` as `string`, `reference` as `text`, the rater and the time as `per_rating_string` |
//! | `models` | A is the baseline, or the first by name; B the other |
//! | `examples[].input_text`, `output_text_a`, `output_text_b` | question and answers |
//! | `examples[].tags` | the corpus |
//! | `examples[].score` | the mean over the raters: 1 where A is better, −1 where B is, 0 for a tie and for both bad (their scale ends at ±1.5, "much better", which nobody was asked) |
//! | `examples[].individual_rater_scores[]` | one for each judgment: `score`, `rating_label`, `is_flipped` (B was shown left), `rationale` (the note), `custom_fields` |
//! | `examples[].rationale_list` | empty: its own program summarises rationales |
//! | `examples[].custom_fields` | degrees as their means over the raters, `[A, B]` |
//!
//! It knows two models a file: a study with more contenders becomes a file for each pair.

use super::written::{File, Written, json};
use super::{Export, Exported, apart};
use crate::compare::Side;
use crate::study::Verdict;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) fn write(export: &Export<'_>) -> serde_json::Result<Written> {
    let mut written = Written::default();
    let mut pairs: BTreeMap<[&str; 2], BTreeMap<&str, Vec<&Exported<'_>>>> = BTreeMap::new();
    for row in &export.rows {
        let names = row
            .first()
            .and_then(|a| Some([row.sides[a.index()].contender?, row.sides[a.other().index()].contender?]));
        match (names, &row.judged) {
            (Some(names), Some(_)) => pairs.entry(names).or_default().entry(row.item).or_default().push(row),
            _ => written.leave_out("judgments whose trial is missing"),
        }
    }
    let several = pairs.len() > 1;
    for (n, (names, items)) in pairs.iter().enumerate() {
        let examples: Vec<Value> = items.values().filter_map(|rows| example(export, rows)).collect();
        let file = json!({
            "metadata": { "source_path": export.study.unwrap_or("juxta"), "custom_fields_schema": schema(export) },
            "models": names.map(|name| json!({ "name": name })),
            "examples": examples,
        });
        let name = if several {
            format!("llm-comparator-{}-{}.json", n + 1, plain(names[1]))
        } else {
            "llm-comparator.json".to_owned()
        };
        written.files.push(File::main(name, json(&file)?));
    }
    if written.files.is_empty() {
        let none = json!({
            "metadata": { "source_path": export.study.unwrap_or("juxta"), "custom_fields_schema": [] },
            "models": [{ "name": "A" }, { "name": "B" }],
            "examples": [],
        });
        written.files.push(File::main("llm-comparator.json", json(&none)?));
    }
    Ok(written)
}

/// Fields beside the criteria.
const FIELDS: [&str; 7] = ["tags", "corpus", "question_id", "item", "reference", "annotator", "judged_at"];

/// All judgments of one item.
fn example(export: &Export<'_>, rows: &[&Exported<'_>]) -> Option<Value> {
    let first = rows.first()?;
    let judged = first.judged.as_ref()?;
    let a = first.first()?;
    let scores: Vec<f64> = rows.iter().filter_map(|row| score(row)).collect();
    let mut fields = Map::new();
    for id in export.criteria_used() {
        fields.insert(
            apart(id, &FIELDS),
            json!(of_both(rows, |row, side| {
                row.sides[side.index()].scores.get(id).map(|d| f64::from(*d))
            })),
        );
    }
    let tags = [true, false].map(|is_a| {
        let mut all: Vec<&str> = Vec::new();
        for row in rows {
            let Some(a) = row.first() else { continue };
            let side = if is_a { a } else { a.other() };
            for tag in row.sides[side.index()].tags {
                if !all.contains(&tag.as_str()) {
                    all.push(tag);
                }
            }
        }
        if all.is_empty() { "none".to_owned() } else { all.join(", ") }
    });
    fields.insert("tags".into(), json!(tags));
    fields.insert("corpus".into(), json!(first.corpus));
    fields.insert("question_id".into(), json!(first.question_id));
    fields.insert("item".into(), json!(first.item));
    fields.insert("reference".into(), json!(judged.reference.map(|r| &r.answer)));
    Some(json!({
        "input_text": judged.question,
        "tags": first.corpus.into_iter().collect::<Vec<_>>(),
        "output_text_a": judged.texts[a.index()],
        "output_text_b": judged.texts[a.other().index()],
        "score": mean(&scores),
        "individual_rater_scores": rows.iter().map(|row| rater(row)).collect::<Vec<_>>(),
        "rationale_list": [],
        "custom_fields": fields,
    }))
}

fn rater(row: &Exported<'_>) -> Value {
    let label = match (row.verdict, row.winner(), row.first()) {
        (Some(Verdict::BothBad), ..) => Some("Both are bad"),
        (Some(Verdict::Tie), ..) => Some("Both are the same"),
        (_, Some((better, _)), Some(a)) => Some(if better == a { "A is better" } else { "B is better" }),
        _ => None,
    };
    json!({
        "score": score(row),
        "rating_label": label,
        "is_flipped": row.first() == Some(Side::B),
        "rationale": row.note,
        "custom_fields": { "annotator": row.annotator, "judged_at": row.at.to_string() },
    })
}

/// For A.
fn score(row: &Exported<'_>) -> Option<f64> {
    row.verdict?;
    let Some((better, _)) = row.winner() else { return Some(0.0) };
    Some(if Some(better) == row.first() { 1.0 } else { -1.0 })
}

/// The mean of a figure over those who gave it, for A and for B.
fn of_both(rows: &[&Exported<'_>], figure: impl Fn(&Exported<'_>, Side) -> Option<f64>) -> [Option<f64>; 2] {
    [true, false].map(|is_a| {
        let of_row =
            |row: &&Exported<'_>| figure(row, row.first().map(|a| if is_a { a } else { a.other() })?);
        mean(&rows.iter().filter_map(of_row).collect::<Vec<_>>())
    })
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn schema(export: &Export<'_>) -> Vec<Value> {
    let field = |name: &str, kind: &str| json!({ "name": name, "type": kind });
    let mut all: Vec<Value> =
        export.criteria_used().map(|id| field(&apart(id, &FIELDS), "per_model_number")).collect();
    all.push(field("tags", "per_model_category"));
    all.push(field("corpus", "category"));
    all.push(field("question_id", "string"));
    all.push(field("item", "string"));
    all.push(field("reference", "text"));
    all.push(field("annotator", "per_rating_string"));
    all.push(field("judged_at", "per_rating_string"));
    all
}

/// A name that can be part of a file's.
fn plain(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
        .take(60)
        .collect()
}
