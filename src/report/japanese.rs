//! A document with the Japanese titles and remediation of its policies in the place of the English ones.

use std::collections::HashMap;

use crate::report::v1::{Document, Policy};

/// The document for a Japanese reader. What has no Japanese stays English.
pub(crate) fn document(document: &Document) -> Document {
    let mut document = document.clone();
    let titles: HashMap<String, Policy> = document.policies.iter().map(|policy| (policy.id.clone(), policy.clone())).collect();
    let put = |to: &mut String, japanese: &str| {
        if !japanese.is_empty() {
            japanese.clone_into(to);
        }
    };
    for policy in &mut document.policies {
        put(&mut policy.title, &policy.title_ja.clone());
        put(&mut policy.remediation, &policy.remediation_ja.clone());
    }
    for finding in &mut document.findings {
        if let Some(policy) = titles.get(&finding.policy) {
            put(&mut finding.title, &policy.title_ja);
            put(&mut finding.remediation, &policy.remediation_ja);
        }
    }
    for gone in document.changes.iter_mut().flat_map(|changes| &mut changes.gone) {
        if let Some(policy) = titles.get(&gone.policy) {
            put(&mut gone.title, &policy.title_ja);
        }
    }
    for requirement in document.frameworks.iter_mut().flat_map(|framework| &mut framework.requirements) {
        put(&mut requirement.title, &requirement.title_ja.clone());
    }
    document
}
