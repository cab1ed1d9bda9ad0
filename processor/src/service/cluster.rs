//! The processor among others that share its state: it claims what it should have, gives up what others should, and runs
//! the programs that any of them deploys.
//!
//! The decisions are those of [`crate::members`]; here is the I/O that obeys. One thread decides, a few times a second.

use super::binding::bind;
use super::work::PartitionEnd;
use super::{Service, StartError};
use crate::checkpoint::Error as StateError;
use crate::engine::EngineError;
use crate::input::LogPartition;
use crate::members::Member;
use crate::members::beat::{Beat, MembershipView};
use crate::members::decide::Sharing;
use crate::members::process::ProcessId;
use crate::partition::{Error, Recovery};
use crate::peers::Peers;
use crate::programs::DeployedPrograms;
use crate::tokens::TokenStore;
use event_feeder::world::{self, Instant};
use round::Round;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

mod round;
#[cfg(test)]
mod tests;

/// Where the entries of members are.
pub(super) const MEMBERS: &str = "members";

/// Time between two decisions.
const ROUND: Duration = Duration::from_millis(300);
/// Time between two looks for partitions that a log has got, and for programs that others deployed.
const LOOK: Duration = Duration::from_secs(1);
/// How long a start waits for owners that are being watched or asked to give something up.
const SETTLE: Duration = Duration::from_secs(5);
/// How long a start waits for brokers that do not answer, or that still hold the place of a reader that has died.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a deployment waits for the other members to run it.
const DEPLOYED: Duration = Duration::from_secs(30);

/// How a processor shares its state.
#[derive(Clone, Debug)]
pub struct Membership {
    /// Where the others can ask it: `http://HOST:PORT`.
    pub address: String,
    /// What they show each other one of.
    pub tokens: Option<TokenStore>,
}

pub(super) struct Cluster {
    membership: Membership,
    pub(super) peers: Peers,
    beat: Mutex<Option<Beat>>,
    decider: Mutex<Option<JoinHandle<()>>>,
    /// Held by whoever claims and gives up.
    deciding: Mutex<()>,
    stopping: Mutex<bool>,
    /// All partitions of all sources as they were last looked up.
    parts: Mutex<PartitionList>,
    /// Partitions that have been read to their end, as was wished.
    finished: Mutex<BTreeSet<(String, u32)>>,
}

#[derive(Clone, Default)]
struct PartitionList {
    all: Vec<(String, LogPartition, Sharing)>,
    looked_up: Option<Instant>,
    version: u64,
}

impl Cluster {
    pub(super) fn new(membership: Membership) -> Cluster {
        Cluster {
            peers: Peers::new(membership.tokens.clone()),
            membership,
            beat: Mutex::default(),
            decider: Mutex::default(),
            deciding: Mutex::default(),
            stopping: Mutex::default(),
            parts: Mutex::default(),
            finished: Mutex::default(),
        }
    }

    /// Ends the thread that decides: nothing is claimed from here on.
    pub(super) fn stop_deciding(&self) {
        *lock(&self.stopping) = true;
        let decider = lock(&self.decider).take();
        // A panic there has been told by the thread that had it. The thread itself never stops the service.
        decider.map(JoinHandle::join);
    }

    /// Takes the member's entry away, once it owns nothing.
    pub(super) fn leave(&self) {
        if let Some(beat) = lock(&self.beat).take() {
            beat.leave();
        }
    }

    /// Who is there.
    pub(super) fn view(&self) -> MembershipView {
        lock(&self.beat).as_ref().map(Beat::view).unwrap_or_default()
    }

    /// Looks who is there, now.
    pub(super) fn look(&self) -> Result<(), StateError> {
        // Whoever looks who is there meanwhile does not wait for the store.
        let looker = lock(&self.beat).as_ref().map(Beat::looker);
        Ok(looker.map_or(Ok(()), |looker| looker.look())?)
    }

    /// Whether it has left.
    pub(super) fn has_left(&self) -> bool {
        lock(&self.beat).is_none()
    }

    /// To be held while nothing is to be claimed.
    pub(super) fn deciding(&self) -> MutexGuard<'_, ()> {
        lock(&self.deciding)
    }

    fn is_stopping(&self) -> bool {
        *lock(&self.stopping)
    }
}

impl Service {
    /// Becomes a member, and works on what it should have once that is settled or has taken a while.
    pub(super) fn join(self: &Arc<Self>) -> Result<Vec<Recovery>, StartError> {
        let Some(cluster) = &self.cluster else { return Ok(vec![]) };
        let me = Member {
            format: 1,
            id: self.options.writer.clone(),
            address: cluster.membership.address.clone(),
            sources: self.lock().bound.iter().map(|bound| bound.plan.name()).collect(),
            process: ProcessId::this(),
        };
        let beat = Beat::start(self.options.state.store(MEMBERS), me).map_err(StateError::from)?;
        *lock(&cluster.beat) = Some(beat);
        let begun = Instant::now();
        let mut recoveries = vec![];
        let mut pause = ROUND;
        loop {
            let mut round = Round { failed: self.parts().err(), ..Round::default() };
            if round.failed.is_none() {
                round = self.round(cluster);
            }
            recoveries.extend(round.recoveries);
            if let Some(error) = round.failed.or(round.refused) {
                if !is_out_of_reach(&error) || begun.elapsed() + pause >= PATIENCE {
                    self.stop();
                    return Err(error);
                }
                tracing::warn!("{error}; trying again in {:.1} s", pause.as_secs_f64());
                world::sleep(pause);
                pause = (pause * 2).min(Duration::from_secs(4));
                continue;
            }
            if !round.waits || begun.elapsed() >= SETTLE {
                break;
            }
            world::sleep(ROUND);
        }
        let weak = Arc::downgrade(self);
        let thread = world::thread("ownership").spawn(move || decide(&weak));
        *lock(&cluster.decider) = Some(thread.expect("the system can start a thread"));
        Ok(recoveries)
    }

    /// Notes that a partition has been read to its end and is not to be claimed again.
    pub fn finish(&self, source: &str, partition: u32) {
        if let Some(cluster) = &self.cluster {
            lock(&cluster.finished).insert((source.to_owned(), partition));
        }
        self.forget(source, partition);
        self.seen.forget(source, partition);
    }

    /// The members that are alive, by address.
    pub(super) fn members(&self) -> Vec<serde_json::Value> {
        let view = self.cluster.as_ref().map(Cluster::view).unwrap_or_default();
        let member = |member: &Member| serde_json::json!({"id": member.id, "address": member.address});
        view.live.values().map(member).collect()
    }

    /// The other members that are or may be alive.
    pub(super) fn others(&self) -> Vec<Member> {
        let view = self.cluster.as_ref().map(Cluster::view).unwrap_or_default();
        view.perhaps.into_values().filter(|member| member.id != self.options.writer).collect()
    }

    /// All partitions with their sources, looked up now and then.
    pub(super) fn known_parts(&self) -> Vec<(String, LogPartition, Sharing)> {
        let Some(cluster) = &self.cluster else { return vec![] };
        let (version, bound) = {
            let inner = self.lock();
            (inner.programs.version, inner.bound.clone())
        };
        let known = lock(&cluster.parts).clone();
        if known.version == version && known.looked_up.is_some_and(|at| at.elapsed() < LOOK) {
            return known.all;
        }
        let mut all = vec![];
        for one in &bound {
            let (name, sharing) = (&one.plan.name(), sharing(one.log.is_live()));
            match one.log.partitions() {
                Ok(parts) => all.extend(parts.into_iter().map(|part| (name.clone(), part, sharing))),
                Err(error) => {
                    tracing::warn!(source = %name, %error, "cannot look up the partitions");
                    all.extend(known.all.iter().filter(|(source, ..)| source == name).cloned());
                }
            }
        }
        *lock(&cluster.parts) = PartitionList { all: all.clone(), looked_up: Some(Instant::now()), version };
        all
    }

    /// Runs the newest programs that are stored, whoever deployed them. To be called while nobody else changes them.
    pub(super) fn adopt_newest(&self) -> Result<(), EngineError> {
        if self.cluster.is_none() {
            return Ok(());
        }
        let unavailable = |error: String| EngineError::Unavailable(format!("cannot read the programs: {error}"));
        let newest = DeployedPrograms::load(&self.store).map_err(|error| unavailable(error.to_string()))?;
        if newest.version <= self.lock().programs.version {
            return Ok(());
        }
        let bound = bind(&self.options, &newest).map_err(|error| EngineError::invalid(error.to_string()))?;
        tracing::info!(version = newest.version, "runs the programs that another processor deployed");
        self.adopt(newest, bound)
    }

    /// The addresses of the other members that do not run the present programs.
    pub(super) fn behind(&self) -> Vec<String> {
        let Some(cluster) = &self.cluster else { return vec![] };
        let version = self.lock().programs.version;
        let runs = |member: &Member| cluster.peers.programs(&member.address).is_ok_and(|runs| runs >= version);
        self.others().iter().filter(|member| !runs(member)).map(|member| member.address.clone()).collect()
    }

    /// Waits until all other members run the present programs; the addresses of those that do not in time.
    pub(super) fn wait_for_others(&self) -> Vec<String> {
        let until = Instant::now() + DEPLOYED;
        loop {
            let behind = self.behind();
            if behind.is_empty() || Instant::now() >= until {
                return behind;
            }
            world::sleep(ROUND);
        }
    }
}

/// Decides until the service stops or is gone.
fn decide(service: &Weak<Service>) {
    let mut looked = Instant::now();
    loop {
        world::sleep(ROUND);
        let Some(service) = service.upgrade() else { return };
        let Some(cluster) = service.cluster.as_ref().filter(|cluster| !cluster.is_stopping()) else { return };
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            let changing = service.changing();
            let adopted = service.adopt_newest();
            drop(changing);
            if let Err(error) = adopted {
                tracing::warn!(%error, "does not run the programs that another processor deployed");
            }
        }
        let round = {
            let _deciding = cluster.deciding();
            service.round(cluster)
        };
        for recovery in &round.recoveries {
            recovery.findings.iter().for_each(|finding| tracing::warn!("{finding}"));
            recovery.said.iter().for_each(|said| tracing::warn!("{said}"));
        }
        if let Some(StartError::Partition(error)) = round.failed {
            if passes(&error) {
                tracing::warn!(%error, "a partition cannot be opened yet");
                continue;
            }
            // Nobody listens any more when the processor itself ends.
            let _ = service.ended.send(PartitionEnd { source: String::new(), partition: 0, result: Err(error) });
            return;
        }
    }
}

/// Whether what kept a partition from being opened may be gone at the next attempt: a bucket or a broker that does not
/// answer is no reason to stop what is at work.
fn passes(error: &Error) -> bool {
    use event_feeder::Error as Feeder;
    match error {
        // What is gone does not come back, and nobody is to think that it was counted.
        Error::Source(Feeder::Gap { .. } | Feeder::Acknowledged { .. } | Feeder::OtherTopic { .. }) => false,
        Error::Checkpoint(StateError::Store(_) | StateError::Unclear { .. }) | Error::Source(_) => true,
        _ => false,
    }
}

/// Whether a broker could not be reached, or had not yet noticed that the reader before is dead.
fn is_out_of_reach(error: &StartError) -> bool {
    use event_feeder::{Error as Feeder, RecordCode};
    matches!(
        error,
        StartError::Partition(Error::Source(Feeder::Topic { code: RecordCode::NoBroker | RecordCode::TopicBusy, .. }))
    )
}

/// What can be read from everywhere can be read by whoever should; files are on one machine.
fn sharing(is_live: bool) -> Sharing {
    if is_live { Sharing::Shared } else { Sharing::Alone }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left behind is whole: it is only ever replaced.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
