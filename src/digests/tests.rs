//! Chains of digests in a ledger, checked in one run or in many.

use assize_bucket::Memory;
use assize_engine::coverage::{Ask, HourState, Hours, Reason, Recording};
use assize_engine::policy::Evidence as Grade;

use proptest::strategy::Strategy as _;

use super::*;
use crate::collect::timeline::TrailLook;
use crate::state::{Batch, RunIdentity, State};
use crate::verify::chain::{self, HOUR, Written};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";
const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main.trail";

fn cell() -> CellKey {
    (ACCOUNT.to_owned(), REGION.to_owned())
}

fn row(key: &str, text: &str, digest: Option<DigestRow>) -> LedgerRow {
    let source = format!("s3://{}", chain::BUCKET);
    LedgerRow { digest: digest.map(Box::new), ..LedgerRow::example(&source, key, text.as_bytes(), text.as_bytes()) }
}

/// The rows of a chain, in the order of delivery.
fn rows(written: &Written) -> Vec<LedgerRow> {
    let digests = written.digests.iter().map(|digest| {
        let signed = DigestRow {
            text: digest.text.clone(),
            signature: Some(digest.signature.clone()),
            algorithm: Some("SHA256withRSA".to_owned()),
            ..DigestRow::default()
        };
        row(&digest.key, &digest.text, Some(signed))
    });
    let mut all: Vec<LedgerRow> = digests.chain(written.logs.iter().map(|(key, text)| row(key, text, None))).collect();
    all.sort_by_key(|row| (row.delivered, row.digest.is_some()));
    all
}

fn keys() -> PublicKeys {
    let mut keys = PublicKeys::default();
    ["aa", "bb"].into_iter().enumerate().for_each(|(number, name)| keys.add(name, chain::public(number)));
    keys
}

/// What was collected of the whole time.
fn collected() -> Collected {
    let mut collected = Collected::default();
    collected.look(chain::START + 100 * HOUR);
    let trail = TrailLook {
        arn: TRAIL.to_owned(),
        logging: Some(true),
        started: Some(chain::START - HOUR),
        stopped: None,
        recording: Some(Recording::management().into()),
        validating: Some(true),
    };
    collected.saw_trails(ACCOUNT, REGION, vec![trail]);
    let first = chain::START.div_euclid(HOUR);
    collected.taken(ACCOUNT, REGION, first - 10..first + 200);
    collected
}

fn evidence(keys: PublicKeys) -> Evidence {
    let (keys, collected) = (Arc::new(keys), Arc::new(collected()));
    Evidence { keys, collected, unvalidated: Arc::default(), settle: HOUR, threads: 2 }
}

/// A ledger to which rows are committed.
struct Scene {
    bucket: Arc<Memory>,
    runs: usize,
}

impl Scene {
    fn new() -> Scene {
        Scene { bucket: Arc::new(Memory::new()), runs: 0 }
    }

    async fn commit(&mut self, rows: Vec<LedgerRow>) -> View {
        self.runs += 1;
        let run = RunIdentity { run_id: format!("run-{}", self.runs), as_of: 0, tool: "test".to_owned() };
        let bucket: Arc<dyn assize_bucket::Bucket> = self.bucket.clone();
        let mut state = State::open(bucket, run, None).await.unwrap();
        state.commit(Batch { rows, ..Batch::default() }).await.unwrap();
        state.view()
    }
}

async fn once(rows: Vec<LedgerRow>, evidence: &Evidence) -> (Verified, Found) {
    let view = Scene::new().commit(rows).await;
    let mut verified = Verified::default();
    let found = check(&view, evidence, &mut verified).await.unwrap();
    (verified, found)
}

/// Hours from the first one of the chain on.
fn proven(verified: &Verified) -> Vec<(i64, HourState)> {
    proven_from(verified, chain::START)
}

fn proven_from(verified: &Verified, first: i64) -> Vec<(i64, HourState)> {
    let collected = collected();
    let mut cells = collected.evidence();
    verified.prove(&mut cells, &collected.spoken(), HOUR);
    let first = first.div_euclid(HOUR);
    (first..first + 7).map(|hour| (hour - first, cells[&cell()].state(hour, None))).collect()
}

fn states(verified: &Verified) -> Vec<HourState> {
    proven(verified).into_iter().map(|(_, state)| state).collect()
}

const MISSING: HourState = HourState::Delivered(Reason::DigestMissing);

#[tokio::test]
async fn hours_between_whole_digests_are_proven() {
    let (verified, found) = once(rows(&chain::written(ACCOUNT)), &evidence(keys())).await;
    assert_eq!(found.absent, []);
    // Six windows that begin a minute and a half past the hour: the first hour is not whole, the last waits for late events.
    let good = HourState::Verified;
    assert_eq!(states(&verified), [MISSING, good, good, good, good, MISSING, MISSING]);
    let totals = verified.totals(&(0..i64::MAX), |_, _| true);
    assert_eq!((totals.chains, totals.digests.valid, totals.logs.valid), (1, 6, 12));
    assert_eq!(verified.problems(&(0..i64::MAX)), []);
}

#[tokio::test]
async fn what_comes_late_is_counted_and_proves_no_less() {
    let count = async |late: fn(i64) -> i64| {
        let (verified, _) = once(rows(&chain::written_late(ACCOUNT, chain::START, late)), &evidence(keys())).await;
        let collected = collected();
        let mut cells = collected.evidence();
        verified.prove(&mut cells, &collected.spoken(), HOUR);
        let first = chain::START.div_euclid(HOUR);
        let cell = &cells[&cell()];
        let hours: Vec<i64> = cell.late.ranges().flatten().map(|hour| hour - first).collect();
        let tally = cell.tally(first..first + 7, &Ask::any(Grade::Verified));
        (hours, tally.late, tally.verified, states(&verified))
    };
    let on_time = count(|_| 0).await;
    assert_eq!((on_time.0.as_slice(), on_time.1), (&[][..], 0));
    // Delivered at 18:06 with events from 13:01 on: 17:00 to 18:00 is waited for until 19:00, and 16:00 to 17:00 until 18:00.
    let late = count(|hour| if hour == 4 { 5 * HOUR } else { 0 }).await;
    assert_eq!((late.0.as_slice(), late.1), (&[-1, 0, 1, 2][..], 3));
    assert_eq!((late.2, late.3), (on_time.2, on_time.3));
    // A minute is no delay that anybody waits for.
    let almost = count(|hour| if hour == 4 { 60 } else { 0 }).await;
    assert_eq!(almost.0, [0_i64; 0]);
}

#[tokio::test]
async fn what_is_altered_added_or_taken_away_is_named_and_located() {
    let whole = chain::written(ACCOUNT);
    // An hour needs the window after it too, and what was put in may hold events of the hour before: the last is one that is not touched.
    type Case<'c> = (&'c str, &'c dyn Fn(&mut Written), &'c str, usize, HourState, usize);
    let altered = HourState::Unknown(Reason::ObjectAltered);
    let gone = HourState::Unknown(Reason::ObjectMissing);
    let orphan = HourState::Delivered(Reason::ObjectOrphan);
    let invalid = HourState::Delivered(Reason::DigestInvalid);
    let cases: [Case<'_>; 6] = [
        ("a log changed", &|it| it.logs[4].1.push(' '), "log-altered", 2, altered, 1),
        ("a log gone", &|it| drop(it.logs.remove(4)), "log-missing", 2, gone, 1),
        ("a log put in", &|it| it.logs.push((it.logs[4].0.replace("_log", "_new"), "{}".to_owned())), "log-orphan", 2, orphan, 3),
        ("a digest gone", &|it| drop(it.digests.remove(2)), "digest-missing", 2, MISSING, 4),
        ("a digest changed", &|it| it.digests[2].text.push(' '), "digest-invalid", 2, invalid, 4),
        ("the newest digests gone", &|it| it.digests.truncate(3), "", 3, MISSING, 1),
    ];
    for (what, tamper, code, hour, state, untouched) in cases {
        let mut tampered = whole.clone();
        tamper(&mut tampered);
        let (verified, _) = once(rows(&tampered), &evidence(keys())).await;
        let codes: Vec<String> = verified.problems(&(0..i64::MAX)).into_iter().map(|problem| problem.code).collect();
        assert!(code.is_empty() || codes.iter().any(|one| one == code), "{what}: {codes:?}");
        assert_eq!(states(&verified)[hour], state, "{what}: {:?}", proven(&verified));
        assert_eq!(states(&verified)[untouched], HourState::Verified, "{what}: nothing else is touched");
    }
}

#[tokio::test]
async fn a_key_that_comes_later_makes_digests_valid_then() {
    let view = Scene::new().commit(rows(&chain::written(ACCOUNT))).await;
    let mut verified = Verified::default();
    let mut few = PublicKeys::default();
    few.add("aa", chain::public(0));
    check(&view, &evidence(few), &mut verified).await.unwrap();
    assert_eq!(states(&verified)[4], HourState::Delivered(Reason::Unverifiable));
    check(&view, &evidence(keys()), &mut verified).await.unwrap();
    assert_eq!(states(&verified)[4], HourState::Verified);
    let found = check(&view, &evidence(keys()), &mut verified).await.unwrap();
    assert_eq!(found.days, 0, "nothing is checked twice");
}

#[tokio::test]
async fn a_key_that_comes_later_makes_the_window_valid_that_began_the_day_before() {
    // The fourth window, the first of the second key, reaches over midnight; all other digests of the first day are valid.
    let start = chain::START + 6 * HOUR;
    let all = rows(&chain::written_from(ACCOUNT, start));
    let (expected, _) = once(all.clone(), &evidence(keys())).await;
    let view = Scene::new().commit(all).await;
    let (mut verified, mut few) = (Verified::default(), PublicKeys::default());
    few.add("aa", chain::public(0));
    check(&view, &evidence(few), &mut verified).await.unwrap();
    assert_ne!(proven_from(&verified, start)[3].1, HourState::Verified);
    check(&view, &evidence(keys()), &mut verified).await.unwrap();
    assert_eq!(proven_from(&verified, start)[3].1, HourState::Verified);
    assert_eq!(verified, expected);
}

#[tokio::test]
async fn what_was_not_collected_yet_is_waited_for_and_then_missed() {
    let mut written = chain::written(ACCOUNT);
    let lost = written.logs.remove(4).0;
    let view = Scene::new().commit(rows(&written)).await;
    let mut verified = Verified::default();
    let early = Evidence { collected: Arc::new(Collected::default()), ..evidence(keys()) };
    let found = check(&view, &early, &mut verified).await.unwrap();
    assert_eq!(found.absent, [(chain::BUCKET.to_owned(), lost)]);
    assert_eq!((verified.problems(&(0..i64::MAX)).len(), states(&verified)[2]), (0, HourState::Delivered(Reason::Unverifiable)));
    check(&view, &evidence(keys()), &mut verified).await.unwrap();
    assert_eq!(states(&verified)[2], HourState::Unknown(Reason::ObjectMissing));
}

#[tokio::test]
async fn a_digest_that_may_not_be_read_is_not_missing_until_it_is_gone() {
    let written = chain::written(ACCOUNT);
    let (all, key) = (rows(&written), &written.digests[2].key);
    let taken = all.iter().filter(|row| row.key != *key).cloned().collect();
    let mut scene = Scene::new();
    let view = scene.commit(taken).await;
    let mut owing = collected();
    owing.owed.push(Owed {
        source: format!("s3://{}", chain::BUCKET),
        key: key.clone(),
        size: 1,
        etag: None,
        account: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
        delivered: chain::START + 3 * HOUR,
        reason: Reason::KmsDenied.code().to_owned(),
        message: "no".to_owned(),
        since: 0,
    });
    let owing = Evidence { collected: Arc::new(owing), ..evidence(keys()) };
    let mut verified = Verified::default();
    check(&view, &owing, &mut verified).await.unwrap();
    assert_eq!(states(&verified)[2], HourState::Delivered(Reason::Unverifiable));
    assert_eq!(verified.problems(&(0..i64::MAX)), [], "nothing says that somebody took it away");
    assert_eq!(check(&view, &owing, &mut verified).await.unwrap().days, 0, "it is not looked at again in vain");

    let mut gone = verified.clone();
    check(&view, &evidence(keys()), &mut gone).await.unwrap();
    assert_eq!((states(&gone)[2], gone.problems(&(0..i64::MAX)).len()), (MISSING, 1));

    let rest = all.iter().filter(|row| row.key == *key).cloned().collect();
    let view = scene.commit(rest).await;
    check(&view, &evidence(keys()), &mut verified).await.unwrap();
    assert_eq!(states(&verified)[2], HourState::Verified);
    assert_eq!(verified, once(all, &evidence(keys())).await.0);
}

#[tokio::test]
async fn a_trail_without_digests_says_so() {
    let mut collected = collected();
    collected.look(chain::START + 200 * HOUR);
    let look = TrailLook {
        arn: "arn:aws:cloudtrail:eu-west-1:111122223333:trail/plain".to_owned(),
        logging: Some(true),
        started: Some(chain::START - HOUR),
        stopped: None,
        recording: Some(Recording::management().into()),
        validating: Some(false),
    };
    collected.saw_trails(ACCOUNT, REGION, vec![look]);
    let mut cells = collected.evidence();
    Verified::default().prove(&mut cells, &collected.spoken(), HOUR);
    let hour = chain::START.div_euclid(HOUR) + 150;
    assert_eq!(cells[&cell()].state(hour, None), HourState::Delivered(Reason::ValidationOff));
}

#[tokio::test]
async fn a_handover_from_one_trail_to_another_is_no_gap() {
    let mut collected = Collected::default();
    let look = |name: &str| TrailLook {
        arn: format!("arn:aws:cloudtrail:eu-west-1:111122223333:trail/{name}"),
        logging: Some(true),
        started: Some(0),
        stopped: None,
        recording: Some(Recording::management().into()),
        validating: Some(true),
    };
    for (hour, name) in [(10, "old"), (20, "new")] {
        collected.look(hour * HOUR);
        collected.saw_trails(ACCOUNT, REGION, vec![look(name)]);
    }
    collected.taken(ACCOUNT, REGION, 0..40);
    let mut verified = Verified::default();
    for (trail, from, until) in [("old_eu-west-1", 0, 16), ("new_eu-west-1", 14, 40)] {
        verified.add(document::CheckedDay {
            key: (ACCOUNT.to_owned(), REGION.to_owned(), trail.to_owned()),
            windows: vec![(from * HOUR, until * HOUR, document::State::Valid)],
            backfilled: vec![],
            row: document::DayRow { day: 0, ..document::DayRow::default() },
        });
    }
    let mut cells = collected.evidence();
    verified.prove(&mut cells, &collected.spoken(), HOUR);
    let proven: Vec<i64> = (0..40).filter(|hour| cells[&cell()].state(*hour, None) == HourState::Verified).collect();
    assert_eq!(proven, (0..39).collect::<Vec<_>>());
    // A trail that nobody saw logging at a time proves nothing of it.
    let old = |hour: i64| cells[&cell()].proven.iter().any(|(_, hours)| hours.and(&Hours::of(hour..hour + 1)).count() > 0);
    assert!(old(5) && !old(39));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 24, ..Default::default() })]

    /// However the rows come, in one run or in many, and whenever they are checked, the outcome is the same.
    #[test]
    fn many_runs_say_what_one_says(
        order in proptest::prelude::Just((0..18_usize).collect::<Vec<_>>()).prop_shuffle(),
        cuts in proptest::collection::btree_set(0..18_usize, 0..6),
        gone in proptest::option::of(0..18_usize),
        later in 0..10_i64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let start = chain::START + later * HOUR;
            let mut all = rows(&chain::written_late(ACCOUNT, start, |hour| hour % 3 * 2 * HOUR));
            if let Some(at) = gone {
                all.remove(at);
            }
            let evidence = evidence(keys());
            let (expected, _) = once(all.clone(), &evidence).await;
            let mut scene = Scene::new();
            let (mut verified, mut batch) = (Verified::default(), Vec::new());
            for (number, at) in order.into_iter().enumerate() {
                batch.extend(all.get(at).cloned());
                if cuts.contains(&number) {
                    let view = scene.commit(std::mem::take(&mut batch)).await;
                    check(&view, &evidence, &mut verified).await.unwrap();
                }
            }
            let view = scene.commit(batch).await;
            check(&view, &evidence, &mut verified).await.unwrap();
            assert_eq!(proven_from(&verified, start), proven_from(&expected, start));
            assert_eq!(verified, expected);
        });
    }
}

#[tokio::test]
async fn what_is_up_to_date_is_known_without_reading_keys() {
    let mut scene = Scene::new();
    let all = rows(&chain::written(ACCOUNT));
    let (first, rest) = all.split_at(10);
    let view = scene.commit(first.to_vec()).await;
    let (mut verified, evidence) = (Verified::default(), evidence(keys()));
    assert!(!is_up_to_date(&view, &verified, 2).await.unwrap());
    check(&view, &evidence, &mut verified).await.unwrap();
    assert!(is_up_to_date(&view, &verified, 2).await.unwrap());
    assert!(!is_up_to_date(&view, &verified, 3).await.unwrap(), "a key more may make a digest valid");
    let view = scene.commit(rest.to_vec()).await;
    assert!(!is_up_to_date(&view, &verified, 2).await.unwrap());
}

/// What an hour more costs: `assize demo`, then `ASSIZE_DEMO=assize-demo cargo test --release --workspace --bin assize an_hour_more --
/// --ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement"]
async fn an_hour_more() {
    let folder = std::env::var("ASSIZE_DEMO").unwrap();
    let bucket: Arc<dyn assize_bucket::Bucket> =
        Arc::new(assize_bucket::LocalFolder::open(std::path::Path::new(&folder).join("audit")).unwrap());
    let view = View::open(Arc::clone(&bucket)).await.unwrap();
    let mut document = view.current(DOCUMENT).await.unwrap().unwrap().value;
    let last = document["rows"].as_array_mut().unwrap().last_mut().unwrap();
    last[1] = (last[1].as_u64().unwrap() - 1).into();
    let mut verified = Verified::read(document).unwrap();
    let mut keys = PublicKeys::default();
    keys.add_archive(&*bucket).await.unwrap();
    let whole = Collected::read(view.current(crate::collect::collected::DOCUMENT).await.unwrap().unwrap().value).unwrap();
    let evidence = Evidence { collected: Arc::new(whole), threads: 1, ..evidence(keys) };
    let begun = std::time::Instant::now();
    let found = check(&view, &evidence, &mut verified).await.unwrap();
    let totals = verified.totals(&(0..i64::MAX), |_, _| true);
    println!("{} days of {} chains in {:.2} s", found.days, totals.chains, begun.elapsed().as_secs_f64());
}
