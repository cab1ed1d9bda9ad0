//! Programs that compose: what the one tells of alerts is the log of the other.

use super::harness::{Broker, PATIENCE, broker};
use crate::cli::Sandbox;
use crate::cluster::Processor;
use event_feeder::pulsar::{Outgoing, partition_of};
use serde_json::json;
use std::time::{Duration, Instant};

/// When a health check said what of which replica, in seconds.
const HEALTH: [(i64, &str, &str); 11] = [
    (0, "auth-0", "UP"),
    (0, "auth-1", "UP"),
    (60, "auth-0", "DOWN"),
    (120, "auth-1", "DOWN"),
    (180, "auth-0", "UP"),
    (200, "auth-2", "DOWN"),
    (240, "auth-1", "UP"),
    (300, "auth-2", "UP"),
    (400, "auth-2", "DOWN"),
    (420, "auth-2", "UP"),
    (600, "auth-0", "UP"),
];

fn publish(broker: &Broker, topic: &str, all: &[(i64, &str, &str, &str)]) {
    let mut publisher = broker.publisher(topic, 1);
    for (t, replica, service, status) in all {
        let payload =
            json!({"replica": replica, "service": service, "time": t, "status": status}).to_string().into_bytes();
        let message = Outgoing { key: (*replica).to_owned(), payload, ..Outgoing::default() };
        publisher.send(partition_of(replica, 2), message).unwrap();
    }
    publisher.flush().unwrap();
}

#[test]
fn a_program_over_the_topic_of_alerts_knows_when_all_replicas_were_down() {
    let Some(broker) = broker() else { return };
    let sandbox = Sandbox::new();
    sandbox.file("health.tl", include_str!("../../examples/replicas/health.tl"));
    sandbox.file("services.tl", include_str!("../../examples/replicas/services.tl"));
    let (health, alerts) = (broker.topic("health", 2), broker.topic("alerts-of-replicas", 0));
    let address = |topic: &str| format!("{}/{}", broker.url, topic.rsplit('/').next().unwrap());
    let (source, to) = (address(&health), address(&alerts));
    let first = || {
        let args = ["health.tl", "--source", &source, "--state", "one", "--alerts-to", &to];
        Processor::start(sandbox.command(), &args)
    };
    let second = || Processor::start(sandbox.command(), &["services.tl", "--source", &to, "--state", "two"]);
    let lines: Vec<_> = HEALTH.iter().map(|(t, replica, status)| (*t, *replica, "auth", *status)).collect();
    let (before, after) = lines.split_at(5);
    publish(&broker, &health, before);
    let (one, two) = (first(), second());
    std::thread::sleep(Duration::from_millis(1500));
    // Both are killed; what was published and not noted comes again, and counts once.
    drop((one, two));
    let (_one, two) = (first(), second());
    publish(&broker, &health, after);
    // Time goes on in both partitions.
    let clocks = (0..).map(|n| format!("clock{n}"));
    let of = |partition: usize| clocks.clone().find(|key| partition_of(key, 2) == partition).expect("there is one");
    let (a, b) = (of(0), of(1));
    publish(&broker, &health, &[(1000, a.as_str(), "clock", "UP"), (1000, b.as_str(), "clock", "UP")]);
    publish(&broker, &health, &[(1001, a.as_str(), "clock", "UP"), (1001, b.as_str(), "clock", "UP")]);
    let begun = Instant::now();
    loop {
        let sql = "SELECT metric, value FROM finals WHERE session = 'auth' ORDER BY metric";
        let rows = two.rows(&sandbox, sql, &["--sync"]).expect("an answer");
        let told: Vec<(&str, f64)> =
            rows.iter().filter_map(|row| Some((row["metric"].as_str()?, row["value"].as_f64()?))).collect();
        if told == [("all_down", 60.0), ("any_down", 260.0)] {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{rows:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    let outage = two.rows(&sandbox, "SELECT session FROM outage WHERE \"end\" IS NOT NULL", &[]).expect("an answer");
    assert_eq!(outage, [json!({"session": "auth"})]);
    let late = two.rows(&sandbox, "SELECT * FROM late_events", &[]).expect("an answer");
    assert!(late.is_empty(), "{late:?}");
}
