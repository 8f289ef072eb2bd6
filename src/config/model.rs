//! The configuration as valid values: what `assize.yaml` says, defaults filled in and paths resolved.
//!
//! Only this travels through the program. It knows no type of AWS, of YAML or of the command line. Times are seconds
//! since 1970 in UTC, durations are whole seconds, sizes are bytes. Debug output shows no external id and no secret.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use assize_engine::calendar::Calendar;
use assize_engine::coverage::Reason;
use assize_engine::diagnostic::{Diagnostic, Report, Span, closest};
use assize_engine::policy::{Evidence, Level, Placeholders, matches_glob};

use super::time_stamp::TimeStampAuthority;
use crate::cli::Format;
use crate::exit::FailOn;
use crate::pack::PolicyFile;

/// A configuration without a mistake.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The file, as the user named it.
    pub(crate) file: String,
    /// SHA-256 of the file's text, hexadecimal. Values from the environment are not part of it.
    pub(crate) sha256: String,
    /// Name of the organisation, for reports.
    pub(crate) name: String,
    /// The AWS partition that everything here is in.
    pub(crate) partition: Partition,
    /// Where evidence, state and reports are kept.
    pub(crate) audit: AuditBucket,
    /// The role that is assumed in each account.
    pub(crate) role: RoleConfig,
    /// Whose logs are audited.
    pub(crate) accounts: AccountsConfig,
    /// Regions of accounts that do not say otherwise.
    pub(crate) regions: RegionsConfig,
    /// Where logs are; at least one, in the order of the file.
    pub(crate) sources: Vec<SourceConfig>,
    /// What is done where no trail can be read.
    pub(crate) event_history: EventHistoryConfig,
    /// How far back keys are listed again.
    pub(crate) relist: RelistConfig,
    /// Bounds of a run.
    pub(crate) limits: Limits,
    /// What is evaluated.
    pub(crate) policies: PoliciesConfig,
    /// Files with waivers.
    pub(crate) waivers: Vec<PathBuf>,
    /// Files with reviews.
    pub(crate) reviews: Vec<PathBuf>,
    /// How results are shown, and when they fail a run.
    pub(crate) report: ReportConfig,
    /// When evidence is due.
    pub(crate) judge: JudgeConfig,
    /// When people work; none: policies that ask cannot be judged.
    pub(crate) calendar: Option<Calendar>,
    /// A queue that names new objects.
    pub(crate) notifications: Option<Notifications>,
    /// Who is told what a run found.
    pub(crate) notify: Vec<super::Receiver>,
    /// The key that signs the manifests of runs.
    pub(crate) signing: Option<SigningKeyPlace>,
    /// Who stamps the signed manifests with the time.
    pub(crate) time_stamp: Option<TimeStampAuthority>,
    /// Holes in coverage that somebody answers for; of several the first counts.
    pub(crate) exceptions: Vec<CoverageException>,
    /// Warnings. They stop nothing.
    pub(crate) warnings: Vec<Diagnostic>,
    /// The text for showing the line of a warning; external ids are masked.
    pub(crate) source: PolicyFile,
    /// Policies and frameworks that the file names; what of them exists is known when policies are loaded.
    pub(super) names: Vec<Name>,
}

/// A name that must lead to something that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// What it names.
    pub(crate) kind: NameKind,
    /// A pattern, or an id.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) span: Span,
}

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameKind {
    /// Policies, by a pattern.
    Policy,
    /// A framework, by its id.
    Framework,
}

impl Config {
    /// What an account's own entry says, if it has one.
    pub(crate) fn account(&self, id: &str) -> Option<&AccountConfig> {
        self.accounts.listed.iter().find(|account| account.id == id)
    }

    /// The role to assume in an account: its own, or the one of everybody.
    pub(crate) fn role_of(&self, account: &str) -> &RoleConfig {
        self.account(account).and_then(|account| account.role.as_ref()).unwrap_or(&self.role)
    }

    /// Names of the file that lead nowhere, given the ids of the policies and frameworks that are loaded. Each is a
    /// mistake: an override with a slip in its name would otherwise change nothing, silently.
    pub(crate) fn unknown_names(&self, policies: &[&str], frameworks: &[&str]) -> Vec<Diagnostic> {
        unknown_names(&self.file, &self.names, policies, frameworks)
    }

    /// The regions of an account: its own, or those of everybody.
    pub(crate) fn regions_of(&self, account: &str) -> &RegionsConfig {
        self.account(account).and_then(|account| account.regions.as_ref()).unwrap_or(&self.regions)
    }
}

/// Names of a file that lead nowhere.
pub(crate) fn unknown_names(file: &str, names: &[Name], policies: &[&str], frameworks: &[&str]) -> Vec<Diagnostic> {
    let mut report = Report::new(file);
    for name in names {
        let (what, known, loaded) = match name.kind {
            NameKind::Policy => ("policy", policies.iter().any(|id| matches_glob(&name.text, id)), policies),
            NameKind::Framework => ("framework", frameworks.contains(&name.text.as_str()), frameworks),
        };
        if !known {
            let found = report.error(name.span, "unknown-name", format!("no {what} that is loaded is called `{}`", name.text));
            match closest(&name.text, loaded) {
                Some(meant) => found.hint(format!("did you mean `{meant}`?")),
                None => found.hint("`assize policy list` shows the ids; `policies.paths` says what is loaded"),
            }
        }
    }
    report.finish()
}

/// A part of AWS with its own accounts, regions and endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Partition {
    /// Most of the world.
    Aws,
    /// China.
    AwsCn,
    /// The government of the United States.
    AwsUsGov,
}

impl Partition {
    /// All of them.
    pub(crate) const ALL: [Partition; 3] = [Partition::Aws, Partition::AwsCn, Partition::AwsUsGov];

    /// As ARNs write it: `aws`, `aws-cn`, `aws-us-gov`.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Partition::Aws => "aws",
            Partition::AwsCn => "aws-cn",
            Partition::AwsUsGov => "aws-us-gov",
        }
    }

    /// The region in which global services are recorded.
    pub(crate) fn global_region(self) -> &'static str {
        match self {
            Partition::Aws => "us-east-1",
            Partition::AwsCn => "cn-north-1",
            Partition::AwsUsGov => "us-gov-west-1",
        }
    }
}

/// The audit bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditBucket {
    /// Where it is.
    pub(crate) location: Location,
}

/// A place that objects are written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// `s3://bucket/prefix`.
    S3(S3Location),
    /// `file://folder`.
    Folder(PathBuf),
}

/// A bucket, and how objects are written to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct S3Location {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// Without a slash at either end; empty for the whole bucket.
    pub(crate) prefix: String,
    /// The bucket's region; it is asked for if not given.
    pub(crate) region: Option<String>,
    /// The account that must own the bucket, so that a bucket of that name elsewhere receives nothing.
    pub(crate) owner: Option<String>,
    /// ARN of a KMS key or alias; none is the bucket's own default.
    pub(crate) kms_key: Option<String>,
    /// Retention of evidence.
    pub(crate) object_lock: Option<ObjectLock>,
}

/// Object Lock retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ObjectLock {
    /// Who may shorten it.
    pub(crate) mode: LockMode,
    /// Days from writing, 1 to 36,500.
    pub(crate) days: u32,
}

/// Who may shorten a retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockMode {
    /// Principals with a permission for it.
    Governance,
    /// Nobody.
    Compliance,
}

/// A role that is assumed in each account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleConfig {
    /// Path and name without a slash at the start: `AssizeAudit`, `audit/AssizeAudit`.
    pub(crate) name: String,
    /// Demanded by the trust policy.
    pub(crate) external_id: Option<ExternalId>,
    /// Shows in the accounts' own logs.
    pub(crate) session_name: String,
    /// 15 minutes to 12 hours; at most [`CHAINED_SESSION`] comes of it when `via` is not empty.
    pub(crate) duration: Duration,
    /// Session tags, by key.
    pub(crate) session_tags: BTreeMap<String, String>,
    /// Roles that are assumed before, in order.
    pub(crate) via: Vec<RoleStep>,
}

/// The longest session of a role that is assumed with another role's session; a limit of AWS.
pub(crate) const CHAINED_SESSION: Duration = Duration::from_secs(3600);

impl RoleConfig {
    /// ARN of the role in an account.
    pub(crate) fn arn(&self, partition: Partition, account: &str) -> String {
        format!("arn:{}:iam::{account}:role/{}", partition.id(), self.name)
    }

    /// The duration to ask for.
    pub(crate) fn session_duration(&self) -> Duration {
        if self.via.is_empty() { self.duration } else { self.duration.min(CHAINED_SESSION) }
    }
}

/// A role that is assumed on the way to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleStep {
    /// ARN.
    pub(crate) arn: String,
    /// Demanded by its trust policy.
    pub(crate) external_id: Option<ExternalId>,
}

/// An external id. It is no password, but it is nobody's business either: it does not show in debug output.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ExternalId(String);

impl ExternalId {
    /// Wraps a valid external id.
    pub(crate) fn new(text: String) -> ExternalId {
        ExternalId(text)
    }

    /// The text, for the request to STS and nothing else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ExternalId(****)")
    }
}

/// Whose logs are audited: the listed accounts, those of the organisation, or both together.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccountsConfig {
    /// By id. Each is audited whether or not the organisation has it; for one that the organisation has too, what the
    /// entry says wins.
    pub(crate) listed: Vec<AccountConfig>,
    /// AWS Organizations.
    pub(crate) organization: Option<OrganizationConfig>,
}

/// One account.
#[derive(Clone, Debug)]
pub(crate) struct AccountConfig {
    /// Twelve digits.
    pub(crate) id: String,
    /// Name for reports; the organisation's name for it if not given.
    pub(crate) name: Option<String>,
    /// Environment, for example `prod`.
    pub(crate) env: Option<String>,
    /// Tags, by key; they win over the organisation's.
    pub(crate) tags: BTreeMap<String, String>,
    /// Complete: what the entry leaves out is filled from the role of everybody.
    pub(crate) role: Option<RoleConfig>,
    /// Regions.
    pub(crate) regions: Option<RegionsConfig>,
    /// Since when the role is there; before, nothing could be known. Start of that day, seconds since 1970, UTC.
    pub(crate) enrolled: Option<i64>,
}

/// Which accounts of an organisation.
#[derive(Clone, Debug)]
pub(crate) struct OrganizationConfig {
    /// A role in the management account or in a delegated administrator; none is the run's own credentials.
    pub(crate) role: Option<OrganizationRole>,
    /// Organisational units or roots, all below them included; empty for the whole organisation.
    pub(crate) include_ous: Vec<String>,
    /// An account must have each of these tags with one of the values; empty for all accounts.
    pub(crate) include_tags: TagFilter,
    /// Left out, each with a reason.
    pub(crate) exclude: Vec<Exclusion>,
    /// The tag that holds an account's environment.
    pub(crate) env_from_tag: Option<String>,
}

/// Tag keys and the values that count; `*` stands for any text.
pub(crate) type TagFilter = BTreeMap<String, Vec<String>>;

/// The role that reads the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrganizationRole {
    /// ARN and external id.
    pub(crate) step: RoleStep,
    /// Roles that are assumed before, in order; those of the role of everybody if not given.
    pub(crate) via: Vec<RoleStep>,
}

/// Accounts of the organisation that are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exclusion {
    /// Which.
    pub(crate) target: ExclusionTarget,
    /// Why; it is printed in every report.
    pub(crate) reason: String,
}

/// What an exclusion names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExclusionTarget {
    /// One account.
    Account(String),
    /// An organisational unit and all below it.
    Ou(String),
    /// Accounts that have each of these tags with one of the values.
    Tag(TagFilter),
}

/// Which regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RegionsConfig {
    /// Those that the account has enabled.
    AllEnabled,
    /// These, sorted.
    Listed(Vec<String>),
}

/// A place with logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceConfig {
    /// Which place.
    pub(crate) kind: SourceKind,
    /// What is done with its objects.
    pub(crate) mode: Mode,
}

/// Which place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SourceKind {
    /// The buckets of the trails that the accounts have.
    Discovered,
    /// A bucket.
    Bucket(BucketSource),
}

/// A bucket that is named in the configuration. The layout of its keys is detected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BucketSource {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// Without a slash at either end; empty for the whole bucket.
    pub(crate) prefix: String,
    /// The account whose role reads it; none is the run's own credentials.
    pub(crate) account: Option<String>,
    /// The bucket's region; it is asked for if not given.
    pub(crate) region: Option<String>,
}

/// What is done with the objects of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They are brought into the audit bucket.
    Copy,
    /// They are read where they are; the ledger notes key, version and hashes.
    InPlace,
}

/// The fallback where no readable trail covers an account and region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventHistoryConfig {
    /// For at most so many accounts; 0 switches it off.
    pub(crate) max_accounts: u32,
}

/// How many days back, counted from today, keys are listed again. Each reaches at least as far as the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RelistConfig {
    /// In each run.
    pub(crate) each_run: u32,
    /// In the first run of a day.
    pub(crate) daily: u32,
    /// In the first run of a week.
    pub(crate) weekly: u32,
}

/// Bounds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Requests that are under way at once.
    pub(crate) concurrency: u32,
    /// Requests in all, after which a run stops and says so.
    pub(crate) max_requests: Option<u64>,
    /// Largest object after inflating, bytes.
    pub(crate) max_object: u64,
    /// After this time a run commits what it has and stops.
    pub(crate) deadline: Option<Duration>,
}

/// What is evaluated.
#[derive(Clone, Debug)]
pub(crate) struct PoliciesConfig {
    /// Whether the built-in policies are among them.
    pub(crate) built_in: bool,
    /// Further policy files and folders.
    pub(crate) paths: Vec<PathBuf>,
    /// Ids of the frameworks to report on; empty for all that are loaded.
    pub(crate) frameworks: Vec<String>,
    /// Patterns of policy ids; empty for all that are loaded.
    pub(crate) select: Vec<String>,
    /// Values for the placeholders of policies, by name.
    pub(crate) placeholders: Placeholders,
    /// Other levels for some accounts; a later one wins.
    pub(crate) overrides: Vec<PolicyOverride>,
}

/// Another level of some policies in some accounts.
#[derive(Clone, Debug)]
pub(crate) struct PolicyOverride {
    /// Patterns of policy ids; at least one.
    pub(crate) policies: Vec<String>,
    /// In which accounts.
    pub(crate) accounts: AccountSelector,
    /// The level.
    pub(crate) level: Level,
}

/// Accounts by what is known of them. Each part that is not empty must hold; all empty is every account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccountSelector {
    /// One of these ids.
    pub(crate) ids: Vec<String>,
    /// One of these environments.
    pub(crate) envs: Vec<String>,
    /// Each of these tags with one of the values.
    pub(crate) tags: TagFilter,
}

/// How results are shown, and when they fail a run.
#[derive(Clone, Debug)]
pub(crate) struct ReportConfig {
    /// Findings that make the exit code 1 or 4.
    pub(crate) fail_on: FailOn,
    /// Coverage below this makes the exit code 3 or 4.
    pub(crate) min_coverage: Percent,
    /// Formats to write.
    pub(crate) formats: Vec<Format>,
    /// Whether CSV begins with a byte order mark.
    pub(crate) csv_bom: bool,
    /// A folder with templates that replace the built-in ones by name.
    pub(crate) templates: Option<PathBuf>,
    /// In which times are shown, beside UTC. Times in JSON are in UTC always.
    pub(crate) timezone: Timezone,
    /// The language of HTML and Markdown.
    pub(crate) lang: Lang,
    /// The month in which a fiscal year begins, 1 to 12.
    pub(crate) fiscal_year_start: u8,
    /// How soon somebody must have looked at a finding; the first that fits counts.
    pub(crate) review_within: Vec<ReviewWithin>,
}

/// How soon somebody must have looked at a finding.
#[derive(Clone, Debug)]
pub(crate) struct ReviewWithin {
    /// Of these levels.
    pub(crate) levels: Vec<Level>,
    /// In these accounts.
    pub(crate) accounts: AccountSelector,
    /// From its first match on.
    pub(crate) within: Duration,
}

impl Lang {
    /// The language tag.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ja => "ja",
        }
    }
}

/// A language of reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Lang {
    /// English
    #[default]
    En,
    /// Japanese
    Ja,
}

/// Hundredths of a percent, 0 to 10,000: compared without rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Percent(pub(crate) u32);

impl Percent {
    /// Whether `part` of `total` is at least this much. Of nothing, everything is covered.
    pub(crate) fn met_by(self, part: u64, total: u64) -> bool {
        u128::from(part) * 10_000 >= u128::from(total) * u128::from(self.0)
    }
}

/// A distance from UTC that is the same all year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Timezone {
    /// As written: `UTC`, `+09:00`.
    pub(crate) name: String,
    /// East of UTC.
    pub(crate) offset_seconds: i32,
}

/// A hole in coverage that somebody answers for. Days and times are seconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoverageException {
    /// The accounts.
    pub(crate) accounts: Vec<String>,
    /// The regions; none: all.
    pub(crate) regions: Vec<String>,
    /// Why hours lack; none: whyever.
    pub(crate) reasons: Vec<Reason>,
    /// First second of the hours; none: all before `until`.
    pub(crate) since: Option<i64>,
    /// First second after them; none: all after `since`.
    pub(crate) until: Option<i64>,
    /// Why it is accepted.
    pub(crate) reason: String,
    /// Who answers for it.
    pub(crate) owner: String,
    /// The time from which it counts no more.
    pub(crate) expires: i64,
}

impl CoverageException {
    /// Whether it speaks of an hour (since 1970) of an account and region that lacks for a reason.
    pub(crate) fn holds(&self, (account, region): &(String, String), reason: Reason, hour: i64) -> bool {
        self.accounts.contains(account)
            && (self.regions.is_empty() || self.regions.contains(region))
            && (self.reasons.is_empty() || self.reasons.contains(&reason))
            && self.since.is_none_or(|since| since <= hour * 3600)
            && self.until.is_none_or(|until| hour * 3600 < until)
    }
}

/// When evidence is due, and what is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JudgeConfig {
    /// Events count as complete when verified digests reach this far past them.
    pub(crate) settle: Duration,
    /// Hours younger than this are not yet due.
    pub(crate) horizon: Duration,
    /// How far back a run judges if it is not told otherwise.
    pub(crate) period: Duration,
    /// The grade of evidence that a PASS needs where a policy does not say.
    pub(crate) evidence: Evidence,
    /// Whether calls of earlier runs are looked for in the logs.
    pub(crate) tracers: bool,
}

impl JudgeConfig {
    /// The hours (since 1970) that count for a run at a time: from the asked one on, up to where evidence is due; seconds
    /// since 1970.
    pub(crate) fn hours(&self, as_of: i64, since: Option<i64>, until: Option<i64>) -> Range<i64> {
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let horizon = until.unwrap_or(i64::MAX).min(as_of - seconds(self.horizon));
        let since = since.unwrap_or(horizon - seconds(self.period));
        since.div_euclid(3600)..horizon.div_euclid(3600)
    }

    /// Seconds after which an hour's events count as delivered.
    pub(crate) fn settle_seconds(&self) -> i64 {
        i64::try_from(self.settle.as_secs()).unwrap_or(3600)
    }
}

/// Where the private key is that signs the manifests of runs. The key itself is read when a run begins, and is never part of
/// the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SigningKeyPlace {
    /// A file with the key.
    File(PathBuf),
    /// The name of the environment variable that holds it.
    Variable(String),
    /// ARN of a key in KMS.
    Kms(String),
}

/// An SQS queue with messages about new objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notifications {
    /// URL.
    pub(crate) queue: String,
    /// Region of the queue.
    pub(crate) region: String,
    /// The account whose role reads it; none is the run's own credentials.
    pub(crate) account: Option<String>,
}
