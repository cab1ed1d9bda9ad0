//! `timeline completions`: what a shell needs to complete our command line.

use crate::args::Cli;
use crate::error::Result;
use clap::CommandFactory;
use std::io::Write;

/// Write the completions of a shell to standard output.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline completions bash > ~/.local/share/bash-completion/completions/timeline
  timeline completions fish > ~/.config/fish/completions/timeline.fish")]
pub(crate) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut Cli::command(), "timeline", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(())
}
