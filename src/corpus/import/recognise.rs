//! Which format a file has, by its content; its name decides only where the content cannot.

use super::folder::{Form, form};
use super::source::Source;
use super::table::Mapping;
use super::text::decoded_head;
use super::{Format, beir, smart};
use crate::fault::Result;
use serde_json::Value;

/// How a text is laid out as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A JSON object a line.
    Lines,
    /// One JSON value.
    Json,
    /// Neither.
    Other,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    /// Part of a data set of that format.
    Of(Format),
    /// A document.
    Document(Form),
    /// Judgments, of whichever data set is beside.
    Judgments,
    /// Nothing that is read.
    Nothing,
}

/// The shape of a text, by its beginning.
pub(super) fn shape(head: &[u8]) -> Shape {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with(['{', '[']) {
        return Shape::Other;
    }
    let first = text.lines().next().unwrap_or_default();
    let whole = serde_json::from_str::<Value>(first).is_ok_and(|v| v.is_object());
    let alone = text.lines().filter(|l| !l.trim().is_empty()).take(2).count() == 1;
    // One object on one line may be a whole file of JSON, or a file of one line.
    if whole && (!alone || !nested(first)) { Shape::Lines } else { Shape::Json }
}

/// Whether an object holds the members of a data set, rather than one record.
fn nested(object: &str) -> bool {
    serde_json::from_str::<Value>(object).is_ok_and(|v| {
        v.as_object().is_some_and(|o| {
            o.contains_key("data")
                || o.get("questions").is_some_and(Value::is_array)
                || o.get("queries").is_some_and(Value::is_array)
                || (!o.is_empty() && o.values().all(Value::is_object))
        })
    })
}

/// What a file is.
///
/// # Errors
/// A [`crate::fault::Fault`] if it cannot be read.
pub(super) fn recognise(file: &Source, mapping: &Mapping) -> Result<Is> {
    let head = file.head()?;
    // A broken one is still what its name says, and is told as such.
    let by_name = ["pdf", "docx"].contains(&file.ending().as_str());
    if by_name || head.starts_with(b"%PDF-") || head.starts_with(b"PK\x03\x04") {
        return Ok(form(file, &head).map_or(Is::Nothing, Is::Document));
    }
    let Some(text) = decoded_head(&head) else {
        return Ok(Is::Nothing);
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let has = |key: &str| text.contains(&format!("\"{key}\""));
    if text.starts_with("<doc ") && text.lines().next().is_some_and(|l| l.contains(" id=\"")) {
        return Ok(Is::Of(Format::Wikipedia));
    }
    if smart::is_records(text) {
        return Ok(Is::Of(Format::Smart));
    }
    let xml = text.starts_with("<?xml") || text.starts_with("<Document");
    if xml && ["<QAPairs", "<qaPairs"].iter().any(|tag| text.contains(tag)) {
        return Ok(Is::Of(Format::MedQuad));
    }
    match shape(&head) {
        Shape::Json if has("QUESTION") && has("CONTEXTS") => return Ok(Is::Of(Format::PubMedQa)),
        Shape::Json if has("full_text") && has("abstract") => return Ok(Is::Of(Format::Qasper)),
        Shape::Json if has("questions") && has("body") && !has("table") => return Ok(Is::Of(Format::BioAsq)),
        Shape::Json if has("table") && has("paragraphs") => return Ok(Is::Of(Format::TatQa)),
        Shape::Json if has("paragraphs") && (has("context") || has("qas")) => {
            return Ok(Is::Of(Format::Squad));
        }
        Shape::Json if has("queries") && has("context") => return Ok(Is::Of(Format::Squad)),
        Shape::Json if has("is_impossible") && has("answers") => return Ok(Is::Of(Format::Squad)),
        Shape::Json if verdicts(text) => return Ok(Is::Of(Format::PubMedQa)),
        Shape::Json => {
            let array = text.starts_with('[') && keys_of_first(text).is_some_and(|k| fits(mapping, &k));
            return Ok(if array { Is::Of(Format::Table) } else { Is::Nothing });
        }
        Shape::Lines => {
            let first: Value =
                text.lines().next().and_then(|l| serde_json::from_str(l).ok()).unwrap_or_default();
            return Ok(of_line(&first, mapping));
        }
        Shape::Other => {}
    }
    if beir::is_qrels(file) && text.lines().take(3).filter(|l| beir::columns(l).is_some()).count() >= 1 {
        return Ok(Is::Judgments);
    }
    if smart::is_numbers(text) {
        return Ok(Is::Judgments);
    }
    if matches!(file.ending().as_str(), "csv" | "tsv" | "tab") {
        return Ok(Is::Of(Format::Table));
    }
    Ok(form(file, &head).map_or(Is::Nothing, Is::Document))
}

fn of_line(first: &Value, mapping: &Mapping) -> Is {
    let has = |key: &str| first.get(key).is_some();
    let keys: Vec<&str> =
        first.as_object().map(|o| o.keys().map(String::as_str).collect()).unwrap_or_default();
    if !mapping.is_empty() {
        return if mapping.fits(&keys) { Is::Of(Format::Table) } else { Is::Nothing };
    }
    if has("document_text") && has("question_text") {
        return Is::Of(Format::NaturalQuestions);
    }
    if has("context") && has("question") && first.get("answers").is_some_and(Value::is_object) {
        return Is::Of(Format::Squad);
    }
    if has("_id") && has("text") {
        return Is::Of(Format::Beir);
    }
    let only =
        |allowed: &[&str]| keys.iter().all(|k| allowed.contains(k) || k.contains("correct_predictions"));
    if has("question")
        && only(&["question", "answer", "id"])
        && first.get("answer").is_none_or(Value::is_array)
    {
        return Is::Of(Format::NqOpen);
    }
    if mapping.fits(&keys) { Is::Of(Format::Table) } else { Is::Nothing }
}

fn fits(mapping: &Mapping, keys: &[String]) -> bool {
    mapping.fits(&keys.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The keys of the first element of an array, which may be cut off.
fn keys_of_first(text: &str) -> Option<Vec<String>> {
    let rest = text.strip_prefix('[')?.trim_start();
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    match values.next() {
        Some(Ok(Value::Object(object))) => Some(object.keys().cloned().collect()),
        _ => {
            // Longer than what was looked at: the names of its columns may still be seen.
            let names = ["text", "body", "content", "question", "title", "context"];
            let seen: Vec<String> = names
                .iter()
                .filter(|n| rest.contains(&format!("\"{n}\"")))
                .map(|n| (*n).to_owned())
                .collect();
            (!seen.is_empty()).then_some(seen)
        }
    }
}

/// Whether a text is an object of nothing but yes, no and maybe.
fn verdicts(text: &str) -> bool {
    let mut found = 0;
    for line in text.split(['{', '}', ',']).map(str::trim).filter(|l| !l.is_empty()).take(20) {
        let Some((key, value)) = line.split_once(':') else { return false };
        // The last one may be cut.
        if !["\"yes\"", "\"no\"", "\"maybe\""].contains(&value.trim()) || !key.trim().starts_with('"') {
            return false;
        }
        found += 1;
    }
    found > 0
}
