//! Runs over buckets in memory, judged again: whole, tampered with, and with other policies than they were judged by.

use std::sync::Arc;

use assize_bucket::{Bucket, Memory, Metadata, PutCondition};
use assize_engine::layout::{self, Folder};
use assize_engine::policy::{self, Level};
use assize_engine::time;
use futures::TryStreamExt;
use serde_json::{Value, json};

use super::super::outcome::{RunVerified, Vouched};
use super::super::{Asked, render, verify};
use super::Means;
use super::outcome::Replayed;
use crate::accepted::Accepted;
use crate::collect::plan::Place;
use crate::collect::take::Source;
use crate::config::{Config, Mode};
use crate::discover::Discovered;
use crate::estate::{Account, Estate};
use crate::exit::Exit;
use crate::manifest::{self, place};
use crate::pack::{self, Pack};
use crate::report::templates::Templates;
use crate::run::{self, Asked as AskedOfRun};

/// 2026-11-01T00:00:00Z.
const START: i64 = 20_758 * 86_400;
const HOUR: i64 = 3600;
const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];
const REGION: &str = "eu-west-1";
/// A run, one that knows an account more and sees what changed, and one that makes up for what that one's policies missed.
const RUNS: [&str; 3] = ["first", "second", "third"];

fn key(account: &str, seconds: i64, name: &str) -> String {
    let stamp = time::format(START + seconds).replace(['-', ':'], "");
    let prefix = layout::region_prefix("AWSLogs/", account, Folder::CloudTrail, REGION);
    let day = layout::day_path((START + seconds).div_euclid(86_400));
    format!("{prefix}{day}{account}_CloudTrail_{REGION}_{}Z_{name:0>16}.json.gz", stamp.get(..13).unwrap())
}

/// Somebody works as root.
fn as_root(account: &str, hour: i64, id: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventTime": time::format(START + hour * HOUR), "eventSource": "iam.amazonaws.com",
        "eventName": "CreateUser", "awsRegion": REGION, "recipientAccountId": account, "eventID": id,
        "eventCategory": "Management", "managementEvent": true, "readOnly": false, "eventType": "AwsApiCall",
        "userIdentity": {"type": "Root", "accountId": account, "arn": format!("arn:aws:iam::{account}:root")},
    })
}

/// A read that no policy looks for.
fn quiet(account: &str, hour: i64, id: &str) -> Value {
    let mut record = as_root(account, hour, id);
    record["eventName"] = json!("DescribeInstances");
    record["eventSource"] = json!("ec2.amazonaws.com");
    record["userIdentity"] = json!({"type": "AssumedRole", "accountId": account});
    record
}

/// Some built-in policies, and one that speaks of accounts: another account makes it another evaluation.
fn pack() -> Pack {
    let mut pack = pack::load(&[]).unwrap();
    let known = ["root-user-used", "root-user-activity", "iam-policy-changed", "vpc-changed", "route-table-changed"];
    pack.policies.retain(|policy| known.contains(&policy.id.as_str()));
    let mut loaded = policy::load([("policy.yaml", OF_ACCOUNTS)]);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    pack.policies.append(&mut loaded.policies);
    pack
}

const OF_ACCOUNTS: &str = "
id: user-made
title: A user was made
level: low
logsource: {product: aws, service: cloudtrail}
detection: {it: {eventName: CreateUser}, condition: it}
group-by: [account.name]
";

struct Scene {
    logs: Arc<Memory>,
    audit: Arc<Memory>,
    config: Config,
    mode: Mode,
    pack: Pack,
}

impl Scene {
    fn new(mode: Mode) -> Scene {
        let name = if mode == Mode::Copy { "copy" } else { "in-place" };
        let text = format!(
            "name: example\naudit: {{bucket: s3://example-audit}}\naccounts: {{list: [111122223333]}}\n\
             sources: [{{bucket: logs, mode: {name}}}]\njudge: {{period: 2d}}\n"
        );
        let config = Config::parse("assize.yaml", &text, &|_| None).unwrap();
        Scene { logs: Arc::default(), audit: Arc::default(), config, mode, pack: pack() }
    }

    async fn deliver(&self, account: &str, hour: i64, name: &str, records: &[Value]) {
        let bytes = serde_json::to_vec(&json!({"Records": records})).unwrap();
        self.logs.put(&key(account, hour * HOUR, name), bytes, Metadata::new(), PutCondition::Always).await.unwrap();
    }

    /// Three runs, a day apart. An episode begins before the period of the second and third.
    async fn runs(&self) {
        let [one, other] = ACCOUNTS;
        self.deliver(one, -30, "a", &[as_root(one, -31, "1"), quiet(one, -31, "q1")]).await;
        self.deliver(one, -11, "b", &[as_root(one, -12, "2"), as_root(one, -12, "2")]).await;
        self.deliver(one, 3, "c", &[as_root(one, 2, "3"), as_root(one, -12, "2")]).await;
        self.deliver(one, 4, "q", &[quiet(one, 3, "q2")]).await;
        self.run(0, 12, -40).await;
        // The same object with other content, and a second account: policies that speak of accounts begin anew.
        self.deliver(one, 3, "c", &[as_root(one, 2, "planted")]).await;
        self.deliver(one, 21, "d", &[as_root(one, 20, "4"), as_root(one, 2, "3")]).await;
        self.deliver(other, 22, "e", &[as_root(other, 20, "5"), as_root(other, 21, "5")]).await;
        self.run(1, 36, 0).await;
        self.run(2, 60, 0).await;
    }

    async fn run(&self, number: usize, hour: i64, since: i64) {
        let as_of = START + hour * HOUR;
        let asked = AskedOfRun {
            command: "run",
            since: Some(START + since * HOUR),
            collect_only: false,
            backfill: number == 2,
            run_id: Some(RUNS[number].to_owned()),
            ..AskedOfRun::of("run", as_of)
        };
        let accounts = &ACCOUNTS[..ACCOUNTS.len().min(number + 1)];
        let account =
            |id: &&str| Account { id: (*id).to_owned(), name: (*id).to_owned(), env: "prod".to_owned(), ..Account::default() };
        let estate = Estate { accounts: accounts.iter().map(account).collect(), ..Estate::default() };
        let discovered = Discovered {
            sources: vec![Source {
                bucket_name: "logs".to_owned(),
                id: "s3://logs".to_owned(),
                partition: "aws",
                bucket: Arc::clone(&self.logs) as Arc<dyn Bucket>,
                mode: self.mode,
            }],
            places: accounts.iter().map(|account| in_logs(account)).collect(),
            cells: accounts.iter().map(|account| (((*account).to_owned(), REGION.to_owned()), None)).collect(),
            ..Discovered::default()
        };
        let (audit, templates) = (Arc::clone(&self.audit) as Arc<dyn Bucket>, Templates::load(None).unwrap());
        let accepted = Accepted::default();
        let given = (&self.config, &asked, &self.pack, &accepted);
        run::over(given, &templates, audit, estate, |_| discovered, &|_| ()).await.unwrap();
    }

    async fn verified(&self, run: &str) -> RunVerified {
        let means = Means { config: &self.config, pack: &self.pack, threads: 3 };
        let bucket = Arc::clone(&self.audit) as Arc<dyn Bucket>;
        verify(&bucket, &Asked { run, keys: &[], roots: None, part: None, replay: Some(&means) }).await.unwrap()
    }

    async fn replayed(&self, run: &str) -> Replayed {
        self.verified(run).await.replay.unwrap()
    }

    async fn findings(&self, run: &str) -> String {
        let object = self.audit.get(&place(run, manifest::FINDINGS), None).await.unwrap();
        String::from_utf8(object.bytes).unwrap()
    }

    async fn put(&self, key: &str, bytes: &[u8]) {
        self.audit.put(key, bytes.to_vec(), Metadata::new(), PutCondition::Always).await.unwrap();
    }

    /// The audit bucket without some objects.
    async fn without(self, gone: impl Fn(&str) -> bool) -> Scene {
        let left = Memory::new();
        let entries: Vec<_> = self.audit.list("", None).try_collect().await.unwrap();
        for entry in entries.into_iter().filter(|entry| !gone(&entry.key)) {
            let object = self.audit.get(&entry.key, None).await.unwrap();
            left.put(&entry.key, object.bytes, object.metadata, PutCondition::Always).await.unwrap();
        }
        Scene { audit: Arc::new(left), ..self }
    }

    fn policy(&mut self, id: &str) -> &mut assize_engine::policy::Policy {
        self.pack.policies.iter_mut().find(|policy| policy.id == id).unwrap()
    }
}

fn in_logs(account: &str) -> Place {
    Place {
        source: 0,
        root: "AWSLogs/".to_owned(),
        account: account.to_owned(),
        regions: vec![REGION.to_owned()],
        folders: vec![Folder::CloudTrail],
        empty: false,
    }
}

async fn scene(mode: Mode) -> Scene {
    let scene = Scene::new(mode);
    scene.runs().await;
    scene
}

#[tokio::test]
async fn every_run_comes_out_as_it_was_whatever_came_after_it() {
    for mode in [Mode::Copy, Mode::InPlace] {
        let scene = scene(mode).await;
        for (run, read, findings) in [("first", 4, 3), ("second", 7, 6), ("third", 7, 6)] {
            let mut verified = scene.verified(run).await;
            let text = render::text(&verified);
            let replay = verified.replay.as_ref().unwrap();
            assert_eq!((replay.equal, replay.complete(), replay.differs()), (Some(true), true, false), "{mode:?} {run}: {text}");
            assert_eq!((replay.read + replay.in_place, replay.not_read), (read, 0), "{mode:?} {run}: {text}");
            assert_eq!(replay.in_place, u64::from(mode == Mode::InPlace), "{mode:?} {run}: {text}");
            assert_eq!(replay.findings, findings, "{mode:?} {run}: {text}");
            assert!(text.contains("came out the same, byte for byte"), "{text}");
            assert_eq!(verified.exit(), Exit::Incomplete, "nobody signed it");
            // As if somebody had, with a key that was given.
            (verified.vouched, verified.objects) = (Some(Vouched::Given), Vec::new());
            assert_eq!(verified.exit(), Exit::Clean, "{mode:?} {run}: {text}");
            verified.replay.as_mut().unwrap().equal = Some(false);
            assert_eq!(verified.exit(), Exit::Findings);
            verified.replay.as_mut().unwrap().set_aside = 1;
            assert_eq!(verified.exit(), Exit::FindingsAndIncomplete);
            verified.replay = Some(Replayed::impossible("there is no state"));
            assert_eq!(verified.exit(), Exit::Incomplete);
        }
        let named = if mode == Mode::Copy { "\"evidence/aws/logs/" } else { "\"s3://logs/" };
        let findings = scene.findings("third").await;
        assert!(findings.contains(named) && findings.contains("gz@"), "{findings}");
        // The second run's policy had not judged what the first one took; the third made up for it, in its period.
        let second = scene.findings("second").await;
        let episode = |findings: &str| findings.lines().filter(|line| line.contains("user-made")).count();
        assert_eq!((episode(&second), episode(&findings)), (5, 6), "{second}\n{findings}");
    }
}

#[tokio::test]
async fn a_copy_with_other_bytes_is_not_judged_and_what_rests_on_it_is_set_aside() {
    let scene = scene(Mode::Copy).await;
    let altered = format!("evidence/aws/logs/{}", key(ACCOUNTS[0], 21 * HOUR, "d"));
    scene.put(&altered, br#"{"Records": []}"#).await;
    let verified = scene.verified("third").await;
    let replay = verified.replay.as_ref().unwrap();
    assert_eq!((replay.not_read, replay.equal, replay.complete()), (1, Some(true), false), "{}", render::text(&verified));
    assert!(replay.set_aside > 0 && replay.findings > 0, "{}", render::text(&verified));
    assert_eq!((verified.inputs.invalid, verified.exit()), (1, Exit::FindingsAndIncomplete));
    let gone = scene.without(|key| key == altered).await;
    let verified = gone.verified("third").await;
    assert_eq!((verified.inputs.missing, verified.replay.unwrap().not_read), (1, 1));
}

#[tokio::test]
async fn findings_that_do_not_follow_from_the_evidence_are_shown() {
    let scene = scene(Mode::Copy).await;
    let findings = scene.findings("third").await;
    let planted = findings.replacen(ACCOUNTS[1], ACCOUNTS[0], 1);
    scene.put(&place("third", manifest::FINDINGS), planted.as_bytes()).await;
    let verified = scene.verified("third").await;
    let text = render::text(&verified);
    let difference = verified.replay.as_ref().unwrap().first_difference.as_ref().unwrap();
    let line = findings.lines().position(|line| line.contains(ACCOUNTS[1])).unwrap();
    assert_eq!(difference.line, line as u64 + 1, "{text}");
    assert_eq!(difference.replayed.as_deref(), findings.lines().nth(line));
    assert_eq!(difference.recorded.as_deref(), planted.lines().nth(line));
    assert!(text.contains("DIFFERENT") && text.contains("the replay has"), "{text}");
    assert_eq!((verified.replay.as_ref().unwrap().complete(), verified.outputs.invalid), (true, 1));
    // One that was left out, by somebody who made the manifest fit.
    let fewer = findings.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>();
    scene.put(&place("third", manifest::FINDINGS), fewer.as_bytes()).await;
    let manifest = scene.audit.get(&place("third", manifest::MANIFEST), None).await.unwrap().bytes;
    let [old, new] = [&findings, &fewer].map(|text| crate::state::sha256(text.as_bytes()));
    let forged = String::from_utf8(manifest).unwrap().replace(&old, &new);
    scene.put(&place("third", manifest::MANIFEST), forged.as_bytes()).await;
    let verified = scene.verified("third").await;
    assert_eq!((verified.outputs.invalid, verified.replay.as_ref().unwrap().equal), (0, Some(false)));
    assert_eq!(verified.replay.unwrap().first_difference.unwrap().line, 1);
}

#[tokio::test]
async fn policies_that_are_others_by_now_are_named_and_the_rest_is_compared() {
    let mut scene = scene(Mode::Copy).await;
    scene.pack.sha256 = "of other files".to_owned();
    scene.policy("root-user-used").group_by.clear();
    scene.policy("iam-policy-changed").level = Level::Critical;
    scene.pack.policies.retain(|policy| policy.id != "vpc-changed");
    let verified = scene.verified("third").await;
    let replay = verified.replay.as_ref().unwrap();
    let out: Vec<&str> = replay.left_out.iter().map(|one| one.policy.as_str()).collect();
    assert_eq!(out, ["root-user-used", "vpc-changed"], "a level that no finding shows is not missed");
    assert_eq!((replay.equal, replay.complete(), replay.differs()), (Some(true), false, false));
    assert!(replay.findings > 0 && replay.set_aside > 0);
    assert!(render::text(&verified).contains("not replayed: root-user-used: what its matches depend on"));
    scene.policy("root-user-activity").level = Level::Low;
    let replay = scene.replayed("third").await;
    assert_eq!(replay.left_out.last().unwrap().policy, "root-user-activity");
    assert_eq!((replay.equal, replay.findings), (Some(true), 2));
    // The same files have the same levels: then it is the findings that are others.
    scene.pack = pack();
    let raised = scene.findings("third").await.replace("\"level\":\"critical\"", "\"level\":\"low\"");
    scene.put(&place("third", manifest::FINDINGS), raised.as_bytes()).await;
    assert!(scene.replayed("third").await.differs());
}

#[tokio::test]
async fn without_state_or_list_there_is_no_replay_and_it_says_so() {
    let whole = scene(Mode::Copy).await;
    let without = whole.without(|key| key == "head").await;
    let verified = without.verified("third").await;
    let replay = verified.replay.as_ref().unwrap();
    assert!(replay.impossible.as_ref().is_some_and(|why| why.contains("the state")), "{replay:?}");
    assert_eq!((replay.equal, replay.complete(), replay.differs()), (None, false, false));
    assert!(render::text(&verified).contains("replay: not done"));
    without.put(&place("third", manifest::INPUTS), b"").await;
    assert!(without.replayed("third").await.impossible.unwrap().contains("list of inputs"));
}

#[test]
fn correlations_are_left_out_where_the_inputs_do_not_say_what_they_found() {
    let rule = "id: made\ntitle: T\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n\
                detection: {it: {eventName: CreateUser}, condition: it}\n";
    let many = format!("{rule}threshold: {{count: 3, within: 5m}}\n");
    let new = format!(
        "{rule}---\nid: new\ntitle: T\nlevel: low\n\
         correlation: {{type: first_seen, rules: [made], timespan: 1d, condition: {{field: awsRegion}}}}\n"
    );
    let said = |text: &str, rewritten: bool| {
        let loaded = policy::load([("policy.yaml", text)]);
        assert_eq!(loaded.diagnostics, []);
        super::unspoken(&loaded.policies[0], rewritten).is_some()
    };
    assert_eq!([rule, &many, &new].map(|text| said(text, false)), [false, false, true]);
    assert_eq!([rule, &many, &new].map(|text| said(text, true)), [false, true, true]);
}
