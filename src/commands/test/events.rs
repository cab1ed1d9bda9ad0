//! Events as tests write them, as records that the engine reads.
//!
//! A line is `TIME [SESSION]: column=value, ...`, a record of NDJSON as it is, or `| ` and any record at all.
//! What a line says is checked against the declarations of the source: a misspelt column is an error, not an unread field.

use super::file::{EventsAt, FileProblem, TestFile, TestLine};
use super::notation::{self, SESSION};
use super::program::CompiledProgram;
use serde_json::{Map, Value as Json};
use timeline_core::plan::{FieldPath, Plan, SourceDefinition, Step, TimeUnit};
use timeline_core::{Time, Type};
use timeline_dsl::outline::SourceOutline;

/// The records of all plans.
pub(super) struct TestRecords {
    /// One log for each source of each plan, a record each.
    pub(super) logs: Vec<Vec<Vec<String>>>,
    /// The events that can be drawn, in the order of the test.
    pub(super) drawn: Vec<Drawn>,
    /// Where to read; the last event if not given.
    pub(super) until: Option<Time>,
}

/// An event of a drawing.
pub(super) struct Drawn {
    pub(super) session: String,
    pub(super) time: Time,
    pub(super) text: String,
}

impl TestRecords {
    /// The records of a test.
    pub(super) fn of(test: &TestFile<'_>, compiled: &CompiledProgram) -> Result<Self, FileProblem> {
        let logs = compiled.plans.iter().map(|plan| vec![vec![]; plan.sources().count()]).collect();
        let mut input = TestRecords { logs, drawn: vec![], until: test.until };
        for section in &test.events {
            let Some((index, number)) = source_of(section, compiled)? else { continue };
            let plan = Of { plan: &compiled.plans[index], source: compiled.plans[index].source_at(number), number };
            let declared = compiled.outline.sources.iter().find(|s| s.name == plan.source.name);
            for line in &section.lines {
                let record = if line.text.starts_with('{') {
                    input.drawn.extend(of_json(plan, line.text));
                    line.text.to_owned()
                } else if let Some(raw) = line.text.strip_prefix('|') {
                    raw.strip_prefix(' ').unwrap_or(raw).to_owned()
                } else {
                    let (record, drawn) = compact(plan, declared, *line)?;
                    input.drawn.push(drawn);
                    record
                };
                input.logs[index][number].push(record);
            }
        }
        Ok(input)
    }
}

/// A source of a plan.
#[derive(Clone, Copy)]
struct Of<'a> {
    plan: &'a Plan,
    source: &'a SourceDefinition,
    number: usize,
}

/// The plan that reads the events, and which of its sources they are of; none where nothing in the program reads them.
fn source_of(section: &EventsAt<'_>, compiled: &CompiledProgram) -> Result<Option<(usize, usize)>, FileProblem> {
    let sources = &compiled.outline.sources;
    let names = || sources.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
    let name = match (section.source, sources.as_slice()) {
        ("", [only]) => only.name.as_str(),
        ("", _) => {
            let help = format!("write `--- events NAME` with one of {}", names());
            return Err(FileProblem::new(section.line, "the program has several sources", help));
        }
        (name, _) if sources.iter().any(|s| s.name == name) => name,
        (name, _) => {
            let help = format!("the program declares {}", names());
            return Err(FileProblem::new(section.line, format!("no source is called `{name}`"), help));
        }
    };
    let mut all = compiled.plans.iter().enumerate();
    let of = |plan: &Plan| plan.sources().position(|source| source.name == name);
    Ok(all.find_map(|(index, plan)| Some((index, of(plan)?))))
}

/// `3.5 viewer-1: playerState=buffer, bitrate=800`.
fn compact(plan: Of<'_>, declared: Option<&SourceOutline>, line: TestLine<'_>) -> Result<(String, Drawn), FileProblem> {
    let form = "an event is `TIME [SESSION]: column=value, ...`, a JSON object, or `| ` and any record";
    let wrong = |message: String, help: &str| FileProblem::new(line.number, message, help);
    let (head, body) = split_head(line.text).ok_or_else(|| wrong("there is no `:` behind the time".into(), form))?;
    let (time, session) = head.split_once(char::is_whitespace).map_or((head, None), |(t, s)| (t, Some(s.trim())));
    let time =
        notation::instant(time).ok_or_else(|| wrong(format!("`{time}` is not an instant"), notation::INSTANTS))?;
    let source = plan.source;
    let mut record = Map::new();
    // Of several columns the key is an array, as answers write it.
    let parts_of_key: Vec<String> = session.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    for (i, field) in source.key.iter().enumerate() {
        let part = parts_of_key.get(i).map_or(session.unwrap_or(SESSION), String::as_str);
        put(&mut record, field, Json::from(part));
    }
    let written = time_of(time, &source.time_unit).ok_or_else(|| {
        wrong("the time is finer than the source's unit".into(), "give the source a finer unit, e.g. `time ts in ms`")
    })?;
    put(&mut record, &source.time, written);
    for part in parts(body) {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| wrong(format!("`{part}` is no `column=value`"), form))
            .map(|(name, value)| (name.trim(), value.trim()))?;
        let (path, ty) = field(plan, declared, name).ok_or_else(|| {
            let columns = declared.map(|s| s.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", "));
            wrong(
                format!("source `{}` has no column `{name}`", source.name),
                &format!("its columns are {}", columns.unwrap_or_default()),
            )
        })?;
        let value = value_of(value, ty)
            .ok_or_else(|| wrong(format!("`{value}` is no value"), "write texts with blanks in quotes"))?;
        put(&mut record, &path, value);
    }
    let drawn = Drawn {
        session: session_of(plan, &record),
        time,
        text: parts(body).map(str::trim).collect::<Vec<_>>().join(" "),
    };
    Ok((Json::Object(record).to_string(), drawn))
}

/// The time (and session), and what stands behind the colon; RFC 3339 has colons too, with no blank behind them.
fn split_head(text: &str) -> Option<(&str, &str)> {
    match text.split_once(": ") {
        Some((head, body)) => Some((head.trim(), body.trim())),
        None => text.strip_suffix(':').map(|head| (head.trim(), "")),
    }
}

/// The parts between commas that stand in no string.
fn parts(body: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let split = move |c: char| {
        if quoted {
            (quoted, escaped) = (escaped || c != '"', !escaped && c == '\\');
            return false;
        }
        quoted = c == '"';
        c == ','
    };
    body.split(split).filter(|part| !part.trim().is_empty())
}

/// Where a column, or a field of the key, time or order, stands in a record; and the type of a column.
fn field(plan: Of<'_>, declared: Option<&SourceOutline>, name: &str) -> Option<(FieldPath, Option<Type>)> {
    if let Some((_, column)) = plan.plan.columns_of(plan.number).find(|(_, c)| c.name == name) {
        return Some((column.path.clone(), Some(column.ty)));
    }
    let declared = declared?;
    if let Some(column) = declared.columns.iter().find(|c| c.name == name) {
        return Some((column.path.clone(), column.ty));
    }
    declared.fields.iter().find(|path| path.dotted() == name).map(|path| (path.clone(), None))
}

fn value_of(text: &str, ty: Option<Type>) -> Option<Json> {
    match text {
        "null" => Some(Json::Null),
        quoted if quoted.starts_with('"') => serde_json::from_str(quoted).ok(),
        other if ty == Some(Type::String) => Some(other.into()),
        "true" => Some(true.into()),
        "false" => Some(false.into()),
        other => {
            serde_json::from_str::<serde_json::Number>(other).map(Json::Number).ok().or_else(|| Some(other.into()))
        }
    }
}

fn time_of(time: Time, unit: &TimeUnit) -> Option<Json> {
    if let TimeUnit::Format(form) = unit {
        let zone = form.zone.as_deref().unwrap_or("UTC");
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(zone).ok()?;
        let local = jiff::Timestamp::from_nanosecond(time.into()).ok()?.to_zoned(zone);
        return jiff::fmt::strtime::format(&form.format, &local).ok().map(Json::from);
    }
    let Some(size) = unit.nanoseconds() else { return Some(crate::output::text::time_string(time).into()) };
    if *unit == TimeUnit::Seconds && time % size != 0 {
        return serde_json::from_str(&notation::seconds(i128::from(time))).map(Json::Number).ok();
    }
    (time % size == 0).then(|| Json::from(time / size))
}

/// Puts a value where a path leads, with the objects and lists on the way.
fn put(record: &mut Map<String, Json>, path: &FieldPath, value: Json) {
    let Ok(steps) = path.steps() else { return };
    let mut whole = Json::Object(std::mem::take(record));
    let mut at = &mut whole;
    for step in steps {
        at = match step {
            Step::Member(name) => object(at).entry(name.to_owned()).or_insert(Json::Null),
            Step::At(number) => {
                let all = list(at);
                if all.len() <= number {
                    all.resize(number + 1, Json::Null);
                }
                &mut all[number]
            }
            Step::Where { member, is } => {
                let all = list(at);
                let known = all.iter().position(|one| one.get(member).map(text_of).as_deref() == Some(is));
                let place = known.unwrap_or_else(|| {
                    all.push(Json::Object(Map::from_iter([(member.to_owned(), Json::from(is))])));
                    all.len() - 1
                });
                &mut all[place]
            }
        };
    }
    *at = value;
    *record = std::mem::take(object(&mut whole));
}

/// The value as an object, made one if it is none.
fn object(value: &mut Json) -> &mut Map<String, Json> {
    if !value.is_object() {
        *value = Json::Object(Map::new());
    }
    value.as_object_mut().expect("it was just made one")
}

/// The value as a list, made one if it is none.
fn list(value: &mut Json) -> &mut Vec<Json> {
    if !value.is_array() {
        *value = Json::Array(vec![]);
    }
    value.as_array_mut().expect("it was just made one")
}

fn get<'a>(record: &'a Map<String, Json>, path: &FieldPath) -> Option<&'a Json> {
    let steps = path.steps().ok()?;
    let (Step::Member(first), rest) = steps.split_first()? else { return None };
    rest.iter().try_fold(record.get(*first)?, |value, step| match step {
        Step::Member(name) => value.get(name),
        Step::At(number) => value.get(number),
        Step::Where { member, is } => {
            value.as_array()?.iter().find(|one| one.get(member).map(text_of).as_deref() == Some(*is))
        }
    })
}

fn text_of(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The session of a record as answers write it.
fn session_of(plan: Of<'_>, record: &Map<String, Json>) -> String {
    let part = |field| get(record, field).map(text_of).unwrap_or_default();
    match plan.source.key.as_slice() {
        [only] => part(only),
        several => Json::from(several.iter().map(part).collect::<Vec<_>>()).to_string(),
    }
}

/// The event of a record that is written as JSON, if it can be drawn.
fn of_json(plan: Of<'_>, text: &str) -> Option<Drawn> {
    let Ok(Json::Object(record)) = serde_json::from_str(text) else { return None };
    let source = plan.source;
    let time = text_of(get(&record, &source.time)?);
    let time = match source.time_unit.nanoseconds() {
        None if matches!(source.time_unit, TimeUnit::Format(_)) => return None,
        None => crate::args::rfc3339(&time)?,
        Some(unit) => Time::try_from(crate::args::scaled_decimal(&time, unit.into())?).ok()?,
    };
    let session = session_of(plan, &record);
    let column =
        |c: &timeline_core::plan::SourceColumn| Some(format!("{}={}", c.name, text_of(get(&record, &c.path)?)));
    let told: Vec<String> = plan.plan.columns_of(plan.number).map(|(_, c)| c).filter_map(column).collect();
    Some(Drawn { session, time, text: told.join(" ") })
}
