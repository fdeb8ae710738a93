//! Trials on disk: one JSON file each, below a folder for each corpus.

use crate::compare::{Support, Trial};
use crate::fault::{Fault, Result};
use crate::retrieve::Hit;
use jiff::Timestamp;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The trials of a data folder.
#[derive(Debug, Clone)]
pub struct Trials {
    dir: PathBuf,
}

/// What a list of trials shows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Summary {
    /// The trial's id.
    pub id: String,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// What was asked.
    pub question: String,
    /// The corpus's id.
    pub corpus: String,
    /// Who answered, A then B.
    pub answers: Vec<Contended>,
}

/// Who answered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Contended {
    /// The name of the contender.
    pub contender: String,
}

impl Trials {
    /// The trials below `dir`, which need not exist.
    pub fn below(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Keeps a trial.
    ///
    /// # Errors
    /// A [`Fault`] if the disk would not take it.
    pub fn save(&self, trial: &Trial) -> Result<()> {
        let path = self.path(&trial.corpus, &trial.id)?;
        let json = serde_json::to_vec_pretty(trial)
            .map_err(|e| Fault::new(path.display(), e).expected("a trial that can be written as JSON"))?;
        crate::folder::replace(&path, &json)
    }

    /// The trials of a corpus, newest first, and what is wrong with those that cannot be read.
    ///
    /// # Errors
    /// A [`Fault`] if the folder cannot be listed.
    pub fn list(&self, corpus: &str) -> Result<(Vec<Summary>, Vec<Fault>)> {
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        for path in files(&self.dir.join(file_name(corpus)?))? {
            match read::<Summary>(&path) {
                Ok(summary) => found.push(summary),
                Err(fault) => faults.push(fault),
            }
        }
        found.sort_by(|a, b| b.id.cmp(&a.id));
        Ok((found, faults))
    }

    /// The trial of that id in a corpus.
    ///
    /// # Errors
    /// A [`Fault`] if there is none, or it cannot be read.
    pub fn load(&self, corpus: &str, id: &str) -> Result<Trial> {
        Ok(read_whole(&self.path(corpus, id)?)?)
    }

    /// Every trial of every corpus, by id, and what is wrong with those that cannot be read.
    ///
    /// # Errors
    /// A [`Fault`] if a folder cannot be listed.
    pub fn all(&self) -> Result<(Vec<Trial>, Vec<Fault>)> {
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        let corpora = match std::fs::read_dir(&self.dir) {
            Ok(entries) => entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(Fault::io(&self.dir, "list", &e).into()),
        };
        for path in corpora.iter().map(|dir| files(dir)).collect::<Result<Vec<_>>>()?.into_iter().flatten() {
            match read_whole(&path) {
                Ok(trial) => found.push(trial),
                Err(fault) => faults.push(fault),
            }
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok((found, faults))
    }

    fn path(&self, corpus: &str, id: &str) -> Result<PathBuf> {
        Ok(self.dir.join(file_name(corpus)?).join(format!("{}.json", file_name(id)?)))
    }
}

/// A name from a record that becomes part of a path: it must not lead elsewhere.
fn file_name(name: &str) -> Result<&str> {
    let plain = !name.is_empty()
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if plain {
        return Ok(name);
    }
    Err(Fault::new("trial", format!("the name {name:?}"))
        .expected("letters, digits, hyphens, dots and underscores")
        .next("The record was changed by hand; correct the name.")
        .into())
}

/// Byte ranges of a file that was edited by hand may fall anywhere; nothing is shown before they are looked at.
/// Answers come with what they are called when something is wrong.
pub(super) fn sound<'a>(
    hits: &[Hit],
    answers: impl IntoIterator<Item = (&'a String, &'a Support, String)>,
) -> std::result::Result<(), String> {
    let within = |text: &str, (start, end): (usize, usize)| text.get(start..end).is_some();
    for hit in hits {
        if let Some(range) = hit.matches.iter().find(|r| !within(&hit.text, **r)) {
            return Err(format!("the match {range:?} outside passage {}", hit.rank));
        }
    }
    for (text, support, called) in answers {
        let in_answer =
            support.sentences.iter().map(|s| s.range).chain(support.citations.iter().map(|c| c.range));
        if let Some(range) =
            in_answer.chain(support.spans.iter().map(|s| s.answer)).find(|r| !within(text, *r))
        {
            return Err(format!("the range {range:?} outside {called}"));
        }
        for span in &support.spans {
            let hit = span.passage.checked_sub(1).and_then(|n| hits.get(n));
            if !hit.is_some_and(|hit| within(&hit.text, span.range)) {
                return Err(format!("the range {:?} outside passage {}", span.range, span.passage));
            }
        }
    }
    Ok(())
}

/// The JSON files of a folder, which need not exist, sorted.
pub(super) fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = match std::fs::read_dir(dir) {
        Ok(entries) => entries.flatten().map(|e| e.path()).collect(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(Fault::io(dir, "list", &e).into()),
    };
    paths.retain(|p| p.extension().is_some_and(|e| e == "json"));
    paths.sort();
    Ok(paths)
}

pub(super) fn read_whole(path: &Path) -> Result<Trial, Fault> {
    let trial: Trial = read(path)?;
    let said = trial.answers.iter().map(|a| (&a.text, &a.support, format!("the answer of {}", a.contender)));
    sound(&trial.hits, said).map_err(|what| {
        Fault::new(path.display(), what)
            .expected("a trial as juxta wrote it")
            .next("The file was changed by hand; put back what it was, or set it aside.")
    })?;
    Ok(trial)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Fault> {
    let bytes = std::fs::read(path).map_err(|e| Fault::io(path, "read", &e))?;
    serde_json::from_slice(&bytes).map_err(|e| {
        Fault::new(format!("{}:{}", path.display(), e.line()), e)
            .expected("a trial as juxta wrote it")
            .next("It is left as it is and not shown; put back what it was, or set it aside.")
    })
}
