//! States as versions wrote them: what stands in `tests/formats` is read, or refused by a code, whole and damaged.
//!
//! A folder there is a state of one format, written under one version of the language's rules, and is never changed. A format
//! that is kept no longer leaves with its folders; a new one, or new rules, come with one of their own, which
//! `TIMELINE_BLESS=1` writes.

use super::{SYNC, options, started};
use crate::checkpoint::{LocalStore, inspect};
use crate::engine::{Engine, TableData};
use crate::input::memory::MemoryPartitions;
use crate::service::{Claims, Options, Service};
use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use timeline_core::plan::RULES;

/// The format that is written now.
const FORMAT: u64 = 1;

/// Keeps a word, a text and a cell of every sort that a session's row can hold.
const PROGRAM: &str = r#"source s { key k  time t in s  order by n  lateness 5s  end when action == "stop" or after 10m
  action: string, cdn: string, bitrate: float, retries: int }
let playing = latest(action) == "play"
metric played     = duration_where(playing) split by latest(cdn) | aggregate(group_by(cdn), count, sum)
metric recently   = duration_where(playing) over last 30s
metric downloaded = integral(latest(bitrate), where playing) | aggregate(sum)
metric plays      = count(action == "play") scope by latest(cdn)
metric retried    = sum(retries) | aggregate(sum, max)
metric lately     = count_within(action == "seek", 1m)
metric quality    = duration_where(latest(bitrate, ttl 2m) > 3)
metric before     = duration_where(previous(cdn, 1) == "west")
metric fresh      = duration_where(is_new(cdn, cap 3))
metric longest_play = longest(playing)
metric watching   = concurrency(playing) | aggregate(now, peak, mean)
alert  stuck      = held_for(latest(action) == "buffer", 20s)
alert  silent     = keep_true_for(playing, 1m) && !playing
alert  alone      = has_existed(not_followed_by(action == "buffer", action == "play", 40s))
"#;

/// Sessions of seven keys, of which some end, with nulls, texts beyond ASCII, an event that is late and a record that is none.
fn lines() -> Vec<String> {
    let (actions, cdns) = (["play", "seek", "buffer", "pause", "play"], ["east", "west", "s\u{fc}d"]);
    let mut lines = vec![];
    for i in 0..60_usize {
        let (k, t) = (i % 7, 1_700_000_000 + i * 4);
        let action = if i >= 45 && k < 3 { "stop" } else { actions[(i / 7 + k) % 5] };
        let mut line = format!(r#"{{"k":"k{k}","t":{t},"n":{i},"action":"{action}""#);
        if i % 3 == 0 {
            line += &format!(r#","cdn":"{}""#, cdns[i / 3 % 3]);
        }
        match i % 5 {
            0 => line += &format!(r#","bitrate":{}.1"#, i % 7),
            1 => line += r#","bitrate":null"#,
            _ => line += &format!(r#","retries":{i}"#),
        }
        lines.push(line + "}");
    }
    lines.insert(40, r#"{"k":"k1","t":1700000001,"n":0,"action":"late"}"#.into());
    lines.insert(20, "no record".into());
    lines
}

fn log() -> MemoryPartitions {
    let log = MemoryPartitions::new(1);
    lines().iter().for_each(|line| log.write(0, line));
    log
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats")
}

fn kept(state: &Path, log: &MemoryPartitions) -> Options {
    Options { keep: i64::MAX / 2, ..options(state, log, Claims::All) }
}

/// All that is said of the sessions, a row in each line.
fn answers(service: &Service) -> Result<String, String> {
    let mut said = vec![];
    let wanted: [(&str, &[&str]); 5] = [
        ("finals", &["session", "metric", "value_exact", "value", "value_text", "start", "end", "closed"]),
        ("totals", &["metric", "cdn", "count", "sum", "max", "now", "peak", "mean"]),
        ("alerts", &["session", "alert", "start", "end"]),
        ("late_events", &["session", "time", "reason"]),
        ("dead_letters", &["code", "position"]),
    ];
    for (table, columns) in wanted {
        let snapshot = service.snapshot(&[table.into()], SYNC).map_err(|error| error.to_string())?;
        for batch in rows(&snapshot.tables[0])? {
            said.extend(texts(table, &batch, columns)?);
        }
    }
    said.sort();
    Ok(said.join("\n") + "\n")
}

fn rows(table: &TableData) -> Result<Vec<RecordBatch>, String> {
    let mut batches = table.live.clone();
    for file in &table.past {
        let bytes = std::fs::read(&file.path).map_err(|error| error.to_string())?;
        batches.extend(crate::results::decode(bytes).map_err(|error| error.to_string())?);
    }
    Ok(batches)
}

fn texts(table: &str, batch: &RecordBatch, columns: &[&str]) -> Result<Vec<String>, String> {
    let options = FormatOptions::new().with_null("-");
    let present: Vec<_> = columns.iter().filter_map(|name| batch.column_by_name(name)).collect();
    let formats: Result<Vec<_>, _> = present.iter().map(|column| ArrayFormatter::try_new(column, &options)).collect();
    let formats = formats.map_err(|error| error.to_string())?;
    let cell = |format: &ArrayFormatter<'_>, row| format.value(row).to_string();
    let line = |row| formats.iter().map(|format| cell(format, row)).collect::<Vec<_>>().join(" | ");
    Ok((0..batch.num_rows()).map(|row| format!("{table}: {}", line(row))).collect())
}

/// A copy of a state in a folder of its own.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &to),
            false => drop(std::fs::copy(&path, &to).expect("a file")),
        }
    }
}

/// Every file of a folder, as it is named within it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![];
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path)
            } else {
                all.push(path.strip_prefix(folder).expect("it is in it").into())
            }
        }
    }
    all.sort();
    all
}

fn formats() -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder()).expect("there are states of formats");
    all.map(|entry| entry.expect("an entry").path()).collect()
}

/// Writes a state of the present format, in two runs.
fn bless() {
    let at = folder().join(format!("{FORMAT}-rules-{RULES}"));
    let _ = std::fs::remove_dir_all(&at);
    let (log, all) = (MemoryPartitions::new(1), lines());
    let (first, second) = all.split_at(all.len() / 2);
    let mut said = String::new();
    for part in [first, second] {
        part.iter().for_each(|line| log.write(0, line));
        let service = started(kept(&at.join("state"), &log), PROGRAM);
        said = answers(&service).expect("an answer");
        assert!(service.stop().iter().all(|ended| ended.result.is_ok()));
    }
    std::fs::write(at.join("answers"), said).expect("it can be written");
}

#[test]
fn a_state_of_every_format_that_is_kept_is_read() {
    if std::env::var_os("TIMELINE_BLESS").is_some() {
        bless();
    }
    for format in formats() {
        let dir = tempfile::tempdir().expect("a folder");
        copy(&format.join("state"), dir.path());
        let store = LocalStore::new(dir.path().join("sources/s/part-0"));
        let newest = inspect(&store).expect("a state").kept.remove(0);
        let is_current = newest.state["rules"] == RULES;
        let (service, recoveries) =
            Service::start(kept(dir.path(), &log()), &[("p.tl".into(), PROGRAM.into())]).expect("it is read");
        let read = |service: &Arc<Service>| answers(service).expect("an answer");
        assert!(recoveries.iter().all(|recovery| recovery.findings.is_empty()));
        // What older rules meant is read again from the log, which is kept.
        assert!(recoveries.iter().all(|recovery| recovery.rebuilt != is_current && recovery.older_rules != is_current));
        let said = std::fs::read_to_string(format.join("answers")).expect("what it said");
        for (found, wanted) in read(&service).lines().zip(said.lines()) {
            assert_eq!(found, wanted, "{}", format.display());
        }
        assert_eq!(read(&service).len(), said.len());
        service.stop();
    }
}

#[test]
fn a_damaged_state_says_what_it_said_or_is_refused_by_a_code() {
    for format in formats() {
        let said = std::fs::read_to_string(format.join("answers")).expect("what it said");
        for file in files(&format.join("state")) {
            for damage in ["flipped", "cut", "gone"] {
                let dir = tempfile::tempdir().expect("a folder");
                copy(&format.join("state"), dir.path());
                let path = dir.path().join(&file);
                let mut bytes = std::fs::read(&path).expect("a file");
                let middle = bytes.len() / 2;
                match damage {
                    "flipped" => bytes[middle] ^= 1,
                    _ => bytes.truncate(middle),
                }
                match damage {
                    "gone" => std::fs::remove_file(&path).expect("it was there"),
                    _ => std::fs::write(&path, bytes).expect("it can be written"),
                }
                let what = format!("{} {damage}", file.display());
                let found = match Service::start(kept(dir.path(), &log()), &[("p.tl".into(), PROGRAM.into())]) {
                    Err(refused) => Err(refused.to_string()),
                    Ok((service, _)) => {
                        let found = answers(&service);
                        service.stop();
                        found
                    }
                };
                match found {
                    Ok(found) => assert_eq!(found, said, "{what}"),
                    Err(refused) => assert!(refused.contains("[TL"), "{what}: {refused}"),
                }
            }
        }
    }
}
