//! A session as the server tells it, as something to draw.

use crate::args::scaled_decimal;
use crate::client::{Session, SessionRow, Span};
use crate::commands::answer::shown;
use crate::draw::{self, Drawing, Value};
use crate::output::text;

/// The drawing of a session from its start to its end, or through the last that is known of it.
pub(super) fn of(session: &Session) -> Drawing {
    let told = session.rows.iter().flat_map(|row| &row.spans).map(|s| s.end_ns.unwrap_or(s.start_ns));
    let seen = told.chain(session.events.iter().map(|e| e.time_ns)).max();
    let end = session.end_ns.or(session.horizon_ns).or(seen).unwrap_or(session.start_ns).max(session.start_ns);
    Drawing {
        start: session.start_ns,
        end,
        rows: session.rows.iter().map(|row| timeline(row, end)).collect(),
        events: session.events.iter().map(|e| draw::Event { time: e.time_ns, text: e.text.clone() }).collect(),
    }
}

fn timeline(row: &SessionRow, end: i64) -> draw::Row {
    let spans = row
        .spans
        .iter()
        .filter_map(|s| Some(draw::Span { start: s.start_ns, end: s.end_ns, value: value(&row.kind, s)? }));
    draw::Row { label: row.label.clone(), spans: spans.collect(), last: last(row, end) }
}

/// How a span of that kind is drawn; `None` where it is absent.
fn value(kind: &str, span: &Span) -> Option<Value> {
    if kind.starts_with("event") {
        return Some(Value::Event);
    }
    let value = span.value.as_deref()?;
    Some(if kind == "state<bool>" {
        Value::Bool(value.get() == "true")
    } else if kind.starts_with("state") {
        Value::State(shown(value))
    } else {
        Value::Number { value: value.get().parse().ok()?, slope: span.slope.unwrap_or(0.0) }
    })
}

/// The value at the end, exact where it can be said exactly.
fn last(row: &SessionRow, end: i64) -> String {
    let Some(span) = row.spans.last() else { return String::new() };
    let Some(value) = span.value.as_deref().filter(|_| !row.kind.starts_with("event")) else { return String::new() };
    let slope = span.slope.unwrap_or(0.0);
    if slope == 0.0 {
        return shown(value);
    }
    let grown = span.end_ns.unwrap_or(end).saturating_sub(span.start_ns).max(0);
    let mut shown = vec![];
    match scaled_decimal(value.get(), 1_000_000_000) {
        // Slopes of durations are whole numbers: nanoseconds a nanosecond.
        Some(ns) if slope.fract() == 0.0 => text::decimal(&mut shown, ns + slope as i128 * i128::from(grown), 9),
        _ => text::float(&mut shown, value.get().parse().unwrap_or(0.0) + slope * grown as f64 / 1e9),
    }
    String::from_utf8_lossy(&shown).into_owned()
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::client::Session;
    use crate::draw::Value;

    #[test]
    fn a_reply_becomes_rows() {
        let session: Session = serde_json::from_str(
            r#"{"start_ns":0,"end_ns":null,"closed":false,"horizon_ns":10000000001,
                "rows":[
                  {"label":"b","kind":"state<bool>","spans":[{"start_ns":0,"end_ns":5,"value":true},{"start_ns":5,"end_ns":9,"value":null}]},
                  {"label":"d","kind":"duration","spans":[{"start_ns":4000000000,"end_ns":null,"value":1.5,"slope":1}]},
                  {"label":"s","kind":"state<string>","spans":[{"start_ns":0,"end_ns":null,"value":"pl\"ay"}]}],
                "events":[{"time_ns":3,"text":"x"}]}"#,
        )
        .unwrap();
        let drawing = of(&session);
        assert_eq!(drawing.end, 10_000_000_001);
        assert_eq!(drawing.rows[0].spans.len(), 1);
        assert_eq!(drawing.rows[1].last, "7.500000001");
        assert_eq!(drawing.rows[2].spans[0].value, Value::State("pl\"ay".into()));
        assert_eq!(drawing.rows[2].last, "pl\"ay");
        assert_eq!(drawing.events[0].text, "x");
    }
}
