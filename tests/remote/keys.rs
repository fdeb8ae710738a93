//! A key goes to its server and nowhere else, whatever the server does with it.

use crate::command::{Data, Run};
use crate::server::{Server, events, json, reply, say};
use std::fs;
use std::path::Path;

const KEY: &str = "sk-juxta-0123456789-secret";
const VARIABLE: &str = "JUXTA_TEST_KEY";
const LIST: &str = r#"{"data":[{"id":"m","root":"/m"}]}"#;

/// Every file below a folder that has the key in it.
fn holding(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("listed").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path));
        } else if fs::read(&path).expect("read").windows(KEY.len()).any(|w| w == KEY.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn run(data: &Data, args: &[&str]) -> Run {
    let run = data.juxta_with(&[(VARIABLE, KEY), ("JUXTA_LOG", "trace")], args);
    assert!(!format!("{}{}", run.out, run.err).contains(KEY), "{run:?}");
    run
}

#[test]
fn a_key_that_a_server_repeats_everywhere_is_in_nothing_that_is_written_or_printed() {
    // It comes back in the list, in errors, in the middle of an answer cut in two, and as the model's name.
    let server = Server::start(|seen, _, stream| {
        let sent = seen.header("authorization").unwrap_or_default().to_owned();
        let key = sent.strip_prefix("Bearer ").unwrap_or("no key").to_owned();
        if seen.method == "GET" {
            let list = LIST.replace("/m", &format!("/m?{key}"));
            return json(stream, "200 OK", &list);
        }
        let body = seen.json();
        if body["model"] == "broken" {
            return json(
                stream,
                "401 Unauthorized",
                &format!("{{\"error\":{{\"message\":\"bad key {key}\"}}}}"),
            );
        }
        events(stream);
        let (a, b) = key.split_at(key.len() / 2);
        for (text, reason) in [(format!("Your key is {a}"), "null"), (format!("{b}."), "\"stop\"")] {
            let chunk = format!(
                "{{\"model\":\"{key}\",\"system_fingerprint\":\"{key}\",\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}},\
                 \"finish_reason\":{reason}}}]}}"
            );
            say(stream, format!("data: {chunk}\n\n"));
        }
        say(stream, "data: [DONE]\n\n");
    });
    let data = Data::new();
    let url = server.url("/v1");
    let add = |name: &str, model: &str| {
        run(&data, &["model", "add", name, "--endpoint", &url, "--model", model, "--key-env", VARIABLE]).ok();
    };
    add("far", "m");
    add("broken", "broken");
    run(&data, &["model", "list", "--json"]).ok();
    let ask = ["ask", "What does metformin do?", "--corpus", "biomedicine", "--json", "--pair"];
    let trial = run(&data, &[&ask[..], &["far,far"]].concat()).json();
    assert_eq!(trial["answers"][0]["text"], "Your key is •••.");
    assert_eq!(trial["answers"][0]["served"]["model"], "•••");
    run(&data, &[&ask[..], &["far,broken"]].concat()).says(&["bad key •••"]);
    run(&data, &["model", "eval", "far", "--corpus", "biomedicine", "--limit", "2", "--json"]).ok();
    let dir = data.path().join("paper");
    let dir = dir.to_str().expect("UTF-8");
    run(
        &data,
        &[
            "study",
            "new",
            dir,
            "--corpus",
            "biomedicine",
            "--baseline",
            "far",
            "--against",
            "broken",
            "--questions",
            "1",
        ],
    )
    .ok();
    run(&data, &["study", "generate", dir]).says(&["bad key •••"]);
    run(&data, &["export", "--format", "jsonl"]).ok();
    assert_eq!(holding(&data.path()), [] as [String; 0]);
    // And yet it was sent, each time.
    let seen = server.seen();
    assert!(seen.len() > 8);
    let expected = format!("Bearer {KEY}");
    assert!(seen.iter().all(|s| s.header("authorization") == Some(&expected)));
}

#[test]
fn a_redirect_to_another_host_takes_no_key_with_it() {
    let other = Server::start(|_, _, stream| json(stream, "200 OK", LIST));
    let to = other.url("/v1/models");
    let server = Server::start(move |_, _, stream| reply(stream, "302 Found", &[("Location", &to)], ""));
    let data = Data::new();
    let url = server.url("/v1");
    let added =
        run(&data, &["model", "add", "far", "--endpoint", &url, "--model", "m", "--key-env", VARIABLE]);
    added.refused(&["it sends on to", "questions and keys are not sent on"]);
    assert_eq!((server.seen().len(), other.seen().len()), (1, 0));
}

#[test]
fn a_key_given_for_its_name_is_not_repeated() {
    let data = Data::new();
    let args =
        ["model", "add", "far", "--endpoint", "http://127.0.0.1:1/v1", "--model", "m", "--key-env", KEY];
    run(&data, &args).refused(&["could be the key itself", "the name of a variable in capitals"]);
    assert_eq!(holding(&data.path()), [] as [String; 0]);
}
