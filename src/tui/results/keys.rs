//! Every key of the results, once: footer, help screen and the README's table come from this list.

use super::state::Tab;
use crate::tui::table;
use ratatui::crossterm::event::KeyEvent;

/// Where the next key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// The figures are shown.
    Figures,
    /// The help is shown.
    Help,
}

use Context as C;

impl Context {
    /// Every context.
    pub const ALL: [Self; 2] = [C::Figures, C::Help];

    /// For the help and the README.
    pub fn title(self) -> &'static str {
        match self {
            C::Figures => "results",
            C::Help => "help",
        }
    }
}

/// What a person can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Each is described in the table below.
pub enum Action {
    Part(u8),
    NextPart,
    PreviousPart,
    NextCorpus,
    PreviousCorpus,
    LineDown,
    LineUp,
    PageDown,
    PageUp,
    Top,
    Bottom,
    Help,
    Back,
    Quit,
}

/// One line of the table.
pub type Binding = table::Binding<Action, Context>;

const FIGURES: &[Context] = &[C::Figures];
const ALL: &[Context] = &Context::ALL;

macro_rules! bindings {
    ($($action:expr, $keys:expr, $title:expr, $help:expr, $contexts:expr, $rank:expr;)*) => {
        &[$(Binding { action: $action, keys: &$keys, title: $title, help: $help, contexts: $contexts, rank: $rank }),*]
    };
}

/// Every key of the results.
pub const BINDINGS: &[Binding] = bindings![
    Action::Part(1), ["1"], "part", "Go to a part by its number.", FIGURES, 18;
    Action::Part(2), ["2"], "", "", FIGURES, 0;
    Action::Part(3), ["3"], "", "", FIGURES, 0;
    Action::Part(4), ["4"], "", "", FIGURES, 0;
    Action::Part(5), ["5"], "", "", FIGURES, 0;
    Action::Part(6), ["6"], "", "", FIGURES, 0;
    Action::Part(7), ["7"], "", "", FIGURES, 0;
    Action::Part(8), ["8"], "", "", FIGURES, 0;
    Action::NextPart, ["Tab", "Right"], "next part", "Go to the next part.", FIGURES, 20;
    Action::PreviousPart, ["BackTab", "Left"], "part before", "Go to the part before.", FIGURES, 0;
    Action::NextCorpus, ["c"], "next corpus", "Show the next corpus; after the last one, all together.", FIGURES, 19;
    Action::PreviousCorpus, ["C"], "corpus before", "Show the corpus before.", FIGURES, 0;
    Action::LineDown, ["Down", "j"], "scroll", "Scroll down a line.", ALL, 17;
    Action::LineUp, ["Up", "k"], "up", "Scroll up a line.", ALL, 0;
    Action::PageDown, ["PageDown", "Space"], "page down", "Go down a page.", ALL, 0;
    Action::PageUp, ["PageUp"], "page up", "Go up a page.", ALL, 0;
    Action::Top, ["Home"], "first", "Go to the first line.", ALL, 0;
    Action::Bottom, ["End"], "last", "Go to the last line.", ALL, 0;
    Action::Help, ["?", "F1"], "help", "Show every key.", FIGURES, 2;
    Action::Back, ["Esc", "?", "F1", "q"], "back", "Close the help.", &[C::Help], 8;
    Action::Quit, ["q", "Esc", "Ctrl-c"], "quit", "Quit.", FIGURES, 1;
    Action::Quit, ["Ctrl-c"], "quit", "Quit.", &[C::Help], 1;
];

/// The action of a key in a context.
pub fn action(context: Context, key: KeyEvent) -> Option<Action> {
    table::action(BINDINGS, &context, key)
}

/// The keys of a context that the footer names, the most wanted first: key and title. `parts` is how many parts there
/// are, `corpora` whether there is more than one to choose from.
pub fn hints(context: Context, parts: usize, corpora: bool) -> Vec<(String, &'static str)> {
    table::hints(BINDINGS, &context)
        .into_iter()
        .filter(|b| corpora || b.action != Action::NextCorpus)
        .map(|b| {
            let key = match b.action {
                Action::Part(_) => format!("1–{parts}"),
                _ => table::shown(b.keys[0]).to_owned(),
            };
            (key, b.title)
        })
        .collect()
}

/// The whole table, by context: title, then keys and help.
pub fn help() -> table::Help {
    let series = |action| (action == Action::Part(1)).then_some("1–8");
    table::help(BINDINGS, Context::ALL.map(|c| (c, c.title())), series)
}

/// The table for the README.
pub fn markdown() -> String {
    table::markdown(&help())
}

/// The keys name every part.
const _: () = assert!(Tab::ALL.len() == 8);

#[cfg(test)]
mod tests {
    use super::*;
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
            assert!(
                binding.help.ends_with('.') || matches!(binding.action, Action::Part(2..)),
                "{binding:?}"
            );
            assert!(binding.rank == 0 || !binding.title.is_empty(), "{binding:?}");
        }
    }
}
