//! An answer's panel: what it says, which of its sentences no passage supports, what it cites, and its figures.

use super::paint::{self, Painted};
use super::passages::{bar, wrapped};
use super::title_of;
use crate::compare::{Answer, Finish, Pair, Side};
use crate::generate::Count;
use crate::text::counted;
use crate::tui::app::{App, Drawn, Panel, State};
use crate::tui::theme::Theme;
use crate::tui::wrap::wrap;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::time::Duration;

/// Columns at the left of an answer, for the mark of unsupported sentences.
const GUTTER: usize = 2;

pub(super) fn draw(app: &App, side: Side, theme: Theme, area: Rect, buffer: &mut Buffer, drawn: &mut Drawn) {
    let panel = Panel::of(side);
    let focused = app.focus == panel;
    let title = format!("{} · {}", title_of(app, side), Pair::role(side).name());
    let right = state(app, side);
    let below = figures(app, side);
    let inside = paint::frame(
        &paint::Frame { title: &title, right: &right, below: &below, focused },
        theme,
        area,
        buffer,
    );
    let width = usize::from(inside.width);
    let mut rows_of_citations = Vec::new();
    let lines = match &app.open {
        None => {
            wrapped("Ask a question: both models answer it from the same passages.", theme.quiet(), width)
        }
        Some(open) => {
            let pane = open.pane(side);
            match (&pane.state, pane.failure()) {
                (_, Some(why)) => {
                    let mut lines = vec![Painted::text("This model did not answer.", theme.fault(), width)];
                    lines.extend(wrapped(why, Style::new(), width));
                    lines
                }
                (State::Loading(p), None) if pane.text.is_empty() => {
                    vec![
                        Painted::text(&format!("Loading {}.", pane.contender), theme.quiet(), width),
                        Painted::text(&bar(p.done, p.total, width.min(40)), theme.quiet(), width),
                    ]
                }
                (State::Held(why, _), None) => wrapped(why, theme.quiet(), width),
                (State::Reading(read, of, _), None) if pane.text.is_empty() => vec![
                    Painted::text("Reading the prompt.", theme.quiet(), width),
                    Painted::text(&bar(*read as u64, *of as u64, width.min(40)), theme.quiet(), width),
                ],
                _ => text(app, side, theme, width, &mut rows_of_citations),
            }
        }
    };
    let furthest = paint::furthest(lines.len(), inside.height);
    let follow = app.open.as_ref().is_some_and(|o| o.pane(side).follow);
    let scroll = if follow { furthest } else { app.scroll.get(&panel).copied().unwrap_or(0).min(furthest) };
    paint::lines(&lines, scroll, theme, inside, buffer);
    drawn.furthest.insert(panel, furthest);
    drawn.page.insert(panel, usize::from(inside.height));
    drawn.citation_rows.insert(panel, rows_of_citations);
}

fn text(app: &App, side: Side, theme: Theme, width: usize, citations: &mut Vec<usize>) -> Vec<Painted> {
    let Some(open) = &app.open else { return Vec::new() };
    let pane = open.pane(side);
    let support = &pane.support;
    // While nothing was retrieved there is nothing that could support a sentence.
    let doubtful: Vec<(usize, usize)> =
        support.sentences.iter().filter(|s| !s.supported).map(|s| s.range).collect();
    let within = |(start, end): (usize, usize), at: usize| (start..end).contains(&at);
    let start = pane.text.len() - pane.text.trim_start().len();
    let rows = wrap(&pane.text, width.saturating_sub(GUTTER));
    citations.extend(
        support.citations.iter().map(|c| rows.iter().position(|row| row.touches(c.range)).unwrap_or(0)),
    );
    rows.iter()
        .map(|row| {
            let mark = if doubtful.iter().any(|r| row.touches(*r)) {
                ("? ", theme.fault())
            } else {
                ("  ", theme.quiet())
            };
            Painted::row(mark, row, |at| {
                if let Some(c) = support.citations.iter().find(|c| within(c.range, at)) {
                    let style = theme.citation(c.exists && c.names == app.passage + 1);
                    return if c.exists { style } else { theme.fault() };
                }
                if at >= start && doubtful.iter().any(|r| within(*r, at)) {
                    theme.unsupported(Style::new())
                } else {
                    Style::new()
                }
            })
        })
        .collect()
}

/// How far it is, in words.
fn state(app: &App, side: Side) -> String {
    let Some(open) = &app.open else { return String::new() };
    match &open.pane(side).state {
        State::Waiting if app.running => "waiting".to_owned(),
        State::Waiting => String::new(),
        State::Loading(p) => format!("loading {}", percent(p.done, p.total)),
        State::Held(..) => "waiting".to_owned(),
        State::Reading(read, of, _) => format!("reading the prompt, {read} of {of}"),
        State::Answering(count, ..) => counted(count.tokens, "token"),
        State::Ended(answer) => match answer.finish {
            Finish::Stop => "done".to_owned(),
            Finish::Length => "cut off at the limit".to_owned(),
            Finish::Cancelled => "stopped".to_owned(),
            Finish::Failed => "failed".to_owned(),
        },
        State::Stopped => "stopped".to_owned(),
    }
}

fn percent(done: u64, total: u64) -> String {
    (done * 100).checked_div(total).map_or_else(String::new, |p| format!("{p} %"))
}

/// Tokens, speed and time to the first token.
fn figures(app: &App, side: Side) -> String {
    let Some(open) = &app.open else { return String::new() };
    match &open.pane(side).state {
        State::Answering(Count { tokens, .. }, since, first) => {
            let mut parts = Vec::new();
            let answering = app.now.saturating_sub(*first);
            if *tokens > 1 && answering > Duration::from_millis(50) {
                parts.push(format!("{:.0} tokens/s", (*tokens as f64 - 1.0) / answering.as_secs_f64()));
            }
            parts.push(format!("first after {:.2} s", first.saturating_sub(*since).as_secs_f64()));
            parts.join(" · ")
        }
        State::Ended(answer) => ended(answer),
        _ => String::new(),
    }
}

fn ended(answer: &Answer) -> String {
    if answer.finish == Finish::Failed {
        return String::new();
    }
    let mut parts = vec![counted(answer.tokens, "token")];
    if let Some(rate) = answer.tokens_per_second {
        parts.push(format!("{rate:.0} tokens/s"));
    }
    if let Some(first) = answer.seconds_to_first_token {
        parts.push(format!("first after {first:.2} s"));
    }
    parts.push(format!("seed {}", answer.sampling.seed));
    if answer.system_folded {
        parts.push("instruction within the question".to_owned());
    }
    parts.join(" · ")
}
