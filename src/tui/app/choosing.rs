//! Choosing: a corpus, two models, an earlier trial.

use super::lists::{Choice, List};
use super::{App, Effect, Index, Over};
use crate::compare::Pair;
use crate::generate::Contender;
use crate::text::counted;

impl App {
    pub(super) fn choose_corpus(&mut self) {
        let choices: Vec<_> = self
            .corpora
            .iter()
            .map(|e| Choice { name: e.manifest.id.clone(), about: e.manifest.description.clone() })
            .collect();
        let at = choices.iter().position(|c| c.name == self.corpus.manifest.id).unwrap_or(0);
        self.over = Over::Corpora(List::of(choices, at));
    }

    pub(super) fn choose_models(&mut self, baseline: Option<Box<Contender>>) {
        let choices = self.model_choices();
        // What was made last is what a person comes here for.
        let newest = self.newest.as_ref().and_then(|name| self.models.iter().find(|c| c.name == *name));
        let base = newest.and_then(|c| c.kind.base()).filter(|base| choices.iter().any(|c| c.name == *base));
        let current = match &baseline {
            Some(_) => newest.map_or(&self.pair.tuned.name, |c| &c.name),
            None => base.unwrap_or(&self.pair.baseline.name),
        };
        let at = choices.iter().position(|c| c.name == *current).unwrap_or(0);
        self.over = Over::Models { baseline, list: List::of(choices, at) };
    }

    fn model_choices(&self) -> Vec<Choice> {
        let about = |c: &Contender| {
            let new = if self.newest.as_ref() == Some(&c.name) { "new: " } else { "" };
            format!("{new}{}", about(c))
        };
        self.models.iter().map(|c| Choice { name: c.name.clone(), about: about(c) }).collect()
    }

    /// Puts what models there are now into the list on the screen; the selection stays where it is.
    pub(super) fn list_models_again(&mut self) {
        let choices = self.model_choices();
        if let Over::Models { list, .. } = &mut self.over {
            let selected = list.selected().map(|c| c.name.clone());
            let at = choices.iter().position(|c| Some(&c.name) == selected.as_ref()).unwrap_or(list.at);
            *list = List::of(choices, at);
        }
    }

    pub(super) fn select(&mut self) -> Vec<Effect> {
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
                        self.newest = None;
                        self.notice = self.told_of_pair();
                        return vec![Effect::Warm(Box::new(self.pair.clone()))];
                    }
                    (_, None) => {}
                }
            }
            over => self.over = over,
        }
        Vec::new()
    }

    pub(super) fn open_corpus(&mut self, entry: crate::corpus::Entry) -> Vec<Effect> {
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
        self.type_question();
        effects.push(Effect::Index(Box::new(self.corpus.clone()), self.settings.retrieval.ranking));
        if !self.pair_chosen
            && let Some(pair) = default_pair(&self.models, &self.corpus.manifest.id)
        {
            self.pair = pair;
            effects.push(Effect::Warm(Box::new(self.pair.clone())));
        }
        effects
    }
}

/// What was fine-tuned on the most examples of this corpus, else of any, and its base.
fn default_pair(models: &[Contender], corpus: &str) -> Option<Pair> {
    let examples = |c: &Contender| c.trained_on.as_ref().map_or(0, |t| t.examples);
    let on_it = |c: &Contender| c.trained_on.as_ref().is_some_and(|t| t.corpus == corpus);
    let tuned = models.iter().filter(|c| c.kind.base().is_some()).max_by_key(|c| (on_it(c), examples(c)))?;
    let base = tuned.kind.base()?;
    let baseline = models.iter().find(|c| c.name == base)?;
    Some(Pair { baseline: baseline.clone(), tuned: tuned.clone() })
}

fn about(c: &Contender) -> String {
    let kind = &c.kind;
    match &c.trained_on {
        Some(trained) => format!("{kind}, {} of {}", counted(trained.examples, "example"), trained.corpus),
        None => format!("{kind}. {}", c.description.as_deref().unwrap_or(&c.title)),
    }
}
