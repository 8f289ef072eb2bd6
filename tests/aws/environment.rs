//! The AWS that tests run against: a venv made once, an emulator per test process (or one of a test's own), and MiniStack.
//!
//! Included by tests with `#[path]`. Setting up may fail only loudly: a test that needs AWS never passes without it.
//! `ASSIZE_AWS_EMULATOR=URL` uses one that is running already. `ASSIZE_TEST_CACHE` says where the venv is kept.

#[path = "venv.rs"]
mod venv;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use serde_json::Value;

/// The account of credentials that belong to no other.
pub(crate) const HUB: &str = "123456789012";

/// A running emulator. It ends with this value, and with this process however that ends.
pub(crate) struct Emulator {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    process: Option<Child>,
}

/// The emulator of this test process. Tests run at the same time: take account ids and bucket names of your own, and
/// limit faults to them.
pub(crate) fn emulator() -> &'static Emulator {
    static SHARED: OnceLock<Emulator> = OnceLock::new();
    SHARED.get_or_init(|| match std::env::var("ASSIZE_AWS_EMULATOR") {
        Ok(url) if !url.is_empty() => Emulator { url: url.trim_end_matches('/').to_owned(), process: None },
        _ => Emulator::start(),
    })
}

impl Emulator {
    /// Starts an emulator for one test alone; it takes about three seconds.
    pub(crate) fn start() -> Emulator {
        let mut command = Command::new(python());
        command.arg(folder().join("emulator.py")).arg("--until-stdin-closes");
        let (process, url) = started(command, |line| line.strip_prefix("emulator: ").map(str::to_owned));
        Emulator { url, process: Some(process) }
    }

    /// What a process needs to reach the emulator with the keys of `account`. Nothing else may lead it to AWS.
    pub(crate) fn variables(&self, account: &str) -> Vec<(&'static str, String)> {
        variables(&self.url, &format!("AKIA{account}"))
    }

    /// Sends a command (see emulator.py), for example `post("/roles", &json!({"arn": …}))`.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.control("POST", path, &body.to_string())
    }

    /// Reads, for example `get("/calls?account=111111111111")`.
    pub(crate) fn get(&self, path: &str) -> Value {
        self.control("GET", path, "")
    }

    /// Takes back, for example `delete("/faults?name=late")`.
    pub(crate) fn delete(&self, path: &str) -> Value {
        self.control("DELETE", path, "")
    }

    /// How often `service:Operation` was called with the keys or sessions of `account`.
    pub(crate) fn calls(&self, account: &str, operation: &str) -> u64 {
        self.get(&format!("/calls?account={account}"))[operation].as_u64().unwrap_or(0)
    }

    fn control(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, text) = request(&self.url, method, &format!("/_emulator{path}"), body);
        assert_eq!(status, 200, "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method} {path}: {error}: {text}"))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            end(process);
        }
    }
}

/// A running MiniStack with authorisation on: the second opinion on trust policies and external ids.
pub(crate) struct MiniStack {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    process: Mutex<Child>,
}

/// The MiniStack of this test process. Its account is the access key: twelve digits act as that account's root.
pub(crate) fn ministack() -> &'static MiniStack {
    static SHARED: OnceLock<MiniStack> = OnceLock::new();
    SHARED.get_or_init(|| {
        let mut command = Command::new(python());
        command.arg(folder().join("start_ministack.py"));
        let (process, url) = started(command, |line| line.strip_prefix("ministack: ").map(str::to_owned));
        MiniStack { url, process: Mutex::new(process) }
    })
}

impl MiniStack {
    /// What a process needs to act as root of `account`.
    pub(crate) fn variables(&self, account: &str) -> Vec<(&'static str, String)> {
        variables(&self.url, account)
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&self) -> bool {
        self.process.lock().is_ok_and(|mut process| matches!(process.try_wait(), Ok(None)))
    }
}

/// A running fast_s3.mjs: nothing but an S3 in memory, for measuring. It ends with this value.
pub(crate) struct FastS3 {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    process: Child,
}

impl FastS3 {
    /// Starts one with the empty buckets `source` and `destination`; it needs node.
    pub(crate) fn start() -> FastS3 {
        let mut command = Command::new("node");
        command.arg(folder().join("fast_s3.mjs")).arg("--until-stdin-closes");
        let (process, url) = started(command, |line| line.strip_prefix("fast_s3: ").map(str::to_owned));
        FastS3 { url, process }
    }
}

impl Drop for FastS3 {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// What a process needs to reach `url`, which may be a proxy, with an access key.
pub(crate) fn variables(url: &str, key: &str) -> Vec<(&'static str, String)> {
    let given = [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_SECRET_ACCESS_KEY", "emulator"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ];
    given.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

/// This folder: the one with the requirements, found from the package that is tested.
pub(crate) fn folder() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = package.ancestors().map(|above| above.join("tests/aws")).find(|folder| folder.join("requirements.txt").is_file());
    found.expect("the workspace has tests/aws/requirements.txt")
}

/// The Python of the venv that holds what requirements.txt names.
pub(crate) fn python() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| venv::python(&folder().join("requirements.txt"))).clone()
}

/// Starts a server that prints its address in one line, and waits for that line. What it prints later is read and dropped.
fn started(mut command: Command, address: impl Fn(&str) -> Option<String>) -> (Child, String) {
    // The source tree stays as it is.
    command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut output = BufReader::new(process.stdout.take().expect("its output is piped"));
    match announced(&mut output, address) {
        Ok(url) => {
            std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
            (process, url)
        }
        Err(said) => {
            let ended = process.wait();
            panic!("{command:?} ended before it was ready ({ended:?}):\n{said}");
        }
    }
}

/// The address, or everything that was said without one.
fn announced(output: &mut impl BufRead, address: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut said = String::new();
    loop {
        let mut line = String::new();
        let read = output.read_line(&mut line).expect("its output is text");
        if read == 0 {
            return Err(said);
        }
        if let Some(url) = address(line.trim_end()) {
            return Ok(url);
        }
        said.push_str(&line);
    }
}

fn end(process: &mut Child) {
    // It may have ended already.
    drop(process.kill());
    drop(process.wait());
}

/// One HTTP request over a connection of its own: status and body.
pub(crate) fn request(url: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{url}: {error}"));
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("the request can be sent");
    stream.write_all(body.as_bytes()).expect("the request can be sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the answer can be read");
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("an answer has a status");
    (status, body.to_owned())
}
