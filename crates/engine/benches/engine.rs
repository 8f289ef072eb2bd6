//! Throughput of the engine's stages over one synthetic log object.
//!
//! `cargo bench -p assize-engine`. The records are made here, so the numbers compare versions of the engine with each
//! other; whole-process ratios over a realistic corpus come from `benches/ratio.py`.

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;

use assize_engine::evaluate::{Evaluation, ObjectName, Period};
use assize_engine::identity::Secret;
use assize_engine::inflate::{Limits, inflate};
use assize_engine::json::Reader;
use assize_engine::partial::Partial;
use assize_engine::policy;
use assize_engine::record::AccountList;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// A log object of `count` records, most of them harmless.
fn log(count: usize) -> String {
    let records: Vec<String> = (0..count)
        .map(|number| {
            let (source, name) = match number % 50 {
                0 => ("iam.amazonaws.com", "CreateUser"),
                n if n < 10 => ("s3.amazonaws.com", "GetBucketLocation"),
                _ => ("ec2.amazonaws.com", "DescribeInstances"),
            };
            format!(
                r#"{{"eventVersion":"1.08","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE:session","arn":"arn:aws:sts::111122223333:assumed-role/deploy/session-{number}","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE","sessionContext":{{"sessionIssuer":{{"type":"Role","userName":"deploy"}},"attributes":{{"mfaAuthenticated":"false"}}}}}},"eventTime":"2026-10-01T00:{:02}:{:02}Z","eventSource":"{source}","eventName":"{name}","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.7","userAgent":"aws-sdk-go/1.44 (linux; amd64)","requestParameters":{{"instancesSet":{{"items":[{{"instanceId":"i-{number:08x}"}}]}},"filterSet":{{}}}},"responseElements":null,"requestID":"{number:08x}-0000-4000-8000-000000000000","eventID":"00000000-0000-4000-8000-{number:012}","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}}"#,
                number / 60 % 60,
                number % 60
            )
        })
        .collect();
    format!("{{\"Records\":[{}]}}", records.join(","))
}

/// `count` policies over different event names, of which a handful can match.
fn policies(count: usize) -> Vec<policy::Policy> {
    let files: Vec<(String, String)> = (0..count)
        .map(|number| {
            let name = if number == 0 { "CreateUser".to_owned() } else { format!("Never{number}") };
            let text = format!(
                "id: p-{number}\ntitle: T\nlevel: low\nlogsource: {{product: aws, service: cloudtrail}}\n\
                 detection: {{a: {{eventSource: iam.amazonaws.com, eventName: {name}}}, condition: a}}\n"
            );
            (format!("{number}.yaml"), text)
        })
        .collect();
    policy::load(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))).policies
}

fn stages(criterion: &mut Criterion) {
    let text = log(2_000);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).expect("writing to memory does not fail");
    let stored = encoder.finish().expect("writing to memory does not fail");
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Bytes(text.len() as u64));
    let mut out = Vec::new();
    group.bench_function("inflate", |bencher| bencher.iter(|| inflate(black_box(&stored), &Limits::default(), &mut out)));
    let mut reader = Reader::default();
    group.bench_function("JSON of the whole object", |bencher| {
        bencher.iter(|| reader.read(black_box(text.as_bytes()), usize::MAX).map(|document| document.length()))
    });
    let object = ObjectName { name: Arc::from("log.json.gz"), number: 0 };
    for count in [1, 50, 1_000] {
        let policies = policies(count);
        group.bench_function(BenchmarkId::new("evaluate", count), |bencher| {
            bencher.iter(|| {
                let evaluation = Evaluation::new(&policies, AccountList::new(), Period::default(), 0, Secret::new([1, 2]));
                let mut partial = Partial::new(policies.len());
                evaluation.object(&object, black_box(text.as_bytes()), &mut partial);
                partial
            });
        });
    }
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
