//! The codes of refused and broken off questions: stable for ever, each with what to do, one row each in `docs/sql.md`.

use crate::engine::EngineError;

/// Why a question is not answered, where it is neither its words nor the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryCode {
    /// More text, tokens or nesting than is planned.
    TooLarge,
    /// More tables than are joined, after common table expressions are put in.
    TooManyRelations,
    /// More memory than one question may have.
    Memory,
    /// More time than was given.
    Time,
    /// The library failed.
    Failed,
    /// The process that was at it ended.
    Ended,
    /// No process can be started.
    NoProcess,
    /// Something else than reading.
    OnlyRead,
    /// A request by GET that any web page could send.
    Foreign,
    /// No format of an answer is accepted.
    Format,
    /// A clause that nothing would be done with.
    PassedOver,
    /// An instant of which not enough is kept.
    NotKept,
    /// An instant that the log has not reached.
    NotReached,
}

impl QueryCode {
    /// All of them, in order.
    pub const ALL: [QueryCode; 13] = [
        QueryCode::TooLarge,
        QueryCode::TooManyRelations,
        QueryCode::Memory,
        QueryCode::Time,
        QueryCode::Failed,
        QueryCode::Ended,
        QueryCode::NoProcess,
        QueryCode::OnlyRead,
        QueryCode::Foreign,
        QueryCode::Format,
        QueryCode::PassedOver,
        QueryCode::NotKept,
        QueryCode::NotReached,
    ];

    /// `TL3001`.
    pub fn name(self) -> &'static str {
        match self {
            QueryCode::TooLarge => "TL3001",
            QueryCode::TooManyRelations => "TL3002",
            QueryCode::Memory => "TL3003",
            QueryCode::Time => "TL3004",
            QueryCode::Failed => "TL3005",
            QueryCode::Ended => "TL3006",
            QueryCode::NoProcess => "TL3007",
            QueryCode::OnlyRead => "TL3008",
            QueryCode::Foreign => "TL3009",
            QueryCode::Format => "TL3010",
            QueryCode::PassedOver => "TL3011",
            QueryCode::NotKept => "TL3012",
            QueryCode::NotReached => "TL3013",
        }
    }

    /// What it says.
    pub fn title(self) -> &'static str {
        match self {
            QueryCode::TooLarge => "The statement is larger, or nested deeper, than is planned.",
            QueryCode::TooManyRelations => {
                "The statement reads more tables than are joined, once every `WITH` is put in."
            }
            QueryCode::Memory => "The question needs more memory than one may have.",
            QueryCode::Time => "The question took longer than it was given.",
            QueryCode::Failed => "The SQL engine failed at the question; nothing else was touched.",
            QueryCode::Ended => "The process that worked at the question ended; the processor goes on.",
            QueryCode::NoProcess => "No process for questions can be started.",
            QueryCode::OnlyRead => "The statement does something else than read.",
            QueryCode::Foreign => "A question by GET that a page of another site could have sent.",
            QueryCode::Format => "The request accepts no format that answers come in.",
            QueryCode::PassedOver => "The statement says something that the answer would not heed.",
            QueryCode::NotKept => "What a metric was at that instant is not kept any more.",
            QueryCode::NotReached => "What a metric was at that instant is not known yet.",
        }
    }

    /// What to do.
    pub fn help(self) -> &'static str {
        match self {
            QueryCode::TooLarge => {
                "ask for less at once, or join with `VALUES` instead of writing conditions one by one"
            }
            QueryCode::TooManyRelations => {
                "a `WITH` is put in wherever it is named: name each once, or ask in several steps"
            }
            QueryCode::Memory => "ask for fewer rows or groups at a time, or shorter texts",
            QueryCode::Time => "ask for less, or allow more with `--timeout`",
            QueryCode::Failed => "write the expression otherwise, with `CAST` where types are mixed",
            QueryCode::Ended => "ask for less at once; the log of the processor says how it ended",
            QueryCode::NoProcess => "see that the system has memory and processes left, and ask again",
            QueryCode::OnlyRead => "tables can only be read, with SELECT, WITH, EXPLAIN, SHOW TABLES or DESCRIBE",
            QueryCode::Foreign => {
                "send the header `timeline-client: 1`, as `timeline watch` does, or ask by POST /v1/query"
            }
            QueryCode::Format => "accept application/json, text/csv or application/vnd.apache.arrow.stream",
            QueryCode::PassedOver => "leave it out if the answer is right without it, or ask as the message says",
            QueryCode::NotKept => "ask of a later instant, bound `session`, or keep more events with `serve --keep`",
            QueryCode::NotReached => {
                "ask of an instant that has been read, or wait for what the source holds with `--sync`"
            }
        }
    }

    /// The error that says so; `what` are the facts, without a full stop.
    pub fn error(self, what: impl std::fmt::Display) -> EngineError {
        let message = format!("[{}] {what}\n  help: {}", self.name(), self.help());
        match self {
            QueryCode::TooLarge
            | QueryCode::TooManyRelations
            | QueryCode::OnlyRead
            | QueryCode::Foreign
            | QueryCode::Format
            | QueryCode::PassedOver => EngineError::invalid(message),
            QueryCode::Memory | QueryCode::NoProcess | QueryCode::NotReached => EngineError::Unavailable(message),
            QueryCode::NotKept => EngineError::Conflict { message, rendered: None },
            QueryCode::Time => EngineError::Timeout(message),
            QueryCode::Failed | QueryCode::Ended => EngineError::Internal(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::QueryCode;

    #[test]
    fn the_page_has_a_row_for_every_code() {
        let page = include_str!("../../../docs/sql.md");
        for code in QueryCode::ALL {
            let row = format!("| {} | {} | {} |\n", code.name(), code.title(), code.help());
            assert!(page.contains(&row), "docs/sql.md lacks: {row}");
        }
    }
}
