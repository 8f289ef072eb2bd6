//! A verification as text for a terminal, and as JUnit for CI. JSON is [`Verified`] itself.

use std::fmt::Write as _;

use super::account::KeySource;
use super::outcome::{ChainOutcome, Counts, Verified};
use super::reading::Reading;
use crate::report::escape::{terminal, xml};
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
    line(&mut out, &read_again(&verified.reading));
    keys(verified, &mut out);
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

/// "read again: all digests, and 50 of 12,345 log objects that they name (drawn with seed 7); of 12,295 the ledger has the hash"
fn read_again(reading: &Reading) -> String {
    let Reading { seed, population, read, by_ledger, not_sampled, .. } = *reading;
    let named = words::plural(population, "log object", "log objects");
    let read = if read >= population { "all".to_owned() } else { format!("{} of", words::count(read)) };
    let drawn = seed.map(|seed| format!(" (drawn with seed {seed})")).unwrap_or_default();
    let full = if seed.is_none() { " (--full reads all)" } else { "" };
    let noted = (by_ledger > 0).then(|| format!("{} compared by the hash in the ledger{full}", words::count(by_ledger)));
    let open = (not_sampled > 0).then(|| format!("of {} nothing is said", words::count(not_sampled)));
    let first = format!("read again: all digests, and {read} {named} that they name{drawn}");
    [Some(first), noted, open].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Where the keys came from.
fn keys(verified: &Verified, out: &mut String) {
    let KeySource { source, regions, same, different, unknown } = &verified.keys;
    let known = words::plural(verified.public_keys as u64, "public key", "public keys");
    if *source == "archive" {
        line(out, &format!("{known}: as kept; --keys-from-account compares them with AWS's"));
        return;
    }
    if *source == "bundle" {
        line(out, &format!("{known}: as in the bundle"));
        return;
    }
    let kept = words::plural((same.len() + different.len() + unknown.len()) as u64, "kept key", "kept keys");
    line(out, &format!("{known}: asked of AWS in {}; of {kept} {} are the same", regions.join(", "), same.len()));
    for (names, what) in [
        (different, "another key at AWS: somebody wrote to the archive"),
        (unknown, "no key at AWS at the time of these digests; it was not used"),
    ] {
        names.iter().for_each(|name| line(out, &format!("  kept key {}: {what}", terminal(name))));
    }
}

/// "12 = 11 valid + 1 missing", or "none".
pub(super) fn counts(counts: Counts) -> String {
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
        let (failed, mut open) = (bad(&["INVALID", "MISSING", "ORPHAN"]), bad(&["UNVERIFIABLE", "GAP"]));
        if chain.logs.not_sampled > 0 {
            open.push(format!("of {} nothing is said", words::plural(chain.logs.not_sampled, "log object", "log objects")));
        }
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
    let mut tests = verified.chains.len();
    if verified.keys.source == "account" {
        tests += 1;
        let different = &verified.keys.different;
        failures += usize::from(!different.is_empty());
        let said = format!("<failure>another key at AWS: {}</failure>", xml(&different.join(", ")));
        let inner = if different.is_empty() { "" } else { &said };
        let _written = writeln!(cases, "  <testcase classname=\"keys\" name=\"kept public keys are AWS's\">{inner}</testcase>");
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"assize verify\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n{cases}</testsuite>\n"
    )
}
