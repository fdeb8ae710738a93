//! What the results screen is, and how it changes: no clock, no file, no thread.

use super::keys::{self, Action, Context};
use crate::fault::Fault;
use crate::report::Report;
use crate::report::page::{Page, Part, Section};
use ratatui::crossterm::event::{KeyEvent, KeyEventKind, MouseEvent, MouseEventKind};

/// A part of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// In words.
    Overview,
    /// Mean ratings.
    Means,
    /// Changes against the baseline, with their tests.
    Changes,
    /// Wins, ties, losses and scores.
    Wins,
    /// What was found wrong.
    Errors,
    /// How far annotators agree.
    Agreement,
    /// How each annotator judges.
    Annotators,
    /// How figures were made.
    Methods,
}

impl Tab {
    /// Every part.
    pub const ALL: [Self; 8] = [
        Self::Overview,
        Self::Means,
        Self::Changes,
        Self::Wins,
        Self::Errors,
        Self::Agreement,
        Self::Annotators,
        Self::Methods,
    ];

    /// On the screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Means => "Means",
            Self::Changes => "Changes",
            Self::Wins => "Wins",
            Self::Errors => "Errors",
            Self::Agreement => "Agreement",
            Self::Annotators => "Annotators",
            Self::Methods => "Methods",
        }
    }

    /// The part of a page that it shows, where that is one of a corpus.
    pub fn part(self) -> Option<Part> {
        match self {
            Self::Means => Some(Part::Means),
            Self::Changes => Some(Part::Changes),
            Self::Wins => Some(Part::Wins),
            Self::Errors => Some(Part::Errors),
            _ => None,
        }
    }
}

/// What is shown.
pub(super) enum Stage {
    /// It is being made.
    Making,
    /// It cannot be made.
    Failed(Fault),
    /// It is there.
    There(Box<Content>),
}

/// A report, ready to be shown.
pub(super) struct Content {
    pub page: Page,
    /// How many of the page's sections are of a corpus, or of all together.
    pub scopes: usize,
    pub closing: String,
    /// What a person should look at.
    pub problems: Vec<Fault>,
}

impl Content {
    pub fn of(report: &Report, problems: Vec<Fault>) -> Self {
        Self {
            page: Page::of(report),
            scopes: report.results.as_ref().map_or(0, Vec::len),
            closing: Page::closing(report),
            problems,
        }
    }

    /// The sections of a part.
    pub fn sections(&self, part: Part) -> impl Iterator<Item = &Section> {
        self.page.sections.iter().filter(move |s| s.part == part)
    }
}

/// What happens.
pub(super) enum Message {
    Key(KeyEvent),
    Mouse(MouseEvent),
    Redraw,
    /// The report, with what a person should look at.
    Made(Box<Content>),
    Failed(Fault),
    /// The terminal is gone.
    Gone,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Quit,
}

/// How much there was to scroll in the last frame.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Drawn {
    pub page: usize,
    pub furthest: usize,
}

/// The results screen.
pub(super) struct Results {
    /// What the study is called.
    pub title: String,
    pub stage: Stage,
    pub tab: Tab,
    /// Which corpus, by its section.
    pub scope: usize,
    pub scroll: usize,
    /// How far the help is scrolled, where it is shown.
    pub help: Option<usize>,
    pub drawn: Drawn,
}

impl Results {
    pub fn new(title: String) -> Self {
        Self {
            title,
            stage: Stage::Making,
            tab: Tab::Overview,
            scope: 0,
            scroll: 0,
            help: None,
            drawn: Drawn::default(),
        }
    }

    pub fn context(&self) -> Context {
        if self.help.is_some() { Context::Help } else { Context::Figures }
    }

    /// How many corpora there are to choose from, all together among them.
    pub fn scopes(&self) -> usize {
        match &self.stage {
            Stage::There(content) => content.scopes,
            _ => 0,
        }
    }

    /// The parts there are: those of contenders only once the blinding is off.
    pub fn tabs(&self) -> Vec<Tab> {
        Tab::ALL.into_iter().filter(|tab| self.scopes() > 0 || tab.part().is_none()).collect()
    }

    pub fn update(&mut self, message: Message) -> Vec<Effect> {
        match message {
            Message::Key(key) if key.kind != KeyEventKind::Release => {
                if let Some(action) = keys::action(self.context(), key) {
                    return self.act(action);
                }
            }
            Message::Mouse(mouse) => match mouse.kind {
                MouseEventKind::ScrollDown => self.scroll_by(3),
                MouseEventKind::ScrollUp => self.scroll_by(-3),
                _ => {}
            },
            Message::Made(content) => {
                self.title.clone_from(&content.page.title);
                self.stage = Stage::There(content);
            }
            Message::Failed(fault) => self.stage = Stage::Failed(fault),
            Message::Key(_) | Message::Redraw | Message::Gone => {}
        }
        Vec::new()
    }

    fn act(&mut self, action: Action) -> Vec<Effect> {
        let page = isize::try_from(self.drawn.page.saturating_sub(1).max(1)).unwrap_or(1);
        match action {
            Action::Part(n) => {
                if let Some(tab) = self.tabs().get(usize::from(n).saturating_sub(1)) {
                    self.go(*tab);
                }
            }
            Action::NextPart => self.turn(1),
            Action::PreviousPart => self.turn(-1),
            Action::NextCorpus => self.corpus(1),
            Action::PreviousCorpus => self.corpus(-1),
            Action::LineDown => self.scroll_by(1),
            Action::LineUp => self.scroll_by(-1),
            Action::PageDown => self.scroll_by(page),
            Action::PageUp => self.scroll_by(-page),
            Action::Top => self.scroll_by(isize::MIN),
            Action::Bottom => self.scroll_by(isize::MAX),
            Action::Help => self.help = Some(0),
            Action::Back => self.help = None,
            Action::Quit => return vec![Effect::Quit],
        }
        Vec::new()
    }

    fn go(&mut self, tab: Tab) {
        if self.tab != tab {
            self.tab = tab;
            self.scroll = 0;
        }
    }

    fn turn(&mut self, by: isize) {
        let tabs = self.tabs();
        let at = tabs.iter().position(|t| *t == self.tab).unwrap_or(0);
        if let Some(tab) = tabs.get(around(at, by, tabs.len())) {
            self.go(*tab);
        }
    }

    /// The same part of another corpus, from its beginning.
    fn corpus(&mut self, by: isize) {
        self.scope = around(self.scope, by, self.scopes());
        self.scroll = 0;
    }

    fn scroll_by(&mut self, by: isize) {
        let scroll = self.help.as_mut().unwrap_or(&mut self.scroll);
        *scroll = (*scroll).min(self.drawn.furthest).saturating_add_signed(by).min(self.drawn.furthest);
    }
}

/// One further or back among `n`, in a circle.
fn around(at: usize, by: isize, n: usize) -> usize {
    if n == 0 { 0 } else { (at + n).saturating_add_signed(by) % n }
}
