//! What a run says of its scope: coverage, digests, calls of its own, obstacles, verdicts, books of the collection.

use serde::Serialize;

/// What a run was to look at: accounts × regions × hours of event time, and what became of each.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Scope {
    /// One sentence: "Of 8,640 account-region-hours due, 8,632 are delivered; 8 are not: 8 kms-denied".
    pub(crate) statement: String,
    /// What the evidence rests on: `delivered` (every listed object was taken and hashed) or `verified` (by digests too).
    pub(crate) grade: String,
    /// Name of the organisation as configured.
    pub(crate) name: String,
    /// Id of the run.
    pub(crate) run_id: String,
    /// First hour that is judged.
    pub(crate) since: String,
    /// The hour at which judging ends; later hours are not yet due.
    pub(crate) horizon: String,
    /// Account-region-hours in the denominator.
    pub(crate) hours_due: u64,
    /// Those of which everything listed was taken.
    pub(crate) hours_delivered: u64,
    /// Whether coverage is at least what the configuration asks for.
    pub(crate) complete: bool,
    /// Those of the delivered hours that signed digests prove to be complete.
    pub(crate) hours_verified: u64,
    /// Those of the delivered hours of which a log object or the digest came later than events are waited for.
    pub(crate) hours_late: u64,
    /// Hours that are covered at the grade of evidence that is asked for.
    pub(crate) hours_covered: u64,
    /// What digests and log objects came to.
    pub(crate) integrity: Integrity,
    /// Whether calls of earlier runs stand in the logs.
    pub(crate) recording: Recording,
    /// Holes in coverage that somebody answers for.
    pub(crate) exceptions: Vec<Exception>,
    /// Coverage that is asked for, in percent with up to two decimals.
    pub(crate) min_coverage: String,
    /// Hours not covered, by reason code, most first.
    pub(crate) unknown: Vec<ReasonHours>,
    /// The period cut into days, or into longer steps if it has more than [`MAX_STEPS`] of them.
    pub(crate) steps: Vec<Step>,
    /// Every account in scope, by id.
    pub(crate) accounts: Vec<ScopeAccount>,
    /// Organisational units with accounts in scope, each with all that is below it; empty if they were not read.
    pub(crate) units: Vec<UnitShare>,
    /// Every account and region in scope, by account and region.
    pub(crate) cells: Vec<ScopeCell>,
    /// Id of the organisation, if it was read.
    pub(crate) organization: Option<String>,
    /// Accounts that the organisation has in all, if they were read.
    pub(crate) organization_accounts: Option<u64>,
    /// Accounts that are left out, each with its reason.
    pub(crate) left_out: Vec<LeftOut>,
    /// Accounts whose logs lie in a source although they are neither in scope nor left out by the configuration.
    pub(crate) strangers: Vec<String>,
    /// What is missing, said once for everything that it concerns.
    pub(crate) obstacles: Vec<Obstacle>,
    /// Further remarks: duplicate trails, gaps in what trails tell.
    pub(crate) notes: Vec<String>,
    /// What was listed and taken.
    pub(crate) collection: Collection,
    /// Runs that began before this one and did not finish.
    pub(crate) abandoned: Vec<String>,
}

/// Hours and why they are not covered.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReasonHours {
    /// Stable code, for example `kms-denied`.
    pub(crate) reason: String,
    /// The reason in words.
    pub(crate) words: String,
    /// Account-region-hours.
    pub(crate) hours: u64,
}

/// One account in scope.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ScopeAccount {
    /// Account id.
    pub(crate) account: String,
    /// Name.
    pub(crate) name: String,
    /// Environment, empty if none is known.
    pub(crate) env: String,
    /// Region-hours due.
    pub(crate) due: u64,
    /// Those of which everything listed was taken.
    pub(crate) delivered: u64,
    /// Those that signed digests prove to be complete.
    pub(crate) verified: u64,
    /// Those of the delivered of which something came late.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub(crate) late: u64,
    /// Those covered at the grade that is asked for.
    pub(crate) covered: u64,
    /// The same for each of the scope's steps.
    pub(crate) steps: Vec<Share>,
    /// Findings in it.
    pub(crate) findings: u64,
}

/// An organisational unit, with all accounts in scope in it and below it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UnitShare {
    /// Names from the root down, with slashes between.
    pub(crate) unit: String,
    /// Accounts in scope.
    pub(crate) accounts: u64,
    /// Region-hours due.
    pub(crate) due: u64,
    /// Those covered at the grade that is asked for.
    pub(crate) covered: u64,
}

/// One account in one region.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ScopeCell {
    /// Account id.
    pub(crate) account: String,
    /// Region.
    pub(crate) region: String,
    /// Hours due.
    pub(crate) due: u64,
    /// Those of which everything listed was taken.
    pub(crate) delivered: u64,
    /// Those that signed digests prove to be complete.
    pub(crate) verified: u64,
    /// Those of the delivered of which something came late.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub(crate) late: u64,
    /// Those covered at the grade that is asked for.
    pub(crate) covered: u64,
    /// Hours outside the denominator, because the region was not enabled.
    pub(crate) not_applicable: u64,
    /// Hours not covered, by reason code.
    pub(crate) unknown: Vec<ReasonHours>,
    /// Which hours these are, in order; [`MAX_HOLES`] at most.
    pub(crate) holes: Vec<Hole>,
    /// How many stretches there are in all.
    pub(crate) holes_total: u64,
    /// Records evaluated.
    pub(crate) records: u64,
}

/// Something that kept the run from seeing, and what to do about it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Obstacle {
    /// Reason code.
    pub(crate) reason: String,
    /// What failed, on what, why, what to do next.
    pub(crate) message: String,
    /// The accounts concerned, by id.
    pub(crate) accounts: Vec<String>,
    /// How many accounts and regions are concerned.
    pub(crate) cells: u64,
}

/// An account that is left out.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LeftOut {
    /// Account id.
    pub(crate) account: String,
    /// Name.
    pub(crate) name: String,
    /// Why.
    pub(crate) reason: String,
}

/// What was listed and taken: listed = taken + already there + failed + skipped + left.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Collection {
    /// Objects seen in listings, or owed from earlier runs.
    pub(crate) listed: u64,
    /// Fetched, kept and evaluated in this run.
    pub(crate) taken: u64,
    /// In the ledger already.
    pub(crate) already: u64,
    /// Could not be fetched; they are tried again in every run.
    pub(crate) failed: u64,
    /// Not CloudTrail objects.
    pub(crate) skipped: u64,
    /// Not tried, because the run was to stop.
    pub(crate) left: u64,
    /// Whether the sum holds.
    pub(crate) balanced: bool,
    /// Stored bytes taken.
    pub(crate) stored_bytes: u64,
    /// Inflated bytes taken.
    pub(crate) inflated_bytes: u64,
    /// Objects owed in all, from this run and earlier ones.
    pub(crate) owed: u64,
    /// Pages of listings.
    pub(crate) list_requests: u64,
    /// Reads.
    pub(crate) get_requests: u64,
    /// Writes.
    pub(crate) put_requests: u64,
    /// Calls of other services.
    pub(crate) api_requests: u64,
    /// Estimated price of the requests in dollars, with four decimals.
    pub(crate) dollars: String,
    /// Longest time from an event to its object, seconds.
    pub(crate) event_to_object_seconds: i64,
    /// Longest time from an object to the run that took it, seconds.
    pub(crate) object_to_run_seconds: i64,
    /// Why collecting stopped early, if it did.
    pub(crate) stopped: Option<String>,
}

/// What a policy says of a part of the scope.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    /// Account id; `None` for the organisation.
    pub(crate) account: Option<String>,
    /// Region; `None` for all.
    pub(crate) region: Option<String>,
    /// `PASS`, `FAIL`, `WAIVED` (all findings are accepted), `UNKNOWN` or `NOT_APPLICABLE`.
    pub(crate) verdict: String,
    /// Why it is not known: reason codes with hours.
    pub(crate) unknown: Vec<ReasonHours>,
    /// Findings in it.
    pub(crate) findings: u64,
    /// Those of them that a waiver accepts.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub(crate) waived: u64,
    /// Hours due, for what this policy needs.
    pub(crate) due: u64,
    /// Those of which everything listed was taken.
    pub(crate) delivered: u64,
    /// Those that signed digests prove to be complete.
    pub(crate) verified: u64,
    /// Those covered at the grade that the policy asks for.
    pub(crate) covered: u64,
    /// The weakest grade of evidence among the covered hours: `verified` or `delivered`; `None` where nothing is covered.
    pub(crate) grade: Option<&'static str>,
}

/// Coverage by itself: what `assize coverage` says.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CoverageDocument {
    /// 1
    pub(crate) version: u32,
    /// Name of the organisation, as the configuration has it.
    pub(crate) name: String,
    /// Time of the run that it rests on.
    pub(crate) as_of: String,
    /// First hour.
    pub(crate) since: String,
    /// First hour after those that count.
    pub(crate) horizon: String,
    /// The grade of evidence that covers: `verified` or `delivered`.
    pub(crate) grade: &'static str,
    /// One sentence for people.
    pub(crate) statement: String,
    /// Account-region-hours due.
    pub(crate) hours_due: u64,
    /// Those of which everything listed was taken.
    pub(crate) hours_delivered: u64,
    /// Those that signed digests prove to be complete.
    pub(crate) hours_verified: u64,
    /// Those of the delivered hours of which a log object or the digest came later than events are waited for.
    pub(crate) hours_late: u64,
    /// Those covered at the grade.
    pub(crate) hours_covered: u64,
    /// Hours not covered, by reason code, most first.
    pub(crate) unknown: Vec<ReasonHours>,
    /// What digests and log objects came to.
    pub(crate) integrity: Integrity,
    /// Whether calls of earlier runs stand in the logs.
    pub(crate) recording: Recording,
    /// The period in steps.
    pub(crate) steps: Vec<Step>,
    /// Organisational units.
    pub(crate) units: Vec<UnitShare>,
    /// Accounts.
    pub(crate) accounts: Vec<ScopeAccount>,
    /// Accounts and regions.
    pub(crate) cells: Vec<ScopeCell>,
}

/// Hours that are not covered and that somebody answers for, as the configuration says.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Exception {
    /// Account ids.
    pub(crate) accounts: Vec<String>,
    /// Regions; none: all.
    pub(crate) regions: Vec<String>,
    /// Codes of reasons; none: all.
    pub(crate) reasons: Vec<String>,
    /// Why it is accepted.
    pub(crate) reason: String,
    /// Who answers for it.
    pub(crate) owner: String,
    /// The time from which it counts no more.
    pub(crate) expires: String,
    /// `holds`, `expired`, or `unused` if no hour needs it.
    pub(crate) state: &'static str,
    /// Account-region-hours that it speaks of. They are not covered, and in the denominator.
    pub(crate) hours: u64,
}

/// Most steps that a period is cut into.
pub(crate) const MAX_STEPS: i64 = 124;

/// Most stretches that are listed of one account and region.
pub(crate) const MAX_HOLES: usize = 200;

/// A part of the period.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    /// Its first hour.
    pub(crate) since: String,
    /// The first hour after it.
    pub(crate) until: String,
}

/// Hours of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Share {
    /// Due.
    pub(crate) due: u64,
    /// Covered at the grade that is asked for.
    pub(crate) covered: u64,
    /// Delivered, and something of it late.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub(crate) late: u64,
}

/// Hours in a row that are not covered, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Hole {
    /// First hour.
    pub(crate) since: String,
    /// First hour after it.
    pub(crate) until: String,
    /// Code of the reason.
    pub(crate) reason: String,
}

/// What CloudTrail's digests of the period came to, and the log objects that they name.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Integrity {
    /// One sentence for people.
    pub(crate) statement: String,
    /// Chains: one for each trail, account and region.
    pub(crate) chains: u64,
    /// CloudTrail's public keys beside the evidence.
    pub(crate) public_keys: u64,
    /// Digests.
    pub(crate) digests: Checks,
    /// Log objects.
    pub(crate) logs: Checks,
}

/// Calls that earlier runs made, looked for in the logs: proof that what happens is recorded.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Recording {
    /// One sentence for people.
    pub(crate) statement: String,
    /// Accounts and regions in scope.
    pub(crate) cells: u64,
    /// Those of whose logs one call at least is known to be in.
    pub(crate) proven: u64,
    /// Calls that are not in a log that is proven to be complete.
    pub(crate) lost: u64,
    /// Calls that are waited for.
    pub(crate) pending: u64,
    /// The earliest among the latest calls seen of each account and region: since then recording is proven everywhere it is.
    pub(crate) since: Option<String>,
    /// Longest time from a call to the object with its record, seconds.
    pub(crate) longest_seconds: Option<i64>,
}

/// How many objects came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Checks {
    /// Proven to be what AWS delivered.
    pub(crate) valid: u64,
    /// Proven not to be.
    pub(crate) invalid: u64,
    /// Delivered and not there.
    pub(crate) missing: u64,
    /// Nothing can be said.
    pub(crate) unverifiable: u64,
    /// Log objects that no digest of their time names.
    pub(crate) orphan: u64,
}
