//! The passages panel: what was found, and in it the words of the question and what supports either answer.

use super::bars::growing;
use super::paint::{self, Painted};
use crate::compare::Side;
use crate::config::Layer;
use crate::retrieve::Hit;
use crate::text::{counted, grouped};
use crate::tui::app::{App, Drawn, Index, Open, Panel};
use crate::tui::theme::Theme;
use crate::tui::wrap::wrap;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Columns at the left of a passage, for the letters of the answers it supports.
const GUTTER: usize = 3;

pub(super) fn draw(app: &App, theme: Theme, area: Rect, buffer: &mut Buffer, drawn: &mut Drawn) {
    let focused = app.focus == Panel::Passages && app.judging.is_none();
    let found = app.open.as_ref().and_then(|o| o.hits.as_ref()).map_or(0, Vec::len);
    let mut title = if found > 0 { format!("Passages · {found}") } else { "Passages".to_owned() };
    if let Some(part) = app.open.as_ref().and_then(|o| o.part) {
        title.push_str(&format!(" · of {} of {} documents", grouped(part.documents), grouped(part.of)));
    }
    let right = legend(app);
    let below = if found > 0 { "1 words  2 support A  3 support B" } else { "" };
    let inside =
        paint::frame(&paint::Frame { title: &title, right: &right, below, focused }, theme, area, buffer);
    let width = usize::from(inside.width);
    let lines = match &app.open {
        None => welcome(app, theme, width),
        Some(open) => match &open.hits {
            None => vec![Painted::text("Searching.", theme.quiet(), width)],
            Some(hits) if hits.is_empty() => {
                let so_far = if open.part.is_some() { " that is indexed so far" } else { "" };
                let text = format!(
                    "No passage{so_far} shares a word with the question. The models answer without any."
                );
                wrapped(&text, theme.quiet(), width)
            }
            Some(hits) => {
                let mut lines = Vec::new();
                for (n, hit) in hits.iter().enumerate() {
                    drawn.passage_rows.push(lines.len());
                    passage(app, open, n, hit, theme, width, &mut lines);
                }
                lines.pop();
                lines
            }
        },
    };
    let furthest = paint::furthest(lines.len(), inside.height);
    let scroll = app.scroll.get(&Panel::Passages).copied().unwrap_or(0).min(furthest);
    paint::lines(&lines, scroll, theme, inside, buffer);
    drawn.furthest.insert(Panel::Passages, furthest);
    drawn.page.insert(Panel::Passages, usize::from(inside.height));
}

fn legend(app: &App) -> String {
    let shown: Vec<_> = [(Layer::Question, "words"), (Layer::SupportA, "A"), (Layer::SupportB, "B")]
        .into_iter()
        .filter(|(layer, _)| app.shows(*layer))
        .map(|(_, name)| name)
        .collect();
    if shown.is_empty() { "highlights off".to_owned() } else { format!("highlights: {}", shown.join(" ")) }
}

/// What stands here before a question was asked.
fn welcome(app: &App, theme: Theme, width: usize) -> Vec<Painted> {
    let manifest = &app.corpus.manifest;
    let mut lines = vec![Painted::text(&manifest.title, theme.heading(false), width)];
    lines.extend(wrapped(&manifest.description, Style::new(), width));
    lines.push(Painted::default());
    match &app.index {
        Index::Ready(passages) => lines.push(Painted::text(
            &format!("{} to search.", counted(*passages as usize, "passage")),
            theme.quiet(),
            width,
        )),
        Index::Opening(None) => lines.push(Painted::text("Opening the index.", theme.quiet(), width)),
        Index::Opening(Some(p)) => {
            lines.push(Painted::text(&format!("{}.", p.doing), Style::new(), width));
            lines.push(Painted::text(&bar(p.done, p.total, width.min(60)), theme.key(), width));
        }
        Index::Growing(part, _) => {
            lines.extend(wrapped(&growing(*part), Style::new(), width));
            lines.push(Painted::text(&bar(part.documents, part.of, width.min(60)), theme.key(), width));
        }
        Index::Failed(fault) => {
            lines.push(Painted::text("The corpus cannot be searched.", theme.fault(), width));
            lines.extend(wrapped(&fault.to_string(), Style::new(), width));
        }
    }
    lines
}

/// A bar of a width: full blocks, then light ones.
pub(super) fn bar(done: u64, total: u64, width: usize) -> String {
    let width64 = width as u64;
    let full = (done * width64).checked_div(total).unwrap_or(0).min(width64);
    (0..width64).map(|n| if n < full { '█' } else { '░' }).collect()
}

pub(in crate::tui) fn wrapped(text: &str, style: Style, width: usize) -> Vec<Painted> {
    wrap(text, width).iter().map(|row| Painted::row(("", style), row, |_| style)).collect()
}

fn passage(
    app: &App,
    open: &Open,
    n: usize,
    hit: &Hit,
    theme: Theme,
    width: usize,
    lines: &mut Vec<Painted>,
) {
    let selected = app.passage == n;
    let mark = if selected { "▸" } else { " " };
    let cited: Vec<_> = Side::BOTH
        .into_iter()
        .filter(|side| open.pane(*side).support.citations.iter().any(|c| c.names == n + 1))
        .map(Side::letter)
        .collect();
    let mut heading = format!("{mark}[{}] {} · {}", hit.rank, hit.heading(), hit.shown_score(1));
    if !cited.is_empty() {
        heading.push_str(&format!(" · cited by {}", cited.join(" and ")));
    }
    if open.used.is_some_and(|used| n >= used) {
        heading.push_str(" · left out: the prompt is full");
    }
    lines.push(Painted::text(&heading, theme.heading(selected), width));
    let of = |side: Side, layer| {
        if app.shows(layer) { open.pane(side).support.of_passage(n + 1) } else { Vec::new() }
    };
    let (a, b) = (of(Side::A, Layer::SupportA), of(Side::B, Layer::SupportB));
    let words: &[(usize, usize)] = if app.shows(Layer::Question) { &hit.matches } else { &[] };
    let within = |ranges: &[(usize, usize)], at: usize| ranges.iter().any(|(s, e)| (*s..*e).contains(&at));
    for row in wrap(&hit.text, width.saturating_sub(GUTTER)) {
        let letters = match (a.iter().any(|r| row.touches(*r)), b.iter().any(|r| row.touches(*r))) {
            (true, true) => "AB ",
            (true, false) => "A  ",
            (false, true) => " B ",
            (false, false) => "   ",
        };
        lines.push(Painted::row((letters, theme.quiet()), &row, |at| {
            let style = match (within(&a, at), within(&b, at)) {
                (true, true) => theme.support_both(Style::new()),
                (true, false) => theme.support_a(Style::new()),
                (false, true) => theme.support_b(Style::new()),
                (false, false) => Style::new(),
            };
            if within(words, at) { theme.question_word(style) } else { style }
        }));
    }
    lines.push(Painted::default());
}
