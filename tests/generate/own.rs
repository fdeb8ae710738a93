//! juxta's own engine against candle's, alone and with several answers from one pass over the weights.

use super::support::{furthest, load, spread};
use juxta::compare;
use juxta::generate::{
    Activations, Completion, Engine, Finish, Model, Quant, Registry, Sampling, Step, Ways,
};
use juxta::job::{Cancel, SILENT};
use juxta::lab::Lab;

const OWN: Ways = Ways { quant: Quant::None, activations: Activations::Bits16, engine: Engine::Own };
const CANDLE: Ways = Ways { engine: Engine::Candle, ..OWN };
const QUANTISED: Ways = Ways { quant: Quant::Q8_0, ..OWN };

fn load_in(ways: Ways, name: &str) -> Model {
    super::support::load_in(ways, name).expect("loads")
}

/// The reader, and an adapter of it for each corpus.
const BUNDLED: [&str; 4] =
    ["reader", "reader-biomedicine-500", "reader-everyday-200", "reader-language-research-200"];

/// Prompts as the lab asks them: test questions of the bundled corpora with what is found for them.
fn prompts(model: &Model, n: usize) -> Vec<String> {
    let data = tempfile::tempdir().expect("a folder");
    let lab = Lab::open(Some(data.path())).expect("opens");
    let mut prompts = Vec::new();
    let corpora = lab.catalog.entries.len();
    for entry in &lab.catalog.entries {
        let index = lab.index(entry, SILENT, &Cancel::new()).expect("built");
        let corpus = entry.read().expect("whole");
        for question in corpus.questions.iter().take(n.div_ceil(corpora)) {
            let hits = index.search(&question.question, 3).expect("found");
            let packed =
                compare::pack(&question.question, &hits, std::iter::once(model), &Sampling::default());
            prompts.push(model.render(&packed.expect("packed").messages).expect("rendered"));
        }
    }
    prompts.truncate(n);
    prompts
}

fn answer(model: &Model, prompt: &str, most: usize) -> Completion {
    let sampling = Sampling { max_tokens: most, ..Sampling::default() };
    model.generate(prompt, &sampling, &Cancel::new(), &mut |_| {}).expect("answers")
}

/// `JUXTA_PROMPTS=100 cargo test --test generate same_greedy` asks so many, of every adapter that is bundled.
#[test]
fn the_bundled_models_say_the_same_greedy_words_as_with_candle() {
    let asked = std::env::var("JUXTA_PROMPTS").ok().and_then(|n| n.parse().ok());
    let (n, names): (usize, Vec<String>) = match asked {
        Some(n) => (n, Registry::discover(None).contenders.into_iter().map(|c| c.name).collect()),
        None => (3, BUNDLED.map(str::to_owned).into()),
    };
    for name in &names {
        let (own, candle) = (load_in(Ways::default(), name), load_in(CANDLE, name));
        assert!(own.facts().engine.starts_with("juxta-engine llama"), "{}", own.facts().engine);
        assert!(candle.facts().engine.starts_with("candle llama"), "{}", candle.facts().engine);
        for prompt in prompts(&own, n) {
            let (a, b) = (answer(&own, &prompt, 48), answer(&candle, &prompt, 48));
            assert_eq!((a.text, a.tokens, a.finish), (b.text, b.tokens, b.finish), "{name}");
        }
    }
}

#[test]
fn a_base_and_its_adapter_that_answer_at_the_same_time_say_what_each_says_alone() {
    let (base, tuned) = (load_in(Ways::default(), BUNDLED[0]), load_in(Ways::default(), BUNDLED[1]));
    let prompts = prompts(&base, 2);
    let alone: Vec<[Completion; 2]> =
        prompts.iter().map(|p| [answer(&base, p, 40), answer(&tuned, p, 40)]).collect();
    assert!(alone.iter().any(|[a, b]| a.text != b.text), "nothing to tell apart");
    for (prompt, expected) in prompts.iter().zip(&alone) {
        let together = std::thread::scope(|scope| {
            let threads = [&base, &tuned].map(|model| scope.spawn(|| answer(model, prompt, 40)));
            threads.map(|thread| thread.join().expect("no panic"))
        });
        for (a, b) in together.iter().zip(expected) {
            assert_eq!((&a.text, a.tokens, a.finish), (&b.text, b.tokens, b.finish));
        }
    }
}

#[test]
fn a_base_and_its_adapter_answer_from_the_same_weights_and_say_how_many_bytes_they_are() {
    let [base, tuned] = [BUNDLED[0], BUNDLED[1]].map(|name| load_in(QUANTISED, name));
    let (other, candle) = (load_in(QUANTISED, "grouped"), load_in(CANDLE, BUNDLED[0]));
    assert!(base.shares_weights_with(&tuned) && !base.shares_weights_with(&other));
    assert!(!candle.shares_weights_with(&load_in(CANDLE, BUNDLED[1])));
    let bytes = base.weight_bytes().expect("known");
    assert_eq!((tuned.weight_bytes(), candle.weight_bytes()), (Some(bytes), None));
    // Eight million weights in 8.5 bits, a head that is the embedding among them.
    assert!((7_000_000..12_000_000).contains(&bytes), "{bytes}");
}

#[test]
fn many_answers_at_once_are_those_of_each_alone() {
    let model = load_in(QUANTISED, BUNDLED[0]);
    let prompts = prompts(&model, 6);
    let alone: Vec<String> = prompts.iter().map(|p| answer(&model, p, 16).text).collect();
    let together: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = prompts.iter().map(|p| scope.spawn(|| answer(&model, p, 16).text)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(together, alone);
}

#[test]
fn a_quantised_model_is_near_the_whole_one_and_says_that_it_is_quantised() {
    for name in [BUNDLED[0], BUNDLED[1], "grouped", "qwen2", "qwen3", "qwen3-yarn", "lora-qwen2"] {
        let (whole, quantised) = (load_in(Ways::default(), name), load_in(QUANTISED, name));
        assert!(quantised.facts().engine.contains("q8_0"), "{}", quantised.facts().engine);
        let tokens: Vec<u32> = (3..60).collect();
        let (a, b) = (whole.logits(&tokens).expect("logits"), quantised.logits(&tokens).expect("logits"));
        let off: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        let share = spread(&off) / spread(&a);
        // The bundled ones lose below 0.03. Tiny models with drawn weights lose most, and with a drawn adapter, which makes
        // more of every error: 0.067. It is the weights' own rounding: what is multiplied in 16 bits and the adapter's
        // halves in f16 are a sixtieth of it at most (`tests/reference/quantised.py` tells them apart).
        assert!(
            share < if name.starts_with("reader") { 0.03 } else { 0.08 },
            "{name}: off by {share} of the spread"
        );
        assert!(furthest(&a, &b) > 0.0, "{name}: not quantised at all");
    }
}

#[test]
fn activations_in_eight_bits_are_coarser_and_said_wherever_weights_are_quantised() {
    for name in ["grouped", "lora-qwen2"] {
        let whole = load_in(OWN, name);
        let [fine, coarse] = [Activations::Bits16, Activations::Bits8]
            .map(|activations| load_in(Ways { activations, ..QUANTISED }, name));
        assert_eq!(coarse.facts().engine, format!("{} 8-bit activations", fine.facts().engine));
        let tokens: Vec<u32> = (3..60).collect();
        let [a, b, c] = [&whole, &fine, &coarse].map(|model| model.logits(&tokens).expect("logits"));
        assert!(furthest(&b, &c) > 0.0, "{name}: nothing was rounded");
        // Of weights as they are nothing is rounded, and nothing is said.
        let untouched = load_in(Ways { activations: Activations::Bits8, ..OWN }, name);
        assert_eq!(untouched.facts().engine, whole.facts().engine);
        assert_eq!(untouched.logits(&tokens).expect("logits"), a);
    }
}

#[test]
fn four_bits_are_of_the_layers_alone_and_said() {
    for name in [BUNDLED[0], BUNDLED[1], "grouped", "qwen2", "lora-qwen2"] {
        let [whole, eight, four] =
            [Quant::None, Quant::Q8_0, Quant::Q4_0].map(|quant| load_in(Ways { quant, ..OWN }, name));
        assert!(
            four.facts().engine.contains("q4_0") && four.facts().engine.contains("q8_0"),
            "{}",
            four.facts().engine
        );
        let tokens: Vec<u32> = (3..60).collect();
        let [a, b, c] = [&whole, &eight, &four].map(|model| model.logits(&tokens).expect("logits"));
        let share = |other: &[f32]| {
            let off: Vec<f32> = a.iter().zip(other).map(|(a, b)| a - b).collect();
            spread(&off) / spread(&a)
        };
        super::support::tell(format_args!(
            "{name}: q8_0 off by {} of the spread, q4_0 by {}",
            share(&b),
            share(&c)
        ));
        assert!(share(&c) > share(&b), "{name}: no coarser");
        assert!(
            share(&c) < if name.starts_with("reader") { 0.4 } else { 0.6 },
            "{name}: off by {}",
            share(&c)
        );
    }
}

#[test]
fn quantising_what_the_engine_has_not_is_refused_by_name() {
    let refused = super::support::load_in(QUANTISED, "gemma2");
    super::support::refused(refused, &["gemma2", "quant = q8_0"]);
}

#[test]
fn what_was_read_before_is_not_read_again_and_changes_nothing() {
    let model = load("grouped").expect("loads");
    let prompt = "one two three four five six seven eight";
    let read = |prompt: &str| {
        let mut steps = Vec::new();
        let mut on = |step| {
            if let Step::Reading { read, .. } = step {
                steps.push(read);
            }
        };
        let sampling = Sampling { max_tokens: 4, ..Sampling::default() };
        (model.generate(prompt, &sampling, &Cancel::new(), &mut on).expect("answers"), steps)
    };
    let (first, _) = read(prompt);
    let (again, steps) = read(prompt);
    assert_eq!((first.text, first.tokens), (again.text, again.tokens));
    assert_eq!(steps[..2], [0, again.prompt_tokens - 1], "all but the last token was there");
}

#[test]
fn an_answer_that_is_stopped_while_another_goes_on_leaves_it_alone() {
    let (base, tuned) = (load_in(Ways::default(), BUNDLED[0]), load_in(Ways::default(), BUNDLED[1]));
    let prompt = prompts(&base, 1).remove(0);
    let alone = answer(&base, &prompt, 40);
    let cancel = Cancel::new();
    let (whole, stopped) = std::thread::scope(|scope| {
        let whole = scope.spawn(|| answer(&base, &prompt, 40));
        let stopped = scope.spawn(|| {
            let mut on = |step| {
                if matches!(step, Step::Text { count, .. } if count.tokens >= 3) {
                    cancel.cancel();
                }
            };
            tuned.generate(&prompt, &Sampling::default(), &cancel, &mut on).expect("what was said")
        });
        (whole.join().expect("no panic"), stopped.join().expect("no panic"))
    });
    assert_eq!((whole.text, whole.tokens), (alone.text, alone.tokens));
    assert_eq!(stopped.finish, Finish::Cancelled);
    assert!(stopped.tokens <= 4, "{} tokens", stopped.tokens);
}
