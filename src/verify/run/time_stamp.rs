//! The time stamp of a run's signed manifest.

#[cfg(test)]
mod tests;

use assize_bucket::Bucket;

use super::outcome::{Kind, RunVerified, Standing, TimeStamped, Vouched};
use super::{Fetched, fetch};
use crate::manifest::time_stamp::{self, ANSWER, FILES, QUERY, Query, REFUSAL, ROOT, Refusal, Roots, Stamp, TimeStampError};
use crate::manifest::{self, TIME_STAMP};

/// The files of a time stamp, as far as they can be had.
struct Kept {
    query: Fetched,
    answer: Fetched,
    root: Fetched,
    refusal: Fetched,
}

/// Checks the time stamp of an envelope, with roots that are trusted or else with the one in the archive. `record` is the run's
/// record, if it is what the manifest names.
pub(super) async fn check(
    bucket: &dyn Bucket,
    (envelope, record): (&Fetched, Option<&[u8]>),
    roots: Option<&Roots>,
    out: &mut RunVerified,
) {
    let place = |file: &str| manifest::place(&out.run, file);
    let get = async |file| fetch(bucket, &place(file)).await;
    let kept = Kept { query: get(QUERY).await, answer: get(ANSWER).await, root: get(ROOT).await, refusal: get(REFUSAL).await };
    let there: Vec<&str> = FILES.into_iter().filter(|file| !matches!(kept.of(file), Fetched::Absent)).collect();
    let (answer_at, refusal_at) = (place(ANSWER), place(REFUSAL));
    match (asked(record), there.is_empty()) {
        (Some(true), true) => {
            out.stamp(answer_at, Standing::Missing("the run asked for a time stamp, and what came of it is gone".to_owned()));
        }
        (_, true) if roots.is_some() => {
            let why = "roots of a time-stamping authority were given, and the run asked none".to_owned();
            out.stamp(answer_at, Standing::Missing(why));
        }
        (_, true) => {}
        (Some(false), false) => {
            for file in there {
                let why = "the run asked for no time stamp: it was added".to_owned();
                out.add(Kind::Output, manifest::place(&out.run, file), Standing::Orphan(why));
            }
        }
        (_, false) if there == [REFUSAL] => out.stamp(refusal_at, kept.refused(&out.run)),
        (_, false) => {
            if !matches!(kept.refusal, Fetched::Absent) {
                let why = "it says that there is no time stamp, and there is one beside it".to_owned();
                out.stamp(refusal_at, Standing::Invalid(why));
            }
            kept.whole(envelope, roots, out);
        }
    }
}

/// Whether the run asked for a time stamp; none if its record is not to be believed.
fn asked(record: Option<&[u8]>) -> Option<bool> {
    let record: serde_json::Value = serde_json::from_slice(record?).ok()?;
    Some(record.get(TIME_STAMP).is_some())
}

impl Kept {
    fn of(&self, file: &str) -> &Fetched {
        match file {
            QUERY => &self.query,
            ANSWER => &self.answer,
            ROOT => &self.root,
            _ => &self.refusal,
        }
    }

    /// What is to be said of a run that asked and got none.
    fn refused(&self, run: &str) -> Standing {
        let refusal = self.refusal.bytes().and_then(|bytes| serde_json::from_slice::<Refusal>(bytes).ok());
        match (refusal, &self.refusal) {
            (Some(refusal), _) if refusal.version == 1 && refusal.run == run => {
                Standing::Unverifiable(format!("the run asked for a time stamp and got none: {}", refusal.reason))
            }
            (_, Fetched::Unreadable(why)) => Standing::Unverifiable(format!("it cannot be read: {why}")),
            _ => Standing::Invalid("it is not what assize writes of this run".to_owned()),
        }
    }

    /// Checks query, answer and roots.
    fn whole(&self, envelope: &Fetched, roots: Option<&Roots>, out: &mut RunVerified) {
        let place = |file: &str| manifest::place(&out.run, file);
        let mut lacking = Vec::new();
        for (file, fetched) in [(QUERY, &self.query), (ANSWER, &self.answer), (ROOT, &self.root)] {
            match fetched {
                Fetched::Bytes(_) => {}
                Fetched::Absent => lacking.push((place(file), Standing::Missing("it was there and is gone".to_owned()))),
                Fetched::Unreadable(why) => {
                    lacking.push((place(file), Standing::Unverifiable(format!("it cannot be read: {why}"))));
                }
            }
        }
        let (answer_at, root_at) = (place(ANSWER), place(ROOT));
        lacking.into_iter().for_each(|(place, standing)| out.stamp(place, standing));
        let (Some(query), Some(answer), Some(envelope)) = (self.query.bytes(), self.answer.bytes(), envelope.bytes()) else {
            return;
        };
        let check = |roots: &Roots| time_stamp::check(&Query::read(query)?, answer, envelope, roots);
        // Also where roots are given: what the run trusted must be what led to its root.
        let archived = self.root.bytes().map(|pem| {
            let checked = Roots::of(pem, &root_at).and_then(|roots| check(&roots));
            checked.map(|stamp| (stamp.root == pem).then_some(stamp))
        });
        let own = match archived {
            Some(Ok(Some(stamp))) => Some(stamp),
            Some(Ok(None)) => {
                let why = "its bytes are not those that assize writes for a certificate: it was changed".to_owned();
                out.stamp(root_at, Standing::Invalid(why));
                return;
            }
            Some(Err(error)) => {
                out.stamp(answer_at, standing(&error, "by the root that the run kept"));
                return;
            }
            None => None,
        };
        match (roots.map(check), own) {
            (Some(Ok(stamp)), _) => out.stamped(stamp, Vouched::Given),
            (Some(Err(error)), _) => out.stamp(answer_at, standing(&error, "by the roots that were given")),
            (None, Some(stamp)) => out.stamped(stamp, Vouched::Archive),
            (None, None) => {}
        }
    }
}

fn standing(error: &TimeStampError, by: &str) -> Standing {
    let why = format!("{by}: {error}");
    if error.is_fault() { Standing::Invalid(why) } else { Standing::Unverifiable(why) }
}

impl RunVerified {
    /// Notes what is wrong with the time stamp.
    fn stamp(&mut self, place: String, standing: Standing) {
        self.add(Kind::TimeStamp, place, standing);
    }

    /// Notes a time stamp that holds.
    fn stamped(&mut self, stamp: Stamp, vouched: Vouched) {
        let Stamp { time, accuracy, authority, serial, policy, root_sha256, seconds, .. } = stamp;
        let as_of = self.said.as_ref().and_then(|said| assize_engine::time::parse(&said.as_of));
        if as_of.is_some_and(|as_of| as_of > seconds + CLOCKS) {
            self.note("the time stamp is older than the run says to be: one of the two times is wrong");
        }
        self.time_stamp = Some(TimeStamped { time, accuracy, authority, serial, policy, vouched, root_sha256 });
    }
}

/// Seconds by which the clocks of a run and of an authority may differ before it is told.
const CLOCKS: i64 = 300;
