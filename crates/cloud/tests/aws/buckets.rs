//! What S3Bucket sends, and what it makes of what S3 answers. The answers are those that AWS documents.

use assize_bucket::{Bucket as _, BucketError, Entry, Etag, Metadata, PutCondition, PutOutcome};
use assize_cloud::{CloudError, DenialCause, ObjectLock, Reason, RetentionMode, S3Bucket, S3Options};
use futures::stream::{StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};

use crate::base;
use crate::fake::{Answer, Fake, Request};

fn options() -> S3Options {
    S3Options { bucket: "evidence".to_owned(), region: Some("eu-west-1".to_owned()), ..S3Options::default() }
}

async fn open(fake: &Fake, options: S3Options) -> S3Bucket {
    base(&fake.url).await.bucket(options).await.unwrap()
}

async fn bucket(fake: &Fake) -> S3Bucket {
    open(fake, options()).await
}

async fn answering(answer: Answer) -> (Fake, S3Bucket) {
    let fake = Fake::script(vec![answer]).await;
    let bucket = bucket(&fake).await;
    (fake, bucket)
}

/// The reason inside, and the message.
fn reason(error: &BucketError) -> (Reason, String) {
    let cloud = CloudError::of(error).unwrap_or_else(|| panic!("{error}"));
    (cloud.reason(), error.to_string())
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (word >> (18 - 6 * place) & 63) as usize;
            text.push(if place <= chunk.len() { char::from(ALPHABET[digit]) } else { '=' });
        }
    }
    text
}

fn object(body: &[u8]) -> Answer {
    Answer::new(200, body)
        .with("etag", "\"e1\"")
        .with("x-amz-checksum-sha256", base64(&Sha256::digest(body)))
        .with("x-amz-checksum-type", "FULL_OBJECT")
}

// Opening

#[tokio::test]
async fn the_region_is_asked_only_if_it_is_not_given() {
    let fake = Fake::script(vec![Answer::new(200, "").with("x-amz-bucket-region", "eu-west-1")]).await;
    assert_eq!(bucket(&fake).await.region(), "eu-west-1");
    assert_eq!(fake.count(), 0);
    let unknown = S3Options { region: None, expected_owner: Some("111122223333".to_owned()), ..options() };
    for status in [200, 301, 400, 403] {
        let fake = Fake::start(move |request, _| match request.method.as_str() {
            "HEAD" => Answer::new(status, "").with("x-amz-bucket-region", "ap-south-1"),
            _ => object(b"x"),
        })
        .await;
        let bucket = open(&fake, unknown.clone()).await;
        assert_eq!(bucket.region(), "ap-south-1", "said with {status}");
        bucket.get("k", None).await.unwrap();
        let asked = fake.asked();
        assert_eq!(
            (asked[0].method.as_str(), asked[0].target.as_str()),
            ("HEAD", "/evidence/"),
            "by path, as the host is an address"
        );
        assert_eq!(asked[0].header("x-amz-expected-bucket-owner"), "111122223333");
        assert!(asked[1].header("authorization").contains("/ap-south-1/s3/"), "signed for the bucket's region");
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_an_error_and_a_forbidden_one_is_not_yet() {
    let unknown = S3Options { region: None, ..options() };
    let fake = Fake::script(vec![Answer::new(404, "")]).await;
    let error = base(&fake.url).await.bucket(unknown.clone()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::NotFound, "{error}");
    let fake = Fake::script(vec![Answer::new(403, "")]).await;
    let bucket = base(&fake.url).await.bucket(unknown).await.unwrap();
    assert_eq!(bucket.region(), "eu-west-1", "the run's own");
}

// Writing

#[tokio::test]
async fn a_put_asks_for_everything_in_the_options() {
    let fake = Fake::script(vec![Answer::new(200, "").with("etag", "\"e1\"")]).await;
    let all = S3Options {
        prefix: "audit/".to_owned(),
        kms_key: Some("arn:aws:kms:eu-west-1:111122223333:key/k".to_owned()),
        object_lock: Some(ObjectLock { mode: RetentionMode::Compliance, days: 365 }),
        expected_owner: Some("111122223333".to_owned()),
        ..options()
    };
    let bucket = open(&fake, all).await;
    let metadata = Metadata::from([("signature".to_owned(), "aB+/=".to_owned())]);
    let put = bucket.put("a b/鍵.json", b"body".to_vec(), metadata, PutCondition::IfAbsent).await.unwrap();
    assert_eq!(put, PutOutcome::Stored { etag: Etag::new("\"e1\"") });
    let request = &fake.asked()[0];
    assert_eq!((request.method.as_str(), request.body.as_slice()), ("PUT", b"body".as_slice()));
    assert_eq!(request.target.split('?').next(), Some("/evidence/audit/a%20b/%E9%8D%B5.json"));
    for (name, value) in [
        ("if-none-match", "*"),
        ("if-match", ""),
        ("x-amz-meta-signature", "aB+/="),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:eu-west-1:111122223333:key/k"),
        ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
        ("x-amz-object-lock-mode", "COMPLIANCE"),
        ("x-amz-expected-bucket-owner", "111122223333"),
        ("x-amz-checksum-sha256", &base64(&Sha256::digest(b"body"))),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
    let until: aws_smithy_types::DateTime = aws_smithy_types::DateTime::from_str(
        request.header("x-amz-object-lock-retain-until-date"),
        aws_smithy_types::date_time::Format::DateTime,
    )
    .unwrap();
    let now = aws_smithy_types::DateTime::from(std::time::SystemTime::UNIX_EPOCH).secs() + unix_now();
    assert!((until.secs() - now - 365 * 86_400).abs() < 600, "{until:?}");
}

#[expect(clippy::disallowed_methods, reason = "a test of what depends on the clock")]
fn unix_now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

#[tokio::test]
async fn a_put_asks_for_nothing_more_by_itself() {
    let fake = Fake::script(vec![Answer::new(200, "").with("etag", "\"e1\"")]).await;
    bucket(&fake).await.put("k", Vec::new(), Metadata::new(), PutCondition::Always).await.unwrap();
    let request = &fake.asked()[0];
    for name in
        ["if-none-match", "if-match", "x-amz-server-side-encryption", "x-amz-object-lock-mode", "x-amz-expected-bucket-owner"]
    {
        assert_eq!(request.header(name), "", "{name}");
    }
}

#[tokio::test]
async fn conditions_that_do_not_hold_are_outcomes() {
    let if_match = || PutCondition::IfMatch(Etag::new("\"e1\""));
    let cases = [
        (412, "PreconditionFailed", PutCondition::IfAbsent, PutOutcome::PreconditionFailed),
        (412, "PreconditionFailed", if_match(), PutOutcome::PreconditionFailed),
        (409, "ConditionalRequestConflict", PutCondition::IfAbsent, PutOutcome::Conflict),
        (409, "ConditionalRequestConflict", if_match(), PutOutcome::Conflict),
        (404, "NoSuchKey", if_match(), PutOutcome::PreconditionFailed),
    ];
    for (status, code, condition, outcome) in cases {
        let (fake, bucket) = answering(Answer::s3_error(status, code, "m")).await;
        let put = bucket.put("k", b"x".to_vec(), Metadata::new(), condition.clone()).await;
        assert_eq!(put.unwrap(), outcome, "{status} {code}");
        assert_eq!(fake.count(), 1, "{status} is not asked again");
        if condition != PutCondition::IfAbsent {
            assert_eq!(fake.asked()[0].header("if-match"), "\"e1\"");
        }
    }
    for (status, code, condition) in [(404, "NoSuchBucket", if_match()), (409, "OperationAborted", PutCondition::Always)] {
        let (_fake, bucket) = answering(Answer::s3_error(status, code, "m")).await;
        assert!(bucket.put("k", b"x".to_vec(), Metadata::new(), condition).await.is_err(), "{status} {code}");
    }
}

#[tokio::test]
async fn a_put_whose_answer_is_lost_is_sent_again_and_may_find_itself() {
    // The store took the first, and says so to the second.
    let fake = Fake::script(vec![Answer::dropped(), Answer::s3_error(412, "PreconditionFailed", "m")]).await;
    let bucket = bucket(&fake).await;
    let put = bucket.put("k", b"x".to_vec(), Metadata::new(), PutCondition::IfAbsent).await;
    assert_eq!(put.unwrap(), PutOutcome::PreconditionFailed);
    let asked = fake.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!((asked[0].header("if-none-match"), asked[1].header("if-none-match")), ("*", "*"));
    assert_eq!(asked[0].body, asked[1].body);
}

#[tokio::test]
async fn keys_that_s3_would_not_take_are_not_sent() {
    let fake = Fake::script(vec![object(b"x")]).await;
    let bucket = open(&fake, S3Options { prefix: "audit/".to_owned(), ..options() }).await;
    for key in ["../a", "a/../../b", "..", ".", "", &"k".repeat(1019)] {
        let put = bucket.put(key, b"x".to_vec(), Metadata::new(), PutCondition::Always).await;
        assert!(matches!(put, Err(BucketError::InvalidKey { .. })), "{key}");
        assert!(matches!(bucket.get(key, None).await, Err(BucketError::InvalidKey { .. })), "{key}");
        assert!(matches!(bucket.head(key).await, Err(BucketError::InvalidKey { .. })), "{key}");
    }
    assert_eq!(fake.count(), 0);
    bucket.get(&"k".repeat(1018), None).await.unwrap();
    bucket.get(" ", None).await.unwrap();
    let whole = open(&fake, options()).await;
    assert!(matches!(whole.get(" ", None).await, Err(BucketError::InvalidKey { .. })));
    assert_eq!(fake.count(), 2);
}

// Reading

#[tokio::test]
async fn an_object_is_read_verbatim_with_its_metadata() {
    let answer = object(b"\x1f\x8b not inflated")
        .with("content-encoding", "gzip")
        .with("content-type", "application/json")
        .with("x-amz-meta-signature", "aB+/=")
        .with("X-Amz-Meta-Signature-Algorithm", "SHA256withRSA");
    let fake = Fake::script(vec![answer]).await;
    let bucket = open(&fake, S3Options { prefix: "audit/".to_owned(), ..options() }).await;
    let object = bucket.get("k", None).await.unwrap();
    assert_eq!(object.bytes, b"\x1f\x8b not inflated");
    assert_eq!((object.size, object.etag.as_str()), (15, "\"e1\""));
    let expected = [("signature", "aB+/="), ("signature-algorithm", "SHA256withRSA")];
    assert_eq!(object.metadata, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let request = &fake.asked()[0];
    assert_eq!(request.header("x-amz-checksum-mode"), "ENABLED");
    assert!(request.target.starts_with("/evidence/audit/k"), "{}", request.target);
    assert_eq!(request.header("range"), "");
}

#[tokio::test]
async fn a_version_is_named_and_can_be_asked_for() {
    let answers = vec![object(b"x").with("x-amz-version-id", "v1"), object(b"x").with("x-amz-version-id", "null"), object(b"x")];
    let fake = Fake::script(answers).await;
    let bucket = bucket(&fake).await;
    assert_eq!(bucket.get("k", None).await.unwrap().version_id.as_deref(), Some("v1"));
    assert_eq!(bucket.get("k", None).await.unwrap().version_id, None, "`null` names whatever is there");
    assert_eq!(bucket.get_version("k", "v 1").await.unwrap().bytes, b"x");
    assert!(fake.asked()[2].target.contains("versionId=v%201"), "{}", fake.asked()[2].target);
    let gone = Answer::s3_error(404, "NoSuchVersion", "gone");
    let (_fake, bucket) = answering(gone).await;
    assert!(matches!(bucket.get_version("k", "v1").await, Err(BucketError::NotFound { .. })));
}

#[tokio::test]
async fn ranges_are_asked_for_as_http_has_them() {
    let part = |content_range: &str| {
        Answer::new(206, "cd").with("etag", "\"e1\"").with("content-range", content_range).with("x-amz-meta-a", "b")
    };
    let (fake, bucket) = answering(part("bytes 2-3/10")).await;
    let found = bucket.get("k", Some(2..4)).await.unwrap();
    assert_eq!((found.bytes.as_slice(), found.size, found.metadata.len()), (b"cd".as_slice(), 10, 1));
    assert_eq!(fake.asked()[0].header("range"), "bytes=2-3");
    bucket.get("k", Some(8..u64::MAX)).await.unwrap();
    assert_eq!(fake.asked()[1].header("range"), "bytes=8-9223372036854775806", "no more than S3 can count");
    for range in [(3, 3), (5, 2)] {
        let got = bucket.get("k", Some(std::ops::Range { start: range.0, end: range.1 })).await;
        assert!(matches!(got, Err(BucketError::InvalidRange { .. })), "{range:?}");
    }
    assert_eq!(fake.count(), 2);
    let (_fake, bucket) = answering(Answer::s3_error(416, "InvalidRange", "The requested range is not satisfiable")).await;
    assert!(matches!(bucket.get("k", Some(10..11)).await, Err(BucketError::InvalidRange { start: 10, end: 11, .. })));
    let (_fake, bucket) = answering(object(b"0123456789")).await;
    assert_eq!(reason(&bucket.get("k", Some(2..4)).await.unwrap_err()).0, Reason::Malformed, "the whole is not a part");
}

#[tokio::test]
async fn a_body_that_breaks_off_or_is_wrong_is_asked_for_again() {
    let whole = object(b"0123456789");
    let flipped = Answer::new(200, "012345678X")
        .with("etag", "\"e1\"")
        .with("x-amz-checksum-sha256", base64(&Sha256::digest(b"0123456789")))
        .with("x-amz-checksum-type", "FULL_OBJECT");
    let fake = Fake::script(vec![whole.clone().cut(4), flipped.clone(), whole.clone()]).await;
    assert_eq!(bucket(&fake).await.get("k", None).await.unwrap().bytes, b"0123456789");
    assert_eq!(fake.count(), 3);
    let (fake, bucket) = answering(whole.cut(4)).await;
    let (reason_, message) = reason(&bucket.get("k", None).await.unwrap_err());
    assert_eq!(reason_, Reason::Network, "{message}");
    assert_eq!(fake.count(), 3);
    let (_fake, bucket) = answering(flipped).await;
    let (reason_, message) = reason(&bucket.get("k", None).await.unwrap_err());
    assert_eq!(reason_, Reason::Malformed, "{message}");
    assert!(message.contains("not those that were stored"), "{message}");
}

#[tokio::test]
async fn what_s3_refuses_is_named() {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/k";
    let kms = format!(
        "User: arn:aws:sts::1:assumed-role/A/a is not authorized to perform: kms:Decrypt on resource: {key} because no resource-based policy allows the kms:Decrypt action"
    );
    let scp = "User: arn:aws:sts::1:assumed-role/A/a is not authorized to perform: s3:GetObject on resource: &quot;arn:aws:s3:::evidence/k&quot; with an explicit deny in a service control policy";
    let archived = Answer::new(
        403,
        "<Error><Code>InvalidObjectState</Code><Message>The operation is not valid for the object's storage class</Message>\
         <StorageClass>DEEP_ARCHIVE</StorageClass></Error>",
    );
    let cases = [
        (Answer::s3_error(403, "AccessDenied", "Access Denied"), Reason::Denied, "s3:ListBucket on evidence S3 says the same"),
        (Answer::s3_error(403, "AccessDenied", scp), Reason::ScpDenied, "service control policy"),
        (Answer::s3_error(403, "AccessDenied", &kms), Reason::KmsDenied, key),
        (Answer::s3_error(400, "KMS.DisabledException", &format!("{key} is disabled.")), Reason::KmsDenied, key),
        (archived, Reason::Archived, "s3://evidence/k: it is archived in DEEP_ARCHIVE"),
        (Answer::s3_error(404, "NoSuchBucket", "The specified bucket does not exist"), Reason::NotFound, "evidence exists"),
        (Answer::s3_error(503, "SlowDown", "Please reduce your request rate."), Reason::Throttled, "SlowDown"),
        (Answer::s3_error(400, "ExpiredToken", "The provided token has expired."), Reason::CredentialsExpired, "expired"),
        (
            Answer::s3_error(301, "PermanentRedirect", "use the endpoint").with("x-amz-bucket-region", "us-east-2"),
            Reason::ServiceError,
            "the bucket is in us-east-2",
        ),
        (Answer::dropped(), Reason::Network, "cannot reach"),
    ];
    for (answer, expected, part) in cases {
        let (_fake, bucket) = answering(answer).await;
        let error = bucket.get("k", None).await.unwrap_err();
        let (found, message) = reason(&error);
        assert_eq!(found, expected, "{message}");
        assert!(message.contains(part), "{part:?} in {message}");
        assert!(message.starts_with("cannot read `k` in s3://evidence/: "), "{message}");
    }
    let (_fake, bucket) = answering(Answer::s3_error(404, "NoSuchKey", "The specified key does not exist.")).await;
    assert!(matches!(bucket.get("k", None).await, Err(BucketError::NotFound { key }) if key == "k"));
}

#[tokio::test]
async fn heads_have_no_body_to_explain_them() {
    let (_fake, bucket) = answering(Answer::new(404, "")).await;
    assert!(matches!(bucket.head("k").await, Err(BucketError::NotFound { .. })));
    let (_fake, bucket) = answering(Answer::new(403, "")).await;
    let error = bucket.head("k").await.unwrap_err();
    assert_eq!(reason(&error).0, Reason::Denied);
    let denial = CloudError::of(&error).unwrap().denial().unwrap();
    assert_eq!((denial.action.as_str(), &denial.cause), ("s3:GetObject", &DenialCause::Unknown));
    assert_eq!(denial.resource.as_deref(), Some("arn:aws:s3:::evidence/k"));
}

#[tokio::test]
async fn a_write_that_is_refused_names_what_is_missing() {
    let fake = Fake::script(vec![Answer::s3_error(403, "AccessDenied", "Access Denied")]).await;
    let lock = Some(ObjectLock { mode: RetentionMode::Governance, days: 1 });
    let bucket = open(&fake, S3Options { prefix: "audit/".to_owned(), object_lock: lock, ..options() }).await;
    let error = bucket.put("k", b"x".to_vec(), Metadata::new(), PutCondition::Always).await.unwrap_err();
    let (_, message) = reason(&error);
    assert!(message.contains("s3:PutObject and s3:PutObjectRetention are needed on evidence/audit/*"), "{message}");
    assert!(message.starts_with("cannot write `k` in s3://evidence/audit/: "), "{message}");
}

#[tokio::test]
async fn a_bucket_that_is_asked_too_often_is_asked_less_at_once() {
    let slow = Answer::s3_error(503, "SlowDown", "Please reduce your request rate.");
    let fake = Fake::script(vec![object(b"x"), slow, object(b"x")]).await;
    let bucket = bucket(&fake).await;
    bucket.get("k", None).await.unwrap();
    assert_eq!(bucket.at_once(), None);
    assert_eq!(bucket.get("k", None).await.unwrap().bytes, b"x", "the SDK asks again");
    assert_eq!((bucket.at_once(), fake.count()), (Some(1), 3));
}

// Listing

/// S3's own listing of `total` keys `audit/0000000.json`, `…`, a thousand a page.
fn pages(total: usize) -> impl Fn(&Request, usize) -> Answer + Send + Sync + 'static {
    move |request, _| {
        let query = request.target.split_once('?').map_or("", |(_, query)| query);
        let from =
            query.split('&').find_map(|pair| pair.strip_prefix("continuation-token=")).map_or(0, |token| token.parse().unwrap());
        let until = (from + 1000).min(total);
        let next = if until < total { format!("<NextContinuationToken>{until}</NextContinuationToken>") } else { String::new() };
        let contents = (from..until).map(|number| {
            let class = if number % 2 == 0 { "STANDARD" } else { "GLACIER" };
            format!(
                "<Contents><Key>audit/{number:07}+%0A%2B.json</Key><ETag>&quot;e{number}&quot;</ETag><Size>{number}</Size>\
                 <StorageClass>{class}</StorageClass></Contents>"
            )
        });
        let body = format!(
            "<ListBucketResult><Name>evidence</Name><EncodingType>url</EncodingType><IsTruncated>{}</IsTruncated>{next}{}",
            until < total,
            contents.collect::<String>()
        );
        Answer::new(200, body + "</ListBucketResult>").with("content-type", "application/xml")
    }
}

#[tokio::test]
async fn a_listing_says_what_s3_says() {
    let fake = Fake::start(pages(2)).await;
    let bucket = open(&fake, S3Options { prefix: "audit/".to_owned(), ..options() }).await;
    let entries: Vec<Entry> = bucket.list("0", Some("00")).try_collect().await.unwrap();
    let expected = |number: u64, class: &str| Entry {
        key: format!("{number:07} \n+.json"),
        size: number,
        etag: Some(Etag::new(format!("\"e{number}\""))),
        storage_class: Some(class.to_owned()),
    };
    assert_eq!(entries, [expected(0, "STANDARD"), expected(1, "GLACIER")]);
    let target = &fake.asked()[0].target;
    for part in ["list-type=2", "prefix=audit%2F0", "start-after=audit%2F00", "encoding-type=url"] {
        assert!(target.contains(part), "{part} in {target}");
    }
}

#[tokio::test]
async fn a_long_listing_is_never_held_as_a_whole() {
    let fake = Fake::start(pages(10_000)).await;
    let bucket = open(&fake, S3Options { prefix: "audit/".to_owned(), ..options() }).await;
    let mut listing = bucket.list("", None);
    assert_eq!(fake.count(), 0, "nobody asked for anything");
    for _ in 0..500 {
        listing.next().await.unwrap().unwrap();
    }
    // However long nobody reads on: the page that is read, one that waits, one that wants to.
    for _ in 0..50 {
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let ahead = fake.count();
    assert!((2..=3).contains(&ahead), "{ahead} pages were asked for while the first is read");
    let rest = listing.try_fold(0, |count, _| async move { Ok(count + 1) }).await.unwrap();
    assert_eq!((rest, fake.count()), (9_500, 10));
    assert!(fake.asked()[9].target.contains("continuation-token=9000"));
    assert!(!fake.asked()[9].target.contains("start-after"), "{}", fake.asked()[9].target);
}

#[tokio::test]
async fn a_listing_that_fails_ends_with_the_error() {
    let whole = pages(3000);
    let fake = Fake::start(
        move |request, number| {
            if number == 0 { whole(request, 0) } else { Answer::s3_error(403, "AccessDenied", "Access Denied") }
        },
    )
    .await;
    let bucket = open(&fake, S3Options { prefix: "audit/".to_owned(), ..options() }).await;
    let lines: Vec<Result<Entry, BucketError>> = bucket.list("", None).collect().await;
    assert_eq!(lines.len(), 1001);
    let error = lines.last().unwrap().as_ref().unwrap_err();
    let (reason, message) = reason(error);
    assert_eq!(reason, Reason::Denied);
    assert!(message.contains("s3:ListBucket is needed on evidence"), "{message}");
    assert_eq!(CloudError::of(error).unwrap().denial().unwrap().resource.as_deref(), Some("arn:aws:s3:::evidence"));
}

#[tokio::test]
async fn a_listing_that_lies_is_an_error() {
    let head = "<ListBucketResult><EncodingType>url</EncodingType>";
    let lies = [
        "<IsTruncated>true</IsTruncated>".to_owned(),
        "<Contents><Size>1</Size></Contents>".to_owned(),
        "<Contents><Key>audit/a</Key></Contents>".to_owned(),
        "<Contents><Key>audit/a</Key><Size>-1</Size></Contents>".to_owned(),
        "<Contents><Key>audit/%zz</Key><Size>1</Size></Contents>".to_owned(),
        "<Contents><Key>elsewhere/a</Key><Size>1</Size></Contents>".to_owned(),
        "<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>".to_owned(),
    ];
    for lie in lies {
        let fake = Fake::script(vec![Answer::new(200, format!("{head}{lie}</ListBucketResult>"))]).await;
        let bucket = open(&fake, S3Options { prefix: "audit/".to_owned(), ..options() }).await;
        let error = bucket.list("", None).try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(reason(&error).0, Reason::Malformed, "{lie}");
    }
}
