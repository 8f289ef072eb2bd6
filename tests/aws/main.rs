//! The AWS that other tests rely on does what they assume.
#![expect(clippy::unwrap_used, reason = "what the tests share fails by panicking, as tests do")]

mod collecting;
mod emulator_checks;
mod environment;
mod manifests;
mod notified;
mod organization;
mod organization_checks;
mod proven;
mod proxy;
mod proxy_checks;
mod readme;
mod roles;
mod told;
mod validate_logs;

use environment::python;
use serde_json::Value;

/// Runs a few lines of Python with boto3 against `url` and gives what they print, as JSON.
fn boto(variables: Vec<(&'static str, String)>, lines: &str) -> Value {
    let preamble = "import boto3, json, os\nfrom botocore.config import Config\nfrom botocore.exceptions import ClientError\n\
        def client(service, **more):\n    return boto3.client(service, config=Config(retries={'total_max_attempts': 1}), **more)\n\
        def code(call):\n    try:\n        call()\n        return 'ok'\n    except ClientError as error:\n        return error.response['Error']['Code']\n";
    let output = std::process::Command::new(python())
        .args(["-c", &format!("{preamble}{lines}")])
        .env_clear()
        .envs(variables)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr)))
}
