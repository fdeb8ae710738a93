//! Studies in the lab: planning one from what corpora and models there are, and having its answers generated ahead.
//!
//! Brings together what the room of studies deliberately does not know: indices, models, and how long they take.

use super::Lab;
use crate::compare::{self, Answer, Asked, Finish, Rerun, Role};
use crate::corpus::{Entry, PassageLength, Split};
use crate::fault::{Error, Fault, Result};
use crate::generate::{Contender, Guessing, Kind, Sampling, identity};
use crate::job::{self, Cancel, Clock, Progress, Report};
use crate::retrieve::{self, Ranking};
use crate::study::{self, Deed, Key, Plan, Reference, Rubric, SealedQuestion, Sources, Study};
use crate::text::counted;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What is to be planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Planning {
    /// For people; made from the other values if left out.
    pub title: Option<String>,
    /// The corpora: ids or paths.
    pub corpora: Vec<String>,
    /// The split that questions are drawn from.
    pub split: Split,
    /// Questions drawn from each corpus.
    pub questions: usize,
    /// The contender that the others are compared with: a name or a path.
    pub baseline: String,
    /// The others.
    pub against: Vec<String>,
    /// Who judges.
    pub annotators: Vec<String>,
    /// The share of items, 0 to 1, that everyone judges.
    pub overlap: f64,
    /// The share of items, 0 to 1, that come back.
    pub repeat: f64,
    /// Decides everything that is drawn but the sides.
    pub seed: u64,
    /// How many passages a question gets; as the settings say if left out.
    pub k: Option<usize>,
    /// How passages are ranked; as the settings say if left out.
    pub ranking: Option<Ranking>,
}

/// What came of generating.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The study, frozen now.
    pub study: Study,
    /// Answers that were made this time.
    pub answers: usize,
    /// Items that are there.
    pub items: usize,
    /// Items that are planned.
    pub planned: usize,
    /// Answers that failed: they are tried again the next time.
    pub failed: Vec<Failed>,
}

/// What generating reports while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Generating {
    /// Indices are built, models loaded, prompts packed.
    Preparing(Progress),
    /// Answers are made: so many of all are there. `failed` of those tried this time gave none.
    Answering {
        /// How far it is, in answers, and how long the rest takes.
        progress: Progress,
        /// Answers that failed.
        failed: usize,
    },
}

impl Generating {
    /// How far it is, whatever it does.
    pub fn progress(&self) -> &Progress {
        match self {
            Self::Preparing(progress) | Self::Answering { progress, .. } => progress,
        }
    }
}

/// Where generating reports: a closure that must not block.
pub type WatchGenerating<'a> = &'a (dyn Fn(Generating) + Sync);

/// An answer that failed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Failed {
    /// The contender, as the plan names it.
    pub contender: String,
    /// The corpus's id.
    pub corpus: String,
    /// The question's id in its corpus.
    pub question: String,
    /// Why.
    pub why: String,
}

impl Lab {
    /// Plans a study in a new folder: everything that can be wrong with it is found now, and not after hours of
    /// generating.
    ///
    /// # Errors
    /// A [`Fault`] for a folder that holds something, an unknown corpus or contender, more questions than there are,
    /// and values out of their range.
    pub fn plan(&self, dir: &Path, planning: &Planning) -> Result<Study> {
        let corpora = planning.corpora.iter().map(|c| self.named_corpus(c)).collect::<Result<Vec<_>>>()?;
        let contenders = std::iter::once(&planning.baseline)
            .chain(&planning.against)
            .map(|c| self.named_contender(c))
            .collect::<Result<Vec<_>>>()?;
        for (name, entry) in &corpora {
            enough(entry, name, planning.split, planning.questions)?;
        }
        super::sampling(&self.settings.sampling)?;
        let (baseline, against) = match contenders.split_first() {
            Some((baseline, against)) => (baseline.clone(), against.to_vec()),
            None => (planning.baseline.clone(), Vec::new()),
        };
        let ids: Vec<&str> = corpora.iter().map(|(_, e)| e.manifest.id.as_str()).collect();
        let usual = || format!("{baseline} against {} on {}", against.join(", "), ids.join(", "));
        let registry = self.models.registry();
        let examples = |name: &String| Some((name.clone(), registry.find(name).ok()?.trained_on?.examples));
        let plan = Plan {
            id: id_of(dir),
            title: planning.title.clone().unwrap_or_else(usual),
            made: Timestamp::now(),
            seed: planning.seed,
            corpora: corpora.into_iter().map(|(name, _)| name).collect(),
            split: planning.split,
            questions: planning.questions,
            baseline,
            against,
            annotators: planning.annotators.clone(),
            overlap: planning.overlap,
            repeat: planning.repeat,
            k: planning.k.unwrap_or(self.settings.retrieval.k),
            passage_words: self.settings.retrieval.passage_words,
            passage_overlap: self.settings.retrieval.passage_overlap,
            ranking: planning.ranking.unwrap_or(self.settings.retrieval.ranking),
            sampling: self.settings.sampling.clone(),
            examples: contenders.iter().filter_map(examples).collect(),
            highlight: Vec::new(),
            frozen: None,
        };
        Study::create(dir, &plan, &Rubric::of(&self.settings.rubric), &self.who())
    }

    /// Has every contender answer every question of a study, as far as answers are missing; the first time plan,
    /// rubric and sides are fixed before. Each answer is on the disk before the next is begun, so that a run that was
    /// stopped or killed goes on where it was. `workers` questions are answered at a time, each on one thread; one a
    /// processor if left out. Servers are asked at the same time, each with as many questions in flight as it takes.
    ///
    /// A model that fails gives no answer and stops nobody: see [`Generated::failed`].
    ///
    /// # Errors
    /// A [`Fault`] for a study that cannot be used, a corpus or model that is not there or has changed since the
    /// study was frozen, or a disk that takes no more; [`Error::Cancelled`] within one token.
    pub fn generate(
        &self,
        dir: &Path,
        workers: Option<NonZeroUsize>,
        watch: WatchGenerating<'_>,
        cancel: &Cancel,
    ) -> Result<Generated> {
        let report: Report<'_> = &|progress| watch(Generating::Preparing(progress));
        let gone_wrong = AtomicUsize::new(0);
        let answering =
            |progress| watch(Generating::Answering { progress, failed: gone_wrong.load(Ordering::Relaxed) });
        let mut study = Study::open(dir)?;
        let _lock = study.lock()?;
        let sampling = super::sampling(&study.plan().sampling)?;
        let key = match study.plan().frozen {
            Some(_) => study.key()?,
            None => self.freeze(&mut study, &sampling, report, cancel)?,
        };
        let before = study.assemble(&key)?;
        let (mut answers, mut failed) = (0, Vec::new());
        let missing = missing(&study, &key);
        let open: usize = missing.iter().map(|(_, questions)| questions.len()).sum();
        let all = study.plan().contenders().count() * key.questions().len();
        let clock = Clock::new(&answering, all - open, all);
        let over = AtomicBool::new(false);
        let run = Run {
            study: &study,
            sampling: &sampling,
            workers: job::workers(workers),
            clock: &clock,
            failed: &gone_wrong,
            over: &over,
            report,
            cancel,
        };
        let assembling = Mutex::new(());
        let one = |(contender, questions): &(String, Vec<(String, String)>)| {
            if over.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            let found = self.answer_all(&run, contender, questions);
            // As soon as two answers are there, there is something to look at.
            let _one_at_a_time = assembling.lock().unwrap_or_else(PoisonError::into_inner);
            let found = found.and_then(|found| study.assemble(&key).map(|_| found));
            over.fetch_or(found.is_err(), Ordering::Relaxed);
            found
        };
        // What servers compute does not wait for what this machine computes, nor one server for another.
        let (far, near): (Vec<_>, Vec<_>) =
            missing.iter().partition(|(contender, _)| self.is_endpoint(contender));
        let one = &one;
        let made: Vec<Result<_>> = std::thread::scope(|scope| {
            let far: Vec<_> = far.into_iter().map(|contender| scope.spawn(move || one(contender))).collect();
            let near: Vec<_> = near.into_iter().map(one).collect();
            let far = far.into_iter().map(|thread| thread.join());
            let far = far.map(|made| made.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            near.into_iter().chain(far).collect()
        });
        let mut stopped = None;
        for of_one in made {
            match of_one {
                Ok((made, wrong)) => {
                    answers += made;
                    failed.extend(wrong);
                }
                // What went wrong is to be told, and not that the others stopped for it.
                Err(Error::Cancelled) => stopped = stopped.or(Some(Error::Cancelled)),
                Err(wrong) => stopped = Some(wrong),
            }
        }
        stopped.map_or(Ok(()), Err)?;
        let items = study.assemble(&key)?;
        let planned = key.items.len();
        if answers > 0 || items > before {
            study.note(&self.who(), Deed::Generated { items, planned, failed: failed.len() })?;
        }
        Ok(Generated { study, answers, items, planned, failed })
    }

    /// Draws the questions, finds their passages, packs what fits everyone, and fixes all of it.
    fn freeze(
        &self,
        study: &mut Study,
        sampling: &Sampling,
        report: Report<'_>,
        cancel: &Cancel,
    ) -> Result<Key> {
        let plan = study.plan().clone();
        let mut sources = Sources::default();
        let mut questions = Vec::new();
        for name in &plan.corpora {
            let entry = self.catalog.find(name)?;
            enough(&entry, name, plan.split, plan.questions)?;
            sources.corpora.insert(entry.manifest.id.clone(), entry.digest()?);
            questions.extend(self.questions(&entry, &plan, report, cancel)?);
        }
        if sources.corpora.len() < plan.corpora.len() {
            return Err(Fault::new(study.files().plan().display(), "two corpora with one id")
                .expected("different corpora")
                .next("Leave one of them out.")
                .into());
        }
        for name in plan.contenders() {
            let contender = self.models.registry().find(name)?;
            let now = self.models.ways().mark(identity(&contender, &self.models.registry())?);
            sources.contenders.insert(name.to_owned(), now);
            // One model at a time: the smallest window decides for all.
            let model = self.models.get(&contender, report, cancel)?;
            for question in &mut questions {
                cancel.check()?;
                let models = std::iter::once(model.as_ref());
                let packed = compare::pack(&question.question, question.passages(), models, sampling)?;
                question.rerun.passages_used = packed.passages;
                question.rerun.messages = packed.messages;
            }
        }
        for question in &questions {
            study.keep_question(question)?;
        }
        let ids: Vec<_> = questions.into_iter().map(|q| (q.corpus, q.id)).collect();
        study.freeze(&ids, sources, &self.who())
    }

    /// The questions drawn from a corpus, with their passages, none of them left out yet.
    fn questions(
        &self,
        entry: &Entry,
        plan: &Plan,
        report: Report<'_>,
        cancel: &Cancel,
    ) -> Result<Vec<SealedQuestion>> {
        let corpus = entry.read()?;
        let ids: Vec<String> = corpus.split(plan.split).map(|q| q.id.clone()).collect();
        let drawn = study::drawn(&ids, &corpus.manifest.id, plan.questions, plan.seed);
        let settings = retrieve::Settings {
            length: PassageLength { most_words: plan.passage_words, overlap_words: plan.passage_overlap },
            ranking: plan.ranking,
            encoder: None,
            part: None,
        };
        let index = self.index_with(entry, settings, report, cancel)?;
        let of_split: BTreeMap<&str, _> = corpus.split(plan.split).map(|q| (q.id.as_str(), q)).collect();
        let mut found = Vec::new();
        for question in drawn.iter().filter_map(|id| of_split.get(id.as_str())) {
            cancel.check()?;
            let hits = index.search(&question.question, plan.k)?;
            found.push(SealedQuestion {
                corpus: corpus.manifest.id.clone(),
                id: question.id.clone(),
                question: question.question.clone(),
                reference: Reference {
                    answer: question.answer.clone(),
                    key_points: question.key_points.clone(),
                    quotes: question.gold.iter().map(|g| g.quote.clone()).collect(),
                },
                rerun: Rerun {
                    juxta: env!("CARGO_PKG_VERSION").to_owned(),
                    corpus_digest: corpus.digest.clone(),
                    retrieval: index.settings(),
                    k: plan.k,
                    passages_used: hits.len(),
                    messages: Vec::new(),
                },
                hits,
            });
        }
        Ok(found)
    }

    /// One contender's answers to the questions that it has not answered.
    fn answer_all(
        &self,
        run: &Run<'_>,
        name: &str,
        questions: &[(String, String)],
    ) -> Result<(usize, Vec<Failed>)> {
        let contender = self.unchanged(run.study, name)?;
        let role = if name == run.study.plan().baseline { Role::Baseline } else { Role::FineTuned };
        // A model that cannot be loaded fails every answer, and the others go on.
        let model = match self.models.get(&contender, run.report, run.cancel) {
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            loaded => loaded,
        };
        let doing = format!("answering as {name}");
        run.clock.tell(&doing);
        let made = AtomicUsize::new(0);
        let failed = Mutex::new(Vec::new());
        let one = |(corpus, id): &(String, String)| -> Result<()> {
            run.cancel.check()?;
            if run.over.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            let question = run.study.question(corpus, id)?;
            // From its own text alone: reports say how fast each contender answered.
            let guessing = Guessing::Text;
            let asked = Asked { messages: &question.rerun.messages, passages: question.passages(), guessing };
            let answer =
                compare::answer(&contender, role, &model, &asked, run.sampling, &mut |_| {}, run.cancel);
            match answer.finish {
                Finish::Cancelled => return Err(Error::Cancelled),
                Finish::Failed => {
                    let why = answer.error.unwrap_or_default();
                    let (corpus, question) = (corpus.clone(), id.clone());
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    failed.push(Failed { contender: name.to_owned(), corpus, question, why });
                    run.failed.fetch_add(1, Ordering::Relaxed);
                }
                Finish::Stop | Finish::Length => {
                    run.study.keep_answer(
                        name,
                        corpus,
                        id,
                        &Answer { contender: name.to_owned(), ..answer },
                    )?;
                    made.fetch_add(1, Ordering::Relaxed);
                }
            }
            run.clock.tick(&doing);
            Ok(())
        };
        match model.as_ref().ok().and_then(|model| model.in_flight()) {
            Some(at_a_time) => job::each_waiting(questions, at_a_time, one)?,
            None => job::each(questions, run.workers, one)?,
        }
        let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.sort_by(|a, b| (&a.corpus, &a.question).cmp(&(&b.corpus, &b.question)));
        Ok((made.into_inner(), failed))
    }

    /// A contender, found to be the model that the study was frozen with.
    fn unchanged(&self, study: &Study, name: &str) -> Result<Contender> {
        let contender = self.models.registry().find(name)?;
        let now = self.models.ways().mark(identity(&contender, &self.models.registry())?);
        match study.frozen()?.contenders.get(name) {
            Some(then) if *then != now => Err(Fault::new(contender.place(), "another model than before")
                .expected(format!(
                    "the {name} that the study was frozen with (digest {})",
                    &then[..then.len().min(16)]
                ))
                .next("Put back the model that was, or begin another study.")
                .into()),
            _ => Ok(contender),
        }
    }

    /// A corpus and what the plan calls it: its id, or a path that holds wherever it is read.
    fn named_corpus(&self, named: &str) -> Result<(String, Entry)> {
        let entry = self.catalog.find(named)?;
        let known = self.catalog.entries.iter().any(|e| e.manifest.id == named);
        Ok((if known { named.to_owned() } else { whole_path(named) }, entry))
    }

    /// What the plan calls a contender: its name, or a path that holds wherever it is read.
    fn named_contender(&self, named: &str) -> Result<String> {
        let registry = self.models.registry();
        registry.find(named)?;
        let known = registry.contenders.iter().any(|c| c.name == named);
        Ok(if known { named.to_owned() } else { whole_path(named) })
    }

    /// Whether a contender is answered for by a server; one that is not there any more is told of when it is asked.
    fn is_endpoint(&self, name: &str) -> bool {
        self.models.registry().find(name).is_ok_and(|c| matches!(c.kind, Kind::Endpoint { .. }))
    }

    fn who(&self) -> String {
        study::annotator(&self.settings.lab.annotator)
    }
}

/// What all answers of a call have in common.
struct Run<'a> {
    study: &'a Study,
    sampling: &'a Sampling,
    workers: NonZeroUsize,
    clock: &'a Clock<'a>,
    /// How many answers failed so far, of every contender.
    failed: &'a AtomicUsize,
    /// Something went wrong that ends all of it.
    over: &'a AtomicBool,
    report: Report<'a>,
    cancel: &'a Cancel,
}

/// By contender in the plan's order, the questions that it has not answered.
fn missing(study: &Study, key: &Key) -> Vec<(String, Vec<(String, String)>)> {
    let questions = key.questions();
    let of = |contender: &str| {
        let open = |q: &&(String, String)| !study.is_answered(contender, &q.0, &q.1);
        (contender.to_owned(), questions.iter().filter(open).cloned().collect::<Vec<_>>())
    };
    study.plan().contenders().map(of).filter(|(_, questions)| !questions.is_empty()).collect()
}

fn enough(entry: &Entry, name: &str, split: Split, wanted: usize) -> Result<()> {
    let there = entry.read()?.split(split).count();
    if there >= wanted {
        return Ok(());
    }
    let split = format!("{split:?}").to_lowercase();
    Err(Fault::new(format!("corpus {name}"), format!("{} in the split {split}", counted(there, "question")))
        .expected(format!("{wanted} or more"))
        .next("Ask for fewer, or draw from another split.")
        .into())
}

/// An id for the study in `dir`: its name, in letters that an id has.
fn id_of(dir: &Path) -> String {
    let name = dir.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let fits = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let id: String = name.chars().map(fits).take(80).collect();
    let id = id.trim_matches('-');
    if id.is_empty() { "study".to_owned() } else { id.to_owned() }
}

fn whole_path(path: &str) -> String {
    Path::new(path).canonicalize().map_or_else(|_| path.to_owned(), |p| p.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_study_is_called_like_its_folder() {
        assert_eq!(id_of(Path::new("a/My Study (2)")), "my-study--2");
        assert_eq!(id_of(Path::new("/")), "study");
        assert_eq!(id_of(Path::new("東京")), "study");
    }
}
