//! What discovery would find of the synthetic organisation: its accounts, its trails and where they write to. One account has
//! never let the auditor in.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use assize_bucket::Bucket;
use assize_engine::coverage::{Reason, Recording};
use assize_engine::layout::Folder;
use assize_engine::time;

use crate::collect::collected::Collected;
use crate::collect::plan::Place;
use crate::collect::take::Source;
use crate::collect::timeline::TrailLook;
use crate::config::Mode;
use crate::demo::{BUCKET, DENIED, Summary, Trail};
use crate::discover::{Discovered, Trouble};
use crate::estate::{Account, Estate};

/// The configuration that stands for the demo: `verify`, `coverage`, `explain`, `events` and `history` read it.
pub(super) fn configuration(summary: &Summary) -> String {
    let account = |one: &crate::demo::Account| {
        let tags: Vec<String> = one.tags.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        format!("    - {{id: {}, name: {}, env: {}, tags: {{{}}}}}\n", one.id, one.name, one.env, tags.join(", "))
    };
    let accounts: String = summary.accounts.iter().map(account).collect();
    format!(
        "# The configuration of this demo. `assize events`, `history`, `verify`, `coverage` and `explain` can be tried with it:\n\
         # they read the audit folder alone. `assize run` cannot, because the organisation does not exist.\n\
         name: Kaigan (synthetic)\n\
         audit: {{bucket: 'file://audit'}}\n\
         accounts:\n  list:\n{accounts}    - {{id: {}, name: {}, env: dev}}\n\
         regions: [{}]\n\
         sources: [{{bucket: {BUCKET}, mode: copy}}]\n\
         judge: {{period: 30d}}\n\
         waivers: waivers.yaml\n\
         reviews: reviews.yaml\n\
         report:\n  formats: [html, markdown, json, sarif, junit, csv, xlsx]\n  fiscal-year-start: 4\n  review-within:\n\
         \u{20}   - {{level: critical, within: 1d}}\n    - {{level: high, within: 7d}}\n",
        DENIED.0,
        DENIED.1,
        summary.regions.join(", "),
    )
}

/// The accounts in scope.
pub(super) fn estate(summary: &Summary) -> Estate {
    let of = |one: &crate::demo::Account| Account {
        id: one.id.clone(),
        name: one.name.clone(),
        env: one.env.clone(),
        tags: one.tags.iter().cloned().collect(),
        member: true,
        suspended: false,
        units: vec!["Root".to_owned(), unit(&one.env).to_owned()],
    };
    let denied = Account {
        id: DENIED.0.to_owned(),
        name: DENIED.1.to_owned(),
        env: "dev".to_owned(),
        units: vec!["Root".to_owned(), unit("dev").to_owned()],
        ..Account::default()
    };
    let accounts: Vec<Account> = summary.accounts.iter().map(of).chain([denied]).collect();
    Estate {
        organization: Some(summary.organisation.to_owned()),
        organization_accounts: Some(accounts.len() as u64),
        accounts,
        ..Estate::default()
    }
}

/// The organisational unit of an environment.
fn unit(env: &str) -> &'static str {
    match env {
        "prod" => "Production",
        "dev" => "Development",
        _ => "Core",
    }
}

/// What is there to collect, and how the trails are.
///
/// `since`: from the run before to this one, seconds since 1970.
pub(super) fn discover(summary: &Summary, logs: Arc<dyn Bucket>, since: Range<i64>, collected: &mut Collected) -> Discovered {
    let as_of = since.end;
    let source =
        Source { bucket_name: BUCKET.to_owned(), id: format!("s3://{BUCKET}"), partition: "aws", bucket: logs, mode: Mode::Copy };
    let regions: Vec<String> = summary.regions.iter().map(|region| (*region).to_owned()).collect();
    let mut found = Discovered { sources: vec![source], ..Discovered::default() };
    // Looked at on the first day too, as scheduled runs would have done.
    let first = time::parse(&summary.since).filter(|first| !since.contains(first) || since.start == i64::MIN);
    for now in first.into_iter().chain([as_of]) {
        collected.look(now);
        for trail in &summary.trails {
            for region in &trail.regions {
                collected.saw_trails(&trail.account, region, vec![look(trail, now)]);
            }
        }
    }
    for trail in &summary.trails {
        collected.saw_account(&trail.account, true, as_of);
        found.cells.extend(trail.regions.iter().map(|region| ((trail.account.clone(), (*region).to_owned()), None)));
        found.places.push(Place {
            source: 0,
            root: trail.root.clone(),
            account: trail.account.clone(),
            regions: trail.regions.iter().map(|region| (*region).to_owned()).collect(),
            folders: vec![Folder::CloudTrail, Folder::Digest, Folder::Insight],
            empty: false,
        });
    }
    for call in summary.calls.iter().filter(|call| since.contains(&call.time)) {
        let cell = (call.account.clone(), call.region.to_owned());
        collected.made(call.time, [(cell, call.request_id.clone())]);
    }
    collected.saw_account(DENIED.0, false, as_of);
    for region in &regions {
        found.cells.insert((DENIED.0.to_owned(), region.clone()), Some(denied()));
    }
    found
}

fn look(trail: &Trail, now: i64) -> TrailLook {
    let happened = |at: &i64| *at <= now;
    TrailLook {
        arn: trail.arn.clone(),
        logging: Some(true),
        started: trail.restarted.filter(happened).or(Some(0)),
        stopped: trail.stopped.filter(happened),
        recording: Some(Recording { insight: true, ..Recording::management() }.into()),
        validating: Some(true),
    }
}

fn denied() -> Trouble {
    let message = format!(
        "the role arn:aws:iam::{}:role/AssizeAudit cannot be assumed: AccessDenied; let the auditor in with the template of \
         `assize role`",
        DENIED.0
    );
    Trouble { reason: Reason::RoleNotAssumable, message }
}

/// Where a demo is, by its folder.
pub(super) struct Folders {
    pub(super) logs: std::path::PathBuf,
    pub(super) audit: std::path::PathBuf,
    pub(super) config: std::path::PathBuf,
}

impl Folders {
    pub(super) fn of(folder: &Path) -> Folders {
        Folders { logs: folder.join("bucket"), audit: folder.join("audit"), config: folder.join("assize.yaml") }
    }
}
