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
mod log;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(not(feature = "otlp"))]
#[path = "otlp_lean.rs"]
mod otlp;
mod output;
mod progress;
mod settings;

use args::Cli;
use clap::Parser;
use error::Exit;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Wrong usage exits with 2 here, help and version with 0: clap's codes are the contract's.
    let cli = Cli::parse();
    let exit = match commands::run(cli) {
        Ok(()) => Exit::Done,
        Err(error) => {
            error.report();
            Exit::from(&error)
        }
    };
    log::end();
    exit.into()
}
