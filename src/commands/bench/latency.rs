//! How long it takes from the publication of an event to an answer that counts it, under load.

use super::process::cpu;
use super::pulsar::{Args, Load, serving, topic};
use crate::error::{Error, Result};
use event_feeder::pulsar::{Address, Outgoing, PublishOptions, TopicPublisher};
use event_feeder::world::{self, Instant};
use event_producer::produce::{Delivery, LogTarget};
use event_producer::{Model, Workload};
use processor::engine::Engine;
use std::time::Duration;

/// Time between two questions.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the first events may take; they are not measured.
const WARM: Duration = Duration::from_secs(3);
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Publishes at a rate for a while, and asks for totals meanwhile, each time for all that has been published.
pub(super) fn measure(args: &Args, address: &Address, load: Load, rate: u64) -> Result<()> {
    let client = super::pulsar::client(address)?;
    let mut probe =
        TopicPublisher::open(&client, &address.topic, &PublishOptions { batch: 1, ..PublishOptions::default() })
            .map_err(topic)?;
    let mut workload = Workload::new(Model::Video);
    (workload.events, workload.sessions) = (rate * args.seconds, args.sessions);
    let options = event_producer::Options {
        workload,
        to: LogTarget::Topic(address.clone()),
        delivery: Delivery { messages: load.messages(), rate, ..Delivery::default() },
        truth: None,
    };
    serving(address, |service| {
        let before = cpu(None);
        let began = Instant::now();
        let producer = world::spawn(move || {
            let began = Instant::now();
            event_producer::run(&options).map(|summary| (summary.lines, began.elapsed()))
        });
        let mut took: Vec<Duration> = vec![];
        let mut number = 0u64;
        while !producer.is_finished() {
            world::sleep(PAUSE);
            number += 1;
            let asked = Instant::now();
            // Its time is long before the workload's, so the watermark stays where it is: it is counted as late.
            let payload =
                format!("{{\"sessionId\":\"probe-{number}\",\"ts\":0,\"playerState\":\"play\"}}").into_bytes();
            probe.send(0, Outgoing { key: "probe".into(), payload, ..Outgoing::default() }).map_err(topic)?;
            probe.flush().map_err(topic)?;
            let tables = ["totals".to_owned()];
            service.snapshot(&tables, Some(PATIENCE)).map_err(|error| Error::Other(anyhow::anyhow!("{error}")))?;
            if began.elapsed() > WARM {
                took.push(asked.elapsed());
            }
        }
        let published = producer.join().map_err(|_| Error::Other(anyhow::anyhow!("the producer panicked")))?;
        let (lines, time) = published.map_err(|error| Error::Unreachable(error.to_string()))?;
        took.sort_unstable();
        let at =
            |share: f64| took.get(((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1))).copied();
        let text = |at: Option<Duration>| at.map_or("-".into(), |at| format!("{:.0} ms", at.as_secs_f64() * 1e3));
        let spent = cpu(None).zip(before).map_or(0.0, |(after, before)| after - before);
        println!(
            "   publication to answer at {:.0} events/s: median {}, 99 of 100 {}, of {} ({:.0} % of a core, its producer's share included)",
            lines as f64 / time.as_secs_f64(),
            text(at(0.5)),
            text(at(0.99)),
            took.len(),
            100.0 * spent / began.elapsed().as_secs_f64(),
        );
        Ok(())
    })
}
