//! The pure part of Assize: records, policies, matching, findings.
//!
//! Bytes and policies go in, matches and findings come out. Nothing here reads a file, a clock, the environment or the
//! network, so that the same input gives the same answer everywhere; the crate's `clippy.toml` refuses the functions
//! that could.

pub mod calendar;
pub mod candidates;
pub mod cidr;
pub mod correlation;
pub mod coverage;
pub mod decode;
pub mod diagnostic;
pub mod digest;
pub mod evaluate;
pub mod finding;
pub mod identity;
pub mod inflate;
pub mod json;
pub mod layout;
pub mod linear;
pub mod matcher;
mod number;
pub mod partial;
mod pattern;
pub mod policy;
pub mod record;
pub mod session;
pub mod text;
pub mod time;
pub mod trial;
pub mod verdict;
pub mod yaml;
