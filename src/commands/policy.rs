//! `assize policy`: everything about policies, one file per subcommand.

mod backtest;
mod check;
mod explain;
mod list;
mod new;
mod schema;
mod test;

use super::CommandError;
use crate::cli::PolicyCommand;
use crate::console::Console;
use crate::exit::Exit;
pub(crate) use new::DraftError;

/// Runs `assize policy`.
pub(crate) fn run(command: &PolicyCommand, console: &Console) -> Result<Exit, CommandError> {
    match command {
        PolicyCommand::Check(args) => check::run(args, console),
        PolicyCommand::Test(args) => test::run(args, console),
        PolicyCommand::Backtest(args) => backtest::run(args, console),
        PolicyCommand::Schema => schema::run(console),
        PolicyCommand::New(args) => new::run(args, console),
        PolicyCommand::Explain(args) => explain::run(args, console),
        PolicyCommand::List { policies, cost: true, .. } => list::cost(policies, console),
        PolicyCommand::List { policies, format, .. } => list::run(policies, *format, console),
    }
}

/// The text as a value that stands for itself: `*`, `?` and `\` mean something in a detection.
fn literally(text: &str) -> String {
    let escape = |c: char| if matches!(c, '*' | '?' | '\\') { vec!['\\', c] } else { vec![c] };
    text.chars().flat_map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_of_a_text_means_that_text() {
        assert_eq!(literally(r"a*b?c\d"), r"a\*b\?c\\d");
    }
}
