//! The parts of a time that a pattern names, and how each is written.

use jiff::civil::{DateTime, Time};

/// What is written.
#[derive(Debug)]
pub(super) enum Moment {
    /// An instant as the clock of its zone shows it.
    Zoned { local: DateTime, offset_seconds: i32, zone: String },
    /// A date, or a time without a zone.
    Local(DateTime),
    /// A time of day.
    Hour(Time),
    /// A length of time, in nanoseconds.
    Length(i128),
}

/// The letters of a field: a name is written in the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldCase {
    Upper,
    Lower,
    Capital,
}

/// A part of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Year(YearDigits),
    IsoYear(YearDigits),
    Century,
    Quarter,
    Month,
    MonthName,
    MonthShort,
    MonthRoman,
    Week,
    WeekOfMonth,
    IsoWeek,
    Day,
    DayOfYear,
    IsoDayOfYear,
    DayName,
    DayShort,
    Weekday,
    IsoWeekday,
    Julian,
    Hour24,
    Hour12,
    Minute,
    Second,
    SecondOfDay,
    Fraction(usize),
    Half,
    HalfDotted,
    Zone,
    ZoneHour,
    ZoneMinute,
    Offset,
}

/// How much of a year is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum YearDigits {
    All,
    Grouped,
    Last(usize),
}

/// All fields by their names.
const FIELDS: [(&str, Field); 52] = [
    ("Y,YYY", Field::Year(YearDigits::Grouped)),
    ("YYYY", Field::Year(YearDigits::All)),
    ("YYY", Field::Year(YearDigits::Last(3))),
    ("YY", Field::Year(YearDigits::Last(2))),
    ("Y", Field::Year(YearDigits::Last(1))),
    ("IYYY", Field::IsoYear(YearDigits::All)),
    ("IYY", Field::IsoYear(YearDigits::Last(3))),
    ("IY", Field::IsoYear(YearDigits::Last(2))),
    ("I", Field::IsoYear(YearDigits::Last(1))),
    ("CC", Field::Century),
    ("Q", Field::Quarter),
    ("MM", Field::Month),
    ("MONTH", Field::MonthName),
    ("MON", Field::MonthShort),
    ("RM", Field::MonthRoman),
    ("WW", Field::Week),
    ("W", Field::WeekOfMonth),
    ("IW", Field::IsoWeek),
    ("DD", Field::Day),
    ("DDD", Field::DayOfYear),
    ("IDDD", Field::IsoDayOfYear),
    ("DAY", Field::DayName),
    ("DY", Field::DayShort),
    ("D", Field::Weekday),
    ("ID", Field::IsoWeekday),
    ("J", Field::Julian),
    ("HH24", Field::Hour24),
    ("HH12", Field::Hour12),
    ("HH", Field::Hour12),
    ("MI", Field::Minute),
    ("SS", Field::Second),
    ("SSSS", Field::SecondOfDay),
    ("SSSSS", Field::SecondOfDay),
    ("MS", Field::Fraction(3)),
    ("US", Field::Fraction(6)),
    ("FF1", Field::Fraction(1)),
    ("FF2", Field::Fraction(2)),
    ("FF3", Field::Fraction(3)),
    ("FF4", Field::Fraction(4)),
    ("FF5", Field::Fraction(5)),
    ("FF6", Field::Fraction(6)),
    ("FF7", Field::Fraction(7)),
    ("FF8", Field::Fraction(8)),
    ("FF9", Field::Fraction(9)),
    ("AM", Field::Half),
    ("PM", Field::Half),
    ("A.M.", Field::HalfDotted),
    ("P.M.", Field::HalfDotted),
    ("TZ", Field::Zone),
    ("TZH", Field::ZoneHour),
    ("TZM", Field::ZoneMinute),
    ("OF", Field::Offset),
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// The Julian day of 1970-01-01.
const JULIAN_OF_EPOCH: i64 = 2_440_588;

impl Field {
    /// The field with the longest name that a text begins with in any letters, those letters if a name may be written in
    /// them, and how long it is.
    pub(super) fn longest(text: &str) -> Option<(Field, Option<FieldCase>, usize)> {
        let of = |(name, field): &(&str, Field)| {
            let begin = text.get(..name.len()).filter(|begin| begin.eq_ignore_ascii_case(name))?;
            Some((*field, field.case(begin), name.len()))
        };
        FIELDS.iter().filter_map(of).max_by_key(|(_, _, length)| *length)
    }

    /// The letters of a name, if it may be written in them.
    fn case(self, name: &str) -> Option<FieldCase> {
        let is_name = matches!(self, Field::MonthName | Field::MonthShort | Field::DayName | Field::DayShort);
        let letters = || name.chars().filter(char::is_ascii_alphabetic);
        if letters().all(|letter| letter.is_ascii_uppercase()) {
            Some(FieldCase::Upper)
        } else if letters().all(|letter| letter.is_ascii_lowercase()) {
            Some(FieldCase::Lower)
        } else if is_name && name.starts_with(|c: char| c.is_ascii_uppercase()) {
            letters().skip(1).all(|letter| letter.is_ascii_lowercase()).then_some(FieldCase::Capital)
        } else {
            None
        }
    }

    /// The names of all.
    pub(super) fn known() -> String {
        FIELDS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
    }

    /// Whether it is written as a number.
    pub(super) fn is_number(self) -> bool {
        use Field::{
            DayName, DayShort, Half, HalfDotted, MonthName, MonthRoman, MonthShort, Offset, Zone, ZoneHour, ZoneMinute,
        };
        let is_other = matches!(
            self,
            MonthName
                | MonthShort
                | MonthRoman
                | DayName
                | DayShort
                | Half
                | HalfDotted
                | Zone
                | ZoneHour
                | ZoneMinute
                | Offset
        );
        !is_other
    }

    /// It of a time, filled to its width or not; what the time lacks if it has none.
    pub(super) fn write(self, moment: &Moment, case: FieldCase, fills: bool) -> Result<String, String> {
        let number = |number: i64, width: usize| if fills { padded(number, width) } else { number.to_string() };
        let name = |name: &str, width: usize| {
            let name = match case {
                FieldCase::Upper => name.to_uppercase(),
                FieldCase::Lower => name.to_lowercase(),
                FieldCase::Capital => name.to_owned(),
            };
            if fills { format!("{name:<width$}") } else { name }
        };
        let date = || moment.date(self);
        let clock = || moment.clock(self);
        let year = |year: i64, digits: YearDigits| match digits {
            YearDigits::All => number(year, 4),
            YearDigits::Grouped => format!("{},{:03}", year / 1000, year % 1000),
            YearDigits::Last(count) => number(year % 10_i64.pow(count as u32), count),
        };
        let day_of = |at: &DateTime| i64::from(at.day_of_year());
        Ok(match self {
            Field::Year(digits) => year(i64::from(date()?.year()), digits),
            Field::IsoYear(digits) => year(i64::from(date()?.iso_week_date().year()), digits),
            Field::Century => number((i64::from(date()?.year()) + 99).div_euclid(100), 2),
            Field::Quarter => number((i64::from(date()?.month()) + 2) / 3, 1),
            Field::Month => number(i64::from(date()?.month()), 2),
            Field::MonthName => name(MONTHS[month(date()?)], 9),
            Field::MonthShort => name(&MONTHS[month(date()?)][..3], 0),
            Field::MonthRoman => name(ROMAN[month(date()?)], 4),
            Field::Week => number((day_of(date()?) + 6) / 7, 2),
            Field::WeekOfMonth => number((i64::from(date()?.day()) + 6) / 7, 1),
            Field::IsoWeek => number(i64::from(date()?.iso_week_date().week()), 2),
            Field::Day => match moment {
                Moment::Length(ns) => number(clamped(ns / (86_400 * SECOND)), 2),
                _ => number(i64::from(date()?.day()), 2),
            },
            Field::DayOfYear => number(day_of(date()?), 3),
            Field::IsoDayOfYear => {
                let iso = date()?.iso_week_date();
                number((i64::from(iso.week()) - 1) * 7 + i64::from(iso.weekday().to_monday_one_offset()), 3)
            }
            Field::DayName => name(DAYS[weekday(date()?)], 9),
            Field::DayShort => name(&DAYS[weekday(date()?)][..3], 0),
            Field::Weekday => number(weekday(date()?) as i64 + 1, 1),
            Field::IsoWeekday => number(i64::from(date()?.weekday().to_monday_one_offset()), 1),
            Field::Julian => {
                let since = date()?.date().duration_since(jiff::civil::date(1970, 1, 1));
                (since.as_secs().div_euclid(86_400) + JULIAN_OF_EPOCH).to_string()
            }
            Field::Hour24 => number(clamped(clock()? / (3600 * SECOND)), 2),
            Field::Hour12 => {
                let hour = clamped(clock()? / (3600 * SECOND)) % 12;
                number(if hour == 0 { 12 } else { hour }, 2)
            }
            Field::Minute => number(clamped(clock()? / (60 * SECOND) % 60), 2),
            Field::Second => number(clamped(clock()? / SECOND % 60), 2),
            Field::SecondOfDay => clamped(clock()? / SECOND).to_string(),
            Field::Fraction(digits) => {
                let ns = (clock()? % SECOND).unsigned_abs();
                format!("{ns:09}")[..digits].to_owned()
            }
            Field::Half | Field::HalfDotted => {
                let is_first = clamped(clock()? / (3600 * SECOND)) % 24 < 12;
                name(
                    match (self, is_first) {
                        (Field::HalfDotted, true) => "A.M.",
                        (Field::HalfDotted, false) => "P.M.",
                        (_, true) => "AM",
                        (_, false) => "PM",
                    },
                    0,
                )
            }
            Field::Zone => name(moment.zone(self)?.0, 0),
            Field::ZoneHour => signed_hours(moment.zone(self)?.1),
            Field::ZoneMinute => format!("{:02}", moment.zone(self)?.1.abs() / 60 % 60),
            Field::Offset => {
                let offset = moment.zone(self)?.1;
                match offset.abs() / 60 % 60 {
                    0 => signed_hours(offset),
                    minutes => format!("{}:{minutes:02}", signed_hours(offset)),
                }
            }
        })
    }

    /// That a time has no such part.
    fn lacking(self, what: &str) -> String {
        let name = FIELDS.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| *name);
        format!("{what} has no `{name}`")
    }
}

/// Nanoseconds of a second.
const SECOND: i128 = 1_000_000_000;

impl Moment {
    fn date(&self, field: Field) -> Result<&DateTime, String> {
        match self {
            Moment::Zoned { local, .. } | Moment::Local(local) => Ok(local),
            Moment::Hour(_) => Err(field.lacking("a time of day")),
            Moment::Length(_) => Err(field.lacking("a length of time")),
        }
    }

    /// Nanoseconds since midnight; of a length what is left over from its days.
    fn clock(&self, field: Field) -> Result<i128, String> {
        let since = |time: Time| {
            let seconds = i128::from(time.hour()) * 3600 + i128::from(time.minute()) * 60 + i128::from(time.second());
            seconds * SECOND + i128::from(time.subsec_nanosecond())
        };
        match self {
            Moment::Zoned { local, .. } | Moment::Local(local) => Ok(since(local.time())),
            Moment::Hour(time) => Ok(since(*time)),
            // A length has no noon.
            Moment::Length(_) if matches!(field, Field::Half | Field::HalfDotted) => {
                Err(field.lacking("a length of time"))
            }
            Moment::Length(ns) => Ok(ns % (86_400 * SECOND)),
        }
    }

    /// The name of the zone, and how far it is from UTC.
    fn zone(&self, field: Field) -> Result<(&str, i32), String> {
        match self {
            Moment::Zoned { zone, offset_seconds, .. } => Ok((zone, *offset_seconds)),
            Moment::Local(_) | Moment::Hour(_) => Err(field.lacking("a time without a zone")),
            Moment::Length(_) => Err(field.lacking("a length of time")),
        }
    }
}

fn month(at: &DateTime) -> usize {
    usize::try_from(at.month() - 1).expect("months are counted from 1")
}

/// Days since Sunday.
fn weekday(at: &DateTime) -> usize {
    usize::try_from(at.weekday().to_sunday_one_offset() - 1).expect("days of the week are counted from 1")
}

/// With zeros up to a width, before which a sign stands.
fn padded(number: i64, width: usize) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{:0width$}", number.unsigned_abs())
}

fn signed_hours(offset_seconds: i32) -> String {
    let sign = if offset_seconds < 0 { '-' } else { '+' };
    format!("{sign}{:02}", offset_seconds.abs() / 3600)
}

fn clamped(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}
