//! What metrics were at an instant, where not all of the log is kept.

use super::{
    KEPT_PROGRAM, MemoryPartitions, SYNC, log, start_keeping, start_with, totals, wait_until_gone, write_sessions,
};
use crate::engine::{Engine, EngineError, MetricAt, TableScan};
use crate::service::{Claims, Service};
use arrow::array::{Array, Decimal128Array, StringArray, TimestampNanosecondArray};
use timeline_core::SECOND;

/// Session, start and value of all rows, in seconds, by session and start.
fn at(service: &Service, seconds: i64, keys: &[&str]) -> Result<Vec<(String, i64, i128)>, EngineError> {
    let table = MetricAt { metric: "m".into(), at: seconds * SECOND }.table();
    let sessions = (!keys.is_empty()).then(|| keys.iter().map(|key| (*key).to_owned()).collect());
    let scan = TableScan { sessions, ..TableScan::whole(&table) };
    let snapshot = service.read(&[scan], SYNC, &|| true)?;
    let table = &snapshot.tables[0];
    assert!(table.past.is_empty() && table.view.is_none(), "it is all in memory");
    let mut rows = vec![];
    for batch in &table.live {
        let column = |name: &str| batch.column_by_name(name).expect(name).as_any();
        let sessions: &StringArray = column("session").downcast_ref().expect("texts");
        let starts: &TimestampNanosecondArray = column("start").downcast_ref().expect("times");
        let values: &Decimal128Array = column("value").downcast_ref().expect("decimals");
        let row = |i| (sessions.value(i).to_owned(), starts.value(i) / SECOND, values.value(i) / 1_000_000_000);
        rows.extend((0..batch.num_rows()).map(row));
    }
    rows.sort();
    Ok(rows)
}

#[test]
fn what_was_over_comes_from_history_and_the_rest_from_kept_events() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    let service = start_keeping(8 * SECOND, KEPT_PROGRAM, dir.path(), &log, Claims::All);
    write_sessions(&log, &service);
    wait_until_gone(&log, 300);
    log.write(0, r#"{"k":"b","t":35,"b":false,"c":true}"#);
    assert_eq!(totals(&service), Some((6, 5)));
    let expected = [0, 7, 14, 21, 28].map(|start| ("a".to_owned(), start, 1));
    assert_eq!(at(&service, 29, &["a"]).expect("it is known"), expected);
    // Silence ended the session of 21 at 27, and its events are gone: what it was before that is not known.
    let error = at(&service, 23, &["a"]).expect_err("its events are gone").to_string();
    assert!(error.starts_with("[TL3012] "), "{error}");
    assert!(error.contains("known from 1970-01-01T00:00:27"), "{error}");
    // The session of `b` goes on since 0.
    let error = at(&service, 29, &[]).expect_err("its beginning is gone").to_string();
    assert!(error.contains("`b` among them") && error.contains("not over yet"), "{error}");
    let error = at(&service, 36, &["a"]).expect_err("the log is not there yet");
    assert!(error.to_string().starts_with("[TL3013] "), "{error}");
    assert_eq!(error.code(), "unavailable");
    service.stop();
}

#[test]
fn every_partition_tells_its_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let service = start_with(super::PROGRAM, dir.path(), &log(), Claims::All);
    let row = |key: &str, start, value| (key.to_owned(), start, value);
    assert_eq!(at(&service, 0, &[]).expect("all"), [row("a", 0, 0), row("b", 0, 0), row("c", 0, 0)]);
    assert_eq!(at(&service, 10, &[]).expect("all"), [row("a", 0, 10), row("b", 0, 10), row("c", 0, 10)]);
    assert_eq!(at(&service, 10, &["b", "c"]).expect("two"), [row("b", 0, 10), row("c", 0, 10)]);
    // The log of `a` ends there.
    assert!(at(&service, 11, &[]).expect_err("it is not read").to_string().contains("s/0 is read through"));
    let table = |name: &str| service.read(&[TableScan::whole(name)], SYNC, &|| true).expect_err("no such metric");
    assert_eq!(table("finals@0").code(), "not_found");
    service.stop();
}
