//! Who did what: progress of a study, without any figure by contender.

use super::act::{Conflict, Deed};
use super::assign::Slot;
use super::desk::Tally;
use super::journal::{Journal, current, journals};
use super::review::Review;
use super::whole::Study;
use crate::fault::{Fault, Result};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How a study stands.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The study's id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Whether plan, rubric and sides are fixed.
    pub frozen: bool,
    /// Whether the blinding was taken off.
    pub unblinded: bool,
    /// Items that are there.
    pub items: usize,
    /// Items that are planned; in a reviewer's copy, theirs.
    pub planned: usize,
    /// Who reviews, in the order of the plan; then those who are not in it.
    pub reviewers: Vec<Reviewer>,
    /// Records that disagreed when they were merged.
    pub conflicts: Vec<Conflict>,
    /// What a person should look at.
    pub problems: Vec<Fault>,
}

/// What a reviewer did.
#[derive(Debug, Clone, Serialize)]
pub struct Reviewer {
    /// The place in the plan; absent for someone who has none.
    pub place: Option<String>,
    /// Who they are; absent while nobody has taken the place.
    pub annotator: Option<String>,
    /// Whether the place's items were copied into a folder of their own.
    pub handed_out: bool,
    /// How far they are.
    pub tally: Tally,
    /// When they last recorded something.
    pub last: Option<Timestamp>,
}

impl Study {
    /// The reviews that stand, of every annotator, and what of the journals cannot be read.
    ///
    /// # Errors
    /// A [`Fault`] if the journals cannot be read.
    pub fn reviews(&self) -> Result<(Vec<Review>, Vec<Fault>)> {
        let (mut records, mut faults) = (Vec::new(), Vec::new());
        for path in journals(&self.files.journals())? {
            let (some, wrong) = Journal::<Review>::read_checked(&path, &|r| r.unsound(&self.rubric))?;
            records.extend(some);
            faults.extend(wrong.into_iter().map(|p| p.0));
        }
        Ok((current(&records).into_iter().cloned().collect(), faults))
    }

    /// How the study stands.
    ///
    /// # Errors
    /// A [`Fault`] if what is needed cannot be read.
    pub fn status(&self) -> Result<Status> {
        let (acts, wrong) = self.acts()?;
        let (reviews, mut problems) = self.reviews()?;
        problems.extend(wrong.into_iter().map(|p| p.0));
        let mut standing: HashMap<(&str, Slot), &Review> = HashMap::new();
        let mut last: BTreeMap<&str, Timestamp> = BTreeMap::new();
        for review in &reviews {
            standing.insert((&review.annotator, review.slot()), review);
            let at = last.entry(&review.annotator).or_insert(review.at);
            *at = review.at.max(*at);
        }
        let mut claims: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let (mut handed_out, mut conflicts) = (BTreeSet::new(), Vec::new());
        for act in &acts {
            match &act.deed {
                Deed::Claimed { place, annotator } => {
                    let names = claims.entry(place).or_default();
                    if !names.contains(&annotator.as_str()) {
                        names.push(annotator);
                    }
                }
                Deed::HandedOut { place, .. } => {
                    handed_out.insert(place.as_str());
                }
                Deed::Merged { conflicts: some, .. } => conflicts.extend(some.iter().cloned()),
                _ => {}
            }
        }

        let (mut reviewers, mut placed) = (Vec::new(), BTreeSet::new());
        let mut planned_items: BTreeSet<String> = BTreeSet::new();
        for place in &self.plan.annotators {
            let order = self.files.order(place);
            let slots = if order.is_file() { self.order(place)? } else { Vec::new() };
            planned_items.extend(slots.iter().map(|s| s.item.clone()));
            let names = match claims.get(place.as_str()) {
                Some(names) => names.iter().copied().map(Some).collect(),
                None if super::plan::is_place(place) => vec![None],
                None => vec![Some(place.as_str())],
            };
            for name in names {
                placed.extend(name);
                let find = |slot: &Slot| standing.get(&(name?, slot.clone())).copied();
                reviewers.push(Reviewer {
                    place: Some(place.clone()),
                    annotator: name.map(str::to_owned),
                    handed_out: handed_out.contains(place.as_str()),
                    tally: Tally::of(&slots, find, &self.rubric),
                    last: name.and_then(|n| last.get(n).copied()),
                });
            }
        }
        for (name, at) in last.iter().filter(|(name, _)| !placed.contains(*name)) {
            let slots: Vec<Slot> =
                reviews.iter().filter(|r| r.annotator == **name).map(Review::slot).collect();
            let find = |slot: &Slot| standing.get(&(*name, slot.clone())).copied();
            problems.push(
                Fault::new(self.files.journals().display(), format!("reviews by {name}"))
                    .expected(format!(
                        "reviews by those who have a place: {}",
                        self.plan.annotators.join(", ")
                    ))
                    .next("They are kept and count like the others."),
            );
            reviewers.push(Reviewer {
                place: None,
                annotator: Some((*name).to_owned()),
                handed_out: false,
                tally: Tally::of(&slots, find, &self.rubric),
                last: Some(*at),
            });
        }
        let planned = match self.plan.frozen {
            Some(_) => planned_items.len(),
            None => self.plan.questions * self.plan.corpora.len() * self.plan.against.len(),
        };
        Ok(Status {
            id: self.plan.id.clone(),
            title: self.plan.title.clone(),
            frozen: self.plan.frozen.is_some(),
            unblinded: self.is_unblinded()?,
            items: self.item_ids()?.len(),
            planned,
            reviewers,
            conflicts,
            problems,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::study::{Desk, Verdict};

    #[test]
    fn everyone_is_listed_with_what_they_did() {
        let dir = tempfile::tempdir().expect("a folder");
        let study = sample::study(dir.path(), &["ada", "reviewer-1", "reviewer-2"]);
        let mut desk = Desk::open(dir.path(), "zoe", false).expect("opened");
        let slots = desk.slots().to_vec();
        desk.append(sample::review("zoe", &slots[0], Verdict::A)).expect("kept");
        desk.append(Review { skipped: true, flagged: true, ..sample::review("zoe", &slots[1], Verdict::A) })
            .expect("kept");
        drop(desk);
        std::fs::write(study.files().journals().join("max.jsonl"), "broken\n").expect("written");
        let status = study.status().expect("there");
        assert_eq!((status.items, status.planned, status.frozen, status.unblinded), (6, 6, true, false));
        let who: Vec<_> = status.reviewers.iter().map(|r| (r.annotator.as_deref(), r.tally.done)).collect();
        assert_eq!(who, [(Some("ada"), 0), (Some("zoe"), 1), (None, 0)]);
        let zoe = &status.reviewers[1];
        assert_eq!((zoe.tally.total, zoe.tally.skipped, zoe.tally.flagged), (slots.len(), 1, 1));
        assert_eq!(zoe.tally.seconds_each, Some(12.5));
        assert!(zoe.last.is_some() && zoe.place.as_deref() == Some("reviewer-1"));
        assert_eq!(status.problems.len(), 1);
        assert!(status.problems[0].place.ends_with("max.jsonl:1"));
    }

    #[test]
    fn what_no_reviewer_can_have_entered_is_named_by_its_line_and_counts_for_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let study = sample::study(dir.path(), &["ada"]);
        let mut desk = Desk::open(dir.path(), "ada", false).expect("opened");
        let slots = desk.slots().to_vec();
        desk.append(sample::review("ada", &slots[0], Verdict::A)).expect("kept");
        let path = desk.journal().to_owned();
        drop(desk);
        let sound = std::fs::read_to_string(&path).expect("a journal");
        let other = slots.iter().find(|s| s.item != slots[0].item).expect("another item");
        let edits = [
            ("\"accuracy\":4", "\"accuracy\":9", "found 9 for accuracy; expected a degree from 1 to 5"),
            (
                "\"accuracy\":4",
                "\"clarity\":4",
                "found a rating of \"clarity\"; expected ratings of accuracy, comp",
            ),
            ("\"tags\":[]", "\"tags\":[\"odd\"]", "found the tag \"odd\"; expected one of "),
            ("\"seconds\":12.5", "\"seconds\":-3", "found -3 seconds; expected a time"),
            (
                "\"evidence\":[]",
                "\"evidence\":[{\"side\":\"A\",\"range\":[7,7],\"tag\":\"unsupported\",\"support\":null}]",
                "found a mark from byte 7 to 7; expected a mark of some text",
            ),
        ];
        let edited =
            edits.map(|(was, is, _)| sound.replace(&slots[0].item, &other.item).replacen(was, is, 1));
        std::fs::write(&path, sound + &edited.concat()).expect("written");
        let status = study.status().expect("there");
        assert_eq!(status.reviewers[0].tally.done, 1);
        for (n, ((.., told), problem)) in edits.iter().zip(&status.problems).enumerate() {
            let place = format!("ada.jsonl:{}", n + 2);
            assert!(problem.place.ends_with(&place) && problem.to_string().contains(told), "{problem}");
        }
        assert_eq!(status.problems.len(), edits.len());
        let desk = Desk::open(dir.path(), "ada", false).expect("opened");
        assert_eq!((desk.tally().done, desk.problems()), (1, &status.problems[..]), "nor for the reviewer");
    }
}
