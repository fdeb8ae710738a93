//! What one reviewer needs, in a folder of its own: nothing that is sealed, and nobody else's items.

use super::act::Deed;
use super::assign::Slot;
use super::plan::Frozen;
use super::whole::{Study, empty};
use crate::fault::{Fault, Result};
use std::collections::BTreeSet;
use std::path::Path;

impl Study {
    /// Copies what the reviewer `name` (of the plan, or who took a place of it) needs into the new folder `to`, with
    /// what they have judged so far. Says how many places their list has. With `partial` answers may be missing.
    ///
    /// # Errors
    /// A [`Fault`] for a folder that holds something, an unknown name, or a study without all its answers.
    pub fn hand_out(&self, name: &str, to: &Path, partial: bool, who: &str) -> Result<usize> {
        let _: &Frozen = self.frozen()?;
        empty(to)?;
        let (place, annotator) = self.reviewer(name)?;
        let slots = self.order(&place)?;
        let items: BTreeSet<&str> = slots.iter().map(|s: &Slot| s.item.as_str()).collect();
        let missing = items.iter().filter(|id| !self.files.item(id).is_file()).count();
        if missing > 0 && !partial {
            let found = format!("{missing} of {} items without answers", items.len());
            return Err(Fault::new(self.dir().display(), found)
                .expected("answers for all of them")
                .next("Go on with `juxta study generate`, or hand out what is there with --partial.")
                .into());
        }
        // Before the copy, so that both know of it.
        self.note(who, Deed::HandedOut { place: place.clone(), slots: slots.len() })?;
        let mut files = vec![self.files.rubric(), self.files.acts(), self.files.order(&place)];
        files.extend(items.iter().map(|id| self.files.item(id)));
        files.push(self.files.journals().join(format!("{annotator}.jsonl")));
        files.push(self.files.draft(&annotator));
        // Last: a folder is a study once it has a plan.
        files.push(self.files.plan());
        for file in files.iter().filter(|f| f.is_file()) {
            let target = to.join(file.strip_prefix(self.dir()).unwrap_or(file));
            let dir = target.parent().unwrap_or(to);
            std::fs::create_dir_all(dir).map_err(|e| Fault::io(dir, "make", &e))?;
            // Written anew, where a copy may keep the times: when an item was made can tell what was made with it.
            let bytes = std::fs::read(file).map_err(|e| Fault::io(file, "read", &e))?;
            std::fs::write(&target, bytes).map_err(|e| Fault::io(&target, "write", &e))?;
        }
        Ok(slots.len())
    }

    /// The place of the plan and the name they review under, of someone called by either.
    fn reviewer(&self, name: &str) -> Result<(String, String)> {
        let (acts, _) = self.acts()?;
        let claim = acts.iter().find_map(|a| match &a.deed {
            Deed::Claimed { place, annotator } if place == name || annotator == name => {
                Some((place.clone(), annotator.clone()))
            }
            _ => None,
        });
        match claim {
            Some(claim) => Ok(claim),
            None if self.plan.annotators.iter().any(|n| n == name) => Ok((name.to_owned(), name.to_owned())),
            None => Err(Fault::new("--annotator", format!("{name:?}"))
                .expected(format!("one of {}", self.plan.annotators.join(", ")))
                .next("`juxta study status` shows who reviews.")
                .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::study::{Desk, Verdict};

    #[test]
    fn a_reviewer_gets_their_items_and_nothing_that_is_sealed() {
        let dir = tempfile::tempdir().expect("a folder");
        let [whole, copy] = ["whole", "copy"].map(|n| dir.path().join(n));
        let study = sample::study(&whole, &["ada", "bob"]);
        let slots = study.hand_out("ada", &copy, false, "planner").expect("handed out");
        let handed = Study::open(&copy).expect("a study");
        assert!(!handed.has_key() && !copy.join("sealed").exists());
        assert!(handed.key().expect_err("sealed").to_string().contains("A reviewer's copy has none"));
        let own: BTreeSet<_> = study.order("ada").expect("there").into_iter().map(|s| s.item).collect();
        assert_eq!(handed.item_ids().expect("listed"), own.into_iter().collect::<Vec<_>>());
        let mut desk = Desk::open(&copy, "ada", false).expect("opened");
        assert_eq!(desk.slots().len(), slots);
        let first = desk.slots()[0].clone();
        desk.append(sample::review("ada", &first, Verdict::A)).expect("kept");
        drop(desk);
        let told = Desk::open(&copy, "bob", false).expect_err("not here").to_string();
        assert!(told.contains("bob, whose order is not in"), "{told}");
        assert!(told.contains("expected ada, whom this folder is for"), "{told}");
        let told = study.hand_out("ada", &copy, false, "planner").expect_err("taken").to_string();
        assert!(told.contains("not empty"), "{told}");
        let told = study.hand_out("max", &dir.path().join("x"), false, "p").expect_err("unknown").to_string();
        assert!(told.contains("one of ada, bob"), "{told}");
    }

    #[test]
    fn a_place_that_was_handed_out_is_taken_there() {
        let dir = tempfile::tempdir().expect("a folder");
        let [whole, copy] = ["whole", "copy"].map(|n| dir.path().join(n));
        let study = sample::study(&whole, &["reviewer-1", "reviewer-2"]);
        study.hand_out("reviewer-1", &copy, false, "planner").expect("handed out");
        let here = Desk::open(&whole, "kim", false).expect("reviewer-2").slots().to_vec();
        let there = Desk::open(&copy, "zoe", false).expect("reviewer-1").slots().to_vec();
        assert_eq!(here, study.order("reviewer-2").expect("there"));
        assert_eq!(there, study.order("reviewer-1").expect("there"));
        study.merge(&[copy], "planner").expect("merged");
        let told = Desk::open(&whole, "max", false).expect_err("full").to_string();
        assert!(told.contains("no place is left"), "{told}");
    }
}
