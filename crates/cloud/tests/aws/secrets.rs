//! Nothing secret is shown: not in diagnostics at any level with the SDK's targets off, not in `Debug`, not in errors.
//!
//! The subscriber of a process is set once, so this is one test in a process of its own: it starts itself again.

use std::io::Write;
use std::sync::{Arc, Mutex};

use assize_bucket::{Bucket as _, Metadata, PutCondition};
use assize_cloud::{RoleSpec, S3Options, SECRET_TARGETS, Sessions};
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

use crate::fake::{Answer, Fake};
use crate::{alone, options, role};

const CANARIES: [&str; 8] = [
    "canary-secret-key",
    "canary-base-token",
    "canary-external-id",
    "canary-assumed-secret",
    "canary-assumed-token",
    "canary-tag",
    "canary-evidence",
    "canary-metadata",
];

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Whether a target is one that the application silences.
fn is_silenced(target: &str) -> bool {
    SECRET_TARGETS
        .iter()
        .any(|silenced| target.strip_prefix(silenced).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")))
}

fn spec() -> RoleSpec {
    let mut role = role("111122223333", Some("canary-external-id"));
    role.session_tags.insert("t".to_owned(), "canary-tag".to_owned());
    role
}

async fn use_everything(url: &str) -> Vec<String> {
    let keys = Credentials::new("AKIACANARY", "canary-secret-key", Some("canary-base-token".to_owned()), None, "test");
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("eu-west-1"))
        .credentials_provider(keys);
    let sessions = Sessions::from_loader(loader, options()).await.unwrap();
    let session = sessions.assume(&spec());
    let mut shown = vec![format!("{:?} {:?} {:?} {:?}", sessions, session, spec(), sessions.base())];
    let mut failed = spec();
    failed.arn = "arn:aws:iam::111122223333:role/Refused".to_owned();
    let error = sessions.assume(&failed).identity("eu-west-1").await.unwrap_err();
    shown.push(format!("{error} {error:?}"));
    let error = session.identity("eu-west-1").await.unwrap_err();
    shown.push(format!("{error} {error:?}"));
    let options = S3Options { bucket: "b".to_owned(), region: Some("eu-west-1".to_owned()), ..S3Options::default() };
    let bucket = session.bucket(options).await.unwrap();
    shown.push(format!("{bucket:?} {bucket}"));
    let metadata = Metadata::from([("m".to_owned(), "canary-metadata".to_owned())]);
    let error = bucket.put("k", b"canary-evidence".to_vec(), metadata, PutCondition::IfAbsent).await.unwrap_err();
    shown.push(format!("{error} {error:?}"));
    shown
}

async fn server() -> Fake {
    Fake::start(|request, _| {
        let form = request.text();
        let refused = |code: &str, message: &str| {
            Answer::new(
                403,
                format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"),
            )
        };
        if form.contains("Refused") {
            return refused("AccessDenied", "no");
        }
        if form.contains("Action=AssumeRole") {
            return Answer::new(
                200,
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIACANARY</AccessKeyId>\
                 <SecretAccessKey>canary-assumed-secret</SecretAccessKey><SessionToken>canary-assumed-token</SessionToken>\
                 <Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
            );
        }
        let told = format!(
            "The request signature we calculated does not match.\n\nThe Canonical String for this request should have been\n\
             x-amz-security-token:{}",
            request.header("x-amz-security-token")
        );
        refused("SignatureDoesNotMatch", &told)
    })
    .await
}

/// In a process of its own.
pub(crate) fn secrets() {
    let (kept, silenced) = (Written::default(), Written::default());
    let by = |silent: bool| {
        tracing_subscriber::filter::filter_fn(move |about| {
            let quiet = is_silenced(about.target()) && *about.level() > tracing_subscriber::filter::LevelFilter::INFO;
            quiet == silent
        })
    };
    let layer = |written: &Written, silent: bool| {
        tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_writer(written.clone())
            .with_filter(by(silent))
            .boxed()
    };
    tracing_subscriber::registry().with(vec![layer(&kept, false), layer(&silenced, true)]).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let shown = runtime.block_on(async {
        let fake = server().await;
        let shown = use_everything(&fake.url).await;
        let sent: String = fake.asked().iter().map(|request| format!("{:?} {}", request.headers, request.text())).collect();
        assert!(sent.contains("canary-external-id") && sent.contains("canary-assumed-token"), "the canaries did fly");
        shown.join("\n")
    });
    let kept = kept.text();
    assert!(kept.contains("getting credentials"), "our own diagnostics are on: {kept}");
    for canary in CANARIES {
        assert!(!shown.contains(canary), "{canary} in {shown}");
        let line = kept.lines().find(|line| line.contains(canary));
        assert!(line.is_none(), "{canary} in {line:?}");
    }
    let silenced = silenced.text();
    let leaks = CANARIES.iter().filter(|canary| silenced.contains(**canary)).count();
    assert!(leaks > 0, "the SDK's own diagnostics hold secrets, which is why they are off; if that has changed, so may the list");
}

#[test]
fn nothing_secret_is_shown() {
    alone("secrets", None);
}
