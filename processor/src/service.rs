//! The processor as a whole: deployed programs, one partition at work for each source, and the answers of both.
//!
//! Changing the programs restarts the partitions: what is deployed then reads the log from its start, which for files is
//! always there. So a query deployed late says what it would have said had it been there from the beginning.

mod answers;

use crate::checkpoint::{LocalStore, ProgramStore};
use crate::engine::{Engine, EngineError, PositionOf, Snapshot};
use crate::partition::{Answer, Ask, Error, Handle, NoAnswer, Options as PartitionOptions, Partition, Recovery};
use crate::programs::{LoadError, Programs};
use arrow::array::RecordBatch;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use timeline_core::incremental::Layout;
use timeline_core::plan::Plan;

/// How a processor works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where its state is.
    pub state: PathBuf,
    /// Patterns of files by the source that they belong to; `None` is for whichever source there is, if it is only one.
    pub sources: Vec<(Option<String>, String)>,
    /// Threads of each partition.
    pub threads: usize,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
    /// Whether it ends when all files have been read.
    pub exit_at_end: bool,
    /// A name that no other run of any process ever has.
    pub writer: String,
}

/// Why a processor cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A program has errors, or contradicts a deployed one.
    #[error(transparent)]
    Program(#[from] EngineError),
    /// The state cannot be used.
    #[error(transparent)]
    Partition(#[from] Error),
    /// A source has no input, or an input no source.
    #[error("{0}")]
    Binding(String),
}

impl From<LoadError> for StartError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Store(error) => error.into(),
            LoadError::Malformed { version, reason } => {
                StartError::Partition(Error::Malformed { object: format!("programs of version {version}"), reason })
            }
        }
    }
}

impl From<crate::checkpoint::Error> for StartError {
    fn from(error: crate::checkpoint::Error) -> Self {
        StartError::Partition(error.into())
    }
}

/// A partition at work.
struct Running {
    plan: Arc<Plan>,
    handle: Handle,
    thread: JoinHandle<()>,
    /// Set before a change of the programs ends it: such an end is nobody's news.
    replaced: Arc<AtomicBool>,
    state: PathBuf,
}

struct Inner {
    programs: Programs,
    running: Vec<Running>,
}

/// A processor at work.
pub struct Service {
    options: Options,
    store: ProgramStore,
    inner: Mutex<Inner>,
    /// Partitions that ended on their own tell how.
    ended: Sender<(String, Result<(), Error>)>,
    endings: Mutex<Receiver<(String, Result<(), Error>)>>,
}

impl Service {
    /// Starts with the programs that are deployed, and those of `programs` (`(name, text)`) that are not yet.
    pub fn start(options: Options, programs: &[(String, String)]) -> Result<(Arc<Self>, Vec<Recovery>), StartError> {
        let store =
            ProgramStore::new(Arc::new(LocalStore::new(options.state.join("programs"))), options.writer.clone());
        let stored = Programs::load(&store)?;
        let mut all = stored.clone();
        for (name, text) in programs {
            all = all.with(name, text, false)?;
        }
        if all.all != stored.all {
            all.store(&store)?;
        }
        let (ended, endings) = channel();
        let inner = Mutex::new(Inner { programs: all, running: vec![] });
        let service = Arc::new(Service { options, store, inner, ended, endings: Mutex::new(endings) });
        let recoveries = {
            let mut inner = service.lock();
            let plans = inner.programs.plans()?;
            let (running, recoveries) = service.launch(&plans)?;
            inner.running = running;
            recoveries
        };
        Ok((service, recoveries))
    }

    /// The newest committed epoch of all partitions.
    pub fn epoch(&self) -> u64 {
        let handles = self.handles();
        let epochs = handles.iter().filter_map(|(_, handle)| handle.ask(Ask::Status, None).ok());
        epochs.map(|answer| answer.epoch).max().unwrap_or(0)
    }

    /// Waits until a partition ends on its own, at most so long: `None` if none did, else its source and how it ended.
    pub fn wait(&self, timeout: Duration) -> Option<(String, Result<(), Error>)> {
        let endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner);
        endings.recv_timeout(timeout).ok()
    }

    /// How many partitions are at work.
    pub fn partitions(&self) -> usize {
        self.lock().running.len()
    }

    /// Ends all partitions, each with a last checkpoint, and says how they ended.
    pub fn stop(&self) -> Vec<(String, Result<(), Error>)> {
        let mut inner = self.lock();
        halt(&mut inner.running);
        let endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner);
        endings.try_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // What a panic left behind is whole: it is only ever replaced.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handles(&self) -> Vec<(Arc<Plan>, Handle)> {
        self.lock().running.iter().map(|running| (Arc::clone(&running.plan), running.handle.clone())).collect()
    }

    fn launch(&self, plans: &[Arc<Plan>]) -> Result<(Vec<Running>, Vec<Recovery>), StartError> {
        let mut running = vec![];
        let mut recoveries = vec![];
        let known: Vec<&str> = plans.iter().map(|plan| plan.source.name.as_str()).collect();
        for (name, pattern) in &self.options.sources {
            if let Some(name) = name.as_ref().filter(|name| !known.contains(&name.as_str())) {
                return Err(StartError::Binding(format!(
                    "no deployed program has a source `{name}` for {pattern}; there is {}",
                    if known.is_empty() { "none".into() } else { known.join(", ") }
                )));
            }
        }
        for plan in plans {
            let name = &plan.source.name;
            let own = |bound: &Option<String>| bound.as_ref().map_or(plans.len() == 1, |bound| bound == name);
            let patterns: Vec<String> =
                self.options.sources.iter().filter(|(bound, _)| own(bound)).map(|(_, p)| p.clone()).collect();
            if patterns.is_empty() {
                return Err(StartError::Binding(format!(
                    "source `{name}` has no input; bind one with --source {name}=file:GLOB"
                )));
            }
            let state = self.options.state.join("sources").join(name);
            let options = PartitionOptions {
                patterns,
                state: state.clone(),
                threads: self.options.threads,
                checkpoint_every: self.options.checkpoint_every,
                writer: self.options.writer.clone(),
                exit_at_end: self.options.exit_at_end,
            };
            let (partition, recovery) = Partition::open(Arc::clone(plan), options)?;
            let handle = partition.handle();
            let (ended, source) = (self.ended.clone(), name.clone());
            let thread = std::thread::Builder::new().name(format!("partition-{name}"));
            let replaced = Arc::new(AtomicBool::new(false));
            let is_replaced = Arc::clone(&replaced);
            let run = move || {
                let result = partition.run();
                if !(is_replaced.load(Ordering::SeqCst) && result.is_ok()) {
                    // Nobody listens any more when the processor itself ends.
                    let _ = ended.send((source, result));
                }
            };
            let thread = thread.spawn(run).expect("the system can start a thread");
            running.push(Running { plan: Arc::clone(plan), handle, thread, replaced, state });
            recoveries.push(recovery);
        }
        Ok((running, recoveries))
    }

    /// Puts other programs to work: the partitions end, and start again.
    fn change(&self, inner: &mut Inner, mut programs: Programs) -> Result<(), EngineError> {
        let plans = programs.plans()?;
        programs
            .store(&self.store)
            .map_err(|error| EngineError::Conflict { message: error.to_string(), rendered: None })?;
        for partition in &inner.running {
            partition.replaced.store(true, Ordering::SeqCst);
        }
        halt(&mut inner.running);
        inner.programs = programs;
        let (running, _) = self.launch(&plans).map_err(|error| EngineError::Internal(error.to_string()))?;
        inner.running = running;
        Ok(())
    }

    /// Asks every partition.
    fn ask(&self, ask: &Ask, sync: Option<Duration>) -> Result<Vec<Answer>, EngineError> {
        self.handles().into_iter().map(|(_, handle)| handle.ask(ask.clone(), sync).map_err(Into::into)).collect()
    }
}

fn halt(running: &mut Vec<Running>) {
    for partition in running.iter() {
        partition.handle.stop();
    }
    for partition in running.drain(..) {
        // A partition that panicked has said so itself.
        let _ = partition.thread.join();
    }
}

impl From<NoAnswer> for EngineError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::Timeout => EngineError::Timeout(error.to_string()),
            NoAnswer::Stopped => EngineError::Unavailable(error.to_string()),
        }
    }
}

impl Engine for Service {
    fn status(&self) -> Json {
        let partitions = match self.ask(&Ask::Status, None) {
            Ok(answers) => answers.iter().map(answers::status).collect(),
            Err(error) => vec![json!({"error": error.to_string()})],
        };
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "state": self.options.state.display().to_string(),
            "tables": self.table_names(),
            "partitions": partitions,
        })
    }

    fn table_names(&self) -> Vec<String> {
        let fixed =
            ["sessions", "finals", "alerts", "totals", "late_events", "dead_letters", "queries", "nodes", "partitions"];
        let metrics = self.handles().into_iter().flat_map(|(plan, _)| plan.metrics.clone());
        fixed.into_iter().map(str::to_owned).chain(metrics.map(|metric| metric.name)).collect()
    }

    fn snapshot(&self, tables: &[String], sync: Option<Duration>) -> Result<Snapshot, EngineError> {
        let states: Vec<PathBuf> = self.lock().running.iter().map(|running| running.state.clone()).collect();
        let sessions = tables.iter().any(|name| answers::reads_sessions(name));
        let ask = if sessions {
            Ask::Sessions
        } else if tables.iter().any(|name| name == "totals") {
            Ask::Totals
        } else {
            Ask::Status
        };
        let answers = self.ask(&ask, sync)?;
        let tables = tables.iter().map(|name| match name.as_str() {
            "queries" => Ok(answers::plain("queries", self.queries()?)),
            name => answers::table(name, &answers, &states),
        });
        let tables = tables.collect::<Result<Vec<_>, EngineError>>()?;
        Ok(Snapshot { tables, positions: answers.iter().map(answers::position).collect() })
    }

    fn session(
        &self,
        key: &str,
        at: Option<i64>,
        query: Option<&str>,
        sync: Option<Duration>,
    ) -> Result<Json, EngineError> {
        let answers = self.ask(&Ask::Status, sync)?;
        let mut sources = vec![];
        let mut found = false;
        for answer in &answers {
            let Some(horizon) = answer.horizon else { continue };
            let nodes = answers::nodes_of(&answer.plan, query);
            if nodes.is_empty() {
                continue;
            }
            let question = crate::story::Question { key, at, nodes, until: (answer.position, horizon) };
            let story = crate::story::tell(&answer.plan, answer.files.clone(), &question)
                .map_err(|error| EngineError::Internal(error.to_string()))?;
            found |= story["sessions"].as_array().is_some_and(|sessions| !sessions.is_empty());
            sources.push((answer.plan.source.name.clone(), story));
        }
        if let (Some(name), true) = (query, sources.is_empty()) {
            return Err(EngineError::NotFound(format!("no metric or alert `{name}` is deployed")));
        }
        if !found {
            return Err(EngineError::NotFound(format!("no session of `{key}` has been seen")));
        }
        let positions: Vec<PositionOf> = answers.iter().map(answers::position).collect();
        let mut all: Vec<Json> = vec![];
        for (source, story) in &sources {
            for session in story["sessions"].as_array().into_iter().flatten() {
                let mut session = session.clone();
                session["source"] = json!(source);
                all.push(session);
            }
        }
        Ok(json!({"key": key, "at_ns": at, "sessions": all, "positions": positions}))
    }

    fn outliers(
        &self,
        name: &str,
        top: usize,
        sync: Option<Duration>,
    ) -> Result<(RecordBatch, Vec<PositionOf>), EngineError> {
        let answers = self.ask(&Ask::Sessions, sync)?;
        let positions = answers.iter().map(answers::position).collect();
        for answer in &answers {
            if let Some(rows) = answers::outliers(answer, name, top)? {
                return Ok((rows, positions));
            }
        }
        Err(EngineError::NotFound(format!("no metric or alert `{name}` is deployed")))
    }

    fn queries(&self) -> Result<RecordBatch, EngineError> {
        Ok(answers::queries(&self.ask(&Ask::Status, None)?))
    }

    fn deploy(
        &self,
        programs: Vec<(String, String)>,
        plan_only: bool,
        from: Option<String>,
    ) -> Result<Json, EngineError> {
        if from.as_deref() == Some("now") {
            let message = "`--from now` is not supported yet: files are their own log and are read from their start";
            return Err(EngineError::Invalid { message: message.into(), rendered: None });
        }
        let mut inner = self.lock();
        let before = inner.programs.plans()?;
        let mut all = inner.programs.clone();
        for (name, text) in &programs {
            all = all.with(name, text, true)?;
        }
        let after = all.plans()?;
        let changes = answers::changes(&before, &after, timeline_dsl::explain::operator_text);
        if !plan_only && all != inner.programs {
            self.change(&mut inner, all)?;
        }
        Ok(changes)
    }

    fn drop_query(&self, name: &str) -> Result<Json, EngineError> {
        let mut inner = self.lock();
        match inner.programs.without(name)? {
            None => Err(EngineError::NotFound(format!("no metric or alert `{name}` is deployed"))),
            Some(programs) => {
                self.change(&mut inner, programs)?;
                Ok(json!({"dropped": [name]}))
            }
        }
    }
}

/// Bytes of a session of a plan.
fn session_bytes(plan: &Plan) -> usize {
    Layout::new(plan).session_bytes()
}

/// A name that no other run has: process, host and start.
pub fn writer_name() -> String {
    let now = jiff::Timestamp::now().as_nanosecond();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}-{now}", host.trim(), std::process::id())
}

/// Where result files of a partition are.
fn file_path(state: &Path, name: &str) -> PathBuf {
    state.join(name)
}
