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
use timeline_dsl::{Compilation, Program, compile_with, render};

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
        let alone = compiled(std::slice::from_ref(&new))?;
        if replace {
            let names: BTreeSet<String> = outputs(&alone).into_iter().collect();
            for known in &mut all.all {
                let own = compiled(std::slice::from_ref(known))?;
                known.without.extend(outputs(&own).into_iter().filter(|name| names.contains(name)));
            }
            // What produces nothing any more is no longer deployed.
            let mut kept = vec![];
            for known in all.all {
                if !outputs(&compiled(std::slice::from_ref(&known))?).is_empty() {
                    kept.push(known);
                }
            }
            all.all = kept;
        }
        all.all.push(new);
        compiled(&all.all)?;
        Ok(all)
    }

    /// The programs without one output; `None` if nothing has that name.
    pub fn without(&self, name: &str) -> Result<Option<Self>, EngineError> {
        let mut all = self.clone();
        let mut found = false;
        for known in &mut all.all {
            if outputs(&compiled(std::slice::from_ref(known))?).iter().any(|own| own == name) {
                known.without.insert(name.to_owned());
                found = true;
            }
        }
        let mut kept = vec![];
        for known in all.all {
            if !outputs(&compiled(std::slice::from_ref(&known))?).is_empty() {
                kept.push(known);
            }
        }
        all.all = kept;
        Ok(found.then_some(all))
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
            let own: Vec<Deployed> = self.all.iter().filter(|program| program.since == since).cloned().collect();
            plans.extend(compiled(&own)?.into_iter().map(|plan| Arc::new(Plan { since, ..plan })));
        }
        Ok(plans)
    }
}

/// Names of metrics and alerts.
fn outputs(plans: &[Plan]) -> Vec<String> {
    let names = |plan: &Plan| {
        let metrics = plan.metrics.iter().map(|metric| metric.name.clone());
        metrics.chain(plan.alerts.iter().map(|alert| alert.name.clone())).collect::<Vec<_>>()
    };
    plans.iter().flat_map(names).collect()
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
