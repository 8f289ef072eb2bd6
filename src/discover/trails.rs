//! Chooses the trails that are read: one for each account and region where one suffices, more only where they record
//! something else. Events that two trails record are taken once.

use std::collections::{BTreeMap, BTreeSet};

use assize_cloud::trail::{DataScope, ReadWrite, Recorded as CloudRecorded, Selectors, TrailSnapshot};
use assize_engine::coverage::{Recorded, Recording};

use super::accounts::Seen;
use super::{ChosenBucket, Trouble};
use crate::collect::collected::CellKey;
use crate::collect::timeline::TrailLook;
use crate::config::{BucketSource, Config, Mode, SourceKind};
use crate::estate::Estate;

/// Which trails speak for which cells.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// By account and region.
    pub(crate) cells: BTreeMap<CellKey, Vec<ChosenTrail>>,
    /// The buckets, each once.
    pub(crate) buckets: Vec<ChosenBucket>,
    /// Worth saying.
    pub(crate) notes: Vec<String>,
}

/// A trail, as far as one cell is concerned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChosenTrail {
    /// ARN; empty where the configuration names a bucket and no trail is known to write to it.
    pub(crate) arn: String,
    /// Index into [`Chosen::buckets`].
    pub(crate) bucket: usize,
    /// What it records; `None` while nothing is known.
    pub(crate) recording: Option<Recording>,
    /// Whether it records at present.
    pub(crate) logging: Option<bool>,
    /// When it last began and ceased to, seconds since 1970.
    pub(crate) started: Option<i64>,
    pub(crate) stopped: Option<i64>,
    /// Whether it writes digests.
    pub(crate) validating: Option<bool>,
}

impl ChosenTrail {
    /// As it is remembered.
    pub(super) fn looked_at(&self) -> TrailLook {
        let ChosenTrail { arn, recording, logging, started, stopped, validating, .. } = self.clone();
        TrailLook { arn, logging, started, stopped, recording: recording.map(Into::into), validating }
    }
}

/// Chooses.
pub(crate) fn choose(config: &Config, estate: &Estate, seen: &[Seen], cells: &BTreeMap<CellKey, Option<Trouble>>) -> Chosen {
    let trails = assize_cloud::trail::merge(seen.iter().flat_map(|seen| seen.trails.iter().cloned()));
    let mut chosen = Chosen::default();
    let mut doubles: BTreeMap<(String, String), u64> = BTreeMap::new();
    for (account, region) in cells.keys() {
        let mut candidates: Vec<(&TrailSnapshot, usize)> = trails
            .iter()
            .filter(|trail| trail.covers(region) && speaks_for(trail, account, estate, seen))
            .filter_map(|trail| bucket_of(config, trail, seen, &mut chosen.buckets).map(|bucket| (trail, bucket)))
            .collect();
        candidates.sort_by_cached_key(|(trail, bucket)| rank(trail, chosen.buckets.get(*bucket)));
        let mut taken: Vec<ChosenTrail> = Vec::new();
        for (trail, bucket) in candidates {
            let candidate = of(trail, bucket);
            match taken.iter_mut().find(|first| records_as_much(first, &candidate)) {
                Some(first) => {
                    *doubles.entry((first.arn.clone(), trail.arn.clone())).or_default() += 1;
                    // What logged before the first one did covers that time: a handover is not a gap.
                    if candidate.logging == Some(true) && records_as_much(&candidate, first) {
                        first.started = first.started.min(candidate.started).or(first.started);
                    }
                }
                None => taken.push(candidate),
            }
        }
        taken.extend(unnamed(config, &trails, &taken, &mut chosen.buckets));
        if !taken.is_empty() {
            chosen.cells.insert((account.clone(), region.clone()), taken);
        }
    }
    for trail in &trails {
        chosen.notes.extend(trail.gaps.iter().map(|gap| format!("{}: {} cannot be read: {}", trail.arn, gap.what, gap.message)));
        if let Some(error) = trail.status.as_ref().and_then(|status| status.latest_delivery_error.as_ref()) {
            chosen.notes.push(format!("{}: its last delivery failed: {error}", trail.arn));
        }
        if let Some(group) = &trail.log_group {
            tracing::debug!(trail = trail.arn, group, "also delivers to CloudWatch Logs, which is not read");
        }
    }
    chosen.notes.extend(holes(&chosen.cells));
    for ((first, other), cells) in doubles {
        chosen.notes.push(format!(
            "{other} records the same events as {first} in {cells} account-regions; they are taken once, from {first}; every copy of \
             management events after the first costs 2 dollars per 100,000 events (AWS CloudTrail pricing)"
        ));
    }
    chosen
}

/// What the chosen trails leave out of management events, each trail once: a hole with a name.
fn holes(cells: &BTreeMap<CellKey, Vec<ChosenTrail>>) -> Vec<String> {
    let trails: BTreeMap<&str, &Recording> =
        cells.values().flatten().filter_map(|trail| Some((trail.arn.as_str(), trail.recording.as_ref()?))).collect();
    let of = |(arn, recording): (&str, &Recording)| {
        let left_out: Vec<String> = [("reads", &recording.reads), ("writes", &recording.writes)]
            .into_iter()
            .filter_map(|(kind, recorded)| match recorded {
                Recorded::All => None,
                Recorded::Except(sources) => Some(format!("{kind} of {}", sources.join(", "))),
                Recorded::None => Some(format!("any {kind}")),
                Recorded::Unknown => Some(format!("all {kind}, as far as its selectors can be understood")),
            })
            .collect();
        let message = "policies that need them are UNKNOWN (not-recorded) where no other trail has them";
        (!left_out.is_empty()).then(|| format!("{arn} does not record {}: {message}", left_out.join(" and ")))
    };
    trails.into_iter().filter_map(of).collect()
}

/// Whether a trail records an account: its own, or for an organisation trail a member of the organisation. An account that
/// is merely in scope beside the organisation is not recorded by its trail.
fn speaks_for(trail: &TrailSnapshot, account: &str, estate: &Estate, seen: &[Seen]) -> bool {
    let member = || estate.accounts.iter().any(|known| known.id == account && known.member);
    // A member sees the organisation's trail among its own.
    let shows = || seen.iter().any(|seen| seen.account == account && seen.trails.iter().any(|own| own.arn == trail.arn));
    trail.owner() == Some(account) || (trail.organization_trail && (member() || shows()))
}

/// The bucket a trail writes to, if a source of the configuration covers it.
fn bucket_of(config: &Config, trail: &TrailSnapshot, seen: &[Seen], buckets: &mut Vec<ChosenBucket>) -> Option<usize> {
    let named = config.sources.iter().find_map(|source| match &source.kind {
        SourceKind::Bucket(bucket) if bucket.bucket == trail.bucket => Some((Some(bucket), source.mode)),
        _ => None,
    });
    let discovered = config.sources.iter().find(|source| source.kind == SourceKind::Discovered).map(|source| (None, source.mode));
    let (source, mode) = named.or(discovered)?;
    let prefix = trail.key_prefix.clone().unwrap_or_default();
    Some(add(buckets, &trail.bucket, source, mode, prefix, || {
        // The owner of the trail may read what it writes to, as a rule; a bucket that belongs to somebody else has to be
        // named in the configuration with the account that may.
        let owner = trail.owner().map(str::to_owned);
        owner.filter(|owner| seen.iter().any(|seen| seen.account == *owner))
    }))
}

fn add(
    buckets: &mut Vec<ChosenBucket>,
    name: &str,
    source: Option<&BucketSource>,
    mode: Mode,
    prefix: String,
    reader: impl FnOnce() -> Option<String>,
) -> usize {
    let at = buckets.iter().position(|bucket| bucket.name == name).unwrap_or_else(|| {
        buckets.push(ChosenBucket {
            name: name.to_owned(),
            account: source.map_or_else(reader, |source| source.account.clone()),
            region: source.and_then(|source| source.region.clone()),
            mode,
            prefixes: source.map(|source| source.prefix.clone()).into_iter().collect(),
        });
        buckets.len() - 1
    });
    if let Some(bucket) = buckets.get_mut(at).filter(|bucket| !bucket.prefixes.contains(&prefix)) {
        bucket.prefixes.push(prefix);
    }
    at
}

/// Buckets that the configuration names and that no trail that can be seen writes to: they are read, and what was recorded
/// is not known.
fn unnamed(
    config: &Config,
    trails: &[TrailSnapshot],
    taken: &[ChosenTrail],
    buckets: &mut Vec<ChosenBucket>,
) -> Vec<ChosenTrail> {
    let mut more = Vec::new();
    for source in &config.sources {
        let SourceKind::Bucket(bucket) = &source.kind else { continue };
        if trails.iter().any(|trail| trail.bucket == bucket.bucket) {
            continue;
        }
        let index = add(buckets, &bucket.bucket, Some(bucket), source.mode, bucket.prefix.clone(), || None);
        if taken.iter().all(|trail| trail.bucket != index) {
            more.push(ChosenTrail {
                arn: String::new(),
                bucket: index,
                recording: None,
                logging: None,
                started: None,
                stopped: None,
                validating: None,
            });
        }
    }
    more
}

/// The trail that is taken first: one that is read in place, then of the organisation, of all regions, validated; then by
/// ARN, so that every run chooses alike.
fn rank(trail: &TrailSnapshot, bucket: Option<&ChosenBucket>) -> (bool, bool, bool, bool, bool, String) {
    let in_place = bucket.is_some_and(|bucket| bucket.mode == Mode::InPlace);
    let logging = trail.status.as_ref().is_some_and(|status| status.logging);
    (!logging, !in_place, !trail.organization_trail, !trail.multi_region, !trail.log_file_validation, trail.arn.clone())
}

fn of(trail: &TrailSnapshot, bucket: usize) -> ChosenTrail {
    ChosenTrail {
        arn: trail.arn.clone(),
        bucket,
        recording: trail.selectors.as_ref().map(|selectors| recording(selectors, trail.insights)),
        logging: trail.status.as_ref().map(|status| status.logging),
        started: trail.status.as_ref().and_then(|status| status.started),
        stopped: trail.status.as_ref().and_then(|status| status.stopped),
        validating: Some(trail.log_file_validation),
    }
}

/// Whether the first trail records all that the other does, so that the other brings nothing new.
fn records_as_much(first: &ChosenTrail, other: &ChosenTrail) -> bool {
    if first.logging != Some(true) {
        return other.logging != Some(true) && first.bucket == other.bucket;
    }
    let (Some(first), Some(other)) = (&first.recording, &other.recording) else { return false };
    let more = |first: &Recorded, other: &Recorded| *first == Recorded::All || *other == Recorded::None || first == other;
    more(&first.reads, &other.reads)
        && more(&first.writes, &other.writes)
        && other.data.iter().all(|resource| first.data.contains(resource))
        && other.network_activity.iter().all(|source| first.network_activity.contains(source))
        && (first.insight || !other.insight)
}

/// What selectors record.
pub(crate) fn recording(selectors: &Selectors, insights: Option<bool>) -> Recording {
    let half = |half| match selectors.records_management(half) {
        CloudRecorded::All => Recorded::All,
        CloudRecorded::Except(sources) => Recorded::Except(sources.into_iter().collect()),
        CloudRecorded::None => Recorded::None,
        CloudRecorded::Part | CloudRecorded::Unknown => Recorded::Unknown,
    };
    let data: BTreeSet<String> = selectors
        .data_resources()
        .into_iter()
        .filter(|selector| selector.read && selector.write && selector.scope == DataScope::Every)
        .filter_map(|selector| selector.resource_type)
        .collect();
    Recording {
        reads: half(ReadWrite::Read),
        writes: half(ReadWrite::Write),
        data: data.into_iter().collect(),
        network_activity: selectors.network_activity().into_iter().collect(),
        insight: insights.unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_trail_leaves_out_has_a_name() {
        let trail = |arn: &str, reads: Recorded| ChosenTrail {
            arn: arn.to_owned(),
            bucket: 0,
            recording: Some(Recording { reads, ..Recording::management() }),
            logging: Some(true),
            started: None,
            stopped: None,
            validating: Some(true),
        };
        let kms = Recorded::Except(vec!["kms.amazonaws.com".to_owned(), "rdsdata.amazonaws.com".to_owned()]);
        let key = |region: &str| ("1".to_owned(), region.to_owned());
        let cells = BTreeMap::from([
            (key("a"), vec![trail("whole", Recorded::All), trail("most", kms.clone())]),
            (key("b"), vec![trail("most", kms), trail("writes", Recorded::None)]),
        ]);
        let said = holes(&cells);
        assert_eq!(said.len(), 2, "each trail once: {said:?}");
        assert!(said[0].starts_with("most does not record reads of kms.amazonaws.com, rdsdata.amazonaws.com: "), "{said:?}");
        assert!(said[1].starts_with("writes does not record any reads: "), "{said:?}");
    }
}
