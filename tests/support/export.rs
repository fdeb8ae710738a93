//! A study to be exported: hostile text, a tie, both bad, several annotators, evidence, an item that came back with
//! its sides swapped, a contender that failed, names and words that other tools trip over. Always the same bytes.

use jiff::Timestamp;
use juxta::compare::{Answer, Finish, Rerun, Role, Side, Support, Trial};
use juxta::config::Settings;
use juxta::corpus::Split;
use juxta::export::{Export, Feed};
use juxta::generate::Sampling;
use juxta::prompt::{self, Message};
use juxta::retrieve::{self, Hit};
use juxta::study::{
    Evidence, Item, Marks, PassageSpan, Plan, Rated, Reference, Review, Rubric, Said, Showing, Verdict,
};
use std::collections::BTreeMap;

/// Clears a screen, turns the order of letters, hides, breaks lines where none are.
pub const HOSTILE: &str = "\u{1b}[2J\u{202e}\u{200b}\u{85}<script>alert(\"1\")</script> 💧é東京";

pub struct Fixture {
    pub plan: Plan,
    pub rubric: Rubric,
    pub items: Vec<Item>,
    pub trials: BTreeMap<String, Trial>,
    pub judgments: Vec<Rated>,
}

impl Fixture {
    pub fn new() -> Self {
        let mut rubric = Rubric::of(&Settings::defaults().expect("sound").rubric);
        rubric.tags.truncate(3);
        rubric.tags.push("says \"<b>\" & more; or less".into());
        let plan = Plan {
            id: "kitchen".into(),
            title: "Kitchen | *science*".into(),
            made: Timestamp::UNIX_EPOCH,
            seed: 7,
            corpora: vec!["kitchen".into()],
            split: Split::Test,
            questions: 2,
            baseline: "plain".into(),
            against: vec!["tuned-200".into(), "gpt-4".into()],
            annotators: vec!["ada".into(), "zoë".into(), "=cy".into()],
            overlap: 1.0,
            repeat: 0.25,
            k: 2,
            passage_words: 120,
            passage_overlap: 0,
            ranking: juxta::retrieve::Ranking::Plain,
            sampling: Settings::defaults().expect("sound").sampling,
            examples: [("tuned-200".into(), 200)].into(),
            highlight: vec![],
            frozen: None,
        };
        let rise = question("bread-1", "Why does bread dough rise?");
        let milk = question("milk-2", "=Does Google know why milk boils over?");
        let plain = "Yeast makes gas [1]. \"Gluten\" holds it.";
        let hostile = format!("{HOSTILE} Yeast is a 'fungus'.\n\n=SUM(A1)\\frac");
        let trials = [
            trial("i1", &rise, [("plain", plain), ("tuned-200", &hostile)]),
            trial("i2", &rise, [("plain", plain), ("gpt-4", "Because llamas knead it.")]),
            trial("i3", &milk, [("plain", "@Foam rises."), ("tuned-200", "")]),
        ];
        // Of the second item the baseline is right.
        let items = [0, 1, 2].map(|n| item(&trials[n], &[&rise, &rise, &milk][n].0, n == 1));
        Self {
            plan,
            rubric,
            judgments: judgments(&items),
            items: items.to_vec(),
            trials: trials.into_iter().map(|t| (t.id.clone(), t)).collect(),
        }
    }

    pub fn feed(&self) -> Feed<'_> {
        Feed { plan: &self.plan, rubric: &self.rubric, items: &self.items, trials: &self.trials }
    }

    pub fn export(&self) -> Export<'_> {
        Export::of_study(self.feed(), &self.judgments)
    }

    /// The same judgments as reviewers' records.
    pub fn reviews(&self) -> Vec<Review> {
        let review = |rated: &Rated| Review {
            item: rated.item.clone(),
            showing: rated.showing,
            annotator: rated.annotator.clone(),
            at: rated.at.expect("it was judged here"),
            seconds: rated.seconds.expect("it was judged here"),
            away: 0.0,
            ratings: rated.ratings.clone(),
            verdict: Some(rated.verdict),
            evidence: rated.evidence.clone(),
            note: rated.note.clone(),
            flagged: rated.flagged,
            skipped: false,
            reference_shown: rated.reference_shown,
            shown: vec![],
            juxta: "0".into(),
        };
        self.judgments.iter().map(review).collect()
    }
}

/// Id and text.
type Question = (String, String);

fn question(id: &str, text: &str) -> Question {
    (id.into(), text.into())
}

fn judgments(items: &[Item; 3]) -> Vec<Rated> {
    let of = |item: usize, annotator: &str, minute: i64, degrees: [[u8; 2]; 2], verdict| Rated {
        item: items[item].id.clone(),
        showing: Showing::First,
        corpus: "kitchen".into(),
        question_id: items[item].question_id.clone(),
        annotator: annotator.into(),
        at: Some(Timestamp::from_second(1_800_000_000 + 60 * minute).expect("a time")),
        seconds: Some(12.25 + minute as f64),
        contenders: [["plain", "tuned-200"], ["gpt-4", "plain"], ["plain", "tuned-200"]][item]
            .map(Into::into),
        baseline: Some([0, 1, 0][item]),
        ratings: degrees.map(|[accuracy, completeness]| Marks {
            scores: [("accuracy".to_owned(), accuracy), ("completeness".to_owned(), completeness)].into(),
            tags: vec![],
        }),
        verdict,
        evidence: vec![],
        note: String::new(),
        flagged: false,
        reference_shown: false,
    };
    let mut marked = of(0, "ada", 1, [[5, 4], [2, 1]], Verdict::A);
    marked.ratings[1].tags = vec!["wrong fact".into(), "says \"<b>\" & more; or less".into()];
    let text = &items[0].answers[1].text;
    let fungus = text.find("Yeast is").expect("there");
    let place = items[0].passages[1].text.find("fungus").expect("there");
    marked.evidence = vec![
        Evidence {
            side: Side::B,
            range: (fungus, fungus + "Yeast is a 'fungus'.".len()),
            tag: "wrong fact".into(),
            support: Some(PassageSpan { passage: 2, range: (place, place + "fungus".len()) }),
        },
        Evidence { side: Side::A, range: (0, 20), tag: "unsupported".into(), support: None },
    ];
    marked.note = format!("-1 for the second\n{HOSTILE}");
    marked.flagged = true;
    marked.reference_shown = true;
    let mut again = of(0, "ada", 9, [[2, 2], [5, 4]], Verdict::B);
    again.showing = Showing::Swapped;
    again.contenders.reverse();
    again.baseline = Some(1);
    again.note = "again".into();
    vec![
        marked,
        of(0, "zoë", 2, [[4, 4], [4, 3]], Verdict::Tie),
        of(0, "=cy", 3, [[4, 4], [3, 3]], Verdict::A),
        of(1, "ada", 4, [[1, 1], [1, 2]], Verdict::BothBad),
        of(1, "zoë", 5, [[3, 2], [2, 2]], Verdict::A),
        of(2, "ada", 6, [[3, 3], [1, 1]], Verdict::A),
        again,
    ]
}

fn hits() -> Vec<Hit> {
    let hit = |rank, title: &str, section: Option<&str>, text: &str| Hit {
        rank,
        score: 4.5,
        document: title.to_lowercase(),
        title: title.into(),
        section: section.map(Into::into),
        passage: rank - 1,
        range: (0, text.len()),
        text: text.into(),
        matches: vec![],
    };
    vec![
        hit(1, "Bread", Some("Rising"), "Yeast makes gas, which *gluten* holds."),
        hit(2, "Yeast", None, "💧 Yeast is a fungus of a single cell."),
    ]
}

fn trial(id: &str, (_, question): &Question, answers: [(&str, &str); 2]) -> Trial {
    let hits = hits();
    let roles = [Role::Baseline, Role::FineTuned];
    let answers = [0, 1].map(|n| Answer {
        contender: answers[n].0.into(),
        role: roles[n],
        text: answers[n].1.into(),
        tokens: 12 + n,
        passes: None,
        prompt_tokens: 80,
        seconds_to_first_token: Some(0.5),
        seconds: 1.5,
        tokens_per_second: Some(12.0),
        finish: if answers[n].1.is_empty() { Finish::Failed } else { Finish::Stop },
        error: answers[n].1.is_empty().then(|| "weights: found none; expected some.".into()),
        support: Support::default(),
        sampling: Sampling::default(),
        model: None,
        prompt_digest: None,
        system_folded: false,
        served: None,
    });
    let messages: Vec<Message> = prompt::messages(question, &hits);
    Trial {
        id: id.into(),
        asked_at: Timestamp::UNIX_EPOCH,
        again_of: None,
        question: question.clone(),
        corpus: "kitchen".into(),
        answers,
        rerun: Rerun {
            juxta: "0".into(),
            corpus_digest: "00".into(),
            retrieval: retrieve::Settings::default(),
            k: 2,
            passages_used: hits.len(),
            messages,
        },
        hits,
    }
}

fn item(trial: &Trial, question_id: &str, baseline_right: bool) -> Item {
    let mut answers =
        [0, 1].map(|n| Said { text: trial.answers[n].text.clone(), support: Support::default() });
    if baseline_right {
        answers.reverse();
    }
    Item {
        id: trial.id.clone(),
        corpus: trial.corpus.clone(),
        question_id: question_id.into(),
        question: trial.question.clone(),
        reference: (question_id == "bread-1").then(|| Reference {
            answer: "Yeast's gas, held by gluten.".into(),
            key_points: vec!["gas".into()],
            quotes: vec!["Yeast makes gas".into()],
        }),
        passages: trial.hits.clone(),
        answers,
    }
}
