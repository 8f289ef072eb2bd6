//! Coverage and verdicts of a large organisation: 180 accounts in 17 regions over 30 days, 100 policies. Ignored, because it is a
//! measurement: `cargo test --release --workspace --test scale -- --ignored --nocapture`.

#![expect(
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "the engine has no clock and does not print; a measurement of it does both"
)]

use std::collections::BTreeMap;
use std::time::Instant;

use assize_engine::coverage::{CellEvidence, Hours, Reason, Recording};
use assize_engine::partial::Partial;
use assize_engine::policy::{self, Evidence};
use assize_engine::verdict::{Case, verdicts};

const HOURS: i64 = 30 * 24;

/// A cell with what a month brings: a change of selectors, a few late hours, a missing digest.
fn cell(number: i64) -> CellEvidence {
    let mut proven = Hours::of(0..HOURS);
    for hole in 0..number % 5 {
        proven = proven.without(&Hours::of(hole * 97 + number % 90..hole * 97 + number % 90 + 2));
    }
    CellEvidence {
        collected: Hours::of(0..HOURS),
        recorded: vec![(0, Some(Recording::management())), (300 + number % 50, Some(Recording::management()))],
        holes: vec![(Hours::of(number % 700..number % 700 + 1), Reason::ObjectFailed)],
        blocked: (number % 40 == 0).then_some(Reason::RoleNotAssumable),
        not_applicable: Hours::new(),
        proven: vec![(Recording::management(), proven)],
        late: Hours::default(),
        unproven: vec![(Hours::of(0..HOURS), Reason::DigestMissing)],
    }
}

#[test]
#[ignore = "a measurement"]
fn verdicts_of_a_large_organisation() {
    let text = |number: usize| {
        let (needs, per) = (["write", "read", "all"][number % 3], ["account", "region", "organization"][number % 3]);
        format!(
            "id: p{number}\ntitle: t\nlevel: high\nper: {per}\nlogsource: {{product: aws, service: cloudtrail}}\n\
             needs: {{category: management, read-write: {needs}}}\ndetection: {{a: {{eventName: X}}, condition: a}}\n"
        )
    };
    let files: Vec<(String, String)> = (0..100).map(|number| (format!("{number}.yaml"), text(number))).collect();
    let loaded = policy::load(files.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    assert_eq!((loaded.policies.len(), loaded.diagnostics.len()), (100, 0), "{:?}", loaded.diagnostics.first());
    let key = |number: i64| (format!("{:012}", number / 17), format!("region-{}", number % 17));
    let cells: BTreeMap<_, _> = (0..180 * 17).map(|number| (key(number), cell(number))).collect();
    let (partial, none) = (Partial::new(100), BTreeMap::new());
    let case = Case {
        cells: &cells,
        hours: &(0..HOURS),
        findings: &[],
        waived: &std::collections::BTreeSet::new(),
        partial: &partial,
        not_backfilled: &none,
        grade: Evidence::Verified,
    };
    let begun = Instant::now();
    let all: Vec<_> = loaded.policies.iter().enumerate().map(|(index, policy)| verdicts(index, policy, &case)).collect();
    let hours: u64 = all.iter().flatten().map(|verdict| verdict.hours.due).sum();
    println!(
        "{} verdicts over {hours} account-region-hours in {:.2} s",
        all.iter().map(Vec::len).sum::<usize>(),
        begun.elapsed().as_secs_f64()
    );
    assert_eq!(hours, 100 * 180 * 17 * 30 * 24);
}
