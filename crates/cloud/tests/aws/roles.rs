//! Assuming roles: what is asked of STS, how often, and what a refusal says.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use assize_cloud::{CloudError, DenialCause, Reason, RoleStep, Session, Sessions};
use aws_types::sdk_config::TimeSource;
use futures::future::join_all;

use crate::environment::{emulator, ministack};
use crate::fake::{Answer, Fake, Request};
use crate::{loader, options, role, sessions};

/// 2026-11-22T15:00:00Z
const NOON: u64 = 1_795_359_600;

/// A clock that tests move.
#[derive(Clone, Debug)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOON)))
    }

    fn forward(&self, minutes: u64) {
        self.0.fetch_add(minutes * 60, Ordering::SeqCst);
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

fn assumed(key: &str, end: &str) -> Answer {
    Answer::new(
        200,
        format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
             <AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>token-{key}</SessionToken>\
             <Expiration>{end}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        ),
    )
}

fn identity(account: &str) -> Answer {
    Answer::new(
        200,
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:sts::\
             {account}:assumed-role/Audit/assize</Arn><UserId>U</UserId><Account>{account}</Account></GetCallerIdentityResult>\
             </GetCallerIdentityResponse>"
        ),
    )
}

fn refused(code: &str, message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    );
    Answer::new(if code == "ValidationError" { 400 } else { 403 }, body)
}

fn is_assume(request: &Request) -> bool {
    request.text().contains("Action=AssumeRole&")
}

fn assumes(fake: &Fake) -> Vec<String> {
    fake.asked().iter().filter(|request| is_assume(request)).map(Request::text).collect()
}

/// STS that lets every role be assumed, until 23:00 of the test's day, and tells everybody a name.
async fn sts() -> Fake {
    Fake::start(|request, number| {
        if is_assume(request) { assumed(&format!("ASIA{number}"), "2026-11-22T23:00:00Z") } else { identity("111122223333") }
    })
    .await
}

async fn clocked(url: &str, clock: &Clock) -> Sessions {
    Sessions::from_loader(loader(url, "AKIAHUB").time_source(clock.clone()), options()).await.unwrap()
}

#[tokio::test]
async fn everything_of_a_role_is_asked_for() {
    let fake = sts().await;
    let mut role = role("111122223333", Some("x&y"));
    role.session_tags.insert("run".to_owned(), "7".to_owned());
    role.duration = Duration::from_secs(2 * 3600);
    let session = clocked(&fake.url, &Clock::new()).await.assume(&role);
    assert_eq!(session.identity("eu-west-1").await.unwrap().account, "111122223333");
    let asked = fake.asked();
    assert_eq!(asked.len(), 2);
    let form = asked[0].text();
    for part in [
        "RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2FAudit",
        "ExternalId=x%26y",
        "RoleSessionName=assize",
        "DurationSeconds=7200",
        "Tags.member.1.Key=run",
        "Tags.member.1.Value=7",
    ] {
        assert!(form.contains(part), "{part} in {form}");
    }
    assert!(asked[0].header("authorization").contains("Credential=AKIAHUB/20261122/eu-west-1/sts/"));
    assert!(asked[1].header("authorization").contains("Credential=ASIA0/"), "the role's own keys");
    assert_eq!(asked[1].header("x-amz-security-token"), "token-ASIA0");
}

#[tokio::test]
async fn many_at_once_assume_a_role_once() {
    let fake = sts().await;
    let sessions = clocked(&fake.url, &Clock::new()).await;
    let uses = (0..40).map(|turn| {
        // Each asks for the session itself, from another region's point of view.
        let mut role = role("111122223333", Some("right"));
        role.region = format!("eu-west-{}", turn % 3 + 1);
        let session = sessions.assume(&role);
        async move { session.identity("eu-west-1").await }
    });
    assert!(join_all(uses).await.iter().all(Result::is_ok));
    assert_eq!(assumes(&fake).len(), 1);
    sessions.assume(&role("111122223333", Some("other"))).identity("eu-west-1").await.unwrap();
    assert_eq!(assumes(&fake).len(), 2, "another external id is another session");
}

#[tokio::test]
async fn a_refusal_is_asked_for_once() {
    let message = "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/Audit";
    let fake = Fake::script(vec![refused("AccessDenied", message)]).await;
    let session = sessions(&fake.url).await.assume(&role("111122223333", None));
    let answers = join_all((0..20).map(|_| session.identity("eu-west-1"))).await;
    for answer in answers {
        let error = answer.unwrap_err();
        let CloudError::RoleNotAssumable { role, denial } = &error else { panic!("{error}") };
        assert_eq!(role, "arn:aws:iam::111122223333:role/Audit");
        assert_eq!(
            (&denial.cause, denial.principal.as_deref()),
            (&DenialCause::Unknown, Some("arn:aws:iam::123456789012:user/ci"))
        );
        assert!(error.to_string().contains("external id"), "{error}");
    }
    assert_eq!(fake.count(), 1);
}

#[tokio::test]
async fn roles_behind_roles() {
    let fake = sts().await;
    let sessions = clocked(&fake.url, &Clock::new()).await;
    let mut spec = role("111122223333", Some("member"));
    spec.duration = Duration::from_secs(12 * 3600);
    spec.via = vec![RoleStep { arn: "arn:aws:iam::999999999999:role/Hub".to_owned(), external_id: Some("hub".to_owned()) }];
    sessions.assume(&spec).identity("eu-west-1").await.unwrap();
    let mut second = spec.clone();
    second.arn = "arn:aws:iam::444455556666:role/Audit".to_owned();
    sessions.assume(&second).identity("eu-west-1").await.unwrap();
    let asked = fake.asked();
    let assumes = assumes(&fake);
    assert_eq!(assumes.len(), 3, "the hub's role once for both");
    assert!(assumes[0].contains("999999999999") && assumes[0].contains("ExternalId=hub"));
    assert!(assumes[1].contains("111122223333") && assumes[1].contains("ExternalId=member"));
    assert!(assumes[1].contains("DurationSeconds=3600"), "a chained session lasts an hour: {}", assumes[1]);
    assert!(asked[1].header("authorization").contains("Credential=ASIA0/"), "assumed with the hub's role");
}

#[tokio::test]
async fn a_link_that_breaks_is_named_itself() {
    let fake = Fake::start(|request, _| {
        if request.text().contains("Hub") {
            refused(
                "AccessDenied",
                "User: x is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::999999999999:role/Hub",
            )
        } else {
            assumed("ASIA1", "2026-11-22T23:00:00Z")
        }
    })
    .await;
    let mut spec = role("111122223333", None);
    spec.via = vec![RoleStep { arn: "arn:aws:iam::999999999999:role/Hub".to_owned(), external_id: None }];
    let error = sessions(&fake.url).await.assume(&spec).identity("eu-west-1").await.unwrap_err();
    let CloudError::RoleNotAssumable { role, .. } = &error else { panic!("{error}") };
    assert_eq!(role, "arn:aws:iam::999999999999:role/Hub");
    assert_eq!(fake.count(), 1);
}

#[tokio::test]
async fn a_run_that_is_itself_a_role_is_given_an_hour() {
    let fake = Fake::start(|request, number| match request.text() {
        text if text.contains("DurationSeconds=7200") => refused(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ),
        text if text.contains("AssumeRole") => assumed(&format!("ASIA{number}"), "2026-11-22T16:00:00Z"),
        _ => identity("111122223333"),
    })
    .await;
    let mut spec = role("111122223333", None);
    spec.duration = Duration::from_secs(7200);
    clocked(&fake.url, &Clock::new()).await.assume(&spec).identity("eu-west-1").await.unwrap();
    assert_eq!(assumes(&fake).len(), 2);
    assert!(assumes(&fake)[1].contains("DurationSeconds=3600"));
}

#[tokio::test]
async fn credentials_are_renewed_before_they_end_and_kept_while_they_hold() {
    let state = Arc::new(Mutex::new("2026-11-22T16:00:00Z"));
    let given = Arc::clone(&state);
    let fake = Fake::start(move |request, number| match (is_assume(request), *given.lock().unwrap()) {
        (true, "down") => Answer::new(500, "<ErrorResponse><Error><Code>InternalFailure</Code></Error></ErrorResponse>"),
        (true, end) => assumed(&format!("ASIA{number}"), end),
        _ => identity("111122223333"),
    })
    .await;
    let clock = Clock::new();
    let session = clocked(&fake.url, &clock).await.assume(&role("111122223333", None));
    let who = async |session: &Session| session.identity("eu-west-1").await.map(drop);
    who(&session).await.unwrap();
    clock.forward(54);
    who(&session).await.unwrap();
    assert_eq!(assumes(&fake).len(), 1, "six minutes are left");
    *state.lock().unwrap() = "2026-11-22T17:00:00Z";
    clock.forward(2);
    who(&session).await.unwrap();
    assert_eq!(assumes(&fake).len(), 2, "four minutes were left");
    *state.lock().unwrap() = "down";
    clock.forward(60);
    who(&session).await.unwrap();
    let tried = assumes(&fake).len();
    assert!(tried > 2, "renewing was tried");
    who(&session).await.unwrap();
    assert_eq!(assumes(&fake).len(), tried, "and not again at once; what there is holds for four minutes");
    clock.forward(5);
    assert!(who(&session).await.is_err(), "they have ended");
}

#[tokio::test]
async fn external_ids_right_wrong_and_missing_at_the_emulator() {
    let arn = "arn:aws:iam::710000000001:role/Audit";
    emulator().post("/roles", &serde_json::json!({"arn": arn, "external_id": "right"}));
    let sessions = sessions(&emulator().url).await;
    let right = sessions.assume(&role("710000000001", Some("right"))).identity("eu-west-1").await.unwrap();
    assert_eq!(right.account, "710000000001");
    assert!(right.arn.starts_with("arn:aws:sts::710000000001:assumed-role/Audit/"), "{}", right.arn);
    for external_id in [Some("wrong"), None] {
        let error = sessions.assume(&role("710000000001", external_id)).identity("eu-west-1").await.unwrap_err();
        assert_eq!(error.reason(), Reason::RoleNotAssumable, "{error}");
        assert!(!error.to_string().contains("wrong;"), "the external id is not shown: {error}");
    }
    let mut missing = role("710000000001", Some("right"));
    missing.arn = "arn:aws:iam::710000000001:role/None".to_owned();
    let error = sessions.assume(&missing).identity("eu-west-1").await.unwrap_err();
    assert_eq!(error.reason(), Reason::RoleNotAssumable, "{error}");
}

#[tokio::test]
async fn external_ids_right_wrong_and_missing_at_ministack() {
    let (hub, member) = ("720000000001", "720000000002");
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": format!("arn:aws:iam::{hub}:root")}, "Condition": {"StringEquals": {"sts:ExternalId": "right"}}}]});
    let create = assize_cloud::Operation {
        service: assize_cloud::Service {
            id: "IAM",
            signing_name: "iam",
            endpoint_prefix: "iam",
            protocol: assize_cloud::Protocol::Query { version: "2010-05-08" },
            global: true,
        },
        name: "CreateRole",
        action: "iam:CreateRole",
    };
    let owner = Sessions::from_loader(loader(&ministack().url, member), options()).await.unwrap().base();
    let input = serde_json::json!({"RoleName": "Audit", "AssumeRolePolicyDocument": policy.to_string()});
    let made = owner.call(&create, "us-east-1", input).await.unwrap();
    assert_eq!(made["Role"]["Arn"], format!("arn:aws:iam::{member}:role/Audit"));
    let sessions = Sessions::from_loader(loader(&ministack().url, hub), options()).await.unwrap();
    assert_eq!(sessions.assume(&role(member, Some("right"))).identity("us-east-1").await.unwrap().account, member);
    for external_id in [Some("wrong"), None] {
        let error = sessions.assume(&role(member, external_id)).identity("us-east-1").await.unwrap_err();
        assert_eq!(error.reason(), Reason::RoleNotAssumable, "{error}");
    }
}
