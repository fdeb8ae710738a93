//! A review without files or terminal, for tests: keys go in, what the runtime would do is done at once.

use super::progress::Place;
use super::state::{Effect, Message, Reviewing, Start, When};
use super::view;
use crate::compare::support;
use crate::config::Settings;
use crate::fault::{Error, Fault, Result};
use crate::retrieve::Hit;
use crate::study::{Item, Reference, Review, ReviewDraft, Rubric, Said, Showing, Slot};
use crate::tui::theme::Theme;
use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::time::Duration;

/// Where items come from.
type Reads = Box<dyn Fn(&Slot) -> Result<Item>>;

/// A review with a disk that always answers at once, unless it is full.
pub struct Table {
    pub app: Reviewing,
    /// Every record that was appended, in order.
    pub journal: Vec<Review>,
    /// The last draft.
    pub draft: ReviewDraft,
    /// Whether nothing more can be written.
    pub full: bool,
    /// Whether it ended.
    pub over: bool,
    /// Since it began.
    pub since: Duration,
    pub reads: Reads,
    waiting: Vec<Review>,
}

/// The questions of [`items`].
pub const QUESTIONS: [&str; 4] = [
    "Why does gout attack the big toe first?",
    "How does metformin lower blood glucose, and what does it leave alone?",
    "Which vaccine was made first?",
    "Does aspirin thin the blood?",
];

const GOUT: &str = "Gout is caused by crystals of sodium urate that settle in cool joints. The base of the big toe is the \
    joint that is attacked first in about half of all people, since it is cooler than the joints nearer to the trunk. \
    An attack begins at night and is over within two weeks.";
const URATE: &str = "Urate is the end product of purine breakdown. Fever, thirst and a red skin are common in an attack of any joint.";
const SAID: [[&str; 2]; 4] = [
    [
        "The base of the big toe is the joint that is attacked first in about half of all people. [1]",
        "It is cooler than the joints nearer to the trunk. [1] Elephants never suffer from it at all. [7]",
    ],
    [
        "Metformin lowers the glucose that the liver makes. [1] It makes muscles take up more of it. It does not make \
         the pancreas give out insulin, so that it leaves a person who has not eaten alone: the blood glucose does \
         not fall below what is normal. It is taken by mouth, two or three times a day, mostly with a meal, and for \
         many years it has been the first drug that is given.",
        "Metformin lowers the glucose. It lowers the glucose. It lowers the glucose. It lowers the glucose.",
    ],
    ["", "Smallpox. [2]"],
    ["Yes. [1]", "The passages do not say."],
];

/// Items that say nothing of who answered, the same in every run.
pub fn items() -> Vec<Item> {
    let hit = |rank: usize, title: &str, section: &str, text: &str| Hit {
        rank,
        score: 14.2 / rank as f32,
        document: title.to_lowercase(),
        title: title.into(),
        section: Some(section.into()),
        passage: rank - 1,
        range: (0, text.len()),
        text: text.into(),
        matches: text.find("attack").map(|at| (at, at + 6)).into_iter().collect(),
    };
    let passages = vec![hit(1, "Gout", "Joints", GOUT), hit(2, "Urate", "Origin", URATE)];
    QUESTIONS
        .iter()
        .zip(SAID)
        .enumerate()
        .map(|(n, (question, said))| Item {
            id: format!("i{n}"),
            corpus: "biomedicine".into(),
            question_id: format!("q{n}"),
            question: (*question).into(),
            reference: (n < 3).then(|| Reference {
                answer: "Because it is the coolest joint: urate crystals settle where it is cool.".into(),
                key_points: vec!["coolest joint".into(), "urate crystals".into()],
                quotes: vec![GOUT.split_inclusive(". ").take(1).collect()],
            }),
            passages: passages.clone(),
            answers: said.map(|text| Said {
                text: text.into(),
                support: support(text, passages.iter().map(|p| p.text.as_str())),
            }),
        })
        .collect()
}

/// The list of a reviewer: every item once, and the first two again.
pub fn slots() -> Vec<Slot> {
    let first = (0..QUESTIONS.len()).map(|n| Slot { item: format!("i{n}"), showing: Showing::First });
    let second = (0..2).map(|n| Slot { item: format!("i{n}"), showing: Showing::Swapped });
    first.chain(second).collect()
}

/// A start with nothing done.
pub fn start() -> Start {
    Start {
        title: "Fine-tuning on little data".into(),
        folder: "/home/ada/study-for-ada".into(),
        is_copy: true,
        annotator: "ada".into(),
        rubric: Rubric::of(&Settings::defaults().expect("sound").rubric),
        places: slots().into_iter().map(|slot| Place { slot, record: None }).collect(),
        highlight: vec![],
        draft: ReviewDraft::default(),
        remarks: vec![],
    }
}

fn read(slot: &Slot) -> Result<Item> {
    let item = items().into_iter().find(|i| i.id == slot.item);
    let item = item.ok_or_else(|| Fault::new("items/x.json", "nothing").next("Put it back."))?;
    Ok(if slot.showing == Showing::Swapped { item.swapped() } else { item })
}

/// A fault of a disk that is full.
pub fn full_disk() -> Fault {
    Fault::io(
        std::path::Path::new("/home/ada/study-for-ada/journals/ada.jsonl"),
        "write to",
        &std::io::ErrorKind::StorageFull.into(),
    )
}

impl Table {
    /// A review of [`items`].
    pub fn new() -> Self {
        Self::with(start(), Box::new(read))
    }

    /// Any review.
    pub fn with(start: Start, reads: Reads) -> Self {
        let draft = start.draft.clone();
        let journal = start.places.iter().filter_map(|p| p.record.clone()).collect();
        let (app, first) = Reviewing::new(start);
        let mut table = Self {
            app,
            journal,
            draft,
            full: false,
            over: false,
            since: Duration::ZERO,
            reads,
            waiting: vec![],
        };
        table.carry_out(first);
        table
    }

    /// The process is killed, and the review opened again.
    pub fn killed(self) -> Self {
        let mut start = start();
        start.places.clone_from(&self.app.places);
        for place in &mut start.places {
            // What is on the disk, not what was in memory.
            place.record = self.journal.iter().rfind(|r| r.slot() == place.slot).cloned();
        }
        start.draft = self.draft;
        Self { journal: self.journal, ..Self::with(start, self.reads) }
    }

    fn when(&self) -> When {
        let at = Timestamp::UNIX_EPOCH + jiff::SignedDuration::try_from(self.since).expect("a short time");
        When { since: self.since, at }
    }

    pub fn send(&mut self, message: Message) {
        let effects = self.app.update(self.when(), message);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Keep(review) => {
                    self.waiting.push(*review);
                    self.try_disk();
                }
                Effect::Draft(draft) => self.draft = *draft,
                Effect::Read(slot) => {
                    let read = (self.reads)(&slot).map(Box::new).map_err(|error| match error {
                        Error::Fault(fault) => *fault,
                        Error::Cancelled => Fault::new("items/x.json", "a request to stop"),
                    });
                    self.send(Message::Item(slot, read));
                }
                Effect::Questions(slots) => {
                    let asked =
                        slots.iter().filter_map(|s| Some((s.item.clone(), (self.reads)(s).ok()?.question)));
                    let asked = asked.collect();
                    self.send(Message::Asked(asked));
                }
                Effect::Quit => self.over = true,
            }
        }
    }

    /// As the keeper does every two seconds.
    pub fn try_disk(&mut self) {
        if self.full && !self.waiting.is_empty() {
            return self.send(Message::NotKept(full_disk()));
        }
        for review in std::mem::take(&mut self.waiting) {
            self.journal.push(review.clone());
            self.send(Message::Kept(review));
        }
    }

    pub fn wait(&mut self, seconds: u64) {
        self.since += Duration::from_secs(seconds);
        self.app.when = self.when();
    }

    /// Presses keys, a second apart: `⏎ ⇥ ⎋ ⌫` and arrows by their signs, `⇓ ⇑` arrows with Shift.
    pub fn keys(&mut self, keys: &str) {
        for c in keys.chars() {
            let (code, modifiers) = match c {
                '⏎' => (KeyCode::Enter, KeyModifiers::NONE),
                '⇥' => (KeyCode::Tab, KeyModifiers::NONE),
                '⎋' => (KeyCode::Esc, KeyModifiers::NONE),
                '⌫' => (KeyCode::Backspace, KeyModifiers::NONE),
                '↓' => (KeyCode::Down, KeyModifiers::NONE),
                '↑' => (KeyCode::Up, KeyModifiers::NONE),
                '←' => (KeyCode::Left, KeyModifiers::NONE),
                '→' => (KeyCode::Right, KeyModifiers::NONE),
                '⇓' => (KeyCode::Down, KeyModifiers::SHIFT),
                '⇑' => (KeyCode::Up, KeyModifiers::SHIFT),
                '␃' => (KeyCode::Char('c'), KeyModifiers::CONTROL),
                c => (KeyCode::Char(c), KeyModifiers::NONE),
            };
            self.wait(1);
            self.send(Message::Key(KeyEvent::new(code, modifiers)));
        }
    }

    /// The frame a person would see.
    pub fn frame(&mut self, columns: u16, rows: u16) -> Buffer {
        self.frame_in(Theme::new(true), columns, rows)
    }

    pub fn frame_in(&mut self, theme: Theme, columns: u16, rows: u16) -> Buffer {
        let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, rows));
        // Twice, so that what scrolling needs is known.
        for _ in 0..2 {
            let app = &mut self.app;
            let mut drawn = None;
            let Ok(_) = terminal.draw(|frame| drawn = Some(view::draw(app, theme, frame)));
            app.drawn = drawn.unwrap_or_default();
        }
        terminal.backend().buffer().clone()
    }
}

/// The symbols of a frame as text.
pub fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let rows = buffer.content.chunks(width.max(1));
    rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>() + "\n").collect()
}
