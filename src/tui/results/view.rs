//! Draws the results: from what they are to a frame, and back how much there was to scroll. Changes nothing.

use super::chart;
use super::keys;
use super::state::{Content, Drawn, Results, Stage, Tab};
use crate::report::METHODS;
use crate::report::page::{Part, Section};
use crate::report::text::{self, Kind};
use crate::text::one_line;
use crate::tui::theme::Theme;
use crate::tui::view::SMALLEST;
use crate::tui::view::bars::{put_hints, too_small};
use crate::tui::view::overlays::{help_lines, middle, window};
use crate::tui::view::paint::{self, Painted};
use crate::tui::wrap::{columns, fit};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;

/// Text that a person reads is no wider than this.
const READABLE: usize = 100;

/// Draws everything.
pub(super) fn draw(app: &Results, theme: Theme, frame: &mut Frame<'_>) -> Drawn {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(area, frame.buffer_mut());
        return Drawn::default();
    }
    let [head, tabs, middle, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(2),
    ])
    .areas(area);
    self::head(app, theme, head, frame.buffer_mut());
    self::tabs(app, theme, tabs, frame.buffer_mut());
    let mut drawn = figures(app, theme, middle, frame);
    if let Some(scroll) = app.help {
        drawn = help(scroll, theme, middle, frame);
    }
    self::foot(app, theme, foot, frame.buffer_mut());
    drawn
}

fn head(app: &Results, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let place = match &app.stage {
        Stage::There(content) if app.tab.part().is_some() => {
            let name = content.page.sections.get(app.scope).map_or("", |s| s.title.as_str());
            match content.scopes {
                1 => one_line(name),
                n => format!("{} ({} of {n})", one_line(name), app.scope + 1),
            }
        }
        _ => String::new(),
    };
    let place = fit(&place, width / 2);
    let mut line = Painted::default();
    line.push(" juxta ", theme.brand());
    line.push(" ", Style::new());
    line.push(&fit(&one_line(&app.title), width.saturating_sub(columns(&place) + 11)), theme.key());
    line.paint(area.x, area.y, area.right(), buffer);
    let x = area.right().saturating_sub(u16::try_from(columns(&place) + 1).unwrap_or(area.width));
    buffer.set_string(x, area.y, place, theme.key());
}

/// The parts with their numbers; on a narrow screen the others by their numbers alone.
fn tabs(app: &Results, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let all = app.tabs();
    let titles: usize = all.iter().map(|t| t.title().len() + 2).sum();
    // With air, close together, or by numbers.
    let air = titles + 3 * all.len() <= usize::from(area.width);
    let close = titles + all.len() <= usize::from(area.width);
    let mut line = Painted::default();
    for (n, tab) in all.iter().enumerate() {
        let here = *tab == app.tab;
        let title = match (air, here || close) {
            (true, _) => format!(" {} {} ", n + 1, tab.title()),
            (false, true) if close => format!("{} {}", n + 1, tab.title()),
            (false, true) => format!(" {} {} ", n + 1, tab.title()),
            (false, false) => format!(" {} ", n + 1),
        };
        line.push(&title, if here { theme.heading(true) } else { theme.quiet() });
        line.push(" ", Style::new());
    }
    line.paint(area.x, area.y, area.right(), buffer);
}

fn figures(app: &Results, theme: Theme, area: Rect, frame: &mut Frame<'_>) -> Drawn {
    // A column at the right for the marks of scrolling, one line above for air.
    let inside = Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(3),
        height: area.height.saturating_sub(1),
    };
    let width = usize::from(inside.width);
    let lines = match &app.stage {
        Stage::Making => said("The figures are being made.", theme.quiet(), width),
        Stage::Failed(fault) => said(&fault.to_string(), theme.fault(), width),
        Stage::There(content) => content_lines(app, content, theme, width),
    };
    let furthest = paint::furthest(lines.len(), inside.height);
    paint::lines(&lines, app.scroll.min(furthest), theme, inside, frame.buffer_mut());
    Drawn { page: usize::from(inside.height), furthest }
}

fn content_lines(app: &Results, content: &Content, theme: Theme, width: usize) -> Vec<Painted> {
    let mut lines = Vec::new();
    match (app.tab, app.tab.part()) {
        (_, Some(part)) => {
            if let Some(section) = content.page.sections.get(app.scope) {
                lines.extend(section.said.iter().flat_map(|s| said(s, theme.quiet(), width)));
                lines.push(Painted::default());
                tables(&mut lines, section, part, theme, width);
            }
        }
        (Tab::Overview, None) => overview(&mut lines, content, theme, width),
        (Tab::Agreement, None) => people(&mut lines, content, Part::Agreement, theme, width),
        (Tab::Annotators, None) => people(&mut lines, content, Part::Annotators, theme, width),
        (_, None) => {
            lines.extend(said(&content.closing, Style::new(), width));
            for method in METHODS {
                lines.push(Painted::default());
                lines.extend(said(method.figure, theme.key(), width));
                lines.extend(said(method.how, Style::new(), width));
                lines.extend(said(method.source, theme.quiet(), width));
            }
        }
    }
    lines
}

fn overview(lines: &mut Vec<Painted>, content: &Content, theme: Theme, width: usize) {
    let page = &content.page;
    for text in std::iter::once(&page.seen).chain(&page.remarks) {
        lines.extend(said(text, theme.quiet(), width));
    }
    for section in content.sections(Part::Blind) {
        lines.push(Painted::default());
        lines.extend(section.said.iter().flat_map(|s| said(s, Style::new(), width)));
    }
    for found in &page.found {
        lines.push(Painted::default());
        lines.extend(said(found, Style::new(), width));
    }
    for problem in &content.problems {
        lines.push(Painted::default());
        lines.extend(said(&problem.to_string(), theme.fault(), width));
    }
}

fn people(lines: &mut Vec<Painted>, content: &Content, part: Part, theme: Theme, width: usize) {
    for section in content.sections(part) {
        for text in &section.said {
            lines.extend(said(text, Style::new(), width));
            lines.push(Painted::default());
        }
        tables(lines, section, part, theme, width);
    }
}

/// The tables of a part, each below its chart.
fn tables(lines: &mut Vec<Painted>, section: &Section, part: Part, theme: Theme, width: usize) {
    let before = lines.len();
    for table in section.tables.iter().filter(|t| t.part == part) {
        if let Some(chart) = &table.chart {
            lines.push(Painted::text(&one_line(chart.title()), theme.heading(false), width));
            let drawn = chart::lines(chart, theme, width);
            if drawn.is_empty() {
                lines.pop();
            } else {
                lines.extend(drawn);
                lines.push(Painted::default());
            }
        }
        for (kind, line) in text::table(table, width.min(READABLE)) {
            let style = match kind {
                Kind::Caption => theme.heading(false),
                Kind::Head | Kind::Note => theme.quiet(),
                Kind::Group => theme.key(),
                Kind::Row => Style::new(),
            };
            lines.push(Painted::text(&line, style, width));
        }
        if !table.methods.is_empty() {
            lines.extend(said(&format!("Method: {}.", table.methods.join("; ")), theme.quiet(), width));
        }
        lines.push(Painted::default());
    }
    if lines.len() == before && part == Part::Errors {
        lines.extend(said("No tag was given, and no sentence marked.", theme.quiet(), width));
    }
}

fn said(words: &str, style: Style, width: usize) -> Vec<Painted> {
    let rows = text::wrap(&one_line(words), width.min(READABLE), 0);
    rows.iter().map(|row| Painted::text(row, style, width)).collect()
}

fn help(scroll: usize, theme: Theme, area: Rect, frame: &mut Frame<'_>) -> Drawn {
    let inside = window("Keys", "Esc closes", theme, middle(area, 100), frame);
    let lines = help_lines(keys::help(), theme, usize::from(inside.width));
    let furthest = paint::furthest(lines.len(), inside.height);
    paint::lines(&lines, scroll.min(furthest), theme, inside, frame.buffer_mut());
    Drawn { page: usize::from(inside.height), furthest }
}

fn foot(app: &Results, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if let Stage::There(content) = &app.stage
        && let Some(problem) = content.problems.first()
    {
        buffer.set_string(
            area.x,
            area.y,
            fit(&one_line(&problem.to_string()), area.width.into()),
            theme.fault(),
        );
    }
    let corpora = app.scopes() > 1 && app.tab.part().is_some();
    let hints = keys::hints(app.context(), app.tabs().len(), corpora);
    put_hints(hints, theme, Rect { y: area.y + 1, height: 1, ..area }, buffer);
}
