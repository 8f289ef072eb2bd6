//! The organisation that tests collect from, seeded into an emulator by seed.py, which says what is in it and what is broken.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::environment::{Emulator, folder, python};

/// The account that the tests' own credentials belong to: the hub, which may assume the roles.
pub(crate) const HUB_ACCOUNT: &str = "100000000002";
/// The role in every account.
pub(crate) const ROLE: &str = "AssizeAudit";
/// The bucket of the organisation trail, in eu-west-1, owned by `LOG_ARCHIVE`; the hub may read it.
pub(crate) const ORGANIZATION_BUCKET: &str = "organization-trail-logs";
/// The account that owns the organisation trail's bucket.
pub(crate) const LOG_ARCHIVE: &str = "100000000003";
/// Not in the organisation; its role refuses. Logs lie in `trail-logs-100000000011`.
pub(crate) const DENIED: &str = "100000000011";
/// In the organisation; it has no role yet.
pub(crate) const NOT_ENROLLED: &str = "100000000008";
/// In the organisation; it has not enabled eu-south-1.
pub(crate) const REGION_DISABLED: (&str, &str) = ("100000000005", "eu-south-1");
/// Not in the organisation; the objects in its bucket cannot be decrypted.
pub(crate) const UNDECRYPTABLE: &str = "100000000012";
/// Every region that an account of the organisation may have.
pub(crate) const REGIONS: [&str; 4] = ["ap-northeast-1", "eu-south-1", "eu-west-1", "us-east-1"];

/// What is broken from the start, and can be repaired.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Broken {
    /// The role of `DENIED` refuses.
    Denied,
    /// `NOT_ENROLLED` has no role.
    NotEnrolled,
    /// `REGION_DISABLED`.
    Region,
    /// The key of `UNDECRYPTABLE`.
    Kms,
}

impl Broken {
    /// All of them.
    pub(crate) const ALL: [Broken; 4] = [Broken::Denied, Broken::NotEnrolled, Broken::Region, Broken::Kms];

    fn name(self) -> &'static str {
        match self {
            Broken::Denied => "denied",
            Broken::NotEnrolled => "not-enrolled",
            Broken::Region => "region",
            Broken::Kms => "kms",
        }
    }
}

/// A seeded organisation. Buckets are global in an emulator: one organisation for each.
pub(crate) struct Organization<'a> {
    /// What lies in the buckets: `bucket`, `key`, `kind` (log, digest, insight, other), `account`, `region`, `delivered`,
    /// `records`, `size`, `sha256`.
    pub(crate) objects: Vec<Value>,
    /// What policies should find: `policy`, `account`, `region`, `time`, `event_id`, `bucket`, `key`.
    pub(crate) planted: Vec<Value>,
    emulator: &'a Emulator,
    options: Value,
}

impl<'a> Organization<'a> {
    /// Seeds twelve accounts with logs from `since` (a date) on. More options (see seed.py) are laid over these.
    pub(crate) fn create(emulator: &'a Emulator, since: &str, days: u32, more: &Value) -> Organization<'a> {
        let mut options = json!({"since": since, "first": since, "days": days});
        merge(&mut options, more);
        let mut made = Organization { objects: Vec::new(), planted: Vec::new(), emulator, options };
        made.run("create", &json!({}));
        made
    }

    /// The logs of further days, as `create` would have made them.
    pub(crate) fn deliver(&mut self, since: &str, days: u32) {
        self.run("deliver", &json!({"since": since, "days": days}));
    }

    /// The logs of some days in one account and region alone, as `create` would have made them.
    pub(crate) fn deliver_in(&mut self, (account, region): (&str, &str), since: &str, days: u32) {
        self.run("deliver", &json!({"since": since, "days": days, "cells": [[account, region]]}));
    }

    /// One more object about old events, with the time of its delivery in its key. Gives its key.
    pub(crate) fn deliver_late(&mut self, account: &str, region: &str, event_time: &str, delivered: &str) -> String {
        self.run("late", &json!({"account": account, "region": region, "event_time": event_time, "delivered": delivered}));
        self.newest_key()
    }

    /// One more object that appears now under a key dated in the past. Gives its key.
    pub(crate) fn deliver_old_key(&mut self, account: &str, region: &str, event_time: &str, delivered: &str) -> String {
        self.run("old-key", &json!({"account": account, "region": region, "event_time": event_time, "delivered": delivered}));
        self.newest_key()
    }

    /// Puts other bytes under the key of a log object: its records without the last one.
    pub(crate) fn replace(&mut self, bucket: &str, key: &str) {
        self.run("replace", &json!({"bucket": bucket, "key": key}));
    }

    /// Moves an object to Glacier.
    pub(crate) fn archive(&mut self, bucket: &str, key: &str) {
        self.run("archive", &json!({"bucket": bucket, "key": key}));
    }

    /// Puts the records of these days into Event history, and into no bucket.
    pub(crate) fn history(&mut self, account: &str, region: &str, since: &str, days: u32) {
        self.run("history", &json!({"account": account, "region": region, "since": since, "days": days}));
    }

    /// Repairs what was broken. A region that becomes enabled has no logs of the time before; from then on `deliver` brings them.
    pub(crate) fn repair(&mut self, what: Broken) {
        if matches!(what, Broken::Region) {
            self.options["region_enabled"] = json!(true);
        }
        self.run("repair", &json!({"what": what.name()}));
    }

    /// The objects of a kind, in all accounts or in one.
    pub(crate) fn of_kind(&self, kind: &str, account: Option<&str>) -> Vec<&Value> {
        let wanted = |object: &&Value| object["kind"] == kind && account.is_none_or(|account| object["account"] == account);
        self.objects.iter().filter(wanted).collect()
    }

    fn newest_key(&self) -> String {
        self.objects.last().and_then(|object| object["key"].as_str()).expect("an object was made").to_owned()
    }

    fn run(&mut self, command: &str, more: &Value) {
        let mut options = self.options.clone();
        merge(&mut options, more);
        let script: PathBuf = folder().join("seed.py");
        let output = Command::new(python())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(script)
            .args([&self.emulator.url, command, &options.to_string()])
            .stdin(Stdio::null())
            .output()
            .expect("the venv's Python can be started");
        assert!(output.status.success(), "seed.py {command} {options}: {}", String::from_utf8_lossy(&output.stderr));
        let mut said: Value = serde_json::from_slice(&output.stdout).expect("seed.py prints JSON");
        let mut taken = |name: &str| said[name].as_array_mut().map(std::mem::take).unwrap_or_default();
        for object in taken("objects") {
            // A replaced object is not one more.
            self.objects.retain(|other| other["bucket"] != object["bucket"] || other["key"] != object["key"]);
            self.objects.push(object);
        }
        self.planted.extend(taken("planted"));
    }
}

fn merge(options: &mut Value, more: &Value) {
    for (name, value) in more.as_object().expect("options are an object") {
        options[name] = value.clone();
    }
}
