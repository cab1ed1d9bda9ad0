//! `timeline explain`: the workers that a program compiles to.

use super::program;
use crate::error::{Error, Result};
use std::io::Write;
use std::path::PathBuf;
use timeline_core::incremental::RowLayout;
use timeline_core::plan::Plan;
use timeline_dsl::explain::{self, SessionSize, explain};

/// Show the leaf and derived workers of a program: what is shared, memory, timers, columns read, bytes a session.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline explain video.tl
  timeline explain video.tl --format svg > video.svg
  timeline explain -e 'duration_where(latest(playerState) == \"buffer\")'")]
pub(crate) struct Args {
    /// The program; `-` is standard input.
    #[arg(value_name = "P.tl", required_unless_present = "expression")]
    program: Option<PathBuf>,
    /// A program, or one expression, on the command line.
    #[arg(short = 'e', long = "expression", value_name = "EXPR", conflicts_with = "program")]
    expression: Option<String>,
    /// A tree of lines, Graphviz, a picture, or a JSON array with an object for each source.
    #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
    format: PlanFormat,
    /// Only the workers of this source, in a program of several.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
}

/// How workers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PlanFormat {
    Text,
    Dot,
    Svg,
    Json,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let program = match (&args.program, &args.expression) {
        (Some(path), _) => program::from_file(path)?,
        (None, expression) => program::from_expression(expression.as_deref().unwrap_or_default()),
    };
    let mut plans = program::plans(&program, program::compilation(&program, &program::placeholders()))?;
    if let Some(wanted) = &args.source {
        plans.retain(|plan| plan.sources().any(|source| source.name == *wanted));
        if plans.is_empty() {
            return Err(Error::Usage(format!("{} reads no source `{wanted}`", program.name)));
        }
    }
    if args.format == PlanFormat::Svg && plans.len() > 1 {
        let names: Vec<String> = plans.iter().map(|plan| plan.source.name.clone()).collect();
        return Err(Error::Usage(format!("one picture shows one source; choose with --source: {}", names.join(", "))));
    }
    if plans.is_empty() {
        eprintln!("timeline: {} has no metric and no alert, so there is no worker to show", program.name);
    }
    std::io::stdout().write_all(show(&plans, args.format).as_bytes())?;
    Ok(())
}

fn show(plans: &[Plan], format: PlanFormat) -> String {
    let each = |format| plans.iter().map(move |plan| explain(plan, &sizes(plan), format));
    match format {
        PlanFormat::Text => each(explain::ExplainFormat::Text).collect::<Vec<_>>().join("\n"),
        PlanFormat::Dot => each(explain::ExplainFormat::Dot).collect(),
        PlanFormat::Svg => each(explain::ExplainFormat::Svg).collect(),
        PlanFormat::Json => {
            let objects: Vec<String> =
                each(explain::ExplainFormat::Json).map(|text| text.trim_end().to_owned()).collect();
            format!("[{}]\n", objects.join(",\n"))
        }
    }
}

fn sizes(plan: &Plan) -> SessionSize {
    let layout = RowLayout::new(plan);
    SessionSize {
        session_bytes: layout.session_bytes(),
        node_bytes: plan.iter().map(|(id, _)| layout.node_bytes(id)).collect(),
    }
}
