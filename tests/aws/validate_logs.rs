//! A second opinion: `aws cloudtrail validate-logs` and `assize verify` on the same chains, whole and tampered with (chain.py).
//! Wherever both have an opinion they agree, but for the differences listed here and in docs/evidence.md, each with its reason. One
//! that no longer occurs fails the test as a new one does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::environment::{Emulator, folder, python, variables};

/// A case, and what each says of it: its verdict, and every object that is not valid to it. The stop, of which both speak in every case
/// with digests, is left out.
type Opinions = (&'static str, &'static str, &'static str);

/// Log objects of all windows but the empty one.
const EVERY_LOG: &str = "log 1.1, log 1.2, log 10.1, log 10.2, log 2.1, log 2.2, log 3.1, log 3.2, log 5.1, log 5.2, log 6.1, log 6.2, \
                         log 7.1, log 7.2, log 8.1, log 8.2, log 9.1, log 9.2";

#[rustfmt::skip]
const OPINIONS: &[Opinions] = &[
    ("untouched", "passes", "not proven"),
    ("a log altered", "fails; INVALID: log 3.1", "fails; INVALID: log 3.1"),
    ("a log deleted", "fails; INVALID: log 3.1", "fails; MISSING: log 3.1"),
    ("a log added", "passes", "fails; ORPHAN: log 3.3"),
    ("bytes after a log's gzip", "fails; INVALID: log 3.1", "fails; INVALID: log 3.1"),
    ("a digest altered", "fails; INVALID: digest 3", "fails; INVALID: digest 3; UNVERIFIABLE: log 3.1, log 3.2"),
    ("a digest deleted", "fails; INVALID: digest 3", "fails; MISSING: digest 3; UNVERIFIABLE: log 3.1, log 3.2"),
    ("two digests deleted", "fails; INVALID: digest 4", "fails; MISSING: digest 4; UNVERIFIABLE: log 3.1, log 3.2"),
    ("a digest replaced by an older one", "fails; INVALID: digest 3", "fails; INVALID: digest 3; UNVERIFIABLE: log 3.1, log 3.2"),
    ("a digest that the next one does not name", "passes", "fails; INVALID: digest 3; UNVERIFIABLE: log 3.1, log 3.2"),
    ("re-signed with a key of one's own", "fails; INVALID: digest 10", "fails; INVALID: digest 10; UNVERIFIABLE: log 10.1, log 10.2"),
    ("re-signed, and the own key named", "fails; INVALID: digest 10", "not proven; UNVERIFIABLE: digest 10, log 10.1, log 10.2"),
    ("bytes after a digest's gzip", "passes", "fails; INVALID: digest 3; UNVERIFIABLE: log 3.1, log 3.2"),
    ("signature algorithm none", "passes", "fails; INVALID: digest 3; UNVERIFIABLE: log 3.1, log 3.2"),
    ("the newest digests deleted", "passes", "fails; MISSING: time 22:31 to 00:31; UNVERIFIABLE: log 10.1, log 10.2, log 9.1, log 9.2"),
    ("all digests deleted", "passes", "not proven; UNVERIFIABLE: EVERY LOG"),
];

/// What differs: case, of what, what `validate-logs` says, what Assize says, why.
type Difference = (&'static str, &'static str, &'static str, &'static str, &'static str);

const LINKS: &str = "links are followed and never compared: hash and signature in the next digest name other content";
const LOGS_OF_IT: &str = "what is not valid itself proves no log";

#[rustfmt::skip]
const DIFFERENCES: &[Difference] = &[
    ("untouched", "verdict", "passes", "not proven", "a stop of logging is a note; nothing proves that it was one, and not a loss"),
    ("a log added", "log 3.3", "nothing", "ORPHAN", "only log objects that a digest names are looked at"),
    ("a log added", "verdict", "passes", "fails", "only log objects that a digest names are looked at"),
    ("a digest that the next one does not name", "verdict", "passes", "fails", LINKS),
    ("a digest that the next one does not name", "digest 3", "valid", "INVALID", LINKS),
    ("a digest that the next one does not name", "log 3.2", "valid", "UNVERIFIABLE", LOGS_OF_IT),
    ("re-signed, and the own key named", "digest 10", "INVALID", "UNVERIFIABLE", "AWS was asked for its keys and has no other; kept keys may lack one"),
    ("re-signed, and the own key named", "verdict", "fails", "not proven", "AWS was asked for its keys and has no other; kept keys may lack one"),
    ("bytes after a digest's gzip", "verdict", "passes", "fails", "bytes after a digest's gzip stream are not looked at; after a log's they are"),
    ("bytes after a digest's gzip", "digest 3", "valid", "INVALID", "bytes after a digest's gzip stream are not looked at; after a log's they are"),
    ("bytes after a digest's gzip", "log 3.1, log 3.2", "valid", "UNVERIFIABLE", LOGS_OF_IT),
    ("signature algorithm none", "verdict", "passes", "fails", "the algorithm in the metadata is not looked at"),
    ("signature algorithm none", "digest 3", "valid", "INVALID", "the algorithm in the metadata is not looked at"),
    ("signature algorithm none", "log 3.1, log 3.2", "valid", "UNVERIFIABLE", LOGS_OF_IT),
    ("the newest digests deleted", "time 22:31 to 00:31", "nothing", "MISSING", "the walk begins at the newest digest that is there, however old"),
    ("the newest digests deleted", "verdict", "passes", "fails", "the walk begins at the newest digest that is there, however old"),
    ("all digests deleted", "verdict", "passes", "not proven", "no digest is no error; logs without one prove nothing"),
];

/// What somebody says of each object, by its label.
type Said = BTreeMap<String, String>;

struct Case<'c> {
    given: &'c Value,
    /// Labels by `s3://BUCKET/KEY`.
    labels: BTreeMap<String, String>,
}

impl<'c> Case<'c> {
    fn new(given: &'c Value) -> Case<'c> {
        let objects = given["objects"].as_object().unwrap().iter();
        let bucket = given["bucket"].as_str().unwrap();
        let labels = objects.map(|(label, key)| (format!("s3://{bucket}/{}", key.as_str().unwrap()), label.clone()));
        Case { given, labels: labels.collect() }
    }

    fn text(&self, name: &str) -> &'c str {
        self.given[name].as_str().unwrap()
    }

    fn run(&self, url: &str, program: &Path, args: &[&str]) -> (i32, String) {
        let output = Command::new(program)
            .args(args)
            .env_clear()
            .envs(variables(url, &format!("AKIA{}", self.text("account"))))
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.code().unwrap(), said)
    }

    /// `valid` or `INVALID`, as it says itself, and `GAP` where it says that nothing was delivered.
    fn theirs(&self, url: &str) -> Said {
        let times = ["--start-time", self.text("since"), "--end-time", self.text("until")];
        let args = [&["cloudtrail", "validate-logs", "--verbose", "--trail-arn", self.text("arn")][..], &times].concat();
        let (code, text) = self.run(url, &python().with_file_name("aws"), &args);
        let mut said = Said::new();
        for line in text.lines() {
            if let [_, place, state] = line.split('\t').collect::<Vec<_>>()[..] {
                let state = state.split(':').next().unwrap();
                assert!(said.insert(self.labels[place].clone(), state.to_owned()).is_none(), "twice: {line}");
            } else if let Some(times) = line.strip_prefix("No log files were delivered by CloudTrail between ") {
                said.insert(span(times.split(" and ")), "GAP".to_owned());
            }
        }
        let verdict = match code {
            0 => "passes",
            1 => "fails",
            other => panic!("{}: it ended with {other}: {text}", self.text("name")),
        };
        said.insert("verdict".to_owned(), verdict.to_owned());
        said
    }

    fn ours(&self, url: &str, keys: &Path) -> Said {
        let place = format!("s3://{}/AWSLogs/", self.text("bucket"));
        let args = ["verify", &place, "--until", self.text("until"), "--format", "json", "--keys", keys.to_str().unwrap()];
        let (code, text) = self.run(url, Path::new(env!("CARGO_BIN_EXE_assize")), &args);
        let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        // What is there is valid if nothing else is said of it.
        let there = self.given["there"].as_array().unwrap().iter().map(|label| label.as_str().unwrap().to_owned());
        let mut said: Said = there.map(|label| (label, "VALID".to_owned())).collect();
        let chains = document["chains"].as_array().unwrap();
        for object in chains.iter().flat_map(|chain| chain["objects"].as_array().unwrap()) {
            said.insert(self.labels[object["place"].as_str().unwrap()].clone(), object["state"].as_str().unwrap().to_owned());
        }
        let valid = said.values().filter(|state| *state == "VALID").count() as u64;
        let counted = ["digests", "logs"].iter().map(|kind| document[kind]["valid"].as_u64().unwrap()).sum::<u64>();
        assert_eq!(valid, counted, "{}: {document}", self.text("name"));
        for window in chains.iter().flat_map(|chain| chain["windows"].as_array().unwrap()) {
            let [from, until] = ["from", "until"].map(|name| window[name].as_str().unwrap());
            if window["state"] != "VALID" && !self.stood_for(&said, from, until) {
                said.insert(span([from, until]), window["state"].as_str().unwrap().to_owned());
            }
        }
        let verdict = match code {
            0 => "passes",
            1 | 4 => "fails",
            3 => "not proven",
            other => panic!("{}: it ended with {other}: {text}", self.text("name")),
        };
        said.insert("verdict".to_owned(), verdict.to_owned());
        said
    }

    /// Whether something is said of a digest that ends in this time.
    fn stood_for(&self, said: &Said, from: &str, until: &str) -> bool {
        let digests = self.given["objects"].as_object().unwrap().iter().filter(|(label, _)| label.starts_with("digest"));
        let compact = |time: &str| time.replace(['-', ':'], "");
        digests.filter(|(label, _)| said.contains_key(*label)).any(|(_, key)| {
            let end = key.as_str().unwrap().trim_end_matches(".json.gz").rsplit('_').next().unwrap().to_owned();
            compact(from) < end && end <= compact(until)
        })
    }
}

/// A stretch of time as a label.
fn span<'t>(times: impl IntoIterator<Item = &'t str>) -> String {
    let times: Vec<&str> = times.into_iter().map(|time| time.get(11..16).unwrap()).collect();
    format!("time {}", times.join(" to "))
}

fn agree(theirs: &str, ours: &str) -> bool {
    match (theirs, ours) {
        ("valid", "VALID") | ("INVALID", "INVALID" | "MISSING") => true,
        // What neither answers for.
        ("nothing", "UNVERIFIABLE") => true,
        (theirs, ours) => theirs == ours,
    }
}

/// `verdict; INVALID: log 3.1; …`
fn told(said: &Said) -> String {
    let mut by_state: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let others =
        said.iter().filter(|(label, state)| *label != "verdict" && *state != "GAP" && !state.eq_ignore_ascii_case("valid"));
    others.for_each(|(label, state)| by_state.entry(state).or_default().push(label));
    let states = by_state.into_iter().map(|(state, labels)| format!("{state}: {}", labels.join(", ")));
    [said["verdict"].clone()].into_iter().chain(states).collect::<Vec<_>>().join("; ")
}

/// Case, labels, theirs, ours; those of one kind together.
fn differences(case: &str, theirs: &Said, ours: &Said) -> Vec<[String; 4]> {
    let labels: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    let mut found: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for label in labels {
        let [theirs, ours] = [theirs, ours].map(|said| said.get(label).map_or("nothing", String::as_str));
        if !agree(theirs, ours) {
            found.entry((theirs, ours)).or_default().push(label);
        }
    }
    let rows = found.into_iter();
    rows.map(|((theirs, ours), labels)| [case, &labels.join(", "), theirs, ours].map(str::to_owned)).collect()
}

#[test]
fn aws_cloudtrail_validate_logs_agrees_but_for_what_is_listed() {
    let emulator = Emulator::start();
    let output = Command::new(python())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(folder().join("chain.py"))
        .arg(&emulator.url)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let scene: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = tempfile::tempdir().unwrap();
    for key in scene["keys"].as_array().unwrap() {
        let der = STANDARD.decode(key["value"].as_str().unwrap()).unwrap();
        std::fs::write(keys.path().join(format!("{}.der", key["fingerprint"].as_str().unwrap())), der).unwrap();
    }
    let cases: Vec<Case<'_>> = scene["cases"].as_array().unwrap().iter().map(Case::new).collect();
    // The aws command takes a second to start.
    let asked: Vec<(Said, Said)> = std::thread::scope(|scope| {
        let (url, keys) = (&emulator.url, keys.path());
        let ask = |cases| {
            move || -> Vec<_> { <[Case<'_>]>::iter(cases).map(|case| (case.theirs(url), case.ours(url, keys))).collect() }
        };
        let asking: Vec<_> = cases.chunks(4).map(|some| scope.spawn(ask(some))).collect();
        asking.into_iter().flat_map(|some| some.join().unwrap()).collect()
    });
    let (mut opinions, mut differing) = (Vec::new(), Vec::new());
    for (case, (theirs, ours)) in cases.iter().zip(&asked) {
        opinions.push([case.text("name").to_owned(), told(theirs), told(ours)]);
        differing.extend(differences(case.text("name"), theirs, ours));
    }
    let stops = |said: &Said| said.values().filter(|state| *state == "GAP").count();
    assert!(asked.iter().rev().skip(1).all(|(theirs, ours)| (stops(theirs), stops(ours)) == (1, 1)), "{asked:?}");
    let expected: Vec<[String; 3]> = OPINIONS
        .iter()
        .map(|(case, theirs, ours)| [case, theirs, ours].map(|&text| text.replace("EVERY LOG", EVERY_LOG)))
        .collect();
    assert_eq!(opinions, expected);
    let listed: Vec<[String; 4]> =
        DIFFERENCES.iter().map(|(case, what, theirs, ours, _)| [case, what, theirs, ours].map(|&text| text.to_owned())).collect();
    assert_eq!(differing, listed);
}

#[test]
fn the_documentation_lists_every_difference_from_validate_logs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/evidence.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split_once("\n## Where `aws cloudtrail validate-logs` says otherwise\n").unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    let expected: Vec<String> = DIFFERENCES
        .iter()
        .map(|(case, what, theirs, ours, why)| format!("| {case} | {what} | {theirs} | {ours} | {why} |"))
        .collect();
    assert_eq!(rows, expected);
}
