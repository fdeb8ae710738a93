//! Exports of a study by the real binary, judgments read back, and recorded answers as a contender.

mod command;
#[path = "support/study.rs"]
mod sample;

use command::Data;
use juxta::corpus::{Catalog, Split};
use juxta::export;
use juxta::study::{Desk, Review, Study, Verdict};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const FORMATS: [&str; 13] = [
    "jsonl",
    "csv",
    "markdown",
    "label-studio",
    "argilla",
    "trl-dpo",
    "trl-kto",
    "trl-sft",
    "fastchat",
    "fastchat-battles",
    "llm-comparator",
    "promptfoo",
    "ragas",
];

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A study that two people have judged, still blind.
fn judged(data: &Data) -> PathBuf {
    let dir = data.path().join("kitchen");
    sample::study(&dir, &["ada", "bob"]);
    for (annotator, verdict) in [("ada", Verdict::A), ("bob", Verdict::Tie)] {
        let mut desk = Desk::open(&dir, annotator, false).expect("opened");
        let slots = desk.slots().to_vec();
        for (n, slot) in slots.iter().enumerate() {
            let review = sample::review(annotator, slot, verdict);
            // The last one is put off.
            let skipped = annotator == "bob" && n + 1 == slots.len();
            desk.append(Review { skipped, note: format!("{annotator} \u{1b}[2J"), ..review }).expect("kept");
        }
    }
    dir
}

fn unblinded(data: &Data) -> PathBuf {
    let dir = judged(data);
    Study::open(&dir).expect("opened").unblind("planner").expect("unblinded");
    dir
}

#[test]
fn a_study_leaves_in_every_format_as_a_file_or_a_folder() {
    let data = Data::new();
    let dir = unblinded(&data);
    let out = data.path().join("out");
    for format in FORMATS {
        let folder = out.join(format);
        fs::create_dir_all(&folder).expect("made");
        let run = data.juxta(&["export", text(&dir), "--format", format, "-o", text(&folder)]);
        assert_eq!(run.ok(), "");
        run.says(&["judgments written to", "left out: 1 review, skipped or not complete"]);
        assert!(fs::read_dir(&folder).expect("listed").count() > 0, "{format}");
        let again = data.juxta(&["export", text(&dir), "--format", format, "-o", text(&folder)]);
        again.says(&["a file that is already there"]);
        assert_eq!(again.code, Some(1), "{again:#?}");
    }
    assert!(out.join("label-studio/config.xml").is_file());
    assert!(out.join("argilla/.argilla/settings.json").is_file());
    assert_eq!(fs::read_dir(out.join("llm-comparator")).expect("listed").count(), 2, "a file for each pair");

    let file = out.join("tasks.json");
    data.juxta(&["export", text(&dir), "--format", "label-studio", "-o", text(&file)]).ok();
    assert!(file.is_file() && out.join("tasks.xml").is_file(), "beside each other");
    let run = data.juxta(&["export", text(&dir), "--format", "label-studio"]);
    serde_json::from_str::<Value>(run.ok()).expect("the tasks alone");
    run.says(&["config.xml belongs to it"]);
    let run = data.juxta(&["export", text(&dir), "--format", "llm-comparator"]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    run.says(&["several files", "-o DIR"]);
}

#[test]
fn a_blind_study_leaves_without_names_or_not_at_all() {
    let data = Data::new();
    let dir = judged(&data);
    for format in FORMATS {
        let run = data.juxta(&["export", text(&dir), "--format", format]);
        if !["jsonl", "csv"].contains(&format) {
            assert!(run.out.is_empty(), "{run:#?}");
            run.says(&["nobody may know yet who answered", "juxta study unblind"]);
            assert_eq!(run.code, Some(1));
            continue;
        }
        run.ok();
        run.says(&["the contenders' names are left out"]);
        for name in [&sample::AGAINST[..], &[sample::BASELINE, sample::DIGEST, "57.72", "3.14"]].concat() {
            assert!(!run.out.contains(name), "{name} in {format}");
        }
    }
}

#[test]
fn pseudonyms_stand_for_annotators_in_every_format() {
    let data = Data::new();
    let dir = unblinded(&data);
    for format in FORMATS {
        let folder = data.path().join(format!("out-{format}"));
        fs::create_dir(&folder).expect("made");
        data.juxta(&["export", text(&dir), "--format", format, "--anonymise", "-o", text(&folder)]).ok();
        let mut found = false;
        for entry in fs::read_dir(&folder).expect("listed").flatten().filter(|e| e.path().is_file()) {
            let text = fs::read_to_string(entry.path()).expect("read");
            found |= text.contains("annotator-");
            for name in ["\"ada\"", "\"bob\"", ",ada,", ",bob,", "| ada |", "_ada"] {
                assert!(!text.contains(name), "{name} in {format}");
            }
        }
        assert!(found || format == "ragas", "{format}");
    }
}

#[test]
fn what_was_exported_is_read_as_what_was_judged() {
    let data = Data::new();
    let dir = unblinded(&data);
    let expected = Study::open(&dir).expect("opened").rated().expect("unblinded");
    for format in ["csv", "jsonl"] {
        let file = data.path().join(format!("out.{format}"));
        data.juxta(&["export", text(&dir), "--format", format, "-o", text(&file)]).ok();
        assert_eq!(
            export::read_files(&[&file], &Default::default()).expect("read").judgments,
            expected,
            "{format}"
        );
    }
}

#[test]
fn the_lab_s_own_judgments_leave_in_every_format() {
    let data = Data::new();
    let trial = include_str!("data/export/20261101T120000Z-00000001.json");
    data.write("trials/everyday/20261101T120000Z-00000001.json", trial);
    data.write("journals/ada.jsonl", include_str!("data/export/ada.jsonl"));
    data.write("journals/bo.jsonl", include_str!("data/export/bo.jsonl"));
    for format in FORMATS {
        let run = data.juxta(&["export", "--format", format]);
        run.ok();
    }
    let votes = data.juxta(&["export", "--format", "fastchat"]);
    assert_eq!(votes.ok().lines().count(), 2);
    votes.says(&["left out: judgments whose trial is missing (1)"]);
}

#[test]
fn recorded_answers_are_a_contender_of_trials() {
    let data = Data::new();
    let questions = data.juxta(&["corpus", "list"]);
    questions.ok();
    let answers = "nr,said\nnone-such,x\n";
    let file = data.write("answers.csv", answers);
    data.juxta(&["model", "add", "theirs", "--recorded", text(&file)])
        .failed(&["answers.csv:1: found the columns nr, said", "--answer-column"]);

    let table = "question,answer\nHow long is the Amazon river?,\"Some 6,400 km \u{1b}[2J [1].\"\n\
        How long is the  Amazon river?,Another.\nEmpty?,\n";
    let file = data.write("answers.csv", table);
    let run = data.juxta(&["model", "add", "theirs", "--recorded", text(&file)]);
    assert!(run.ok().starts_with("1 answer, in "), "{run:#?}");
    run.says(&[
        "1 × said again, otherwise: the first answer stands: line 3, as line 2",
        "1 × no answer: line 4: Empty?",
    ]);
    data.juxta(&["model", "add", "theirs", "--recorded", text(&file)]).failed(&["a model called theirs"]);
    data.juxta(&["model", "add", "../x", "--recorded", text(&file)]).failed(&["letters, digits"]);
    assert!(data.juxta(&["model", "list"]).ok().contains("theirs · recorded answers"));

    let ask = |question: &str| -> Value {
        let pair = ["--pair", "reader,theirs", "--max-tokens", "4", "--json"];
        let run = data.juxta(&[&["ask", question, "--corpus", "everyday"][..], &pair].concat());
        serde_json::from_str(&run.out).expect("a trial, even where a contender failed")
    };
    let trial = ask("How long is the Amazon river?");
    assert_eq!(trial["answers"][1]["text"], "Some 6,400 km \u{1b}[2J [1].");
    assert_eq!(trial["answers"][1]["model"]["engine"], "recorded answers");
    assert_eq!(trial["answers"][1]["support"]["citations"][0]["names"], 1);
    let other = ask("Why is the sky blue?");
    assert_eq!(other["answers"][1]["finish"], "failed");
    assert!(
        other["answers"][1]["error"]
            .as_str()
            .expect("told")
            .contains("no answer to \"Why is the sky blue?\"")
    );
}

#[test]
fn recorded_answers_are_a_contender_of_studies() {
    let data = Data::new();
    let corpus = Catalog::discover(None).find("biomedicine").and_then(|c| c.read()).expect("bundled");
    let ids: Vec<&str> = corpus.split(Split::Test).map(|q| q.id.as_str()).collect();
    let lines: Vec<String> =
        ids.iter().map(|id| json!({ "nr": id, "said": format!("Recorded for {id}.") }).to_string()).collect();
    let file = data.write("answers.jsonl", lines[1..].join("\n"));
    let add =
        ["model", "add", "theirs", "--recorded", text(&file), "--id-column", "nr", "--answer-column", "said"];
    data.juxta(&add).failed(&["found line 1: ", "name it with --corpus"]);
    let run = data.juxta(&[&add[..], &["--corpus", "biomedicine"]].concat());
    run.ok();
    run.says(&[&format!("1 × a question of the corpus without an answer: {}", ids[0])]);
    fs::remove_dir_all(data.path().join("models/theirs")).expect("removed");
    fs::write(&file, lines.join("\n")).expect("written");
    data.juxta(&[&add[..], &["--corpus", "biomedicine"]].concat()).ok();

    let dir = data.path().join("study");
    let new =
        ["study", "new", text(&dir), "--corpus", "biomedicine", "--against", "theirs", "--questions", "2"];
    data.juxta(&new).ok();
    let plan = dir.join("study.toml");
    let shorter = fs::read_to_string(&plan).expect("there").replace("max_tokens = 120", "max_tokens = 4");
    fs::write(&plan, shorter).expect("written");
    data.juxta(&["study", "generate", text(&dir)]).ok();
    let study = Study::open(&dir).expect("opened");
    let items = study.item_ids().expect("listed");
    assert_eq!(items.len(), 2);
    for id in items {
        let item = study.item(&id).expect("read");
        let recorded = format!("Recorded for {}.", item.question_id);
        assert_eq!(item.answers.iter().filter(|a| a.text == recorded).count(), 1);
    }
    data.juxta(&["study", "verify", text(&dir)]).ok();
}
