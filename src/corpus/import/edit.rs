//! Changing a corpus that stands: documents put in, replaced or taken out, or the whole of it removed. The folder is made
//! anew beside, of links to the files that stay as they are, so that a change costs what it changes, and swapped in.

use super::sink::json_lines;
use super::{RECORD, Request, beside, gather, place, record};
use crate::corpus::documents::{self, each_raw, is_file, is_lines};
use crate::corpus::{Judged, Question, manifest, read};
use crate::fault::{Fault, Result};
use crate::folder::{Folder, replace};
use crate::job::{Cancel, Report};
use crate::text::quoted;
use serde::Serialize;
use std::collections::HashSet;
use std::path::Path;

/// What a change came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Edited {
    /// Documents that were not there before.
    pub added: usize,
    /// Documents that are there in another form.
    pub replaced: usize,
    /// Documents that are not there any more.
    pub removed: usize,
    /// Questions that went with them, since their gold is gone.
    pub questions: usize,
}

/// Puts the documents of some paths into a corpus; those whose id is there take its place.
///
/// # Errors
/// A [`Fault`] if there are questions too, or nothing can be made of the paths; the corpus is then as it was.
pub fn put(corpus: &Path, asked: &Request, report: Report<'_>, cancel: &Cancel) -> Result<Edited> {
    let corpora = corpus.parent().unwrap_or(Path::new("."));
    let fresh = beside(corpora)?;
    let (settled, _) = gather(asked, Some(fresh.path()), next_number(corpus)?, report, cancel)?;
    if !settled.questions.is_empty() || !settled.queries.is_empty() {
        let questions = settled.questions.len() + settled.queries.len();
        return Err(at_once(corpus, asked, questions).into());
    }
    let mut ids = HashSet::new();
    let folder = Folder::Disk(fresh.path().to_owned());
    for file in folder.list()?.iter().filter(|f| is_file(f)) {
        each_raw(&folder, file, 0, &mut |raw| {
            ids.insert(documents::parse(file, &raw)?.id);
            Ok(())
        })?;
    }
    let clone = linked(corpus, corpora)?;
    let replaced = without(clone.path(), &ids)?;
    let into = clone.path().join("documents");
    std::fs::create_dir_all(&into).map_err(|e| Fault::io(&into, "make", &e))?;
    for file in folder.list()?.iter().filter(|f| is_file(f)) {
        let (from, to) = (fresh.path().join(file), clone.path().join(file));
        std::fs::rename(&from, &to).map_err(|e| Fault::io(&to, "write", &e))?;
    }
    // A document in another form may not hold a quote any more.
    let questions = without_questions(clone.path(), &ids, true)?;
    place(clone, corpus)?;
    Ok(Edited { added: ids.len() - replaced, replaced, removed: 0, questions })
}

/// Why questions are not put in, and what to do instead. They are divided into train, dev and test by all of them together:
/// one that came later could be drawn apart from its document's others, or be given away by one that was trained on.
fn at_once(corpus: &Path, asked: &Request, questions: usize) -> Fault {
    let fault = Fault::new(corpus.display(), format!("{questions} questions in what is to be put in")).expected(
        "documents alone: questions are divided into train, dev and test by all of them together, so that none gives \
         away another",
    );
    let Ok(record) = record(corpus) else {
        return fault
            .next("Write them into its questions.jsonl; `juxta corpus check` says whether they are sound.");
    };
    let paths = record.request.paths.iter().chain(&asked.paths).map(|p| quoted(&p.display().to_string()));
    let (paths, id) = (paths.collect::<Vec<_>>().join(" "), &record.imported.id);
    fault.next(format!(
        "Add all of it at once, under another id: `juxta corpus add {paths} --id {id}-2`. Then `juxta corpus remove {id}` \
         takes the old one away."
    ))
}

/// Takes documents out of a corpus, with the questions that rest on them.
///
/// # Errors
/// A [`Fault`] for an id that is not there, or if none would be left; the corpus is then as it was.
pub fn remove_documents(corpus: &Path, ids: &[String]) -> Result<Edited> {
    let corpora = corpus.parent().unwrap_or(Path::new("."));
    let wanted: HashSet<String> = ids.iter().cloned().collect();
    let clone = linked(corpus, corpora)?;
    let removed = without(clone.path(), &wanted)?;
    if removed < wanted.len() {
        let folder = Folder::Disk(corpus.to_owned());
        let mut there = HashSet::new();
        for file in folder.list()?.iter().filter(|f| is_file(f)) {
            each_raw(&folder, file, 0, &mut |raw| {
                there.insert(documents::parse(file, &raw)?.id);
                Ok(())
            })?;
        }
        let missing: Vec<String> =
            ids.iter().filter(|id| !there.contains(*id)).map(|id| format!("{id:?}")).collect();
        return Err(Fault::new(corpus.display(), format!("no document {}", missing.join(", ")))
            .expected("ids of documents that are there")
            .next("`juxta search` prints the id of each passage's document.")
            .into());
    }
    let folder = Folder::Disk(clone.path().to_owned());
    if !folder.list()?.iter().any(|f| is_file(f)) {
        return Err(Fault::new(corpus.display(), "its last documents")
            .expected("one document or more to be left")
            .next("Remove the corpus as a whole instead.")
            .into());
    }
    let questions = without_questions(clone.path(), &wanted, false)?;
    place(clone, corpus)?;
    Ok(Edited { removed, questions, ..Edited::default() })
}

/// Removes a corpus that was imported, or, if it is `sure`, any.
///
/// # Errors
/// A [`Fault`] for a corpus that a person has made, unless it is `sure`.
pub fn remove_corpus(corpus: &Path, sure: bool) -> Result<()> {
    if !sure && !corpus.join(RECORD).is_file() {
        return Err(Fault::new(corpus.display(), "a corpus that was not imported")
            .expected("one that can be made again from its source")
            .next("Give --yes if it is to be removed for good.")
            .into());
    }
    let corpora = corpus.parent().unwrap_or(Path::new("."));
    let aside = tempfile::Builder::new()
        .prefix(".removed-")
        .tempdir_in(corpora)
        .map_err(|e| Fault::io(corpora, "write to", &e))?;
    // Out of sight at once, then file by file.
    std::fs::rename(corpus, aside.path().join("corpus")).map_err(|e| Fault::io(corpus, "remove", &e))?;
    aside.close().map_err(|e| Fault::io(corpus, "remove", &e).into())
}

/// A folder of links to a corpus's files.
fn linked(corpus: &Path, corpora: &Path) -> Result<tempfile::TempDir> {
    let clone = beside(corpora)?;
    let folder = Folder::Disk(corpus.to_owned());
    for file in folder.list()? {
        let (from, to) = (corpus.join(&file), clone.path().join(&file));
        let dir = to.parent().unwrap_or(clone.path());
        std::fs::create_dir_all(dir).map_err(|e| Fault::io(dir, "make", &e))?;
        if std::fs::hard_link(&from, &to).is_err() {
            std::fs::copy(&from, &to).map_err(|e| Fault::io(&to, "write", &e))?;
        }
    }
    Ok(clone)
}

/// The number of the next file of documents.
fn next_number(corpus: &Path) -> Result<usize> {
    let names = Folder::Disk(corpus.to_owned()).list()?;
    let number = |n: &String| n.strip_prefix("documents/")?.strip_suffix(".jsonl")?.parse::<usize>().ok();
    Ok(names.iter().filter_map(number).max().unwrap_or(0) + 1)
}

/// Takes documents out of the files of a folder; how many there were.
fn without(dir: &Path, ids: &HashSet<String>) -> Result<usize> {
    let folder = Folder::Disk(dir.to_owned());
    let begins: HashSet<Vec<u8>> = ids
        .iter()
        .filter_map(|id| serde_json::to_string(id).ok())
        .map(|id| format!("{{\"id\":{id},").into_bytes())
        .collect();
    let mut removed = 0;
    for file in folder.list()?.iter().filter(|f| is_file(f)) {
        let (mut kept, mut here) = (Vec::new(), 0);
        each_raw(&folder, file, 0, &mut |raw| {
            // Lines that the import wrote begin with their id: no need to read them whole.
            let by_start = is_lines(file) && raw.bytes.starts_with(b"{\"id\":\"");
            let gone = if by_start {
                begins.iter().any(|b| raw.bytes.starts_with(b))
            } else {
                ids.contains(&documents::parse(file, &raw)?.id)
            };
            if gone {
                here += 1;
            } else if is_lines(file) {
                kept.extend_from_slice(raw.bytes);
                kept.push(b'\n');
            }
            Ok(())
        })?;
        if here == 0 {
            continue;
        }
        removed += here;
        let path = dir.join(file);
        if kept.is_empty() {
            std::fs::remove_file(&path).map_err(|e| Fault::io(&path, "remove", &e))?;
        } else {
            replace(&path, &kept)?;
        }
    }
    Ok(removed)
}

/// Takes out questions and judgments that rest on these documents; how many questions there were. Where the documents are
/// there in another form, a question stays if its quotes still stand.
fn without_questions(dir: &Path, ids: &HashSet<String>, still_there: bool) -> Result<usize> {
    let folder = Folder::Disk(dir.to_owned());
    let mut gone = 0;
    if folder.has(read::QUESTIONS) {
        let text = folder.read_text(read::QUESTIONS)?;
        let touched = text.lines().any(|line| ids.iter().any(|id| line.contains(id.as_str())));
        if touched {
            let kept = if still_there {
                // Only what stands is read without a fault.
                read::read_all(&folder)?.0.questions
            } else {
                let all: Vec<Question> =
                    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
                all.into_iter().filter(|q| !q.gold.iter().any(|g| ids.contains(&g.document))).collect()
            };
            gone = text.lines().filter(|l| !l.trim().is_empty()).count() - kept.len();
            if gone > 0 {
                replace(&dir.join(read::QUESTIONS), json_lines(&kept, dir)?.as_bytes())?;
            }
        }
    }
    if !still_there && folder.has(read::QRELS) {
        let mut judged = Judged::read(&folder, read::QRELS)?;
        let before = judged.len();
        judged.retain(|_, document| !ids.contains(document));
        if judged.len() < before {
            replace(&dir.join(read::QRELS), judged.lines().as_bytes())?;
        }
    }
    debug_assert!(folder.has(manifest::FILE));
    Ok(gone)
}
