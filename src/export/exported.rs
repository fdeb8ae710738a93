//! One model of a judgment for every format, whether the lab's own or a study's feeds it. Sides are as they were
//! shown: left, then right.

use super::names::Names;
use crate::compare::{Answer, Finish, Side, Trial};
use crate::prompt::{self, Message};
use crate::retrieve::Hit;
use crate::study::{
    Criterion, Evidence, Item, Judgment, Plan, Rated, Rating, Reference, Review, Rubric, Showing, Verdict,
};
use jiff::Timestamp;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// What leaves: judgments of one lab or one study, and what they were judged by.
#[derive(Debug, Clone)]
pub struct Export<'a> {
    /// The study's id; `None` for the lab's own judgments.
    pub study: Option<&'a str>,
    /// For people.
    pub title: &'a str,
    /// What answers were rated on.
    pub criteria: Vec<Criterion>,
    rated: Vec<String>,
    /// The study's seed, which its report's bootstraps take.
    pub seed: Option<u64>,
    /// On how many examples contenders were fine-tuned, as far as the plan says.
    pub examples: BTreeMap<&'a str, usize>,
    /// What could be wrong with an answer: the rubric's tags, then others that were used.
    pub tags: Vec<String>,
    /// Whether it is known who answered.
    pub named: bool,
    /// The judgments.
    pub rows: Vec<Exported<'a>>,
    names: Names,
}

/// What a study gives to be exported.
#[derive(Debug, Clone, Copy)]
pub struct Feed<'a> {
    /// Its plan.
    pub plan: &'a Plan,
    /// What its reviewers judged by.
    pub rubric: &'a Rubric,
    /// Its items.
    pub items: &'a [Item],
    /// The sealed trials by the ids of their items; empty where they are not here.
    pub trials: &'a BTreeMap<String, Trial>,
}

/// A judgment and what was judged.
#[derive(Debug, Clone)]
pub struct Exported<'a> {
    /// The record it is made from.
    pub source: Source<'a>,
    /// The item's id; of the lab's own judgments, the trial's.
    pub item: &'a str,
    /// Which showing of it.
    pub showing: Showing,
    /// The corpus's id, where it is known.
    pub corpus: Option<&'a str>,
    /// The question's id in its corpus, where it has one.
    pub question_id: Option<&'a str>,
    /// What was judged; `None` where its file is missing.
    pub judged: Option<Judged<'a>>,
    /// What was made of the two answers.
    pub sides: [Given<'a>; 2],
    /// Who judged.
    pub annotator: Cow<'a, str>,
    /// When.
    pub at: Timestamp,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Which answer is better: A left, B right.
    pub verdict: Option<Verdict>,
    /// What is wrong where, and what the passages say to it.
    pub evidence: &'a [Evidence],
    /// Free text.
    pub note: &'a str,
    /// To be talked over.
    pub flagged: bool,
    /// Whether the reference answer was looked at before judging; `None` where there was no way to.
    pub reference_shown: Option<bool>,
}

/// The record a row is made from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// Of the lab's journal.
    Lab(&'a Judgment),
    /// Of a study, with the blinding off.
    Rated(&'a Rated),
    /// Of a study that is still blind.
    Blind(&'a Review),
}

/// What was judged.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// What was asked.
    pub question: &'a str,
    /// What a right answer says, where that is known.
    pub reference: Option<&'a Reference>,
    /// The passages of both prompts, as they were numbered.
    pub passages: &'a [Hit],
    /// The answers, left and right as shown.
    pub texts: [&'a str; 2],
    /// What is known of how they came about, left and right as shown.
    pub answers: [Option<&'a Answer>; 2],
    /// The whole trial, unless it is sealed.
    pub trial: Option<&'a Trial>,
    /// The item, of a study.
    pub item: Option<&'a Item>,
}

/// What a judgment says of one answer.
#[derive(Debug, Clone, Default)]
pub struct Given<'a> {
    /// Who answered; `None` while that is sealed or where the trial is missing.
    pub contender: Option<&'a str>,
    /// Whether that is the baseline; `None` as above.
    pub baseline: Option<bool>,
    /// Degrees by criterion id.
    pub scores: BTreeMap<&'a str, u8>,
    /// What is wrong with it.
    pub tags: &'a [String],
}

impl<'a> Export<'a> {
    /// The lab's own judgments, in their order. A judgment whose trial is missing stays.
    pub fn of_lab(judgments: &'a [Judgment], trials: &'a [Trial], rubric: &Rubric) -> Self {
        let by_id: HashMap<&str, &Trial> = trials.iter().map(|t| (t.id.as_str(), t)).collect();
        let rows = judgments.iter().map(|j| of_judgment(j, by_id.get(j.trial.as_str()).copied())).collect();
        Self::new(None, rubric, true, rows)
    }

    /// A study's judgments with the blinding off.
    pub fn of_study(study: Feed<'a>, judgments: &'a [Rated]) -> Self {
        let items = study.by_id();
        let rows = judgments
            .iter()
            .map(|rated| of_rated(rated, items.get(rated.item.as_str()).copied(), study.trials))
            .collect();
        Self::new(Some(study.plan), study.rubric, true, rows)
    }

    /// A study's complete reviews while nobody may know who answered.
    pub fn of_blind(study: Feed<'a>, reviews: &'a [Review]) -> Self {
        let items = study.by_id();
        let rows = reviews.iter().map(|r| of_review(r, items.get(r.item.as_str()).copied())).collect();
        Self::new(Some(study.plan), study.rubric, false, rows)
    }

    fn new(plan: Option<&'a Plan>, rubric: &Rubric, named: bool, rows: Vec<Exported<'a>>) -> Self {
        let mut tags = rubric.tags.clone();
        for tag in rows.iter().flat_map(Exported::tags_used) {
            if !tags.contains(tag) {
                tags.push(tag.clone());
            }
        }
        let mut rated: Vec<String> = rubric.criteria.iter().map(|c| c.id.clone()).collect();
        for id in rows.iter().flat_map(|r| r.sides.iter().flat_map(|s| s.scores.keys())) {
            if !rated.iter().any(|known| known == id) {
                rated.push((*id).to_owned());
            }
        }
        let examples = plan.filter(|_| named).map(|p| p.examples.iter().map(|(name, n)| (name.as_str(), *n)));
        Self {
            study: plan.map(|p| p.id.as_str()),
            title: plan.map_or("Judgments", |p| p.title.as_str()),
            criteria: rubric.criteria.clone(),
            rated,
            seed: plan.map(|p| p.seed),
            examples: examples.into_iter().flatten().collect(),
            tags,
            named,
            rows,
            names: plan.map_or_else(|| Names::new("juxta lab", []), names),
        }
    }

    /// Calls annotators `annotator-1` and so on, everywhere but in what they wrote themselves. The numbers go by a
    /// keyed digest of the names, so that they neither follow the alphabet nor change from one export to the next
    /// while the same people judge.
    pub fn anonymise(&mut self) {
        let mut names = std::mem::take(&mut self.names);
        names.add(self.rows.iter().map(|row| row.annotator.as_ref()));
        let pseudonyms = names.pseudonyms();
        for row in &mut self.rows {
            if let Some(pseudonym) = pseudonyms.get(row.annotator.as_ref()) {
                row.annotator = Cow::Owned(pseudonym.clone());
            }
        }
        self.names = names;
    }

    /// The rows that count once: without those that came back to measure the reviewer.
    pub fn first_showings(&self) -> impl Iterator<Item = &Exported<'a>> {
        self.rows.iter().filter(|row| row.showing == Showing::First)
    }

    /// The highest degree of a criterion, where the rubric has it.
    pub fn highest(&self, criterion: &str) -> Option<u8> {
        self.criteria.iter().find(|c| c.id == criterion).map(Criterion::highest)
    }

    /// The ids of all criteria: the rubric's, then others that were rated.
    pub fn criteria_used(&self) -> impl Iterator<Item = &str> {
        self.rated.iter().map(String::as_str)
    }
}

impl<'a> Feed<'a> {
    fn by_id(&self) -> HashMap<&'a str, &'a Item> {
        self.items.iter().map(|item| (item.id.as_str(), item)).collect()
    }
}

fn names(plan: &Plan) -> Names {
    // A place that nobody has taken yet is no name.
    let people = plan.annotators.iter().map(String::as_str).filter(|name| !name.starts_with("reviewer-"));
    Names::new(&format!("juxta study {} {}", plan.id, plan.seed), people)
}

impl<'a> Exported<'a> {
    /// The record, under the name the row has.
    pub fn record(&self) -> serde_json::Result<Value> {
        let mut record = match self.source {
            Source::Lab(judgment) => serde_json::to_value(judgment)?,
            Source::Rated(rated) => serde_json::to_value(rated)?,
            Source::Blind(review) => serde_json::to_value(review)?,
        };
        record["annotator"] = Value::from(self.annotator.as_ref());
        Ok(record)
    }

    /// What both contenders were asked with; without the trial, the question alone.
    pub fn messages(&self, judged: &Judged<'a>) -> Cow<'a, [Message]> {
        match judged.trial {
            Some(trial) => Cow::Borrowed(&trial.rerun.messages),
            None => {
                Cow::Owned(vec![Message { role: prompt::Role::User, content: judged.question.to_owned() }])
            }
        }
    }

    /// The one that is better, and the other; `None` for a tie, for both bad and without a verdict.
    pub fn winner(&self) -> Option<(Side, Side)> {
        match self.verdict? {
            Verdict::A => Some((Side::A, Side::B)),
            Verdict::B => Some((Side::B, Side::A)),
            Verdict::Tie | Verdict::BothBad => None,
        }
    }

    /// The side of the baseline, or of the one that comes first by name where no side is the baseline.
    pub fn first(&self) -> Option<Side> {
        let [left, right] = &self.sides;
        match (left.baseline, right.baseline) {
            (Some(true), _) => Some(Side::A),
            (_, Some(true)) => Some(Side::B),
            _ => Some(if left.contender? <= right.contender? { Side::A } else { Side::B }),
        }
    }

    /// A judgment as a whole: which trial or item, which showing.
    pub fn showing_name(&self) -> &'static str {
        match self.showing {
            Showing::First => "first",
            Showing::Swapped => "swapped",
        }
    }

    /// What was judged, if both contenders did answer: a failed model's silence is nothing to train on.
    pub fn answered(&self) -> Option<&Judged<'a>> {
        self.judged.as_ref().filter(|judged| {
            judged.texts.iter().all(|text| !text.is_empty())
                && judged.answers.iter().flatten().all(|a| a.error.is_none() && a.finish != Finish::Failed)
        })
    }

    fn tags_used(&self) -> impl Iterator<Item = &'a String> {
        let (sides, evidence) = (&self.sides, self.evidence);
        let marked: Vec<&'a String> = sides.iter().flat_map(|s| s.tags).collect();
        marked.into_iter().chain(evidence.iter().map(|e| &e.tag))
    }
}

fn of_judgment<'a>(judgment: &'a Judgment, trial: Option<&'a Trial>) -> Exported<'a> {
    let answer = |side| trial.map(|t| t.answer(side));
    let given = |side: Side| Given {
        contender: answer(side).map(|a| a.contender.as_str()),
        baseline: answer(side).map(|a| a.role == crate::compare::Role::Baseline),
        ..of_rating(&judgment.ratings[side.index()])
    };
    Exported {
        source: Source::Lab(judgment),
        item: &judgment.trial,
        showing: Showing::First,
        corpus: trial.map(|t| t.corpus.as_str()),
        question_id: None,
        judged: trial.map(|t| Judged {
            question: &t.question,
            reference: None,
            passages: t.passages(),
            texts: [&t.answers[0].text, &t.answers[1].text],
            answers: [Some(&t.answers[0]), Some(&t.answers[1])],
            trial: Some(t),
            item: None,
        }),
        sides: Side::BOTH.map(given),
        annotator: Cow::Borrowed(&judgment.annotator),
        at: judgment.at,
        seconds: judgment.seconds,
        verdict: judgment.verdict,
        evidence: &[],
        note: &judgment.note,
        flagged: false,
        reference_shown: None,
    }
}

fn of_rating(rating: &Rating) -> Given<'_> {
    let degrees = [("accuracy", rating.accuracy), ("completeness", rating.completeness)];
    let scores = degrees.into_iter().filter_map(|(id, degree)| Some((id, degree?))).collect();
    Given { scores, tags: &rating.tags, ..Given::default() }
}

fn of_rated<'a>(
    rated: &'a Rated,
    item: Option<&'a Item>,
    trials: &'a BTreeMap<String, Trial>,
) -> Exported<'a> {
    let trial = trials.get(&rated.item);
    let answers = [0, 1].map(|n| {
        let trial = trial?;
        match rated.baseline {
            // Of a study's trials the baseline is A, whatever its model is called here.
            Some(baseline) => Some(&trial.answers[usize::from(baseline != n)]),
            None => trial.answers.iter().find(|a| a.contender == rated.contenders[n]),
        }
    });
    Exported {
        source: Source::Rated(rated),
        item: &rated.item,
        showing: rated.showing,
        corpus: Some(&rated.corpus),
        question_id: Some(&rated.question_id),
        judged: item.map(|item| of_item(item, rated.showing, answers, trial)),
        sides: [0, 1].map(|n| Given {
            contender: Some(&rated.contenders[n]),
            baseline: rated.baseline.map(|side| side == n),
            ..of_marks(&rated.ratings[n])
        }),
        annotator: Cow::Borrowed(&rated.annotator),
        // What leaves was judged here, and has its times.
        at: rated.at.unwrap_or_default(),
        seconds: rated.seconds.unwrap_or_default(),
        verdict: Some(rated.verdict),
        evidence: &rated.evidence,
        note: &rated.note,
        flagged: rated.flagged,
        reference_shown: Some(rated.reference_shown),
    }
}

fn of_review<'a>(review: &'a Review, item: Option<&'a Item>) -> Exported<'a> {
    Exported {
        source: Source::Blind(review),
        item: &review.item,
        showing: review.showing,
        corpus: item.map(|item| item.corpus.as_str()),
        question_id: item.map(|item| item.question_id.as_str()),
        judged: item.map(|item| of_item(item, review.showing, [None, None], None)),
        sides: [0, 1].map(|n| of_marks(&review.ratings[n])),
        annotator: Cow::Borrowed(&review.annotator),
        at: review.at,
        seconds: review.seconds,
        verdict: review.verdict,
        evidence: &review.evidence,
        note: &review.note,
        flagged: review.flagged,
        reference_shown: Some(review.reference_shown),
    }
}

fn of_marks(marks: &crate::study::Marks) -> Given<'_> {
    let scores = marks.scores.iter().map(|(id, degree)| (id.as_str(), *degree)).collect();
    Given { scores, tags: &marks.tags, ..Given::default() }
}

fn of_item<'a>(
    item: &'a Item,
    showing: Showing,
    answers: [Option<&'a Answer>; 2],
    trial: Option<&'a Trial>,
) -> Judged<'a> {
    let [left, right] = &item.answers;
    let texts = match showing {
        Showing::First => [left, right],
        Showing::Swapped => [right, left],
    };
    Judged {
        question: &item.question,
        reference: item.reference.as_ref(),
        passages: &item.passages,
        texts: texts.map(|said| said.text.as_str()),
        answers,
        trial,
        item: Some(item),
    }
}
