//! A model behind a server: what is sent, what comes of what the server sends, and of what it should not send.

use crate::server::{Server, events, is_left, json, reply, say, wait};
use juxta::fault::Result;
use juxta::generate::{
    Completion, Draw, Endpoint, Finish, Mode, Model, Registry, Sampling, Served, Step, identity,
};
use juxta::job::{Cancel, SILENT};
use juxta::prompt::messages;
use serde_json::json as value;
use std::net::TcpStream;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const LIST: &str = r#"{"object":"list","data":[{"id":"m","object":"model","root":"/models/m"}]}"#;

/// A model of its own behind a server.
struct Far {
    model: Model,
    _dir: tempfile::TempDir,
}

fn kept(server: &Server, edit: impl FnOnce(&mut Endpoint)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let mut endpoint = Endpoint::new(&server.url("/v1"), "m");
    edit(&mut endpoint);
    endpoint.keep(&dir.path().join("far")).expect("kept");
    dir
}

fn load(dir: &tempfile::TempDir) -> Result<Model> {
    let registry = Registry::discover(Some(dir.path()));
    assert_eq!(registry.faults, []);
    Model::load(&registry.find("far").expect("a contender"), &registry, SILENT, &Cancel::new())
}

fn far_with(server: &Server, edit: impl FnOnce(&mut Endpoint)) -> Far {
    let dir = kept(server, edit);
    Far { model: load(&dir).expect("loaded"), _dir: dir }
}

fn far(server: &Server) -> Far {
    far_with(server, |_| {})
}

/// What came of a question.
struct Asked {
    result: Result<Completion>,
    steps: Vec<Step>,
}

impl Far {
    fn ask_with(&self, sampling: &Sampling, cancel: &Cancel) -> Asked {
        let prompt = self.model.render(&messages("Why gout?", &[])).expect("rendered");
        let mut steps = Vec::new();
        let result = self.model.generate(&prompt, sampling, cancel, &mut |step| steps.push(step));
        Asked { result, steps }
    }

    fn ask(&self) -> Asked {
        self.ask_with(&Sampling::default(), &Cancel::new())
    }
}

impl Asked {
    #[track_caller]
    fn said(&self) -> &Completion {
        self.result.as_ref().unwrap_or_else(|e| panic!("{e}"))
    }

    #[track_caller]
    fn fault(&self) -> String {
        match &self.result {
            Ok(said) => panic!("it answered: {said:?}"),
            Err(error) => error.to_string(),
        }
    }

    /// What stands on the screen at the end.
    fn shown(&self) -> String {
        let mut shown = String::new();
        for step in &self.steps {
            match step {
                Step::Waiting { .. } => shown.clear(),
                Step::Text { piece, .. } => shown.push_str(piece),
                _ => {}
            }
        }
        shown
    }

    fn served(&self) -> &Served {
        self.steps
            .iter()
            .find_map(|step| match step {
                Step::Served(served) => Some(&**served),
                _ => None,
            })
            .expect("what the server said")
    }
}

fn piece(text: &str) -> String {
    let chunk = value!({
        "id": "x", "object": "chat.completion.chunk", "model": "m-as-served", "system_fingerprint": "fp-1",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}],
    });
    format!("data: {chunk}\n\n")
}

fn end(reason: &str) -> String {
    let chunk = value!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]});
    format!("data: {chunk}\n\n")
}

const DONE: &str = "data: [DONE]\n\n";

/// A server that sends a stream of these bytes to every question.
fn streaming(bytes: impl Into<Vec<u8>>) -> Server {
    let bytes = bytes.into();
    Server::of_models(LIST, move |_, _, stream| {
        events(stream);
        say(stream, &bytes);
    })
}

#[test]
fn an_answer_streams_and_what_the_server_says_of_it_is_recorded() {
    let usage =
        value!({"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": 7, "total_tokens": 38}});
    let server = streaming(
        [piece("Urate "), piece("crystals."), end("stop"), format!("data: {usage}\n\n"), DONE.into()]
            .concat(),
    );
    let far = far(&server);
    let sampling = Sampling {
        mode: Mode::Draw(Draw::new(0.7, Some(40), Some(0.9)).expect("a draw")),
        seed: 11,
        max_tokens: 50,
        ..Sampling::default()
    };
    let asked = far.ask_with(&sampling, &Cancel::new());
    let said = asked.said();
    assert_eq!((said.text.as_str(), said.finish), ("Urate crystals.", Finish::Stop));
    assert_eq!((said.tokens, said.prompt_tokens), (7, 31), "as the server counts");
    assert_eq!(asked.shown(), said.text);
    assert!(said.seconds_to_first_token.is_some_and(|s| s <= said.seconds));
    let served = asked.served();
    assert_eq!(served.model.as_deref(), Some("m-as-served"));
    assert_eq!(served.system_fingerprint.as_deref(), Some("fp-1"));
    assert_eq!(served.finish_reason.as_deref(), Some("stop"));
    assert_eq!((served.usage["total_tokens"], served.tries), (38, 1));
    assert_eq!(served.template, "the server's");
    assert_eq!(served.context_tokens, None, "nobody said how much it holds");
    // What was sent is what is recorded.
    let sent = server.asked()[0].json();
    for (name, expected) in [
        ("temperature", value!(0.7)),
        ("top_p", value!(0.9)),
        ("top_k", value!(40)),
        ("seed", value!(11)),
        ("max_tokens", value!(50)),
    ] {
        assert_eq!((&sent[name], &served.sent[name]), (&expected, &expected), "{name}");
    }
    assert_eq!((&sent["model"], &sent["stream"]), (&value!("m"), &value!(true)));
    assert_eq!(sent["messages"][1]["content"], "Question: Why gout?");
    assert_eq!(sent.get("repetition_penalty"), None, "what is not used is not sent");
}

#[test]
fn however_a_stream_is_written_and_cut_it_says_the_same() {
    let odd = "\u{feff}: a comment\r\n\r\nevent: message\r\nid: 1\r\ndata: {\"choices\":[{\"delta\":\r\ndata: {\"content\":\"Grüße 漢😀 \"}}]}\r\n\r\n";
    let bytes = [odd, ": keep alive\n\n", &piece("\u{1b}[2Jend"), &end("eos_token"), DONE].concat();
    for cut in [1, 2, 3, 1000] {
        let bytes = bytes.clone().into_bytes();
        let server = Server::of_models(LIST, move |_, _, stream| {
            say(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            );
            for piece in bytes.chunks(cut) {
                say(stream, format!("{:x}\r\n", piece.len()));
                say(stream, piece);
                say(stream, "\r\n");
            }
            say(stream, "0\r\n\r\n");
        });
        let asked = far(&server).ask();
        assert_eq!(asked.said().text, "Grüße 漢😀 \u{1b}[2Jend", "letter for letter, cut by {cut}");
        assert_eq!(asked.said().finish, Finish::Stop);
    }
}

#[test]
fn a_stream_may_end_without_done_or_without_a_reason_but_not_without_both() {
    for (bytes, finish) in [
        (piece("a") + &end("length"), Finish::Length),
        (piece("a") + DONE, Finish::Stop),
        (piece("a") + &end("stop") + "data: [DONE]", Finish::Stop),
        (piece("a") + end("stop").trim_end(), Finish::Stop),
    ] {
        assert_eq!(far(&streaming(bytes.clone())).ask().said().finish, finish, "{bytes}");
    }
}

#[test]
fn an_answer_begins_with_its_first_word_as_those_of_models_here_do() {
    let bytes = [piece("\n"), piece(" "), piece(" In it."), piece(" \n End."), end("stop")].concat() + DONE;
    let asked = far(&streaming(bytes)).ask();
    assert_eq!((asked.said().text.as_str(), asked.shown()), ("In it. \n End.", "In it. \n End.".to_owned()));
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    for kind in ["application/json", "text/plain"] {
        let server = Server::of_models(LIST, move |_, _, stream| {
            let body = r#"{"model":"m","choices":[{"message":{"content":"All at once."},"finish_reason":"stop"}],
                "usage":{"prompt_tokens":3,"completion_tokens":4}}"#;
            reply(stream, "200 OK", &[("Content-Type", kind)], body);
        });
        let asked = far(&server).ask();
        assert_eq!((asked.said().text.as_str(), asked.said().tokens), ("All at once.", 4));
        assert_eq!(asked.shown(), "All at once.");
    }
}

#[test]
fn what_is_no_answer_is_told_at_once_and_says_what_to_do() {
    let html = "<html><body>\u{1b}[31mWelcome to nginx</body></html>";
    let with = |status: &'static str, kind: &'static str, body: &'static str| -> Server {
        Server::of_models(LIST, move |_, _, stream| reply(stream, status, &[("Content-Type", kind)], body))
    };
    let stream = |bytes: &str| streaming(bytes.to_owned());
    let (error, gone) = (r#"{"error":{"message":"no such model 'm'"}}"#, r#"{"detail":"Not Found"}"#);
    let cases: Vec<(Server, &[&str])> = vec![
        (
            with("200 OK", "text/html", html),
            &["text/html", "Welcome to nginx", "expected text/event-stream", "/v1"],
        ),
        (with("200 OK", "application/json", "{\"ok\":true}"), &["no chat completion", "{\"ok\":true}"]),
        (with("200 OK", "application/json", "{"), &["no chat completion"]),
        (with("200 OK", "text/event-stream", ""), &["a stream that ends without an end", "(6 times)"]),
        (
            with("400 Bad Request", "application/json", error),
            &["the status 400: no such model 'm'", "--context"],
        ),
        (with("401 Unauthorized", "application/json", error), &["the status 401", "--key-env"]),
        (with("403 Forbidden", "text/plain", "no"), &["the status 403: no", "--key-env"]),
        (with("404 Not Found", "application/json", gone), &["the status 404: Not Found", "URL/models"]),
        (with("418 I'm a teapot", "text/html", html), &["the status 418", "Welcome to nginx"]),
        (stream("data: {\"choices\": [{\n\n"), &["no JSON: {\"choices\": [{", "/v1"]),
        (stream("data: nonsense\n\n"), &["no JSON: nonsense"]),
        (
            stream(
                &(piece("a") + "data: {\"error\":{\"message\":\"CUDA out of memory\",\"code\":507}}\n\n")
                    .replace("507", "400"),
            ),
            &["an error of the server (400): CUDA out of memory", "own log"],
        ),
        (stream("error: {\"message\":\"slot unavailable\"}\n\n"), &["slot unavailable"]),
        (stream("data: {\"error\":\"bad input\",\"error_type\":\"validation\"}\n\n"), &["bad input"]),
        (stream(&end("content_filter")), &["filter"]),
        (stream(&end("tool_calls")), &["a tool"]),
        (stream(&format!("data: {}", "x".repeat(3 << 20))), &["more than a mebibyte"]),
    ];
    for (server, parts) in cases {
        let told = far(&server).ask().fault();
        assert!(told.starts_with("the endpoint far (http://127.0.0.1:"), "{told}");
        assert!(!told.contains('\u{1b}'), "{told:?}");
        for part in parts {
            assert!(told.contains(part), "{part:?} in {told}");
        }
    }
    let bytes = Server::of_models(LIST, |_, _, stream| {
        events(stream);
        say(stream, b"data: \xff\xfe\n\n");
    });
    assert!(far(&bytes).ask().fault().contains("no UTF-8"));
    let noise = Server::of_models(LIST, |_, _, stream| {
        say(stream, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
    });
    let told = far(&noise).ask().fault();
    assert!(told.contains("the endpoint far"), "{told}");
}

#[test]
fn a_busy_server_is_asked_again_when_it_says_and_what_was_said_by_then_is_void() {
    let server = Server::of_models(LIST, |_, nth, stream| match nth {
        0 => reply(stream, "429 Too Many Requests", &[("Retry-After", "0")], "slow down"),
        1 => reply(stream, "503 Service Unavailable", &[], "loading"),
        2 => {
            // Cut off within a chunk: a connection that is lost, not a stream that is over.
            say(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            );
            let piece = piece("Half an ans");
            say(stream, format!("{:x}\r\n{piece}", piece.len() + 100));
        }
        _ => {
            events(stream);
            say(stream, piece("A whole answer.") + &end("stop") + DONE);
        }
    });
    let asked = far(&server).ask();
    assert_eq!((asked.said().text.as_str(), asked.shown().as_str()), ("A whole answer.", "A whole answer."));
    assert_eq!(asked.served().tries, 4);
    let waits: Vec<&str> = asked
        .steps
        .iter()
        .filter_map(|s| match s {
            Step::Waiting { why } => Some(why.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(waits.len(), 4, "{waits:?}");
    assert!(waits[1].contains("the status 429: slow down. Asking again in"), "{waits:?}");
    assert!(waits[3].contains("after 11 bytes of an answer"), "{waits:?}");
}

#[test]
fn a_server_that_wants_to_be_left_alone_for_long_is_not_waited_for() {
    let server = Server::of_models(LIST, |_, _, stream| {
        reply(stream, "429 Too Many Requests", &[("Retry-After", "3600")], "tomorrow");
    });
    let told = far(&server).ask().fault();
    assert!(told.contains("429: tomorrow") && told.contains("left alone for 1:00 h"), "{told}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_request_that_a_server_will_not_take_is_put_otherwise() {
    let server = Server::of_models(LIST, |seen, _, stream| {
        let body = seen.json();
        let refuse = |stream: &mut TcpStream, message: &str| {
            json(stream, "400 Bad Request", &value!({"error": {"message": message}}).to_string());
        };
        if body.get("stream_options").is_some() {
            refuse(stream, "Unrecognized request argument supplied: stream_options");
        } else if body.get("max_tokens").is_some() {
            refuse(stream, "Use 'max_completion_tokens' instead.");
        } else {
            events(stream);
            say(stream, piece("Well.") + DONE);
        }
    });
    let asked = far(&server).ask();
    assert_eq!(asked.said().text, "Well.");
    assert_eq!(asked.served().sent["max_completion_tokens"], 160);
    assert_eq!(asked.served().sent.get("max_tokens"), None, "recorded as it was sent in the end");
}

#[test]
fn silence_is_waited_out_for_as_long_as_was_said() {
    let impatient = |e: &mut Endpoint| e.timeout_seconds = NonZeroU32::MIN;
    for (first, says) in [("", "not a word for 1 s;"), ("Half", "not a word for 1 s, after 4 bytes")] {
        let server = Server::of_models(LIST, move |_, _, stream| {
            events(stream);
            if !first.is_empty() {
                say(stream, piece(first));
            }
            // Comments are no words.
            while say(stream, ": still here\n\n") {
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let begun = Instant::now();
        let told = far_with(&server, impatient).ask().fault();
        assert!(told.contains(says) && told.contains("--timeout"), "{told}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
    // Nothing at all, not even a status.
    let server = Server::of_models(LIST, |_, _, stream| {
        is_left(stream);
    });
    assert!(far_with(&server, impatient).ask().fault().contains("not a word for 1 s"));
}

#[test]
fn a_stream_without_end_is_cut_off_and_told() {
    let server = Server::of_models(LIST, |_, _, stream| {
        events(stream);
        let piece = piece(&"word ".repeat(20));
        while say(stream, &piece) {}
    });
    let told = far(&server).ask().fault();
    assert!(told.contains("an answer of more than") && told.contains("max_tokens"), "{told}");
    let server = Server::of_models(LIST, |_, _, stream| {
        events(stream);
        let nothing = ": nothing\n".repeat(1000);
        while say(stream, &nothing) {}
    });
    let told = far(&server).ask().fault();
    assert!(told.contains("a stream of more than"), "{told}");
}

#[test]
fn stopping_drops_the_connection_at_once_and_keeps_what_was_said() {
    let server = Server::of_models(LIST, |_, _, stream| {
        events(stream);
        say(stream, piece("Half"));
        is_left(stream);
    });
    let (far, cancel) = (far(&server), Cancel::new());
    let prompt = far.model.render(&messages("Why?", &[])).expect("rendered");
    let begun = Instant::now();
    let said = far.model.generate(&prompt, &Sampling::default(), &cancel, &mut |step| {
        if let Step::Text { .. } = step {
            cancel.cancel();
        }
    });
    let said = said.expect("what was said");
    assert_eq!((said.text.as_str(), said.finish), ("Half", Finish::Cancelled));
    assert!(begun.elapsed() < Duration::from_secs(10), "a server is silent for minutes");
}

#[test]
fn a_server_learns_at_once_that_nobody_listens() {
    let left = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&left);
    let server = Server::of_models(LIST, move |_, _, stream| told.store(is_left(stream), Ordering::SeqCst));
    let (far, cancel) = (far(&server), Cancel::new());
    std::thread::scope(|scope| {
        let (stopping, server) = (cancel.clone(), &server);
        scope.spawn(move || {
            wait("the question", || !server.asked().is_empty());
            stopping.cancel();
        });
        let asked = far.ask_with(&Sampling::default(), &cancel);
        assert_eq!(asked.said().finish, Finish::Cancelled);
    });
    wait("the connection to be dropped", || left.load(Ordering::SeqCst));
}

#[test]
fn a_redirect_is_told_and_not_followed() {
    let other = Server::start(|_, _, stream| json(stream, "200 OK", "{}"));
    let to = other.url("/v1/chat/completions?token=1");
    let server = Server::of_models(LIST, move |_, _, stream| {
        reply(stream, "307 Temporary Redirect", &[("Location", &to)], "");
    });
    let told = far(&server).ask().fault();
    assert!(told.contains(&format!("it sends on to {}", other.url("/v1/chat/completions"))), "{told}");
    assert!(told.contains("add the endpoint again with its URL") && !told.contains("token=1"), "{told}");
    assert_eq!(other.seen().len(), 0);
}

#[test]
fn a_server_that_is_not_there_is_told_before_a_question_is_lost_on_it() {
    let server = Server::of_models(LIST, |_, _, _| {});
    let dir = kept(&server, |_| {});
    let host = server.host();
    drop(server);
    // The port is free once the listener is gone.
    wait("the port to close", || TcpStream::connect(&host).is_err());
    let told = load(&dir).expect_err("nobody there").to_string();
    assert!(told.contains(&format!("the endpoint http://{host}/v1")), "{told}");
    assert!(told.contains("nobody who listens there") && told.contains("Start the server"), "{told}");
}

#[test]
fn a_server_without_a_list_is_asked_nevertheless() {
    let server = Server::start(|seen, _, stream| match seen.method.as_str() {
        "GET" => reply(stream, "404 Not Found", &[], "no"),
        _ => {
            events(stream);
            say(stream, piece("Here.") + DONE);
        }
    });
    assert_eq!(far(&server).ask().said().text, "Here.");
}

#[test]
fn another_model_behind_the_same_name_is_refused() {
    let server = Server::of_models(LIST, |_, _, _| {});
    let mut endpoint = Endpoint::new(&server.url(""), "m");
    let told = endpoint.ask(&Cancel::new()).expect("told");
    assert_eq!(endpoint.url, server.url(""), "a list was there without /v1");
    assert_eq!(told.said["root"], "/models/m");
    let dir = kept(&server, |e| {
        e.said.insert("root".into(), "/models/another".into());
    });
    let told = load(&dir).expect_err("another model").to_string();
    assert!(told.contains("root = \"/models/m\"") && told.contains("/models/another"), "{told}");
}

#[test]
fn the_api_is_found_below_v1() {
    let server = Server::start(|seen, _, stream| match seen.path.as_str() {
        "/v1/models" => json(stream, "200 OK", LIST),
        _ => reply(stream, "404 Not Found", &[], ""),
    });
    let mut endpoint = Endpoint::new(&server.url(""), "m");
    endpoint.ask(&Cancel::new()).expect("told");
    assert_eq!(endpoint.url, server.url("/v1"));
}

#[test]
fn the_window_is_what_was_given_or_told_and_counts_are_estimates() {
    let list = r#"{"data":[{"id":"m","max_model_len":2048}]}"#;
    let server = Server::of_models(list, |_, _, _| {});
    assert_eq!(far(&server).model.facts().context_tokens, 2048);
    let given = far_with(&server, |e| e.context_tokens = NonZeroUsize::new(512));
    assert_eq!(given.model.facts().context_tokens, 512);
    let prompt = given.model.render(&messages("Why gout?", &[])).expect("rendered");
    let tokens = given.model.count_tokens(&prompt).expect("an estimate");
    assert!(tokens * 2 > prompt.len() / 2 && tokens < prompt.len(), "{tokens} of {} bytes", prompt.len());
}

#[test]
fn its_identity_is_where_it_is_and_which_model_not_whether_it_is_there() {
    let server = Server::of_models(LIST, |_, _, _| {});
    let of = |dir: &tempfile::TempDir| {
        let registry = Registry::discover(Some(dir.path()));
        identity(&registry.find("far").expect("a contender"), &registry).expect("an identity")
    };
    let dir = kept(&server, |_| {});
    let other = kept(&server, |e| e.model = "n".into());
    let quick = kept(&server, |e| e.in_flight = NonZeroUsize::new(64).expect("some"));
    assert_ne!(of(&dir), of(&other));
    assert_eq!(of(&dir), of(&quick));
    let before = of(&dir);
    drop(server);
    assert_eq!(of(&dir), before);
}
