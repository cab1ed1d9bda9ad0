//! A row of a table as a message.
//!
//! The payload is the id and the row as one JSON object, with the names and the numbers of `eval --format jsonl`. Columns without a
//! value are left out, but for those by which a reader tells the rows of one output apart.
//!
//! **Invariant:** payload and id depend on the row, its source and its partition alone, not on the rows beside it.

use super::cells::ColumnGroups;
use super::{Origin, OutputKind, meaning};
use crate::rows::{self, dimension_column, dimension_names};
use arrow::array::{Array, RecordBatch, StringArray, TimestampNanosecondArray};
use std::collections::BTreeMap;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// Something that is told to whoever listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputMessage {
    /// Two messages with one id tell the same.
    pub id: String,
    /// The session that it is about, or the metric, partition and group of a total; `SOURCE/PARTITION` where it is about none.
    pub key: String,
    /// The instant for which it is true, in nanoseconds since the Unix epoch.
    pub time: Option<Time>,
    /// A JSON object.
    pub payload: String,
}

impl OutputKind {
    /// Columns that say which row it is, in an order that never changes. Of sources that share a key each has its own log.
    fn identity(self, plan: &Plan) -> Vec<String> {
        let names: &[&str] = match self {
            OutputKind::Alerts => &["session", "alert", "start_ns", "end_ns"],
            OutputKind::Finals => &["metric", "session", "start_ns"],
            // Their messages are made where they are compared.
            OutputKind::Totals => &[],
            OutputKind::LateEvents => &["source", "session", "position", "reason"],
            OutputKind::DeadLetters => &["source", "position", "code", "column"],
        };
        let own = names.iter().map(ToString::to_string);
        match self {
            OutputKind::Finals => {
                own.chain(dimension_names([plan]).iter().map(|name| dimension_column(name))).collect()
            }
            _ => own.collect(),
        }
    }

    /// Columns that are there even if they are null.
    fn always(self) -> &'static [&'static str] {
        match self {
            OutputKind::Alerts => &["end", "end_ns"],
            OutputKind::Finals => &["value"],
            OutputKind::Totals | OutputKind::LateEvents | OutputKind::DeadLetters => &[],
        }
    }

    /// The columns of the instant for which a row is true; the first that has one.
    fn times(self) -> &'static [&'static str] {
        match self {
            OutputKind::Alerts => &["end", "start"],
            OutputKind::Finals => &["end"],
            OutputKind::LateEvents => &["time"],
            OutputKind::Totals | OutputKind::DeadLetters => &[],
        }
    }
}

/// The messages of some rows, in their order.
pub(super) fn of_rows(origin: &Origin, plan: &Plan, table: &RecordBatch) -> Vec<OutputMessage> {
    let shape = ColumnGroups::of(table);
    let (identity, always) = (origin.output.identity(plan), origin.output.always());
    let sessions = table.column_by_name("session").and_then(|column| column.as_any().downcast_ref::<StringArray>());
    let times: Vec<&TimestampNanosecondArray> =
        origin.output.times().iter().filter_map(|name| table.column_by_name(name)?.as_any().downcast_ref()).collect();
    // Under one name there may have been other metrics before, whose rows are not these.
    let meanings: BTreeMap<String, String> = match origin.output {
        OutputKind::Finals => {
            let named = plan.metrics.iter();
            named.map(|m| (serde_json::Value::from(m.name.as_str()).to_string(), meaning::of_values(plan, m))).collect()
        }
        _ => BTreeMap::new(),
    };
    let message = |i: usize| {
        let cells = shape.cells(table, i);
        let metric = cells.iter().find(|(name, _)| name == "metric").and_then(|(_, cell)| cell.as_ref());
        let meaning = metric.and_then(|metric| meanings.get(metric)).map(|meaning| ("meaning", meaning.as_str()));
        let known = identity.iter().filter_map(|name| cells.iter().find(|(own, _)| own == name));
        let known = known.filter_map(|(name, cell)| Some((name.as_str(), cell.as_deref()?)));
        let id = id(origin, meaning.into_iter().chain(known));
        let mut payload = format!("{{\"id\":\"{id}\"");
        for (name, cell) in &cells {
            if cell.is_some() || always.contains(&name.as_str()) {
                let (name, cell) = (serde_json::Value::from(name.as_str()), cell.as_deref().unwrap_or("null"));
                payload += &format!(",{name}:{cell}");
            }
        }
        let time = times.iter().find(|times| times.is_valid(i)).map(|times| times.value(i));
        // Two rows tell of one alert: whoever reads them as a log needs one column with their time.
        if let (OutputKind::Alerts, Some(ns)) = (origin.output, time) {
            let mut at = vec![];
            rows::text::time(&mut at, ns);
            payload += &format!(",\"at\":\"{}\",\"at_ns\":{ns}", String::from_utf8_lossy(&at));
        }
        payload.push('}');
        OutputMessage {
            id,
            key: match sessions {
                Some(sessions) => sessions.value(i).to_owned(),
                None => format!("{}/{}", origin.source, origin.partition),
            },
            time,
            payload,
        }
    };
    (0..table.num_rows()).map(message).collect()
}

/// 128 bits of BLAKE3 over everything that says which row it is, each part with its length.
pub(super) fn id<'a>(origin: &Origin, cells: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |part: &str| {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    };
    add(origin.output.name());
    add(&origin.source);
    add(&origin.partition.to_string());
    for (name, cell) in cells {
        add(name);
        add(cell);
    }
    hasher.finalize().to_hex()[..32].to_owned()
}
