//! `timeline test`: a program, a few events and what must come of them, in one file that people read.
//!
//! `docs/testing.md` is the description of the files. Every test is evaluated twice: at one go, and record by record on
//! several lanes that are written to an image and restored after each; a test whose two answers differ has failed.

mod compare;
mod evaluate;
mod events;
mod expect;
mod file;
mod junit;
mod notation;
mod picture;
mod program;

use crate::draw::Style;
use crate::error::{Error, Result};
use file::TestFile;
use junit::JunitReport;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Run tests that are written as programs, events and expectations; exit code 1 if one fails.
///
/// A mismatch is shown as lines of the file's own form, `-` expected and `+` found, and drawn as timelines.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline test tests/
  timeline test stall.tltest
  timeline test --draw stall.tltest
  timeline test tests/ --junit outcomes.xml

A test, `docs/testing.md` says more:
  --- program
  source s { key k  time t in s  state: string }
  metric stalled = duration_where(latest(state) == \"buffer\")
  --- events
  0: state=play
  7: state=buffer
  --- until 10
  --- finals
  stalled = 3")]
pub(crate) struct Args {
    /// Tests, and folders whose files named `*.tltest` are tests.
    #[arg(value_name = "DIR|FILE.tltest", required = true)]
    paths: Vec<PathBuf>,
    /// Draw the timelines that each test speaks of, also where they are as expected.
    #[arg(long)]
    draw: bool,
    /// Draw with ASCII characters only.
    #[arg(long)]
    ascii: bool,
    /// Write the outcomes to this file too, as JUnit's XML, which build servers read.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Why one test is not as expected.
enum TestFailure {
    /// What came out is not what the file says.
    Mismatch(String),
    /// The program has errors; rendered.
    Program(String),
    /// The file itself is not a test.
    File(String),
}

pub(super) fn run(args: &Args) -> Result<()> {
    let mut paths = vec![];
    for path in &args.paths {
        find(path, &mut paths)?;
    }
    if paths.is_empty() {
        return Err(Error::Usage("no file named *.tltest is there".into()));
    }
    let style = Style::for_stdout(args.ascii);
    let mut out = std::io::stdout().lock();
    let (mut failed, mut wrong) = (0, 0);
    let mut report = JunitReport::new(args.junit.clone());
    for path in &paths {
        let name = path.display();
        match one(path, args.draw, &style)? {
            Ok((expectations, drawing)) => {
                report.passed(path);
                writeln!(out, "ok    {name}  {expectations} expectation{}", if expectations == 1 { "" } else { "s" })?;
                out.write_all(drawing.as_bytes())?;
            }
            Err(TestFailure::Mismatch(told)) => {
                failed += 1;
                report.failed(path, &told);
                writeln!(out, "FAIL  {name}\n{}", told.trim_end())?;
            }
            Err(TestFailure::Program(told)) => {
                failed += 1;
                report.failed(path, &told);
                writeln!(out, "FAIL  {name}")?;
                eprintln!("{}", told.trim_end());
            }
            Err(TestFailure::File(told)) => {
                wrong += 1;
                report.wrong(path, &told);
                writeln!(out, "WRONG {name}")?;
                eprintln!("timeline: {}", told.trim_end());
            }
        }
    }
    report.write()?;
    let counted = |n: usize| format!("{n} test{}", if n == 1 { "" } else { "s" });
    match (failed, wrong) {
        (0, 0) => Ok(writeln!(out, "{}, all as expected", counted(paths.len()))?),
        (0, _) => Err(Error::Usage(format!("{wrong} of {} cannot be read as a test", counted(paths.len())))),
        _ => Err(Error::Program(format!("timeline: {} of {} failed", failed + wrong, counted(paths.len())))),
    }
}

/// The tests under a path, folders in the order of their names.
fn find(path: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).map_err(|e| Error::unreadable(path, &e))?;
    let mut entries: Vec<PathBuf> = entries
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()
        .map_err(|e| Error::unreadable(path, &e))?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() || entry.extension().is_some_and(|e| e == "tltest") {
            find(&entry, found)?;
        }
    }
    Ok(())
}

/// How many expectations held, and the drawing if one was asked for. The outer error is a file that cannot be read.
fn one(path: &Path, draw: bool, style: &Style) -> Result<Result<(usize, String), TestFailure>> {
    let (name, text) = super::program::read(path)?;
    let test = match TestFile::parse(&name, &text) {
        Ok(test) => test,
        Err(problem) => return Ok(Err(TestFailure::File(problem.told(&name)))),
    };
    let program = program::ProgramSource::of(&test, path)?;
    let compiled = match program.compile(&test) {
        Ok(compiled) => compiled,
        Err(told) => return Ok(Err(TestFailure::Program(told))),
    };
    let read = events::TestRecords::of(&test, &compiled).and_then(|input| Ok((input, expect::all(&test, &compiled)?)));
    let (input, expected) = match read {
        Ok(read) => read,
        Err(problem) => return Ok(Err(TestFailure::File(problem.told(&name)))),
    };
    let answer = evaluate::both(&compiled, &input)?;
    let report = compare::report(&test, &compiled, &input, &expected, &answer, style);
    if let Some(told) = report {
        return Ok(Err(TestFailure::Mismatch(told)));
    }
    let drawing = if draw {
        let about = (0..).zip(&test.sections).filter(|(_, section)| !section.expression.is_empty());
        let labels = about.map(|(i, section)| (compiled.metric_of(i).to_owned(), section.expression.to_owned()));
        picture::all(&compiled, &input, &labels.collect::<Vec<_>>(), &answer, style)
    } else {
        String::new()
    };
    // That nothing is late and nothing dead is expected too, and counted where the file says how many are.
    let counts = [test.late.line, test.dead.line].iter().filter(|line| **line > 0).count();
    Ok(Ok((test.sections.len() + counts, drawing)))
}
