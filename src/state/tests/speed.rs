//! How long a ledger of ten million keys takes to load, and how much memory. Run by hand, with optimisation:
//! `cargo test --release --bin assize ten_million -- --ignored --nocapture`

use std::time::Instant;

use super::super::*;
use super::script::{FIRST_DAY, folder, identity};

const KEYS: u64 = 10_000_000;
const DAYS: u64 = 90;
const BATCH: u64 = 50_000;

/// A row as a busy organisation has them: long keys, digests that nothing can compress.
fn row(number: u64) -> LedgerRow {
    // A cheap mixer; what matters is that no two rows have digests in common.
    let mix = |salt: u64| {
        let mixed = (number ^ salt.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    };
    let digest = |salt: u64| (0..4).map(|part| format!("{:016x}", mix(salt * 8 + part))).collect::<String>();
    let day = FIRST_DAY + i64::try_from(number * DAYS / KEYS).unwrap();
    let account = 111_122_220_000 + number % 180;
    let key = format!("AWSLogs/o-abcdef1234/{account}/CloudTrail/eu-west-1/{day}/{account}_CloudTrail_{:016x}.json.gz", mix(9));
    LedgerRow {
        source: "s3://organisation-trail".to_owned(),
        evidence_key: Some(format!("evidence/aws/organisation-trail/{key}")),
        key,
        day,
        size: 10_000 + mix(3) % 20_000,
        etag: digest(5).split_off(32),
        version_id: None,
        stored_sha256: digest(1),
        inflated_sha256: Some(digest(2)),
        inflated_bytes: 200_000 + mix(4) % 100_000,
        delivered: Some(day * 86_400 + i64::try_from(number % 86_400).unwrap()),
        taken: 1_790_000_000,
        status: RowStatus::Taken,
        records: RowRecords { read: 100, evaluated: 98, duplicate: 2, ..RowRecords::default() },
        policy_set: String::new(),
        note: None,
        digest: None,
    }
}

/// A line of `/proc/self/status`, in MB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or_default() / 1_024
}

/// Starts the peak of the resident memory again.
fn reset_peak() {
    std::fs::write("/proc/self/clear_refs", "5").ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; run by hand with --release"]
async fn ten_million_keys() {
    let (bucket, folder) = folder();
    let start = Instant::now();
    let mut state = State::open(Arc::clone(&bucket), identity(0), None).await.unwrap();
    reset_peak();
    for first in (0..KEYS).step_by(usize::try_from(BATCH).unwrap()) {
        let rows = (first..(first + BATCH).min(KEYS)).map(row).collect();
        state.commit(Batch { rows, ..Batch::default() }).await.unwrap();
    }
    println!("committed in {:?}, peak {} MB, {} live segments", start.elapsed(), memory("VmHWM"), state.view().segment_count());
    let live: u64 = state.stored.head.segments.iter().map(|segment| segment.bytes).sum();
    println!("{} bytes a key stored", live / KEYS);
    state.finish(&serde_json::json!({})).await.unwrap();

    for round in ["first", "again", "compacted"] {
        if round == "compacted" {
            let start = Instant::now();
            let mut state = State::open(Arc::clone(&bucket), identity(1), None).await.unwrap();
            state.compact(Compaction::All).await.unwrap();
            println!("all compacted in {:?}, {} live segments", start.elapsed(), state.view().segment_count());
        }
        let before = memory("VmRSS");
        reset_peak();
        let start = Instant::now();
        let view = View::open(Arc::clone(&bucket)).await.unwrap();
        let mut ledger = view.ledger(FIRST_DAY..FIRST_DAY + i64::try_from(DAYS).unwrap()).await.unwrap();
        let took = start.elapsed();
        println!(
            "{round}: {} keys in {took:?}; resident {before} MB before, {} MB after, peak {} MB",
            ledger.len(),
            memory("VmRSS"),
            memory("VmHWM")
        );
        assert_eq!(ledger.len() as u64, KEYS);
        let rows: Vec<LedgerRow> = (0..200_000).map(|number| row(number * 49)).collect();
        let start = Instant::now();
        assert!(rows.iter().all(|row| ledger.take(&row.listed()) == KeyStatus::Known));
        println!("{:?} for a look-up", start.elapsed() / 200_000);
    }
    drop(folder);
}
