//! An event for every record that has one of the columns, and what the expression says of it.

use crate::plan::EventExpr;
use crate::reference::parts::{Inputs, Whole, occurrences};

pub(crate) fn of(e: &EventExpr, inputs: &Inputs<'_>) -> Whole {
    Whole::Events(occurrences(e, inputs.records()))
}
