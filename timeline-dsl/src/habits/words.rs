//! Words of other languages that stand between, before or behind expressions.

/// What to write in place of a word that stands where none can, `left` being what stands before it.
pub(crate) fn word(written: &str, left: &str) -> Option<String> {
    let x = if left.is_empty() || left.len() > super::REPEATED_MAX { "x" } else { left };
    let written = written.to_ascii_lowercase();
    Some(match written.as_str() {
        "is" => {
            format!("`exists({x})` is true where it has a value, `!exists({x})` where it has none")
        }
        "between" => format!("write `{x} >= a && {x} <= b`"),
        "like" | "ilike" | "rlike" | "regexp" | "matches" | "has" | "startswith" | "endswith" | "glob" => {
            format!("write `starts_with({x}, \"...\")`, `ends_with({x}, \"...\")` or `contains({x}, \"...\")`")
        }
        other => WORDS.iter().find(|(words, _)| words.contains(&other))?.1.to_owned(),
    })
}

/// Words, and what to write in their place.
pub(super) const WORDS: &[(&[&str], &str)] = &[
    (
        &["group", "group_by", "by", "without", "summarize", "partition"],
        "write `| aggregate(group_by(column), sum)` behind the metric; sessions are kept apart by the `key` of the source",
    ),
    (&["for"], "a condition that has held for a time is `held_for(state, 5m)`"),
    (&["over"], "a window is written `x over last 5m`"),
    (&["within"], "matches within a time are `count_within(event, 10m)` and `has_existed_within(event, 10m)`"),
    (
        &["where", "filter", "having", "qualify"],
        "`duration_where(state)` is the time with a condition, `at(event, state)` takes events with one",
    ),
    (&["then", "else", "elif", "end", "when"], "a choice is written `if(condition, a, b)`"),
    (&["split"], "write `split by latest(column)`"),
    (&["as"], "a `let` or a `metric` names an expression: `metric name = count(event)`"),
    (&["mod"], "there is no remainder of a division"),
    (&["unless", "except"], "what holds while something else does not is `a && !b`"),
    (&["not"], "write `!(x in (1, 2))`"),
    (
        &["order", "sort", "limit", "top", "fetch"],
        "rows are sorted and cut by SQL, in `timeline query`; `timeline outliers NAME` shows those farthest from the rest",
    ),
    (
        &["offset", "lag", "shift"],
        "an earlier value is `previous(event, 1)`, and whether something was so lately `has_existed_within(state, 5m)`",
    ),
    (&["fill", "locf"], "`latest(event)` keeps its value until the next one comes"),
    (&["collate", "cast"], "the type of a column is declared in its source: `column: int`"),
    (&["xor"], "write `a && !b || !a && b`"),
    (&["join", "ignoring", "group_left", "group_right"], "sources whose keys are named alike are joined by using both"),
];

/// What to write in place of a word that stands where an expression begins.
pub(crate) fn beginning(written: &str) -> Option<&'static str> {
    let written = written.to_ascii_lowercase();
    BEGINNINGS.iter().find(|(words, _)| words.contains(&written.as_str())).map(|(_, help)| *help)
}

/// Words that begin what is no expression, and what to write in their place.
pub(super) const BEGINNINGS: &[(&[&str], &str)] = &[
    (&["if", "case", "when"], "a choice is written `if(condition, a, b)`"),
    (
        &["select", "from", "with"],
        "a program says what is measured: `metric name = duration_where(state)`; SQL asks for answers, in `timeline query`",
    ),
    (&["distinct"], "`is_new(event, cap 100)` is true for values that did not come before"),
    (&["interval"], "a duration is a number with its unit: `held_for(state, 5m)`"),
    (&["new", "return", "let", "var"], "an expression stands by itself: `let name = latest(event)` gives it a name"),
    (&["sum", "count", "avg", "min", "max"], "write `| aggregate(group_by(column), sum)` behind the metric"),
    (&["every"], "a row for each window is a clause behind a number: `count(event) every 5m`"),
];

/// What to write in place of a word behind `|`.
pub(crate) fn pipe(written: &str) -> Option<&'static str> {
    let written = written.to_ascii_lowercase();
    PIPES.iter().find(|(words, _)| words.contains(&written.as_str())).map(|(_, help)| *help)
}

/// Words behind `|`, and what to write in their place.
pub(super) const PIPES: &[(&[&str], &str)] = &[
    (&["summarize", "stats", "group", "groupby"], "write `| aggregate(group_by(column), sum)`"),
    (
        &["where", "filter", "search", "having"],
        "a condition stands inside: `duration_where(state)`, `count(at(event, state))`",
    ),
    (
        &["extend", "eval", "project", "map", "let", "as", "rename"],
        "a `let` names an expression above the metric: `let name = latest(event)`",
    ),
    (&["top", "sort", "order", "limit", "head", "take", "tail"], "rows are sorted and cut by SQL, in `timeline query`"),
    (
        &["window", "range", "bin", "aggregatewindow", "timechart", "tumble"],
        "a window stands behind the number, before the `|`: `count(event) every 5m`",
    ),
    (&["distinct", "dedup", "uniq"], "`is_new(event, cap 100)` is true for values that did not come before"),
    (&["spans"], "write `| keep spans`"),
    (&["mean", "average"], "write `| aggregate(avg)`"),
    (&["median", "quantile", "percentile"], "write `| aggregate(p50, p95)`"),
];
