//! What people write who come from SQL, PromQL or a programming language, and what this language writes instead.
//!
//! A habit is a mistake with a fix; where its meaning is plain it is read as meant, so that it is said once and what stands
//! around it is still checked. Nothing of it is accepted: a program with a habit in it does not compile.

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

/// What to write in place of a word that stands where none can, `left` being what stands before it.
pub(crate) fn word(written: &str, left: &str) -> Option<String> {
    // What is long is not repeated: messages stay short, and their making linear.
    let x = if left.is_empty() || left.len() > 80 { "x" } else { left };
    Some(match written.to_ascii_lowercase().as_str() {
        "is" => {
            format!("absence is neither true nor false: `coalesce({x} == {x}, false)` is true while it has a value")
        }
        "between" => format!("write `{x} >= a && {x} <= b`"),
        "like" | "ilike" | "matches" => {
            format!("write `starts_with({x}, \"...\")`, `ends_with({x}, \"...\")` or `contains({x}, \"...\")`")
        }
        "group" | "group_by" => "write `| aggregate(group_by(column), sum)` behind the metric".to_owned(),
        "over" => "a window is written `x over last 5m`".to_owned(),
        "within" => {
            "matches within a time are `count_within(event, 10m)` and `has_existed_within(event, 10m)`".to_owned()
        }
        "where" | "filter" | "having" => {
            "`duration_where(state)` is the time with a condition, `at(event, state)` takes events with one".to_owned()
        }
        "then" | "else" | "end" | "when" => "a choice is written `if(condition, a, b)`".to_owned(),
        "split" => "write `split by latest(column)`".to_owned(),
        "as" => "a `let` or a `metric` names an expression: `metric name = ...`".to_owned(),
        "mod" => "there is no remainder of a division".to_owned(),
        _ => return None,
    })
}

/// What to write in place of a word that stands where an expression begins.
pub(crate) fn beginning(written: &str) -> Option<&'static str> {
    Some(match written.to_ascii_lowercase().as_str() {
        "if" | "case" | "when" => "a choice is written `if(condition, a, b)`",
        "select" => {
            "a program says what is measured: `metric name = duration_where(...)`; SQL asks for answers, in `timeline query`"
        }
        "distinct" => "`is_new(event, cap 100)` is true for values that did not come before",
        _ => return None,
    })
}

/// What to write in place of a function that other languages have.
pub(crate) fn function(written: &str) -> Option<&'static str> {
    Some(match written.to_ascii_lowercase().as_str() {
        "last" | "last_value" | "current" | "value" | "state" => "did you mean `latest(event)`?",
        "lag" | "prev" => "did you mean `previous(event, 1)`?",
        "first_value" | "earliest" => "did you mean `first(event)`?",
        "rate" | "increase" | "delta" | "sum_over_time" | "count_over_time" => {
            "what a count has grown by in a time is `count(event) over last 5m`"
        }
        "avg_over_time" | "moving_avg" => {
            "a mean over time is `integral(state) over last 5m / 5m`, or `time_weighted_avg(state)`"
        }
        "mean" | "average" => "did you mean `sum(event) / count(event)`, or `| aggregate(avg)` over sessions?",
        "distinct" | "unique" | "count_distinct" | "approx_distinct" => {
            "`is_new(event, cap 100)` is true for values that did not come before; `count(at(event, is_new(event, cap 100)))` counts them"
        }
        "median" | "percentile" | "quantile" => "percentiles are of sessions: `| aggregate(p50, p95)`",
        name if name.strip_prefix('p').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())) => {
            "percentiles are of sessions: `| aggregate(p50, p95)`"
        }
        "window" | "tumble" | "tumbling" | "hop" | "sliding" => {
            "windows are clauses behind a number: `x over last 5m` slides, `x every 5m` has a row for each"
        }
        "now" | "current_timestamp" => "time passes by itself: `time_since(event)`, `duration_in_cur_state(state)`",
        "duration" | "time_in_state" | "elapsed" => "did you mean `duration_where(state)`?",
        "is_null" | "isnull" | "is_absent" | "exists" => {
            "`has_existed(event)` is true from the first event on; `coalesce(x == x, false)` while x has a value"
        }
        "ifnull" | "nvl" => "did you mean `coalesce(a, b)`?",
        "iff" | "iif" | "case" => "did you mean `if(condition, a, b)`?",
        "ever" | "any" | "eventually" | "once" => "did you mean `has_existed(event)`?",
        "always" | "globally" => "did you mean `held_for(state, 10s)`?",
        "substr" | "substring" | "regexp_like" | "regex" => "did you mean `starts_with`, `ends_with` or `contains`?",
        "len" | "char_length" => "did you mean `length(text)`?",
        "not_existed_within" | "absent" | "absent_for" => {
            "did you mean `!has_existed_within(event, 5m)`, or `not_followed_by(a, b, 5m)`?"
        }
        "delay" | "between" => "the time between two events is `latest(at(b, time_since(a)))`",
        _ => return None,
    })
}
