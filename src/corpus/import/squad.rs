//! SQuAD 1.1 and 2.0: articles of paragraphs, each with questions whose answers are runs of the paragraph, by character
//! offset. Also the two flat forms in use: a JSON line per question with its context, and a list of questions with
//! contexts whose answers are in a file beside.

use super::found::Wrong;
use super::json::{self, list, members, text, texts};
use super::lines::each_object;
use super::sink::{Asked, New, Sink};
use super::source::Source;
use super::text::{locate, sentence_around, title_of};
use super::{Reader, no_answer, split};
use crate::corpus::{Gold, Split};
use crate::fault::{Fault, Result};
use serde_json::Value;
use std::collections::HashMap;

pub(super) struct Squad;

impl Reader for Squad {
    fn read(&self, files: &[Source], sink: &mut Sink<'_>) -> Result<()> {
        // Answers that stand beside: by question id.
        let mut beside: HashMap<String, Value> = HashMap::new();
        for file in files.iter().filter(|f| is_answers(f)) {
            each(file, sink, None, &mut |_, key, value| {
                beside.insert(key.to_owned(), value);
                Ok(())
            })?;
        }
        for file in files.iter().filter(|f| !is_answers(f)) {
            let named = split::named(&file.name);
            if is_lines(file) {
                each_object(file, sink, &mut |sink, value, place| {
                    flat(&value, value.get("answers"), place, named, sink)
                })?;
                continue;
            }
            let below = if is_flat(file) { "queries" } else { "data" };
            let stem = file.plain_name().rsplit('/').next().unwrap_or_default();
            let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem).to_owned();
            each(file, sink, Some(below), &mut |sink, key, value| {
                let place = format!("{}, {below}[{key}]", file.place());
                if below == "data" && value.get("paragraphs").is_some() {
                    article(&value, &format!("{stem}-{key}"), &place, named, sink)
                } else {
                    let answers = json::id(&value, "id").and_then(|id| beside.get(&id));
                    flat(&value, answers, &place, named, sink)
                }
            })?;
        }
        Ok(())
    }
}

/// Hands members on together with the sink.
pub(super) fn each<'a>(
    file: &Source,
    sink: &mut Sink<'a>,
    below: Option<&str>,
    see: &mut dyn FnMut(&mut Sink<'a>, &str, Value) -> Result<()>,
) -> Result<()> {
    // The meter is needed to read while the sink takes in what was read.
    let meter = sink.meter.clone();
    members(file, &meter, below, &mut |key, value| see(sink, key, value))
}

fn head(file: &Source) -> String {
    String::from_utf8_lossy(&file.head().unwrap_or_default()).into_owned()
}

fn is_answers(file: &Source) -> bool {
    let head = head(file);
    head.contains("\"is_impossible\"") && !head.contains("\"context\"")
}

fn is_flat(file: &Source) -> bool {
    let head = head(file);
    head.contains("\"queries\"") && !head.contains("\"paragraphs\"")
}

fn is_lines(file: &Source) -> bool {
    let head = head(file);
    let first = head.lines().next().unwrap_or_default();
    head.trim_start().starts_with('{')
        && serde_json::from_str::<Value>(first).is_ok_and(|v| v.get("context").is_some())
}

/// An article is a document; its paragraphs stay paragraphs.
fn article(value: &Value, id: &str, place: &str, named: Option<Split>, sink: &mut Sink<'_>) -> Result<()> {
    let paragraphs = list(value, "paragraphs");
    let mut document = New { id: id.to_owned(), ..New::default() };
    let mut starts = Vec::with_capacity(paragraphs.len());
    for paragraph in paragraphs {
        if !document.text.is_empty() {
            document.text.push_str("\n\n");
        }
        starts.push(document.text.len());
        document.text.push_str(text(paragraph, "context").unwrap_or_default());
    }
    document.title = match text(value, "title").map(|t| t.replace('_', " ")) {
        Some(title) if !title.trim().is_empty() => title,
        _ => title_of(&document.text),
    };
    let whole = document.text.clone();
    if !sink.document(document, place)? {
        return Ok(());
    }
    for (n, (paragraph, start)) in paragraphs.iter().zip(starts).enumerate() {
        let context = text(paragraph, "context").unwrap_or_default();
        for (m, question) in list(paragraph, "qas").iter().enumerate() {
            let place = format!("{place}.paragraphs[{n}].qas[{m}]");
            let at = At { document: id, whole: &whole, context, start };
            ask(question, question.get("answers"), &at, &place, named, sink);
        }
    }
    Ok(())
}

/// Every context is a document; questions that share one share it.
fn flat(
    value: &Value,
    answers: Option<&Value>,
    place: &str,
    named: Option<Split>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let (Some(context), Some(_)) = (text(value, "context"), text(value, "question")) else {
        sink.wrong(Wrong::Shape, || {
            Fault::new(place, "a record without context or question").expected("both").next("It is left out.")
        });
        return Ok(());
    };
    let id = format!("paragraph-{}", &blake3::hash(context.as_bytes()).to_hex()[..12]);
    if !sink.has(&id) {
        let title = text(value, "title").map_or_else(|| title_of(context), |t| t.replace('_', " "));
        let new = New { id: id.clone(), title, text: context.to_owned(), sections: Vec::new() };
        if !sink.document(new, place)? {
            return Ok(());
        }
    }
    let at = At { document: &id, whole: context, context, start: 0 };
    ask(value, answers.or_else(|| value.get("answers")), &at, place, named, sink);
    Ok(())
}

/// The paragraph that a question is about.
struct At<'a> {
    document: &'a str,
    whole: &'a str,
    context: &'a str,
    /// Where the paragraph begins in the document.
    start: usize,
}

fn ask(
    question: &Value,
    answers: Option<&Value>,
    at: &At<'_>,
    place: &str,
    named: Option<Split>,
    sink: &mut Sink<'_>,
) {
    let mut asked = Asked {
        key: json::id(question, "id"),
        split: named,
        question: text(question, "question").unwrap_or_default().to_owned(),
        about: vec![at.document.to_owned()],
        ..Asked::default()
    };
    let found = answers.map(pairs).unwrap_or_default();
    let impossible = [Some(question), answers]
        .into_iter()
        .flatten()
        .any(|v| v.get("is_impossible").and_then(Value::as_bool) == Some(true));
    // The flat form has an empty list where there is no answer, the other one says so.
    if impossible || (found.is_empty() && answers.is_some() && question.get("is_impossible").is_none()) {
        no_answer(&mut asked);
        sink.question(asked, place);
        return;
    }
    let mut counts: HashMap<&str, usize> = HashMap::new();
    found.iter().for_each(|(answer, _)| *counts.entry(answer.as_str()).or_default() += 1);
    // What most annotators gave; the first one of those.
    let best = found.iter().rev().max_by_key(|(answer, _)| counts[answer.as_str()]);
    let Some((answer, offset)) = best else {
        sink.question(asked, place);
        return;
    };
    let Some(range) = locate(at.context, answer, *offset, place, sink) else { return };
    let quote = sentence_around(at.whole, at.start + range.start..at.start + range.end);
    asked.answer.clone_from(answer);
    asked.key_points = vec![answer.trim().to_owned()];
    asked.gold = vec![Gold { document: at.document.to_owned(), quote: at.whole[quote].to_owned() }];
    sink.question(asked, place);
}

/// Answers with their offsets: a list of objects, an object of lists, or a list of texts.
fn pairs(answers: &Value) -> Vec<(String, Option<usize>)> {
    let offset = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
    match answers {
        Value::Array(all) => all
            .iter()
            .filter_map(|a| match a {
                Value::String(answer) => Some((answer.clone(), None)),
                a => Some((text(a, "text")?.to_owned(), a.get("answer_start").and_then(offset))),
            })
            .filter(|(answer, _)| !answer.trim().is_empty())
            .collect(),
        Value::Object(_) if answers.get("answers").is_some() => {
            answers.get("answers").map(pairs).unwrap_or_default()
        }
        Value::Object(_) => {
            let starts = list(answers, "answer_start");
            let all = answers.get("text").map(texts).unwrap_or_default();
            all.into_iter().enumerate().map(|(n, answer)| (answer, starts.get(n).and_then(offset))).collect()
        }
        _ => Vec::new(),
    }
}
