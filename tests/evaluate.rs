//! `juxta model eval` from outside: real models asked real questions, killed, asked again, and asked wrongly.

mod command;

use command::{Data, Run};
use juxta::corpus::Split;
use juxta::fault::Error;
use juxta::job::{Cancel, Progress, SILENT};
use juxta::lab::{Evaluating, Lab, evaluated};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const SMALL: &str = "tests/data/small-corpus";
/// Random weights: it answers at once, with nonsense.
const TINY: &str = "tests/data/models/grouped";
const ADAPTER: &str = "reader-biomedicine-500";
/// A debug build on a busy machine answers within this; between two looks for the answer lies the other.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(20);

/// The files of answers.
fn kept(data: &Data) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(data.path().join("evaluations")) else { return Vec::new() };
    let mut paths: Vec<_> = entries.flatten().map(|e| e.path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "jsonl"));
    paths.sort();
    paths
}

/// The ids of the questions that a file has whole answers to.
fn answered(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let answers = records.filter(|r| r["record"] == "answer");
    answers.map(|r| r["question"].as_str().expect("an id").to_owned()).collect()
}

/// Puts the tiny model into the data folder, with a window that holds a prompt.
fn put(data: &Data, to: &str, more: &str) -> PathBuf {
    let folder = data.copy(TINY, to);
    let config = folder.join("config.json");
    let mut settings: Value = serde_json::from_slice(&fs::read(&config).expect("read")).expect("json");
    settings["max_position_embeddings"] = json!(1024);
    fs::write(&config, settings.to_string() + more).expect("written");
    folder
}

/// A tiny model and a small corpus in the data folder.
fn tiny() -> Data {
    let data = Data::new();
    put(&data, "models/tiny", "");
    data.copy(SMALL, "corpora/small");
    data
}

fn eval(data: &Data, more: &[&str]) -> Run {
    let args = [&["model", "eval", "tiny", "--corpus", "small"], more].concat();
    data.juxta(&args)
}

/// What a value is made of: the names of its fields, and what kinds of values they have. A figure exists or says why
/// not; which of the two depends on the answers.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) if fields.contains_key("absent") => {
            assert!(fields.len() == 1 && fields["absent"].is_string(), "{value}");
            json!("figure")
        }
        Value::Object(fields) if fields.contains_key("value") => {
            assert!(fields["n"].as_u64().is_some_and(|n| n > 0) && fields["method"].is_string(), "{value}");
            assert!(fields.contains_key("interval") || fields.contains_key("note"), "{value}");
            json!("figure")
        }
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(k, v)| (k.clone(), shape(v))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(shape).collect()),
        Value::Null => json!(null),
        Value::Bool(_) => json!("truth"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("text"),
    }
}

#[test]
fn an_adapter_is_measured_beside_its_base_on_the_same_questions() {
    let data = Data::new();
    let args = ["model", "eval", ADAPTER, "--corpus", "everyday", "--limit", "3"];
    let found = data.juxta(&[&args[..], &["--json"]].concat()).json();
    insta::assert_json_snapshot!("evaluation", shape(&found));
    let models: Vec<_> = found["models"].as_array().expect("a list").iter().map(|m| &m["name"]).collect();
    assert_eq!(models, ["reader", ADAPTER]);
    assert_eq!((&found["models"][0]["base"], &found["models"][1]["base"]), (&Value::Null, &json!(0)));
    let corpus = &found["corpora"][0];
    assert_eq!((&corpus["questions"], &corpus["corpus"]), (&json!(3), &json!("everyday")));
    let answerable = corpus["answerable"].as_u64().expect("a count");
    for result in corpus["results"].as_array().expect("a list") {
        let figures = &result["figures"];
        for measure in ["token_f1", "rouge_l", "gold_shown", "abstains_answerable"] {
            assert_eq!(figures[measure]["n"], answerable, "{measure}");
            let value = figures[measure]["value"].as_f64().expect("a figure");
            assert!((0.0..=1.0).contains(&value), "{measure} is {value}");
        }
        let unanswerable = figures["abstains_unanswerable"]["n"].as_u64().unwrap_or(0);
        assert_eq!(answerable + unanswerable, 3, "every question counts once");
    }
    assert_eq!(corpus["results"][1]["difference"]["to"], "reader");
    let (base, tuned) = (&corpus["results"][0]["figures"], &corpus["results"][1]["figures"]);
    let of = |figure: &Value| figure["value"].as_f64().expect("a figure");
    let difference = of(&corpus["results"][1]["difference"]["figures"]["token_f1"]);
    assert!((of(&tuned["token_f1"]) - of(&base["token_f1"]) - difference).abs() < 1e-9);

    // Asked again, nobody answers: the files stay, and so does what is printed.
    let before: Vec<_> = kept(&data).into_iter().map(|p| (fs::read(&p).expect("kept"), p)).collect();
    assert_eq!(before.len(), 2);
    let tables = data.juxta(&[&args[..], &["--markdown"]].concat());
    for part in [
        "| model | F1 (n = ",
        "| `reader` | ",
        "| `reader-biomedicine-500` − `reader` | ",
        "95 % intervals",
        "`juxta model eval reader-biomedicine-500 --corpus everyday --limit 3 --markdown` prints this",
    ] {
        assert!(tables.ok().contains(part), "{part} in {}", tables.out);
    }
    let people = data.juxta(&args);
    assert!(people.ok().contains("abstains where it has one") && people.out.contains("against reader"));
    for (bytes, path) in before {
        assert_eq!(fs::read(path).expect("kept"), bytes);
    }

    // What the lab would answer is what was measured.
    let text = fs::read_to_string(corpus["results"][0]["answers"].as_str().expect("a path")).expect("there");
    let answer: Value = serde_json::from_str(text.lines().nth(1).expect("an answer")).expect("json");
    let question =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora/everyday/questions.jsonl"))
            .expect("there")
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("json"))
            .find(|q| q["id"] == answer["question"])
            .expect("its question");
    let question = question["question"].as_str().expect("a text");
    let pair = format!("reader,{ADAPTER}");
    let trial = data.juxta(&["ask", question, "--corpus", "everyday", "--pair", &pair, "--json"]).json();
    assert_eq!(trial["answers"][0]["text"], answer["text"]);
    assert_eq!(trial["answers"][0]["prompt_tokens"], answer["prompt_tokens"]);
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let data = Data::new();
    let args =
        ["model", "eval", "reader", "--corpus", "everyday", "--limit", "4", "--workers", "1", "--json"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_juxta"))
        .arg("--data-dir")
        .arg(data.path())
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let started = Instant::now();
    let first = loop {
        if let Some(path) = kept(&data).first().filter(|path| !answered(path).is_empty()) {
            break path.clone();
        }
        assert!(child.try_wait().expect("a process").is_none(), "it ended without an answer");
        assert!(started.elapsed() < PATIENCE, "no answer within {PATIENCE:?}");
        std::thread::sleep(LOOK);
    };
    child.kill().expect("killed");
    child.wait().expect("it ends");
    let (before, had) = (fs::read(&first).expect("kept"), answered(&first));

    // What a kill in the middle of a write leaves.
    let whole = before.iter().rposition(|b| *b == b'\n').expect("a line") + 1;
    fs::write(&first, [&before[..whole], b"{\"record\":\"answer\",\"quest"].concat()).expect("torn");
    let run = data.juxta(&args);
    assert_eq!(run.json()["corpora"][0]["questions"], 4);
    assert!(run.err.contains("torn last line") && run.err.contains(".torn-1"), "{}", run.err);
    assert!(fs::read(&first).expect("kept").starts_with(&before[..whole]), "what was there stays");
    let mut all = answered(&first);
    assert!(all.starts_with(&had));
    all.sort();
    all.dedup();
    assert_eq!((all.len(), answered(&first).len()), (4, 4), "no question is asked twice");
    assert_eq!(data.juxta(&args).err, "", "told once");
}

#[test]
fn a_cancelled_run_keeps_what_was_answered_and_says_how_long_the_rest_takes() {
    let data = tiny();
    let lab = Lab::open(Some(&data.path())).expect("a lab");
    let wanted = Evaluating {
        models: evaluated(&lab.models.registry(), &["tiny".into()], false).expect("known"),
        corpora: vec![lab.corpus(Some("small")).expect("known")],
        split: Split::Test,
        limit: None,
        workers: std::num::NonZeroUsize::new(1),
    };
    let (cancel, told) = (Cancel::new(), Mutex::new(Vec::new()));
    let report = |progress: Progress| {
        if progress.doing.starts_with("tiny on small") && progress.done == 1 {
            cancel.cancel();
        }
        told.lock().expect("no panic").push(progress);
    };
    assert!(matches!(lab.evaluate(&wanted, &report, &cancel), Err(Error::Cancelled)));
    let told = told.into_inner().expect("no panic");
    let last = told.last().expect("progress");
    assert!(last.doing.starts_with("tiny on small · ") && last.doing.ends_with(" left"), "{last:?}");
    assert_eq!((last.done, last.total), (1, 2));
    assert_eq!(answered(&kept(&data)[0]).len(), 1);
    let whole = lab.evaluate(&wanted, SILENT, &Cancel::new()).expect("goes on");
    assert_eq!((whole.corpora[0].questions, answered(&kept(&data)[0]).len()), (2, 2));
}

#[test]
fn a_question_is_asked_again_when_its_passages_or_the_way_of_asking_are_others() {
    let data = tiny();
    eval(&data, &[]).ok();
    let first = kept(&data);
    assert_eq!((first.len(), answered(&first[0]).len()), (1, 2));

    data.write("settings.toml", "[sampling]\nmax_tokens = 5\n");
    eval(&data, &[]).ok();
    assert_eq!(kept(&data).len(), 2);
    data.write("settings.toml", "[sampling]\nmax_tokens = 5\nseed = 99\n");
    eval(&data, &[]).ok();
    assert_eq!(kept(&data).len(), 2, "a seed makes no difference to greedy answers");

    let template = data.path().join("models/tiny/tokenizer_config.json");
    let text = fs::read_to_string(&template).expect("read");
    fs::write(&template, text + "\n").expect("written");
    eval(&data, &[]).ok();
    assert_eq!(kept(&data).len(), 3, "another model by the same name");

    // An answer to other passages stands in its file, and does not count.
    let data = tiny();
    eval(&data, &[]).ok();
    let path = kept(&data).remove(0);
    let text = fs::read_to_string(&path).expect("read");
    let asked = text.split("\"asked\":\"").nth(1).expect("an answer").split('"').next().expect("a digest");
    fs::write(&path, text.replace(asked, "0000000000000000")).expect("written");
    eval(&data, &[]).ok();
    assert_eq!((kept(&data).len(), answered(&path).len()), (1, 3));
}

#[test]
fn a_model_without_a_base_is_measured_alone_and_what_does_not_exist_is_absent() {
    let data = tiny();
    let found = eval(&data, &["--json"]).json();
    let result = &found["corpora"][0]["results"][0];
    assert_eq!(result["difference"], Value::Null);
    // The small corpus has an answer to each of its questions.
    assert!(result["figures"]["abstains_unanswerable"]["absent"].is_string());
    let people = eval(&data, &[]);
    let after = people.ok().split("abstains where the corpus has no answer\n").nth(1).expect("its figure");
    assert!(after.lines().next().expect("a line").contains("tiny  –"), "{}", people.out);
    let tables = eval(&data, &["--markdown"]);
    assert!(tables.ok().contains("abstains, no answer (n = 0)") && tables.out.contains("| – |"));
    assert!(!tables.out.contains("difference on the same"), "there is no base to differ from");
}

#[test]
fn the_whole_family_of_a_base_is_measured_on_request() {
    let data = tiny();
    let folder = data.copy("tests/data/models/lora", "models/tiny-tuned");
    let config = folder.join("adapter_config.json");
    let text = fs::read_to_string(&config).expect("read");
    let mut settings: Value = serde_json::from_str(&text).expect("json");
    settings["base_model_name_or_path"] = json!("tiny");
    fs::write(&config, settings.to_string()).expect("written");
    let names = |run: Run| -> Vec<String> {
        let found = run.json();
        let models = found["models"].as_array().expect("a list").iter();
        models.map(|m| m["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(eval(&data, &["--json"])), ["tiny"]);
    assert_eq!(names(eval(&data, &["--adapters", "--json"])), ["tiny", "tiny-tuned"]);
    assert_eq!(
        names(data.juxta(&["model", "eval", "tiny-tuned", "--corpus", "small", "--json"])),
        ["tiny", "tiny-tuned"],
        "its base comes with it"
    );
}

#[test]
fn a_file_is_written_once_and_holds_what_is_printed() {
    let data = tiny();
    let file = data.path().join("figures.md");
    let name = file.to_str().expect("UTF-8");
    let run = eval(&data, &["--markdown", "--out", name]);
    assert_eq!(run.ok(), "");
    assert_eq!(fs::read_to_string(&file).expect("written"), eval(&data, &["--markdown"]).ok());
    eval(&data, &["--markdown", "--out", name]).refused(&[
        "figures.md: found a file that is already there; expected a new file. Choose another name",
    ]);
}

#[test]
fn mistakes_are_named_before_any_model_is_asked() {
    let data = tiny();
    let refused = |args: &[&str], parts: &[&str]| {
        data.juxta(&[&["model", "eval"], args].concat()).refused(parts);
        assert_eq!(kept(&data), [] as [PathBuf; 0]);
    };
    refused(
        &["no-such-model", "--corpus", "small"],
        &["no-such-model: found a model that is unknown", "expected one of reader, ", "Choose one of these"],
    );
    refused(
        &["tiny", "--corpus", "small,nowhere"],
        &["corpus: found \"nowhere\"", "expected one of biomedicine, ", "juxta corpus list"],
    );
    refused(
        &["tiny", "--corpus", "small", "--split", "dev"],
        &["corpus small: found no questions of the split dev", "expected questions", "questions.jsonl"],
    );
    refused(
        &["tiny", "--corpus", "small,small"],
        &["corpus small: found the same as the corpus small", "expected each once", "Leave one of them out"],
    );
    let copy = put(&data, "copy", "");
    refused(
        &["tiny", copy.to_str().expect("UTF-8"), "--corpus", "small"],
        &["model copy: found the same as the model tiny", "expected each once"],
    );
    for (args, parts) in [
        (&["--limit", "0"][..], ["'0'", "--limit <N>"]),
        (&["--workers", "0"], ["'0'", "--workers <N>"]),
        (&["--split", "train"], ["'train'", "--split <SPLIT>"]),
        (&["--json", "--markdown"], ["--json", "--markdown"]),
    ] {
        let run = eval(&data, args);
        assert_eq!(run.code, Some(2), "{run:#?}");
        run.says(&parts);
    }
}

#[test]
#[cfg(unix)]
fn hostile_names_and_answers_are_made_printable() {
    let data = tiny();
    let name = "evil\u{1b}[2J`|\u{202e}";
    put(&data, &format!("models/{name}"), "\n");
    for format in [&[][..], &["--markdown"], &["--json"]] {
        let run = data.juxta(&[&["model", "eval", "tiny", name, "--corpus", "small"], format].concat());
        for c in run.ok().chars().chain(run.err.chars()) {
            assert!(!c.is_control() || c == '\n', "{c:?} in {run:#?}");
            assert!(!('\u{202a}'..='\u{202e}').contains(&c), "{c:?} in {run:#?}");
        }
        for row in run.out.lines().filter(|line| line.starts_with("| `evil")) {
            assert_eq!(row.matches('|').count(), 8, "a cell more in {row}");
        }
    }
    // What is kept can be looked at in a terminal too.
    for path in kept(&data) {
        let text = fs::read_to_string(path).expect("kept");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
    }
}
