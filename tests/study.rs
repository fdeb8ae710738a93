//! Studies from outside: the real binary plans, generates, hands out, merges and unblinds; and journals of reviews
//! outlive being killed.

mod command;
#[path = "support/study.rs"]
mod sample;

use command::Data;
use juxta::study::{Desk, Review, Study, Verdict};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const TUNED: &str = "reader-biomedicine-500";

fn new<'a>(dir: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args =
        vec!["study", "new", dir, "--corpus", "biomedicine", "--against", TUNED, "--questions", "2"];
    args.extend(more);
    args
}

/// A study of two questions and one contender, with short answers, in the folder that is returned.
fn planned(data: &Data, name: &str) -> PathBuf {
    let dir = data.path().join(name);
    data.juxta(&new(text(&dir), &["--annotators", "ada,bob", "--overlap", "1", "--repeat", "0.5"])).ok();
    shorten(&dir);
    dir
}

/// Short answers: nobody reads these.
fn shorten(dir: &Path) {
    let plan = dir.join("study.toml");
    let text = fs::read_to_string(&plan).expect("there");
    assert!(text.contains("max_tokens = 120"));
    fs::write(&plan, text.replace("max_tokens = 120", "max_tokens = 12")).expect("written");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Every file below a folder but locks, with its contents.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("listed").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.components().any(|c| c.as_os_str() == "locks") {
            found.push((path.clone(), fs::read(path).expect("read")));
        }
    }
    found.sort();
    found
}

fn judge(dir: &Path, annotator: &str, verdict: Verdict) -> usize {
    let mut desk = Desk::open(dir, annotator, false).expect("opened");
    for slot in desk.slots().to_vec() {
        desk.append(sample::review(annotator, &slot, verdict)).expect("kept");
    }
    desk.slots().len()
}

#[test]
fn a_study_goes_from_plan_to_unblinded_figures() {
    let data = Data::new();
    let dir = planned(&data, "paper");
    let status = data.juxta(&["study", "status", text(&dir), "--json"]).json();
    assert_eq!(
        (&status["frozen"], &status["items"], &status["planned"]),
        (&false.into(), &0.into(), &2.into())
    );

    let generated = data.juxta(&["study", "generate", text(&dir), "--json"]).json();
    assert_eq!((&generated["answers"], &generated["items"]), (&4.into(), &2.into()));
    let before = files(&dir);
    let again = data.juxta(&["study", "generate", text(&dir), "--json"]).json();
    assert_eq!((&again["answers"], &again["items"]), (&0.into(), &2.into()));
    assert_eq!(files(&dir), before, "generating what is there changes nothing");

    let copy = data.path().join("for-bob");
    data.juxta(&["study", "hand-out", text(&dir), "--annotator", "bob", "--to", text(&copy)])
        .says(&["3 items for bob", "juxta review"]);
    assert_eq!(judge(&copy, "bob", Verdict::B), 3, "two items, and one that comes back");
    assert_eq!(judge(&dir, "ada", Verdict::A), 3);
    data.juxta(&["study", "unblind", text(&dir)]).refused(&["3 of 6 judgments", "--early"]);
    data.juxta(&["study", "merge", text(&dir), text(&copy)]).says(&["3 new reviews"]);
    data.juxta(&["study", "merge", text(&dir), text(&copy)]).says(&["0 new reviews"]);
    let told = data.juxta(&["study", "status", text(&dir)]);
    told.ok();
    told.says(&["blind, 2 of 2 items", "ada", "3/3, 12 s each", "bob"]);
    data.juxta(&["study", "verify", text(&dir)]).says(&["2 items are what was sealed, 6 reviews"]);
    data.juxta(&["study", "unblind", text(&dir)]).says(&["unblinded;"]);
    let study = Study::open(&dir).expect("sound");
    let rated = study.rated().expect("unblinded");
    assert_eq!(rated.len(), 6);
    assert!(rated.iter().all(|r| r.contenders.contains(&TUNED.to_owned()) && r.baseline.is_some()));
}

#[test]
fn generating_goes_on_where_it_was_and_a_half_answer_is_never_counted() {
    let data = Data::new();
    let dir = planned(&data, "paper");
    data.juxta(&["study", "generate", text(&dir)]).ok();
    let whole = files(&dir.join("items"));
    let commitment = Study::open(&dir).expect("sound").frozen().expect("frozen").key.clone();
    // As a kill leaves it: an item, a trial and an answer not there yet, another answer half written beside its name.
    let [item, trial, answer] =
        ["items", "sealed/trials", "sealed/answers"].map(|below| files(&dir.join(below)).swap_remove(0).0);
    for path in [&item, &trial, &answer] {
        fs::remove_file(path).expect("removed");
    }
    fs::write(answer.with_file_name(".writing-x"), "{\"contender\": \"rea").expect("written");
    let again = data.juxta(&["study", "generate", text(&dir), "--json"]).json();
    assert_eq!((&again["answers"], &again["items"]), (&1.into(), &2.into()));
    assert_eq!(again["commitment"], Value::from(commitment), "the sides stay as they were drawn");
    assert_eq!(files(&dir.join("items")), whole, "the same question gets the same answer");
}

/// Ends the program with a signal when there is something at `seen`, and says how it ended.
fn generate_until(data: &Data, dir: &Path, seen: &Path, signal: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_juxta"))
        .args(["--data-dir", text(&data.path()), "study", "generate", text(dir)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let patience = Instant::now() + Duration::from_secs(300);
    while !seen.exists() || files(seen).is_empty() {
        assert!(Instant::now() < patience, "{} never came", seen.display());
        assert_eq!(child.try_wait().expect("a child"), None, "it ended before {}", seen.display());
        std::thread::yield_now();
    }
    Command::new("kill").args([signal, &child.id().to_string()]).status().expect("signalled");
    child.wait_with_output().expect("gone")
}

#[test]
fn generating_outlives_being_killed_before_and_after_the_sides_are_fixed() {
    let data = Data::new();
    let dir = planned(&data, "paper");
    for below in ["sealed/questions", "sealed/answers"] {
        generate_until(&data, &dir, &dir.join(below), "-KILL");
    }
    let done = data.juxta(&["study", "generate", text(&dir), "--json"]).json();
    assert_eq!(done["items"], 2);
    data.juxta(&["study", "verify", text(&dir)]).says(&["2 items are what was sealed"]);
    assert_eq!(judge(&dir, "ada", Verdict::A), 3);
}

#[test]
fn generating_is_stopped_by_ctrl_c_and_says_how_to_go_on() {
    let data = Data::new();
    let dir = planned(&data, "paper");
    let ended = generate_until(&data, &dir, &dir.join("sealed/questions"), "-INT");
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("the same command goes on"), "{ended:?}");
}

#[test]
fn a_model_that_fails_is_named_and_tried_again_and_the_others_answer() {
    let data = Data::new();
    let dir = data.path().join("paper");
    let model = data.copy("assets/models/reader", "models/moody");
    let settings = model.join("tokenizer_config.json");
    let (from, to) = ("{% for message", "{{ raise_exception('not today') }}{% for message");
    let moody = fs::read_to_string(&settings).expect("there").replacen(from, to, 1);
    fs::write(&settings, moody).expect("written");
    let against = format!("moody,{TUNED}");
    let mut args = vec!["study", "new", text(&dir), "--corpus", "biomedicine", "--questions", "1"];
    args.extend(["--against", &against]);
    data.juxta(&args).ok();
    shorten(&dir);
    for answers in [2, 0] {
        let told = data.juxta(&["study", "generate", text(&dir), "--json"]);
        assert_eq!(told.code, Some(1), "{told:#?}");
        told.says(&["moody did not answer biomedicine/", "not today", "1 answer failed; the next"]);
        let result: Value = serde_json::from_str(&told.out).expect("json");
        assert_eq!((&result["answers"], &result["items"]), (&answers.into(), &1.into()));
        assert_eq!(result["failed"].as_array().map(Vec::len), Some(1));
    }
    data.juxta(&["study", "status", text(&dir)]).says(&["1 of 2 items is there"]);
    let to = data.path().join("copy");
    let place = Study::open(&dir).expect("sound").plan().annotators[0].clone();
    let hand_out = ["study", "hand-out", text(&dir), "--annotator", &place, "--to", text(&to)];
    data.juxta(&hand_out).refused(&["1 of 2 items without answers", "--partial"]);
}

#[test]
fn a_model_that_changed_since_the_study_was_frozen_answers_nothing_more() {
    let data = Data::new();
    let dir = data.path().join("paper");
    let model = data.copy(&format!("assets/models/{TUNED}"), "models/mine");
    let mut args = vec!["study", "new", text(&dir), "--corpus", "biomedicine", "--questions", "1"];
    args.extend(["--against", "mine"]);
    data.juxta(&args).ok();
    shorten(&dir);
    data.juxta(&["study", "generate", text(&dir)]).ok();
    for path in files(&dir.join("sealed/answers/mine")) {
        fs::remove_file(path.0).expect("removed");
    }
    fs::remove_dir_all(dir.join("items")).expect("removed");
    let weights = model.join("adapter_model.safetensors");
    let (aside, good) = (data.path().join("aside"), fs::read(&weights).expect("there"));
    fs::write(&weights, &good[..good.len() / 2]).expect("torn");
    let told = data.juxta(&["study", "generate", text(&dir)]);
    told.refused(&["another model than before", "mine"]);
    fs::rename(&weights, &aside).expect("moved");
    fs::write(&weights, &good).expect("back");
    let done = data.juxta(&["study", "generate", text(&dir), "--json"]).json();
    assert_eq!((&done["answers"], &done["items"]), (&1.into(), &1.into()));
}

#[test]
fn a_plan_that_cannot_be_is_refused_at_once() {
    let data = Data::new();
    let dir = data.path().join("paper");
    let dir = text(&dir);
    let refused = |args: &[&str], parts: &[&str]| {
        data.juxta(args).refused(parts);
        assert!(!Path::new(dir).exists(), "nothing is left of it");
    };
    refused(&["study", "new", dir, "--corpus", "nosuch", "--against", TUNED], &["nosuch", "biomedicine"]);
    refused(&["study", "new", dir, "--corpus", "biomedicine", "--against", "nosuch"], &["nosuch", "reader"]);
    let many = ["study", "new", dir, "--corpus", "biomedicine", "--against", TUNED, "--questions", "101"];
    refused(&many, &["100 questions in the split test", "101 or more", "Ask for fewer"]);
    refused(&new(dir, &["--overlap", "1.5"]), &["overlap", "1.5", "a share from 0 to 1"]);
    refused(&new(dir, &["--annotators", "a/b"]), &["annotators", "a/b"]);
    refused(&new(dir, &["--annotators", "0"]), &["annotators: found 0", "1 to 100 places"]);
    refused(
        &["study", "new", dir, "--corpus", "biomedicine", "--against", "reader"],
        &["against", "baseline"],
    );
    data.juxta(&new(dir, &[])).ok();
    let before = files(Path::new(dir));
    data.juxta(&new(dir, &[])).refused(&["not empty", "nothing that is there is overwritten"]);
    assert_eq!(files(Path::new(dir)), before);
    data.juxta(&["study", "status", text(&data.path())]).refused(&["no study.toml", "juxta study new"]);
    data.juxta(&["study", "verify", dir]).refused(&["without answers", "juxta study generate"]);
}

/// What a reviewer sees and writes must not tell who answered: no name, no digest, no time of an answer.
#[test]
fn nothing_a_reviewer_gets_tells_who_answered() {
    let dir = tempfile::tempdir().expect("a folder");
    let [whole, copy] = ["whole", "copy"].map(|n| dir.path().join(n));
    let study = sample::study(&whole, &["ada", "reviewer-1"]);
    judge(&whole, "ada", Verdict::A);
    study.hand_out("ada", &copy, false, "planner").expect("handed out");
    let mut desk = Desk::open(&copy, "ada", false).expect("opened");
    let slot = desk.slots()[0].clone();
    desk.append(sample::review("ada", &slot, Verdict::Tie)).expect("kept");
    desk.save_draft(&juxta::study::ReviewDraft { slot: Some(slot), ..Default::default() }).expect("kept");
    drop(desk);
    Desk::open(&whole, "zoe", false).expect("opened");

    let mut secrets: Vec<String> = vec![sample::BASELINE.into(), sample::DIGEST.into(), "contender".into()];
    secrets.extend(sample::AGAINST.map(String::from));
    // Times, engine and the names of what else is recorded of an answer. None of these numbers can be part of a time
    // of day.
    secrets.extend(["314.159265", "271.828182", "577.215664", "invented"].map(String::from));
    secrets.extend(["tokens", "seconds_to", "finish", "sampling", "engine", "model"].map(String::from));
    secrets.push(study.key().expect("there").nonce);
    let mut read = 0;
    for root in [&whole, &copy] {
        for below in ["items", "journals", "drafts", "orders"] {
            let found = if root.join(below).exists() { files(&root.join(below)) } else { Vec::new() };
            for (path, bytes) in found {
                let text = format!("{} {}", path.display(), String::from_utf8_lossy(&bytes));
                for secret in &secrets {
                    assert!(!text.contains(secret.as_str()), "{secret} in {}", path.display());
                }
                read += 1;
            }
        }
    }
    assert!(read >= 6 + 4 + 1 + 2 + 2, "{read} files");
    assert!(!copy.join("sealed").exists());
    // The plan says who takes part, and nothing of what is where.
    let plan = fs::read_to_string(copy.join("study.toml")).expect("there");
    for item in study.item_ids().expect("listed") {
        assert!(!plan.contains(&item));
    }
}

#[test]
fn sides_and_ids_differ_between_two_studies_of_one_plan() {
    let dir = tempfile::tempdir().expect("a folder");
    let ids = |name: &str| -> BTreeSet<String> {
        let study = sample::study(&dir.path().join(name), &["ada"]);
        study.item_ids().expect("listed").into_iter().collect()
    };
    assert!(ids("one").is_disjoint(&ids("two")), "what is public does not tell what is sealed");
}

const CHILD: &str = "JUXTA_TEST_APPENDS_IN";

/// No test of its own: what `killed_at_any_moment` starts and kills. Appends reviews, and says so after each sync.
#[test]
fn appends_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let mut desk = Desk::open(Path::new(&dir), "ada", false).expect("opened");
    let slots = desk.slots().to_vec();
    let mut out = std::io::stdout().lock();
    for n in desk_length(&desk).. {
        let note = format!("{n} {}", "é東\"\\\n".repeat(n % 50));
        let review = Review { note, ..sample::review("ada", &slots[n % slots.len()], Verdict::Tie) };
        desk.append(review).expect("kept");
        // The parent may be done reading; being killed is what comes next.
        let _ = writeln!(out, "\nkept {n}").and_then(|()| out.flush());
    }
}

/// How many records the journal has.
fn desk_length(desk: &Desk) -> usize {
    fs::read_to_string(desk.journal()).map_or(0, |text| text.lines().count())
}

/// `JUXTA_KILLS=1000 cargo test --test study killed` runs the full number.
#[test]
fn killed_at_any_moment_no_acknowledged_review_is_lost_and_nothing_needs_repair() {
    let kills: usize = std::env::var("JUXTA_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(30);
    let dir = tempfile::tempdir().expect("a folder");
    sample::study(dir.path(), &["ada"]);
    let journal = dir.path().join("journals/ada.jsonl");
    let mut expected = 0;
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "appends_until_it_is_killed", "--nocapture", "--test-threads=1"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut kept = |line: std::io::Result<String>| -> Option<usize> {
            line.ok()?.strip_prefix("kept ")?.parse().ok()
        };
        // Until a drawn number of acknowledgements, then a drawn moment later: in the middle of whatever it does.
        let drawn = blake3::hash(&kill.to_le_bytes());
        let (wanted, spins) = (drawn.as_bytes()[0] % 12, u32::from(drawn.as_bytes()[1]) * 400);
        let mut acknowledged = None;
        for _ in 0..=wanted {
            acknowledged = lines.by_ref().find_map(&mut kept).or(acknowledged);
        }
        assert!(acknowledged.is_some(), "the child appends: {:?}", child.wait_with_output());
        for n in 0..spins {
            std::hint::black_box(n);
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        acknowledged = lines.filter_map(&mut kept).last().or(acknowledged);

        // Opens without any help, has all that was acknowledged, in order, and takes more.
        let mut desk = Desk::open(dir.path(), "ada", false).expect("opened");
        let text = fs::read_to_string(&journal).expect("there");
        let notes: Vec<usize> = text
            .lines()
            .map(|line| {
                let review: Review = serde_json::from_str(line).expect("a whole record");
                review.note.split(' ').next().and_then(|n| n.parse().ok()).expect("a number")
            })
            .collect();
        assert_eq!(notes, (0..notes.len()).collect::<Vec<_>>());
        assert!(notes.len() > acknowledged.expect("some") && notes.len() > expected, "run {kill}");
        let slot = desk.slots()[0].clone();
        let review =
            Review { note: format!("{} by hand", notes.len()), ..sample::review("ada", &slot, Verdict::A) };
        desk.append(review).expect("kept");
        expected = notes.len() + 1;
    }
}
