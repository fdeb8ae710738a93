//! A study's folder, opened: its plan and rubric, found to be what was frozen.

use super::act::{self, Act, Deed};
use super::assign::{Division, Slot, assign};
use super::files::{Files, read_json, write_json};
use super::item::{Item, Reference};
use super::journal::Problem;
use super::key::Key;
use super::lock::DataLock;
use super::plan::{Frozen, Plan};
use super::rubric::Rubric;
use super::{toml_file, trials};
use crate::compare::Trial;
use crate::fault::{Fault, Result};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A study.
#[derive(Debug, Clone)]
pub struct Study {
    pub(super) files: Files,
    pub(super) plan: Plan,
    pub(super) rubric: Rubric,
}

/// BLAKE3 digests, as hex, of what answers are made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// Of each corpus, by id.
    pub corpora: BTreeMap<String, String>,
    /// Of each contender's model, by its name in the plan.
    pub contenders: BTreeMap<String, String>,
}

impl Study {
    /// Writes a new study, which must not be there yet: a folder that is there has to be empty.
    ///
    /// # Errors
    /// A [`Fault`] for a folder that holds something, or a plan or rubric with a mistake.
    pub fn create(dir: &Path, plan: &Plan, rubric: &Rubric, who: &str) -> Result<Self> {
        empty(dir)?;
        let files = Files::of(dir);
        let (text, rubric_text) = (plan.text(), rubric.text()?);
        Plan::parse(&text, &files.plan().display().to_string())?;
        Rubric::parse(&rubric_text, &files.rubric().display().to_string())?;
        crate::folder::replace(&files.rubric(), rubric_text.as_bytes())?;
        // Last: a folder is a study once it has a plan.
        crate::folder::replace(&files.plan(), text.as_bytes())?;
        act::note(&files, who, Deed::Planned)?;
        Self::open(dir)
    }

    /// Opens a study. Reads plan and rubric, and no item.
    ///
    /// # Errors
    /// A [`Fault`] if it is none, for a mistake in plan or rubric, and for a value that was changed after it was
    /// frozen, by its name.
    pub fn open(dir: &Path) -> Result<Self> {
        let files = Files::of(dir);
        if !files.plan().is_file() {
            return Err(Fault::new(dir.display(), "no study.toml")
                .expected("the folder of a study")
                .next("Check the path, or plan a study with `juxta study new`.")
                .into());
        }
        let (plan_path, rubric_path) = (files.plan(), files.rubric());
        let (text, rubric_text) = (toml_file::read(&plan_path)?, toml_file::read(&rubric_path)?);
        let plan = Plan::parse(&text, &plan_path.display().to_string())?;
        let rubric = Rubric::parse(&rubric_text, &rubric_path.display().to_string())?;
        let study = Self { files, plan, rubric };
        if let Some(frozen) = &study.plan.frozen {
            study.unchanged(&plan_path, &text, &frozen.plan, |deed| match deed {
                Deed::Frozen { plan_digest, plan, .. } => Some((plan_digest, plan)),
                _ => None,
            })?;
            study.unchanged(&rubric_path, &rubric_text, &frozen.rubric, |deed| match deed {
                Deed::Frozen { rubric_digest, rubric, .. } => Some((rubric_digest, rubric)),
                _ => None,
            })?;
        }
        Ok(study)
    }

    fn unchanged(
        &self,
        path: &Path,
        text: &str,
        frozen: &str,
        kept: impl Fn(&Deed) -> Option<(&String, &serde_json::Value)>,
    ) -> Result<()> {
        let place = path.display().to_string();
        let values = toml_file::values(text, &place)?;
        if toml_file::digest(&values) == frozen {
            return Ok(());
        }
        // What it was is in the acts, unless they were changed too; the digest decides.
        let acts = self.acts().map(|(acts, _)| acts).unwrap_or_default();
        let was = acts.iter().filter_map(|a| kept(&a.deed)).find(|(digest, _)| *digest == frozen);
        let names = was.map(|(_, was)| toml_file::changed(was, &values)).unwrap_or_default();
        let (place, next) = match (names.as_slice(), was) {
            ([], _) | (_, None) => {
                (place, "Put the file back as it was when answers were first generated.".into())
            }
            (names, Some((_, was))) => {
                let value = names.iter().fold(String::new(), |told, name| {
                    let value = name.split('.').try_fold(was, |v, part| v.get(part));
                    let value = value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
                    format!("{told}{}{name} = {value}", if told.is_empty() { "" } else { ", " })
                });
                (format!("{place}, {}", names.join(", ")), format!("Put it back: {value}."))
            }
        };
        Err(Fault::new(place, "a change after the study was frozen")
            .expected("what it was when answers were first generated")
            .next(format!("{next} For another plan, begin another study."))
            .into())
    }

    /// Keeps others from generating, merging or unblinding at the same time, while it is held.
    ///
    /// # Errors
    /// A [`Fault`] that names the process at work.
    pub fn lock(&self) -> Result<DataLock> {
        DataLock::take_study(&self.files.lock("study"))
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        self.files.dir()
    }

    /// Where everything lies.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// What was planned.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What reviewers judge by.
    pub fn rubric(&self) -> &Rubric {
        &self.rubric
    }

    /// What was done so far, and what of it cannot be read.
    ///
    /// # Errors
    /// A [`Fault`] if the file cannot be read.
    pub fn acts(&self) -> Result<(Vec<Act>, Vec<Problem>)> {
        act::read(&self.files)
    }

    /// Notes an act of `who`.
    ///
    /// # Errors
    /// A [`Fault`] if the disk would not take it.
    pub fn note(&self, who: &str, deed: Deed) -> Result<()> {
        act::note(&self.files, who, deed)
    }

    /// What was fixed.
    ///
    /// # Errors
    /// A [`Fault`] if nothing is yet.
    pub fn frozen(&self) -> Result<&Frozen> {
        self.plan.frozen.as_ref().ok_or_else(|| {
            Fault::new(self.dir().display(), "a study without answers")
                .expected("one whose answers were generated")
                .next("Generate them with `juxta study generate`.")
                .into()
        })
    }

    /// Fixes plan, rubric and sides for `questions` (corpus and id): the sides are drawn by fresh randomness and kept
    /// in `sealed/`, the digest of what was drawn is written into the plan. Then everyone's order is known too.
    ///
    /// # Errors
    /// A [`Fault`] if it is frozen already, or the disk would not take it; the study is then as it was.
    pub fn freeze(&mut self, questions: &[(String, String)], sources: Sources, who: &str) -> Result<Key> {
        if self.plan.frozen.is_some() {
            return Err(Fault::new(self.files.plan().display(), "a study that is frozen already")
                .expected("one that is not")
                .into());
        }
        let place = self.files.plan().display().to_string();
        let text = toml_file::read(&self.files.plan())?;
        let rubric_text = toml_file::read(&self.files.rubric())?;
        let plan = toml_file::values(&text, &place)?;
        let rubric = toml_file::values(&rubric_text, &self.files.rubric().display().to_string())?;

        let key = Key::draw(&self.plan, questions, &rand::random());
        write_json(&self.files.key(), &key)?;
        let order = assign(&key.asked(), &self.division());
        for (place, slots) in std::iter::zip(&self.plan.annotators, &order) {
            write_json(&self.files.order(place), slots)?;
        }
        let frozen = Frozen {
            at: Timestamp::now(),
            plan: toml_file::digest(&plan),
            rubric: toml_file::digest(&rubric),
            key: self.key_digest()?,
            corpora: sources.corpora,
            contenders: sources.contenders,
        };
        // From here on it counts. The acts first: they only say what was, the plan decides.
        self.note(
            who,
            Deed::Frozen {
                plan_digest: frozen.plan.clone(),
                plan,
                rubric_digest: frozen.rubric.clone(),
                rubric,
                key_digest: frozen.key.clone(),
            },
        )?;
        let appended = format!("{}\n\n{}", text.trim_end(), frozen_text(&frozen)?);
        crate::folder::replace(&self.files.plan(), appended.as_bytes())?;
        self.plan.frozen = Some(frozen);
        Ok(key)
    }

    /// How items are divided among annotators.
    pub(super) fn division(&self) -> Division<'_> {
        Division {
            seed: self.plan.seed,
            annotators: &self.plan.annotators,
            overlap: self.plan.overlap,
            repeat: self.plan.repeat,
        }
    }

    /// Whether the folder holds what a reviewer must not see: it is then no hand-out.
    pub fn has_key(&self) -> bool {
        self.files.key().is_file()
    }

    pub(super) fn key_digest(&self) -> Result<String> {
        let path = self.files.key();
        let bytes = std::fs::read(&path).map_err(|e| Fault::io(&path, "read", &e))?;
        Ok(blake3::hash(&bytes).to_hex().to_string())
    }

    /// The sealed key, found to be the one that was committed to.
    ///
    /// # Errors
    /// A [`Fault`] if it is not there, or another one.
    pub fn key(&self) -> Result<Key> {
        let frozen = self.frozen()?;
        if !self.has_key() {
            return Err(Fault::new(self.files.key().display(), "no key")
                .expected("the whole study, with what is sealed")
                .next("A reviewer's copy has none: use the folder it was handed out from.")
                .into());
        }
        let digest = self.key_digest()?;
        if digest != frozen.key {
            return Err(Fault::new(self.files.key().display(), format!("a key with the digest {digest}"))
                .expected(format!("{}, as study.toml commits to", frozen.key))
                .next("The key is not the one that sides were assigned by; put back the one that was.")
                .into());
        }
        read_json(&self.files.key(), "a key")
    }

    /// The order of a place in the plan.
    ///
    /// # Errors
    /// A [`Fault`] if it is not there or cannot be read.
    pub fn order(&self, place: &str) -> Result<Vec<Slot>> {
        self.frozen()?;
        read_json(&self.files.order(place), "a reviewer's order")
    }

    /// Keeps a trial (A the baseline, B the other) as the item `id` of `key`: whole in `sealed/`, and without what
    /// tells who answered among the items.
    ///
    /// # Errors
    /// A [`Fault`] for an item that is not in the key, or if the disk would not take it.
    pub fn keep(&self, key: &Key, id: &str, trial: &Trial, reference: Option<Reference>) -> Result<()> {
        let sealed = key.items.get(id).ok_or_else(|| {
            Fault::new(self.files.key().display(), format!("no item {id}")).expected("an item of the key")
        })?;
        let trial = Trial { id: id.to_owned(), ..trial.clone() };
        let item = Item::of(&trial, sealed, &self.plan.baseline, reference);
        write_json(&self.files.trial(id), &trial)?;
        write_json(&self.files.item(id), &item)
    }

    /// The whole trial of an item: who answered, how, how fast.
    ///
    /// # Errors
    /// A [`Fault`] if it is not there or cannot be read.
    pub fn trial(&self, item: &str) -> Result<Trial> {
        Ok(trials::read_whole(&self.files.trial(item))?)
    }

    /// The item of that id, as it lies in its file.
    ///
    /// # Errors
    /// A [`Fault`] if it is not there or cannot be read.
    pub fn item(&self, id: &str) -> Result<Item> {
        Item::read(&self.files, id)
    }

    /// The ids of the items that are there, sorted.
    ///
    /// # Errors
    /// A [`Fault`] if the folder cannot be listed.
    pub fn item_ids(&self) -> Result<Vec<String>> {
        let names = trials::files(&self.files.items())?;
        Ok(names.iter().filter_map(|p| Some(p.file_stem()?.to_string_lossy().into_owned())).collect())
    }
}

/// Nothing, or a folder with nothing in it.
pub(super) fn empty(dir: &Path) -> Result<()> {
    let found = match std::fs::read_dir(dir).map(|mut entries| entries.next().is_some()) {
        Ok(false) => return Ok(()),
        Ok(true) => "a folder that is not empty",
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(_) if dir.is_file() => "a file",
        Err(e) => return Err(Fault::io(dir, "list", &e).into()),
    };
    Err(Fault::new(dir.display(), found)
        .expected("a new folder, or an empty one")
        .next("Choose another name: nothing that is there is overwritten.")
        .into())
}

fn frozen_text(frozen: &Frozen) -> Result<String> {
    #[derive(Serialize)]
    struct Table<'a> {
        frozen: &'a Frozen,
    }
    toml::to_string(&Table { frozen }).map_err(|e| {
        Fault::new("study.toml, frozen", e).expected("something that can be written as TOML").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_folder_that_holds_something_is_never_written_to() {
        let dir = tempfile::tempdir().expect("a folder");
        let study = sample::planned(&dir.path().join("s"));
        let again = Study::create(study.dir(), study.plan(), study.rubric(), "me").expect_err("refused");
        assert!(again.to_string().contains("not empty"), "{again}");
        let empty = dir.path().join("empty");
        std::fs::create_dir(&empty).expect("made");
        Study::create(&empty, study.plan(), study.rubric(), "me").expect("taken");
    }

    #[test]
    fn before_it_is_frozen_a_plan_may_be_edited() {
        let dir = tempfile::tempdir().expect("a folder");
        let study = sample::planned(dir.path());
        let path = study.files().plan();
        let text = std::fs::read_to_string(&path).expect("there").replace("overlap = 0.5", "overlap = 0.25");
        std::fs::write(&path, text).expect("written");
        assert!((Study::open(dir.path()).expect("sound").plan().overlap - 0.25).abs() < f64::EPSILON);
    }

    #[test]
    fn after_it_is_frozen_a_change_is_named_and_a_comment_is_no_change() {
        let dir = tempfile::tempdir().expect("a folder");
        let study = sample::study(dir.path(), &["ada", "bob"]);
        let changed = |path: &Path, from: &str, to: &str| {
            let text = std::fs::read_to_string(path).expect("there");
            assert!(text.contains(from), "{from} in {text}");
            std::fs::write(path, text.replace(from, to)).expect("written");
            let told = Study::open(dir.path()).map(|_| ()).map_err(|e| e.to_string());
            std::fs::write(path, text).expect("written");
            told
        };
        let plan = study.files().plan();
        let told = changed(&plan, "overlap = 0.5", "overlap = 0.75").expect_err("refused");
        assert!(told.contains("study.toml, overlap: found a change after the study was frozen"), "{told}");
        assert!(told.contains("Put it back: overlap = 0.5."), "{told}");
        let told = changed(&plan, "max_tokens", "seed = 1 #").expect_err("refused");
        assert!(told.contains("study.toml:"), "{told}");
        let told = changed(&study.files().rubric(), "wholly right", "right").expect_err("refused");
        assert!(told.contains("rubric.toml, criteria: found a change"), "{told}");
        changed(&plan, "overlap = 0.5", "# as agreed\noverlap  =  0.50").expect("no change");
        std::fs::remove_file(study.files().acts()).expect("removed");
        let told = changed(&plan, "overlap = 0.5", "overlap = 0.75").expect_err("refused");
        assert!(told.contains("study.toml: found a change"), "{told}");
    }

    #[test]
    fn another_key_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let study = sample::study(dir.path(), &["ada"]);
        let path = study.files().key();
        let text = std::fs::read_to_string(&path).expect("there");
        study.key().expect("the one");
        std::fs::write(&path, format!("{text} ")).expect("written");
        assert!(study.key().expect_err("another").to_string().contains("as study.toml commits to"));
    }
}
