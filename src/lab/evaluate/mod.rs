//! Measures models on a corpus's questions: each is asked what the lab would ask it (the same passages, packed the
//! same way, answered greedily), and its answers are set against the references.

mod asking;
mod measure;

pub use measure::{Figures, Measure};

use super::Lab;
use crate::corpus::{Corpus, Entry, Question, Split};
use crate::fault::{Fault, Result};
use crate::generate::{self, Contender, Facts, Finish, Mode, Registry, Sampling, TrainedOn};
use crate::job::{Cancel, Progress, Report};
use crate::retrieve;
use asking::{Asked, Run, Subject, Ways};
use measure::{Scored, differences, figures};
use serde::Serialize;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// The base that is measured, with its adapters, when nobody names a model.
const USUAL_BASE: &str = "reader";

/// What to measure on what.
#[derive(Debug, Clone)]
pub struct Evaluating {
    /// The models, see [`evaluated`].
    pub models: Vec<Contender>,
    /// The corpora.
    pub corpora: Vec<Entry>,
    /// Which of their questions.
    pub split: Split,
    /// How many of these at most, from the first.
    pub limit: Option<NonZeroUsize>,
    /// How many questions are answered at a time, each on one thread; `None` for one a processor.
    pub workers: Option<NonZeroUsize>,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// The version of juxta.
    pub juxta: String,
    /// Which questions.
    pub split: Split,
    /// How many of them at most.
    pub limit: Option<NonZeroUsize>,
    /// How passages were cut.
    pub retrieval: retrieve::Settings,
    /// Passages asked for.
    pub k: usize,
    /// How answers were drawn.
    pub sampling: Sampling,
    /// The models, in the order of every corpus's results.
    pub models: Vec<Measured>,
    /// What they did on each corpus.
    pub corpora: Vec<OnCorpus>,
    /// What was set aside or could not be read of earlier answers.
    #[serde(skip)]
    pub remarks: Vec<Fault>,
}

/// A model that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// What it is called by.
    pub name: String,
    /// The model among these that it was fine-tuned from, by its place, from 0.
    pub base: Option<usize>,
    /// What it was fine-tuned on, as its card says.
    pub trained_on: Option<TrainedOn>,
    /// BLAKE3 of all that decides its answers: see [`generate::identity`].
    pub identity: String,
    /// What it is.
    pub model: Facts,
}

/// What the models did on one corpus.
#[derive(Debug, Clone, Serialize)]
pub struct OnCorpus {
    /// The corpus's id.
    pub corpus: String,
    /// Its title.
    pub title: String,
    /// The digest of what was asked about.
    pub corpus_digest: String,
    /// How many questions were asked.
    pub questions: usize,
    /// How many of them have an answer in the corpus.
    pub answerable: usize,
    /// By model, in their order.
    pub results: Vec<OfModel>,
}

/// What one model did on one corpus.
#[derive(Debug, Clone, Serialize)]
pub struct OfModel {
    /// The model's name.
    pub model: String,
    /// The file of its answers.
    pub answers: PathBuf,
    /// How many answers were cut off at the most tokens they may have.
    pub cut_off: usize,
    /// What they are worth.
    pub figures: Figures,
    /// What they are worth more than its base's, where that was measured too.
    pub difference: Option<Difference>,
}

/// A fine-tuned model less its base.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// The base's name.
    pub to: String,
    /// How many questions the two were asked with other passages, since not as many fitted into one's prompt.
    pub other_passages: usize,
    /// By how much.
    pub figures: Figures,
}

/// The models to measure for those named, names or paths: these, and before each the base it was fine-tuned from;
/// with `adapters` also every model of the registry that was fine-tuned from one of these. Without any name the
/// bundled reader and all that was fine-tuned from it. Each once.
///
/// # Errors
/// A [`Fault`] for an unknown model.
pub fn evaluated(registry: &Registry, named: &[String], adapters: bool) -> Result<Vec<Contender>> {
    let mut found: Vec<Contender> = Vec::new();
    let mut add = |contender: Contender| {
        if !found.iter().any(|c| same(c, &contender)) {
            found.push(contender);
        }
    };
    if named.is_empty() {
        add(registry.find(USUAL_BASE)?);
    }
    for name in named {
        let contender = registry.find(name)?;
        // One that names no base, or one that is not here, is measured by itself.
        if let Ok(base) = registry.base_of(&contender) {
            add(base);
        }
        add(contender);
    }
    if named.is_empty() || adapters {
        let bases = found.clone();
        let of_these = |c: &&Contender| {
            registry.base_of(c).is_ok_and(|base| bases.iter().any(|found| same(found, &base)))
        };
        let mut tuned: Vec<&Contender> = registry.contenders.iter().filter(of_these).collect();
        tuned.sort_by_key(|c| {
            c.trained_on.as_ref().map_or((true, "", 0), |t| (false, t.corpus.as_str(), t.examples))
        });
        for contender in tuned {
            if !found.iter().any(|c| same(c, contender)) {
                found.push(contender.clone());
            }
        }
    }
    Ok(found)
}

fn same(a: &Contender, b: &Contender) -> bool {
    a.name == b.name && a.folder == b.folder && a.file == b.file
}

impl Lab {
    /// Asks every model every question that it has no answer to yet, and measures all answers.
    ///
    /// # Errors
    /// A [`Fault`] for a corpus without such questions, a model that cannot be loaded or fails, a disk that takes no
    /// more, or a model or corpus that is there twice; [`crate::fault::Error::Cancelled`] between two tokens. Answers
    /// that were there by then are kept.
    pub fn evaluate(&self, wanted: &Evaluating, report: Report<'_>, cancel: &Cancel) -> Result<Evaluation> {
        let registry = self.models.registry();
        let ways = Ways {
            retrieval: self.retrieval(),
            k: self.settings.retrieval.k,
            // Greedy choice has no use for a seed, and another seed is no reason to ask again.
            sampling: Sampling { mode: Mode::Greedy, seed: 0, ..super::sampling(&self.settings.sampling)? },
        };
        let subjects = wanted
            .corpora
            .iter()
            .map(|entry| self.subject(entry, wanted, report, cancel))
            .collect::<Result<Vec<_>>>()?;
        apart(subjects.iter().map(|s| (s.entry.manifest.id.as_str(), s.digest.as_str())), "corpus")?;
        let identities = wanted
            .models
            .iter()
            .map(|contender| Ok(self.models.ways().mark(generate::identity(contender, &registry)?)))
            .collect::<Result<Vec<_>>>()?;
        apart(wanted.models.iter().zip(&identities).map(|(c, i)| (c.name.as_str(), i.as_str())), "model")?;
        let (folder, mut remarks) = (self.paths.evaluations(), Vec::new());
        let mut runs: Vec<Vec<Run<'_>>> = Vec::new();
        for identity in &identities {
            let open = |subject| Run::open(&folder, subject, identity, &ways, &mut remarks);
            runs.push(subjects.iter().map(open).collect::<Result<_>>()?);
        }
        let clock = asking::clock(runs.iter().flatten(), report);
        let mut measured = Vec::new();
        for ((contender, identity), of_model) in wanted.models.iter().zip(&identities).zip(&mut runs) {
            let facts = match asking::facts(of_model) {
                Some(facts) => facts,
                None => {
                    let model = self.models.get(contender, report, cancel)?;
                    for run in of_model.iter_mut() {
                        run.ask(&model, wanted.workers, &clock, cancel)?;
                    }
                    model.facts().clone()
                }
            };
            let base = registry.base_of(contender).ok();
            measured.push(Measured {
                name: contender.name.clone(),
                base: base.and_then(|base| wanted.models.iter().position(|c| same(c, &base))),
                trained_on: contender.trained_on.clone(),
                identity: identity.clone(),
                model: facts,
            });
        }
        let corpora = (0..subjects.len())
            .map(|n| on_corpus(&measured, &runs.iter().map(|of_model| &of_model[n]).collect::<Vec<_>>()))
            .collect();
        Ok(Evaluation {
            juxta: env!("CARGO_PKG_VERSION").to_owned(),
            split: wanted.split,
            limit: wanted.limit,
            retrieval: ways.retrieval,
            k: ways.k,
            sampling: ways.sampling.clone(),
            models: measured,
            corpora,
            remarks,
        })
    }

    /// The questions of a corpus with the passages that the lab would show for them.
    fn subject(
        &self,
        entry: &Entry,
        wanted: &Evaluating,
        report: Report<'_>,
        cancel: &Cancel,
    ) -> Result<Subject> {
        let corpus = entry.read()?;
        let most = wanted.limit.map_or(usize::MAX, NonZeroUsize::get);
        let questions: Vec<&Question> = corpus.split(wanted.split).take(most).collect();
        if questions.is_empty() {
            return Err(no_questions(&corpus, wanted.split).into());
        }
        let index = self.index(entry, report, cancel)?;
        let mut asked = Vec::with_capacity(questions.len());
        for (n, question) in questions.iter().enumerate() {
            cancel.check()?;
            report(Progress { doing: "searching".into(), done: n as u64, total: questions.len() as u64 });
            let hits = index.search(&question.question, self.settings.retrieval.k)?;
            asked.push(Asked::new(&corpus, question, hits)?);
        }
        Ok(Subject { entry: entry.clone(), digest: corpus.digest, asked })
    }
}

/// Refuses what is there twice, under one name or two: its figures would stand beside themselves.
fn apart<'a>(named: impl Iterator<Item = (&'a str, &'a str)>, what: &str) -> Result<()> {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for (name, digest) in named {
        if let Some(first) = seen.insert(digest, name) {
            return Err(Fault::new(format!("{what} {name}"), format!("the same as the {what} {first}"))
                .expected("each once")
                .next("Leave one of them out.")
                .into());
        }
    }
    Ok(())
}

fn no_questions(corpus: &Corpus, split: Split) -> Fault {
    let split = match split {
        Split::Train => "train",
        Split::Dev => "dev",
        Split::Test => "test",
    };
    let id = &corpus.manifest.id;
    Fault::new(format!("corpus {id}"), format!("no questions of the split {split}"))
        .expected("questions to measure models by")
        .next("Add some to its questions.jsonl, or choose another corpus.")
}

fn on_corpus(models: &[Measured], runs: &[&Run<'_>]) -> OnCorpus {
    let subject = runs[0].subject();
    let scored: Vec<Vec<(Scored, usize)>> = runs.iter().map(|run| run.scored()).collect();
    let results = runs.iter().zip(models).zip(&scored).map(|((run, model), own)| OfModel {
        model: model.name.clone(),
        answers: run.path().to_owned(),
        cut_off: run.finished(Finish::Length),
        figures: figures(&own.iter().map(|(scored, _)| scored.clone()).collect::<Vec<_>>()),
        difference: model.base.map(|base| Difference {
            to: models[base].name.clone(),
            other_passages: scored[base].iter().zip(own).filter(|(a, b)| a.1 != b.1).count(),
            figures: differences(
                &scored[base].iter().zip(own).map(|(a, b)| (&a.0, &b.0)).collect::<Vec<_>>(),
            ),
        }),
    });
    OnCorpus {
        corpus: subject.entry.manifest.id.clone(),
        title: subject.entry.manifest.title.clone(),
        corpus_digest: subject.digest.clone(),
        questions: subject.asked.len(),
        answerable: subject.asked.iter().filter(|a| a.question.is_answerable()).count(),
        results: results.collect(),
    }
}
