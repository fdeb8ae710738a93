//! The ratings: what was entered, what the next key rates, and what its degrees mean.

use super::paint::{self, Painted};
use crate::compare::Side;
use crate::study::{Rating, Verdict};
use crate::tui::app::{App, Field, Judging, Keeping};
use crate::tui::theme::Theme;
use crate::tui::wrap::{columns, fit};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

/// The rows of the ratings, border included.
pub(super) fn height(body: Rect) -> u16 {
    // Degrees stand in two columns below this width, one under the other above it.
    let anchors = if wide(body.width) { 5 } else { 3 };
    (2 + 5 + anchors).min(body.height.saturating_sub(6))
}

fn wide(width: u16) -> bool {
    width >= 100
}

pub(super) fn draw(app: &App, judging: &Judging, theme: Theme, area: Rect, frame: &mut ratatui::Frame<'_>) {
    let saved = match (judging.saved, &app.keep_fault) {
        (Keeping::Kept, _) => "saved",
        (Keeping::Writing, None) => "saving",
        (Keeping::Writing, Some(_)) => "NOT SAVED YET, still trying",
        (Keeping::Incomplete, _) => "not complete yet",
    };
    let buffer = frame.buffer_mut();
    let inside = paint::frame(
        &paint::Frame { title: "Rating", right: saved, below: "", focused: true },
        theme,
        area,
        buffer,
    );
    let width = usize::from(inside.width);
    let mut lines = vec![header(theme)];
    for side in Side::BOTH {
        lines.push(row(judging, side, theme, width));
    }
    lines.push(verdict(judging, theme));
    let note_at = lines.len();
    lines.push(note(judging, theme, width));
    lines.extend(anchors(app, judging, theme, area.width));
    paint::lines(&lines, 0, theme, inside, buffer);
    if judging.field == Field::Note && inside.height > note_at as u16 {
        let at = Rect {
            x: inside.x + 8,
            y: inside.y + note_at as u16,
            width: inside.width.saturating_sub(8),
            height: 1,
        };
        (&judging.note).render(at, buffer);
    }
}

fn header(theme: Theme) -> Painted {
    let mut line = Painted::default();
    line.push(&format!("  {:<12}{:<14}{}", "accuracy", "completeness", "error tags"), theme.quiet());
    line
}

fn row(judging: &Judging, side: Side, theme: Theme, width: usize) -> Painted {
    let rating = &judging.ratings[side.index()];
    let mut line = Painted::default();
    line.push(side.letter(), theme.key());
    line.push(" ", Style::new());
    degree(&mut line, rating.accuracy, judging.field == Field::Accuracy(side), 12, theme);
    degree(&mut line, rating.completeness, judging.field == Field::Completeness(side), 14, theme);
    let tags = if rating.tags.is_empty() { "–".to_owned() } else { rating.tags.join(", ") };
    let style = if judging.field == Field::Tags(side) { theme.cursor() } else { Style::new() };
    line.push(&fit(&tags, width.saturating_sub(28)), style);
    line
}

fn degree(line: &mut Painted, degree: Option<u8>, current: bool, columns: usize, theme: Theme) {
    let text = degree.map_or_else(|| " · ".to_owned(), |d| format!(" {d} "));
    let style = if current {
        theme.cursor()
    } else if degree.is_some() {
        theme.key()
    } else {
        theme.quiet()
    };
    line.push(&format!("  {text}"), style);
    line.push(&" ".repeat(columns.saturating_sub(5)), Style::new());
}

/// The tags there are, each with its digit, wrapped between tags.
fn tags_to_choose(app: &App, rating: &Rating, theme: Theme, width: usize) -> Vec<Painted> {
    let mut lines = vec![Painted::default()];
    let mut used = 0;
    for (n, tag) in app.settings.rubric.tags.iter().enumerate() {
        let chosen = rating.tags.contains(tag);
        let tag = fit(tag, width.saturating_sub(6));
        let needed = columns(&tag) + 6;
        if used + needed > width && used > 0 {
            lines.push(Painted::default());
            used = 0;
        }
        used += needed;
        if let Some(line) = lines.last_mut() {
            line.push(&format!("{} ", n + 1), theme.key());
            line.push(if chosen { "✓ " } else { "  " }, theme.good());
            line.push(&tag, if chosen { theme.heading(true) } else { Style::new() });
            line.push("  ", Style::new());
        }
    }
    lines
}

fn verdict(judging: &Judging, theme: Theme) -> Painted {
    let mut line = Painted::default();
    line.push("better  ", if judging.field == Field::Verdict { theme.cursor() } else { theme.quiet() });
    for (verdict, text) in
        [(Verdict::A, "a A"), (Verdict::B, "b B"), (Verdict::Tie, "t tie"), (Verdict::BothBad, "x both bad")]
    {
        let chosen = judging.verdict == Some(verdict);
        line.push(if chosen { "●" } else { "○" }, if chosen { theme.good() } else { theme.quiet() });
        line.push(&format!(" {text}"), if chosen { theme.heading(true) } else { Style::new() });
        line.push("   ", Style::new());
    }
    line
}

fn note(judging: &Judging, theme: Theme, width: usize) -> Painted {
    let mut line = Painted::default();
    line.push("note    ", if judging.field == Field::Note { theme.cursor() } else { theme.quiet() });
    let text = judging.note_text();
    let text = if text.is_empty() { "–".to_owned() } else { fit(&text, width.saturating_sub(8)) };
    if judging.field != Field::Note {
        line.push(&text, Style::new());
    }
    line
}

/// What the degrees of the field mean.
fn anchors(app: &App, judging: &Judging, theme: Theme, area: u16) -> Vec<Painted> {
    let width = usize::from(area.saturating_sub(2));
    let (name, scale) = match judging.field {
        Field::Accuracy(_) => ("accuracy", &app.settings.rubric.accuracy),
        Field::Completeness(_) => ("completeness", &app.settings.rubric.completeness),
        Field::Verdict => {
            return told(
                "Which answer would you rather have got? With it the judgment is saved.",
                width,
                theme,
            );
        }
        Field::Tags(side) => return tags_to_choose(app, &judging.ratings[side.index()], theme, width),
        Field::Note => return told("A note on this trial. It is kept with the ratings.", width, theme),
    };
    let anchor = |n: u8| format!("{n} {}", scale.anchor(n));
    if wide(area) {
        return (1..=5)
            .map(|n| {
                Painted::text(
                    &format!("{:<13}{}", if n == 1 { name } else { "" }, anchor(n)),
                    theme.quiet(),
                    width,
                )
            })
            .collect();
    }
    let half = width / 2;
    [(1, Some(4)), (2, Some(5)), (3, None)]
        .into_iter()
        .map(|(left, right)| {
            let room = if right.is_some() { half.saturating_sub(1) } else { width };
            let mut line = Painted::text(&anchor(left), theme.quiet(), room);
            let used = line.pieces.iter().map(|p| p.1).sum::<usize>();
            line.push(&" ".repeat(half.saturating_sub(used)), Style::new());
            if let Some(right) = right {
                line.push(&fit(&anchor(right), width - half), theme.quiet());
            }
            line
        })
        .collect()
}

fn told(text: &str, width: usize, theme: Theme) -> Vec<Painted> {
    super::passages::wrapped(text, theme.quiet(), width)
}
