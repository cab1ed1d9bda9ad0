//! From programs and inputs to logs and their partitions, refused where they do not fit.

use super::changes::{carried_tables, changed_tables};
use super::cluster::MEMBERS;
use super::lost;
use super::work::{Bound, folder};
use super::{Options, StartError};
use crate::checkpoint::{Error as StateError, ProgramStore, is_named};
use crate::engine::EngineError;
use crate::input::{Joined, Log, LogPartition, SourceBinding, log_of};
use crate::members::beat;
use crate::partition::{self, Error};
use crate::programs::{DeployOutcome, DeployedPrograms, DeploymentStart};
use crate::start_markers::StartMarkers;
use std::sync::Arc;
use timeline_core::plan::{Plan, SourceDefinition};
use timeline_core::{SECOND, Time};

/// How much further others may read until they hear of a change, in event time.
const HEARD_OF: Time = 86_400 * SECOND;

/// So many processors may be started at once with programs to deploy.
const DEPLOYERS_MAX: u32 = 32;

/// The programs that are stored, with those of `programs` that are not yet.
pub(super) fn deployed(
    options: &Options,
    store: &ProgramStore,
    programs: &[(String, String)],
) -> Result<DeployedPrograms, StartError> {
    for _ in 0..DEPLOYERS_MAX {
        let stored = DeployedPrograms::load(store)?;
        if stored.version == 0
            && !is_named(&options.accept_damage, "programs")
            && let Some(folder) = StartMarkers::of(&options.state).any()?
        {
            return Err(Error::NoPrograms { folder }.into());
        }
        if programs.is_empty() {
            lost::before(options, &bind(options, &stored)?)?;
            stored.fill(store)?;
            return Ok(stored);
        }
        let others = options.membership.is_some() && beat::any(&*options.state.store(MEMBERS)).unwrap_or(true);
        let asked = |plan: &Plan| until_heard(asked_up_to(options, &bind(options, &stored).ok()?, plan)?, others);
        let (carrying, programs) = &stored.carrying(programs, &asked)?;
        for said in carried_tables(&stored, carrying)? {
            tracing::warn!("{said}");
        }
        let (mut all, outcomes) = carrying.with_new(programs)?;
        let replaced: Vec<&str> = outcomes
            .iter()
            .filter(|(_, outcome)| matches!(outcome, DeployOutcome::Replaced(..)))
            .map(|(name, _)| name.as_str())
            .collect();
        if !replaced.is_empty() {
            let tables = changed_tables(&stored, &all, &outcomes)?;
            let rendered = Some(stored.differences(programs, &outcomes, &tables));
            let message = format!("another definition is deployed of {}", replaced.join(", "));
            return Err(EngineError::Conflict { message, rendered }.into());
        }
        let bound = bind(options, &all)?;
        lost::before(options, &bound)?;
        if all == stored {
            stored.fill(store)?;
            return Ok(all);
        }
        stay_together(&all, &bound)?;
        can_run(options, &bound)?;
        stored.fill(store)?;
        match all.store(store) {
            Ok(()) => return Ok(all),
            // Another processor that was started at the same time deployed first.
            Err(StateError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StartError::Binding("others deploy programs all the time; try again".into()))
}

/// The last instant of which a plan may have asked anything, by the newest checkpoints of all its partitions; nothing where
/// one of them does not say.
pub(super) fn asked_up_to(options: &Options, bound: &[Bound], plan: &Plan) -> Option<Time> {
    let own = bound.iter().find(|bound| bound.plan.name() == plan.name())?;
    let mut last = Time::MIN;
    for part in own.log.partitions().ok()? {
        let store = options.state.store(&folder(&plan.name(), &part));
        last = last.max(partition::asked_up_to(plan, &*store).ok()??);
    }
    Some(last)
}

/// The last instant of which anything may have been asked when all have heard of a change. Others that may be at work ask more
/// until then: of a day at the most, for one that is further on when it opens its state under other tables reads its log
/// again; and where nothing is known of what they have read, nothing is known of that.
pub(super) fn until_heard(asked: Time, others: bool) -> Option<Time> {
    match others {
        false => Some(asked),
        true => (asked > Time::MIN).then(|| asked.saturating_add(HEARD_OF)),
    }
}

/// The log of every plan.
pub(super) fn bind(options: &Options, programs: &DeployedPrograms) -> Result<Vec<Bound>, StartError> {
    let plans = programs.plans()?;
    // Plans of one source that were deployed at different times read its log each for themselves.
    let mut known: Vec<&str> =
        plans.iter().flat_map(|(_, plan)| plan.sources()).map(|source| source.name.as_str()).collect();
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
    let log = |source: &SourceDefinition| {
        let name = &source.name;
        let own = |bound: &Option<String>| bound.as_ref().map_or(known.len() == 1, |bound| bound == name);
        let inputs: Vec<SourceBinding> =
            options.sources.iter().filter(|(bound, _)| own(bound)).map(|(_, input)| input.clone()).collect();
        let log = log_of(&inputs).map_err(|reason| {
            StartError::Binding(format!("source `{name}` {reason}; bind one with --source {name}=file:GLOB"))
        })?;
        Ok((name.clone(), log))
    };
    let mut all: Vec<Bound> = vec![];
    for (deployment, plan) in &plans {
        let mut logs = plan.sources().map(log).collect::<Result<Vec<_>, StartError>>()?;
        let log: Arc<dyn Log> = match logs.len() {
            1 => logs.remove(0).1,
            _ => Arc::new(Joined::new(logs).map_err(StartError::Binding)?),
        };
        let is_earlier = |other: &&Bound| {
            other.begins == DeploymentStart::Start && other.answers() && sources(&other.plan).eq(sources(plan))
        };
        let earlier = all.iter().find(is_earlier).filter(|_| deployment.begins == DeploymentStart::Start);
        let earlier = earlier.map(|earlier| earlier.plan.name());
        let (number, begins, labels) = (deployment.number, deployment.begins, deployment.labels());
        all.push(Bound { plan: Arc::clone(plan), log, number, begins, labels, earlier });
    }
    Ok(all)
}

fn sources(plan: &Plan) -> impl Iterator<Item = &str> {
    plan.sources().map(|source| source.name.as_str())
}

/// Refuses programs that read topics from their starts together that are read apart, or the other way round: what was
/// acknowledged is kept for those that are read as they were.
pub(super) fn stay_together(programs: &DeployedPrograms, all: &[Bound]) -> Result<(), EngineError> {
    let from_start = |bound: &&Bound| bound.log.is_live() && bound.begins == DeploymentStart::Start;
    for bound in all.iter().filter(from_start).filter(|bound| !bound.answers() && bound.earlier.is_none()) {
        if programs.was_read(&bound.plan) {
            let message = format!(
                "not kept: what read {} before is over, and let go of its log; `deploy --from now` begins with what comes next",
                bound.plan.name()
            );
            return Err(EngineError::Conflict { message, rendered: None });
        }
        for source in bound.plan.sources() {
            let reads = |other: &&Bound| other.answers() && sources(&other.plan).any(|name| name == source.name);
            if let Some(known) = all.iter().filter(from_start).find(reads) {
                let (name, was, is) = (&source.name, known.plan.name(), bound.plan.name());
                return Err(EngineError::Conflict {
                    message: format!(
                        "source `{name}` is read as {was} and would be read as {is}, but its topic is not kept from its start: \
                         `deploy --from now` begins with what comes next; or start with an empty state and a subscription of its own"
                    ),
                    rendered: None,
                });
            }
        }
    }
    Ok(())
}

/// Refuses programs that need a live log from its start where that is not kept, before they are stored.
pub(super) fn can_run(options: &Options, bound: &[Bound]) -> Result<(), StartError> {
    let live: Vec<Bound> = bound.iter().filter(|bound| bound.log.is_live()).cloned().collect();
    for (bound, part) in all_parts(&live)? {
        let store = options.state.store(&folder(&bound.plan.name(), &part));
        partition::can_run(&bound.plan, &store)?;
        if let Some(earlier) = bound.earlier.as_ref().filter(|_| !bound.answers()) {
            partition::can_copy(&bound.plan, &*options.state.store(&folder(earlier, &part)))?;
        }
    }
    Ok(())
}

/// All partitions of all logs.
pub(super) fn all_parts(bound: &[Bound]) -> Result<Vec<(Bound, LogPartition)>, StartError> {
    let mut all = vec![];
    for one in bound {
        let parts = one.log.partitions().map_err(Error::from)?;
        all.extend(parts.into_iter().map(|part| (one.clone(), part)));
    }
    Ok(all)
}
