//! Makes a policy of a record: a selection of the call, how it ended, and tests that show what matches and what does not.

use assize_engine::record::RecordKind;
use serde_json::{Map, Value};

use super::super::literally;
use super::DraftError;
use super::replaced::Replacing;
use crate::role::text::Tree;
use crate::role::yaml;

/// Most fields of the request that are shown.
const SHOWN: usize = 6;

const HEAD: &str = "\
# Begun by `assize policy new` from a CloudTrail record: title, description, level and remediation are for you to write.
# In the tests every account id, ARN, name, address, key and whatever else is not known to be a word of AWS is replaced by a value
# for documentation (111122223333, alice, 192.0.2.1, example), so that nothing of a real account gets into a repository. Look
# through them all the same before you commit them.
";

/// The record that a policy is begun from.
pub(super) struct Source {
    /// Its fields.
    pub(super) record: Map<String, Value>,
    /// Its kind.
    pub(super) kind: RecordKind,
    /// The derived field `outcome`, if it can be told.
    pub(super) outcome: Option<String>,
}

type Fields = Vec<(String, Tree)>;

/// The policy as YAML.
///
/// # Errors
/// The record names no call.
pub(super) fn policy(source: &Source, id: Option<&str>) -> Result<String, DraftError> {
    let mut call = Fields::new();
    for field in ["eventSource", "eventName"] {
        if let Some(text) = source.text(field) {
            call.push((field.to_owned(), Tree::text(literally(text))));
        }
    }
    if call.is_empty() {
        return Err(DraftError::NoCall);
    }
    if source.kind == RecordKind::NetworkActivity {
        call.push(("eventCategory".to_owned(), Tree::text("NetworkActivity")));
    }
    let event = event(source);
    let mut out = vec![HEAD.to_owned(), yaml::write(&Tree::Map(head(source, id)))];
    out.push("logsource: {product: aws, service: cloudtrail}\ndetection:\n".to_owned());
    out.push(indented(&Tree::map([("call", Tree::Map(call))])));
    out.extend(narrower(&event).map(|fields| format!("  # Narrow it by what the request says, for example by {fields}.\n")));
    let ended = source.outcome.as_deref().map(|outcome| Tree::map([("ended", Tree::map([("outcome", Tree::text(outcome))]))]));
    out.extend(ended.iter().map(indented));
    out.push(format!("  condition: {}\n", if ended.is_some() { "call and ended" } else { "call" }));
    out.extend(needs(source).iter().map(yaml::write));
    let show = ["eventTime", "userIdentity.arn", "sourceIPAddress"].map(str::to_owned).into_iter().chain(paths(&event));
    let lists = [("group-by", texts(["userIdentity.arn".to_owned()])), ("show", texts(show.take(3 + SHOWN)))];
    out.push(yaml::write(&Tree::map(lists)));
    out.push(yaml::write(&Tree::map([
        ("remediation", Tree::text("Say here what the owner of the account does about it.")),
        ("tests", Tree::List(tests(source, &event))),
    ])));
    Ok(out.concat())
}

impl Source {
    fn text(&self, field: &str) -> Option<&str> {
        self.record.get(field).and_then(Value::as_str)
    }
}

fn head(source: &Source, id: Option<&str>) -> Fields {
    let name = source.text("eventName").or_else(|| source.text("eventSource")).unwrap_or_default();
    let id = id.map_or_else(|| kebab(name), str::to_owned);
    let ended = match source.outcome.as_deref() {
        Some("success") => " and succeeded",
        Some("denied") => " and was denied",
        Some("throttled") => " and was throttled",
        Some(_) => " and failed",
        None => "",
    };
    let Tree::Map(fields) = Tree::map([
        ("id", Tree::Text(id)),
        ("title", Tree::Text(format!("{name} was called{ended}"))),
        ("status", Tree::text("experimental")),
        ("description", Tree::text("Say here why it matters, and what the policy does not see.")),
        ("level", Tree::text("low")),
    ]) else {
        return Fields::new();
    };
    fields
}

/// `CreateDBInstance` as `create-db-instance`.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    let chars: Vec<char> = name.chars().take(80).collect();
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let after = chars.get(at + 1);
        // A word begins at an upper-case letter after a lower-case one, and at the last of several.
        let begins = c.is_ascii_uppercase()
            && (before.is_some_and(|before| !before.is_ascii_uppercase()) || after.is_some_and(char::is_ascii_lowercase));
        if !c.is_ascii_alphanumeric() || begins {
            out.push('-');
        }
        out.extend(c.is_ascii_alphanumeric().then(|| c.to_ascii_lowercase()));
    }
    let words: Vec<&str> = out.split('-').filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "new-policy".to_owned() } else { words.join("-") }
}

/// What the trail has to record, where event names do not tell it.
fn needs(source: &Source) -> Option<Tree> {
    if source.kind != RecordKind::Data {
        return None;
    }
    let mut needs = vec![("category".to_owned(), Tree::text("data"))];
    if let Some(reads) = source.record.get("readOnly").and_then(Value::as_bool) {
        needs.push(("read-write".to_owned(), Tree::text(if reads { "read" } else { "write" })));
    }
    let resources = source.record.get("resources").and_then(Value::as_array).into_iter().flatten();
    let mut types: Vec<String> =
        resources.filter_map(|one| one.get("type")?.as_str()).filter(|name| is_resource_type(name)).map(str::to_owned).collect();
    types.sort();
    types.dedup();
    if !types.is_empty() {
        needs.push(("resources".to_owned(), texts(types)));
    }
    Some(Tree::map([("needs", Tree::Map(needs))]))
}

/// `AWS::S3::Object`.
fn is_resource_type(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    name.starts_with("AWS::") && name.split("::").count() == 3 && name.split("::").all(part)
}

/// The record as a test's event: what a policy may ask for, with documentation values.
fn event(source: &Source) -> Fields {
    let mut replacing = Replacing::new(source.text("recipientAccountId"));
    let mut fields = Fields::new();
    let category = match source.kind {
        RecordKind::Data => Some("Data"),
        RecordKind::NetworkActivity => Some("NetworkActivity"),
        RecordKind::Management | RecordKind::Insight | RecordKind::Aggregated => None,
    };
    let mut put = |field: &str, value: Option<Tree>| fields.extend(value.map(|value| (field.to_owned(), value)));
    put("eventCategory", category.map(Tree::text));
    for field in ["eventSource", "eventName"] {
        put(field, source.text(field).map(Tree::text));
    }
    put("errorCode", error_code(source));
    put("awsRegion", source.text("awsRegion").and_then(|region| replacing.region(region)).map(Tree::Text));
    put("recipientAccountId", source.text("recipientAccountId").map(|id| Tree::Text(replacing.account(id))));
    put("sourceIPAddress", source.text("sourceIPAddress").map(|address| Tree::Text(replacing.caller(address))));
    put("userIdentity", source.record.get("userIdentity").and_then(|identity| replacing.identity(identity)));
    put("requestParameters", source.record.get("requestParameters").and_then(|request| replacing.request(request)));
    if is_sign_in(source) {
        put("responseElements", source.outcome.as_deref().map(sign_in));
        let used = source.record.get("additionalEventData").and_then(|data| data.get("MFAUsed")).and_then(Value::as_str);
        let used = used.filter(|used| ["Yes", "No"].contains(used));
        put("additionalEventData", used.map(|used| Tree::map([("MFAUsed", Tree::text(used))])));
    }
    fields
}

/// The code itself if it looks like one of AWS's, else one that ends the same way.
fn error_code(source: &Source) -> Option<Tree> {
    let known = |code: &&str| {
        code.starts_with(|c: char| c.is_ascii_uppercase())
            && code.len() <= 64
            && code.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'.')
    };
    let another = match source.outcome.as_deref() {
        Some("denied") => Some("AccessDenied"),
        Some("throttled") => Some("ThrottlingException"),
        Some("failed") if !is_sign_in(source) => Some("ValidationException"),
        _ => None,
    };
    source.text("errorCode").filter(known).or(another).map(Tree::text)
}

/// Whether the response tells how it ended.
fn is_sign_in(source: &Source) -> bool {
    source.text("eventName") == Some("ConsoleLogin")
}

fn sign_in(outcome: &str) -> Tree {
    Tree::map([("ConsoleLogin", Tree::text(if outcome == "success" { "Success" } else { "Failure" }))])
}

fn tests(source: &Source, event: &Fields) -> Vec<Tree> {
    let test = |name: &str, event: Fields, expect: &str| {
        Tree::map([("name", Tree::text(name)), ("event", Tree::Map(event)), ("expect", Tree::text(expect))])
    };
    let mut tests = vec![test("the call that it was begun from", event.clone(), "match")];
    match source.outcome.as_deref() {
        Some("success") => {
            tests.push(test("it was denied", with(event, "errorCode", Some(Tree::text("AccessDenied"))), "no-match"));
        }
        Some(_) => {
            let good = with(event, "errorCode", None);
            let good = if is_sign_in(source) { with(&good, "responseElements", Some(sign_in("success"))) } else { good };
            tests.push(test("it succeeded", good, "no-match"));
        }
        None => {}
    }
    for (field, others, name) in [
        ("eventName", ["AnotherCall", "YetAnotherCall"], "another call"),
        ("eventSource", ["example.amazonaws.com", "example2.amazonaws.com"], "another service's call of this name"),
    ] {
        let Some(own) = source.text(field) else { continue };
        let other = if own.eq_ignore_ascii_case(others[0]) { others[1] } else { others[0] };
        tests.push(test(name, with(event, field, Some(Tree::text(other))), "no-match"));
    }
    tests
}

/// The event with another value in one field, or without it.
fn with(event: &Fields, field: &str, value: Option<Tree>) -> Fields {
    let mut changed = event.clone();
    let at = changed.iter().position(|(key, _)| key == field);
    match (at, value) {
        (Some(at), Some(value)) => changed.splice(at..=at, [(field.to_owned(), value)]).for_each(drop),
        (Some(at), None) => drop(changed.remove(at)),
        (None, Some(value)) => changed.push((field.to_owned(), value)),
        (None, None) => {}
    }
    changed
}

/// Paths of the request's values that are left in the event.
fn paths(event: &Fields) -> Vec<String> {
    fn walk(path: &str, value: &Tree, found: &mut Vec<String>) {
        match value {
            Tree::Map(entries) => entries.iter().for_each(|(key, value)| walk(&format!("{path}.{key}"), value, found)),
            Tree::List(entries) => entries.iter().for_each(|value| walk(path, value, found)),
            Tree::Text(_) | Tree::Number(_) | Tree::Flag(_) if !found.iter().any(|known| known == path) => {
                found.push(path.to_owned());
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    event.iter().filter(|(key, _)| key == "requestParameters").for_each(|(key, value)| walk(key, value, &mut found));
    found
}

fn narrower(event: &Fields) -> Option<String> {
    let paths = paths(event);
    (!paths.is_empty()).then(|| paths.into_iter().take(2).collect::<Vec<_>>().join(" and "))
}

fn texts(texts: impl IntoIterator<Item = String>) -> Tree {
    Tree::List(texts.into_iter().map(Tree::Text).collect())
}

fn indented(tree: &Tree) -> String {
    yaml::write(tree).lines().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_of_the_words_of_a_name() {
        for (name, expected) in [
            ("CreateDBInstance", "create-db-instance"),
            ("GetCallerIdentity", "get-caller-identity"),
            ("PutBucketPublicAccessBlock", "put-bucket-public-access-block"),
            ("CreateFunction20150331", "create-function20150331"),
            ("a: 'b'\n- c", "a-b-c"),
            ("ログ", "new-policy"),
            ("", "new-policy"),
        ] {
            assert_eq!(kebab(name), expected, "{name}");
        }
    }
}
