//! Questions that bound what they read: no other session is looked at for them, and the answer is the same.

use super::{KEEP, MemoryPartitions, PROGRAM, SYNC, start_keeping};
use crate::engine::{Engine, EngineError, TableScan, TimeBounds};
use crate::service::{Claims, Service};
use crate::sql::{Answerer, SqlQuestion};
use arrow::array::AsArray;
use arrow::util::pretty::pretty_format_batches;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use timeline_core::SECOND;

/// How many sessions questions have read until now.
fn read(service: &Service) -> u64 {
    let status = service.status();
    let partitions = status["partitions"].as_array().expect("partitions");
    partitions.iter().map(|partition| partition["read_sessions"].as_u64().expect("a count")).sum()
}

fn ask(service: &Arc<Service>, sql: &str) -> Result<String, EngineError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let engine: Arc<dyn Engine> = service.clone();
        let asking = SqlQuestion { sql: sql.to_owned(), engine, sync: SYNC, parameters: vec![], held: None };
        let rows = Answerer::Here.ask(asking).await?.collect(1000).await?;
        Ok(pretty_format_batches(&rows).expect("rows").to_string())
    })
}

/// Twenty sessions: those of even numbers are over and in history, the others are on.
fn service(dir: &std::path::Path) -> Arc<Service> {
    let log = MemoryPartitions::new(1);
    for (begins, first) in [(0, 0), (1000, 1)] {
        for (after, b) in [(0, true), (20, false)] {
            for n in (first..20).step_by(2) {
                log.write(0, &format!(r#"{{"k":"k{n}","t":{},"b":{b}}}"#, begins + after + n));
            }
        }
    }
    let program = format!("{PROGRAM}\nmetric kept = duration_where(latest(b)) | keep spans\nalert on = latest(b)");
    let service = start_keeping(KEEP, &program, dir, &log, Claims::All);
    let begun = Instant::now();
    while service.snapshot(&["finals".into()], SYNC).expect("all is read").tables[0].past.is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is committed");
        std::thread::sleep(Duration::from_millis(10));
    }
    service
}

#[test]
fn a_look_up_by_key_reads_no_other_session() {
    let dir = tempfile::tempdir().expect("a folder");
    let service = service(dir.path());
    let cost = |sql: &str| {
        let before = read(&service);
        ask(&service, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        read(&service) - before
    };
    let all = cost("SELECT * FROM finals");
    assert!(all >= 10, "{all}");
    for table in ["finals", "m", "alerts", "\"on\"", "sessions", "late_events", "spans"] {
        assert_eq!(cost(&format!("SELECT * FROM {table} WHERE session = 'k3'")), 1, "{table}");
    }
    for (sql, expected) in [
        ("SELECT * FROM finals WHERE value >= 0", all),
        ("SELECT * FROM m WHERE session IN ('k1', 'k3', 'k5', 'k7', 'k99') AND value > 1", 4),
        ("SELECT * FROM m WHERE session = 'k1' OR session = 'k3'", 2),
        ("SELECT * FROM m WHERE session = 'k1' AND session = 'k3'", 0),
        ("SELECT * FROM m a JOIN kept b USING (session) WHERE a.session = 'k1'", 1),
        ("WITH x AS (SELECT * FROM m) SELECT * FROM x WHERE session = 'k5'", 1),
        // What one of two scans does not bound is read.
        ("SELECT * FROM m WHERE session = 'k1' UNION ALL SELECT * FROM m WHERE value > 3", all),
        ("SELECT * FROM m WHERE session = 'k1' OR value > 3", all),
        ("SELECT * FROM m WHERE session <> 'k1'", all),
        ("SELECT * FROM finals WHERE metric = 'nothing'", 0),
        ("SELECT * FROM finals WHERE metric = 'kept' AND session = 'k1'", 1),
        ("SELECT * FROM totals WHERE metric = 'nothing'", 0),
        ("SELECT * FROM totals WHERE metric = 'm'", all),
        ("SELECT * FROM m, totals WHERE session = 'k1'", all),
    ] {
        assert_eq!(cost(sql), expected, "{sql}");
    }
    service.stop();
}

#[test]
fn bounds_change_no_answer() {
    let dir = tempfile::tempdir().expect("a folder");
    let service = service(dir.path());
    // A condition on a text that is calculated says the same and bounds nothing.
    for sql in [
        "SELECT * FROM finals WHERE {s} = 'k2' ORDER BY metric",
        "SELECT * FROM finals WHERE {s} IN ('k3', 'k4', 'k0') ORDER BY session, metric",
        "SELECT * FROM sessions WHERE {s} = 'k7'",
        "SELECT * FROM sessions WHERE {s} = 'k8'",
        "SELECT session, value FROM spans WHERE {s} = 'k7' ORDER BY start",
        "SELECT * FROM alerts WHERE {s} IN ('k7', 'k8') ORDER BY start",
        "SELECT a.session, b.value FROM m a LEFT JOIN kept b ON a.session = b.session AND {b} = 'k1' \
         WHERE a.session < 'k2' ORDER BY 1",
        "SELECT a.session, b.value FROM m a FULL JOIN kept b ON a.session = b.session WHERE {b} = 'k1'",
        "SELECT session FROM m WHERE {s} NOT IN ('k1', 'k2') ORDER BY 1",
        "SELECT count(*) FROM m WHERE NOT ({s} = 'k1')",
        "SELECT session FROM m WHERE value >= (SELECT max(value) FROM m WHERE {s} = 'k7') ORDER BY 1",
        "SELECT session FROM m WHERE session IN (SELECT session FROM kept WHERE {s} = 'k7' OR {s} = 'k8') ORDER BY 1",
        "SELECT session FROM m WHERE {s} = 'k1' OR ({s} = 'k4' AND value = 20) ORDER BY 1",
        "SELECT session, (SELECT count(*) FROM m) AS n FROM kept WHERE {s} = 'k1'",
        "SELECT metric, sum FROM totals WHERE {m} IN ('m', 'kept') ORDER BY 1",
        "SELECT count(*) FROM finals WHERE {m} = 'kept'",
    ] {
        let written = |of: fn(&str) -> String| {
            let sql = sql.replace("{s}", &of("session")).replace("{b}", &of("b.session"));
            sql.replace("{m}", &of("metric"))
        };
        let bounded = written(str::to_owned);
        let free = written(|column| format!("concat({column}, '')"));
        let [bounded, free] =
            [bounded, free].map(|sql| ask(&service, &sql).unwrap_or_else(|error| panic!("{sql}: {error}")));
        assert_eq!(bounded, free, "{sql}");
    }
    service.stop();
}

#[test]
fn a_scan_is_what_the_engine_is_asked_for() {
    let dir = tempfile::tempdir().expect("a folder");
    let service = service(dir.path());
    let keys: BTreeSet<String> = ["k1".to_owned(), "k3".to_owned()].into();
    let scan = TableScan { sessions: Some(keys), ..TableScan::whole("m") };
    let snapshot = service.read(&[scan], SYNC, &|| true).expect("an answer");
    assert_eq!(snapshot.tables[0].live.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
    service.stop();
}

#[test]
fn a_look_up_by_key_takes_its_rows_out_of_history_and_hands_on_no_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let service = service(dir.path());
    let read = |table: &str, sessions: Option<BTreeSet<String>>| {
        let scan = TableScan { sessions, ..TableScan::whole(table) };
        service.read(&[scan], SYNC, &|| true).expect("an answer").tables.remove(0)
    };
    for table in ["finals", "m", "alerts", "on"] {
        assert!(!read(table, None).past.is_empty(), "{table}");
        let one = read(table, Some(["k2".to_owned()].into()));
        assert!(one.past.is_empty(), "{table}");
        let keys =
            one.live.iter().flat_map(|rows| rows.column_by_name("session").expect("a column").as_string::<i32>());
        let keys: Vec<&str> = keys.flatten().collect();
        assert!(!keys.is_empty() && keys.iter().all(|key| *key == "k2"), "{table}: {keys:?}");
    }
    service.stop();
}

#[test]
fn a_question_about_some_time_reads_no_file_of_another() {
    let dir = tempfile::tempdir().expect("a folder");
    let service = service(dir.path());
    // Those that are over begin in the first 18 seconds.
    let files = |table: &str, from: i64, to: i64| {
        let start = TimeBounds { from: Some(from * SECOND), to: Some(to * SECOND) };
        let scan = TableScan { start, ..TableScan::whole(table) };
        service.read(&[scan], SYNC, &|| true).expect("an answer").tables[0].past.len()
    };
    for table in ["finals", "m", "alerts", "on"] {
        assert!(files(table, 0, 18) > 0, "{table}");
        assert_eq!((files(table, 19, 900), files(table, -9, -1)), (0, 0), "{table}");
    }
    let asked = |condition: &str| {
        let rows = ask(&service, &format!("SELECT session FROM m WHERE {condition} ORDER BY 1")).expect("an answer");
        let keys = rows.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.starts_with('k'));
        keys.map(str::to_owned).collect::<Vec<String>>().join(" ")
    };
    let at = |second: i64| format!("TIMESTAMP '1970-01-01 00:00:{second:02}Z'");
    assert_eq!(asked(&format!("start <= {}", at(4))), "k0 k2 k4");
    assert_eq!(asked(&format!("start > {} AND start < {}", at(13), at(18))), "k14 k16");
    assert_eq!(asked(&format!("start < {} OR \"end\" > {}", at(1), at(37))), "k0 k18");
    service.stop();
}
