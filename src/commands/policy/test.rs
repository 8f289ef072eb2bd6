//! `assize policy test`: the tests that policies carry.

use assize_engine::policy::Truth;
use assize_engine::trial;

use super::CommandError;
use crate::cli::{self, PolicyArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::pack;
use crate::report::escape::terminal;
use crate::report::words;

/// Runs the tests of every policy on both evaluators. A failing test is a finding (exit 1); a policy without a test that
/// must match and one that must not is incomplete (exit 3).
pub(super) fn run(args: &PolicyArgs, console: &Console) -> Result<Exit, CommandError> {
    // Policies bring values for their own tests; what is given wins.
    let given = cli::placeholders(&args.placeholder);
    let mut placeholders = pack::load_with(&args.paths, &given)?.examples();
    placeholders.extend(given);
    let pack = pack::load_with(&args.paths, &placeholders)?;
    let (mut run, mut failed, mut untested) = (0, 0, 0);
    let mut out: Vec<String> = Vec::new();
    for policy in pack.policies.iter().chain(&pack.bases) {
        for test in &policy.tests {
            run += 1;
            if let Err(why) = trial::run(policy, test) {
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
