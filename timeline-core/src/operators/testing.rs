//! A small bench for the tests of operators: one operator over a few columns, both evaluators, and what they say at each instant.

use crate::incremental::{EvaluationOutput, Evaluator, Heap, PackedEvent, Row, TimelineValue};
use crate::plan::{
    Csv, EventExpr, FieldPath, Idle, NodeId, Nulls, Op, PlanBuilder, SourceColumn, SourceDefinition, TimeUnit,
    TimelineKind,
};
use crate::reference::{NodeTimeline, Session, whole};
use crate::{Field, Linear, Plan, Record, Time, Type, Value};
use std::sync::Arc;

/// A plan that is built for a test, over the columns `b` (bool), `n` (int), `x` (float) and `s` (string).
pub(crate) struct Bench(PlanBuilder);

impl Bench {
    fn new() -> Self {
        let field = FieldPath::name;
        let source = SourceDefinition {
            name: "test".into(),
            key: vec![field("k")],
            time: field("t"),
            time_unit: TimeUnit::Nanoseconds,
            order: None,
            lateness: 0,
            future: None,
            idle: Idle::Usual,
            repair: None,
            csv: Csv::default(),
        };
        let mut builder = PlanBuilder::new(source);
        for (name, ty) in [("b", Type::Bool), ("n", Type::Int), ("x", Type::Float), ("s", Type::String)] {
            let column = SourceColumn { name: name.into(), path: field(name), ty, source: 0, nulls: Nulls::default() };
            builder.column(column).expect("there are four");
        }
        Bench(builder)
    }

    pub(crate) fn add(&mut self, op: Op) -> NodeId {
        self.0.add(op).expect("the test builds a valid plan")
    }

    /// The expression of a column.
    pub(crate) fn column(&self, name: char) -> EventExpr {
        let place = "bnxs".find(name).expect("one of the four");
        EventExpr::Column(crate::plan::ColumnId(place as u8))
    }

    /// The events on a column.
    pub(crate) fn event(&mut self, name: char) -> NodeId {
        let column = self.column(name);
        self.add(Op::Event(column))
    }

    /// The state of a column.
    pub(crate) fn state(&mut self, name: char) -> NodeId {
        let of = self.event(name);
        self.add(Op::Latest { of, ttl: None })
    }

    /// The number of a column.
    pub(crate) fn number(&mut self, name: char) -> NodeId {
        let of = self.state(name);
        self.add(Op::NumberOf(of))
    }

    /// For how long `b` was true: a number that moves.
    pub(crate) fn moving(&mut self) -> NodeId {
        let of = self.state('b');
        self.add(Op::DurationWhere { of })
    }
}

/// Runs the operator over a log such as `0: b n=1; 3: !b x=1.5 s=word; 4: n`, in which a column without a value is null, and
/// compares what both evaluators say at each instant from 0 on. Of events it is how many there were.
#[track_caller]
pub(crate) fn check(op: impl FnOnce(&mut Bench) -> Op, log: &str, says: &str) {
    let mut bench = Bench::new();
    let op = op(&mut bench);
    let mut id = bench.add(op);
    if let TimelineKind::Event(_) = bench.0.plan().node(id).kind {
        let is_true = bench.add(Op::Constant(Value::Bool(true)));
        let of = bench.add(Op::At { event: id, of: is_true });
        id = bench.add(Op::Count { of });
    }
    let plan = bench.0.finish();
    let records: Vec<Record> = log.split(';').zip(0..).map(|(line, position)| record(line.trim(), position)).collect();
    let instants = says.split_whitespace().count() as Time;
    let wanted: Vec<&str> = says.split_whitespace().collect();
    let session = Session {
        origin: records[0].time,
        last: records[records.len() - 1].time,
        horizon: instants,
        close: None,
        records: records.clone(),
    };
    let of_reference: Vec<String> = {
        let all = whole(&plan, &session);
        (0..instants).map(|t| text_of(&all[id.index()], t)).collect()
    };
    assert_eq!(of_reference, wanted, "the reference evaluator");
    assert_eq!(incremental(&plan, &records, id, instants), wanted, "the incremental evaluator");
}

fn record(line: &str, position: u64) -> Record {
    let (time, columns) = line.split_once(':').expect("a time, and columns behind a colon");
    let mut fields = vec![Field::Missing; 4];
    for column in columns.split_whitespace() {
        let (place, value) = match (column, column.split_once('=')) {
            ("b", _) => (0, Some(Value::Bool(true))),
            ("!b", _) => (0, Some(Value::Bool(false))),
            (_, Some(("b", ""))) => (0, None),
            (_, Some(("n", value))) => (1, value.parse().ok().map(Value::Int)),
            (_, Some(("x", value))) => (2, value.parse().ok().map(Value::Float)),
            (_, Some(("s", value))) => (3, (!value.is_empty()).then(|| Value::text(value))),
            _ => panic!("no column {column:?}"),
        };
        fields[place] = value.map_or(Field::Null, Field::Value);
    }
    let time = time.parse().expect("a number");
    Record { time, source: 0, order: None, position, fields }
}

fn incremental(plan: &Plan, records: &[Record], id: NodeId, instants: Time) -> Vec<String> {
    let mut evaluator = Evaluator::new(Arc::new(plan.clone()));
    let (mut words, mut heap, mut packed, mut alerts) =
        (vec![0; evaluator.row_words()], Heap::default(), vec![], vec![]);
    evaluator.begin(&mut Row { words: &mut words, heap: &mut heap }, records[0].time);
    let mut said = vec![];
    for t in 0..instants {
        for record in records.iter().filter(|record| record.time == t) {
            let (present, nulls) = evaluator.pack(record, &mut packed);
            let event = PackedEvent { time: t, present, nulls, words: &packed };
            let mut row = Row { words: &mut words, heap: &mut heap };
            evaluator.event(
                &mut row,
                &event,
                &mut EvaluationOutput { alerts: &mut alerts, windows: None, matches: None, observer: &mut () },
            );
        }
        let (mut words, mut heap) = (words.clone(), heap.clone());
        let mut row = Row { words: &mut words, heap: &mut heap };
        evaluator.settle(
            &mut row,
            &mut EvaluationOutput { alerts: &mut alerts, windows: None, matches: None, observer: &mut () },
        );
        evaluator.advance(
            &mut row,
            t,
            &mut EvaluationOutput { alerts: &mut alerts, windows: None, matches: None, observer: &mut () },
        );
        let shares = evaluator.view(&row).shares(id);
        let share = |share: &crate::incremental::Share| match &share.reading {
            reading if share.dimensions.is_empty() => text(reading),
            reading => format!("{}={}", dimensions(&share.dimensions), text(reading)),
        };
        said.push(shares.iter().map(share).collect::<Vec<_>>().join(","));
    }
    said
}

fn dimensions(all: &[Option<Value>]) -> String {
    all.iter().map(|value| value.as_ref().map_or("-".into(), ToString::to_string)).collect::<Vec<_>>().join("/")
}

fn text(reading: &TimelineValue) -> String {
    match reading {
        TimelineValue::Absent => "-".into(),
        TimelineValue::State(value) => value.to_string(),
        TimelineValue::Number(x) => number(*x),
        TimelineValue::Ratio { numerator, denominator } => format!("{}/{}", number(*numerator), number(*denominator)),
    }
}

fn number(x: Linear) -> String {
    match x.rounded() {
        Linear::Exact { value, .. } => value.to_string(),
        Linear::Float { value, .. } => value.to_string(),
    }
}

/// What the reference says at an instant.
fn text_of(whole: &NodeTimeline, t: Time) -> String {
    let or_absent = |x: Option<Linear>| x.map_or("-".into(), number);
    match whole {
        NodeTimeline::State(state) => state.at(t).map_or("-".into(), |value| value.to_string()),
        NodeTimeline::Number(x) => or_absent(x.at(t)),
        NodeTimeline::Ratio { numerator, denominator } => match (numerator.at(t), denominator.at(t)) {
            (Some(n), Some(d)) => format!("{}/{}", number(n), number(d)),
            _ => "-".into(),
        },
        NodeTimeline::Split(shares) => {
            let begun = shares.iter().filter(|share| share.since <= t);
            let share = |share: &crate::reference::ShareTimeline| {
                format!("{}={}", dimensions(&share.dimensions), text_of(&share.timeline, t))
            };
            begun.map(share).collect::<Vec<_>>().join(",")
        }
        NodeTimeline::Events(_) => panic!("events are counted"),
    }
}
