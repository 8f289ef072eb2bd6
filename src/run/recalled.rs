//! What runs left in the audit bucket, read to be asked: nothing here asks AWS, takes the state over or writes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use assize_bucket::Bucket;
use assize_engine::coverage::{CellEvidence, Reason};
use serde::{Deserialize, Serialize};

use super::{RunError, digests, recall};
use crate::collect::collected::{CellKey, Collected};
use crate::config::{Config, JudgeConfig};
use crate::digests::Verified;
use crate::discover::{Discovered, Trouble};
use crate::estate::Estate;
use crate::judge;
use crate::state::{StateError, View};

/// The name of the document in the timeline of runs.
pub(super) const SNAPSHOT: &str = "estate";

/// Accounts and regions as one run saw them. Version 1.
#[derive(Debug, Deserialize)]
struct Snapshot {
    estate: Estate,
    #[serde(default)]
    cells: Vec<CellRow>,
    /// What the run was asked to judge, where it was asked: seconds since 1970.
    #[serde(default)]
    since: Option<i64>,
    #[serde(default)]
    until: Option<i64>,
}

/// A cell in scope, and why nothing of it could be collected.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CellRow {
    account: String,
    region: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// The cells of a run for its snapshot.
pub(super) fn rows(discovered: &Discovered) -> Vec<CellRow> {
    let row = |((account, region), trouble): (&CellKey, &Option<Trouble>)| CellRow {
        account: account.clone(),
        region: region.clone(),
        reason: trouble.as_ref().map(|trouble| trouble.reason.code().to_owned()),
        message: trouble.as_ref().map(|trouble| trouble.message.clone()),
    };
    discovered.cells.iter().map(row).collect()
}

/// The accounts as one run saw them, and the number of its take-over of the state. None if the state does not have it.
///
/// # Errors
/// The state cannot be read, or was written by a newer version.
pub(crate) async fn accounts_of(view: &View, run: &str, as_of: i64) -> Result<Option<(Estate, u64)>, RunError> {
    let of_time = view.timeline(SNAPSHOT, as_of..as_of.saturating_add(1)).await?;
    let Some(seen) = of_time.into_iter().rev().find(|document| document.run == run) else { return Ok(None) };
    let snapshot: Snapshot = serde_json::from_value(seen.value).map_err(RunError::Snapshot)?;
    Ok(Some((snapshot.estate, seen.order.0)))
}

/// What runs know.
pub(crate) struct Recalled {
    /// The state.
    pub(crate) view: View,
    /// Time of the last run, seconds since 1970.
    pub(crate) as_of: i64,
    /// The period that it was asked to judge, if it was asked for one; seconds since 1970.
    pub(crate) asked: (Option<i64>, Option<i64>),
    /// Its accounts.
    pub(crate) estate: Estate,
    /// Its cells, and why nothing of them could be collected.
    pub(crate) cells: BTreeMap<CellKey, Option<Trouble>>,
    /// What was collected.
    pub(crate) collected: Collected,
    /// What was verified.
    pub(crate) verified: Verified,
}

/// The time of the last run, seconds since 1970. None if there was none.
///
/// # Errors
/// The state cannot be read.
pub(crate) async fn last_run(view: &View) -> Result<Option<i64>, StateError> {
    Ok(view.snapshot(SNAPSHOT, i64::MAX - 1).await?.map(|last| last.as_of))
}

impl Recalled {
    /// Reads it. None if no run was ever there.
    ///
    /// # Errors
    /// The state cannot be read, or was written by a newer version.
    pub(crate) async fn read(bucket: Arc<dyn Bucket>) -> Result<Option<Recalled>, RunError> {
        let view = View::open(bucket).await?;
        let Some(last) = view.snapshot(SNAPSHOT, i64::MAX - 1).await? else { return Ok(None) };
        let Snapshot { estate, cells, since, until } = serde_json::from_value(last.value).map_err(RunError::Snapshot)?;
        let cell = |row: CellRow| {
            let reason = row.reason.map(|code| Reason::named(&code).unwrap_or(Reason::NotCollected));
            let message = row.message.unwrap_or_default();
            ((row.account, row.region), reason.map(|reason| Trouble { reason, message }))
        };
        let cells = cells.into_iter().map(cell).collect();
        let (collected, verified) = (recall(&view).await?, digests::recall(&view).await?);
        Ok(Some(Recalled { view, as_of: last.as_of, asked: (since, until), estate, cells, collected, verified }))
    }

    /// What is known of every cell.
    pub(crate) fn evidence(&self, config: &Config) -> BTreeMap<CellKey, CellEvidence> {
        judge::evidence(&self.collected, &self.verified, &self.cells, config.judge.settle_seconds())
    }

    /// The hours that the last run judged; if a period is asked for, those that a run at its time would judge of it. Hours since
    /// 1970.
    pub(crate) fn hours(&self, judge: &JudgeConfig, since: Option<i64>, until: Option<i64>) -> Range<i64> {
        let (since, until) = if (since, until) == (None, None) { self.asked } else { (since, until) };
        judge.hours(self.as_of, since, until)
    }
}
