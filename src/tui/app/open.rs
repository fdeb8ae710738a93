//! The trial on the screen: being run, or read back.

use crate::compare::{Answer, Course, Event, Finish, PerToken, Side, Support, Trial, support};
use crate::generate::Count;
use crate::job::Progress;
use crate::retrieve::{Hit, SoFar};
use std::time::Duration;

/// A trial on the screen.
#[derive(Debug)]
pub struct Open {
    /// What was asked.
    pub question: String,
    /// What was found; `None` while searching.
    pub hits: Option<Vec<Hit>>,
    /// In how much of the corpus, where that was not all of it.
    pub part: Option<SoFar>,
    /// How many of the hits are in the prompts, once that is known.
    pub used: Option<usize>,
    /// What both read for each token, if both answer at the same time or have just done so.
    pub per_token: Option<PerToken>,
    /// Both answers.
    pub panes: [Pane; 2],
    /// The trial as it was kept.
    pub trial: Option<Box<Trial>>,
    /// When both answers could be read: what a judgment's time is counted from.
    pub readable: Option<Duration>,
}

/// An answer on the screen.
#[derive(Debug)]
pub struct Pane {
    /// The contender's name.
    pub contender: String,
    /// How far it is.
    pub state: State,
    /// What it has said.
    pub text: String,
    /// What of that the passages support.
    pub support: Support,
    /// Whether the view follows the end of the text.
    pub follow: bool,
    stale: bool,
}

/// How far an answer is.
#[derive(Debug, Clone)]
pub enum State {
    /// Nothing has happened yet.
    Waiting,
    /// The model is being loaded.
    Loading(Progress),
    /// A server is waited for: why, since when.
    Held(String, Duration),
    /// The prompt is being read: tokens read, tokens in all, since when.
    Reading(usize, usize, Duration),
    /// Tokens come: how many, since when the prompt was read, when the first came.
    Answering(Count, Duration, Duration),
    /// It came to its end.
    Ended(Box<Answer>),
    /// The trial was stopped before this answer could be recorded.
    Stopped,
}

impl Open {
    /// A question that has just been asked.
    pub fn asked(question: String, contenders: [String; 2]) -> Self {
        let panes = contenders.map(|contender| Pane {
            contender,
            state: State::Waiting,
            text: String::new(),
            support: Support::default(),
            follow: true,
            stale: false,
        });
        Self {
            question,
            hits: None,
            part: None,
            used: None,
            per_token: None,
            panes,
            trial: None,
            readable: None,
        }
    }

    /// A trial read back.
    pub fn of(trial: Box<Trial>, now: Duration) -> Self {
        let panes = Side::BOTH.map(|side| Pane::ended(trial.answer(side).clone()));
        Self {
            question: trial.question.clone(),
            hits: Some(trial.hits.clone()),
            part: trial.rerun.retrieval.part,
            used: Some(trial.rerun.passages_used),
            per_token: None,
            panes,
            trial: Some(trial),
            readable: Some(now),
        }
    }

    /// Makes a side ready to be asked again.
    pub fn again(&mut self, side: Side) {
        let pane = &mut self.panes[side.index()];
        *pane = Pane {
            contender: std::mem::take(&mut pane.contender),
            state: State::Waiting,
            text: String::new(),
            support: Support::default(),
            follow: true,
            stale: false,
        };
        self.readable = None;
        self.per_token = None;
    }

    /// Whether both answers have come to their ends.
    pub fn has_ended(&self) -> bool {
        self.panes.iter().all(|pane| matches!(pane.state, State::Ended(_)))
    }

    /// How far both answers have come by `now`, if both have begun and were made at the same time.
    pub fn courses(&self, now: Duration) -> Option<[Course; 2]> {
        let [a, b] = &self.panes;
        match (&a.state, &b.state) {
            (State::Ended(a), State::Ended(b)) => Some([Course::of(a)?, Course::of(b)?]),
            // Of one that has ended the other's clock tells nothing.
            _ => Some([a.course(now)?, b.course(now)?]),
        }
    }

    /// Takes in something that happened.
    pub fn take(&mut self, event: Event, now: Duration) {
        match event {
            Event::Retrieved(hits, part) => (self.hits, self.part) = (Some(hits), part),
            Event::Packed(used) => self.used = Some(used),
            Event::PerToken(per_token) => self.per_token = Some(per_token),
            Event::Loading(side, progress) => self.pane_mut(side).state = State::Loading(progress),
            Event::Waiting(side, why) => {
                let pane = self.pane_mut(side);
                pane.state = State::Held(why, now);
                pane.text.clear();
                pane.stale = true;
            }
            Event::Reading(side, read, of) => {
                let pane = self.pane_mut(side);
                let since = match pane.state {
                    State::Reading(_, _, since) => since,
                    _ => now,
                };
                pane.state = State::Reading(read, of, since);
            }
            Event::Text(side, text, count) => {
                let pane = self.pane_mut(side);
                let (since, first) = match pane.state {
                    State::Answering(_, since, first) => (since, first),
                    State::Reading(_, _, since) | State::Held(_, since) => (since, now),
                    _ => (now, now),
                };
                pane.state = State::Answering(count, since, first);
                pane.text.push_str(&text);
                pane.stale = true;
            }
            Event::Answered(side, answer) => {
                *self.pane_mut(side) = Pane::ended(*answer);
                if self.has_ended() {
                    self.readable = Some(now);
                }
            }
        }
    }

    /// Brings the support of growing answers up to date; called once before a frame, not once a token.
    pub fn settle(&mut self) {
        let used = self.used.unwrap_or(0);
        let passages = self.hits.as_deref().unwrap_or_default();
        for pane in self.panes.iter_mut().filter(|p| p.stale) {
            pane.support = support(&pane.text, passages.iter().take(used).map(|h| h.text.as_str()));
            pane.stale = false;
        }
    }

    /// An answer.
    pub fn pane(&self, side: Side) -> &Pane {
        &self.panes[side.index()]
    }

    /// An answer, to be changed.
    pub fn pane_mut(&mut self, side: Side) -> &mut Pane {
        &mut self.panes[side.index()]
    }
}

impl Pane {
    fn course(&self, now: Duration) -> Option<Course> {
        match self.state {
            State::Answering(Count { tokens, passes }, _, first) => {
                Some(Course { tokens, passes, first, last: now })
            }
            _ => None,
        }
    }

    fn ended(answer: Answer) -> Self {
        Self {
            contender: answer.contender.clone(),
            text: answer.text.clone(),
            support: answer.support.clone(),
            follow: false,
            stale: false,
            state: State::Ended(Box::new(answer)),
        }
    }

    /// Marks an answer that the end of the trial found still on its way.
    pub fn stop(&mut self) {
        if !matches!(self.state, State::Ended(_)) {
            self.state = State::Stopped;
        }
    }

    /// Why the answer failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        match &self.state {
            State::Ended(answer) if answer.finish == Finish::Failed => {
                Some(answer.error.as_deref().unwrap_or("It failed without a reason."))
            }
            _ => None,
        }
    }
}
