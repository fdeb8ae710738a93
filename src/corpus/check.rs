//! Proves of a corpus what a study rests on, and names everything that is wrong with it, not only the first.

use super::manifest::{self, Manifest};
use super::passages::{PassageLength, passages};
use super::read;
use super::{Corpus, Question, Split};
use crate::fault::{Error, Fault, Result};
use crate::folder::Folder;
use crate::text::{Terms, words};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Questions share few words with their gold where at most this part of their content terms occur in it.
pub const FEW_WORDS: f64 = 1.0 / 3.0;
/// Two questions of which this part of all content terms is shared are the same question twice.
pub const SAME_QUESTION: f64 = 0.8;
const DOCUMENT_WORDS: std::ops::RangeInclusive<usize> = 250..=600;
const ANSWER_WORDS: std::ops::RangeInclusive<usize> = 3..=80;

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    /// The corpus's id.
    pub id: String,
    /// What was counted, in the order to show it.
    pub counts: Vec<Count>,
    /// What is wrong: the corpus cannot be used, or a study on it would not be sound.
    pub faults: Vec<Fault>,
    /// What is unusual, but does no harm.
    pub remarks: Vec<String>,
}

/// A figure and what it is of.
#[derive(Debug, Clone, Serialize)]
pub struct Count {
    /// What was counted.
    pub of: String,
    /// The figure.
    pub value: f64,
}

/// Checks a corpus folder.
///
/// # Errors
/// A [`Fault`] only where there is nothing to check: no readable manifest. All else is in the result.
pub fn check(folder: &Folder) -> Result<Checked> {
    let manifest = Manifest::parse(&folder.read_text(manifest::FILE)?, &folder.place(manifest::FILE))?;
    let faults = match read::read_all(folder) {
        Ok((corpus, faults)) if faults.is_empty() => return of_corpus(&corpus, folder),
        Ok((_, faults)) => faults,
        Err(Error::Fault(only)) => vec![*only],
        Err(Error::Cancelled) => return Err(Error::Cancelled),
    };
    Ok(Checked { id: manifest.id, counts: Vec::new(), faults, remarks: Vec::new() })
}

fn of_corpus(corpus: &Corpus, folder: &Folder) -> Result<Checked> {
    let terms = Terms::of_language(&corpus.manifest.language);
    let mut checked = Checked {
        id: corpus.manifest.id.clone(),
        counts: Vec::new(),
        faults: Vec::new(),
        remarks: Vec::new(),
    };
    // What was written for this project is held to more than what was made of other people's data.
    let imported = folder.has(super::import::RECORD);
    let ids = documents(corpus, folder, imported, &mut checked)?;
    splits(corpus, folder, &mut checked)?;
    questions(corpus, folder, &terms, imported, &ids, &mut checked);
    judgments(corpus, &ids, folder, &mut checked);
    if !imported {
        test_shares(corpus, &terms, &mut checked);
    }
    Ok(checked)
}

impl Checked {
    #[allow(clippy::cast_precision_loss)] // Counts of documents and questions are far below 2^52.
    fn count(&mut self, of: impl Into<String>, value: usize) {
        self.counts.push(Count { of: of.into(), value: value as f64 });
    }
}

/// Returns the ids of the documents, sorted.
fn documents(corpus: &Corpus, folder: &Folder, imported: bool, checked: &mut Checked) -> Result<Vec<String>> {
    let mut questioned: HashSet<&str> = HashSet::new();
    for q in corpus.questions.iter().filter(|q| q.split != Split::Train) {
        questioned.extend(q.gold.iter().map(|g| g.document.as_str()));
    }
    let (mut found, mut in_passages, mut in_words) = (Vec::with_capacity(corpus.documents.len()), 0, 0);
    corpus.documents.each(&mut |document| {
        in_passages += passages(&document, PassageLength::default()).len();
        let length = words(&document.text).len();
        in_words += length;
        found.push((document.id, length));
        Ok(())
    })?;
    found.sort();
    checked.count("documents", found.len());
    checked.count("passages", in_passages);
    checked.count("words in documents", in_words);
    for (id, length) in &found {
        if imported {
            continue;
        }
        if !DOCUMENT_WORDS.contains(length) {
            checked.remarks.push(format!("{id}: {length} words, outside 250–600"));
        }
        if !corpus.questions.is_empty() && !questioned.contains(id.as_str()) {
            checked.faults.push(
                Fault::new(folder.place(id), "no test or development question")
                    .expected("one question or more on every document")
                    .next("Write one, or leave the document out."),
            );
        }
    }
    Ok(found.into_iter().map(|(id, _)| id).collect())
}

/// Judgments of what is not there say nothing, and mostly mean that ids were written differently.
fn judgments(corpus: &Corpus, ids: &[String], folder: &Folder, checked: &mut Checked) {
    if corpus.judged.is_empty() && corpus.queries.is_empty() {
        return;
    }
    checked.count("questions without a reference answer", corpus.queries.len());
    checked.count("judgments of relevance", corpus.judged.len());
    let asked: HashSet<&str> = (corpus.queries.iter().map(|q| q.id.as_str()))
        .chain(corpus.questions.iter().map(|q| q.id.as_str()))
        .collect();
    for (question, grades) in corpus.judged.iter() {
        let unknown = grades.keys().find(|d| ids.binary_search(d).is_err());
        let (found, expected) = match unknown {
            _ if !asked.contains(question) => (format!("the question {question:?}"), "question"),
            Some(document) => (format!("the document {document:?}"), "document"),
            None => continue,
        };
        checked.faults.push(
            Fault::new(folder.place(read::QRELS), format!("{found}, which is not there"))
                .expected(format!("the id of a {expected} of this corpus"))
                .next("Correct the id, or remove the line."),
        );
    }
}

fn splits(corpus: &Corpus, folder: &Folder, checked: &mut Checked) -> Result<()> {
    for (split, name) in [(Split::Train, "training"), (Split::Dev, "development"), (Split::Test, "test")] {
        checked.count(format!("{name} questions"), corpus.split(split).count());
    }
    // Disjoint by place, not only by letter: a training quote that reaches into a test quote gives it away too.
    let place_of = |document: &str, quote: &str| {
        let start = corpus.document(document)?.and_then(|d| d.text.find(quote));
        Ok::<_, Error>(start.map(|start| start..start + quote.len()))
    };
    let mut held: HashMap<&str, Vec<(std::ops::Range<usize>, &str)>> = HashMap::new();
    for q in corpus.questions.iter().filter(|q| q.split != Split::Train) {
        for g in &q.gold {
            if let Some(range) = place_of(&g.document, &g.quote)? {
                held.entry(g.document.as_str()).or_default().push((range, q.id.as_str()));
            }
        }
    }
    for q in corpus.split(Split::Train) {
        if q.gold.is_empty() {
            checked.remarks.push(format!("{}: a training question without gold", q.id));
        }
        for g in &q.gold {
            let Some(range) = place_of(&g.document, &g.quote)? else { continue };
            let clash = held.get(g.document.as_str()).into_iter().flatten();
            if let Some((_, id)) = clash
                .filter(|(r, _)| r.start < range.end && range.start < r.end)
                .map(|(r, id)| (r, *id))
                .next()
            {
                checked.faults.push(
                    Fault::new(
                        folder.place(read::QUESTIONS),
                        format!("training question {} on the gold of {id}", q.id),
                    )
                    .expected("no training question on a sentence that a test or development question needs")
                    .next("Give one of them another sentence, or leave it out."),
                );
            }
        }
    }
    Ok(())
}

fn questions(
    corpus: &Corpus,
    folder: &Folder,
    terms: &Terms,
    imported: bool,
    ids: &[String],
    checked: &mut Checked,
) {
    if imported {
        return;
    }
    let mut by_term: HashMap<String, Vec<usize>> = HashMap::new();
    let mut contents: Vec<Vec<String>> = Vec::new();
    let mut closest: f64 = 0.0;
    for (n, q) in corpus.questions.iter().enumerate() {
        let answer = words(&q.answer).len();
        if !ANSWER_WORDS.contains(&answer) {
            checked.remarks.push(format!("{}: an answer of {answer} words, outside 3–80", q.id));
        }
        if q.key_points.is_empty() || q.key_points.len() > 4 {
            checked.remarks.push(format!("{}: {} key points, outside 1–4", q.id, q.key_points.len()));
        }
        let content = terms.content(&q.question);
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for other in content.iter().filter_map(|t| by_term.get(t)).flatten() {
            *shared.entry(*other).or_default() += 1;
        }
        for (other, both) in shared {
            let all = content.len() + contents[other].len() - both;
            let overlap = ratio(both, all);
            closest = closest.max(overlap);
            if overlap >= SAME_QUESTION {
                checked.faults.push(
                    Fault::new(
                        folder.place(read::QUESTIONS),
                        format!(
                            "{} and {}, which share {overlap:.2} of their words",
                            corpus.questions[other].id, q.id
                        ),
                    )
                    .expected(format!("questions that share less than {SAME_QUESTION}"))
                    .next("Rewrite or remove one of them."),
                );
            }
        }
        for term in &content {
            by_term.entry(term.clone()).or_default().push(n);
        }
        contents.push(content);
    }
    checked
        .counts
        .push(Count { of: "largest token overlap of two questions (Jaccard)".into(), value: closest });
    for (size, name) in [(200, "first 200"), (500, "first 500")] {
        let first: Vec<_> = corpus.split(Split::Train).take(size).collect();
        if first.len() == size {
            let documents: HashSet<_> =
                first.iter().flat_map(|q| q.gold.iter().map(|g| &g.document)).collect();
            let kinds: HashSet<_> = first.iter().map(|q| q.kind).collect();
            let on = |id: &str| first.iter().filter(|q| q.gold.iter().any(|g| g.document == id)).count();
            let counts: Vec<usize> = ids.iter().map(|id| on(id)).collect();
            checked.count(format!("documents in the {name} training questions"), documents.len());
            checked.count("fewest of them on one document", counts.iter().copied().min().unwrap_or(0));
            checked.count("most of them on one document", counts.iter().copied().max().unwrap_or(0));
            checked.count(format!("kinds in the {name} training questions"), kinds.len());
        }
    }
}

fn test_shares(corpus: &Corpus, terms: &Terms, checked: &mut Checked) {
    let test: Vec<_> = corpus.split(Split::Test).collect();
    if test.is_empty() {
        return;
    }
    let of = |f: &dyn Fn(&Question) -> bool| test.iter().filter(|q| f(q)).count();
    let share = |count: usize, wanted: f64, what: &str, checked: &mut Checked| {
        let found = ratio(count, test.len());
        if found < wanted {
            let found = 100.0 * found;
            checked.remarks.push(format!(
                "{found:.0} % of the test questions {what}, fewer than {:.0} %",
                100.0 * wanted
            ));
        }
        checked.count(format!("test questions that {what}"), count);
    };
    let two = of(&|q| q.gold.iter().map(|g| &g.document).collect::<HashSet<_>>().len() > 1);
    share(two, 0.2, "need two documents", checked);
    share(of(&|q| !q.is_answerable()), 0.1, "have no answer in the corpus", checked);
    share(of(&|q| shares_few_words(q, terms)), 0.3, "share few words with their gold", checked);
}

/// Whether at most a third of the question's content terms occur in its gold.
pub fn shares_few_words(question: &Question, terms: &Terms) -> bool {
    if question.gold.is_empty() {
        return false;
    }
    let asked = terms.content(&question.question);
    let gold: HashSet<String> = question.gold.iter().flat_map(|g| terms.content(&g.quote)).collect();
    ratio(asked.iter().filter(|t| gold.contains(*t)).count(), asked.len()) <= FEW_WORDS
}

#[allow(clippy::cast_precision_loss)] // Small counts.
fn ratio(part: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}
