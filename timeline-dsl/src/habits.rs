//! What people write who come from SQL, PromQL, KQL, Flux or a programming language, and what this language writes instead.
//!
//! A habit is a mistake with a fix; where its meaning is plain it is read as meant, so that it is said once and what stands
//! around it is still checked. Nothing of it is accepted: a program with a habit in it does not compile.
//!
//! **Invariant:** what a help line shows between backticks, and is no mere name, compiles where its names are defined; a
//! test compiles every one.

mod functions;
mod words;

pub(crate) use functions::function;
pub(crate) use words::{beginning, pipe, word};

/// The most bytes of a program that a help line repeats: messages stay short, and their making linear.
pub(crate) const REPEATED_MAX: usize = 80;

/// The sign that is meant by another one, or by a word, between two operands.
pub(crate) fn infix(written: &str) -> Option<&'static str> {
    Some(match written {
        "=" | "===" => "==",
        "<>" | "!==" => "!=",
        word if word.eq_ignore_ascii_case("and") => "&&",
        word if word.eq_ignore_ascii_case("or") => "||",
        _ => return None,
    })
}

/// The unit of time that is meant by a word, such as `minutes`.
pub(crate) fn unit(written: &str) -> Option<&'static str> {
    Some(match written.to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => "ms",
        "us" | "µs" | "μs" | "usec" | "micros" | "microsecond" | "microseconds" => "us",
        "ns" | "nsec" | "nanos" | "nanosecond" | "nanoseconds" => "ns",
        _ => return None,
    })
}

/// What a comparison of texts by a pattern is here.
pub(crate) const PATTERNS: &str =
    "texts are compared with `starts_with(text, \"a\")`, `ends_with(text, \"a\")` and `contains(text, \"a\")`";

/// Signs of other languages that begin a text, and what to write instead.
const SIGNS: [(&str, &str); 10] = [
    ("=~", PATTERNS),
    ("!~", PATTERNS),
    ("->", "one event behind another is `followed_by(a, b, 5m)`"),
    (
        "|>",
        "behind a metric stand `| aggregate(sum)` and `| keep spans`; conditions stand inside: `duration_where(state)`",
    ),
    ("=>", "a choice is written `if(condition, a, b)`"),
    ("::", "the type of a column is declared in its source: `column: int`"),
    ("+=", "nothing is assigned: sums grow by themselves, `sum(event)`, `count(event)`"),
    ("-=", "nothing is assigned: sums grow by themselves, `sum(event)`, `count(event)`"),
    ("++", "nothing is assigned: sums grow by themselves, `sum(event)`, `count(event)`"),
    ("??", "did you mean `coalesce(a, b)`?"),
];

/// A sign of another language at the beginning of a text, and what to write instead.
pub(crate) fn sign(text: &str) -> Option<(&'static str, &'static str)> {
    SIGNS.into_iter().find(|(sign, _)| text.starts_with(sign))
}

/// How a window is written.
const WINDOW: &str = "a window stands behind a number: `count(event) over last 5m`, `sum(event) over last 5m`";

/// What is meant by a bracket at the beginning of a text: all of it as it is written, and what to write instead.
/// `is_behind` says that it stands right behind a name or a bracket.
pub(crate) fn bracket(text: &str, is_behind: bool) -> (&str, &'static str) {
    const LIST: &str = "a list stands in parentheses: `x in (\"a\", \"b\")`";
    let one = &text[..1];
    let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.split(['\n', '[']).next()) else {
        return (one, LIST);
    };
    let Some(length) = inner.find(']').filter(|_| is_behind) else { return (one, LIST) };
    let (inner, whole) = (inner[..length].trim(), &text[..length + 2]);
    let is_length = |part: &str| {
        part.is_empty() || part.starts_with(|c: char| c.is_ascii_digit()) && part.ends_with(|c: char| c.is_alphabetic())
    };
    if !inner.is_empty() && inner.split(':').all(is_length) {
        return (whole, WINDOW);
    }
    (whole, "a member of an object is a column of its own: `column: string from \"tags.name\"` in the source")
}

/// Whether a bracket at the beginning of a text, right behind a name, holds what other languages have there: a window, or an
/// index that no column stands behind, as it does where a table is asked: `tariff["north"].price`.
pub(crate) fn is_index(text: &str) -> bool {
    let (whole, help) = bracket(text, true);
    let inner = whole.trim_matches(['[', ']']).trim();
    let is_constant = inner.is_empty() || inner.starts_with(|c: char| c.is_ascii_digit() || c == '"' || c == '\'');
    let names_column = text[whole.len()..].strip_prefix('.').is_some_and(|rest| rest.starts_with(char::is_alphabetic));
    whole.len() > 1 && (help == WINDOW || is_constant && !names_column)
}

/// What to write in place of a name of another language, such as `null`.
pub(crate) fn name(written: &str) -> Option<&'static str> {
    Some(match written.to_ascii_lowercase().as_str() {
        "null" | "none" | "nil" | "undefined" | "nan" | "missing" => ABSENCE,
        "true" => "did you mean `true`?",
        "false" => "did you mean `false`?",
        "infinity" | "inf" => "numbers reach to about 1.8e308; a limit that is never reached is no limit",
        "current_timestamp" | "now" => "time passes by itself: `time_since(event)`, `duration_in_cur_state(state)`",
        _ => return None,
    })
}

/// The declaration that is meant by a word of another language.
pub(crate) fn declaration(written: &str) -> Option<&'static str> {
    Some(match written.to_ascii_lowercase().as_str() {
        "def" | "var" | "const" | "fn" | "function" | "define" | "macro" => "let",
        "record" | "measure" | "kpi" | "gauge" | "counter" | "query" | "view" | "expr" => "metric",
        "rule" | "alarm" | "trigger" | "alerting" => "alert",
        "stream" | "input" | "topic" | "from" => "source",
        "udf" | "udaf" => "operator",
        _ => return None,
    })
}

/// The type of a column that is meant by a word of another language, or is that word.
pub(crate) fn column_type(written: &str) -> Option<&'static str> {
    Some(match written.to_ascii_lowercase().as_str() {
        "string" | "text" | "str" | "varchar" | "char" | "utf8" | "keyword" | "symbol" => "string",
        "float" | "double" | "number" | "real" | "float64" | "float32" | "f64" | "decimal" | "numeric" => "float",
        "int" | "integer" | "long" | "bigint" | "smallint" | "int64" | "int32" | "i64" | "u64" | "uint64" => "int",
        "bool" | "boolean" => "bool",
        _ => return None,
    })
}

/// The clause of a source that is meant by a word of another language, as an example.
pub(crate) fn clause(written: &str) -> Option<&'static str> {
    Some(match written.to_ascii_lowercase().as_str() {
        "watermark" | "allowed_lateness" | "allowedlateness" | "grace" | "delay" | "out_of_order" => "lateness 5s",
        "partition" | "partitioned" | "keyed" | "id" | "session_id" | "entity" | "by" => "key session",
        "timestamp" | "event_time" | "eventtime" | "rowtime" | "ts" | "timefield" | "datetime" => "time ts in ms",
        "timeout" | "gap" | "inactivity" | "session" | "ttl" | "session_gap" => "end after 30m",
        "sort" | "sequence" | "ordered" => "order by seq",
        "deduplicate" | "unique" | "distinct" => "dedup by id within 10m",
        "until" | "close" | "stop" | "finish" | "ends" => "end when type == \"end\"",
        _ => return None,
    })
}

/// The name that a text may become: letters, digits and `_`.
pub(crate) fn as_name(text: &str) -> String {
    let name: String = text.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    match name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        true => name,
        false => format!("_{name}"),
    }
}

/// How to ask for a value that is not there.
const ABSENCE: &str =
    "absence is not compared: `exists(x)` is true where x has a value, `!exists(x)` where it has none";

#[cfg(test)]
mod tests;
