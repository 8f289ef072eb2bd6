//! Verifies a bundle: everything that is verified of a run in its audit bucket, for what is inside.

use std::path::Path;
use std::sync::Arc;

use assize_bucket::{Bucket, BucketError, LocalFolder};
use assize_engine::inflate::Limits;
use assize_engine::time;
use futures::TryStreamExt;

use super::open::{self, Bounds};
use super::selection::Selection;
use super::{BundleError, CONTENTS, Contents, archive, is_expected, off_thread};
use crate::manifest::key::VerifyingKey;
use crate::manifest::statement::Statement;
use crate::manifest::time_stamp::Roots;
use crate::manifest::{self, FormatError};
use crate::verify::Question;
use crate::verify::account::KeySource;
use crate::verify::keys::PublicKeys;
use crate::verify::place::{Choice, Elsewhere, Layout, Vault};
use crate::verify::reading::Again;
use crate::verify::run::outcome::{Kind, RunVerified, Standing};
use crate::verify::run::{self, Asked};

/// Verifies the bundle in a file, with keys for its signature, roots for its time stamp and, beside those in it, CloudTrail's keys.
///
/// # Errors
/// It is no bundle, or damaged so that nothing can be said.
pub(crate) async fn verify(
    path: &Path,
    run: Option<&str>,
    (keys, roots): (&[VerifyingKey], Option<&Roots>),
    mut cloudtrail: PublicKeys,
) -> Result<RunVerified, BundleError> {
    let folder = tempfile::tempdir().map_err(BundleError::Folder)?;
    let (from, to) = (path.to_owned(), folder.path().to_owned());
    let opened = move || {
        let odd = open::open(&from, &to, Bounds::default())?;
        let (contents, as_listed) = contents(&to).map_err(|reason| BundleError::NotABundle { path: from, reason })?;
        Ok((odd, contents, as_listed))
    };
    let (odd, contents, as_listed) = off_thread("the reading of a bundle", opened).await?;
    if let Some(asked) = run.filter(|asked| *asked != contents.run) {
        return Err(BundleError::OtherRun { asked: asked.to_owned(), found: contents.run });
    }
    let bucket: Arc<dyn Bucket> = Arc::new(LocalFolder::open(folder.path())?);
    let selection = selected(&*bucket, &contents.run).await?;
    let (statement, copies, unknown) = match selection {
        Ok((statement, selection)) => (Some(statement), selection, None),
        Err(error) => (None, Selection::default(), Some(error)),
    };
    let mut out =
        run::verify(&bucket, &Asked { run: &contents.run, keys, roots, part: Some(&copies.copies), replay: None }).await?;
    if let Some(why) = odd {
        out.add(Kind::Bundle, whole(&contents), Standing::Invalid(why));
    }
    if !as_listed {
        let why = "the list in it does not name exactly the files in it, as they are".to_owned();
        out.add(Kind::Bundle, CONTENTS.to_owned(), Standing::Invalid(why));
    }
    let horizon = statement.as_ref().and_then(|statement| time::parse(&statement.predicate.horizon));
    let signed_with = statement.and_then(|statement| statement.predicate.signed_with);
    added(&*bucket, (&contents, signed_with.as_deref(), &copies), &mut out).await?;
    if copies.copies.is_empty() {
        out.note(&match unknown {
            None => "no finding rests on an object with a copy, so there is no evidence in the bundle".to_owned(),
            Some(error) => format!("which evidence belongs in the bundle cannot be told, so none was looked at: {error}"),
        });
        return Ok(out);
    }
    cloudtrail
        .add_archive(&*bucket)
        .await
        .map_err(|error| BundleError::NotABundle { path: path.to_owned(), reason: error.to_string() })?;
    let elsewhere = Elsewhere { horizon, ..copies.elsewhere };
    let choice = Choice { elsewhere: Some(elsewhere), ..Choice::default() };
    let vault = Vault { bucket, layout: Layout::Audit };
    let listed = vault.list(&choice).await?;
    let (keys, limits) = ((&cloudtrail, KeySource::bundle()), Limits::default());
    let question = Question { vault: &vault, listed: &listed, keys, choice: &choice, again: Again::All, noted: None, limits };
    out.digests = Some(crate::verify::verify(question).await);
    Ok(out)
}

/// How the whole of a bundle is called.
fn whole(contents: &Contents) -> String {
    format!("the bundle of the run {}", contents.run)
}

/// Tells of what nothing calls for.
async fn added(
    bucket: &dyn Bucket,
    (contents, keyid, copies): (&Contents, Option<&str>, &Selection),
    out: &mut RunVerified,
) -> Result<(), BucketError> {
    let mut entries = bucket.list("", None);
    // A file that is no object is seen by nobody who reads a bucket.
    let mut hidden = contents.objects();
    while let Some(entry) = entries.try_next().await? {
        hidden = hidden.saturating_sub(1);
        if !is_expected(&entry.key, &contents.run, keyid, copies) {
            let why = "nothing in the run's manifest or findings calls for it: it was added".to_owned();
            out.add(Kind::Bundle, entry.key, Standing::Orphan(why));
        }
    }
    if hidden > 0 {
        out.add(
            Kind::Bundle,
            whole(contents),
            Standing::Orphan("it holds files that are no objects: they were added".to_owned()),
        );
    }
    Ok(())
}

/// What `bundle.json` says, and whether it is what it must say.
fn contents(folder: &Path) -> Result<(Contents, bool), String> {
    let bytes = std::fs::read(folder.join(CONTENTS)).map_err(|error| format!("its {CONTENTS} cannot be read: {error}"))?;
    let contents: Contents = serde_json::from_slice(&bytes).map_err(|error| format!("its {CONTENTS} is damaged: {error}"))?;
    let expected = archive::contents(folder, &contents.run).map_err(|error| error.to_string())?;
    let expected = expected.bytes().map_err(|error| error.to_string())?;
    Ok((contents, expected == bytes))
}

/// The run's statement, and what belongs in its bundle. What is wrong with either is found when the run is verified.
async fn selected(bucket: &dyn Bucket, run: &str) -> Result<Result<(Statement, Selection), FormatError>, BucketError> {
    let mut files = Vec::new();
    for file in [manifest::MANIFEST, manifest::FINDINGS, manifest::INPUTS] {
        files.push(match bucket.get(&manifest::place(run, file), None).await {
            Ok(object) => object.bytes,
            Err(BucketError::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error),
        });
    }
    let [statement, findings, list] = files.as_slice() else { return Ok(Err(FormatError::Order)) };
    Ok(Statement::read(statement).and_then(|statement| {
        let selection = Selection::of(findings, list, &statement.predicate.inputs)?;
        Ok((statement, selection))
    }))
}
