//! How the lab changes with what happens.

use super::judging::{Field, Judging, Keeping};
use super::lists::{Choice, List};
use super::open::Open;
use super::{App, Ask, Effect, Index, Message, Over, Panel};
use crate::compare::{Pair, Side, Trial};
use crate::config::Layer;
use crate::fault::Fault;
use crate::generate::{Contender, Kind};
use crate::lab::{LONGEST_QUESTION, sampling_again};
use crate::study::{Judgment, Verdict};
use crate::tui::keys::{self, Action, Context};
use jiff::Timestamp;
use ratatui::crossterm::event::{KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

/// Rows a turn of the mouse wheel scrolls.
const WHEEL: isize = 3;

impl App {
    /// Takes in what happened and says what is to be done.
    pub fn update(&mut self, message: Message) -> Vec<Effect> {
        let before = self.entered();
        let mut effects = match message {
            Message::Key(key) if key.kind != KeyEventKind::Release => self.key(key),
            Message::Key(_) | Message::Redraw | Message::Gone => Vec::new(),
            Message::Mouse(mouse) => self.mouse(mouse),
            Message::Paste(text) => {
                self.paste(&text);
                Vec::new()
            }
            Message::Indexing(progress) => {
                self.index = Index::Opening(Some(progress));
                Vec::new()
            }
            Message::Indexed(corpus, result) => self.indexed(&corpus, result),
            Message::Trial(event) => {
                if let Some(open) = &mut self.open {
                    open.take(event, self.now);
                }
                Vec::new()
            }
            Message::TrialEnded(result) => self.trial_ended(result),
            Message::Listed(trials, faults) => {
                if let Over::Trials(list) = &mut self.over {
                    *list = List::of(trials, list.at);
                }
                self.remarks.extend(faults);
                Vec::new()
            }
            Message::Loaded(Ok(trial)) => {
                self.show(trial);
                Vec::new()
            }
            Message::Loaded(Err(fault)) | Message::Told(fault) => {
                self.fault = Some(fault);
                Vec::new()
            }
            Message::Kept(judgment) => self.kept(&judgment),
            Message::NotKept(fault) => {
                self.keep_fault = Some(fault);
                Vec::new()
            }
        };
        let now = self.entered();
        if now != before {
            effects.push(Effect::Draft(Box::new(now)));
        }
        effects
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let context = self.context();
        let Some(action) = keys::action(context, key) else {
            let typed = match context {
                Context::Question => Some(&mut self.question.editor),
                Context::Note => self.judging.as_mut().map(|j| &mut j.note),
                _ => None,
            };
            if let Some(editor) = typed {
                self.notice = None;
                editor.input(key);
            }
            return Vec::new();
        };
        self.fault = self.remarks.pop();
        self.notice = None;
        self.act(action, context)
    }

    #[allow(clippy::too_many_lines)] // One arm an action: a table, not logic.
    fn act(&mut self, action: Action, context: Context) -> Vec<Effect> {
        match action {
            Action::Ask => return self.ask(),
            Action::EarlierQuestion => self.question.earlier(),
            Action::LaterQuestion => self.question.later(),
            Action::LeaveQuestion => {
                if self.running || self.waiting.is_some() {
                    return self.stop();
                }
                self.focus = if self.open.is_some() { Panel::A } else { Panel::Passages };
            }
            Action::EditQuestion => {
                self.zoomed = false;
                self.focus = Panel::Question;
            }
            Action::Stop => {
                if self.running || self.waiting.is_some() {
                    return self.stop();
                }
                if self.zoomed {
                    self.zoomed = false;
                } else {
                    self.focus = Panel::Question;
                }
            }
            Action::AnotherSeed => return self.another_seed(),
            Action::NextPanel => self.go_panel(1),
            Action::PreviousPanel => self.go_panel(-1),
            Action::Zoom => self.zoomed = !self.zoomed,
            Action::LineDown => self.scroll_by(1),
            Action::LineUp => self.scroll_by(-1),
            Action::PageDown | Action::PageUp => {
                let sign = if action == Action::PageDown { 1 } else { -1 };
                let page = isize::try_from(self.page(context)).unwrap_or(1);
                if !self.move_list(sign * page) {
                    self.scroll_by(sign * page);
                }
            }
            Action::Top | Action::Bottom => {
                let far = if action == Action::Bottom { isize::MAX } else { isize::MIN };
                if !self.move_list(far) {
                    self.scroll_by(far);
                }
            }
            Action::NextPassage => self.select_passage(1),
            Action::PreviousPassage => self.select_passage(-1),
            Action::FollowCitation => self.follow(),
            Action::LayerQuestion => self.toggle(Layer::Question),
            Action::LayerA => self.toggle(Layer::SupportA),
            Action::LayerB => self.toggle(Layer::SupportB),
            Action::MorePassages => self.more_passages(1),
            Action::FewerPassages => self.more_passages(-1),
            Action::Judge => self.judge(),
            Action::Degree(degree) => return self.judged_by(|j| j.degree(degree)),
            Action::VerdictA => return self.judged_by(|j| j.verdict(Verdict::A)),
            Action::VerdictB => return self.judged_by(|j| j.verdict(Verdict::B)),
            Action::VerdictTie => return self.judged_by(|j| j.verdict(Verdict::Tie)),
            Action::VerdictBothBad => return self.judged_by(|j| j.verdict(Verdict::BothBad)),
            Action::NextField => {
                return self.judged_by(|j| match j.field {
                    Field::Tags(side) => j.field = Field::Tags(side.other()),
                    _ => j.go(1),
                });
            }
            Action::PreviousField => return self.judged_by(|j| j.go(-1)),
            Action::Erase => return self.judged_by(Judging::erase),
            Action::Tags => return self.judged_by(|j| j.field = Field::Tags(j.side())),
            Action::ToggleTag(n) => {
                let tag = self.settings.rubric.tags.get(usize::from(n) - 1).cloned();
                return self.judged_by(|j| {
                    if let (Field::Tags(side), Some(tag)) = (j.field, &tag) {
                        j.toggle(side, tag);
                    }
                });
            }
            Action::Note => return self.judged_by(|j| j.field = Field::Note),
            Action::TagsDone | Action::NoteDone => return self.judged_by(Judging::return_to_ratings),
            Action::LeaveJudge => return self.leave_judge(),
            Action::Trials => {
                self.over = Over::Trials(List::awaited());
                return vec![Effect::List(self.corpus.manifest.id.clone())];
            }
            Action::Corpora => self.choose_corpus(),
            Action::Models => self.choose_models(None),
            Action::ListDown => drop(self.move_list(1)),
            Action::ListUp => drop(self.move_list(-1)),
            Action::Select => return self.select(),
            Action::Back => self.over = Over::None,
            Action::Help => self.over = Over::Help { scroll: 0 },
            Action::Quit => {
                if self.unkept.is_empty() {
                    return vec![Effect::Draft(Box::new(self.entered())), Effect::Quit];
                }
                self.over = Over::Quit;
            }
            Action::QuitAnyway => return vec![Effect::Draft(Box::new(self.entered())), Effect::Quit],
            Action::Stay => self.over = Over::None,
        }
        Vec::new()
    }

    fn ask(&mut self) -> Vec<Effect> {
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
        if self.running {
            self.notice = Some("The answers are still coming: Esc stops them.".into());
            return Vec::new();
        }
        let ask = Ask { question, corpus: self.corpus.clone(), pair: self.pair.clone(), k: self.k };
        match &self.index {
            Index::Ready(_) => self.start(ask),
            Index::Opening(_) => {
                self.notice = Some("The question is asked as soon as the corpus is indexed.".into());
                self.waiting = Some(ask);
                Vec::new()
            }
            Index::Failed(fault) => {
                self.fault = Some(fault.clone());
                Vec::new()
            }
        }
    }

    fn start(&mut self, ask: Ask) -> Vec<Effect> {
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

    fn stop(&mut self) -> Vec<Effect> {
        if self.waiting.take().is_some() {
            return Vec::new();
        }
        self.notice = Some("Stopping.".into());
        vec![Effect::Stop]
    }

    fn another_seed(&mut self) -> Vec<Effect> {
        let (Some(side), false) = (self.focus.side(), self.running) else {
            self.notice = Some("The answers are still coming: Esc stops them.".into());
            return Vec::new();
        };
        let Some(open) = &mut self.open else {
            self.notice = Some("Ask a question first: i.".into());
            return Vec::new();
        };
        let Some(trial) = open.trial.clone() else { return Vec::new() };
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

    fn indexed(&mut self, corpus: &str, result: Result<u64, Fault>) -> Vec<Effect> {
        // The corpus may have been changed meanwhile.
        if corpus != self.corpus.manifest.id {
            return Vec::new();
        }
        match result {
            Ok(passages) => {
                self.index = Index::Ready(passages);
                self.waiting.take().map_or_else(Vec::new, |ask| self.start(ask))
            }
            Err(fault) => {
                self.waiting = None;
                self.index = Index::Failed(fault);
                Vec::new()
            }
        }
    }

    fn trial_ended(&mut self, result: Result<Option<Box<Trial>>, Fault>) -> Vec<Effect> {
        self.running = false;
        self.notice = None;
        let Some(open) = &mut self.open else { return Vec::new() };
        match result {
            Ok(Some(trial)) => {
                open.readable.get_or_insert(self.now);
                open.trial = Some(trial);
            }
            Ok(None) => {
                for pane in &mut open.panes {
                    pane.stop();
                }
                open.hits.get_or_insert_default();
            }
            Err(fault) => {
                // What was said stays on the screen, above the reason why it goes no further.
                for pane in &mut open.panes {
                    pane.stop();
                }
                open.hits.get_or_insert_default();
                self.fault = Some(fault);
            }
        }
        Vec::new()
    }

    fn show(&mut self, trial: Box<Trial>) {
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
    }

    fn reset_view(&mut self) {
        self.judging = None;
        self.passage = 0;
        self.citation.clear();
        self.scroll.clear();
        self.zoomed = false;
    }

    fn judge(&mut self) {
        let Some(open) = &self.open else {
            self.notice = Some("Ask a question first: i.".into());
            return;
        };
        let Some(trial) = open.trial.as_ref().filter(|_| !self.running) else {
            self.notice = Some("Both answers have to end first; Esc stops them.".into());
            return;
        };
        self.zoomed = false;
        self.judging = Some(Judging::of(&trial.id, self.judged.get(&trial.id), None, self.now));
        if self.focus.side().is_none() {
            self.focus = Panel::A;
        }
    }

    /// Changes the ratings, and gives them to the disk whenever they are whole and not there yet.
    fn judged_by(&mut self, change: impl FnOnce(&mut Judging)) -> Vec<Effect> {
        let Some(judging) = &mut self.judging else { return Vec::new() };
        change(judging);
        self.focus = Panel::of(judging.side());
        // A half-chosen tag list or a half-typed note is not a judgment yet.
        if matches!(judging.field, Field::Tags(_) | Field::Note) {
            return Vec::new();
        }
        match &mut self.judging {
            Some(judging) if !judging.is_complete() => {
                judging.saved = Keeping::Incomplete;
                Vec::new()
            }
            _ => self.record(),
        }
    }

    /// Gives the ratings to the disk as they are, unless they are there already or there are none.
    fn record(&mut self) -> Vec<Effect> {
        let Some(judging) = &mut self.judging else { return Vec::new() };
        if judging.is_recorded() || judging.is_empty() {
            return Vec::new();
        }
        let began = self.open.as_ref().and_then(|o| o.readable).unwrap_or(judging.since);
        let judgment = Judgment {
            trial: judging.trial.clone(),
            annotator: self.annotator.clone(),
            at: Timestamp::now(),
            seconds: self.now.saturating_sub(began).as_secs_f64(),
            ratings: judging.ratings.clone(),
            verdict: judging.verdict,
            note: judging.note_text(),
            shown: self.layers.iter().copied().collect(),
            juxta: env!("CARGO_PKG_VERSION").to_owned(),
        };
        judging.record();
        self.judged.insert(judgment.trial.clone(), judgment.clone());
        self.unkept.push(judgment.clone());
        vec![Effect::Keep(Box::new(judgment))]
    }

    fn leave_judge(&mut self) -> Vec<Effect> {
        let effects = self.record();
        if let Some(judging) = self.judging.take()
            && !judging.is_complete()
            && !judging.is_empty()
        {
            self.notice = Some("Kept, but not complete yet: r goes on with the ratings.".into());
        }
        effects
    }

    fn kept(&mut self, judgment: &Judgment) -> Vec<Effect> {
        if let Some(at) = self.unkept.iter().position(|j| j == judgment) {
            self.unkept.remove(at);
        }
        let mut effects = Vec::new();
        if self.unkept.is_empty() {
            let failed = self.keep_fault.take().is_some();
            if matches!(self.over, Over::Quit) {
                self.over = Over::None;
                // Quitting only waited for the disk. After a failure a person has read about it, and decides.
                if !failed {
                    effects = vec![Effect::Draft(Box::new(self.entered())), Effect::Quit];
                }
            }
        }
        if let Some(judging) = self.judging.as_mut().filter(|j| j.trial == judgment.trial)
            && judging.is_recorded()
        {
            judging.saved = Keeping::Kept;
        }
        effects
    }

    fn go_panel(&mut self, by: isize) {
        let all = Panel::ALL;
        let at = all.iter().position(|p| *p == self.focus).unwrap_or(0);
        let next = at.checked_add_signed(by).unwrap_or(all.len() - 1) % all.len();
        self.focus = all[next];
        if self.focus == Panel::Question {
            self.zoomed = false;
        }
    }

    fn page(&self, context: Context) -> usize {
        let panel = match context {
            Context::Passages | Context::Answer => self.focus,
            _ => Panel::Passages,
        };
        self.drawn.page.get(&panel).copied().unwrap_or(10).saturating_sub(1).max(1)
    }

    fn scroll_by(&mut self, by: isize) {
        if let Over::Help { scroll } = &mut self.over {
            *scroll = scroll.saturating_add_signed(by).min(self.drawn.help_furthest);
            return;
        }
        self.scroll_panel(self.focus, by);
    }

    fn scroll_panel(&mut self, panel: Panel, by: isize) {
        let furthest = self.drawn.furthest.get(&panel).copied().unwrap_or(0);
        let following = panel.side().is_some_and(|s| self.open.as_ref().is_some_and(|o| o.pane(s).follow));
        let scroll = self.scroll.entry(panel).or_insert(0);
        if following {
            *scroll = furthest;
        }
        *scroll = scroll.saturating_add_signed(by).min(furthest);
        if let (Some(side), Some(open)) = (panel.side(), &mut self.open) {
            // Scrolling up while an answer grows holds the view; scrolling to its end lets it follow again.
            open.pane_mut(side).follow = *scroll >= furthest && self.running;
        }
    }

    fn select_passage(&mut self, by: isize) {
        let count = self.open.as_ref().and_then(|o| o.hits.as_ref()).map_or(0, Vec::len);
        self.passage = self.passage.saturating_add_signed(by).min(count.saturating_sub(1));
        self.scroll_to_passage();
    }

    fn scroll_to_passage(&mut self) {
        let furthest = self.drawn.furthest.get(&Panel::Passages).copied().unwrap_or(0);
        let row = self.drawn.passage_rows.get(self.passage).copied().unwrap_or(0);
        self.scroll.insert(Panel::Passages, row.min(furthest));
    }

    /// From an answer to the passage it cites next, or from a passage to the answer that cites it.
    fn follow(&mut self) {
        let Some(open) = &self.open else { return };
        if let Some(side) = self.focus.side() {
            let citations: Vec<_> = open.pane(side).support.citations.iter().filter(|c| c.exists).collect();
            if citations.is_empty() {
                self.notice = Some(format!("Answer {} cites no passage.", side.letter()));
                return;
            }
            let next = self.citation.get(&self.focus).map_or(0, |n| (n + 1) % citations.len());
            self.passage = citations[next].names - 1;
            self.citation.insert(self.focus, next);
            self.scroll_to_passage();
            let link = format!("{} cites [{}].", side.letter(), self.passage + 1);
            self.notice = Some(link);
            self.focus = Panel::Passages;
            return;
        }
        let number = self.passage + 1;
        let cites = |side: &Side| open.pane(*side).support.citations.iter().any(|c| c.names == number);
        let from = self.citation.get(&Panel::Passages).copied().unwrap_or(1);
        let order = if from == 0 { [Side::B, Side::A] } else { [Side::A, Side::B] };
        match order.into_iter().find(cites) {
            None => self.notice = Some(format!("No answer cites [{number}].")),
            Some(side) => {
                self.citation.insert(Panel::Passages, side.index());
                let panel = Panel::of(side);
                let at =
                    open.pane(side).support.citations.iter().position(|c| c.names == number).unwrap_or(0);
                let row =
                    self.drawn.citation_rows.get(&panel).and_then(|rows| rows.get(at)).copied().unwrap_or(0);
                let furthest = self.drawn.furthest.get(&panel).copied().unwrap_or(0);
                self.scroll.insert(panel, row.min(furthest));
                self.focus = panel;
            }
        }
    }

    fn toggle(&mut self, layer: Layer) {
        if !self.layers.remove(&layer) {
            self.layers.insert(layer);
        }
        let name = match layer {
            Layer::Question => "words of the question",
            Layer::SupportA => "support for A",
            Layer::SupportB => "support for B",
        };
        let state = if self.shows(layer) { "shown" } else { "hidden" };
        self.notice = Some(format!("Highlights, {name}: {state}."));
    }

    fn more_passages(&mut self, by: isize) {
        self.k = self.k.saturating_add_signed(by).clamp(1, 20);
        self.notice = Some(format!("The next question gets {} passages.", self.k));
    }

    /// Moves the selection of the list on the screen; false if there is none.
    fn move_list(&mut self, by: isize) -> bool {
        match &mut self.over {
            Over::Trials(list) => list.go(by),
            Over::Corpora(list) | Over::Models { list, .. } => list.go(by),
            Over::None | Over::Help { .. } | Over::Quit => return false,
        }
        true
    }

    fn choose_corpus(&mut self) {
        let choices: Vec<_> = self
            .corpora
            .iter()
            .map(|e| Choice { name: e.manifest.id.clone(), about: e.manifest.description.clone() })
            .collect();
        let at = choices.iter().position(|c| c.name == self.corpus.manifest.id).unwrap_or(0);
        self.over = Over::Corpora(List::of(choices, at));
    }

    fn choose_models(&mut self, baseline: Option<Box<Contender>>) {
        let choices: Vec<_> =
            self.models.iter().map(|c| Choice { name: c.name.clone(), about: about(c) }).collect();
        let current = if baseline.is_some() { &self.pair.tuned } else { &self.pair.baseline };
        let at = choices.iter().position(|c| c.name == current.name).unwrap_or(0);
        self.over = Over::Models { baseline, list: List::of(choices, at) };
    }

    fn select(&mut self) -> Vec<Effect> {
        match std::mem::replace(&mut self.over, Over::None) {
            Over::Trials(list) => match list.selected() {
                Some(trial) if !self.running => {
                    return vec![Effect::Load(trial.corpus.clone(), trial.id.clone())];
                }
                Some(_) => self.notice = Some("The answers are still coming: Esc stops them.".into()),
                None => {}
            },
            Over::Corpora(list) => {
                if let Some(entry) =
                    list.selected().and_then(|c| self.corpora.iter().find(|e| e.manifest.id == c.name))
                {
                    return self.open_corpus(entry.clone());
                }
            }
            Over::Models { baseline, list } => {
                let chosen =
                    list.selected().and_then(|c| self.models.iter().find(|m| m.name == c.name)).cloned();
                match (baseline, chosen) {
                    (None, Some(chosen)) => self.choose_models(Some(Box::new(chosen))),
                    (Some(baseline), Some(tuned)) => {
                        self.pair = Pair { baseline: *baseline, tuned };
                        self.pair_chosen = true;
                        return vec![Effect::Warm(Box::new(self.pair.clone()))];
                    }
                    (_, None) => {}
                }
            }
            over @ (Over::None | Over::Help { .. } | Over::Quit) => self.over = over,
        }
        Vec::new()
    }

    fn open_corpus(&mut self, entry: crate::corpus::Entry) -> Vec<Effect> {
        if entry.manifest.id == self.corpus.manifest.id {
            return Vec::new();
        }
        if self.running {
            self.notice = Some("The answers are still coming: Esc stops them.".into());
            return Vec::new();
        }
        let mut effects = self.leave_judge();
        self.corpus = entry;
        self.open = None;
        self.waiting = None;
        self.reset_view();
        self.index = Index::Opening(None);
        self.focus = Panel::Question;
        effects.push(Effect::Index(Box::new(self.corpus.clone())));
        if !self.pair_chosen
            && let Some(pair) = default_pair(&self.models, &self.corpus.manifest.id)
        {
            self.pair = pair;
            effects.push(Effect::Warm(Box::new(self.pair.clone())));
        }
        effects
    }

    fn paste(&mut self, text: &str) {
        match self.context() {
            Context::Question => self.question.paste(text),
            Context::Note => {
                if let Some(judging) = &mut self.judging {
                    judging.note.insert_str(crate::text::one_line(text.trim_end()));
                }
            }
            // A question pasted while looking at answers is meant for the question line.
            Context::Passages | Context::Answer => {
                self.focus = Panel::Question;
                self.question.set("");
                self.question.paste(text);
            }
            _ => {}
        }
    }

    fn mouse(&mut self, mouse: MouseEvent) -> Vec<Effect> {
        let at = Position::new(mouse.column, mouse.row);
        let by = match mouse.kind {
            MouseEventKind::ScrollDown => WHEEL,
            MouseEventKind::ScrollUp => -WHEEL,
            MouseEventKind::Down(MouseButton::Left) => 0,
            _ => return Vec::new(),
        };
        match &mut self.over {
            Over::None => {}
            Over::Help { .. } => {
                self.scroll_by(by);
                return Vec::new();
            }
            _ => {
                self.move_list(by.signum());
                return Vec::new();
            }
        }
        let Some(panel) = self.drawn.panels.iter().find(|(_, area)| area.contains(at)).map(|(p, _)| *p)
        else {
            return Vec::new();
        };
        if by == 0 {
            if self.judging.is_none() {
                self.focus = panel;
            }
        } else {
            self.scroll_panel(panel, by);
        }
        Vec::new()
    }
}

/// The base with the adapter trained on the most examples of this corpus, else of any.
fn default_pair(models: &[Contender], corpus: &str) -> Option<Pair> {
    let examples = |c: &Contender| c.trained_on.as_ref().map_or(0, |t| t.examples);
    let on_it = |c: &Contender| c.trained_on.as_ref().is_some_and(|t| t.corpus == corpus);
    let tuned = models
        .iter()
        .filter(|c| matches!(c.kind, Kind::Adapter { .. }))
        .max_by_key(|c| (on_it(c), examples(c)))?;
    let Kind::Adapter { base } = &tuned.kind else { return None };
    let baseline = models.iter().find(|c| c.name == *base)?;
    Some(Pair { baseline: baseline.clone(), tuned: tuned.clone() })
}

fn about(c: &Contender) -> String {
    let kind = match &c.kind {
        Kind::Base => "base".to_owned(),
        Kind::Gguf => "GGUF".to_owned(),
        Kind::Adapter { base } => format!("adapter of {base}"),
    };
    match &c.trained_on {
        Some(trained) => format!("{kind}, {} examples of {}", trained.examples, trained.corpus),
        None => format!("{kind}. {}", c.description.as_deref().unwrap_or(&c.title)),
    }
}
