//! Random logs: a few keys, dense times, some events out of order, some of them too late.

use super::{choose, value};
use proptest::prelude::*;
use timeline_core::plan::SourceDefinition;
use timeline_core::record::Order;
use timeline_core::reference::LogEvent;
use timeline_core::{Field, Plan, Record, Time, Type};

/// A log that fits every plan.
#[derive(Clone, Debug)]
pub(crate) struct LogShape {
    /// The time of the first event.
    origin: Time,
    events: Vec<EventShape>,
    /// How long after the origin the horizon is.
    until: Option<Time>,
}

#[derive(Clone, Debug)]
struct EventShape {
    key: u8,
    /// The source, of a plan that has several.
    source: u8,
    /// From the largest time of its source so far to this event's; negative is out of order.
    gap: Time,
    order: u8,
    fields: [FieldShape; 4],
}

#[derive(Clone, Copy, Debug)]
enum FieldShape {
    Missing,
    Null,
    Value(u8),
}

/// Logs of 1 to 40 events.
pub(crate) fn shapes() -> impl Strategy<Value = LogShape> {
    let origin = prop_oneof![3 => Just(0), 1 => Just(-7), 1 => Just(1_700_000_000_000_000_003)];
    let until = prop_oneof![Just(None), (0..80i64).prop_map(Some)];
    (origin, prop::collection::vec(event(), 1..=40), until).prop_map(|(origin, events, until)| LogShape {
        origin,
        events,
        until,
    })
}

fn event() -> impl Strategy<Value = EventShape> {
    let gap = prop_oneof![4 => Just(0i64), 6 => 1..3i64, 4 => 3..7i64, 1 => 7..25i64, 2 => -6..0i64];
    let field = prop_oneof![3 => Just(FieldShape::Missing), 1 => Just(FieldShape::Null), 6 => any::<u8>().prop_map(FieldShape::Value)];
    let key = prop_oneof![4 => Just(0u8), 1 => Just(1u8), 1 => Just(2u8)];
    (key, 0..2u8, gap, 0..4u8, prop::array::uniform4(field)).prop_map(|(key, source, gap, order, fields)| EventShape {
        key,
        source,
        gap,
        order,
        fields,
    })
}

impl LogShape {
    /// The log for the plan's columns, and the horizon.
    pub(crate) fn build(&self, plan: &Plan) -> (Vec<LogEvent>, Option<Time>) {
        let sources = plan.sources().count();
        let mut largest = vec![self.origin; sources];
        let mut events = vec![];
        for (position, shape) in self.events.iter().enumerate() {
            let source = shape.source % sources as u8;
            let largest = &mut largest[usize::from(source)];
            let time = *largest + if position == 0 { 0 } else { shape.gap };
            *largest = time.max(*largest);
            let order = order(plan.source_at(usize::from(source)), shape.order);
            let fields = plan.columns.iter().zip(shape.fields).map(|(column, field)| match field {
                _ if column.source != source => Field::Missing,
                FieldShape::Missing => Field::Missing,
                FieldShape::Null => Field::Null,
                FieldShape::Value(pick) => Field::Value(value(column.ty, pick)),
            });
            let record = Record { time, source, order, position: position as u64, fields: fields.collect() };
            events.push(LogEvent { key: choose(&["x", "y", "z"], shape.key).into(), record });
        }
        (events, self.until.map(|after| self.origin + after))
    }
}

fn order(source: &SourceDefinition, pick: u8) -> Option<Order> {
    match (source.order.as_ref()?.1, pick) {
        (_, 0) => None,
        (Type::Float, pick) => Some(Order::float(f64::from(pick) * 0.5 - 1.0)),
        (_, pick) => Some(Order::int(i64::from(pick) - 2)),
    }
}
