//! An engine with fixed tables, for tests of the query surface.

use super::{
    AnswerBasis, AnswerNote, Engine, EngineError, IsWanted, Listed, OutputView, Page, PastFile, PositionOf, Snapshot,
    TableData, TableScan,
};
use crate::results::Layout;
use crate::rows::ValueColumn;
use arrow::array::TimestampNanosecondArray;
use arrow::array::{ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};
use event_feeder::world::{self, Instant};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Two metrics, `cirr` (aggregated) and `cirr_plain`; the sums are those of R1, plus `sum_ns` in C1's.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    /// Which tables each snapshot was asked for.
    pub(crate) asked: Mutex<Vec<(Vec<String>, Option<Duration>)>>,
    /// And how much of them.
    pub(crate) scans: Mutex<Vec<TableScan>>,
    /// Parquet files of `finals`.
    pub(crate) files: Vec<PathBuf>,
    /// The same, of the layout of before.
    pub(crate) old_files: Vec<PathBuf>,
    /// `finals` is a view of that metric, with decimals, and has no rows in memory.
    pub(crate) view: Option<String>,
    /// Added to the sum of C1, in nanoseconds; a test changes it to change an answer.
    pub(crate) sum_ns: AtomicI64,
    /// There is no table `totals` any more.
    pub(crate) is_without_totals: AtomicBool,
    /// What is to be known of answers that take the versions of `finals` together.
    pub(crate) notes: Vec<AnswerNote>,
    /// How long a snapshot takes.
    pub(crate) snapshot_takes: Duration,
    /// Snapshots being taken now, and the most there have been.
    pub(crate) busy: AtomicUsize,
    pub(crate) busy_max: AtomicUsize,
    /// Calls of `deploy` and `drop_query`.
    pub(crate) done: Mutex<Vec<String>>,
}

pub(crate) const SECOND: i128 = 1_000_000_000;

pub(crate) fn decimals(values: impl IntoIterator<Item = Option<i128>>) -> ArrayRef {
    Arc::new(Decimal128Array::from_iter(values).with_precision_and_scale(38, 9).unwrap())
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// `finals` as the engine makes it, one row a session: its name, seconds of value, whether it is closed.
pub(crate) fn finals(rows: &[(&str, i128, bool)]) -> RecordBatch {
    let metric = vec![Some("cirr_plain"); rows.len()];
    let times = |offset: i64| -> ArrayRef {
        let times = (0..rows.len() as i64).map(|i| 1_700_000_000_000_000_000 + i + offset);
        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC"))
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("session", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0)))),
        ("metric", texts(&metric)),
        ("deviceType", texts(&vec![Some("tv"); rows.len()])),
        ("value", Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.1 as f64)))),
        ("value_exact", decimals(rows.iter().map(|row| Some(row.1 * SECOND)))),
        ("start", times(0)),
        ("start_ns", Arc::new(Int64Array::from_iter_values(0..rows.len() as i64))),
        ("end", times(60_000_000_000)),
        ("closed", Arc::new(BooleanArray::from_iter(rows.iter().map(|row| Some(row.2))))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

/// Rows of two definitions.
fn of_versions(rows: &RecordBatch) -> RecordBatch {
    let version: ArrayRef = Arc::new(Int64Array::from_iter_values(1..=rows.num_rows() as i64));
    let schema = rows.schema();
    let columns = schema.fields().iter().map(|field| field.name().as_str()).zip(rows.columns().iter().cloned());
    let columns = columns.chain([("version", version)]).map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

impl Fake {
    /// One whose `finals` are not what is meant.
    #[cfg(feature = "sql")]
    pub(crate) fn noting() -> Fake {
        let note = AnswerNote { message: "two of `é`".into(), help: "take one".into() };
        Fake { notes: vec![note], ..Fake::default() }
    }

    fn totals(&self) -> RecordBatch {
        let more = i128::from(self.sum_ns.load(Ordering::SeqCst));
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("metric", texts(&[Some("cirr"), Some("cirr"), Some("score")])),
            ("cdn", texts(&[Some("C1"), Some("C2"), None])),
            ("count", Arc::new(Int64Array::from(vec![1, 1, 7]))),
            ("sum", Arc::new(Float64Array::from(vec![12.0 + more as f64 / 1e9, 5.0, 0.5]))),
            ("sum_exact", decimals([Some(12 * SECOND + more), Some(5 * SECOND), None])),
            ("avg", Arc::new(Float64Array::from(vec![Some(12.0), Some(5.0), None]))),
            ("avg_exact", decimals([Some(12 * SECOND), Some(5 * SECOND), None])),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
    }

    fn table(&self, name: &str) -> Option<TableData> {
        let (live, files) = match name {
            "totals" if self.is_without_totals.load(Ordering::SeqCst) => return None,
            "totals" => (self.totals(), vec![]),
            "finals" => {
                let rows = finals(&[("s1", 12, true), ("s2", 5, false)]);
                (if self.notes.is_empty() { rows } else { of_versions(&rows) }, self.files.clone())
            }
            "alerts" => {
                let columns = [("session", texts(&[Some("s1")])), ("alert", texts(&[Some("stuck")]))];
                (RecordBatch::try_from_iter(columns).unwrap(), vec![])
            }
            _ => return None,
        };
        let of = |files: Vec<PathBuf>, layout| files.into_iter().map(move |path| PastFile { path, layout });
        let old = if name == "finals" { self.old_files.clone() } else { vec![] };
        let past = of(files, Layout::Exact).chain(of(old, Layout::Decimal)).collect();
        if let (Some(metric), "finals") = (&self.view, name) {
            let value: ArrayRef = decimals([]);
            let session: ArrayRef = Arc::new(StringArray::from(Vec::<String>::new()));
            let live = RecordBatch::try_from_iter_with_nullable([("session", session, true), ("value", value, true)]);
            let (live, view) = (
                live.unwrap(),
                Some(OutputView { column: "metric".into(), name: metric.clone(), value: Some(ValueColumn::Exact) }),
            );
            return Some(TableData { name: name.to_owned(), schema: live.schema(), live: vec![live], past, view });
        }
        Some(TableData { name: name.to_owned(), schema: live.schema(), live: vec![live], past, view: None })
    }

    fn positions(&self) -> Vec<PositionOf> {
        vec![PositionOf {
            source: "player".into(),
            partition: 0,
            position: "log-é/7".into(),
            watermark_ns: Some(5),
            horizon_ns: None,
            partial_sessions: 0,
            epoch: 3,
            unowned: false,
            gaps: vec![],
            lost: vec![],
        }]
    }
}

impl Engine for Fake {
    fn status(&self) -> serde_json::Value {
        let partition = serde_json::json!({"source": "play\"er", "partition": 0, "events": 1000, "live_sessions": 2,
            "late_events": 0, "dead_letters": 1, "epoch": 4, "lag_bytes": null});
        serde_json::json!({"state": "dir", "partitions": [partition]})
    }

    fn table_names(&self) -> Vec<String> {
        ["finals", "totals", "alerts"].map(str::to_owned).to_vec()
    }

    fn read(
        &self,
        scans: &[TableScan],
        sync: Option<Duration>,
        is_wanted: IsWanted<'_>,
    ) -> Result<Snapshot, EngineError> {
        let tables: Vec<String> = scans.iter().map(|scan| scan.table.clone()).collect();
        self.asked.lock().unwrap().push((tables.clone(), sync));
        self.scans.lock().unwrap().extend_from_slice(scans);
        let busy = self.busy.fetch_add(1, Ordering::SeqCst) + 1;
        self.busy_max.fetch_max(busy, Ordering::SeqCst);
        let until = Instant::now() + self.snapshot_takes;
        while Instant::now() < until && is_wanted() {
            world::sleep(Duration::from_millis(1).min(self.snapshot_takes));
        }
        self.busy.fetch_sub(1, Ordering::SeqCst);
        let table = |name: &String| self.table(name).ok_or_else(|| EngineError::NotFound(format!("no table {name}")));
        Ok(Snapshot {
            tables: tables.iter().map(table).collect::<Result<_, _>>()?,
            basis: AnswerBasis { positions: self.positions(), notes: self.notes(scans)? },
        })
    }

    fn notes(&self, scans: &[TableScan]) -> Result<Vec<AnswerNote>, EngineError> {
        Ok(if scans.iter().any(|scan| scan.mixes_versions) { self.notes.clone() } else { vec![] })
    }

    fn columns(&self, tables: &[String]) -> Result<Vec<TableData>, EngineError> {
        let table = |name: &String| {
            let table = self.table(name).ok_or_else(|| EngineError::NotFound(format!("no table {name}")))?;
            let schema = crate::rows::documented(name, &table.schema, None);
            Ok(TableData { schema, live: vec![], past: vec![], ..table })
        };
        tables.iter().map(table).collect()
    }

    fn session(
        &self,
        key: &str,
        at: Option<i64>,
        query: Option<&str>,
        sync: Option<Duration>,
    ) -> Result<serde_json::Value, EngineError> {
        match key {
            "panic" => panic!("as the test asks"),
            "nobody" => Err(EngineError::NotFound("there is no session `nobody`".into())),
            "slow" => Err(EngineError::Timeout("not read within 50 ms".into())),
            _ => Ok(serde_json::json!({"key": key, "at": at, "query": query, "sync": sync.map(|d| d.as_secs_f64()),
                "sessions": [], "positions": self.positions()})),
        }
    }

    fn outliers(&self, name: &str, page: Page, _sync: Option<Duration>) -> Result<Listed, EngineError> {
        match name {
            "cirr" => {
                let all = self.totals();
                let (rows, extent) = page.cut(&all, all.num_rows());
                Ok(Listed { rows, extent, positions: self.positions(), notes: vec![] })
            }
            _ => Err(EngineError::NotFound(format!("there is no metric `{name}`"))),
        }
    }

    fn queries(&self) -> Result<RecordBatch, EngineError> {
        let names = texts(&[Some("cirr"), Some("cirr_plain"), Some("score"), Some("stuck")]);
        Ok(RecordBatch::try_from_iter([("name", names)]).unwrap())
    }

    fn deploy(
        &self,
        programs: Vec<(String, String)>,
        plan_only: bool,
        from: Option<String>,
    ) -> Result<serde_json::Value, EngineError> {
        if programs.iter().any(|(_, text)| text.contains("broken")) {
            let rendered = Some("error[TL0001]: broken\n".to_owned());
            return Err(EngineError::Invalid { message: "1 error".into(), rendered });
        }
        if programs.iter().any(|(_, text)| text.contains("taken")) {
            return Err(EngineError::Conflict { message: "`cirr` is another".into(), rendered: None });
        }
        self.done.lock().unwrap().push(format!("{programs:?} {plan_only} {from:?}"));
        Ok(serde_json::json!({"added": ["cirr"]}))
    }

    fn drop_query(&self, name: &str) -> Result<serde_json::Value, EngineError> {
        self.done.lock().unwrap().push(format!("drop {name}"));
        Ok(serde_json::json!({"dropped": name}))
    }
}
