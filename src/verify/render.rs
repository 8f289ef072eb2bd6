//! A verification as text for a terminal, and as JUnit for CI. JSON is [`Verified`] itself.

use std::fmt::Write as _;

use super::outcome::{ChainOutcome, Counts, Verified};
use crate::report::escape::{self, terminal};
use crate::report::words;

/// Objects shown for each chain in the terminal.
const SHOWN: usize = 10;

/// As text.
pub(crate) fn text(verified: &Verified) -> String {
    let mut out = String::new();
    for chain in &verified.chains {
        one_chain(chain, &mut out);
    }
    let hours: u64 = verified.chains.iter().map(|chain| chain.complete_hours).sum();
    line(&mut out, &format!("digests: {}", counts(verified.digests)));
    line(&mut out, &format!("log objects: {}", counts(verified.logs)));
    let not_here: u64 = verified.chains.iter().map(|chain| chain.not_here).sum();
    if not_here > 0 {
        let objects = words::plural(not_here, "log object", "log objects");
        line(
            &mut out,
            &format!("{objects} more that digests name are not here; the run's list, where it speaks of them, agrees"),
        );
    }
    line(
        &mut out,
        &format!(
            "{} of event time are proven to be complete",
            words::plural(hours, "account-region-hour", "account-region-hours")
        ),
    );
    if verified.digests.total() == 0 {
        line(&mut out, "no digest was found: nothing is proven. Is log file validation on, and is this the right place?");
    }
    match &verified.until {
        Some(until) => line(&mut out, &format!("nothing is said of the time after {until}; --until asks for more")),
        None => line(&mut out, "there is no time of which anything is said"),
    }
    out
}

fn one_chain(chain: &ChainOutcome, out: &mut String) {
    let trail = if chain.trail.is_empty() {
        "log objects that no valid digest names".to_owned()
    } else {
        format!("trail {}", terminal(&chain.trail))
    };
    line(out, &format!("{} {} {trail}", terminal(&chain.account), terminal(&chain.region)));
    for window in &chain.windows {
        line(out, &format!("  {:12}  {} to {}", window.state, window.from, window.until));
    }
    for object in chain.objects.iter().take(SHOWN) {
        line(out, &format!("  {:12}  {} {}: {}", object.state, object.kind, terminal(&object.place), terminal(&object.why)));
    }
    if chain.objects.len() > SHOWN {
        line(out, &format!("  … and {} more; --format json shows them", chain.objects.len() - SHOWN));
    }
}

fn counts(counts: Counts) -> String {
    let named: Vec<String> = counts.named().into_iter().map(|(name, count)| format!("{} {name}", words::count(count))).collect();
    if named.is_empty() { "none".to_owned() } else { format!("{} = {}", words::count(counts.total()), named.join(" + ")) }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// As JUnit: a test for each chain. What is not proven is an error and not a pass.
pub(crate) fn junit(verified: &Verified) -> String {
    let mut cases = String::new();
    let (mut failures, mut errors) = (0, 0);
    for chain in &verified.chains {
        let bad = |states: &[&str]| {
            let windows = chain.windows.iter().filter(|window| states.contains(&window.state));
            let windows = windows.map(|window| format!("{} {} to {}", window.state, window.from, window.until));
            let objects = chain.objects.iter().filter(|object| states.contains(&object.state));
            windows.chain(objects.map(|object| format!("{} {}: {}", object.state, object.place, object.why))).collect::<Vec<_>>()
        };
        let (failed, open) = (bad(&["INVALID", "MISSING", "ORPHAN"]), bad(&["UNVERIFIABLE", "GAP"]));
        let inner = match (failed.is_empty(), open.is_empty()) {
            (true, true) => String::new(),
            (false, _) => {
                failures += 1;
                format!("<failure>{}</failure>", xml(&[failed, open].concat().join("\n")))
            }
            (true, false) => {
                errors += 1;
                format!("<error>{}</error>", xml(&open.join("\n")))
            }
        };
        let trail = if chain.trail.is_empty() { "without a valid digest" } else { &chain.trail };
        let class = xml(&format!("{}.{}", chain.account, chain.region));
        // Writing to a string cannot fail.
        let _written = writeln!(cases, "  <testcase classname=\"{class}\" name=\"{}\">{inner}</testcase>", xml(trail));
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"assize verify\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\">\n{cases}</testsuite>\n",
        verified.chains.len()
    )
}

fn xml(text: &str) -> String {
    let mut out = Vec::new();
    match escape::html(text, &mut out) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(_) => String::new(),
    }
}
