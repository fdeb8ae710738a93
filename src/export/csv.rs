//! One line a judgment, in columns. Text is made printable; `jsonl` has it letter for letter.

use super::Row;
use crate::compare::Side;
use crate::text::visible;
use std::io::{self, Write};

const COLUMNS: [&str; 20] = [
    "trial",
    "asked_at",
    "corpus",
    "question",
    "annotator",
    "judged_at",
    "seconds",
    "contender_a",
    "contender_b",
    "accuracy_a",
    "completeness_a",
    "tags_a",
    "accuracy_b",
    "completeness_b",
    "tags_b",
    "verdict",
    "note",
    "answer_a",
    "answer_b",
    "passages",
];

pub(super) fn write(rows: &[Row<'_>], to: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(to);
    table.write_record(COLUMNS)?;
    for row in rows {
        let (j, t) = (row.judgment, row.trial);
        let answer = |side| t.map(|t| t.answer(side));
        let degree = |d: Option<u8>| d.map_or_else(String::new, |d| d.to_string());
        let text = |s: Option<&str>| harmless(s.unwrap_or_default());
        let passages = t.map(|t| {
            t.passages().iter().map(|h| format!("{}#{}", h.document, h.passage)).collect::<Vec<_>>()
        });
        table.write_record([
            text(Some(&j.trial)),
            t.map_or_else(String::new, |t| t.asked_at.to_string()),
            text(t.map(|t| t.corpus.as_str())),
            text(t.map(|t| t.question.as_str())),
            text(Some(&j.annotator)),
            j.at.to_string(),
            format!("{:.1}", j.seconds),
            text(answer(Side::A).map(|a| a.contender.as_str())),
            text(answer(Side::B).map(|a| a.contender.as_str())),
            degree(j.ratings[0].accuracy),
            degree(j.ratings[0].completeness),
            harmless(&j.ratings[0].tags.join("; ")),
            degree(j.ratings[1].accuracy),
            degree(j.ratings[1].completeness),
            harmless(&j.ratings[1].tags.join("; ")),
            j.verdict.map_or("", |v| v.name()).to_owned(),
            harmless(&j.note),
            text(answer(Side::A).map(|a| a.text.as_str())),
            text(answer(Side::B).map(|a| a.text.as_str())),
            harmless(&passages.unwrap_or_default().join("; ")),
        ])?;
    }
    table.flush()
}

/// Spreadsheets run a cell that begins like a formula; an apostrophe before it makes it text.
fn harmless(text: &str) -> String {
    // First made printable: an invisible character before it does not hinder a formula.
    let text = visible(text);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.into_owned() }
}
