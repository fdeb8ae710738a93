//! A dataset for Argilla, as `Dataset.to_disk` leaves it and `Dataset.from_disk` reads it: records, settings and the
//! dataset's name, by `records/_io/_json.py`, `records/_resource.py`, `settings/_resource.py` and
//! `datasets/_io/_disk.py` of argilla 2.8.0.
//!
//! | file | fields |
//! |---|---|
//! | `records.json` | a list: `id` (the item, and `-swapped` for its second showing), `fields`, `metadata`, `suggestions` `{question: {value, score, agent}}`, `responses` `{question: [{value, user_id, status}]}`, `vectors`, `status` |
//! | `.argilla/settings.json` | `guidelines`, `fields`, `questions`, `metadata`, `allow_extra_metadata`, `distribution` |
//! | `.argilla/dataset.json` | `name` |
//!
//! Fields: `question`, `passages`, `reference`, `answer_left`, `answer_right`, as shown. Questions for each side: the
//! rating of each criterion, `tags-left`, `evidence-left` (spans in code points, as Python counts them), and
//! `verdict` and `note`. A user id is a UUID of the annotator's name (version 8 of RFC 9562: our own digest of it),
//! so that the same name is the same user in every export; the metadata say which is whose. Where more than half of
//! several annotators agree on a verdict it is also a suggestion, with their share as its score. Passage spans and
//! byte offsets have no place in Argilla's spans: the metadata `evidence` has them, as JSON.

use super::written::{File, Written, json};
use super::{Export, Exported, Given, Judged, apart, offsets};
use crate::compare::Side;
use crate::study::{Showing, Verdict};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const SIDES: [&str; 2] = ["left", "right"];
/// Questions that are no criterion's.
const QUESTIONS: [&str; 2] = ["tags", "evidence"];

pub(super) fn write(export: &Export<'_>) -> serde_json::Result<Written> {
    let mut written = Written::default();
    let mut records: BTreeMap<(&str, Showing), Vec<&Exported<'_>>> = BTreeMap::new();
    for row in &export.rows {
        if row.judged.is_some() {
            records.entry((row.item, row.showing)).or_default().push(row);
        } else {
            written.leave_out("judgments whose trial is missing");
        }
    }
    let records: Vec<Value> =
        records.values().filter_map(|rows| record(rows)).collect::<serde_json::Result<_>>()?;
    written.files.push(File::main("records.json", json(&records)?));
    written.files.push(File::beside(".argilla/settings.json", "settings.json", json(&settings(export))?));
    let name = json!({ "name": export.study.unwrap_or("juxta"), "status": "draft" });
    written.files.push(File::beside(".argilla/dataset.json", "dataset.json", json(&name)?));
    Ok(written)
}

fn record(rows: &[&Exported<'_>]) -> Option<serde_json::Result<Value>> {
    let row = rows.first()?;
    let judged = row.judged.as_ref()?;
    let again = if row.showing == Showing::Swapped { "-swapped" } else { "" };
    let passages: Vec<String> =
        judged.passages.iter().map(|h| format!("[{}] {}\n{}", h.rank, h.heading(), h.text)).collect();
    let mut responses: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in rows {
        for (question, value) in answers(row, judged) {
            let response = json!({ "value": value, "user_id": user(&row.annotator), "status": "submitted" });
            responses.entry(question).or_default().push(response);
        }
    }
    let mut metadata = Map::new();
    metadata.insert("corpus".into(), json!(row.corpus.unwrap_or_default()));
    metadata.insert("question_id".into(), json!(row.question_id.unwrap_or_default()));
    metadata.insert("item".into(), json!(row.item));
    metadata.insert("showing".into(), json!(row.showing_name()));
    for (side, given) in SIDES.iter().zip(&row.sides) {
        metadata.insert(format!("contender_{side}"), json!(given.contender.unwrap_or_default()));
    }
    let about: BTreeMap<String, Value> = rows.iter().map(|row| (user(&row.annotator), who(row))).collect();
    metadata.insert("annotators".into(), json!(serde_json::to_string(&about).unwrap_or_default()));
    let evidence: BTreeMap<&str, _> =
        rows.iter().filter(|r| !r.evidence.is_empty()).map(|r| (r.annotator.as_ref(), r.evidence)).collect();
    if !evidence.is_empty() {
        let evidence = match serde_json::to_string(&evidence) {
            Ok(evidence) => evidence,
            Err(e) => return Some(Err(e)),
        };
        metadata.insert("evidence".into(), json!(evidence));
    }
    Some(Ok(json!({
        "id": format!("{}{again}", row.item),
        "fields": {
            "question": judged.question,
            "passages": passages.join("\n\n"),
            "reference": judged.reference.map(|r| r.answer.as_str()).unwrap_or_default(),
            "answer_left": judged.texts[0],
            "answer_right": judged.texts[1],
        },
        "metadata": metadata,
        "suggestions": suggestions(rows),
        "responses": responses,
        "vectors": {},
        "status": "completed",
    })))
}

fn who(row: &Exported<'_>) -> Value {
    json!({
        "name": row.annotator,
        "judged_at": row.at.to_string(),
        "seconds": row.seconds,
        "flagged": row.flagged,
        "reference_shown": row.reference_shown,
    })
}

/// What one annotator said, by question.
fn answers(row: &Exported<'_>, judged: &Judged<'_>) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for side in Side::BOTH {
        let (name, given): (_, &Given<'_>) = (SIDES[side.index()], &row.sides[side.index()]);
        for (id, degree) in &given.scores {
            all.push((format!("{}-{name}", apart(id, &QUESTIONS)), json!(degree)));
        }
        if !given.tags.is_empty() {
            all.push((format!("tags-{name}"), json!(given.tags)));
        }
        let text = judged.texts[side.index()];
        let spans: Vec<Value> = row
            .evidence
            .iter()
            .filter(|e| e.side == side)
            .filter_map(|e| {
                let (start, end) = offsets::code_points(text, e.range)?;
                Some(json!({ "start": start, "end": end, "label": e.tag }))
            })
            .collect();
        if !spans.is_empty() {
            all.push((format!("evidence-{name}"), json!(spans)));
        }
    }
    if let Some(verdict) = row.verdict {
        all.push(("verdict".into(), json!(verdict.name())));
    }
    if !row.note.is_empty() {
        all.push(("note".into(), json!(row.note)));
    }
    all
}

/// The verdict of more than half, of two judges or more.
fn suggestions(rows: &[&Exported<'_>]) -> Value {
    let verdicts: Vec<&str> = rows.iter().filter_map(|r| r.verdict).map(Verdict::name).collect();
    let agreed = |verdict: &str| verdicts.iter().filter(|v| **v == verdict).count();
    match verdicts.iter().find(|v| 2 * agreed(v) > verdicts.len()) {
        Some(verdict) if verdicts.len() > 1 => json!({ "verdict": {
            "value": verdict,
            "score": agreed(verdict) as f64 / verdicts.len() as f64,
            "agent": "majority",
        } }),
        _ => json!({}),
    }
}

/// A UUID of our own making, from the name alone.
fn user(name: &str) -> String {
    let digest = blake3::derive_key("juxta 2026 Argilla user of an annotator", name.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn settings(export: &Export<'_>) -> Value {
    let field = |name: &str, title: &str, required: bool| {
        let settings = json!({ "type": "text", "use_markdown": false });
        json!({ "name": name, "title": title, "required": required, "settings": settings })
    };
    let mut questions = Vec::new();
    for (side, title) in SIDES.iter().zip(["left answer", "right answer"]) {
        for id in export.criteria_used() {
            let criterion = export.criteria.iter().find(|c| c.id == id);
            let highest = criterion.map_or(9, crate::study::Criterion::highest);
            let options: Vec<Value> = (1..=highest).map(|value| json!({ "value": value })).collect();
            let title = format!("{} of the {title}", criterion.map_or(id, |c| &c.name));
            let settings = json!({ "type": "rating", "options": options });
            questions.push(question(&format!("{}-{side}", apart(id, &QUESTIONS)), &title, true, &settings));
        }
        let tags: Vec<Value> = export.tags.iter().map(|t| json!({ "text": t, "value": t })).collect();
        let settings = json!({
            "type": "multi_label_selection", "options": tags, "visible_options": null, "options_order": "natural",
        });
        questions.push(question(
            &format!("tags-{side}"),
            &format!("Wrong with the {title}"),
            false,
            &settings,
        ));
        let settings = json!({
            "type": "span", "field": format!("answer_{side}"), "options": tags, "visible_options": null,
            "allow_overlapping": true,
        });
        let title = format!("Evidence in the {title}");
        questions.push(question(&format!("evidence-{side}"), &title, false, &settings));
    }
    let verdicts = [("a", "left"), ("b", "right"), ("tie", "tie"), ("both-bad", "both bad")];
    let options: Vec<Value> =
        verdicts.iter().map(|(value, text)| json!({ "value": value, "text": text })).collect();
    let settings = json!({ "type": "label_selection", "options": options, "visible_options": null });
    questions.push(question("verdict", "Which answer is better?", true, &settings));
    questions.push(question("note", "Note", false, &json!({ "type": "text", "use_markdown": false })));
    let terms = |name: &str| {
        json!({
            "name": name, "title": name, "visible_for_annotators": true,
            "settings": { "type": "terms", "values": null, "visible_for_annotators": true },
        })
    };
    let metadata = ["corpus", "question_id", "showing"].map(terms);
    json!({
        "guidelines": guidelines(export),
        "fields": [
            field("question", "Question", true),
            field("passages", "Passages", false),
            field("reference", "Reference answer", false),
            field("answer_left", "Left answer", true),
            field("answer_right", "Right answer", true),
        ],
        "questions": questions,
        "vectors": [],
        "metadata": metadata,
        "allow_extra_metadata": true,
        "distribution": { "strategy": "overlap", "min_submitted": 1 },
        "mapping": null,
    })
}

fn question(name: &str, title: &str, required: bool, settings: &Value) -> Value {
    json!({ "name": name, "title": title, "required": required, "settings": settings })
}

/// The rubric as it was told to the annotators.
fn guidelines(export: &Export<'_>) -> String {
    let mut text = String::from("Judge by the passages. Left and right are as the annotators saw them.\n");
    for criterion in &export.criteria {
        text.push_str(&format!("\n{}:\n", criterion.name));
        for (n, anchor) in criterion.anchors.iter().enumerate() {
            text.push_str(&format!("{}. {anchor}\n", n + 1));
        }
    }
    text
}
