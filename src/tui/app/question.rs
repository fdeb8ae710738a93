//! The line the question is typed into, and the earlier questions behind it.

use crate::text::one_line;
use ratatui::style::{Modifier, Style};
use ratatui_textarea::{CursorMove, TextArea, WrapMode};

/// A line editor with a history.
#[derive(Debug)]
pub struct Question {
    /// The editor itself, for drawing and for the keys that are its own.
    pub editor: TextArea<'static>,
    history: Vec<String>,
    /// Which earlier question is shown; `history.len()` for none.
    at: usize,
    /// What was being typed before going back into the history.
    typed: String,
}

impl Question {
    /// An empty line over a history, oldest first.
    pub fn new(history: Vec<String>) -> Self {
        let at = history.len();
        Self { editor: editor(""), history, at, typed: String::new() }
    }

    /// What is typed.
    pub fn text(&self) -> String {
        self.editor.lines().join(" ")
    }

    /// Puts a text in the line's place, the cursor behind it.
    pub fn set(&mut self, text: &str) {
        self.editor = editor(text);
    }

    /// Inserts pasted text at the cursor: made printable, on one line.
    pub fn paste(&mut self, text: &str) {
        self.editor.insert_str(one_line(text.trim_end_matches(['\r', '\n'])));
    }

    /// Selects what is in the line, so that typing replaces it and `Enter` asks it again.
    pub fn select(&mut self) {
        if !self.text().is_empty() {
            self.editor.select_all();
        }
    }

    /// Whether what is in the line is the question that was asked last.
    pub fn was_asked(&self) -> bool {
        self.history.last().is_some_and(|last| *last == self.text())
    }

    /// Remembers a question as asked.
    pub fn asked(&mut self, question: &str) {
        self.history.retain(|q| q != question);
        self.history.push(question.to_owned());
        self.at = self.history.len();
    }

    /// Shows the question before the one that is shown.
    pub fn earlier(&mut self) {
        if self.at == self.history.len() {
            self.typed = self.text();
        }
        // What is already in the line is no step back.
        while self.at > 0 {
            self.at -= 1;
            if self.history[self.at] != self.text() {
                let text = self.history[self.at].clone();
                self.set(&text);
                return;
            }
        }
    }

    /// Shows the question after the one that is shown; behind the last one, what was being typed.
    pub fn later(&mut self) {
        if self.at < self.history.len() {
            self.at += 1;
            let text = self.history.get(self.at).unwrap_or(&self.typed).clone();
            self.set(&text);
        }
    }
}

/// A line editor holding a text.
pub(in crate::tui) fn editor(text: &str) -> TextArea<'static> {
    let mut editor = TextArea::new(vec![one_line(text)]);
    editor.set_cursor_line_style(Style::new());
    editor.set_selection_style(Style::new().add_modifier(Modifier::REVERSED));
    editor.set_wrap_mode(WrapMode::WordOrGlyph);
    editor.move_cursor(CursorMove::End);
    editor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_goes_back_and_returns_to_what_was_typed() {
        let mut q = Question::new(vec!["one".into(), "two".into()]);
        q.set("typing");
        q.earlier();
        q.earlier();
        q.earlier();
        assert_eq!(q.text(), "one");
        q.later();
        q.later();
        assert_eq!(q.text(), "typing");
    }

    #[test]
    fn typing_over_a_selected_question_replaces_it() {
        let mut q = Question::new(vec![]);
        q.set("asked before?");
        q.select();
        q.editor
            .input(ratatui::crossterm::event::KeyEvent::from(ratatui::crossterm::event::KeyCode::Char('W')));
        assert_eq!(q.text(), "W");
    }

    #[test]
    fn a_paste_over_a_selected_question_replaces_it() {
        let mut q = Question::new(vec![]);
        q.set("asked before?");
        q.select();
        q.paste("new");
        assert_eq!(q.text(), "new");
    }

    #[test]
    fn a_paste_stays_on_the_line_and_brings_no_escape_sequences() {
        let mut q = Question::new(vec![]);
        q.paste("a\nb\u{1b}[2J\u{202e}\n");
        assert_eq!(q.text(), "a b␛[2J");
    }
}
