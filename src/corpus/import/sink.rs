//! Where every reader puts what it read: documents go to files at once, questions are kept until all are there. Mistakes
//! that concern more than one record are found here: twins, questions without their document, training that gives away
//! what is judged by.

use super::found::{Found, Tally, Wrong};
use super::source::Meter;
use super::split;
use super::text::{short_answer, slug};
use crate::corpus::document::Section;
use crate::corpus::documents::{Line, key};
use crate::corpus::{Gold, Judged, Kind, Query, Question, Split};
use crate::fault::{Fault, Result};
use crate::text::json_line;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// About how long a file of documents gets, in bytes: what has to be written again when one of them changes.
const FILE: u64 = 1 << 20;
/// The longest text of a document, in bytes; its line must not get longer than lines may be.
pub(super) const LONGEST_TEXT: usize = 8 << 20;
const LONGEST_ID: usize = 512;

/// A document, as a reader found it.
#[derive(Debug, Default)]
pub(super) struct New {
    pub id: String,
    pub title: String,
    pub text: String,
    /// In order, within the text; one section without heading where there are none.
    pub sections: Vec<Section>,
}

/// A question, as a reader found it.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Its id in the source; may be of any form, or none.
    pub key: Option<String>,
    /// The source's own split.
    pub split: Option<Split>,
    pub kind: Option<Kind>,
    pub question: String,
    pub answer: String,
    pub key_points: Vec<String>,
    pub gold: Vec<Gold>,
    /// Documents that it is about, beside those of its gold.
    pub about: Vec<String>,
    /// Whether the answer is known, but not where it stands.
    pub open: bool,
}

/// Where documents and questions are put.
pub(super) struct Sink<'a> {
    pub meter: Meter<'a>,
    pub found: Found,
    /// Whether long reference answers stay as they are.
    pub whole_answers: bool,
    /// Whether the source's own split is not taken over.
    pub resplit: bool,
    out: Option<Out>,
    /// Digests of texts by digests of ids.
    ids: HashMap<[u8; 16], [u8; 16]>,
    texts: HashSet<[u8; 16]>,
    questions: Vec<Asked>,
    /// Questions without a reference answer: id in the source, text, split.
    queries: Vec<(String, String, Option<Split>)>,
    judged: Judged,
    /// The split that was named for the judgments of a question.
    judged_split: HashMap<String, Split>,
}

/// Files of documents, in a folder.
struct Out {
    dir: PathBuf,
    file: Option<(BufWriter<File>, u64)>,
    number: usize,
}

/// What came of it, beside the documents.
pub(super) struct Settled {
    pub documents: usize,
    pub questions: Vec<Question>,
    pub queries: Vec<Query>,
    pub judged: Judged,
    /// What was met on the way.
    pub met: Vec<Tally>,
}

impl<'a> Sink<'a> {
    /// Writes documents into files `documents/NNNNN.jsonl` of a folder from that number on, or nowhere.
    pub(super) fn new(meter: Meter<'a>, dir: Option<&Path>, first: usize) -> Self {
        Self {
            meter,
            found: Found::default(),
            whole_answers: false,
            resplit: false,
            out: dir.map(|dir| Out { dir: dir.join("documents"), file: None, number: first }),
            ids: HashMap::new(),
            texts: HashSet::new(),
            questions: Vec::new(),
            queries: Vec::new(),
            judged: Judged::default(),
            judged_split: HashMap::new(),
        }
    }

    /// Counts something that is wrong.
    pub(super) fn wrong(&mut self, what: Wrong, fault: impl FnOnce() -> Fault) {
        self.found.put(what, fault);
    }

    /// Takes a document in, unless it has no text, or one of its id is there. Whether a document of that id and text is
    /// there now.
    pub(super) fn document(&mut self, mut new: New, place: &str) -> Result<bool> {
        if new.text.contains('\0') || new.title.contains('\0') || new.id.contains('\0') {
            self.wrong(Wrong::Unreadable, || {
                Fault::new(place, "a NUL character")
                    .expected("text")
                    .next("Save it as text; the other documents are read.")
            });
            return Ok(false);
        }
        if new.text.trim().is_empty() {
            self.wrong(Wrong::EmptyDocument, || {
                Fault::new(place, "no text").expected("the text of a document").next("It is left out.")
            });
            return Ok(false);
        }
        new.id = new.id.trim().to_owned();
        let unfit = new.id.is_empty() || new.id.len() > LONGEST_ID || new.id.contains(char::is_control);
        if unfit || new.text.len() > LONGEST_TEXT {
            self.wrong(Wrong::Shape, || {
                Fault::new(place, format!("an id of {} bytes, a text of {}", new.id.len(), new.text.len()))
                    .expected(format!(
                        "an id of 1 to {LONGEST_ID} without tabs, a text of at most {LONGEST_TEXT}"
                    ))
                    .next("Shorten it, or divide the document; it is left out.")
            });
            return Ok(false);
        }
        if new.title.trim().is_empty() {
            new.title.clone_from(&new.id);
        }
        let (id, text) = (key(&new.id), key(&new.text));
        if let Some(other) = self.ids.get(&id) {
            let same = *other == text;
            let what = if same { Wrong::SameDocument } else { Wrong::SameId };
            self.wrong(what, || {
                Fault::new(place, format!("the document {:?} again", new.id))
                    .expected("every id once")
                    .next("The first one is kept.")
            });
            return Ok(same);
        }
        if !self.texts.insert(text) {
            self.wrong(Wrong::SameText, || {
                Fault::new(place, format!("the text of another document in {:?}", new.id))
                    .expected("different documents")
                    .next("Both are kept, since each has an id of its own.")
            });
        }
        self.ids.insert(id, text);
        if let Some(out) = &mut self.out {
            out.write(&new)?;
        }
        Ok(true)
    }

    /// Whether there is a document of that id.
    pub(super) fn has(&self, document: &str) -> bool {
        self.ids.contains_key(&key(document))
    }

    /// Whether there is a document of that text, under whatever id.
    pub(super) fn has_text(&self, text: &str) -> bool {
        self.texts.contains(&key(text))
    }

    /// How many documents there are.
    pub(super) fn documents(&self) -> usize {
        self.ids.len()
    }

    /// Takes in a question with its answer.
    pub(super) fn question(&mut self, mut asked: Asked, place: &str) {
        asked.question = one_line(&asked.question);
        asked.answer = asked.answer.trim().to_owned();
        if asked.question.is_empty() || asked.answer.is_empty() {
            let what = if asked.question.is_empty() { Wrong::Shape } else { Wrong::NoAnswer };
            self.wrong(what, || {
                Fault::new(place, if asked.question.is_empty() { "no question" } else { "no answer" })
                    .expected("a question with its answer")
                    .next("It is left out.")
            });
            return;
        }
        if let Some(gold) = asked.gold.iter().find(|g| !self.has(&g.document)) {
            let id = gold.document.clone();
            self.wrong(Wrong::NoDocument, || {
                Fault::new(place, format!("a question about {id:?}, which is not there"))
                    .expected("the document it is about")
                    .next("The question is left out.")
            });
            return;
        }
        if !self.whole_answers
            && let Some(short) = short_answer(&asked.answer)
        {
            self.wrong(Wrong::LongAnswer, || {
                Fault::new(place, format!("an answer of {} bytes", asked.answer.len()))
                    .expected("one that can be judged")
                    .next("It is cut; --whole-answers keeps it.")
            });
            asked.answer = short;
        }
        self.questions.push(asked);
    }

    /// Takes in a question without a reference answer.
    pub(super) fn query(&mut self, id: &str, question: &str, split: Option<Split>, place: &str) {
        let question = one_line(question);
        if question.is_empty() || id.trim().is_empty() {
            self.wrong(Wrong::Shape, || {
                Fault::new(place, "a question without id or text").expected("both").next("It is left out.")
            });
            return;
        }
        self.queries.push((id.trim().to_owned(), question, split));
    }

    /// Takes in how well a document answers a question, both by their ids in the source.
    pub(super) fn judge(&mut self, question: &str, document: &str, grade: i32, split: Option<Split>) {
        self.judged.put(question, document, grade);
        if let Some(split) = split {
            self.judged_split.entry(question.to_owned()).or_insert(split);
        }
    }

    /// Ends the files and puts the questions into their final form.
    pub(super) fn settle(mut self, language: &str, place: &str) -> Result<Settled> {
        if let Some(out) = &mut self.out {
            out.close()?;
        }
        if self.resplit {
            self.questions.iter_mut().for_each(|q| q.split = None);
        }
        self.without_twins(place);
        let documents = self.ids.len();
        let mut names = Names::default();
        let judged_questions: HashSet<String> = self.judged.iter().map(|(q, _)| q.to_owned()).collect();
        let mut renamed: HashMap<String, String> = HashMap::new();
        let mut questions = split::settle(std::mem::take(&mut self.questions), |asked| {
            let id = names.of(asked.key.as_deref().unwrap_or("q"));
            if let Some(key) = &asked.key {
                renamed.entry(key.clone()).or_insert_with(|| id.clone());
            }
            id
        });
        split::apart(&mut questions, language, place, &mut self.found)?;
        let mut queries = Vec::new();
        for (key, question, named) in std::mem::take(&mut self.queries) {
            if !judged_questions.contains(&key) {
                self.wrong(Wrong::Unjudged, || {
                    Fault::new(place, format!("the question {key:?}, without judgments"))
                        .expected("judged documents, or a reference answer")
                        .next("It is left out.")
                });
                continue;
            }
            let id = names.of(&key);
            renamed.insert(key.clone(), id.clone());
            let split = self.judged_split.get(&key).copied().or(named).unwrap_or(Split::Test);
            queries.push(Query { id, split, question });
        }
        let judged = self.judgments(&renamed, place);
        Ok(Settled { documents, questions, queries, judged, met: self.found.tallies() })
    }

    fn judgments(&mut self, renamed: &HashMap<String, String>, place: &str) -> Judged {
        let before = std::mem::take(&mut self.judged);
        let mut judged = Judged::default();
        for (question, grades) in before.iter() {
            for (document, grade) in grades {
                match renamed.get(question).filter(|_| self.has(document)) {
                    Some(id) => judged.put(id, document, *grade),
                    None => self.wrong(Wrong::JudgedUnknown, || {
                        Fault::new(place, format!("a judgment of {document:?} for the question {question:?}"))
                            .expected("a document and a question that are there")
                            .next("It is left out.")
                    }),
                }
            }
        }
        judged
    }

    /// The same question about the same documents with the same answer is one question.
    fn without_twins(&mut self, place: &str) {
        let mut seen = HashSet::new();
        let questions = std::mem::take(&mut self.questions);
        for q in questions {
            let golds: Vec<_> = q.gold.iter().map(|g| (&g.document, &g.quote)).collect();
            if seen.insert(key(&format!("{}\0{}\0{golds:?}\0{:?}", q.question, q.answer, q.about))) {
                self.questions.push(q);
            } else {
                self.wrong(Wrong::SameQuestion, || {
                    Fault::new(place, format!("the question {:?} again", q.question))
                        .expected("every question once")
                        .next("The first one is kept.")
                });
            }
        }
    }
}

impl Out {
    fn write(&mut self, new: &New) -> Result<()> {
        let line = Line {
            id: new.id.clone(),
            title: one_line(&new.title),
            text: new.text.clone(),
            sections: new.sections.iter().map(|s| (s.heading.clone(), s.range.start, s.range.end)).collect(),
        };
        let path = self.dir.join(format!("{:05}.jsonl", self.number));
        let failed = |e: &std::io::Error| Fault::io(&path, "write", e);
        let mut json = serde_json::to_string(&line)
            .map_err(|e| Fault::new(path.display(), e).expected("a document that JSON can hold"))?;
        json.push('\n');
        if self.file.is_none() {
            std::fs::create_dir_all(&self.dir).map_err(|e| Fault::io(&self.dir, "make", &e))?;
            let file = File::create(&path).map_err(|e| failed(&e))?;
            self.file = Some((BufWriter::with_capacity(1 << 18, file), 0));
        }
        if let Some((file, bytes)) = &mut self.file {
            file.write_all(json.as_bytes()).map_err(|e| failed(&e))?;
            *bytes += json.len() as u64;
            if *bytes >= FILE {
                self.close()?;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if let Some((mut file, _)) = self.file.take() {
            let path = self.dir.join(format!("{:05}.jsonl", self.number));
            // What was imported can be imported again: no need to wait for the disk after each file.
            file.flush().map_err(|e| Fault::io(&path, "write", &e))?;
            self.number += 1;
        }
        Ok(())
    }
}

/// Ids that were given, so that none is given twice.
#[derive(Default)]
struct Names {
    given: HashSet<String>,
    next: HashMap<String, usize>,
}

impl Names {
    fn of(&mut self, key: &str) -> String {
        let base = slug(key);
        let mut id = base.clone();
        while !self.given.insert(id.clone()) {
            let next = self.next.entry(base.clone()).or_insert(1);
            *next += 1;
            id = format!("{base}-{next}");
        }
        id
    }
}

/// Text on one line, with single spaces.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lines of JSON.
pub(super) fn json_lines<T: serde::Serialize>(records: &[T], path: &Path) -> Result<String> {
    let mut text = String::new();
    for record in records {
        let line = json_line(record)
            .map_err(|e| Fault::new(path.display(), e).expected("a record that JSON can hold"))?;
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}
