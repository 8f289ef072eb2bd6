//! Collecting as a whole, from buckets in memory: what is kept, what is owed, and what a re-run does.

mod archived;
mod backfill;
mod doubt;
mod in_place;
mod scene;
mod trails;
