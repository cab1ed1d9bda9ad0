//! Why there is no answer, as clients of gRPC understand it: a status by which programs decide, our own words and code,
//! and what to do.

use crate::engine::EngineError;
use crate::sql::QueryCode;
use tonic::Status;

/// The status of an error of the processor or of SQL.
pub(super) fn status(error: &EngineError) -> Status {
    let text = error.to_string();
    let code = QueryCode::ALL.into_iter().find(|code| text.starts_with(&format!("[{}]", code.name())));
    let as_status = match code {
        Some(
            QueryCode::TooLarge
            | QueryCode::TooManyRelations
            | QueryCode::Foreign
            | QueryCode::Format
            | QueryCode::PassedOver,
        ) => Status::invalid_argument,
        Some(QueryCode::NotKept) => Status::failed_precondition,
        Some(QueryCode::Memory) => Status::resource_exhausted,
        Some(QueryCode::Time) => Status::deadline_exceeded,
        Some(QueryCode::Failed | QueryCode::Ended) => Status::internal,
        Some(QueryCode::NoProcess | QueryCode::NotReached) => Status::unavailable,
        Some(QueryCode::OnlyRead) => Status::permission_denied,
        None => match error {
            EngineError::NotFound(_) => Status::not_found,
            EngineError::Invalid { .. } => Status::invalid_argument,
            EngineError::Conflict { .. } => Status::failed_precondition,
            EngineError::Timeout(_) => Status::deadline_exceeded,
            EngineError::Unavailable(_) => Status::unavailable,
            EngineError::Internal(_) => Status::internal,
        },
    };
    as_status(text)
}

/// The refusal of what would change something.
pub(super) fn only_read(what: &str) -> Status {
    status(&QueryCode::OnlyRead.error(format!("{what} is refused")))
}

/// A fault of ours.
pub(super) fn fault(error: impl std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_can_be_done_and_keeps_our_code() {
        let named = |code: QueryCode| format!("{:?}", status(&code.error("so it is")).code());
        let all: Vec<String> = QueryCode::ALL.into_iter().map(named).collect();
        let expected = [
            "InvalidArgument",
            "InvalidArgument",
            "ResourceExhausted",
            "DeadlineExceeded",
            "Internal",
            "Internal",
            "Unavailable",
            "PermissionDenied",
            "InvalidArgument",
            "InvalidArgument",
            "InvalidArgument",
            "FailedPrecondition",
            "Unavailable",
        ];
        assert_eq!(all, expected);
        let refused = only_read("an update");
        assert!(refused.message().starts_with("[TL3008] an update is refused\n  help: tables"), "{refused}");
        let missing = status(&EngineError::NotFound("there is no table `a`".into()));
        assert_eq!((missing.code(), missing.message()), (tonic::Code::NotFound, "there is no table `a`"));
    }
}
