//! Takes in what comes back from reviewers: journals and acts are united line by line, so that nothing is dropped,
//! nothing counts twice, and it does not matter in which order or how often folders are merged.

use super::act::{Act, Conflict, Deed};
use super::draft::ReviewDraft;
use super::files::Files;
use super::journal::{Journal, Record, current, journals, keep_aside, torn_tail};
use super::lock::DataLock;
use super::review::Review;
use super::whole::Study;
use crate::fault::{Fault, Result};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// What a merge did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Merged {
    /// Lines of journals that were new.
    pub reviews: usize,
    /// Acts that were new.
    pub acts: usize,
    /// Where two records disagreed.
    pub conflicts: Vec<Conflict>,
    /// What a person should look at.
    pub problems: Vec<Fault>,
}

impl Study {
    /// Unites the journals, acts and drafts of copies of this study with its own. Conflicts are listed: of two records
    /// of one showing by one annotator, neither of which knew of the other, the later one stands, and both stay.
    ///
    /// # Errors
    /// A [`Fault`] for a folder that is no copy of this study, before anything is changed; for a journal that someone
    /// is writing to; or if the disk takes no more: merging again then goes on.
    pub fn merge(&self, folders: &[PathBuf], who: &str) -> Result<Merged> {
        let others = folders.iter().map(|dir| self.copy_of_this(dir)).collect::<Result<Vec<_>>>()?;
        let _lock = self.lock()?;
        let mut merged = Merged::default();
        for other in &others {
            for path in journals(&other.files.journals())? {
                self.merge_journal(other, &path, &mut merged)?;
            }
            merged.acts += self.merge_acts(other, &mut merged)?;
            self.merge_drafts(&other.files, &mut merged)?;
        }
        if merged.reviews > 0 {
            let deed = Deed::Merged { reviews: merged.reviews, conflicts: merged.conflicts.clone() };
            self.note(who, deed)?;
        }
        merged.problems.extend(self.double_claims()?);
        Ok(merged)
    }

    fn copy_of_this(&self, dir: &Path) -> Result<Self> {
        let other = Self::open(dir)?;
        let (mine, theirs) = (self.frozen()?, other.frozen()?);
        let differs = [
            ("plan", mine.plan == theirs.plan),
            ("rubric", mine.rubric == theirs.rubric),
            ("key", mine.key == theirs.key),
        ];
        if let Some((what, _)) = differs.iter().find(|(_, same)| !same) {
            return Err(Fault::new(dir.display(), format!("{}, a study with another {what}", other.plan.id))
                .expected(format!("a copy of {}, the study in {}", self.plan.id, self.dir().display()))
                .next("Merge it into the study that it was handed out from.")
                .into());
        }
        Ok(other)
    }

    fn merge_journal(&self, other: &Self, path: &Path, merged: &mut Merged) -> Result<()> {
        let Some(annotator) = path.file_stem().map(|n| n.to_string_lossy().into_owned()) else {
            return Ok(());
        };
        let (theirs, wrong) = Journal::<Review>::read_checked(path, &|r| r.unsound(&self.rubric))?;
        let bytes = std::fs::read(path).map_err(|e| Fault::io(path, "read", &e))?;
        let _lock = DataLock::take_journal(&self.files.lock(&format!("journal-{annotator}")), &annotator)?;
        let mut journal = Journal::<Review>::open_checked(&self.files.journals(), &annotator, &|r| {
            r.unsound(&self.rubric)
        })?;
        merged.problems.extend(journal.problems().iter().chain(&wrong).map(|p| p.0.clone()));
        merged.conflicts.extend(conflicts(journal.records(), &theirs));
        let mine = std::fs::read(journal.path()).map_err(|e| Fault::io(journal.path(), "read", &e))?;
        let (new, torn) = lacking::<Review>(&mine, &bytes);
        journal.append_lines(&new)?;
        merged.reviews += new.len();
        if let Some(torn) = torn {
            keep_torn(journal.path(), torn)?;
        }
        for aside in asides(path)? {
            let torn = std::fs::read(&aside).map_err(|e| Fault::io(&aside, "read", &e))?;
            keep_torn(journal.path(), &torn)?;
        }
        for item in theirs.iter().map(|r| r.item.as_str()).collect::<HashSet<_>>() {
            let read = |files: &Files| std::fs::read(files.item(item)).ok();
            if let (Some(mine), Some(theirs)) = (read(&self.files), read(&other.files))
                && mine != theirs
            {
                merged.problems.push(
                    Fault::new(other.files.item(item).display(), "an item that was changed")
                        .expected(format!("what is in {}", self.files.item(item).display()))
                        .next(format!("Ask {annotator} what was judged there; the judgment is kept.")),
                );
            }
        }
        Ok(())
    }

    fn merge_acts(&self, other: &Self, merged: &mut Merged) -> Result<usize> {
        let path = other.files.acts();
        if !path.is_file() {
            return Ok(0);
        }
        let bytes = std::fs::read(&path).map_err(|e| Fault::io(&path, "read", &e))?;
        let _lock = DataLock::wait(&self.files.lock("acts"))?;
        let mut journal = Journal::<Act>::open(self.dir(), "acts")?;
        merged.problems.extend(journal.problems().iter().map(|p| p.0.clone()));
        let mine = std::fs::read(journal.path()).map_err(|e| Fault::io(journal.path(), "read", &e))?;
        let (new, torn) = lacking::<Act>(&mine, &bytes);
        journal.append_lines(&new)?;
        if let Some(torn) = torn {
            keep_torn(journal.path(), torn)?;
        }
        Ok(new.len())
    }

    /// A draft is taken where there is none, or none with anything that was begun; two of one annotator stay where
    /// they are.
    fn merge_drafts(&self, other: &Files, merged: &mut Merged) -> Result<()> {
        for theirs in super::trials::files(&other.drafts())? {
            let Some(name) = theirs.file_name() else { continue };
            let mine = self.files.drafts().join(name);
            let bytes = std::fs::read(&theirs).map_err(|e| Fault::io(&theirs, "read", &e))?;
            match std::fs::read(&mine) {
                Ok(same) if same == bytes => {}
                // What was judged, or only looked at, is nothing that could be lost.
                Ok(_) if !self.is_begun(&theirs)? => {}
                Ok(_) if !self.is_begun(&mine)? => {
                    let name = mine.file_stem().unwrap_or_default().to_string_lossy();
                    let _lock = DataLock::take_journal(&self.files.lock(&format!("journal-{name}")), &name)?;
                    crate::folder::replace(&mine, &bytes)?;
                }
                Ok(_) => merged.problems.push(
                    Fault::new(theirs.display(), "something begun and not finished")
                        .expected("nothing else begun by the same annotator")
                        .next("It stays in that folder; finish it there, and merge again."),
                ),
                Err(_) => crate::folder::replace(&mine, &bytes)?,
            }
        }
        Ok(())
    }

    /// Whether a draft holds what is in no journal of this study. One that cannot be read may.
    fn is_begun(&self, draft: &Path) -> Result<bool> {
        let bytes = std::fs::read(draft).map_err(|e| Fault::io(draft, "read", &e))?;
        let Ok(begun) = serde_json::from_slice::<ReviewDraft>(&bytes) else { return Ok(true) };
        let name = draft.file_stem().unwrap_or_default().to_string_lossy();
        let journal = self.files.journals().join(format!("{name}.jsonl"));
        let records = if journal.is_file() { Journal::<Review>::read(&journal)?.0 } else { Vec::new() };
        Ok(begun.has_begun() && !records.iter().any(|r| begun.is_of(r)))
    }

    /// Places that two reviewers took, in two copies.
    fn double_claims(&self) -> Result<Vec<Fault>> {
        let (acts, _) = self.acts()?;
        let mut holders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for act in &acts {
            if let Deed::Claimed { place, annotator } = &act.deed {
                let names = holders.entry(place).or_default();
                if !names.contains(&annotator.as_str()) {
                    names.push(annotator);
                }
            }
        }
        let twice = holders.into_iter().filter(|(_, names)| names.len() > 1);
        Ok(twice
            .map(|(place, names)| {
                Fault::new(self.files.acts().display(), format!("{place} taken by {}", names.join(" and ")))
                    .expected("one reviewer for each place")
                    .next("Both judged the same items; what they did is kept and counts for each.")
            })
            .collect())
    }
}

/// The lines of `theirs` that `mine` lacks, each once, in their order, readable or not; and what of `theirs` is the
/// torn end of a line.
fn lacking<'a, R: Record>(mine: &[u8], theirs: &'a [u8]) -> (Vec<&'a [u8]>, Option<&'a [u8]>) {
    let torn = torn_tail::<R>(theirs);
    let whole = &theirs[..theirs.len() - torn.map_or(0, <[u8]>::len)];
    let mut seen: HashSet<&[u8]> = mine.split(|b| *b == b'\n').collect();
    let lines = whole.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
    (lines.filter(|line| seen.insert(line)).collect(), torn)
}

/// Where two journals have records that stand for one showing, and neither holds the other's.
fn conflicts(mine: &[Review], theirs: &[Review]) -> Vec<Conflict> {
    let standing: BTreeMap<_, &Review> = current(mine).into_iter().map(|r| (r.subject(), r)).collect();
    let mut found = Vec::new();
    for theirs_now in current(theirs) {
        let Some(mine_now) = standing.get(&theirs_now.subject()) else { continue };
        if *mine_now == theirs_now || mine.contains(theirs_now) || theirs.contains(mine_now) {
            continue;
        }
        let (stands, gave_way) = if theirs_now.supersedes(mine_now) {
            (theirs_now.at, mine_now.at)
        } else {
            (mine_now.at, theirs_now.at)
        };
        found.push(Conflict {
            item: theirs_now.item.clone(),
            showing: theirs_now.showing,
            annotator: theirs_now.annotator.clone(),
            stands,
            gave_way,
        });
    }
    found
}

/// The files that torn lines of a journal were set aside in.
fn asides(journal: &Path) -> Result<Vec<PathBuf>> {
    let dir = journal.parent().unwrap_or(Path::new("."));
    let stem = journal.file_stem();
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Fault::io(dir, "list", &e).into()),
    };
    let torn = |p: &PathBuf| {
        p.file_stem() == stem && p.extension().is_some_and(|e| e.to_string_lossy().starts_with("torn-"))
    };
    let mut found: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(torn).collect();
    found.sort();
    Ok(found)
}

/// Keeps a torn line beside a journal, once.
fn keep_torn(journal: &Path, torn: &[u8]) -> Result<()> {
    let there = asides(journal)?.iter().any(|aside| std::fs::read(aside).is_ok_and(|bytes| bytes == torn));
    if !there {
        keep_aside(journal, torn)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::study::{Desk, Slot, Verdict};
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// One copy's journal as bytes: what it did to which slot, when, in its own order.
    fn journal(acts: &[(u8, u8, u8)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (slot, second, verdict) in acts {
            let verdict = [Verdict::A, Verdict::B, Verdict::Tie][usize::from(*verdict) % 3];
            let slot = Slot { item: format!("item{}", slot % 4), showing: super::super::Showing::First };
            let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(i64::from(*second) % 8);
            let review = Review { at, ..sample::review("ada", &slot, verdict) };
            bytes.extend(serde_json::to_vec(&review).expect("json"));
            bytes.push(b'\n');
        }
        bytes
    }

    fn united(mine: &[u8], theirs: &[u8]) -> Vec<u8> {
        let mut bytes = mine.to_vec();
        for line in lacking::<Review>(mine, theirs).0 {
            bytes.extend(line);
            bytes.push(b'\n');
        }
        bytes
    }

    fn lines(bytes: &[u8]) -> BTreeSet<&[u8]> {
        bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()).collect()
    }

    /// What stands, whatever the order of lines.
    fn stands(bytes: &[u8]) -> Vec<String> {
        let records: Vec<Review> =
            bytes.split(|b| *b == b'\n').filter_map(|l| serde_json::from_slice(l).ok()).collect();
        current(&records).into_iter().map(|r| serde_json::to_string(r).expect("json")).collect()
    }

    fn some() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
        proptest::collection::vec(any::<(u8, u8, u8)>(), 0..12)
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_idempotent_and_loses_no_line(a in some(), b in some(), c in some()) {
            let [a, b, mut c] = [a, b, c].map(|acts| journal(&acts));
            c.extend(b"a line that an editor broke\n");
            let (ab, ba) = (united(&a, &b), united(&b, &a));
            prop_assert_eq!(lines(&ab), lines(&ba));
            prop_assert_eq!(stands(&ab), stands(&ba));
            let (left, right) = (united(&ab, &c), united(&a, &united(&b, &c)));
            prop_assert_eq!(lines(&left), lines(&right));
            prop_assert_eq!(stands(&left), stands(&right));
            prop_assert_eq!(&united(&left, &a), &left);
            prop_assert_eq!(&united(&left, &left), &left);
            let all: BTreeSet<&[u8]> = [&a, &b, &c].into_iter().flat_map(|j| lines(j)).collect();
            prop_assert_eq!(lines(&left), all);
        }
    }

    /// Everything in a folder but locks, by path.
    fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for entry in std::fs::read_dir(dir).expect("listed").flatten() {
            let path = entry.path();
            if path.is_dir() {
                found.extend(contents(&path));
            } else if !path.components().any(|c| c.as_os_str() == "locks") {
                found.insert(path.clone(), std::fs::read(path).expect("read"));
            }
        }
        found
    }

    fn copy(study: &Study, place: &str, to: &Path) {
        study.hand_out(place, to, false, "planner").expect("handed out");
    }

    #[test]
    fn what_came_back_is_taken_in_once_and_conflicts_are_listed() {
        let dir = tempfile::tempdir().expect("a folder");
        let [whole, one, two] = ["whole", "one", "two"].map(|n| dir.path().join(n));
        let study = sample::study(&whole, &["ada", "bob"]);
        copy(&study, "ada", &one);
        copy(&study, "ada", &two);
        let judge = |dir: &Path, verdict| {
            let mut desk = Desk::open(dir, "ada", false).expect("opened");
            let slot = desk.slots()[0].clone();
            desk.append(sample::review("ada", &slot, verdict)).expect("kept");
            let other = desk.slots()[if verdict == Verdict::A { 1 } else { 2 }].clone();
            desk.append(sample::review("ada", &other, verdict)).expect("kept");
        };
        judge(&one, Verdict::A);
        judge(&two, Verdict::B);

        let merged = study.merge(&[one.clone(), two.clone()], "planner").expect("merged");
        assert_eq!((merged.reviews, merged.conflicts.len()), (4, 1));
        assert_eq!(merged.problems, []);
        assert!(merged.conflicts[0].stands > merged.conflicts[0].gave_way);
        let desk = Desk::open(&whole, "ada", false).expect("opened");
        assert_eq!(desk.tally().done, 3);
        assert_eq!(desk.review(&desk.slots()[0]).and_then(|r| r.verdict), Some(Verdict::B), "the later one");
        drop(desk);

        let before = contents(&whole);
        let again = study.merge(&[two, one], "planner").expect("merged");
        assert_eq!((again.reviews, again.acts, again.conflicts.len()), (0, 0, 0));
        assert_eq!(contents(&whole), before, "merging twice changes nothing");
    }

    #[test]
    fn a_draft_of_what_was_judged_or_only_looked_at_stands_in_nobodys_way() {
        let dir = tempfile::tempdir().expect("a folder");
        let [whole, one] = ["whole", "one"].map(|n| dir.path().join(n));
        let study = sample::study(&whole, &["ada"]);
        copy(&study, "ada", &one);
        let draft = |dir: &Path, draft: ReviewDraft| {
            let desk = Desk::open(dir, "ada", false).expect("opened");
            desk.save_draft(&draft).expect("kept");
        };
        let mut desk = Desk::open(&one, "ada", false).expect("opened");
        let slots = desk.slots().to_vec();
        let review = sample::review("ada", &slots[0], Verdict::A);
        desk.append(review.clone()).expect("kept");
        drop(desk);
        let judged = ReviewDraft {
            slot: Some(slots[0].clone()),
            ratings: review.ratings,
            verdict: review.verdict,
            evidence: review.evidence,
            note: review.note,
            flagged: review.flagged,
            ..ReviewDraft::default()
        };
        let looked_at = ReviewDraft { slot: Some(slots[1].clone()), seconds: 1.5, ..ReviewDraft::default() };
        let begun = ReviewDraft { note: "half a thou".into(), ..looked_at.clone() };
        let merge = || study.merge(std::slice::from_ref(&one), "planner").expect("merged").problems;
        let here = || Desk::open(&whole, "ada", false).expect("opened").draft().0;

        draft(&whole, looked_at.clone());
        draft(&one, judged);
        assert_eq!((merge(), here()), (Vec::new(), looked_at));
        draft(&one, begun.clone());
        assert_eq!((merge(), here()), (Vec::new(), begun.clone()), "taken for one that was only looked at");
        draft(&one, ReviewDraft { note: "another".into(), ..begun.clone() });
        let problems = merge();
        assert!(problems[0].to_string().contains("begun and not finished"), "{problems:?}");
        assert_eq!(here(), begun, "neither is overwritten");
    }

    #[test]
    fn an_amendment_is_no_conflict() {
        let dir = tempfile::tempdir().expect("a folder");
        let [whole, one] = ["whole", "one"].map(|n| dir.path().join(n));
        let study = sample::study(&whole, &["ada"]);
        copy(&study, "ada", &one);
        for verdict in [Verdict::A, Verdict::B] {
            let mut desk = Desk::open(&one, "ada", false).expect("opened");
            let slot = desk.slots()[0].clone();
            desk.append(sample::review("ada", &slot, verdict)).expect("kept");
            drop(desk);
            let merged = study.merge(std::slice::from_ref(&one), "planner").expect("merged");
            assert_eq!((merged.reviews, merged.conflicts.len()), (1, 0));
        }
    }

    #[test]
    fn broken_and_torn_lines_come_along() {
        let dir = tempfile::tempdir().expect("a folder");
        let [whole, one] = ["whole", "one"].map(|n| dir.path().join(n));
        let study = sample::study(&whole, &["ada"]);
        copy(&study, "ada", &one);
        std::fs::create_dir_all(one.join("journals")).expect("made");
        std::fs::write(one.join("journals/ada.jsonl"), "broken by hand\n{\"item\": \"to").expect("written");
        let merged = study.merge(std::slice::from_ref(&one), "planner").expect("merged");
        assert_eq!((merged.reviews, merged.problems.len()), (1, 2));
        assert!(merged.problems[0].place.ends_with("ada.jsonl:1"), "{:?}", merged.problems);
        let read = |name: &str| std::fs::read_to_string(whole.join("journals").join(name)).expect("there");
        assert_eq!(
            (read("ada.jsonl").as_str(), read("ada.torn-1").as_str()),
            ("broken by hand\n", "{\"item\": \"to")
        );
        study.merge(&[one], "planner").expect("merged");
        assert!(!whole.join("journals/ada.torn-2").exists());
    }

    #[test]
    fn another_study_is_refused_by_name_before_anything_is_changed() {
        let dir = tempfile::tempdir().expect("a folder");
        let [whole, copied, other] = ["whole", "copied", "other"].map(|n| dir.path().join(n));
        let study = sample::study(&whole, &["ada"]);
        copy(&study, "ada", &copied);
        let mut desk = Desk::open(&copied, "ada", false).expect("opened");
        let slot = desk.slots()[0].clone();
        desk.append(sample::review("ada", &slot, Verdict::A)).expect("kept");
        drop(desk);
        sample::study(&other, &["ada"]);
        let before = contents(&whole);
        let told = study.merge(&[copied, other], "planner").expect_err("refused").to_string();
        assert!(told.contains("other: found kitchen-sink, a study with another key"), "{told}");
        assert_eq!(contents(&whole), before);
    }
}
