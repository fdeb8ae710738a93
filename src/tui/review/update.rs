//! How the review changes with what happens: `update(when, message) -> effects`, without clock, files or threads.

use super::keys::{self, Action, Context};
use super::sitting::Loaded;
use super::state::{Effect, Filter, Message, Mode, Over, Panel, Reviewing, When};
use crate::config::Layer;
use crate::study::Verdict;
use crate::text::one_line;
use ratatui::crossterm::event::{KeyEvent, KeyEventKind, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

/// Rows a turn of the mouse wheel scrolls.
const WHEEL: isize = 3;

impl Reviewing {
    /// Takes in what happened and says what is to be done.
    pub fn update(&mut self, when: When, message: Message) -> Vec<Effect> {
        self.when = when;
        let before = self.begun();
        let mut effects = match message {
            Message::Key(key) if key.kind != KeyEventKind::Release => {
                if let Some(clock) = self.clock() {
                    clock.key(when.since);
                }
                self.key(key)
            }
            Message::Key(_) | Message::Redraw | Message::Gone => Vec::new(),
            Message::Mouse(mouse) => {
                self.wheel(mouse);
                Vec::new()
            }
            Message::Paste(text) => {
                if let Some(clock) = self.clock() {
                    clock.key(when.since);
                }
                self.paste(&text);
                Vec::new()
            }
            Message::Item(slot, result) => {
                self.arrived(slot, result);
                Vec::new()
            }
            Message::Asked(questions) => {
                self.asked.extend(questions);
                Vec::new()
            }
            Message::Told(fault) => {
                self.fault = Some(fault);
                Vec::new()
            }
            Message::Kept(review) => self.kept(&review),
            Message::NotKept(fault) => {
                self.keep_fault = Some(fault);
                Vec::new()
            }
        };
        if self.begun() != before {
            effects.extend(self.draft().map(|draft| Effect::Draft(Box::new(draft))));
        }
        effects
    }

    /// What a draft is there to keep; when it changes, the draft is written.
    fn begun(&self) -> impl PartialEq + use<> {
        self.sitting.as_ref().map(|s| (s.place, s.entry.clone(), s.reference_shown, s.shown.clone()))
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let context = self.context();
        let Some(action) = keys::action(context, key) else {
            self.type_into_note(key);
            return Vec::new();
        };
        self.fault = self.remarks.pop();
        self.notice = None;
        if let Some(why) = self.refuses(action, context) {
            self.notice = Some(why);
            return Vec::new();
        }
        self.act(action, context)
    }

    /// Why an action has to wait: for the item, or for the disk.
    fn refuses(&self, action: Action, context: Context) -> Option<String> {
        let looks = matches!(
            action,
            Action::Help
                | Action::Back
                | Action::Quit
                | Action::QuitAnyway
                | Action::Stay
                | Action::NextPanel
                | Action::PreviousPanel
                | Action::Zoom
                | Action::Passages
                | Action::LineDown
                | Action::LineUp
                | Action::PageDown
                | Action::PageUp
                | Action::Top
                | Action::Bottom
        );
        if looks {
            return None;
        }
        if self.saving.is_some() {
            return Some("Saving: the next item comes when this one is on the disk.".into());
        }
        let goes_on = matches!(action, Action::Skip | Action::Flag | Action::Undo | Action::List);
        match self.sitting.as_ref().map(|s| &s.item) {
            Some(Loaded::Awaited) if context == Context::Rate && !goes_on => {
                Some("The item is still being read.".into())
            }
            Some(Loaded::Failed(_)) if context == Context::Rate && !goes_on => {
                Some("This item cannot be read: s puts it off, l lists the others.".into())
            }
            _ => None,
        }
    }

    #[allow(clippy::too_many_lines)] // One arm an action: a table, not logic.
    fn act(&mut self, action: Action, context: Context) -> Vec<Effect> {
        match action {
            Action::Degree(degree) => self.rate(degree),
            Action::VerdictA => return self.decide(Verdict::A),
            Action::VerdictB => return self.decide(Verdict::B),
            Action::VerdictTie => return self.decide(Verdict::Tie),
            Action::VerdictBothBad => return self.decide(Verdict::BothBad),
            Action::Confirm => return self.confirm(),
            Action::Undo => return self.undo(),
            Action::Erase => return self.erase(),
            Action::NextCell => self.go_cell(1),
            Action::PreviousCell => self.go_cell(-1),
            Action::Skip => return self.skip(),
            Action::Flag => self.flag(),
            Action::Tags => self.choose_tags(),
            Action::ToggleTag(n) => self.toggle_tag(n),
            Action::TagsDone | Action::MarksDone => self.mode = Mode::Rate,
            Action::OtherAnswer => self.other_answer(),
            Action::Note => self.write_note(),
            Action::NoteDone => self.note_done(),
            Action::Mark => self.mark(),
            Action::MarkTag(n) => self.mark_tag(n),
            Action::SentenceDown => self.go_sentence(1),
            Action::SentenceUp => self.go_sentence(-1),
            Action::Unmark => self.unmark(),
            Action::SpanDown => self.go_place(1, false),
            Action::SpanUp => self.go_place(-1, false),
            Action::SpanMore => self.go_place(1, true),
            Action::SpanLess => self.go_place(-1, true),
            Action::NextPassage => self.go_passage(1),
            Action::PreviousPassage => self.go_passage(-1),
            Action::Tie => self.tie(true),
            Action::NoSupport => self.tie(false),
            Action::SpanBack => self.leave_span(),
            Action::Reference => self.show_reference(),
            Action::Passages => self.show_passages(),
            Action::LayerQuestion => self.toggle_layer(Layer::Question),
            Action::LayerA => self.toggle_layer(Layer::SupportA),
            Action::LayerB => self.toggle_layer(Layer::SupportB),
            Action::NextPanel => self.go_panel(1),
            Action::PreviousPanel => self.go_panel(-1),
            Action::Zoom => self.zoomed = !self.zoomed,
            Action::LineDown => self.scroll_by(1),
            Action::LineUp => self.scroll_by(-1),
            Action::PageDown => self.scroll_by(self.page()),
            Action::PageUp => self.scroll_by(-self.page()),
            Action::Top => self.scroll_by(isize::MIN),
            Action::Bottom => self.scroll_by(isize::MAX),
            Action::List => return self.list(),
            Action::ListDown => self.go_list(1),
            Action::ListUp => self.go_list(-1),
            Action::Select => return self.select(),
            Action::FilterAll => self.filter(Filter::All),
            Action::FilterOpen => self.filter(Filter::Open),
            Action::FilterDone => self.filter(Filter::Done),
            Action::FilterSkipped => self.filter(Filter::Skipped),
            Action::FilterFlagged => self.filter(Filter::Flagged),
            Action::Back if context == Context::Rate => self.back_to_answers(),
            Action::Back | Action::Stay => self.over = Over::None,
            Action::Help => self.over = Over::Help(0),
            Action::Quit => {
                if self.saving.is_none() {
                    return self.quit();
                }
                self.over = Over::Quit;
            }
            Action::QuitAnyway => return self.quit(),
        }
        Vec::new()
    }

    /// The end, with a draft that holds the time spent until now.
    pub(super) fn quit(&self) -> Vec<Effect> {
        let draft = self.draft().map(|draft| Effect::Draft(Box::new(draft)));
        draft.into_iter().chain([Effect::Quit]).collect()
    }

    fn type_into_note(&mut self, key: KeyEvent) {
        if let (Mode::Note(editor, _), Over::None) = (&mut self.mode, &self.over) {
            editor.input(key);
            self.take_note();
        }
    }

    fn paste(&mut self, text: &str) {
        match (&mut self.mode, &self.over) {
            (Mode::Note(editor, _), Over::None) => {
                editor.insert_str(one_line(text.trim_end()));
                self.take_note();
            }
            // A pasted text is no keys: it must not rate anything.
            _ => self.notice = Some("Text can be pasted into a note: n.".into()),
        }
    }

    fn wheel(&mut self, mouse: MouseEvent) {
        let by = match mouse.kind {
            MouseEventKind::ScrollDown => WHEEL,
            MouseEventKind::ScrollUp => -WHEEL,
            _ => return,
        };
        match self.over {
            Over::None => {}
            Over::List(..) => return self.go_list(by.signum()),
            Over::Help(_) | Over::Quit => return self.scroll_by(by),
        }
        let at = Position::new(mouse.column, mouse.row);
        let over: Option<Panel> =
            self.drawn.panels.iter().find(|(_, area)| area.contains(at)).map(|(panel, _)| *panel);
        if let Some(panel) = over {
            self.scroll_panel(panel, by);
        }
    }
}
