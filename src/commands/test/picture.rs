//! A test's timelines, drawn: what was expected above what came out, or everything that the test speaks of.

use super::compare::reading;
use super::evaluate::EvaluatedRows;
use super::events::TestRecords;
use super::expect::{Expected, ExpectedRow, ExpectedTime};
use super::notation::SESSION;
use super::program::CompiledProgram;
use crate::draw::{self, Drawing, DrawnEvent, DrawnSpan, DrawnValue, Style, draw};
use std::collections::BTreeSet;
use std::fmt::Write;
use timeline_core::Time;
use timeline_core::plan::{TimelineKind, Unit};

/// Sessions of one mismatch that are drawn.
const SESSIONS_DRAWN: usize = 3;

/// The sessions in which rows differ, each with what was expected and what came out.
#[allow(clippy::too_many_arguments)]
pub(super) fn difference(
    differing: &[ExpectedRow],
    expected: &Expected,
    found: &[ExpectedRow],
    metric: &str,
    compiled: &CompiledProgram,
    input: &TestRecords,
    answer: &EvaluatedRows,
    style: &Style,
) -> String {
    let has_spans = |row: &ExpectedRow| matches!(row.at, ExpectedTime::Span(..));
    let lines: BTreeSet<(String, String, Vec<Option<String>>)> = differing
        .iter()
        .filter(|row| has_spans(row))
        .map(|row| (row.session.clone(), row.name.clone(), row.group.clone()))
        .collect();
    let is_number = is_number(compiled, metric);
    let style = Style { width: style.width.saturating_sub(4), ..*style };
    let mut out = String::new();
    let left_out = lines.len().saturating_sub(SESSIONS_DRAWN);
    for (session, name, group) in lines.into_iter().take(SESSIONS_DRAWN) {
        let of = |label: &str, rows: &[ExpectedRow]| {
            let own = rows.iter().filter(|r| (&r.session, &r.name, &r.group) == (&session, &name, &group));
            timeline(label.to_owned(), &own.cloned().collect::<Vec<_>>(), is_number, None)
        };
        let mut drawing = frame(&session, input, answer);
        drawing.rows = vec![of("expected", expected), of("found", found)];
        if session != SESSION {
            let _ = writeln!(out, "{session}");
        }
        out.push_str(&draw(&drawing, &style));
    }
    if left_out > 0 {
        let _ = writeln!(out, "... and {left_out} more, whose rows are above and which are not drawn");
    }
    out
}

/// Every timeline that the test speaks of, session by session.
pub(super) fn all(
    compiled: &CompiledProgram,
    input: &TestRecords,
    labels: &[(String, String)],
    answer: &EvaluatedRows,
    style: &Style,
) -> String {
    let mut out = String::new();
    let sessions: BTreeSet<&String> = answer.sessions.iter().map(|(key, _, _)| key).collect();
    for session in sessions {
        let mut drawing = frame(session, input, answer);
        for (metric, label) in labels {
            let own: Vec<ExpectedRow> =
                answer.spans.iter().filter(|row| row.session == *session && row.name == *metric).cloned().collect();
            let groups: BTreeSet<&Vec<Option<String>>> = own.iter().map(|row| &row.group).collect();
            for group in groups {
                let names: Vec<&str> = group.iter().map(|v| v.as_deref().unwrap_or("absent")).collect();
                let label = if names.is_empty() { label.clone() } else { format!("{label} [{}]", names.join(", ")) };
                let spans: Vec<ExpectedRow> = own.iter().filter(|row| row.group == *group).cloned().collect();
                drawing.rows.push(timeline(label, &spans, is_number(compiled, metric), Some(drawing.end)));
            }
        }
        if session != SESSION {
            let _ = writeln!(out, "{session}");
        }
        out.push_str(&draw(&drawing, style));
    }
    out
}

fn is_number(compiled: &CompiledProgram, metric: &str) -> bool {
    // An instant is written as one, and has no scale.
    match compiled.kind(metric) {
        Some(TimelineKind::Number(unit)) => unit != Unit::Instant,
        kind => matches!(kind, Some(TimelineKind::Ratio(_))),
    }
}

/// A session's events and its extent.
fn frame(session: &str, input: &TestRecords, answer: &EvaluatedRows) -> Drawing {
    let own = || answer.sessions.iter().filter(|(key, _, _)| key == session);
    let horizon = answer.horizon.unwrap_or(0);
    let start = own().map(|(_, start, _)| *start).min().unwrap_or(horizon);
    let end = own().map(|(_, _, end)| end.unwrap_or(horizon)).max().unwrap_or(horizon).max(start);
    let mut events: Vec<DrawnEvent> = input
        .drawn
        .iter()
        .filter(|event| event.session == session && event.time <= end)
        .map(|event| DrawnEvent { time: event.time, text: event.text.clone() })
        .collect();
    events.sort_by_key(|event| event.time);
    Drawing { start, end, rows: vec![], events }
}

fn timeline(label: String, rows: &[ExpectedRow], is_number: bool, last_at: Option<Time>) -> draw::DrawnRow {
    let mut spans: Vec<(Time, Option<Time>, &ExpectedRow)> = rows
        .iter()
        .filter_map(|row| match row.at {
            ExpectedTime::Span(start, end) => Some((start, end, row)),
            _ => None,
        })
        .collect();
    spans.sort_by_key(|(start, _, _)| *start);
    let last = last_at.and_then(|at| {
        let covers =
            |(start, end, _): &&(Time, Option<Time>, &ExpectedRow)| *start <= at && end.is_none_or(|end| at < end);
        let (_, _, row) = spans.iter().rev().find(covers)?;
        reading(row, at)
    });
    let span = |(start, end, row): &(Time, Option<Time>, &ExpectedRow)| {
        Some(DrawnSpan { start: *start, end: *end, value: value(row, is_number)? })
    };
    draw::DrawnRow { label, spans: spans.iter().filter_map(span).collect(), last: last.unwrap_or_default() }
}

/// How a span is drawn. Rows without a value are true.
fn value(row: &ExpectedRow, is_number: bool) -> Option<DrawnValue> {
    let ExpectedTime::Span(start, _) = row.at else { return None };
    let cell = |name: &str| row.cells.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    if is_number {
        let slope = cell("slope").unwrap_or("0").parse().unwrap_or(0.0);
        return Some(DrawnValue::Number { value: reading(row, start)?.parse().ok()?, slope });
    }
    Some(match cell("") {
        None | Some("true") => DrawnValue::Bool(true),
        Some("false") => DrawnValue::Bool(false),
        Some("absent") => return None,
        Some(state) => DrawnValue::State(state.to_owned()),
    })
}
