//! Tickets, and handles of prepared statements: the question itself, so that nothing is kept for who may not come back, and
//! any processor of a state answers what another one was asked.
//!
//! Nothing of them is secret, and nothing is trusted: one that a client makes up is a question like any other.

use crate::sql::StatementParameter;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tonic::Status;

/// The version of these bytes, which stands before them.
const VERSION: u8 = 1;

/// A question that was told and is to be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TicketQuestion {
    pub(super) sql: String,
    /// The values of its parameters.
    pub(super) parameters: Vec<StatementParameter>,
    /// What one who cancels it calls it; none of a prepared statement, which may be asked many times.
    pub(super) id: Option<[u8; 16]>,
}

impl TicketQuestion {
    pub(super) fn of(sql: String) -> TicketQuestion {
        TicketQuestion { sql, ..TicketQuestion::default() }
    }

    /// The same with a name of its own, if the system has random numbers to give.
    pub(super) fn named(self) -> TicketQuestion {
        let mut id = [0; 16];
        let id = getrandom::fill(&mut id).ok().map(|()| id);
        TicketQuestion { id, ..self }
    }

    pub(super) fn encode(&self) -> Bytes {
        let bytes = postcard::to_extend(self, vec![VERSION]);
        bytes.expect("a question is texts and lists of them, which always have bytes").into()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<TicketQuestion, Status> {
        let question = match bytes.split_first() {
            Some((&VERSION, rest)) => postcard::from_bytes(rest).ok(),
            _ => None,
        };
        question.ok_or_else(|| Status::invalid_argument("the ticket, or the handle, is none of this processor"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_what_it_was_and_other_bytes_are_refused() {
        let parameters = vec![StatementParameter { ty: None, text: Some("é".into()) }, StatementParameter::default()];
        let question = TicketQuestion { parameters, ..TicketQuestion::of("SELECT $1".into()) }.named();
        assert!(question.id.is_some());
        let bytes = question.encode();
        assert_eq!(TicketQuestion::decode(&bytes).unwrap(), question);
        for broken in [&bytes[..4], &bytes[1..], &[], b"SELECT 1"] {
            assert_eq!(TicketQuestion::decode(broken).unwrap_err().code(), tonic::Code::InvalidArgument);
        }
    }
}
