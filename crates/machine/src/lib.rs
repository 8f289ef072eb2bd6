//! The one crate with `unsafe`: what needs the processor's own instructions, or a C library.
//!
//! [`marks`] finds the structure of a JSON text, sixty-four bytes at a time; [`gzip`] inflates with libdeflate; [`prefetch`] hides
//! the time that memory takes. All are
//! safe to call with any bytes: each unsafe block says why, every vector path has a twin in plain code
//! ([`marks::Path::Plain`]), and tests hold the two together. Nothing here knows what a record or a policy is.

pub mod gzip;
pub mod marks;
pub mod prefetch;
