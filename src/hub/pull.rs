//! Pulling a model: its files into the shared cache, and its name among the models.

use super::Hub;
use super::cache::Cache;
use super::download::{Download, MEGABYTE, So};
use super::listing::{INDEX, Listing, is_commit, safe, shards};
use crate::fault::{Fault, Result};
use crate::job::{Cancel, Progress, Report};
use crate::net::Address;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What a hub says of a repository is short, even of one with thousands of files.
const LONGEST_LISTING: usize = 32 << 20;
const USUAL: &str = "main";

/// What to pull.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// `OWNER/NAME`.
    pub repository: String,
    /// A branch, a tag or a commit; `main` if left out.
    pub revision: Option<String>,
    /// Of several GGUF files, which.
    pub file: Option<String>,
}

/// What was pulled.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// The folder of its files.
    pub snapshot: PathBuf,
    /// Of a GGUF file, which it is.
    pub file: Option<String>,
    /// The commit.
    pub commit: String,
    /// Files that the model needs.
    pub files: usize,
    /// How many of them were fetched now; the rest was there.
    pub fetched: usize,
    /// Why the hub was not asked, where it could not be.
    pub unasked: Option<Fault>,
}

/// Brings a model's files into the cache, as far as they are not there.
///
/// # Errors
/// A [`Fault`] for a name that is none, a repository that is not there or not for this account, one without a model,
/// files that are not what the hub says, a disk that takes no more; [`crate::fault::Error::Cancelled`]. What was fetched
/// by then is kept and gone on with.
pub fn pull(hub: &Hub, wanted: &Wanted, report: Report<'_>, cancel: &Cancel) -> Result<Pulled> {
    named(&wanted.repository)?;
    let revision = wanted.revision.as_deref().unwrap_or(USUAL);
    safe(revision, "--revision")?;
    let (cache, file) = (Cache::of(&hub.cache, &wanted.repository), wanted.file.as_deref());
    if let Some(file) = file {
        safe(file, "--file")?;
    }
    let here = |commit: &str| {
        let files = cache.complete(commit, file)?;
        Some(pulled(&cache, commit, &files))
    };
    // A commit never changes.
    if is_commit(revision)
        && let Some(found) = here(revision)
    {
        return Ok(found);
    }
    let known = cache.commit(revision);
    if hub.offline {
        return known.as_deref().and_then(here).ok_or_else(|| {
            Fault::new(
                &wanted.repository,
                format!("no whole model of {revision} in {}", cache.folder().display()),
            )
            .expected("one that was downloaded before, since HF_HUB_OFFLINE is set")
            .next("Unset HF_HUB_OFFLINE, or pull it where there is a network and copy the cache.")
            .into()
        });
    }
    let from = Download { hub, repository: &wanted.repository, cache: &cache, report, cancel };
    report(Progress { doing: format!("asking {}", hub.endpoint.host()), done: 0, total: 0 });
    let to = hub.endpoint.below(&format!(
        "api/models/{}/revision/{}?blobs=true",
        wanted.repository,
        escaped(revision, false)
    ));
    let to = to.map_err(|found| Fault::new(&wanted.repository, found))?;
    let body = match from.text(&to, LONGEST_LISTING)? {
        Ok(body) => body,
        // Nobody answers: what is here will do, and the person is told.
        Err(fault) => match known.as_deref().and_then(here) {
            Some(found) => return Ok(Pulled { unasked: Some(fault), ..found }),
            None => return Err(fault.into()),
        },
    };
    let listing = Listing::read(&body, &wanted.repository)?;
    fetch(&from, &listing, file, revision)
}

fn fetch(from: &Download<'_>, listing: &Listing, file: Option<&str>, revision: &str) -> Result<Pulled> {
    let (cache, commit) = (from.cache, &listing.commit);
    let mut needed = listing.needed(file, from.repository)?;
    let sizes: BTreeMap<&str, u64> =
        listing.files.iter().filter_map(|f| Some((f.path.as_str(), f.size?))).collect();
    cache.refer(revision, commit)?;
    let (mut at, mut fetched, mut far) = (0, 0, 0);
    while let Some(path) = needed.get(at).cloned() {
        from.cancel.check()?;
        let of: u64 = needed.iter().filter_map(|path| sizes.get(path.as_str())).sum();
        if !cache.has(commit, &path) {
            let to = address(&from.hub.endpoint, from.repository, commit, &path)?;
            let about = from.about(&to)?;
            if about.commit.as_deref().is_some_and(|other| other != commit) {
                return Err(Fault::new(from.repository, format!("{path} of another commit"))
                    .expected(format!("the commit {commit}"))
                    .next("Pull again: the repository was changed meanwhile.")
                    .into());
            }
            if let (Some(listed), Some(said)) = (sizes.get(path.as_str()), about.size)
                && *listed != said
            {
                return Err(Fault::new(from.repository, format!("{path} of {said} bytes"))
                    .expected(format!("{listed} bytes, as it is listed"))
                    .next("Pull again; if it stays so, something between here and the hub changes files.")
                    .into());
            }
            fetched += usize::from(from.content(&path, &about, So { far, of })?);
            cache.point(commit, &path, &about.etag)?;
        }
        far += sizes.get(path.as_str()).copied().unwrap_or_default();
        (from.report)(Progress {
            doing: format!("pulled {path}, MB"),
            done: far / MEGABYTE,
            total: of / MEGABYTE,
        });
        if path == INDEX {
            let index = cache.snapshot(commit).join(INDEX);
            let bytes = std::fs::read(&index).map_err(|e| Fault::io(&index, "read", &e))?;
            needed.extend(shards(&bytes, &format!("{}: {INDEX}", from.repository))?);
        }
        at += 1;
    }
    Ok(Pulled { fetched, ..pulled(cache, commit, &needed) })
}

fn pulled(cache: &Cache, commit: &str, files: &[String]) -> Pulled {
    let gguf = files.iter().find(|f| f.to_ascii_lowercase().ends_with(".gguf")).cloned();
    Pulled {
        snapshot: cache.snapshot(commit),
        file: gguf,
        commit: commit.to_owned(),
        files: files.len(),
        fetched: 0,
        unasked: None,
    }
}

/// Makes what was pulled a contender: `NAME` or `NAME.gguf` in the folder of models leads to it. What leads into the same
/// repository is led to the new commit; anything else of that name stays.
///
/// # Errors
/// A [`Fault`] if there is another thing of that name, or the disk would not take it.
pub fn link(hub: &Hub, wanted: &Wanted, pulled: &Pulled, models: &Path, name: &str) -> Result<PathBuf> {
    let (to, at) = match &pulled.file {
        Some(file) => (pulled.snapshot.join(file), models.join(format!("{name}.gguf"))),
        None => (pulled.snapshot.clone(), models.join(name)),
    };
    let whole = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let (to, folder) = (whole(to), whole(Cache::of(&hub.cache, &wanted.repository).folder()));
    let ours = std::fs::read_link(&at).is_ok_and(|old| old.starts_with(&folder));
    if at.symlink_metadata().is_ok() && !ours {
        return Err(Fault::new(at.display(), format!("another model called {name}"))
            .expected("a new name")
            .next("Choose another one with --as; what was pulled is kept.")
            .into());
    }
    std::fs::create_dir_all(models).map_err(|e| Fault::io(models, "make", &e))?;
    point(&at, &to)?;
    Ok(at)
}

/// Makes a link lead to `to`, in the place of one that may be there. Others may do the same at the same time.
pub(super) fn point(at: &Path, to: &Path) -> Result<()> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let beside = at.with_file_name(format!(".juxta-{}-{number}", std::process::id()));
    // Of a process that had this number before, and was killed.
    let _ = std::fs::remove_file(&beside);
    symlink(to, &beside).map_err(|e| Fault::io(&beside, "link", &e))?;
    std::fs::rename(&beside, at).map_err(|e| Fault::io(at, "link", &e))?;
    Ok(())
}

#[cfg(unix)]
fn symlink(to: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

#[cfg(not(unix))]
fn symlink(to: &Path, at: &Path) -> std::io::Result<()> {
    let from = at.parent().unwrap_or(at).join(to);
    if from.is_dir() {
        std::os::windows::fs::symlink_dir(to, at)
    } else {
        std::os::windows::fs::symlink_file(to, at)
    }
}

fn named(repository: &str) -> Result<()> {
    let part = |part: &str| {
        !part.is_empty()
            && part.len() <= 96
            && !part.starts_with(['.', '-'])
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            && !part.contains("--")
            && !part.contains("..")
    };
    let parts: Vec<&str> = repository.split('/').collect();
    if matches!(parts.len(), 1 | 2) && parts.iter().all(|p| part(p)) {
        return Ok(());
    }
    Err(Fault::new("OWNER/NAME", format!("{repository:?}"))
        .expected("the name of a model on the hub, as HuggingFaceTB/SmolLM2-135M-Instruct")
        .next("It stands at the top of the model's page.")
        .into())
}

fn address(endpoint: &Address, repository: &str, commit: &str, path: &str) -> Result<Address> {
    let below = format!("{repository}/resolve/{commit}/{}", escaped(path, true));
    endpoint.below(&below).map_err(|found| Fault::new(repository, found).into())
}

/// Letters that a URL's path may not have, escaped.
fn escaped(text: &str, slashes: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            b'/' if slashes => out.push('/'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_owner_s_and_a_model_s() {
        for good in ["gpt2", "owner/name", "HuggingFaceTB/SmolLM2-135M_x.1"] {
            assert!(named(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "a/", "a/b/c", "../x", "a/..", "a b/c", "https://hub/a", "a/b--c", "-a/b"] {
            assert!(named(bad).expect_err(bad).to_string().contains("top of the model's page"));
        }
        assert_eq!(escaped("refs/pr/1", false), "refs%2Fpr%2F1");
        assert_eq!(escaped("a b/ü.gguf", true), "a%20b/%C3%BC.gguf");
    }
}
