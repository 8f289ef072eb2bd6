//! What the generic caller sends, retries and gives back.

use std::time::Duration;

use assize_cloud::{CloudError, Operation, Protocol, Reason, Service};
use serde_json::{Value, json};

use crate::fake::{Answer, Fake};
use crate::{base, loader, options};

const CLOUDTRAIL: Service = Service {
    id: "CloudTrail",
    signing_name: "cloudtrail",
    endpoint_prefix: "cloudtrail",
    protocol: Protocol::Json11 { target: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101" },
    global: false,
};
const DESCRIBE_TRAILS: Operation = Operation { service: CLOUDTRAIL, name: "DescribeTrails", action: "cloudtrail:DescribeTrails" };
const EC2: Service = Service {
    id: "EC2",
    signing_name: "ec2",
    endpoint_prefix: "ec2",
    protocol: Protocol::Ec2Query { version: "2016-11-15" },
    global: false,
};
const DESCRIBE_REGIONS: Operation = Operation { service: EC2, name: "DescribeRegions", action: "ec2:DescribeRegions" };
const IAM: Service = Service {
    id: "IAM",
    signing_name: "iam",
    endpoint_prefix: "iam",
    protocol: Protocol::Query { version: "2010-05-08" },
    global: true,
};
const LIST_ALIASES: Operation = Operation { service: IAM, name: "ListAccountAliases", action: "iam:ListAccountAliases" };

fn throttled() -> Answer {
    Answer::new(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#)
}

async fn describe(fake: &Fake) -> Result<Value, CloudError> {
    base(&fake.url).await.call(&DESCRIBE_TRAILS, "eu-west-1", json!({"includeShadowTrails": true})).await
}

#[tokio::test]
async fn a_json_request_is_what_aws_expects() {
    let fake = Fake::script(vec![Answer::new(200, r#"{"trailList":[{"Name":"main"}]}"#)]).await;
    assert_eq!(describe(&fake).await.unwrap(), json!({"trailList": [{"Name": "main"}]}));
    let [request] = &fake.asked()[..] else { panic!("one request") };
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/"));
    assert_eq!(request.header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(request.header("x-amz-target"), "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.DescribeTrails");
    assert_eq!(request.text(), r#"{"includeShadowTrails":true}"#);
    let signature = request.header("authorization");
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIAHUB/"), "{signature}");
    assert!(signature.contains("/eu-west-1/cloudtrail/aws4_request"), "{signature}");
    assert!(signature.contains("x-amz-target"), "the operation is signed: {signature}");
    let agent = format!("{} {}", request.header("user-agent"), request.header("x-amz-user-agent"));
    assert!(agent.contains("app/assize"), "CloudTrail shows who it was: {agent}");
}

#[tokio::test]
async fn forms_and_xml_answers() {
    let regions = "<DescribeRegionsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId><regionInfo>\
        <item><regionName>eu-west-1</regionName></item></regionInfo></DescribeRegionsResponse>";
    let aliases = "<ListAccountAliasesResponse><ListAccountAliasesResult><AccountAliases><member>acme</member></AccountAliases>\
        <IsTruncated>false</IsTruncated></ListAccountAliasesResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
        </ListAccountAliasesResponse>";
    let fake = Fake::script(vec![Answer::new(200, regions), Answer::new(200, aliases)]).await;
    let session = base(&fake.url).await;
    let found = session.call(&DESCRIBE_REGIONS, "eu-west-1", json!({"AllRegions": true})).await.unwrap();
    assert_eq!(found["regionInfo"], json!([{"regionName": "eu-west-1"}]));
    let found = session.call(&LIST_ALIASES, "eu-west-1", Value::Null).await.unwrap();
    assert_eq!(found, json!({"AccountAliases": ["acme"], "IsTruncated": "false"}));
    let asked = fake.asked();
    assert_eq!(asked[0].text(), "Action=DescribeRegions&Version=2016-11-15&AllRegions=true");
    assert_eq!(asked[0].header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(asked[1].text(), "Action=ListAccountAliases&Version=2010-05-08");
    assert!(asked[1].header("authorization").contains("/us-east-1/iam/aws4_request"), "the partition's one endpoint");
}

#[tokio::test]
async fn what_fails_for_a_moment_is_asked_again() {
    let busy = Answer::new(503, r#"{"__type":"ServiceUnavailableException"}"#);
    let fake = Fake::script(vec![busy.clone(), busy, Answer::new(200, "{}")]).await;
    assert_eq!(describe(&fake).await.unwrap(), json!({}));
    assert_eq!(fake.count(), 3);
    let fake = Fake::script(vec![Answer::dropped(), Answer::new(200, "{\"a\":1}").cut(3), Answer::new(200, "{}")]).await;
    assert_eq!(describe(&fake).await.unwrap(), json!({}));
    assert_eq!(fake.count(), 3);
    let fake = Fake::script(vec![throttled(), Answer::new(200, "{}")]).await;
    assert_eq!(describe(&fake).await.unwrap(), json!({}));
}

#[tokio::test]
async fn what_goes_on_failing_is_named() {
    let fake = Fake::script(vec![throttled()]).await;
    assert_eq!(describe(&fake).await.unwrap_err().reason(), Reason::Throttled);
    assert_eq!(fake.count(), 3, "all attempts are made");
    let fake = Fake::script(vec![Answer::dropped()]).await;
    let error = describe(&fake).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Network, "{error}");
    let fake = Fake::script(vec![Answer::new(500, "<!doctype html><title>500</title>").with("content-type", "text/html")]).await;
    let error = describe(&fake).await.unwrap_err();
    assert_eq!((error.reason(), error.code()), (Reason::ServiceError, Some("HTTP 500")), "{error}");
    let fake = Fake::script(vec![Answer::new(200, "<html>hotel wifi</html>")]).await;
    let error = describe(&fake).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Malformed, "{error}");
    assert!(error.to_string().contains("not JSON"), "{error}");
}

#[tokio::test]
async fn a_refusal_is_not_asked_again() {
    let message = "User: arn:aws:iam::1:role/A is not authorized to perform: cloudtrail:DescribeTrails with an explicit deny in a service control policy";
    let body = json!({"__type": "AccessDeniedException", "message": message}).to_string();
    let fake = Fake::script(vec![Answer::new(400, body)]).await;
    let error = describe(&fake).await.unwrap_err();
    assert_eq!(error.reason(), Reason::ScpDenied, "{error}");
    assert_eq!(error.denial().unwrap().principal.as_deref(), Some("arn:aws:iam::1:role/A"));
    assert_eq!(fake.count(), 1);
}

#[tokio::test]
async fn nobody_there_is_the_network() {
    let fake = Fake::script(vec![]).await;
    let url = fake.url.clone();
    let session = base(&url).await;
    drop(fake);
    tokio::task::yield_now().await;
    let error = session.call(&DESCRIBE_TRAILS, "eu-west-1", json!({})).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Network, "{error}");
}

#[tokio::test]
async fn a_request_that_is_no_object_is_refused_before_it_is_sent() {
    let fake = Fake::script(vec![Answer::new(200, "{}")]).await;
    let session = base(&fake.url).await;
    for operation in [&DESCRIBE_TRAILS, &DESCRIBE_REGIONS] {
        let error = session.call(operation, "eu-west-1", json!([1])).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Malformed);
    }
    assert_eq!(fake.count(), 0);
}

/// An HTTP date ten minutes and more ahead of this machine.
const AHEAD: &str = "Fri, 01 Jan 2100 00:00:00 GMT";

#[tokio::test]
async fn a_wrong_clock_is_corrected_once_and_named_if_that_is_not_enough() {
    let skewed = Answer::new(403, r#"{"__type":"InvalidSignatureException","message":"Signature expired: 20261122T150000Z is now earlier than 21000101T000000Z (21000101T001500Z - 15 min.)"}"#)
        .with("date", AHEAD);
    let fake = Fake::script(vec![skewed.clone(), Answer::new(200, "{}").with("date", AHEAD)]).await;
    describe(&fake).await.unwrap();
    let asked = fake.asked();
    assert!(!asked[0].header("x-amz-date").starts_with("2100"), "{}", asked[0].header("x-amz-date"));
    assert!(asked[1].header("x-amz-date").starts_with("21000101T0000"), "{}", asked[1].header("x-amz-date"));
    let fake = Fake::script(vec![skewed]).await;
    let error = describe(&fake).await.unwrap_err();
    assert_eq!(error.reason(), Reason::ClockSkew, "{error}");
}

#[tokio::test]
async fn calls_wait_for_their_limit() {
    let fake = Fake::script(vec![Answer::new(200, "{}")]).await;
    let mut options = options();
    let limit = assize_cloud::CallLimit { per_second: 20.0, burst: 1 };
    options.calls_per_second.insert("CloudTrail.DescribeTrails".to_owned(), limit);
    let session = assize_cloud::Sessions::from_loader(loader(&fake.url, "AKIAHUB"), options).await.unwrap().base();
    let begin = std::time::Instant::now();
    let calls = (0..5).map(|_| session.call(&DESCRIBE_TRAILS, "eu-west-1", json!({})));
    futures::future::try_join_all(calls).await.unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(200), "four of five had to wait: {:?}", begin.elapsed());
}

#[tokio::test]
async fn no_credentials_is_said_at_once() {
    let fake = Fake::script(vec![Answer::new(200, "{}")]).await;
    let loader = loader(&fake.url, "AKIAHUB").no_credentials();
    let error = assize_cloud::Sessions::from_loader(loader, options()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::NoCredentials, "{error}");
    assert_eq!(fake.count(), 0);
}
