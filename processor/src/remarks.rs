//! What records say about a program that reads them, beside their values: columns that nothing has, lists that a path does
//! not select in, nulls that are hardly meant. Pure: what was seen in, sentences out.
//!
//! None of it changes an answer; it is why an answer is hardly the one that was meant, so nobody gets a silent 0.

use event_feeder::{DecimalSigns, Notice, RecordCode, RecordTraits, Sniffed, ValueSample};
use serde_json::Value;
use std::ops::Range;
use timeline_core::plan::{FieldPath, Need, Plan, RecordNeed, SourceDefinition, TimeUnit};
use timeline_core::{SECOND, Time, Value as PlanValue, instant_text, nearest};

/// After how many records a source that goes on is spoken of.
pub const RECORDS: u64 = 1000;

/// After how many records of such a source it is said on standard error that none of them has a column: what is rare may come
/// late. Answers, and the remarks of queries, say it of any number.
pub const RECORDS_OF_COLUMNS: u64 = 100_000;

/// In nanoseconds.
const MILLISECOND: i64 = 1_000_000;

/// So many files are named that lack columns.
const FILES_MAX: usize = 4;

/// Events that are too few to say anything of their nulls.
pub const FEW: u64 = 10;

/// Something to say of records, and the column of which it is said, if that is one of the plan's: its bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What is said.
    pub notice: Notice,
    /// Of which column.
    pub column: Option<u64>,
}

impl Remark {
    /// Whether an answer is hardly the one that was meant because of it.
    pub fn spoils_answers(&self) -> bool {
        matches!(
            self.notice.code,
            RecordCode::Unseen
                | RecordCode::InList
                | RecordCode::WrongUnit
                | RecordCode::TwiceNamed
                | RecordCode::Grouped
        )
    }
}

/// What there is to say of the records of one of a plan's sources: `records` of them, of which `events` were usable.
pub fn of(plan: &Plan, number: usize, seen: &RecordTraits, records: u64, events: u64) -> Vec<Remark> {
    let source = plan.source_at(number);
    let mut all = vec![];
    if records == 0 {
        return all;
    }
    let none = Sniffed::default();
    let names = seen.names.as_deref().unwrap_or(&none);
    let mut say = |column, (code, detail): (RecordCode, String)| {
        all.push(Remark { notice: Notice { code, file: source.name.clone(), detail }, column });
    };
    if events == 0 {
        // Without a usable key and time nothing is seen of columns; that these are not there is what there is to say.
        let unseen = |path: &&FieldPath| seen.names.is_some() && !names.has(path);
        for path in source.key.iter().chain([&source.time]).filter(unseen) {
            let which = if *path == source.time { "the time" } else { "the key" };
            say(None, missing(path, &format!("{which} `{}`", path.dotted()), names, records));
        }
        return all;
    }
    for (id, column) in plan.columns_of(number) {
        if seen.columns & id.bit() == 0 && !names.has(&column.path) {
            let path = column.path.dotted();
            let what = if path == column.name {
                format!("the column `{path}`")
            } else {
                format!("`{path}`, which is column `{}`", column.name)
            };
            say(Some(id.bit()), missing(&column.path, &what, names, records));
        }
    }
    if let Some((path, _)) = source.order.as_ref().filter(|(path, _)| !seen.order && !names.has(path)) {
        say(None, missing(path, &format!("`{}`, which orders events of one time", path.dotted()), names, records));
    }
    let null_is_missing = plan.columns_of(number).any(|(_, column)| column.nulls.missing);
    if events >= FEW && seen.hollow * 2 > events && !null_is_missing {
        say(None, (RecordCode::MostlyNulls, mostly_nulls(seen.hollow, events)));
    }
    // What no record has is said already.
    let lacking = seen.lacking.iter().map(|(file, columns)| (file, columns & seen.columns));
    for (file, columns) in lacking.filter(|(_, columns)| *columns != 0).take(FILES_MAX) {
        let own = plan.columns_of(number).filter(|(id, _)| columns & id.bit() != 0);
        let names: Vec<String> = own.map(|(_, column)| format!("`{}`", column.path.dotted())).collect();
        let word = if names.len() == 1 { "column" } else { "columns" };
        say(None, (RecordCode::Lacking, format!("{file} has no {word} {}, which others have", names.join(", "))));
    }
    if let Some(detail) = other_unit(source, seen.least.zip(seen.largest)) {
        say(None, (RecordCode::WrongUnit, detail));
    }
    for (name, (file, places)) in seen.twice_named.iter().take(FILES_MAX) {
        let places: Vec<String> = places.iter().map(usize::to_string).collect();
        let last = places.last().map_or("", String::as_str);
        let detail =
            format!("columns {} of {file} are all called `{name}`; column {last} counts", places.join(" and "));
        say(None, (RecordCode::TwiceNamed, detail));
    }
    if let DecimalSigns { commas: 1.., thousands: thousands @ 1.., example: Some(example) } = &seen.signs {
        let (word, was) = if *thousands == 1 { ("number", "was") } else { ("numbers", "were") };
        let detail = format!(
            "{thousands} {word} such as `{example}` {was} taken with a decimal point, beside {} with a decimal comma: does the \
             point group thousands?",
            seen.signs.commas
        );
        say(None, (RecordCode::Grouped, detail));
    }
    if seen.twice > 0 {
        let detail = format!(
            "{} local times stand for two instants, for the clocks were put back; each is the first of both that is not before \
             the record ahead of it, else the earlier",
            seen.twice
        );
        say(None, (RecordCode::Twice, detail));
    }
    if seen.cut > 0 {
        let detail = format!("{} times have digits beyond the nanosecond, which are cut off", seen.cut);
        say(None, (RecordCode::CutOff, detail));
    }
    all
}

/// What some record would have to have, or an answer says nothing of what it asks ([`Plan::needs`]); and none has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmetNeed {
    /// What is said.
    pub notice: Notice,
    /// Which need, as the bit of its number.
    pub need: u64,
    /// Whether it hardly is as it was meant, rather than what is yet to come: then answers and the log say so, too.
    pub is_likely_slip: bool,
}

/// What none of `records` records of one of a plan's sources has of what some record has to have, of which `events` were
/// usable.
pub fn unmet(plan: &Plan, number: usize, seen: &RecordTraits, records: u64, events: u64) -> Vec<UnmetNeed> {
    let needs = plan.needs().into_iter().enumerate().map(|(i, need)| (1u64 << i, need));
    // Of a column that nothing has that is said.
    let is_open = |(bit, need): &(u64, RecordNeed)| {
        seen.asked & !seen.met & bit != 0 && seen.columns & need.columns == need.columns
    };
    let own = needs.filter(|(_, need)| usize::from(need.source) == number).filter(is_open);
    own.filter_map(|(bit, need)| {
        let none = ValueSample::default();
        let sample = seen.samples.get(&need.columns).unwrap_or(&none);
        let of =
            if records == 1 { "the one record does not have".into() } else { format!("none of {records} records has") };
        let what = need_text(plan, &need);
        let (detail, is_likely_slip) = match &need.what {
            Need::Text(text) => {
                let near = near_text(text, sample);
                let meant = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                (format!("{of} {what}{}{meant}", others(sample)), near.is_some())
            }
            Need::Row(table) => {
                let keys = (0..table.len()).filter_map(|row| table.row(row).0.first()).map(PlanValue::to_string);
                let mut keys: Vec<String> = keys.take(KEYS_LOOKED).collect();
                keys.dedup();
                let keys = quoted(keys.iter().map(String::as_str).take(EXAMPLES));
                let there = quoted(sample.texts.iter().map(|text| &**text).take(EXAMPLES));
                (format!("{of} {what}: there is {there}, and the table has {keys}"), events >= FEW)
            }
            Need::Together => (format!("{of} {what}"), events >= FEW),
        };
        let (code, file) = (need_code(&need), plan.source_at(number).name.clone());
        let notice = Notice { code, file, detail };
        (is_likely_slip || events >= FEW && !need.is_excluded).then_some(UnmetNeed {
            notice,
            need: bit,
            is_likely_slip,
        })
    })
    .collect()
}

/// How many keys of a table are looked at for examples that differ.
const KEYS_LOOKED: usize = 100;

/// How many examples of values are shown.
const EXAMPLES: usize = 2;

/// Values that are shown where a column has no others.
const ALL_SHOWN: usize = 16;

/// The code of what is said where no record has it.
pub fn need_code(need: &RecordNeed) -> RecordCode {
    match need.what {
        Need::Text(_) => RecordCode::NoSuchText,
        Need::Row(_) => RecordCode::NoSuchKey,
        Need::Together => RecordCode::NeverTogether,
    }
}

/// What a record has to have, for people.
pub fn need_text(plan: &Plan, need: &RecordNeed) -> String {
    let own = plan.columns.iter().enumerate().filter(|(i, _)| need.columns >> i & 1 == 1);
    let mut columns: Vec<String> = own.map(|(_, column)| format!("`{}`", column.path.dotted())).collect();
    columns.sort();
    let columns = columns.join(" and ");
    match &need.what {
        Need::Text(text) => format!("the text `{text}` in {columns}"),
        Need::Row(table) => format!("a key of the table `{}` in {columns}", table.shape().name),
        Need::Together => format!("{columns} together"),
    }
}

/// What a column has instead of a text.
fn others(sample: &ValueSample) -> String {
    if sample.texts.is_empty() {
        return String::new();
    }
    let texts = || sample.texts.iter().map(|text| &**text);
    if sample.more || sample.texts.len() > ALL_SHOWN {
        return format!(", but for example {}", quoted(texts().take(EXAMPLES)));
    }
    format!(", but {}", quoted(texts()))
}

fn quoted<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}

/// The text that may have been meant instead of one. Those that differ in their digits are told apart on purpose.
fn near_text<'s>(text: &str, sample: &'s ValueSample) -> Option<&'s str> {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let own = digits(text);
    nearest(text, sample.texts.iter().map(|text| &**text).filter(|known| digits(known) == own))
}

/// What of a log did not count, since its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Records read.
    pub records: u64,
    /// Those of them that are no events.
    pub unusable: u64,
    /// Values of the others that could not be read.
    pub values: u64,
    /// What was wrong with the first record or value that was seen, if one was.
    pub example: Option<String>,
    /// Events that were too late, and not repaired.
    pub late: u64,
    /// Values that were forgotten beyond caps.
    pub forgotten: u64,
}

/// Something that did not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What is said.
    pub notice: Notice,
    /// How many.
    pub count: u64,
    /// Whether it is so much that an answer is hardly the one that was meant: one in a hundred.
    pub is_much: bool,
}

/// What there is to say of what did not count.
pub fn of_losses(source: &str, losses: &Losses) -> Vec<Loss> {
    let Losses { records, unusable, values, example, late, forgotten } = losses;
    let mut all = vec![];
    let mut say = |code, count: u64, of: u64, detail| {
        let is_much = count.saturating_mul(100) >= of;
        all.push(Loss { notice: Notice { code, file: source.to_owned(), detail }, count, is_much });
    };
    if unusable + values > 0 {
        let first = example.as_ref().map(|example| format!("; for one, {example}")).unwrap_or_default();
        let detail = match (unusable, values) {
            (0, values) => format!("{values} values of {records} records could not be read, and do not count{first}"),
            (unusable, 0) => format!("{unusable} of {records} records could not be read, and do not count{first}"),
            (unusable, values) => {
                format!(
                    "{unusable} of {records} records could not be read, and {values} values of the others: they do not count{first}"
                )
            }
        };
        say(RecordCode::Unread, unusable + values, *records, detail);
    }
    if *late > 0 {
        let events = records - unusable;
        let detail = format!("{late} of {events} events came later than `lateness` waits for, and do not count");
        say(RecordCode::TooLate, *late, events, detail);
    }
    if *forgotten > 0 {
        let detail =
            format!("{forgotten} values were forgotten beyond a cap: what they come to stands with the absent value");
        say(RecordCode::Forgotten, *forgotten, 0, detail);
    }
    all
}

/// What there is to say of a sample of the records of one of a plan's sources.
pub fn of_sample(plan: &Plan, number: usize, sample: &Sniffed) -> Vec<Remark> {
    let here = plan.columns_of(number).filter(|(_, column)| sample.has(&column.path) || column.path.selects());
    let source = plan.source_at(number);
    let times = source.time_unit.nanoseconds().and_then(|unit| {
        let (least, largest) = sample.numbers.get(&source.time.dotted())?;
        Some((least.checked_mul(unit)?, largest.checked_mul(unit)?))
    });
    let seen = RecordTraits {
        least: times.map(|(least, _)| least),
        largest: times.map(|(_, largest)| largest),
        columns: here.fold(0, |set, (id, _)| set | id.bit()),
        order: source.order.as_ref().is_some_and(|(path, _)| sample.has(path)),
        hollow: sample.hollow,
        names: Some(Box::new(sample.clone())),
        ..RecordTraits::default()
    };
    let records = sample.records.max(1);
    let keyed = source.key.iter().chain([&source.time]).all(|path| sample.has(path) || path.selects());
    of(plan, number, &seen, records, if keyed { records } else { 0 })
}

/// The instants of our days, from 2000 to 2100, in nanoseconds.
const OUR_DAYS: Range<i128> = 946_684_800_000_000_000..4_102_444_800_000_000_000;

/// That the times of a source, from the least to the largest, would be of our days in a coarser unit than the program says; in
/// its own they are in 1970 then. Whoever makes up times counts whole seconds from zero, which fine units may write as well.
fn other_unit(source: &SourceDefinition, times: Option<(Time, Time)>) -> Option<String> {
    let (least, largest) = times?;
    let own = source.time_unit.nanoseconds()?;
    let is_made_up = own < MILLISECOND && least % SECOND == 0 && largest % SECOND == 0;
    let said_in = |time: Time, unit: i64| i128::from(time) / i128::from(own) * i128::from(unit);
    let coarser = [TimeUnit::Microseconds, TimeUnit::Milliseconds, TimeUnit::Seconds];
    let mut coarser = coarser.into_iter().filter_map(|unit| Some((unit.nanoseconds()?, unit)));
    let is_meant = |unit: i64| [least, largest].into_iter().all(|time| OUR_DAYS.contains(&said_in(time, unit)));
    let (unit, name) = coarser.find(|(unit, _)| *unit > own && is_meant(*unit)).filter(|_| !is_made_up)?;
    let meant = |time: Time| Time::try_from(said_in(time, unit)).map_or_else(|_| String::new(), instant_text);
    let column = source.time.dotted();
    Some(format!(
        "all times are in 1970, from {} to {}; is `{column}` in {}? In that they are from {} to {}",
        instant_text(least),
        instant_text(largest),
        name.name(),
        meant(least),
        meant(largest)
    ))
}

/// That most events carry nulls in most columns.
pub fn mostly_nulls(hollow: u64, events: u64) -> String {
    format!(
        "{hollow} of {events} events carry nulls in half of their columns or more, and each null ends a state; if the producer \
         writes null for what it does not set, say `null is missing` in the source"
    )
}

/// A notice as people read it: with its code, its source and what to do.
pub fn text(notice: &Notice) -> String {
    format!("{}\n  help: {}", line(notice), notice.code.help())
}

/// The same in one line, without what to do.
pub fn line(notice: &Notice) -> String {
    format!("[{}] {}: {}", notice.code, notice.file, notice.detail)
}

/// That no record has something, and what may have been meant instead.
fn missing(path: &FieldPath, what: &str, names: &Sniffed, records: u64) -> (RecordCode, String) {
    let of =
        if records == 1 { "the one record does not have".into() } else { format!("none of {records} records has") };
    if let Some(selected) = in_list(path, names) {
        return (
            RecordCode::InList,
            format!("{of} {what}: a list stands there, of which an element is selected: \"{selected}\""),
        );
    }
    let dotted = path.dotted();
    let known = || names.names.iter().map(String::as_str);
    // What lies deeper, or less deep, has the same last name.
    let last = path.0.last().map_or("", String::as_str);
    let deeper = || known().find(|name| name.rsplit('.').next() == Some(last));
    let near = nearest(&dotted, known()).or_else(deeper);
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    (RecordCode::Unseen, format!("{of} {what}{near}"))
}

/// The path with an element selected where it meets a list without saying which.
fn in_list(path: &FieldPath, names: &Sniffed) -> Option<String> {
    let (list, rest) = (1..path.0.len()).find_map(|at| {
        let list = path.0[..at].join(".");
        names.lists.get(&list).map(|element| ((list, element), &path.0[at..]))
    })?;
    let (list, element) = list;
    let (first, tail) = rest.split_first()?;
    let within = |members: &[String]| members.iter().map(|member| format!(".{member}")).collect::<String>();
    if !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(format!("{list}[{first}]{}", within(tail)));
    }
    let Value::Object(members) = element else { return Some(format!("{list}[0]{}", within(rest))) };
    if members.contains_key(first) {
        return Some(format!("{list}[0]{}", within(rest)));
    }
    let named = ["key", "name", "id", "field"].into_iter().find(|name| members.contains_key(*name));
    let value = if tail.first().is_none_or(|next| !members.contains_key(next)) && members.contains_key("value") {
        ".value"
    } else {
        ""
    };
    Some(match named {
        Some(named) => format!("{list}[{named}={first}]{value}{}", within(tail)),
        None => format!("{list}[0]{}", within(rest)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use timeline_dsl::{ProgramText, compile};

    fn plan(unit: &str) -> Plan {
        let text = format!("source s {{ key k  time ts in {unit}  b: bool }}\nmetric m = latest(b)");
        compile(&[ProgramText { name: "p.tl".into(), text, ..ProgramText::default() }]).plans.remove(0)
    }

    #[test]
    fn times_of_our_days_in_another_unit_are_spoken_of() {
        // In seconds since 1970, as the records have them.
        let check = |unit: &str, least: i64, largest: i64, expected: Option<&str>| {
            let plan = plan(unit);
            let source = plan.source_at(0);
            let own = source.time_unit.nanoseconds().unwrap_or(1);
            let said = other_unit(source, Some((least * own, largest * own)));
            let unit = said.as_deref().map(|said| said.split("is `ts` in ").nth(1).unwrap()[..2].trim_end_matches('?'));
            assert_eq!(unit, expected, "{least} to {largest}: {said:?}");
        };
        let (first, last) = (1_764_547_200, 1_764_550_860);
        check("ms", first, last, Some("s"));
        check("us", first, last, Some("s"));
        check("ns", first, last, Some("s"));
        check("us", first * 1_000, last * 1_000, Some("ms"));
        check("ns", first * 1_000, last * 1_000, Some("ms"));
        check("ns", first * 1_000_000 + 1, last * 1_000_000, Some("us"));
        // As they are meant, and times that somebody made up.
        check("s", first, last, None);
        check("ms", first * 1_000, last * 1_000, None);
        check("ns", first * 1_000_000_000, last * 1_000_000_000, None);
        for (unit, from, to) in [("s", 0, 120), ("s", 1_000, 5_000), ("ms", 0, 2_000_000_000), ("ms", 1_000, 600_000)] {
            check(unit, from, to, None);
        }
        check("ns", 1_000_000_000, 3_000_000_000, None);
        check("us", 1_000_000_000, 3_000_000_000, None);
        // Some of them would be of other days.
        check("ms", 900_000_000, last, None);
        check("ms", first, 4_200_000_000, None);
        let said = other_unit(plan("ms").source_at(0), Some((first * MILLISECOND, last * MILLISECOND)));
        assert_eq!(
            said.as_deref(),
            Some(
                "all times are in 1970, from 1970-01-21T10:09:07.2Z to 1970-01-21T10:09:10.86Z; is `ts` in s? In that \
                 they are from 2025-12-01T00:00:00Z to 2025-12-01T01:01:00Z"
            )
        );
        assert!(other_unit(plan("rfc3339").source_at(0), Some((0, 1))).is_none());
        assert!(other_unit(plan("ms").source_at(0), None).is_none());
    }

    #[test]
    fn lists_are_selected_in_as_their_elements_want_it() {
        let names = Sniffed {
            lists: [
                ("p", r#"{"key":"x","value":5}"#),
                ("e.q", r#"{"price":5}"#),
                ("n", "5"),
                ("g", r#"{"name":"x","int":5}"#),
            ]
            .map(|(name, element)| (name.to_owned(), serde_json::from_str(element).unwrap()))
            .into(),
            ..Sniffed::default()
        };
        let selected = |path: &str| in_list(&FieldPath::parse(path).unwrap(), &names);
        assert_eq!(selected("p.x.value").as_deref(), Some("p[key=x].value"));
        assert_eq!(selected("p.x").as_deref(), Some("p[key=x].value"));
        assert_eq!(selected("p.x.int_value").as_deref(), Some("p[key=x].value.int_value"));
        assert_eq!(selected("p.0.value").as_deref(), Some("p[0].value"));
        assert_eq!(selected("e.q.price").as_deref(), Some("e.q[0].price"));
        assert_eq!(selected("n.x").as_deref(), Some("n[0].x"));
        assert_eq!(selected("g.x.int").as_deref(), Some("g[name=x].int"));
        assert_eq!(selected("other.x"), None);
    }
}
