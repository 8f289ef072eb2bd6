//! [`Recording`] as the state keeps it: structs of our own, so that the engine may change without changing what was written.

use assize_engine::coverage::{Recorded, Recording};
use serde::{Deserialize, Serialize};

/// [`Recording`] as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordingRow {
    reads: RecordedRow,
    writes: RecordedRow,
    data: Vec<String>,
    network_activity: Vec<String>,
    insight: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RecordedRow {
    All,
    Except(Vec<String>),
    #[default]
    None,
    Unknown,
}

impl From<RecordingRow> for Recording {
    fn from(row: RecordingRow) -> Recording {
        Recording {
            reads: row.reads.into(),
            writes: row.writes.into(),
            data: row.data,
            network_activity: row.network_activity,
            insight: row.insight,
        }
    }
}

impl From<Recording> for RecordingRow {
    fn from(recording: Recording) -> RecordingRow {
        RecordingRow {
            reads: recording.reads.into(),
            writes: recording.writes.into(),
            data: recording.data,
            network_activity: recording.network_activity,
            insight: recording.insight,
        }
    }
}

impl From<RecordedRow> for Recorded {
    fn from(row: RecordedRow) -> Recorded {
        match row {
            RecordedRow::All => Recorded::All,
            RecordedRow::Except(sources) => Recorded::Except(sources),
            RecordedRow::None => Recorded::None,
            RecordedRow::Unknown => Recorded::Unknown,
        }
    }
}

impl From<Recorded> for RecordedRow {
    fn from(recorded: Recorded) -> RecordedRow {
        match recorded {
            Recorded::All => RecordedRow::All,
            Recorded::Except(sources) => RecordedRow::Except(sources),
            Recorded::None => RecordedRow::None,
            Recorded::Unknown => RecordedRow::Unknown,
        }
    }
}
