//! SQL as files have it: `tests/sql/slt`, in the format of sqllogictest as far as it is needed, asked of a processor.
//!
//! The library for that format wants a database behind a trait of its own, with types of its own; what is used of the
//! format is `query TYPES [rowsort]` and `statement error TEXT`, which are read here. The types are for people.

use super::{KEEP, MemoryPartitions, SYNC, start_keeping};
use crate::engine::{Engine, EngineError};
use crate::service::{Claims, Service};
use crate::sql::{Answerer, SqlQuestion};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PROGRAM: &str = "source player {
  key session
  time ts in s
  end when action == \"end\"
  state: string, action: string, cdn: string
}
let stalled = latest(state) == \"buffer\"
metric stall  = duration_where(stalled) split by latest(cdn) | keep spans | aggregate(group_by(cdn), count, sum, max)
metric minute = duration_where(stalled) every 1m | aggregate(group_by(every), count, sum)
alert  stuck  = held_for(stalled, 5s) with cdn = latest(cdn)";

/// Three sessions: `s1` is over, `s2` and `s3` are on.
const LOG: [&str; 9] = [
    r#"{"session":"s1","ts":0,"state":"play","cdn":"C1"}"#,
    r#"{"session":"s2","ts":2,"state":"buffer","cdn":"C2"}"#,
    r#"{"session":"s1","ts":3,"state":"buffer"}"#,
    r#"{"session":"s2","ts":6,"state":"play"}"#,
    r#"{"session":"s1","ts":10,"state":"play"}"#,
    r#"{"session":"s1","ts":20,"action":"end"}"#,
    r#"{"session":"s3","ts":50,"state":"buffer","cdn":"C1"}"#,
    r#"{"session":"s3","ts":70,"state":"play"}"#,
    "no record",
];

/// What a file says of one statement.
struct Record {
    /// Where it stands.
    line: usize,
    sql: String,
    expected: Expected,
}

enum Expected {
    /// It is refused, with these words.
    Error(String),
    /// Rows, in this order or in any.
    Rows { in_any_order: bool, rows: Vec<String> },
}

/// The records of a file: blocks of lines, with a blank one between two of them.
fn records(text: &str) -> Vec<Record> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with('#')).peekable();
    let mut all = vec![];
    while let Some((line, head)) = lines.next() {
        if head.trim().is_empty() {
            continue;
        }
        let mut block = vec![];
        while let Some((_, text)) = lines.next_if(|(_, text)| !text.trim().is_empty()) {
            block.push(text);
        }
        let end = block.iter().position(|line| *line == "----").unwrap_or(block.len());
        let sql = block[..end].join("\n");
        let expected = match head.split_once(' ') {
            Some(("statement", error)) => {
                let words =
                    error.strip_prefix("error ").unwrap_or_else(|| panic!("line {line}: `statement error TEXT`"));
                Expected::Error(words.to_owned())
            }
            Some(("query", types)) => Expected::Rows {
                in_any_order: types.ends_with(" rowsort"),
                rows: block[usize::min(end + 1, block.len())..].iter().map(|row| (*row).to_owned()).collect(),
            },
            _ => panic!("line {line}: a record begins with `query TYPES` or `statement error TEXT`, not `{head}`"),
        };
        all.push(Record { line, sql, expected });
    }
    all
}

/// The rows of a statement, values parted by a blank.
pub(super) fn ask(service: &Arc<Service>, sql: &str) -> Result<Vec<String>, EngineError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let batches = runtime.block_on(async {
        let engine: Arc<dyn Engine> = service.clone();
        let asking = SqlQuestion { sql: sql.to_owned(), engine, sync: SYNC, parameters: vec![], held: None };
        Answerer::Here.ask(asking).await?.collect(1000).await
    })?;
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = vec![];
    for batch in &batches {
        let columns: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).expect("values that are shown"))
            .collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
            rows.push(cells.join(" "));
        }
    }
    Ok(rows)
}

/// What is wrong with the answers to a file's statements.
fn differences(service: &Arc<Service>, file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("a file");
    let mut wrong = vec![];
    let mut note = |record: &Record, what: String| {
        wrong.push(format!("{}:{}: {}\n{what}", file.display(), record.line, record.sql));
    };
    for record in records(&text) {
        match (ask(service, &record.sql), &record.expected) {
            (Ok(rows), Expected::Error(_)) => note(&record, format!("was answered:\n{}", rows.join("\n"))),
            (Err(error), Expected::Rows { .. }) => note(&record, format!("was refused: {error}")),
            (Err(error), Expected::Error(words)) if error.to_string().contains(words) => {}
            (Err(error), Expected::Error(_)) => note(&record, format!("was refused with other words: {error}")),
            (Ok(mut rows), Expected::Rows { in_any_order, rows: expected }) => {
                let mut expected = expected.clone();
                if *in_any_order {
                    rows.sort();
                    expected.sort();
                }
                if rows != expected {
                    note(&record, format!("expected:\n{}\nfound:\n{}", expected.join("\n"), rows.join("\n")));
                }
            }
        }
    }
    wrong
}

#[test]
fn the_files_of_statements_are_answered_as_they_say() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    LOG.iter().for_each(|record| log.write(0, record));
    let service = start_keeping(KEEP, PROGRAM, dir.path(), &log, Claims::All);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sql/slt");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder of statements")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .collect();
    files.sort();
    assert!(files.len() >= 3, "{files:?}");
    let wrong: Vec<String> = files.iter().flat_map(|file| differences(&service, file)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    service.stop();
}

#[test]
fn records_are_read_as_they_are_written() {
    let text = "# why\nquery TI rowsort\nSELECT a,\n  b\n----\nx 1\ny 2\n\nstatement error no such\nSELECT c\n\nquery T\nSELECT 1\n----\n";
    let all = records(text);
    assert_eq!(all.len(), 3);
    assert_eq!((all[0].line, all[0].sql.as_str()), (2, "SELECT a,\n  b"));
    assert!(matches!(&all[0].expected, Expected::Rows { in_any_order: true, rows } if *rows == ["x 1", "y 2"]));
    assert!(matches!(&all[1].expected, Expected::Error(words) if words == "no such"));
    assert!(matches!(&all[2].expected, Expected::Rows { in_any_order: false, rows } if rows.is_empty()));
}
