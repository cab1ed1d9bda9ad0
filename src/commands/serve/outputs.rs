//! Where `serve` publishes what it finds: topics, one for each sort of rows, or one for several.

use crate::commands::serve;
use crate::error::{Error, Result};
use crate::settings::SettingsFile;
use processor::outputs::{OutputKind, Outputs};

/// Destinations of results.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Outputs")]
pub(crate) struct OutputFlags {
    /// A topic for alerts: a message when one began, and one when it ended.
    #[arg(long, value_name = "pulsar://HOST:PORT/TOPIC", env = "TIMELINE_ALERTS_TO")]
    alerts_to: Option<String>,
    /// A topic for the final rows of sessions that are over.
    #[arg(long, value_name = "pulsar://HOST:PORT/TOPIC", env = "TIMELINE_FINALS_TO")]
    finals_to: Option<String>,
    /// A topic for changes of totals: each row of an aggregated metric that is another one than before, by partition.
    #[arg(long, value_name = "pulsar://HOST:PORT/TOPIC", env = "TIMELINE_TOTALS_TO")]
    totals_to: Option<String>,
    /// A topic for events that came too late.
    #[arg(long, value_name = "pulsar://HOST:PORT/TOPIC", env = "TIMELINE_LATE_EVENTS_TO")]
    late_events_to: Option<String>,
    /// A topic for records and values that could not be used.
    #[arg(long, value_name = "pulsar://HOST:PORT/TOPIC", env = "TIMELINE_DEAD_LETTERS_TO")]
    dead_letters_to: Option<String>,
}

impl OutputFlags {
    /// Each output with its flag and its place, if it has one.
    pub(crate) fn places<'a>(
        &'a self,
        settings: &'a SettingsFile,
    ) -> impl Iterator<Item = (OutputKind, &'static str, &'a str)> {
        let all = [
            (OutputKind::Alerts, "--alerts-to", self.alerts_to.as_ref().or(settings.alerts_to.as_ref())),
            (OutputKind::Finals, "--finals-to", self.finals_to.as_ref().or(settings.finals_to.as_ref())),
            (OutputKind::Totals, "--totals-to", self.totals_to.as_ref().or(settings.totals_to.as_ref())),
            (
                OutputKind::LateEvents,
                "--late-events-to",
                self.late_events_to.as_ref().or(settings.late_events_to.as_ref()),
            ),
            (
                OutputKind::DeadLetters,
                "--dead-letters-to",
                self.dead_letters_to.as_ref().or(settings.dead_letters_to.as_ref()),
            ),
        ];
        all.into_iter().filter_map(|(output, flag, place)| Some((output, flag, place?.as_str())))
    }

    /// The outputs that are asked for. A topic that refuses is an error now; a broker that is away is waited for later.
    #[cfg(feature = "pulsar")]
    pub(super) fn outputs(&self, args: &serve::Args, settings: &SettingsFile) -> Result<Outputs> {
        use event_feeder::pulsar::{Address, Client};
        use event_feeder::{Error as Feeder, RecordCode};
        use processor::outputs::Topic;
        use std::collections::BTreeMap;
        use std::sync::Arc;

        let read = args.sources.iter().flat_map(|source| serve::topics_of(source)).collect::<Vec<String>>();
        let mut clients: BTreeMap<String, Client> = BTreeMap::new();
        let mut outputs = Outputs::default().totals_every(args.totals_every);
        for (output, flag, place) in self.places(settings) {
            let address: Address = place.parse().map_err(|error| Error::Usage(format!("{flag} {place}: {error}")))?;
            if read.contains(&address.to_string()) {
                return Err(Error::Usage(format!("{flag} {place}: it is read as a source; choose another topic")));
            }
            let client = match clients.get(&address.broker) {
                Some(client) => client.clone(),
                None => {
                    let client = Client::new(serve::sources::broker(address.broker.clone(), args))
                        .map_err(|error| Error::Other(error.into()))?;
                    clients.entry(address.broker.clone()).or_insert(client).clone()
                }
            };
            let topic = Topic::new(client, address.topic.clone());
            match topic.check() {
                Ok(()) => {}
                Err(error @ Feeder::Topic { code: RecordCode::NoTopic | RecordCode::NoPermission, .. }) => {
                    return Err(Error::Unreachable(format!(
                        "{flag}: [{}] {error}; {}",
                        error.code(),
                        error.code().help()
                    )));
                }
                Err(error) => {
                    tracing::warn!(
                        "{flag}: [{}] {error}; {}; what is to be published waits for it",
                        error.code(),
                        error.code().help()
                    );
                }
            }
            outputs = outputs.with(output, Arc::new(topic));
        }
        Ok(outputs)
    }

    #[cfg(not(feature = "pulsar"))]
    pub(super) fn outputs(&self, _: &serve::Args, settings: &SettingsFile) -> Result<Outputs> {
        match self.places(settings).next() {
            None => Ok(Outputs::default()),
            Some((_, flag, place)) => Err(Error::Usage(format!(
                "{flag} {place}: this build publishes nothing (built without the `pulsar` feature)"
            ))),
        }
    }
}
