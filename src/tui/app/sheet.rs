//! What forms of the lab have in common: lines, each typed or chosen, and what will not do said below its line. Values
//! stay text until a form is used, so that one that will not do stays as it was typed.

use crate::text::one_line;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A line of a form.
pub trait Line: Copy + PartialEq + 'static {
    /// Every line, from top to bottom.
    const ALL: &'static [Self];

    /// What it is called on the screen.
    fn title(self) -> &'static str;

    /// Whether it is typed rather than chosen.
    fn is_typed(self) -> bool;

    /// What `←` and `→` go through where a value is typed, from the smallest; empty where there is no such row.
    fn offers(self) -> Vec<String>;

    /// The longest value that can be typed, in letters; no sensible one is nearly so long.
    fn longest(self) -> usize {
        60
    }

    /// Its place from the top.
    fn number(self) -> usize {
        Self::ALL.iter().position(|l| *l == self).unwrap_or(0)
    }
}

/// What is typed into a form, and where the next key goes.
#[derive(Debug)]
pub struct Sheet<L: Line> {
    /// Of each line, empty where it is chosen.
    typed: Vec<String>,
    /// Where the next key goes.
    pub at: L,
    /// Whether the next letter replaces the value, because nobody has typed it.
    pub selected: bool,
    /// What will not do, and why.
    pub wrong: Vec<(L, String)>,
    /// Whether the form is to be used as soon as what it waits for is there.
    pub waiting: bool,
}

impl<L: Line> Sheet<L> {
    /// A form filled in with `first`, at a line.
    pub fn new(at: L, first: impl Fn(L) -> String) -> Self {
        let typed = L::ALL.iter().map(|line| first(*line)).collect();
        Self { typed, at, selected: true, wrong: Vec::new(), waiting: false }
    }

    /// What is typed in a line.
    pub fn typed(&self, line: L) -> &str {
        self.typed.get(line.number()).map_or("", String::as_str)
    }

    /// Puts a value into a line.
    pub fn put(&mut self, line: L, value: impl Into<String>) {
        if let Some(typed) = self.typed.get_mut(line.number()) {
            *typed = value.into();
        }
    }

    /// Goes to another line, from the last to the first and back.
    pub fn go(&mut self, by: isize) {
        let all = L::ALL.len();
        let next = self.at.number().checked_add_signed(by).unwrap_or(all - 1) % all;
        self.at = L::ALL[next];
        self.selected = self.at.offers().iter().any(|offer| offer == self.typed(self.at));
    }

    /// Goes to the next or the last of what is offered for the line that is typed.
    pub fn turn(&mut self, by: isize) {
        let offers = self.at.offers();
        // Several numbers are more than any one.
        let size = |text: &str| text.parse::<f64>().unwrap_or(f64::INFINITY);
        let here = size(self.typed(self.at));
        let next = if by > 0 {
            offers.iter().find(|o| size(o) > here)
        } else {
            offers.iter().rfind(|o| size(o) < here)
        };
        if let Some(next) = next {
            self.put(self.at, next.as_str());
        }
        self.selected = !offers.is_empty();
        self.mend();
    }

    /// Inserts text into the line that is typed, as it is typed or pasted.
    pub fn insert(&mut self, text: &str) {
        if !self.at.is_typed() {
            return;
        }
        let mut value = self.typed(self.at).to_owned();
        if std::mem::take(&mut self.selected) {
            value.clear();
        }
        let room = self.at.longest().saturating_sub(value.chars().count());
        value.extend(one_line(text).chars().take(room));
        self.put(self.at, value);
        self.mend();
    }

    /// Removes the last letter of the line that is typed, or what nobody has typed.
    pub fn erase(&mut self) {
        if !self.at.is_typed() {
            return;
        }
        let mut value = self.typed(self.at).to_owned();
        if std::mem::take(&mut self.selected) {
            value.clear();
        } else {
            value.pop();
        }
        self.put(self.at, value);
        self.mend();
    }

    /// What was wrong with a line that has been changed is not said any longer.
    pub fn mend(&mut self) {
        self.waiting = false;
        let at = self.at;
        self.wrong.retain(|(line, _)| *line != at);
    }

    /// Says what will not do, and goes to the first of it.
    pub fn refuse(&mut self, wrong: Vec<(L, String)>) {
        if let Some((line, _)) = wrong.first() {
            (self.at, self.selected) = (*line, false);
        }
        self.waiting = false;
        self.wrong = wrong;
    }

    /// A whole number that is typed.
    ///
    /// # Errors
    /// Words for the line.
    pub fn whole(&self, line: L) -> Result<u64, String> {
        self.typed(line).trim().parse().map_err(|_| "Write a whole number.".to_owned())
    }
}

/// The letter that a key types, if it types one.
pub fn letter(key: KeyEvent) -> Option<char> {
    match key.code {
        KeyCode::Char(letter) if !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => {
            Some(letter)
        }
        _ => None,
    }
}

/// Another of so many that are chosen from, neither before the first nor after the last.
pub fn turned(at: usize, by: isize, all: usize) -> usize {
    at.saturating_add_signed(by).min(all.saturating_sub(1))
}

/// How many questions a corpus has, by split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// For fine-tuning.
    pub train: usize,
    /// For choosing settings.
    pub dev: usize,
    /// For judging.
    pub test: usize,
}
