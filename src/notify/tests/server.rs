//! A server on this machine that takes requests, remembers them, and answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it answers to a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A status, perhaps with how long to wait in seconds, and a body.
    Status(u16, Option<u32>, &'static str),
    /// Nothing, for a long time.
    Hang,
    /// The connection is closed.
    Close,
}

impl Reply {
    /// A status and nothing else.
    pub(crate) fn status(status: u16) -> Reply {
        Reply::Status(status, None, "")
    }

    /// A status and a body.
    pub(crate) fn body(status: u16, body: &'static str) -> Reply {
        Reply::Status(status, None, body)
    }

    /// Asks to wait so many seconds.
    pub(crate) fn after(self, seconds: u32) -> Reply {
        match self {
            Reply::Status(status, _, body) => Reply::Status(status, Some(seconds), body),
            other => other,
        }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    head: String,
    /// Its body.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> &str {
        let named = |line: &&str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
        let line = self.head.lines().find(named).unwrap_or_else(|| panic!("no {name} in {}", self.head));
        line.split_once(':').map(|(_, value)| value.trim()).unwrap_or_default()
    }
}

/// A running server.
pub(crate) struct Server {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    taken: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts one that gives these replies in turn; the last one again and again.
    pub(crate) fn start(replies: Vec<Reply>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken: Arc<Mutex<Vec<Request>>> = Arc::default();
        let serving = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let (serving, replies) = (Arc::clone(&serving), replies.clone());
                // A client that goes away is no mistake of the server.
                std::thread::spawn(move || serve(stream, &serving, &replies).ok());
            }
        });
        Server { url, taken }
    }

    /// What it was sent so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.taken.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, taken: &Mutex<Vec<Request>>, replies: &[Reply]) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let request = Request { head, body: Vec::new() };
    let mut body = vec![0; request.header("content-length").parse().unwrap()];
    reader.read_exact(&mut body)?;
    let number = {
        let mut taken = taken.lock().unwrap();
        taken.push(Request { body, ..request });
        taken.len() - 1
    };
    match replies.get(number).or(replies.last()) {
        Some(Reply::Status(status, after, body)) => {
            let after = after.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
            let length = body.len();
            let head = format!("HTTP/1.1 {status} Said\r\n{after}Content-Length: {length}\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            stream.write_all(body.as_bytes())
        }
        Some(Reply::Hang) => {
            std::thread::sleep(Duration::from_secs(30));
            Ok(())
        }
        _ => Ok(()),
    }
}
