//! `timeline fmt`: the one layout of programs.

use super::program;
use crate::error::{Error, Result};
use std::io::Write;
use std::path::{Path, PathBuf};
use timeline_dsl::{ProgramText, format, render};

/// Lay programs out in the one way; meaning, comments and the author's line breaks inside of definitions stay.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline fmt video.tl
  timeline fmt --check *.tl
  timeline fmt - < video.tl")]
pub(crate) struct Args {
    /// Programs, each written back where it is; `-` is standard input, and goes to standard output.
    #[arg(value_name = "P.tl", required = true)]
    programs: Vec<PathBuf>,
    /// Write nothing; name the programs that would change, and exit with 1 if there are any.
    #[arg(long)]
    check: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let (mut mistakes, mut others) = (vec![], 0);
    for path in &args.programs {
        let (name, text) = program::read(path)?;
        let laid_out = match format(&text) {
            Ok(laid_out) => laid_out,
            // One that cannot be read keeps no other from its layout.
            Err(errors) => {
                let program = ProgramText { name, text, ..ProgramText::default() };
                mistakes.push(render(&errors, &[program], false));
                continue;
            }
        };
        if args.check {
            if laid_out != text {
                writeln!(out, "{name}")?;
                others += 1;
            }
        } else if path == Path::new("-") {
            out.write_all(laid_out.as_bytes())?;
        } else if laid_out != text {
            replace(path, &laid_out)?;
        }
    }
    match (mistakes.is_empty(), others) {
        (true, 0) => Ok(()),
        (true, 1) => Err(Error::Program("1 program is laid out in another way; `timeline fmt` writes it".into())),
        (true, n) => {
            Err(Error::Program(format!("{n} programs are laid out in another way; `timeline fmt` writes them")))
        }
        (false, _) => Err(Error::Program(mistakes.join("\n"))),
    }
}

/// Puts a text in a file's place at one go, so that no failure leaves half a program.
fn replace(path: &Path, text: &str) -> Result<()> {
    let wrong = |e: std::io::Error| Error::Other(anyhow::anyhow!("cannot write {}: {e}", path.display()));
    let path = &std::fs::canonicalize(path).map_err(wrong)?;
    let mut new = path.clone().into_os_string();
    new.push(".new");
    let written = (|| {
        std::fs::write(&new, text)?;
        std::fs::set_permissions(&new, std::fs::metadata(path)?.permissions())?;
        std::fs::rename(&new, path)
    })();
    written.map_err(|e| {
        // The program itself is as it was.
        let _ = std::fs::remove_file(&new);
        wrong(e)
    })
}
