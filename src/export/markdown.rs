//! A report for people: a table of the judgments, and each trial in full below it.

use super::Row;
use crate::compare::{Side, Trial};
use crate::study::Judgment;
use crate::text::{one_line, visible};
use std::io::{self, Write};

pub(super) fn write(rows: &[Row<'_>], to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "# Judgments\n")?;
    if rows.is_empty() {
        return writeln!(to, "None yet.");
    }
    writeln!(to, "Accuracy and completeness from 1 to 5; A is the baseline, B the fine-tuned model.\n")?;
    writeln!(
        to,
        "| question | annotator | A accuracy | A completeness | B accuracy | B completeness | verdict |"
    )?;
    writeln!(to, "|---|---|---|---|---|---|---|")?;
    for row in rows {
        let j = row.judgment;
        let [a, b] = &j.ratings;
        let degrees = [a.accuracy, a.completeness, b.accuracy, b.completeness].map(degree).join(" | ");
        let question =
            row.trial.map_or_else(|| format!("(trial {} is missing)", j.trial), |t| t.question.clone());
        writeln!(to, "| {} | {} | {degrees} | {} |", cell(&question), cell(&j.annotator), verdict(j))?;
    }
    for row in rows {
        if let Some(trial) = row.trial {
            section(row.judgment, trial, to)?;
        }
    }
    Ok(())
}

fn section(j: &Judgment, t: &Trial, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "\n## {}\n", escaped(&t.question))?;
    writeln!(
        to,
        "Corpus {}, asked {}, trial {}. Judged by {} at {}: {}.\n",
        escaped(&t.corpus),
        t.asked_at,
        escaped(&t.id),
        escaped(&j.annotator),
        j.at,
        verdict(j)
    )?;
    for side in Side::BOTH {
        let (answer, rating) = (t.answer(side), &j.ratings[side.index()]);
        writeln!(
            to,
            "**{} · {} ({})** — accuracy {}, completeness {}{}\n",
            side.letter(),
            escaped(&answer.contender),
            answer.role.name(),
            degree(rating.accuracy),
            degree(rating.completeness),
            if rating.tags.is_empty() {
                String::new()
            } else {
                format!(", {}", escaped(&rating.tags.join(", ")))
            }
        )?;
        for line in visible(&answer.text).lines() {
            writeln!(to, "> {}", escaped(line))?;
        }
        if let Some(error) = &answer.error {
            writeln!(to, "Failed: {}", escaped(error))?;
        }
        writeln!(to)?;
    }
    if !j.note.is_empty() {
        writeln!(to, "Note: {}\n", escaped(&j.note))?;
    }
    for hit in t.passages() {
        writeln!(to, "{}. *{}* — {}", hit.rank, escaped(&hit.heading()), escaped(&hit.text))?;
    }
    Ok(())
}

fn degree(d: Option<u8>) -> String {
    d.map_or_else(|| "–".to_owned(), |d| d.to_string())
}

fn verdict(j: &Judgment) -> &'static str {
    j.verdict.map_or("–", |v| v.name())
}

/// Text that Markdown must not read as markup, on one line.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in one_line(text).chars() {
        if "\\`*_[]<>#|~!".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn cell(text: &str) -> String {
    escaped(text)
}
