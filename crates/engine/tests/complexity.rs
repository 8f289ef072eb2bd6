//! What an attacker can make large costs in proportion: four times the input takes about four times the time, not sixteen.
//!
//! Times are processor time of this thread where the system tells it, the least of three runs, and compared with each other
//! only: no bound here is a number of seconds.
#![expect(clippy::unwrap_used, reason = "the checks of a test may panic")]
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "the engine has no clock; its tests measure it")]

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use assize_engine::decode::{Malformed, Place, Sink, decode};
use assize_engine::evaluate::{Evaluation, ObjectName, Period};
use assize_engine::finding::findings;
use assize_engine::identity::Secret;
use assize_engine::json::Reader;
use assize_engine::linear::Record;
use assize_engine::matcher::{Matcher, Scratch, Subject};
use assize_engine::partial::Partial;
use assize_engine::policy::{Policy, load, matches_glob};
use assize_engine::record::AccountList;

/// Processor time of this thread; where the system does not tell, the time of day.
fn now() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = spent.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

fn cost(run: &mut dyn FnMut()) -> Duration {
    let once = |run: &mut dyn FnMut()| {
        let begin = now();
        run();
        now().saturating_sub(begin)
    };
    (0..3).map(|_| once(run)).min().unwrap()
}

/// Asserts that four times the input costs less than ten times as much. `make` makes the input of a size, `run` is measured.
fn in_proportion<T>(what: &str, size: usize, make: impl Fn(usize) -> T, run: impl Fn(&T)) {
    let (small, large) = (make(size), make(4 * size));
    let (before, after) = (cost(&mut || run(&small)), cost(&mut || run(&large)));
    // What takes next to no time is not told from noise, and would be if it grew with the square.
    let bound = 10 * before + Duration::from_millis(30);
    assert!(after < bound, "{what}: {before:?} for {size}, {after:?} for four times as much");
}

fn policies(detections: &[&str]) -> Vec<Policy> {
    let head = "title: T\nlevel: low\nlogsource: {product: aws, service: cloudtrail}";
    let sources: Vec<String> = detections
        .iter()
        .enumerate()
        .map(|(number, detection)| format!("id: p-{number}\n{head}\ndetection: {detection}\n"))
        .collect();
    let loaded = load(sources.iter().map(|source| ("f", source.as_str())));
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    loaded.policies
}

/// Puts a record to the policies, on both evaluators.
fn judged(what: &str, size: usize, policies: &[Policy], make: impl Fn(usize) -> String) {
    let matcher = Matcher::new(policies, AccountList::new());
    in_proportion(&format!("{what}, fast"), size, &make, |text| {
        let mut reader = Reader::default();
        let document = reader.read(text.as_bytes(), usize::MAX).unwrap();
        let subject = Subject::of(document.root()).unwrap();
        let mut found = 0;
        let mut scratch = Scratch::default();
        let mut judging = matcher.record(&subject, &mut scratch);
        judging.evaluate(|_, _| found += 1);
        judging.populations(|_| found += 1);
        (0..policies.len()).for_each(|index| found += matcher.group(index, &subject).values.len());
        std::hint::black_box(found);
    });
    // The twin copies what it reads, and is slower by a constant: less says the same.
    in_proportion(&format!("{what}, slow"), size / 16, &make, |text| {
        let record = Record::read(text).unwrap();
        policies.iter().for_each(|policy| drop(std::hint::black_box(record.judge(policy, &AccountList::new()))));
    });
}

struct Counting(usize);

impl Sink for Counting {
    fn record(&mut self, _: Place, _: &[u8], _: &Subject<'_>) {
        self.0 += 1;
    }

    fn malformed(&mut self, _: Place, _: u64, _: &Malformed) {
        self.0 += 1;
    }
}

fn decoded(what: &str, size: usize, make: impl Fn(usize) -> String) {
    in_proportion(what, size, make, |text| {
        let mut counting = Counting(0);
        decode(text.as_bytes(), &mut counting);
        std::hint::black_box(counting.0);
    });
}

#[test]
fn damaged_and_nested_objects() {
    decoded("arrays in arrays", 100_000, |size| "[".repeat(size));
    decoded("arrays in a list of records", 100_000, |size| format!("{{\"Records\":[{}", "[".repeat(size)));
    decoded("records in records", 20_000, |size| format!("{{\"Records\":[{}", r#"{"eventVersion":[1,"#.repeat(size)));
    decoded("objects in lines", 20_000, |size| "{\"a\":\n".repeat(size));
    decoded("lists in lines", 20_000, |size| "{\"Records\":[\n".repeat(size));
    decoded("open quotes", 20_000, |size| format!("[{}", r#"{"eventVersion":",","#.repeat(size)));
    decoded("open quotes before a tail", 50_000, |size| format!("[{}{}", r#",{"eventVersion":[1"#.repeat(60), ",1".repeat(size)));
    decoded("lines that are no JSON", 50_000, |size| "x\n".repeat(size));
    decoded("spaces between what is not separated", 20_000, |size| {
        format!("[{}", format!("{{}}{}", " ".repeat(20)).repeat(size))
    });
    decoded("wrapped lists", 20_000, |size| format!("{{{}", "\"Records\":[],".repeat(size)));
    decoded("events in events", 20_000, |size| {
        let inner = format!("{{\\\"eventName\\\":{}", "[".repeat(size));
        format!("{{\"Events\":[{{\"CloudTrailEvent\":\"{inner}\"}}]}}")
    });
}

#[test]
fn long_texts() {
    let rules = policies(&[
        "{a: {requestParameters.a: '*a*a*a*a*a*b'}, condition: a}",
        "{a: {requestParameters.a|contains: '?a?a?b'}, condition: a}",
        "{a: {requestParameters.a|contains: aaaaaaaaaaaaaaaab}, condition: a}",
        "{a: {requestParameters.a|endswith: 'é*b'}, condition: a}",
        "{a: {requestParameters.a|re: '(a+)+$b'}, condition: a}",
        "{a: {requestParameters.a|re: '^(a|aa|a?)+b'}, condition: a}",
        "{a: {requestParameters.a|re|i: '(x+x+)+y|a{1,20}b'}, condition: a}",
        "{a: {requestParameters.a|cidr: 10.0.0.0/8}, condition: a}",
        "{a: {requestParameters.a|hour: 8}, condition: a}",
        "{a: {requestParameters.a|fieldref|contains: requestParameters.b}, condition: a}",
        "{a: {requestParameters|contains: 'aaaaaaaaaaaaab\"'}, condition: a}",
        "{a: ['a*a*a*b', aaaaaaaaaaab], condition: a}",
    ]);
    let record = |text: &str| format!(r#"{{"eventName":"E","requestParameters":{{"a":"{text}","b":"{text}b"}}}}"#);
    judged("one letter", 1 << 17, &rules, |size| record(&"a".repeat(size)));
    judged("letters outside ASCII", 1 << 15, &rules, |size| record(&"aÉ".repeat(size)));
    judged("escapes", 1 << 14, &rules, |size| record(&"\\u0061\\\"".repeat(size)));
    let numbers = policies(&[
        "{a: {requestParameters.n: 1111111111}, condition: a}",
        "{a: {requestParameters.n|gte: 1e400000}, condition: a}",
    ]);
    let number = |text: String| format!(r#"{{"eventName":"E","requestParameters":{{"n":{text}}}}}"#);
    judged("digits", 1 << 17, &numbers, |size| number("1".repeat(size)));
    judged("zeros", 1 << 17, &numbers, |size| number(format!("0.{}1e{}", "0".repeat(size), "9".repeat(size))));
}

#[test]
fn many_values() {
    let rules = policies(&[
        "{a: {requestParameters.k: [5, x], requestParameters.k|contains: y}, condition: a}",
        "{a: {requestParameters.k|exists: false}, condition: a}",
        "{a: {requestParameters.k: null}, condition: a or not a}",
        "{a: {requestParameters.k|neq: zz, eventName|neq: zz}, condition: a}",
        "{a: {requestParameters.k|contains|all: [q, r]}, condition: a}",
        "{a: {requestParameters.k|re: '^z+$'}, condition: a}",
        "{a: {requestParameters.k: {j: 1, i: {h: 2}}}, condition: a}",
        "{a: {requestParameters|contains: nowhere}, condition: a}",
        "{a: [nowhere], condition: a}",
        "{a: {outcome: denied, via: console}, condition: a}",
    ]);
    let record = |inner: String| format!(r#"{{"eventName":"E","requestParameters":{{{inner}"z":0}}}}"#);
    judged("one key again and again", 250_000, &rules, |size| record("\"k\":1,".repeat(size)));
    judged("one key with texts", 20_000, &rules, |size| record("\"k\":\"value\",".repeat(size)));
    judged("many members", 20_000, &rules, |size| record(format!("\"k\":[{}0],", "\"v\",".repeat(size))));
    judged("many objects", 5_000, &rules, |size| record(format!("\"k\":[{}0],", "{\"j\":1,\"i\":[{\"h\":1}]},".repeat(size))));
    judged("arrays in arrays", 5_000, &rules, |size| record(format!("\"k\":[{}0],", "[[[[[[]]]]]],".repeat(size))));
    judged("one name of the call again and again", 20_000, &rules, |size| {
        format!("{{{}\"requestParameters\":null}}", "\"eventName\":\"E\",".repeat(size))
    });
}

#[test]
fn long_lists_on_both_sides_of_a_reference() {
    let list = |size: usize, text: &dyn Fn(usize) -> String| {
        (0..size).fold(String::new(), |mut out, number| {
            write!(out, "{}\"{}\"", if number > 0 { "," } else { "" }, text(number)).unwrap();
            out
        })
    };
    for place in ["", "|contains", "|startswith", "|endswith", "|cased|contains"] {
        let rules = policies(&[&format!("{{a: {{requestParameters.a|fieldref{place}: requestParameters.b}}, condition: a}}")]);
        judged(&format!("fieldref{place}"), 15_000, &rules, |size| {
            let (mine, others) = (list(size, &|number| format!("{number:x}-")), list(size, &|number| format!("-{number:x}!")));
            format!(r#"{{"eventName":"E","requestParameters":{{"a":[{mine}],"b":[{others}]}}}}"#)
        });
        judged(&format!("fieldref{place}, alike"), 200, &rules, |size| {
            let alike = |end: &str| list(size, &|number| format!("{}{end}{number:x}{end}{}", "a".repeat(300), "a".repeat(300)));
            format!(r#"{{"eventName":"E","requestParameters":{{"a":[{}],"b":[{}]}}}}"#, alike(""), alike("b"))
        });
    }
}

#[test]
fn many_groups_copies_and_twins() {
    let rules = policies(&["{a: {eventName: Stop}, condition: a}", "{a: {requestParameters.x: 1}, condition: a}"]);
    let evaluated = |what: &str, size: usize, record: &dyn Fn(usize) -> String| {
        let make = |size: usize| (0..size).fold(String::new(), |out, number| out + &record(number) + "\n");
        in_proportion(what, size, make, |text| {
            let evaluation = Evaluation::new(&rules, AccountList::new(), Period::default(), 0, Secret::new([1, 2]));
            let mut partial = Partial::new(rules.len());
            evaluation.object(&ObjectName { name: Arc::from("o"), number: 0 }, text.as_bytes(), &mut partial);
            let mut merged = Partial::new(rules.len());
            merged.merge(partial);
            assert!(merged.records.balanced());
            std::hint::black_box((
                findings(&rules, &mut merged, &assize_engine::correlation::Known::always()).len(),
                evaluation.seen().conflicts().len(),
            ));
        });
    };
    let record = |id: usize, arn: &str, parameters: &str| {
        format!(
            r#"{{"eventID":"00000000-0000-4000-8000-{id:012x}","eventTime":"2026-10-01T00:00:00Z","eventSource":"x","eventName":"Stop","userIdentity":{{"arn":"{arn}"}},"requestParameters":{parameters}}}"#
        )
    };
    evaluated("groups", 25_000, &|number| record(number, &format!("user-{number}"), "null"));
    evaluated("matches of one group", 8_000, &|number| record(number, "user", "null"));
    evaluated("records that cannot be judged", 8_000, &|number| record(number, "user", "{\"omitted\":true}"));
    evaluated("copies", 8_000, &|_| record(7, "user", "null"));
    evaluated("versions of one id", 8_000, &|number| record(7, &format!("user-{number}"), "null"));
    evaluated("regions and sources", 5_000, &|number| {
        record(number, "user", "null").replace("\"x\"", &format!("\"x{number}\",\"awsRegion\":\"r-{number}\""))
    });
    evaluated("malformed records", 8_000, &|number| format!("{{\"eventName\":{number}"));
    evaluated("long values of a group", 500, &|number| record(number, &format!("{}{number}", "user".repeat(1_000)), "null"));
}

#[test]
fn names_with_stars() {
    let make = |size: usize| ("a".repeat(size), "*a".repeat(size / 10) + "*b");
    in_proportion("many stars", 100_000, make, |(name, glob)| assert!(!matches_glob(glob, name)));
    // Thirty stars took the old search until the end of the universe.
    assert!(!matches_glob(&format!("{}b", "*a".repeat(30)), &"a".repeat(200)));
    assert!(matches_glob(&"*a".repeat(30), &"a".repeat(200)));
}

#[test]
fn policy_files() {
    let policy = |detection: &str| {
        format!("id: x\ntitle: T\nlevel: low\nlogsource: {{product: aws, service: cloudtrail}}\ndetection:\n{detection}\n")
    };
    let read = |text: &String| drop(std::hint::black_box(load([("f", text.as_str())])));
    let lines = |size: usize, line: &dyn Fn(usize) -> String| (0..size).map(line).collect::<Vec<_>>().join("\n");
    in_proportion(
        "many selections",
        2_000,
        |size| policy(&lines(size, &|number| format!("  s{number}: {{eventName: x}}"))) + "  condition: 1 of s*\n",
        read,
    );
    in_proportion(
        "many fields",
        10_000,
        |size| policy(&format!("  s:\n{}\n  condition: s", lines(size, &|number| format!("    eventName.f{number}: x")))),
        read,
    );
    in_proportion(
        "many values",
        20_000,
        |size| policy(&format!("  s: {{eventName: [{}]}}\n  condition: s", "abc, ".repeat(size))),
        read,
    );
    in_proportion(
        "many conditions",
        5_000,
        |size| policy(&format!("  s: {{eventName: x}}\n  condition: {}s", "s and not s or ".repeat(size))),
        read,
    );
    in_proportion(
        "a list of conditions",
        5_000,
        |size| policy(&format!("  s: {{eventName: x}}\n  condition: [{}s]", "s, ".repeat(size))),
        read,
    );
    in_proportion(
        "parentheses",
        50_000,
        |size| policy(&format!("  s: {{eventName: x}}\n  condition: {}s", "(".repeat(size))),
        read,
    );
    in_proportion(
        "alternatives of sources and names",
        2_000,
        |size| {
            let selections = lines(size, &|number| format!("  s{number}: {{eventName: n{number}, eventSource: s{number}}}"));
            policy(&format!("{selections}\n  condition: 1 of s* and 1 of s*"))
        },
        read,
    );
    in_proportion(
        "anchors and aliases",
        10_000,
        |size| {
            format!(
                "custom:\n{}\n{}",
                lines(size, &|number| format!("- &a{number} x")),
                lines(size, &|number| format!("- *a{number}"))
            )
        },
        read,
    );
    in_proportion("deep lists", 20_000, |size| format!("custom: {}", "[".repeat(size)), read);
    in_proportion("open quotes", 100_000, |size| format!("custom: \"{}", "x ".repeat(size)), read);
    in_proportion("comments", 100_000, |size| "#\n".repeat(size) + "custom: 1\n", read);
    in_proportion("many documents", 5_000, |size| "---\n{id: a}\n".repeat(size), read);
}

/// An alias or a quantifier of a few characters must not stand for gigabytes.
#[test]
fn policy_files_that_unfold_are_refused() {
    let codes = |text: &str| -> Vec<&'static str> {
        let mut codes: Vec<_> = load([("f", text)]).diagnostics.iter().map(|found| found.code).collect();
        codes.dedup();
        codes
    };
    assert_eq!(codes(&format!("a: &a {}\nb: [{}]\n", "x".repeat(2 << 20), "*a,".repeat(90_000))), ["yaml-size"]);
    let selections: String = (0..5_000).map(|number| format!("  s{number}: {{eventName: x}}\n")).collect();
    let text = format!(
        "id: x\ntitle: T\nlevel: low\nlogsource: {{product: aws, service: cloudtrail}}\ndetection:\n{selections}  condition: {}s1\n",
        "1 of them or ".repeat(100_000)
    );
    assert_eq!(codes(&text), ["condition"]);
}
