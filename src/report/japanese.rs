//! A document with the Japanese titles and remediation of its policies in the place of the English ones.

use std::collections::HashMap;

use crate::report::v1::Document;

/// The document for a Japanese reader. What has no Japanese stays English.
pub(crate) fn document(document: &Document) -> Document {
    let mut document = document.clone();
    let put = |to: &mut String, japanese: &str| {
        if !japanese.is_empty() {
            japanese.clone_into(to);
        }
    };
    let mut translated: HashMap<String, (String, String)> = HashMap::new();
    for policy in &mut document.policies {
        put(&mut policy.title, &policy.title_ja);
        put(&mut policy.remediation, &policy.remediation_ja);
        translated.insert(policy.id.clone(), (policy.title_ja.clone(), policy.remediation_ja.clone()));
    }
    for finding in &mut document.findings {
        if let Some((title, remediation)) = translated.get(&finding.policy) {
            put(&mut finding.title, title);
            put(&mut finding.remediation, remediation);
        }
    }
    for gone in document.changes.iter_mut().flat_map(|changes| &mut changes.gone) {
        if let Some((title, _)) = translated.get(&gone.policy) {
            put(&mut gone.title, title);
        }
    }
    for requirement in document.frameworks.iter_mut().flat_map(|framework| &mut framework.requirements) {
        put(&mut requirement.title, &requirement.title_ja);
    }
    document
}
