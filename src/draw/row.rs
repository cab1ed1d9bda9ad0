//! One line of a drawing.
//!
//! A line is built as one character a cell, plus one column that closes or continues the last segment;
//! functions return it with its width, since painted text no longer tells its width.

use super::scale::Scale;
use super::style::{Ink, Style};
use super::{DrawnEvent, DrawnRow, DrawnSpan, DrawnValue};
use unicode_width::UnicodeWidthStr;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const LEVELS_ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

/// A timeline and its width in columns.
pub(super) fn timeline(row: &DrawnRow, scale: &Scale, style: &Style) -> (String, usize) {
    let kind = row.spans.iter().map(|s| &s.value).next();
    let (text, ink) = match kind {
        None => return (String::new(), 0),
        Some(DrawnValue::Bool(_)) => (bar(row, scale, style), Ink::True),
        Some(DrawnValue::State(_)) => (segments(row, scale, style), Ink::State),
        Some(DrawnValue::Number { .. }) => (curve(row, scale, style), Ink::Number),
        Some(DrawnValue::Event) => (marks(row.spans.iter().map(|s| (s.start, "")), scale, style), Ink::Mark),
    };
    painted(&text, ink, style)
}

/// The row of events and its width in columns.
pub(super) fn events(events: &[DrawnEvent], scale: &Scale, style: &Style) -> (String, usize) {
    let text = marks(events.iter().map(|e| (e.time, e.text.as_str())), scale, style);
    painted(&text, Ink::Mark, style)
}

fn painted(text: &str, ink: Ink, style: &Style) -> (String, usize) {
    let text = text.trim_end();
    (style.paint(ink, text.to_owned()), text.width())
}

/// For each cell the span that it shows.
fn owners(spans: &[DrawnSpan], scale: &Scale) -> Vec<Option<usize>> {
    let mut owners = vec![None; scale.cells];
    let mut next = 0;
    for (cell, owner) in owners.iter_mut().enumerate() {
        let middle = scale.middle(cell);
        while next + 1 < spans.len() && spans[next + 1].start <= middle {
            next += 1;
        }
        *owner = spans.get(next).filter(|s| s.start <= middle && s.end.is_none_or(|e| middle < e)).map(|_| next);
    }
    for (i, span) in spans.iter().enumerate() {
        let outside = span.start > scale.end || span.end.is_some_and(|e| e <= scale.start && e > span.start);
        if !outside && !owners.contains(&Some(i)) {
            owners[scale.cell(span.start)] = Some(i);
        }
    }
    owners
}

fn bar(row: &DrawnRow, scale: &Scale, style: &Style) -> String {
    let cell = |owner: &Option<usize>| match owner.map(|i| &row.spans[i].value) {
        Some(DrawnValue::Bool(true)) => style.pick('█', '#'),
        Some(_) => style.pick('▁', '_'),
        None => ' ',
    };
    owners(&row.spans, scale).iter().map(cell).collect()
}

fn segments(row: &DrawnRow, scale: &Scale, style: &Style) -> String {
    let (edge, dash) = (style.pick('│', '|'), style.pick('─', '-'));
    let owners = owners(&row.spans, scale);
    let mut line = String::new();
    let mut open = None;
    for run in owners.chunk_by(|a, b| a == b) {
        let span = run[0].map(|i| &row.spans[i]);
        match span.map(|s| &s.value) {
            Some(DrawnValue::State(label)) => {
                line.push(edge);
                line.push_str(&segment(label, run.len() - 1, dash, style));
            }
            // What was a state ends where nothing follows it.
            _ if open.is_some() => {
                line.push(edge);
                line.push_str(&" ".repeat(run.len() - 1));
            }
            _ => line.push_str(&" ".repeat(run.len())),
        }
        open = span;
    }
    match open {
        Some(span) if span.end.is_none() => line.push(style.pick('▶', '>')),
        Some(_) => line.push(edge),
        None => {}
    }
    line
}

/// The label in the middle of dashes.
fn segment(label: &str, width: usize, dash: char, style: &Style) -> String {
    let label = style.fit(label, width);
    let rest = width - label.width();
    let dashes = |n: usize| dash.to_string().repeat(n);
    format!("{}{label}{}", dashes(rest / 2), dashes(rest - rest / 2))
}

fn curve(row: &DrawnRow, scale: &Scale, style: &Style) -> String {
    let at = |span: &DrawnSpan, t: i64| match span.value {
        DrawnValue::Number { value, slope } => value + slope * (t as f64 - span.start as f64) / 1e9,
        _ => 0.0,
    };
    let ends = row.spans.iter().flat_map(|s| {
        let end = s.end.unwrap_or(scale.end).clamp(s.start, scale.end.max(s.start));
        [at(s, s.start), at(s, end)]
    });
    // Zero is always on the scale, so that the height of a constant means something.
    let (low, high) = ends.fold((0.0f64, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
    let levels = if style.ascii { LEVELS_ASCII } else { LEVELS };
    let top = (levels.len() - 1) as f64;
    let cell = |(cell, owner): (usize, &Option<usize>)| {
        let Some(span) = owner.map(|i| &row.spans[i]) else { return ' ' };
        let t = scale.middle(cell).clamp(span.start, span.end.unwrap_or(i64::MAX).max(span.start));
        let level = if high > low { (at(span, t) - low) / (high - low) * top } else { 0.0 };
        levels[(level.round().clamp(0.0, top)) as usize]
    };
    owners(&row.spans, scale).iter().enumerate().map(cell).collect()
}

/// One mark a cell, a digit where several fall into one; beside a mark its text, where there is room before the next.
fn marks<'a>(instants: impl Iterator<Item = (i64, &'a str)>, scale: &Scale, style: &Style) -> String {
    let mut cells: Vec<(usize, &str)> = vec![(0, ""); scale.cells];
    for (time, text) in instants {
        let cell = &mut cells[scale.cell(time)];
        *cell = (cell.0 + 1, if cell.0 == 0 { text } else { "" });
    }
    let mut line = String::new();
    let mut at = 0;
    while at < cells.len() {
        let (count, text) = cells[at];
        line.push(match count {
            0 => ' ',
            1 => style.pick('•', '*'),
            2..=9 => char::from_digit(count as u32, 10).expect("one digit"),
            _ => '+',
        });
        at += 1;
        let free = cells[at..].iter().take_while(|c| c.0 == 0).count();
        let room = if at + free == cells.len() { free } else { free.saturating_sub(1) };
        if !text.is_empty() && text.width() <= room {
            line.push_str(text);
            at += text.width();
        }
    }
    line
}
