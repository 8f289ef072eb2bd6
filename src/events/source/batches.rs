//! What the audit bucket has, batch by batch of whole days: memory does not grow with the period.

use std::collections::BTreeSet;
use std::sync::Arc;

use assize_bucket::Bucket;
use futures::TryStreamExt as _;
use tokio::runtime::Runtime;

use super::{Kept, KeptObject, Scope, open};
use crate::config::Config;
use crate::state::{StateError, View};

/// A batch is closed with the day that brings it to so many objects: threads wait for each other at its end.
const BATCH: usize = 20_000;

/// Hands every batch of objects that may hold what is asked for to `each`, in the order of the ledger's days. Nothing is written.
/// Returns what cannot be read because of where it is: name, and why.
///
/// # Errors
/// The state cannot be read.
pub(crate) fn in_batches(
    (config, runtime): (&Config, Runtime),
    (audit, view): (Arc<dyn Bucket>, &View),
    scope: &Scope,
    each: &mut dyn FnMut(&Kept),
) -> Result<Vec<(String, String)>, StateError> {
    in_batches_of(BATCH, (config, runtime), (audit, view), scope, each)
}

fn in_batches_of(
    most: usize,
    (config, runtime): (&Config, Runtime),
    (audit, view): (Arc<dyn Bucket>, &View),
    scope: &Scope,
    each: &mut dyn FnMut(&Kept),
) -> Result<Vec<(String, String)>, StateError> {
    let mut days = view.rows(scope.ledger_days());
    let mut kept = Kept {
        runtime,
        audit,
        sources: Vec::new(),
        closed: Default::default(),
        objects: Vec::new(),
        elsewhere: Default::default(),
        days: scope.days(),
    };
    loop {
        let listed = async {
            let mut batch: Vec<KeptObject> = Vec::new();
            while batch.len() < most {
                let Some((_, rows)) = days.try_next().await? else { break };
                batch.extend(rows.into_iter().filter(|row| scope.wants(row) == Some(true)).map(KeptObject::of));
            }
            Ok::<_, StateError>(batch)
        };
        let batch = kept.runtime.block_on(listed)?;
        if batch.is_empty() {
            return Ok(kept.missing());
        }
        kept.open_for(config, &batch);
        kept.objects.clear();
        kept = kept.with(batch);
        each(&kept);
    }
}

impl Kept {
    /// Opens the sources of a batch that were not met before.
    fn open_for(&mut self, config: &Config, batch: &[KeptObject]) {
        let met = |source: &&str| self.closed.contains_key(*source) || self.sources.iter().any(|open| open.id == **source);
        let new: BTreeSet<&str> = batch.iter().filter_map(KeptObject::source).filter(|source| !met(source)).collect();
        if !new.is_empty() {
            let (sources, closed) = self.runtime.block_on(open(config, &new));
            self.sources.extend(sources);
            self.closed.extend(closed);
        }
    }
}

#[cfg(test)]
mod tests {
    use assize_bucket::{Memory, Metadata, PutCondition};
    use assize_engine::evaluate::Period;

    use super::*;
    use crate::state::{Batch, LedgerRow, RunIdentity, State};

    const DAY: i64 = 86_400;

    fn config() -> Config {
        let text = "name: example\naudit: {bucket: 'file://audit'}\naccounts: {list: [111122223333]}\n";
        match Config::parse("assize.yaml", text, &|_| None) {
            Ok(config) => config,
            Err(error) => panic!("{error}"),
        }
    }

    /// Two objects on each of three days, and one in a bucket that nobody names.
    fn rows(first_day: i64) -> Vec<LedgerRow> {
        let of_day = |number: i64| {
            let date = assize_engine::time::format((first_day + number / 2) * DAY);
            let day = date.split('T').next().unwrap();
            let (path, stamp) = (day.replace('-', "/"), day.replace('-', ""));
            let name = format!("111122223333_CloudTrail_eu-west-1_{stamp}T080{number}Z_AbCdEf0123456789.json.gz");
            let key = format!("AWSLogs/111122223333/CloudTrail/eu-west-1/{path}/{name}");
            let row = LedgerRow::example("s3://logs", &key, &[], &[]);
            LedgerRow { evidence_key: (number < 6).then(|| format!("evidence/aws/logs/{key}")), ..row }
        };
        (0..7).map(of_day).collect()
    }

    #[test]
    fn a_batch_ends_with_the_day_that_fills_it() {
        let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let audit: Arc<dyn Bucket> = Arc::new(Memory::new());
        let run = RunIdentity { run_id: "20261130T000000Z-00000000".to_owned(), as_of: 0, tool: "test".to_owned() };
        let view = runtime().block_on(async {
            audit.put("evidence/x", Vec::new(), Metadata::new(), PutCondition::Always).await.unwrap();
            let mut state = State::open(Arc::clone(&audit), run, None).await.unwrap();
            state.commit(Batch { rows: rows(20_000), ..Batch::default() }).await.unwrap();
            state.view()
        });
        let batches = |most: usize, period: Period| {
            let mut sizes = Vec::new();
            let scope = Scope { period, ..Scope::default() };
            let each = &mut |kept: &Kept| sizes.push(kept.objects.len());
            let missing = in_batches_of(most, (&config(), runtime()), (Arc::clone(&audit), &view), &scope, each).unwrap();
            (sizes, missing.len())
        };
        let all = Period::default();
        assert_eq!(batches(1, all), (vec![2, 2, 2, 0], 1), "what is elsewhere is told once, in the end");
        assert_eq!(batches(3, all), (vec![4, 2], 1));
        assert_eq!(batches(100, all), (vec![6], 1));
        let from = Period { since: Some(20_001 * DAY), until: Some(20_001 * DAY + 1) };
        assert_eq!(batches(1, from), (vec![2, 2, 0], 1), "events may be delivered later");
        assert_eq!(batches(1, Period { since: Some(20_009 * DAY), until: None }), (vec![], 0));
    }
}
