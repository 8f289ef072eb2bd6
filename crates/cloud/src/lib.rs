//! AWS, and nothing else: sessions in other accounts, calls whose operations are data, and S3 as a
//! [`Bucket`](assize_bucket::Bucket).
//!
//! This crate knows no configuration file and judges nothing. What AWS says becomes values and [`CloudError`]s; what
//! they mean for a run is decided by the application.

mod call;
mod error;
mod s3;
mod session;

pub use call::{Operation, Protocol, Service};
pub use error::{Call, CloudError, Denial, DenialCause, Reason};
pub use s3::{ObjectLock, RetentionMode, S3Bucket, S3Options};
pub use session::{CallLimit, Identity, RoleSpec, RoleStep, Session, SessionOptions, Sessions};
