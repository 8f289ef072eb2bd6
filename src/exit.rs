//! What the process tells its caller. The numbers are documented in the README and decided in one place.

use std::process::ExitCode;

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
