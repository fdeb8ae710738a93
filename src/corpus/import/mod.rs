//! Other people's formats become corpora: one reader for each format, all behind one trait, streamed from the files into a
//! folder of juxta's own layout. What is wrong in a file is counted, named and left out where the rest is sound. The folder
//! is made beside and renamed into place, so that nothing is ever half added.
//!
//! Knows files and corpora; nothing of indices, models or who asks.

mod beir;
mod docx;
mod edit;
mod folder;
mod format;
mod found;
mod html;
mod json;
mod lines;
mod medical;
mod medquad;
mod natural;
pub mod pdf;
mod qasper;
mod recognise;
mod sink;
mod smart;
mod source;
mod split;
mod squad;
mod table;
mod tatqa;
mod text;
mod wikipedia;

pub use edit::{Edited, put, remove_corpus, remove_documents};
pub use format::Format;
pub use found::{Tally, Wrong};
pub use table::Mapping;

use super::manifest::{self, Manifest, is_id};
use super::{Split, read};
use crate::fault::{Fault, Result};
use crate::folder::replace;
use crate::job::{Cancel, Report};
use crate::text::counted;
use found::Found;
use recognise::Is;
use serde::{Deserialize, Serialize};
use sink::{Asked, Settled, Sink, json_lines};
use source::{Meter, Source};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is known of how a corpus was made, beside it in its folder.
pub const RECORD: &str = "import.json";

/// Reads the files of one format.
trait Reader {
    /// Puts what the files hold into the sink; what is wrong with a record is put there too.
    ///
    /// # Errors
    /// A [`Fault`] for what makes the whole file untrustworthy; [`crate::fault::Error::Cancelled`].
    fn read(&self, files: &[Source], sink: &mut Sink<'_>) -> Result<()>;
}

/// What to import.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Request {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// The format, where it is not to be recognised.
    pub format: Option<Format>,
    /// Which column is what, for tables.
    #[serde(default, skip_serializing_if = "Mapping::is_empty")]
    pub mapping: Mapping,
    /// The corpus's id; the name of the first path, if left out.
    pub id: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// ISO 639-1 code of its language; English if left out.
    pub language: Option<String>,
    /// Its licence.
    pub licence: Option<String>,
    /// Whether long reference answers stay as they are.
    #[serde(default)]
    pub whole_answers: bool,
    /// Whether the source's own split is not taken over.
    #[serde(default)]
    pub resplit: bool,
    /// The program that reads PDFs in a process of its own.
    #[serde(skip)]
    pub program: Option<PathBuf>,
}

/// What came of an import, or would.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Imported {
    /// The id of the corpus.
    pub id: String,
    /// The formats that were read, with the number of files of each.
    pub formats: Vec<(Format, usize)>,
    /// How many documents.
    pub documents: usize,
    /// How many questions for training, choosing and judging.
    pub questions: [usize; 3],
    /// Of these, how many have no answer in the corpus.
    pub unanswerable: usize,
    /// Of these, how many whose answer is known, but not where it stands.
    pub open: usize,
    /// Questions without a reference answer, for measuring retrieval.
    pub queries: usize,
    /// Judgments of relevance.
    pub judgments: usize,
    /// What was met on the way.
    pub met: Vec<Tally>,
}

/// What stands in [`RECORD`].
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    juxta: String,
    request: Request,
    imported: Imported,
}

/// Makes a corpus below `corpora` of what the paths hold.
///
/// # Errors
/// A [`Fault`] for an id that is taken, a path that cannot be read, files that nothing can be made of;
/// [`crate::fault::Error::Cancelled`]. Nothing is left behind then.
pub fn add(asked: &Request, corpora: &Path, report: Report<'_>, cancel: &Cancel) -> Result<Imported> {
    let id = id(asked)?;
    let to = corpora.join(&id);
    if to.exists() {
        return Err(Fault::new(to.display(), "a corpus of that id")
            .expected("an id that is free")
            .next(format!("Choose another with --id, or use `juxta corpus update {id}`."))
            .into());
    }
    let beside = beside(corpora)?;
    let imported = fill(asked, &id, beside.path(), report, cancel)?;
    place(beside, &to)?;
    Ok(imported)
}

/// Reads the source of an imported corpus again, and puts what it holds now in the place of what was there.
///
/// # Errors
/// A [`Fault`] if the corpus was not imported; as [`add`]. What was there stays until the new one is complete.
pub fn update(
    corpus: &Path,
    program: Option<PathBuf>,
    report: Report<'_>,
    cancel: &Cancel,
) -> Result<Imported> {
    let record = record(corpus)?;
    let asked = Request { program, ..record.request };
    let corpora = corpus.parent().unwrap_or(Path::new("."));
    let beside = beside(corpora)?;
    let imported = fill(&asked, &record.imported.id, beside.path(), report, cancel)?;
    // A manifest that was edited by hand stays.
    let own = corpus.join(manifest::FILE);
    let kept = std::fs::read(&own).map_err(|e| Fault::io(&own, "read", &e))?;
    replace(&beside.path().join(manifest::FILE), &kept)?;
    place(beside, corpus)?;
    Ok(imported)
}

/// What [`add`] would find, without adding anything.
///
/// # Errors
/// As [`add`], but for an id that is taken.
pub fn look(asked: &Request, report: Report<'_>, cancel: &Cancel) -> Result<Imported> {
    let id = id(asked).unwrap_or_else(|_| "corpus".to_owned());
    let (settled, formats) = gather(asked, None, 1, report, cancel)?;
    Ok(summed(id, formats, &settled))
}

/// Whether a path is a corpus of juxta's own layout, and so nothing to import.
pub fn is_corpus(path: &Path) -> bool {
    path.join(manifest::FILE).is_file()
}

fn record(corpus: &Path) -> Result<Record> {
    let path = corpus.join(RECORD);
    let bytes = std::fs::read(&path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Fault::new(corpus.display(), "a corpus that was not imported")
            .expected("one that `juxta corpus add` has made")
            .next("Edit its files; its index follows by itself."),
        _ => Fault::io(&path, "read", &e),
    })?;
    serde_json::from_slice(&bytes).map_err(|e| {
        Fault::new(path.display(), e)
            .expected("what `juxta corpus add` wrote there")
            .next("Remove the corpus and add it again.")
            .into()
    })
}

/// The id that was asked for, or one made of the first path's name.
fn id(asked: &Request) -> Result<String> {
    if let Some(id) = &asked.id {
        if is_id(id) {
            return Ok(id.clone());
        }
        return Err(Fault::new("--id", format!("{id:?}"))
            .expected("lower-case letters, digits and hyphens, starting with a letter or digit")
            .next("Choose such an id.")
            .into());
    }
    let first = asked.paths.first().map(|p| p.canonicalize().unwrap_or_else(|_| p.clone()));
    let name = first
        .as_deref()
        .and_then(Path::file_name)
        .map_or(String::new(), |n| n.to_string_lossy().into_owned());
    let stem = match first.is_some_and(|p| p.is_dir()) {
        true => name.as_str(),
        false => name.split('.').next().unwrap_or(&name),
    };
    Ok(text::slug(stem))
}

/// A folder beside the corpora, hidden from whoever looks for some.
fn beside(corpora: &Path) -> Result<tempfile::TempDir> {
    std::fs::create_dir_all(corpora).map_err(|e| Fault::io(corpora, "make", &e))?;
    tempfile::Builder::new()
        .prefix(".adding-")
        .tempdir_in(corpora)
        .map_err(|e| Fault::io(corpora, "write to", &e).into())
}

/// Puts a folder where it belongs; what stood there goes once the new one stands.
fn place(beside: tempfile::TempDir, to: &Path) -> Result<()> {
    let corpora = to.parent().unwrap_or(Path::new("."));
    let mut aside = None;
    if to.exists() {
        let old = tempfile::Builder::new()
            .prefix(".replaced-")
            .tempdir_in(corpora)
            .map_err(|e| Fault::io(corpora, "write to", &e))?;
        std::fs::rename(to, old.path().join("corpus")).map_err(|e| Fault::io(to, "replace", &e))?;
        aside = Some(old);
    }
    let made = beside.keep();
    if let Err(e) = std::fs::rename(&made, to) {
        let _ = std::fs::remove_dir_all(&made);
        if let Some(old) = aside {
            let _ = std::fs::rename(old.path().join("corpus"), to);
        }
        return Err(Fault::io(to, "put the corpus at", &e).into());
    }
    Ok(())
}

fn fill(asked: &Request, id: &str, dir: &Path, report: Report<'_>, cancel: &Cancel) -> Result<Imported> {
    let (settled, formats) = gather(asked, Some(dir), 1, report, cancel)?;
    let imported = summed(id.to_owned(), formats, &settled);
    write(&settled, dir)?;
    let manifest = manifest(asked, &imported);
    let path = dir.join(manifest::FILE);
    let text = toml::to_string(&manifest).map_err(|e| Fault::new(path.display(), e))?;
    replace(&path, text.as_bytes())?;
    let paths = asked.paths.iter().map(|p| p.canonicalize().unwrap_or_else(|_| p.clone())).collect();
    let request = Request { paths, id: Some(id.to_owned()), ..asked.clone() };
    let record = Record { juxta: env!("CARGO_PKG_VERSION").to_owned(), request, imported: imported.clone() };
    let path = dir.join(RECORD);
    let json = crate::text::json(&record).map_err(|e| Fault::new(path.display(), e))?;
    replace(&path, format!("{json}\n").as_bytes())?;
    Ok(imported)
}

/// Writes questions and judgments, where there are any.
fn write(settled: &Settled, dir: &Path) -> Result<()> {
    let files = [
        (read::QUESTIONS, json_lines(&settled.questions, dir)?),
        (read::QUERIES, json_lines(&settled.queries, dir)?),
        (read::QRELS, settled.judged.lines()),
    ];
    for (file, text) in files.iter().filter(|(_, text)| !text.is_empty()) {
        replace(&dir.join(file), text.as_bytes())?;
    }
    Ok(())
}

fn summed(id: String, formats: Vec<(Format, usize)>, settled: &Settled) -> Imported {
    let of = |split| settled.questions.iter().filter(|q| q.split == split).count();
    Imported {
        id,
        formats,
        documents: settled.documents,
        questions: [of(Split::Train), of(Split::Dev), of(Split::Test)],
        unanswerable: settled.questions.iter().filter(|q| !q.is_answerable()).count(),
        open: settled.questions.iter().filter(|q| q.open).count(),
        queries: settled.queries.len(),
        judgments: settled.judged.len(),
        met: settled.met.clone(),
    }
}

fn manifest(asked: &Request, imported: &Imported) -> Manifest {
    let first = asked.paths.first().map(|p| p.display().to_string()).unwrap_or_default();
    let formats: Vec<&str> = imported.formats.iter().map(|(f, _)| f.name()).collect();
    let title = asked.title.clone().unwrap_or_else(|| {
        let words = imported.id.replace('-', " ");
        let mut letters = words.chars();
        letters.next().map_or(String::new(), |c| c.to_uppercase().chain(letters).collect())
    });
    let questions: usize = imported.questions.iter().sum::<usize>() + imported.queries;
    Manifest {
        id: imported.id.clone(),
        title,
        domain: "imported".into(),
        description: format!(
            "{}{}, read as {}.",
            counted(imported.documents, "document"),
            match questions {
                0 => String::new(),
                n => format!(" and {}", counted(n, "question")),
            },
            formats.join(", ")
        ),
        language: asked.language.clone().unwrap_or_else(|| "en".into()),
        licence: asked.licence.clone().unwrap_or_else(|| "not stated; see where it comes from".into()),
        source: format!("Imported from {first}."),
    }
}

/// Reads everything, writing documents below `dir` if there is one, in files from the number `first`.
fn gather(
    asked: &Request,
    dir: Option<&Path>,
    first: usize,
    report: Report<'_>,
    cancel: &Cancel,
) -> Result<(Settled, Vec<(Format, usize)>)> {
    let mut found = Found::default();
    let mut files: Vec<(usize, Source, Is)> = Vec::new();
    for (number, path) in asked.paths.iter().enumerate() {
        if is_corpus(path) {
            return Err(Fault::new(path.display(), "a corpus of juxta's own layout")
                .expected("something to import")
                .next("Copy the folder into the data folder's corpora (`juxta paths` says where), or name it with --corpus.")
                .into());
        }
        let (sources, faults) = source::files(path)?;
        faults.into_iter().for_each(|fault| found.put(Wrong::Skipped, || fault));
        for file in sources {
            cancel.check()?;
            match recognise::recognise(&file, &asked.mapping) {
                Ok(is) => files.push((number, file, is)),
                Err(crate::fault::Error::Fault(fault)) => found.put(Wrong::Unreadable, || *fault),
                Err(stopped) => return Err(stopped),
            }
        }
    }
    let total = files.iter().map(|(_, file, _)| file.size).sum();
    let groups = grouped(files, asked, &mut found);
    let mut sink = Sink::new(Meter::new(report, cancel, total), dir, first);
    sink.found = found;
    sink.whole_answers = asked.whole_answers;
    sink.resplit = asked.resplit;
    // Documents first, so that questions find theirs.
    for (format, files) in &groups {
        format.reader(asked).read(files, &mut sink)?;
    }
    let place = asked.paths.first().map(|p| p.display().to_string()).unwrap_or_default();
    if sink.documents() == 0 {
        return Err(nothing(&place, &groups, &sink).into());
    }
    let settled = sink.settle(asked.language.as_deref().unwrap_or("en"), &place)?;
    Ok((settled, groups.iter().map(|(format, files)| (*format, files.len())).collect()))
}

/// Files by format. Where there is a data set, texts and tables beside it below the same path say what it is and are no
/// part of it.
fn grouped(
    files: Vec<(usize, Source, Is)>,
    asked: &Request,
    found: &mut Found,
) -> Vec<(Format, Vec<Source>)> {
    let mut groups: Vec<(Format, Vec<Source>)> = Vec::new();
    let mut put = |format: Format, file: Source| match groups.iter_mut().find(|(f, _)| *f == format) {
        Some((_, files)) => files.push(file),
        None => groups.push((format, vec![file])),
    };
    let sets: BTreeSet<(usize, Format)> = files
        .iter()
        .filter_map(|(number, _, is)| match is {
            Is::Of(format) if *format != Format::Table => Some((*number, *format)),
            _ => None,
        })
        .collect();
    let judged = [Format::Beir, Format::Smart].into_iter().find(|f| sets.iter().any(|(_, s)| s == f));
    for (number, file, is) in files {
        let beside = sets.iter().any(|(n, _)| *n == number);
        let skip = |file: &Source, found: &mut Found, why: &str| {
            let place = file.place();
            found.put(Wrong::Skipped, || {
                Fault::new(place, why).expected("documents or a data set").next("It is left out.")
            });
        };
        match (asked.format, is) {
            (Some(Format::Documents), Is::Nothing) => skip(&file, found, "a file of another kind"),
            (Some(format), _) => put(format, file),
            (None, Is::Of(Format::Table)) if beside => skip(&file, found, "a table beside a data set"),
            (None, Is::Of(format)) => put(format, file),
            (None, Is::Judgments) => match judged {
                Some(format) => put(format, file),
                None => skip(&file, found, "columns of numbers"),
            },
            (None, Is::Document(_)) if beside => skip(&file, found, "a text beside a data set"),
            (None, Is::Document(_)) => put(Format::Documents, file),
            (None, Is::Nothing) => skip(&file, found, "a file of another kind"),
        }
    }
    // Questions without documents of their own come last.
    groups.sort_by_key(|(format, _)| *format == Format::NqOpen);
    groups
}

/// What is said when nothing could be made of the files.
fn nothing(place: &str, groups: &[(Format, Vec<Source>)], sink: &Sink<'_>) -> Fault {
    if groups.is_empty() {
        return Fault::new(place, "no file that is known here")
            .expected("documents (.txt, .md, .html, .pdf, .docx), a table (.jsonl, .csv), or one of the data sets that `juxta corpus add --help` names")
            .next("Name the folder or file itself; where it is of a known format, say so with --format.");
    }
    if groups.iter().all(|(format, _)| *format == Format::NqOpen) {
        return Fault::new(place, "questions without documents")
            .expected("documents to find their answers in")
            .next("Name a folder or file of documents beside it: `juxta corpus add DOCUMENTS QUESTIONS`.");
    }
    match sink.found.first() {
        Some(first) => {
            let mut fault = first.clone();
            fault.next = format!("Nothing could be taken from {place}. {}", fault.next);
            fault
        }
        None => Fault::new(place, "no documents")
            .expected("documents with text")
            .next("Look into the files; `juxta corpus check` says what is in them."),
    }
}

/// A question that its source says has no answer.
fn no_answer(asked: &mut Asked) {
    // What the prompt asks a model to say then.
    asked.answer = NO_ANSWER.to_owned();
    asked.key_points = vec![NO_ANSWER.trim_end_matches('.').to_lowercase()];
    asked.gold.clear();
    asked.open = false;
}

const NO_ANSWER: &str = "The corpus does not say.";
