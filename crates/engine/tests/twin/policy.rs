//! Generates policies, as YAML text, that look at what a record holds: most values are derived from the record, changed a
//! little or not at all, so that about as many items hold as do not.

use crate::draw::Draw;
use crate::record::{CODED, KEYS, NAMES, NUMBERS, SOURCES, TEXTS, Tree, swap_case};

/// A policy with this id.
pub(crate) fn policy(id: &str, record: &Tree, draw: &mut Draw) -> String {
    let count = 1 + draw.below(4);
    let names = &["sel_a", "sel_b", "filter", "_hidden"][..count];
    let mut detection: Vec<String> = names.iter().map(|name| format!("{name}: {}", selection(record, draw))).collect();
    let conditions: Vec<String> = (0..1 + draw.below(8) / 7).map(|_| quote(&condition(names, 3, draw))).collect();
    detection.push(format!(
        "condition: {}",
        if let [one] = &conditions[..] { one.clone() } else { format!("[{}]", conditions.join(", ")) }
    ));
    let mut keys = vec![
        format!("id: {id}, title: T, level: low, logsource: {{product: aws, service: cloudtrail}}"),
        format!("detection: {{{}}}", detection.join(", ")),
    ];
    match draw.below(4) {
        1 => keys.push(format!("population: {}", draw.pick(names))),
        2 => keys.push(format!("population: {}", map(&items(record, 2, draw)))),
        _ => {}
    }
    if draw.chance(15) {
        keys.push(format!("needs: {{category: {}}}", draw.pick(&["management", "data", "network-activity", "insight"])));
    }
    format!("{{{}}}\n", keys.join(", "))
}

/// A policy of one item, whose answer nothing else can hide.
pub(crate) fn probe(id: &str, record: &Tree, draw: &mut Draw) -> String {
    let item = map(&[if draw.chance(15) { derived(draw) } else { item(record, true, 2, draw) }]);
    let head = format!("id: {id}, title: T, level: low, logsource: {{product: aws, service: cloudtrail}}");
    format!("{{{head}, detection: {{s: {item}, condition: s}}}}\n")
}

fn condition(names: &[&str], depth: usize, draw: &mut Draw) -> String {
    let visible = names.len() > 3 || draw.chance(50);
    match draw.below(if depth == 0 { 3 } else { 12 }) {
        0 | 1 => draw.pick(names).to_owned(),
        2 => {
            let pattern = if visible { "them" } else { "s*_a" };
            format!("{} of {pattern}", draw.pick(&["1", "all", "any"]))
        }
        3 | 4 => format!("not {}", parens(&condition(names, depth - 1, draw))),
        5..=8 => format!("{} and {}", parens(&condition(names, depth - 1, draw)), parens(&condition(names, depth - 1, draw))),
        9 => format!("{} and not {}", draw.pick(names), draw.pick(names)),
        _ => format!("{} OR {}", condition(names, depth - 1, draw), condition(names, depth - 1, draw)),
    }
}

fn parens(inner: &str) -> String {
    if inner.contains(' ') { format!("({inner})") } else { inner.to_owned() }
}

fn selection(record: &Tree, draw: &mut Draw) -> String {
    match draw.below(12) {
        9 => format!("[{}, {}]", map(&items(record, 2, draw)), map(&items(record, 2, draw))),
        10 => format!("[{}]", keywords(record, draw)),
        11 => format!("{{'|all': [{}]}}", keywords(record, draw)),
        _ => map(&items(record, 3, draw)),
    }
}

fn keywords(record: &Tree, draw: &mut Draw) -> String {
    let mut texts = Vec::new();
    scalars(record, &mut texts);
    let word = |draw: &mut Draw| {
        let text = draw.pick(&texts);
        let word = part(&text, draw);
        // An empty keyword would be contained in everything.
        quote(if word.is_empty() { "zz" } else { &word })
    };
    (0..1 + draw.below(2)).map(|_| word(draw)).collect::<Vec<_>>().join(", ")
}

fn scalars(tree: &Tree, out: &mut Vec<String>) {
    match tree {
        Tree::List(items) => items.iter().for_each(|item| scalars(item, out)),
        Tree::Map(fields) => fields.iter().for_each(|(_, value)| scalars(value, out)),
        other => out.extend(text_of(other)),
    }
}

/// Writes items as a YAML map; a key must not stand twice.
fn map(items: &[(String, String)]) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut parts = Vec::new();
    for (key, value) in items {
        if !seen.contains(&key.as_str()) {
            seen.push(key);
            parts.push(format!("{}: {value}", quote(key)));
        }
    }
    format!("{{{}}}", parts.join(", "))
}

fn items(record: &Tree, most: usize, draw: &mut Draw) -> Vec<(String, String)> {
    let mut items = Vec::new();
    if draw.chance(45) {
        items.push(indexed("eventSource", &SOURCES, record, draw));
    }
    if draw.chance(45) {
        items.push(indexed("eventName", &NAMES, record, draw));
    }
    let least = usize::from(items.is_empty());
    items.extend((0..draw.below(most + 1).max(least)).map(|_| item(record, true, 2, draw)));
    items
}

/// An item that the index can use, or nearly can.
fn indexed(field: &str, vocabulary: &[&str], record: &Tree, draw: &mut Draw) -> (String, String) {
    let own = nodes(record).into_iter().find(|(path, _)| path == &[field]).and_then(|(_, node)| text_of(node));
    let mut value = own.filter(|_| draw.chance(80)).unwrap_or_else(|| draw.pick(vocabulary).to_owned());
    if draw.chance(30) {
        value = swap_case(&value);
    }
    let key = format!("{field}{}", draw.pick(&["", "", "", "", "", "", "", "|cased", "|neq", "|startswith"]));
    let written = match draw.below(8) {
        5 => format!("[{}, {}]", quote(draw.pick(vocabulary)), quote(&value)),
        6 if !key.ends_with("with") => format!("[{}, null]", quote(&value)),
        7 => quote(&value.replace('a', "?")),
        _ => quote(&value),
    };
    (key, written)
}

/// Every node with its path; arrays do not count.
fn nodes(tree: &Tree) -> Vec<(Vec<String>, &Tree)> {
    let mut out = Vec::new();
    collect(tree, &mut Vec::new(), &mut out);
    out
}

fn collect<'t>(tree: &'t Tree, path: &mut Vec<String>, out: &mut Vec<(Vec<String>, &'t Tree)>) {
    match tree {
        Tree::List(items) if !items.is_empty() => items.iter().for_each(|item| collect(item, path, out)),
        _ if !path.is_empty() => out.push((path.clone(), tree)),
        _ => {}
    }
    if let Tree::Map(fields) = tree {
        for (key, value) in fields {
            path.push(key.clone());
            collect(value, path, out);
            path.pop();
        }
    }
}

fn text_of(tree: &Tree) -> Option<String> {
    match tree {
        Tree::Bool(value) => Some(value.to_string()),
        Tree::Number(text) | Tree::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn written(path: &[String]) -> String {
    path.iter().map(|key| key.replace('.', r"\.")).collect::<Vec<_>>().join(".")
}

/// One item, on the record or (below a same-element map) on an object of it.
fn item(scope: &Tree, top: bool, depth: usize, draw: &mut Draw) -> (String, String) {
    if top && draw.chance(12) {
        return derived(draw);
    }
    let nodes = nodes(scope);
    let known = !nodes.is_empty() && draw.chance(88);
    let (path, node) = match nodes.get(if known { draw.below(nodes.len()) } else { usize::MAX }) {
        Some((path, node)) => (written(path), *node),
        None => {
            let head = if top { "requestParameters." } else { "" };
            (format!("{head}{}", draw.pick(&KEYS).replace('.', r"\.")), &Tree::Null)
        }
    };
    if matches!(node, Tree::Map(_) | Tree::List(_)) && draw.chance(25) {
        let tests = [
            ("|exists", "true"),
            ("|exists", "false"),
            ("", "null"),
            ("|neq", "null"),
            ("", "[x, null]"),
            ("", "'*'"),
            ("|fieldref", "requestParameters.a"),
            ("|fieldref|contains", "userIdentity.userName"),
        ];
        let test = draw.pick(&tests);
        return (format!("{path}{}", test.0), test.1.to_owned());
    }
    if let Tree::Map(fields) = node
        && depth > 0
        && draw.chance(75)
    {
        if fields.is_empty() || draw.chance(40) {
            return whole_object(&path, node, draw);
        }
        let inner: Vec<_> = (0..1 + draw.below(2)).map(|_| item(node, false, depth - 1, draw)).collect();
        return (path, map(&inner));
    }
    let text = text_of(node).unwrap_or_else(|| draw.pick(&TEXTS).to_owned());
    let (modifiers, value) = test_of(node, &text, &nodes, draw);
    let mut key = format!("{path}{modifiers}");
    if !key.contains("|exists") && draw.chance(12) {
        key.push_str("|neq");
    }
    (key, value)
}

/// A test of a field that Assize derives, mostly for a value that it can have.
fn derived(draw: &mut Draw) -> (String, String) {
    let fields: [(&str, &[&str]); 16] = [
        ("outcome", &["success", "denied", "throttled", "failed"]),
        ("outcome", &["denied", "throttled", "failed"]),
        ("via", &["console", "cli", "sdk", "service", "third-party"]),
        ("account.name", &["Main", "lab"]),
        ("account.env", &["prod", "dev"]),
        ("account.tags.owner", &["alice"]),
        (r"account.tags.cost\.center", &["22"]),
        ("account.id", &["111122223333", "444455556666"]),
        ("caller.account", &["111122223333", "444455556666", "777788889999"]),
        ("caller.known", &["true", "false"]),
        ("caller.env", &["prod", "dev"]),
        ("caller.name", &["Main", "lab"]),
        ("caller.tags.owner", &["alice"]),
        ("calendar.working-time", &["true", "false"]),
        ("calendar.day", &["working-day", "weekend", "holiday"]),
        ("calendar.holiday", &["New Year's Day", "Closing*"]),
    ];
    let (field, values) = draw.pick(&fields);
    match draw.below(12) {
        0 => (format!("{field}|exists"), draw.pick(&["true", "false"]).to_owned()),
        1 => (draw.pick(&[field, "account.other", "caller.id", "calendar.week"]).to_owned(), "null".to_owned()),
        2 => (format!("{field}|fieldref"), quote(draw.pick(&["userIdentity.userName", "caller.account", "recipientAccountId"]))),
        3 => (field.to_owned(), format!("[{}, {}]", quote(draw.pick(values)), quote(draw.pick(values)))),
        4 => (format!("{field}|neq"), quote(draw.pick(values))),
        _ => (field.to_owned(), quote(draw.pick(values))),
    }
}

fn compact(tree: &Tree, plain: bool) -> String {
    let string = |text: &String| if plain { format!("\"{text}\"") } else { serde_json::to_string(text).unwrap() };
    match tree {
        Tree::Null => "null".to_owned(),
        Tree::Bool(value) => value.to_string(),
        Tree::Number(text) => text.clone(),
        Tree::Text(text) => string(text),
        Tree::List(items) => format!("[{}]", items.iter().map(|item| compact(item, plain)).collect::<Vec<_>>().join(",")),
        Tree::Map(fields) => {
            let part = |(key, value): &(String, Tree)| format!("{}:{}", string(key), compact(value, plain));
            format!("{{{}}}", fields.iter().map(part).collect::<Vec<_>>().join(","))
        }
    }
}

/// A test on the JSON text of an object.
fn whole_object(path: &str, node: &Tree, draw: &mut Draw) -> (String, String) {
    let plain = draw.chance(30);
    let text = compact(node, plain);
    let key =
        format!("{path}{}", draw.pick(&["|contains", "|contains", "|startswith", "|endswith", "|re", "", "|contains|cased"]));
    let value = if key.ends_with("|re") { regex::escape(&part(&text, draw)) } else { literal(&part(&text, draw)) };
    (key, quote(&value))
}

/// Modifiers, and the value that goes with them.
fn test_of(node: &Tree, text: &str, nodes: &[(Vec<String>, &Tree)], draw: &mut Draw) -> (String, String) {
    let with = |modifiers: &str, value: String| (modifiers.to_owned(), value);
    let number = if NUMBERS.contains(&text) { text } else { draw.pick(&NUMBERS) };
    let kind = match node {
        Tree::Bool(_) if draw.chance(60) => 21,
        Tree::Number(_) if draw.chance(50) => [12, 20][draw.below(2)],
        Tree::Text(text) if text.ends_with('Z') && draw.chance(70) => 14,
        Tree::Text(text) if text.contains(['.', ':']) && text.starts_with(['1', '2', ':']) && draw.chance(50) => 11,
        Tree::Text(text) if CODED.contains(&text.as_str()) && draw.chance(85) => 18,
        Tree::Text(text) if text.starts_with("arn:") && draw.chance(60) => 16,
        Tree::Text(text) if text.contains('\n') && draw.chance(60) => 10,
        Tree::Text(text) if text.parse::<f64>().is_ok() && draw.chance(50) => [12, 20][draw.below(2)],
        Tree::Text(text) if DASHED.contains(&text.as_str()) && draw.chance(60) => 19,
        _ => draw.below(22),
    };
    match kind {
        0..=2 => with(if draw.chance(15) { "|cased" } else { "" }, values(text, draw)),
        3..=5 => {
            let place =
                draw.pick(&["|contains", "|startswith", "|endswith", "|contains|cased", "|cased|endswith", "|startswith|neq"]);
            with(place, values(&part(text, draw), draw))
        }
        6 => {
            let (one, two) = (quote(&literal(&part(text, draw))), quote(&literal(&part(text, draw))));
            with(draw.pick(&["|contains|all", "|all|contains", "|all"]), format!("[{one}, {two}]"))
        }
        7 => with("", quote(&with_wildcards(text, draw))),
        8 => with("|exists", draw.pick(&["true", "false"]).to_string()),
        9 => with(draw.pick(&["", "", "|neq", "|cased"]), draw.pick(&["null", "~", "[null, x]"]).to_string()),
        10 => regular(text, draw),
        11 => with(if draw.chance(15) { "|neq" } else { "|cidr" }, quote(draw.pick(&NETWORKS))),
        12 | 13 => {
            let compare = draw.pick(&["|lt", "|lte", "|gt", "|gte", "|gte|all"]);
            let number = near(number, draw);
            with(compare, format!("[{}, {}]", number, draw.pick(&["8", "22", "-3", "1e3"])))
        }
        14 | 15 => time(draw),
        16 | 17 => reference(text, nodes, draw),
        18 => coded(text, draw),
        19 => with(draw.pick(&["|windash", "|windash|contains", "|contains|windash|cased"]), quote(&flags(text, draw))),
        20 => {
            let number = if draw.chance(50) { number } else { near(number, draw) };
            let value = if draw.chance(80) { number.to_owned() } else { format!("[{number}, {}]", draw.pick(&NUMBERS)) };
            with(draw.pick(&["", "", "", "|contains", "|windash", "|startswith", "|neq"]), value)
        }
        _ => with(draw.pick(&["", "", "|contains", "|cased"]), draw.pick(&["true", "false", "[true, 22]", "'TRUE'"]).to_string()),
    }
}

/// A number that differs from this one in its last digit or its spelling alone, if there is one.
fn near(number: &str, draw: &mut Draw) -> &'static str {
    let head = number.trim_start_matches('-').get(..8).unwrap_or("none");
    let alike: Vec<&str> = NUMBERS.into_iter().filter(|other| other.contains(head)).collect();
    if alike.is_empty() || draw.chance(20) { draw.pick(&NUMBERS) } else { draw.pick(&alike) }
}

/// A reference to another field; more often than not to one that stands in the asked relation to this one.
fn reference(text: &str, nodes: &[(Vec<String>, &Tree)], draw: &mut Draw) -> (String, String) {
    let place = draw.pick(&["", "", "|contains", "|startswith", "|endswith", "|cased", "|endswith|cased"]);
    let text = text.to_lowercase();
    let fits = |node: &Tree| match text_of(node).map(|other| other.to_lowercase()) {
        Some(other) if place.contains("endswith") => text.ends_with(&other) && other != text,
        Some(other) if place == "|startswith" => text.starts_with(&other) && other != text,
        Some(other) if place == "|contains" => text.contains(&other),
        Some(other) => other == text,
        None => false,
    };
    let mut paths: Vec<&Vec<String>> = nodes.iter().filter(|(_, node)| fits(node)).map(|(path, _)| path).collect();
    if paths.is_empty() || draw.chance(30) {
        paths = nodes.iter().map(|(path, _)| path).collect();
    }
    let other = if paths.is_empty() { "a".to_owned() } else { written(paths[draw.below(paths.len())]) };
    (if draw.chance(50) { format!("|fieldref{place}") } else { format!("{place}|fieldref") }, quote(&other))
}

const DASHED: [&str; 4] = ["cmd -enc /x foo-bar", "cmd /enc –x foo-bar", "—a ―b", "foo/bar"];

const NETWORKS: [&str; 11] = [
    "10.0.0.0/8",
    "10.0.0.0/9",
    "10.0.0.1",
    "10.0.0.0/31",
    "0.0.0.0/0",
    "::/0",
    "2001:db8::/32",
    "2001:db8::/33",
    "2001:db8::1/128",
    "::ffff:10.0.0.0/104",
    "10.0.0.2/32",
];

/// The text, or one of a list that holds it, changed a little now and then.
fn values(text: &str, draw: &mut Draw) -> String {
    let text = match draw.below(8) {
        6 => swap_case(text),
        7 => draw.pick(&TEXTS).to_owned(),
        _ => text.to_owned(),
    };
    let written = if draw.chance(70) { literal(&text) } else { text };
    if draw.chance(25) { format!("[{}, {}]", quote(draw.pick(&TEXTS)), quote(&written)) } else { quote(&written) }
}

/// Some of the characters in a row, or all.
fn part(text: &str, draw: &mut Draw) -> String {
    let chars: Vec<char> = text.chars().collect();
    let from = draw.below(chars.len() + 1);
    let count = draw.below(chars.len() - from + 1);
    match draw.below(4) {
        0 => text.to_owned(),
        1 => chars[from..].iter().collect(),
        2 => chars[..from].iter().collect(),
        _ => chars[from..from + count].iter().collect(),
    }
}

/// Takes their meaning from wildcards and backslashes.
fn literal(text: &str) -> String {
    text.replace('\\', r"\\").replace('*', r"\*").replace('?', r"\?")
}

fn with_wildcards(text: &str, draw: &mut Draw) -> String {
    let mut out = String::new();
    let mut skipping = false;
    for char in text.chars() {
        match draw.below(10) {
            6 | 7 => out.push('?'),
            8 => out.push('*'),
            9 if !skipping => {
                out.push('*');
                skipping = true;
                continue;
            }
            _ if skipping && draw.chance(50) => continue,
            _ => out.push_str(&literal(&char.to_string())),
        }
        skipping = false;
    }
    if draw.chance(15) {
        out.push_str(draw.pick(&["?", "*", "**"]));
    }
    out
}

fn regular(text: &str, draw: &mut Draw) -> (String, String) {
    let inner = regex::escape(&part(text, draw));
    let pattern = match draw.below(5) {
        0 => inner,
        4 => format!("^{}$", regex::escape(text.lines().last().unwrap_or_default())),
        1 => format!("^{inner}"),
        2 => format!("{inner}.*$"),
        _ => format!("{}$|^.", swap_case(&inner).replace("\\S", "\\s")),
    };
    let pattern = if regex::Regex::new(&pattern).is_ok() { pattern } else { "^$".to_owned() };
    (draw.pick(&["|re", "|re|i", "|re|m", "|re|s", "|re|i|m|s"]).to_string(), quote(&pattern))
}

fn time(draw: &mut Draw) -> (String, String) {
    let part = draw.pick(&["minute", "hour", "day", "week", "month", "year"]);
    let value = match part {
        "minute" => draw.pick(&["45", "0", "44"]),
        "hour" => draw.pick(&["23", "8", "'08'"]),
        "day" => draw.pick(&["1", "29", "30"]),
        "week" => draw.pick(&["1", "52", "53"]),
        "month" => draw.pick(&["1", "12", "2"]),
        _ => draw.pick(&["2026", "2025", "2025.5"]),
    };
    (format!("|{part}{}", draw.pick(&["", "|lt", "|lte", "|gt", "|gte"])), (*value).to_owned())
}

fn coded(text: &str, draw: &mut Draw) -> (String, String) {
    let encoders = [
        "|base64",
        "|base64offset|contains",
        "|base64offset|contains|cased",
        "|cased|contains|base64offset",
        "|wide|base64",
        "|utf16le|base64offset|contains",
        "|utf16be|base64",
        "|utf16|base64",
        "|utf16|base64|cased",
        "|base64offset|startswith",
        "|windash|base64offset|contains",
    ];
    let value = draw.pick(&[
        "secret-key",
        "secret-key",
        "secret-key",
        "Secret-key",
        "secret-kex",
        "secret-keI",
        "ecret-key",
        "-key",
        "aé*",
    ]);
    // The way in which this text was made.
    let fitting = match text.get(..4) {
        Some("cwBl") => "|wide|base64",
        Some("AHMA") => "|utf16be|base64",
        Some("//5z") => "|utf16|base64",
        Some("YXMA") => "|utf16le|base64offset|contains",
        _ => "|base64offset|contains",
    };
    (if draw.chance(50) { fitting } else { draw.pick(&encoders) }.to_owned(), quote(value))
}

/// The text with other dashes. The loader takes at most four flags in a value.
fn flags(text: &str, draw: &mut Draw) -> String {
    let dash = draw.pick(&["-", "/", "–", "—", "―"]);
    let text = if text.contains(['-', '/', '–', '—', '―']) {
        text
    } else {
        draw.pick(&["cmd -enc /x foo-bar", "-a -b", "foo/bar", "-enc"])
    };
    let changed = text.replace(['-', '/', '–', '—', '―'], dash);
    if changed.matches(dash).count() > 4 { "-enc".to_owned() } else { changed }
}

/// The text as a YAML scalar in double quotes.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            control if control.is_control() => {
                let escape = format!("\\u{:04x}", u32::from(control));
                out.push_str(&escape);
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
