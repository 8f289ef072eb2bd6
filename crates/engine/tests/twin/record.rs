//! Generates records: CloudTrail's own fields and a small vocabulary of values, with everything that real and hostile logs
//! hold: missing and null fields, arrays in arrays, odd case, duplicate keys, omitted content, every spelling of a string
//! or number that JSON allows.

use crate::draw::Draw;

/// A record before it is written.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

pub(crate) const SOURCES: [&str; 4] = ["s3.amazonaws.com", "iam.amazonaws.com", "kms.amazonaws.com", "signin.amazonaws.com"];
pub(crate) const NAMES: [&str; 5] = ["ListKeys", "CreateUser", "PutObject", "ConsoleLogin", "StopLogging"];
pub(crate) const KEYS: [&str; 10] = ["a", "via", "b", "items", "userName", "x.y", "İd", "A", "🐀", "omitted"];
pub(crate) const NUMBERS: [&str; 21] = [
    "22",
    "22.0",
    "2.2e1",
    "22E0",
    "-3",
    "0",
    "-0",
    "1e400",
    "9007199254740993",
    "0.5",
    "111122223333",
    "8",
    "9007199254740992",
    "-9007199254740993",
    "9007199254740993.0",
    "9007199254740.992e+3",
    "123456789012345678901234567890",
    "123456789012345678901234567891",
    "22.000000000000000000001",
    "10E399",
    "1e-400",
];

/// Texts that differ by case, by folding, by wildcard characters, by one bit of an address, by one second of a time.
pub(crate) const TEXTS: [&str; 66] = [
    "alice",
    "Alice",
    "ALICE",
    "bob",
    "alicebobalice",
    "aab",
    "straße",
    "STRASSE",
    "İstanbul",
    "istanbul",
    "\u{212A}elvin",
    "kelvin",
    "é",
    "É",
    "日本語",
    "ΟΔΟΣ",
    "😀",
    "🐀",
    "cut\u{FFFD}",
    "a*b",
    "a?b",
    "axb",
    r"c:\x",
    r"a\*b",
    "say \"x\"",
    "line\nbreak",
    "Line\r\nBreak",
    "tab\tx\u{1}\u{1f}\u{8}\u{c}\u{7f}",
    "/",
    "",
    " ",
    "null",
    "true",
    "True",
    "false",
    "22",
    "22.0",
    "2.2e1",
    "inf",
    "NaN",
    "+8",
    "arn:aws:iam::111122223333:user/alice",
    r#"{"Statement":[{"Effect":"Allow"}]}"#,
    "10.0.0.1",
    "10.127.255.255",
    "10.128.0.0",
    "11.0.0.0",
    "::ffff:10.0.0.1",
    "2001:db8::1",
    "2001:db8:8000::",
    "10.0.0.300",
    "2026-01-01T23:45:10Z",
    "2025-12-29T08:00:00.123Z",
    "2026-02-30T08:00:00Z",
    "2026-01-01T23:45:10+00:00",
    "cmd -enc /x foo-bar",
    "cmd /enc –x foo-bar",
    "—a ―b",
    "foo/bar",
    "9007199254740993",
    "-.5",
    "\u{FFFD}\u{1F600}",
    "ﬀ",
    "Ǆ",
    "e\u{301}",
    "\u{FEFF}\u{2028}\u{0}",
];

/// Times on both sides of what a calendar tells apart, and texts that are none.
const TIMES: [&str; 14] = [
    "2026-01-01T23:45:10Z",
    "2025-12-29T08:00:00.123Z",
    "2026-02-30T08:00:00Z",
    "later",
    "2025-12-31T14:59:59Z",
    "2025-12-31T15:00:00Z",
    "2026-05-02T23:59:59Z",
    "2026-06-03T23:59:59Z",
    "2026-06-04T00:00:00Z",
    "2026-06-04T08:59:59.9Z",
    "2026-06-05T15:00:00Z",
    "1999-12-31T14:59:59Z",
    "2099-12-31T15:00:00Z",
    "9999-12-31T23:59:59Z",
];

/// `secret-key` in Base64 at the three offsets, and in UTF-16.
pub(crate) const CODED: [&str; 9] = [
    "c2VjcmV0LWtleQ==",
    "c2VjcmV0LWtleXh5",
    "YXNlY3JldC1rZXl4",
    "YXNlY3JldC1rZXli",
    "YWJzZWNyZXQta2V5",
    "cwBlAGMAcgBlAHQALQBrAGUAeQA=",
    "AHMAZQBjAHIAZQB0AC0AawBlAHk=",
    "//5zAGUAYwByAGUAdAAtAGsAZQB5AA==",
    "YXMAZQBjAHIAZQB0AC0AawBlAHkAcQ==",
];

/// A record in which nothing is damaged yet: policies are derived from it, so that they match often.
pub(crate) fn record(draw: &mut Draw) -> Tree {
    let mut fields: Vec<(String, Tree)> = Vec::new();
    let mut add = |key: &str, value: Tree| fields.push((key.to_owned(), value));
    add("eventSource", Tree::Text(draw.pick(&SOURCES).to_owned()));
    let name = draw.pick(&NAMES);
    let signing_in = name == "ConsoleLogin";
    add("eventName", Tree::Text(name.to_owned()));
    add("requestParameters", map(draw, 3));
    if draw.chance(60) {
        add("userIdentity", identity(draw));
    }
    if signing_in || draw.chance(60) {
        add("responseElements", response(signing_in, draw));
    }
    if draw.chance(30) {
        add("resources", Tree::List((0..draw.below(3)).map(|_| map(draw, 1)).collect()));
    }
    if draw.chance(40) {
        add("eventTime", text_of(draw, &TIMES));
    }
    if draw.chance(40) {
        add("sourceIPAddress", text_of(draw, &["10.0.0.1", "10.128.0.0", "::ffff:10.0.0.1", "2001:db8::1", "AWS Internal"]));
    }
    if draw.chance(40) {
        add("errorCode", error_code(draw));
    }
    if draw.chance(50) {
        add(
            "userAgent",
            text_of(draw, &["aws-cli/2.15", "Mozilla/5.0", "[Boto3/1.26]", "APN/1.0 Terraform/1.1", "AWS Internal"]),
        );
    }
    if draw.chance(30) {
        add("eventCategory", text_of(draw, &["Management", "Data", "Insight", "NetworkActivity", "Aggregated", "Other", ""]));
    }
    if draw.chance(30) {
        add(
            "eventType",
            text_of(draw, &["AwsApiCall", "AwsServiceEvent", "AwsConsoleSignIn", "AwsVpceEvent", "AwsCloudTrailInsight"]),
        );
    }
    if draw.chance(30) {
        add("recipientAccountId", text_of(draw, &["111122223333", "444455556666", "999999999999"]));
    }
    for key in ["managementEvent", "sessionCredentialFromConsole", "readOnly"] {
        if draw.chance(15) {
            let choices = [Tree::Bool(true), Tree::Bool(false), Tree::Text("true".to_owned()), Tree::Text("false".to_owned())];
            add(key, draw.pick(&choices));
        }
    }
    Tree::Map(fields)
}

fn text_of(draw: &mut Draw, choices: &[&str]) -> Tree {
    Tree::Text(draw.pick(choices).to_owned())
}

fn error_code(draw: &mut Draw) -> Tree {
    let codes = [
        "AccessDenied",
        "Client.UnauthorizedOperation",
        "NotAuthorizedFault",
        "ThrottlingException",
        "SlowDown",
        "Success",
        "NoSuchKey",
    ];
    match draw.below(12) {
        10 => Tree::Null,
        11 => Tree::Map(vec![("code".to_owned(), Tree::Text("NotAuthorized".to_owned()))]),
        _ => text_of(draw, &codes),
    }
}

fn identity(draw: &mut Draw) -> Tree {
    let mut fields = vec![
        ("type".to_owned(), text_of(draw, &["IAMUser", "AWSService", "Root"])),
        ("userName".to_owned(), text_of(draw, &["alice", "Alice", "bob"])),
        ("arn".to_owned(), text_of(draw, &["arn:aws:iam::111122223333:user/alice", "arn:aws:iam::444455556666:user/bob"])),
        ("accountId".to_owned(), text_of(draw, &["111122223333", "444455556666", "777788889999", "999999999999"])),
    ];
    if draw.chance(40) {
        fields.push(("invokedBy".to_owned(), draw.pick(&[Tree::Null, Tree::Text("s3.amazonaws.com".to_owned())])));
    }
    Tree::Map(fields)
}

fn response(signing_in: bool, draw: &mut Draw) -> Tree {
    match draw.below(4) {
        0 => Tree::Null,
        1 | 2 if signing_in => Tree::Map(vec![("ConsoleLogin".to_owned(), text_of(draw, &["Failure", "Success"]))]),
        _ => map(draw, 2),
    }
}

fn map(draw: &mut Draw, depth: usize) -> Tree {
    let count = 1 + draw.below(4);
    Tree::Map((0..count).map(|_| (draw.pick(&KEYS).to_owned(), tree(draw, depth))).collect())
}

fn tree(draw: &mut Draw, depth: usize) -> Tree {
    match draw.below(if depth == 0 { 9 } else { 16 }) {
        0..=2 => text_of(draw, &TEXTS),
        3 => text_of(draw, &CODED),
        4..=6 => Tree::Number(draw.pick(&NUMBERS).to_owned()),
        7 => Tree::Bool(draw.chance(50)),
        8 => draw.pick(&[Tree::Null, Tree::List(Vec::new()), Tree::Map(Vec::new())]),
        9..=11 => Tree::List((0..draw.below(4)).map(|_| tree(draw, depth - 1)).collect()),
        _ => map(draw, depth - 1),
    }
}

/// A record like `base` that says otherwise in the fields of few values.
pub(crate) fn flagged(base: &Tree, draw: &mut Draw) -> Tree {
    let Tree::Map(fields) = base else { return base.clone() };
    let changed = ["readOnly", "managementEvent", "errorCode"];
    let mut fields: Vec<_> = fields.iter().filter(|(key, _)| !changed.contains(&key.as_str())).cloned().collect();
    for key in ["readOnly", "managementEvent"] {
        match draw.below(8) {
            0 => {}
            1 => fields.push((key.to_owned(), text_of(draw, &["true", "false"]))),
            _ => fields.push((key.to_owned(), Tree::Bool(draw.chance(50)))),
        }
    }
    if draw.chance(30) {
        fields.push(("errorCode".to_owned(), error_code(draw)));
    }
    Tree::Map(fields)
}

/// A record like `base` with a few things changed.
pub(crate) fn damaged(base: &Tree, draw: &mut Draw) -> Tree {
    let mut record = base.clone();
    for _ in 0..=draw.below(3) {
        let Tree::Map(fields) = &mut record else { continue };
        if fields.is_empty() {
            continue;
        }
        let at = draw.below(fields.len());
        match draw.below(10) {
            0..=3 => omit(fields, draw),
            4 => {
                fields.remove(at);
            }
            5 => {
                let (key, value) = fields[at].clone();
                let other = if draw.chance(50) { tree(draw, 1) } else { value };
                fields.insert(draw.below(fields.len() + 1), (key, other));
            }
            6 => {
                fields[at].1 = match draw.below(3) {
                    0 => Tree::Null,
                    1 => Tree::List(vec![fields[at].1.clone(), tree(draw, 1)]),
                    _ => tree(draw, 2),
                }
            }
            7 => {
                let key = if draw.chance(80) { fields[at].0.clone() } else { swap_case(&fields[at].0) };
                fields[at] = (key, change(&fields[at].1, draw));
            }
            8 => nest(fields, draw),
            _ => kelvin(fields),
        }
    }
    record
}

/// What CloudTrail writes in place of content that is too large; and what only looks like it.
fn omit(fields: &mut Vec<(String, Tree)>, draw: &mut Draw) {
    let key = draw.pick(&["requestParameters", "responseElements", "additionalEventData", "resources", "userIdentity"]);
    let mark =
        draw.pick(&[Tree::Bool(true), Tree::Bool(true), Tree::Bool(true), Tree::Text("true".to_owned()), Tree::Bool(false)]);
    let size = Tree::Number("119000".to_owned());
    let content = Tree::Map(vec![("omitted".to_owned(), mark), ("originalSize".to_owned(), size)]);
    match fields.iter_mut().find(|(known, _)| known == key) {
        Some(field) => field.1 = content,
        None => fields.push((key.to_owned(), content)),
    }
}

/// Puts a value below many arrays and objects.
fn nest(fields: &mut [(String, Tree)], draw: &mut Draw) {
    let at = draw.below(fields.len());
    let wrap = |value, level| if level % 2 == 0 { Tree::List(vec![value]) } else { Tree::Map(vec![("a".to_owned(), value)]) };
    let depth = draw.below(60);
    let lists_only = draw.chance(50);
    fields[at].1 = (0..depth).fold(fields[at].1.clone(), |value, level| wrap(value, if lists_only { 0 } else { level }));
}

/// Writes the letter k as the Kelvin sign, which folds to k, in the two fields that the index looks at.
fn kelvin(fields: &mut [(String, Tree)]) {
    for (key, value) in fields {
        if let Tree::Text(text) = value
            && ["eventSource", "eventName"].contains(&key.as_str())
        {
            *text = text.replace(['k', 'K'], "\u{212A}");
        }
    }
}

fn change(value: &Tree, draw: &mut Draw) -> Tree {
    match value {
        Tree::Text(text) => Tree::Text(if draw.chance(60) { swap_case(text) } else { format!("{text}x") }),
        Tree::Map(fields) if !fields.is_empty() => {
            let at = draw.below(fields.len());
            let mut fields = fields.clone();
            fields[at].1 = change(&fields[at].1, draw);
            Tree::Map(fields)
        }
        _ => tree(draw, 1),
    }
}

pub(crate) fn swap_case(text: &str) -> String {
    let swap =
        |char: char| if char.is_lowercase() { char.to_uppercase().collect() } else { char.to_lowercase().collect::<String>() };
    text.chars().map(swap).collect()
}

/// Writes a record as JSON, in one of the many ways to spell it.
pub(crate) fn write(tree: &Tree, draw: &mut Draw, out: &mut String) {
    let separated = |draw: &mut Draw, out: &mut String, mark: char| {
        out.push(mark);
        if draw.chance(10) {
            out.push_str(draw.pick(&[" ", "\n\t", " \r\n"]));
        }
    };
    match tree {
        Tree::Null => out.push_str("null"),
        Tree::Bool(value) => out.push_str(&value.to_string()),
        Tree::Number(text) => out.push_str(text),
        Tree::Text(text) => write_text(text, draw, out),
        Tree::List(items) => {
            separated(draw, out, '[');
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    separated(draw, out, ',');
                }
                write(item, draw, out);
            }
            out.push(']');
        }
        Tree::Map(fields) => {
            separated(draw, out, '{');
            for (number, (key, value)) in fields.iter().enumerate() {
                if number > 0 {
                    separated(draw, out, ',');
                }
                write_text(key, draw, out);
                separated(draw, out, ':');
                write(value, draw, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, draw: &mut Draw, out: &mut String) {
    out.push('"');
    let escaping = draw.chance(15);
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            // Half a pair reads as U+FFFD.
            '\u{FFFD}' => out.push_str(draw.pick(&["\u{FFFD}", "\\ud83d", "\\uFFFD", "\\udE00"])),
            '\n' if draw.chance(50) => out.push_str("\\n"),
            '\u{8}' => out.push_str("\\b"),
            '/' if escaping => out.push_str("\\/"),
            char if char < ' ' || draw.chance(if escaping || char > '\u{FFFF}' { 40 } else { 0 }) => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    let escape = if draw.chance(50) { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
                    out.push_str(&escape);
                }
            }
            other => out.push(other),
        }
    }
    out.push('"');
}
