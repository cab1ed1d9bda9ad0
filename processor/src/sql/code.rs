//! The codes of refused and broken off questions: stable for ever, each with what to do, one row each in `docs/sql.md`.

use crate::engine::EngineError;

/// Why a question is not answered, where it is neither its words nor the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
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

impl Code {
    /// All of them, in order.
    pub const ALL: [Code; 13] = [
        Code::TooLarge,
        Code::TooManyRelations,
        Code::Memory,
        Code::Time,
        Code::Failed,
        Code::Ended,
        Code::NoProcess,
        Code::OnlyRead,
        Code::Foreign,
        Code::Format,
        Code::PassedOver,
        Code::NotKept,
        Code::NotReached,
    ];

    /// `TL3001`.
    pub fn name(self) -> &'static str {
        match self {
            Code::TooLarge => "TL3001",
            Code::TooManyRelations => "TL3002",
            Code::Memory => "TL3003",
            Code::Time => "TL3004",
            Code::Failed => "TL3005",
            Code::Ended => "TL3006",
            Code::NoProcess => "TL3007",
            Code::OnlyRead => "TL3008",
            Code::Foreign => "TL3009",
            Code::Format => "TL3010",
            Code::PassedOver => "TL3011",
            Code::NotKept => "TL3012",
            Code::NotReached => "TL3013",
        }
    }

    /// What it says.
    pub fn title(self) -> &'static str {
        match self {
            Code::TooLarge => "The statement is larger, or nested deeper, than is planned.",
            Code::TooManyRelations => "The statement reads more tables than are joined, once every `WITH` is put in.",
            Code::Memory => "The question needs more memory than one may have.",
            Code::Time => "The question took longer than it was given.",
            Code::Failed => "The SQL engine failed at the question; nothing else was touched.",
            Code::Ended => "The process that worked at the question ended; the processor goes on.",
            Code::NoProcess => "No process for questions can be started.",
            Code::OnlyRead => "The statement does something else than read.",
            Code::Foreign => "A question by GET that a page of another site could have sent.",
            Code::Format => "The request accepts no format that answers come in.",
            Code::PassedOver => "The statement says something that the answer would not heed.",
            Code::NotKept => "What a metric was at that instant is not kept any more.",
            Code::NotReached => "What a metric was at that instant is not known yet.",
        }
    }

    /// What to do.
    pub fn help(self) -> &'static str {
        match self {
            Code::TooLarge => "ask for less at once, or join with `VALUES` instead of writing conditions one by one",
            Code::TooManyRelations => {
                "a `WITH` is put in wherever it is named: name each once, or ask in several steps"
            }
            Code::Memory => "ask for fewer rows or groups at a time, or shorter texts",
            Code::Time => "ask for less, or allow more with `--timeout`",
            Code::Failed => "write the expression otherwise, with `CAST` where types are mixed",
            Code::Ended => "ask for less at once; the log of the processor says how it ended",
            Code::NoProcess => "see that the system has memory and processes left, and ask again",
            Code::OnlyRead => "tables can only be read, with SELECT, WITH, EXPLAIN, SHOW TABLES or DESCRIBE",
            Code::Foreign => "send the header `timeline-client: 1`, as `timeline watch` does, or ask by POST /v1/query",
            Code::Format => "accept application/json, text/csv or application/vnd.apache.arrow.stream",
            Code::PassedOver => "leave it out if the answer is right without it, or ask as the message says",
            Code::NotKept => "ask of a later instant, bound `session`, or keep more events with `serve --keep`",
            Code::NotReached => "ask of an instant that has been read, or wait for what the source holds with `--sync`",
        }
    }

    /// The error that says so; `what` are the facts, without a full stop.
    pub fn error(self, what: impl std::fmt::Display) -> EngineError {
        let message = format!("[{}] {what}\n  help: {}", self.name(), self.help());
        match self {
            Code::TooLarge
            | Code::TooManyRelations
            | Code::OnlyRead
            | Code::Foreign
            | Code::Format
            | Code::PassedOver => EngineError::invalid(message),
            Code::Memory | Code::NoProcess | Code::NotReached => EngineError::Unavailable(message),
            Code::NotKept => EngineError::Conflict { message, rendered: None },
            Code::Time => EngineError::Timeout(message),
            Code::Failed | Code::Ended => EngineError::Internal(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn the_page_has_a_row_for_every_code() {
        let page = include_str!("../../../docs/sql.md");
        for code in Code::ALL {
            let row = format!("| {} | {} | {} |\n", code.name(), code.title(), code.help());
            assert!(page.contains(&row), "docs/sql.md lacks: {row}");
        }
    }
}
