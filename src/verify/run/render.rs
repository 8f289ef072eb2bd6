//! A verification of a run as text for a terminal. JSON is [`RunVerified`] itself.

use super::outcome::{RunVerified, TimeStamped, Vouched};
use crate::report::escape::terminal;
use crate::report::words;
use crate::verify::render::{self as digests, counts};

/// Things shown in the terminal.
const SHOWN: usize = 30;

/// As text.
pub(crate) fn text(verified: &RunVerified) -> String {
    let mut out = format!("run {}\n", terminal(&verified.run));
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    if let Some(said) = &verified.said {
        line(format!(
            "  as of {}, judged {} to {}, {}, exit code {}, assize {}",
            terminal(&said.as_of),
            terminal(&said.since),
            terminal(&said.horizon),
            words::plural(said.objects, "object", "objects"),
            said.exit_code,
            terminal(&said.tool)
        ));
    }
    for object in verified.objects.iter().take(SHOWN) {
        line(format!("  {:12}  {} {}: {}", object.state, object.kind, terminal(&object.place), terminal(&object.why)));
    }
    if verified.objects.len() > SHOWN {
        line(format!("  … and {} more; --format json shows them", verified.objects.len() - SHOWN));
    }
    line(format!("signature: {}", signature(verified)));
    if let Some(stamp) = &verified.time_stamp {
        line(format!("time stamp: {}", time_stamp(stamp)));
    }
    line(format!("files of the run: {}", counts(verified.outputs)));
    line(format!("copies of what it judged: {}", counts(verified.inputs)));
    if verified.in_place > 0 {
        let objects = words::plural(verified.in_place, "object was", "objects were");
        line(format!("{objects} read in place and not copied: listed with SHA-256 and version, not checked here"));
    }
    if verified.not_contained > 0 {
        let objects = words::plural(verified.not_contained, "object is", "objects are");
        line(format!("{objects} listed with SHA-256 and not in the bundle: no finding rests on them, and they are not checked"));
    }
    if verified.chain.total() > 0 {
        let first = match &verified.first_run {
            Some(run) => format!("back to the first run, {}", terminal(run)),
            None => "the first run was not reached".to_owned(),
        };
        line(format!("manifests of the chain: {}; {first}", counts(verified.chain)));
    }
    for note in &verified.notes {
        line(terminal(note));
    }
    if let Some(replay) = &verified.replay {
        out.push_str(&replay.text());
    }
    if let Some(digests) = &verified.digests {
        out.push_str("CloudTrail's digests in the bundle:\n");
        out.push_str(&digests::text(digests));
    }
    out
}

fn time_stamp(stamp: &TimeStamped) -> String {
    let accuracy = stamp.accuracy.as_ref().map(|accuracy| format!(" (within {accuracy})")).unwrap_or_default();
    let said = format!(
        "VALID, the signed manifest was there at {}{accuracy}, says {}, serial number {}",
        terminal(&stamp.time),
        terminal(&stamp.authority),
        stamp.serial
    );
    match stamp.vouched {
        Vouched::Given => format!("{said}, under the root {}, which was given", stamp.root_sha256),
        Vouched::Archive => format!(
            "{said}, under the root {} from the audit bucket itself: it proves nothing against whoever may write there; give the \
             roots with --time-stamp-roots",
            stamp.root_sha256
        ),
    }
}

fn signature(verified: &RunVerified) -> String {
    let key = verified.keyid.as_deref().map(terminal).unwrap_or_default();
    match (verified.signature, verified.vouched) {
        ("VALID", Some(Vouched::Given)) => format!("VALID, by the key {key}, which was given"),
        ("VALID", _) => format!(
            "VALID, by the key {key} from the audit bucket itself: it vouches for itself, and proves nothing against whoever may \
             write there; give the key with --public-key"
        ),
        (state, _) => state.to_owned(),
    }
}
