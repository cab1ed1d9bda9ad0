//! A log on its way to where it is wanted.
//!
//! [`run`] is the whole of the command, and [`run_telling`] says on the way how far it is; [`deliver`] serves those who have
//! their own writer.
//! A reader that goes away (`| head`) ends the log quietly; Ctrl-C ends the process, at worst within a line, as any crash
//! of a producer would, and leaves a truth file without its last row.

#[cfg(feature = "pulsar")]
mod access;
#[cfg(feature = "pulsar")]
mod publish;
mod rate_limit;
#[cfg(feature = "pulsar")]
pub mod repartition;
mod target;

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

#[cfg(feature = "pulsar")]
pub use access::Access;
#[cfg(feature = "pulsar")]
pub use publish::MessageOptions;
pub use target::LogTarget;

use crate::generator::Generator;
use crate::truth::{TrueRow, TrueTotals};
use crate::workload::{self, Workload};
use rate_limit::RateLimit;

/// Examples for the help of the command.
pub const EXAMPLE: &str = "\
Examples:
  A million events of video sessions, with the answers known by construction:
    event-producer video --events 1000000 --sessions 20000 --to video.ndjson --truth truth.ndjson
  A topic's worth, a hundred lines a message:
    event-producer video --rate 50000 --to pulsar://localhost:6650/player --lines 100
  Card payments out of order, one line in a hundred too late, at 5000 events a second:
    event-producer payments --jitter 1s --late 0.01 --rate 5000";

/// The options of the command.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// What log is made
    #[command(flatten)]
    pub workload: Workload,
    /// Where the log goes: a file, which is appended to, `-` for standard output, or a topic
    #[arg(long, default_value = "-", value_name = "FILE|-|pulsar://HOST:PORT/TOPIC")]
    pub to: LogTarget,
    /// How it is written
    #[command(flatten)]
    pub delivery: Delivery,
    /// Writes the exact answers to a file, which is replaced
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
}

/// How a log is written.
#[derive(Clone, Debug, Default, PartialEq, clap::Args)]
pub struct Delivery {
    /// Events a second; 0 is as fast as possible
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub rate: u64,
    /// Lets most writes end within a line, as a producer does whose buffer is full
    #[arg(long)]
    pub torn: bool,
    /// How messages of a topic are made
    #[cfg(feature = "pulsar")]
    #[command(flatten)]
    pub messages: MessageOptions,
}

/// What became of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Lines written, late ones included.
    pub lines: u64,
    /// What is true of the log; `None` if its reader went away before its end.
    pub totals: Option<TrueTotals>,
}

/// Why a log could not be made or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The options contradict each other.
    #[error(transparent)]
    Workload(#[from] workload::Error),
    /// The log could not be written; what was written before is there.
    #[error("{}: the log could not be written: {source}", .to)]
    Log {
        /// Where it goes.
        to: LogTarget,
        /// What the system says.
        source: io::Error,
    },
    /// The topic could not be published to; the broker may have a part of the log.
    #[cfg(feature = "pulsar")]
    #[error("{0}: {help}", help = .0.code().help())]
    Topic(event_feeder::Error),
    /// What files can and topics cannot.
    #[cfg(feature = "pulsar")]
    #[error("a topic has no torn lines: leave --torn out")]
    Torn,
    /// The truth could not be written; the file is not to be trusted.
    #[error("{}: the truth could not be written: {source}", .path.display())]
    Truth {
        /// Where it goes.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Error {
    /// What the command exits with: 2 for wrong usage, 3 for what cannot be written to.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Workload(_) => 2,
            Error::Log { .. } | Error::Truth { .. } => 3,
            #[cfg(feature = "pulsar")]
            Error::Torn => 2,
            #[cfg(feature = "pulsar")]
            Error::Topic(_) => 3,
        }
    }
}

/// Makes a log as the options say.
pub fn run(options: &Options) -> Result<Summary, Error> {
    run_telling(options, &mut |_| ())
}

/// Is told how many lines of a log are written so far, after each piece of it: 4096 lines at most, and where a rate limits
/// them those of a fiftieth of a second.
pub type Tell<'a> = &'a mut dyn FnMut(u64);

/// Makes a log as the options say, and tells how far it is.
pub fn run_telling(options: &Options, tell: Tell<'_>) -> Result<Summary, Error> {
    let mut generator = Generator::new(&options.workload)?;
    let Some(path) = &options.truth else {
        return send(generator, options, |_| Ok(()), tell);
    };
    let truth_error = |source| Error::Truth { path: path.clone(), source };
    // The truth is opened first: a log whose answers cannot be kept would have to be made again.
    let mut truth = BufWriter::new(File::create(path).map_err(truth_error)?);
    generator.keep_rows();
    let mut failed = None;
    let model = options.workload.model;
    let rows = |rows: &[TrueRow]| {
        rows.iter().try_for_each(|row| row.write(model, &mut truth)).map_err(|error| {
            failed = Some(error);
            io::Error::other("the truth could not be written")
        })
    };
    let summary = send(generator, options, rows, tell);
    if let Some(source) = failed {
        return Err(truth_error(source));
    }
    let summary = summary?;
    if let Some(totals) = &summary.totals {
        totals.write(&mut truth).map_err(truth_error)?;
    }
    truth.flush().map_err(truth_error)?;
    Ok(summary)
}

/// Sends all lines of a generator where they are to go.
fn send(
    generator: Generator,
    options: &Options,
    rows: impl FnMut(&[TrueRow]) -> io::Result<()>,
    tell: Tell<'_>,
) -> Result<Summary, Error> {
    let log_error = |source| Error::Log { to: options.to.clone(), source };
    #[cfg(feature = "pulsar")]
    if let LogTarget::Topic(address) = &options.to {
        if options.delivery.torn {
            return Err(Error::Torn);
        }
        return publish::publish(generator, address, &options.delivery, rows, tell).map_err(|error| match error {
            publish::Error::Topic(error) => Error::Topic(error),
            publish::Error::Rows(error) => log_error(error),
        });
    }
    let mut log = options.to.open().map_err(log_error)?;
    deliver(generator, &mut log, &options.delivery, rows, tell).map_err(log_error)
}

/// Writes all lines of a generator, in chunks of whole lines unless they are to be torn, and hands over the rows of the
/// ledger as sessions end, if the generator keeps them; tells how far it is.
///
/// A broken pipe is no error; any other error of the writer or of `rows` is.
pub fn deliver(
    mut generator: Generator,
    log: &mut dyn Write,
    delivery: &Delivery,
    mut rows: impl FnMut(&[TrueRow]) -> io::Result<()>,
    tell: Tell<'_>,
) -> io::Result<Summary> {
    let pace = RateLimit::new(delivery.rate);
    let mut chunk = LineChunk::new(delivery.torn);
    let mut lines = 0;
    loop {
        let count = generator.fill(&mut chunk.bytes, pace.chunk());
        lines += count as u64;
        match chunk.write(log, count == 0) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Summary { lines, totals: None }),
            done => done?,
        }
        rows(&generator.take_rows())?;
        if count == 0 {
            break;
        }
        tell(lines);
        pace.wait(lines);
    }
    let truth = generator.into_truth().map_err(|_| io::Error::other("the log has no end"))?;
    rows(&truth.rows)?;
    Ok(Summary { lines, totals: Some(truth.totals) })
}

/// Lines on their way to the writer.
struct LineChunk {
    bytes: Vec<u8>,
    torn: bool,
    writes: usize,
}

impl LineChunk {
    fn new(torn: bool) -> Self {
        LineChunk { bytes: Vec::new(), torn, writes: 0 }
    }

    /// Writes what is there; if lines are torn, part of the last one waits for the next write.
    fn write(&mut self, log: &mut dyn Write, last: bool) -> io::Result<()> {
        // Up to 66 bytes stay behind, a little more each time, so that lines are torn in all their parts.
        let stays = if self.torn && !last { self.writes * 7 % 67 } else { 0 };
        let cut = self.bytes.len().saturating_sub(stays);
        log.write_all(&self.bytes[..cut])?;
        log.flush()?;
        self.bytes.drain(..cut);
        self.writes += 1;
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.totals {
            Some(totals) => write!(
                f,
                "wrote {} events of {} sessions ({} late, {} sessions closed)",
                totals.lines, totals.sessions, totals.late, totals.closed
            ),
            None => write!(f, "stopped after {} events: the reader went away", self.lines),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    use crate::Model;

    fn options(to: &Path, truth: Option<PathBuf>, delivery: Delivery) -> Options {
        let workload = Workload { events: 3_000, sessions: 20, ..Workload::new(Model::Video) };
        Options { workload, to: LogTarget::File(to.into()), delivery, truth }
    }

    #[test]
    fn a_file_is_appended_to_and_its_truth_ends_with_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let (log, truth) = (dir.path().join("log"), dir.path().join("truth"));
        let options = options(&log, Some(truth.clone()), Delivery::default());
        let summary = run(&options).unwrap();
        assert_eq!(summary.lines, 3_000);
        let once = std::fs::read(&log).unwrap();
        run(&options).unwrap();
        assert_eq!(std::fs::read(&log).unwrap(), [once.clone(), once].concat());
        let truth = std::fs::read_to_string(truth).unwrap();
        let last: serde_json::Value = serde_json::from_str(truth.lines().last().unwrap()).unwrap();
        assert_eq!((&last["row"], &last["lines"]), (&"log".into(), &3_000.into()));
    }

    /// Keeps each write apart.
    struct Writes(Vec<Vec<u8>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn torn_lines_are_whole_in_the_end() {
        let workload = Workload { events: 40_000, ..Workload::new(Model::Devices) };
        let writes = |torn| {
            let mut writes = Writes(Vec::new());
            let delivery = Delivery { torn, ..Delivery::default() };
            deliver(Generator::new(&workload).unwrap(), &mut writes, &delivery, |_| Ok(()), &mut |_| ()).unwrap();
            writes.0
        };
        let (whole, torn) = (writes(false), writes(true));
        assert!(whole.iter().all(|bytes| bytes.is_empty() || bytes.ends_with(b"\n")));
        assert!(torn.iter().filter(|bytes| !bytes.ends_with(b"\n")).count() > 3);
        assert_eq!(whole.concat(), torn.concat());
    }

    struct Closed(io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_broken_pipe_is_no_error() {
        let write = |kind| {
            let generator = Generator::new(&Workload::new(Model::Payments)).unwrap();
            deliver(generator, &mut Closed(kind), &Delivery::default(), |_| Ok(()), &mut |_| ())
        };
        assert_eq!(write(io::ErrorKind::BrokenPipe).unwrap().totals, None);
        assert!(write(io::ErrorKind::StorageFull).is_err());
    }

    #[test]
    fn it_is_told_how_far_it_is_until_all_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut told = vec![];
        let options = options(&dir.path().join("log"), None, Delivery { rate: 100_000, ..Delivery::default() });
        run_telling(&options, &mut |lines| told.push(lines)).unwrap();
        assert!(told.len() > 1 && told.is_sorted(), "{told:?}");
        assert_eq!(told.last(), Some(&3_000));
    }

    #[test]
    fn errors_name_the_place_and_the_exit_code() {
        let dir = tempfile::tempdir().unwrap();
        let bad = options(&dir.path().join("none/log"), None, Delivery::default());
        let error = run(&bad).unwrap_err();
        assert!(error.to_string().contains("none/log") && error.exit_code() == 3, "{error}");
        let bad = options(&dir.path().join("log"), Some(dir.path().join("none/truth")), Delivery::default());
        assert!(run(&bad).unwrap_err().to_string().contains("none/truth"));
        assert!(!dir.path().join("log").exists());
    }
}
