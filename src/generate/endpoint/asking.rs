//! One request for an answer, and the answer as it comes: time-outs, what a server may not send, and what is worth asking
//! again for.

use super::chunk::{self, Chunk, Read};
use super::events::{Broken, Event, Events, Field};
use crate::fault::Fault;
use crate::generate::answer::{Count, Finish, Step, from_first_word};
use crate::job::Cancel;
use crate::net::{Address, Hider, Key, Patience, Reply, Request, Stop, Trouble, What, retry_after, send};
use crate::text::one_line;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Until there is a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Between two pieces of an answer, at most: a server that has begun goes on.
const IDLE: Duration = Duration::from_secs(60);
/// A server that has said why the answer ended may still count its tokens; nobody waits long for that.
const COUNTING: Duration = Duration::from_secs(3);
/// What of a refusal is read.
const REFUSAL: usize = 1 << 16;
/// The most bytes of an answer for each token it may have, and beside them: a token has some four.
const BYTES_A_TOKEN: usize = 64;
/// The most bytes of a stream for each token: a piece comes in a few hundred of JSON.
const STREAM_A_TOKEN: usize = 4096;
const BESIDE: usize = 1 << 20;
/// What is quoted of what a server sends.
const QUOTED: usize = 240;

/// What to do about a server that is not there.
pub(super) const NOT_THERE: &str =
    "Start the server, or check its URL and whether this machine can reach it; then ask again.";

/// What is to be asked.
pub(super) struct Asking<'a> {
    pub(super) address: &'a Address,
    pub(super) key: Option<&'a Key>,
    /// Whose fault it is, for people.
    pub(super) place: &'a str,
    pub(super) body: String,
    /// Until the first piece of the answer.
    pub(super) first: Duration,
    pub(super) max_tokens: usize,
}

/// What has been said so far.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) text: String,
    /// Pieces with text in them.
    pub(super) pieces: usize,
    pub(super) thinking: usize,
    pub(super) asked: Instant,
    pub(super) first: Option<Instant>,
    pub(super) last: Option<Instant>,
    pub(super) finish: Option<Finish>,
    pub(super) finish_reason: Option<String>,
    pub(super) model: Option<String>,
    pub(super) system_fingerprint: Option<String>,
    pub(super) usage: BTreeMap<String, u64>,
}

/// Why there is no whole answer.
pub(super) enum Wrong {
    Cancelled,
    Fault {
        fault: Fault,
        again: Again,
    },
    /// The request itself does not suit the server; what it says of it.
    Refused {
        fault: Fault,
        said: String,
    },
}

/// Whether the same request may fare better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    /// Not before so long, if the server says so.
    After(Option<Duration>),
}

impl Said {
    pub(super) fn nothing() -> Self {
        Self {
            text: String::new(),
            pieces: 0,
            thinking: 0,
            asked: Instant::now(),
            first: None,
            last: None,
            finish: None,
            finish_reason: None,
            model: None,
            system_fingerprint: None,
            usage: BTreeMap::new(),
        }
    }
}

impl Asking<'_> {
    /// Asks once; what is said goes into `said` and to `on` as it comes.
    pub(super) fn once(
        &self,
        said: &mut Said,
        cancel: &Cancel,
        on: &mut dyn FnMut(Step),
    ) -> Result<(), Wrong> {
        let request = Request {
            method: "POST",
            to: self.address,
            headers: vec![("accept", "text/event-stream".to_owned())],
            key: self.key,
            body: Some(self.body.clone()),
        };
        let patience = Patience { connect: CONNECT.min(self.first), first: self.first };
        let mut reply = send(&request, &patience, cancel).map_err(|stop| self.stopped(stop, said))?;
        if !(200..300).contains(&reply.status) {
            return Err(self.refused(&mut reply, cancel));
        }
        let mut kind = reply.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let mut first = None;
        if !kind.contains("event-stream") && !kind.contains("json") {
            // Some servers do not say what it is, or say that it is any text.
            first = reply.piece(said.asked + self.first, cancel).map_err(|s| self.stopped(s, said))?;
            let begin = String::from_utf8_lossy(first.as_deref().unwrap_or_default()).into_owned();
            let begin = begin.trim_start_matches('\u{feff}').trim_start();
            kind = if begin.starts_with("data:") || begin.starts_with(':') || begin.starts_with("event:") {
                "event-stream".to_owned()
            } else if begin.starts_with('{') {
                "json".to_owned()
            } else {
                let kind: &str = if kind.is_empty() { "nothing that says what it is" } else { &kind };
                let found = format!("{}: {}", one_line(kind), self.shown(begin.as_bytes()));
                return Err(self.never(self.fault(found, "text/event-stream").next(CHECK_URL)));
            };
        }
        let mut telling = Telling { said, hider: Hider::new(self.key), on };
        if kind.contains("event-stream") {
            self.stream(&mut reply, first, &mut telling, cancel)?;
        } else {
            self.whole(&mut reply, first, &mut telling, cancel)?;
        }
        let rest = telling.hider.rest();
        telling.tell(rest);
        Ok(())
    }

    fn stream(
        &self,
        reply: &mut Reply,
        first: Option<Vec<u8>>,
        to: &mut Telling<'_, '_>,
        cancel: &Cancel,
    ) -> Result<(), Wrong> {
        let (mut events, mut found) = (Events::default(), Vec::new());
        let (mut received, mut done) = (0, false);
        let mut next = first;
        while !done {
            let bytes = match next.take() {
                Some(bytes) => Some(bytes),
                None => match (reply.piece(self.until(to.said), cancel), to.said.finish) {
                    (Ok(piece), _) => piece,
                    // All of the answer is there; only its figures are not.
                    (Err(Stop::Trouble(_)), Some(_)) => return Ok(()),
                    (Err(stop), _) => return Err(self.stopped(stop, to.said)),
                },
            };
            let Some(bytes) = bytes else { break };
            received += bytes.len();
            if received > BESIDE + self.max_tokens.saturating_mul(STREAM_A_TOKEN) {
                return Err(self.endless(&format!("a stream of more than {received} bytes")));
            }
            events.push(&bytes, &mut found).map_err(|broken| self.broken(broken))?;
            for event in found.drain(..) {
                done = done || self.event(&event, to)?;
            }
        }
        if !done && let Some(event) = events.rest().map_err(|broken| self.broken(broken))? {
            // Half an event is what a lost connection leaves.
            if event.data == DONE || chunk::read(&event.data).is_some() {
                done = self.event(&event, to)?;
            }
        }
        if done && to.said.finish.is_none() {
            to.said.finish = Some(Finish::Stop);
        }
        if to.said.finish.is_none() {
            let trouble = Trouble { what: What::Lost, said: "a stream that ends without an end".to_owned() };
            return Err(self.stopped(Stop::Trouble(trouble), to.said));
        }
        Ok(())
    }

    /// Until when the next piece is waited for. What is no part of the answer does not count as one.
    fn until(&self, said: &Said) -> Instant {
        match (said.finish, said.last) {
            (Some(_), last) => last.unwrap_or(said.asked).max(Instant::now()) + COUNTING,
            (None, Some(last)) => last + IDLE.min(self.first),
            (None, None) => said.asked + self.first,
        }
    }

    /// Takes in an event; `true` for the last one.
    fn event(&self, event: &Event, to: &mut Telling<'_, '_>) -> Result<bool, Wrong> {
        if event.data.trim() == DONE {
            return Ok(true);
        }
        if event.field == Field::Error {
            let told = chunk::message(event.data.as_bytes()).unwrap_or_else(|| event.data.clone());
            return Err(self.told_error(&told, None));
        }
        if event.data.trim().is_empty() {
            return Ok(false);
        }
        match chunk::read(&event.data) {
            Some(Read::Chunk(chunk)) => self.chunk(chunk, to)?,
            Some(Read::Error { said: told, code }) => return Err(self.told_error(&told, code)),
            None => {
                let found = format!("an event that is no JSON: {}", self.shown(event.data.as_bytes()));
                return Err(self.never(self.fault(found, "a piece of a chat completion").next(CHECK_URL)));
            }
        }
        Ok(false)
    }

    fn chunk(&self, chunk: Chunk, to: &mut Telling<'_, '_>) -> Result<(), Wrong> {
        let Telling { said, hider, .. } = to;
        if chunk.thinking > 0 {
            said.thinking += chunk.thinking;
            said.last = Some(Instant::now());
        }
        if !chunk.text.is_empty() {
            let now = Instant::now();
            said.first.get_or_insert(now);
            said.last = Some(now);
            said.pieces += 1;
            let most = BYTES_A_TOKEN * (self.max_tokens + BYTES_A_TOKEN);
            if said.text.len() + chunk.text.len() > most {
                return Err(self.endless(&format!("an answer of more than {most} bytes")));
            }
            let shown = hider.push(&chunk.text);
            to.tell(shown);
        }
        let said = &mut *to.said;
        let own = |text: String| self.shown(text.as_bytes());
        said.model = said.model.take().or(chunk.model.map(own));
        said.system_fingerprint = said.system_fingerprint.take().or(chunk.system_fingerprint.map(own));
        if !chunk.usage.is_empty() {
            said.usage = chunk.usage;
        }
        if let Some(reason) = chunk.finish_reason {
            said.finish = Some(match reason.as_str() {
                "length" => Finish::Length,
                "content_filter" => {
                    let fault = self.fault("an answer that the server's filter cut off", "a whole answer");
                    return Err(self.never(fault.next("Ask otherwise, or turn the server's filter off.")));
                }
                "tool_calls" | "function_call" => {
                    let fault = self.fault("the call of a tool instead of an answer", "an answer in words");
                    return Err(self.never(fault.next("Start the server without tools for this model.")));
                }
                _ => Finish::Stop,
            });
            said.finish_reason = Some(own(reason));
        }
        Ok(())
    }

    /// A reply in one piece, from a server that does not stream.
    fn whole(
        &self,
        reply: &mut Reply,
        first: Option<Vec<u8>>,
        to: &mut Telling<'_, '_>,
        cancel: &Cancel,
    ) -> Result<(), Wrong> {
        let most = BESIDE + self.max_tokens.saturating_mul(BYTES_A_TOKEN);
        let until = to.said.asked + self.first + IDLE;
        let mut body = first.unwrap_or_default();
        let rest = reply.body(most.saturating_sub(body.len()), until, cancel);
        body.extend(rest.map_err(|stop| self.stopped(stop, to.said))?);
        if body.len() >= most {
            return Err(self.endless(&format!("a reply of {most} bytes or more")));
        }
        let read = std::str::from_utf8(&body).ok().and_then(chunk::read);
        match read {
            Some(Read::Chunk(chunk)) if chunk.chosen => {
                self.chunk(chunk, to)?;
                to.said.finish.get_or_insert(Finish::Stop);
                Ok(())
            }
            Some(Read::Error { said: told, code }) => Err(self.told_error(&told, code)),
            _ => {
                let found = format!("a reply that is no chat completion: {}", self.shown(&body));
                Err(self.never(self.fault(found, "an answer, streamed or whole").next(CHECK_URL)))
            }
        }
    }

    fn refused(&self, reply: &mut Reply, cancel: &Cancel) -> Wrong {
        let until = Instant::now() + CONNECT;
        let body = match reply.body(REFUSAL, until, cancel) {
            Ok(body) => body,
            Err(Stop::Cancelled) => return Wrong::Cancelled,
            Err(Stop::Trouble(_)) => Vec::new(),
        };
        let fault = refused(reply, &body, self.key, self.place);
        let waits = reply.header("retry-after").and_then(|v| retry_after(v, Timestamp::now()));
        match reply.status {
            400 | 422 => Wrong::Refused { fault, said: String::from_utf8_lossy(&body).into_owned() },
            408 | 425 | 429 | 500..=599 if reply.status != 501 => {
                Wrong::Fault { fault, again: Again::After(waits) }
            }
            _ => self.never(fault),
        }
    }

    /// An error that the server tells of when it has begun.
    fn told_error(&self, told: &str, code: Option<u64>) -> Wrong {
        let code_shown = code.map(|c| format!(" ({c})")).unwrap_or_default();
        let fault = self
            .fault(
                format!("an error of the server{code_shown}: {}", self.shown(told.as_bytes())),
                "an answer",
            )
            .next("The server's own log says more.");
        match code {
            Some(429 | 500..=599) => Wrong::Fault { fault, again: Again::After(None) },
            _ => self.never(fault),
        }
    }

    fn stopped(&self, stop: Stop, said: &Said) -> Wrong {
        let trouble = match stop {
            Stop::Cancelled => return Wrong::Cancelled,
            Stop::Trouble(trouble) => trouble,
        };
        let so_far = match said.text.len() {
            0 => String::new(),
            n => format!(", after {n} bytes of an answer"),
        };
        let (found, again) = match trouble.what {
            What::Unreachable | What::Lost => (format!("{trouble}{so_far}"), Again::After(None)),
            What::Silent => {
                let waited = if said.last.is_some() { IDLE.min(self.first) } else { self.first };
                (format!("not a word for {} s{so_far}", waited.as_secs().max(1)), Again::Never)
            }
            What::Nonsense => (format!("{trouble}{so_far}"), Again::Never),
        };
        let next = match trouble.what {
            What::Silent => {
                "See whether the server is stuck or busy; --timeout says how long the first word is waited for."
            }
            _ => NOT_THERE,
        };
        Wrong::Fault { fault: self.fault(found, "an answer").next(next), again }
    }

    fn broken(&self, broken: Broken) -> Wrong {
        match broken {
            Broken::TooLong => self.endless("a line of more than a mebibyte"),
            Broken::NotUtf8 => self
                .never(self.fault("bytes that are no UTF-8 in the stream", "text in UTF-8").next(CHECK_URL)),
        }
    }

    fn endless(&self, found: &str) -> Wrong {
        let expected = format!("{} tokens at most, as they were asked for", self.max_tokens);
        self.never(
            self.fault(found, &expected).next("The server does not keep to max_tokens: see its settings."),
        )
    }

    fn fault(&self, found: impl std::fmt::Display, expected: &str) -> Fault {
        Fault::new(self.place, found).expected(expected)
    }

    fn never(&self, fault: Fault) -> Wrong {
        Wrong::Fault { fault, again: Again::Never }
    }

    fn shown(&self, bytes: &[u8]) -> String {
        shown(bytes, self.key)
    }
}

const DONE: &str = "[DONE]";
const CHECK_URL: &str = "Check the URL: most servers' API is at a path that ends in /v1.";

/// An answer on its way to whoever waits for it, the key hidden in it.
struct Telling<'a, 'k> {
    said: &'a mut Said,
    hider: Hider<'k>,
    on: &'a mut dyn FnMut(Step),
}

impl Telling<'_, '_> {
    /// Tells a piece, if there is text in it.
    fn tell(&mut self, piece: String) {
        let piece = from_first_word(&self.said.text, &piece);
        if piece.is_empty() {
            return;
        }
        self.said.text.push_str(piece);
        let count = Count { tokens: self.said.pieces, passes: None };
        (self.on)(Step::Text { piece: piece.to_owned(), count });
    }
}

/// What is quoted of what a server sent: on one line, not much of it, and without the key.
pub(super) fn shown(bytes: &[u8], key: Option<&Key>) -> String {
    // What is cut off must not cut a key in two, so that its half stays.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(REFUSAL)]);
    let text = key.map_or_else(|| text.clone().into_owned(), |key| key.hide(&text));
    let line = one_line(text.trim());
    match line.char_indices().nth(QUOTED) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// A reply with a status that is no answer.
pub(super) fn refused(reply: &Reply, body: &[u8], key: Option<&Key>, place: &str) -> Fault {
    let said = chunk::message(body).map_or_else(|| shown(body, key), |m| shown(m.as_bytes(), key));
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let fault = Fault::new(place, format!("the status {}{said}", reply.status)).expected("an answer");
    match reply.status {
        300..=399 => {
            let to = reply.header("location").map(|l| shown(l.split('?').next().unwrap_or(l).as_bytes(), key));
            let to = to.map_or_else(String::new, |to| format!(" to {to}"));
            Fault::new(place, format!("the status {}: it sends on{to}", reply.status))
                .expected("a server that answers itself: questions and keys are not sent on")
                .next("If that is the right server, add the endpoint again with its URL.")
        }
        401 | 403 => {
            let next = match key {
                Some(_) => "Check the key in the variable that the endpoint names.",
                None => "Add the endpoint again with --key-env VAR, the variable that holds its key.",
            };
            fault.next(next)
        }
        404 => fault.next(
            "Check the URL (most servers' API is at a path that ends in /v1) and the model's name, which the server \
             lists at URL/models.",
        ),
        400 | 413 | 422 => fault.next(
            "If the prompt was too long, add the endpoint again with --context, the server's window in tokens: fewer \
             passages are then packed.",
        ),
        429 => fault.next("Ask less at a time (--in-flight), or later."),
        500..=599 => fault.next("The server's own log says more; then ask again."),
        _ => fault.next(CHECK_URL),
    }
}
