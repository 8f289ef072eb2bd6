//! Standard output and standard error: results on the one, everything else on the other.

use std::io::{self, BufWriter, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::{Global, LogFormat, When};
use crate::commands::CommandError;
use crate::config::ConfigError;
use crate::diagnostics;
use crate::pack::PackError;
use crate::report::escape::terminal;
use crate::report::{Terminal, text};

/// Where the program speaks.
#[derive(Debug)]
pub(crate) struct Console {
    quiet: bool,
    verbose: u8,
    color: When,
    log_format: LogFormat,
    ci: bool,
}

/// Columns when the output is no terminal.
const DEFAULT_WIDTH: usize = 110;

impl Console {
    /// Reads what the terminal and the environment ask for: `CI` switches progress off, `NO_COLOR` colours.
    pub(crate) fn new(global: &Global) -> Console {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = if no_color && global.color == When::Auto { When::Never } else { global.color };
        let ci = std::env::var_os("CI").is_some();
        Console { quiet: global.quiet, verbose: global.verbose, color, log_format: global.log_format, ci }
    }

    /// Sends the program's own diagnostics to standard error.
    pub(crate) fn start_tracing(&self) {
        let level = match self.verbose {
            0 => LevelFilter::ERROR,
            1 => LevelFilter::INFO,
            2 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        // Some targets of the SDK show requests with their signatures and tokens; nothing of theirs is ever written.
        let silent = assize_cloud::SECRET_TARGETS.iter().map(|target| (*target, LevelFilter::OFF));
        let filter = Targets::new().with_default(level).with_targets(silent);
        let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
        let layer = match self.log_format {
            LogFormat::Text => layer.without_time().boxed(),
            LogFormat::Json => layer.json().boxed(),
        };
        // Setting it twice is the only failure, and there is one call.
        drop(tracing_subscriber::registry().with(layer.with_filter(filter)).try_init());
    }

    /// How standard output shows text.
    pub(crate) fn terminal(&self) -> Terminal {
        let colour = match self.color {
            When::Always => true,
            When::Never => false,
            When::Auto => io::stdout().is_terminal(),
        };
        let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
        Terminal { colour, width: columns.unwrap_or(DEFAULT_WIDTH).clamp(40, 200), findings: text::PER_POLICY }
    }

    /// Whether somebody looks at standard output.
    pub(crate) fn is_watched(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Writes a result to standard output. A reader that has seen enough (a closed pipe) is no error.
    pub(crate) fn result(&self, text: &str) -> Result<(), CommandError> {
        self.bytes(text.as_bytes())
    }

    /// As [`Console::result`], for a result that need not be text.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), CommandError> {
        self.stream(|out| out.write_all(bytes))
    }

    /// As [`Console::result`], for a result that is too large to hold: `write` writes it bit by bit.
    pub(crate) fn stream(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CommandError> {
        let mut out = BufWriter::new(io::stdout().lock());
        match write(&mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CommandError::Output(error)),
            _ => Ok(()),
        }
    }

    /// Says something on standard error, unless asked to be quiet.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            say(text);
        }
    }

    /// Says on standard error what went wrong and ended nothing, even if asked to be quiet.
    pub(crate) fn warn(&self, text: &str) {
        say(&format!("warning: {}", terminal(text)));
    }

    /// Explains why a command failed.
    pub(crate) fn error(&self, error: &CommandError) {
        match error {
            CommandError::Pack(PackError::Mistakes { diagnostics, files }) => {
                say(diagnostics::render(diagnostics, files).trim_end());
            }
            CommandError::Config(ConfigError::Mistakes { diagnostics, file }) => {
                say(diagnostics::render(diagnostics, std::slice::from_ref(file)).trim_end());
            }
            _ => {}
        }
        say(&format!("error: {}", terminal(&error.to_string())));
    }

    /// A bar over so many bytes on a terminal; nothing in CI, with `--quiet`, or into a file.
    pub(crate) fn progress(&self, bytes: u64) -> ProgressBar {
        let hidden = self.quiet || self.ci || !io::stderr().is_terminal();
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template("reading {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
        let bar = ProgressBar::with_draw_target(Some(bytes), target);
        match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }
}

/// Standard error may be closed; then there is nobody to tell.
fn say(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}
