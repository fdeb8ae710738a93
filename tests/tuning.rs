//! Fine-tuning in the lab, with a tiny base on a tiny corpus: what a person calls, interrupts, calls again, and gets
//! wrong.

mod command;

use command::Data;
use juxta::fault::Error;
use juxta::generate::Kind;
use juxta::job::Cancel;
use juxta::lab::{Lab, Recipe, Status, Tuned, Tuning, tuned_name};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A tiny run on a busy machine gets everywhere within this.
const PATIENCE: Duration = Duration::from_secs(300);
const TRAINING: usize = 24;

/// A lab with the base `tiny` and the corpus `letters`, which says what letter comes after which.
fn lab() -> Data {
    let data = Data::new();
    data.copy("tests/data/gradients/tied", "models/tiny");
    let config = fs::read_to_string(data.path().join("models/tiny/config.json")).expect("copied");
    data.write(
        "models/tiny/config.json",
        config.replace("\"max_position_embeddings\": 128", "\"max_position_embeddings\": 512"),
    );
    let template = "{% for m in messages %}{% if m['role'] == 'user' %}{{ '<|im_start|>' + m['content'] + '<|im_end|>' }}\
                    {% endif %}{% endfor %}{{ '<|im_start|>' }}";
    let config = serde_json::json!({ "eos_token": "<|im_end|>", "chat_template": template });
    data.write("models/tiny/tokenizer_config.json", config.to_string());
    data.write("settings.toml", "[retrieval]\nk = 1\npassage_words = 20\n");
    let mut document = "# Letters\n\n".to_owned();
    let mut questions = String::new();
    for n in 0..TRAINING + 4 {
        let (first, second) = (letter(n), letter(n / 26 + 7));
        let quote = format!("After {first}{second} comes {}.", letter(n + 1));
        let _ = writeln!(document, "{quote}");
        let split = match n {
            _ if n < TRAINING => "train",
            _ if n < TRAINING + 2 => "dev",
            _ => "test",
        };
        let question = serde_json::json!({
            "id": format!("q{n}"),
            "split": split,
            "kind": "fact",
            "question": format!("What comes after {first}{second}?"),
            "answer": format!("{} comes.", letter(n + 1)),
            "gold": [{ "document": "letters", "quote": quote }],
        });
        let _ = writeln!(questions, "{question}");
    }
    data.write("corpora/letters/documents/letters.md", document);
    data.write("corpora/letters/questions.jsonl", questions);
    data.write(
        "corpora/letters/corpus.toml",
        "id = \"letters\"\ntitle = \"Letters\"\ndomain = \"letters\"\ndescription = \"For tests.\"\n\
         language = \"en\"\nlicence = \"CC0\"\nsource = \"Made by a test.\"\n",
    );
    data
}

fn letter(n: usize) -> char {
    char::from(b'a' + (n % 26) as u8)
}

/// `juxta finetune …` on them.
fn arguments<'a>(command: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [command, &["--base", "tiny", "--corpus", "letters", "--epochs", "2", "--max-tokens", "300"], more]
        .concat()
}

fn file(folder: &Path, name: &str) -> Vec<u8> {
    fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{}: {e}", folder.join(name).display()))
}

#[track_caller]
fn same_files(a: &Path, b: &Path) {
    let names = |folder: &Path| -> Vec<String> {
        let list = fs::read_dir(folder).expect("a folder").flatten();
        let mut names: Vec<String> = list.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(a), names(b));
    for name in names(a) {
        assert!(file(a, &name) == file(b, &name), "{name} differs");
    }
}

#[test]
fn a_run_without_a_place_makes_a_contender_of_a_lab_that_stays_open() {
    let data = lab();
    let lab = Lab::open(Some(&data.path())).expect("a lab");
    let recipe = Recipe { epochs: 1, max_tokens: 300, ..Recipe::default() };
    let tuning = Tuning {
        base: "tiny".into(),
        corpus: Some("letters".into()),
        examples: 10,
        recipe: recipe.clone(),
        out: None,
    };
    let seen = std::sync::Mutex::new(Vec::new());
    let watch = |status: Status| seen.lock().expect("whole").push(status);
    let Tuned { name, folder, outcome } = lab.finetune(&tuning, &watch, &Cancel::new()).expect("trained");
    assert_eq!(name, "tiny-letters-10-seed1");
    assert_eq!(name, tuned_name("tiny", "letters", 10, &recipe));
    assert_eq!(folder, lab.paths.models().join(&name));
    let found = lab.models.registry().find(&name).expect("known without opening the lab again");
    assert_eq!(found.kind, Kind::Adapter { base: "tiny".into() });
    assert_eq!(found.trained_on.map(|t| (t.corpus, t.examples)), Some(("letters".into(), 10)));

    // The status tells all that a curve needs.
    let seen = seen.into_inner().expect("whole");
    let begun = seen.iter().position(|s| matches!(s, Status::Begun { .. })).expect("it begins");
    let Status::Begun { steps, losses, held_out } = &seen[begun] else { unreachable!() };
    assert_eq!((*steps, losses.len()), (outcome.steps, 0));
    assert_eq!(*held_out, outcome.held_out.map(|h| h.before));
    let losses: Vec<f32> = seen
        .iter()
        .filter_map(|s| if let Status::Step { loss, .. } = s { Some(*loss) } else { None })
        .collect();
    assert_eq!(losses, outcome.losses);

    let again = lab.finetune(&tuning, &|_| (), &Cancel::new());
    assert!(again.expect_err("it is there").to_string().contains("already there"));
}

#[test]
fn after_an_interruption_the_losses_so_far_are_told() {
    let data = lab();
    let lab = Lab::open(Some(&data.path())).expect("a lab");
    let recipe = Recipe { epochs: 3, max_tokens: 300, ..Recipe::default() };
    let (base, corpus) = ("tiny".to_owned(), Some("letters".to_owned()));
    let tuning = Tuning { base, corpus, examples: 16, recipe, out: None };
    let cancel = Cancel::new();
    let told = std::sync::Mutex::new(Vec::new());
    let watch = |status: Status| {
        if let Status::Step { step, loss, .. } = status {
            told.lock().expect("whole").push(loss);
            if step == 4 {
                cancel.cancel();
            }
        }
    };
    assert!(matches!(lab.finetune(&tuning, &watch, &cancel), Err(Error::Cancelled)));
    // An unfinished run is no model, and no fault either.
    let registry = lab.models.refresh();
    assert!(registry.faults.is_empty() && registry.contenders.iter().all(|c| !c.name.contains("letters")));
    let begun = std::sync::Mutex::new(None);
    let watch = |status: Status| {
        if let Status::Begun { losses, .. } = status {
            *begun.lock().expect("whole") = Some(losses);
        }
    };
    lab.finetune(&tuning, &watch, &Cancel::new()).expect("trained");
    assert_eq!(begun.into_inner().expect("whole"), Some(told.into_inner().expect("whole")));
}

#[test]
fn the_command_trains_adapters_and_whole_models_that_are_listed_with_their_examples() {
    let data = lab();
    let out = data.path().join("mine");
    let adapter = data.juxta(&arguments(
        &["finetune"],
        &[
            "--examples",
            "12",
            "--rank",
            "2",
            "--targets",
            "q_proj,v_proj",
            "--out",
            &out.display().to_string(),
        ],
    ));
    adapter.says(&["mine: 12 examples", "held-out questions"]);
    assert!(adapter.ok().contains("loss on 2 held-out questions"));
    assert!(out.join("adapter_model.safetensors").is_file());

    let full =
        data.juxta(&arguments(&["finetune"], &["--examples", "12", "--method", "full", "--json"])).json();
    assert_eq!((&full["name"], &full["examples"]), (&"tiny-letters-12-seed1-full".into(), &12.into()));
    let listed = data.juxta(&["model", "list"]);
    assert!(
        listed
            .ok()
            .contains("tiny-letters-12-seed1-full · fine-tuned from tiny · llama · 12 examples of letters")
    );
    let asked = data.juxta(&["ask", "What comes after ch?", "--corpus", "letters", "--max-tokens", "3"]);
    assert!(asked.ok().contains("tiny-letters-12-seed1-full"), "the pair that the lab would choose");
    // What was trained can be trained on.
    let more = [
        "--base",
        "tiny-letters-12-seed1-full",
        "--corpus",
        "letters",
        "--examples",
        "4",
        "--max-tokens",
        "300",
    ];
    data.juxta(&[&["finetune"], &more[..]].concat()).ok();

    data.juxta(&arguments(&["finetune"], &["--method", "full", "--rank", "4"])).refused(&[
        "--rank: found a setting of adapters",
        "expected --method lora",
        "Leave one of the two out",
    ]);
}

#[test]
fn a_grid_makes_nested_contenders_keeps_what_is_finished_and_refuses_what_is_not_its_own() {
    let data = lab();
    let run = |more: &[&str]| {
        data.juxta(&arguments(&["finetune", "grid"], &[&["--examples", "20,4,10"], more].concat()))
    };
    let made = run(&["--json"]).json();
    let names: Vec<&str> =
        made.as_array().expect("a list").iter().map(|r| r["name"].as_str().expect("one")).collect();
    assert_eq!(names, ["tiny-letters-4-seed1", "tiny-letters-10-seed1", "tiny-letters-20-seed1"]);
    let listed = data.juxta(&["model", "list"]);
    for (name, n) in names.iter().zip([4, 10, 20]) {
        assert!(listed.ok().contains(&format!("{name} · adapter of tiny · {n} examples of letters")));
    }
    // A single run makes the same bytes as one of a grid.
    let alone = data.path().join("alone");
    data.juxta(&arguments(&["finetune"], &["--examples", "10", "--out", &alone.display().to_string()])).ok();
    let models = data.path().join("models");
    same_files(&alone, &models.join("tiny-letters-10-seed1"));

    fs::remove_dir_all(models.join("tiny-letters-10-seed1")).expect("removed");
    let again = run(&[]);
    assert!(again.ok().contains("tiny-letters-4-seed1: kept, it was there"), "{again:?}");
    assert!(again.ok().contains("tiny-letters-10-seed1: 10 examples"), "{again:?}");
    same_files(&alone, &models.join("tiny-letters-10-seed1"));

    fs::remove_dir_all(models.join("tiny-letters-4-seed1")).expect("removed");
    run(&["--lr", "0.002"]).refused(&[
        "tiny-letters-10-seed1: found a model of another run: learning_rate = 0.001 where 0.002 is asked for",
        "expected nothing, or what this run makes",
        "Choose another --out or --name",
    ]);
    assert!(!models.join("tiny-letters-4-seed1").exists(), "refused before the first run begins");

    let into = data.path().join("into");
    let named = run(&["--lr", "0.002", "--out", &into.display().to_string(), "--json"]).json();
    assert_eq!(named[2]["name"], "tiny-letters-20");
    assert!(into.join("tiny-letters-20/adapter_config.json").is_file());
    let named = run(&["--lr", "0.002", "--name", "mine", "--json"]).json();
    assert_eq!(named[0]["out"].as_str().map(PathBuf::from), Some(models.join("mine-4")));
}

/// Starts a run that goes on for some seconds.
#[cfg(unix)]
fn start(data: &Data, out: &Path) -> std::process::Child {
    let (home, out) = (data.path(), out.display().to_string());
    let long = ["--examples", "24", "--epochs", "5", "--accumulate", "1", "--dropout", "0.1", "--out", &out];
    let base = ["finetune", "--base", "tiny", "--corpus", "letters", "--max-tokens", "300"];
    Command::new(env!("CARGO_BIN_EXE_juxta"))
        .args(["--data-dir", &home.display().to_string()])
        .args(base)
        .args(long)
        .env("HOME", &home)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

/// Waits until the checkpoint is another one than `before`, and sends a signal.
#[cfg(unix)]
fn strike(mut child: std::process::Child, out: &Path, before: &[u8], signal: &str) -> (ExitStatus, String) {
    let part = out.with_extension("part").join("checkpoint.safetensors");
    let began = Instant::now();
    loop {
        let saved = fs::read(&part).unwrap_or_default();
        if !saved.is_empty() && saved != before {
            break;
        }
        if child.try_wait().expect("a child of ours").is_some() {
            panic!("it ended before it could be stopped: {:?}", child.wait_with_output());
        }
        assert!(began.elapsed() < PATIENCE, "no checkpoint of a run within {PATIENCE:?}");
        std::thread::yield_now();
    }
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success(), "the run was over before it could be stopped");
    let output = child.wait_with_output().expect("it ends");
    (output.status, String::from_utf8(output.stderr).expect("UTF-8"))
}

#[cfg(unix)]
#[test]
fn a_run_stopped_by_ctrl_c_or_killed_goes_on_to_the_same_bytes() {
    use std::os::unix::process::ExitStatusExt;
    let data = lab();
    let (whole, broken) = (data.path().join("whole"), data.path().join("broken"));
    let checkpoint = broken.with_extension("part").join("checkpoint.safetensors");
    for signal in ["-INT", "-TERM"] {
        let before = fs::read(&checkpoint).unwrap_or_default();
        let (status, said) = strike(start(&data, &broken), &broken, &before, signal);
        assert_eq!(status.code(), Some(130), "{said}");
        assert!(
            said.contains("juxta: stopped. What was learnt is kept") && said.contains("same command"),
            "{said}"
        );
    }
    let before = fs::read(&checkpoint).expect("kept");
    let (status, _) = strike(start(&data, &broken), &broken, &before, "-KILL");
    assert_eq!(status.signal(), Some(9));
    assert!(!broken.exists() && checkpoint.is_file());
    for out in [&broken, &whole] {
        let ended = start(&data, out).wait_with_output().expect("it ends");
        assert!(ended.status.success(), "{ended:?}");
    }
    same_files(&whole, &broken);
    assert!(!broken.with_extension("part").exists());
}

/// `juxta …` where no file may become longer than `blocks` of 512 bytes: as a full disk, for every user.
#[cfg(unix)]
fn with_a_small_disk(data: &Data, blocks: usize, arguments: &[&str]) -> (ExitStatus, String) {
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f {blocks} && exec \"$0\" \"$@\""))
        .arg(env!("CARGO_BIN_EXE_juxta"))
        .args(["--data-dir", &data.path().display().to_string()])
        .args(arguments)
        .env("HOME", data.path())
        .output()
        .expect("sh runs");
    (output.status, String::from_utf8(output.stderr).expect("UTF-8"))
}

#[cfg(unix)]
#[test]
fn a_full_disk_stops_a_run_and_loses_nothing_that_was_saved() {
    let data = lab();
    let arguments = arguments(&["finetune"], &["--examples", "20", "--rank", "16"]);
    // The index is built and fits; the state of the run does not.
    data.juxta(&["search", "letters", "--corpus", "letters"]).ok();
    let (status, said) = with_a_small_disk(&data, 256, &arguments);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("checkpoint.safetensors: found File too large"), "{said}");
    assert!(said.contains("Free some space; nothing that was there has been changed"), "{said}");
    let models = data.path().join("models");
    let name = "tiny-letters-20-seed1";
    let part = models.join(format!("{name}.part"));
    assert!(!models.join(name).exists() && !part.join("checkpoint.safetensors.new").exists());

    // Stopped when all is learnt and nothing is written yet.
    {
        let lab = Lab::open(Some(&data.path())).expect("a lab");
        let recipe = Recipe { rank: 16, epochs: 2, max_tokens: 300, ..Recipe::default() };
        let (base, corpus) = ("tiny".to_owned(), Some("letters".to_owned()));
        let tuning = Tuning { base, corpus, examples: 20, recipe, out: None };
        let cancel = Cancel::new();
        let watch = |status: Status| {
            if matches!(status, Status::Step { step, steps, .. } if step == steps) {
                cancel.cancel();
            }
        };
        assert!(matches!(lab.finetune(&tuning, &watch, &cancel), Err(Error::Cancelled)));
    }
    let before = file(&part, "checkpoint.safetensors");
    let (status, said) = with_a_small_disk(&data, 64, &arguments);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("adapter_model.safetensors: found File too large"), "{said}");
    assert!(!models.join(name).exists() && file(&part, "checkpoint.safetensors") == before);
    data.juxta(&arguments).ok();
    let alone = data.path().join("alone");
    data.juxta(&[&arguments[..], &["--out", &alone.display().to_string()]].concat()).ok();
    same_files(&alone, &models.join(name));
}

#[test]
fn what_cannot_be_trained_is_refused_before_anything_is_built() {
    let data = lab();
    let refused = |more: &[&str], parts: &[&str]| {
        data.juxta(&[&["finetune"], more].concat()).refused(parts);
        assert!(!data.path().join("indices").exists() && !data.path().join("out.part").exists());
    };
    refused(
        &["--base", "tiny", "--corpus", "letters", "--examples", "25"],
        &[
            "corpus letters, --examples: found 24 questions of the split train",
            "expected 25 or more",
            "Ask for 24 or fewer",
        ],
    );
    refused(
        &["--base", "tiny", "--corpus", "letters", "--examples", "0"],
        &["--examples: found 0", "expected 1 or more"],
    );
    let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/small-corpus").display().to_string();
    refused(
        &["--base", "tiny", "--corpus", &small, "--examples", "1"],
        &[
            "corpus small, --examples: found 0 questions of the split train",
            "Choose a corpus with such questions",
        ],
    );
    refused(
        &["--base", "reader-biomedicine-500", "--corpus", "letters", "--examples", "1"],
        &["--base: found reader-biomedicine-500, which is an adapter", "config.json and safetensors"],
    );
    let other = data.write("other/config.json", r#"{"model_type": "rwkv"}"#);
    let other = other.parent().expect("a folder").display().to_string();
    refused(
        &["--base", &other, "--corpus", "letters", "--examples", "1"],
        &["other/config.json", "rwkv", "llama"],
    );
    refused(
        &["--base", "tiny", "--corpus", "letters", "--examples", "1", "--targets", "lm_head"],
        &["targets: found lm_head", "q_proj"],
    );

    let questions = fs::read_to_string(data.path().join("corpora/letters/questions.jsonl")).expect("written");
    let leaky = questions.replacen("\"split\":\"train\"", "\"split\":\"test\"", 1).replacen(
        "What comes after",
        "Could it be that something comes after",
        1,
    );
    let first = questions.lines().next().expect("one").replace("\"q0\"", "\"leak\"");
    data.write("corpora/letters/questions.jsonl", format!("{first}\n{leaky}"));
    refused(
        &["--base", "tiny", "--corpus", "letters", "--examples", "3"],
        &["corpus letters: found training questions", "leak (a quote of q0)", "move them to another split"],
    );
}

#[test]
fn a_pair_that_does_not_fit_the_window_is_refused_by_id_or_left_out_and_named() {
    let data = lab();
    let path = data.path().join("corpora/letters/questions.jsonl");
    let questions = fs::read_to_string(&path).expect("written");
    fs::write(&path, questions.replacen("b comes.", &"b comes. ".repeat(80), 1)).expect("written");
    let train = |more: &[&str]| {
        data.juxta(
            &[&["finetune", "--base", "tiny", "--corpus", "letters", "--examples", "8"], more].concat(),
        )
    };
    train(&[]).refused(&[
        "1 pairs: found more tokens than fit: q0 (",
        "at most 512 tokens a pair, the model's window",
        "--skip-long",
    ]);
    train(&["--max-tokens", "300"]).refused(&["q0 (", "at most 300 tokens a pair", "raise --max-tokens"]);
    let skipped = train(&["--skip-long", "--json"]).json();
    assert_eq!((&skipped["skipped"][0], &skipped["examples"]), (&"q0".into(), &7.into()));
}

#[test]
fn an_unfinished_run_of_another_recipe_is_not_gone_on_with() {
    let data = lab();
    let lab = Lab::open(Some(&data.path())).expect("a lab");
    let recipe = Recipe { epochs: 2, max_tokens: 300, ..Recipe::default() };
    let (base, corpus) = ("tiny".to_owned(), Some("letters".to_owned()));
    let tuning = Tuning { base, corpus, examples: 8, recipe, out: Some(data.path().join("mine")) };
    let cancel = Cancel::new();
    let watch = |status: Status| {
        if matches!(status, Status::Step { .. }) {
            cancel.cancel();
        }
    };
    assert!(matches!(lab.finetune(&tuning, &watch, &cancel), Err(Error::Cancelled)));
    let out = data.path().join("mine").display().to_string();
    let other = ["--examples", "8", "--lr", "0.0001", "--out", &out];
    data.juxta(&arguments(&["finetune"], &other)).refused(&[
        "mine.part: found an interrupted run of another recipe, base or set of pairs",
        "expected one of this recipe",
        "Remove ",
    ]);
    // With the recipe that it was begun with it goes on.
    data.juxta(&arguments(&["finetune"], &["--examples", "8", "--out", &out])).ok();
}
