//! Every shape in which CloudTrail records come, and the books that must balance.

use crate::{Assize, calm, gzip, log, stopped};

#[test]
fn every_shape_gives_the_same_books() {
    let records = [calm(1), stopped(2), calm(3)];
    let lookup: Vec<serde_json::Value> =
        records.iter().map(|text| serde_json::json!({"EventId": "x", "CloudTrailEvent": text})).collect();
    let shapes: [(&str, Vec<u8>); 7] = [
        ("log.json", log(&records).into_bytes()),
        ("log.json.gz", gzip(log(&records))),
        ("lines.jsonl", records.join("\n").into_bytes()),
        ("array.json", format!("[{}]", records.join(",")).into_bytes()),
        ("pretty.json", serde_json::to_vec_pretty(&serde_json::from_str::<serde_json::Value>(&log(&records)).unwrap()).unwrap()),
        ("lookup.json", serde_json::json!({"Events": lookup, "NextToken": "x"}).to_string().into_bytes()),
        ("no-suffix", log(&records).into_bytes()),
    ];
    for (name, bytes) in shapes {
        let assize = Assize::new();
        assize.file(name, bytes);
        let (code, found) = assize.scan(name, &[]);
        assert_eq!(code, 1, "{name}");
        assert_eq!(found["books"]["records"]["evaluated"], 3, "{name}");
        assert_eq!(found["books"]["balanced"], true, "{name}");
        assert!(
            found["findings"].as_array().unwrap().iter().any(|finding| finding["policy"] == "trail-stopped-or-narrowed"),
            "{name}"
        );
    }
}

#[test]
fn one_record_alone_is_read() {
    let assize = Assize::new();
    assize.file("one.json", calm(1));
    assert_eq!(assize.scan("one.json", &[]).1["books"]["records"]["evaluated"], 1);
}

#[test]
fn standard_input_is_read_and_its_evidence_shown() {
    let assize = Assize::new();
    let ran = assize.run_with_input(&["scan", "-", "--format", "json"], &gzip(log(&[stopped(1)])));
    assert_eq!(ran.code, 1, "{}", ran.err);
    let found: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let occurrence = &found["findings"][0]["occurrences"][0];
    assert_eq!(occurrence["object"], "standard input");
    assert_eq!(occurrence["event"].as_str().unwrap(), stopped(1));
}

#[test]
fn other_objects_and_kinds_are_counted_and_never_matched() {
    let assize = Assize::new();
    let insight = calm(2).replace("AwsApiCall", "AwsCloudTrailInsight").replace("DescribeInstances", "StopLogging");
    let network = stopped(3).replace("\"eventType\"", "\"eventCategory\":\"NetworkActivity\",\"eventType\"");
    let aggregated =
        r#"{"eventCategory":"Aggregated","eventTime":"2026-10-01T00:00:00Z","eventId":"x","accountId":"111122223333"}"#
            .to_owned();
    assize
        .file("trail/log.json", log(&[calm(1), insight, network, aggregated]))
        .file("trail/digest.json", r#"{"digestStartTime":"2026-10-01T00:00:00Z","logFiles":[]}"#)
        .file("trail/config.json", r#"{"fileVersion":"1.0","configurationItems":[]}"#)
        .file("trail/package.json", r#"{"name":"something else"}"#)
        .file("trail/README.md", "# nothing")
        .file("trail/empty.json.gz", "");
    let (code, found) = assize.scan("trail", &["--select", "trail-stopped-or-narrowed"]);
    assert_eq!(code, 0, "{found:#}");
    let records = &found["books"]["records"];
    assert_eq!(
        (records["read"].as_u64(), records["evaluated"].as_u64(), records["other_kinds"].as_u64()),
        (Some(4), Some(1), Some(3))
    );
    let objects = &found["books"]["objects"];
    assert_eq!((objects["listed"].as_u64(), objects["read"].as_u64(), objects["skipped"].as_u64()), (Some(6), Some(3), Some(3)));
    let kind = |label: &str| {
        found["books"]["kinds"].as_array().unwrap().iter().find(|kind| kind["label"] == label).map(|kind| kind["count"].clone())
    };
    for label in ["digest object", "configuration object", "insight", "network-activity", "aggregated", "management"] {
        assert_eq!(kind(label), Some(1.into()), "{label}");
    }
}

#[test]
fn duplicates_count_once_and_twins_are_both_evaluated_and_shown() {
    let assize = Assize::new();
    let twin = stopped(1).replace("alice", "mallory");
    assize
        .file("in/a.json", log(&[stopped(1), calm(2)]))
        .file("in/b.json", log(&[stopped(1), calm(2)]))
        .file("in/c.json", log(&[twin]));
    let (code, found) = assize.scan("in", &[]);
    assert_eq!(code, 4, "a conflict makes the evidence incomplete");
    let records = &found["books"]["records"];
    assert_eq!(
        (records["read"].as_u64(), records["evaluated"].as_u64(), records["duplicate"].as_u64()),
        (Some(5), Some(3), Some(2))
    );
    assert_eq!(records["conflicts"], 1);
    let problem = &found["coverage"]["problems"][0];
    assert_eq!((problem["code"].as_str(), problem["tampering"].as_bool()), (Some("event-id-conflict"), Some(true)));
    let stops: Vec<_> =
        found["findings"].as_array().unwrap().iter().filter(|finding| finding["policy"] == "trail-stopped-or-narrowed").collect();
    assert_eq!(stops.len(), 2, "alice's and mallory's");
    assert!(stops.iter().all(|finding| finding["count"] == 1));
}

#[test]
fn the_period_parts_records_by_event_time() {
    let assize = Assize::new();
    assize.file("a.json", log(&[calm(1), calm(59), calm(60), calm(61)]));
    let (_, found) = assize.scan("a.json", &["--since", "2026-10-01T00:00:59Z", "--until", "2026-10-01T00:01:01Z"]);
    let records = &found["books"]["records"];
    assert_eq!((records["evaluated"].as_u64(), records["outside_period"].as_u64()), (Some(2), Some(2)));
    assert_eq!(assize.run(&["scan", "a.json", "--since", "2026-10-02", "--until", "2026-10-01"]).code, 2);
    assert_eq!(assize.run(&["scan", "a.json", "--since", "yesterday"]).code, 2);
}

#[test]
fn one_giant_gives_what_its_records_give_in_small_objects() {
    // Deflate makes more of what repeats itself than any log does.
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{state:016x}{}", "abcdefghijklmnop".repeat(20))
    };
    let mut calm = |number: u32| {
        let parameters: String = (0..300).map(|_| noise()).collect();
        calm(number).replace("\"requestParameters\":null", &format!("\"requestParameters\":{{\"text\":\"{parameters}\"}}"))
    };
    let mut records: Vec<String> = (0..200).map(|number| if number % 40 == 7 { stopped(number) } else { calm(number) }).collect();
    records[100] = r#"{"eventName":tru}"#.to_owned();
    let (giant, small) = (Assize::new(), Assize::new());
    let text = log(&records);
    assert!(text.len() > 17 << 20);
    giant.file("logs/giant.json.gz", gzip(text));
    for (number, records) in records.chunks(30).enumerate() {
        small.file(&format!("logs/{number}.json.gz"), gzip(log(records)));
    }
    let scan = |assize: &Assize| {
        let (code, found) = assize.scan("logs", &[]);
        (code, found["books"]["records"].clone(), placeless(found["findings"].clone()))
    };
    let (one, many) = (scan(&giant), scan(&small));
    assert_eq!(one, many);
    assert_eq!((one.0, &one.1["malformed"], &one.1["evaluated"]), (4, &1.into(), &199.into()));
}

/// The same without names of objects and places in them.
fn placeless(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Array(items) => items.into_iter().map(placeless).collect(),
        serde_json::Value::Object(entries) => {
            let placed = |name: &str| matches!(name, "object" | "record" | "offset");
            entries.into_iter().filter(|(name, _)| !placed(name)).map(|(name, value)| (name, placeless(value))).collect()
        }
        other => other,
    }
}
