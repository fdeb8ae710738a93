//! Painting rows of styled text, and the frame around them.

use crate::tui::theme::Theme;
use crate::tui::wrap::{Row, columns, fit};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Widget};

/// A line of a panel, ready to be painted.
#[derive(Debug, Default)]
pub(in crate::tui) struct Painted {
    /// Pieces from left to right, printable, with their columns.
    pub pieces: Vec<(String, usize, Style)>,
}

impl Painted {
    pub fn text(text: &str, style: Style, width: usize) -> Self {
        let shown = fit(text, width);
        let width = columns(&shown);
        Self { pieces: vec![(shown, width, style)] }
    }

    pub fn push(&mut self, text: &str, style: Style) {
        self.pieces.push((text.to_owned(), columns(text), style));
    }

    /// A row of wrapped text behind a gutter; `style_of` gives the style of a byte of the text.
    pub fn row(gutter: (&str, Style), row: &Row<'_>, style_of: impl Fn(usize) -> Style) -> Self {
        let mut line = Self::default();
        line.push(gutter.0, gutter.1);
        for cluster in &row.clusters {
            let style = style_of(cluster.range.start);
            match line.pieces.last_mut() {
                Some((text, width, last)) if *last == style && line_has_text(text) => {
                    text.push_str(&cluster.symbol);
                    *width += cluster.width;
                }
                _ => line.pieces.push((cluster.symbol.clone().into_owned(), cluster.width, style)),
            }
        }
        line
    }

    pub fn paint(&self, x: u16, y: u16, right: u16, buffer: &mut Buffer) {
        let mut x = x;
        for (text, width, style) in &self.pieces {
            if x >= right {
                break;
            }
            buffer.set_stringn(x, y, text, usize::from(right - x), *style);
            x = x.saturating_add(u16::try_from(*width).unwrap_or(u16::MAX));
        }
    }
}

fn line_has_text(text: &str) -> bool {
    !text.is_empty()
}

/// What a panel says of itself on its border.
pub(in crate::tui) struct Frame<'a> {
    pub title: &'a str,
    pub right: &'a str,
    pub below: &'a str,
    pub focused: bool,
}

/// Paints a border with its titles; gives back what is inside. A thick border marks the focus without colour.
pub(in crate::tui) fn frame(frame: &Frame<'_>, theme: Theme, area: Rect, buffer: &mut Buffer) -> Rect {
    let width = usize::from(area.width.saturating_sub(4));
    // What is happening is worth more than the whole of a long name.
    let right = fit(frame.right, width.saturating_sub(12));
    let title =
        fit(frame.title, width.saturating_sub(if right.is_empty() { 0 } else { columns(&right) + 3 }));
    let mut block = Block::bordered()
        .border_type(if frame.focused { BorderType::Thick } else { BorderType::Plain })
        .border_style(theme.border(frame.focused))
        .title(Line::styled(format!(" {title} "), theme.title(frame.focused)));
    if !right.is_empty() {
        block = block.title(Line::styled(format!(" {right} "), Style::new()).right_aligned());
    }
    if !frame.below.is_empty() && area.height > 3 {
        block = block.title_bottom(
            Line::styled(format!(" {} ", fit(frame.below, width)), theme.quiet()).right_aligned(),
        );
    }
    let inside = block.inner(area);
    block.render(area, buffer);
    inside
}

/// Paints lines from the `scroll`th on, and a mark where there is more above or below.
pub(in crate::tui) fn lines(
    lines: &[Painted],
    scroll: usize,
    theme: Theme,
    inside: Rect,
    buffer: &mut Buffer,
) {
    for (line, y) in lines.iter().skip(scroll).zip(inside.top()..inside.bottom()) {
        line.paint(inside.x, y, inside.right(), buffer);
    }
    let height = usize::from(inside.height);
    // The marks stand on the border, where no text is.
    if scroll > 0 {
        buffer.set_string(inside.right(), inside.top(), "▲", theme.key());
    }
    if scroll + height < lines.len() && height > 0 {
        buffer.set_string(inside.right(), inside.bottom() - 1, "▼", theme.key());
    }
}

/// How far lines can be scrolled in a height.
pub(in crate::tui) fn furthest(lines: usize, height: u16) -> usize {
    lines.saturating_sub(usize::from(height))
}
