//! The inputs of `serve`: files and topics, as `--source` names them.
//!
//! **Invariant:** nothing here reads a record, or changes anything at a broker.

use super::flags::Args;
use crate::error::{Error, Result};
use processor::input::SourceBinding;
#[cfg(feature = "pulsar")]
use std::sync::Arc;

/// `[NAME=]file:GLOB`, or `[NAME=]pulsar://HOST:PORT/TOPIC[,TOPIC]...`.
pub(super) fn source(text: &str, args: &Args) -> Result<(Option<String>, SourceBinding)> {
    let wrong = || Error::Usage(format!("--source {text}: write [NAME=]file:GLOB or [NAME=]pulsar://HOST:PORT/TOPIC"));
    let (name, place) = match text.split_once('=') {
        Some((name, place)) if !name.contains(':') && !name.contains('/') => (Some(name.to_owned()), place),
        _ => (None, text),
    };
    if place.starts_with("pulsar://") || place.starts_with("pulsar+ssl://") {
        return Ok((name, topics(place, args)?));
    }
    match place.strip_prefix("file:") {
        Some(glob) if !glob.is_empty() => Ok((name, SourceBinding::Files(glob.to_owned()))),
        _ => Err(wrong()),
    }
}

#[cfg(feature = "pulsar")]
fn topics(place: &str, args: &Args) -> Result<SourceBinding> {
    let (broker, topics) =
        processor::input::Topics::parse(place).map_err(|reason| Error::Usage(format!("--source {reason}")))?;
    let subscription = args.subscription.clone().unwrap_or_else(|| "timeline".into());
    let log = processor::input::Topics::new(self::broker(broker, args), topics, subscription);
    let log = log.map_err(|error| Error::Other(error.into()))?.accepting(accepted(&args.accept_gap));
    Ok(SourceBinding::Log(Arc::new(log)))
}

/// How a broker is reached.
#[cfg(feature = "pulsar")]
pub(super) fn broker(broker: String, args: &Args) -> event_feeder::pulsar::BrokerSettings {
    use event_feeder::pulsar::{BrokerSettings, Credentials};
    let token = std::env::var("TIMELINE_PULSAR_TOKEN").ok().map(Credentials::Token);
    let credentials = args.pulsar_token_file.clone().map(Credentials::File).or(token);
    BrokerSettings { broker, credentials, ca: args.pulsar_ca.clone() }
}

/// The topics of a source, as whole addresses; none of files, and none of what is no address.
#[cfg(feature = "pulsar")]
pub(crate) fn topics_of(source: &str) -> Vec<String> {
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
fn topics(place: &str, _: &Args) -> Result<SourceBinding> {
    Err(Error::Usage(format!("--source {place}: this build reads files only (built without the `pulsar` feature)")))
}

/// Refuses sources that are not there: what is mistyped would be waited for for ever, without a word.
pub(super) fn are_there(sources: &[(Option<String>, SourceBinding)]) -> Result<()> {
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
