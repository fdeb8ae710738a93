//! A loss curve in characters: a point for each step, and through them a smoothed line in Braille, two by four dots a
//! cell. Points and line differ in shape and weight, so that they are told apart without colour.

use crate::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// What is drawn.
pub(super) struct Curve<'a> {
    /// The loss of each step done.
    pub losses: &'a [f32],
    /// Steps in all: the width of the whole axis.
    pub steps: usize,
    /// Steps after which something is marked.
    pub marks: &'a [usize],
}

/// How much of the smoothed loss each step hands on to the next.
const KEPT: f32 = 0.9;
/// Rows between two labels of the loss, more or less.
const APART: usize = 3;

/// The exponential moving average of the losses, freed of its pull to zero at the start, as Adam frees its moments
/// (Kingma & Ba 2015, section 3).
pub(super) fn smoothed(losses: &[f32]) -> Vec<f32> {
    let (mut mean, mut weight) = (0.0, 0.0);
    losses
        .iter()
        .map(|loss| {
            mean = KEPT * mean + (1.0 - KEPT) * loss;
            weight = KEPT * weight + (1.0 - KEPT);
            mean / weight
        })
        .collect()
}

/// What the loss axis spans, and how far its labels are apart.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    low: f64,
    high: f64,
    tick: f64,
}

impl Scale {
    /// Holds every value, with about `ticks` labels, two at least, at multiples of 1, 2 or 5 times a power of ten.
    fn of(values: impl Iterator<Item = f32>, ticks: usize) -> Option<Self> {
        let finite = values.filter(|v| v.is_finite()).map(f64::from);
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            return None;
        }
        // A single value, or one repeated, stands in the middle.
        let margin = if high - low < 1e-6 * high.abs().max(1.0) { 0.05 * high.abs().max(1.0) } else { 0.0 };
        let (low, high) = (low - margin, high + margin);
        let mut scale = Self { low, high, tick: 0.0 };
        let power = 10f64.powf(((high - low) / ticks.max(1) as f64).log10().ceil());
        // One below the other, until there are as many as there is room for.
        for tick in [1.0, 0.5, 0.2, 0.1, 0.05, 0.02].map(|m| m * power) {
            scale.tick = tick;
            if scale.ticks().count() >= ticks.max(2) {
                break;
            }
        }
        Some(scale)
    }

    /// From 0 at the top to `dots - 1` at the bottom.
    fn dot(&self, value: f64, dots: usize) -> usize {
        let share = ((self.high - value) / (self.high - self.low)).clamp(0.0, 1.0);
        (share * (dots.saturating_sub(1)) as f64).round() as usize
    }

    /// The labels, from the lowest.
    fn ticks(&self) -> impl Iterator<Item = f64> + '_ {
        let first = (self.low / self.tick - 1e-9).ceil();
        let count = ((self.high / self.tick + 1e-9).floor() - first).max(-1.0) as i64;
        (0..=count).map(move |n| (first + n as f64) * self.tick)
    }

    fn label(&self, value: f64) -> String {
        let decimals = (-self.tick.log10().floor()).clamp(0.0, 6.0) as usize;
        format!("{value:.decimals$}")
    }
}

/// Draws the curve with both axes; nothing where there is no room for it.
pub(super) fn draw(curve: &Curve<'_>, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let rows = usize::from(area.height).saturating_sub(2);
    let Some(scale) = Scale::of(curve.losses.iter().copied(), (rows / APART).max(1)) else { return };
    let labels: Vec<(usize, String)> =
        scale.ticks().map(|t| (scale.dot(t, rows * 4) / 4, scale.label(t))).collect();
    let gutter = labels.iter().map(|(_, text)| text.len()).max().unwrap_or(0) + 1;
    let columns = usize::from(area.width).saturating_sub(gutter);
    if rows < 2 || columns < 8 {
        return;
    }
    let cells = plot(curve, scale, columns, rows);
    let at = |x: usize, y: usize| (area.x + (gutter + x) as u16, area.y + y as u16);
    for (y, row) in cells.iter().enumerate() {
        let label = labels.iter().find(|(at, _)| *at == y).map_or("", |(_, text)| text);
        buffer.set_string(area.x, area.y + y as u16, format!("{label:>0$}", gutter - 1), theme.quiet());
        let axis = if label.is_empty() { "│" } else { "┤" };
        buffer.set_string(area.x + gutter as u16 - 1, area.y + y as u16, axis, theme.quiet());
        for (x, cell) in row.iter().enumerate() {
            let (symbol, style) = match cell {
                Cell::Empty => continue,
                Cell::Mark => ('┊', theme.quiet()),
                Cell::Point => ('·', theme.quiet()),
                Cell::Line(dots) => (char::from_u32(0x2800 + u32::from(*dots)).unwrap_or('⠤'), theme.curve()),
            };
            let (x, y) = at(x, y);
            buffer.set_string(x, y, symbol.to_string(), style);
        }
    }
    let foot = area.y + rows as u16;
    buffer.set_string(area.x + gutter as u16 - 1, foot, format!("└{}", "─".repeat(columns)), theme.quiet());
    let half = curve.steps.div_ceil(2);
    let last = curve.steps.to_string();
    let middle = half.to_string();
    let left = format!("step {}", 1.min(curve.steps));
    let spot = column(half, curve.steps, columns * 2) / 2;
    let (x, y) = at(0, rows + 1);
    buffer.set_string(x, y, &left, theme.quiet());
    if curve.steps > 3 && spot > left.len() + 1 && spot + middle.len() + last.len() < columns {
        buffer.set_string(x + spot as u16, y, &middle, theme.quiet());
    }
    if left.len() + last.len() < columns && curve.steps > 1 {
        buffer.set_string(x + (columns - last.len()) as u16, y, &last, theme.quiet());
    }
}

/// What one cell shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Empty,
    Mark,
    Point,
    /// Braille dots, as Unicode numbers them.
    Line(u8),
}

/// The column of dots of a step, from 1.
fn column(step: usize, steps: usize, dots: usize) -> usize {
    let share = step.saturating_sub(1) as f64 / steps.saturating_sub(1).max(1) as f64;
    ((share * (dots - 1) as f64).round() as usize).min(dots - 1)
}

fn plot(curve: &Curve<'_>, scale: Scale, columns: usize, rows: usize) -> Vec<Vec<Cell>> {
    let (wide, high) = (columns * 2, rows * 4);
    let steps = curve.steps.max(curve.losses.len());
    let mut cells = vec![vec![Cell::Empty; columns]; rows];
    for mark in curve.marks {
        let x = column(*mark, steps, wide) / 2;
        cells.iter_mut().for_each(|row| row[x] = Cell::Mark);
    }
    let spot = |n: usize, loss: f32| (column(n + 1, steps, wide), scale.dot(f64::from(loss), high));
    for (n, loss) in curve.losses.iter().enumerate().filter(|(_, loss)| loss.is_finite()) {
        let (x, y) = spot(n, *loss);
        cells[y / 4][x / 2] = Cell::Point;
    }
    let mut set = |x: usize, y: usize| {
        let dot = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]][y % 4][x % 2];
        let cell = &mut cells[y / 4][x / 2];
        *cell = match *cell {
            Cell::Line(dots) => Cell::Line(dots | dot),
            _ => Cell::Line(dot),
        };
    };
    let mut last: Option<(usize, usize)> = None;
    for (n, loss) in smoothed(curve.losses).into_iter().enumerate().filter(|(_, loss)| loss.is_finite()) {
        let to = spot(n, loss);
        let from = last.replace(to).unwrap_or(to);
        let length = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        let between = |a: usize, b: usize, i: usize| {
            (a as f64 + (b as f64 - a as f64) * i as f64 / length as f64).round() as usize
        };
        (0..=length).for_each(|i| set(between(from.0, to.0, i), between(from.1, to.1, i)));
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_smoothed_line_starts_at_the_first_loss_and_follows_a_change() {
        assert_eq!(smoothed(&[3.0]), [3.0]);
        let flat = smoothed(&[2.0; 5]);
        assert!(flat.iter().all(|v| (v - 2.0).abs() < 1e-6), "{flat:?}");
        let falls = smoothed(&[4.0, 2.0]);
        assert!((falls[1] - (0.9 * 0.1 * 4.0 + 0.1 * 2.0) / 0.19).abs() < 1e-6, "{falls:?}");
    }

    #[test]
    fn the_axis_holds_every_loss_and_has_round_labels() {
        let scale = Scale::of([2.31, 4.07].into_iter(), 4).expect("values");
        let labels: Vec<String> = scale.ticks().map(|t| scale.label(t)).collect();
        assert_eq!(labels, ["2.5", "3.0", "3.5", "4.0"]);
        assert!((0.0..=2.31).contains(&scale.low) && scale.high >= 4.07 && scale.high < 4.2);
        assert_eq!(Scale::of([f32::NAN].into_iter(), 4), None);
        assert!(Scale::of([1.0].into_iter(), 4).is_some_and(|s| s.low < 1.0 && s.high > 1.0));
    }

    #[test]
    fn a_falling_loss_is_a_line_from_the_upper_left_to_where_the_run_is() {
        let losses: Vec<f32> = (0..50).map(|n| 4.0 - 0.05 * n as f32).collect();
        let curve = Curve { losses: &losses, steps: 100, marks: &[] };
        let scale = Scale::of(losses.iter().copied(), 3).expect("values");
        let cells = plot(&curve, scale, 40, 8);
        let line = |x: usize| (0..8).find(|y| matches!(cells[*y][x], Cell::Line(_)));
        assert_eq!(line(0), Some(0));
        assert!((0..20).map(line).collect::<Vec<_>>().is_sorted());
        assert!(line(10) > line(0) && line(19) > line(10));
        assert!((21..40).all(|x| line(x).is_none()), "nothing stands where no step has been");
    }

    #[test]
    fn points_and_line_are_different_symbols_and_both_are_seen() {
        let losses: Vec<f32> = (0..40).map(|n| 3.0 + if n % 2 == 0 { 0.8 } else { -0.8 }).collect();
        let curve = Curve { losses: &losses, steps: 40, marks: &[20] };
        let cells: Vec<Cell> =
            plot(&curve, Scale::of(losses.iter().copied(), 3).expect("values"), 40, 8).concat();
        assert!(cells.contains(&Cell::Point) && cells.contains(&Cell::Mark));
        assert!(cells.iter().any(|c| matches!(c, Cell::Line(_))));
    }

    proptest! {
        #[test]
        fn any_losses_are_drawn_in_any_room(
            losses in proptest::collection::vec(prop_oneof![proptest::num::f32::ANY, 0f32..9.0], 0..80),
            steps in 0usize..90,
            mark in 0usize..200,
            (width, height) in (0u16..90, 0u16..30),
        ) {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 100, 40));
            let curve = Curve { losses: &losses, steps, marks: &[mark] };
            draw(&curve, Theme::new(true), Rect::new(3, 2, width, height), &mut buffer);
            for (n, cell) in buffer.content.iter().enumerate() {
                let (x, y) = buffer.pos_of(n);
                let inside = (3..3 + width).contains(&x) && (2..2 + height).contains(&y);
                prop_assert!(inside || cell.symbol() == " ", "{x},{y}: {}", cell.symbol());
            }
        }
    }
}
