//! `timeline check`: what is wrong with a program, and nothing else.

use super::program;
use crate::error::{Error, Result};
use std::io::Write;
use std::path::PathBuf;
use timeline_dsl::{ProgramText, render_json};

/// Say what is wrong with programs: exit code 1 if there are errors, silence if there is nothing to say.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline check video.tl
  timeline check -e 'duration_where(latest(playerState) == \"buffer\")'")]
pub(crate) struct Args {
    /// Programs, each checked by itself; `-` is standard input.
    #[arg(value_name = "P.tl", required_unless_present = "expression")]
    programs: Vec<PathBuf>,
    /// A program, or one expression, on the command line.
    #[arg(short = 'e', long = "expression", value_name = "EXPR", conflicts_with = "programs")]
    expression: Option<String>,
    /// How findings are written: for people on standard error, or as a JSON array on standard output.
    #[arg(long, value_enum, default_value_t = FindingsFormat::Text)]
    format: FindingsFormat,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FindingsFormat {
    Text,
    Json,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let mut programs = args.programs.iter().map(|path| program::from_file(path)).collect::<Result<Vec<_>>>()?;
    programs.extend(args.expression.as_deref().map(program::from_expression));
    let mut failures = vec![];
    for program in &programs {
        failures.extend(check(program, args.format)?);
    }
    if failures.is_empty() { Ok(()) } else { Err(Error::Program(failures.join("\n"))) }
}

/// What to say of a program with errors.
fn check(program: &ProgramText, format: FindingsFormat) -> Result<Option<String>> {
    let compilation = program::compilation(program, &program::placeholders());
    if format == FindingsFormat::Json {
        let findings = render_json(&compilation.diagnostics, std::slice::from_ref(program));
        std::io::stdout().write_all(format!("{}\n", findings.trim_end()).as_bytes())?;
        return Ok((!compilation.is_ok()).then(|| format!("{} has errors", program.name)));
    }
    match program::plans(program, compilation) {
        Ok(plans) => {
            if plans.iter().all(|plan| plan.metrics.is_empty() && plan.alerts.is_empty()) {
                eprintln!("timeline: {} has no metric and no alert", program.name);
            }
            Ok(None)
        }
        Err(Error::Program(rendered)) => Ok(Some(rendered)),
        Err(other) => Err(other),
    }
}
