//! The engine against the reference evaluator: random plans and logs, any batching, any number of lanes.
//!
//! Whatever differs between two runs here (cuts of the log, lanes, when somebody looked) must not differ in the answers.

#![allow(clippy::disallowed_methods)]

#[path = "../../timeline-core/tests/strategies/mod.rs"]
#[allow(dead_code)]
mod strategies;
#[path = "reference/told.rs"]
mod told;

use arrow::record_batch::RecordBatch;
use event_feeder::{Batch, DecodedEvent, Position, Slice, key_hash};
use processor::lane::image::ImageParts;
use processor::lane::{Lane, Recorder, ScannedSessions, SessionOutput, SessionSink, YieldAfter, lane_of};
use processor::records::{AlertRow, LateReason, RecordedSpan, SessionSnapshot};
use processor::totals::{Amount, FoldedNumber, MetricTotals, SessionFold, TotalRow};
use processor::watermark::{IdleAdvances, PartitionProgress, Watermarks};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::VecDeque;
use std::sync::Arc;
use strategies::Case;
use timeline_core::incremental::TimelineValue;
use timeline_core::plan::{
    AggregateFunction, EndRule, EventExpr, FieldPath, Metric, NodeId, Op, PlanBuilder, RatioUnit, SourceColumn,
    SourceDefinition, TimeUnit, TimelineKind,
};
use timeline_core::reference::{self, FinalValue, SpanValue};
use timeline_core::{Field, Linear, Plan, Record, SECOND, Time, Type, Value};

/// Decoders make one zero of the two, so no event has the negative one.
fn without_negative_zeros(mut case: Case) -> Case {
    for field in case.log.iter_mut().flat_map(|event| &mut event.record.fields) {
        if let Field::Value(Value::Float(x)) = field {
            *x += 0.0;
        }
    }
    case
}

/// What a run comes to, in one order.
#[derive(Debug, PartialEq)]
struct Answers {
    finals: Vec<String>,
    spans: Vec<String>,
    alerts: Vec<String>,
    totals: Vec<String>,
    late: Vec<String>,
    /// Events that went with a session that had ended.
    beside: Vec<String>,
}

fn batch(events: &[reference::LogEvent], plan: &Plan) -> Batch {
    let source = events[0].record.source;
    let declared = plan.source_at(usize::from(source));
    let (lateness, repair) = (declared.lateness, declared.repair.unwrap_or(0));
    let mut batch = Batch { start: Position::at(0, events[0].record.position).of(source), ..Batch::default() };
    let mut largest = Time::MIN;
    for (ordinal, event) in (0..).zip(events) {
        let record = &event.record;
        let put = |text: &str, bytes: &mut Vec<u8>| {
            let slice = Slice { at: bytes.len() as u32, len: text.len() as u32 };
            bytes.extend_from_slice(text.as_bytes());
            slice
        };
        let key = put(&event.key, &mut batch.bytes);
        let (mut present, mut nulls, values_at) = (0u64, 0u64, batch.values.len() as u32);
        for (i, field) in record.fields.iter().enumerate() {
            let word = match field {
                Field::Missing => continue,
                Field::Null => {
                    present |= 1 << i;
                    nulls |= 1 << i;
                    continue;
                }
                Field::Value(Value::Str(text)) => put(text, &mut batch.bytes).pack(),
                Field::Value(Value::Float(x)) => (x + 0.0).to_bits(),
                Field::Value(Value::Int(x)) => *x as u64,
                Field::Value(Value::Bool(x)) => u64::from(*x),
            };
            present |= 1 << i;
            batch.values.push(word);
        }
        largest = largest.max(record.time);
        batch.events.push(DecodedEvent {
            hash: key_hash(event.key.as_bytes()),
            time: record.time,
            order_bits: record.order.map_or(0, |order| order.bits()),
            key,
            present,
            nulls,
            values_at,
            ordinal,
            has_order: record.order.is_some(),
            late_in_batch: record.time < largest.saturating_sub(lateness),
            lost_in_batch: record.time < largest.saturating_sub(lateness + repair),
        });
    }
    batch.max_time = Some(largest);
    batch
}

/// The log of every source, cut and numbered: of a record in the midst of a batch, the place is a count from its beginning.
fn logs(case: &Case) -> Vec<Vec<reference::LogEvent>> {
    let mut logs = vec![vec![]; case.plan.sources().count()];
    for event in &case.log {
        let log: &mut Vec<reference::LogEvent> = &mut logs[usize::from(event.record.source)];
        let mut event = event.clone();
        event.record.position = log.len() as u64;
        log.push(event);
    }
    logs
}

/// The batches of all sources: each log is cut at `cuts`, and `mix` says which source comes next.
fn batches(case: &Case, cuts: &[usize], mix: &[bool]) -> Vec<Batch> {
    let cut = |log: &Vec<reference::LogEvent>| {
        let mut bounds: Vec<usize> = cuts.iter().map(|cut| cut % (log.len() + 1)).collect();
        bounds.extend([0, log.len()]);
        bounds.sort_unstable();
        bounds.dedup();
        bounds.windows(2).map(|pair| batch(&log[pair[0]..pair[1]], &case.plan)).collect::<VecDeque<_>>()
    };
    let mut queues: Vec<VecDeque<Batch>> = logs(case).iter().map(cut).collect();
    let mut mix = mix.iter().chain([&true]).cycle();
    let mut all = vec![];
    while queues.iter().any(|queue| !queue.is_empty()) {
        let first = usize::from(!*mix.next().expect("a cycle")) % queues.len();
        let next = (first..queues.len()).chain(0..first).find_map(|source| queues[source].pop_front());
        all.extend(next);
    }
    all
}

/// Takes note of a batch: the watermarks that its events are judged by, and those that time follows then.
fn note(progress: &mut PartitionProgress, batch: &Batch) -> (Time, Time) {
    let reached = &mut progress.sources[usize::from(batch.start.source)];
    let before = reached.log_watermark();
    reached.max_time = reached.max_time.max(batch.max_time);
    (before, progress.clock())
}

/// Runs the engine with the logs cut at `cuts` and mixed by `mix`; whoever has ended says so if `ends`.
fn engine(case: &Case, how: (&[usize], &[bool], bool), lanes: usize) -> Answers {
    engine_in_slices(case, how, lanes, (YieldAfter::Never, &[]))
}

/// With lanes that look up in the midst of their work; between two batches they go on as often as `turns` says, again and
/// again from its beginning.
fn engine_in_slices(
    case: &Case,
    (cuts, mix, ends): (&[usize], &[bool], bool),
    lanes: usize,
    (yield_after, turns): (YieldAfter, &[usize]),
) -> Answers {
    let plan = Arc::new(case.plan.clone());
    let mut all: Vec<Lane<Recorder<false>>> = (0..lanes).map(|_| Lane::new(Arc::clone(&plan), case.until)).collect();
    (0..).zip(&mut all).for_each(|(number, lane)| lane.yield_after(number, yield_after));
    // The same without rows: what comes of them is to be what is folded.
    let mut folding: Vec<Lane> = (0..lanes).map(|_| Lane::new(Arc::clone(&plan), case.until)).collect();
    folding.iter_mut().for_each(Lane::fold_sessions);
    (0..).zip(&mut folding).for_each(|(number, lane)| lane.yield_after(number, yield_after));
    let mut turns = turns.iter().copied().chain([0]).cycle();
    let mut progress = PartitionProgress::nothing(&plan, case.until);
    let batches = batches(case, cuts, mix);
    let scan_at = cuts.first().map_or(0, |cut| cut % batches.len().max(1));
    let mut scans: Vec<Option<Vec<String>>> = vec![None; lanes];
    for (i, batch) in batches.iter().enumerate() {
        let (before, after) = note(&mut progress, batch);
        for (number, lane) in all.iter_mut().enumerate() {
            let mine: Vec<u32> = (0..batch.events.len() as u32)
                .filter(|i| lane_of(batch.events[*i as usize].hash, lanes) == number)
                .collect();
            lane.take(batch, &mine, &Watermarks { before, after, silences: &IdleAdvances::default() });
            // Sessions are read as they are here, while the lane goes on.
            let folding = &mut folding[number];
            if i == scan_at
                && let Some(horizon) = progress.horizon().filter(|_| i > 0)
            {
                folding.catch_up();
                scans[number] = Some(read_at_once(folding, horizon, progress.certain()));
                folding.begin_scan(true, horizon, progress.certain());
            }
            folding.take(batch, &mine, &Watermarks { before, after, silences: &IdleAdvances::default() });
            // A lane that is behind lets events go for an image.
            if scans[number].is_some() {
                folding.image(i % 2 == 0, false);
            }
            (0..i % 3).for_each(|_| folding.go_on());
            if let Some(found) = folding.scan_some(YieldAfter::Steps(1)) {
                assert_eq!(Some(scanned(found)), scans[number].take(), "a scan reads what a standstill does");
            }
            (0..turns.next().unwrap_or(0)).for_each(|_| lane.go_on());
        }
        let source = batch.start.source;
        if ends && i + 1 < batches.len() && batches[i + 1..].iter().all(|later| later.start.source != source) {
            progress.sources[usize::from(source)].ended = true;
            all.iter_mut().for_each(|lane| lane.release(progress.clock()));
            folding.iter_mut().for_each(|lane| lane.release(progress.clock()));
        }
    }
    for (lane, expected) in folding.iter_mut().zip(scans) {
        let found = expected.is_some().then(|| {
            loop {
                if let Some(found) = lane.scan_some(YieldAfter::Steps(1)) {
                    break scanned(found);
                }
            }
        });
        assert_eq!(found, expected, "a scan reads what a standstill does");
    }
    let max_time = progress.max_time();
    let horizon = case.until.or(max_time);
    let mut outcome = SessionOutput::default();
    let (mut sessions, mut late, mut spans, mut counted) = (vec![], vec![], vec![], vec![]);
    for mut lane in all {
        let (told, lane_late) = lane.drain();
        counted.extend(told.counted);
        sessions.extend(told.closed);
        outcome.alerts.extend(told.alerts);
        late.extend(lane_late);
        if let Some(horizon) = horizon {
            let mut reading = lane.to_read();
            let mut tell = |session| sessions.push(session);
            let mut sink = SessionSink::Rows(&mut tell);
            while !lane.read_some(&mut reading, horizon, &mut outcome, &mut sink, yield_after) {}
        }
        spans.extend(lane.take_watchers().into_iter().flat_map(|watcher| watcher.spans));
    }
    sessions.append(&mut outcome.closed);
    spans_end_as_finals_do(&plan, &sessions, &spans);
    let spans = spans.iter().map(|span| span_text(&plan, span)).collect();
    late.append(&mut outcome.stragglers);
    counted.extend(outcome.counted);
    let mut totals = MetricTotals::new(&plan);
    sessions.iter().for_each(|session| totals.add(&plan, session));
    counted.iter().for_each(|counted| totals.merge(counted));
    let mut folded = folded(&plan, folding, horizon);
    for totals in [&mut totals, &mut folded] {
        totals.set_horizon(horizon, horizon.unwrap_or(Time::MIN));
    }
    assert_eq!(total_texts(&plan, &folded), total_texts(&plan, &totals), "what is folded is what rows come to");
    answers(&plan, (&sessions, &counted), outcome.alerts, &late, spans, horizon)
}

/// All that is read of a lane that stands still.
fn read_at_once(lane: &mut Lane, horizon: Time, certain: Time) -> Vec<String> {
    let mut found = ScannedSessions::new(lane.plan());
    found.outcome.certain = Some(certain);
    let (outcome, live) = (&mut found.outcome, &mut found.live);
    lane.read(horizon, outcome, |session| live.push(session));
    scanned(found)
}

/// What was read of a lane, in an order of its own.
fn scanned(found: ScannedSessions) -> Vec<String> {
    let outcome = &found.outcome;
    let rows = found.live.iter().chain(&outcome.closed).map(|session| format!("{session:?}"));
    let beside = outcome.alerts.iter().map(|alert| format!("{alert:?}"));
    sorted(rows.chain(beside).chain(outcome.stragglers.iter().map(|late| format!("{late:?}"))).collect())
}

/// What lanes come to that make no rows.
fn folded(plan: &Plan, lanes: Vec<Lane>, horizon: Option<Time>) -> MetricTotals {
    let mut totals = MetricTotals::new(plan);
    for mut lane in lanes {
        let (mut outcome, _) = lane.drain();
        let mut live = SessionFold::new(plan);
        if let Some(horizon) = horizon {
            lane.read_into(horizon, &mut outcome, &mut SessionSink::Totals(&mut live));
        }
        assert!(outcome.closed.is_empty(), "no row is made");
        totals.add_told(plan, &outcome.closed, outcome.counted.as_ref());
        outcome.folded.into_iter().chain([live]).for_each(|fold| totals.merge(&fold.into_totals().0));
    }
    totals
}

/// The rows of totals, as texts.
fn total_texts(plan: &Plan, totals: &MetricTotals) -> Vec<String> {
    let values = |row: &TotalRow| comparable(plan, row.metric, row.values.iter().map(amount).collect());
    sorted(totals.rows(plan).iter().map(|row| format!("{} {:?} {:?}", row.metric, row.group, values(row))).collect())
}

fn answers(
    plan: &Plan,
    (sessions, counted): (&[SessionSnapshot], &[MetricTotals]),
    mut alerts: Vec<AlertRow>,
    late: &[processor::records::LateEvent],
    spans: Vec<String>,
    horizon: Option<Time>,
) -> Answers {
    alerts.extend(sessions.iter().flat_map(|session| session.open_alerts.iter().cloned()));
    let mut totals = MetricTotals::new(plan);
    sessions.iter().for_each(|session| totals.add(plan, session));
    counted.iter().for_each(|counted| totals.merge(counted));
    totals.set_horizon(horizon, horizon.unwrap_or(Time::MIN));
    let of = |reason: LateReason| {
        let own = late.iter().filter(move |late| late.reason == reason && !late.repaired);
        sorted(own.map(|late| format!("{} of {}", late.position.offset, late.position.source)).collect())
    };
    Answers {
        finals: sorted(sessions.iter().flat_map(|session| finals(plan, session)).collect()),
        spans: sorted(spans),
        alerts: sorted(
            alerts.iter().map(|a| format!("{} {} {} {:?} {:?}", a.key, a.alert, a.start, a.end, a.with)).collect(),
        ),
        totals: total_texts(plan, &totals),
        late: of(LateReason::BehindWatermark),
        beside: of(LateReason::SessionClosed),
    }
}

/// The last that the spans tell of a session is its final row.
fn spans_end_as_finals_do(plan: &Plan, sessions: &[SessionSnapshot], spans: &[RecordedSpan]) {
    for session in sessions {
        for (metric, shares) in session.shares.iter().enumerate() {
            let kind = plan.node(plan.metrics[metric].root).kind;
            for share in shares {
                let own = |span: &&RecordedSpan| {
                    let is_within = match session.window {
                        None => span.session == session.start,
                        // Sessions of one key have no window together in which both go on.
                        Some(_) => (session.start..=session.read).contains(&span.start),
                    };
                    (&span.key, span.root) == (&session.key, metric) && is_within && span.dimensions == share.dimensions
                };
                let last = spans.iter().filter(own).max_by_key(|span| span.start);
                let last = last.unwrap_or_else(|| panic!("{share:?} of {} has no span", session.key));
                let dt = session.read - last.start;
                let told = match &last.reading {
                    TimelineValue::Number(x) => TimelineValue::Number(x.after(dt)),
                    TimelineValue::Ratio { numerator, denominator } => {
                        TimelineValue::Ratio { numerator: numerator.after(dt), denominator: denominator.after(dt) }
                    }
                    other => other.clone(),
                };
                let (told, read) = (amount(&Amount::of(&told, kind)), amount(&Amount::of(&share.reading, kind)));
                assert_eq!(told, read, "{last:?} of {} read at {}", session.key, session.read);
            }
        }
    }
}

fn finals(plan: &Plan, session: &SessionSnapshot) -> Vec<String> {
    let rows = session.shares.iter().enumerate().flat_map(|(metric, shares)| {
        shares.iter().map(move |share| {
            let kind = plan.node(plan.metrics[metric].root).kind;
            let value = amount(&Amount::of(&share.reading, kind));
            let with = session.beside(plan, metric);
            format!(
                "{} {} {:?} {metric} {:?} {value} {with:?}",
                session.key, session.start, session.end, share.dimensions
            )
        })
    });
    rows.collect()
}

/// Percentiles of quotients that are durations or rates are shown in their unit, and those of the reference are not.
fn comparable(plan: &Plan, metric: usize, mut values: Vec<String>) -> Vec<String> {
    let aggregate = plan.metrics[metric].aggregate.as_ref().expect("totals are of aggregated metrics");
    let unit = plan.node(plan.metrics[metric].root).kind;
    if matches!(unit, TimelineKind::Ratio(RatioUnit::Duration | RatioUnit::PerSecond)) {
        for (value, function) in values.iter_mut().zip(&aggregate.functions) {
            if matches!(function, AggregateFunction::Percentile(_)) {
                value.clear();
            }
        }
    }
    values
}

fn number(number: &FoldedNumber) -> String {
    match number {
        FoldedNumber::Exact(x) => x.to_string(),
        FoldedNumber::Float(x) => format!("{:?}", x + 0.0),
    }
}

fn amount(amount: &Amount) -> String {
    match amount {
        Amount::Absent => "absent".into(),
        Amount::Duration(x) | Amount::Int(x) => x.to_string(),
        Amount::Float(x) => format!("{:?}", x + 0.0),
        Amount::Ratio { numerator, denominator, .. } => quotient(&number(numerator), &number(denominator)),
        Amount::State(value) => format!("{value:?}"),
    }
}

/// Quotients of equal value are equal: which of them is the least of a group is nobody's business.
fn quotient(n: &str, d: &str) -> String {
    let (a, b): (f64, f64) = (n.parse().expect("a number"), d.parse().expect("a number"));
    if b == 0.0 { "no quotient".into() } else { format!("{:?}", a / b + 0.0) }
}

fn reference_number(number: &reference::PointNumber) -> String {
    match number {
        reference::PointNumber::Exact(x) => x.to_string(),
        reference::PointNumber::Float(x) => format!("{:?}", x + 0.0),
    }
}

fn reference_reading(reading: &reference::MetricValue) -> String {
    match reading {
        reference::MetricValue::Absent => "absent".into(),
        reference::MetricValue::State(Value::Int(x)) => x.to_string(),
        reference::MetricValue::State(Value::Float(x)) => format!("{:?}", x + 0.0),
        reference::MetricValue::State(value) => format!("{value:?}"),
        reference::MetricValue::Number(x) => reference_number(x),
        reference::MetricValue::Ratio { numerator, denominator } => {
            quotient(&reference_number(numerator), &reference_number(denominator))
        }
    }
}

fn linear(x: &Linear) -> String {
    match x {
        Linear::Exact { value, slope } => format!("{value}+{slope}t"),
        Linear::Float { value, slope, .. } => format!("{:?}+{:?}t", value + 0.0, slope + 0.0),
    }
}

fn span_text(_: &Plan, span: &RecordedSpan) -> String {
    let value = match &span.reading {
        TimelineValue::Absent => "absent".into(),
        TimelineValue::State(value) => format!("{value:?}"),
        TimelineValue::Number(x) => linear(x),
        TimelineValue::Ratio { numerator, denominator } => format!("{}/{}", linear(numerator), linear(denominator)),
    };
    format!("{} {} {} {:?} {} {:?} {value}", span.key, span.session, span.root, span.dimensions, span.start, span.end)
}

fn oracle(case: &Case) -> Answers {
    let plan = &case.plan;
    let log: Vec<reference::LogEvent> = logs(case).into_iter().flatten().collect();
    let run = reference::run(plan, &log, case.until);
    let Some(horizon) = run.horizon else {
        return Answers { finals: vec![], spans: vec![], alerts: vec![], totals: vec![], late: vec![], beside: vec![] };
    };
    let (mut finals, mut spans, mut alerts) = (vec![], vec![], vec![]);
    for (key, session) in &run.sessions {
        for row in reference::finals(plan, session, horizon) {
            let value = reference_reading(&row.value);
            let FinalValue { start, end, metric, dimensions, with, .. } = &row;
            finals.push(format!("{key} {start} {end:?} {metric} {dimensions:?} {value} {with:?}"));
        }
        for row in reference::spans(plan, session, horizon) {
            let value = match &row.span.value {
                SpanValue::Absent => "absent".into(),
                SpanValue::State(value) => format!("{value:?}"),
                SpanValue::Number(x) => linear(x),
                SpanValue::Ratio { numerator, denominator } => format!("{}/{}", linear(numerator), linear(denominator)),
            };
            let (start, end) = (row.span.start, row.span.end);
            spans.push(format!("{key} {} {} {:?} {start} {end:?} {value}", session.origin, row.metric, row.dimensions));
        }
        for row in reference::alerts(plan, session, horizon) {
            alerts.push(format!("{key} {} {} {:?} {:?}", row.alert, row.start, row.end, row.with));
        }
    }
    let totals = reference::totals(plan, run.sessions.iter().map(|(_, session)| session), horizon);
    let totals = totals.iter().map(|t| {
        format!(
            "{} {:?} {:?}",
            t.metric,
            t.group,
            comparable(plan, t.metric, t.values.iter().map(reference_reading).collect())
        )
    });
    let place = |record: &Record| format!("{} of {}", record.position, record.source);
    let (beside, behind): (Vec<_>, Vec<_>) =
        run.late.iter().partition(|late| late.reason == reference::LedgerReason::SessionClosed);
    Answers {
        finals: sorted(finals),
        spans: sorted(spans),
        alerts: sorted(alerts),
        totals: sorted(totals.collect()),
        late: sorted(behind.iter().map(|late| place(&late.event.record)).collect()),
        beside: sorted(beside.iter().map(|late| place(&late.event.record)).collect()),
    }
}

fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort();
    rows
}

/// Runs the engine with an image taken after every cut and restored into another number of lanes; only what the
/// lanes had told by then is kept beside it.
fn restored(case: &Case, cuts: &[usize], mix: &[bool]) -> Answers {
    restored_in_slices(case, cuts, mix, (YieldAfter::Never, &[]))
}

/// With lanes that look up in the midst of their work, so that images are taken of what has not happened yet.
fn restored_in_slices(
    case: &Case,
    cuts: &[usize],
    mix: &[bool],
    (yield_after, turns): (YieldAfter, &[usize]),
) -> Answers {
    let plan = Arc::new(case.plan.clone());
    let mut all: Vec<Lane> = vec![Lane::new(Arc::clone(&plan), None)];
    let mut turns = turns.iter().copied().chain([0]).cycle();
    let mut progress = PartitionProgress::nothing(&plan, None);
    let (mut sessions, mut alerts, mut late, mut images) = (vec![], vec![], vec![], vec![]);
    let mut counted = vec![];
    // Whether lanes are at images that they began before the batch, and go on with while they take it.
    let mut is_imaging = false;
    for (round, batch) in batches(case, cuts, mix).iter().enumerate() {
        let (before, after) = note(&mut progress, batch);
        let lanes = all.len();
        (0..).zip(&mut all).for_each(|(number, lane)| lane.yield_after(number, yield_after));
        for (number, lane) in all.iter_mut().enumerate() {
            let of = |i: &u32| lane_of(batch.events[*i as usize].hash, lanes) == number;
            let mine: Vec<u32> = (0..batch.events.len() as u32).filter(of).collect();
            let begun = if is_imaging { lane.image_some(YieldAfter::Steps(1)) } else { None };
            lane.take(batch, &mine, &Watermarks { before, after, silences: &IdleAdvances::default() });
            if is_imaging {
                images.push(begun.map_or_else(|| finished_image(lane), ImageParts::into_batch));
            }
            (0..turns.next().unwrap_or(0)).for_each(|_| lane.go_on());
            let (told, lane_late) = lane.drain();
            counted.extend(told.counted);
            sessions.extend(told.closed);
            alerts.extend(told.alerts);
            late.extend(lane_late);
        }
        // A base now and then, changes otherwise; lanes change only with a base, as they do in the processor.
        let base = round % 3 == 0;
        if base {
            images.clear();
        }
        let full = |i: usize| base || (round + i).is_multiple_of(2);
        let lanes = if round % 3 == 2 { 1 + (all.len() + round) % 3 } else { all.len() };
        is_imaging = !base && lanes == all.len();
        if is_imaging {
            all.iter_mut().enumerate().for_each(|(i, lane)| _ = lane.begin_image(full(i), base));
        } else {
            images.extend(all.iter_mut().enumerate().map(|(i, lane)| lane.image(full(i), base)));
        }
        if lanes != all.len() || base {
            all = processor::lane::image::restore(&plan, lanes, &images).expect("an image is loaded");
            for lane in &mut all {
                // Workers begin with it.
                lane.release(progress.clock());
                let (told, lane_late) = lane.drain();
                counted.extend(told.counted);
                sessions.extend(told.closed);
                alerts.extend(told.alerts);
                late.extend(lane_late);
            }
            images = all.iter_mut().map(|lane| lane.image(true, true)).collect();
        }
    }
    if is_imaging {
        images.extend(all.iter_mut().map(finished_image));
    }
    let mut outcome = SessionOutput::default();
    for mut lane in processor::lane::image::restore(&plan, 2, &images).expect("an image is loaded") {
        if let Some(horizon) = progress.max_time() {
            lane.read(horizon, &mut outcome, |session| sessions.push(session));
        }
    }
    sessions.append(&mut outcome.closed);
    alerts.append(&mut outcome.alerts);
    late.append(&mut outcome.stragglers);
    counted.extend(outcome.counted);
    answers(&plan, (&sessions, &counted), alerts, &late, vec![], progress.max_time())
}

/// What is left of an image that a lane began.
fn finished_image(lane: &mut Lane) -> RecordBatch {
    loop {
        if let Some(parts) = lane.image_some(YieldAfter::Steps(1)) {
            return parts.into_batch();
        }
    }
}

/// The case with its log in order and sources that wait for nothing. Which of duplicates comes first is a matter of order.
fn in_order(case: &Case) -> Case {
    let mut case = case.clone();
    case.plan.dedup.clear();
    case.log.sort_by_key(|event| event.record.time);
    (0..).zip(&mut case.log).for_each(|(position, event)| event.record.position = position);
    waiting(case, 0)
}

/// The case with sources that wait for that long.
fn waiting(mut case: Case, lateness: Time) -> Case {
    for source in std::iter::once(&mut case.plan.source).chain(&mut case.plan.joined) {
        (source.lateness, source.repair) = (lateness, None);
    }
    case
}

/// The case with events that come later than they happened by at most the lateness; those of one instant stay in order.
fn shuffled(mut case: Case, lateness: Time, delays: &[Time]) -> Case {
    let delay = |time: Time| delays[time.rem_euclid(delays.len() as Time) as usize].min(lateness);
    case.log.sort_by_key(|event| event.record.time + delay(event.record.time));
    (0..).zip(&mut case.log).for_each(|(position, event)| event.record.position = position);
    case
}

/// The same cases in every run; `TIMELINE_SEED` and `TIMELINE_CASES` ask for others and more.
fn config() -> ProptestConfig {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    ProptestConfig {
        cases: number("TIMELINE_CASES").map_or(1500, |cases| cases as u32),
        max_shrink_iters: 20_000,
        rng_seed: RngSeed::Fixed(number("TIMELINE_SEED").unwrap_or(1)),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn engine_equals_reference(
        case in strategies::cases(),
        cuts in prop::collection::vec(0usize..64, 0..6),
        (mix, ends) in (prop::collection::vec(any::<bool>(), 0..8), any::<bool>()),
        lanes in 1usize..4,
    ) {
        let case = without_negative_zeros(case);
        let (engine, oracle) = (engine(&case, (&cuts, &mix, ends), lanes), oracle(&case));
        prop_assert!(engine == oracle, "engine:\n{engine:#?}\nreference:\n{oracle:#?}");
    }

    #[test]
    fn lateness_changes_no_answer_of_a_log_in_order(
        case in strategies::cases(),
        cuts in prop::collection::vec(0usize..64, 0..6),
        (lateness, delays) in (1..12i64, prop::collection::vec(0..12i64, 1..7)),
        lanes in 1usize..4,
    ) {
        let case = in_order(&without_negative_zeros(case));
        let known = oracle(&case);
        let case = waiting(case, lateness);
        for (how, case) in [("in order", case.clone()), ("shuffled", shuffled(case, lateness, &delays))] {
            let all = [("reference", oracle(&case)), ("engine", engine(&case, (&cuts, &[], false), lanes))];
            for (who, answers) in all {
                // Places in the log are others where it is shuffled.
                let beside = if how == "in order" { answers.beside } else { known.beside.clone() };
                let answers = Answers { beside, ..answers };
                prop_assert!(answers == known, "{} {}:\n{:#?}\nwithout lateness:\n{:#?}", who, how, answers, known);
            }
        }
    }

    #[test]
    fn images_hold_everything(
        case in strategies::cases(),
        cuts in prop::collection::vec(0usize..64, 0..8),
        mix in prop::collection::vec(any::<bool>(), 0..8),
    ) {
        let case = without_negative_zeros(Case { until: None, ..case });
        let (engine, oracle) = (restored(&case, &cuts, &mix), Answers { spans: vec![], ..oracle(&case) });
        prop_assert!(engine == oracle, "engine:\n{engine:#?}\nreference:\n{oracle:#?}");
    }

    /// However little a lane does before it looks up, and whatever is asked of it then: an answer on copies, or an image.
    #[test]
    fn lanes_that_look_up_come_to_the_same(
        case in strategies::cases(),
        cuts in prop::collection::vec(0usize..64, 0..8),
        (mix, ends) in (prop::collection::vec(any::<bool>(), 0..8), any::<bool>()),
        lanes in 1usize..4,
        (steps, turns) in (1u64..6, prop::collection::vec(0usize..4, 0..6)),
    ) {
        let case = without_negative_zeros(case);
        let slices = (YieldAfter::Steps(steps), &turns[..]);
        let (engine, known) = (engine_in_slices(&case, (&cuts, &mix, ends), lanes, slices), oracle(&case));
        prop_assert!(engine == known, "engine:\n{engine:#?}\nreference:\n{known:#?}");
        let case = Case { until: None, ..case };
        let (restored, known) = (restored_in_slices(&case, &cuts, &mix, slices), oracle(&case));
        let known = Answers { spans: vec![], ..known };
        prop_assert!(restored == known, "restored:\n{restored:#?}\nreference:\n{known:#?}");
    }
}

/// A program of one column, `b`, and the event that it says true.
fn one_column() -> (PlanBuilder, NodeId) {
    let mut builder = PlanBuilder::new(SourceDefinition {
        name: "s".into(),
        key: vec![FieldPath::name("k")],
        time: FieldPath::name("t"),
        time_unit: TimeUnit::Nanoseconds,
        order: None,
        lateness: 0,
        future: None,
        idle: timeline_core::plan::Idle::Usual,
        repair: None,
        csv: timeline_core::plan::Csv::default(),
    });
    let column = SourceColumn {
        name: "b".into(),
        path: FieldPath::name("b"),
        ty: Type::Bool,
        source: 0,
        nulls: Default::default(),
    };
    let column = builder.column(column).expect("one column");
    let of = builder.add(Op::Event(EventExpr::Column(column))).expect("an event");
    (builder, of)
}

/// An event of that program.
fn event(key: &str, time: Time, position: u64) -> reference::LogEvent {
    let record = Record { time, source: 0, order: None, position, fields: vec![Field::Value(Value::Bool(true))] };
    reference::LogEvent { key: key.into(), record }
}

#[test]
fn a_session_out_of_an_image_ends_without_a_further_event() {
    let (mut builder, of) = one_column();
    let root = builder.add(Op::Latest { of, ttl: None }).expect("a state");
    builder.add_metric(Metric {
        name: "m".into(),
        root,
        dimensions: vec![],
        aggregate: None,
        keep_spans: false,
        with: vec![],
    });
    builder.set_end(EndRule { silence: Some(2), ..EndRule::default() });
    // `y` is never heard of again: it ends while the other session of its lane goes on.
    let log = vec![event("x", 0, 0), event("y", 0, 1), event("x", 20, 2)];
    let case = Case { plan: builder.finish(), log, until: None };
    assert_eq!(restored(&case, &[2], &[]), Answers { spans: vec![], ..oracle(&case) });
    // It ended and was forgotten before an image of all sessions that others stand before: it does not come back.
    let log = vec![event("x", 0, 0), event("x", 0, 1), event("y", 0, 2), event("x", 0, 3), event("x", 20, 4)];
    let case = Case { log, ..case };
    assert_eq!(restored(&case, &[1, 3], &[]), Answers { spans: vec![], ..oracle(&case) });
}

/// The clock of the log alone ends a session whose end is made of timelines.
#[test]
fn a_derived_end_is_told_when_the_clock_passes_it() {
    let (mut builder, of) = one_column();
    let root = builder.add(Op::Count { of }).expect("a number");
    builder.add_metric(Metric {
        name: "m".into(),
        root,
        dimensions: vec![],
        aggregate: None,
        keep_spans: false,
        with: vec![],
    });
    let when = builder.add(Op::NotFollowedBy { first: of, then: of, window: 5 * SECOND }).expect("an event");
    builder.set_end(EndRule { when: Some(when), ..EndRule::default() });
    let event = |key, seconds, position| event(key, seconds * SECOND, position);
    let plan = Arc::new(builder.finish());
    let log = [event("x", 0, 0), event("x", 3, 1), event("y", 8, 2), event("y", 9, 3)];
    let batch = batch(&log, &plan);
    let mut lane: Lane = Lane::new(Arc::clone(&plan), None);
    let silences = IdleAdvances::default();
    // At 8 the instant 3 + 5 is not over; it is at 9.
    lane.take(&batch, &[0, 1, 2], &Watermarks { before: Time::MIN, after: 8 * SECOND, silences: &silences });
    assert!(lane.drain().0.closed.is_empty());
    lane.take(&batch, &[3], &Watermarks { before: 8 * SECOND, after: 9 * SECOND, silences: &silences });
    let closed = lane.drain().0.closed;
    assert_eq!(
        closed.iter().map(|s| (s.key.as_str(), s.start, s.end)).collect::<Vec<_>>(),
        [("x", 0, Some(8 * SECOND))]
    );
}

/// Many sessions end and few go on: an image of those few must not bring the others back.
#[test]
fn sessions_that_were_removed_stay_so_whatever_image_is_taken() {
    let (mut builder, of) = one_column();
    let root = builder.add(Op::Latest { of, ttl: None }).expect("a state");
    builder.add_metric(Metric {
        name: "m".into(),
        root,
        dimensions: vec![],
        aggregate: None,
        keep_spans: false,
        with: vec![],
    });
    builder.set_end(EndRule { silence: Some(2), ..EndRule::default() });
    let plan = builder.finish();
    let log: Vec<_> = (0..9).map(|i| event(&format!("k{i}"), 0, i)).collect();
    let later = [event("z", 10_000_000_000, 9), event("z", 20_000_000_000, 10)];
    let plan = Arc::new(plan);
    for full in [false, true] {
        let mut lane: Lane = Lane::new(Arc::clone(&plan), None);
        let mut take = |events: &[reference::LogEvent], before: Time, after: Time| {
            let batch = batch(events, &plan);
            let mine: Vec<u32> = (0..events.len() as u32).collect();
            lane.take(&batch, &mine, &Watermarks { before, after, silences: &IdleAdvances::default() });
            lane.image(full || before == Time::MIN, before == Time::MIN)
        };
        let images = [take(&log, Time::MIN, 0), take(&later, 0, 20_000_000_000)];
        assert_eq!(lane.drain().0.closed.len(), 10, "nine, and the first of `z`");
        let mut restored = processor::lane::image::restore(&plan, 1, &images).expect("an image is loaded");
        let (mut outcome, mut live) = (SessionOutput::default(), 0);
        restored[0].read(20_000_000_000, &mut outcome, |_| live += 1);
        assert_eq!((outcome.closed.len(), live), (0, 1), "all images: {full}");
    }
}

/// Events that wait are let go for an image while a scan is on its way: each is to be read with its own values all the same.
#[test]
fn a_scan_reads_the_events_that_an_image_lets_go() {
    let (mut builder, of) = one_column();
    let root = builder.add(Op::Latest { of, ttl: None }).expect("a state");
    builder.add_metric(Metric {
        name: "m".into(),
        root,
        dimensions: vec![],
        aggregate: None,
        keep_spans: false,
        with: vec![],
    });
    let mut plan = builder.finish();
    plan.source.lateness = 10 * SECOND;
    let plan = Arc::new(plan);
    // Of each session twenty events in one second, so that what is let go first is of few of them.
    let log: Vec<_> = (0..2_000)
        .map(|i| {
            let mut event = event(&format!("k{}", i / 20), i as Time * SECOND / 100, i);
            event.record.fields = vec![Field::Value(Value::Bool(i % 7 < 3))];
            event
        })
        .collect();
    let later = [event("k0", 60 * SECOND, 2_000)];
    let mut lane: Lane = Lane::new(Arc::clone(&plan), None);
    let take = |lane: &mut Lane, events: &[reference::LogEvent], before: Time, after: Time| {
        let batch = batch(events, &plan);
        let mine: Vec<u32> = (0..events.len() as u32).collect();
        lane.take(&batch, &mine, &Watermarks { before, after, silences: &IdleAdvances::default() });
    };
    take(&mut lane, &log, Time::MIN, 0);
    let expected = read_at_once(&mut lane, 15 * SECOND, 0);
    lane.begin_scan(true, 15 * SECOND, 0);
    lane.yield_after(0, YieldAfter::Steps(1));
    take(&mut lane, &later, 0, 50 * SECOND);
    assert!(lane.is_behind(), "much is let go at once");
    lane.image(true, true);
    lane.go_on();
    let found = loop {
        if let Some(found) = lane.scan_some(YieldAfter::Steps(7)) {
            break scanned(found);
        }
        lane.go_on();
    };
    assert!(expected.len() > 70, "{}", expected.len());
    assert!(found == expected, "a scan reads what a standstill does");
}
