//! What `serve` publishes, read back by somebody who drops equal ids: exactly the rows of `eval`, whatever is killed.

use super::harness::{Broker, broker};
use event_feeder::pulsar::{Outgoing, partition_of};
use event_feeder::{Next, Payload, Position};
use event_producer::Model;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const TIMELINE: &str = env!("CARGO_BIN_EXE_timeline");
/// Later than every event of the workload by more than any session may be silent, and no time of the future.
const LATER_MS: u64 = 1_750_000_000_000;

/// A processor on a state in a folder.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(dir: &Path, args: &[&str]) -> Server {
        let mut child = Command::new(TIMELINE)
            .current_dir(dir)
            .args(["serve", "video.tl", "--state", "state", "--listen", "127.0.0.1:0"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        Server { url: url.unwrap_or_default().trim_end_matches(',').to_owned(), child }
    }

    /// Starts one that serves, as often as it takes: without a broker it ends instead.
    fn start_for_sure(dir: &Path, args: &[&str]) -> Server {
        loop {
            let server = Server::start(dir, args);
            if !server.url.is_empty() {
                return server;
            }
        }
    }

    fn rows(&self, sql: &str) -> Vec<Json> {
        run(Path::new("."), &["query", sql, "--sync", "--timeout", "120s", "--format", "jsonl", "--server", &self.url])
    }

    /// Waits for the end that it comes to by itself; what it said on standard error.
    fn end(mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        (self.child.wait().expect("it ends"), said)
    }

    /// SIGTERM.
    fn stop(self) -> (ExitStatus, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
        self.end()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `kill -9`: as a crash.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(dir: &Path, args: &[&str]) -> Vec<Json> {
    let out = Command::new(TIMELINE).current_dir(dir).args(args).output().expect("the command runs");
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a row of JSON")).collect()
}

/// The lines that a partition of a topic holds.
fn lines(broker: &Broker, topic: &str) -> String {
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
    String::from_utf8(bytes).expect("UTF-8")
}

/// The rows that a reader of all partitions sees who drops equal ids; and how many it dropped.
fn heard(broker: &Broker, topic: &str) -> (Vec<Json>, usize) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let (mut rows, mut dropped) = (vec![], 0);
    for part in broker.client().partitions(topic).unwrap() {
        for line in lines(broker, &part).lines() {
            let row: Json = serde_json::from_str(line).expect("a row of JSON");
            let id = row["id"].as_str().expect("an id").to_owned();
            match seen.insert(id, line.to_owned()) {
                None => rows.push(row),
                Some(before) => {
                    assert_eq!(before, line, "one id, one row");
                    dropped += 1;
                }
            }
        }
    }
    (rows, dropped)
}

/// Compares, and shows no more than what differs.
fn assert_same<T: Ord + std::fmt::Debug>(published: impl Iterator<Item = T>, known: impl Iterator<Item = T>) {
    let (mut published, mut known): (Vec<T>, Vec<T>) = (published.collect(), known.collect());
    published.sort();
    known.sort();
    let too_many: Vec<&T> = published.iter().filter(|row| known.binary_search(row).is_err()).take(20).collect();
    let missing: Vec<&T> = known.iter().filter(|row| published.binary_search(row).is_err()).take(20).collect();
    let equal = published == known;
    assert!(
        equal,
        "{} are published, {} known; too many: {too_many:#?}, missing: {missing:#?}",
        published.len(),
        known.len()
    );
}

type Alert = (String, String, i64);

/// The last word on each alert, once it was found to be said in order.
fn last_words(rows: &[Json]) -> BTreeMap<Alert, Option<i64>> {
    let mut alerts = BTreeMap::new();
    for row in rows {
        let end = row["end_ns"].as_i64();
        match alerts.insert(alert(row), end) {
            None => assert_eq!(end, None, "it begins before it ends: {row}"),
            Some(before) => assert!(before.is_none() && end.is_some(), "it ends once: {row}"),
        }
    }
    alerts
}

fn alert(row: &Json) -> Alert {
    let text = |name: &str| row[name].as_str().expect("text").to_owned();
    (text("session"), text("alert"), row["start_ns"].as_i64().expect("a start"))
}

/// A row of a session without its id and what is null.
fn plain(row: &Json) -> String {
    let row = row.as_object().expect("an object");
    let shown = row.iter().filter(|(name, value)| *name != "id" && (!value.is_null() || *name == "value"));
    shown.map(|(name, value)| format!("{name}={value} ")).collect()
}

/// What the last row of each metric, group and partition says: metric, group, and all that is not null; none of a group that
/// was told, out of order, and in which nothing counts in the end.
fn last_totals(rows: &[Json]) -> Vec<String> {
    let mut last = BTreeMap::new();
    for row in rows {
        let mut row = row.as_object().expect("an object").clone();
        let (_, at) = (row.remove("id"), row.remove("at").expect("a place"));
        last.insert(format!("{} {} {}", row["metric"], row["cdn"], at["partition"]), row);
    }
    let counts = |row: &&serde_json::Map<String, Json>| {
        ["count", "avg"].iter().any(|f| row.get(*f).is_some_and(|x| !x.is_null()))
    };
    last.values().filter(counts).map(shown).collect()
}

fn shown(row: &serde_json::Map<String, Json>) -> String {
    let known: BTreeMap<&String, &Json> = row.iter().filter(|(_, value)| !value.is_null()).collect();
    known.iter().map(|(name, value)| format!("{name}={value} ")).collect()
}

/// Whether a row is one of the workload, and not of the events that let time pass at its end.
fn is_of_the_workload(row: &&Json) -> bool {
    row["session"].as_str().is_some_and(|session| !session.starts_with("clock"))
}

/// Lets an hour and more pass in each of so many partitions.
fn let_time_pass(broker: &Broker, topic: &str, partitions: usize) {
    let mut publisher = broker.publisher(topic, 1);
    for partition in 0..partitions {
        let keys = (0..).map(|n| format!("clock{n}"));
        let key = keys.into_iter().find(|key| partition_of(key, partitions) == partition).expect("there is one");
        let payload = format!(r#"{{"sessionId":"{key}","ts":{LATER_MS},"seq":1,"playerState":"play"}}"#).into_bytes();
        publisher.send(partition, Outgoing { key, payload, ..Outgoing::default() }).unwrap();
    }
    publisher.flush().unwrap();
}

fn program() -> String {
    // Times are of long ago and the broker is away for a while: silence would say nothing here.
    let program = Model::Video.program().replacen("lateness", "idle never\n  lateness", 1);
    assert!(!program.contains("alert often"), "the name is free");
    format!("{program}\nalert often = held_for(latest(playerState) == \"buffer\", 1s)\n")
}

#[test]
fn a_reader_that_drops_equal_ids_sees_every_row_once_whatever_is_killed() {
    let Some(broker) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("video.tl"), program()).unwrap();
    let topic = broker.topic("outputs", 2);
    let (alerts, finals, bad) = (broker.topic("alerts", 0), broker.topic("finals", 3), broker.topic("bad", 0));
    let totals = broker.topic("totals", 2);
    let parts = [0, 1].map(|n| format!("{topic}-partition-{n}"));
    let address = |topic: &str| format!("{}/{}", broker.url, topic.rsplit('/').next().unwrap());
    let (source, to) = (address(&topic), [&alerts, &finals, &bad, &totals].map(|topic| address(topic)));
    let args = ["--source", &source, "--alerts-to", &to[0], "--finals-to", &to[1], "--dead-letters-to", &to[2]];
    let args = [&args[..], &["--late-events-to", &to[2], "--totals-to", &to[3]]].concat();
    let mut producer = Command::new(TIMELINE)
        .args(["produce", "video", "--events", "40000", "--sessions", "200", "--jitter", "2s", "--late", "0.01"])
        .args(["--rate", "2000", "--batch", "50", "--to", &source])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Two processors share the partitions; now the one is killed, now the other, and partitions change hands.
    let mut servers: [Option<Server>; 2] = [None, None];
    let mut kills = 0;
    let mut letters = 0;
    while producer.try_wait().unwrap().is_none() {
        for server in &mut servers {
            server.get_or_insert_with(|| Server::start(dir.path(), &args));
        }
        if kills != 3 {
            let mut publisher = broker.publisher(&topic, 1);
            for partition in 0..2 {
                letters += 1;
                let payload = format!("no record {kills} {partition}").into_bytes();
                publisher.send(partition, Outgoing { payload, ..Outgoing::default() }).unwrap();
            }
            publisher.flush().unwrap();
        }
        std::thread::sleep(Duration::from_millis(1_100 + 313 * kills));
        kills += 1;
        match kills {
            2 => broker.unload(&alerts),
            4 if broker.is_ours() => {
                broker.kill();
                broker.start();
            }
            5 => broker.unload(&parts[0]),
            _ => {}
        }
        servers[kills as usize % 2] = None;
    }
    assert!(kills >= 3, "they were killed only {kills} times");
    assert!(producer.wait().unwrap().success());
    drop(servers);
    let_time_pass(&broker, &topic, 2);
    let server = Server::start_for_sure(dir.path(), &args);
    let waits = Instant::now();
    while server.rows("SELECT * FROM partitions").iter().any(|row| row["waiting"] != 0) {
        assert!(waits.elapsed() < super::harness::PATIENCE, "something waits for ever");
        std::thread::sleep(Duration::from_millis(50));
    }
    let (status, said) = server.stop();
    assert!(status.success(), "{said}");

    let (mut known_alerts, mut known_finals, mut known_totals) = (BTreeMap::new(), vec![], vec![]);
    for (n, part) in parts.iter().enumerate() {
        let name = format!("part{n}.ndjson");
        std::fs::write(dir.path().join(&name), lines(&broker, part)).unwrap();
        let eval = |show| run(dir.path(), &["eval", "video.tl", &name, "--show", show, "--format", "jsonl"]);
        for row in eval("alerts").iter().filter(is_of_the_workload) {
            known_alerts.insert(alert(row), row["end_ns"].as_i64());
        }
        known_finals.extend(eval("final").iter().filter(is_of_the_workload).map(plain));
        known_totals.extend(eval("totals").iter().map(|row| shown(row.as_object().expect("an object"))));
    }
    assert!(known_alerts.len() > 100 && known_alerts.values().all(Option::is_some), "{}", known_alerts.len());
    let (rows, dropped) = heard(&broker, &alerts);
    assert_same(last_words(&rows).into_iter(), known_alerts.into_iter());
    assert!(dropped < rows.len(), "repeats are few: {dropped} beside {}", rows.len());
    let (rows, _) = heard(&broker, &finals);
    assert_same(rows.iter().map(plain), known_finals.into_iter());
    let (rows, _) = heard(&broker, &totals);
    assert!(rows.len() > 3 * known_totals.len(), "totals are told as they change: {}", rows.len());
    assert_same(last_totals(&rows).into_iter(), known_totals.into_iter());
    let (rows, _) = heard(&broker, &bad);
    let dead: BTreeSet<&str> = rows.iter().filter_map(|row| row["record"].as_str()).collect();
    assert_eq!((dead.len(), rows.iter().filter(|row| row["code"] == "TL2002").count()), (letters, letters));
    assert!(rows.iter().any(|row| row["reason"] == "behind the watermark"), "late events are there too");
}

#[test]
fn an_owner_that_was_frozen_and_wakes_takes_nothing_back() {
    let Some(broker) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("video.tl"), program()).unwrap();
    let (topic, alerts) = (broker.topic("frozen", 2), broker.topic("frozen-alerts", 0));
    let address = |topic: &str| format!("{}/{}", broker.url, topic.rsplit('/').next().unwrap());
    let (source, to) = (address(&topic), address(&alerts));
    let args = ["--source", &source, "--alerts-to", &to];
    let mut producer = Command::new(TIMELINE)
        .args(["produce", "video", "--events", "16000", "--sessions", "100", "--rate", "2000", "--to", &source])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let signal = |server: &Server, name: &str| {
        let pid = server.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().expect("kill").success());
    };
    let frozen = Server::start_for_sure(dir.path(), &args);
    std::thread::sleep(Duration::from_secs(2));
    signal(&frozen, "-STOP");
    let other = Server::start_for_sure(dir.path(), &args);
    assert!(producer.wait().unwrap().success());
    // The answer waits for all partitions, so it has them now, however long the broker kept them for the other.
    let owners = other.rows("SELECT DISTINCT owner FROM partitions");
    assert_eq!(owners.len(), 1, "{owners:?}");
    signal(&frozen, "-CONT");
    let (status, said) = frozen.end();
    assert_eq!(status.code(), Some(5), "{said}");
    let_time_pass(&broker, &topic, 2);
    other.rows("SELECT * FROM partitions");
    let (status, said) = other.stop();
    assert!(status.success() && !said.contains("are left"), "{said}");
    let mut known = BTreeMap::new();
    for n in 0..2 {
        let name = format!("part{n}.ndjson");
        std::fs::write(dir.path().join(&name), lines(&broker, &format!("{topic}-partition-{n}"))).unwrap();
        let rows = run(dir.path(), &["eval", "video.tl", &name, "--show", "alerts", "--format", "jsonl"]);
        known.extend(rows.iter().filter(is_of_the_workload).map(|row| (alert(row), row["end_ns"].as_i64())));
    }
    assert!(known.len() > 50, "{}", known.len());
    assert_same(last_words(&heard(&broker, &alerts).0).into_iter(), known.into_iter());
}

#[test]
fn a_file_publishes_too_and_what_is_left_at_the_end_is_published_at_the_next_start() {
    let Some(broker) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("video.tl"), program()).unwrap();
    let topic = broker.topic("of-a-file", 0);
    let to = format!("{}/{}", broker.url, topic.rsplit('/').next().unwrap());
    let produced = Command::new(TIMELINE)
        .current_dir(dir.path())
        .args(["produce", "video", "--events", "20000", "--sessions", "100", "--to", "player.ndjson"])
        .output()
        .unwrap();
    assert!(produced.status.success());
    let log = dir.path().join("player.ndjson");
    let mut text = std::fs::read_to_string(&log).unwrap();
    text += &format!("{{\"sessionId\":\"clock\",\"ts\":{LATER_MS},\"seq\":1,\"playerState\":\"play\"}}\n");
    std::fs::write(&log, text).unwrap();
    let args = ["--source", "file:player.ndjson", "--exit-at-end", "--alerts-to", &to];
    if broker.is_ours() {
        broker.kill();
        let (status, said) = Server::start(dir.path(), &args).end();
        broker.start();
        assert!(status.success(), "{said}");
        assert!(said.contains("TL2120") && said.contains("are left, and are published at the next start"), "{said}");
    }
    let (status, said) = Server::start(dir.path(), &args).end();
    assert!(status.success() && !said.contains("are left"), "{said}");
    let eval = run(dir.path(), &["eval", "video.tl", "player.ndjson", "--show", "alerts", "--format", "jsonl"]);
    let known: BTreeMap<Alert, Option<i64>> =
        eval.iter().filter(is_of_the_workload).map(|row| (alert(row), row["end_ns"].as_i64())).collect();
    let (rows, dropped) = heard(&broker, &topic);
    assert!(known.len() > 50, "{}", known.len());
    assert_same(last_words(&rows).into_iter(), known.into_iter());
    assert_eq!(dropped, 0, "nothing was published twice");
    let (status, said) = Server::start(dir.path(), &args).end();
    assert!(status.success(), "{said}");
    assert_eq!(heard(&broker, &topic).0.len() + heard(&broker, &topic).1, rows.len(), "a start repeats nothing");
}

#[test]
fn a_topic_that_cannot_be_published_to_is_said_at_the_start() {
    let Some(broker) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("video.tl"), program()).unwrap();
    std::fs::write(dir.path().join("player.ndjson"), "").unwrap();
    let to = format!("{}/no-tenant/no-namespace/alerts", broker.url);
    let (status, said) =
        Server::start(dir.path(), &["--source", "file:player.ndjson", "--exit-at-end", "--alerts-to", &to]).end();
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(said.contains("--alerts-to") && said.contains("TL2123") && said.contains("no-tenant"), "{said}");
    let source = format!("{}/x", broker.url);
    let args = ["--source", &source, "--dead-letters-to", &source];
    let (status, said) = Server::start(dir.path(), &args).end();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("--dead-letters-to") && said.contains("is read as a source"), "{said}");
}
