//! Which rows of tables a state was calculated with.
//!
//! What a plan means holds what its tables say, but for rows that were added behind all that had been asked: those are
//! carried under the identity that the table had before ([`DeployedPrograms::carrying`](crate::programs::DeployedPrograms)). So a state notes
//! what such tables said when it was made; under others it goes on only if those say the same up to where it has come.

use crate::log_position::{self, LogPosition};
use serde::{Deserialize, Serialize};
use timeline_core::Time;
use timeline_core::plan::{Fingerprint, Plan};

/// A column of a table that does not say what it is known as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AskedColumn {
    /// Its identity.
    known: String,
    /// The digest of what it says.
    content: String,
}

/// Those of a plan.
pub(super) fn of(plan: &Plan) -> Vec<AskedColumn> {
    let mut all: Vec<AskedColumn> = vec![];
    for column in plan.tables() {
        let (known, content) = (column.digest().to_string(), column.content().to_string());
        if known != content && all.iter().all(|asked| asked.known != known) {
            all.push(AskedColumn { known, content });
        }
    }
    all
}

/// The last instant of which anything may have been asked by then.
pub(crate) fn asked_by(plan: &Plan, reach: &[LogPosition]) -> Option<Time> {
    let times = reach.iter().map(|reach| reach.max_time);
    times.chain([log_position::progress(plan, reach).known_watermark()]).flatten().max()
}

/// Whether the tables of a plan say what a state noted of them, up to the last instant of which it may have asked anything.
pub(super) fn says_the_same(noted: &[AskedColumn], plan: &Plan, up_to: Option<Time>) -> bool {
    plan.tables().into_iter().all(|column| {
        let known = column.digest();
        let noted = noted.iter().find(|asked| asked.known == known.to_string());
        let content = noted.map_or(Some(known), |asked| u128::from_str_radix(&asked.content, 16).ok().map(Fingerprint));
        let differs = content.and_then(|content| column.differs_from(content));
        differs.is_some_and(|at| up_to.is_none_or(|up_to| up_to < at))
    })
}
