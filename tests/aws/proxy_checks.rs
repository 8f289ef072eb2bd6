//! The proxy strikes where it is told to, and nowhere else.

use serde_json::{Value, json};

use super::boto;
use super::environment::{emulator, variables};
use super::proxy::{Proxy, Share, Strike, trouble};

/// Puts five objects through a proxy, then says which answers came and which objects are there.
fn put_five(proxy: &Proxy, bucket: &str) -> Value {
    let lines = format!(
        "
s3 = client('s3')
bucket = '{bucket}'
code(lambda: s3.create_bucket(Bucket=bucket))
def put(key):
    try:
        return code(lambda: s3.put_object(Bucket=bucket, Key=key, Body=b'body of ' + key.encode()))
    except Exception as error:
        return type(error).__name__
said = [put(key) for key in 'abcde']
there = [item['Key'] for item in s3.list_objects_v2(Bucket=bucket).get('Contents', [])]
print(json.dumps([said, ''.join(there)]))
"
    );
    boto(variables(&proxy.url, "AKIA700000000003"), &lines)
}

#[test]
fn the_proxy_drops_the_nth_write_before_or_after_it_is_done() {
    let proxy = Proxy::start(&emulator().url);
    let closed = "ConnectionClosedError";
    // The bucket's creation is the first write.
    proxy.at_write(3, Strike::DropBefore);
    assert_eq!(put_five(&proxy, "dropped-before"), json!([["ok", closed, "ok", "ok", "ok"], "acde"]));
    assert!(!proxy.is_armed());
    assert_eq!(proxy.writes().len(), 6);
    assert!(proxy.writes().get(2).unwrap().starts_with("PUT /dropped-before/b"), "{:?}", proxy.writes());
    proxy.reset();
    proxy.at_write(3, Strike::DropAfter);
    assert_eq!(put_five(&proxy, "dropped-after"), json!([["ok", closed, "ok", "ok", "ok"], "abcde"]));
    assert_eq!(
        proxy.calls(),
        [("s3:CreateBucket", 1), ("s3:ListObjectsV2", 1), ("s3:PutObject", 5)]
            .map(|(name, count)| (name.to_owned(), count))
            .into()
    );
}

#[test]
fn the_proxy_calls_at_the_moment_of_a_write() {
    let proxy = Proxy::start(&emulator().url);
    let (sender, moments) = std::sync::mpsc::channel();
    let (before, after) = (sender.clone(), sender);
    proxy.at_write(2, Strike::CallBefore(Box::new(move || before.send("before").unwrap())));
    proxy.at_write(4, Strike::CallAfter(Box::new(move || after.send("after").unwrap())));
    let closed = "ConnectionClosedError";
    assert_eq!(put_five(&proxy, "called"), json!([[closed, "ok", closed, "ok", "ok"], "bcde"]));
    assert_eq!(moments.try_iter().collect::<Vec<_>>(), ["before", "after"]);
}

#[test]
fn the_proxy_refuses_flips_and_cuts() {
    let proxy = Proxy::start(&emulator().url);
    proxy.at_write(2, Strike::Refuse(503, "SlowDown"));
    proxy.at_write(3, Strike::Refuse(409, "ConditionalRequestConflict"));
    proxy.at_write(4, Strike::FlipRequest(2));
    proxy.at_write(5, Strike::Delay(std::time::Duration::from_millis(1)));
    // The checksum that the client sent along is that of other bytes.
    assert_eq!(
        put_five(&proxy, "refused"),
        json!([["SlowDown", "ConditionalRequestConflict", "XAmzContentSHA256Mismatch", "ok", "ok"], "de"])
    );
    let get = "
s3 = client('s3')
def get():
    try:
        return s3.get_object(Bucket='refused', Key='d')['Body'].read().decode()
    except Exception as error:
        return type(error).__name__
print(json.dumps([get(), get()]))
";
    for (strike, said) in
        [(|_| Strike::TruncateAnswer(3), "ResponseStreamingError"), (|_| Strike::FlipAnswer(3), "FlexibleChecksumError")]
            as [(fn(u64) -> Strike, &str); 2]
    {
        proxy.reset();
        proxy.share(Share { per_mille: 1000, seed: 1, operation: "s3:GetObject", strike });
        assert_eq!(boto(variables(&proxy.url, "AKIA700000000003"), get), json!([said, said]));
    }
}

#[test]
fn the_proxy_strikes_the_same_requests_for_the_same_seed() {
    let proxy = Proxy::start(&emulator().url);
    let mut seen = Vec::new();
    for seed in [5, 5, 6] {
        proxy.reset();
        proxy.share(Share { per_mille: 400, seed, operation: "s3:PutObject", strike: trouble });
        seen.push(put_five(&proxy, "shared")[0].clone());
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
}
