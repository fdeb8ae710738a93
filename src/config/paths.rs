//! The folders juxta keeps things in.

use crate::fault::{Fault, Result};
use std::path::{Path, PathBuf};

/// The folders and files of one lab.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Everything that is kept.
    pub data: PathBuf,
    /// The person's own settings; need not exist.
    pub settings: PathBuf,
}

impl Paths {
    /// Below `data_dir` if given (settings too), else in the folders the system keeps for programs.
    ///
    /// # Errors
    /// A [`Fault`] if the system knows no home folder.
    pub fn find(data_dir: Option<&Path>) -> Result<Self> {
        if let Some(dir) = data_dir {
            return Ok(Self { data: dir.to_owned(), settings: dir.join("settings.toml") });
        }
        let dirs = directories::ProjectDirs::from("", "", "juxta").ok_or_else(|| {
            Fault::new("home folder", "none that the system knows")
                .expected("a folder to keep judgments in")
                .next("Name one with --data-dir.")
        })?;
        Ok(Self { data: dirs.data_dir().to_owned(), settings: dirs.config_dir().join("settings.toml") })
    }

    /// Indices, named by what they were built from.
    pub fn indices(&self) -> PathBuf {
        self.data.join("indices")
    }

    /// Corpora of the person's own.
    pub fn corpora(&self) -> PathBuf {
        self.data.join("corpora")
    }

    /// Models of the person's own.
    pub fn models(&self) -> PathBuf {
        self.data.join("models")
    }

    /// Trials, one file each, below a folder for each corpus.
    pub fn trials(&self) -> PathBuf {
        self.data.join("trials")
    }

    /// Journals of judgments, one for each annotator.
    pub fn journals(&self) -> PathBuf {
        self.data.join("journals")
    }

    /// Answers that models were measured by, a file for each model, corpus and way of asking.
    pub fn evaluations(&self) -> PathBuf {
        self.data.join("evaluations")
    }

    /// Questions asked, newest last.
    pub fn history(&self) -> PathBuf {
        self.data.join("history.jsonl")
    }

    /// What was being typed when the lab was last open.
    pub fn draft(&self) -> PathBuf {
        self.data.join("draft.json")
    }

    /// Held while a lab is open.
    pub fn lock(&self) -> PathBuf {
        self.data.join("lab.lock")
    }

    /// What happened, for finding out why.
    pub fn log(&self) -> PathBuf {
        self.data.join("juxta.log")
    }

    /// Makes the data folder and shows that it can be written to.
    ///
    /// # Errors
    /// A [`Fault`] naming the folder and how to choose another.
    pub fn make(&self) -> Result<()> {
        let refuse = |e: &std::io::Error| {
            Fault::new(self.data.display(), e)
                .expected("a folder that can be written to")
                .next("Give yourself permission, free some space, or choose another folder with --data-dir.")
        };
        if self.data.is_file() {
            return Err(Fault::new(self.data.display(), "a file")
                .expected("a folder to keep judgments in")
                .next("Choose another folder with --data-dir.")
                .into());
        }
        std::fs::create_dir_all(&self.data).map_err(|e| refuse(&e))?;
        tempfile::Builder::new().prefix(".probe-").tempfile_in(&self.data).map_err(|e| refuse(&e))?;
        Ok(())
    }
}
