//! The subcommands, one module each: its flags with their help and an example, and a `run`.

mod answer;
pub(crate) mod answer_questions;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod completions;
mod cut;
pub(crate) mod demo;
pub(crate) mod deploy;
#[cfg(feature = "pulsar")]
pub(crate) mod doctor;
pub(crate) mod drop;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod known;
#[cfg(feature = "lsp")]
pub(crate) mod lsp;
pub(crate) mod man;
mod nothing;
pub(crate) mod outliers;
pub(crate) mod produce;
mod program;
pub(crate) mod queries;
pub(crate) mod query;
pub(crate) mod serve;
pub(crate) mod session;
pub(crate) mod test;
pub(crate) mod watch;

use crate::args::{Cli, Command};
use crate::error::Result;
use crate::log;
use crate::settings::SettingsFile;

/// Runs what the command line says.
pub(crate) fn run(cli: Cli) -> Result<()> {
    // Started by a processor, wherever that was: the settings there are not its business.
    if let Command::AnswerQuestions(args) = &cli.command {
        log::start(cli.log_format.unwrap_or_default(), None);
        return answer_questions::run(args);
    }
    let settings = SettingsFile::load(cli.config.as_deref());
    // Settings that cannot be read are said as the flag wants it.
    let format = cli.log_format.or(settings.as_ref().ok().and_then(|settings| settings.log_format));
    let collector = match (&cli.command, &settings) {
        (Command::Serve(args), Ok(settings)) => args.collector(settings),
        _ => Ok(None),
    };
    let (collector, wrong) = match collector {
        Ok(collector) => (collector, Ok(())),
        Err(error) => (None, Err(error)),
    };
    log::start(format.unwrap_or_default(), collector);
    let settings = settings?;
    wrong?;
    match cli.command {
        Command::Demo(args) => demo::run(&args, &settings),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Eval(args) => eval::run(&args, &settings),
        Command::Fmt(args) => fmt::run(&args),
        #[cfg(feature = "lsp")]
        Command::Lsp(args) => lsp::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Produce(args) => produce::run(&args, &settings),
        Command::Serve(args) => serve::run(&args, &settings),
        #[cfg(feature = "pulsar")]
        Command::Doctor(args) => doctor::run(&args, &settings),
        Command::Deploy(args) => deploy::run(&args, &settings),
        Command::Queries(args) => queries::run(&args, &settings),
        Command::Drop(args) => drop::run(&args, &settings),
        Command::Query(args) => query::run(&args, &settings),
        Command::Session(args) => session::run(&args, &settings),
        Command::Outliers(args) => outliers::run(&args, &settings),
        Command::Watch(args) => watch::run(&args, &settings),
        Command::Bench(args) => bench::run(&args, &settings),
        Command::AnswerQuestions(args) => answer_questions::run(&args),
        Command::Known(args) => known::run(&args, &settings),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}
