//! The calls that were made, by the request ids under which CloudTrail records them.

use std::sync::{Mutex, PoisonError};

/// Most calls that are remembered; a run makes a few for each account and region.
const MOST: usize = 200_000;

/// A call that AWS answered. The log of the account and region has it under its request id, if it records such calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeCall {
    /// The account whose role made it; `base` for the run's own credentials.
    pub account: String,
    /// The region that was asked.
    pub region: String,
    /// The IAM action: `cloudtrail:DescribeTrails`.
    pub action: &'static str,
    /// AWS's id of it.
    pub request_id: String,
}

/// Calls in the order in which they were answered.
#[derive(Debug, Default)]
pub(crate) struct CallLog(Mutex<Vec<MadeCall>>);

impl CallLog {
    pub(crate) fn add(&self, call: MadeCall) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() < MOST {
            calls.push(call);
        }
    }

    pub(crate) fn take(&self) -> Vec<MadeCall> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
