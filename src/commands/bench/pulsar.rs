//! `timeline bench pulsar`: what an event from a topic costs the whole processor, beside what the client alone costs, what it
//! costs the broker, and how old answers are.
//!
//! All of it is measured in one process and one run, on the same topic, as the CPU time of the process: a broker on the same
//! machine takes its share of the clock, but not of that. Every step does what the one before it does and one thing more, so
//! what a thing costs is a difference.

use super::process::{cpu, listening};
use super::{PROGRAM, compile, latency};
use crate::error::{Error, Result};
use event_feeder::pulsar::{Address, BrokerSettings, Client, Subscription};
use event_feeder::world::{self, Instant};
use event_feeder::{AcceptGaps, Decoder, Next, Payload, Position, Source};
use event_producer::produce::{Delivery, LogTarget, MessageOptions};
use event_producer::{Model, Workload};
use processor::engine::Engine;
use processor::input::{SourceBinding, Topics};
use processor::service::{Claims, Options, Service, writer_name};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use timeline_core::plan::Plan;

/// Measure what events from a topic cost, against a broker.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  timeline bench pulsar --broker pulsar://localhost:6650 --events 2000000")]
pub(crate) struct Args {
    /// The broker; topics of their own are made on it, and stay.
    #[arg(long, value_name = "URL", default_value = "pulsar://127.0.0.1:6650")]
    broker: String,
    /// How many events.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    events: u64,
    /// How many sessions at a time.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub(super) sessions: u32,
    /// For how long answers are asked for while events are published, at half of the rate that the processor reached.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) seconds: u64,
}

/// How events are made messages.
#[derive(Clone, Copy, Debug)]
pub(super) enum Load {
    /// One a message, a hundred messages a batch.
    Batches,
    /// Blocks of a hundred lines.
    Blocks,
}

impl Load {
    fn name(self) -> &'static str {
        match self {
            Load::Batches => "batched messages",
            Load::Blocks => "blocks of 100 lines",
        }
    }

    fn lines(self) -> u32 {
        match self {
            Load::Batches => 1,
            Load::Blocks => 100,
        }
    }

    pub(super) fn messages(self) -> MessageOptions {
        let batch = 100 / self.lines();
        MessageOptions { lines: self.lines(), batch, ..MessageOptions::default() }
    }
}

/// What a step took.
#[derive(Clone, Copy, Debug)]
struct Took {
    /// Events a second.
    rate: f64,
    /// CPU time of an event, in microseconds.
    spent: f64,
}

pub(super) fn run(args: &Args) -> Result<()> {
    if cpu(None).is_none() {
        return Err(Error::Usage("the CPU time of a process is read from /proc, which this system has not".into()));
    }
    let plan = compile(&PROGRAM.replace("LATENESS", ""))?;
    println!("{:<40} {:>10} {:>13} {:>11} {:>15}", "", "events/s", "CPU us/event", "and more", "broker us/event");
    for load in [Load::Batches, Load::Blocks] {
        let address = new_topic(args)?;
        let client = client(&address)?;
        // Subscriptions that are there first keep what is published.
        let subscription = |name: &str| Subscription {
            topic: address.topic.clone(),
            name: name.into(),
            after: Position::START,
            queue: Subscription::QUEUE,
            accept: AcceptGaps::None,
        };
        for name in ["client", "source", "decoder", "engine"] {
            drop(client.subscribe(subscription(name)).map_err(topic)?);
        }
        publish(args, &address, load)?;
        let broker = listening(port(&address.broker));
        let messages = args.events.div_ceil(u64::from(load.lines()));
        let name = load.name();
        let show = |what: &str, before: Option<Took>, work: &mut dyn FnMut() -> Result<()>| {
            measured(&format!("{name}: {what}"), args.events, before, broker, work)
        };
        let first = show("the client alone", None, &mut || {
            client.receive_only(subscription("client"), messages).map(drop).map_err(topic)
        })?;
        let second = show("and the source", Some(first), &mut || {
            read(&mut client.subscribe(subscription("source")).map_err(topic)?, args.events, None)
        })?;
        let third = show("and decoding", Some(second), &mut || {
            read(&mut client.subscribe(subscription("decoder")).map_err(topic)?, args.events, Some(&plan))
        })?;
        let whole = show("and evaluation: the processor", Some(third), &mut || serve(args, &address))?;
        // A topic without anything that is still to be read.
        if args.seconds > 0 {
            latency::measure(args, &new_topic(args)?, load, (whole.rate / 2.0) as u64)?;
        }
    }
    Ok(())
}

pub(super) fn topic(error: event_feeder::Error) -> Error {
    Error::Unreachable(error.to_string())
}

fn new_topic(args: &Args) -> Result<Address> {
    let number = world::wall_clock().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let address = format!("{}/bench-{number}", args.broker).parse();
    address.map_err(|error| Error::Usage(format!("--broker {}: {error}", args.broker)))
}

pub(super) fn client(address: &Address) -> Result<Client> {
    Client::new(BrokerSettings { broker: address.broker.clone(), ..BrokerSettings::default() }).map_err(topic)
}

fn port(broker: &str) -> u16 {
    broker.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(6650)
}

fn publish(args: &Args, address: &Address, load: Load) -> Result<()> {
    let mut workload = Workload::new(Model::Video);
    (workload.events, workload.sessions) = (args.events, args.sessions);
    let options = event_producer::Options {
        workload,
        to: LogTarget::Topic(address.clone()),
        delivery: Delivery { messages: load.messages(), ..Delivery::default() },
        truth: None,
    };
    event_producer::run(&options).map(drop).map_err(|error| Error::Unreachable(error.to_string()))
}

/// Runs something and shows what it cost, here and the broker.
fn measured(
    what: &str,
    events: u64,
    before: Option<Took>,
    broker: Option<u32>,
    work: &mut dyn FnMut() -> Result<()>,
) -> Result<Took> {
    let of_broker = || broker.and_then(|id| cpu(Some(id)));
    let (began, own, theirs) = (Instant::now(), cpu(None), of_broker());
    work()?;
    let (seconds, own_after, theirs_after) = (began.elapsed().as_secs_f64(), cpu(None), of_broker());
    let each = |after: Option<f64>, before: Option<f64>| Some((after? - before?) * 1e6 / events as f64);
    let spent = each(own_after, own).unwrap_or(0.0);
    let more = before.map(|before| format!("{:+.2}", spent - before.spent)).unwrap_or_default();
    let broker = each(theirs_after, theirs).map_or_else(|| "-".into(), |spent| format!("{spent:.2}"));
    let rate = events as f64 / seconds;
    println!("{what:<50} {rate:>10.0} {spent:>13.2} {more:>11} {broker:>15}");
    Ok(Took { rate, spent })
}

/// Reads a topic, and decodes what a plan reads.
fn read(source: &mut dyn Source, events: u64, plan: Option<&Plan>) -> Result<()> {
    let mut decoder = plan.map(|plan| Decoder::of(plan, 0));
    let mut lines = 0;
    while lines < events {
        match (source.next().map_err(topic)?, &mut decoder) {
            (Next::Block(block), Some(decoder)) => {
                let batch = decoder.decode(block);
                lines += batch.events.len() as u64;
                source.recycle(batch.bytes);
            }
            (Next::Block(block), None) => {
                if let Payload::Lines(bytes) = block.payload {
                    lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
                    source.recycle(bytes);
                }
            }
            _ => world::sleep(Duration::from_millis(5)),
        }
    }
    Ok(())
}

/// The durable processor, with its checkpoints, until it has every event.
fn serve(args: &Args, address: &Address) -> Result<()> {
    serving(address, |service| {
        loop {
            if let Some(ended) = service.wait(Duration::from_millis(50)) {
                ended.result.map_err(|error| Error::Other(error.into()))?;
            }
            if service.status()["partitions"][0]["records"].as_u64() >= Some(args.events) {
                return Ok(());
            }
        }
    })
}

/// A durable processor on a topic, for as long as something takes.
pub(super) fn serving(address: &Address, work: impl FnOnce(&Service) -> Result<()>) -> Result<()> {
    let state = std::env::temp_dir().join(format!("timeline-bench-pulsar-{}", std::process::id()));
    let result = serving_in(address, &state, work);
    // What cannot be removed is in the system's folder for such things.
    let _ = std::fs::remove_dir_all(&state);
    result
}

fn serving_in(address: &Address, state: &Path, work: impl FnOnce(&Service) -> Result<()>) -> Result<()> {
    let settings = BrokerSettings { broker: address.broker.clone(), ..BrokerSettings::default() };
    let log = Topics::new(settings, vec![address.topic.clone()], "engine".into()).map_err(topic)?;
    let options = Options {
        state: state.to_owned().into(),
        sources: vec![(None, SourceBinding::Log(Arc::new(log)))],
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        checkpoint_every: Duration::from_secs(1),
        keep: 0,
        keep_results: None,
        history: None,
        exit_at_end: false,
        outputs: processor::outputs::Outputs::default(),
        accept_damage: vec![],
        remake: vec![],
        writer: writer_name(),
        claims: Claims::All,
        membership: None,
    };
    let text = PROGRAM.replace("LATENESS", "");
    let (service, _) = Service::start(options, &[("bench.tl".into(), text)])
        .map_err(|error| Error::Other(anyhow::anyhow!("{error}")))?;
    let result = work(&service);
    service.stop();
    result
}
