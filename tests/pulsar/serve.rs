//! The whole product on a topic: produced, served, killed, asked; the judge is `eval` on each partition's events.

use super::harness::{Broker, broker};
pub(super) use crate::served::{Server, TIMELINE, run};
use event_feeder::{Next, Payload, Position};
use event_producer::Model;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What a partition's log holds, as a file.
pub(super) fn save(broker: &Broker, topic: &str, path: &Path) {
    let mut source = broker.source(topic, "judge", Position::START);
    let mut target = source.caught_up_target().unwrap();
    let (mut bytes, mut at) = (vec![], Position::START);
    while !target.reached(at) {
        match source.next().unwrap() {
            Next::Block(block) => {
                at = block.end;
                let Payload::Lines(lines) = block.payload else { panic!("messages are lines") };
                bytes.extend(lines);
            }
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    std::fs::write(path, bytes).unwrap();
}

fn nanoseconds(value: &Json) -> i128 {
    let text = value.to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{part:0<9}").parse().expect("a decimal number")
}

/// The exact value of a row: `eval` shows it under the value's own name.
fn exact<'a>(row: &'a Json, name: &str) -> &'a Json {
    row.get(format!("{name}_exact")).unwrap_or(&row[name])
}

pub(super) type Totals = BTreeMap<(String, String), (i128, i128)>;

/// Count and sum by metric and CDN, added up over rows of several partitions.
pub(super) fn totals(rows: &[Json]) -> Totals {
    let mut totals = Totals::new();
    for row in rows.iter().filter(|row| row["metric"] != "cirr_ratio") {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let total = totals.entry((text("metric"), text("cdn"))).or_default();
        total.0 += i128::from(row["count"].as_i64().expect("a count"));
        total.1 += nanoseconds(exact(row, "sum"));
    }
    totals
}

pub(super) type Finals = BTreeMap<(String, i64, String, String), (i128, bool)>;

pub(super) fn finals(rows: &[Json]) -> Finals {
    let mut finals = Finals::new();
    for row in rows.iter().filter(|row| row["metric"] != "cirr_ratio") {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let key = (text("session"), row["start_ns"].as_i64().expect("a start"), text("metric"), text("cdn"));
        let value = (nanoseconds(exact(row, "value")), row["closed"].as_bool().expect("a truth value"));
        assert_eq!(finals.insert(key, value), None, "a row came twice: {row}");
    }
    finals
}

#[test]
fn answers_are_those_of_each_partitions_events_whatever_is_killed() {
    let Some(broker) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    // Times are of long ago and the broker is away for a while: silence would say nothing here.
    let program = Model::Video.program().replacen("lateness", "idle never\n  lateness", 1);
    std::fs::write(dir.path().join("video.tl"), program).unwrap();
    let topic = broker.topic("serve", 2);
    let parts = [0, 1].map(|n| format!("{topic}-partition-{n}"));
    let address = format!("{}/{}", broker.url, topic.rsplit('/').next().unwrap());
    let mut producer = Command::new(TIMELINE)
        .args(["produce", "video", "--events", "60000", "--sessions", "300", "--jitter", "2s", "--late", "0.01"])
        .args(["--rate", "3000", "--batch", "50", "--to", &address])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut kills = 0;
    while producer.try_wait().unwrap().is_none() {
        let server = Server::start_on(dir.path(), &["--source", &address]);
        std::thread::sleep(Duration::from_millis(1_500 + kills * 300));
        kills += 1;
        match kills {
            2 => broker.unload(&parts[0]),
            3 if broker.is_ours() => {
                broker.kill();
                broker.start();
            }
            4 => broker.unload(&parts[1]),
            _ => {}
        }
        drop(server);
    }
    assert!(kills >= 3, "it was killed only {kills} times");
    assert!(producer.wait().unwrap().success());
    let mut server = Server::start_on(dir.path(), &["--source", &address]);
    while !server.serves() {
        server = Server::start_on(dir.path(), &["--source", &address]);
    }
    let (mut known_totals, mut known_finals, mut records) = (vec![], vec![], 0);
    for (n, part) in parts.iter().enumerate() {
        let name = format!("part{n}.ndjson");
        save(&broker, part, &dir.path().join(&name));
        records += std::fs::read_to_string(dir.path().join(&name)).unwrap().lines().count();
        let eval = |show| run(dir.path(), &["eval", "video.tl", &name, "--show", show, "--format", "jsonl"]);
        known_totals.extend(eval("totals"));
        known_finals.extend(eval("final"));
    }
    assert!(records >= 60_000, "the broker has every event: {records}");
    assert_eq!(totals(&server.rows("SELECT * FROM totals")), totals(&known_totals));
    assert_eq!(finals(&server.rows("SELECT * FROM finals")), finals(&known_finals));
}
