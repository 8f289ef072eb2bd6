//! Samples for auditors: of each policy, findings drawn by a seed that anybody can draw again.
//!
//! The method: of every finding of a policy take the SHA-256 of the seed, a line break and the finding's fingerprint; the
//! findings with the smallest values are the sample. It rests on nothing but these two texts, so `sha256sum` is enough to check it.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::summary;
use super::v1::{Document, Finding, Policy};

/// The method in one sentence, as it stands beside samples.
pub(crate) const METHOD: &str = "Of each policy of level medium and above that has findings, those findings are drawn whose \
    SHA-256 of the seed, a line break and the fingerprint is smallest: 25 of up to 250 findings, 40 of up to 1,000, 60 of more.";

/// The least severe level that is sampled.
const LEAST: &str = "medium";

/// The findings of one policy that were drawn.
#[derive(Clone, Debug)]
pub(crate) struct Sample<'a> {
    /// The policy.
    pub(crate) policy: &'a Policy,
    /// Findings from which was drawn: all of the policy, accepted ones too.
    pub(crate) population: u64,
    /// The drawn ones with their SHA-256 in hexadecimal, smallest first.
    pub(crate) drawn: Vec<(String, &'a Finding)>,
}

/// The seed of a document: the id of its run; of a scan, which has none, the SHA-256 of its policies.
pub(crate) fn seed(document: &Document) -> &str {
    document.scope.as_ref().map_or(&document.run.policies_sha256, |scope| &scope.run_id)
}

/// How many are drawn: 25, 40 or 60, the steps that auditors use for controls that run many times; never more than there are.
pub(crate) fn size(population: usize) -> usize {
    let wanted = match population {
        0..=250 => 25,
        251..=1_000 => 40,
        _ => 60,
    };
    wanted.min(population)
}

/// Draws from the findings of every policy that has some and whose level, or that of one of them, is medium at least; in
/// the order of the policies.
pub(crate) fn samples<'a>(document: &'a Document) -> Vec<Sample<'a>> {
    let mut by_policy: HashMap<&str, Vec<&Finding>> = HashMap::new();
    for finding in &document.findings {
        by_policy.entry(&finding.policy).or_default().push(finding);
    }
    let severe = |level: &str| summary::rank(level) <= summary::rank(LEAST);
    let sample = |policy: &'a Policy| {
        let Policy { id, level, .. } = policy;
        let findings = by_policy.get(id.as_str())?;
        // In some accounts the configuration may give a policy another level.
        (severe(level) || findings.iter().any(|finding| severe(&finding.level))).then(|| Sample {
            policy,
            population: findings.len() as u64,
            drawn: draw(seed(document), findings),
        })
    };
    document.policies.iter().filter_map(sample).collect()
}

/// The sample of these findings, smallest SHA-256 first.
fn draw<'a>(seed: &str, findings: &[&'a Finding]) -> Vec<(String, &'a Finding)> {
    let hashed = findings.iter().map(|finding| (hash(seed, &finding.fingerprint), *finding));
    let mut all: Vec<(String, &Finding)> = hashed.collect();
    all.sort_by(|(a, one), (b, other)| (a, &one.fingerprint).cmp(&(b, &other.fingerprint)));
    all.truncate(size(findings.len()));
    all
}

fn hash(seed: &str, fingerprint: &str) -> String {
    Sha256::digest(format!("{seed}\n{fingerprint}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_method_is_one_that_anybody_can_repeat() {
        // printf 'abc\n5d41' | sha256sum
        assert_eq!(hash("abc", "5d41"), "8c6073a06384ffdb2fc58142e892454cd9897592043d57e7122916b5910ae074");
        assert_eq!([0, 1, 25, 26, 250, 251, 1_000, 1_001, 90_000].map(size), [0, 1, 25, 25, 25, 40, 40, 60, 60]);
    }

    #[test]
    fn only_severe_policies_with_findings_are_sampled() {
        let document = fixture::large();
        let samples = samples(&document);
        assert!(samples.len() >= 5);
        for Sample { policy, population, drawn } in &samples {
            assert!(summary::rank(&policy.level) <= 2, "{}", policy.level);
            assert_eq!((*population, drawn.len()), (policy.findings, size(usize::try_from(policy.findings).unwrap())));
            assert!(drawn.iter().all(|(_, finding)| finding.policy == policy.id));
        }
        let mut quiet = document.clone();
        quiet.findings.retain(|finding| finding.policy == "console-login-failed");
        assert!(super::samples(&quiet).is_empty(), "a policy of level low");
        quiet.findings[0].level = "high".to_owned();
        assert_eq!(super::samples(&quiet).len(), 1, "unless an account made it severe");
    }

    proptest! {
        /// The order of the findings does not matter, the same seed draws the same, and what is drawn is nothing but the
        /// smallest: whatever is left out is larger than all that is in.
        #[test]
        fn a_sample_depends_on_the_seed_and_the_findings_alone(seed in "[a-z0-9]{0,12}", count in 0_usize..400, turn in 0_usize..400) {
            let template = &fixture::middle().findings[0];
            let findings: Vec<Finding> = (0..count)
                .map(|at| Finding { fingerprint: format!("{:032x}", at * 7_919), ..template.clone() })
                .collect();
            let mut order: Vec<&Finding> = findings.iter().collect();
            let first = draw(&seed, &order);
            order.rotate_left(turn.min(count));
            order.reverse();
            let second = draw(&seed, &order);
            let ids = |drawn: &[(String, &Finding)]| drawn.iter().map(|(_, it)| it.fingerprint.clone()).collect::<Vec<_>>();
            prop_assert_eq!(ids(&first), ids(&second));
            prop_assert_eq!(first.len(), size(count));
            let drawn = ids(&first);
            if let Some((largest, _)) = first.last() {
                for finding in findings.iter().filter(|it| !drawn.contains(&it.fingerprint)) {
                    prop_assert!(hash(&seed, &finding.fingerprint) > *largest);
                }
            }
            if count > 100 {
                let other = ids(&draw(&format!("{seed}-other"), &order));
                prop_assert_ne!(ids(&first), other);
            }
        }
    }
}
