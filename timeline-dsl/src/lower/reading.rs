//! What a source's clauses say about how its records are written: units and forms of times, and CSV.
//!
//! Forms and zones are checked here with the very library that reads times later (`jiff`, whose rules of time zones come with
//! the binary), so what is accepted can be read on every machine.

use super::Lowering;
use crate::diagnostics::{codes, nearest};
use crate::syntax::{Name, Span, TextLiteral, TimeForm};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::sync::Arc;
use timeline_core::plan::{Csv, TimeFormat, TimeUnit};

/// The words behind `in`.
const UNITS: [TimeUnit; 5] =
    [TimeUnit::Nanoseconds, TimeUnit::Microseconds, TimeUnit::Milliseconds, TimeUnit::Seconds, TimeUnit::Rfc3339];

/// The longest form of times, in bytes.
const FORMAT_MAX: usize = 256;

impl Lowering<'_> {
    /// How an event time is written; `None` if that is not said, or wrongly, which is reported.
    pub(super) fn time_unit(&mut self, clause: Span, form: Option<&TimeForm>) -> Option<TimeUnit> {
        match form {
            None => {
                let help = "say how it is written: `in ns`, `in us`, `in ms`, `in s`, `in rfc3339` or `as \"FORMAT\"`";
                self.error(codes::TIME_UNIT, clause, "the time has no unit", help);
                None
            }
            Some(TimeForm::Unit(name)) => self.unit(name),
            Some(TimeForm::Format { format, zone }) => {
                let zone = match zone {
                    Some(zone) => Some(self.zone(zone)?),
                    None => None,
                };
                self.readable(format)?;
                let zone = zone.map(|(name, _)| name);
                Some(TimeUnit::Format(Arc::new(TimeFormat { format: format.text.clone(), zone })))
            }
        }
    }

    fn unit(&mut self, name: &Name) -> Option<TimeUnit> {
        let found = UNITS.into_iter().find(|u| u.name() == name.text);
        if found.is_none() {
            let meant = match name.text.to_ascii_lowercase().as_str() {
                "millis" | "milliseconds" => Some("ms"),
                "micros" | "microseconds" => Some("us"),
                "nanos" | "nanoseconds" => Some("ns"),
                "sec" | "seconds" | "unix" | "epoch" => Some("s"),
                "iso" | "iso8601" | "datetime" | "timestamp" => Some("rfc3339"),
                other => nearest(other, UNITS.iter().map(TimeUnit::name)),
            };
            let meant = meant.map(|m| format!("did you mean `{m}`? ")).unwrap_or_default();
            let message = format!("`{}` is no unit of an event time", name.text);
            let units = "the units are ns, us, ms, s and rfc3339; another form is written `as \"%d.%m.%Y %H:%M:%S\"`";
            self.error(codes::TIME_UNIT, name.span, message, format!("{meant}{units}"));
        }
        found
    }

    /// A zone of the database that comes with the binary, by its name there.
    pub(super) fn zone(&mut self, zone: &TextLiteral) -> Option<(String, TimeZone)> {
        let database = TimeZoneDatabase::bundled();
        if let Ok(found) = database.get(&zone.text) {
            let name = found.iana_name().unwrap_or(&zone.text).to_owned();
            return Some((name, found));
        }
        let known: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
        // Of a city alone the whole name is what was meant.
        let wanted = zone.text.replace(' ', "_");
        let city =
            known.iter().find(|name| name.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&wanted)));
        let near = city.map(String::as_str).or_else(|| nearest(&wanted, known.iter().map(String::as_str)));
        let near = near.map(|name| format!("did you mean \"{name}\"? ")).unwrap_or_default();
        let message = format!("{:?} is no time zone", zone.text);
        let help = format!("{near}zones have the names of the IANA database, such as \"Europe/Berlin\" or \"UTC\"");
        self.error(codes::ZONE, zone.span, message, help);
        None
    }

    /// Whether a form says an instant: what is written with it can be read with it, and says the day.
    fn readable(&mut self, format: &TextLiteral) -> Option<()> {
        let help = "a form is that of `strptime`: %Y-%m-%d, %d.%m.%Y, %H:%M:%S, %I:%M %p, %.f for a fraction, %z for an offset";
        let wrong = match form_fault(&format.text) {
            None => return Some(()),
            Some(wrong) => wrong,
        };
        let message = format!("{:?} cannot be read as a form of times: {wrong}", format.text);
        self.error(codes::TIME_FORMAT, format.span, message, help);
        None
    }

    /// What is said of CSV, as far as it can be.
    pub(super) fn csv(&mut self, delimiter: Option<&TextLiteral>, decimal: Option<&TextLiteral>) -> Csv {
        let one = |text: &TextLiteral| match text.text.as_bytes() {
            [byte] if byte.is_ascii() => Some(*byte),
            _ => None,
        };
        let mut csv = Csv::default();
        if let Some(text) = delimiter {
            csv.delimiter = one(text).filter(|byte| !byte.is_ascii_alphanumeric() && !b"\"\r\n.".contains(byte));
            if csv.delimiter.is_none() {
                let message = format!("{:?} cannot stand between cells", text.text);
                let help = "a delimiter is one character that is neither a letter, a digit, a point, a quote nor a line end: \
                            `csv delimiter \";\"`, `csv delimiter \"\\t\"`";
                self.error(codes::CSV, text.span, message, help);
            }
        }
        if let Some(text) = decimal {
            csv.decimal = one(text).filter(|byte| b".,".contains(byte));
            if csv.decimal.is_none() {
                let message = format!("{:?} is no decimal sign", text.text);
                self.error(codes::CSV, text.span, message, "a decimal sign is `\".\"` or `\",\"`");
            } else if csv.decimal == csv.delimiter && delimiter.is_some() {
                let message = format!("{:?} cannot stand between cells and within numbers", text.text);
                let help = "name the delimiter that the file has, for example `csv delimiter \";\" decimal \",\"`";
                self.error(codes::CSV, text.span, message, help);
            }
        }
        csv
    }
}

/// Why a form says no instant, if it does not.
fn form_fault(format: &str) -> Option<String> {
    if format.len() > FORMAT_MAX {
        return Some(format!("it has more than {FORMAT_MAX} bytes"));
    }
    // Its parts all differ, so that what is mixed up shows.
    let sample = jiff::civil::date(2024, 11, 23).at(14, 35, 46, 0);
    let zoned = match sample.to_zoned(TimeZone::UTC) {
        Ok(zoned) => zoned,
        Err(error) => return Some(error.to_string()),
    };
    let read = || -> Result<jiff::civil::Date, jiff::Error> {
        let text = jiff::fmt::strtime::format(format, &zoned)?;
        let read = BrokenDownTime::parse(format, &text)?;
        match read.timestamp() {
            Some(at) => Ok(TimeZone::UTC.to_datetime(at).date()),
            None => read.to_date(),
        }
    };
    match read() {
        Ok(date) if date == sample.date() => None,
        Ok(_) => Some("it does not say the day".into()),
        Err(error) => Some(error.to_string()),
    }
}
