//! The one table of IAM actions: which action, who needs it, on what, for which feature, why, and what is unknown
//! without it. Policies, `docs/permissions.md` and the advice after a denial all come from here.
//!
//! A test holds the table against the operations that the code really calls, in both directions.

/// Who needs an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holder {
    /// The role in each audited account.
    Member,
    /// What reads AWS Organizations: a role in the management account or in a delegated administrator, or the hub role.
    Organization,
    /// What reads a bucket or queue, or publishes to a topic, that the configuration names: the role in the account it names, or the
    /// hub role.
    Reader,
    /// The role that the run itself has.
    Hub,
}

/// What the configuration switches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Feature {
    /// Always: which trails there are.
    Trails,
    /// `regions: all-enabled`.
    AllRegions,
    /// `event-history` for at least one account.
    EventHistory,
    /// `accounts: organization`.
    Organization,
    /// A source that is discovered: the trails' own buckets are read.
    TrailBuckets,
    /// A source that is a bucket.
    SourceBuckets,
    /// `notifications`.
    Notifications,
    /// `notify` with `sns`.
    Topics,
    /// Always: there are accounts.
    Accounts,
    /// `session-tags`.
    SessionTags,
    /// An audit bucket on S3.
    AuditBucket,
    /// A KMS key for the audit bucket.
    AuditKey,
    /// Object Lock retention for the audit bucket.
    ObjectLock,
    /// A KMS key that signs what a run puts out.
    SigningKey,
}

/// On what an action is allowed. `documents` says what that is in ARNs and conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Everything: the action knows no resources.
    Everything,
    /// Trails of any account: an organisation's trail belongs to another account than the one that asks.
    Trails,
    /// The buckets of trails: listing below `AWSLogs/` only.
    TrailBuckets,
    /// What CloudTrail wrote into the buckets of trails.
    TrailObjects,
    /// The keys that trails are encrypted with, through S3 only.
    TrailKeys,
    /// The keys that trails are encrypted with, themselves.
    TrailKeysThemselves,
    /// The named buckets: listing below their prefix only.
    SourceBuckets,
    /// What CloudTrail wrote into the named buckets.
    SourceObjects,
    /// The keys that the named buckets are encrypted with, through S3 only.
    SourceKeys,
    /// The keys that the named buckets are encrypted with, themselves.
    SourceKeysThemselves,
    /// The queue.
    Queue,
    /// The topics through which people are told.
    Topics,
    /// The roles that are assumed next, and no others.
    Roles,
    /// The audit bucket: listing below its prefix only.
    AuditBucket,
    /// Objects below the audit bucket's prefix.
    AuditObjects,
    /// The audit bucket's key, through S3 only.
    AuditKey,
    /// The key that signs manifests.
    SigningKey,
}

impl Scope {
    /// Identifies the statement, and says to people what it is about.
    pub(crate) fn sid(self) -> &'static str {
        match self {
            Scope::Everything => "Discover",
            Scope::Trails => "ReadTrails",
            Scope::TrailBuckets => "ListTrailBuckets",
            Scope::TrailObjects => "ReadTrailObjects",
            Scope::TrailKeys => "DecryptTrailObjects",
            Scope::TrailKeysThemselves => "DescribeTrailKeys",
            Scope::SourceBuckets => "ListSource",
            Scope::SourceObjects => "ReadSourceObjects",
            Scope::SourceKeys => "DecryptSourceObjects",
            Scope::SourceKeysThemselves => "DescribeSourceKeys",
            Scope::Queue => "ReadQueue",
            Scope::Topics => "NotifyPeople",
            Scope::Roles => "AssumeRoles",
            Scope::AuditBucket => "ListAuditBucket",
            Scope::AuditObjects => "KeepEvidence",
            Scope::AuditKey => "EncryptEvidence",
            Scope::SigningKey => "SignManifests",
        }
    }
}

/// An action that somebody needs.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "the page of permissions and the advice after a denial read the words"))]
pub(crate) struct Permission {
    /// The IAM action.
    pub(crate) action: &'static str,
    /// Who needs it.
    pub(crate) holder: Holder,
    /// For what.
    pub(crate) feature: Feature,
    /// On what.
    pub(crate) scope: Scope,
    /// Why.
    pub(crate) reason: &'static str,
    /// What is unknown, or does not work, without it.
    pub(crate) without: &'static str,
    /// The reason codes that a report gives then.
    pub(crate) codes: &'static [&'static str],
}

const DENIED: &[&str] = &["denied", "scp-denied", "rcp-denied"];
const KMS: &[&str] = &["kms-denied"];
const ROLE: &[&str] = &["role-not-assumable", "not-enrolled"];
/// The run cannot start: exit code 2.
const STOPS: &[&str] = &[];

const fn row(
    (action, holder, feature, scope): (&'static str, Holder, Feature, Scope),
    reason: &'static str,
    without: &'static str,
    codes: &'static [&'static str],
) -> Permission {
    Permission { action, holder, feature, scope, reason, without, codes }
}

use Holder::{Hub, Member, Organization, Reader};

/// Every action that any configuration needs, in the order in which documents show them.
#[rustfmt::skip]
pub(crate) const TABLE: &[Permission] = &[
    row(("cloudtrail:DescribeTrails", Member, Feature::Trails, Scope::Everything),
        "Which trails record the account, where they deliver, and whether they cover all regions.",
        "The account's trails, and with them whether anything is missing: no requirement can pass for its hours, except where an organisation's trail that another account shows covers it.", DENIED),
    row(("cloudtrail:ListPublicKeys", Member, Feature::Trails, Scope::Everything),
        "The public keys of CloudTrail's digests, one call a region; every run checks digests with them, and they are kept beside the evidence, so that `assize verify` needs nothing else.",
        "Which digests are AWS's: hours that rest on keys which are not kept yet are not proven (`unverifiable`) until another account of the region gives them.", DENIED),
    row(("ec2:DescribeRegions", Member, Feature::AllRegions, Scope::Everything),
        "Which regions the account has enabled; each of them must be covered.",
        "Which regions there are to cover. List them under `regions` to do without.", DENIED),
    row(("cloudtrail:LookupEvents", Member, Feature::EventHistory, Scope::Everything),
        "Shows the management events of the last 90 days where no readable trail covers an account and region.",
        "No hour more: Event history covers nothing, it only shows; of those accounts and regions nothing is shown.", DENIED),
    row(("cloudtrail:GetTrailStatus", Member, Feature::Trails, Scope::Trails),
        "Whether a trail is logging, since when, and what its last delivery errors were.",
        "Whether the trail was logging in each hour: those hours are not covered.", DENIED),
    row(("cloudtrail:GetEventSelectors", Member, Feature::Trails, Scope::Trails),
        "Which events a trail records: management, data, network activity; reads, writes.",
        "What the trail leaves out: policies that need more than its log objects show are not covered.", DENIED),
    row(("s3:ListBucket", Member, Feature::TrailBuckets, Scope::TrailBuckets),
        "Lists the objects that a trail delivered.",
        "Every hour that the bucket holds.", DENIED),
    row(("s3:GetObject", Member, Feature::TrailBuckets, Scope::TrailObjects),
        "Reads log objects and digests, with their metadata.",
        "The hours of the objects that are denied.", DENIED),
    row(("kms:Decrypt", Member, Feature::TrailBuckets, Scope::TrailKeys),
        "Objects of trails that encrypt with a KMS key; S3 decrypts on the reader's behalf.",
        "The hours of the objects under that key.", KMS),
    row(("kms:DescribeKey", Member, Feature::TrailBuckets, Scope::TrailKeysThemselves),
        "`assize doctor` tells a key that is disabled, or waits to be deleted, from one that denies.",
        "Nothing of the evidence: `assize doctor` cannot say why a key does not open.", DENIED),
    row(("organizations:DescribeOrganization", Organization, Feature::Organization, Scope::Everything),
        "The organisation's id, which is part of its trails' keys, and which account manages it.",
        "The organisation: its accounts are not known, the listed ones are still audited.", DENIED),
    row(("organizations:ListAccounts", Organization, Feature::Organization, Scope::Everything),
        "Every account with its name and state: the whole denominator.",
        "Which accounts there are: only the listed ones are audited, and the report says so.", DENIED),
    row(("organizations:ListRoots", Organization, Feature::Organization, Scope::Everything),
        "Where the tree of organisational units begins.",
        "Organisational units: what they include or exclude cannot be decided.", DENIED),
    row(("organizations:ListOrganizationalUnitsForParent", Organization, Feature::Organization, Scope::Everything),
        "The organisational units, for inclusions and exclusions by unit.",
        "Organisational units: what they include or exclude cannot be decided.", DENIED),
    row(("organizations:ListAccountsForParent", Organization, Feature::Organization, Scope::Everything),
        "Which unit an account is in.",
        "Organisational units: what they include or exclude cannot be decided.", DENIED),
    row(("organizations:ListTagsForResource", Organization, Feature::Organization, Scope::Everything),
        "Tags of accounts, for inclusions and exclusions by tag, environments, and policies that look at tags.",
        "Environments and tags: what they include or exclude cannot be decided.", DENIED),
    row(("s3:ListBucket", Reader, Feature::SourceBuckets, Scope::SourceBuckets),
        "Lists the log objects of the bucket, and detects its layout.",
        "Every hour that the bucket holds.", DENIED),
    row(("s3:GetObject", Reader, Feature::SourceBuckets, Scope::SourceObjects),
        "Reads log objects and digests, with their metadata.",
        "The hours of the objects that are denied.", DENIED),
    row(("kms:Decrypt", Reader, Feature::SourceBuckets, Scope::SourceKeys),
        "Objects that are encrypted with a KMS key; S3 decrypts on the reader's behalf.",
        "The hours of the objects under that key.", KMS),
    row(("kms:DescribeKey", Reader, Feature::SourceBuckets, Scope::SourceKeysThemselves),
        "`assize doctor` tells a key that is disabled, or waits to be deleted, from one that denies.",
        "Nothing of the evidence: `assize doctor` cannot say why a key does not open.", DENIED),
    row(("sqs:ReceiveMessage", Reader, Feature::Notifications, Scope::Queue),
        "Takes messages that name new objects.",
        "Nothing: objects are found by listing, later.", DENIED),
    row(("sqs:DeleteMessage", Reader, Feature::Notifications, Scope::Queue),
        "Removes a message after its objects are committed.",
        "Nothing: the same messages come again, and their objects are already there.", DENIED),
    row(("sqs:GetQueueAttributes", Reader, Feature::Notifications, Scope::Queue),
        "How many messages wait, and how long one stays hidden after it is taken.",
        "The backlog of the queue is not shown.", DENIED),
    row(("sns:Publish", Reader, Feature::Topics, Scope::Topics),
        "Tells people what a run found.",
        "Nothing of the evidence: whoever listens to the topic is told nothing, and what they were to be told waits for the next run.", DENIED),
    row(("sts:AssumeRole", Hub, Feature::Accounts, Scope::Roles),
        "Every look into another account goes through the role there.",
        "The account as a whole.", ROLE),
    row(("sts:TagSession", Hub, Feature::SessionTags, Scope::Roles),
        "Session tags that the configuration sets show in the accounts' own logs.",
        "The account as a whole: AWS refuses the role when tags are refused.", ROLE),
    row(("s3:ListBucket", Hub, Feature::AuditBucket, Scope::AuditBucket),
        "Lists evidence and runs; tells a missing object from a denied one.",
        "The run cannot start.", STOPS),
    row(("s3:GetObject", Hub, Feature::AuditBucket, Scope::AuditObjects),
        "Reads the state, and evidence again for reports. A write on condition that nothing has changed needs it too.",
        "The run cannot start.", STOPS),
    row(("s3:PutObject", Hub, Feature::AuditBucket, Scope::AuditObjects),
        "Stores evidence, state and reports.",
        "The run cannot start.", STOPS),
    row(("s3:PutObjectRetention", Hub, Feature::ObjectLock, Scope::AuditObjects),
        "Stores evidence with the retention that the configuration sets.",
        "The run cannot start.", STOPS),
    row(("kms:GenerateDataKey", Hub, Feature::AuditKey, Scope::AuditKey),
        "S3 encrypts what is stored.",
        "The run cannot start.", STOPS),
    row(("kms:Decrypt", Hub, Feature::AuditKey, Scope::AuditKey),
        "S3 decrypts what is read, and checks parts of large objects.",
        "The run cannot start.", STOPS),
    row(("kms:GetPublicKey", Hub, Feature::SigningKey, Scope::SigningKey),
        "The public half of the key that signs the manifests of runs, kept beside them.",
        "The run cannot start.", STOPS),
    row(("kms:Sign", Hub, Feature::SigningKey, Scope::SigningKey),
        "Signs the manifest of each run.",
        "The run ends without a manifest, and is not finished.", STOPS),
];
