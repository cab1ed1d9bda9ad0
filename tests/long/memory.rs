//! What a processor takes is what its state takes: as much after it has read everything as after a start with that state,
//! and whatever the keys and texts are.

use crate::cli::Sandbox;
use crate::cluster::Processor;
use std::fmt::Write;
use std::time::Duration;

const MIB: u64 = 1 << 20;
const SESSIONS: u64 = 200_000;

/// Bytes of its own that a process has.
fn anonymous(processor: &Processor) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", processor.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("the system says so");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() << 10
}

/// The least that it has within some seconds: what is free goes back once a second.
fn settled(processor: &Processor) -> u64 {
    let look = |_| {
        std::thread::sleep(Duration::from_millis(500));
        anonymous(processor)
    };
    (0..12).map(look).min().unwrap()
}

#[test]
fn sessions_take_as_much_after_reading_as_after_a_start() {
    if !std::path::Path::new("/proc/self/status").exists() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", "source s { key k  time t in s  b: bool  cdn: string }\nmetric m = duration_where(latest(b)) split by latest(cdn)\n");
    let mut log = String::new();
    for t in 0..3 {
        for k in 0..SESSIONS {
            writeln!(log, r#"{{"k":"session-{k}","t":{},"b":true,"cdn":"C{}"}}"#, t * SESSIONS + k, (k + t) % 5)
                .unwrap();
        }
    }
    sandbox.file("log.ndjson", log);
    let start = || Processor::start(sandbox.command(), &["p.tl", "--source", "file:log.ndjson", "--state", "state"]);
    let count = "SELECT sum(live_sessions) AS n FROM partitions";
    let mut processor = start();
    let rows = processor.rows(&sandbox, count, &["--sync", "--timeout", "120s"]).unwrap();
    assert_eq!(rows[0]["n"], SESSIONS);
    let after_reading = settled(&processor);
    processor.signal("TERM");
    assert_eq!(processor.ends(60).0, Some(0));
    let processor = start();
    assert_eq!(processor.rows(&sandbox, count, &["--sync"]).unwrap()[0]["n"], SESSIONS);
    let after_start = settled(&processor);
    println!("{} MiB after reading, {} MiB after a start", after_reading / MIB, after_start / MIB);
    assert!(after_reading < after_start * 3 / 2 + 18 * MIB, "{} MiB, {}", after_reading / MIB, after_start / MIB);
}

#[test]
fn long_keys_are_dead_letters_long_texts_do_not_fit_and_neither_stays_in_memory() {
    if !std::path::Path::new("/proc/self/status").exists() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", "source s { key k  time t in s  a: string }\nmetric m = latest(a)\nmetric n = count(a)\n");
    let mut log = String::new();
    let long = "x".repeat(1_000_000);
    for i in 0..200 {
        writeln!(log, r#"{{"k":"{i}{long}","t":{i},"a":"v"}}"#).unwrap();
        writeln!(log, r#"{{"k":"k{i}","t":{i},"a":"{i}{long}"}}"#).unwrap();
    }
    // Just what fits.
    let fits = "y".repeat(64 << 10);
    writeln!(log, r#"{{"k":"{fits}","t":200,"a":"{fits}"}}"#).unwrap();
    writeln!(log, r#"{{"k":"{fits}y","t":201,"a":"v"}}"#).unwrap();
    writeln!(log, r#"{{"k":"last","t":202,"a":"{fits}y"}}"#).unwrap();
    sandbox.file("log.ndjson", log);
    let processor = Processor::start(sandbox.command(), &["p.tl", "--source", "file:log.ndjson", "--state", "state"]);
    let ask = |sql: &str| processor.rows(&sandbox, sql, &["--sync", "--timeout", "120s"]).unwrap();
    let codes = "SELECT code, count(*) AS n FROM dead_letters GROUP BY code ORDER BY code";
    assert_eq!(
        ask(codes),
        [serde_json::json!({"code": "TL2015", "n": 201}), serde_json::json!({"code": "TL2016", "n": 201})]
    );
    let sessions = ask("SELECT count(*) AS n, max(length(session)) AS longest FROM sessions");
    assert_eq!(sessions, [serde_json::json!({"n": 202, "longest": 64 << 10})]);
    assert_eq!(ask("SELECT length(value) AS n FROM m WHERE value IS NOT NULL"), [serde_json::json!({"n": 64 << 10})]);
    let bytes = settled(&processor);
    println!("{} MiB", bytes / MIB);
    assert!(bytes < 200 * MIB, "{} MiB", bytes / MIB);
}
