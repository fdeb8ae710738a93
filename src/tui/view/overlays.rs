//! What lies over the panels: help, lists, the question whether to quit.

use super::paint::{self, Painted};
use crate::fault::Fault;
use crate::study::Summary;
use crate::tui::app::{App, Choice, Drawn, List, Panel};
use crate::tui::keys;
use crate::tui::table::Help;
use crate::tui::theme::Theme;
use crate::tui::wrap::{columns, fit};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget};

/// Columns of a list to choose from, and of what is said of the choice.
const CHOICES: u16 = 120;

pub(in crate::tui) fn window(
    title: &str,
    right: &str,
    theme: Theme,
    area: Rect,
    frame: &mut Frame<'_>,
) -> Rect {
    opened(&paint::Frame { title, right, below: "", focused: true }, theme, area, frame)
}

/// An empty window; gives back what is inside.
pub(super) fn opened(about: &paint::Frame<'_>, theme: Theme, area: Rect, frame: &mut Frame<'_>) -> Rect {
    Clear.render(area, frame.buffer_mut());
    paint::frame(about, theme, area, frame.buffer_mut())
}

/// A window of at most this many columns, in the middle.
pub(in crate::tui) fn middle(area: Rect, most: u16) -> Rect {
    let width = area.width.min(most);
    Rect { x: area.x + (area.width - width) / 2, width, ..area }
}

pub(super) fn help(scroll: usize, theme: Theme, area: Rect, frame: &mut Frame<'_>, drawn: &mut Drawn) {
    let area = middle(area, 100);
    let inside = window("Keys", "Esc closes", theme, area, frame);
    let lines = help_lines(keys::help(), theme, usize::from(inside.width));
    let furthest = paint::furthest(lines.len(), inside.height);
    paint::lines(&lines, scroll.min(furthest), theme, inside, frame.buffer_mut());
    drawn.help_furthest = furthest;
    drawn.page.insert(Panel::Passages, usize::from(inside.height));
}

/// A table of keys, with its contexts as headings.
pub(in crate::tui) fn help_lines(help: Help, theme: Theme, width: usize) -> Vec<Painted> {
    let mut lines = Vec::new();
    for (context, bindings) in help {
        if !lines.is_empty() {
            lines.push(Painted::default());
        }
        lines.push(Painted::text(context, theme.heading(false), width));
        for (keys, help) in bindings {
            let rows = crate::tui::wrap::wrap(help, width.saturating_sub(18));
            for (n, row) in rows.iter().enumerate() {
                let keys = if n == 0 { fit(&keys, 16) } else { String::new() };
                let gutter = format!("  {keys}{}", " ".repeat(16 - columns(&keys)));
                lines.push(Painted::row((&gutter, theme.key()), row, |_| Style::new()));
            }
        }
    }
    lines
}

pub(super) fn trials(
    app: &App,
    list: &List<Summary>,
    theme: Theme,
    area: Rect,
    frame: &mut Frame<'_>,
    drawn: &mut Drawn,
) {
    let title = format!("Earlier trials · {}", app.corpus.manifest.title);
    let count = if list.loaded { format!("{}", list.entries.len()) } else { String::new() };
    let inside = window(&title, &count, theme, area, frame);
    let width = usize::from(inside.width);
    let zone = jiff::tz::TimeZone::system();
    let lines: Vec<Painted> = list
        .entries
        .iter()
        .enumerate()
        .map(|(n, trial)| {
            let style = if n == list.at { theme.cursor() } else { Style::new() };
            let at = trial.asked_at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
            let rated = match app.judged.get(&trial.id) {
                Some(judgment) if judgment.is_complete() => "rated",
                Some(_) => "partly",
                None => "–",
            };
            let models = trial.answers.iter().map(|a| a.contender.as_str()).collect::<Vec<_>>().join(" vs ");
            let question = width.saturating_sub(16 + 2 + 8 + 2 + columns(&models)).max(width / 3);
            let text = fit(&trial.question, question);
            let padding = " ".repeat(question.saturating_sub(columns(&text)));
            Painted::text(&format!("{at}  {rated:<8}{text}{padding}  {models}"), style, width)
        })
        .collect();
    let empty = match list.loaded {
        true => "No trials on this corpus yet. Esc goes back; a question makes the first.",
        false => "Reading.",
    };
    let scroll = list
        .at
        .saturating_sub(usize::from(inside.height) / 2)
        .min(paint::furthest(lines.len(), inside.height));
    if lines.is_empty() {
        let lines = super::passages::wrapped(empty, theme.quiet(), width);
        paint::lines(&lines, 0, theme, inside, frame.buffer_mut());
    } else {
        paint::lines(&lines, scroll, theme, inside, frame.buffer_mut());
    }
    drawn.page.insert(Panel::Passages, usize::from(inside.height));
}

/// A list to choose from; `title` is what stands above and what below.
pub(super) fn choices(
    title: (&str, &str),
    list: &List<Choice>,
    theme: Theme,
    area: Rect,
    frame: &mut Frame<'_>,
    drawn: &mut Drawn,
) {
    let area = middle(area, CHOICES);
    let about = paint::Frame { title: title.0, right: "", below: title.1, focused: true };
    let inside = opened(&about, theme, area, frame);
    let width = usize::from(inside.width);
    let mut lines = Vec::new();
    let mut selected_row = 0;
    for (n, choice) in list.entries.iter().enumerate() {
        let selected = n == list.at;
        if selected {
            selected_row = lines.len();
        }
        let mark = if selected { "▸ " } else { "  " };
        lines.push(Painted::text(&format!("{mark}{}", choice.name), theme.heading(selected), width));
        for row in crate::tui::wrap::wrap(&choice.about, width.saturating_sub(4)) {
            lines.push(Painted::row(("    ", Style::new()), &row, |_| theme.quiet()));
        }
    }
    let furthest = paint::furthest(lines.len(), inside.height);
    let scroll = selected_row.saturating_sub(usize::from(inside.height) / 3).min(furthest);
    paint::lines(&lines, scroll, theme, inside, frame.buffer_mut());
    drawn.page.insert(Panel::Passages, usize::from(inside.height) / 2);
}

/// What should be known of two models before they are compared.
pub(super) struct Remarks<'a> {
    pub baseline: &'a str,
    pub tuned: &'a str,
    pub remarks: &'a [Fault],
}

impl Remarks<'_> {
    fn lines(&self, theme: Theme, width: usize) -> Vec<Painted> {
        let mut lines = Vec::new();
        for remark in self.remarks {
            let text = format!("{}. {}", remark.found, remark.next);
            for (n, row) in crate::tui::wrap::wrap(&text, width.saturating_sub(2)).iter().enumerate() {
                let mark = if n == 0 { "• " } else { "  " };
                lines.push(Painted::row((mark, theme.key()), row, |_| Style::new()));
            }
        }
        lines
    }

    /// Rows of the window in a place of this size: none where there is nothing to know, at most half.
    pub(super) fn rows(&self, area: Rect) -> u16 {
        let width = usize::from(middle(area, CHOICES).width.saturating_sub(2));
        match self.lines(Theme::new(false), width).len() {
            0 => 0,
            rows => u16::try_from(rows + 2).unwrap_or(u16::MAX).min(area.height / 2),
        }
    }

    pub(super) fn draw(&self, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
        if area.height < 3 {
            return;
        }
        let area = middle(area, CHOICES);
        let title = format!("What else tells {} from {}", self.tuned, self.baseline);
        let about = paint::Frame { title: &title, right: "", below: "", focused: false };
        let inside = opened(&about, theme, area, frame);
        let width = usize::from(inside.width);
        let mut lines = self.lines(theme, width);
        let room = usize::from(inside.height);
        if lines.len() > room {
            lines.truncate(room.saturating_sub(1));
            let all = format!("… juxta model check {} --with {} says all.", self.tuned, self.baseline);
            lines.push(Painted::text(&all, theme.quiet(), width));
        }
        paint::lines(&lines, 0, theme, inside, frame.buffer_mut());
    }
}

pub(super) fn quit(app: &App, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let area = middle(area, 76);
    let area = Rect { height: area.height.min(9), ..area };
    let inside = window("Not everything is saved", "", theme, area, frame);
    let width = usize::from(inside.width);
    let count = match app.unkept.len() {
        1 => "One judgment is".to_owned(),
        n => format!("{n} judgments are"),
    };
    let why = app.keep_fault.as_ref().map_or_else(|| "It is being written.".to_owned(), ToString::to_string);
    let mut lines = super::passages::wrapped(&format!("{count} not on the disk. {why}"), Style::new(), width);
    lines.push(Painted::default());
    let keys = "y quits anyway and prints what is not saved; n stays and keeps trying.";
    lines.extend(super::passages::wrapped(keys, theme.key(), width));
    paint::lines(&lines, 0, theme, inside, frame.buffer_mut());
}
