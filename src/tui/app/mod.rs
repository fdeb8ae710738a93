//! What the lab is at a moment, and how it changes: `update(message) -> effects`, without terminal, files or
//! threads, so that every change can be tested. The runtime carries the effects out.

mod asked;
mod asking;
mod choosing;
mod form;
mod judging;
mod lists;
mod looking;
mod open;
mod pairs;
mod planning;
mod question;
mod rating;
mod sheet;
mod study;
mod training;
mod update;

pub use asked::Asked;
pub use form::{Form, Part};
pub use judging::{Field, Judging, Keeping};
pub use lists::{Choice, List};
pub use open::{Open, State};
pub use planning::PlanForm;
pub use question::Question;
pub(in crate::tui) use question::editor;
pub use sheet::{Counts, Line, Sheet};
pub use study::{Made, Stage, Studying, at_home};
pub use training::{Phase, Training, quoted};

use super::keys::Context;
use crate::compare::{Event, Pair, Side, Trial};
use crate::config::{Layer, Settings};
use crate::corpus::Entry;
use crate::fault::Fault;
use crate::generate::{Contender, Sampling};
use crate::job::Progress;
use crate::lab::{Generated, Generating, Planning, Status, Tuned, Tuning};
use crate::retrieve::{Ranking, SoFar};
use crate::study::{Draft, Judgment, Summary};
use ratatui::crossterm::event::{KeyEvent, MouseEvent};
use ratatui::layout::Rect;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::Duration;

/// What happened.
#[derive(Debug)]
pub enum Message {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse moved, clicked or scrolled.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The window changed: draw again.
    Redraw,
    /// The terminal is gone.
    Gone,
    /// How far the index of the corpus is.
    Indexing(String, Progress),
    /// So much of a corpus can be searched, while its index is being built.
    Grown(String, SoFar),
    /// The index of a corpus is there, or why not.
    Indexed(String, Result<u64, Fault>),
    /// Something of the running trial.
    Trial(Event),
    /// The running trial came to its end: kept, stopped before anything was said (`None`), or failed.
    TrialEnded(Result<Option<Box<Trial>>, Fault>),
    /// The earlier trials of the corpus.
    Listed(Vec<Summary>, Vec<Fault>),
    /// An earlier trial was read.
    Loaded(Result<Box<Trial>, Fault>),
    /// A judgment is on the disk.
    Kept(Judgment),
    /// A judgment could not be written yet; it is kept trying.
    NotKept(Fault),
    /// Bytes a second that this machine reads from memory.
    Memory(f64),
    /// Something that is only worth telling.
    Told(Fault),
    /// What should be known of two models, by their names, before they are compared.
    Remarked([String; 2], Vec<Fault>),
    /// How many questions a corpus has, or why they cannot be counted.
    Counted(String, Result<Counts, Fault>),
    /// How far the training is.
    Tuning(Status),
    /// A model is made, and what models there are now.
    TuningMade(Box<Tuned>, Vec<Contender>),
    /// The training came to its end: all that was asked for is made, it was stopped (`false`), or failed.
    TuningEnded(Result<bool, Fault>),
    /// For a folder that was to be proposed, one that is free.
    FolderFree(String, String),
    /// A study's folder is made, or why not.
    Planned(Result<Box<Made>, Fault>),
    /// There is a study already in the folder that was to be made.
    StudyThere(Box<Made>),
    /// How far the answers of the study are.
    Generating(Generating),
    /// Every answer of the study was tried, it was stopped (`None`), or failed.
    GeneratingEnded(Result<Option<Box<Generated>>, Fault>),
}

/// What the runtime is to do.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Open or build the index of a corpus.
    Index(Box<Entry>, Ranking),
    /// Bring models into memory before they are asked.
    Warm(Box<Pair>),
    /// Look at two models for what else than fine-tuning differs between them.
    Remark(Box<Pair>),
    /// Have both models read what is being typed, once nothing has been typed for a moment; nothing stops them.
    ReadAhead(Option<Box<Ask>>),
    /// Ask both models.
    Ask(Box<Ask>),
    /// Ask one model of a trial again.
    Again(Box<Trial>, Side, Sampling),
    /// Stop the running trial.
    Stop,
    /// List the earlier trials of a corpus.
    List(String),
    /// Read an earlier trial.
    Load(String, String),
    /// Keep a judgment.
    Keep(Box<Judgment>),
    /// Keep what is being entered.
    Draft(Box<Draft>),
    /// Keep a question for the history.
    Remember(String),
    /// Count the questions of a corpus.
    Count(Box<Entry>),
    /// Fine-tune, one run after the other.
    Tune(Vec<Tuning>),
    /// Stop fine-tuning.
    StopTuning,
    /// Find a free folder in place of one that is to be proposed.
    FreeFolder(String),
    /// Make the folder of a study.
    Plan(PathBuf, Box<Planning>),
    /// Generate the answers of the study in a folder, or go on.
    Generate(PathBuf),
    /// Stop generating.
    StopGenerating,
    /// End the lab.
    Quit,
}

/// A question to be asked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The question.
    pub question: String,
    /// The corpus.
    pub corpus: Entry,
    /// The contenders.
    pub pair: Pair,
    /// How many passages.
    pub k: usize,
}

/// A part of the screen that can have the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Panel {
    /// The question.
    Question,
    /// The passages.
    Passages,
    /// Answer A.
    A,
    /// Answer B.
    B,
}

impl Panel {
    /// In the order of Tab.
    pub const ALL: [Self; 4] = [Self::Question, Self::Passages, Self::A, Self::B];

    /// The panel of an answer.
    pub fn of(side: Side) -> Self {
        match side {
            Side::A => Self::A,
            Side::B => Self::B,
        }
    }

    /// The answer the panel shows, if it shows one.
    pub fn side(self) -> Option<Side> {
        match self {
            Self::A => Some(Side::A),
            Self::B => Some(Side::B),
            Self::Question | Self::Passages => None,
        }
    }
}

/// What lies over the lab's panels.
#[derive(Debug)]
pub enum Over {
    /// Nothing.
    None,
    /// The help.
    Help {
        /// Lines scrolled by.
        scroll: usize,
    },
    /// The earlier trials.
    Trials(List<Summary>),
    /// The corpora.
    Corpora(List<Choice>),
    /// The models; the second list is for the fine-tuned one, after the first was chosen.
    Models {
        /// Chosen as baseline.
        baseline: Option<Box<Contender>>,
        /// What there is.
        list: List<Choice>,
    },
    /// The form that fine-tuning is started from.
    Form,
    /// The training, running or ended.
    Training,
    /// The form that a study is planned with.
    Plan,
    /// The study that was planned last, and its answers being generated.
    Study,
    /// Whether to quit although something is not saved.
    Quit,
}

/// Whether the index is there.
#[derive(Debug, Clone)]
pub enum Index {
    /// Being opened or built.
    Opening(Option<Progress>),
    /// Being built, and so much of the corpus can be searched.
    Growing(SoFar, Option<Progress>),
    /// There, with so many passages.
    Ready(u64),
    /// Not to be had.
    Failed(Fault),
}

/// What the last frame drew where: for the mouse, and so that scrolling stops at the end.
#[derive(Debug, Clone, Default)]
pub struct Drawn {
    /// The area of each panel that is on the screen.
    pub panels: Vec<(Panel, Rect)>,
    /// The furthest each panel can be scrolled.
    pub furthest: HashMap<Panel, usize>,
    /// The first row of each passage, before scrolling.
    pub passage_rows: Vec<usize>,
    /// In an answer, the row of each byte asked for: where citations stand, before scrolling.
    pub citation_rows: HashMap<Panel, Vec<usize>>,
    /// Rows a page has, by panel.
    pub page: HashMap<Panel, usize>,
    /// The furthest the help can be scrolled.
    pub help_furthest: usize,
}

/// The lab at a moment.
#[derive(Debug)]
pub struct App {
    /// Since the lab was opened; set by the runtime before each message, so that updates need no clock.
    pub now: Duration,
    /// How everything is set.
    pub settings: Settings,
    /// Bytes a second that this machine reads from memory, once that was measured.
    pub memory: Option<f64>,
    /// Who judges.
    pub annotator: String,
    /// What corpora there are.
    pub corpora: Vec<Entry>,
    /// What models there are.
    pub models: Vec<Contender>,
    /// The corpus that is open.
    pub corpus: Entry,
    /// The contenders.
    pub pair: Pair,
    /// Whether the person chose the pair themselves: then another corpus does not change it.
    pub pair_chosen: bool,
    /// How many passages the next question gets.
    pub k: usize,
    /// Whether the corpus can be searched.
    pub index: Index,
    /// The question being typed.
    pub question: Question,
    /// The trial on the screen.
    pub open: Option<Open>,
    /// Whether a trial is running.
    pub running: bool,
    /// The question that the models read before it is asked.
    ahead: Option<String>,
    /// A question asked before the index was ready, or the trial before it kept; it is asked when it is.
    pub waiting: Option<Ask>,
    /// Which panel has the focus.
    pub focus: Panel,
    /// Whether the focused panel has the whole screen.
    pub zoomed: bool,
    /// The highlight layers that are shown.
    pub layers: BTreeSet<Layer>,
    /// Scrolled rows of each panel.
    pub scroll: HashMap<Panel, usize>,
    /// The selected passage, from 0.
    pub passage: usize,
    /// The citation followed last, by panel.
    pub citation: HashMap<Panel, usize>,
    /// The ratings on the screen, if rating.
    pub judging: Option<Judging>,
    /// The judgments that stand, by trial.
    pub judged: HashMap<String, Judgment>,
    /// Judgments given to the runtime and not yet on the disk.
    pub unkept: Vec<Judgment>,
    /// Why not, if writing failed.
    pub keep_fault: Option<Fault>,
    /// What lies over the panels.
    pub over: Over,
    /// What went wrong last, until a key is pressed that does something.
    pub fault: Option<Fault>,
    /// What is worth telling, one line.
    pub notice: Option<String>,
    /// Remarks found at the start, told one after the other.
    pub remarks: Vec<Fault>,
    /// The form for fine-tuning, as it was left.
    pub form: Option<Form>,
    /// The training that is running or was the last.
    pub training: Option<Training>,
    /// The form for a study, as it was left.
    pub plan: Option<PlanForm>,
    /// The study that is being generated or was planned or opened last.
    pub study: Option<Studying>,
    /// What was made last and has not been asked yet, by its name.
    pub newest: Option<String>,
    /// What should be known of pairs; none while one is being looked at.
    pub remarked: HashMap<[String; 2], Option<Vec<Fault>>>,
    /// What the last frame drew.
    pub drawn: Drawn,
    /// What was being entered when the lab last closed, until it is taken up.
    pub draft: Draft,
}

/// What an [`App`] starts from.
#[derive(Debug)]
pub struct Start {
    /// How everything is set.
    pub settings: Settings,
    /// Who judges.
    pub annotator: String,
    /// What corpora there are.
    pub corpora: Vec<Entry>,
    /// What models there are.
    pub models: Vec<Contender>,
    /// The corpus to open.
    pub corpus: Entry,
    /// The contenders.
    pub pair: Pair,
    /// Whether the person named the pair.
    pub pair_chosen: bool,
    /// Earlier questions, oldest first.
    pub history: Vec<String>,
    /// The judgments that stand.
    pub judged: Vec<Judgment>,
    /// What was being entered.
    pub draft: Draft,
    /// Remarks to tell.
    pub remarks: Vec<Fault>,
}

impl App {
    /// The lab as it opens, and what is to be done first.
    pub fn new(start: Start) -> (Self, Vec<Effect>) {
        let layers = start.settings.lab.highlight.iter().copied().collect();
        let k = start.settings.retrieval.k;
        let mut question = Question::new(start.history);
        question.set(&start.draft.question);
        let mut effects = vec![
            Effect::Index(Box::new(start.corpus.clone()), start.settings.retrieval.ranking),
            Effect::Warm(Box::new(start.pair.clone())),
        ];
        if let Some(trial) = &start.draft.trial
            && start.draft.corpus.as_deref() == Some(&start.corpus.manifest.id)
        {
            effects.push(Effect::Load(start.corpus.manifest.id.clone(), trial.clone()));
        }
        let comes_back = effects.iter().any(|e| matches!(e, Effect::Load(..)));
        let mut app = Self {
            now: Duration::ZERO,
            settings: start.settings,
            memory: None,
            annotator: start.annotator,
            corpora: start.corpora,
            models: start.models,
            corpus: start.corpus,
            pair: start.pair,
            pair_chosen: start.pair_chosen,
            k,
            index: Index::Opening(None),
            question,
            open: None,
            running: false,
            ahead: None,
            waiting: None,
            focus: Panel::Question,
            zoomed: false,
            layers,
            scroll: HashMap::new(),
            passage: 0,
            citation: HashMap::new(),
            judging: None,
            judged: start.judged.into_iter().map(|j| (j.trial.clone(), j)).collect(),
            unkept: Vec::new(),
            keep_fault: None,
            over: Over::None,
            fault: None,
            notice: None,
            remarks: start.remarks,
            form: None,
            training: None,
            plan: None,
            study: None,
            newest: None,
            remarked: HashMap::new(),
            drawn: Drawn::default(),
            draft: start.draft,
        };
        if !comes_back {
            effects.extend(app.keep_draft());
        }
        effects.extend(app.look_at_pairs());
        (app, effects)
    }

    /// Where the next key goes.
    pub fn context(&self) -> Context {
        match &self.over {
            Over::Help { .. } => return Context::Help,
            Over::Trials(_) => return Context::Trials,
            Over::Corpora(_) => return Context::Choose,
            Over::Models { .. } => return Context::Models,
            Over::Form => return Context::Form,
            Over::Training => return Context::Training,
            Over::Plan => return Context::Plan,
            Over::Study => return Context::Study,
            Over::Quit => return Context::Quit,
            Over::None => {}
        }
        if let Some(judging) = &self.judging {
            return match judging.field {
                Field::Tags(_) => Context::Tags,
                Field::Note => Context::Note,
                _ => Context::Judge,
            };
        }
        match self.focus {
            Panel::Question => Context::Question,
            Panel::Passages => Context::Passages,
            Panel::A | Panel::B => Context::Answer,
        }
    }

    /// Whether the screen changes by itself, so that it has to be drawn again as time goes by.
    pub fn is_moving(&self) -> bool {
        self.running
            || matches!(self.index, Index::Opening(_) | Index::Growing(..))
            || !self.unkept.is_empty()
    }

    /// Whether a layer is shown.
    pub fn shows(&self, layer: Layer) -> bool {
        self.layers.contains(&layer)
    }

    /// What is being entered and not yet asked or recorded.
    pub fn entered(&self) -> Draft {
        let trial = self.open.as_ref().and_then(|o| o.trial.as_ref()).map(|t| t.id.clone());
        let mut draft = Draft {
            corpus: Some(self.corpus.manifest.id.clone()),
            question: self.question.text(),
            trial,
            ..Draft::default()
        };
        if let Some(judging) = &self.judging
            && !judging.is_recorded()
        {
            draft.ratings = judging.ratings.clone();
            draft.verdict = judging.verdict;
            draft.note = judging.note_text();
        }
        draft
    }
}
