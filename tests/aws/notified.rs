//! A queue that names new objects: a run takes those and deletes their messages, listing finds the others once a day, and
//! messages that come twice, or again after a crash, double nothing.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::boto;
use super::collecting::{Audit, Ran, evidence, seeded, wait_for};
use super::environment::{Emulator, variables};
use super::organization::{HUB_ACCOUNT, Organization};
use super::proxy::{Proxy, Strike};

/// Account and region that these tests look at.
const CELL: (&str, &str) = ("100000000010", "us-east-1");
const BUCKET: &str = "trail-logs-100000000010";
const SINCE: [&str; 2] = ["--since", "2026-10-01"];

/// A queue of the hub's own, filled and counted with the hub's keys.
struct Queue<'a> {
    emulator: &'a Emulator,
    name: &'static str,
    url: String,
}

impl<'a> Queue<'a> {
    fn create(emulator: &'a Emulator, name: &'static str) -> Queue<'a> {
        let mut queue = Queue { emulator, name, url: String::new() };
        let made = queue.ask(&format!("print(json.dumps(client('sqs').create_queue(QueueName='{name}')['QueueUrl']))"));
        queue.url = made.as_str().unwrap().to_owned();
        queue
    }

    fn send(&self, bodies: &[String]) {
        let bodies = serde_json::to_string(bodies).unwrap();
        self.ask(&format!(
            "for body in json.loads({}):\n    client('sqs').send_message(QueueUrl='{}', MessageBody=body)\nprint('null')",
            serde_json::to_string(&bodies).unwrap(),
            self.url
        ));
    }

    /// What is in it, whether it can be received now or not.
    fn left(&self) -> u64 {
        let names = "['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible']";
        let left = self.ask(&format!(
            "got = client('sqs').get_queue_attributes(QueueUrl='{}', AttributeNames={names})['Attributes']\n\
             print(json.dumps(sum(int(number) for number in got.values())))",
            self.url
        ));
        left.as_u64().unwrap()
    }

    /// What was received and not deleted may come again, as it does on AWS after fifteen minutes.
    fn show_again(&self) {
        self.emulator.post("/visible", &json!({"account": HUB_ACCOUNT, "region": "us-east-1", "queue": self.name}));
    }

    fn ask(&self, lines: &str) -> Value {
        boto(variables(&self.emulator.url, &format!("AKIA{HUB_ACCOUNT}")), lines)
    }
}

/// As CloudTrail tells it through SNS.
fn by_cloudtrail(keys: &[&str]) -> String {
    let message = json!({"s3Bucket": BUCKET, "s3ObjectKey": keys}).to_string();
    json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:us-east-1:100000000010:trail", "Message": message})
        .to_string()
}

/// As S3 tells it.
fn by_s3(bucket: &str, key: &str) -> String {
    let s3 = json!({"bucket": {"name": bucket}, "object": {"key": key.replace('/', "%2F"), "size": 1}});
    json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}]}).to_string()
}

/// As EventBridge tells it.
fn by_event_bridge(key: &str) -> String {
    let detail = json!({"bucket": {"name": BUCKET}, "object": {"key": key}});
    json!({"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}).to_string()
}

fn test_event() -> String {
    json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}).to_string()
}

/// A configuration over one account and region, with a queue.
fn audit(url: &str, queue: &Queue<'_>) -> Audit {
    let audit = Audit::new(
        url,
        "file://./audit",
        "  list:\n    - {id: \"100000000010\", env: dev}\n",
        "[us-east-1]",
        "  - {trails: discovered, mode: copy}\n",
    );
    let path = audit.path("assize.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{text}notifications: {{queue: \"{}\", region: us-east-1}}\n", queue.url)).unwrap();
    audit
}

/// Keys of the cell, in order; those of `kind` that came on `day`.
fn keys(organization: &Organization<'_>, kind: &str, day: &str) -> Vec<String> {
    let mut keys: Vec<String> = organization
        .of_kind(kind, Some(CELL.0))
        .into_iter()
        .filter(|one| one["region"] == CELL.1)
        .map(|one| one["key"].as_str().unwrap().to_owned())
        .filter(|key| key.contains(&format!("/{}/", day.replace('-', "/"))))
        .collect();
    keys.sort();
    keys
}

fn kept(audit: &Audit, key: &str) -> bool {
    evidence(&audit.path("audit")).keys().any(|name| name.ends_with(key))
}

fn taken(ran: &Ran) -> u64 {
    ran.number("/scope/collection/taken")
}

#[test]
fn a_run_takes_what_the_queue_names_and_listing_finds_the_rest() {
    let emulator = Emulator::start();
    let mut organization = seeded(&emulator, 2);
    let queue = Queue::create(&emulator, "named");
    let proxy = Proxy::start(&emulator.url);
    let audit = audit(&proxy.url, &queue);
    let first = audit.run("2026-10-03T03:00:00Z", &SINCE);
    assert!(first.code <= 1, "{}", first.err);
    let before = taken(&first);
    assert!(before > 6, "the first run of a day lists: {before}");

    organization.deliver_in(CELL, "2026-10-03", 1);
    let logs = keys(&organization, "log", "2026-10-03");
    // The digest of a day comes after it.
    let unnamed = keys(&organization, "digest", "2026-10-04").remove(0);
    let [one, two, three] = [&logs[0], &logs[1], &logs[2]];
    let missing = one.replace("_CloudTrail_", "_CloudTrail_missing_");
    let elsewhere = format!("other/{one}");
    queue.send(&[
        by_cloudtrail(&[one]),
        by_s3(BUCKET, two),
        by_s3(BUCKET, two),
        by_event_bridge(three),
        test_event(),
        by_s3("somebody-elses", one),
        by_s3(BUCKET, &elsewhere),
        "buy now".to_owned(),
        by_s3(BUCKET, &missing),
    ]);
    proxy.reset();
    let named = audit.run("2026-10-03T20:00:00Z", &SINCE);
    assert_eq!(taken(&named), 3, "{}", named.err);
    assert_eq!(named.document["scope"]["collection"]["balanced"], true);
    assert!(logs.iter().all(|key| kept(&audit, key)) && !kept(&audit, &unnamed));
    assert_eq!(proxy.calls()["s3:GetObject"], 3, "nothing is fetched twice");
    assert_eq!(queue.left(), 2, "what was not understood, and what could not be looked at: {}", named.err);
    assert!(named.err.contains("of the queue: the message is not JSON"), "{}", named.err);
    assert!(named.err.contains(&missing) && named.err.contains("its message stays in the queue"), "{}", named.err);
    assert!(named.err.contains("2 objects that messages name are no logs in the scope"), "{}", named.err);
    assert_eq!(named.number("/scope/collection/failed"), 1, "it is counted");
    // Nothing but a listing proves that the queue named everything: two days, and up to an hour before the listing.
    assert_eq!(named.number("/scope/hours_due"), 50);

    queue.show_again();
    queue.send(&[by_cloudtrail(&[one, two, three]), by_s3(BUCKET, three)]);
    proxy.reset();
    let again = audit.run("2026-10-03T21:00:00Z", &SINCE);
    assert_eq!((taken(&again), again.number("/scope/collection/already")), (0, 3), "{}", again.err);
    assert!(!proxy.calls().contains_key("s3:GetObject"), "{:?}", proxy.calls());
    assert_eq!(again.document["books"]["records"], named.document["books"]["records"]);
    assert_eq!((again.findings(), queue.left()), (named.findings(), 2));

    let next_day = audit.run("2026-10-04T03:00:00Z", &SINCE);
    assert_eq!(taken(&next_day), 1, "the one that nobody named: {}", next_day.err);
    assert!(kept(&audit, &unnamed));
    let alone = Audit::of_one(&emulator.url, "unused");
    let alone_config = std::fs::read_to_string(alone.path("assize.yaml")).unwrap().replace("s3://unused", "file://./audit");
    std::fs::write(alone.path("assize.yaml"), alone_config).unwrap();
    let alone_ran = alone.run("2026-10-04T03:00:00Z", &SINCE);
    assert_eq!(next_day.findings(), alone_ran.findings(), "as if there were no queue");
    assert_eq!(next_day.document["scope"]["cells"], alone_ran.document["scope"]["cells"]);
    assert_eq!(next_day.document["books"]["records"], alone_ran.document["books"]["records"]);
    assert_eq!(evidence(&audit.path("audit")), evidence(&alone.path("audit")));
    assert_eq!(taken(&alone_ran), before + 4);
}

#[test]
fn a_run_that_is_killed_before_the_messages_are_deleted_sees_them_again_harmlessly() {
    let emulator = Emulator::start();
    let mut organization = seeded(&emulator, 2);
    let queue = Queue::create(&emulator, "killed");
    let proxy = Proxy::start(&emulator.url);
    let base = audit(&proxy.url, &queue);
    base.run("2026-10-03T03:00:00Z", &SINCE);
    organization.deliver_in(CELL, "2026-10-03", 1);
    let logs = keys(&organization, "log", "2026-10-03");
    let messages = [by_cloudtrail(&[&logs[0]]), by_s3(BUCKET, &logs[1]), by_event_bridge(&logs[2])];
    let as_of = "2026-10-03T20:00:00Z";
    let run_from_base = || {
        let copied = audit(&proxy.url, &queue);
        copy(&base.path("audit"), &copied.path("audit"));
        copied
    };
    let undisturbed = run_from_base();
    queue.send(&messages);
    let expected = undisturbed.run(as_of, &SINCE);
    assert_eq!((taken(&expected), queue.left()), (3, 0), "{}", expected.err);

    for (operation, left) in [("sqs:DeleteMessageBatch", 3), ("sqs:ReceiveMessage", 3)] {
        for after in [false, true] {
            let audit = run_from_base();
            queue.send(&messages);
            let child = Arc::new(Mutex::new(None));
            let victim = Arc::clone(&child);
            let kill = Box::new(move || {
                let mut child = victim.lock().unwrap();
                let child: &mut std::process::Child = child.as_mut().unwrap();
                child.kill().unwrap();
                child.wait().unwrap();
            });
            proxy.at_call(operation, if after { Strike::CallAfter(kill) } else { Strike::CallBefore(kill) });
            {
                let mut slot = child.lock().unwrap();
                let args = [&["run", "--as-of", as_of][..], &SINCE].concat();
                *slot = Some(audit.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
            }
            wait_for(&child);
            assert!(!proxy.is_armed(), "{operation} was called");
            let is_deleted = operation == "sqs:DeleteMessageBatch" && after;
            assert_eq!(queue.left(), if is_deleted { 0 } else { left });
            queue.show_again();
            let again = audit.run(as_of, &SINCE);
            let which = format!("killed {} {operation}: {}", if after { "after" } else { "before" }, again.err);
            assert_eq!(again.findings(), expected.findings(), "{which}");
            assert_eq!(again.document["books"]["records"], expected.document["books"]["records"], "{which}");
            assert_eq!(evidence(&audit.path("audit")), evidence(&undisturbed.path("audit")), "{which}");
            let committed = operation == "sqs:DeleteMessageBatch";
            assert_eq!(taken(&again), if committed { 0 } else { 3 }, "{which}");
            assert_eq!(queue.left(), 0, "{which}");
        }
    }
}

#[test]
fn a_queue_that_cannot_be_read_and_a_part_of_the_accounts_are_listed() {
    let emulator = Emulator::start();
    let mut organization = seeded(&emulator, 2);
    let queue = Queue::create(&emulator, "denied");
    let audit = audit(&emulator.url, &queue);
    audit.run("2026-10-03T03:00:00Z", &SINCE);
    organization.deliver_in(CELL, "2026-10-03", 1);
    queue.send(&[by_s3(BUCKET, &keys(&organization, "log", "2026-10-03")[0])]);
    let part = audit.run("2026-10-03T20:00:00Z", &[&SINCE[..], &["--accounts", CELL.0]].concat());
    assert!(part.err.contains("the queue waits for a run for all of them"), "{}", part.err);
    assert_eq!((taken(&part), queue.left()), (4, 1), "{}", part.err);
    let whole = audit.run("2026-10-03T20:30:00Z", &SINCE);
    assert_eq!((taken(&whole), queue.left()), (0, 0), "{}", whole.err);
    organization.deliver_late(CELL.0, CELL.1, "2026-10-03T10:00:00Z", "2026-10-03T20:40:00Z");
    emulator.post("/faults", &json!({"service": "sqs", "operation": "ReceiveMessage", "deny": {"by": "identity"}}));
    let denied = audit.run("2026-10-03T21:00:00Z", &SINCE);
    assert!(denied.err.contains("the queue cannot be read, so everything is listed"), "{}", denied.err);
    assert_eq!(taken(&denied), 1, "{}", denied.err);
}

/// The hub role of `assize role` may do with the queue what a run and the doctor do.
#[test]
fn the_hub_role_may_do_what_is_done_with_the_queue() {
    let emulator = Emulator::start();
    seeded(&emulator, 1);
    let queue = Queue::create(&emulator, "granted");
    let audit = audit(&emulator.url, &queue);
    queue.send(&[test_event()]);
    audit.run("2026-10-02T03:00:00Z", &SINCE);
    audit.command(&["doctor"]).output().unwrap();
    let called = emulator.get(&format!("/calls?account={HUB_ACCOUNT}&service=sqs"));
    let called = called.as_object().unwrap().keys().filter(|name| *name != "sqs:CreateQueue" && *name != "sqs:SendMessage");
    let called: Vec<String> = called.map(|name| name.replace("MessageBatch", "Message")).collect();
    assert_eq!(called, ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]);
    let output = audit.command(&["role", "--format", "json", "--part", "hub"]).output().unwrap();
    let documents: Value = serde_json::from_slice(&output.stdout).unwrap();
    let statements = documents["hub.permissions"]["Statement"].as_array().unwrap();
    let granted = statements.iter().find(|one| one["Sid"] == "ReadQueue").unwrap();
    let arn = format!("arn:aws:sqs:us-east-1:{HUB_ACCOUNT}:granted");
    assert_eq!(granted["Resource"], json!([arn]));
    for action in &called {
        assert!(granted["Action"].as_array().unwrap().iter().any(|one| one == action), "{action} in {granted}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
