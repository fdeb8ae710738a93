//! A report as plain text for a terminal of eighty columns.

use super::Report;
use super::methods::METHODS;
use super::page::{Page, Row, Table};
use crate::text::{clusters, one_line};
use unicode_width::UnicodeWidthStr;

/// Columns of a page.
pub const COLUMNS: usize = 80;
/// The narrowest that a table's first column is cut to.
const LABEL_AT_LEAST: usize = 10;

/// What a line of a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What the table shows.
    Caption,
    /// The heads of its columns.
    Head,
    /// A heading in it.
    Group,
    /// A row.
    Row,
    /// A remark below it.
    Note,
}

/// The report, each line with its end.
pub fn write(report: &Report) -> String {
    let page = Page::of(report);
    let mut out = Vec::new();
    out.extend([
        one_line(&page.title),
        "=".repeat(one_line(&page.title).width().clamp(1, COLUMNS)),
        String::new(),
    ]);
    for said in std::iter::once(&page.seen).chain(&page.remarks) {
        out.extend(wrap(&one_line(said), COLUMNS, 0));
        out.push(String::new());
    }
    for said in &page.found {
        out.extend(wrap(&format!("- {}", one_line(said)), COLUMNS, 2));
    }
    if !page.found.is_empty() {
        out.push(String::new());
    }
    for section in &page.sections {
        let title = one_line(&section.title);
        out.extend([title.clone(), "-".repeat(title.width().clamp(1, COLUMNS)), String::new()]);
        for said in &section.said {
            out.extend(wrap(&one_line(said), COLUMNS, 0));
            out.push(String::new());
        }
        for set in &section.tables {
            out.extend(table(set, COLUMNS).into_iter().map(|(_, line)| line));
            out.extend(
                set.methods.iter().flat_map(|m| wrap(&format!("Method: {}", one_line(m)), COLUMNS, 2)),
            );
            out.push(String::new());
        }
    }
    let title = "Methods";
    out.extend([title.to_owned(), "-".repeat(title.len()), String::new()]);
    out.extend(wrap(&Page::closing(report), COLUMNS, 0));
    for method in &METHODS {
        out.push(String::new());
        out.extend(wrap(&format!("{}: {} ({})", method.figure, method.how, method.source), COLUMNS, 2));
    }
    let mut text = out.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

/// A table in lines of at most `width` columns; the first column gives way where it does not fit.
pub fn table(table: &Table, width: usize) -> Vec<(Kind, String)> {
    let columns = table.head.len();
    let rows: Vec<(Kind, Vec<String>)> = std::iter::once((Kind::Head, &table.head))
        .chain(table.rows.iter().filter_map(|row| match row {
            Row::Cells(cells) => Some((Kind::Row, cells)),
            Row::Group(_) => None,
        }))
        .map(|(kind, cells)| (kind, cells.iter().map(|c| one_line(c)).collect()))
        .collect();
    let grouped = table.rows.iter().any(|row| matches!(row, Row::Group(_)));
    let indent = if grouped { 2 } else { 0 };
    let mut widths = vec![0; columns];
    for (_, cells) in &rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.width());
        }
    }
    let rest: usize = widths.iter().skip(1).map(|w| w + 2).sum();
    if let Some(first) = widths.first_mut() {
        *first = (*first).min(width.saturating_sub(rest + indent).max(LABEL_AT_LEAST));
    }
    let mut lines: Vec<(Kind, String)> =
        wrap(&one_line(&table.caption), width, 2).into_iter().map(|line| (Kind::Caption, line)).collect();
    let set = |(kind, cells): &(Kind, Vec<String>)| {
        let mut line = " ".repeat(indent);
        for (at, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            if at == 0 {
                let label = squeezed(cell, *width);
                line += &label;
                line += &" ".repeat(width - label.width());
            } else {
                line += &" ".repeat(2 + width.saturating_sub(cell.width()));
                line += cell;
            }
        }
        (*kind, cut(&line, width))
    };
    let mut set_rows = rows.iter().map(set);
    lines.extend(set_rows.next());
    for row in &table.rows {
        match row {
            Row::Group(heading) => lines.push((Kind::Group, cut(&one_line(heading), width))),
            Row::Cells(_) => lines.extend(set_rows.next()),
        }
    }
    for (at, note) in table.notes.iter().enumerate() {
        let note = format!("{} {}", super::page::superscript(at + 1), one_line(note));
        lines.extend(wrap(&note, width, 2).into_iter().map(|line| (Kind::Note, line)));
    }
    lines
}

/// A line cut to so many columns, with an ellipsis where something is missing.
fn cut(line: &str, width: usize) -> String {
    if line.width() <= width {
        return line.to_owned();
    }
    let mut kept = String::new();
    let mut taken = 0;
    for cluster in clusters(line) {
        if taken + cluster.width + 1 > width {
            break;
        }
        taken += cluster.width;
        kept += &cluster.symbol;
    }
    kept + "…"
}

/// A label cut to so many columns in its middle: names of one family differ at their ends.
pub fn squeezed(label: &str, width: usize) -> String {
    if label.width() <= width {
        return label.to_owned();
    }
    let all: Vec<_> = clusters(label).collect();
    let (mut head, mut tail, mut taken) = (0, 0, 1);
    while head + tail < all.len() {
        let at = if tail <= head { all.len() - 1 - tail } else { head };
        if taken + all[at].width > width {
            break;
        }
        taken += all[at].width;
        if tail <= head {
            tail += 1;
        } else {
            head += 1;
        }
    }
    let kept = all[..head].iter().map(|c| c.symbol.as_ref()).chain(["…"]);
    kept.chain(all[all.len() - tail..].iter().map(|c| c.symbol.as_ref())).collect()
}

/// Lines of at most `width` columns, all but the first moved in by `indent`. A word that is longer is cut in two.
pub fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut fresh = true;
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let mut word = word.to_owned();
        loop {
            let gap = usize::from(!fresh);
            if line.width() + gap + word.width() <= width {
                line += &" ".repeat(gap);
                line += &word;
                fresh = false;
                break;
            }
            if fresh {
                // Longer than a whole line.
                let room = width.saturating_sub(line.width()).max(1);
                let mut taken = 0;
                let at = clusters(&word)
                    .find(|c| {
                        taken += c.width;
                        taken > room
                    })
                    .map_or(word.len(), |c| c.range.start);
                let at = if at == 0 { word.len() } else { at };
                line += &word[..at];
                word = word[at..].to_owned();
                if word.is_empty() {
                    fresh = false;
                    break;
                }
            }
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            fresh = true;
        }
    }
    if !fresh {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wrapping_keeps_every_letter_and_fits(text in "[a-z東 ]{0,120}", width in 12usize..40) {
            let lines = wrap(&text, width, 2);
            let squeezed = |s: &str| s.replace(' ', "");
            prop_assert_eq!(squeezed(&lines.concat()), squeezed(&text));
            prop_assert!(lines.iter().all(|l| l.width() <= width));
        }

        #[test]
        fn a_label_keeps_both_its_ends_and_fits(text in "[a-z東é]{2,40}", width in 5usize..30) {
            let found = squeezed(&text, width);
            prop_assert!(found.width() <= width);
            prop_assert!(found.chars().last() == text.chars().last());
            prop_assert!(found == text || found.contains('…') && found.chars().next() == text.chars().next());
        }
    }
}
