//! Records made from rules: what a rule asks for, changed in ways that real and hostile logs change it.

use assize_engine::policy::{Item, Literal, Modifier, Policy, Selection};
use serde_json::{Map, Value, json};

/// Numbers that are the same in every run (xorshift, from a seed).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// A record that meets some selections of the rule, and is then damaged a little.
pub(crate) fn record(policy: &Policy, random: &mut Random) -> Value {
    let mut root = json!({
        "eventVersion": "1.08", "eventTime": "2026-01-01T08:00:00Z", "eventSource": "s3.amazonaws.com", "eventName": "PutObject",
        "awsRegion": "eu-west-1", "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2.15", "eventType": "AwsApiCall",
        "userIdentity": {"type": "IAMUser", "userName": "alice", "arn": "arn:aws:iam::111122223333:user/alice"},
        "recipientAccountId": "111122223333",
    });
    for (_, selection) in &policy.detection.selections {
        if random.below(100) < 75 {
            meet(selection, &mut root, random);
        }
    }
    let items = items(policy);
    for _ in 0..random.below(4) {
        if !items.is_empty() {
            let item: &Item = random.pick(&items);
            damage(&item.field.keys, &mut root, random);
        }
    }
    root
}

/// All items of a rule, those of selections in lists included.
pub(crate) fn items(policy: &Policy) -> Vec<&Item> {
    fn of<'p>(selection: &'p Selection, out: &mut Vec<&'p Item>) {
        match selection {
            Selection::All(items) => out.extend(items),
            Selection::Any(parts) => parts.iter().for_each(|part| of(part, out)),
            Selection::Keywords { .. } => {}
        }
    }
    let mut out = Vec::new();
    policy.detection.selections.iter().for_each(|(_, selection)| of(selection, &mut out));
    out
}

fn meet(selection: &Selection, root: &mut Value, random: &mut Random) {
    match selection {
        Selection::All(items) => items.iter().for_each(|item| meet_item(item, root, random)),
        Selection::Any(parts) => meet(&random.pick(parts), root, random),
        Selection::Keywords { words, .. } => {
            put(root, &["requestParameters".to_owned(), "word".to_owned()], json!(words[0].written()))
        }
    }
}

fn meet_item(item: &Item, root: &mut Value, random: &mut Random) {
    let literal = random.pick(&item.values);
    let text = literal.written();
    let value = match &literal {
        _ if item.has(Modifier::Exists) => {
            if literal == Literal::Bool(true) {
                random.pick(&[json!("x"), json!(null), json!({}), json!([])])
            } else {
                return;
            }
        }
        _ if item.has(Modifier::FieldRef) => {
            let other: Vec<String> = text.split('.').map(str::to_owned).collect();
            put(root, &other, json!("same"));
            json!("same")
        }
        _ if item.has(Modifier::Cidr) => json!(text.split('/').next()),
        _ if item.has(Modifier::All) => {
            json!(item.values.iter().map(|value| plain(&value.written(), random)).collect::<Vec<_>>().join(" "))
        }
        Literal::Null => random.pick(&[json!(null), json!([null]), json!([])]),
        Literal::Bool(value) => random.pick(&[json!(value), json!(value), json!(value.to_string())]),
        Literal::Number(text) => random.pick(&[serde_json::from_str(text).unwrap(), json!(text)]),
        Literal::Map(_) => return,
        Literal::Text(text) => {
            let text = plain(text, random);
            let (before, after) = (random.pick(&["", "pre-", "É "]), random.pick(&["", "-post", "\n"]));
            json!(match item.modifiers.as_slice() {
                [Modifier::Contains, ..] => format!("{before}{text}{after}"),
                [Modifier::StartsWith, ..] => format!("{text}{after}"),
                [Modifier::EndsWith, ..] => format!("{before}{text}"),
                _ => text,
            })
        }
    };
    put(root, &item.field.keys, value);
}

/// A text that fits the pattern.
fn plain(pattern: &str, random: &mut Random) -> String {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(char) = chars.next() {
        match (char, chars.peek()) {
            ('\\', Some('*' | '?' | '\\')) => out.extend(chars.next()),
            ('*', _) => out.push_str(random.pick(&["", "x", "a/b", "é"])),
            ('?', _) => out.push('q'),
            (other, _) => out.push(other),
        }
    }
    out
}

/// Puts a value at a path; what stands in the way becomes an object.
fn put(root: &mut Value, keys: &[String], value: Value) {
    let mut at = root;
    for key in keys {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = at.as_object_mut().unwrap().entry(key.clone()).or_insert(Value::Null);
    }
    *at = value;
}

/// Changes the value at the path, or at one of the objects on the way to it.
fn damage(keys: &[String], root: &mut Value, random: &mut Random) {
    let depth = if random.below(3) == 0 { 1 + random.below(keys.len()) } else { keys.len() };
    let (last, parents) = keys[..depth].split_last().unwrap();
    let mut at = &mut *root;
    for key in parents {
        match at.get_mut(key) {
            Some(next) => at = next,
            None => return,
        }
    }
    let Some(object) = at.as_object_mut() else { return };
    let Some(old) = object.get(last).cloned() else {
        object.insert(last.clone(), random.pick(&[json!(null), json!(""), json!([]), json!({}), json!("x"), json!(0)]));
        return;
    };
    match changed(old, random) {
        Some(new) => object.insert(last.clone(), new),
        None => object.remove(last),
    };
}

fn changed(old: Value, random: &mut Random) -> Option<Value> {
    let text = old.as_str().map_or_else(|| old.to_string(), str::to_owned);
    let swapped =
        |char: char| if char.is_uppercase() { char.to_lowercase().to_string() } else { char.to_uppercase().to_string() };
    Some(match random.below(18) {
        0 => return None,
        1 => json!(null),
        2 => json!([old]),
        3 => json!(["other", old]),
        4 => json!([[old, null], 7]),
        5 => json!([]),
        6 => json!(""),
        7 => json!({"inside": old}),
        8 => json!({"document": old.to_string()}),
        9 => json!(text.chars().map(swapped).collect::<String>()),
        10 => json!(format!("{text}\n")),
        11 => json!(format!("{text} ")),
        12 => json!(text),
        13 => json!(text.replace('k', "\u{212A}").replace('s', "ſ")),
        14 => random.pick(&[json!(true), json!(false), json!(1), json!(0), json!("1"), json!("yes"), json!("no"), json!("True")]),
        15 => random.pick(&[json!(1.0), json!(22), json!(-0.5), json!(9_007_199_254_740_993_u64), json!("22.0")]),
        16 => json!([null, old]),
        _ => json!(text.chars().skip(1).collect::<String>()),
    })
}
