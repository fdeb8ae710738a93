//! Charts in the terminal: intervals as bars on one axis, shares as parts of a bar. Marks differ by their shape, so
//! that nothing is lost without colour.

use crate::report::page::{Chart, Marked, ticks};
use crate::report::text::squeezed;
use crate::report::words::number;
use crate::text::one_line;
use crate::tui::theme::Theme;
use crate::tui::view::paint::Painted;
use crate::tui::wrap::columns;
use ratatui::style::Style;

/// The narrowest bars that still say something.
const NARROWEST: usize = 16;
/// The widest that are still taken in at a glance.
const WIDEST: usize = 72;
/// The parts of a bar of shares, in order.
const PARTS: [&str; 4] = ["█", "░", "╳", "▒"];

/// A chart in lines of at most `width` columns; none where that is too narrow.
pub(super) fn lines(chart: &Chart, theme: Theme, width: usize) -> Vec<Painted> {
    match chart {
        Chart::Intervals { rows, axis, about, guides, .. } => {
            intervals(rows, *axis, *about, guides, &chart.key(), theme, width)
        }
        Chart::Shares { parts, rows, .. } => shares(parts, rows, theme, width),
    }
}

/// Cells of a line, put together as far as they look the same.
fn push(line: &mut Painted, cells: &[(char, Style)]) {
    for run in cells.chunk_by(|a, b| a.1 == b.1) {
        let text: String = run.iter().map(|(c, _)| *c).collect();
        line.push(&text, run[0].1);
    }
}

fn padded(text: &str, width: usize) -> String {
    let text = squeezed(&one_line(text), width);
    let gap = width.saturating_sub(columns(&text));
    text + &" ".repeat(gap)
}

fn intervals(
    rows: &[Marked],
    (low, high): (f64, f64),
    about: Option<f64>,
    guides: &[f64],
    key: &str,
    theme: Theme,
    width: usize,
) -> Vec<Painted> {
    let values: Vec<String> = rows.iter().map(|row| row.written.figure(&row.figure)).collect();
    let value = values.iter().map(|v| columns(v)).max().unwrap_or(0);
    let label = rows.iter().map(|row| columns(&one_line(&row.label))).max().unwrap_or(0).min(width / 4);
    let bar = width.saturating_sub(label + value + 6).min(WIDEST);
    if bar < NARROWEST {
        return Vec::new();
    }
    let column = |value: f64| {
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        (share * (bar - 1) as f64).round() as usize
    };
    let mut lines = Vec::new();
    for (at, (row, value)) in rows.iter().zip(&values).enumerate() {
        if !row.group.is_empty() && (at == 0 || rows[at - 1].group != row.group) {
            lines.push(Painted::text(&one_line(&row.group), theme.key(), width));
        }
        let mut cells = vec![(' ', Style::new()); bar];
        for guide in guides {
            cells[column(*guide)] = ('┊', theme.quiet());
        }
        if let Some(about) = about {
            cells[column(about)] = ('│', theme.quiet());
        }
        mark(&mut cells, row, about, theme, column);
        let mut line = Painted::default();
        line.push(&format!("  {}  ", padded(&row.label, label)), Style::new());
        push(&mut line, &cells);
        line.push(&format!("  {value}"), Style::new());
        lines.push(line);
    }
    let mut axis = vec![' '; bar + 8];
    for tick in ticks(low, high) {
        let text: Vec<char> = number(tick, usize::from(tick.fract() != 0.0)).chars().collect();
        let start = (column(tick) + 4).saturating_sub(text.len() / 2).min(axis.len() - text.len());
        // Numbers that would touch are left out.
        let free =
            axis[start.saturating_sub(1)..(start + text.len() + 1).min(axis.len())].iter().all(|c| *c == ' ');
        if free {
            axis[start..start + text.len()].copy_from_slice(&text);
        }
    }
    let axis: String = axis.into_iter().collect();
    lines.push(Painted::text(&format!("{}{}", " ".repeat(label), axis.trim_end()), theme.quiet(), width));
    if !key.is_empty() {
        lines.extend(
            crate::report::text::wrap(key, width, 0).iter().map(|l| Painted::text(l, theme.quiet(), width)),
        );
    }
    lines
}

/// Puts a value with its interval on the axis.
fn mark(
    cells: &mut [(char, Style)],
    row: &Marked,
    about: Option<f64>,
    theme: Theme,
    column: impl Fn(f64) -> usize,
) {
    let Some(value) = row.figure.value() else { return };
    let interval = row.figure.interval();
    let (sign, style) = match (about, interval) {
        (Some(about), Some(i)) if i.low > about => ('▲', theme.good()),
        (Some(about), Some(i)) if i.high < about => ('▼', theme.fault()),
        (Some(_), _) => ('○', Style::new()),
        (None, _) => ('●', theme.curve()),
    };
    if let Some(i) = interval {
        let (from, to) = (column(i.low), column(i.high));
        cells[from..=to].fill(('─', style));
        (cells[from], cells[to]) = (('├', style), ('┤', style));
    }
    cells[column(value)] = (sign, style);
}

fn shares(parts: &[String], rows: &[(String, Vec<f64>)], theme: Theme, width: usize) -> Vec<Painted> {
    let styles = [theme.good(), theme.quiet(), Style::new(), theme.fault()];
    let look = |at: usize| (PARTS[at.min(3)], styles[at.min(3)]);
    let label = rows.iter().map(|(l, _)| columns(&one_line(l))).max().unwrap_or(0).min(width / 4);
    let told = |shares: &[f64]| -> String {
        shares.iter().map(|s| number(100.0 * s, 0)).collect::<Vec<_>>().join(" · ") + " %"
    };
    let value = rows.iter().map(|(_, s)| columns(&told(s))).max().unwrap_or(0);
    let bar = width.saturating_sub(label + value + 6).min(WIDEST);
    if bar < NARROWEST {
        return Vec::new();
    }
    let mut legend = Painted::default();
    legend.push(&" ".repeat(label + 4), Style::new());
    for (at, part) in parts.iter().enumerate() {
        let (sign, style) = look(at);
        legend.push(sign, style);
        legend.push(&format!(" {part}   "), Style::new());
    }
    let mut lines = vec![legend];
    for (name, shares) in rows {
        let mut line = Painted::default();
        line.push(&format!("  {}  ", padded(name, label)), Style::new());
        let (mut sum, mut filled) = (0.0, 0);
        for (at, share) in shares.iter().enumerate() {
            sum += share;
            let end = ((sum * bar as f64).round() as usize).clamp(filled, bar);
            let (sign, style) = look(at);
            line.push(&sign.repeat(end - filled), style);
            filled = end;
        }
        line.push(&format!("{}  {}", " ".repeat(bar - filled), told(shares)), Style::new());
        lines.push(line);
    }
    lines
}
