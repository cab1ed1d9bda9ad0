//! Connections: accepted up to a bound, told to end at the end.
//!
//! hyper is used as it is, because what axum puts around it has no limit on the time that a request's head may take,
//! and none on connections.

use super::App;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How long to wait after a failure to accept, which is most often a lack of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Accepts and serves connections until the end is asked for, and then waits a while for those that there are.
pub(super) async fn accept(listener: TcpListener, router: Router, app: App) {
    let all = u32::try_from(app.options.connections_max.max(1)).unwrap_or(u32::MAX);
    let connections = Arc::new(Semaphore::new(all as usize));
    loop {
        let accepted = async {
            let permit = connections.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = app.closed() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, app) = (router.clone(), app.clone());
                tokio::spawn(async move {
                    connection(stream, router, app).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(app.options.drain_time_max, connections.acquire_many(all)).await;
}

async fn connection(stream: TcpStream, router: Router, app: App) {
    // Answers are written whole, and live ones should not wait for more of themselves.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.options.header_time_max)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    tokio::select! {
        // Errors are of the connection, which nobody is left to be told on.
        _ = connection.as_mut() => return,
        () = app.closed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
