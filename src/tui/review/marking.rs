//! Evidence: a sentence of an answer, what is wrong with it, and what the passages say to it.

use super::sitting::{Bytes, Shown};
use super::state::{Mode, Panel, Reviewing, Span};
use crate::compare::Side;
use crate::study::{Evidence, PassageSpan};

impl Span {
    /// The places it reaches over, first and last.
    pub fn places(&self) -> (usize, usize) {
        (self.anchor.min(self.head), self.anchor.max(self.head))
    }
}

/// What is chosen of the passages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// The passage, from 0.
    pub passage: usize,
    /// The bytes of it.
    pub range: Bytes,
}

impl Chosen {
    /// What a span reaches over; `None` where there is no passage.
    pub fn of(span: &Span, shown: &Shown) -> Option<Self> {
        let (first, last) = span.places();
        let (passage, (start, _)) = *shown.places.get(first)?;
        let (_, (_, end)) = *shown.places.get(last)?;
        Some(Self { passage, range: (start, end) })
    }
}

impl Reviewing {
    fn shown(&self) -> Option<&Shown> {
        self.sitting.as_ref().and_then(|s| s.shown_item())
    }

    fn sentences(&self, side: Side) -> usize {
        self.shown().map_or(0, |shown| shown.sentences[side.index()].len())
    }

    /// Begins with the first sentence of the answer being rated, or of the other if it has none.
    pub(super) fn mark(&mut self) {
        let Some(side) = self.sitting.as_ref().map(|s| self.focus.side().unwrap_or(s.side())) else { return };
        match [side, side.other()].into_iter().find(|side| self.sentences(*side) > 0) {
            Some(side) => self.choose_sentence(side, 0),
            None => self.notice = Some("Both answers are empty: there is no sentence to mark.".into()),
        }
    }

    fn choose_sentence(&mut self, side: Side, sentence: usize) {
        self.mode = Mode::Sentence(side, sentence);
        self.focus = Panel::of(side);
    }

    pub(super) fn go_sentence(&mut self, by: isize) {
        if let Mode::Sentence(side, at) = self.mode {
            let most = self.sentences(side).saturating_sub(1);
            self.mode = Mode::Sentence(side, at.saturating_add_signed(by).min(most));
        }
    }

    /// To the other answer, for tags and for sentences.
    pub(super) fn other_answer(&mut self) {
        match self.mode {
            Mode::Tags(side) => {
                self.mode = Mode::Tags(side.other());
                self.focus = Panel::of(side.other());
            }
            Mode::Sentence(side, _) if self.sentences(side.other()) > 0 => {
                self.choose_sentence(side.other(), 0);
            }
            _ => {}
        }
    }

    /// What is wrong with the sentence was said: now what the passages say to it.
    pub(super) fn mark_tag(&mut self, n: u8) {
        let Mode::Sentence(side, sentence) = self.mode else { return };
        let Some(tag) = self.rubric.tags.get(usize::from(n) - 1).cloned() else { return };
        if self.shown().is_none_or(|shown| shown.places.is_empty()) {
            self.add_mark(side, sentence, tag, None);
            self.notice = Some("Marked. There is no passage to tie it to.".into());
            return;
        }
        self.mode = Mode::Span(Span { side, sentence, tag, anchor: 0, head: 0 });
        // The passages are what is needed now, wherever the reference stood.
        self.reference = false;
        self.focus = Panel::Passages;
    }

    /// Moves over the places of the passages; `extend` keeps the one it started from, within the passage.
    pub(super) fn go_place(&mut self, by: isize, extend: bool) {
        let Some(shown) = self.sitting.as_ref().and_then(|s| s.shown_item()) else { return };
        let Mode::Span(span) = &mut self.mode else { return };
        let head = span.head.saturating_add_signed(by).min(shown.places.len().saturating_sub(1));
        let passage = |at: usize| shown.places.get(at).map(|(passage, _)| *passage);
        if !extend {
            (span.anchor, span.head) = (head, head);
        } else if passage(head) == passage(span.anchor) {
            span.head = head;
        }
    }

    pub(super) fn go_passage(&mut self, by: isize) {
        let Some(shown) = self.sitting.as_ref().and_then(|s| s.shown_item()) else { return };
        let Mode::Span(span) = &mut self.mode else { return };
        let Some((here, _)) = shown.places.get(span.head) else { return };
        let to = here.saturating_add_signed(by);
        if let Some(first) = shown.places.iter().position(|(passage, _)| *passage == to) {
            (span.anchor, span.head) = (first, first);
        }
    }

    /// Ties the sentence to what is chosen, or says that nothing supports it.
    pub(super) fn tie(&mut self, to_passage: bool) {
        let Mode::Span(span) = &self.mode else { return };
        let span = span.clone();
        let chosen = self.shown().and_then(|shown| Chosen::of(&span, shown)).filter(|_| to_passage);
        let support = chosen.map(|c| PassageSpan { passage: c.passage + 1, range: c.range });
        self.notice = Some(match support {
            Some(s) => format!("Marked as {}, tied to passage {}.", span.tag, s.passage),
            None => format!("Marked as {}, without support.", span.tag),
        });
        self.add_mark(span.side, span.sentence, span.tag, support);
    }

    fn add_mark(&mut self, side: Side, sentence: usize, tag: String, support: Option<PassageSpan>) {
        let range = self.shown().and_then(|s| s.sentences[side.index()].get(sentence)).copied();
        if let (Some(sitting), Some(range)) = (&mut self.sitting, range) {
            sitting.change(|entry| entry.mark(Evidence { side, range, tag, support }));
        }
        self.choose_sentence(side, sentence);
    }

    pub(super) fn leave_span(&mut self) {
        if let Mode::Span(span) = &self.mode {
            self.choose_sentence(span.side, span.sentence);
        }
    }

    pub(super) fn unmark(&mut self) {
        let Mode::Sentence(side, sentence) = self.mode else { return };
        let range = self.shown().and_then(|s| s.sentences[side.index()].get(sentence)).copied();
        if let (Some(sitting), Some(range)) = (&mut self.sitting, range) {
            let removed = sitting.change(|entry| entry.unmark(side, range));
            let said = if removed { "The mark is removed." } else { "Nothing is marked in this sentence." };
            self.notice = Some(said.into());
        }
    }

    /// Scrolling follows the sentence again after a change was taken back.
    pub(super) fn keep_marking_in_range(&mut self) {
        match self.mode {
            Mode::Sentence(side, at) => self.choose_sentence(side, at),
            Mode::Tags(side) => self.focus = Panel::of(side),
            _ => {}
        }
    }
}
