//! What a broker says no to, in the few kinds that somebody can do something about.

use crate::{Error, RecordCode};
use ::pulsar::error::{ConnectionError, ConsumerError, ProducerError, ServiceDiscoveryError};
use ::pulsar::message::proto::ServerError;

/// The error of a topic, with the code that says what to do.
pub(super) fn problem(topic: &str, error: &::pulsar::Error) -> Error {
    let code = match server_error(error) {
        Some(ServerError::ConsumerBusy) => RecordCode::TopicBusy,
        Some(ServerError::ProducerFenced | ServerError::ProducerBusy) => RecordCode::TopicTaken,
        Some(ServerError::AuthenticationError | ServerError::AuthorizationError) => RecordCode::NoPermission,
        Some(ServerError::TopicNotFound | ServerError::InvalidTopicName) => RecordCode::NoTopic,
        _ if is_authentication(error) => RecordCode::NoPermission,
        _ if matches!(error, ::pulsar::Error::Connection(ConnectionError::Tls(_))) => RecordCode::NotTrusted,
        _ => RecordCode::NoBroker,
    };
    Error::Topic { topic: topic.to_owned(), code, reason: reason(error) }
}

/// It did not answer in time.
pub(super) fn silent(topic: &str) -> Error {
    Error::Topic { topic: topic.to_owned(), code: RecordCode::NoBroker, reason: "the broker does not answer".into() }
}

fn is_authentication(error: &::pulsar::Error) -> bool {
    use ::pulsar::Error;
    matches!(error, Error::Authentication(_) | Error::Connection(ConnectionError::Authentication(_)))
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
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Why an entry cannot be unpacked.
pub(super) fn unpacking(error: &::pulsar::Error) -> String {
    let reason = reason(error);
    match reason.to_lowercase().contains("snappy") {
        true => {
            format!("{reason} (Snappy as other clients write it is not read: compress with LZ4, Zlib or Zstandard)")
        }
        false => reason,
    }
}

/// Whether an entry was delivered and cannot be unpacked; those after it still come.
pub(super) fn is_payload(error: &::pulsar::Error) -> bool {
    use ::pulsar::Error;
    matches!(error, Error::Consumer(ConsumerError::Io(_)) | Error::Connection(ConnectionError::Decoding(_)))
}
