//! Builds an index beside where it will stand and swaps it in whole, so that a killed build leaves nothing
//! half-made, and two builds at once end in one index. Where there is an index of the corpus's earlier content, only the
//! documents that have changed since are taken out and put in.

use super::dense::EncoderDigest;
use super::ranking::Ranking;
use super::schema::{self, Fields, TOKENIZER};
use super::search::Index;
use crate::corpus::{self, Changes, Document, Entry, Known, PassageLength, passages};
use crate::fault::{Fault, Result};
use crate::job::{Cancel, Progress, Report};
use crate::text::Terms;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tantivy::merge_policy::NoMergePolicy;
use tantivy::{IndexWriter, TantivyDocument, Term};

/// How many passages a question gets, unless asked otherwise.
pub const DEFAULT_K: usize = 3;

/// How passages are cut, which decides an index beside its corpus, and how they are ranked, which does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// How long passages are.
    pub length: PassageLength,
    /// How they are ranked.
    #[serde(default, skip_serializing_if = "Ranking::is_plain")]
    pub ranking: Ranking,
    /// The encoder, where they are ranked by one: what the index was opened with, never asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<EncoderDigest>,
    /// How much of the corpus is indexed, where that is not all of it yet: what the index was opened with, never asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<SoFar>,
}

/// How much of a corpus an index holds that is still being built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoFar {
    /// Documents that are in it.
    pub documents: u64,
    /// Documents that the corpus has.
    pub of: u64,
}

/// Bytes each indexing thread may hold before it writes a segment.
const HEAP_PER_THREAD: usize = 96 << 20;
const MOST_THREADS: usize = 8;

/// The folder name of the index of a corpus of that digest: other content, other name.
pub fn name(id: &str, digest: &str, settings: Settings) -> String {
    let version = schema::VERSION;
    let PassageLength { most_words, overlap_words } = settings.length;
    // Passages that share nothing are cut as they were before they could.
    let cut = match overlap_words {
        0 => most_words.to_string(),
        shared => format!("{most_words} with {shared}"),
    };
    let key = blake3::hash(format!("{version} {cut} {digest}").as_bytes());
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
    match Index::open(&path, &entry.manifest.language, settings) {
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
    open_or_watch(entry, indices, settings, &|_| {}, report, cancel)
}

/// As [`open_or_build`]; while the index is being built, `watch` is given it as far as it is, again and again, so that
/// what is there can be searched. Nothing is handed to it where the index stands already.
///
/// # Errors
/// As [`open_or_build`].
pub fn open_or_watch(
    entry: &Entry,
    indices: &Path,
    settings: Settings,
    watch: &dyn Fn(Index),
    report: Report<'_>,
    cancel: &Cancel,
) -> Result<Index> {
    if let Some(index) = open(entry, indices, settings)? {
        return Ok(index);
    }
    // What is wrong with a corpus is told before anything is made of it. One that was imported is sound by its making,
    // and reading it whole would take as long as following a change.
    if !entry.folder.has(corpus::import::RECORD) {
        entry.read()?;
    }
    let path = indices.join(name(&entry.manifest.id, &entry.digest()?, settings));
    std::fs::create_dir_all(indices).map_err(|e| Fault::io(indices, "make", &e))?;
    let beside = tempfile::Builder::new()
        .prefix(".building-")
        .tempdir_in(indices)
        .map_err(|e| Fault::io(indices, "write to", &e))?;
    // Earlier content is the better part of the work, where only some documents have changed since.
    let old = older(indices, &path, &entry.manifest.id)
        .into_iter()
        .find_map(|old| Made::read(&old).filter(|m| m.fits(entry, settings)).map(|made| (old, made)));
    let mut known = Known::default();
    if let Some((old, made)) = old {
        match link(&old, beside.path()) {
            Ok(()) => known = made.known,
            Err(e) => {
                tracing::warn!("{}: {e}; building the index anew", old.display());
                clear(beside.path())?;
            }
        }
    }
    let filling = Filling { entry, dir: beside.path(), settings, watch, report, cancel };
    let known = filling.fill(&known)?;
    Made::new(entry, settings, known).write(beside.path())?;
    if path.exists() {
        // Either damaged, or another lab was faster with the same content: a whole index replaces both.
        let aside = tempfile::Builder::new()
            .prefix(".replaced-")
            .tempdir_in(indices)
            .map_err(|e| Fault::io(indices, "write to", &e))?;
        std::fs::rename(&path, aside.path().join("index")).map_err(|e| Fault::io(&path, "replace", &e))?;
    }
    let made = beside.keep();
    std::fs::rename(&made, &path).map_err(|e| {
        let _ = std::fs::remove_dir_all(&made);
        Fault::io(&path, "put the new index at", &e)
    })?;
    for old in older(indices, &path, &entry.manifest.id) {
        // That it could not be removed harms nothing.
        let _ = std::fs::remove_dir_all(old);
    }
    Ok(Index::open(&path, &entry.manifest.language, settings)?)
}

/// What an index was made of, kept within it.
#[derive(Serialize, Deserialize)]
struct Made {
    version: u32,
    language: String,
    settings: Settings,
    known: Known,
}

const MADE: &str = "made.json.zst";

impl Made {
    fn new(entry: &Entry, settings: Settings, known: Known) -> Self {
        Self { version: schema::VERSION, language: entry.manifest.language.clone(), settings, known }
    }

    fn fits(&self, entry: &Entry, settings: Settings) -> bool {
        self.version == schema::VERSION
            && self.language == entry.manifest.language
            && self.settings.length == settings.length
    }

    fn read(index: &Path) -> Option<Self> {
        let file = std::fs::File::open(index.join(MADE)).ok()?;
        serde_json::from_reader(std::io::BufReader::new(zstd::Decoder::new(file).ok()?)).ok()
    }

    fn write(&self, index: &Path) -> Result<()> {
        let path = index.join(MADE);
        let write = || -> std::io::Result<()> {
            let mut out = zstd::Encoder::new(std::io::BufWriter::new(std::fs::File::create(&path)?), 1)?;
            serde_json::to_writer(&mut out, self)?;
            out.finish()?.flush()
        };
        write().map_err(|e| Fault::io(&path, "write", &e).into())
    }
}

/// Puts the files of an index beside, without copying them: tantivy never writes into a file that it has closed.
fn link(index: &Path, beside: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(index)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == MADE || name.as_encoded_bytes().starts_with(b".tantivy") {
            continue;
        }
        let to = beside.join(&name);
        if std::fs::hard_link(entry.path(), &to).is_err() {
            std::fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

fn clear(dir: &Path) -> Result<()> {
    std::fs::remove_dir_all(dir)
        .and_then(|()| std::fs::create_dir(dir))
        .map_err(|e| Fault::io(dir, "empty", &e).into())
}

/// An index that is being filled.
struct Filling<'a> {
    entry: &'a Entry,
    dir: &'a Path,
    settings: Settings,
    watch: &'a dyn Fn(Index),
    report: Report<'a>,
    cancel: &'a Cancel,
}

/// When what is there is first shown, and how often again: each time at twice the time.
const FIRST_LOOK: Duration = Duration::from_millis(1000);
/// With more segments than this, or more passages that are only marked as removed than this part of all, an index is
/// made one segment again: it answers fastest, and its scores are then those of an index built anew.
const MOST_SEGMENTS: usize = 6;
const MOST_REMOVED: f64 = 0.05;

impl Filling<'_> {
    fn fill(&self, old: &Known) -> Result<Known> {
        let dir = self.dir;
        let failed = |e: tantivy::TantivyError| tantivy_fault(dir, &e);
        let (schema, fields) = schema::schema();
        let anew = old.documents() == 0;
        let index = match anew {
            true => tantivy::Index::create_in_dir(dir, schema),
            false => tantivy::Index::open_in_dir(dir),
        }
        .map_err(failed)?;
        let language = &self.entry.manifest.language;
        index.tokenizers().register(TOKENIZER, Terms::of_language(language).analyzer());
        let threads = match anew {
            true => std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS),
            false => 1,
        };
        let heap = threads * HEAP_PER_THREAD;
        let mut writer: IndexWriter = index.writer_with_num_threads(threads, heap).map_err(failed)?;
        // Merged once, at the end: merging on the way does the same work several times.
        writer.set_merge_policy(Box::new(NoMergePolicy));
        let total = self.bytes()?;
        let (started, mut next_look) = (Instant::now(), FIRST_LOOK);
        // Counted when there is somebody to tell: a corpus that is indexed at once is not worth it.
        let (mut documents, mut of) = (0, None);
        let known = corpus::changes(self.entry, old, &mut |change, bytes| {
            self.cancel.check()?;
            self.tell((100 * bytes).checked_div(total).unwrap_or(0).min(99));
            match change {
                Changes::Remove(id) => {
                    writer.delete_term(Term::from_field_text(fields.document, &id));
                }
                Changes::Add(document) => {
                    self.add(&writer, fields, &document).map_err(failed)?;
                    documents += 1;
                }
            }
            if anew && started.elapsed() >= next_look {
                next_look *= 2;
                writer.commit().map_err(failed)?;
                let of = match of {
                    Some(of) => of,
                    None => *of.insert(corpus::count(self.entry)?),
                };
                let part = Some(SoFar { documents, of });
                (self.watch)(Index::open(dir, language, Settings { part, ..self.settings })?);
            }
            Ok(())
        })?;
        writer.commit().map_err(failed)?;
        let segments = index.searchable_segment_metas().map_err(failed)?;
        let (removed, all) = segments
            .iter()
            .fold((0, 0), |(removed, all), s| (removed + s.num_deleted_docs(), all + s.max_doc()));
        let many = segments.len() > if anew { 1 } else { MOST_SEGMENTS };
        if many || f64::from(removed) > MOST_REMOVED * f64::from(all) {
            self.cancel.check()?;
            let ids: Vec<_> = segments.iter().map(tantivy::index::SegmentMeta::id).collect();
            writer.merge(&ids).wait().map_err(failed)?;
        }
        writer.garbage_collect_files().wait().map_err(failed)?;
        writer.wait_merging_threads().map_err(failed)?;
        self.tell(100);
        Ok(known)
    }

    fn add(&self, writer: &IndexWriter, fields: Fields, document: &Document) -> tantivy::Result<()> {
        for passage in passages(document, self.settings.length) {
            let mut entry = TantivyDocument::new();
            entry.add_text(fields.document, &document.id);
            entry.add_text(fields.title, &document.title);
            entry.add_text(fields.section, passage.section.as_deref().unwrap_or_default());
            entry.add_text(fields.text, &document.text[passage.range.clone()]);
            entry.add_u64(fields.number, passage.number as u64);
            entry.add_u64(fields.start, passage.range.start as u64);
            entry.add_u64(fields.end, passage.range.end as u64);
            writer.add_document(entry)?;
        }
        Ok(())
    }

    fn tell(&self, percent: u64) {
        let doing = format!("indexing {}", self.entry.manifest.title);
        (self.report)(Progress { doing, done: percent, total: 100 });
    }

    /// How long the files of documents are together.
    fn bytes(&self) -> Result<u64> {
        let folder = &self.entry.folder;
        Ok(folder.list()?.iter().map(|name| folder.size(name)).sum())
    }
}

/// Indices of this corpus's earlier content, newest first.
fn older(indices: &Path, keep: &Path, id: &str) -> Vec<PathBuf> {
    let old = |path: &PathBuf| {
        path != keep
            && path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix(id)).is_some_and(
                |rest| {
                    rest.strip_prefix('-')
                        .is_some_and(|hex| hex.len() == 16 && hex.chars().all(|c| c.is_ascii_hexdigit()))
                },
            )
    };
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(indices).into_iter().flatten().flatten().map(|e| e.path()).filter(old).collect();
    found.sort_by_key(|path| std::cmp::Reverse(path.metadata().and_then(|m| m.modified()).ok()));
    found
}

pub(super) fn tantivy_fault(path: &Path, error: &tantivy::TantivyError) -> Fault {
    Fault::new(path.display(), error)
        .expected("an index that can be written and read")
        .next("Check the disk's space and permissions, or choose another folder with --data-dir.")
}
