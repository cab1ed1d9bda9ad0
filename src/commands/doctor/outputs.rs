//! Topics that results are published to: whether they are there, and take what `serve` would send.
//!
//! **Invariant:** nothing is published, and no topic comes into being: one that is not there is not tried.

use super::{Args, Findings};
use crate::commands::serve;
use crate::error::{Error, Result};
use crate::settings::SettingsFile;
use event_feeder::RecordCode;
use event_feeder::pulsar::{Address, Client};
use processor::outputs::Topic;

pub(super) fn look(args: &Args, settings: &SettingsFile, findings: &mut Findings) -> Result<()> {
    let read: Vec<String> = args.sources.iter().flat_map(|source| serve::topics_of(source)).collect();
    for (_, flag, place) in args.outputs.places(settings) {
        let address: Address = place.parse().map_err(|error| Error::Usage(format!("{flag} {place}: {error}")))?;
        if read.contains(&address.to_string()) {
            findings.fault(&format!("{flag} {place}: it is read as a source"), "choose another topic");
            continue;
        }
        let client = args.access.client(&address.broker).map_err(|error| Error::Other(error.into()))?;
        topic(&client, flag, &address.topic, findings);
    }
    Ok(())
}

fn topic(client: &Client, flag: &str, topic: &str, findings: &mut Findings) {
    let fault = |findings: &mut Findings, error: &event_feeder::Error| {
        findings.fault(&format!("{flag}: [{}] {error}", error.code()), error.code().help());
    };
    match client.exists(topic) {
        Ok(true) => match Topic::new(client.clone(), topic.to_owned()).check() {
            Ok(()) => findings.ok(&format!("{flag}: {topic} is there, and takes messages")),
            Err(error) => fault(findings, &error),
        },
        Ok(false) => findings.unknown(&format!("{flag}: there is no {topic} yet; `serve` asks the broker to make it")),
        // Who may produce need not be allowed to list.
        Err(error) if error.code() == RecordCode::NoPermission => {
            findings
                .unknown(&format!("{flag}: [{}] {error}; whether {topic} takes messages is not tried", error.code()));
        }
        Err(error) => fault(findings, &error),
    }
}
