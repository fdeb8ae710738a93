//! One line a judgment, in columns: for spreadsheets and statistics. A is the left answer as shown, B the right one.
//! How a cell holds text that a spreadsheet or a terminal would obey is said in [`super::cell`]; lists have
//! semicolons between, or are JSON. [`super::read_files`] reads it back.

use super::written::{File, Written};
use super::{Export, Exported, apart, cell};
use crate::compare::Side;
use crate::text::json_line;
use std::io;

/// Columns that say something of a side, by the name before `_a` or `_b`: no criterion may be taken for one.
pub(super) const OF_A_SIDE: [&str; 4] = ["contender", "examples", "tags", "answer"];

/// What the column of a criterion's highest degree ends in.
pub(super) const HIGHEST: &str = "_highest";

type Cells = Vec<String>;

pub(super) fn write(export: &Export<'_>) -> io::Result<Written> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let criteria: Vec<&str> = export.criteria_used().collect();
    table.write_record(head(export, &criteria))?;
    for row in &export.rows {
        let cells = if export.study.is_some() {
            of_study(export, row, &criteria)
        } else {
            of_lab(export, row, &criteria)
        };
        table.write_record(cells)?;
    }
    let bytes = table.into_inner().map_err(|e| e.into_error())?;
    Ok(Written::of(File::main("judgments.csv", bytes)))
}

fn head(export: &Export<'_>, criteria: &[&str]) -> Cells {
    let (first, last): (&[&str], &[&str]) = if export.study.is_some() {
        (
            &[
                "study",
                "seed",
                "item",
                "showing",
                "corpus",
                "question_id",
                "question",
                "annotator",
                "judged_at",
                "seconds",
                "contender_a",
                "contender_b",
                "baseline",
                "examples_a",
                "examples_b",
            ],
            &[
                "verdict",
                "flagged",
                "reference_shown",
                "evidence",
                "note",
                "answer_a",
                "answer_b",
                "reference",
                "passages",
            ],
        )
    } else {
        (
            &[
                "trial",
                "asked_at",
                "corpus",
                "question",
                "annotator",
                "judged_at",
                "seconds",
                "contender_a",
                "contender_b",
            ],
            &["verdict", "note", "answer_a", "answer_b", "passages"],
        )
    };
    let of_side = |side: &str| {
        let mut columns: Cells =
            criteria.iter().map(|c| format!("{}_{side}", apart(c, &OF_A_SIDE))).collect();
        columns.push(format!("tags_{side}"));
        columns
    };
    let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Cells>();
    let highest = criteria.iter().map(|c| format!("{}{HIGHEST}", apart(c, &OF_A_SIDE))).collect();
    [own(first), of_side("a"), of_side("b"), highest, own(&["tags"]), own(last)].concat()
}

fn of_lab(export: &Export<'_>, row: &Exported<'_>, criteria: &[&str]) -> Cells {
    let mut cells = vec![
        text(Some(row.item)),
        row.judged.and_then(|j| j.trial).map_or_else(String::new, |t| t.asked_at.to_string()),
        text(row.corpus),
        text(row.judged.map(|j| j.question)),
        text(Some(&row.annotator)),
        row.at.to_string(),
        format!("{:.1}", row.seconds),
    ];
    cells.extend(row.sides.iter().map(|side| text(side.contender)));
    cells.extend(ratings(row, criteria));
    cells.extend(highest(export, criteria));
    cells.push(cell::write_list(&export.tags));
    cells.push(verdict(row));
    cells.push(text(Some(row.note)));
    cells.extend(answers(row));
    cells.push(passages(row));
    cells
}

fn of_study(export: &Export<'_>, row: &Exported<'_>, criteria: &[&str]) -> Cells {
    let baseline = Side::BOTH.into_iter().find(|s| row.sides[s.index()].baseline == Some(true));
    let mut cells = vec![
        text(export.study),
        export.seed.map_or_else(String::new, |seed| seed.to_string()),
        text(Some(row.item)),
        row.showing_name().to_owned(),
        text(row.corpus),
        text(row.question_id),
        text(row.judged.map(|j| j.question)),
        text(Some(&row.annotator)),
        row.at.to_string(),
        row.seconds.to_string(),
    ];
    cells.extend(row.sides.iter().map(|side| text(side.contender)));
    cells.push(baseline.map_or("", |s| ["a", "b"][s.index()]).to_owned());
    let examples = |name: &str| export.examples.get(name).map_or_else(String::new, usize::to_string);
    cells.extend(row.sides.iter().map(|side| side.contender.map_or_else(String::new, examples)));
    cells.extend(ratings(row, criteria));
    cells.extend(highest(export, criteria));
    cells.push(cell::write_list(&export.tags));
    cells.push(verdict(row));
    cells.push(row.flagged.to_string());
    cells.push(row.reference_shown.unwrap_or_default().to_string());
    cells.push(if row.evidence.is_empty() {
        String::new()
    } else {
        // Ranges, tags and sides are always JSON.
        json_line(&row.evidence).unwrap_or_default()
    });
    cells.push(text(Some(row.note)));
    cells.extend(answers(row));
    cells.push(text(row.judged.and_then(|j| j.reference).map(|r| r.answer.as_str())));
    cells.push(passages(row));
    cells
}

fn ratings(row: &Exported<'_>, criteria: &[&str]) -> Cells {
    let of_side = |side: &super::Given<'_>| {
        let degree = |id: &&str| side.scores.get(id).map_or_else(String::new, u8::to_string);
        let mut cells: Cells = criteria.iter().map(degree).collect();
        cells.push(cell::write_list(side.tags));
        cells
    };
    row.sides.iter().flat_map(of_side).collect()
}

/// The scale of each criterion, on every line: a table has no other place for it.
fn highest<'a>(export: &'a Export<'_>, criteria: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    criteria.iter().map(|id| export.highest(id).map_or_else(String::new, |n| n.to_string()))
}

fn verdict(row: &Exported<'_>) -> String {
    row.verdict.map_or("", |v| v.name()).to_owned()
}

fn answers(row: &Exported<'_>) -> [String; 2] {
    [0, 1].map(|n| text(row.judged.map(|j| j.texts[n])))
}

fn passages(row: &Exported<'_>) -> String {
    let hits = row.judged.map(|j| j.passages).unwrap_or_default();
    cell::write_list(&hits.iter().map(|h| format!("{}#{}", h.document, h.passage)).collect::<Vec<_>>())
}

fn text(text: Option<&str>) -> String {
    cell::write(text.unwrap_or_default()).into_owned()
}
