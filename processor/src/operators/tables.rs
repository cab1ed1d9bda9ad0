//! Tables: where their rows come from.
//!
//! A program names a file; what is deployed carries it, packed, as a `data:` address in its text, as it carries modules. So a
//! table is durable with the program, whatever becomes of the file, and another processor that takes over needs none.
//! Reading is [`event_feeder::read_table`]'s.
//!
//! Programs are compiled whenever something is asked of them, and a table may be large; so tables that somebody has are not
//! read again, and of others the last one.

use super::{Operators, STANDARD, beside};
use base64::Engine;
use event_feeder::{Fault, FaultKind, Format, MAX_TABLE_BYTES, TableFile};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use timeline_core::plan::Table;
use timeline_dsl::{DeclaredTable, TableError, TableProblem};

/// How an address begins that is a table itself; then come its format, and behind this the bytes.
const CARRIED: &str = "data:table/";
const BASE64: &str = ";base64,";

/// The rows of a declared table.
pub(super) fn table(of: Operators, program: &str, declared: &DeclaredTable) -> Result<Arc<Table>, Box<TableError>> {
    let wanted = wanted(declared);
    let (key, bytes, name, format) = match (declared.file.strip_prefix(CARRIED), of) {
        (Some(carried), _) => {
            let format = carried.split_once(BASE64).and_then(|(format, bytes)| Some((named(format)?, bytes)));
            let Some((format, text)) = format else { return Err(no_address()) };
            let key = blake3::hash(declared.file.as_bytes());
            if let Some(known) = known(&key, &wanted) {
                return Ok(known);
            }
            let bytes = STANDARD.decode(text).map_err(|_| no_address())?;
            (key, bytes, format!("the table `{}`", declared.name), Some(format))
        }
        (None, Operators::Local) => {
            let bytes = read(program, &declared.file)?;
            let format = Format::of_name(declared.file.strip_suffix(".gz").unwrap_or(&declared.file));
            let name = declared.file.clone();
            let key = blake3::hash(&bytes);
            if let Some(known) = known(&key, &wanted) {
                return Ok(known);
            }
            (key, bytes, name, format)
        }
        (None, Operators::Deployed) => {
            return Err(Box::new(TableError {
                problem: TableProblem::Unreadable,
                message: format!("a deployed program carries its tables, this names `{}`", declared.file),
                help: "deploy it with `timeline deploy` or `timeline serve`, which put the rows into the text".into(),
                field: None,
            }));
        }
    };
    let table = event_feeder::read_table(&bytes, &name, format, &wanted).map_err(|fault| Box::new(error(fault)))?;
    let table = Arc::new(table);
    keep(key, wanted, &table);
    Ok(table)
}

/// The file as an address that is the table itself.
pub(super) fn carried(program: &str, file: &str) -> Result<String, Box<TableError>> {
    let bytes = read(program, file)?;
    let plain = event_feeder::unpacked(&bytes, file).map_err(|fault| Box::new(error(fault)))?;
    let format = Format::of_name(file.strip_suffix(".gz").unwrap_or(file)).or_else(|| Format::of_content(&plain));
    let format = format.unwrap_or(Format::Ndjson);
    // What is packed already is carried as it is.
    let packed = match &plain {
        Cow::Borrowed(plain) if format != Format::Parquet => Some(event_feeder::pack(plain)),
        _ => None,
    };
    Ok(format!("{CARRIED}{}{BASE64}{}", name(format), STANDARD.encode(packed.as_deref().unwrap_or(&bytes))))
}

/// A text as the address of a table, as if it stood in a file of that name.
pub fn table_address(file: &str, text: &str) -> String {
    let format = Format::of_name(file).or_else(|| Format::of_content(text.as_bytes())).unwrap_or(Format::Ndjson);
    format!("{CARRIED}{}{BASE64}{}", name(format), STANDARD.encode(text))
}

/// Whether an address is the table itself.
pub(super) fn is_carried(file: &str) -> bool {
    file.starts_with(CARRIED)
}

fn name(format: Format) -> &'static str {
    match format {
        Format::Ndjson => "ndjson",
        Format::Csv => "csv",
        Format::Parquet => "parquet",
    }
}

fn named(text: &str) -> Option<Format> {
    [Format::Ndjson, Format::Csv, Format::Parquet].into_iter().find(|format| name(*format) == text)
}

fn wanted(declared: &DeclaredTable) -> TableFile {
    let DeclaredTable { name: _, file: _, key, columns, from, until, unit, csv } = declared;
    TableFile {
        shape: declared.shape(),
        columns: key.iter().chain(columns).cloned().collect(),
        from: from.clone(),
        until: until.clone(),
        unit: unit.clone(),
        csv: *csv,
    }
}

/// A table that was read: of which bytes, and what of them.
struct Read {
    bytes: blake3::Hash,
    wanted: TableFile,
    table: Weak<Table>,
}

/// Those that were read, and the last one, so that it is there while nobody has a plan of it yet.
struct TableCache {
    read: Vec<Read>,
    last: Option<Arc<Table>>,
}

static KEPT: Mutex<TableCache> = Mutex::new(TableCache { read: vec![], last: None });

fn known(bytes: &blake3::Hash, wanted: &TableFile) -> Option<Arc<Table>> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let is = |read: &&Read| read.bytes == *bytes && read.wanted == *wanted;
    kept.read.iter().find(is).and_then(|read| read.table.upgrade())
}

fn keep(bytes: blake3::Hash, wanted: TableFile, table: &Arc<Table>) {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.last = Some(Arc::clone(table));
    kept.read.retain(|read| read.table.strong_count() > 0);
    kept.read.push(Read { bytes, wanted, table: Arc::downgrade(table) });
}

fn read(program: &str, file: &str) -> Result<Vec<u8>, Box<TableError>> {
    beside(program, file, MAX_TABLE_BYTES).map_err(|unfit| {
        let (problem, message, help) = match unfit {
            super::Unfit::Unreadable(message) => {
                (TableProblem::Unreadable, message, "the file is looked for beside the program".to_owned())
            }
            super::Unfit::TooLarge(bytes) => {
                let fault = event_feeder::too_large(file, &format!("{bytes} bytes"));
                (TableProblem::TooLarge, fault.message, fault.help)
            }
        };
        Box::new(TableError { problem, message, help, field: None })
    })
}

fn no_address() -> Box<TableError> {
    Box::new(TableError {
        problem: TableProblem::Unreadable,
        message: "what the text carries is no table".into(),
        help: "deploy the program from its file".into(),
        field: None,
    })
}

fn error(fault: Fault) -> TableError {
    let Fault { kind, message, help, field } = fault;
    let problem = match kind {
        FaultKind::Unreadable => TableProblem::Unreadable,
        FaultKind::TooLarge => TableProblem::TooLarge,
        FaultKind::Columns => TableProblem::Columns,
        FaultKind::Row => TableProblem::Row,
        FaultKind::Overlap => TableProblem::Overlap,
    };
    TableError { problem, message, help, field }
}
