//! History in tables that others read too: what their logs say, read here as plain JSON, is what the processor answers.

use super::retention::rows;
use super::{Claims, MemoryPartitions, Options, Service, options, started};
use crate::engine::{Engine, TableScan};
use crate::history::{self, History};
use crate::results::layout;
use arrow::array::{Array, Int64Array, RecordBatch, StringArray};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use timeline_core::SECOND;

const PROGRAM: &str = "source s { key k  time t in s  end after 10s  b: bool }
metric m = duration_where(latest(b)) | aggregate(count, sum)
metric w = duration_where(latest(b)) every 1h | aggregate(group_by(every), count)
alert a = latest(b)";

/// So long after the one before a session begins, in seconds: twelve of them are a day.
const APART: i64 = 7_200;

fn start(state: &Path, log: &MemoryPartitions, history: history::Options) -> Arc<Service> {
    let options = Options { history: Some(Arc::new(History::start(history))), ..options(state, log, Claims::All) };
    started(options, PROGRAM)
}

fn kept_in(state: &Path, lake: &Path) -> history::Options {
    let state = crate::checkpoint::StateLocation::from(state.to_owned());
    let place = state.keep_history(lake.to_str().unwrap()).unwrap();
    history::Options { place, every: Duration::ZERO, keep: None, backlog: 1 << 30 }
}

/// A session of five seconds.
fn write(log: &MemoryPartitions, i: i64) {
    for (t, b) in [(i * APART, true), (i * APART + 5, false)] {
        log.write(0, &format!(r#"{{"k":"k{i}","t":{t},"b":{b}}}"#));
    }
}

/// Rows of each file that a table's log has, by their paths, and the commits, as anybody would read them.
fn told(lake: &Path, table: &str) -> (BTreeMap<String, u64>, Vec<Json>) {
    let folder = lake.join(table).join("_delta_log");
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    names.retain(|name| name.extension().is_some_and(|extension| extension == "json"));
    names.sort();
    let (mut files, mut actions) = (BTreeMap::new(), vec![]);
    for name in names {
        for line in std::fs::read_to_string(name).unwrap().lines() {
            let action: Json = serde_json::from_str(line).unwrap();
            if let Some(add) = action.get("add") {
                let stats: Json = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
                files.insert(add["path"].as_str().unwrap().to_owned(), stats["numRecords"].as_u64().unwrap());
            } else if let Some(remove) = action.get("remove") {
                assert!(files.remove(remove["path"].as_str().unwrap()).is_some(), "what is removed was there: {line}");
            }
            actions.push(action);
        }
    }
    (files, actions)
}

/// The files of a table that are there.
fn present(lake: &Path, table: &str) -> Vec<String> {
    let days = std::fs::read_dir(lake.join(table)).into_iter().flatten().map(|entry| entry.unwrap().path());
    let days = days.filter(|day| day.file_name().unwrap().to_str().unwrap().starts_with("utc_date="));
    let files = days.flat_map(|day| std::fs::read_dir(day).unwrap().map(|entry| entry.unwrap().path()));
    files.map(|file| file.strip_prefix(lake.join(table)).unwrap().to_str().unwrap().to_owned()).collect()
}

fn count(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}

/// The sessions of some rows, in order.
fn keys(batches: &[RecordBatch]) -> Vec<String> {
    texts(batches, "session")
}

/// What some rows have in a column, in order.
fn texts(batches: &[RecordBatch], name: &str) -> Vec<String> {
    let column = |batch: &RecordBatch| batch.column_by_name(name).unwrap().clone();
    let texts = batches.iter().map(column).flat_map(|column| {
        let texts: &StringArray = column.as_any().downcast_ref().unwrap();
        texts.iter().flatten().map(str::to_owned).collect::<Vec<_>>()
    });
    let mut keys: Vec<String> = texts.collect();
    keys.sort();
    keys
}

/// Waits until something is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Files of results that are still in the state.
fn in_state(state: &Path) -> usize {
    let parts = std::fs::read_dir(state.join("sources/s")).unwrap().map(|entry| entry.unwrap().path().join("results"));
    let parts = parts.chain([state.join("sources/s/results")]);
    parts.flat_map(|results| std::fs::read_dir(results).into_iter().flatten()).count()
}

#[test]
fn rows_leave_the_state_for_tables_whose_logs_have_each_of_them_once() {
    let (state, lake, log) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    // What it has committed a log forgets, so who reads it without tables has one of its own.
    let (plain, twin) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let mut total = 0;
    for round in 0..3_i64 {
        let service = start(state.path(), &log, kept_in(state.path(), lake.path()));
        for i in round * 40..(round + 1) * 40 {
            write(&log, i);
            write(&twin, i);
            // Checkpoints in between, so that there are many files.
            let epoch = service.epoch();
            rows(&service, "partitions");
            until("a checkpoint", || service.epoch() > epoch || i % 4 != 0);
        }
        let finals = rows(&service, "finals").0;
        assert!(service.stop().iter().all(|ended| ended.result.is_ok()));
        let expected = started(options(plain.path(), &twin, Claims::All), PROGRAM);
        let all = rows(&expected, "finals").0;
        expected.stop();
        assert_eq!(keys(&finals), keys(&all), "in tables, in the state and in memory, each once");
        assert_eq!(in_state(state.path()), 0, "all has been moved");
        let (files, actions) = told(lake.path(), "finals");
        total = files.values().sum::<u64>();
        // The last session is open.
        assert_eq!(total, (round as u64 + 1) * 80 - 2, "rows of `m` and of `w`");
        assert!(actions.iter().filter_map(|action| action["txn"]["version"].as_u64()).is_sorted());
        let mut there = present(lake.path(), "finals");
        there.sort();
        assert_eq!(there.iter().filter(|path| files.contains_key(*path)).count(), files.len(), "{files:?}");
    }
    assert!(total > 0);
    let (files, _) = told(lake.path(), "finals");
    assert!(files.keys().all(|path| path.starts_with("utc_date=1970-01-")), "{files:?}");
    let days: std::collections::BTreeSet<&str> = files.keys().filter_map(|path| path.split('/').next()).collect();
    assert_eq!(days.len(), 10, "twelve sessions a day");
    let (parts, _) = told(lake.path(), "totals");
    assert!(parts.values().sum::<u64>() >= 110, "groups of windows that are over: {parts:?}");
    assert!(
        parts.keys().any(|path| path.starts_with("utc_date=1970-01-03/")),
        "on the days of their windows: {parts:?}"
    );
    assert_eq!(told(lake.path(), "alerts").0.values().sum::<u64>(), 119);
}

#[test]
fn late_events_and_what_could_not_be_used_go_into_tables_too() {
    let (state, lake, log) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let (plain, twin) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let both = |line: &str| [&log, &twin].map(|log| log.write(0, line));
    let mut service = start(state.path(), &log, kept_in(state.path(), lake.path()));
    for i in 0..40_i64 {
        both(&format!(r#"{{"k":"k{i}","t":{},"b":true}}"#, 1_000 * 86_400 + i * APART));
        // Of a day of its own each, as a clock that jumps would make them; and no event at all.
        both(&format!(r#"{{"k":"late{i}","t":{},"b":true}}"#, i * 86_400));
        both(&format!("no event {i}"));
        if i == 20 {
            assert_eq!(count(&rows(&service, "late_events").0), 21);
            service.stop();
            service = start(state.path(), &log, kept_in(state.path(), lake.path()));
        }
    }
    let columns = |batches: &[RecordBatch]| {
        let schema = batches[0].schema();
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect::<Vec<_>>()
    };
    let seen = ["late_events", "dead_letters"].map(|table| rows(&service, table).0);
    service.stop();
    assert_eq!(in_state(state.path()), 0, "all has been moved");
    let expected = started(options(plain.path(), &twin, Claims::All), PROGRAM);
    for (table, seen) in ["late_events", "dead_letters"].into_iter().zip(&seen) {
        let all = rows(&expected, table).0;
        assert_eq!(texts(seen, "position"), texts(&all, "position"), "{table}");
        assert_eq!(texts(seen, "reason"), texts(&all, "reason"), "{table}");
        assert_eq!(columns(seen), columns(&all), "{table}");
        let (files, actions) = told(lake.path(), table);
        assert_eq!(files.values().sum::<u64>(), 40, "{table}: {files:?}");
        let metadata = actions.iter().find_map(|action| action["metaData"]["schemaString"].as_str()).unwrap();
        assert!(metadata.contains("\"position\"") && metadata.contains("\"utc_date\""), "{metadata}");
        // By the day up to which the log had been read: four, and not one for each.
        let days: std::collections::BTreeSet<&str> = files.keys().filter_map(|path| path.split('/').next()).collect();
        assert!(days.len() <= 5 && days.iter().all(|day| day.starts_with("utc_date=1972-09-")), "{days:?}");
    }
    expected.stop();
}

#[test]
fn many_rows_of_a_day_are_written_once_as_a_table_has_them_and_moved_by_their_bytes() {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::metadata::ParquetMetaDataReader;
    let (state, lake, log) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let (plain, twin) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let write = |i: i64| {
        for (t, b) in [(i * 20, true), (i * 20 + 5, false)] {
            let line = format!(r#"{{"k":"k{i}","t":{t},"b":{b}}}"#);
            log.write(0, &line);
            twin.write(0, &line);
        }
    };
    // The first move comes at once, and the next one when it ends.
    let kept = history::Options { every: Duration::from_secs(500), ..kept_in(state.path(), lake.path()) };
    let service = start(state.path(), &log, kept.clone());
    (0..2).for_each(write);
    rows(&service, "finals");
    until("the first move", || !told(lake.path(), "alerts").0.is_empty());
    // Twelve thousand seconds of the first day each, in a checkpoint or two.
    for part in 0..3 {
        let epoch = service.epoch();
        (2 + part * 600..2 + (part + 1) * 600).for_each(write);
        rows(&service, "finals");
        until("a checkpoint", || service.epoch() > epoch);
    }
    let as_tables = || {
        let parts = std::fs::read_dir(state.path().join("sources/s")).unwrap().map(|entry| entry.unwrap().path());
        let folders = parts.map(|part| part.join("results")).chain([state.path().join("sources/s/results")]);
        let files = folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten());
        let columns = files.filter_map(|file| {
            let file = std::fs::File::open(file.ok()?.path()).ok()?;
            Some(Arc::clone(ParquetRecordBatchReaderBuilder::try_new(file).ok()?.schema()))
        });
        columns.filter(|columns| layout::is_of_table(columns)).count()
    };
    until("files of finals and of alerts as tables have them", || as_tables() >= 4);
    let seen = rows(&service, "finals").0;
    service.stop();
    assert_eq!(in_state(state.path()), 0);
    let expected = started(options(plain.path(), &twin, Claims::All), PROGRAM);
    assert_eq!(keys(&seen), keys(&rows(&expected, "finals").0), "from the state");
    let service = start(state.path(), &log, kept);
    assert_eq!(keys(&rows(&service, "alerts").0), keys(&rows(&expected, "alerts").0), "from tables");
    service.stop();
    expected.stop();
    // What came in several checkpoints is in one file, each packed as it was.
    let (files, _) = told(lake.path(), "alerts");
    assert_eq!(files.values().sum::<u64>(), 1_801, "the last session is open");
    let groups = files.keys().map(|path| {
        let file = std::fs::File::open(lake.path().join("alerts").join(path)).unwrap();
        ParquetMetaDataReader::new().parse_and_finish(&file).unwrap().num_row_groups()
    });
    let most = groups.max();
    assert!(most >= Some(2), "{most:?}");
}

#[test]
fn many_files_of_a_day_become_one_and_the_log_says_that_no_row_changed() {
    let (state, lake, log) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let service = start(state.path(), &log, kept_in(state.path(), lake.path()));
    for i in 0..120_i64 {
        for (t, b) in [(i * 30, true), (i * 30 + 5, false)] {
            log.write(0, &format!(r#"{{"k":"k{i}","t":{t},"b":{b}}}"#));
        }
        let before = told(lake.path(), "alerts").0.values().sum::<u64>();
        rows(&service, "partitions");
        if i % 3 == 2 {
            until("a commit of the table", || told(lake.path(), "alerts").0.values().sum::<u64>() > before);
        }
    }
    let (files, actions) = told(lake.path(), "alerts");
    let removed = actions.iter().filter(|action| action["remove"].is_object());
    assert!(removed.clone().count() >= 24 && removed.clone().all(|action| action["remove"]["dataChange"] == false));
    assert!(files.len() < 40, "{files:?}");
    let mut changes = BTreeMap::new();
    for action in &actions {
        if let Some(change) = action["add"]["dataChange"].as_bool() {
            *changes.entry(change).or_insert(0) += 1;
        }
    }
    assert!(changes[&false] >= 1 && changes[&true] >= 24, "{changes:?}");
    service.stop();
    let (files, _) = told(lake.path(), "alerts");
    assert_eq!(files.values().sum::<u64>(), 119);
    until("what is needed no more is deleted", || present(lake.path(), "alerts").len() <= files.len() + 24);
}

#[test]
fn a_log_that_fell_behind_its_checkpoint_is_brought_up_to_it_at_the_next_start() {
    let (state, lake, log) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    (0..30).for_each(|i| write(&log, i));
    let service = start(state.path(), &log, kept_in(state.path(), lake.path()));
    rows(&service, "finals");
    service.stop();
    let before = told(lake.path(), "finals").0;
    // As after a crash between the checkpoint and the commit: the checkpoint has the files, the log does not.
    let folder = lake.path().join("finals/_delta_log");
    let mut commits: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    commits.retain(|commit| commit.extension().is_some_and(|extension| extension == "json"));
    commits.sort();
    std::fs::remove_file(commits.pop().unwrap()).unwrap();
    assert_ne!(told(lake.path(), "finals").0, before);
    let service = start(state.path(), &log, kept_in(state.path(), lake.path()));
    until("the difference is found", || told(lake.path(), "finals").0 == before);
    service.stop();
    assert_eq!(told(lake.path(), "finals").0, before, "and once");
    // And wholly anew, as where somebody dropped the tables' logs.
    std::fs::remove_dir_all(&folder).unwrap();
    start(state.path(), &log, kept_in(state.path(), lake.path())).stop();
    assert_eq!(told(lake.path(), "finals").0, before);
}

/// Versions of a table's log that are there as commits, and as checkpoints of the log.
fn versions(lake: &Path, table: &str) -> (Vec<u64>, Vec<u64>) {
    let folder = lake.join(table).join("_delta_log");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names.collect();
    let of = |end: &str| {
        let mut found: Vec<u64> = names.iter().filter_map(|name| name.strip_suffix(end)?.parse().ok()).collect();
        found.sort_unstable();
        found
    };
    (of(".json"), of(".checkpoint.parquet"))
}

#[test]
fn commits_that_a_checkpoint_of_the_log_covers_go_when_they_are_old_enough() {
    let (state, lake, log) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    (0..10).for_each(|i| write(&log, i));
    let service = start(state.path(), &log, kept_in(state.path(), lake.path()));
    rows(&service, "finals");
    service.stop();
    let (commits, checkpoints) = versions(lake.path(), "alerts");
    assert!(commits.first() == Some(&0) && checkpoints.is_empty(), "{commits:?} {checkpoints:?}");
    // As whoever owns the table would say by any tool of the format: a checkpoint every other commit, and none kept that it
    // covers.
    let (_, actions) = told(lake.path(), "alerts");
    let metadata = actions.iter().rfind(|action| action["metaData"].is_object()).unwrap();
    assert_eq!(metadata["metaData"]["configuration"]["delta.logRetentionDuration"], "interval 1 day");
    let mut metadata = metadata.clone();
    metadata["metaData"]["configuration"] =
        serde_json::json!({"delta.logRetentionDuration": "interval 0 seconds", "delta.checkpointInterval": "2"});
    let last = *commits.last().unwrap();
    let info = serde_json::json!({"commitInfo": {"timestamp": 1, "operation": "SET TBLPROPERTIES"}});
    let commit = lake.path().join(format!("alerts/_delta_log/{:020}.json", last + 1));
    std::fs::write(commit, format!("{info}\n{metadata}\n")).unwrap();
    let service = start(state.path(), &log, kept_in(state.path(), lake.path()));
    for i in 10..60 {
        let newest = || versions(lake.path(), "alerts").0.last().copied();
        let before = newest();
        write(&log, i);
        rows(&service, "partitions");
        until("a commit", || newest() > before || i % 10 != 0);
    }
    let expected = count(&rows(&service, "alerts").0);
    service.stop();
    let (commits, checkpoints) = versions(lake.path(), "alerts");
    assert_eq!(checkpoints.len(), 1, "{checkpoints:?}");
    assert_eq!(commits.first(), checkpoints.first(), "what comes before it is gone: {commits:?}");
    assert!(commits[0] > last + 1 && commits.len() <= 3, "{commits:?}");
    // And it is written on from there: all is still there, each row once.
    let service = start(state.path(), &log, kept_in(state.path(), lake.path()));
    (60..70).for_each(|i| write(&log, i));
    until("it goes on", || count(&rows(&service, "alerts").0) >= expected + 10);
    service.stop();
    let newest = versions(lake.path(), "alerts").0.last().copied();
    assert!(newest > commits.last().copied(), "{newest:?}");
}

#[test]
fn while_tables_cannot_be_written_rows_wait_in_the_state_and_beyond_a_bound_reading_waits_too() {
    let (state, dir, log) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let lake = dir.path().join("lake");
    let kept = kept_in(state.path(), &lake);
    // A file where the folder should be.
    std::fs::write(&lake, b"").unwrap();
    (0..10).for_each(|i| write(&log, i));
    let service = start(state.path(), &log, kept);
    assert_eq!(count(&rows(&service, "finals").0), 20);
    service.stop();
    assert!(in_state(state.path()) > 0, "nothing is lost");
    let service = start(state.path(), &log, history::Options { backlog: 1, ..kept_in(state.path(), &lake) });
    until("reading waits", || {
        write(&log, 10);
        let before = records(&service);
        std::thread::sleep(Duration::from_millis(300));
        write(&log, 10);
        std::thread::sleep(Duration::from_millis(300));
        records(&service) == before
    });
    let status = service.status();
    assert_eq!(status["history"]["place"], lake.display().to_string());
    assert_eq!(status["history"]["waiting_bytes_max"], 1);
    assert!(status["history"]["away_since_ns"].as_i64() > Some(0), "{status}");
    assert!(status["history"]["error"].as_str().is_some_and(|error| !error.is_empty()), "{status}");
    let own = &status["partitions"][0];
    assert!(
        own["history_waiting_bytes"].as_u64() > Some(0) && own["history_waiting_rows"].as_u64() >= Some(20),
        "{own}"
    );
    assert!(own["history_committed_ns"].is_null(), "{own}");
    std::fs::remove_file(&lake).unwrap();
    let before = records(&service);
    until("reading goes on", || records(&service) > before);
    until("the place is back, and has what waited", || {
        let status = service.status();
        let own = &status["partitions"][0];
        let is_back = status["history"]["away_since_ns"].is_null() && status["history"]["error"].is_null();
        is_back && own["history_committed_ns"].as_i64() > Some(0) && own["history_waiting_rows"].as_u64() < Some(20)
    });
    service.stop();
    assert_eq!(in_state(state.path()), 0);
    assert!(told(&lake, "finals").0.values().sum::<u64>() >= 18);
}

/// How many records were read.
fn records(service: &Service) -> i64 {
    let snapshot = service.read(&[TableScan::whole("partitions")], None, &|| true).expect("an answer");
    let records: &Int64Array =
        snapshot.tables[0].live[0].column_by_name("records").unwrap().as_any().downcast_ref().unwrap();
    records.value(0)
}

#[test]
fn days_go_from_tables_when_their_time_is_over_and_that_is_said() {
    let (state, lake, log) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let keep = Some(3 * 86_400 * SECOND);
    let service = start(state.path(), &log, history::Options { keep, ..kept_in(state.path(), lake.path()) });
    for i in 0..120 {
        write(&log, i);
        rows(&service, "partitions");
        if i % 12 == 0 {
            let epoch = service.epoch();
            until("a checkpoint", || service.epoch() > epoch + 1 || i == 0);
        }
    }
    let (finals, notes) = rows(&service, "finals");
    service.stop();
    let there = told(lake.path(), "finals").0;
    assert!(there.keys().any(|path| path.starts_with("utc_date=1970-01-10")), "{there:?}");
    assert!(!there.keys().any(|path| path.starts_with("utc_date=1970-01-01")), "{there:?}");
    let dropped = notes[0].split(' ').nth(3).unwrap().parse::<u64>().unwrap();
    assert!(notes[0].starts_with("`finals` is without ") && dropped >= 100, "{notes:?}");
    assert_eq!(count(&finals) + dropped, 240);
}
