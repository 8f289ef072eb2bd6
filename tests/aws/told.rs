//! People are told what a run found: the alarm on refused calls, once, and again when it is over; what fails waits, and a run that is
//! killed before it remembers tells once more.

use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::boto;
use super::collecting::{Audit, EXTERNAL_ID, Ran, wait_for};
use super::environment::{Emulator, variables};
use super::organization::{HUB_ACCOUNT, Organization};
use super::proxy::{Proxy, Strike};
use server::{Reply, Server};

#[path = "../../src/notify/tests/server.rs"]
#[expect(dead_code, reason = "these servers answer at once")]
mod server;

/// Account and region that these tests look at.
const CELL: (&str, &str) = ("100000000010", "us-east-1");
const TOPIC: &str = "arn:aws:sns:us-east-1:100000000002:alarms";
const SECRET: &str = "canary-secret-0123456789abcdef";

/// One day of logs in which somebody is refused again and again.
fn stormy(emulator: &Emulator) -> Organization<'_> {
    let storms = json!({"external_id": EXTERNAL_ID, "storms": [[0, CELL.0, CELL.1, 40]]});
    let organization = Organization::create(emulator, "2026-10-01", 1, &storms);
    ask(
        emulator,
        "sns, sqs = client('sns'), client('sqs')\n\
         topic = sns.create_topic(Name='alarms')['TopicArn']\n\
         queue = sqs.create_queue(QueueName='heard')['QueueUrl']\n\
         arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']\n\
         sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn)\n\
         print('null')",
    );
    organization
}

fn ask(emulator: &Emulator, lines: &str) -> Value {
    boto(variables(&emulator.url, &format!("AKIA{HUB_ACCOUNT}")), lines)
}

/// What the topic's listeners heard since this was asked last: subject and message.
fn heard(emulator: &Emulator) -> Vec<(String, String)> {
    let bodies = ask(
        emulator,
        "sqs = client('sqs')\n\
         queue = sqs.get_queue_url(QueueName='heard')['QueueUrl']\n\
         bodies = []\n\
         while got := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get('Messages'):\n    \
             for one in got:\n        \
                 bodies.append(one['Body'])\n        \
                 sqs.delete_message(QueueUrl=queue, ReceiptHandle=one['ReceiptHandle'])\n\
         print(json.dumps(bodies))",
    );
    let bodies = bodies.as_array().unwrap().iter();
    let read = bodies.map(|body| serde_json::from_str::<Value>(body.as_str().unwrap()).unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut heard: Vec<(String, String)> = read.map(|body| (text(&body["Subject"]), text(&body["Message"]))).collect();
    heard.sort();
    heard
}

/// A configuration over one account and region, in which a topic, and more, is told.
fn audit(url: &str, bucket: &str, more: &str) -> Audit {
    let accounts = "  list:\n    - {id: \"100000000010\", name: bank-dev, env: dev}\n";
    let audit = Audit::new(url, bucket, accounts, "[us-east-1]", "  - {trails: discovered, mode: copy}\n");
    let path = audit.path("assize.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let notify = format!(
        "judge: {{period: 3d}}\nnotify:\n  - name: on-call\n    sns: {{topic: \"{TOPIC}\"}}\n    \
         when: {{level: medium, envs: dev, policies: many-refused-calls}}\n    link: https://reports.example.com/runs\n{more}"
    );
    std::fs::write(path, text + &notify).unwrap();
    audit
}

fn run_args(as_of: &str) -> [&str; 5] {
    ["run", "--as-of", as_of, "--format", "json"]
}

/// Runs with the addresses of `hook`, if there is one.
fn run(audit: &Audit, as_of: &str, hook: Option<&Server>) -> Ran {
    let mut command = audit.command(&run_args(as_of));
    if let Some(hook) = hook {
        command.env("HOOK", format!("{}/canary-hook", hook.url)).env("SECRET", SECRET);
    }
    let output: Output = command.output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("canary"));
    Ran::of(output)
}

/// What the newest run's record says of who was told.
fn notified(audit: &Audit, ran: &Ran) -> Value {
    let id = ran.document["scope"]["run_id"].as_str().unwrap_or_else(|| panic!("{}", ran.err));
    let record = std::fs::read_to_string(audit.path(&format!("audit/runs/{id}/run.json"))).unwrap();
    assert!(!record.contains("canary"), "{record}");
    serde_json::from_str::<Value>(&record).unwrap()["notified"].clone()
}

#[test]
fn a_storm_of_refused_calls_is_told_once_and_so_is_its_end() {
    let emulator = Emulator::start();
    let mut organization = stormy(&emulator);
    let hook = Server::start(vec![Reply::body(404, "no_service"), Reply::body(404, "no_service"), Reply::status(200)]);
    let more = "  - name: desk\n    webhook: {url: \"${env:HOOK}\", secret: \"${env:SECRET}\"}\n    \
                when: {level: medium, policies: many-refused-calls}\n";
    let audit = audit(&emulator.url, "file://./audit", more);

    let first = run(&audit, "2026-10-02T04:00:00Z", Some(&hook));
    let alarms = heard(&emulator);
    assert_eq!(alarms.len(), 2, "the alarm, and that the days before the trail are not covered: {alarms:?} {}", first.err);
    let (coverage, alarm) = (&alarms[0], &alarms[1]);
    assert_eq!(coverage.0, "[HIGH] incomplete: Not everything could be read and judged (example)");
    assert_eq!(alarm.0, "[MEDIUM] new: One identity was refused ten calls within a minute (bank-dev (100000000010))");
    let id = first.document["scope"]["run_id"].as_str().unwrap();
    let finding = first.findings().into_iter().find(|finding| finding["policy"] == "many-refused-calls").unwrap();
    for said in [
        "who:      arn:aws:iam::100000000010:user/mallory",
        "where:    bank-dev (100000000010), us-east-1",
        "when:     2026-10-01 ",
        "count:    40 records",
        "do:       Ask the owner of the identity whether the calls were theirs.",
        &format!("finding:  {}", finding["fingerprint"].as_str().unwrap()),
        &format!("https://reports.example.com/runs/{id}/report.html"),
    ] {
        assert!(alarm.1.contains(said), "{said}: {}", alarm.1);
    }
    // The other receiver is away: that is said, and costs the run nothing.
    assert!(first.code == 3 || first.code == 4, "{} {}", first.code, first.err);
    assert!(
        first
            .err
            .contains("warning: desk was not notified, 2 messages were not sent: it answered HTTP 404 no_service; 2 things wait"),
        "{}",
        first.err
    );
    let record = notified(&audit, &first);
    assert_eq!(record["on-call"], json!({"sent": 2, "failed": 0, "told": 2, "waiting": 0, "last_error": null}));
    let failed = json!({"sent": 0, "failed": 2, "told": 0, "waiting": 2, "last_error": "it answered HTTP 404 no_service"});
    assert_eq!(record["desk"], failed);
    assert!(audit.path(&format!("audit/runs/{id}/manifest.json")).exists());

    let second = run(&audit, "2026-10-02T05:00:00Z", Some(&hook));
    assert_eq!(heard(&emulator), [], "it goes on, and was told: {}", second.err);
    let record = notified(&audit, &second);
    assert_eq!(
        (&record["desk"]["sent"], &record["desk"]["waiting"]),
        (&json!(2), &json!(0)),
        "what failed is told now: {}",
        second.err
    );
    let late: Vec<Value> = hook.requests()[2..].iter().map(|one| serde_json::from_slice(&one.body).unwrap()).collect();
    assert!(
        late.iter().any(|body| body["items"][0]["fingerprint"] == finding["fingerprint"] && body["items"][0]["run"] == id),
        "{late:?}"
    );
    assert!(late.iter().all(|body| body["run"] == second.document["scope"]["run_id"]));

    // Whoever looks at a part, or at the past, tells nobody.
    let asked = [&run_args("2026-10-02T05:30:00Z")[..], &["--since", "2026-10-01"]].concat();
    let mut command = audit.command(&asked);
    let of_a_period = Ran::of(command.env("HOOK", format!("{}/x", hook.url)).env("SECRET", SECRET).output().unwrap());
    assert!(of_a_period.err.contains("nobody is notified"), "{}", of_a_period.err);

    organization.deliver("2026-10-02", 2);
    let third = run(&audit, "2026-10-04T04:00:00Z", Some(&hook));
    let over = heard(&emulator);
    assert_eq!(over.len(), 1, "{over:?} {}", third.err);
    assert_eq!(over[0].0, "[MEDIUM] recovered: One identity was refused ten calls within a minute (bank-dev (100000000010))");
    assert!(over[0].1.contains("why:      not seen since 2026-10-01") && !over[0].1.contains("do:"), "{}", over[0].1);
    let fourth = run(&audit, "2026-10-04T04:30:00Z", Some(&hook));
    assert_eq!(heard(&emulator), [], "{}", fourth.err);
    assert_eq!(hook.requests().len(), 5, "its end, once");
}

#[test]
fn a_run_that_is_killed_before_it_remembers_tells_once_more_and_loses_nothing() {
    let emulator = Emulator::start();
    stormy(&emulator);
    let proxy = Proxy::start(&emulator.url);
    let as_of = "2026-10-02T04:00:00Z";
    let bucket = |name: &str| {
        ask(&emulator, &format!("client('s3').create_bucket(Bucket='{name}')\nprint('null')"));
        audit(&proxy.url, &format!("s3://{name}"), "")
    };
    let undisturbed = run(&bucket("undisturbed"), as_of, None);
    let told = heard(&emulator);
    assert_eq!(told.len(), 2, "{}", undisturbed.err);
    let writes = proxy.writes();
    let published = writes.iter().position(|write| write.contains("/coverage.json")).unwrap_or_else(|| panic!("{writes:?}"));
    // Writes are counted from 1: this one is the segment with what was told.
    let remembers = published as u64 + 2;
    // Killed before it sends, before it remembers, after it has remembered, and when the register is to be written.
    for (number, after, expected) in
        [(remembers - 1, false, 2), (remembers, false, 4), (remembers + 1, true, 2), (remembers + 3, false, 2)]
    {
        let audit = bucket(&format!("killed-{number}-{after}"));
        proxy.reset();
        let child: Arc<Mutex<Option<std::process::Child>>> = Arc::default();
        let victim = Arc::clone(&child);
        let kill = Box::new(move || {
            let mut child = victim.lock().unwrap();
            let child = child.as_mut().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
        });
        proxy.at_write(number, if after { Strike::CallAfter(kill) } else { Strike::CallBefore(kill) });
        {
            // Held until the child is known, so that the strike finds it.
            let mut slot = child.lock().unwrap();
            let mut command = audit.command(&run_args(as_of));
            *slot = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        }
        wait_for(&child);
        proxy.reset();
        let again = run(&audit, as_of, None);
        let which = format!("killed {} write {number} of {writes:?}: {}", if after { "after" } else { "before" }, again.err);
        let all = heard(&emulator);
        assert_eq!(all.len(), expected, "{which} {all:?}");
        let alarms = all.iter().filter(|(subject, _)| subject.contains("new: One identity")).count();
        assert_eq!(alarms, expected / 2, "{which}");
        run(&audit, "2026-10-02T05:00:00Z", None);
        assert_eq!(heard(&emulator), [], "{which}");
    }
}

#[test]
fn a_topic_is_tried_and_a_denial_says_what_to_allow() {
    let emulator = Emulator::start();
    stormy(&emulator);
    let audit = audit(&emulator.url, "file://./audit", "");
    let tried = audit.command(&["notify", "test"]).output().unwrap();
    let out = String::from_utf8_lossy(&tried.stdout);
    assert!(tried.status.success() && out.starts_with(&format!("ok    on-call (SNS {TOPIC}): message ")), "{out}");
    assert_eq!(heard(&emulator)[0].0, "[TEST] assize: example");
    let fault = json!({"name": "denied", "service": "sns", "operation": "Publish", "status": 403, "code": "AuthorizationError"});
    emulator.post("/faults", &fault);
    let denied = audit.command(&["notify", "test"]).output().unwrap();
    let out = String::from_utf8_lossy(&denied.stdout);
    assert!(denied.status.code() == Some(2) && out.starts_with("FAIL  on-call") && out.contains("sns:Publish"), "{out}");
}
