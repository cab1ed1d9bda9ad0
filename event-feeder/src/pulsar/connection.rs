//! A connection to a broker.

use super::handshake;
use super::settings::{BrokerSettings, Credentials};
use ::pulsar::authentication::Authentication;
use ::pulsar::error::{AuthenticationError, ConnectionError};
use ::pulsar::{ConnectionRetryOptions, OperationRetryOptions, Pulsar, TokioExecutor};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::timeout;

/// How long a question to a broker may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// Messages of a connection that wait to be written. The channel has memory for all of them from the start, 4 kB each.
const OUTBOUND_MAX: usize = 100;

/// A connection of its own. Nothing is tried twice in it: who uses it decides when to try again, with a new one, for a
/// connection that was given up half-made blocks all who share it.
pub(super) async fn connect(settings: &BrokerSettings) -> Result<Pulsar<TokioExecutor>, ::pulsar::Error> {
    let connections = ConnectionRetryOptions {
        max_retries: 0,
        connection_timeout: Duration::from_secs(10),
        keep_alive: Duration::from_secs(20),
        ..ConnectionRetryOptions::default()
    };
    let operations = OperationRetryOptions {
        operation_timeout: Duration::from_secs(30),
        retry_delay: Duration::from_millis(500),
        max_retries: Some(0),
    };
    let mut builder = Pulsar::builder(&settings.broker, TokioExecutor)
        .with_connection_retry_options(connections)
        .with_operation_retry_options(operations)
        .with_outbound_channel_size(OUTBOUND_MAX);
    if let Some(credentials) = &settings.credentials {
        builder = builder.with_auth_provider(Box::new(TokenAuthentication(credentials.clone())));
    }
    if let Some(path) = &settings.ca {
        handshake::certificates(path)?;
        builder = builder.with_certificate_chain_file(path).map_err(ConnectionError::Io)?;
    }
    match builder.build().await {
        Err(error) if handshake::says_nothing(&error) => {
            let failure = timeout(PATIENCE / 2, handshake::failure(settings)).await.ok().flatten();
            Err(failure.map_or(error, Into::into))
        }
        result => result,
    }
}

struct TokenAuthentication(Credentials);

type AuthenticationAnswer<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthenticationError>> + Send + 'a>>;

impl Authentication for TokenAuthentication {
    fn auth_method_name(&self) -> String {
        "token".into()
    }

    fn initialize<'a: 'b, 'b>(&'a mut self) -> AuthenticationAnswer<'b, ()>
    where
        Self: 'b,
    {
        Box::pin(async { Ok(()) })
    }

    fn auth_data<'a: 'b, 'b>(&'a mut self) -> AuthenticationAnswer<'b, Vec<u8>>
    where
        Self: 'b,
    {
        Box::pin(async { self.0.token().map(String::into_bytes).map_err(AuthenticationError::Custom) })
    }
}
