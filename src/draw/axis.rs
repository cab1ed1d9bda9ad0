//! The time axis: ticks at round times since the start, and the start itself as a date.

use super::scale::Scale;
use super::style::{Ink, Style};
use crate::output::text::short_time;
use unicode_width::UnicodeWidthStr;

const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;
const DAY: i128 = 24 * HOUR;

/// Distances that people count in, between a second and a day.
const STEPS: [i128; 16] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
];
/// Cells between two ticks, so that their labels do not touch.
const LEAST_DISTANCE: i128 = 10;

/// The lines of the axis.
pub(super) fn lines(scale: &Scale, style: &Style) -> Vec<String> {
    let step = step(scale);
    let mut ruler = vec![style.pick('─', '-'); scale.cells];
    let mut labels = String::new();
    let mut at = 0;
    while at <= scale.length() {
        let time = i64::try_from(i128::from(scale.start) + at).unwrap_or(i64::MAX);
        let cell = scale.cell(time);
        ruler[cell] = if at == 0 { style.pick('└', '+') } else { style.pick('┴', '+') };
        let label = relative(at);
        if cell >= labels.width() && cell + label.len() <= scale.cells + 1 {
            labels.push_str(&" ".repeat(cell - labels.width()));
            labels.push_str(&label);
            labels.push(' ');
        }
        at += step;
    }
    let length = relative(scale.length());
    let dates = format!("from {} to {}, {length}", short_time(scale.start), short_time(scale.end));
    let mut lines = vec![ruler.into_iter().collect(), labels.trim_end().to_owned()];
    lines.push(if dates.len() <= scale.cells + 1 {
        dates
    } else {
        style.fit(&format!("from {}", short_time(scale.start)), scale.cells + 1)
    });
    lines.into_iter().map(|line| style.paint(Ink::Axis, line)).collect()
}

/// The least round distance that leaves room for the labels.
fn step(scale: &Scale) -> i128 {
    let wide_enough = |step: &i128| step * scale.cells as i128 >= LEAST_DISTANCE * scale.length();
    let decades = |from: i128| (0..20u32).flat_map(move |k| [1, 2, 5].map(|m| from * m * 10i128.pow(k)));
    let below = decades(1).take_while(|s| *s < SECOND);
    below.chain(STEPS).chain(decades(DAY)).find(wide_enough).unwrap_or(scale.length())
}

/// A length of time since the start, e.g. `0.25s`, `1m30s`, `2h`.
fn relative(ns: i128) -> String {
    if ns < MINUTE {
        let mut text = vec![];
        crate::output::text::decimal(&mut text, ns, 9);
        return format!("{}s", String::from_utf8_lossy(&text));
    }
    let mut text = String::new();
    let mut rest = ns;
    for (unit, name) in [(DAY, 'd'), (HOUR, 'h'), (MINUTE, 'm')] {
        if rest >= unit {
            text.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if rest > 0 {
        text.push_str(&relative(rest));
    }
    text
}
