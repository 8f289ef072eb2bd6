//! Stacks: the resources that are deployed together, before any format.

use super::actions::Feature;
use super::documents::{self, GITHUB, POLICY, Target};
use super::needs::{AssumedRole, Member, Needs, Source};
use super::parameter::Values;
use super::policy::{Document, Kind};
use super::resources;
use super::text::{Text, When};
use super::{Part, RoleError};
use crate::config::{LockMode, ObjectLock};

/// Resources that are deployed together.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    /// Name of its files: `member`, `member-111122223333`, `hub`.
    pub(crate) name: String,
    /// What it is, and where it is deployed.
    pub(crate) about: String,
    /// What it makes.
    pub(crate) resources: Vec<Resource>,
    /// Policies that others must add to, by file name: owners of buckets, keys, topics and other roles.
    pub(crate) others: Vec<Document>,
}

/// Something that a stack makes.
#[derive(Clone, Debug)]
pub(crate) enum Resource {
    /// An identity provider for the jobs of a host, under the value of `create-oidc-provider` that asks for it.
    Provider(String, When),
    /// A role.
    Role(Box<Role>),
    /// The audit bucket, with its policy.
    Bucket(BucketPlan),
    /// The audit bucket's key, with its policy.
    Key(Document),
    /// The queue, with its policy.
    Queue(Document),
}

/// A role.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    /// Names it inside the template: `Member`, `Hub`, `Organization`.
    pub(crate) id: &'static str,
    /// What it is for.
    pub(crate) about: &'static str,
    /// `/` or `/some/path/`.
    pub(crate) path: String,
    /// Name.
    pub(crate) name: Text,
    /// Longest session, seconds.
    pub(crate) duration: u64,
    /// Who may assume it.
    pub(crate) trust: Document,
    /// The policy inside it.
    pub(crate) inline: Document,
    /// Policies beside it, where one is too small.
    pub(crate) managed: Vec<Document>,
    /// When it is made.
    pub(crate) when: Option<When>,
}

/// The audit bucket.
#[derive(Clone, Debug)]
pub(crate) struct BucketPlan {
    /// Its policy.
    pub(crate) policy: Document,
    /// Whether it is encrypted with a KMS key of one's own.
    pub(crate) key: bool,
    /// Retention of everything in it.
    pub(crate) lock: Option<ObjectLock>,
    /// The key of the one object that is overwritten: its old versions expire.
    pub(crate) head: String,
}

impl BucketPlan {
    /// As S3 writes it.
    pub(crate) fn lock_mode(lock: ObjectLock) -> &'static str {
        match lock.mode {
            LockMode::Governance => "GOVERNANCE",
            LockMode::Compliance => "COMPLIANCE",
        }
    }
}

/// The stacks of a part.
pub(crate) fn stacks(part: Part, needs: &Needs, values: &Values) -> Result<Vec<Stack>, RoleError> {
    Ok(match part {
        Part::Member => needs.members.iter().map(|member| member_stack(needs, member)).collect(),
        Part::Management => vec![management(needs)],
        Part::Hub => vec![hub(needs, values)?],
        Part::Bucket => vec![bucket(needs)?],
        Part::Key => vec![Stack {
            name: "key".to_owned(),
            about:
                "Assize: the KMS key of the audit bucket. Deploy it in the account and region of the bucket, after the hub role."
                    .to_owned(),
            resources: vec![Resource::Key(resources::key_policy())],
            others: vec![],
        }],
        Part::Notifications => vec![Stack {
            name: "notifications".to_owned(),
            about: "Assize: a queue that tells of new log objects. Deploy it in the region of what sends to it.".to_owned(),
            resources: vec![Resource::Queue(resources::queue_policy())],
            others: vec![Document::new("topic-policy", Kind::Queue, resources::owner_of_topic())],
        }],
    })
}

fn member_role(needs: &Needs, member: &Member) -> Role {
    let tags: Vec<(&String, &String)> = member.tags.iter().collect();
    Role {
        id: "Member",
        about: "Assize reads which trails record this account, and what they recorded.",
        path: member.role.path.clone(),
        name: Text::literal(&member.role.name),
        duration: member.duration,
        trust: documents::trust(&member.role, &tags, "external-id"),
        inline: documents::member(needs, member),
        managed: vec![],
        when: None,
    }
}

fn member_stack(needs: &Needs, member: &Member) -> Stack {
    let (name, place) = match &member.role.account {
        None => ("member".to_owned(), "every audited account: as a StackSet, or account by account".to_owned()),
        Some(account) => (format!("member-{account}"), format!("the account {account}, whose role is one of its own")),
    };
    Stack {
        name,
        about: format!(
            "Assize: the role that reads an account's audit trails. Deploy it in {place}, in one region, after the hub role."
        ),
        resources: vec![Resource::Role(Box::new(member_role(needs, member)))],
        others: if needs.has(Feature::TrailBuckets) { owners_of_trails(member) } else { vec![] },
    }
}

/// The management account is not reached by StackSets, and it, or a delegated administrator, reads the organisation.
fn management(needs: &Needs) -> Stack {
    let account = needs.organization_role.as_ref().and_then(|role| role.account.as_deref());
    let member =
        account.map_or_else(|| needs.members.first().expect("the role of everybody"), |account| needs.member_of(account));
    let mut role = member_role(needs, member);
    // Statements that depend on the account are for the StackSet; here it is known which account this is.
    if let Some(account) = account {
        let here = Some(When::InAccount(account.to_owned()));
        role.inline.statements.retain(|statement| statement.when.is_none() || statement.when == here);
        role.inline.statements.iter_mut().for_each(|statement| statement.when = None);
    }
    let mut resources = Vec::new();
    match &needs.organization_role {
        Some(reader) if documents::is_member(needs, reader) => {}
        Some(reader) => resources.push(Resource::Role(Box::new(organization_role(needs, reader)))),
        None => {}
    }
    role.when = Some(When::Is("create-member-role", "yes"));
    resources.insert(0, Resource::Role(Box::new(role)));
    Stack {
        name: "management".to_owned(),
        about: "Assize: the roles of the account that reads AWS Organizations: the management account, which StackSets do not \
                reach, or a delegated administrator. Deploy it there, in one region, after the hub role."
            .to_owned(),
        resources,
        others: vec![],
    }
}

fn organization_role(needs: &Needs, reader: &AssumedRole) -> Role {
    Role {
        id: "Organization",
        about: "Assize reads which accounts the organisation has.",
        path: reader.path.clone(),
        name: Text::literal(&reader.name),
        duration: 3_600,
        trust: documents::trust(reader, &[], "organization-external-id"),
        inline: Document::new(POLICY, Kind::Inline, documents::organization(needs)),
        managed: vec![],
        when: None,
    }
}

fn hub(needs: &Needs, values: &Values) -> Result<Stack, RoleError> {
    let (inline, managed) = hub_policies(needs)?;
    let role = Role {
        id: "Hub",
        about: "Assize itself: assumes the roles in the audited accounts, and keeps the audit bucket.",
        path: "/".to_owned(),
        name: Text::parameter("hub-role-name"),
        duration: 43_200,
        trust: documents::hub_trust(values),
        inline,
        managed,
        when: None,
    };
    let provider = |host: &str, choice| Resource::Provider(host.to_owned(), When::Is("create-oidc-provider", choice));
    Ok(Stack {
        name: "hub".to_owned(),
        about: "Assize: the role of the run itself. Deploy it in the account of the audit bucket, before everything else."
            .to_owned(),
        resources: vec![
            provider(GITHUB, "github"),
            provider(documents::gitlab(values), "gitlab"),
            Resource::Role(Box::new(role)),
        ],
        others: [owners_of_sources(needs), chain(needs)].concat(),
    })
}

/// Managed policies that a role can have without a raised quota.
const MANAGED_PER_ROLE: usize = 10;

/// The hub's policy; roles that do not fit into it go to managed policies.
fn hub_policies(needs: &Needs) -> Result<(Document, Vec<Document>), RoleError> {
    let targets = documents::targets(needs, &[]);
    let whole = Document::new(POLICY, Kind::Inline, [documents::assume(&targets), documents::hub(needs)].concat());
    if length(&whole, needs) <= whole.kind.limit() {
        return Ok((whole, vec![]));
    }
    let (kept, moved): (Vec<Target>, Vec<Target>) = targets.into_iter().partition(|target| target.organization);
    let inline = Document { statements: [documents::assume(&kept), documents::hub(needs)].concat(), ..whole };
    let mut chunks: Vec<Vec<Target>> = vec![vec![]];
    for target in moved.iter().cloned() {
        let last = chunks.last_mut().expect("there is one from the start");
        last.push(target.clone());
        if length(&chunk(0, last), needs) > Kind::Managed.limit() {
            last.pop();
            chunks.push(vec![target]);
        }
    }
    if chunks.len() > MANAGED_PER_ROLE {
        return Err(RoleError::TooManyAccounts(moved.len()));
    }
    Ok((inline, chunks.iter().enumerate().map(|(number, targets)| chunk(number + 1, targets)).collect()))
}

fn chunk(number: usize, targets: &[Target]) -> Document {
    Document::new(format!("Members{number}"), Kind::Managed, documents::assume(targets))
}

/// Length against AWS's limits, with a longest plausible text in each hole.
pub(crate) fn length(document: &Document, needs: &Needs) -> usize {
    super::json::filled(&document.node(), needs, &Values::new()).compact().len()
}

/// What each role on the way to others must be allowed; those roles are not ours to make.
fn chain(needs: &Needs) -> Vec<Document> {
    let mut chains: Vec<&[String]> = Vec::new();
    let roles = needs.members.iter().map(|member| &member.role).chain(&needs.organization_role);
    for via in roles.map(|role| role.via.as_slice()) {
        for end in 1..=via.len() {
            let start = via.get(..end).unwrap_or(via);
            if !chains.contains(&start) {
                chains.push(start);
            }
        }
    }
    let document = |(number, chain): (usize, &&[String])| {
        let name = format!("via-{}-permissions", number + 1);
        Document::new(name, Kind::Inline, documents::assume(&documents::targets(needs, chain)))
    };
    chains.iter().enumerate().map(document).collect()
}

/// For the owners of named buckets that the hub role reads itself.
fn owners_of_sources(needs: &Needs) -> Vec<Document> {
    let hub = Text::parameter("hub-role-arn");
    let read = needs.sources.iter().filter(|source| source.account.is_none());
    read.flat_map(|source| owners(source, &hub, &source.bucket)).collect()
}

/// For the owners of buckets that trails of other accounts deliver to.
fn owners_of_trails(member: &Member) -> Vec<Document> {
    let account = member.role.account.as_deref().unwrap_or("<account>");
    let reader = Text::new("arn:{partition}:iam::").then(account).then(":role/").then(&member.role.in_arn());
    let source = Source { bucket: "<trail-bucket>".to_owned(), prefix: String::new(), account: None };
    owners(&source, &reader, "trail")
}

fn owners(source: &Source, reader: &Text, name: &str) -> Vec<Document> {
    let (bucket, key) = documents::owners(source, reader);
    vec![
        Document::new(format!("owner-bucket-{name}"), Kind::Bucket, bucket),
        Document::new(format!("owner-key-{name}"), Kind::Key, key),
    ]
}

fn bucket(needs: &Needs) -> Result<Stack, RoleError> {
    let audit = needs.audit.as_ref().ok_or(RoleError::NoBucket)?;
    let plan = BucketPlan {
        policy: resources::bucket_policy(needs),
        key: audit.key.is_some(),
        lock: audit.lock,
        head: if audit.prefix.is_empty() { "head".to_owned() } else { format!("{}/head", audit.prefix) },
    };
    Ok(Stack {
        name: "bucket".to_owned(),
        about: "Assize: the audit bucket. Deploy it after the hub role and the key.".to_owned(),
        resources: vec![Resource::Bucket(plan)],
        others: vec![],
    })
}
