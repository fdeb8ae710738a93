//! Tokens a second of training on the bundled reader: `cargo bench --bench finetune_speed -- [PAIRS] [TOKENS]`.
//! Prints one JSON object; `tests/reference/speed.py` runs this beside PyTorch + PEFT on the same shapes.
#![allow(clippy::print_stdout)]

use juxta::finetune::{Card, Pair, Recipe, train};
use juxta::folder::Folder;
use juxta::job::Cancel;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).filter(|a| !a.starts_with('-')).map(|a| a.parse::<usize>());
    let pairs = arguments.next().unwrap_or(Ok(48))?;
    let tokens = arguments.next().unwrap_or(Ok(450))?;
    // A digit of the reader's vocabulary is one token: prompts of `tokens - 40`, answers of 39 and the end of turn.
    let digits = |n: usize, from: usize| -> String {
        (0..n).map(|i| char::from(b'0' + ((i * 7 + from * 3 + i * i * from) % 10) as u8)).collect()
    };
    let made: Vec<Pair> = (0..pairs)
        .map(|i| Pair { id: i.to_string(), prompt: digits(tokens - 40, i), answer: digits(39, i + 1) })
        .collect();
    let dir = tempfile::tempdir()?;
    let about = Card {
        title: "speed".into(),
        description: String::new(),
        licence: String::new(),
        base: "reader".into(),
        corpus: "digits".into(),
        corpus_digest: String::new(),
        questions: pairs,
        passages: 0,
        passage_words: 0,
        passage_overlap: 0,
    };
    let recipe = Recipe { epochs: 1, max_tokens: 2048, ..Recipe::default() };
    let base = Folder::Bundled("assets/models/reader".into());
    let out = dir.path().join("out");
    let outcome = train(&base, &made, &[], &recipe, &out, &about, &|_| (), &Cancel::new())?;
    println!(
        "{}",
        serde_json::json!({
            "pairs": outcome.examples,
            "tokens": outcome.tokens,
            "seconds": outcome.seconds,
            "tokens_per_second": outcome.tokens as f64 / outcome.seconds,
            "threads": rayon::current_num_threads(),
        })
    );
    Ok(())
}
