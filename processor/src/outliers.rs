//! The sessions farthest from the rest, and why.
//!
//! The distance is the modified z-score (Iglewicz and Hoaglin, 1993): how many times the median absolute deviation,
//! scaled to a standard deviation, a value is away from the median. Median and deviation are hardly moved by the outliers
//! themselves. Where more than half of the values are equal that deviation is zero; then the mean absolute deviation serves.

use crate::engine::Page;
use crate::records::{AlertRow, SessionSnapshot};
use crate::rows::{ColumnKind, RowCell, TableBuilder, dimension_column, value_cells, value_columns};
use crate::totals::Amount;
use arrow::array::RecordBatch;
use timeline_core::incremental::{Share, TimelineValue};
use timeline_core::plan::{self, Plan, Unit};
use timeline_core::{Linear, Type, Value};

/// A session's value of the metric.
struct Candidate<'a> {
    session: &'a str,
    dimensions: String,
    amount: Amount,
    value: f64,
    partial: bool,
}

/// What the values of a metric are, if they are no numbers, of which alone some are far from the rest.
pub(crate) fn no_number(kind: plan::TimelineKind) -> Option<&'static str> {
    match kind {
        plan::TimelineKind::Event(Type::String) | plan::TimelineKind::State(Type::String) => Some("texts"),
        plan::TimelineKind::Event(Type::Bool) | plan::TimelineKind::State(Type::Bool) => Some("true or false"),
        plan::TimelineKind::Number(Unit::Instant) => Some("instants"),
        plan::TimelineKind::Event(Type::Int | Type::Float)
        | plan::TimelineKind::State(Type::Int | Type::Float)
        | plan::TimelineKind::Number(Unit::Duration | Unit::Int | Unit::Float | Unit::Area)
        | plan::TimelineKind::Ratio(_) => None,
    }
}

/// `session, dimensions, value..., score, why, partial`: a page of the sessions (or shares) of a metric, farthest first, and
/// how many there are that are not at the median.
pub(crate) fn of_metric<'a>(
    plan: &Plan,
    metric: usize,
    sessions: impl Iterator<Item = &'a SessionSnapshot>,
    page: Page,
) -> (RecordBatch, usize) {
    let kind = plan.node(plan.metrics[metric].root).kind;
    let mut candidates: Vec<Candidate<'a>> = vec![];
    for session in sessions {
        for share in &session.shares[metric] {
            let amount = Amount::of(&share.reading, kind);
            if !amount.is_value() || matches!(amount, Amount::State(_)) {
                continue;
            }
            let dimensions: Vec<String> =
                share.dimensions.iter().map(|d| d.as_ref().map_or("absent".to_owned(), ToString::to_string)).collect();
            let value = amount.number().as_float();
            let (dimensions, partial) = (dimensions.join(", "), session.partial);
            candidates.push(Candidate { session: &session.key, dimensions, amount, value, partial });
        }
    }
    let (median, spread, name) = spread(candidates.iter().map(|c| c.value).collect());
    let score = |c: &Candidate<'_>| if spread == 0.0 { 0.0 } else { (c.value - median) / spread };
    candidates.retain(|c| score(c) != 0.0);
    candidates.sort_by(|a, b| {
        score(b)
            .abs()
            .total_cmp(&score(a).abs())
            .then_with(|| (a.session, &a.dimensions).cmp(&(b.session, &b.dimensions)))
    });
    let mut table = TableBuilder::new(columns());
    for candidate in &candidates[page.range(candidates.len())] {
        let side = if candidate.value > median { "above" } else { "below" };
        let shown = if matches!(candidate.amount, Amount::Duration(_)) { median / 1e9 } else { median };
        let (score, shown) = (digits(score(candidate)), digits(shown));
        let why = format!("{:.1} {name}s {side} the median {shown}", score.abs());
        let cells =
            [RowCell::Text(candidate.session.to_owned()), RowCell::Text(candidate.dimensions.clone())].into_iter();
        let cells = cells.chain(value_cells(&candidate.amount));
        table.push(cells.chain([RowCell::Float(score), RowCell::Text(why), RowCell::Bool(candidate.partial)]));
    }
    (table.finish(), candidates.len())
}

fn columns() -> impl Iterator<Item = (String, ColumnKind)> {
    let text = |name: &str| (name.to_owned(), ColumnKind::Text);
    let values = [text("session"), text("dimensions")].into_iter().chain(value_columns("value"));
    values.chain([("score".to_owned(), ColumnKind::Float), text("why"), ("partial".to_owned(), ColumnKind::Bool)])
}

/// `session, dimensions, value..., score, why, partial`: a page of the sessions of an alert, by the time that it was on, and
/// how many there are. `partial` says whether a session of that key is; null where that is not known.
pub(crate) fn of_alert(
    alerts: &[(AlertRow, i64)],
    page: Page,
    partial: impl Fn(&str) -> Option<bool>,
) -> (RecordBatch, usize) {
    let mut by_session: std::collections::BTreeMap<&str, (i128, usize, i64)> = std::collections::BTreeMap::new();
    for (alert, end) in alerts {
        let entry = by_session.entry(&alert.key).or_insert((0, 0, alert.start));
        entry.0 += i128::from(*end) - i128::from(alert.start);
        entry.1 += 1;
        entry.2 = entry.2.min(alert.start);
    }
    let mut sessions: Vec<_> = by_session.into_iter().collect();
    sessions.sort_by_key(|(session, (on, _, _))| (std::cmp::Reverse(*on), *session));
    let mut table = TableBuilder::new(columns());
    for &(session, (on, times, _)) in &sessions[page.range(sessions.len())] {
        let why = format!("on {times} time{}, for {} s in all", if times == 1 { "" } else { "s" }, on as f64 / 1e9);
        let cells = [RowCell::Text(session.to_owned()), RowCell::Text(String::new())].into_iter();
        let cells = cells.chain(value_cells(&Amount::Duration(on)));
        let partial = partial(session).map_or(RowCell::Null, RowCell::Bool);
        table.push(cells.chain([RowCell::Float(times as f64), RowCell::Text(why), partial]));
    }
    (table.finish(), sessions.len())
}

/// A number with four digits that say something, and at least all of its whole part: what it is compared with is no
/// more exact.
fn digits(x: f64) -> f64 {
    let exponent = x.abs().log10().floor();
    if x == 0.0 || !exponent.is_finite() || exponent >= 15.0 {
        return x;
    }
    let places = (3.0 - exponent).clamp(0.0, 17.0) as usize;
    format!("{x:.places$}").parse().unwrap_or(x)
}

/// Median, what a distance from it is measured in, and the name of that.
fn spread(mut values: Vec<f64>) -> (f64, f64, &'static str) {
    let median = median(&mut values);
    let mut distances: Vec<f64> = values.iter().map(|x| (x - median).abs()).collect();
    let mean = distances.iter().sum::<f64>() / distances.len().max(1) as f64;
    let deviation = self::median(&mut distances);
    if deviation > 0.0 { (median, deviation * 1.4826, "deviation") } else { (median, mean * 1.2533, "mean deviation") }
}

fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

/// Sessions of a metric out of committed rows of `finals`.
pub(crate) fn from_history(plan: &Plan, metric: usize, batch: &RecordBatch) -> Vec<SessionSnapshot> {
    use arrow::array::{Array, BooleanArray, Decimal128Array, Float64Array, StringArray};
    let own = &plan.metrics[metric];
    let column = |name: &str| batch.column_by_name(name);
    let text = |name: &str| column(name).and_then(|c| c.as_any().downcast_ref::<StringArray>().cloned());
    let (Some(sessions), Some(metrics)) = (text("session"), text("metric")) else { return vec![] };
    let decimals = column("value_exact").and_then(|c| c.as_any().downcast_ref::<Decimal128Array>().cloned());
    let floats = column("value").and_then(|c| c.as_any().downcast_ref::<Float64Array>().cloned());
    let dimensions: Vec<Option<StringArray>> =
        own.dimensions.iter().map(|name| text(&dimension_column(name))).collect();
    let partial = column("partial").and_then(|c| c.as_any().downcast_ref::<BooleanArray>().cloned());
    let is_duration = matches!(
        plan.node(own.root).kind,
        plan::TimelineKind::Number(Unit::Duration) | plan::TimelineKind::Ratio(plan::RatioUnit::Duration)
    );
    // What is shown times seconds is kept times nanoseconds.
    let is_area = plan.node(own.root).kind == plan::TimelineKind::Number(Unit::Area);
    let rows = (0..batch.num_rows()).filter(|i| metrics.value(*i) == own.name);
    rows.filter_map(|i| {
        let exact = decimals.as_ref().filter(|d| !d.is_null(i)).map(|d| d.value(i));
        let float = floats.as_ref().filter(|f| !f.is_null(i)).map(|f| f.value(i));
        let reading = match (exact, float) {
            (Some(ns), _) if is_duration => Linear::exact(ns),
            (Some(billionths), _) => Linear::exact(billionths / 1_000_000_000),
            (None, Some(x)) if is_area => Linear::float(x * 1e9),
            (None, Some(x)) => Linear::float(x),
            (None, None) => return None,
        };
        let value = |d: &Option<StringArray>| d.as_ref().filter(|d| !d.is_null(i)).map(|d| Value::text(d.value(i)));
        let share =
            Share { dimensions: dimensions.iter().map(value).collect(), reading: TimelineValue::Number(reading) };
        let mut shares = vec![vec![]; plan.metrics.len()];
        shares[metric].push(share);
        let key = sessions.value(i).into();
        Some(SessionSnapshot {
            key,
            start: 0,
            end: Some(0),
            read: 0,
            shares,
            groups: vec![],
            turns: vec![],
            open_alerts: vec![],
            partial: partial.as_ref().is_some_and(|partial| partial.value(i)),
            forgotten: 0,
            window: None,
            provisional: false,
        })
    })
    .collect()
}

/// Spans of an alert out of committed rows of `alerts`, with their ends.
pub(crate) fn alerts_from_history(alert: usize, name: &str, batch: &RecordBatch) -> Vec<(AlertRow, i64)> {
    use arrow::array::{Array, StringArray, TimestampNanosecondArray};
    let text = |name: &str| batch.column_by_name(name).and_then(|c| c.as_any().downcast_ref::<StringArray>().cloned());
    let time = |name: &str| {
        batch.column_by_name(name).and_then(|c| c.as_any().downcast_ref::<TimestampNanosecondArray>().cloned())
    };
    let (Some(sessions), Some(names)) = (text("session"), text("alert")) else { return vec![] };
    let (Some(starts), Some(ends)) = (time("start"), time("end")) else { return vec![] };
    (0..batch.num_rows())
        .filter(|i| names.value(*i) == name && !ends.is_null(*i))
        .map(|i| {
            let row = AlertRow {
                key: sessions.value(i).into(),
                alert,
                start: starts.value(i),
                end: Some(ends.value(i)),
                with: vec![],
            };
            (row, ends.value(i))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn numbers_for_people_have_as_many_digits_as_say_something() {
        let shown = |x: f64| digits(x).to_string();
        for (x, text) in [
            (3.372_881_355_932_203, "3.373"),
            (-0.000_012_345_67, "-0.00001235"),
            (1_234_567.89, "1234568"),
            (0.1 + 0.2, "0.3"),
            (0.0, "0"),
        ] {
            assert_eq!(shown(x), text);
        }
        assert_eq!(digits(1e300).to_bits(), 1e300_f64.to_bits());
        assert!(digits(f64::NAN).is_nan() && digits(f64::INFINITY).is_infinite());
    }
}
