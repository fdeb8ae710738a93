//! The ratings: what was entered, what the next key goes into, and what its degrees mean.

use super::name;
use super::panels::Style as Framing;
use crate::compare::Side;
use crate::study::{Criterion, Evidence, Standing, Verdict};
use crate::tui::review::entry::Cell;
use crate::tui::review::marking::Chosen;
use crate::tui::review::sitting::Sitting;
use crate::tui::review::state::{Mode, Reviewing, Span};
use crate::tui::theme::Theme;
use crate::tui::view::paint::{self, Painted};
use crate::tui::view::passages::wrapped;
use crate::tui::wrap::{columns, fit};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

/// Columns of a criterion, and of what stands before the first.
const COLUMN: usize = 14;
const NAME: usize = 8;
/// Rows that marks may take.
const MARK_ROWS: usize = 3;
/// Columns before a note.
const NOTE: u16 = 8;

/// The rows of the ratings, frame included. They do not change with the cell, so that nothing jumps.
pub(super) fn height(app: &Reviewing, sitting: &Sitting, framing: Framing, area: Rect) -> u16 {
    let width = usize::from(framing.inside(Rect { height: 9, ..area }).width);
    let marks = mark_lines(sitting, Theme::new(false), width).len();
    let anchors = app.rubric.criteria.iter().map(|c| anchor_rows(c, width)).max().unwrap_or(0);
    let below = anchors.max(1 + tag_rows(app, width));
    let rows = 4 + marks + usize::from(has_note(app, sitting)) + below;
    let most = area.height.saturating_sub(framing.rows() + 4).max(area.height / 2);
    u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(framing.rows()).min(most)
}

fn has_note(app: &Reviewing, sitting: &Sitting) -> bool {
    matches!(app.mode, Mode::Note(..)) || !sitting.entry.note.is_empty()
}

pub(super) fn draw(
    app: &Reviewing,
    sitting: &Sitting,
    framing: Framing,
    theme: Theme,
    area: Rect,
    frame: &mut ratatui::Frame<'_>,
) {
    let title = title(app, sitting);
    let right = state(app, sitting);
    let framed = paint::Frame { title: &title, right: &right, below: "", focused: true };
    let inside = framing.frame(&framed, theme, area, frame.buffer_mut());
    let width = usize::from(inside.width);
    let mut lines = vec![header(app, theme)];
    for side in Side::BOTH {
        lines.push(row(app, sitting, side, theme, width));
    }
    lines.push(verdict(app, sitting, theme, width));
    lines.extend(mark_lines(sitting, theme, width));
    let note_at = lines.len();
    if has_note(app, sitting) {
        let mut line = Painted::default();
        line.push("note    ", theme.quiet());
        if !matches!(app.mode, Mode::Note(..)) {
            line.push(&fit(&sitting.entry.note, width.saturating_sub(NOTE.into())), Style::new());
        }
        lines.push(line);
    }
    lines.extend(below(app, sitting, theme, width));
    paint::lines(&lines, 0, theme, inside, frame.buffer_mut());
    if let Mode::Note(editor, _) = &app.mode
        && usize::from(inside.height) > note_at
    {
        let at = Rect {
            x: inside.x + NOTE,
            y: inside.y + note_at as u16,
            width: inside.width.saturating_sub(NOTE),
            height: 1,
        };
        let mut editor = editor.clone();
        editor.set_cursor_style(theme.cursor());
        (&*editor).render(at, frame.buffer_mut());
    }
}

fn title(app: &Reviewing, sitting: &Sitting) -> String {
    if sitting.shown_item().is_none() {
        return "Rating".to_owned();
    }
    match (&app.mode, sitting.cell) {
        (Mode::Tags(side), _) => format!("What is wrong with answer {}?", side.letter()),
        (Mode::Note(..), _) => "Note".to_owned(),
        (Mode::Sentence(..), _) => "Marking".to_owned(),
        (Mode::Span(_), _) => "What do the passages say to it?".to_owned(),
        (Mode::Rate, Cell::Verdict) => "Rating · which is better?".to_owned(),
        (Mode::Rate, Cell::Score(side, n)) => {
            let criterion = app.rubric.criteria.get(n).map_or("", |c| c.name.as_str());
            format!("Rating · {criterion} of {}", side.letter())
        }
    }
}

fn state(app: &Reviewing, sitting: &Sitting) -> String {
    let mut parts = Vec::new();
    if sitting.entry.flagged {
        parts.push("flagged");
    }
    if sitting.reference_shown {
        parts.push("reference shown");
    }
    parts.push(match (&app.saving, &app.keep_fault) {
        (Some(_), Some(_)) => "NOT SAVED YET, still trying",
        (Some(_), None) => "saving",
        _ => match (app.standing(sitting.place), sitting.is_changed()) {
            (Standing::Done, false) => "saved",
            (Standing::Done, true) => "amended, Enter saves",
            (Standing::Skipped, _) => "was put off",
            _ if sitting.entry.missing(&app.rubric).is_none() => "complete, Enter saves",
            _ => "not complete yet",
        },
    });
    parts.join(" · ")
}

fn header(app: &Reviewing, theme: Theme) -> Painted {
    let mut line = Painted::default();
    line.push(&" ".repeat(NAME), Style::new());
    for criterion in &app.rubric.criteria {
        let name = fit(&criterion.name, COLUMN - 1);
        let padding = " ".repeat(COLUMN - columns(&name));
        line.push(&format!("{name}{padding}"), theme.quiet());
    }
    line.push("error tags", theme.quiet());
    line
}

fn row(app: &Reviewing, sitting: &Sitting, side: Side, theme: Theme, width: usize) -> Painted {
    let mut line = Painted::default();
    line.push(&format!("{:<NAME$}", side.letter()), theme.key());
    for n in 0..app.rubric.criteria.len() {
        let degree = sitting.entry.score(&app.rubric, side, n);
        let here = sitting.cell == Cell::Score(side, n) && matches!(app.mode, Mode::Rate);
        let style = match degree {
            _ if here => theme.cursor(),
            Some(_) => theme.key(),
            None => theme.quiet(),
        };
        line.push(&degree.map_or_else(|| " · ".to_owned(), |d| format!(" {d} ")), style);
        line.push(&" ".repeat(COLUMN - 3), Style::new());
    }
    let tags = &sitting.entry.ratings[side.index()].tags;
    let text = if tags.is_empty() { "–".to_owned() } else { tags.join(", ") };
    let here = matches!(app.mode, Mode::Tags(of) if of == side);
    let room = width.saturating_sub(NAME + COLUMN * app.rubric.criteria.len());
    line.push(&fit(&text, room), if here { theme.cursor() } else { Style::new() });
    line
}

fn verdict(app: &Reviewing, sitting: &Sitting, theme: Theme, width: usize) -> Painted {
    let here = sitting.cell == Cell::Verdict && matches!(app.mode, Mode::Rate);
    let mut line = Painted::default();
    line.push("better", if here { theme.cursor() } else { theme.quiet() });
    line.push("  ", Style::new());
    let proposed = sitting.entry.proposal(&app.rubric).filter(|_| sitting.entry.verdict.is_none());
    for (verdict, text) in
        [(Verdict::A, "a A"), (Verdict::B, "b B"), (Verdict::Tie, "t tie"), (Verdict::BothBad, "x both bad")]
    {
        let chosen = sitting.entry.verdict == Some(verdict);
        let mark = match (chosen, proposed == Some(verdict)) {
            (true, _) => ("●", theme.good()),
            (_, true) => ("◌", theme.key()),
            _ => ("○", theme.quiet()),
        };
        line.push(mark.0, mark.1);
        line.push(" ", Style::new());
        line.push(text, if chosen { theme.heading(true) } else { Style::new() });
        line.push("  ", Style::new());
    }
    if proposed.is_some() {
        let used: usize = line.pieces.iter().map(|p| p.1).sum();
        line.push(&fit("◌ as rated: Enter", width.saturating_sub(used)), theme.quiet());
    }
    line
}

/// Every mark with its number, some on a line.
fn mark_lines(sitting: &Sitting, theme: Theme, width: usize) -> Vec<Painted> {
    let texts: Vec<String> = sitting.entry.evidence.iter().enumerate().map(|(n, e)| mark(n + 1, e)).collect();
    let mut lines: Vec<Painted> = Vec::new();
    let mut used = width;
    for text in &texts {
        let text = fit(text, width.saturating_sub(NAME));
        if used + columns(&text) + 3 > width {
            if lines.len() == MARK_ROWS {
                if let Some(last) = lines.last_mut() {
                    last.push("…", theme.quiet());
                }
                break;
            }
            let mut line = Painted::default();
            line.push(if lines.is_empty() { "marks   " } else { "        " }, theme.quiet());
            used = NAME;
            lines.push(line);
        }
        if let Some(line) = lines.last_mut() {
            line.push(&text, Style::new());
            line.push("   ", Style::new());
        }
        used += columns(&text) + 3;
    }
    lines
}

fn mark(n: usize, evidence: &Evidence) -> String {
    let to = match evidence.support {
        Some(span) => format!("[{}]", span.passage),
        None => "no support".to_owned(),
    };
    format!("{n} {} {} → {to}", evidence.side.letter(), evidence.tag)
}

/// What stands below the ratings: degrees, tags, or what is being marked.
fn below(app: &Reviewing, sitting: &Sitting, theme: Theme, width: usize) -> Vec<Painted> {
    if let (Some(_), Some(fault)) = (&app.saving, &app.keep_fault) {
        return wrapped(&fault.to_string(), theme.fault(), width);
    }
    match (&app.mode, sitting.cell) {
        (Mode::Tags(side), _) => tags(app, &sitting.entry.ratings[side.index()].tags, theme, width),
        (Mode::Note(..), _) => told("Enter keeps the note with the ratings.", width, theme),
        (Mode::Sentence(side, at), _) => {
            let sentences = sitting.shown_item().map(|s| s.sentences[side.index()].as_slice());
            let of = sentences.map_or(0, <[_]>::len);
            let range = sentences.and_then(|s| s.get(*at)).copied();
            let here: Vec<String> = sitting
                .marks(*side)
                .filter(|(_, e)| Some(e.range) == range)
                .map(|(_, e)| e.tag.clone())
                .collect();
            let text = format!("{}, sentence {} of {of}. What is wrong with it?", name(*side), at + 1);
            let mut lines = vec![Painted::text(&text, theme.key(), width)];
            lines.extend(tags(app, &here, theme, width));
            lines
        }
        (Mode::Span(span), _) => marking(sitting, span, theme, width),
        (Mode::Rate, Cell::Verdict) => {
            told("Which answer would you rather have got? With it the item is saved.", width, theme)
        }
        (Mode::Rate, Cell::Score(side, n)) => match app.rubric.criteria.get(n) {
            Some(criterion) => anchors(criterion, sitting.entry.score(&app.rubric, side, n), theme, width),
            None => Vec::new(),
        },
    }
}

fn marking(sitting: &Sitting, span: &Span, theme: Theme, width: usize) -> Vec<Painted> {
    let shown = sitting.shown_item();
    let said = shown
        .and_then(|s| {
            let range = s.sentences[span.side.index()].get(span.sentence)?;
            s.item.answers[span.side.index()].text.get(range.0..range.1)
        })
        .unwrap_or_default();
    let (first, last) = span.places();
    let sentences =
        if first == last { "one sentence".to_owned() } else { format!("{} sentences", last - first + 1) };
    let passage = shown.and_then(|s| Chosen::of(span, s)).map_or(0, |c| c.passage + 1);
    vec![
        Painted::text(&format!("{}: “{}”", span.side.letter(), said.trim()), Style::new(), width),
        Painted::text(
            &format!("{}: {sentences} of passage {passage}. Enter ties it, x: no support.", span.tag),
            theme.key(),
            width,
        ),
    ]
}

/// Columns that the degrees of a criterion stand in, and how wide one is.
fn anchor_columns(criterion: &Criterion, width: usize) -> (usize, usize) {
    // A digit and a space before, and two columns between.
    let widest = criterion.anchors.iter().map(|a| columns(a)).max().unwrap_or(0) + 4;
    let count = ((width + 2) / widest).clamp(1, criterion.anchors.len().max(1));
    (count, (width + 2) / count)
}

fn anchor_rows(criterion: &Criterion, width: usize) -> usize {
    criterion.anchors.len().div_ceil(anchor_columns(criterion, width).0)
}

/// What the degrees of a criterion mean; the one that was chosen stands out.
fn anchors(criterion: &Criterion, chosen: Option<u8>, theme: Theme, width: usize) -> Vec<Painted> {
    let (count, wide) = anchor_columns(criterion, width);
    let rows = anchor_rows(criterion, width);
    (0..rows)
        .map(|row| {
            let mut line = Painted::default();
            for column in 0..count {
                let at = column * rows + row;
                let Some(anchor) = criterion.anchors.get(at) else { continue };
                let here = chosen.is_some_and(|d| usize::from(d) == at + 1);
                let text = fit(&format!("{} {anchor}", at + 1), wide.saturating_sub(2));
                let padding = " ".repeat(wide.saturating_sub(columns(&text)));
                line.push(&text, if here { theme.heading(true) } else { theme.quiet() });
                line.push(&padding, Style::new());
            }
            line
        })
        .collect()
}

fn tag_rows(app: &Reviewing, width: usize) -> usize {
    tags(app, &[], Theme::new(false), width).len()
}

/// The tags there are, each with its digit, wrapped between tags.
fn tags(app: &Reviewing, chosen: &[String], theme: Theme, width: usize) -> Vec<Painted> {
    let mut lines = vec![Painted::default()];
    let mut used = 0;
    for (n, tag) in app.rubric.tags.iter().enumerate() {
        let on = chosen.contains(tag);
        let tag = fit(tag, width.saturating_sub(6));
        let needed = columns(&tag) + 6;
        if used + needed > width && used > 0 {
            lines.push(Painted::default());
            used = 0;
        }
        used += needed;
        if let Some(line) = lines.last_mut() {
            line.push(&format!("{} ", n + 1), theme.key());
            line.push(if on { "✓ " } else { "  " }, theme.good());
            line.push(&tag, if on { theme.heading(true) } else { Style::new() });
            line.push("  ", Style::new());
        }
    }
    lines
}

fn told(text: &str, width: usize, theme: Theme) -> Vec<Painted> {
    wrapped(text, theme.quiet(), width)
}
