//! The loop that the lab and the review share: messages in, effects out, one draw. What waits is drained before
//! anything is drawn; what a person waits for is drawn at once, everything else at most some thirty times a second.

use super::screen::at_once;
use super::theme::Theme;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use ratatui::backend::Backend;
use ratatui::crossterm::event::{self, Event};
use ratatui::{Frame, Terminal};
use std::time::{Duration, Instant};

/// The least time between two frames that nobody waits for.
const FRAME: Duration = Duration::from_millis(33);
/// The least time between two frames that nobody looks at closely.
const SELDOM: Duration = Duration::from_millis(250);

/// What a message is to the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// A person waits for the frame.
    Urgent,
    /// It can wait for the next frame.
    Usual,
    /// It can wait for several.
    Light,
    /// The terminal is gone: all is over.
    Gone,
}

/// A screen that is run by [`pump`]. Times are since the loop began.
pub(super) trait Program {
    /// What happens.
    type Message;
    /// What is to be done.
    type Effect;

    /// What a message is to the loop.
    fn weigh(message: &Self::Message) -> Weight;
    /// Takes in what happened and says what is to be done.
    fn take(&mut self, now: Duration, message: Self::Message) -> Vec<Self::Effect>;
    /// Draws everything.
    fn draw(&mut self, now: Duration, theme: Theme, frame: &mut Frame<'_>);
    /// After how long the screen changes although nothing happens; `None` if it does not.
    fn moves_in(&self, now: Duration) -> Option<Duration>;
}

/// Runs a program to its end: until `carry_out` says so, or the terminal is gone.
pub(super) fn pump<P: Program, B: Backend>(
    program: &mut P,
    first: Vec<P::Effect>,
    theme: Theme,
    terminal: &mut Terminal<B>,
    messages: &Receiver<P::Message>,
    mut carry_out: impl FnMut(Vec<P::Effect>) -> bool,
) -> Result<(), B::Error> {
    let began = Instant::now();
    // The first frame stands before any work is begun.
    draw(program, began.elapsed(), theme, terminal)?;
    if carry_out(first) {
        return Ok(());
    }
    // When the next frame is due, if something is to be seen in it.
    let (mut due, mut drawn) = (None::<Instant>, Instant::now());
    loop {
        if due.is_some_and(|due| due <= Instant::now()) {
            draw(program, began.elapsed(), theme, terminal)?;
            (due, drawn) = (None, Instant::now());
        }
        let moves = program.moves_in(began.elapsed()).map(|moves| Instant::now() + moves.max(FRAME));
        let message = match due.into_iter().chain(moves).min() {
            None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(until) => messages.recv_deadline(until),
        };
        let first = match message {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => {
                due = Some(Instant::now());
                continue;
            }
            // Whoever calls holds a sender, so this does not happen; it would mean that all is over.
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        for message in std::iter::once(first).chain(messages.try_iter()) {
            let wanted = match P::weigh(&message) {
                Weight::Gone => return Ok(()),
                Weight::Urgent => Instant::now(),
                Weight::Usual => drawn + FRAME,
                Weight::Light => drawn + SELDOM,
            };
            due = Some(due.map_or(wanted, |due| due.min(wanted)));
            let effects = program.take(began.elapsed(), message);
            if carry_out(effects) {
                return Ok(());
            }
        }
    }
}

fn draw<P: Program, B: Backend>(
    program: &mut P,
    now: Duration,
    theme: Theme,
    terminal: &mut Terminal<B>,
) -> Result<(), B::Error> {
    at_once(|| terminal.draw(|frame| program.draw(now, theme, frame)).map(|_| ()))
}

/// The terminal's events become messages, on a thread of their own; `None` says that the terminal is gone. It ends
/// with the program.
pub(super) fn read_terminal<M: Send + 'static>(
    to: Sender<M>,
    message: impl Fn(Option<Event>) -> M + Send + 'static,
) -> std::io::Result<()> {
    std::thread::Builder::new().name("terminal".into()).spawn(move || {
        while let Ok(event) = event::read() {
            if to.send(message(Some(event))).is_err() {
                return;
            }
        }
        // Nobody can press a key any more.
        let _ = to.send(message(None));
    })?;
    Ok(())
}
