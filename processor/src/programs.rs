//! The deployed programs of a processor: their texts, what of their outputs is seen, and what is left of those that are over.
//!
//! The texts are what is durable; plans are compiled from them at every start.
//!
//! What is deployed at one time is one [`Deployment`], with plans, a reading of the logs and a place in the state of its own.
//! So a deployment takes nothing from those before it. A definition that means what a deployed one means stays where it
//! is; another one of a known name gets the next version of that name, and takes its place by one [switch](DeployedPrograms::switch),
//! once it has read what the old one has read. Rows that were committed until then stay under their version.
//!
//! Rejected: one plan for all that reads a log from its start, which every change makes read it again. Its answers go back,
//! and what the log has no more is lost.

mod carrying;
mod contradictions;
mod deployment;
mod order;
mod spoken;
mod stored;
#[cfg(test)]
mod tests;

pub use crate::partition::DeploymentStart;
pub(crate) use carrying::is_as_it_was;
pub use deployment::{Deployment, Sealed, SealedLog};

use crate::checkpoint::Error as StoreError;
use crate::checkpoint::ProgramStore;
use crate::code::StateCode;
use crate::engine::EngineError;
use crate::operators::Operators;
use deployment::meanings;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Once};
use timeline_core::plan::Plan;
use timeline_dsl::{Diagnostic, ProgramText, Severity, compile_with, outline, render};

/// A text as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployedText {
    /// The name that diagnostics show.
    pub name: String,
    /// The text.
    pub text: String,
    /// Outputs that it does not produce.
    pub without: BTreeSet<String>,
    /// Those of them that the texts behind it do not speak of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unspoken: BTreeSet<String>,
    /// The version of the programs that it came with, where it was deployed though nothing of it was new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u32>,
}

/// Names of the metrics and alerts of a text.
fn outputs_of(text: &str) -> BTreeSet<String> {
    let all = outline(text).definitions.into_iter();
    all.filter(|definition| matches!(definition.what, "metric" | "alert")).map(|definition| definition.name).collect()
}

/// Why the deployed programs cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// They cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// They are not programs as this version stores them.
    #[error("programs of version {version}: {reason}")]
    Malformed {
        /// Their version.
        version: u64,
        /// What is wrong.
        reason: String,
    },
}

/// What a deployment makes of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeployOutcome {
    /// Nothing of that name is deployed.
    New(u32),
    /// Another definition takes its place: from which version to which.
    Replaced(u32, u32),
    /// The deployed definition means the same.
    Unchanged(u32),
}

/// All that is deployed, with the version of the stored object; 0 where none was ever stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeployedPrograms {
    /// In the order of their numbers.
    pub deployments: Vec<Deployment>,
    /// Texts of which nothing runs, though programs without sources may speak of what they declare.
    pub declared: Vec<DeployedText>,
    /// Deployments that are over, with their rows.
    pub sealed: Vec<Sealed>,
    /// Versions that were lost, which was accepted: those before them were put in their place.
    pub given_up: BTreeSet<u64>,
    /// The version that a replacement must name.
    pub version: u64,
}

impl DeployedPrograms {
    /// What is stored.
    pub fn load(store: &ProgramStore) -> Result<Self, LoadError> {
        let Some(stored) = store.load()? else { return Ok(DeployedPrograms::default()) };
        let version = stored.version;
        let malformed = |reason| LoadError::Malformed { version, reason };
        let mut programs = stored::decode(version, &stored.bytes).map_err(malformed)?;
        programs.given_up.extend(store.missing()?);
        programs.version = version.max(programs.given_up.last().copied().unwrap_or(0));
        Ok(programs)
    }

    /// Puts them in the place of the versions that are missing and done without. To be done before anything else is stored.
    pub fn fill(&self, store: &ProgramStore) -> Result<(), StoreError> {
        store.fill(&stored::encode(self))
    }

    /// What is said of versions that were lost, wherever programs are spoken of.
    pub fn said(&self) -> Option<String> {
        let versions: Vec<String> = self.given_up.iter().map(u64::to_string).collect();
        let said = || {
            format!(
                "[{}] of the deployed programs version {} was lost, which was accepted: the one before was put in its \
                 place, and what it had changed is not so any more",
                StateCode::NoVersion,
                versions.join(", ")
            )
        };
        (!versions.is_empty()).then(said)
    }

    /// Stores them, if nobody stored others since.
    pub fn store(&mut self, store: &ProgramStore) -> Result<(), StoreError> {
        self.version = store.replace(self.version, &stored::encode(self))?;
        Ok(())
    }

    /// The programs with more of them, `(name, text)`; and what becomes of each name that they define. What waits to take
    /// the place of a definition that is given again does not come any more.
    pub fn with(
        &self,
        texts: &[(String, String)],
        begins: DeploymentStart,
    ) -> Result<(Self, BTreeMap<String, DeployOutcome>), EngineError> {
        self.joined_by(texts, begins, true)
    }

    /// The programs with those of some that are not there yet, as [`Self::with`] has them; but what waits goes on waiting.
    pub fn with_new(&self, texts: &[(String, String)]) -> Result<(Self, BTreeMap<String, DeployOutcome>), EngineError> {
        self.joined_by(texts, DeploymentStart::Start, false)
    }

    fn joined_by(
        &self,
        texts: &[(String, String)],
        begins: DeploymentStart,
        cancels: bool,
    ) -> Result<(Self, BTreeMap<String, DeployOutcome>), EngineError> {
        let mut new: Vec<DeployedText> = texts.iter().map(|(name, text)| deployed(name, text)).collect();
        if let (false, Some(unchanged)) = (cancels, self.goes_on(&new)) {
            return Ok((self.clone(), unchanged));
        }
        let mut programs = if new.iter().all(|program| !outline(&program.text).sources.is_empty()) {
            vec![]
        } else {
            self.spoken_of(&new)
        };
        let context = programs.len();
        programs.extend(new.iter().cloned());
        let runs = |program: &DeployedText| {
            let mut running = self.deployments.iter().flat_map(|known| &known.programs);
            running.any(|known| known.text == program.text)
        };
        // A start names the texts that run already, too.
        let known = if new.iter().all(runs) { programs.len() } else { context };
        let plans = match compiled(&programs, known) {
            Err(error) if new.len() > 1 => {
                // Another order may do: what speaks of others stands behind them.
                let ordered = order::ordered(&programs[..context], &new)?;
                if ordered == new {
                    return Err(error);
                }
                programs.truncate(context);
                programs.extend(ordered.iter().cloned());
                new = ordered;
                compiled(&programs, known)?
            }
            plans => plans?,
        };
        let wanted = meanings(&plans.into_iter().map(Arc::new).collect::<Vec<_>>());

        let mut all = self.clone();
        let known = self.deployments.iter().map(Deployment::meanings).collect::<Result<Vec<_>, _>>()?;
        let mut outcomes = BTreeMap::new();
        for (name, meaning) in &wanted {
            outcomes.insert(name.clone(), self.outcome(&known, name, meaning));
            // What waits to take the place of a definition that is to stay does not come.
            let stays =
                |(old, known): (&Deployment, &BTreeMap<_, _>)| !old.catching_up && known.get(name) == Some(meaning);
            if cancels && self.deployments.iter().zip(&known).any(stays) {
                for old in all.deployments.iter_mut().filter(|old| old.catching_up) {
                    old.hide(name);
                }
            }
        }
        all.deployments.retain(|old| !(old.catching_up && old.is_over()));
        let begun: BTreeSet<String> = outcomes
            .iter()
            .filter(|(_, outcome)| !matches!(outcome, DeployOutcome::Unchanged(_)))
            .map(|(name, _)| name.clone())
            .collect();
        if begun.is_empty() {
            all.declare(new, Some(u32::try_from(self.version + 1).unwrap_or(u32::MAX)));
            return Ok((all, outcomes));
        }
        // Of what waits to take the same names nothing is to come, and the rest of it comes with this.
        let superseded = |old: &Deployment| old.catching_up && old.shown().any(|name| begun.contains(name));
        let (gone, stays): (Vec<_>, Vec<_>) = all.deployments.into_iter().partition(superseded);
        all.deployments = stays;
        let mut joined: Vec<DeployedText> = vec![];
        let mut versions: BTreeMap<String, u32> = BTreeMap::new();
        for old in gone {
            versions.extend(
                old.shown().filter(|name| !begun.contains(*name)).map(|name| (name.clone(), old.versions[name])),
            );
            let silent = |mut program: DeployedText| {
                program.without.extend(begun.iter().cloned());
                program
            };
            joined.extend(old.programs.into_iter().map(silent));
        }
        for program in &mut programs[context..] {
            program.without.extend(outcomes.keys().filter(|name| !begun.contains(*name)).cloned());
        }
        joined.extend(programs);
        versions.extend(begun.iter().map(|name| {
            let version = match outcomes[name] {
                DeployOutcome::New(version)
                | DeployOutcome::Replaced(_, version)
                | DeployOutcome::Unchanged(version) => version,
            };
            (name.clone(), version)
        }));

        // No two deployments ever have the same number, for each has a place of its own.
        let is_first = self.version == 0 && begins == DeploymentStart::Start;
        let number = if is_first { 0 } else { u32::try_from(self.version + 1).unwrap_or(u32::MAX) };
        let mut deployment = Deployment { number, begins, programs: joined, versions, ..Deployment::default() };
        let mut plans = plans_of(&deployment.programs)?;
        let found = meanings(&plans);
        if begun.iter().any(|name| found.get(name) != wanted.get(name)) {
            // What stays joins sources of what is new, so it stands with that, unseen: else their sessions would be others.
            for program in &mut deployment.programs {
                if new.iter().any(|new| new.text == program.text) {
                    program.without.clear();
                }
            }
            deployment.hidden = outcomes.keys().filter(|name| !begun.contains(*name)).cloned().collect();
            plans = plans_of(&deployment.programs)?;
        }
        if begins == DeploymentStart::Start && !is_first {
            deployment.plain = all.unknown(&plans)?;
        }
        all.check_sources(&deployment, &plans)?;
        let was_read = plans.iter().any(|plan| all.was_read(plan));
        deployment.catching_up = all.is_read(&plans)? || was_read || begins == DeploymentStart::Now;
        all.deployments.push(deployment);
        // What waits for nothing is there at once.
        if !all.deployments.last().is_some_and(|new| new.catching_up) {
            all.take_place(all.deployments.len() - 1);
        }
        Ok((all, outcomes))
    }

    /// The programs without one output; `None` if nothing has that name.
    pub fn without(&self, name: &str) -> Option<Self> {
        let mut all = self.clone();
        let mut found = false;
        for deployment in &mut all.deployments {
            found |= deployment.hide(name);
        }
        all.deployments.retain(|deployment| !(deployment.catching_up && deployment.is_over()));
        found.then_some(all)
    }

    /// The programs with a deployment that has caught up: its outputs take the place of those of their names.
    pub fn switch(&self, number: u32) -> Self {
        let mut all = self.clone();
        if let Some(at) = all.deployments.iter().position(|deployment| deployment.number == number) {
            all.deployments[at].catching_up = false;
            all.take_place(at);
        }
        all
    }

    /// The programs without a deployment that is over, whose rows are there.
    pub fn seal(&self, number: u32, logs: Vec<SealedLog>) -> Self {
        let mut all = self.clone();
        if let Some(at) = all.deployments.iter().position(|deployment| deployment.number == number) {
            let over = all.deployments.remove(at);
            all.declare(over.programs.clone(), None);
            all.sealed.push(Sealed { number, logs, versions: over.versions });
        }
        all
    }

    /// What they compile to: the plans of each deployment, in the order of their numbers.
    pub fn plans(&self) -> Result<Vec<(&Deployment, Arc<Plan>)>, EngineError> {
        let mut all = vec![];
        for deployment in &self.deployments {
            all.extend(deployment.plans()?.into_iter().map(|plan| (deployment, plan)));
        }
        Ok(all)
    }

    /// What a definition of a name is to those that are deployed, whose meanings are `known`.
    fn outcome(&self, known: &[BTreeMap<String, String>], name: &str, meaning: &str) -> DeployOutcome {
        let mut shown = None;
        for (deployment, known) in self.deployments.iter().zip(known) {
            let (Some(known), Some(version)) = (known.get(name), deployment.versions.get(name).copied()) else {
                continue;
            };
            if known == meaning {
                return DeployOutcome::Unchanged(version);
            }
            shown = if deployment.catching_up { shown } else { Some(version) };
        }
        let given = self.deployments.iter().map(|deployment| &deployment.versions);
        let given = given.chain(self.sealed.iter().map(|sealed| &sealed.versions));
        let next = given.filter_map(|versions| versions.get(name)).max().map_or(1, |last| last + 1);
        shown.map_or(DeployOutcome::New(next), |shown| DeployOutcome::Replaced(shown, next))
    }

    /// Hides the outputs of all others that have the names of one deployment's.
    fn take_place(&mut self, at: usize) {
        let names: BTreeSet<String> = self.deployments[at].shown().cloned().collect();
        for (i, other) in self.deployments.iter_mut().enumerate() {
            let taken: Vec<String> = other.shown().filter(|name| names.contains(*name)).cloned().collect();
            if i != at && !other.catching_up {
                other.hidden.extend(taken);
            }
        }
    }

    /// The names of plans that no deployment ever had.
    fn unknown(&self, plans: &[Arc<Plan>]) -> Result<BTreeSet<String>, EngineError> {
        let known: BTreeSet<String> = self.plans()?.iter().map(|(_, plan)| plan.name()).collect();
        let sealed = |name: &String| self.sealed.iter().flat_map(|sealed| &sealed.logs).any(|log| log.source == *name);
        let names = plans.iter().map(|plan| plan.name());
        Ok(names.filter(|name| !known.contains(name) && !sealed(name)).collect())
    }

    /// Whether a deployment that is over has read any log that a plan reads.
    pub(crate) fn was_read(&self, plan: &Plan) -> bool {
        let base = |name: &'_ str| -> Vec<String> {
            let sources = name.split_once('@').map_or(name, |(sources, _)| sources);
            sources.split('+').map(str::to_owned).collect()
        };
        let known: BTreeSet<String> =
            self.sealed.iter().flat_map(|sealed| &sealed.logs).flat_map(|log| base(&log.source)).collect();
        plan.sources().any(|source| known.contains(&source.name))
    }

    /// Whether others that are seen read any log that these plans read.
    fn is_read(&self, plans: &[Arc<Plan>]) -> Result<bool, EngineError> {
        let reads = |plan: &Plan, name: &str| plan.sources().any(|source| source.name == name);
        let names: Vec<&str> =
            plans.iter().flat_map(|plan| plan.sources()).map(|source| source.name.as_str()).collect();
        let all = self.plans()?;
        let mut others = all.iter().filter(|(deployment, _)| !deployment.catching_up && !deployment.is_over());
        Ok(others.any(|(_, plan)| names.iter().any(|name| reads(plan, name))))
    }
}

fn deployed(name: &str, text: &str) -> DeployedText {
    DeployedText { name: name.into(), text: text.into(), ..DeployedText::default() }
}

fn deployed_silently(program: &DeployedText) -> DeployedText {
    DeployedText { without: outputs_of(&program.text), ..deployed(&program.name, &program.text) }
}

fn program(deployed: &DeployedText) -> ProgramText {
    let DeployedText { name, text, without, unspoken, since: _ } = deployed.clone();
    ProgramText { name, text, without, unspoken }
}

fn plans_of(programs: &[DeployedText]) -> Result<Vec<Arc<Plan>>, EngineError> {
    Ok(stored(programs)?.into_iter().map(Arc::new).collect())
}

/// What programs compile to that are all deployed already.
fn stored(programs: &[DeployedText]) -> Result<Vec<Plan>, EngineError> {
    compiled(programs, programs.len())
}

/// What is refused of new programs but stays where it is deployed: it was allowed when it was, and has meant the same ever
/// since.
const KEPT: &[&str] = &["TL0224", "TL0225", "TL0226", "TL0231", "TL0308"];

/// What programs compile to, of which those before `known` are deployed already.
fn compiled(programs: &[DeployedText], known: usize) -> Result<Vec<Plan>, EngineError> {
    let programs: Vec<ProgramText> = programs.iter().map(program).collect();
    let compilation = compile_with(&programs, &Operators::Deployed);
    let is_kept = |d: &Diagnostic| d.file < known && KEPT.contains(&d.code);
    let mut errors = compilation.diagnostics.iter().filter(|d| d.severity == Severity::Error);
    if errors.clone().all(is_kept) {
        static SAID: Once = Once::new();
        if let Some(kept) = errors.next() {
            SAID.call_once(|| {
                let program = programs.get(kept.file).map_or("", |program| program.name.as_str());
                tracing::warn!("{program}: [{}] {}; it stays as it is deployed", kept.code, kept.message);
            });
        }
        Ok(compilation.plans)
    } else {
        let rendered = render(&compilation.diagnostics, &programs, false);
        Err(EngineError::Invalid { message: "the program has errors".into(), rendered: Some(rendered) })
    }
}
