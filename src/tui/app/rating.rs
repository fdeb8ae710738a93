//! Rating: from keys to judgments that are kept.

use super::judging::{Field, Judging, Keeping};
use super::{App, Effect, Over, Panel};
use crate::study::Judgment;
use jiff::Timestamp;

impl App {
    pub(super) fn judge(&mut self) {
        let Some(open) = &self.open else {
            self.notice = Some("Ask a question first: i.".into());
            return;
        };
        let Some(trial) = open.trial.as_ref().filter(|_| !self.running) else {
            let why = if self.running {
                "Both answers have to end first; Esc stops them."
            } else {
                "This trial was not kept, so it cannot be rated; ask the question again: i."
            };
            self.notice = Some(why.into());
            return;
        };
        self.zoomed = false;
        self.judging = Some(Judging::of(&trial.id, self.judged.get(&trial.id), None, self.now));
        if self.focus.side().is_none() {
            self.focus = Panel::A;
        }
    }

    /// Changes the ratings, and gives them to the disk whenever they are whole and not there yet.
    pub(super) fn judged_by(&mut self, change: impl FnOnce(&mut Judging)) -> Vec<Effect> {
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
    pub(super) fn record(&mut self) -> Vec<Effect> {
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

    /// Gives ratings that a lab left half-way to the disk as they are, where their trial does not come back to the
    /// screen: the next draft would take their place.
    pub(super) fn keep_draft(&mut self) -> Vec<Effect> {
        let draft = std::mem::take(&mut self.draft);
        let Some(trial) = draft.trial.clone().filter(|_| draft.has_begun()) else { return Vec::new() };
        let judgment = Judgment {
            trial,
            annotator: self.annotator.clone(),
            at: Timestamp::now(),
            // How long it took went with the lab that was killed; the record that completes this one will say.
            seconds: 0.0,
            ratings: draft.ratings,
            verdict: draft.verdict,
            note: draft.note,
            shown: self.layers.iter().copied().collect(),
            juxta: env!("CARGO_PKG_VERSION").to_owned(),
        };
        self.judged.insert(judgment.trial.clone(), judgment.clone());
        self.unkept.push(judgment.clone());
        vec![Effect::Keep(Box::new(judgment))]
    }

    pub(super) fn leave_judge(&mut self) -> Vec<Effect> {
        let effects = self.record();
        if let Some(judging) = self.judging.take()
            && !judging.is_complete()
            && !judging.is_empty()
        {
            self.notice = Some("Kept, but not complete yet: r goes on with the ratings.".into());
        }
        effects
    }

    pub(super) fn kept(&mut self, judgment: &Judgment) -> Vec<Effect> {
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
}
