//! The form that fine-tuning is started from.

use super::overlays::{middle, opened};
use super::paint::{self, Painted};
use super::passages::wrapped;
use super::training::grouped;
use crate::tui::app::{Form, Part};
use crate::tui::theme::Theme;
use crate::tui::wrap::{columns, fit};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Columns of what a line is called, mark included.
const TITLE: usize = 16;
/// Columns of a value, before what is said of it.
const VALUE: usize = 26;

pub(super) fn draw(form: &Form, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let area = middle(area, 120);
    let right = if form.waiting { "counting the training questions" } else { "Enter starts" };
    let about = paint::Frame { title: "Fine-tune", right, below: "← → or type", focused: true };
    let inside = opened(&about, theme, area, frame);
    let width = usize::from(inside.width);
    let mut lines = Vec::new();
    let mut at = 0;
    for part in Part::ALL {
        if part == form.at {
            at = lines.len();
        }
        lines.push(line(form, part, theme, width));
        for (_, why) in form.wrong.iter().filter(|(wrong, _)| *wrong == part) {
            for row in crate::tui::wrap::wrap(why, width.saturating_sub(TITLE + 2)) {
                let gutter = format!("{}✗ ", " ".repeat(TITLE));
                lines.push(Painted::row((&gutter, theme.fault()), &row, |_| theme.fault()));
            }
        }
    }
    lines.push(Painted::default());
    lines.extend(plan(form, theme, width));
    let scroll =
        at.saturating_sub(usize::from(inside.height) / 2).min(paint::furthest(lines.len(), inside.height));
    paint::lines(&lines, scroll, theme, inside, frame.buffer_mut());
}

fn line(form: &Form, part: Part, theme: Theme, width: usize) -> Painted {
    let here = part == form.at;
    let mut line = Painted::default();
    let mark = if here { "▸ " } else { "  " };
    line.push(
        &format!("{mark}{:<1$}", part.title(), TITLE - 2),
        if here { theme.key() } else { Style::new() },
    );
    let value = fit(form.value(part), width.saturating_sub(TITLE + 1));
    // The value itself is marked where a letter takes its place, else the place behind it.
    let whole = here && (form.selected || !part.is_typed());
    line.push(&value, if whole { theme.cursor() } else { Style::new() });
    line.push(" ", if here && !whole { theme.cursor() } else { Style::new() });
    let used = columns(&value) + 1;
    line.push(&" ".repeat(VALUE.saturating_sub(used)), Style::new());
    let room = width.saturating_sub(TITLE + used.max(VALUE) + 1);
    line.push(" ", Style::new());
    line.push(&fit(&about(form, part), room), theme.quiet());
    line
}

/// What is said of a line.
fn about(form: &Form, part: Part) -> String {
    let of = form.choice(part).filter(|(_, all)| *all > 1).map(|(n, all)| format!(" · {n} of {all}"));
    match part {
        Part::Base => format!("the model to start from{}", of.unwrap_or_default()),
        Part::Corpus => {
            let count = match form.questions() {
                None => "counting its training questions".to_owned(),
                Some(Ok(1)) => "1 training question".to_owned(),
                Some(Ok(n)) => format!("{} training questions", grouped(*n as u64)),
                Some(Err(_)) => "not readable".to_owned(),
            };
            format!("{count}{}", of.unwrap_or_default())
        }
        Part::Examples => "200, 500, 1000 or grid; any number".to_owned(),
        Part::Epochs => "how often each is seen".to_owned(),
        Part::Rate => "the highest, after the warm-up".to_owned(),
        Part::Rank => "of the adapter".to_owned(),
        Part::Seed => "decides first values and order".to_owned(),
    }
}

/// What will be made.
fn plan(form: &Form, theme: Theme, width: usize) -> Vec<Painted> {
    let plan = form.plan();
    let one = |(name, steps): &(String, usize)| format!("{name} ({} steps)", grouped(*steps as u64));
    match &plan[..] {
        [] => Vec::new(),
        [only] => wrapped(&format!("Makes {}.", one(only)), theme.quiet(), width),
        several => {
            let mut lines = wrapped(
                "Makes, one after the other, the smaller sets within the larger:",
                theme.quiet(),
                width,
            );
            for each in several {
                lines.push(Painted::text(&format!("  {}", one(each)), theme.quiet(), width));
            }
            lines
        }
    }
}
