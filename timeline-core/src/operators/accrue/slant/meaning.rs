//! For each value that follows another one without a null in between: half of what it is greater, times the time between.
//! Where only part of the time counts, what is greater at an instant of the line grows with the time since it began, so the
//! line encloses what these times add up to, where it counts.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise, instants, number_of, since};
use crate::{Linear, Time};

pub(crate) fn of(of: NodeId, over: Option<NodeId>, inputs: &Inputs<'_>) -> NodeTimeline {
    let events = inputs.events(of);
    let times: Vec<Time> = events.iter().map(|e| e.time).collect();
    let counts = over.map(|over| inputs.stretches(over));
    NodeTimeline::Number(Piecewise::at_instants(instants(inputs.origin(), &times), |t| {
        let ended = events.windows(2).filter(|line| line[1].time <= t && line[0].time < line[1].time);
        let enclosed = ended.filter_map(|line| {
            let [from, to] = [0, 1].map(|end: usize| number_of(&line[end].payload).map(|x| x.as_floats().0));
            let rise = to? - from?;
            let (begun, length) = (line[0].time, since(line[0].time, line[1].time));
            let whole = length * length;
            let square = |at: Time| since(begun, at.clamp(begun, line[1].time)).pow(2);
            let part = counts.as_ref().map(|stretches| {
                stretches.iter().map(|(start, end)| end.map_or(whole, square) - square(*start)).sum::<i128>()
            });
            Some(match part.filter(|part| *part != whole) {
                None => rise * length as f64 / 2.0,
                Some(part) => rise * part as f64 / (2 * length) as f64,
            })
        });
        let finite = enclosed.filter(|x| x.is_finite());
        Some(finite.fold(Linear::float(0.0), |sum, x| sum.add(Linear::float(x))))
    }))
}
