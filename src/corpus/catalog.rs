//! Which corpora there are: the bundled ones and those in the data folder.

use super::manifest::{self, Manifest};
use super::{Corpus, read};
use crate::fault::{Error, Fault, Result};
use crate::folder::Folder;
use serde::Serialize;
use std::path::Path;

/// A corpus that was found, not read beyond its manifest.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// What its `corpus.toml` says.
    #[serde(flatten)]
    pub manifest: Manifest,
    /// Whether it came with the binary.
    pub bundled: bool,
    /// Where it lies.
    #[serde(skip)]
    pub folder: Folder,
}

/// The corpora that were found.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Bundled ones first, then those of the data folder, each by id.
    pub entries: Vec<Entry>,
    /// What is wrong with those that could not be listed.
    pub faults: Vec<Fault>,
}

impl Catalog {
    /// Looks into the bundle and, if given, into a folder of corpora. A broken corpus becomes a fault and keeps
    /// nobody from the others; of two with one id the first wins, and the second becomes a fault.
    pub fn discover(corpora_dir: Option<&Path>) -> Self {
        let mut folders = Folder::bundled_below("corpora");
        let mut catalog = Self::default();
        match corpora_dir.map(|dir| (dir, std::fs::read_dir(dir))) {
            Some((_, Ok(entries))) => {
                let hidden = |e: &std::fs::DirEntry| e.file_name().as_encoded_bytes().starts_with(b".");
                let mut own: Vec<_> = entries.flatten().filter(|e| !hidden(e)).map(|e| e.path()).collect();
                own.retain(|p| p.is_dir());
                own.sort();
                folders.extend(own.into_iter().map(Folder::Disk));
            }
            Some((dir, Err(e))) if e.kind() != std::io::ErrorKind::NotFound => {
                catalog.faults.push(Fault::io(dir, "list", &e));
            }
            Some(_) | None => {}
        }
        for folder in folders {
            match entry(&folder) {
                Ok(new) => match catalog.entries.iter().find(|e| e.manifest.id == new.manifest.id) {
                    Some(old) => catalog.faults.push(
                        Fault::new(
                            folder.place(manifest::FILE),
                            format!("the id {:?} again", new.manifest.id),
                        )
                        .expected(format!("an id other than that of {}", old.folder.place(manifest::FILE)))
                        .next("Change one of the two ids."),
                    ),
                    None => catalog.entries.push(new),
                },
                Err(Error::Fault(fault)) => catalog.faults.push(*fault),
                Err(Error::Cancelled) => {}
            }
        }
        catalog
    }

    /// The corpus of that id, or at that path.
    ///
    /// # Errors
    /// A [`Fault`] that lists the known ids, or says what is wrong at the path.
    pub fn find(&self, id_or_path: &str) -> Result<Entry> {
        if let Some(found) = self.entries.iter().find(|e| e.manifest.id == id_or_path) {
            return Ok(found.clone());
        }
        if Path::new(id_or_path).is_dir() {
            return entry(&Folder::Disk(id_or_path.into()));
        }
        let known: Vec<_> = self.entries.iter().map(|e| e.manifest.id.as_str()).collect();
        Err(Fault::new("corpus", format!("{id_or_path:?}"))
            .expected(format!("one of {}, or the path of a corpus folder", known.join(", ")))
            .next("`juxta corpus list` shows what there is.")
            .into())
    }
}

impl Entry {
    /// Reads the corpus whole.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read(&self) -> Result<Corpus> {
        read(&self.folder)
    }

    /// The digest the corpus has now, without parsing it.
    ///
    /// # Errors
    /// A [`Fault`] if its files cannot be read.
    pub fn digest(&self) -> Result<String> {
        let names: Vec<String> =
            self.folder.list()?.into_iter().filter(|n| super::read::belongs(n)).collect();
        self.folder.digest_of(&names)
    }
}

fn entry(folder: &Folder) -> Result<Entry> {
    let manifest = Manifest::parse(&folder.read_text(manifest::FILE)?, &folder.place(manifest::FILE))?;
    Ok(Entry { manifest, bundled: matches!(folder, Folder::Bundled(_)), folder: folder.clone() })
}
