//! Reads a corpus folder, whole or not at all.

use super::manifest::{self, Manifest, is_id};
use super::{Corpus, Document, Question};
use crate::fault::{Error, Fault, Result};
use crate::folder::Folder;
use serde::Deserialize;
use std::collections::HashSet;

pub(super) const QUESTIONS: &str = "questions.jsonl";
const DOCUMENTS: &str = "documents.jsonl";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonDocument {
    id: String,
    title: String,
    text: String,
}

/// Reads a corpus.
///
/// # Errors
/// A [`Fault`] for the first thing that is wrong: a manifest error, text that is not UTF-8, a line that is no
/// document or question, an id used twice, no documents, a gold quote that is not in its document.
pub fn read(folder: &Folder) -> Result<Corpus> {
    let (corpus, faults) = read_all(folder)?;
    faults.into_iter().next().map_or(Ok(corpus), |first| Err(first.into()))
}

/// Reads a corpus, with the questions that are sound and what is wrong with the others.
///
/// # Errors
/// As [`read`], but for the questions.
pub(super) fn read_all(folder: &Folder) -> Result<(Corpus, Vec<Fault>)> {
    let manifest = Manifest::parse(&folder.read_text(manifest::FILE)?, &folder.place(manifest::FILE))?;
    let names: Vec<String> = folder.list()?.into_iter().filter(|n| belongs(n)).collect();
    let mut documents = documents(folder, &names)?;
    documents.sort_by(|a, b| a.id.cmp(&b.id));
    if let Some(pair) = documents.windows(2).find(|p| p[0].id == p[1].id) {
        return Err(Fault::new(
            folder.place("documents"),
            format!("two documents with the id {:?}", pair[0].id),
        )
        .expected("every id once")
        .next("Rename one of them.")
        .into());
    }
    let (mut questions, mut faults) = (Vec::new(), Vec::new());
    if folder.has(QUESTIONS) {
        let mut ids = HashSet::new();
        for (place, line) in lines(folder, QUESTIONS)? {
            match question(&line, &place, &mut ids, &documents) {
                Ok(question) => questions.push(question),
                Err(Error::Fault(fault)) => faults.push(*fault),
                Err(Error::Cancelled) => return Err(Error::Cancelled),
            }
        }
    }
    let digest = folder.digest_of(&names)?;
    Ok((Corpus { manifest, documents, questions, digest }, faults))
}

/// Whether a file is part of the corpus, and so of its digest.
pub(super) fn belongs(name: &str) -> bool {
    name == manifest::FILE || name == QUESTIONS || name == DOCUMENTS || is_document(name)
}

fn is_document(name: &str) -> bool {
    name.strip_prefix("documents/").is_some_and(|n| n.ends_with(".md") || n.ends_with(".txt"))
}

fn documents(folder: &Folder, names: &[String]) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for name in names.iter().filter(|n| is_document(n)) {
        let id = name["documents/".len()..]
            .rsplit_once('.')
            .map_or(name.as_str(), |(stem, _)| stem)
            .replace('/', "-");
        let text = folder.read_text(name)?;
        if text.trim().is_empty() {
            return Err(Fault::new(folder.place(name), "an empty file")
                .expected("the text of a document")
                .next("Fill the file or remove it.")
                .into());
        }
        documents.push(if name.ends_with(".md") {
            Document::markdown(id, &text)
        } else {
            Document::plain(id.clone(), id, text)
        });
    }
    if folder.has(DOCUMENTS) {
        for (place, line) in lines(folder, DOCUMENTS)? {
            let d: JsonDocument =
                parse(&line, &place, "one JSON object with the strings id, title and text")?;
            if d.id.is_empty() || d.text.trim().is_empty() {
                return Err(Fault::new(place, "an empty id or text")
                    .expected("a document with an id and a text")
                    .next("Fill it or remove the line.")
                    .into());
            }
            documents.push(Document::plain(d.id, d.title, d.text));
        }
    }
    if documents.is_empty() {
        return Err(Fault::new(folder.place("documents"), "no documents")
            .expected("one or more files documents/*.md, or a documents.jsonl")
            .next("Add documents; a corpus without any cannot be searched.")
            .into());
    }
    Ok(documents)
}

fn question(line: &str, place: &str, ids: &mut HashSet<String>, documents: &[Document]) -> Result<Question> {
    let q: Question = parse(
        line,
        place,
        "one JSON object with id, split (train, dev, test), kind, question, answer, key_points and gold",
    )?;
    if !is_id(&q.id) || !ids.insert(q.id.clone()) {
        return Err(Fault::new(place, format!("the question id {:?}", q.id))
            .expected("lower-case letters, digits and hyphens, used once")
            .next("Give the question an id of its own.")
            .into());
    }
    for gold in &q.gold {
        let Ok(at) = documents.binary_search_by(|d| d.id.cmp(&gold.document)) else {
            return Err(Fault::new(
                place,
                format!("gold of the document {:?}, which is not there", gold.document),
            )
            .expected("the id of a document of this corpus")
            .next("Correct the id; `juxta corpus check` shows every such line.")
            .into());
        };
        if gold.quote.trim().is_empty() || !documents[at].text.contains(&gold.quote) {
            return Err(Fault::new(
                place,
                format!("the gold quote {:?}, which is not in {:?}", cut(&gold.quote), gold.document),
            )
            .expected("a quote that stands in its document letter for letter")
            .next("Copy the sentence from the document; `juxta corpus check` shows every such line.")
            .into());
        }
    }
    Ok(q)
}

/// The lines of a JSON Lines file that are not blank, each with its place.
fn lines(folder: &Folder, file: &str) -> Result<Vec<(String, String)>> {
    let text = folder.read_text(file)?;
    let place = folder.place(file);
    Ok(text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(n, line)| (format!("{place}:{}", n + 1), line.to_owned()))
        .collect())
}

fn parse<T: serde::de::DeserializeOwned>(line: &str, place: &str, expected: &str) -> Result<T> {
    serde_json::from_str(line).map_err(|e| {
        Fault::new(
            format!("{place}:{}", e.column()),
            e.to_string().split(" at line").next().unwrap_or_default(),
        )
        .expected(expected)
        .next("Correct that line.")
        .into()
    })
}

/// The beginning of a text, for a message.
fn cut(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
