//! The training: how far it is, its loss curve, what came of it and what can be done next.

use super::curve::{self, Curve};
use super::overlays::opened;
use super::paint::{self, Painted};
use super::passages::{bar, wrapped};
use crate::lab::Tuned;
use crate::text::{counted, grouped};
use crate::tui::app::{Phase, Training};
use crate::tui::theme::Theme;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// The fewest rows a curve is drawn in.
const LEAST: u16 = 4;

pub(super) fn draw(training: &Training, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let (width, height) = (usize::from(area.width.saturating_sub(2)), area.height.saturating_sub(2));
    let above = above(training, theme, width);
    let after = after(training, theme, width);
    // What is said comes first: the curve has what is left.
    let rows = |lines: &[Painted]| u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let said = rows(&above).saturating_add(rows(&after));
    let is_drawn = !training.losses.is_empty() && height >= said.saturating_add(LEAST);
    let title = format!("Fine-tuning · {}", training.name());
    let went_on = if training.went_on.is_empty() { "" } else { "  ┊ went on" };
    let legend = format!("loss, nats a token:  · each step  ⠤⠒⠉ smoothed{went_on}");
    let below = if is_drawn { &legend } else { "" };
    let about = paint::Frame { title: &title, right: state(training), below, focused: true };
    let inside = opened(&about, theme, area, frame);
    let buffer = frame.buffer_mut();
    if !is_drawn {
        // Where not everything has room, what went wrong is worth more than how far it was.
        let is_fault_first = matches!(training.phase, Phase::Failed(_)) && said > height;
        let (first, then) = if is_fault_first { (after, above) } else { (above, after) };
        let lines: Vec<Painted> = first.into_iter().chain(then).collect();
        paint::lines(&lines, 0, theme, inside, buffer);
        return;
    }
    let [top, middle, bottom] = ratatui::layout::Layout::vertical([
        ratatui::layout::Constraint::Length(rows(&above)),
        ratatui::layout::Constraint::Min(0),
        ratatui::layout::Constraint::Length(rows(&after)),
    ])
    .areas(inside);
    paint::lines(&above, 0, theme, top, buffer);
    let curve = Curve { losses: &training.losses, steps: training.steps, marks: &training.went_on };
    curve::draw(&curve, theme, middle, buffer);
    paint::lines(&after, 0, theme, bottom, buffer);
}

fn state(training: &Training) -> &'static str {
    match training.phase {
        Phase::Preparing(_) => "preparing",
        Phase::HeldOut(..) => "measuring",
        Phase::Steps => "training",
        Phase::Stopping => "stopping",
        Phase::Stopped => "stopped",
        Phase::Failed(_) => "failed",
        Phase::Made => "done",
    }
}

/// How far it is, in figures.
fn above(training: &Training, theme: Theme, width: usize) -> Vec<Painted> {
    let mut lines = Vec::new();
    let mut text = format!(
        "{:>3} %  step {} of {}",
        training.percent(),
        grouped(training.losses.len() as u64),
        grouped(training.steps as u64)
    );
    if training.tunings.len() > 1 {
        let examples = training.tuning().map_or(0, |t| t.examples);
        text += &format!(
            " · {}, {} of {}",
            counted(examples, "example"),
            training.at + 1,
            training.tunings.len()
        );
    }
    let length = width.saturating_sub(crate::tui::wrap::columns(&text) + 1).min(40);
    let mut line = Painted::default();
    if length >= 8 {
        line.push(&bar((training.share() * 1000.0) as u64, 1000, length), Style::new());
        line.push(" ", Style::new());
    }
    line.push(&crate::tui::wrap::fit(&text, width), theme.key());
    lines.push(line);
    let mut figures = Vec::new();
    if let (Some(last), Some(smoothed)) = (training.losses.last(), curve::smoothed(&training.losses).last()) {
        figures.push(format!("loss {last:.3}, smoothed {smoothed:.3}"));
    }
    if let Some(pace) = training.pace.filter(|_| training.is_active()) {
        figures.push(format!("rate {:.1e}", pace.rate));
        figures.push(format!("{} tokens/s", grouped(pace.tokens_per_second as u64)));
        figures.push(match training.seconds_left() {
            Some(all) => format!("{} left, {} for all", time(pace.seconds_left), time(all)),
            None => format!("{} left", time(pace.seconds_left)),
        });
    }
    match &training.phase {
        Phase::Preparing(None) => figures.push("getting ready".into()),
        Phase::Preparing(Some(p)) if p.total > 0 => {
            figures.push(format!("{}: {} of {}", p.doing, grouped(p.done), grouped(p.total)));
        }
        Phase::Preparing(Some(p)) => figures.push(p.doing.clone()),
        Phase::HeldOut(done, total) => {
            figures.push(format!("measuring on held-out questions: {done} of {total}"));
        }
        _ => {}
    }
    if !figures.is_empty() {
        lines.extend(wrapped(&figures.join(" · "), Style::new(), width));
    }
    if let (Some(before), true) = (training.held_out, training.phase != Phase::Made) {
        lines.push(Painted::text(&format!("held-out loss before: {before:.3}"), theme.quiet(), width));
    }
    lines
}

/// What came of it, and what can be done next.
fn after(training: &Training, theme: Theme, width: usize) -> Vec<Painted> {
    let mut lines = Vec::new();
    let mut made = training.made.iter().map(came_of).collect::<Vec<_>>();
    match &training.phase {
        Phase::Made => {}
        Phase::Stopped => lines.extend(wrapped(
            &format!("Stopped after {} of {}.", training.losses.len(), counted(training.steps, "step")),
            theme.key(),
            width,
        )),
        Phase::Failed(fault) => lines.extend(wrapped(&fault.to_string(), theme.fault(), width)),
        // While it runs the curve is worth more than what is listed among the models.
        _ => made.clear(),
    }
    for line in &made {
        lines.extend(wrapped(line, theme.good(), width));
    }
    let next = match &training.phase {
        Phase::Made => "Enter puts it to work: the base against it. It is among the models (m).",
        Phase::Stopped => {
            "What was learnt is kept: g goes on from there, also after the lab was closed (f, Enter)."
        }
        Phase::Failed(_) => {
            "g tries again from the state that was kept last; f changes the settings (another seed makes another model)."
        }
        Phase::Stopping => "Stopping as soon as the batch at hand is done.",
        _ => "Esc goes back to asking while it goes on. x stops it; what was learnt is kept.",
    };
    lines.extend(wrapped(next, theme.quiet(), width));
    lines
}

fn came_of(made: &Tuned) -> String {
    let mut text = format!("{} is made from {}", made.name, counted(made.outcome.examples, "example"));
    if let Some(h) = made.outcome.held_out {
        text += &format!(
            "; held-out loss {:.3} before, {:.3} after ({})",
            h.before,
            h.after,
            counted(h.pairs, "question")
        );
    }
    if !made.outcome.skipped.is_empty() {
        text += &format!("; {} left out as too long", made.outcome.skipped.len());
    }
    text + "."
}

/// Seconds as a person reads them.
pub(super) fn time(seconds: f64) -> String {
    let seconds = seconds.round().max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{}:{:02} h", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_for_people() {
        assert_eq!([0.4, 59.6, 130.0, 7260.0].map(time), ["0 s", "1:00 min", "2:10 min", "2:01 h"]);
        assert_eq!(time(f64::NAN), "0 s");
    }
}
