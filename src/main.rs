//! The `timeline` command: one module per subcommand, and the edges that all of them share.
//!
//! Answers go to standard output, everything else to standard error, and the exit code is one of [`error::Exit`]:
//! `main` is the only place where an error becomes words and a code.

#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod args;
mod client;
mod commands;
mod draw;
mod error;
mod output;
mod progress;
mod settings;

use args::Cli;
use clap::Parser;
use error::Exit;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // Wrong usage exits with 2 here, help and version with 0: clap's codes are the contract's.
    let cli = Cli::parse();
    log_to_stderr();
    let exit = match commands::run(cli) {
        Ok(()) => Exit::Done,
        Err(error) => {
            error.report();
            Exit::from(&error)
        }
    };
    exit.into()
}

/// Sends what the libraries say to standard error; `TIMELINE_LOG` chooses what, warnings by default.
fn log_to_stderr() {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::WARN.into())
        .with_env_var("TIMELINE_LOG")
        .from_env_lossy();
    // Who changed what runs is written down whatever else is.
    let filter = match "audit=info".parse() {
        Ok(always) => filter.add_directive(always),
        Err(_) => filter,
    };
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour).init();
}
