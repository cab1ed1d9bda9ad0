//! Requests that a web page of somebody else makes a browser send.
//!
//! A page anywhere can make a browser ask this machine, by a picture's address if by nothing else; it cannot read the
//! answer, but the question has been worked at. Browsers say where a request comes from (`sec-fetch-site`, `origin`), and
//! what comes from elsewhere is refused. Those that do not say it are stopped where a request carries a question: by GET
//! it needs a header that no page can send without asking first, which is never granted; by POST the content type is
//! such a header.

use super::HttpApp;
use super::error::HttpError;
use super::token::OPEN;
use crate::sql::QueryCode;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The header that clients send and pages cannot.
pub(super) const CLIENT: &str = "timeline-client";

/// Refuses what a page of another site sends, but for what is open to all.
pub(super) async fn known(State(_): State<HttpApp>, request: Request, next: Next) -> Response {
    let is_open = OPEN.contains(&request.uri().path());
    if !is_open && is_foreign(request.headers()) {
        return refusal().into_response();
    }
    next.run(request).await
}

/// Refuses a question by GET that does not say that a client asks.
pub(super) fn is_client(headers: &HeaderMap) -> Result<(), HttpError> {
    // A token is no less a header that pages cannot send.
    let says = headers.contains_key(CLIENT) || headers.contains_key(AUTHORIZATION);
    if says { Ok(()) } else { Err(refusal()) }
}

fn refusal() -> HttpError {
    let what = QueryCode::Foreign.error("a page of another site could have sent this request");
    HttpError::new(StatusCode::FORBIDDEN, "foreign", what.to_string())
}

fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let host = text(HOST.as_str()).unwrap_or_default();
    text(ORIGIN.as_str()).is_some_and(|origin| {
        origin.split_once("://").is_none_or(|(_, authority)| !authority.eq_ignore_ascii_case(host))
    })
}

#[cfg(test)]
mod tests {
    use super::is_foreign;
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    #[test]
    fn what_comes_from_elsewhere_is_known() {
        let foreign = |headers: &[(&'static str, &'static str)]| {
            let pair = |(name, value): &(&'static str, &'static str)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            is_foreign(&HeaderMap::from_iter(headers.iter().map(pair)))
        };
        let host = ("host", "127.0.0.1:7171");
        for own in [&[host][..], &[host, ("sec-fetch-site", "same-origin")], &[host, ("sec-fetch-site", "none")]] {
            assert!(!foreign(own), "{own:?}");
        }
        assert!(!foreign(&[host, ("origin", "http://127.0.0.1:7171")]));
        for other in ["http://evil.example", "null", "http://127.0.0.1:8000"] {
            assert!(foreign(&[host, ("origin", other)]), "{other}");
        }
        assert!(
            foreign(&[host, ("sec-fetch-site", "cross-site")]) && foreign(&[host, ("sec-fetch-site", "same-site")])
        );
    }
}
