//! Deployments on their way: one that has caught up takes the place of what it replaces, one that is over is sealed.
//!
//! Every step is one version of the stored programs, made by whoever sees first that it is due; so it is made once, however
//! many processors there are, and a crash leaves the step to whoever comes next.
//!
//! **Invariant:** until the step a deployment answers nothing, and what it replaces answers whole.

use super::binding::{all_parts, bind};
use super::work::{Bound, folder};
use super::{Service, StartError};
use crate::checkpoint::Error as StateError;
use crate::engine::EngineError;
use crate::log_position::LogPosition;
use crate::partition::{Ask, PartitionAnswer};
use crate::programs::{DeployedPrograms, DeploymentStart, SealedLog};
use event_feeder::world::{self, Instant};
use serde_json::{Value as Json, json};
use std::sync::{PoisonError, Weak};
use std::time::Duration;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// How long a plan that failed to catch up is left alone.
const LATER: Duration = Duration::from_secs(10);

/// Looks after deployments until the service stops or is gone.
pub(super) fn tend_for_ever(service: &Weak<Service>) {
    loop {
        world::sleep(LOOK);
        let Some(service) = service.upgrade() else { return };
        if service.is_stopping() {
            return;
        }
        if let Err(error) = service.tend() {
            tracing::debug!(%error, "deployments are looked after later");
        }
    }
}

impl Service {
    /// Whether a plan answers; one that is catching up does not, and may fail without harm.
    pub fn answers(&self, source: &str) -> bool {
        self.lock().bound.iter().all(|bound| bound.plan.name() != source || bound.answers())
    }

    /// Notes why a plan that is catching up could not go on; it is tried again later.
    pub fn note_trouble(&self, source: &str, reason: &str) {
        tracing::warn!("{source} cannot catch up now: {reason}; what answered before goes on, and it is tried again");
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.insert(source.to_owned(), (Instant::now(), reason.to_owned()));
    }

    /// Whether a plan has failed not long ago.
    pub(super) fn is_in_trouble(&self, source: &str) -> bool {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.get(source).is_some_and(|(when, _)| when.elapsed() < LATER)
    }

    /// Takes the next step that is due for a deployment; whether there was one.
    pub fn tend(&self) -> Result<bool, EngineError> {
        let _changing = self.changing();
        let (programs, bound) = {
            let inner = self.lock();
            // Texts may be large, and mostly nothing waits.
            if !inner.programs.deployments.iter().any(|one| one.catching_up || one.is_over()) {
                return Ok(false);
            }
            (inner.programs.clone(), inner.bound.clone())
        };
        // Whoever is to have caught up is asked after those that it is to have caught up with.
        let before = self.ask(&Ask::Status.into(), None)?;
        let after = self.ask(&Ask::Status.into(), None)?;
        for deployment in &programs.deployments {
            let own: Vec<Bound> = bound.iter().filter(|bound| bound.number == deployment.number).cloned().collect();
            let next = if deployment.catching_up {
                let internal = |error: StartError| EngineError::Internal(error.to_string());
                let mut parts = all_parts(&own).map_err(internal)?.into_iter();
                let has = parts.all(|(own, part)| has_caught_up(&own, part.number, &bound, &before, &after));
                has.then(|| programs.switch(deployment.number))
            } else if deployment.is_over() && is_published(&own, &after) && self.behind().is_empty() {
                Some(programs.seal(deployment.number, logs_of(&own)?))
            } else {
                None
            };
            if let Some(next) = next {
                return self.step(next).map(|()| true);
            }
        }
        Ok(false)
    }

    /// Waits until every deployment has its place, and what is over is sealed.
    #[cfg(test)]
    pub(crate) fn settle(&self) {
        let began = Instant::now();
        let waits = || self.lock().programs.deployments.iter().any(|one| one.catching_up || one.is_over());
        while waits() {
            assert!(began.elapsed() < Duration::from_secs(60), "a deployment does not catch up");
            world::sleep(Duration::from_millis(10));
        }
    }

    /// Stores the next programs and puts them to work; whoever was quicker is followed later.
    fn step(&self, mut next: DeployedPrograms) -> Result<(), EngineError> {
        match next.store(&self.store) {
            Ok(()) => {}
            Err(StateError::Conflict { .. }) => return self.adopt_newest(),
            Err(error) => return Err(EngineError::Unavailable(error.to_string())),
        }
        let bound = bind(&self.options, &next).map_err(|error| EngineError::Internal(error.to_string()))?;
        self.adopt(next, bound)
    }

    /// The deployments that are catching up, each with how far it is, for people and programs.
    pub(super) fn catching_up(&self, answers: &[PartitionAnswer]) -> Vec<Json> {
        let (waiting, bound) = {
            let inner = self.lock();
            let waiting = inner.programs.deployments.iter().filter(|deployment| deployment.catching_up);
            let waiting = waiting.map(|one| (one.number, one.shown().cloned().collect::<Vec<_>>()));
            (waiting.collect::<Vec<_>>(), inner.bound.clone())
        };
        let records = |of: &dyn Fn(&PartitionAnswer) -> bool| -> u64 {
            answers.iter().filter(|answer| of(answer)).map(|answer| answer.counts.records).sum()
        };
        let one = |(number, names): (u32, Vec<String>)| {
            let own: Vec<&Bound> = bound.iter().filter(|bound| bound.number == number).collect();
            let of = |answer: &PartitionAnswer| own.iter().any(|own| own.plan.name() == answer.plan.name());
            let earlier =
                |answer: &PartitionAnswer| own.iter().any(|own| own.earlier.as_ref() == Some(&answer.plan.name()));
            let (read, of_all) = (records(&of), records(&earlier));
            let per_cent = (read * 100).checked_div(of_all).map(|per_cent| per_cent.min(100));
            let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
            let of_own = |own: &&Bound| troubles.get(&own.plan.name()).map(|(_, reason)| reason.clone());
            let trouble = own.iter().find_map(of_own);
            json!({
                "deployment": number,
                "names": names,
                "records": read,
                "of_records": of_all,
                "per_cent": per_cent,
                "trouble": trouble,
            })
        };
        waiting.into_iter().map(one).collect()
    }
}

/// Whether a partition of a deployment has read what those have read that answer now; or has begun, if that is all.
fn has_caught_up<'a>(
    own: &Bound,
    part: u32,
    bound: &[Bound],
    before: &'a [PartitionAnswer],
    after: &'a [PartitionAnswer],
) -> bool {
    let of = |answers: &'a [PartitionAnswer], bound: &Bound| {
        answers.iter().find(|answer| answer.plan == bound.plan && answer.partition == part)
    };
    let Some(now) = of(after, own) else { return false };
    if own.begins == DeploymentStart::Now {
        return now.epoch > 0;
    }
    let others = bound.iter().filter(|other| other.answers() && other.is_seen());
    others.filter_map(|other| of(before, other)).all(|other| {
        other.plan.sources().zip(&other.reach).all(|(source, old)| {
            let new = now.plan.sources().zip(&now.reach).find(|(own, _)| own.name == source.name);
            new.is_none_or(|(_, new)| covers(new, old))
        })
    })
}

/// Whether one reading of a log has read all that another one has. Each numbers the files of a log by itself.
fn covers(new: &LogPosition, old: &LogPosition) -> bool {
    let (at, to) = (new.position.of(0), old.position.of(0));
    if old.files.is_empty() {
        return at >= to;
    }
    let read_to = |name: &str, end: u64| match new.files.iter().position(|file| file.name == name) {
        Some(number) if number as u64 == at.file => at.offset >= end,
        Some(number) => (number as u64) < at.file,
        // A file that is gone is read by nobody any more.
        None => !std::path::Path::new(name).exists(),
    };
    let files = (0..).zip(&old.files).take_while(|(number, _)| *number <= to.file);
    files.into_iter().all(|(number, file)| read_to(&file.name, if number == to.file { to.offset } else { 0 }))
}

/// Whether nothing of a deployment waits to be written or published.
fn is_published(own: &[Bound], answers: &[PartitionAnswer]) -> bool {
    let of = |answer: &&PartitionAnswer| own.iter().any(|own| own.plan.name() == answer.plan.name());
    // One that nobody works on may have outputs that have yet to say their last.
    let is_done =
        |answer: &PartitionAnswer| answer.outputs.values().all(|output| output.waiting == 0) && answer.owner.is_some();
    answers.iter().filter(of).all(is_done)
}

/// Where the rows of a deployment are.
fn logs_of(own: &[Bound]) -> Result<Vec<SealedLog>, EngineError> {
    let log = |bound: &Bound| {
        let source = bound.plan.name();
        let parts = bound.log.partitions().map_err(|error| EngineError::Unavailable(error.to_string()))?;
        let parts = parts.iter().map(|part| (part.number, folder(&source, part))).collect();
        Ok(SealedLog { source, parts })
    };
    own.iter().map(log).collect()
}
