//! Who may ask: everybody who knows the token, where there is one.
//!
//! Tokens are compared by their digests, which takes the same time wherever two of them differ.

use super::App;
use super::connection::HEALTH;
use super::error::Refusal;
use crate::connection::Place;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::fmt;
use std::sync::Arc;

/// A secret that requests must bring as `Authorization: Bearer TOKEN`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token in a text, blanks around it left out; `None` where nothing usable is there.
    ///
    /// It is one word of visible ASCII, as a header takes it.
    pub fn new(text: &str) -> Option<Token> {
        let token = text.trim();
        let usable = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        usable.then(|| Token(token.to_owned()))
    }

    /// The value of the header that shows it.
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    fn is_shown_by(&self, header: &HeaderValue) -> bool {
        let shown = header.as_bytes();
        let scheme = shown.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
        scheme && self.is(&shown[7..])
    }

    /// Whether it is this word, which takes the same time wherever they differ.
    pub(crate) fn is(&self, word: &[u8]) -> bool {
        blake3::hash(word) == blake3::hash(self.0.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What needs no token: whether the server is there at all is no secret, and the page asks for the token itself.
const OPEN: [&str; 2] = [HEALTH, "/"];

/// Refuses requests without the token.
pub(super) async fn known(State(app): State<App>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(AUTHORIZATION);
    let is_known = app.options.token.as_ref().is_none_or(|token| shown.is_some_and(|shown| token.is_shown_by(shown)));
    if is_known && let Some(place) = request.extensions().get::<Arc<Place>>() {
        place.is_known();
    }
    if is_known || OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let message = "this processor answers only those who show its token: --token-file FILE, or TIMELINE_TOKEN";
    let mut response = Refusal::new(StatusCode::UNAUTHORIZED, "token", message).into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_known() {
        let token = Token::new(" s3cret\n").unwrap();
        let shown = |text: &'static str| token.is_shown_by(&HeaderValue::from_static(text));
        assert!(shown("Bearer s3cret") && shown("bearer s3cret"));
        for wrong in ["Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Bearer S3cret", "Basic s3cret", "s3cret"]
        {
            assert!(!shown(wrong), "{wrong}");
        }
        assert_eq!(token.header(), "Bearer s3cret");
        assert!(Token::new(" \n").is_none() && Token::new("two words").is_none());
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
