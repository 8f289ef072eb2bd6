//! What a verification of a run says. Version 1: its fields are only ever added to.

use serde::Serialize;

use super::super::outcome::{Counts, Verified};
use super::replay::outcome::Replayed;
use crate::exit::Exit;
use crate::manifest::statement::Predicate;

/// Things that are not valid and are shown; all are counted.
const MAX_SHOWN: usize = 1_000;

/// The result of verifying a run.
#[derive(Debug, Serialize)]
pub(crate) struct RunVerified {
    /// 1
    pub(crate) version: u32,
    /// The run.
    pub(crate) run: String,
    /// What its manifest says of the run; none if there is no manifest to believe.
    pub(crate) said: Option<Said>,
    /// SHA-256 of `manifest.json` as it is.
    pub(crate) manifest_sha256: Option<String>,
    /// `manifest.json`.
    pub(crate) manifest: Counts,
    /// VALID, INVALID, MISSING, UNVERIFIABLE.
    pub(crate) signature: &'static str,
    /// The id of the key that the signature was checked with.
    pub(crate) keyid: Option<String>,
    /// Who says that the key is the right one.
    pub(crate) vouched: Option<Vouched>,
    /// The time stamp of the signed manifest, if there is one that holds.
    pub(crate) time_stamp: Option<TimeStamped>,
    /// The run's files.
    pub(crate) outputs: Counts,
    /// The copies of what it judged.
    pub(crate) inputs: Counts,
    /// Objects that it read in place and of which there is no copy: not checked.
    pub(crate) in_place: u64,
    /// Objects whose copies are not in a bundle: listed with their hashes, and not checked.
    pub(crate) not_contained: u64,
    /// Manifests of the chain.
    pub(crate) chain: Counts,
    /// The run with which the chain begins; none if it could not be followed so far.
    pub(crate) first_run: Option<String>,
    /// What is not valid; a thousand.
    pub(crate) objects: Vec<Shown>,
    /// What else there is to say.
    pub(crate) notes: Vec<String>,
    /// For a bundle: CloudTrail's digests in it, and the log objects that they name.
    pub(crate) digests: Option<Verified>,
    /// If it was asked for: what judging it again gave.
    pub(crate) replay: Option<Replayed>,
}

/// What a manifest says of its run.
#[derive(Debug, Serialize)]
pub(crate) struct Said {
    /// The run's time.
    pub(crate) as_of: String,
    /// First second that was judged.
    pub(crate) since: String,
    /// First second after what was due.
    pub(crate) horizon: String,
    /// Version of Assize.
    pub(crate) tool: String,
    /// What it ended with.
    pub(crate) exit_code: u8,
    /// Objects that it judged.
    pub(crate) objects: u64,
}

/// A time stamp that holds.
#[derive(Debug, Serialize)]
pub(crate) struct TimeStamped {
    /// When the authority saw the signed manifest.
    pub(crate) time: String,
    /// How exact the authority says that is.
    pub(crate) accuracy: Option<String>,
    /// The name in its certificate.
    pub(crate) authority: String,
    /// The number that it gave the time stamp, hexadecimal.
    pub(crate) serial: String,
    /// Its policy, an object identifier.
    pub(crate) policy: String,
    /// Who says that its root is the right one.
    pub(crate) vouched: Vouched,
    /// SHA-256 of the DER of that root.
    pub(crate) root_sha256: String,
}

/// Who vouches for a key, or for a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Vouched {
    /// Whoever asked gave it.
    Given,
    /// The archive itself: whoever may write there could have put both key and signature.
    Archive,
}

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `manifest.json`.
    Manifest,
    /// `manifest.dsse.json`.
    Signature,
    /// `time-stamp.tsr` and what belongs to it.
    TimeStamp,
    /// A file of the run.
    Output,
    /// A copy of what it judged.
    Input,
    /// A manifest of the chain.
    Chain,
    /// A file of a bundle.
    Bundle,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Manifest => "manifest",
            Kind::Signature => "signature",
            Kind::TimeStamp => "time-stamp",
            Kind::Output => "output",
            Kind::Input => "input",
            Kind::Chain => "chain",
            Kind::Bundle => "bundle",
        }
    }
}

/// What came of something; but for what is valid, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is what it was.
    Valid,
    /// It is not.
    Invalid(String),
    /// It is gone.
    Missing(String),
    /// Nothing can be said.
    Unverifiable(String),
    /// It was added.
    Orphan(String),
}

impl Standing {
    fn name(&self) -> &'static str {
        match self {
            Standing::Valid => "VALID",
            Standing::Invalid(_) => "INVALID",
            Standing::Missing(_) => "MISSING",
            Standing::Unverifiable(_) => "UNVERIFIABLE",
            Standing::Orphan(_) => "ORPHAN",
        }
    }
}

/// Something that is not valid.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    /// `manifest`, `signature`, `time-stamp`, `output`, `input`, `chain`, `bundle`.
    pub(crate) kind: &'static str,
    /// Its key.
    pub(crate) place: String,
    /// INVALID, MISSING, UNVERIFIABLE, ORPHAN.
    pub(crate) state: &'static str,
    /// Why.
    pub(crate) why: String,
}

impl RunVerified {
    pub(super) fn new(run: &str) -> RunVerified {
        RunVerified {
            version: 1,
            run: run.to_owned(),
            said: None,
            manifest_sha256: None,
            manifest: Counts::default(),
            signature: "UNVERIFIABLE",
            keyid: None,
            vouched: None,
            time_stamp: None,
            outputs: Counts::default(),
            inputs: Counts::default(),
            in_place: 0,
            not_contained: 0,
            chain: Counts::default(),
            first_run: None,
            objects: Vec::new(),
            notes: Vec::new(),
            digests: None,
            replay: None,
        }
    }

    pub(super) fn tell(&mut self, predicate: &Predicate) {
        let Predicate { as_of, since, horizon, tool, exit_code, inputs, .. } = predicate.clone();
        self.said = Some(Said { as_of, since, horizon, tool, exit_code, objects: inputs.objects });
    }

    /// Says something.
    pub(crate) fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    pub(super) fn sign(&mut self, place: String, standing: Standing) {
        self.signature = standing.name();
        self.add(Kind::Signature, place, standing);
    }

    /// Notes what came of something.
    pub(crate) fn add(&mut self, kind: Kind, place: String, standing: Standing) {
        let counts = match kind {
            Kind::Manifest => Some(&mut self.manifest),
            Kind::Output => Some(&mut self.outputs),
            Kind::Input => Some(&mut self.inputs),
            Kind::Chain => Some(&mut self.chain),
            Kind::Signature | Kind::TimeStamp | Kind::Bundle => None,
        };
        if let Some(counts) = counts {
            *match standing {
                Standing::Valid => &mut counts.valid,
                Standing::Invalid(_) => &mut counts.invalid,
                Standing::Missing(_) => &mut counts.missing,
                Standing::Unverifiable(_) => &mut counts.unverifiable,
                Standing::Orphan(_) => &mut counts.orphan,
            } += 1;
        }
        let state = standing.name();
        let (Standing::Invalid(why) | Standing::Missing(why) | Standing::Unverifiable(why) | Standing::Orphan(why)) = standing
        else {
            return;
        };
        // What says more than one of many copies is never left out.
        if self.objects.len() < MAX_SHOWN || !matches!(kind, Kind::Input) {
            self.objects.push(Shown { kind: kind.name(), place, state, why });
        }
    }

    /// 1 if something is altered, added or gone, or came out otherwise, 3 if something is not proven, 4 for both. A key or root that only the archive
    /// vouches for proves nothing against who may write there.
    pub(crate) fn exit(&self) -> Exit {
        let counts = [self.manifest, self.outputs, self.inputs, self.chain];
        let shown = |states: &[&str]| self.objects.iter().any(|object| states.contains(&object.state));
        let (digests_altered, digests_proven) = match self.digests.as_ref().map(Verified::exit) {
            None | Some(Exit::Clean) => (false, true),
            Some(Exit::Findings) => (true, true),
            Some(Exit::Incomplete | Exit::Failed) => (false, false),
            Some(Exit::FindingsAndIncomplete) => (true, false),
        };
        let altered = counts.iter().any(|counts| counts.invalid + counts.missing + counts.orphan > 0)
            || shown(&["INVALID", "MISSING", "ORPHAN"])
            || digests_altered
            || self.replay.as_ref().is_some_and(Replayed::differs);
        let proven = counts.iter().all(|counts| counts.unverifiable == 0)
            && !shown(&["UNVERIFIABLE"])
            && (self.vouched == Some(Vouched::Given))
            && self.time_stamp.as_ref().is_none_or(|stamp| stamp.vouched == Vouched::Given)
            && digests_proven
            && self.replay.as_ref().is_none_or(Replayed::complete);
        Exit::decide(altered, proven)
    }
}
