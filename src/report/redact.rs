//! A document for readers outside the house: who and where is replaced by names that say nothing, the same one for the same thing.
//!
//! The names are keyed hashes: without the key nobody can try account numbers one after the other until one fits. Events, free
//! text of people and what policies show beside plain facts are left out.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use regex::{Captures, Regex};

use crate::report::v1::{Document, FieldValue, Finding, Occurrence, Verdict};

/// Fields whose values say what happened and not who or where.
const PLAIN: [&str; 8] =
    ["eventTime", "eventName", "eventSource", "awsRegion", "errorCode", "readOnly", "eventType", "userIdentity.type"];

/// Gives names in the place of what must not be told.
pub(crate) struct Redactor {
    key: hmac::Key,
    pattern: Regex,
    /// Texts that are names as such: accounts, the organisation.
    known: BTreeMap<String, String>,
}

impl Redactor {
    /// With a key: the same one gives the same names in every report.
    pub(crate) fn new(key: &[u8]) -> Redactor {
        let pattern = Regex::new(
            r"(?x)
            (?P<object> (?:s3://|evidence/)[^\s\x22'`,;()<>]+ )
            | (?P<arn> arn:aws[a-z-]*:[^\s\x22'`,;()<>\[\]{}]+ )
            | (?P<mail> [\w.+-]+@[\w-]+(?:\.[\w-]+)+ )
            | (?P<key> \b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,} )
            | (?P<v4> \b(?:\d{1,3}\.){3}\d{1,3}\b )
            | (?P<v6> \b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}\b )
            | (?P<org> \bo-[a-z0-9]{10,32}\b )
            | (?P<account> \b\d{12}\b )",
        );
        let pattern = pattern.expect("the pattern above is well formed");
        Redactor { key: hmac::Key::new(hmac::HMAC_SHA256, key), pattern, known: BTreeMap::new() }
    }

    fn name(&self, kind: &str, text: &str) -> String {
        let tag = hmac::sign(&self.key, text.as_bytes());
        let hex: String = tag.as_ref().iter().take(5).map(|byte| format!("{byte:02x}")).collect();
        format!("{kind}-{hex}")
    }

    /// A text with everything that names somebody or some place replaced.
    fn text(&self, text: &str) -> String {
        let named = |found: &Captures<'_>| {
            let kinds = ["object", "arn", "mail", "key", "v4", "v6", "org", "account"];
            let words = ["object", "arn", "person", "key", "address", "address", "organisation", "account"];
            let found = kinds.iter().zip(words).find_map(|(kind, word)| Some((word, found.name(kind)?.as_str())));
            found.map(|(word, text)| self.name(word, text)).unwrap_or_default()
        };
        let mut out = self.pattern.replace_all(text, named).into_owned();
        // A longer name before the one that it begins with.
        for (name, other) in self.known.iter().rev() {
            if out.contains(name.as_str()) {
                out = out.replace(name.as_str(), other);
            }
        }
        out
    }

    fn put(&self, text: &mut String) {
        *text = self.text(text);
    }

    fn value(&self, field: &mut FieldValue) {
        if PLAIN.contains(&field.field.as_str()) {
            return;
        }
        if let Some(value) = &mut field.value {
            let patterned = self.text(value);
            *value = if patterned == *value { self.name("value", value) } else { patterned };
        }
    }

    fn occurrence(&self, occurrence: &mut Occurrence) {
        occurrence.object = self.name("object", &occurrence.object);
        occurrence.show.iter_mut().for_each(|field| self.value(field));
        for field in occurrence.matched.iter_mut().flat_map(|selection| &mut selection.fields) {
            field.value = self.name("value", &field.value);
        }
        occurrence.event = None;
        occurrence.event_missing = Some("left out of a redacted report".to_owned());
        if let Some(behind) = &mut occurrence.behind {
            behind.statement = behind.who.as_ref().map_or_else(|| "nobody is known".to_owned(), |who| self.name("person", who));
            behind.who = behind.who.as_ref().map(|who| self.name("person", who));
            behind.account = behind.account.as_ref().map(|account| self.text(account));
            behind.source_identity = behind.source_identity.as_ref().map(|who| self.name("person", who));
            behind.links.clear();
        }
    }

    fn finding(&self, finding: &mut Finding) {
        self.put(&mut finding.account);
        finding.group.iter_mut().for_each(|field| self.value(field));
        finding.occurrences.iter_mut().for_each(|occurrence| self.occurrence(occurrence));
        if let Some(correlated) = &mut finding.correlated {
            self.put(&mut correlated.statement);
        }
        if let Some(waived) = &mut finding.waived {
            (waived.reason, waived.ticket, waived.place) = (String::new(), String::new(), String::new());
            (waived.owner, waived.approver) = (self.name("person", &waived.owner), self.name("person", &waived.approver));
        }
        if let Some(reviewed) = &mut finding.reviewed {
            (reviewed.note, reviewed.ticket, reviewed.place) = (String::new(), String::new(), String::new());
            reviewed.by = self.name("person", &reviewed.by);
        }
    }

    fn verdict(&self, verdict: &mut Verdict) {
        verdict.account = verdict.account.as_ref().map(|account| self.text(account));
    }
}

/// The document with names that say nothing.
pub(crate) fn document(document: &Document, key: &[u8]) -> Document {
    let mut document = document.clone();
    let mut redactor = Redactor::new(key);
    if let Some(scope) = &document.scope {
        let accounts = scope.accounts.iter().map(|account| &account.name).chain(scope.left_out.iter().map(|one| &one.name));
        for name in accounts.filter(|name| name.len() > 3 && !name.bytes().all(|byte| byte.is_ascii_digit())) {
            redactor.known.insert(name.clone(), redactor.name("account", name));
        }
        redactor.known.insert(scope.name.clone(), redactor.name("organisation", &scope.name));
    }
    // In keys they stand between underscores, which belong to words.
    let seen = document.coverage.accounts.iter().chain(document.findings.iter().map(|finding| &finding.account));
    let strangers =
        document.scope.iter().flat_map(|scope| scope.strangers.iter().chain(scope.cells.iter().map(|it| &it.account)));
    for id in seen.chain(strangers).filter(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())) {
        redactor.known.insert(id.clone(), redactor.name("account", id));
    }
    let redactor = redactor;
    let put = |text: &mut String| redactor.put(text);
    document.run.paths.iter_mut().for_each(put);
    put(&mut document.coverage.statement);
    document.coverage.accounts.iter_mut().for_each(put);
    for problem in &mut document.coverage.problems {
        problem.object = redactor.name("object", &problem.object);
        put(&mut problem.message);
    }
    for skipped in &mut document.coverage.skipped {
        skipped.object = redactor.name("object", &skipped.object);
        put(&mut skipped.reason);
    }
    for policy in &mut document.policies {
        policy.verdicts.iter_mut().for_each(|verdict| redactor.verdict(verdict));
        policy.review.iter_mut().for_each(|occurrence| redactor.occurrence(occurrence));
        put(&mut policy.file);
    }
    document.findings.iter_mut().for_each(|finding| redactor.finding(finding));
    document.activity.accounts.iter_mut().for_each(|series| redactor.put(&mut series.label));
    document.evidence.iter_mut().for_each(|it| it.object = redactor.name("object", &it.object));
    for waiver in &mut document.waivers {
        waiver.scope = redactor.name("scope", &waiver.scope);
        let it = &mut waiver.waiver;
        (it.reason, it.ticket, it.place) = (String::new(), String::new(), String::new());
        (it.owner, it.approver) = (redactor.name("person", &it.owner), redactor.name("person", &it.approver));
    }
    for gone in document.changes.iter_mut().flat_map(|changes| &mut changes.gone) {
        put(&mut gone.account);
    }
    scope(&redactor, &mut document);
    document
}

fn scope(redactor: &Redactor, document: &mut Document) {
    let Some(scope) = &mut document.scope else { return };
    let put = |text: &mut String| redactor.put(text);
    put(&mut scope.name);
    put(&mut scope.statement);
    scope.organization = scope.organization.as_ref().map(|id| redactor.text(id));
    scope.strangers.iter_mut().for_each(put);
    scope.notes.iter_mut().for_each(put);
    for account in &mut scope.accounts {
        put(&mut account.account);
        put(&mut account.name);
    }
    scope.cells.iter_mut().for_each(|cell| redactor.put(&mut cell.account));
    for unit in &mut scope.units {
        unit.unit = redactor.name("unit", &unit.unit);
    }
    for one in &mut scope.left_out {
        put(&mut one.account);
        put(&mut one.name);
        put(&mut one.reason);
    }
    for obstacle in &mut scope.obstacles {
        put(&mut obstacle.message);
        obstacle.accounts.iter_mut().for_each(put);
    }
    for one in &mut scope.exceptions {
        one.accounts.iter_mut().for_each(put);
        one.reason = String::new();
        one.owner = redactor.name("person", &one.owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    const KEY: &[u8] = b"a key of a test, long enough";

    #[test]
    fn nothing_that_names_somebody_is_left() {
        let plain = fixture::scoped();
        let text = serde_json::to_string(&document(&plain, KEY)).unwrap();
        let scope = plain.scope.as_ref().unwrap();
        for account in &scope.accounts {
            assert!(!text.contains(&account.account), "{}", account.account);
        }
        for told in
            ["hanako.yamada", "田中太郎", "alice@example.com", "bob@example.com", "carol@example.com", "arn:aws:", "eventVersion"]
        {
            assert!(!text.contains(told), "{told}");
        }
    }

    #[test]
    fn the_same_thing_has_the_same_name_and_another_key_gives_others() {
        let plain = fixture::scoped();
        let (one, same, other) = (document(&plain, KEY), document(&plain, KEY), document(&plain, b"another key of a test"));
        let text = |document: &Document| serde_json::to_string(document).unwrap();
        assert_eq!(text(&one), text(&same));
        assert_ne!(text(&one), text(&other));
        let account = |document: &Document, at: usize| document.findings[at].account.clone();
        for (at, finding) in plain.findings.iter().enumerate() {
            let alike = plain.findings.iter().position(|other| other.account == finding.account).unwrap();
            assert_eq!(account(&one, at), account(&one, alike));
        }
        assert_eq!(one.findings.len(), plain.findings.len());
    }

    #[test]
    fn numbers_of_a_report_stay() {
        let redactor = Redactor::new(KEY);
        for text in ["Of 8,640 account-region-hours due, 8,632 are proven", "2026-11-22T08:00:00Z", "0.1.0", "12 findings"] {
            assert_eq!(redactor.text(text), text);
        }
        assert!(redactor.text("from 203.0.113.7 and 2001:db8:1:2::7 by 111122223333").starts_with("from address-"));
    }
}
