//! The promise: every event counted once, whatever is killed and when.
//!
//! The judge is the ledger that the generator keeps by construction, in plain integers, without any of the engine's code.

mod deploying;
pub(crate) mod joined;
mod tables;
mod twice;
mod windows;

use crate::served::{Server, TIMELINE};
use event_producer::truth::TrueRow;
use event_producer::{Generator, Model, Truth, Workload};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

const LOG: [&str; 2] = ["--source", "file:log*.ndjson"];

/// How often the processor is killed; `TIMELINE_KILLS` asks for more.
fn kills() -> usize {
    std::env::var("TIMELINE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

fn workload(model: Model, events: u64) -> Workload {
    let mut workload = Workload::new(model);
    workload.events = events;
    workload.sessions = 300;
    workload.jitter = Duration::from_secs(2);
    workload.late = 0.01;
    workload
}

/// Decimal seconds as nanoseconds.
fn nanoseconds(value: &Json) -> i128 {
    let text = value.to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{part:0<9}").parse().expect("a decimal number")
}

/// The exact value of a row: `eval` shows it under the value's own name.
fn exact<'a>(row: &'a Json, name: &str) -> &'a Json {
    row.get(format!("{name}_exact")).unwrap_or(&row[name])
}

/// Final values of the ledger: session, start, metric and group to value and whether closed.
fn known_finals(truth: &Truth) -> BTreeMap<(String, i64, String, String), (i128, bool)> {
    let row = |row: &TrueRow| match row {
        TrueRow::Final(f) => Some((
            (f.session.to_string(), f.start_ns, f.metric.to_owned(), f.group.to_owned()),
            (i128::from(f.value_ns), f.closed),
        )),
        TrueRow::Alert(_) => None,
    };
    truth.rows.iter().filter_map(row).collect()
}

fn told_finals(rows: &[Json], group: &str, metrics: &[&str]) -> BTreeMap<(String, i64, String, String), (i128, bool)> {
    let of = |row: &Json, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let rows = rows.iter().filter(|row| metrics.contains(&row["metric"].as_str().unwrap_or_default()));
    rows.map(|row| {
        let start = row["start_ns"].as_i64().expect("a start");
        let closed = row["closed"].as_bool().expect("a truth value");
        ((of(row, "session"), start, of(row, "metric"), of(row, group)), (nanoseconds(exact(row, "value")), closed))
    })
    .collect()
}

#[test]
fn killed_at_random_nothing_is_lost_or_repeated() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("video.tl"), Model::Video.program()).expect("written");
    let mut generator = Generator::new(&workload(Model::Video, 150_000)).expect("a workload");
    generator.keep_rows();
    let mut log = File::create(dir.path().join("log.ndjson")).expect("created");
    let (mut buffer, mut chance) = (vec![], 12345u64);
    let kills = kills();
    for _ in 0..kills {
        let server = Server::start_on(dir.path(), &LOG);
        for _ in 0..4 {
            buffer.clear();
            generator.fill(&mut buffer, 150_000 / kills / 5 + 1);
            // A record that is cut in the middle is none until the rest has come.
            let cut = buffer.len() / 2;
            log.write_all(&buffer[..cut]).expect("written");
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            std::thread::sleep(Duration::from_millis(chance >> 57));
            log.write_all(&buffer[cut..]).expect("written");
        }
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Up to two seconds: before, in, and after checkpoints.
        std::thread::sleep(Duration::from_millis(chance >> 53));
        server.kill();
    }
    loop {
        buffer.clear();
        if generator.fill(&mut buffer, 50_000) == 0 {
            break;
        }
        log.write_all(&buffer).expect("written");
    }
    let Ok(truth) = generator.into_truth() else { panic!("the generator came to its end") };
    let server = Server::start_on(dir.path(), &LOG);
    let finals = server.rows("SELECT * FROM finals");
    let metrics = ["cirr", "playing_time"];
    let (told, known) = (told_finals(&finals, "cdn", &metrics), known_finals(&truth));
    assert_eq!(finals.iter().filter(|row| row["metric"] != "cirr_ratio").count(), told.len(), "a row came twice");
    assert_eq!(told.len(), known.len());
    for (key, value) in &known {
        assert_eq!(told.get(key), Some(value), "{key:?}");
    }
    let late = server.rows("SELECT count(*) AS n FROM late_events");
    assert_eq!(late[0]["n"].as_u64(), Some(truth.totals.late));
    for row in server.rows("SELECT metric, cdn, count, sum_exact FROM totals WHERE metric <> 'cirr_ratio'") {
        let (metric, cdn) = (row["metric"].as_str().expect("a name"), row["cdn"].as_str().expect("a name"));
        let group = truth.totals.group(metric, cdn);
        assert_eq!(
            (row["count"].as_u64(), nanoseconds(&row["sum_exact"])),
            (Some(group.count), group.sum_ns),
            "{metric} {cdn}"
        );
    }
}

#[test]
fn evaluation_of_files_agrees_with_the_ledger() {
    for (model, group, metrics) in
        [(Model::Video, "cdn", &["cirr", "playing_time"][..]), (Model::Payments, "country", &["time_in_use"][..])]
    {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("program.tl"), model.program()).expect("written");
        let mut generator = Generator::new(&workload(model, 40_000)).expect("a workload");
        generator.keep_rows();
        let mut bytes = vec![];
        while generator.fill(&mut bytes, 10_000) > 0 {}
        std::fs::write(dir.path().join("log.ndjson"), &bytes).expect("written");
        let Ok(truth) = generator.into_truth() else { panic!("the generator came to its end") };
        let eval = |show: &str| -> Vec<Json> {
            let out = Command::new(TIMELINE)
                .current_dir(dir.path())
                .args(["eval", "program.tl", "log.ndjson", "--show", show, "--format", "jsonl"])
                .output()
                .expect("the command runs");
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            let text = String::from_utf8(out.stdout).expect("UTF-8");
            text.lines().map(|line| serde_json::from_str(line).expect("a row of JSON")).collect()
        };
        assert_eq!(told_finals(&eval("final"), group, metrics), known_finals(&truth), "{model:?}");
        let known: BTreeMap<(String, String, i64), Option<i64>> = truth
            .rows
            .iter()
            .filter_map(|row| match row {
                TrueRow::Alert(a) => Some(((a.session.to_string(), a.alert.to_owned(), a.start_ns), a.end_ns)),
                TrueRow::Final(_) => None,
            })
            .collect();
        let told: BTreeMap<(String, String, i64), Option<i64>> = eval("alerts")
            .iter()
            .map(|row| {
                let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
                ((text("session"), text("alert"), row["start_ns"].as_i64().expect("a start")), row["end_ns"].as_i64())
            })
            .collect();
        assert_eq!(told, known, "{model:?}");
    }
}

#[test]
fn queries_come_and_go_while_the_processor_serves() {
    let dir = tempfile::tempdir().expect("a folder");
    let source = "source s { key k  time t in s  b: bool }\n";
    std::fs::write(dir.path().join("video.tl"), format!("{source}metric m = duration_where(latest(b))\n"))
        .expect("written");
    std::fs::write(dir.path().join("more.tl"), format!("{source}metric seen = has_existed(b)\n")).expect("written");
    let log = "{\"k\":\"x\",\"t\":0,\"b\":true}\n{\"k\":\"x\",\"t\":7,\"b\":false}\n";
    std::fs::write(dir.path().join("log.ndjson"), log).expect("written");
    let server = Server::start_on(dir.path(), &LOG);
    let run = |args: &[&str]| {
        let mut command = Command::new(TIMELINE);
        let out = command.current_dir(dir.path()).args(args).args(["--server", &server.url]).output().expect("it runs");
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    };
    run(&["deploy", "more.tl"]);
    assert_eq!(server.rows("SELECT value FROM seen")[0]["value"], Json::Bool(true));
    run(&["drop", "seen"]);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(nanoseconds(&server.rows("SELECT value FROM m")[0]["value"]), 7_000_000_000);
}

#[test]
fn what_is_written_after_a_deployment_from_now_counts() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("video.tl"), Model::Video.program()).expect("it is written");
    // Without a source of its own: it speaks of the one that is deployed.
    std::fs::write(dir.path().join("later.tl"), "metric later = count(playerState) | aggregate(sum)")
        .expect("it is written");
    let mut log = File::create(dir.path().join("log.ndjson")).expect("a file");
    let mut write = |from: u64, to: u64| {
        for i in from..to {
            let ts = 1_700_000_000_000 + i;
            writeln!(log, r#"{{"ts":{ts},"sessionId":"s","seq":{i},"playerState":"play","cdn":"C1"}}"#)
                .expect("a line");
        }
    };
    write(0, 100);
    let server = Server::start_on(dir.path(), &LOG);
    let deploy = ["deploy", "--from", "now", "later.tl", "--server", &server.url];
    let done = Command::new(TIMELINE).current_dir(dir.path()).args(deploy).output().expect("the command runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    write(100, 107);
    let rows = server.rows("SELECT sum FROM totals WHERE metric = 'later'");
    assert_eq!(rows, [serde_json::json!({"sum": 7})]);
}
