//! Studies in the lab: the form, the folder that is made, its answers being generated, and how to go on.

use super::asked::{Model, Shelves};
use super::planning::PlanForm;
use super::sheet::Counts;
use super::training::quoted;
use super::{App, Effect, Over, Training};
use crate::fault::Fault;
use crate::folder::Folder;
use crate::generate::Contender;
use crate::job::Progress;
use crate::lab::{Failed, Generated, Generating};
use crate::study::Study;
use crate::text::counted;
use std::path::{Path, PathBuf};

/// A study's folder, as far as the lab has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Where it lies.
    pub dir: PathBuf,
    /// What it is called.
    pub title: String,
    /// Questions, of all corpora.
    pub questions: usize,
    /// Items that are planned.
    pub planned: usize,
    /// Items that are there.
    pub items: usize,
    /// Answers that are planned: each contender's to each question.
    pub answers: usize,
    /// Who judges.
    pub annotators: Vec<String>,
    /// The digest of the sealed sides, once answers were first generated.
    pub commitment: Option<String>,
}

impl Made {
    /// What is to be known of a study of which so many items are there.
    pub fn of(study: &Study, items: usize) -> Self {
        let plan = study.plan();
        let questions = plan.questions * plan.corpora.len();
        Self {
            dir: study.dir().to_owned(),
            title: plan.title.clone(),
            questions,
            planned: questions * plan.against.len(),
            items,
            answers: questions * plan.contenders().count(),
            annotators: plan.annotators.clone(),
            commitment: plan.frozen.as_ref().map(|f| f.key.clone()),
        }
    }

    /// The folder as a shell takes it for one word.
    pub fn folder(&self) -> String {
        quoted(&self.dir.display().to_string())
    }
}

/// Where a study stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// Planned; nothing is generated yet.
    Planned,
    /// Indices, models and prompts are made ready.
    Preparing(Option<Progress>),
    /// Answer after answer.
    Answering(Progress),
    /// Asked to stop.
    Stopping,
    /// Stopped, or found unfinished; generating again goes on from there.
    Stopped,
    /// Something went wrong.
    Failed(Fault),
    /// Every answer was tried.
    Ended,
}

/// The study that was planned or opened last.
#[derive(Debug)]
pub struct Studying {
    /// Its folder.
    pub made: Made,
    /// Where it stands.
    pub stage: Stage,
    /// Answers that are known to be there.
    pub done: Option<usize>,
    /// Answers that failed, of those tried since it was started last.
    pub failed: usize,
    /// Which, and why, once every answer was tried.
    pub failures: Vec<Failed>,
    /// Whether the person has seen how it ended.
    pub seen: bool,
}

impl Studying {
    fn of(made: Made) -> Self {
        let stage = match &made.commitment {
            _ if made.items >= made.planned => Stage::Ended,
            Some(_) => Stage::Stopped,
            None => Stage::Planned,
        };
        Self { made, stage, done: None, failed: 0, failures: Vec::new(), seen: true }
    }

    /// Whether it is being generated.
    pub fn is_active(&self) -> bool {
        matches!(self.stage, Stage::Preparing(_) | Stage::Answering(_) | Stage::Stopping)
    }

    /// Whether every item is there.
    pub fn is_whole(&self) -> bool {
        self.stage == Stage::Ended && self.made.items >= self.made.planned
    }

    /// Per cent of all answers; 100 only when every item is there.
    pub fn percent(&self) -> u8 {
        if self.is_whole() {
            return 100;
        }
        let done = self.done.unwrap_or(0) * 100 / self.made.answers.max(1);
        u8::try_from(done.min(99)).unwrap_or(99)
    }

    /// What the head says of it while other things are on the screen.
    pub fn sign(&self) -> Option<String> {
        match &self.stage {
            Stage::Stopping => Some("stopping the study".into()),
            Stage::Preparing(_) | Stage::Answering(_) => Some(format!("generating {} %", self.percent())),
            Stage::Ended if !self.seen => Some("study generated: S shows it".into()),
            Stage::Failed(_) if !self.seen => Some("study failed: S shows why".into()),
            _ => None,
        }
    }

    fn take(&mut self, step: Generating) {
        let stage = match step {
            Generating::Preparing(progress) => Stage::Preparing(Some(progress)),
            Generating::Answering { progress, failed } => {
                self.failed = failed;
                // Those that failed were tried and are not there.
                self.done = Some((progress.done as usize).saturating_sub(failed));
                Stage::Answering(progress)
            }
        };
        // What it does while it stops is of no interest.
        if self.stage != Stage::Stopping {
            self.stage = stage;
        }
    }

    fn end(&mut self, result: Result<Option<Box<Generated>>, Fault>) {
        self.stage = match result {
            Ok(Some(generated)) => {
                self.made = Made::of(&generated.study, generated.items);
                self.failed = generated.failed.len();
                self.done = Some(self.made.answers.saturating_sub(self.failed));
                self.failures = generated.failed;
                Stage::Ended
            }
            Ok(None) => Stage::Stopped,
            Err(fault) => Stage::Failed(fault),
        };
    }

    /// How to go on with what is not finished, in one line, for when the lab is left.
    pub fn farewell(&self, options: &str) -> Option<String> {
        let folder = self.made.folder();
        let state = match (&self.stage, self.done) {
            _ if self.is_whole() => return None,
            (Stage::Planned, _) => "is planned, without answers yet. To generate them".to_owned(),
            (_, Some(done)) => {
                format!("has {done} of {}, which are kept. To go on", counted(self.made.answers, "answer"))
            }
            (_, None) => "is not finished; what was answered is kept. To go on".to_owned(),
        };
        Some(format!("the study {folder} {state}: juxta{options} study generate {folder}"))
    }
}

impl App {
    /// What is being done in the background, if anything is, so that nothing else is begun.
    pub(super) fn busy(&self) -> Option<&'static str> {
        if self.training.as_ref().is_some_and(Training::is_active) {
            return Some("One job at a time: a training is running (f shows it), and x there stops it.");
        }
        if self.study.as_ref().is_some_and(Studying::is_active) {
            return Some("One job at a time: a study is being generated (S shows it), and x there stops it.");
        }
        None
    }

    /// Shows the study that is being generated or was planned last, or the form for another.
    pub(super) fn show_study(&mut self) -> Vec<Effect> {
        let asks_for_another = matches!(self.over, Over::Study);
        if let Some(study) = &mut self.study
            && (study.is_active() || !asks_for_another)
        {
            study.seen = true;
            if study.is_active() && asks_for_another {
                self.notice =
                    Some("It is still being generated: x stops it, Esc goes back to asking.".into());
            }
            self.over = Over::Study;
            return Vec::new();
        }
        let shelves = self.shelves();
        match &mut self.plan {
            Some(form) => form.restock(shelves),
            None => self.plan = PlanForm::new(shelves),
        }
        let Some(form) = &self.plan else {
            self.notice = Some("There is no model here that a study could be made with.".into());
            return Vec::new();
        };
        self.over = Over::Plan;
        let mut effects = Vec::new();
        if form.is_proposed() {
            effects.push(Effect::FreeFolder(form.proposal()));
        }
        effects.extend(self.planned_with(|_| ()));
        effects
    }

    fn shelves(&self) -> Shelves {
        let model = |c: &Contender, found: String| Model {
            name: c.name.clone(),
            found,
            base: c.kind.base().and_then(|base| self.known_base(base)).cloned(),
            corpus: c.trained_on.as_ref().map(|t| t.corpus.clone()),
        };
        let mut models: Vec<Model> = self.models.iter().map(|c| model(c, c.name.clone())).collect();
        // What was named by its path is in no list.
        for c in [&self.pair.baseline, &self.pair.tuned] {
            if let Folder::Disk(path) = &c.folder
                && !self.models.iter().any(|known| known.folder == c.folder && known.file == c.file)
            {
                let path = c.file.as_ref().map_or_else(|| path.clone(), |file| path.join(file));
                models.push(model(c, path.display().to_string()));
            }
        }
        let baseline = models.iter().position(|m| m.name == self.pair.baseline.name).unwrap_or(0);
        let (corpora, open) = self.corpora_to_choose();
        let (annotator, ranking) = (self.annotator.clone(), self.settings.retrieval.ranking);
        Shelves { corpora, open, models, baseline, annotator, k: self.k, ranking }
    }

    /// Changes the form; what it has to know for that is asked for.
    pub(super) fn planned_with(&mut self, change: impl FnOnce(&mut PlanForm)) -> Vec<Effect> {
        let Some(form) = &mut self.plan else { return Vec::new() };
        let before = form.proposal();
        change(form);
        let mut effects: Vec<Effect> =
            form.uncounted().into_iter().map(|entry| Effect::Count(Box::new(entry))).collect();
        if form.is_proposed() && form.proposal() != before {
            effects.push(Effect::FreeFolder(form.proposal()));
        }
        effects
    }

    pub(super) fn counted_for_study(&mut self, corpus: &str, counts: &Result<Counts, Fault>) -> Vec<Effect> {
        let Some(form) = &mut self.plan else { return Vec::new() };
        form.count(corpus, counts);
        if form.sheet.waiting && form.is_counted() && matches!(self.over, Over::Plan) {
            form.sheet.waiting = false;
            return self.make_study();
        }
        Vec::new()
    }

    /// Has the folder made that the form describes; or opens the study that was found in it.
    pub(super) fn make_study(&mut self) -> Vec<Effect> {
        if self.study.as_ref().is_some_and(Studying::is_active) {
            self.notice = self.busy().map(str::to_owned);
            return Vec::new();
        }
        let Some(form) = &mut self.plan else { return Vec::new() };
        if let Some(made) = form.there.take() {
            form.sheet.wrong.clear();
            self.open_study(*made);
            return Vec::new();
        }
        if std::mem::replace(&mut form.sheet.waiting, true) || !form.is_counted() {
            return Vec::new();
        }
        match form.planning() {
            Err(wrong) => {
                form.sheet.refuse(wrong);
                Vec::new()
            }
            Ok((folder, planning)) => {
                form.sheet.wrong.clear();
                vec![Effect::Plan(PathBuf::from(folder), Box::new(planning))]
            }
        }
    }

    /// The folder is made, or not.
    pub(super) fn study_planned(&mut self, result: Result<Box<Made>, Fault>) {
        if let Some(form) = &mut self.plan {
            form.sheet.waiting = false;
            if let Err(fault) = &result {
                form.refused(fault);
            }
        }
        match result {
            Ok(made) => {
                // The next one is another: in another folder, under another title.
                self.plan = None;
                self.open_study(*made);
            }
            Err(fault) if !matches!(self.over, Over::Plan) => self.fault = Some(fault),
            Err(_) => {}
        }
    }

    pub(super) fn study_found(&mut self, made: Box<Made>) {
        if let Some(form) = &mut self.plan {
            form.found(made);
        }
    }

    fn open_study(&mut self, made: Made) {
        let folder = made.folder();
        self.study = Some(Studying::of(made));
        if matches!(self.over, Over::Plan) {
            self.over = Over::Study;
        } else {
            self.notice = Some(format!("The study {folder} is planned: S shows it."));
        }
    }

    /// Generates the answers, from the first or from where it was.
    pub(super) fn generate_study(&mut self) -> Vec<Effect> {
        if let Some(busy) = self.busy() {
            self.notice = Some(busy.to_owned());
            return Vec::new();
        }
        match &mut self.study {
            Some(study) if study.is_whole() => {
                self.notice = Some("Every answer is there.".into());
                Vec::new()
            }
            Some(study) => {
                study.stage = Stage::Preparing(None);
                (study.failed, study.seen) = (0, true);
                study.failures.clear();
                vec![Effect::Generate(study.made.dir.clone())]
            }
            None => Vec::new(),
        }
    }

    pub(super) fn stop_study(&mut self) -> Vec<Effect> {
        match &mut self.study {
            Some(study) if study.is_active() => {
                study.stage = Stage::Stopping;
                vec![Effect::StopGenerating]
            }
            _ => {
                self.notice = Some("Nothing is being generated.".into());
                Vec::new()
            }
        }
    }

    pub(super) fn generating(&mut self, step: Generating) {
        if let Some(study) = &mut self.study {
            study.take(step);
        }
    }

    pub(super) fn generating_ended(&mut self, result: Result<Option<Box<Generated>>, Fault>) {
        let Some(study) = &mut self.study else { return };
        study.end(result);
        study.seen = matches!(self.over, Over::Study);
        if let (Stage::Ended, false) = (&study.stage, study.seen) {
            self.notice = Some(format!("{} is generated: S shows it.", study.made.folder()));
        }
    }

    /// How to go on with a study that is not finished, in one line; `options` are those the lab was opened with.
    pub fn study_farewell(&self, options: &str) -> Option<String> {
        self.study.as_ref().and_then(|study| study.farewell(options))
    }
}

/// A folder as a person writes it, with the home folder in place of `~`.
pub fn at_home(dir: &Path, home: Option<PathBuf>) -> PathBuf {
    match (dir.strip_prefix("~"), home) {
        (Ok(below), Some(home)) => home.join(below),
        _ => dir.to_owned(),
    }
}
