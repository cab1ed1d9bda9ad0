//! What a broker says no to, in the few kinds that somebody can do something about.

use crate::{Code, Error};
use ::pulsar::error::{ConnectionError, ConsumerError, ProducerError, ServiceDiscoveryError};
use ::pulsar::message::proto::ServerError;

/// The error of a topic, with the code that says what to do.
pub(super) fn problem(topic: &str, error: &::pulsar::Error) -> Error {
    let code = match server_error(error) {
        Some(ServerError::ConsumerBusy) => Code::TopicBusy,
        Some(ServerError::AuthenticationError | ServerError::AuthorizationError) => Code::NoPermission,
        Some(ServerError::TopicNotFound | ServerError::InvalidTopicName) => Code::NoTopic,
        _ if matches!(error, ::pulsar::Error::Authentication(_)) => Code::NoPermission,
        _ => Code::NoBroker,
    };
    Error::Topic { topic: topic.to_owned(), code, reason: reason(error) }
}

/// It did not answer in time.
pub(super) fn silent(topic: &str) -> Error {
    Error::Topic { topic: topic.to_owned(), code: Code::NoBroker, reason: "the broker does not answer".into() }
}

fn server_error(error: &::pulsar::Error) -> Option<ServerError> {
    use ::pulsar::Error;
    match error {
        Error::Connection(error)
        | Error::Consumer(ConsumerError::Connection(error))
        | Error::Producer(ProducerError::Connection(error))
        | Error::ServiceDiscovery(ServiceDiscoveryError::Connection(error)) => match error {
            ConnectionError::PulsarError(kind, _) => *kind,
            _ => None,
        },
        Error::ServiceDiscovery(ServiceDiscoveryError::Query(kind, _)) => *kind,
        Error::ServiceDiscovery(ServiceDiscoveryError::NotFound) => Some(ServerError::TopicNotFound),
        _ => None,
    }
}

/// What the broker or the system said, on one line.
fn reason(error: &::pulsar::Error) -> String {
    let text = error.to_string();
    // The crate keeps to itself why a handshake failed.
    let more = match text.contains("fatal error when connecting") {
        true => ": it may want a token, another token, TLS, or a certificate that is trusted",
        false => "",
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ") + more
}

/// Whether an entry was delivered and cannot be unpacked; those after it still come.
pub(super) fn is_payload(error: &::pulsar::Error) -> bool {
    use ::pulsar::Error;
    matches!(error, Error::Consumer(ConsumerError::Io(_)) | Error::Connection(ConnectionError::Decoding(_)))
}
