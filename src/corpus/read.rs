//! Reads a corpus folder, whole or not at all.

use super::documents::{self, Documents, Wanted};
use super::judged::Judged;
use super::manifest::{self, Manifest, is_id};
use super::{Corpus, Query, Question};
use crate::fault::{Error, Fault, Result};
use crate::folder::Folder;
use std::collections::HashSet;

pub(super) const QUESTIONS: &str = "questions.jsonl";
/// Questions that have no reference answer, to measure retrieval by.
pub(super) const QUERIES: &str = "queries.jsonl";
/// Which documents answer which questions, and how well.
pub(super) const QRELS: &str = "qrels.tsv";

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
    let lines = if folder.has(QUESTIONS) { lines(folder, QUESTIONS)? } else { Vec::new() };
    let mut ids = HashSet::new();
    let parsed: Vec<Result<Question>> =
        lines.iter().map(|(place, line)| question(line, place, &mut ids)).collect();
    let mut wanted = Wanted::default();
    for gold in parsed.iter().flatten().flat_map(|q| &q.gold) {
        wanted.push(&gold.document, &gold.quote);
    }
    let documents = Documents::scan(folder, &names, &mut |document| {
        wanted.see(document);
        Ok(())
    })?;
    let Wanted { there, stands, .. } = wanted;
    let (mut questions, mut faults, mut gold) = (Vec::new(), Vec::new(), 0);
    for (question, (place, _)) in parsed.into_iter().zip(&lines) {
        let question = match question {
            Ok(question) => question,
            Err(Error::Fault(fault)) => {
                faults.push(*fault);
                continue;
            }
            Err(Error::Cancelled) => return Err(Error::Cancelled),
        };
        let range = gold..gold + question.gold.len();
        gold = range.end;
        match range.zip(&question.gold).find(|(n, _)| !stands[*n]) {
            None => questions.push(question),
            Some((n, gold)) if there[n] => faults.push(
                Fault::new(
                    place,
                    format!("the gold quote {:?}, which is not in {:?}", cut(&gold.quote), gold.document),
                )
                .expected("a quote that stands in its document letter for letter")
                .next("Copy the sentence from the document; `juxta corpus check` shows every such line."),
            ),
            Some((_, gold)) => faults.push(
                Fault::new(place, format!("gold of the document {:?}, which is not there", gold.document))
                    .expected("the id of a document of this corpus")
                    .next("Correct the id; `juxta corpus check` shows every such line."),
            ),
        }
    }
    let queries = if folder.has(QUERIES) { queries(folder, &mut ids)? } else { Vec::new() };
    let judged = if folder.has(QRELS) { Judged::read(folder, QRELS)? } else { Judged::default() };
    let digest = folder.digest_of(&names)?;
    Ok((Corpus { manifest, documents, questions, queries, judged, digest }, faults))
}

/// Whether a file is part of the corpus, and so of its digest.
pub(super) fn belongs(name: &str) -> bool {
    [manifest::FILE, QUESTIONS, QUERIES, QRELS].contains(&name) || documents::is_file(name)
}

fn question(line: &str, place: &str, ids: &mut HashSet<String>) -> Result<Question> {
    let q: Question = parse(
        line,
        place,
        "one JSON object with id, split (train, dev, test), kind, question, answer, key_points and gold",
    )?;
    once(&q.id, place, ids)?;
    Ok(q)
}

fn queries(folder: &Folder, ids: &mut HashSet<String>) -> Result<Vec<Query>> {
    let mut queries = Vec::new();
    for (place, line) in lines(folder, QUERIES)? {
        let query: Query = parse(&line, &place, "one JSON object with id, split and question")?;
        once(&query.id, &place, ids)?;
        queries.push(query);
    }
    Ok(queries)
}

fn once(id: &str, place: &str, ids: &mut HashSet<String>) -> Result<()> {
    if is_id(id) && ids.insert(id.to_owned()) {
        return Ok(());
    }
    Err(Fault::new(place, format!("the question id {id:?}"))
        .expected("lower-case letters, digits and hyphens, used once")
        .next("Give the question an id of its own.")
        .into())
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
