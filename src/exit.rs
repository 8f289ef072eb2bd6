//! What the process tells its caller. The numbers are documented in the README and decided in one place.

use std::process::ExitCode;

use assize_engine::policy::Level;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Nothing at or above the asked level, and everything could be looked at.
    Clean,
    /// Findings at or above the asked level.
    Findings,
    /// Could not run: usage, configuration, policies, an internal error.
    Failed,
    /// No such findings, but not everything could be looked at.
    Incomplete,
    /// Findings, and not everything could be looked at.
    FindingsAndIncomplete,
}

impl Exit {
    /// Findings never hide a hole in the evidence, and a hole never hides findings.
    pub(crate) fn decide(findings: bool, complete: bool) -> Exit {
        match (findings, complete) {
            (false, true) => Exit::Clean,
            (true, true) => Exit::Findings,
            (false, false) => Exit::Incomplete,
            (true, false) => Exit::FindingsAndIncomplete,
        }
    }

    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Clean => 0,
            Exit::Findings => 1,
            Exit::Failed => 2,
            Exit::Incomplete => 3,
            Exit::FindingsAndIncomplete => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Findings that make the exit code 1 or 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailOn {
    /// Of this level and above.
    pub(crate) level: Level,
    /// Only those that are new or came back since the run before.
    pub(crate) only_new: bool,
}

impl FailOn {
    /// Reads `high` or `new:high`.
    ///
    /// # Errors
    /// What to write instead.
    pub(crate) fn parse(text: &str) -> Result<FailOn, String> {
        let (only_new, name) = text.strip_prefix("new:").map_or((false, text), |name| (true, name));
        let level = Level::from_name(name)
            .ok_or("write informational, low, medium, high or critical; `new:high` counts new findings only")?;
        Ok(FailOn { level, only_new })
    }
}

impl From<Level> for FailOn {
    fn from(level: Level) -> FailOn {
        FailOn { level, only_new: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_with_and_without_new() {
        assert_eq!(FailOn::parse("high"), Ok(Level::High.into()));
        assert_eq!(FailOn::parse("new:low"), Ok(FailOn { level: Level::Low, only_new: true }));
        for wrong in ["", "new", "new:", "HIGH", "old:high", "new:new:high"] {
            assert!(FailOn::parse(wrong).is_err(), "{wrong}");
        }
    }
}
