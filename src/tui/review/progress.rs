//! How far a reviewer is, and which item comes next.

use crate::study::{Review, Rubric, Slot, Standing};
use std::time::Duration;

/// A place in this reviewer's list, and the record that stands for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The item, and which showing of it.
    pub slot: Slot,
    /// The last record of it.
    pub record: Option<Review>,
}

impl Place {
    /// How it stands.
    pub fn standing(&self, rubric: &Rubric) -> Standing {
        match &self.record {
            None => Standing::Open,
            Some(r) if r.skipped => Standing::Skipped,
            Some(r) if r.is_complete(rubric.ids()) => Standing::Done,
            Some(_) => Standing::Begun,
        }
    }

    /// Whether it is to be talked over.
    pub fn is_flagged(&self) -> bool {
        self.record.as_ref().is_some_and(|r| r.flagged)
    }
}

/// How something stands, in a word.
pub fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Open => "open",
        Standing::Begun => "begun",
        Standing::Skipped => "skipped",
        Standing::Done => "done",
    }
}

/// Whether something is still to be done, and was not put off.
pub fn is_waiting(standing: Standing) -> bool {
    matches!(standing, Standing::Open | Standing::Begun)
}

/// The place that comes after `from`: the next one still to be done, round the end of the list; when there are none,
/// the next one that was put off. `from` itself comes last.
pub fn next(places: &[Place], rubric: &Rubric, from: Option<usize>) -> Option<usize> {
    let start = from.map_or(0, |from| from + 1);
    let round = || (start..places.len()).chain(0..start.min(places.len()));
    let standing = |n: &usize| places[*n].standing(rubric);
    let waiting = round().find(|n| is_waiting(standing(n)));
    waiting.or_else(|| round().find(|n| standing(n) == Standing::Skipped))
}

/// How far a reviewer is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Items that are rated.
    pub done: usize,
    /// Items in all.
    pub total: usize,
    /// Items that were put off.
    pub skipped: usize,
    /// Items to be talked over.
    pub flagged: usize,
    /// The time spent on those that are rated, in seconds.
    pub seconds: f64,
    /// The median time of those that are rated, in seconds: one item over which a person fell asleep, or which took
    /// a key a second, does not move it. Absent where none is rated.
    pub median: Option<f64>,
}

/// So many items tell a pace.
const TELLING: usize = 3;

impl Progress {
    /// The progress over a list.
    pub fn of(places: &[Place], rubric: &Rubric) -> Self {
        let done = places.iter().filter(|p| p.standing(rubric) == Standing::Done);
        let mut seconds: Vec<f64> = done.filter_map(|p| p.record.as_ref().map(|r| r.seconds)).collect();
        seconds.sort_by(f64::total_cmp);
        let middle = seconds.len() / 2;
        let median = match seconds.len() {
            0 => None,
            n if n % 2 == 1 => Some(seconds[middle]),
            _ => Some(f64::midpoint(seconds[middle - 1], seconds[middle])),
        };
        Self {
            done: seconds.len(),
            total: places.len(),
            skipped: places.iter().filter(|p| p.standing(rubric) == Standing::Skipped).count(),
            flagged: places.iter().filter(|p| p.is_flagged()).count(),
            seconds: seconds.iter().sum(),
            median,
        }
    }

    /// The time the rest will take at this pace; absent where too few items were rated to tell, or nothing is left.
    pub fn left(&self) -> Option<Duration> {
        let left = self.total - self.done;
        let median = self.median.filter(|_| self.done >= TELLING && left > 0)?;
        Duration::try_from_secs_f64(median * left as f64).ok()
    }

    /// In words: `17/50 done, about 24 min left`.
    pub fn words(&self) -> String {
        let mut text = format!("{}/{} done", self.done, self.total);
        if let Some(left) = self.left() {
            text.push_str(&format!(", about {} left", rough(left)));
        }
        text
    }
}

/// A time as a person would say it.
pub fn rough(time: Duration) -> String {
    let minutes = (time.as_secs() + 30) / 60;
    match (minutes / 60, minutes % 60) {
        (0, 0) => "1 min".to_owned(),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{Showing, Verdict};

    fn slot(record: Option<Review>) -> Place {
        Place { slot: Slot { item: "i".into(), showing: Showing::First }, record }
    }

    fn rubric() -> Rubric {
        Rubric { criteria: vec![], tags: vec![] }
    }

    fn done(seconds: f64) -> Place {
        let slot = slot(None);
        let review = crate::sample::review("ada", &slot.slot, Verdict::Tie);
        Place { record: Some(Review { seconds, ..review }), ..slot }
    }

    fn skipped() -> Place {
        let mut place = done(1.0);
        if let Some(record) = &mut place.record {
            record.skipped = true;
        }
        place
    }

    #[test]
    fn what_was_put_off_comes_when_nothing_else_is_left() {
        let slots = [slot(None), skipped(), done(1.0), slot(None), skipped()];
        assert_eq!(next(&slots, &rubric(), None), Some(0));
        assert_eq!(next(&slots, &rubric(), Some(0)), Some(3));
        assert_eq!(next(&slots, &rubric(), Some(3)), Some(0), "round the end");
        let slots = [done(1.0), skipped(), done(1.0), skipped()];
        assert_eq!(next(&slots, &rubric(), Some(1)), Some(3));
        assert_eq!(next(&slots, &rubric(), Some(3)), Some(1));
        assert_eq!(next(&[done(1.0)], &rubric(), Some(0)), None);
        assert_eq!(next(&[], &rubric(), None), None);
    }

    #[test]
    fn the_time_left_is_the_median_pace_times_what_is_left() {
        let mut slots: Vec<_> = [30.0, 20.0, 4000.0, 40.0].map(done).to_vec();
        slots.extend(std::iter::repeat_with(|| slot(None)).take(4));
        assert_eq!(Progress::of(&slots, &rubric()).words(), "4/8 done, about 2 min left");
        assert_eq!(Progress::of(&slots[..3], &rubric()).words(), "3/3 done", "nothing is left");
        assert_eq!(Progress::of(&slots[2..], &rubric()).words(), "2/6 done", "two tell no pace");
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        let said = |minutes: u64| rough(Duration::from_secs(60 * minutes));
        assert_eq!([said(0), said(24), said(60), said(135)], ["1 min", "24 min", "1 h", "2 h 15 min"]);
    }
}
