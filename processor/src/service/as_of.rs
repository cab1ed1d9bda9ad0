//! A metric's own table as it was at an instant of event time.
//!
//! Where the whole log can be read again, it is read again through the instant. Where only its end is kept, sessions that
//! began before that end are known by their rows of history, if they were over by then; if they were not, nobody knows
//! what they were.
//!
//! **Invariant:** a row is what the metric was, or there is an error that says from when on it is known.

use super::answers::{self, LogAnswer};
use super::replaying::{self, PartitionReplay};
use crate::as_of::{self, AsOfQuestion, AsOfSessions};
use crate::engine::{EngineError, IsWanted, MetricAt, TableData};
use crate::partition::{NoAnswer, PartitionAnswer};
use crate::records::SessionSnapshot;
use crate::replay;
use crate::rows::{self, ValueColumn};
use crate::sql::QueryCode;
use crate::watermark::UnreadPrefix;
use arrow::array::{BooleanArray, RecordBatch, TimestampNanosecondArray, new_null_array};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::SchemaRef;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use timeline_core::{Time, instant_text};

/// Rows of such a table at the most: they are all in memory.
const ROWS_MAX: usize = 1 << 20;

/// When sessions began, by their keys.
type Starts = BTreeMap<String, BTreeSet<Time>>;

/// The table, or what of it belongs to some sessions.
pub(super) fn table(
    asked: &MetricAt,
    answering: &[LogAnswer<'_>],
    keys: Option<&BTreeSet<String>>,
    is_wanted: IsWanted<'_>,
) -> Result<TableData, EngineError> {
    let MetricAt { metric: name, at } = asked;
    let Some(log) = answering.iter().find(|log| log.shows(name)) else {
        return Err(EngineError::NotFound(format!("there is no metric `{name}`")));
    };
    let plan = log.plan();
    let Some(metric) = plan.metrics.iter().position(|metric| metric.name == *name) else {
        let message = format!("`{name}` is an alert, and `metric_at` is of metrics; `alerts` has when it was on");
        return Err(EngineError::invalid(message));
    };
    if plan.is_of_events(plan.metrics[metric].root) {
        return Err(EngineError::NotFound(answers::only_in_totals(name)));
    }
    let (mut sessions, mut history, mut left) = (vec![], vec![], ROWS_MAX);
    for answer in log.answers() {
        let Some(horizon) = answer.horizon else { continue };
        if *at > horizon {
            let (source, partition) = (answer.plan.name(), answer.partition);
            let (at, horizon) = (instant_text(*at), instant_text(horizon));
            let message = format!("`{name}` at {at}: the log of {source}/{partition} is read through {horizon}");
            return Err(QueryCode::NotReached.error(message));
        }
        let unread = answer.reach.iter().filter_map(|reach| match reach.unseen {
            UnreadPrefix::Until(until) => Some(until),
            UnreadPrefix::Nothing | UnreadPrefix::Everything => None,
        });
        if let Some(until) = unread.max().filter(|until| at <= until) {
            let message = format!("its log is read from {} on, not before", instant_text(until));
            return Err(not_kept(asked, &message));
        }
        let PartitionReplay { sources, before, is_whole } = replaying::logs(answer)?;
        let logs = replay::ReplayLogs { sources, before: &before, reach: &answer.reach };
        let question = AsOfQuestion { at: *at, metric, keys, rows_max: left, is_wanted };
        let mut told = as_of::replay(plan, logs, question).map_err(replaying::unread)?;
        if !is_wanted() {
            return Err(NoAnswer::Unwanted.into());
        }
        if !is_whole && told.rows <= left {
            history.extend(complete(asked, metric, answer, keys, &mut told)?);
        }
        left = left.checked_sub(told.rows).ok_or_else(|| {
            let message = format!("`{name}` has more than {ROWS_MAX} rows then; bound `session`, by `=` or `IN`");
            QueryCode::Memory.error(message)
        })?;
        sessions.append(&mut told.sessions);
    }
    let types = rows::agreed(rows::beside_metric(plan, &plan.metrics[metric]));
    let live = rows::typed(&rows::metric_view(plan, metric, &sessions), &types);
    let place = rows::value_column(plan, metric);
    let mut table = answers::plain(&asked.table(), live);
    for (batch, starts) in history {
        let rows = of_history(&batch, name, place, &starts, &table.schema)?;
        table.live.extend(Some(rows).filter(|rows| rows.num_rows() > 0));
    }
    Ok(table)
}

/// Makes whole what was told of a log whose beginning is not kept: takes out what is none of the sessions that there were,
/// and adds those that were over. What of them is in history comes as batches of `finals` and the sessions wanted of them.
fn complete(
    asked: &MetricAt,
    metric: usize,
    answer: &PartitionAnswer,
    keys: Option<&BTreeSet<String>>,
    told: &mut AsOfSessions,
) -> Result<Vec<(RecordBatch, Arc<Starts>)>, EngineError> {
    let plan = &answer.plan;
    if plan.windows_of(plan.metrics[metric].root).is_some() {
        return Err(not_kept(asked, "not all of its log is kept; its windows that are over are rows of `finals`"));
    }
    let known = answers::known_sessions(answer, keys)?;
    let id = |session: &SessionSnapshot| (session.key.to_string(), session.start);
    // What began before the events that are kept would be told as if it had begun there.
    told.sessions.retain(|session| known.contains_key(&id(session)));
    let whole: BTreeSet<(String, Time)> = told.sessions.iter().map(id).collect();
    let silence = plan.end.silence.unwrap_or(0);
    let (mut over, mut lost): (Starts, Vec<(&str, Option<Time>)>) = (Starts::new(), vec![]);
    for (session, end) in &known {
        let (key, start) = session;
        if *start > asked.at || whole.contains(session) {
            continue;
        }
        // One that silence ended was on until that was known.
        let known_from = end.map(|end| end.saturating_add(silence));
        match known_from {
            Some(from) if from <= asked.at => _ = over.entry(key.clone()).or_default().insert(*start),
            from => lost.push((key.as_str(), from)),
        }
    }
    if let Some((key, _)) = lost.first() {
        let from = lost.iter().map(|(_, from)| *from).collect::<Option<Vec<Time>>>();
        let from = from.and_then(|all| all.into_iter().max());
        let from =
            from.map_or("it is not over yet".to_owned(), |from| format!("it is known from {} on", instant_text(from)));
        let count = lost.len();
        let message = format!(
            "{count} of the sessions that were on, `{key}` among them, began before the events that are kept; {from}"
        );
        return Err(not_kept(asked, &message));
    }
    let is_over =
        |session: &SessionSnapshot| over.get(&*session.key).is_some_and(|starts| starts.contains(&session.start));
    let pending = answer.pending.sessions.iter().filter(|session| session.is_whole() && is_over(session));
    told.sessions.extend(pending.cloned());
    let over = Arc::new(over);
    let batches = answers::read(answer, "finals")?;
    told.rows = told.sessions.len() + over.values().map(BTreeSet::len).sum::<usize>();
    Ok(batches.into_iter().map(|batch| (batch, Arc::clone(&over))).collect())
}

/// The rows of a metric's own table out of rows of `finals`, of some sessions.
fn of_history(
    batch: &RecordBatch,
    name: &str,
    value: ValueColumn,
    starts: &Starts,
    schema: &SchemaRef,
) -> Result<RecordBatch, EngineError> {
    let internal = |error: arrow::error::ArrowError| EngineError::Internal(error.to_string());
    let (keys, names) = (answers::text_column(batch, "session")?, answers::text_column(batch, "metric")?);
    let begun = batch.column_by_name("start").and_then(|column| column.as_any().downcast_ref());
    let begun: &TimestampNanosecondArray =
        begun.ok_or_else(|| EngineError::Internal("history has no column start".into()))?;
    let is_own = |i: usize| {
        names.value(i) == name && starts.get(keys.value(i)).is_some_and(|starts| starts.contains(&begun.value(i)))
    };
    let own: BooleanArray = (0..batch.num_rows()).map(|i| Some(is_own(i))).collect();
    let rows = filter_record_batch(batch, &own).map_err(internal)?;
    let column = |field: &Arc<arrow::datatypes::Field>| {
        let name = if field.name() == "value" { value.of_finals() } else { field.name().as_str() };
        let own = rows.column_by_name(name);
        // What stands beside rows is a text in files, and so is an instant.
        own.map_or_else(|| Ok(new_null_array(field.data_type(), rows.num_rows())), |own| cast(own, field.data_type()))
    };
    let columns = schema.fields().iter().map(column).collect::<Result<_, _>>().map_err(internal)?;
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(internal)
}

fn not_kept(asked: &MetricAt, why: &str) -> EngineError {
    QueryCode::NotKept.error(format!("`{}` at {} is not known: {why}", asked.metric, instant_text(asked.at)))
}
