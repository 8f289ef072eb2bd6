//! CloudFormation templates, as YAML in the long form (`Fn::Sub:`), which every YAML reader takes.

use super::needs::Needs;
use super::parameter::{self, Parameter, Values, pascal};
use super::policy::Document;
use super::resources::QUEUE;
use super::stack::{BucketPlan, Resource, Role, Stack};
use super::text::{Hole, Node, Piece, Text, Tree, When};
use super::yaml;

/// The template of a stack.
pub(crate) fn write(stack: &Stack, needs: &Needs, values: &Values) -> String {
    let mut made = Vec::new();
    let mut outputs = Vec::new();
    for resource in &stack.resources {
        match resource {
            Resource::Provider(host, when) => made.push(provider(host, when)),
            Resource::Role(role) => {
                made.extend(role_and_policies(role));
                outputs.push(output(&format!("{}RoleArn", role.id), (role.id, Some("Arn")), role.when.as_ref()));
            }
            Resource::Bucket(plan) => made.extend(bucket(plan)),
            Resource::Key(policy) => {
                made.extend(key(policy));
                outputs.push(output("KeyArn", ("Key", Some("Arn")), None));
            }
            Resource::Queue(policy) => {
                made.extend(queue(policy));
                outputs.push(output("QueueUrl", ("Queue", None), None));
                outputs.push(output("QueueArn", QUEUE.cloudformation, None));
            }
        }
    }
    let nodes = made.iter().map(|resource| &resource.body);
    let parameters = parameter::named_in(nodes, made.iter().filter_map(|resource| resource.when.as_ref()), needs, values);
    let mut top = vec![
        ("AWSTemplateFormatVersion".to_owned(), Tree::text("2010-09-09")),
        ("Description".to_owned(), Tree::text(stack.about.as_str())),
    ];
    let mut put = |key: &str, entries: Vec<(String, Tree)>| {
        if !entries.is_empty() {
            top.push((key.to_owned(), Tree::Map(entries)));
        }
    };
    put("Parameters", parameters.iter().map(|parameter| (parameter.pascal(), declared(parameter))).collect());
    put("Rules", rules(&parameters));
    put("Conditions", conditions(&made));
    put("Resources", made.iter().map(|resource| (resource.id.clone(), resource.tree())).collect());
    put("Outputs", outputs);
    yaml::write(&Tree::Map(top))
}

/// A resource of a template.
struct Made {
    id: String,
    kind: &'static str,
    when: Option<When>,
    /// Kept when the stack is deleted: evidence, and what it is encrypted with.
    kept: bool,
    body: Node,
}

impl Made {
    fn new(id: impl Into<String>, kind: &'static str, body: Node) -> Made {
        Made { id: id.into(), kind, when: None, kept: false, body }
    }

    fn tree(&self) -> Tree {
        let mut map = vec![("Type".to_owned(), Tree::text(self.kind))];
        let mut put = |key: &str, value: &str| map.push((key.to_owned(), Tree::text(value)));
        if let Some(when) = &self.when {
            put("Condition", &condition_name(when));
        }
        if self.kept {
            put("DeletionPolicy", "Retain");
            put("UpdateReplacePolicy", "Retain");
        }
        map.push(("Properties".to_owned(), lower(&self.body)));
        Tree::Map(map)
    }
}

/// A node with CloudFormation's own functions in the holes.
fn lower(node: &Node) -> Tree {
    match node {
        Node::Text(text) => substituted(text),
        Node::Number(number) => Tree::Number(*number),
        Node::Flag(flag) => Tree::Flag(*flag),
        Node::List(entries) => Tree::List(entries.iter().map(lower).collect()),
        Node::Map(entries) => Tree::Map(entries.iter().map(|(key, value)| (key.clone(), lower(value))).collect()),
        Node::Entry(when, node) => {
            let nothing = Tree::map([("Ref", Tree::text("AWS::NoValue"))]);
            Tree::map([("Fn::If", Tree::List(vec![Tree::text(condition_name(when)), lower(node), nothing]))])
        }
    }
}

fn substituted(text: &Text) -> Tree {
    match text.0.as_slice() {
        [] => Tree::text(""),
        [Piece::Literal(text)] => Tree::text(text.as_str()),
        [Piece::Hole(Hole::Made(made))] => reference(made.cloudformation),
        [Piece::Hole(hole)] => Tree::map([("Ref", Tree::text(variable(*hole)))]),
        pieces => {
            let piece = |piece: &Piece| match piece {
                // `${!x}` is the text `${x}`.
                Piece::Literal(text) => text.replace("${", "${!"),
                Piece::Hole(hole) => format!("${{{}}}", variable(*hole)),
            };
            Tree::map([("Fn::Sub", Tree::Text(pieces.iter().map(piece).collect()))])
        }
    }
}

fn variable(hole: Hole) -> String {
    match hole {
        Hole::Partition => "AWS::Partition".to_owned(),
        Hole::Suffix => "AWS::URLSuffix".to_owned(),
        Hole::Account => "AWS::AccountId".to_owned(),
        Hole::Region => "AWS::Region".to_owned(),
        Hole::Parameter(name) => pascal(name),
        Hole::Made(made) => match made.cloudformation {
            (resource, Some(attribute)) => format!("{resource}.{attribute}"),
            (resource, None) => resource.to_owned(),
        },
    }
}

fn reference((resource, attribute): (&str, Option<&str>)) -> Tree {
    match attribute {
        None => Tree::map([("Ref", Tree::text(resource))]),
        Some(attribute) => Tree::map([("Fn::GetAtt", Tree::List(vec![Tree::text(resource), Tree::text(attribute)]))]),
    }
}

fn output(name: &str, of: (&str, Option<&str>), when: Option<&When>) -> (String, Tree) {
    let mut map = Vec::new();
    if let Some(when) = when {
        map.push(("Condition".to_owned(), Tree::text(condition_name(when))));
    }
    map.push(("Value".to_owned(), reference(of)));
    (name.to_owned(), Tree::Map(map))
}

fn declared(parameter: &Parameter) -> Tree {
    let mut map = vec![("Type".to_owned(), Tree::text("String")), ("Description".to_owned(), Tree::text(parameter.about))];
    if let Some(default) = &parameter.default {
        map.push(("Default".to_owned(), Tree::text(default.as_str())));
    }
    if let Some(pattern) = parameter.pattern {
        map.push(("AllowedPattern".to_owned(), Tree::text(pattern)));
    }
    if !parameter.choices.is_empty() {
        map.push(("AllowedValues".to_owned(), Tree::List(parameter.choices.iter().map(|&choice| Tree::text(choice)).collect())));
    }
    if parameter.secret {
        map.push(("NoEcho".to_owned(), Tree::Flag(true)));
    }
    Tree::Map(map)
}

/// Jobs of everybody's repositories must not be the hub: a subject is demanded where jobs are trusted.
fn rules(parameters: &[Parameter]) -> Vec<(String, Tree)> {
    if !parameters.iter().any(|parameter| parameter.name == "oidc-subject") {
        return vec![];
    }
    let equals = |parameter: &str, value: &str| {
        let parameter = Tree::map([("Ref", Tree::text(pascal(parameter)))]);
        Tree::map([("Fn::Equals", Tree::List(vec![parameter, Tree::text(value)]))])
    };
    let not = |tree: Tree| Tree::map([("Fn::Not", Tree::List(vec![tree]))]);
    let assertion = Tree::map([
        ("Assert", not(equals("oidc-subject", ""))),
        (
            "AssertDescription",
            Tree::text("OidcSubject names the jobs that may be the hub role; it is needed for github and gitlab."),
        ),
    ]);
    let rule = Tree::map([("RuleCondition", not(equals("runner", "ecs"))), ("Assertions", Tree::List(vec![assertion]))]);
    vec![("JobsAreNamed".to_owned(), rule)]
}

fn condition_name(when: &When) -> String {
    match when {
        When::InAccount(account) => format!("InAccount{account}"),
        When::Is(parameter, value) => format!("{}Is{}", pascal(parameter), pascal(value)),
    }
}

/// Every condition that a resource or an entry names, once.
fn conditions(made: &[Made]) -> Vec<(String, Tree)> {
    let mut found: Vec<When> = Vec::new();
    let mut add = |when: &When| {
        if !found.contains(when) {
            found.push(when.clone());
        }
    };
    for resource in made {
        resource.when.iter().for_each(&mut add);
        resource.body.walk(&mut |visited| {
            if let super::text::Visited::When(when) = visited {
                add(when);
            }
        });
    }
    let condition = |when: &When| {
        let (left, right) = match when {
            When::InAccount(account) => ("AWS::AccountId".to_owned(), account.as_str()),
            When::Is(parameter, value) => (pascal(parameter), *value),
        };
        let left = Tree::map([("Ref", Tree::text(left))]);
        (condition_name(when), Tree::map([("Fn::Equals", Tree::List(vec![left, Tree::text(right)]))]))
    };
    found.iter().map(condition).collect()
}

fn provider(host: &str, when: &When) -> Made {
    let body = Node::map([
        ("Url", Node::literal(&format!("https://{host}"))),
        ("ClientIdList", Node::List(vec![Node::Text(Text::parameter("oidc-audience"))])),
    ]);
    let id = condition_name(when).replace("CreateOidcProviderIs", "ProviderOf");
    Made { when: Some(when.clone()), ..Made::new(id, "AWS::IAM::OIDCProvider", body) }
}

fn role_and_policies(role: &Role) -> Vec<Made> {
    let policy = Node::map([("PolicyName", Node::literal(&role.inline.name)), ("PolicyDocument", role.inline.node())]);
    let mut body = vec![
        ("RoleName".to_owned(), Node::Text(role.name.clone())),
        ("Description".to_owned(), Node::literal(role.about)),
        ("MaxSessionDuration".to_owned(), Node::Number(role.duration)),
        ("AssumeRolePolicyDocument".to_owned(), role.trust.node()),
        ("Policies".to_owned(), Node::List(vec![policy])),
    ];
    if role.path != "/" {
        body.insert(1, ("Path".to_owned(), Node::literal(&role.path)));
    }
    let mut made = vec![Made { when: role.when.clone(), ..Made::new(role.id, "AWS::IAM::Role", Node::Map(body)) }];
    for document in &role.managed {
        let this = Made::new(
            document.name.as_str(),
            "AWS::IAM::ManagedPolicy",
            Node::map([
                ("Roles", Node::List(vec![Node::Text(Text::hole(Hole::Made(&HUB)))])),
                ("PolicyDocument", document.node()),
            ]),
        );
        made.push(this);
    }
    made
}

/// The hub role, for the policies beside it.
const HUB: super::text::Made = super::text::Made { cloudformation: ("Hub", None), terraform: "aws_iam_role.hub.name" };

fn bucket(plan: &BucketPlan) -> Vec<Made> {
    let encryption = if plan.key {
        Node::map([("SSEAlgorithm", Node::text("aws:kms")), ("KMSMasterKeyID", Node::text("{audit-key-arn}"))])
    } else {
        Node::map([("SSEAlgorithm", Node::text("AES256"))])
    };
    let mut encryption = vec![("ServerSideEncryptionByDefault".to_owned(), encryption)];
    if plan.key {
        encryption.push(("BucketKeyEnabled".to_owned(), Node::Flag(true)));
    }
    let mut lock = vec![("ObjectLockEnabled".to_owned(), Node::text("Enabled"))];
    if let Some(retention) = plan.lock {
        let retention =
            Node::map([("Mode", Node::literal(BucketPlan::lock_mode(retention))), ("Days", Node::Number(retention.days.into()))]);
        lock.push(("Rule".to_owned(), Node::map([("DefaultRetention", retention)])));
    }
    let expire = Node::map([
        ("Id", Node::text("old-versions-of-head")),
        ("Status", Node::text("Enabled")),
        ("Prefix", Node::literal(&plan.head)),
        ("NoncurrentVersionExpiration", Node::map([("NoncurrentDays", Node::Number(30))])),
    ]);
    let abort = Node::map([
        ("Id", Node::text("unfinished-uploads")),
        ("Status", Node::text("Enabled")),
        ("AbortIncompleteMultipartUpload", Node::map([("DaysAfterInitiation", Node::Number(7))])),
    ]);
    let on = || Node::Flag(true);
    let body = Node::map([
        ("BucketName", Node::text("{audit-bucket}")),
        ("BucketEncryption", Node::map([("ServerSideEncryptionConfiguration", Node::List(vec![Node::Map(encryption)]))])),
        ("VersioningConfiguration", Node::map([("Status", Node::text("Enabled"))])),
        ("ObjectLockEnabled", on()),
        ("ObjectLockConfiguration", Node::Map(lock)),
        (
            "OwnershipControls",
            Node::map([("Rules", Node::List(vec![Node::map([("ObjectOwnership", Node::text("BucketOwnerEnforced"))])]))]),
        ),
        (
            "PublicAccessBlockConfiguration",
            Node::map([
                ("BlockPublicAcls", on()),
                ("BlockPublicPolicy", on()),
                ("IgnorePublicAcls", on()),
                ("RestrictPublicBuckets", on()),
            ]),
        ),
        ("LifecycleConfiguration", Node::map([("Rules", Node::List(vec![expire, abort]))])),
    ]);
    let policy = Node::map([("Bucket", Node::Text(Text::hole(Hole::Made(&BUCKET)))), ("PolicyDocument", plan.policy.node())]);
    vec![
        Made { kept: true, ..Made::new("Bucket", "AWS::S3::Bucket", body) },
        Made { kept: true, ..Made::new("BucketPolicy", "AWS::S3::BucketPolicy", policy) },
    ]
}

const BUCKET: super::text::Made = super::text::Made { cloudformation: ("Bucket", None), terraform: "aws_s3_bucket.audit.id" };
const KEY: super::text::Made = super::text::Made { cloudformation: ("Key", None), terraform: "aws_kms_key.audit.key_id" };
const WAITING: super::text::Made =
    super::text::Made { cloudformation: ("DeadLetters", Some("Arn")), terraform: "aws_sqs_queue.dead_letters.arn" };
const QUEUE_URL: super::text::Made =
    super::text::Made { cloudformation: ("Queue", None), terraform: "aws_sqs_queue.notifications.id" };

fn key(policy: &Document) -> Vec<Made> {
    let body = Node::map([
        ("Description", Node::text("Evidence, state and reports of Assize")),
        ("EnableKeyRotation", Node::Flag(true)),
        ("PendingWindowInDays", Node::Number(30)),
        ("KeyPolicy", policy.node()),
    ]);
    let alias =
        Node::map([("AliasName", Node::text("alias/{key-alias}")), ("TargetKeyId", Node::Text(Text::hole(Hole::Made(&KEY))))]);
    vec![Made { kept: true, ..Made::new("Key", "AWS::KMS::Key", body) }, Made::new("Alias", "AWS::KMS::Alias", alias)]
}

fn queue(policy: &Document) -> Vec<Made> {
    let made = |made| Node::Text(Text::hole(Hole::Made(made)));
    let letters = Node::map([
        ("QueueName", Node::text("{queue-name}-dead-letters")),
        ("MessageRetentionPeriod", Node::Number(1_209_600)),
        ("SqsManagedSseEnabled", Node::Flag(true)),
        (
            "RedriveAllowPolicy",
            Node::map([
                ("redrivePermission", Node::text("byQueue")),
                ("sourceQueueArns", Node::List(vec![Node::text("arn:{partition}:sqs:{region}:{account}:{queue-name}")])),
            ]),
        ),
    ]);
    let body = Node::map([
        ("QueueName", Node::text("{queue-name}")),
        ("MessageRetentionPeriod", Node::Number(1_209_600)),
        ("VisibilityTimeout", Node::Number(900)),
        ("ReceiveMessageWaitTimeSeconds", Node::Number(20)),
        ("SqsManagedSseEnabled", Node::Flag(true)),
        ("RedrivePolicy", Node::map([("deadLetterTargetArn", made(&WAITING)), ("maxReceiveCount", Node::Number(10))])),
    ]);
    let subscription =
        Node::map([("TopicArn", Node::text("{sender-arn}")), ("Protocol", Node::text("sqs")), ("Endpoint", made(&QUEUE))]);
    vec![
        Made::new("DeadLetters", "AWS::SQS::Queue", letters),
        Made::new("Queue", "AWS::SQS::Queue", body),
        Made::new(
            "QueuePolicy",
            "AWS::SQS::QueuePolicy",
            Node::map([("Queues", Node::List(vec![made(&QUEUE_URL)])), ("PolicyDocument", policy.node())]),
        ),
        Made { when: Some(When::Is("sender", "sns")), ..Made::new("Subscription", "AWS::SNS::Subscription", subscription) },
    ]
}
