//! Terraform configurations: one folder for each stack, since each is deployed in another account.

use super::hcl::{Block, Expression, condition, quoted};
use super::needs::Needs;
use super::parameter::{self, Parameter, Values};
use super::policy::Document;
use super::stack::{BucketPlan, Resource, Role, Stack};
use super::text::{Hole, Node, Text, Visited, When};

/// The configuration of a stack.
pub(crate) fn write(stack: &Stack, needs: &Needs, values: &Values) -> String {
    let mut made = Vec::new();
    let mut conditions: Vec<&When> = Vec::new();
    for resource in &stack.resources {
        match resource {
            Resource::Provider(host, when) => {
                conditions.push(when);
                made.push(provider(host, when));
            }
            Resource::Role(role) => {
                conditions.extend(&role.when);
                made.extend(role_and_policies(role));
            }
            Resource::Bucket(plan) => made.extend(bucket(plan)),
            Resource::Key(policy) => made.extend(key(policy)),
            Resource::Queue(policy) => made.extend(queue(policy)),
        }
    }
    let nodes: Vec<&Node> = made.iter().flat_map(Block::nodes).collect();
    let parameters = parameter::named_in(nodes.iter().copied(), conditions.into_iter(), needs, values);
    let mut blocks = vec![required()];
    blocks.extend(places(&nodes));
    blocks.extend(parameters.iter().map(variable));
    blocks.extend(made);
    let texts: Vec<String> = blocks.iter().map(|block| block.write(0)).collect();
    format!("# {}\n\n{}", stack.about, texts.join("\n"))
}

fn required() -> Block {
    let aws = Node::map([("source", Node::literal("hashicorp/aws")), ("version", Node::literal(">= 5.0"))]);
    Block::new("terraform", &[])
        .with("required_version", Expression::Value(Node::literal(">= 1.3")))
        .block(Block::new("required_providers", &[]).with("aws", Expression::Value(aws)))
}

/// What must be asked of AWS: partition, account and region, where they are named.
fn places(nodes: &[&Node]) -> Vec<Block> {
    let (mut partition, mut account, mut region) = (false, false, false);
    for node in nodes {
        node.walk(&mut |visited| match visited {
            Visited::Text(text) => text.holes().for_each(|hole| match hole {
                Hole::Partition | Hole::Suffix => partition = true,
                Hole::Account => account = true,
                Hole::Region => region = true,
                Hole::Parameter(_) | Hole::Made(_) => {}
            }),
            Visited::When(When::InAccount(_)) => account = true,
            Visited::When(When::Is(..)) => {}
        });
    }
    let data = [("aws_partition", partition), ("aws_caller_identity", account), ("aws_region", region)];
    data.into_iter().filter(|(_, named)| *named).map(|(kind, _)| Block::new("data", &[kind, "current"])).collect()
}

fn variable(parameter: &Parameter) -> Block {
    let text = |text: &str| Expression::Value(Node::literal(text));
    let name = parameter.snake();
    let mut block = Block::new("variable", &[&name]).raw("type", "string").with("description", text(parameter.about));
    if let Some(default) = &parameter.default {
        block = block.with("default", text(default));
    }
    if parameter.secret {
        block = block.raw("sensitive", "true");
    }
    let valid = match (parameter.pattern, parameter.choices) {
        (Some(pattern), _) => format!("can(regex({}, var.{name}))", quoted(&Text::literal(pattern))),
        (None, []) => return block,
        (None, choices) => {
            let choices: Vec<String> = choices.iter().map(|choice| quoted(&Text::literal(choice))).collect();
            format!("contains([{}], var.{name})", choices.join(", "))
        }
    };
    let message = format!("This is no value for {name}: {}", parameter.about);
    block.block(Block::new("validation", &[]).raw("condition", valid).with("error_message", text(&message)))
}

fn count(when: &When) -> String {
    format!("{} ? 1 : 0", condition(when))
}

fn provider(host: &str, when: &When) -> Block {
    let name = if host == super::documents::GITHUB { "github" } else { "gitlab" };
    Block::new("resource", &["aws_iam_openid_connect_provider", name])
        .raw("count", count(when))
        .with("url", Expression::Value(Node::literal(&format!("https://{host}"))))
        .with("client_id_list", Expression::Value(Node::List(vec![Node::text("{oidc-audience}")])))
}

fn role_and_policies(role: &Role) -> Vec<Block> {
    let id = role.id.to_lowercase();
    let counted = |block: Block| match &role.when {
        Some(when) => block.raw("count", count(when)),
        None => block,
    };
    // With a condition there is none or one of it.
    let this = |attribute: &str| match role.when {
        Some(_) => format!("aws_iam_role.{id}[0].{attribute}"),
        None => format!("aws_iam_role.{id}.{attribute}"),
    };
    let value = |node| Expression::Value(node);
    let mut main = counted(Block::new("resource", &["aws_iam_role", &id]))
        .with("name", value(Node::Text(role.name.clone())))
        .with("path", value(Node::literal(&role.path)))
        .with("description", value(Node::literal(role.about)))
        .with("max_session_duration", value(Node::Number(role.duration)))
        .with("assume_role_policy", Expression::Json(role.trust.node()));
    if role.id == "Hub" {
        let named = Block::new("precondition", &[])
            .raw("condition", "var.runner == \"ecs\" || var.oidc_subject != \"\"")
            .text("error_message", "oidc_subject names the jobs that may be the hub role; it is needed for github and gitlab.");
        main = main.block(Block::new("lifecycle", &[]).block(named));
    }
    let inline = counted(Block::new("resource", &["aws_iam_role_policy", &id]))
        .with("name", value(Node::literal(&role.inline.name)))
        .raw("role", this("name"))
        .with("policy", Expression::Json(role.inline.node()));
    let mut blocks = vec![main, inline];
    for document in &role.managed {
        let name = document.name.to_lowercase();
        let policy = Block::new("resource", &["aws_iam_policy", &name])
            .with("name", value(Node::Text(role.name.clone().then(&format!("-{name}")))))
            .with("policy", Expression::Json(document.node()));
        let attachment = Block::new("resource", &["aws_iam_role_policy_attachment", &name])
            .raw("role", this("name"))
            .raw("policy_arn", format!("aws_iam_policy.{name}.arn"));
        blocks.extend([policy, attachment]);
    }
    let arn = match role.when {
        Some(_) => format!("one(aws_iam_role.{id}[*].arn)"),
        None => this("arn"),
    };
    blocks.push(Block::new("output", &[&format!("{id}_role_arn")]).raw("value", arn));
    blocks
}

/// A block about the audit bucket.
fn of_bucket(kind: &str) -> Block {
    Block::new("resource", &[kind, "audit"]).raw("bucket", "aws_s3_bucket.audit.id")
}

fn bucket(plan: &BucketPlan) -> Vec<Block> {
    let kept = || Block::new("lifecycle", &[]).raw("prevent_destroy", "true");
    let mut by_default = Block::new("apply_server_side_encryption_by_default", &[]);
    let mut encryption = Block::new("rule", &[]);
    if plan.key {
        by_default = by_default.text("sse_algorithm", "aws:kms").text("kms_master_key_id", "{audit-key-arn}");
        encryption = encryption.raw("bucket_key_enabled", "true");
    } else {
        by_default = by_default.text("sse_algorithm", "AES256");
    }
    let public = ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"];
    let expire = Block::new("rule", &[])
        .text("id", "old-versions-of-head")
        .text("status", "Enabled")
        .block(Block::new("filter", &[]).with("prefix", Expression::Value(Node::literal(&plan.head))))
        .block(Block::new("noncurrent_version_expiration", &[]).raw("noncurrent_days", "30"));
    let abort = Block::new("rule", &[])
        .text("id", "unfinished-uploads")
        .text("status", "Enabled")
        .block(Block::new("filter", &[]))
        .block(Block::new("abort_incomplete_multipart_upload", &[]).raw("days_after_initiation", "7"));
    let versioned = "[aws_s3_bucket_versioning.audit]";
    let mut blocks = vec![
        Block::new("resource", &["aws_s3_bucket", "audit"])
            .text("bucket", "{audit-bucket}")
            .raw("object_lock_enabled", "true")
            .block(kept()),
        of_bucket("aws_s3_bucket_versioning").block(Block::new("versioning_configuration", &[]).text("status", "Enabled")),
        public.iter().fold(of_bucket("aws_s3_bucket_public_access_block"), |block, &name| block.raw(name, "true")),
        of_bucket("aws_s3_bucket_ownership_controls")
            .block(Block::new("rule", &[]).text("object_ownership", "BucketOwnerEnforced")),
        of_bucket("aws_s3_bucket_server_side_encryption_configuration").block(encryption.block(by_default)),
        of_bucket("aws_s3_bucket_lifecycle_configuration").raw("depends_on", versioned).block(expire).block(abort),
    ];
    let mut before = vec!["versioning", "public_access_block", "lifecycle_configuration"];
    if let Some(lock) = plan.lock {
        let retention = Block::new("default_retention", &[])
            .with("mode", Expression::Value(Node::literal(BucketPlan::lock_mode(lock))))
            .raw("days", lock.days.to_string());
        let rule = Block::new("rule", &[]).block(retention);
        blocks.push(of_bucket("aws_s3_bucket_object_lock_configuration").raw("depends_on", versioned).block(rule));
        before.push("object_lock_configuration");
    }
    // The policy denies changing these; so they come first.
    let before: Vec<String> = before.iter().map(|kind| format!("aws_s3_bucket_{kind}.audit")).collect();
    let policy = of_bucket("aws_s3_bucket_policy").with("policy", Expression::Json(plan.policy.node()));
    blocks.push(policy.raw("depends_on", format!("[{}]", before.join(", "))));
    blocks
}

fn key(policy: &Document) -> Vec<Block> {
    vec![
        Block::new("resource", &["aws_kms_key", "audit"])
            .text("description", "Evidence, state and reports of Assize")
            .raw("enable_key_rotation", "true")
            .raw("deletion_window_in_days", "30")
            .with("policy", Expression::Json(policy.node()))
            .block(Block::new("lifecycle", &[]).raw("prevent_destroy", "true")),
        Block::new("resource", &["aws_kms_alias", "audit"])
            .text("name", "alias/{key-alias}")
            .raw("target_key_id", "aws_kms_key.audit.key_id"),
        Block::new("output", &["key_arn"]).raw("value", "aws_kms_key.audit.arn"),
    ]
}

fn queue(policy: &Document) -> Vec<Block> {
    let queue = |name| Block::new("resource", &["aws_sqs_queue", name]);
    let redrive = "jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letters.arn, maxReceiveCount = 10 })";
    let allow = "jsonencode({ redrivePermission = \"byQueue\", sourceQueueArns = [aws_sqs_queue.notifications.arn] })";
    vec![
        queue("dead_letters")
            .text("name", "{queue-name}-dead-letters")
            .raw("message_retention_seconds", "1209600")
            .raw("sqs_managed_sse_enabled", "true"),
        queue("notifications")
            .text("name", "{queue-name}")
            .raw("message_retention_seconds", "1209600")
            .raw("visibility_timeout_seconds", "900")
            .raw("receive_wait_time_seconds", "20")
            .raw("sqs_managed_sse_enabled", "true")
            .raw("redrive_policy", redrive),
        Block::new("resource", &["aws_sqs_queue_redrive_allow_policy", "dead_letters"])
            .raw("queue_url", "aws_sqs_queue.dead_letters.id")
            .raw("redrive_allow_policy", allow),
        Block::new("resource", &["aws_sqs_queue_policy", "notifications"])
            .raw("queue_url", "aws_sqs_queue.notifications.id")
            .with("policy", Expression::Json(policy.node())),
        Block::new("resource", &["aws_sns_topic_subscription", "notifications"])
            .raw("count", count(&When::Is("sender", "sns")))
            .text("topic_arn", "{sender-arn}")
            .text("protocol", "sqs")
            .raw("endpoint", "aws_sqs_queue.notifications.arn"),
        Block::new("output", &["queue_url"]).raw("value", "aws_sqs_queue.notifications.id"),
        Block::new("output", &["queue_arn"]).raw("value", "aws_sqs_queue.notifications.arn"),
    ]
}
