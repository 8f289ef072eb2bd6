//! What one call did to a resource, told from its parameters and those of the calls before it.

use std::collections::HashMap;

use assize_engine::evaluate::bounded;
use assize_engine::json::{Kind, Value};
use assize_engine::time;
use serde::Serialize;

use super::resource::{Named, Resource};
use crate::events::record::{actor, any_leaf, behind};
use crate::events::shown::Shown;

/// Parameters that are told of one call.
const PARAMETERS: usize = 500;

/// Bytes of values that are remembered with their paths, so that hostile records cannot fill the memory. What has no room is told and
/// not compared.
const REMEMBERED: usize = 16 << 20;

/// A call that names the resource. Version 1: a change of it is a version 2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// 1.
    pub(crate) version: u32,
    /// `change`, or `denied` for an attempt.
    pub(crate) kind: &'static str,
    /// Event time, RFC 3339, UTC.
    pub(crate) time: String,
    /// The account that received the record.
    pub(crate) account: String,
    /// The region.
    pub(crate) region: String,
    /// The service, without `.amazonaws.com`.
    pub(crate) service: String,
    /// The name of the event.
    pub(crate) api: String,
    /// Who called, short.
    pub(crate) actor: String,
    /// Who is behind a session of a role, where the record itself says it.
    pub(crate) behind: Option<String>,
    /// How the call was made.
    pub(crate) via: String,
    /// The caller's address, or the host of a service.
    pub(crate) address: String,
    /// The error's code.
    pub(crate) error: String,
    /// What was asked for.
    pub(crate) parameters: Vec<Parameter>,
    /// How many parameters are not told.
    pub(crate) parameters_left_out: u64,
    /// The id of the event.
    pub(crate) event_id: String,
    /// The object that holds the record.
    pub(crate) object: String,
    /// Its number there, from 0.
    pub(crate) record: u64,
}

/// A parameter of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Parameter {
    /// Keys joined by dots, places in lists in brackets.
    pub(crate) path: String,
    /// The value.
    pub(crate) value: String,
    /// What a call before set it to, if that was something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) old: Option<String>,
}

/// What is known of a resource after the calls so far. Calls are told in the order of time.
pub(crate) struct History<'r> {
    resource: &'r Resource,
    /// By service and path.
    values: HashMap<(String, String), String>,
    /// Bytes that may still be remembered.
    room: usize,
}

impl<'r> History<'r> {
    pub(crate) fn of(resource: &'r Resource) -> History<'r> {
        History { resource, values: HashMap::new(), room: REMEMBERED }
    }

    /// What a call did. A refused one changes nothing of what is known.
    pub(crate) fn tell(&mut self, shown: &Shown<'_>, denied: bool) -> Change {
        let record = &shown.record;
        let account = record.account().into_owned();
        let caller = record.caller();
        let (service, api) = (record.service(), record.api().into_owned());
        let mut found = Found { named: self.resource.within(record), parameters: Vec::new(), left_out: 0 };
        let mut of_it = false;
        for request in record.subject.root.named("requestParameters") {
            of_it |= found.is_of_it(request);
            found.flatten("", "", request);
        }
        let Found { mut parameters, left_out, .. } = found;
        if of_it && sets(&api) && !denied {
            parameters.iter_mut().for_each(|parameter| self.compare(&service, parameter));
        }
        Change {
            version: 1,
            kind: if denied { "denied" } else { "change" },
            time: time::format(record.time),
            region: record.region().into_owned(),
            service,
            api,
            actor: actor(&caller, &account),
            account,
            behind: behind(&caller),
            via: record.via(),
            address: record.text("sourceIPAddress").into_owned(),
            error: record.error().into_owned(),
            parameters,
            parameters_left_out: left_out,
            event_id: record.text("eventID").into_owned(),
            object: shown.object.to_owned(),
            record: shown.index,
        }
    }

    /// Says what a parameter was set to before, and remembers what it is set to now.
    fn compare(&mut self, service: &str, parameter: &mut Parameter) {
        let key = (service.to_owned(), parameter.path.clone());
        let size = |value: &str| service.len() + parameter.path.len() + value.len();
        let before = self.values.remove(&key);
        self.room += before.as_deref().map_or(0, size);
        if let Some(room) = self.room.checked_sub(size(&parameter.value)) {
            self.room = room;
            self.values.insert(key, parameter.value.clone());
        }
        parameter.old = before.filter(|before| *before != parameter.value);
    }
}

/// Verbs of calls that add something to a resource or take it away. Their parameters are no settings: a second rule does not
/// change the first one.
const ADDING: [&str; 20] = [
    "Add",
    "Associate",
    "Attach",
    "Authorize",
    "CreateGrant",
    "CreateTags",
    "Delete",
    "Deregister",
    "Detach",
    "Disassociate",
    "Grant",
    "Invoke",
    "PutObject",
    "Remove",
    "Retire",
    "Revoke",
    "Send",
    "Tag",
    "Terminate",
    "Untag",
];

/// Whether a call sets what its parameters say.
fn sets(api: &str) -> bool {
    // `PutObject` writes an object, `PutObjectLockConfiguration` sets something.
    !ADDING.iter().any(|verb| if *verb == "PutObject" { api == *verb } else { api.starts_with(verb) })
}

struct Found<'r> {
    named: Named<'r>,
    parameters: Vec<Parameter>,
    left_out: u64,
}

impl Found<'_> {
    /// Whether the request is one of the resource, and does not only mention it: a parameter of its own is the resource. EC2 puts
    /// the parameters of some calls into an object of that name.
    fn is_of_it(&self, request: Value<'_>) -> bool {
        let is = |(key, value): (Value<'_>, Value<'_>)| value.kind() == Kind::String && self.named.is(&key.text(), &value.text());
        if request.entries().any(is) {
            return true;
        }
        let mut entries = request.entries();
        match (entries.next(), entries.next()) {
            (Some((_, inner)), None) => inner.entries().any(is),
            _ => false,
        }
    }

    /// The values below one, each under its path. What only names the resource says nothing, and of a list in which it is named
    /// only the members that name it are about it.
    fn flatten(&mut self, path: &str, key: &str, value: Value<'_>) {
        if self.parameters.len() >= PARAMETERS {
            any_leaf(value, &mut |_| {
                self.left_out += 1;
                false
            });
            return;
        }
        match value.kind() {
            Kind::Object => {
                for (key, inner) in value.entries() {
                    let key = key.text();
                    let dot = if path.is_empty() { "" } else { "." };
                    self.flatten(&bounded(format!("{path}{dot}{key}")), &key, inner);
                }
            }
            Kind::Array => {
                let named: Vec<bool> = value.items().map(|item| self.named.is_in(key, item)).collect();
                let all = !named.contains(&true);
                for ((number, item), named) in value.items().enumerate().zip(named) {
                    if all || named {
                        self.flatten(&bounded(format!("{path}[{number}]")), key, item);
                    }
                }
            }
            Kind::Null => {}
            // S3 puts the host that the request went to among the parameters.
            _ if path == "Host" || self.named.is(key, &value.text()) => {}
            _ => self.parameters.push(Parameter { path: path.to_owned(), value: value.text().into_owned(), old: None }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::example;

    fn told(calls: &[(&str, &str)]) -> Vec<Vec<String>> {
        let resource = Resource::of("main").unwrap();
        let mut history = History::of(&resource);
        let line = |parameter: &Parameter| match &parameter.old {
            Some(old) => format!("{}: {old} → {}", parameter.path, parameter.value),
            None => format!("{}: {}", parameter.path, parameter.value),
        };
        let tell = |(api, request): &(&str, &str)| {
            let text = example::RECORD
                .replace("StopLogging", api.trim_start_matches('!'))
                .replace(r#"{"name":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"}"#, request);
            let change = example::with(&text, |record| {
                history.tell(&Shown { record: *record, object: "o", index: 0 }, api.starts_with('!'))
            });
            change.parameters.iter().map(line).collect()
        };
        calls.iter().map(tell).collect()
    }

    #[test]
    fn a_value_that_an_earlier_call_set_stands_before_the_new_one() {
        let told = told(&[
            ("CreateTrail", r#"{"name":"main","isMultiRegionTrail":true,"s3BucketName":"logs"}"#),
            ("!UpdateTrail", r#"{"name":"main","isMultiRegionTrail":"denied"}"#),
            ("UpdateTrail", r#"{"name":"main","isMultiRegionTrail":false,"s3BucketName":"logs"}"#),
            ("UpdateTrail", r#"{"name":"main","isMultiRegionTrail":true,"x":null}"#),
        ]);
        assert_eq!(
            told,
            [
                vec!["isMultiRegionTrail: true", "s3BucketName: logs"],
                vec!["isMultiRegionTrail: denied"],
                vec!["isMultiRegionTrail: true → false", "s3BucketName: logs"],
                vec!["isMultiRegionTrail: false → true"],
            ]
        );
    }

    #[test]
    fn what_is_added_does_not_replace_what_was_added() {
        let told = told(&[
            ("AuthorizeSecurityGroupIngress", r#"{"groupId":"main","port":22}"#),
            ("AuthorizeSecurityGroupIngress", r#"{"groupId":"main","port":80}"#),
            ("PutObject", r#"{"bucketName":"main","key":"a"}"#),
            ("PutObjectLockConfiguration", r#"{"bucketName":"main","key":"b"}"#),
        ]);
        assert_eq!(told, [["port: 22"], ["port: 80"], ["key: a"], ["key: b"]]);
    }

    #[test]
    fn of_a_list_only_the_members_that_name_it_are_told() {
        let told = told(&[
            ("Modify", r#"{"id":"main","set":{"items":[{"id":"other","n":1},{"id":"main","n":2}]},"zones":["a","b"]}"#),
            ("Modify", r#"{"id":"main","set":{"items":[{"id":"other","n":3},{"id":"main","n":4}]},"zones":["a","c"]}"#),
        ]);
        let first = vec!["set.items[1].n: 2", "zones[0]: a", "zones[1]: b"];
        assert_eq!(told, [first, vec!["set.items[1].n: 2 → 4", "zones[0]: a", "zones[1]: b → c"]]);
    }

    #[test]
    fn what_only_mentions_it_sets_nothing_of_it() {
        let told = told(&[
            ("RunInstances", r#"{"instanceType":"a","groupSet":{"items":[{"groupId":"main"}]}}"#),
            ("RunInstances", r#"{"instanceType":"b","groupSet":{"items":[{"groupId":"main"}]}}"#),
            ("ModifyRules", r#"{"ModifyRulesRequest":{"GroupId":"main","n":1}}"#),
            (
                "ModifyRules",
                r#"{"ModifyRulesRequest":{"GroupId":"arn:aws:ec2:eu-west-1:111122223333:security-group/main","n":2}}"#,
            ),
        ]);
        let told: Vec<&str> = told.iter().flatten().map(String::as_str).collect();
        assert_eq!(told, ["instanceType: a", "instanceType: b", "ModifyRulesRequest.n: 1", "ModifyRulesRequest.n: 1 → 2"]);
    }

    #[test]
    fn hostile_requests_are_bounded() {
        let many: Vec<String> = (0..PARAMETERS + 7).map(|number| format!("\"k{number}\":{number}")).collect();
        let request = format!("{{{}}}", many.join(","));
        let text = example::RECORD.replace(r#"{"name":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"}"#, &request);
        let resource = Resource::of("main").unwrap();
        let change =
            example::with(&text, |record| History::of(&resource).tell(&Shown { record: *record, object: "o", index: 0 }, false));
        assert_eq!((change.parameters.len(), change.parameters_left_out), (PARAMETERS, 7));
        let mut history = History::of(&resource);
        for number in 0..40 {
            let value = number.to_string().repeat(1 << 20);
            let mut parameter = Parameter { path: format!("p{}", number % 20), value, old: None };
            history.compare("s", &mut parameter);
        }
        let kept: usize = history.values.iter().map(|((service, path), value)| service.len() + path.len() + value.len()).sum();
        assert!(kept + history.room == REMEMBERED && history.values.len() > 5, "{kept}");
        let deep = format!("{}1{}", r#"{"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkk":"#.repeat(100), "}".repeat(100));
        let text = example::RECORD.replace(r#"{"name":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"}"#, &deep);
        let change = example::with(&text, |record| history.tell(&Shown { record: *record, object: "o", index: 0 }, false));
        assert!(change.parameters.len() == 1 && change.parameters[0].path.len() <= 1_000, "{:?}", change.parameters);
    }
}
