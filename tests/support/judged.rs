//! Judgments of a study that never was, made from a seed: as many as asked for. Shared by `tests/report.rs` and
//! `benches/report.rs`.

#![allow(dead_code)] // Every user takes a part of it.

use juxta::compare::Side;
use juxta::config::Settings;
use juxta::report::About;
use juxta::study::{Evidence, Marks, PassageSpan, Plan, Rated, Rubric, Showing, Verdict};
use rand::Rng;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// What is made.
pub struct Made<'a> {
    /// The corpora.
    pub corpora: &'a [&'a str],
    /// Questions of each.
    pub questions: usize,
    /// The baseline.
    pub baseline: &'a str,
    /// The others, and by how much they are better or worse.
    pub against: &'a [(&'a str, f64)],
    /// Who judges everything.
    pub annotators: &'a [&'a str],
    /// Of how many items one comes back.
    pub repeat_one_of: usize,
}

/// A small study with something of everything.
pub const SMALL: Made = Made {
    corpora: &["biomedicine", "law"],
    questions: 12,
    baseline: "reader",
    against: &[("reader-tuned-1000", 0.9), ("reader-tuned-200", -0.8), ("reader-tuned-500", 0.1)],
    annotators: &["ada", "bob"],
    repeat_one_of: 5,
};

impl Made<'_> {
    /// What a report needs to know of its plan.
    pub fn about(&self) -> About {
        About::of(&self.plan(), &self.rubric())
    }

    /// What it was judged by.
    pub fn rubric(&self) -> Rubric {
        Rubric::of(&Settings::defaults().expect("sound").rubric)
    }

    /// Its plan.
    pub fn plan(&self) -> Plan {
        let settings = Settings::defaults().expect("sound");
        Plan {
            id: "made-up".into(),
            title: "A study that never was".into(),
            made: jiff::Timestamp::UNIX_EPOCH,
            seed: 7,
            corpora: self.corpora.iter().map(|c| (*c).to_owned()).collect(),
            split: juxta::corpus::Split::Test,
            questions: self.questions,
            baseline: self.baseline.into(),
            against: self.against.iter().map(|(name, _)| (*name).to_owned()).collect(),
            annotators: self.annotators.iter().map(|a| (*a).to_owned()).collect(),
            overlap: 1.0,
            repeat: 0.2,
            k: 2,
            passage_words: 120,
            passage_overlap: 0,
            ranking: juxta::retrieve::Ranking::Plain,
            sampling: settings.sampling,
            examples: [].into(),
            highlight: vec![],
            frozen: None,
        }
    }

    /// The judgments, by everyone of everything.
    pub fn rated(&self) -> Vec<Rated> {
        let mut random = ChaCha20Rng::seed_from_u64(11);
        let tags = Rubric::of(&Settings::defaults().expect("sound").rubric).tags;
        let mut made = Vec::new();
        for corpus in self.corpora {
            for question in 0..self.questions {
                let level = random.random_range(2.2..4.2);
                for (contender, effect) in self.against {
                    let own = effect + random.random_range(-0.7..0.7);
                    let left = usize::from(random.random_bool(0.5));
                    for annotator in self.annotators {
                        let mut truth = [level, level + own];
                        for value in &mut truth {
                            *value += random.random_range(-0.6..0.6);
                        }
                        let item = format!("{corpus}-{question}-{contender}");
                        let shown = |side: usize| side ^ left;
                        let rate = |random: &mut ChaCha20Rng, answer: usize| {
                            let mut degree = || {
                                (truth[answer] + random.random_range(-0.5..0.5)).round().clamp(1.0, 5.0) as u8
                            };
                            let (accuracy, completeness) = (degree(), degree());
                            Marks {
                                scores: [
                                    ("accuracy".into(), accuracy),
                                    ("completeness".into(), completeness),
                                ]
                                .into(),
                                tags: if truth[answer] < 2.6 {
                                    vec![tags[question % tags.len()].clone()]
                                } else {
                                    vec![]
                                },
                            }
                        };
                        let gap: f64 = truth[1] - truth[0];
                        let better = if truth[0].max(truth[1]) < 2.3 {
                            Verdict::BothBad
                        } else if gap.abs() < 0.4 {
                            Verdict::Tie
                        } else if shown(0) == usize::from(gap > 0.0) {
                            Verdict::A
                        } else {
                            Verdict::B
                        };
                        let names = [self.baseline, contender];
                        let evidence = if truth[shown(1)] < 2.5 {
                            let support = question
                                .is_multiple_of(3)
                                .then_some(PassageSpan { passage: 1, range: (0, 9) });
                            vec![Evidence { side: Side::B, range: (0, 12), tag: tags[0].clone(), support }]
                        } else {
                            vec![]
                        };
                        let first = Rated {
                            item,
                            showing: Showing::First,
                            corpus: (*corpus).into(),
                            question_id: format!("q{question}"),
                            annotator: (*annotator).into(),
                            at: Some(
                                jiff::Timestamp::from_second(1_750_000_000 + 60 * made.len() as i64)
                                    .expect("a time"),
                            ),
                            // As clocks give them: nothing below a millisecond.
                            seconds: Some((random.random_range(15.0..90.0_f64) * 1e3).round() / 1e3),
                            contenders: [names[shown(0)].into(), names[shown(1)].into()],
                            baseline: Some(left),
                            ratings: [rate(&mut random, shown(0)), rate(&mut random, shown(1))],
                            verdict: better,
                            evidence,
                            note: String::new(),
                            flagged: question == 3,
                            reference_shown: question == 4,
                        };
                        if made.len().is_multiple_of(self.repeat_one_of) {
                            let mut again = swapped(&first);
                            again.showing = Showing::Swapped;
                            if random.random_bool(0.3) {
                                again.verdict = Verdict::Tie;
                            }
                            made.push(again);
                        }
                        made.push(first);
                    }
                }
            }
        }
        made
    }
}

/// The same judgment, had the two answers stood on the other sides.
pub fn swapped(rated: &Rated) -> Rated {
    let mut turned = rated.clone();
    turned.contenders.swap(0, 1);
    turned.ratings.swap(0, 1);
    turned.baseline = rated.baseline.map(|side| 1 - side);
    turned.verdict = match rated.verdict {
        Verdict::A => Verdict::B,
        Verdict::B => Verdict::A,
        same => same,
    };
    for evidence in &mut turned.evidence {
        evidence.side = Side::BOTH[1 - evidence.side.index()];
    }
    turned
}
