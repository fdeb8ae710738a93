//! `study.toml`: what is asked of whom, and who judges it. A person may edit it until the study is frozen.

use super::toml_file;
use crate::config::{Layer, SamplingSettings};
use crate::corpus::{Split, is_zero};
use crate::fault::{Fault, Result};
use crate::retrieve::Ranking;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A planned study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Names the study in exports and reports: letters, digits and hyphens.
    pub id: String,
    /// For people.
    pub title: String,
    /// When it was planned.
    pub made: Timestamp,
    /// Decides which questions are drawn, the order of each annotator's items, and which of them come back. It does
    /// not decide the sides: those hang on the sealed key.
    pub seed: u64,
    /// The corpora's ids.
    pub corpora: Vec<String>,
    /// The split that questions are drawn from.
    pub split: Split,
    /// Questions drawn from each corpus.
    pub questions: usize,
    /// The contender that every other one is compared with.
    pub baseline: String,
    /// The contenders that are compared with it: one item for each of them and each question.
    pub against: Vec<String>,
    /// Who judges. A name like `reviewer-1` is a place that the first unnamed reviewer takes.
    pub annotators: Vec<String>,
    /// The share of items, 0 to 1, that every annotator judges; the rest is divided among them.
    pub overlap: f64,
    /// The share of an annotator's items, 0 to 1, that come back later with the sides swapped.
    pub repeat: f64,
    /// Passages a question gets.
    pub k: usize,
    /// Words a passage has at most.
    pub passage_words: usize,
    /// Words of them, at most, that are of the passage before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub passage_overlap: usize,
    /// How passages are ranked.
    #[serde(default, skip_serializing_if = "Ranking::is_plain")]
    pub ranking: Ranking,
    /// How answers are drawn.
    pub sampling: SamplingSettings,
    /// On how many examples contenders were fine-tuned, as their models' cards said when the study was planned; those
    /// whose card does not say are not in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub examples: BTreeMap<String, usize>,
    /// The highlight layers that reviewers see at the start. None by default: they can sway a judge.
    #[serde(default)]
    pub highlight: Vec<Layer>,
    /// What was fixed when answers were first generated; absent until then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub frozen: Option<Frozen>,
}

/// What may no longer change, by BLAKE3 digests as hex.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frozen {
    /// When.
    pub at: Timestamp,
    /// Of the plan above.
    pub plan: String,
    /// Of `rubric.toml`.
    pub rubric: String,
    /// Of `sealed/key.json`: the commitment to the sides, made before the first judgment.
    pub key: String,
    /// Of each corpus.
    pub corpora: BTreeMap<String, String>,
    /// Of each contender's model.
    pub contenders: BTreeMap<String, String>,
}

/// Says once, in the file, what may be edited and until when.
const HEAD: &str = "\
# A study: which model answers better, as people see it. You may edit this file until answers are first generated
# (`juxta study generate`). From then on a change of a value is refused: what is judged is what was planned.
";

impl Plan {
    /// Baseline first, then the others.
    pub fn contenders(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.baseline).chain(&self.against).map(String::as_str)
    }

    /// Reads the text of a `study.toml` found at `place`, and checks every value.
    ///
    /// # Errors
    /// A [`Fault`] naming the line or the value.
    pub fn parse(text: &str, place: &str) -> Result<Self> {
        let plan: Self = toml_file::parse(text, place, "a plan as `juxta study new` writes it")?;
        plan.check(place)?;
        Ok(plan)
    }

    /// The file, with a word to each value.
    pub fn text(&self) -> String {
        let quoted = |s: &str| toml::Value::from(s).to_string();
        let list = |names: &[String]| toml::Value::from(names.to_vec()).to_string();
        // A float always has a point in TOML.
        let float = |x: f64| toml::Value::from(x).to_string();
        let s = &self.sampling;
        format!(
            "{HEAD}
id = {id}
title = {title}
made = {made}

seed = {seed}                # decides which questions are drawn and everyone's order; not the sides
corpora = {corpora}
split = {split}         # test, dev or train
questions = {questions}           # from each corpus

baseline = {baseline}
against = {against}  # each is compared with the baseline: one item for each of them and each question

annotators = {annotators}  # a name like reviewer-1 is a place that the first unnamed reviewer takes
overlap = {overlap}            # the share of items that everyone judges; the rest is divided
repeat = {repeat}             # the share of items that come back later, with the sides swapped

k = {k}                   # passages a question gets
passage_words = {words}     # words a passage has at most
passage_overlap = {overlapping}     # of these, at most so many of the passage before (whole sentences); up to half of them
ranking = {ranking}       # plain (BM25), proximity, feedback, fielded, dense
highlight = {highlight}          # layers shown at the start: question, support-a, support-b; they can sway a judge

[sampling]
temperature = {temperature}
again_temperature = {again}
top_k = {top_k}
top_p = {top_p}
repetition_penalty = {penalty}
max_tokens = {max_tokens}
seed = {draw}
{examples}",
            id = quoted(&self.id),
            title = quoted(&self.title),
            made = quoted(&self.made.to_string()),
            seed = self.seed,
            corpora = list(&self.corpora),
            split = quoted(&word(&self.split)),
            questions = self.questions,
            baseline = quoted(&self.baseline),
            against = list(&self.against),
            annotators = list(&self.annotators),
            overlap = float(self.overlap),
            repeat = float(self.repeat),
            k = self.k,
            words = self.passage_words,
            overlapping = self.passage_overlap,
            ranking = quoted(self.ranking.name()),
            highlight = list(&self.highlight.iter().map(word).collect::<Vec<_>>()),
            temperature = float(s.temperature),
            again = float(s.again_temperature),
            top_k = s.top_k,
            top_p = float(s.top_p),
            penalty = float(s.repetition_penalty),
            max_tokens = s.max_tokens,
            draw = s.seed,
            examples = self.examples_text(),
        )
    }

    /// A table of its own, or nothing.
    fn examples_text(&self) -> String {
        if self.examples.is_empty() {
            return String::new();
        }
        // Names and whole numbers are always TOML.
        let lines = toml::to_string(&self.examples).unwrap_or_default();
        format!("\n[examples]  # how many each was fine-tuned on, as its model's card says\n{lines}")
    }

    fn check(&self, place: &str) -> Result<()> {
        let refuse = |value: &str, found: String, expected: &str| {
            let fault = Fault::new(format!("{place}, {value}"), found).expected(expected);
            Err(fault.next("Correct that value.").into())
        };
        let listed = |names: &[String]| names.join(", ");
        if !is_id(&self.id) {
            return refuse("id", format!("{:?}", self.id), "lower-case letters, digits and hyphens");
        }
        if self.corpora.is_empty() || !all_differ(&self.corpora) {
            return refuse("corpora", listed(&self.corpora), "one or more different corpora");
        }
        if self.questions == 0 {
            return refuse("questions", "0".into(), "one or more");
        }
        if self.against.is_empty() || !all_differ(self.contenders()) {
            let found = listed(&self.against);
            return refuse("against", found, "one or more different contenders other than the baseline");
        }
        let safe = |name: &String| super::annotator(name) == *name && !name.is_empty();
        // Names are file names, and some systems do not tell capitals apart there.
        let folded: Vec<String> = self.annotators.iter().map(|n| n.to_lowercase()).collect();
        if self.annotators.is_empty() || !self.annotators.iter().all(safe) || !all_differ(&folded) {
            let expected = "one or more different names of letters, digits, hyphens, dots and underscores";
            return refuse("annotators", listed(&self.annotators), expected);
        }
        for (value, share) in [("overlap", self.overlap), ("repeat", self.repeat)] {
            if !(0.0..=1.0).contains(&share) {
                return refuse(value, share.to_string(), "a share from 0 to 1");
            }
        }
        if !(1..=20).contains(&self.k) {
            return refuse("k", self.k.to_string(), "1 to 20");
        }
        if !(20..=500).contains(&self.passage_words) {
            return refuse("passage_words", self.passage_words.to_string(), "20 to 500");
        }
        if self.passage_overlap > self.passage_words / 2 {
            let half = format!("0 to {}, half of passage_words", self.passage_words / 2);
            return refuse("passage_overlap", self.passage_overlap.to_string(), &half);
        }
        Ok(())
    }
}

/// Whether a place is for the first unnamed reviewer to take.
pub(super) fn is_place(name: &str) -> bool {
    name.strip_prefix("reviewer-").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn is_id(name: &str) -> bool {
    (1..=80).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn all_differ(names: impl IntoIterator<Item: Ord>) -> bool {
    let mut names: Vec<_> = names.into_iter().collect();
    let all = names.len();
    names.sort();
    names.dedup();
    names.len() == all
}

/// The word that serde writes for a value without fields.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_file_reads_back_as_the_plan_whatever_is_in_it() {
        let mut plan = sample::plan(&["ada", "reviewer-2"]);
        plan.title = "A \"title\"\n# with everything: é\\".into();
        plan.against = vec!["path/to a model".into(), "other".into()];
        plan.overlap = 1.0;
        plan.ranking = Ranking::Feedback;
        plan.passage_overlap = 30;
        plan.highlight = vec![Layer::SupportA, Layer::Question];
        plan.examples = [("path/to a \"model\".é".into(), 500), ("other".into(), 1_000)].into();
        assert_eq!(Plan::parse(&plan.text(), "study.toml").expect("sound"), plan);
    }

    #[test]
    fn mistakes_are_named_with_their_line_or_value() {
        let text = sample::plan(&["ada"]).text();
        let told = |from: &str, to: &str| {
            let changed = text.replace(from, to);
            assert_ne!(changed, text, "{from}");
            Plan::parse(&changed, "s/study.toml").expect_err("refused").to_string()
        };
        assert!(told("[\"ada\"]", "[]").starts_with("s/study.toml, annotators: found "));
        assert!(told("[\"ada\"]", "[\"a/b\"]").contains("letters, digits"));
        assert!(told("[\"ada\"]", "[\"ada\", \"Ada\"]").contains("different names"));
        assert!(told("overlap = ", "overlap = 1").contains("a share from 0 to 1"));
        assert!(told("against = [\"", "against = [\"plain\", \"").contains("other than the baseline"));
        assert!(told("passage_overlap = ", "passage_overlap = 99").contains("half of passage_words"));
        assert!(told("questions = ", "questions = -").starts_with("s/study.toml:"));
        assert!(told("repeat = ", "repaet = ").contains("repaet"));
    }
}
