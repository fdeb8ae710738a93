//! One fixture for each mistake: what is said about it names the place, what was found, what was expected and the
//! next step, and nothing is left half done.

mod command;

use command::{Data, PAIR, Run};
use std::fs;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bad").join(name).display().to_string()
}

/// A corpus with a mistake is refused by search, leaving no index.
#[track_caller]
fn corpus(name: &str, parts: &[&str]) {
    let data = Data::new();
    data.juxta(&["search", "kettle", "--corpus", &fixture(name)]).refused(parts);
    assert!(!data.path().join("indices").exists(), "something was built of a broken corpus");
}

/// A corpus with a mistake is refused by search, and by the check with the mistake among its results.
#[track_caller]
fn checked(name: &str, parts: &[&str]) {
    corpus(name, parts);
    let run = Data::new().juxta(&["corpus", "check", &fixture(name)]);
    run.failed(&["corpus check: found 1 mistake"]);
    run.says(parts);
}

#[test]
fn a_manifest_that_is_missing() {
    let data = Data::new();
    let parts = [
        "manifest-missing/corpus.toml: found no such file beside documents/kettle.md",
        "expected the file corpus.toml",
        "put the missing file there",
    ];
    data.juxta(&["corpus", "check", &fixture("manifest-missing")]).refused(&parts);
    corpus("manifest-missing", &parts);
}

#[test]
fn a_manifest_that_is_no_toml() {
    corpus(
        "manifest-no-toml",
        &["manifest-no-toml/corpus.toml:3: found ", "expected the fields id, title", "Correct that line"],
    );
}

#[test]
fn a_manifest_without_a_field() {
    corpus(
        "manifest-without-licence",
        &[
            "corpus.toml:1: found missing field `licence`",
            "expected the fields id, title",
            "Correct that line",
        ],
    );
}

#[test]
fn a_manifest_with_an_unknown_field() {
    corpus(
        "manifest-with-an-unknown-field",
        &[
            "corpus.toml:8: found unknown field `colour`",
            "expected the fields id, title",
            "Correct that line",
        ],
    );
}

#[test]
fn a_manifest_with_a_bad_id() {
    corpus(
        "manifest-with-a-bad-id",
        &["corpus.toml, id: found \"../Bad corpus\"", "expected lower-case letters", "Choose such an id"],
    );
}

#[test]
fn a_broken_corpus_keeps_nobody_from_the_others() {
    let data = Data::new();
    data.copy("tests/data/bad/manifest-without-licence", "corpora/broken");
    data.copy("tests/data/small-corpus", "corpora/small");
    data.copy("tests/data/small-corpus", "corpora/small-again");
    let run = data.juxta(&["corpus", "list"]);
    assert!(run.ok().contains("everyday · ") && run.out.contains("small · "));
    let lines: Vec<_> = run.err.lines().collect();
    assert_eq!(lines.len(), 2, "{run:#?}");
    assert!(lines[0].contains("broken/corpus.toml:1: found missing field `licence`"), "{run:#?}");
    assert!(lines[1].contains("small-again/corpus.toml: found the id \"small\" again"), "{run:#?}");
}

#[test]
fn a_document_that_is_not_utf8() {
    checked(
        "document-not-utf8",
        &[
            "documents/pan.md:3: found the byte 0xe9 at offset 19",
            "expected text in UTF-8",
            "Save the file as UTF-8",
        ],
    );
}

#[test]
fn a_corpus_without_documents() {
    checked(
        "no-documents",
        &[
            "no-documents/documents: found no documents",
            "expected one or more files documents/*.md",
            "Add documents",
        ],
    );
}

#[test]
fn a_document_that_is_empty() {
    checked(
        "empty-document",
        &[
            "documents/pan.md: found an empty file",
            "expected the text of a document",
            "Fill the file or remove it",
        ],
    );
}

#[test]
fn two_documents_of_one_id() {
    checked(
        "document-twice",
        &["two documents with the id \"kettle\"", "expected every id once", "Rename one"],
    );
}

#[test]
fn a_line_of_documents_without_a_text() {
    checked(
        "document-line-without-text",
        &[
            "documents.jsonl:2:",
            "found missing field `text`",
            "expected one JSON object with the strings id, title and text",
            "Correct that line",
        ],
    );
}

#[cfg(unix)]
#[test]
fn a_document_whose_name_is_not_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let data = Data::new();
    let folder = data.copy("tests/data/small-corpus", "mine");
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.md");
    if fs::write(folder.join("documents").join(name), "A café.").is_err() {
        return; // Not every file system takes such a name.
    }
    data.juxta(&["search", "kettle", "--corpus", folder.to_str().expect("UTF-8")]).refused(&[
        "found the file name \"caf\\xE9.md\"",
        "expected a name in UTF-8",
        "Rename the file",
    ]);
}

const QUESTION: &str = "expected one JSON object with id, split (train, dev, test)";

#[test]
fn a_question_that_is_no_json() {
    checked(
        "question-no-json",
        &["questions.jsonl:2:", "found expected ident", QUESTION, "Correct that line"],
    );
}

#[test]
fn a_question_of_an_unknown_split() {
    checked(
        "question-of-an-unknown-split",
        &["questions.jsonl:2:", "found unknown variant `exam`", QUESTION, "Correct that line"],
    );
}

#[test]
fn a_question_that_is_there_twice() {
    checked(
        "question-twice",
        &[
            "questions.jsonl:2: found the question id \"boil\"",
            "used once",
            "Give the question an id of its own",
        ],
    );
}

#[test]
fn gold_of_a_document_that_is_missing() {
    checked(
        "gold-of-a-missing-document",
        &[
            "questions.jsonl:2: found gold of the document \"wok\", which is not there",
            "expected the id of a document of this corpus",
            "Correct the id",
        ],
    );
}

#[test]
fn a_gold_quote_that_is_not_in_its_document() {
    checked(
        "gold-quote-not-in-its-document",
        &[
            "questions.jsonl:2: found the gold quote \"A pan fries two eggs.\", which is not in \"pan\"",
            "letter for letter",
            "Copy the sentence",
        ],
    );
}

#[test]
fn a_check_names_every_wrong_question_and_no_right_one() {
    let run = Data::new().juxta(&["corpus", "check", &fixture("three-wrong-questions")]);
    run.failed(&["corpus check: found 3 mistakes"]);
    let places: Vec<_> =
        run.out.lines().filter_map(|l| l.split("questions.jsonl:").nth(1)).map(|l| &l[..1]).collect();
    assert_eq!(places, ["1", "3", "5"], "{run:#?}");
}

/// Settings with a mistake stop every command that would use them.
#[track_caller]
fn settings(name: &str, parts: &[&str]) {
    let data = Data::new();
    data.copy(&format!("tests/data/bad/{name}"), "");
    for args in [&["search", "kettle"][..], &["model", "list"]] {
        data.juxta(args).refused(parts);
    }
}

#[test]
fn settings_with_an_unknown_key() {
    settings(
        "settings-with-an-unknown-key",
        &[
            "settings.toml, retrieval.kk: found a setting that does not exist",
            "expected one of encoder, k, passage_overlap, passage_words, ranking",
            "Correct its name or remove it",
        ],
    );
}

#[test]
fn settings_of_the_wrong_type() {
    settings(
        "settings-of-the-wrong-type",
        &["settings.toml, retrieval.k: found \"many\"", "expected a whole number", "Correct that setting"],
    );
}

#[test]
fn settings_out_of_range() {
    settings(
        "settings-out-of-range",
        &[
            "settings.toml, sampling.top_p: found 1.5",
            "expected more than 0, at most 1",
            "Correct that setting",
        ],
    );
}

#[test]
fn settings_that_are_no_toml() {
    settings(
        "settings-no-toml",
        &["settings.toml:3: found unclosed table", "expected TOML", "Correct that line"],
    );
}

#[test]
fn settings_with_an_unknown_choice() {
    settings(
        "settings-with-an-unknown-choice",
        &[
            "settings.toml, lab.colour: found unknown variant `sometimes`, expected one of `auto`, `always`, `never`",
            "Correct that setting",
        ],
    );
}

#[test]
fn settings_that_are_not_utf8() {
    settings(
        "settings-not-utf8",
        &["settings.toml:2: found the byte 0xeb", "expected text in UTF-8", "Save the file as UTF-8"],
    );
}

/// A question that is refused leaves neither a trial nor an index.
#[track_caller]
fn ask(question: &str, corpus: &str, pair: &str, parts: &[&str]) {
    let data = Data::new();
    data.juxta(&["ask", question, "--corpus", corpus, "--pair", pair, "--max-tokens", "4"]).refused(parts);
    for made in ["trials", "indices"] {
        assert!(!data.path().join(made).exists(), "{made} were made");
    }
}

#[test]
fn a_corpus_that_is_unknown() {
    let parts = [
        "corpus: found \"cooking\"",
        "expected one of biomedicine, everyday, language-research, or the path",
        "`juxta corpus list`",
    ];
    ask("Why?", "cooking", PAIR, &parts);
    let data = Data::new();
    for args in [
        &["search", "Why?", "--corpus", "cooking"][..],
        &["corpus", "eval", "cooking"],
        &["corpus", "check", "cooking"],
    ] {
        data.juxta(args).refused(&parts);
    }
}

#[test]
fn a_model_that_is_unknown() {
    for pair in ["gpt-9,reader", "reader,gpt-9"] {
        ask(
            "Why?",
            "everyday",
            pair,
            &["gpt-9: found a model that is unknown", "expected one of reader", "Choose one of these"],
        );
    }
}

#[test]
fn a_pair_that_is_no_pair() {
    for pair in ["reader", ",", "reader,", ",reader", ""] {
        ask(
            "Why?",
            "everyday",
            pair,
            &[&format!("--pair: found {pair:?}"), "expected two names with a comma", "For instance --pair"],
        );
    }
}

#[test]
fn a_question_that_is_empty() {
    for question in ["", "  \n"] {
        ask(
            question,
            "everyday",
            PAIR,
            &["question: found 0 bytes", "expected a question of 1 to 4000 bytes", "Type a question"],
        );
    }
}

#[test]
fn a_question_of_five_thousand_bytes() {
    ask(
        &"why ".repeat(1250),
        "everyday",
        PAIR,
        &["question: found 4999 bytes", "expected a question of 1 to 4000 bytes", "Shorten it"],
    );
}

#[test]
fn sampling_that_cannot_be() {
    let data = Data::new();
    let ask = ["ask", "Why?", "--pair", PAIR];
    let run = data.juxta(&[&ask[..], &["--temperature", "99"]].concat());
    run.refused(&["temperature: found 99; expected a number from 0", "Change the setting"]);
    for wrong in [["--max-tokens", "0"], ["--max-tokens", "many"], ["-k", "0"], ["--seed=-1", "--json"]] {
        let run = data.juxta(&[&ask[..], &wrong].concat());
        assert_eq!(run.code, Some(2), "{run:#?}");
        run.says(&["error: invalid value", "--help"]);
    }
}

#[test]
fn a_corpus_without_training_questions_trains_nothing() {
    let data = Data::new();
    let corpus = data.copy("tests/data/small-corpus", "mine");
    let out = data.path().join("adapter");
    let [corpus, to] = [&corpus, &out].map(|p| p.to_str().expect("UTF-8"));
    data.juxta(&["finetune", "--corpus", corpus, "--examples", "3", "--out", to]).refused(&[
        "corpus small, --examples: found 0 questions of the split train",
        "expected 3 or more",
        "Choose a corpus with such questions",
    ]);
    assert!(!out.exists(), "nothing was begun");
}

#[test]
fn a_data_folder_that_is_a_file() {
    let data = Data::new();
    let file = data.write("notes.txt", "mine");
    let file = file.to_str().expect("UTF-8");
    for args in [&["search", "Why?"][..], &["model", "list"], &["export", "--format", "csv"]] {
        let run = data.bare(&[&["--data-dir", file], args].concat());
        run.refused(&[
            "notes.txt: found a file",
            "expected a folder to keep judgments in",
            "Choose another folder with --data-dir",
        ]);
    }
    assert_eq!(fs::read(file).expect("there"), b"mine");
}

#[cfg(target_os = "linux")]
#[test]
fn a_data_folder_that_cannot_be_written_to() {
    // Tests may run as root, whom permissions do not bind: below /proc nobody makes a folder.
    for dir in ["/proc/juxta", "/proc"] {
        let run = Data::new().bare(&["--data-dir", dir, "search", "Why?"]);
        run.refused(&[&format!("{dir}: found "), "expected a folder that can be written to", "--data-dir"]);
    }
}

#[test]
fn an_index_folder_that_is_in_the_way() {
    let data = Data::new();
    data.write("indices", "a file");
    data.juxta(&["search", "Why?"]).refused(&[
        "data/indices: found ",
        "expected to make it",
        "Check the disk",
    ]);
    assert_eq!(fs::read(data.path().join("indices")).expect("there"), b"a file");
}

#[test]
fn an_export_into_a_place_that_takes_no_file() {
    let data = Data::new();
    let file = data.write("notes.txt", "mine").join("out.csv");
    let run = data.juxta(&["export", "--format", "csv", "-o", file.to_str().expect("UTF-8")]);
    run.refused(&["notes.txt", "expected to make it"]);
}

fn export(data: &Data) -> Run {
    let run = data.juxta(&["export", "--format", "jsonl"]);
    run.ok();
    run
}

fn judgments(run: &Run) -> Vec<serde_json::Value> {
    run.out.lines().map(|l| serde_json::from_str(l).expect("one JSON object a line")).collect()
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(fixture(name)).expect("the fixture")
}

#[test]
fn a_torn_journal_is_reported_and_kept() {
    let data = Data::new();
    let journal = data.write("journals/ada.jsonl", bytes("journal-torn/ada.jsonl"));
    let run = export(&data);
    run.says(&["ada.jsonl", "a torn last line of 70 bytes", "expected a whole record"]);
    assert_eq!(judgments(&run).len(), 1);
    assert_eq!(fs::read(journal).expect("there"), bytes("journal-torn/ada.jsonl"), "reading changes nothing");
}

#[test]
fn a_wrong_line_in_a_journal_is_named_and_kept() {
    let data = Data::new();
    let name = "journal-with-a-wrong-line/ada.jsonl";
    let journal = data.write("journals/ada.jsonl", bytes(name));
    let run = export(&data);
    run.says(&[
        "ada.jsonl:2: found missing field",
        "expected a judgment, as one JSON object",
        "mend it if it matters",
    ]);
    assert_eq!(judgments(&run)[0]["judgment"]["verdict"], "a");
    assert_eq!(fs::read(journal).expect("there"), bytes(name));
}

/// A trial changed by hand is named and not shown; its judgment is exported all the same.
#[track_caller]
fn trial(name: &str, parts: &[&str]) {
    let data = Data::new();
    let id = "20261101T120000Z-00000001";
    let trial = data.write(&format!("trials/everyday/{id}.json"), bytes(&format!("{name}/trial.json")));
    data.write("journals/ada.jsonl", include_str!("data/export/ada.jsonl"));
    for format in ["jsonl", "csv", "markdown"] {
        let run = data.juxta(&["export", "--format", format]);
        run.ok();
        assert!(run.out.contains(id) && !run.out.contains("Magma"), "{run:#?}");
        assert_eq!(run.err.lines().count(), 1, "{run:#?}");
        run.says(parts);
    }
    let run = export(&data);
    assert_eq!(judgments(&run)[0]["judgment"]["verdict"], "a");
    assert!(judgments(&run)[0]["trial"].is_null());
    assert_eq!(fs::read(trial).expect("there"), bytes(&format!("{name}/trial.json")));

    // The same from within: what the lab would show.
    let trials = juxta::study::Trials::below(data.path().join("trials"));
    let refused = trials.load("everyday", id).expect_err("changed by hand").to_string();
    assert!(parts.iter().all(|p| refused.contains(p)), "{refused}");
}

#[test]
fn a_trial_that_is_no_json() {
    trial(
        "trial-no-json",
        &[
            "20261101T120000Z-00000001.json:",
            "EOF while parsing",
            "expected a trial as juxta wrote it",
            "put back what it was",
        ],
    );
}

#[test]
fn a_trial_with_a_range_outside_its_text() {
    trial(
        "trial-with-a-range-outside-its-text",
        &[
            "found the match (9, 1500) outside passage 2",
            "expected a trial as juxta wrote it",
            "put back what it was",
        ],
    );
}

#[test]
fn a_trial_with_a_range_within_a_character() {
    trial(
        "trial-with-a-range-within-a-character",
        &[
            "found the match (9, 28) outside passage 2",
            "expected a trial as juxta wrote it",
            "put back what it was",
        ],
    );
}

/// Asks a model with a mistake, beside a sound one: its answer says what is wrong, the other answers, the trial is
/// kept, and the exit code tells a script.
#[track_caller]
fn model(folder: &Path, parts: &[&str]) {
    let data = Data::new();
    let pair = format!("{},reader", folder.display());
    let run = data.juxta(&[
        "ask",
        "How long is the Amazon river?",
        "--corpus",
        "everyday",
        "--pair",
        &pair,
        "--max-tokens",
        "4",
        "--json",
    ]);
    run.failed(&["did not answer: "]);
    let trial: serde_json::Value = serde_json::from_str(&run.out).expect("one JSON object");
    let [broken, sound] = [&trial["answers"][0], &trial["answers"][1]];
    assert_eq!(broken["finish"], "failed");
    assert_eq!((broken["text"].as_str(), broken["tokens"].as_u64()), (Some(""), Some(0)));
    assert_ne!(sound["text"], "");
    for part in parts {
        assert!(broken["error"].as_str().expect("a reason").contains(part), "{part:?} in {broken:#}");
        assert!(run.err.contains(part), "{part:?} in {run:#?}");
    }
    assert_eq!(fs::read_dir(data.path().join("trials/everyday")).expect("kept").count(), 1);
}

/// A copy of a tiny model, changed.
fn broken(change: impl Fn(&Path)) -> (Data, PathBuf) {
    let data = Data::new();
    let folder = data.copy("tests/data/models/grouped", "broken");
    change(&folder);
    (data, folder)
}

#[test]
fn a_model_without_weights() {
    let (_data, folder) = broken(|f| fs::remove_file(f.join("model.safetensors")).expect("removed"));
    model(&folder, &["broken/model.safetensors: found ", "; expected ", ". "]);
}

#[test]
fn a_model_whose_weights_are_cut_off() {
    let (_data, folder) = broken(|f| {
        let whole = fs::read(f.join("model.safetensors")).expect("read");
        fs::write(f.join("model.safetensors"), &whole[..whole.len() / 2]).expect("written");
    });
    model(&folder, &["broken/model.safetensors: found ", "; expected ", ". "]);
}

#[test]
fn a_model_whose_template_fails() {
    let (_data, folder) = broken(|f| {
        let settings =
            r#"{"eos_token": "<|im_end|>", "chat_template": "{{ raise_exception('only tools') }}"}"#;
        fs::write(f.join("tokenizer_config.json"), settings).expect("written");
    });
    model(&folder, &["broken/tokenizer_config.json", "only tools"]);
}

#[test]
fn a_model_of_an_unknown_architecture_is_refused_before_anything_is_asked() {
    let (_data, folder) = broken(|f| {
        let config = fs::read_to_string(f.join("config.json")).expect("read");
        fs::write(f.join("config.json"), config.replace("\"llama\"", "\"mamba\"")).expect("written");
    });
    let pair = format!("{},reader", folder.display());
    ask("Why?", "everyday", &pair, &["broken/config.json", "mamba", "expected", "llama"]);
}
