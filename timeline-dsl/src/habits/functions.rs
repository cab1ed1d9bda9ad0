//! Functions of other languages.

/// What to write in place of a function that other languages have.
pub(crate) fn function(written: &str) -> Option<&'static str> {
    let written = written.to_ascii_lowercase();
    let digits = written.strip_prefix('p').filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let known = if digits.is_some() { "percentile" } else { written.as_str() };
    FUNCTIONS.iter().find(|(names, _)| names.contains(&known)).map(|(_, help)| *help)
}

/// Functions, and what to write in their place.
pub(super) const FUNCTIONS: &[(&[&str], &str)] = &[
    (
        &[
            "last",
            "last_value",
            "lastvalue",
            "current",
            "value",
            "state",
            "last_over_time",
            "latest_value",
            "max_by",
            "arg_max",
            "argmax",
            "most_recent",
        ],
        "did you mean `latest(event)`?",
    ),
    (&["lag", "prev"], "did you mean `previous(event, 1)`?"),
    (&["lead", "next"], "what comes later is not known yet: `followed_by(a, b, 5m)` is an event when it has come"),
    (&["first_value", "earliest", "min_by", "arg_min"], "did you mean `first(event)`?"),
    (
        &[
            "rate",
            "irate",
            "increase",
            "delta",
            "idelta",
            "sum_over_time",
            "count_over_time",
            "derivative",
            "deriv",
            "non_negative_derivative",
            "difference",
        ],
        "what a count has grown by in a time is `count(event) over last 5m`",
    ),
    (
        &["avg_over_time", "moving_avg", "moving_average", "movingaverage", "rolling_mean", "ewma"],
        "a mean over time is `(integral(state) over last 5m) / 5m`, or `time_weighted_avg(state)`",
    ),
    (
        &["max_over_time", "min_over_time", "rolling_max", "rolling_min", "moving_max", "moving_min"],
        "`max(latest(x)) over last 5m` is the greatest value that was in force in a window, and `max(x)` that of the session so far",
    ),
    (
        &["mean", "average"],
        "did you mean `sum(event) / count(event)`, or behind a metric `| aggregate(avg)` over sessions?",
    ),
    (&["countif", "count_if", "counta", "count_where"], "`count(condition)` counts the events with a condition"),
    (&["sumif", "sum_if"], "`sum(at(event, state))` adds what a state is at events; `duration_where(state)` times it"),
    (
        &["distinct", "unique", "count_distinct", "countdistinct", "approx_distinct", "dcount", "nunique"],
        "`is_new(event, cap 100)` is true for values that did not come before; `count(at(event, is_new(event, cap 100)))` counts them",
    ),
    (
        &[
            "median",
            "percentile",
            "quantile",
            "quantile_over_time",
            "histogram_quantile",
            "percentile_cont",
            "percentile_disc",
            "approx_percentile",
            "approx_quantile",
            "percentiles",
        ],
        "percentiles are of sessions: `| aggregate(p50, p95)`",
    ),
    (
        &["stddev", "stddev_over_time", "stdvar", "variance", "stdev", "std"],
        "how values are spread is shown by percentiles: `| aggregate(p05, p50, p95)`",
    ),
    (
        &["topk", "bottomk", "rank", "row_number", "dense_rank", "ntile"],
        "rows are ranked by SQL, in `timeline query`; `timeline outliers NAME` shows those farthest from the rest",
    ),
    (
        &[
            "window",
            "tumble",
            "tumbling",
            "hop",
            "hopping",
            "sliding",
            "slide",
            "cumulate",
            "session",
            "time_bucket",
            "date_trunc",
            "date_bin",
            "bin",
            "time_slice",
            "aggregatewindow",
            "tumble_start",
            "tumble_end",
            "tostartofinterval",
            "time",
            "every",
        ],
        "windows are clauses behind a number: `x over last 5m` slides, `x every 5m` has a row for each",
    ),
    (
        &["now", "current_timestamp", "ago", "localtimestamp", "unix_timestamp", "getdate", "sysdate", "utcnow"],
        "time passes by itself: `time_since(event)`, `duration_in_cur_state(state)`",
    ),
    (
        &["duration", "time_in_state", "elapsed", "state_duration", "stateduration", "duration_in_state"],
        "did you mean `duration_where(state)`?",
    ),
    (
        &["is_null", "isnull", "isnotnull", "isempty", "isnotempty", "is_absent", "is_missing", "isnan", "is_not_null"],
        "`exists(x)` is true where x has a value, `has_existed(event)` from the first event on",
    ),
    (&["ifnull", "nvl", "isnull_or", "zeroifnull"], "did you mean `coalesce(a, b)`?"),
    (&["iff", "iif", "case", "nullif", "decode", "switch"], "did you mean `if(condition, a, b)`?"),
    (&["greatest", "max_of"], "did you mean `if(a > b, a, b)`?"),
    (&["least", "min_of"], "did you mean `if(a < b, a, b)`?"),
    (
        &["ever", "any", "eventually", "once", "present_over_time", "bool_or", "finally"],
        "did you mean `has_existed(event)`, or lately `has_existed_within(event, 5m)`?",
    ),
    (&["always", "globally", "all", "bool_and", "for", "sustained"], "did you mean `held_for(state, 10s)`?"),
    (
        &["substr", "substring", "regexp_like", "regex", "regexp", "match", "like", "startswith", "endswith", "strpos"],
        "did you mean `starts_with(text, \"a\")`, `ends_with(text, \"a\")` or `contains(text, \"a\")`?",
    ),
    (&["len", "char_length", "strlen"], "did you mean `length(text)`?"),
    (&["to_lower", "tolower", "lcase"], "did you mean `lower(text)`?"),
    (&["to_upper", "toupper", "ucase"], "did you mean `upper(text)`?"),
    (
        &["concat", "concat_ws", "strcat"],
        "texts are not joined; a split may have several columns: `count(event) split by latest(a), latest(b)`",
    ),
    (
        &[
            "cast",
            "try_cast",
            "to_int",
            "toint",
            "tolong",
            "to_float",
            "todouble",
            "to_number",
            "tostring",
            "to_string",
            "convert",
            "json_extract",
            "json_value",
            "get_json_object",
            "parse_json",
            "extractjson",
        ],
        "type and path of a column are declared in its source: `column: int`, `column: int from \"a.b\"`",
    ),
    (
        &["not_existed_within", "absent", "absent_for", "absent_over_time", "missing", "deadman"],
        "did you mean `!has_existed_within(event, 5m)`, or `not_followed_by(a, b, 5m)`?",
    ),
    (
        &["delay", "between", "datediff", "date_diff", "timestampdiff", "timediff", "time_diff", "age", "time_between"],
        "the time between two events is `latest(at(b, time_since(a)))`",
    ),
    (
        &[
            "match_recognize",
            "sequence",
            "sequencematch",
            "sequence_match",
            "pattern",
            "funnel",
            "windowfunnel",
            "then",
        ],
        "one event behind another is `followed_by(a, b, 5m)`, one that did not come `not_followed_by(a, b, 5m)`",
    ),
    (
        &["pow", "power", "sqrt", "exp", "ln", "log", "log10", "log2", "sin", "cos", "mod", "sign"],
        "every number is a straight line between changes: curves are for SQL over the answers, in `timeline query`",
    ),
    (&["label_replace", "label_join"], "a split names its dimension: `count(event) split by latest(column) as name`"),
    (
        &["fill", "locf", "forward_fill", "ffill", "interpolate"],
        "`latest(event)` keeps its value until the next one comes",
    ),
    (&["transitions", "toggles", "state_changes", "resets"], "did you mean `count(changes(state))`?"),
    (&["edge", "on_true", "rising", "became", "enter"], "did you mean `rise(state)`?"),
    (&["falling", "on_false", "leave", "exit"], "did you mean `fall(state)`?"),
    (&["hysteresis", "debounce", "throttle"], "did you mean `held_for(state, 10s)`, or `keep_true_for(state, 10s)`?"),
];
