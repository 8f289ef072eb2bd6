//! Finds the values of a field: keys into objects, any member of an array at any step, every key that stands twice.

use std::borrow::Cow;

use super::{Scope, Subject};
use crate::calendar::Moment;
use crate::json::{Kind, Value};
use crate::pattern::TextPattern;
use crate::policy::{FieldPath, Truth};
use crate::record::top::{self, TopField};
use crate::record::{AccountFacts, AccountList, Derived, Doubled, Facts, Listed, Origin, is_omitted, outcome, via};
use crate::time;

/// A path made ready.
#[derive(Debug)]
pub(super) struct Path {
    keys: Vec<String>,
    /// The first key, if it is a field of CloudTrail's.
    top: Option<TopField>,
    derived: Option<Derived>,
}

/// A value that a path leads to. Arrays are taken apart, so a leaf is a scalar, null or an object.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leaf<'a> {
    Json(Value<'a>),
    /// A derived field.
    Text(&'a str),
}

impl Leaf<'_> {
    pub(super) fn kind(self) -> Kind {
        match self {
            Leaf::Json(value) => value.kind(),
            Leaf::Text(_) => Kind::String,
        }
    }

    pub(super) fn is_scalar(self) -> bool {
        !matches!(self.kind(), Kind::Object | Kind::Array | Kind::Null)
    }
}

/// What following a path met, besides the leaves.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// The field is there, whatever its value.
    pub(super) present: bool,
    /// AWS omitted content in which the field, or its value, would stand.
    pub(super) unknown: bool,
}

/// Receives leaves; returns true to stop.
type Visit<'v, 'a> = &'v mut dyn FnMut(Leaf<'a>) -> bool;

impl Path {
    pub(super) fn new(path: &FieldPath) -> Path {
        Path {
            top: path.keys.first().and_then(|key| TopField::of(key.as_bytes())),
            keys: path.keys.clone(),
            derived: Derived::of(&path.keys),
        }
    }

    /// The top-level field whose value alone decides where the path leads, as long as no field stands twice; `None` for a
    /// derived field, and for one that is none of CloudTrail's.
    pub(super) fn only_field(&self) -> Option<TopField> {
        self.top.filter(|_| self.derived.is_none())
    }

    /// Whether the path is the derived field `outcome`.
    pub(super) fn is_outcome(&self) -> bool {
        self.derived == Some(Derived::Outcome)
    }

    /// Shows every value of the field to `visit`, until it returns true.
    pub(super) fn visit<'a>(&self, scope: Scope<'a>, accounts: &'a AccountList, visit: Visit<'_, 'a>) -> Found {
        let mut found = Found::default();
        match (scope, self.derived) {
            (Scope::Record(subject), Some(derived)) => match self.derive(derived, subject, accounts) {
                Ok(Some(leaf)) => {
                    found.present = true;
                    visit(leaf);
                }
                Ok(None) => {}
                Err(Undecided) => found.unknown = true,
            },
            (Scope::Record(subject), None) => {
                let Some((first, rest)) = self.keys.split_first() else { return found };
                let mut one = |value, omitted: bool| {
                    if omitted {
                        found.unknown = true;
                        found.present |= rest.is_empty();
                        return false;
                    }
                    walk(value, rest, &mut found, visit)
                };
                match self.top.map(|top| (top, subject.facts.only(top))) {
                    Some((_, Ok(None))) => {}
                    Some((top, Ok(Some(value)))) => {
                        one(value, subject.facts.is_omitted(top, value));
                    }
                    // Some field stands twice, or the key is none of CloudTrail's: every entry is looked at.
                    Some((_, Err(Doubled))) | None => {
                        subject.root.named(first).any(|value| one(value, is_omitted(value)));
                    }
                }
            }
            (Scope::Element(value), _) => {
                walk(value, &self.keys, &mut found, visit);
            }
        }
        found
    }

    fn derive<'a>(
        &self,
        derived: Derived,
        subject: &Subject<'a>,
        accounts: &'a AccountList,
    ) -> Result<Option<Leaf<'a>>, Undecided> {
        let facts = &subject.facts;
        let text = Ok(match derived {
            Derived::Outcome => {
                let code = facts.first(top::ERROR_CODE).filter(|code| code.kind() != Kind::Null).map(error_code);
                let failed = code.is_none() && console_login_failed(facts)?;
                Some(outcome(code.as_deref(), failed))
            }
            Derived::Via => via(&origin(facts)),
            Derived::AccountId => return Ok(receiver(facts)?.map(Leaf::Json)),
            // An account that the list does not know is not "not prod": it cannot be told.
            Derived::Account(what) => self.listed(what, accounts.get(&facts.account_id()).ok_or(Undecided)?),
            Derived::CallerId => return Ok(caller(facts)?.map(Leaf::Json)),
            Derived::CallerKnown => match caller(facts)? {
                Some(id) => Some(word(accounts.knows(&id.text()).ok_or(Undecided)?)),
                None => None,
            },
            Derived::Caller(what) => match caller(facts)? {
                Some(id) => self.listed(what, accounts.get(&id.text()).ok_or(Undecided)?),
                None => None,
            },
            Derived::WorkingTime => Some(word(moment(facts, accounts)?.working)),
            Derived::Day => Some(moment(facts, accounts)?.day.name()),
            Derived::Holiday => moment(facts, accounts)?.holiday,
        });
        text.map(|text| text.map(Leaf::Text))
    }

    fn listed<'a>(&self, what: Listed, account: &'a AccountFacts) -> Option<&'a str> {
        match what {
            Listed::Name => Some(account.name.as_str()).filter(|name| !name.is_empty()),
            Listed::Env => Some(account.env.as_str()).filter(|env| !env.is_empty()),
            Listed::Tag => account.tags.get(self.keys.last()?).map(String::as_str),
        }
    }
}

/// What decides was omitted by AWS, or is not known of the account or the calendar.
struct Undecided;

fn word(truth: bool) -> &'static str {
    if truth { "true" } else { "false" }
}

/// The account that received the record, or else the caller's.
fn receiver<'a>(facts: &Facts<'a>) -> Result<Option<Value<'a>>, Undecided> {
    match facts.account() {
        None if identity_omitted(facts) => Err(Undecided),
        account => Ok(account),
    }
}

/// The account that the call was made from. Services and some federated callers have none.
fn caller<'a>(facts: &Facts<'a>) -> Result<Option<Value<'a>>, Undecided> {
    if identity_omitted(facts) { Err(Undecided) } else { Ok(facts.caller_account()) }
}

fn identity_omitted(facts: &Facts<'_>) -> bool {
    facts.first(top::IDENTITY).is_some_and(is_omitted)
}

/// What the calendar says of the time of the record.
fn moment<'a>(facts: &Facts<'_>, accounts: &'a AccountList) -> Result<Moment<'a>, Undecided> {
    let calendar = accounts.calendar().ok_or(Undecided)?;
    let time = facts.text(top::TIME).and_then(|text| time::parse(&text)).ok_or(Undecided)?;
    calendar.at(time).ok_or(Undecided)
}

/// An error code that is no scalar is an error of no known kind.
fn error_code(code: Value<'_>) -> Cow<'_, str> {
    if matches!(code.kind(), Kind::Object | Kind::Array) { Cow::Borrowed("") } else { code.text() }
}

fn console_login_failed(facts: &Facts<'_>) -> Result<bool, Undecided> {
    if first_text(facts, top::NAME).as_deref() != Some("ConsoleLogin") {
        return Ok(false);
    }
    match facts.first(top::RESPONSE) {
        Some(response) if is_omitted(response) => Err(Undecided),
        Some(response) => Ok(response.get_text("ConsoleLogin").as_deref() == Some("Failure")),
        None => Ok(false),
    }
}

fn origin<'a>(facts: &Facts<'a>) -> Origin<'a> {
    let identity = facts.first(top::IDENTITY);
    Origin {
        invoked_by: identity.and_then(|identity| identity.get("invokedBy")).is_some_and(|by| by.kind() != Kind::Null),
        identity_type: identity.and_then(|identity| identity.get_text("type")).unwrap_or(Cow::Borrowed("")),
        event_type: first_text(facts, top::EVENT_TYPE).unwrap_or(Cow::Borrowed("")),
        from_console: facts.first(top::FROM_CONSOLE).is_some_and(|value| value.text() == "true"),
        user_agent: first_text(facts, top::USER_AGENT),
    }
}

/// The first value of the field, if it is a string.
fn first_text<'a>(facts: &Facts<'a>, field: TopField) -> Option<Cow<'a, str>> {
    facts.first(field).filter(|value| value.kind() == Kind::String).map(|value| value.text())
}

/// Follows the keys; returns true when `visit` asked to stop.
fn walk<'a>(value: Value<'a>, keys: &[String], found: &mut Found, visit: Visit<'_, 'a>) -> bool {
    if value.kind() == Kind::Array {
        found.present |= keys.is_empty();
        return value.items().any(|item| walk(item, keys, found, visit));
    }
    let Some((key, rest)) = keys.split_first() else {
        found.present = true;
        return visit(Leaf::Json(value));
    };
    value.named(key).any(|child| walk(child, rest, found, visit))
}

/// Whether any value of the record contains the word. Keys are not searched.
pub(super) fn keyword(word: &TextPattern, scope: Scope<'_>) -> Truth {
    let (root, top) = match scope {
        Scope::Record(subject) => (subject.root, true),
        Scope::Element(value) => (value, false),
    };
    if holds(root, word) {
        return Truth::True;
    }
    let omitted = top && root.entries().any(|(_, value)| is_omitted(value));
    if omitted { Truth::Unknown } else { Truth::False }
}

fn holds(value: Value<'_>, word: &TextPattern) -> bool {
    match value.kind() {
        Kind::Array => value.items().any(|item| holds(item, word)),
        Kind::Object => value.entries().any(|(_, item)| holds(item, word)),
        Kind::Null => false,
        Kind::Bool | Kind::Number | Kind::String => word.matches(&value.text()),
    }
}
