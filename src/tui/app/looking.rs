//! Looking: focus, scrolling, passages, citations, highlights.

use super::{App, Effect, Index, Over, Panel};
use crate::compare::Side;
use crate::config::Layer;
use crate::retrieve::Ranking;
use crate::text::counted;
use crate::tui::keys::Context;

impl App {
    pub(super) fn go_panel(&mut self, by: isize) {
        let all = Panel::ALL;
        let at = all.iter().position(|p| *p == self.focus).unwrap_or(0);
        let next = at.checked_add_signed(by).unwrap_or(all.len() - 1) % all.len();
        self.focus = all[next];
        if self.focus == Panel::Question {
            self.zoomed = false;
        }
    }

    pub(super) fn page(&self, context: Context) -> usize {
        let panel = match context {
            Context::Passages | Context::Answer => self.focus,
            _ => Panel::Passages,
        };
        self.drawn.page.get(&panel).copied().unwrap_or(10).saturating_sub(1).max(1)
    }

    pub(super) fn scroll_by(&mut self, by: isize) {
        if let Over::Help { scroll } = &mut self.over {
            *scroll = scroll.saturating_add_signed(by).min(self.drawn.help_furthest);
            return;
        }
        self.scroll_panel(self.focus, by);
    }

    pub(super) fn scroll_panel(&mut self, panel: Panel, by: isize) {
        let furthest = self.drawn.furthest.get(&panel).copied().unwrap_or(0);
        let following = panel.side().is_some_and(|s| self.open.as_ref().is_some_and(|o| o.pane(s).follow));
        let scroll = self.scroll.entry(panel).or_insert(0);
        if following {
            *scroll = furthest;
        }
        *scroll = scroll.saturating_add_signed(by).min(furthest);
        if let (Some(side), Some(open)) = (panel.side(), &mut self.open) {
            // Scrolling up while an answer grows holds the view; scrolling to its end lets it follow again.
            open.pane_mut(side).follow = *scroll >= furthest && self.running;
        }
    }

    pub(super) fn select_passage(&mut self, by: isize) {
        let count = self.open.as_ref().and_then(|o| o.hits.as_ref()).map_or(0, Vec::len);
        self.passage = self.passage.saturating_add_signed(by).min(count.saturating_sub(1));
        self.scroll_to_passage();
    }

    pub(super) fn scroll_to_passage(&mut self) {
        let furthest = self.drawn.furthest.get(&Panel::Passages).copied().unwrap_or(0);
        let row = self.drawn.passage_rows.get(self.passage).copied().unwrap_or(0);
        self.scroll.insert(Panel::Passages, row.min(furthest));
    }

    /// From an answer to the passage it cites next, or from a passage to the answer that cites it.
    pub(super) fn follow(&mut self) {
        let Some(open) = &self.open else { return };
        if let Some(side) = self.focus.side() {
            let citations: Vec<_> = open.pane(side).support.citations.iter().filter(|c| c.exists).collect();
            if citations.is_empty() {
                self.notice = Some(format!("Answer {} cites no passage.", side.letter()));
                return;
            }
            let next = self.citation.get(&self.focus).map_or(0, |n| (n + 1) % citations.len());
            self.passage = citations[next].names - 1;
            self.citation.insert(self.focus, next);
            self.scroll_to_passage();
            let link = format!("{} cites [{}].", side.letter(), self.passage + 1);
            self.notice = Some(link);
            self.focus = Panel::Passages;
            return;
        }
        let number = self.passage + 1;
        let cites = |side: &Side| open.pane(*side).support.citations.iter().any(|c| c.names == number);
        let from = self.citation.get(&Panel::Passages).copied().unwrap_or(1);
        let order = if from == 0 { [Side::B, Side::A] } else { [Side::A, Side::B] };
        match order.into_iter().find(cites) {
            None => self.notice = Some(format!("No answer cites [{number}].")),
            Some(side) => {
                self.citation.insert(Panel::Passages, side.index());
                let panel = Panel::of(side);
                let at =
                    open.pane(side).support.citations.iter().position(|c| c.names == number).unwrap_or(0);
                let row =
                    self.drawn.citation_rows.get(&panel).and_then(|rows| rows.get(at)).copied().unwrap_or(0);
                let furthest = self.drawn.furthest.get(&panel).copied().unwrap_or(0);
                self.scroll.insert(panel, row.min(furthest));
                self.focus = panel;
            }
        }
    }

    pub(super) fn toggle(&mut self, layer: Layer) {
        if !self.layers.remove(&layer) {
            self.layers.insert(layer);
        }
        let name = match layer {
            Layer::Question => "words of the question",
            Layer::SupportA => "support for A",
            Layer::SupportB => "support for B",
        };
        let state = if self.shows(layer) { "shown" } else { "hidden" };
        self.notice = Some(format!("Highlights, {name}: {state}."));
    }

    pub(super) fn more_passages(&mut self, by: isize) {
        self.k = self.k.saturating_add_signed(by).clamp(1, 20);
        self.notice = Some(format!("The next question gets {}.", counted(self.k, "passage")));
    }

    /// Ranks passages the next way, from the next question on.
    pub(super) fn next_ranking(&mut self) -> Vec<Effect> {
        if matches!(self.index, Index::Growing(..)) {
            // It would have to grow from the first document again.
            self.notice =
                Some("The index is still growing: another ranking can be chosen when all is there.".into());
            return Vec::new();
        }
        let mut ranking = self.settings.retrieval.ranking.next();
        // Without an encoder it would only say that there is none.
        if ranking == Ranking::Dense && self.settings.retrieval.encoder.trim().is_empty() {
            ranking = ranking.next();
        }
        self.settings.retrieval.ranking = ranking;
        self.notice = Some(format!("The next question's passages are ranked: {ranking}."));
        self.index = Index::Opening(None);
        vec![Effect::Index(Box::new(self.corpus.clone()), ranking)]
    }

    /// Moves the selection of the list on the screen; false if there is none.
    pub(super) fn move_list(&mut self, by: isize) -> bool {
        match &mut self.over {
            Over::Trials(list) => list.go(by),
            Over::Corpora(list) | Over::Models { list, .. } => list.go(by),
            _ => return false,
        }
        true
    }
}
