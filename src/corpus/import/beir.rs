//! BEIR: `corpus.jsonl` (`_id`, `title`, `text`), `queries.jsonl` (`_id`, `text`), `qrels/*.tsv` (question, document and
//! grade, with or without a line of names; also trec_eval's four columns).

use super::found::Wrong;
use super::json::{self, text};
use super::lines::{each_object, each_text};
use super::sink::{New, Sink};
use super::source::Source;
use super::{Reader, split};
use crate::fault::{Fault, Result};

pub(super) struct Beir;

/// Whether a file's name says that it holds judgments.
pub(super) fn is_qrels(file: &Source) -> bool {
    let name = file.plain_name().to_ascii_lowercase();
    name.split('/').rev().take(2).any(|part| part.contains("qrel")) && !name.ends_with(".jsonl")
}

fn is_queries(file: &Source) -> bool {
    let name = file.plain_name().to_ascii_lowercase();
    name.rsplit('/').next().is_some_and(|n| n.contains("quer") || n.contains("topic"))
}

impl Reader for Beir {
    fn read(&self, files: &[Source], sink: &mut Sink<'_>) -> Result<()> {
        for file in files.iter().filter(|f| !is_qrels(f) && !is_queries(f)) {
            each_object(file, sink, &mut |sink, value, place| {
                let id = json::id(&value, "_id").or_else(|| json::id(&value, "id")).unwrap_or_default();
                let title = text(&value, "title").unwrap_or_default().trim();
                let body = text(&value, "text").unwrap_or_default();
                // A page of nothing but its name is still something to find.
                let body = if body.trim().is_empty() { title } else { body };
                let new = New { id, title: title.to_owned(), text: body.to_owned(), sections: Vec::new() };
                sink.document(new, place)?;
                Ok(())
            })?;
        }
        for file in files.iter().filter(|f| !is_qrels(f) && is_queries(f)) {
            each_object(file, sink, &mut |sink, value, place| {
                let id = json::id(&value, "_id").or_else(|| json::id(&value, "id")).unwrap_or_default();
                sink.query(&id, text(&value, "text").unwrap_or_default(), None, place);
                Ok(())
            })?;
        }
        for file in files.iter().filter(|f| is_qrels(f)) {
            judgments(file, sink)?;
        }
        Ok(())
    }
}

fn judgments(file: &Source, sink: &mut Sink<'_>) -> Result<()> {
    let named = split::named(&file.name);
    each_text(file, sink, &mut |sink, number, line| {
        match columns(line) {
            Some((question, document, grade)) => sink.judge(question, document, grade, named),
            None if number == 1 || line.trim().is_empty() => {}
            None => {
                let found = format!("{:?}", super::text::cut(line));
                sink.wrong(Wrong::Unreadable, || {
                    Fault::new(file.line(number), found)
                        .expected("question, document and a whole number as grade, divided by tabs")
                        .next("The line is left out.")
                });
            }
        }
        Ok(())
    })
}

/// Question, document and grade: of three columns, or of four, where the second is an iteration that nobody uses, or
/// the fourth is something beside.
pub(super) fn columns(line: &str) -> Option<(&str, &str, i32)> {
    let tabs: Vec<&str> = line.split('\t').map(str::trim).collect();
    let parts = if tabs.len() >= 3 { tabs } else { line.split_whitespace().collect() };
    let grade = |text: &str| text.parse::<i32>().ok();
    match parts[..] {
        [question, document, last] => Some((question, document, grade(last)?)),
        [question, "0" | "Q0", document, last] if grade(last).is_some() => {
            Some((question, document, grade(last)?))
        }
        [question, document, third, _] => Some((question, document, grade(third)?)),
        _ => None,
    }
}
