//! `numerator / denominator`, for ever.

use crate::Linear;
use crate::plan::Unit;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise};

pub(crate) fn of(numerator: i64, denominator: i64, unit: Unit, inputs: &Inputs<'_>) -> NodeTimeline {
    let constant = match unit {
        // Durations, instants and whole numbers have the denominator 1.
        Unit::Duration | Unit::Instant | Unit::Int => Linear::exact(i128::from(numerator)),
        Unit::Float | Unit::Area => Linear::float(numerator as f64 / denominator as f64),
    };
    NodeTimeline::Number(Piecewise::constant(inputs.origin(), Some(constant)))
}
