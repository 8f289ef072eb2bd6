//! Which hours of which account and region the evidence covers, and why it does not cover the others.
//!
//! A cell is an account in a region; an hour is an hour of event time (hours since 1970 UTC). An hour counts as delivered
//! only if a trail recorded it, every object listed for it was taken, and nothing is known to be missing; as verified only if
//! signed digests prove besides that this is all of it. What is not known is never assumed: no timeline, no coverage.

mod cell;
mod hours;
mod reason;
mod recording;

pub use cell::{Ask, CellEvidence, HourState, Tally};
pub use hours::Hours;
pub use reason::Reason;
pub use recording::{Recorded, Recording};
