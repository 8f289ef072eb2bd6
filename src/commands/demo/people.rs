//! What the people of the synthetic organisation said of the findings of the week before: some they accepted, some they looked
//! at, in time or late, and some nobody has seen.

use std::path::Path;

use super::CommandError;
use super::into_file;
use crate::config::notes::{Value, item};
use crate::report::v1::{Document, Finding};

/// One finding is accepted in time, one went on after its waiver had ended, and one waiver is for nothing.
const WAIVERS: &str = "\
# What the organisation accepts for a time. It stays in every report.
waivers:
  - policy: bucket-made-public
    scope: {account: 555566667777, group: {requestParameters.bucketName: 'kaigan-storefront-uploads-*'}}
    reason: pictures of the storefront are read by everybody until the delivery network stands in front of them
    owner: sato.haruka@kaigan.example
    approver: mori.aoi@kaigan.example
    ticket: SEC-117
    created: 2026-10-17
    expires: 2027-01-15
  - policy: organizations-changed
    scope: {account: 111122223333}
    reason: the sandbox accounts move to a unit of their own
    owner: watanabe.ren@kaigan.example
    approver: mori.aoi@kaigan.example
    ticket: OPS-2031
    created: 2026-10-05
    expires: 2026-10-15
  - policy: security-group-opened-to-world
    scope: {account: 666677778888}
    reason: a partner tests against the new gateway
    owner: noah.patel@kaigan.example
    approver: mori.aoi@kaigan.example
    created: 2026-10-12
    expires: 2026-11-12
";

/// A review: policy, account, who, when, conclusion, note, ticket.
type Seen = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const REVIEWS: [Seen; 6] = [
    (
        "root-user-used",
        "333344445555",
        "mori.aoi@kaigan.example",
        "2026-10-10T09:12:00Z",
        "incident",
        "Nobody here signed in as root; the session came from an address that we do not know.",
        "SEC-112",
    ),
    ("root-access-key-used", "333344445555", "mori.aoi@kaigan.example", "2026-10-10T09:20:00Z", "incident", "", "SEC-112"),
    (
        "new-user-made-administrator",
        "333344445555",
        "mori.aoi@kaigan.example",
        "2026-10-08T02:40:00Z",
        "incident",
        "The key of ci-legacy-uploader leaked; key and user are deleted.",
        "SEC-109",
    ),
    ("many-kinds-of-calls-refused", "333344445555", "mori.aoi@kaigan.example", "2026-10-08T02:45:00Z", "incident", "", "SEC-109"),
    (
        "trail-stopped-or-narrowed",
        "666677778888",
        "tanaka.yui@kaigan.example",
        "2026-10-20T01:30:00Z",
        "open",
        "Noah Patel says that a script of his did it; the script is being read.",
        "SEC-121",
    ),
    (
        "snapshot-or-image-shared",
        "333344445555",
        "tanaka.yui@kaigan.example",
        "2026-10-22T05:00:00Z",
        "expected",
        "An image for a talk, without data, taken back after three hours.",
        "",
    ),
];

/// Writes the files with waivers and reviews into the demo's folder. Reviews name findings, so they rest on the report of the
/// week before.
pub(super) fn write(folder: &Path, before: &Document) -> Result<(), CommandError> {
    into_file(&folder.join("waivers.yaml"), |out| out.write_all(WAIVERS.as_bytes()))?;
    let text = |text: &str| Value::Text(text.to_owned());
    let mut reviews = vec!["# Who looked at which finding, and what they concluded.\nreviews:\n".to_owned()];
    for (policy, account, by, at, conclusion, note, ticket) in REVIEWS {
        let meant = |finding: &&Finding| finding.policy == policy && finding.account == account;
        for finding in before.findings.iter().filter(meant) {
            let mut entries = vec![
                ("finding", text(&finding.fingerprint)),
                ("by", text(by)),
                ("at", text(at)),
                ("conclusion", text(conclusion)),
            ];
            entries.extend(
                [("note", note), ("ticket", ticket)]
                    .into_iter()
                    .filter(|(_, it)| !it.is_empty())
                    .map(|(key, it)| (key, text(it))),
            );
            reviews.push(item(&entries));
        }
    }
    into_file(&folder.join("reviews.yaml"), |out| out.write_all(reviews.concat().as_bytes()))
}
