//! The bundled reader, end to end: found, loaded, asked.

use juxta::generate::{Finish, Kind, Mode, Model, Registry, Sampling, Step};
use juxta::job::{Cancel, SILENT};
use juxta::prompt::{Message, Role};

fn load() -> Model {
    let registry = Registry::discover(None);
    let reader = registry.find("reader").expect("bundled");
    Model::load(&reader, &registry, SILENT, &Cancel::new()).expect("loads")
}

fn question() -> Vec<Message> {
    let passages = "[1] Loch Ness\nLoch Ness is a large freshwater loch in the Scottish Highlands. It takes its name \
                    from the River Ness, which flows from its northern end.\n\n[2] Ben Nevis\nBen Nevis is the highest \
                    mountain in Scotland. The summit is 1,345 metres above sea level.";
    vec![
        Message {
            role: Role::System,
            content: "Answer the question using only the passages. Cite passages like [1].".to_owned(),
        },
        Message {
            role: Role::User,
            content: format!("{passages}\n\nQuestion: What is the highest mountain in Scotland?"),
        },
    ]
}

#[test]
fn the_bundled_reader_is_found_without_faults() {
    let registry = Registry::discover(None);
    assert_eq!(registry.faults, []);
    let reader = registry.find("reader").expect("bundled");
    assert_eq!(reader.kind, Kind::Base);
    assert_eq!(reader.parameters, Some(8_392_960));
    assert!(reader.licence.expect("a licence").starts_with("CC BY-SA 4.0"));
}

#[test]
fn the_reader_answers_the_same_each_time_it_is_asked() {
    let reader = load();
    let prompt = reader.render(&question()).expect("renders");
    let mut steps = Vec::new();
    let first = reader
        .generate(&prompt, &Sampling::default(), &Cancel::new(), &mut |step| steps.push(step))
        .expect("answers");
    let again =
        reader.generate(&prompt, &Sampling::default(), &Cancel::new(), &mut |_| {}).expect("answers again");
    assert_eq!(first.text, again.text);
    assert_eq!(first.finish, Finish::Stop);
    assert!(first.tokens > 5 && !first.text.is_empty());
    assert_eq!(first.prompt_tokens, reader.count_tokens(&prompt).expect("counts"));

    assert_eq!(steps[0], Step::Reading { read: 0, prompt_tokens: first.prompt_tokens });
    let pieces: String = steps
        .iter()
        .filter_map(|step| match step {
            Step::Text { piece, .. } => Some(piece.as_str()),
            Step::Reading { .. } => None,
        })
        .collect();
    assert_eq!(pieces, first.text);
}

#[test]
fn a_seed_brings_its_answer_back() {
    let reader = load();
    let prompt = reader.render(&question()).expect("renders");
    let ask = |seed| {
        let sampling = Sampling {
            mode: Mode::at(1.5, None, None).expect("valid"),
            seed,
            max_tokens: 24,
            ..Sampling::default()
        };
        reader.generate(&prompt, &sampling, &Cancel::new(), &mut |_| {}).expect("answers").text
    };
    assert_eq!(ask(1), ask(1));
    assert_ne!(ask(1), ask(2));
}
