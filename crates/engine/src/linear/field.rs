//! Finds what a field holds: the leaves that its path leads to, whether it is there at all, and whether AWS left out
//! content in which it would stand. Also works out the fields that Assize derives.

use super::Record;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime};

use super::tree::Json;
use super::value::cloudtrail_time;
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
    /// What decides was left out by AWS, or neither the account list nor the calendar has it.
    Unknown,
    Value(String),
}

impl Derived {
    fn known(value: Option<String>) -> Derived {
        value.map_or(Derived::Missing, Derived::Value)
    }
}

fn derived(keys: &[String], root: &Json, accounts: &AccountList) -> Derived {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    match keys.as_slice() {
        ["outcome"] => outcome(root),
        ["via"] => Derived::known(via(root).map(str::to_owned)),
        ["account", rest @ ..] => account(rest, root, accounts),
        ["caller", rest @ ..] => caller(rest, root, accounts),
        ["calendar", what @ ("working-time" | "day" | "holiday")] => calendar(what, root, accounts).unwrap_or(Derived::Unknown),
        _ => Derived::No,
    }
}

/// Of the account that received the record, else the caller's.
fn account(what: &[&str], root: &Json, accounts: &AccountList) -> Derived {
    let received = first_text(root, "recipientAccountId");
    let hidden = received.is_none() && root.first("userIdentity").is_some_and(Json::is_omitted);
    let id = received.or(caller_id(root));
    match what {
        ["id"] if hidden => Derived::Unknown,
        ["id"] => Derived::known(id.map(str::to_owned)),
        // An account that is not in the list may be anything.
        ["name"] | ["env"] | ["tags", _] => of_list(what, accounts.get(id.unwrap_or("unknown"))),
        _ => Derived::No,
    }
}

/// Of the account that the caller belongs to. A caller without one has no name, environment or tags either.
fn caller(what: &[&str], root: &Json, accounts: &AccountList) -> Derived {
    if !matches!(what, ["account"] | ["known"] | ["name"] | ["env"] | ["tags", _]) {
        return Derived::No;
    }
    if root.first("userIdentity").is_some_and(Json::is_omitted) {
        return Derived::Unknown;
    }
    let Some(id) = caller_id(root) else { return Derived::Missing };
    match what {
        ["account"] => Derived::Value(id.to_owned()),
        ["known"] => accounts.knows(id).map_or(Derived::Unknown, |known| Derived::Value(known.to_string())),
        _ => of_list(what, accounts.get(id)),
    }
}

fn of_list(what: &[&str], facts: Option<&AccountFacts>) -> Derived {
    let Some(facts) = facts else { return Derived::Unknown };
    Derived::known(match what {
        ["name"] => Some(facts.name.clone()).filter(|name| !name.is_empty()),
        ["env"] => Some(facts.env.clone()).filter(|env| !env.is_empty()),
        [_, tag] => facts.tags.get(*tag).cloned(),
        _ => None,
    })
}

fn caller_id(root: &Json) -> Option<&str> {
    root.first("userIdentity").and_then(|identity| identity.first_string("accountId"))
}

/// The first member of this name that is a string.
fn first_text<'a>(root: &'a Json, name: &str) -> Option<&'a str> {
    root.members(name).into_iter().find_map(|value| match value {
        Json::String(text) => Some(text.as_str()),
        _ => None,
    })
}

/// Goes by civil dates and times, not by seconds. `None` if there is no calendar, no time, or no knowledge of that day.
fn calendar(what: &str, root: &Json, accounts: &AccountList) -> Option<Derived> {
    let calendar = accounts.calendar()?;
    let time = cloudtrail_time(first_text(root, "eventTime")?)?;
    let local: DateTime = time.checked_add(i64::from(calendar.offset_seconds).seconds()).ok()?;
    let date_of = |day: i64| Date::constant(1970, 1, 1).checked_add(day.days()).ok();
    let known = date_of(*calendar.known.start())?..=date_of(*calendar.known.end())?;
    if !known.contains(&local.date()) {
        return None;
    }
    let holiday = calendar.holidays.iter().find(|(day, _)| date_of(**day) == Some(local.date())).map(|(_, name)| name);
    let worked = *calendar.working_days.get(usize::try_from(local.weekday().to_monday_zero_offset()).ok()?)?;
    let clock = i64::from(local.hour()) * 3_600 + i64::from(local.minute()) * 60 + i64::from(local.second());
    let within = i64::from(calendar.hours.start) <= clock && clock < i64::from(calendar.hours.end);
    Some(match what {
        "holiday" => Derived::known(holiday.cloned()),
        "day" if holiday.is_some() => Derived::Value("holiday".to_owned()),
        "day" => Derived::Value(if worked { "working-day" } else { "weekend" }.to_owned()),
        _ => Derived::Value((holiday.is_none() && worked && within).to_string()),
    })
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
