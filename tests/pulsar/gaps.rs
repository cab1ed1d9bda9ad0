//! Messages that a broker deleted before they were read: told from ledgers that have ended, refused, accepted, shown.

use super::harness::{Broker, PATIENCE, broker, rolling_broker};
use crate::cli::Sandbox;
use event_feeder::pulsar::{Outgoing, Subscription, TopicPublisher, TopicRemainder};
use event_feeder::{AcceptGaps, Error, Gap, Next, Payload, Position, RecordCode, Source};
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Entries of a ledger of the tests' broker.
const LEDGER: u64 = 50;

fn send(publisher: &mut TopicPublisher, numbers: Range<u64>) {
    for n in numbers {
        let payload = format!("{{\"k\":\"a\",\"t\":{n},\"b\":true}}").into_bytes();
        publisher.send(0, Outgoing { key: "a".into(), payload, ..Outgoing::default() }).unwrap();
    }
    publisher.flush().unwrap();
}

fn open(broker: &Broker, topic: &str, after: Position, accept: AcceptGaps) -> Result<Box<dyn Source>, Error> {
    let subscription =
        || Subscription { topic: topic.into(), name: "s".into(), after, queue: 1000, accept: accept.clone() };
    let began = Instant::now();
    loop {
        match broker.client().subscribe(subscription()) {
            Ok(source) => return Ok(Box::new(source)),
            // The broker takes a moment to see that the last one has gone.
            Err(error) if error.code() != RecordCode::TopicBusy || began.elapsed() > PATIENCE => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Reads all that the topic holds: the times that came, the gaps, and where it ends.
fn read(source: &mut dyn Source, mut at: Position) -> (Vec<u64>, Vec<Gap>, Position) {
    let mut target = source.caught_up_target().unwrap();
    let (mut times, mut gaps, began) = (vec![], vec![], Instant::now());
    while !target.reached(at) {
        match source.next().unwrap() {
            Next::Block(block) => {
                assert!(block.start >= at, "nothing comes twice");
                at = block.end;
                let Payload::Lines(lines) = block.payload else { panic!("messages are lines") };
                let time = |line: &str| line.split("\"t\":").nth(1).unwrap().split(',').next().unwrap().parse::<u64>();
                times.extend(std::str::from_utf8(&lines).unwrap().lines().map(|line| time(line).unwrap()));
            }
            Next::Gap(gap) => {
                assert_eq!(gap.from, at, "what was read ends where it begins");
                at = gap.to.unwrap();
                gaps.push(gap);
            }
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
        assert!(began.elapsed() < PATIENCE, "read up to {at}, of {target:?}");
    }
    (times, gaps, at)
}

/// Lets go of all ledgers that nobody needs, and waits until they are gone.
fn trim(broker: &Broker, topic: &str, gone: u64) {
    let began = Instant::now();
    while broker.ledgers(topic).contains(&gone) {
        broker.trim(topic);
        std::thread::sleep(Duration::from_millis(100));
        assert!(began.elapsed() < PATIENCE, "ledger {gone} stays");
    }
}

#[test]
fn a_gap_is_told_exactly_and_gone_over_only_if_that_is_said() {
    let Some(broker) = rolling_broker() else { return };
    let topic = broker.topic("gap", 0);
    let mut publisher = broker.publisher(&topic, 1);
    drop(open(&broker, &topic, Position::START, AcceptGaps::None).unwrap());
    send(&mut publisher, 0..3 * LEDGER + 20);
    let ledgers = broker.ledgers(&topic);
    assert_eq!(ledgers.len(), 4, "{ledgers:?}");
    // In the midst of the second ledger.
    let at = Position::at(ledgers[1], 10);
    let first = LEDGER + 10;
    assert_eq!(broker.client().behind(&topic, at).unwrap(), TopicRemainder::Whole(Some(at)));
    let (times, gaps, end) = read(&mut *open(&broker, &topic, at, AcceptGaps::None).unwrap(), at);
    assert_eq!((times, gaps), ((first..3 * LEDGER + 20).collect(), vec![]), "from ledger to ledger nothing is missing");

    broker.retain(&topic, 0);
    broker.skip_all(&topic, "s");
    trim(&broker, &topic, ledgers[2]);
    let gap = Gap { from: at, to: Some(Position::at(ledgers[3], 0)) };
    assert_eq!(broker.client().behind(&topic, at).unwrap(), TopicRemainder::Gap(gap));
    let refused = |accept| match open(&broker, &topic, at, accept).err().unwrap() {
        Error::Gap { gap, .. } => gap,
        other => panic!("{other}"),
    };
    assert_eq!(*refused(AcceptGaps::None), gap);
    let other = Gap { from: Position::at(ledgers[1], 9), ..gap };
    assert_eq!(*refused(AcceptGaps::Named(vec![AcceptGaps::name(&topic, &other)])), gap, "another one was accepted");
    for accept in [AcceptGaps::All, AcceptGaps::Named(vec![AcceptGaps::name(&topic, &gap)])] {
        let (times, gaps, _) = read(&mut *open(&broker, &topic, at, accept).unwrap(), at);
        assert_eq!((times, gaps), ((3 * LEDGER..3 * LEDGER + 20).collect(), vec![gap]));
    }
    // Whoever was at the end already misses nothing.
    let (times, gaps, _) = read(&mut *open(&broker, &topic, end, AcceptGaps::None).unwrap(), end);
    assert_eq!((times.len(), gaps.len()), (0, 0));
}

#[test]
fn a_ledger_that_was_read_to_its_end_is_kept_until_the_next_one_is_read() {
    let Some(broker) = rolling_broker() else { return };
    let topic = broker.topic("ended", 0);
    broker.retain(&topic, 0);
    let mut publisher = broker.publisher(&topic, 1);
    let mut source = open(&broker, &topic, Position::START, AcceptGaps::None).unwrap();
    send(&mut publisher, 0..LEDGER);
    let (times, _, at) = read(&mut *source, Position::START);
    assert_eq!((times.len() as u64, at.offset), (LEDGER, LEDGER));
    source.committed(at);
    let began = Instant::now();
    while broker.cursor(&topic, "s") < Position::at(at.file, LEDGER - 1) {
        std::thread::sleep(Duration::from_millis(20));
        assert!(began.elapsed() < PATIENCE, "the cursor does not move");
    }
    drop(source);
    send(&mut publisher, LEDGER..2 * LEDGER + 5);
    for _ in 0..5 {
        broker.trim(&topic);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(broker.ledgers(&topic)[0], at.file, "it holds the last entry that was read");
    let mut source = open(&broker, &topic, at, AcceptGaps::None).unwrap();
    let (times, gaps, at) = read(&mut *source, at);
    assert_eq!((times, gaps), ((LEDGER..2 * LEDGER + 5).collect(), vec![]));
    source.committed(at);
    // With the next one read the broker may let it go.
    trim(&broker, &topic, broker.ledgers(&topic)[0]);
}

#[test]
fn reading_begins_where_the_state_is_wherever_the_subscription_is() {
    let Some(broker) = rolling_broker() else { return };
    let topic = broker.topic("cursor", 0);
    let mut publisher = broker.publisher(&topic, 1);
    let mut source = open(&broker, &topic, Position::START, AcceptGaps::None).unwrap();
    send(&mut publisher, 0..LEDGER + 20);
    let (_, _, end) = read(&mut *source, Position::START);
    drop(source);
    broker.skip_all(&topic, "s");
    // An old subscription of that name, and a new state: what it has let go of may be gone, so it is refused.
    let error = open(&broker, &topic, Position::START, AcceptGaps::None).err().unwrap();
    assert_eq!(error.code(), RecordCode::Acknowledged, "{error}");
    let first = Position::at(broker.ledgers(&topic)[0], 0);
    let gap = Gap { from: Position::START, to: Some(first) };
    assert!(
        matches!(&error, Error::Acknowledged { upto, gap: found, .. } if **upto == end && **found == gap),
        "{error}"
    );
    let named = AcceptGaps::Named(vec![AcceptGaps::name(&topic, &gap)]);
    let mut source = open(&broker, &topic, Position::START, named).unwrap();
    let (times, gaps, at) = read(&mut *source, Position::START);
    assert_eq!((times, gaps, at), ((0..LEDGER + 20).collect(), vec![gap], end));
    // From there on the subscription's own messages come, each once.
    send(&mut publisher, LEDGER + 20..LEDGER + 40);
    let (times, _, _) = read(&mut *source, at);
    assert_eq!(times, (LEDGER + 20..LEDGER + 40).collect::<Vec<_>>());
    drop(source);
    // A state in the midst, as after a fall back to an older checkpoint.
    broker.skip_all(&topic, "s");
    let middle = Position::at(end.file, 3);
    let (times, _, _) = read(&mut *open(&broker, &topic, middle, AcceptGaps::None).unwrap(), middle);
    assert_eq!(times, (LEDGER + 3..LEDGER + 40).collect::<Vec<_>>());
    drop(publisher);

    // Nothing is there any more: a new state has nothing to wait for.
    broker.retain(&topic, 0);
    broker.skip_all(&topic, "s");
    broker.unload(&topic);
    trim(&broker, &topic, broker.client().behind(&topic, Position::START).map_or(0, |_| middle.file));
    let (times, _, at) = read(&mut *open(&broker, &topic, Position::START, AcceptGaps::All).unwrap(), Position::START);
    assert_eq!((times, at), (vec![], Position::START));
    // An old one is told that what it read last is gone, too.
    let error = open(&broker, &topic, middle, AcceptGaps::None).err().unwrap();
    assert!(matches!(&error, Error::Gap { gap, .. } if gap.from == middle && gap.to.is_none()), "{error}");
    // It goes on with what comes.
    let mut source = open(&broker, &topic, middle, AcceptGaps::All).unwrap();
    let mut publisher = broker.publisher(&topic, 1);
    send(&mut publisher, 500..503);
    let (times, gaps, _) = read(&mut *source, middle);
    assert_eq!((times, gaps.len(), gaps[0].from), (vec![500, 501, 502], 1, middle));
}

#[test]
fn messages_that_go_while_they_are_waited_for_stop_the_source() {
    let Some(broker) = rolling_broker() else { return };
    let topic = broker.topic("running", 0);
    broker.retain(&topic, 0);
    let mut publisher = broker.publisher(&topic, 1);
    let mut source = open(&broker, &topic, Position::START, AcceptGaps::None).unwrap();
    // Far more than waits in memory, while nobody takes any.
    let count = 2_010;
    for n in 0..count {
        let payload = format!("{{\"k\":\"a\",\"t\":{n},\"b\":true,\"x\":\"{}\"}}", "x".repeat(60_000)).into_bytes();
        publisher.send(0, Outgoing { key: "a".into(), payload, ..Outgoing::default() }).unwrap();
    }
    publisher.flush().unwrap();
    let ledgers = broker.ledgers(&topic);
    let last = *ledgers.last().unwrap();
    broker.skip_all(&topic, "s");
    trim(&broker, &topic, ledgers[30]);
    let (mut at, mut messages, began) = (Position::START, 0, Instant::now());
    let error = loop {
        match source.next() {
            Ok(Next::Block(block)) => {
                assert!(block.start == at || at == Position::START);
                at = block.end;
                messages += block.marks.len();
            }
            Ok(_) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => break error,
        }
        assert!(began.elapsed() < PATIENCE, "{messages} messages were read, up to {at}");
    };
    let Error::Gap { gap, .. } = &error else { panic!("{error}") };
    assert!((1..1_500).contains(&messages), "{messages}");
    assert!(gap.from == at && gap.to.is_some_and(|to| to.file <= last && to.offset == 0), "{gap} after {at}");
    assert_eq!(source.next().unwrap_err().to_string(), error.to_string(), "an error repeats");
}

#[test]
fn a_topic_that_ends_before_the_state_is_another_one() {
    let Some(broker) = broker() else { return };
    let topic = broker.topic("other", 0);
    let mut publisher = broker.publisher(&topic, 1);
    send(&mut publisher, 0..5);
    let later = Position::at(broker.ledgers(&topic)[0] + 1_000_000, 7);
    let error = open(&broker, &topic, later, AcceptGaps::All).err().unwrap();
    assert_eq!(error.code(), RecordCode::OtherTopic, "{error}");
    assert_eq!(
        broker.client().behind(&topic, later).unwrap(),
        TopicRemainder::Other(Position::at(broker.ledgers(&topic)[0], 5))
    );
}

const PROGRAM: &str = "source s { key k  time t in ms  idle never  b: bool }\nmetric m = duration_where(latest(b))\n";

/// The command at work; killed when it is dropped.
struct Server(Child, String);

impl Server {
    fn start(sandbox: &Sandbox, source: &str, more: &[&str]) -> Server {
        let mut command = sandbox.command();
        command.args(["serve", "p.tl", "--source", source, "--state", "state", "--listen", "127.0.0.1:0"]).args(more);
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
fn the_processor_stops_at_a_gap_and_shows_for_good_what_it_was_told_to_go_over() {
    let Some(broker) = rolling_broker() else { return };
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    let topic = broker.topic("refused", 0);
    let source = format!("{}/{}", broker.url, topic.rsplit('/').next().unwrap());
    let mut publisher = broker.publisher(&topic, 1);
    drop(broker.source(&topic, "timeline", Position::START));
    send(&mut publisher, 0..20);
    let once = ["serve", "p.tl", "--source", &source, "--state", "state", "--listen", "127.0.0.1:0", "--exit-at-end"];
    let ran = sandbox.run(&once);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ledger = broker.ledgers(&topic)[0];
    send(&mut publisher, 20..3 * LEDGER + 20);
    broker.retain(&topic, 0);
    broker.skip_all(&topic, "timeline");
    trim(&broker, &topic, ledger);
    let doctor = ["doctor", "--source", &source, "--state", "state"];
    let said = sandbox.run(&doctor);
    assert!(said.code == 1 && said.stdout.contains(&format!("messages from {ledger}:20 to")), "{}", said.stdout);

    let ran = sandbox.run(&once);
    let name = format!("{topic}@{ledger}:20..{}:0", broker.ledgers(&topic)[0]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    for part in ["[TL2125]", &format!("messages from {ledger}:20 to"), &format!("--accept-gap={name}")] {
        assert!(ran.stderr.contains(part), "{part} in {}", ran.stderr);
    }
    assert_eq!(sandbox.run(&[&once[..], &["--accept-gap=t@1:1..2:0"]].concat()).code, 4, "another one");
    let ran = sandbox.run(&[&once[..], &[&format!("--accept-gap={name}")]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);

    // It is known from then on, and shown.
    let server = Server::start(&sandbox, &source, &[]);
    let sql = "SELECT records, gaps FROM partitions";
    let ran = sandbox.run(&["query", sql, "--sync", "--format", "jsonl", "--server", &server.1]);
    let gap = name.split('@').nth(1).unwrap();
    assert_eq!(ran.stdout.trim(), format!("{{\"records\":{},\"gaps\":\"{gap}\"}}", 20 + 20), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("without {gap}")), "{}", ran.stderr);
    // The session was open there; whoever asks for others later gets the same answer.
    let ask = |server: &Server| {
        let sql = "SELECT session, partial, value FROM finals WHERE metric = 'm'";
        sandbox.run(&["query", sql, "--sync", "--format", "jsonl", "--server", &server.1]).stdout
    };
    let live = ask(&server);
    assert!(live.contains("\"partial\":true") && live.lines().count() == 1, "{live}");
    sandbox.file("more.tl", PROGRAM.replace("metric m", "metric n = latest(b)\nmetric m"));
    let deployed = sandbox.run(&["deploy", "more.tl", "--server", &server.1]);
    assert_eq!(deployed.code, 0, "{}", deployed.stderr);
    assert_eq!(ask(&server), live, "read again, with its gap");
    drop(server);
    let said = sandbox.run(&doctor);
    assert_eq!(said.code, 0, "{}", said.stdout);
}

#[test]
fn sessions_that_more_partitions_may_have_split_are_partial() {
    let Some(broker) = broker() else { return };
    grown(&broker, &["s"], &PROGRAM.replace("idle never", "idle never  end after 10s"));
}

#[test]
fn so_are_those_of_topics_that_share_a_key_whichever_gets_more_first() {
    let Some(broker) = broker() else { return };
    let source = |name: &str| format!("source {name} {{ key k  time t in ms  idle never  end after 10s  b: bool }}\n");
    let metric = "metric m = duration_where(latest(s.b) || latest(u.b))\n";
    grown(&broker, &["s", "u"], &format!("{}{}{metric}", source("s"), source("u")));
}

/// A topic for each source gets a third partition while sessions are open.
fn grown(broker: &Broker, sources: &[&str], program: &str) {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", program);
    let topics: Vec<String> = sources.iter().map(|_| broker.topic("grown", 2)).collect();
    let bound = sources.iter().zip(&topics);
    let bound: Vec<String> =
        bound.map(|(source, topic)| format!("{source}={}/{}", broker.url, topic.rsplit('/').next().unwrap())).collect();
    let more: Vec<&str> = bound[1..].iter().flat_map(|bound| ["--source", bound]).collect();
    let event = |publishers: &mut [TopicPublisher], partition: usize, key: &str, t: u64| {
        for publisher in publishers {
            let payload = format!("{{\"k\":\"{key}\",\"t\":{t},\"b\":true}}").into_bytes();
            publisher.send(partition, Outgoing { key: key.into(), payload, ..Outgoing::default() }).unwrap();
            publisher.flush().unwrap();
        }
    };
    let publishers = || topics.iter().map(|topic| broker.publisher(topic, 1)).collect::<Vec<_>>();
    let mut before = publishers();
    event(&mut before, 0, "open", 1_000);
    event(&mut before, 1, "over", 1_000);
    event(&mut before, 1, "next", 60_000);
    let server = Server::start(&sandbox, &bound[0], &more);
    let ask = |server: &Server, sql: &str| {
        let ran = sandbox.run(&["query", sql, "--sync", "--format", "jsonl", "--server", &server.1]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let sessions = "SELECT session, partial FROM finals ORDER BY session";
    let row = |name: &str, partial: bool| format!("{{\"session\":\"{name}\",\"partial\":{partial}}}");
    assert_eq!(ask(&server, sessions), [row("next", false), row("open", false), row("over", false)]);
    let split = "SELECT partition FROM partitions WHERE gaps LIKE '%split at %' ORDER BY partition";
    let eventually = |server: &Server, count: usize| {
        let began = Instant::now();
        while ask(server, split).len() < count {
            std::thread::sleep(Duration::from_millis(200));
            let known = ask(server, "SELECT * FROM partitions");
            assert!(began.elapsed() < PATIENCE, "the growth is not noticed: {known:?}");
        }
    };
    broker.grow(&topics[0], 3);
    if let [_, others @ ..] = &topics[..]
        && !others.is_empty()
    {
        // The others have not got more yet, and keys go elsewhere already.
        eventually(&server, 2);
        others.iter().for_each(|topic| broker.grow(topic, 3));
    }
    eventually(&server, 3);
    // The new partition's first session may be the rest of one, and a later one cannot.
    let mut after = publishers();
    event(&mut after, 2, "rest", 5_000);
    event(&mut after, 2, "whole", 90_000);
    let expected = [row("next", true), row("open", true), row("over", false), row("rest", true), row("whole", false)];
    assert_eq!(ask(&server, sessions), expected);
    // Killed and started again, it tells the same.
    std::thread::sleep(Duration::from_millis(2_500));
    drop(server);
    let server = Server::start(&sandbox, &bound[0], &more);
    assert_eq!(ask(&server, sessions), expected);
    assert_eq!(ask(&server, split).len(), 3);
}
