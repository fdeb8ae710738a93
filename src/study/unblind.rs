//! Taking the blinding off, and finding out whether all is as it was committed to.

use super::act::{Act, Deed};
use super::assign::assign;
use super::item::Item;
use super::rated::Rated;
use super::review::{Review, Showing};
use super::whole::Study;
use crate::fault::{Fault, Result};
use crate::text::counted;
use jiff::Timestamp;
use serde::Serialize;

/// What was looked at, and what is wrong with it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verified {
    /// The digest that study.toml commits to, and the key has.
    pub commitment: String,
    /// Items that are what their sealed trials and sides make them.
    pub items: usize,
    /// Reviews that are of items of this study, made after the commitment.
    pub reviews: usize,
    /// What is not as it should be.
    pub faults: Vec<Fault>,
}

impl Study {
    /// Whether the blinding was taken off.
    ///
    /// # Errors
    /// A [`Fault`] if the acts cannot be read.
    pub fn is_unblinded(&self) -> Result<bool> {
        Ok(self.unblinded_at()?.is_some())
    }

    /// When the blinding was first taken off; absent while it is on.
    ///
    /// # Errors
    /// A [`Fault`] if the acts cannot be read.
    pub fn unblinded_at(&self) -> Result<Option<Timestamp>> {
        let Some(frozen) = &self.plan.frozen else { return Ok(None) };
        let (acts, _) = self.acts()?;
        let unblinded =
            |a: &&Act| matches!(&a.deed, Deed::Unblinded { key_digest } if *key_digest == frozen.key);
        Ok(acts.iter().filter(unblinded).map(|a| a.at).min())
    }

    /// That it may be seen who answered, and since when.
    pub(super) fn seen(&self) -> Result<Timestamp> {
        self.frozen()?;
        self.unblinded_at()?.ok_or_else(|| {
            Fault::new(self.dir().display(), "a study that is still blind")
                .expected("one that was unblinded")
                .next("When everyone is done, take the blinding off with `juxta study unblind`.")
                .into()
        })
    }

    /// Takes the blinding off, once the key is found to be the one that was committed to; from then on figures by
    /// contender may be seen. Says whether it was still on.
    ///
    /// # Errors
    /// As [`Study::key`], and if the disk would not take the act.
    pub fn unblind(&self, who: &str) -> Result<bool> {
        let _lock = self.lock()?;
        let key_digest = self.frozen()?.key.clone();
        self.key()?;
        if self.is_unblinded()? {
            return Ok(false);
        }
        self.note(who, Deed::Unblinded { key_digest })?;
        Ok(true)
    }

    /// The judgments that stand and are complete, with the contenders' names (as in the plan), sorted by item, showing
    /// and annotator.
    ///
    /// # Errors
    /// A [`Fault`] before the study is unblinded, and as [`Study::key`] and [`Study::reviews`].
    pub fn rated(&self) -> Result<Vec<Rated>> {
        self.seen()?;
        let key = self.key()?;
        let (reviews, _) = self.reviews()?;
        let rated = |review: Review| {
            let sealed = key.items.get(&review.item)?;
            let verdict = review.verdict.filter(|_| review.is_complete(self.rubric.ids()))?;
            let mut contenders = [sealed.left.clone(), sealed.right.clone()];
            if review.showing == Showing::Swapped {
                contenders.swap(0, 1);
            }
            Some(Rated {
                item: review.item,
                showing: review.showing,
                corpus: sealed.corpus.clone(),
                question_id: sealed.question.clone(),
                annotator: review.annotator,
                at: Some(review.at),
                seconds: Some(review.seconds),
                baseline: contenders.iter().position(|c| *c == self.plan.baseline),
                contenders,
                ratings: review.ratings,
                verdict,
                evidence: review.evidence,
                note: review.note,
                flagged: review.flagged,
                reference_shown: review.reference_shown,
            })
        };
        Ok(reviews.into_iter().filter_map(rated).collect())
    }

    /// Looks whether everything is as it was committed to before the first judgment: the key by its digest, ids and
    /// sides by the key's nonce, orders by the plan's seed, items by their sealed trials, reviews by their time.
    ///
    /// # Errors
    /// As [`Study::key`]; what else is wrong is in the result.
    pub fn verify(&self) -> Result<Verified> {
        let frozen = self.frozen()?;
        let key = self.key()?;
        let mut verified = Verified { commitment: frozen.key.clone(), ..Verified::default() };
        let place = self.files.key();
        let wrong = |found: &str, expected: &str| {
            Fault::new(place.display(), found)
                .expected(expected)
                .next("The study was changed after it was frozen; do not rest anything on it.")
        };
        if key.again(&self.plan).as_ref() != Some(&key) {
            verified.faults.push(wrong("ids or sides that its nonce did not draw", "those that it draws"));
        }
        let orders = assign(&key.asked(), &self.division());
        for (place, slots) in std::iter::zip(&self.plan.annotators, &orders) {
            if self.order(place)? != *slots {
                verified.faults.push(Fault {
                    place: self.files.order(place).display().to_string(),
                    ..wrong("another order", "the one that the plan's seed draws")
                });
            }
        }
        for id in key.items.keys() {
            match self.is_as_sealed(&key, id) {
                Ok(None) => verified.items += 1,
                Ok(Some(what)) => verified.faults.push(Fault {
                    place: self.files.item(id).display().to_string(),
                    ..wrong(what, "what its sealed trial and its sides make it")
                }),
                Err(crate::fault::Error::Fault(fault)) => verified.faults.push(*fault),
                Err(cancelled) => return Err(cancelled),
            }
        }
        let (reviews, faults) = self.reviews()?;
        verified.faults.extend(faults);
        if let Some(seen) = self.unblinded_at()? {
            let late = reviews.iter().filter(|r| r.at > seen).count();
            if late > 0 {
                let found = format!("{} made after the blinding was taken off", counted(late, "review"));
                verified.faults.push(
                    Fault::new(self.files.journals().display(), found)
                        .expected(format!("none after {}", second(seen)))
                        .next("They count, and the report says how many they are."),
                );
            }
        }
        for review in &reviews {
            let found = match review {
                r if !key.items.contains_key(&r.item) => format!("a review of {}, which is no item", r.item),
                r if r.at < frozen.at => format!("a review of {} before the sides were committed to", r.item),
                _ => {
                    verified.reviews += 1;
                    continue;
                }
            };
            let journal = self.files.journals().join(format!("{}.jsonl", review.annotator));
            verified.faults.push(
                Fault::new(journal.display(), found)
                    .expected(format!("reviews of this study's items, after {}", second(frozen.at)))
                    .next("Look whether a clock was wrong or a file was changed."),
            );
        }
        Ok(verified)
    }

    /// What is wrong with an item, if anything.
    fn is_as_sealed(&self, key: &super::Key, id: &str) -> Result<Option<&'static str>> {
        let (item, trial) = (self.item(id)?, self.trial(id)?);
        let Some(sealed) = key.items.get(id) else { return Ok(Some("an item that is not in the key")) };
        let baseline = &self.plan.baseline;
        let names = trial.answers.each_ref().map(|a| a.contender.as_str());
        if names != [baseline, sealed.contender(baseline)] {
            return Ok(Some("a trial of other contenders"));
        }
        // The reference is the corpus's, and in no trial.
        let made = Item::of(&trial, sealed, baseline, item.reference.clone());
        Ok((made != item).then_some("something else"))
    }
}

fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::study::{Desk, Verdict};
    use std::path::Path;

    fn judged(dir: &Path) -> Study {
        let study = sample::study(dir, &["ada"]);
        let mut desk = Desk::open(dir, "ada", false).expect("opened");
        for slot in desk.slots().to_vec() {
            desk.append(sample::review("ada", &slot, Verdict::A)).expect("kept");
        }
        study
    }

    #[test]
    fn before_unblinding_nobody_is_told_who_answered() {
        let dir = tempfile::tempdir().expect("a folder");
        let study = judged(dir.path());
        assert!(study.rated().expect_err("blind").to_string().contains("juxta study unblind"));
        assert!(study.unblind("planner").expect("verified"));
        assert!(!study.unblind("planner").expect("verified"), "once");
        assert_eq!(study.rated().expect("seen").len(), study.order("ada").expect("there").len());
    }

    #[test]
    fn names_go_with_the_sides_as_they_were_shown() {
        let dir = tempfile::tempdir().expect("a folder");
        let study = judged(dir.path());
        study.unblind("planner").expect("verified");
        for rated in study.rated().expect("seen") {
            let trial = study.trial(&rated.item).expect("there");
            let mut shown = study.item(&rated.item).expect("there");
            if rated.showing == Showing::Swapped {
                shown = shown.swapped();
            }
            for (name, said) in std::iter::zip(&rated.contenders, &shown.answers) {
                let answer = trial.answers.iter().find(|a| a.contender == *name).expect("one of the two");
                assert_eq!(answer.text, said.text);
            }
            let baseline = rated.baseline.expect("always there");
            assert_eq!(rated.contenders[baseline], sample::BASELINE);
        }
    }

    #[test]
    fn an_untouched_study_verifies_and_every_change_is_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let study = judged(dir.path());
        let verified = study.verify().expect("there");
        assert_eq!((verified.items, verified.faults.len()), (6, 0), "{:?}", verified.faults);
        assert_eq!(verified.reviews, study.order("ada").expect("there").len());

        let id = study.item_ids().expect("listed").remove(0);
        let found = |path: &Path, change: &dyn Fn(String) -> String| {
            let text = std::fs::read_to_string(path).expect("there");
            let changed = change(text.clone());
            assert_ne!(changed, text);
            std::fs::write(path, changed).expect("written");
            let told = study.verify().map(|v| v.faults.iter().map(ToString::to_string).collect::<String>());
            std::fs::write(path, text).expect("written");
            told.unwrap_or_else(|e| e.to_string())
        };
        let files = study.files();
        assert!(
            found(&files.item(&id), &|t| t.replacen("\"score\": 9.5", "\"score\": 9.25", 1))
                .contains("its sealed trial")
        );
        assert!(found(&files.trial(&id), &|t| t.replace("plain", "other")).contains("other contenders"));
        assert!(found(&files.key(), &|t| t.replacen("plain", "tuned-200", 1)).contains("commits to"));
        let swapped = |t: String| t.replacen("first", "swapped", 1);
        assert!(found(&files.order("ada"), &swapped).contains("another order"));
        let journal = files.journals().join("ada.jsonl");
        let old = |t: String| t.replacen("\"at\":\"20", "\"at\":\"19", 1);
        assert!(found(&journal, &old).contains("before the sides were committed to"));
        assert!(study.verify().expect("there").faults.is_empty());
    }
}
