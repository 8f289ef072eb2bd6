//! Keeps what stands behind a finding and was not copied: objects of sources that are read in place, while their bytes are
//! in memory. They are in the audit bucket before the segment that speaks of them.

use std::collections::HashSet;

use assize_engine::coverage::Reason;
use assize_engine::partial::ByHour;
use futures::{StreamExt, TryStreamExt, stream};

use super::Collector;
use super::batch::Evaluated;
use super::problem::Problem;
use super::take::Taken;
use crate::state::{RowStatus, StateError};

/// Keeps those objects of a batch that a policy matched, that could not be judged, or that something is wrong with.
///
/// # Errors
/// The audit bucket fails.
pub(super) async fn keep(collector: &Collector, batch: &[Taken], evaluated: &mut Evaluated) -> Result<(), StateError> {
    if batch.iter().all(|taken| taken.metadata.is_none()) {
        return Ok(());
    }
    let named = names(&evaluated.hours);
    let wanted = batch.iter().zip(&evaluated.rows).enumerate().filter_map(|(number, (taken, row))| {
        let metadata = taken.metadata.as_ref()?;
        (named.contains(&*taken.name) || row.note.is_some()).then_some((number, taken, metadata))
    });
    let keeping = wanted.map(async |(number, taken, metadata)| {
        let source = collector.source(taken.wanted.source);
        let kept = source.keep(&*collector.audit, &taken.wanted.key, taken.bytes.clone(), metadata.clone()).await?;
        Ok::<_, StateError>((number, kept))
    });
    let kept: Vec<_> = stream::iter(keeping).buffer_unordered(collector.concurrency.max(1)).try_collect().await?;
    drop(named);
    for (number, kept) in kept {
        let (Some(taken), Some(row)) = (batch.get(number), evaluated.rows.get_mut(number)) else { continue };
        row.evidence_key = Some(kept.key);
        if kept.changed && !taken.replaced {
            // The ledger knew no other version: the run that kept it did not come as far as its commit.
            row.status = RowStatus::Replaced;
            evaluated.problems.push(Problem::replaced(&taken.name, &taken.wanted.key));
            let wanted = &taken.wanted;
            let doubt = (wanted.account.clone(), wanted.region.clone(), wanted.delivered, Reason::ObjectReplaced);
            evaluated.doubtful.push(doubt);
        }
    }
    Ok(())
}

/// The names of the objects that hold what a policy matched, or what could not be judged.
pub(crate) fn names(hours: &ByHour) -> HashSet<&str> {
    let policies = hours.hours.values().flat_map(|part| &part.partial.policies);
    policies.flat_map(|policy| policy.groups.values().flatten().chain(&policy.not_evaluable)).map(|hit| &*hit.object).collect()
}
