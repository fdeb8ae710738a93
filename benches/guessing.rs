//! What guessing tokens gains: `cargo bench --bench guessing` has the bundled reader and then each of its adapters answer the
//! test questions of their corpora, and prints passes a token and tokens a second where nothing is guessed, where tokens are
//! guessed from prompt and answer, and where also from what contenders before said to the same prompt. The three ways take
//! turns question by question; all must say the same. JUXTA_PROMPTS=N asks so many questions of each corpus.

#![allow(missing_docs, clippy::print_stdout)]

use juxta::compare;
use juxta::generate::{Guessing, Model, Registry, Sampling};
use juxta::job::{Cancel, SILENT};
use juxta::lab::Lab;
use std::time::Instant;

const WAYS: [(Guessing, &str); 3] = [
    (Guessing::Nothing, "nothing"),
    (Guessing::Text, "prompt and answer"),
    (Guessing::Said, "and what was said"),
];

/// What the answers of a contender took in one way.
#[derive(Default, Clone, Copy)]
struct Took {
    tokens: usize,
    passes: usize,
    seconds: f64,
}

fn main() {
    // Run by `cargo test --benches` too.
    let quick = !std::env::args().any(|a| a == "--bench");
    let most = std::env::var("JUXTA_PROMPTS").ok().and_then(|n| n.parse().ok());
    let most = most.unwrap_or(if quick { 1 } else { usize::MAX });
    let data = tempfile::tempdir().expect("a folder");
    let lab = Lab::open(Some(data.path())).expect("opens");
    for entry in &lab.catalog.entries {
        let id = &entry.manifest.id;
        let own = format!("reader-{id}-");
        let names: Vec<String> = Registry::discover(None).contenders.into_iter().map(|c| c.name).collect();
        let names = names.into_iter().filter(|name| name == "reader" || name.starts_with(&own));
        let mut prompts = Vec::new();
        // What was said is kept with the base's weights, for as long as somebody answers from them.
        let mut held = Vec::new();
        for name in names {
            let registry = Registry::discover(None);
            let found = registry.find(&name).expect("bundled");
            let model = Model::load(&found, &registry, SILENT, &Cancel::new()).expect("loads");
            if prompts.is_empty() {
                prompts = asked(&lab, id, &model, most);
            }
            let mut took = [Took::default(); WAYS.len()];
            for prompt in &prompts {
                // What was said is known once the first has said it.
                let said = [2, 0, 1].map(|n| answer(&model, (prompt, WAYS[n].0), &mut took[n]));
                assert!(said.iter().all(|text| *text == said[0]), "{said:?}");
            }
            println!("{name}, {} questions of {id}, {} tokens", prompts.len(), took[0].tokens);
            for ((_, guessed), took) in WAYS.iter().zip(took) {
                let Took { tokens, passes, seconds } = took;
                let (a_token, a_second) = (passes as f64 / tokens as f64, tokens as f64 / seconds);
                println!(
                    "  {guessed:<18} {a_token:.2} passes a token, {a_second:>4.0} tokens a second after the first"
                );
            }
            held.push(model);
        }
    }
}

/// Prompts as the lab asks them: test questions with what is found for them.
fn asked(lab: &Lab, id: &str, model: &Model, most: usize) -> Vec<String> {
    let entry = lab.corpus(Some(id)).expect("bundled");
    let index = lab.index(&entry, SILENT, &Cancel::new()).expect("built");
    let questions = entry.read().expect("whole").questions;
    let test = questions.iter().filter(|q| q.split == juxta::corpus::Split::Test).take(most);
    test.map(|question| {
        let hits = index.search(&question.question, lab.settings.retrieval.k).expect("found");
        let models = std::iter::once(model);
        let packed = compare::pack(&question.question, &hits, models, &Sampling::default()).expect("packed");
        model.render(&packed.messages).expect("rendered")
    })
    .collect()
}

fn answer(model: &Model, asked: (&str, Guessing), took: &mut Took) -> String {
    let started = Instant::now();
    let said =
        model.generate_from(asked, &Sampling::default(), &Cancel::new(), &mut |_| {}).expect("answers");
    let all = started.elapsed().as_secs_f64();
    took.tokens += said.tokens;
    took.passes += said.passes.unwrap_or(said.tokens);
    took.seconds += all - said.seconds_to_first_token.unwrap_or(all);
    said.text
}
