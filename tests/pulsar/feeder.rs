//! The source of a partition alone: positions, resuming, acknowledging, and brokers that die.

use super::harness::{Broker, PATIENCE, broker};
use event_feeder::pulsar::{Outgoing, Subscription, TopicPublisher, partition_of};
use event_feeder::{AcceptGaps, Decoder, Next, Position, RecordCode, Source, Target};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use timeline_core::plan::{FieldPath, Idle, SourceColumn, SourceDefinition, TimeUnit};
use timeline_core::{Field, Type, Value};

/// A decoder of `{"k": text, "t": milliseconds, "n": number}`.
fn decoder() -> Decoder {
    let declared = SourceDefinition {
        name: "s".into(),
        key: vec![FieldPath::name("k")],
        time: FieldPath::name("t"),
        time_unit: TimeUnit::Milliseconds,
        order: None,
        lateness: 0,
        future: None,
        idle: Idle::Never,
        repair: None,
        csv: timeline_core::plan::Csv::default(),
    };
    Decoder::new(
        &declared,
        &[SourceColumn {
            name: "n".into(),
            path: FieldPath::name("n"),
            ty: Type::Int,
            source: 0,
            nulls: Default::default(),
        }],
    )
}

fn line(n: i64) -> String {
    format!("{{\"k\":\"k{}\",\"t\":{n},\"n\":{n}}}", n % 7)
}

fn send(publisher: &mut TopicPublisher, numbers: std::ops::Range<i64>, lines: usize) {
    let numbers: Vec<i64> = numbers.collect();
    for some in numbers.chunks(lines) {
        let payload = some.iter().map(|n| line(*n)).collect::<Vec<_>>().join("\n").into_bytes();
        // Blocks of lines are for the partition of their first key here; a reader does not look at keys.
        let key = format!("k{}", some[0] % 7);
        let partition = partition_of(&key, publisher.partitions());
        publisher.send(partition, Outgoing { key, payload, ..Outgoing::default() }).unwrap();
    }
}

/// What came out: where each number stands, in the order of reading.
type Seen = Vec<(Position, i64)>;

/// Takes a block if there is one; says where it ended.
fn step(source: &mut dyn Source, decoder: &mut Decoder, seen: &mut Seen) -> Option<Position> {
    match source.next().unwrap() {
        Next::Block(block) => {
            let end = block.end;
            let batch = decoder.decode(block);
            assert!(batch.dead.is_empty(), "{:?}", batch.dead);
            let columns = [SourceColumn {
                name: "n".into(),
                path: FieldPath::name("n"),
                ty: Type::Int,
                source: 0,
                nulls: Default::default(),
            }];
            for event in &batch.events {
                let Field::Value(Value::Int(n)) = batch.record(event, &columns, 0).fields[0] else {
                    panic!("a number")
                };
                seen.push((batch.position(event), n));
            }
            source.recycle(batch.bytes);
            Some(end)
        }
        _ => {
            std::thread::sleep(Duration::from_millis(5));
            None
        }
    }
}

/// Reads until enough was seen.
fn read(source: &mut dyn Source, until: impl Fn(&Seen) -> bool) -> (Seen, Position) {
    let (mut seen, mut decoder, mut at, began) = (vec![], decoder(), Position::START, Instant::now());
    while !until(&seen) {
        at = step(source, &mut decoder, &mut seen).unwrap_or(at);
        assert!(began.elapsed() < PATIENCE, "only {} were read, up to {at}", seen.len());
    }
    (seen, at)
}

/// Reads all that the topic holds now, behind a position.
fn read_on(source: &mut dyn Source, mut at: Position) -> Seen {
    let mut target = source.caught_up_target().unwrap();
    let (mut seen, mut decoder, began) = (vec![], decoder(), Instant::now());
    while !target.reached(at) {
        at = step(source, &mut decoder, &mut seen).unwrap_or(at);
        assert!(began.elapsed() < PATIENCE, "only {} were read, up to {at}, of {target:?}", seen.len());
    }
    seen
}

fn read_all(source: &mut dyn Source) -> Seen {
    read_on(source, Position::START)
}

fn numbers(seen: &Seen) -> Vec<i64> {
    assert!(seen.is_sorted_by(|a, b| a.0 < b.0), "positions ascend");
    seen.iter().map(|(_, n)| *n).collect()
}

#[test]
fn whatever_way_messages_are_made_they_are_read_once_and_in_order() {
    let Some(broker) = broker() else { return };
    for (batch, lines) in [(1, 1), (100, 1), (1, 50), (20, 7)] {
        let topic = broker.topic("made", 0);
        let mut publisher = broker.publisher(&topic, batch);
        send(&mut publisher, 0..1_500, lines);
        publisher.flush().unwrap();
        let seen = read_all(&mut *broker.source(&topic, "s", Position::START));
        assert_eq!(numbers(&seen), (0..1_500).collect::<Vec<_>>(), "batches of {batch}, {lines} lines a message");
    }
}

#[test]
fn a_key_has_one_partition() {
    let Some(broker) = broker() else { return };
    let topic = broker.topic("parts", 3);
    let mut publisher = broker.publisher(&topic, 100);
    assert_eq!(publisher.partitions(), 3);
    send(&mut publisher, 0..700, 1);
    publisher.flush().unwrap();
    let parts = broker.client().partitions(&topic).unwrap();
    assert_eq!(parts, [0, 1, 2].map(|n| format!("{topic}-partition-{n}")));
    let mut all = vec![];
    for (n, part) in parts.iter().enumerate() {
        let seen = numbers(&read_all(&mut *broker.source(part, "s", Position::START)));
        assert!(seen.is_sorted(), "a partition keeps the order");
        assert!(seen.iter().all(|x| partition_of(&format!("k{}", x % 7), 3) == n), "{part}: {seen:?}");
        all.extend(seen);
    }
    all.sort_unstable();
    assert_eq!(all, (0..700).collect::<Vec<_>>());
}

#[test]
fn reading_goes_on_after_a_position_and_the_cursor_stays_behind_what_is_committed() {
    let Some(broker) = broker() else { return };
    let topic = broker.topic("resume", 0);
    let mut publisher = broker.publisher(&topic, 10);
    send(&mut publisher, 0..2_000, 1);
    publisher.flush().unwrap();
    let mut source = broker.source(&topic, "s", Position::START);
    let (first, at) = read(&mut *source, |seen| seen.len() >= 600);
    let committed = first[300].0;
    let committed = Position::at(committed.file, committed.offset);
    source.committed(committed);
    // The last entry before it stays unacknowledged, to show later that nothing is missing behind it.
    let anchor = Position::at(committed.file, committed.offset - 1);
    let began = Instant::now();
    while broker.cursor(&topic, "s") < anchor {
        assert!(began.elapsed() < PATIENCE, "the cursor is at {}, not at {anchor}", broker.cursor(&topic, "s"));
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(source);
    // Everything since the cursor comes again, and only what is behind the position counts.
    let rest = read_on(&mut *broker.source(&topic, "s", at), at);
    let all: Vec<i64> = numbers(&first).into_iter().chain(numbers(&rest)).collect();
    assert_eq!(all, (0..2_000).collect::<Vec<_>>());
    assert!(broker.cursor(&topic, "s") <= anchor, "nothing behind what is committed was let go of");
    let again = read_on(&mut *broker.source(&topic, "s", committed), committed);
    assert_eq!(again[0].0, committed, "what is behind the oldest checkpoint can be read again");
}

#[test]
fn a_broker_that_is_killed_and_a_topic_that_moves_lose_and_repeat_nothing() {
    let Some(broker) = broker() else { return };
    let topic = broker.topic("killed", 0);
    let mut publisher = broker.publisher(&topic, 20);
    // A subscription that has read nothing keeps the whole log.
    drop(broker.source(&topic, "calm", Position::START));
    let mut source = broker.source(&topic, "s", Position::START);
    let total = 30_000;
    let writer = std::thread::spawn(move || {
        for from in (0..total).step_by(100) {
            send(&mut publisher, from..from + 100, 1);
            std::thread::sleep(Duration::from_millis(20));
        }
        publisher.flush().unwrap();
    });
    let mut troubles = vec![(4_000, 'u'), (8_000, 'k'), (14_000, 'u'), (20_000, 'k')];
    let (mut seen, mut decoder, mut at, began) = (vec![], decoder(), Position::START, Instant::now());
    let mut known = BTreeSet::new();
    while known.len() < total as usize {
        let before = seen.len();
        at = step(&mut *source, &mut decoder, &mut seen).unwrap_or(at);
        known.extend(seen[before..].iter().map(|(_, n)| *n));
        if troubles.first().is_some_and(|(count, _)| known.len() > *count) {
            match troubles.remove(0).1 {
                'k' if broker.is_ours() => {
                    broker.kill();
                    broker.start();
                }
                _ => broker.unload(&topic),
            }
        }
        if seen.len() % 3 == 0 {
            source.committed(at);
        }
        assert!(began.elapsed() < PATIENCE, "only {} were read, up to {at}", known.len());
    }
    writer.join().unwrap();
    assert!(source.notices().is_empty(), "nothing was skipped");
    // What the log holds, read in peace. A resent batch may be in it twice; each of its places is read once.
    numbers(&seen);
    let calm = read_all(&mut *broker.source(&topic, "calm", Position::START));
    seen.extend(read_on(&mut *source, at));
    assert_eq!(seen, calm);
}

#[test]
fn a_topic_says_when_it_holds_no_more() {
    let Some(broker) = broker() else { return };
    let topic = broker.topic("drained", 0);
    let mut source = broker.source(&topic, "s", Position::START);
    let mut target = source.caught_up_target().unwrap();
    wait("an empty topic is reached at once", || target.reached(Position::START));
    let drained = |source: &mut dyn Source| matches!(source.next().unwrap(), Next::Idle { drained: true });
    wait("an empty topic is drained", || drained(&mut *source));
    let mut publisher = broker.publisher(&topic, 1);
    send(&mut publisher, 0..10, 1);
    publisher.flush().unwrap();
    let mut target = source.caught_up_target().unwrap();
    let (mut seen, mut decoder, mut at) = (vec![], decoder(), Position::START);
    wait("the ten are read", || {
        at = step(&mut *source, &mut decoder, &mut seen).unwrap_or(at);
        target.reached(at)
    });
    assert_eq!(numbers(&seen), (0..10).collect::<Vec<_>>());
    wait("it is drained again", || drained(&mut *source));
    if broker.is_ours() {
        broker.kill();
        wait("a dead broker's topic is not drained", || !drained(&mut *source));
        let mut target = source.caught_up_target().unwrap();
        broker.start();
        wait("who asked while it was dead is answered", || {
            let _ = source.next().unwrap();
            target.reached(at)
        });
        assert!(matches!(target, Target::At(end) if end == at), "{target:?}");
        wait("and it is drained once more", || drained(&mut *source));
    }
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    let Some(broker) = broker() else { return };
    let topic = broker.topic("busy", 0);
    let _first = broker.source(&topic, "s", Position::START);
    let code =
        |broker: &Broker, topic: &str| broker.client().subscribe(subscription(topic)).map(drop).unwrap_err().code();
    assert_eq!(code(&broker, &topic), RecordCode::TopicBusy);
    assert_eq!(code(&broker, "persistent://public/nowhere/t"), RecordCode::NoTopic);
    let nobody = event_feeder::pulsar::BrokerSettings { broker: "pulsar://127.0.0.1:1".into(), ..Default::default() };
    let nobody = event_feeder::pulsar::Client::new(nobody).unwrap();
    assert_eq!(nobody.partitions(&topic).unwrap_err().code(), RecordCode::NoBroker);
}

/// The memory of this process, in MiB; `None` where there is no `/proc`.
fn memory_mib() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split_whitespace().nth(1)?.parse::<u64>().ok()? * 4096 / (1 << 20))
}

#[test]
fn large_messages_wait_at_the_broker() {
    let Some(broker) = broker() else { return };
    let topic = broker.topic("large", 0);
    let mut publisher = broker.publisher(&topic, 1);
    let padding = "x".repeat(1 << 20);
    let count = 400;
    for n in 0..count {
        let payload = format!("{{\"k\":\"a\",\"t\":{n},\"n\":{n},\"x\":\"{padding}\"}}").into_bytes();
        publisher.send(0, Outgoing { key: "a".into(), payload, ..Outgoing::default() }).unwrap();
        if n % 20 == 19 {
            publisher.flush().unwrap();
        }
    }
    drop(publisher);
    let Some(before) = memory_mib() else { return };
    let subscription = Subscription { queue: Subscription::QUEUE, ..subscription(&topic) };
    let mut source = broker.client().subscribe(subscription).unwrap();
    // Nobody takes anything, so all that may come has come.
    std::thread::sleep(Duration::from_secs(5));
    let more = memory_mib().unwrap().saturating_sub(before);
    assert!(more < 160, "{more} MiB wait in memory");
    let (seen, _) = read(&mut source, |seen| seen.len() == count);
    assert_eq!(numbers(&seen), (0..count as i64).collect::<Vec<_>>());
}

fn subscription(topic: &str) -> Subscription {
    let (topic, name) = (topic.to_owned(), "s".to_owned());
    Subscription { topic, name, after: Position::START, queue: 10, accept: AcceptGaps::None }
}
