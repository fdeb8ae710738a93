//! Who has which place of the plan: named reviewers their own, others the first `reviewer-N` that is free.

use super::act::{self, Act, Deed};
use super::lock::DataLock;
use super::plan::is_place;
use super::whole::Study;
use crate::fault::{Fault, Result};

impl Study {
    /// The place of the plan that an annotator has. Who is not in the plan takes a free one now, which is noted.
    ///
    /// # Errors
    /// A [`Fault`] with the names of the plan if there is no place for the annotator, or its order is not in this
    /// folder.
    pub(super) fn claim(&self, annotator: &str) -> Result<String> {
        // Two who come at once must not get one place.
        let _lock = DataLock::wait(&self.files.lock("acts"))?;
        let (acts, _) = self.acts()?;
        let place = match self.plan.annotators.iter().find(|n| *n == annotator) {
            Some(named) if !is_place(named) => return self.here(&acts, named, annotator),
            Some(place) => match holder(&acts, place) {
                Some(who) if who != annotator => {
                    let found = format!("{annotator}, a place that {who} has taken");
                    return Err(self.no_place(
                        &acts,
                        found,
                        &format!("Review as {who}, or under a name of your own."),
                    ));
                }
                Some(_) => return self.here(&acts, place, annotator),
                None => self.here(&acts, place, annotator)?,
            },
            None => match place_of(&acts, annotator) {
                Some(place) => return self.here(&acts, place, annotator),
                None => self.free_place(&acts, annotator)?,
            },
        };
        let deed = Deed::Claimed { place: place.clone(), annotator: annotator.to_owned() };
        act::note_locked(&self.files, annotator, deed)?;
        Ok(place)
    }

    /// The first place for unnamed reviewers that nobody has. In the whole study, what was handed out is judged
    /// elsewhere; in what was handed out, here.
    fn free_place(&self, acts: &[Act], annotator: &str) -> Result<String> {
        let handed_out = |place: &str| {
            acts.iter().any(|a| matches!(&a.deed, Deed::HandedOut { place: p, .. } if p == place))
        };
        let away = |place: &str| self.has_key() && handed_out(place);
        let free =
            self.places_here().into_iter().find(|n| is_place(n) && holder(acts, n).is_none() && !away(n));
        free.map(str::to_owned).ok_or_else(|| {
            let found = format!("{annotator}, for whom no place is left");
            let next = "Name yourself with --annotator: whoever has taken a place goes on under that name.";
            self.no_place(acts, found, next)
        })
    }

    /// The places whose order is in this folder: all of them, or in what was handed out those it is for.
    fn places_here(&self) -> Vec<&str> {
        let names = self.plan.annotators.iter();
        names.filter(|n| self.files.order(n).is_file()).map(String::as_str).collect()
    }

    /// A place whose order is in this folder.
    fn here(&self, acts: &[Act], place: &str, annotator: &str) -> Result<String> {
        if self.files.order(place).is_file() {
            return Ok(place.to_owned());
        }
        let found = format!("{annotator}, whose order is not in {}", self.files.orders().display());
        let next = format!("Review in the whole study, or in the copy handed out to {place}.");
        Err(self.no_place(acts, found, &next))
    }

    fn no_place(&self, acts: &[Act], found: String, next: &str) -> crate::fault::Error {
        let who = |place: &&str| match holder(acts, place) {
            Some(who) if who != *place => format!("{who} (who took {place})"),
            _ => (*place).to_owned(),
        };
        let here: Vec<String> = self.places_here().iter().map(who).collect();
        let expected = match &here[..] {
            [one] => format!("{one}, whom this folder is for"),
            several => format!("one of {}", several.join(", ")),
        };
        Fault::new(self.dir().display(), found).expected(expected).next(next).into()
    }
}

/// Who took a place first.
fn holder<'a>(acts: &'a [Act], place: &str) -> Option<&'a str> {
    acts.iter().find_map(|a| match &a.deed {
        Deed::Claimed { place: p, annotator } if p == place => Some(annotator.as_str()),
        _ => None,
    })
}

/// The place that an annotator took.
fn place_of<'a>(acts: &'a [Act], name: &str) -> Option<&'a str> {
    acts.iter().find_map(|a| match &a.deed {
        Deed::Claimed { place, annotator } if annotator == name => Some(place.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use crate::sample;
    use crate::study::Desk;

    #[test]
    fn unnamed_reviewers_take_places_in_turn_and_keep_them() {
        let dir = tempfile::tempdir().expect("a folder");
        sample::study(dir.path(), &["ada", "reviewer-1", "reviewer-2"]);
        let list = |name: &str| Desk::open(dir.path(), name, false).map(|d| d.slots().to_vec());
        let zoe = list("zoe").expect("reviewer-1");
        let kim = list("kim").expect("reviewer-2");
        assert_ne!(zoe, kim);
        assert_eq!(list("zoe").expect("again"), zoe);
        let told = list("max").expect_err("full").to_string();
        assert!(told.contains("max, for whom no place is left; expected one of ada, zoe (who took reviewer-1), kim (who took"), "{told}");
        let told = list("reviewer-1").expect_err("taken").to_string();
        assert!(told.contains("a place that zoe has taken"), "{told}");
        list("ada").expect("named in the plan");
    }

    #[test]
    fn who_took_a_place_in_two_copies_keeps_it_after_merging() {
        let dir = tempfile::tempdir().expect("a folder");
        let [whole, copy] = ["whole", "copy"].map(|n| dir.path().join(n));
        let study = sample::study(&whole, &["reviewer-1", "reviewer-2"]);
        study.hand_out("reviewer-1", &copy, false, "planner").expect("handed out");
        let zoe = Desk::open(&copy, "zoe", false).expect("reviewer-1").slots().to_vec();
        study.merge(&[copy], "planner").expect("merged");
        assert_eq!(Desk::open(&whole, "zoe", false).expect("known").slots(), zoe);
    }
}
