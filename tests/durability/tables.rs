//! Tables of deployed programs: durable with them, whatever becomes of their files; a changed one is another definition.

use crate::served::{Server, TIMELINE};
use serde_json::Value as Json;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = r#"
source power { key meter  time at in s  zone: string, watts: float }
table tariff from "rows/tariff.csv" { key zone  from since in s  price: float }
metric cost = integral(latest(watts) * tariff[latest(zone)].price)
metric paid = sum(at(watts, watts * tariff[zone].price))
metric used = integral(latest(watts))
"#;

const LOG: [&str; 2] = ["--source", "file:log.ndjson"];

/// Prices of 50 zones that change every 100 seconds; `dearer` from some instant on.
fn tariff(dearer: u64) -> String {
    let mut rows = String::from("zone,since,price\n");
    for zone in 0..50 {
        for since in (0..2_000u64).step_by(100) {
            let price = 1 + (zone * 7 + since / 100) % 5 + u64::from(since >= dearer && zone == 13);
            writeln!(rows, "z{zone},{since},{price}").expect("written");
        }
    }
    rows
}

/// Twenty meters, each of which has a new zone every 70 seconds.
fn log() -> String {
    let mut lines = String::new();
    for at in (0..1_900u64).step_by(10) {
        for meter in 0..20u64 {
            let zone = (meter + at / 70) % 50;
            let watts = 1 + (meter + at / 10) % 4;
            writeln!(lines, "{{\"meter\":\"m{meter}\",\"at\":{at},\"zone\":\"z{zone}\",\"watts\":{watts}}}")
                .expect("written");
        }
    }
    lines
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(dir.path().join("video/rows")).expect("created");
    std::fs::write(dir.path().join("video/power.tl"), PROGRAM).expect("written");
    std::fs::write(dir.path().join("video/rows/tariff.csv"), tariff(u64::MAX)).expect("written");
    std::fs::write(dir.path().join("log.ndjson"), log()).expect("written");
    dir
}

fn timeline(dir: &Path, args: &[&str]) -> Output {
    Command::new(TIMELINE).current_dir(dir).args(args).output().expect("the command runs")
}

fn said(out: &Output) -> String {
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// What `eval` says of all meters.
fn evaluated(dir: &Path) -> Vec<(String, String, f64)> {
    let out = timeline(dir, &["eval", "video/power.tl", "log.ndjson", "--format", "jsonl"]);
    said(&out);
    let text = String::from_utf8(out.stdout).expect("text");
    sorted(text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect())
}

fn served(server: &Server) -> Vec<(String, String, f64)> {
    // Rows of definitions that were replaced stay: of each metric those of the newest count.
    let rows = server.rows("SELECT metric, session, value, version FROM finals");
    let newest = |row: &Json| {
        let own = rows.iter().filter(|other| other["metric"] == row["metric"]);
        own.filter_map(|other| other["version"].as_i64()).max() == row["version"].as_i64()
    };
    sorted(rows.iter().filter(|row| newest(row)).cloned().collect())
}

fn sorted(rows: Vec<Json>) -> Vec<(String, String, f64)> {
    let text = |row: &Json, name: &str| row[name].as_str().expect("a text").to_owned();
    let of = |row: &Json| (text(row, "metric"), text(row, "session"), row["value"].as_f64().expect("a number"));
    let mut rows: Vec<_> = rows.iter().map(of).collect();
    rows.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    rows
}

#[test]
fn a_table_is_durable_with_its_program_and_a_changed_one_is_another_definition() {
    let dir = folder();
    let (dir, at) = (dir.path(), dir.path().to_owned());
    let server = Server::start_with(dir, &["video/power.tl"], &LOG);
    let wanted = evaluated(dir);
    assert_eq!(wanted.len(), 60);
    assert_eq!(served(&server), wanted);
    server.kill();
    let program = at.join("video");
    let aside = at.join("aside");
    std::fs::rename(&program, &aside).expect("the folder of the program goes");
    let server = Server::start_with(dir, &[], &LOG);
    assert_eq!(served(&server), wanted, "the table is there without its file");
    std::fs::rename(&aside, &program).expect("it comes back");
    // The same rows in another order, and in another format, are nothing new.
    let mut turned: Vec<String> = tariff(u64::MAX).lines().skip(1).map(str::to_owned).collect();
    turned.reverse();
    std::fs::write(program.join("rows/tariff.csv"), format!("zone,since,price\n{}\n", turned.join("\n")))
        .expect("written");
    let told = said(&deploy(dir, &server, "video/power.tl"));
    assert!(told.contains("cost: unchanged, version 1") && told.contains("paid: unchanged"), "{told}");
    // Another price is another definition of what asks for it, and of nothing else.
    std::fs::write(program.join("rows/tariff.csv"), tariff(700)).expect("written");
    let told = said(&deploy(dir, &server, "video/power.tl"));
    for line in ["cost: replaced, version 1 -> 2", "paid: replaced, version 1 -> 2", "used: unchanged, version 1"] {
        assert!(told.contains(line), "{line} in {told}");
    }
    assert!(
        told.contains("table `tariff`: `price` of `z13` is 5 and was 4 from 1970-01-01T00:11:40Z on; what asks for it"),
        "{told}"
    );
    let dearer = evaluated(dir);
    assert_ne!(dearer, wanted);
    assert_eq!(served(&server), dearer);
    server.kill();
    std::fs::remove_dir_all(&program).expect("removed");
    let server = Server::start_with(dir, &[], &LOG);
    assert_eq!(served(&server), dearer);
}

#[test]
fn prices_of_the_future_are_added_without_reading_anything_again() {
    let dir = folder();
    let dir = dir.path();
    let (log, prices) = (dir.join("log.ndjson"), dir.join("video/rows/tariff.csv"));
    let all = std::fs::read_to_string(&log).expect("a log");
    let (past, _) =
        all.split_at(all.find("\"at\":900,").map(|at| all[..at].rfind('\n').expect("a line") + 1).expect("it goes on"));
    let known = |until: u64| {
        let is_known = |row: &&str| {
            row.split(',').nth(1).and_then(|since| since.parse().ok()).is_none_or(|since: u64| since < until)
        };
        tariff(u64::MAX).lines().filter(is_known).map(|row| format!("{row}\n")).collect::<String>()
    };
    std::fs::write(&log, past).expect("written");
    std::fs::write(&prices, known(950)).expect("written");
    let server = Server::start_with(dir, &["video/power.tl"], &LOG);
    assert_eq!(served(&server), evaluated(dir));
    std::fs::write(&prices, known(1_500)).expect("written");
    let told = said(&deploy(dir, &server, "video/power.tl"));
    assert!(told.contains("cost: unchanged, version 1") && told.contains("goes on"), "{told}");
    server.kill();
    std::fs::write(&log, &all).expect("written");
    // A start may bring more of it as well.
    std::fs::write(&prices, tariff(u64::MAX)).expect("written");
    let server = Server::start_with(dir, &["video/power.tl"], &LOG);
    assert_eq!(served(&server), evaluated(dir));
    assert_eq!(server.rows("SELECT max(version) AS n FROM finals")[0]["n"], 1);
}

fn deploy(dir: &Path, server: &Server, program: &str) -> Output {
    timeline(dir, &["deploy", program, "--server", &server.url])
}
