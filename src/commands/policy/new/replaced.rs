//! Documentation values in place of what a record says of a real account.
//!
//! What stays is listed, not what goes: whatever is not known to be a word of AWS, a small number or a truth value is replaced. So
//! a kind of secret that nobody thought of is replaced too.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::role::text::Tree;

/// Account ids for documentation, in the order in which they are given out.
const ACCOUNTS: [&str; 4] = ["111122223333", "444455556666", "777788889999", "123456789012"];

/// Words of AWS that requests hold and that policies ask for.
const WORDS: &[&str] = &[
    "*",
    "-1",
    "AES256",
    "Accept",
    "Advanced",
    "All",
    "Allow",
    "Data",
    "Default",
    "Delete",
    "Deny",
    "Disabled",
    "EC2",
    "Enabled",
    "FullControl",
    "IPV4",
    "IPV6",
    "Inactive",
    "Insight",
    "Management",
    "Private",
    "Public",
    "Read",
    "ReadOnly",
    "Reject",
    "Rejected",
    "Role",
    "Root",
    "SAML",
    "Standard",
    "String",
    "SecureString",
    "Suspended",
    "User",
    "Write",
    "WriteOnly",
    "Active",
    "add",
    "all",
    "allow",
    "authenticated-read",
    "aws",
    "aws:kms",
    "default",
    "deny",
    "disabled",
    "egress",
    "enabled",
    "false",
    "http",
    "https",
    "icmp",
    "ingress",
    "instance",
    "ipv4",
    "ipv6",
    "lambda",
    "optional",
    "private",
    "public",
    "public-read",
    "public-read-write",
    "remove",
    "required",
    "sqs",
    "sns",
    "ssh",
    "tcp",
    "true",
    "udp",
    "vpc",
    "2012-10-17",
    "2008-10-17",
    "0.0.0.0/0",
    "::/0",
];

/// Types of resources in ARNs, before the name.
const TYPES: &[&str] = &[
    "alias",
    "assumed-role",
    "cluster",
    "db",
    "detector",
    "distribution",
    "federated-user",
    "function",
    "group",
    "image",
    "instance",
    "instance-profile",
    "key",
    "log-group",
    "mfa",
    "network-interface",
    "oidc-provider",
    "parameter",
    "policy",
    "repository",
    "role",
    "saml-provider",
    "secret",
    "security-group",
    "server-certificate",
    "snapshot",
    "stack",
    "subnet",
    "table",
    "task",
    "trail",
    "user",
    "volume",
    "vpc",
];

/// Who can make a call (AWS CloudTrail user guide, "userIdentity element").
const IDENTITIES: &[&str] = &[
    "AWSAccount",
    "AWSService",
    "AssumedRole",
    "Directory",
    "FederatedUser",
    "IAMUser",
    "IdentityCenterUser",
    "Role",
    "Root",
    "SAMLUser",
    "Unknown",
    "WebIdentityUser",
];

/// Keys below which the keys are somebody's own.
const OWN_KEYS: &[&str] = &["annotations", "context", "environment", "labels", "metadata", "tags", "variables"];

const MAX_DEPTH: usize = 8;
const MAX_KEYS: usize = 20;
const MAX_MEMBERS: usize = 2;

/// Replaces values, the same account by the same each time.
pub(super) struct Replacing {
    accounts: Vec<String>,
}

impl Replacing {
    /// The account that received the record is the first.
    pub(super) fn new(recipient: Option<&str>) -> Replacing {
        Replacing { accounts: recipient.map(str::to_owned).into_iter().collect() }
    }

    /// An account id.
    pub(super) fn account(&mut self, id: &str) -> String {
        let at = self.accounts.iter().position(|known| known == id).unwrap_or_else(|| {
            self.accounts.push(id.to_owned());
            self.accounts.len() - 1
        });
        ACCOUNTS.get(at).or(ACCOUNTS.last()).copied().unwrap_or_default().to_owned()
    }

    /// A region, if it is one.
    pub(super) fn region(&self, text: &str) -> Option<String> {
        is_region(text).then(|| text.to_owned())
    }

    /// `sourceIPAddress`: an address, a service, or AWS itself.
    pub(super) fn caller(&self, text: &str) -> String {
        if text == "AWS Internal" || is_service(text) {
            text.to_owned()
        } else {
            address(text).unwrap_or_else(|| "192.0.2.1".into())
        }
    }

    /// `userIdentity`, as far as policies ask for it.
    pub(super) fn identity(&mut self, identity: &Value) -> Option<Tree> {
        let text = |field: &str| identity.get(field).and_then(Value::as_str);
        let mut fields = Vec::new();
        let mut put =
            |field: &str, value: Option<String>| fields.extend(value.map(|value| (field.to_owned(), Tree::Text(value))));
        put("type", text("type").filter(|kind| IDENTITIES.contains(kind)).map(str::to_owned));
        put("arn", text("arn").map(|arn| self.arn(arn).unwrap_or_else(|| "example".to_owned())));
        put("accountId", text("accountId").map(|id| self.account(id)));
        put("userName", text("userName").map(|_| "alice".to_owned()));
        put("invokedBy", text("invokedBy").map(|by| if is_service(by) { by.to_owned() } else { "AWS Internal".to_owned() }));
        (!fields.is_empty()).then_some(Tree::Map(fields))
    }

    /// `requestParameters`, if it is there and holds something.
    pub(super) fn request(&mut self, request: &Value) -> Option<Tree> {
        let fields = request.as_object()?;
        let omitted = fields.get("omitted") == Some(&Value::Bool(true));
        let tree = self.map(fields, 0);
        (!omitted && tree != Tree::Map(Vec::new())).then_some(tree)
    }

    fn map(&mut self, fields: &Map<String, Value>, depth: usize) -> Tree {
        let known = fields.iter().filter(|(key, _)| is_key(key)).take(MAX_KEYS);
        let entries = known.filter_map(|(key, value)| Some((key.clone(), self.value(key, value, depth + 1)?)));
        Tree::Map(entries.collect())
    }

    /// A value under a key; none for null and what is nested too deep.
    fn value(&mut self, key: &str, value: &Value, depth: usize) -> Option<Tree> {
        if depth > MAX_DEPTH {
            return None;
        }
        Some(match value {
            Value::Null => return None,
            Value::Bool(flag) => Tree::Flag(*flag),
            // Ports, days and counts; larger numbers may be times, sizes or ids.
            Value::Number(number) => Tree::Number(number.as_u64().filter(|number| *number <= 65_535).unwrap_or(1_000)),
            Value::String(text) => Tree::Text(self.text(key, text)),
            Value::Array(members) => {
                Tree::List(members.iter().take(MAX_MEMBERS).filter_map(|member| self.value(key, member, depth + 1)).collect())
            }
            Value::Object(_) if OWN_KEYS.contains(&key.to_ascii_lowercase().as_str()) => {
                Tree::map([("example", Tree::text("example"))])
            }
            Value::Object(fields) => self.map(fields, depth),
        })
    }

    fn text(&mut self, key: &str, text: &str) -> String {
        if let Ok(document @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str::<Value>(text) {
            return self.value(key, &document, 2).map_or_else(|| "{}".to_owned(), |tree| tree.compact());
        }
        let is_action = matches!(key, "Action" | "NotAction" | "action" | "notAction") && is_action(text);
        if WORDS.contains(&text) || is_region(text) || is_service(text) || is_instance_type(text) || is_action {
            return text.to_owned();
        }
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.account(text);
        }
        let shaped = self.arn(text).or_else(|| address(text)).or_else(|| identifier(text));
        shaped.unwrap_or_else(|| named(key).to_owned())
    }

    /// An ARN with everything in it replaced that is somebody's own.
    fn arn(&mut self, text: &str) -> Option<String> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts.as_slice() else { return None };
        let partition = ["aws", "aws-cn", "aws-us-gov"].into_iter().find(|known| known == partition).unwrap_or("aws");
        let service = if is_word(service) { *service } else { "example" };
        let region = if region.is_empty() || is_region(region) { *region } else { "us-east-1" };
        let is_path = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
        if *account == "aws" && resource.starts_with("policy/") && resource.chars().all(is_path) {
            return Some(format!("arn:{partition}:{service}:{region}:aws:{resource}"));
        }
        let account = if account.is_empty() { String::new() } else { self.account(account) };
        let (kind, rest) = resource.split_once(['/', ':']).unwrap_or((resource, ""));
        let separator = resource.chars().nth(kind.chars().count()).unwrap_or('/');
        let resource = match kind {
            "root" if rest.is_empty() => "root".to_owned(),
            "user" => "user/alice".to_owned(),
            "role" => "role/example-role".to_owned(),
            "assumed-role" => "assumed-role/example-role/alice".to_owned(),
            kind if !rest.is_empty() && TYPES.contains(&kind) => format!("{kind}{separator}example"),
            _ if service == "s3" && !rest.is_empty() => "example-bucket/example".to_owned(),
            _ if service == "s3" => "example-bucket".to_owned(),
            _ => "example".to_owned(),
        };
        Some(format!("arn:{partition}:{service}:{region}:{account}:{resource}"))
    }
}

/// A name by what its key says that it names.
fn named(key: &str) -> &'static str {
    let key = key.to_ascii_lowercase();
    let names = [
        ("user", "alice"),
        ("bucket", "example-bucket"),
        ("role", "example-role"),
        ("group", "example-group"),
        ("policy", "example-policy"),
    ];
    let fits = |(what, _): &&(&str, &str)| key.starts_with(what) && key.ends_with("name");
    names.iter().find(fits).map_or("example", |(_, name)| name)
}

/// An address or network for documentation (RFC 5737, RFC 3849).
fn address(text: &str) -> Option<String> {
    let (host, length) = text.split_once('/').map_or((text, None), |(host, length)| (host, Some(length)));
    let address: IpAddr = host.parse().ok()?;
    Some(
        match (address, length.is_some()) {
            (IpAddr::V4(_), false) => "192.0.2.1",
            (IpAddr::V4(_), true) => "198.51.100.0/24",
            (IpAddr::V6(_), false) => "2001:db8::1",
            (IpAddr::V6(_), true) => "2001:db8::/32",
        }
        .to_owned(),
    )
}

/// Ids whose beginning says what they are: `sg-0123…`, access keys, UUIDs.
fn identifier(text: &str) -> Option<String> {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some((kind, number)) = text.rsplit_once('-')
        && [8, 17].contains(&number.len())
        && hex(number)
        && kind.len() <= 12
        && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    {
        return Some(format!("{kind}-0123456789abcdef0"));
    }
    if text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && hex(&text.replace('-', "")) {
        return Some("11111111-2222-3333-4444-555555555555".to_owned());
    }
    let keys = ["AKIA", "ASIA", "AIDA", "AROA", "AGPA", "ANPA"];
    let key = keys.into_iter().find(|key| text.len() >= 16 && text.starts_with(key))?;
    Some(format!("{key}IOSFODNN7EXAMPLE"))
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 32
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// `eu-west-1`, `us-gov-east-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [first, .., last] = parts.as_slice() else { return false };
    let directions = ["central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west"];
    (3..=4).contains(&parts.len())
        && first.len() == 2
        && first.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.get(parts.len() - 2).is_some_and(|part| directions.contains(part))
        && last.len() == 1
        && last.bytes().all(|byte| byte.is_ascii_digit())
}

/// `ec2.amazonaws.com`.
fn is_service(text: &str) -> bool {
    text.strip_suffix(".amazonaws.com").is_some_and(is_word)
}

/// `t3.micro`, `m5d.24xlarge`.
fn is_instance_type(text: &str) -> bool {
    let Some((family, size)) = text.split_once('.') else { return false };
    let plain = ["nano", "micro", "small", "medium", "large", "xlarge", "metal"];
    let times = size.strip_suffix("xlarge").is_some_and(|times| times.bytes().all(|byte| byte.is_ascii_digit()));
    (2..=8).contains(&family.len()) && is_word(family) && (plain.contains(&size) || (times && size.len() <= 9))
}

/// `s3:GetObject`, `iam:*`.
fn is_action(text: &str) -> bool {
    let named = |name: &str| {
        !name.is_empty() && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'*')
    };
    text.split_once(':').is_some_and(|(service, name)| is_word(service) && named(name))
}

/// Names of parameters; the keys of maps that callers fill are often something else.
fn is_key(key: &str) -> bool {
    key.len() <= 64
        && key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_replaced_by_others_of_their_shape() {
        let mut replacing = Replacing::new(Some("218007301253"));
        for (key, text, expected) in [
            ("x", "218007301253", "111122223333"),
            ("x", "999988887777", "444455556666"),
            ("x", "arn:aws:iam::218007301253:user/bert", "arn:aws:iam::111122223333:user/alice"),
            ("x", "arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/AdministratorAccess"),
            ("x", "arn:aws:iam::999988887777:role/path/admin", "arn:aws:iam::444455556666:role/example-role"),
            ("x", "arn:aws:s3:::secret-plans/merger.doc", "arn:aws:s3:::example-bucket/example"),
            ("x", "arn:aws:sns:eu-west-1:218007301253:merger:1f", "arn:aws:sns:eu-west-1:111122223333:example"),
            ("x", "arn:aws:lambda:moon:218007301253:function:merger:7", "arn:aws:lambda:us-east-1:111122223333:function:example"),
            ("x", "203.0.113.77", "192.0.2.1"),
            ("x", "10.20.30.0/24", "198.51.100.0/24"),
            ("cidrIp", "0.0.0.0/0", "0.0.0.0/0"),
            ("x", "2a01:4f8::1", "2001:db8::1"),
            ("x", "sg-0a1b2c3d4e5f60718", "sg-0123456789abcdef0"),
            ("x", "AKIAZZZZZZZZZZZZZZZZ", "AKIAIOSFODNN7EXAMPLE"),
            ("x", "0f0f0f0f-1111-2222-3333-0a0a0a0a0a0a", "11111111-2222-3333-4444-555555555555"),
            ("userName", "bert", "alice"),
            ("bucketName", "secret-plans", "example-bucket"),
            ("x", "bert@example.org", "example"),
            ("x", "t3.micro", "t3.micro"),
            ("x", "merger.project", "example"),
            ("x", "eu-west-1", "eu-west-1"),
            ("x", "ec2.amazonaws.com", "ec2.amazonaws.com"),
            ("x", "secret.plans.amazonaws.com", "example"),
            ("action", "iam:PassRole", "iam:PassRole"),
            ("x", "iam:PassRole", "example"),
            (
                "x",
                r#"{"Effect":"Allow","Principal":{"AWS":"218007301253"},"Sid":"Merger"}"#,
                r#"{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Sid":"example"}"#,
            ),
            ("x", "", "example"),
        ] {
            assert_eq!(replacing.text(key, text), expected, "{key}: {text}");
        }
    }

    #[test]
    fn keys_that_somebody_chose_do_not_stay() {
        let request = serde_json::json!({
            "tags": {"Merger": "secret"}, "Project X": 1, "nested": {"tagSet": [{"key": "Owner", "value": "bert"}]},
            "port": 22, "size": 123_456_789, "dryRun": true, "nothing": null,
        });
        let tree = Replacing::new(None).request(&request).unwrap();
        assert_eq!(
            tree.compact(),
            r#"{"dryRun":true,"nested":{"tagSet":[{"key":"example","value":"example"}]},"port":22,"size":1000,"tags":{"example":"example"}}"#
        );
        assert_eq!(Replacing::new(None).request(&serde_json::json!({"omitted": true, "reason": "too large"})), None);
    }
}
