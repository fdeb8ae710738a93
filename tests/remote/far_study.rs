//! Many answers from servers: so many at a time, two servers at once, and going on after a server or juxta was gone.

use crate::command::{Data, Run};
use crate::server::{PATIENCE, Server, events, reply, say};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

const LIST: &str = r#"{"data":[{"id":"m","root":"/m","max_model_len":8192}]}"#;

fn answer(text: &str) -> String {
    let chunk =
        json!({"model": "m", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]});
    format!("data: {chunk}\n\ndata: [DONE]\n\n")
}

fn question(body: &Value) -> String {
    let content = body["messages"][1]["content"].as_str().expect("a question");
    content.rsplit("Question: ").next().expect("the question").to_owned()
}

/// A server that answers every question by repeating it.
fn parrot(says: &'static str) -> Server {
    Server::of_models(LIST, move |seen, _, stream| {
        events(stream);
        say(stream, answer(&format!("{says}: {} [1]", question(&seen.json()))));
    })
}

fn add(data: &Data, name: &str, server: &Server, more: &[&str]) -> Run {
    let url = server.url("/v1");
    data.juxta(&[&["model", "add", name, "--endpoint", &url, "--model", "m"], more].concat())
}

fn study(data: &Data, against: &str, questions: &str) -> PathBuf {
    let dir = data.path().join("paper");
    let path = dir.to_str().expect("UTF-8");
    data.juxta(&[
        "study",
        "new",
        path,
        "--corpus",
        "biomedicine",
        "--baseline",
        "one",
        "--against",
        against,
        "--questions",
        questions,
        "--annotators",
        "ada",
    ])
    .ok();
    dir
}

fn generate(data: &Data, dir: &Path) -> Run {
    data.juxta(&["study", "generate", dir.to_str().expect("UTF-8"), "--json"])
}

#[test]
fn a_study_of_two_servers_asks_both_at_once_with_so_many_questions_in_flight() {
    // Neither answers before both have three questions: with fewer in flight, or one server after the other, nothing
    // would ever be answered.
    let gate = Arc::new((Mutex::new([0_usize, 0]), Condvar::new()));
    let most = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let late = Arc::new(AtomicBool::new(false));
    let servers = [0, 1].map(|n| {
        let (gate, most, late) = (Arc::clone(&gate), Arc::clone(&most), Arc::clone(&late));
        let now = AtomicUsize::new(0);
        Server::of_models(LIST, move |seen, _, stream| {
            most[n].fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let mut waiting = gate.0.lock().expect("no panic");
            waiting[n] += 1;
            gate.1.notify_all();
            let open = gate.1.wait_timeout_while(waiting, PATIENCE, |w| w.iter().any(|n| *n < 3));
            late.fetch_or(open.expect("no panic").1.timed_out(), Ordering::SeqCst);
            now.fetch_sub(1, Ordering::SeqCst);
            events(stream);
            say(stream, answer(&question(&seen.json())));
        })
    });
    let data = Data::new();
    add(&data, "one", &servers[0], &["--in-flight", "3"]).ok();
    add(&data, "two", &servers[1], &["--in-flight", "3"]).ok();
    let dir = study(&data, "two", "8");
    let generated = generate(&data, &dir).json();
    assert_eq!((&generated["answers"], &generated["items"]), (&json!(16), &json!(8)));
    assert!(!late.load(Ordering::SeqCst));
    assert_eq!([0, 1].map(|n| most[n].load(Ordering::SeqCst)), [3, 3], "never more than were allowed");
    for server in &servers {
        let asked: BTreeSet<String> = server.asked().iter().map(|s| question(&s.json())).collect();
        assert_eq!((asked.len(), server.asked().len()), (8, 8), "each question once");
    }
}

#[test]
fn a_dead_server_fails_its_own_answers_and_the_same_command_goes_on_when_it_is_back() {
    let data = Data::new();
    let dead = Arc::new(AtomicBool::new(false));
    let one = parrot("one");
    let two = {
        let dead = Arc::clone(&dead);
        Server::start(move |seen, _, stream| {
            if dead.load(Ordering::SeqCst) {
                reply(stream, "401 Unauthorized", &[], "gone for now");
            } else if seen.method == "GET" {
                reply(stream, "200 OK", &[("Content-Type", "application/json")], LIST);
            } else {
                events(stream);
                say(stream, answer("two"));
            }
        })
    };
    add(&data, "one", &one, &[]).ok();
    add(&data, "two", &two, &[]).ok();
    let dir = study(&data, "two", "4");
    // It is asked for its window when the study is frozen; after that it goes.
    let plan = dir.join("study.toml");
    assert!(plan.exists());
    dead.store(true, Ordering::SeqCst);
    let refused = generate(&data, &dir);
    refused.failed(&["gone for now"]);
    dead.store(false, Ordering::SeqCst);
    let generated = generate(&data, &dir).json();
    assert_eq!((&generated["answers"], &generated["items"]), (&json!(8), &json!(4)));
    assert_eq!(generate(&data, &dir).json()["answers"], 0, "nothing is asked twice");
    assert_eq!(one.asked().len(), 4);
    data.juxta(&["study", "verify", dir.to_str().expect("UTF-8")]).ok();
}

#[test]
fn what_was_answered_before_a_server_failed_is_not_asked_again() {
    let data = Data::new();
    let full = Arc::new(AtomicBool::new(true));
    let server = {
        let full = Arc::clone(&full);
        Server::of_models(LIST, move |seen, nth, stream| {
            if full.load(Ordering::SeqCst) && nth >= 3 {
                reply(stream, "403 Forbidden", &[], "quota used up");
            } else {
                events(stream);
                say(stream, answer(&question(&seen.json())));
            }
        })
    };
    add(&data, "one", &server, &["--in-flight", "1"]).ok();
    let eval = || data.juxta(&["model", "eval", "one", "--corpus", "biomedicine", "--limit", "8", "--json"]);
    eval().failed(&["the endpoint one", "quota used up"]);
    full.store(false, Ordering::SeqCst);
    let measured = eval().json();
    assert_eq!(measured["corpora"][0]["questions"], 8);
    let mut asked: Vec<String> = server.asked().iter().map(|s| question(&s.json())).collect();
    assert_eq!(asked.len(), 9, "three answers, a refusal, five answers");
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 8);
    // What the server said stands beside each answer.
    let folder = std::fs::read_dir(data.path().join("evaluations")).expect("answers");
    let file = folder.flatten().map(|e| e.path()).find(|p| p.extension().is_some_and(|e| e == "jsonl"));
    let text = std::fs::read_to_string(file.expect("a file of answers")).expect("read");
    let answers: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(answers.iter().filter(|a| a["served"]["model"] == "m").count(), 8);
}

#[test]
fn passages_that_a_server_s_window_does_not_hold_are_left_out_for_both() {
    let data = Data::new();
    let server = parrot("x");
    add(&data, "one", &server, &["--context", "700"]).ok();
    add(&data, "two", &server, &[]).ok();
    let ask = |pair: &str| {
        let trial = data.juxta(&[
            "ask",
            "What does metformin do?",
            "--corpus",
            "biomedicine",
            "--pair",
            pair,
            "--json",
        ]);
        trial.json()["rerun"]["passages_used"].as_u64().expect("a number")
    };
    let (narrow, wide) = (ask("one,two"), ask("two,two"));
    assert_eq!(wide, 3);
    assert!(narrow < wide, "{narrow}");
}

#[test]
fn one_dead_server_of_two_is_a_failed_answer_beside_a_good_one() {
    let data = Data::new();
    let good = parrot("good");
    let bad = parrot("bad");
    add(&data, "one", &good, &[]).ok();
    add(&data, "two", &bad, &[]).ok();
    let host = bad.host();
    drop(bad);
    crate::server::wait("the port to close", || std::net::TcpStream::connect(&host).is_err());
    let run = data.juxta(&["ask", "What does metformin do?", "--corpus", "biomedicine", "--pair", "one,two"]);
    run.failed(&[
        "two did not answer",
        "nobody who listens there",
        "Start the server",
        "good: What does metformin do?",
    ]);
}

#[test]
fn adding_says_what_the_server_says_and_what_is_wrong() {
    let data = Data::new();
    let server = parrot("x");
    add(&data, "far", &server, &[]).says(&["m at 127.0.0.1", "endpoint.toml"]);
    let listed = data.juxta(&["model", "list"]);
    listed.says(&[&format!("far · m at {}", server.host())]);
    add(&data, "far", &server, &[]).refused(&["a model called far", "Choose another one"]);
    let url = server.url("/v1");
    let with = |more: &[&str]| data.juxta(&[&["model", "add", "x", "--endpoint", &url], more].concat());
    with(&["--model", "other"]).says(&["does not list other; it lists m"]);
    let plain = |args: &[&str]| data.juxta(&[&["model", "add", "y"], args].concat());
    plain(&["--endpoint", "localhost:8000", "--model", "m"])
        .refused(&["--endpoint: found no URL", "http://host:8000/v1"]);
    plain(&["--endpoint", "http://127.0.0.1:1/v1", "--model", "m"])
        .refused(&["nobody who listens there", "--unseen"]);
    plain(&["--endpoint", "http://127.0.0.1:1/v1", "--model", "m", "--unseen"]).ok();
    let named = data.juxta(&[
        "model",
        "add",
        "z",
        "--endpoint",
        &url,
        "--model",
        "m",
        "--key-env",
        "JUXTA_NO_SUCH_KEY",
    ]);
    named.refused(&["the variable JUXTA_NO_SUCH_KEY", "it is not set", "export JUXTA_NO_SUCH_KEY"]);
}
