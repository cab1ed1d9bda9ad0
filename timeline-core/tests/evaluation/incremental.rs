//! The incremental evaluator against the reference: every node of a random plan, at every nanosecond.

use super::strategies::{Case, cases};
use proptest::prelude::*;
use std::sync::Arc;
use timeline_core::incremental::{EvaluationOutput, Evaluator, Heap, PackedEvent, Row, TimelineValue, codec};
use timeline_core::reference::{CloseReason, NodeTimeline, Session, ShareTimeline, run, whole};
use timeline_core::{Field, Linear, Plan, Time, Value};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn both_evaluators_say_the_same_of_every_node(case in cases()) {
        let Case { plan, log, until } = &case;
        for (_, session) in &run(plan, log, *until).sessions {
            check(plan, session)?;
        }
    }
}

pub(super) fn check(plan: &Plan, session: &Session) -> Result<(), TestCaseError> {
    let mut evaluator = Evaluator::new(Arc::new(plan.clone()));
    let mut row = Kept::new(&evaluator);
    let expected = whole(plan, session);
    evaluator.begin(&mut row.row(), session.origin);
    let (mut words, mut alerts) = (vec![], vec![]);
    for (i, record) in session.records.iter().enumerate() {
        let (present, nulls) = evaluator.pack(&positive_zeros(record), &mut words);
        let event = PackedEvent { time: record.time, present, nulls, words: &words };
        evaluator.event(
            &mut row.row(),
            &event,
            &mut EvaluationOutput { alerts: &mut alerts, windows: None, matches: None, observer: &mut () },
        );
        row = row.written_and_read(&evaluator);
        let next = session.records.get(i + 1).map(|r| r.time);
        // Nobody looks at a session that is over, but for the instant of its close.
        let end = match session.close {
            Some(close) if close.reason != CloseReason::Silence => close.at,
            _ => session.last + 20,
        };
        for t in record.time..next.unwrap_or(end + 1) {
            let mut copy = row.clone();
            let sink = &mut EvaluationOutput { alerts: &mut alerts, windows: None, matches: None, observer: &mut () };
            evaluator.settle(&mut copy.row(), sink);
            evaluator.advance(&mut copy.row(), t, sink);
            let row = copy.row();
            let view = evaluator.view(&row);
            for (id, node) in plan.iter() {
                let found: Vec<_> =
                    view.shares(id).into_iter().map(|s| (s.dimensions.to_vec(), text(&s.reading))).collect();
                prop_assert_eq!(found, wanted(&expected[id.index()], t), "{} {:?} at {}", id, node.op, t);
            }
        }
    }
    Ok(())
}

/// What the reference says at an instant, by dimensions; events say nothing.
fn wanted(whole: &NodeTimeline, t: Time) -> Vec<(Vec<Option<Value>>, String)> {
    let reading = match whole {
        NodeTimeline::Events(_) => TimelineValue::Absent,
        NodeTimeline::Split(shares) => {
            let is_open = |share: &&ShareTimeline| share.window.is_none_or(|(_, end)| t < end);
            let begun = shares.iter().filter(|share| share.since <= t).filter(is_open);
            let text = |x: &NodeTimeline| wanted(x, t).remove(0).1;
            return begun.map(|share| (share.dimensions.clone(), text(&share.timeline))).collect();
        }
        NodeTimeline::State(state) => state.at(t).map_or(TimelineValue::Absent, TimelineValue::State),
        NodeTimeline::Number(number) => number.at(t).map_or(TimelineValue::Absent, TimelineValue::Number),
        NodeTimeline::Ratio { numerator, denominator } => match (numerator.at(t), denominator.at(t)) {
            (Some(numerator), Some(denominator)) => TimelineValue::Ratio { numerator, denominator },
            _ => TimelineValue::Absent,
        },
    };
    vec![(vec![], text(&reading))]
}

/// One zero for both.
fn text(reading: &TimelineValue) -> String {
    let linear = |x: &Linear| match x {
        Linear::Float { value, slope, .. } => format!("{:?} {:?}", value + 0.0, slope + 0.0),
        exact => format!("{exact:?}"),
    };
    match reading {
        TimelineValue::State(Value::Float(x)) => format!("{:?}", x + 0.0),
        TimelineValue::Number(x) => linear(x),
        TimelineValue::Ratio { numerator, denominator } => format!("{} / {}", linear(numerator), linear(denominator)),
        other => format!("{other:?}"),
    }
}

/// Decoders make one zero of the two.
fn positive_zeros(record: &timeline_core::Record) -> timeline_core::Record {
    let mut record = record.clone();
    for field in &mut record.fields {
        if let Field::Value(Value::Float(x)) = field {
            *x += 0.0;
        }
    }
    record
}

#[derive(Clone)]
struct Kept {
    words: Vec<u64>,
    heap: Heap,
}

impl Kept {
    fn new(evaluator: &Evaluator) -> Self {
        Kept { words: vec![0; evaluator.row_words()], heap: Heap::default() }
    }

    fn row(&mut self) -> Row<'_> {
        Row { words: &mut self.words, heap: &mut self.heap }
    }

    /// The session after it was written and read back.
    fn written_and_read(self, evaluator: &Evaluator) -> Self {
        let mut bytes = vec![];
        codec::encode_heap(evaluator.layout(), &self.heap, &mut bytes);
        let heap = codec::decode_heap(evaluator.layout(), &bytes).expect("what was written is read");
        Kept { words: self.words, heap }
    }
}
