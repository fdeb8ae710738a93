//! A study in the lab as a person meets it: planned by its form, left, opened again, generated.
#![cfg(unix)]

mod support;

use juxta::study::Study;
use portable_pty::CommandBuilder;
use std::fs;
use std::path::Path;
use support::{Lab, PAIR, environment, program};

const ENTER: &str = "\r";
const ESC: &str = "\x1b";

#[test]
fn a_study_is_planned_by_its_form_left_opened_again_and_generated() {
    let data = tempfile::tempdir().expect("a folder");
    tiny_corpus(data.path());
    // Nobody reads these answers.
    fs::write(data.path().join("settings.toml"), "[retrieval]\nk = 1\n[sampling]\nmax_tokens = 12\n")
        .expect("written");
    let dir = data.path().join("paper");
    let named = dir.to_str().expect("UTF-8");

    let mut lab = Lab::start(on_tiny_corpus(data.path()));
    form(&mut lab, named);
    // To those against, where all are removed and the first is set again.
    lab.keys(&"\t".repeat(6));
    lab.wait_for("▸ against");
    lab.keys("a ");
    lab.wait_for("1 of ");
    lab.wait_for("2 questions make 2 items to judge and 4 answers to generate.");
    lab.keys(ENTER);
    lab.wait("the study, planned", |rows| rows.show(" planned ┓") && rows.show("g generates all 4 answers"));
    lab.keys("q");
    let (code, output) = lab.end();
    assert_eq!(code, 0, "{output}");
    let said = output.rsplit("\x1b[?1049l").next().expect("the screen is given back before the end");
    assert!(said.contains("is planned") && said.contains("study generate"), "{said}");
    let study = Study::open(&dir).expect("made");
    assert_eq!((study.plan().questions, study.plan().against.len()), (2, 1));
    assert_eq!(study.item_ids().expect("listed").len(), 0);

    let mut lab = Lab::start(on_tiny_corpus(data.path()));
    form(&mut lab, named);
    lab.keys(ENTER);
    lab.wait_for("This is a study already");
    lab.keys(ENTER);
    lab.wait_for(" planned ┓");
    lab.keys("g");
    lab.wait("all of it", |rows| rows.show(" ready for review ┓") && rows.show("juxta review "));
    lab.keys("q");
    let (code, output) = lab.end();
    assert_eq!(code, 0, "{output}");
    let said = output.rsplit("\x1b[?1049l").next().expect("the screen is given back before the end");
    assert!(!said.contains("juxta:"), "nothing is left to go on with: {said}");
    let study = Study::open(&dir).expect("sound");
    assert_eq!(study.item_ids().expect("listed").len(), 2);
    assert!(study.frozen().is_ok());
}

/// Opens the form and types the folder into it.
fn form(lab: &mut Lab, dir: &str) {
    lab.wait_for("Enter ask");
    lab.keys(ESC);
    lab.wait_for("r rate ");
    lab.keys("S");
    lab.wait_for("tiny has 2");
    lab.keys(dir);
    lab.wait("the folder", |rows| rows.show("/paper ") && !rows.show("tiny-study"));
}

/// A corpus of two questions to judge.
fn tiny_corpus(data: &Path) {
    let corpus = data.join("corpora/tiny");
    fs::create_dir_all(corpus.join("documents")).expect("made");
    let write = |name: &str, text: &str| fs::write(corpus.join(name), text).expect("written");
    write(
        "corpus.toml",
        "id = \"tiny\"\ntitle = \"Tiny\"\ndomain = \"tests\"\ndescription = \"Two sentences.\"\nlanguage = \"en\"\n\
         licence = \"CC0-1.0\"\nsource = \"Written for a test.\"\n",
    );
    write("documents/aspirin.md", "# Aspirin\n\nAspirin lowers fever. Aspirin thins the blood.\n");
    let question = |id: &str, question: &str, answer: &str| {
        serde_json::json!({
            "id": id, "split": "test", "kind": "fact", "question": question, "answer": answer,
            "key_points": [answer], "gold": [{"document": "aspirin", "quote": answer}],
        })
        .to_string()
    };
    let questions = [
        question("t1", "What does aspirin lower?", "Aspirin lowers fever."),
        question("t2", "What does aspirin thin?", "Aspirin thins the blood."),
    ];
    write("questions.jsonl", &(questions.join("\n") + "\n"));
}

fn on_tiny_corpus(data: &Path) -> CommandBuilder {
    let mut command = CommandBuilder::new(program());
    command.arg("--data-dir");
    command.arg(data);
    command.args(["--pair", PAIR, "--corpus", "tiny"]);
    environment(&mut command);
    command
}
