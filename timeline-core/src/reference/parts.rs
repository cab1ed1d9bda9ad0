//! What the meanings of operators are made of: whole functions, and what a node may read.

pub(crate) use super::accrue::windows;
pub(crate) use super::events::{EventRank, Occurrence, times};
pub(crate) use super::fold::{instants, until, whole_number};
pub(crate) use super::logic::{and, boolean, compare, looked_up, or, truth};
pub(crate) use super::number::{PointNumber, compare_numbers, cumulative, number_of, over_last, refined, zero};
pub(crate) use super::piecewise::{PieceValue, Piecewise, since};
pub(crate) use super::ratio::compare_ratio;
pub(crate) use super::state::{StateSpan, StateTimeline, true_on, true_stretches};
pub(crate) use super::whole::{Inputs, NodeTimeline, occurrences};
