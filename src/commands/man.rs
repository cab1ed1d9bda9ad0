//! `timeline man`: the manual pages, from the same definitions as the help.

use crate::args::Cli;
use crate::error::{Error, Result};
use clap::CommandFactory;
use std::io::Write;
use std::path::PathBuf;

/// Write a manual page to standard output, or all of them into a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline man | man -l -
  timeline man eval | man -l -
  timeline man --dir ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// The subcommand whose page is wanted [default: the page of `timeline` itself].
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Option<String>,
    /// Write the pages of all commands into this folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let mut root = Cli::command();
    root.build();
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir)?;
        clap_mangen::generate_to(root, dir)?;
        return Ok(());
    }
    let command = match &args.command {
        None => root,
        Some(name) => {
            let found = root.find_subcommand(name).cloned();
            found.ok_or_else(|| Error::Usage(format!("there is no subcommand `{name}`")))?
        }
    };
    let mut page = vec![];
    clap_mangen::Man::new(command).render(&mut page)?;
    std::io::stdout().write_all(&page)?;
    Ok(())
}
