//! Rating: from keys to records, and from one item to the next.

use super::entry::{Cell, Entry, cells};
use super::sitting::Sitting;
use super::state::{Effect, Mode, Over, Panel, Reviewing, Then};
use crate::study::{Review, Standing, Verdict};
use crate::tui::app::editor;

impl Reviewing {
    /// Rates the cell and goes on to the next.
    pub(super) fn rate(&mut self, degree: u8) {
        let rubric = &self.rubric;
        let Some(sitting) = &mut self.sitting else { return };
        let Cell::Score(side, n) = sitting.cell else {
            self.notice = Some("Everything is rated. Which answer is better: a, b, t or x?".into());
            return;
        };
        let Some(criterion) = rubric.criteria.get(n) else { return };
        let name = &criterion.name;
        if sitting.change(|entry| entry.rate(rubric, side, n, degree)) {
            let anchor = criterion.anchors.get(usize::from(degree) - 1).map_or("", String::as_str);
            self.notice = Some(format!("{} of {}: {degree}, {anchor}.", name, side.letter()));
            self.go_cell(1);
        } else {
            self.notice = Some(format!("{name} goes from 1 to {}.", criterion.highest()));
        }
    }

    /// Sets the verdict. When everything is there, the item goes to the disk and the next one comes.
    pub(super) fn decide(&mut self, verdict: Verdict) -> Vec<Effect> {
        let Some(sitting) = &mut self.sitting else { return Vec::new() };
        sitting.change(|entry| entry.verdict = Some(verdict));
        self.complete()
    }

    /// Takes the verdict that is marked or proposed, and saves.
    pub(super) fn confirm(&mut self) -> Vec<Effect> {
        let Some(sitting) = &mut self.sitting else { return Vec::new() };
        if sitting.cell == Cell::Verdict
            && sitting.entry.verdict.is_none()
            && let Some(proposed) = sitting.entry.proposal(&self.rubric)
        {
            sitting.change(|entry| entry.verdict = Some(proposed));
        }
        self.complete()
    }

    fn complete(&mut self) -> Vec<Effect> {
        let Some(sitting) = &mut self.sitting else { return Vec::new() };
        match sitting.entry.missing(&self.rubric) {
            None => {
                sitting.cell = Cell::Verdict;
                self.leave(Then::Next)
            }
            Some(cell) => {
                sitting.cell = cell;
                self.look_at_cell();
                self.notice = Some(match cell {
                    Cell::Score(side, n) => {
                        let name = self.rubric.criteria.get(n).map_or("", |c| c.name.as_str());
                        format!("Still to be rated: {name} of {}.", side.letter())
                    }
                    Cell::Verdict => "Still to be said: which answer is better? a, b, t or x.".into(),
                });
                Vec::new()
            }
        }
    }

    /// Goes on or back by a cell.
    pub(super) fn go_cell(&mut self, by: isize) {
        let Some(sitting) = &mut self.sitting else { return };
        let cells = cells(&self.rubric);
        let at = cells.iter().position(|c| *c == sitting.cell).unwrap_or(cells.len() - 1);
        sitting.cell = cells[at.saturating_add_signed(by).min(cells.len() - 1)];
        self.look_at_cell();
    }

    /// Scrolling goes to the answer that is being rated, unless the person is reading something else.
    fn look_at_cell(&mut self) {
        if let Some(sitting) = &self.sitting
            && self.focus.side().is_some()
        {
            self.focus = Panel::of(sitting.side());
        }
    }

    /// Takes the last change back; before the first one, goes back to the item before.
    pub(super) fn undo(&mut self) -> Vec<Effect> {
        let undone = self.sitting.as_mut().is_some_and(Sitting::undo);
        if undone {
            self.notice = Some("Taken back.".into());
            self.look_at_cell();
            self.keep_marking_in_range();
            return Vec::new();
        }
        if !matches!(self.mode, Mode::Rate) {
            self.notice = Some("There is nothing to take back.".into());
            return Vec::new();
        }
        self.go_back()
    }

    /// Erases the cell, or if it is empty the one before; before the first one, goes back to the item before.
    pub(super) fn erase(&mut self) -> Vec<Effect> {
        let rubric = &self.rubric;
        let Some(sitting) = &mut self.sitting else { return self.go_back() };
        let cell = sitting.cell;
        if sitting.change(|entry| entry.erase(rubric, cell)) {
            return Vec::new();
        }
        if Some(&cell) == cells(rubric).first() {
            return self.go_back();
        }
        self.go_cell(-1);
        if let Some(sitting) = &mut self.sitting {
            let before = sitting.cell;
            sitting.change(|entry| entry.erase(&self.rubric, before));
        }
        Vec::new()
    }

    fn go_back(&mut self) -> Vec<Effect> {
        let here = self.sitting.as_ref().map(|s| s.place);
        self.trail.retain(|place| Some(*place) != here);
        match self.trail.last() {
            Some(place) => self.leave(Then::BackTo(*place)),
            None => {
                self.notice = Some("There is no item before this one; l lists them all.".into());
                Vec::new()
            }
        }
    }

    /// Puts the item off, with what was entered.
    pub(super) fn skip(&mut self) -> Vec<Effect> {
        let Some(sitting) = &self.sitting else { return Vec::new() };
        match self.standing(sitting.place) {
            Standing::Done => {
                self.notice = Some("This item is done. Enter goes on to the next.".into());
                Vec::new()
            }
            Standing::Skipped if !sitting.is_changed() => self.go(Then::Next),
            _ => self.keep(true, Then::Next),
        }
    }

    pub(super) fn flag(&mut self) {
        let Some(sitting) = &mut self.sitting else { return };
        sitting.change(|entry| entry.flagged = !entry.flagged);
        let said = if sitting.entry.flagged { "Flagged, to be talked over." } else { "No longer flagged." };
        self.notice = Some(said.into());
    }

    pub(super) fn choose_tags(&mut self) {
        if let Some(sitting) = &self.sitting {
            self.mode = Mode::Tags(sitting.side());
            self.focus = Panel::of(sitting.side());
        }
    }

    pub(super) fn toggle_tag(&mut self, n: u8) {
        let Mode::Tags(side) = self.mode else { return };
        let tag = self.rubric.tags.get(usize::from(n) - 1);
        if let (Some(sitting), Some(tag)) = (&mut self.sitting, tag) {
            sitting.change(|entry| entry.toggle(side, tag));
        }
    }

    pub(super) fn write_note(&mut self) {
        if let Some(sitting) = &self.sitting {
            let editor = editor(&sitting.entry.note);
            self.mode = Mode::Note(Box::new(editor), Box::new(sitting.entry.clone()));
        }
    }

    /// The note goes into the entry with every key, so that the draft has it.
    pub(super) fn take_note(&mut self) {
        if let (Mode::Note(editor, _), Some(sitting)) = (&self.mode, &mut self.sitting) {
            editor.lines().join(" ").trim().clone_into(&mut sitting.entry.note);
        }
    }

    /// Typing a note is one change, however many keys it took.
    pub(super) fn note_done(&mut self) {
        let mode = std::mem::replace(&mut self.mode, Mode::Rate);
        if let (Mode::Note(_, before), Some(sitting)) = (mode, &mut self.sitting)
            && *before != sitting.entry
        {
            sitting.changes.push((*before, sitting.cell));
        }
    }

    /// Leaves the item: what was entered and is not on the disk yet goes there first, whole or not.
    pub(super) fn leave(&mut self, then: Then) -> Vec<Effect> {
        if self.sitting.as_ref().is_some_and(|s| s.is_changed() || self.was_put_off(s)) {
            self.keep(false, then)
        } else {
            self.go(then)
        }
    }

    /// A whole entry that its record calls skipped is not skipped any more.
    fn was_put_off(&self, sitting: &Sitting) -> bool {
        self.standing(sitting.place) == Standing::Skipped && sitting.entry.missing(&self.rubric).is_none()
    }

    fn keep(&mut self, skipped: bool, then: Then) -> Vec<Effect> {
        let Some(review) = self.record(skipped) else { return Vec::new() };
        self.saving = Some((Box::new(review.clone()), then));
        vec![Effect::Keep(Box::new(review))]
    }

    /// A record is on the disk: only now is it said to be saved, and the next item comes.
    pub(super) fn kept(&mut self, review: &Review) -> Vec<Effect> {
        let Some((_, then)) = self.saving.take_if(|(waiting, _)| **waiting == *review) else {
            return Vec::new();
        };
        let failed = self.keep_fault.take().is_some();
        let slot = review.slot();
        if let Some(place) = self.places.iter_mut().find(|p| p.slot == slot) {
            place.record = Some(review.clone());
        }
        if let Some(sitting) = &mut self.sitting {
            sitting.recorded = Some(Entry::of(review));
        }
        let number = self.sitting.as_ref().map_or(0, |s| s.place + 1);
        let what = match self.standing(number.saturating_sub(1)) {
            Standing::Skipped => "put off; it comes again at the end",
            Standing::Done => "saved",
            Standing::Open | Standing::Begun => "saved as far as it is",
        };
        let waited = self.over == Over::Quit;
        if waited {
            self.over = Over::None;
        }
        let mut effects = self.go(then);
        self.notice = Some(format!("Item {number}: {what}."));
        // Quitting only waited for the disk. After a failure a person has read about it, and decides.
        if waited && !failed {
            effects.extend(self.quit());
        }
        effects
    }

    /// Goes to another item; everything of this one is on the disk.
    pub(super) fn go(&mut self, then: Then) -> Vec<Effect> {
        let from = self.sitting.as_ref().map(|s| s.place);
        if let Some(from) = from
            && !matches!(then, Then::BackTo(_))
            && self.places.get(from).is_some_and(|p| p.record.is_some())
        {
            self.trail.retain(|place| *place != from);
            self.trail.push(from);
        }
        match then {
            Then::Next => self.go_next(from),
            Then::To(place) => self.open(place, None),
            Then::BackTo(place) => {
                self.trail.retain(|p| *p != place);
                let effects = self.open(place, None);
                self.notice = Some(format!("Back at item {}, to amend it; Enter goes on.", place + 1));
                effects
            }
        }
    }
}
