//! What is said where an answer has no rows and never could have any: an empty answer is not left to be taken for "none yet".

use crate::client::ProcessorClient;
use arrow::array::{Array, AsArray, RecordBatch};
use processor::engine::Page;
use timeline_core::plan::Plan;

/// A table whose rows a program has only if it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueriedTable {
    /// The values of metrics.
    Finals,
    /// The spans of metrics; those of a processor only where a metric keeps them.
    Spans,
    /// Aggregates of metrics.
    Totals,
    /// When alerts were true.
    Alerts,
}

impl QueriedTable {
    const ALL: [QueriedTable; 4] =
        [QueriedTable::Finals, QueriedTable::Spans, QueriedTable::Totals, QueriedTable::Alerts];

    fn name(self) -> &'static str {
        match self {
            QueriedTable::Finals => "finals",
            QueriedTable::Spans => "spans",
            QueriedTable::Totals => "totals",
            QueriedTable::Alerts => "alerts",
        }
    }

    /// What is not there.
    fn lack(self, kept: bool) -> &'static str {
        match self {
            QueriedTable::Spans if kept => "keeps spans",
            QueriedTable::Finals | QueriedTable::Spans => "has a metric",
            QueriedTable::Totals => "has an aggregate",
            QueriedTable::Alerts => "has an alert",
        }
    }

    /// What to write.
    fn clause(self, kept: bool) -> &'static str {
        match self {
            QueriedTable::Spans if kept => "metric NAME = ... | keep spans",
            QueriedTable::Finals | QueriedTable::Spans => "metric NAME = duration_where(STATE == \"...\")",
            QueriedTable::Totals => "metric NAME = ... | aggregate(count, sum, avg)",
            QueriedTable::Alerts => "alert NAME = held_for(CONDITION, 20s)",
        }
    }
}

/// Says on standard error that a program can have no rows of what is shown.
pub(super) fn tell_of_program<'a>(table: QueriedTable, plans: impl Iterator<Item = &'a Plan>, is_expression: bool) {
    let plans: Vec<&Plan> = plans.collect();
    let has = |plan: &&Plan| match table {
        QueriedTable::Finals | QueriedTable::Spans => plan.metrics.iter().any(|metric| !plan.is_of_events(metric.root)),
        QueriedTable::Totals => plan.metrics.iter().any(|metric| metric.aggregate.is_some()),
        QueriedTable::Alerts => !plan.alerts.is_empty(),
    };
    if plans.iter().any(has) {
        return;
    }
    if matches!(table, QueriedTable::Finals | QueriedTable::Spans) && plans.iter().any(|plan| !plan.metrics.is_empty())
    {
        let what = if is_expression { "the expression" } else { "every metric of the program" };
        eprintln!(
            "timeline: {what} counts events, which are in totals alone, so there are no {}\n  help: ask for `--show totals`",
            table.name()
        );
        return;
    }
    let (what, clause) = match (is_expression, table) {
        (false, _) => ("the program", table.clause(false)),
        (true, QueriedTable::Totals) => ("the expression", "EXPRESSION | aggregate(count, sum, avg)"),
        (true, _) => ("an expression is a metric: it", table.clause(false)),
    };
    eprintln!(
        "timeline: {what} {}, so there are no {}\n  help: write `{clause}`",
        negated(table.lack(false)),
        table.name()
    );
}

/// "has an alert" as "has no alert".
fn negated(lack: &str) -> String {
    match lack.strip_prefix("has a").and_then(|rest| rest.split_once(' ')) {
        Some((_, noun)) => format!("has no {noun}"),
        None => format!("nothing {lack}"),
    }
}

/// Says on standard error why a processor has no rows for a question, if what runs there says why.
pub(super) fn tell_of_processor(client: &ProcessorClient, question: &str) {
    // A hint is worth no error of its own.
    let Ok(queries) = client.queries(Page::ALL).and_then(|rows| rows.batches().collect::<Result<Vec<_>, _>>()) else {
        return;
    };
    for note in notes(&queries, question) {
        eprintln!("timeline: {note}");
    }
}

/// What a question compares `metric` or `alert` with.
fn compared(words: &[QueryWord]) -> impl Iterator<Item = &String> {
    words.windows(3).filter_map(|asked| match asked {
        [column, QueryWord::Sign('='), QueryWord::Text(asked)] if column.is("metric") || column.is("alert") => {
            Some(asked)
        }
        _ => None,
    })
}

fn notes(queries: &[RecordBatch], question: &str) -> Vec<String> {
    let queries: Vec<RunningQuery> = queries.iter().flat_map(read).collect();
    if queries.is_empty() {
        return vec![
            "nothing is deployed, so there are no rows\n  help: `timeline deploy P.tl` adds queries".to_owned(),
        ];
    }
    let words = words(question);
    let mut notes = vec![];
    for table in QueriedTable::ALL.into_iter().filter(|table| words.iter().any(|word| word.is(table.name()))) {
        let has = |query: &RunningQuery| match table {
            QueriedTable::Finals => !query.is_alert && !query.is_of_events,
            QueriedTable::Spans => query.keeps_spans,
            QueriedTable::Totals => query.has_aggregate,
            QueriedTable::Alerts => query.is_alert,
        };
        let (name, lack, clause) = (table.name(), table.lack(true), table.clause(true));
        if !queries.iter().any(has) {
            notes.push(format!("nothing that is deployed {lack}, so there are no {name}\n  help: write `{clause}`"));
            continue;
        }
        // `WHERE metric = 'm'`.
        for asked in compared(&words) {
            match queries.iter().find(|query| query.name == *asked) {
                Some(query) if query.is_catching_up => notes.push(format!(
                    "`{asked}` is catching up with its log, and has rows once it has\n  help: `timeline queries` says when"
                )),
                Some(query) if has(query) => {}
                Some(query) if query.is_of_events => {
                    notes.push(format!("`{asked}` counts events, which are in totals alone, so it has no {name}"));
                }
                Some(_) => notes.push(format!("`{asked}` {}, so it has no {name}", negated_of_one(lack))),
                None => {
                    let known: Vec<&str> = queries.iter().filter(|query| has(query)).map(|q| q.name.as_str()).collect();
                    let more = if known.len() > KNOWN_MAX { ", ...: `timeline queries` has all" } else { "" };
                    let known = known[..known.len().min(KNOWN_MAX)].join("`, `");
                    notes.push(format!("nothing is called `{asked}`; {name} are of `{known}`{more}"));
                }
            }
        }
    }
    notes
}

/// How many names a note lists.
const KNOWN_MAX: usize = 10;

fn negated_of_one(lack: &str) -> String {
    match lack {
        "keeps spans" => "does not keep spans".to_owned(),
        lack => negated(lack).replace("has no metric", "is no metric").replace("has no alert", "is no alert"),
    }
}

/// A metric or an alert that runs.
struct RunningQuery {
    name: String,
    is_alert: bool,
    is_of_events: bool,
    has_aggregate: bool,
    keeps_spans: bool,
    /// Whether it has yet to read what others have read, and answers nothing until then.
    is_catching_up: bool,
}

fn read(batch: &RecordBatch) -> Vec<RunningQuery> {
    let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    let (Some(names), Some(sorts), Some(aggregates)) = (text("name"), text("sort"), text("aggregate")) else {
        return vec![];
    };
    let spans = batch.column_by_name("keeps_spans").and_then(|column| column.as_boolean_opt());
    let waits = batch.column_by_name("catching_up").and_then(|column| column.as_boolean_opt());
    let query = |i: usize| RunningQuery {
        name: names.value(i).to_owned(),
        is_alert: sorts.value(i) == "alert",
        is_of_events: sorts.value(i) == "metric of events",
        has_aggregate: aggregates.is_valid(i),
        keeps_spans: spans.is_some_and(|spans| spans.value(i)),
        is_catching_up: waits.is_some_and(|waits| waits.value(i)),
    };
    (0..batch.num_rows()).map(query).collect()
}

/// A piece of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
enum QueryWord {
    /// A name, in whatever case.
    Name(String),
    /// A string without its quotes.
    Text(String),
    Sign(char),
}

impl QueryWord {
    fn is(&self, name: &str) -> bool {
        matches!(self, QueryWord::Name(word) if word.eq_ignore_ascii_case(name))
    }
}

/// A question's words, as far as a hint needs them.
fn words(question: &str) -> Vec<QueryWord> {
    let mut words = vec![];
    let mut rest = question;
    while let Some(first) = rest.chars().next() {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            '\'' | '"' => rest[1..].find(first).map_or(rest.len(), |end| end + 2),
            c if is_name(c) => rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (word, behind) = rest.split_at(length);
        rest = behind;
        match first {
            '\'' => words.push(QueryWord::Text(word.trim_matches('\'').to_owned())),
            '"' => words.push(QueryWord::Name(word.trim_matches('"').to_owned())),
            c if is_name(c) => words.push(QueryWord::Name(word.to_owned())),
            c if c.is_whitespace() => {}
            c => words.push(QueryWord::Sign(c)),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::notes;
    use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
    use std::sync::Arc;

    /// Name, sort, aggregate and whether spans are kept.
    type Query<'a> = (&'a str, &'a str, Option<&'a str>, bool);

    fn queries(rows: &[Query]) -> RecordBatch {
        let texts =
            |of: fn(&Query) -> Option<String>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<StringArray>()) };
        RecordBatch::try_from_iter_with_nullable([
            ("name", texts(|row| Some(row.0.to_owned())), false),
            ("sort", texts(|row| Some(row.1.to_owned())), false),
            ("aggregate", texts(|row| row.2.map(str::to_owned)), true),
            ("keeps_spans", Arc::new(rows.iter().map(|row| Some(row.3)).collect::<BooleanArray>()) as ArrayRef, false),
        ])
        .unwrap()
    }

    #[test]
    fn what_can_have_no_rows_is_said() {
        let bare = [queries(&[("m", "metric", None, false)])];
        let says = |queries: &[RecordBatch], question: &str, expect: &str| {
            let said = notes(queries, question).join("\n");
            assert!(if expect.is_empty() { said.is_empty() } else { said.contains(expect) }, "{question}: {said}");
        };
        says(&bare, "select * from totals", "has an aggregate, so there are no totals");
        says(&bare, "SELECT * FROM \"totals\" t", "| aggregate(count, sum, avg)");
        says(&bare, "SELECT * FROM spans", "| keep spans");
        says(&bare, "SELECT * FROM Alerts", "alert NAME = ");
        says(&bare, "SELECT * FROM finals", "");
        says(&bare, "SELECT 'totals' FROM finals", "");
        says(&[queries(&[])], "SELECT 1", "timeline deploy");
        let both = [queries(&[
            ("m", "metric", None, true),
            ("sums", "metric", Some("aggregate(sum)"), false),
            ("a", "alert", None, false),
            ("e", "metric of events", Some("aggregate(count)"), false),
        ])];
        says(&both, "SELECT * FROM totals", "");
        says(&both, "SELECT * FROM totals WHERE metric = 'sums'", "");
        says(&both, "SELECT * FROM totals WHERE metric='m'", "`m` has no aggregate, so it has no totals");
        says(&both, "SELECT * FROM spans s WHERE s.metric = 'sums'", "`sums` does not keep spans");
        says(&both, "SELECT * FROM finals WHERE metric = 'a'", "`a` is no metric");
        says(&both, "SELECT * FROM totals WHERE metric = 'sum'", "nothing is called `sum`; totals are of `sums`");
        says(&both, "SELECT * FROM finals WHERE session = 'm'", "");
        says(&both, "SELECT * FROM totals WHERE metric = 'e'", "");
        says(&both, "SELECT * FROM finals WHERE metric = 'e'", "`e` counts events, which are in totals alone");
    }
}
