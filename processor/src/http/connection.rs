//! Connections: accepted at once, up to a bound, and told to end at the end.
//!
//! **Invariant:** a connection that asks nothing costs nobody else an answer. All of them are accepted, so nobody waits
//! behind those that came before; each phase of a request has its limit (see [`ConnectionPhase`]); where places run out,
//! for all or for one client, the connection that has waited longest for its client goes; and where all are at work,
//! further ones get a few places of their own, in which [`HEALTH`] is answered and all else is told to come again.
//!
//! hyper is used as it is, because what axum puts around it knows no limits on time, and none on connections.

mod wire;

use super::HttpApp;
use super::error::HttpError;
use crate::connection::{ConnectionPhase, ConnectionSlot, PlaceClass, Socket};
#[cfg(feature = "postgres")]
use crate::tls::Tls;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use wire::{AnswerBody, TimedRequestBody};

/// Whether the server is there; asked by what watches over it, and answered whatever else goes on.
pub(super) const HEALTH: &str = "/healthz";

/// Serves one connection.
pub(super) async fn serve(stream: TcpStream, place: Arc<ConnectionSlot>, router: Router, app: HttpApp) {
    #[cfg(feature = "postgres")]
    if let Some(tls) = app.options.shared.tls.clone()
        && Tls::begins(&stream).await
    {
        // Of a handshake that fails the client knows more than we do.
        if let Ok(stream) = tls.accept(Socket::new(stream, place.clone())).await {
            requests(stream, &place, router, &app).await;
        }
        return;
    }
    requests(Socket::new(stream, place.clone()), &place, router, &app).await;
}

/// Answers the requests of a connection.
async fn requests(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    place: &Arc<ConnectionSlot>,
    router: Router,
    app: &HttpApp,
) {
    let service = service_fn(|request| {
        let (router, place, app) = (router.clone(), place.clone(), app.clone());
        async move { Ok::<_, Infallible>(answer(router, place, &app, request).await) }
    });
    let connection = http1::Builder::new()
        // The limits are those of the place.
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    app.closing.drive(connection, |connection| connection.graceful_shutdown()).await;
}

/// The answer to one request, whose phases the place is told of.
async fn answer(
    router: Router,
    place: Arc<ConnectionSlot>,
    app: &HttpApp,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let phase = if request.body().is_end_stream() { ConnectionPhase::Answer } else { ConnectionPhase::Body };
    place.begin(phase);
    let answered = if place.standing() == PlaceClass::Reserved && request.uri().path() != HEALTH {
        busy(app)
    } else {
        let mut request = request.map(|body| Body::new(TimedRequestBody::new(body, place.clone())));
        request.extensions_mut().insert(place.clone());
        tokio::select! {
            answered = TowerToHyperService::new(router).call(request) => match answered {
                Ok(answered) => answered,
                Err(never) => match never {},
            },
            () = place.is_late_with(ConnectionPhase::Body) => last(HttpError::new(
                StatusCode::REQUEST_TIMEOUT,
                "slow",
                format!("the body of the request did not come within {} s", app.options.body_time_max.as_secs_f64()),
            )),
        }
    };
    place.begin(ConnectionPhase::Answer);
    answered.map(|body| AnswerBody::new(body, place))
}

fn busy(app: &HttpApp) -> Response {
    let message = format!(
        "{} connections are at work, {} at most of one client: ask again",
        app.options.connections_max, app.options.connections_per_client_max
    );
    last(HttpError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message))
}

/// The last answer of a connection.
fn last(refusal: HttpError) -> Response {
    let mut response = refusal.into_response();
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
