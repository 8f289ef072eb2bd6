//! What a replay says: as JSON, as text, and for the exit code.

use serde::Serialize;

use super::compare::{Compared, Difference};
use crate::report::escape::terminal;
use crate::report::words;

/// The result of judging again what a run judged.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Replayed {
    /// Why there was no replay at all, if so.
    pub(crate) impossible: Option<String>,
    /// Objects that were read and judged again.
    pub(crate) read: u64,
    /// Objects that the run read in place and of which there is no copy.
    pub(crate) in_place: u64,
    /// Objects whose copies are gone, changed or cannot be read.
    pub(crate) not_read: u64,
    /// Policies that judged them.
    pub(crate) policies: u64,
    /// Policies that a replay cannot speak for.
    pub(crate) left_out: Vec<LeftOut>,
    /// Findings that were compared.
    pub(crate) findings: u64,
    /// Their occurrences: lines of `findings.jsonl`.
    pub(crate) occurrences: u64,
    /// Findings of policies that are left out, or that rest on objects which were not read: nothing is said of them.
    pub(crate) set_aside: u64,
    /// Whether what was compared is the same, byte for byte; none if nothing was.
    pub(crate) equal: Option<bool>,
    /// Where it differs first.
    pub(crate) first_difference: Option<Difference>,
    /// What else there is to say.
    pub(crate) notes: Vec<String>,
}

/// A policy that a replay cannot speak for.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LeftOut {
    /// Its id.
    pub(crate) policy: String,
    /// Why.
    pub(crate) why: String,
}

impl Replayed {
    /// There can be no replay.
    pub(crate) fn impossible(why: &str) -> Replayed {
        Replayed { impossible: Some(why.to_owned()), ..Replayed::default() }
    }

    pub(super) fn leave_out(&mut self, policy: &str, why: String) {
        self.left_out.push(LeftOut { policy: policy.to_owned(), why });
    }

    pub(super) fn compared(&mut self, compared: Compared) {
        let Compared { findings, occurrences, set_aside, first_difference } = compared;
        self.equal = Some(first_difference.is_none());
        (self.findings, self.occurrences, self.set_aside) = (findings, occurrences, set_aside);
        self.first_difference = first_difference;
    }

    /// Whether something came out otherwise.
    pub(crate) fn differs(&self) -> bool {
        self.equal == Some(false)
    }

    /// Whether it speaks for all findings of the run. Objects that were read in place and that no finding rests on are counted
    /// and no more: a run copies what it finds something in.
    pub(crate) fn complete(&self) -> bool {
        self.equal.is_some() && self.not_read == 0 && self.set_aside == 0 && self.left_out.is_empty()
    }

    /// As lines of text.
    pub(crate) fn text(&self) -> String {
        if let Some(why) = &self.impossible {
            return format!("replay: not done: {}\n", terminal(why));
        }
        let objects = words::plural(self.read, "object", "objects");
        let mut lines = vec![format!(
            "replay: {objects} judged again by {}: {}",
            words::plural(self.policies, "policy", "policies"),
            self.result()
        )];
        if let Some(Difference { line, recorded, replayed }) = &self.first_difference {
            let side = |text: &Option<String>| text.as_deref().map_or_else(|| "nothing".to_owned(), terminal);
            lines.push(format!("  first at line {} of findings.jsonl", words::count(*line)));
            lines.push(format!("    the run has     {}", side(recorded)));
            lines.push(format!("    the replay has  {}", side(replayed)));
        }
        lines
            .extend(self.left_out.iter().map(|one| format!("  not replayed: {}: {}", terminal(&one.policy), terminal(&one.why))));
        if self.not_read > 0 {
            let objects = words::plural(self.not_read, "copy is", "copies are");
            lines.push(format!("  {objects} gone, changed or not to be read, and not judged again"));
        }
        if self.in_place > 0 {
            let objects = words::plural(self.in_place, "object was", "objects were");
            lines.push(format!("  {objects} read in place and not copied: that nothing more is to be found there is not shown"));
        }
        if self.set_aside > 0 {
            let findings = words::plural(self.set_aside, "finding is", "findings are");
            lines.push(format!(
                "  of {findings} nothing said: of a policy that was not replayed, or from an object that was not read"
            ));
        }
        lines.extend(self.notes.iter().map(|note| format!("  {}", terminal(note))));
        lines.join("\n") + "\n"
    }

    fn result(&self) -> String {
        let findings = words::plural(self.findings, "finding", "findings");
        let occurrences = words::plural(self.occurrences, "occurrence", "occurrences");
        match self.equal {
            Some(true) => format!("{findings} with {occurrences} came out the same, byte for byte"),
            Some(false) => format!("DIFFERENT: {findings} with {occurrences} did not all come out as they are"),
            None => "nothing could be compared".to_owned(),
        }
    }
}
