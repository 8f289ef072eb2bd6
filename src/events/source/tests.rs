use assize_bucket::{Memory, Metadata, PutCondition};
use assize_engine::decode;
use assize_engine::inflate::Limits;

use super::*;
use crate::events::counts::Counts;
use crate::events::gather::{self, Books, Means};
use crate::events::record::Fields;

const DAY: i64 = 86_400;

fn row(key: &str, stored: &[u8]) -> LedgerRow {
    LedgerRow::example("s3://logs", key, stored, b"")
}

fn key(account: &str, folder: &str, region: &str, day: &str) -> String {
    let stamp = day.replace('/', "");
    format!("AWSLogs/{account}/{folder}/{region}/{day}/{account}_{folder}_{region}_{stamp}T0805Z_AbCdEf0123456789.json.gz")
}

#[test]
fn only_objects_of_the_asked_days_accounts_and_regions_are_wanted() {
    let at = |text: &str| time::parse(text);
    let scope = Scope {
        period: Period { since: at("2026-10-02T12:00:00Z"), until: at("2026-10-03T00:00:00Z") },
        accounts: vec!["111122223333".to_owned()],
        regions: vec!["eu-west-1".to_owned()],
    };
    let wants = |account: &str, folder: &str, region: &str, day: &str| scope.wants(&row(&key(account, folder, region, day), b""));
    for (day, expected) in
        [("2026/10/01", false), ("2026/10/02", true), ("2026/10/03", true), ("2026/10/04", true), ("2026/10/05", false)]
    {
        assert_eq!(wants("111122223333", "CloudTrail", "eu-west-1", day), Some(expected), "{day}");
    }
    assert_eq!(wants("444455556666", "CloudTrail", "eu-west-1", "2026/10/02"), Some(false));
    assert_eq!(wants("111122223333", "CloudTrail", "eu-west-2", "2026/10/02"), Some(false));
    assert_eq!(wants("111122223333", "CloudTrail-Insight", "eu-west-1", "2026/10/02"), Some(true));
    assert_eq!(wants("111122223333", "CloudTrail-Digest", "eu-west-1", "2026/10/02"), None, "a digest holds no events");
    // Event history is kept under the day on which it ends.
    let history = |key: &str| LedgerRow {
        key: key.to_owned(),
        ..row(&self::key("1".repeat(12).as_str(), "CloudTrail", "r", "2026/11/20"), b"")
    };
    assert_eq!(scope.wants(&history("111122223333/eu-west-1/2026/11/20/x/00000.json")), Some(true));
    assert_eq!(scope.wants(&history("111122223333/us-east-1/2026/11/20/x/00000.json")), Some(false));
    let everything = Scope::default();
    assert_eq!(everything.days(), i64::MIN..i64::MAX);
    assert_eq!(everything.wants(&row(&key("444455556666", "CloudTrail", "x", "2026/10/02"), b"")), Some(true));
    let from = Scope { period: Period { since: Some(3 * DAY), until: None }, ..Scope::default() };
    assert_eq!((from.days(), from.ledger_days()), (3..i64::MAX, 3..i64::MAX));
    // A page that ends on the last day for which AWS has Event history may begin with the first event of the scope.
    assert_eq!(scope.ledger_days().end, scope.days().end + 91);
}

fn log(id: &str) -> Vec<u8> {
    format!("{{\"Records\":[{}]}}", crate::events::example::RECORD.replace("0f9bd5d3", id)).into_bytes()
}

/// What is read of an audit bucket that has one copy, one altered copy, an object in place and one in a place that nobody names.
#[test]
fn copies_are_read_and_compared_and_what_is_elsewhere_is_counted() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (audit, logs) = (Memory::new(), Memory::new());
    let put = |bucket: &Memory, key: &str, bytes: Vec<u8>| {
        runtime.block_on(bucket.put(key, bytes, Metadata::new(), PutCondition::Always)).unwrap();
    };
    put(&audit, "evidence/aws/logs/a", log("00000001"));
    put(&audit, "evidence/aws/logs/b", log("00000002"));
    put(&logs, "c", log("00000003"));
    let bucket: Arc<dyn Bucket> = Arc::new(logs);
    let source =
        Source { bucket_name: "here".to_owned(), id: "s3://here".to_owned(), partition: "aws", bucket, mode: Mode::InPlace };
    let kept = Kept {
        runtime,
        audit: Arc::new(audit),
        sources: vec![source],
        closed: BTreeMap::from([("s3://there".to_owned(), "it is locked".to_owned())]),
        objects: Vec::new(),
        elsewhere: BTreeMap::new(),
        days: 1..4,
    };
    let any = key("111122223333", "CloudTrail", "eu-west-1", "2026/10/02");
    let copy =
        |name: &str, stored: &[u8]| LedgerRow { evidence_key: Some(format!("evidence/aws/logs/{name}")), ..row(&any, stored) };
    let rows = [
        copy("gone", b""),
        copy("a", &log("00000001")),
        copy("b", &log("before it was altered")),
        LedgerRow { source: "s3://here".to_owned(), key: "c".to_owned(), ..row(&any, &log("00000003")) },
        LedgerRow { source: "s3://there".to_owned(), ..row(&any, b"") },
    ];
    let objects = Objects::Kept(Box::new(kept.with(rows.map(KeptObject::of).into_iter().collect())));
    assert_eq!((objects.len(), objects.name(3), objects.name(4)), (4, "s3://here/c", ""));
    let mut reader = Reader::new(Limits::default());
    let none = objects.read(4, &mut reader, &mut |text| decode::decode_with(text, &mut decode::Memory::default(), &mut Nothing));
    assert!(none.is_none());
    let means = Means { threads: 2, limits: Limits::default() };
    let (books, counts) = gather::gather((&objects, &Fields::new(), &means), &|_| true, &|| Counts::new(&[], 9), &|_| {});
    assert_eq!(counts.sorted().unwrap(), [(vec![], 3)]);
    assert_eq!((books.objects, books.failed, books.records, books.matched, books.problems_total), (3, 1, 3, 3, 3));
    let told: Vec<(&str, &str)> =
        books.problems.iter().map(|((object, _), why)| (object.as_str(), why.split(':').next().unwrap())).collect();
    assert_eq!(
        told,
        [("evidence/aws/logs/b", "object-altered"), ("evidence/aws/logs/gone", "unreadable"), ("s3://there", "in-place")]
    );
    let there = &books.problems[&("s3://there".to_owned(), u64::MAX)];
    assert!(there.contains("1 object of the asked days") && there.contains("are not read: it is locked; name"), "{there}");
    assert!(!books.complete() && !Books::default().complete());
    assert_eq!(objects.told(), "the audit bucket, what was delivered from 1970-01-02 up to 1970-01-04");
}

struct Nothing;

impl decode::Sink for Nothing {
    fn record(&mut self, _: decode::Place, _: &[u8], _: &assize_engine::matcher::Subject<'_>) {}
    fn malformed(&mut self, _: decode::Place, _: u64, _: &decode::Malformed) {}
}
