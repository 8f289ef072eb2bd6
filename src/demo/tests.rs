//! The promises of the generated organisation.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::io::Read;
use std::sync::OnceLock;

use serde_json::Value;

use super::{LogObject, Spec, Summary, generate};

mod ordinary;

/// FNV-1a over keys and bytes: enough to tell whether anything changed.
struct Fingerprint(u64);

impl Fingerprint {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn run(events: u64, seed: u64) -> (Vec<LogObject>, Summary) {
    let mut objects = Vec::new();
    let summary = generate(&Spec { events, seed, threads: 0, incidents: true }, &mut |object| {
        objects.push(object);
        Ok::<(), Infallible>(())
    });
    (objects, summary.unwrap())
}

/// The default organisation, generated once for all tests that look into it.
fn month() -> &'static (Vec<LogObject>, Summary) {
    static MONTH: OnceLock<(Vec<LogObject>, Summary)> = OnceLock::new();
    MONTH.get_or_init(|| run(50_000, 7))
}

fn inflate(object: &LogObject) -> Vec<u8> {
    let mut decoder = flate2::bufread::GzDecoder::new(object.bytes.as_slice());
    let mut text = Vec::new();
    decoder.read_to_end(&mut text).unwrap();
    assert!(decoder.into_inner().is_empty(), "bytes after the gzip member of {}", object.key);
    text
}

fn records(object: &LogObject) -> Vec<Value> {
    let mut body: Value = serde_json::from_slice(&inflate(object)).unwrap();
    match body["Records"].take() {
        Value::Array(records) => records,
        other => panic!("{} has {other} in place of records", object.key),
    }
}

fn stored(objects: &[LogObject]) -> u64 {
    let mut print = Fingerprint(0xcbf2_9ce4_8422_2325);
    for object in objects {
        print.add(object.key.as_bytes());
        print.add(&object.bytes);
    }
    print.0
}

fn inflated(objects: &[LogObject]) -> u64 {
    let mut print = Fingerprint(0xcbf2_9ce4_8422_2325);
    for object in objects {
        print.add(object.key.as_bytes());
        print.add(&inflate(object));
    }
    print.0
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let (first, summary) = run(3000, 7);
    let (again, same) = run(3000, 7);
    assert_eq!(first, again);
    assert_eq!(summary, same);
    let (other, _) = run(3000, 8);
    assert_ne!(stored(&first), stored(&other));
}

/// A change here changes what every reader of the documentation sees: make it on purpose.
#[test]
fn the_bytes_are_pinned() {
    let (objects, _) = run(2000, 7);
    assert_eq!(format!("{:016x}", inflated(&objects)), "c20207529226997f", "keys or records changed");
    // The compressor's output may change with its version; then only this line does.
    assert_eq!(format!("{:016x}", stored(&objects)), "5ade719b89ea68b3", "gzip bytes changed");
}

#[test]
fn the_number_of_records_is_about_what_was_asked() {
    let month = month().1.clone();
    for (events, summary) in [(1000, run(1000, 7).1), (50_000, month), (200_000, run(200_000, 7).1)] {
        let off = summary.records.abs_diff(events);
        assert!(off * 20 <= events, "{} records in place of {events}", summary.records);
    }
}

#[test]
fn the_summary_counts_what_was_written() {
    let (objects, summary) = month();
    let mut seen = BTreeSet::new();
    let (mut all, mut insights) = (0, 0);
    let mut times = BTreeSet::new();
    let mut places = BTreeSet::new();
    for object in objects {
        for record in records(object) {
            all += 1;
            insights += u64::from(record["eventCategory"] == "Insight");
            times.insert(record["eventTime"].as_str().unwrap().to_owned());
            places.insert((record["recipientAccountId"].to_string(), record["awsRegion"].to_string()));
            seen.insert((record["eventID"].to_string(), record.to_string()));
        }
    }
    assert_eq!(summary.records, all);
    assert_eq!(summary.distinct, seen.len() as u64);
    assert_eq!(summary.insights, insights);
    assert_eq!(summary.objects, objects.len() as u64);
    assert_eq!(times.first(), Some(&summary.first));
    assert_eq!(times.last(), Some(&summary.last));
    assert!(summary.since <= summary.first && summary.last < summary.until);
    assert!(summary.records > summary.distinct, "some records are delivered twice");
    assert_eq!(places.len(), summary.accounts.len() * summary.regions.len());
}

#[test]
fn keys_have_the_layout_of_an_organisation_trail() {
    let (objects, summary) = run(5000, 7);
    let mut keys = BTreeSet::new();
    for object in &objects {
        assert!(keys.insert(object.key.clone()), "{} comes twice", object.key);
        let rest = object.key.strip_prefix("AWSLogs/").unwrap();
        // One account is recorded by trails of its own, whose keys lack the organisation.
        let rest = rest.strip_prefix(&format!("{}/", summary.organisation)).unwrap_or(rest);
        let parts: Vec<&str> = rest.split('/').collect();
        let [account, folder, region, year, month, day, name] = parts[..] else {
            panic!("{} has another depth", object.key);
        };
        assert_eq!(rest.len() + 8 == object.key.len(), account == "666677778888");
        assert!(["CloudTrail", "CloudTrail-Insight"].contains(&folder));
        let fields: Vec<&str> = name.strip_suffix(".json.gz").unwrap().split('_').collect();
        let [name_account, name_folder, name_region, minute, suffix] = fields[..] else {
            panic!("{name} has other parts");
        };
        assert_eq!((name_account, name_folder, name_region), (account, folder, region));
        assert!(minute.starts_with(&format!("{year}{month}{day}T")) && minute.ends_with('Z') && minute.len() == 14);
        assert!(suffix.len() == 16 && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        for record in records(object) {
            assert_eq!(record["recipientAccountId"], account);
            assert_eq!(record["awsRegion"], region);
            assert_eq!(record["eventCategory"] == "Insight", folder == "CloudTrail-Insight");
            let event: String = record["eventTime"].as_str().unwrap().chars().filter(char::is_ascii_digit).collect();
            let delivered: String = minute.chars().filter(char::is_ascii_digit).collect();
            assert!(event <= format!("{delivered}00"), "{} holds an event from its future", object.key);
        }
    }
}

/// One digest is missing, one log object is altered, one was planted; nothing else is out of order.
#[test]
fn digests_name_what_was_delivered() {
    use assize_engine::digest::DigestDocument;

    use crate::state::sha256;

    let (mut logs, mut digests) = (BTreeMap::new(), Vec::new());
    generate(&Spec { events: 2000, seed: 7, threads: 2, incidents: true }, &mut |object| {
        if object.metadata.is_empty() {
            logs.insert(object.key.clone(), sha256(&inflate(&object)));
        } else {
            digests.push((object.key.clone(), DigestDocument::read(&inflate(&object)).unwrap()));
        }
        Ok::<(), Infallible>(())
    })
    .unwrap();
    let places: BTreeSet<&String> = digests.iter().map(|(key, _)| key).collect();
    let previous = digests.iter().filter_map(|(_, digest)| digest.previous.as_ref());
    assert_eq!(previous.filter(|previous| !places.contains(&previous.place.1)).count(), 1, "one is missing");
    assert_eq!(digests.iter().filter(|(_, digest)| digest.previous.is_none()).count(), 25, "24 chains, one begun anew");
    let named: BTreeMap<&String, &String> =
        digests.iter().flat_map(|(_, digest)| &digest.logs).map(|entry| (&entry.place.1, &entry.hash)).collect();
    assert_eq!(named.iter().filter(|(key, hash)| logs.get(**key) != Some(**hash)).count(), 1, "one is altered");
    let unnamed = logs.keys().filter(|key| !key.contains("Insight") && !named.contains_key(key)).count();
    assert!((1..=2).contains(&unnamed), "one is planted, and the missing digest may have named one: {unnamed}");
}

#[test]
fn records_have_the_fields_that_cloudtrail_writes() {
    let (objects, _) = run(5000, 7);
    for record in objects.iter().flat_map(records) {
        let version: u32 = record["eventVersion"].as_str().unwrap().split('.').nth(1).unwrap().parse().unwrap();
        assert!((8..=11).contains(&version));
        assert_eq!(record["eventID"].as_str().unwrap().len(), 36);
        if record["eventCategory"] == "Insight" {
            assert!(record["insightDetails"]["state"].is_string());
            continue;
        }
        for field in ["userIdentity", "eventSource", "eventName", "sourceIPAddress", "userAgent", "readOnly", "eventType"] {
            assert!(!record[field].is_null(), "{field} is missing in {record}");
        }
        assert_eq!(record["managementEvent"] == false, record["eventCategory"] == "Data");
        assert!(record["userAgent"].as_str().unwrap().len() <= 1024);
        assert!(record["errorCode"].is_null() || record["responseElements"].is_null());
    }
}

#[test]
fn every_incident_has_its_record() {
    for (events, seed) in [(1000, 7), (1000, 99), (4000, 7)] {
        let (objects, summary) = run(events, seed);
        if seed == 7 {
            assert_eq!(summary.incidents, month().1.incidents, "incidents do not depend on the traffic");
        }
        let by_id: BTreeMap<String, Value> =
            objects.iter().flat_map(records).map(|record| (record["eventID"].as_str().unwrap().to_owned(), record)).collect();
        assert!(summary.incidents.len() >= 12);
        for incident in &summary.incidents {
            let record = &by_id[&incident.event_id];
            assert_eq!(record["recipientAccountId"], *incident.account);
            assert_eq!(record["awsRegion"], *incident.region);
            assert_eq!(record["eventTime"], *incident.time);
        }
    }
}

/// Calls that the sharp policies look for, on which nothing but an incident may act.
#[test]
fn ordinary_traffic_does_nothing_sharp() {
    let (objects, summary) = month();
    let known: BTreeSet<&str> = summary.incidents.iter().map(|incident| incident.event_id.as_str()).collect();
    let account = "333344445555";
    for record in objects.iter().flat_map(records) {
        if known.contains(record["eventID"].as_str().unwrap()) || !record["errorCode"].is_null() {
            continue;
        }
        let text = record["requestParameters"].to_string();
        let sharp = match record["eventName"].as_str().unwrap_or_default() {
            "StopLogging" | "DeleteTrail" | "UpdateTrail" | "PutEventSelectors" => true,
            "ModifySnapshotAttribute" | "ModifyImageAttribute" => text.contains("\"add\""),
            "AuthorizeSecurityGroupIngress" => text.contains("0.0.0.0/0") && !text.contains("\"fromPort\":443"),
            "PutBucketPolicy" => text.contains("\"Principal\":\"*\""),
            "PutBucketPublicAccessBlock" => text.contains("false"),
            "DeleteBucketPublicAccessBlock" | "PutBucketAcl" => true,
            _ => record["userIdentity"]["type"] == "Root" && record["recipientAccountId"] != account,
        };
        assert!(!sharp, "{record}");
    }
}

#[test]
fn a_role_session_leads_back_to_the_call_that_began_it() {
    let (objects, _) = month();
    let all: Vec<Value> = objects.iter().flat_map(records).collect();
    let begun: BTreeMap<&str, &str> = all
        .iter()
        .filter_map(|record| {
            let key = record["responseElements"]["credentials"]["accessKeyId"].as_str()?;
            Some((key, record["eventTime"].as_str()?))
        })
        .collect();
    let (mut known, mut older) = (0_u32, 0_u32);
    for record in &all {
        let Some(key) = record["userIdentity"]["accessKeyId"].as_str().filter(|key| key.starts_with("ASIA")) else {
            continue;
        };
        match begun.get(key) {
            Some(time) => {
                assert!(*time <= record["eventTime"].as_str().unwrap(), "{record}");
                let created = &record["userIdentity"]["sessionContext"]["attributes"]["creationDate"];
                assert_eq!(created, time);
                known += 1;
            }
            None => older += 1,
        }
    }
    assert!(known > 10_000 && older > 50, "{known} known, {older} from before the period");
}

#[test]
fn both_sides_of_a_role_chain_share_an_id() {
    let (objects, _) = month();
    let mut sides: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for record in objects.iter().flat_map(records).filter(|record| record["eventName"] == "AssumeRole") {
        if let Some(shared) = record["sharedEventID"].as_str() {
            sides.entry(shared.to_owned()).or_default().insert(record["recipientAccountId"].to_string());
        }
    }
    assert!(sides.values().filter(|accounts| accounts.len() == 2).count() >= 5);
}

#[test]
fn hostile_and_unusual_records_are_there() {
    let (objects, _) = month();
    let text: String = objects.iter().map(|object| String::from_utf8(inflate(object)).unwrap()).collect();
    for needle in [
        "<script>alert(1)</script>",
        "=HYPERLINK(",
        "](javascript:",
        "\\u001b[31m",
        "\u{202e}",
        "\"omitted\":true,\"originalSize\":",
        "\"addendum\":{\"reason\":\"DELIVERY_DELAY\"",
        "ThrottlingException",
        "Client.RequestLimitExceeded",
        "\"invokedBy\":\"autoscaling.amazonaws.com\"",
        "\"type\":\"WebIdentityUser\"",
        "\"type\":\"SAMLUser\"",
        "\"type\":\"IdentityCenterUser\"",
        "\"eventCategory\":\"Data\"",
        "請求書",
    ] {
        assert!(text.contains(needle), "{needle} is missing");
    }
}
