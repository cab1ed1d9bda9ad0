//! Why a broker could not be connected to.
//!
//! The `pulsar` crate logs what a handshake failed of and gives "fatal error" for all of it. So after such an error the
//! handshake is made once more by hand, up to the broker's answer, and what is wrong is said in full.

use super::settings::{BrokerSettings, Credentials};
use ::pulsar::error::{AuthenticationError, ConnectionError};
use ::pulsar::message::proto::{BaseCommand, CommandConnect, ServerError, base_command, client_version};
use ::pulsar::message::{Codec, Message};
use futures_util::{SinkExt, StreamExt};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use tokio_util::codec::Framed;

/// Whether an error of the crate says nothing.
pub(super) fn says_nothing(error: &::pulsar::Error) -> bool {
    error.to_string().contains("fatal error when connecting")
}

/// What is wrong, if the handshake fails again.
pub(super) async fn failure(settings: &BrokerSettings) -> Option<ConnectionError> {
    shake_hands_at(settings, &settings.broker, None).await.err()
}

/// A connection that the broker has agreed to.
pub(super) type Agreed = Framed<Box<dyn BrokerStream>, Codec>;

/// What carries it.
pub(super) trait BrokerStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> BrokerStream for S {}

/// Connects to a broker at an address, or to another one `through` a proxy there.
pub(super) async fn shake_hands_at(
    settings: &BrokerSettings,
    address: &str,
    through: Option<String>,
) -> Result<Agreed, ConnectionError> {
    let (scheme, place) = address.split_once("://").ok_or(ConnectionError::NotFound)?;
    let place = place.trim_end_matches('/');
    let stream = TcpStream::connect(place).await?;
    if scheme != "pulsar+ssl" {
        return greet(Box::new(stream), settings, through).await;
    }
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
    let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let name = ServerName::try_from(name.to_owned()).map_err(ConnectionError::DnsName)?;
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = &settings.ca {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(ConnectionError::Tls)?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ConnectionError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let secure = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).cloned();
        let plain = || ConnectionError::Unexpected(format!("{error}: it may not speak TLS at this port (pulsar://)"));
        tls.map_or_else(plain, ConnectionError::Tls)
    })?;
    greet(Box::new(secure), settings, through).await
}

/// The certificates of a file; it must have some.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectionError> {
    let wrong = |what: String| ConnectionError::Io(std::io::Error::other(format!("{}: {what}", path.display())));
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match all {
        Ok(all) if all.is_empty() => Err(wrong("there is no certificate (PEM) in it".into())),
        Ok(all) => Ok(all),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Says who we are, and hears what the broker thinks of it.
async fn greet(
    stream: Box<dyn BrokerStream>,
    settings: &BrokerSettings,
    proxy_to_broker_url: Option<String>,
) -> Result<Agreed, ConnectionError> {
    let token = settings.credentials.as_ref().map(Credentials::token).transpose();
    let token = token.map_err(|error| ConnectionError::Authentication(AuthenticationError::Custom(error)))?;
    let connect = CommandConnect {
        auth_method_name: token.is_some().then(|| "token".to_owned()),
        auth_data: token.map(String::into_bytes),
        client_version: client_version(),
        proxy_to_broker_url,
        protocol_version: Some(12),
        ..CommandConnect::default()
    };
    let command =
        BaseCommand { r#type: base_command::Type::Connect as i32, connect: Some(connect), ..BaseCommand::default() };
    let mut stream = Framed::new(stream, Codec);
    stream.send(Message { command, payload: None }).await?;
    match stream.next().await {
        Some(Ok(Message { command: BaseCommand { error: Some(error), .. }, .. })) => {
            Err(ConnectionError::PulsarError(ServerError::try_from(error.error).ok(), Some(error.message)))
        }
        Some(Ok(_)) => Ok(stream),
        Some(Err(error)) => Err(error),
        None => {
            Err(ConnectionError::Unexpected("it hung up when it was greeted: it may speak TLS (pulsar+ssl://)".into()))
        }
    }
}
