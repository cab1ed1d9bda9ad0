//! Deployments over a topic: what is new reads what is kept and goes on with the topic, and what is over lets go of it.

use super::harness::{PATIENCE, broker};
use crate::cli::Sandbox;
use event_feeder::pulsar::Outgoing;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = "source s { key k  time t in ms  idle never  end after 1s  b: bool }\nmetric m = count(b)\n";

/// The command at work; killed when it is dropped.
struct Server(Child, String);

impl Server {
    fn start(sandbox: &Sandbox, source: &str) -> Server {
        let mut command = sandbox.command();
        command.args(["serve", "p.tl", "--source", source, "--state", "state", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap_or_default();
        Server(child, url.trim_end_matches(',').to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_replaced_deployment_leaves_its_rows_and_lets_go_of_the_topic() {
    let Some(broker) = broker() else { return };
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    let topic = broker.topic("replaced", 0);
    let source = format!("{}/{}", broker.url, topic.rsplit('/').next().unwrap());
    let mut publisher = broker.publisher(&topic, 1);
    let mut send = |sessions: std::ops::Range<u64>| {
        for i in sessions {
            for n in 0..3 {
                let line = format!("{{\"k\":\"k{i}\",\"t\":{},\"b\":{}}}", i * 10_000 + n * 100, n == 1);
                let key = format!("k{i}").as_str().into();
                publisher.send(0, Outgoing { key, payload: line.into_bytes(), ..Outgoing::default() }).unwrap();
            }
        }
        publisher.flush().unwrap();
    };
    let counts = |server: &Server| {
        let sql = "SELECT version, count(*) AS n, sum(value) AS sum FROM finals WHERE closed GROUP BY version ORDER BY version";
        let ran = sandbox.run(&["query", sql, "--sync", "--format", "csv", "--server", &server.1]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout.lines().skip(1).map(|line| line.replace(".0", "")).collect::<Vec<_>>()
    };
    send(0..20);
    let server = Server::start(&sandbox, &source);
    assert_eq!(counts(&server), ["1,19,19"]);
    std::thread::sleep(Duration::from_millis(1_500));
    // Its messages are kept, and read from there; then the topic goes on.
    sandbox.file("v2.tl", PROGRAM.replace("count(b)", "count(b == false)"));
    let ran = sandbox.run(&["deploy", "v2.tl", "--server", &server.1]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("m: replaced, version 1 -> 2"), "{}", ran.stderr);
    send(20..30);
    assert_eq!(counts(&server), ["1,19,19", "2,29,58"]);
    let began = Instant::now();
    while broker.subscriptions(&topic) != ["timeline@2"] {
        assert!(began.elapsed() < PATIENCE, "{:?}", broker.subscriptions(&topic));
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(server);
    sandbox.file("p.tl", PROGRAM.replace("count(b)", "count(b == false)"));
    let server = Server::start(&sandbox, &source);
    send(30..32);
    assert_eq!(counts(&server), ["1,19,19", "2,31,62"]);
    assert_eq!(broker.subscriptions(&topic), ["timeline@2"]);
}

#[test]
fn a_topic_is_let_go_of_once_a_broker_that_was_away_is_back() {
    let Some(broker) = broker().filter(super::harness::Broker::is_ours) else { return };
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    let topic = broker.topic("away", 0);
    let source = format!("{}/{}", broker.url, topic.rsplit('/').next().unwrap());
    let server = Server::start(&sandbox, &source);
    sandbox.file("n.tl", PROGRAM.replace("metric m", "metric n"));
    let ran = sandbox.run(&["deploy", "n.tl", "--from", "now", "--server", &server.1]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let wait_for = |all: &[&str]| {
        let began = Instant::now();
        while broker.subscriptions(&topic) != all {
            assert!(began.elapsed() < PATIENCE, "{:?}", broker.subscriptions(&topic));
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    wait_for(&["timeline", "timeline@2"]);
    broker.kill();
    let ran = sandbox.run(&["drop", "n", "--server", &server.1]);
    // For as long as anybody has patience with a broker at once.
    std::thread::sleep(Duration::from_secs(20));
    broker.start();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    wait_for(&["timeline"]);
}
