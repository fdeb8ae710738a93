//! How the lab changes with what happens.

use super::judging::{Field, Judging};
use super::lists::List;
use super::{App, Effect, Form, Message, Over, Panel, PlanForm};
use crate::config::Layer;
use crate::study::Verdict;
use crate::tui::keys::{self, Action, Context};
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
            Message::Indexing(corpus, progress) => {
                self.indexing(&corpus, progress);
                Vec::new()
            }
            Message::Grown(corpus, part) => self.grown(&corpus, part),
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
            Message::Loaded(Ok(trial)) => self.show(trial),
            Message::Loaded(Err(fault)) => {
                self.fault = Some(fault);
                self.keep_draft()
            }
            Message::Told(fault) => {
                self.fault = Some(fault);
                Vec::new()
            }
            Message::Remarked(names, remarks) => {
                self.remarked(names, remarks);
                Vec::new()
            }
            Message::Memory(speed) => {
                self.memory = Some(speed);
                Vec::new()
            }
            Message::Kept(judgment) => self.kept(&judgment),
            Message::NotKept(fault) => {
                self.keep_fault = Some(fault);
                Vec::new()
            }
            Message::Counted(corpus, counts) => {
                let mut effects = self.counted(&corpus, &counts);
                effects.extend(self.counted_for_study(&corpus, &counts));
                effects
            }
            Message::Tuning(status) => {
                self.trained(status);
                Vec::new()
            }
            Message::TuningMade(tuned, models) => {
                self.made(*tuned, models);
                Vec::new()
            }
            Message::TuningEnded(result) => {
                self.training_ended(result);
                Vec::new()
            }
            Message::FolderFree(asked, free) => self.planned_with(|form| form.propose(&asked, &free)),
            Message::Planned(result) => {
                self.study_planned(result);
                Vec::new()
            }
            Message::StudyThere(made) => {
                self.study_found(made);
                Vec::new()
            }
            Message::Generating(step) => {
                self.generating(step);
                Vec::new()
            }
            Message::GeneratingEnded(result) => {
                self.generating_ended(result);
                Vec::new()
            }
        };
        effects.extend(self.look_at_pairs());
        effects.extend(self.look_ahead());
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
            if matches!(context, Context::Form | Context::Plan) {
                self.notice = None;
                return self.fill_in(|form| form.input(key), |form| form.input(key));
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
                self.type_question();
            }
            Action::Stop => {
                if self.running || self.waiting.is_some() {
                    return self.stop();
                }
                if self.zoomed {
                    self.zoomed = false;
                } else {
                    self.type_question();
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
            Action::NextRanking => return self.next_ranking(),
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
            Action::Finetune => return self.finetune(),
            Action::StartTraining => return self.start_training(),
            Action::NextPart => return self.fill_in(|form| form.sheet.go(1), |form| form.sheet.go(1)),
            Action::PreviousPart => return self.fill_in(|form| form.sheet.go(-1), |form| form.sheet.go(-1)),
            Action::NextValue => return self.fill_in(|form| form.turn(1), |form| form.turn(1)),
            Action::PreviousValue => return self.fill_in(|form| form.turn(-1), |form| form.turn(-1)),
            Action::EraseValue => return self.fill_in(|form| form.sheet.erase(), PlanForm::erase),
            Action::Space => return self.planned_with(PlanForm::space),
            Action::Study => return self.show_study(),
            Action::MakeStudy => return self.make_study(),
            Action::GenerateStudy => return self.generate_study(),
            Action::StopStudy => return self.stop_study(),
            Action::StopTraining => return self.stop_training(),
            Action::GoOnTraining => return self.go_on_training(),
            Action::PutToWork => return self.put_to_work(),
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

    /// Changes the form that is on the screen.
    fn fill_in(
        &mut self,
        tuning: impl FnOnce(&mut Form),
        planning: impl FnOnce(&mut PlanForm),
    ) -> Vec<Effect> {
        if matches!(self.over, Over::Plan) { self.planned_with(planning) } else { self.filled_in(tuning) }
    }

    fn paste(&mut self, text: &str) {
        match self.context() {
            Context::Question => self.question.paste(text),
            Context::Note => {
                if let Some(judging) = &mut self.judging {
                    judging.note.insert_str(crate::text::one_line(text.trim_end()));
                }
            }
            Context::Form | Context::Plan => {
                self.fill_in(|form| form.sheet.insert(text), |form| form.insert(text));
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
