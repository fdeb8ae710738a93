//! A report from files of judgments: of a study made elsewhere, or of one whose folder is not at hand.
//!
//! What a plan would say has to be found in the files: who the baseline is, what was rated and on which scale. What
//! they do not say is asked for, or taken from the judgments, and then the report says so.

use super::about::contenders;
use super::{About, Criterion, Report, words};
use crate::export::{Read, Renamed, read_files};
use crate::fault::{Fault, Result};
use crate::study::Rated;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Files of judgments, and what they do not say themselves.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere {
    /// One or more, `.csv`, `.tsv` or `.jsonl`.
    pub files: Vec<PathBuf>,
    /// What their columns are called.
    pub columns: Renamed,
    /// The contender that every other one is compared with.
    pub baseline: Option<String>,
    /// The highest degree of the criteria of which no file says it.
    pub highest: Option<u8>,
    /// What the report is called.
    pub title: Option<String>,
}

impl Elsewhere {
    /// What the report is called, before the files are read.
    pub fn name(&self) -> String {
        self.title.clone().unwrap_or_else(|| format!("Judgments of {}", files(&self.files)))
    }

    fn contenders(&self, read: &Read, remarks: &mut Vec<String>) -> Result<(String, Vec<String>)> {
        let names: BTreeSet<&str> =
            read.judgments.iter().flat_map(|r| &r.contenders).map(String::as_str).collect();
        let baseline = match &self.baseline {
            Some(named) if names.contains(named.as_str()) => named.clone(),
            Some(named) => {
                return Err(Fault::new("--baseline", format!("{named:?}"))
                    .expected(format!("one of {}", listed(&names)))
                    .next("Name the contender that the others are compared with.")
                    .into());
            }
            None => self.found_baseline(read, &names, remarks)?,
        };
        let others = names.into_iter().filter(|n| *n != baseline).map(str::to_owned).collect();
        Ok((baseline, others))
    }

    /// The contender that the judgments call the baseline, or else the only one that is in all of them.
    fn found_baseline(
        &self,
        read: &Read,
        names: &BTreeSet<&str>,
        remarks: &mut Vec<String>,
    ) -> Result<String> {
        let said: BTreeSet<&str> =
            read.judgments.iter().filter_map(|r| Some(r.contenders[r.baseline?].as_str())).collect();
        if let [one] = *said.iter().copied().collect::<Vec<_>>() {
            return Ok(one.to_owned());
        }
        let everywhere =
            |name: &&&str| read.judgments.iter().all(|r: &Rated| r.contenders.iter().any(|c| c == **name));
        let candidates: Vec<&str> = names.iter().filter(everywhere).copied().collect();
        if let ([one], true) = (&candidates[..], said.is_empty()) {
            remarks.push(format!(
                "The judgments do not say who the baseline is: it is taken to be {one}, whom every other one was \
                 compared with."
            ));
            return Ok((*one).to_owned());
        }
        let found = if said.is_empty() {
            "judgments that do not say who the baseline is".to_owned()
        } else {
            format!("judgments with several baselines, {}", listed(&said))
        };
        Err(Fault::new(files(&self.files), found)
            .expected("one contender that the others are compared with")
            .next(format!("Say who it is: --baseline with one of {}.", listed(names)))
            .into())
    }

    fn criteria(&self, read: &Read, remarks: &mut Vec<String>) -> Result<Vec<Criterion>> {
        let mut guessed: Vec<String> = Vec::new();
        let mut criteria = Vec::new();
        for id in &read.told.criteria {
            let degrees = read.judgments.iter().flat_map(|r| &r.ratings).filter_map(|m| m.scores.get(id));
            let Some(given) = degrees.max().copied() else { continue };
            let highest = match read.told.highest.get(id).copied().or(self.highest) {
                Some(highest) if highest >= given => highest,
                Some(highest) => {
                    return Err(Fault::new(files(&self.files), format!("{given} given for {id}"))
                        .expected(format!("degrees up to {highest}, where the scale ends"))
                        .next("Correct the degree or the end of the scale.")
                        .into());
                }
                None => {
                    guessed.push(format!("{id} at {}", given.max(2)));
                    given.max(2)
                }
            };
            criteria.push(Criterion { id: id.clone(), name: name(id), highest });
        }
        if !guessed.is_empty() {
            remarks.push(format!(
                "The files do not say where scales end: taken to be the highest degree given, {}. Intervals that may \
                 be looked at any time rest on it; --highest says better.",
                guessed.join(", ")
            ));
        }
        Ok(criteria)
    }
}

impl Report {
    /// The report of judgments in files. Beside it, what a person should look at: records that do not count, and of
    /// two that differ the one that gave way.
    ///
    /// # Errors
    /// A [`Fault`] with file and line for what cannot be read, and where it is not known who the baseline is.
    pub fn elsewhere(from: &Elsewhere) -> Result<(Self, Vec<Fault>)> {
        let mut read = read_files(&from.files, &from.columns)?;
        let mut remarks = vec![format!("Read from {}.", files(&from.files))];
        for (n, what) in [
            (read.duplicates, "there more than once, and counted once"),
            (read.conflicts.len(), "recorded again, otherwise: the later record stands"),
            (read.passed_over.len(), "not complete, and not counted"),
        ] {
            if n > 0 {
                remarks.push(format!("{}: {what}.", words::counted(n, "record")));
            }
        }
        if read.told.studies.len() > 1 {
            let studies: Vec<&str> = read.told.studies.iter().map(String::as_str).collect();
            remarks.push(format!(
                "They come from several studies, {}: questions with the same id of the same corpus are taken to be the \
                 same question.",
                studies.join(", ")
            ));
        }
        let (baseline, against) = from.contenders(&read, &mut remarks)?;
        let criteria = from.criteria(&read, &mut remarks)?;
        let title = match (&from.title, read.told.studies.iter().next()) {
            (None, Some(study)) if read.told.studies.len() == 1 => format!("Judgments of {study}"),
            _ => from.name(),
        };
        let seeds: Vec<u64> = read.told.seeds.iter().copied().collect();
        let about = About {
            id: read.told.studies.iter().cloned().collect::<Vec<_>>().join("+"),
            title,
            // Of several studies none has a better claim.
            seed: if let [one] = seeds[..] { one } else { 0 },
            corpora: Vec::new(),
            questions: None,
            contenders: contenders(&baseline, &against, &read.told.examples),
            criteria,
            tags: std::mem::take(&mut read.told.tags),
            annotators: Vec::new(),
        };
        let mut report = Self::unblinded(&about, Vec::new(), &read.judgments);
        report.remarks = remarks;
        let mut problems = std::mem::take(&mut read.conflicts);
        problems.append(&mut read.passed_over);
        Ok((report, problems))
    }
}

/// The names of files, or how many there are.
fn files(paths: &[PathBuf]) -> String {
    let name = |p: &PathBuf| p.file_name().unwrap_or(p.as_os_str()).to_string_lossy().into_owned();
    match paths {
        [one] => name(one),
        [_, _] | [_, _, _] => paths.iter().map(name).collect::<Vec<_>>().join(", "),
        many => format!("{} files", many.len()),
    }
}

fn listed(names: &BTreeSet<&str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(", ")
}

/// What a criterion is called, by its id.
fn name(id: &str) -> String {
    let mut letters = id.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    (first + letters.as_str()).replace(['-', '_'], " ")
}
