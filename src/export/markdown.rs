//! A report for people: a table of the judgments, and each in full below it.

use super::written::{File, Written};
use super::{Export, Exported, Judged};
use crate::compare::Side;
use crate::study::Showing;
use crate::text::{one_line, visible};
use std::fmt::{self, Write};

pub(super) fn write(export: &Export<'_>) -> Written {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = report(export, &mut text);
    Written::of(File::main("judgments.md", text.into_bytes()))
}

fn report(export: &Export<'_>, to: &mut String) -> fmt::Result {
    writeln!(to, "# {}\n", escaped(export.title))?;
    if export.rows.is_empty() {
        return writeln!(to, "None yet.");
    }
    let criteria = criteria(export);
    let names: Vec<&str> = criteria.iter().map(|(_, name)| name.as_str()).collect();
    match export.study {
        Some(study) => {
            writeln!(to, "{} A was shown left, B right. Study {}.\n", scales(export), escaped(study))?
        }
        None => writeln!(to, "{} A is the baseline, B the fine-tuned model.\n", scales(export))?,
    }
    write!(to, "| question | annotator |")?;
    for side in Side::BOTH {
        for name in &names {
            write!(to, " {} {} |", side.letter(), escaped(name))?;
        }
    }
    writeln!(to, " verdict |\n|---|---|{}---|", "---|".repeat(2 * names.len()))?;
    for row in &export.rows {
        let question = row
            .judged
            .map_or_else(|| format!("({} {} is missing)", what(export), row.item), |j| j.question.to_owned());
        write!(to, "| {}{} | {} |", escaped(&question), again(row), escaped(&row.annotator))?;
        for side in &row.sides {
            for (id, _) in &criteria {
                write!(to, " {} |", degree(side.scores.get(id)))?;
            }
        }
        writeln!(to, " {} |", verdict(row))?;
    }
    export.rows.iter().try_for_each(|row| match &row.judged {
        Some(judged) => section(export, row, judged, to),
        None => Ok(()),
    })
}

fn section(export: &Export<'_>, row: &Exported<'_>, judged: &Judged<'_>, to: &mut String) -> fmt::Result {
    writeln!(to, "\n## {}\n", escaped(judged.question))?;
    let corpus = escaped(row.corpus.unwrap_or_default());
    let asked = judged.trial.map_or_else(String::new, |t| format!(", asked {}", t.asked_at));
    writeln!(
        to,
        "Corpus {corpus}{asked}, {} {}{}. Judged by {} at {}: {}.{}\n",
        what(export),
        escaped(row.item),
        again(row),
        escaped(&row.annotator),
        row.at,
        verdict(row),
        if row.flagged { " To be talked over." } else { "" }
    )?;
    for side in Side::BOTH {
        let (given, text) = (&row.sides[side.index()], judged.texts[side.index()]);
        let part = match given.baseline {
            Some(true) => " (baseline)",
            Some(false) if export.study.is_none() => " (fine-tuned)",
            _ => "",
        };
        let contender = given.contender.map(escaped).unwrap_or_default();
        write!(to, "**{} · {contender}{part}** — ", side.letter())?;
        let degrees: Vec<String> = criteria(export)
            .iter()
            .map(|(id, name)| format!("{} {}", escaped(name), degree(given.scores.get(id))))
            .collect();
        write!(to, "{}", degrees.join(", "))?;
        if !given.tags.is_empty() {
            write!(to, ", {}", escaped(&given.tags.join(", ")))?;
        }
        writeln!(to, "\n")?;
        for line in visible(text).lines() {
            writeln!(to, "> {}", escaped(line))?;
        }
        if let Some(error) = judged.answers[side.index()].and_then(|a| a.error.as_ref()) {
            writeln!(to, "Failed: {}", escaped(error))?;
        }
        writeln!(to)?;
    }
    for evidence in row.evidence {
        let quoted = judged.texts[evidence.side.index()].get(evidence.range.0..evidence.range.1);
        let says = match &evidence.support {
            None => "no support".to_owned(),
            Some(span) => format!("passage {}", span.passage),
        };
        writeln!(
            to,
            "- {}, {}: “{}” — {says}",
            evidence.side.letter(),
            escaped(&evidence.tag),
            escaped(quoted.unwrap_or_default())
        )?;
    }
    if !row.evidence.is_empty() {
        writeln!(to)?;
    }
    if let Some(reference) = judged.reference {
        writeln!(to, "Reference: {}\n", escaped(&reference.answer))?;
    }
    if !row.note.is_empty() {
        writeln!(to, "Note: {}\n", escaped(row.note))?;
    }
    for hit in judged.passages {
        writeln!(to, "{}. *{}* — {}", hit.rank, escaped(&hit.heading()), escaped(&hit.text))?;
    }
    Ok(())
}

/// Ids and names of what was rated, in the order it was asked for.
fn criteria<'a>(export: &'a Export<'_>) -> Vec<(&'a str, String)> {
    let name = |id: &str| export.criteria.iter().find(|c| c.id == id).map(|c| c.name.to_lowercase());
    export.criteria_used().map(|id| (id, name(id).unwrap_or_else(|| id.to_owned()))).collect()
}

/// "Accuracy and completeness from 1 to 5;", where all of them have one scale.
fn scales(export: &Export<'_>) -> String {
    let scale = |c: &crate::study::Criterion| format!("{} from 1 to {}", c.name.to_lowercase(), c.highest());
    let said = match export.criteria.as_slice() {
        [a, b] if a.highest() == b.highest() => format!("{} and {}", a.name.to_lowercase(), scale(b)),
        several => several.iter().map(scale).collect::<Vec<_>>().join(", "),
    };
    let mut letters = said.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{}{};", escaped(&first), escaped(letters.as_str()))
}

fn what(export: &Export<'_>) -> &'static str {
    if export.study.is_some() { "item" } else { "trial" }
}

fn again(row: &Exported<'_>) -> &'static str {
    if row.showing == Showing::Swapped { " (again, sides swapped)" } else { "" }
}

fn degree(degree: Option<&u8>) -> String {
    degree.map_or_else(|| "–".to_owned(), u8::to_string)
}

fn verdict(row: &Exported<'_>) -> &'static str {
    row.verdict.map_or("–", |v| v.name())
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
