//! Fine-tuning in the lab: the form, the run and its loss curve, what came of it.

use super::form::{Form, Stock};
use super::sheet::Counts;
use super::{App, Effect, Over};
use crate::compare::Pair;
use crate::corpus::Entry;
use crate::fault::Fault;
use crate::folder::Folder;
use crate::generate::Contender;
use crate::job::Progress;
use crate::lab::{Recipe, Status, Tuned, Tuning};
use crate::text::counted;
pub use crate::text::quoted;
use std::fmt::Write;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Index, pairs and weights are made ready.
    Preparing(Option<Progress>),
    /// The loss on held-out questions is measured: so many of so many.
    HeldOut(usize, usize),
    /// Step after step.
    Steps,
    /// Asked to stop.
    Stopping,
    /// Stopped; the same again goes on from there.
    Stopped,
    /// Something went wrong.
    Failed(Fault),
    /// Everything that was asked for is made.
    Made,
}

/// How fast a run is, as of its last step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// The learning rate.
    pub rate: f64,
    /// Tokens read a second.
    pub tokens_per_second: f64,
    /// Seconds left of this run.
    pub seconds_left: f64,
}

/// Runs of fine-tuning, one after the other, as far as they are.
#[derive(Debug)]
pub struct Training {
    /// What they start from.
    pub base: Contender,
    /// The id of the corpus they learn from.
    pub corpus: String,
    /// The runs, from the smallest.
    pub tunings: Vec<Tuning>,
    /// What the result of each is called.
    pub names: Vec<String>,
    /// Which run this is.
    pub at: usize,
    /// Where it stands.
    pub phase: Phase,
    /// Its steps in all.
    pub steps: usize,
    /// The loss of each step done, in nats a token, also of those before an interruption.
    pub losses: Vec<f32>,
    /// After how many steps it was interrupted and gone on with.
    pub went_on: Vec<usize>,
    /// How fast it is; unknown before the first step since it was started.
    pub pace: Option<Pace>,
    /// Its loss on held-out questions before the first step.
    pub held_out: Option<f32>,
    /// What is made already.
    pub made: Vec<Tuned>,
    /// Whether the person has seen how it ended.
    pub seen: bool,
}

/// The steps a run takes if no pair is too long.
pub fn steps(tuning: &Tuning) -> usize {
    tuning.examples.div_ceil(tuning.recipe.accumulate.max(1)) * tuning.recipe.epochs
}

impl Training {
    fn new(base: Contender, corpus: String, tunings: Vec<Tuning>, names: Vec<String>) -> Self {
        let steps = tunings.first().map_or(0, steps);
        Self {
            base,
            corpus,
            tunings,
            names,
            at: 0,
            phase: Phase::Preparing(None),
            steps,
            losses: Vec::new(),
            went_on: Vec::new(),
            pace: None,
            held_out: None,
            made: Vec::new(),
            seen: true,
        }
    }

    /// Whether it is running, so that no other can.
    pub fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Stopped | Phase::Failed(_) | Phase::Made)
    }

    /// The run at hand.
    pub fn tuning(&self) -> Option<&Tuning> {
        self.tunings.get(self.at)
    }

    /// What the result of the run at hand is called.
    pub fn name(&self) -> &str {
        self.names.get(self.at).map_or("", String::as_str)
    }

    /// How much of all runs is done, from 0 to 1.
    pub fn share(&self) -> f64 {
        if self.phase == Phase::Made {
            return 1.0;
        }
        let of = |tunings: &[Tuning]| tunings.iter().map(steps).sum::<usize>() as f64;
        let before = of(&self.tunings[..self.at.min(self.tunings.len())]);
        let here = self.tuning().map_or(0.0, |t| steps(t) as f64);
        let done = here * self.losses.len() as f64 / self.steps.max(1) as f64;
        ((before + done) / of(&self.tunings).max(1.0)).min(1.0)
    }

    /// Per cent of all runs; 100 only when all is made.
    pub fn percent(&self) -> u8 {
        if self.phase == Phase::Made { 100 } else { ((self.share() * 100.0) as u8).min(99) }
    }

    /// Seconds left of all runs, where there are several and the speed is known.
    pub fn seconds_left(&self) -> Option<f64> {
        let pace = self.pace.filter(|_| self.tunings.len() > 1)?;
        let left = self.steps.saturating_sub(self.losses.len());
        let a_step = (left > 0).then(|| pace.seconds_left / left as f64)?;
        let later: usize = self.tunings.iter().skip(self.at + 1).map(steps).sum();
        Some(pace.seconds_left + a_step * later as f64)
    }

    /// What the head says of it while other things are on the screen.
    pub fn sign(&self) -> Option<String> {
        match &self.phase {
            Phase::Stopping => Some("stopping the training".into()),
            Phase::Made if !self.seen => Some("trained: f shows it".into()),
            Phase::Failed(_) if !self.seen => Some("training failed: f shows why".into()),
            Phase::Made | Phase::Failed(_) | Phase::Stopped => None,
            _ => Some(format!("training {} %", self.percent())),
        }
    }

    fn take(&mut self, status: Status) {
        // What it does while it stops is of no interest.
        let stopping = self.phase == Phase::Stopping;
        let phase = match status {
            Status::Preparing(progress) => Phase::Preparing(Some(progress)),
            Status::HeldOut { done, total } => Phase::HeldOut(done, total),
            Status::Begun { steps, losses, held_out } => {
                self.steps = steps;
                self.went_on.retain(|at| *at <= losses.len());
                if !losses.is_empty() && !self.went_on.contains(&losses.len()) {
                    self.went_on.push(losses.len());
                }
                self.losses = losses;
                self.held_out = held_out;
                Phase::Steps
            }
            Status::Step { step, steps, loss, rate, tokens_per_second, seconds_left } => {
                self.steps = steps;
                self.losses.truncate(step.saturating_sub(1));
                self.losses.push(loss);
                self.pace = Some(Pace { rate, tokens_per_second, seconds_left });
                Phase::Steps
            }
        };
        if !stopping {
            self.phase = phase;
        }
    }

    fn next(&mut self, made: Tuned) {
        self.made.push(made);
        if self.at + 1 < self.tunings.len() {
            self.at += 1;
            self.steps = self.tuning().map_or(0, steps);
            self.losses.clear();
            self.went_on.clear();
            (self.pace, self.held_out) = (None, None);
            if self.phase != Phase::Stopping {
                self.phase = Phase::Preparing(None);
            }
        }
    }

    /// How to go on with what is not finished, in one line, for when the lab is left.
    pub fn farewell(&self, options: &str) -> Option<String> {
        let tuning = self.tuning().filter(|_| self.phase != Phase::Made)?;
        let at = match self.losses.len() {
            0 => "before its first step".to_owned(),
            n => format!("after {n} of {}, which are kept", counted(self.steps, "step")),
        };
        let rest = match self.tunings.len() - self.at - 1 {
            0 => String::new(),
            n => format!(" ({n} more of the grid to come)"),
        };
        Some(format!(
            "the training of {} stopped {at}{rest}. To go on, start the same in the lab, or: juxta{options} {}",
            self.name(),
            command(tuning)
        ))
    }
}

/// The command that does the same without the lab.
fn command(tuning: &Tuning) -> String {
    let (recipe, usual) = (&tuning.recipe, Recipe::default());
    let mut text = format!("finetune --base {}", quoted(&tuning.base));
    // Writing into a string cannot fail.
    if let Some(corpus) = &tuning.corpus {
        let _ = write!(text, " --corpus {}", quoted(corpus));
    }
    let _ = write!(text, " --examples {}", tuning.examples);
    if recipe.epochs != usual.epochs {
        let _ = write!(text, " --epochs {}", recipe.epochs);
    }
    if recipe.learning_rate.to_bits() != usual.learning_rate.to_bits() {
        let _ = write!(text, " --lr {}", recipe.learning_rate);
    }
    if recipe.rank != usual.rank {
        let _ = write!(text, " --rank {}", recipe.rank);
    }
    if recipe.seed != usual.seed {
        let _ = write!(text, " --seed {}", recipe.seed);
    }
    text
}

/// What the lab finds something by that is in no list.
fn path(folder: &Folder, name: &str) -> String {
    match folder {
        Folder::Disk(path) => path.display().to_string(),
        Folder::Bundled(_) => name.to_owned(),
    }
}

impl App {
    /// Shows the training that is running or has ended, or the form for another.
    pub(super) fn finetune(&mut self) -> Vec<Effect> {
        let wanted = match &self.over {
            Over::Models { list, .. } => list.selected().map(|c| c.name.clone()),
            _ => None,
        };
        let asks_for_another = wanted.is_some() || matches!(self.over, Over::Training);
        if let Some(training) = &mut self.training
            && (training.is_active() || !asks_for_another)
        {
            training.seen = true;
            if training.is_active() && asks_for_another {
                self.notice = self.busy().map(str::to_owned);
            }
            self.over = Over::Training;
            return Vec::new();
        }
        self.open_form(wanted.as_deref())
    }

    fn open_form(&mut self, wanted: Option<&str>) -> Vec<Effect> {
        let stock = self.stock();
        let mut form = match self.form.take() {
            Some(mut form) => {
                form.restock(stock);
                form
            }
            None => match Form::new(stock) {
                Some(form) => form,
                None => {
                    self.notice =
                        Some("No model here can be fine-tuned: it takes a folder of whole weights.".into());
                    return Vec::new();
                }
            },
        };
        if let Some(model) = wanted.and_then(|name| self.models.iter().find(|c| c.name == name)) {
            let base = match model.kind.base() {
                Some(base) => self.known_base(base).unwrap_or(&self.pair.baseline.name),
                None => &model.name,
            };
            let own = model.kind.is_whole() && form.choose_base(&model.name);
            if !own && !form.choose_base(base) {
                let name = form.base().name.clone();
                self.notice = Some(format!("{} cannot be fine-tuned; the form has {name}.", model.name));
            }
        }
        let entry = form.corpus().clone();
        self.form = Some(form);
        self.over = Over::Form;
        vec![Effect::Count(Box::new(entry))]
    }

    /// A base as an adapter names it: by its name, or the last part of a path or of a hub's name.
    pub(super) fn known_base(&self, base: &str) -> Option<&String> {
        let last = base.trim_end_matches('/').rsplit('/').next().unwrap_or(base);
        let named = |name: &str| self.models.iter().find(|c| c.name == name);
        named(base).or_else(|| named(last)).map(|c| &c.name)
    }

    fn stock(&self) -> Stock {
        let whole = self.models.iter().filter(|c| c.kind.is_whole());
        let mut bases: Vec<(Contender, String)> = whole.map(|c| (c.clone(), c.name.clone())).collect();
        // What was named by its path is in no list.
        for c in [&self.pair.baseline, &self.pair.tuned] {
            if c.kind.is_whole() && !bases.iter().any(|(known, _)| known.folder == c.folder) {
                bases.push((c.clone(), path(&c.folder, &c.name)));
            }
        }
        let (corpora, open) = self.corpora_to_choose();
        Stock { bases, corpora, open }
    }

    /// The corpora, each with what the lab finds it by, and which is open.
    pub(super) fn corpora_to_choose(&self) -> (Vec<(Entry, String)>, usize) {
        let mut corpora: Vec<(Entry, String)> =
            self.corpora.iter().map(|e| (e.clone(), e.manifest.id.clone())).collect();
        let open = corpora.iter().position(|(e, _)| e.folder == self.corpus.folder).unwrap_or_else(|| {
            corpora.push((self.corpus.clone(), path(&self.corpus.folder, &self.corpus.manifest.id)));
            corpora.len() - 1
        });
        (corpora, open)
    }

    /// Changes the form; a corpus whose training questions are not counted yet is given to be counted.
    pub(super) fn filled_in(&mut self, change: impl FnOnce(&mut Form)) -> Vec<Effect> {
        let Some(form) = &mut self.form else { return Vec::new() };
        let before = form.corpus().manifest.id.clone();
        change(form);
        if form.corpus().manifest.id != before && form.questions().is_none() {
            return vec![Effect::Count(Box::new(form.corpus().clone()))];
        }
        Vec::new()
    }

    pub(super) fn counted(&mut self, corpus: &str, count: &Result<Counts, Fault>) -> Vec<Effect> {
        let Some(form) = &mut self.form else { return Vec::new() };
        form.count(corpus, count);
        if form.sheet.waiting && form.questions().is_some() && matches!(self.over, Over::Form) {
            return self.start_training();
        }
        Vec::new()
    }

    pub(super) fn start_training(&mut self) -> Vec<Effect> {
        if let Some(busy) = self.busy() {
            self.notice = Some(busy.to_owned());
            return Vec::new();
        }
        let Some(form) = &mut self.form else { return Vec::new() };
        if form.questions().is_none() {
            form.sheet.waiting = true;
            return Vec::new();
        }
        form.sheet.waiting = false;
        let models = &self.models;
        match form.tunings(&|name| models.iter().any(|c| c.name == name)) {
            Err(wrong) => {
                form.sheet.refuse(wrong);
                Vec::new()
            }
            Ok(tunings) => {
                form.sheet.wrong.clear();
                let names = tunings.iter().map(|t| form.name(t.examples, &t.recipe)).collect();
                let mut training =
                    Training::new(form.base().clone(), form.corpus().manifest.id.clone(), tunings, names);
                // The same again goes on from where it was: so does the curve, while all is made ready.
                if let Some(before) = self.training.take()
                    && before.tuning() == training.tuning()
                    && before.phase != Phase::Made
                {
                    training.steps = before.steps;
                    training.losses = before.losses;
                    training.went_on = before.went_on;
                    training.held_out = before.held_out;
                }
                let effect = Effect::Tune(training.tunings.clone());
                self.training = Some(training);
                self.over = Over::Training;
                vec![effect]
            }
        }
    }

    /// Goes on with a training that was stopped or failed.
    pub(super) fn go_on_training(&mut self) -> Vec<Effect> {
        if let Some(busy) = self.busy() {
            self.notice = Some(busy.to_owned());
            return Vec::new();
        }
        match &mut self.training {
            Some(training) if matches!(training.phase, Phase::Stopped | Phase::Failed(_)) => {
                training.phase = Phase::Preparing(None);
                training.pace = None;
                training.seen = true;
                vec![Effect::Tune(training.tunings[training.at..].to_vec())]
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn stop_training(&mut self) -> Vec<Effect> {
        match &mut self.training {
            Some(training) if training.is_active() => {
                training.phase = Phase::Stopping;
                vec![Effect::StopTuning]
            }
            _ => {
                self.notice = Some("Nothing is being trained.".into());
                Vec::new()
            }
        }
    }

    pub(super) fn trained(&mut self, status: Status) {
        if let Some(training) = &mut self.training {
            training.take(status);
        }
    }

    /// A model is made: it is among the contenders from now on.
    pub(super) fn made(&mut self, tuned: Tuned, models: Vec<Contender>) {
        self.models = models;
        // Another model may stand under a name that was there.
        self.remarked.retain(|names, _| !names.contains(&tuned.name));
        self.newest = Some(tuned.name.clone());
        if let Some(training) = &mut self.training {
            training.next(tuned);
        }
        self.list_models_again();
    }

    pub(super) fn training_ended(&mut self, result: Result<bool, Fault>) {
        let Some(training) = &mut self.training else { return };
        training.phase = match result {
            Ok(true) => Phase::Made,
            Ok(false) => Phase::Stopped,
            Err(fault) => Phase::Failed(fault),
        };
        training.seen = matches!(self.over, Over::Training);
        if let (Phase::Made, false) = (&training.phase, training.seen) {
            self.notice = Some(format!("{} is trained: f shows it.", training.name()));
        }
    }

    /// Asks the base against what was made of it last.
    pub(super) fn put_to_work(&mut self) -> Vec<Effect> {
        let Some(training) = self.training.as_ref().filter(|t| !t.is_active()) else {
            self.notice = Some("It is still being trained: x stops it, Esc goes back to asking.".into());
            return Vec::new();
        };
        let made = training.made.last();
        let Some(tuned) = made.and_then(|made| self.models.iter().find(|c| c.name == made.name)) else {
            self.notice = Some("Nothing is made yet: g goes on.".into());
            return Vec::new();
        };
        self.pair = Pair { baseline: training.base.clone(), tuned: tuned.clone() };
        self.pair_chosen = true;
        self.newest = None;
        let elsewhere = training.corpus != self.corpus.manifest.id;
        let other = if elsewhere {
            format!(" It learnt from {}: c chooses the corpus.", training.corpus)
        } else {
            String::new()
        };
        self.notice =
            Some(format!("A is {}, B is {}.{other}", self.pair.baseline.name, self.pair.tuned.name));
        self.over = Over::None;
        vec![Effect::Warm(Box::new(self.pair.clone()))]
    }

    /// How to go on with a training that is not finished, in one line; `options` are those the lab was opened with.
    pub fn farewell(&self, options: &str) -> Option<String> {
        self.training.as_ref().and_then(|training| training.farewell(options))
    }
}
