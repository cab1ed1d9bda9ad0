//! What the table says of what the key is, at every instant at which that may change.

use crate::Time;
use crate::plan::{NodeId, TableColumn};
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise, looked_up};

pub(crate) fn of(column: &TableColumn, of: &[NodeId], inputs: &Inputs<'_>) -> NodeTimeline {
    let table = &column.table;
    let turns = (0..table.len()).flat_map(|row| <[Time; 2]>::from(table.row(row).1));
    let turns = turns.filter(|at| *at > inputs.origin() && *at < Time::MAX);
    let turns = turns.chain(of.iter().flat_map(|id| inputs.starts(*id))).chain([inputs.origin()]).collect();
    let key = |t| of.iter().map(|id| inputs.state(*id).at(t)).collect::<Vec<_>>();
    NodeTimeline::State(Piecewise::at_instants(turns, |t| looked_up(column, &key(t), t)))
}
