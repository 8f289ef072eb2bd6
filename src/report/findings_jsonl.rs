//! `findings.jsonl`: every occurrence of every finding, one JSON object a line, for those who need all of them.
//!
//! Version 1 of the format: `version`, `fingerprint`, `policy`, `level`, `account`, `region`, `number` and `count` (this
//! is occurrence number of count), `time`, `event_id`, `object`, `record`, `offset`, `length`, `sha256_128`; meanings as
//! in [`super::v1::Occurrence`].

use std::io::{self, Write};

use assize_engine::finding::Finding;
use assize_engine::policy::Policy;
use assize_engine::time;
use serde::Serialize;

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    fingerprint: &'a str,
    policy: &'a str,
    level: &'a str,
    account: &'a str,
    region: &'a str,
    number: usize,
    count: usize,
    time: String,
    event_id: String,
    object: &'a str,
    record: u64,
    offset: u64,
    length: u64,
    sha256_128: String,
}

/// Writes every occurrence, in the order of the findings.
///
/// # Errors
/// Writing failed.
pub(crate) fn write(findings: &[Finding], policies: &[Policy], out: &mut dyn Write) -> io::Result<()> {
    for finding in findings {
        let Some(policy) = policies.get(finding.policy) else { continue };
        for (number, hit) in finding.hits.iter().enumerate() {
            let line = Line {
                version: 1,
                fingerprint: &finding.fingerprint,
                policy: &policy.id,
                level: policy.level.name(),
                account: &finding.group.account,
                region: &finding.group.region,
                number: number + 1,
                count: finding.hits.len(),
                time: time::format(hit.time),
                event_id: hit.event_id.to_string(),
                object: &hit.object,
                record: hit.place.index,
                offset: hit.place.offset,
                length: hit.length,
                sha256_128: hit.digest.hex(),
            };
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}
