//! Where everything lies in a study's folder.

use crate::fault::{Fault, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// The paths of a study.
#[derive(Debug, Clone)]
pub struct Files(PathBuf);

impl Files {
    /// Of the study in `dir`.
    pub fn of(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// The plan.
    pub fn plan(&self) -> PathBuf {
        self.0.join("study.toml")
    }

    /// The rubric.
    pub fn rubric(&self) -> PathBuf {
        self.0.join("rubric.toml")
    }

    /// What was done to the study.
    pub fn acts(&self) -> PathBuf {
        self.0.join("acts.jsonl")
    }

    /// Items, one file each.
    pub fn items(&self) -> PathBuf {
        self.0.join("items")
    }

    /// The item of that id.
    pub fn item(&self, id: &str) -> PathBuf {
        self.items().join(format!("{}.json", part(id)))
    }

    /// Journals of reviews, one for each annotator.
    pub fn journals(&self) -> PathBuf {
        self.0.join("journals")
    }

    /// What each annotator judges in which order, one file each.
    pub fn orders(&self) -> PathBuf {
        self.0.join("orders")
    }

    /// The order of a place in the plan.
    pub fn order(&self, place: &str) -> PathBuf {
        self.orders().join(format!("{}.json", part(place)))
    }

    /// What reviewers were entering.
    pub fn drafts(&self) -> PathBuf {
        self.0.join("drafts")
    }

    /// What an annotator was entering.
    pub fn draft(&self, annotator: &str) -> PathBuf {
        self.drafts().join(format!("{}.json", part(annotator)))
    }

    /// What a reviewer does not need and must not see.
    pub fn sealed(&self) -> PathBuf {
        self.0.join("sealed")
    }

    /// Who answered on which side.
    pub fn key(&self) -> PathBuf {
        self.sealed().join("key.json")
    }

    /// What was asked: hits and messages of a question.
    pub fn question(&self, corpus: &str, question: &str) -> PathBuf {
        self.sealed().join("questions").join(part(corpus)).join(format!("{}.json", part(question)))
    }

    /// The answer of a contender to a question.
    pub fn answer(&self, contender: &str, corpus: &str, question: &str) -> PathBuf {
        let dir = self.sealed().join("answers").join(part(contender)).join(part(corpus));
        dir.join(format!("{}.json", part(question)))
    }

    /// The whole trial of an item.
    pub fn trial(&self, item: &str) -> PathBuf {
        self.sealed().join("trials").join(format!("{}.json", part(item)))
    }

    /// A lock: held by a process, of no meaning when nobody holds it.
    pub fn lock(&self, name: &str) -> PathBuf {
        self.0.join("locks").join(part(name))
    }
}

/// A name as part of a path: as it is where that can do no harm, else by its digest.
fn part(name: &str) -> String {
    let plain = (1..=100).contains(&name.len())
        && !name.starts_with(['.', '~'])
        && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if plain { name.to_owned() } else { format!("~{}", &blake3::hash(name.as_bytes()).to_hex()[..16]) }
}

/// A JSON file as juxta wrote it; `what` it is is told of a mistake.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T> {
    let bytes = std::fs::read(path).map_err(|e| Fault::io(path, "read", &e))?;
    serde_json::from_slice(&bytes).map_err(|e| {
        Fault::new(format!("{}:{}", path.display(), e.line()), e)
            .expected(format!("{what} as juxta wrote it"))
            .next("The file was changed or is damaged; put back what it was.")
            .into()
    })
}

/// Writes a JSON file whole.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let json = serde_json::to_vec_pretty(value)
        .map_err(|e| Fault::new(path.display(), e).expected("something that can be written as JSON"))?;
    crate::folder::replace(path, &json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder_and_different_names_stay_apart() {
        let files = Files::of(Path::new("s"));
        let mut seen = std::collections::BTreeSet::new();
        for name in ["../x", "a/b", "", "..", ".hidden", "plain-1.0_x", "~1", "a\0b", "q q", "q  q"] {
            let path = files.item(name);
            assert_eq!(path.parent(), Some(Path::new("s/items")), "{name:?}");
            assert!(seen.insert(path.to_string_lossy().to_lowercase()), "{name:?}");
        }
    }
}
