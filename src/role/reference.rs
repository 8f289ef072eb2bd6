//! `docs/permissions.md`, made from the table of actions. A test holds the file to it.

use super::actions::{Feature, Holder, Permission, Scope, TABLE};

/// The page.
pub(crate) fn page() -> String {
    let mut out = vec![INTRODUCTION.to_owned()];
    for holder in [Holder::Member, Holder::Organization, Holder::Reader, Holder::Hub] {
        out.push(format!("### {}\n\n{}\n\n", title(holder), about(holder)));
        out.push("| action | on | when | why | unknown without it |\n| --- | --- | --- | --- | --- |\n".to_owned());
        out.extend(TABLE.iter().filter(|row| row.holder == holder).map(line));
        out.push("\n".to_owned());
    }
    out.push(REST.to_owned());
    out.concat()
}

fn line(row: &Permission) -> String {
    let Permission { action, reason, without, .. } = row;
    let codes: Vec<String> = row.codes.iter().map(|code| format!("`{code}`")).collect();
    let codes = if codes.is_empty() { String::new() } else { format!(" ({})", codes.join(", ")) };
    format!("| `{action}` | {} | {} | {reason} | {without}{codes} |\n", on(row.scope), when(row.feature))
}

/// Which role that is.
fn title(holder: Holder) -> &'static str {
    match holder {
        Holder::Member => "The role in each audited account",
        Holder::Organization => "What reads AWS Organizations",
        Holder::Reader => "What reads a bucket or a queue, or publishes to a topic, that the configuration names",
        Holder::Hub => "The hub role",
    }
}

/// When a configuration needs it.
fn when(feature: Feature) -> &'static str {
    match feature {
        Feature::Trails | Feature::Accounts => "always",
        Feature::AllRegions => "`regions: all-enabled`",
        Feature::EventHistory => "`event-history` with `max-accounts` above 0",
        Feature::Organization => "`accounts: organization`",
        Feature::TrailBuckets => "a `discovered` source",
        Feature::SourceBuckets => "a `bucket` source",
        Feature::Notifications => "`notifications`",
        Feature::Topics => "`notify` with `sns`",
        Feature::SessionTags => "`session-tags`",
        Feature::AuditBucket => "an audit bucket on S3",
        Feature::AuditKey => "an audit bucket with `kms-key`",
        Feature::ObjectLock => "an audit bucket with `object-lock`",
        Feature::SigningKey => "`signing` with `kms`",
    }
}

/// On what.
fn on(scope: Scope) -> &'static str {
    match scope {
        Scope::Everything => "`*` (the action knows no resources)",
        Scope::Trails => "trails of any account and region",
        Scope::TrailBuckets => "buckets of trails, listing below `AWSLogs/`",
        Scope::TrailObjects => "`AWSLogs/…/CloudTrail*` in buckets of trails",
        Scope::TrailKeys => "keys of trails, through S3",
        Scope::TrailKeysThemselves => "keys of trails",
        Scope::SourceBuckets => "the named bucket, listing below its prefix",
        Scope::SourceObjects => "`AWSLogs/…/CloudTrail*` below its prefix",
        Scope::SourceKeys => "its keys, through S3",
        Scope::SourceKeysThemselves => "its keys",
        Scope::Queue => "the queue",
        Scope::Topics => "the topics of `notify`",
        Scope::Roles => "exactly the roles that are assumed next",
        Scope::AuditBucket => "the audit bucket, listing below its prefix",
        Scope::AuditObjects => "objects below the audit bucket's prefix",
        Scope::AuditKey => "the audit bucket's key, through S3",
        Scope::SigningKey => "the key that signs",
    }
}

fn about(holder: Holder) -> &'static str {
    match holder {
        Holder::Member => {
            "The template `member`, as a StackSet or account by account. It reads no bucket unless a source is `discovered`: \
             a configuration that reads one log archive in place asks for discovery only."
        }
        Holder::Organization => {
            "The role that `accounts: organization: role` names, in the management account or in a delegated administrator; \
             the hub role if none is named. If it is the same role as the one for auditing its account, that role has both."
        }
        Holder::Reader => {
            "For a source, a queue or a topic with an `account`, the role in that account: the statements are part of the template \
             `member`, under a condition on the account, so that one StackSet does for all. Without an `account`, the hub role."
        }
        Holder::Hub => "The template `hub`: what the run itself is. Nothing but this role writes to the audit bucket.",
    }
}

const INTRODUCTION: &str = "\
# Permissions

Made from the table in `src/role/actions.rs`, from which the templates of `assize role` are made too: each action that any
configuration needs, where, and why. A test compares the table with the operations that the program calls, in both directions.
Do not edit this page; change the table and run `ASSIZE_UPDATE=1 cargo test permissions_page`.

`assize role` prints what *your* configuration needs and nothing else:

```
assize role --format cloudformation --out deploy/     # one template for each part
assize role --format terraform --out deploy/          # one folder for each part
assize role --format json --part member               # bare policy documents
```

Nothing here writes anywhere but to the audit bucket, and nothing deletes anything but messages that were read from the queue.

## In which order

1. `hub`, in the account of the audit bucket. Give the key in `assize.yaml` as an alias (`…:alias/assize-audit`): the role may
   then use whatever key has the alias, also one that is made later.
2. `key`, then `bucket`, in the same account. Their policies name the hub role, which must exist by then.
3. `member`, as a StackSet for the organisation. Its trust policy names the hub role, which must exist by then.
4. `management`, in the account of the role that reads the organisation, or in the management account if there is no such role:
   StackSets with service-managed permissions do not reach the management account. They do reach a delegated administrator: there,
   set `create-member-role` to `no`, and deploy `member` in the management account as a stack of its own.
5. `notifications`, if you want to be told of new objects before they are listed.

Files named `….owner-bucket-….json`, `….owner-key-….json`, `….topic-policy.json` and `….via-….json` are statements for others:
owners of buckets, keys and topics in other accounts, and of the roles on the way to an account, add them to their policies.
What is in angle brackets is theirs to fill in; a policy in which it was forgotten is refused, or allows nothing.

## Which actions

";

const REST: &str = "\
`sts:GetCallerIdentity` needs no permission. What S3 asks of a conditional write (`If-Match`) is covered by `s3:PutObject` and
`s3:GetObject`.

## Trust

The role in an audited account trusts one principal: the ARN of the hub role or, where `role: via` names roles on the way, of the
last of them. Not the account, so that no other role of that account gets in. AWS keeps the hub role's inner id in place of its ARN: after
the hub role is deleted and made again under the same name, the trust policies must be deployed again.

- **External id.** With `external-id` in the configuration, the trust policy demands it (`sts:ExternalId`). It is a parameter of the template
  without a default and hidden in consoles: nothing prints it. It guards against a hub that is led to read an account that belongs to
  somebody else; it is no password.
- **Session tags.** With `session-tags`, the trust policy allows `sts:TagSession` with exactly these keys and values, in a statement of its own.
- **Duration.** The role's longest session is the configured duration, at least an hour. A session that was gained through another role lasts an
  hour at most, whatever the role allows; that is a limit of AWS.
- **The hub role** trusts the jobs of one repository and reference (GitHub, GitLab: the token's subject, compared as a whole, without
  wildcards) or the ECS tasks of its own account. Without a subject nobody is trusted.

## Keys

`kms:Decrypt` is allowed through S3 only (`kms:ViaService`), so it opens nothing that `s3:GetObject` does not reach. In the template `member` it
stands for any key (`trail-keys`), because the keys of trails are not known in advance and often belong to another account; the key's
own policy must allow the role as well. Narrow it to the keys in use, which `assize doctor` names. A key that says no gives `kms-denied` for
the objects under it, and for nothing else.

## Service control policies

A role can do what its own policy allows *and* every service control policy above its account allows. A denial by one is told apart from a missing
permission (`scp-denied`) and shown once for each policy, not once for each account and region. Typical ones:

- **Regions.** A policy that denies regions outside a list also denies `cloudtrail:DescribeTrails` there. Leave the role out:
  `\"ArnNotLike\": {\"aws:PrincipalArn\": \"arn:aws:iam::*:role/AssizeAudit\"}`, or list `regions`. Until then these cells are UNKNOWN, and events
  that an organisation's trail delivers from those regions are evaluated all the same.
- **Protection of log buckets.** Policies that deny `s3:*` on log archives to all but the landing zone's roles: read them with the role of the log
  archive account (`account` on the source), and leave that role out.
- **Data perimeters.** Policies on `aws:ResourceOrgID` or `aws:PrincipalOrgID` are fine: hub, roles, buckets and keys are in one organisation. The hub
  role's permission to assume roles holds such a condition itself when accounts come from the organisation.

Service control policies do not apply to the management account: what works there may be denied elsewhere. They do not apply to what CloudTrail
itself delivers.

## The audit bucket

Its policy refuses everything without TLS, every write by anybody but the hub role, and every deletion by anybody: of objects and their versions, of the
bucket, and of what protects them (versioning, Object Lock, lifecycle rules). `break-glass-arn` names one role that the last
denial leaves out. Old versions of `head`, the one object that is overwritten, expire after 30 days; a lifecycle rule is no principal, and asks no policy.
The key cannot be disabled or scheduled for deletion but by the same role, since a lost key is lost evidence.
";
