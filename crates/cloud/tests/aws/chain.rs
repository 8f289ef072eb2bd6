//! Credentials and endpoints as the environment gives them. The environment of a process cannot be changed safely,
//! so each case starts this program again with one of its own.

use assize_cloud::{Reason, S3Options, SessionOptions, Sessions};

use crate::environment::{HUB, emulator};
use crate::fake::{Answer, Fake};
use crate::{alone, role};

#[test]
fn keys_and_endpoint_from_the_environment() {
    alone("environment", Some(&emulator().variables("730000000001")));
}

pub(crate) async fn environment() {
    let sessions = Sessions::open(SessionOptions::default()).await.unwrap();
    assert_eq!(sessions.region(), "us-east-1");
    assert_eq!(sessions.base().identity("us-east-1").await.unwrap().account, "730000000001");
}

#[test]
fn credentials_of_a_container_and_then_a_role() {
    let mut variables = emulator().variables(HUB);
    variables.retain(|(name, _)| !name.contains("KEY"));
    let url = format!("{}/_emulator/container-credentials?account=730000000002", emulator().url);
    variables.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", url));
    alone("container", Some(&variables));
}

pub(crate) async fn container() {
    let sessions = Sessions::open(SessionOptions::default()).await.unwrap();
    assert_eq!(sessions.base().identity("eu-west-1").await.unwrap().account, "730000000002");
    let member = sessions.assume(&role("730000000003", None)).identity("eu-west-1").await.unwrap();
    assert_eq!(member.account, "730000000003");
}

#[test]
fn a_profile_with_a_role() {
    let folder = std::env::temp_dir().join(format!("assize-profile-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let config = folder.join("config");
    let text = "[profile keys]\naws_access_key_id = AKIA730000000004\naws_secret_access_key = s\n\
        [profile audit]\nrole_arn = arn:aws:iam::730000000005:role/Hub\nsource_profile = keys\nregion = ap-south-1\n";
    std::fs::write(&config, text).unwrap();
    let mut variables = emulator().variables(HUB);
    variables.retain(|(name, _)| !name.contains("KEY") && !["AWS_CONFIG_FILE", "AWS_REGION"].contains(name));
    variables.push(("AWS_CONFIG_FILE", config.to_string_lossy().into_owned()));
    variables.push(("AWS_PROFILE", "audit".to_owned()));
    alone("profile", Some(&variables));
    std::fs::remove_dir_all(&folder).unwrap();
}

pub(crate) async fn profile() {
    let sessions = Sessions::open(SessionOptions::default()).await.unwrap();
    assert_eq!(sessions.region(), "ap-south-1");
    assert_eq!(sessions.base().identity("ap-south-1").await.unwrap().account, "730000000005");
}

#[tokio::test]
async fn each_service_has_an_endpoint_of_its_own_if_it_is_set() {
    let identity = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::1:user/a</Arn><Account>000000000001</Account>\
        </GetCallerIdentityResult></GetCallerIdentityResponse>";
    let sts = Fake::script(vec![Answer::new(200, identity)]).await;
    let s3 = Fake::script(vec![Answer::new(200, "").with("x-amz-bucket-region", "eu-west-1")]).await;
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIA".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "s".to_owned()),
        ("AWS_SESSION_TOKEN", "t".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9".to_owned()),
        ("AWS_ENDPOINT_URL_STS", sts.url.clone()),
        ("AWS_ENDPOINT_URL_S3", s3.url.clone()),
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ];
    tokio::task::spawn_blocking(move || alone("endpoints", Some(&variables))).await.unwrap();
    assert_eq!((sts.count(), s3.count()), (1, 1));
    assert_eq!(s3.asked()[0].target, "/b/", "by path");
    assert_eq!(sts.asked()[0].header("x-amz-security-token"), "t");
}

pub(crate) async fn endpoints() {
    let session = Sessions::open(SessionOptions::default()).await.unwrap().base();
    assert_eq!(session.identity("eu-west-1").await.unwrap().account, "000000000001");
    let options = S3Options { bucket: "b".to_owned(), ..S3Options::default() };
    assert_eq!(session.bucket(options).await.unwrap().region(), "eu-west-1");
}

#[test]
fn nothing_that_could_give_credentials() {
    let none = [
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
    ];
    alone("nothing", Some(&none));
}

pub(crate) async fn nothing() {
    let error = Sessions::open(SessionOptions::default()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::NoCredentials);
    assert!(error.to_string().contains("AWS_PROFILE"), "{error}");
}
