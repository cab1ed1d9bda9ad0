//! The hour that comes twice when clocks are put back: which of both a record is of follows from the record before it, also
//! where a processor is killed in between.

use crate::served::{Server, TIMELINE, run};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

const LOG: [&str; 2] = ["--source", "file:log*.csv"];
const SOURCE: &str = "source s { key k  time t as \"%Y-%m-%d %H:%M\" in \"Europe/Berlin\"  n: int }\n";
const MINUTE: i64 = 60_000_000_000;
/// 01:50 in Berlin, ten minutes before the first of both hours, in nanoseconds.
const BEGUN: i64 = 1_729_986_600_000_000_000;
/// A record each five minutes, up to 03:05.
const RECORDS: usize = 28;

/// Local minutes of the day of a record.
fn local(i: usize) -> usize {
    let minute = 110 + 5 * i;
    if minute < 180 { minute } else { minute - 60 }
}

/// When it was.
fn instant(i: usize) -> i64 {
    BEGUN + 5 * i as i64 * MINUTE
}

/// Sessions and when they began, of some of the records.
fn wanted(records: std::ops::Range<usize>) -> BTreeMap<String, i64> {
    records.map(|i| (format!("r{i}"), instant(i))).collect()
}

fn starts(rows: &[Json]) -> BTreeMap<String, i64> {
    let start = |row: &Json| row["start_ns"].as_i64().expect("a start");
    rows.iter().map(|row| (row["session"].as_str().expect("a key").to_owned(), start(row))).collect()
}

#[test]
fn a_processor_that_is_killed_in_it_goes_on_in_the_right_one() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("video.tl"), format!("{SOURCE}metric m = count(n > 0)\n")).expect("written");
    std::fs::write(dir.path().join("later.tl"), format!("{SOURCE}metric later = sum(n)\n")).expect("written");
    let mut log = File::create(dir.path().join("log.csv")).expect("created");
    log.write_all(b"k,t,n\n").expect("written");
    // Ends in the first hour, twice in the second, and behind both.
    let ends = [9, 17, 22, RECORDS];
    let mut written = 0;
    for end in ends {
        for i in written..end {
            writeln!(log, "r{i},2024-10-27 {:02}:{:02},1", local(i) / 60, local(i) % 60).expect("written");
        }
        written = end;
        let server = Server::start_on(dir.path(), &LOG);
        assert_eq!(starts(&server.rows("SELECT session, start FROM m")), wanted(0..end), "{end} records");
        if end == ends[1] {
            // Queries that begin here begin behind a record of the second hour.
            let deploy = ["deploy", "--from", "now", "later.tl", "--server", &server.url];
            let done = Command::new(TIMELINE).current_dir(dir.path()).args(deploy).output().expect("the command runs");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        assert_eq!(server.rows("SELECT count(*) AS n FROM late_events")[0]["n"], 0);
        // What was read is to be committed, so that the next one goes on from there.
        std::thread::sleep(Duration::from_millis(1_500));
        server.kill();
    }
    let server = Server::start_on(dir.path(), &LOG);
    assert_eq!(starts(&server.rows("SELECT session, start FROM m")), wanted(0..RECORDS));
    assert_eq!(starts(&server.rows("SELECT session, start FROM later")), wanted(ends[1]..RECORDS));
    let evaluated = run(dir.path(), &["eval", "video.tl", "log.csv", "--format", "jsonl"]);
    assert_eq!(starts(&evaluated), wanted(0..RECORDS));
}
