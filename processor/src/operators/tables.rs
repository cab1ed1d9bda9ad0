//! Tables: where their rows come from.
//!
//! A program names a file; what is deployed carries it, packed, as a `data:` address in its text, as it carries modules. So a
//! table is durable with the program, whatever becomes of the file, and another processor that takes over needs none.
//! Reading is [`event_feeder::read_table`]'s.
//!
//! Such an address may say too what the columns of the table are known as ([`known_as`]).
//!
//! Programs are compiled whenever something is asked of them, and a table may be large; so tables that somebody has are not
//! read again, and of others the last one.

use super::{Operators, STANDARD, beside};
use base64::Engine;
use event_feeder::{FaultKind, Format, MAX_TABLE_BYTES, TableFault, TableFile};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use timeline_core::Time;
use timeline_core::plan::{Fingerprint, LookupTable};
use timeline_dsl::{DeclaredTable, TableError, TableProblem, outline};

/// How an address begins that is a table itself; then come its format, what its columns are known as, and behind this the
/// bytes.
const CARRIED: &str = "data:table/";
const IDENTITY: &str = ";as=";
const BASE64: &str = ";base64,";

/// What a column of a table is known as: see [`LookupTable::known_as`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColumnIdentity {
    /// Its name.
    pub(crate) column: String,
    /// The identity.
    pub(crate) known: Fingerprint,
    /// What was asked under it before, each with the first instant of which the table says something else.
    pub(crate) before: Vec<(Fingerprint, Time)>,
}

impl ColumnIdentity {
    /// `price:0123:4567@1700000000000000000`: its name, its identity, and what was asked before.
    fn parse(text: &str) -> Option<ColumnIdentity> {
        let digest = |text: &str| u128::from_str_radix(text, 16).ok().map(Fingerprint);
        let mut parts = text.split(':');
        let (column, known) = (parts.next()?.to_owned(), digest(parts.next()?)?);
        let one = |part: &str| {
            let (content, until) = part.split_once('@')?;
            Some((digest(content)?, until.parse().ok()?))
        };
        Some(ColumnIdentity { column, known, before: parts.map(one).collect::<Option<_>>()? })
    }
}

impl fmt::Display for ColumnIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.column, self.known)?;
        self.before.iter().try_for_each(|(content, until)| write!(f, ":{content}@{until}"))
    }
}

/// A text whose tables, which it carries, are known as said: by their names.
pub(crate) fn known_as(text: &str, tables: &BTreeMap<String, Vec<ColumnIdentity>>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for table in outline(text).tables.iter().filter(|table| is_carried(&table.file)) {
        let (Some(columns), Some((head, bytes))) = (tables.get(&table.name), table.file.split_once(BASE64)) else {
            continue;
        };
        let place = table.file_span.range();
        out.push_str(&text[at..place.start]);
        out.push('"');
        out.push_str(head.split(IDENTITY).next().unwrap_or(head));
        columns.iter().for_each(|column| out.push_str(&format!("{IDENTITY}{column}")));
        out.push_str(&format!("{BASE64}{bytes}\""));
        at = place.end;
    }
    out.push_str(&text[at..]);
    out
}

/// The rows of a declared table.
pub(super) fn table(
    of: Operators,
    program: &str,
    declared: &DeclaredTable,
) -> Result<Arc<LookupTable>, Box<TableError>> {
    let wanted = wanted(declared);
    let mut identities = vec![];
    let (key, bytes, name, format) = match (declared.file.strip_prefix(CARRIED), of) {
        (Some(carried), _) => {
            let Some((head, text)) = carried.split_once(BASE64) else { return Err(no_address()) };
            let mut parts = head.split(IDENTITY);
            let Some(format) = parts.next().and_then(named) else { return Err(no_address()) };
            let Some(known_as) = parts.map(ColumnIdentity::parse).collect() else { return Err(no_address()) };
            identities = known_as;
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
    let table = identities.into_iter().fold(table, |table: LookupTable, ColumnIdentity { column, known, before }| {
        table.known_as(&column, known, before)
    });
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
struct ReadTable {
    bytes: blake3::Hash,
    wanted: TableFile,
    table: Weak<LookupTable>,
}

/// Those that were read, and the last one, so that it is there while nobody has a plan of it yet.
struct TableCache {
    read: Vec<ReadTable>,
    last: Option<Arc<LookupTable>>,
}

static KEPT: Mutex<TableCache> = Mutex::new(TableCache { read: vec![], last: None });

fn known(bytes: &blake3::Hash, wanted: &TableFile) -> Option<Arc<LookupTable>> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let is = |read: &&ReadTable| read.bytes == *bytes && read.wanted == *wanted;
    kept.read.iter().find(is).and_then(|read| read.table.upgrade())
}

fn keep(bytes: blake3::Hash, wanted: TableFile, table: &Arc<LookupTable>) {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.last = Some(Arc::clone(table));
    kept.read.retain(|read| read.table.strong_count() > 0);
    kept.read.push(ReadTable { bytes, wanted, table: Arc::downgrade(table) });
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

fn error(fault: TableFault) -> TableError {
    let TableFault { kind, message, help, field } = fault;
    let problem = match kind {
        FaultKind::Unreadable => TableProblem::Unreadable,
        FaultKind::TooLarge => TableProblem::TooLarge,
        FaultKind::Columns => TableProblem::Columns,
        FaultKind::Row => TableProblem::Row,
        FaultKind::Overlap => TableProblem::Overlap,
    };
    TableError { problem, message, help, field }
}
