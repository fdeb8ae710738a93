//! One content, from the hub into the cache: what the hub says of it, where it sends on to, the bytes as far as they are
//! missing, and whether they are the right ones.

use super::Hub;
use super::cache::Cache;
use super::digest::{Expected, Running};
use crate::fault::{Error, Fault, Result};
use crate::job::{Cancel, Progress, Report, time};
use crate::net::{Address, Patience, Reply, Request, Stop, pause, retry_after, send};
use jiff::Timestamp;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

pub(super) const PATIENCE: Patience =
    Patience { connect: Duration::from_secs(15), first: Duration::from_secs(60) };
/// Between two pieces.
const IDLE: Duration = Duration::from_secs(60);
/// How often is tried without a single byte more.
const TRIES: u32 = 5;
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// How often a hub may send on.
const HOPS: usize = 6;
/// What of a refusal is read.
const REFUSAL: usize = 1 << 14;
/// What progress is told in.
pub(super) const MEGABYTE: u64 = 1_000_000;

/// What a hub says of a file.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) etag: String,
    pub(super) commit: Option<String>,
    pub(super) size: Option<u64>,
    /// Where its bytes are.
    at: Address,
}

/// A repository that files come from.
pub(super) struct Download<'a> {
    pub(super) hub: &'a Hub,
    pub(super) repository: &'a str,
    pub(super) cache: &'a Cache,
    pub(super) report: Report<'a>,
    pub(super) cancel: &'a Cancel,
}

/// How far all files are together.
#[derive(Debug, Clone, Copy)]
pub(super) struct So {
    pub(super) far: u64,
    pub(super) of: u64,
}

impl Download<'_> {
    /// A request to the hub, tried again where that helps; a fault if nobody answers.
    fn asked(&self, method: &'static str, to: &Address) -> Result<Result<Reply, Fault>> {
        let mut tries = 1;
        loop {
            let waits = match self.once(method, to, &[], false)? {
                Ok(reply) => match worth_waiting(&reply) {
                    Some(waits) if tries < TRIES => waits,
                    _ => return Ok(Ok(reply)),
                },
                Err((_, true)) if tries < TRIES => None,
                Err((fault, _)) => return Ok(Err(fault)),
            };
            tries += 1;
            self.rest(tries, waits)?;
        }
    }

    /// Rests before the next try.
    fn rest(&self, tries: u32, asked: Option<Duration>) -> Result<()> {
        let pause = pause(tries, asked);
        if pause > LONGEST_PAUSE {
            return Err(Fault::new(self.hub.endpoint.to_string(), "a hub that is busy")
                .expected("an answer")
                .next(format!(
                    "It wants to be left alone for {}: pull again then.",
                    time(pause.as_secs_f64())
                ))
                .into());
        }
        let doing = format!("trying again in {}", time(pause.as_secs_f64()));
        (self.report)(Progress { doing, done: 0, total: 0 });
        self.cancel.rest(pause)
    }

    /// A reply, or a fault and whether another try may help. A redirect within the hub is followed, with its token; one to
    /// elsewhere only if `on`, without.
    fn once(
        &self,
        method: &'static str,
        to: &Address,
        headers: &[(&'static str, String)],
        on: bool,
    ) -> Result<Result<Reply, (Fault, bool)>> {
        let mut to = to.clone();
        for _ in 0..HOPS {
            let key = self.hub.token.as_ref().filter(|_| to.is_same_host(&self.hub.endpoint));
            let request = Request { method, to: &to, headers: headers.to_vec(), key, body: None };
            let reply = match send(&request, &PATIENCE, self.cancel) {
                Ok(reply) => reply,
                Err(Stop::Cancelled) => return Err(Error::Cancelled),
                Err(Stop::Trouble(trouble)) => {
                    let fault = Fault::new(to.to_string(), &trouble).expected("a hub that answers").next(
                        "Check the network, or HF_ENDPOINT; the same command goes on from what is here.",
                    );
                    let again = trouble.what != crate::net::What::Nonsense;
                    return Ok(Err((fault, again)));
                }
            };
            let (true, Some(location)) = ((300..400).contains(&reply.status), reply.header("location"))
            else {
                return Ok(Ok(reply));
            };
            let next = to.join(location).map_err(|found| {
                Fault::new(to.to_string(), format!("a redirect to {found}")).expected("the URL of a file")
            })?;
            // A hub that was renamed is asked there; what lies elsewhere is for who asks to fetch.
            if !on && !next.is_same_host(&self.hub.endpoint) {
                return Ok(Ok(reply));
            }
            to = next;
        }
        let fault = Fault::new(to.to_string(), format!("more than {HOPS} redirects"))
            .expected("an answer")
            .next("Check HF_ENDPOINT.");
        Ok(Err((fault, false)))
    }

    /// A short text of the hub's: what it says of a repository. The inner fault if nobody answers.
    pub(super) fn text(&self, to: &Address, most: usize) -> Result<Result<Vec<u8>, Fault>> {
        let mut reply = match self.asked("GET", to)? {
            Ok(reply) => reply,
            Err(fault) => return Ok(Err(fault)),
        };
        let body = reply.body(most, Instant::now() + PATIENCE.first, self.cancel);
        let body = body.map_err(|stop| match stop {
            Stop::Cancelled => Error::Cancelled,
            Stop::Trouble(trouble) => Fault::new(to.to_string(), trouble).expected("an answer").into(),
        })?;
        if reply.status == 200 { Ok(Ok(body)) } else { Err(self.refused(&reply, &body, to).into()) }
    }

    /// What the hub says of a file: asked of it alone, so that nothing that lies elsewhere says what it must be.
    pub(super) fn about(&self, to: &Address) -> Result<About> {
        let reply = self.asked("HEAD", to)??;
        if !(200..400).contains(&reply.status) {
            return Err(self.refused(&reply, &[], to).into());
        }
        let etag = reply.header("x-linked-etag").or_else(|| reply.header("etag")).unwrap_or_default();
        let etag = etag.trim_start_matches("W/").trim_matches('"').to_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if etag.is_empty() || etag.len() > 200 || etag.starts_with('.') || !etag.chars().all(plain) {
            return Err(Fault::new(to.to_string(), format!("the etag {etag:?}"))
                .expected("a digest to keep the file by")
                .next("Check HF_ENDPOINT: is there a hub?")
                .into());
        }
        let number = |name: &str| reply.header(name).and_then(|n| n.parse().ok());
        let sent_on = (300..400).contains(&reply.status);
        let at = match reply.header("location").filter(|_| sent_on) {
            Some(location) => to.join(location).map_err(|found| Fault::new(to.to_string(), found))?,
            None => to.clone(),
        };
        Ok(About {
            size: number("x-linked-size").or_else(|| if sent_on { None } else { number("content-length") }),
            commit: reply.header("x-repo-commit").map(str::to_owned),
            etag,
            at,
        })
    }

    fn refused(&self, reply: &Reply, body: &[u8], to: &Address) -> Fault {
        let said = reply.header("x-error-message").map(str::to_owned).or_else(|| {
            let value: serde_json::Value = serde_json::from_slice(&body[..body.len().min(REFUSAL)]).ok()?;
            value["error"].as_str().map(str::to_owned)
        });
        let said = said.map(|s| self.hub.token.as_ref().map_or(s.clone(), |key| key.hide(&s)));
        let said =
            said.map_or_else(String::new, |s| format!(": {}", s.chars().take(240).collect::<String>()));
        let fault = Fault::new(self.repository, format!("the status {}{said}", reply.status));
        let gated = reply.header("x-error-code") == Some("GatedRepo");
        match (reply.status, &self.hub.token) {
            (401 | 403, _) if gated => fault.expected("a model that this account may have").next(format!(
                "Accept its terms at {}/{}, and put a token of that account into HF_TOKEN.",
                self.hub.endpoint, self.repository
            )),
            (401, None) => fault
                .expected("a model that everyone may have")
                .next("Check the name: it does not exist, or is private; for a private one put a token into HF_TOKEN."),
            (401 | 403, _) => fault
                .expected("a model that this account may have")
                .next("Check the name, and that the token in HF_TOKEN may read it."),
            (404, _) => {
                let next = match reply.header("x-error-code") {
                    Some("RevisionNotFound") => "Check --revision: a branch, a tag or a commit.",
                    Some("EntryNotFound") => "Check --file.",
                    _ => "Check owner, name and revision, as the model's page has them.",
                };
                fault.expected(format!("a model at {to}")).next(next)
            }
            (429, _) => fault.expected("an answer").next("The hub is asked too often from here: pull again later."),
            _ => fault.expected("an answer").next("Pull again later; what is here is kept."),
        }
    }

    /// Brings a content into the cache, as far as it is not there; `true` if any of it was fetched.
    pub(super) fn content(&self, file: &str, about: &About, so: So) -> Result<bool> {
        let blob = self.cache.blob(&about.etag);
        if blob.is_file() {
            return Ok(false);
        }
        let _lock = self.cache.lock(&about.etag, self.report, self.cancel)?;
        if blob.is_file() {
            return Ok(false);
        }
        let dir = blob.parent().unwrap_or(&blob);
        std::fs::create_dir_all(dir).map_err(|e| Fault::io(dir, "make", &e))?;
        let part = dir.join(format!("{}.incomplete", about.etag));
        self.fetch(file, about, &part, so)?;
        std::fs::rename(&part, &blob).map_err(|e| Fault::io(&blob, "write", &e))?;
        Ok(true)
    }

    fn fetch(&self, file: &str, about: &About, part: &Path, so: So) -> Result<()> {
        let expected = Expected::of(&about.etag);
        let io = |doing: &'static str| move |e: std::io::Error| Error::from(Fault::io(part, doing, &e));
        let mut out =
            OpenOptions::new().read(true).append(true).create(true).open(part).map_err(io("open"))?;
        let mut have = out.metadata().map_err(io("read"))?.len();
        if about.size.is_some_and(|size| have > size) {
            out.set_len(0).map_err(io("write to"))?;
            have = 0;
        }
        let mut tries = 1;
        while about.size.is_none_or(|size| have < size || size == 0) {
            let before = have;
            match self.pour(file, about, &mut out, &mut have, part, so)? {
                None => break,
                Some((fault, again, asked)) => {
                    tries = if have > before { 1 } else { tries + 1 };
                    if !again || tries > TRIES {
                        return Err(fault.into());
                    }
                    self.rest(tries.max(2), asked)?;
                }
            }
        }
        if let Some(size) = about.size.filter(|size| *size != have) {
            return Err(Fault::new(format!("{}: {file}", self.repository), format!("{have} bytes"))
                .expected(format!("{size} bytes"))
                .next("Pull again: it goes on from what is here.")
                .into());
        }
        out.sync_all().map_err(io("write to"))?;
        let mut running = Running::new(&expected, have);
        self.digest(&mut out, &mut running, file, have).map_err(|e| match e {
            Failed::Io(e) => io("read")(e),
            Failed::Stopped => Error::Cancelled,
        })?;
        if let Some((found, expected)) = running.wrong() {
            // What is wrong somewhere cannot be gone on with.
            let _ = std::fs::remove_file(part);
            return Err(Fault::new(
                format!("{}: {file}", self.repository),
                format!("bytes with the digest {found}"),
            )
            .expected(format!("the digest {expected}"))
            .next(
                "Pull again: they were damaged on the way. If it stays so, something between changes files.",
            )
            .into());
        }
        Ok(())
    }

    /// Fetches what is missing. A fault, whether another try may help, and when.
    #[allow(clippy::type_complexity)]
    fn pour(
        &self,
        file: &str,
        about: &About,
        out: &mut File,
        have: &mut u64,
        part: &Path,
        so: So,
    ) -> Result<Option<(Fault, bool, Option<Duration>)>> {
        let mut headers = Vec::new();
        if *have > 0 {
            headers.push(("range", format!("bytes={have}-")));
            // Where the hub itself has the bytes it goes by their etag; elsewhere the digest decides in the end.
            if about.at.is_same_host(&self.hub.endpoint) {
                headers.push(("if-range", format!("\"{}\"", about.etag)));
            }
        }
        let mut reply = match self.once("GET", &about.at, &headers, true)? {
            Ok(reply) => reply,
            Err((fault, again)) => return Ok(Some((fault, again, None))),
        };
        match reply.status {
            206 if starts_at(&reply) == Some(*have) => {}
            // All of it, or a part that was not asked for; a part of another place is as good as none.
            200 => {
                out.set_len(0).map_err(|e| Fault::io(part, "write to", &e))?;
                *have = 0;
            }
            206 | 416 => {
                out.set_len(0).map_err(|e| Fault::io(part, "write to", &e))?;
                *have = 0;
                let found = format!("the status {} to bytes from {have}", reply.status);
                let fault = Fault::new(format!("{}: {file}", self.repository), found)
                    .expected("the rest of the file, or all of it")
                    .next("Pull again.");
                return Ok(Some((fault, true, None)));
            }
            _ => {
                let waits = worth_waiting(&reply);
                let body =
                    reply.body(REFUSAL, Instant::now() + PATIENCE.first, self.cancel).unwrap_or_default();
                return Ok(Some((self.refused(&reply, &body, &about.at), waits.is_some(), waits.flatten())));
            }
        }
        let started = (Instant::now(), *have);
        loop {
            match reply.piece(Instant::now() + IDLE, self.cancel) {
                Ok(None) => break,
                Ok(Some(bytes)) => {
                    let over = about.size.is_some_and(|size| *have + bytes.len() as u64 > size);
                    if over {
                        out.set_len(0).map_err(|e| Fault::io(part, "write to", &e))?;
                        *have = 0;
                        let fault =
                            Fault::new(format!("{}: {file}", self.repository), "more bytes than it has")
                                .expected(format!("{} bytes", about.size.unwrap_or_default()))
                                .next("Something between here and the hub changes files.");
                        return Ok(Some((fault, false, None)));
                    }
                    out.write_all(&bytes).map_err(|e| Fault::io(part, "write to", &e))?;
                    *have += bytes.len() as u64;
                    self.tell(file, so.far + *have, so.of, started, *have);
                }
                Err(Stop::Cancelled) => return Err(Error::Cancelled),
                Err(Stop::Trouble(trouble)) => {
                    let fault = Fault::new(format!("{}: {file}", self.repository), &trouble)
                        .expected("the rest of the file")
                        .next("Pull again: it goes on from what is here.");
                    return Ok(Some((fault, true, None)));
                }
            }
        }
        match about.size {
            Some(size) if *have < size => {
                let found = format!("{have} bytes and then the end");
                let fault = Fault::new(format!("{}: {file}", self.repository), found)
                    .expected(format!("{size} bytes"))
                    .next("Pull again: it goes on from what is here.");
                Ok(Some((fault, true, None)))
            }
            _ => Ok(None),
        }
    }

    #[allow(clippy::cast_precision_loss)] // Bytes, for people.
    fn tell(&self, file: &str, done: u64, total: u64, started: (Instant, u64), have: u64) {
        let seconds = started.0.elapsed().as_secs_f64();
        let mut doing = format!("pulling {file}, MB");
        if seconds > 1.0 {
            let rate = (have - started.1) as f64 / seconds;
            let left = total.saturating_sub(done) as f64 / rate.max(1.0);
            doing = format!("{doing} · {:.1} a second · {} left", rate / MEGABYTE as f64, time(left));
        }
        (self.report)(Progress { doing, done: done / MEGABYTE, total: total / MEGABYTE });
    }

    fn digest(&self, out: &mut File, running: &mut Running, file: &str, len: u64) -> Result<(), Failed> {
        out.seek(SeekFrom::Start(0)).map_err(Failed::Io)?;
        let (mut buffer, mut read) = (vec![0; 1 << 20], 0);
        loop {
            self.cancel.check().map_err(|_| Failed::Stopped)?;
            match out.read(&mut buffer).map_err(Failed::Io)? {
                0 => return Ok(()),
                n => {
                    running.update(&buffer[..n]);
                    read += n as u64;
                    if len > 100 * MEGABYTE {
                        let doing = format!("checking {file}, MB");
                        (self.report)(Progress { doing, done: read / MEGABYTE, total: len / MEGABYTE });
                    }
                }
            }
        }
    }
}

enum Failed {
    Io(std::io::Error),
    Stopped,
}

/// Where a part of a file begins, as the reply says.
fn starts_at(reply: &Reply) -> Option<u64> {
    reply.header("content-range")?.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

/// Whether a refusal may be over soon, and when.
#[allow(clippy::option_option)] // Not; soon; then.
fn worth_waiting(reply: &Reply) -> Option<Option<Duration>> {
    let soon = matches!(reply.status, 408 | 429 | 500 | 502..=504);
    soon.then(|| reply.header("retry-after").and_then(|v| retry_after(v, Timestamp::now())))
}
