//! Why there is no answer, as clients of PostgreSQL understand it: a state by which programs decide, our own words and
//! code, what to do, and the place in the statement.

use crate::engine::EngineError;

/// An error or a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PostgresError {
    pub(super) severity: &'static str,
    /// The state of SQL (`SQLSTATE`).
    pub(super) state: &'static str,
    pub(super) message: String,
    pub(super) detail: Option<String>,
    pub(super) help: Option<String>,
    /// The place in the statement, in characters from 1.
    pub(super) position: Option<usize>,
}

impl PostgresError {
    pub(super) fn new(state: &'static str, message: impl Into<String>) -> PostgresError {
        PostgresError { severity: "ERROR", state, message: message.into(), detail: None, help: None, position: None }
    }

    /// One after which the connection ends.
    pub(super) fn fatal(state: &'static str, message: impl Into<String>) -> PostgresError {
        PostgresError { severity: "FATAL", ..PostgresError::new(state, message) }
    }

    /// Something to know.
    pub(super) fn notice(state: &'static str, message: impl Into<String>) -> PostgresError {
        PostgresError { severity: "NOTICE", ..PostgresError::new(state, message) }
    }

    pub(super) fn with_help(self, help: impl Into<String>) -> PostgresError {
        PostgresError { help: Some(help.into()), ..self }
    }

    /// An error of the processor or of SQL, about a statement.
    pub(super) fn of(error: &EngineError, sql: &str) -> PostgresError {
        let text = error.to_string();
        let (message, help) = match text.split_once("\n  help: ") {
            Some((message, help)) => (message, Some(help.to_owned())),
            None => match text.split_once("; ") {
                // What stands behind is what to do.
                Some((message, help)) if !text.starts_with("SQL: ") => (message, Some(help.to_owned())),
                _ => (text.as_str(), None),
            },
        };
        let position = place(&text, sql);
        PostgresError { help, position, ..PostgresError::new(state(error, &text), message) }
    }
}

/// The state that programs decide by.
fn state(error: &EngineError, text: &str) -> &'static str {
    let code = text.strip_prefix('[').and_then(|rest| rest.split(']').next());
    match code {
        Some("TL3001" | "TL3002") => return "54001",
        Some("TL3003") => return "53200",
        Some("TL3004") => return "57014",
        Some("TL3007") => return "53000",
        Some("TL3008") => return "25006",
        Some("TL3011") => return "0A000",
        _ => {}
    }
    // Wherever it stands: it may be why a file cannot be read.
    if text.contains("[TL3122]") {
        return "57P03";
    }
    match error {
        EngineError::NotFound(_) => "42P01",
        EngineError::Timeout(_) => "57014",
        EngineError::Conflict { .. } => "55000",
        EngineError::Unavailable(_) => "53000",
        EngineError::Internal(_) => "XX000",
        EngineError::Invalid { .. } => {
            let is = |words: &[&str]| words.iter().any(|word| text.contains(word));
            if is(&["SQL: ", "there is no SQL", "one statement at a time"]) {
                "42601"
            } else if is(&["there is no column"]) {
                "42703"
            } else if is(&["is a text, and"]) {
                "42804"
            } else if is(&["Ambiguous", "ambiguous"]) {
                "42702"
            } else if is(&["Invalid function", "No function matches", "does not support"]) {
                "42883"
            } else if is(&["ivide by zero", "ivision by zero"]) {
                "22012"
            } else if is(&["beyond 64 bits", "verflow"]) {
                "22003"
            } else if is(&["Cannot cast string", "Error parsing", "error parsing", "is no whole number"]) {
                "22P02"
            } else if is(&["not supported"]) {
                "0A000"
            } else if is(&["there is no value for $"]) {
                "08P01"
            } else {
                "42000"
            }
        }
    }
}

/// The place that a message names: the line and column of the parser, or a name in backquotes.
fn place(message: &str, sql: &str) -> Option<usize> {
    let number = |after: &str| {
        let (_, rest) = message.split_once(after)?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    };
    if let (Some(line), Some(column)) = (number("Line: "), number("Column: ")) {
        let before: usize = sql.split('\n').take(line.checked_sub(1)?).map(|line| line.chars().count() + 1).sum();
        return Some(before + column).filter(|place| *place <= sql.chars().count() + 1);
    }
    let named = message.strip_prefix("there is no table `").or_else(|| message.strip_prefix("there is no column `"))?;
    let name = named.split('`').next()?;
    let name = if sql.contains(name) { name } else { name.rsplit('.').next()? };
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let whole =
        |at: &usize| !is_part(sql[..*at].chars().next_back()) && !is_part(sql[*at + name.len()..].chars().next());
    let at = sql.match_indices(name).map(|(at, _)| at).find(whole)?;
    Some(sql[..at].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_help_and_places_are_those_of_the_statement() {
        let of = |error: EngineError, sql: &str| {
            let failure = PostgresError::of(&error, sql);
            (failure.state, failure.help, failure.position)
        };
        let sql = "SELECT a,\n  béc FROM finals f";
        let missing = EngineError::invalid("there is no column `béc`; there are `a`, `b`");
        assert_eq!(of(missing, sql), ("42703", Some("there are `a`, `b`".into()), Some(13)));
        let syntax = EngineError::invalid("SQL: Expected: end; found: x at Line: 2, Column: 5");
        assert_eq!(of(syntax, sql), ("42601", None, Some(15)));
        let refused = crate::sql::QueryCode::OnlyRead.error("`INSERT` is refused");
        assert_eq!(of(refused.clone(), "INSERT").0, "25006");
        assert_eq!(PostgresError::of(&refused, "INSERT").message, "[TL3008] `INSERT` is refused");
        assert_eq!(of(EngineError::NotFound("there is no table `f`; did you mean".into()), sql).2, Some(29));
        assert_eq!(of(EngineError::NotFound("there is no table `nals`".into()), sql).2, None);
        let away =
            "[TL3122] s3://b has given no answer since then: a GET has had none\n  help: look at the store; or wait";
        assert_eq!(of(EngineError::Unavailable(away.into()), sql).0, "57P03");
        assert_eq!(of(EngineError::Unavailable("ask another one".into()), sql).0, "53000");
        let mixed =
            EngineError::invalid("`a` is a text, and `b` is a number (bigint), and the two are joined; write CAST");
        assert_eq!(of(mixed, sql).0, "42804");
        let cast = EngineError::invalid("Cast error: Cannot cast string 's0' to value of Int64 type");
        assert_eq!(of(cast, sql).0, "22P02");
    }
}
