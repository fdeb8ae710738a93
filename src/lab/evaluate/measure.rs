//! From answers to figures: what each answer is worth against its question, and what that comes to over a corpus.
//!
//! Pure: the same answers give the same figures. Knows nothing of where answers come from.

use crate::analysis::bootstrap::{self, Ends, Plan, Sums};
use crate::analysis::figure::{Figure, LEVEL};
use crate::analysis::proportion::wilson;
use crate::compare::citations;
use crate::corpus::Question;
use crate::prompt::ABSTENTION;
use crate::score;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

/// Something measured of answers. A question counts only where the measure is defined for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Token F1 against the reference answer, mean over answerable questions.
    TokenF1,
    /// ROUGE-L against the reference answer, mean over answerable questions.
    RougeL,
    /// The part of the question's key phrases that the answer contains, mean over answerable questions that have any.
    KeyPhrases,
    /// The share of these whose answer contains every key phrase.
    AllKeyPhrases,
    /// The share of answerable questions with a gold passage among those shown.
    GoldShown,
    /// The share of these whose answer cites a gold passage.
    CitesGold,
    /// The share of the passages cited in these answers that are gold, each once an answer.
    GoldCitations,
    /// The share of unanswerable questions on which the model abstains.
    Abstains,
    /// The share of answerable questions on which it abstains all the same.
    FalselyAbstains,
}

impl Measure {
    /// Every measure, in the order they are shown.
    pub const ALL: [Self; 9] = [
        Self::TokenF1,
        Self::RougeL,
        Self::KeyPhrases,
        Self::AllKeyPhrases,
        Self::GoldShown,
        Self::CitesGold,
        Self::GoldCitations,
        Self::Abstains,
        Self::FalselyAbstains,
    ];

    /// What programs know it by.
    pub fn key(self) -> &'static str {
        match self {
            Self::TokenF1 => "token_f1",
            Self::RougeL => "rouge_l",
            Self::KeyPhrases => "key_phrases",
            Self::AllKeyPhrases => "all_key_phrases",
            Self::GoldShown => "gold_shown",
            Self::CitesGold => "cites_gold",
            Self::GoldCitations => "gold_citations",
            Self::Abstains => "abstains_unanswerable",
            Self::FalselyAbstains => "abstains_answerable",
        }
    }

    /// Whether it is a share of things counted; the others are means.
    fn is_share(self) -> bool {
        !matches!(self, Self::TokenF1 | Self::RougeL | Self::KeyPhrases)
    }

    /// Whether it is about the passages shown, and so no doing of the model.
    pub fn is_of_retrieval(self) -> bool {
        self == Self::GoldShown
    }
}

/// Figures by measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures(BTreeMap<Measure, Figure>);

impl Figures {
    /// The figure of a measure; absent where it makes no sense.
    pub fn of(&self, measure: Measure) -> Figure {
        self.0.get(&measure).cloned().unwrap_or_else(|| Figure::absent("it is not measured here"))
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(measure, figure)| (measure.key(), figure)))
    }
}

/// What one answer is worth.
#[derive(Debug, Clone)]
pub(super) struct Scored {
    /// Questions about one gold document stand or fall together; one without gold stands alone.
    cluster: (bool, String),
    answerable: bool,
    token_f1: f64,
    rouge_l: f64,
    /// How many key phrases the answer contains, of how many.
    phrases: (usize, usize),
    gold_shown: bool,
    /// How many of the passages cited are gold, of how many.
    cited: (usize, usize),
    abstains: bool,
}

impl Scored {
    /// Measures the answer `text` to `question`; `gold` says for each passage shown whether it is gold.
    pub(super) fn of(question: &Question, text: &str, gold: &[bool]) -> Self {
        let citations = citations(text, gold.len());
        let said = score::without(text, citations.iter().map(|c| c.range.0..c.range.1));
        let cited: BTreeSet<usize> = citations.iter().map(|c| c.names).collect();
        let is_gold = |names: &&usize| gold.get(**names - 1) == Some(&true);
        Self {
            cluster: match question.gold.first() {
                Some(first) => (true, first.document.clone()),
                None => (false, question.id.clone()),
            },
            answerable: question.is_answerable(),
            token_f1: score::token_f1(&said, &question.answer),
            rouge_l: score::rouge_l(&said, &question.answer),
            phrases: score::phrases(&said, question.key_points.iter().map(String::as_str)),
            gold_shown: gold.contains(&true),
            cited: (cited.iter().filter(is_gold).count(), cited.len()),
            abstains: score::begins_with(&said, ABSTENTION),
        }
    }

    /// What the answer adds to a measure, where it is defined.
    #[allow(clippy::cast_precision_loss)] // Counts of phrases and citations.
    fn sums(&self, measure: Measure) -> Option<Sums> {
        let one = |total: f64| Sums { total, count: 1 };
        let truth = |holds: bool| one(f64::from(u8::from(holds)));
        let (found, phrases) = self.phrases;
        let (defined, sums) = match measure {
            Measure::TokenF1 => (self.answerable, one(self.token_f1)),
            Measure::RougeL => (self.answerable, one(self.rouge_l)),
            Measure::KeyPhrases => {
                (self.answerable && phrases > 0, one(found as f64 / phrases.max(1) as f64))
            }
            Measure::AllKeyPhrases => (self.answerable && phrases > 0, truth(found == phrases)),
            Measure::GoldShown => (self.answerable, truth(self.gold_shown)),
            Measure::CitesGold => (self.gold_shown, truth(self.cited.0 > 0)),
            Measure::GoldCitations => {
                (self.gold_shown, Sums { total: self.cited.0 as f64, count: self.cited.1 })
            }
            Measure::Abstains => (!self.answerable, truth(self.abstains)),
            Measure::FalselyAbstains => (self.answerable, truth(self.abstains)),
        };
        defined.then_some(sums)
    }
}

/// Every measure over these answers, with a 95 % interval: Wilson's for shares, for means that of the percentile
/// bootstrap over clusters.
pub(super) fn figures(answers: &[Scored]) -> Figures {
    let figure = |measure: Measure| {
        let mut clusters: BTreeMap<&(bool, String), Sums> = BTreeMap::new();
        for answer in answers {
            if let Some(sums) = answer.sums(measure) {
                add(clusters.entry(&answer.cluster).or_default(), sums);
            }
        }
        let clusters: Vec<Sums> = clusters.into_values().collect();
        let count: usize = clusters.iter().map(|c| c.count).sum();
        if count == 0 {
            return Figure::absent("no answer that it is defined for");
        }
        if measure.is_share() {
            // Totals of a share are sums of ones.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let successes = clusters.iter().map(|c| c.total).sum::<f64>().round() as usize;
            return wilson(successes, count, LEVEL).with_clusters(clusters.len());
        }
        bootstrap::mean(&clusters, &Plan::default(), Ends::Percentile)
    };
    Figures(Measure::ALL.map(|measure| (measure, figure(measure))).into())
}

/// How much more the second of each pair of answers to one question gets than the first, with a 95 % interval of the
/// percentile bootstrap over clusters, in which a question's two answers stay together. What the passages are is no
/// difference of models.
pub(super) fn differences(pairs: &[(&Scored, &Scored)]) -> Figures {
    let figure = |measure: Measure| {
        let mut clusters: BTreeMap<&(bool, String), [Sums; 2]> = BTreeMap::new();
        for (base, tuned) in pairs {
            if let (Some(a), Some(b)) = (base.sums(measure), tuned.sums(measure)) {
                let both = clusters.entry(&base.cluster).or_default();
                add(&mut both[0], a);
                add(&mut both[1], b);
            }
        }
        let clusters: Vec<[Sums; 2]> = clusters.into_values().collect();
        if (0..2).any(|side| clusters.iter().all(|c| c[side].count == 0)) {
            return Figure::absent("no pair of answers that it is defined for");
        }
        bootstrap::difference(&clusters, &Plan::default(), Ends::Percentile)
    };
    let measures = Measure::ALL.into_iter().filter(|m| !m.is_of_retrieval());
    Figures(measures.map(|measure| (measure, figure(measure))).collect())
}

fn add(to: &mut Sums, sums: Sums) {
    to.total += sums.total;
    to.count += sums.count;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{Gold, Kind, Split};

    fn question(id: &str, document: Option<&str>) -> Question {
        Question {
            id: id.into(),
            split: Split::Test,
            kind: Kind::Fact,
            question: "Why?".into(),
            answer: "Crystals of urate cause gout.".into(),
            key_points: vec!["urate".into(), "crystals".into()],
            gold: document
                .map(|d| Gold { document: d.into(), quote: "Crystals of urate.".into() })
                .into_iter()
                .collect(),
            open: false,
        }
    }

    fn scored(text: &str, gold: &[bool]) -> Scored {
        Scored::of(&question("q", Some("gout")), text, gold)
    }

    #[test]
    fn citations_are_no_words_of_the_answer() {
        let plain = scored("Crystals of urate cause gout.", &[false, true]);
        let cited = scored("Crystals of urate [2] cause gout. [2][7]", &[false, true]);
        assert_eq!((plain.token_f1, cited.token_f1), (1.0, 1.0));
        assert_eq!((plain.rouge_l, cited.rouge_l), (1.0, 1.0));
        assert_eq!(
            (plain.cited, cited.cited),
            ((0, 0), (1, 2)),
            "a number counts once, one of no passage too"
        );
    }

    #[test]
    fn right_citing_is_defined_only_where_gold_was_shown() {
        let found = figures(&[
            scored("Yes [1]", &[true, false]),
            scored("Yes [2]", &[true, false]),
            scored("Yes [1]", &[false, false]),
        ]);
        let share = |m| found.of(m).estimate().map(|e| (e.value, e.n));
        assert_eq!(share(Measure::CitesGold), Some((0.5, 2)));
        assert_eq!(share(Measure::GoldCitations), Some((0.5, 2)));
        assert_eq!(share(Measure::GoldShown), Some((2.0 / 3.0, 3)));
    }

    #[test]
    fn a_share_of_citations_counts_citations() {
        let found = figures(&[scored("a [1][2][3]", &[true, false, false]), scored("b [1]", &[true])]);
        let figure = found.of(Measure::GoldCitations);
        assert_eq!(figure.estimate().map(|e| (e.value, e.n)), Some((0.5, 4)));
        assert!(figures(&[scored("cites nothing", &[true])]).of(Measure::GoldCitations).value().is_none());
    }

    #[test]
    fn abstaining_is_told_apart_by_whether_there_was_an_answer() {
        let none = question("q", None);
        let answers = [
            Scored::of(&none, "The passages do not say. [1]", &[false]),
            Scored::of(&none, "Forty-two [1].", &[false]),
            scored("The passages do not say.", &[true]),
        ];
        let found = figures(&answers);
        assert_eq!(found.of(Measure::Abstains).estimate().map(|e| (e.value, e.n)), Some((0.5, 2)));
        assert_eq!(found.of(Measure::FalselyAbstains).value(), Some(1.0));
        assert_eq!(found.of(Measure::TokenF1).estimate().map(|e| e.n), Some(1), "only what has an answer");
    }

    #[test]
    fn key_phrases_count_in_part_and_as_a_whole() {
        let found = figures(&[scored("Urate.", &[]), scored("Urate crystals.", &[])]);
        assert_eq!(found.of(Measure::KeyPhrases).value(), Some(0.75));
        assert_eq!(found.of(Measure::AllKeyPhrases).value(), Some(0.5));
    }

    #[test]
    fn a_figure_of_nothing_is_absent_and_says_so_in_json() {
        let found = figures(&[]);
        for measure in Measure::ALL {
            assert!(found.of(measure).value().is_none());
        }
        let json = serde_json::to_value(&found).expect("plain data");
        assert!(json["token_f1"]["absent"].is_string() && json.get("token_f1").is_some());
    }

    #[test]
    fn questions_of_one_document_are_one_cluster() {
        let text = |n: usize| if n.is_multiple_of(3) { "Urate." } else { "Tea." };
        let of = |document: &dyn Fn(usize) -> String| -> Vec<Scored> {
            (0..60).map(|n| Scored::of(&question("q", Some(&document(n))), text(n), &[])).collect()
        };
        let (alone, together) = (of(&|n| n.to_string()), of(&|n| (n % 30).to_string()));
        let clusters =
            |answers: &[Scored]| figures(answers).of(Measure::RougeL).estimate().and_then(|e| e.clusters);
        assert_eq!((clusters(&alone), clusters(&together)), (Some(60), Some(30)));
    }

    #[test]
    fn a_difference_is_paired_and_has_its_sign() {
        let worse: Vec<Scored> =
            (0..20).map(|n| Scored::of(&question("q", Some(&n.to_string())), "Tea.", &[])).collect();
        let better: Vec<Scored> = (0..20)
            .map(|n: u32| {
                let text = if n.is_multiple_of(2) { "Urate." } else { "Tea." };
                Scored::of(&question("q", Some(&n.to_string())), text, &[])
            })
            .collect();
        let pairs: Vec<_> = worse.iter().zip(&better).collect();
        let figure = differences(&pairs).of(Measure::KeyPhrases);
        assert_eq!(figure.value(), Some(0.25));
        let interval = figure.interval().expect("there is spread");
        assert!(interval.low > 0.0 && interval.high < 0.5, "{interval:?}");
        let turned: Vec<_> = better.iter().zip(&worse).collect();
        assert_eq!(differences(&turned).of(Measure::KeyPhrases).value(), Some(-0.25));
        assert!(differences(&pairs).of(Measure::GoldShown).value().is_none());
    }
}
