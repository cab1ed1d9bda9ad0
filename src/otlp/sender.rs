//! Batches on their way: each is sent until it is taken, refused for what it is, or the end comes.

use super::link::{CollectorLink, Signal};
use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::http::StatusCode;

/// The pause before the second attempt, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// The most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Sends one signal, on the thread that asks for it.
#[derive(Debug)]
pub(super) struct SignalSender {
    agent: Agent,
    signal: Signal,
    link: Arc<CollectorLink>,
}

impl SignalSender {
    pub(super) fn new(agent: Agent, signal: Signal, link: Arc<CollectorLink>) -> SignalSender {
        SignalSender { agent, signal, link }
    }

    fn send(&self, request: Request<&[u8]>) -> Result<Response<Bytes>, ureq::Error> {
        let (parts, mut body) = self.agent.run(request)?.into_parts();
        let bytes = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Response::from_parts(parts, Bytes::from(bytes)))
    }
}

#[async_trait]
impl HttpClient for SignalSender {
    /// Blocks: the library calls it on a thread that does nothing else.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let (mut pause, longest) = PAUSES;
        loop {
            if self.link.is_given_up(self.signal) {
                return Err("the end came first".into());
            }
            let why = match self.send(Request::from_parts(parts.clone(), &body[..])) {
                Ok(response) if response.status().is_success() => {
                    self.link.note_taken(self.signal);
                    return Ok(response);
                }
                Ok(response) => {
                    let why = format!("it answers with status {}", response.status());
                    if !may_pass(response.status()) {
                        self.link.note_failure(self.signal, &why);
                        return Ok(response);
                    }
                    why
                }
                Err(error) => error.to_string(),
            };
            self.link.note_failure(self.signal, &why);
            if !self.link.pause(pause) {
                return Err(why.into());
            }
            pause = (pause * 2).min(longest);
        }
    }
}

/// Whether the same batch may be taken later: what the protocol (OTLP/HTTP, "Retryable Response Codes") says.
fn may_pass(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}
