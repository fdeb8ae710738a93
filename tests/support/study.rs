//! A small study with invented answers, made as `juxta study new` and `generate` make one, but without any model:
//! three questions, two contenders beside the baseline, six items. Shared by tests in `src/` and in `tests/`.

#![allow(dead_code)] // Every user takes a part of it.

use jiff::Timestamp;
use juxta::compare::{Answer, Finish, Rerun, Role, Trial, support};
use juxta::config::Settings;
use juxta::corpus::Split;
use juxta::generate::{Facts, Sampling};
use juxta::retrieve::{self, Hit};
use juxta::study::{Marks, Plan, Reference, Review, Rubric, Slot, Sources, Study, Verdict};
use std::path::Path;

/// The baseline.
pub const BASELINE: &str = "plain";
/// What it is compared with.
pub const AGAINST: [&str; 2] = ["tuned-200", "tuned-500"];
/// Part of every model digest.
pub const DIGEST: &str = "d1gest0f";
/// What every answer took.
pub struct Figures {
    pub prompt_tokens: usize,
    pub seconds_to_first_token: f64,
    pub seconds: f64,
    pub tokens_per_second: f64,
}
/// Figures that no clock and no count of a test comes upon by chance.
pub const FIGURES: Figures = Figures {
    prompt_tokens: 161_803,
    seconds_to_first_token: 271.828_182,
    seconds: 314.159_265,
    tokens_per_second: 577.215_664,
};
/// The corpus.
pub const CORPUS: &str = "kitchen";

struct Question {
    id: &'static str,
    text: &'static str,
    reference: &'static str,
    points: &'static [&'static str],
    passages: [(&'static str, Option<&'static str>, &'static str); 2],
    /// Of the baseline, then of the others.
    answers: [&'static str; 3],
}

const QUESTIONS: [Question; 3] = [
    Question {
        id: "bread-1",
        text: "Why does bread dough rise?",
        reference: "Yeast turns sugar into carbon dioxide, which the gluten holds.",
        points: &["yeast", "carbon dioxide", "gluten"],
        passages: [
            (
                "Bread",
                Some("Rising"),
                "Yeast turns sugar into carbon dioxide and alcohol. Gluten, a net of proteins, \
              holds the gas, so that the dough rises.",
            ),
            (
                "Yeast",
                None,
                "Yeast is a fungus of a single cell. It works fastest at about 35 °C and dies above 55 °C.",
            ),
        ],
        answers: [
            "Yeast turns sugar into carbon dioxide and alcohol [1]. Gluten, a net of proteins, holds the gas, so \
             that the dough rises [1].",
            "Bread dough rises because yeast is a fungus of a single cell [2]. It works fastest at about 90 °C.",
            "Yeast turns sugar into carbon dioxide [1], and the heat of the oven lets the dough rise.",
        ],
    },
    Question {
        id: "eggs-2",
        text: "At what temperature does egg white set?",
        reference: "Egg white begins to set at about 62 °C.",
        points: &["62 °C"],
        passages: [
            (
                "Eggs",
                Some("Heat"),
                "Egg white begins to set at about 62 °C and is firm at 80 °C. The yolk sets between \
              65 and 70 °C.",
            ),
            ("Custard", None, "A custard sets at about 80 °C; beyond 85 °C it curdles."),
        ],
        answers: [
            "The passages do not say.",
            "Egg white begins to set at about 62 °C and is firm at 80 °C [1].",
            "A custard sets at about 80 °C; beyond 85 °C it curdles [2]. Egg white is a 東京 matter \u{1b}[2Jof \
             taste [3].",
        ],
    },
    Question {
        id: "salt-3",
        text: "Does salt make water boil sooner?",
        reference: "No. Salt raises the boiling point a little: water with salt boils later.",
        points: &["no", "raises the boiling point"],
        passages: [
            (
                "Water",
                Some("Boiling"),
                "Salt raises the boiling point of water: 10 grams in a litre raise it by less \
              than 0.2 °C.",
            ),
            (
                "Pasta",
                None,
                "Pasta water is salted for the taste. Some people add the salt early, some late.",
            ),
        ],
        answers: [
            "Salt raises the boiling point of water [1]. Water boils later with it.",
            "Yes, salt makes water boil sooner.",
            "No. 10 grams in a litre raise it by less than 0.2 °C [1].",
        ],
    },
];

/// A plan with these annotators: half of the items go to everyone, a third come back.
pub fn plan(annotators: &[&str]) -> Plan {
    Plan {
        id: "kitchen-sink".into(),
        title: "A small study".into(),
        made: Timestamp::UNIX_EPOCH,
        seed: 7,
        corpora: vec![CORPUS.into()],
        split: Split::Test,
        questions: QUESTIONS.len(),
        baseline: BASELINE.into(),
        against: AGAINST.map(Into::into).to_vec(),
        annotators: annotators.iter().map(|a| (*a).to_owned()).collect(),
        overlap: 0.5,
        repeat: 0.34,
        k: 2,
        passage_words: 120,
        passage_overlap: 0,
        ranking: juxta::retrieve::Ranking::Plain,
        sampling: Settings::defaults().expect("sound").sampling,
        examples: [].into(),
        highlight: vec![],
        frozen: None,
    }
}

/// A study in `dir` that was planned, not generated.
pub fn planned(dir: &Path) -> Study {
    let rubric = Rubric::of(&Settings::defaults().expect("sound").rubric);
    Study::create(dir, &plan(&["ada", "bob"]), &rubric, "planner").expect("created")
}

/// A study in `dir` that can be reviewed.
pub fn study(dir: &Path, annotators: &[&str]) -> Study {
    let rubric = Rubric::of(&Settings::defaults().expect("sound").rubric);
    let mut study = Study::create(dir, &plan(annotators), &rubric, "planner").expect("created");
    let asked: Vec<(String, &Question)> = QUESTIONS.iter().map(|q| (q.id.to_owned(), q)).collect();
    keep(&mut study, &asked);
    study
}

/// The same with more questions, by asking the three again and again: two items each.
pub fn large(dir: &Path, annotators: &[&str], questions: usize) -> Study {
    let rubric = Rubric::of(&Settings::defaults().expect("sound").rubric);
    let plan = Plan { questions, ..plan(annotators) };
    let mut study = Study::create(dir, &plan, &rubric, "planner").expect("created");
    let again = |n: usize| (format!("{}-{n}", QUESTIONS[n % 3].id), &QUESTIONS[n % 3]);
    keep(&mut study, &(0..questions).map(again).collect::<Vec<_>>());
    study
}

fn keep(study: &mut Study, asked: &[(String, &Question)]) {
    let questions: Vec<_> = asked.iter().map(|(id, _)| (CORPUS.to_owned(), id.clone())).collect();
    let digest = |name: &str| (name.to_owned(), format!("{DIGEST}{name}"));
    let sources = Sources {
        corpora: [digest(CORPUS)].into(),
        contenders: study.plan().contenders().map(digest).collect(),
    };
    let key = study.freeze(&questions, sources, "planner").expect("frozen");
    for (id, sealed) in &key.items {
        let at = asked.iter().position(|(id, _)| *id == sealed.question).expect("one of them");
        let question = asked[at].1;
        let contender = sealed.contender(BASELINE);
        study.keep(&key, id, &trial(question, contender), Some(reference(question))).expect("kept");
    }
}

/// A complete review of a place in the list.
pub fn review(annotator: &str, slot: &Slot, verdict: Verdict) -> Review {
    let marks = |degree| Marks {
        scores: [("accuracy".to_owned(), degree), ("completeness".to_owned(), degree)].into(),
        tags: vec![],
    };
    Review {
        item: slot.item.clone(),
        showing: slot.showing,
        annotator: annotator.into(),
        at: Timestamp::now(),
        seconds: 12.5,
        away: 0.0,
        ratings: [marks(4), marks(2)],
        verdict: Some(verdict),
        evidence: vec![],
        note: String::new(),
        flagged: false,
        skipped: false,
        reference_shown: false,
        shown: vec![],
        juxta: "0".into(),
    }
}

fn reference(question: &Question) -> Reference {
    Reference {
        answer: question.reference.into(),
        key_points: question.points.iter().map(|p| (*p).to_owned()).collect(),
        quotes: vec![question.passages[0].2.into()],
    }
}

fn trial(question: &Question, contender: &str) -> Trial {
    let hits: Vec<Hit> = question
        .passages
        .iter()
        .enumerate()
        .map(|(n, (title, section, text))| Hit {
            rank: n + 1,
            score: 9.5 - n as f32,
            document: title.to_lowercase(),
            title: (*title).into(),
            section: section.map(Into::into),
            passage: n,
            range: (0, text.len()),
            text: (*text).into(),
            matches: vec![],
        })
        .collect();
    let other = 1 + AGAINST.iter().position(|c| *c == contender).expect("one of them");
    let answers = [
        answer(BASELINE, Role::Baseline, question.answers[0], &hits),
        answer(contender, Role::FineTuned, question.answers[other], &hits),
    ];
    Trial {
        id: String::new(),
        asked_at: Timestamp::UNIX_EPOCH,
        again_of: None,
        question: question.text.into(),
        corpus: CORPUS.into(),
        hits,
        answers,
        rerun: Rerun {
            juxta: "0".into(),
            corpus_digest: format!("{DIGEST}{CORPUS}"),
            retrieval: retrieve::Settings::default(),
            k: 2,
            passages_used: 2,
            messages: vec![],
        },
    }
}

fn answer(contender: &str, role: Role, text: &str, hits: &[Hit]) -> Answer {
    Answer {
        contender: contender.into(),
        role,
        text: text.into(),
        tokens: 31,
        passes: None,
        prompt_tokens: FIGURES.prompt_tokens,
        seconds_to_first_token: Some(FIGURES.seconds_to_first_token),
        seconds: FIGURES.seconds,
        tokens_per_second: Some(FIGURES.tokens_per_second),
        finish: Finish::Stop,
        error: None,
        support: support(text, hits.iter().map(|hit| hit.text.as_str())),
        sampling: Sampling::default(),
        model: Some(Facts {
            name: contender.into(),
            digest: format!("{DIGEST}{contender}"),
            base_digest: None,
            template_digest: None,
            architecture: "llama".into(),
            engine: "invented".into(),
            context_tokens: 640,
        }),
        prompt_digest: Some(format!("{DIGEST}-prompt")),
        system_folded: false,
        served: None,
    }
}
