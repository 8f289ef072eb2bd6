//! The records that issued the credentials behind findings, from what the state keeps: from link to link, and of each link only
//! the hours in which its credentials can have been issued.

use std::collections::BTreeSet;

use assize_engine::coverage::Hours;
use assize_engine::session::{self, CLOCK_SKEW, Index, LIFETIME, MAX_LINKS, Principal, Sessions};
use futures::TryStreamExt;

use crate::state::{StateError, View, WantedSessions};

/// Rounds of reading: each follows all chains by one link more, and now and then finds another way where it had found one.
const ROUNDS: usize = 4 * MAX_LINKS;

/// What leads on from these callers and the times of their calls, seconds since 1970. Chains in it are those in everything that
/// the state keeps.
///
/// # Errors
/// The state cannot be read.
pub(super) async fn behind(view: &View, calls: Vec<(Principal, i64)>) -> Result<Sessions, StateError> {
    let mut known = Sessions::default();
    let mut asked: BTreeSet<(Principal, i64)> = BTreeSet::new();
    for _ in 0..ROUNDS {
        let open = not_asked(&calls, &known, &asked);
        if open.is_empty() {
            break;
        }
        let (mut wanted, mut hours) = (WantedSessions::default(), Hours::new());
        for (caller, at) in &open {
            wanted.add(caller);
            hours.add(at.saturating_sub(LIFETIME).div_euclid(3600)..at.saturating_add(CLOCK_SKEW).div_euclid(3600) + 1);
        }
        for range in hours.ranges() {
            let mut found = view.sessions(range, Some(wanted.clone()));
            while let Some(hour) = found.try_next().await? {
                known.merge(hour);
            }
        }
        asked.extend(open);
    }
    Ok(known)
}

/// What the chains in `known` go through and was not asked for. All of a chain, not only its end: what was read for another one
/// may join a session by its name that its key would lead elsewhere.
fn not_asked(calls: &[(Principal, i64)], known: &Sessions, asked: &BTreeSet<(Principal, i64)>) -> BTreeSet<(Principal, i64)> {
    let index = Index::of(known);
    let mut open = BTreeSet::new();
    for (caller, at) in calls {
        let chain = session::chain(caller, *at, &index);
        open.extend(chain.asked(*at).map(|(session, at)| (session.clone(), at)).filter(|one| !asked.contains(one)));
    }
    open
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use assize_bucket::Memory;
    use assize_engine::decode::Place;
    use assize_engine::evaluate::{Evaluation, ObjectName};
    use assize_engine::identity::Secret;
    use assize_engine::partial::{ByHour, Partial};
    use assize_engine::session::{Chain, Issued, Issuing, PrincipalKind, session_digest};
    use proptest::prelude::*;

    use super::*;
    use crate::state::{Batch, RunIdentity, State};

    fn principal(kind: PrincipalKind, key: u8, session: u8, begun: Option<i64>) -> Principal {
        let arn = format!("arn:aws:sts::111122223333:assumed-role/R/{session}");
        Principal { kind, key: format!("ASIAEXAMPLEKEY{key:06}"), arn, begun, ..Principal::default() }
    }

    /// Steps of seconds and of many hours, so that a chain goes back over days.
    fn time(step: u8) -> i64 {
        1_790_812_800 + i64::from(step % 4) * 2 + i64::from(step / 4) * 17 * 3600
    }

    fn drawn() -> impl Strategy<Value = (u8, u8, u8, Principal)> {
        let kind = prop_oneof![6 => Just(PrincipalKind::Role), 1 => Just(PrincipalKind::User), 1 => Just(PrincipalKind::Account)];
        let caller = (kind, 0..8_u8, 0..4_u8, prop::option::of(0..40_u8))
            .prop_map(|(kind, key, session, begun)| principal(kind, key, session, begun.map(time)));
        (0..8_u8, 0..4_u8, 0..40_u8, caller)
    }

    fn told(chain: &Chain<'_>) -> (Vec<String>, session::End) {
        (chain.links.iter().map(|link| link.issued.event_id.to_string()).collect(), chain.end)
    }

    async fn check(records: Vec<(u8, u8, u8, Principal)>, runs: usize, calls: Vec<(Principal, i64)>) {
        let bucket: Arc<dyn assize_bucket::Bucket> = Arc::new(Memory::new());
        let mut whole = Sessions::default();
        let chunk = records.len().div_ceil(runs);
        for (run, part) in records.chunks(chunk).enumerate() {
            let identity = RunIdentity { run_id: format!("run-{run}"), as_of: 1_790_812_800, tool: "0.0.0".to_owned() };
            let mut state = State::open(Arc::clone(&bucket), identity, None).await.unwrap();
            let mut hours = ByHour::new(0);
            for (number, (key, session, at, caller)) in part.iter().enumerate() {
                let issued = Issued {
                    caller: Arc::new(caller.clone()),
                    call: Issuing::AssumeRole,
                    session: Some(session_digest(&principal(PrincipalKind::Role, 0, *session, None).arn)),
                    omitted: false,
                    event_id: format!("{run}-{number}").into(),
                    object: Arc::from("object"),
                    place: Place { index: 0, offset: 0 },
                };
                let id: session::SessionId = (format!("ASIAEXAMPLEKEY{key:06}").into(), time(*at));
                whole.add(id.clone(), issued.clone());
                let hour = hours.hours.entry(time(*at).div_euclid(3600)).or_default();
                hour.partial.sessions.add(id, issued);
            }
            state.commit(Batch { results: hours, ..Batch::default() }).await.unwrap();
            state.finish(&serde_json::json!({})).await.unwrap();
        }
        let view = View::open(bucket).await.unwrap();
        let loaded = behind(&view, calls.clone()).await.unwrap();
        let (loaded, whole) = (Index::of(&loaded), Index::of(&whole));
        for (caller, at) in &calls {
            assert_eq!(told(&session::chain(caller, *at, &loaded)), told(&session::chain(caller, *at, &whole)));
        }
    }

    const CALL: &str = r#"{"eventVersion":"1.11","eventTime":"2026-11-20T09:00:00Z","eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","awsRegion":"us-east-1","eventID":"call","recipientAccountId":"444455556666","userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::444455556666:assumed-role/Deploy/release","accountId":"444455556666","accessKeyId":"ASIAEXAMPLEDEPLOYKEY"}}"#;
    const ISSUED: &str = r#"{"eventVersion":"1.11","eventTime":"2026-11-20T08:30:00Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"us-east-1","eventID":"issued","recipientAccountId":"111122223333","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333","accessKeyId":"AKIAEXAMPLEALICEKEY1","userName":"alice"},"responseElements":{"credentials":{"accessKeyId":"ASIAEXAMPLEDEPLOYKEY"}}}"#;
    const POLICY: &str = "id: stop\ntitle: T\nlevel: high\nlogsource: {product: aws, service: cloudtrail}\n\
         detection: {a: {eventName: StopLogging}, condition: a}\n";

    /// A run that takes one object, and what is found and who is behind it afterwards.
    async fn run(bucket: &Arc<dyn assize_bucket::Bucket>, number: usize, text: &str) -> (String, session::End) {
        let policies = assize_engine::policy::load([("stop.yaml", POLICY)]).policies;
        let identity = RunIdentity { run_id: format!("run-{number}"), as_of: 1_790_812_800, tool: "0.0.0".to_owned() };
        let mut state = State::open(Arc::clone(bucket), identity, None).await.unwrap();
        let (accounts, period) = Default::default();
        let evaluation = Evaluation::new(&policies, accounts, period, 0, Secret::new([1, 2]));
        let mut results = ByHour::new(policies.len());
        let name = ObjectName { name: Arc::from(format!("object-{number}")), number: 0 };
        evaluation.object_by_hour(&name, text.as_bytes(), &mut results);
        let hashes = vec!["stop".to_owned()];
        state.commit(Batch { results, policies: hashes.clone(), ..Batch::default() }).await.unwrap();
        state.finish(&serde_json::json!({})).await.unwrap();
        let view = View::open(Arc::clone(bucket)).await.unwrap();
        let mut partial = Partial::new(policies.len());
        let all: Vec<_> = view.results(i64::MIN..i64::MAX, &hashes).try_collect().await.unwrap();
        all.into_iter().for_each(|hour| partial.merge(hour.partial));
        let findings = assize_engine::finding::findings(&policies, &mut partial, &assize_engine::correlation::Known::always());
        let [finding] = findings.as_slice() else { panic!("one finding is expected: {findings:?}") };
        let mut caller = principal(PrincipalKind::Role, 0, 0, None);
        caller.key = "ASIAEXAMPLEDEPLOYKEY".to_owned();
        let sessions = behind(&view, vec![(caller.clone(), finding.first())]).await.unwrap();
        (finding.fingerprint.clone(), session::chain(&caller, finding.first(), &Index::of(&sessions)).end)
    }

    #[tokio::test]
    async fn a_record_that_comes_late_completes_the_chain_of_a_finding_that_stays_the_same() {
        let bucket: Arc<dyn assize_bucket::Bucket> = Arc::new(Memory::new());
        let (fingerprint, end) = run(&bucket, 0, CALL).await;
        assert_eq!(end, session::End::Broken(session::Broken::NotInEvidence));
        assert_eq!(run(&bucket, 1, ISSUED).await, (fingerprint.clone(), session::End::User));
        // One run over both says the same.
        let bucket: Arc<dyn assize_bucket::Bucket> = Arc::new(Memory::new());
        let both = format!("{CALL}\n{ISSUED}");
        assert_eq!(run(&bucket, 0, &both).await, (fingerprint, session::End::User));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_loaded_gives_the_chains_of_everything(
            records in prop::collection::vec(drawn(), 1..40),
            runs in 1..4_usize,
            calls in prop::collection::vec((0..8_u8, 0..4_u8, prop::option::of(0..40_u8), 0..40_u8), 1..5),
        ) {
            let call = |(key, session, begun, at): (u8, u8, Option<u8>, u8)| {
                (principal(PrincipalKind::Role, key, session, begun.map(time)), time(at))
            };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(check(records, runs, calls.into_iter().map(call).collect()));
        }
    }
}
