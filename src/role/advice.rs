//! What to add after a denial: the exact statement, and to which policy. For `assize doctor` and for the reasons in
//! reports.

use super::actions::{Permission, Scope, TABLE};
use super::documents::through_s3;
use super::policy::{Condition, Principal, Statement};
use super::text::{Hole, Node, Text, Tree, exactly};

/// A denial, as AWS told it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Denied<'a> {
    /// The IAM action.
    pub(crate) action: &'a str,
    /// On what, as an ARN, if AWS said.
    pub(crate) resource: Option<&'a str>,
    /// Who asked, as an ARN: a role, or the session of one. A session does not tell the path of its role.
    pub(crate) principal: Option<&'a str>,
    /// What said no.
    pub(crate) by: By<'a>,
    /// Whether a statement denies; otherwise none allows.
    pub(crate) explicit: bool,
}

/// Which kind of policy said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By<'a> {
    /// The role's own policies, or AWS did not say.
    Role,
    /// The policy of a bucket, a queue or another resource.
    Resource,
    /// The policy of a KMS key.
    Key,
    /// A service control policy, with its ARN if AWS named it.
    ServiceControl(Option<&'a str>),
    /// A resource control policy.
    ResourceControl,
    /// The role's permissions boundary.
    Boundary,
    /// The policy of the session.
    Session,
    /// The policy of the VPC endpoint that the call went through.
    Endpoint,
    /// The trust policy of the role that was to be assumed.
    Trust,
}

/// What to do about a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    /// Which policy to change, and how; one sentence without a full stop.
    pub(crate) to: String,
    /// The statement to add, or the condition for the statement that denies.
    pub(crate) add: Tree,
    /// Why the action is needed; none for an action that is not in the table.
    pub(crate) reason: Option<&'static str>,
    /// What stays unknown without it.
    pub(crate) without: Option<&'static str>,
}

impl Advice {
    /// The statement as JSON for people, with a newline at its end.
    pub(crate) fn json(&self) -> String {
        self.add.pretty()
    }
}

/// What to do about a denial.
pub(crate) fn for_denial(denied: &Denied<'_>) -> Advice {
    let row = row_of(denied);
    let who = denied.principal.map(role_of);
    let advice = |to: String, add| Advice { to, add, reason: row.map(|row| row.reason), without: row.map(|row| row.without) };
    let policy = match denied.by {
        By::Role => "the policy of the role".to_owned(),
        By::Resource => format!("the policy of {}", denied.resource.map_or("the resource", owner_of_policy)),
        By::Key => format!("the policy of the key {}", denied.resource.unwrap_or("in use")),
        By::ServiceControl(Some(arn)) => format!("the service control policy {arn}"),
        By::ServiceControl(None) => "a service control policy of the organisation".to_owned(),
        By::ResourceControl => "a resource control policy of the organisation".to_owned(),
        By::Boundary => "the permissions boundary of the role".to_owned(),
        By::Session => "the policy of the session".to_owned(),
        By::Endpoint => format!(
            "the policy of the VPC endpoint for {} in the network of this run (the role's own permissions are not the cause)",
            denied.action.split(':').next().unwrap_or(denied.action)
        ),
        By::Trust => {
            let role = denied.resource.map_or_else(|| "the role".to_owned(), |role| format!("the role {role}"));
            format!("the trust policy of {role} (the permissions of who assumes it are not the cause)")
        }
    };
    if denied.explicit {
        return advice(format!("{policy} denies this; let its statement leave out the role"), exemption(who.as_deref()));
    }
    let statement = match denied.by {
        By::Role | By::Boundary | By::Session | By::ServiceControl(_) => statement(denied, row),
        By::Resource | By::ResourceControl | By::Endpoint => statement(denied, row).of(principal(who.as_deref())),
        By::Trust => Statement { resources: vec![], ..statement(denied, row) }.of(principal(who.as_deref())),
        By::Key => Statement { resources: vec![Text::new("*")], ..statement(denied, row) }.of(principal(who.as_deref())),
    };
    advice(format!("add to {policy}"), plain(&statement.node(), denied))
}

/// What to do about a role that cannot be assumed: what its trust policy must hold. AWS does not say whether the role
/// is missing, trusts another one or wants another external id.
pub(crate) fn for_role(role: &str, principal: Option<&str>, external_id: bool) -> Advice {
    let who = principal.map(role_of);
    let mut statement = Statement::allow("AssumedByHub", &["sts:AssumeRole"], vec![]).of(self::principal(who.as_deref()));
    if external_id {
        statement = statement.only(Condition::new("StringEquals", "sts:ExternalId", Text::literal("<external-id>")));
    }
    let row = TABLE.iter().find(|row| row.action == "sts:AssumeRole");
    let denied = Denied { action: "sts:AssumeRole", resource: Some(role), principal, by: By::Role, explicit: false };
    Advice {
        to: format!(
            "make the role {role} with the template of `assize role`, or see that its trust policy holds this; the role that \
             assumes it needs sts:AssumeRole on it too"
        ),
        add: plain(&statement.node(), &denied),
        reason: row.map(|row| row.reason),
        without: row.map(|row| row.without),
    }
}

/// The row of the table: of several with the action, the one whose resources look like the denied one.
fn row_of(denied: &Denied<'_>) -> Option<&'static Permission> {
    let is_evidence = denied.resource.is_some_and(|resource| resource.contains("/evidence/") || resource.contains("/segments/"));
    let mut rows = TABLE.iter().filter(|row| row.action == denied.action);
    let first = rows.clone().next();
    if is_evidence { rows.find(|row| matches!(row.scope, Scope::AuditObjects)).or(first) } else { first }
}

fn statement(denied: &Denied<'_>, row: Option<&Permission>) -> Statement {
    let resource = match row.map(|row| row.scope) {
        Some(Scope::Everything) => Text::new("*"),
        Some(Scope::Trails) => Text::new("arn:{partition}:cloudtrail:*:*:trail/*"),
        _ => Text::literal(&denied.resource.map_or_else(|| "*".to_owned(), widened)),
    };
    let statement = Statement::allow("Assize", &[denied.action], vec![resource]);
    match row.map(|row| row.scope) {
        Some(Scope::TrailKeys | Scope::SourceKeys | Scope::AuditKey) => statement.only(through_s3()),
        _ => statement,
    }
}

/// One object stands for its neighbours: whoever is denied one log file is denied the next.
fn widened(resource: &str) -> String {
    let object = resource.split_once(":s3:::").and_then(|(partition, rest)| {
        let (bucket, key) = rest.split_once('/')?;
        let keys = match key.split_once("AWSLogs/") {
            Some((before, after)) if after.contains("/CloudTrail") => format!("{}AWSLogs/*/CloudTrail*", exactly(before)),
            Some((before, _)) => format!("{}AWSLogs/*", exactly(before)),
            None => "*".to_owned(),
        };
        Some(format!("{partition}:s3:::{bucket}/{keys}"))
    });
    object.unwrap_or_else(|| resource.to_owned())
}

/// The bucket of an object, or the resource itself.
fn owner_of_policy(resource: &str) -> &str {
    if !resource.contains(":s3:::") {
        return resource;
    }
    resource.split_once('/').map_or(resource, |(bucket, _)| bucket)
}

/// The role behind a session: `arn:aws:sts::1:assumed-role/Reader/run` is `arn:aws:iam::1:role/Reader`. A session does
/// not tell the path of its role; a role with a path is named by its own ARN.
fn role_of(principal: &str) -> String {
    let mut parts = principal.splitn(6, ':');
    let fields = [(); 6].map(|()| parts.next().unwrap_or_default());
    match (fields[2], fields[5].strip_prefix("assumed-role/")) {
        ("sts", Some(session)) => {
            let name = session.split('/').next().unwrap_or_default();
            format!("arn:{}:iam::{}:role/{name}", fields[1], fields[4])
        }
        _ => principal.to_owned(),
    }
}

fn principal(who: Option<&str>) -> Principal {
    Principal::Aws(vec![Text::literal(who.unwrap_or("<role-arn>"))])
}

/// A condition that makes a statement that denies leave out a role.
fn exemption(who: Option<&str>) -> Tree {
    let role = Tree::text(who.unwrap_or("<role-arn>"));
    Tree::map([("Condition", Tree::map([("ArnNotEquals", Tree::map([("aws:PrincipalArn", role)]))]))])
}

/// A statement with the holes filled from what the denial names.
fn plain(node: &Node, denied: &Denied<'_>) -> Tree {
    let arn = denied.principal.or(denied.resource).unwrap_or("arn:aws:");
    let partition = arn.split(':').nth(1).unwrap_or("aws");
    let fill = |hole| match hole {
        Hole::Partition => partition.to_owned(),
        Hole::Suffix if partition == "aws-cn" => "amazonaws.com.cn".to_owned(),
        Hole::Suffix => "amazonaws.com".to_owned(),
        _ => "*".to_owned(),
    };
    match node {
        Node::Text(text) => Tree::Text(text.fill(fill)),
        Node::Number(number) => Tree::Number(*number),
        Node::Flag(flag) => Tree::Flag(*flag),
        Node::List(entries) => Tree::List(entries.iter().map(|entry| plain(entry, denied)).collect()),
        Node::Map(entries) => Tree::Map(entries.iter().map(|(key, value)| (key.clone(), plain(value, denied))).collect()),
        Node::Entry(_, node) => plain(node, denied),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/AssizeAudit/assize";

    fn denied<'a>(action: &'a str, resource: &'a str, by: By<'a>) -> Denied<'a> {
        Denied { action, resource: Some(resource), principal: Some(SESSION), by, explicit: false }
    }

    #[test]
    fn a_denied_object_gives_a_statement_for_its_neighbours() {
        let object = "arn:aws:s3:::logs/corp/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/22/x.json.gz";
        let advice = for_denial(&denied("s3:GetObject", object, By::Role));
        assert_eq!(advice.to, "add to the policy of the role");
        insta::assert_snapshot!(advice.json(), @r#"
        {
          "Sid": "Assize",
          "Effect": "Allow",
          "Action": [
            "s3:GetObject"
          ],
          "Resource": [
            "arn:aws:s3:::logs/corp/AWSLogs/*/CloudTrail*"
          ]
        }
        "#);
        assert_eq!(advice.without, Some("The hours of the objects that are denied."));
    }

    #[test]
    fn the_policy_of_a_bucket_names_the_role_behind_the_session() {
        let advice = for_denial(&denied("s3:ListBucket", "arn:aws:s3:::logs", By::Resource));
        assert_eq!(advice.to, "add to the policy of arn:aws:s3:::logs");
        assert!(advice.json().contains(r#""AWS": "arn:aws:iam::111122223333:role/AssizeAudit""#), "{}", advice.json());
    }

    #[test]
    fn a_key_is_opened_through_s3_only() {
        let key = "arn:aws-cn:kms:cn-north-1:111122223333:key/0a";
        let session = "arn:aws-cn:sts::111122223333:assumed-role/AssizeAudit/assize";
        let advice = for_denial(&Denied { principal: Some(session), ..denied("kms:Decrypt", key, By::Key) });
        assert_eq!(advice.to, format!("add to the policy of the key {key}"));
        assert!(advice.json().contains(r#""kms:ViaService": "s3.*.amazonaws.com.cn""#), "{}", advice.json());
        assert!(advice.json().contains(
            r#""Resource": [
    "*"
  ]"#
        ));
    }

    #[test]
    fn a_statement_that_denies_must_leave_the_role_out() {
        let arn = "arn:aws:organizations::999988887777:policy/o-exampleorgid/service_control_policy/p-1";
        let by = By::ServiceControl(Some(arn));
        let advice = for_denial(&Denied { explicit: true, ..denied("cloudtrail:DescribeTrails", "*", by) });
        assert_eq!(advice.to, format!("the service control policy {arn} denies this; let its statement leave out the role"));
        insta::assert_snapshot!(advice.json(), @r#"
        {
          "Condition": {
            "ArnNotEquals": {
              "aws:PrincipalArn": "arn:aws:iam::111122223333:role/AssizeAudit"
            }
          }
        }
        "#);
    }

    #[test]
    fn what_an_endpoint_or_a_trust_policy_denies_is_not_the_roles_to_allow() {
        let advice = for_denial(&denied("cloudtrail:DescribeTrails", "*", By::Endpoint));
        assert!(advice.to.starts_with("add to the policy of the VPC endpoint for cloudtrail in the network of this run"));
        assert!(advice.json().contains(r#""AWS": "arn:aws:iam::111122223333:role/AssizeAudit""#), "{}", advice.json());
        let role = "arn:aws:iam::222233334444:role/AssizeAudit";
        let advice = for_denial(&denied("sts:AssumeRole", role, By::Trust));
        assert!(advice.to.starts_with(&format!("add to the trust policy of the role {role}")), "{}", advice.to);
        let json = advice.json();
        assert!(json.contains(r#""AWS": "arn:aws:iam::111122223333:role/AssizeAudit""#) && !json.contains("Resource"), "{json}");
        let advice = for_denial(&Denied { explicit: true, ..denied("sts:AssumeRole", role, By::Endpoint) });
        assert!(advice.to.starts_with("the policy of the VPC endpoint for sts") && advice.to.contains("denies this"));
    }

    #[test]
    fn an_unknown_action_still_gets_its_statement() {
        let advice = for_denial(&Denied { principal: None, resource: None, ..denied("x:Y", "", By::Role) });
        assert_eq!((advice.reason, advice.without), (None, None));
        assert!(advice.json().contains(r#""x:Y""#));
    }

    #[test]
    fn a_role_that_cannot_be_assumed_gets_its_trust() {
        let hub = Some("arn:aws:sts::444455556666:assumed-role/AssizeHub/run");
        let advice = for_role("arn:aws:iam::111122223333:role/AssizeAudit", hub, true);
        assert!(advice.json().contains(r#""AWS": "arn:aws:iam::444455556666:role/AssizeHub""#), "{}", advice.json());
        assert!(advice.json().contains(r#""sts:ExternalId": "<external-id>""#));
    }
}
