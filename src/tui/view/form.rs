//! The form that fine-tuning is started from, and what forms look like.

use super::overlays::{middle, opened};
use super::paint::{self, Painted};
use super::passages::wrapped;
use crate::text::{counted, grouped};
use crate::tui::app::{Form, Line, Part, Sheet};
use crate::tui::theme::Theme;
use crate::tui::wrap::{columns, fit, wrap};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Columns of what a line is called, mark included.
pub(super) const TITLE: usize = 16;
/// Columns of a value, before what is said of it.
const VALUE: usize = 26;

pub(super) fn draw(form: &Form, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let right = if form.sheet.waiting { "counting the training questions" } else { "Enter starts" };
    let about = paint::Frame { title: "Fine-tune", right, below: "← → or type", focused: true };
    let width = inside(area);
    let mut lines = Lines::default();
    for part in Part::ALL {
        lines.add(&form.sheet, *part, form.value(*part), &self::about(form, *part), theme, width);
    }
    lines.all.push(Painted::default());
    lines.all.extend(plan(form, theme, width));
    lines.draw(&about, theme, area, frame);
}

/// The window of a form.
fn window(area: Rect) -> Rect {
    middle(area, 120)
}

/// How many columns a form has for its lines.
pub(super) fn inside(area: Rect) -> usize {
    usize::from(window(area).width.saturating_sub(2))
}

/// A form's lines, on their way to the screen.
#[derive(Default)]
pub(super) struct Lines {
    pub all: Vec<Painted>,
    /// Which of them the next key goes to.
    at: usize,
}

impl Lines {
    /// Adds a line, and below it what will not do.
    pub fn add<L: Line>(
        &mut self,
        sheet: &Sheet<L>,
        line: L,
        value: &str,
        about: &str,
        theme: Theme,
        width: usize,
    ) {
        let here = line == sheet.at;
        if here {
            self.at = self.all.len();
        }
        let mut painted = Painted::default();
        let mark = if here { "▸ " } else { "  " };
        painted.push(
            &format!("{mark}{:<1$}", line.title(), TITLE - 2),
            if here { theme.key() } else { Style::new() },
        );
        // The value itself is marked where a letter takes its place, else the place behind it.
        let whole = here && (sheet.selected || !line.is_typed());
        let room = width.saturating_sub(TITLE + 1);
        // Where it is typed at its end, the end is what has to be seen.
        let value = if here && line.is_typed() { tail(value, room) } else { fit(value, room) };
        painted.push(&value, if whole { theme.cursor() } else { Style::new() });
        painted.push(" ", if here && !whole { theme.cursor() } else { Style::new() });
        let used = columns(&value) + 1;
        painted.push(&" ".repeat(VALUE.saturating_sub(used)), Style::new());
        let room = width.saturating_sub(TITLE + used.max(VALUE) + 1);
        painted.push(" ", Style::new());
        painted.push(&fit(about, room), theme.quiet());
        self.all.push(painted);
        for (_, why) in sheet.wrong.iter().filter(|(wrong, _)| *wrong == line) {
            for row in wrap(why, width.saturating_sub(TITLE + 2)) {
                let gutter = format!("{}✗ ", " ".repeat(TITLE));
                self.all.push(Painted::row((&gutter, theme.fault()), &row, |_| theme.fault()));
            }
        }
    }

    /// Draws them into a window, with the line that the next key goes to within.
    pub fn draw(self, about: &paint::Frame<'_>, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
        let inside = opened(about, theme, window(area), frame);
        let furthest = paint::furthest(self.all.len(), inside.height);
        let scroll = self.at.saturating_sub(usize::from(inside.height) / 2).min(furthest);
        paint::lines(&self.all, scroll, theme, inside, frame.buffer_mut());
    }
}

/// The end of a text, of at most so many columns.
fn tail(text: &str, width: usize) -> String {
    let whole = fit(text, usize::MAX);
    if columns(&whole) <= width {
        return whole;
    }
    let mut from = whole.len();
    for (at, letter) in whole.char_indices().rev() {
        if columns(&whole[at..]) >= width {
            break;
        }
        // Marks stay with the letter that they belong to.
        if columns(letter.encode_utf8(&mut [0; 4])) > 0 {
            from = at;
        }
    }
    if width == 0 { String::new() } else { format!("…{}", &whole[from..]) }
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
    let one = |(name, steps): &(String, usize)| format!("{name} ({})", counted(*steps, "step"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_value_the_end_is_seen() {
        assert_eq!(tail("studies/mine", 12), "studies/mine");
        assert_eq!(tail("studies/mine", 6), "…/mine");
        assert_eq!(tail("東京の研究", 5), "…研究");
        assert_eq!(tail("any", 0), "");
    }
}
