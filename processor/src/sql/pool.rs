//! Questions in processes of their own, so that whatever one of them does - overflow a stack, take all memory, plan for
//! ever - ends that process and nothing else.
//!
//! A question has a process ([`super::child`]) for itself while it is at work; one that did well is kept for the next, so
//! that small questions pay no start. A thread of the processor speaks with it: it hands over the tables that it asks
//! for and takes its rows. Whoever asked ends both by dropping the answer, in planning as in computing: the process is
//! killed, and the thread reads the end of its output.
//!
//! Statements never are read in the processor itself. Threads that interpret them here, or a library that can be
//! interrupted, were the alternatives: the one shares the stack's and the memory's fate, the other there is none.

use super::code::QueryCode;
use super::here::tables;
use super::wire::{Frame, WireRows, WireTable};
use super::work::QuestionRequest;
use super::{MEMORY_BYTES_MAX, SqlAnswer, SqlQuestion, StatementTask};
use crate::engine::{AnswerBasis, EngineError};
use arrow::array::RecordBatch;
use event_feeder::world;
use std::ffi::OsString;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

/// Batches that wait to be taken.
const QUEUE: usize = 1;
/// Processes that wait for a question.
const IDLE_MAX: usize = 2;
/// Bytes that are kept of what a process says on standard error.
const SAID_BYTES_MAX: u64 = 4096;

/// Processes that answer questions. How many there are at a time is for those to bound who ask.
#[derive(Debug)]
pub struct Pool {
    program: PathBuf,
    arguments: Vec<OsString>,
    idle: Mutex<Vec<QuestionProcess>>,
}

/// A process that is at no question.
#[derive(Debug)]
struct QuestionProcess {
    child: Child,
    input: BufWriter<ChildStdin>,
    output: BufReader<ChildStdout>,
    said: JoinHandle<String>,
}

/// What came of a question that was handed to a process.
enum Heard {
    Answered,
    /// The process ended, in this way, without a word.
    Nothing(ExitStatus),
}

impl Pool {
    /// Processes that are started as `program` with `arguments`, which is to call [`super::serve_questions`].
    pub fn new(program: PathBuf, arguments: Vec<OsString>) -> Arc<Pool> {
        let pool = Arc::new(Pool { program, arguments, idle: Mutex::default() });
        pool.warm_up();
        pool
    }

    /// Sees that a process waits, in the background.
    fn warm_up(self: &Arc<Self>) {
        let pool = Arc::clone(self);
        let start = move || {
            if lock(&pool.idle).is_empty() {
                // Whoever asks next says why it cannot be started.
                pool.start().into_iter().for_each(|worker| pool.keep(worker));
            }
        };
        let _ = world::thread("questions").spawn(start);
    }

    fn start(&self) -> io::Result<QuestionProcess> {
        let mut command = Command::new(&self.program);
        // One arena: each reserves address space, which is limited. Secrets are none of a question's business.
        command.args(&self.arguments).env_clear().env("MALLOC_ARENA_MAX", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C in a terminal is for the processor, which ends its questions itself.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(mut errors)) = (input, output, errors) else {
            return Err(io::Error::other("a process without its pipes"));
        };
        let said = world::thread("questions").spawn(move || {
            let mut said = vec![];
            let _ = errors.by_ref().take(SAID_BYTES_MAX).read_to_end(&mut said);
            let _ = io::copy(&mut errors, &mut io::sink());
            String::from_utf8_lossy(&said).into_owned()
        })?;
        Ok(QuestionProcess { child, input: BufWriter::new(input), output: BufReader::new(output), said })
    }

    /// A process that waits.
    fn waiting(&self) -> Option<QuestionProcess> {
        loop {
            let mut worker = lock(&self.idle).pop()?;
            if matches!(worker.child.try_wait(), Ok(None)) {
                return Some(worker);
            }
        }
    }

    fn keep(&self, worker: QuestionProcess) {
        let mut idle = lock(&self.idle);
        if idle.len() < IDLE_MAX {
            idle.push(worker);
        } else {
            drop(idle);
            worker.end();
        }
    }

    /// Answers a question.
    pub(super) async fn ask(
        self: &Arc<Self>,
        asking: SqlQuestion,
        task: StatementTask,
    ) -> Result<SqlAnswer, EngineError> {
        let (tell, told) = oneshot::channel();
        let (batches, queue) = mpsc::channel(QUEUE);
        let at_work = AtWork::default();
        let end = EndsWithIt(at_work.clone());
        let pool = Arc::clone(self);
        let question = move || {
            let mut teller = Teller { tell: Some((tell, queue)), batches, basis: AnswerBasis::default() };
            let done = pool.converse(&asking, &task, &at_work, &mut teller);
            // Nothing is at work on it any more once the next question may begin.
            at_work.end();
            if let Err(error) = done {
                teller.fail(error);
            }
            drop(asking);
            pool.warm_up();
        };
        world::thread("question")
            .spawn(question)
            .map_err(|error| QueryCode::NoProcess.error(format!("no thread can be started: {error}")))?;
        let answer = told.await;
        let answer = answer
            .unwrap_or_else(|_| Err(QueryCode::Ended.error("the thread of the question ended without an answer")));
        answer.map(|answer| SqlAnswer { rows: Box::pin(Ending { rows: answer.rows, _end: end }), ..answer })
    }

    fn converse(
        &self,
        asking: &SqlQuestion,
        task: &StatementTask,
        at_work: &AtWork,
        teller: &mut Teller,
    ) -> Result<(), EngineError> {
        let asked = QuestionRequest {
            sql: asking.sql.clone(),
            known: asking.engine.table_names(),
            memory_bytes: MEMORY_BYTES_MAX,
            task: task.clone(),
        };
        // One that waited may have ended before it heard the question, which says nothing of the question.
        if let Some(worker) = self.waiting() {
            match self.hand_over(asking, &asked, worker, at_work, teller)? {
                Heard::Answered => return Ok(()),
                Heard::Nothing(how) => tracing::warn!("a process for questions ended before it was asked: {how}"),
            }
        }
        let worker = self.start().map_err(|error| {
            QueryCode::NoProcess.error(format!("`{}` cannot be started: {error}", self.program.display()))
        })?;
        match self.hand_over(asking, &asked, worker, at_work, teller)? {
            Heard::Answered => Ok(()),
            Heard::Nothing(how) => {
                Err(QueryCode::Ended.error(format!("the process that worked at the question ended: {how}")))
            }
        }
    }

    fn hand_over(
        &self,
        asking: &SqlQuestion,
        asked: &QuestionRequest,
        worker: QuestionProcess,
        at_work: &AtWork,
        teller: &mut Teller,
    ) -> Result<Heard, EngineError> {
        let QuestionProcess { child, mut input, mut output, said } = worker;
        at_work.begin(child);
        let ended = |error: io::Error, said: JoinHandle<String>| {
            let status = at_work.end();
            crash(&error, status, &said.join().unwrap_or_default())
        };
        let first = say(&mut input, &[Frame::Ask(asked.clone())]).and_then(|()| Frame::read(&mut output));
        let mut next = match first {
            Ok(frame) => Some(frame),
            Err(error) => {
                let status = at_work.end();
                let said = said.join().unwrap_or_default();
                return match status {
                    Some(how) if said.is_empty() => Ok(Heard::Nothing(how)),
                    _ => Err(crash(&error, status, &said)),
                };
            }
        };
        let mut rows = WireRows::default();
        let (mut failed, mut refused) = (None, None);
        loop {
            let frame = match next.take().map_or_else(|| Frame::read(&mut output), Ok) {
                Ok(frame) => frame,
                Err(error) => return Err(ended(error, said)),
            };
            match frame {
                Frame::Want(wanted) => {
                    let is_wanted = || !at_work.is_killed();
                    let tables = tables(&*asking.engine, &wanted, asking.sync, &is_wanted).and_then(|snapshot| {
                        teller.basis.add(snapshot.basis);
                        let tables = snapshot.tables.iter().map(|table| WireTable::of(table).map(Frame::Table));
                        let tables = tables.collect::<Result<Vec<_>, _>>();
                        tables.map_err(|error| {
                            EngineError::Internal(format!("the tables cannot be handed over: {error}"))
                        })
                    });
                    let frames = match tables {
                        Ok(mut tables) => {
                            let bytes = tables.iter().map(Frame::table_bytes).sum();
                            tables.insert(0, Frame::Tables(bytes));
                            tables
                        }
                        Err(error) => {
                            refused = Some(error);
                            vec![Frame::None]
                        }
                    };
                    if let Err(error) = say(&mut input, &frames) {
                        return Err(ended(error, said));
                    }
                }
                Frame::Rows(bytes) => {
                    let mut whole = vec![];
                    let read = rows.add(bytes, |batch| whole.push(batch));
                    read.map_err(|error| EngineError::Internal(format!("rows came broken: {error}")))?;
                    if let Some(schema) = rows.schema() {
                        teller.head(schema);
                    }
                    if !whole.into_iter().all(|batch| teller.batches.blocking_send(Ok(batch)).is_ok()) {
                        // Nobody listens any more.
                        at_work.kill();
                    }
                }
                Frame::Failed(failure) => failed = Some(EngineError::from(failure)),
                Frame::Done(again) => {
                    match at_work.leave() {
                        Some(child) if again => self.keep(QuestionProcess { child, input, output, said }),
                        Some(mut child) => {
                            drop(input);
                            let _ = child.wait();
                        }
                        None => {}
                    }
                    return refused.or(failed).map_or(Ok(Heard::Answered), Err);
                }
                Frame::Ask(_) | Frame::Tables(_) | Frame::Table(_) | Frame::None => {
                    return Err(EngineError::Internal("a process for questions said what it is to be told".into()));
                }
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        std::mem::take(&mut *lock(&self.idle)).into_iter().for_each(QuestionProcess::end);
    }
}

impl QuestionProcess {
    /// Ends it, and waits until it has.
    fn end(mut self) {
        drop(self.input);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Frame {
    fn table_bytes(&self) -> u64 {
        if let Frame::Table(table) = self { table.len() } else { 0 }
    }
}

fn say(input: &mut BufWriter<ChildStdin>, frames: &[Frame]) -> io::Result<()> {
    frames.iter().try_for_each(|frame| frame.write(input))?;
    input.flush()
}

/// What a process that ended in the middle of a question says to whoever asked.
fn crash(error: &io::Error, status: Option<ExitStatus>, said: &str) -> EngineError {
    if said.contains("memory allocation of") || said.contains("Cannot allocate memory") {
        return QueryCode::Memory.error("the question needs more memory than one may have");
    }
    if said.contains("has overflowed its stack") {
        return QueryCode::TooLarge.error("the statement is nested deeper than its planning can follow");
    }
    let Some(how) = status.map(|status| status.to_string()) else {
        // Nobody waits for the answer any more.
        return QueryCode::Ended.error(format!("the question was given up: {error}"));
    };
    tracing::warn!(how, said, "a process for questions ended");
    QueryCode::Ended.error(format!("the process that worked at the question ended: {how}"))
}

/// Whom to tell the columns, and the rows that will follow them.
type Asker = (oneshot::Sender<Result<SqlAnswer, EngineError>>, mpsc::Receiver<Result<RecordBatch, EngineError>>);

/// Tells whoever asked.
struct Teller {
    /// Until the columns are told.
    tell: Option<Asker>,
    batches: mpsc::Sender<Result<RecordBatch, EngineError>>,
    basis: AnswerBasis,
}

impl Teller {
    fn head(&mut self, schema: arrow::datatypes::SchemaRef) {
        if let Some((tell, queue)) = self.tell.take() {
            let basis = std::mem::take(&mut self.basis);
            let _ = tell.send(Ok(SqlAnswer { schema, basis, rows: Box::pin(ReceiverStream::new(queue)) }));
        }
    }

    fn fail(self, error: EngineError) {
        match self.tell {
            Some((tell, _)) => _ = tell.send(Err(error)),
            None => _ = self.batches.blocking_send(Err(error)),
        }
    }
}

/// The process of a question, which the thread that speaks with it and whoever waits for the answer may both end.
#[derive(Clone, Default)]
struct AtWork(Arc<Mutex<PoolState>>);

#[derive(Default)]
enum PoolState {
    /// At no process.
    #[default]
    None,
    /// At work.
    Child(Child),
    /// Not wanted any more.
    Killed(Option<Child>),
}

impl AtWork {
    fn begin(&self, child: Child) {
        let mut state = lock(&self.0);
        let is_killed = matches!(*state, PoolState::Killed(_));
        *state = PoolState::Child(child);
        if is_killed {
            drop(state);
            self.kill();
        }
    }

    /// Whether nobody waits for it any more.
    fn is_killed(&self) -> bool {
        matches!(*lock(&self.0), PoolState::Killed(_))
    }

    /// Ends the process, now or when it begins.
    fn kill(&self) {
        let mut state = lock(&self.0);
        *state = match std::mem::take(&mut *state) {
            PoolState::Child(mut child) => {
                let _ = child.kill();
                PoolState::Killed(Some(child))
            }
            PoolState::None => PoolState::Killed(None),
            killed @ PoolState::Killed(_) => killed,
        };
    }

    /// The process, if it may be used again or followed by another.
    fn leave(&self) -> Option<Child> {
        let mut state = lock(&self.0);
        match std::mem::take(&mut *state) {
            PoolState::Child(child) => Some(child),
            PoolState::Killed(child) => {
                *state = PoolState::Killed(None);
                child.into_iter().for_each(|mut child| _ = child.wait());
                None
            }
            PoolState::None => None,
        }
    }

    /// Ends the process, and waits until it has.
    fn end(&self) -> Option<ExitStatus> {
        self.leave().and_then(|mut child| {
            // It is about to end by itself, or has done what it should not.
            world::sleep(std::time::Duration::from_millis(5));
            let status = child.try_wait().ok().flatten();
            let _ = child.kill();
            status.or_else(|| child.wait().ok())
        })
    }
}

/// Ends a process when it is dropped.
struct EndsWithIt(AtWork);

impl Drop for EndsWithIt {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// Rows whose process ends with them.
struct Ending {
    rows: super::RowStream,
    _end: EndsWithIt,
}

impl Stream for Ending {
    type Item = Result<RecordBatch, EngineError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.rows.as_mut().poll_next(context)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left behind is whole: it is only ever replaced.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
