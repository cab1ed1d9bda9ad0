//! Messages that were packed by their producer: those that are read, and what becomes of the others.

use super::harness::{Broker, PATIENCE, broker};
use event_feeder::pulsar::{Compression, Outgoing, PublishOptions, TopicPublisher};
use event_feeder::{Decoder, Next, Position, Source};
use std::process::Command;
use std::time::{Duration, Instant};
use timeline_core::plan::{FieldPath, Idle, SourceDefinition, TimeUnit};

/// All that a topic holds: the times of the events, and what the dead letters say.
fn read(source: &mut dyn Source) -> (Vec<i64>, Vec<String>) {
    let declared = SourceDefinition {
        name: "s".into(),
        key: vec![FieldPath::name("k")],
        time: FieldPath::name("t"),
        time_unit: TimeUnit::Nanoseconds,
        order: None,
        lateness: 0,
        future: None,
        idle: Idle::Never,
        repair: None,
        csv: timeline_core::plan::Csv::default(),
    };
    let mut decoder = Decoder::new(&declared, &[]);
    let mut target = source.caught_up_target().unwrap();
    let (mut times, mut dead, mut at, began) = (vec![], vec![], Position::START, Instant::now());
    while !target.reached(at) {
        if let Next::Block(block) = source.next().unwrap() {
            at = block.end;
            let batch = decoder.decode(block);
            times.extend(batch.events.iter().map(|event| event.time));
            dead.extend(batch.dead.iter().map(|letter| String::from_utf8_lossy(&letter.record).into_owned()));
        } else {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(began.elapsed() < PATIENCE, "read up to {at}, of {target:?}");
    }
    (times, dead)
}

fn line(t: i64) -> String {
    format!("{{\"k\":\"a\",\"t\":{t},\"x\":\"{}\"}}", "x".repeat(100))
}

#[test]
fn what_our_producer_packs_is_read() {
    let Some(broker) = broker() else { return };
    for compression in [Compression::None, Compression::Lz4, Compression::Zlib, Compression::Zstd] {
        for batch in [1, 30] {
            let topic = broker.topic("packed", 0);
            let publishing = PublishOptions { batch, compression, ..PublishOptions::default() };
            let mut publisher = TopicPublisher::open(&broker.client(), &topic, &publishing).unwrap();
            for t in 0..100 {
                let payload = line(t).into_bytes();
                publisher.send(0, Outgoing { key: "a".into(), payload, ..Outgoing::default() }).unwrap();
            }
            publisher.flush().unwrap();
            let (times, dead) = read(&mut *broker.source(&topic, "s", Position::START));
            assert_eq!((times, dead), ((0..100).collect(), vec![]), "{compression:?}, batches of {batch}");
        }
    }
}

/// Publishes a hundred events by the client for Python; whether there is one.
fn python(broker: &Broker, topic: &str, compression: &str, batched: bool) -> bool {
    let batched = if batched { "True" } else { "False" };
    let script = format!(
        "import pulsar\n\
         c = pulsar.Client('{}', logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))\n\
         p = c.create_producer('{topic}', compression_type=pulsar.CompressionType.{compression}, batching_enabled={batched}, \
         batching_max_messages=30)\n\
         for t in range(100): p.send_async(('{{\"k\":\"a\",\"t\":%d,\"x\":\"%s\"}}' % (t, 'x' * 100)).encode(), lambda *_: None)\n\
         p.flush()\n\
         c.close()",
        broker.url
    );
    let python = std::env::var_os("TIMELINE_PYTHON").unwrap_or_else(|| "python3".into());
    let out = Command::new(python).args(["-c", &script]).output();
    out.is_ok_and(|out| out.status.success())
}

#[test]
fn what_other_clients_pack_is_read_or_set_aside_with_its_reason() {
    let Some(broker) = broker() else { return };
    if !python(&broker, &broker.topic("python", 0), "NONE", false) {
        assert!(std::env::var("CI").is_err(), "the client for Python is needed: tests/clients/python makes it");
        eprintln!("a Pulsar test was not run: there is no client for Python");
        return;
    }
    for compression in ["NONE", "LZ4", "ZLib", "ZSTD", "SNAPPY"] {
        for batched in [false, true] {
            let topic = broker.topic("python", 0);
            assert!(python(&broker, &topic, compression, batched), "{compression}");
            let (times, dead) = read(&mut *broker.source(&topic, "s", Position::START));
            if compression == "SNAPPY" {
                assert!(times.is_empty() && !dead.is_empty(), "{times:?}");
                assert!(
                    dead.iter().all(|why| why.contains("Snappy as other clients write it is not read")),
                    "{dead:?}"
                );
            } else {
                assert_eq!((times, dead), ((0..100).collect(), vec![]), "{compression}, batched: {batched}");
            }
        }
    }
}

#[test]
fn a_subscription_is_deleted_with_the_broker_s_place_for_it() {
    let Some(broker) = broker() else { return };
    let topic = broker.topic("deleted", 0);
    let mut publisher = broker.publisher(&topic, 1);
    publisher.send(0, Outgoing { key: "a".into(), payload: line(1).into_bytes(), ..Outgoing::default() }).unwrap();
    publisher.flush().unwrap();
    let mut sources = ["s", "s@2"].map(|name| broker.source(&topic, name, Position::START));
    sources.iter_mut().for_each(|source| assert_eq!(read(&mut **source).0, [1]));
    assert_eq!(broker.subscriptions(&topic), ["s", "s@2"]);
    let [kept, left] = sources;
    drop(left);
    broker.client().unsubscribe(&topic, "s@2").unwrap();
    assert_eq!(broker.subscriptions(&topic), ["s"]);
    assert!(broker.client().unsubscribe(&topic, "s").is_err(), "somebody reads by it");
    drop(kept);
}
