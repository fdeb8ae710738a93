//! A server of one's own: real sockets, and as ill-behaved as a test wants it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longer than anything takes; tests wait for what happens, never for this.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A request that came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("a body of JSON")
    }
}

/// What a server does with a request: the how-manieth it is, from 0, and the connection to answer on.
pub type Answer = dyn Fn(&Seen, usize, &mut TcpStream) + Send + Sync;

/// A server, until it is dropped.
pub struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    over: Arc<AtomicBool>,
}

impl Server {
    pub fn start(answer: impl Fn(&Seen, usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = Self { address, seen: Arc::default(), over: Arc::default() };
        let (seen, over) = (Arc::clone(&server.seen), Arc::clone(&server.over));
        let answer: Arc<Answer> = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || one(stream, &seen, &*answer));
            }
        });
        server
    }

    /// A server whose list of models is `models`, and that answers questions so.
    pub fn of_models(
        models: &str,
        answer: impl Fn(&Seen, usize, &mut TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let models = models.to_owned();
        let asked = AtomicUsize::new(0);
        Self::start(move |seen, _, stream| {
            if seen.method == "GET" {
                json(stream, "200 OK", &models);
            } else {
                answer(seen, asked.fetch_add(1, Ordering::SeqCst), stream);
            }
        })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The questions that came.
    pub fn asked(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|s| s.method == "POST").collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn one(mut stream: TcpStream, seen: &Mutex<Vec<Seen>>, answer: &Answer) {
    let Some(request) = read(&mut stream) else { return };
    let nth = {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(request.clone());
        seen.len() - 1
    };
    answer(&request, nth, &mut stream);
    let _ = stream.flush();
    let _ = stream.shutdown(Shutdown::Both);
}

fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()))
        .collect();
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let mut seen = Seen { method, path, headers, body: String::new() };
    let len = seen.header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; len];
    stream.read_exact(&mut body).ok()?;
    seen.body = String::from_utf8(body).ok()?;
    Some(seen)
}

/// Says what a peer may no longer be there to hear.
pub fn say(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) -> bool {
    stream.write_all(bytes.as_ref()).and_then(|()| stream.flush()).is_ok()
}

/// A whole reply.
pub fn reply(stream: &mut TcpStream, status: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) {
    let body = body.as_ref();
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    say(stream, head + "\r\n");
    say(stream, body);
}

pub fn json(stream: &mut TcpStream, status: &str, body: &str) {
    reply(stream, status, &[("Content-Type", "application/json")], body);
}

/// The head of a stream of events that ends with the connection.
pub fn events(stream: &mut TcpStream) {
    say(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n",
    );
}

/// Waits until the peer has closed the connection; `false` if it stays.
pub fn is_left(stream: &mut TcpStream) -> bool {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    match stream.read(&mut [0]) {
        Ok(n) => n == 0,
        Err(e) => !matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
    }
}

/// Waits for a condition.
#[track_caller]
pub fn wait(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "waited for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
