//! Why the state could not be read or written. A message says what failed, on which object, why, and what to do next.

use assize_bucket::BucketError;

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// The bucket refused or did not answer. Its message names the object.
    #[error(transparent)]
    Bucket(#[from] BucketError),

    /// A run that started later has taken over.
    #[error(
        "run `{run}` cannot write its state: run `{by}` started later and has taken over; what was committed before is kept, \
         so let `{by}` finish; what this run did not commit is taken by the next run"
    )]
    Fenced {
        /// The run that may not write any more.
        run: String,
        /// The run that may.
        by: String,
    },

    /// Written by a version of Assize that knows more.
    #[error(
        "cannot read `{key}`: it has format version {version}, and this version of Assize reads up to {known}; \
         use the version that wrote it, or a later one, for every run on this bucket"
    )]
    Newer {
        /// The object.
        key: String,
        /// Its version.
        version: u64,
        /// The newest version that is read here.
        known: u64,
    },

    /// An object of the state does not hold what was written.
    #[error("cannot use `{key}`: {reason}; {advice}")]
    Damaged {
        /// The object.
        key: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        advice: &'static str,
    },

    /// Other writers were quicker again and again.
    #[error(
        "cannot write `{key}`: other runs changed it {attempts} times in a row; start one run at a time on this bucket, \
         and use `--shard` for several"
    )]
    Contended {
        /// The object.
        key: String,
        /// How often it was tried.
        attempts: u32,
    },

    /// A write was sent and its outcome could not be learnt. Nothing more may be written in this run.
    #[error(
        "cannot go on writing the state: an earlier write of `{key}` ended without an answer; \
         run again, the next run finds out whether it was stored"
    )]
    Unsettled {
        /// The object.
        key: String,
    },

    /// The run id was used before.
    #[error("cannot start run `{run}`: a run of this id has finished already; give every run an id of its own")]
    RunExists {
        /// The run id.
        run: String,
    },

    /// The caller gave something that the state cannot hold.
    #[error("cannot use {what}: {reason}")]
    Invalid {
        /// What was given, in words.
        what: String,
        /// What is wrong with it and what would do.
        reason: String,
    },

    /// The runtime stopped before the work was done, or the work panicked.
    #[error("cannot finish {work}: the task was stopped ({reason}); run again, what was committed is kept")]
    Stopped {
        /// What was being done, as a noun.
        work: &'static str,
        /// What the runtime said.
        reason: String,
    },
}

/// What helps against a damaged segment. There are no deletes, so an older version of the object is the good one.
const RESTORE: &str = "restore the object's first version from the bucket's version history or from a copy; \
                       nothing of Assize ever changes a segment";

/// What helps against a damaged head.
const RESTORE_HEAD: &str = "restore the last good version from the bucket's version history; without any head, a run \
                            starts from an empty ledger and takes everything again, and evidence that is there is kept";

impl StateError {
    /// A segment that does not hold what was written.
    pub(super) fn segment(key: &str, reason: impl Into<String>) -> StateError {
        StateError::Damaged { key: key.to_owned(), reason: reason.into(), advice: RESTORE }
    }

    /// A head that does not hold what was written.
    pub(super) fn head(key: &str, reason: impl Into<String>) -> StateError {
        StateError::Damaged { key: key.to_owned(), reason: reason.into(), advice: RESTORE_HEAD }
    }

    /// Something from the caller that the state cannot hold.
    pub(super) fn invalid(what: impl Into<String>, reason: impl Into<String>) -> StateError {
        StateError::Invalid { what: what.into(), reason: reason.into() }
    }
}

/// Does work that takes the processor for a while on a thread that may be blocked.
pub(crate) async fn blocking<T: Send + 'static>(
    work: &'static str,
    job: impl FnOnce() -> Result<T, StateError> + Send + 'static,
) -> Result<T, StateError> {
    match tokio::task::spawn_blocking(job).await {
        Ok(result) => result,
        Err(error) => Err(StateError::Stopped { work, reason: error.to_string() }),
    }
}
