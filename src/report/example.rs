//! A small document that has one of everything: overriding templates are tried on it before a run starts, so that a
//! misspelt field is found then and not after hours of reading.

use crate::report::v1::{
    Activity, Behind, BehindLink, Books, Changes, Checks, Collection, Correlated, Count, Coverage, Document, EvidenceObject,
    Exception, FieldValue, Finding, Framework, Gone, History, Hole, Integrity, LeftOut, Life, MatchedField, MatchedSelection,
    ObjectBooks, Obstacle, Occurrence, Policy, Problem, ReasonHours, RecordBooks, Recording, Requirement, RequirementPolicy,
    Reviewed, Run, Scope, ScopeAccount, ScopeCell, Series, Share, Skipped, Step, Stretch, UnitShare, VERSION, Verdict, Waived,
    WaiverUse,
};

/// One policy, finding, occurrence, framework, problem and so on; every optional value is there.
pub(crate) fn document() -> Document {
    Document {
        version: VERSION,
        run: run(),
        books: books(),
        coverage: coverage(),
        policies: vec![policy()],
        frameworks: vec![framework()],
        findings: vec![finding()],
        scope: Some(scope()),
        changes: Some(changes()),
        evidence: vec![EvidenceObject {
            object: "logs/a.json.gz".to_owned(),
            sha256: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752".to_owned(),
            bytes: 4_211,
        }],
        evidence_total: 1,
        history: Some(History {
            period: "2026-11".to_owned(),
            days: 30,
            days_evaluated: 29,
            missing: vec!["2026-11-07".to_owned()],
            cut_off: "2026-12-01T03:00:00Z".to_owned(),
            late: 1,
            stretches: vec![Stretch {
                since: "2026-11-01T00:00:00Z".to_owned(),
                until: "2026-11-30T00:00:00Z".to_owned(),
                runs: 29,
                policies_sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
                configuration_sha256: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752".to_owned(),
                tool: "0.1.0".to_owned(),
                accounts: 1,
            }],
        }),
        waivers: vec![WaiverUse { policy: policy().id, scope: "account 111122223333".to_owned(), waiver: waived(), findings: 1 }],
        activity: Activity {
            step: "hour".to_owned(),
            times: vec!["2026-11-21T08:00:00Z".to_owned()],
            accounts: vec![Series { label: "111122223333".to_owned(), counts: vec![120] }],
            levels: vec![Series { label: "critical".to_owned(), counts: vec![1] }],
            sources: vec![Count { label: "cloudtrail.amazonaws.com".to_owned(), count: 120 }],
        },
    }
}

fn run() -> Run {
    Run {
        tool: "assize",
        tool_version: env!("CARGO_PKG_VERSION"),
        command: "scan",
        as_of: "2026-11-22T08:00:00Z".to_owned(),
        since: Some("2026-11-20T00:00:00Z".to_owned()),
        until: Some("2026-11-22T00:00:00Z".to_owned()),
        paths: vec!["logs/".to_owned()],
        policies_sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        fail_on: "high".to_owned(),
        fail_on_new: true,
        exit_code: 4,
    }
}

fn books() -> Books {
    Books {
        objects: ObjectBooks { listed: 12, read: 10, skipped: 1, failed: 1, stored_bytes: 48_211, inflated_bytes: 731_004 },
        records: RecordBooks {
            read: 131,
            evaluated: 120,
            duplicate: 4,
            malformed: 1,
            other_kinds: 3,
            outside_period: 3,
            conflicts: 0,
            copies_within: None,
        },
        kinds: vec![Count { label: "management".to_owned(), count: 128 }],
        balanced: true,
    }
}

fn coverage() -> Coverage {
    Coverage {
        statement: "Read 10 of 12 objects; 1 failed and 1 is not a log.".to_owned(),
        complete: false,
        accounts: vec!["111122223333".to_owned()],
        regions: vec!["us-east-1".to_owned()],
        first_event: Some("2026-11-21T08:00:11Z".to_owned()),
        last_event: Some("2026-11-21T08:59:48Z".to_owned()),
        problems: vec![Problem {
            code: "trailing-bytes".to_owned(),
            tampering: true,
            object: "logs/a.json.gz".to_owned(),
            record: Some(0),
            offset: Some(14),
            message: "17 bytes follow the end of the gzip member; compare the object with its digest.".to_owned(),
        }],
        problems_total: 1,
        skipped: vec![Skipped { object: "logs/README".to_owned(), reason: "not JSON".to_owned() }],
    }
}

fn policy() -> Policy {
    Policy {
        id: "cloudtrail-logging-changed".to_owned(),
        title: "A trail was stopped, deleted or narrowed".to_owned(),
        title_ja: "証跡が停止、削除または縮小された".to_owned(),
        description: "Without a trail nobody can say what happened.".to_owned(),
        level: "critical".to_owned(),
        tags: vec!["attack.t1562.008".to_owned()],
        file: "events/cloudtrail-logging-changed.yaml".to_owned(),
        needs: "management events, write".to_owned(),
        population_of: "eventSource cloudtrail.amazonaws.com".to_owned(),
        population: 40,
        matches: 1,
        not_evaluable: 1,
        review: vec![occurrence()],
        findings: 1,
        waived: 1,
        status: "match".to_owned(),
        statement: "1 of 40 cloudtrail.amazonaws.com events matched".to_owned(),
        remediation: "Start logging again: aws cloudtrail start-logging --name NAME.".to_owned(),
        remediation_ja: "証跡の記録を再開する。".to_owned(),
        references: vec!["https://docs.aws.amazon.com/awscloudtrail/latest/userguide/".to_owned()],
        falsepositives: vec!["A planned change of the trail".to_owned()],
        verdict: Some("FAIL".to_owned()),
        verdicts: vec![Verdict {
            account: Some("111122223333".to_owned()),
            region: None,
            verdict: "FAIL".to_owned(),
            unknown: unknown(),
            findings: 1,
            waived: 1,
            due: 168,
            delivered: 160,
            verified: 0,
            covered: 160,
            grade: Some("delivered"),
        }],
    }
}

fn framework() -> Framework {
    Framework {
        id: "cis-aws-foundations-3.0.0".to_owned(),
        title: "CIS Amazon Web Services Foundations Benchmark".to_owned(),
        version: "3.0.0".to_owned(),
        requirements: vec![Requirement {
            id: "4.5".to_owned(),
            title: "Changes to CloudTrail's configuration are monitored".to_owned(),
            title_ja: "CloudTrail の設定変更を監視する".to_owned(),
            level: Some(1),
            manual: true,
            status: "review".to_owned(),
            statement: "1 match among 40 events is listed for review".to_owned(),
            verdict: Some("FAIL".to_owned()),
            policies: vec![RequirementPolicy {
                policy: "cloudtrail-logging-changed".to_owned(),
                kind: "monitored".to_owned(),
                matches: 1,
                population: 40,
            }],
        }],
    }
}

fn finding() -> Finding {
    let policy = policy();
    Finding {
        fingerprint: "5d41402abc4b2a76b9719d911017c592".to_owned(),
        policy: policy.id,
        title: policy.title,
        level: policy.level,
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        group: vec![FieldValue {
            field: "userIdentity.arn".to_owned(),
            value: Some("arn:aws:iam::111122223333:user/alice".to_owned()),
        }],
        correlated: Some(Correlated {
            condition: "matches ≥ 10 within 5 minutes, by userIdentity.arn".to_owned(),
            statement: "matches ≥ 10 within 5 minutes, by userIdentity.arn: it came to 12".to_owned(),
            peak: Some("12".to_owned()),
            fired_first: "2026-11-21T08:12:30Z".to_owned(),
            fired_last: "2026-11-21T08:12:30Z".to_owned(),
            over: Some("2026-11-21T08:17:31Z".to_owned()),
            hours_unknown: None,
        }),
        first_seen: "2026-11-21T08:12:30Z".to_owned(),
        last_seen: "2026-11-21T08:12:30Z".to_owned(),
        count: 1,
        occurrences: vec![occurrence()],
        remediation: policy.remediation,
        life: Some(Life {
            state: "new".to_owned(),
            statement: "not among the findings of the run of 2026-11-21T08:00:00Z".to_owned(),
            reported: "2026-11-22T08:00:00Z".to_owned(),
            run: "20261122T080000Z-0a1b2c3d".to_owned(),
            baseline: true,
            age_days: 1,
            due: Some("2026-11-22T08:12:30Z".to_owned()),
            overdue: true,
        }),
        waived: Some(waived()),
        reviewed: Some(Reviewed {
            by: "carol@example.com".to_owned(),
            at: "2026-11-21T10:00:00Z".to_owned(),
            conclusion: "expected".to_owned(),
            note: "A planned change of the trail.".to_owned(),
            ticket: "SEC-124".to_owned(),
            late: true,
            place: "reviews.yaml:2".to_owned(),
        }),
    }
}

fn waived() -> Waived {
    Waived {
        state: "holds".to_owned(),
        reason: "the trail moves to another bucket".to_owned(),
        owner: "alice@example.com".to_owned(),
        approver: "bob@example.com".to_owned(),
        ticket: "SEC-123".to_owned(),
        created: "2026-11-20T00:00:00Z".to_owned(),
        expires: "2026-12-20T00:00:00Z".to_owned(),
        place: "waivers.yaml:12".to_owned(),
    }
}

fn changes() -> Changes {
    let finding = ("8b1a9953c4611296a827abf8c47804d7", "2026-10-20T08:12:30Z");
    Changes {
        statement: "Since the run of 2026-11-21T08:00:00Z: 1 new.".to_owned(),
        run: Some("20261121T080000Z-4d5e6f70".to_owned()),
        as_of: Some("2026-11-21T08:00:00Z".to_owned()),
        new: 1,
        reopened: 0,
        ongoing: 0,
        fixed: 0,
        lost: 0,
        gone: vec![Gone {
            fingerprint: finding.0.to_owned(),
            policy: policy().id,
            title: policy().title,
            level: "critical".to_owned(),
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            first_seen: finding.1.to_owned(),
            last_seen: finding.1.to_owned(),
            state: "aged-out".to_owned(),
            statement: "its last match lies before the period".to_owned(),
        }],
        gone_total: 1,
        unreviewed: 1,
        overdue: 1,
    }
}

/// An occurrence with its event.
pub(crate) fn occurrence() -> Occurrence {
    let event = r#"{"eventVersion":"1.11","eventTime":"2026-11-21T08:12:30Z","eventName":"StopLogging"}"#;
    Occurrence {
        event_id: "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d".to_owned(),
        time: "2026-11-21T08:12:30Z".to_owned(),
        object: "logs/a.json.gz".to_owned(),
        record: 7,
        offset: 9_120,
        length: event.len() as u64,
        sha256_128: "6dcd4ce23d88e2ee9568ba546c007c63".to_owned(),
        show: vec![FieldValue { field: "sourceIPAddress".to_owned(), value: Some("198.51.100.7".to_owned()) }],
        matched: vec![MatchedSelection {
            selection: "change".to_owned(),
            fields: vec![MatchedField {
                field: "eventName".to_owned(),
                value: "StopLogging".to_owned(),
                pattern: "StopLogging".to_owned(),
            }],
        }],
        event: Some(event.to_owned()),
        event_missing: Some("larger than 64 KiB".to_owned()),
        behind: Some(behind()),
    }
}

fn behind() -> Behind {
    Behind {
        statement: "alice (user of 111122223333) → role Admin in 111122223333".to_owned(),
        end: "user".to_owned(),
        who: Some("alice (user of 111122223333)".to_owned()),
        account: Some("111122223333".to_owned()),
        broken: Some("not-in-evidence".to_owned()),
        source_identity: Some("alice".to_owned()),
        links: vec![BehindLink {
            session: "arn:aws:sts::111122223333:assumed-role/Admin/alice".to_owned(),
            key: "ASIA…0001".to_owned(),
            call: "AssumeRole".to_owned(),
            time: "2026-11-21T08:02:30Z".to_owned(),
            joined: "key".to_owned(),
            event_id: "1b2c3d4e-4e5f-4a6b-8c7d-9e0f1a2b3c4d".to_owned(),
            object: "logs/a.json.gz".to_owned(),
            record: 3,
            offset: 4_096,
        }],
    }
}

fn unknown() -> Vec<ReasonHours> {
    let words = "the encryption key may not be used".to_owned();
    vec![ReasonHours { reason: "kms-denied".to_owned(), words, hours: 8 }]
}

fn steps() -> Vec<Step> {
    let days = [("2026-11-15", "2026-11-16"), ("2026-11-16", "2026-11-17")];
    let midnight = |day: &str| format!("{day}T00:00:00Z");
    days.map(|(since, until)| Step { since: midnight(since), until: midnight(until) }).to_vec()
}

pub(super) fn exception() -> Exception {
    Exception {
        accounts: vec!["111122223333".to_owned()],
        regions: Vec::new(),
        reasons: vec!["kms-denied".to_owned()],
        reason: "the key is being replaced (SEC-9)".to_owned(),
        owner: "cloud platform".to_owned(),
        expires: "2026-12-31T00:00:00Z".to_owned(),
        state: "holds",
        hours: 8,
    }
}

pub(super) fn recording() -> Recording {
    Recording {
        statement: "In 3 of 4 account-regions recording itself is proven.".to_owned(),
        cells: 4,
        proven: 3,
        lost: 0,
        pending: 1,
        since: Some("2026-11-21T08:00:00Z".to_owned()),
        longest_seconds: Some(700),
    }
}

fn integrity() -> Integrity {
    Integrity {
        statement: "24 digests of 1 chain: 23 valid, 1 MISSING; 96 log objects: all valid; checked with 2 public keys."
            .to_owned(),
        chains: 1,
        public_keys: 2,
        digests: Checks { valid: 23, missing: 1, ..Checks::default() },
        logs: Checks { valid: 96, ..Checks::default() },
    }
}

fn scope() -> Scope {
    let account = "111122223333".to_owned();
    Scope {
        statement: "Of 168 account-region-hours due, 160 are delivered; 8 are not: 8 kms-denied.".to_owned(),
        grade: "delivered".to_owned(),
        name: "example".to_owned(),
        run_id: "20261122T080000Z-0a1b2c3d".to_owned(),
        since: "2026-11-15T05:00:00Z".to_owned(),
        horizon: "2026-11-22T05:00:00Z".to_owned(),
        hours_due: 168,
        hours_delivered: 160,
        hours_verified: 0,
        hours_late: 2,
        hours_covered: 160,
        integrity: integrity(),
        recording: recording(),
        exceptions: vec![exception()],
        complete: false,
        min_coverage: "100".to_owned(),
        unknown: unknown(),
        steps: steps(),
        accounts: vec![ScopeAccount {
            account: account.clone(),
            name: "prod-app".to_owned(),
            env: "prod".to_owned(),
            due: 168,
            delivered: 160,
            verified: 0,
            late: 2,
            covered: 160,
            steps: vec![Share { due: 24, covered: 24, late: 0 }, Share { due: 24, covered: 16, late: 2 }],
            findings: 1,
        }],
        units: vec![UnitShare { unit: "Root/Production".to_owned(), accounts: 1, due: 168, covered: 160 }],
        cells: vec![ScopeCell {
            account: account.clone(),
            region: "eu-west-1".to_owned(),
            due: 168,
            delivered: 160,
            verified: 0,
            late: 2,
            covered: 160,
            not_applicable: 0,
            unknown: unknown(),
            holes: vec![Hole {
                since: "2026-11-16T08:00:00Z".to_owned(),
                until: "2026-11-16T16:00:00Z".to_owned(),
                reason: "kms-denied".to_owned(),
            }],
            holes_total: 1,
            records: 4_312,
        }],
        organization: Some("o-abcdefghij".to_owned()),
        organization_accounts: Some(3),
        left_out: vec![LeftOut {
            account: "222233334444".to_owned(),
            name: "sandbox".to_owned(),
            reason: "a playground without data".to_owned(),
        }],
        strangers: vec!["333344445555".to_owned()],
        obstacles: vec![Obstacle {
            reason: "kms-denied".to_owned(),
            message: "kms:Decrypt is denied on the key of the trail's bucket; add the role to the key policy".to_owned(),
            accounts: vec![account],
            cells: 1,
        }],
        notes: vec!["two trails record the same events; they are taken once".to_owned()],
        collection: collection(),
        abandoned: vec!["20261122T070000Z-9f8e7d6c".to_owned()],
    }
}

fn collection() -> Collection {
    Collection {
        listed: 340,
        taken: 30,
        already: 301,
        failed: 8,
        skipped: 1,
        left: 0,
        balanced: true,
        stored_bytes: 600_000,
        inflated_bytes: 7_200_000,
        owed: 8,
        list_requests: 8,
        get_requests: 38,
        put_requests: 33,
        api_requests: 12,
        dollars: "0.0002".to_owned(),
        event_to_object_seconds: 420,
        object_to_run_seconds: 3_600,
        stopped: None,
    }
}
