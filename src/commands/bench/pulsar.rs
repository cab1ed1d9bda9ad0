//! `timeline bench pulsar`: what an event from a topic costs the whole processor, beside what the client alone costs.
//!
//! Both are measured in one process and one run, on the same topic, as the CPU time of the process: a broker on the same
//! machine takes its share of the clock, but not of that.

use super::PROGRAM;
use crate::error::{Error, Result};
use event_feeder::pulsar::{Address, Client, Settings, Subscription};
use event_feeder::{AcceptGaps, Next, Position, Source};
use event_producer::produce::{Delivery, Messages, Target};
use event_producer::{Model, Workload};
use processor::engine::Engine;
use processor::input::{Input, Topics};
use processor::service::{Claims, Options, Service, writer_name};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
    sessions: u32,
}

pub(super) fn run(args: &Args) -> Result<()> {
    if cpu().is_none() {
        return Err(Error::Usage("the CPU time of a process is read from /proc, which this system has not".into()));
    }
    println!("{:<44} {:>10} {:>12} {:>12}", "", "events/s", "CPU us/event", "more than 1.");
    for (what, lines) in [("batched messages", 1), ("blocks of 100 lines", 100)] {
        let number = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let address: Address = format!("{}/bench-{number}", args.broker)
            .parse()
            .map_err(|error| Error::Usage(format!("--broker {}: {error}", args.broker)))?;
        let client = Client::new(Settings { broker: address.broker.clone(), ..Settings::default() }).map_err(topic)?;
        // Subscriptions that are there first keep what is published.
        let subscription = |name: &str| Subscription {
            topic: address.topic.clone(),
            name: name.into(),
            after: Position::START,
            queue: Subscription::QUEUE,
            accept: AcceptGaps::None,
        };
        for name in ["client", "source", "engine"] {
            drop(client.subscribe(subscription(name)).map_err(topic)?);
        }
        publish(args, &address, lines)?;
        let messages = args.events.div_ceil(lines);
        let first = measured(&format!("1. {what}: the client alone"), args.events, None, || {
            client.receive_only(subscription("client"), messages).map(drop).map_err(topic)
        })?;
        measured(&format!("2. {what}: the source"), args.events, Some(first), || {
            let mut source = client.subscribe(subscription("source")).map_err(topic)?;
            read(&mut source, args.events)
        })?;
        measured(&format!("3. {what}: the processor"), args.events, Some(first), || serve(args, &address))?;
    }
    Ok(())
}

fn topic(error: event_feeder::Error) -> Error {
    Error::Unreachable(error.to_string())
}

fn publish(args: &Args, address: &Address, lines: u64) -> Result<()> {
    let mut workload = Workload::new(Model::Video);
    (workload.events, workload.sessions) = (args.events, args.sessions);
    let messages = Messages { lines: lines as u32, batch: if lines == 1 { 100 } else { 1 }, ..Messages::default() };
    let options = event_producer::Options {
        workload,
        to: Target::Topic(address.clone()),
        delivery: Delivery { messages, ..Delivery::default() },
        truth: None,
    };
    event_producer::run(&options).map(drop).map_err(|error| Error::Unreachable(error.to_string()))
}

/// Runs something and shows what it cost; gives the CPU time of an event in microseconds.
fn measured(what: &str, events: u64, beside: Option<f64>, work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let (began, before) = (Instant::now(), cpu());
    work()?;
    let (seconds, after) = (began.elapsed().as_secs_f64(), cpu());
    let spent = after.zip(before).map_or(0.0, |(after, before)| (after - before) * 1e6 / events as f64);
    let more = beside.map(|first| format!("{:+.2}", spent - first)).unwrap_or_default();
    println!("{what:<44} {:>10.0} {spent:>12.2} {more:>12}", events as f64 / seconds);
    Ok(spent)
}

fn read(source: &mut dyn Source, events: u64) -> Result<()> {
    let mut lines = 0;
    while lines < events {
        match source.next().map_err(topic)? {
            Next::Block(block) => {
                if let event_feeder::Payload::Lines(bytes) = block.payload {
                    lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
                    source.recycle(bytes);
                }
            }
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    Ok(())
}

/// The durable processor, with its checkpoints, until it has every event.
fn serve(args: &Args, address: &Address) -> Result<()> {
    let state = std::env::temp_dir().join(format!("timeline-bench-pulsar-{}", std::process::id()));
    let result = serve_in(args, address, &state);
    // What cannot be removed is in the system's folder for such things.
    let _ = std::fs::remove_dir_all(&state);
    result
}

fn serve_in(args: &Args, address: &Address, state: &Path) -> Result<()> {
    let settings = Settings { broker: address.broker.clone(), ..Settings::default() };
    let log = Topics::new(settings, vec![address.topic.clone()], "engine".into()).map_err(topic)?;
    let options = Options {
        state: state.to_owned().into(),
        sources: vec![(None, Input::Log(Arc::new(log)))],
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        checkpoint_every: Duration::from_secs(1),
        keep: 0,
        exit_at_end: false,
        outputs: processor::outputs::Outputs::default(),
        writer: writer_name(),
        claims: Claims::All,
        membership: None,
    };
    let text = PROGRAM.replace("LATENESS", "");
    let (service, _) = Service::start(options, &[("bench.tl".into(), text)])
        .map_err(|error| Error::Other(anyhow::anyhow!("{error}")))?;
    loop {
        if let Some(ended) = service.wait(Duration::from_millis(50)) {
            ended.result.map_err(|error| Error::Other(error.into()))?;
        }
        if service.status()["partitions"][0]["records"].as_u64() >= Some(args.events) {
            break;
        }
    }
    service.stop();
    Ok(())
}

/// The CPU time of this process, all its threads, in seconds; `None` where there is no `/proc`.
fn cpu() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name, which is in parentheses and may hold anything: state, ten numbers, then user and system time.
    let times: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2).collect();
    // Linux counts in hundredths of a second for all programs, whatever its own clock does.
    Some(times.iter().filter_map(|text| text.parse::<f64>().ok()).sum::<f64>() / 100.0)
}
