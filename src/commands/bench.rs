//! `timeline bench`: how fast this machine runs the product.
//!
//! Everything is measured in one run on one file, so that the ratios mean something on a machine that is not quiet.

mod decoded;
#[cfg(feature = "pulsar")]
mod latency;
mod plain;
#[cfg(feature = "pulsar")]
mod process;
#[cfg(feature = "pulsar")]
mod pulsar;

use super::serve::on_signal;
use crate::error::{Error, Result};
use crate::settings::SettingsFile;
use event_feeder::world::Instant;
use event_feeder::{Decoder, FileSource, Next, Source};
use event_producer::{Generator, Model, Workload};
use processor::engine::{Engine, TableScan};
use processor::input::SourceBinding;
use processor::service::{Claims, Options, Service, writer_name};
use processor::totals::Amount;
use processor::{batch, measured, memory};
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use timeline_core::Value;
use timeline_core::plan::Plan;

/// Measure the durable processor on the video workload.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  timeline bench --events 5000000 --sessions 100000")]
pub(crate) struct Args {
    /// Something else than files.
    #[cfg(feature = "pulsar")]
    #[command(subcommand)]
    what: Option<BenchPart>,
    /// How many events.
    #[arg(long, value_name = "N", default_value_t = 5_000_000)]
    pub(crate) events: u64,
    /// How many sessions at a time.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) sessions: u32,
    /// Out-of-order by up to this, as the program's lateness allows; in order otherwise.
    #[arg(long)]
    pub(crate) jitter: bool,
}

/// What is measured beside files.
#[cfg(feature = "pulsar")]
#[derive(Debug, clap::Subcommand)]
enum BenchPart {
    Pulsar(pulsar::Args),
}

/// The CIRR query of the video workload on input that is in order, and its totals per CDN.
const PROGRAM: &str = r#"
source player {
  key  sessionId
  time ts in ms
  LATENESS
  end  when playerState == "stop" or after 30m
  playerState: string, userAction: string, cdn: string
}
let buffering = latest(playerState) == "buffer"
metric cirr = duration_where(has_existed(playerState == "play") && !has_existed_within(userAction == "seek", 5s) && buffering)
              split by latest(cdn) | aggregate(group_by(cdn), count, sum)
metric playing_time = duration_where(latest(playerState) == "play") split by latest(cdn) | aggregate(group_by(cdn), sum)
"#;

pub(super) fn run(args: &Args, _: &SettingsFile) -> Result<()> {
    #[cfg(feature = "pulsar")]
    if let Some(BenchPart::Pulsar(args)) = &args.what {
        return pulsar::run(args);
    }
    let dir = std::env::temp_dir().join(format!("timeline-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir).map_err(Error::Output)?;
    let left = dir.clone();
    on_signal(move |code| {
        let _ = std::fs::remove_dir_all(&left);
        std::process::exit(code);
    })?;
    let result = measure(args, &dir);
    // What cannot be removed is in the system's folder for such things.
    let _ = std::fs::remove_dir_all(&dir);
    result
}

fn measure(args: &Args, dir: &Path) -> Result<()> {
    let file = dir.join("player.ndjson");
    let bytes = generate(args, &file)?;
    let text = PROGRAM.replace("LATENESS", if args.jitter { "lateness 2s" } else { "" });
    let plan = compile(&text)?;
    let layout = timeline_core::incremental::RowLayout::new(&plan);
    println!(
        "{} events, {} sessions at a time, {:.0} bytes an event; {} bytes of state a session",
        args.events,
        args.sessions,
        bytes as f64 / args.events as f64,
        layout.session_bytes()
    );
    println!("{:<44} {:>12} {:>12} {:>10} {:>8}", "", "events/s", "ns/event", "seconds", "ratio");
    let yardstick = Cell::new(None);
    let show = |what: &str, took: Duration| {
        let seconds = took.as_secs_f64();
        let rate = args.events as f64 / seconds;
        let ratio = yardstick.get().map_or(String::new(), |yardstick: f64| format!("{:.1}", rate / yardstick));
        println!("{what:<44} {rate:>12.0} {:>12.1} {seconds:>10.2} {ratio:>8}", 1e9 / rate);
    };
    let mut expected = None;
    if !args.jitter {
        let (sums, took) = timed(|| plain::run(&file))?;
        expected = Some(sums);
        yardstick.set(Some(args.events as f64 / took.as_secs_f64()));
        show("by hand: serde_json, HashMap", took);
    }
    if let Some(expected) = &expected {
        let (sums, took) = timed(|| decoded::run(&mut open(&file)?, &plan, 2))?;
        show("by hand: our decoder, 64-bit keys, 2 threads", took);
        same(expected, &sums)?;
    }
    show("read the file", timed(|| read(&file))?.1);
    show("read and decode, 1 thread", timed(|| decode(&file, &plan))?.1);
    for threads in [1, 2] {
        let (sums, took) = timed(|| evaluate(&file, &plan, threads))?;
        show(&format!("evaluate, {threads} thread(s)"), took);
        expected.as_ref().map_or(Ok(()), |expected| same(expected, &sums))?;
    }
    for threads in [1, 2] {
        let state = dir.join(format!("state-{threads}"));
        let (took, facts) = durable(&file, &text, &state, threads)?;
        show(&format!("durable, {threads} thread(s)"), took);
        facts.iter().for_each(|fact| println!("  {fact}"));
    }
    if expected.is_some() {
        println!("evaluated and by hand: the same answer, to the nanosecond");
    }
    Ok(())
}

fn same(expected: &plain::Sums, sums: &plain::Sums) -> Result<()> {
    if expected != sums {
        return Err(Error::Other(anyhow::anyhow!("the answers differ: by hand {expected:?}, here {sums:?}")));
    }
    Ok(())
}

fn timed<T>(f: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let start = Instant::now();
    let done = f()?;
    Ok((done, start.elapsed()))
}

fn generate(args: &Args, file: &Path) -> Result<u64> {
    let mut workload = Workload::new(Model::Video);
    workload.events = args.events;
    workload.sessions = args.sessions;
    if args.jitter {
        workload.jitter = Duration::from_secs(2);
    }
    let mut generator = Generator::new(&workload).map_err(|error| Error::Usage(error.to_string()))?;
    let mut out = std::io::BufWriter::new(std::fs::File::create(file).map_err(Error::Output)?);
    let (mut buffer, mut bytes) = (vec![], 0);
    loop {
        buffer.clear();
        if generator.fill(&mut buffer, 10_000) == 0 {
            break;
        }
        std::io::Write::write_all(&mut out, &buffer).map_err(Error::Output)?;
        bytes += buffer.len() as u64;
    }
    std::io::Write::flush(&mut out).map_err(Error::Output)?;
    Ok(bytes)
}

fn compile(text: &str) -> Result<Arc<Plan>> {
    let program = timeline_dsl::ProgramText {
        name: "bench.tl".into(),
        text: text.into(),
        ..timeline_dsl::ProgramText::default()
    };
    let programs = [program];
    let mut compilation = timeline_dsl::compile(&programs);
    if !compilation.is_ok() {
        return Err(Error::Program(timeline_dsl::render(&compilation.diagnostics, &programs, false)));
    }
    Ok(Arc::new(compilation.plans.remove(0)))
}

fn open(file: &Path) -> Result<FileSource> {
    let patterns = [file.display().to_string()];
    FileSource::open(&patterns, event_feeder::file::Options::default()).map_err(|e| Error::Unreadable(e.to_string()))
}

fn blocks(file: &Path, mut each: impl FnMut(event_feeder::Block, &mut FileSource)) -> Result<()> {
    let mut source = open(file)?;
    while let Next::Block(block) = source.next().map_err(|e| Error::Unreadable(e.to_string()))? {
        each(block, &mut source);
    }
    Ok(())
}

fn read(file: &Path) -> Result<()> {
    blocks(file, |block, source| {
        if let event_feeder::Payload::Lines(bytes) = block.payload {
            source.recycle(bytes);
        }
    })
}

fn decode(file: &Path, plan: &Arc<Plan>) -> Result<()> {
    let mut decoder = Decoder::new(&plan.source, &plan.columns);
    blocks(file, |block, source| {
        let batch = decoder.decode(block);
        source.recycle(batch.bytes);
    })
}

/// Evaluates the file; the sums of both metrics by CDN.
fn evaluate(file: &Path, plan: &Arc<Plan>, threads: usize) -> Result<plain::Sums> {
    let options = batch::Options { threads, totals_only: true, ..batch::Options::default() };
    let evaluation = batch::evaluate(plan, vec![Box::new(open(file)?)], &options);
    let evaluation = evaluation.map_err(|error| Error::Unreadable(error.to_string()))?;
    let mut sums = plain::Sums::new();
    for row in evaluation.totals.rows(plan) {
        let cdn = match row.group.first() {
            Some(Some(Value::Str(cdn))) => Some(cdn.to_string()),
            _ => None,
        };
        if let Some(Amount::Duration(sum)) = row.values.last() {
            sums.entry(cdn).or_default()[row.metric] = *sum;
        }
    }
    sums.retain(|_, sum| *sum != [0; 2]);
    Ok(sums)
}

/// Runs the service over the file, with a checkpoint a second; and then again, to be asked. What there is to say of both.
fn durable(file: &Path, text: &str, state: &Path, threads: usize) -> Result<(Duration, Vec<String>)> {
    measured::longest_pause();
    let start = Instant::now();
    let service = serve(file, text, state, threads, true)?;
    // Bytes of state as the log passes: flat where sessions end as they begin.
    let (mut bytes, mut resident) = (vec![], 0);
    let mut last = serde_json::Value::Null;
    loop {
        match service.wait(Duration::from_millis(20)) {
            Some(ended) => {
                ended.result.map_err(|error| Error::Other(error.into()))?;
                break;
            }
            None => {
                resident = resident.max(memory::resident().unwrap_or(0));
                let status = service.status();
                if let Some(now) = status["partitions"][0]["state_bytes"].as_u64() {
                    bytes.push(now >> 20);
                    last = status;
                }
            }
        }
    }
    let took = start.elapsed();
    let pause = measured::longest_pause();
    drop(service);
    let at = |part: usize| bytes.get((bytes.len() * part / 4).min(bytes.len().saturating_sub(1))).copied().unwrap_or(0);
    let partition = &last["partitions"][0];
    let mut lines = vec![format!(
        "about {} checkpoints, lanes stood still for {:.1} ms at the most; {} sessions alive near the end; state {}, {}, {}, {} MB \
         after each quarter, {} MB resident at the most",
        partition["epoch"].as_u64().unwrap_or(0) + 1,
        pause.as_secs_f64() * 1e3,
        partition["live_sessions"],
        at(1),
        at(2),
        at(3),
        at(4),
        resident >> 20
    )];
    lines.push(asked(file, text, state, threads)?);
    Ok((took, lines))
}

/// Starts again from the state, and asks.
fn asked(file: &Path, text: &str, state: &Path, threads: usize) -> Result<String> {
    let start = Instant::now();
    let service = serve(file, text, state, threads, false)?;
    let live = service.status()["partitions"][0]["live_sessions"].as_u64().unwrap_or(0);
    let back = start.elapsed();
    let key = last_key(file)?;
    let failed = |error: processor::engine::EngineError| Error::Other(anyhow::anyhow!("{error}"));
    let (mut of_session, mut of_groups) = (vec![], vec![]);
    for _ in 0..ASKED {
        let sessions = Some([key.clone()].into());
        let one = TableScan { sessions, ..TableScan::whole("sessions") };
        let start = Instant::now();
        service.read(&[one], None, &|| true).map_err(failed)?;
        of_session.push(start.elapsed());
        let start = Instant::now();
        service.read(&[TableScan::whole("totals")], None, &|| true).map_err(failed)?;
        of_groups.push(start.elapsed());
    }
    service.stop();
    let median = |took: &mut Vec<Duration>| {
        took.sort_unstable();
        took[took.len() / 2].as_secs_f64() * 1e3
    };
    Ok(format!(
        "started again from that state in {:.2} s; then rows of one session in {:.2} ms, totals over {live} live sessions in {:.0} ms \
         (medians of {ASKED})",
        back.as_secs_f64(),
        median(&mut of_session),
        median(&mut of_groups)
    ))
}

/// How often each question is asked.
const ASKED: usize = 11;

/// The key of the file's last record.
fn last_key(file: &Path) -> Result<String> {
    let mut tail = std::fs::File::open(file).map_err(Error::Output)?;
    let length = tail.metadata().map_err(Error::Output)?.len();
    std::io::Seek::seek(&mut tail, std::io::SeekFrom::Start(length.saturating_sub(4096))).map_err(Error::Output)?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut tail, &mut text).map_err(Error::Output)?;
    let line = text.lines().next_back().unwrap_or_default();
    let record: serde_json::Value = serde_json::from_str(line).map_err(|e| Error::Unreadable(e.to_string()))?;
    Ok(record["sessionId"].as_str().unwrap_or_default().to_owned())
}

fn serve(file: &Path, text: &str, state: &Path, threads: usize, exit_at_end: bool) -> Result<Arc<Service>> {
    let options = Options {
        state: state.to_owned().into(),
        sources: vec![(None, SourceBinding::Files(file.display().to_string()))],
        threads,
        checkpoint_every: Duration::from_secs(1),
        keep: 0,
        keep_results: None,
        history: None,
        exit_at_end,
        outputs: processor::outputs::Outputs::default(),
        accept_damage: vec![],
        remake: vec![],
        writer: writer_name(),
        claims: Claims::All,
        membership: None,
    };
    let (service, _) = Service::start(options, &[("bench.tl".into(), text.into())])
        .map_err(|error| Error::Other(anyhow::anyhow!("{error}")))?;
    Ok(service)
}
