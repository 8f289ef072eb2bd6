//! A source in memory that has storage classes and versions and remembers what was read, and runs over it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use assize_bucket::{Bucket, BucketError, Entry, Memory, Metadata, Object, ObjectHead, PutCondition, PutOutcome};
use assize_engine::coverage::{Reason, Recording};
use assize_engine::inflate::Limits;
use assize_engine::layout::Folder;
use assize_engine::policy::{self, Policy};
use assize_engine::record::AccountList;
use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

use super::super::collected::CellKey;
use super::super::timeline::TrailLook;
use super::super::*;
use crate::config::Mode;
use crate::state::{LedgerRow, RunIdentity};

/// 2026-11-01, days since 1970.
pub(super) const DAY: i64 = 20_758;
/// Noon of the day after, seconds since 1970.
pub(super) const AS_OF: i64 = (DAY + 1) * 86_400 + 12 * 3600;
pub(super) const ACCOUNT: &str = "111122223333";
pub(super) const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main";
pub(super) const REGION: &str = "eu-west-1";

/// A source.
#[derive(Default)]
pub(super) struct Store {
    memory: Memory,
    classes: Mutex<BTreeMap<String, String>>,
    /// By key and version id; the last is the newest.
    versions: Mutex<BTreeMap<String, Vec<Vec<u8>>>>,
    gets: Mutex<Vec<String>>,
}

impl Store {
    pub(super) async fn put_object(&self, key: &str, bytes: Vec<u8>) {
        self.versions.lock().unwrap().entry(key.to_owned()).or_default().push(bytes.clone());
        self.memory.put(key, bytes, Metadata::new(), PutCondition::Always).await.unwrap();
    }

    pub(super) fn class(&self, key: &str, class: &str) {
        self.classes.lock().unwrap().insert(key.to_owned(), class.to_owned());
    }

    /// What was read since the last time.
    pub(super) fn read(&self) -> Vec<String> {
        let mut read = std::mem::take(&mut *self.gets.lock().unwrap());
        read.sort();
        read
    }
}

#[async_trait]
impl Bucket for Store {
    fn list(&self, prefix: &str, start_after: Option<&str>) -> BoxStream<'_, Result<Entry, BucketError>> {
        let classes = self.classes.lock().unwrap().clone();
        let entries = self.memory.list(prefix, start_after);
        entries.map_ok(move |entry| Entry { storage_class: classes.get(&entry.key).cloned(), ..entry }).boxed()
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, BucketError> {
        self.gets.lock().unwrap().push(key.to_owned());
        let object = self.memory.get(key, range).await?;
        let newest = self.versions.lock().unwrap().get(key).map_or(0, Vec::len);
        Ok(Object { version_id: Some(format!("v{newest}")), ..object })
    }

    async fn get_version(&self, key: &str, version_id: &str) -> Result<Object, BucketError> {
        let not_found = || BucketError::NotFound { key: key.to_owned() };
        let number: usize = version_id.strip_prefix('v').and_then(|number| number.parse().ok()).ok_or_else(not_found)?;
        let bytes = self.versions.lock().unwrap().get(key).and_then(|all| all.get(number - 1).cloned()).ok_or_else(not_found)?;
        let object = self.memory.get(key, None).await?;
        Ok(Object { size: bytes.len() as u64, bytes, version_id: Some(version_id.to_owned()), ..object })
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, BucketError> {
        self.memory.head(key).await
    }

    async fn put(&self, _: &str, _: Vec<u8>, _: Metadata, _: PutCondition) -> Result<PutOutcome, BucketError> {
        panic!("nobody writes to a source")
    }
}

/// A key as CloudTrail writes it, delivered so many seconds after the start of [`DAY`].
pub(super) fn key(folder: Folder, seconds: i64, name: &str) -> String {
    let at = DAY * 86_400 + seconds;
    let stamp = assize_engine::time::format(at).replace(['-', ':'], "");
    let stamp = stamp.get(..13).unwrap();
    let day = assize_engine::layout::day_path(at.div_euclid(86_400));
    let prefix = assize_engine::layout::region_prefix("AWSLogs/", ACCOUNT, folder, REGION);
    format!("{prefix}{day}{ACCOUNT}_{folder}_{REGION}_{stamp}Z_{name:0>16}.json.gz")
}

/// A record, so many seconds after the start of [`DAY`].
pub(super) fn record(id: &str, seconds: i64, source: &str, name: &str, parameters: Value) -> Value {
    json!({
        "eventVersion": "1.11", "eventTime": assize_engine::time::format(DAY * 86_400 + seconds), "eventSource": source,
        "eventName": name, "awsRegion": REGION, "recipientAccountId": ACCOUNT, "eventID": id, "eventCategory": "Management",
        "managementEvent": true, "readOnly": false, "eventType": "AwsApiCall", "requestParameters": parameters,
        "userIdentity": {"type": "Root", "accountId": ACCOUNT, "arn": format!("arn:aws:iam::{ACCOUNT}:root")},
    })
}

pub(super) fn log(records: &[Value]) -> Vec<u8> {
    serde_json::to_vec(&json!({"Records": records})).unwrap()
}

/// A policy that matches one event name.
pub(super) fn matching(name: &str) -> Policy {
    let text = format!(
        "id: found-{0}\ntitle: Found\nlevel: high\nlogsource: {{product: aws, service: cloudtrail}}\n\
         detection: {{it: {{eventName: {name}}}, condition: it}}\n",
        name.to_lowercase()
    );
    loaded(&text)
}

/// A policy as it is written.
pub(super) fn loaded(text: &str) -> Policy {
    let mut loaded = policy::load([("policy.yaml", text)]);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    loaded.policies.remove(0)
}

/// The buckets, and what runs over them have in common.
pub(super) struct Scene {
    pub(super) store: Arc<Store>,
    pub(super) audit: Arc<dyn Bucket>,
    pub(super) mode: Mode,
    pub(super) policies: Vec<Policy>,
    pub(super) trails: Vec<TrailLook>,
    pub(super) runs: std::cell::Cell<usize>,
}

impl Scene {
    pub(super) fn new(mode: Mode) -> Scene {
        let (store, audit) = (Arc::new(Store::default()), Arc::new(Memory::new()));
        let trail = TrailLook {
            arn: TRAIL.to_owned(),
            logging: Some(true),
            started: Some((DAY - 30) * 86_400),
            stopped: None,
            recording: Some(Recording::management().into()),
            validating: Some(true),
        };
        let policies = vec![matching("CreateUser")];
        Scene { store, audit, mode, policies, trails: vec![trail], runs: std::cell::Cell::new(0) }
    }

    /// With an audit bucket of its own, and the same source.
    pub(super) fn with_audit(&self, audit: Arc<dyn Bucket>) -> Scene {
        let (store, policies, trails) = (Arc::clone(&self.store), self.policies.clone(), self.trails.clone());
        Scene { store, audit, mode: self.mode, policies, trails, runs: std::cell::Cell::new(self.runs.get()) }
    }

    pub(super) fn hashes(&self) -> Vec<String> {
        self.policies.iter().map(|policy| policy.evaluation_hash(&AccountList::default())).collect()
    }

    pub(super) fn collector(&self, as_of: i64) -> Collector {
        let source = Source {
            bucket_name: "logs".to_owned(),
            id: "s3://logs".to_owned(),
            partition: "aws",
            bucket: Arc::clone(&self.store) as Arc<dyn Bucket>,
            mode: self.mode,
        };
        let place = Place {
            source: 0,
            root: "AWSLogs/".to_owned(),
            account: ACCOUNT.to_owned(),
            regions: vec![REGION.to_owned()],
            folders: vec![Folder::CloudTrail, Folder::Digest],
            empty: false,
        };
        let judging = Judging {
            policies: self.policies.iter().cloned().chain(changes::policy()).chain(own_calls::policy()).collect(),
            reported: self.policies.len(),
            accounts: AccountList::default(),
            threads: 1,
            limits: Limits::default(),
            as_of,
        };
        Collector {
            sources: Arc::new(vec![source]),
            places: vec![place],
            audit: Arc::clone(&self.audit),
            judging: Arc::new(judging),
            policy_hashes: self.hashes(),
            classify: Arc::new(|_: &BucketError| Reason::ObjectFailed),
            requests: Arc::new(Requests::default()),
            stop: Arc::new(Stop::default()),
            relist: RelistConfig { each_run: 2, daily: 2, weekly: 2 },
            concurrency: 4,
            first_day: DAY,
            settle: 3600,
            shard: None,
            partial: false,
        }
    }

    pub(super) async fn open(&self, as_of: i64) -> Result<State, StateError> {
        self.runs.set(self.runs.get() + 1);
        let run = RunIdentity { run_id: format!("run-{}", self.runs.get()), as_of, tool: "0.0.0".to_owned() };
        State::open(Arc::clone(&self.audit), run, None).await
    }

    /// One run, as far as collecting goes.
    pub(super) async fn run(&self, as_of: i64) -> Result<(Outcome, Collected), CollectError> {
        let mut state = self.open(as_of).await?;
        let mut collected = match state.view().current(collected::DOCUMENT).await? {
            Some(document) => Collected::read(document.value)?,
            None => Collected::default(),
        };
        collected.look(as_of);
        collected.saw_trails(ACCOUNT, REGION, self.trails.clone());
        let outcome = collect(&self.collector(as_of), &mut state, &mut collected, &|_| ()).await?;
        state.finish(&json!({})).await?;
        Ok((outcome, collected))
    }

    /// A run that notes calls and collects nothing.
    pub(super) async fn made<const N: usize>(&self, at: i64, calls: [(CellKey, String); N]) {
        let mut state = self.open(at).await.unwrap();
        let mut collected = Collected::default();
        collected.made(at, calls);
        state.commit(documents(&self.collector(at), &mut collected).unwrap()).await.unwrap();
    }

    /// The ledger's rows.
    pub(super) async fn rows(&self) -> Vec<LedgerRow> {
        let view = crate::state::View::open(Arc::clone(&self.audit)).await.unwrap();
        view.rows(i64::MIN..i64::MAX).map_ok(|(_, rows)| rows).try_concat().await.unwrap()
    }

    /// Keys and bytes of the evidence.
    pub(super) async fn evidence(&self) -> BTreeMap<String, Vec<u8>> {
        let keys: Vec<Entry> = self.audit.list("evidence/", None).try_collect().await.unwrap();
        let mut all = BTreeMap::new();
        for entry in keys {
            let object = self.audit.get(&entry.key, None).await.unwrap();
            all.insert(entry.key, object.bytes);
        }
        all
    }
}
