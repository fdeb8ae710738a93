//! What a report needs to know of the plan.

use crate::study::{Plan, Rated, Rubric};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What was planned, as far as a report needs it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct About {
    /// The study's id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The seed of the plan, which bootstraps take too.
    pub seed: u64,
    /// The corpora's ids.
    pub corpora: Vec<String>,
    /// Questions planned from each corpus; absent where there is no plan.
    pub questions: Option<usize>,
    /// The baseline, then the others: models of one family together, by their number of examples.
    pub contenders: Vec<Contender>,
    /// What answers were rated on.
    pub criteria: Vec<Criterion>,
    /// What can be wrong with an answer.
    pub tags: Vec<String>,
    /// Who judges, in the plan's order.
    pub annotators: Vec<String>,
}

/// One that answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contender {
    /// Its name in the plan.
    pub name: String,
    /// On how many examples it was fine-tuned: what its model's card said when the study was planned, or else the
    /// number at the end of its name, after a hyphen. Absent for the baseline, and where neither says.
    pub examples: Option<usize>,
    /// How tables call it.
    pub label: String,
}

/// What answers were rated on, from 1 up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Criterion {
    /// In records.
    pub id: String,
    /// For people.
    pub name: String,
    /// The highest degree.
    pub highest: u8,
}

impl About {
    /// What a report needs of a plan and its rubric.
    pub fn of(plan: &Plan, rubric: &Rubric) -> Self {
        let criteria = rubric
            .criteria
            .iter()
            .map(|c| Criterion { id: c.id.clone(), name: c.name.clone(), highest: c.highest() })
            .collect();
        Self {
            id: plan.id.clone(),
            title: plan.title.clone(),
            seed: plan.seed,
            corpora: plan.corpora.clone(),
            questions: Some(plan.questions),
            contenders: contenders(&plan.baseline, &plan.against, &plan.examples),
            criteria,
            tags: rubric.tags.clone(),
            annotators: plan.annotators.clone(),
        }
    }

    /// With the contenders, corpora, tags and annotators that judgments name and the plan does not: judgments may
    /// come from elsewhere.
    pub(super) fn with(&self, rated: &[Rated]) -> Self {
        let mut about = self.clone();
        let known: BTreeSet<&str> = self.contenders.iter().map(|c| c.name.as_str()).collect();
        let named: BTreeSet<&str> = rated.iter().flat_map(|r| &r.contenders).map(String::as_str).collect();
        if !named.is_subset(&known) {
            let others: Vec<String> = self.contenders.iter().skip(1).map(|c| c.name.clone()).collect();
            let more = named.difference(&known).map(|n| (*n).to_owned());
            let against: Vec<String> = others.into_iter().chain(more).collect();
            let examples =
                self.contenders.iter().filter_map(|c| Some((c.name.clone(), c.examples?))).collect();
            about.contenders = contenders(self.baseline(), &against, &examples);
        }
        // A judgment that names no corpus counts for all together alone.
        let corpora = rated.iter().map(|r| r.corpus.as_str()).filter(|c| !c.is_empty());
        extend(&mut about.corpora, corpora);
        extend(&mut about.annotators, rated.iter().map(|r| r.annotator.as_str()));
        extend(
            &mut about.tags,
            rated.iter().flat_map(|r| r.ratings.iter().flat_map(|m| &m.tags)).map(String::as_str),
        );
        extend(&mut about.tags, rated.iter().flat_map(|r| &r.evidence).map(|e| e.tag.as_str()));
        about
    }

    /// The name of the contender that every other one is compared with.
    pub fn baseline(&self) -> &str {
        self.contenders.first().map_or("", |c| &c.name)
    }

    /// The parts of a study that figures are made for: each corpus by its index, then all together where there are
    /// several.
    pub(super) fn scopes(&self) -> Vec<Option<usize>> {
        let all = (self.corpora.len() != 1).then_some(None);
        (0..self.corpora.len()).map(Some).chain(all).collect()
    }
}

/// Adds what is missing, sorted.
fn extend<'a>(list: &mut Vec<String>, found: impl Iterator<Item = &'a str>) {
    let found: BTreeSet<&str> = found.collect();
    let missing: Vec<String> =
        found.into_iter().filter(|f| !list.iter().any(|l| l == f)).map(str::to_owned).collect();
    list.extend(missing);
}

/// The baseline, then the others in the order of tables. `known` are numbers of examples by name.
pub(super) fn contenders(
    baseline: &str,
    against: &[String],
    known: &BTreeMap<String, usize>,
) -> Vec<Contender> {
    let examples = |name: &str| known.get(name).copied().or_else(|| in_name(name));
    let mut families: Vec<String> = Vec::new();
    let mut sorted: Vec<(&String, Option<usize>, usize)> = Vec::new();
    for name in against {
        let count = examples(name);
        let family = count.map_or(usize::MAX, |n| {
            let stem = stem(name, n);
            families.iter().position(|f| *f == stem).unwrap_or_else(|| {
                families.push(stem);
                families.len() - 1
            })
        });
        sorted.push((name, count, family));
    }
    // Those without a number after the families, as planned.
    sorted.sort_by_key(|(_, count, family)| (*family, count.unwrap_or(0)));
    // One family whose numbers tell them apart needs no names in tables.
    let numbers: BTreeSet<usize> = sorted.iter().filter_map(|(_, count, _)| *count).collect();
    let by_number = families.len() == 1 && numbers.len() == sorted.len();
    let label = |name: &str, count: Option<usize>| match count {
        Some(count) if by_number => super::words::counted(count, "example"),
        _ => name.to_owned(),
    };
    std::iter::once(Contender {
        name: baseline.to_owned(),
        examples: None,
        label: format!("{baseline} (base)"),
    })
    .chain(sorted.into_iter().map(|(name, examples, _)| Contender {
        name: name.clone(),
        examples,
        label: label(name, examples),
    }))
    .collect()
}

/// What names of one family have in common: all but the number of examples.
fn stem(name: &str, examples: usize) -> String {
    let number = examples.to_string();
    let mut parts: Vec<&str> = name.split('-').collect();
    if let Some(at) = parts.iter().rposition(|part| *part == number) {
        parts.remove(at);
    }
    parts.join("-")
}

/// The number at the end of a name, after a hyphen; below ten it is a version rather than a number of examples.
fn in_name(name: &str) -> Option<usize> {
    let (_, last) = name.rsplit_once('-')?;
    let digits = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    last.parse().ok().filter(|n| digits && *n >= 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(against: &[&str]) -> Vec<String> {
        let against: Vec<String> = against.iter().map(|a| (*a).to_owned()).collect();
        contenders("plain", &against, &BTreeMap::new()).into_iter().map(|c| c.label).collect()
    }

    #[test]
    fn one_family_is_called_by_its_numbers_in_their_order() {
        let found = labels(&["tuned-1000", "tuned-200", "tuned-500"]);
        assert_eq!(found, ["plain (base)", "200 examples", "500 examples", "1,000 examples"]);
    }

    #[test]
    fn several_families_stay_together_and_are_called_by_name() {
        let found = labels(&["b-500", "a-200", "other", "b-200", "model-v-3"]);
        assert_eq!(found, ["plain (base)", "b-200", "b-500", "a-200", "other", "model-v-3"]);
    }

    #[test]
    fn what_a_card_said_counts_for_more_than_a_name() {
        let against = ["tuned-500-full", "tuned-200-full", "tuned-64"].map(str::to_owned);
        let known = [("tuned-500-full".to_owned(), 500), ("tuned-200-full".to_owned(), 200)].into();
        let found = contenders("plain", &against[..2], &known);
        assert_eq!(found[1].label, "200 examples");
        assert_eq!(found.iter().map(|c| c.examples).collect::<Vec<_>>(), [None, Some(200), Some(500)]);
        let known = [("tuned-64".to_owned(), 1_000)].into();
        assert_eq!(contenders("plain", &against[2..], &known)[1].label, "1,000 examples");
    }

    #[test]
    fn numbers_that_are_equal_tell_nobody_apart() {
        let against = ["one", "two"].map(str::to_owned);
        let known = [("one".to_owned(), 500), ("two".to_owned(), 500)].into();
        let found: Vec<_> = contenders("plain", &against, &known).into_iter().map(|c| c.label).collect();
        assert_eq!(found, ["plain (base)", "one", "two"]);
    }
}
