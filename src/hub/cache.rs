//! The cache as huggingface_hub lays it out: `models--OWNER--NAME/{blobs,snapshots,refs}`, and locks beside it.

use super::listing::{File, INDEX, Listing, is_commit, shards};
use crate::fault::{Fault, Result};
use crate::folder::{self, Folder};
use crate::job::{Cancel, Progress, Report};
use std::fs::{File as Handle, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Between two tries to get a lock.
const LOOK: Duration = Duration::from_millis(100);

/// A repository's place in the cache.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    root: PathBuf,
    name: String,
}

impl Cache {
    pub(super) fn of(root: &Path, repository: &str) -> Self {
        Self { root: root.to_owned(), name: format!("models--{}", repository.replace('/', "--")) }
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.root.join(&self.name)
    }

    /// Where the content with this etag lies.
    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.folder().join("blobs").join(etag)
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder().join("snapshots").join(commit)
    }

    fn reference(&self, revision: &str) -> PathBuf {
        self.folder().join("refs").join(revision)
    }

    /// The commit that a revision is, as far as is known here.
    pub(super) fn commit(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return Some(revision.to_owned());
        }
        let commit = std::fs::read_to_string(self.reference(revision)).ok()?;
        let commit = commit.trim();
        is_commit(commit).then(|| commit.to_owned())
    }

    /// Notes which commit a revision is.
    pub(super) fn refer(&self, revision: &str, commit: &str) -> Result<()> {
        if revision == commit || self.commit(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        folder::replace(&self.reference(revision), commit.as_bytes())
    }

    /// The files of a snapshot that are here; `None` if it is not, or lacks something that its model needs.
    pub(super) fn complete(&self, commit: &str, named: Option<&str>) -> Option<Vec<String>> {
        let snapshot = Folder::Disk(self.snapshot(commit));
        // What a link leads to may have been removed: it is then not listed.
        let files = snapshot.list().ok()?.into_iter().map(|path| File { path, size: None }).collect();
        let listing = Listing { commit: commit.to_owned(), files };
        let mut needed = listing.needed(named, "cache").ok()?;
        if needed.iter().any(|file| file == INDEX) {
            needed.extend(shards(&snapshot.read(INDEX).ok()?, "cache").ok()?);
        }
        let tokenizer = needed.iter().any(|file| file == "config.json");
        let has = |file: &String| listing.files.iter().any(|f| f.path == *file);
        // Weights without a tokenizer are what an interrupted download of someone else's leaves.
        let whole = needed.iter().all(has)
            && (!tokenizer
                || ["tokenizer.json", "tokenizer.model", "vocab.json"].iter().any(|t| has(&(*t).to_owned())));
        whole.then_some(needed)
    }

    /// Whether a file of a snapshot is here.
    pub(super) fn has(&self, commit: &str, file: &str) -> bool {
        self.snapshot(commit).join(file).is_file()
    }

    /// Links a name of a snapshot to the content with that etag. The link is relative, so that the cache can be moved.
    pub(super) fn point(&self, commit: &str, file: &str, etag: &str) -> Result<()> {
        let pointer = self.snapshot(commit).join(file);
        let dir = pointer.parent().unwrap_or(&pointer);
        std::fs::create_dir_all(dir).map_err(|e| Fault::io(dir, "make", &e))?;
        let up = "../".repeat(2 + file.matches('/').count());
        let to = PathBuf::from(format!("{up}blobs/{etag}"));
        if std::fs::read_link(&pointer).is_ok_and(|there| there == to) {
            return Ok(());
        }
        super::pull::point(&pointer, &to)
    }

    /// Keeps others from downloading the same content, until the handle is dropped.
    pub(super) fn lock(&self, etag: &str, report: Report<'_>, cancel: &Cancel) -> Result<Handle> {
        let path = self.root.join(".locks").join(&self.name).join(format!("{etag}.lock"));
        let dir = path.parent().unwrap_or(&path);
        std::fs::create_dir_all(dir).map_err(|e| Fault::io(dir, "make", &e))?;
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|e| Fault::io(&path, "open", &e))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => {
                    let doing = "waiting for another download of the same file".to_owned();
                    report(Progress { doing, done: 0, total: 0 });
                    cancel.rest(LOOK)?;
                }
                Err(TryLockError::Error(e)) => return Err(Fault::io(&path, "lock", &e).into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_snapshot_is_whole_when_all_that_its_index_names_is_there() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = Cache::of(dir.path(), "owner/name");
        let put = |file: &str, content: &str| {
            let etag = blake3::hash(content.as_bytes()).to_hex().to_string();
            std::fs::create_dir_all(cache.folder().join("blobs")).expect("made");
            std::fs::write(cache.blob(&etag), content).expect("written");
            cache.point(COMMIT, file, &etag).expect("linked");
            etag
        };
        assert_eq!(cache.complete(COMMIT, None), None);
        put("config.json", "{}");
        put(INDEX, r#"{"weight_map": {"a": "deep/one.safetensors"}}"#);
        put("tokenizer.json", "{}");
        assert_eq!(cache.complete(COMMIT, None), None, "a shard is missing");
        let shard = put("deep/one.safetensors", "weights");
        assert_eq!(cache.complete(COMMIT, None).map(|f| f.len()), Some(4));
        std::fs::remove_file(cache.blob(&shard)).expect("removed");
        assert_eq!(cache.complete(COMMIT, None), None, "a link to nothing is no file");
    }

    #[test]
    fn a_branch_is_noted_and_found_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = Cache::of(dir.path(), "owner/name");
        assert_eq!(cache.commit("main"), None);
        cache.refer("main", COMMIT).expect("noted");
        assert_eq!(cache.commit("main").as_deref(), Some(COMMIT));
        assert_eq!(cache.commit(COMMIT).as_deref(), Some(COMMIT));
        cache.refer("refs/pr/1", COMMIT).expect("noted");
        assert!(dir.path().join("models--owner--name/refs/refs/pr/1").is_file());
    }
}
