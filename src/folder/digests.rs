//! Digests of files on disk, remembered for as long as a file stays as it is: a corpus of many megabytes is asked for
//! its digest with every question.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A file that was written to more recently may be written to again without its time telling.
const SETTLED: Duration = Duration::from_secs(2);

#[derive(Hash, PartialEq, Eq)]
struct Key {
    file: Which,
    length: u64,
    modified: SystemTime,
}

/// The same file under another name, as a hard link, is the same file.
#[derive(Hash, PartialEq, Eq)]
enum Which {
    #[cfg(unix)]
    Inode(u64, u64),
    #[cfg_attr(unix, allow(dead_code))]
    Path(PathBuf),
}

static KNOWN: LazyLock<Mutex<HashMap<Key, String>>> = LazyLock::new(Mutex::default);

/// BLAKE3 of the file's contents, as hex.
pub(super) fn of(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let key = key(path, &file.metadata()?);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(key) = &key
        && let Some(digest) = known().get(key)
    {
        return Ok(digest.clone());
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    let digest = hasher.finalize().to_hex().to_string();
    if let Some(key) = key {
        known().insert(key, digest.clone());
    }
    Ok(digest)
}

fn key(path: &Path, about: &Metadata) -> Option<Key> {
    let modified = about.modified().ok()?;
    if SystemTime::now().duration_since(modified).ok()? < SETTLED {
        return None;
    }
    #[cfg(unix)]
    let file = {
        use std::os::unix::fs::MetadataExt;
        let _ = path;
        Which::Inode(about.dev(), about.ino())
    };
    #[cfg(not(unix))]
    let file = Which::Path(path.to_owned());
    Some(Key { file, length: about.len(), modified })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_again_has_another_digest_at_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a");
        std::fs::write(&path, "one").expect("written");
        let first = of(&path).expect("read");
        std::fs::write(&path, "two").expect("written");
        assert_ne!(of(&path).expect("read"), first);
    }

    #[test]
    fn a_settled_file_is_known_by_length_and_time() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a");
        std::fs::write(&path, "one").expect("written");
        let long_ago = SystemTime::now() - Duration::from_secs(60);
        File::options().write(true).open(&path).and_then(|f| f.set_modified(long_ago)).expect("set");
        let first = of(&path).expect("read");
        std::fs::write(&path, "other").expect("written");
        File::options().write(true).open(&path).and_then(|f| f.set_modified(long_ago)).expect("set");
        assert_ne!(of(&path).expect("read"), first, "another length");
        assert_eq!(first, blake3::hash(b"one").to_hex().to_string());
    }
}
