//! Other programs for a processor at work: its partitions end, and start again with the new plans.

use super::binding::{all_parts, stay_together};
use super::work::{Bound, Running, halt};
use super::{Claims, Inner, Service, StartError};
use crate::engine::EngineError;
use crate::input::{Log, Part};
use crate::kept::Kept;
use crate::partition::{Answer, Ask};
use crate::programs::Programs;
use event_feeder::Position;
use std::sync::Arc;
use timeline_core::plan::Plan;

/// What a plan is to be forgotten of: where it read, and which partition of it.
type Gone = (Arc<dyn Log>, Arc<Plan>, Part);

/// The partitions at work for plans that are there no more.
fn gone(inner: &Inner, after: &[Bound]) -> Vec<Gone> {
    let of = |running: &Running| {
        let name = running.plan.name();
        let stays = after.iter().any(|bound| bound.plan.name() == name);
        let bound = inner.bound.iter().find(|bound| bound.plan.name() == name).filter(|_| !stays)?;
        Some((Arc::clone(&bound.log), Arc::clone(&bound.plan), running.part.clone()))
    };
    inner.running.iter().filter_map(of).collect()
}

/// Tells their logs, without waiting for it: what cannot be said now is left to whoever looks after the broker.
fn forget(gone: Vec<Gone>) {
    if gone.is_empty() {
        return;
    }
    let tell = move || {
        for (log, plan, part) in gone {
            if let Err(error) = log.forget(&part, &plan) {
                tracing::warn!("{}: {error}; a subscription of {} may have stayed", part.name, plan.name());
                return;
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("forget".into()).spawn(tell) {
        tracing::warn!("no thread to forget what was dropped: {error}");
    }
}

impl Service {
    /// Puts other programs to work: the partitions end, and start again.
    pub(super) fn change(&self, inner: &mut Inner, mut programs: Programs) -> Result<(), EngineError> {
        let bound = self.bind(&programs.plans()?).map_err(|error| EngineError::invalid(error.to_string()))?;
        let before: Vec<Arc<Plan>> = inner.bound.iter().map(|bound| Arc::clone(&bound.plan)).collect();
        stay_together(&before, &bound)?;
        programs
            .store(&self.store)
            .map_err(|error| EngineError::Conflict { message: error.to_string(), rendered: None })?;
        self.adopt(inner, programs, bound)
    }

    /// Puts stored programs to work.
    pub(super) fn adopt(&self, inner: &mut Inner, programs: Programs, bound: Vec<Bound>) -> Result<(), EngineError> {
        let internal = |error: StartError| EngineError::Internal(error.to_string());
        let owned: Vec<(String, u32)> = inner.running.iter().map(|one| (one.plan.name(), one.part.number)).collect();
        let gone = gone(inner, &bound);
        inner.running.iter().for_each(|running| running.replace(false));
        halt(&mut inner.running);
        forget(gone);
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
    pub(super) fn can_start_over(&self, programs: &Programs) -> Result<(), EngineError> {
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
}
