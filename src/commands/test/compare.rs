//! What came out against what was expected, and what to say where they are not the same.

use super::evaluate::EvaluatedRows;
use super::events::TestRecords;
use super::expect::{Expected, ExpectedRow, ExpectedTime};
use super::file::{About, Section, TestFile};
use super::notation;
use super::picture;
use super::program::CompiledProgram;
use crate::draw::Style;
use std::collections::BTreeSet;
use std::fmt::Write;
use timeline_core::Time;

/// Dead letters that are shown.
const SHOWN: usize = 3;

/// What is not as expected; `None` if everything is.
pub(super) fn report(
    test: &TestFile<'_>,
    compiled: &CompiledProgram,
    input: &TestRecords,
    expected: &[Expected],
    answer: &EvaluatedRows,
    style: &Style,
) -> Option<String> {
    let mut out = String::new();
    for (i, (section, expected)) in test.sections.iter().zip(expected).enumerate() {
        let found = found(section, compiled.metric_of(i), compiled, expected, answer);
        let (missing, extra) = difference(expected, &found);
        if missing.is_empty() && extra.is_empty() {
            continue;
        }
        let _ = writeln!(out, "  line {}, {}", section.line, title(section));
        missing.iter().for_each(|row| _ = writeln!(out, "    - {}", row.text(section.about)));
        extra.iter().for_each(|row| _ = writeln!(out, "    + {}", row.text(section.about)));
        let rows = [missing, extra].concat();
        let drawn = picture::difference(&rows, expected, &found, compiled.metric_of(i), compiled, input, answer, style);
        drawn.lines().for_each(|line| _ = writeln!(out, "    {line}"));
    }
    if answer.late != test.late.count {
        let _ = writeln!(out, "  late events: {} expected, {} found", test.late.count, answer.late);
    }
    if answer.dead.len() != test.dead.count {
        let _ = writeln!(out, "  dead letters: {} expected, {} found", test.dead.count, answer.dead.len());
        for letter in answer.dead.iter().take(SHOWN) {
            let column = letter.column.as_ref().map(|column| format!("column {column}, ")).unwrap_or_default();
            let record = String::from_utf8_lossy(&letter.record);
            let _ = writeln!(out, "    [{}] {column}{}: {}", letter.code, letter.reason, record.trim_end());
        }
        if let Some(more @ 1..) = answer.dead.len().checked_sub(SHOWN) {
            let _ = writeln!(out, "    ... and {more} more: `timeline eval --show dead_letters` lists those of a file");
        }
    }
    if !answer.differs.is_empty() {
        let _ = writeln!(
            out,
            "  the engine says something else (`+`) when it is restored after every record\n{}",
            answer.differs.trim_end()
        );
    }
    (!out.is_empty()).then_some(out)
}

fn title(section: &Section<'_>) -> String {
    match section.about {
        About::Finals => "finals".into(),
        About::Totals => "totals".into(),
        About::Alerts => "alerts".into(),
        About::Spans => format!("spans of {}", section.expression),
        About::True => format!("when {} is true", section.expression),
        About::Values => format!("values of {}", section.expression),
    }
}

/// The rows that the section is about. Metrics that a section does not name are not looked at, unless it names none.
pub(super) fn found(
    section: &Section<'_>,
    metric: &str,
    compiled: &CompiledProgram,
    expected: &Expected,
    answer: &EvaluatedRows,
) -> Vec<ExpectedRow> {
    let named: BTreeSet<&str> = expected.iter().map(|row| row.name.as_str()).collect();
    let is_about =
        |row: &&ExpectedRow| compiled.is_own(&row.name) && (named.is_empty() || named.contains(row.name.as_str()));
    let of_metric = |row: &&ExpectedRow| row.name == metric;
    match section.about {
        About::Finals => answer.finals.iter().filter(is_about).cloned().collect(),
        About::Totals => answer.totals.iter().filter(is_about).cloned().collect(),
        About::Alerts => answer.alerts.clone(),
        About::Spans => answer.spans.iter().filter(of_metric).map(unnamed).collect(),
        About::True => {
            // As of alerts, nothing that begins where a session ends.
            let lasts = |row: &ExpectedRow| !matches!(row.at, ExpectedTime::Span(start, end) if end == Some(start));
            let is_true =
                |row: &&ExpectedRow| lasts(row) && row.cells.first().is_some_and(|(_, value)| value == "true");
            let bare = |row: &ExpectedRow| ExpectedRow { cells: vec![], ..unnamed(row) };
            answer.spans.iter().filter(of_metric).filter(is_true).map(bare).collect()
        }
        About::Values => {
            let spans: Vec<&ExpectedRow> = answer.spans.iter().filter(of_metric).collect();
            expected.iter().filter_map(|row| value_at(row, &spans, answer)).collect()
        }
    }
}

fn unnamed(row: &ExpectedRow) -> ExpectedRow {
    ExpectedRow { name: String::new(), ..row.clone() }
}

/// What the spans say where an expected row asks; nothing beyond what was read.
fn value_at(row: &ExpectedRow, spans: &[&ExpectedRow], answer: &EvaluatedRows) -> Option<ExpectedRow> {
    let ExpectedTime::Instant(t) = row.at else { return None };
    if answer.horizon.is_none_or(|horizon| t > horizon) {
        return None;
    }
    // Where a session ends, what it came to is still true: the right limit.
    let is_end = answer.sessions.iter().any(|(key, _, end)| *key == row.session && *end == Some(t));
    let covers = |span: &&&ExpectedRow| {
        let ExpectedTime::Span(start, end) = span.at else { return false };
        let lasts = end.is_none_or(|end| t < end || (t == end && is_end));
        (&span.session, &span.group) == (&row.session, &row.group) && start <= t && lasts
    };
    let value = spans.iter().rev().find(covers).and_then(|span| reading(span, t)).unwrap_or_else(|| "absent".into());
    Some(ExpectedRow { cells: vec![(String::new(), value)], ..row.clone() })
}

/// What a span says at an instant of it.
pub(super) fn reading(span: &ExpectedRow, t: Time) -> Option<String> {
    let ExpectedTime::Span(start, _) = span.at else { return None };
    let cell = |name: &str| span.cells.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let along = |value: &str, slope: &str| {
        let dt = i128::from(t) - i128::from(start);
        match (crate::args::scaled_decimal(value, 1_000_000_000), slope.parse::<i128>()) {
            (Some(value), Ok(slope)) => Some(notation::seconds(value + slope * dt)),
            _ => Some((value.parse::<f64>().ok()? + slope.parse::<f64>().ok()? * dt as f64 / 1e9).to_string()),
        }
    };
    if let Some(numerator) = cell("numerator") {
        let n: f64 = along(numerator, cell("numerator_slope")?)?.parse().ok()?;
        let d: f64 = along(cell("denominator")?, cell("denominator_slope")?)?.parse().ok()?;
        return (d != 0.0).then(|| (n / d).to_string());
    }
    match (cell("")?, cell("slope")?) {
        (value, "0") => Some(value.to_owned()),
        (value, slope) => along(value, slope),
    }
}

/// The rows that were expected and not found, and those that were found and not expected.
fn difference(expected: &[ExpectedRow], found: &[ExpectedRow]) -> (Vec<ExpectedRow>, Vec<ExpectedRow>) {
    let mut extra: Vec<&ExpectedRow> = found.iter().collect();
    let mut missing = vec![];
    for row in expected {
        // Gaps say where a timeline is absent, so that an absent span need not be found.
        let is_gap =
            matches!(row.at, ExpectedTime::Span(..)) && row.cells.first().is_some_and(|(_, value)| value == "absent");
        match extra.iter().position(|found| row.is_met_by(found)) {
            Some(i) => _ = extra.remove(i),
            None if is_gap => {}
            None => missing.push(row.clone()),
        }
    }
    (missing, extra.into_iter().cloned().collect())
}
