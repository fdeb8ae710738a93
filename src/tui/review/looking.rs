//! Looking: focus, scrolling, passages, reference, highlights, and the list of items.

use super::state::{Effect, Filter, Over, Panel, Reviewing, Then};
use crate::config::Layer;
use crate::study::{Slot, Standing};
use std::collections::HashSet;

impl Reviewing {
    /// The panels in the order of Tab.
    fn panels(&self) -> [Panel; 3] {
        [Panel::A, Panel::B, if self.reference { Panel::Reference } else { Panel::Passages }]
    }

    pub(super) fn go_panel(&mut self, by: isize) {
        let all = self.panels();
        let at = all.iter().position(|p| *p == self.focus).unwrap_or(0);
        self.focus = all[at.checked_add_signed(by).unwrap_or(all.len() - 1) % all.len()];
    }

    pub(super) fn page(&self) -> isize {
        let rows = match self.over {
            Over::None => self.drawn.page.get(&self.focus).copied().unwrap_or(10),
            _ => self.drawn.over_page,
        };
        isize::try_from(rows.saturating_sub(1).max(1)).unwrap_or(1)
    }

    pub(super) fn scroll_by(&mut self, by: isize) {
        match &mut self.over {
            Over::Help(scroll) => *scroll = scroll.saturating_add_signed(by).min(self.drawn.help_furthest),
            Over::List(..) => self.go_list(by),
            Over::None | Over::Quit => self.scroll_panel(self.focus, by),
        }
    }

    pub(super) fn scroll_panel(&mut self, panel: Panel, by: isize) {
        let furthest = self.drawn.furthest.get(&panel).copied().unwrap_or(0);
        let scroll = self.scroll.entry(panel).or_insert(0);
        *scroll = scroll.saturating_add_signed(by).min(furthest);
    }

    fn answer(&self) -> Panel {
        self.sitting.as_ref().map_or(Panel::A, |s| Panel::of(s.side()))
    }

    pub(super) fn show_passages(&mut self) {
        if self.focus == Panel::Passages {
            self.focus = self.answer();
        } else {
            self.reference = false;
            self.focus = Panel::Passages;
        }
    }

    /// Shows the reference answer, which is recorded; or hides it.
    pub(super) fn show_reference(&mut self) {
        if self.reference {
            return self.back_to_answers();
        }
        let Some(sitting) = &mut self.sitting else { return };
        let has = sitting.shown_item().is_some_and(|shown| shown.item.reference.is_some());
        if !has {
            self.notice = Some("This item has no reference answer.".into());
            return;
        }
        sitting.reference_shown = true;
        self.reference = true;
        self.focus = Panel::Reference;
        self.notice = Some("The reference answer is shown; that is recorded with your ratings.".into());
    }

    pub(super) fn back_to_answers(&mut self) {
        self.zoomed = false;
        self.reference = false;
        self.focus = self.answer();
    }

    pub(super) fn toggle_layer(&mut self, layer: Layer) {
        if !self.layers.remove(&layer) {
            self.layers.insert(layer);
        }
        let name = match layer {
            Layer::Question => "words of the question",
            Layer::SupportA => "support for A",
            Layer::SupportB => "support for B",
        };
        let shown = self.shows(layer);
        if let Some(sitting) = self.sitting.as_mut().filter(|_| shown) {
            sitting.shown.insert(layer);
        }
        let state = if shown { "shown; that is recorded" } else { "hidden" };
        self.notice = Some(format!("Highlights, {name}: {state}."));
    }

    /// The list of items, on the one that is on the screen.
    pub(super) fn list(&mut self) -> Vec<Effect> {
        let here = self.sitting.as_ref().map_or(0, |s| s.place);
        self.over = Over::List(Filter::All, here);
        if self.asking {
            return Vec::new();
        }
        self.asking = true;
        // A second showing asks what the first one asks.
        let mut seen: HashSet<&String> = self.asked.keys().collect();
        let slots = self.places.iter().map(|p| &p.slot);
        let unknown: Vec<Slot> = slots.filter(|slot| seen.insert(&slot.item)).cloned().collect();
        if unknown.is_empty() { Vec::new() } else { vec![Effect::Questions(unknown)] }
    }

    pub(super) fn go_list(&mut self, by: isize) {
        if let Over::List(filter, at) = self.over {
            let most = self.listed(filter).len().saturating_sub(1);
            self.over = Over::List(filter, at.saturating_add_signed(by).min(most));
        }
    }

    /// Lists others; the selection stays on its item where that is listed.
    pub(super) fn filter(&mut self, filter: Filter) {
        if let Over::List(old, at) = self.over {
            let selected = self.listed(old).get(at).copied();
            let at = self.listed(filter).iter().position(|place| Some(*place) == selected).unwrap_or(0);
            self.over = Over::List(filter, at);
        }
    }

    /// Goes to the item selected in the list, or at the end to what was put off.
    pub(super) fn select(&mut self) -> Vec<Effect> {
        let place = match self.over {
            Over::List(filter, at) => self.listed(filter).get(at).copied(),
            _ => (0..self.places.len()).find(|n| self.standing(*n) == Standing::Skipped),
        };
        let Some(place) = place else {
            self.notice = Some("There is none.".into());
            return Vec::new();
        };
        self.over = Over::None;
        if self.sitting.as_ref().is_some_and(|s| s.place == place) {
            return Vec::new();
        }
        self.leave(Then::To(place))
    }
}
