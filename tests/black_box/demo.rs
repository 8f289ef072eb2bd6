//! The demo: what was hidden in the traffic is found, and what was done to the evidence is said first.

use crate::Assize;

#[test]
fn the_demo_says_what_was_done_to_its_evidence() {
    let assize = Assize::new();
    let ran = assize.run(&["demo", "--events", "1000", "--out", "demo"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let text = ran.out;
    let first = text.split("CRITICAL").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "17,272 are proven complete by signed digests; 2,888 are not: 2,880 role-not-assumable",
        "digest-missing",
        "object-orphan",
        "logging-stopped",
        "object-altered",
        "1 MISSING",
        "1 INVALID, 1 ORPHAN",
        "the books balance",
    ] {
        assert!(first.contains(said), "{said} is not said first: {first}");
    }
    assert!(text.contains("18 incidents were hidden in the traffic; 18 were found"), "{text}");
    assert!(text.contains("would end with exit code 4"), "{text}");
    let report = std::fs::read_to_string(assize.path("demo/report.html")).unwrap();
    for code in ["log-altered", "log-orphan", "digest-missing", "event-id-conflict"] {
        assert!(report.contains(code), "{code}");
    }
}
