//! Rows of history that are kept for so long only.

use super::{Claims, MemoryPartitions, Options, SYNC, Service, options, start_with};
use crate::engine::{Engine, TableScan};
use crate::results::decode;
use arrow::array::{Int64Array, RecordBatch, StringArray};
use std::sync::Arc;
use std::time::{Duration, Instant};
use timeline_core::SECOND;

const PROGRAM: &str = "source s { key k  time t in s  end after 10s  b: bool }
metric m = duration_where(latest(b)) | aggregate(count, sum)
metric w = duration_where(latest(b)) every 1m | aggregate(group_by(every), count)
alert a = latest(b)";
const KEEP: i64 = 1_000;
const SESSIONS: i64 = 300;

fn start(state: &std::path::Path, log: &MemoryPartitions, keep_results: Option<i64>) -> Arc<Service> {
    let options = Options { keep_results, ..options(state, log, Claims::All) };
    Service::start(options, &[("p.tl".into(), PROGRAM.into())]).expect("it starts").0
}

/// One of five seconds every twenty seconds.
fn write(log: &MemoryPartitions, i: i64) {
    for (t, b) in [(i * 20, true), (i * 20 + 5, false)] {
        log.write(0, &format!(r#"{{"k":"k{i}","t":{t},"b":{b}}}"#));
    }
}

/// The rows of a table, and what is said of them.
pub(super) fn rows(service: &Service, table: &str) -> (Vec<RecordBatch>, Vec<String>) {
    let snapshot = service.read(&[TableScan::whole(table)], SYNC, &|| true).expect("an answer");
    let table = &snapshot.tables[0];
    let past = table.past.iter().flat_map(|file| decode(std::fs::read(&file.path).unwrap()).unwrap());
    let notes = snapshot.basis.notes.iter().map(|note| note.message.clone()).collect();
    (past.chain(table.live.clone()).collect(), notes)
}

/// How many rows there are of one metric.
fn count(batches: &[RecordBatch], name: &str) -> i64 {
    let of = |batch: &RecordBatch| {
        let column = batch.column_by_name("metric").or_else(|| batch.column_by_name("alert")).unwrap();
        let names: &StringArray = column.as_any().downcast_ref().unwrap();
        names.iter().filter(|own| *own == Some(name)).count()
    };
    batches.iter().map(of).sum::<usize>() as i64
}

/// How many sessions the totals of `m` count.
fn sessions(batches: &[RecordBatch]) -> i64 {
    let names: &StringArray = batches[0].column_by_name("metric").unwrap().as_any().downcast_ref().unwrap();
    let counts: &Int64Array = batches[0].column_by_name("count").unwrap().as_any().downcast_ref().unwrap();
    let at = names.iter().position(|name| name == Some("m")).unwrap();
    counts.value(at)
}

#[test]
fn rows_go_when_their_time_is_over_and_that_is_said() {
    let (dir, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let service = start(dir.path(), &log, Some(KEEP * SECOND));
    let mut written = 0;
    let mut go_on = |service: &Service, until: i64| {
        for i in written..until {
            write(&log, i);
            if i % 5 == 4 {
                let epoch = service.epoch();
                rows(service, "partitions");
                // It may have been committed before anybody asked.
                let begun = Instant::now();
                while service.epoch() == epoch && begun.elapsed() < Duration::from_secs(1) {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
        written = until;
    };
    go_on(&service, 40);
    let (finals, notes) = rows(&service, "finals");
    assert_eq!((count(&finals, "m"), notes), (40, vec![]), "their time is not over yet");
    go_on(&service, SESSIONS);
    // What is kept of a thousand seconds, and of the stretch in which the first of them are.
    let kept = 50..=50 + 1_000 / 16 / 20 + 8;
    let (finals, notes) = rows(&service, "finals");
    assert!(kept.contains(&count(&finals, "m")), "{}", count(&finals, "m"));
    let dropped = notes[0].split(' ').nth(3).unwrap().parse::<i64>().unwrap();
    let all = count(&finals, "m") + count(&finals, "w");
    let windows = count(&whole(), "w");
    assert_eq!(dropped + all, SESSIONS + windows, "{notes:?}");
    // Of an hour and forty minutes what is older than a thousand seconds, less what one checkpoint and one file have.
    let is_told = ["T01:1", "T01:2"].iter().any(|at| notes[0].contains(&format!("told up to 1970-01-01{at}")));
    assert!(notes[0].starts_with("`finals` is without ") && is_told, "{notes:?}");
    let (alerts, notes) = rows(&service, "a");
    assert!(alerts.iter().map(RecordBatch::num_rows).sum::<usize>() < 70 && notes.len() == 1, "{notes:?}");
    let (totals, notes) = rows(&service, "totals");
    assert_eq!(sessions(&totals), SESSIONS, "sessions that are over stay counted");
    assert!(count(&totals, "w") < 25 && notes[0].starts_with("`totals` is without windows"), "{notes:?}");
    let files = files(&service);
    assert!(files < 100, "{files} files");
    service.stop();
    // Without the flag nothing more goes, and what is gone is said.
    let service = start(dir.path(), &log, None);
    let before = count(&rows(&service, "finals").0, "m");
    go_on(&service, SESSIONS + 60);
    let (finals, notes) = rows(&service, "finals");
    assert_eq!((count(&finals, "m"), notes.len()), (before + 60, 1));
    service.stop();
}

/// The rows that there would be of the whole log.
fn whole() -> Vec<RecordBatch> {
    let (dir, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    (0..SESSIONS).for_each(|i| write(&log, i));
    let service = start_with(PROGRAM, dir.path(), &log, Claims::All);
    let rows = rows(&service, "finals").0;
    service.stop();
    rows
}

/// How many files of history there are.
fn files(service: &Service) -> usize {
    let tables = ["finals", "alerts"].map(str::to_owned);
    let snapshot = service.snapshot(&tables, SYNC).unwrap();
    snapshot.tables.iter().map(|table| table.past.len()).sum()
}
