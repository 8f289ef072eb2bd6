//! An audit bucket with two judged runs, for the tests of those who read manifests. Its evidence is a chain of signed digests
//! and the log objects that they name; one finding rests on one of these.

use std::collections::BTreeMap;
use std::sync::Arc;

use assize_bucket::{Bucket, Memory};
use futures::TryStreamExt;
use serde_json::json;

use super::super::time_stamp::{self, Authority};
use super::super::{Asked, Context, Published};
use super::{put_once, write};
use crate::accepted::Accepted;
use crate::collect::meter::Requests;
use crate::config::Config;
use crate::manifest;
use crate::manifest::key::Signer;
use crate::pack;
use crate::report::example;
use crate::state::{self, Batch, LedgerRow, RunIdentity, State};
use crate::verify::chain::written;
use crate::verify::tests::AUDIT;

/// The two runs.
pub(crate) const RUNS: [&str; 2] = ["20261002T030000Z-00000001", "20261002T040000Z-00000002"];

/// 2026-10-02T03:00:00Z.
const AS_OF: i64 = 1_790_910_000;

const CONFIG: &str = "name: example\naudit: {bucket: s3://example-audit}\naccounts: {list: [111122223333]}\n";

/// The bucket. `signer` signs both runs.
pub(crate) async fn bucket(signer: Option<&Signer>) -> Arc<Memory> {
    stamped_bucket(signer, None).await
}

/// The bucket. `signer` signs both runs, and an authority is asked for the time of both.
pub(crate) async fn stamped_bucket(signer: Option<&Signer>, authority: Option<&Authority>) -> Arc<Memory> {
    let evidence = written("111122223333");
    let bucket = evidence.store(AUDIT, true).await;
    let finding = format!("{{\"object\":\"{AUDIT}{}\"}}\n", evidence.logs[4].0);
    let mut rows = rows(&bucket).await;
    rows.push(in_place(&rows[0]));
    for (at, run) in (0..).zip(RUNS) {
        one_run(&bucket, run, AS_OF + at * 3600, (std::mem::take(&mut rows), &finding), (signer, authority)).await;
    }
    bucket
}

/// A row for each object that is kept.
async fn rows(bucket: &Memory) -> Vec<LedgerRow> {
    let entries: Vec<_> = bucket.list(AUDIT, None).try_collect().await.unwrap();
    let mut rows = Vec::new();
    for entry in entries {
        let bytes = bucket.get(&entry.key, None).await.unwrap().bytes;
        let key = entry.key.strip_prefix(AUDIT).unwrap();
        let mut inflated = Vec::new();
        assize_engine::inflate::inflate(&bytes, &assize_engine::inflate::Limits::default(), &mut inflated).unwrap();
        let row = LedgerRow::example("s3://trail-logs", key, &bytes, &inflated);
        rows.push(LedgerRow { evidence_key: Some(entry.key.clone()), delivered: None, taken: AS_OF, ..row });
    }
    rows
}

/// The same object at a source that is read in place.
fn in_place(row: &LedgerRow) -> LedgerRow {
    LedgerRow { source: "s3://other-logs".to_owned(), evidence_key: None, version_id: Some("v1".to_owned()), ..row.clone() }
}

async fn one_run(
    bucket: &Arc<Memory>,
    run: &str,
    as_of: i64,
    (rows, finding): (Vec<LedgerRow>, &str),
    (signer, authority): (Option<&Signer>, Option<&Authority>),
) {
    let audit: Arc<dyn Bucket> = Arc::clone(bucket) as Arc<dyn Bucket>;
    let identity = RunIdentity { run_id: run.to_owned(), as_of, tool: "0.0.0".to_owned() };
    let mut state = State::open(Arc::clone(&audit), identity, None).await.unwrap();
    state.commit(Batch { rows, ..Batch::default() }).await.unwrap();
    let config = Config::parse("assize.yaml", CONFIG, &|_| None).unwrap();
    let pack = pack::load(&[]).unwrap();
    let asked = Asked::of("run", as_of);
    let hashes = pack.policies.iter().map(|policy| format!("hash of {}", policy.id)).collect();
    let requests = Arc::new(Requests::default());
    let (tell, accepted) = (|_: &str| (), Accepted::default());
    let (config, pack, asked) = (&config, &pack, &asked);
    let context = Context {
        config,
        asked,
        pack,
        accepted: &accepted,
        hashes,
        run_id: run.to_owned(),
        audit,
        requests,
        signer: signer.cloned(),
        authority: authority.cloned(),
        tell: &tell,
    };
    let mut digests = BTreeMap::new();
    for (name, text) in [("report.html", "<p>a report</p>"), ("findings.jsonl", finding)] {
        digests.insert(name.to_owned(), state::sha256(text.as_bytes()));
        put_once(&**bucket, &manifest::place(run, name), text.as_bytes().to_vec()).await.unwrap();
    }
    let findings = finding.as_bytes().to_vec();
    let published = Published { document: example::document(), findings, keys: Vec::new(), digests, register: None };
    let record = json!({"version": 1, "run": run, "result": {"exit_code": 4}});
    let record = time_stamp::into_record(record, authority);
    let hours = as_of / 3600 - 12..as_of / 3600 - 3;
    write(&context, &mut state, &hours, (&published, &record)).await.unwrap();
    state.finish(&record).await.unwrap();
}
