//! A fault proxy between a program and the emulator: plain HTTP/1.1, threads, nothing but the standard library.
//!
//! It numbers every request that changes something in S3 from 1 on, and strikes where a test says: at the N-th write, before or
//! after it is carried out, or at a share of all requests that a seed chooses. It counts calls per operation, so that a test can
//! say how many a run makes.

// Named by path because this file is included by path from other packages too.
#[path = "proxy/message.rs"]
mod message;

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use message::{Request, Response, error_body};

/// What happens to a request.
pub(crate) enum Strike {
    /// It is not carried out, and its connection is closed.
    DropBefore,
    /// It is carried out, but the answer is lost: the client cannot know.
    DropAfter,
    /// The call is made, for example to kill the client; then as `DropBefore`.
    CallBefore(Box<dyn FnOnce() + Send>),
    /// It is carried out, the call is made, and the answer is lost.
    CallAfter(Box<dyn FnOnce() + Send>),
    /// It is not carried out; an error of this status and code is the answer.
    Refuse(u16, &'static str),
    /// It waits first.
    Delay(Duration),
    /// Of the answer's body only this many bytes arrive.
    TruncateAnswer(usize),
    /// The answer's byte at this offset (modulo its length) is inverted.
    FlipAnswer(usize),
    /// The body's byte at this offset (modulo its length) is inverted on its way to the emulator.
    FlipRequest(usize),
}

/// A share of the requests that are struck; which ones depends on the seed, the request and how often it was made before.
pub(crate) struct Share {
    /// Of a thousand requests, about how many.
    pub(crate) per_mille: u64,
    /// Another seed strikes others.
    pub(crate) seed: u64,
    /// `s3:GetObject`, or a prefix of it such as `s3:`; empty: every request.
    pub(crate) operation: &'static str,
    /// Makes one strike; given a number to choose by.
    pub(crate) strike: fn(u64) -> Strike,
}

/// The usual troubles of a bad day: throttling, server errors, lost connections before and after, cut bodies.
pub(crate) fn trouble(choice: u64) -> Strike {
    match choice % 6 {
        0 | 1 => Strike::Refuse(503, "SlowDown"),
        2 => Strike::Refuse(500, "InternalError"),
        3 => Strike::DropBefore,
        4 => Strike::DropAfter,
        _ => Strike::TruncateAnswer(10),
    }
}

/// A running proxy. Connections that are open when it is dropped are closed.
pub(crate) struct Proxy {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    target: String,
    stopped: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: BTreeMap<String, u64>,
    writes: Vec<String>,
    at_write: BTreeMap<u64, Strike>,
    at_call: BTreeMap<String, Strike>,
    shares: Vec<Share>,
    seen: HashMap<u64, u64>,
    /// Connections by number, to be closed with the proxy.
    open: BTreeMap<u64, TcpStream>,
    opened: u64,
}

impl Proxy {
    /// Starts a proxy to `target`, an address such as `http://127.0.0.1:4566`.
    pub(crate) fn start(target: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let target = target.trim_start_matches("http://").to_owned();
        let shared = Arc::new(Shared { target, stopped: AtomicBool::new(false), state: Mutex::default() });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let serving = Arc::clone(&serving);
                // A client that goes away is no mistake of the proxy.
                std::thread::spawn(move || serving.serve(stream).ok());
            }
        });
        Proxy { url, shared }
    }

    /// Strikes the N-th write from the start, or from the last `reset`; the first is 1.
    pub(crate) fn at_write(&self, number: u64, strike: Strike) {
        self.shared.state().at_write.insert(number, strike);
    }

    /// Strikes the next call of `service:Operation`.
    pub(crate) fn at_call(&self, operation: &str, strike: Strike) {
        self.shared.state().at_call.insert(operation.to_owned(), strike);
    }

    /// Strikes a share of the requests, until `reset`.
    pub(crate) fn share(&self, share: Share) {
        self.shared.state().shares.push(share);
    }

    /// Forgets counts and strikes.
    pub(crate) fn reset(&self) {
        let mut state = self.shared.state();
        let open = std::mem::take(&mut state.open);
        *state = State { open, opened: state.opened, ..State::default() };
    }

    /// How often each `service:Operation` was asked for, whatever became of it.
    pub(crate) fn calls(&self) -> BTreeMap<String, u64> {
        self.shared.state().calls.clone()
    }

    /// Every write in order of arrival: `PUT /bucket/key`.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.shared.state().writes.clone()
    }

    /// Whether a strike at a write or a call is still to come.
    pub(crate) fn is_armed(&self) -> bool {
        let state = self.shared.state();
        !state.at_write.is_empty() || !state.at_call.is_empty()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for stream in self.shared.state().open.values() {
            drop(stream.shutdown(Shutdown::Both));
        }
        // The listener waits for a connection; this is the last one.
        drop(TcpStream::connect(self.url.trim_start_matches("http://")));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it holds the state")
    }

    /// Serves one connection until it is closed or struck.
    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        client.set_nodelay(true)?;
        let number = self.opened(client.try_clone()?);
        let mut reader = BufReader::new(client.try_clone()?);
        let mut go_on = true;
        while go_on {
            go_on = match Request::read(&mut reader, &mut client) {
                Ok(Some(request)) => self.answer(request, &mut client).unwrap_or(false),
                Ok(None) | Err(_) => false,
            };
        }
        self.state().open.remove(&number);
        client.shutdown(Shutdown::Both)
    }

    fn opened(&self, stream: TcpStream) -> u64 {
        let mut state = self.state();
        state.opened += 1;
        let number = state.opened;
        state.open.insert(number, stream);
        number
    }

    /// Answers one request; false if the connection is to be closed.
    fn answer(&self, mut request: Request, client: &mut TcpStream) -> std::io::Result<bool> {
        let mut flip = None;
        let mut cut = None;
        match self.struck(&request) {
            None => {}
            Some(Strike::DropBefore) => return Ok(false),
            Some(Strike::DropAfter) => return self.forward(&request).map(|_| false),
            Some(Strike::CallBefore(call)) => {
                call();
                return Ok(false);
            }
            Some(Strike::CallAfter(call)) => {
                let forwarded = self.forward(&request);
                call();
                return forwarded.map(|_| false);
            }
            Some(Strike::Refuse(status, code)) => {
                let (kind, body) = error_body(&request.service, code);
                return Response::of(status, kind, body).send(client, &request).map(|()| true);
            }
            Some(Strike::Delay(time)) => std::thread::sleep(time),
            Some(Strike::TruncateAnswer(bytes)) => cut = Some(bytes),
            Some(Strike::FlipAnswer(offset)) => flip = Some(offset),
            Some(Strike::FlipRequest(offset)) => inverted(&mut request.body, offset),
        }
        let mut response = self.forward(&request)?;
        if let Some(offset) = flip {
            inverted(&mut response.body, offset);
        }
        if let Some(bytes) = cut.filter(|bytes| *bytes < response.body.len()) {
            response.send_cut(client, bytes)?;
            return Ok(false);
        }
        response.send(client, &request)?;
        Ok(true)
    }

    /// Counts a request and finds what strikes it.
    fn struck(&self, request: &Request) -> Option<Strike> {
        let mut state = self.state();
        let operation = request.operation();
        *state.calls.entry(operation.clone()).or_default() += 1;
        if request.is_write() {
            state.writes.push(format!("{} {}", request.method, request.target));
            let number = state.writes.len() as u64;
            if let Some(strike) = state.at_write.remove(&number) {
                return Some(strike);
            }
        }
        if let Some(strike) = state.at_call.remove(&operation) {
            return Some(strike);
        }
        // In S3 method and target say it all, and bodies may hold times.
        let body = if request.service == "s3" { &[] } else { request.body.as_slice() };
        let same = hash(&(&request.method, &request.target, &operation, body));
        let occurrence = {
            let count = state.seen.entry(same).or_default();
            *count += 1;
            *count
        };
        state.shares.iter().find_map(|share| {
            let drawn = hash(&(share.seed, same, occurrence));
            let chosen = operation.starts_with(share.operation) && drawn % 1000 < share.per_mille;
            chosen.then(|| (share.strike)(drawn / 1000))
        })
    }

    /// Sends a request on, over a connection of its own, and reads the whole answer.
    fn forward(&self, request: &Request) -> std::io::Result<Response> {
        let mut upstream = TcpStream::connect(&self.target)?;
        upstream.set_nodelay(true)?;
        upstream.write_all(&request.bytes())?;
        let mut answer = Vec::new();
        let read = upstream.read_to_end(&mut answer);
        // What came before the emulator broke off is passed on.
        if answer.is_empty() {
            read?;
        }
        Response::parse(&answer, &request.method)
    }
}

fn inverted(body: &mut [u8], offset: usize) {
    let length = body.len().max(1);
    if let Some(byte) = body.get_mut(offset % length) {
        *byte = !*byte;
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
