//! The binary collects from the seeded organisation: what it cannot see it says, what broke is made good, and being killed,
//! doubled or troubled does not show in the result.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::boto;
use super::environment::{Emulator, variables};
use super::organization::{Broken, DENIED, HUB_ACCOUNT, ORGANIZATION_BUCKET, Organization, REGION_DISABLED, ROLE, UNDECRYPTABLE};
use super::proxy::{Proxy, Share, Strike, trouble};

/// What nobody but the request to STS may see.
pub(crate) const EXTERNAL_ID: &str = "canary-6f1d2b9c-external";

/// Outside the organisation, each with a trail of its own.
const OUTSIDE: [&str; 4] = ["100000000009", "100000000010", DENIED, UNDECRYPTABLE];

pub(crate) struct Audit {
    folder: tempfile::TempDir,
    url: String,
}

impl Audit {
    /// A configuration over the whole scene.
    pub(crate) fn of_everything(url: &str) -> Audit {
        let listed: Vec<String> =
            OUTSIDE.iter().map(|id| format!("    - {{id: \"{id}\", env: prod, enrolled: 2026-01-01}}\n")).collect();
        let accounts = format!("  organization: {{env-from-tag: env}}\n  list:\n{}", listed.concat());
        let sources = format!("  - {{bucket: {ORGANIZATION_BUCKET}, mode: in-place}}\n  - {{trails: discovered, mode: copy}}\n");
        let regions = "[ap-northeast-1, eu-south-1, eu-west-1, us-east-1]";
        Audit::new(url, "file://./audit", &accounts, regions, &sources)
    }

    /// A configuration over one account and region, kept in a bucket.
    pub(crate) fn of_one(url: &str, bucket: &str) -> Audit {
        let accounts = "  list:\n    - {id: \"100000000010\", env: dev}\n";
        Audit::new(url, &format!("s3://{bucket}"), accounts, "[us-east-1]", "  - {trails: discovered, mode: copy}\n")
    }

    pub(crate) fn new(url: &str, bucket: &str, accounts: &str, regions: &str, sources: &str) -> Audit {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "name: example\naudit: {{bucket: \"{bucket}\"}}\nrole: {{name: {ROLE}, external-id: \"${{env:EXTERNAL_ID}}\"}}\n\
             accounts:\n{accounts}regions: {regions}\nsources:\n{sources}event-history: {{max-accounts: 0}}\n"
        );
        std::fs::write(folder.path().join("assize.yaml"), text).unwrap();
        Audit { folder, url: url.to_owned() }
    }

    /// Adds to the configuration.
    fn configure(&self, text: &str) {
        let path = self.path("assize.yaml");
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, before + text).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assize"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("EXTERNAL_ID", EXTERNAL_ID)
            .envs(variables(&self.url, &format!("AKIA{HUB_ACCOUNT}")))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, as_of: &str, more: &[&str]) -> Ran {
        let args = [&["run", "--as-of", as_of, "--format", "json"], more].concat();
        Ran::of(self.command(&args).output().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) document: Value,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Ran {
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        let document = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        Ran { code: output.status.code().unwrap_or(-1), document, err }
    }

    pub(crate) fn number(&self, pointer: &str) -> u64 {
        self.document.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}: {}", self.err))
    }

    /// Reasons of an account, with its hours.
    pub(crate) fn unknown(&self, account: &str) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for cell in self.document["scope"]["cells"].as_array().unwrap().iter().filter(|cell| cell["account"] == account) {
            for reason in cell["unknown"].as_array().unwrap() {
                *all.entry(reason["reason"].as_str().unwrap().to_owned()).or_default() += reason["hours"].as_u64().unwrap();
            }
        }
        all
    }

    /// What a report says of findings, without what differs between runs by its nature.
    /// What was found, whichever run found it first: where a finding stands among runs is left out.
    pub(crate) fn findings(&self) -> Vec<Value> {
        let mut all = self.document["findings"].as_array().unwrap_or_else(|| panic!("no findings: {}", self.err)).clone();
        for finding in all.iter_mut().filter_map(Value::as_object_mut) {
            finding.remove("life");
        }
        all
    }
}

/// Every file below a folder with its bytes, by path; only evidence.
pub(crate) fn evidence(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(folder: &Path, root: &Path, all: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, all);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                all.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(&folder.join("evidence"), folder, &mut all);
    all
}

/// The evidence in a bucket, by key with its hash.
fn evidence_in(url: &str, bucket: &str) -> Value {
    let lines = format!(
        "import hashlib\ns3 = client('s3')\nkeys = []\n\
         for page in s3.get_paginator('list_objects_v2').paginate(Bucket='{bucket}', Prefix='evidence/'):\n\
         \x20   keys += [item['Key'] for item in page.get('Contents', [])]\n\
         def read(key):\n    got = s3.get_object(Bucket='{bucket}', Key=key)\n    \
         return [hashlib.sha256(got['Body'].read()).hexdigest(), got['Metadata']]\n\
         print(json.dumps({{key: read(key) for key in keys}}))\n"
    );
    boto(variables(url, &format!("AKIA{HUB_ACCOUNT}")), &lines)
}

fn make_bucket(url: &str, bucket: &str) {
    let lines = format!("client('s3').create_bucket(Bucket='{bucket}')\nprint('null')\n");
    boto(variables(url, &format!("AKIA{HUB_ACCOUNT}")), &lines);
}

pub(crate) fn seeded(emulator: &Emulator, days: u32) -> Organization<'_> {
    Organization::create(emulator, "2026-10-01", days, &json!({"external_id": EXTERNAL_ID}))
}

#[test]
fn what_is_broken_is_unknown_and_what_is_repaired_is_made_good() {
    let emulator = Emulator::start();
    let mut organization = seeded(&emulator, 3);
    let audit = Audit::of_everything(&emulator.url);
    let broken = audit.run("2026-10-04T03:00:00Z", &["--since", "2026-10-01"]);
    assert_eq!(broken.code, 4, "{}", broken.err);
    assert_eq!(broken.document["books"]["balanced"], true);
    assert_eq!(broken.document["scope"]["collection"]["balanced"], true);
    // 3 days in 4 regions; the three hours before `as_of` are not due.
    assert_eq!(broken.unknown(DENIED), BTreeMap::from([("role-not-assumable".to_owned(), 288)]));
    let kms = broken.unknown(UNDECRYPTABLE);
    // A digest that cannot be read is not missing, but for the part of a day's window that lies more than an hour before midnight:
    // AWS's windows are of an hour.
    assert_eq!(kms.keys().collect::<Vec<_>>(), ["digest-missing", "kms-denied", "unverifiable"], "{}", broken.err);
    let disabled = broken.document["scope"]["cells"].as_array().unwrap().iter();
    let disabled: Vec<&Value> = disabled
        .filter(|cell| (cell["account"].as_str(), cell["region"].as_str()) == (Some(REGION_DISABLED.0), Some(REGION_DISABLED.1)))
        .collect();
    assert_eq!((disabled[0]["due"].as_u64(), disabled[0]["not_applicable"].as_u64()), (Some(0), Some(72)));
    let verdicts: BTreeSet<&str> =
        broken.document["policies"].as_array().unwrap().iter().map(|policy| policy["verdict"].as_str().unwrap()).collect();
    for policy in broken.document["policies"].as_array().unwrap() {
        let (said, verdict) = (policy["statement"].as_str().unwrap(), policy["verdict"].as_str().unwrap());
        assert!(said.starts_with(&format!("{verdict}: ")) && !said.contains("no match in what was read"), "{said}");
    }
    assert!(!verdicts.contains("PASS"), "with an account that nobody saw, nothing passes for the organisation: {verdicts:?}");

    for what in Broken::ALL {
        organization.repair(what);
    }
    let repaired = audit.run("2026-10-04T04:00:00Z", &["--since", "2026-10-01", "--until", "2026-10-04"]);
    assert_eq!(repaired.code, 1, "{} {}", repaired.err, repaired.document["scope"]["statement"]);
    let scope = &repaired.document["scope"];
    assert_eq!((&scope["grade"], &scope["complete"]), (&json!("verified"), &json!(true)));
    assert_eq!(scope["hours_due"], scope["hours_delivered"]);
    assert_eq!(scope["hours_due"], scope["hours_verified"], "{}", scope["statement"]);
    for (kind, checks) in [("digest", &scope["integrity"]["digests"]), ("log", &scope["integrity"]["logs"])] {
        let all = organization.of_kind(kind, None).len();
        assert_eq!(checks, &json!({"valid": all, "invalid": 0, "missing": 0, "unverifiable": 0, "orphan": 0}), "{kind}");
    }
    assert_eq!(scope["integrity"]["public_keys"], 4, "one for each region: {}", scope["integrity"]);
    let there: u64 = ["log", "digest", "insight"].iter().map(|kind| organization.of_kind(kind, None).len() as u64).sum();
    let taken = broken.number("/scope/collection/taken") + repaired.number("/scope/collection/taken");
    assert_eq!(taken, there, "everything once, nothing twice");
    assert_eq!(repaired.number("/scope/collection/owed"), 0);
    let found: BTreeSet<(&str, &str)> = repaired.document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["policy"].as_str().unwrap(), finding["account"].as_str().unwrap()))
        .collect();
    for planted in &organization.planted {
        let wanted = (planted["policy"].as_str().unwrap(), planted["account"].as_str().unwrap());
        assert!(found.contains(&wanted), "{wanted:?} in {found:?}");
    }

    // The audit bucket says the same by itself: of what is read in place it has the hashes.
    let verified = Ran::of(audit.command(&["verify", "--format", "json"]).output().unwrap());
    let logs = organization.of_kind("log", None).len() as u64;
    assert_eq!(verified.number("/logs/valid"), logs, "{} {}", verified.err, verified.document["logs"]);
    assert_eq!((verified.number("/reading/by_ledger"), verified.number("/reading/population")), (logs, logs));
    assert_eq!(verified.number("/digests/valid"), organization.of_kind("digest", None).len() as u64);
    let insights = organization.of_kind("insight", None).len() as u64;
    assert_eq!(
        verified.document["logs"],
        json!({"valid": logs, "invalid": 0, "missing": 0, "unverifiable": insights, "orphan": 0})
    );

    let proxy = Proxy::start(&emulator.url);
    let again = Audit { folder: audit.folder, url: proxy.url.clone() }
        .run("2026-10-04T05:00:00Z", &["--since", "2026-10-01", "--until", "2026-10-04"]);
    assert_eq!((again.code, again.number("/scope/collection/taken")), (1, 0), "{}", again.err);
    // Only the objects behind findings that are read in place are fetched again, for the report.
    let in_place = again.document["findings"].as_array().unwrap().len() as u64 * 6;
    let gets = proxy.calls().get("s3:GetObject").copied().unwrap_or(0);
    assert!(gets <= in_place, "{gets} reads of trails' buckets");
    assert_eq!(again.findings(), repaired.findings());
}

#[test]
fn killed_before_and_after_every_write_it_ends_as_if_nothing_had_happened() {
    let emulator = Emulator::start();
    seeded(&emulator, 2);
    let as_of = "2026-10-03T03:00:00Z";
    let since = ["--since", "2026-10-01"];
    let proxy = Proxy::start(&emulator.url);
    make_bucket(&emulator.url, "audit-undisturbed");
    let undisturbed = Audit::of_one(&proxy.url, "audit-undisturbed").run(as_of, &since);
    assert!(undisturbed.code <= 1, "{} {}", undisturbed.code, undisturbed.err);
    let (writes, kept) = (proxy.writes().len() as u64, evidence_in(&emulator.url, "audit-undisturbed"));
    assert!(writes > 15 && kept.as_object().unwrap().len() > 5, "{writes} writes, {kept}");
    let findings = undisturbed.findings();
    for number in 1..=writes {
        for after in [false, true] {
            let bucket = format!("audit-{number}-{after}");
            make_bucket(&emulator.url, &bucket);
            proxy.reset();
            let audit = Audit::of_one(&proxy.url, &bucket);
            let child = Arc::new(Mutex::new(None));
            let victim = Arc::clone(&child);
            let kill = Box::new(move || {
                let mut child = victim.lock().unwrap();
                let child: &mut std::process::Child = child.as_mut().unwrap();
                child.kill().unwrap();
                child.wait().unwrap();
            });
            let strike = if after { Strike::CallAfter(kill) } else { Strike::CallBefore(kill) };
            proxy.at_write(number, strike);
            {
                // Held until the child is known, so that the strike finds it.
                let mut slot = child.lock().unwrap();
                let args = [&["run", "--as-of", as_of][..], &since].concat();
                *slot = Some(audit.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
            }
            wait_for(&child);
            proxy.reset();
            let again = audit.run(as_of, &since);
            let which = format!("killed {} write {number}: {}", if after { "after" } else { "before" }, again.err);
            assert_eq!(again.code, undisturbed.code, "{which}");
            assert_eq!(again.findings(), findings, "{which}");
            assert_eq!(evidence_in(&emulator.url, &bucket), kept, "{which}");
            for book in ["read", "evaluated", "duplicate"] {
                let pointer = format!("/books/records/{book}");
                assert_eq!(again.number(&pointer), undisturbed.number(&pointer), "{book} {which}");
            }
        }
    }
}

pub(crate) fn wait_for(child: &Mutex<Option<std::process::Child>>) {
    loop {
        if child.lock().unwrap().as_mut().unwrap().try_wait().unwrap().is_some() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
fn a_tenth_of_all_requests_failing_changes_nothing() {
    let emulator = Emulator::start();
    seeded(&emulator, 2);
    let as_of = "2026-10-03T03:00:00Z";
    let quiet = Audit::of_everything(&emulator.url);
    let expected = quiet.run(as_of, &["--since", "2026-10-01"]);
    let proxy = Proxy::start(&emulator.url);
    proxy.share(Share { per_mille: 100, seed: 7, operation: "", strike: trouble });
    let troubled = Audit::of_everything(&proxy.url);
    let ran = troubled.run(as_of, &["--since", "2026-10-01"]);
    assert_eq!(ran.code, expected.code, "{}", ran.err);
    assert_eq!(ran.findings(), expected.findings());
    assert_eq!(ran.document["scope"]["cells"], expected.document["scope"]["cells"]);
    assert_eq!(evidence(&troubled.path("audit")), evidence(&quiet.path("audit")));
}

#[test]
fn a_run_a_day_finds_what_one_run_finds() {
    let emulator = Emulator::start();
    let mut organization = seeded(&emulator, 1);
    let daily = Audit::of_everything(&emulator.url);
    let since = ["--since", "2026-10-01"];
    daily.run("2026-10-02T04:00:00Z", &since);
    let mut last = None;
    for day in 2..=4 {
        organization.deliver(&format!("2026-10-{day:02}"), 1);
        last = Some(daily.run(&format!("2026-10-{:02}T04:00:00Z", day + 1), &since));
    }
    let last = last.unwrap();
    let once = Audit::of_everything(&emulator.url);
    let whole = once.run("2026-10-05T04:00:00Z", &since);
    assert_eq!(last.findings(), whole.findings(), "{}", last.err);
    assert_eq!(last.document["books"]["records"], whole.document["books"]["records"]);
    assert_eq!(evidence(&daily.path("audit")), evidence(&once.path("audit")));
    assert_eq!(last.code, whole.code);
}

#[test]
fn late_old_and_replaced_objects_are_found_and_named() {
    let emulator = Emulator::start();
    let mut organization = seeded(&emulator, 8);
    let audit = Audit::of_everything(&emulator.url);
    let since = ["--since", "2026-10-01"];
    audit.run("2026-10-09T04:00:00Z", &since);
    let (account, region) = ("100000000010", "us-east-1");
    let late = organization.deliver_late(account, region, "2026-10-08T10:00:00Z", "2026-10-09T04:10:00Z");
    let old = organization.deliver_old_key(account, region, "2026-10-05T10:00:00Z", "2026-10-05T10:05:00Z");
    let victim = organization
        .of_kind("log", Some(account))
        .into_iter()
        .find(|one| one["delivered"].as_str().unwrap() > "2026-10-08")
        .unwrap()
        .clone();
    let (bucket, key) = (victim["bucket"].as_str().unwrap().to_owned(), victim["key"].as_str().unwrap().to_owned());
    organization.replace(&bucket, &key);
    // The next run lists two days, the first of the next day seven, so both the late and the old key appear.
    let ran = audit.run("2026-10-10T04:00:00Z", &since);
    let kept: Vec<String> = evidence(&audit.path("audit")).into_keys().collect();
    let has = |key: &str| kept.iter().any(|name| name.ends_with(key) || name.replace('%', "").ends_with(key));
    assert!(has(&late), "{late} in {kept:?}");
    assert!(has(&old), "{old}");
    let replaced: Vec<&Value> = ran.document["coverage"]["problems"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|problem| problem["code"] == "object-replaced")
        .collect();
    assert_eq!(replaced.len(), 1, "{}", ran.err);
    assert!(replaced[0]["message"].as_str().unwrap().contains(&key));
    assert!(ran.unknown(account).contains_key("object-replaced"), "{:?}", ran.unknown(account));
}

#[test]
fn a_second_run_fences_the_first_and_nothing_is_doubled() {
    let emulator = Emulator::start();
    seeded(&emulator, 2);
    let as_of = "2026-10-03T03:00:00Z";
    let since = ["--since", "2026-10-01"];
    make_bucket(&emulator.url, "audit-two");
    make_bucket(&emulator.url, "audit-one");
    let alone = Audit::of_one(&emulator.url, "audit-one").run(as_of, &since);
    let proxy = Proxy::start(&emulator.url);
    let first = Audit::of_one(&proxy.url, "audit-two");
    let second = Audit::of_one(&emulator.url, "audit-two");
    let ran = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&ran);
    // While the first keeps evidence, the second does its whole work.
    let work = Box::new(move || *slot.lock().unwrap() = Some(second.run(as_of, &["--since", "2026-10-01"])));
    proxy.at_write(4, Strike::CallBefore(work));
    let fenced = first.run(as_of, &since);
    let ran = ran.lock().unwrap().take().unwrap();
    assert_eq!(fenced.code, 2, "{}", fenced.err);
    assert!(fenced.err.contains("has taken over"), "{}", fenced.err);
    assert_eq!((ran.code, ran.findings()), (alone.code, alone.findings()), "{}", ran.err);
    assert_eq!(ran.document["books"]["records"], alone.document["books"]["records"]);
    assert_eq!(evidence_in(&emulator.url, "audit-two"), evidence_in(&emulator.url, "audit-one"));
}

#[test]
fn shards_collect_and_one_run_judges_all() {
    let emulator = Emulator::start();
    seeded(&emulator, 2);
    let (as_of, since) = ("2026-10-03T03:00:00Z", ["--since", "2026-10-01"]);
    let whole = Audit::of_everything(&emulator.url);
    let expected = whole.run(as_of, &since);
    let sharded = Audit::of_everything(&emulator.url);
    for number in 1..=3 {
        let shard = format!("{number}/3");
        let args = [&["collect", "--as-of", as_of, "--shard", &shard][..], &since].concat();
        let output = sharded.command(&args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.starts_with("objects: ") && !said.contains("does not balance"), "{said}");
    }
    let ran = sharded.run(as_of, &since);
    assert_eq!(ran.findings(), expected.findings(), "{}", ran.err);
    assert_eq!(ran.document["scope"]["cells"], expected.document["scope"]["cells"]);
    assert_eq!(ran.number("/scope/collection/taken"), 0, "the shards took everything");
    assert_eq!(evidence(&sharded.path("audit")), evidence(&whole.path("audit")));
}

#[test]
fn hours_without_logging_are_found_from_the_logs() {
    let emulator = Emulator::start();
    let mut organization = seeded(&emulator, 1);
    let (account, region) = ("100000000010", "us-east-1");
    let accounts = format!("  list:\n    - {{id: \"{account}\", env: dev}}\n");
    let sources = "  - {trails: discovered, mode: copy}\n";
    let audit = Audit::new(&emulator.url, "file://./audit", &accounts, "[us-east-1]", sources);
    // The objects about the trail are put in below, where no digest names them.
    audit.configure("judge: {evidence: delivered}\n");
    let since = ["--since", "2026-10-01"];
    let before = audit.run("2026-10-02T04:00:00Z", &since);
    assert!(before.unknown(account).is_empty(), "{:?} {}", before.unknown(account), before.err);
    organization.deliver("2026-10-02", 1);
    for (time, name) in [("10:20:00", "StopLogging"), ("14:40:00", "StartLogging")] {
        let event = json!({
            "eventVersion": "1.11", "eventTime": format!("2026-10-02T{time}Z"), "eventSource": "cloudtrail.amazonaws.com",
            "eventName": name, "awsRegion": region, "recipientAccountId": account, "eventID": name, "eventType": "AwsApiCall",
            "eventCategory": "Management", "managementEvent": true, "readOnly": false, "requestParameters": {"name": "main"},
            "userIdentity": {"type": "IAMUser", "accountId": account, "userName": "somebody"},
        });
        let stamp = time.replace(':', "");
        let key = format!(
            "AWSLogs/{account}/CloudTrail/{region}/2026/10/02/{account}_CloudTrail_{region}_20261002T{}Z_{name:0>16}.json.gz",
            stamp.get(..4).unwrap()
        );
        let lines = format!(
            "client('s3').put_object(Bucket='trail-logs-{account}', Key='{key}', Body={})\nprint('null')\n",
            json!(json!({"Records": [event]}).to_string())
        );
        boto(variables(&emulator.url, &format!("AKIA{account}")), &lines);
    }
    let after = audit.run("2026-10-03T04:00:00Z", &since);
    assert_eq!(after.unknown(account), BTreeMap::from([("logging-stopped".to_owned(), 5)]), "{}", after.err);
}

#[test]
fn a_policy_that_comes_later_is_backfilled() {
    let emulator = Emulator::start();
    seeded(&emulator, 3);
    let (as_of, since) = ("2026-10-04T03:00:00Z", ["--since", "2026-10-01"]);
    let whole = Audit::of_everything(&emulator.url).run(as_of, &since);
    let later = Audit::of_everything(&emulator.url);
    let config = later.path("assize.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}policies: {{select: 'console-*'}}\n")).unwrap();
    later.run(as_of, &since);
    std::fs::write(&config, &text).unwrap();
    let said = |output: Output| {
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&said).into_owned()
    };
    let planned = said(later.command(&["run", "--dry-run", "--backfill", "--as-of", as_of]).output().unwrap());
    assert!(planned.contains("policies have not judged") && planned.contains("of 3 days"), "{planned}");
    let without = later.run(as_of, &since);
    assert!(without.document["policies"].to_string().contains("not-backfilled"), "{}", without.err);
    let filled = later.run(as_of, &["--since", "2026-10-01", "--backfill"]);
    assert!(filled.err.contains("of 3 days done"), "{}", filled.err);
    assert_eq!(filled.code, whole.code, "{}", filled.err);
    assert_eq!(filled.findings(), whole.findings());
    assert_eq!(filled.document["policies"], whole.document["policies"]);
    assert_eq!(filled.document["scope"]["cells"], whole.document["scope"]["cells"]);
    let again = later.run(as_of, &["--since", "2026-10-01", "--backfill"]);
    assert!(again.err.contains("backfill: nothing to do"), "{}", again.err);
}

#[test]
fn event_history_is_read_and_is_no_coverage() {
    let emulator = Emulator::start();
    let mut organization = seeded(&emulator, 2);
    let (account, region) = ("100000000010", "us-east-1");
    organization.history(account, region, "2026-10-01", 2);
    let accounts = format!("  list:\n    - {{id: \"{account}\", env: dev}}\n");
    let sources = format!("  - {{bucket: {ORGANIZATION_BUCKET}, mode: in-place}}\n");
    let audit = Audit::new(&emulator.url, "file://./audit", &accounts, "[us-east-1]", &sources);
    let config = audit.path("assize.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("max-accounts: 0", "max-accounts: 1")).unwrap();
    let ran = audit.run("2026-10-03T03:00:00Z", &["--since", "2026-10-01"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.number("/books/records/evaluated") > 0, "{}", ran.err);
    assert_eq!(ran.unknown(account), BTreeMap::from([("event-history-only".to_owned(), 48)]));
    assert!(evidence(&audit.path("audit")).keys().any(|key| key.contains("event-history")));
    let again = audit.run("2026-10-03T04:00:00Z", &["--since", "2026-10-01"]);
    assert_eq!(again.number("/books/records/evaluated"), ran.number("/books/records/evaluated"), "{}", again.err);
}

#[test]
fn a_forecast_calls_nothing_in_the_accounts() {
    let emulator = Emulator::start();
    seeded(&emulator, 1);
    let proxy = Proxy::start(&emulator.url);
    let audit = Audit::of_everything(&proxy.url);
    let output = audit.command(&["run", "--dry-run", "--as-of", "2026-10-02T03:00:00Z"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("12 accounts, 48 account-regions") && said.contains("dollars"), "{said}");
    let calls = proxy.calls();
    let unexpected: Vec<&String> = calls.keys().filter(|name| !name.starts_with("organizations:")).collect();
    assert_eq!(unexpected, Vec::<&String>::new());
    assert_eq!(proxy.writes(), Vec::<String>::new());
    assert!(!audit.path("audit").exists(), "not even a folder is made");
    let output = audit.command(&["run", "--dry-run", "--as-of", "2026-10-02T03:00:00Z", "--cron", "0 3 * * *"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("a month at 30 runs"), "{said}");
}

#[test]
fn the_doctor_tells_who_denies_and_advises_accordingly() {
    let emulator = Emulator::start();
    seeded(&emulator, 1);
    let audit = Audit::of_one(&emulator.url, "audit-doctor");
    make_bucket(&emulator.url, "audit-doctor");
    let doctor = |fault: Value| {
        emulator.post("/faults", &fault);
        let output = audit.command(&["doctor"]).output().unwrap();
        emulator.delete("/faults?name=said");
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let trails = |by: &str| json!({"name": "said", "service": "cloudtrail", "operation": "DescribeTrails", "deny": {"by": by}});
    let assume = |by: &str| json!({"name": "said", "service": "sts", "operation": "AssumeRole", "deny": {"by": by}});
    let endpoint = doctor(trails("endpoint"));
    assert!(endpoint.contains("add to the policy of the VPC endpoint for cloudtrail"), "{endpoint}");
    let own = doctor(trails("identity"));
    assert!(own.contains("add to the policy of the role:") && !own.contains("VPC endpoint"), "{own}");
    let trust = doctor(assume("trust"));
    assert!(trust.contains(&format!("add to the trust policy of the role arn:aws:iam::100000000010:role/{ROLE}")), "{trust}");
    assert!(!trust.contains("make the role"), "it is there: {trust}");
    let hub = doctor(assume("identity"));
    assert!(hub.contains("add to the policy of the role:") && hub.contains("sts:AssumeRole"), "{hub}");
    assert!(!hub.contains("trust policy of the role"), "{hub}");
    let keys =
        doctor(json!({"name": "said", "service": "cloudtrail", "operation": "ListPublicKeys", "deny": {"by": "identity"}}));
    assert!(keys.contains("CloudTrail's public keys in us-east-1 (denied)"), "{keys}");
    assert!(keys.contains("add to the policy of the role:") && keys.contains("\"cloudtrail:ListPublicKeys\""), "{keys}");
    let endpoint = doctor(assume("endpoint"));
    assert!(endpoint.contains("add to the policy of the VPC endpoint for sts"), "{endpoint}");
}

#[test]
fn nothing_secret_is_shown_or_kept() {
    let emulator = Emulator::start();
    seeded(&emulator, 1);
    let audit = Audit::of_everything(&emulator.url);
    let output = audit
        .command(&["-vvvv", "run", "--as-of", "2026-10-02T04:00:00Z", "--since", "2026-10-01"])
        .env("AWS_SECRET_ACCESS_KEY", "canary-2c7e-secret-key")
        .output()
        .unwrap();
    let shown = [output.stdout, output.stderr].concat();
    assert!(shown.len() > 10_000, "there is much to look through");
    let mut all: Vec<(String, Vec<u8>)> = vec![("output".to_owned(), shown)];
    all.extend(files(&audit.path("audit")));
    for (name, bytes) in all {
        let text = String::from_utf8_lossy(&bytes);
        // The word alone stands in what policies say of `GetSessionToken`.
        for canary in [EXTERNAL_ID, "canary-2c7e-secret-key", "FQoGZXIvYXdz", "<SessionToken>", "\"SessionToken\""] {
            assert!(!text.contains(canary), "{canary} in {name}");
        }
    }
}

pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    all
}

#[test]
fn the_doctor_names_what_is_missing_and_what_to_add() {
    let emulator = Emulator::start();
    let mut organization = seeded(&emulator, 1);
    // The scene's key is a name only.
    let metadata =
        json!({"KeyId": "key", "Arn": "arn:aws:kms:us-east-1:100000000009:key/key", "Enabled": true, "KeyState": "Enabled"});
    let body = json!({"KeyMetadata": metadata});
    emulator.post("/canned", &json!({"service": "kms", "operation": "DescribeKey", "account": "100000000009", "body": body}));
    let audit = Audit::of_everything(&emulator.url);
    let doctor = |audit: &Audit| {
        let output = audit.command(&["doctor"]).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = doctor(&audit);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("role-not-assumable") && said.contains(DENIED), "{said}");
    assert!(said.contains("kms:Decrypt") && said.contains("kms-denied") || said.contains("kms:Decrypt"), "{said}");
    assert!(said.contains("sts:AssumeRole"), "{said}");
    for what in Broken::ALL {
        organization.repair(what);
    }
    let (code, said) = doctor(&audit);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("the next run can look at all 48 account-regions"), "{said}");
}

/// A process on a schedule runs at its time, and a signal ends it after the run with that run's exit code.
#[test]
#[cfg(unix)]
fn a_schedule_starts_runs_and_a_signal_ends_them_gracefully() {
    use std::io::{BufRead, BufReader};
    let emulator = Emulator::start();
    seeded(&emulator, 1);
    let as_of = ["--as-of", "2026-10-02T04:00:00Z", "--since", "2026-10-01"];
    for schedule in [["--every", "1s"], ["--cron", "* * * * *"]] {
        let audit = Audit::of_everything(&emulator.url);
        let args = [&["run"][..], &as_of, &schedule].concat();
        let mut child = audit.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // The first thing that a run says; it is under way then.
        while !said.contains("account-regions in scope") {
            said += &lines.next().unwrap_or_else(|| panic!("it ended: {said}")).unwrap();
            said += "\n";
        }
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        for line in lines {
            said += &line.unwrap();
            said += "\n";
        }
        let code = child.wait().unwrap().code().unwrap();
        assert!(
            [3, 4].contains(&code),
            "it was to stop before everything was taken, or an account lets nobody in: {code} {said}"
        );
        assert!(said.contains("kept in the audit bucket"), "what was begun was finished: {said}");
        assert_eq!(said.matches("account-regions in scope").count(), 1, "and nothing more was begun: {said}");
        assert_eq!(said.contains("next run at"), schedule[0] == "--cron", "a schedule waits for its time: {said}");
        let whole = audit.run("2026-10-02T04:00:00Z", &["--since", "2026-10-01"]);
        assert!(
            whole.number("/books/records/evaluated") > 0 && whole.document["scope"]["collection"]["balanced"] == true,
            "{}",
            whole.err
        );
    }
}
