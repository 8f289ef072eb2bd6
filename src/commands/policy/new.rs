//! `assize policy new --from-event`: a policy and its tests, begun from a record.

mod draft;
mod replaced;

use std::borrow::Cow;
use std::path::PathBuf;

use assize_engine::decode::{self, Malformed, Place, Sink};
use assize_engine::inflate::Limits;
use assize_engine::matcher::{Matcher, Subject};
use assize_engine::policy::{self, FieldPath};
use assize_engine::record::{AccountList, RecordKind};
use assize_engine::trial;

use super::CommandError;
use crate::cli::PolicyNewArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::scan::input;
use crate::scan::object::Reader;

/// Why no policy can be begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DraftError {
    /// A file that is no log.
    #[error("no record can be read in {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing, or not what was asked for.
    #[error("{} holds no such CloudTrail record; it has {records}", path.display())]
    NoRecord {
        /// The file.
        path: PathBuf,
        /// How many records it has.
        records: u64,
    },
    /// Several, and none was chosen.
    #[error("{} holds {records} records: choose one with --event-id ID, or with --index N from 0 on", path.display())]
    SeveralRecords {
        /// The file.
        path: PathBuf,
        /// How many records it has.
        records: u64,
    },
    /// A record that no call left.
    #[error("the record has neither an event source nor an event name to look for; a policy on Insights is written by hand")]
    NoCall,
    /// `--id`.
    #[error("`{0}` is no id for a policy: write lower-case words joined by hyphens, such as trail-stopped")]
    BadId(String),
    /// Our own mistake.
    #[error("the policy that was made of this record does not hold: {0}; this is a bug, please report it")]
    Unfit(String),
}

/// The record that a policy is begun from.
struct Chosen {
    text: String,
    kind: RecordKind,
    outcome: Option<String>,
}

/// Runs `assize policy new`. What it prints passes `policy check` and `policy test`: it is put to both first.
pub(super) fn run(args: &PolicyNewArgs, console: &Console) -> Result<Exit, CommandError> {
    let chosen = choose(args)?;
    let record = serde_json::from_str(&chosen.text)
        .map_err(|error| DraftError::Unreadable { path: args.from_event.clone(), why: error.to_string() })?;
    let text = draft::policy(&draft::Source { record, kind: chosen.kind, outcome: chosen.outcome }, args.id.as_deref())?;
    prove(&text, args.id.as_deref())?;
    console.result(&text)?;
    Ok(Exit::Clean)
}

fn choose(args: &PolicyNewArgs) -> Result<Chosen, CommandError> {
    let path = || args.from_event.clone();
    let inputs = input::list(&[path()])?;
    let [object] = inputs.objects.as_slice() else {
        let why = "it is not one file".to_owned();
        return Err(DraftError::Unreadable { path: path(), why }.into());
    };
    let mut choosing = Choosing { args, matcher: Matcher::new(&[], AccountList::new()), records: 0, chosen: None };
    let mut memory = decode::Memory::default();
    let outcome = Reader::new(Limits::default()).read(object, |text| decode::decode_with(text, &mut memory, &mut choosing));
    let (records, whole) = (choosing.records, args.event_id.is_none() && args.index.is_none());
    match choosing.chosen {
        Some(_) if whole && records > 1 => Err(DraftError::SeveralRecords { path: path(), records }.into()),
        Some(chosen) => Ok(chosen),
        None => Err(match outcome.trouble {
            Some(trouble) if records == 0 => DraftError::Unreadable { path: path(), why: trouble.message },
            _ => DraftError::NoRecord { path: path(), records },
        }
        .into()),
    }
}

struct Choosing<'a> {
    args: &'a PolicyNewArgs,
    matcher: Matcher,
    records: u64,
    chosen: Option<Chosen>,
}

impl Sink for Choosing<'_> {
    fn record(&mut self, place: Place, bytes: &[u8], subject: &Subject<'_>) {
        self.records += 1;
        let wanted = match (&self.args.event_id, self.args.index) {
            (Some(id), _) => subject.root.get_text("eventID").is_some_and(|own| own == Cow::Borrowed(id.as_str())),
            (None, Some(index)) => place.index == index,
            (None, None) => true,
        };
        if wanted && self.chosen.is_none() {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let outcome = self.matcher.shown(&FieldPath::new("outcome"), subject);
            self.chosen = Some(Chosen { text, kind: subject.kind, outcome });
        }
    }

    fn malformed(&mut self, _: Place, _: u64, _: &Malformed) {}
}

/// Loads the policy and runs its tests, so that nothing is printed that does not hold.
fn prove(text: &str, id: Option<&str>) -> Result<(), DraftError> {
    let loaded = policy::load([("the new policy", text)]);
    if let Some(mistake) = loaded.diagnostics.first() {
        return Err(match id.filter(|_| mistake.code == "bad-id") {
            Some(id) => DraftError::BadId(id.to_owned()),
            None => DraftError::Unfit(format!("{}: {}", mistake.span.at.line, mistake.message)),
        });
    }
    for policy in &loaded.policies {
        for one in &policy.tests {
            trial::run(policy, one).map_err(|why| DraftError::Unfit(format!("{}: {why}", one.name)))?;
        }
    }
    Ok(())
}
