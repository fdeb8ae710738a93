//! Builds an index beside where it will stand and swaps it in whole, so that a killed build leaves nothing
//! half-made, and two builds at once end in one index.

use super::schema::{self, TOKENIZER};
use super::search::Index;
use crate::corpus::{Corpus, Entry, PassageLength, passages};
use crate::fault::{Fault, Result};
use crate::job::{Cancel, Progress, Report};
use crate::text::Terms;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tantivy::TantivyDocument;

/// How many passages a question gets, unless asked otherwise.
pub const DEFAULT_K: usize = 3;

/// What decides an index, beside its corpus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// How long passages are.
    pub length: PassageLength,
}

/// Bytes each indexing thread may hold before it writes a segment.
const HEAP_PER_THREAD: usize = 32 << 20;
const MOST_THREADS: usize = 8;

/// The folder name of the index of a corpus of that digest: other content, other name.
pub fn name(id: &str, digest: &str, settings: Settings) -> String {
    let version = schema::VERSION;
    let key = blake3::hash(format!("{version} {} {digest}", settings.length.most_words).as_bytes());
    format!("{id}-{}", &key.to_hex()[..16])
}

/// The index of a corpus, if it has been built from what the corpus holds now. A damaged one counts as missing.
///
/// # Errors
/// A [`Fault`] if the corpus cannot be read.
pub fn open(entry: &Entry, indices: &Path, settings: Settings) -> Result<Option<Index>> {
    let path = indices.join(name(&entry.manifest.id, &entry.digest()?, settings));
    if !path.is_dir() {
        return Ok(None);
    }
    match Index::open(&path, &entry.manifest.language) {
        Ok(index) => Ok(Some(index)),
        Err(fault) => {
            tracing::warn!("{fault}; building it again");
            Ok(None)
        }
    }
}

/// The index of a corpus, built first if there is none of its present content.
///
/// # Errors
/// A [`Fault`] if the corpus or the folder cannot be used; [`crate::fault::Error::Cancelled`] between documents.
pub fn open_or_build(
    entry: &Entry,
    indices: &Path,
    settings: Settings,
    report: Report<'_>,
    cancel: &Cancel,
) -> Result<Index> {
    if let Some(index) = open(entry, indices, settings)? {
        return Ok(index);
    }
    let corpus = entry.read()?;
    let path = indices.join(name(&corpus.manifest.id, &corpus.digest, settings));
    build(&corpus, &path, settings, report, cancel)?;
    remove_older(indices, &path, &corpus.manifest.id);
    Ok(Index::open(&path, &corpus.manifest.language)?)
}

fn build(
    corpus: &Corpus,
    path: &Path,
    settings: Settings,
    report: Report<'_>,
    cancel: &Cancel,
) -> Result<()> {
    let indices = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(indices).map_err(|e| Fault::io(indices, "make", &e))?;
    let beside = tempfile::Builder::new()
        .prefix(".building-")
        .tempdir_in(indices)
        .map_err(|e| Fault::io(indices, "write to", &e))?;
    fill(corpus, beside.path(), settings, report, cancel)?;
    if path.exists() {
        // Either damaged, or another lab was faster with the same content: a whole index replaces both.
        let aside = tempfile::Builder::new()
            .prefix(".replaced-")
            .tempdir_in(indices)
            .map_err(|e| Fault::io(indices, "write to", &e))?;
        std::fs::rename(path, aside.path().join("index")).map_err(|e| Fault::io(path, "replace", &e))?;
    }
    let made = beside.keep();
    std::fs::rename(&made, path).map_err(|e| {
        let _ = std::fs::remove_dir_all(&made);
        Fault::io(path, "put the new index at", &e)
    })?;
    Ok(())
}

fn fill(corpus: &Corpus, dir: &Path, settings: Settings, report: Report<'_>, cancel: &Cancel) -> Result<()> {
    let failed = |e: tantivy::TantivyError| tantivy_fault(dir, &e);
    let (schema, fields) = schema::schema();
    let index = tantivy::Index::create_in_dir(dir, schema).map_err(failed)?;
    index.tokenizers().register(TOKENIZER, Terms::of_language(&corpus.manifest.language).analyzer());
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let mut writer = index
        .writer_with_num_threads::<TantivyDocument>(threads, threads * HEAP_PER_THREAD)
        .map_err(failed)?;
    let total = corpus.documents.len() as u64;
    for (done, document) in corpus.documents.iter().enumerate() {
        cancel.check()?;
        report(Progress { doing: format!("indexing {}", corpus.manifest.title), done: done as u64, total });
        for passage in passages(document, settings.length) {
            let mut entry = TantivyDocument::new();
            entry.add_text(fields.document, &document.id);
            entry.add_text(fields.title, &document.title);
            entry.add_text(fields.section, passage.section.as_deref().unwrap_or_default());
            entry.add_text(fields.text, &document.text[passage.range.clone()]);
            entry.add_u64(fields.number, passage.number as u64);
            entry.add_u64(fields.start, passage.range.start as u64);
            entry.add_u64(fields.end, passage.range.end as u64);
            writer.add_document(entry).map_err(failed)?;
        }
    }
    writer.commit().map_err(failed)?;
    // One segment answers fastest, and makes scores independent of how the threads shared the work.
    let segments = index.searchable_segment_ids().map_err(failed)?;
    if segments.len() > 1 {
        cancel.check()?;
        writer.merge(&segments).wait().map_err(failed)?;
    }
    writer.wait_merging_threads().map_err(failed)?;
    report(Progress { doing: format!("indexing {}", corpus.manifest.title), done: total, total });
    Ok(())
}

/// Indices of this corpus's earlier content. That they could not be removed harms nothing.
fn remove_older(indices: &Path, keep: &Path, id: &str) {
    let old = |path: &PathBuf| {
        path != keep
            && path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix(id)).is_some_and(
                |rest| {
                    rest.strip_prefix('-')
                        .is_some_and(|hex| hex.len() == 16 && hex.chars().all(|c| c.is_ascii_hexdigit()))
                },
            )
    };
    for path in std::fs::read_dir(indices).into_iter().flatten().flatten().map(|e| e.path()).filter(old) {
        let _ = std::fs::remove_dir_all(path);
    }
}

pub(super) fn tantivy_fault(path: &Path, error: &tantivy::TantivyError) -> Fault {
    Fault::new(path.display(), error)
        .expected("an index that can be written and read")
        .next("Check the disk's space and permissions, or choose another folder with --data-dir.")
}
