//! What plans mean, written out: a plan that has one of everything, held fast by a golden file.
//!
//! States are kept under these texts, so a difference here throws every state away; where that is meant, write the file
//! anew with `TIMELINE_BLESS=1` and let [`timeline_core::plan::RULES`] go up if the same programs now mean something else.

use crate::build::source;
use crate::strategies::tables;
use crate::strategies::trial::{TRIALS, Takes};
use std::sync::Arc;
use timeline_core::plan::{
    Aggregate, AggregateFunction, AggregateMembers, Alert, Beside, CalendarUnit, ColumnId, Compare, Csv, Dedup,
    EndRule, EventExpr, Every, FieldPath, Fingerprint, GroupKey, GroupOf, Idle, Metric, NodeId, Nulls, Op, Operate,
    OperatorFault, Plan, PlanBuilder, Scalar, SourceColumn, SourceDefinition, TimeFormat, TimeUnit, Unit, UserOperator,
};
use timeline_core::{SECOND, Time, Type, Value};

#[derive(Debug)]
struct Silent;

impl Operate for Silent {
    fn initial(&self) -> &[u8] {
        &[0; 8]
    }

    fn apply(&self, _: Time, _: &[Value], _: &mut [u8]) -> Result<Option<Value>, OperatorFault> {
        Ok(None)
    }
}

fn sources() -> [SourceDefinition; 3] {
    let field = FieldPath::name;
    let everything = SourceDefinition {
        name: "with \"quotes\"\\".into(),
        key: vec![field("a"), FieldPath(vec!["b".into(), "c[0]".into()])],
        time: field("t"),
        time_unit: TimeUnit::Format(Arc::new(TimeFormat {
            format: "%d.%m.%Y".into(),
            zone: Some("Europe/Berlin".into()),
        })),
        order: Some((field("seq"), Type::Int)),
        lateness: 2 * SECOND,
        future: None,
        idle: Idle::After(30 * SECOND),
        repair: Some(60 * SECOND),
        csv: Csv { delimiter: Some(b';'), decimal: Some(b',') },
    };
    let never =
        SourceDefinition { name: "never".into(), idle: Idle::Never, time_unit: TimeUnit::Milliseconds, ..source() };
    [source(), everything, never]
}

/// One of every operator, over columns of every type.
fn nodes(builder: &mut PlanBuilder) -> Vec<NodeId> {
    let mut column = |name: &str, ty: Type, source: u8, nulls: Nulls| {
        let column = SourceColumn { name: name.into(), path: FieldPath::name(name), ty, source, nulls };
        EventExpr::Column(builder.column(column).expect("there are few columns"))
    };
    let words = Nulls { missing: true, words: vec!["NaN".into(), "a\nb".into()] };
    let (b, f) = (column("b", Type::Bool, 0, Nulls::default()), column("f", Type::Float, 1, words));
    let (i, s) = (column("i", Type::Int, 0, Nulls::default()), column("s", Type::String, 0, Nulls::default()));
    let mut all = vec![];
    let mut add = |op: Op| {
        let id = builder.add(op).expect("the plan is valid");
        all.push(id);
        id
    };
    let boxed = |e: &EventExpr| Box::new(e.clone());
    let [b, f, i, s] = [b, f, i, s].map(|e| (add(Op::Event(e.clone())), e));
    let text = EventExpr::Constant(Value::text("a \"b\" \\ \u{e9}"));
    let compared = EventExpr::Compare(Compare::Ne, boxed(&s.1), Box::new(text));
    let lower = EventExpr::Call(Scalar::Lower, vec![s.1.clone()]);
    let is_low = EventExpr::Compare(Compare::Eq, Box::new(lower), boxed(&s.1));
    let both = EventExpr::And(Box::new(EventExpr::Not(Box::new(compared))), Box::new(is_low));
    let p = add(Op::Event(EventExpr::Or(Box::new(both), boxed(&b.1))));
    let held = add(Op::Latest { of: b.0, ttl: None });
    let text = add(Op::Latest { of: s.0, ttl: Some(5 * SECOND) });
    let (float, whole) = (add(Op::Latest { of: f.0, ttl: None }), add(Op::Latest { of: i.0, ttl: None }));
    add(Op::Constant(Value::Float(1e300)));
    add(Op::Constant(Value::Bool(false)));
    let minus = add(Op::Constant(Value::Int(-3)));
    let existed = add(Op::HasExisted { of: p });
    let window = 10 * SECOND;
    let within = add(Op::HasExistedWithin { of: p, window });
    add(Op::HeldFor { of: held, length: window });
    let duration = add(Op::DurationWhere { of: held });
    add(Op::DurationInCurState { of: text });
    add(Op::CompareStates { compare: Compare::Lt, left: whole, right: minus });
    let hour = add(Op::ConstantNumber { numerator: 3600 * SECOND, denominator: 1, unit: Unit::Duration });
    let tenth = add(Op::ConstantNumber { numerator: 1, denominator: 10, unit: Unit::Float });
    add(Op::ConstantNumber { numerator: 1, denominator: 1, unit: Unit::Area });
    let two = add(Op::ConstantNumber { numerator: 2, denominator: 1, unit: Unit::Int });
    add(Op::CompareNumbers { compare: Compare::Ge, left: duration, right: hour });
    add(Op::Not(held));
    add(Op::And(existed, within));
    add(Op::Or(held, within));
    let number = add(Op::NumberOf(float));
    let of_whole = add(Op::DurationOf(whole));
    add(Op::Add(duration, hour));
    add(Op::Sub(duration, of_whole));
    add(Op::Scale { of: duration, factor: -2 });
    let ratio = add(Op::Ratio { numerator: duration, denominator: two });
    add(Op::Ratio { numerator: duration, denominator: hour });
    add(Op::Ratio { numerator: two, denominator: hour });
    add(Op::Longest { of: held });
    add(Op::DurationOfPreviousState { of: text });
    add(Op::Integral { of: number, over: Some(held) });
    add(Op::Integral { of: number, over: None });
    add(Op::If { condition: held, then: whole, otherwise: minus });
    add(Op::Coalesce(whole, minus));
    add(Op::Exists(ratio));
    add(Op::Apply { function: Scalar::Round, of: vec![float] });
    add(Op::Mul(number, tenth));
    add(Op::Scope { of: duration, by: text });
    let over_last = add(Op::OverLast { of: duration, window });
    let rise = add(Op::Rise { of: held });
    add(Op::Fall { of: held });
    add(Op::Changes { of: text });
    add(Op::Either(rise, p));
    add(Op::At { event: p, of: duration });
    let beside = |e: &EventExpr| EventExpr::Compare(Compare::Gt, boxed(e), Box::new(EventExpr::Sample(0)));
    add(Op::Each { event: i.0, value: beside(&i.1), of: vec![whole] });
    add(Op::Filter { event: i.0, condition: beside(&i.1), of: vec![whole] });
    add(Op::FollowedBy { first: p, then: b.0, window });
    add(Op::NotFollowedBy { first: p, then: b.0, window });
    add(Op::Count { of: p });
    add(Op::CountWithin { of: p, window });
    add(Op::First { of: s.0 });
    add(Op::Previous { of: s.0, n: 2 });
    add(Op::IsNew { of: s.0, cap: 7 });
    add(Op::Sum { of: f.0 });
    add(Op::Min { of: i.0 });
    add(Op::Max { of: i.0 });
    add(Op::TimeSince { of: p });
    let once = add(Op::Concurrency { of: held, cap: 100 });
    let every = add(Op::Every(Every::length(60 * SECOND)));
    add(Op::Every(Every::Length { length: 60 * SECOND, offset: SECOND }));
    add(Op::Every(Every::Calendar { unit: CalendarUnit::Day, zone: Some("Europe/Berlin".into()), offset: 0 }));
    add(Op::Every(Every::Calendar { unit: CalendarUnit::Month, zone: None, offset: SECOND }));
    add(Op::Split { of: over_last, by: vec![text, every], cap: 9 });
    add(Op::Split { of: once, by: vec![text], cap: 9 });
    let operator = UserOperator {
        name: "a name that is for people".into(),
        module: std::array::from_fn(|i| i as u8),
        parameters: vec![Type::Int, Type::Float],
        result: Type::Bool,
        state_bytes: 8,
        code: Arc::new(Silent),
    };
    add(Op::User { operator: Arc::new(operator), of: vec![i.0, f.0] });
    for trial in TRIALS {
        let input = |(takes, condition): (&Takes, NodeId)| match takes {
            Takes::Condition | Takes::State | Takes::Of(Type::Bool) => condition,
            Takes::Of(_) => text,
            Takes::Steps => float,
            Takes::Numbers => f.0,
            Takes::Number => duration,
        };
        let inputs: Vec<NodeId> = trial.takes.iter().zip([held, existed]).map(input).collect();
        add((trial.makes)(&inputs, window));
    }
    let looked_up = EventExpr::Lookup(tables::column(1, &[Type::String]), vec![s.1.clone()]);
    add(Op::Each { event: s.0, value: looked_up, of: vec![] });
    let of = add(Op::TimeOf { event: p });
    let of = add(Op::Max { of });
    let at = add(Op::InstantOf(of));
    let since = add(Op::ConstantNumber { numerator: SECOND, denominator: 1, unit: Unit::Instant });
    add(Op::Sub(at, since));
    all
}

/// A plan with one of everything; `name` is what a program calls one of its nodes.
fn everything(name: &str) -> Plan {
    let [first, second, third] = sources();
    let mut builder = PlanBuilder::new(first);
    builder.join(second);
    builder.join(third);
    let all = nodes(&mut builder);
    builder.call(all[5], name);
    let end = EndRule {
        when: Some(all[0]),
        silence: Some(30 * SECOND),
        billed: true,
        max_age: Some(3600 * SECOND),
        linger: 2 * SECOND,
    };
    builder.set_end(end);
    builder.add_dedup(Dedup { column: ColumnId(2), within: 60 * SECOND });
    let state = *all.iter().find(|id| matches!(builder.plan().node(**id).op, Op::Latest { .. })).expect("there is one");
    let find = |plan: &Plan, is: fn(&Op) -> bool| {
        plan.iter().find(|(_, node)| is(&node.op)).map(|(id, _)| id).expect("there is one of everything")
    };
    let split = find(builder.plan(), |op| matches!(op, Op::Split { .. }));
    let count = find(builder.plan(), |op| matches!(op, Op::Count { .. }));
    let key = |name: &str, of: GroupOf| GroupKey { name: name.into(), of };
    use AggregateFunction::{Avg, Count, Max, Mean, Min, Now, Peak, Percentile, Sum};
    let aggregates = [
        Aggregate {
            group_by: vec![key("text", GroupOf::Dimension(0)), key("b", GroupOf::State(state))],
            functions: vec![Count, Sum, Avg, Min, Max, Percentile(5)],
            members: AggregateMembers::All,
        },
        Aggregate { group_by: vec![], functions: vec![Now, Peak, Mean], members: AggregateMembers::Live },
        Aggregate { group_by: vec![], functions: vec![], members: AggregateMembers::Closed },
    ];
    for (i, aggregate) in aggregates.into_iter().map(Some).chain([None]).enumerate() {
        let (root, dimensions) =
            if i == 0 { (split, vec!["text".to_owned(), "every".to_owned()]) } else { (count, vec![]) };
        builder.add_metric(Metric {
            name: format!("m{i}"),
            root,
            dimensions,
            aggregate,
            keep_spans: i == 0,
            with: vec![],
        });
    }
    let event = find(builder.plan(), |op| matches!(op, Op::At { .. }));
    let offset = |offset| Every::Length { length: 60 * SECOND, offset };
    let windows = [offset(0), offset(SECOND)];
    let keys =
        windows.into_iter().map(|every| key("every", GroupOf::Window(every))).chain([key("b", GroupOf::State(state))]);
    let aggregate = Some(Aggregate {
        group_by: keys.collect(),
        functions: vec![Count, Sum, AggregateFunction::Distinct { name: "b".into(), of: state }],
        members: AggregateMembers::All,
    });
    builder.add_metric(Metric {
        name: "events".into(),
        root: event,
        dimensions: vec![],
        aggregate,
        keep_spans: false,
        with: vec![],
    });
    builder.add_alert(Alert { name: "alert".into(), root: state, with: vec![] });
    let with = vec![Beside { name: "b".into(), of: state }];
    builder.add_alert(Alert { name: "shown".into(), root: state, with });
    Plan { since: 4, ..builder.finish() }
}

#[test]
fn a_plan_means_what_the_golden_file_says() {
    let plan = everything("played");
    let mut text = plan.encoding();
    let digest = |text: &str| Fingerprint::of_text(text).to_string();
    text += &format!("= {}\n", digest(&text));
    for (id, node) in plan.iter() {
        text += &format!("{id} = {}\n", node.fingerprint);
    }
    for metric in &plan.metrics {
        text += &format!("\n{}= {}\n", plan.encoding_of_totals(metric), digest(&plan.encoding_of_totals(metric)));
    }
    text += &format!("\n{}", plan.encoding_of_alert(&plan.alerts[0]));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/evaluation/encoding.golden");
    if std::env::var_os("TIMELINE_BLESS").is_some() {
        std::fs::write(path, &text).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(path).expect("the golden file is there");
    for (line, (found, wanted)) in (1..).zip(text.lines().zip(golden.lines())) {
        assert_eq!(found, wanted, "line {line}: states that are kept would be thrown away");
    }
    assert_eq!(text.len(), golden.len());
}

#[test]
fn what_programs_call_their_nodes_is_no_part_of_what_they_mean() {
    assert_eq!(everything("played").encoding(), everything("another").encoding());
}

#[test]
fn whatever_a_plan_says_is_part_of_what_it_means() {
    let plan = everything("");
    let changed = |change: fn(&mut Plan)| {
        let mut other = plan.clone();
        change(&mut other);
        other.encoding()
    };
    let all = [
        changed(|_| ()),
        changed(|plan| plan.since = 0),
        changed(|plan| plan.source.lateness += 1),
        changed(|plan| plan.source.idle = Idle::Never),
        changed(|plan| plan.source.repair = Some(1)),
        changed(|plan| plan.source.csv.decimal = Some(b',')),
        changed(|plan| plan.source.time_unit = TimeUnit::Nanoseconds),
        changed(|plan| plan.source.future = Some(1)),
        changed(|plan| drop(plan.joined.pop())),
        changed(|plan| plan.end.linger += 1),
        changed(|plan| plan.end.billed = false),
        changed(|plan| plan.dedup.clear()),
        changed(|plan| plan.columns[0].nulls.missing = true),
        changed(|plan| plan.metrics[0].keep_spans = false),
        changed(|plan| plan.alerts.clear()),
        changed(|plan| plan.metrics[1].name = "m1 alone".into()),
    ];
    for (i, a) in all.iter().enumerate() {
        assert!(all[i + 1..].iter().all(|b| a != b), "{i}");
    }
}
