//! `assize policy explain`: a policy as prose, for whoever has to decide whether it may wake somebody.
//!
//! Every sentence is made from the policy as loaded, so that it says what is evaluated and not what the author meant to write.

mod sentences;

use std::path::PathBuf;

use assize_engine::diagnostic::closest;
use assize_engine::finding;
use assize_engine::matcher::Matcher;
use assize_engine::partial::Partial;
use assize_engine::policy::{Evidence, FieldPath, Framework, Kind, Per, Placeholders, Policy, Population, Require, Truth};
use assize_engine::record::AccountList;

use super::CommandError;
use super::list::tried_on;
use crate::cli::{self, PolicyExplainArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::pack::{self, Pack};
use crate::report::correlated;
use crate::report::prose::Prose;
use crate::report::words;
use sentences::Clause;

/// Runs `assize policy explain`.
pub(super) fn run(args: &PolicyExplainArgs, console: &Console) -> Result<Exit, CommandError> {
    let (paths, given) = (&args.policies.paths, cli::placeholders(&args.policies.placeholder));
    let mut pack = pack::load_with(paths, &given)?;
    let Some(index) = pack.policies.iter().position(|policy| policy.id == args.id) else {
        let ids: Vec<&str> = pack.policies.iter().map(|policy| policy.id.as_str()).collect();
        return Err(CommandError::UnknownPolicy { id: args.id.clone(), meant: closest(&args.id, &ids).map(str::to_owned) });
    };
    if pack.policies.get(index).is_some_and(|policy| !policy.unconfigured.is_empty()) {
        pack = shown(pack, paths, given);
    }
    console.result(&explanation(&pack, index, console.terminal().width))?;
    Ok(Exit::Clean)
}

fn explanation(pack: &Pack, index: usize, width: usize) -> String {
    let mut prose = Prose::new(width);
    let Some(policy) = pack.policies.get(index) else { return prose.finish() };
    prose.line(&format!("{} ({})", policy.id, policy.level.name()));
    prose.paragraph(0, &policy.title);
    if !policy.description.is_empty() {
        prose.gap();
        prose.written(0, &policy.description);
    }
    fires(policy, &mut prose);
    evidence(policy, &mut prose);
    findings(index, policy, &mut prose);
    frameworks(policy, &pack.frameworks, &mut prose);
    prose.heading("What it costs");
    let tried = Matcher::new(&pack.policies, AccountList::new()).tried(index, policy);
    prose.paragraph(2, &format!("It is {}.", tried_on(&tried)));
    tests(policy, &mut prose);
    written(policy, &mut prose);
    prose.finish()
}

/// The policies with each placeholder that is not set standing for itself, so that what it is for can be read. Where a modifier
/// cannot work on that, as `cidr`, they stay as they are: policies that look for nothing.
fn shown(pack: Pack, paths: &[PathBuf], given: Placeholders) -> Pack {
    let unset = pack.policies.iter().flat_map(|policy| &policy.unconfigured);
    let mut shown: Placeholders = unset.map(|name| (name.clone(), vec![format!("%{name}%")])).collect();
    shown.extend(given);
    pack::load_with(paths, &shown).unwrap_or(pack)
}

fn fires(policy: &Policy, prose: &mut Prose) {
    prose.heading("When it fires");
    let categories: Vec<&str> = policy.needs.categories.iter().map(|category| category.name()).collect();
    // Management and data events have one form, and a policy for the one sees the other too.
    let one_form = categories == ["management"] || categories == ["data"];
    let seen = if one_form { "management and data".to_owned() } else { categories.join(" and ") };
    prose.paragraph(2, &format!("It looks at CloudTrail's {seen} events."));
    let told = sentences::detection(&policy.detection);
    led("A record matches when", &told.clause, prose);
    if told.wildcards {
        prose.paragraph(2, "In a value `*` stands for any text and `?` for one character.");
    }
    for name in policy.placeholders.keys() {
        let told = "stands for the values that the configuration gives it (`policies.placeholders`).";
        prose.paragraph(2, &format!("`%{name}%` {told}"));
    }
    if let Some(sentence) = windows(policy) {
        prose.paragraph(2, &sentence);
    }
    match policy.require {
        Require::None => {}
        Require::Any => prose.paragraph(2, "Matches are what should be there: it fails where no record matches in the period."),
    }
}

/// How matches are looked at together before they are a finding, as a sentence; `None` if each is one of its own.
fn windows(policy: &Policy) -> Option<String> {
    let condition = correlated::condition(policy.correlation.as_ref()?);
    Some(format!("A match alone is no finding. It fires on: {condition}."))
}

/// A sentence that begins so and ends with the clause: behind it, or in a list below it.
fn led(lead: &str, it: &Clause, prose: &mut Prose) {
    match it {
        Clause::One(sentence) => prose.paragraph(2, &format!("{lead} {sentence}.")),
        Clause::Group { heading, parts } => {
            prose.paragraph(2, &format!("{lead} {heading}:"));
            parts.iter().for_each(|part| clause(part, 0, prose));
        }
    }
}

fn clause(it: &Clause, depth: usize, prose: &mut Prose) {
    match it {
        Clause::One(sentence) => prose.bullet(depth, sentence),
        Clause::Group { heading, parts } => {
            prose.bullet(depth, &format!("{heading}:"));
            parts.iter().for_each(|part| clause(part, depth + 1, prose));
        }
    }
}

fn evidence(policy: &Policy, prose: &mut Prose) {
    prose.heading("What evidence it needs");
    let how = if policy.needs_derived { "derived from the detection" } else { "as the policy says" };
    prose.paragraph(2, &format!("No match means something only where these are recorded: {} ({how}).", policy.needs));
    let grade = match policy.evidence {
        Some(Evidence::Verified) => "Only records that a signed digest covers let it pass.",
        Some(Evidence::Delivered) => "Records that were hashed at collection let it pass; no signed digest is asked for.",
        None => {
            "Only records that a signed digest covers let it pass, unless the configuration's `judge.evidence` asks for less."
        }
    };
    let per = match policy.per {
        Per::Organization => "The organisation gets one verdict.",
        Per::Account => "Each account gets a verdict.",
        Per::Region => "Each region of each account gets a verdict.",
    };
    prose.paragraph(2, &format!("{grade} {per}"));
}

fn findings(index: usize, policy: &Policy, prose: &mut Prose) {
    prose.heading("What is counted, and what a finding is");
    match &policy.population {
        Population::Sources | Population::Selection(_) => {
            let (_, of) = finding::population(index, policy, &Partial::default());
            prose.paragraph(2, &format!("Its population, the N of \"0 of N\", is {of}."));
        }
        Population::Own(selection) => {
            led("Its population, the N of \"0 of N\", is the records for which", &sentences::selection(selection).clause, prose);
        }
    }
    let fields = paths(&policy.group_by);
    let apart = if fields.is_empty() { String::new() } else { format!(", and by {fields}") };
    prose.paragraph(
        2,
        &format!(
            "Findings are parted by account and region{apart}. Matches with at most {} hours between them are one finding.",
            finding::QUIET_GAP / 3600
        ),
    );
    prose.paragraph(2, &format!("Each occurrence is shown with {}.", paths(&policy.show)));
}

fn paths(paths: &[FieldPath]) -> String {
    sentences::joined(paths.iter().map(|path| path.written.clone()).collect(), "and")
}

fn frameworks(policy: &Policy, frameworks: &[Framework], prose: &mut Prose) {
    prose.heading("Which requirements it answers");
    let mut any = false;
    for framework in frameworks {
        for requirement in &framework.requirements {
            for mapping in requirement.policies.iter().filter(|mapping| mapping.policy == policy.id) {
                any = true;
                let how = match mapping.kind {
                    Kind::Absent => "absent: nothing may match",
                    Kind::Monitored => "monitored: matches are for review and do not fail it",
                };
                prose.bullet(0, &format!("{} {}, {} ({how})", framework.title, requirement.id, requirement.title));
            }
        }
    }
    if !any {
        prose.paragraph(2, "None of the frameworks that are loaded with it.");
    }
}

fn tests(policy: &Policy, prose: &mut Prose) {
    prose.heading("Its tests");
    for (truth, what) in
        [(Truth::True, "matches"), (Truth::False, "does not match"), (Truth::Unknown, "cannot be told, for a field is left out")]
    {
        for test in policy.tests.iter().filter(|test| test.expect == truth) {
            prose.bullet(0, &format!("{what}: {}", test.name));
        }
    }
    if policy.tests.is_empty() {
        prose.paragraph(2, "It has none.");
    }
}

fn written(policy: &Policy, prose: &mut Prose) {
    if !policy.remediation.is_empty() {
        prose.heading("How to put it right");
        prose.written(2, &policy.remediation);
    }
    for (heading, texts) in
        [("Known harmless causes", &policy.falsepositives), ("References", &policy.references), ("Tags", &policy.tags)]
    {
        if !texts.is_empty() {
            prose.heading(heading);
            texts.iter().for_each(|text| prose.bullet(0, &words::prose(text)));
        }
    }
    prose.heading(&format!("It stands in {}, line {}.", policy.file, policy.span.at.line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_policy_is_explained_within_the_width() {
        let pack = shown(pack::load(&[]).unwrap(), &[], Placeholders::new());
        for (index, policy) in pack.policies.iter().enumerate() {
            let text = explanation(&pack, index, 100);
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for name in policy.detection.selections.iter().map(|(name, _)| name) {
                assert!(flat.contains(&format!("({name})")) || flat.contains(&format!("`{name}`")), "{name}:\n{text}");
            }
            for test in &policy.tests {
                assert!(flat.contains(&words::prose(&test.name)), "{}:\n{text}", test.name);
            }
            let commands = |line: &&str| !line.starts_with("    ") && !line.contains("http");
            assert!(text.lines().filter(commands).all(|line| line.chars().count() <= 100), "{text}");
        }
    }
}
