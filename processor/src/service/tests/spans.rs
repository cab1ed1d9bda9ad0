//! The table `spans`, of sessions that are over and alive.

use super::{
    KEPT_PROGRAM, MemoryPartitions, SYNC, log, options, start_keeping, start_with, started, wait_until_gone,
    write_sessions,
};
use crate::engine::Engine;
use crate::service::{Claims, Options, Service};
use arrow::array::{Array, Decimal128Array, StringArray, TimestampNanosecondArray};
use std::time::Duration;

/// Metric, session, start, end and value of all rows, in seconds.
type SpanRow = (String, String, i64, Option<i64>, Option<i128>);

fn rows(service: &Service) -> Vec<SpanRow> {
    let snapshot = service.snapshot(&["spans".into()], SYNC).expect("an answer");
    let batch = &snapshot.tables[0].live[0];
    let text =
        |name: &str| -> &StringArray { batch.column_by_name(name).expect(name).as_any().downcast_ref().expect(name) };
    let time = |name: &str| -> &TimestampNanosecondArray {
        batch.column_by_name(name).expect(name).as_any().downcast_ref().expect(name)
    };
    let values: &Decimal128Array =
        batch.column_by_name("value_exact").expect("value").as_any().downcast_ref().expect("value");
    let row = |i: usize| {
        let end = time("end").is_valid(i).then(|| time("end").value(i) / 1_000_000_000);
        let value = values.is_valid(i).then(|| values.value(i) / 1_000_000_000);
        let start = time("start").value(i) / 1_000_000_000;
        (text("metric").value(i).to_owned(), text("session").value(i).to_owned(), start, end, value)
    };
    (0..batch.num_rows()).map(row).collect()
}

fn row(key: &str, start: i64, end: Option<i64>, value: i128) -> (String, String, i64, Option<i64>, Option<i128>) {
    ("m".into(), key.into(), start, end, Some(value))
}

#[test]
fn spans_of_all_sessions_are_told_by_every_partition_and_after_a_restart() {
    let program = "source s { key k  time t in s  end after 100s  b: bool }
metric m = duration_where(latest(b)) | keep spans | aggregate(count, sum)
metric other = has_existed(b)";
    let dir = tempfile::tempdir().expect("a folder");
    let log = log();
    let mut told = vec![];
    for _ in 0..2 {
        let service = start_with(program, dir.path(), &log, Claims::All);
        told.push(rows(&service));
        service.stop();
    }
    assert_eq!(told[0], told[1]);
    // `c` ended by silence at its event at 50; its second session is alive.
    let expected = [
        row("a", 0, Some(10), 0),
        row("a", 10, None, 10),
        row("b", 0, Some(20), 0),
        row("b", 20, None, 20),
        row("c", 0, Some(50), 0),
        row("c", 500, None, 0),
    ];
    assert_eq!(told[0], expected, "and of no metric that does not keep them");
}

#[test]
fn spans_reach_back_as_far_as_events_are_kept() {
    let program = KEPT_PROGRAM.replace("| aggregate", "| keep spans | aggregate");
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    let service = start_keeping(8_000_000_000, &program, dir.path(), &log, Claims::All);
    write_sessions(&log, &service);
    wait_until_gone(&log, 300);
    log.write(0, r#"{"k":"b","t":35,"b":false,"c":true}"#);
    // The session of `b` goes on since 0, which is not kept; nothing is told that would begin in its midst.
    assert_eq!(rows(&service), [row("a", 28, Some(29), 0)]);
    service.stop();
}

/// A commit that is on its way has taken the events, and its files are not named yet.
#[test]
fn events_of_a_commit_that_is_on_its_way_are_found() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = log();
    let every = Duration::from_millis(2);
    let service = started(Options { checkpoint_every: every, ..options(dir.path(), &log, Claims::All) }, KEPT_PROGRAM);
    for n in 0..150_u64 {
        log.write(0, &format!(r#"{{"k":"k{n}","t":{},"b":true}}"#, 1000 + n));
        assert!(service.snapshot(&["totals".into()], SYNC).is_ok());
        std::thread::sleep(Duration::from_micros(200 * (n % 16)));
        let told = service.session(&format!("k{n}"), None, None, SYNC);
        assert!(told.is_ok(), "{n}: {told:?}");
    }
    service.stop();
}
