//! Pulling from a hub: a server on a socket that speaks the hub's protocol, and a second one for the content network.

use crate::command::Data;
use crate::server::{Seen, Server, reply, say};
use juxta::fault::{Error, Result};
use juxta::hub::{Hub, Pulled, Wanted, link, pull};
use juxta::job::{Cancel, Progress, SILENT};
use juxta::net::{Address, Key};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const TOKEN: &str = "hf_a_token_of_an_account";
const BIG: &str = "model.safetensors";

/// What may be wrong with a hub's bytes.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Whole,
    /// So many bytes, then the connection is lost, the first time.
    Cut(usize),
    /// As long as said, and not what was said.
    Wrong,
    /// More than was said.
    More,
    /// Whatever is asked for, 416.
    NoRanges,
    /// Ranges are not heard.
    AllAtOnce,
}

struct Repository {
    hub: Server,
    cdn: Server,
    cache: tempfile::TempDir,
    files: BTreeMap<&'static str, Vec<u8>>,
    /// How many bytes the content network sent.
    sent: Arc<AtomicUsize>,
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn weights() -> Vec<u8> {
    (0..600_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

fn repository() -> Repository {
    repository_with(Fate::Whole, usual())
}

fn usual() -> BTreeMap<&'static str, Vec<u8>> {
    BTreeMap::from([
        ("README.md", b"For people.".to_vec()),
        ("config.json", b"{}".to_vec()),
        ("tokenizer.json", b"{\"version\": \"1.0\"}".to_vec()),
        ("pytorch_model.bin", b"not this".to_vec()),
        (BIG, weights()),
    ])
}

fn repository_with(fate: Fate, files: BTreeMap<&'static str, Vec<u8>>) -> Repository {
    let sent = Arc::new(AtomicUsize::new(0));
    let cdn = {
        let (files, sent, tried) = (files.clone(), Arc::clone(&sent), AtomicUsize::new(0));
        Server::start(move |seen, _, stream| {
            let name = seen.path.split('?').next().unwrap_or_default().trim_start_matches("/cdn/");
            let bytes = &files[name];
            let first = tried.fetch_add(1, Ordering::SeqCst) == 0;
            let from = range(seen);
            let (mut from, mut status) =
                (from.unwrap_or(0), if from.is_some() { "206 Partial Content" } else { "200 OK" });
            match fate {
                Fate::NoRanges if from > 0 => return reply(stream, "416 Range Not Satisfiable", &[], ""),
                Fate::AllAtOnce => (from, status) = (0, "200 OK"),
                _ => {}
            }
            let mut body = bytes[from..].to_vec();
            match fate {
                Fate::Wrong => body[5] ^= 1,
                Fate::More => body.extend_from_slice(b"more"),
                _ => {}
            }
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{}\r\nConnection: close\r\n\r\n",
                body.len(),
                bytes.len().saturating_sub(1),
                bytes.len()
            );
            say(stream, head);
            if let (Fate::Cut(at), true) = (fate, first) {
                body.truncate(at);
            }
            sent.fetch_add(body.len(), Ordering::SeqCst);
            say(stream, body);
        })
    };
    let hub = {
        let (files, at) = (files.clone(), cdn.url("/cdn/"));
        Server::start(move |seen, _, stream| hub(seen, stream, &files, &at))
    };
    Repository { hub, cdn, cache: tempfile::tempdir().expect("a folder"), files, sent }
}

fn range(seen: &Seen) -> Option<usize> {
    seen.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

fn hub(seen: &Seen, stream: &mut TcpStream, files: &BTreeMap<&'static str, Vec<u8>>, cdn: &str) {
    let path = seen.path.split('?').next().unwrap_or_default();
    let missing = |stream: &mut TcpStream, code: &str| {
        reply(stream, "404 Not Found", &[("X-Error-Code", code), ("X-Error-Message", "it is not here")], "");
    };
    if let Some(rest) = path.strip_prefix("/api/models/") {
        let siblings: Vec<_> = files.iter().map(|(n, b)| json!({"rfilename": n, "size": b.len()})).collect();
        let body = json!({"sha": COMMIT, "siblings": siblings}).to_string();
        return match rest {
            "o/m/revision/main" | "o/m/revision/v1" => {
                reply(stream, "200 OK", &[("Content-Type", "application/json")], body);
            }
            "o/old/revision/main" => {
                let to = "/api/models/o/m/revision/main?blobs=true";
                reply(stream, "307 Temporary Redirect", &[("Location", to)], "");
            }
            "o/gated/revision/main" => {
                let says = [
                    ("X-Error-Code", "GatedRepo"),
                    ("X-Error-Message", "Access to model o/gated is restricted"),
                ];
                reply(stream, "403 Forbidden", &says, "");
            }
            "o/busy/revision/main" => reply(stream, "503 Service Unavailable", &[("Retry-After", "0")], ""),
            _ if rest.starts_with("o/m/") => missing(stream, "RevisionNotFound"),
            _ => reply(stream, "401 Unauthorized", &[("X-Error-Code", "RepoNotFound")], ""),
        };
    }
    let Some(name) = path.strip_prefix(&format!("/o/m/resolve/{COMMIT}/")) else {
        return missing(stream, "EntryNotFound");
    };
    let Some(bytes) = files.get(name) else { return missing(stream, "EntryNotFound") };
    if name.ends_with(".safetensors") || name.ends_with(".gguf") {
        let headers = [
            ("Location", format!("{cdn}{name}?signature=abc")),
            ("X-Repo-Commit", COMMIT.to_owned()),
            ("X-Linked-Etag", format!("\"{}\"", sha256(bytes))),
            ("X-Linked-Size", bytes.len().to_string()),
        ];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        return reply(stream, "302 Found", &headers, "");
    }
    // Not a git name, so that nothing is promised by it; the digests have a test of their own.
    let etag = format!("\"etag-{}\"", &sha256(bytes)[..12]);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nETag: {etag}\r\nX-Repo-Commit: {COMMIT}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    say(stream, head);
    if seen.method != "HEAD" {
        say(stream, bytes);
    }
}

fn wanted(repository: &str) -> Wanted {
    Wanted { repository: repository.to_owned(), revision: None, file: None }
}

impl Repository {
    fn of(&self) -> Hub {
        Hub {
            endpoint: Address::parse(&self.hub.url("")).expect("a URL"),
            cache: self.cache.path().to_owned(),
            token: Some(Key::new(TOKEN).expect("a token")),
            offline: false,
        }
    }

    fn pull(&self) -> Result<Pulled> {
        pull(&self.of(), &wanted("o/m"), SILENT, &Cancel::new())
    }

    fn folder(&self) -> PathBuf {
        self.cache.path().join("models--o--m")
    }

    #[track_caller]
    fn fault(&self, repository: &str) -> String {
        pull(&self.of(), &wanted(repository), SILENT, &Cancel::new()).expect_err("refused").to_string()
    }

    #[track_caller]
    fn is_whole(&self, pulled: &Pulled) {
        for file in ["config.json", "tokenizer.json", BIG] {
            assert!(std::fs::read(pulled.snapshot.join(file)).expect(file) == self.files[file], "{file}");
        }
    }
}

fn incomplete(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("blobs")).map_or(0, |entries| {
        entries.flatten().filter(|e| e.path().extension().is_some_and(|e| e == "incomplete")).count()
    })
}

#[test]
fn what_a_model_needs_comes_into_the_shared_cache_and_the_token_stays_with_the_hub() {
    let repository = repository();
    let pulled = repository.pull().expect("pulled");
    repository.is_whole(&pulled);
    assert_eq!((pulled.files, pulled.fetched, pulled.commit.as_str()), (3, 3, COMMIT));
    let names: Vec<String> = std::fs::read_dir(&pulled.snapshot)
        .expect("listed")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into())
        .collect();
    assert_eq!(names.len(), 3, "no other format, nothing for people: {names:?}");
    // As huggingface_hub lays it out.
    let folder = repository.folder();
    assert_eq!(std::fs::read_to_string(folder.join("refs/main")).expect("a ref"), COMMIT);
    let target = std::fs::read_link(pulled.snapshot.join(BIG)).expect("a link");
    assert_eq!(target, Path::new(&format!("../../blobs/{}", sha256(&repository.files[BIG]))));
    assert_eq!(incomplete(&folder), 0);
    let bearer = format!("Bearer {TOKEN}");
    assert!(repository.hub.seen().iter().all(|s| s.header("authorization") == Some(&bearer)));
    assert!(repository.cdn.seen().iter().all(|s| s.header("authorization").is_none()));
    // Again: the hub says that it is the same, and nothing is fetched.
    let before = repository.sent.load(Ordering::SeqCst);
    assert_eq!(repository.pull().expect("pulled").fetched, 0);
    assert_eq!(repository.sent.load(Ordering::SeqCst), before);
}

#[test]
fn what_is_here_is_found_without_a_network_or_where_nobody_answers() {
    let repository = repository();
    repository.pull().expect("pulled");
    let mut hub = repository.of();
    hub.offline = true;
    let asked = repository.hub.seen().len();
    let found = pull(&hub, &wanted("o/m"), SILENT, &Cancel::new()).expect("found");
    assert_eq!((found.files, found.fetched), (3, 0));
    assert_eq!(repository.hub.seen().len(), asked, "offline is offline");
    let told = pull(&hub, &wanted("o/other"), SILENT, &Cancel::new()).expect_err("not here").to_string();
    assert!(told.contains("HF_HUB_OFFLINE is set"), "{told}");
    // A commit is known to be the same without asking.
    hub.offline = false;
    let commit = Wanted { revision: Some(COMMIT.to_owned()), ..wanted("o/m") };
    pull(&hub, &commit, SILENT, &Cancel::new()).expect("found");
    assert_eq!(repository.hub.seen().len(), asked);
}

#[test]
fn a_broken_transfer_is_gone_on_with_where_it_broke() {
    let repository = repository_with(Fate::Cut(1_000_000), usual());
    let pulled = repository.pull().expect("pulled in the end");
    repository.is_whole(&pulled);
    let ranges: Vec<_> = repository.cdn.seen().iter().map(range).collect();
    assert_eq!(ranges, [None, Some(1_000_000)]);
    assert_eq!(repository.sent.load(Ordering::SeqCst), repository.files[BIG].len(), "no byte twice");
}

#[test]
fn what_another_run_left_is_gone_on_with_and_too_much_of_it_begun_anew() {
    for (left, expected) in [(700_000, Some(700_000)), (9_000_000, None)] {
        let repository = repository();
        let blobs = repository.folder().join("blobs");
        std::fs::create_dir_all(&blobs).expect("made");
        let mut part = repository.files[BIG].clone();
        part.resize(left, 0);
        std::fs::write(blobs.join(format!("{}.incomplete", sha256(&repository.files[BIG]))), part)
            .expect("written");
        repository.is_whole(&repository.pull().expect("pulled"));
        assert_eq!(range(&repository.cdn.seen()[0]), expected);
    }
}

#[test]
fn a_hub_that_knows_no_ranges_sends_all_of_it_again() {
    for fate in [Fate::AllAtOnce, Fate::NoRanges] {
        let repository = repository_with(fate, usual());
        let blobs = repository.folder().join("blobs");
        std::fs::create_dir_all(&blobs).expect("made");
        let part = &repository.files[BIG][..5000];
        std::fs::write(blobs.join(format!("{}.incomplete", sha256(&repository.files[BIG]))), part)
            .expect("written");
        repository.is_whole(&repository.pull().expect("pulled"));
    }
}

#[test]
fn bytes_that_are_not_what_was_promised_are_no_model() {
    for (fate, says) in [(Fate::Wrong, "bytes with the digest"), (Fate::More, "more bytes than it has")] {
        let repository = repository_with(fate, usual());
        let told = repository.fault("o/m");
        assert!(told.contains(says) && told.contains("o/m: model.safetensors"), "{told}");
        assert!(!repository.folder().join("blobs").join(sha256(&repository.files[BIG])).exists());
        assert!(!told.contains("signature"), "{told}");
    }
}

#[test]
fn what_a_hub_refuses_says_why_and_what_to_do() {
    let repository = repository();
    for (name, parts) in [
        ("o/gated", &["403: Access to model o/gated is restricted", "Accept its terms at", "HF_TOKEN"][..]),
        ("o/unknown", &["the status 401", "the token in HF_TOKEN may read it"]),
        ("o/busy", &["the status 503", "Pull again later"]),
        ("not a name", &["\"not a name\"", "top of the model's page"]),
        ("../x", &["\"../x\""]),
    ] {
        let told = repository.fault(name);
        for part in parts {
            assert!(told.contains(part), "{part:?} in {told}");
        }
        assert!(!told.contains(TOKEN));
    }
    let revision = Wanted { revision: Some("nope".into()), ..wanted("o/m") };
    let told = pull(&repository.of(), &revision, SILENT, &Cancel::new()).expect_err("none").to_string();
    assert!(told.contains("404: it is not here") && told.contains("--revision"), "{told}");
    let mut nobody = repository.of();
    nobody.token = None;
    let told = pull(&nobody, &wanted("o/unknown"), SILENT, &Cancel::new()).expect_err("none").to_string();
    assert!(told.contains("does not exist, or is private"), "{told}");
}

#[test]
fn a_repository_that_was_renamed_is_followed_within_the_hub() {
    let repository = repository();
    let told = repository.fault("o/old");
    // Its files are asked for by the old name, which this hub does not send on.
    assert!(told.contains("404"), "{told}");
    assert!(repository.hub.seen().iter().any(|s| s.path.starts_with("/api/models/o/m/revision/main")));
}

#[test]
fn shards_come_by_their_index_and_one_that_leads_out_is_refused() {
    let index =
        |shard: &str| json!({"weight_map": {"a": shard, "b": "two.safetensors"}}).to_string().into_bytes();
    let mut files = usual();
    files.remove(BIG);
    files.insert("model.safetensors.index.json", index("one.safetensors"));
    files.insert("one.safetensors", b"1".to_vec());
    files.insert("two.safetensors", b"2".to_vec());
    files.insert("three.safetensors", b"not named".to_vec());
    let repository = repository_with(Fate::Whole, files.clone());
    let pulled = repository.pull().expect("pulled");
    assert_eq!(pulled.files, 5);
    assert!(
        pulled.snapshot.join("two.safetensors").is_file()
            && !pulled.snapshot.join("three.safetensors").exists()
    );
    files.insert("model.safetensors.index.json", index("../../../evil"));
    let repository = repository_with(Fate::Whole, files);
    let told = repository.fault("o/m");
    assert!(told.contains("the path \"../../../evil\""), "{told}");
}

#[test]
fn stopping_keeps_what_was_fetched_for_the_next_time() {
    let repository = repository();
    let cancel = Cancel::new();
    let report = |progress: Progress| {
        if progress.doing.starts_with("pulling model.safetensors") {
            cancel.cancel();
        }
    };
    let stopped = pull(&repository.of(), &wanted("o/m"), &report, &cancel);
    assert!(matches!(stopped, Err(Error::Cancelled)));
    assert_eq!(incomplete(&repository.folder()), 1);
    repository.is_whole(&repository.pull().expect("pulled"));
    assert!(range(repository.cdn.seen().last().expect("a request")).is_some_and(|from| from > 0));
}

#[test]
fn pulls_at_once_fetch_every_file_once() {
    let repository = repository();
    std::thread::scope(|scope| {
        let all = [0; 4].map(|_| scope.spawn(|| repository.pull().expect("pulled")));
        for pulled in all {
            repository.is_whole(&pulled.join().expect("no panic"));
        }
    });
    assert_eq!(repository.sent.load(Ordering::SeqCst), repository.files[BIG].len());
}

#[test]
fn a_full_disk_is_told() {
    // A blob that cannot be made: a file stands where its folder would be.
    let repository = repository();
    std::fs::create_dir_all(repository.folder()).expect("made");
    std::fs::write(repository.folder().join("blobs"), "in the way").expect("written");
    let told = repository.fault("o/m");
    assert!(told.contains("blobs") && told.contains("expected to"), "{told}");
}

#[test]
fn what_was_pulled_is_a_contender_by_name() {
    let files = BTreeMap::from([("q.Q8_0.gguf", b"no real one".to_vec()), ("other.gguf", b"other".to_vec())]);
    let repository = repository_with(Fate::Whole, files);
    let data = Data::new();
    let (cache, url) = (repository.cache.path().to_str().expect("UTF-8"), repository.hub.url(""));
    let pull = |args: &[&str]| {
        let variables = [("HF_HUB_CACHE", cache), ("HF_ENDPOINT", &url), ("HF_TOKEN", TOKEN)];
        data.juxta_with(&variables, &[&["model", "pull", "o/m"], args].concat())
    };
    pull(&[]).refused(&["2 GGUF files", "one of other.gguf, q.Q8_0.gguf", "--file"]);
    // It is there; that it is no real one is said by who reads it.
    pull(&["--file", "q.Q8_0.gguf"]).failed(&["q.Q8_0.gguf", "1 file of o/m"]);
    let at = data.path().join("models/q.Q8_0.gguf");
    assert_eq!(std::fs::read(&at).expect("through the links"), b"no real one");
    std::fs::write(data.path().join("models/mine.gguf"), "of a person's own").expect("written");
    pull(&["--file", "q.Q8_0.gguf", "--as", "mine"]).failed(&["another model called mine", "--as"]);
    assert_eq!(std::fs::read(data.path().join("models/mine.gguf")).expect("there"), b"of a person's own");
    pull(&["--file", "q.Q8_0.gguf", "--as", "../x"]).refused(&["--as", "../x"]);
    // A cache that was emptied leaves a link to nothing, which is told.
    std::fs::remove_dir_all(repository.folder()).expect("removed");
    data.juxta(&["model", "list"]).says(&["a link to what is not there any more", "Pull the model again"]);
}

#[test]
fn a_link_is_led_on_to_the_next_commit() {
    let repository = repository();
    let (hub, wanted) = (repository.of(), wanted("o/m"));
    let pulled = repository.pull().expect("pulled");
    let models = tempfile::tempdir().expect("a folder");
    let at = link(&hub, &wanted, &pulled, models.path(), "m").expect("linked");
    let next = repository.folder().join("snapshots").join("f".repeat(40));
    std::fs::create_dir_all(&next).expect("made");
    link(&hub, &wanted, &Pulled { snapshot: next.clone(), ..pulled }, models.path(), "m")
        .expect("linked anew");
    assert_eq!(at.canonicalize().expect("there"), next.canonicalize().expect("there"));
}
