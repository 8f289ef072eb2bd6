//! `assize policy schema`: the JSON Schema of policy files, for editors.

use super::CommandError;
use crate::console::Console;
use crate::exit::Exit;
use crate::pack::schema::SCHEMA;

/// Runs `assize policy schema`.
pub(super) fn run(console: &Console) -> Result<Exit, CommandError> {
    console.result(SCHEMA)?;
    Ok(Exit::Clean)
}
