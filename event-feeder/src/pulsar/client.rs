//! A way to brokers: settings, the thread that waits for them, and what can be asked of a topic.

use super::handshake;
use super::problem::{problem, silent};
use super::reader::Reader;
use super::source::PulsarSource;
use crate::world::Instant;
use crate::{AcceptGaps, Code, Error, Position};
use ::pulsar::authentication::Authentication;
use ::pulsar::error::AuthenticationError;
use ::pulsar::{ConnectionRetryOptions, Consumer, OperationRetryOptions, Pulsar, SubType, TokioExecutor};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// How a broker is reached.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `pulsar://HOST:PORT` or `pulsar+ssl://HOST:PORT`.
    pub broker: String,
    /// Who we are; nobody in particular if not given.
    pub credentials: Option<Credentials>,
    /// A file of PEM certificates to trust beside the usual ones.
    pub ca: Option<PathBuf>,
}

/// A token (JWT or another that the broker knows).
#[derive(Clone)]
pub enum Credentials {
    /// Itself.
    Token(String),
    /// A file that holds it; read for every connection, so that a token can be renewed.
    File(PathBuf),
}

impl Credentials {
    /// The token as it is now.
    pub(super) fn token(&self) -> Result<String, String> {
        match self {
            Credentials::Token(token) => Ok(token.trim().to_owned()),
            Credentials::File(path) => match std::fs::read_to_string(path) {
                Ok(token) => Ok(token.trim().to_owned()),
                Err(error) => Err(format!("{}: {error}", path.display())),
            },
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Credentials::Token(_) => f.write_str("Token(..)"),
            Credentials::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// What is read, as whom, and from where on.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The topic of one partition, as [`Client::partitions`] names it.
    pub topic: String,
    /// The subscription's name. Exclusive: while one reads, others are refused.
    pub name: String,
    /// Everything before it has been read.
    pub after: Position,
    /// The most messages that wait in memory; fewer, where they are large.
    pub queue: u32,
    /// Which missing messages are gone over.
    pub accept: AcceptGaps,
}

impl Subscription {
    /// The most messages that wait in memory unless said otherwise.
    pub const QUEUE: u32 = 10_000;
}

/// A way to brokers. Clones share one thread.
#[derive(Clone)]
pub struct Client {
    pub(super) settings: Arc<Settings>,
    pub(super) runtime: Arc<Runtime>,
}

/// Messages of a connection that wait to be written. The channel has memory for all of them from the start, 4 kB each.
const OUTBOUND_MAX: usize = 100;
/// How long a question to a broker may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

impl Client {
    /// Does not connect yet.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("pulsar")
            .enable_all()
            .build()
            .map_err(|error| Error::Read { file: settings.broker.clone(), error })?;
        Ok(Client { settings: Arc::new(settings), runtime: Arc::new(runtime) })
    }

    /// How brokers are reached.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The topics of a topic's partitions, in their order; itself if it has none. It may have more the next time.
    pub fn partitions(&self, topic: &str) -> Result<Vec<String>, Error> {
        let (settings, name) = (Arc::clone(&self.settings), topic.to_owned());
        self.ask(topic, async move {
            let client = connect(&settings).await.map_err(|error| problem(&name, &error))?;
            let count = client.lookup_partitioned_topic_number(&name).await.map_err(|error| problem(&name, &error))?;
            Ok(match count {
                0 => vec![name],
                _ => (0..count).map(|n| format!("{name}-partition-{n}")).collect(),
            })
        })
    }

    /// Subscribes, and reads on. Fails if the broker cannot be reached now, somebody else reads, or messages that come next
    /// are gone; from then on all that goes wrong is put right as often as it takes, but for such a gap.
    pub fn subscribe(&self, subscription: Subscription) -> Result<PulsarSource, Error> {
        let topic = subscription.topic.clone();
        let settings = Arc::clone(&self.settings);
        let (reader, source) = PulsarSource::new(self.clone(), settings, subscription);
        self.ask(&topic, async move {
            let reader: Reader = reader.begin().await?;
            tokio::spawn(reader.run());
            Ok(())
        })?;
        Ok(source)
    }

    /// Deletes a subscription that nobody reads any more, with the broker's place in the topic for it.
    pub fn unsubscribe(&self, topic: &str, name: &str) -> Result<(), Error> {
        let (settings, topic_of, name) = (Arc::clone(&self.settings), topic.to_owned(), name.to_owned());
        self.ask(topic, async move {
            let began = Instant::now();
            loop {
                match unsubscribe(&settings, &topic_of, &name).await {
                    Ok(()) => return Ok(()),
                    // Whoever just left may still be there for the broker.
                    Err(_) if began.elapsed() < PATIENCE / 2 => tokio::time::sleep(Duration::from_millis(500)).await,
                    Err(error) => return Err(problem(&topic_of, &error)),
                }
            }
        })
    }

    /// Runs something on the thread and waits for it. Never called on that thread.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        topic: &str,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = sync_channel(1);
        self.runtime.spawn(async move {
            // Whoever asked may have lost patience.
            let _ = reply.send(work.await);
        });
        match answer.recv_timeout(PATIENCE) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(silent(topic)),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Topic {
                topic: topic.to_owned(),
                code: Code::NoBroker,
                reason: "the client of the broker stopped unexpectedly".into(),
            }),
        }
    }
}

async fn unsubscribe(settings: &Settings, topic: &str, name: &str) -> Result<(), ::pulsar::Error> {
    let client = connect(settings).await?;
    let consumer = client.consumer().with_topic(topic).with_subscription(name);
    let mut consumer: Consumer<Vec<u8>, TokioExecutor> =
        consumer.with_subscription_type(SubType::Exclusive).build().await?;
    consumer.unsubscribe().await
}

/// A connection of its own. Nothing is tried twice in it: who uses it decides when to try again, with a new one, for a
/// connection that was given up half-made blocks all who share it.
pub(super) async fn connect(settings: &Settings) -> Result<Pulsar<TokioExecutor>, ::pulsar::Error> {
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
        builder = builder.with_auth_provider(Box::new(Token(credentials.clone())));
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

use ::pulsar::error::ConnectionError;

struct Token(Credentials);

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthenticationError>> + Send + 'a>>;

impl Authentication for Token {
    fn auth_method_name(&self) -> String {
        "token".into()
    }

    fn initialize<'a: 'b, 'b>(&'a mut self) -> Answer<'b, ()>
    where
        Self: 'b,
    {
        Box::pin(async { Ok(()) })
    }

    fn auth_data<'a: 'b, 'b>(&'a mut self) -> Answer<'b, Vec<u8>>
    where
        Self: 'b,
    {
        Box::pin(async { self.0.token().map(String::into_bytes).map_err(AuthenticationError::Custom) })
    }
}
