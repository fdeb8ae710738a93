//! Draws the review: from what it is to a frame, and back what was drawn where. Changes nothing.

mod bars;
mod overlays;
mod panels;
mod sheet;

use super::entry::Cell;
use super::sitting::{Loaded, Shown, Sitting};
use super::state::{Drawn, Over, Panel, Reviewing};
use crate::compare::Side;
use crate::tui::theme::Theme;
use crate::tui::view::{SMALLEST, bars as common};
use crate::tui::wrap::wrap;
use panels::{Content, Style as Framing};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};

/// From this width on the answers stand beside each other.
const SIDE_BY_SIDE: u16 = 100;
/// From this width on the passages stand beside the answers.
const THREE_COLUMNS: u16 = 160;
/// From this height on panels have a whole border; below it only a line above, since every row is needed.
const ROOMY: u16 = 30;
/// From this height of what lies between question and ratings on, passages stand below the answers.
const PASSAGES_BELOW: u16 = 14;

/// Draws everything.
pub fn draw(app: &Reviewing, theme: Theme, frame: &mut Frame<'_>) -> Drawn {
    let area = frame.area();
    let mut drawn = Drawn::default();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        common::too_small(area, frame.buffer_mut());
        return drawn;
    }
    let [head, middle, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(2)]).areas(area);
    bars::head(app, theme, head, frame.buffer_mut());
    match &app.sitting {
        Some(sitting) => item(app, sitting, theme, middle, frame, &mut drawn),
        None => overlays::end(app, theme, middle, frame),
    }
    bars::foot(app, theme, foot, frame.buffer_mut());
    match &app.over {
        Over::None => {}
        Over::Help(scroll) => overlays::help(app, *scroll, theme, middle, frame, &mut drawn),
        Over::List(filter, at) => overlays::list(app, *filter, *at, theme, middle, frame, &mut drawn),
        Over::Quit => overlays::quit(app, theme, middle, frame),
    }
    drawn
}

fn item(
    app: &Reviewing,
    sitting: &Sitting,
    theme: Theme,
    area: Rect,
    frame: &mut Frame<'_>,
    drawn: &mut Drawn,
) {
    let framing = Framing { boxed: frame.area().height >= ROOMY };
    let asked = sitting.shown_item().map_or("", |s| s.item.question.as_str());
    let label = bars::label(sitting);
    let width = usize::from(area.width).saturating_sub(label.len());
    let rows = u16::try_from(wrap(asked, width).len()).unwrap_or(u16::MAX);
    // A question longer than that is written out above the passages.
    let asked_rows = rows.min((frame.area().height / 8).max(1));
    let sheet_rows = sheet::height(app, sitting, framing, Rect { height: area.height - asked_rows, ..area });
    let [question, body, sheet] = Layout::vertical([
        Constraint::Length(asked_rows),
        Constraint::Min(0),
        Constraint::Length(sheet_rows),
    ])
    .areas(area);
    bars::question(&label, asked, theme, question, frame.buffer_mut());
    match &sitting.item {
        Loaded::There(shown) => {
            let spilled = (rows > asked_rows).then_some(asked);
            panels(app, sitting, shown, spilled, framing, theme, body, frame, drawn);
        }
        Loaded::Awaited => panels::told("", "Reading the item.", framing, theme, body, frame.buffer_mut()),
        Loaded::Failed(fault) => {
            panels::told(
                "This item cannot be shown",
                &fault.to_string(),
                framing,
                theme,
                body,
                frame.buffer_mut(),
            );
        }
    }
    sheet::draw(app, sitting, framing, theme, sheet, frame);
}

#[allow(clippy::too_many_arguments)] // All of it is what a panel is made from.
fn panels(
    app: &Reviewing,
    sitting: &Sitting,
    shown: &Shown,
    spilled: Option<&str>,
    framing: Framing,
    theme: Theme,
    body: Rect,
    frame: &mut Frame<'_>,
    drawn: &mut Drawn,
) {
    let third = if app.reference { Panel::Reference } else { Panel::Passages };
    let make = |panel: Panel, area: Rect| {
        let width = framing.inside(area).width;
        match panel.side() {
            Some(side) => panels::answer(app, sitting, shown, side, theme, width),
            None if panel == Panel::Reference => panels::reference(shown, theme, width),
            None => panels::passages(app, sitting, shown, spilled, theme, width),
        }
    };
    let halves = |area| Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas::<2>(area);
    let (least, over) = (3 + framing.rows(), framing.rows());
    let rows =
        |content: &Content| u16::try_from(content.lines.len()).unwrap_or(u16::MAX).saturating_add(over);
    let mut placed: Vec<(Panel, Rect, Content)> = Vec::new();
    if app.zoomed {
        placed.push((app.focus, body, make(app.focus, body)));
    } else if body.width >= THREE_COLUMNS {
        let columns = Layout::horizontal([Constraint::Fill(4), Constraint::Fill(3), Constraint::Fill(3)]);
        for (panel, area) in [third, Panel::A, Panel::B].into_iter().zip(columns.areas::<3>(body)) {
            placed.push((panel, area, make(panel, area)));
        }
    } else if body.width >= SIDE_BY_SIDE {
        let [left, right] = halves(body);
        let (a, b, below) = (make(Panel::A, left), make(Panel::B, right), make(third, body));
        let on_passages = app.focus == third;
        let given = if body.height >= PASSAGES_BELOW {
            share(body.height, &[rows(&a).max(rows(&b)), rows(&below)], least, Some(on_passages.into()))
        } else if on_passages {
            vec![0, body.height]
        } else {
            vec![body.height, 0]
        };
        let [above, beneath] =
            Layout::vertical([Constraint::Length(given[0]), Constraint::Length(given[1])]).areas(body);
        let [left, right] = halves(above);
        placed.extend([(Panel::A, left, a), (Panel::B, right, b), (third, beneath, below)]);
        placed.retain(|(_, area, _)| area.height > 0);
    } else {
        let (a, b) = (make(Panel::A, body), make(Panel::B, body));
        let mut stacked = vec![(Panel::A, a), (Panel::B, b)];
        // The passages where there is room for some of them; on a small screen by their key.
        let room =
            body.height.saturating_sub(stacked.iter().map(|(_, c)| rows(c)).fold(0, u16::saturating_add));
        if room >= least {
            stacked.push((third, make(third, body)));
        } else if app.focus == third {
            stacked = vec![(third, make(third, body))];
        }
        let wanted: Vec<u16> = stacked.iter().map(|(_, c)| rows(c)).collect();
        // At the verdict both answers are looked at.
        let favoured = match sitting.cell {
            Cell::Verdict if app.focus.side().is_some() => None,
            _ => stacked.iter().position(|(panel, _)| *panel == app.focus),
        };
        let given = share(body.height, &wanted, least, favoured);
        let areas = Layout::vertical(given.into_iter().map(Constraint::Length)).split(body);
        placed.extend(areas.iter().zip(stacked).map(|(area, (panel, content))| (panel, *area, content)));
    }
    for (panel, area, content) in placed {
        panels::draw(app, panel, &content, framing, theme, area, frame.buffer_mut(), drawn);
        drawn.panels.push((panel, area));
    }
}

/// Divides rows among panels that want some: what they want where there is enough for all, the last one getting
/// what is left over; else at least `least`, then the favoured one first, then the others in turn.
fn share(total: u16, wanted: &[u16], least: u16, favoured: Option<usize>) -> Vec<u16> {
    let sum: u32 = wanted.iter().map(|w| u32::from(*w)).sum();
    let mut given: Vec<u16> = wanted.iter().map(|w| (*w).min(least)).collect();
    let mut left = total.saturating_sub(given.iter().sum());
    if let Some((want, has)) = favoured.and_then(|f| Some((*wanted.get(f)?, given.get_mut(f)?))) {
        let more = want.saturating_sub(*has).min(left);
        *has += more;
        left -= more;
    }
    while left > 0 && u32::from(total - left) < sum {
        for (want, has) in wanted.iter().zip(given.iter_mut()) {
            if has < &mut want.clone() && left > 0 {
                *has += 1;
                left -= 1;
            }
        }
    }
    if let Some(last) = given.last_mut() {
        *last += left;
    }
    given
}

/// "A" or "B" with what it is.
fn name(side: Side) -> &'static str {
    match side {
        Side::A => "Answer A",
        Side::B => "Answer B",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn who_is_favoured_gets_what_it_wants_first() {
        assert_eq!(share(20, &[5, 6], 3, None), [5, 15]);
        assert_eq!(share(12, &[9, 20], 3, Some(0)), [9, 3]);
        assert_eq!(share(12, &[9, 20], 3, Some(1)), [3, 9]);
        assert_eq!(share(12, &[9, 20], 3, None), [6, 6]);
        assert_eq!(share(2, &[9, 20], 3, None), [3, 3], "the layout cuts what does not fit");
    }

    proptest! {
        #[test]
        fn rows_are_neither_lost_nor_made(total in 6u16..80, wanted in proptest::collection::vec(1u16..60, 1..3), favoured in 0usize..3) {
            let given = share(total, &wanted, 3, Some(favoured));
            prop_assert_eq!(given.iter().sum::<u16>(), total);
        }
    }
}
