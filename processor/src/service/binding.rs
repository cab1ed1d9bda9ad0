//! From programs and inputs to logs and their partitions, refused where they do not fit.

use super::work::{Bound, folder};
use super::{Options, StartError};
use crate::checkpoint::{Error as StateError, ProgramStore};
use crate::engine::EngineError;
use crate::input::{Input, Joined, Log, Part, log_of};
use crate::partition::{self, Error};
use crate::programs::{Begin, Programs};
use std::sync::Arc;
use timeline_core::plan::{Plan, Source};

/// So many processors may be started at once with programs to deploy.
const DEPLOYERS_MAX: u32 = 32;

/// The programs that are stored, with those of `programs` that are not yet.
pub(super) fn deployed(
    options: &Options,
    store: &ProgramStore,
    programs: &[(String, String)],
) -> Result<Programs, StartError> {
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
pub(super) fn bind(options: &Options, plans: &[Arc<Plan>]) -> Result<Vec<Bound>, StartError> {
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
    let log = |source: &Source| {
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
pub(super) fn stay_together(before: &[Arc<Plan>], after: &[Bound]) -> Result<(), EngineError> {
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
pub(super) fn can_run(options: &Options, programs: &Programs) -> Result<(), StartError> {
    let bound = bind(options, &programs.plans()?)?;
    for (bound, part) in all_parts(&bound)?.into_iter().filter(|(bound, _)| bound.log.is_live()) {
        let store = options.state.store(&folder(&bound.plan.name(), &part));
        partition::can_run(&bound.plan, &*store)?;
    }
    Ok(())
}

/// All partitions of all logs.
pub(super) fn all_parts(bound: &[Bound]) -> Result<Vec<(Bound, Part)>, StartError> {
    let mut all = vec![];
    for one in bound {
        let parts = one.log.partitions().map_err(Error::from)?;
        all.extend(parts.into_iter().map(|part| (one.clone(), part)));
    }
    Ok(all)
}
