//! The terminal as the lab needs it, and given back as it was however the lab ends.

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use std::io::stdout;
use std::sync::Once;

/// Raw mode, the alternate screen, mouse and paste events; given back when dropped, and in a panic.
pub(super) struct Screen {
    terminal: DefaultTerminal,
}

impl Screen {
    pub fn open() -> std::io::Result<Self> {
        static HOOK: Once = Once::new();
        let terminal = ratatui::try_init()?;
        // ratatui's own hook gives back what it took; this one, what is taken here.
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                give_back();
                before(panic);
            }));
        });
        let screen = Self { terminal };
        // Whoever was killed left the alternate screen on, with a shell's words in it: entering it again keeps them, and
        // frames say only what is not blank.
        execute!(stdout(), Clear(ClearType::All), EnableMouseCapture, EnableBracketedPaste)?;
        Ok(screen)
    }

    pub fn terminal(&mut self) -> &mut DefaultTerminal {
        &mut self.terminal
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
        ratatui::restore();
    }
}

/// Draws as one update, so that a terminal that knows how shows whole frames only; others pass over the request.
pub(super) fn at_once<T>(draw: impl FnOnce() -> T) -> T {
    let _ = execute!(stdout(), BeginSynchronizedUpdate);
    let drawn = draw();
    let _ = execute!(stdout(), EndSynchronizedUpdate);
    drawn
}

/// That the terminal would not listen cannot be told to anybody: it is the terminal.
fn give_back() {
    let _ = execute!(stdout(), DisableBracketedPaste, DisableMouseCapture);
}
