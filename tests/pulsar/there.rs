//! Topics that are not there: refused with the nearest name and not made, or waited for where that is said.

use super::harness::{Broker, PATIENCE, broker};
use crate::cli::{Run, Sandbox};
use crate::cluster::Processor;
use event_feeder::pulsar::Outgoing;
use std::time::Instant;

const PROGRAM: &str = "source s { key k  time t in s  idle never  b: bool }\nmetric m = duration_where(latest(b))\n";

fn short(topic: &str) -> &str {
    topic.rsplit('/').next().unwrap()
}

fn is_there(broker: &Broker, topic: &str) -> bool {
    broker.client().exists(topic).unwrap()
}

fn refused(sandbox: &Sandbox, source: &str, state: &str) -> Run {
    let serve = ["serve", "p.tl", "--listen", "127.0.0.1:0", "--exit-at-end", "--state", state, "--source", source];
    let run = sandbox.run(&serve);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
    assert!(run.stderr.contains("[TL2123]") && run.stderr.contains("--wait-for-sources"), "{}", run.stderr);
    assert!(!sandbox.path().join(state).exists(), "nothing is begun");
    run
}

#[test]
fn a_topic_that_is_not_there_is_refused_with_the_nearest_and_not_made() {
    let Some(broker) = broker() else { return };
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    for partitions in [0, 2] {
        let topic = broker.topic(&format!("clicks-of-{partitions}"), partitions);
        let mistyped = topic.replace("clicks", "clikcs");
        let run = refused(&sandbox, &format!("{}/{}", broker.url, short(&mistyped)), "state");
        let near = format!("there is no topic {mistyped}; did you mean `{}`?", short(&topic));
        assert!(run.stderr.contains(&near), "{near}: {}", run.stderr);
        assert!(!is_there(&broker, &mistyped), "{mistyped} was made");
        // One of several that are read as one is said, too.
        let run = refused(&sandbox, &format!("{}/{},{}", broker.url, short(&topic), short(&mistyped)), "state");
        assert!(run.stderr.contains(&near), "{near}: {}", run.stderr);
        // What is there is served.
        let source = format!("{}/{}", broker.url, short(&topic));
        let serve = ["serve", "p.tl", "--listen", "127.0.0.1:0", "--exit-at-end", "--source", &source];
        let run = sandbox.run(&[&serve[..], &["--state", &format!("state-{partitions}")]].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        // The broker is healthy, and its client has nothing to say of that.
        assert!(!run.stderr.contains("pulsar::"), "{}", run.stderr);
    }
    // Nothing in the namespace is near: no name is guessed.
    let run = refused(&sandbox, &format!("{}/Qzxv", broker.url), "state");
    assert!(run.stderr.contains("/Qzxv\n") && !run.stderr.contains("did you mean"), "{}", run.stderr);
}

#[test]
fn a_topic_that_is_not_there_is_waited_for_where_that_is_said() {
    let Some(broker) = broker() else { return };
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    let topic = broker.topic("awaited", 0).replace("awaited", "awaited-later");
    assert!(!is_there(&broker, &topic));
    let source = format!("{}/{}", broker.url, short(&topic));
    let args = ["p.tl", "--source", &source, "--state", "state", "--wait-for-sources"];
    let processor = Processor::start(sandbox.command(), &args);
    let mut publisher = broker.publisher(&topic, 1);
    for payload in ["{\"k\":\"a\",\"t\":1,\"b\":true}", "{\"k\":\"a\",\"t\":8,\"b\":false}"] {
        let outgoing = Outgoing { key: "a".into(), payload: payload.into(), ..Outgoing::default() };
        publisher.send(0, outgoing).unwrap();
    }
    publisher.flush().unwrap();
    let began = Instant::now();
    loop {
        match processor.rows(&sandbox, "SELECT value FROM m", &["--sync"]) {
            Ok(rows) if rows.len() == 1 && rows[0]["value"] == 7 => return,
            other => assert!(began.elapsed() < PATIENCE, "{other:?}"),
        }
    }
}
