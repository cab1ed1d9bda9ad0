//! Windows of the clock in which nothing happens.
//!
//! A session may be silent for any time, and the clock goes on: a window each millisecond for a year are more than anybody
//! can count one by one. What a window changes where nothing else does is little: as long as it is told apart, a share begins,
//! and beyond the cap only a number grows. Of the latter so many as there are until something else happens are one step.
//!
//! **Invariant:** after a skip the row is what one pass for each of the windows would have made of it.

use super::compile::Compiled;
use super::row::Row;
use super::{run, split};
use crate::Time;
use crate::plan::{NodeId, Op, Plan};

/// A clock whose windows are read by splits alone, each of which has no other clock.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    node: usize,
    at: usize,
    length: Time,
    splits: Vec<usize>,
}

/// The clocks of a plan that can be skipped.
pub(super) fn clocks(plan: &Plan, place: impl Fn(NodeId) -> usize) -> Vec<Clock> {
    let is_clock = |id: &NodeId| matches!(plan.node(*id).op, Op::Every { .. });
    let of = |id: NodeId, length: Time| {
        let mut splits = vec![];
        for (reader, node) in plan.iter().filter(|(_, node)| node.op.inputs().contains(&id)) {
            match &node.op {
                Op::Split { of, by, .. } if *of != id && by.iter().filter(|id| is_clock(id)).count() == 1 => {
                    splits.push(reader.index());
                }
                _ => return None,
            }
        }
        Some(Clock { node: id.index(), at: place(id), length, splits })
    };
    let every = plan.iter().filter_map(|(id, node)| match node.op {
        Op::Every { length } => Some((id, length)),
        _ => None,
    });
    let is_end = |id: NodeId| plan.end.when == Some(id) || plan.metrics.iter().any(|metric| metric.root == id);
    every.filter(|(id, _)| !is_end(*id)).filter_map(|(id, length)| of(id, length)).collect()
}

/// Goes through the windows after the row's instant, up to `until`, before which nothing but clocks that have nothing to
/// tell changes the row. Does nothing where the next change is another one.
pub(super) fn skip(compiled: &Compiled, row: &mut Row<'_>, until: Time) {
    let now = row.now();
    let tells_nothing =
        |clock: &Clock, row: &Row<'_>| clock.splits.iter().all(|node| split::is_beyond(compiled, row, *node));
    let idle: Vec<&Clock> = compiled.clocks.iter().filter(|clock| tells_nothing(clock, row)).collect();
    if idle.is_empty() {
        return;
    }
    let others = compiled.timed.iter().filter(|node| idle.iter().all(|clock| clock.node != **node));
    let others = others.map(|node| run::deadline(compiled, row, *node)).filter(|at| *at > now);
    let last = others.min().map_or(until, |at| until.min(at - 1));
    let mut reached = now;
    for clock in idle {
        let next = row.words[clock.at + 1] as Time;
        if next > last {
            continue;
        }
        // From the first of time to the last there are fewer nanoseconds than 64 bits without a sign hold.
        let further = last.abs_diff(next) / clock.length.unsigned_abs();
        let begun = next.saturating_add_unsigned(further * clock.length.unsigned_abs());
        row.words[clock.at] = begun as u64;
        row.words[clock.at + 1] = begun.saturating_add(clock.length) as u64;
        for node in &clock.splits {
            split::skip(compiled, row, *node, further + 1, begun);
        }
        reached = reached.max(begun);
    }
    row.set_now(reached);
    let next = run::next_deadline(compiled, row, reached);
    row.set_deadline(next);
}
