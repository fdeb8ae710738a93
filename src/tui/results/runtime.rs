//! Runs the results screen; the report is made on a thread of its own, so that the first frame waits for nothing.

use super::state::{Content, Effect, Message, Results};
use super::view;
use crate::config::Settings;
use crate::fault::{Error, Fault};
use crate::report::Report;
use crate::tui::pump::{self, Program, Weight};
use crate::tui::runtime::theme;
use crate::tui::screen::Screen;
use crate::tui::theme::Theme;
use crossbeam_channel::unbounded;
use ratatui::Frame;
use ratatui::crossterm::event::Event;
use std::time::Duration;

/// Makes a report, with what a person should look at.
pub type Make = Box<dyn FnOnce() -> crate::fault::Result<(Report, Vec<Fault>)> + Send>;

/// Opens a report called `title` in the terminal and runs it to its end.
///
/// # Errors
/// The terminal's; what is wrong with the report is shown.
pub fn run(title: String, make: Make, settings: &Settings) -> anyhow::Result<()> {
    let mut results = Results::new(title);
    let (sender, receiver) = unbounded();
    let tell = sender.clone();
    std::thread::Builder::new().name("report".into()).spawn(move || {
        let message = match make() {
            Ok((report, problems)) => Message::Made(Box::new(Content::of(&report, problems))),
            Err(Error::Fault(fault)) => Message::Failed(*fault),
            Err(Error::Cancelled) => Message::Failed(Fault::new("work", "a request to stop")),
        };
        // The screen may have been left already.
        let _ = tell.send(message);
    })?;
    let mut screen = Screen::open()?;
    pump::read_terminal(sender.clone(), |event| match event {
        Some(Event::Key(key)) => Message::Key(key),
        Some(Event::Mouse(mouse)) => Message::Mouse(mouse),
        Some(Event::Paste(_) | Event::Resize(..) | Event::FocusGained | Event::FocusLost) => Message::Redraw,
        None => Message::Gone,
    })?;
    let outcome =
        pump::pump(&mut results, vec![], theme(settings), screen.terminal(), &receiver, |effects| {
            effects.contains(&Effect::Quit)
        });
    drop(screen);
    Ok(outcome?)
}

impl Program for Results {
    type Message = Message;
    type Effect = Effect;

    fn weigh(message: &Message) -> Weight {
        match message {
            Message::Gone => Weight::Gone,
            _ => Weight::Urgent,
        }
    }

    fn take(&mut self, _: Duration, message: Message) -> Vec<Effect> {
        self.update(message)
    }

    fn draw(&mut self, _: Duration, theme: Theme, frame: &mut Frame<'_>) {
        self.drawn = view::draw(self, theme, frame);
    }

    fn moves_in(&self, _: Duration) -> Option<Duration> {
        None
    }
}
