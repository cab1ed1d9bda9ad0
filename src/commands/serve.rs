//! `timeline serve`: the processor.

mod catching_up;
mod history;
mod outputs;
mod start;
#[cfg(feature = "postgres")]
mod tools;
#[cfg(not(feature = "postgres"))]
#[path = "serve/tools_lean.rs"]
mod tools;

#[cfg(feature = "pulsar")]
pub(crate) use outputs::Flags as Outputs;

use super::program;
use crate::args::{duration, some_duration, some_questions, some_threads, tokens};
use crate::error::{Error, Result};
use crate::log;
use crate::otlp::{Collector, FOLLOWS};
use crate::settings::Settings;
use event_feeder::world;
use processor::checkpoint::{self, ProgramStore, StateLocation};
use processor::code::Code;
use processor::damage::help;
use processor::engine::EngineError;
use processor::input::Input;
use processor::partition;
use processor::programs::Programs;
use processor::questions::Turns;
use processor::service::{Claims, Ended, Membership, Options, StartError, writer_name};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Consume sources, keep every session's timelines durably, and answer queries.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline serve video.tl --source 'file:logs/*.ndjson' --state state
  timeline serve video.tl --source player=file:player.ndjson --listen 127.0.0.1:0 --exit-at-end
  timeline serve video.tl --source pulsar://127.0.0.1:6650/player
  timeline serve video.tl --source pulsar://127.0.0.1:6650/player --alerts-to pulsar://127.0.0.1:6650/alerts
  timeline serve video.tl --source 'file:logs/*.ndjson' --listen-pg 5432

Prints one line when it is ready: `timeline: serving http://ADDR, state DIR, epoch N`.")]
pub(crate) struct Args {
    /// Programs to deploy at the start, if they are not yet.
    #[arg(value_name = "P.tl")]
    pub(crate) programs: Vec<PathBuf>,
    /// An input, `file:GLOB` or `pulsar://HOST:PORT/TOPIC[,TOPIC]...`; NAME= binds it to one of several sources of the programs.
    #[arg(long = "source", value_name = "[NAME=]PLACE")]
    pub(crate) sources: Vec<String>,
    /// Start although a file or a topic of a source is not there yet; it is waited for, and a topic is made by the broker if
    /// it may.
    #[arg(long, env = "TIMELINE_WAIT_FOR_SOURCES")]
    pub(crate) wait_for_sources: bool,
    /// The subscription under which topics are read; a job's own, and the same for all processors of it [default: timeline].
    #[arg(long, value_name = "NAME", env = "TIMELINE_SUBSCRIPTION")]
    pub(crate) subscription: Option<String>,
    /// A file with the token that brokers ask for; TIMELINE_PULSAR_TOKEN may hold the token itself.
    #[arg(long, value_name = "FILE", env = "TIMELINE_PULSAR_TOKEN_FILE")]
    pub(crate) pulsar_token_file: Option<PathBuf>,
    /// A file of certificates (PEM) to trust brokers by, beside the usual ones.
    #[arg(long, value_name = "FILE", env = "TIMELINE_PULSAR_CA")]
    pub(crate) pulsar_ca: Option<PathBuf>,
    /// Go on where a topic has lost messages that come next, and say so for good: whatever is lost, or the one gap that is
    /// named as the refusal to go on names it.
    #[arg(long, value_name = "GAP", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) accept_gap: Vec<String>,
    /// Go on without a file beside the state that is missing or broken, named as the line that says so names it; what it
    /// held is missing from answers from then on, and each says so.
    #[arg(long, value_name = "NAME")]
    pub(crate) accept_damage: Vec<String>,
    /// Make a file of history anew that is missing, broken or was given up: the log is read again from its start.
    #[arg(long, value_name = "NAME")]
    pub(crate) remake: Vec<String>,
    /// Where the state is kept: a folder, or a prefix of a bucket [default: .timeline]. Several processors may share it.
    #[arg(long, value_name = "DIR|s3://BUCKET/PREFIX", env = "TIMELINE_STATE")]
    pub(crate) state: Option<String>,
    /// Where to listen; port 0 takes any free one [default: 127.0.0.1:7171].
    #[arg(long, value_name = "ADDR", env = "TIMELINE_LISTEN")]
    pub(crate) listen: Option<String>,
    #[command(flatten)]
    pub(crate) tools: tools::Wires,
    /// Where processors that share the state can ask this one [default: where it listens].
    #[arg(long, value_name = "ADDR", env = "TIMELINE_ADVERTISE")]
    pub(crate) advertise: Option<String>,
    /// A file with the tokens that requests must show one of, a line each (`reader NAME TOKEN`, `deployer NAME TOKEN`), or one
    /// alone; it is read again when it changes. Needed where others than this machine can ask.
    #[arg(long, value_name = "FILE", env = "TIMELINE_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// How long events of a topic are kept beside its state, for `session` and for queries that are deployed later; 0 is none
    /// [default: 24h].
    #[arg(long, value_name = "DURATION", env = "TIMELINE_KEEP", value_parser = duration)]
    pub(crate) keep: Option<Duration>,
    /// How long rows of results are kept, by the time of events: of sessions, alerts and windows that are over, late events
    /// and dead letters [default: for ever].
    #[arg(long, value_name = "DURATION", env = "TIMELINE_KEEP_RESULTS", value_parser = some_duration)]
    pub(crate) keep_results: Option<Duration>,
    #[command(flatten)]
    pub(crate) history: history::HistoryFlags,
    /// How long a start goes on trying while the bucket gives no clear answers.
    #[arg(long, value_name = "DURATION", default_value = "60s", env = "TIMELINE_START_TIMEOUT", value_parser = duration)]
    pub(crate) start_timeout: Duration,
    /// End with a last checkpoint once every file has been read to its end.
    #[arg(long)]
    pub(crate) exit_at_end: bool,
    /// How many threads evaluate [default: one for each processor of the machine].
    #[arg(long, value_name = "N", env = "TIMELINE_THREADS", value_parser = some_threads)]
    pub(crate) threads: Option<usize>,
    /// How many questions in SQL are worked at at a time, each in a process of its own; others wait for their turn.
    #[arg(long, value_name = "N", default_value = "8", env = "TIMELINE_QUESTIONS", value_parser = some_questions)]
    pub(crate) questions: usize,
    #[command(flatten)]
    pub(crate) outputs: outputs::Flags,
    /// The least time between two messages of a row of totals.
    #[arg(long, value_name = "DURATION", default_value = "1s", env = "TIMELINE_TOTALS_EVERY", value_parser = some_duration)]
    #[arg(help_heading = "Outputs")]
    pub(crate) totals_every: Duration,
    /// A collector of OpenTelemetry that traces and logs are sent to: http://HOST:4318, or https:// where it is behind TLS.
    #[arg(long, value_name = "URL", env = "TIMELINE_OTLP", help_heading = "Monitoring")]
    #[arg(hide = cfg!(not(feature = "otlp")))]
    pub(crate) otlp: Option<String>,
}

/// Time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

impl Args {
    /// The collector that is told of what goes on, where one is named.
    ///
    /// # Errors
    /// [`Error::Usage`] for what is no collector, and in a build that can tell none.
    pub(crate) fn collector(&self, settings: &Settings) -> Result<Option<Collector>> {
        let url = self.otlp.as_ref().or(settings.otlp.as_ref()).filter(|url| !url.is_empty());
        let ca = std::env::var_os("TIMELINE_CA").map(PathBuf::from).or_else(|| settings.ca.clone());
        url.map(|url| Collector::new(url, ca.as_deref())).transpose()
    }

    /// The flags, and the settings where there is no flag.
    fn or(&self, settings: &Settings) -> Result<Args> {
        let mut args = self.clone();
        args.advertise = args.advertise.or_else(|| settings.advertise.clone());
        args.subscription = args.subscription.or_else(|| settings.subscription.clone());
        args.pulsar_token_file = args.pulsar_token_file.or_else(|| settings.pulsar_token_file());
        args.pulsar_ca = args.pulsar_ca.or_else(|| settings.pulsar_ca.clone());
        if let (None, Some(keep)) = (args.keep, &settings.keep) {
            let keep = duration(keep).map_err(|error| Error::Usage(format!("timeline.toml: keep: {error}")))?;
            args.keep = Some(keep);
        }
        if let (None, Some(keep)) = (args.keep_results, &settings.keep_results) {
            let keep = some_duration(keep);
            args.keep_results =
                Some(keep.map_err(|error| Error::Usage(format!("timeline.toml: keep_results: {error}")))?);
        }
        Ok(args)
    }
}

/// How long events of a topic are kept where nothing else is said.
const KEEP: Duration = Duration::from_secs(24 * 3600);

pub(super) fn run(args: &Args, settings: &Settings) -> Result<()> {
    let args = &args.or(settings)?;
    let programs = args.programs.iter().map(|path| program::read_whole(path)).collect::<Result<Vec<_>>>()?;
    let sources = args.sources.iter().map(|text| source(text, args)).collect::<Result<Vec<_>>>()?;
    let state = args.state.as_deref().or(settings.state.as_deref()).unwrap_or(".timeline");
    let state = StateLocation::parse(state).map_err(|error| Error::Usage(format!("--state {error}")))?;
    let tokens = tokens(args.token_file.as_deref(), settings)?;
    let listen = args.listen.as_deref().or(settings.listen.as_deref()).unwrap_or("127.0.0.1:7171");
    let listener = TcpListener::bind(listen)
        .map_err(|error| Error::Usage(format!("cannot listen on {listen}: {error}; choose another with --listen")))?;
    let address = listener.local_addr().map_err(|error| Error::Other(error.into()))?;
    if !address.ip().is_loopback() && tokens.is_none() {
        return Err(Error::Usage(format!(
            "{listen} is no loopback address: others reach it, so it needs a token that they must show, --token-file FILE"
        )));
    }
    let membership = Membership { address: advertised(args.advertise.as_deref(), address)?, tokens: tokens.clone() };
    #[cfg(feature = "postgres")]
    let tls = args.tools.tls(settings)?;
    let tools = args.tools.listen(tokens.as_ref(), settings)?;
    let outputs = args.outputs.outputs(args, settings)?;
    let threads = args.threads.or(settings.threads);
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let present = if args.wait_for_sources { Ok(()) } else { are_there(&sources) };
    present.map_err(|missing| wrong_program(&state, &programs).unwrap_or(missing))?;
    // A place is noted for good, so a start that is refused for its programs is refused first.
    if let Some(wrong) = args.history.is_named(settings).then(|| wrong_program(&state, &programs)).flatten() {
        return Err(wrong);
    }
    let history = args.history.start(&state, settings)?;
    let options = Options {
        state: state.clone(),
        sources,
        threads,
        checkpoint_every: CHECKPOINT_EVERY,
        keep: i64::try_from(args.keep.unwrap_or(KEEP).as_nanos()).unwrap_or(i64::MAX),
        keep_results: args.keep_results.map(|keep| i64::try_from(keep.as_nanos()).unwrap_or(i64::MAX)),
        history: history.clone(),
        exit_at_end: args.exit_at_end,
        outputs,
        accept_damage: args.accept_damage.clone(),
        remake: args.remake.clone(),
        writer: writer_name(),
        claims: Claims::Told,
        membership: Some(membership),
    };
    processor::memory::watch();
    let stopping = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopping);
    on_signal(move |_| stop.store(true, Ordering::Relaxed))?;
    let (service, recoveries) = start::start(options, &programs, args.start_timeout, &stopping)?;
    if !service.is_deployed() {
        return Err(Error::Usage(
            "nothing is deployed: name a program, such as `timeline serve P.tl --source file:GLOB`".into(),
        ));
    }
    let mut epoch = 0;
    for recovery in &recoveries {
        epoch = epoch.max(recovery.epoch.unwrap_or(0));
        for finding in &recovery.findings {
            log::warn(finding);
        }
        for said in &recovery.said {
            log::warn(said);
        }
        if recovery.older_rules {
            log::say("the state was written under older rules of the language; the log is read again from its start");
        } else if recovery.rebuilt {
            log::say("the queries are others than those of the last checkpoint; the log is read again from its start");
        }
    }
    let engine: Arc<dyn processor::engine::Engine> = service.clone();
    for coming in engine.status()["catching_up"].as_array().into_iter().flatten() {
        let names: Vec<&str> =
            coming["names"].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
        log::say(format_args!("new, and answered once the log has been read: {}", names.join(", ")));
    }
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async {
        // Ending and being dropped mean the same.
        let _ = closed.await;
    };
    let answerer = processor::sql::Answerer::Processes(super::answer_questions::pool()?);
    let turns = Turns::new(args.questions);
    let tools = tools.map(|tools| tools.serve(engine.clone(), turns.clone(), answerer.clone())).transpose()?;
    let options = processor::http::Options {
        tokens,
        answerer,
        turns,
        #[cfg(feature = "postgres")]
        tls,
        follows: FOLLOWS,
        ..processor::http::Options::default()
    };
    let server =
        processor::http::serve(listener, engine, options, shutdown).map_err(|error| Error::Other(error.into()))?;
    // The line that scripts wait for; one that does not read it any more is not a reason to stop.
    let _ = writeln!(std::io::stdout(), "timeline: serving http://{address}, state {state}, epoch {epoch}");
    for url in tools.iter().flat_map(|tools| tools.urls()) {
        let _ = writeln!(std::io::stdout(), "timeline: serving {url}");
    }
    let _ = std::io::stdout().flush();
    let catching_up = catching_up::CatchingUp::follow(&service);
    let mut failures = 0;
    let result = loop {
        if stopping.load(Ordering::Relaxed) {
            let endings = service.stop();
            break endings
                .into_iter()
                .try_for_each(|Ended { source, result, .. }| result.map_err(|error| partition_error(&source, error)));
        }
        match service.wait(Duration::from_millis(50)) {
            None => {}
            Some(Ended { source, partition, result: Ok(()) }) => {
                service.finish(&source, partition);
                if service.partitions() == 0 {
                    // What has caught up with its log by then has its place from then on.
                    while service.tend().is_ok_and(|more| more) {}
                    service.stop();
                    break Ok(());
                }
            }
            Some(Ended { source, partition, result: Err(error) })
                if passes(&error, &state) && failures < FAILURES_MAX =>
            {
                failures += 1;
                tracing::warn!(source, partition, %error, "the partition is opened again");
                service.forget(&source, partition);
            }
            Some(Ended { source, partition, result: Err(error) })
                if !service.answers(&source)
                    && !matches!(error, partition::Error::Checkpoint(checkpoint::Error::Fenced { .. })) =>
            {
                service.note_trouble(&source, &error.to_string());
                service.forget(&source, partition);
            }
            Some(Ended { source, result: Err(error), .. }) => {
                let fatal = partition_error(&source, error);
                service.stop();
                break Err(fatal);
            }
        }
    };
    drop(catching_up);
    drop(close);
    server.join();
    if let Some(tools) = tools {
        tools.end();
    }
    match history.and_then(|history| history.behind()) {
        Some(why) => result.and(Err(Error::Unreachable(format!(
            "[{}] the tables of history lack the last rows: {why}\n  help: the state has them, and the next start brings them",
            Code::HistoryAway
        )))),
        None => result,
    }
}

/// What is wrong with the programs, which is said before anything else.
fn wrong_program(state: &StateLocation, programs: &[(String, String)]) -> Option<Error> {
    let all = Programs::load(&ProgramStore::of(state, "serve")).ok()?;
    all.with_new(programs).err().map(|error| start_error(StartError::Program(error)))
}

/// Refuses sources that are not there: what is mistyped would be waited for for ever, without a word.
fn are_there(sources: &[(Option<String>, Input)]) -> Result<()> {
    for (name, input) in sources {
        let of = name.as_ref().map(|name| format!("source {name}: ")).unwrap_or_default();
        let refused = |error: event_feeder::Error| {
            Error::Unreachable(format!("{of}[{}] {error}\n  help: {}", error.code(), error.help()))
        };
        if let Some(missing) = input.missing().map_err(refused)? {
            return Err(Error::Unreachable(format!(
                "{of}{missing}\n  help: check the name; to start before it is there, say --wait-for-sources"
            )));
        }
    }
    Ok(())
}

/// How often a partition may be opened again after the bucket failed.
const FAILURES_MAX: u32 = 1000;

/// Whether a partition that failed so may be opened again by the same process. A bucket says what it has whenever it is
/// asked; a disk whose sync failed says anything.
fn passes(error: &partition::Error, state: &StateLocation) -> bool {
    use checkpoint::Error as E;
    use partition::Error as P;
    let error = match error {
        P::Checkpoint(error) | P::Results(processor::results::Error::Checkpoint(error)) => error,
        _ => return false,
    };
    let unclear = match error {
        E::Store(_) | E::Unclear { .. } | E::Poisoned { .. } | E::Contended { .. } => true,
        // What could not be read may be whole.
        E::Damaged { findings } => findings.iter().any(is_unreadable),
        E::Corrupt(finding) => is_unreadable(finding),
        _ => false,
    };
    unclear && !matches!(state, StateLocation::Local(_))
}

fn is_unreadable(finding: &checkpoint::Finding) -> bool {
    matches!(finding.problem, checkpoint::Problem::Unreadable { .. })
}

/// What the other processors are told: a whole address, `HOST:PORT` of their network.
fn advertised(given: Option<&str>, address: SocketAddr) -> Result<String> {
    match given {
        None if address.ip().is_unspecified() => Err(Error::Usage(format!(
            "{address} says nothing of where others reach this processor; say it with --advertise HOST:PORT"
        ))),
        None => Ok(format!("http://{address}")),
        Some(given) => {
            let host = given.strip_prefix("http://").unwrap_or(given).trim_end_matches('/');
            let is_whole =
                host.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
            match is_whole {
                true => Ok(format!("http://{host}")),
                false => Err(Error::Usage(format!("--advertise {given}: write HOST:PORT"))),
            }
        }
    }
}

/// `[NAME=]file:GLOB`, or `[NAME=]pulsar://HOST:PORT/TOPIC[,TOPIC]...`.
fn source(text: &str, args: &Args) -> Result<(Option<String>, Input)> {
    let wrong = || Error::Usage(format!("--source {text}: write [NAME=]file:GLOB or [NAME=]pulsar://HOST:PORT/TOPIC"));
    let (name, place) = match text.split_once('=') {
        Some((name, place)) if !name.contains(':') && !name.contains('/') => (Some(name.to_owned()), place),
        _ => (None, text),
    };
    if place.starts_with("pulsar://") || place.starts_with("pulsar+ssl://") {
        return Ok((name, topics(place, args)?));
    }
    match place.strip_prefix("file:") {
        Some(glob) if !glob.is_empty() => Ok((name, Input::Files(glob.to_owned()))),
        _ => Err(wrong()),
    }
}

#[cfg(feature = "pulsar")]
fn topics(place: &str, args: &Args) -> Result<Input> {
    let (broker, topics) =
        processor::input::Topics::parse(place).map_err(|reason| Error::Usage(format!("--source {reason}")))?;
    let subscription = args.subscription.clone().unwrap_or_else(|| "timeline".into());
    let log = processor::input::Topics::new(self::broker(broker, args), topics, subscription);
    let log = log.map_err(|error| Error::Other(error.into()))?.accepting(accepted(&args.accept_gap));
    Ok(Input::Log(Arc::new(log)))
}

/// How a broker is reached.
#[cfg(feature = "pulsar")]
fn broker(broker: String, args: &Args) -> event_feeder::pulsar::Settings {
    use event_feeder::pulsar::{Credentials, Settings};
    let token = std::env::var("TIMELINE_PULSAR_TOKEN").ok().map(Credentials::Token);
    let credentials = args.pulsar_token_file.clone().map(Credentials::File).or(token);
    Settings { broker, credentials, ca: args.pulsar_ca.clone() }
}

/// The topics of a source, as whole addresses; none of files, and none of what is no address.
#[cfg(feature = "pulsar")]
pub(super) fn topics_of(source: &str) -> Vec<String> {
    let place = source.split_once('=').map_or(source, |(_, place)| place);
    let Ok((broker, topics)) = processor::input::Topics::parse(place) else { return vec![] };
    let addresses = topics.iter().filter_map(|topic| format!("{broker}/{topic}").parse().ok());
    addresses.map(|address: event_feeder::pulsar::Address| address.to_string()).collect()
}

/// Gaps that may be gone over: all if one is not named.
#[cfg(feature = "pulsar")]
fn accepted(names: &[String]) -> event_feeder::AcceptGaps {
    use event_feeder::AcceptGaps;
    match names {
        [] => AcceptGaps::None,
        names if names.iter().any(String::is_empty) => AcceptGaps::All,
        names => AcceptGaps::Named(names.to_vec()),
    }
}

#[cfg(not(feature = "pulsar"))]
fn topics(place: &str, _: &Args) -> Result<Input> {
    Err(Error::Usage(format!("--source {place}: this build reads files only (built without the `pulsar` feature)")))
}

/// Calls `then` once, on a thread of its own, at SIGTERM or Ctrl-C, with the exit code of a process that the signal ended.
pub(super) fn on_signal(then: impl FnOnce(i32) + Send + 'static) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::Other(error.into()))?;
    let wait = move || {
        let code = runtime.block_on(async {
            #[cfg(unix)]
            {
                use tokio::signal::unix::{SignalKind, signal};
                let (Ok(mut terminate), Ok(mut interrupt)) =
                    (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
                else {
                    return None;
                };
                tokio::select! { _ = terminate.recv() => Some(128 + 15), _ = interrupt.recv() => Some(128 + 2) }
            }
            #[cfg(not(unix))]
            tokio::signal::ctrl_c().await.ok().map(|()| 128 + 2)
        });
        if let Some(code) = code {
            then(code);
        }
    };
    world::thread("signals").spawn(wait).map_err(|error| Error::Other(error.into()))?;
    Ok(())
}

fn start_error(error: StartError) -> Error {
    match error {
        StartError::Program(
            EngineError::Invalid { rendered: Some(rendered), .. }
            | EngineError::Conflict { rendered: Some(rendered), .. },
        ) => Error::Program(rendered),
        StartError::Program(error) => Error::Program(error.to_string()),
        StartError::Binding(message) => Error::Usage(message),
        taken @ StartError::Taken { .. } => Error::Fenced(format!("{taken}; a source of files has one processor")),
        StartError::Partition(error) => partition_error("", error),
    }
}

/// Whether the place takes nothing more.
fn has_no_room(error: &checkpoint::Error) -> bool {
    use std::io::ErrorKind as E;
    let checkpoint::Error::Store(error) = error else { return false };
    matches!(error.source.kind(), E::StorageFull | E::QuotaExceeded | E::ReadOnlyFilesystem | E::PermissionDenied)
}

fn partition_error(source: &str, error: partition::Error) -> Error {
    let place = if source.is_empty() { String::new() } else { format!("source {source}: ") };
    match error {
        partition::Error::Source(error @ event_feeder::Error::Topic { .. }) => {
            Error::Unreachable(format!("{place}[{}] {error}; {}", error.code(), error.code().help()))
        }
        partition::Error::Source(
            ref gone @ (event_feeder::Error::Gap { ref topic, ref gap }
            | event_feeder::Error::Acknowledged { ref topic, ref gap, .. }),
        ) => {
            let (code, name) = (gone.code(), event_feeder::AcceptGaps::name(topic, gap));
            Error::Unreadable(format!(
                "{place}[{code}] {gone}; nothing was changed: {}\n  this gap alone is accepted by --accept-gap={name}",
                code.help()
            ))
        }
        partition::Error::Source(
            error @ (event_feeder::Error::OtherTopic { .. } | event_feeder::Error::Counts { .. }),
        ) => Error::Unreadable(format!("{place}[{}] {error}; {}", error.code(), error.code().help())),
        partition::Error::Source(error) => {
            Error::Unreadable(format!("{place}[{}] {error}\n  help: {}", error.code(), error.help()))
        }
        partition::Error::Checkpoint(error @ checkpoint::Error::Fenced { .. }) => {
            Error::Fenced(format!("{place}{error}"))
        }
        partition::Error::Checkpoint(error @ (checkpoint::Error::Store(_) | checkpoint::Error::Poisoned { .. })) => {
            let code = if has_no_room(&error) { format!("[{}] ", Code::NoRoom) } else { String::new() };
            Error::Other(anyhow::anyhow!(
                "{place}{code}{error}; nothing that was committed is lost: start again when it is mended"
            ))
        }
        partition::Error::Checkpoint(
            error @ (checkpoint::Error::Lost(_) | checkpoint::Error::Damaged { .. } | checkpoint::Error::Corrupt(_)),
        ) => Error::Other(anyhow::anyhow!("{place}{error}; nothing was changed: {}", Code::Broken.help())),
        partition::Error::Checkpoint(ref error @ checkpoint::Error::NoVersion { ref object }) => {
            Error::Other(anyhow::anyhow!("{place}{error}; nothing was changed: {}", help(Code::NoVersion, object)))
        }
        other @ partition::Error::OlderRules => Error::Unreadable(format!("{place}{other}")),
        other => Error::Other(anyhow::anyhow!("{place}{other}")),
    }
}
