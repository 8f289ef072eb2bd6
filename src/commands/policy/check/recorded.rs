//! Whether what a policy looks at is recorded anywhere: a policy that nothing feeds would look like one that finds nothing.
//!
//! What a trail records in part, or nobody could look at, may still make a policy fire, and then nothing is said. Of data events and
//! network activity it is known only whether all of a kind are recorded, so of these the warning says no more than that.

use std::collections::BTreeSet;

use assize_engine::candidates;
use assize_engine::coverage::{Recorded, Recording};
use assize_engine::diagnostic::{Diagnostic, Severity};
use assize_engine::policy::{Category, Policy, ReadWrite};

use crate::report::words;

/// A warning for each policy that can fire in none of the cells, by what each of them records now. `None`: nothing records there.
///
/// Cells of which nothing is known must be left out; if no other is left, nothing is said.
pub(super) fn warnings(policies: &[Policy], cells: &[Option<Recording>]) -> Vec<Diagnostic> {
    if cells.is_empty() {
        return Vec::new();
    }
    let warning = |policy: &Policy| {
        let asked = Asked::of(policy);
        let fed =
            |recording: &Recording| policy.needs.categories.iter().any(|category| asked.may_be_recorded(*category, recording));
        if cells.iter().flatten().any(fed) {
            return None;
        }
        let lacking: Vec<String> = policy.needs.categories.iter().map(|category| asked.lacking(*category)).collect();
        // What a trail records in part of these is not known to us.
        let in_part = |category: &Category| matches!(category, Category::Data | Category::NetworkActivity);
        let surely = if policy.needs.categories.iter().any(in_part) { "may never fire" } else { "can never fire" };
        let places = words::plural(cells.len() as u64, "account-region", "account-regions");
        Some(Diagnostic {
            file: policy.file.clone(),
            span: policy.span,
            severity: Severity::Warning,
            code: "never-recorded",
            message: format!(
                "`{}` {surely}: of {places} that the last run looked at, none has a trail that records {}",
                policy.id,
                lacking.join(", or ")
            ),
            hint: Some("let a trail's selectors record it, or leave the policy out (`policies.select`)".to_owned()),
        })
    };
    policies.iter().filter_map(warning).collect()
}

/// What a policy looks at.
struct Asked<'p> {
    policy: &'p Policy,
    /// Event sources that it names, if every way to match names some; in lower case.
    sources: Option<BTreeSet<String>>,
}

impl<'p> Asked<'p> {
    fn of(policy: &'p Policy) -> Asked<'p> {
        Asked { policy, sources: candidates::sources(&policy.detection) }
    }

    /// Whether records of the category that the policy looks at can be in the logs.
    fn may_be_recorded(&self, category: Category, recording: &Recording) -> bool {
        let needs = &self.policy.needs;
        match category {
            Category::Management => {
                let reads = needs.read_write != ReadWrite::Write && self.some(&recording.reads);
                let writes = needs.read_write != ReadWrite::Read && self.some(&recording.writes);
                reads || writes
            }
            // Of data events and network activity only what is recorded without exception is known.
            Category::Data => recording.data.iter().any(|kind| needs.resources.is_empty() || needs.resources.contains(kind)),
            Category::NetworkActivity => {
                recording.network_activity.iter().any(|source| needs.sources.is_empty() || needs.sources.contains(source))
            }
            Category::Insight => recording.insight,
        }
    }

    /// Whether some of the policy's management events are recorded.
    fn some(&self, recorded: &Recorded) -> bool {
        match (recorded, &self.sources) {
            (Recorded::None, _) => false,
            (Recorded::Except(left_out), Some(sources)) => sources.iter().any(|source| !left_out.contains(source)),
            (Recorded::All | Recorded::Unknown | Recorded::Except(_), _) => true,
        }
    }

    /// What is missing, in words.
    fn lacking(&self, category: Category) -> String {
        let needs = &self.policy.needs;
        let kind = match needs.read_write {
            ReadWrite::Read => "management events that read",
            ReadWrite::Write => "management events that write",
            ReadWrite::All => "management events",
        };
        let of = |names: &[String]| if names.is_empty() { String::new() } else { format!(" of {}", names.join(", ")) };
        match category {
            Category::Management => {
                let sources: Vec<String> = self.sources.iter().flatten().cloned().collect();
                format!("{kind}{}", of(&sources))
            }
            Category::Data => format!("all data events{}", of(&needs.resources)),
            Category::NetworkActivity => format!("all network activity{}", of(&needs.sources)),
            Category::Insight => "Insights".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(more: &str) -> Policy {
        let head = "id: p\ntitle: P\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n";
        let mut loaded = assize_engine::policy::load([("f", format!("{head}{more}\n").as_str())]);
        assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
        loaded.policies.remove(0)
    }

    fn warned(policy: &Policy, cells: &[Option<Recording>]) -> Option<String> {
        warnings(std::slice::from_ref(policy), cells).pop().map(|found| found.message)
    }

    #[test]
    fn a_policy_that_nothing_feeds_is_warned_of() {
        let writes = || Some(Recording { writes: Recorded::All, ..Recording::default() });
        let read = policy("detection: {a: {eventSource: iam.amazonaws.com, eventName: GetUser}, condition: a}");
        let write = policy("detection: {a: {eventSource: iam.amazonaws.com, eventName: CreateUser}, condition: a}");
        let any = policy("detection: {a: {eventSource: iam.amazonaws.com}, condition: a}");
        let object = policy("detection: {a: {eventSource: s3.amazonaws.com, eventName: GetObject}, condition: a}");
        let insight = policy("detection: {a: {insightDetails.state: Start}, condition: a}");
        assert_eq!(
            warned(&read, &[writes(), None]).unwrap(),
            "`p` can never fire: of 2 account-regions that the last run looked at, none has a trail that records management events that \
             read of iam.amazonaws.com"
        );
        let object = warned(&object, &[writes()]).unwrap();
        assert!(
            object.starts_with("`p` may never fire") && object.ends_with("records all data events of AWS::S3::Object"),
            "{object}"
        );
        assert!(warned(&insight, &[writes()]).unwrap().ends_with("records Insights"));
        assert!(warned(&write, &[None]).is_some(), "nothing is recorded anywhere");
        for fine in [&write, &any] {
            assert_eq!(warned(fine, &[None, writes()]), None);
        }
        assert_eq!(warned(&read, &[writes(), Some(Recording::management())]), None, "one place is enough");
        assert_eq!(warned(&read, &[]), None, "nothing is known");
    }

    #[test]
    fn what_is_recorded_in_part_or_not_known_may_fire() {
        let kms = policy("detection: {a: {eventSource: kms.amazonaws.com, eventName: DisableKey}, condition: a}");
        let both =
            policy("detection: {a: {eventSource: [kms.amazonaws.com, iam.amazonaws.com], eventName: DisableKey}, condition: a}");
        let except = Recorded::Except(vec!["kms.amazonaws.com".to_owned()]);
        let without_kms = || Some(Recording { writes: except.clone(), reads: except.clone(), ..Recording::default() });
        assert!(warned(&kms, &[without_kms()]).is_some());
        assert_eq!(warned(&both, &[without_kms()]), None);
        let unknown = Recording { writes: Recorded::Unknown, ..Recording::default() };
        assert_eq!(warned(&kms, &[Some(unknown)]), None);
    }
}
