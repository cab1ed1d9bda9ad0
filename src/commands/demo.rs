//! `timeline demo`: everything on this machine, with nothing else installed.
//!
//! Nothing here is staged: the processor is a process of its own, `timeline serve`, killed with a signal that it cannot
//! catch and started again on its own state; and what it answers is compared with the ledger of the generator, which
//! knows the exact answer by construction.

use super::serve::on_signal;
use crate::args::Cli;
use crate::client::{ProcessorClient, WaitFor};
use crate::error::{Error, Result};
use crate::settings::SettingsFile;
use arrow::array::StringArray;
use clap::Parser;
use event_feeder::world::{self, Instant};
use event_producer::{Generator, Model, Truth, Workload};
use processor::engine::Page;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// See it work: a million events through the durable processor, killed and resumed half way, and the answers.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  timeline demo")]
pub(crate) struct Args {
    /// How many events.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(crate) events: u64,
    /// Other seeds make other sessions.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Draw with ASCII characters only.
    #[arg(long)]
    pub(crate) ascii: bool,
}

/// How long the events are streamed for, whatever their number.
const STREAMED_FOR: Duration = Duration::from_millis(3500);
/// Waits until everything written has been read.
const SYNCED: WaitFor = WaitFor { sync: true, timeout: Duration::from_secs(60) };
/// Events written at a time.
const CHUNK: usize = 10_000;

pub(super) fn run(args: &Args, _: &SettingsFile) -> Result<()> {
    let dir = std::env::temp_dir().join(format!("timeline-demo-{}", std::process::id()));
    std::fs::create_dir_all(&dir).map_err(Error::Output)?;
    let running = RunningDemo::default();
    let (interrupted, left) = (running.clone(), dir.clone());
    on_signal(move |code| {
        // Held from here on, so that no other processor starts.
        let _last = interrupted.stop();
        let _ = std::fs::remove_dir_all(&left);
        std::process::exit(code);
    })?;
    let result = show(args, &dir, &running);
    drop(running.stop());
    // What cannot be removed is in the system's folder for such things.
    let _ = std::fs::remove_dir_all(&dir);
    result
}

/// The processor that runs, which ends with the demonstration, whatever ends that.
#[derive(Clone, Default)]
struct RunningDemo(Arc<Mutex<Option<Child>>>);

impl RunningDemo {
    fn slot(&self) -> MutexGuard<'_, Option<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills it, as nothing can be kept from happening to a process.
    fn stop(&self) -> MutexGuard<'_, Option<Child>> {
        let mut slot = self.slot();
        if let Some(mut child) = slot.take() {
            // One that has ended by itself is none that runs.
            let _ = child.kill();
            let _ = child.wait();
        }
        slot
    }
}

fn show(args: &Args, dir: &Path, running: &RunningDemo) -> Result<()> {
    let models = [(Model::Video, args.events * 9 / 10), (Model::Payments, args.events / 10)];
    println!("Viewers of three CDNs and holders of cards: {} events to come. The questions:\n", args.events);
    for (model, _) in models {
        let text = model.program();
        std::fs::write(dir.join(format!("{}.tl", model.name())), text).map_err(Error::Output)?;
        // The processor looks whether its logs are there, and may be there before their first event.
        File::create(dir.join(format!("{}.ndjson", model.name()))).map_err(Error::Output)?;
        for line in text.lines().filter(|line| line.starts_with("metric") || line.starts_with("alert")) {
            println!("    {line}");
        }
    }
    let written = Arc::new(AtomicU64::new(0));
    let streams: Vec<_> =
        models.map(|(model, events)| stream(args.seed, model, events, dir, &written)).into_iter().collect();

    println!("\nStarting `timeline serve`: the durable processor, a process of its own.");
    let mut server = ServerProcess::start(dir, running)?;
    let mut next_line = args.events / 4;
    let mut killed = false;
    let begin = Instant::now();
    loop {
        let count = written.load(Ordering::Relaxed);
        if !killed && count >= args.events / 2 {
            server.show_progress(count)?;
            drop(running.stop());
            println!("    killed with SIGKILL, in the middle of its work; the events go on");
            world::sleep(Duration::from_millis(300));
            server = ServerProcess::start(dir, running)?;
            println!("    started again: {}", server.line);
            killed = true;
            next_line = args.events * 3 / 4;
        } else if count >= next_line {
            server.show_progress(count)?;
            next_line += args.events / 4;
        }
        if streams.iter().all(|stream| stream.is_finished()) {
            break;
        }
        world::sleep(Duration::from_millis(20));
    }
    let mut truths = vec![];
    for stream in streams {
        truths.push(stream.join().map_err(|_| Error::Other(anyhow::anyhow!("the generator stopped unexpectedly")))??);
    }
    let client = ProcessorClient::new(server.url.clone(), None)?;
    let wait = SYNCED;
    let worst = first_text(&client, "cirr", wait)?;
    println!(
        "    all read, {:.1} s after the start: {} events, every one counted once\n",
        begin.elapsed().as_secs_f64(),
        args.events
    );
    rebuffering(&client, &truths[0])?;
    command(
        args,
        &server,
        &["outliers", "cirr", "--top", "5", "--format", "table"],
        "the sessions that suffered most",
    )?;
    command(
        args,
        &server,
        &["outliers", "impossible_travel", "--top", "5", "--format", "table"],
        "cards used in two cities within ten minutes",
    )?;
    let caught = count_rows(&client, "impossible_travel")?;
    let planted: std::collections::BTreeSet<String> = cards(&truths[1]);
    println!(
        "    {caught} cards caught; the generator planted {}: {}\n",
        planted.len(),
        verdict(caught == planted.len())
    );
    if let Some(worst) = worst {
        command(args, &server, &["session", &worst, "--query", "cirr"], "one session's whole story")?;
    }
    println!(
        "Try next:\n    timeline produce video --events 100000 --to player.ndjson\n    \
         timeline eval -e 'duration_where(latest(playerState) == \"buffer\")' player.ndjson --show final\n    \
         timeline serve --help\n\nThe language is in docs/language.md."
    );
    Ok(())
}

/// Writes a model's events to its file, spread over the time of the demonstration.
fn stream(
    seed: u64,
    model: Model,
    events: u64,
    dir: &Path,
    written: &Arc<AtomicU64>,
) -> std::thread::JoinHandle<Result<Truth>> {
    let (path, written) = (dir.join(format!("{}.ndjson", model.name())), Arc::clone(written));
    world::spawn(move || {
        let mut workload = Workload::new(model);
        workload.seed = seed;
        workload.events = events;
        workload.sessions = (events / 50).clamp(10, 20_000) as u32;
        let mut generator = Generator::new(&workload).map_err(|error| Error::Usage(error.to_string()))?;
        generator.keep_rows();
        let mut file = File::options().append(true).open(path).map_err(Error::Output)?;
        let (begin, mut done, mut buffer) = (Instant::now(), 0u64, vec![]);
        loop {
            buffer.clear();
            let count = generator.fill(&mut buffer, CHUNK) as u64;
            if count == 0 {
                break;
            }
            file.write_all(&buffer).map_err(Error::Output)?;
            done += count;
            written.fetch_add(count, Ordering::Relaxed);
            let due = STREAMED_FOR.mul_f64(done as f64 / events as f64);
            world::sleep(due.saturating_sub(begin.elapsed()));
        }
        generator.into_truth().map_err(|_| Error::Other(anyhow::anyhow!("the generator did not come to its end")))
    })
}

/// The processor, as a process.
struct ServerProcess {
    url: String,
    line: String,
}

impl ServerProcess {
    fn start(dir: &Path, running: &RunningDemo) -> Result<Self> {
        let program = std::env::current_exe().map_err(Error::Output)?;
        let log = File::options().create(true).append(true).open(dir.join("serve.log")).map_err(Error::Output)?;
        let path = |name: &str| -> PathBuf { dir.join(name) };
        let mut slot = running.slot();
        let mut child = Command::new(program)
            .args(["serve".into(), path("video.tl"), path("payments.tl")])
            .args(["--source".to_owned(), format!("player=file:{}", path("video.ndjson").display())])
            .args(["--source".to_owned(), format!("payments=file:{}", path("payments.ndjson").display())])
            .args(["--state".into(), path("state")])
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(Error::Output)?;
        let out = child.stdout.take();
        *slot = Some(child);
        drop(slot);
        let mut line = String::new();
        if let Some(out) = out {
            BufReader::new(out).read_line(&mut line).map_err(Error::Output)?;
        }
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        match url.map(|url| url.trim_end_matches(',').to_owned()) {
            Some(url) => Ok(ServerProcess { url, line: line.trim().trim_start_matches("timeline: ").to_owned() }),
            None => {
                let said = std::fs::read_to_string(dir.join("serve.log")).unwrap_or_default();
                Err(Error::Other(anyhow::anyhow!("`timeline serve` did not start: {said}")))
            }
        }
    }

    fn show_progress(&self, written: u64) -> Result<()> {
        let status = ProcessorClient::new(self.url.clone(), None)?.status()?;
        let partitions = status["partitions"].as_array().cloned().unwrap_or_default();
        let sum = |name: &str| partitions.iter().filter_map(|p| p[name].as_u64()).sum::<u64>();
        println!(
            "    {written:>9} events written, {:>9} evaluated, {:>6} sessions alive, {} checkpoints of both logs",
            sum("events"),
            sum("live_sessions"),
            sum("epoch")
        );
        Ok(())
    }
}

/// Rebuffering and playing time of each CDN, beside what the generator knows.
fn rebuffering(client: &ProcessorClient, truth: &Truth) -> Result<()> {
    let mut sums: BTreeMap<String, [i128; 2]> = BTreeMap::new();
    for (i, metric) in ["cirr", "playing_time"].into_iter().enumerate() {
        for row in client.watch("name", metric)?.next().transpose()?.unwrap_or_default() {
            let row: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(row.get()).map_err(|error| Error::Other(error.into()))?;
            if let (Some(cdn), Some(sum)) = (row["cdn"].as_str(), row.get("sum")) {
                sums.entry(cdn.to_owned()).or_default()[i] = nanoseconds(&sum.to_string());
            }
        }
    }
    println!("Rebuffering that was the connection's fault, by CDN:\n");
    println!("    {:<6} {:>16} {:>18} {:>8}   the generator's ledger", "cdn", "rebuffering s", "playing s", "ratio");
    for (cdn, [stalled, played]) in &sums {
        let known = [truth.totals.group("cirr", cdn).sum_ns, truth.totals.group("playing_time", cdn).sum_ns];
        let ratio = *stalled as f64 / (stalled + played).max(1) as f64;
        println!(
            "    {cdn:<6} {:>16.3} {:>18.3} {ratio:>8.4}   {}",
            *stalled as f64 / 1e9,
            *played as f64 / 1e9,
            verdict(known == [*stalled, *played])
        );
    }
    println!();
    Ok(())
}

fn verdict(equal: bool) -> &'static str {
    if equal { "the same, to the nanosecond" } else { "DIFFERS" }
}

/// Decimal seconds as nanoseconds.
fn nanoseconds(text: &str) -> i128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part:0<9}");
    digits.parse().unwrap_or(i128::MIN)
}

/// The sessions of an answer.
fn sessions(client: &ProcessorClient, name: &str, top: usize, wait: WaitFor) -> Result<Vec<String>> {
    let mut names = vec![];
    for batch in client.outliers(name, Page::first(top), wait)?.batches() {
        let batch = batch?;
        if let Some(column) = batch.column_by_name("session").and_then(|c| c.as_any().downcast_ref::<StringArray>()) {
            names.extend(column.iter().flatten().map(str::to_owned));
        }
    }
    Ok(names)
}

fn first_text(client: &ProcessorClient, name: &str, wait: WaitFor) -> Result<Option<String>> {
    Ok(sessions(client, name, 1, wait)?.into_iter().next())
}

fn count_rows(client: &ProcessorClient, name: &str) -> Result<usize> {
    Ok(sessions(client, name, 1_000_000, SYNCED)?.len())
}

/// The cards that the generator had used in two cities.
fn cards(truth: &Truth) -> std::collections::BTreeSet<String> {
    let of = |row: &event_producer::truth::TrueRow| match row {
        event_producer::truth::TrueRow::Alert(alert) if alert.alert == "impossible_travel" => {
            Some(alert.session.to_string())
        }
        _ => None,
    };
    truth.rows.iter().filter_map(of).collect()
}

/// Runs a command as a user would, and shows it.
fn command(args: &Args, server: &ServerProcess, words: &[&str], what: &str) -> Result<()> {
    println!("{what}:\n\n    $ timeline {}\n", words.join(" "));
    let mut line = vec!["timeline"];
    line.extend(words);
    line.extend(["--server", &server.url]);
    if args.ascii && words[0] == "session" {
        line.push("--ascii");
    }
    let cli = Cli::try_parse_from(line).map_err(|error| Error::Usage(error.to_string()))?;
    super::run(cli)?;
    println!();
    Ok(())
}
