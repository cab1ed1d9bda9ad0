//! History in tables that other people's tools read, while processors are killed.

use super::run_python;
use crate::served::Server;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = "source devices { key device  time t in s  end after 60s  on: bool, site: string }
metric used = duration_where(latest(on)) split by latest(site)
metric by_hour = duration_where(latest(on)) every 1h";

/// So many devices, each with a session every three hours or so, in the order of time.
const DEVICES: u64 = 20;
const SESSIONS: u64 = 60;

/// The events of the sessions that come `nth`.
fn events(nth: u64) -> String {
    let mut lines = String::new();
    for step in 0..3 {
        for device in 0..DEVICES {
            let begin = nth * 10_800 + device * 7;
            let (t, on) = (begin + step * (11 + (device * 13 + nth * 7) % 37), step != 2);
            let site = ["roof", "yard", "hall"][(device + nth) as usize % 3];
            writeln!(
                lines,
                r#"{{"device":"d{device}-{nth}","t":{t}.{device:03}00{nth:03},"on":{on},"site":"{site}"}}"#
            )
            .unwrap();
        }
    }
    if nth == MANY_AT {
        many(&mut lines);
    }
    lines
}

/// With which sessions many others come, of some seconds each, in one day and so close that one checkpoint has thousands.
const MANY_AT: u64 = 5;

fn many(lines: &mut String) {
    let begin = MANY_AT * 10_800 + 5_000;
    for second in 0..4_000_u64 {
        let t = begin + second;
        writeln!(lines, r#"{{"device":"m{second}","t":{t},"on":true,"site":"roof"}}"#).unwrap();
        if let Some(before) = second.checked_sub(2) {
            writeln!(lines, r#"{{"device":"m{before}","t":{t},"on":false,"site":"roof"}}"#).unwrap();
        }
    }
}

/// What is asked of the processor, and of everybody else: of what is over for good, however late an event may come.
fn expected(server: &Server) -> String {
    let until = SESSIONS * 10_800;
    let sql = format!(
        "SELECT metric, count(*) AS rows, CAST(sum(value_exact) AS VARCHAR) AS total, array_agg(session) AS keys
        FROM finals WHERE \"end\" < to_timestamp({until}) GROUP BY metric"
    );
    let rows = server.rows(&sql);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows.iter().all(|row| row["rows"].as_u64() >= Some(DEVICES * SESSIONS)), "{rows:?}");
    let each = |row: &serde_json::Value| {
        (row["metric"].as_str().unwrap().to_owned(), serde_json::json!([row["rows"], row["total"], row["keys"]]))
    };
    let metrics = serde_json::Value::Object(rows.iter().map(each).collect());
    serde_json::json!({ "until_ns": until * 1_000_000_000, "metrics": metrics }).to_string()
}

/// Kills processors at work on a log that grows, ends with one that stops, and leaves in `expected.json` what it answered. What
/// is done in between is told how many were killed.
fn work(dir: &Path, more: &[&str], between: impl Fn(u64)) {
    std::fs::write(dir.join("p.tl"), PROGRAM).unwrap();
    std::fs::write(dir.join("events.ndjson"), "").unwrap();
    let sources: Vec<&str> =
        ["--source", "file:events.ndjson", "--history-every", "0s"].iter().chain(more).copied().collect();
    let append = |nth: u64| {
        let mut log = OpenOptions::new().append(true).open(dir.join("events.ndjson")).unwrap();
        log.write_all(events(nth).as_bytes()).unwrap();
    };
    for round in 0..6 {
        let server = Server::start_with(dir, &["p.tl"], &sources);
        for nth in round * 10..(round + 1) * 10 {
            append(nth);
            std::thread::sleep(Duration::from_millis(130 + 40 * round));
        }
        server.kill();
        between(round + 1);
    }
    // What ends all of them, and stays open itself.
    append(SESSIONS);
    let server = Server::start_with(dir, &["p.tl"], &sources);
    std::fs::write(dir.join("expected.json"), expected(&server)).unwrap();
    server.kill();
    let mut last = Command::new(crate::served::TIMELINE);
    last.current_dir(dir);
    end(last, &sources);
}

/// Serves until the log is read, and stops as a user would: all that is over is in the tables then.
fn end(mut command: Command, sources: &[&str]) {
    command.args(["serve", "p.tl", "--state", "state", "--listen", "127.0.0.1:0", "--exit-at-end"]).args(sources);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    loop {
        match child.try_wait().unwrap() {
            Some(status) => return assert!(status.success()),
            None if begun.elapsed() > Duration::from_secs(120) => {
                let _ = child.kill();
                panic!("it does not end");
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

#[test]
fn history_is_read_by_deltalake_polars_and_duckdb_and_has_each_row_once_after_kills() {
    let dir = tempfile::tempdir().unwrap();
    work(dir.path(), &["--history", "lake"], |_| {});
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    run_python("lake.py", "deltalake, polars, duckdb", &[&at("lake"), &at("expected.json")]);
    let left = std::fs::read_dir(dir.path().join("state/sources/devices/results")).into_iter().flatten();
    let left: Vec<String> = left.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.is_empty(), "rows are in one place: {left:?}");
}

#[test]
fn a_log_whose_old_commits_are_gone_is_read_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let is_set = std::cell::Cell::new(None);
    work(dir.path(), &["--history", "lake"], |killed| {
        if killed == 3 {
            is_set.set(Some(run_python("lake_settings.py", "deltalake, polars, duckdb", &[&at("lake")])));
        }
    });
    if is_set.get() == Some(false) {
        return;
    }
    let names = std::fs::read_dir(dir.path().join("lake/finals/_delta_log")).unwrap();
    let names: Vec<String> = names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.ends_with(".checkpoint.parquet")), "{names:?}");
    assert!(!names.contains(&format!("{:020}.json", 0)), "what a checkpoint covers is gone: {names:?}");
    run_python("lake.py", "deltalake, polars, duckdb", &[&at("lake"), &at("expected.json")]);
}

#[cfg(feature = "s3")]
#[test]
fn history_in_a_bucket_is_read_by_deltalake_and_polars() {
    let Ok(url) = std::env::var("TIMELINE_S3") else {
        println!("not run: no S3-compatible server (TIMELINE_S3; `tests/s3/server start` prints it)");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().file_name().unwrap().to_str().unwrap().replace('.', "");
    let place = format!("s3://{}/tools/{own}", url.rsplit('/').next().unwrap());
    work(dir.path(), &["--history", &place], |_| {});
    let expected = dir.path().join("expected.json");
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    let options = ["AWS_ENDPOINT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"];
    let mut args = vec![place.clone(), expected.to_str().unwrap().to_owned(), "AWS_ALLOW_HTTP".into(), "true".into()];
    args.extend(options.iter().filter(|name| !of(name).is_empty()).flat_map(|name| [(*name).to_owned(), of(name)]));
    run_python("lake.py", "deltalake, polars, duckdb", &args.iter().map(String::as_str).collect::<Vec<_>>());
}
