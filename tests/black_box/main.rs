//! Black-box tests: the real binary, a scrubbed environment, what it prints and how it exits.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "what the tests share fails by panicking, as tests do, and says what is skipped"
)]

mod backtests;
mod bundles;
mod chains;
mod configuration;
mod demo;
mod determinism;
mod events;
mod findings;
mod formats;
mod inputs;
mod notifications;
mod policies;
mod policy_drafts;
mod reports;
mod roles;
mod sample;
mod schedules;
mod shapes;
mod verification;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

/// A run of the binary in a folder of its own, with nothing inherited that could change what it says.
struct Assize {
    folder: tempfile::TempDir,
}

/// What a run gave.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Assize {
    fn new() -> Assize {
        Assize { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file below the folder.
    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Assize {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assize"));
        command.args(args).current_dir(self.folder.path()).env_clear().env("HOME", self.folder.path());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        ran(&self.command(args).stdin(Stdio::null()).output().unwrap())
    }

    fn run_with_input(&self, args: &[&str], input: &[u8]) -> Ran {
        let spool = tempfile::tempdir().unwrap();
        let mut command = self.command(args);
        command.env("TMPDIR", spool.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let ran = ran(&child.wait_with_output().unwrap());
        // What was read from standard input holds evidence, so no file of it may stay behind.
        assert_eq!(std::fs::read_dir(spool.path()).unwrap().count(), 0, "{args:?}");
        ran
    }

    /// Scans `path` with further arguments and reads the JSON result.
    fn scan(&self, path: &str, more: &[&str]) -> (i32, Value) {
        let args = [&["scan", path, "--format", "json", "--as-of", "2026-11-22"], more].concat();
        let ran = self.run(&args);
        let document = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}{}", ran.out, ran.err));
        (ran.code, document)
    }
}

fn ran(output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// A record with an id of its own.
fn record(number: u32, source: &str, name: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333"}},"eventTime":"2026-10-01T00:{:02}:{:02}Z","eventSource":"{source}","eventName":"{name}","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.7","userAgent":"aws-cli/2.0","requestParameters":null,"responseElements":null,"eventID":"00000000-0000-4000-8000-{number:012}","eventType":"AwsApiCall","recipientAccountId":"111122223333"}}"#,
        number / 60 % 60,
        number % 60
    )
}

/// A harmless record.
fn calm(number: u32) -> String {
    record(number, "ec2.amazonaws.com", "DescribeInstances")
}

/// A record that a critical policy matches.
fn stopped(number: u32) -> String {
    record(number, "cloudtrail.amazonaws.com", "StopLogging")
}

fn log(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

/// The folder with data for the large checks, or `None` after saying so; in CI a missing folder is a failure.
fn data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("ASSIZE_DATA").map(PathBuf::from).filter(|folder| folder.join("cloudtrail-sample").is_dir());
    if folder.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{test} needs ASSIZE_DATA, and CI may skip nothing");
        eprintln!("SKIPPED: {test}: set ASSIZE_DATA to a folder with cloudtrail-sample and sigma");
    }
    folder
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
