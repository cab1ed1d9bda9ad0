//! A session's timelines drawn as text: a row for each timeline, the time axis below.
//!
//! ```text
//! playing   ▁▁▁▁██████████▁▁▁▁▁▁
//! state     │─buffer─│──play───│
//! buffered  ▁▁▂▃▄▅▆▇██████████    5.25
//! events    •   •   2     •
//!           └─────────┴─────────
//!           0s        10s
//! ```
//!
//! The rows know nothing of sessions or servers, only of spans on a range of time, so that anything can be drawn.
//!
//! **Invariant:** no line is wider than the style says, unless that leaves less than [`LEAST_CELLS`] for the timelines;
//! and no span, however short, disappears: one that owns no cell takes the cell in which it begins.

mod axis;
mod row;
mod scale;
mod style;
#[cfg(test)]
mod tests;

pub(crate) use style::Style;

use scale::Scale;
use std::collections::BTreeSet;
use unicode_width::UnicodeWidthStr;

/// What a timeline is drawn at least as wide as, however narrow the terminal.
const LEAST_CELLS: usize = 10;
/// Most that the final value to the right of a row takes.
const VALUE_MOST: usize = 20;

/// Timelines on one range of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Drawing {
    /// Where the axis begins, in nanoseconds since the Unix epoch.
    pub(crate) start: i64,
    /// Where it ends; not before `start`.
    pub(crate) end: i64,
    /// The timelines, from top to bottom.
    pub(crate) rows: Vec<DrawnRow>,
    /// What happened: the lowest row, if there is any.
    pub(crate) events: Vec<DrawnEvent>,
}

/// One timeline.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DrawnRow {
    /// What stands to its left.
    pub(crate) label: String,
    /// Its spans by start, without overlap; where there is none the timeline is absent.
    pub(crate) spans: Vec<DrawnSpan>,
    /// What stands to its right: its value at the end.
    pub(crate) last: String,
}

/// One span `[start, end)`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DrawnSpan {
    pub(crate) start: i64,
    /// `None` while it goes on.
    pub(crate) end: Option<i64>,
    pub(crate) value: DrawnValue,
}

/// What a timeline is on a span.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DrawnValue {
    /// A filled bar or a baseline.
    Bool(bool),
    /// A labelled segment.
    State(String),
    /// A piece of a curve.
    Number {
        /// At the start of the span.
        value: f64,
        /// Change per second.
        slope: f64,
    },
    /// An event of a derived sequence: a mark at the start of the span.
    Event,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DrawnEvent {
    pub(crate) time: i64,
    /// Shown beside its mark where there is room.
    pub(crate) text: String,
}

/// The drawing as lines of text, each with its newline.
pub(crate) fn draw(drawing: &Drawing, style: &Style) -> String {
    let label_of_events = if drawing.events.is_empty() { "" } else { "events" };
    let widest = drawing.rows.iter().map(|r| r.label.as_str()).chain([label_of_events]);
    let label_most = (style.width / 3).max(8);
    let label_width = widest.map(UnicodeWidthStr::width).max().unwrap_or(0).min(label_most);
    let value_most = if style.width < 40 { 0 } else { VALUE_MOST };
    let value_width = drawing.rows.iter().map(|r| r.last.width()).max().unwrap_or(0).min(value_most);
    // One column between label and timelines, one that closes the last segment, one before the value.
    let around = label_width + 2 + if value_width > 0 { value_width + 1 } else { 0 };
    let scale = Scale::new(drawing.start, drawing.end, style.width.saturating_sub(around).max(LEAST_CELLS));

    let mut text = String::new();
    let mut line = |label: &str, body: &str, width: usize, last: &str| {
        let label = style.fit(label, label_width);
        let start = text.len();
        text.push_str(&label);
        text.push_str(&" ".repeat(label_width - label.width() + 1));
        text.push_str(body);
        if value_width > 0 && !last.is_empty() {
            text.push_str(&" ".repeat((scale.cells + 2).saturating_sub(width)));
            text.push_str(&style.fit(last, value_width));
        }
        let end = start + text[start..].trim_end().len();
        text.truncate(end);
        text.push('\n');
    };
    for (timeline, label) in drawing.rows.iter().zip(labels(&drawing.rows, style, label_width)) {
        let (body, width) = row::timeline(timeline, &scale, style);
        line(&label, &body, width, &timeline.last);
    }
    if !drawing.events.is_empty() {
        let (body, width) = row::events(&drawing.events, &scale, style);
        line("events", &body, width, "");
    }
    for axis in axis::lines(&scale, style) {
        line("", &axis, scale.cells, "");
    }
    text
}

/// The labels as they fit, no two alike: where beginnings are, the ends are shown, or the numbers of the rows.
fn labels(rows: &[DrawnRow], style: &Style, width: usize) -> Vec<String> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut labels = vec![];
    for (n, row) in rows.iter().enumerate() {
        let number = format!("#{}", n + 1);
        let numbered = || format!("{}{number}", style.fit(&row.label, width.saturating_sub(number.len())));
        let fitting = [style.fit(&row.label, width), style.fit_end(&row.label, width)];
        let label = fitting.into_iter().find(|label| !taken.contains(label)).unwrap_or_else(numbered);
        taken.insert(label.clone());
        labels.push(label);
    }
    labels
}
