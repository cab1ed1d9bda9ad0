//! Who may ask: everybody who shows a token that is known, where there are any, with every call.
//!
//! A header `authorization` shows it: `Bearer TOKEN`, or `Basic` with the token as the password of any user, which drivers
//! send with the handshake and have answered with the first.

use crate::connection::ConnectionSlot;
use crate::tokens::TokenStore;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};
use std::sync::Arc;
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// Base64 with signs at its end or without them, as drivers in Go send it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The header that shows a token.
pub(super) const AUTHORIZATION: &str = "authorization";

/// Stands before every call of a connection.
#[derive(Clone)]
pub(super) struct Guard {
    tokens: Option<TokenStore>,
    place: Arc<ConnectionSlot>,
}

impl Guard {
    pub(super) fn new(tokens: Option<TokenStore>, place: Arc<ConnectionSlot>) -> Guard {
        Guard { tokens, place }
    }
}

impl Interceptor for Guard {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let word = shown(request.metadata());
        let is_known = match &self.tokens {
            None => true,
            Some(tokens) => word.is_some_and(|word| tokens.who(&word).is_some()),
        };
        if !is_known {
            return Err(Status::unauthenticated(
                "this processor answers only those who show its token\n  help: send `authorization: Bearer TOKEN`, or the token as the password of any user",
            ));
        }
        self.place.is_known();
        Ok(request)
    }
}

/// The word that a call shows as a token.
pub(super) fn shown(metadata: &MetadataMap) -> Option<Vec<u8>> {
    let header = metadata.get(AUTHORIZATION)?.as_encoded_bytes();
    let after = |scheme: &[u8]| {
        let is_it = header.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme));
        is_it.then(|| &header[scheme.len()..])
    };
    if let Some(word) = after(b"bearer ") {
        return Some(word.to_vec());
    }
    let pair = BASE64.decode(after(b"basic ")?).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair[colon + 1..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_bearer_or_a_password() {
        let shows = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert(AUTHORIZATION, text.parse().unwrap());
            shown(&metadata).map(|word| String::from_utf8(word).unwrap())
        };
        let basic = |pair: &str| format!("Basic {}", BASE64.encode(pair));
        assert_eq!(shows("Bearer s3cret"), Some("s3cret".into()));
        assert_eq!(shows("bearer s3cret"), Some("s3cret".into()));
        assert_eq!(shows(&basic("anybody:s3:cret")), Some("s3:cret".into()));
        assert_eq!(shows(&basic(":s3cret")), Some("s3cret".into()));
        assert_eq!(shows(basic("me:s3cret").trim_end_matches('=')), Some("s3cret".into()));
        for wrong in ["s3cret", "Basic s3cret", &basic("s3cret"), "Digest x"] {
            assert_eq!(shows(wrong), None, "{wrong}");
        }
        assert_eq!(shown(&MetadataMap::new()), None);
    }
}
