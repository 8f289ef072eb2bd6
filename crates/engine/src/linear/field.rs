//! Finds what a field holds: the leaves that its path leads to, whether it is there at all, and whether AWS left out
//! content in which it would stand. Also works out the fields that Assize derives.

use super::Record;
use super::tree::Json;
use crate::policy::FieldPath;
use crate::record::{AccountFacts, AccountList};

/// Where a path begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start<'a> {
    /// At the top of a record, where derived fields and omitted content exist.
    Top(&'a Record, &'a AccountList),
    /// At an element of a same-element map, where neither does.
    Element(&'a Json),
}

/// What a path led to.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// Scalars, nulls and objects. Arrays are taken apart.
    pub(super) leaves: Vec<Json>,
    /// The field is there, whatever it holds.
    pub(super) present: bool,
    /// The field, or what it holds, may have been left out by AWS.
    pub(super) unknown: bool,
}

/// Follows a path.
pub(super) fn reach(path: &FieldPath, start: Start<'_>) -> Reached {
    let mut reached = Reached::default();
    let (record, accounts) = match start {
        Start::Top(record, accounts) => (record, accounts),
        Start::Element(element) => {
            follow(element, &path.keys, &mut reached);
            return reached;
        }
    };
    match derived(&path.keys, &record.root, accounts) {
        Derived::No => {}
        Derived::Value(text) => {
            reached.present = true;
            reached.leaves.push(Json::String(text));
            return reached;
        }
        Derived::Missing => return reached,
        Derived::Unknown => {
            reached.unknown = true;
            return reached;
        }
    }
    let Some((first, rest)) = path.keys.split_first() else { return reached };
    for value in record.root.members(first) {
        if value.is_omitted() {
            reached.unknown = true;
            reached.present = reached.present || rest.is_empty();
        } else {
            follow(value, rest, &mut reached);
        }
    }
    reached
}

fn follow(value: &Json, keys: &[String], reached: &mut Reached) {
    match (value, keys.split_first()) {
        (Json::Array(items), rest) => {
            if rest.is_none() {
                reached.present = true;
            }
            for item in items {
                follow(item, keys, reached);
            }
        }
        (leaf, None) => {
            reached.present = true;
            reached.leaves.push(leaf.clone());
        }
        (object, Some((key, rest))) => {
            for member in object.members(key) {
                follow(member, rest, reached);
            }
        }
    }
}

enum Derived {
    /// The path names no derived field.
    No,
    /// It does, and this record has none.
    Missing,
    /// What decides was left out by AWS, or the account list does not know the account.
    Unknown,
    Value(String),
}

fn derived(keys: &[String], root: &Json, accounts: &AccountList) -> Derived {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let known = |value: Option<String>| value.map_or(Derived::Missing, Derived::Value);
    match keys.as_slice() {
        ["outcome"] => outcome(root),
        ["via"] => known(via(root).map(str::to_owned)),
        ["account", rest @ ..] if matches!(rest, ["name"] | ["env"] | ["tags", _]) => match account(root, accounts) {
            // An account that is not in the list may be anything.
            None => Derived::Unknown,
            Some(facts) => known(match rest {
                ["name"] => Some(facts.name.clone()).filter(|name| !name.is_empty()),
                ["env"] => Some(facts.env.clone()).filter(|env| !env.is_empty()),
                [_, tag] => facts.tags.get(*tag).cloned(),
                _ => None,
            }),
        },
        _ => Derived::No,
    }
}

/// The account that received the record, else the caller's.
fn account<'a>(root: &Json, accounts: &'a AccountList) -> Option<&'a AccountFacts> {
    let received = root.members("recipientAccountId").into_iter().find_map(|value| match value {
        Json::String(text) => Some(text.as_str()),
        _ => None,
    });
    let caller = root.first("userIdentity").and_then(|identity| identity.first_string("accountId"));
    accounts.get(received.or(caller).unwrap_or("unknown"))
}

fn outcome(root: &Json) -> Derived {
    let code = match root.first("errorCode") {
        None | Some(Json::Null) => return without_error(root),
        Some(value) => value.scalar().unwrap_or_default().to_lowercase(),
    };
    let denied = code.starts_with("accessdenied")
        || code.ends_with("unauthorizedoperation")
        || code.contains("notauthorized")
        || code == "vpceaccessdenied";
    let throttled = code.starts_with("throttling")
        || code.ends_with("requestlimitexceeded")
        || code == "slowdown"
        || code.starts_with("toomanyrequests");
    let word = if denied {
        "denied"
    } else if throttled {
        "throttled"
    } else if code == "success" {
        "success"
    } else {
        "failed"
    };
    Derived::Value(word.to_owned())
}

/// A failed sign-in has no error code; its response tells.
fn without_error(root: &Json) -> Derived {
    let response = root.first("responseElements");
    let signing_in = root.first_string("eventName") == Some("ConsoleLogin");
    if signing_in && response.is_some_and(Json::is_omitted) {
        return Derived::Unknown;
    }
    let failed = signing_in && response.and_then(|response| response.first_string("ConsoleLogin")) == Some("Failure");
    Derived::Value(if failed { "failed" } else { "success" }.to_owned())
}

fn via(root: &Json) -> Option<&'static str> {
    let identity = root.first("userIdentity").unwrap_or(&Json::Null);
    let event_type = root.first_string("eventType").unwrap_or_default();
    if identity.first("invokedBy").is_some_and(|by| *by != Json::Null)
        || identity.first_string("type") == Some("AWSService")
        || event_type == "AwsServiceEvent"
    {
        return Some("service");
    }
    let from_console = root.first("sessionCredentialFromConsole").and_then(Json::scalar).as_deref() == Some("true");
    if from_console || event_type == "AwsConsoleSignIn" || event_type == "AwsConsoleAction" {
        return Some("console");
    }
    let agent = root.first_string("userAgent")?.to_lowercase();
    let begins = |heads: &[&str]| heads.iter().any(|head| agent.starts_with(head));
    if begins(&["mozilla/", "console.", "signin.", "s3console", "[s3console"]) {
        return Some("console");
    }
    if ["terraform", "pulumi", "ansible", "crossplane"].iter().any(|tool| agent.contains(tool)) {
        return Some("third-party");
    }
    if begins(&["aws-cli/", "[aws-cli/"]) {
        return Some("cli");
    }
    if begins(&["aws-sdk-", "[aws-sdk-", "boto", "[boto", "aws_sdk"]) {
        return Some("sdk");
    }
    Some("third-party")
}
