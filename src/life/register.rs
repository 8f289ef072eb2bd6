//! The register of findings: what one run reported, kept as `runs/<run id>/register.json` for the next one to compare with.

use assize_engine::finding::Finding;
use assize_engine::policy::Policy;
use assize_engine::time;
use serde::{Deserialize, Serialize};

use super::{Scene, Stand, subject};
use crate::manifest::{FormatError, written};

/// The file's name in a run's folder.
pub(crate) const FILE: &str = "register.json";

/// The document of the state that names the run whose register the next run compares with: a [`crate::manifest::Link`] whose hash
/// is that of the register.
pub(crate) const NEWEST: &str = "register";

/// The version that is written.
const VERSION: u32 = 1;

/// What one run reported. Version 1: frozen; a change is a version 2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Register {
    /// Always 1.
    pub(crate) version: u32,
    /// The run.
    pub(crate) run: String,
    /// Its time.
    pub(crate) as_of: String,
    /// First hour that it judged.
    pub(crate) since: String,
    /// The first hour after those that were due.
    pub(crate) horizon: String,
    /// The run that it compared with; none for the first one.
    pub(crate) before: Option<String>,
    /// Whether the run judged the whole scope over its usual period, so that others may be compared with it.
    pub(crate) whole: bool,
    /// Its findings, in the order of the report.
    pub(crate) findings: Vec<Entry>,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// Fingerprint.
    pub(crate) fingerprint: String,
    /// What it is about, whenever it happens.
    pub(crate) subject: String,
    /// Policy id.
    pub(crate) policy: String,
    /// Policy title.
    pub(crate) title: String,
    /// Level in its account.
    pub(crate) level: String,
    /// Account id.
    pub(crate) account: String,
    /// Region.
    pub(crate) region: String,
    /// Values that the policy groups by.
    pub(crate) group: Vec<Option<String>>,
    /// Earliest match.
    pub(crate) first_seen: String,
    /// Latest match, or the end of a wait that was in vain.
    pub(crate) last_seen: String,
    /// Matches.
    pub(crate) count: u64,
    /// Its state in that run.
    pub(crate) state: String,
    /// Time of the run that reported it first.
    pub(crate) reported: String,
    /// Id of that run.
    pub(crate) reported_by: String,
    /// Whether it was adopted when auditing began.
    pub(crate) baseline: bool,
    /// Whether somebody accepted it.
    pub(crate) waived: bool,
    /// Whether somebody looked at it.
    pub(crate) reviewed: bool,
}

/// Why a register cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    /// Not the JSON that it should be.
    #[error("it is not what assize writes: {0}")]
    Json(#[from] serde_json::Error),
    /// Another version.
    #[error("it has version {0}, which this version of assize does not know; use a newer one")]
    Version(u32),
}

/// What the document says of a finding, beside what its matches say.
pub(crate) struct Said<'a> {
    /// Where it stands.
    pub(crate) stand: &'a Stand,
    /// Its level.
    pub(crate) level: &'a str,
    /// Whether somebody accepted it.
    pub(crate) waived: bool,
    /// Whether somebody looked at it.
    pub(crate) reviewed: bool,
}

impl Register {
    /// The register of a run.
    pub(crate) fn of<'s>(findings: &[Finding], scene: &Scene<'_>, said: impl Fn(usize) -> Said<'s>) -> Register {
        let entries = findings.iter().enumerate().filter_map(|(place, finding)| {
            let policy = scene.policies.get(finding.policy)?;
            Some(entry((finding, policy), scene, &said(place)))
        });
        Register {
            version: VERSION,
            run: scene.run.to_owned(),
            as_of: time::format(scene.as_of),
            since: time::format(scene.hours.start * 3600),
            horizon: time::format(scene.hours.end * 3600),
            before: scene.before.map(|before| before.run.clone()),
            whole: scene.whole,
            findings: entries.collect(),
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// It is not what this version writes.
    pub(crate) fn read(bytes: &[u8]) -> Result<Register, RegisterError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let Head { version } = serde_json::from_slice(bytes)?;
        if version != VERSION {
            return Err(RegisterError::Version(version));
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Its bytes.
    ///
    /// # Errors
    /// Never in practice: all of it can be written as JSON.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, FormatError> {
        written(self)
    }

    /// Only what it says of some accounts.
    pub(crate) fn within(mut self, accounts: impl Fn(&str) -> bool) -> Register {
        self.findings.retain(|entry| accounts(&entry.account));
        self
    }
}

fn entry((finding, policy): (&Finding, &Policy), scene: &Scene<'_>, said: &Said<'_>) -> Entry {
    let stand = said.stand;
    Entry {
        fingerprint: finding.fingerprint.clone(),
        subject: subject(finding, scene.policies),
        policy: policy.id.clone(),
        title: policy.title.clone(),
        level: said.level.to_owned(),
        account: finding.group.account.clone(),
        region: finding.group.region.clone(),
        group: finding.group.values.clone(),
        first_seen: time::format(finding.first()),
        last_seen: time::format(finding.ends()),
        count: finding.hits.len() as u64,
        state: stand.state.to_owned(),
        reported: stand.reported.1.clone(),
        reported_by: stand.reported.0.clone(),
        baseline: stand.baseline,
        waived: said.waived,
        reviewed: said.reviewed,
    }
}
