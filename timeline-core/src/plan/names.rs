//! What programs call the nodes of a plan: for people, and no part of what the plan means.
//!
//! **Invariant:** two nodes never have one name, so that a picture that shows names shows each node as itself.

use super::op::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// The names that programs gave to nodes with `let`. Any two are equal: plans that differ in names mean the same.
#[derive(Clone, Debug, Default)]
pub struct NodeNames {
    of: BTreeMap<NodeId, String>,
    given: BTreeSet<String>,
}

impl NodeNames {
    /// The name of a node.
    pub fn of(&self, node: NodeId) -> Option<&str> {
        self.of.get(&node).map(String::as_str)
    }

    /// Gives a node its name; the first one stays, and a name that another node has is not given again.
    pub(crate) fn give(&mut self, node: NodeId, name: &str) {
        if !self.of.contains_key(&node) && self.given.insert(name.to_owned()) {
            self.of.insert(node, name.to_owned());
        }
    }
}

impl PartialEq for NodeNames {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
