//! Who may ask: everybody who knows a token, where there are any; and who may change what runs.

use super::HttpApp;
use super::connection::HEALTH;
use super::error::HttpError;
use super::openapi;
use crate::connection::ConnectionSlot;
use crate::tokens::{Role, Who};
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// The word that a header shows as a token.
fn shown(header: &HeaderValue) -> Option<&[u8]> {
    let shown = header.as_bytes();
    let is_token = shown.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
    is_token.then(|| &shown[7..])
}

/// What needs no token, and may be gone to from the page of another site: whether the server is there at all and how it is
/// asked is no secret, and the page asks for the token itself.
pub(super) const OPEN: [&str; 3] = [HEALTH, "/", openapi::PATH];

/// Who sent a request, and from where.
#[derive(Clone, Debug)]
pub(super) struct RequestSender {
    /// Where there are tokens.
    pub(super) who: Option<Who>,
    pub(super) from: Option<IpAddr>,
}

/// Refuses requests without a token that is known.
pub(super) async fn known(State(app): State<HttpApp>, mut request: Request, next: Next) -> Response {
    let word = request.headers().get(AUTHORIZATION).and_then(shown);
    let who = app.options.shared.tokens.as_ref().and_then(|tokens| tokens.who(word?));
    let is_known = app.options.shared.tokens.is_none() || who.is_some();
    let place = request.extensions().get::<Arc<ConnectionSlot>>().cloned();
    if let Some(place) = place.as_ref().filter(|_| is_known) {
        place.is_known();
    }
    request.extensions_mut().insert(RequestSender { who, from: place.map(|place| place.client()) });
    if is_known || OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let message = "this processor answers only those who show its token: --token-file FILE, or TIMELINE_TOKEN";
    let mut response = HttpError::new(StatusCode::UNAUTHORIZED, "token", message).into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Refuses those who may only ask.
pub(super) async fn deploys(request: Request, next: Next) -> Response {
    let who = request.extensions().get::<RequestSender>().and_then(|sender| sender.who.as_ref());
    if let Some(who) = who.filter(|who| who.role < Role::Deployer) {
        let message = format!(
            "the token of `{}` is one of a {}: what runs is changed with one of a {}",
            who.name,
            who.role.name(),
            Role::Deployer.name()
        );
        return HttpError::new(StatusCode::FORBIDDEN, "role", message).into_response();
    }
    next.run(request).await
}

/// Writes down who changed what runs, or tried to.
pub(super) fn audit<T>(sender: &RequestSender, what: &str, names: &str, done: &Result<T, crate::engine::EngineError>) {
    let who = sender.who.as_ref().map_or("anybody", |who| who.name.as_str());
    let from = sender.from.map_or_else(|| "unknown".to_owned(), |from| from.to_string());
    let result = done.as_ref().err().map_or("done", |error| error.code());
    tracing::info!(target: "audit", who, from, what, names, result);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_word_in_a_header() {
        let shows = |text: &'static str| shown(&HeaderValue::from_static(text)).map(<[u8]>::to_vec);
        assert_eq!(shows("Bearer s3cret"), Some(b"s3cret".to_vec()));
        assert_eq!(shows("bearer s3cret"), Some(b"s3cret".to_vec()));
        assert_eq!(shows("Bearer "), Some(vec![]));
        for wrong in ["Bearer", "Basic s3cret", "s3cret"] {
            assert_eq!(shows(wrong), None, "{wrong}");
        }
    }
}
