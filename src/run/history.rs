//! The fallback where no trail can be read: CloudTrail's Event history. Ninety days of management events, unsigned, two calls
//! a second; kept page by page as AWS gave it.

use std::sync::Arc;

use assize_bucket::{Memory, Metadata};
use assize_cloud::Session;
use assize_cloud::event_history::{self, EventHistory, HistoryError, HistoryWindow};
use assize_engine::layout;
use assize_engine::time;

use super::{Context, RunError};
use crate::collect::collected::Collected;
use crate::collect::take::{Source, Taken, Wanted};
use crate::collect::{self, Collector, Outcome, Unlisted};
use crate::config::{Config, Mode};
use crate::discover::Discovered;
use crate::state::{self, Kept, State};

/// How the ledger names it.
const SOURCE: &str = "event-history";

/// Stands for it among the buckets; nothing is ever fetched from it.
pub(super) fn source(config: &Config) -> Source {
    Source {
        bucket_name: SOURCE.to_owned(),
        id: SOURCE.to_owned(),
        partition: config.partition.id(),
        bucket: Arc::new(Memory::new()),
        mode: Mode::Copy,
    }
}

/// Reads what earlier runs have not, for every cell without a trail.
pub(super) async fn read(
    context: &Context<'_>,
    collector: &Collector,
    discovered: &Discovered,
    (state, collected): (&mut State, &mut Collected),
    outcome: &mut Outcome,
) -> Result<(), RunError> {
    let as_of = context.asked.as_of;
    for ((account, region), session) in &discovered.uncovered {
        if collector.stop.reason(&collector.requests).is_some() {
            break;
        }
        let known = collected.history(account, region).ranges().last().map(|range| range.end * 3600);
        let since = known.unwrap_or(collector.first_day * 86_400).max(event_history::earliest(as_of) + 3600);
        let until = (as_of - collector.settle).div_euclid(3600) * 3600;
        if since >= until {
            continue;
        }
        let window = HistoryWindow { since, until };
        match pages(context, collector, (account, region, session), window).await? {
            Ok(taken) => {
                let counted = collect::keep_taken(collector, state, collected, taken).await?;
                outcome.merge(counted);
                collected.read_history(account, region, since.div_euclid(3600)..until.div_euclid(3600));
                state.commit(collect::documents(collector, collected)?).await?;
            }
            Err(error) => outcome.unlisted.push(Unlisted {
                account: account.clone(),
                region: region.clone(),
                place: "Event history".to_owned(),
                reason: match &error {
                    HistoryError::Cloud(error) => crate::aws::reason(error),
                    _ => assize_engine::coverage::Reason::Unreachable,
                },
                message: error.to_string(),
            }),
        }
    }
    Ok(())
}

/// The pages of one cell, kept in the audit bucket.
async fn pages(
    context: &Context<'_>,
    collector: &Collector,
    (account, region, session): (&str, &str, &Session),
    window: HistoryWindow,
) -> Result<Result<Vec<Taken>, HistoryError>, RunError> {
    let (since, until) = (window.since, window.until);
    let source = collector.sources.len() - 1;
    let day = until.div_euclid(86_400);
    let folder = format!("{account}/{region}/{}{}-{}", layout::day_path(day), stamp(since), stamp(until));
    let mut history = match EventHistory::open(session.clone(), region, window, context.asked.as_of) {
        Ok(history) => history,
        Err(error) => return Ok(Err(error)),
    };
    let mut taken = Vec::new();
    loop {
        context.requests.api(1);
        let page = match history.next().await {
            Ok(Some(page)) => page,
            Ok(None) => return Ok(Ok(taken)),
            Err(error) => return Ok(Err(error)),
        };
        if page.events == 0 {
            continue;
        }
        let key = format!("{folder}/{:05}.json", page.number);
        let bytes = page.body.clone().into_bytes();
        let evidence = state::evidence_key(context.config.partition.id(), SOURCE, &key);
        let evidence = match state::keep(&*context.audit, &evidence, bytes.clone(), Metadata::new()).await? {
            Kept::Stored | Kept::AlreadyThere => evidence,
            // The same window read again may come in other pages; what was counted before is a duplicate.
            Kept::Replaced { key } => key,
        };
        let wanted = Wanted {
            source,
            key,
            size: bytes.len() as u64,
            etag: None,
            account: account.to_owned(),
            region: region.to_owned(),
            day,
            delivered: until,
            replaced: false,
            since: None,
            archived: None,
        };
        let name = Arc::from(evidence.as_str());
        taken.push(Taken {
            wanted,
            name,
            evidence_key: Some(evidence),
            metadata: None,
            version_id: None,
            bytes,
            etag: None,
            signed: None,
            replaced: false,
        });
    }
}

fn stamp(seconds: i64) -> String {
    time::format(seconds).replace(['-', ':'], "")
}
