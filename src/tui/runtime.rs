//! Carries out what the lab wants done. Models, indices and the disk are worked on threads of their own, so that no
//! key waits for them.

use super::ahead::Ahead;
use super::app::{App, Ask, Counts, Effect, Made, Message, Start, Studying, Training, at_home, quoted};
use super::keeper::{Keeper, Shelf, Word};
use super::pump::{self, Program, Weight};
use super::screen::Screen;
use super::theme::Theme;
use super::view;
use crate::compare::{Event as Happened, Pair};
use crate::config::Turns;
use crate::config::{Colour, Settings};
use crate::corpus::{Entry, Split};
use crate::fault::{Error, Fault};
use crate::job::{self, Cancel, Progress, Task};
use crate::lab::{self, Asking, Lab, Planning, Tuning};
use crate::retrieve::{Index, Ranking};
use crate::study::{self, DataLock, Draft, Files as StudyFiles, History, Journal, Judgment, Study};
use crossbeam_channel::{Receiver, Sender, unbounded};
use ratatui::Frame;
use ratatui::crossterm::event::Event;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Tokens of an answer that are its first words.
const FIRST_WORDS: usize = 3;
/// How often the screen is drawn while only time passes.
const TICK: Duration = Duration::from_millis(250);
/// How long the end of the lab waits for a training to keep its state, or for the answer at hand to be given up. A
/// training is asked between two batches; a model that takes longer for one goes on from the state it kept last.
const PARTING: Duration = Duration::from_secs(3);

/// Opens the lab in the terminal and runs it to its end.
///
/// # Errors
/// A [`Fault`] for a data folder that cannot be used or is in use, settings with a mistake, an unknown corpus or
/// model; the terminal's errors.
pub fn run(data_dir: Option<&Path>, corpus: Option<String>, pair: Option<String>) -> anyhow::Result<()> {
    let lab = Arc::new(Lab::open(data_dir)?);
    let _lock = DataLock::take(&lab.paths.lock())?;
    let annotator = study::annotator(&lab.settings.lab.annotator);
    let journal = Journal::open(&lab.paths.journals(), &annotator)?;
    let history = History::load(&lab.paths.history());
    let start = start(&lab, corpus.as_deref(), pair.as_deref(), &journal, &history)?;
    let theme = theme(&lab.settings);
    let (sender, receiver) = unbounded();
    let tell = sender.clone();
    let keeper = Keeper::start(Files { journal, history, draft: lab.paths.draft() }, move |word| {
        // The lab may have ended already.
        let _ = tell.send(match word {
            Word::Kept(judgment) => Message::Kept(judgment),
            Word::NotKept(fault) => Message::NotKept(fault),
            Word::Told(fault) => Message::Told(fault),
        });
    })?;
    let (mut app, first) = App::new(start);
    let mut screen = Screen::open()?;
    pump::read_terminal(sender.clone(), |event| match event {
        Some(Event::Key(key)) => Message::Key(key),
        Some(Event::Mouse(mouse)) => Message::Mouse(mouse),
        Some(Event::Paste(text)) => Message::Paste(text),
        Some(Event::Resize(..) | Event::FocusGained | Event::FocusLost) => Message::Redraw,
        None => Message::Gone,
    })?;
    let mut runtime = Runtime::new(lab, keeper, sender);
    let outcome = pump::pump(&mut app, first, theme, screen.terminal(), &receiver, |effects| {
        runtime.carry_out(effects)
    });
    runtime.ask_jobs_to_stop();
    drop(screen);
    let unkept = runtime.keeper.finish();
    if !unkept.is_empty() {
        // The disk would not take them: the terminal's own memory is the last place that can.
        crate::cli::last_words(&unkept, "your journal (`juxta paths` says where)")?;
    }
    runtime.wait_for_jobs(&mut app, &receiver);
    let options = data_dir
        .map_or_else(String::new, |dir| format!(" --data-dir {}", quoted(&dir.display().to_string())));
    for line in [app.farewell(&options), app.study_farewell(&options)].into_iter().flatten() {
        crate::cli::parting(&line);
    }
    Ok(outcome?)
}

/// What the lab starts from.
pub(super) fn start(
    lab: &Lab,
    corpus: Option<&str>,
    pair: Option<&str>,
    journal: &Journal,
    history: &History,
) -> Result<Start, Error> {
    let (draft, damaged) = Draft::load(&lab.paths.draft());
    let known = |id: &&str| lab.catalog.entries.iter().any(|e| e.manifest.id == **id);
    let corpus = lab.corpus(corpus.or(draft.corpus.as_deref().filter(|id| known(id))))?;
    let mut remarks: Vec<Fault> = journal.problems().iter().map(|p| p.0.clone()).collect();
    remarks.extend(damaged);
    remarks.extend(lab.catalog.faults.iter().cloned());
    remarks.extend(lab.models.registry().faults.iter().cloned());
    Ok(Start {
        settings: lab.settings.clone(),
        annotator: study::annotator(&lab.settings.lab.annotator),
        corpora: lab.catalog.entries.clone(),
        models: lab.models.registry().contenders.clone(),
        pair: Pair::choose(&lab.models.registry(), pair, &corpus.manifest.id)?,
        pair_chosen: pair.is_some(),
        corpus,
        history: history.questions().to_vec(),
        judged: study::current(journal.records()).into_iter().cloned().collect(),
        draft,
        remarks,
    })
}

pub(super) fn theme(settings: &Settings) -> Theme {
    Theme::new(match settings.lab.colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    })
}

/// The files of a data folder that the keeper writes.
struct Files {
    journal: Journal,
    history: History,
    draft: PathBuf,
}

impl Shelf for Files {
    type Record = Judgment;
    type Draft = Box<Draft>;
    type Other = String;

    fn append(&mut self, judgment: Judgment) -> Result<(), Error> {
        self.journal.append(judgment)
    }

    fn save(&mut self, draft: &Box<Draft>) -> Result<(), Error> {
        draft.save(&self.draft)
    }

    fn keep(&mut self, question: String) -> Result<(), Error> {
        self.history.add(&question)
    }
}

impl Program for App {
    type Message = Message;
    type Effect = Effect;

    fn weigh(message: &Message) -> Weight {
        match message {
            Message::Key(_) | Message::Mouse(_) | Message::Paste(_) | Message::Redraw => Weight::Urgent,
            // A person waits for passages and for the first words of an answer, too.
            Message::Trial(Happened::Retrieved(..)) => Weight::Urgent,
            Message::Trial(Happened::Text(_, _, count)) if count.tokens <= FIRST_WORDS => Weight::Urgent,
            // Until those come, the processors have better things to do than to draw how far the models have read.
            Message::Trial(Happened::Reading(..)) => Weight::Light,
            Message::Gone => Weight::Gone,
            _ => Weight::Usual,
        }
    }

    fn take(&mut self, now: Duration, message: Message) -> Vec<Effect> {
        self.now = now;
        self.update(message)
    }

    fn draw(&mut self, now: Duration, theme: Theme, frame: &mut Frame<'_>) {
        self.now = now;
        if let Some(open) = &mut self.open {
            open.settle();
        }
        self.drawn = view::draw(self, theme, frame);
    }

    fn moves_in(&self, _: Duration) -> Option<Duration> {
        self.is_moving().then_some(TICK)
    }
}

/// Threads and what they work on.
struct Runtime {
    lab: Arc<Lab>,
    keeper: Keeper<Files>,
    sender: Sender<Message>,
    index: Arc<Mutex<Option<Arc<Index>>>>,
    indexing: Option<Task>,
    warming: Option<Task>,
    ahead: Option<Ahead>,
    trial: Option<Task>,
    training: Option<Task>,
    generating: Option<Task>,
}

impl Runtime {
    fn new(lab: Arc<Lab>, keeper: Keeper<Files>, sender: Sender<Message>) -> Self {
        let index = Arc::new(Mutex::new(None));
        Self {
            lab,
            keeper,
            sender,
            index,
            indexing: None,
            warming: None,
            ahead: None,
            trial: None,
            training: None,
            generating: None,
        }
    }

    /// Carries effects out; true to end.
    fn carry_out(&mut self, effects: Vec<Effect>) -> bool {
        for effect in effects {
            let done = match effect {
                Effect::Index(entry, ranking) => self.open_index(*entry, ranking),
                Effect::Warm(pair) => self.warm(*pair),
                Effect::Remark(pair) => self.in_background("pair", move |lab| {
                    let remarks = lab.remarks(&pair);
                    Message::Remarked([pair.baseline.name, pair.tuned.name], remarks)
                }),
                Effect::ReadAhead(ask) => self.read_ahead(ask.map(|ask| self.asking(*ask))),
                Effect::Ask(ask) => {
                    let asking = self.asking(*ask);
                    self.run_trial(move |lab, index, events, cancel| lab.ask(&asking?, index, events, cancel))
                }
                Effect::Again(old, side, sampling) => self.run_trial(move |lab, _, events, cancel| {
                    lab.again(&old, side, &sampling, events, cancel)
                }),
                Effect::Stop => {
                    if let Some(trial) = &self.trial {
                        trial.cancel();
                    }
                    Ok(())
                }
                Effect::List(corpus) => {
                    self.in_background("trials", move |lab| match lab.trials.list(&corpus) {
                        Ok((trials, faults)) => Message::Listed(trials, faults),
                        Err(error) => Message::Listed(Vec::new(), vec![fault(error)]),
                    })
                }
                Effect::Load(corpus, id) => self.in_background("trial", move |lab| {
                    Message::Loaded(lab.trials.load(&corpus, &id).map(Box::new).map_err(fault))
                }),
                Effect::Keep(judgment) => {
                    self.keeper.record(*judgment);
                    Ok(())
                }
                Effect::Draft(draft) => {
                    self.keeper.draft(draft);
                    Ok(())
                }
                Effect::Remember(question) => {
                    self.keeper.other(question);
                    Ok(())
                }
                Effect::Count(entry) => self.in_background("questions", move |_| {
                    let counts = entry.read().map(|corpus| {
                        let of = |split| corpus.split(split).count();
                        Counts { train: of(Split::Train), dev: of(Split::Dev), test: of(Split::Test) }
                    });
                    Message::Counted(entry.manifest.id, counts.map_err(fault))
                }),
                Effect::Tune(tunings) => self.tune(tunings),
                Effect::StopTuning => {
                    stop(self.training.as_ref());
                    Ok(())
                }
                Effect::FreeFolder(name) => self.in_background("folder", move |_| {
                    let free = free_folder(&name);
                    Message::FolderFree(name, free)
                }),
                Effect::Plan(dir, planning) => {
                    self.in_background("plan", move |lab| plan(lab, &dir, &planning))
                }
                Effect::Generate(dir) => {
                    self.generate(dir);
                    Ok(())
                }
                Effect::StopGenerating => {
                    stop(self.generating.as_ref());
                    Ok(())
                }
                Effect::Quit => return true,
            };
            if let Err(error) = done {
                let _ = self.sender.send(Message::Told(no_thread(error)));
            }
        }
        false
    }

    fn in_background(
        &self,
        name: &str,
        work: impl FnOnce(&Lab) -> Message + Send + 'static,
    ) -> std::io::Result<()> {
        let (lab, sender) = (Arc::clone(&self.lab), self.sender.clone());
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _ = sender.send(work(&lab));
        })?;
        Ok(())
    }

    fn open_index(&mut self, entry: Entry, ranking: Ranking) -> std::io::Result<()> {
        let (lab, sender, slot) = (Arc::clone(&self.lab), self.sender.clone(), Arc::clone(&self.index));
        // A task that was begun for another corpus or ranking is dropped here, and stops.
        self.indexing = None;
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.indexing = Some(job::spawn("index", move |cancel| {
            let report = |progress: Progress| {
                let _ = sender.send(Message::Indexing(entry.manifest.id.clone(), progress));
            };
            let place = |index: Index| {
                let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
                // Another one may be on its way by now.
                let wanted = !cancel.is_cancelled();
                if wanted {
                    *slot = Some(Arc::new(index));
                }
                wanted
            };
            let watch = |index: Index| {
                let part = index.settings().part;
                if let Some(part) = part.filter(|_| place(index)) {
                    let _ = sender.send(Message::Grown(entry.manifest.id.clone(), part));
                }
            };
            let result = match lab.index_watched(&entry, ranking, &watch, &report, &cancel) {
                Ok(index) => {
                    let passages = index.passages();
                    if !place(index) {
                        return;
                    }
                    Ok(passages)
                }
                Err(Error::Cancelled) => return,
                Err(Error::Fault(fault)) => Err(*fault),
            };
            let _ = sender.send(Message::Indexed(entry.manifest.id, result));
        })?);
        Ok(())
    }

    /// Loads the models ahead, so that the first question does not wait, and measures how fast their weights can be read. What
    /// is wrong with the models is told when they are asked.
    fn warm(&mut self, pair: Pair) -> std::io::Result<()> {
        let (lab, sender) = (Arc::clone(&self.lab), self.sender.clone());
        self.warming = Some(job::spawn("warm", move |cancel| {
            let models = [&pair.baseline, &pair.tuned].map(|contender| {
                let model = lab.models.get(contender, job::SILENT, &cancel);
                model.inspect_err(|error| tracing::info!("{}: {error}", contender.name)).ok()
            });
            // Once nothing else is read, and before anything is asked.
            if !cancel.is_cancelled()
                && let Some(speed) = models.iter().flatten().find_map(|model| model.memory_speed())
            {
                let _ = sender.send(Message::Memory(speed));
            }
        })?);
        Ok(())
    }

    fn asking(&self, ask: Ask) -> Result<Asking, Error> {
        Ok(Asking {
            question: ask.question,
            corpus: ask.corpus,
            pair: ask.pair,
            k: ask.k,
            sampling: lab::sampling(&self.lab.settings.sampling)?,
            apart: self.lab.settings.engine.pair == Turns::Apart,
        })
    }

    /// Has the models read what is typed.
    fn read_ahead(&mut self, asking: Option<Result<Asking, Error>>) -> std::io::Result<()> {
        self.ahead = None;
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (Some(Ok(asking)), Some(index)) = (asking, index) else { return Ok(()) };
        self.ahead = Some(Ahead::begin(Arc::clone(&self.lab), index, asking)?);
        Ok(())
    }

    fn tune(&mut self, tunings: Vec<Tuning>) -> std::io::Result<()> {
        let (lab, sender) = (Arc::clone(&self.lab), self.sender.clone());
        let task = job::spawn("training", move |cancel| {
            let watch = |status| {
                let _ = sender.send(Message::Tuning(status));
            };
            let all = || -> Result<(), Error> {
                for tuning in &tunings {
                    let made = lab.finetune(tuning, &watch, &cancel)?;
                    let models = lab.models.registry().contenders.clone();
                    let _ = sender.send(Message::TuningMade(Box::new(made), models));
                }
                Ok(())
            };
            let result = on_own_threads(all);
            let ended = match result {
                Ok(()) => Ok(true),
                Err(Error::Cancelled) => Ok(false),
                Err(Error::Fault(fault)) => Err(*fault),
            };
            let _ = sender.send(Message::TuningEnded(ended));
        });
        match task {
            Ok(task) => self.training = Some(task),
            Err(error) => {
                let _ = self.sender.send(Message::TuningEnded(Err(no_thread(error))));
            }
        }
        Ok(())
    }

    fn generate(&mut self, dir: PathBuf) {
        let (lab, sender) = (Arc::clone(&self.lab), self.sender.clone());
        let task = job::spawn("generating", move |cancel| {
            let watch = |step| {
                let _ = sender.send(Message::Generating(step));
            };
            let result = on_own_threads(|| lab.generate(&dir, None, &watch, &cancel));
            let ended = match result {
                Ok(generated) => Ok(Some(Box::new(generated))),
                Err(Error::Cancelled) => Ok(None),
                Err(Error::Fault(fault)) => Err(*fault),
            };
            let _ = sender.send(Message::GeneratingEnded(ended));
        });
        match task {
            Ok(task) => self.generating = Some(task),
            Err(error) => {
                let _ = self.sender.send(Message::GeneratingEnded(Err(no_thread(error))));
            }
        }
    }

    fn ask_jobs_to_stop(&self) {
        stop(self.training.as_ref());
        stop(self.generating.as_ref());
    }

    /// Waits until what was asked to stop has kept its state, but not for long.
    fn wait_for_jobs(&self, app: &mut App, messages: &Receiver<Message>) {
        let until = Instant::now() + PARTING;
        while app.training.as_ref().is_some_and(Training::is_active)
            || app.study.as_ref().is_some_and(Studying::is_active)
        {
            match messages.recv_deadline(until) {
                Ok(
                    message @ (Message::Tuning(_)
                    | Message::TuningMade(..)
                    | Message::TuningEnded(_)
                    | Message::Generating(_)
                    | Message::GeneratingEnded(_)),
                ) => {
                    app.update(message);
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    fn run_trial(
        &mut self,
        work: impl FnOnce(
            &Lab,
            &Index,
            crate::compare::Events<'_>,
            &Cancel,
        ) -> Result<crate::compare::Trial, Error>
        + Send
        + 'static,
    ) -> std::io::Result<()> {
        // What is being loaded ahead would only stand in the way now.
        self.warming = None;
        let ahead = self.ahead.take();
        let (lab, sender) = (Arc::clone(&self.lab), self.sender.clone());
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.trial = Some(job::spawn("trial", move |cancel| {
            let events = |event| {
                let _ = sender.send(Message::Trial(event));
            };
            if let Some(ahead) = ahead {
                ahead.end();
            }
            let result = match index {
                Some(index) => work(&lab, &index, &events, &cancel),
                None => Err(Fault::new("index", "none yet")
                    .expected("an indexed corpus")
                    .next("Ask again in a moment.")
                    .into()),
            };
            let ended = match result {
                Ok(trial) => Ok(Some(Box::new(trial))),
                Err(Error::Cancelled) => Ok(None),
                Err(Error::Fault(fault)) => Err(*fault),
            };
            let _ = sender.send(Message::TrialEnded(ended));
        })?);
        Ok(())
    }
}

fn stop(task: Option<&Task>) {
    if let Some(task) = task {
        task.cancel();
    }
}

/// Does long work on threads of its own: it never leaves the common ones, and answers would wait for them.
fn on_own_threads<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    match rayon::ThreadPoolBuilder::new().build() {
        Ok(pool) => pool.install(work),
        Err(error) => Err(no_thread(error).into()),
    }
}

/// A name like this one that nothing in the present folder has.
fn free_folder(name: &str) -> String {
    let numbered = (2..100).map(|n| format!("{name}-{n}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !Path::new(name).exists()).unwrap_or_else(|| name.to_owned())
}

/// Makes the folder of a study, or finds the study that is there.
fn plan(lab: &Lab, dir: &Path, planning: &Planning) -> Message {
    let dir = at_home(dir, std::env::home_dir());
    if StudyFiles::of(&dir).plan().is_file() {
        let found = Study::open(&dir).and_then(|study| Ok(Made::of(&study, study.item_ids()?.len())));
        return match found {
            Ok(made) => Message::StudyThere(Box::new(made)),
            Err(error) => Message::Planned(Err(fault(error))),
        };
    }
    let made = lab.plan(&dir, planning).map(|study| Box::new(Made::of(&study, 0)));
    Message::Planned(made.map_err(fault))
}

fn no_thread(error: impl std::fmt::Display) -> Fault {
    Fault::new("system", error).expected("a new thread").next("Close other programs and try again.")
}

fn fault(error: Error) -> Fault {
    match error {
        Error::Fault(fault) => *fault,
        Error::Cancelled => Fault::new("work", "a request to stop"),
    }
}
