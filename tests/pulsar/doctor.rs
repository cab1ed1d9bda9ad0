//! `timeline doctor` on a broker with faults made on purpose.

use super::harness::{Broker, PATIENCE, broker};
use crate::cli::Sandbox;
use event_feeder::Position;
use event_feeder::pulsar::{Outgoing, PublishOptions, TopicPublisher};
use std::process::Command;
use std::time::{Duration, Instant};

const PROGRAM: &str = "source s { key k  time t in ms  idle never  b: bool }\nmetric m = duration_where(latest(b))\n";

fn send(publisher: &mut TopicPublisher, partition: usize, key: &str, times: std::ops::Range<u64>) {
    for t in times {
        let payload = format!("{{\"k\":\"{key}\",\"t\":{t},\"b\":true}}").into_bytes();
        publisher.send(partition, Outgoing { key: key.into(), payload, ..Outgoing::default() }).unwrap();
    }
    publisher.flush().unwrap();
}

fn address(broker: &Broker, topic: &str) -> String {
    format!("{}/{}", broker.url, topic.rsplit('/').next().unwrap())
}

/// What it says, and its exit code.
fn doctor(sandbox: &Sandbox, args: &[&str]) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_timeline"));
    let out = command.current_dir(sandbox.path()).arg("doctor").args(args).output().unwrap();
    (String::from_utf8(out.stdout).unwrap(), out.status.code().unwrap())
}

#[test]
fn faults_are_found_and_say_what_to_do() {
    let Some(broker) = broker() else { return };
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    let (said, code) = doctor(&sandbox, &["--source", "pulsar://127.0.0.1:1/t"]);
    assert!(code == 1 && said.contains("fault") && said.contains("check the address"), "{said}");
    let (said, code) = doctor(&sandbox, &["--source", &format!("{}/nobody-has-this", broker.url)]);
    assert!(code == 1 && said.contains("has no persistent://public/default/nobody-has-this"), "{said}");

    let topic = broker.topic("doctor", 2);
    let source = address(&broker, &topic);
    let mut publisher = broker.publisher(&topic, 1);
    send(&mut publisher, 0, "a", 0..20);
    send(&mut publisher, 1, "b", 0..20);
    let serve = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_timeline"));
        command.current_dir(sandbox.path()).args(["serve", "p.tl", "--source", &source, "--state", "state"]);
        assert!(command.args(["--listen", "127.0.0.1:0", "--exit-at-end"]).status().unwrap().success());
    };
    serve();
    let args = ["--source", &source, "--state", "state", "--admin", &broker.admin];
    let (said, code) = doctor(&sandbox, &args);
    assert!(code == 0 && said.contains("each of 2 message keys is in one partition"), "{said}");
    assert!(said.contains("nothing that the state needs is gone") && said.contains("not ahead of the state"), "{said}");

    // Somebody reads further by the same subscription.
    send(&mut publisher, 0, "a", 20..30);
    let part = format!("{topic}-partition-0");
    // Not from the start, for who has no state is not let go over what others have acknowledged.
    let first = Position::at(broker.ledgers(&part)[0], 0);
    let mut other = broker.source(&part, "timeline", first);
    let mut target = other.caught_up_target().unwrap();
    let (mut at, began) = (first, Instant::now());
    while !target.reached(at) {
        if let event_feeder::Next::Block(block) = other.next().unwrap() {
            at = block.end;
        }
        assert!(began.elapsed() < PATIENCE, "the topic is not read");
    }
    other.committed(at);
    // It stays one entry behind what is committed.
    while broker.cursor(&part, "timeline") < Position::at(at.file, at.offset - 1) {
        std::thread::sleep(Duration::from_millis(20));
        assert!(began.elapsed() < PATIENCE, "the cursor does not move");
    }
    drop(other);
    let (said, code) = doctor(&sandbox, &args);
    assert!(code == 1 && said.contains("ahead of the state") && said.contains("reset-cursor"), "{said}");

    // A producer that routes otherwise.
    send(&mut publisher, 1, "a", 40..41);
    let (said, _) = doctor(&sandbox, &args);
    assert!(said.contains("key a is in partitions 0") && said.contains("same hashing scheme"), "{said}");
}

#[test]
fn topics_of_outputs_are_looked_at_and_none_comes_into_being() {
    let Some(broker) = broker() else { return };
    let sandbox = Sandbox::new();
    let [source, plain, parted, taken] =
        [("outputs-of", 0), ("plain", 0), ("parted", 3), ("taken", 0)].map(|(name, parts)| broker.topic(name, parts));
    let [source, plain, parted] = [source, plain, parted].map(|topic| address(&broker, &topic));
    let (missing, nowhere) = (format!("{}/not-yet", broker.url), format!("{}/no-tenant/no-namespace/t", broker.url));
    let args = ["--source", &source, "--state", "state", "--messages", "0"];
    let doctor = |more: &[&str]| doctor(&sandbox, &[&args[..], more].concat());
    let (said, code) = doctor(&["--alerts-to", &plain, "--totals-to", &parted, "--finals-to", &missing]);
    assert_eq!(code, 0, "{said}");
    for (flag, what) in [("--alerts-to", "plain"), ("--totals-to", "parted")] {
        let line = said.lines().find(|line| line.contains(flag)).expect("a line");
        assert!(line.starts_with("ok ") && line.contains(what) && line.contains("takes messages"), "{line}");
    }
    assert!(said.contains("?      --finals-to: there is no persistent://public/default/not-yet yet"), "{said}");
    assert!(!broker.client().exists("persistent://public/default/not-yet").unwrap(), "it was only looked at");

    // Settings count as flags do.
    sandbox.file("timeline.toml", format!("dead_letters_to = \"{nowhere}\"\n"));
    let (said, code) = doctor(&["--late-events-to", &source]);
    assert!(code == 1 && said.contains("--late-events-to") && said.contains("it is read as a source"), "{said}");
    assert!(said.contains("--dead-letters-to") && said.contains("no-tenant"), "{said}");
    sandbox.file("timeline.toml", "");

    // Somebody has it for himself: nobody else can publish, `serve` neither.
    let alone = PublishOptions { exclusive: true, ..PublishOptions::default() };
    let owner = TopicPublisher::open(&broker.client(), &taken, &alone).unwrap();
    let taken = address(&broker, &taken);
    let (said, code) = doctor(&["--alerts-to", &taken]);
    assert!(code == 1 && said.contains("--alerts-to: [TL2128]") && said.contains("exclusive access"), "{said}");
    drop(owner);
    let began = Instant::now();
    while doctor(&["--alerts-to", &taken]).1 != 0 {
        assert!(began.elapsed() < PATIENCE, "it has gone");
    }
    let (said, code) = doctor(&["--alerts-to", "pulsar://127.0.0.1:1/t"]);
    assert!(code == 1 && said.contains("--alerts-to: [TL2120]"), "{said}");
}
