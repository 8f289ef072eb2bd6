//! A bucket on S3.

/// How long what is written cannot be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectLock {
    /// Who may shorten it.
    pub mode: RetentionMode,
    /// Days from the moment of writing.
    pub days: u32,
}

/// Who may shorten an Object Lock retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionMode {
    /// Principals with `s3:BypassGovernanceRetention`.
    Governance,
    /// Nobody.
    Compliance,
}

/// Which bucket, and how it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Options {
    /// The bucket's name.
    pub bucket: String,
    /// What every key begins with in the bucket, such as `audit/`. Empty: the whole bucket.
    pub prefix: String,
    /// The bucket's region. `None`: asked of S3.
    pub region: Option<String>,
    /// The KMS key new objects are encrypted with. `None`: the bucket's default.
    pub kms_key: Option<String>,
    /// Object Lock retention of new objects. `None`: the bucket's default.
    pub object_lock: Option<ObjectLock>,
    /// The account the bucket must belong to.
    pub expected_owner: Option<String>,
}

/// A bucket on S3, or what is below a prefix of one.
#[derive(Clone, Debug)]
pub struct S3Bucket {}
