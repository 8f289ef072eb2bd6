//! The state as a whole: killed anywhere, two runs at once, any grouping of commits and compactions, damaged objects.

mod damage;
mod evidence;
mod grouping;
mod kill;
mod reading;
mod script;
mod sessions;
mod shards;
mod speed;
mod two_runs;
