//! What is told of a record: the columns of a table, and the fields of JSON. Version 1: a change is a version 2.

use assize_engine::time;
use serde::Serialize;

use super::record::{Record, actor};
use super::shown::Shown;

/// One record. Texts that it does not have are empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    /// 1.
    pub(crate) version: u32,
    /// Event time, RFC 3339, UTC.
    pub(crate) time: String,
    /// The account that received it.
    pub(crate) account: String,
    /// The region.
    pub(crate) region: String,
    /// The service, without `.amazonaws.com`.
    pub(crate) service: String,
    /// The name of the event.
    pub(crate) api: String,
    /// Who called, short.
    pub(crate) actor: String,
    /// `console`, `cli`, `sdk`, `service` or `third-party`.
    pub(crate) via: String,
    /// The caller's address, or the host of a service.
    pub(crate) address: String,
    /// `success`, `denied`, `throttled` or `failed`.
    pub(crate) outcome: String,
    /// The error's code, or its message where there is no code.
    pub(crate) error: String,
    /// ARNs of the resources that the record names.
    pub(crate) resources: Vec<String>,
    /// The id of the event.
    pub(crate) event_id: String,
    /// Whether it only reads; as the record says, or by its verb.
    pub(crate) read_only: bool,
    /// The object that holds it.
    pub(crate) object: String,
    /// Its number there, from 0.
    pub(crate) record: u64,
}

impl Row {
    pub(crate) fn of(shown: &Shown<'_>) -> Row {
        let Shown { record, object, index } = shown;
        Row { object: (*object).to_owned(), record: *index, ..Row::without_place(record) }
    }

    fn without_place(record: &Record<'_>) -> Row {
        let account = record.account().into_owned();
        let mut resources = Vec::new();
        record.any(&["resources", "ARN"], |arn| {
            resources.push(arn.to_owned());
            false
        });
        Row {
            version: 1,
            time: time::format(record.time),
            region: record.region().into_owned(),
            service: record.service(),
            api: record.api().into_owned(),
            actor: actor(&record.caller(), &account),
            account,
            via: record.via(),
            address: record.text("sourceIPAddress").into_owned(),
            outcome: record.outcome(),
            error: record.error().into_owned(),
            resources,
            event_id: record.text("eventID").into_owned(),
            read_only: record.read_only(),
            object: String::new(),
            record: 0,
        }
    }
}
