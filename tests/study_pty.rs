//! A study as people meet it: planned by the lab's form, left, opened again, generated; and one from its plan to its
//! report, every command in a terminal of its own.
#![cfg(unix)]

mod support;

use juxta::study::{Showing, Study};
use portable_pty::CommandBuilder;
use serde_json::Value;
use std::fs;
use std::path::Path;
use support::{Lab, PAIR, environment, headless, program};

const ENTER: &str = "\r";
const ESC: &str = "\x1b";
/// What the reader is compared with.
const AGAINST: &str = "reader-biomedicine-500,reader-everyday-200";

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

/// The places of a reviewer of the whole study below: four items, and one of them again.
const PLACES: usize = 5;

#[test]
fn a_study_is_planned_generated_reviewed_by_two_merged_unblinded_and_reported() {
    let data = tempfile::tempdir().expect("a folder");
    tiny_corpus(data.path());
    fs::write(data.path().join("settings.toml"), "[retrieval]\nk = 1\n[sampling]\nmax_tokens = 12\n")
        .expect("written");
    let place = |name: &str| data.path().join(name).to_str().expect("UTF-8").to_owned();
    let (paper, copy) = (place("paper"), place("for-bob"));
    let run = |args: &[&str], says: &[&str]| {
        let (code, output) = Lab::start(juxta(data.path(), args)).end();
        assert_eq!(code, 0, "{args:?}: {output}");
        for said in says {
            assert!(output.contains(said), "{said:?} is not in what {args:?} says: {output}");
        }
        output
    };

    let new = ["study", "new", &paper, "--corpus", "tiny", "--questions", "2", "--against", AGAINST];
    let people = ["--annotators", "ada,bob", "--overlap", "1", "--repeat", "0.25", "--title", "Which one?"];
    run(&[&new[..], &people].concat(), &["2 questions, 4 items, for ada, bob", "study generate"]);
    run(&["study", "generate", &paper], &["4 of 4 items are there (6 answers made now)"]);
    run(&["study", "hand-out", &paper, "--annotator", "bob", "--to", &copy], &["5 items for bob"]);

    for (folder, who, keys) in [(&paper, "ada", "5422a"), (&copy, "bob", "4332t")] {
        let mut lab = Lab::start(juxta(data.path(), &["review", folder, "--annotator", who]));
        for done in 0..PLACES {
            lab.wait("an item", |rows| {
                rows.show(&format!("{done}/{PLACES} done")) && rows.show("Rating · Accuracy of A")
            });
            lab.keys(keys);
        }
        lab.wait_for(&format!("All your {PLACES} items are rated"));
        lab.keys("q");
        let (code, seen) = lab.end();
        assert_eq!(code, 0, "{seen}");
        for name in AGAINST.split(',').chain(["reader", "tokens"]) {
            assert!(!seen.contains(name), "{name} was shown to {who}");
        }
    }

    run(&["study", "merge", &paper, &copy], &["5 new reviews"]);
    run(&["study", "merge", &paper, &copy], &["0 new reviews"]);
    let status = run(&["study", "status", &paper], &["Which one? (paper): blind, 4 of 4 items are there"]);
    assert_eq!(status.matches("5/5").count(), 2, "{status}");
    let blind = run(&["study", "report", &paper], &["The study is blind", "Krippendorff"]);
    assert!(AGAINST.split(',').all(|name| !blind.contains(name)), "{blind}");
    run(&["study", "verify", &paper], &[]);
    run(&["study", "unblind", &paper], &["juxta study results"]);

    let html = place("paper.html");
    run(&["study", "report", &paper, "--html", &html], &["the report is in"]);
    let html = fs::read_to_string(html).expect("written");
    assert!(html.contains("</html>") && html.contains("<svg") && !html.contains("<script"));
    let figures = |args: &[&str]| -> Value {
        let (code, out, errors) = headless(data.path(), args);
        assert_eq!(code, 0, "{errors}");
        serde_json::from_str(&out).expect("a report")
    };
    let mut report = figures(&["study", "report", &paper, "--json"]);
    let seen = &report["seen"];
    assert_eq!([&seen["judgments"], &seen["repeats"], &seen["items"], &seen["questions"]], [8, 2, 4, 2]);
    assert_eq!(report["annotators"].as_array().map(Vec::len), Some(2));
    // Ada gave the left answer three points of accuracy more, Bob one: so who was better hangs on the sides alone.
    let rated = Study::open(Path::new(&paper)).and_then(|s| s.rated()).expect("unblinded");
    let scope = &report["results"][0];
    for contender in scope["contenders"].as_array().expect("three").iter().skip(1) {
        let name = contender["name"].as_str().expect("a name").to_owned();
        let more: Vec<f64> = rated
            .iter()
            .filter(|r| r.showing == Showing::First && r.contenders.contains(&name))
            .map(|r| {
                [-1.0, 1.0][r.baseline.expect("one of the two")]
                    * [1.0, 3.0][usize::from(r.annotator == "ada")]
            })
            .collect();
        assert_eq!(more.len(), 4, "two questions, two annotators");
        let change = contender["ratings"][0]["change"]["difference"]["value"].as_f64().expect("a figure");
        assert!((change - more.iter().sum::<f64>() / 4.0).abs() < 1e-12, "{contender}");
    }

    // What leaves is the study: the same figures come from its exports, but for how the answers were made, which judgments
    // do not tell.
    for contender in report["results"][0]["contenders"].as_array_mut().expect("three") {
        let made =
            contender.as_object_mut().and_then(|fields| fields.remove("made")).expect("told, unblinded");
        assert!(made["answers"].as_u64() >= Some(2), "{made}");
    }
    let csv = place("paper.csv");
    run(&["export", &paper, "--format", "csv", "-o", &csv], &["10 judgments written to"]);
    let again = figures(&["study", "report", "--judgments", &csv, "--json"]);
    for part in ["results", "agreement", "annotators", "everyone"] {
        assert_eq!(again[part], report[part], "{part}");
    }

    let mut lab = Lab::start(juxta(data.path(), &["study", "results", &paper]));
    lab.wait_for("8 judgments of 4 items on 2 questions by 2 annotators");
    lab.keys("3");
    lab.wait("changes, drawn and in a table", |rows| {
        rows.show("Change against reader on tiny") && rows.show("signed-rank p")
    });
    lab.keys("q");
    assert_eq!(lab.end().0, 0);
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

/// A command of juxta on a data folder, in a terminal.
fn juxta(data: &Path, args: &[&str]) -> CommandBuilder {
    let mut command = CommandBuilder::new(program());
    command.arg("--data-dir");
    command.arg(data);
    command.args(args);
    environment(&mut command);
    command
}

fn on_tiny_corpus(data: &Path) -> CommandBuilder {
    let mut command = CommandBuilder::new(program());
    command.arg("--data-dir");
    command.arg(data);
    command.args(["--pair", PAIR, "--corpus", "tiny"]);
    environment(&mut command);
    command
}
