//! Runs the review: reads items and writes records on threads of their own, so that no key waits for the disk.

use super::progress::Place;
use super::state::{Effect, Message, Reviewing, Start, When};
use super::view;
use crate::config::Settings;
use crate::fault::{Error, Fault, Result};
use crate::study::{Desk, Items, Review, ReviewDraft, Slot};
use crate::tui::keeper::{Keeper, Shelf, Word};
use crate::tui::pump::{self, Program, Weight};
use crate::tui::runtime::theme;
use crate::tui::screen::Screen;
use crate::tui::theme::Theme;
use crossbeam_channel::{Sender, unbounded};
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::crossterm::event::Event;
use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

/// Questions that are read before they are shown in the list.
const BATCH: usize = 64;

/// Opens the review of a study in the terminal and runs it to its end.
///
/// # Errors
/// As [`Desk::open`]; the terminal's errors.
pub fn run(dir: &Path, annotator: &str, partial: bool, settings: &Settings) -> anyhow::Result<()> {
    let desk = Desk::open(dir, annotator, partial)?;
    let journal = desk.journal().display().to_string();
    let items = desk.items();
    let (mut review, first) = Reviewing::new(start(&desk, dir));
    // The first item is there before the first frame.
    let now = When { since: Duration::ZERO, at: Timestamp::now() };
    for effect in first {
        if let Effect::Read(slot) = effect {
            let read = items.read(&slot).map(Box::new).map_err(fault);
            review.update(now, Message::Item(slot, read));
        }
    }
    let (sender, receiver) = unbounded();
    let tell = sender.clone();
    let mut keeper = Keeper::start(desk, move |word| {
        // The review may have ended already.
        let _ = tell.send(match word {
            Word::Kept(review) => Message::Kept(review),
            Word::NotKept(fault) => Message::NotKept(fault),
            Word::Told(fault) => Message::Told(fault),
        });
    })?;
    let mut screen = Screen::open()?;
    pump::read_terminal(sender.clone(), |event| match event {
        Some(Event::Key(key)) => Message::Key(key),
        Some(Event::Mouse(mouse)) => Message::Mouse(mouse),
        Some(Event::Paste(text)) => Message::Paste(text),
        Some(Event::Resize(..) | Event::FocusGained | Event::FocusLost) => Message::Redraw,
        None => Message::Gone,
    })?;
    let outcome = pump::pump(&mut review, vec![], theme(settings), screen.terminal(), &receiver, |effects| {
        carry_out(effects, &keeper, &items, &sender)
    });
    drop(screen);
    let unkept = keeper.finish();
    if !unkept.is_empty() {
        // The disk would not take them: the terminal's own memory is the last place that can.
        crate::cli::last_words(&unkept, &journal)?;
    }
    Ok(outcome?)
}

/// What the review starts from.
pub(super) fn start(desk: &Desk, dir: &Path) -> Start {
    let (draft, damaged) = desk.draft();
    let place = |slot: &Slot| Place { slot: slot.clone(), record: desk.review(slot).cloned() };
    Start {
        title: desk.title().to_owned(),
        // What a person can find again, wherever they stand.
        folder: dir.canonicalize().unwrap_or_else(|_| dir.to_owned()).display().to_string(),
        is_copy: desk.is_copy(),
        annotator: desk.annotator().to_owned(),
        rubric: desk.rubric().clone(),
        places: desk.slots().iter().map(place).collect(),
        highlight: desk.highlight().to_vec(),
        draft,
        remarks: desk.problems().iter().cloned().chain(damaged).collect(),
    }
}

impl Shelf for Desk {
    type Record = Review;
    type Draft = Box<ReviewDraft>;
    type Other = Infallible;

    fn append(&mut self, review: Review) -> Result<()> {
        Self::append(self, review)
    }

    fn save(&mut self, draft: &Box<ReviewDraft>) -> Result<()> {
        self.save_draft(draft)
    }

    fn keep(&mut self, other: Infallible) -> Result<()> {
        match other {}
    }
}

impl Program for Reviewing {
    type Message = Message;
    type Effect = Effect;

    fn weigh(message: &Message) -> Weight {
        match message {
            Message::Gone => Weight::Gone,
            // A person waits for the next item too.
            Message::Key(_) | Message::Mouse(_) | Message::Paste(_) | Message::Redraw => Weight::Urgent,
            Message::Kept(_) | Message::Item(..) => Weight::Urgent,
            Message::Asked(_) | Message::NotKept(_) | Message::Told(_) => Weight::Usual,
        }
    }

    fn take(&mut self, now: Duration, message: Message) -> Vec<Effect> {
        self.update(When { since: now, at: Timestamp::now() }, message)
    }

    fn draw(&mut self, now: Duration, theme: Theme, frame: &mut Frame<'_>) {
        self.when.since = now;
        self.drawn = view::draw(self, theme, frame);
    }

    fn moves_in(&self, now: Duration) -> Option<Duration> {
        // Nothing moves but that a person comes to count as away.
        self.sitting.as_ref().and_then(|s| s.clock.until_away(now))
    }
}

/// Carries effects out; true to end.
fn carry_out(effects: Vec<Effect>, keeper: &Keeper<Desk>, items: &Items, sender: &Sender<Message>) -> bool {
    for effect in effects {
        let done = match effect {
            Effect::Keep(review) => {
                keeper.record(*review);
                Ok(())
            }
            Effect::Draft(draft) => {
                keeper.draft(draft);
                Ok(())
            }
            Effect::Read(slot) => in_background("item", items, sender, move |items, sender| {
                let read = items.read(&slot).map(Box::new).map_err(fault);
                let _ = sender.send(Message::Item(slot, read));
            }),
            Effect::Questions(slots) => in_background("questions", items, sender, move |items, sender| {
                for batch in slots.chunks(BATCH) {
                    // An item that cannot be read says so where it is opened.
                    let asked = batch
                        .iter()
                        .filter_map(|slot| Some((slot.item.clone(), items.read(slot).ok()?.question)));
                    let _ = sender.send(Message::Asked(asked.collect()));
                }
            }),
            Effect::Quit => return true,
        };
        if let Err(error) = done {
            let fault = Fault::new("system", error)
                .expected("a new thread")
                .next("Close other programs and try again.");
            let _ = sender.send(Message::Told(fault));
        }
    }
    false
}

fn in_background(
    name: &str,
    items: &Items,
    sender: &Sender<Message>,
    work: impl FnOnce(&Items, &Sender<Message>) + Send + 'static,
) -> std::io::Result<()> {
    let (items, sender) = (items.clone(), sender.clone());
    std::thread::Builder::new().name(name.to_owned()).spawn(move || work(&items, &sender))?;
    Ok(())
}

fn fault(error: Error) -> Fault {
    match error {
        Error::Fault(fault) => *fault,
        Error::Cancelled => Fault::new("work", "a request to stop"),
    }
}
