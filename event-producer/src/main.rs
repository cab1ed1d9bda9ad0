//! The `event-producer` command: what `timeline produce` does, for machines that only produce.

use std::process::ExitCode;

use clap::Parser;

/// Makes a seeded log of events, and the exact answers that a correct engine must give about it.
#[derive(Debug, Parser)]
#[command(name = "event-producer", version, after_help = event_producer::produce::EXAMPLE)]
struct Arguments {
    #[command(flatten)]
    options: event_producer::Options,
}

fn main() -> ExitCode {
    let Arguments { options } = Arguments::parse();
    match event_producer::run(&options) {
        Ok(summary) => {
            eprintln!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
