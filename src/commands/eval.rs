//! `timeline eval`: one program over files, once; no server, no state kept.
//!
//! The engine is the one that `serve` runs; here it reads to the end of its input and tells everything then.

mod input;
mod progress;
mod sources;
mod spool;
mod summary;

use super::{cut, nothing, program};
use crate::args::{FormatFlag, PageFlags, QuietFlag, some_threads};
use crate::error::{Error, Result};
use crate::output;
use crate::settings::SettingsFile;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use input::InputFile;
use processor::batch::{self, Evaluation};
use processor::rows::AlertColumns;
use processor::{results, rows};
use progress::FilesReading;
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;
use timeline_core::plan::{Csv, Plan};
use timeline_dsl::is_expression;

/// Evaluate a program, or one expression, over files: NDJSON, CSV or Parquet.
///
/// All files of a source are one log, in the order of their names.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "timeline eval [OPTIONS] <P.tl> <[NAME=]FILE>...\n       timeline eval [OPTIONS] -e <EXPR> <FILE>...",
    after_help = "\
Examples:
  timeline eval video.tl events.ndjson
  timeline eval -e 'duration_where(latest(playerState) == \"buffer\")' --key sessionId --time ts events.csv
  timeline eval video.tl --show totals --format csv events.ndjson.gz
  timeline eval shop.tl clicks=clicks.parquet orders=orders-1.csv orders=orders-2.csv
  timeline eval video.tl --show dead_letters --limit 100 --offset 100 events.ndjson"
)]
pub(crate) struct Args {
    /// The program (unless -e gives it), then its inputs; NAME= binds an input to one of several sources, `-` is standard input.
    #[arg(value_name = "P.tl|FILE", required = true)]
    arguments: Vec<String>,
    /// A program, or one expression, on the command line.
    #[arg(short = 'e', long = "expression", value_name = "EXPR")]
    expression: Option<String>,
    /// What to show of what came out.
    #[arg(long, value_enum, default_value_t = Show::Final)]
    show: Show,
    /// For an expression: the field that identifies a session, or several, e.g. `userId,deviceId` [default: a common name].
    #[arg(long, value_name = "FIELD")]
    key: Option<String>,
    /// For an expression: the field with the event time, e.g. `ts` or `"ts in ms"` [default: a common name].
    #[arg(long, value_name = "FIELD[ in UNIT]")]
    time: Option<String>,
    /// Cut the log after this instant: RFC 3339, or a number in the unit of the source's times [default: the last event].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// How many threads evaluate [default: one for each processor of the machine].
    #[arg(long, value_name = "N", env = "TIMELINE_THREADS", value_parser = some_threads)]
    threads: Option<usize>,
    /// Sort the input by time before it is evaluated, so that no event is late; of an expression it always is.
    #[arg(long)]
    sorted: bool,
    /// What stands between the cells of CSV, where the program does not say it, e.g. `;` [default: what the header tells].
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// What stands before the fraction of a number in CSV, where the program does not say it: `.` or `,`.
    #[arg(long, value_name = "CHAR", value_parser = decimal)]
    decimal: Option<u8>,
    #[command(flatten)]
    page: PageFlags,
    #[command(flatten)]
    quiet: QuietFlag,
    #[command(flatten)]
    format: FormatFlag,
}

/// One character that can stand between cells; `\\t` and `tab` are a tab.
fn delimiter(text: &str) -> std::result::Result<u8, String> {
    match text.as_bytes() {
        b"\\t" | b"tab" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\".\r\n".contains(byte) => Ok(*byte),
        _ => Err("a delimiter is one character that is neither a letter, a digit, a point nor a quote".into()),
    }
}

fn decimal(text: &str) -> std::result::Result<u8, String> {
    match text {
        "." => Ok(b'.'),
        "," => Ok(b','),
        _ => Err("a decimal sign is `.` or `,`".into()),
    }
}

/// What to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Show {
    /// The value of each metric at the end of each session.
    Final,
    /// Every span of every metric.
    Spans,
    /// Aggregates across sessions.
    Totals,
    /// When alerts were true.
    Alerts,
    /// Events that came too late, and why.
    #[value(name = "late_events")]
    LateEvents,
    /// What could not be read.
    #[value(name = "dead_letters")]
    DeadLetters,
}

impl Show {
    /// How many rows are shown where nobody says: all that are kept.
    fn most(self) -> usize {
        match self {
            Show::DeadLetters => batch::DEAD_MAX,
            Show::Final | Show::Spans | Show::Totals | Show::Alerts | Show::LateEvents => usize::MAX,
        }
    }

    /// The table that a program may have no rows of; none of those that any program may have.
    fn table(self) -> Option<nothing::QueriedTable> {
        match self {
            Show::Final => Some(nothing::QueriedTable::Finals),
            Show::Spans => Some(nothing::QueriedTable::Spans),
            Show::Totals => Some(nothing::QueriedTable::Totals),
            Show::Alerts => Some(nothing::QueriedTable::Alerts),
            Show::LateEvents | Show::DeadLetters => None,
        }
    }
}

pub(super) fn run(args: &Args, settings: &SettingsFile) -> Result<()> {
    let (program, files) = match &args.expression {
        Some(text) => (program::from_expression(text), &args.arguments[..]),
        None => (program::from_file(Path::new(&args.arguments[0]))?, &args.arguments[1..]),
    };
    if files.is_empty() {
        return Err(Error::Usage("which files? name at least one, or `-` for standard input".into()));
    }
    let inputs: Vec<InputFile> = files.iter().map(|text| InputFile::parse(text)).collect();
    if let Some(InputFile { path, .. }) =
        inputs.iter().find(|input| input.source.is_none() && input.path.ends_with(".tl"))
    {
        return Err(Error::Usage(format!(
            "{path} looks like a program, and eval takes one\n  help: several are one in one file: `cat A.tl B.tl > ALL.tl`"
        )));
    }
    let csv = Csv { delimiter: args.delimiter, decimal: args.decimal };
    // An expression declares no lateness: what it is asked of are finite files, in whatever order they are.
    let sorted = args.sorted || is_expression(&program.text);
    let program_is_stdin = args.expression.is_none() && args.arguments[0] == "-";
    let mut stdin = sources::stdin(&inputs, program_is_stdin, sorted, csv)?;
    let plans = sources::plans(&program, args.key.as_deref(), args.time.as_deref(), csv, &inputs, &mut stdin)?;
    let bound = input::bind(&plans, inputs)?;

    let threads = args.threads.or(settings.threads).unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
    let page = args.page.or(args.show.most());
    // Those of a page are kept, whatever it passes over.
    let more_dead = match args.show {
        Show::DeadLetters => page.range(usize::MAX).end.saturating_sub(batch::DEAD_MAX),
        Show::Final | Show::Spans | Show::Totals | Show::Alerts | Show::LateEvents => 0,
    };
    let mut evaluations = vec![];
    for (plan, inputs) in plans.iter().zip(bound) {
        let until = args.until.as_deref().map(|text| input::until(text, &plan.source.time_unit)).transpose()?;
        let options = batch::Options {
            threads,
            until,
            spans: args.show == Show::Spans,
            more_dead,
            totals_only: args.show == Show::Totals,
        };
        let mut run = |plan: &Arc<Plan>| -> Result<Evaluation> {
            let paths: Vec<&str> = inputs.iter().flatten().map(|input| input.path.as_str()).collect();
            let reading = FilesReading::new(&paths, args.quiet.quiet);
            let logs = inputs
                .iter()
                .enumerate()
                .map(|(number, own)| Ok(reading.follow(sources::open(plan, number, own, &mut stdin)?)));
            batch::evaluate(plan, logs.collect::<Result<_>>()?, &options).map_err(|error| match error {
                batch::Error::Source(error) => sources::unreadable(&error),
                worker => Error::Other(worker.into()),
            })
        };
        let evaluation = run(plan)?;
        // What is in order, as most files are, is read once and waits for nothing. What is not is read again with as much
        // patience as it needs, which is known now.
        evaluations.push(match sorted.then(|| sources::patient(plan, &evaluation)).flatten() {
            Some(patient) => {
                let sorted = run(&Arc::new(patient))?;
                summary::tell_sorted(plan, &evaluation, &sorted);
                sorted
            }
            None => evaluation,
        });
    }
    let rows = rows_of(args.show, &plans, &evaluations);
    let of = match args.show {
        Show::DeadLetters => evaluations.iter().flat_map(|e| e.dead_counts.values()).sum::<u64>() as usize,
        Show::Final | Show::Spans | Show::Totals | Show::Alerts | Show::LateEvents => rows.num_rows(),
    };
    let (rows, extent) = page.cut(&rows, of);
    for (plan, evaluation) in plans.iter().zip(&evaluations) {
        summary::tell(plan, evaluation);
    }
    if let Some(table) = args.show.table() {
        nothing::tell_of_program(table, plans.iter().map(Arc::as_ref), is_expression(&program.text));
    }
    cut::tell(extent);
    output::print(args.format.format(settings), &rows.schema(), std::iter::once(Ok(rows.clone())), true)
}

fn rows_of(show: Show, plans: &[Arc<Plan>], evaluations: &[Evaluation]) -> RecordBatch {
    let both = || plans.iter().map(Arc::as_ref).zip(evaluations);
    match show {
        Show::Final => rows::finals(&both().map(|(plan, e)| (plan, &e.sessions[..])).collect::<Vec<_>>()),
        Show::Spans => rows::spans(&both().map(|(plan, e)| (plan, &e.spans[..])).collect::<Vec<_>>()),
        Show::Totals => rows::totals(&both().map(|(plan, e)| (plan, &e.totals)).collect::<Vec<_>>()),
        Show::Alerts => {
            rows::alerts(&both().map(|(plan, e)| (plan, &e.alerts[..])).collect::<Vec<_>>(), AlertColumns::Named)
        }
        Show::LateEvents => all(both().map(|(plan, e)| results::late_events(plan, 0, &e.late))),
        Show::DeadLetters => all(both().map(|(plan, e)| results::dead_letters(plan, 0, &e.dead))),
    }
}

/// The rows of tables with the same columns, one after the other.
fn all(tables: impl Iterator<Item = RecordBatch>) -> RecordBatch {
    let tables: Vec<RecordBatch> = tables.collect();
    let schema = tables.first().expect("a program that is evaluated has a plan").schema();
    concat_batches(&schema, &tables).expect("tables of one name have the same columns")
}
