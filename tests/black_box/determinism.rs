//! The same evidence gives the same bytes: whatever the threads, the order of files, or how often a record comes.

use crate::{Assize, calm, gzip, log, record, stopped};

fn organisation(assize: &Assize, reversed: bool) {
    let mut objects: Vec<(String, Vec<String>)> = (0..40_u32)
        .map(|object| {
            let records = (0..30)
                .map(|number| match (object * 30 + number) % 50 {
                    0 => stopped(object * 30 + number),
                    1 => record(object * 30 + number, "iam.amazonaws.com", "AttachUserPolicy"),
                    // The same records again in every tenth object.
                    2 => calm(7),
                    _ => calm(object * 30 + number),
                })
                .collect();
            (format!("in/{object:02}/log.json.gz"), records)
        })
        .collect();
    objects.push(("in/50.json".to_owned(), vec![stopped(50), "{\"broken".to_owned()]));
    if reversed {
        objects.reverse();
    }
    for (name, records) in objects {
        let bytes = if name.ends_with("gz") { gzip(log(&records)) } else { log(&records).into_bytes() };
        assize.file(&name, bytes);
    }
}

#[test]
fn threads_and_order_do_not_show() {
    let mut results = Vec::new();
    for (threads, reversed) in [("1", false), ("2", true), ("8", false), ("8", true)] {
        let assize = Assize::new();
        organisation(&assize, reversed);
        let args =
            ["scan", "in", "--as-of", "2026-11-22", "--threads", threads, "--format", "json,html,markdown", "--out", "out"];
        let ran = assize.run(&args);
        assert_eq!(ran.code, 4, "{}", ran.err);
        let read = |name: &str| std::fs::read(assize.path("out").join(name)).unwrap();
        results.push(["report.json", "report.html", "report.md", "findings.jsonl"].map(read));
    }
    let first = &results[0];
    assert!(first[3].len() > 1_000);
    for other in &results[1..] {
        assert!(first == other);
    }
}

#[test]
fn the_order_of_arguments_and_repeated_paths_do_not_show() {
    let assize = Assize::new();
    assize.file("a.json", log(&[stopped(1), calm(2)])).file("b.json", log(&[stopped(3), calm(2)]));
    let findings = |paths: &[&str]| {
        let args = [&["scan", "--format", "json", "--as-of", "2026-11-22"], paths].concat();
        let found: serde_json::Value = serde_json::from_str(&assize.run(&args).out).unwrap();
        (found["findings"].clone(), found["books"].clone())
    };
    assert_eq!(findings(&["a.json", "b.json"]), findings(&["b.json", "a.json", "b.json"]));
}
