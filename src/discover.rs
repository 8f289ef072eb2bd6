//! Finds what there is to collect: regions, trails, and the buckets they write to. Which trail speaks for which account
//! and region, what it records, and why some have none.

pub(crate) mod accounts;
pub(crate) mod keys;
pub(crate) mod places;
pub(crate) mod trails;

use std::collections::BTreeMap;
use std::sync::Arc;

use assize_cloud::{CloudError, Session, Sessions};
use assize_engine::coverage::Reason;

use crate::aws;
use crate::collect::collected::{CellKey, Collected};
use crate::collect::meter::{Metered, Requests};
use crate::collect::plan::Place;
use crate::collect::take::Source;
use crate::config::{Config, Mode};
use crate::estate::Estate;
use accounts::Seen;
use trails::{Chosen, ChosenTrail};

/// What was found.
#[derive(Default)]
pub(crate) struct Discovered {
    /// The buckets to read.
    pub(crate) sources: Vec<Source>,
    /// Where in them the accounts in scope are.
    pub(crate) places: Vec<Place>,
    /// Every account and region in scope, and why nothing of it can be collected at present, if so.
    pub(crate) cells: BTreeMap<CellKey, Option<Trouble>>,
    /// Cells that no readable trail covers, with the session that could read their Event history.
    pub(crate) uncovered: Vec<(CellKey, Session)>,
    /// What was seen of each account.
    pub(crate) seen: Vec<Seen>,
    /// The errors behind troubles, for advice.
    pub(crate) errors: Vec<(Trouble, CloudError)>,
    /// Things worth saying: duplicate trails, gaps in what trails tell.
    pub(crate) notes: Vec<String>,
    /// Accounts whose logs are in a source although they are not in scope.
    pub(crate) strangers: Vec<String>,
}

/// Why something cannot be collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// As a reason.
    pub(crate) reason: Reason,
    /// In words, with what to do.
    pub(crate) message: String,
}

/// Looks at every account in scope, and at every bucket that has their logs.
pub(crate) async fn discover(
    config: &Config,
    sessions: &Sessions,
    estate: &Estate,
    collected: &mut Collected,
    (as_of, requests): (i64, &Arc<Requests>),
) -> Discovered {
    let seen = accounts::look(config, sessions, estate, requests).await;
    let mut found = Discovered { cells: accounts::cells(config, estate, &seen, collected, as_of), ..Discovered::default() };
    let chosen = trails::choose(config, estate, &seen, &found.cells);
    found.notes.extend(chosen.notes.iter().cloned());
    let opened = open(config, sessions, &chosen, requests).await;
    places::find(&opened, &chosen, estate, &mut found).await;
    for (key, trouble) in &mut found.cells {
        let covered = chosen.cells.contains_key(key);
        if !covered && trouble.is_none() {
            let message =
                "no trail that can be read records this region; make a multi-region trail, or read Event history".to_owned();
            *trouble = Some(Trouble { reason: Reason::NoTrail, message });
        }
    }
    found.uncovered = accounts::uncovered(config, sessions, &seen, &found.cells);
    collected.look(as_of);
    for ((account, region), trails) in &chosen.cells {
        collected.saw_trails(account, region, trails.iter().map(ChosenTrail::looked_at).collect());
    }
    found.sources = opened.into_iter().map(|opened| opened.source).collect();
    found.errors = seen.iter().flat_map(|seen| seen.errors.iter().cloned()).collect();
    found.seen = seen;
    found
}

/// A source, or why it cannot be opened.
pub(crate) struct Opened {
    /// The source; with a trouble, one that answers nothing.
    pub(crate) source: Source,
    /// What stands before `AWSLogs/` in its keys, without a slash at the end; every prefix that a trail or the configuration
    /// names.
    pub(crate) prefixes: Vec<String>,
    /// Why it could not be opened.
    pub(crate) trouble: Option<Trouble>,
}

/// Opens the buckets of the chosen trails, each once, with the session of whoever may read it.
async fn open(config: &Config, sessions: &Sessions, chosen: &Chosen, requests: &Arc<Requests>) -> Vec<Opened> {
    let mut opened = Vec::new();
    for bucket in &chosen.buckets {
        let session = match &bucket.account {
            Some(account) => aws::account_session(sessions, config, account),
            None => sessions.base(),
        };
        let options = assize_cloud::S3Options {
            bucket: bucket.name.clone(),
            region: bucket.region.clone(),
            ..assize_cloud::S3Options::default()
        };
        let (bucket_or_memory, trouble): (Arc<dyn assize_bucket::Bucket>, _) = match session.bucket(options).await {
            Ok(bucket) => (Arc::new(bucket), None),
            Err(error) => {
                let trouble = Trouble { reason: aws::reason(&error), message: error.to_string() };
                (Arc::new(assize_bucket::Memory::new()), Some(trouble))
            }
        };
        let source = Source {
            bucket_name: bucket.name.clone(),
            id: format!("s3://{}", bucket.name),
            partition: config.partition.id(),
            bucket: Arc::new(Metered::new(bucket_or_memory, Arc::clone(requests))),
            mode: bucket.mode,
        };
        opened.push(Opened { source, prefixes: bucket.prefixes.clone(), trouble });
    }
    opened
}

/// A bucket that a chosen trail writes to, or that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChosenBucket {
    /// Its name.
    pub(crate) name: String,
    /// The account whose role reads it; none is the run's own credentials.
    pub(crate) account: Option<String>,
    /// Its region, if it is known.
    pub(crate) region: Option<String>,
    /// Copied or read in place.
    pub(crate) mode: Mode,
    /// What stands before `AWSLogs/`.
    pub(crate) prefixes: Vec<String>,
}
