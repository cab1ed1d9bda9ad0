//! Queries that begin now, on sessions that run already.

use super::{KEEP, KEPT_PROGRAM, MemoryPartitions, PROGRAM, SYNC, options, start, start_keeping, started, totals};
use super::{view, wait_until_gone, write_sessions};
use crate::engine::{Engine, Page};
use crate::input::SourceBinding;
use crate::service::{Claims, Options, Service};
use arrow::array::{Array, BooleanArray, Decimal128Array, RecordBatch, StringArray, TimestampNanosecondArray};
use std::path::Path;

const LATER: &str = "source s { key k  time t in s  end after 100s  b: bool }
metric n = duration_where(latest(b)) | aggregate(count, sum)
metric never = !has_existed(b)";

fn column<'a, T: 'static>(batch: &'a RecordBatch, name: &str) -> &'a T {
    batch.column_by_name(name).expect("the column").as_any().downcast_ref().expect("its type")
}

/// Session, start, value (seconds) and whether it is partial, of a metric's rows.
fn rows(service: &Service, metric: &str) -> Vec<(String, i64, i128, bool)> {
    let snapshot = service.snapshot(&[metric.into()], SYNC).expect("an answer");
    let mut all = vec![];
    for batch in &view(&snapshot.tables[0]) {
        let (keys, partial): (&StringArray, &BooleanArray) = (column(batch, "session"), column(batch, "partial"));
        let (starts, values): (&TimestampNanosecondArray, &Decimal128Array) =
            (column(batch, "start"), column(batch, "value"));
        for i in 0..batch.num_rows() {
            let (start, value) = (starts.value(i) / 1_000_000_000, values.value(i) / 1_000_000_000);
            all.push((keys.value(i).to_owned(), start, value, partial.value(i)));
        }
    }
    all.sort();
    all
}

fn row(key: &str, start: i64, value: i128, partial: bool) -> (String, i64, i128, bool) {
    (key.into(), start, value, partial)
}

/// The outliers of a metric, and whether they are partial.
fn outliers(service: &Service, metric: &str) -> Vec<(String, bool)> {
    let found = service.outliers(metric, Page::first(5), SYNC).expect("an answer").rows;
    let (keys, partial): (&StringArray, &BooleanArray) = (column(&found, "session"), column(&found, "partial"));
    (0..found.num_rows()).map(|i| (keys.value(i).to_owned(), partial.value(i))).collect()
}

fn write(log: &MemoryPartitions, key: &str, t: i64, b: bool) {
    log.write(0, &format!(r#"{{"k":"{key}","t":{t},"b":{b}}}"#));
}

fn deploy_now(service: &Service, program: &str) -> serde_json::Value {
    let programs = vec![("later.tl".to_owned(), program.to_owned())];
    service.deploy(programs, false, Some("now".into())).expect("it is deployed")
}

#[test]
fn sessions_that_run_at_the_deployment_are_partial_and_later_ones_are_whole() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    write(&log, "a", 0, true);
    write(&log, "a", 10, true);
    let service = start(dir.path(), &log, Claims::All);
    assert_eq!(totals(&service), Some((1, 10)));
    let told = deploy_now(&service, LATER);
    assert_eq!(told["replays_log"], false);
    assert!(told["notes"][0].as_str().expect("a note").contains("within 100 s"), "{told}");
    assert!(told["nodes"].as_array().expect("nodes").iter().all(|node| node["action"] != "rebuild"), "{told}");
    assert_eq!(rows(&service, "n"), [], "events before the deployment count for nothing");

    write(&log, "a", 20, true);
    write(&log, "a", 30, false);
    // 100 s after the first event that was seen a session may still have begun before; a nanosecond later none.
    write(&log, "c", 120, true);
    write(&log, "d", 121, true);
    write(&log, "d", 131, false);
    let seen = [row("a", 20, 10, true), row("c", 120, 11, true), row("d", 121, 10, false)];
    assert_eq!(rows(&service, "n"), seen);
    assert_eq!(rows(&service, "m")[0], row("a", 0, 30, false), "what was there before knows all");
    assert_eq!(outliers(&service, "n"), [("c".to_owned(), true)]);
    let told = service.session("a", None, Some("n"), SYNC).expect("a story");
    assert_eq!(
        (&told["sessions"][0]["partial"], &told["sessions"][0]["start_ns"]),
        (&true.into(), &20_000_000_000_i64.into())
    );
    let snapshot = service.snapshot(&["partitions".into()], SYNC).expect("an answer");
    let partial: Vec<(String, u64)> =
        snapshot.basis.positions.iter().map(|p| (p.source.clone(), p.partial_sessions)).collect();
    assert_eq!(partial, [("s".to_owned(), 0), ("s@2".to_owned(), 2)]);

    // A restart tells the same, and so do other queries that begin at the same moment no more.
    assert!(service.stop().iter().all(|ended| ended.result.is_ok()));
    let service = start(dir.path(), &log, Claims::All);
    assert_eq!(rows(&service, "n"), seen);
    service.drop_query("never").expect("its log is kept from where it began");
    assert_eq!(rows(&service, "n"), seen);
    write(&log, "a", 500, true);
    write(&log, "a", 510, false);
    let ended = [row("a", 20, 10, true), row("a", 500, 10, false), row("c", 120, 0, true), row("d", 121, 10, false)];
    assert_eq!(rows(&service, "n"), ended, "a new session of a key that was partial is whole");
    assert_eq!(rows(&service, "m").len(), 4);
    assert_eq!(outliers(&service, "n"), [("c".to_owned(), true)]);
    assert_eq!(log.forgotten.lock().expect("nobody panics")[..], [], "one of two queries left the other its place");
    service.drop_query("n").expect("it is there");
    assert!(service.snapshot(&["n".into()], SYNC).is_err());
    let began = std::time::Instant::now();
    while log.forgotten.lock().expect("nobody panics").is_empty() {
        assert!(began.elapsed().as_secs() < 60, "what was kept for the query is forgotten");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(log.forgotten.lock().expect("nobody panics")[..], [("s@2".to_owned(), 0)]);
    service.stop();
}

#[test]
fn outliers_are_numbers() {
    let program = "source s { key k  time t in s  b: bool, door: string, n: int }
metric where_to = latest(door)
metric open = latest(b)
metric size = latest(n)";
    let (dir, log) = (tempfile::tempdir().expect("a folder"), MemoryPartitions::new(1));
    let service = super::start_with(program, dir.path(), &log, Claims::All);
    for (key, n) in [("a", 1), ("b", 1), ("c", 9)] {
        log.write(0, &format!(r#"{{"k":"{key}","t":0,"b":true,"door":"{key}","n":{n}}}"#));
    }
    assert_eq!(outliers(&service, "size"), [("c".to_owned(), false)]);
    for (name, values) in [("where_to", "texts"), ("open", "true or false")] {
        let error = service.outliers(name, Page::first(5), SYNC).expect_err("no numbers").to_string();
        assert!(error.contains(&format!("the values of `{name}` are {values}")), "{error}");
    }
    service.stop();
}

#[test]
fn queries_begin_now_where_the_log_is_not_kept_from_its_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    let service = start_keeping(8_000_000_000, KEPT_PROGRAM, dir.path(), &log, Claims::All);
    write_sessions(&log, &service);
    wait_until_gone(&log, 300);
    let more = KEPT_PROGRAM.replace("metric m = duration_where(latest(b))", "metric n = duration_where(latest(c))");
    let error = service.deploy(vec![("q.tl".into(), more.clone())], false, None).expect_err("its log is gone");
    assert!(error.to_string().contains("--from now"), "{error}");
    deploy_now(&service, &more);
    log.write(0, r#"{"k":"b","t":36,"b":false,"c":true}"#);
    log.write(0, r#"{"k":"b","t":40,"b":false,"c":false}"#);
    assert_eq!(rows(&service, "n"), [row("b", 36, 4, true)]);
    service.drop_query("n").expect("what others read stays as it is");
    service.stop();
}

#[test]
fn where_a_query_begins_is_durable_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    write(&log, "a", 0, true);
    let never = std::time::Duration::from_secs(3600);
    let lazily = |log: &MemoryPartitions| Options {
        keep: KEEP,
        keep_results: None,
        history: None,
        checkpoint_every: never,
        sources: vec![(None, SourceBinding::Log(std::sync::Arc::new(log.clone())))],
        ..options(dir.path(), log, Claims::All)
    };
    let service = started(lazily(&log), PROGRAM);
    deploy_now(&service, LATER);
    copy(dir.path(), &dir.path().with_extension("copy"));
    write(&log, "a", 20, true);
    assert_eq!(rows(&service, "n").len(), 1);
    service.stop();
    // As if it had been killed right after the deployment: what came since is read again from there.
    let copied = dir.path().with_extension("copy");
    write(&log, "a", 25, false);
    let service = started(Options { state: copied.clone().into(), ..lazily(&log) }, PROGRAM);
    assert_eq!(rows(&service, "n"), [row("a", 20, 5, true)]);
    service.stop();
    std::fs::remove_dir_all(copied).expect("a folder");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target)
        } else {
            std::fs::copy(entry.path(), target).map(|_| ()).expect("a file")
        }
    }
}
