//! The sealed key: who answered on which side of which item. Drawn by a secret before any answer is judged, and
//! committed to by its digest.

use super::assign::Asked;
use super::draw::Draw;
use super::plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `sealed/key.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// 32 random bytes, as hex: what ids and sides were drawn by, and what keeps the digest from being guessed.
    pub nonce: String,
    /// By item id.
    pub items: BTreeMap<String, Sealed>,
}

/// Who answered in an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// The corpus's id.
    pub corpus: String,
    /// The question's id in its corpus.
    pub question: String,
    /// The contender on the left, as the plan names it.
    pub left: String,
    /// The contender on the right.
    pub right: String,
}

impl Key {
    /// Draws ids and sides for every question (corpus and id) and every contender of the plan. Of the items of a
    /// contender the baseline is left in half; of an odd number the coin decides who has one more.
    pub fn draw(plan: &Plan, questions: &[(String, String)], nonce: &[u8; 32]) -> Self {
        let mut items = BTreeMap::new();
        for contender in &plan.against {
            let named = |purpose, (corpus, question): &(String, String)| {
                Draw::sealed(nonce, &[purpose, corpus, question, contender]).hex()
            };
            let mut order: Vec<&(String, String)> = questions.iter().collect();
            order.sort_by_cached_key(|q| named("side", q));
            let extra = order.len() % 2 * usize::from(Draw::sealed(nonce, &["extra", contender]).coin());
            let left = order.len() / 2 + extra;
            for (n, question) in order.into_iter().enumerate() {
                let (a, b) = (plan.baseline.clone(), contender.clone());
                let (left, right) = if n < left { (a, b) } else { (b, a) };
                let sealed = Sealed { corpus: question.0.clone(), question: question.1.clone(), left, right };
                items.insert(named("item", question)[..12].to_owned(), sealed);
            }
        }
        Self { nonce: blake3::Hash::from(*nonce).to_hex().to_string(), items }
    }

    /// Draws again what [`Key::draw`] drew; `None` if the nonce is none.
    pub(super) fn again(&self, plan: &Plan) -> Option<Self> {
        let nonce = blake3::Hash::from_hex(&self.nonce).ok()?;
        Some(Self::draw(plan, &self.questions(), nonce.as_bytes()))
    }

    /// The questions it is about, sorted.
    pub fn questions(&self) -> Vec<(String, String)> {
        let mut questions: Vec<_> =
            self.items.values().map(|s| (s.corpus.clone(), s.question.clone())).collect();
        questions.sort();
        questions.dedup();
        questions
    }

    /// The items with their questions, for [`super::assign`].
    pub fn asked(&self) -> Vec<Asked> {
        let asked = |(item, s): (&String, &Sealed)| Asked {
            item: item.clone(),
            question: (s.corpus.clone(), s.question.clone()),
        };
        self.items.iter().map(asked).collect()
    }
}

impl Sealed {
    /// The contender that the baseline is compared with.
    pub fn contender(&self, baseline: &str) -> &str {
        if self.left == baseline { &self.right } else { &self.left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sides_are_balanced_within_each_contender_and_hang_on_the_nonce(
            nonce: [u8; 32], other: [u8; 32], questions in 8usize..40,
        ) {
            let plan = sample::plan(&["ada"]);
            let questions: Vec<_> = (0..questions).map(|n| ("c".to_owned(), format!("q{n}"))).collect();
            let key = Key::draw(&plan, &questions, &nonce);
            prop_assert_eq!(key.items.len(), questions.len() * plan.against.len());
            for contender in &plan.against {
                let of: Vec<_> =
                    key.items.values().filter(|s| s.contender(&plan.baseline) == contender).collect();
                prop_assert_eq!(of.len(), questions.len());
                let left = of.iter().filter(|s| s.left == plan.baseline).count();
                prop_assert!(left == of.len() / 2 || left == of.len().div_ceil(2));
            }
            prop_assert_eq!(key.again(&plan), Some(key.clone()));
            let ids = |key: &Key| key.items.keys().cloned().collect::<Vec<_>>();
            prop_assert!(nonce == other || ids(&Key::draw(&plan, &questions, &other)) != ids(&key));
        }
    }
}
