//! The processor as a whole: deployed programs, the partitions at work for each source, and the answers of all of them.
//!
//! Partitions are claimed and released one by one, so a processor may own all of a log, a part of it, or none.
//!
//! Changing the programs restarts the partitions: what is deployed then reads the log from its start, which for files is
//! always there. So a query deployed late says what it would have said had it been there from the beginning.

mod again;
mod answers;
mod changes;
mod cluster;
mod whole;
mod work;

pub use cluster::Membership;
pub use work::Ended;

use crate::checkpoint::{Error as StateError, Place, ProgramStore, TakeFrom};
use crate::engine::{Engine, EngineError, PositionOf, Snapshot};
use crate::input::{Input, Joined, Log, Part, log_of};
use crate::kept::Kept;
use crate::outputs::Outputs;
use crate::partition::{ANSWER_TIME, Answer, Ask, Error, NoAnswer, Recovery};
use crate::programs::{Begin, LoadError, Programs};
use crate::story;
use arrow::array::RecordBatch;
use event_feeder::Position;
use serde_json::{Value as Json, json};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use timeline_core::Time;
use timeline_core::incremental::Layout;
use timeline_core::plan::Plan;
use work::{Bound, Running, halt};

/// How a processor works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where its state is.
    pub state: Place,
    /// Inputs by the source that they belong to; `None` is for whichever source there is, if it is only one.
    pub sources: Vec<(Option<String>, Input)>,
    /// Threads, shared out over the partitions; each has at least one.
    pub threads: usize,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
    /// For how long events of live logs are kept, in nanoseconds of their own time.
    pub keep: Time,
    /// Whether it ends when all logs have been read.
    pub exit_at_end: bool,
    /// Where results are published.
    pub outputs: Outputs,
    /// A name that no other run of any process ever has.
    pub writer: String,
    /// Which partitions it works on from its start.
    pub claims: Claims,
    /// How it shares the state with other processors; it then claims and releases by itself, whatever `claims` says.
    pub membership: Option<Membership>,
}

/// Which partitions a processor claims by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Claims {
    /// All that there are.
    #[default]
    All,
    /// None: somebody else says which, by [`Service::claim`] and [`Service::release`].
    Told,
}

/// Why a processor cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A program has errors, or contradicts a deployed one.
    #[error(transparent)]
    Program(#[from] EngineError),
    /// The state or the log of a partition cannot be used.
    #[error(transparent)]
    Partition(#[from] Error),
    /// A source has no input, or an input no source.
    #[error("{0}")]
    Binding(String),
    /// Another processor is at work on a source that cannot be shared.
    #[error("source {source_name}: {by} is at work on it, at {address}")]
    Taken {
        /// The source.
        source_name: String,
        /// The writer that owns it.
        by: String,
        /// Where it can be asked.
        address: String,
    },
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

impl From<StateError> for StartError {
    fn from(error: StateError) -> Self {
        StartError::Partition(error.into())
    }
}

struct Inner {
    programs: Programs,
    /// The sources of the programs, with their logs.
    bound: Vec<Bound>,
    running: Vec<Running>,
}

/// A processor at work.
pub struct Service {
    options: Options,
    store: ProgramStore,
    inner: Mutex<Inner>,
    /// Partitions that ended on their own tell how.
    ended: Sender<Ended>,
    endings: Mutex<Receiver<Ended>>,
    /// A partition was taken from it, so what it knows is old; set before anybody can hear that the partition has ended.
    fenced: Arc<AtomicBool>,
    cluster: Option<cluster::Cluster>,
}

impl Service {
    /// Starts with the programs that are deployed, and those of `programs` (`(name, text)`) that are not yet.
    pub fn start(options: Options, programs: &[(String, String)]) -> Result<(Arc<Self>, Vec<Recovery>), StartError> {
        let store = ProgramStore::new(options.state.store("programs"), options.writer.clone());
        let all = deployed(&options, &store, programs)?;
        let (ended, endings) = channel();
        let cluster = options.membership.clone().map(cluster::Cluster::new);
        let inner = Mutex::new(Inner { programs: all, bound: vec![], running: vec![] });
        let service = Arc::new(Service {
            options,
            store,
            inner,
            ended,
            endings: Mutex::new(endings),
            fenced: Arc::default(),
            cluster,
        });
        let mut recoveries = {
            let mut inner = service.lock();
            inner.bound = service.bind(&inner.programs.plans()?)?;
            let parts = match service.claims() {
                Claims::All => all_parts(&inner.bound)?,
                Claims::Told => vec![],
            };
            let (running, recoveries) = service.launch(&inner.bound, parts)?;
            inner.running = running;
            recoveries
        };
        if service.cluster.is_some() {
            recoveries.extend(service.join()?);
        }
        Ok((service, recoveries))
    }

    fn claims(&self) -> Claims {
        if self.options.membership.is_some() { Claims::Told } else { self.options.claims }
    }

    /// The newest committed epoch of all partitions.
    pub fn epoch(&self) -> u64 {
        self.ask(&Ask::Status, None).map_or(0, |answers| answers.iter().map(|answer| answer.epoch).max().unwrap_or(0))
    }

    /// Waits until a partition ends on its own, at most so long; `None` if none did.
    pub fn wait(&self, timeout: Duration) -> Option<Ended> {
        let endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner);
        endings.recv_timeout(timeout).ok()
    }

    /// How many partitions are at work.
    pub fn partitions(&self) -> usize {
        self.lock().running.len()
    }

    /// Whether any program is deployed.
    pub fn is_deployed(&self) -> bool {
        !self.lock().bound.is_empty()
    }

    /// All partitions of all sources as their logs have them now, by the name of the source; owned or not.
    pub fn parts(&self) -> Result<Vec<(String, Part)>, StartError> {
        let bound = self.lock().bound.clone();
        let parts = all_parts(&bound)?;
        Ok(parts.into_iter().map(|(bound, part)| (bound.plan.name(), part)).collect())
    }

    /// The partitions that this processor works on.
    pub fn owned(&self) -> Vec<(String, Part)> {
        self.lock().running.iter().map(|one| (one.plan.name(), one.part.clone())).collect()
    }

    /// Takes a partition over from whoever has it and works on it; nothing if it does already.
    pub fn claim(&self, source: &str, partition: u32) -> Result<Option<Recovery>, StartError> {
        self.claim_from(source, partition, TakeFrom::Anybody, 1)
    }

    /// Takes a partition over and works on it with so many threads; nothing if it does already.
    fn claim_from(
        &self,
        source: &str,
        partition: u32,
        take: TakeFrom,
        threads: usize,
    ) -> Result<Option<Recovery>, StartError> {
        let (version, bound) = {
            let inner = self.lock();
            if inner.running.iter().any(|running| running.is(source, partition)) {
                return Ok(None);
            }
            (inner.programs.version, inner.bound.clone())
        };
        let wanted = |(bound, part): &(Bound, Part)| bound.plan.name() == source && part.number == partition;
        let Some((bound, part)) = all_parts(&bound)?.into_iter().find(wanted) else {
            return Err(StartError::Binding(format!("source `{source}` has no partition {partition}")));
        };
        // Loading may take a while, in which others are answered.
        let (running, recovery) =
            Running::start(&bound, &part, (threads, take), &self.options, (self.ended.clone(), &self.fenced))?;
        let mut inner = self.lock();
        if inner.programs.version != version {
            // Meanwhile it is another plan that is to be run; the next claim runs that.
            drop(inner);
            running.replace(true);
            halt(&mut vec![running]);
            return Ok(None);
        }
        inner.running.push(running);
        inner.running.sort_by_key(|running| (running.plan.name(), running.part.number));
        Ok(Some(recovery))
    }

    /// Gives a partition up, with a last checkpoint; false if it did not work on it. A failure is told by [`Self::wait`].
    pub fn release(&self, source: &str, partition: u32) -> bool {
        let mut inner = self.lock();
        let Some(at) = inner.running.iter().position(|running| running.is(source, partition)) else { return false };
        let running = inner.running.remove(at);
        // Others are answered meanwhile.
        drop(inner);
        running.replace(true);
        halt(&mut vec![running]);
        true
    }

    /// Forgets a partition that has ended on its own, so that it is shown as nobody's or claimed again.
    pub fn forget(&self, source: &str, partition: u32) {
        let mut inner = self.lock();
        if let Some(at) = inner.running.iter().position(|running| running.is(source, partition)) {
            let mut ended = vec![inner.running.remove(at)];
            drop(inner);
            halt(&mut ended);
        }
    }

    /// Ends all partitions, each with a last checkpoint, and says how they ended.
    pub fn stop(&self) -> Vec<Ended> {
        if let Some(cluster) = &self.cluster {
            cluster.stop_deciding();
        }
        let mut running = std::mem::take(&mut self.lock().running);
        halt(&mut running);
        if let Some(cluster) = &self.cluster {
            cluster.leave();
        }
        let endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner);
        endings.try_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // What a panic left behind is whole: it is only ever replaced.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plans(&self) -> Vec<Arc<Plan>> {
        self.lock().bound.iter().map(|bound| Arc::clone(&bound.plan)).collect()
    }

    fn bind(&self, plans: &[Arc<Plan>]) -> Result<Vec<Bound>, StartError> {
        bind(&self.options, plans)
    }

    /// Puts partitions to work, all at a time.
    fn launch(&self, bound: &[Bound], parts: Vec<(Bound, Part)>) -> Result<(Vec<Running>, Vec<Recovery>), StartError> {
        if parts.is_empty() {
            return Ok((vec![], vec![]));
        }
        // A share for each partition that there will be here, as far as that is known.
        let count = match self.claims() {
            Claims::All => parts.len(),
            Claims::Told => all_parts(bound)?.len(),
        };
        let threads = (self.options.threads / count.max(1)).max(1);
        let opened: Vec<_> = std::thread::scope(|scope| {
            let open = |(bound, part): &(Bound, Part)| {
                let (bound, part, ended) = (bound.clone(), part.clone(), self.ended.clone());
                // After a change of the programs they are its own, of an earlier generation.
                let take = match self.claims() {
                    Claims::All => TakeFrom::Anybody,
                    Claims::Told => TakeFrom::Writer(self.options.writer.clone()),
                };
                scope
                    .spawn(move || Running::start(&bound, &part, (threads, take), &self.options, (ended, &self.fenced)))
            };
            let opening: Vec<_> = parts.iter().map(open).collect();
            opening.into_iter().map(|thread| thread.join().expect("opening a partition does not panic")).collect()
        });
        let (mut running, mut recoveries, mut failed) = (vec![], vec![], None);
        for one in opened {
            match one {
                Ok((partition, recovery)) => {
                    running.push(partition);
                    recoveries.push(recovery);
                }
                // Another processor was quicker, and has what it wanted.
                Err(Error::Checkpoint(StateError::Held { .. })) if self.claims() == Claims::Told => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            None => Ok((running, recoveries)),
            Some(error) => {
                running.iter().for_each(|running| running.replace(true));
                halt(&mut running);
                Err(error.into())
            }
        }
    }

    /// Puts other programs to work: the partitions end, and start again.
    fn change(&self, inner: &mut Inner, mut programs: Programs) -> Result<(), EngineError> {
        let bound = self.bind(&programs.plans()?).map_err(|error| EngineError::invalid(error.to_string()))?;
        let before: Vec<Arc<Plan>> = inner.bound.iter().map(|bound| Arc::clone(&bound.plan)).collect();
        stay_together(&before, &bound)?;
        programs
            .store(&self.store)
            .map_err(|error| EngineError::Conflict { message: error.to_string(), rendered: None })?;
        self.adopt(inner, programs, bound)
    }

    /// Puts stored programs to work.
    fn adopt(&self, inner: &mut Inner, programs: Programs, bound: Vec<Bound>) -> Result<(), EngineError> {
        let internal = |error: StartError| EngineError::Internal(error.to_string());
        let owned: Vec<(String, u32)> = inner.running.iter().map(|one| (one.plan.name(), one.part.number)).collect();
        inner.running.iter().for_each(|running| running.replace(false));
        halt(&mut inner.running);
        inner.programs = programs;
        inner.bound = bound;
        let mut parts = all_parts(&inner.bound).map_err(internal)?;
        if self.claims() == Claims::Told {
            parts.retain(|(bound, part)| owned.contains(&(bound.plan.name(), part.number)));
        }
        let (running, _) = self.launch(&inner.bound, parts).map_err(internal)?;
        inner.running = running;
        Ok(())
    }

    /// Other queries read the logs from their starts: refuses where one is not kept. Not to be called under the lock.
    fn can_start_over(&self, programs: &Programs) -> Result<(), EngineError> {
        let plans = programs.plans()?;
        // What stays as it is, or is there no more, reads nothing again.
        let is_rebuilt =
            |answer: &Answer| plans.iter().any(|plan| plan.name() == answer.plan.name() && **plan != *answer.plan);
        for answer in self.ask(&Ask::Status, None)?.into_iter().filter(is_rebuilt) {
            // Files are their own log. What is not committed yet is kept with the last checkpoint before a change.
            for (source, reach) in (0..).zip(&answer.reach) {
                let kept = Kept::of(&answer.results, source);
                let kept = kept.map_err(|error| EngineError::Internal(error.to_string()))?;
                let has_begun = reach.files.is_empty() && reach.position.of(0) > Position::START;
                let from = answer.begun.get(usize::from(source)).map_or(Position::START, |begun| begun.position.of(0));
                let is_kept = self.options.keep > 0 && kept.is_whole(from, kept.end());
                if !has_begun || answer.epoch == 0 || is_kept {
                    continue;
                }
                let (source, partition) = (&answer.plan.source_at(usize::from(source)).name, answer.partition);
                return Err(EngineError::Conflict {
                    message: format!(
                        "not kept: other queries need the log of {source}/{partition} from its start, and its first events are older than --keep; `deploy --from now` begins with what comes next"
                    ),
                    rendered: None,
                });
            }
        }
        Ok(())
    }

    /// Asks every partition that is at work here, all at a time.
    fn ask_own(&self, ask: &Ask, sync: Option<Duration>) -> Result<Vec<Answer>, NoAnswer> {
        let until = Instant::now() + sync.unwrap_or(ANSWER_TIME);
        let asked: Vec<_> = {
            let inner = self.lock();
            let begin = |running: &Running| running.handle.begin(ask.clone(), sync.is_some());
            inner.running.iter().map(begin).collect::<Result<_, _>>()?
        };
        let wait = |asked: crate::partition::Asked| asked.wait(until.saturating_duration_since(Instant::now()));
        asked.into_iter().map(wait).collect()
    }
}

/// The programs that are stored, with those of `programs` that are not yet.
fn deployed(options: &Options, store: &ProgramStore, programs: &[(String, String)]) -> Result<Programs, StartError> {
    for _ in 0..DEPLOYERS_MAX {
        let stored = Programs::load(store)?;
        let mut all = stored.clone();
        for (name, text) in programs {
            all = all.with(name, text, false, Begin::Start)?;
        }
        if all.all == stored.all {
            return Ok(all);
        }
        stay_together(&stored.plans()?, &bind(options, &all.plans()?)?)?;
        can_run(options, &all)?;
        match all.store(store) {
            Ok(()) => return Ok(all),
            // Another processor that was started at the same time deployed first.
            Err(StateError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StartError::Binding("others deploy programs all the time; try again".into()))
}

/// The log of every source.
fn bind(options: &Options, plans: &[Arc<Plan>]) -> Result<Vec<Bound>, StartError> {
    // Queries of one source that begin at different places read its log each for themselves.
    let mut known: Vec<&str> =
        plans.iter().flat_map(|plan| plan.sources()).map(|source| source.name.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    for (name, input) in &options.sources {
        if let Some(name) = name.as_ref().filter(|name| !known.contains(&name.as_str())) {
            return Err(StartError::Binding(format!(
                "no deployed program has a source `{name}` for {input:?}; there is {}",
                if known.is_empty() { "none".into() } else { known.join(", ") }
            )));
        }
    }
    let log = |source: &timeline_core::plan::Source| {
        let name = &source.name;
        let own = |bound: &Option<String>| bound.as_ref().map_or(known.len() == 1, |bound| bound == name);
        let inputs: Vec<Input> =
            options.sources.iter().filter(|(bound, _)| own(bound)).map(|(_, input)| input.clone()).collect();
        let log = log_of(&inputs).map_err(|reason| {
            StartError::Binding(format!("source `{name}` {reason}; bind one with --source {name}=file:GLOB"))
        })?;
        Ok((name.clone(), log))
    };
    let bind = |plan: &Arc<Plan>| {
        let mut logs = plan.sources().map(log).collect::<Result<Vec<_>, StartError>>()?;
        let log: Arc<dyn Log> = match logs.len() {
            1 => logs.remove(0).1,
            _ => Arc::new(Joined::new(logs).map_err(StartError::Binding)?),
        };
        Ok(Bound { plan: Arc::clone(plan), log })
    };
    plans.iter().map(bind).collect()
}

/// Refuses programs that join topics that are read apart, or part them: their state is under other names then, and the
/// broker keeps only what the present one needs.
fn stay_together(before: &[Arc<Plan>], after: &[Bound]) -> Result<(), EngineError> {
    for bound in after.iter().filter(|bound| bound.log.is_live()) {
        for source in bound.plan.sources() {
            let mut known = before.iter().filter(|plan| plan.since == bound.plan.since);
            let known = known.find(|plan| plan.sources().any(|known| known.name == source.name));
            if let Some(known) = known.filter(|known| known.name() != bound.plan.name()) {
                let (name, was, is) = (&source.name, known.name(), bound.plan.name());
                return Err(EngineError::Conflict {
                    message: format!(
                        "source `{name}` is read as {was} and would be read as {is}, but its topic is not kept from its start: \
                         start with an empty state and a subscription of its own"
                    ),
                    rendered: None,
                });
            }
        }
    }
    Ok(())
}

/// Refuses programs that need a live log from its start where that is not kept, before they are stored.
fn can_run(options: &Options, programs: &Programs) -> Result<(), StartError> {
    let bound = bind(options, &programs.plans()?)?;
    for (bound, part) in all_parts(&bound)?.into_iter().filter(|(bound, _)| bound.log.is_live()) {
        let store = options.state.store(&work::folder(&bound.plan.name(), &part));
        crate::partition::can_run(&bound.plan, &*store)?;
    }
    Ok(())
}

/// So many processors may be started at once with programs to deploy.
const DEPLOYERS_MAX: u32 = 32;

/// All partitions of all logs.
fn all_parts(bound: &[Bound]) -> Result<Vec<(Bound, Part)>, StartError> {
    let mut all = vec![];
    for one in bound {
        let parts = one.log.partitions().map_err(Error::from)?;
        all.extend(parts.into_iter().map(|part| (one.clone(), part)));
    }
    Ok(all)
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
        // How this processor is: whoever watches all of them adds up.
        let partitions = match self.ask_own(&Ask::Status, None) {
            Ok(answers) => answers.iter().map(answers::status).collect(),
            Err(error) => vec![json!({"error": error.to_string()})],
        };
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "state": self.options.state.to_string(),
            "tables": self.table_names(),
            "partitions": partitions,
            "programs": self.programs_version(),
            "members": self.members(),
        })
    }

    fn table_names(&self) -> Vec<String> {
        let fixed = [
            "sessions",
            "finals",
            "spans",
            "alerts",
            "totals",
            "late_events",
            "dead_letters",
            "queries",
            "nodes",
            "partitions",
        ];
        let metrics = self.plans().into_iter().flat_map(|plan| plan.metrics.clone());
        fixed.into_iter().map(str::to_owned).chain(metrics.map(|metric| metric.name)).collect()
    }

    fn snapshot(&self, tables: &[String], sync: Option<Duration>) -> Result<Snapshot, EngineError> {
        let sessions = tables.iter().any(|name| answers::reads_sessions(name));
        let ask = if tables.iter().any(|name| name == "spans") {
            Ask::Spans
        } else if sessions {
            Ask::Sessions
        } else if tables.iter().any(|name| name == "totals") {
            Ask::Totals
        } else {
            Ask::Status
        };
        let plans = self.plans();
        let answers = self.ask(&ask, sync)?;
        let logs = answers::by_source(&plans, &answers);
        let tables = tables.iter().map(|name| match name.as_str() {
            "spans" => again::spans(&plans, &answers),
            "queries" => Ok(answers::plain("queries", self.queries()?)),
            name => answers::table(name, &logs),
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
        if let Some(name) = query.filter(|name| !self.plans().iter().any(|plan| answers::has(plan, name))) {
            return Err(EngineError::NotFound(format!("no metric or alert `{name}` is deployed")));
        }
        let answers = self.ask(&Ask::Key(key.to_owned()), sync)?;
        let mut sources = vec![];
        let mut gone = vec![];
        for answer in &answers {
            let Some(horizon) = answer.horizon else { continue };
            let nodes = answers::nodes_of(&answer.plan, query);
            if nodes.is_empty() {
                continue;
            }
            let internal = |error: &dyn std::fmt::Display| EngineError::Internal(error.to_string());
            let again::Logs { sources: logs, before, is_whole } = again::logs(answer)?;
            let question = story::Question { key, at, nodes, horizon, before, reach: &answer.reach };
            let mut story = story::tell(&answer.plan, logs, &question).map_err(|error| internal(&error))?;
            if !is_whole {
                gone.extend(answers::forgotten(answer, key, &mut story)?);
            }
            sources.push((answer, story));
        }
        let found = sources.iter().any(|(_, story)| story["sessions"].as_array().is_some_and(|all| !all.is_empty()));
        if !found && !gone.is_empty() {
            return Err(EngineError::NotFound(format!(
                "not kept: the sessions of `{key}` began before the events that are kept"
            )));
        }
        if !found {
            return Err(EngineError::NotFound(format!("no session of `{key}` has been seen")));
        }
        let positions: Vec<PositionOf> = answers.iter().map(answers::position).collect();
        let mut all: Vec<Json> = vec![];
        for (answer, story) in &sources {
            for session in story["sessions"].as_array().into_iter().flatten() {
                let mut session = session.clone();
                session["source"] = json!(answer.plan.name());
                session["partition"] = json!(answer.partition);
                all.push(session);
            }
        }
        Ok(json!({"key": key, "at_ns": at, "sessions": all, "not_kept_ns": gone, "positions": positions}))
    }

    fn outliers(
        &self,
        name: &str,
        top: usize,
        sync: Option<Duration>,
    ) -> Result<(RecordBatch, Vec<PositionOf>), EngineError> {
        let answers = self.ask(&Ask::Sessions, sync)?;
        let positions = answers.iter().map(answers::position).collect();
        for log in answers::by_source(&self.plans(), &answers) {
            if let Some(rows) = answers::outliers(&log, name, top)? {
                return Ok((rows, positions));
            }
        }
        Err(EngineError::NotFound(format!("no metric or alert `{name}` is deployed")))
    }

    fn queries(&self) -> Result<RecordBatch, EngineError> {
        Ok(answers::queries(&self.plans()))
    }

    fn deploy(
        &self,
        programs: Vec<(String, String)>,
        plan_only: bool,
        from: Option<String>,
    ) -> Result<Json, EngineError> {
        let from = match from.as_deref() {
            None | Some("start") => Begin::Start,
            Some("now") => Begin::Now,
            Some(other) => return Err(EngineError::invalid(format!("`from` is `start` or `now`, not `{other}`"))),
        };
        self.adopt_newest()?;
        let inner = self.lock();
        let before = inner.programs.plans()?;
        let mut all = inner.programs.clone();
        for (name, text) in &programs {
            all = all.with(name, text, true, from)?;
        }
        let after = all.plans()?;
        let mut changes = changes::changes(&before, &after, timeline_dsl::explain::operator_text);
        let changes_any = all != inner.programs;
        // Asking takes the lock; if others deploy meanwhile, storing the programs fails.
        drop(inner);
        if !plan_only && changes_any {
            self.can_start_over(&all)?;
            self.change(&mut self.lock(), all)?;
        }
        if !plan_only {
            changes["not_yet"] = json!(self.wait_for_others());
        }
        Ok(changes)
    }

    fn drop_query(&self, name: &str) -> Result<Json, EngineError> {
        self.adopt_newest()?;
        let without = self.lock().programs.without(name)?;
        match without {
            None => Err(EngineError::NotFound(format!("no metric or alert `{name}` is deployed"))),
            Some(programs) => {
                self.can_start_over(&programs)?;
                self.change(&mut self.lock(), programs)?;
                Ok(json!({"dropped": [name], "not_yet": self.wait_for_others()}))
            }
        }
    }

    fn answer_peer(&self, question: &[u8]) -> Result<Vec<u8>, EngineError> {
        self.answer_other(question)
    }

    fn programs_version(&self) -> u64 {
        self.lock().programs.version
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
    // It is part of objects' names.
    let host: String =
        host.trim().chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    format!("{host}-{}-{now}", std::process::id())
}

#[cfg(test)]
mod tests;
