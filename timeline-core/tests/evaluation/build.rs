//! Short ways to write plans and logs in tests.

use timeline_core::plan::{
    Aggregate, Alert, Compare, EndRule, EventExpr, FieldPath, GroupKey, Metric, NodeId, Op, PlanBuilder, SourceColumn,
    SourceDefinition, TimeUnit, Unit,
};
use timeline_core::reference::{LogEvent, ReferenceRun, run};
use timeline_core::{Field, Plan, Record, SECOND, Time, Type, Value};

/// A builder that takes every mistake for a broken test.
pub(crate) struct Program(pub(crate) PlanBuilder);

impl Program {
    pub(crate) fn new() -> Self {
        Program(PlanBuilder::new(source()))
    }

    pub(crate) fn add(&mut self, op: Op) -> NodeId {
        self.0.add(op).expect("the test builds a valid plan")
    }

    pub(crate) fn column(&mut self, name: &str, ty: Type) -> EventExpr {
        let column =
            SourceColumn { name: name.into(), path: FieldPath::name(name), ty, source: 0, nulls: Default::default() };
        EventExpr::Column(self.0.column(column).expect("the test has few columns"))
    }

    /// The event `name == text`.
    pub(crate) fn says(&mut self, name: &str, text: &str) -> NodeId {
        let column = self.column(name, Type::String);
        let text = EventExpr::Constant(Value::text(text));
        self.add(Op::Event(EventExpr::Compare(Compare::Eq, Box::new(column), Box::new(text))))
    }

    /// The event on a column.
    pub(crate) fn event(&mut self, name: &str, ty: Type) -> NodeId {
        let column = self.column(name, ty);
        self.add(Op::Event(column))
    }

    /// The state `latest(name)`.
    pub(crate) fn latest(&mut self, name: &str, ty: Type) -> NodeId {
        let of = self.event(name, ty);
        self.add(Op::Latest { of, ttl: None })
    }

    /// The state `latest(name) == text`.
    pub(crate) fn is(&mut self, name: &str, text: &str) -> NodeId {
        let (left, right) = (self.latest(name, Type::String), self.add(Op::Constant(Value::text(text))));
        self.add(Op::CompareStates { compare: Compare::Eq, left, right })
    }

    /// A number compared with a duration in nanoseconds.
    pub(crate) fn duration_is(&mut self, left: NodeId, compare: Compare, numerator: Time) -> NodeId {
        let right = self.add(Op::ConstantNumber { numerator, denominator: 1, unit: Unit::Duration });
        self.add(Op::CompareNumbers { compare, left, right })
    }

    pub(crate) fn metric(&mut self, name: &str, root: NodeId, dimensions: &[&str], aggregate: Option<Aggregate>) {
        let dimensions = dimensions.iter().map(|d| (*d).to_owned()).collect();
        self.0.add_metric(Metric { name: name.into(), root, dimensions, aggregate, keep_spans: false, with: vec![] });
    }

    pub(crate) fn alert(&mut self, name: &str, root: NodeId) {
        self.0.add_alert(Alert { name: name.into(), root, with: vec![] });
    }

    pub(crate) fn end(&mut self, end: EndRule) {
        self.0.set_end(end);
    }

    pub(crate) fn finish(self) -> Plan {
        self.0.finish()
    }
}

/// A source with whole seconds and no lateness.
pub(crate) fn source() -> SourceDefinition {
    SourceDefinition {
        name: "test".into(),
        key: vec![FieldPath::name("key")],
        time: FieldPath::name("t"),
        time_unit: TimeUnit::Seconds,
        order: None,
        lateness: 0,
        future: None,
        idle: timeline_core::plan::Idle::Usual,
        repair: None,
        csv: timeline_core::plan::Csv::default(),
    }
}

/// A group column of a split's dimension or of a state.
pub(crate) fn group(name: &str, of: timeline_core::plan::GroupOf) -> GroupKey {
    GroupKey { name: name.into(), of }
}

/// An event: seconds, key, and values by column name, where `None` is null.
pub(crate) type Row<'a> = (Time, &'a str, &'a [(&'a str, Option<Value>)]);

/// A log of one partition, in this order.
pub(crate) fn log(plan: &Plan, events: &[Row]) -> Vec<LogEvent> {
    let event = |(position, (seconds, key, values)): (usize, &Row)| {
        let field = |name: &str| match values.iter().find(|v| v.0 == name) {
            None => Field::Missing,
            Some((_, None)) => Field::Null,
            Some((_, Some(value))) => Field::Value(value.clone()),
        };
        let fields = plan.columns.iter().map(|c| field(&c.name)).collect();
        let record = Record { time: seconds * SECOND, source: 0, order: None, position: position as u64, fields };
        LogEvent { key: (*key).into(), record }
    };
    events.iter().enumerate().map(event).collect()
}

/// The log's sessions, with the horizon in seconds.
pub(crate) fn run_until<'a>(plan: &Plan, log: &'a [LogEvent], seconds: Time) -> ReferenceRun<'a> {
    run(plan, log, Some(seconds * SECOND))
}

/// A text that is there.
pub(crate) fn text(s: &str) -> Option<Value> {
    Some(Value::text(s))
}

/// Nanoseconds as seconds, which they must be to the last one.
pub(crate) fn seconds(ns: Time) -> Time {
    assert_eq!(ns % SECOND, 0, "{ns} ns are whole seconds");
    ns / SECOND
}
