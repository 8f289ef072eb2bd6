//! What a configuration needs of AWS: the one place where [`Config`] becomes features, roles and places.

use std::collections::{BTreeMap, BTreeSet};

use super::actions::Feature;
use crate::config::{
    Channel, Config, Location, ObjectLock, Partition, Receiver, RegionsConfig, RoleConfig, RoleStep, S3Location, SigningKeyPlace,
    SourceConfig, SourceKind,
};

/// What a configuration needs.
#[derive(Clone, Debug)]
pub(crate) struct Needs {
    /// The partition of everything.
    pub(crate) partition: Partition,
    /// What is switched on anywhere.
    pub(crate) features: BTreeSet<Feature>,
    /// The role of everybody, then those of accounts that have one of their own, by account.
    pub(crate) members: Vec<Member>,
    /// Whether accounts come from AWS Organizations.
    pub(crate) organization: bool,
    /// The role that reads the organisation; none is the hub role.
    pub(crate) organization_role: Option<AssumedRole>,
    /// Buckets that the configuration names.
    pub(crate) sources: Vec<Source>,
    /// The queue.
    pub(crate) queue: Option<Queue>,
    /// Topics through which people are told, each once.
    pub(crate) topics: Vec<Topic>,
    /// The audit bucket, if it is one on S3.
    pub(crate) audit: Option<Audit>,
    /// ARN of the KMS key that signs manifests.
    pub(crate) signing_key: Option<String>,
}

/// A role that is assumed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssumedRole {
    /// Its account; none for a role that is in many.
    pub(crate) account: Option<String>,
    /// `/` or `/some/path/`.
    pub(crate) path: String,
    /// Name without its path.
    pub(crate) name: String,
    /// Whether an external id must be given.
    pub(crate) external_id: bool,
    /// ARNs of the roles that are assumed before, in order.
    pub(crate) via: Vec<String>,
}

impl AssumedRole {
    /// Path and name, as they follow `role/` in an ARN.
    pub(crate) fn in_arn(&self) -> String {
        format!("{}{}", self.path.trim_start_matches('/'), self.name)
    }
}

/// The role in audited accounts.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// The role. Its account is set if it is the one of a single account.
    pub(crate) role: AssumedRole,
    /// Longest session, seconds.
    pub(crate) duration: u64,
    /// Session tags, by key.
    pub(crate) tags: BTreeMap<String, String>,
    /// Whether the regions of at least one of its accounts must be asked for.
    pub(crate) all_regions: bool,
    /// The accounts that the configuration lists.
    pub(crate) listed: Vec<String>,
}

/// A bucket that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Name.
    pub(crate) bucket: String,
    /// Without a slash at either end.
    pub(crate) prefix: String,
    /// The account whose role reads it; none is the hub role.
    pub(crate) account: Option<String>,
}

/// A queue with notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    /// Region.
    pub(crate) region: String,
    /// The account it belongs to, if its URL says.
    pub(crate) owner: Option<String>,
    /// Name.
    pub(crate) name: String,
    /// The account whose role reads it; none is the hub role.
    pub(crate) account: Option<String>,
}

/// A topic through which people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    /// ARN.
    pub(crate) arn: String,
    /// The account whose role publishes; none is the hub role.
    pub(crate) account: Option<String>,
}

/// An audit bucket on S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Audit {
    /// Name.
    pub(crate) bucket: String,
    /// Without a slash at either end.
    pub(crate) prefix: String,
    /// ARN of its key, or of an alias.
    pub(crate) key: Option<String>,
    /// Retention.
    pub(crate) lock: Option<ObjectLock>,
}

impl Needs {
    /// Reads a configuration.
    pub(crate) fn of(config: &Config) -> Needs {
        let organization = config.accounts.organization.as_ref();
        let sources = sources(config);
        let audit = match &config.audit.location {
            Location::S3(location) => Some(location),
            Location::Folder(_) => None,
        };
        let mut needs = Needs {
            partition: config.partition,
            features: BTreeSet::from([Feature::Trails, Feature::Accounts]),
            members: members(config),
            organization: organization.is_some(),
            organization_role: organization.and_then(|organization| organization.role.as_ref()).map(|role| {
                let via = role.via.iter().map(|step| step.arn.clone()).collect();
                AssumedRole { via, ..assumed(&role.step) }
            }),
            queue: config.notifications.as_ref().map(|notifications| {
                let mut parts = notifications.queue.trim_end_matches('/').rsplit('/');
                let name = parts.next().unwrap_or_default().to_owned();
                let owner = parts.next().filter(|owner| owner.len() == 12).map(str::to_owned);
                Queue { region: notifications.region.clone(), owner, name, account: notifications.account.clone() }
            }),
            sources,
            topics: topics(config),
            audit: audit.map(|location| Audit {
                bucket: location.bucket.clone(),
                prefix: location.prefix.clone(),
                key: location.kms_key.clone(),
                lock: location.object_lock,
            }),
            signing_key: match &config.signing {
                Some(SigningKeyPlace::Kms(arn)) => Some(arn.clone()),
                _ => None,
            },
        };
        let switched_on = needs.switched_on(config, audit);
        needs.features.extend(switched_on);
        needs
    }

    fn switched_on(&self, config: &Config, audit: Option<&S3Location>) -> Vec<Feature> {
        let discovered = config.sources.iter().any(|source| source.kind == SourceKind::Discovered);
        let switches = [
            (Feature::AllRegions, self.members.iter().any(|member| member.all_regions)),
            (Feature::EventHistory, config.event_history.max_accounts > 0),
            (Feature::Organization, self.organization),
            (Feature::TrailBuckets, discovered),
            (Feature::SourceBuckets, !self.sources.is_empty()),
            (Feature::Notifications, self.queue.is_some()),
            (Feature::Topics, !self.topics.is_empty()),
            (Feature::SessionTags, self.members.iter().any(|member| !member.tags.is_empty())),
            (Feature::AuditBucket, audit.is_some()),
            (Feature::AuditKey, audit.is_some_and(|location| location.kms_key.is_some())),
            (Feature::ObjectLock, audit.is_some_and(|location| location.object_lock.is_some())),
            (Feature::SigningKey, self.signing_key.is_some()),
        ];
        switches.into_iter().filter_map(|(feature, on)| on.then_some(feature)).collect()
    }

    /// Whether something is switched on.
    pub(crate) fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// The role of an account: its own, or the one of everybody.
    pub(crate) fn member_of(&self, account: &str) -> &Member {
        let own = self.members.iter().find(|member| member.role.account.as_deref() == Some(account));
        own.unwrap_or_else(|| self.members.first().expect("the role of everybody is always there"))
    }

    /// What the configuration says for a parameter.
    pub(crate) fn default_of(&self, parameter: &str) -> Option<String> {
        let partition = self.partition.id();
        match parameter {
            "trail-keys" => Some(format!("arn:{partition}:kms:*:*:key/*")),
            "audit-bucket" => self.audit.as_ref().map(|audit| audit.bucket.clone()),
            "audit-key-arn" => self.audit.as_ref()?.key.clone().filter(|key| key.contains(":key/")),
            "key-alias" => self.audit.as_ref()?.key.as_ref()?.split_once(":alias/").map(|(_, alias)| alias.to_owned()),
            "queue-name" => self.queue.as_ref().map(|queue| queue.name.clone()),
            "queue-reader-arn" => {
                let account = self.queue.as_ref()?.account.as_ref()?;
                Some(format!("arn:{partition}:iam::{account}:role/{}", self.member_of(account).role.in_arn()))
            }
            _ => None,
        }
    }
}

fn members(config: &Config) -> Vec<Member> {
    let mut everybody = member(&config.role, None);
    everybody.all_regions = config.accounts.organization.is_some() && config.regions == RegionsConfig::AllEnabled;
    let mut own = Vec::new();
    for account in &config.accounts.listed {
        let all_regions = *config.regions_of(&account.id) == RegionsConfig::AllEnabled;
        match &account.role {
            Some(role) if *role != config.role => {
                own.push(Member { all_regions, listed: vec![account.id.clone()], ..member(role, Some(&account.id)) });
            }
            _ => {
                everybody.all_regions |= all_regions;
                everybody.listed.push(account.id.clone());
            }
        }
    }
    own.insert(0, everybody);
    // Accounts that are not audited may still hold a log archive or a queue.
    for account in read_in(config) {
        let is_own = |member: &Member| member.role.account.as_deref() == Some(account);
        let index = own.iter().position(is_own).unwrap_or(0);
        if let Some(member) = own.get_mut(index).filter(|member| !member.listed.iter().any(|listed| listed == account)) {
            member.listed.push(account.to_owned());
        }
    }
    own
}

/// The accounts whose role reads a bucket or the queue, or publishes to a topic.
fn read_in(config: &Config) -> impl Iterator<Item = &str> {
    let queue = config.notifications.as_ref().and_then(|notifications| notifications.account.as_deref());
    let topics = config.notify.iter().filter_map(publishing_account);
    config.sources.iter().filter_map(account_of).chain(queue).chain(topics)
}

fn publishing_account(receiver: &Receiver) -> Option<&str> {
    match &receiver.to {
        Channel::Sns { account, .. } => account.as_deref(),
        _ => None,
    }
}

fn account_of(source: &SourceConfig) -> Option<&str> {
    match &source.kind {
        SourceKind::Bucket(bucket) => bucket.account.as_deref(),
        SourceKind::Discovered => None,
    }
}

fn member(config: &RoleConfig, account: Option<&str>) -> Member {
    let (path, name) = path_and_name(&config.name);
    let role = AssumedRole {
        account: account.map(str::to_owned),
        path,
        name,
        external_id: config.external_id.is_some(),
        via: config.via.iter().map(|step| step.arn.clone()).collect(),
    };
    Member {
        role,
        // A role cannot be made with less than an hour; shorter sessions are asked for when it is assumed.
        duration: config.duration.as_secs().clamp(3_600, 43_200),
        tags: config.session_tags.clone(),
        all_regions: false,
        listed: Vec::new(),
    }
}

fn assumed(step: &RoleStep) -> AssumedRole {
    let mut parts = step.arn.splitn(6, ':').skip(4);
    let account = parts.next().map(str::to_owned);
    let (path, name) = path_and_name(parts.next().unwrap_or_default().trim_start_matches("role/"));
    AssumedRole { account, path, name, external_id: step.external_id.is_some(), via: Vec::new() }
}

/// `audit/Reader` is a role `Reader` on the path `/audit/`.
fn path_and_name(text: &str) -> (String, String) {
    match text.rsplit_once('/') {
        Some((path, name)) => (format!("/{path}/"), name.to_owned()),
        None => ("/".to_owned(), text.to_owned()),
    }
}

fn topics(config: &Config) -> Vec<Topic> {
    let mut topics: Vec<Topic> = Vec::new();
    for receiver in &config.notify {
        if let Channel::Sns { topic, account, .. } = &receiver.to {
            let topic = Topic { arn: topic.clone(), account: account.clone() };
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
    }
    topics
}

fn sources(config: &Config) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    for source in &config.sources {
        let SourceKind::Bucket(bucket) = &source.kind else { continue };
        let source = Source { bucket: bucket.bucket.clone(), prefix: bucket.prefix.clone(), account: bucket.account.clone() };
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources
}
