//! The rows of a reference table: a whole file at once, of which every row must be right.
//!
//! A log goes on where a record cannot be read; a table that is not whole would say nothing where it should say something.
//! So the first row that cannot be read refuses the table, with its place. Rows are decoded as records are: the meaning of
//! a value stands in one place.
//!
//! **Invariant:** what is read of a file is bounded before it is read: its bytes, what comes out of it where it is packed,
//! its rows, and the texts in them.

use crate::decode::Decoder;
use crate::file::rows;
use crate::sniff::{Sniffed, sniff};
use crate::{Batch, Block, DeadLetter, Error, Format, Next, Payload, Position, Source, StreamSource, packed};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::Arc;
use timeline_core::plan::{
    Csv, FieldPath, LookupTable, SourceColumn, TableConflict, TableRow, TableRows, TableShape, TimeUnit,
};
use timeline_core::{Field, Time, Value, nearest};

/// The most bytes of a table, packed and unpacked: 64 MiB.
pub const MAX_TABLE_BYTES: usize = 64 << 20;

/// The most bytes of the texts of a table's cells, of which a file of columns may hold more than it has bytes itself.
const MAX_TEXT_BYTES: usize = 2 * MAX_TABLE_BYTES;

/// How much of a file is looked at for its names.
const SAMPLE: usize = 1 << 20;

/// What of a file's rows makes a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableFile {
    /// What it is called, and has; its columns are those of the key, then the others.
    pub shape: TableShape,
    /// Where each of them stands, in that order.
    pub columns: Vec<SourceColumn>,
    /// The field with a row's first instant.
    pub from: Option<FieldPath>,
    /// The field with the first instant behind it.
    pub until: Option<FieldPath>,
    /// How both are written.
    pub unit: TimeUnit,
    /// How CSV is written, as far as that is said.
    pub csv: Csv,
}

/// Why a file is no such table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFault {
    /// What kind of trouble it is.
    pub kind: FaultKind,
    /// What is wrong, with its place in the file.
    pub message: String,
    /// What to do.
    pub help: String,
    /// The field that it is about, as it is written.
    pub field: Option<String>,
}

/// What kind of trouble a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It is not of its format.
    Unreadable,
    /// There is too much of it.
    TooLarge,
    /// It lacks a column.
    Columns,
    /// A row cannot be read.
    Row,
    /// Two rows speak of one instant.
    Overlap,
}

/// The bytes of a table as they are read: what comes out of them, where they are packed by gzip.
pub fn unpacked<'b>(bytes: &'b [u8], name: &str) -> Result<std::borrow::Cow<'b, [u8]>, TableFault> {
    if bytes.len() > MAX_TABLE_BYTES {
        return Err(too_large(name, &format!("{} bytes", bytes.len())));
    }
    if !packed::is_packed(bytes) {
        return Ok(bytes.into());
    }
    let mut all = vec![];
    let read = packed::unpack(bytes).take(MAX_TABLE_BYTES as u64 + 1).read_to_end(&mut all);
    read.map_err(|error| unreadable(&Error::Read { file: name.to_owned(), error }))?;
    match all.len() > MAX_TABLE_BYTES {
        true => Err(too_large(name, "more than that when it is unpacked")),
        false => Ok(all.into()),
    }
}

/// The bytes of a text packed by gzip, the same for the same text.
pub fn pack(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(vec![], Compression::best());
    packed.write_all(text).expect("writing to memory cannot fail");
    packed.finish().expect("writing to memory cannot fail")
}

/// The table in a file's bytes; without a format they tell. `name` is how faults call the file.
pub fn read_table(
    bytes: &[u8],
    name: &str,
    format: Option<Format>,
    wanted: &TableFile,
) -> Result<LookupTable, TableFault> {
    packed::refuse(bytes, name, format).map_err(|error| unreadable(&error))?;
    let bytes = unpacked(bytes, name)?;
    let format = format.or_else(|| Format::of_content(&bytes)).unwrap_or(Format::Ndjson);
    let names = names(&bytes, name, format, wanted.csv)?;
    if format != Format::Ndjson {
        lacks(wanted, name, &names, |path| names.has(path))?;
    }
    let mut reading = TableReader {
        wanted,
        name,
        bytes: &bytes,
        format,
        rows: TableRows::new(wanted.shape.clone()),
        places: vec![],
        seen: SeenRow::default(),
    };
    reading.all()?;
    if format == Format::Ndjson && !reading.rows.is_empty() {
        let seen = &reading.seen;
        let is_seen = |path: &FieldPath| {
            let columns = (0..).zip(&wanted.columns);
            let of_column = columns.into_iter().any(|(i, column)| column.path == *path && seen.columns >> i & 1 == 1);
            names.has(path)
                || of_column
                || (wanted.from.as_ref() == Some(path) && seen.from)
                || (wanted.until.as_ref() == Some(path) && seen.until)
        };
        lacks(wanted, name, &names, is_seen)?;
    }
    reading.table()
}

/// The names that a file's rows have.
fn names(bytes: &[u8], name: &str, format: Format, csv: Csv) -> Result<Sniffed, TableFault> {
    let sample = if format == Format::Parquet { bytes } else { &bytes[..bytes.len().min(SAMPLE)] };
    sniff(format, sample, name, csv).map_err(|error| unreadable(&error))
}

/// Whether the file lacks a field that is wanted.
fn lacks(wanted: &TableFile, name: &str, names: &Sniffed, has: impl Fn(&FieldPath) -> bool) -> Result<(), TableFault> {
    let paths = wanted.columns.iter().map(|column| &column.path).chain(&wanted.from).chain(&wanted.until);
    let Some(path) = paths.into_iter().find(|path| !has(path)) else { return Ok(()) };
    let field = path.dotted();
    let known: BTreeSet<&str> = names.names.iter().map(String::as_str).collect();
    let near =
        nearest(&field, known.iter().copied()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let shown: Vec<String> = known.iter().take(20).map(|known| format!("`{known}`")).collect();
    let more = if known.len() > shown.len() { ", ..." } else { "" };
    Err(TableFault {
        kind: FaultKind::Columns,
        message: format!("{name} has no column `{field}`"),
        help: match shown.is_empty() {
            true => "it has no columns: name the file that has the rows".to_owned(),
            false => format!(
                "{near}it has {}{more}; `name: type from \"column\"` reads one under another name",
                shown.join(", ")
            ),
        },
        field: Some(field),
    })
}

/// What was seen in some row.
#[derive(Default)]
struct SeenRow {
    columns: u64,
    from: bool,
    until: bool,
}

/// A file on its way to a table.
struct TableReader<'a> {
    wanted: &'a TableFile,
    name: &'a str,
    bytes: &'a [u8],
    format: Format,
    rows: TableRows,
    /// Where each row stands: bytes, or rows of Parquet.
    places: Vec<u64>,
    seen: SeenRow,
}

impl TableReader<'_> {
    fn all(&mut self) -> Result<(), TableFault> {
        let mut decoder = Decoder::of_table(self.wanted);
        let (mut texts, mut known, mut preceding) = (0, BTreeSet::new(), None);
        if self.format == Format::Parquet {
            let wanted = self.wanted;
            let paths: Vec<FieldPath> = wanted
                .columns
                .iter()
                .map(|column| column.path.clone())
                .chain(wanted.from.clone())
                .chain(wanted.until.clone())
                .collect();
            let reader = rows(Bytes::copy_from_slice(self.bytes), self.name, 0, Some(&paths));
            let mut start = Position::START;
            for rows in reader.map_err(|error| unreadable(&error))? {
                let rows = rows.map_err(|error| {
                    let (file, reason) = (self.name.to_owned(), error.to_string());
                    unreadable(&Error::Format { file, format: Format::Parquet, reason })
                })?;
                let end = start.plus(rows.num_rows() as u64);
                let payload = Payload::Rows(rows);
                let block = Block { payload, start, end, origin: self.name.into(), marks: vec![], preceding };
                start = end;
                let batch = decoder.decode(block);
                preceding = batch.last.time;
                self.take(&batch, &mut texts, &mut known)?;
            }
            return Ok(());
        }
        let stream = StreamSource::new(self.bytes, self.name, Some(self.format));
        let mut stream = stream.map_err(|error| unreadable(&error))?;
        stream.written(self.wanted.csv);
        while let Next::Block(block) = stream.next().map_err(|error| unreadable(&error))? {
            let batch = decoder.decode(Block { preceding, ..block });
            preceding = batch.last.time;
            self.take(&batch, &mut texts, &mut known)?;
            stream.recycle(decoder.recycle(batch));
        }
        Ok(())
    }

    /// Takes the rows of a batch; texts that are alike are one.
    fn take(&mut self, batch: &Batch, texts: &mut usize, known: &mut BTreeSet<Arc<str>>) -> Result<(), TableFault> {
        if let Some(dead) = batch.dead.first() {
            return Err(self.unfit(dead));
        }
        self.seen.columns |= batch.seen.columns;
        let width = self.wanted.shape.key.len();
        let columns = width + self.wanted.shape.columns.len();
        for event in &batch.events {
            let place = batch.position(event).offset;
            if self.places.len() == LookupTable::MAX_ROWS {
                return Err(too_large(self.name, &format!("more than {} rows", LookupTable::MAX_ROWS)));
            }
            if (self.places.len() + 1) * columns > LookupTable::MAX_VALUES {
                return Err(too_large(self.name, &format!("more than {} values", LookupTable::MAX_VALUES)));
            }
            let record = batch.record(event, &self.wanted.columns, 0);
            let mut values = record.fields.into_iter().map(|field| match field {
                Field::Missing | Field::Null => None,
                Field::Value(Value::Str(text)) => Some(Value::Str(match known.get(&*text) {
                    Some(same) => Arc::clone(same),
                    None => {
                        *texts += text.len();
                        known.insert(Arc::clone(&text));
                        text
                    }
                })),
                Field::Value(value) => Some(value),
            });
            let mut key = Vec::with_capacity(width);
            for column in &self.wanted.columns[..width] {
                match values.next().flatten() {
                    Some(value) => key.push(value),
                    None => return Err(self.no_key(place, column)),
                }
            }
            let cells: Vec<Option<Value>> = values.collect();
            if *texts > MAX_TEXT_BYTES {
                return Err(too_large(self.name, "more text than twice that in its cells"));
            }
            let from = (event.time != Time::MIN).then_some(event.time);
            let until = Some(event.order_bits as Time).filter(|until| *until != Time::MAX);
            self.seen.from |= from.is_some();
            self.seen.until |= until.is_some();
            self.rows.push(TableRow { key, from, until, cells });
            self.places.push(place);
        }
        Ok(())
    }

    fn table(self) -> Result<LookupTable, TableFault> {
        let TableReader { wanted, name, bytes, format, rows, places, .. } = self;
        if rows.is_empty() {
            return Err(TableFault {
                kind: FaultKind::Row,
                message: format!("{name} has no row"),
                help: "a table without rows says nothing of anything: name the file that has them".into(),
                field: None,
            });
        }
        rows.finish().map_err(|conflict| {
            let at = |row: usize| place(bytes, format, places[row]);
            match conflict {
                TableConflict::Overlap { first, second, key } => TableFault {
                    kind: FaultKind::Overlap,
                    message: format!(
                        "{name}: {} and {} both speak of {} at one instant",
                        at(first),
                        at(second),
                        text(&key)
                    ),
                    help: "a row holds from its first instant to its end, or to the next row of its key: give each an \
                           instant of its own, or let one end before the other begins"
                        .into(),
                    field: None,
                },
                TableConflict::Empty { row } => TableFault {
                    kind: FaultKind::Row,
                    message: format!("{name}: {} ends before it has begun, so it never holds", at(row)),
                    help:
                        "its end is the first instant at which it does not hold any more, and comes after its beginning"
                            .into(),
                    field: wanted.until.as_ref().map(FieldPath::dotted),
                },
            }
        })
    }

    /// What is wrong with a row that could not be read.
    fn unfit(&self, dead: &DeadLetter) -> TableFault {
        let at = place(self.bytes, self.format, dead.position.offset);
        let column = dead.column.as_ref().map(|column| format!("`{column}` is ")).unwrap_or_default();
        TableFault {
            kind: FaultKind::Row,
            message: format!("{}: {at}: {column}{}", self.name, dead.reason),
            help: "every row of a table must be right; an empty cell says nothing, and `null \"WORD\"` behind a column names \
                   words that say nothing"
                .into(),
            field: dead.column.as_ref().map(ToString::to_string),
        }
    }

    fn no_key(&self, offset: u64, column: &SourceColumn) -> TableFault {
        let at = place(self.bytes, self.format, offset);
        TableFault {
            kind: FaultKind::Row,
            message: format!("{}: {at}: the key `{}` is missing", self.name, column.name),
            help: "a row is found by its key: give it one, or leave the row out".into(),
            field: Some(column.path.dotted()),
        }
    }
}

/// Where a row stands, as people count.
fn place(bytes: &[u8], format: Format, at: u64) -> String {
    match format {
        Format::Parquet => format!("row {}", at + 1),
        Format::Ndjson | Format::Csv => {
            let before = &bytes[..bytes.len().min(usize::try_from(at).unwrap_or(usize::MAX))];
            format!("line {}", memchr::memchr_iter(b'\n', before).count() + 1)
        }
    }
}

/// A key as people read it, as far as it is short.
fn text(key: &[Value]) -> String {
    const SHOWN: usize = 100;
    let all = key.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    match all.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &all[..end]),
        None => all,
    }
}

fn unreadable(error: &Error) -> TableFault {
    TableFault { kind: FaultKind::Unreadable, message: error.to_string(), help: error.help().to_owned(), field: None }
}

/// That a file is too large; `what` is how much it has.
pub fn too_large(name: &str, what: &str) -> TableFault {
    TableFault {
        kind: FaultKind::TooLarge,
        message: format!("a table has at most {} MiB, {name} has {what}", MAX_TABLE_BYTES >> 20),
        help: "keep the columns and rows that are asked for; what is larger is a source of events, joined by its key"
            .into(),
        field: None,
    }
}
