//! Asking the other members over HTTP.

use std::sync::Arc;
use std::time::Duration;

use timeline_core::plan::Plan;
use ureq::Agent;

use super::wire::{PeerQuestion, decode};
use crate::checkpoint::StateLocation;
use crate::members::Member;
use crate::partition::PartitionAnswer;
use crate::tokens::TokenStore;

/// How long a connection to a member may take to open.
const CONNECT: Duration = Duration::from_secs(1);
/// How long a member may take to say that it is there.
const THERE: Duration = Duration::from_secs(1);
/// How long an answer that waits for nothing may take, and how much longer than it waits one that does.
const ANSWER: Duration = Duration::from_secs(10);
/// Most of an answer that is taken in.
const BYTES_MAX: u64 = 1 << 32;

/// How this member asks the others.
#[derive(Clone)]
pub(crate) struct Peers {
    agent: Agent,
    tokens: Option<TokenStore>,
}

/// Why a member gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the processor at {address}: {reason}")]
pub(crate) struct Refused {
    /// Where it was asked.
    pub address: String,
    /// What went wrong.
    pub reason: String,
}

impl Peers {
    /// Asks with the processor's own one of these tokens.
    pub(crate) fn new(tokens: Option<TokenStore>) -> Peers {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .user_agent(concat!("timeline-processor/", env!("CARGO_PKG_VERSION")))
            .build();
        Peers { agent: config.new_agent(), tokens }
    }

    /// The answers of some members, all asked at a time; each gives those of its partitions, or says why not.
    pub(crate) fn answers(
        &self,
        members: &[Member],
        question: &PeerQuestion,
        plans: &[Arc<Plan>],
        place: &StateLocation,
    ) -> Vec<Result<Vec<PartitionAnswer>, Refused>> {
        let body = serde_json::to_vec(question).expect("a question is plain data");
        let limit = Duration::from_millis(question.sync_ms.unwrap_or(0)) + ANSWER;
        std::thread::scope(|scope| {
            let ask = |member: &Member| {
                let (address, body) = (member.address.clone(), &body);
                scope.spawn(move || {
                    let refused = |reason: String| Refused { address: address.clone(), reason };
                    // One that is frozen must not hold up an answer that waits for nothing.
                    if question.sync_ms.is_none() && !self.is_there(&address) {
                        return Err(refused("it does not answer".into()));
                    }
                    let bytes = self.send(&address, "/v1/peer/answers", Some(body), limit).map_err(refused)?;
                    decode(&bytes, plans, place).map_err(|error| refused(error.to_string()))
                })
            };
            let asked: Vec<_> = members.iter().map(ask).collect();
            asked.into_iter().map(|thread| thread.join().expect("asking does not panic")).collect()
        })
    }

    /// The version of the programs that a member runs.
    pub(crate) fn programs(&self, address: &str) -> Result<u64, Refused> {
        let refused = |reason: String| Refused { address: address.to_owned(), reason };
        let bytes = self.send(address, "/v1/peer/programs", None, THERE).map_err(refused)?;
        String::from_utf8_lossy(&bytes).trim().parse().map_err(|_| refused("it does not say what it runs".into()))
    }

    /// Whether something there answers as a processor does. One that is frozen or gone does not.
    pub(crate) fn is_there(&self, address: &str) -> bool {
        self.send(address, "/healthz", None, THERE).is_ok()
    }

    fn send(&self, address: &str, path: &str, body: Option<&[u8]>, limit: Duration) -> Result<Vec<u8>, String> {
        let url = format!("{address}{path}");
        let token = self.tokens.as_ref().map(|tokens| tokens.own().header());
        let response = match body {
            Some(body) => {
                let request = self.agent.post(&url).content_type("application/json");
                let request = token.iter().fold(request, |request, token| request.header("authorization", token));
                request.config().timeout_global(Some(limit)).build().send(body)
            }
            None => {
                let request = self.agent.get(&url);
                let request = token.iter().fold(request, |request, token| request.header("authorization", token));
                request.config().timeout_global(Some(limit)).build().call()
            }
        };
        let response = response.map_err(|error| error.to_string())?;
        let status = response.status();
        let bytes = response.into_body().into_with_config().limit(BYTES_MAX).read_to_vec();
        let bytes = bytes.map_err(|error| error.to_string())?;
        if status.is_success() {
            return Ok(bytes);
        }
        let message = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
        let message = message.and_then(|body| Some(body.get("message")?.as_str()?.to_owned()));
        Err(message.unwrap_or_else(|| status.to_string()))
    }
}
