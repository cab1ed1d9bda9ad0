//! What sets a worker's timer, in words.

use super::operator::{duration_text, every_text, shown_text};
use timeline_core::Plan;
use timeline_core::plan::{NodeId, Op, Timer};

/// The most characters of what a timer follows.
const INPUT_MAX: usize = 40;

/// When a worker changes without an event, as a picture says it behind the word `timer`.
pub(super) fn text(plan: &Plan, node: NodeId) -> String {
    let op = &plan.node(node).op;
    let first = || op.inputs().first().map_or_else(String::new, |input| input_text(plan, *input));
    match op.timer() {
        Timer::After(length) | Timer::Only(length) => format!("{} after {}", duration_text(length), first()),
        Timer::Overtaking(of) => format!("when {} has lasted longest", input_text(plan, of)),
        Timer::Crossing(left, right) => {
            format!("when {} crosses {}", input_text(plan, left), input_text(plan, right))
        }
        Timer::Zero(of) => format!("with {}", input_text(plan, of)),
        Timer::Clock => match op {
            Op::Every(every) => format!("at the end of each {}", every_text(every)),
            _ => "at each turn".to_owned(),
        },
        Timer::Rows => "where a row begins or ends".to_owned(),
        Timer::OfInput(of) => text(plan, of),
        Timer::Never => String::new(),
    }
}

fn input_text(plan: &Plan, input: NodeId) -> String {
    let text = shown_text(plan, input);
    match text.char_indices().nth(INPUT_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
