//! The deployed programs of a processor: their texts, which of their outputs were dropped, and what they compile to.
//!
//! The texts are what is durable; plans are compiled from them at every start.

use crate::checkpoint::Error as StoreError;
use crate::checkpoint::ProgramStore;
use crate::engine::EngineError;
use crate::operators::Operators;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use timeline_core::plan::Plan;
use timeline_dsl::{Compilation, Program, compile_with, outline, render};

/// A program as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// The name that diagnostics show.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Outputs that were dropped or replaced.
    pub without: BTreeSet<String>,
    /// The version of the programs from whose moment on it reads the logs; 0 where it reads them from their start.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub since: u32,
}

impl Deployed {
    /// Names of the metrics and alerts that it produces.
    fn outputs(&self) -> BTreeSet<String> {
        let all = outline(&self.text)
            .definitions
            .into_iter()
            .filter(|definition| matches!(definition.what, "metric" | "alert"));
        all.map(|definition| definition.name).filter(|name| !self.without.contains(name)).collect()
    }
}

fn is_zero(since: &u32) -> bool {
    *since == 0
}

/// Where a program begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the first event of the logs.
    Start,
    /// With the next event: sessions that are open then are partial.
    Now,
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

/// All deployed programs, with the version of the stored object; 0 where none was ever stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Programs {
    /// In the order of their deployment.
    pub all: Vec<Deployed>,
    /// The version that a replacement must name.
    pub version: u64,
}

impl Programs {
    /// What is stored.
    pub fn load(store: &ProgramStore) -> Result<Self, LoadError> {
        match store.load()? {
            None => Ok(Programs::default()),
            Some(stored) => {
                let malformed = |error: serde_json::Error| LoadError::Malformed {
                    version: stored.version,
                    reason: error.to_string(),
                };
                let all = serde_json::from_slice(&stored.bytes).map_err(malformed)?;
                Ok(Programs { all, version: stored.version })
            }
        }
    }

    /// Stores them, if nobody stored others since.
    pub fn store(&mut self, store: &ProgramStore) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(&self.all).expect("programs are plain text");
        self.version = store.replace(self.version, &bytes)?;
        Ok(())
    }

    /// The programs with one more, which replaces outputs of the same names if `replace`.
    /// A program whose text is deployed already, whole, adds nothing.
    pub fn with(&self, name: &str, text: &str, replace: bool, begin: Begin) -> Result<Self, EngineError> {
        let mut all = self.clone();
        if all.all.iter().any(|known| known.text == text && known.without.is_empty()) {
            return Ok(all);
        }
        // No two deployments ever have the same number, for each has a state of its own.
        let since = match begin {
            Begin::Start => 0,
            Begin::Now => u32::try_from(self.version + 1).unwrap_or(u32::MAX),
        };
        let new = Deployed { name: name.into(), text: text.into(), without: BTreeSet::new(), since };
        if replace {
            let names = new.outputs();
            for known in &mut all.all {
                known.without.extend(known.outputs().intersection(&names).cloned());
            }
        }
        all.all.push(new);
        compiled(&all.all)?;
        all.tidy();
        Ok(all)
    }

    /// The programs without one output; `None` if nothing has that name.
    pub fn without(&self, name: &str) -> Result<Option<Self>, EngineError> {
        let mut all = self.clone();
        let mut found = false;
        for known in &mut all.all {
            if known.outputs().contains(name) {
                known.without.insert(name.to_owned());
                found = true;
            }
        }
        all.tidy();
        Ok(found.then_some(all))
    }

    /// Leaves out programs that produce nothing any more, but for those whose sources or outputs others speak of.
    fn tidy(&mut self) {
        // From the last, for a program speaks of those before it.
        for at in (0..self.all.len()).rev() {
            if self.all[at].outputs().is_empty() {
                let idle = self.all.remove(at);
                if compiled(&self.all).is_err() {
                    self.all.insert(at, idle);
                }
            }
        }
    }

    /// The programs of one moment. Where one of them declares no source, those before it stand with them, and produce nothing.
    fn of_moment(&self, since: u32) -> Vec<Deployed> {
        let of = |program: &&Deployed| program.since == since;
        let borrow = |program: &Deployed| outline(&program.text).sources.is_empty();
        let last = self.all.iter().rposition(|program| of(&program) && borrow(program));
        let silent = |program: &Deployed| {
            let without = program.without.union(&program.outputs()).cloned().collect();
            Deployed { without, ..program.clone() }
        };
        let chosen = (0..).zip(&self.all).filter(|(at, program)| of(program) || last.is_some_and(|last| *at < last));
        chosen.map(|(_, program)| if of(&program) { program.clone() } else { silent(program) }).collect()
    }

    /// What they compile to.
    ///
    /// Programs that begin at one moment are one plan for each source; sharing ends where they know different things.
    pub fn plans(&self) -> Result<Vec<Arc<Plan>>, EngineError> {
        let moments: BTreeSet<u32> = self.all.iter().map(|program| program.since).collect();
        if moments.iter().all(|since| *since == 0) {
            return Ok(compiled(&self.all)?.into_iter().map(Arc::new).collect());
        }
        // Together they are only judged: a name stands for one thing, and a source is declared alike everywhere.
        compiled(&self.all)?;
        let mut plans = vec![];
        for since in moments {
            plans.extend(compiled(&self.of_moment(since))?.into_iter().map(|plan| Arc::new(Plan { since, ..plan })));
        }
        Ok(plans)
    }
}

fn compiled(programs: &[Deployed]) -> Result<Vec<Plan>, EngineError> {
    let programs: Vec<Program> = programs
        .iter()
        .map(|p| Program { name: p.name.clone(), text: p.text.clone(), without: p.without.clone() })
        .collect();
    let compilation: Compilation = compile_with(&programs, &Operators::Deployed);
    if compilation.is_ok() {
        Ok(compilation.plans)
    } else {
        let rendered = render(&compilation.diagnostics, &programs, false);
        Err(EngineError::Invalid { message: "the program has errors".into(), rendered: Some(rendered) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "source s { key k  time t in s  a: bool }\nmetric m = duration_where(latest(a))\n";
    const MORE: &str = "metric n = count(a)\nalert long = held_for(latest(a), 5s)\n";

    fn base() -> Programs {
        Programs::default().with("base.tl", BASE, false, Begin::Start).unwrap()
    }

    /// What is produced: the source with its moment, and the names of its outputs.
    fn produced(programs: &Programs) -> Vec<(String, Vec<String>)> {
        let names = |plan: &Plan| {
            let alerts = plan.alerts.iter().map(|alert| alert.name.clone());
            plan.metrics.iter().map(|metric| metric.name.clone()).chain(alerts).collect()
        };
        programs.plans().unwrap().iter().map(|plan| (plan.name(), names(plan))).collect()
    }

    fn expect(programs: &Programs, expected: &[(&str, &[&str])]) {
        let owned = |(name, all): &(&str, &[&str])| (name.to_string(), all.iter().map(|x| x.to_string()).collect());
        assert_eq!(produced(programs), expected.iter().map(owned).collect::<Vec<(String, Vec<String>)>>());
    }

    #[test]
    fn a_program_without_a_source_speaks_of_those_before_it() {
        let both = base().with("more.tl", MORE, true, Begin::Start).unwrap();
        expect(&both, &[("s", &["m", "n", "long"])]);
        assert!(Programs::default().with("more.tl", MORE, true, Begin::Start).is_err());
        // The program with the source stays for the sake of the other one, and goes with it.
        let without = both.without("m").unwrap().unwrap();
        expect(&without, &[("s", &["n", "long"])]);
        let without = without.without("n").unwrap().unwrap().without("long").unwrap().unwrap();
        assert_eq!(without.all, []);
        assert_eq!(both.without("x").unwrap(), None);
        let uses = base().with("uses.tl", "alert long = m > 5s", true, Begin::Start).unwrap();
        expect(&uses, &[("s", &["m", "long"])]);
        // What others speak of cannot be dropped.
        assert!(uses.without("m").unwrap().unwrap().plans().is_err());
    }

    #[test]
    fn it_can_replace_what_those_before_it_produce() {
        let changed = base().with("m.tl", "metric m = count(a)", true, Begin::Start).unwrap();
        expect(&changed, &[("s", &["m"])]);
        assert_eq!(changed.all.len(), 2);
        assert!(base().with("m.tl", "metric m = count(a)", false, Begin::Start).is_err());
    }

    #[test]
    fn it_may_begin_later_than_they() {
        let mut all = base();
        all.version = 6;
        let later = all.with("more.tl", MORE, true, Begin::Now).unwrap();
        expect(&later, &[("s", &["m"]), ("s@7", &["n", "long"])]);
        // And they may be gone by then.
        expect(&later.without("m").unwrap().unwrap(), &[("s@7", &["n", "long"])]);
    }
}
