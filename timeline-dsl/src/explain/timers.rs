//! What sets a worker's timer, in words.

use super::operator::{duration_text, shown_text};
use timeline_core::Plan;
use timeline_core::plan::{NodeId, Op, Timer};

/// The most characters of what a timer follows.
const INPUT_MAX: usize = 40;

/// When a worker changes without an event, as a picture says it behind the word `timer`.
pub(super) fn text(plan: &Plan, node: NodeId) -> String {
    let op = &plan.node(node).op;
    let first = || op.inputs().first().map_or_else(String::new, |input| input_text(plan, *input));
    match (op.timer(), op) {
        (Timer::After(length) | Timer::Only(length), _) => format!("{} after {}", duration_text(length), first()),
        (Timer::Course, Op::Longest { .. }) => format!("when {} has lasted longest", first()),
        (Timer::Course, Op::CompareNumbers { left, right, .. }) => {
            format!("when {} crosses {}", input_text(plan, *left), input_text(plan, *right))
        }
        (Timer::Course, _) => format!("with {}", first()),
        (Timer::Clock, Op::Every { length }) => format!("at the end of each {}", duration_text(*length)),
        (Timer::Clock, _) => "by the clock".to_owned(),
        (Timer::Never, Op::Split { of, .. }) => text(plan, *of),
        (Timer::Never, _) => String::new(),
    }
}

fn input_text(plan: &Plan, input: NodeId) -> String {
    let text = shown_text(plan, input);
    match text.char_indices().nth(INPUT_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
