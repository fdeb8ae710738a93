//! Answers that were made elsewhere, as a contender: what a file says to a question is what it answers.
//!
//! A file of them is a table (`.csv`) or JSON Lines (`.jsonl`) with an answer and the question, or the question's id
//! in a corpus. It is read once, and kept in a folder of the models as [`RECORDED`]: a JSON list of
//! `{question_id, question, answer}`. A question is found by its text, whatever white space is in it.

use super::answer::{Completion, Count, Finish, Step, from_first_word};
use super::model::Facts;
use super::registry::Contender;
use super::shape::LARGEST_WINDOW;
use crate::fault::{Fault, Result};
use crate::folder::{self, Folder};
use crate::job::Cancel;
use crate::prompt::{self, Message};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

/// The file in a model's folder that makes it recorded answers.
pub const RECORDED: &str = "recorded.json";

/// Which columns or fields of a file are what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The question; need not be there if its id is.
    pub question: String,
    /// The question's id; need not be there if the question is.
    pub question_id: String,
    /// The answer.
    pub answer: String,
}

impl Default for Columns {
    fn default() -> Self {
        Self { question: "question".into(), question_id: "question_id".into(), answer: "answer".into() }
    }
}

/// Answers read from a file, and what of it has no place among them: each as `line N: …`, for a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    entries: Vec<Entry>,
    /// Questions that come again with the same answer.
    pub repeated: Vec<String>,
    /// Questions that come again with another answer: the first one stands.
    pub contradicted: Vec<String>,
    /// Ids that nobody knows the question of.
    pub unknown: Vec<String>,
    /// Lines without an answer.
    pub empty: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    question_id: Option<String>,
    question: String,
    answer: String,
}

/// A line of a file: question, id, answer; empty where it has none.
struct Line {
    number: u64,
    question: String,
    question_id: String,
    answer: String,
}

impl Recording {
    /// Reads a file. `known` gives the question of an id.
    ///
    /// # Errors
    /// A [`Fault`] naming the line that is wrong, a file without the columns, or one without a single answer that
    /// can be used.
    pub fn read(path: &Path, columns: &Columns, known: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let place = path.display().to_string();
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        let bytes = std::fs::read(path).map_err(|e| Fault::io(path, "read", &e))?;
        let text = folder::utf8(bytes, &place)?;
        let text = text.trim_start_matches('\u{feff}');
        let lines = match ending.as_deref() {
            Some("csv") => of_table(text, &place, columns)?,
            Some("jsonl") => of_json_lines(text, &place, columns)?,
            _ => {
                return Err(Fault::new(&place, "a file of another ending")
                    .expected("answers in .csv or .jsonl")
                    .next("Give the file the ending of what it is.")
                    .into());
            }
        };
        let recording = Self::of(lines, known);
        if recording.entries.is_empty() {
            let why = [&recording.unknown, &recording.empty].into_iter().flatten().next();
            return Err(Fault::new(&place, why.map_or("no answer", String::as_str))
                .expected("an answer to a question or more")
                .next("Questions by their ids need the corpus that they are of: name it with --corpus.")
                .into());
        }
        Ok(recording)
    }

    fn of(lines: Vec<Line>, known: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut recording = Self::default();
        let mut seen: HashMap<String, (u64, usize)> = HashMap::new();
        for Line { number, question, question_id, answer } in lines {
            let question = if question.trim().is_empty() { known(&question_id) } else { Some(question) };
            let Some(question) = question else {
                recording.unknown.push(format!("line {number}: {question_id:?}"));
                continue;
            };
            let named = if question_id.is_empty() { &question } else { &question_id };
            if answer.trim().is_empty() {
                recording.empty.push(format!("line {number}: {named}"));
            } else if let Some((first, at)) = seen.get(&key(&question)) {
                let same = recording.entries[*at].answer == answer;
                let told = format!("line {number}, as line {first}: {named}");
                if same { recording.repeated.push(told) } else { recording.contradicted.push(told) }
            } else {
                seen.insert(key(&question), (number, recording.entries.len()));
                let question_id = (!question_id.is_empty()).then_some(question_id);
                recording.entries.push(Entry { question_id, question, answer });
            }
        }
        recording
    }

    /// How many questions it answers.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it answers nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it answers a question.
    pub fn answers(&self, question: &str) -> bool {
        let key_of = key(question);
        self.entries.iter().any(|e| key(&e.question) == key_of)
    }

    /// Makes a folder a contender that answers so. The folder must not be there.
    ///
    /// # Errors
    /// A [`Fault`] if something is there already, or the disk would not take it.
    pub fn keep(&self, dir: &Path) -> Result<()> {
        if dir.exists() {
            return Err(Fault::new(dir.display(), "a model of this name")
                .expected("a new one")
                .next("Choose another name, or remove that folder first.")
                .into());
        }
        let json = serde_json::to_vec_pretty(&self.entries)
            .map_err(|e| Fault::new(dir.display(), e).expected("answers that can be written as JSON"))?;
        folder::replace(&dir.join(RECORDED), &json)
    }
}

/// What tells questions apart: white space does not.
fn key(question: &str) -> String {
    question.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn of_table(text: &str, place: &str, columns: &Columns) -> Result<Vec<Line>> {
    let broken = |e: csv::Error| {
        let line = e.position().map_or(1, csv::Position::line);
        Fault::new(format!("{place}:{line}"), e)
            .expected("a line with as many cells as the first one")
            .next("Correct that line; nothing of the file was taken.")
    };
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let head = table.headers().map_err(broken)?.clone();
    let at = |name: &str| head.iter().position(|h| h.trim() == name);
    let (question, question_id) = (at(&columns.question), at(&columns.question_id));
    let Some(answer) = at(&columns.answer).filter(|_| question.is_some() || question_id.is_some()) else {
        let found = head.iter().collect::<Vec<_>>().join(", ");
        return Err(missing(&format!("{place}:1"), &format!("the columns {found}"), columns));
    };
    let mut lines = Vec::new();
    for record in table.records() {
        let record = record.map_err(broken)?;
        let cell = |n: Option<usize>| n.and_then(|n| record.get(n)).unwrap_or_default().to_owned();
        lines.push(Line {
            number: record.position().map_or(0, csv::Position::line),
            question: cell(question),
            question_id: cell(question_id),
            answer: cell(Some(answer)),
        });
    }
    Ok(lines)
}

fn of_json_lines(text: &str, place: &str, columns: &Columns) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let place = format!("{place}:{}", n + 1);
        let wrong = |found: &dyn std::fmt::Display| {
            Fault::new(&place, found)
                .expected("an answer, as one JSON object")
                .next("Correct that line; nothing of the file was taken.")
        };
        let value: Value = serde_json::from_str(line)
            .map_err(|e| wrong(&e.to_string().split(" at line").next().unwrap_or_default()))?;
        let Some(object) = value.as_object() else { return Err(wrong(&"no object").into()) };
        let text = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            // Ids are numbers in many files.
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(wrong(&format!("{name} = {other}"))),
        };
        let (question, question_id) = (text(&columns.question)?, text(&columns.question_id)?);
        let has_answer = object.contains_key(&columns.answer);
        if !has_answer || question.is_none() && question_id.is_none() {
            let found = object.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(missing(&place, &format!("the fields {found}"), columns));
        }
        lines.push(Line {
            number: n as u64 + 1,
            question: question.unwrap_or_default(),
            question_id: question_id.unwrap_or_default(),
            answer: text(&columns.answer)?.unwrap_or_default(),
        });
    }
    Ok(lines)
}

fn missing(place: &str, found: &str, columns: &Columns) -> crate::fault::Error {
    let Columns { question, question_id, answer } = columns;
    Fault::new(place, found)
        .expected(format!("{answer}, and {question} or {question_id}"))
        .next("Say which is which with --answer-column, --question-column and --id-column.")
        .into()
}

/// A contender of recorded answers, loaded.
pub(super) struct Recorded {
    facts: Facts,
    answers: HashMap<String, String>,
}

impl Recorded {
    pub(super) fn read(contender: &Contender) -> Result<Self> {
        let folder: &Folder = &contender.folder;
        let place = folder.place(RECORDED);
        let entries: Vec<Entry> = serde_json::from_str(&folder.read_text(RECORDED)?).map_err(|e| {
            Fault::new(format!("{place}:{}", e.line()), e)
                .expected("answers as `juxta model add` wrote them")
                .next("Put the file back as it was, or add the answers again under another name.")
        })?;
        let facts = Facts {
            name: contender.name.clone(),
            digest: folder.digest(RECORDED)?,
            base_digest: None,
            template_digest: None,
            architecture: "none".to_owned(),
            engine: "recorded answers".to_owned(),
            context_tokens: LARGEST_WINDOW,
        };
        let mut answers = HashMap::new();
        for entry in entries {
            answers.entry(key(&entry.question)).or_insert(entry.answer);
        }
        Ok(Self { facts, answers })
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The question is all that an answer is found by.
    pub(super) fn render(&self, messages: &[Message]) -> Result<String> {
        prompt::question(messages).map(str::to_owned).ok_or_else(|| {
            Fault::new(format!("the model {}", self.facts.name), "a conversation that asks no question")
                .expected("one that ends with a question, as juxta asks it")
                .into()
        })
    }

    /// All at once: nobody was there when it was said, so that nothing of its time is known.
    pub(super) fn generate(
        &self,
        question: &str,
        cancel: &Cancel,
        on: &mut dyn FnMut(Step),
    ) -> Result<Completion> {
        let asked = Instant::now();
        let Some(answer) = self.answers.get(&key(question)) else {
            return Err(Fault::new(
                format!("the model {}", self.facts.name),
                format!("no answer to {question:?}"),
            )
            .expected("one that was recorded")
            .next("Add the answers again with this question in them, or ask another one.")
            .into());
        };
        on(Step::Reading { read: 0, prompt_tokens: 0 });
        let cancelled = cancel.is_cancelled();
        let text = if cancelled { "" } else { from_first_word("", answer) }.to_owned();
        if !cancelled {
            on(Step::Text { piece: text.clone(), count: Count::default() });
        }
        Ok(Completion {
            text,
            tokens: 0,
            passes: None,
            prompt_tokens: 0,
            seconds_to_first_token: None,
            seconds: asked.elapsed().as_secs_f64(),
            tokens_per_second: None,
            finish: if cancelled { Finish::Cancelled } else { Finish::Stop },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Model, Registry, Sampling};
    use super::*;
    use crate::job::SILENT;

    fn read(name: &str, text: &str, columns: &Columns) -> Result<Recording> {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        Recording::read(&path, columns, &|id| (id == "q7").then(|| "Why gout?".to_owned()))
    }

    #[test]
    fn what_was_recorded_is_answered_to_its_question_whatever_the_passages() {
        let table = "question_id,question,answer\nq1,Why  does\nbread rise?,x\n,\"Tea, or not?\",\"=Yes\n\u{1b}[2J.\"\nq7,,\"\n Crystals.\"\n";
        let recording = read(
            "a.csv",
            &table.replace("Why  does\nbread rise?", "\"Why  does\nbread rise?\""),
            &Columns::default(),
        );
        let recording = recording.expect("read");
        assert_eq!(recording.len(), 3);
        let dir = tempfile::tempdir().expect("a folder");
        recording.keep(&dir.path().join("theirs")).expect("kept");
        assert!(
            recording
                .keep(&dir.path().join("theirs"))
                .expect_err("taken")
                .to_string()
                .contains("a model of this name")
        );
        let registry = Registry::discover(Some(dir.path()));
        assert_eq!(registry.faults, []);
        let contender = registry.find("theirs").expect("a contender");
        assert_eq!(contender.kind.to_string(), "recorded answers");
        let model = Model::load(&contender, &registry, SILENT, &Cancel::new()).expect("loaded");
        let asked = |question: &str| {
            let prompt = model.render(&prompt::messages(question, &[])).expect("a prompt");
            let mut pieces = String::new();
            let done = model.generate(&prompt, &Sampling::default(), &Cancel::new(), &mut |step| {
                if let Step::Text { piece, .. } = step {
                    pieces.push_str(&piece);
                }
            })?;
            assert_eq!(done.text, pieces);
            Ok(done.text) as Result<String>
        };
        assert_eq!(asked("Why does bread rise?").expect("answered"), "x");
        assert_eq!(asked("Tea, or\n not?").expect("answered"), "=Yes\n\u{1b}[2J.", "letter for letter");
        assert_eq!(asked("Why gout?").expect("answered"), "Crystals.");
        assert!(asked("Who?").expect_err("not recorded").to_string().contains("no answer to \"Who?\""));
    }

    #[test]
    fn duplicates_and_misses_are_named() {
        let lines = "{\"id\": 1, \"q\": \"A?\", \"said\": \"x\"}\n\n{\"q\": \"A? \", \"said\": \"x\"}\n\
            {\"q\": \"A?\", \"said\": \"y\"}\n{\"id\": \"q9\", \"said\": \"z\"}\n{\"q\": \"B?\", \"said\": \" \"}\n";
        let columns = Columns { question: "q".into(), question_id: "id".into(), answer: "said".into() };
        let found = read("a.jsonl", lines, &columns).expect("read");
        assert_eq!(found.len(), 1);
        assert_eq!(found.repeated, ["line 3, as line 1: A? "]);
        assert_eq!(found.contradicted, ["line 4, as line 1: A?"]);
        assert_eq!(found.unknown, ["line 5: \"q9\""]);
        assert_eq!(found.empty, ["line 6: B?"]);
        assert!(found.answers("A?") && !found.answers("B?"));
    }

    #[test]
    fn mistakes_are_told_by_their_line() {
        let told =
            |name: &str, text: &str| read(name, text, &Columns::default()).expect_err("refused").to_string();
        for (found, expected) in [
            (
                told("a.csv", "q,a\n1,2\n"),
                "a.csv:1: found the columns q, a; expected answer, and question or question_id. Say which",
            ),
            (told("a.csv", "question,answer\nx\n"), "a.csv:2: found"),
            (told("a.jsonl", "\n{\"question\": [], \"answer\": \"x\"}"), "a.jsonl:2: found question = []"),
            (told("a.jsonl", "{\"answer\": \"x\"}"), "a.jsonl:1: found the fields answer"),
            (told("a.jsonl", "nonsense"), "a.jsonl:1: found expected"),
            (told("a.jsonl", "[]"), "a.jsonl:1: found no object"),
            (
                told("a.csv", "question_id,answer\nq9,x\n"),
                "found line 2: \"q9\"; expected an answer to a question or more. Questions by their ids need the corpus",
            ),
            (told("a.txt", ""), ".csv or .jsonl"),
        ] {
            assert!(found.contains(expected), "{expected:?} in {found:?}");
        }
    }
}
