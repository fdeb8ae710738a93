//! Questions asked before, for the line editor.

use crate::fault::{Fault, Result};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Questions, oldest first; each different one once, where it was asked last.
#[derive(Debug, Clone, Default)]
pub struct History {
    path: PathBuf,
    questions: Vec<String>,
}

/// More are in the file, but not offered.
const OFFERED: usize = 1_000;

impl History {
    /// The history in a file; lines of it that cannot be read are passed over.
    pub fn load(path: &Path) -> Self {
        let mut history = Self { path: path.to_owned(), questions: Vec::new() };
        let text = std::fs::read(path).unwrap_or_default();
        for question in text.split(|b| *b == b'\n').filter_map(|l| serde_json::from_slice::<String>(l).ok()) {
            history.remember(question);
        }
        history
    }

    /// The questions, oldest first.
    pub fn questions(&self) -> &[String] {
        &self.questions
    }

    /// Adds a question.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written; it is offered all the same.
    pub fn add(&mut self, question: &str) -> Result<()> {
        self.remember(question.to_owned());
        // A string is one JSON line whatever is in it.
        let line = format!("{}\n", serde_json::Value::from(question));
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.path)
            .and_then(|mut f| f.write_all(line.as_bytes()))
            .map_err(|e| Fault::io(&self.path, "write to", &e).into())
    }

    fn remember(&mut self, question: String) {
        self.questions.retain(|q| *q != question);
        self.questions.push(question);
        if self.questions.len() > OFFERED {
            self.questions.remove(0);
        }
    }
}
