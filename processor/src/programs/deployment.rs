//! What was deployed at one time: texts that are compiled together and run in a place of the state of their own.
//!
//! **Invariant:** its texts never change, and they are all that its plans depend on; so whatever else is deployed or
//! dropped, its state stays that of its plans.

use super::{DeployedText, stored};
use crate::engine::EngineError;
use crate::labels::Labels;
use crate::outputs::of_outputs;
use crate::partition::DeploymentStart;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use timeline_core::plan::Plan;

/// What was deployed at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The version of the programs that it came with, and the name of its place in the state; 0 for the first.
    pub number: u32,
    /// From where it reads the logs.
    pub begins: DeploymentStart,
    /// Its texts, with those that they speak of, which produce nothing here.
    pub programs: Vec<DeployedText>,
    /// Sources that nothing had read before it: their place is called as they are.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub plain: BTreeSet<String>,
    /// Of every output the version of its definition, counted from 1.
    pub versions: BTreeMap<String, u32>,
    /// Outputs that were replaced or dropped: their workers go on as long as others of the deployment do, unseen.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub hidden: BTreeSet<String>,
    /// Whether it has yet to read what those before it have read, and answers nothing until then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub catching_up: bool,
}

impl Deployment {
    /// What it compiles to: a plan for each source, or group of sources that it joins.
    pub fn plans(&self) -> Result<Vec<Arc<Plan>>, EngineError> {
        let since = |plan: &Plan| if self.plain.contains(&plan.name()) { 0 } else { self.number };
        Ok(stored(&self.programs)?.into_iter().map(|plan| Arc::new(Plan { since: since(&plan), ..plan })).collect())
    }

    /// Which of its outputs are seen, and as what.
    pub(crate) fn labels(&self) -> Labels {
        Labels { versions: self.versions.clone(), hidden: self.hidden.clone(), held: self.catching_up }
    }

    /// The outputs that are seen, or will be once it has caught up.
    pub fn shown(&self) -> impl Iterator<Item = &String> {
        self.versions.keys().filter(|name| !self.hidden.contains(*name))
    }

    /// Hides an output; false if none of that name is seen.
    pub(super) fn hide(&mut self, name: &str) -> bool {
        let is_shown = self.shown().any(|shown| shown == name);
        if is_shown {
            self.hidden.insert(name.to_owned());
        }
        is_shown
    }

    /// Whether nothing of it is seen any more.
    pub fn is_over(&self) -> bool {
        self.shown().next().is_none()
    }

    /// What each output that is seen means.
    pub(super) fn meanings(&self) -> Result<BTreeMap<String, String>, EngineError> {
        let mut all = meanings(&self.plans()?);
        all.retain(|name, _| self.versions.contains_key(name) && !self.hidden.contains(name));
        Ok(all)
    }
}

/// What each output of some plans means, from wherever they read.
pub(super) fn meanings<'a>(plans: impl IntoIterator<Item = &'a Arc<Plan>>) -> BTreeMap<String, String> {
    plans.into_iter().flat_map(|plan| of_outputs(plan)).collect()
}

/// What is left of a deployment that is over: the place of its committed rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// Its number.
    pub number: u32,
    /// Where the rows of each of its plans are: the partitions' numbers and folders.
    pub logs: Vec<SealedLog>,
    /// The versions of its outputs' definitions.
    pub versions: BTreeMap<String, u32>,
}

/// Where the rows of a plan are that runs no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedLog {
    /// How the plan was called.
    pub source: String,
    /// The numbers of its partitions and their folders.
    pub parts: Vec<(u32, String)>,
}
