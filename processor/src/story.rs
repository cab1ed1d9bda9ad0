//! One session's whole story: its events, read again from the log, and what every worker made of them.
//!
//! The log is the source's own files, or the events that were kept of a live log, up to the position that an answer is
//! true for, so the story agrees with that answer to the nanosecond, whatever has been forgotten since.

mod causes;
#[cfg(test)]
mod tests;

use crate::lane::{Lane, Recorder, SessionOutput};
use crate::log_position::{LogPosition, place_text};
use crate::records::{LateReason, RecordedSpan, SessionSnapshot};
use crate::replay::{ReplayLogs, ReplayStart, replay};
use causes::{Causes, Recorded};
use event_feeder::file::{FileTable, Options};
use event_feeder::{Error, FileSource, Position, Source, fields_read, key_hash};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use timeline_core::incremental::TimelineValue;
use timeline_core::plan::{NodeId, Op, Plan, TimelineKind, Unit};
use timeline_core::{Field, Linear, Record, Time, Value, instant_text};

/// Of a session that has its metrics by windows of the clock, so many of them are told: the last ones.
const WINDOWS_MAX: usize = 12;

/// An event of the session.
struct StoryEvent {
    time: Time,
    position: Position,
    record: Record,
    text: String,
}

/// What to tell.
#[derive(Clone, Debug)]
pub(crate) struct StoryQuestion<'a> {
    /// The session's key.
    pub key: &'a str,
    /// An instant to look at; the horizon if not given.
    pub at: Option<Time>,
    /// The nodes to show, with their labels.
    pub nodes: Vec<(NodeId, String)>,
    /// The instant for which is true what was read.
    pub horizon: Time,
    /// Of each source what is known where its log is read from.
    pub before: Vec<ReplayStart>,
    /// How far the log of each source was read.
    pub reach: &'a [LogPosition],
}

/// The log of files of a source as it was read, once more from one plain position up to another.
pub(crate) fn files_again(
    plan: &Plan,
    source: usize,
    files: FileTable,
    places: (Position, Position),
) -> Box<dyn Source> {
    let fields = Some(fields_read(plan, source));
    Box::new(FileSource::replay(Options { fields, ..Options::default() }, files, places.0, places.1))
}

/// Reads the session again, out of the logs of all sources, each of which ends at its position.
pub(crate) fn tell(
    plan: &Arc<Plan>,
    sources: Vec<Box<dyn Source>>,
    question: &StoryQuestion<'_>,
) -> Result<Json, Error> {
    let mut lane: Lane<Recorder<true>> = Lane::new(Arc::clone(plan), question.at);
    let hash = key_hash(question.key.as_bytes());
    let logs = ReplayLogs { sources, before: &question.before, reach: question.reach };
    let mut events = vec![];
    replay(&mut lane, logs, question.at, |lane, batch, watermarks, repair| {
        let mine: Vec<u32> = (0..)
            .zip(&batch.events)
            .filter(|(_, event)| event.hash == hash && batch.text(event.key) == question.key)
            .map(|(i, _)| i)
            .collect();
        for i in &mine {
            let event = &batch.events[*i as usize];
            let position = batch.position(event);
            let behind = watermarks.before.max(watermarks.silences.at(position));
            let lost = event.lost_in_batch || repair == 0;
            if event.late_in_batch && lost || event.time < behind.saturating_sub(repair) {
                continue;
            }
            let record = batch.record(event, &plan.columns, 0);
            events.push(StoryEvent { time: event.time, position, text: record_text(plan, &record), record });
        }
        lane.take(batch, &mine, watermarks);
        true
    })?;
    events.sort_by_key(|event| (event.time, event.position));
    let horizon = question.at.unwrap_or(question.horizon);
    let mut outcome = SessionOutput::default();
    let (told, mut beside) = lane.drain();
    let of = |session: &SessionSnapshot| (session.start, session.end, session.partial);
    let whole = |session: &&SessionSnapshot| session.is_whole();
    let mut sessions: Vec<(Time, Option<Time>, bool)> = told.closed.iter().filter(whole).map(of).collect();
    lane.read(horizon, &mut outcome, |session| sessions.extend(Some(&session).filter(whole).map(of)));
    sessions.extend(outcome.closed.iter().filter(whole).map(of));
    // What only goes with a session that ended is in the ledger and none of its events.
    beside.append(&mut outcome.stragglers);
    let beside: BTreeSet<Position> =
        beside.iter().filter(|late| late.reason == LateReason::SessionClosed).map(|late| late.position).collect();
    events.retain(|event| !beside.contains(&event.position));
    sessions.sort_unstable();
    sessions.dedup();
    let (mut spans, mut happened) = (vec![], vec![]);
    for watcher in lane.take_watchers() {
        spans.extend(watcher.spans);
        happened.extend(watcher.happened);
    }
    let shown = sessions.iter().enumerate().map(|(i, (start, end, partial))| {
        let next = sessions.get(i + 1).map_or(Time::MAX, |(start, ..)| *start);
        let own: Vec<&StoryEvent> =
            events.iter().filter(|e| e.time >= *start && e.time < next && e.time <= horizon).collect();
        let told = Recorded { spans: &spans, happened: &happened, session: *start };
        let mut shown = session(plan, question, *end, horizon, &told, &own);
        shown["partial"] = json!(partial);
        shown
    });
    Ok(json!({
        "key": question.key,
        "at_ns": question.at,
        "horizon_ns": horizon,
        "sessions": shown.collect::<Vec<_>>(),
    }))
}

fn session(
    plan: &Plan,
    question: &StoryQuestion<'_>,
    end: Option<Time>,
    horizon: Time,
    told: &Recorded<'_>,
    events: &[&StoryEvent],
) -> Json {
    let start = told.session;
    let causes = Causes { plan, told, events };
    let (mut rows, mut left_out) = (vec![], 0);
    for (id, label) in &question.nodes {
        let node = plan.node(*id);
        let mut own: Vec<&RecordedSpan> = told.spans_of(*id).collect();
        if let Some((clock, _)) = plan.windows_of(*id) {
            left_out = left_out.max(keep_last_windows(&mut own, clock, horizon));
        }
        own.sort_by(|a, b| a.dimensions.cmp(&b.dimensions).then(a.start.cmp(&b.start)));
        if let (Op::Event(e), true) = (&node.op, own.is_empty()) {
            let _ = e;
            continue;
        }
        for part in own.chunk_by(|a, b| a.dimensions == b.dimensions) {
            let names: Vec<String> =
                part[0].dimensions.iter().map(|d| d.as_ref().map_or("absent".into(), ToString::to_string)).collect();
            let label = if names.is_empty() { label.clone() } else { format!("{label} [{}]", names.join(", ")) };
            let kind = told_as(plan, *id);
            let shown: Vec<Json> = part
                .iter()
                .map(|span| {
                    let (value, slope) = value_text(&as_shown(&node.op, kind, &span.reading), kind, 0);
                    json!({"start_ns": span.start, "end_ns": span.end, "value": value, "slope": slope})
                })
                .collect();
            let at = question.at.filter(|at| *at >= start).and_then(|at| {
                let span = part.iter().rev().find(|span| span.start <= at)?;
                let reading = as_shown(&node.op, kind, &span.reading);
                let (value, _) = value_text(&reading, kind, end.unwrap_or(at).min(at) - span.start);
                Some(json!({"value": value, "since_ns": span.start, "cause": causes.of(*id, span.start)}))
            });
            let mut row = json!({"node": id.to_string(), "label": label, "fingerprint": node.fingerprint.to_string(), "kind": kind.to_string(), "spans": shown, "at": at});
            // A quotient has no slope by which a reader could tell what it ends with.
            if let (TimelineKind::Ratio(_), Some(last)) = (kind, part.last()) {
                let read = last.end.or(end).unwrap_or(horizon);
                row["last"] = value_text(&last.reading, kind, read - last.start).0;
            }
            rows.push(row);
        }
    }
    let told: Vec<Json> = events
        .iter()
        .map(|event| {
            let position = place_text(plan, event.position);
            json!({"time_ns": event.time, "position": position, "text": event.text})
        })
        .collect();
    json!({
        "start_ns": start,
        "end_ns": end,
        "horizon_ns": horizon,
        "closed": end.is_some(),
        "windows_left_out": left_out,
        "rows": rows,
        "events": told,
    })
}

/// Keeps the last windows that have begun at or before an instant; how many are left out.
fn keep_last_windows(own: &mut Vec<&RecordedSpan>, clock: usize, at: Time) -> usize {
    own.retain(|span| span.start <= at);
    // Windows follow one another, so the spans of one stand together.
    let mut windows: Vec<(Time, &Option<Value>)> =
        own.iter().map(|span| (span.start, &span.dimensions[clock])).collect();
    windows.sort_by_key(|(start, _)| *start);
    windows.dedup_by_key(|(_, window)| *window);
    let left_out = windows.len().saturating_sub(WINDOWS_MAX);
    let first = windows.get(left_out).map_or(Time::MIN, |(start, _)| *start);
    own.retain(|span| span.start >= first);
    left_out
}

/// What a node is told as: whole nanoseconds that are read as an instant or a duration are one in their own row, too.
fn told_as(plan: &Plan, id: NodeId) -> TimelineKind {
    let reads = |op: &Op| matches!(op, Op::InstantOf(of) | Op::DurationOf(of) if *of == id);
    let reader = plan.iter().find(|(_, node)| reads(&node.op));
    reader.map_or(plan.node(id).kind, |(_, reader)| reader.kind)
}

/// A reading as rows have it: a window of the clock by the instant at which it begins, and nanoseconds that are told as a
/// number as one.
fn as_shown(op: &Op, kind: TimelineKind, reading: &TimelineValue) -> TimelineValue {
    match reading {
        TimelineValue::State(Value::Int(ns)) if matches!(kind, TimelineKind::Number(_)) => {
            TimelineValue::Number(Linear::exact(i128::from(*ns)))
        }
        TimelineValue::State(value) => TimelineValue::State(op.as_dimension(value.clone())),
        TimelineValue::Absent | TimelineValue::Number(_) | TimelineValue::Ratio { .. } => reading.clone(),
    }
}

/// What a reading says `dt` nanoseconds later, and its slope per second.
fn value_text(reading: &TimelineValue, kind: TimelineKind, dt: Time) -> (Json, Option<f64>) {
    let is_area = kind == TimelineKind::Number(Unit::Area);
    let number = |x: Linear, is_duration: bool| match x.after(dt) {
        Linear::Exact { value, .. } if is_duration => exact(seconds(value)),
        Linear::Exact { value, .. } => exact(value.to_string()),
        Linear::Float { value, .. } if is_area => json!(value / 1e9),
        Linear::Float { value, .. } => json!(value),
    };
    let slope = |x: Linear| match x {
        Linear::Float { slope, .. } if is_area => slope,
        Linear::Exact { slope, .. } => slope as f64,
        Linear::Float { slope, .. } => slope * 1e9,
    };
    match reading {
        TimelineValue::Absent => (Json::Null, None),
        TimelineValue::State(Value::Str(text)) => (json!(&**text), None),
        TimelineValue::State(Value::Bool(x)) => (json!(x), None),
        TimelineValue::State(Value::Int(x)) => (json!(x), None),
        TimelineValue::State(Value::Float(x)) => (json!(x), None),
        TimelineValue::Number(Linear::Exact { value, .. }) if kind == TimelineKind::Number(Unit::Instant) => {
            let at = (*value).clamp(i128::from(Time::MIN), i128::from(Time::MAX)) as Time;
            (json!(instant_text(at)), None)
        }
        TimelineValue::Number(x) => (number(*x, kind == TimelineKind::Number(Unit::Duration)), Some(slope(*x))),
        TimelineValue::Ratio { numerator, denominator } => {
            let (n, d) = (numerator.after(dt).as_floats().0, denominator.after(dt).as_floats().0);
            (if d == 0.0 { Json::Null } else { json!(n / d) }, None)
        }
    }
}

/// A JSON number with exactly these digits; as a string where a float does not keep them all.
fn exact(digits: String) -> Json {
    match digits.parse::<f64>() {
        Ok(x) if x.to_string() == digits => {
            if x.fract() == 0.0 && x.abs() < 9e15 {
                json!(x as i64)
            } else {
                json!(x)
            }
        }
        _ => Json::String(digits),
    }
}

/// Nanoseconds as decimal seconds with as many digits as they need.
fn seconds(ns: i128) -> String {
    let (sign, ns) = (if ns < 0 { "-" } else { "" }, ns.unsigned_abs());
    let text = format!("{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The columns of a record that queries read, as JSON.
fn record_text(plan: &Plan, record: &Record) -> String {
    let mut members = serde_json::Map::new();
    for (column, field) in plan.columns.iter().zip(&record.fields) {
        let value = match field {
            Field::Missing => continue,
            Field::Null => Json::Null,
            Field::Value(Value::Str(text)) => json!(&**text),
            Field::Value(Value::Float(x)) => json!(x),
            Field::Value(Value::Int(x)) => json!(x),
            Field::Value(Value::Bool(x)) => json!(x),
        };
        members.insert(column.name.clone(), value);
    }
    Json::Object(members).to_string()
}
