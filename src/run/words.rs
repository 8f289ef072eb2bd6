//! What a run says of a backfill.

use crate::collect::backfill::{Backfilled, Missing};
use crate::report::escape;
use crate::report::words::{count, plural};

/// What there is to do.
pub(super) fn missing(missing: &Missing) -> String {
    if missing.days.is_empty() {
        return "backfill: nothing to do, every policy has judged all kept evidence".to_owned();
    }
    let total = missing.total();
    format!(
        "backfill: {} have not judged {}, {} MiB, of {}",
        plural(missing.policies as u64, "policy", "policies"),
        plural(total.objects, "object", "objects"),
        count(total.bytes >> 20),
        plural(missing.days.len() as u64, "day", "days"),
    )
}

/// What was done, and what is left.
pub(super) fn backfilled(done: &Backfilled) -> String {
    let (objects, days) = (plural(done.done.objects, "object", "objects"), plural(done.days as u64, "day", "days"));
    let mut parts = vec![format!("backfill: {objects} of {days} done")];
    parts.extend(done.stopped.map(|why| format!("; it stopped because {why}")));
    if done.days_left > 0 {
        parts.push(format!("; {} left, run again to go on", plural(done.days_left as u64, "day", "days")));
    }
    let unreadable = done.unreadable.iter();
    parts.extend(
        unreadable.map(|(object, reason)| {
            format!("\n  cannot be read again: {}: {}", escape::terminal(object), escape::terminal(reason))
        }),
    );
    parts.concat()
}
