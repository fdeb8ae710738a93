//! Every key of the review, once. The footer, the help screen and the README's table come from this list, and a
//! test holds that it has no gaps and no conflicts.

use crate::tui::table;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

/// Where the next key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// An item is being rated.
    Rate,
    /// Error tags are being chosen.
    Tags,
    /// A note is being typed.
    Note,
    /// A sentence of an answer is being marked.
    Sentence,
    /// The passage it is tied to is being chosen.
    Span,
    /// The items are listed.
    List,
    /// Nothing is left to rate.
    End,
    /// The help is shown.
    Help,
    /// Whether to quit is asked.
    Quit,
}

use Context as C;

impl Context {
    /// Every context.
    pub const ALL: [Self; 9] =
        [C::Rate, C::Tags, C::Note, C::Sentence, C::Span, C::List, C::End, C::Help, C::Quit];

    /// For the help and the README.
    pub fn title(self) -> &'static str {
        match self {
            C::Rate => "rating",
            C::Tags => "choosing tags",
            C::Note => "typing a note",
            C::Sentence => "marking a sentence",
            C::Span => "tying it to a passage",
            C::List => "the items",
            C::End => "at the end",
            C::Help => "help",
            C::Quit => "quitting",
        }
    }
}

/// What a person can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Each is described in the table below.
pub enum Action {
    Degree(u8),
    VerdictA,
    VerdictB,
    VerdictTie,
    VerdictBothBad,
    Confirm,
    Undo,
    Erase,
    NextCell,
    PreviousCell,
    Skip,
    Flag,
    Tags,
    ToggleTag(u8),
    TagsDone,
    OtherAnswer,
    Note,
    NoteDone,
    Mark,
    MarkTag(u8),
    SentenceDown,
    SentenceUp,
    Unmark,
    MarksDone,
    SpanDown,
    SpanUp,
    SpanMore,
    SpanLess,
    NextPassage,
    PreviousPassage,
    Tie,
    NoSupport,
    SpanBack,
    Reference,
    Passages,
    LayerQuestion,
    LayerA,
    LayerB,
    NextPanel,
    PreviousPanel,
    Zoom,
    LineDown,
    LineUp,
    PageDown,
    PageUp,
    Top,
    Bottom,
    List,
    ListDown,
    ListUp,
    Select,
    FilterAll,
    FilterOpen,
    FilterDone,
    FilterSkipped,
    FilterFlagged,
    Back,
    Help,
    Quit,
    QuitAnyway,
    Stay,
}

/// One line of the table.
pub type Binding = table::Binding<Action, Context>;

const RATE: &[Context] = &[C::Rate];
const SPAN: &[Context] = &[C::Span];
const LIST: &[Context] = &[C::List];
const SCROLLED: &[Context] = &[C::Rate, C::Help];
const PAGED: &[Context] = &[C::Rate, C::List, C::Help];

macro_rules! bindings {
    ($($action:expr, $keys:expr, $title:expr, $help:expr, $contexts:expr, $rank:expr;)*) => {
        &[$(Binding { action: $action, keys: &$keys, title: $title, help: $help, contexts: $contexts, rank: $rank }),*]
    };
}

/// Every key of the review.
pub const BINDINGS: &[Binding] = bindings![
    Action::Degree(1), ["1"], "rate", "Rate and go on to the next; what each degree means is on the screen.", RATE, 20;
    Action::Degree(2), ["2"], "", "", RATE, 0;
    Action::Degree(3), ["3"], "", "", RATE, 0;
    Action::Degree(4), ["4"], "", "", RATE, 0;
    Action::Degree(5), ["5"], "", "", RATE, 0;
    Action::Degree(6), ["6"], "", "", RATE, 0;
    Action::Degree(7), ["7"], "", "", RATE, 0;
    Action::Degree(8), ["8"], "", "", RATE, 0;
    Action::Degree(9), ["9"], "", "", RATE, 0;
    Action::VerdictA, ["a"], "A better", "Answer A is better. When everything is rated, the item is saved with this and the next one comes.", RATE, 19;
    Action::VerdictB, ["b"], "B better", "Answer B is better.", RATE, 19;
    Action::VerdictTie, ["t"], "tie", "Neither is better; both will do.", RATE, 19;
    Action::VerdictBothBad, ["x"], "both bad", "Neither will do.", RATE, 19;
    Action::Confirm, ["Enter"], "save, next", "Take the verdict that is marked, save the item and go on to the next.", RATE, 18;
    Action::Undo, ["u"], "undo", "Take back the last change; before the first one, go back to the item before, to amend it.", RATE, 16;
    Action::Undo, ["u"], "undo", "Take back the last change.", &[C::Tags, C::Sentence], 16;
    Action::Undo, ["u", "Backspace"], "last item", "Go back to the last item, to amend it.", &[C::End], 18;
    Action::Erase, ["Backspace"], "erase", "Erase this rating, or else the one before; before the first one, go back to the item before.", RATE, 0;
    Action::NextCell, ["Right"], "next", "Go to the next rating.", RATE, 0;
    Action::PreviousCell, ["Left"], "back", "Go back a rating, to change it.", RATE, 6;
    Action::Skip, ["s"], "skip", "Put the item off; it comes again at the end.", RATE, 14;
    Action::Flag, ["f"], "flag", "Mark the item, or unmark it, to be talked over with the others.", RATE, 10;
    Action::Tags, ["e"], "error tags", "Say what is wrong with the answer that is being rated.", RATE, 12;
    Action::ToggleTag(1), ["1"], "set or remove", "Set or remove a tag by its number.", &[C::Tags], 19;
    Action::ToggleTag(2), ["2"], "", "", &[C::Tags], 0;
    Action::ToggleTag(3), ["3"], "", "", &[C::Tags], 0;
    Action::ToggleTag(4), ["4"], "", "", &[C::Tags], 0;
    Action::ToggleTag(5), ["5"], "", "", &[C::Tags], 0;
    Action::ToggleTag(6), ["6"], "", "", &[C::Tags], 0;
    Action::ToggleTag(7), ["7"], "", "", &[C::Tags], 0;
    Action::ToggleTag(8), ["8"], "", "", &[C::Tags], 0;
    Action::ToggleTag(9), ["9"], "", "", &[C::Tags], 0;
    Action::TagsDone, ["Enter", "Esc", "e"], "done", "Back to the ratings.", &[C::Tags], 18;
    Action::Mark, ["m"], "mark", "Mark a sentence of an answer, say what is wrong with it, and tie it to a passage.", RATE, 11;
    Action::SentenceDown, ["Down", "j"], "next sentence", "Go to the next sentence.", &[C::Sentence], 15;
    Action::SentenceUp, ["Up", "k"], "sentence before", "Go to the sentence before.", &[C::Sentence], 0;
    Action::OtherAnswer, ["Tab", "Left", "Right"], "other answer", "Go to the other answer.", &[C::Tags, C::Sentence], 17;
    Action::MarkTag(1), ["1"], "what is wrong", "Say what is wrong with the sentence, by the number of a tag; the passages come next.", &[C::Sentence], 20;
    Action::MarkTag(2), ["2"], "", "", &[C::Sentence], 0;
    Action::MarkTag(3), ["3"], "", "", &[C::Sentence], 0;
    Action::MarkTag(4), ["4"], "", "", &[C::Sentence], 0;
    Action::MarkTag(5), ["5"], "", "", &[C::Sentence], 0;
    Action::MarkTag(6), ["6"], "", "", &[C::Sentence], 0;
    Action::MarkTag(7), ["7"], "", "", &[C::Sentence], 0;
    Action::MarkTag(8), ["8"], "", "", &[C::Sentence], 0;
    Action::MarkTag(9), ["9"], "", "", &[C::Sentence], 0;
    Action::Unmark, ["d", "Backspace", "Delete"], "remove", "Remove the last mark of the sentence.", &[C::Sentence], 14;
    Action::MarksDone, ["Esc", "Enter", "m"], "done", "Back to the ratings.", &[C::Sentence], 18;
    Action::SpanDown, ["Down", "j"], "next sentence", "Go to the next sentence of the passages.", SPAN, 15;
    Action::SpanUp, ["Up", "k"], "sentence before", "Go to the sentence before.", SPAN, 0;
    Action::SpanMore, ["Shift-Down", "+", "J"], "more", "Reach one sentence further down.", SPAN, 14;
    Action::SpanLess, ["Shift-Up", "-", "K"], "less", "Reach one sentence less far down, or further up.", SPAN, 0;
    Action::NextPassage, ["n", "Tab"], "next passage", "Go to the next passage.", SPAN, 13;
    Action::PreviousPassage, ["p", "BackTab"], "passage before", "Go to the passage before.", SPAN, 0;
    Action::Tie, ["Enter"], "tie to it", "Tie the marked sentence to what is chosen.", SPAN, 20;
    Action::NoSupport, ["x", "0"], "no support", "Say that no passage supports the marked sentence.", SPAN, 19;
    Action::SpanBack, ["Esc"], "back", "Back to the sentences, without a mark.", SPAN, 18;
    Action::Note, ["n"], "note", "Write a note.", RATE, 9;
    Action::NoteDone, ["Enter", "Esc"], "done", "Keep the note and go back to the ratings.", &[C::Note], 18;
    Action::Reference, ["r"], "reference", "Show or hide the reference answer; that it was shown is recorded.", RATE, 13;
    Action::Passages, ["p"], "passages", "Go to the passages, or back to the answers.", RATE, 15;
    Action::LayerQuestion, ["w"], "words", "Show or hide the words that matched the question; that they were shown is recorded.", RATE, 4;
    Action::LayerA, ["["], "support A", "Show or hide what supports answer A; that it was shown is recorded.", RATE, 3;
    Action::LayerB, ["]"], "support B", "Show or hide what supports answer B; that it was shown is recorded.", RATE, 0;
    Action::NextPanel, ["Tab"], "next panel", "Go to the next panel, to scroll it.", RATE, 5;
    Action::PreviousPanel, ["BackTab"], "panel before", "Go to the panel before.", RATE, 0;
    Action::Zoom, ["z"], "zoom", "Give the panel the whole screen, or give it back.", RATE, 5;
    Action::LineDown, ["Down", "j"], "scroll", "Scroll down a line.", SCROLLED, 7;
    Action::LineUp, ["Up", "k"], "up", "Scroll up a line.", SCROLLED, 0;
    Action::PageDown, ["PageDown", "Space"], "page down", "Go down a page.", PAGED, 0;
    Action::PageUp, ["PageUp"], "page up", "Go up a page.", PAGED, 0;
    Action::Top, ["Home"], "first", "Go to the first line.", PAGED, 0;
    Action::Bottom, ["End"], "last", "Go to the last line.", PAGED, 0;
    Action::List, ["l"], "items", "List the items, to go to one of them.", RATE, 8;
    Action::List, ["l", "Esc"], "items", "List the items, to go to one of them.", &[C::End], 19;
    Action::ListDown, ["Down", "j"], "down", "Go down the list.", LIST, 10;
    Action::ListUp, ["Up", "k"], "up", "Go up the list.", LIST, 9;
    Action::Select, ["Enter"], "open", "Go to the selected item.", LIST, 20;
    Action::Select, ["Enter"], "what was skipped", "Go to the first item that was skipped.", &[C::End], 20;
    Action::FilterAll, ["a"], "all", "List every item.", LIST, 18;
    Action::FilterOpen, ["o"], "open", "List the items still to be done.", LIST, 17;
    Action::FilterDone, ["d"], "done", "List the items that are done.", LIST, 16;
    Action::FilterSkipped, ["s"], "skipped", "List the items that were skipped.", LIST, 15;
    Action::FilterFlagged, ["f"], "flagged", "List the items that are flagged.", LIST, 14;
    Action::Back, ["Esc"], "answers", "Back to the answers, from the passages, the reference or the whole screen.", RATE, 0;
    Action::Back, ["Esc", "l"], "back", "Go back to where you were.", LIST, 19;
    Action::Back, ["Esc", "?", "F1", "q"], "back", "Close the help.", &[C::Help], 8;
    Action::Help, ["?", "F1"], "help", "Show every key, and the rubric.", &[C::Rate, C::Tags, C::Sentence, C::Span, C::List, C::End], 2;
    Action::Help, ["F1"], "help", "Show every key, and the rubric.", &[C::Note], 2;
    Action::Quit, ["q", "Ctrl-c"], "quit", "Quit; what was entered is kept, and the review goes on from here next time.", &[C::Rate, C::List, C::End], 8;
    Action::Quit, ["Ctrl-c"], "quit", "Quit; what was entered is kept.", &[C::Tags, C::Note, C::Sentence, C::Span, C::Help], 1;
    Action::QuitAnyway, ["y", "Ctrl-c"], "quit anyway", "Quit although something could not be saved; it is printed then.", &[C::Quit], 19;
    Action::Stay, ["n", "Esc"], "stay", "Stay, and keep trying to save.", &[C::Quit], 18;
];

/// The action of a key in a context. Where a letter is not bound as a capital, it is taken for the small one, so
/// that Caps Lock does no harm.
pub fn action(context: Context, key: KeyEvent) -> Option<Action> {
    let small = || match key.code {
        KeyCode::Char(c) if c.is_ascii_uppercase() && context != Context::Note => {
            let key = KeyEvent { code: KeyCode::Char(c.to_ascii_lowercase()), ..key };
            table::action(BINDINGS, &context, key)
        }
        _ => None,
    };
    table::action(BINDINGS, &context, key).or_else(small)
}

/// The keys of a context that the footer names, the most wanted first: key and title. `highest` is the highest
/// degree of the criterion being rated, `tags` how many tags there are.
pub fn hints(context: Context, highest: u8, tags: usize) -> Vec<(String, &'static str)> {
    let upto = |n: usize| if n > 1 { format!("1–{n}") } else { "1".to_owned() };
    table::hints(BINDINGS, &context)
        .into_iter()
        .map(|b| {
            let key = match b.action {
                Action::Degree(_) => upto(highest.into()),
                Action::ToggleTag(_) | Action::MarkTag(_) => upto(tags),
                _ => table::shown(b.keys[0]).to_owned(),
            };
            (key, b.title)
        })
        .collect()
}

/// The keys of a row of digits, which the table names by its first.
fn series(action: Action) -> Option<&'static str> {
    matches!(action, Action::Degree(1) | Action::ToggleTag(1) | Action::MarkTag(1)).then_some("1–9")
}

/// The whole table, by context: title, then keys and help.
pub fn help() -> table::Help {
    table::help(BINDINGS, Context::ALL.map(|c| (c, c.title())), series)
}

/// The table for the README.
pub fn markdown() -> String {
    table::markdown(&help())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::crossterm::event::KeyModifiers;
    use std::collections::HashSet;

    #[test]
    fn no_key_means_two_things_in_one_context() {
        for context in Context::ALL {
            let mut seen = HashSet::new();
            for binding in BINDINGS.iter().filter(|b| b.contexts.contains(&context)) {
                for key in binding.keys {
                    assert!(seen.insert(*key), "{key} twice in {context:?}");
                }
            }
        }
    }

    #[test]
    fn every_binding_has_a_key_a_context_and_a_sentence() {
        for binding in BINDINGS {
            assert!(!binding.keys.is_empty() && !binding.contexts.is_empty(), "{binding:?}");
            let spoken_for =
                matches!(binding.action, Action::Degree(2..) | Action::ToggleTag(2..) | Action::MarkTag(2..));
            assert!(binding.help.ends_with('.') || spoken_for, "{binding:?}");
            assert!(binding.rank == 0 || !binding.title.is_empty(), "{binding:?}");
        }
    }

    #[test]
    fn no_plain_letter_is_bound_where_letters_are_typed() {
        for binding in BINDINGS.iter().filter(|b| b.contexts.contains(&Context::Note)) {
            assert!(binding.keys.iter().all(|k| k.chars().count() > 1), "{binding:?}");
        }
    }

    #[test]
    fn every_context_has_a_way_out_and_its_keys_are_found() {
        for context in Context::ALL {
            assert!(!hints(context, 5, 6).is_empty());
            let esc = KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE);
            assert!(action(context, esc).is_some(), "Esc does nothing in {context:?}");
        }
    }

    #[test]
    fn caps_lock_and_shift_do_no_harm() {
        let key = |code, modifiers| KeyEvent::new(code, modifiers);
        assert_eq!(action(C::Rate, key(KeyCode::Char('A'), KeyModifiers::SHIFT)), Some(Action::VerdictA));
        assert_eq!(action(C::Span, key(KeyCode::Char('J'), KeyModifiers::SHIFT)), Some(Action::SpanMore));
        assert_eq!(action(C::Note, key(KeyCode::Char('A'), KeyModifiers::SHIFT)), None);
        assert_eq!(action(C::Span, key(KeyCode::Down, KeyModifiers::SHIFT)), Some(Action::SpanMore));
        assert_eq!(action(C::Rate, key(KeyCode::Down, KeyModifiers::SHIFT)), Some(Action::LineDown));
    }
}
