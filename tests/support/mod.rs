//! A lab in a pseudo-terminal: keys go in, and what a person would see is read off a parsed screen. Shared by
//! `tests/pty.rs`, `tests/review_pty.rs` and `benches/responsiveness.rs`.
//!
//! Nothing here waits for a time to pass: every wait is for a condition, and names it if it does not come.

#![allow(dead_code)] // Each of those that share this file uses what it needs.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Both contenders: bundled, so that the tests need nothing else.
pub const PAIR: &str = "reader,reader-biomedicine-500";
/// The corpus every lab here is opened on.
pub const CORPUS: &str = "biomedicine";
/// Who judges, by the environment the lab is started in.
pub const ANNOTATOR: &str = "tester";
/// How long a condition may take on a busy machine. Only ever reached by a test that fails.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Columns and rows of a large window: passages and both answers stand beside each other.
pub const LARGE: (u16, u16) = (200, 60);

/// A lab in its terminal.
pub struct Lab {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    seen: Arc<Seen>,
}

/// What came from the lab, and a bell for when more comes.
struct Seen {
    state: Mutex<State>,
    more: Condvar,
}

struct State {
    parser: vt100::Parser,
    raw: Vec<u8>,
    over: bool,
}

impl Lab {
    /// Opens a lab on a data folder, in a window of [`LARGE`] size.
    pub fn open(data: &Path) -> Self {
        Self::start(command(data))
    }

    /// Starts any command in a window of [`LARGE`] size.
    pub fn start(command: CommandBuilder) -> Self {
        let terminal = native_pty_system().openpty(size(LARGE)).expect("the system has pseudo-terminals");
        let mut output = terminal.master.try_clone_reader().expect("the terminal can be read");
        let keys = terminal.master.take_writer().expect("the terminal can be written to");
        let child = terminal.slave.spawn_command(command).expect("juxta starts");
        // The end of the output is seen only when nobody holds this side any more.
        drop(terminal.slave);
        let (columns, rows) = cells(LARGE);
        let state = State { parser: vt100::Parser::new(rows, columns, 0), raw: Vec::new(), over: false };
        let seen = Arc::new(Seen { state: Mutex::new(state), more: Condvar::new() });
        let filled = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            loop {
                let read = output.read(&mut buffer).unwrap_or(0);
                let mut state = filled.lock();
                state.over = read == 0;
                state.parser.process(&buffer[..read]);
                state.raw.extend_from_slice(&buffer[..read]);
                filled.more.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self { child, master: terminal.master, keys, seen }
    }

    /// Types keys, as the bytes a terminal sends for them.
    pub fn keys(&mut self, bytes: &str) {
        self.keys.write_all(bytes.as_bytes()).and_then(|()| self.keys.flush()).expect("the lab takes keys");
    }

    /// The process.
    pub fn process(&self) -> u32 {
        self.child.process_id().expect("it was started")
    }

    /// Waits until the rows of the screen are as they should be, and gives them back.
    ///
    /// # Panics
    /// With the screen, if they are not within [`PATIENCE`], or the lab ended before.
    pub fn wait(&self, what: &str, holds: impl Fn(&Rows) -> bool) -> Rows {
        let mut rows = Rows(Vec::new());
        self.watch(what, |screen| {
            rows = Rows::of(screen);
            holds(&rows)
        });
        rows
    }

    /// Waits until the line above the keys shows a text: quicker than looking at every row.
    pub fn wait_foot(&self, text: &str) {
        self.watch(&format!("{text:?} in the foot"), |screen| {
            let (rows, columns) = screen.size();
            let foot = usize::from(rows.get()) - 2;
            screen.rows(0, columns.get()).nth(foot).is_some_and(|row| row.contains(text))
        });
    }

    fn watch(&self, what: &str, mut holds: impl FnMut(&vt100::Screen) -> bool) {
        let until = Instant::now() + PATIENCE;
        let mut state = self.seen.lock();
        while !holds(state.parser.screen()) {
            let left = until.saturating_duration_since(Instant::now());
            let rows = || Rows::of(state.parser.screen());
            assert!(!left.is_zero(), "not within {PATIENCE:?}: {what}. The screen:\n{}", rows());
            assert!(!state.over, "the lab ended before: {what}. The screen:\n{}", rows());
            state = self.seen.wait(state, left);
        }
    }

    /// Waits until the screen shows a text somewhere on one row.
    pub fn wait_for(&self, text: &str) -> Rows {
        self.wait(&format!("{text:?} on the screen"), |rows| rows.show(text))
    }

    /// The screen as it is.
    pub fn rows(&self) -> Rows {
        Rows::of(self.seen.lock().parser.screen())
    }

    /// Changes the size of the window: columns and rows.
    pub fn resize(&mut self, to: (u16, u16)) {
        let (columns, rows) = cells(to);
        // What the lab still draws for the old window is wiped by what it draws for the new one.
        self.seen.lock().parser.set_size(rows, columns);
        self.master.resize(size(to)).expect("the window can be resized");
    }

    /// Waits for the end: the exit code, and everything that was written to the terminal, as text.
    ///
    /// # Panics
    /// If it does not end within [`PATIENCE`].
    pub fn end(mut self) -> (u32, String) {
        let until = Instant::now() + PATIENCE;
        let mut state = self.seen.lock();
        while !state.over {
            let left = until.saturating_duration_since(Instant::now());
            let rows = || Rows::of(state.parser.screen());
            assert!(!left.is_zero(), "juxta did not end within {PATIENCE:?}. The screen:\n{}", rows());
            state = self.seen.wait(state, left);
        }
        let raw = String::from_utf8_lossy(&state.raw).into_owned();
        drop(state);
        (self.child.wait().expect("it was started").exit_code(), raw)
    }

    /// Ends it as the system does in need: with no time to put anything in order.
    pub fn kill(mut self) {
        self.kill_now();
    }

    fn kill_now(&mut self) {
        // Killing by number is refused to those who do not forbid `unsafe`; the command line may.
        let _ = Command::new("kill").args(["-9", &self.process().to_string()]).status();
        let _ = self.child.wait();
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill_now();
        }
    }
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, at_most: Duration) -> MutexGuard<'a, State> {
        self.more.wait_timeout(state, at_most).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The rows of a screen, without the blanks at their ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows(pub Vec<String>);

impl Rows {
    fn of(screen: &vt100::Screen) -> Self {
        let columns = screen.size().1.get();
        Self(screen.rows(0, columns).map(|row| row.trim_end().to_owned()).collect())
    }

    /// Whether a row has the text in it.
    pub fn show(&self, text: &str) -> bool {
        self.0.iter().any(|row| row.contains(text))
    }

    /// The row that has both answers' titles on it, in a [`LARGE`] window; empty if there is none.
    pub fn titles(&self) -> &str {
        self.0.iter().find(|row| row.contains("A · ") && row.contains("B · ")).map_or("", String::as_str)
    }

    /// How many tokens each answer has so far, for those that are growing.
    pub fn growing(&self) -> Vec<usize> {
        let words: Vec<&str> = self.titles().split_whitespace().collect();
        words.windows(2).filter(|w| w[1] == "tokens").filter_map(|w| w[0].parse().ok()).collect()
    }
}

impl std::fmt::Display for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

/// The lab on a data folder, as a command: for a person called [`ANNOTATOR`], in a terminal with colours.
pub fn command(data: &Path) -> CommandBuilder {
    let mut command = CommandBuilder::new(program());
    command.arg("--data-dir");
    command.arg(data);
    command.args(["--pair", PAIR, "--corpus", CORPUS]);
    environment(&mut command);
    command
}

/// Sets what the lab takes from its environment.
pub fn environment(command: &mut CommandBuilder) {
    command.env("USER", ANNOTATOR);
    command.env("TERM", "xterm-256color");
    command.env_remove("NO_COLOR");
    command.env_remove("JUXTA_LOG");
}

/// Runs a command of juxta on a data folder to its end, without a terminal: exit code, output, errors.
pub fn headless(data: &Path, args: &[&str]) -> (i32, String, String) {
    let output =
        Command::new(program()).arg("--data-dir").arg(data).args(args).output().expect("juxta starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn size((cols, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn cells((columns, rows): (u16, u16)) -> (NonZeroU16, NonZeroU16) {
    let cells = |n| NonZeroU16::new(n).expect("a window has a size");
    (cells(columns), cells(rows))
}

/// The program under test; `JUXTA` names another build of it, to measure that one.
pub fn program() -> String {
    std::env::var("JUXTA").unwrap_or_else(|_| env!("CARGO_BIN_EXE_juxta").to_owned())
}
