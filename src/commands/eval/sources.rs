//! From files on the command line to plans and the logs that they read.
//!
//! A bare expression declares no source: its key, time and types come from flags and from a look at the data,
//! so an input may have to be looked at before there is a plan. Standard input is opened once and looked at in place.

use super::input::Input;
use crate::commands::program;
use crate::error::{Error, Result};
use event_feeder::{FileSource, Sniffed, Source, StreamSource, fields_read, file, sniff_file};
use std::io::{Stdin, stdin as standard_input};
use std::sync::Arc;
use timeline_core::plan::{Plan, TimeUnit};
use timeline_dsl::{Defaults, Program, is_expression};

/// Standard input as a log, if some input is it.
pub(super) type StdinSource = Option<StreamSource<Stdin>>;

/// Opens standard input if it is an input; it can be only one, and not the program as well.
pub(super) fn stdin(inputs: &[Input], program_is_stdin: bool) -> Result<StdinSource> {
    match inputs.iter().filter(|input| input.is_stdin()).count() {
        0 => Ok(None),
        1 if !program_is_stdin => {
            let source = StreamSource::new(standard_input(), "standard input", None).map_err(|e| unreadable(&e))?;
            Ok(Some(source))
        }
        _ => Err(Error::Usage("standard input can be read only once".into())),
    }
}

/// The plans of a program, one for each source.
pub(super) fn plans(
    program: &Program,
    key: Option<&str>,
    time: Option<&str>,
    inputs: &[Input],
    mut stdin: StdinSource,
) -> Result<(Vec<Arc<Plan>>, StdinSource)> {
    let plans = if is_expression(&program.text) {
        expression(program, key, time, inputs, &mut stdin)?
    } else if key.is_some() || time.is_some() {
        return Err(Error::Usage(
            "--key and --time are for a bare expression; this program declares its source".into(),
        ));
    } else {
        program::plans(program, program::compilation(program, &Defaults::default()))?
    };
    if plans.is_empty() {
        return Err(Error::Program(format!("error: {} has no metric and no alert", program.name)));
    }
    Ok((plans.into_iter().map(Arc::new).collect(), stdin))
}

fn expression(
    program: &Program,
    key: Option<&str>,
    time: Option<&str>,
    inputs: &[Input],
    stdin: &mut StdinSource,
) -> Result<Vec<Plan>> {
    let seen = look(inputs, stdin)?;
    let (time, unit) = match time {
        Some(text) => time_and_unit(text)?,
        None => (None, None),
    };
    let mut defaults =
        Defaults { key: key.map(str::to_owned), time, time_unit: unit, lateness: 0, known: seen.columns };
    if defaults.known.is_empty() {
        // Nothing to be seen: whatever the fields are called, the answer is empty.
        let placeholders = program::placeholders();
        defaults.key = defaults.key.or(placeholders.key);
        defaults.time = defaults.time.or(placeholders.time);
    }
    let mut compilation = program::compilation(program, &defaults);
    if unit.is_none() {
        // Which field is the time is known only now, and with it how the data write it.
        let field = compilation.plans.first().map(|plan| plan.source.time.dotted());
        if let Some(unit) = field.and_then(|field| seen.times.get(&field).copied()) {
            defaults.time_unit = Some(unit);
            compilation = program::compilation(program, &defaults);
        }
    }
    program::plans(program, compilation)
}

/// What the first input that has anything looks like.
fn look(inputs: &[Input], stdin: &mut StdinSource) -> Result<Sniffed> {
    for input in inputs {
        let seen = match stdin {
            Some(source) if input.is_stdin() => source.sniff(),
            _ => sniff_file(&input.path, None),
        };
        let seen = seen.map_err(|e| unreadable(&e))?;
        if !seen.columns.is_empty() {
            return Ok(seen);
        }
    }
    Ok(Sniffed::default())
}

/// `ts`, or `ts in ms`.
fn time_and_unit(text: &str) -> Result<(Option<String>, Option<TimeUnit>)> {
    let Some((field, unit)) = text.rsplit_once(" in ") else { return Ok((Some(text.trim().to_owned()), None)) };
    let units =
        [TimeUnit::Nanoseconds, TimeUnit::Microseconds, TimeUnit::Milliseconds, TimeUnit::Seconds, TimeUnit::Rfc3339];
    let found = units.into_iter().find(|u| u.name() == unit.trim());
    let found = found.ok_or_else(|| Error::Usage(format!("--time: `{unit}` is not ns, us, ms, s or rfc3339")))?;
    Ok((Some(field.trim().to_owned()), Some(found)))
}

/// The log of one of a plan's sources.
pub(super) fn open(plan: &Plan, number: usize, inputs: &[Input], stdin: &mut StdinSource) -> Result<Box<dyn Source>> {
    if inputs.iter().any(Input::is_stdin) {
        if inputs.len() > 1 {
            return Err(Error::Usage("a source is read from files or from standard input, not from both".into()));
        }
        let source = stdin.take().expect("it was opened because an input is it, and only one is");
        return Ok(Box::new(source));
    }
    let names: Vec<String> = inputs.iter().map(|input| input.path.clone()).collect();
    let fields = Some(fields_read(plan, number));
    let options = file::Options { mode: file::Mode::Batch, format: None, fields };
    Ok(Box::new(FileSource::open(&names, options).map_err(|e| unreadable(&e))?))
}

/// A file or stream that cannot be read, with its stable code.
pub(super) fn unreadable(error: &event_feeder::Error) -> Error {
    Error::Unreadable(format!("[{}] {error}\n  help: {}", error.code(), error.code().help()))
}
