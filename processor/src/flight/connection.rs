//! Connections: HTTP/2 with calls beside each other, each place as for the other wires.
//!
//! **Invariant:** a connection counts as at work while any call of it is, and as waiting for its client otherwise,
//! whatever the protocol itself sends to and fro.

use super::FlightApp;
use super::body::{ActiveCalls, FlightAnswerBody, FlightRequestBody};
use super::service::Flight;
use super::token::Guard;
use crate::connection::{ConnectionSlot, PlaceClass, Socket};
use crate::tls::Tls;
use arrow_flight::flight_service_server::FlightServiceServer;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::service::interceptor::InterceptedService;

/// How often a client is asked whether it is still there, and how long it may take to say so.
const ALIVE_EVERY: Duration = Duration::from_secs(20);

/// Serves one connection.
pub(super) async fn serve(stream: TcpStream, place: Arc<ConnectionSlot>, app: FlightApp) {
    let tls = match &app.options.shared.tls {
        Some(tls) if Tls::begins(&stream).await => Some(tls.clone()),
        _ => None,
    };
    let socket = Socket::of_calls(stream, place.clone());
    match tls {
        // Of a handshake that fails the client knows more than we do.
        Some(tls) => {
            if let Ok(stream) = tls.accept(socket).await {
                calls(stream, &place, &app).await;
            }
        }
        None => calls(socket, &place, &app).await,
    }
}

/// Answers the calls of a connection.
async fn calls(stream: impl AsyncRead + AsyncWrite + Unpin, place: &Arc<ConnectionSlot>, app: &FlightApp) {
    let service = FlightServiceServer::new(Flight::new(app.clone()));
    let service = service.max_decoding_message_size(app.options.message_bytes_max);
    let guard = Guard::new(app.options.shared.tokens.clone(), place.clone());
    let service = InterceptedService::new(service, guard);
    let ongoing = ActiveCalls::new(place.clone());
    let is_reserved = place.standing() == PlaceClass::Reserved;
    let (time_max, connections_max) = (app.options.request_time_max, app.options.connections_max);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (mut service, call) = (service.clone(), ongoing.begin());
        async move {
            if is_reserved {
                let busy = Status::unavailable(format!("{connections_max} connections are at work: ask again"));
                return Ok(busy.into_http().map(|body| FlightAnswerBody::new(body, call)));
            }
            let request = request.map(|body| FlightRequestBody::new(body, time_max));
            let answered = service.call(request).await;
            answered.map(|response| response.map(|body| FlightAnswerBody::new(Body::new(body), call)))
        }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(app.options.calls_max)
        .keep_alive_interval(ALIVE_EVERY)
        .keep_alive_timeout(ALIVE_EVERY)
        .serve_connection(TokioIo::new(stream), service);
    app.closing.drive(connection, |connection| connection.graceful_shutdown()).await;
}
