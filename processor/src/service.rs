//! The processor as a whole: deployed programs, the partitions at work for each source, and the answers of all of them.
//!
//! Partitions are claimed and released one by one, so a processor may own all of a log, a part of it, or none.
//!
//! Programs that are deployed later run beside those that are there, with plans, partitions and a place in the state of
//! their own, and take the place of what they replace once they have caught up (`tending`). What is deployed then
//! reads the log from its start unless it is to begin now, so it says what it would have said had it been there from the
//! beginning; and what stays as it was is not touched.

mod answers;
mod as_of;
mod binding;
mod bounds;
mod changes;
mod cluster;
mod deploying;
mod engine;
mod foretold;
mod lost;
mod options;
mod replaying;
mod standing;
mod tending;
mod whole;
mod work;

pub use cluster::Membership;
pub use options::{Claims, Options, StartError};
pub use work::PartitionEnd;

use crate::checkpoint::{Error as StateError, ProgramStore, SilentStore, TakeFrom};
use crate::engine::{EngineError, IsWanted};
use crate::input::LogPartition;
use crate::partition::{ANSWER_TIME, Ask, Asks, Error, NoAnswer, PartitionAnswer, PendingAnswer, Recovery};
use crate::programs::{DeployedPrograms, is_as_it_was};
use binding::{all_parts, bind, deployed};
use event_feeder::world::{self, Instant};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use timeline_core::plan::Plan;
use work::{Bound, RunningPartition, halt};

struct Inner {
    programs: DeployedPrograms,
    /// The sources of the programs, with their logs.
    bound: Vec<Bound>,
    running: Vec<RunningPartition>,
}

/// A processor at work.
pub struct Service {
    options: Options,
    store: ProgramStore,
    inner: Mutex<Inner>,
    /// Partitions that ended on their own tell how.
    ended: Sender<PartitionEnd>,
    endings: Mutex<Receiver<PartitionEnd>>,
    /// A partition was taken from it, so what it knows is old; set before anybody can hear that the partition has ended.
    fenced: Arc<AtomicBool>,
    /// How partitions were when they last said so.
    seen: standing::LastStatuses,
    cluster: Option<cluster::Cluster>,
    /// Held by whoever changes the programs.
    changing: Mutex<()>,
    /// Nothing is begun any more.
    stopping: Arc<AtomicBool>,
    /// Why plans that are catching up could not go on, and when that was.
    troubles: Mutex<BTreeMap<String, (Instant, String)>>,
    /// The rows of deployments that are over, by folder.
    sealed: answers::SealedRows,
}

impl Service {
    /// Starts with the programs that are deployed, and those of `programs` (`(name, text)`) that are not yet.
    pub fn start(options: Options, programs: &[(String, String)]) -> Result<(Arc<Self>, Vec<Recovery>), StartError> {
        let store = ProgramStore::of(&options.state, options.writer.clone()).without(&options.accept_damage);
        let all = deployed(&options, &store, programs)?;
        if let Some(said) = all.said() {
            tracing::warn!("{said}");
        }
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
            seen: standing::LastStatuses::default(),
            cluster,
            changing: Mutex::default(),
            stopping: Arc::default(),
            troubles: Mutex::default(),
            sealed: answers::SealedRows::default(),
        });
        let mut recoveries = {
            let mut inner = service.lock();
            inner.bound = bind(&service.options, &inner.programs)?;
            let parts = match service.claims() {
                Claims::All => all_parts(&inner.bound)?,
                Claims::Told => vec![],
            };
            let (running, recoveries) = service.launch(&inner.bound, parts)?;
            inner.running = running;
            service.store.note(inner.programs.version).map_err(Error::from)?;
            recoveries
        };
        if service.cluster.is_some() {
            recoveries.extend(service.join()?);
        }
        let weak = Arc::downgrade(&service);
        let thread = world::thread("deployments");
        drop(thread.spawn(move || tending::tend_for_ever(&weak)).expect("the system can start a thread"));
        Ok((service, recoveries))
    }

    fn claims(&self) -> Claims {
        if self.options.membership.is_some() { Claims::Told } else { self.options.claims }
    }

    /// The newest committed epoch of all partitions.
    pub fn epoch(&self) -> u64 {
        self.ask(&Ask::Status.into(), None)
            .map_or(0, |answers| answers.iter().map(|answer| answer.epoch).max().unwrap_or(0))
    }

    /// Waits until a partition ends on its own, at most so long; `None` if none did.
    pub fn wait(&self, timeout: Duration) -> Option<PartitionEnd> {
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
    pub fn parts(&self) -> Result<Vec<(String, LogPartition)>, StartError> {
        let bound = self.lock().bound.clone();
        let parts = all_parts(&bound)?;
        Ok(parts.into_iter().map(|(bound, part)| (bound.plan.name(), part)).collect())
    }

    /// The partitions that this processor works on.
    pub fn owned(&self) -> Vec<(String, LogPartition)> {
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
        let bound = {
            let inner = self.lock();
            if inner.running.iter().any(|running| running.is(source, partition)) {
                return Ok(None);
            }
            inner.bound.clone()
        };
        let wanted = |(bound, part): &(Bound, LogPartition)| bound.plan.name() == source && part.number == partition;
        let Some((bound, part)) = all_parts(&bound)?.into_iter().find(wanted) else {
            return Err(StartError::Binding(format!("source `{source}` has no partition {partition}")));
        };
        // Loading may take a while, in which others are answered.
        let (running, recovery) =
            RunningPartition::start(&bound, &part, threads, take, &self.options, self.ended.clone(), &self.fenced)?;
        let mut inner = self.lock();
        let Some(bound) = inner.bound.iter().find(|bound| is_as_it_was(&bound.plan, &running.plan)) else {
            // It is over meanwhile.
            drop(inner);
            running.replace(true);
            halt(&mut vec![running]);
            return Ok(None);
        };
        running.handle.relabel(bound.labels.clone());
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
        self.seen.forget(source, partition);
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
    pub fn stop(&self) -> Vec<PartitionEnd> {
        self.stopping.store(true, Ordering::SeqCst);
        if let Some(cluster) = &self.cluster {
            cluster.stop_deciding();
        }
        // Whoever is changing the programs may begin something yet.
        let _changing = self.changing();
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

    /// That the bucket of the state gives no answer now.
    fn silence(&self) -> Option<SilentStore> {
        self.options.state.silence()
    }

    fn plans(&self) -> Vec<Arc<Plan>> {
        self.lock().bound.iter().map(|bound| Arc::clone(&bound.plan)).collect()
    }

    /// What runs, and the parts that are over and left their rows.
    fn deployed(&self) -> Result<(Vec<Bound>, Vec<Arc<answers::SealedPart>>), EngineError> {
        let (bound, sealed) = {
            let inner = self.lock();
            (inner.bound.clone(), inner.programs.sealed.clone())
        };
        Ok((bound, self.sealed.of(&self.options.state, &sealed)?))
    }

    /// The plans that answer.
    fn answering(&self) -> Vec<Bound> {
        self.lock().bound.iter().filter(|bound| bound.answers()).cloned().collect()
    }

    /// To be held while the programs are changed; not to be waited for under the other lock.
    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts partitions to work, all at a time.
    fn launch(
        &self,
        bound: &[Bound],
        parts: Vec<(Bound, LogPartition)>,
    ) -> Result<(Vec<RunningPartition>, Vec<Recovery>), StartError> {
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
            let open = |(bound, part): &(Bound, LogPartition)| {
                let (bound, part, ended) = (bound.clone(), part.clone(), self.ended.clone());
                // After a change of the programs they are its own, of an earlier generation.
                let take = match self.claims() {
                    Claims::All => TakeFrom::Anybody,
                    Claims::Told => TakeFrom::Writer(self.options.writer.clone()),
                };
                scope.spawn(move || {
                    RunningPartition::start(&bound, &part, threads, take, &self.options, ended, &self.fenced)
                })
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

    /// The plans that are catching up: nobody waits for them, and how far they are is all that is of use of their answers.
    fn held(&self) -> BTreeSet<String> {
        let inner = self.lock();
        inner.bound.iter().filter(|bound| !bound.answers()).map(|bound| bound.plan.name()).collect()
    }

    /// Asks every partition that is at work here, all at a time; of plans that are `held` for whoever asks only how far they are.
    fn ask_own(
        &self,
        asks: &Asks,
        sync: Option<Duration>,
        held: &BTreeSet<String>,
        is_wanted: IsWanted<'_>,
    ) -> Result<Vec<PartitionAnswer>, NoAnswer> {
        let until = Instant::now() + sync.unwrap_or(ANSWER_TIME);
        let asked: Vec<_> = {
            let inner = self.lock();
            let begin = |running: &RunningPartition| match held.contains(&running.plan.name()) {
                true => running.handle.begin(Ask::Status, false),
                false => running.handle.begin(asks.of(&running.plan.name()).clone(), sync.is_some()),
            };
            inner.running.iter().map(begin).collect::<Result<_, _>>()?
        };
        let wait = |asked: PendingAnswer| asked.wait(until.saturating_duration_since(Instant::now()), is_wanted);
        let answers: Vec<PartitionAnswer> = asked.into_iter().map(wait).collect::<Result<_, _>>()?;
        self.seen.note(&answers);
        Ok(answers)
    }
}

/// A name that no other run has: process, host and start.
pub fn writer_name() -> String {
    let now = world::timestamp().as_nanosecond();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    // It is part of objects' names.
    let host: String =
        host.trim().chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    format!("{host}-{}-{now}", std::process::id())
}

#[cfg(test)]
pub(crate) mod tests;
