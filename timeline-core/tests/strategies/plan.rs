//! Random plans, of every operator.

use super::expression::{PredicateShape, called, comparison, predicates};
use super::trial::{TRIALS, Takes};
use super::{choose, tables, user, value};
use proptest::prelude::*;
use timeline_core::plan::{
    Aggregate, AggregateFunction, AggregateMembers, Alert, Beside, ColumnId, Dedup, EndRule, EventExpr, Every,
    FieldPath, GroupKey, GroupOf, Metric, NodeId, Op, PlanBuilder, RatioUnit, Scalar, SourceColumn, SourceDefinition,
    TimeUnit, TimelineKind, Unit,
};
use timeline_core::{Time, Type};

/// A plan before it is built; picks as in [`super`].
#[derive(Clone, Debug)]
pub(crate) struct PlanShape {
    columns: Vec<u8>,
    lateness: Time,
    order: Option<u8>,
    steps: Vec<Step>,
    metrics: Vec<MetricShape>,
    alerts: Vec<u8>,
    when: Option<PredicateShape>,
    /// An end event that is picked among all events of truth values, in place of the predicate.
    picked: Option<u8>,
    silence: Option<Time>,
    billed: bool,
    max_age: Option<Time>,
    linger: Time,
    repair: Option<Time>,
    /// Which column, and the window; a column of each source.
    dedup: Option<(u8, Time)>,
    /// A second source that shares the key, with every other column: its lateness, order and repair.
    joined: Option<(Time, Option<u8>, Option<Time>)>,
}

/// One node, or a few.
#[derive(Clone, Debug)]
struct Step {
    make: Make,
    left: u8,
    right: u8,
    window: Time,
    compare: u8,
    number: i64,
    predicate: PredicateShape,
}

#[derive(Clone, Copy, Debug)]
enum Make {
    Predicate,
    Function,
    Constant,
    Latest,
    HasExisted,
    HasExistedWithin,
    HeldFor,
    DurationWhere,
    DurationInCurState,
    CompareStates,
    CompareWithConstant,
    CompareNumbers,
    Not,
    And,
    Or,
    NumberOf,
    Add,
    Sub,
    Scale,
    Ratio,
    OverLast,
    Longest,
    DurationOfPreviousState,
    Integral,
    TimeWeightedAvg,
    If,
    Coalesce,
    Exists,
    Mul,
    Scope,
    Every,
    Turn,
    Changes,
    Apply,
    Either,
    At,
    Each,
    Filter,
    FollowedBy,
    NotFollowedBy,
    Count,
    CountWithin,
    Pick,
    Sum,
    TimeSince,
    IsNew,
    Instants,
    Trial,
}

#[derive(Clone, Debug)]
struct MetricShape {
    root: u8,
    split_by: Vec<u8>,
    aggregate: Option<(Vec<u8>, u8)>,
}

/// Plans of 1 to 4 columns and up to about 30 nodes.
pub(crate) fn shapes() -> impl Strategy<Value = PlanShape> {
    let some = |range: std::ops::RangeInclusive<Time>| prop::option::weighted(0.35, range);
    let declared = (prop::collection::vec(any::<u8>(), 1..=4), 0..5i64, prop::option::weighted(0.3, any::<u8>()));
    let asked = (
        prop::collection::vec(step(), 1..=24),
        prop::collection::vec(metric(), 1..=4),
        prop::collection::vec(any::<u8>(), 0..=2),
    );
    let when = (prop::option::weighted(0.2, predicates()), prop::option::weighted(0.15, any::<u8>()));
    let end = (when, (some(2..=16), any::<bool>()), some(2..=60), prop_oneof![2 => Just(0i64), 1 => 1..8i64]);
    let rules = (prop::option::weighted(0.25, 1..=30i64), prop::option::weighted(0.25, (any::<u8>(), 0..6i64)));
    let other = (0..5i64, prop::option::weighted(0.3, any::<u8>()), prop::option::weighted(0.25, 1..=30i64));
    (declared, asked, end, (rules, prop::option::weighted(0.4, other))).prop_map(
        |(
            (columns, lateness, order),
            (steps, metrics, alerts),
            ((when, picked), (silence, billed), max_age, linger),
            ((repair, dedup), joined),
        )| PlanShape {
            columns,
            lateness,
            order,
            steps,
            metrics,
            alerts,
            when,
            picked,
            silence,
            billed,
            max_age,
            linger,
            repair,
            dedup,
            joined,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let make = prop_oneof![
        4 => Just(Make::Predicate),
        2 => Just(Make::Function),
        1 => Just(Make::Constant),
        3 => Just(Make::Latest),
        1 => Just(Make::HasExisted),
        3 => Just(Make::HasExistedWithin),
        3 => Just(Make::HeldFor),
        4 => Just(Make::DurationWhere),
        3 => Just(Make::DurationInCurState),
        3 => Just(Make::CompareStates),
        4 => Just(Make::CompareWithConstant),
        2 => Just(Make::CompareNumbers),
        2 => Just(Make::Not),
        2 => Just(Make::And),
        2 => Just(Make::Or),
        1 => Just(Make::NumberOf),
        2 => Just(Make::Add),
        2 => Just(Make::Sub),
        1 => Just(Make::Scale),
        2 => Just(Make::Ratio),
        2 => Just(Make::OverLast),
        2 => Just(Make::Longest),
        2 => Just(Make::DurationOfPreviousState),
        3 => Just(Make::Integral),
        1 => Just(Make::TimeWeightedAvg),
        3 => Just(Make::If),
        2 => Just(Make::Coalesce),
        2 => Just(Make::Exists),
        2 => Just(Make::Mul),
        2 => Just(Make::Scope),
        3 => Just(Make::Every),
        3 => Just(Make::Turn),
        1 => Just(Make::Changes),
        3 => Just(Make::Apply),
        2 => Just(Make::Either),
        3 => Just(Make::At),
        4 => Just(Make::Each),
        4 => Just(Make::Filter),
        3 => Just(Make::FollowedBy),
        3 => Just(Make::NotFollowedBy),
        3 => Just(Make::Count),
        2 => Just(Make::CountWithin),
        3 => Just(Make::Pick),
        2 => Just(Make::Sum),
        2 => Just(Make::TimeSince),
        2 => Just(Make::IsNew),
        2 => Just(Make::Instants),
        3 => Just(Make::Trial),
    ];
    (make, any::<u8>(), any::<u8>(), 1..7i64, any::<u8>(), -3..12i64, predicates()).prop_map(
        |(make, left, right, window, compare, number, predicate)| Step {
            make,
            left,
            right,
            window,
            compare,
            number,
            predicate,
        },
    )
}

fn metric() -> impl Strategy<Value = MetricShape> {
    let split_by = prop_oneof![Just(vec![]), prop::collection::vec(any::<u8>(), 1..=2)];
    let aggregate = prop::option::of((prop::collection::vec(any::<u8>(), 0..=2), any::<u8>()));
    (any::<u8>(), split_by, aggregate).prop_map(|(root, split_by, aggregate)| MetricShape { root, split_by, aggregate })
}

impl PlanShape {
    /// The plan, open for more nodes.
    pub(crate) fn builder(&self) -> PlanBuilder {
        let source = |name: &str, lateness: Time, order: Option<u8>, repair: Option<Time>| SourceDefinition {
            name: name.into(),
            key: vec![FieldPath::name("key")],
            time: FieldPath::name("t"),
            time_unit: TimeUnit::Nanoseconds,
            order: order.map(|pick| (FieldPath::name("seq"), choose(&[Type::Int, Type::Float], pick))),
            lateness,
            future: None,
            idle: timeline_core::plan::Idle::Usual,
            repair,
            csv: timeline_core::plan::Csv::default(),
        };
        let mut builder = PlanBuilder::new(source("random", self.lateness, self.order, self.repair));
        if let Some((lateness, order, repair)) = self.joined {
            builder.join(source("other", lateness, order, repair));
        }
        let mut ruled = [false; 2];
        for (i, pick) in self.columns.iter().enumerate() {
            let ty = choose(&[Type::Bool, Type::String, Type::Int, Type::Float], *pick);
            let name = format!("c{i}");
            let source = if self.joined.is_some() { (i % 2) as u8 } else { 0 };
            let column = SourceColumn { path: FieldPath::name(&name), name, ty, source, nulls: Default::default() };
            let id = builder.column(column).expect("at most four columns");
            // Every plan has the plain event and state of each column, so that there is always something to pick.
            let rule = self.dedup.filter(|(pick, _)| i >= usize::from(*pick) % self.columns.len());
            if let Some((_, within)) = rule.filter(|_| !std::mem::replace(&mut ruled[usize::from(source)], true)) {
                builder.add_dedup(Dedup { column: id, within });
            }
            let of = builder.add(Op::Event(EventExpr::Column(id))).expect("a column is an event");
            builder.add(Op::Latest { of, ttl: None }).expect("an event has a latest");
        }
        for step in &self.steps {
            step.build(&mut builder);
        }
        self.end(&mut builder);
        for (i, alert) in self.alerts.iter().enumerate() {
            if let Some(root) = pick(&builder, *alert, |k| k == TimelineKind::State(Type::Bool)) {
                let states: Vec<NodeId> = builder
                    .plan()
                    .iter()
                    .filter(|(_, n)| matches!(n.kind, TimelineKind::State(_)))
                    .map(|(id, _)| id)
                    .collect();
                let beside = |n: u8| Beside { name: format!("w{n}"), of: nth(&states, alert.wrapping_add(n)) };
                builder.add_alert(Alert { name: format!("a{i}"), root, with: (0..alert % 3).map(beside).collect() });
            }
        }
        // Metrics come last: nothing may read the splits that they make.
        let nodes = builder.plan().nodes.len();
        for (i, shape) in self.metrics.iter().enumerate() {
            let metric = shape.build(&mut builder, nodes, format!("m{i}"));
            builder.add_metric(metric);
        }
        builder
    }

    fn end(&self, builder: &mut PlanBuilder) {
        let when = self.when.as_ref().map(|predicate| {
            let expression = predicate.build(builder);
            builder.add(Op::Event(expression)).expect("a predicate is an event")
        });
        let picked = self.picked.and_then(|of| pick(builder, of, |k| k == TimelineKind::Event(Type::Bool)));
        let when = picked.or(when);
        let linger = if when.is_some() { self.linger } else { 0 };
        builder.set_end(EndRule { when, silence: self.silence, billed: self.billed, max_age: self.max_age, linger });
    }
}

impl Step {
    /// Adds the node if there is something for it to read.
    fn build(&self, builder: &mut PlanBuilder) {
        let op = self.op(builder);
        if let Some(op) = op {
            builder.add(op).expect("inputs are picked by what the operator takes");
        }
    }

    fn op(&self, builder: &mut PlanBuilder) -> Option<Op> {
        let Step { left, right, window, .. } = *self;
        let event = |k: TimelineKind| matches!(k, TimelineKind::Event(_));
        let state = |k: TimelineKind| matches!(k, TimelineKind::State(_));
        let truth = |k: TimelineKind| k == TimelineKind::State(Type::Bool);
        let match_or_truth = |k: TimelineKind| event(k) || truth(k);
        let number = |k: TimelineKind| matches!(k, TimelineKind::Number(_));
        let numeric = |k: TimelineKind| matches!(k, TimelineKind::Event(Type::Int | Type::Float));
        let compare = comparison(self.compare);
        Some(match self.make {
            Make::Function => {
                let columns = &builder.plan().columns;
                let id = ColumnId(left % columns.len() as u8);
                let column = (EventExpr::Column(id), columns[id.index()].ty);
                Op::Event(called(builder, column, right, self.compare, true).0)
            }
            Make::Predicate => Op::Event(self.predicate.build(builder)),
            Make::Constant => {
                Op::Constant(value(choose(&[Type::String, Type::Float, Type::Int, Type::Bool], left), right))
            }
            Make::Latest => Op::Latest { of: pick(builder, left, event)?, ttl: (right % 2 == 0).then_some(window) },
            Make::HasExisted => Op::HasExisted { of: pick(builder, left, match_or_truth)? },
            Make::HasExistedWithin => Op::HasExistedWithin { of: pick(builder, left, match_or_truth)?, window },
            Make::HeldFor => Op::HeldFor { of: pick(builder, left, truth)?, length: window },
            Make::DurationWhere => Op::DurationWhere { of: pick(builder, left, truth)? },
            Make::DurationInCurState => Op::DurationInCurState { of: pick(builder, left, state)? },
            Make::CompareStates => {
                let left = pick(builder, left, state)?;
                let TimelineKind::State(ty) = builder.plan().node(left).kind else { return None };
                let right = match right % 2 {
                    0 => builder.add(Op::Constant(value(ty, self.compare))).ok()?,
                    _ => pick(builder, right, |k| match k {
                        TimelineKind::State(other) => other == ty || (other.is_numeric() && ty.is_numeric()),
                        _ => false,
                    })?,
                };
                Op::CompareStates { compare, left, right }
            }
            Make::CompareWithConstant => {
                let left = pick(builder, left, number)?;
                // Quotients are compared with constants only, so here is where they are often made.
                let ratio = (right % 4 == 0).then(|| pick(builder, right, number)).flatten();
                let left = match ratio {
                    Some(denominator) => builder.add(Op::Ratio { numerator: left, denominator }).ok()?,
                    None => left,
                };
                let right = self.constant(builder, left)?;
                Op::CompareNumbers { compare, left, right }
            }
            Make::CompareNumbers => {
                let (left, right) = self.alike(builder)?;
                Op::CompareNumbers { compare, left, right }
            }
            Make::Not => Op::Not(pick(builder, left, truth)?),
            Make::And => Op::And(pick(builder, left, truth)?, pick(builder, right, truth)?),
            Make::Or => Op::Or(pick(builder, left, truth)?, pick(builder, right, truth)?),
            Make::NumberOf if right % 3 == 0 => Op::DurationOf(pick(builder, left, |k| {
                matches!(k, TimelineKind::State(Type::Int) | TimelineKind::Number(Unit::Int))
            })?),
            Make::NumberOf => {
                Op::NumberOf(pick(builder, left, |k| matches!(k, TimelineKind::State(Type::Int | Type::Float)))?)
            }
            Make::Add => {
                let (a, b) = self.alike(builder)?;
                Op::Add(a, b)
            }
            Make::Sub => {
                let (a, b) = self.alike(builder)?;
                Op::Sub(a, b)
            }
            Make::Scale => Op::Scale { of: pick(builder, left, number)?, factor: self.number % 4 },
            // Quotients of what is cumulative can be split; others are just as good for comparisons.
            Make::Ratio if self.number % 2 == 0 => {
                ratio(builder, cumulative(builder, left)?, cumulative(builder, right)?)?
            }
            Make::Ratio => ratio(builder, pick(builder, left, number)?, pick(builder, right, number)?)?,
            Make::OverLast => Op::OverLast { of: cumulative(builder, left)?, window },
            Make::Longest => Op::Longest { of: pick(builder, left, truth)? },
            Make::DurationOfPreviousState => Op::DurationOfPreviousState { of: pick(builder, left, state)? },
            Make::Integral => self.integral(builder)?,
            Make::TimeWeightedAvg => {
                let numerator = self.integral(builder)?;
                let numerator = builder.add(numerator).ok()?;
                Op::Ratio {
                    numerator,
                    denominator: pick(builder, self.compare, |k| k == TimelineKind::Number(Unit::Duration))?,
                }
            }
            Make::If => {
                let (then, otherwise) = self.branches(builder)?;
                Op::If { condition: pick(builder, self.compare, truth)?, then, otherwise }
            }
            Make::Coalesce => {
                let (a, b) = self.branches(builder)?;
                Op::Coalesce(a, b)
            }
            Make::Exists => Op::Exists(pick(builder, left, |k| !event(k))?),
            Make::Mul => {
                let a = pick(builder, left, number)?;
                let plain = |k: TimelineKind| matches!(k, TimelineKind::Number(Unit::Int | Unit::Float));
                let is_plain = plain(builder.plan().node(a).kind);
                let still = standing(builder, |k| if is_plain { number(k) } else { plain(k) });
                Op::Mul(a, if still.is_empty() { return None } else { nth(&still, right) })
            }
            // Not too short, for the reference makes a piece of each window.
            Make::Every => Op::Every(Every::Length { length: window + 6, offset: Time::from(right) % (window + 6) }),
            Make::Scope => Op::Scope { of: cumulative(builder, left)?, by: pick(builder, right, state)? },
            Make::Turn if right % 2 == 0 => Op::Rise { of: pick(builder, left, truth)? },
            Make::Turn => Op::Fall { of: pick(builder, left, truth)? },
            Make::Changes => Op::Changes { of: pick(builder, left, state)? },
            Make::Apply => self.apply(builder)?,
            Make::Either => Op::Either(pick(builder, left, event)?, pick(builder, right, event)?),
            Make::At => {
                let sampled = |k: TimelineKind| {
                    state(k)
                        || matches!(
                            k,
                            TimelineKind::Number(Unit::Int | Unit::Float | Unit::Duration) | TimelineKind::Ratio(_)
                        )
                };
                Op::At { event: pick(builder, left, event)?, of: pick(builder, right, sampled)? }
            }
            Make::Each => {
                let event = pick(builder, left, event)?;
                let (value, of) = self.said(builder, event, false)?;
                Op::Each { event, value, of }
            }
            Make::Filter => {
                let event = pick(builder, left, event)?;
                let (condition, of) = self.said(builder, event, true)?;
                Op::Filter { event, condition, of }
            }
            Make::FollowedBy => {
                Op::FollowedBy { first: pick(builder, left, event)?, then: pick(builder, right, event)?, window }
            }
            Make::NotFollowedBy => {
                Op::NotFollowedBy { first: pick(builder, left, event)?, then: pick(builder, right, event)?, window }
            }
            Make::Count => Op::Count { of: pick(builder, left, event)? },
            Make::CountWithin => Op::CountWithin { of: pick(builder, left, event)?, window },
            Make::Pick if right % 8 > 4 => {
                // One or two values of a record.
                let plan = builder.plan();
                let is_value = |kind| matches!(kind, TimelineKind::Event(Type::Int | Type::Float | Type::Bool));
                let records = plan.iter().filter(|(_, n)| matches!(n.op, Op::Event(_)) && is_value(n.kind));
                let records: Vec<NodeId> = records.map(|(id, _)| id).collect();
                if records.is_empty() {
                    return None;
                }
                let of: Vec<NodeId> =
                    [left, right][..1 + usize::from(right % 8 > 5)].iter().map(|n| nth(&records, *n)).collect();
                let types = of.iter().filter_map(|id| match plan.node(*id).kind {
                    TimelineKind::Event(ty) => Some(ty),
                    _ => None,
                });
                Op::User { operator: user::operator(types.collect()), of }
            }
            Make::Pick => match right % 4 {
                0 => Op::First { of: pick(builder, left, event)? },
                1 => Op::Previous { of: pick(builder, left, event)?, n: 1 + self.number.unsigned_abs() as u16 % 3 },
                2 => Op::Min { of: pick(builder, left, numeric)? },
                _ => Op::Max { of: pick(builder, left, numeric)? },
            },
            Make::Sum => Op::Sum { of: pick(builder, left, numeric)? },
            Make::IsNew => Op::IsNew { of: pick(builder, left, event)?, cap: 1 + u32::from(right % 3) },
            Make::Trial => {
                let trial = choose(TRIALS, self.compare);
                let picks = [left, right].into_iter().cycle();
                let input = |(takes, n): (&Takes, u8)| match takes {
                    Takes::Condition | Takes::State | Takes::Of(_) | Takes::Numbers | Takes::Number => {
                        pick(builder, n, |k| takes.fits(k))
                    }
                    Takes::Steps => {
                        let still = standing(builder, |k| takes.fits(k));
                        (!still.is_empty()).then(|| nth(&still, n))
                    }
                };
                let inputs = trial.takes.iter().zip(picks).map(input);
                (trial.makes)(&inputs.collect::<Option<Vec<_>>>()?, window)
            }
            Make::Instants => {
                let mut instant = |n: u8, how: u8| {
                    let event = pick(builder, n, event)?;
                    let of = builder.add(Op::TimeOf { event }).ok()?;
                    let of = builder.add(match how % 4 {
                        0 => Op::Latest { of, ttl: None },
                        1 => Op::First { of },
                        2 => Op::Min { of },
                        _ => Op::Max { of },
                    });
                    builder.add(Op::InstantOf(of.ok()?)).ok()
                };
                // Only their differences are small enough for all that is calculated.
                Op::Sub(instant(left, self.compare)?, instant(right, self.compare / 4)?)
            }
            Make::TimeSince => Op::TimeSince { of: pick(builder, left, match_or_truth)? },
        })
    }

    /// Something over the record behind an event and up to two timelines: a condition, or any value.
    fn said(&self, builder: &PlanBuilder, event: NodeId, condition: bool) -> Option<(EventExpr, Vec<NodeId>)> {
        let plan = builder.plan();
        let own = plan.record_source(event);
        let columns: Vec<(EventExpr, Type)> = (0..)
            .zip(&plan.columns)
            .filter(|(_, column)| Some(column.source) == own)
            .map(|(i, column)| (EventExpr::Column(ColumnId(i)), column.ty))
            .collect();
        let sampled = pick(builder, self.right, |k| k.sampled().is_some())?;
        let ty = plan.node(sampled).kind.sampled()?;
        let sample = (EventExpr::Sample(0), ty);
        let comparable = |a: Type, b: Type| a == b || (a.is_numeric() && b.is_numeric());
        let pick_column = |fits: &dyn Fn(Type) -> bool| {
            let fitting: Vec<_> = columns.iter().filter(|(_, ty)| fits(*ty)).cloned().collect();
            (!fitting.is_empty()).then(|| fitting[usize::from(self.compare) % fitting.len()].clone())
        };
        let beside = pick_column(&|other| comparable(ty, other));
        let constant = |ty: Type| EventExpr::Constant(value(ty, self.compare));
        let compared = |left: EventExpr, right: EventExpr| {
            EventExpr::Compare(comparison(self.compare), Box::new(left), Box::new(right))
        };
        let holds = match &beside {
            Some((column, _)) => compared(column.clone(), sample.0.clone()),
            None => compared(sample.0.clone(), constant(ty)),
        };
        if condition || self.number % 3 == 0 {
            let other = pick_column(&|_| true).map(|(column, ty)| compared(column, constant(ty)));
            let second =
                pick(builder, self.compare, |k| k == TimelineKind::State(Type::Bool)).filter(|_| self.number % 2 == 0);
            let (both, of) = match (other, second) {
                (Some(other), None) if self.number % 4 == 1 => {
                    (EventExpr::And(holds.into(), other.into()), vec![sampled])
                }
                (Some(other), None) if self.number % 4 == 3 => (other, vec![]),
                (_, Some(second)) => (
                    EventExpr::Or(EventExpr::Not(holds.into()).into(), EventExpr::Sample(1).into()),
                    vec![sampled, second],
                ),
                _ => (holds, vec![sampled]),
            };
            return Some((both, of));
        }
        let arithmetic = [Scalar::Add, Scalar::Sub, Scalar::Mul, Scalar::Coalesce];
        let text = pick_column(&|ty| ty == Type::String).filter(|_| self.left.is_multiple_of(3));
        if let Some((text, _)) = text {
            // As often as not a timeline is a part of the key.
            let of_timeline = ty == Type::Bool;
            let types = if of_timeline { &[Type::String, Type::Bool][..] } else { &[Type::String] };
            let key = if of_timeline { vec![text, sample.0] } else { vec![text] };
            let looked_up = EventExpr::Lookup(tables::column(self.window, types), key);
            return Some((looked_up, if of_timeline { vec![sampled] } else { vec![] }));
        }
        Some(match beside {
            Some((column, other)) if ty.is_numeric() && (ty == other || self.right % 4 < 3) => {
                let function = arithmetic[usize::from(self.right % if ty == other { 4 } else { 3 })];
                (EventExpr::Call(function, vec![column, sample.0]), vec![sampled])
            }
            Some((column, _)) if self.number % 2 == 0 => (column, vec![]),
            Some((column, other)) if ty == other => {
                (EventExpr::Call(Scalar::Coalesce, vec![column, sample.0]), vec![sampled])
            }
            _ => (sample.0, vec![sampled]),
        })
    }

    /// An integral, as often as not of what is counted only sometimes.
    fn integral(&self, builder: &PlanBuilder) -> Option<Op> {
        let plain = |k: TimelineKind| matches!(k, TimelineKind::Number(Unit::Int | Unit::Float));
        let still = standing(builder, plain);
        let of = if still.is_empty() { return None } else { nth(&still, self.left) };
        let over = (self.right % 2 == 1)
            .then(|| pick(builder, self.right, |k| k == TimelineKind::State(Type::Bool)))
            .flatten();
        Some(Op::Integral { of, over })
    }

    /// A function of states and of numbers that stand still; quotients are rounded, so that all stays exact.
    fn apply(&self, builder: &PlanBuilder) -> Option<Op> {
        let still = standing(builder, |k| k.stepped().is_some());
        let a = if still.is_empty() { return None } else { nth(&still, self.left) };
        let kind = builder.plan().node(a).kind;
        let round = [Scalar::Round, Scalar::Floor, Scalar::Ceil];
        let text =
            [Scalar::Upper, Scalar::Trim, Scalar::Length, Scalar::StartsWith, Scalar::Contains, Scalar::Coalesce];
        let function = match kind {
            TimelineKind::Ratio(_) => choose(&round, self.compare),
            TimelineKind::State(Type::String) => choose(&text, self.compare),
            TimelineKind::State(Type::Bool) => choose(&[Scalar::If, Scalar::Coalesce], self.compare),
            TimelineKind::State(Type::Int) => {
                choose(&[Scalar::Bit, Scalar::Abs, Scalar::Add, Scalar::Sub, Scalar::Coalesce], self.compare)
            }
            _ => choose(&[Scalar::Abs, Scalar::Ceil, Scalar::Add, Scalar::Sub, Scalar::Coalesce], self.compare),
        };
        let exact = |k: TimelineKind| k.stepped().is_some() && !matches!(k, TimelineKind::Ratio(_));
        let others = |ty: Type| standing(builder, |k| exact(k) && k.stepped() == Some(ty));
        let of = match function {
            Scalar::If => {
                let ty = choose(&[Type::Bool, Type::Int, Type::String, Type::Float], self.right);
                let others = others(ty);
                let other = |pick| if others.is_empty() { None } else { Some(nth(&others, pick)) };
                vec![a, other(self.right)?, other(self.compare)?]
            }
            Scalar::StartsWith | Scalar::Contains | Scalar::Add | Scalar::Sub | Scalar::Coalesce | Scalar::Bit => {
                vec![a, nth(&others(kind.stepped()?), self.right)]
            }
            _ => vec![a],
        };
        Some(Op::Apply { function, of })
    }

    /// Two states of one type, or two numbers of one measure.
    fn branches(&self, builder: &mut PlanBuilder) -> Option<(NodeId, NodeId)> {
        let left = pick(builder, self.left, |k| matches!(k, TimelineKind::State(_) | TimelineKind::Number(_)))?;
        let kind = builder.plan().node(left).kind;
        match kind {
            TimelineKind::State(_) => Some((left, pick(builder, self.right, |k| k == kind)?)),
            _ => Some((left, pick(builder, self.right, |k| same_measure(k, kind))?)),
        }
    }

    /// Two numbers that both are durations or both are not; the second is sometimes a constant.
    fn alike(&self, builder: &mut PlanBuilder) -> Option<(NodeId, NodeId)> {
        let left = pick(builder, self.left, |k| matches!(k, TimelineKind::Number(_)))?;
        let kind = builder.plan().node(left).kind;
        let right = match self.right % 3 {
            0 if ![2, 4].contains(&(self.right % 5)) => self.constant(builder, left)?,
            _ => pick(builder, self.right, |k| same_measure(k, kind))?,
        };
        Some((left, right))
    }

    /// A constant that can be compared with the node.
    fn constant(&self, builder: &mut PlanBuilder, with: NodeId) -> Option<NodeId> {
        let duration = match builder.plan().node(with).kind {
            TimelineKind::Number(unit) => unit == Unit::Duration,
            TimelineKind::Ratio(unit) => unit == RatioUnit::Duration,
            _ => false,
        };
        let area = builder.plan().node(with).kind == TimelineKind::Number(Unit::Area);
        let (denominator, unit) = match self.right % 5 {
            _ if duration => (1, Unit::Duration),
            pick if area => (choose(&[1, 2, 4], pick), Unit::Area),
            0 | 1 => (1, Unit::Int),
            pick => (choose(&[2, 3, 10], pick), Unit::Float),
        };
        builder.add(Op::ConstantNumber { numerator: self.number, denominator, unit }).ok()
    }
}

impl MetricShape {
    /// The metric over one of the first `nodes` nodes, or a split of one if there is one that can be.
    fn build(&self, builder: &mut PlanBuilder, nodes: usize, name: String) -> Metric {
        let plain = |id: &NodeId| id.index() < nodes;
        let ids = |builder: &PlanBuilder, fits: fn(TimelineKind) -> bool| -> Vec<NodeId> {
            let fitting = builder.plan().iter().filter(|(id, node)| plain(id) && fits(node.kind));
            fitting.map(|(id, _)| id).filter(|id| !is_apart(builder, *id)).collect()
        };
        let states = ids(builder, |k| matches!(k, TimelineKind::State(_)));
        let roots = ids(builder, |k| !matches!(k, TimelineKind::Event(_)));
        let numbers = ids(builder, |k| matches!(k, TimelineKind::Number(_) | TimelineKind::Ratio(_)));
        let mut by: Vec<NodeId> = self.split_by.iter().map(|pick| nth(&states, *pick)).collect();
        // A metric has one clock, and many have one.
        let is_clock = |builder: &PlanBuilder, id: &NodeId| matches!(builder.plan().node(*id).op, Op::Every(_));
        let mut clocks: Vec<NodeId> = states.iter().copied().filter(|id| is_clock(builder, id)).collect();
        if by.iter().any(|id| is_clock(builder, id)) {
            by.retain(|id| !is_clock(builder, id));
            clocks.truncate(1);
            by.extend(&clocks);
        } else if !by.is_empty() && self.root % 4 < 2 && !clocks.is_empty() {
            let at = usize::from(self.root % 4) * by.len();
            by.insert(at, nth(&clocks, self.root));
        }
        let from = usize::from(self.root) % numbers.len().max(1);
        let cap = choose(&[1, 2, 3, Op::USUALLY_REMEMBERED], self.root / 2);
        let split = numbers[from..].iter().chain(&numbers[..from]).find_map(|of| {
            let split = Op::Split { of: *of, by: by.clone(), cap };
            if by.is_empty() { None } else { builder.add(split).ok() }
        });
        // Conditions are counted at once for each value as often as numbers are split.
        let conditions = ids(builder, |k| k == TimelineKind::State(Type::Bool));
        let at_once = (!by.is_empty() && self.root.is_multiple_of(3) && !conditions.is_empty()).then(|| {
            let of = Op::Concurrency { of: nth(&conditions, self.root / 3), cap };
            let of = builder.add(of).expect("a condition");
            builder.add(Op::Split { of, by: by.clone(), cap: choose(&[1, 2, 3, 1000], self.root / 5) }).expect("states")
        });
        let split = at_once.or(split);
        let dimensions = if split.is_some() { (0..by.len()).map(|i| format!("d{i}")).collect() } else { vec![] };
        let aggregate = self.aggregate.as_ref().map(|(groups, pick)| {
            let key = |(i, group): (usize, &u8)| match usize::from(*group) % (dimensions.len() + 1) {
                d if d < dimensions.len() => GroupKey { name: format!("g{i}"), of: GroupOf::Dimension(d) },
                _ => GroupKey { name: format!("g{i}"), of: GroupOf::State(nth(&states, *group)) },
            };
            Aggregate {
                group_by: groups.iter().enumerate().map(key).collect(),
                functions: FUNCTIONS
                    .iter()
                    .cloned()
                    .chain([AggregateFunction::Distinct { name: "x".into(), of: nth(&states, *pick) }])
                    .collect(),
                members: choose(&[AggregateMembers::All, AggregateMembers::Closed, AggregateMembers::Live], *pick),
            }
        });
        // Events are counted now and then; sometimes in windows, of whatever clock there is.
        let events = ids(builder, |k| matches!(k, TimelineKind::Event(_)));
        if let (Some((groups, pick)), true) = (&self.aggregate, self.root % 4 == 3 && !events.is_empty()) {
            let root = builder.matches(nth(&events, self.root / 4)).expect("an event");
            let plan = builder.plan();
            let every = plan.iter().find_map(|(_, node)| match &node.op {
                Op::Every(every) => Some(every.clone()),
                _ => None,
            });
            let key = |(i, group): (usize, &u8)| match &every {
                Some(every) if i == 0 && pick % 2 == 0 => GroupOf::Window(every.clone()),
                _ => GroupOf::State(nth(&states, *group)),
            };
            let group_by = groups.iter().enumerate().map(|g| GroupKey { name: format!("g{}", g.0), of: key(g) });
            let distinct = |i: usize| AggregateFunction::Distinct {
                name: format!("x{i}"),
                of: nth(&states, self.root.wrapping_add(i as u8)),
            };
            let functions = FUNCTIONS[..7].iter().cloned().chain((0..2).map(distinct)).collect();
            let aggregate = Some(Aggregate { group_by: group_by.collect(), functions, members: AggregateMembers::All });
            return Metric { name, root, dimensions: vec![], aggregate, keep_spans: false, with: vec![] };
        }
        let root = split.unwrap_or_else(|| nth(&roots, self.root));
        // Conditions are as often as not counted at once.
        let counted =
            split.is_none() && builder.plan().node(root).kind == TimelineKind::State(Type::Bool) && self.root % 2 == 1;
        let root = if counted { builder.add(Op::Concurrency { of: root, cap }).expect("a condition") } else { root };
        let beside = |i: usize| Beside { name: format!("w{i}"), of: nth(&states, self.root.wrapping_add(i as u8)) };
        let with = (0..usize::from(self.root % 3)).map(beside).collect();
        Metric { name, root, dimensions, aggregate, keep_spans: false, with }
    }
}

const FUNCTIONS: [AggregateFunction; 10] = [
    AggregateFunction::Count,
    AggregateFunction::Sum,
    AggregateFunction::Avg,
    AggregateFunction::Min,
    AggregateFunction::Max,
    AggregateFunction::Percentile(50),
    AggregateFunction::Percentile(95),
    AggregateFunction::Now,
    AggregateFunction::Peak,
    AggregateFunction::Mean,
];

/// A node whose kind fits. Picks prefer neither old nor new nodes.
///
/// Thirds and tenths are only compared with: sums of their floats depend on the order, and here all is to be exact.
fn pick(builder: &PlanBuilder, pick: u8, fits: impl Fn(TimelineKind) -> bool) -> Option<NodeId> {
    let exact = |op: &Op| !matches!(op, Op::ConstantNumber { denominator: 3 | 10, .. });
    let fitting = builder.plan().iter().filter(|(id, n)| fits(n.kind) && exact(&n.op) && !is_apart(builder, *id));
    let candidates: Vec<NodeId> = fitting.map(|(id, _)| id).collect();
    if candidates.is_empty() { None } else { Some(nth(&candidates, pick)) }
}

/// Nodes whose kind fits and that do not move by themselves.
fn standing(builder: &PlanBuilder, fits: impl Fn(TimelineKind) -> bool) -> Vec<NodeId> {
    let exact = |op: &Op| !matches!(op, Op::ConstantNumber { denominator: 3 | 10, .. });
    let fitting = builder.plan().iter().filter(|(id, n)| fits(n.kind) && exact(&n.op) && !builder.moves(*id));
    fitting.map(|(id, _)| id).filter(|id| !is_apart(builder, *id)).collect()
}

/// Whether it says what is not calculated with exactly: instants, which are large numbers, and parts of lines, which are no
/// binary fractions.
fn is_apart(builder: &PlanBuilder, id: NodeId) -> bool {
    let op = &builder.plan().node(id).op;
    let is_time = |op: &Op| matches!(op, Op::TimeOf { .. } | Op::InstantOf(_));
    matches!(op, Op::Slant { over: Some(_), .. })
        || is_time(op)
        || (!matches!(op, Op::Sub(..)) && op.inputs().iter().any(|of| is_time(&builder.plan().node(*of).op)))
}

fn ratio(builder: &PlanBuilder, numerator: NodeId, denominator: NodeId) -> Option<Op> {
    match (builder.plan().node(numerator).kind, builder.plan().node(denominator).kind) {
        (TimelineKind::Number(a), TimelineKind::Number(b)) => {
            RatioUnit::of(a, b).map(|_| Op::Ratio { numerator, denominator })
        }
        _ => None,
    }
}

fn same_measure(a: TimelineKind, b: TimelineKind) -> bool {
    matches!((a, b), (TimelineKind::Number(a), TimelineKind::Number(b)) if a.same_measure(b))
}

/// A node that only counts up, or a sum of such.
fn cumulative(builder: &PlanBuilder, pick: u8) -> Option<NodeId> {
    let ids = builder.plan().iter().map(|(id, _)| id);
    let candidates: Vec<NodeId> = ids.filter(|id| builder.is_cumulative(*id) && !is_apart(builder, *id)).collect();
    if candidates.is_empty() { None } else { Some(nth(&candidates, pick)) }
}

fn nth(ids: &[NodeId], pick: u8) -> NodeId {
    ids[usize::from(pick) % ids.len()]
}
