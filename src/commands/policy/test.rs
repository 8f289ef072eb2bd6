//! `assize policy test`: the tests that policies carry.

use assize_engine::json::Reader;
use assize_engine::linear;
use assize_engine::matcher::{Matcher, Subject};
use assize_engine::policy::{Policy, PolicyTest, Truth};
use assize_engine::record::AccountList;

use super::CommandError;
use crate::cli::PolicyArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::pack;
use crate::report::escape::terminal;
use crate::report::words;

/// Runs the tests of every policy on both evaluators. A failing test is a finding (exit 1); a policy without a test that
/// must match and one that must not is incomplete (exit 3).
pub(super) fn run(args: &PolicyArgs, console: &Console) -> Result<Exit, CommandError> {
    let pack = pack::load(&args.paths)?;
    let matcher = Matcher::new(&pack.policies, AccountList::new());
    let (mut run, mut failed, mut untested) = (0, 0, 0);
    let mut out: Vec<String> = Vec::new();
    for (index, policy) in pack.policies.iter().enumerate() {
        for test in &policy.tests {
            run += 1;
            if let Err(why) = one(index, policy, test, &matcher) {
                failed += 1;
                let (file, line, name) = (terminal(&policy.file), test.span.at.line, terminal(&test.name));
                out.push(format!("{file}:{line}: FAILED {}: {name}: {why}\n", policy.id));
            }
        }
        let has = |truth| policy.tests.iter().any(|test| test.expect == truth);
        if !has(Truth::True) || !has(Truth::False) {
            untested += 1;
            out.push(format!(
                "{}:1: UNTESTED {}: it needs a test that matches and one that does not\n",
                terminal(&policy.file),
                policy.id
            ));
        }
    }
    let policies = words::plural(pack.policies.len() as u64, "policy", "policies");
    out.push(format!(
        "{policies}: {} run, {failed} failed, {untested} without both kinds of test\n",
        words::plural(run, "test", "tests")
    ));
    console.result(&out.concat())?;
    Ok(Exit::decide(failed > 0, untested == 0))
}

/// Runs one test on both evaluators; `Err` says why it fails.
pub(super) fn one(index: usize, policy: &Policy, test: &PolicyTest, matcher: &Matcher) -> Result<(), String> {
    let mut reader = Reader::default();
    let text = complete(&test.event);
    let document = reader.read(text.as_bytes(), usize::MAX).map_err(|error| format!("the event cannot be read: {error}"))?;
    let subject = Subject::of(document.root()).ok_or("the event is no CloudTrail record: give it an eventName")?;
    let fast = matcher.evaluate_one(index, &subject);
    let slow = linear::judge(policy, &text, &AccountList::new()).map_err(|error| error.to_string())?.truth;
    if fast != slow {
        return Err(format!(
            "the two evaluators disagree ({} and {}); this is a bug, please report it",
            fast.name(),
            slow.name()
        ));
    }
    if fast == test.expect { Ok(()) } else { Err(format!("expected {}, got {}", test.expect.name(), fast.name())) }
}

/// A test event holds only what matters; without source and name it would not count as a record.
fn complete(event: &str) -> String {
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(event) {
        Ok(mut fields) if !["eventSource", "eventName", "eventCategory"].iter().any(|key| fields.contains_key(*key)) => {
            fields.insert("eventCategory".to_owned(), "Management".into());
            serde_json::Value::Object(fields).to_string()
        }
        _ => event.to_owned(),
    }
}
