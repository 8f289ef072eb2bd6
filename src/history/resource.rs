//! A resource by its ARN, or by its id or name, and whether a record names it.

use assize_engine::json::{Kind, Value};
use assize_engine::record::is_omitted;

use crate::events::query::folded;
use crate::events::record::Record;

/// What is no resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no resource: write an ARN such as arn:aws:ec2:eu-west-1:111122223333:security-group/sg-0123456789abcdef0, or an id or a \
     name such as sg-0123456789abcdef0"
)]
pub(crate) struct NoResource(String);

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    /// As it was typed.
    pub(crate) typed: String,
    /// In lower case.
    text: String,
    arn: Option<Arn>,
}

/// An ARN taken apart, in lower case (AWS IAM user guide, "Identify AWS resources with ARNs").
#[derive(Clone, Debug, PartialEq, Eq)]
struct Arn {
    service: String,
    /// Empty for what belongs to no region.
    region: String,
    /// Empty for buckets.
    account: String,
    /// `security-group`; empty where the ARN has none.
    kind: String,
    /// What stands for the resource in parameters.
    ids: Vec<String>,
}

/// The parts of a record in which resources are named.
const PARTS: [&str; 4] = ["requestParameters", "responseElements", "resources", "serviceEventDetails"];

impl Resource {
    /// Reads an ARN, an id or a name.
    ///
    /// # Errors
    /// It is empty, or an ARN without all of its parts.
    pub(crate) fn of(typed: &str) -> Result<Resource, NoResource> {
        let typed = typed.trim().to_owned();
        let text = folded(&typed);
        let arn = text.starts_with("arn:").then(|| Arn::of(&text));
        if text.is_empty() || arn == Some(None) {
            return Err(NoResource(typed));
        }
        Ok(Resource { typed, text, arn: arn.flatten() })
    }

    /// Whether the record names it, in what was asked for, what was answered or its list of resources.
    pub(crate) fn is_named_by(&self, record: &Record<'_>) -> bool {
        let named = self.within(record);
        PARTS.iter().any(|part| record.subject.root.named(part).any(|value| named.is_in("", value)))
    }

    /// How it is named in a record: its id alone says little in the record of another service or account.
    pub(crate) fn within(&self, record: &Record<'_>) -> Named<'_> {
        let ids = self.arn.as_ref().filter(|arn| {
            arn.is_of(&folded(&record.service()))
                && (arn.account.is_empty() || arn.account == record.account())
                && (arn.region.is_empty() || arn.region == folded(&record.region()))
        });
        Named { resource: self, ids }
    }
}

/// Whether AWS omitted for its size a part in which the record might name a resource.
pub(crate) fn omits_names(record: &Record<'_>) -> bool {
    PARTS.iter().any(|part| record.subject.root.named(part).any(is_omitted))
}

impl Arn {
    fn of(text: &str) -> Option<Arn> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts.as_slice() else { return None };
        if partition.is_empty() || service.is_empty() || resource.is_empty() {
            return None;
        }
        let (kind, id) = resource.split_once(['/', ':']).unwrap_or(("", resource));
        let ids = match (*service, kind) {
            // An object in a bucket is named by its bucket and key, or by its ARN.
            ("s3", "") => vec![*resource],
            ("s3", _) => Vec::new(),
            // Paths are not part of names.
            ("iam", _) => vec![id.rsplit('/').next().unwrap_or(id)],
            (_, "alias") => vec![*resource],
            ("logs", _) => vec![id.trim_end_matches(":*")],
            // The six characters that Secrets Manager adds, and its hyphen, may be left out.
            ("secretsmanager", _) => std::iter::once(id).chain(id.rsplit_once('-').map(|(name, _)| name)).collect(),
            _ => vec![id],
        };
        let ids = ids.into_iter().filter(|id| !id.is_empty()).map(str::to_owned).collect();
        let [service, region, account, kind] = [service, region, account, &kind].map(|part| (*part).to_owned());
        Some(Arn { service, region, account, kind, ids })
    }

    /// Whether the service's calls come from this event source. Two services have other names there than in ARNs.
    fn is_of(&self, source: &str) -> bool {
        match self.service.as_str() {
            "cloudwatch" => source == "monitoring",
            "dynamodb" => source.starts_with("dynamodb"),
            service => service == source,
        }
    }

    /// Users, groups, roles and policies may have the same name; which is meant, the parameter says.
    fn is_meant_by(&self, key: &str) -> bool {
        self.service != "iam" || folded(key).contains(&self.kind.replace('-', ""))
    }
}

/// A resource as it may be named in one record.
pub(crate) struct Named<'r> {
    resource: &'r Resource,
    /// The ARN, if its id alone is enough here.
    ids: Option<&'r Arn>,
}

impl Named<'_> {
    /// Whether a value below this one, which stands under `key`, names the resource.
    pub(crate) fn is_in(&self, key: &str, value: Value<'_>) -> bool {
        match value.kind() {
            Kind::Object => value.entries().any(|(key, inner)| self.is_in(&key.text(), inner)),
            Kind::Array => value.items().any(|item| self.is_in(key, item)),
            Kind::String => self.names(key, &value.text()),
            _ => false,
        }
    }

    /// Whether a text names the resource and may say more.
    fn names(&self, key: &str, text: &str) -> bool {
        match self.resource.arn {
            Some(_) => self.is(key, text),
            None => has_token(&folded(text), &self.resource.text),
        }
    }

    /// Whether a text is the resource's ARN, id or name, or an ARN that ends in these, and nothing else.
    pub(crate) fn is(&self, key: &str, text: &str) -> bool {
        let text = folded(text);
        let by_id = |arn: &Arn| arn.is_meant_by(key) && arn.ids.contains(&text);
        let ends = || {
            let before = text.strip_prefix("arn:").and_then(|rest| rest.strip_suffix(&self.resource.text));
            before.is_some_and(|before| before.ends_with(['/', ':']))
        };
        text == self.resource.text || self.ids.is_some_and(by_id) || (self.resource.arn.is_none() && ends())
    }
}

/// Whether `token` stands in the text with nothing around it that could be part of an id or a name.
fn has_token(text: &str, token: &str) -> bool {
    text.match_indices(token).any(|(at, _)| {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + token.len()..).unwrap_or_default());
        !before.ends_with(is_part) && !goes_on(after)
    })
}

fn is_part(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '-' | '_' | '.' | '@' | '+')
}

/// Whether the name goes on behind: a full stop at the end of a sentence does not belong to it.
fn goes_on(after: &str) -> bool {
    let mut chars = after.chars();
    match chars.next() {
        Some('.') => chars.next().is_some_and(is_part),
        Some(char) => is_part(char),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::example;

    fn named(resource: &str, record: &str) -> bool {
        let resource = Resource::of(resource).unwrap();
        example::with(record, |record| resource.is_named_by(record))
    }

    fn call(source: &str, request: &str) -> String {
        example::RECORD
            .replace("cloudtrail.amazonaws.com", &format!("{source}.amazonaws.com"))
            .replace(r#"{"name":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"}"#, request)
    }

    #[test]
    fn an_id_is_a_whole_token() {
        let group = |id: &str| call("ec2", &format!(r#"{{"groupId":"{id}"}}"#));
        for (id, expected) in [
            ("sg-1", true),
            ("SG-1", true),
            ("sg-12", false),
            ("xsg-1", false),
            ("sg-1-x", false),
            ("a/sg-1", true),
            ("sg-1, sg-2", true),
            ("about sg-1.", true),
            ("sg-1.x", false),
            ("arn:aws:ec2:eu-west-1:111122223333:security-group/sg-1", true),
        ] {
            assert_eq!(named("sg-1", &group(id)), expected, "{id}");
        }
        assert!(!named("main", &call("ec2", r#"{"main":"x"}"#).replace("trail/main", "trail/other")), "a key names nothing");
        assert!(!named("alice", &call("ec2", r#"{"x":"y"}"#)), "the caller is not changed by the call");
        assert!(named("main", example::RECORD));
    }

    #[test]
    fn an_arn_is_named_whole_or_by_its_id_in_its_service_account_and_region() {
        let arn = "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-1";
        assert!(named(arn, &call("ec2", r#"{"groupId":"sg-1"}"#)));
        assert!(!named(arn, &call("ec2", r#"{"groupId":"sg-1 sg-2"}"#)));
        assert!(!named(arn, &call("rds", r#"{"groupId":"sg-1"}"#)));
        assert!(!named(&arn.replace("eu-west-1", "eu-west-2"), &call("ec2", r#"{"groupId":"sg-1"}"#)));
        assert!(!named(&arn.replace('1', "2"), &call("ec2", r#"{"groupId":"sg-1"}"#)));
        assert!(named(arn, &call("rds", &format!(r#"{{"x":["{arn}"]}}"#))));
        assert!(!named(arn, &call("rds", &format!(r#"{{"x":["{arn}2"]}}"#))));
        let trail = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main";
        assert!(named(trail, example::RECORD));
        assert!(named(trail, &call("cloudtrail", r#"{"name":"main"}"#)));
    }

    #[test]
    fn kinds_of_iam_are_told_apart_and_paths_left_out() {
        let role = "arn:aws:iam::111122223333:role/teams/Admin";
        assert!(named(role, &call("iam", r#"{"roleName":"Admin"}"#)));
        assert!(!named(role, &call("iam", r#"{"userName":"Admin"}"#)));
        let alias = "arn:aws:kms:eu-west-1:111122223333:alias/logs";
        assert!(named(alias, &call("kms", r#"{"aliasName":"alias/logs"}"#)));
        assert!(!named(alias, &call("kms", r#"{"aliasName":"logs"}"#)));
        assert!(named("arn:aws:s3:::logs", &call("s3", r#"{"bucketName":"logs"}"#)));
        assert!(!named("arn:aws:s3:::logs/a", &call("s3", r#"{"bucketName":"logs","key":"a"}"#)));
        assert!(named(
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db/password-AbCdEf",
            &call("secretsmanager", r#"{"secretId":"db/password"}"#)
        ));
    }

    #[test]
    fn what_aws_omitted_may_name_it() {
        let omitted = |text: &str| example::with(text, omits_names);
        assert!(!omitted(example::RECORD));
        let mark = r#""requestParameters":{"omitted":true,"originalSize":120000}"#;
        let without = example::RECORD.replacen("\"requestParameters\":", &format!("{mark},\"requestParameters\":"), 1);
        assert!(omitted(&without));
        assert!(
            !omitted(&without.replace("\"omitted\":true", "\"omitted\":\"true\"")),
            "a text that callers can write is no mark"
        );
    }

    #[test]
    fn what_is_no_resource_is_refused() {
        for text in ["", " ", "arn:", "arn:aws:ec2", "arn:aws:s3:::"] {
            assert!(Resource::of(text).is_err(), "{text}");
        }
    }
}
