//! A session as the server tells it, as something to draw.

use crate::args::scaled_decimal;
use crate::client::{ReplySession, ReplySpan, SessionRow, WatchedRow};
use crate::commands::answer::shown;
use crate::draw::{self, Drawing, DrawnValue};
use crate::output::text;

/// The drawing of a session from its start to its end, or through the last that is known of it.
pub(super) fn of(session: &ReplySession) -> Drawing {
    let told = session.rows.iter().flat_map(|row| &row.spans).map(|s| s.end_ns.unwrap_or(s.start_ns));
    let seen = told.chain(session.events.iter().map(|e| e.time_ns)).max();
    let end = session.end_ns.or(session.horizon_ns).or(seen).unwrap_or(session.start_ns).max(session.start_ns);
    Drawing {
        start: session.start_ns,
        end,
        rows: session.rows.iter().map(|row| timeline(row, end)).collect(),
        events: session.events.iter().map(|e| draw::DrawnEvent { time: e.time_ns, text: columns(&e.text) }).collect(),
    }
}

/// An event's record as `column=value`, which may fit beside its mark; other texts as they are.
fn columns(text: &str) -> String {
    let Ok(WatchedRow(members)) = serde_json::from_str(text) else { return text.to_owned() };
    members.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect::<Vec<_>>().join(" ")
}

fn timeline(row: &SessionRow, end: i64) -> draw::DrawnRow {
    let spans = row.spans.iter().filter_map(|s| {
        let value = value(&row.kind, s)?;
        Some(draw::DrawnSpan { start: s.start_ns, end: s.end_ns, value })
    });
    draw::DrawnRow { label: row.label.clone(), spans: spans.collect(), last: last(row, end).unwrap_or_default() }
}

/// How a span of that kind is drawn; `None` where it is absent.
fn value(kind: &str, span: &ReplySpan) -> Option<DrawnValue> {
    if kind.starts_with("event") {
        return Some(DrawnValue::Event);
    }
    // Numbers that a float cannot hold come as texts of their digits.
    let text = shown(span.value.as_deref()?);
    Some(if kind == "state<bool>" {
        DrawnValue::Bool(text == "true")
    } else if kind.starts_with("state") || kind == "instant" {
        DrawnValue::State(text)
    } else {
        DrawnValue::Number { value: text.parse().ok()?, slope: span.slope.unwrap_or(0.0) }
    })
}

/// The value at the end, exact where it can be said exactly; none where it is absent or not known.
fn last(row: &SessionRow, end: i64) -> Option<String> {
    if let Some(last) = &row.last {
        return Some(shown(last));
    }
    let span = row.spans.last()?;
    let text = shown(span.value.as_deref()?);
    if row.kind.starts_with("state") || row.kind == "instant" {
        return Some(text);
    }
    // A number without a slope is a quotient, of which a span tells only how it begins.
    let slope = span.slope.filter(|_| !row.kind.starts_with("event"))?;
    if slope == 0.0 {
        return Some(text);
    }
    let grown = span.end_ns.unwrap_or(end).saturating_sub(span.start_ns).max(0);
    let mut shown = vec![];
    match scaled_decimal(&text, 1_000_000_000) {
        // Slopes of durations are whole numbers: nanoseconds a nanosecond.
        Some(ns) if slope.fract() == 0.0 => text::decimal(&mut shown, ns + slope as i128 * i128::from(grown), 9),
        _ => text::float(&mut shown, text.parse::<f64>().ok()? + slope * grown as f64 / 1e9),
    }
    String::from_utf8(shown).ok()
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::client::ReplySession;
    use crate::draw::DrawnValue;

    #[test]
    fn a_reply_becomes_rows() {
        let session: ReplySession = serde_json::from_str(
            r#"{"start_ns":0,"end_ns":null,"closed":false,"horizon_ns":10000000001,
                "rows":[
                  {"label":"b","kind":"state<bool>","spans":[{"start_ns":0,"end_ns":5,"value":true},{"start_ns":5,"end_ns":9,"value":null}]},
                  {"label":"d","kind":"duration","spans":[{"start_ns":4000000000,"end_ns":null,"value":1.5,"slope":1}]},
                  {"label":"e","kind":"duration","spans":[{"start_ns":0,"end_ns":null,"value":"9007199254.000000001","slope":0}]},
                  {"label":"q","kind":"ratio","spans":[{"start_ns":0,"end_ns":null,"value":0.5,"slope":null}]},
                  {"label":"l","kind":"ratio","last":0.25,"spans":[{"start_ns":0,"end_ns":null,"value":0.5,"slope":null}]},
                  {"label":"s","kind":"state<string>","spans":[{"start_ns":0,"end_ns":null,"value":"pl\"ay"}]}],
                "events":[{"time_ns":3,"text":"x"},{"time_ns":4,"text":"{\"b\":\"y\",\"a\":null,\"n\":1}"}]}"#,
        )
        .unwrap();
        let drawing = of(&session);
        assert_eq!(drawing.end, 10_000_000_001);
        assert_eq!(drawing.rows[0].spans.len(), 1);
        let last: Vec<&str> = drawing.rows.iter().map(|row| row.last.as_str()).collect();
        assert_eq!(last, ["", "7.500000001", "9007199254.000000001", "", "0.25", "pl\"ay"]);
        assert_eq!(drawing.rows[5].spans[0].value, DrawnValue::State("pl\"ay".into()));
        let texts: Vec<&str> = drawing.events.iter().map(|e| e.text.as_str()).collect();
        assert_eq!(texts, ["x", "b=y a= n=1"]);
    }
}
