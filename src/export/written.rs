//! What an export comes to, before anyone puts it on a disk or a screen.

use crate::text;
use serde::Serialize;
use std::collections::BTreeMap;

/// Files, and what was not put into them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// At least one.
    pub files: Vec<File>,
    /// Judgments that the format has no place for, counted by the reason.
    pub left_out: BTreeMap<&'static str, usize>,
}

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path below the folder that the export is written to.
    pub name: String,
    /// Of a file that explains another: how that one's name is to end, with a full stop, where both stand beside
    /// each other under a name that a person chose.
    pub beside: Option<&'static str>,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl Written {
    pub(super) fn of(file: File) -> Self {
        Self { files: vec![file], ..Self::default() }
    }

    pub(super) fn leave_out(&mut self, reason: &'static str) {
        *self.left_out.entry(reason).or_default() += 1;
    }

    /// The files that hold judgments.
    pub fn main(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|f| f.beside.is_none())
    }
}

impl File {
    pub(super) fn main(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), beside: None, bytes }
    }

    pub(super) fn beside(name: &str, ending: &'static str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), beside: Some(ending), bytes }
    }
}

/// One value a line.
pub(super) fn json_lines<T: Serialize>(values: impl IntoIterator<Item = T>) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for value in values {
        bytes.extend(text::json_line(&value)?.into_bytes());
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// One value, over several lines.
pub(super) fn json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = text::json(value)?.into_bytes();
    bytes.push(b'\n');
    Ok(bytes)
}
