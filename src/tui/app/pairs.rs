//! What should be known of two models before they are compared: looked at once for each pair that is chosen, or about to be.

use super::{App, Effect, Over};
use crate::compare::Pair;
use crate::fault::Fault;
use crate::generate::{Contender, Kind};

impl App {
    /// Two models that are about to be chosen: the second list stands at the second of them.
    pub fn pair_at_hand(&self) -> Option<(&Contender, &Contender)> {
        let Over::Models { baseline: Some(baseline), list } = &self.over else { return None };
        let selected = list.selected()?;
        Some((baseline, self.models.iter().find(|m| m.name == selected.name)?))
    }

    /// What is known of a pair; nothing while it is being looked at.
    pub fn remarks_on(&self, baseline: &Contender, tuned: &Contender) -> &[Fault] {
        let mut known = self.remarked.iter();
        let found = known.find(|([a, b], _)| *a == baseline.name && *b == tuned.name);
        found.and_then(|(_, remarks)| remarks.as_deref()).unwrap_or_default()
    }

    /// What the head says of the pair, while there is nothing of more weight.
    pub fn pair_sign(&self) -> Option<String> {
        match self.remarks_on(&self.pair.baseline, &self.pair.tuned).len() {
            0 => None,
            n => Some(format!("{n} to know of this pair: m")),
        }
    }

    /// Has the pairs looked at that nothing is known of yet.
    pub(super) fn look_at_pairs(&mut self) -> Vec<Effect> {
        let at_hand = self.pair_at_hand().filter(|(a, b)| {
            // Nothing is looked for where nothing would be found without asking a server.
            ![a, b].iter().any(|c| matches!(c.kind, Kind::Endpoint { .. }))
        });
        let pairs = [Some((&self.pair.baseline, &self.pair.tuned)), at_hand];
        let unknown = |(a, b): &(&Contender, &Contender)| {
            !self.remarked.keys().any(|[of, with]| *of == a.name && *with == b.name)
        };
        let pairs: Vec<Pair> = (pairs.into_iter().flatten().filter(unknown))
            .map(|(a, b)| Pair { baseline: a.clone(), tuned: b.clone() })
            .collect();
        let mut effects = Vec::new();
        for pair in pairs {
            let names = [pair.baseline.name.clone(), pair.tuned.name.clone()];
            if self.remarked.insert(names, None).is_none() {
                effects.push(Effect::Remark(Box::new(pair)));
            }
        }
        effects
    }

    /// Takes in what should be known of a pair; of the one that is chosen it is told.
    pub(super) fn remarked(&mut self, names: [String; 2], remarks: Vec<Fault>) {
        let chosen = self.pair.baseline.name == names[0] && self.pair.tuned.name == names[1];
        self.remarked.insert(names, Some(remarks));
        if chosen && self.notice.is_none() {
            self.notice = self.told_of_pair();
        }
    }

    /// That more than the fine-tuning differs between the two that are chosen.
    pub(super) fn told_of_pair(&self) -> Option<String> {
        let Pair { baseline, tuned } = &self.pair;
        let n = self.remarks_on(baseline, tuned).len();
        (n > 0).then(|| {
            format!("More than fine-tuning tells {} from {}: m shows what.", tuned.name, baseline.name)
        })
    }
}
