//! A request on a thread of its own, and its reply as it comes in.

use super::address::Address;
use super::key::Key;
use crate::job::Cancel;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::fmt;
use std::io::Read;
use std::time::{Duration, Instant};
use ureq::config::Config;
use ureq::http::{self, HeaderMap};
use ureq::tls::{RootCerts, TlsConfig};

/// Between two looks at the cancel token.
const LOOK: Duration = Duration::from_millis(20);
/// What is read at a time.
const PIECE: usize = 1 << 16;
/// Pieces that wait to be taken: beyond them the server has to wait.
const WAITING: usize = 4;

/// What is asked of whom.
#[derive(Debug)]
pub struct Request<'a> {
    /// `GET`, `HEAD` or `POST`.
    pub method: &'static str,
    /// Of whom.
    pub to: &'a Address,
    /// Headers beside those of every request.
    pub headers: Vec<(&'static str, String)>,
    /// Sent to that host alone.
    pub key: Option<&'a Key>,
    /// What is sent along, as JSON.
    pub body: Option<String>,
}

/// How long a server is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until there is a connection.
    pub connect: Duration,
    /// Until there is a status line, counted from the start.
    pub first: Duration,
}

/// Why there is no reply, or no more of it.
#[derive(Debug, Clone)]
pub enum Stop {
    /// Nobody wants it any more.
    Cancelled,
    /// Something went wrong on the way.
    Trouble(Trouble),
}

/// What went wrong on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What kind of thing.
    pub what: What,
    /// In words.
    pub said: String,
}

/// Kinds of trouble on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// No connection came about.
    Unreachable,
    /// A connection was there, and is not any more.
    Lost,
    /// Nothing came for too long.
    Silent,
    /// What came is no HTTP, or its certificate is not to be trusted: the next try would be the same.
    Nonsense,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl Trouble {
    fn new(what: What, said: impl fmt::Display) -> Self {
        Self { what, said: said.to_string() }
    }
}

/// A reply: its head, and its body as it comes. Dropping it closes the connection.
pub struct Reply {
    /// The status code.
    pub status: u16,
    headers: HeaderMap,
    parts: Receiver<Part>,
    agent: ureq::Agent,
}

enum Part {
    Head(u16, HeaderMap),
    Piece(Vec<u8>),
    End,
    Failed(Trouble),
}

/// Sends a request and waits for the head of its reply. Whatever the status is, it is a reply.
///
/// # Errors
/// [`Stop`].
pub fn send(request: &Request<'_>, patience: &Patience, cancel: &Cancel) -> Result<Reply, Stop> {
    if cancel.is_cancelled() {
        return Err(Stop::Cancelled);
    }
    let nonsense = |e: &dyn fmt::Display| Stop::Trouble(Trouble::new(What::Nonsense, e));
    let until = Instant::now() + patience.first;
    let agent = config(request.to, patience).map_err(|e| nonsense(&e))?.new_agent();
    let mut built = http::Request::builder().method(request.method).uri(request.to.uri().clone());
    for (name, value) in &request.headers {
        built = built.header(*name, value);
    }
    if let Some(key) = request.key {
        let mut value = http::HeaderValue::from_str(&key.bearer())
            .map_err(|_| nonsense(&"a key that no header can hold"))?;
        value.set_sensitive(true);
        built = built.header(http::header::AUTHORIZATION, value);
    }
    let (to, parts) = bounded(WAITING);
    let asking = agent.clone();
    let work: Box<dyn FnOnce() + Send> = match &request.body {
        Some(body) => {
            let whole = built.header(http::header::CONTENT_TYPE, "application/json").body(body.clone());
            let whole = whole.map_err(|e| nonsense(&e))?;
            Box::new(move || pass_on(asking.run(whole), &to))
        }
        None => {
            let whole = built.body(()).map_err(|e| nonsense(&e))?;
            Box::new(move || pass_on(asking.run(whole), &to))
        }
    };
    std::thread::Builder::new().name("net".into()).spawn(work).map_err(|e| nonsense(&e))?;
    let mut reply = Reply { status: 0, headers: HeaderMap::new(), parts, agent };
    match reply.part(until, cancel)? {
        Part::Head(status, headers) => (reply.status, reply.headers) = (status, headers),
        Part::Failed(trouble) => return Err(Stop::Trouble(trouble)),
        Part::Piece(_) | Part::End => return Err(nonsense(&"a reply without a head")),
    }
    Ok(reply)
}

impl Reply {
    /// A header's value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The next bytes of the body, waited for until then; `None` at its end.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn piece(&mut self, until: Instant, cancel: &Cancel) -> Result<Option<Vec<u8>>, Stop> {
        match self.part(until, cancel)? {
            Part::Piece(bytes) => Ok(Some(bytes)),
            Part::End => Ok(None),
            Part::Failed(trouble) => Err(Stop::Trouble(trouble)),
            Part::Head(..) => Err(Stop::Trouble(Trouble::new(What::Nonsense, "two heads of one reply"))),
        }
    }

    /// The whole body, up to `most` bytes; more of it is left out.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn body(&mut self, most: usize, until: Instant, cancel: &Cancel) -> Result<Vec<u8>, Stop> {
        let mut all = Vec::new();
        while let Some(piece) = self.piece(until, cancel)? {
            all.extend_from_slice(&piece);
            if all.len() >= most {
                all.truncate(most);
                break;
            }
        }
        Ok(all)
    }

    fn part(&mut self, until: Instant, cancel: &Cancel) -> Result<Part, Stop> {
        loop {
            if cancel.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.parts.recv_timeout(left.min(LOOK)) {
                Ok(part) => return Ok(part),
                Err(RecvTimeoutError::Timeout) if left.is_zero() => {
                    return Err(Stop::Trouble(Trouble::new(What::Silent, "nothing for too long")));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Stop::Trouble(Trouble::new(What::Lost, "the connection was given up")));
                }
            }
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        // Wakes the thread that reads, wherever it waits, and closes the connection.
        self.agent.clone().shutdown();
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

fn config(to: &Address, patience: &Patience) -> Result<Config, String> {
    let mut tls = TlsConfig::builder();
    if let Some(roots) = own_roots()? {
        tls = tls.root_certs(roots);
    }
    let mut config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_resolve(Some(patience.connect))
        .timeout_connect(Some(patience.connect))
        // A stream that is compressed comes in bursts, and a part of a file cannot be.
        .accept_encoding("identity")
        .user_agent(concat!("juxta/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls.build());
    // The way to this machine leads over no proxy, whatever the environment forgot to say.
    if to.is_loopback() {
        config = config.proxy(None);
    }
    Ok(config.build())
}

/// Certificates of one's own, where the usual variable names a file of them, as servers in a house need.
fn own_roots() -> Result<Option<RootCerts>, String> {
    const VARIABLE: &str = "SSL_CERT_FILE";
    let Some(path) = std::env::var_os(VARIABLE).filter(|p| !p.is_empty()) else { return Ok(None) };
    let wrong = |e: &dyn fmt::Display| format!("{VARIABLE} = {}: {e}", path.display());
    let pem = std::fs::read(&path).map_err(|e| wrong(&e))?;
    let mut found = Vec::new();
    for item in ureq::tls::parse_pem(&pem) {
        if let ureq::tls::PemItem::Certificate(certificate) = item.map_err(|e| wrong(&e))? {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(wrong(&"no certificate in it"));
    }
    Ok(Some(RootCerts::new_with_certs(&found)))
}

/// Reads a reply to its end or until nobody takes it.
fn pass_on(replied: Result<http::Response<ureq::Body>, ureq::Error>, to: &Sender<Part>) {
    let response = match replied {
        Ok(response) => response,
        Err(e) => return drop(to.send(Part::Failed(trouble(&e, false)))),
    };
    let (head, body) = response.into_parts();
    if to.send(Part::Head(head.status.as_u16(), head.headers)).is_err() {
        return;
    }
    let mut reader = body.into_with_config().limit(u64::MAX).reader();
    let mut buffer = vec![0; PIECE];
    loop {
        let part = match reader.read(&mut buffer) {
            Ok(0) => Part::End,
            Ok(n) => Part::Piece(buffer[..n].to_vec()),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => {
                let told = e.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
                Part::Failed(told.map_or_else(|| Trouble::new(What::Lost, &e), |e| trouble(e, true)))
            }
        };
        let last = matches!(part, Part::End | Part::Failed(_));
        if to.send(part).is_err() || last {
            return;
        }
    }
}

/// `begun`: whether a part of the reply was there.
fn trouble(error: &ureq::Error, begun: bool) -> Trouble {
    use std::io::ErrorKind as K;
    use ureq::Error as E;
    match error {
        E::Io(e) => match e.kind() {
            K::ConnectionRefused => Trouble::new(What::Unreachable, "nobody who listens there"),
            K::HostUnreachable | K::NetworkUnreachable | K::NetworkDown | K::AddrNotAvailable => {
                Trouble::new(What::Unreachable, e)
            }
            K::ConnectionReset
            | K::ConnectionAborted
            | K::BrokenPipe
            | K::UnexpectedEof
            | K::NotConnected => Trouble::new(What::Lost, format!("a connection that broke off ({e})")),
            K::InvalidData | K::InvalidInput => Trouble::new(What::Nonsense, e),
            // Names that nobody knows have no kind of their own.
            _ if begun => Trouble::new(What::Lost, e),
            _ => Trouble::new(What::Unreachable, e),
        },
        E::HostNotFound => Trouble::new(What::Unreachable, "a host that nobody knows"),
        E::Timeout(_) => Trouble::new(What::Unreachable, "no connection for too long"),
        E::ConnectionFailed | E::ConnectProxyFailed(_) => Trouble::new(What::Unreachable, error),
        other => Trouble::new(What::Nonsense, other),
    }
}
