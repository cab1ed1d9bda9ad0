//! From files on the command line to plans and the logs that they read.
//!
//! A bare expression declares no source: its key, time and types come from flags and from a look at the data,
//! so an input may have to be looked at before there is a plan. Standard input is opened once and looked at in place.

use super::input::InputFile;
use super::spool::Spool;
use crate::commands::program;
use crate::error::{Error, Result};
use event_feeder::{FileSource, Sniffed, Source, StreamSource, fields_read, file, sniff_file};
use processor::batch::Evaluation;
use std::io::{self, Read, stdin as standard_input};
use std::sync::Arc;
use timeline_core::plan::{Csv, Plan, TimeUnit};
use timeline_dsl::{Defaults, ProgramText, is_expression};

/// Standard input, if some input is it.
#[derive(Default)]
pub(super) struct Standard {
    /// All of it, where it may be read twice.
    spool: Option<Spool>,
    /// As a log that nobody has read from.
    fresh: Option<StreamSource<Box<dyn Read + Send>>>,
}

/// Opens standard input if it is an input; it can be only one, and not the program as well. `twice` is whether it may have to
/// be read again.
pub(super) fn stdin(inputs: &[InputFile], program_is_stdin: bool, twice: bool, csv: Csv) -> Result<Standard> {
    match inputs.iter().filter(|input| input.is_stdin()).count() {
        0 => Ok(Standard::default()),
        1 if !program_is_stdin => {
            let spool = twice.then(|| Spool::of(standard_input())).transpose().map_err(|e| unread(&e))?;
            let mut standard = Standard { spool, fresh: None };
            standard.fresh()?.written(csv);
            Ok(standard)
        }
        _ => Err(Error::Usage("standard input can be read only once".into())),
    }
}

impl Standard {
    /// The log, read by nobody yet.
    fn fresh(&mut self) -> Result<&mut StreamSource<Box<dyn Read + Send>>> {
        if self.fresh.is_none() {
            let from: Box<dyn Read + Send> = match &self.spool {
                Some(spool) => Box::new(spool.reader().map_err(|e| unread(&e))?),
                None => Box::new(standard_input()),
            };
            self.fresh = Some(StreamSource::new(from, "standard input", None).map_err(|e| unreadable(&e))?);
        }
        Ok(self.fresh.as_mut().expect("it was just opened"))
    }
}

fn unread(error: &io::Error) -> Error {
    Error::Unreadable(format!("standard input: {error}"))
}

/// The plans of a program, one for each source.
pub(super) fn plans(
    program: &ProgramText,
    key: Option<&str>,
    time: Option<&str>,
    csv: Csv,
    inputs: &[InputFile],
    stdin: &mut Standard,
) -> Result<Vec<Arc<Plan>>> {
    let mut plans = if is_expression(&program.text) {
        expression(program, key, time, csv, inputs, stdin)?
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
    for source in plans.iter_mut().flat_map(|plan| std::iter::once(&mut plan.source).chain(&mut plan.joined)) {
        source.csv.delimiter = source.csv.delimiter.or(csv.delimiter);
        source.csv.decimal = source.csv.decimal.or(csv.decimal);
    }
    Ok(plans.into_iter().map(Arc::new).collect())
}

/// The plan with so much lateness for each source that none of its events is late; `None` if none is so already.
pub(super) fn patient(plan: &Plan, evaluation: &Evaluation) -> Option<Plan> {
    let mut patient = plan.clone();
    let sources = std::iter::once(&mut patient.source).chain(&mut patient.joined);
    for (source, looked) in sources.zip(&evaluation.sources) {
        source.lateness = source.lateness.max(looked.behind());
    }
    (patient != *plan).then_some(patient)
}

fn expression(
    program: &ProgramText,
    key: Option<&str>,
    time: Option<&str>,
    csv: Csv,
    inputs: &[InputFile],
    stdin: &mut Standard,
) -> Result<Vec<Plan>> {
    let seen = look(inputs, stdin, csv)?;
    let (time, unit) = match time {
        Some(text) => time_and_unit(text)?,
        None => (None, None),
    };
    let mut defaults = Defaults {
        key: key.map(str::to_owned),
        time,
        time_unit: unit.clone(),
        lateness: 0,
        csv,
        known: seen.columns,
        counts: seen.counts,
    };
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
        if let Some(unit) = field.and_then(|field| seen.times.get(&field).cloned()) {
            defaults.time_unit = Some(unit);
            compilation = program::compilation(program, &defaults);
        }
    }
    program::plans(program, compilation)
}

/// What the first input that has anything looks like.
fn look(inputs: &[InputFile], stdin: &mut Standard, csv: Csv) -> Result<Sniffed> {
    for input in inputs {
        let seen = match input.is_stdin() {
            true => stdin.fresh()?.sniff().map_err(|e| unreadable(&e))?,
            false => first_file(&input.path, csv)?,
        };
        if !seen.columns.is_empty() {
            return Ok(seen);
        }
    }
    Ok(Sniffed::default())
}

/// What the first file of a name or pattern looks like.
fn first_file(pattern: &str, csv: Csv) -> Result<Sniffed> {
    let names = file::expand(std::slice::from_ref(&pattern.to_owned())).map_err(|e| unreadable(&e))?;
    let name = names.first().ok_or_else(|| unreadable(&file::no_match(pattern)))?;
    sniff_file(name, None, csv).map_err(|e| unreadable(&e))
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
pub(super) fn open(plan: &Plan, number: usize, inputs: &[InputFile], stdin: &mut Standard) -> Result<Box<dyn Source>> {
    let csv = plan.source_at(number).csv;
    if inputs.iter().any(InputFile::is_stdin) {
        if inputs.len() > 1 {
            return Err(Error::Usage("a source is read from files or from standard input, not from both".into()));
        }
        stdin.fresh()?.written(csv);
        return Ok(Box::new(stdin.fresh.take().expect("it was just opened")));
    }
    let names: Vec<String> = inputs.iter().map(|input| input.path.clone()).collect();
    let fields = Some(fields_read(plan, number));
    let options = file::Options { mode: file::Mode::Batch, format: None, fields, delimiter: csv.delimiter };
    Ok(Box::new(FileSource::open(&names, options).map_err(|e| unreadable(&e))?))
}

/// A file or stream that cannot be read, with its stable code.
pub(super) fn unreadable(error: &event_feeder::Error) -> Error {
    Error::Unreadable(format!("[{}] {error}\n  help: {}", error.code(), error.help()))
}
