//! The JSON output, version 1: `assize scan --format json` and `report.json`.
//!
//! These structs are the format. They are frozen: a change of meaning or a removed field is a version 2 beside
//! this file. They hold hardly any logic and no type of the engine, so that the engine may change freely. Templates render
//! from them too, so that no report can say what the JSON does not.
//!
//! Times are RFC 3339 in UTC (`2026-11-22T08:00:00Z`); sizes are bytes; counts are exact unless a field says so.

mod life;
mod scope;

use serde::Serialize;

pub(crate) use life::*;
pub(crate) use scope::*;

/// The number in [`Document::version`].
pub(crate) const VERSION: u32 = 1;

/// Everything one run found, and everything it could not look at.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Document {
    /// Always [`VERSION`].
    pub(crate) version: u32,
    /// What ran, over what, with which parameters.
    pub(crate) run: Run,
    /// What was read, counted so that the sums must balance.
    pub(crate) books: Books,
    /// What this result can and cannot speak for.
    pub(crate) coverage: Coverage,
    /// Every policy that was loaded, whether or not it matched; by level, then id.
    pub(crate) policies: Vec<Policy>,
    /// Every framework, its requirements answered from the policies above.
    pub(crate) frameworks: Vec<Framework>,
    /// Most severe first, then by account, region, policy and start.
    pub(crate) findings: Vec<Finding>,
    /// Events over time, by account.
    pub(crate) activity: Activity,
    /// What the run was to look at, and how much of it could be seen. Only `run` and `report` know a scope; a scan of files
    /// has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<Scope>,
    /// What changed since the run before. Only a run knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) changes: Option<Changes>,
    /// Every waiver of the configuration, and what it did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waivers: Vec<WaiverUse>,
    /// The log objects behind the findings that are shown, at most 5,000; only a run keeps their hashes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) evidence: Vec<EvidenceObject>,
    /// How many there are in all.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) evidence_total: u64,
    /// The runs of the period. Only a report over a named period has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) history: Option<History>,
}

/// What ran, over what, with which parameters.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    /// `assize`.
    pub(crate) tool: &'static str,
    /// Version of the binary, for example `0.1.0`.
    pub(crate) tool_version: &'static str,
    /// The subcommand: `scan` or `demo`.
    pub(crate) command: &'static str,
    /// The one time that enters the run from outside.
    pub(crate) as_of: String,
    /// Records before this event time were left out, if set.
    pub(crate) since: Option<String>,
    /// Records at or after this event time were left out, if set.
    pub(crate) until: Option<String>,
    /// The paths as given.
    pub(crate) paths: Vec<String>,
    /// SHA-256 over the loaded policy and framework files, hexadecimal.
    pub(crate) policies_sha256: String,
    /// The level from which a finding makes the exit code 1 or 4.
    pub(crate) fail_on: String,
    /// Whether only findings count that are new since the run before, or came back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) fail_on_new: bool,
    /// The exit code that this result gives: 0, 1, 3 or 4.
    pub(crate) exit_code: u8,
}

/// Counts that must balance.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Books {
    /// Files or stored objects.
    pub(crate) objects: ObjectBooks,
    /// Records inside them.
    pub(crate) records: RecordBooks,
    /// Records and objects by kind, for example `management`, `data`, `insight`, `digest object`; by count, largest first.
    pub(crate) kinds: Vec<Count>,
    /// Whether both sums hold: objects listed = read + skipped + failed, and
    /// records read = evaluated + duplicate + malformed + other kinds + outside the period.
    pub(crate) balanced: bool,
}

/// objects: listed = read + skipped + failed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ObjectBooks {
    /// Found under the paths.
    pub(crate) listed: u64,
    /// Opened and read to the end. Some of their records may still be malformed.
    pub(crate) read: u64,
    /// Not log objects by their name or content (markers, empty files); listed in [`Coverage::skipped`].
    pub(crate) skipped: u64,
    /// Could not be read, or not to the end; each is a [`Problem`].
    pub(crate) failed: u64,
    /// Bytes as stored (compressed).
    pub(crate) stored_bytes: u64,
    /// Bytes after inflating.
    pub(crate) inflated_bytes: u64,
}

/// records: read = evaluated + duplicate + malformed + other kinds + outside the period.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RecordBooks {
    /// Seen in the objects that were read.
    pub(crate) read: u64,
    /// Put to every policy.
    pub(crate) evaluated: u64,
    /// The same bytes under the same account and event id as a record already counted.
    pub(crate) duplicate: u64,
    /// Not a JSON object, or without a usable event time; each is a [`Problem`].
    pub(crate) malformed: u64,
    /// Insight, aggregated and other records that no loaded policy is written for.
    pub(crate) other_kinds: u64,
    /// Outside `since` to `until`.
    pub(crate) outside_period: u64,
    /// Event ids that appear with different bytes. All versions were evaluated; each is a [`Problem`].
    pub(crate) conflicts: u64,
    /// Copies of a record were told as such where no more than so many records lie between them, in the order of delivery;
    /// missing if all were. Further ones count as evaluated again. Findings count each record once all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) copies_within: Option<u64>,
}

/// A label and how often it was counted.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Count {
    /// What was counted.
    pub(crate) label: String,
    /// How many.
    pub(crate) count: u64,
}

/// What this result can and cannot speak for.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Coverage {
    /// One sentence for people: what was read, what could not be, and that a scan of files has no scope to be
    /// complete against.
    pub(crate) statement: String,
    /// Whether everything that was listed could be read and every record was well formed.
    pub(crate) complete: bool,
    /// Account ids seen in records, sorted.
    pub(crate) accounts: Vec<String>,
    /// Regions seen in records, sorted.
    pub(crate) regions: Vec<String>,
    /// Earliest event time of an evaluated record.
    pub(crate) first_event: Option<String>,
    /// Latest event time of an evaluated record.
    pub(crate) last_event: Option<String>,
    /// What could not be read, is malformed or looks tampered with; by object and position. At most 1,000.
    pub(crate) problems: Vec<Problem>,
    /// How many problems there are in all.
    pub(crate) problems_total: u64,
    /// Objects that are not logs. At most 1,000.
    pub(crate) skipped: Vec<Skipped>,
}

/// Something in the input that could not be taken at face value.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    /// Stable kebab-case code, for example `trailing-bytes`, `truncated-gzip`, `malformed-record`, `event-id-conflict`.
    pub(crate) code: String,
    /// Whether it means that somebody may have altered the evidence.
    pub(crate) tampering: bool,
    /// File path or object key.
    pub(crate) object: String,
    /// Zero-based number of the record in the object, where one is meant.
    pub(crate) record: Option<u64>,
    /// Offset in the inflated bytes, where one is meant.
    pub(crate) offset: Option<u64>,
    /// What is wrong, why it matters, what to do.
    pub(crate) message: String,
}

/// An object that is not a log.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Skipped {
    /// File path or object key.
    pub(crate) object: String,
    /// Why it was not read as a log.
    pub(crate) reason: String,
}

/// One policy and what it gave.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Policy {
    /// Unique id.
    pub(crate) id: String,
    /// Title.
    pub(crate) title: String,
    /// Title in Japanese; empty if it is not translated.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) title_ja: String,
    /// Why it matters.
    pub(crate) description: String,
    /// `informational`, `low`, `medium`, `high` or `critical`.
    pub(crate) level: String,
    /// Tags as written, for example `attack.t1562.008`.
    pub(crate) tags: Vec<String>,
    /// The file it was loaded from.
    pub(crate) file: String,
    /// The evidence that a PASS would need, in words.
    pub(crate) needs: String,
    /// What the population counts, in words, for example `eventSource cloudtrail.amazonaws.com`.
    pub(crate) population_of: String,
    /// Records of the population among the evaluated ones.
    pub(crate) population: u64,
    /// Evaluated records that matched.
    pub(crate) matches: u64,
    /// Records that could not be judged because AWS omitted a field; they are for individual review.
    pub(crate) not_evaluable: u64,
    /// Those records, the first 100.
    pub(crate) review: Vec<Occurrence>,
    /// Findings made of the matches.
    pub(crate) findings: u64,
    /// Those of them that a waiver accepts.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) waived: u64,
    /// `match`, `no match`, `not evaluable`.
    pub(crate) status: String,
    /// One sentence. Of a scan `no match in what was read (0 of 4,312 cloudtrail.amazonaws.com events)`; with a scope it
    /// begins with the verdict: `UNKNOWN: no match (0 of 4,312 cloudtrail.amazonaws.com events)`.
    pub(crate) statement: String,
    /// How to put it right.
    pub(crate) remediation: String,
    /// The same in Japanese; empty if it is not translated.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) remediation_ja: String,
    /// References as written.
    pub(crate) references: Vec<String>,
    /// Known causes of false alarms, as written.
    pub(crate) falsepositives: Vec<String>,
    /// The verdict over the whole scope, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<String>,
    /// The verdicts by account, or account and region, as the policy asks; empty without a scope.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) verdicts: Vec<Verdict>,
}

/// A framework and its requirements.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Framework {
    /// Id, for example `cis-aws-foundations-3.0.0`.
    pub(crate) id: String,
    /// Title.
    pub(crate) title: String,
    /// Version as the publisher writes it.
    pub(crate) version: String,
    /// In the order of the framework.
    pub(crate) requirements: Vec<Requirement>,
}

/// One requirement. A scan never says PASS: it has no scope to be complete against.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Requirement {
    /// Id in the framework, for example `4.5`.
    pub(crate) id: String,
    /// Title in our words, English.
    pub(crate) title: String,
    /// Title in our words, Japanese.
    pub(crate) title_ja: String,
    /// Level in the framework, where it has levels.
    pub(crate) level: Option<u8>,
    /// Whether the framework calls for a person's judgement.
    pub(crate) manual: bool,
    /// `no match` (in what was read), `review` (matches of monitored policies are listed), `exception` (a policy whose
    /// matches must be absent matched), `not evaluable` (a record could not be judged), `not evaluated` (no selected policy
    /// answers it), `needs configuration` or `not answered by logs`.
    pub(crate) status: String,
    /// One sentence with its denominator.
    pub(crate) statement: String,
    /// The policies that answer it.
    pub(crate) policies: Vec<RequirementPolicy>,
    /// The verdict over the whole scope, where there is one: that of the policies whose matches must be absent, and UNKNOWN
    /// where the others could not look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<String>,
}

/// A policy's part in a requirement.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RequirementPolicy {
    /// Policy id.
    pub(crate) policy: String,
    /// `absent` or `monitored`.
    pub(crate) kind: String,
    /// Matches of that policy.
    pub(crate) matches: u64,
    /// Population of that policy.
    pub(crate) population: u64,
}

/// One group of matches in one episode.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    /// Stable id: policy, account, region, group, and start of the episode; hexadecimal.
    pub(crate) fingerprint: String,
    /// Policy id.
    pub(crate) policy: String,
    /// Policy title.
    pub(crate) title: String,
    /// Level.
    pub(crate) level: String,
    /// Account id (`unknown` when the record names none).
    pub(crate) account: String,
    /// Region (`unknown` when the record names none).
    pub(crate) region: String,
    /// The values that the policy groups by.
    pub(crate) group: Vec<FieldValue>,
    /// Earliest match.
    pub(crate) first_seen: String,
    /// Latest match.
    pub(crate) last_seen: String,
    /// Matches in the episode, duplicates not counted.
    pub(crate) count: u64,
    /// How a correlation fired; absent of policies whose matches speak for themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) correlated: Option<Correlated>,
    /// The earliest five and the latest, in time order; the rest are in `findings.jsonl`.
    pub(crate) occurrences: Vec<Occurrence>,
    /// How to put it right.
    pub(crate) remediation: String,
    /// Where it stands among runs. Only a run knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) life: Option<Life>,
    /// A waiver that speaks of it, whether or not it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waived: Option<Waived>,
    /// What somebody concluded who looked at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reviewed: Option<Reviewed>,
}

impl Finding {
    /// Whether it is new since the run before, or came back. A scan of files knows no run before.
    pub(crate) fn is_new(&self) -> bool {
        self.life.as_ref().is_some_and(Life::is_new)
    }

    /// Whether it is more than a ground on which to count.
    pub(crate) fn is_severe(&self) -> bool {
        self.level != "informational"
    }

    /// Whether somebody accepted it, so that it fails nothing.
    pub(crate) fn is_accepted(&self) -> bool {
        self.waived.as_ref().is_some_and(Waived::holds)
    }
}

/// What a correlation asked for, and what it came to. Times are UTC.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Correlated {
    /// What was asked for, in words.
    pub(crate) condition: String,
    /// The same, and what it came to.
    pub(crate) statement: String,
    /// The furthest that the value went; none where nothing is counted.
    pub(crate) peak: Option<String>,
    /// When it first held.
    pub(crate) fired_first: String,
    /// The last match or moment at which it held.
    pub(crate) fired_last: String,
    /// When it no longer held: the value was back within its bounds, or what was awaited came. None if it never came.
    pub(crate) over: Option<String>,
    /// Account-region-hours that are not covered and in which what was awaited may have come; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hours_unknown: Option<u64>,
}

/// A field and its value in the record; `None` when the record does not have it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FieldValue {
    /// Field path.
    pub(crate) field: String,
    /// Value as text.
    pub(crate) value: Option<String>,
}

/// One record that matched, and where its bytes are.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Occurrence {
    /// Event id as in the record (empty when it has none).
    pub(crate) event_id: String,
    /// Event time.
    pub(crate) time: String,
    /// File path or object key.
    pub(crate) object: String,
    /// Zero-based number of the record in the object.
    pub(crate) record: u64,
    /// Where the record begins in the inflated object, bytes.
    pub(crate) offset: u64,
    /// How long it is, bytes.
    pub(crate) length: u64,
    /// SHA-256 of the record's bytes, first 16 bytes, hexadecimal.
    pub(crate) sha256_128: String,
    /// The fields that the policy shows.
    pub(crate) show: Vec<FieldValue>,
    /// Why it matched: the selections that were true, with their fields.
    pub(crate) matched: Vec<MatchedSelection>,
    /// The record as it stands in the log, if it could be read again and is at most 64 KiB.
    pub(crate) event: Option<String>,
    /// Why `event` is missing.
    pub(crate) event_missing: Option<String>,
    /// Who is behind it, if it was made with temporary credentials and was read again. What is known of it grows with the
    /// records that are read, and no fingerprint depends on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) behind: Option<Behind>,
}

/// Who is behind a record: its chain of roles, as far as the records that were read tell.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Behind {
    /// One line for people: who began the chain, then each session in turn; and where it breaks.
    pub(crate) statement: String,
    /// What stands at the beginning: `user` (of IAM, or root), `federated` (somebody whom an identity provider vouches for),
    /// `person` (of Identity Center), `service` (an AWS service), or `broken` (nobody is known).
    pub(crate) end: String,
    /// Who that is, in words; none if the chain breaks.
    pub(crate) who: Option<String>,
    /// The account of who began the chain, or of the session at which it breaks, if known.
    pub(crate) account: Option<String>,
    /// Why it breaks: `not-in-evidence`, `response-omitted`, `ambiguous`, `other-account`, `unnamed`, `loop` or `too-long`.
    pub(crate) broken: Option<String>,
    /// The source identity of the chain, if one was set.
    pub(crate) source_identity: Option<String>,
    /// From the record's own session back; at most ten.
    pub(crate) links: Vec<BehindLink>,
}

/// A session, and the record that issued its credentials.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BehindLink {
    /// ARN of the session.
    pub(crate) session: String,
    /// Its access key id, the first and the last four characters; empty if its records name none.
    pub(crate) key: String,
    /// The call that issued the credentials, for example `AssumeRole`.
    pub(crate) call: String,
    /// Event time of that call.
    pub(crate) time: String,
    /// How the two were found to belong together: `key` (both name the access key) or `session` (both name the session and the
    /// second in which it began).
    pub(crate) joined: String,
    /// Event id of that call.
    pub(crate) event_id: String,
    /// File path or object key of its record.
    pub(crate) object: String,
    /// Zero-based number of the record in the object.
    pub(crate) record: u64,
    /// Where the record begins in the inflated object, bytes.
    pub(crate) offset: u64,
}

/// A selection that was true for a record.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MatchedSelection {
    /// Name in the policy.
    pub(crate) selection: String,
    /// The fields that made it so.
    pub(crate) fields: Vec<MatchedField>,
}

/// A field that matched a pattern.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MatchedField {
    /// Field path with its modifiers, as written.
    pub(crate) field: String,
    /// What was in the record.
    pub(crate) value: String,
    /// What the policy asks for.
    pub(crate) pattern: String,
}

/// Events over time, by account.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Activity {
    /// Length of a step: `hour` or `day`.
    pub(crate) step: String,
    /// Start of each step.
    pub(crate) times: Vec<String>,
    /// One series per account, busiest first; at most 20, the rest summed in a last one named `others`.
    pub(crate) accounts: Vec<Series>,
    /// One series per level that has findings, most severe first: matches that belong to findings.
    pub(crate) levels: Vec<Series>,
    /// Most frequent event sources, at most 20.
    pub(crate) sources: Vec<Count>,
}

/// A named row of counts, one per step.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Series {
    /// Account id or level.
    pub(crate) label: String,
    /// One count per step.
    pub(crate) counts: Vec<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
