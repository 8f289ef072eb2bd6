//! What becomes of findings: their state among runs, who accepted them, who looked at them, what changed since last time.

use serde::Serialize;

/// Where a finding stands. Only runs know: a scan of files has no run before it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Life {
    /// `new` (no run reported it before), `reopened` (new, and the same happened before and had ended), `ongoing` (reported
    /// before, and not known to have ended), `fixed` (reported before; nothing of it since, on complete evidence) or `lost`
    /// (reported before; whether it goes on cannot be seen).
    pub(crate) state: String,
    /// One sentence: why it is in that state.
    pub(crate) statement: String,
    /// Time of the run that reported it first.
    pub(crate) reported: String,
    /// Id of that run.
    pub(crate) run: String,
    /// Whether it was adopted as it was when auditing began, by `--baseline`.
    pub(crate) baseline: bool,
    /// Whole days from its first match to the time of the run.
    pub(crate) age_days: u64,
    /// When somebody should have looked at it at the latest, where the configuration says so.
    pub(crate) due: Option<String>,
    /// Whether that time has passed and nobody has.
    pub(crate) overdue: bool,
}

/// What a receiver was told by a run: `notified` in its `run.json`, by the receiver's name.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Notified {
    /// Messages that it took.
    pub(crate) sent: u64,
    /// Messages that could not be sent.
    pub(crate) failed: u64,
    /// Findings and other things that the sent messages told.
    pub(crate) told: u64,
    /// Things that wait for the next run.
    pub(crate) waiting: u64,
    /// Why the last message that failed did; no secret stands in it.
    pub(crate) last_error: Option<String>,
}

/// A waiver and a finding that it speaks of.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Waived {
    /// `holds`: the finding is accepted. `expired`: it went on, or began, when the waiver had ended. `later`: the waiver was
    /// written after the period, so it changes nothing of it.
    pub(crate) state: String,
    /// Why it is accepted.
    pub(crate) reason: String,
    /// Who will see to its end.
    pub(crate) owner: String,
    /// Who accepted it; never the owner.
    pub(crate) approver: String,
    /// Ticket; empty if there is none.
    pub(crate) ticket: String,
    /// The day from which it counts.
    pub(crate) created: String,
    /// The day from which it counts no more.
    pub(crate) expires: String,
    /// Where it is written: file and line.
    pub(crate) place: String,
}

impl Life {
    /// Whether it is new since the run before, or came back.
    pub(crate) fn is_new(&self) -> bool {
        matches!(self.state.as_str(), "new" | "reopened")
    }
}

impl Waived {
    /// Whether it accepts the finding, so that it fails nothing.
    pub(crate) fn holds(&self) -> bool {
        self.state == "holds"
    }
}

/// What somebody concluded who looked at a finding.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reviewed {
    /// Who looked.
    pub(crate) by: String,
    /// When.
    pub(crate) at: String,
    /// `expected`, `benign`, `false-positive`, `incident` or `open`.
    pub(crate) conclusion: String,
    /// What was found out; empty if nothing was written.
    pub(crate) note: String,
    /// Ticket; empty if there is none.
    pub(crate) ticket: String,
    /// Whether it came after the finding was due.
    pub(crate) late: bool,
    /// Where it is written: file and line.
    pub(crate) place: String,
}

/// A waiver, and what it did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WaiverUse {
    /// The policy.
    pub(crate) policy: String,
    /// What it is limited to, in words.
    pub(crate) scope: String,
    /// As it stands in the file.
    #[serde(flatten)]
    pub(crate) waiver: Waived,
    /// Findings that it speaks of.
    pub(crate) findings: u64,
}

/// What changed since the run before.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Changes {
    /// One sentence for people.
    pub(crate) statement: String,
    /// The run that is compared with; none for the first one.
    pub(crate) run: Option<String>,
    /// Its time.
    pub(crate) as_of: Option<String>,
    /// Findings by state.
    pub(crate) new: u64,
    /// Findings that came back.
    pub(crate) reopened: u64,
    /// Findings that go on.
    pub(crate) ongoing: u64,
    /// Findings that ended, on complete evidence.
    pub(crate) fixed: u64,
    /// Findings of which it cannot be seen whether they go on.
    pub(crate) lost: u64,
    /// Findings of the run before that are not among the findings any more, at most 1,000.
    pub(crate) gone: Vec<Gone>,
    /// How many there are in all.
    pub(crate) gone_total: u64,
    /// Findings of the level that fails a run and above, at least those with a time by which somebody should look, that nobody
    /// has reviewed and nobody has accepted.
    pub(crate) unreviewed: u64,
    /// Those of them whose time has passed.
    pub(crate) overdue: u64,
}

/// A finding that the run before reported and this one does not.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Gone {
    /// Its fingerprint.
    pub(crate) fingerprint: String,
    /// Policy id.
    pub(crate) policy: String,
    /// Policy title.
    pub(crate) title: String,
    /// Level.
    pub(crate) level: String,
    /// Account id.
    pub(crate) account: String,
    /// Region.
    pub(crate) region: String,
    /// Earliest match.
    pub(crate) first_seen: String,
    /// Latest match.
    pub(crate) last_seen: String,
    /// `aged-out` (its last match lies before the period), `lost` (its account or policy is not looked at any more, or its
    /// evidence is not there), or `withdrawn` (evidence that came later, or a changed policy, explains it).
    pub(crate) state: String,
    /// One sentence: why.
    pub(crate) statement: String,
}

/// The runs whose results a report over a period puts together.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct History {
    /// The period as it was asked for.
    pub(crate) period: String,
    /// Days of the period, up to the cut-off.
    pub(crate) days: u64,
    /// Those in which a run judged.
    pub(crate) days_evaluated: u64,
    /// The others, at most 31.
    pub(crate) missing: Vec<String>,
    /// What arrived later is not in the report: the time of the last run.
    pub(crate) cut_off: String,
    /// Findings that no run within the period reported: their records came late, or a policy was judged later.
    pub(crate) late: u64,
    /// Stretches of runs with the same policies, configuration, tool and number of accounts, in order.
    pub(crate) stretches: Vec<Stretch>,
}

/// Runs in a row that judged by the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Stretch {
    /// Time of the first run.
    pub(crate) since: String,
    /// Time of the last one.
    pub(crate) until: String,
    /// How many runs.
    pub(crate) runs: u64,
    /// SHA-256 over the policy and framework files.
    pub(crate) policies_sha256: String,
    /// SHA-256 of the configuration.
    pub(crate) configuration_sha256: String,
    /// Version of the tool.
    pub(crate) tool: String,
    /// Accounts in scope.
    pub(crate) accounts: u64,
}

/// A log object behind a finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct EvidenceObject {
    /// Its name, as occurrences have it.
    pub(crate) object: String,
    /// SHA-256 of the stored bytes, hexadecimal.
    pub(crate) sha256: String,
    /// Stored bytes.
    pub(crate) bytes: u64,
}
