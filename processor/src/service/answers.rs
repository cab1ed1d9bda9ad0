//! From partitions' answers to tables: those of one source add up, whoever gave them.

mod catalogue;
mod dropped;
mod history;
mod losses;
mod mixed;
mod parts;
mod past;
mod sealed;
mod sessions;
mod stories;

pub(super) use catalogue::{nodes_of, queries};
pub(super) use dropped::dropped_rows;
pub(super) use losses::{losses, losses_about, waiting};
pub(super) use mixed::mixed_versions;
pub(super) use sealed::{SealedPart, SealedRows};
pub(super) use sessions::{forgotten, known_sessions, known_starts};
pub(super) use stories::add_story;

use crate::checkpoint::{CheckpointReader, Error as StateError, FileRef, ObjectProblem};
use crate::damage::{self, GivenUpFile};
use crate::engine::{EngineError, MetricAt, Page, PositionOf, TableData, TableScan};
use crate::labels::Labels;
use crate::log_position::{self, LogPosition};
use crate::outliers;
use crate::outputs::Published;
use crate::partition::{self, PartitionAnswer};
use crate::records::{AlertRow, SessionSnapshot};
use crate::results::{self, Pending};
use crate::retained;
use crate::rows;
use crate::service::work::Bound;
use crate::totals::MetricTotals;
use arrow::array::{BooleanArray, RecordBatch, StringArray};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// A plan with the answers of its partitions; none where nobody works on any.
pub(super) struct LogAnswer<'a> {
    plan: &'a Arc<Plan>,
    bound: &'a Bound,
    answers: Vec<&'a PartitionAnswer>,
}

/// The answers by the plan that they belong to, in the order of the plans.
pub(super) fn by_source<'a>(bound: &'a [Bound], answers: &'a [PartitionAnswer]) -> Vec<LogAnswer<'a>> {
    let log = |bound: &'a Bound| {
        let own = answers.iter().filter(|answer| answer.plan == bound.plan).collect();
        LogAnswer { plan: &bound.plan, bound, answers: own }
    };
    bound.iter().map(log).collect()
}

impl LogAnswer<'_> {
    /// The answers of the partitions.
    pub(super) fn answers(&self) -> impl Iterator<Item = &PartitionAnswer> {
        self.answers.iter().copied()
    }

    pub(super) fn plan(&self) -> &Arc<Plan> {
        self.plan
    }

    /// Whether there is such a metric or alert, and it is seen.
    pub(super) fn shows(&self, name: &str) -> bool {
        self.bound.labels.shows(name) && has(self.plan, name)
    }

    /// Sessions that are not in committed history, with values of the metrics that are seen.
    fn sessions(&self) -> Vec<SessionSnapshot> {
        let all =
            self.answers.iter().flat_map(|answer| answer.pending.sessions.iter().chain(&answer.sessions).cloned());
        let mut all = Pending { sessions: all.collect(), ..Pending::default() };
        all.hide(self.plan, &self.bound.labels);
        all.sessions
    }

    /// Alerts that are not in committed history, those that are on included.
    fn alerts(&self) -> Vec<AlertRow> {
        let all = self.answers.iter().flat_map(|answer| every_alert(answer));
        let mut all = Pending { alerts: all.collect(), ..Pending::default() };
        all.hide(self.plan, &self.bound.labels);
        all.alerts
    }

    /// Totals of all partitions, with what history has of windows that are over; of some metrics, or of all.
    fn totals(&self, metrics: Option<&BTreeSet<String>>) -> Result<MetricTotals, EngineError> {
        let is_wanted =
            |name: &str| self.bound.labels.shows(name) && metrics.is_none_or(|metrics| metrics.contains(name));
        let mut totals = MetricTotals::new(self.plan);
        for answer in &self.answers {
            totals.merge(&answer.totals);
            parts::add(answer, &mut totals, is_wanted)?;
        }
        let horizons = self.answers.iter().map(|answer| answer.horizon);
        let certain = self.answers.iter().map(|answer| answer.certain).min().unwrap_or(Time::MIN);
        totals.set_horizon(horizons.min().flatten(), certain);
        totals.only(self.plan, is_wanted);
        Ok(totals)
    }

    /// The committed rows of a table.
    fn history(&self, table: &str) -> Result<Vec<RecordBatch>, EngineError> {
        let mut batches = vec![];
        for answer in &self.answers {
            batches.extend(read(answer, table)?);
        }
        Ok(batches)
    }
}

/// Whether a plan has such a metric or alert.
pub(super) fn has(plan: &Plan, name: &str) -> bool {
    plan.metrics.iter().any(|metric| metric.name == name) || plan.alerts.iter().any(|alert| alert.name == name)
}

/// What an answer that reads those tables is true for.
pub(super) fn position(answer: &PartitionAnswer, tables: &[&str]) -> PositionOf {
    let is_alert = |name: &str| answer.plan.alerts.iter().any(|alert| alert.name == name);
    let history = tables.iter().filter_map(|table| if is_alert(table) { Some("alerts") } else { needs(table) });
    let needed: Vec<&str> = history.collect();
    let lost = answer.damage.lost.iter().filter(|lost| needed.contains(&lost.table.as_str()));
    PositionOf {
        source: answer.plan.name(),
        partition: answer.partition,
        position: log_position::to_text(&answer.plan, &answer.reach),
        watermark_ns: answer.watermark,
        horizon_ns: answer.horizon,
        epoch: answer.epoch,
        partial_sessions: answer.partial,
        unowned: answer.owner.is_none(),
        gaps: log_position::gaps(&answer.plan, &answer.reach),
        lost: lost.map(GivenUpFile::said).collect(),
    }
}

/// The history that a table is made of.
fn needs(table: &str) -> Option<&str> {
    match table {
        "queries" | "nodes" | "partitions" => None,
        "totals" => Some(results::PARTS),
        "alerts" | "late_events" | "dead_letters" => Some(table),
        "spans" | "session" => Some("kept"),
        table if MetricAt::of(table).is_some() => Some("kept"),
        // And the views of metrics.
        _ => Some("finals"),
    }
}

/// Why a question is refused that needs what cannot be read.
pub(super) fn unread(error: impl Into<partition::Error>) -> EngineError {
    let finding = match error.into() {
        partition::Error::Checkpoint(StateError::Corrupt(finding))
        | partition::Error::Kept(retained::Error::Checkpoint(StateError::Corrupt(finding)))
        | partition::Error::Results(results::Error::Checkpoint(StateError::Corrupt(finding))) => finding,
        other => return EngineError::Internal(other.to_string()),
    };
    if let ObjectProblem::Unreadable { .. } = finding.problem {
        return EngineError::Unavailable(format!("history cannot be read now: {finding}"));
    }
    EngineError::Conflict { message: damage::refusal(&finding), rendered: None }
}

pub(super) fn status(answer: &PartitionAnswer) -> Json {
    let counts = answer.counts;
    let files = answer.reach.iter().filter_map(|reach| reach.files.get(reach.position.file as usize));
    let lag = answer.reach.iter().map(bytes_behind).try_fold(0, |sum, left| Some(sum + left?));
    let names: Vec<String> = files.map(|file| file.name.clone()).collect();
    let file = if names.is_empty() { None } else { Some(names.join(", ")) };
    json!({
        "source": answer.plan.name(),
        "partition": answer.partition,
        "position": log_position::to_text(&answer.plan, &answer.reach),
        "gaps": log_position::gaps(&answer.plan, &answer.reach),
        "damaged": answer.damage.texts(),
        "file": file,
        "watermark_ns": answer.watermark,
        "horizon_ns": answer.horizon,
        "epoch": answer.epoch,
        "owner": answer.owner,
        "records": counts.records,
        "events": counts.events,
        "late_events": counts.late,
        "dead_letters": counts.dead,
        "duplicates": counts.duplicates,
        "misrouted": counts.misrouted,
        "closed_sessions": counts.closed,
        "live_sessions": answer.live,
        "partial_sessions": answer.partial,
        "forgotten_values": counts.forgotten,
        "state_bytes": answer.bytes,
        "queued_bytes": answer.queued_bytes,
        "keeping_bytes": answer.keeping_bytes,
        "kept_bytes": answer.kept_bytes(),
        "read_sessions": answer.read_sessions,
        "evaluate_seconds": answer.busy_ns as f64 / 1e9,
        "lag_bytes": lag,
        "drained": answer.drained,
        "received_ns": answer.received,
        "outputs": answer.outputs,
        "published": sum(answer, |output| output.published),
        "waiting": sum(answer, |output| output.waiting),
    })
}

/// What a log of files holds beyond what was read of it, in bytes of the files; none of another log.
fn bytes_behind(reach: &LogPosition) -> Option<u64> {
    let at = usize::try_from(reach.position.file).ok()?;
    let length = |name: &str| std::fs::metadata(name).ok().map(|file| file.len());
    let current = length(&reach.files.get(at)?.name)?.saturating_sub(reach.position.offset);
    // One that is gone holds nothing.
    let later = reach.files.iter().skip(at + 1).filter_map(|file| file.closed.or_else(|| length(&file.name)));
    Some(later.fold(current, u64::saturating_add))
}

/// Over all outputs of a partition; `None` where nothing is published.
fn sum(answer: &PartitionAnswer, of: impl Fn(&Published) -> u64) -> Option<u64> {
    (!answer.outputs.is_empty()).then(|| answer.outputs.values().map(of).sum())
}

/// Whether a table needs the sessions themselves.
pub(super) fn reads_sessions(name: &str) -> bool {
    !matches!(name, "totals" | "dead_letters" | "queries" | "nodes" | "partitions")
}

pub(super) fn plain(name: &str, batch: RecordBatch) -> TableData {
    TableData { name: name.into(), schema: batch.schema(), live: vec![batch], past: vec![], view: None }
}

/// The table `sessions`, or what of it has some keys.
pub(super) fn sessions(
    logs: &[LogAnswer<'_>],
    sealed: &[Arc<SealedPart>],
    keys: Option<&BTreeSet<String>>,
) -> Result<TableData, EngineError> {
    Ok(plain("sessions", sessions::sessions(logs, sealed, keys)?))
}

/// What of a table over all sources a scan needs, or more of it.
pub(super) fn table(
    scan: &TableScan,
    logs: &[LogAnswer<'_>],
    sealed: &[Arc<SealedPart>],
) -> Result<TableData, EngineError> {
    let name = scan.table.as_str();
    match name {
        "partitions" => Ok(plain(name, catalogue::partitions(logs))),
        "nodes" => Ok(plain(name, catalogue::nodes(logs))),
        "totals" => {
            let totals =
                logs.iter().map(|log| log.totals(scan.outputs.as_ref())).collect::<Result<Vec<MetricTotals>, _>>()?;
            let all: Vec<(&Plan, &MetricTotals)> = logs.iter().map(|log| &**log.plan).zip(&totals).collect();
            let metrics = all.iter().flat_map(|(plan, _)| plan.metrics.iter().map(move |metric| (*plan, metric)));
            let types = rows::agreed(metrics.flat_map(|(plan, metric)| rows::groups_of(plan, metric)));
            Ok(plain(name, rows::typed(&rows::totals(&all), &types)))
        }
        "sessions" => sessions(logs, sealed, scan.sessions.as_ref()),
        "finals" | "alerts" | "late_events" | "dead_letters" => history::history(scan, logs, sealed),
        name => {
            for log in logs.iter().filter(|log| log.shows(name)) {
                if let Some(metric) = log.plan.metrics.iter().position(|metric| metric.name == name) {
                    if log.plan.is_of_events(log.plan.metrics[metric].root) {
                        return Err(EngineError::NotFound(only_in_totals(name)));
                    }
                    return history::view(scan, metric, log);
                }
                if let Some(alert) = log.plan.alerts.iter().position(|alert| alert.name == name) {
                    return history::alert_view(scan, alert, log);
                }
            }
            Err(EngineError::NotFound(format!("there is no table `{name}`")))
        }
    }
}

/// Why a metric of events has no rows of sessions.
pub(super) fn only_in_totals(name: &str) -> String {
    format!(
        "`{name}` counts events, which no session has a value of; ask `SELECT * FROM totals WHERE metric = '{name}'`"
    )
}

/// The versions of the outputs that are seen: a name is seen in one plan at the most.
fn versions(logs: &[LogAnswer<'_>]) -> Labels {
    let seen = logs.iter().flat_map(|log| {
        let labels = &log.bound.labels;
        labels.versions.iter().filter(|(name, _)| labels.shows(name))
    });
    Labels { versions: seen.map(|(name, version)| (name.clone(), *version)).collect(), ..Labels::default() }
}

/// Alerts that are not in committed history, those that are on included.
fn every_alert(answer: &PartitionAnswer) -> Vec<AlertRow> {
    let open = answer.sessions.iter().flat_map(|session| session.open_alerts.iter().cloned());
    answer.pending.alerts.iter().cloned().chain(open).collect()
}

/// The committed rows of a table.
pub(super) fn read(answer: &PartitionAnswer, table: &str) -> Result<Vec<RecordBatch>, EngineError> {
    let mut batches = vec![];
    for file in answer.results.iter().filter(|file| results::table_of(file) == Some(table)) {
        batches.extend(read_file(file, &answer.reader)?);
    }
    Ok(batches)
}

/// The rows of a file of history.
fn read_file(file: &FileRef, reader: &CheckpointReader) -> Result<Vec<RecordBatch>, EngineError> {
    let bytes = reader.read(file).map_err(unread)?;
    results::decode(bytes).map_err(unread)
}

pub(super) fn text_column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray, EngineError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref());
    column.ok_or_else(|| EngineError::Internal(format!("history has no column {name}")))
}

/// A page of the sessions far from the rest, out of those of all partitions, and how many there are.
pub(super) fn outliers(
    log: &LogAnswer<'_>,
    name: &str,
    page: Page,
) -> Result<Option<(RecordBatch, usize)>, EngineError> {
    let plan = log.plan;
    if !log.shows(name) {
        return Ok(None);
    }
    if let Some(metric) = plan.metrics.iter().position(|metric| metric.name == name) {
        if plan.is_of_events(plan.metrics[metric].root) {
            return Err(EngineError::NotFound(only_in_totals(name)));
        }
        if let Some(values) = outliers::no_number(plan.node(plan.metrics[metric].root).kind) {
            return Err(EngineError::invalid(format!(
                "the values of `{name}` are {values}, and outliers are numbers far from the median; ask \
                 `SELECT value, count(*) FROM {name} GROUP BY value ORDER BY 2`"
            )));
        }
        let mut all = log.sessions();
        for batch in log.history("finals")? {
            all.extend(outliers::from_history(plan, metric, &batch));
        }
        return Ok(Some(outliers::of_metric(plan, metric, all.iter(), page)));
    }
    if let Some(alert) = plan.alerts.iter().position(|alert| alert.name == name) {
        let mut all: Vec<(AlertRow, i64)> = vec![];
        for answer in &log.answers {
            let rows = every_alert(answer).into_iter().filter(|row| row.alert == alert);
            all.extend(rows.map(|row| {
                let end = row.end.or(answer.horizon).unwrap_or(row.start);
                (row, end)
            }));
        }
        for batch in log.history("alerts")? {
            all.extend(outliers::alerts_from_history(alert, name, &batch));
        }
        // Of several sessions with one key, one that is partial makes the answer so.
        let mut partial: BTreeMap<String, bool> = BTreeMap::new();
        let mut note = |key: &str, is: bool| *partial.entry(key.to_owned()).or_default() |= is;
        log.sessions().iter().for_each(|session| note(&session.key, session.partial));
        for batch in log.history("finals")? {
            let keys = text_column(&batch, "session")?;
            let is = batch.column_by_name("partial").and_then(|c| c.as_any().downcast_ref::<BooleanArray>());
            (0..batch.num_rows()).for_each(|i| note(keys.value(i), is.is_some_and(|is| is.value(i))));
        }
        return Ok(Some(outliers::of_alert(&all, page, |key| partial.get(key).copied())));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::bytes_behind;
    use crate::log_position::LogPosition;
    use event_feeder::Position;
    use event_feeder::file::{FileIdentity, FilePrefix, KnownFile};

    #[test]
    fn files_that_come_later_are_behind_too() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = |name: &str, bytes: usize, closed| {
            let path = dir.path().join(name);
            std::fs::write(&path, vec![b'x'; bytes]).expect("a file");
            let name = path.to_str().expect("UTF-8").to_owned();
            let head = FilePrefix { length: 0, digest: String::new() };
            KnownFile { name, identity: FileIdentity { device: 0, inode: 0 }, head, closed, read: None, end: None }
        };
        let files = vec![file("a", 10, Some(10)), file("b", 20, None), file("c", 40, None)];
        let at = |file, offset| {
            let position = Position { file, offset, ..Position::START };
            bytes_behind(&LogPosition { position, files: files.clone(), ..LogPosition::default() })
        };
        assert_eq!([at(0, 4), at(1, 20), at(2, 39), at(2, 50)], [Some(66), Some(40), Some(1), Some(0)]);
        assert_eq!(at(3, 0), None, "no file is known there");
        std::fs::remove_file(dir.path().join("c")).expect("it is there");
        assert_eq!(at(1, 0), Some(20), "what is gone holds nothing");
    }
}
