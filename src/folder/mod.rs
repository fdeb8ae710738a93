//! A folder of files that is either on disk or packed into the binary. Corpora and models are read through
//! this, so that nothing else knows the difference.

mod digests;
mod lines;
mod packed;
mod write;

pub use lines::{Found, Lines};
pub use write::replace;

use crate::fault::{Fault, Result};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Where a corpus or a model lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folder {
    /// Inside the binary, below this path (`corpora/biomedicine`).
    Bundled(String),
    /// On disk.
    Disk(PathBuf),
}

impl Folder {
    /// The folders directly below `root` of the bundle (`corpora` or `assets/models`), sorted.
    pub fn bundled_below(root: &str) -> Vec<Self> {
        let mut names: Vec<&str> = packed::files()
            .iter()
            .filter_map(|f| f.path.strip_prefix(root)?.strip_prefix('/')?.split_once('/'))
            .map(|(name, _)| name)
            .collect();
        names.dedup();
        names.into_iter().map(|name| Self::Bundled(format!("{root}/{name}"))).collect()
    }

    /// The last part of the folder's path.
    pub fn name(&self) -> String {
        match self {
            Self::Bundled(path) => path.rsplit('/').next().unwrap_or(path).to_owned(),
            Self::Disk(path) => {
                // A link is called what it is called, not what it leads to; `.` and `..` have no name of their own.
                let full = match path.file_name() {
                    Some(_) => path.clone(),
                    None => path.canonicalize().unwrap_or_else(|_| path.clone()),
                };
                full.file_name()
                    .map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
            }
        }
    }

    /// The path of `file` in it, as it is told to a person.
    pub fn place(&self, file: &str) -> String {
        match self {
            Self::Bundled(path) => format!("{path}/{file} (bundled)"),
            Self::Disk(path) => path.join(file).display().to_string(),
        }
    }

    /// Whether there is such a file.
    pub fn has(&self, file: &str) -> bool {
        match self {
            Self::Bundled(path) => packed::find(&format!("{path}/{file}")).is_some(),
            Self::Disk(path) => path.join(file).is_file(),
        }
    }

    /// How many bytes `file` has; 0 where it is missing.
    pub fn size(&self, file: &str) -> u64 {
        match self {
            Self::Bundled(path) => packed::find(&format!("{path}/{file}")).map_or(0, |f| f.size as u64),
            Self::Disk(path) => std::fs::metadata(path.join(file)).map_or(0, |m| m.len()),
        }
    }

    /// The names of the files below it, relative, with `/`, sorted. Hidden ones are left out. A link to a
    /// file counts as that file, one to a folder as nothing, so that none leads in a circle.
    ///
    /// # Errors
    /// A [`Fault`] if the folder cannot be listed, or holds a name that is not UTF-8.
    pub fn list(&self) -> Result<Vec<String>> {
        match self {
            Self::Bundled(path) => Ok(packed::files()
                .iter()
                .filter_map(|f| Some(f.path.strip_prefix(path.as_str())?.strip_prefix('/')?.to_owned()))
                .collect()),
            Self::Disk(path) => {
                let mut names = Vec::new();
                walk(path, path, &mut names)?;
                names.sort();
                Ok(names)
            }
        }
    }

    /// The contents of `file`.
    ///
    /// # Errors
    /// A [`Fault`] if it is missing or cannot be read.
    pub fn read(&self, file: &str) -> Result<Cow<'static, [u8]>> {
        match self {
            Self::Bundled(path) => match packed::find(&format!("{path}/{file}")) {
                Some(found) => Ok(Cow::Owned(found.unpack())),
                None => Err(self.missing(file)),
            },
            Self::Disk(path) => match std::fs::read(path.join(file)) {
                Ok(bytes) => Ok(Cow::Owned(bytes)),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(self.missing(file)),
                Err(e) => Err(Fault::io(&path.join(file), "read", &e).into()),
            },
        }
    }

    /// The contents of `file` as text.
    ///
    /// # Errors
    /// A [`Fault`] if it is missing, cannot be read, or is not UTF-8 (naming the line and the byte).
    pub fn read_text(&self, file: &str) -> Result<String> {
        utf8(self.read(file)?.into_owned(), &self.place(file))
    }

    /// BLAKE3 of `file`, as hex; known in advance for what is bundled.
    ///
    /// # Errors
    /// A [`Fault`] if it is missing or cannot be read.
    pub fn digest(&self, file: &str) -> Result<String> {
        match self {
            Self::Bundled(path) => match packed::find(&format!("{path}/{file}")) {
                Some(found) => Ok(found.blake3.to_owned()),
                None => Err(self.missing(file)),
            },
            Self::Disk(path) => {
                let path = path.join(file);
                digests::of(&path).map_err(|e| match e.kind() {
                    std::io::ErrorKind::NotFound => self.missing(file),
                    _ => Fault::io(&path, "read", &e).into(),
                })
            }
        }
    }

    /// BLAKE3 over the names and digests of `files`, as hex: the same for a folder on disk and its bundled copy.
    ///
    /// # Errors
    /// As [`Folder::digest`].
    pub fn digest_of(&self, files: &[String]) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        for file in files {
            hasher.update(file.as_bytes()).update(b"\0").update(self.digest(file)?.as_bytes()).update(b"\n");
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn missing(&self, file: &str) -> crate::fault::Error {
        let there = match self.list() {
            Ok(names) if names.is_empty() => "an empty folder".to_owned(),
            Ok(names) => {
                let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
                let more = if names.len() > 5 { ", …" } else { "" };
                format!("no such file beside {shown}{more}")
            }
            Err(_) => "no such folder".to_owned(),
        };
        Fault::new(self.place(file), there)
            .expected(format!("the file {file}"))
            .next("Check the path, or put the missing file there.")
            .into()
    }
}

/// The contents of a file at `place` as text.
///
/// # Errors
/// A [`Fault`] naming the line and the byte that is not UTF-8.
pub fn utf8(bytes: Vec<u8>, place: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|e| {
        let good = e.utf8_error().valid_up_to();
        let bytes = e.as_bytes();
        let line = 1 + bytes[..good].iter().filter(|b| **b == b'\n').count();
        Fault::new(format!("{place}:{line}"), format!("the byte 0x{:02x} at offset {good}", bytes[good]))
            .expected("text in UTF-8")
            .next("Save the file as UTF-8 (for instance with iconv) and try again.")
            .into()
    })
}

/// An asset of the binary that is text, like the default settings.
///
/// # Errors
/// A [`Fault`] if the binary was built without it.
pub fn asset(file: &str) -> Result<String> {
    Folder::Bundled("assets".to_owned()).read_text(file)
}

fn walk(root: &Path, dir: &Path, names: &mut Vec<String>) -> Result<()> {
    let entries = std::fs::read_dir(dir).map_err(|e| Fault::io(dir, "list", &e))?;
    for entry in entries {
        let entry = entry.map_err(|e| Fault::io(dir, "list", &e))?;
        let path = entry.path();
        // `file_type` does not follow links, so that a link to a folder cannot lead in a circle.
        let kind = entry.file_type().map_err(|e| Fault::io(&path, "look at", &e))?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if name.to_str().is_none() {
            return Err(Fault::new(path.display(), format!("the file name {name:?}"))
                .expected("a name in UTF-8")
                .next("Rename the file, or move it elsewhere.")
                .into());
        }
        if kind.is_dir() {
            walk(root, &path, names)?;
        } else if kind.is_file() || path.is_file() {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            names.push(relative.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}
