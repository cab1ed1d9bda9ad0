//! `timeline answer-questions`: the process in which `serve` has questions in SQL worked at.
//!
//! It is this program, so that both ends are one build; nobody else has a use for it, so help does not show it.

use crate::error::{Error, Result};
use processor::sql::{Pool, serve_questions};
use std::path::PathBuf;
use std::sync::Arc;

/// Answer the questions of the `timeline serve` at the other end of standard input and output.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example, as `timeline serve` starts it:
  timeline answer-questions")]
pub(crate) struct Args {}

pub(super) fn run(_: &Args) -> Result<()> {
    serve_questions().map_err(|error| Error::Other(error.into()))
}

/// Processes of this program that answer questions.
pub(super) fn pool() -> Result<Arc<Pool>> {
    Ok(Pool::new(this_program()?, vec!["answer-questions".into()]))
}

/// This program, even if its file has been replaced by another version since it was started.
#[cfg(target_os = "linux")]
fn this_program() -> Result<PathBuf> {
    Ok("/proc/self/exe".into())
}

#[cfg(not(target_os = "linux"))]
fn this_program() -> Result<PathBuf> {
    std::env::current_exe().map_err(|error| Error::Other(error.into()))
}
