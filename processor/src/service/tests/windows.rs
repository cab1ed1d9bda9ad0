//! Totals by windows of the clock: of all partitions, and in memory only as far as they may still change.

use super::{Claims, MemoryPartitions, SYNC, start_with};
use crate::checkpoint;
use crate::checkpoint::LocalStore;
use crate::engine::Engine;
use crate::service::Service;
use arrow::array::{Array, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

const PROGRAM: &str = "source s { key k  time t in s  b: bool }
metric m = duration_where(latest(b)) every 1m | aggregate(group_by(every), count, sum)
metric c = concurrency(latest(b)) every 1m | aggregate(group_by(every), now, peak, mean)";

/// Window, count, sum in seconds, and whether it is closed.
fn totals(service: &Service) -> Vec<(String, i64, i128, bool)> {
    let snapshot = service.snapshot(&["totals".into()], SYNC).expect("an answer");
    let rows = &snapshot.tables[0].live[0];
    let column = |name: &str| rows.column_by_name(name).expect(name).as_any();
    let metrics: &StringArray = column("metric").downcast_ref().expect("texts");
    let every: &StringArray = column("every").downcast_ref().expect("texts");
    let count: &Int64Array = column("count").downcast_ref().expect("counts");
    let sum: &Decimal128Array = column("sum_exact").downcast_ref().expect("decimals");
    let closed: &BooleanArray = column("closed").downcast_ref().expect("truth values");
    let peak: &Decimal128Array = column("peak_exact").downcast_ref().expect("decimals");
    for i in (0..rows.num_rows()).filter(|i| metrics.value(*i) == "c" && closed.value(*i)) {
        // Both are on in even minutes, and in no other.
        let is_on = every.value(i)[14..16].parse::<i64>().expect("a minute") % 2 == 0;
        assert_eq!(peak.value(i) / 1_000_000_000, if is_on { 2 } else { 0 }, "{}", every.value(i));
    }
    let of_m = (0..rows.num_rows()).filter(|i| metrics.value(*i) == "m");
    let row = |i| (every.value(i).to_owned(), count.value(i), sum.value(i) / 1_000_000_000, closed.value(i));
    of_m.map(row).collect()
}

/// How many groups the newest checkpoint of a partition has in its state.
fn groups(state: &Path, part: u32) -> usize {
    let store = LocalStore::new(state.join(format!("sources/s/part-{part}")));
    let inspection = checkpoint::inspect(&store).expect("it can be read");
    let Some(manifest) = inspection.kept.first() else { return usize::MAX };
    let metrics = manifest.state["totals"].as_array().cloned().unwrap_or_default();
    metrics.iter().filter_map(|metric| metric[1].as_array()).map(Vec::len).max().unwrap_or(0)
}

#[test]
fn totals_by_windows_are_kept_only_as_far_as_they_change() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(2);
    let mut written = 0;
    for until in [90, 91, 200] {
        let service = start_with(PROGRAM, dir.path(), &log, Claims::All);
        for minute in written..until {
            for (part, key) in [(0, "a"), (1, "b")] {
                let (t, b) = (minute * 60, minute % 2 == 0);
                log.write(part, &format!(r#"{{"k":"{key}","t":{t},"b":{b}}}"#));
            }
        }
        written = until;
        let window = |minute: i64| {
            let (every, is_last) =
                (format!("1970-01-01T{:02}:{:02}:00Z", minute / 60, minute % 60), minute + 1 == until);
            (every, 2, if minute % 2 == 0 && !is_last { 120 } else { 0 }, !is_last)
        };
        let known: Vec<_> = (0..until).map(window).collect();
        assert_eq!(totals(&service), known);
        let begun = Instant::now();
        while (0..2).any(|part| groups(dir.path(), part) > 1) {
            assert!(begun.elapsed() < Duration::from_secs(20), "the state keeps {} groups", groups(dir.path(), 0));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(totals(&service), known, "out of history");
        service.stop();
    }
}

/// Group, count and sum of a metric of events.
fn of_events(service: &Service) -> Vec<(String, i64, i128)> {
    let snapshot = service.snapshot(&["totals".into()], SYNC).expect("an answer");
    let rows = &snapshot.tables[0].live[0];
    let column = |name: &str| rows.column_by_name(name).expect(name).as_any();
    let every: &StringArray = column("every").downcast_ref().expect("texts");
    let count: &Int64Array = column("count").downcast_ref().expect("counts");
    let sum: &Decimal128Array = column("sum_exact").downcast_ref().expect("decimals");
    let row = |i| (every.value(i).to_owned(), count.value(i), sum.value(i) / 1_000_000_000);
    (0..rows.num_rows()).map(row).collect()
}

#[test]
fn events_that_come_late_are_folded_into_their_windows() {
    let program = "source s { key k  time t in s  late repair keep 10m  x: int }
metric e = at(rise(latest(x) > 5), latest(x)) every 1m | aggregate(group_by(every), count, sum)";
    // Each tenth event comes five minutes later than those around it.
    let events: Vec<i64> = (0..2_000).collect();
    let line = |t: i64| format!(r#"{{"k":"k{}","t":{t},"x":{}}}"#, t % 3, t * 7 % 13);
    let due = |t: i64| if t % 10 == 7 { t + 300 } else { t };
    let mut late = events.clone();
    late.sort_by_key(|t| due(*t));
    let (in_order, repaired) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let logs = [MemoryPartitions::new(1), MemoryPartitions::new(1)];
    let sorted = start_with(program, in_order.path(), &logs[0], Claims::All);
    events.iter().for_each(|t| logs[0].write(0, &line(*t)));
    let expected = of_events(&sorted);
    assert!(expected.len() > 30 && expected.iter().map(|row| row.1).sum::<i64>() > 500, "{expected:?}");
    let (first, rest) = late.split_at(900);
    let service = start_with(program, repaired.path(), &logs[1], Claims::All);
    first.iter().for_each(|t| logs[1].write(0, &line(*t)));
    of_events(&service);
    service.stop();
    let service = start_with(program, repaired.path(), &logs[1], Claims::All);
    rest.iter().for_each(|t| logs[1].write(0, &line(*t)));
    assert_eq!(of_events(&service), expected);
    let snapshot = service.snapshot(&["late_events".into()], SYNC).expect("an answer");
    assert!(
        snapshot.tables[0].live.iter().map(|rows| rows.num_rows()).sum::<usize>() + snapshot.tables[0].past.len() > 0
    );
    // What is dropped leaves the totals, and what is put in its place counts from the start of the log.
    let other = program.replace("> 5", "> 8");
    service.deploy(vec![("p.tl".into(), other.clone())], false, None).expect("it is deployed");
    service.settle();
    let changed = of_events(&service);
    assert!(changed.iter().map(|row| row.1).sum::<i64>() < expected.iter().map(|row| row.1).sum());
    sorted.deploy(vec![("p.tl".into(), other)], false, None).expect("it is deployed");
    sorted.settle();
    assert_eq!(changed, of_events(&sorted));
    service.drop_query("e").expect("it is there");
    assert!(
        service
            .snapshot(&["totals".into()], SYNC)
            .is_ok_and(|all| all.tables[0].live.iter().all(|rows| rows.num_rows() == 0))
    );
    sorted.stop();
    service.stop();
}

#[test]
fn how_many_are_on_at_once_is_kept_in_history_where_it_has_changed_often() {
    const SESSIONS: i64 = 3_000;
    let program = "source s { key k  time t in s  end after 100s  b: bool }
metric c = concurrency(latest(b)) | aggregate(now, peak, mean)";
    let (dir, log) = (tempfile::tempdir().expect("a folder"), MemoryPartitions::new(1));
    // Each is on for 15 seconds, the last of which the next one is on too.
    let write = |i: i64| {
        log.write(0, &format!(r#"{{"k":"k{i}","t":{},"b":true}}"#, i * 10));
        log.write(0, &format!(r#"{{"k":"k{}","t":{},"b":false}}"#, i - 1, i * 10 + 5));
    };
    let mut written = 0;
    for until in [SESSIONS / 2, SESSIONS] {
        let service = start_with(program, dir.path(), &log, Claims::All);
        (written..until).for_each(write);
        written = until;
        let snapshot = service.snapshot(&["totals".into()], SYNC).expect("an answer");
        let rows = &snapshot.tables[0].live[0];
        let value = |name: &str| {
            let column = rows.column_by_name(name).expect(name).as_any().downcast_ref::<Float64Array>();
            column.expect("numbers").value(0)
        };
        assert_eq!(["now", "peak"].map(value), [1.0, 2.0]);
        let (on, time) = ((until - 1) * 15 + 5, (until - 1) * 10 + 5);
        assert!((value("mean") - on as f64 / time as f64).abs() < 1e-9, "{} of {on} in {time}", value("mean"));
        service.stop();
        let store = LocalStore::new(dir.path().join("sources/s/part-0"));
        let kept = checkpoint::inspect(&store).expect("it can be read").kept;
        let bytes = kept[0].state["totals"].to_string().len();
        assert!(bytes < 40_000, "{bytes} bytes of totals in the state");
    }
}

/// How many rows committed files have of each session.
fn committed(service: &Service, table: &str) -> BTreeMap<String, usize> {
    let snapshot = service.snapshot(&[table.into()], SYNC).expect("an answer");
    let mut rows = BTreeMap::new();
    for file in &snapshot.tables[0].past {
        for batch in crate::results::decode(std::fs::read(&file.path).expect("a file")).expect("rows") {
            let sessions: &StringArray = batch.column_by_name("session").unwrap().as_any().downcast_ref().unwrap();
            for session in sessions.iter().flatten() {
                *rows.entry(session.to_owned()).or_insert(0) += 1;
            }
        }
    }
    rows
}

#[test]
fn windows_of_a_session_that_nothing_happens_in_are_told_when_the_clock_ends_them() {
    // One that says nothing more after its first event, and one whose last event began a window.
    let program = "source s { key k  time t in s  b: bool }
metric m = duration_where(latest(b)) every 1m | aggregate(group_by(every), count, sum)";
    let (dir, log) = (tempfile::tempdir().expect("a folder"), MemoryPartitions::new(1));
    for (key, t) in [("silent", 0), ("busy", 0), ("twice", 0), ("twice", 180)] {
        log.write(0, &format!(r#"{{"k":"{key}","t":{t},"b":true}}"#));
    }
    (1..=20).for_each(|i| log.write(0, &format!(r#"{{"k":"busy","t":{},"b":true}}"#, i * 60 + 1)));
    for _ in 0..2 {
        // Also out of a checkpoint.
        let service = start_with(program, dir.path(), &log, Claims::All);
        let begun = Instant::now();
        let expected = ["busy", "silent", "twice"].map(|key| (key.to_owned(), 20));
        while committed(&service, "finals") != BTreeMap::from(expected.clone()) {
            let rows = committed(&service, "finals");
            assert!(begun.elapsed() < Duration::from_secs(20), "{rows:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(service.stop().iter().all(|ended| ended.result.is_ok()));
    }
}
