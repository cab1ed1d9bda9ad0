//! The names of the tables of SQL, and those of the columns that the tables of results have themselves.
//!
//! Each metric and each alert has a table of its own name, so one that is called like another table would have none: what is
//! asked of it would be an answer about something else.
//!
//! Dimensions of all metrics stand beside them in one table, so a dimension of such a name, in any letter case (for
//! Parquet's other readers fold names), would be a second column of one name. They are refused where a program is
//! judged; the processor, which must go on with what was deployed before, sets them apart by another name.

use timeline_core::plan::DISTINCT;

/// The tables that every processor has, whatever it runs, in the order in which it lists them.
pub const TABLES: [&str; 10] = [
    "sessions",
    "finals",
    "spans",
    "alerts",
    "totals",
    "late_events",
    "dead_letters",
    "queries",
    "nodes",
    "partitions",
];

/// Columns of `finals`, `spans`, `totals`, `alerts` and of messages. Those of values have siblings ([`SIBLINGS`]).
const OWN: &[&str] = &[
    "alert",
    "at",
    "closed",
    "end",
    "end_ns",
    "every",
    "every_ns",
    "id",
    "metric",
    "partial",
    "partition",
    "session",
    "source",
    "start",
    "start_ns",
    "version",
    "with",
];

/// Columns of values and of what functions make of them, but for percentiles.
const VALUES: &[&str] = &[
    "value",
    "slope",
    "numerator",
    "numerator_slope",
    "denominator",
    "denominator_slope",
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "now",
    "peak",
    "mean",
];

/// What the columns of one value are told apart by.
const SIBLINGS: &[&str] = &["", "_exact", "_text", "_bool", "_f64"];

/// Whether a table of results has, or may have, a column of that name itself.
pub fn is_table_column(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_value = |base: &str| {
        let digits = base.strip_prefix('p').unwrap_or_default();
        VALUES.contains(&base) || (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let is_of_functions = name.starts_with(DISTINCT);
    OWN.contains(&name.as_str())
        || is_of_functions
        || SIBLINGS.iter().any(|end| name.strip_suffix(end).is_some_and(is_value))
}

#[cfg(test)]
mod tests {
    use super::is_table_column;

    #[test]
    fn names_are_known_in_any_case() {
        for name in ["value", "Value", "END", "start_ns", "p95", "P5_exact", "sum_bool", "avg_f64", "version", "every"]
        {
            assert!(is_table_column(name), "{name}");
        }
        assert!(is_table_column("distinct_user") && !is_table_column("distinct"));
        for name in ["cdn", "p", "px", "values", "started", "value_", "sum_exact_", "price"] {
            assert!(!is_table_column(name), "{name}");
        }
    }
}
