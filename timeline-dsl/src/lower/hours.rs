//! `during`: hours and days as they are written, and of which sources it is said.
//!
//! A clock is of no source, and a node is: it goes with the columns of the definition in which it stands. A `let` that names
//! a clock alone is therefore lowered anew wherever it is read beside those of another source.

use super::Lowering;
use super::value::Lowered;
use crate::diagnostics::{codes, nearest};
use crate::syntax::{DuringClause, Expr, ExprKind, Name, Span, TextLiteral};
use timeline_core::plan::{LocalHours, Op};
use timeline_core::{SECOND, Time};

/// The days, from Monday on.
pub(crate) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// What is said of hours that cannot be read.
const HELP: &str = "hours are of a clock with 24 of them: `during(\"09:00-17:30\", mon..fri, in \"Europe/Berlin\")`";

impl Lowering<'_> {
    pub(super) fn during(&mut self, span: Span, clause: &DuringClause) -> Lowered {
        let DuringClause { hours, days, zone } = clause;
        if hours.is_empty() {
            let help = "write `during(\"00:00-24:00\", sat, sun)` for whole days";
            return self.error(codes::ARGUMENTS, span, "`during` needs hours", help);
        }
        let read: Vec<Option<(Time, Time)>> = hours.iter().map(|text| self.hours(text)).collect();
        let on: Vec<Option<u8>> = days.iter().map(|(first, last)| self.days(first, last.as_ref())).collect();
        let zone = match zone {
            None => Some(None),
            Some(zone) => self.zone(zone).map(|(name, _)| Some(name).filter(|name| name != "UTC")),
        };
        let (Some(hours), Some(on), Some(zone)) =
            (read.into_iter().collect(), on.into_iter().collect::<Option<Vec<u8>>>(), zone)
        else {
            return Lowered::Error;
        };
        let days = if on.is_empty() { LocalHours::EVERY_DAY } else { on.iter().fold(0, |set, day| set | day) };
        let hours = LocalHours { hours, days, zone: zone.map(Into::into) };
        let first = self.visible.first().map(|source| self.sources[*source].group);
        match self.clock.or(first) {
            Some(group) => self.add(group, Op::During(hours), span),
            None => Lowered::Error,
        }
    }

    /// `09:00-17:30`
    fn hours(&mut self, written: &TextLiteral) -> Option<(Time, Time)> {
        let text = &written.text;
        let read = text.split_once('-').and_then(|(from, until)| Some((time(from.trim())?, time(until.trim())?)));
        let (wrong, help) = match read {
            Some((from, until)) if from == LocalHours::DAY => {
                ("24:00 is the end of a day".to_owned(), format!("write {:?}", clock_text((0, until))))
            }
            Some((from, until)) if from == until => {
                ("these hours end where they begin".to_owned(), "a whole day is \"00:00-24:00\"".to_owned())
            }
            // The end of a day is the beginning of the next one.
            Some((from, 0)) => return Some((from, LocalHours::DAY)),
            Some(hours) => return Some(hours),
            None => (format!("{text:?} is no hours of a day"), self.help_for_hours(text)),
        };
        self.error(codes::HOURS, written.span, wrong, help);
        None
    }

    /// What was perhaps meant by a text that is no hours.
    fn help_for_hours(&self, text: &str) -> String {
        let dash = |c: char| matches!(c, '-' | '\u{2013}' | '\u{2014}');
        if text.contains('/') || text == "UTC" {
            return format!("did you mean `in {text:?}`?");
        }
        let Some((from, until)) = text.split_once(dash) else { return HELP.to_owned() };
        let (from, until) = (from.trim(), until.trim_start_matches(dash).trim());
        if let (Some(from), Some(until)) = (day(from), day(until)) {
            return format!("days stand without quotes: `{}..{}`", DAYS[from], DAYS[until]);
        }
        match (lenient(from), lenient(until)) {
            (Some(from), Some(until)) if from != until && from < LocalHours::DAY => {
                format!("did you mean \"{}\"?", clock_text((from, until)))
            }
            _ => HELP.to_owned(),
        }
    }

    /// The days from one to another, over the end of the week too.
    fn days(&mut self, first: &Name, last: Option<&Name>) -> Option<u8> {
        let from = self.day(first);
        let until = last.map_or(from, |last| self.day(last));
        let (from, until) = (from?, until?);
        let count = (until + 7 - from) % 7 + 1;
        Some((0..count).fold(0, |set, n| set | 1 << ((from + n) % 7)))
    }

    fn day(&mut self, name: &Name) -> Option<usize> {
        if let Some(found) = DAYS.iter().position(|day| *day == name.text) {
            return Some(found);
        }
        let wanted = name.text.to_ascii_lowercase();
        let help = match wanted.as_str() {
            "weekdays" | "weekday" | "workdays" | "workday" => "did you mean `mon..fri`?".to_owned(),
            "weekend" | "weekends" => "did you mean `sat, sun`?".to_owned(),
            _ => match day(&wanted).map(|n| DAYS[n]).or_else(|| nearest(&wanted, DAYS)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the days are {}", DAYS.join(", ")),
            },
        };
        self.error(codes::HOURS, name.span, format!("no day is called `{}`", name.text), help);
        None
    }

    /// The group of the first column that an expression names.
    pub(super) fn group_named_in(&self, e: &Expr) -> Option<usize> {
        let column = |name: &str| {
            let (of, own) = name.split_once('.').map_or((None, name), |(of, own)| (Some(of), own));
            let has = |source: &&usize| {
                let source = &self.sources[**source];
                source.columns.contains_key(name) || (of == Some(&source.name) && source.columns.contains_key(own))
            };
            self.visible.iter().find(has).map(|source| self.sources[*source].group)
        };
        let own = match &e.kind {
            ExprKind::Column(name) => column(&name.text),
            ExprKind::Path(path) => {
                let name = path.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(".");
                match self.scope.get(&name) {
                    Some(_) if self.clocks.contains_key(&name) => None,
                    Some(binding) => self.group_of(&binding.value),
                    None => column(&name).or_else(|| self.group_of(&self.outputs.get(&name)?.value)),
                }
            }
            _ => None,
        };
        own.or_else(|| e.parts().into_iter().find_map(|part| self.group_named_in(part)))
    }

    fn group_of(&self, value: &Lowered) -> Option<usize> {
        match value {
            Lowered::Event(event) => Some(self.sources[event.source].group),
            Lowered::Node { source, .. } => Some(*source),
            Lowered::Mixed(mixed) => Some(mixed.group),
            Lowered::Literal(_) | Lowered::Error => None,
        }
    }
}

/// Whether an expression asks a clock.
pub(super) fn asks_clock(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::During(_)) || e.parts().into_iter().any(asks_clock)
}

/// `09:00`, `9:00` or `09:00:00` as a time of the clock; `24:00` is the end of the day.
fn time(text: &str) -> Option<Time> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next().unwrap_or("00"));
    let part = |text: &str, digits: std::ops::RangeInclusive<usize>, most: i64| {
        let is_number = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse::<i64>().ok()).flatten().filter(|n| *n <= most)
    };
    let time = part(hours, 1..=2, 24)? * 3600 + part(minutes, 2..=2, 59)? * 60 + part(seconds, 2..=2, 59)?;
    (parts.next().is_none() && time * SECOND <= LocalHours::DAY).then_some(time * SECOND)
}

/// The same as people write it elsewhere: `9`, `9am`, `9:30 pm`, `0930`.
fn lenient(text: &str) -> Option<Time> {
    let text = text.to_ascii_lowercase();
    let (digits, noon) = match text.strip_suffix("pm") {
        Some(rest) => (rest.trim(), Some(12)),
        None => match text.strip_suffix("am") {
            Some(rest) => (rest.trim(), Some(0)),
            None => (text.strip_suffix('h').unwrap_or(&text).trim(), None),
        },
    };
    let colon = match digits.len() {
        1 | 2 => format!("{digits}:00"),
        4 if digits.is_ascii() && !digits.contains([':', '.']) => format!("{}:{}", &digits[..2], &digits[2..]),
        _ => digits.replace('.', ":"),
    };
    let time = time(&colon)?;
    match noon {
        None => Some(time),
        Some(noon) => (time < 13 * 3600 * SECOND).then_some(time % (12 * 3600 * SECOND) + noon * 3600 * SECOND),
    }
}

/// The day of a name, long or short, whatever its case.
fn day(text: &str) -> Option<usize> {
    const LONG: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let text = text.to_ascii_lowercase();
    let is = |n: &usize| text.len() >= DAYS[*n].len() && LONG[*n].starts_with(&text);
    (0..7).find(is)
}

/// Hours as they are written.
pub(crate) fn clock_text((from, until): (Time, Time)) -> String {
    let text = |time: Time| {
        let seconds = time / SECOND;
        let rest = if seconds % 60 == 0 { String::new() } else { format!(":{:02}", seconds % 60) };
        format!("{:02}:{:02}{rest}", seconds / 3600, seconds / 60 % 60)
    };
    format!("{}-{}", text(from), text(until))
}
