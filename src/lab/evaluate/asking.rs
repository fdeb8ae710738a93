//! Has a model answer what it has not answered yet, and keeps what it says.
//!
//! Answers take long and figures do not: each answer is appended to a file named by model, corpus and settings as soon
//! as it is there. A killed run goes on where it was, and answers that are all there need no model. A question is
//! asked again when the passages found for it are others.

use super::measure::Scored;
use crate::compare;
use crate::corpus::{Corpus, Entry, Question};
use crate::fault::{Error, Fault, Result};
use crate::folder::Lines;
use crate::generate::{Facts, Finish, Model, Sampling, Served, Step};
use crate::job::{self, Cancel, Clock, Report};
use crate::prompt::INSTRUCTION;
use crate::retrieve::{self, Hit, is_relevant};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// How questions are asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ways {
    pub(super) retrieval: retrieve::Settings,
    pub(super) k: usize,
    pub(super) sampling: Sampling,
}

/// A question ready to be asked.
pub(super) struct Asked {
    pub(super) question: Question,
    hits: Vec<Hit>,
    /// For each hit whether it is gold.
    gold: Vec<bool>,
    /// Of the question and the hits.
    digest: String,
}

/// A corpus's questions.
pub(super) struct Subject {
    pub(super) entry: Entry,
    pub(super) digest: String,
    pub(super) asked: Vec<Asked>,
}

/// A line of the file of answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
enum Record {
    About(Box<About>),
    Answer(Answer),
}

/// What the answers of a file are answers of.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct About {
    juxta: String,
    corpus: String,
    corpus_digest: String,
    identity: String,
    model: Facts,
    #[serde(flatten)]
    ways: Ways,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Answer {
    question: String,
    /// The digest of the question and the passages found for it.
    asked: String,
    text: String,
    finish: Finish,
    tokens: usize,
    prompt_tokens: usize,
    seconds: f64,
    /// How many of the passages fitted into the prompt, from the first.
    passages: usize,
    /// What a server was sent and what it said of its answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    served: Option<Box<Served>>,
}

/// One model on one corpus.
pub(super) struct Run<'a> {
    subject: &'a Subject,
    identity: &'a str,
    ways: &'a Ways,
    lines: Lines<Record>,
    about: Option<About>,
    /// By place in the subject's questions.
    answers: HashMap<usize, Answer>,
}

impl Asked {
    pub(super) fn new(corpus: &Corpus, question: &Question, hits: Vec<Hit>) -> Result<Self> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(question.question.as_bytes());
        for hit in &hits {
            let place = format!("\0{}\0{}\0{}\0", hit.document, hit.passage, hit.heading());
            hasher.update(place.as_bytes()).update(hit.text.as_bytes());
        }
        Ok(Self {
            gold: hits.iter().map(|hit| is_relevant(corpus, question, hit)).collect::<Result<_>>()?,
            digest: hasher.finalize().to_hex()[..16].to_owned(),
            question: question.clone(),
            hits,
        })
    }
}

/// What a model is, if its answers of all these runs are there.
pub(super) fn facts(runs: &[Run<'_>]) -> Option<Facts> {
    let complete = runs.iter().all(|run| run.missing().next().is_none() && run.about.is_some());
    complete.then(|| runs.first()?.about.as_ref().map(|about| about.model.clone())).flatten()
}

impl<'a> Run<'a> {
    /// Opens the file of a model's answers on a corpus below `folder` and takes from it what still holds.
    pub(super) fn open(
        folder: &Path,
        subject: &'a Subject,
        identity: &'a str,
        ways: &'a Ways,
        remarks: &mut Vec<Fault>,
    ) -> Result<Self> {
        let settings = serde_json::to_vec(&(env!("CARGO_PKG_VERSION"), INSTRUCTION, ways))
            .map_err(|e| Fault::new("settings", e))?;
        let settings = blake3::hash(&settings).to_hex();
        let name = format!("{}-{}-{}.jsonl", &identity[..16], &subject.digest[..16], &settings[..16]);
        let (lines, found) = Lines::open(&folder.join(name), "a record of an evaluation")?;
        remarks.extend(found.faults);
        let places: HashMap<(&str, &str), usize> = subject
            .asked
            .iter()
            .enumerate()
            .map(|(n, a)| ((a.question.id.as_str(), a.digest.as_str()), n))
            .collect();
        let (mut about, mut answers) = (None, HashMap::new());
        for record in found.records {
            match record {
                Record::About(read) => about = Some(*read),
                Record::Answer(answer) => {
                    if let Some(place) = places.get(&(answer.question.as_str(), answer.asked.as_str())) {
                        answers.insert(*place, answer);
                    }
                }
            }
        }
        Ok(Self { subject, identity, ways, lines, about, answers })
    }

    /// What is asked about.
    pub(super) fn subject(&self) -> &'a Subject {
        self.subject
    }

    /// Where the answers lie.
    pub(super) fn path(&self) -> &Path {
        self.lines.path()
    }

    /// How many answers ended so.
    pub(super) fn finished(&self, finish: Finish) -> usize {
        self.answers.values().filter(|a| a.finish == finish).count()
    }

    fn missing(&self) -> impl Iterator<Item = (usize, &Asked)> {
        self.subject.asked.iter().enumerate().filter(|(n, _)| !self.answers.contains_key(n))
    }

    /// Has the model answer what is missing, several questions at a time, and keeps each answer as it comes.
    pub(super) fn ask(
        &mut self,
        model: &Model,
        workers: Option<NonZeroUsize>,
        clock: &Clock<'_>,
        cancel: &Cancel,
    ) -> Result<()> {
        let (subject, sampling) = (self.subject, &self.ways.sampling);
        if self.about.is_none() {
            let about = About {
                juxta: env!("CARGO_PKG_VERSION").to_owned(),
                corpus: subject.entry.manifest.id.clone(),
                corpus_digest: subject.digest.clone(),
                identity: self.identity.to_owned(),
                model: model.facts().clone(),
                ways: self.ways.clone(),
            };
            self.lines.append(&Record::About(Box::new(about.clone())))?;
            self.about = Some(about);
        }
        let doing = format!("{} on {}", model.facts().name, subject.entry.manifest.id);
        let missing: Vec<usize> = self.missing().map(|(n, _)| n).collect();
        let kept = Mutex::new((&mut self.lines, &mut self.answers));
        clock.tell(&doing);
        let one = |place: &usize| {
            let answer = answer(model, &subject.asked[*place], sampling, cancel)?;
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.0.append(&Record::Answer(answer.clone()))?;
            kept.1.insert(*place, answer);
            clock.tick(&doing);
            Ok(())
        };
        match model.in_flight() {
            Some(at_a_time) => job::each_waiting(&missing, at_a_time, one),
            None => job::each(&missing, job::workers(workers), one),
        }
    }

    /// What each answer is worth, with how many passages it was given from; in the order of the questions.
    pub(super) fn scored(&self) -> Vec<(Scored, usize)> {
        let by_place = self.subject.asked.iter().enumerate();
        by_place
            .filter_map(|(n, asked)| {
                let answer = self.answers.get(&n)?;
                let shown = &asked.gold[..answer.passages.min(asked.gold.len())];
                Some((Scored::of(&asked.question, &answer.text, shown), shown.len()))
            })
            .collect()
    }
}

/// Asks as the lab asks; a model gets as many of the passages as fit its own window.
fn answer(model: &Model, asked: &Asked, sampling: &Sampling, cancel: &Cancel) -> Result<Answer> {
    cancel.check()?;
    let packed = compare::pack(&asked.question.question, &asked.hits, std::iter::once(model), sampling)?;
    let mut served = None;
    let said = model.generate(&model.render(&packed.messages)?, sampling, cancel, &mut |step| {
        if let Step::Served(told) = step {
            served = Some(told);
        }
    })?;
    if said.finish == Finish::Cancelled {
        return Err(Error::Cancelled);
    }
    Ok(Answer {
        question: asked.question.id.clone(),
        asked: asked.digest.clone(),
        text: said.text,
        finish: said.finish,
        tokens: said.tokens,
        prompt_tokens: said.prompt_tokens,
        seconds: said.seconds,
        passages: packed.passages,
        served,
    })
}

/// How far all runs together are, and how long the rest will take.
pub(super) fn clock<'a, 'r>(runs: impl Iterator<Item = &'r Run<'r>>, report: Report<'a>) -> Clock<'a> {
    let (mut total, mut before) = (0, 0);
    for run in runs {
        total += run.subject.asked.len();
        before += run.answers.len();
    }
    Clock::new(report, before, total)
}
