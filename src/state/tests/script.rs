//! What the tests collect: made-up objects with made-up results, and a way to write down everything a state says.

use std::collections::BTreeMap;
use std::sync::Arc;

use assize_bucket::{Bucket, LocalFolder, Memory};
use assize_engine::decode::Place;
use assize_engine::identity::{RecordDigest, SeenEntry};
use assize_engine::partial::{ByHour, Cell, GroupKey, Hit, HourPart, MalformedRecord, NO_HOUR, Partial, RecordCounts};
use assize_engine::session::{Issued, Issuing, Principal, PrincipalKind, Sessions, session_digest};
use futures::stream::TryStreamExt as _;
use serde_json::json;

use super::super::compact::Tiers;
use super::super::*;

/// Compaction after three batches, so that short scripts see several levels.
pub(super) const SMALL: Tiers = Tiers { batches: 2, fan_in: 2, full: 20_000, large: 400 };

/// The policies of the tests.
pub(super) fn policies() -> Vec<String> {
    ["policy-b", "policy-a", "policy-c"].map(str::to_owned).to_vec()
}

pub(super) fn identity(number: usize) -> RunIdentity {
    RunIdentity { run_id: format!("run-{number}"), as_of: 1_790_000_000, tool: "0.0.0".to_owned() }
}

pub(super) async fn open(bucket: &Arc<dyn Bucket>, number: usize) -> Result<State, StateError> {
    let mut state = State::open(Arc::clone(bucket), identity(number), None).await?;
    state.tiers = SMALL;
    Ok(state)
}

pub(super) fn memory() -> Arc<dyn Bucket> {
    Arc::new(Memory::new())
}

/// A bucket in a folder, which goes when the second value does.
pub(super) fn folder() -> (Arc<dyn Bucket>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Arc::new(LocalFolder::open(folder.path()).unwrap()), folder)
}

/// Day of the first objects.
pub(super) const FIRST_DAY: i64 = 20_700;

/// Object number `number`: three days, ten objects each.
pub(super) fn row(number: u64) -> LedgerRow {
    let day = FIRST_DAY + i64::try_from(number / 10 % 3).unwrap();
    LedgerRow {
        source: "s3://trail".to_owned(),
        key: format!("AWSLogs/111122223333/CloudTrail/eu-west-1/{day}/{number:05}.json.gz"),
        day,
        size: 1_000 + number,
        etag: format!("etag-{number}"),
        version_id: None,
        stored_sha256: format!("{number:064x}"),
        inflated_sha256: Some(format!("{number:064x}")),
        inflated_bytes: 20_000,
        evidence_key: Some(format!("evidence/aws/trail/{number}")),
        delivered: Some(day * 86_400 + 60),
        taken: 1_790_000_000,
        status: RowStatus::Taken,
        records: RowRecords { read: 4, evaluated: 2, duplicate: 1, malformed: 1, ..RowRecords::default() },
        policy_set: String::new(),
        note: None,
        digest: None,
    }
}

fn hit(number: u64, time: i64) -> Hit {
    Hit {
        time,
        event_id: format!("event-{number}").as_str().into(),
        digest: RecordDigest(u128::from(number) << 64 | 7),
        object: format!("object-{number}").into(),
        place: Place { index: number, offset: 10 * number },
        length: 500,
    }
}

/// Two records of object `number` that issued credentials: of a session of its own, and of one that others tell of too.
fn sessions(number: u64, time: i64) -> Sessions {
    let mut sessions = Sessions::default();
    let caller = Principal {
        kind: if number.is_multiple_of(2) { PrincipalKind::Role } else { PrincipalKind::Account },
        account: "111122223333".to_owned(),
        arn: format!("arn:aws:sts::111122223333:assumed-role/R/{}", number % 3),
        key: format!("ASIAEXAMPLEKEY{:06}", number % 3),
        begun: number.is_multiple_of(3).then_some(time - 60),
        source_identity: "a \"quoted\" name\n".to_owned(),
        ..Principal::default()
    };
    let issued = Issued {
        caller: Arc::new(caller),
        call: Issuing::ALL[usize::try_from(number).unwrap() % Issuing::ALL.len()],
        session: (!number.is_multiple_of(4)).then(|| session_digest(&number.to_string())),
        omitted: number.is_multiple_of(5),
        event_id: format!("issued-{number}").into(),
        object: format!("object-{number}").into(),
        place: Place { index: 4, offset: number },
    };
    sessions.add((format!("ASIAEXAMPLEKEY{number:06}").into(), time), issued.clone());
    sessions.add(("arn:aws:sts::111122223333:assumed-role/R/shared".into(), time / 3600 * 3600), issued);
    sessions
}

/// What evaluating object `number` gives over so many policies: three records in two hours, and something malformed.
pub(super) fn results(number: u64, policies: usize) -> ByHour {
    let mut all = ByHour::new(policies);
    let first = (FIRST_DAY + i64::try_from(number / 10 % 3).unwrap()) * 24 + i64::try_from(number % 5).unwrap();
    for (hour, evaluated, duplicate) in [(first, 1, 1), (first + 1, 1, 0)] {
        let mut partial = Partial::new(policies);
        partial.records = RecordCounts { read: evaluated + duplicate, evaluated, duplicate, ..RecordCounts::default() };
        partial.kinds.insert("management", evaluated + duplicate);
        let time = hour * 3600 + i64::try_from(number).unwrap();
        let mut cell = Cell { evaluated, first: time, last: time, ..Cell::default() };
        cell.sources.insert("iam.amazonaws.com".to_owned(), evaluated);
        cell.hours.insert(hour, evaluated);
        for (index, policy) in partial.policies.iter_mut().enumerate() {
            if (number + index as u64).is_multiple_of(2) {
                let account = format!("11112222333{}", number % 2);
                let values = vec![Some(format!("actor-{}", number % 3)), None];
                let group = GroupKey { account, region: "eu-west-1".to_owned(), values };
                policy.groups.entry(group).or_default().push(hit(number, time));
                cell.populations.insert(index, number);
            } else {
                policy.not_evaluable.push(hit(number, time));
            }
        }
        partial.cells.insert(("111122223333".to_owned(), "eu-west-1".to_owned()), cell);
        partial.sessions = sessions(number, time);
        let seen = vec![SeenEntry { key: number, digest: u64::try_from(hour).unwrap() }];
        all.hours.insert(hour, HourPart { partial, seen });
    }
    let mut partial = Partial::new(policies);
    partial.records = RecordCounts { read: 1, malformed: 1, ..RecordCounts::default() };
    let (object, place) = (format!("object-{number}").into(), Place { index: 3, offset: 99 });
    partial.malformed.insert(MalformedRecord { object, place, length: 5, why: "a \"quoted\" reason\n".to_owned() });
    all.hours.insert(NO_HOUR, HourPart { partial, seen: Vec::new() });
    all
}

/// The batch of some objects.
pub(super) fn batch(numbers: &[u64]) -> Batch {
    let mut batch = Batch { policies: policies(), results: ByHour::new(3), ..Batch::default() };
    for number in numbers {
        batch.rows.push(row(*number));
        batch.results.merge(results(*number, 3));
    }
    if !numbers.is_empty() {
        batch.documents.insert("notes".to_owned(), json!(numbers));
        batch.timeline.insert("trails".to_owned(), json!(numbers));
    }
    batch
}

/// What a run does: takes those objects that the ledger does not have, `size` at a time, and finishes.
pub(super) async fn collect(bucket: &Arc<dyn Bucket>, run: usize, objects: u64, size: usize) -> Result<(), StateError> {
    let mut state = open(bucket, run).await?;
    take(&mut state, objects, size).await?;
    state.finish(&json!({"run": run})).await
}

/// As [`collect`], within a run.
pub(super) async fn take(state: &mut State, objects: u64, size: usize) -> Result<u64, StateError> {
    let mut ledger = state.view().ledger(FIRST_DAY..FIRST_DAY + 3).await?;
    let numbers: Vec<u64> = (0..objects).filter(|number| ledger.take(&row(*number).listed()) == KeyStatus::Unknown).collect();
    for numbers in numbers.chunks(size) {
        state.commit(batch(numbers)).await?;
    }
    Ok(numbers.len() as u64)
}

/// Everything that a view gives.
pub(super) async fn all<T>(items: Items<T>) -> Vec<T> {
    items.try_collect().await.unwrap()
}

/// Everything that a state says, in an order of its own.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) rows: Vec<LedgerRow>,
    pub(super) results: Vec<HourResults>,
    pub(super) seen: BTreeMap<i64, Vec<SeenEntry>>,
    pub(super) sessions: Sessions,
    pub(super) documents: Vec<u64>,
    pub(super) timeline: Vec<u64>,
    pub(super) row_count: u64,
}

/// Reads everything, and checks that the ledger knows what the rows say.
pub(super) async fn told(view: &View) -> Result<Told, StateError> {
    let by_day: Vec<(i64, Vec<LedgerRow>)> = view.rows(i64::MIN..i64::MAX).try_collect().await?;
    assert!(by_day.is_sorted_by(|a, b| a.0 < b.0), "each day comes once, in order");
    let ledger = view.ledger(by_day.iter().map(|(day, _)| *day)).await?;
    let rows: Vec<LedgerRow> = by_day.into_iter().flat_map(|(_, rows)| rows).collect();
    for row in &rows {
        assert_eq!(ledger.status(&row.listed()), KeyStatus::Known);
    }
    assert_eq!(ledger.len(), rows.len());
    let mut results: Vec<HourResults> = view.results(i64::MIN..i64::MAX, &policies()).try_collect().await?;
    assert!(results.is_sorted_by(|a, b| a.hour < b.hour), "each hour comes once, in order");
    for policy in results.iter_mut().flat_map(|hour| &mut hour.partial.policies) {
        policy.groups.values_mut().for_each(|hits| hits.sort());
        policy.not_evaluable.sort();
    }
    let seen = view.seen(i64::MIN..i64::MAX).try_collect().await?;
    let mut sessions = Sessions::default();
    let by_hour: Vec<Sessions> = view.sessions(i64::MIN..i64::MAX, None).try_collect().await?;
    by_hour.into_iter().for_each(|hour| sessions.merge(hour));
    let documents = numbers(view.documents("notes").await?);
    let timeline = numbers(view.timeline("trails", i64::MIN..i64::MAX).await?);
    Ok(Told { rows, results, seen, sessions, documents, timeline, row_count: view.row_count() })
}

/// The numbers that documents list, all together in order.
fn numbers(documents: Vec<Document>) -> Vec<u64> {
    let lists = documents.into_iter().map(|document| serde_json::from_value::<Vec<u64>>(document.value).unwrap());
    let mut all: Vec<u64> = lists.flatten().collect();
    all.sort_unstable();
    all
}

/// What a state must say about objects `0..objects`, made without a state.
pub(super) fn expected(objects: u64) -> Told {
    let all: Vec<u64> = (0..objects).collect();
    let set = results::PolicySet::of(&policies()).unwrap().name;
    let mut rows: Vec<LedgerRow> = all.iter().map(|number| LedgerRow { policy_set: set.clone(), ..row(*number) }).collect();
    rows.sort_by_key(|row| (row.day, row.clone()));
    let results = batch(&all).results;
    let (documents, timeline) = (all.clone(), all);
    let (seen, sessions) = Default::default();
    let mut told = Told { rows, results: Vec::new(), seen, sessions, documents, timeline, row_count: objects };
    for (hour, HourPart { mut partial, mut seen }) in results.hours {
        told.sessions.merge(std::mem::take(&mut partial.sessions));
        for policy in &mut partial.policies {
            policy.groups.values_mut().for_each(|hits| hits.sort());
            policy.not_evaluable.sort();
        }
        told.results.push(HourResults { hour, partial, missing: Vec::new() });
        seen.sort();
        seen.dedup();
        if !seen.is_empty() {
            told.seen.insert(hour, seen);
        }
    }
    told
}
