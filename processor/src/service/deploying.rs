//! Other programs for a processor at work. What stays as it was goes on undisturbed; what is new begins beside it.

use super::binding::{all_parts, asked_up_to, bind, stay_together, until_heard};
use super::work::{Bound, RunningPartition, folder, halt};
use super::{Claims, Service, StartError, answers};
use crate::checkpoint::WriterIdentity;
use crate::engine::EngineError;
use crate::input::{Log, LogPartition};
use crate::partition::{self, Ask, PartitionAnswer};
use crate::programs::{DeployedPrograms, is_as_it_was};
use crate::retained::RetainedLog;
use event_feeder::world::{self, Instant};
use event_feeder::{Position, RecordCode};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// A partition of a plan that is there no more, and the log that it read.
type Gone = (Arc<dyn Log>, Arc<Plan>, LogPartition);

/// How long a log is left alone that could not be told to forget a place.
const AGAIN: Duration = Duration::from_secs(5);

impl Service {
    /// Puts other programs to work, once they are stored as those after the present ones.
    pub(super) fn change(&self, mut programs: DeployedPrograms) -> Result<(), EngineError> {
        let bound = bind(&self.options, &programs).map_err(|error| EngineError::invalid(error.to_string()))?;
        stay_together(&programs, &bound)?;
        programs
            .store(&self.store)
            .map_err(|error| EngineError::Conflict { message: error.to_string(), rendered: None })?;
        self.adopt(programs, bound)
    }

    /// Puts stored programs to work: plans that are there no more end, those that stay go on, new ones begin.
    pub(super) fn adopt(&self, programs: DeployedPrograms, bound: Vec<Bound>) -> Result<(), EngineError> {
        let internal = |error: StartError| EngineError::Internal(error.to_string());
        let new: Vec<Bound>;
        let (mut gone, forgotten): (Vec<RunningPartition>, Vec<Gone>);
        {
            let mut inner = self.lock();
            let stays =
                |running: &RunningPartition| bound.iter().find(|bound| is_as_it_was(&bound.plan, &running.plan));
            let running = std::mem::take(&mut inner.running);
            (inner.running, gone) = running.into_iter().partition(|running| stays(running).is_some());
            for running in &inner.running {
                stays(running).into_iter().for_each(|bound| running.handle.relabel(bound.labels.clone()));
            }
            let of = |running: &RunningPartition| {
                let known = inner.bound.iter().find(|known| known.plan == running.plan)?;
                Some((Arc::clone(&known.log), Arc::clone(&known.plan), running.part.clone()))
            };
            // One whose tables say more of what is to come goes on in its place.
            let goes_on = |running: &&RunningPartition| bound.iter().any(|bound| bound.plan == running.plan);
            forgotten = gone.iter().filter(|running| !goes_on(running)).filter_map(of).collect();
            let is_new = |bound: &&Bound| !inner.bound.iter().any(|known| is_as_it_was(&bound.plan, &known.plan));
            new = bound.iter().filter(is_new).cloned().collect();
            inner.programs = programs;
            inner.bound = bound;
        }
        gone.iter().for_each(|running| running.replace(true));
        halt(&mut gone);
        self.forget_plans(forgotten);
        if self.claims() == Claims::All && !self.is_stopping() {
            let (running, _) = self.launch(&new, all_parts(&new).map_err(internal)?).map_err(internal)?;
            self.lock().running.extend(running);
        }
        Ok(())
    }

    /// Stops the partitions of some deployments, each with a last checkpoint.
    pub(super) fn pause(&self, numbers: &BTreeSet<u32>) {
        let mut paused: Vec<RunningPartition>;
        {
            let mut inner = self.lock();
            let own: Vec<Bound> = inner.bound.iter().filter(|bound| numbers.contains(&bound.number)).cloned().collect();
            let is_own = |running: &RunningPartition| own.iter().any(|bound| bound.plan == running.plan);
            let running = std::mem::take(&mut inner.running);
            (paused, inner.running) = running.into_iter().partition(is_own);
        }
        paused.iter().for_each(|running| running.replace(true));
        halt(&mut paused);
    }

    /// Puts to work what was paused and has not been since.
    pub(super) fn resume(&self, numbers: &BTreeSet<u32>) -> Result<(), EngineError> {
        if self.claims() != Claims::All || self.is_stopping() {
            return Ok(());
        }
        let internal = |error: StartError| EngineError::Internal(error.to_string());
        let (own, running): (Vec<Bound>, Vec<(String, u32)>) = {
            let inner = self.lock();
            let own = inner.bound.iter().filter(|bound| numbers.contains(&bound.number)).cloned();
            (own.collect(), inner.running.iter().map(|one| (one.plan.name(), one.part.number)).collect())
        };
        let mut parts = all_parts(&own).map_err(internal)?;
        parts.retain(|(bound, part)| !running.contains(&(bound.plan.name(), part.number)));
        let (running, _) = self.launch(&own, parts).map_err(internal)?;
        self.lock().running.extend(running);
        Ok(())
    }

    /// The last instant of which a plan may have asked anything, until all have heard of a change.
    pub(super) fn asked_up_to(&self, plan: &Plan) -> Option<Time> {
        let bound = self.lock().bound.clone();
        // Whoever has just come is not to be overlooked.
        let is_seen = self.cluster.as_ref().is_none_or(|cluster| cluster.look().is_ok());
        let committed = asked_up_to(&self.options, &bound, plan)?;
        // What is read is further on than what is committed.
        let answers = self.ask(&Ask::Status.into(), None).ok()?;
        let own = answers.iter().filter(|answer| answer.plan.name() == plan.name());
        let read = own.filter_map(|answer| partition::asked_by(plan, &answer.reach)).max();
        until_heard(committed.max(read.unwrap_or(Time::MIN)), !is_seen || !self.others().is_empty())
    }

    /// Lets go of what is not needed of partitions that run no more, without waiting for it: their places in their logs,
    /// and all of their state but the rows. A log that is out of reach is asked again until the processor ends.
    fn forget_plans(&self, gone: Vec<Gone>) {
        if gone.is_empty() {
            return;
        }
        let (state, writer) = (self.options.state.clone(), self.options.writer.clone());
        let stopping = Arc::clone(&self.stopping);
        let tell = move || {
            for (_, plan, part) in &gone {
                let folder = folder(&plan.name(), part);
                let identity = WriterIdentity { partition: partition::identity(plan, part), writer: writer.clone() };
                if let Err(error) = partition::seal(&state.store(&folder), &identity) {
                    tracing::warn!("{folder}: {error}; what its queries knew of open sessions stays there");
                }
            }
            forget_places(gone, &stopping);
        };
        if let Err(error) = world::thread("forget").spawn(tell) {
            tracing::warn!("no thread to forget what was dropped: {error}");
        }
    }

    /// What begins with the first event of a log needs that: refuses where it is not kept, and says what else of it is gone.
    /// Not to be called under the lock.
    pub(super) fn can_start_over(&self, programs: &DeployedPrograms) -> Result<Vec<String>, EngineError> {
        let bound = bind(&self.options, programs).map_err(|error| EngineError::invalid(error.to_string()))?;
        let known = self.plans();
        let is_new = |bound: &&Bound| !known.contains(&bound.plan);
        let earlier: Vec<&String> = bound.iter().filter(is_new).filter_map(|bound| bound.earlier.as_ref()).collect();
        let is_earlier = |answer: &PartitionAnswer| earlier.contains(&&answer.plan.name());
        let mut gone = vec![];
        for answer in self.ask(&Ask::Status.into(), None)?.into_iter().filter(is_earlier) {
            let files = answer.reach.iter().flat_map(|reach| &reach.files).map(|file| &file.name);
            let missing: Vec<&str> =
                files.filter(|name| !std::path::Path::new(name).exists()).map(String::as_str).collect();
            if !missing.is_empty() {
                gone.push(format!(
                    "{} began with files that are gone: {}; what is new knows nothing of them",
                    answer.plan.name(),
                    missing.join(", ")
                ));
            }
            // Files are their own log. What is not committed yet comes from the log itself.
            for (source, reach) in (0..).zip(&answer.reach) {
                let kept = RetainedLog::of(&answer.results, source);
                let kept = kept.map_err(|error| EngineError::Internal(error.to_string()))?;
                let has_begun = reach.files.is_empty() && reach.position.of(0) > Position::START;
                let is_kept = self.options.keep > 0 && kept.is_whole(Position::START, kept.end());
                if !has_begun || answer.epoch == 0 {
                    continue;
                }
                if is_kept {
                    // Whether they can be read is known before anything is changed.
                    kept.compare(&answer.reader).map_err(answers::unread)?;
                    continue;
                }
                let (source, partition) = (&answer.plan.source_at(usize::from(source)).name, answer.partition);
                return Err(EngineError::Conflict {
                    message: format!(
                        "not kept: new queries need the log of {source}/{partition} from its start, and its first events are older than --keep; `deploy --from now` begins with what comes next"
                    ),
                    rendered: None,
                });
            }
        }
        Ok(gone)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

/// Tells logs to forget places that nobody reads from any more; those that are out of reach again and again, until the
/// processor ends.
fn forget_places(mut gone: Vec<Gone>, stopping: &AtomicBool) {
    let mut is_said = false;
    loop {
        gone.retain(|(log, plan, part)| match log.forget(part, plan) {
            Ok(()) => false,
            Err(error) if error.code() == RecordCode::NoTopic => false,
            Err(error) => {
                if !is_said {
                    tracing::warn!(
                        "{}: {error}; the subscription of {} stays until it can be deleted",
                        part.name,
                        plan.name()
                    );
                }
                true
            }
        });
        if gone.is_empty() {
            return;
        }
        is_said = true;
        let again = Instant::now() + AGAIN;
        while Instant::now() < again {
            if stopping.load(Ordering::SeqCst) {
                for (_, plan, part) in &gone {
                    tracing::warn!("{}: the subscription of {} has stayed: delete it by hand", part.name, plan.name());
                }
                return;
            }
            world::sleep(Duration::from_millis(100));
        }
    }
}
