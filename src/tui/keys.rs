//! Every key of the lab, once. The footer, the help screen and the README's table come from this list, and a test
//! holds that it has no gaps and no conflicts.

use super::table;
use ratatui::crossterm::event::KeyEvent;

/// Where the next key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// The question is being typed.
    Question,
    /// Passages have the focus.
    Passages,
    /// An answer has the focus.
    Answer,
    /// Ratings are being given.
    Judge,
    /// Error tags are being chosen.
    Tags,
    /// A note is being typed.
    Note,
    /// Earlier trials are listed.
    Trials,
    /// Corpora are listed.
    Choose,
    /// Models are listed.
    Models,
    /// The form for fine-tuning is filled in.
    Form,
    /// The training is on the screen.
    Training,
    /// The form for a study is filled in.
    Plan,
    /// The study is on the screen.
    Study,
    /// The help is shown.
    Help,
    /// Whether to quit is asked.
    Quit,
}

use Context as C;

impl Context {
    /// Every context.
    pub const ALL: [Self; 15] = [
        C::Question,
        C::Passages,
        C::Answer,
        C::Judge,
        C::Tags,
        C::Note,
        C::Trials,
        C::Choose,
        C::Models,
        C::Form,
        C::Training,
        C::Plan,
        C::Study,
        C::Help,
        C::Quit,
    ];

    /// Whether letters go into a text.
    pub fn is_typing(self) -> bool {
        matches!(self, C::Question | C::Note | C::Form | C::Plan)
    }

    /// For the help and the README.
    pub fn title(self) -> &'static str {
        match self {
            C::Question => "typing the question",
            C::Passages => "passages",
            C::Answer => "an answer",
            C::Judge => "rating",
            C::Tags => "choosing tags",
            C::Note => "typing a note",
            C::Trials => "earlier trials",
            C::Choose => "choosing a corpus",
            C::Models => "choosing models",
            C::Form => "the form for fine-tuning",
            C::Training => "fine-tuning",
            C::Plan => "the form for a study",
            C::Study => "a study",
            C::Help => "help",
            C::Quit => "quitting",
        }
    }
}

/// What a person can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Each is described in the table below.
pub enum Action {
    Ask,
    EarlierQuestion,
    LaterQuestion,
    LeaveQuestion,
    EditQuestion,
    Stop,
    AnotherSeed,
    NextPanel,
    PreviousPanel,
    Zoom,
    LineDown,
    LineUp,
    PageDown,
    PageUp,
    Top,
    Bottom,
    NextPassage,
    PreviousPassage,
    FollowCitation,
    LayerQuestion,
    LayerA,
    LayerB,
    MorePassages,
    /// The next way of ranking passages.
    NextRanking,
    FewerPassages,
    Judge,
    Degree(u8),
    VerdictA,
    VerdictB,
    VerdictTie,
    VerdictBothBad,
    NextField,
    PreviousField,
    Erase,
    Tags,
    ToggleTag(u8),
    TagsDone,
    Note,
    NoteDone,
    LeaveJudge,
    Trials,
    Corpora,
    Models,
    ListDown,
    ListUp,
    Select,
    Finetune,
    StartTraining,
    NextPart,
    PreviousPart,
    NextValue,
    PreviousValue,
    EraseValue,
    StopTraining,
    GoOnTraining,
    PutToWork,
    Study,
    MakeStudy,
    Space,
    GenerateStudy,
    StopStudy,
    Back,
    Help,
    Quit,
    QuitAnyway,
    Stay,
}

/// One line of the table.
pub type Binding = table::Binding<Action, Context>;

const PANELS: &[Context] = &[C::Passages, C::Answer];
const LISTS: &[Context] = &[C::Trials, C::Choose, C::Models];
const SCROLLED: &[Context] = &[C::Passages, C::Answer, C::Help];
const FORMS: &[Context] = &[C::Form, C::Plan];
const LETTERS: &[Context] =
    &[C::Passages, C::Answer, C::Judge, C::Trials, C::Choose, C::Models, C::Training, C::Study];

macro_rules! bindings {
    ($($action:expr, $keys:expr, $title:expr, $help:expr, $contexts:expr, $rank:expr;)*) => {
        &[$(Binding { action: $action, keys: &$keys, title: $title, help: $help, contexts: $contexts, rank: $rank }),*]
    };
}

/// Every key of the lab.
pub const BINDINGS: &[Binding] = bindings![
    Action::Ask, ["Enter"], "ask", "Ask both models the question.", &[C::Question], 9;
    Action::EarlierQuestion, ["Up"], "earlier question", "Bring back an earlier question.", &[C::Question], 4;
    Action::LaterQuestion, ["Down"], "later question", "Go forward again among earlier questions.", &[C::Question], 0;
    Action::LeaveQuestion, ["Esc"], "keys", "Leave the question, so that letters are keys; stops the answers first if they are running.", &[C::Question], 7;
    Action::EditQuestion, ["i", "/"], "question", "Type a question.", PANELS, 8;
    Action::Stop, ["Esc"], "stop", "Stop both answers, within one token.", PANELS, 0;
    Action::AnotherSeed, ["s"], "another seed", "Ask this model again with another seed; the earlier trial stays.", &[C::Answer], 5;
    Action::Judge, ["r"], "rate", "Rate both answers.", PANELS, 9;
    Action::NextPanel, ["Tab"], "next panel", "Go to the next panel.", &[C::Question, C::Passages, C::Answer], 6;
    Action::PreviousPanel, ["BackTab"], "previous panel", "Go to the panel before.", &[C::Question, C::Passages, C::Answer], 0;
    Action::Zoom, ["z"], "zoom", "Give the panel the whole screen, or give it back.", PANELS, 5;
    Action::LineDown, ["j", "Down"], "scroll", "Scroll down a line.", SCROLLED, 3;
    Action::LineUp, ["k", "Up"], "up", "Scroll up a line.", SCROLLED, 0;
    Action::PageDown, ["PageDown", "Space"], "page down", "Scroll down a page.", SCROLLED, 0;
    Action::PageUp, ["PageUp", "b"], "page up", "Scroll up a page.", SCROLLED, 0;
    Action::Top, ["Home"], "top", "Go to the first line.", SCROLLED, 0;
    Action::Bottom, ["End"], "bottom", "Go to the last line.", SCROLLED, 0;
    Action::NextPassage, ["n"], "next passage", "Select the next passage.", &[C::Passages], 5;
    Action::PreviousPassage, ["p"], "previous passage", "Select the passage before.", &[C::Passages], 0;
    Action::FollowCitation, ["g", "Enter"], "follow citation", "From an answer to the passage it cites; from a passage to where it is cited.", PANELS, 4;
    Action::LayerQuestion, ["1"], "words", "Show or hide the words that matched the question.", PANELS, 0;
    Action::LayerA, ["2"], "support A", "Show or hide what supports answer A.", PANELS, 0;
    Action::LayerB, ["3"], "support B", "Show or hide what supports answer B.", PANELS, 0;
    Action::MorePassages, ["+"], "more passages", "Retrieve one passage more for the next question.", PANELS, 0;
    Action::FewerPassages, ["-"], "fewer passages", "Retrieve one passage less for the next question.", PANELS, 0;
    Action::NextRanking, ["w"], "ranking", "Rank passages the next way: plain, proximity, feedback, fielded, dense.", PANELS, 0;
    Action::Trials, ["t"], "trials", "Browse the earlier trials of this corpus.", PANELS, 4;
    Action::Corpora, ["c"], "corpus", "Choose the corpus.", PANELS, 4;
    Action::Models, ["m"], "models", "Choose the two models.", PANELS, 4;
    Action::Finetune, ["f"], "fine-tune", "Fine-tune a model, or watch the training that is running.", PANELS, 3;
    Action::Study, ["S"], "study", "Plan a study for several people, or watch its answers being generated.", PANELS, 3;
    Action::Degree(1), ["1"], "rate", "Rate from 1 to 5 and go on to the next; what each degree means is on the screen.", &[C::Judge], 9;
    Action::Degree(2), ["2"], "", "", &[C::Judge], 0;
    Action::Degree(3), ["3"], "", "", &[C::Judge], 0;
    Action::Degree(4), ["4"], "", "", &[C::Judge], 0;
    Action::Degree(5), ["5"], "", "", &[C::Judge], 0;
    Action::VerdictA, ["a"], "A better", "Answer A is better. With this the judgment is complete and saved.", &[C::Judge], 8;
    Action::VerdictB, ["b"], "B better", "Answer B is better.", &[C::Judge], 8;
    Action::VerdictTie, ["t"], "tie", "Neither is better; both will do.", &[C::Judge], 8;
    Action::VerdictBothBad, ["x"], "both bad", "Neither will do.", &[C::Judge], 8;
    Action::NextField, ["Tab", "Right", "Down"], "next", "Go to the next rating.", &[C::Judge], 3;
    Action::PreviousField, ["BackTab", "Left", "Up"], "back", "Go back a rating, to change it.", &[C::Judge], 4;
    Action::Erase, ["Backspace"], "erase", "Go back a rating and erase it.", &[C::Judge], 0;
    Action::Tags, ["e"], "error tags", "Say what is wrong with the answer that is being rated.", &[C::Judge], 6;
    Action::ToggleTag(1), ["1"], "set or remove", "Set or remove a tag by its number.", &[C::Tags], 9;
    Action::ToggleTag(2), ["2"], "", "", &[C::Tags], 0;
    Action::ToggleTag(3), ["3"], "", "", &[C::Tags], 0;
    Action::ToggleTag(4), ["4"], "", "", &[C::Tags], 0;
    Action::ToggleTag(5), ["5"], "", "", &[C::Tags], 0;
    Action::ToggleTag(6), ["6"], "", "", &[C::Tags], 0;
    Action::ToggleTag(7), ["7"], "", "", &[C::Tags], 0;
    Action::ToggleTag(8), ["8"], "", "", &[C::Tags], 0;
    Action::ToggleTag(9), ["9"], "", "", &[C::Tags], 0;
    Action::TagsDone, ["Enter", "Esc", "e"], "done", "Back to the ratings.", &[C::Tags], 8;
    Action::NextField, ["Tab"], "other answer", "Go to the tags of the other answer.", &[C::Tags], 7;
    Action::Note, ["n"], "note", "Write a note.", &[C::Judge], 6;
    Action::NoteDone, ["Enter", "Esc"], "done", "Keep the note and go back to the ratings.", &[C::Note], 9;
    Action::LeaveJudge, ["Esc", "r", "Enter"], "done", "Leave the ratings; what was entered is kept.", &[C::Judge], 7;
    Action::ListDown, ["Down", "j"], "down", "Go down the list.", LISTS, 3;
    Action::ListUp, ["Up", "k"], "up", "Go up the list.", LISTS, 3;
    Action::PageDown, ["PageDown"], "page down", "Go down a page.", LISTS, 0;
    Action::PageUp, ["PageUp"], "page up", "Go up a page.", LISTS, 0;
    Action::Top, ["Home"], "first", "Go to the first.", LISTS, 0;
    Action::Bottom, ["End"], "last", "Go to the last.", LISTS, 0;
    Action::Select, ["Enter"], "open", "Open or choose what is selected.", LISTS, 9;
    Action::Finetune, ["f"], "fine-tune", "Fine-tune the selected model, or its base if it is an adapter; while a training is running, watch it.", &[C::Models], 7;
    Action::Back, ["Esc"], "back", "Go back without choosing.", &[C::Trials, C::Choose, C::Models, C::Help], 8;
    Action::StartTraining, ["Enter"], "start", "Start the training; one that was stopped goes on when the same is started again.", &[C::Form], 9;
    Action::MakeStudy, ["Enter"], "make", "Make the study's folder; where there is a study already, open it.", &[C::Plan], 9;
    Action::NextPart, ["Down", "Tab"], "next line", "Go to the next line.", FORMS, 5;
    Action::PreviousPart, ["Up", "BackTab"], "line before", "Go to the line before.", FORMS, 0;
    Action::PreviousValue, ["Left"], "smaller", "Take the value before; or type one.", FORMS, 0;
    Action::NextValue, ["Right"], "next value", "Take the next value; or type one.", FORMS, 6;
    Action::Space, ["Space"], "set", "Where several can be set, set or remove the one that is marked; a sets or removes all.", &[C::Plan], 6;
    Action::EraseValue, ["Backspace"], "erase", "Erase a letter.", FORMS, 0;
    Action::Back, ["Esc"], "back", "Go back without starting; what was filled in stays.", FORMS, 8;
    Action::StopTraining, ["x"], "stop", "Stop the training; what was learnt is kept.", &[C::Training], 9;
    Action::GoOnTraining, ["g"], "go on", "Go on with a training that was stopped or failed.", &[C::Training], 9;
    Action::PutToWork, ["Enter"], "put to work", "Ask the base and what was made of it.", &[C::Training], 9;
    Action::Back, ["Esc"], "back", "Go back to asking; the training goes on.", &[C::Training], 8;
    Action::Finetune, ["f"], "another", "Fill in the form for another training.", &[C::Training], 7;
    Action::Models, ["m"], "models", "Choose the two models.", &[C::Training], 6;
    Action::GenerateStudy, ["g"], "generate", "Generate the study's answers, or go on; those that failed are tried again.", &[C::Study], 9;
    Action::StopStudy, ["x"], "stop", "Stop generating; what was answered is kept.", &[C::Study], 9;
    Action::Back, ["Esc"], "back", "Go back to asking; generating goes on.", &[C::Study], 8;
    Action::Study, ["S"], "another", "Fill in the form for another study.", &[C::Study], 7;
    Action::Help, ["?", "F1"], "help", "Show every key.", LETTERS, 2;
    Action::Help, ["F1"], "help", "Show every key.", &[C::Question, C::Note, C::Tags, C::Form, C::Plan], 2;
    Action::Back, ["?", "F1", "q"], "back", "Close the help.", &[C::Help], 0;
    Action::Quit, ["q", "Ctrl-c"], "quit", "Quit; what was entered is kept.", LETTERS, 1;
    Action::Quit, ["Ctrl-c"], "quit", "Quit; what was entered is kept.", &[C::Question, C::Note, C::Tags, C::Form, C::Plan, C::Help], 1;
    Action::QuitAnyway, ["y", "Ctrl-c"], "quit anyway", "Quit although something could not be saved; it is printed then.", &[C::Quit], 9;
    Action::Stay, ["n", "Esc"], "stay", "Stay, and keep trying to save.", &[C::Quit], 8;
];

/// The action of a key in a context.
pub fn action(context: Context, key: KeyEvent) -> Option<Action> {
    table::action(BINDINGS, &context, key)
}

/// The keys of a context that the footer names, the most wanted first: key and title.
pub fn hints(context: Context) -> Vec<(&'static str, &'static str)> {
    let wanted = table::hints(BINDINGS, &context);
    wanted.into_iter().map(|b| (series(b.action).unwrap_or(table::shown(b.keys[0])), b.title)).collect()
}

/// The keys of a row of digits, which the table names by its first.
fn series(action: Action) -> Option<&'static str> {
    match action {
        Action::Degree(1) => Some("1–5"),
        Action::ToggleTag(1) => Some("1–9"),
        _ => None,
    }
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
    use ratatui::crossterm::event::{KeyCode, KeyModifiers};
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
            let spoken_for = matches!(binding.action, Action::Degree(2..) | Action::ToggleTag(2..));
            assert!(binding.help.ends_with('.') || spoken_for, "{binding:?}");
            assert!(binding.rank == 0 || !binding.title.is_empty(), "{binding:?}");
        }
    }

    #[test]
    fn no_plain_letter_is_bound_where_letters_are_typed() {
        for binding in BINDINGS.iter().filter(|b| b.contexts.iter().any(|c| c.is_typing())) {
            assert!(binding.keys.iter().all(|k| k.chars().count() > 1), "{binding:?}");
        }
    }

    #[test]
    fn every_context_has_a_way_out_and_its_keys_are_found() {
        for context in Context::ALL {
            assert!(!hints(context).is_empty());
            let esc = KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE);
            assert!(action(context, esc).is_some(), "Esc does nothing in {context:?}");
        }
        let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(action(Context::Question, key), Some(Action::Quit));
    }
}
