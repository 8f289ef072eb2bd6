//! Assize: audits AWS organisations. This file wires the command line to the commands and turns their outcome into an
//! exit code; everything else is in the modules.

mod accepted;
mod aws;
mod bundle;
mod cli;
mod collect;
mod commands;
mod config;
mod console;
mod demo;
mod diagnostics;
mod digests;
mod discover;
mod estate;
mod events;
mod exit;
mod history;
mod judge;
mod life;
mod manifest;
mod notify;
mod pack;
mod period;
mod report;
mod role;
mod run;
mod scan;
mod schedule;
mod state;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use console::Console;
use exit::Exit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = Console::new(&cli.global);
    console.start_tracing();
    let outcome = match cli.command {
        Command::Coverage(args) => commands::coverage::run(&args, &console),
        Command::Diff(args) => commands::diff::run(&args, &console),
        Command::Explain(args) => commands::explain::run(&args, &console),
        Command::Events(args) => commands::events::run(&args, &console),
        Command::History(args) => commands::history::run(&args, &console),
        Command::Scan(args) => commands::scan::run(&args, &console),
        Command::Demo(args) => commands::demo::run(&args, &console),
        Command::Init(args) => commands::init::run(&args, &console),
        Command::Config(command) => commands::config::run(&command, &console),
        Command::Role(args) => commands::role::run(&args, &console),
        Command::Run(args) => commands::run::run(&args, &console),
        Command::Collect(args) => commands::run::collect(&args, &console),
        Command::Doctor(args) => commands::doctor::run(&args, &console),
        Command::Notify(command) => commands::notify::run(&command, &console),
        Command::Verify(args) => commands::verify::run(&args, &console),
        Command::Bundle(args) => commands::bundle::run(&args, &console),
        Command::Report(args) => commands::report::run(&args, &console),
        Command::Review(args) => commands::review::run(&args, &console),
        Command::Waivers(command) => commands::waivers::run(&command, &console),
        Command::Policy(command) => commands::policy::run(&command, &console),
    };
    outcome
        .unwrap_or_else(|error| {
            console.error(&error);
            Exit::Failed
        })
        .into()
}
