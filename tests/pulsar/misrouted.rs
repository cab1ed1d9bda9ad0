//! A topic that is keyed by another column than the program's key: counted, said once, found by `doctor`, and mended by
//! `timeline produce --repartition`.

use super::harness::{Broker, PATIENCE, broker};
use super::serve::save;
use crate::cli::Sandbox;
use event_feeder::pulsar::{Outgoing, partition_of};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const USERS: u64 = 100;
/// Events of a user, each in a session of its own.
const EACH: u64 = 12;
const PROGRAM: &str =
    "source s { key user  time t in s  lateness 100h  idle never  b: bool }\nmetric m = duration_where(latest(b))\n";

fn address(broker: &Broker, topic: &str) -> String {
    format!("{}/{}", broker.url, topic.rsplit('/').next().unwrap())
}

/// A topic of four partitions that is keyed by session, where a program would have users.
fn by_session(broker: &Broker) -> String {
    let topic = broker.topic("by-session", 4);
    let mut publisher = broker.publisher(&topic, 10);
    for i in 0..USERS * EACH {
        let (user, key) = (i % USERS, format!("s{i}"));
        let payload = json!({"user": user, "session": key, "t": 1_000 + i, "b": true}).to_string().into_bytes();
        let partition = partition_of(&key, 4);
        publisher.send(partition, Outgoing { key, payload, ..Outgoing::default() }).unwrap();
    }
    publisher.flush().unwrap();
    topic
}

/// A processor, and what it says on standard error until it is killed.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(sandbox: &Sandbox, program: &str, args: &[&str]) -> Server {
        let mut command = sandbox.command();
        command.args(["serve", program, "--listen", "127.0.0.1:0"]).args(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap_or_default();
        Server { url: url.trim_end_matches(',').to_owned(), child }
    }

    fn rows(&self, sql: &str) -> Vec<Json> {
        crate::served::run(
            std::path::Path::new("."),
            &["query", sql, "--sync", "--timeout", "120s", "--format", "jsonl", "--server", &self.url],
        )
    }

    /// Sessions, and events whose message has another key.
    fn sessions_and_misrouted(&self) -> (u64, u64) {
        let rows = self.rows("SELECT (SELECT count(*) FROM sessions) AS n, sum(misrouted) AS m FROM partitions");
        (rows[0]["n"].as_u64().unwrap(), rows[0]["m"].as_u64().unwrap())
    }

    /// Waits until so many are misrouted for whoever reads the topic, and so many events were read.
    fn counts_alike(&self, events: u64) {
        let began = Instant::now();
        loop {
            let sql = "SELECT source, sum(events) AS e, sum(misrouted) AS m FROM partitions GROUP BY source";
            let rows = self.rows(sql);
            if !rows.is_empty() && rows.iter().all(|row| row["e"] == events) {
                assert!(rows.iter().all(|row| row["m"] == events), "{rows:?}");
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{rows:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until each partition has a checkpoint.
    fn is_durable(&self) {
        let began = Instant::now();
        while self.rows("SELECT count(*) AS n FROM partitions WHERE epoch = 0")[0]["n"] != 0 {
            assert!(began.elapsed() < PATIENCE, "no checkpoint is made");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn kill(mut self) -> String {
        self.child.kill().unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        self.child.wait().unwrap();
        said
    }
}

fn run(sandbox: &Sandbox, args: &[&str]) -> (i32, String) {
    let out = sandbox.command().args(args).output().unwrap();
    let said = [out.stdout, out.stderr].concat();
    (out.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[test]
fn sessions_that_a_topic_splits_are_counted_and_told_and_put_together_by_a_repartition() {
    let Some(broker) = broker() else { return };
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    let topic = by_session(&broker);
    let source = address(&broker, &topic);
    let args = ["--source", &source, "--state", "state"];
    let server = Server::start(&sandbox, "p.tl", &args);
    let all = USERS * EACH;
    let (sessions, misrouted) = server.sessions_and_misrouted();
    assert!(sessions > USERS && misrouted == all, "{sessions} sessions of {USERS} users, {misrouted}");
    let metrics = ureq::get(format!("{}/metrics", server.url)).call().unwrap().body_mut().read_to_string().unwrap();
    // Each block that was read says how long ago its first message was published.
    let of = |line: &&str| line.starts_with("timeline_publish_to_answer_seconds_count{");
    let counts: Vec<f64> =
        metrics.lines().filter(of).map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(!counts.is_empty() && counts.iter().all(|count| *count >= 1.0), "{metrics}");
    for name in
        ["timeline_misrouted_total{", "timeline_queued_bytes{", "timeline_keeping_bytes{", "timeline_resident_bytes "]
    {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    let (code, said) = run(&sandbox, &["query", "SELECT count(*) FROM sessions", "--server", &server.url]);
    assert!(code == 0 && said.contains(&format!("[TL2131] s: {all} of {all} events")), "{said}");
    // Other queries read the log again, and count the same.
    sandbox.file("more.tl", "metric n = count(b)\n");
    let (code, said) = run(&sandbox, &["deploy", "more.tl", "--server", &server.url]);
    assert_eq!(code, 0, "{said}");
    server.counts_alike(all);
    let said = server.kill();
    assert_eq!(said.matches("TL2131").count(), 1, "it is said once: {said}");
    assert!(said.contains("produce --repartition"), "{said}");
    let server = Server::start(&sandbox, "p.tl", &args);
    server.counts_alike(all);
    server.kill();

    let (code, said) = run(&sandbox, &["doctor", "--source", &source, "--state", "state"]);
    assert!(code == 1 && said.contains("[TL2131] s: 100 of 100 keys (user) are in two or more partitions"), "{said}");
    assert!(said.contains("0 in 0 (at ") && said.contains("; and 95 more"), "a bounded sample: {said}");
    let (code, said) = run(&sandbox, &["doctor", "p.tl", "--source", &source, "--state", "none"]);
    assert!(code == 1 && said.contains("[TL2131]"), "a program can be named: {said}");

    let fixed = broker.topic("by-user", 3);
    let to = address(&broker, &fixed);
    let repartition = ["produce", "--repartition", &source, "--program", "p.tl", "--to", &to];
    let (code, said) = run(&sandbox, &repartition);
    assert!(code == 0 && said.contains(&format!("wrote {all} records by the program's key")), "{said}");
    let source = address(&broker, &fixed);
    let server = Server::start(&sandbox, "p.tl", &["--source", &source, "--state", "fixed"]);
    assert_eq!(server.sessions_and_misrouted(), (USERS, 0));
    server.is_durable();
    let said = server.kill();
    assert!(!said.contains("TL2131"), "{said}");
    let (code, said) = run(&sandbox, &["doctor", "--source", &source, "--state", "fixed"]);
    assert!(
        code == 0 && said.contains("each of 100 keys (user) is in one partition, and the key of its messages"),
        "{said}"
    );
    let (code, said) = run(&sandbox, &repartition);
    assert!(code == 0 && said.contains("wrote 0 records"), "it has been there: {said}");
}

/// The records of each user in a topic of three partitions, in their order.
fn by_user(broker: &Broker, sandbox: &Sandbox, topic: &str) -> BTreeMap<u64, Vec<u64>> {
    let mut all: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for partition in 0..3 {
        let path = sandbox.path().join(format!("saved-{partition}"));
        save(broker, &format!("{topic}-partition-{partition}"), &path);
        let text = std::fs::read_to_string(path).unwrap();
        let (mut users, before) = (BTreeSet::new(), all.keys().copied().collect::<BTreeSet<_>>());
        for line in text.lines() {
            let record: Json = serde_json::from_str(line).unwrap();
            let user = record["user"].as_u64().unwrap();
            users.insert(user);
            all.entry(user).or_default().push(record["t"].as_u64().unwrap());
        }
        assert!(users.is_disjoint(&before), "a user is in one partition");
    }
    all
}

#[test]
fn a_repartition_that_is_killed_goes_on_and_its_order_is_always_the_same() {
    let Some(broker) = broker() else { return };
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    let topic = by_session(&broker);
    let source = address(&broker, &topic);
    let [once, again, killed] = ["once", "again", "killed"].map(|name| broker.topic(name, 3));
    let args = |to: &str, more: &[&str]| -> Vec<String> {
        let own = format!("repartition-{}", to.rsplit('/').next().unwrap());
        let (to, progress) = (address(&broker, to), format!("{own}.json"));
        let base = ["produce", "--repartition", &source, "--program", "p.tl", "--to", &to];
        let own = ["--progress", &progress, "--subscription", &own];
        base.iter().chain(&own).chain(more).map(|arg| (*arg).to_owned()).collect()
    };
    for to in [&once, &again] {
        assert!(sandbox.command().args(args(to, &[])).status().unwrap().success());
    }
    let order = by_user(&broker, &sandbox, &once);
    assert_eq!(order.values().map(Vec::len).sum::<usize>() as u64, USERS * EACH);
    assert_eq!(by_user(&broker, &sandbox, &again), order);
    // One that follows, and is killed again and again, has everything, and repeats only what it wrote last.
    let mut publisher = broker.publisher(&topic, 1);
    for round in 0..4 {
        let mut child = Command::spawn(sandbox.command().args(args(&killed, &["--follow", "--batch", "1"]))).unwrap();
        let t = 100_000 + round;
        let payload = json!({"user": 1, "t": t}).to_string().into_bytes();
        publisher.send(round as usize, Outgoing { key: "x".into(), payload, ..Outgoing::default() }).unwrap();
        publisher.flush().unwrap();
        std::thread::sleep(Duration::from_millis(1_500 + 300 * round));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let began = Instant::now();
    loop {
        let out = sandbox.command().args(args(&killed, &[])).output().unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        if out.status.success() {
            break;
        }
        // The broker takes a moment to see that the last reader is dead.
        assert!(said.contains("TL2122") && began.elapsed() < PATIENCE, "{said}");
        std::thread::sleep(Duration::from_millis(300));
    }
    let mut got = by_user(&broker, &sandbox, &killed);
    let all = |times: &Vec<u64>| times.iter().copied().collect::<BTreeSet<u64>>();
    let late: BTreeSet<u64> =
        got.get_mut(&1).map(|times| times.iter().copied().filter(|t| *t >= 100_000).collect()).unwrap();
    assert_eq!(late.len(), 4, "what came later is there too");
    for (user, times) in &order {
        let seen: BTreeSet<u64> = all(&got[user]).into_iter().filter(|t| *t < 100_000).collect();
        assert_eq!(seen, all(times), "user {user}");
    }
}

#[test]
fn messages_without_a_key_count_and_keys_are_compared_as_programs_know_them() {
    let Some(broker) = broker() else { return };
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM.replace("key user", "key user, n"));
    let counts = |partitions: u32, key: &str| {
        let topic = broker.topic("keys", partitions);
        let mut publisher = broker.publisher(&topic, 1);
        for t in 0..10 {
            let payload = json!({"user": "a", "n": 7, "t": t, "b": true}).to_string().into_bytes();
            publisher.send(0, Outgoing { key: key.to_owned(), payload, ..Outgoing::default() }).unwrap();
        }
        publisher.flush().unwrap();
        let state = format!("state-{}", topic.rsplit('/').next().unwrap());
        let server = Server::start(&sandbox, "p.tl", &["--source", &address(&broker, &topic), "--state", &state]);
        let (_, misrouted) = server.sessions_and_misrouted();
        (misrouted, server.kill().contains("TL2131"))
    };
    assert_eq!(counts(2, "[\"a\",\"7\"]"), (0, false));
    assert_eq!(counts(2, "a"), (10, true));
    assert_eq!(counts(2, ""), (10, true), "without a key");
    assert_eq!(counts(1, ""), (0, false), "a single partition has every session whole");
    assert_eq!(counts(0, ""), (0, false), "so has a plain topic");
}
