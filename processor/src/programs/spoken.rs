//! What programs speak of that are deployed later: the sources, metrics and alerts of those before them.
//!
//! **Invariant:** a name stands for the definition that was deployed last, whether it has caught up yet or not, so what a
//! program means never depends on how fast another one reads. What was replaced is never spoken of again, and neither is what
//! waited to take its place and does not come; of a name that was dropped the last definition is there.
//! A program that is deployed keeps what its names meant, at every start.

use super::{DeployOutcome, DeployedPrograms, DeployedText, Deployment, deployed_silently, outputs_of, stored};
use std::collections::{BTreeMap, BTreeSet};
use timeline_dsl::outline;

/// How much a text has to say about what is deployed, the least first: what is over, what others merely speak of, and what runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Over,
    SpokenOf,
    Runs,
}

impl DeployedPrograms {
    /// The texts that programs without sources speak of, those that count most last; they produce nothing there.
    pub(super) fn spoken_of(&self, new: &[DeployedText]) -> Vec<DeployedText> {
        let declares = |program: &&DeployedText| !outline(&program.text).sources.is_empty();
        let newest: Vec<DeployedText> = new.iter().filter(declares).map(deployed_silently).collect();
        let mut known: Vec<DeployedText> = vec![];
        for ranked in self.ranked().into_iter().rev() {
            let silent = deployed_silently(ranked);
            if !known.contains(&silent) && new.iter().all(|new| new.text != ranked.text) {
                known.push(silent);
            }
        }
        known.reverse();
        let mut is_spoken_of = vec![false; known.len()];
        let texts = |is_spoken_of: &[bool]| -> Vec<DeployedText> {
            let spoken_of = known.iter().zip(is_spoken_of).filter(|(_, is)| **is);
            spoken_of.map(|(text, _)| text.clone()).collect()
        };
        // Of declarations that contradict each other those count that come last, so the last are tried first.
        let mut open: Vec<usize> = (0..known.len()).rev().collect();
        loop {
            let tried = open.len();
            open.retain(|at| {
                is_spoken_of[*at] = true;
                is_spoken_of[*at] = stored(&[texts(&is_spoken_of), newest.clone()].concat()).is_ok();
                // What declares no source may speak of what comes only now.
                !is_spoken_of[*at] && !declares(&&known[*at])
            });
            if open.is_empty() || open.len() == tried {
                break;
            }
        }
        let mut context = texts(&is_spoken_of);
        self.leave_unspoken(&mut context);
        context
    }

    /// Texts that were deployed though nothing of them was new, or that nothing runs any more (no `since`): what they declare
    /// can be spoken of.
    pub(super) fn declare(&mut self, new: Vec<DeployedText>, since: Option<u32>) {
        for program in new {
            let known = self.deployments.iter().flat_map(|deployment| &deployment.programs).chain(&self.declared);
            if outline(&program.text).sources.is_empty() || known.into_iter().any(|known| known.text == program.text) {
                continue;
            }
            // What is over is older than what was said since.
            if self.declared.iter().any(|known| known.name == program.name && known.since > since) {
                continue;
            }
            self.declared.retain(|known| known.name != program.name);
            self.declared.push(DeployedText { since, ..deployed_silently(&program) });
        }
    }

    /// What a start makes of texts that run as they are, whatever is called by their names now; nothing if some do not.
    pub(super) fn goes_on(&self, new: &[DeployedText]) -> Option<BTreeMap<String, DeployOutcome>> {
        let mut unchanged = BTreeMap::new();
        for new in new {
            let names = outputs_of(&new.text);
            let has = |deployment: &&Deployment| {
                let is_shown = |name: &String| deployment.shown().any(|shown| shown == name);
                let mut programs = deployment.programs.iter();
                programs.any(|known| known.text == new.text && known.without.is_empty()) && names.iter().all(is_shown)
            };
            let deployment = self.deployments.iter().rev().find(has)?;
            let outcome = |name: String| (name.clone(), DeployOutcome::Unchanged(deployment.versions[&name]));
            unchanged.extend(names.into_iter().map(outcome));
        }
        Some(unchanged)
    }

    /// All texts that are known, by rank and then by age, the newest last.
    fn ranked(&self) -> Vec<&DeployedText> {
        let of_declared = |known: &DeployedText| if known.since.is_some() { Rank::Runs } else { Rank::Over };
        let mut all: Vec<(Rank, u32, &DeployedText)> =
            self.declared.iter().map(|known| (of_declared(known), known.since.unwrap_or(0), known)).collect();
        for deployment in &self.deployments {
            let rank = |known: &DeployedText| {
                let outputs = outputs_of(&known.text);
                let produces = |name: &String| outputs.contains(name) && !known.without.contains(name);
                if deployment.is_over() {
                    Rank::Over
                } else if outputs.is_empty() || deployment.shown().any(produces) {
                    Rank::Runs
                } else {
                    Rank::SpokenOf
                }
            };
            all.extend(deployment.programs.iter().map(|known| (rank(known), deployment.number, known)));
        }
        all.sort_by_key(|(rank, number, _)| (*rank, *number));
        all.into_iter().map(|(_, _, known)| known).collect()
    }

    /// Leaves each name to the text whose definition of it was deployed last. Where that does not go together with the rest,
    /// nothing has the name: it is unknown rather than another one.
    fn leave_unspoken(&self, context: &mut [DeployedText]) {
        let names: BTreeSet<String> = context.iter().flat_map(|known| known.without.clone()).collect();
        for name in names {
            let last = self.last_definition(&name).map(|known| &known.text);
            let at = context.iter().position(|known| Some(&known.text) == last);
            for known in
                context.iter_mut().skip(at.map_or(0, |at| at + 1)).filter(|known| known.without.contains(&name))
            {
                known.unspoken.insert(name.clone());
            }
        }
    }

    /// The text with the definition of a name that was deployed last; of one that was dropped or replaced only where there is
    /// no other.
    fn last_definition(&self, name: &str) -> Option<&DeployedText> {
        let is_shown = |deployment: &&Deployment| deployment.shown().any(|shown| shown == name);
        if let Some(known) = self.deployments.iter().rev().filter(is_shown).find_map(|one| produced_by(one, name)) {
            return Some(known);
        }
        let version = |versions: &BTreeMap<String, u32>| versions.get(name).copied();
        let sealed = self.sealed.iter().filter_map(|sealed| version(&sealed.versions)).max();
        let later = self.deployments.iter().filter(|deployment| version(&deployment.versions) > sealed);
        let newest = later.max_by_key(|deployment| version(&deployment.versions));
        let declares = |known: &&DeployedText| outputs_of(&known.text).contains(name);
        newest.and_then(|one| produced_by(one, name)).or_else(|| self.declared.iter().rev().find(declares))
    }
}

/// The text of a deployment that produces an output of a name.
fn produced_by<'a>(deployment: &'a Deployment, name: &str) -> Option<&'a DeployedText> {
    let produces = |known: &&DeployedText| outputs_of(&known.text).contains(name) && !known.without.contains(name);
    deployment.programs.iter().rfind(produces)
}
