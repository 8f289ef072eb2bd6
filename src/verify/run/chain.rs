//! The chain of manifests: each names the one before it by its hash, and the state names the newest.

use std::collections::BTreeSet;
use std::sync::Arc;

use assize_bucket::Bucket;

use super::fetch;
use super::outcome::{Kind, RunVerified, Standing};
use crate::manifest::statement::Statement;
use crate::manifest::{self, FormatError, Link};
use crate::state::{self, View, sha256};

/// Follows the chain: from the newest run, if the state names it, else from this one; back to the first.
pub(super) async fn check(bucket: &Arc<dyn Bucket>, run: &str, manifest: Option<&[u8]>, out: &mut RunVerified) {
    let mut seen = BTreeSet::new();
    let newest = match View::open(Arc::clone(bucket)).await {
        Ok(view) => manifest::newest(&view).await,
        Err(error) => Err(error),
    };
    match newest {
        Ok(Some(link)) => {
            let whole = walk(&**bucket, link, &mut seen, out).await;
            if whole && !seen.contains(run) {
                let why = "no run after it names it: it did not end, or it was put in later".to_owned();
                out.add(Kind::Chain, manifest::place(run, manifest::MANIFEST), Standing::Orphan(why));
            }
        }
        Ok(None) => out.note("the state here names no newest manifest, so runs after this one could be gone unnoticed"),
        Err(error) => {
            let why = format!("which run was the last cannot be read: {error}");
            out.add(Kind::Chain, "head".to_owned(), Standing::Unverifiable(why));
        }
    }
    if let Some(bytes) = manifest.filter(|_| !seen.contains(run)) {
        walk(&**bucket, Link { run: run.to_owned(), sha256: sha256(bytes) }, &mut seen, out).await;
    }
}

/// Walks back from a manifest to the first one. Says whether it came there.
async fn walk(bucket: &dyn Bucket, from: Link, seen: &mut BTreeSet<String>, out: &mut RunVerified) -> bool {
    let mut link = from;
    loop {
        if state::check_run_id(&link.run).is_err() || !seen.insert(link.run.clone()) {
            let why = "the chain comes back to itself, or names what is no run".to_owned();
            out.add(Kind::Chain, format!("runs/{}", link.run), Standing::Invalid(why));
            return false;
        }
        let place = manifest::place(&link.run, manifest::MANIFEST);
        let fetched = fetch(bucket, &place).await;
        let standing = match fetched.against(&link.sha256) {
            Standing::Invalid(_) => Standing::Invalid("the run after it names another manifest: it was changed".to_owned()),
            Standing::Missing(_) => Standing::Missing("the run after it names it: what was before it cannot be told".to_owned()),
            other => other,
        };
        let read = fetched.bytes().map(Statement::read);
        let standing = match (&read, standing) {
            (Some(Err(error @ FormatError::Kind(_))), Standing::Valid) => Standing::Unverifiable(error.to_string()),
            (Some(Err(error)), Standing::Valid) => Standing::Invalid(error.to_string()),
            (_, standing) => standing,
        };
        out.add(Kind::Chain, place, standing);
        let Some(Ok(statement)) = read else { return false };
        match statement.predicate.previous {
            Some(previous) => link = previous,
            None => {
                out.first_run = Some(link.run);
                return true;
            }
        }
    }
}
