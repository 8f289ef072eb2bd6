//! AWS, and nothing else: sessions in other accounts, calls whose operations are data, and S3 as a
//! [`Bucket`](assize_bucket::Bucket).
//!
//! This crate knows no configuration file and judges nothing. What AWS says becomes values and [`CloudError`]s; what
//! they mean for a run is decided by the application.

mod answer;
mod ask;
mod call;
mod error;
pub mod event_history;
mod gap;
pub mod organization;
mod partition;
pub mod probe;
pub mod public_key;
pub mod queue;
pub mod region;
mod s3;
mod session;
pub mod signing_key;
pub mod topic;
pub mod trail;
pub mod web;

pub use call::{CallLimit, MadeCall, Operation, Protocol, Service};
pub use error::{Call, CloudError, Denial, DenialCause, Reason};
pub use gap::Gap;
pub use s3::{ObjectLock, RetentionMode, S3Bucket, S3Options};
pub use session::{Identity, RoleSpec, RoleStep, SECRET_TARGETS, Session, SessionOptions, Sessions};
