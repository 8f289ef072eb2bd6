//! `assize init`.
use super::CommandError;
use crate::cli::InitArgs;
use crate::console::Console;
use crate::exit::Exit;

/// Runs `assize init`.
pub(crate) fn run(_: &InitArgs, _: &Console) -> Result<Exit, CommandError> {
    Ok(Exit::Clean)
}
