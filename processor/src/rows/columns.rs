//! The tables of SQL: their names, what a row of each is, and what its columns mean.
//!
//! One list, from which come the names that a processor answers to, the comments that `DESCRIBE` and other tools show,
//! and `docs/sql-tables.md`.

use arrow::datatypes::{Field, Schema, SchemaRef};
use std::sync::Arc;

/// The key under which a column's or a table's meaning stands in a schema's metadata.
pub const COMMENT: &str = "comment";

/// A table.
#[derive(Debug)]
pub struct SqlTable {
    /// Its name.
    pub name: &'static str,
    /// What a row is.
    pub row: &'static str,
    /// Its columns and what they mean, dimensions and functions aside.
    pub columns: &'static [(&'static str, &'static str)],
}

const SESSION: (&str, &str) = ("session", "The key of the session.");
const METRIC: (&str, &str) = ("metric", "The name of the metric.");
const START: (&str, &str) = ("start", "When it begins.");
const END: (&str, &str) = ("end", "When it ends; null while it is open.");
const CLOSED: (&str, &str) = (
    "closed",
    "Of a window whether the row is final: nothing that may still come changes it. Of a session whether it is over as of the answer: what comes within `lateness` may still be part of it.",
);
const PARTIAL: (&str, &str) = (
    "partial",
    "Whether the session may have begun before anything was seen of it, so that the value may lack what was before.",
);
const VERSION: (&str, &str) = ("version", "Which definition of the name it is of, from 1.");
const SOURCE: (&str, &str) = ("source", "The name of the source in the program.");
const PARTITION: (&str, &str) = ("partition", "The partition of the source's log, from 0.");
const POSITION: (&str, &str) = ("position", "Where in the log, as the source writes it.");
const VALUE: (&str, &str) = ("value", "The value where it is a number: durations in seconds, counts, floats, ratios.");
const VALUE_EXACT: (&str, &str) =
    ("value_exact", "The same with every digit, where it is a duration or a whole number.");
const VALUE_TEXT: (&str, &str) = ("value_text", "The value where it is a text.");
const VALUE_BOOL: (&str, &str) = ("value_bool", "The value where it is a condition.");

/// All tables but those of metrics, in the order in which they are listed.
pub const TABLES: [SqlTable; 10] = [
    SqlTable {
        name: "sessions",
        row: "A session, alive or over.",
        columns: &[SOURCE, PARTITION, SESSION, START, END, CLOSED, PARTIAL],
    },
    SqlTable {
        name: "finals",
        row: "The value of a metric for a session, or for a share or a window of it.",
        columns: &[SESSION, METRIC, VALUE, VALUE_EXACT, VALUE_TEXT, VALUE_BOOL, START, END, CLOSED, PARTIAL, VERSION],
    },
    SqlTable {
        name: "spans",
        row: "A stretch in which a metric that says `| keep spans` has one value, or moves evenly.",
        columns: &[
            SESSION,
            METRIC,
            START,
            END,
            VALUE,
            VALUE_EXACT,
            VALUE_TEXT,
            VALUE_BOOL,
            ("slope", "What the value gains in a second of the stretch."),
            ("slope_exact", "The same with every digit."),
            ("numerator", "Of a ratio: what is divided, at the start."),
            ("numerator_exact", "The same with every digit."),
            ("numerator_slope", "What it gains in a second."),
            ("numerator_slope_exact", "The same with every digit."),
            ("denominator", "Of a ratio: what it is divided by, at the start."),
            ("denominator_exact", "The same with every digit."),
            ("denominator_slope", "What it gains in a second."),
            ("denominator_slope_exact", "The same with every digit."),
        ],
    },
    SqlTable {
        name: "alerts",
        row: "A stretch in which an alert was on.",
        columns: &[SESSION, ("alert", "The name of the alert."), START, END, VERSION],
    },
    SqlTable {
        name: "totals",
        row: "A group of an aggregated metric.",
        columns: &[METRIC, ("count", "How many values the group has."), CLOSED],
    },
    SqlTable {
        name: "late_events",
        row: "An event that came too late.",
        columns: &[
            SOURCE,
            PARTITION,
            SESSION,
            ("time", "The time of the event."),
            POSITION,
            ("reason", "Why it is late."),
            ("repaired", "Whether it counts all the same: the source repairs."),
        ],
    },
    SqlTable {
        name: "dead_letters",
        row: "A record that could not be used.",
        columns: &[
            SOURCE,
            PARTITION,
            ("origin", "The file or the topic of the record."),
            POSITION,
            ("code", "What is wrong, as a code."),
            ("reason", "What is wrong, in words."),
            ("column", "The column that is wrong."),
            ("record", "The first bytes of the record."),
        ],
    },
    SqlTable {
        name: "queries",
        row: "A metric or an alert that is deployed.",
        columns: &[
            ("name", "Its name."),
            ("sort", "`metric` or `alert`."),
            SOURCE,
            ("definition", "The operator at its root."),
            ("nodes", "How many nodes it needs."),
            ("shared_nodes", "How many of these others need too."),
            ("session_bytes", "Bytes that a live session takes for all queries of its source."),
            ("aggregate", "What is aggregated, and by what."),
            ("keeps_spans", "Whether its spans are kept."),
            VERSION,
            ("catching_up", "Whether it has yet to read what others have read, and does not answer before."),
            ("remarks", "What the records say of it, such as a column that none of them has."),
            ("row_bytes", "Bytes of a live session that its nodes take; those of shared nodes are in each row."),
            (
                "evaluate_seconds",
                "How long lanes were busy with events for all queries of its source, added up, since the processors work on it.",
            ),
            ("live_sessions", "Sessions that are alive, for all queries of its source."),
            ("state_bytes", "Bytes of state in memory, likewise."),
        ],
    },
    SqlTable {
        name: "nodes",
        row: "A node of a plan: something that is evaluated for each session.",
        columns: &[
            SOURCE,
            ("node", "Its number in the plan."),
            ("operator", "What it is."),
            ("kind", "What it gives."),
            ("worker", "`leaf` if it reads events, `derived` if it follows other nodes."),
            ("fingerprint", "What tells its meaning from any other."),
            ("bytes", "Bytes in each session's row."),
            ("used_by", "How many nodes and outputs read it."),
            ("name", "What programs call it."),
        ],
    },
    SqlTable {
        name: "partitions",
        row: "A partition of a source's log.",
        columns: &[
            SOURCE,
            PARTITION,
            POSITION,
            ("watermark", "No event before it is expected any more."),
            ("horizon", "The instant through which answers go."),
            ("epoch", "The number of its last checkpoint."),
            ("records", "Records read."),
            ("events", "Records that could be read: events, late ones and duplicates included."),
            ("late_events", "Events that came too late, those included that were taken after all (`late repair`)."),
            ("dead_letters", "Records that could not be used."),
            ("duplicates", "Events that came again."),
            (
                "live_sessions",
                "Sessions that are alive as of the watermark; of those that are over by the horizon answers say so.",
            ),
            ("closed_sessions", "Sessions that are over."),
            ("state_bytes", "Bytes of state in memory."),
            ("owner", "The processor that works on it; null if none does now."),
            ("gaps", "Records that the log lost before they were read."),
            ("damaged", "What of its state or history is broken."),
            ("published", "Messages that were published."),
            ("waiting", "Messages that wait for the broker."),
            ("catching_up", "Whether it has yet to read what others have read."),
            ("misrouted", "Messages whose key is not the one that they were routed by."),
            ("queued_bytes", "Bytes that are read and not evaluated yet."),
            ("kept_bytes", "Bytes of files of messages that are kept to be read again, as of the last checkpoint."),
            (
                "evaluate_seconds",
                "How long its lanes were busy with events, added up, since the processor works on it.",
            ),
            ("keeping_bytes", "Bytes of messages in memory that wait for the checkpoint that keeps them."),
        ],
    },
];

/// What a row of a metric's own table is.
const OF_METRIC: &str = "The value of the metric for a session, or for a share or a window of it.";

/// What a function's columns are, by their endings.
const SIBLINGS: [(&str, &str); 4] = [
    ("_exact", ", with every digit"),
    ("_text", ", where it is a text"),
    ("_bool", ", where it is a condition"),
    ("", ""),
];

/// What a column means; none of one that no table has.
fn meaning(table: Option<&SqlTable>, column: &str) -> Option<String> {
    let own = table.into_iter().flat_map(|table| table.columns.iter());
    let every = ("every", "The window of the clock that the row is of.");
    let of_metric = [SESSION, VALUE, START, END, CLOSED, PARTIAL, VERSION, every];
    let found = own.chain(&of_metric).find(|(name, _)| *name == column).map(|(_, meaning)| (*meaning).to_owned());
    found.or_else(|| match table.map(|table| table.name) {
        Some("totals") => function(column),
        _ => None,
    })
}

/// What a column of a function means.
fn function(column: &str) -> Option<String> {
    let (name, sibling) = SIBLINGS.iter().find_map(|(end, of)| Some((column.strip_suffix(end)?, of)))?;
    let what = match name {
        "sum" => "The sum of the group's values".to_owned(),
        "avg" => "The average of the group's values".to_owned(),
        "min" => "The least of the group's values".to_owned(),
        "max" => "The greatest of the group's values".to_owned(),
        "now" => "How many are on now".to_owned(),
        "peak" => "The most that were on at a time".to_owned(),
        "mean" => "How many were on, over time".to_owned(),
        _ => {
            let digits = name.strip_prefix('p').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
            format!("The value that {digits} % of the group's values are not above")
        }
    };
    Some(format!("{what}{sibling}."))
}

/// The columns of a table with what they mean; `definition` is that of the metric whose own table it is.
pub fn documented(name: &str, schema: &Schema, definition: Option<&str>) -> SchemaRef {
    let table = TABLES.iter().find(|table| table.name == name);
    let field = |field: &Arc<Field>| {
        let meaning = meaning(table, field.name());
        let is_dimension = meaning.is_none();
        let text = meaning.unwrap_or_else(|| format!("The dimension `{}`.", field.name()));
        let own = definition.filter(|_| field.name() == "value" && !is_dimension);
        let text = own.map_or(text, |definition| format!("{definition}; durations are in seconds."));
        Arc::new(field.as_ref().clone().with_metadata([(COMMENT.to_owned(), text)].into()))
    };
    let row = match (table, definition) {
        (Some(table), _) => table.row.to_owned(),
        (None, Some(definition)) => format!("{OF_METRIC} {definition}"),
        (None, None) => OF_METRIC.to_owned(),
    };
    let fields: Vec<_> = schema.fields().iter().map(field).collect();
    Arc::new(Schema::new_with_metadata(fields, [(COMMENT.to_owned(), row)].into()))
}

#[cfg(test)]
mod tests {
    use super::TABLES;
    use std::fmt::Write;

    #[test]
    fn programs_know_the_names_of_all_tables() {
        assert_eq!(TABLES.map(|table| table.name), timeline_dsl::TABLES);
    }

    #[test]
    fn the_page_is_written_from_the_list() {
        let mut page = String::from(
            "# The tables of SQL\n\n\
             Written by a test from the list that processors answer by (`processor/src/rows/columns.rs`).\n\
             `DESCRIBE` says the same, and so does what other tools show of columns.\n\
             Tables of values have a column for each dimension beside these.\n\
             `totals` has one for each group and each function (`sum`, `avg`, `p95` ...), with `_exact`, `_text` and `_bool` beside it; [sql.md](sql.md) says which of them to take.\n\
             Each metric has a table of its own name, with `session`, its dimensions, `value` in its own type, `start`, `end`, `closed` and `partial`.\n",
        );
        for table in &TABLES {
            write!(page, "\n## `{}`\n\n{}\n\n| column | what it is |\n|---|---|\n", table.name, table.row).unwrap();
            for (name, meaning) in table.columns {
                writeln!(page, "| `{name}` | {} |", meaning.replace('|', "\\|")).unwrap();
            }
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sql-tables.md");
        if std::env::var_os("TIMELINE_BLESS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), page, "TIMELINE_BLESS=1 writes it anew");
    }
}
