//! What the review is at a moment, without terminal, files, threads or clock.

use super::clock::Clock;
use super::entry::Entry;
use super::keys::Context;
use super::progress::{self, Place, Progress, is_waiting};
use super::sitting::{Loaded, Shown, Sitting};
use crate::compare::Side;
use crate::config::Layer;
use crate::fault::Fault;
use crate::study::{Item, Review, ReviewDraft, Rubric, Slot, Standing};
use jiff::Timestamp;
use ratatui::crossterm::event::{KeyEvent, MouseEvent};
use ratatui::layout::Rect;
use ratatui_textarea::TextArea;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

/// The moment something happens: it comes in with the message, so that updates need no clock.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// Since the review was opened.
    pub since: Duration,
    /// The time of day, for records.
    pub at: Timestamp,
}

/// What happened.
#[derive(Debug)]
pub enum Message {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse's wheel was turned.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The window changed: draw again.
    Redraw,
    /// The terminal is gone.
    Gone,
    /// An item was read, with its sides as they are to be shown, or why not.
    Item(Slot, Result<Box<Item>, Fault>),
    /// What items ask, by their ids, for the list.
    Asked(Vec<(String, String)>),
    /// A review is on the disk.
    Kept(Review),
    /// A review could not be written yet; it is kept trying.
    NotKept(Fault),
    /// Something that is only worth telling.
    Told(Fault),
}

/// What the runtime is to do.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Read an item.
    Read(Slot),
    /// Read what items ask.
    Questions(Vec<Slot>),
    /// Append a review.
    Keep(Box<Review>),
    /// Keep what is being entered.
    Draft(Box<ReviewDraft>),
    /// End.
    Quit,
}

/// A part of the screen that can be scrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Panel {
    /// Answer A.
    A,
    /// Answer B.
    B,
    /// The passages.
    Passages,
    /// The reference answer; it stands where the passages do.
    Reference,
}

impl Panel {
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
            Self::Passages | Self::Reference => None,
        }
    }
}

/// What keys are for.
#[derive(Debug)]
pub enum Mode {
    /// Rating.
    Rate,
    /// Choosing tags of an answer.
    Tags(Side),
    /// Typing a note, with what was entered before.
    Note(Box<TextArea<'static>>, Box<Entry>),
    /// Choosing a sentence of an answer.
    Sentence(Side, usize),
    /// Choosing what of the passages it is tied to.
    Span(Span),
}

/// What is being chosen of the passages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The answer whose sentence is marked.
    pub side: Side,
    /// The sentence.
    pub sentence: usize,
    /// What is wrong with it.
    pub tag: String,
    /// The place it starts from, of [`Shown::places`].
    pub anchor: usize,
    /// The place it reaches to; before or behind, in the same passage.
    pub head: usize,
}

/// Which items are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Every item.
    All,
    /// Those still to be done.
    Open,
    /// Those that are done.
    Done,
    /// Those that were put off.
    Skipped,
    /// Those to be talked over.
    Flagged,
}

/// What lies over the item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// Nothing.
    None,
    /// The help, scrolled by lines.
    Help(usize),
    /// The items, one of those listed selected.
    List(Filter, usize),
    /// Whether to quit although something is not saved.
    Quit,
}

/// Where to go once the disk has what is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// To what is to be done next.
    Next,
    /// To a place.
    To(usize),
    /// Back to a place, to amend it.
    BackTo(usize),
}

/// What the last frame drew where: for the wheel, and so that scrolling stops at the end.
#[derive(Debug, Clone, Default)]
pub struct Drawn {
    /// The area of each panel that is on the screen.
    pub panels: Vec<(Panel, Rect)>,
    /// The furthest each panel can be scrolled.
    pub furthest: HashMap<Panel, usize>,
    /// Rows a page has, by panel.
    pub page: HashMap<Panel, usize>,
    /// The furthest the help can be scrolled.
    pub help_furthest: usize,
    /// Rows a page of the list or the help has.
    pub over_page: usize,
}

/// What a review starts from.
#[derive(Debug)]
pub struct Start {
    /// What the study is called.
    pub title: String,
    /// The folder, as a person would name it.
    pub folder: String,
    /// Whether it is a copy that was handed out, to be given back.
    pub is_copy: bool,
    /// Who judges.
    pub annotator: String,
    /// What is judged by.
    pub rubric: Rubric,
    /// This reviewer's items, in this reviewer's order.
    pub places: Vec<Place>,
    /// The layers shown at the start.
    pub highlight: Vec<Layer>,
    /// What was being entered.
    pub draft: ReviewDraft,
    /// Remarks to tell.
    pub remarks: Vec<Fault>,
}

/// The review at a moment.
#[derive(Debug)]
pub struct Reviewing {
    /// When the last message came, or the last frame was asked for.
    pub when: When,
    /// What the study is called.
    pub title: String,
    /// The folder.
    pub folder: String,
    /// Whether it is a copy that was handed out, to be given back.
    pub is_copy: bool,
    /// Who judges.
    pub annotator: String,
    /// What is judged by.
    pub rubric: Rubric,
    /// The items with their records.
    pub places: Vec<Place>,
    /// The item on the screen; `None` when nothing is left.
    pub sitting: Option<Sitting>,
    /// What keys are for.
    pub mode: Mode,
    /// What lies over the item.
    pub over: Over,
    /// What is scrolled.
    pub focus: Panel,
    /// Whether the reference stands where the passages do.
    pub reference: bool,
    /// Whether the focused panel has the whole screen.
    pub zoomed: bool,
    /// The layers that are shown.
    pub layers: BTreeSet<Layer>,
    /// Scrolled rows of each panel.
    pub scroll: HashMap<Panel, usize>,
    /// The review that is on its way to the disk, and where to go then.
    pub saving: Option<(Box<Review>, Then)>,
    /// Why it is not there yet, if writing failed.
    pub keep_fault: Option<Fault>,
    /// What went wrong last, until a key is pressed.
    pub fault: Option<Fault>,
    /// What is worth telling, one line.
    pub notice: Option<String>,
    /// Remarks found at the start, told one after the other.
    pub remarks: Vec<Fault>,
    /// What items ask, as far as it is known.
    pub asked: HashMap<String, String>,
    /// Whether the rest of the questions is on its way.
    pub asking: bool,
    /// What the last frame drew.
    pub drawn: Drawn,
    /// The places that were finished, the last one last.
    pub(super) trail: Vec<usize>,
    /// Items that were read, so that the next one is there at once.
    pub(super) near: VecDeque<(Slot, Box<Item>)>,
}

/// So many items are kept in memory.
const NEAR: usize = 4;

impl Reviewing {
    /// The review as it opens: on the item on which it was left, with everything begun.
    pub fn new(start: Start) -> (Self, Vec<Effect>) {
        let places = &start.places;
        let mut trail: Vec<usize> = (0..places.len()).filter(|n| places[*n].record.is_some()).collect();
        trail.sort_by_key(|n| places[*n].record.as_ref().map(|r| r.at));
        let mut review = Self {
            when: When { since: Duration::ZERO, at: Timestamp::UNIX_EPOCH },
            title: start.title,
            folder: start.folder,
            is_copy: start.is_copy,
            annotator: start.annotator,
            rubric: start.rubric,
            places: start.places,
            sitting: None,
            mode: Mode::Rate,
            over: Over::None,
            focus: Panel::A,
            reference: false,
            zoomed: false,
            layers: start.highlight.into_iter().collect(),
            scroll: HashMap::new(),
            saving: None,
            keep_fault: None,
            fault: None,
            notice: None,
            remarks: start.remarks,
            asked: HashMap::new(),
            asking: false,
            drawn: Drawn::default(),
            trail,
            near: VecDeque::new(),
        };
        let draft = start.draft;
        let left = review.places.iter().position(|p| Some(&p.slot) == draft.slot.as_ref());
        let effects = match left {
            Some(at) => {
                let saved = review.places[at].record.as_ref().map(Entry::of);
                let same = saved.as_ref() == Some(&Entry::drafted(&draft));
                // A record that was appended just before the end says the same as the draft: that item is over.
                if same && review.standing(at) == Standing::Done {
                    review.go_next(Some(at))
                } else {
                    if !same && draft.has_begun() {
                        review.notice = Some("Everything is as you left it.".into());
                    }
                    review.open(at, Some(&draft))
                }
            }
            None => review.go_next(None),
        };
        (review, effects)
    }

    /// Where the next key goes.
    pub fn context(&self) -> Context {
        match &self.over {
            Over::Help(_) => return Context::Help,
            Over::List(..) => return Context::List,
            Over::Quit => return Context::Quit,
            Over::None => {}
        }
        if self.sitting.is_none() {
            return Context::End;
        }
        match self.mode {
            Mode::Rate => Context::Rate,
            Mode::Tags(_) => Context::Tags,
            Mode::Note(..) => Context::Note,
            Mode::Sentence(..) => Context::Sentence,
            Mode::Span(_) => Context::Span,
        }
    }

    /// How far the reviewer is.
    pub fn progress(&self) -> Progress {
        Progress::of(&self.places, &self.rubric)
    }

    /// Whether a layer is shown.
    pub fn shows(&self, layer: Layer) -> bool {
        self.layers.contains(&layer)
    }

    /// Whether the person counts as away.
    pub fn is_away(&self) -> bool {
        self.sitting.as_ref().is_some_and(|s| s.clock.is_away(self.when.since))
    }

    /// How an item stands.
    pub fn standing(&self, place: usize) -> Standing {
        self.places.get(place).map_or(Standing::Open, |p| p.standing(&self.rubric))
    }

    /// The places that a filter lists.
    pub fn listed(&self, filter: Filter) -> Vec<usize> {
        let holds = |n: &usize| match filter {
            Filter::All => true,
            Filter::Open => is_waiting(self.standing(*n)),
            Filter::Done => self.standing(*n) == Standing::Done,
            Filter::Skipped => self.standing(*n) == Standing::Skipped,
            Filter::Flagged => self.places[*n].is_flagged(),
        };
        (0..self.places.len()).filter(holds).collect()
    }

    /// What was entered, as a record.
    pub(super) fn record(&self, skipped: bool) -> Option<Review> {
        let sitting = self.sitting.as_ref()?;
        let slot = &self.places.get(sitting.place)?.slot;
        let (seconds, away) = sitting.clock.seconds(self.when.since);
        let entry = sitting.entry.clone();
        Some(Review {
            item: slot.item.clone(),
            showing: slot.showing,
            annotator: self.annotator.clone(),
            at: self.when.at,
            seconds,
            away,
            ratings: entry.ratings,
            verdict: entry.verdict,
            evidence: entry.evidence,
            note: entry.note,
            flagged: entry.flagged,
            skipped,
            reference_shown: sitting.reference_shown,
            shown: sitting.shown.iter().copied().collect(),
            juxta: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// What was entered, as a draft.
    pub(super) fn draft(&self) -> Option<ReviewDraft> {
        let sitting = self.sitting.as_ref()?;
        let slot = self.places.get(sitting.place)?.slot.clone();
        let (seconds, away) = sitting.clock.seconds(self.when.since);
        let entry = sitting.entry.clone();
        Some(ReviewDraft {
            slot: Some(slot),
            ratings: entry.ratings,
            verdict: entry.verdict,
            evidence: entry.evidence,
            note: entry.note,
            flagged: entry.flagged,
            reference_shown: sitting.reference_shown,
            shown: sitting.shown.iter().copied().collect(),
            seconds,
            away,
        })
    }

    /// Goes to what is to be done next, or to the end.
    pub(super) fn go_next(&mut self, from: Option<usize>) -> Vec<Effect> {
        match progress::next(&self.places, &self.rubric, from) {
            // The only one left was just put off: a person who wants it now takes it from the last screen.
            Some(place) if Some(place) == from && self.standing(place) == Standing::Skipped => self.finish(),
            Some(place) => self.open(place, None),
            None => self.finish(),
        }
    }

    fn finish(&mut self) -> Vec<Effect> {
        self.sitting = None;
        self.reset_view();
        Vec::new()
    }

    /// Brings an item to the screen, and the one after it nearer.
    pub(super) fn open(&mut self, place: usize, draft: Option<&ReviewDraft>) -> Vec<Effect> {
        let Some(chosen) = self.places.get(place) else { return Vec::new() };
        let mut sitting = Sitting::of(place, chosen.record.as_ref(), draft, &self.layers, &self.rubric);
        let mut effects = Vec::new();
        match self.near.iter().find(|(slot, _)| *slot == chosen.slot) {
            Some((_, item)) => {
                sitting.item = Loaded::There(Box::new(Shown::of((**item).clone())));
                sitting.clock.start(self.when.since);
            }
            None => effects.push(Effect::Read(chosen.slot.clone())),
        }
        self.sitting = Some(sitting);
        self.reset_view();
        if let Some(next) = progress::next(&self.places, &self.rubric, Some(place)) {
            let slot = &self.places[next].slot;
            if next != place && !self.near.iter().any(|(near, _)| near == slot) {
                effects.push(Effect::Read(slot.clone()));
            }
        }
        effects
    }

    fn reset_view(&mut self) {
        self.mode = Mode::Rate;
        self.focus = self.sitting.as_ref().map_or(Panel::A, |s| Panel::of(s.side()));
        self.reference = false;
        self.zoomed = false;
        self.scroll.clear();
    }

    /// An item was read.
    pub(super) fn arrived(&mut self, slot: Slot, result: Result<Box<Item>, Fault>) {
        let awaited = self.sitting.as_mut().filter(|s| {
            !matches!(s.item, Loaded::There(_)) && self.places.get(s.place).is_some_and(|p| p.slot == slot)
        });
        match result {
            Ok(item) => {
                if let Some(sitting) = awaited {
                    sitting.item = Loaded::There(Box::new(Shown::of((*item).clone())));
                    sitting.clock.start(self.when.since);
                }
                self.asked.insert(slot.item.clone(), item.question.clone());
                self.near.retain(|(near, _)| *near != slot);
                self.near.push_back((slot, item));
                if self.near.len() > NEAR {
                    self.near.pop_front();
                }
            }
            Err(fault) => {
                if let Some(sitting) = awaited {
                    sitting.item = Loaded::Failed(fault);
                }
            }
        }
    }

    /// The clock of the item on the screen.
    pub(super) fn clock(&mut self) -> Option<&mut Clock> {
        self.sitting.as_mut().map(|s| &mut s.clock)
    }
}
