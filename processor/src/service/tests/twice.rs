//! The hour that comes twice when clocks are put back: its records are the same after a restart, and when kept events are
//! read again, wherever these begin.

use super::{KEEP, MemoryPartitions, SYNC, start_keeping, view};
use crate::engine::Engine;
use crate::service::{Claims, Service};
use arrow::array::{StringArray, TimestampNanosecondArray};
use timeline_core::{SECOND, instant_text};

const PROGRAM: &str = "source s { key k  time t as \"%Y-%m-%d %H:%M\" in \"Europe/Berlin\"  n: int }
metric m = count(n > 0)";

/// Local times, and when they are.
const TIMES: [(&str, &str); 6] = [
    ("01:59", "2024-10-26T23:59:00Z"),
    ("02:30", "2024-10-27T00:30:00Z"),
    ("02:45", "2024-10-27T00:45:00Z"),
    ("02:10", "2024-10-27T01:10:00Z"),
    ("02:40", "2024-10-27T01:40:00Z"),
    ("03:00", "2024-10-27T02:00:00Z"),
];

fn write(log: &MemoryPartitions, i: usize) {
    log.write(0, &format!(r#"{{"k":"r{i}","t":"2024-10-27 {}","n":1}}"#, TIMES[i].0));
}

/// When the sessions began, by their keys.
fn starts(service: &Service) -> Vec<String> {
    let snapshot = service.snapshot(&["m".into()], SYNC).expect("an answer");
    let mut all = vec![];
    for batch in &view(&snapshot.tables[0]) {
        let column = |name: &str| batch.column_by_name(name).expect(name).as_any();
        let keys: &StringArray = column("session").downcast_ref().expect("texts");
        let starts: &TimestampNanosecondArray = column("start").downcast_ref().expect("times");
        all.extend((0..batch.num_rows()).map(|i| (keys.value(i).to_owned(), instant_text(starts.value(i)))));
    }
    all.sort();
    all.into_iter().map(|(_, start)| start).collect()
}

fn wanted(count: usize) -> Vec<&'static str> {
    TIMES[..count].iter().map(|(_, utc)| *utc).collect()
}

/// When the session of a record began, as it is told out of the log.
fn told(service: &Service, i: usize) -> Option<String> {
    let story = service.session(&format!("r{i}"), None, None, SYNC).ok()?;
    story["sessions"][0]["start_ns"].as_i64().map(instant_text)
}

#[test]
fn reading_goes_on_in_the_right_one_after_each_restart() {
    let (dir, log) = (tempfile::tempdir().expect("a folder"), MemoryPartitions::new(1));
    for (i, (_, at)) in TIMES.iter().enumerate() {
        let service = start_keeping(KEEP, PROGRAM, dir.path(), &log, Claims::All);
        write(&log, i);
        assert_eq!(starts(&service), wanted(i + 1));
        assert_eq!(told(&service, i).as_deref(), Some(*at), "the kept events say the same");
        assert!(service.stop().iter().all(|ended| ended.result.is_ok()));
    }
    // Other queries read all of it from the start.
    let more = format!("{PROGRAM}\nmetric other = sum(n)");
    let service = start_keeping(KEEP, &more, dir.path(), &log, Claims::All);
    assert_eq!(starts(&service), wanted(TIMES.len()));
    service.stop();
}

#[test]
fn kept_events_that_begin_in_it_know_what_preceded_them() {
    let (dir, log) = (tempfile::tempdir().expect("a folder"), MemoryPartitions::new(1));
    // So long that of the records up to the second 02:40 it alone is kept.
    let keep = 20 * 60 * SECOND;
    for i in 0..5 {
        let service = start_keeping(keep, PROGRAM, dir.path(), &log, Claims::All);
        write(&log, i);
        assert_eq!(starts(&service), wanted(i + 1));
        service.stop();
    }
    let service = start_keeping(keep, PROGRAM, dir.path(), &log, Claims::All);
    assert_eq!(told(&service, 3), None, "its events are gone");
    assert_eq!(told(&service, 4).as_deref(), Some(TIMES[4].1));
    service.stop();
}
