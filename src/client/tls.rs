//! TLS of the client: whose certificates it trusts.
//!
//! The library comes with the client of Pulsar anyway (the same rustls and the same ring), so a build without that has
//! neither and says so; a proxy on this machine can speak TLS for it.

use crate::error::{Error, Result};
use std::path::Path;
use ureq::config::{Config, ConfigBuilder};
use ureq::typestate::AgentScope;

/// What a certificate that nobody trusts is helped by.
pub(super) const HELP: &str = "--ca FILE (or TIMELINE_CA) names certificates to trust, in PEM";

/// The configuration with the certificates to trust: those in a file, else those that browsers trust.
#[cfg(feature = "pulsar")]
pub(crate) fn trusting(config: ConfigBuilder<AgentScope>, ca: Option<&Path>) -> Result<Config> {
    use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
    let Some(path) = ca else { return Ok(config.build()) };
    let wrong = |what: String| Error::Usage(format!("--ca: {} {what}", path.display()));
    let text = std::fs::read(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    let mut certificates = vec![];
    for item in parse_pem(&text) {
        // A key that stands beside them is nothing to trust by.
        if let PemItem::Certificate(certificate) = item.map_err(|e| wrong(format!("is not PEM: {e}")))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(wrong("has no certificate: PEM with BEGIN CERTIFICATE is wanted".into()));
    }
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&certificates)).build();
    Ok(config.tls_config(tls).build())
}

/// This build cannot speak TLS.
#[cfg(not(feature = "pulsar"))]
pub(crate) fn trusting(config: ConfigBuilder<AgentScope>, ca: Option<&Path>) -> Result<Config> {
    match ca {
        None => Ok(config.build()),
        Some(_) => Err(Error::Usage(LACKING.into())),
    }
}

/// What a build without TLS says.
#[cfg(not(feature = "pulsar"))]
pub(super) const LACKING: &str =
    "this build speaks no TLS\n  help: build it with the feature `pulsar`, which brings it, or let a proxy speak TLS";
