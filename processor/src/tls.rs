//! A certificate and its key, and connections that are encrypted with them.

use std::fmt;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::{Accept, TlsAcceptor};

/// The first byte of what a client says who wants to encrypt; no request begins with it.
const HANDSHAKE: u8 = 0x16;

/// What connections are encrypted with.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// Of two files in PEM.
    ///
    /// # Errors
    /// Which of them cannot be read or used, in words.
    pub fn load(certificate: &Path, key: &Path) -> Result<Tls, String> {
        let of = |path: &Path, error: &dyn Display| format!("{}: {error}", path.display());
        let certificates = CertificateDer::pem_file_iter(certificate).map_err(|error| of(certificate, &error))?;
        let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(|error| of(certificate, &error))?;
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| of(key, &error))?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(certificates, private)
            .map_err(|error| of(certificate, &error))?;
        Ok(Tls(TlsAcceptor::from(Arc::new(config))))
    }

    /// The same, with the name of the protocol that clients are told it is for.
    #[cfg(feature = "flight")]
    pub(crate) fn speaking(&self, protocol: &[u8]) -> Tls {
        let mut config = ServerConfig::clone(self.0.config());
        config.alpn_protocols = vec![protocol.to_vec()];
        Tls(TlsAcceptor::from(Arc::new(config)))
    }

    /// Encrypts a connection whose client begins to.
    pub(crate) fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> Accept<S> {
        self.0.accept(stream)
    }

    /// Whether the client of a connection begins to encrypt.
    pub(crate) async fn begins(stream: &TcpStream) -> bool {
        let mut first = [0];
        matches!(stream.peek(&mut first).await, Ok(1)) && first[0] == HANDSHAKE
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(..)")
    }
}
