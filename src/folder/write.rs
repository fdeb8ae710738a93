//! Writing a file whole or not at all.

use crate::fault::{Fault, Result};
use std::io::Write;
use std::path::Path;

/// Puts `bytes` at `path`: written beside it, synced, and renamed over what was there, which stays whole until then.
///
/// # Errors
/// A [`Fault`] naming the path; what was there is unchanged.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(|e| Fault::io(dir, "make", &e))?;
    let write = || -> std::io::Result<()> {
        let mut beside = tempfile::Builder::new();
        beside.prefix(".writing-");
        // As any file a program writes: who may read it is for the person's umask to say, not for us.
        #[cfg(unix)]
        beside.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = beside.tempfile_in(dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        // The name is only safe once the folder is on the disk too; not every system can sync one.
        if let Ok(folder) = std::fs::File::open(dir) {
            let _ = folder.sync_all();
        }
        Ok(())
    };
    write().map_err(|e| Fault::io(path, "write", &e).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("deep/file");
        replace(&path, b"one").expect("written");
        replace(&path, b"two").expect("written");
        assert_eq!(std::fs::read(&path).expect("there"), b"two");
        assert_eq!(std::fs::read_dir(dir.path().join("deep")).expect("listed").count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_what_was_there() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("taken");
        std::fs::create_dir(&path).expect("made");
        assert!(replace(&path, b"x").expect_err("a folder is in the way").to_string().contains("taken"));
        assert!(path.is_dir());
    }
}
