//! The command line from outside: the real binary on a data folder of its own.

mod command;

use command::{Data, PAIR};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

const BUNDLED: [&str; 3] = ["biomedicine", "everyday", "language-research"];
const SMALL: &str = "tests/data/small-corpus";

fn ask<'a>(question: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args =
        vec!["ask", question, "--corpus", "everyday", "--pair", PAIR, "--max-tokens", "24", "--json"];
    args.extend(more);
    args
}

/// The names of an object's fields.
fn fields(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[track_caller]
fn has(value: &Value, expected: &[&str]) {
    let found = fields(value);
    for name in expected {
        assert!(found.contains(name), "no {name} in {found:?}");
    }
}

fn indices(data: &Data) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(data.path().join("indices")) else { return BTreeSet::new() };
    entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn ask_prints_one_object_with_all_it_takes_to_judge_it_and_to_run_it_again() {
    let data = Data::new();
    let question = "How long is the Amazon river?";
    let trial = data.juxta(&ask(question, &["-k", "2"])).json();
    assert_eq!(trial["question"], question);
    assert_eq!(trial["corpus"], "everyday");
    let hits = trial["hits"].as_array().expect("a list");
    assert_eq!(hits.len(), 2);
    for (n, hit) in hits.iter().enumerate() {
        has(hit, &["rank", "score", "document", "title", "text", "matches"]);
        assert_eq!(hit["rank"], n + 1);
        words_of(question, hit);
    }
    assert!(hits[0]["score"].as_f64() >= hits[1]["score"].as_f64());
    assert_eq!(hits[0]["document"], "amazon-river");
    let answers = trial["answers"].as_array().expect("a list");
    let roles: Vec<_> = answers.iter().map(|a| a["role"].as_str().expect("a role")).collect();
    assert_eq!(roles, ["baseline", "fine-tuned"]);
    for answer in answers {
        has(
            answer,
            &[
                "contender",
                "role",
                "text",
                "tokens",
                "seconds_to_first_token",
                "seconds",
                "tokens_per_second",
                "finish",
                "support",
                "sampling",
                "model",
                "prompt_digest",
            ],
        );
        assert!(!answer["text"].as_str().expect("a text").is_empty());
        assert!((1..=24).contains(&answer["tokens"].as_u64().expect("a count")));
        assert!(matches!(answer["finish"].as_str(), Some("stop" | "length")), "{answer:#}");
        assert!(answer["seconds"].as_f64() >= answer["seconds_to_first_token"].as_f64());
        assert_eq!(answer["sampling"]["max_tokens"], 24);
    }
    has(&trial["rerun"], &["juxta", "corpus_digest", "retrieval", "k", "passages_used", "messages"]);
    assert_eq!(trial["rerun"]["k"], 2);

    // What was printed is what was kept.
    let id = trial["id"].as_str().expect("an id");
    let kept = fs::read(data.path().join(format!("trials/everyday/{id}.json"))).expect("kept");
    assert_eq!(serde_json::from_slice::<Value>(&kept).expect("json"), trial);
}

/// The matches are ranges of bytes, in order, each a whole word that begins like a word of the question.
#[track_caller]
fn words_of(question: &str, hit: &Value) {
    let text = hit["text"].as_str().expect("a text");
    let asked: Vec<String> = question
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect();
    let matches = hit["matches"].as_array().expect("a list");
    assert!(!matches.is_empty());
    let mut end = 0;
    for range in matches {
        let at = |n: usize| usize::try_from(range[n].as_u64().expect("a byte")).expect("small");
        assert!(at(0) >= end && at(0) < at(1));
        end = at(1);
        let word = text.get(at(0)..at(1)).expect("on character boundaries");
        assert!(word.chars().all(char::is_alphanumeric), "{word:?}");
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        assert!(
            !letter(text[..at(0)].chars().next_back()) && !letter(text[end..].chars().next()),
            "{word:?}"
        );
        let stem: String = word.to_lowercase().chars().take(4).collect();
        assert!(asked.iter().any(|a| a.starts_with(&stem)), "{word:?} is no word of {question:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let data = Data::new();
    let drawn = |seed| {
        let trial =
            data.juxta(&ask("Why is the sky blue?", &["--temperature", "1.5", "--seed", seed])).json();
        [0, 1].map(|n| trial["answers"][n]["text"].as_str().expect("a text").to_owned())
    };
    let first = drawn("3");
    assert_eq!(first, drawn("3"));
    assert_ne!(first, drawn("4"));
}

#[test]
fn ask_for_people_shows_the_passages_and_both_answers() {
    let data = Data::new();
    let args =
        ["ask", "How long is the Amazon river?", "--corpus", "everyday", "--pair", PAIR, "--max-tokens", "8"];
    let run = data.juxta(&args);
    for part in ["[1] Amazon River", "A · reader (baseline)", "B · reader-biomedicine-500 (fine-tuned)"] {
        assert!(run.ok().contains(part), "{part} in {}", run.out);
    }
}

#[test]
fn search_prints_the_passages_that_ask_would_use() {
    let data = Data::new();
    let question = "How long is the Amazon river?";
    let found = data.juxta(&["search", question, "--corpus", "everyday", "-k", "5", "--json"]).json();
    assert_eq!((&found["question"], &found["corpus"]), (&question.into(), &"everyday".into()));
    let hits = found["hits"].as_array().expect("a list");
    assert_eq!(hits.len(), 5);
    for hit in hits {
        has(hit, &["rank", "score", "document", "title", "text", "matches"]);
        words_of(question, hit);
    }
    let text = data.juxta(&["search", question, "--corpus", "everyday", "-k", "1"]);
    assert!(
        text.ok().starts_with("[1] Amazon River: People and exploration · amazon-river · "),
        "{}",
        text.out
    );
    let none = data.juxta(&["search", "zzzz", "--corpus", "everyday"]);
    assert_eq!(none.ok(), "No passage shares a word with the question.\n");
}

#[test]
fn the_bundled_corpora_are_listed_and_sound() {
    let data = Data::new();
    let listed = data.juxta(&["corpus", "list", "--json"]).json();
    let ids: Vec<_> =
        listed.as_array().expect("a list").iter().map(|c| c["id"].as_str().expect("an id")).collect();
    assert_eq!(ids, BUNDLED);
    for corpus in listed.as_array().expect("a list") {
        has(corpus, &["id", "title", "domain", "description", "language", "licence", "source", "bundled"]);
        assert_eq!(corpus["bundled"], true);
    }
    let mut args = vec!["corpus", "check", "--json"];
    args.extend(BUNDLED);
    let checked = data.juxta(&args).json();
    for corpus in checked.as_array().expect("a list") {
        assert_eq!(corpus["faults"], Value::Array(vec![]), "{}", corpus["id"]);
    }
    let text = data.juxta(&["corpus", "list"]);
    assert!(BUNDLED.iter().all(|id| text.ok().contains(id)));
}

#[test]
fn retrieval_is_measured_on_the_answerable_test_questions() {
    let data = Data::new();
    for id in BUNDLED {
        let found = data.juxta(&["corpus", "eval", id, "--json"]).json();
        assert_eq!(found["corpus"], id);
        let all = &found["all"];
        has(all, &["questions", "hit_at", "recall_at", "mrr", "map", "ndcg_at_10"]);
        let hit_at: Vec<(u64, f64)> =
            serde_json::from_value(all["hit_at"].clone()).expect("depths and shares");
        assert_eq!(hit_at.iter().map(|(k, _)| *k).collect::<Vec<_>>(), [1, 3, 5, 10, 100]);
        assert!(hit_at.windows(2).all(|w| w[0].1 <= w[1].1), "deeper finds no less: {hit_at:?}");
        assert!(hit_at.iter().all(|(_, share)| (0.0..=1.0).contains(share)) && hit_at[1].1 > 0.0);
        let parts = ["few_shared_words", "more_shared_words"].map(|p| found[p]["questions"].as_u64());
        assert_eq!(parts[0].zip(parts[1]).map(|(a, b)| a + b), all["questions"].as_u64());
    }
    let text = data.juxta(&["corpus", "eval", "everyday"]);
    assert!(text.ok().contains("hit@3") && text.out.contains("nDCG@10"), "{}", text.out);
}

#[test]
fn models_are_listed_with_their_terms() {
    let data = Data::new();
    let listed = data.juxta(&["model", "list", "--json"]).json();
    let reader = listed.as_array().expect("a list").iter().find(|m| m["name"] == "reader").expect("bundled");
    assert_eq!(reader["kind"], "base");
    assert!(reader["licence"].as_str().expect("a text").contains("CC BY-SA"));
    assert!(data.juxta(&["model", "list"]).ok().contains("reader · base · "));
}

fn judged() -> Data {
    let data = Data::new();
    let trial = include_str!("data/export/20261101T120000Z-00000001.json");
    data.write("trials/everyday/20261101T120000Z-00000001.json", trial);
    data.write("journals/ada.jsonl", include_str!("data/export/ada.jsonl"));
    data.write("journals/bo.jsonl", include_str!("data/export/bo.jsonl"));
    data
}

#[test]
fn exports_hold_each_judgment_that_stands() {
    let data = judged();
    for format in ["jsonl", "csv", "markdown"] {
        let run = data.juxta(&["export", "--format", format]);
        insta::assert_snapshot!(format, run.ok());
        assert!(run.err.is_empty(), "{}", run.err);
    }
}

#[test]
fn an_export_is_never_written_over_a_file() {
    let data = judged();
    let file = data.path().join("out.csv");
    let args = ["export", "--format", "csv", "-o", file.to_str().expect("UTF-8")];
    assert_eq!(data.juxta(&args).ok(), "");
    let written = fs::read(&file).expect("written");
    assert_eq!(written, data.juxta(&["export", "--format", "csv"]).ok().as_bytes());
    fs::write(&file, "mine").expect("written");
    data.juxta(&args)
        .refused(&["out.csv: found a file that is already there; expected a new file. Choose another name"]);
    assert_eq!(fs::read(&file).expect("there"), b"mine");
}

#[test]
fn without_judgments_exports_are_empty_and_no_error() {
    let data = Data::new();
    assert_eq!(data.juxta(&["export", "--format", "jsonl"]).ok(), "");
    assert_eq!(data.juxta(&["export", "--format", "csv"]).ok().lines().count(), 1);
    assert!(data.juxta(&["export", "--format", "markdown"]).ok().contains("None yet."));
}

#[test]
fn a_corpus_in_the_data_folder_is_listed_and_searched() {
    let data = Data::new();
    let folder = data.copy(SMALL, "corpora/small");
    let listed = data.juxta(&["corpus", "list", "--json"]).json();
    let small = listed.as_array().expect("a list").iter().find(|c| c["id"] == "small").expect("listed");
    assert_eq!(small["bundled"], false);
    let hits = |corpus: &str| {
        let found = data.juxta(&["search", "What do kettles boil?", "--corpus", corpus, "--json"]).json();
        found["hits"].clone()
    };
    assert_eq!(hits("small")[0]["document"], "kettle");
    assert_eq!(hits(folder.to_str().expect("UTF-8")), hits("small"), "the same by its path");
    data.juxta(&["corpus", "check", "small"]).ok();
    assert!(data.juxta(&["corpus", "list"]).ok().contains("small · A small corpus · yours · "));
}

#[test]
fn an_index_is_built_again_only_when_the_corpus_has_changed() {
    let data = Data::new();
    let folder = data.copy(SMALL, "corpora/small");
    let search = || data.juxta(&["search", "What do kettles boil?", "--corpus", "small", "--json"]).json();
    search();
    let first = indices(&data);
    assert_eq!(first.len(), 1);
    let stamp = data.path().join("indices").join(first.first().expect("one")).join("meta.json");
    let made = fs::metadata(&stamp).and_then(|m| m.modified()).expect("an index");

    // Neither a later date nor a file that is no part of the corpus is a change.
    fs::write(folder.join("notes.bak"), "not a document").expect("written");
    let manifest = fs::read(folder.join("corpus.toml")).expect("read");
    fs::write(folder.join("corpus.toml"), manifest).expect("written");
    search();
    assert_eq!(indices(&data), first);
    assert_eq!(fs::metadata(&stamp).and_then(|m| m.modified()).expect("the same index"), made);

    fs::write(folder.join("documents/teapot.md"), "# Teapot\n\nTeapots never boil; kettles do.\n")
        .expect("written");
    let hits = search();
    let second = indices(&data);
    assert_eq!(second.len(), 1, "the older index is gone: {second:?}");
    assert_ne!(second, first);
    let found: Vec<_> =
        hits["hits"].as_array().expect("a list").iter().map(|h| h["document"].as_str()).collect();
    assert!(found.contains(&Some("teapot")), "{found:?}");

    data.write("settings.toml", "[retrieval]\npassage_words = 40\n");
    search();
    let shorter = indices(&data);
    assert_ne!(shorter, second, "other passages are another index");
    data.write("settings.toml", "[retrieval]\npassage_words = 40\npassage_overlap = 20\n");
    search();
    assert_ne!(indices(&data), shorter, "and so are those that overlap");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let data = Data::new();
    for args in [
        &["search", "the river", "--corpus", "everyday", "-k", "1000", "--json"][..],
        &["search", "the river", "--corpus", "everyday", "-k", "1000"],
        &["help"],
        &["corpus", "list"],
        &["keys"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_juxta"))
            .arg("--data-dir")
            .arg(data.path())
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        // Gone before the first line: what comes later cannot be written.
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{args:?}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    }
}

#[test]
fn the_data_folder_can_be_named_before_or_after_any_command() {
    let data = judged();
    let dir = data.path();
    let dir = dir.to_str().expect("UTF-8");
    let file = data.path().join("found.csv");
    for command in [
        &["ask", "Kettles?", "--corpus", "small", "--pair", PAIR, "--max-tokens", "1"][..],
        &["search", "Kettles?", "--corpus", "small"],
        &["corpus", "list"],
        &["corpus", "check", "small"],
        &["corpus", "eval", "small"],
        &["model", "list"],
        &["export", "--format", "csv", "-o", file.to_str().expect("UTF-8")],
        &["paths"],
    ] {
        data.copy(SMALL, "corpora/small");
        let mut before = vec!["--data-dir", dir];
        before.extend(command);
        let mut after = command.to_vec();
        after.extend(["--data-dir", dir]);
        // That nothing appeared in the home folder is checked with every run.
        data.bare(&before).ok();
        let _ = fs::remove_file(&file);
        data.bare(&after).ok();
    }
    let paths = data.juxta(&["paths"]);
    assert!(paths.ok().lines().all(|line| line.contains(dir)), "{}", paths.out);
}

#[test]
fn the_help_names_every_command() {
    let data = Data::new();
    let help = data.bare(&["--help"]);
    for command in ["ask", "search", "corpus", "model", "export", "finetune", "paths"] {
        let named = help.ok().lines().any(|l| l.trim_start().starts_with(&format!("{command} ")));
        assert!(named, "{command} in {}", help.out);
        data.bare(&[command, "--help"]).ok();
    }
    for (command, of) in [("corpus", &["list", "check", "eval"][..]), ("model", &["list"])] {
        let help = data.bare(&["help", command]);
        assert!(of.iter().all(|c| help.ok().contains(&format!("\n  {c}"))), "{}", help.out);
    }
    assert!(data.bare(&["--version"]).ok().contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_a_terminal_the_lab_names_the_command_that_needs_none() {
    let data = Data::new();
    data.juxta(&[]).refused(&["terminal: found", "expected a terminal", "`juxta ask"]);
}
