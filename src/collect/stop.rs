//! When a run stops collecting: a signal, a deadline, a number of requests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::meter::Requests;

/// When to stop: a signal, a deadline, a number of requests. What was begun is finished and committed.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    asked: AtomicBool,
    deadline: Option<Instant>,
    max_requests: Option<u64>,
}

impl Stop {
    /// Stops at a deadline, or before more than so many requests.
    pub(crate) fn at(deadline: Option<Instant>, max_requests: Option<u64>) -> Stop {
        Stop { asked: AtomicBool::new(false), deadline, max_requests }
    }

    /// Asks to stop now.
    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Why to stop, if so.
    pub(crate) fn reason(&self, requests: &Requests) -> Option<&'static str> {
        if self.asked.load(Ordering::Relaxed) {
            Some("it was asked to stop")
        } else if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            Some("the deadline was reached")
        } else if self.max_requests.is_some_and(|most| requests.total() >= most) {
            Some("the limit of requests was reached")
        } else {
            None
        }
    }
}
