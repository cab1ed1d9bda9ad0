//! What of a text is answered by the connection itself: transactions, settings, cursors and the like, as tools send them.
//!
//! The text is only cut into statements and words here; whatever is no command goes to a process that reads SQL.

use super::copy::{CopyOut, copy};

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PostgresCommand {
    /// Nothing but blanks and comments.
    Empty,
    /// To be worked at as SQL.
    Question,
    Begin,
    /// Ends a transaction: `COMMIT`, or `ROLLBACK`.
    Commit,
    Rollback,
    /// `SAVEPOINT`, `RELEASE`, with its tag.
    Savepoint(&'static str),
    /// `ROLLBACK TO`.
    RollbackTo,
    Set {
        name: String,
        value: Option<String>,
    },
    Show(String),
    ShowAll,
    /// `RESET`, of one setting or of all.
    Reset(Option<String>),
    /// `DISCARD`.
    Discard(bool),
    /// `DEALLOCATE`, of one statement or of all.
    Deallocate(Option<String>),
    /// `CLOSE`, of one cursor or of all.
    Close(Option<String>),
    Declare {
        name: String,
        query: String,
    },
    Fetch {
        name: String,
        rows: Option<u32>,
        /// `MOVE`: the rows are not told.
        moves: bool,
    },
    /// `COPY ... TO STDOUT`.
    Copy(Box<CopyOut>),
    /// What has no effect here, with its tag: `LISTEN`, `UNLISTEN`, `NOTIFY`, `LOCK`.
    Nothing(&'static str),
    /// What cannot be meant here, and why.
    Refused(&'static str, String),
}

/// The statements of a text, parted by `;`.
pub(super) fn statements(sql: &str) -> Vec<&str> {
    let mut all = vec![];
    let mut start = 0;
    for (at, piece) in pieces(sql) {
        if piece == ";" {
            all.push(&sql[start..at]);
            start = at + 1;
        }
    }
    all.push(&sql[start..]);
    all.retain(|statement| words(statement).next().is_some());
    all
}

/// The pieces of a text, with their places: words, quoted texts, single characters; without blanks and comments.
pub(super) fn pieces(sql: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = &sql[at..];
            let first = rest.chars().next()?;
            let length = match first {
                c if c.is_whitespace() => {
                    at += c.len_utf8();
                    continue;
                }
                '-' if rest.starts_with("--") => {
                    at += rest.find('\n').unwrap_or(rest.len());
                    continue;
                }
                '/' if rest.starts_with("/*") => {
                    at += comment(rest);
                    continue;
                }
                '\'' | '"' => quoted(rest, first),
                '$' => dollars(rest),
                c if c.is_alphanumeric() || c == '_' => {
                    rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len())
                }
                c => c.len_utf8(),
            };
            let piece = (at, &rest[..length]);
            at += length;
            return Some(piece);
        }
    })
}

/// The length of a comment, in which others may stand.
fn comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a quoted text; quotes in it are doubled.
fn quoted(rest: &str, quote: char) -> usize {
    let mut ends = rest[1..].match_indices(quote).map(|(at, _)| at + 1).peekable();
    while let Some(end) = ends.next() {
        if ends.next_if_eq(&(end + 1)).is_none() {
            return end + 1;
        }
    }
    rest.len()
}

/// The length of a text between `$tag$`, or of a parameter.
fn dollars(rest: &str) -> usize {
    let end = rest[1..].find(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(rest.len(), |at| at + 1);
    let is_tag = rest[end..].starts_with('$') && !rest[1..end].starts_with(|c: char| c.is_ascii_digit());
    if !is_tag {
        return end;
    }
    let tag = &rest[..=end];
    rest[tag.len()..].find(tag).map_or(rest.len(), |at| at + 2 * tag.len())
}

fn words(sql: &str) -> impl Iterator<Item = &str> {
    pieces(sql).map(|(_, piece)| piece)
}

/// A name or a text without its quotes; names without quotes in small letters.
fn plain(piece: &str) -> String {
    for quote in ['\'', '"'] {
        if let Some(inner) = piece.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner.replace(&format!("{quote}{quote}"), &quote.to_string());
        }
    }
    piece.to_ascii_lowercase()
}

/// What a statement is.
pub(super) fn command(sql: &str) -> PostgresCommand {
    let words: Vec<&str> = words(sql).take(64).filter(|word| *word != ";").collect();
    let upper: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
    let upper: Vec<&str> = upper.iter().map(String::as_str).collect();
    let named = |place: usize| words.get(place).map(|word| plain(word));
    match upper.as_slice() {
        [] => PostgresCommand::Empty,
        ["BEGIN", ..] | ["START", "TRANSACTION", ..] => PostgresCommand::Begin,
        ["COMMIT" | "END", ..] => PostgresCommand::Commit,
        ["ROLLBACK", rest @ ..] if rest.contains(&"TO") => PostgresCommand::RollbackTo,
        ["ROLLBACK" | "ABORT", ..] => PostgresCommand::Rollback,
        ["SAVEPOINT", ..] => PostgresCommand::Savepoint("SAVEPOINT"),
        ["RELEASE", ..] => PostgresCommand::Savepoint("RELEASE"),
        ["SET", rest @ ..] => set(rest, &words[1..]),
        ["SHOW", "ALL"] => PostgresCommand::ShowAll,
        ["SHOW", "TRANSACTION", "ISOLATION", "LEVEL"] => PostgresCommand::Show("transaction_isolation".into()),
        ["SHOW", "TIME", "ZONE"] => PostgresCommand::Show("TimeZone".into()),
        ["SHOW", "SESSION", "AUTHORIZATION"] => PostgresCommand::Show("session_authorization".into()),
        // Lists of tables and the like are SQL here.
        ["SHOW", "TABLES" | "FUNCTIONS" | "COLUMNS"] => PostgresCommand::Question,
        ["SHOW", _] => named(1).map_or(PostgresCommand::Question, PostgresCommand::Show),
        ["RESET", "ALL"] => PostgresCommand::Reset(None),
        ["RESET", _] => PostgresCommand::Reset(named(1)),
        ["DISCARD", what] => PostgresCommand::Discard(*what == "ALL"),
        ["DEALLOCATE", "PREPARE", name] | ["DEALLOCATE", name] => match *name {
            "ALL" => PostgresCommand::Deallocate(None),
            _ => PostgresCommand::Deallocate(named(words.len() - 1)),
        },
        ["CLOSE", "ALL"] => PostgresCommand::Close(None),
        ["CLOSE", _] => PostgresCommand::Close(named(1)),
        ["DECLARE", ..] => declare(sql),
        ["FETCH", rest @ ..] => fetch(rest, &words[1..], false),
        ["MOVE", rest @ ..] => fetch(rest, &words[1..], true),
        ["LISTEN", ..] => PostgresCommand::Nothing("LISTEN"),
        ["UNLISTEN", ..] => PostgresCommand::Nothing("UNLISTEN"),
        ["LOCK", ..] => PostgresCommand::Nothing("LOCK TABLE"),
        ["COPY", ..] => match copy(sql) {
            Ok(copy) => PostgresCommand::Copy(Box::new(copy)),
            Err((state, why)) => PostgresCommand::Refused(state, why),
        },
        ["PREPARE" | "EXECUTE", ..] => {
            PostgresCommand::Refused("0A000", "statements are prepared by the protocol, and not by PREPARE".into())
        }
        _ => PostgresCommand::Question,
    }
}

fn set(upper: &[&str], words: &[&str]) -> PostgresCommand {
    let skipped = usize::from(matches!(upper.first(), Some(&"SESSION" | &"LOCAL")) && upper.len() > 1);
    let (upper, words) = (&upper[skipped..], &words[skipped..]);
    let set = |name: &str, value: &[&str]| {
        let value = match value {
            [word] if word.eq_ignore_ascii_case("default") => None,
            words => Some(words.iter().map(|word| plain(word)).collect::<Vec<_>>().join(" ").replace(" , ", ", ")),
        };
        PostgresCommand::Set { name: name.to_owned(), value }
    };
    match upper {
        // It reads, whatever is asked for.
        ["TRANSACTION" | "CHARACTERISTICS" | "ROLE" | "AUTHORIZATION" | "CONSTRAINTS", ..] => {
            PostgresCommand::Nothing("SET")
        }
        ["TIME", "ZONE", ..] => set("TimeZone", &words[2..]),
        ["NAMES", ..] => set("client_encoding", &words[1..]),
        [_, "TO" | "=", _, ..] => set(&plain(words[0]), &words[2..]),
        _ => PostgresCommand::Refused("42601", "write SET name TO value".into()),
    }
}

fn declare(sql: &str) -> PostgresCommand {
    let mut pieces = pieces(sql).skip(1);
    let (Some((_, name)), Some((end, _))) = (pieces.next(), pieces.find(|(_, word)| word.eq_ignore_ascii_case("for")))
    else {
        return PostgresCommand::Refused("42601", "write DECLARE name CURSOR FOR SELECT ...".into());
    };
    PostgresCommand::Declare { name: plain(name), query: sql[end + 3..].trim_end_matches(';').to_owned() }
}

fn fetch(upper: &[&str], words: &[&str], moves: bool) -> PostgresCommand {
    let Some((name, upper)) = words.last().map(|word| plain(word)).zip(upper.split_last().map(|(_, rest)| rest)) else {
        return PostgresCommand::Refused("42601", "write FETCH count FROM name".into());
    };
    let upper: Vec<&str> = upper.iter().copied().filter(|word| !matches!(*word, "FROM" | "IN" | "FORWARD")).collect();
    let rows = match upper.as_slice() {
        [] | ["NEXT"] => Some(1),
        ["ALL"] => None,
        [count] => match count.parse() {
            Ok(count) => Some(count),
            Err(_) => {
                return PostgresCommand::Refused("0A000", "cursors only go forward: FETCH count FROM name".into());
            }
        },
        _ => return PostgresCommand::Refused("0A000", "cursors only go forward: FETCH count FROM name".into()),
    };
    PostgresCommand::Fetch { name, rows, moves }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_where_statements_end() {
        let sql = "SELECT ';', \"a;b\" -- ;\n; /* ; /* ; */ */ BEGIN;; $x$ ; $x$; SELECT $1;";
        let all: Vec<&str> = statements(sql).into_iter().map(str::trim).collect();
        let second = "/* ; /* ; */ */ BEGIN";
        assert_eq!(all, ["SELECT ';', \"a;b\" -- ;", second, "$x$ ; $x$", "SELECT $1"]);
        assert_eq!(command(second), PostgresCommand::Begin);
        assert_eq!(statements(" -- nothing\n ; "), Vec::<&str>::new());
        // What does not end is one statement.
        assert_eq!(statements("SELECT 'a; /* $$ ;").len(), 1);
        assert_eq!(statements("SELECT 'it''s; ' ; x").len(), 2);
    }

    #[test]
    fn tools_commands_are_known() {
        let set = |name: &str, value: &str| PostgresCommand::Set { name: name.into(), value: Some(value.into()) };
        assert_eq!(command("SET extra_float_digits = 3"), set("extra_float_digits", "3"));
        assert_eq!(command("set SESSION application_name to 'It''s'"), set("application_name", "It's"));
        assert_eq!(command("SET search_path = public, \"Mine\""), set("search_path", "public, Mine"));
        assert_eq!(command("SET TIME ZONE 'Europe/Berlin'"), set("TimeZone", "Europe/Berlin"));
        assert_eq!(
            command("SET statement_timeout TO DEFAULT"),
            PostgresCommand::Set { name: "statement_timeout".into(), value: None }
        );
        assert_eq!(command("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"), PostgresCommand::Nothing("SET"));
        assert_eq!(command("BEGIN TRANSACTION READ ONLY"), PostgresCommand::Begin);
        assert_eq!(command("ROLLBACK TO SAVEPOINT a"), PostgresCommand::RollbackTo);
        assert_eq!(command("SHOW TRANSACTION ISOLATION LEVEL;"), PostgresCommand::Show("transaction_isolation".into()));
        assert_eq!(command("SHOW TABLES"), PostgresCommand::Question);
        assert_eq!(command("DEALLOCATE PREPARE \"S_1\""), PostgresCommand::Deallocate(Some("S_1".into())));
        assert_eq!(command("DISCARD ALL"), PostgresCommand::Discard(true));
        let declared = command("DECLARE \"C\" NO SCROLL CURSOR WITHOUT HOLD FOR SELECT 1 AS forty");
        assert_eq!(declared, PostgresCommand::Declare { name: "C".into(), query: " SELECT 1 AS forty".into() });
        let fetch = |rows, moves| PostgresCommand::Fetch { name: "c".into(), rows, moves };
        assert_eq!(command("FETCH FORWARD 10 FROM c"), fetch(Some(10), false));
        assert_eq!(command("FETCH ALL IN C"), fetch(None, false));
        assert_eq!(command("MOVE c"), fetch(Some(1), true));
        assert!(matches!(command("FETCH BACKWARD 1 FROM c"), PostgresCommand::Refused("0A000", _)));
        assert_eq!(command("INSERT INTO finals VALUES (1)"), PostgresCommand::Question);
        assert_eq!(command("SELECT 1"), PostgresCommand::Question);
    }
}
