//! How a broker is reached, as flags that every command with a topic shares.

use event_feeder::pulsar::{BrokerSettings, Client, Credentials};
use std::path::PathBuf;

/// How a broker is reached.
#[derive(Clone, Debug, Default, PartialEq, clap::Args)]
pub struct Access {
    /// A file with the token of a role that may use the topic; TIMELINE_PULSAR_TOKEN may hold the token itself
    #[arg(long = "pulsar-token-file", value_name = "FILE", env = "TIMELINE_PULSAR_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// A file of PEM certificates to trust for pulsar+ssl://, beside those of the web
    #[arg(long = "pulsar-ca", value_name = "FILE", env = "TIMELINE_PULSAR_CA")]
    pub ca: Option<PathBuf>,
}

impl Access {
    /// A client of a broker (`pulsar://HOST:PORT`); it connects when something is asked of it.
    pub fn client(&self, broker: &str) -> Result<Client, event_feeder::Error> {
        let token = std::env::var("TIMELINE_PULSAR_TOKEN").ok().map(Credentials::Token);
        Client::new(BrokerSettings {
            broker: broker.to_owned(),
            credentials: self.token_file.clone().map(Credentials::File).or(token),
            ca: self.ca.clone(),
        })
    }
}
