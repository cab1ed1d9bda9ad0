//! Processors that share the partitions of a topic: killed, frozen and joined by others, and the totals are the ledger's.

use super::Processor;
use crate::cli::Sandbox;
use crate::pulsar::harness::{Broker, PATIENCE, broker};
use event_feeder::pulsar::{Outgoing, TopicPublisher, partition_of};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const PROGRAM: &str = "source s { key k  time t in s  end after 100000000s  b: bool }
metric m = duration_where(latest(b)) | aggregate(count, sum)";
const PARTITIONS: u32 = 8;

struct Job {
    sandbox: Sandbox,
    source: String,
    publisher: TopicPublisher,
    /// Sessions published so far; each adds seven seconds.
    sessions: i64,
}

impl Job {
    fn new(broker: &Broker, name: &str) -> Job {
        let sandbox = Sandbox::new();
        sandbox.file("p.tl", PROGRAM);
        let topic = broker.topic(name, PARTITIONS);
        let source = format!("{}/{}", broker.url, topic.strip_prefix("persistent://").unwrap());
        Job { sandbox, source, publisher: broker.publisher(&topic, 20), sessions: 0 }
    }

    fn serve(&self) -> Processor {
        Processor::start(self.sandbox.command(), &["p.tl", "--source", &self.source, "--state", "state"])
    }

    fn publish(&mut self, sessions: i64) {
        for session in self.sessions..self.sessions + sessions {
            let key = format!("k{session}");
            for (t, b) in [(0, true), (7, false)] {
                let payload = format!("{{\"k\":\"{key}\",\"t\":{},\"b\":{b}}}", session * 10 + t).into_bytes();
                let partition = partition_of(&key, PARTITIONS as usize);
                self.publisher.send(partition, Outgoing { key: key.clone(), payload, ..Outgoing::default() }).unwrap();
            }
        }
        self.publisher.flush().unwrap();
        self.sessions += sessions;
    }

    /// Holds an answer for everything to the ledger.
    #[track_caller]
    fn check(&self, processor: &Processor) {
        let rows = processor.rows(&self.sandbox, "SELECT count, sum FROM totals", &["--sync", "--timeout", "180s"]);
        assert_eq!(rows.unwrap(), [json!({"count": self.sessions, "sum": self.sessions * 7})]);
    }

    /// How many partitions each processor works on, by the process id in its name; those that nobody does under 0.
    fn shares(&self, processor: &Processor) -> BTreeMap<u32, usize> {
        let rows = processor.rows(&self.sandbox, "SELECT owner FROM partitions", &[]).unwrap_or_default();
        let mut shares = BTreeMap::new();
        for row in rows {
            let owner = row["owner"].as_str().and_then(|owner| owner.rsplit('-').nth(1)?.parse().ok());
            *shares.entry(owner.unwrap_or(0)).or_default() += 1;
        }
        shares
    }

    /// Waits until the processors have so many partitions each, and nobody else has any.
    #[track_caller]
    fn await_shares(&self, processors: &[&Processor], mut shares: Vec<usize>) -> Duration {
        let began = Instant::now();
        shares.sort_unstable();
        loop {
            let now = self.shares(processors[0]);
            let mut own: Vec<usize> =
                processors.iter().map(|one| now.get(&one.child.id()).copied().unwrap_or(0)).collect();
            own.sort_unstable();
            if own == shares {
                return began.elapsed();
            }
            assert!(began.elapsed() < PATIENCE, "{now:?}, not {shares:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn three_share_a_topic_and_follow_the_killed_and_the_frozen() {
    let Some(broker) = broker() else { return };
    let mut job = Job::new(&broker, "shared");
    let (mut first, mut second, third) = (job.serve(), job.serve(), job.serve());
    job.publish(200);
    job.await_shares(&[&first, &second, &third], vec![3, 3, 2]);
    [&first, &second, &third].iter().for_each(|one| job.check(one));

    first.signal("KILL");
    first.ends(10);
    job.publish(200);
    println!("the killed one was followed after {:?}", job.await_shares(&[&third, &second], vec![4, 4]));
    job.check(&third);

    second.signal("STOP");
    job.publish(200);
    println!("the frozen one was followed after {:?}", job.await_shares(&[&third], vec![8]));
    // Its subscriptions are gone when the broker has missed it for long enough.
    job.check(&third);
    second.signal("CONT");
    // What it still says is the ledger's, or nothing.
    let mut said = 0;
    while second.child.try_wait().unwrap().is_none() {
        if let Ok(rows) = second.rows(&job.sandbox, "SELECT count FROM totals", &[]) {
            assert_eq!(rows, [json!({"count": job.sessions})], "a stale answer");
            said += 1;
        }
    }
    let (code, why) = second.ends(60);
    assert_eq!(code, Some(5), "{why}");
    println!("the one that woke said {said} right things, and ended");

    let (fourth, fifth) = (job.serve(), job.serve());
    job.publish(100);
    println!("joiners had their share after {:?}", job.await_shares(&[&third, &fourth, &fifth], vec![3, 3, 2]));
    [&third, &fourth, &fifth].iter().for_each(|one| job.check(one));
    let positions = fourth.rows(&job.sandbox, "SELECT partition FROM partitions ORDER BY partition", &["--sync"]);
    let expected: Vec<Value> = (0..PARTITIONS).map(|partition| json!({ "partition": partition })).collect();
    assert_eq!(positions.unwrap(), expected);
}

#[test]
fn totals_are_the_ledgers_whoever_is_killed_next() {
    let Some(broker) = broker() else { return };
    let mut job = Job::new(&broker, "killed");
    let mut processors: Vec<Processor> = (0..3).map(|_| job.serve()).collect();
    for round in 0..6_usize {
        job.publish(150);
        // Before, in and after checkpoints.
        std::thread::sleep(Duration::from_millis(150 * (round as u64 % 4)));
        let victim = round % processors.len();
        processors[victim].signal("KILL");
        processors[victim].ends(10);
        processors[victim] = job.serve();
        job.publish(50);
        job.check(&processors[round % 3]);
    }
    for processor in &mut processors {
        processor.signal("TERM");
        let (code, why) = processor.ends(60);
        assert_eq!(code, Some(0), "{why}");
    }
    // One alone has it all, at once: they gave it up.
    let last = job.serve();
    job.check(&last);
    assert_eq!(job.shares(&last).get(&last.child.id()), Some(&8));
}
