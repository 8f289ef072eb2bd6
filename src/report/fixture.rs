//! Documents for tests: an empty one, a realistic one of middle size with Japanese and hostile text, and a large one;
//! those of scans have no scope, those of runs have a small or a wide one.
//! All of them are the same on every run.

mod middle;
mod scope;

use crate::report::example;
use crate::report::v1::{
    Activity, Behind, BehindLink, Books, Count, Coverage, Document, FieldValue, Finding, MatchedField, MatchedSelection,
    ObjectBooks, Occurrence, Policy, RecordBooks, Series,
};

/// Strings that somebody might write into a log to harm a report.
pub(crate) const HOSTILE: [&str; 14] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style></details></table><h1>owned</h1>",
    "| broken | table |\n| --- | --- |",
    "[click](javascript:alert(1)) ![x](http://evil.example/x.png)",
    "@octocat please see https://evil.example/ and www.evil.example #1",
    "`` ` ``` code | fence",
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m",
    "user\u{202e}gpj.exe\u{2066}x\u{2069}",
    "zero\u{200b}width\u{feff}\u{e0041}",
    "&lt;b&gt; &amp; \\| \\",
    "{{ run.paths }} {% throw %}",
    "\r\n# heading\u{0}\u{85}\u{2028}",
];

/// Id, title, level, remediation.
const POLICIES: [(&str, &str, &str, &str); 12] = [
    (
        "cloudtrail-logging-changed",
        "A trail was stopped, deleted or narrowed",
        "critical",
        "Start logging again with `aws cloudtrail start-logging --name NAME`, and find out who stopped it.",
    ),
    (
        "root-account-used",
        "The root user did something",
        "critical",
        "Use a role instead.\nKeep the root user's access keys deleted and its MFA device locked away.",
    ),
    (
        "iam-admin-attached",
        "AdministratorAccess was attached to a user or role",
        "high",
        "Detach the policy and grant what is needed.",
    ),
    ("console-login-without-mfa", "A console login without MFA succeeded", "high", "Require MFA for every user with a password."),
    (
        "security-group-open-to-world",
        "A security group was opened to 0.0.0.0/0",
        "high",
        "Revoke the rule, or limit it to known addresses.",
    ),
    (
        "s3-public-access-unblocked",
        "Block Public Access was turned off for a bucket",
        "high",
        "Turn it on again for the account.",
    ),
    (
        "kms-key-deletion-scheduled",
        "A KMS key was scheduled for deletion",
        "medium",
        "Cancel the deletion unless a ticket asks for it.",
    ),
    (
        "access-denied-burst",
        "Many denied calls by one principal",
        "medium",
        "Ask the owner of the principal what it was meant to do.",
    ),
    ("console-login-failed", "Console logins failed repeatedly", "low", "Look for a login that succeeded afterwards."),
    ("region-first-used", "A region was used for the first time", "informational", "Deny regions that are not needed by an SCP."),
    ("config-recorder-stopped", "AWS Config was stopped", "high", "Start the configuration recorder."),
    ("vpc-flow-logs-deleted", "VPC flow logs were deleted", "medium", "Create them again."),
];

const REGIONS: [&str; 4] = ["ap-northeast-1", "us-east-1", "eu-west-1", "ap-northeast-3"];

/// Nothing was found under the paths.
pub(crate) fn empty() -> Document {
    let mut document = of_scan();
    document.books = Books {
        objects: ObjectBooks { listed: 0, read: 0, skipped: 0, failed: 0, stored_bytes: 0, inflated_bytes: 0 },
        records: RecordBooks {
            read: 0,
            evaluated: 0,
            duplicate: 0,
            malformed: 0,
            other_kinds: 0,
            outside_period: 0,
            conflicts: 0,
            copies_within: None,
        },
        kinds: Vec::new(),
        balanced: true,
    };
    document.coverage = Coverage {
        statement: "Nothing was found under the paths, so nothing was read.".to_owned(),
        complete: false,
        accounts: Vec::new(),
        regions: Vec::new(),
        first_event: None,
        last_event: None,
        problems: Vec::new(),
        problems_total: 0,
        skipped: Vec::new(),
    };
    document.findings.clear();
    document.frameworks.clear();
    document.policies.clear();
    document.activity =
        Activity { step: "hour".to_owned(), times: Vec::new(), accounts: Vec::new(), levels: Vec::new(), sources: Vec::new() };
    (document.run.since, document.run.until, document.run.exit_code) = (None, None, 3);
    document
}

/// Forty-two findings in six accounts, a framework, problems, records for review; hostile text in most places.
pub(crate) fn middle() -> Document {
    let mut document = of_size(42, 6);
    document.books = middle::books();
    document.coverage.statement = "Read 1,204 of 1,208 objects with 48,211 records of 6 accounts; 3 objects could not be read. \
        What these files do not hold was not looked at."
        .to_owned();
    document.coverage.problems = middle::problems();
    document.coverage.problems_total = document.coverage.problems.len() as u64;
    document.frameworks = vec![middle::framework()];
    for (at, policy) in document.policies.iter_mut().enumerate().filter(|(at, _)| at % 5 == 2) {
        policy.not_evaluable = 2;
        policy.review = vec![occurrence(at, "管理者ロール"), example::occurrence()];
    }
    document
}

/// Findings over accounts, and nothing else that is large.
pub(crate) fn large() -> Document {
    of_size(10_000, 50)
}

/// As many findings as asked for, over fifty accounts.
pub(crate) fn many(findings: usize) -> Document {
    of_size(findings, 50)
}

/// Ten thousand findings in five hundred accounts, as a run gives them.
pub(crate) fn sweeping() -> Document {
    let mut document = of_size(10_000, 500);
    document.frameworks = vec![middle::framework()];
    scope::judge(&mut document, 500, &REGIONS.map(str::to_owned));
    scope::live(&mut document);
    document
}

/// The middle-sized document as a run over twelve accounts in four regions gives it.
pub(crate) fn scoped() -> Document {
    let mut document = middle();
    scope::judge(&mut document, 12, &REGIONS.map(str::to_owned));
    scope::live(&mut document);
    document
}

/// The middle-sized document over 180 accounts in 17 regions.
pub(crate) fn wide() -> Document {
    let mut document = middle();
    let regions: Vec<String> = (0..17).map(|at| format!("ap-somewhere-{at}")).collect();
    scope::judge(&mut document, 180, &regions);
    document
}

/// The example without what only a run has.
fn of_scan() -> Document {
    let mut document = example::document();
    (document.scope, document.changes, document.history, document.run.fail_on_new) = (None, None, None, false);
    document.waivers.clear();
    (document.evidence, document.evidence_total) = (Vec::new(), 0);
    for policy in &mut document.policies {
        (policy.verdict, policy.verdicts, policy.waived) = (None, Vec::new(), 0);
    }
    for finding in &mut document.findings {
        (finding.life, finding.waived, finding.reviewed) = (None, None, None);
    }
    for requirement in document.frameworks.iter_mut().flat_map(|framework| &mut framework.requirements) {
        requirement.verdict = None;
    }
    document
}

fn of_size(findings: usize, accounts: usize) -> Document {
    let mut document = of_scan();
    document.findings = (0..findings).map(|at| finding(at, accounts)).collect();
    document.findings.sort_by_key(|finding| crate::report::summary::rank(&finding.level));
    document.policies = POLICIES.iter().map(|row| policy(row, &document.findings)).collect();
    document.coverage.accounts = (0..accounts).map(account).collect();
    document.coverage.regions = REGIONS.map(str::to_owned).to_vec();
    document.activity = activity(accounts);
    document
}

fn account(at: usize) -> String {
    format!("{:012}", 111_122_223_333_u64 + 7_919_191_919 * at as u64)
}

fn finding(at: usize, accounts: usize) -> Finding {
    // Two of twelve policies never match. Severe ones are rarer.
    let (id, title, level, remediation) = POLICIES[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 7, 8, 8, 3, 7, 9][at * 7 % 16]];
    let user = match at % 5 {
        0 => "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_AdministratorAccess_0123456789abcdef/hanako.yamada@example.co.jp".to_owned(),
        1 => format!("arn:aws:iam::{}:user/田中太郎", account(at % accounts)),
        2 => HOSTILE[at / 5 % HOSTILE.len()].to_owned(),
        _ => format!("arn:aws:iam::{}:role/deploy-{at}", account(at % accounts)),
    };
    let count = 1 + (at * at % 17) as u64;
    let occurrences: Vec<_> = (0..count.min(6)).map(|step| occurrence(at + 31 * usize::try_from(step).unwrap(), &user)).collect();
    Finding {
        fingerprint: format!("{:032x}", 0x9e37_79b9_7f4a_7c15_u128.wrapping_mul(at as u128 + 1)),
        policy: id.to_owned(),
        title: title.to_owned(),
        level: level.to_owned(),
        account: account(at % accounts),
        region: REGIONS[at % REGIONS.len()].to_owned(),
        group: vec![FieldValue { field: "userIdentity.arn".to_owned(), value: Some(user) }],
        correlated: None,
        first_seen: occurrences.iter().map(|it| it.time.clone()).min().unwrap(),
        last_seen: occurrences.iter().map(|it| it.time.clone()).max().unwrap(),
        count,
        occurrences,
        remediation: remediation.to_owned(),
        life: None,
        waived: None,
        reviewed: None,
    }
}

fn occurrence(at: usize, user: &str) -> Occurrence {
    let time = format!("2026-11-{:02}T{:02}:{:02}:{:02}Z", 15 + at % 7, at % 24, at * 7 % 60, at * 13 % 60);
    let field = |field: &str, value: Option<&str>| FieldValue { field: field.to_owned(), value: value.map(str::to_owned) };
    Occurrence {
        event_id: format!("0a1b2c3d-{:04x}-4a6b-8c7d-9e0f1a2b3c4d", at % 65_536),
        time: time.clone(),
        object: format!(
            "AWSLogs/o-exampleorgid/111122223333/CloudTrail/ap-northeast-1/2026/11/{:02}/111122223333_CloudTrail_ap-northeast-1_202611{:02}T0805Z_{at:016x}.json.gz",
            15 + at % 7,
            15 + at % 7
        ),
        record: (at % 97) as u64,
        offset: 1_811 * (at % 97) as u64,
        length: 1_811,
        sha256_128: format!("{:032x}", 0x6dcd_4ce2_3d88_e2ee_u128.wrapping_mul(at as u128 + 3)),
        show: vec![
            field("sourceIPAddress", Some("198.51.100.7")),
            field("userAgent", Some(HOSTILE[at % HOSTILE.len()])),
            field("errorCode", None),
        ],
        matched: vec![
            MatchedSelection {
                selection: "change".to_owned(),
                fields: vec![
                    MatchedField {
                        field: "eventName".to_owned(),
                        value: "StopLogging".to_owned(),
                        pattern: "StopLogging".to_owned(),
                    },
                    MatchedField {
                        field: "userAgent|contains".to_owned(),
                        value: HOSTILE[at % HOSTILE.len()].to_owned(),
                        pattern: "*alert*".to_owned(),
                    },
                ],
            },
            MatchedSelection { selection: "ok".to_owned(), fields: Vec::new() },
        ],
        event: match at % 9 {
            0 => None,
            1 => Some(format!("not JSON: {}", HOSTILE[at % HOSTILE.len()])),
            _ => Some(event(at, user, &time)),
        },
        event_missing: at.is_multiple_of(9).then(|| "larger than 64 KiB".to_owned()),
        behind: at.is_multiple_of(8).then(|| behind(at, &time)),
    }
}

/// A chain of roles, with hostile names where callers choose them.
fn behind(at: usize, time: &str) -> Behind {
    let (who, session) = (HOSTILE[at % HOSTILE.len()], HOSTILE[(at + 3) % HOSTILE.len()]);
    let broken = at.is_multiple_of(16).then(|| "not-in-evidence".to_owned());
    let link = |call: &str, joined: &str| BehindLink {
        session: format!("arn:aws:sts::111122223333:assumed-role/Admin/{session}"),
        key: "ASIA…0001".to_owned(),
        call: call.to_owned(),
        time: time.to_owned(),
        joined: joined.to_owned(),
        event_id: who.to_owned(),
        object: format!("logs/{session}.json.gz"),
        record: 3,
        offset: 4_096,
    };
    Behind {
        statement: format!("{who} (SAML, {session}) → role Admin in 111122223333"),
        end: if broken.is_some() { "broken" } else { "federated" }.to_owned(),
        who: Some(who.to_owned()),
        account: Some("111122223333".to_owned()),
        broken,
        source_identity: Some(session.to_owned()),
        links: vec![link("AssumeRole", "key"), link("AssumeRoleWithSAML", "session")],
    }
}

/// A record as a log holds it.
fn event(at: usize, user: &str, time: &str) -> String {
    serde_json::json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "arn": user, "accountId": "111122223333", "sessionContext": {"attributes": {"mfaAuthenticated": "false"}}},
        "eventTime": time, "eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging", "awsRegion": "ap-northeast-1",
        "sourceIPAddress": "198.51.100.7", "userAgent": HOSTILE[at % HOSTILE.len()],
        "requestParameters": {"name": "組織の証跡", "tags": [{"key": "env", "value": "本番"}]},
        "eventID": format!("0a1b2c3d-{:04x}-4a6b-8c7d-9e0f1a2b3c4d", at % 65_536), "recipientAccountId": "111122223333"
    })
    .to_string()
}

fn policy(row: &(&str, &str, &str, &str), findings: &[Finding]) -> Policy {
    let (id, title, level, remediation) = *row;
    let of_policy = || findings.iter().filter(|finding| finding.policy == id);
    let (count, matches) = (of_policy().count() as u64, of_policy().map(|finding| finding.count).sum::<u64>());
    let population = 4_312 + matches;
    Policy {
        id: id.to_owned(),
        title: title.to_owned(),
        description: format!("{title}. Whoever does this without a ticket may want to hide what comes next."),
        level: level.to_owned(),
        population,
        matches,
        not_evaluable: 0,
        review: Vec::new(),
        findings: count,
        status: if matches > 0 { "match" } else { "no match" }.to_owned(),
        statement: if matches > 0 {
            format!("{matches} of {population} cloudtrail.amazonaws.com events matched")
        } else {
            "no match in what was read (0 of 4,312 cloudtrail.amazonaws.com events)".to_owned()
        },
        remediation: remediation.to_owned(),
        references: vec!["https://docs.aws.amazon.com/awscloudtrail/".to_owned(), "javascript:alert(1)".to_owned()],
        ..of_scan().policies.remove(0)
    }
}

fn activity(accounts: usize) -> Activity {
    let hours = 7 * 24;
    let counts = |seed: usize, scale: usize| -> Vec<u64> {
        (0..hours)
            .map(|hour| {
                let by_day = [1, 1, 0, 0, 1, 2, 4, 7, 9, 10, 10, 9, 7, 9, 10, 9, 8, 6, 4, 3, 2, 2, 1, 1][(hour + seed) % 24];
                let gap = seed % 4 == 3 && (60..75).contains(&hour);
                if gap { 0 } else { (by_day * scale + hour * (seed + 3) % 5) as u64 }
            })
            .collect()
    };
    let shown = accounts.min(20);
    let mut series: Vec<_> = (0..shown).map(|at| Series { label: account(at), counts: counts(at, 60 / (at + 1) + 1) }).collect();
    if accounts > shown {
        series.push(Series { label: "others".to_owned(), counts: counts(99, 5) });
    }
    let sparse = |every: usize| (0..hours).map(|hour| u64::from(hour % every == every / 2) * (1 + hour as u64 % 5)).collect();
    Activity {
        step: "hour".to_owned(),
        times: (0..hours).map(|hour| format!("2026-11-{:02}T{:02}:00:00Z", 15 + hour / 24, hour % 24)).collect(),
        accounts: series,
        levels: [("critical", 41), ("high", 13), ("medium", 7), ("low", 5), ("informational", 23)]
            .map(|(level, every)| Series { label: level.to_owned(), counts: sparse(every) })
            .to_vec(),
        sources: [("sts.amazonaws.com", 21_004), ("s3.amazonaws.com", 11_932), ("cloudtrail.amazonaws.com", 4_312)]
            .map(|(label, count)| Count { label: label.to_owned(), count })
            .to_vec(),
    }
}
