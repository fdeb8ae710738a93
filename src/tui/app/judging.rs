//! The ratings on the screen.

use super::question::editor;
use crate::compare::Side;
use crate::study::{Draft, Judgment, Rating, Verdict};
use ratatui_textarea::TextArea;
use std::time::Duration;

/// What the next key rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The accuracy of an answer.
    Accuracy(Side),
    /// The completeness of an answer.
    Completeness(Side),
    /// Which answer is better.
    Verdict,
    /// What is wrong with an answer.
    Tags(Side),
    /// The note.
    Note,
}

/// The order in which ratings are given.
const ORDER: [Field; 5] = [
    Field::Accuracy(Side::A),
    Field::Completeness(Side::A),
    Field::Accuracy(Side::B),
    Field::Completeness(Side::B),
    Field::Verdict,
];

/// How a judgment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// Something is still missing.
    Incomplete,
    /// On its way to the disk.
    Writing,
    /// On the disk.
    Kept,
}

/// The ratings on the screen.
#[derive(Debug)]
pub struct Judging {
    /// The trial's id.
    pub trial: String,
    /// Of A, then of B.
    pub ratings: [Rating; 2],
    /// Which answer is better.
    pub verdict: Option<Verdict>,
    /// The note.
    pub note: TextArea<'static>,
    /// What the next key rates.
    pub field: Field,
    /// When rating began.
    pub since: Duration,
    /// How it stands.
    pub saved: Keeping,
    /// What was last given to the disk, to tell whether anything changed since.
    recorded: Option<([Rating; 2], Option<Verdict>, String)>,
}

impl Judging {
    /// Ratings of a trial: as they were recorded, else as they were being entered, else none.
    pub fn of(trial: &str, recorded: Option<&Judgment>, draft: Option<&Draft>, since: Duration) -> Self {
        let (ratings, verdict, note) = match (draft, recorded) {
            (Some(d), _) if d.has_begun() => (d.ratings.clone(), d.verdict, d.note.clone()),
            (_, Some(j)) => (j.ratings.clone(), j.verdict, j.note.clone()),
            _ => Default::default(),
        };
        let mut judging = Self {
            trial: trial.to_owned(),
            ratings,
            verdict,
            note: editor(&note),
            field: Field::Accuracy(Side::A),
            since,
            saved: Keeping::Incomplete,
            recorded: recorded.map(|j| (j.ratings.clone(), j.verdict, j.note.clone())),
        };
        judging.field = judging.first_missing().unwrap_or(Field::Accuracy(Side::A));
        if judging.is_recorded() {
            judging.saved = Keeping::Kept;
        }
        judging
    }

    /// The note as text.
    pub fn note_text(&self) -> String {
        self.note.lines().join(" ").trim().to_owned()
    }

    /// Whether everything on the screen has been given to the disk.
    pub fn is_recorded(&self) -> bool {
        self.recorded.as_ref().is_some_and(|(ratings, verdict, note)| {
            *ratings == self.ratings && *verdict == self.verdict && *note == self.note_text()
        })
    }

    /// Whether every rating and the verdict are there.
    pub fn is_complete(&self) -> bool {
        self.first_missing().is_none()
    }

    /// Whether nothing has been entered, now or before.
    pub fn is_empty(&self) -> bool {
        self.recorded.is_none()
            && self.verdict.is_none()
            && self.ratings == <[Rating; 2]>::default()
            && self.note_text().is_empty()
    }

    /// Marks what is on the screen as given to the disk.
    pub fn record(&mut self) {
        self.recorded = Some((self.ratings.clone(), self.verdict, self.note_text()));
        self.saved = Keeping::Writing;
    }

    fn first_missing(&self) -> Option<Field> {
        ORDER.into_iter().find(|field| match field {
            Field::Accuracy(side) => self.ratings[side.index()].accuracy.is_none(),
            Field::Completeness(side) => self.ratings[side.index()].completeness.is_none(),
            _ => self.verdict.is_none(),
        })
    }

    /// The answer that is being looked at.
    pub fn side(&self) -> Side {
        match self.field {
            Field::Accuracy(side) | Field::Completeness(side) | Field::Tags(side) => side,
            Field::Verdict | Field::Note => Side::B,
        }
    }

    /// Rates the field and goes on to the next.
    pub fn degree(&mut self, degree: u8) {
        match self.field {
            Field::Accuracy(side) => self.ratings[side.index()].accuracy = Some(degree),
            Field::Completeness(side) => self.ratings[side.index()].completeness = Some(degree),
            _ => return,
        }
        self.go(1);
    }

    /// Sets the verdict, and goes to what is still missing.
    pub fn verdict(&mut self, verdict: Verdict) {
        self.verdict = Some(verdict);
        self.field = self.first_missing().unwrap_or(Field::Verdict);
    }

    /// Goes on or back by a rating.
    pub fn go(&mut self, by: isize) {
        let at = ORDER.iter().position(|f| *f == self.field).unwrap_or(ORDER.len() - 1);
        self.field = ORDER[at.saturating_add_signed(by).min(ORDER.len() - 1)];
    }

    /// Erases the field, or, if it is empty, the one before.
    pub fn erase(&mut self) {
        if self.take().is_none() {
            self.go(-1);
            self.take();
        }
    }

    fn take(&mut self) -> Option<()> {
        match self.field {
            Field::Accuracy(side) => self.ratings[side.index()].accuracy.take().map(|_| ()),
            Field::Completeness(side) => self.ratings[side.index()].completeness.take().map(|_| ()),
            Field::Verdict => self.verdict.take().map(|_| ()),
            Field::Tags(_) | Field::Note => None,
        }
    }

    /// Sets a tag of the side's answer, or removes it.
    pub fn toggle(&mut self, side: Side, tag: &str) {
        let tags = &mut self.ratings[side.index()].tags;
        match tags.iter().position(|t| t == tag) {
            Some(at) => drop(tags.remove(at)),
            None => tags.push(tag.to_owned()),
        }
    }

    /// Back from tags or note to the ratings.
    pub fn return_to_ratings(&mut self) {
        self.field = self.first_missing().unwrap_or(match self.field {
            Field::Tags(side) => Field::Accuracy(side),
            _ => Field::Verdict,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_keys_fill_the_ratings_in_order() {
        let mut j = Judging::of("t", None, None, Duration::ZERO);
        for degree in [5, 4, 3, 2] {
            j.degree(degree);
        }
        assert_eq!(j.field, Field::Verdict);
        j.verdict(Verdict::A);
        assert!(j.is_complete() && !j.is_recorded());
        assert_eq!((j.ratings[0].accuracy, j.ratings[1].completeness), (Some(5), Some(2)));
    }

    #[test]
    fn a_verdict_given_early_leads_to_what_is_missing() {
        let mut j = Judging::of("t", None, None, Duration::ZERO);
        j.degree(5);
        j.verdict(Verdict::Tie);
        assert_eq!(j.field, Field::Completeness(Side::A));
        assert!(!j.is_complete());
    }

    #[test]
    fn erasing_goes_back_over_what_was_entered() {
        let mut j = Judging::of("t", None, None, Duration::ZERO);
        j.degree(5);
        j.degree(4);
        j.erase();
        assert_eq!((j.field, j.ratings[0].completeness), (Field::Completeness(Side::A), None));
        j.erase();
        assert_eq!((j.field, j.ratings[0].accuracy), (Field::Accuracy(Side::A), None));
    }
}
