//! The item on the screen, and what has been entered for it since it came.

use super::clock::Clock;
use super::entry::{Cell, Entry};
use crate::compare::Side;
use crate::config::Layer;
use crate::fault::Fault;
use crate::study::{Evidence, Item, Review, ReviewDraft, Rubric};
use crate::text;
use std::collections::BTreeSet;

/// Bytes of a text, from and up to.
pub type Bytes = (usize, usize);

/// An item as it is shown: sides as on the screen, and where sentences begin and end.
#[derive(Debug)]
pub struct Shown {
    /// The item, with the left answer first.
    pub item: Item,
    /// The sentences of the left and of the right answer.
    pub sentences: [Vec<Bytes>; 2],
    /// Every sentence of every passage: the passage's number from 0, and its bytes.
    pub places: Vec<(usize, Bytes)>,
}

impl Shown {
    /// An item, with its sides as they are to be shown.
    pub fn of(item: Item) -> Self {
        let cut =
            |text: &str| text::sentences(text).into_iter().map(|r| (r.start, r.end)).collect::<Vec<_>>();
        let sentences = Side::BOTH.map(|side| {
            let answer = &item.answers[side.index()];
            let known: Vec<Bytes> = answer.support.sentences.iter().map(|s| s.range).collect();
            if known.is_empty() { cut(&answer.text) } else { known }
        });
        let places = item.passages.iter().enumerate();
        let places = places.flat_map(|(n, hit)| cut(&hit.text).into_iter().map(move |r| (n, r))).collect();
        Self { item, sentences, places }
    }
}

/// Whether the item is there.
#[derive(Debug)]
pub enum Loaded {
    /// It is being read.
    Awaited,
    /// It is on the screen.
    There(Box<Shown>),
    /// It cannot be read.
    Failed(Fault),
}

/// An item on the screen.
#[derive(Debug)]
pub struct Sitting {
    /// Its place in the list.
    pub place: usize,
    /// What is shown.
    pub item: Loaded,
    /// What was entered.
    pub entry: Entry,
    /// What the record on the disk says; `None` if there is none.
    pub recorded: Option<Entry>,
    /// Where the next digit goes.
    pub cell: Cell,
    /// The entries before each change, the last one last, with their cells.
    pub changes: Vec<(Entry, Cell)>,
    /// The time spent.
    pub clock: Clock,
    /// Whether the reference was shown.
    pub reference_shown: bool,
    /// Every layer that was shown, if only for a moment.
    pub shown: BTreeSet<Layer>,
}

impl Sitting {
    /// An item comes to the screen: with what was being entered when the review was last left, else with what its
    /// record says.
    pub fn of(
        place: usize,
        record: Option<&Review>,
        draft: Option<&ReviewDraft>,
        layers: &BTreeSet<Layer>,
        rubric: &Rubric,
    ) -> Self {
        let entry = draft.map(Entry::drafted).or_else(|| record.map(Entry::of)).unwrap_or_default();
        let mut shown = layers.clone();
        shown.extend(draft.map_or(&[][..], |d| &d.shown));
        shown.extend(record.map_or(&[][..], |r| &r.shown));
        let spent = draft.map(|d| (d.seconds, d.away)).or_else(|| record.map(|r| (r.seconds, r.away)));
        let (active, away) = spent.unwrap_or_default();
        Self {
            place,
            item: Loaded::Awaited,
            cell: entry.missing(rubric).unwrap_or(Cell::Verdict),
            entry,
            recorded: record.map(Entry::of),
            changes: Vec::new(),
            clock: Clock::from(active, away),
            reference_shown: draft.is_some_and(|d| d.reference_shown)
                || record.is_some_and(|r| r.reference_shown),
            shown,
        }
    }

    /// Whether what is on the screen is not what the record says.
    pub fn is_changed(&self) -> bool {
        match &self.recorded {
            Some(recorded) => *recorded != self.entry,
            None => self.entry != Entry::default(),
        }
    }

    /// Changes what was entered, so that the change can be taken back.
    pub fn change<T>(&mut self, by: impl FnOnce(&mut Entry) -> T) -> T {
        let before = self.entry.clone();
        let outcome = by(&mut self.entry);
        if self.entry != before {
            self.changes.push((before, self.cell));
        }
        outcome
    }

    /// Takes the last change back; false if there is none.
    pub fn undo(&mut self) -> bool {
        let Some((entry, cell)) = self.changes.pop() else { return false };
        (self.entry, self.cell) = (entry, cell);
        true
    }

    /// The item, if it is on the screen.
    pub fn shown_item(&self) -> Option<&Shown> {
        match &self.item {
            Loaded::There(shown) => Some(shown),
            Loaded::Awaited | Loaded::Failed(_) => None,
        }
    }

    /// The answer that is being rated; B at the verdict, which comes last.
    pub fn side(&self) -> Side {
        match self.cell {
            Cell::Score(side, _) => side,
            Cell::Verdict => Side::B,
        }
    }

    /// What is marked in an answer, with its number in the list of marks, from 1.
    pub fn marks(&self, side: Side) -> impl Iterator<Item = (usize, &Evidence)> {
        self.entry.evidence.iter().enumerate().filter(move |(_, e)| e.side == side).map(|(n, e)| (n + 1, e))
    }
}
