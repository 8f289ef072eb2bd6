//! Sessions, the signed caller and S3: exactly what is sent and what is made of answers, against a server in this
//! process; and whether it works as a whole, against the emulators.
#![expect(clippy::unwrap_used, reason = "what the tests share fails by panicking, as tests do")]

mod buckets;
mod calls;
mod chain;
#[path = "../../../../tests/aws/environment.rs"]
#[expect(dead_code, reason = "these tests need a part of it")]
mod environment;
mod fake;
mod roles;
mod secrets;
mod whole;

use std::pin::Pin;
use std::process::Command;

use assize_cloud::{CallLimit, RoleSpec, Session, SessionOptions, Sessions};
use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::Credentials;

/// Settings that lead nowhere but to `url`, with the keys of an access key.
fn loader(url: &str, key: &str) -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new(key, "secret", None, None, "test"))
}

fn options() -> SessionOptions {
    let unlimited = ["CloudTrail", "STS", "EC2", "IAM", "Organizations"];
    let unlimited = unlimited.map(|id| (id.to_owned(), CallLimit { per_second: 0.0, burst: 1 }));
    SessionOptions { max_attempts: 3, calls_per_second: unlimited.into(), ..SessionOptions::default() }
}

async fn sessions(url: &str) -> Sessions {
    Sessions::from_loader(loader(url, "AKIAHUB"), options()).await.unwrap()
}

async fn base(url: &str) -> Session {
    sessions(url).await.base()
}

fn role(account: &str, external_id: Option<&str>) -> RoleSpec {
    RoleSpec {
        arn: format!("arn:aws:iam::{account}:role/Audit"),
        external_id: external_id.map(str::to_owned),
        session_name: "assize".to_owned(),
        duration: std::time::Duration::from_secs(3600),
        session_tags: std::collections::BTreeMap::new(),
        via: Vec::new(),
        region: "eu-west-1".to_owned(),
    }
}

/// Says which part of the tests a process was started for.
const CASE: &str = "ASSIZE_TEST_CASE";

/// Runs a case in a process of its own, with these variables and no others if there are any.
fn alone(case: &str, variables: Option<&[(&str, String)]>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_process_of_its_own", "--nocapture"]);
    if let Some(variables) = variables {
        command.env_clear().envs(variables.iter().cloned());
    }
    let output = command.env(CASE, case).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let done = output.status.success() && said.contains(&format!("{case} is done"));
    assert!(done, "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Does nothing unless it was started by one of the other tests.
#[test]
fn a_process_of_its_own() {
    let Ok(case) = std::env::var(CASE) else { return };
    let run = |case: Pin<Box<dyn Future<Output = ()>>>| tokio::runtime::Runtime::new().unwrap().block_on(case);
    match case.as_str() {
        "environment" => run(Box::pin(chain::environment())),
        "container" => run(Box::pin(chain::container())),
        "profile" => run(Box::pin(chain::profile())),
        "endpoints" => run(Box::pin(chain::endpoints())),
        "nothing" => run(Box::pin(chain::nothing())),
        "secrets" => secrets::secrets(),
        other => panic!("there is no case {other}"),
    }
    println!("{case} is done");
}
