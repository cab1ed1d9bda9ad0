//! An event for every record that has one of the columns, and what the expression says of it.

use crate::plan::EventExpr;
use crate::reference::parts::{Inputs, NodeTimeline, occurrences};

pub(crate) fn of(e: &EventExpr, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::Events(occurrences(e, inputs.records()))
}
