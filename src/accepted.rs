//! What people said of findings: waivers and reviews, read from the files that the configuration names.

use assize_engine::diagnostic::{Diagnostic, Severity};
use assize_engine::finding::Finding;
use assize_engine::policy::Policy;
use assize_engine::time;

use crate::config::reviews::{self, Review};
use crate::config::waivers::{self, WaivedFinding, Waiver};
use crate::config::{Config, ConfigError, unknown_names};
use crate::estate::Estate;
use crate::pack::{Pack, PolicyFile};
use crate::report::v1;

/// Waivers and reviews.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accepted {
    /// In the order of the files.
    pub(crate) waivers: Vec<Waiver>,
    /// In the order of the files.
    pub(crate) reviews: Vec<Review>,
    /// Warnings. They stop nothing.
    pub(crate) warnings: Vec<Diagnostic>,
    /// The files that warnings are about.
    pub(crate) files: Vec<PolicyFile>,
}

/// What a waiver does for a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// The finding is accepted.
    Holds,
    /// It went on, or began, when the waiver had ended.
    Expired,
    /// The waiver was written later than what is judged.
    Later,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Holds => "holds",
            State::Expired => "expired",
            State::Later => "later",
        }
    }
}

impl Accepted {
    /// Reads all files that a configuration names. A waiver must name a policy of the pack: one with a slip in its name would
    /// accept nothing, silently.
    ///
    /// # Errors
    /// A file cannot be read or has mistakes.
    pub(crate) fn load(config: &Config, pack: &Pack) -> Result<Accepted, ConfigError> {
        let policies: Vec<&str> = pack.policies.iter().map(|policy| policy.id.as_str()).collect();
        let mut accepted = Accepted::default();
        for path in &config.waivers {
            let file = waivers::read(path)?;
            let unknown = unknown_names(&file.source.name, &file.names, &policies, &[]);
            if !unknown.is_empty() {
                let diagnostics = file.warnings.into_iter().chain(unknown).collect();
                return Err(ConfigError::Mistakes { diagnostics, file: file.source });
            }
            accepted.waivers.extend(file.notes);
            accepted.warnings.extend(file.warnings);
            accepted.files.push(file.source);
        }
        for path in &config.reviews {
            let file = reviews::read(path)?;
            accepted.reviews.extend(file.notes);
            accepted.warnings.extend(file.warnings);
            accepted.files.push(file.source);
        }
        debug_assert!(accepted.warnings.iter().all(|found| found.severity == Severity::Warning));
        Ok(accepted)
    }

    /// The waiver that counts for a finding, and its place in [`Accepted::waivers`]. `at`: the time of the verdict, seconds since
    /// 1970; a waiver that was written later changes nothing of it.
    pub(crate) fn waiver_of(
        &self,
        (policy, finding): (&Policy, &Finding),
        estate: &Estate,
        at: i64,
    ) -> Option<(usize, v1::Waived)> {
        let known = estate.account(&finding.group.account);
        let values = finding.group.values.iter().map(Option::as_deref);
        let group: Vec<(&str, Option<&str>)> = policy.group_by.iter().map(|field| field.written.as_str()).zip(values).collect();
        let asked = WaivedFinding {
            policy: &policy.id,
            fingerprint: &finding.fingerprint,
            account: &finding.group.account,
            region: &finding.group.region,
            group: &group,
        };
        let speaking = self.waivers.iter().enumerate().filter(|(_, waiver)| waiver.speaks_of(&asked, known));
        let (place, waiver, state) = speaking
            .map(|(place, waiver)| (place, waiver, state(waiver, finding.ends(), at)))
            .min_by_key(|(.., state)| *state)?;
        Some((place, told(waiver, state.name())))
    }

    /// The latest review of a finding that was written until `at`, seconds since 1970. `due`: when somebody should have looked.
    pub(crate) fn review_of(&self, fingerprint: &str, due: Option<i64>, at: i64) -> Option<v1::Reviewed> {
        let of_finding = self.reviews.iter().filter(|review| review.finding == fingerprint && review.at <= at);
        let review = of_finding.max_by_key(|review| review.at)?;
        Some(v1::Reviewed {
            by: review.by.clone(),
            at: time::format(review.at),
            conclusion: review.conclusion.to_owned(),
            note: review.note.clone(),
            ticket: review.ticket.clone(),
            late: due.is_some_and(|due| review.at > due),
            place: format!("{}:{}", review.file, review.span.at.line),
        })
    }

    /// Every waiver and what it did, given how many findings each one speaks of. One that speaks of none is `unused`.
    pub(crate) fn uses(&self, findings: &[u64], at: i64) -> Vec<v1::WaiverUse> {
        let all = self.waivers.iter().enumerate().map(|(place, waiver)| {
            let findings = findings.get(place).copied().unwrap_or_default();
            let state = match (waiver.created > at, waiver.expires <= at, findings) {
                (true, ..) => "later",
                (_, true, _) => "expired",
                (.., 0) => "unused",
                _ => "holds",
            };
            v1::WaiverUse { policy: waiver.policy.clone(), scope: waiver.scope_words(), waiver: told(waiver, state), findings }
        });
        all.collect()
    }
}

/// An occurrence is accepted if it lies before the waiver's end, and the waiver was written when the verdict was made. So a
/// verdict that was made stays what it is, and nothing is accepted that happens after the end.
fn state(waiver: &Waiver, ends: i64, at: i64) -> State {
    if waiver.created > at {
        State::Later
    } else if ends >= waiver.expires {
        State::Expired
    } else {
        State::Holds
    }
}

fn told(waiver: &Waiver, state: &str) -> v1::Waived {
    v1::Waived {
        state: state.to_owned(),
        reason: waiver.reason.clone(),
        owner: waiver.owner.clone(),
        approver: waiver.approver.clone(),
        ticket: waiver.ticket.clone(),
        created: time::format(waiver.created),
        expires: time::format(waiver.expires),
        place: format!("{}:{}", waiver.file, waiver.span.at.line),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use assize_engine::decode::Place;
    use assize_engine::identity::RecordDigest;
    use assize_engine::partial::{GroupKey, Hit};

    use super::*;
    use crate::estate::Account;

    const DAY: i64 = 86_400;

    fn policy() -> Policy {
        let text = "id: root-used\ntitle: t\nlevel: high\nlogsource: {product: aws, service: cloudtrail}\n\
                    detection: {a: {eventName: X}, condition: a}\ngroup-by: [userIdentity.arn]\n";
        assize_engine::policy::load([("p.yaml", text)]).policies.remove(0)
    }

    fn finding(account: &str, days: &[i64]) -> Finding {
        let group =
            GroupKey { account: account.to_owned(), region: "eu-west-1".to_owned(), values: vec![Some("arn:root".to_owned())] };
        let hit = |day: &i64| Hit {
            time: day * DAY,
            event_id: "e".into(),
            digest: RecordDigest::of(b"e"),
            object: Arc::from("o"),
            place: Place { index: 0, offset: 0 },
            length: 1,
        };
        let hits = days.iter().map(hit).collect();
        Finding { policy: 0, fingerprint: "f".repeat(32), group, cells: Vec::new(), hits, fired: None }
    }

    fn accepted(scope: &str) -> Accepted {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.yaml");
        let text = format!(
            "waivers:\n  - {{policy: root-used, scope: {scope}, reason: r, owner: a@x, approver: b@x, created: 1970-01-11, \
             expires: 1970-01-21}}\n"
        );
        std::fs::write(&path, text).unwrap();
        let file = waivers::read(&path).unwrap_or_else(|error| panic!("{error:?}"));
        Accepted { waivers: file.notes, ..Accepted::default() }
    }

    fn state_of(accepted: &Accepted, finding: &Finding, at: i64) -> Option<String> {
        let known = Account { id: "111122223333".to_owned(), env: "prod".to_owned(), ..Account::default() };
        let estate = Estate { accounts: vec![known], ..Estate::default() };
        accepted.waiver_of((&policy(), finding), &estate, at * DAY).map(|(_, waived)| waived.state)
    }

    #[test]
    fn what_happened_before_its_end_is_accepted_and_earlier_verdicts_stay() {
        let accepted = accepted("{account: '111122223333'}");
        let state = |days: &[i64], at| state_of(&accepted, &finding("111122223333", days), at);
        assert_eq!(state(&[5], 9).as_deref(), Some("later"), "the verdict was made before the waiver");
        assert_eq!(state(&[5], 10).as_deref(), Some("holds"), "accepted after the fact");
        assert_eq!(state(&[12], 40).as_deref(), Some("holds"), "what was accepted stays accepted");
        assert_eq!(state(&[12, 20], 21).as_deref(), Some("expired"), "it went on after the end");
        assert_eq!(state_of(&accepted, &finding("999988887777", &[12]), 12), None);
    }

    #[test]
    fn every_part_of_a_scope_must_hold() {
        let of = |scope: &str| state_of(&accepted(scope), &finding("111122223333", &[12]), 12).is_some();
        for good in ["{env: prod}", "{region: eu-west-1}", "{group: {userIdentity.arn: 'arn:*'}}"] {
            assert!(of(good), "{good}");
        }
        assert!(of(&format!("{{finding: {}}}", "f".repeat(32))));
        for other in ["{env: dev}", "{region: us-east-1}", "{group: {userIdentity.arn: 'x*'}}", "{tags: {team: red}}"] {
            assert!(!of(other), "{other}");
        }
        assert!(!of("{env: prod, region: us-east-1}"));
    }

    #[test]
    fn uses_are_told_apart() {
        let accepted = accepted("{env: prod}");
        let state = |findings: u64, at: i64| accepted.uses(&[findings], at * DAY).remove(0).waiver.state;
        assert_eq!([state(1, 9), state(1, 12), state(0, 12), state(1, 21)], ["later", "holds", "unused", "expired"]);
    }
}
