//! Deployments over a processor that serves, and is killed: nothing that was committed is lost, and no answer goes back.

use super::{LOG, workload};
use crate::served::{Server, TIMELINE};
use event_producer::{Generator, Model};
use serde_json::Value as Json;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

const EVENTS: u64 = 60_000;

/// A folder with a log, and the program that is served.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("video.tl"), Model::Video.program()).expect("written");
    let mut generator = Generator::new(&workload(Model::Video, EVENTS)).expect("a workload");
    let mut bytes = vec![];
    while generator.fill(&mut bytes, 10_000) > 0 {}
    let mut log = File::create(dir.path().join("log.ndjson")).expect("created");
    log.write_all(&bytes).expect("written");
    dir
}

/// The program with a definition of `cirr` that means something else.
fn changed() -> String {
    let program = Model::Video.program();
    assert!(program.contains("\"seek\", 5s)"));
    program.replace("\"seek\", 5s)", "\"seek\", 10s)")
}

fn timeline(dir: &Path, server: &Server, args: &[&str]) -> Output {
    let out = Command::new(TIMELINE).current_dir(dir).args(args).args(["--server", &server.url]).output();
    out.expect("the command runs")
}

fn deploy(dir: &Path, server: &Server, args: &[&str]) -> String {
    let out = timeline(dir, server, &[&["deploy"], args].concat());
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{said}");
    said
}

/// How many ended rows there are, by metric and version.
fn finals(server: &Server) -> Vec<Json> {
    server.rows(
        "SELECT metric, version, count(*) AS n FROM finals WHERE \"end\" IS NOT NULL GROUP BY metric, version ORDER BY metric, version",
    )
}

fn totals(server: &Server) -> Vec<Json> {
    server.rows("SELECT * FROM totals WHERE metric = 'playing_time' ORDER BY cdn")
}

#[test]
fn a_changed_program_deployed_from_now_erases_nothing() {
    let dir = folder();
    let server = Server::start_on(dir.path(), &LOG);
    let (before, sums) = (finals(&server), totals(&server));
    assert_eq!(before.len(), 3, "three metrics: {before:?}");
    let alerts = server.rows("SELECT count(*) AS n FROM alerts WHERE \"end\" IS NOT NULL");
    // What was answered is to be committed.
    std::thread::sleep(Duration::from_millis(1_500));
    std::fs::write(dir.path().join("v2.tl"), changed()).expect("written");
    let said = deploy(dir.path(), &server, &["v2.tl", "--from", "now", "--plan"]);
    for line in ["cirr: would be replaced, version 1 -> 2, begins now", "playing_time: would be unchanged, version 1"] {
        assert!(said.contains(line), "{line} in {said}");
    }
    assert_eq!(finals(&server), before);
    let said = deploy(dir.path(), &server, &["v2.tl", "--from", "now"]);
    assert!(said.contains("stuck: unchanged, version 1"), "{said}");
    let count = |rows: &[Json], metric: &str, version: i64| {
        let row = rows.iter().find(|row| row["metric"] == metric && row["version"] == version);
        row.map_or(0, |row| row["n"].as_u64().expect("a number"))
    };
    let same = |server: &Server| {
        let after = finals(server);
        assert_eq!(count(&after, "playing_time", 1), count(&before, "playing_time", 1));
        for metric in ["cirr", "cirr_ratio"] {
            // But for sessions that seem to be over by the last event, and are not yet for sure.
            let (was, is) = (count(&before, metric, 1), count(&after, metric, 1));
            assert!(is <= was && is * 100 >= was * 95, "{metric}: {was} -> {is}");
        }
        assert_eq!(totals(server), sums);
        assert_eq!(server.rows("SELECT count(*) AS n FROM alerts WHERE \"end\" IS NOT NULL"), alerts);
    };
    same(&server);
    server.kill();
    // As it is edited, with a remark more, and a column that nothing reads yet.
    let edited = changed().replace("cdn: string", "cdn: string, title: string  // what was watched");
    std::fs::write(dir.path().join("video.tl"), edited).expect("written");
    let server = Server::start_on(dir.path(), &LOG);
    assert!(server.serves(), "a file of the same meaning is served");
    same(&server);
    server.kill();
    std::fs::write(dir.path().join("video.tl"), Model::Video.program()).expect("written");
    let args = ["serve", "video.tl", "--state", "state", "--listen", "127.0.0.1:0", LOG[0], LOG[1]];
    let out = Command::new(TIMELINE).current_dir(dir.path()).args(args).output().expect("the command runs");
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("TL0108") && said.contains("timeline deploy video.tl"), "{said}");
}

#[test]
fn no_answer_goes_back_while_a_deployment_reads_the_log_though_it_is_killed() {
    let dir = folder();
    let server = Server::start_on(dir.path(), &LOG);
    let before = finals(&server);
    let sql = "SELECT sum(count) AS n FROM totals WHERE metric = 'cirr'";
    let whole = server.rows(sql);
    let now = |server: &Server| {
        let out = timeline(dir.path(), server, &["query", sql, "--format", "jsonl"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice::<Json>(&out.stdout).expect("a row")
    };
    let more = format!("{}\nmetric plays = count(playerState == \"play\") | aggregate(sum)\n", changed());
    std::fs::write(dir.path().join("v2.tl"), more).expect("written");
    let said = deploy(dir.path(), &server, &["v2.tl", "--no-wait"]);
    for line in
        ["cirr: replaced, version 1 -> 2", "plays: new, version 1, reads the log", "stuck: unchanged, version 1"]
    {
        assert!(said.contains(line), "{line} in {said}");
    }
    assert_eq!(now(&server), whole[0]);
    server.kill();
    // The old file is no word against what was deployed.
    let server = Server::start_on(dir.path(), &LOG);
    let began = std::time::Instant::now();
    loop {
        let waits = timeline(
            dir.path(),
            &server,
            &["query", "SELECT name FROM queries WHERE catching_up", "--format", "jsonl"],
        );
        assert_eq!(now(&server), whole[0], "one of the two versions answers, whole");
        if waits.status.success() && waits.stdout.is_empty() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "it does not catch up");
    }
    let after = finals(&server);
    let of = |rows: &[Json], version: i64| -> Vec<(String, u64)> {
        let own = rows.iter().filter(|row| row["version"] == version);
        own.map(|row| (row["metric"].as_str().expect("a name").to_owned(), row["n"].as_u64().expect("a number")))
            .collect()
    };
    let (old, kept) = (of(&before, 1), of(&after, 1));
    assert!(kept.len() >= 3, "{after:?}");
    for ((metric, was), (same, is)) in old.iter().zip(&kept) {
        // What the old one had not made durable when it was killed is the new one's, if that is there first.
        assert!(metric == same && is * 2 >= *was, "{metric}: {was} -> {is}");
    }
    let names: Vec<&Json> = after.iter().filter(|row| row["version"] == 2).map(|row| &row["metric"]).collect();
    assert_eq!(names, ["cirr", "cirr_ratio"]);
    assert!(!server.rows("SELECT * FROM plays").is_empty());
}
