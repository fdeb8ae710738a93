//! Head, question and foot.

use crate::tui::review::entry::Cell;
use crate::tui::review::keys;
use crate::tui::review::sitting::Sitting;
use crate::tui::review::state::{Mode, Over, Reviewing};
use crate::tui::theme::Theme;
use crate::tui::view::bars::put_hints;
use crate::tui::view::paint::Painted;
use crate::tui::wrap::{columns, fit, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// What the study is called, how far the reviewer is, and who it is.
pub(super) fn head(app: &Reviewing, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let mut line = Painted::default();
    line.push(" juxta ", theme.brand());
    line.push(" ", Style::new());
    // How far a person is, is worth more than what the study is called.
    let far = format!("{} · {}", app.progress().words(), app.annotator);
    let away = if app.is_away() { " away " } else { "" };
    let right = columns(away) + 1 + columns(&far).min(width.saturating_sub(9 + columns(away)));
    line.push(&fit(&app.title, width.saturating_sub(8 + right + 2)), theme.key());
    line.paint(area.x, area.y, area.right(), buffer);
    let at = |from_right: usize| area.right().saturating_sub(u16::try_from(from_right).unwrap_or(area.width));
    let far = fit(&far, right.saturating_sub(1 + columns(away)));
    buffer.set_string(at(columns(&far) + 1), area.y, &far, theme.quiet());
    buffer.set_string(at(columns(&far) + 2 + columns(away)), area.y, away, theme.cursor());
}

/// The number of the item, before its question.
pub(super) fn label(sitting: &Sitting) -> String {
    format!("{}  ", sitting.place + 1)
}

pub(super) fn question(label: &str, asked: &str, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let indent = u16::try_from(columns(label)).unwrap_or(0);
    buffer.set_string(area.x, area.y, label, theme.quiet());
    let width = usize::from(area.width.saturating_sub(indent));
    let rows = wrap(asked, width);
    let height = usize::from(area.height);
    for (n, (row, y)) in rows.iter().zip(area.top()..area.bottom()).enumerate() {
        if n + 1 == height && rows.len() > height {
            let rest = fit(&asked[row.range().start.min(asked.len())..], width);
            buffer.set_string(area.x + indent, y, rest, theme.key());
        } else {
            Painted::row(("", Style::new()), row, |_| theme.key()).paint(
                area.x + indent,
                y,
                area.right(),
                buffer,
            );
        }
    }
}

/// What is to be told, and below it the keys for what a person may want next.
pub(super) fn foot(app: &Reviewing, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let (told, style) = told(app, theme);
    buffer.set_string(area.x, area.y, fit(&told, usize::from(area.width)), style);
    if area.height > 1 {
        put_hints(hints(app), theme, Rect { y: area.y + 1, height: 1, ..area }, buffer);
    }
}

/// The keys that do something now.
fn hints(app: &Reviewing) -> Vec<(String, &'static str)> {
    let highest = app.sitting.as_ref().map_or(0, |s| match s.cell {
        Cell::Score(_, n) => app.rubric.criteria.get(n).map_or(0, |c| c.highest()),
        Cell::Verdict => 0,
    });
    let mut hints = keys::hints(app.context(), highest, app.rubric.tags.len());
    let readable = app.sitting.as_ref().is_none_or(|s| s.shown_item().is_some());
    match app.context() {
        keys::Context::Rate if app.saving.is_some() => {
            hints.retain(|(_, title)| ["scroll", "quit", "help"].contains(title));
        }
        keys::Context::Rate if !readable => {
            hints.retain(|(_, title)| ["skip", "undo", "items", "quit", "help"].contains(title));
        }
        // At the verdict digits rate nothing.
        keys::Context::Rate if highest == 0 => hints.retain(|(_, title)| *title != "rate"),
        // Before the verdict its keys can wait behind those for reading.
        keys::Context::Rate => {
            let last = ["A better", "B better", "tie", "both bad", "save, next"];
            let (later, mut now): (Vec<_>, Vec<_>) = hints.into_iter().partition(|(_, t)| last.contains(t));
            let at = now.len().min(7);
            now.splice(at..at, later);
            hints = now;
        }
        keys::Context::End if app.progress().skipped == 0 => {
            hints.retain(|(_, title)| *title != "what was skipped");
        }
        _ => {}
    }
    hints
}

fn told(app: &Reviewing, theme: Theme) -> (String, Style) {
    if app.keep_fault.is_some() {
        let text = "Not saved yet; it is tried again every two seconds. q quits and prints it.";
        return (text.to_owned(), theme.fault());
    }
    if let Some(fault) = &app.fault {
        return (fault.to_string(), theme.fault());
    }
    if let Some(notice) = &app.notice {
        return (notice.clone(), Style::new());
    }
    if let Some(fault) = app.remarks.last() {
        return (fault.to_string(), theme.fault());
    }
    if app.is_away() {
        let text = "A minute without a key: the time is not counted until the next one.";
        return (text.to_owned(), theme.quiet());
    }
    let text = match (&app.sitting, &app.mode, &app.over) {
        (Some(_), Mode::Rate, Over::None) => "Everything you enter is kept at once.",
        _ => "",
    };
    (text.to_owned(), theme.quiet())
}
