//! A reviewing session of one annotator: what there is to judge in which order, what of it is done, and where what
//! is entered goes. No name of a contender comes here.

use super::assign::Slot;
use super::draft::ReviewDraft;
use super::files::Files;
use super::item::Item;
use super::journal::{Journal, current};
use super::lock::DataLock;
use super::plan::Plan;
use super::review::{Review, Showing};
use super::rubric::Rubric;
use super::whole::Study;
use crate::config::Layer;
use crate::fault::{Fault, Result};
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// A reviewing session. Holds the annotator's journal while it lives; another annotator can work at the same time.
#[derive(Debug)]
pub struct Desk {
    title: String,
    is_copy: bool,
    annotator: String,
    rubric: Rubric,
    highlight: Vec<Layer>,
    slots: Vec<Slot>,
    items: Items,
    standing: HashMap<Slot, Review>,
    journal: Journal<Review>,
    problems: Vec<Fault>,
    _lock: DataLock,
}

/// How a place in the list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Nothing is recorded.
    Open,
    /// Ratings are recorded, not all of them.
    Begun,
    /// Put off; comes again at the end.
    Skipped,
    /// Judged.
    Done,
}

/// How far a reviewer is.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Tally {
    /// Judged.
    pub done: usize,
    /// In the list.
    pub total: usize,
    /// Put off.
    pub skipped: usize,
    /// Marked to be talked over.
    pub flagged: usize,
    /// The median of what a judgment took, in seconds; absent before the first.
    pub seconds_each: Option<f64>,
}

/// Reads items as they are shown; cheap to clone, for a thread of its own.
#[derive(Debug, Clone)]
pub struct Items(Files);

impl Desk {
    /// Opens the session of `annotator` in the study in `dir`. Someone who is not in the plan takes the first free
    /// place called `reviewer-N`. With `partial` a study whose answers are not all there can be reviewed as far as
    /// they are.
    ///
    /// # Errors
    /// As [`Study::open`]; a [`Fault`] if the study has no answers or not all of them, there is no place for the
    /// annotator, or another process reviews under this name.
    pub fn open(dir: &Path, annotator: &str, partial: bool) -> Result<Self> {
        let study = Study::open(dir)?;
        study.frozen()?;
        let annotator = super::annotator(annotator);
        let place = study.claim(&annotator)?;
        let files = study.files().clone();
        let lock = DataLock::take_journal(&files.lock(&format!("journal-{annotator}")), &annotator)?;
        let mut slots = study.order(&place)?;
        let there: HashSet<String> = study.item_ids()?.into_iter().collect();
        let planned = slots.len();
        slots.retain(|slot| there.contains(&slot.item));
        if slots.len() < planned && (!partial || slots.is_empty()) {
            let found = format!("answers for {} of {planned} places in the list", slots.len());
            return Err(Fault::new(dir.display(), found)
                .expected("all of them")
                .next("Go on with `juxta study generate`, or review what is there with --partial.")
                .into());
        }
        let journal =
            Journal::<Review>::open_checked(&files.journals(), &annotator, &|r| r.unsound(study.rubric()))?;
        let standing = current(journal.records())
            .into_iter()
            .filter(|r| r.annotator == annotator)
            .map(|r| (r.slot(), r.clone()))
            .collect();
        let mut problems: Vec<Fault> = journal.problems().iter().map(|p| p.0.clone()).collect();
        if study.is_unblinded()? {
            problems.push(
                Fault::new(dir.display(), "a study that is no longer blind")
                    .expected("one that is")
                    .next("What is judged or amended now counts, and reports say how much that is."),
            );
        }
        Ok(Self {
            title: blind_title(study.plan()),
            is_copy: !study.has_key(),
            annotator,
            rubric: study.rubric().clone(),
            highlight: study.plan().highlight.clone(),
            slots,
            items: Items(files),
            standing,
            journal,
            problems,
            _lock: lock,
        })
    }

    /// What the study is called.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Whether the folder is a copy that was handed out, to be given back.
    pub fn is_copy(&self) -> bool {
        self.is_copy
    }

    /// Who reviews.
    pub fn annotator(&self) -> &str {
        &self.annotator
    }

    /// What is judged.
    pub fn rubric(&self) -> &Rubric {
        &self.rubric
    }

    /// The highlight layers shown at the start.
    pub fn highlight(&self) -> &[Layer] {
        &self.highlight
    }

    /// The list, in order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// What could not be read of the journal.
    pub fn problems(&self) -> &[Fault] {
        &self.problems
    }

    /// Where the journal lies.
    pub fn journal(&self) -> &Path {
        self.journal.path()
    }

    /// For reading items elsewhere.
    pub fn items(&self) -> Items {
        self.items.clone()
    }

    /// An item as it is shown: with the sides swapped in a second showing.
    ///
    /// # Errors
    /// A [`Fault`] if its file cannot be read.
    pub fn item(&self, slot: &Slot) -> Result<Item> {
        self.items.read(slot)
    }

    /// The record that stands for a place in the list.
    pub fn review(&self, slot: &Slot) -> Option<&Review> {
        self.standing.get(slot)
    }

    /// How a place in the list stands.
    pub fn standing(&self, slot: &Slot) -> Standing {
        Standing::of(self.standing.get(slot), &self.rubric)
    }

    /// Whether a place in the list is marked to be talked over.
    pub fn is_flagged(&self, slot: &Slot) -> bool {
        self.standing.get(slot).is_some_and(|r| r.flagged)
    }

    /// How far the reviewer is.
    pub fn tally(&self) -> Tally {
        Tally::of(&self.slots, |slot| self.standing.get(slot), &self.rubric)
    }

    /// The place to go to after `here`: the next one without a judgment, then those before it, then those that were
    /// put off, in order. `None` when everything is judged.
    pub fn next(&self, here: Option<usize>) -> Option<usize> {
        let from = here.map_or(0, |n| n + 1).min(self.slots.len());
        let around = || (from..self.slots.len()).chain(0..from);
        let is = |n: &usize, wanted: &[Standing]| wanted.contains(&self.standing(&self.slots[*n]));
        let open = around().find(|n| is(n, &[Standing::Open, Standing::Begun]));
        open.or_else(|| around().find(|n| is(n, &[Standing::Skipped])))
    }

    /// Where the reviewer stopped: the place of the draft, or the first without a judgment.
    pub fn resume(&self, draft: &ReviewDraft) -> Option<usize> {
        let drafted = draft.slot.as_ref().and_then(|slot| self.slots.iter().position(|s| s == slot));
        let unfinished = |n: &usize| self.standing(&self.slots[*n]) != Standing::Done;
        drafted.filter(unfinished).or_else(|| self.next(None))
    }

    /// Appends a review and syncs it to the disk; it then stands for its place in the list. Its time is moved on
    /// where the clock went back: the later line is the one that stands, also after merging.
    ///
    /// # Errors
    /// A [`Fault`] for a review that is not this annotator's or of no place in the list, or if the disk would not
    /// take it; the same review can then be appended again.
    pub fn append(&mut self, mut review: Review) -> Result<()> {
        let slot = review.slot();
        if review.annotator != self.annotator || !self.slots.contains(&slot) {
            let found = format!("a review by {} of {}", review.annotator, review.item);
            return Err(Fault::new(self.journal.path().display(), found)
                .expected(format!("one by {} of an item in the list", self.annotator))
                .into());
        }
        if let Some(before) = self.standing.get(&slot).map(|r| r.at)
            && review.at <= before
        {
            review.at = before.checked_add(SignedDuration::from_micros(1)).unwrap_or(Timestamp::MAX);
        }
        self.journal.append(review.clone())?;
        self.standing.insert(slot, review);
        Ok(())
    }

    /// What was being entered when the session last closed, and what is wrong with it.
    pub fn draft(&self) -> (ReviewDraft, Option<Fault>) {
        ReviewDraft::load(&self.items.0.draft(&self.annotator))
    }

    /// Keeps what is being entered.
    ///
    /// # Errors
    /// A [`Fault`] if the disk would not take it.
    pub fn save_draft(&self, draft: &ReviewDraft) -> Result<()> {
        draft.save(&self.items.0.draft(&self.annotator))
    }
}

impl Standing {
    /// How the record that stands for a place in the list leaves it.
    pub(super) fn of(review: Option<&Review>, rubric: &Rubric) -> Self {
        match review {
            None => Self::Open,
            Some(review) if review.skipped => Self::Skipped,
            Some(review) if review.is_complete(rubric.ids()) => Self::Done,
            Some(_) => Self::Begun,
        }
    }
}

impl Tally {
    /// Over a list, with the record that stands for each place in it.
    pub(super) fn of<'a>(
        slots: &[Slot],
        standing: impl Fn(&Slot) -> Option<&'a Review>,
        rubric: &Rubric,
    ) -> Self {
        let mut tally = Self { total: slots.len(), ..Self::default() };
        let mut seconds = Vec::new();
        for review in slots.iter().filter_map(standing) {
            match Standing::of(Some(review), rubric) {
                Standing::Done => {
                    tally.done += 1;
                    seconds.push(review.seconds);
                }
                Standing::Skipped => tally.skipped += 1,
                Standing::Open | Standing::Begun => {}
            }
            tally.flagged += usize::from(review.flagged);
        }
        tally.seconds_each = median(seconds);
        tally
    }

    /// How long the rest will take at the pace so far, in seconds; absent before the first judgment.
    pub fn seconds_left(&self) -> Option<f64> {
        Some(self.seconds_each? * (self.total - self.done) as f64)
    }
}

impl Items {
    /// An item as it is shown: with the sides swapped in a second showing.
    ///
    /// # Errors
    /// A [`Fault`] if its file cannot be read.
    pub fn read(&self, slot: &Slot) -> Result<Item> {
        let item = Item::read(&self.0, &slot.item)?;
        Ok(match slot.showing {
            Showing::First => item,
            Showing::Swapped => item.swapped(),
        })
    }
}

/// The title, unless it names a contender: a reviewer need not know who takes part.
fn blind_title(plan: &Plan) -> String {
    let names = |text: &str| plan.contenders().any(|c| text.to_lowercase().contains(&c.to_lowercase()));
    let titles = [&plan.title, &plan.id];
    titles.into_iter().find(|title| !names(title)).cloned().unwrap_or_else(|| "A blind study".to_owned())
}

/// The middle value; the mean of the two middle ones.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = *values.get(half)?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(values[half - 1], upper) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::study::Verdict;

    fn desk(dir: &Path, annotator: &str) -> Result<Desk> {
        Desk::open(dir, annotator, false)
    }

    #[test]
    fn what_was_judged_is_there_when_the_session_opens_again() {
        let dir = tempfile::tempdir().expect("a folder");
        sample::study(dir.path(), &["ada"]);
        let mut at = desk(dir.path(), "ada").expect("opened");
        let slots = at.slots().to_vec();
        assert!(slots.len() > 6, "some come back");
        assert_eq!((at.tally().done, at.tally().total), (0, slots.len()));
        at.append(sample::review("ada", &slots[0], Verdict::A)).expect("kept");
        at.append(Review { skipped: true, ..sample::review("ada", &slots[1], Verdict::B) }).expect("kept");
        at.append(Review { verdict: None, flagged: true, ..sample::review("ada", &slots[2], Verdict::B) })
            .expect("kept");
        assert_eq!(at.next(Some(0)), Some(2));
        let draft = ReviewDraft { slot: Some(slots[4].clone()), note: "hm".into(), ..ReviewDraft::default() };
        at.save_draft(&draft).expect("kept");
        drop(at);

        let at = desk(dir.path(), "ada").expect("opened");
        let standings: Vec<_> = slots[..4].iter().map(|s| at.standing(s)).collect();
        assert_eq!(standings, [Standing::Done, Standing::Skipped, Standing::Begun, Standing::Open]);
        let tally = at.tally();
        assert_eq!((tally.done, tally.skipped, tally.flagged), (1, 1, 1));
        assert_eq!(tally.seconds_left(), Some(12.5 * (slots.len() - 1) as f64));
        assert!(at.is_flagged(&slots[2]) && !at.is_flagged(&slots[0]));
        assert_eq!(at.draft(), (draft.clone(), None));
        assert_eq!(at.resume(&draft), Some(4));
        assert_eq!(at.resume(&ReviewDraft::default()), Some(2));
        assert_eq!(at.review(&slots[0]).and_then(|r| r.verdict), Some(Verdict::A));
    }

    #[test]
    fn a_title_that_names_a_contender_is_not_shown() {
        let title = |title: &str| blind_title(&Plan { title: title.into(), ..sample::plan(&["ada"]) });
        assert_eq!(title("A small study"), "A small study");
        assert_eq!(title("Plain against all others"), "kitchen-sink");
    }

    #[test]
    fn what_was_put_off_comes_at_the_end() {
        let dir = tempfile::tempdir().expect("a folder");
        sample::study(dir.path(), &["ada"]);
        let mut at = desk(dir.path(), "ada").expect("opened");
        let slots = at.slots().to_vec();
        at.append(Review { skipped: true, ..sample::review("ada", &slots[0], Verdict::A) }).expect("kept");
        let mut here = Some(0);
        for (expected, slot) in slots.iter().enumerate().skip(1) {
            here = at.next(here);
            assert_eq!(here, Some(expected));
            at.append(sample::review("ada", slot, Verdict::Tie)).expect("kept");
        }
        assert_eq!(at.next(here), Some(0));
        at.append(sample::review("ada", &slots[0], Verdict::Tie)).expect("kept");
        assert_eq!(at.next(Some(0)), None);
        assert_eq!(at.tally().seconds_left(), Some(0.0));
    }

    #[test]
    fn a_second_showing_has_everything_on_the_other_side() {
        let dir = tempfile::tempdir().expect("a folder");
        sample::study(dir.path(), &["ada"]);
        let at = desk(dir.path(), "ada").expect("opened");
        let swapped = at.slots().iter().find(|s| s.showing == Showing::Swapped).expect("some come back");
        let first = at.item(&Slot { showing: Showing::First, ..swapped.clone() }).expect("there");
        let second = at.item(swapped).expect("there");
        assert_ne!(first.answers[0], first.answers[1]);
        assert_eq!((&first.answers[0], &first.answers[1]), (&second.answers[1], &second.answers[0]));
        assert_eq!(first.passages, second.passages);
    }

    #[test]
    fn one_journal_has_one_writer_and_two_annotators_do_not_meet() {
        let dir = tempfile::tempdir().expect("a folder");
        sample::study(dir.path(), &["ada", "bob"]);
        let ada = desk(dir.path(), "ada").expect("opened");
        let bob = desk(dir.path(), "bob").expect("opened");
        let told = desk(dir.path(), "ada").expect_err("held").to_string();
        assert!(told.contains(&format!("another process ({}) at work as ada", std::process::id())), "{told}");
        drop(ada);
        desk(dir.path(), "ada").expect("free again");
        drop(bob);
    }

    #[test]
    fn an_edited_and_a_torn_line_are_told_by_number_and_take_nothing_with_them() {
        let dir = tempfile::tempdir().expect("a folder");
        sample::study(dir.path(), &["ada"]);
        let mut at = desk(dir.path(), "ada").expect("opened");
        let slots = at.slots().to_vec();
        for slot in &slots[..3] {
            at.append(sample::review("ada", slot, Verdict::A)).expect("kept");
        }
        let path = at.journal().to_owned();
        drop(at);
        let text = std::fs::read_to_string(&path).expect("there");
        let mut lines: Vec<&str> = text.lines().collect();
        let broken = lines[1].replace("\"showing\"", "\"shown");
        lines[1] = &broken;
        std::fs::write(&path, &lines.join("\n")[..text.len() - 40]).expect("written");
        let mut at = desk(dir.path(), "ada").expect("opened");
        let places: Vec<_> = at.problems().iter().map(|p| p.place.clone()).collect();
        assert!(places[0].ends_with("ada.jsonl:2") && places.len() == 2, "{places:?}");
        assert!(at.problems()[1].next.contains("ada.torn-1"));
        assert_eq!(
            slots[..3].iter().map(|s| at.standing(s)).collect::<Vec<_>>(),
            [Standing::Done, Standing::Open, Standing::Open]
        );
        at.append(sample::review("ada", &slots[1], Verdict::B)).expect("kept");
        drop(at);
        let at = desk(dir.path(), "ada").expect("opened");
        assert_eq!((at.tally().done, at.problems().len()), (2, 1), "the edited line stays where it is");
    }

    #[test]
    fn a_study_that_is_not_whole_is_reviewed_only_when_asked_for() {
        let dir = tempfile::tempdir().expect("a folder");
        let study = sample::study(dir.path(), &["ada"]);
        let lost = study.order("ada").expect("there")[0].item.clone();
        std::fs::remove_file(study.files().item(&lost)).expect("removed");
        let told = desk(dir.path(), "ada").expect_err("not whole").to_string();
        assert!(told.contains("--partial"), "{told}");
        let at = Desk::open(dir.path(), "ada", true).expect("as far as it is");
        assert!(at.slots().iter().all(|s| s.item != lost));
    }

    #[test]
    fn a_clock_that_goes_back_does_not_bring_back_an_earlier_judgment() {
        let dir = tempfile::tempdir().expect("a folder");
        sample::study(dir.path(), &["ada"]);
        let mut at = desk(dir.path(), "ada").expect("opened");
        let slot = at.slots()[0].clone();
        let first = sample::review("ada", &slot, Verdict::A);
        at.append(first.clone()).expect("kept");
        let earlier = first.at.checked_sub(SignedDuration::from_hours(1)).expect("a time");
        at.append(Review { at: earlier, verdict: Some(Verdict::B), ..first }).expect("kept");
        drop(at);
        let at = desk(dir.path(), "ada").expect("opened");
        assert_eq!(at.review(&slot).and_then(|r| r.verdict), Some(Verdict::B));
    }
}
