//! What can be scrolled: answers, passages, the reference answer.

use super::name;
use crate::compare::Side;
use crate::config::Layer;
use crate::retrieve::Hit;
use crate::tui::review::marking;
use crate::tui::review::sitting::{Bytes, Shown, Sitting};
use crate::tui::review::state::{Drawn, Mode, Panel, Reviewing};
use crate::tui::theme::Theme;
use crate::tui::view::paint::{self, Painted};
use crate::tui::view::passages::wrapped;
use crate::tui::wrap::{Row, fit, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Borders, Widget};

/// Columns at the left of an answer: where the cursor is, or the number of a mark, or that nothing supports it.
const ANSWER_GUTTER: usize = 3;
/// Columns at the left of a passage: the letters of the answers it supports, and the number of a mark.
const PASSAGE_GUTTER: usize = 5;

/// How panels are framed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// With a whole border, or only with a line above.
    pub boxed: bool,
}

impl Style {
    /// Rows the frame takes.
    pub fn rows(self) -> u16 {
        if self.boxed { 2 } else { 1 }
    }

    /// What is left for the text.
    pub fn inside(self, area: Rect) -> Rect {
        if self.boxed {
            return Rect {
                x: area.x + 1,
                y: area.y + 1,
                width: area.width.saturating_sub(2),
                height: area.height.saturating_sub(2),
            };
        }
        // The last column is for the marks that there is more.
        Rect {
            y: area.y + 1,
            width: area.width.saturating_sub(1),
            height: area.height.saturating_sub(1),
            ..area
        }
    }

    /// Paints the frame; gives back what is inside.
    pub fn frame(self, frame: &paint::Frame<'_>, theme: Theme, area: Rect, buffer: &mut Buffer) -> Rect {
        if self.boxed {
            return paint::frame(frame, theme, area, buffer);
        }
        let width = usize::from(area.width.saturating_sub(4));
        let right = fit(frame.right, width.saturating_sub(12));
        let mut block = Block::new()
            .borders(Borders::TOP)
            .border_type(if frame.focused { BorderType::Thick } else { BorderType::Plain })
            .border_style(theme.border(frame.focused))
            .title(Line::styled(format!(" {} ", fit(frame.title, width)), theme.title(frame.focused)));
        if !right.is_empty() {
            block =
                block.title(Line::styled(format!(" {right} "), ratatui::style::Style::new()).right_aligned());
        }
        block.render(area, buffer);
        self.inside(area)
    }
}

/// The lines of a panel, and the rows that have to be seen.
pub(super) struct Content {
    pub title: String,
    pub right: String,
    pub below: &'static str,
    pub lines: Vec<Painted>,
    /// First row, and the one after the last.
    pub seen: Option<(usize, usize)>,
}

/// Paints a panel.
#[allow(clippy::too_many_arguments)] // All of it is what a panel is made from.
pub(super) fn draw(
    app: &Reviewing,
    panel: Panel,
    content: &Content,
    framing: Style,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
    drawn: &mut Drawn,
) {
    let focused = app.focus == panel;
    let frame = paint::Frame { title: &content.title, right: &content.right, below: content.below, focused };
    let inside = framing.frame(&frame, theme, area, buffer);
    let height = usize::from(inside.height);
    let furthest = paint::furthest(content.lines.len(), inside.height);
    let mut scroll = app.scroll.get(&panel).copied().unwrap_or(0);
    if let Some((first, end)) = content.seen {
        // The start of what is chosen, if not all of it fits.
        scroll = scroll.max(end.saturating_sub(height)).min(first);
    }
    let scroll = scroll.min(furthest);
    paint::lines(&content.lines, scroll, theme, inside, buffer);
    drawn.furthest.insert(panel, furthest);
    drawn.page.insert(panel, height);
}

/// A panel with nothing but words of our own.
pub(super) fn told(title: &str, text: &str, framing: Style, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let frame = paint::Frame { title, right: "", below: "", focused: false };
    let inside = framing.frame(&frame, theme, area, buffer);
    let lines = wrapped(text, ratatui::style::Style::new(), usize::from(inside.width));
    paint::lines(&lines, 0, theme, inside, buffer);
}

fn within(ranges: &[Bytes], at: usize) -> bool {
    ranges.iter().any(|(start, end)| (*start..*end).contains(&at))
}

fn touches(row: &Row<'_>, ranges: &[Bytes]) -> bool {
    ranges.iter().any(|range| row.touches(*range))
}

/// The number of the first mark that a row shows some of.
fn mark_on(row: &Row<'_>, marks: &[(usize, Bytes)]) -> Option<String> {
    marks.iter().find(|(_, range)| row.touches(*range)).map(|(n, _)| n.to_string())
}

/// An answer: its text, what is marked in it, and only where a person asked for it what the passages support.
pub(super) fn answer(
    app: &Reviewing,
    sitting: &Sitting,
    shown: &Shown,
    side: Side,
    theme: Theme,
    width: u16,
) -> Content {
    let answer = &shown.item.answers[side.index()];
    let width = usize::from(width);
    let layer = if side == Side::A { Layer::SupportA } else { Layer::SupportB };
    let doubtful: Vec<Bytes> = if app.shows(layer) {
        answer.support.sentences.iter().filter(|s| !s.supported).map(|s| s.range).collect()
    } else {
        Vec::new()
    };
    let chosen = match &app.mode {
        Mode::Sentence(of, at) if *of == side => Some((*at, true)),
        Mode::Span(span) if span.side == side => Some((span.sentence, false)),
        _ => None,
    };
    let cursor = chosen.and_then(|(at, here)| Some((*shown.sentences[side.index()].get(at)?, here)));
    let marks: Vec<(usize, Bytes)> = sitting.marks(side).map(|(n, e)| (n, e.range)).collect();
    let marked: Vec<Bytes> = marks.iter().map(|(_, range)| *range).collect();
    let cited: Vec<Bytes> = answer.support.citations.iter().map(|c| c.range).collect();
    let rows = wrap(&answer.text, width.saturating_sub(ANSWER_GUTTER));
    let mut lines: Vec<Painted> = rows
        .iter()
        .map(|row| {
            let at_cursor = cursor.is_some_and(|(range, _)| row.touches(range));
            let gutter = if at_cursor {
                ("▸".to_owned(), theme.key())
            } else if let Some(n) = mark_on(row, &marks) {
                (n, theme.key())
            } else if touches(row, &doubtful) {
                ("?".to_owned(), theme.fault())
            } else {
                (String::new(), theme.quiet())
            };
            let text = format!("{:<ANSWER_GUTTER$}", gutter.0);
            Painted::row((&text, gutter.1), row, |at| {
                let style = match cursor {
                    Some((range, true)) if within(&[range], at) => theme.cursor(),
                    Some((range, false)) if within(&[range], at) => theme.heading(false),
                    _ if within(&cited, at) => theme.citation(false),
                    _ if within(&doubtful, at) => theme.unsupported(ratatui::style::Style::new()),
                    _ => ratatui::style::Style::new(),
                };
                if within(&marked, at) { theme.marked(style) } else { style }
            })
        })
        .collect();
    let seen = cursor.and_then(|(range, _)| rows_of(&rows, range));
    if answer.text.trim().is_empty() {
        lines = vec![Painted::text("   The answer is empty.", theme.quiet(), width)];
    }
    Content { title: name(side).to_owned(), right: String::new(), below: "", lines, seen }
}

/// The rows that show some of a range: the first, and the one after the last.
fn rows_of(rows: &[Row<'_>], range: Bytes) -> Option<(usize, usize)> {
    let first = rows.iter().position(|row| row.touches(range))?;
    let end = rows.iter().rposition(|row| row.touches(range)).unwrap_or(first) + 1;
    Some((first, end))
}

/// The passages, with what is being chosen of them, what marks are tied to, and the layers that are shown.
pub(super) fn passages(
    app: &Reviewing,
    sitting: &Sitting,
    shown: &Shown,
    spilled: Option<&str>,
    theme: Theme,
    width: u16,
) -> Content {
    let width = usize::from(width);
    let plain = ratatui::style::Style::new();
    let mut lines = Vec::new();
    let mut seen = None;
    if let Some(question) = spilled {
        lines.push(Painted::text("The whole question", theme.heading(false), width));
        lines.extend(wrapped(question, plain, width));
        lines.push(Painted::default());
    }
    let chosen = match &app.mode {
        Mode::Span(span) => marking::Chosen::of(span, shown),
        _ => None,
    };
    for (n, hit) in shown.item.passages.iter().enumerate() {
        let here = chosen.filter(|c| c.passage == n).map(|c| c.range);
        let rows = passage(app, sitting, shown, n, hit, here, theme, width, &mut lines);
        if let Some((first, end)) = rows {
            // With the first sentence of a passage its heading is seen too.
            let first = if chosen.is_some_and(|c| c.range.0 == 0) { first - 1 } else { first };
            seen = Some((first, end));
        }
    }
    lines.pop();
    let found = shown.item.passages.len();
    if found == 0 {
        lines.extend(wrapped(
            "No passage was found; the answers were given without any.",
            theme.quiet(),
            width,
        ));
    }
    let title = if app.shows(Layer::Question) || app.shows(Layer::SupportA) || app.shows(Layer::SupportB) {
        format!("Passages · {found} · highlights: {}", layers(app))
    } else {
        format!("Passages · {found}")
    };
    Content { title, right: String::new(), below: "w words  [ support A  ] support B", lines, seen }
}

fn layers(app: &Reviewing) -> String {
    let all = [(Layer::Question, "words"), (Layer::SupportA, "A"), (Layer::SupportB, "B")];
    all.into_iter().filter(|(layer, _)| app.shows(*layer)).map(|(_, n)| n).collect::<Vec<_>>().join(" ")
}

#[allow(clippy::too_many_arguments)] // All of it is what a passage is made from.
fn passage(
    app: &Reviewing,
    sitting: &Sitting,
    shown: &Shown,
    n: usize,
    hit: &Hit,
    chosen: Option<Bytes>,
    theme: Theme,
    width: usize,
    lines: &mut Vec<Painted>,
) -> Option<(usize, usize)> {
    let mark = if chosen.is_some() { "▸" } else { " " };
    let heading = format!("{mark}[{}] {}", n + 1, hit.heading());
    lines.push(Painted::text(&heading, theme.heading(false), width));
    let of = |side: Side, layer| {
        if app.shows(layer) { shown.item.answers[side.index()].support.of_passage(n + 1) } else { Vec::new() }
    };
    let (a, b) = (of(Side::A, Layer::SupportA), of(Side::B, Layer::SupportB));
    let words: &[Bytes] = if app.shows(Layer::Question) { &hit.matches } else { &[] };
    let tied: Vec<(usize, Bytes)> = sitting
        .entry
        .evidence
        .iter()
        .enumerate()
        .filter_map(|(m, e)| e.support.filter(|s| s.passage == n + 1).map(|s| (m + 1, s.range)))
        .collect();
    let marked: Vec<Bytes> = tied.iter().map(|(_, range)| *range).collect();
    let rows = wrap(&hit.text, width.saturating_sub(PASSAGE_GUTTER));
    let start = lines.len();
    for row in &rows {
        let letters = match (touches(row, &a), touches(row, &b)) {
            (true, true) => "AB",
            (true, false) => "A ",
            (false, true) => " B",
            (false, false) => "  ",
        };
        let number = mark_on(row, &tied).unwrap_or_default();
        let cursor = if chosen.is_some_and(|range| row.touches(range)) { "▸" } else { " " };
        let gutter = format!("{cursor}{letters}{number:<2}");
        lines.push(Painted::row((&gutter, theme.quiet()), row, |at| {
            if chosen.is_some_and(|range| within(&[range], at)) {
                return theme.cursor();
            }
            let plain = ratatui::style::Style::new();
            let style = match (within(&a, at), within(&b, at)) {
                (true, true) => theme.support_both(plain),
                (true, false) => theme.support_a(plain),
                (false, true) => theme.support_b(plain),
                (false, false) => plain,
            };
            let style = if within(words, at) { theme.question_word(style) } else { style };
            if within(&marked, at) { theme.marked(style) } else { style }
        }));
    }
    lines.push(Painted::default());
    let (first, end) = rows_of(&rows, chosen?)?;
    Some((start + first, start + end))
}

/// What a right answer says.
pub(super) fn reference(shown: &Shown, theme: Theme, width: u16) -> Content {
    let width = usize::from(width);
    let plain = ratatui::style::Style::new();
    let mut lines = Vec::new();
    if let Some(reference) = &shown.item.reference {
        lines.extend(wrapped(&reference.answer, plain, width));
        let parts =
            [("A complete answer contains", &reference.key_points), ("It rests on", &reference.quotes)];
        for (heading, texts) in parts.into_iter().filter(|(_, texts)| !texts.is_empty()) {
            lines.push(Painted::default());
            lines.push(Painted::text(heading, theme.heading(false), width));
            for text in texts {
                for (n, row) in wrap(text, width.saturating_sub(2)).iter().enumerate() {
                    lines.push(Painted::row((if n == 0 { "· " } else { "  " }, theme.quiet()), row, |_| {
                        plain
                    }));
                }
            }
        }
    }
    let right = "r hides it".to_owned();
    Content { title: "Reference answer".to_owned(), right, below: "", lines, seen: None }
}
