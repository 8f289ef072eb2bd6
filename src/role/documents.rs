//! The policies of roles, made from the table of actions: what a role may do, and who may assume it.

use super::actions::{Feature, Holder, Permission, Scope, TABLE};
use super::needs::{AssumedRole, Member, Needs, Queue, Source, Topic};
use super::parameter::{GITLAB_HOST, Values};
use super::policy::{Condition, Document, Kind, Principal, Statement};
use super::text::{Text, When, exactly};

/// Name of the policy inside each role.
pub(crate) const POLICY: &str = "assize";

/// What the role in an audited account may do, in whichever account it is. Statements that belong to one account only
/// depend on the account, so that one template does for all.
pub(crate) fn member(needs: &Needs, member: &Member) -> Document {
    let wanted = |feature| match feature {
        Feature::AllRegions => member.all_regions,
        feature => needs.has(feature),
    };
    let mut statements = allowed(Holder::Member, wanted, anywhere);
    for (number, source) in needs.sources.iter().enumerate() {
        if let Some(account) = reads(needs, member, &source.account) {
            statements.extend(of_account(read_source(needs, source, number), member, account));
        }
    }
    if let Some(queue) = &needs.queue
        && let Some(account) = reads(needs, member, &queue.account)
    {
        statements.extend(of_account(read_queue(needs, queue), member, account));
    }
    for topic in &needs.topics {
        if let Some(account) = reads(needs, member, &topic.account) {
            let topics = needs.topics.iter().filter(|other| other.account == topic.account);
            // The topics of an account are one statement, made at the first of them.
            if needs.topics.iter().find(|other| other.account == topic.account) == Some(topic) {
                statements.extend(of_account(publish(topics), member, account));
            }
        }
    }
    if let Some(role) = needs.organization_role.as_ref().filter(|role| is_member(needs, role))
        && let Some(account) = reads(needs, member, &role.account)
    {
        statements.extend(of_account(organization(needs), member, account));
    }
    Document::new(POLICY, Kind::Inline, statements)
}

/// Whether the role that reads the organisation is the role for auditing its account.
pub(crate) fn is_member(needs: &Needs, role: &AssumedRole) -> bool {
    role.account.as_deref().is_some_and(|account| needs.member_of(account).role.in_arn() == role.in_arn())
}

/// The account, if `member` is the role that is assumed there.
fn reads<'a>(needs: &Needs, member: &Member, account: &'a Option<String>) -> Option<&'a str> {
    account.as_deref().filter(|id| std::ptr::eq(needs.member_of(id), member))
}

fn of_account(statements: Vec<Statement>, member: &Member, account: &str) -> Vec<Statement> {
    match member.role.account {
        Some(_) => statements,
        None => statements.into_iter().map(|statement| statement.when(When::InAccount(account.to_owned()))).collect(),
    }
}

/// Reading AWS Organizations.
pub(crate) fn organization(needs: &Needs) -> Vec<Statement> {
    let statements = allowed(Holder::Organization, |feature| needs.has(feature), anywhere);
    statements.into_iter().map(|statement| Statement { sid: "ReadOrganization".to_owned(), ..statement }).collect()
}

fn read_source(needs: &Needs, source: &Source, number: usize) -> Vec<Statement> {
    let mut statements =
        allowed_of(Holder::Reader, |row| row.feature == Feature::SourceBuckets, |scope| of_source(scope, source));
    if needs.sources.len() > 1 {
        statements.iter_mut().for_each(|statement| statement.sid.push_str(&(number + 1).to_string()));
    }
    statements
}

/// What the owners of a bucket and of its key must add to their policies, so that `reader` can read the source.
pub(crate) fn owners(source: &Source, reader: &Text) -> (Vec<Statement>, Vec<Statement>) {
    let of_buckets = |row: &Permission| row.feature == Feature::SourceBuckets;
    let statements = allowed_of(Holder::Reader, of_buckets, |scope| of_source(scope, source));
    let who = |statement: Statement| statement.of(Principal::Aws(vec![reader.clone()]));
    let is_of_key = |statement: &Statement| statement.actions.iter().all(|action| action.starts_with("kms:"));
    let (key, bucket): (Vec<Statement>, Vec<Statement>) = statements.into_iter().map(who).partition(is_of_key);
    // In the policy of a key, everything is that key.
    let key = key.into_iter().map(|statement| Statement { resources: vec![Text::new("*")], ..statement });
    (bucket, key.collect())
}

fn read_queue(needs: &Needs, queue: &Queue) -> Vec<Statement> {
    let arn = Text::new("arn:{partition}:sqs:").then(&queue.region).then(":");
    let arn = match &queue.owner {
        Some(owner) => arn.then(owner),
        None => arn.and("{account}"),
    };
    let arn = arn.then(":").then(&queue.name);
    allowed_of(
        Holder::Reader,
        |row| row.feature == Feature::Notifications && needs.has(row.feature),
        |_| (vec![arn.clone()], vec![]),
    )
}

/// Telling people through topics.
fn publish<'a>(topics: impl Iterator<Item = &'a Topic>) -> Vec<Statement> {
    let arns: Vec<Text> = topics.map(|topic| Text::literal(&topic.arn)).collect();
    if arns.is_empty() {
        return Vec::new();
    }
    allowed_of(Holder::Reader, |row| row.feature == Feature::Topics, |_| (arns.clone(), vec![]))
}

/// What the hub role may do, apart from assuming roles.
pub(crate) fn hub(needs: &Needs) -> Vec<Statement> {
    let is_kept = |row: &Permission| row.scope != Scope::Roles && needs.has(row.feature);
    let mut statements = allowed_of(Holder::Hub, is_kept, |scope| of_audit(scope, needs));
    for (number, source) in needs.sources.iter().enumerate().filter(|(_, source)| source.account.is_none()) {
        statements.extend(read_source(needs, source, number));
    }
    statements.extend(needs.queue.iter().filter(|queue| queue.account.is_none()).flat_map(|queue| read_queue(needs, queue)));
    statements.extend(publish(needs.topics.iter().filter(|topic| topic.account.is_none())));
    if needs.organization_role.is_none() {
        statements.extend(organization(needs));
    }
    statements
}

type Granted = (Vec<Text>, Vec<Condition>);

fn allowed(holder: Holder, wanted: impl Fn(Feature) -> bool, on: impl Fn(Scope) -> Granted) -> Vec<Statement> {
    allowed_of(holder, |row| wanted(row.feature), on)
}

/// One statement for each scope, in the order of the table.
fn allowed_of(holder: Holder, wanted: impl Fn(&Permission) -> bool, on: impl Fn(Scope) -> Granted) -> Vec<Statement> {
    let mut scopes: Vec<(Scope, Vec<&str>)> = Vec::new();
    for row in TABLE.iter().filter(|row| row.holder == holder && wanted(row)) {
        match scopes.iter_mut().find(|(scope, _)| *scope == row.scope) {
            Some((_, actions)) => actions.push(row.action),
            None => scopes.push((row.scope, vec![row.action])),
        }
    }
    let statement = |(scope, actions): (Scope, Vec<&str>)| {
        let (resources, conditions) = on(scope);
        Statement { conditions, ..Statement::allow(scope.sid(), &actions, resources) }
    };
    scopes.into_iter().map(statement).collect()
}

/// Resources and conditions that are the same in every account.
fn anywhere(scope: Scope) -> Granted {
    match scope {
        Scope::Trails => (vec![Text::new("arn:{partition}:cloudtrail:*:*:trail/*")], vec![]),
        Scope::TrailBuckets => (
            vec![Text::new("arn:{partition}:s3:::{trail-buckets}")],
            // Landing zones write below the organisation's id; whether there is one is asked first.
            vec![Condition {
                operator: "StringLike",
                key: "s3:prefix".to_owned(),
                values: vec![Text::new("*AWSLogs/*"), Text::new("o-")],
            }],
        ),
        Scope::TrailObjects => (vec![Text::new("arn:{partition}:s3:::{trail-buckets}/*AWSLogs/*/CloudTrail*")], vec![]),
        Scope::TrailKeys => (vec![Text::parameter("trail-keys")], vec![through_s3()]),
        Scope::TrailKeysThemselves => (vec![Text::parameter("trail-keys")], vec![]),
        _ => (vec![Text::new("*")], vec![]),
    }
}

fn of_source(scope: Scope, source: &Source) -> Granted {
    let bucket = Text::new("arn:{partition}:s3:::").then(&source.bucket);
    let below = below(&source.prefix);
    match scope {
        Scope::SourceBuckets if below.is_empty() => (vec![bucket], vec![]),
        Scope::SourceBuckets => (vec![bucket], vec![Condition::new("StringLike", "s3:prefix", Text::literal(&below).then("*"))]),
        Scope::SourceObjects => (vec![bucket.then("/").then(&below).then("*AWSLogs/*/CloudTrail*")], vec![]),
        Scope::SourceKeys => (vec![Text::parameter("trail-keys")], vec![through_s3()]),
        Scope::SourceKeysThemselves => (vec![Text::parameter("trail-keys")], vec![]),
        _ => (vec![bucket], vec![]),
    }
}

fn of_audit(scope: Scope, needs: &Needs) -> Granted {
    let below = needs.audit.as_ref().map(|audit| below(&audit.prefix)).unwrap_or_default();
    let bucket = Text::new("arn:{partition}:s3:::{audit-bucket}");
    match scope {
        Scope::AuditBucket if below.is_empty() => (vec![bucket], vec![]),
        Scope::AuditBucket => (vec![bucket], vec![Condition::new("StringLike", "s3:prefix", Text::literal(&below).then("*"))]),
        Scope::AuditObjects => (vec![bucket.then("/").then(&below).then("*")], vec![]),
        Scope::AuditKey => audit_key(needs),
        Scope::SigningKey => (needs.signing_key.iter().map(|arn| Text::literal(arn)).collect(), vec![]),
        _ => (vec![bucket], vec![]),
    }
}

/// The key itself, or any key that has the alias: a permission on an alias is none on its key.
fn audit_key(needs: &Needs) -> Granted {
    let key = needs.audit.as_ref().and_then(|audit| audit.key.as_deref()).unwrap_or_default();
    let Some((place, alias)) = key.split_once(":alias/") else {
        return (vec![Text::parameter("audit-key-arn")], vec![through_s3()]);
    };
    let alias = Text::literal("alias/").then(&exactly(alias));
    let has_alias = Condition::new("ForAnyValue:StringEquals", "kms:ResourceAliases", alias);
    (vec![Text::literal(place).then(":key/*")], vec![through_s3(), has_alias])
}

/// Only when S3 asks on the role's behalf.
pub(crate) fn through_s3() -> Condition {
    Condition::new("StringLike", "kms:ViaService", Text::new("s3.*.{suffix}"))
}

/// The beginning of keys below a prefix, as a pattern that means itself only.
fn below(prefix: &str) -> String {
    if prefix.is_empty() { String::new() } else { format!("{}/", exactly(prefix)) }
}

/// The roles that the hub assumes next: by ARN, and whether it gives them session tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// ARN, or a pattern for the accounts of an organisation.
    pub(crate) arn: Text,
    /// Whether session tags are given.
    pub(crate) tags: bool,
    /// Whether it stands for every account of the organisation.
    pub(crate) organization: bool,
}

/// The roles that are assumed by the role at `step` of a chain: 0 is the hub role, 1 the first role of `via`.
pub(crate) fn targets(needs: &Needs, chain: &[String]) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    let mut add = |target: Target| {
        if !targets.contains(&target) {
            targets.push(target);
        }
    };
    // The next role of a chain that begins as this one does; none if the chain is over.
    let next = |via: &[String]| via.strip_prefix(chain).map(|rest| rest.first().cloned());
    let plain = |arn: &str| Target { arn: Text::literal(arn), tags: false, organization: false };
    for member in &needs.members {
        match next(&member.role.via) {
            None => {}
            Some(Some(arn)) => add(plain(&arn)),
            Some(None) => {
                let tags = !member.tags.is_empty();
                let arn =
                    |account: &str| Text::new("arn:{partition}:iam::").then(account).then(":role/").then(&member.role.in_arn());
                member.listed.iter().for_each(|account| add(Target { arn: arn(account), tags, organization: false }));
                if needs.organization && member.role.account.is_none() {
                    add(Target { arn: arn("*"), tags, organization: true });
                }
            }
        }
    }
    if let Some(role) = &needs.organization_role {
        match next(&role.via) {
            None => {}
            Some(Some(arn)) => add(plain(&arn)),
            Some(None) => {
                let account = role.account.as_deref().unwrap_or_default();
                add(plain(&format!("arn:{}:iam::{account}:role/{}", needs.partition.id(), role.in_arn())));
            }
        }
    }
    targets
}

/// The statements that allow assuming roles: those with session tags apart from those without.
pub(crate) fn assume(targets: &[Target]) -> Vec<Statement> {
    let mut statements = Vec::new();
    for (organization, tags) in [(false, false), (false, true), (true, false), (true, true)] {
        let of = |target: &&Target| target.organization == organization && target.tags == tags;
        let arns: Vec<Text> = targets.iter().filter(of).map(|target| target.arn.clone()).collect();
        if arns.is_empty() {
            continue;
        }
        let sid = [Scope::Roles.sid(), if organization { "OfOrganization" } else { "" }, if tags { "WithTags" } else { "" }];
        let is_wanted = |row: &&Permission| row.scope == Scope::Roles && (tags || row.feature != Feature::SessionTags);
        let actions: Vec<&str> = TABLE.iter().filter(is_wanted).map(|row| row.action).collect();
        let mut statement = Statement::allow(sid.concat(), &actions, arns);
        if organization {
            statement = statement.only(Condition::new("StringEquals", "aws:ResourceOrgID", Text::parameter("organization-id")));
        }
        statements.push(statement);
    }
    statements
}

/// Who may assume a role: exactly one other role, with the external id, and with no other session tags than the
/// configuration's.
pub(crate) fn trust(role: &AssumedRole, tags: &[(&String, &String)], external_id: &'static str) -> Document {
    let who = match role.via.last() {
        Some(arn) => Text::literal(arn),
        None => Text::parameter("hub-role-arn"),
    };
    let who = || Principal::Aws(vec![who.clone()]);
    let mut assume = Statement::allow("AssumedByHub", &["sts:AssumeRole"], vec![]).of(who());
    if role.external_id {
        assume = assume.only(Condition::new("StringEquals", "sts:ExternalId", Text::parameter(external_id)));
    }
    let mut statements = vec![assume];
    if !tags.is_empty() {
        let mut tagged = Statement::allow("TaggedByHub", &["sts:TagSession"], vec![]).of(who());
        for (key, value) in tags {
            tagged.conditions.push(Condition::new("StringEquals", format!("aws:RequestTag/{key}"), Text::literal(value)));
        }
        let keys = tags.iter().map(|(key, _)| Text::literal(key)).collect();
        tagged.conditions.push(Condition { operator: "ForAllValues:StringEquals", key: "aws:TagKeys".to_owned(), values: keys });
        statements.push(tagged);
    }
    Document::new("trust", Kind::Trust, statements)
}

/// The address of GitHub's tokens, as condition keys and providers name it.
pub(crate) const GITHUB: &str = "token.actions.githubusercontent.com";

/// The address of GitLab's tokens.
pub(crate) fn gitlab(values: &Values) -> &str {
    values.get(GITLAB_HOST).map_or("gitlab.com", String::as_str)
}

/// Who may be the hub: jobs of one GitHub or GitLab repository, or ECS tasks of the account.
pub(crate) fn hub_trust(values: &Values) -> Document {
    let jobs = |sid: &str, host: &str, runner: &'static str| {
        let provider = Text::new("arn:{partition}:iam::{account}:oidc-provider/").then(host);
        Statement::allow(sid, &["sts:AssumeRoleWithWebIdentity"], vec![])
            .of(Principal::Federated(provider))
            .only(Condition::new("StringEquals", format!("{host}:aud"), Text::parameter("oidc-audience")))
            .only(Condition::new("StringEquals", format!("{host}:sub"), Text::parameter("oidc-subject")))
            .when(When::Is("runner", runner))
    };
    let task = Statement::allow("EcsTasks", &["sts:AssumeRole"], vec![])
        .of(Principal::Service("ecs-tasks.amazonaws.com"))
        .only(Condition::new("StringEquals", "aws:SourceAccount", Text::new("{account}")))
        .only(Condition::new("ArnLike", "aws:SourceArn", Text::new("arn:{partition}:ecs:*:{account}:*")))
        .when(When::Is("runner", "ecs"));
    let statements = vec![jobs("GitHubJobs", GITHUB, "github"), jobs("GitLabJobs", gitlab(values), "gitlab"), task];
    Document::new("trust", Kind::Trust, statements)
}
