//! Writes the manifest of a run, and the list of what it judged.
//!
//! The order matters: files, then the manifest that names them, then the state that names the manifest. A run that is killed in
//! between leaves a manifest that no chain names; never a chain that names a manifest which is not there.

#[cfg(test)]
pub(crate) mod example;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use assize_bucket::{Bucket, Metadata, PutCondition, PutOutcome};
use assize_engine::{layout, time};
use futures::TryStreamExt;
use serde_json::Value;

use super::time_stamp::{self, Stamped};
use super::{Context, DAY, Published, RunError};
use crate::life::register;
use crate::manifest::envelope::Envelope;
use crate::manifest::inputs::{self, Input, Writer};
use crate::manifest::key::{Signer, VerifyingKey};
use crate::manifest::statement::{InputCounts, PolicyName, Predicate, Statement};
use crate::manifest::{self, Link};
use crate::state::{self, Batch, State, StateError, View};

/// What a report says of a run whose manifest nobody signs.
pub(super) const UNSIGNED: &str = "the manifest of this run is not signed: `signing` in the configuration names no key, so whoever \
                                   may write to the audit bucket could rewrite it";

/// Writes the list of inputs, the manifest, its signature and the time stamp of that, and names it as the newest one.
pub(super) async fn write(
    context: &Context<'_>,
    state: &mut State,
    hours: &Range<i64>,
    (published, record): (&Published, &Value),
) -> Result<Option<Stamped>, RunError> {
    let (view, signer) = (state.view(), context.signer.as_ref());
    let behind = inputs::behind(&published.findings)?;
    let (list, counts) = list(&view, days(hours, context.asked.as_of), &behind).await?;
    let mut files = published.digests.clone();
    files.insert(manifest::INPUTS.to_owned(), state::sha256(&list));
    files.insert(manifest::RECORD.to_owned(), state::sha256(&state::to_json(record)?));
    let previous = manifest::newest(&view).await?;
    let exit_code = published.document.run.exit_code;
    let predicate = context.predicate(hours, counts, exit_code, (signer.map(Signer::public), previous));
    let statement = Statement::new(files, predicate);
    let bytes = statement.bytes()?;
    let place = |file| manifest::place(&context.run_id, file);
    put_once(&*context.audit, &place(manifest::INPUTS), list).await?;
    let mut stamped = None;
    if let Some(signer) = signer {
        let key = signer.public();
        put_once(&*context.audit, &manifest::archived_key(key.keyid()), key.der().to_vec()).await?;
        let envelope = Envelope::sign(&bytes, signer).await?.bytes()?;
        if let Some(authority) = &context.authority {
            stamped = Some(time_stamp::keep(context, authority, &envelope).await?);
        }
        put_once(&*context.audit, &place(manifest::ENVELOPE), envelope).await?;
    }
    put_once(&*context.audit, &place(manifest::MANIFEST), bytes).await?;
    let link = serde_json::to_value(statement.link()?).map_err(manifest::FormatError::from)?;
    let mut current = BTreeMap::from([(manifest::NEWEST.to_owned(), link)]);
    if let Some(register) = &published.register {
        current.insert(register::NEWEST.to_owned(), serde_json::to_value(register).map_err(manifest::FormatError::from)?);
    }
    state.commit(Batch { current, ..Batch::default() }).await?;
    Ok(stamped)
}

/// The days of the judged hours and of what came after them up to now, and one day on either side: deliveries are late.
fn days(hours: &Range<i64>, as_of: i64) -> Range<i64> {
    let last = hours.end.div_euclid(24).max(as_of.div_euclid(DAY));
    hours.start.div_euclid(24) - 1..last + 2
}

/// Lists what the ledger has of these days, and of others the objects behind findings: an episode may have begun long ago.
async fn list(view: &View, days: Range<i64>, behind: &BTreeSet<String>) -> Result<(Vec<u8>, InputCounts), RunError> {
    let elsewhere: BTreeSet<i64> = behind.iter().filter_map(|name| day_of(name)).filter(|day| !days.contains(day)).collect();
    let mut writer = Writer::new((days.start, days.end - 1));
    for day in elsewhere.range(..days.start) {
        add(view, *day..day + 1, Some(behind), &mut writer).await?;
    }
    add(view, days.clone(), None, &mut writer).await?;
    for day in elsewhere.range(days.end..) {
        add(view, *day..day + 1, Some(behind), &mut writer).await?;
    }
    Ok(writer.finish()?)
}

async fn add(view: &View, days: Range<i64>, only: Option<&BTreeSet<String>>, writer: &mut Writer) -> Result<(), RunError> {
    let mut rows = view.rows(days);
    while let Some((_, rows)) = rows.try_next().await? {
        for input in rows.into_iter().map(Input::from) {
            if only.is_none_or(|names| input.names().any(|name| names.contains(&name))) {
                writer.add(&input)?;
            }
        }
    }
    Ok(())
}

/// The day under which an object is listed, by the name that findings give it.
pub(super) fn day_of(name: &str) -> Option<i64> {
    let key = match name.strip_prefix("s3://") {
        Some(place) => state::split_change(place.split_once('/')?.1).0,
        None => state::original_place(name)?.1,
    };
    Some(layout::parse(key).ok()?.day)
}

/// Puts a file of this run, which nothing else may have written.
pub(super) async fn put_once(bucket: &dyn Bucket, key: &str, bytes: Vec<u8>) -> Result<(), StateError> {
    let outcome = bucket.put(key, bytes.clone(), Metadata::new(), PutCondition::IfAbsent).await?;
    if matches!(outcome, PutOutcome::Stored { .. }) || bucket.get(key, None).await?.bytes == bytes {
        return Ok(());
    }
    let reason = "another object has the name of a file of this run".to_owned();
    Err(StateError::Damaged { key: key.to_owned(), reason, advice: "find out who else writes to the bucket" })
}

impl Context<'_> {
    fn predicate(
        &self,
        hours: &Range<i64>,
        inputs: InputCounts,
        exit_code: u8,
        (key, previous): (Option<&VerifyingKey>, Option<Link>),
    ) -> Predicate {
        let policies = self.pack.policies.iter().zip(&self.hashes);
        let named = policies.map(|(policy, hash)| PolicyName { id: policy.id.clone(), evaluation: hash.clone() });
        Predicate {
            run: self.run_id.clone(),
            command: self.asked.command.to_owned(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            as_of: time::format(self.asked.as_of),
            since: time::format(hours.start * 3600),
            horizon: time::format(hours.end * 3600),
            configuration_sha256: self.config.sha256.clone(),
            policies_sha256: self.pack.sha256.clone(),
            policies: named.collect(),
            inputs,
            exit_code,
            signed_with: key.map(|key| key.keyid().to_owned()),
            previous,
        }
    }
}
