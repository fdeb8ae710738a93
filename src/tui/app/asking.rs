//! Asking: a question becomes a trial, a trial comes to its end, an answer is asked again.

use super::open::Open;
use super::{App, Ask, Effect, Index, Judging, Panel, Studying, Training};
use crate::compare::{Side, Trial};
use crate::config::Turns;
use crate::fault::Fault;
use crate::job::Progress;
use crate::lab::{LONGEST_QUESTION, sampling_again};
use crate::retrieve::SoFar;
use crate::text::grouped;
use crate::tui::keys::Context;

impl App {
    /// Goes to the question line. A question that was asked already is there to be replaced or asked again.
    pub(super) fn type_question(&mut self) {
        self.focus = Panel::Question;
        if self.question.was_asked() {
            self.question.select();
        }
    }

    pub(super) fn ask(&mut self) -> Vec<Effect> {
        let question = self.question.text().trim().to_owned();
        if question.is_empty() {
            self.notice = Some("Type a question first.".into());
            return Vec::new();
        }
        if question.len() > LONGEST_QUESTION {
            self.notice = Some(format!(
                "The question has {} bytes; at most {LONGEST_QUESTION} can be asked.",
                question.len()
            ));
            return Vec::new();
        }
        let ask = Ask { question, corpus: self.corpus.clone(), pair: self.pair.clone(), k: self.k };
        if self.running {
            // A person sees answers that have ended, not that their trial is still being written.
            match self.open.as_ref().is_some_and(Open::has_ended) {
                true => self.waiting = Some(ask),
                false => self.notice = Some("The answers are still coming: Esc stops them.".into()),
            }
            return Vec::new();
        }
        match &self.index {
            Index::Ready(_) | Index::Growing(..) => self.start(ask),
            Index::Opening(_) => {
                self.notice = Some("The question is asked as soon as there is something to search.".into());
                self.waiting = Some(ask);
                Vec::new()
            }
            Index::Failed(fault) => {
                self.fault = Some(fault.clone());
                Vec::new()
            }
        }
    }

    /// What is typed by now, for the models to read before it is asked, if it is another question than the last time and
    /// nothing else keeps the machine busy. Where the times of each answer are to be its own, nothing is read ahead.
    pub(super) fn look_ahead(&mut self) -> Option<Effect> {
        let question = self.question.text().trim().to_owned();
        let busy = self.running
            || self.training.as_ref().is_some_and(Training::is_active)
            || self.study.as_ref().is_some_and(Studying::is_active);
        let engine = &self.settings.engine;
        let wanted = engine.ahead && engine.pair == Turns::Together && !busy;
        let typing = matches!(self.context(), Context::Question) && matches!(self.index, Index::Ready(_));
        let whole = !question.is_empty() && question.len() <= LONGEST_QUESTION && !self.question.was_asked();
        let ahead = (wanted && typing && whole).then_some(question);
        if ahead == self.ahead {
            return None;
        }
        self.ahead.clone_from(&ahead);
        let ask = |question| {
            Box::new(Ask { question, corpus: self.corpus.clone(), pair: self.pair.clone(), k: self.k })
        };
        Some(Effect::ReadAhead(ahead.map(ask)))
    }

    pub(super) fn start(&mut self, ask: Ask) -> Vec<Effect> {
        let mut effects = self.leave_judge();
        self.question.asked(&ask.question);
        let contenders = Side::BOTH.map(|side| ask.pair.of(side).name.clone());
        self.open = Some(Open::asked(ask.question.clone(), contenders));
        self.reset_view();
        self.running = true;
        self.notice = None;
        self.focus = Panel::A;
        effects.push(Effect::Remember(ask.question.clone()));
        effects.push(Effect::Ask(Box::new(ask)));
        effects
    }

    pub(super) fn stop(&mut self) -> Vec<Effect> {
        if self.waiting.take().is_some() {
            return Vec::new();
        }
        self.notice = Some("Stopping.".into());
        vec![Effect::Stop]
    }

    pub(super) fn another_seed(&mut self) -> Vec<Effect> {
        let (Some(side), false) = (self.focus.side(), self.running) else {
            self.notice = Some("The answers are still coming: Esc stops them.".into());
            return Vec::new();
        };
        let Some(open) = &mut self.open else {
            self.notice = Some("Ask a question first: i.".into());
            return Vec::new();
        };
        let Some(trial) = open.trial.clone() else {
            self.notice = Some("This trial was not kept; ask the question again: i.".into());
            return Vec::new();
        };
        match sampling_again(&trial.answer(side).sampling, &self.settings.sampling) {
            Ok(sampling) => {
                self.notice = Some(format!("{} answers again with seed {}.", side.letter(), sampling.seed));
                let mut effects = self.leave_judge();
                if let Some(open) = &mut self.open {
                    open.again(side);
                }
                self.scroll.remove(&Panel::of(side));
                self.running = true;
                effects.push(Effect::Again(trial, side, sampling));
                effects
            }
            Err(error) => {
                self.notice = Some(error.to_string());
                Vec::new()
            }
        }
    }

    /// How far the index of a corpus is. One that was left goes on to the end of its step, and still tells of it.
    pub(super) fn indexing(&mut self, corpus: &str, progress: Progress) {
        if corpus == self.corpus.manifest.id {
            match &mut self.index {
                Index::Opening(told) | Index::Growing(_, told) => *told = Some(progress),
                Index::Ready(_) | Index::Failed(_) => {}
            }
        }
    }

    /// So much of a corpus can be searched: a question that waits for it waits no longer.
    pub(super) fn grown(&mut self, corpus: &str, part: SoFar) -> Vec<Effect> {
        if corpus != self.corpus.manifest.id {
            return Vec::new();
        }
        let progress = match &self.index {
            Index::Opening(progress) | Index::Growing(_, progress) => progress.clone(),
            Index::Ready(_) | Index::Failed(_) => return Vec::new(),
        };
        self.index = Index::Growing(part, progress);
        self.ask_what_waits()
    }

    /// Asks the question that waited for this moment, unless the trial before it has not ended.
    fn ask_what_waits(&mut self) -> Vec<Effect> {
        match self.waiting.take_if(|_| !self.running) {
            Some(ask) => self.start(ask),
            None => Vec::new(),
        }
    }

    /// What was found in a part of the corpus stays as it is, and is not asked again unless a person does.
    fn tell_of_part(&mut self) {
        if let (Index::Ready(_), false, Some(part)) =
            (&self.index, self.running, self.open.as_ref().and_then(|o| o.part))
        {
            self.notice = Some(format!(
                "All is indexed; this was asked of {} of {} documents. i Enter asks again.",
                grouped(part.documents),
                grouped(part.of)
            ));
        }
    }

    pub(super) fn indexed(&mut self, corpus: &str, result: Result<u64, Fault>) -> Vec<Effect> {
        // The corpus may have been changed meanwhile.
        if corpus != self.corpus.manifest.id {
            return Vec::new();
        }
        match result {
            Ok(passages) => {
                let grew = matches!(self.index, Index::Growing(..));
                self.index = Index::Ready(passages);
                if grew {
                    self.tell_of_part();
                }
                self.ask_what_waits()
            }
            Err(fault) => {
                self.waiting = None;
                self.index = Index::Failed(fault);
                Vec::new()
            }
        }
    }

    pub(super) fn trial_ended(&mut self, result: Result<Option<Box<Trial>>, Fault>) -> Vec<Effect> {
        self.running = false;
        self.notice = None;
        let Some(open) = &mut self.open else { return Vec::new() };
        match result {
            Ok(Some(trial)) => {
                open.readable.get_or_insert(self.now);
                open.trial = Some(trial);
                self.tell_of_part();
                return self.ask_what_waits();
            }
            stopped => {
                // Whoever asked meanwhile is to see first what went wrong.
                self.waiting = None;
                self.fault = stopped.err();
                match open.trial.take() {
                    // Asking again came to nothing: what was there before is there still.
                    Some(before) => *open = Open::of(before, self.now),
                    None => {
                        // What was said stays on the screen, above the reason why it goes no further.
                        for pane in &mut open.panes {
                            pane.stop();
                        }
                        open.hits.get_or_insert_default();
                    }
                }
            }
        }
        Vec::new()
    }

    pub(super) fn show(&mut self, trial: Box<Trial>) -> Vec<Effect> {
        // Meanwhile a question may have been asked, or another corpus opened.
        if self.running || trial.corpus != self.corpus.manifest.id {
            return self.keep_draft();
        }
        let draft = std::mem::take(&mut self.draft);
        let begun = draft.trial.as_deref() == Some(&trial.id) && draft.has_begun();
        let id = trial.id.clone();
        self.open = Some(Open::of(trial, self.now));
        self.reset_view();
        if begun {
            self.judging = Some(Judging::of(&id, self.judged.get(&id), Some(&draft), self.now));
            self.focus = Panel::A;
            self.notice = Some("Your ratings are as you left them.".into());
        } else if self.question.text().is_empty() {
            self.focus = Panel::A;
        }
        Vec::new()
    }

    pub(super) fn reset_view(&mut self) {
        self.judging = None;
        self.passage = 0;
        self.citation.clear();
        self.scroll.clear();
        self.zoomed = false;
    }
}

#[cfg(test)]
mod tests {
    use crate::compare::{Event, Side};
    use crate::config::Turns;
    use crate::fault::Fault;
    use crate::generate::Count;
    use crate::tui::app::{App, Effect, Message};
    use crate::tui::frames::{app, press, ready, unkept};
    use crate::tui::pump::{Program, Weight};
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    /// What the models are told to read behind a key: a question, or nothing any more.
    fn read_behind(app: &mut App, key: KeyCode) -> Option<Option<String>> {
        let effects = app.update(Message::Key(KeyEvent::new(key, KeyModifiers::NONE)));
        effects.into_iter().find_map(|effect| match effect {
            Effect::ReadAhead(ask) => Some(ask.map(|ask| ask.question)),
            _ => None,
        })
    }

    fn asked_again(effects: &[Effect]) -> Option<&str> {
        effects.iter().find_map(|effect| match effect {
            Effect::Ask(ask) => Some(ask.question.as_str()),
            _ => None,
        })
    }

    #[test]
    fn a_question_asked_while_the_trial_before_it_is_written_is_asked_then() {
        let (mut app, kept) = unkept();
        press(&mut app, "iWho?");
        let effects = app.update(Message::Key(KeyCode::Enter.into()));
        assert!(asked_again(&effects).is_none() && app.running, "the trial before is not kept yet");
        let effects = app.update(kept);
        assert_eq!(asked_again(&effects), Some("Who?"));
        assert!(app.running && app.waiting.is_none());
    }

    #[test]
    fn a_question_asked_before_a_trial_that_could_not_be_kept_lets_the_reason_be_read() {
        let (mut app, _) = unkept();
        press(&mut app, "iWho?");
        app.update(Message::Key(KeyCode::Enter.into()));
        let effects = app.update(Message::TrialEnded(Err(Fault::new("trials", "no space left"))));
        assert!(asked_again(&effects).is_none() && app.fault.is_some());
        assert_eq!(app.question.text(), "Who?", "it is still there to be asked");
    }

    #[test]
    fn passages_and_first_words_are_drawn_before_all_else() {
        let text = |tokens| Event::Text(Side::B, "word".into(), Count { tokens, passes: None });
        let weight = |event: Event| App::weigh(&Message::Trial(event));
        assert_eq!(weight(Event::Retrieved(Vec::new(), None)), Weight::Urgent);
        assert_eq!([1, 40].map(|tokens| weight(text(tokens))), [Weight::Urgent, Weight::Usual]);
        assert_eq!(weight(Event::Reading(Side::A, 64, 537)), Weight::Light);
    }

    #[test]
    fn what_is_typed_is_read_ahead_until_it_is_asked() {
        let mut app = app();
        assert_eq!(read_behind(&mut app, KeyCode::Char('W')), None, "nothing can be searched yet");
        ready(&mut app);
        assert_eq!(read_behind(&mut app, KeyCode::Char('h')), Some(Some("Wh".into())));
        assert_eq!(read_behind(&mut app, KeyCode::Char('y')), Some(Some("Why".into())));
        assert_eq!(read_behind(&mut app, KeyCode::Char(' ')), None, "it is the same question");
        assert_eq!(read_behind(&mut app, KeyCode::Enter), Some(None), "now it is asked");
        assert!(app.running);
    }

    #[test]
    fn nothing_is_read_ahead_where_it_is_not_wanted_or_times_are_each_answers_own() {
        let unwanted: [fn(&mut App); 2] =
            [|app| app.settings.engine.ahead = false, |app| app.settings.engine.pair = Turns::Apart];
        for unwant in unwanted {
            let mut app = app();
            unwant(&mut app);
            ready(&mut app);
            assert_eq!(read_behind(&mut app, KeyCode::Char('W')), None);
        }
    }

    #[test]
    fn nothing_is_read_ahead_of_an_empty_line_or_behind_it() {
        let mut app = app();
        ready(&mut app);
        assert_eq!(read_behind(&mut app, KeyCode::Char('a')), Some(Some("a".into())));
        assert_eq!(read_behind(&mut app, KeyCode::Backspace), Some(None));
        assert_eq!(read_behind(&mut app, KeyCode::Char('b')), Some(Some("b".into())));
        assert_eq!(read_behind(&mut app, KeyCode::Esc), Some(None), "letters are keys now");
    }
}
