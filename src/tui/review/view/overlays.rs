//! What lies over an item: help, the list of items, the question whether to quit; and what comes after the last one.

use crate::tui::review::keys;
use crate::tui::review::progress::{rough, word};
use crate::tui::review::state::{Drawn, Filter, Reviewing};
use crate::tui::theme::Theme;
use crate::tui::view::overlays::{help_lines, middle, window};
use crate::tui::view::paint::{self, Painted};
use crate::tui::view::passages::wrapped;
use crate::tui::wrap::{columns, fit, wrap};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::time::Duration;

/// Every key, and below them the whole rubric.
pub(super) fn help(
    app: &Reviewing,
    scroll: usize,
    theme: Theme,
    area: Rect,
    frame: &mut Frame<'_>,
    drawn: &mut Drawn,
) {
    let area = middle(area, 100);
    let inside = window("Keys and rubric", "Esc closes", theme, area, frame);
    let width = usize::from(inside.width);
    let mut lines = help_lines(keys::help(), theme, width);
    for criterion in &app.rubric.criteria {
        lines.push(Painted::default());
        lines.push(Painted::text(&criterion.name, theme.heading(false), width));
        for (n, anchor) in criterion.anchors.iter().enumerate() {
            for (m, row) in wrap(anchor, width.saturating_sub(6)).iter().enumerate() {
                let number = if m == 0 { format!("  {}   ", n + 1) } else { "      ".to_owned() };
                lines.push(Painted::row((&number, theme.key()), row, |_| Style::new()));
            }
        }
    }
    let furthest = paint::furthest(lines.len(), inside.height);
    paint::lines(&lines, scroll.min(furthest), theme, inside, frame.buffer_mut());
    drawn.help_furthest = furthest;
    drawn.over_page = usize::from(inside.height);
}

/// The items, with how each stands.
pub(super) fn list(
    app: &Reviewing,
    filter: Filter,
    at: usize,
    theme: Theme,
    area: Rect,
    frame: &mut Frame<'_>,
    drawn: &mut Drawn,
) {
    let inside = window("Items", &app.progress().words(), theme, area, frame);
    let width = usize::from(inside.width);
    let mut filters = Painted::default();
    let all = [
        (Filter::All, "a", "all"),
        (Filter::Open, "o", "open"),
        (Filter::Done, "d", "done"),
        (Filter::Skipped, "s", "skipped"),
        (Filter::Flagged, "f", "flagged"),
    ];
    for (which, key, name) in all {
        filters.push(&format!("{key} "), theme.key());
        let text = format!(" {name} {} ", app.listed(which).len());
        filters.push(&text, if which == filter { theme.cursor() } else { Style::new() });
        filters.push(" ", Style::new());
    }
    paint::lines(&[filters], 0, theme, Rect { height: 1, ..inside }, frame.buffer_mut());
    let below = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    let listed = app.listed(filter);
    drawn.over_page = usize::from(below.height);
    if listed.is_empty() {
        let lines = wrapped("There is none. a lists all, Esc goes back.", theme.quiet(), width);
        paint::lines(&lines, 0, theme, below, frame.buffer_mut());
        return;
    }
    let digits = app.places.len().to_string().len();
    let scroll =
        at.saturating_sub(usize::from(below.height) / 2).min(paint::furthest(listed.len(), below.height));
    // Only what is seen is made: there may be thousands.
    let mut lines: Vec<Painted> = listed.iter().map(|_| Painted::default()).collect();
    for (n, place) in listed.iter().enumerate().skip(scroll).take(below.height.into()) {
        let style = if n == at { theme.cursor() } else { Style::new() };
        let flag = if app.places[*place].is_flagged() { "flagged" } else { "" };
        let state = word(app.standing(*place));
        let asked = app.asked.get(&app.places[*place].slot.item).map_or("", String::as_str);
        let text = format!("{:>digits$}  {state:<8}{flag:<8} {asked}", place + 1);
        let text = fit(&text, width);
        let padding = " ".repeat(width.saturating_sub(columns(&text)));
        lines[n].push(&format!("{text}{padding}"), style);
    }
    paint::lines(&lines, scroll, theme, below, frame.buffer_mut());
}

/// What comes after the last item: what was done, and what to do with it.
pub(super) fn end(app: &Reviewing, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let area = middle(area, 100);
    let progress = app.progress();
    let all = progress.done == progress.total;
    let title = if all { "Done" } else { "Nearly done" };
    let inside = window(title, "", theme, area, frame);
    let width = usize::from(inside.width);
    let mut lines = Vec::new();
    let first = match (progress.total, all) {
        (0, _) => "There is no item for you in this study.".to_owned(),
        (1, true) => "Your item is rated and on the disk.".to_owned(),
        (n, true) => format!("All your {n} items are rated and on the disk. Thank you."),
        (_, false) => "Everything is rated but what you put off.".to_owned(),
    };
    lines.extend(wrapped(&first, theme.heading(false), width));
    lines.push(Painted::default());
    let seconds = |s: f64| Duration::try_from_secs_f64(s).unwrap_or_default();
    let mut figures = vec![("rated", format!("{} of {}", progress.done, progress.total))];
    if let Some(median) = progress.median {
        figures.push(("time, without being away", rough(seconds(progress.seconds))));
        figures.push(("median time of an item", format!("{median:.0} s")));
    }
    figures.push(("put off", progress.skipped.to_string()));
    figures.push(("flagged", progress.flagged.to_string()));
    for (what, figure) in figures {
        let mut line = Painted::default();
        line.push(&format!("  {what:<32}"), theme.quiet());
        line.push(&figure, theme.key());
        lines.push(line);
    }
    lines.push(Painted::default());
    if all {
        let text = if app.is_copy {
            "What to do next: send this folder back to whoever gave it to you. Your judgments are in it."
        } else {
            "What to do next: tell whoever planned the study that you are done. Your judgments are in its folder."
        };
        lines.extend(wrapped(text, Style::new(), width));
        lines.extend(wrapped(&app.folder, theme.heading(false), width));
    } else {
        lines.extend(wrapped(
            "What to do next: Enter goes to the first item you put off.",
            Style::new(),
            width,
        ));
    }
    lines.push(Painted::default());
    let keys = if progress.flagged > 0 {
        "l lists the items (then f: those you flagged), u goes back to the last one, q quits."
    } else {
        "l lists the items, u goes back to the last one, q quits."
    };
    lines.extend(wrapped(keys, theme.quiet(), width));
    paint::lines(&lines, 0, theme, inside, frame.buffer_mut());
}

/// Whether to quit although the disk would not take what is on the screen.
pub(super) fn quit(app: &Reviewing, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let area = middle(area, 76);
    let area = Rect { height: area.height.min(9), ..area };
    let inside = window("Not everything is saved", "", theme, area, frame);
    let width = usize::from(inside.width);
    let why = app.keep_fault.as_ref().map_or_else(|| "It is being written.".to_owned(), ToString::to_string);
    let mut lines = wrapped(&format!("One judgment is not on the disk. {why}"), Style::new(), width);
    lines.push(Painted::default());
    let keys = "y quits anyway and prints what is not saved; n stays and keeps trying.";
    lines.extend(wrapped(keys, theme.key(), width));
    paint::lines(&lines, 0, theme, inside, frame.buffer_mut());
}
