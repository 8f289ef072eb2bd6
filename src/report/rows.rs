//! Findings and verdicts as flat rows, for formats that are made of tables. The columns are a format of their own: documented in
//! docs/formats.md, never renamed, and new ones come last.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::v1::{Document, FieldValue, Finding, Policy, ReasonHours, Requirement, RequirementPolicy, ScopeAccount, Verdict};
use super::{summary, words};

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// Nothing is known, or it does not apply.
    Nothing,
    /// Text from anywhere, not escaped yet.
    Text(Cow<'a, str>),
    /// RFC 3339 in UTC.
    Time(&'a str),
    /// A count.
    Number(u64),
    /// Yes or no.
    Flag(bool),
}

impl<'a> Value<'a> {
    /// Text; nothing if it is empty.
    pub(crate) fn text(text: &'a str) -> Value<'a> {
        if text.is_empty() { Value::Nothing } else { Value::Text(Cow::Borrowed(text)) }
    }

    /// Text made for the cell; nothing if it is empty.
    pub(crate) fn made(text: String) -> Value<'a> {
        if text.is_empty() { Value::Nothing } else { Value::Text(Cow::Owned(text)) }
    }

    /// A time, if there is one.
    pub(crate) fn time(time: Option<&'a String>) -> Value<'a> {
        time.map_or(Value::Nothing, |time| Value::Time(time))
    }
}

/// A column: its name, and how wide a spreadsheet shows it, in characters.
pub(crate) type Column = (&'static str, u16);

/// The columns of findings.
pub(crate) const FINDINGS: [Column; 28] = [
    ("fingerprint", 34),
    ("policy", 30),
    ("title", 44),
    ("title_ja", 30),
    ("level", 13),
    ("account", 14),
    ("account_name", 18),
    ("env", 8),
    ("region", 15),
    ("group", 50),
    ("first_seen", 19),
    ("last_seen", 19),
    ("count", 8),
    ("state", 10),
    ("age_days", 9),
    ("due", 19),
    ("overdue", 9),
    ("waiver_state", 12),
    ("waiver_owner", 20),
    ("waiver_approver", 20),
    ("waiver_ticket", 14),
    ("waiver_expires", 19),
    ("reviewed_by", 20),
    ("reviewed_at", 19),
    ("conclusion", 14),
    ("who", 50),
    ("statement", 50),
    ("remediation", 60),
];

/// The columns of verdicts.
pub(crate) const VERDICTS: [Column; 15] = [
    ("framework", 28),
    ("requirement", 12),
    ("title", 44),
    ("verdict", 16),
    ("statement", 60),
    ("policy", 30),
    ("kind", 11),
    ("account", 14),
    ("region", 15),
    ("cell_verdict", 16),
    ("reasons", 40),
    ("hours_due", 10),
    ("hours_covered", 13),
    ("findings", 9),
    ("waived", 8),
];

/// Names that findings do not carry themselves.
pub(crate) struct Names<'a> {
    accounts: HashMap<&'a str, &'a ScopeAccount>,
    policies: HashMap<&'a str, &'a Policy>,
}

impl<'a> Names<'a> {
    /// Of a document.
    pub(crate) fn of(document: &'a Document) -> Names<'a> {
        let accounts = document.scope.iter().flat_map(|scope| &scope.accounts);
        Names {
            accounts: accounts.map(|account| (account.account.as_str(), account)).collect(),
            policies: document.policies.iter().map(|policy| (policy.id.as_str(), policy)).collect(),
        }
    }

    /// The name of an account; empty if none is known.
    pub(crate) fn account(&self, id: &str) -> &'a str {
        self.accounts.get(id).map_or("", |account| &account.name)
    }

    /// The environment of an account; empty if none is known.
    pub(crate) fn env(&self, id: &str) -> &'a str {
        self.accounts.get(id).map_or("", |account| &account.env)
    }
}

/// The row of a finding, in the order of [`FINDINGS`].
pub(crate) fn finding<'a>(finding: &'a Finding, names: &Names<'a>) -> Vec<Value<'a>> {
    let policy = names.policies.get(finding.policy.as_str());
    let (life, waived, reviewed) = (finding.life.as_ref(), finding.waived.as_ref(), finding.reviewed.as_ref());
    let correlated = finding.correlated.as_ref().map(|correlated| correlated.statement.as_str());
    let statements: Vec<&str> = correlated.into_iter().chain(life.map(|life| life.statement.as_str())).collect();
    let text = |text: Option<&'a String>| text.map_or(Value::Nothing, |text| Value::text(text));
    vec![
        Value::text(&finding.fingerprint),
        Value::text(&finding.policy),
        Value::text(&finding.title),
        text(policy.map(|policy| &policy.title_ja)),
        Value::text(&finding.level),
        Value::text(&finding.account),
        Value::text(names.account(&finding.account)),
        Value::text(names.env(&finding.account)),
        Value::text(&finding.region),
        Value::made(group(&finding.group)),
        Value::Time(&finding.first_seen),
        Value::Time(&finding.last_seen),
        Value::Number(finding.count),
        text(life.map(|life| &life.state)),
        life.map_or(Value::Nothing, |life| Value::Number(life.age_days)),
        Value::time(life.and_then(|life| life.due.as_ref())),
        life.map_or(Value::Nothing, |life| Value::Flag(life.overdue)),
        text(waived.map(|waived| &waived.state)),
        text(waived.map(|waived| &waived.owner)),
        text(waived.map(|waived| &waived.approver)),
        text(waived.map(|waived| &waived.ticket)),
        Value::time(waived.map(|waived| &waived.expires)),
        text(reviewed.map(|reviewed| &reviewed.by)),
        Value::time(reviewed.map(|reviewed| &reviewed.at)),
        text(reviewed.map(|reviewed| &reviewed.conclusion)),
        Value::made(summary::behind(finding).join("; ")),
        Value::made(statements.join("; ")),
        Value::made(words::prose(&finding.remediation)),
    ]
}

/// The values that a policy groups by, as `field=value`.
pub(crate) fn group(values: &[FieldValue]) -> String {
    let one = |value: &FieldValue| format!("{}={}", value.field, value.value.as_deref().unwrap_or("(none)"));
    values.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Reasons with their hours: `8 kms-denied; 3 object-failed`.
pub(crate) fn reasons(unknown: &[ReasonHours]) -> String {
    unknown.iter().map(|one| format!("{} {}", one.hours, one.reason)).collect::<Vec<_>>().join("; ")
}

/// What a policy says of a part of the scope, for a requirement that it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VerdictRow<'a> {
    /// Id of the framework and the requirement; none for a policy that answers none.
    requirement: Option<(&'a str, &'a Requirement)>,
    /// The policy's part; none where nothing answers the requirement.
    part: Option<&'a RequirementPolicy>,
    /// The policy; none where nothing answers the requirement, or the policy was not selected.
    policy: Option<&'a Policy>,
    /// The part of the scope; none of a scan, which has none.
    cell: Option<&'a Verdict>,
}

impl<'a> VerdictRow<'a> {
    /// Whether it may be left out where there is no room: nothing failed and nothing is missing.
    pub(crate) fn is_quiet(&self) -> bool {
        self.cell.is_some_and(|cell| matches!(cell.verdict.as_str(), "PASS" | "NOT_APPLICABLE"))
    }

    /// The row, in the order of [`VERDICTS`]. Of a scan, which never says PASS, the status stands in place of a verdict.
    pub(crate) fn values(&self) -> Vec<Value<'a>> {
        let (title, verdict, statement) = match (self.requirement, self.policy) {
            (Some((_, it)), _) => (it.title.as_str(), it.verdict.as_ref().unwrap_or(&it.status).as_str(), it.statement.as_str()),
            (None, Some(it)) => (it.title.as_str(), it.verdict.as_ref().unwrap_or(&it.status).as_str(), it.statement.as_str()),
            (None, None) => ("", "", ""),
        };
        let cell = self.cell;
        let text = |text: Option<&'a String>| text.map_or(Value::Nothing, |text| Value::text(text));
        let number = |part: fn(&Verdict) -> u64| cell.map_or(Value::Nothing, |cell| Value::Number(part(cell)));
        let own = |part: fn(&Policy) -> u64, of: Value<'a>| match (cell, self.policy) {
            (None, Some(policy)) => Value::Number(part(policy)),
            _ => of,
        };
        vec![
            self.requirement.map_or(Value::Nothing, |(framework, _)| Value::text(framework)),
            self.requirement.map_or(Value::Nothing, |(_, requirement)| Value::text(&requirement.id)),
            Value::text(title),
            Value::text(verdict),
            Value::text(statement),
            text(self.part.map(|part| &part.policy).or(self.policy.map(|policy| &policy.id))),
            text(self.part.map(|part| &part.kind)),
            text(cell.and_then(|cell| cell.account.as_ref())),
            text(cell.and_then(|cell| cell.region.as_ref())),
            text(cell.map(|cell| &cell.verdict).or(self.policy.map(|policy| &policy.status))),
            cell.map_or(Value::Nothing, |cell| Value::made(reasons(&cell.unknown))),
            number(|cell| cell.due),
            number(|cell| cell.covered),
            own(|policy| policy.findings, number(|cell| cell.findings)),
            own(|policy| policy.waived, number(|cell| cell.waived)),
        ]
    }
}

/// A row for each requirement, each policy that answers it and each part of the scope; then those of the policies that answer
/// nothing.
pub(crate) fn verdicts(document: &Document) -> Vec<VerdictRow<'_>> {
    let policies: HashMap<&str, &Policy> = document.policies.iter().map(|policy| (policy.id.as_str(), policy)).collect();
    let mut rows = Vec::new();
    let mut answering = BTreeSet::new();
    for framework in &document.frameworks {
        for requirement in &framework.requirements {
            let one = Some((framework.id.as_str(), requirement));
            if requirement.policies.is_empty() {
                rows.push(VerdictRow { requirement: one, part: None, policy: None, cell: None });
            }
            for part in &requirement.policies {
                answering.insert(part.policy.as_str());
                push(one, Some(part), policies.get(part.policy.as_str()).copied(), &mut rows);
            }
        }
    }
    for policy in document.policies.iter().filter(|policy| !answering.contains(policy.id.as_str())) {
        push(None, None, Some(policy), &mut rows);
    }
    rows
}

fn push<'a>(
    requirement: Option<(&'a str, &'a Requirement)>,
    part: Option<&'a RequirementPolicy>,
    policy: Option<&'a Policy>,
    rows: &mut Vec<VerdictRow<'a>>,
) {
    let row = VerdictRow { requirement, part, policy, cell: None };
    match policy.map(|policy| policy.verdicts.as_slice()) {
        None | Some([]) => rows.push(row),
        Some(cells) => rows.extend(cells.iter().map(|cell| VerdictRow { cell: Some(cell), ..row })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{example, fixture};

    #[test]
    fn rows_have_the_columns_that_are_named() {
        let document = example::document();
        let row = finding(&document.findings[0], &Names::of(&document));
        assert_eq!(row.len(), FINDINGS.len());
        assert!(!row.contains(&Value::Nothing), "the example has one of everything: {row:?}");
        for row in verdicts(&document) {
            assert_eq!(row.values().len(), VERDICTS.len());
        }
    }

    #[test]
    fn every_cell_of_every_requirement_has_a_row() {
        let document = fixture::scoped();
        let rows = verdicts(&document);
        let cells = |id: &str| document.policies.iter().find(|policy| policy.id == id).map_or(1, |policy| policy.verdicts.len());
        let requirements = document.frameworks.iter().flat_map(|framework| &framework.requirements);
        let parts: usize =
            requirements.clone().map(|it| it.policies.iter().map(|part| cells(&part.policy)).sum::<usize>().max(1)).sum();
        let answered: BTreeSet<&str> = requirements.flat_map(|it| &it.policies).map(|part| part.policy.as_str()).collect();
        let rest = document.policies.iter().filter(|policy| !answered.contains(policy.id.as_str()));
        assert_eq!(rows.len(), parts + rest.map(|policy| policy.verdicts.len()).sum::<usize>());
        assert!(rows.iter().any(VerdictRow::is_quiet) && !rows.iter().all(VerdictRow::is_quiet));
    }

    #[test]
    fn a_row_of_a_scan_never_says_pass() {
        let document = fixture::middle();
        for row in verdicts(&document) {
            assert!(!row.values().contains(&Value::text("PASS")) && !row.is_quiet());
        }
    }
}
