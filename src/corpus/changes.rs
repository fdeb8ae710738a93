//! What has become of a corpus's documents since an index of it was made, so that an index follows by what changed.

use super::documents::{each_raw, is_file, parse};
use super::{Document, Entry};
use crate::fault::Result;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// The documents that an index holds: digests of the files they stood in, and of each of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    files: Vec<KnownFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownFile {
    file: String,
    digest: String,
    /// Id and digest.
    documents: Vec<(String, String)>,
}

/// Something to do to an index of the corpus as it was.
#[derive(Debug)]
pub enum Changes {
    /// Take out the document of that id.
    Remove(String),
    /// Put in this document, of which there is none.
    Add(Box<Document>),
}

impl Known {
    /// How many documents there are.
    pub fn documents(&self) -> usize {
        self.files.iter().map(|f| f.documents.len()).sum()
    }
}

/// How many documents a corpus has, without reading what is in them.
///
/// # Errors
/// A [`crate::fault::Fault`] for a file that cannot be read.
pub fn count(entry: &Entry) -> Result<u64> {
    let mut documents = 0;
    for file in entry.folder.list()?.iter().filter(|n| is_file(n)) {
        each_raw(&entry.folder, file, 0, &mut |_| {
            documents += 1;
            Ok(())
        })?;
    }
    Ok(documents)
}

/// Tells `see` what to do to an index that holds `old`, removals first, with the bytes of documents that were read so
/// far, and returns what it then holds. Files of the same digest are not read again.
///
/// # Errors
/// Those of `see`, and a [`crate::fault::Fault`] for a file that cannot be read.
pub fn changes(entry: &Entry, old: &Known, see: &mut dyn FnMut(Changes, u64) -> Result<()>) -> Result<Known> {
    let folder = &entry.folder;
    let mut files = Vec::new();
    for file in folder.list()?.into_iter().filter(|n| is_file(n)) {
        let digest = folder.digest(&file)?;
        files.push(KnownFile { file, digest, documents: Vec::new() });
    }
    let same: HashSet<(&str, &str)> = {
        let before: HashSet<_> = old.files.iter().map(|f| (f.file.as_str(), f.digest.as_str())).collect();
        files.iter().map(|f| (f.file.as_str(), f.digest.as_str())).filter(|f| before.contains(f)).collect()
    };
    let is_same = |f: &KnownFile| same.contains(&(f.file.as_str(), f.digest.as_str()));
    let mut gone: HashMap<&str, &str> = old
        .files
        .iter()
        .filter(|f| !is_same(f))
        .flat_map(|f| f.documents.iter().map(|(id, digest)| (id.as_str(), digest.as_str())))
        .collect();
    let mut stays: HashSet<String> = HashSet::new();
    if !gone.is_empty() {
        for file in files.iter().filter(|f| !is_same(f)) {
            each_raw(folder, &file.file, 0, &mut |raw| {
                let id = parse(&file.file, &raw)?.id;
                if gone.get(id.as_str()).is_some_and(|d| *d == digest(raw.bytes)) {
                    gone.remove(id.as_str());
                    stays.insert(id);
                }
                Ok(())
            })?;
        }
        let mut removed: Vec<&str> = gone.into_keys().collect();
        removed.sort_unstable();
        for id in removed {
            see(Changes::Remove(id.to_owned()), 0)?;
        }
    }
    let mut bytes = 0;
    let mut known = Vec::with_capacity(files.len());
    for file in &files {
        if is_same(file) {
            known.extend(old.files.iter().find(|f| f.file == file.file).cloned());
            continue;
        }
        let mut documents = Vec::new();
        each_raw(folder, &file.file, 0, &mut |raw| {
            let document = parse(&file.file, &raw)?;
            bytes += raw.bytes.len() as u64;
            documents.push((document.id.clone(), digest(raw.bytes)));
            if stays.contains(&document.id) {
                return Ok(());
            }
            see(Changes::Add(Box::new(document)), bytes)
        })?;
        known.push(KnownFile { documents, ..file.clone() });
    }
    Ok(Known { files: known })
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..32].to_owned()
}
