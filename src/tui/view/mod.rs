//! Draws the lab: from what it is to a frame, and back what was drawn where. Changes nothing.

mod answer;
pub(super) mod bars;
mod curve;
mod form;
mod judge;
pub(super) mod overlays;
pub(super) mod paint;
pub(super) mod passages;
mod planning;
mod study;
mod training;

use super::app::{App, Drawn, Over, Panel, Training};
use super::theme::Theme;
use crate::compare::Side;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};

/// The smallest window that is laid out; in a smaller one the lab says so.
pub const SMALLEST: (u16, u16) = (40, 12);
/// From this width on the answers stand beside each other.
const SIDE_BY_SIDE: u16 = 100;
/// From this width on the passages stand beside the answers.
const THREE_COLUMNS: u16 = 160;
/// From this height on the question has a border.
const ROOMY: u16 = 20;

/// Draws everything.
pub fn draw(app: &App, theme: Theme, frame: &mut Frame<'_>) -> Drawn {
    let area = frame.area();
    let mut drawn = Drawn::default();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        bars::too_small(area, frame.buffer_mut());
        return drawn;
    }
    let boxed = app.judging.is_none() && area.height >= ROOMY;
    let [head, question, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(if boxed { 3 } else { 1 }),
        Constraint::Min(0),
        Constraint::Length(2),
    ])
    .areas(area);
    bars::head(app, theme, head, frame.buffer_mut());
    bars::question(app, theme, question, boxed, frame);
    drawn.panels.push((Panel::Question, question));
    let body = match &app.judging {
        Some(judging) => {
            let [answers, ratings] =
                Layout::vertical([Constraint::Min(0), Constraint::Length(judge::height(body))]).areas(body);
            judge::draw(app, judging, theme, ratings, frame);
            answers
        }
        None => body,
    };
    for (panel, area) in panels(app, body) {
        match panel.side() {
            Some(side) => answer::draw(app, side, theme, area, frame.buffer_mut(), &mut drawn),
            None => passages::draw(app, theme, area, frame.buffer_mut(), &mut drawn),
        }
        drawn.panels.push((panel, area));
    }
    bars::foot(app, theme, foot, frame.buffer_mut());
    match &app.over {
        Over::None => {}
        Over::Help { scroll } => overlays::help(*scroll, theme, body, frame, &mut drawn),
        Over::Trials(list) => overlays::trials(app, list, theme, body, frame, &mut drawn),
        Over::Corpora(list) => overlays::choices(("Corpus", ""), list, theme, body, frame, &mut drawn),
        Over::Models { baseline, list } => {
            let title = match baseline {
                None => "Model A: the baseline".to_owned(),
                Some(chosen) => format!("Model B: the fine-tuned one, against {}", chosen.name),
            };
            let below = match app.training.as_ref().and_then(Training::sign) {
                Some(sign) if !sign.contains("f shows") => format!("{sign}: f shows it"),
                Some(sign) => sign,
                None => "f fine-tunes".to_owned(),
            };
            let (a, b) = app.pair_at_hand().unwrap_or((&app.pair.baseline, &app.pair.tuned));
            let remarks = app.remarks_on(a, b);
            let told = overlays::Remarks { baseline: &a.name, tuned: &b.name, remarks };
            let [above, below_it] =
                Layout::vertical([Constraint::Min(0), Constraint::Length(told.rows(body))]).areas(body);
            overlays::choices((&title, &below), list, theme, above, frame, &mut drawn);
            told.draw(theme, below_it, frame);
        }
        Over::Form => {
            if let Some(form) = &app.form {
                form::draw(form, theme, body, frame);
            }
        }
        Over::Training => {
            if let Some(training) = &app.training {
                training::draw(training, theme, body, frame);
            }
        }
        Over::Plan => {
            if let Some(form) = &app.plan {
                planning::draw(form, theme, body, frame);
            }
        }
        Over::Study => {
            if let Some(study) = &app.study {
                study::draw(study, theme, body, frame);
            }
        }
        Over::Quit => overlays::quit(app, theme, body, frame),
    }
    drawn
}

/// Where the passages and the answers stand.
fn panels(app: &App, body: Rect) -> Vec<(Panel, Rect)> {
    let (a, b, passages) = (Panel::A, Panel::B, Panel::Passages);
    if app.zoomed && app.focus != Panel::Question {
        return vec![(app.focus, body)];
    }
    let halves = |area| Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas::<2>(area);
    if app.judging.is_some() && body.height < 18 {
        // Rating on a small screen: the answers are what is needed.
        if body.width >= SIDE_BY_SIDE {
            let [left, right] = halves(body);
            return vec![(a, left), (b, right)];
        }
        return stack(app, &[a, b], body);
    }
    if body.width >= THREE_COLUMNS {
        let [first, second, third] =
            Layout::horizontal([Constraint::Fill(4), Constraint::Fill(3), Constraint::Fill(3)]).areas(body);
        return vec![(passages, first), (a, second), (b, third)];
    }
    if body.width >= SIDE_BY_SIDE {
        let [above, below] = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(body);
        let [left, right] = halves(below);
        return vec![(passages, above), (a, left), (b, right)];
    }
    stack(app, &[passages, a, b], body)
}

/// Above each other; the one with the focus gets what the others can spare. Before the first question that is the
/// passages' panel, where the corpus is introduced.
fn stack(app: &App, panels: &[Panel], body: Rect) -> Vec<(Panel, Rect)> {
    let rows = panels.iter().map(|panel| {
        let most = if app.open.is_none() { Panel::Passages } else { app.focus };
        Constraint::Fill(if *panel == most { 2 } else { 1 })
    });
    panels.iter().copied().zip(Layout::vertical(rows).split(body).iter().copied()).collect()
}

/// The letter of a side with what it answers as.
fn title_of(app: &App, side: Side) -> String {
    let name = match &app.open {
        Some(open) => open.pane(side).contender.clone(),
        None => app.pair.of(side).name.clone(),
    };
    format!("{} · {name}", side.letter())
}
