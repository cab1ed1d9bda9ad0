//! `timeline serve`: the processor.
//!
//! **Invariant:** everything that can be refused for its flags alone is, before the state is touched; and the line that says
//! that it serves comes when it does.

mod catching_up;
mod flags;
mod history;
mod outputs;
mod partitions;
mod refusals;
mod signals;
mod sources;
mod start;
#[cfg(feature = "postgres")]
mod tools;
#[cfg(not(feature = "postgres"))]
#[path = "serve/tools_lean.rs"]
mod tools;

pub(crate) use flags::Args;
#[cfg(feature = "pulsar")]
pub(crate) use outputs::OutputFlags;
pub(crate) use signals::on_signal;
#[cfg(feature = "pulsar")]
pub(crate) use sources::topics_of;

use super::program;
use crate::args::tokens;
use crate::error::{Error, Result};
use crate::log;
use crate::otlp::FOLLOWS;
use crate::settings::SettingsFile;
use event_feeder::world::Instant;
use processor::checkpoint::{StateLocation, patience};
use processor::code::StateCode;
use processor::engine::Engine;
use processor::http;
use processor::partition::Recovery;
use processor::questions::QuestionPermits;
use processor::server::Shared;
use processor::service::{Claims, Membership, Options, writer_name};
use processor::sql::Answerer;
use refusals::wrong_program;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// How long events of a topic are kept where nothing else is said.
const KEEP: Duration = Duration::from_secs(24 * 3600);

pub(super) fn run(args: &Args, settings: &SettingsFile) -> Result<()> {
    let args = &args.or(settings)?;
    let programs = args.programs.iter().map(|path| program::read_whole(path)).collect::<Result<Vec<_>>>()?;
    let inputs = args.sources.iter().map(|text| sources::source(text, args)).collect::<Result<Vec<_>>>()?;
    let state = args.state.as_deref().or(settings.state.as_deref()).unwrap_or(".timeline");
    let state = StateLocation::parse(state).map_err(|error| Error::Usage(format!("--state {error}")))?;
    let tokens = tokens(args.token_file.as_deref(), settings)?;
    let listen = args.listen.as_deref().or(settings.listen.as_deref()).unwrap_or("127.0.0.1:7171");
    let (listener, address) = listener(listen, tokens.is_some())?;
    let membership = Membership { address: advertised(args.advertise.as_deref(), address)?, tokens: tokens.clone() };
    #[cfg(feature = "postgres")]
    let tls = args.tools.tls(settings)?;
    let tools = args.tools.listen(tokens.as_ref(), settings)?;
    let outputs = args.outputs.outputs(args, settings)?;
    let threads = args.threads.or(settings.threads);
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let begun = Instant::now();
    patience::starts_within(args.start_timeout);
    let present = if args.wait_for_sources { Ok(()) } else { sources::are_there(&inputs) };
    present.map_err(|missing| wrong_program(&state, &programs).unwrap_or(missing))?;
    // A place is noted for good, so a start that is refused for its programs is refused first.
    if let Some(wrong) = args.history.is_named(settings).then(|| wrong_program(&state, &programs)).flatten() {
        return Err(wrong);
    }
    let history = args.history.start(&state, settings)?;
    let options = Options {
        state: state.clone(),
        sources: inputs,
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
    on_signal(move |_| {
        stop.store(true, Ordering::Relaxed);
        patience::ends();
    })?;
    let (service, recoveries) = start::start(options, &programs, (begun, args.start_timeout), &stopping)?;
    patience::started();
    if !service.is_deployed() {
        return Err(Error::Usage(
            "nothing is deployed: name a program, such as `timeline serve P.tl --source file:GLOB`".into(),
        ));
    }
    recoveries.iter().for_each(say_recovery);
    let epoch = recoveries.iter().filter_map(|recovery| recovery.epoch).max().unwrap_or(0);
    let engine: Arc<dyn Engine> = service.clone();
    say_catching_up(&*engine);
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async {
        // Ending and being dropped mean the same.
        let _ = closed.await;
    };
    let shared = Shared {
        turns: QuestionPermits::new(args.questions),
        answerer: Answerer::Processes(super::answer_questions::pool()?),
        tokens,
        #[cfg(feature = "postgres")]
        tls,
    };
    let tools = tools.map(|tools| tools.serve(&engine, &shared)).transpose()?;
    let options = http::Options { shared, follows: FOLLOWS, ..http::Options::default() };
    let server = http::serve(listener, engine, options, shutdown).map_err(|error| Error::Other(error.into()))?;
    // The line that scripts wait for; one that does not read it any more is not a reason to stop.
    let _ = writeln!(std::io::stdout(), "timeline: serving http://{address}, state {state}, epoch {epoch}");
    for url in tools.iter().flat_map(|tools| tools.urls()) {
        let _ = writeln!(std::io::stdout(), "timeline: serving {url}");
    }
    let _ = std::io::stdout().flush();
    let catching_up = catching_up::CatchUpThread::follow(&service);
    let result = partitions::watch(&service, &state, &stopping);
    drop(catching_up);
    drop(close);
    server.join();
    if let Some(tools) = tools {
        tools.end();
    }
    match history.and_then(|history| history.behind()) {
        Some(why) => result.and(Err(Error::Unreachable(format!(
            "[{}] the tables of history lack the last rows: {why}\n  help: the state has them, and the next start brings them",
            StateCode::HistoryAway
        )))),
        None => result,
    }
}

/// Takes the address at which it is asked; others than this machine must show a token.
fn listener(listen: &str, has_tokens: bool) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(listen)
        .map_err(|error| Error::Usage(format!("cannot listen on {listen}: {error}; choose another with --listen")))?;
    let address = listener.local_addr().map_err(|error| Error::Other(error.into()))?;
    if !address.ip().is_loopback() && !has_tokens {
        return Err(Error::Usage(format!(
            "{listen} is no loopback address: others reach it, so it needs a token that they must show, --token-file FILE"
        )));
    }
    Ok((listener, address))
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

/// Says how a partition came up.
fn say_recovery(recovery: &Recovery) {
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

/// Says what is deployed and cannot be asked yet.
fn say_catching_up(engine: &dyn Engine) {
    for coming in engine.status()["catching_up"].as_array().into_iter().flatten() {
        let names: Vec<&str> =
            coming["names"].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
        log::say(format_args!("new, and answered once the log has been read: {}", names.join(", ")));
    }
}
