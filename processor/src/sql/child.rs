//! The process that answers questions, one after the other, until its standard input ends.
//!
//! It is the same program as the processor, started by it ([`super::pool`]). The limits are the system's: an address
//! space beyond which memory is refused, whoever asks for it; no core of what crashes; a lower priority than the lanes
//! have; the first to go where the machine runs out of memory. Its end at the end of the input comes from a thread that
//! does nothing else, so a processor that is gone leaves no process behind, whatever a question is at.

use super::wire::{Frame, TableRequest};
use super::work::{Desk, answer, on_large_stack, unless_it_panics};
use crate::engine::{EngineError, TableData};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use event_feeder::world;
use std::io::{self, BufReader, BufWriter, Stdout, Write};
use std::mem::take;
use std::sync::mpsc::{Receiver, channel};

/// Bytes that a question may take beyond what the library counts, its tables aside.
const UNCOUNTED_BYTES_MAX: u64 = 512 << 20;
/// A process that has kept more than this of earlier questions is not asked again.
const KEPT_BYTES_MAX: u64 = 128 << 20;

/// Answers what comes on standard input.
///
/// # Errors
/// When it cannot begin, or nobody takes its answers any more.
pub fn serve_questions() -> io::Result<()> {
    let (give, frames) = channel();
    // Threads have the priority of the one that starts them.
    limits::stand_back();
    let worker = on_large_stack(move |runtime| questions(runtime, &frames))?;
    limits::settle();
    let reader = world::thread("input").spawn(move || {
        let mut input = BufReader::new(io::stdin());
        while let Ok(frame) = Frame::read(&mut input) {
            match &frame {
                Frame::Ask(asked) => limits::allow(asked.memory_bytes as u64 + UNCOUNTED_BYTES_MAX),
                // They are there as they come, as they are read, and as columns.
                Frame::Tables(bytes) => limits::allow_more(bytes.saturating_mul(3)),
                _ => {}
            }
            if give.send(frame).is_err() {
                break;
            }
        }
        std::process::exit(0);
    })?;
    let done = worker.join().map_err(|_| io::Error::other("the thread of questions failed"))?;
    drop(reader);
    done?
}

fn questions(runtime: &tokio::runtime::Runtime, frames: &Receiver<Frame>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
    while let Ok(frame) = frames.recv() {
        let Frame::Ask(asked) = frame else { continue };
        let mut desk = ProcessorDesk { frames, out: &mut out, writer: None, failed: None };
        let done = unless_it_panics(|| runtime.block_on(answer(&asked, &mut desk))).and_then(|done| done);
        if let Some(error) = desk.failed {
            return Err(error);
        }
        drop(asked);
        if let Err(error) = done {
            Frame::Failed(error.into()).write(&mut out)?;
        }
        let again = limits::kept() < KEPT_BYTES_MAX;
        Frame::Done(again).write(&mut out)?;
        out.flush()?;
        if !again {
            break;
        }
    }
    Ok(())
}

/// The desk of a question in this process: the processor at the other end.
struct ProcessorDesk<'a> {
    frames: &'a Receiver<Frame>,
    out: &'a mut BufWriter<Stdout>,
    writer: Option<StreamWriter<Vec<u8>>>,
    /// Why nothing can be told any more.
    failed: Option<io::Error>,
}

impl ProcessorDesk<'_> {
    fn tell(&mut self, frame: &Frame) -> bool {
        let told = frame.write(self.out).and_then(|()| self.out.flush());
        told.map_err(|error| self.failed = Some(error)).is_ok()
    }

    /// Tells what has been written of the rows.
    fn tell_rows(&mut self) -> bool {
        let Some(writer) = &mut self.writer else { return false };
        let bytes = take(writer.get_mut());
        self.tell(&Frame::Rows(bytes))
    }
}

impl Desk for ProcessorDesk<'_> {
    fn tables(&mut self, wanted: TableRequest) -> Result<Vec<TableData>, EngineError> {
        let count = wanted.scans.len();
        if count == 0 {
            return Ok(vec![]);
        }
        let mut tables = vec![];
        if self.tell(&Frame::Want(wanted)) {
            while let Ok(frame) = self.frames.recv() {
                match frame {
                    Frame::Tables(_) => {}
                    Frame::Table(table) => tables.push(table.into_data()?),
                    _ => break,
                }
                if tables.len() == count {
                    return Ok(tables);
                }
            }
        }
        Err(EngineError::Unavailable("the tables of the question did not come".into()))
    }

    async fn head(&mut self, schema: &SchemaRef) -> bool {
        // Writing to memory fails for columns that have no form in IPC alone, and there are none.
        self.writer = StreamWriter::try_new(vec![], schema).ok();
        self.tell_rows()
    }

    async fn rows(&mut self, batch: RecordBatch) -> bool {
        let Some(writer) = &mut self.writer else { return false };
        match writer.write(&batch) {
            Ok(()) => self.tell_rows(),
            Err(error) => {
                self.failed = Some(io::Error::other(error));
                false
            }
        }
    }
}

/// The system's limits on this process.
#[cfg(target_os = "linux")]
mod limits {
    use libc::{RLIMIT_AS, RLIMIT_CORE, rlimit};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// What the process takes before any question, in bytes: of address space, and of memory.
    static SPACE: AtomicU64 = AtomicU64::new(0);
    static RESIDENT: AtomicU64 = AtomicU64::new(0);

    /// Takes a place behind the lanes, and behind everything else where memory runs out.
    pub(super) fn stand_back() {
        // None of these is a condition of answering: a system that refuses one has limits of its own.
        // SAFETY: these calls read their arguments and nothing else of this process.
        unsafe {
            libc::nice(5);
            libc::setrlimit(RLIMIT_CORE, &rlimit { rlim_cur: 0, rlim_max: 0 });
        }
        let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    }

    /// Notes what the process takes by itself.
    pub(super) fn settle() {
        let (space, resident) = sizes();
        SPACE.store(space, Ordering::Relaxed);
        RESIDENT.store(resident, Ordering::Relaxed);
    }

    /// Lets a question take so many bytes.
    pub(super) fn allow(bytes: u64) {
        limit(|_| SPACE.load(Ordering::Relaxed).saturating_add(bytes));
    }

    /// Lets it take so many more.
    pub(super) fn allow_more(bytes: u64) {
        limit(|now| now.saturating_add(bytes));
    }

    /// What is kept of earlier questions, in bytes.
    pub(super) fn kept() -> u64 {
        sizes().1.saturating_sub(RESIDENT.load(Ordering::Relaxed))
    }

    /// Sets the limit of the address space, from what it is now.
    fn limit(of: impl FnOnce(u64) -> u64) {
        let mut now = rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the first call writes to `now`, which is its own type; the second reads it.
        unsafe {
            if libc::getrlimit(RLIMIT_AS, &mut now) == 0 {
                now.rlim_cur = of(now.rlim_cur).min(now.rlim_max);
                libc::setrlimit(RLIMIT_AS, &now);
            }
        }
    }

    /// Address space and resident memory.
    fn sizes() -> (u64, u64) {
        let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let of = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
        };
        (of("VmSize:"), of("VmRSS:"))
    }
}

/// Elsewhere the library's own count of memory is all there is.
#[cfg(not(target_os = "linux"))]
mod limits {
    pub(super) fn stand_back() {}
    pub(super) fn settle() {}
    pub(super) fn allow(_bytes: u64) {}
    pub(super) fn allow_more(_bytes: u64) {}
    pub(super) fn kept() -> u64 {
        0
    }
}
