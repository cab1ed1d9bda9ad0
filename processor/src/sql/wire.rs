//! What a processor and a process that answers questions say to each other over its standard input and output: frames of
//! a kind, a length and so many bytes.
//!
//! Both ends are the same build, so nothing here is versioned. Rows go as Arrow IPC, everything else as JSON.

use super::work::QuestionRequest;
use crate::engine::{EngineError, OutputView, PastFile, TableData, TableScan};
use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::{StreamDecoder, StreamReader};
use arrow::ipc::writer::StreamWriter;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// The longest frame that is believed; rows come in batches.
const FRAME_BYTES_MAX: u64 = 4 << 30;

/// What is said.
#[derive(Debug)]
pub(super) enum Frame {
    /// To the process: a question.
    Ask(QuestionRequest),
    /// From it: tables that the question reads, with their rows or without.
    Want(TableRequest),
    /// To it: how many bytes of tables come.
    Tables(u64),
    /// To it: the tables that were wanted, one after the other.
    Table(WireTable),
    /// To it: there are none, give up.
    None,
    /// From it: the columns, or rows behind them, as a stream of Arrow IPC.
    Rows(Vec<u8>),
    /// From it: all was told. `false` if the process is not to be asked again.
    Done(bool),
    /// From it: there is no answer.
    Failed(WireFailure),
}

/// Tables that a question reads.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TableRequest {
    pub(super) scans: Vec<TableScan>,
    pub(super) with_rows: bool,
}

impl TableRequest {
    /// The columns of tables.
    pub(super) fn columns(names: &[String]) -> TableRequest {
        TableRequest { with_rows: false, ..TableRequest::rows(names) }
    }

    /// Tables whole.
    pub(super) fn rows(names: &[String]) -> TableRequest {
        TableRequest { scans: names.iter().map(|name| TableScan::whole(name)).collect(), with_rows: true }
    }
}

/// A table, but for its rows in memory.
#[derive(Debug, Serialize, Deserialize)]
struct TableHeader {
    name: String,
    past: Vec<PastFile>,
    view: Option<OutputView>,
}

/// A table on its way: the head in JSON, and the rows in memory as Arrow IPC.
#[derive(Debug)]
pub(super) struct WireTable {
    head: Vec<u8>,
    rows: Vec<u8>,
}

/// An [`EngineError`] on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireFailure {
    code: String,
    message: String,
}

impl Frame {
    /// Writes it; the caller flushes.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Frame::Ask(asked) => framed(out, b'a', &[&json(asked)]),
            Frame::Want(wanted) => framed(out, b'w', &[&json(wanted)]),
            Frame::Tables(bytes) => framed(out, b'b', &[&bytes.to_le_bytes()]),
            Frame::Table(WireTable { head, rows }) => {
                framed(out, b't', &[&(head.len() as u64).to_le_bytes(), head, rows])
            }
            Frame::None => framed(out, b'n', &[]),
            Frame::Rows(bytes) => framed(out, b'r', &[bytes]),
            Frame::Done(again) => framed(out, b'd', &[&[u8::from(*again)]]),
            Frame::Failed(failure) => framed(out, b'f', &[&json(failure)]),
        }
    }

    /// Reads the next one; an error of the kind `UnexpectedEof` if there is none.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Frame> {
        let (mut kind, mut length) = ([0], [0; 8]);
        from.read_exact(&mut kind)?;
        from.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > FRAME_BYTES_MAX {
            return Err(io::Error::other(format!("a frame of {length} bytes")));
        }
        let mut bytes = vec![0; length as usize];
        from.read_exact(&mut bytes)?;
        Ok(match kind[0] {
            b'a' => Frame::Ask(of_json(&bytes)?),
            b'w' => Frame::Want(of_json(&bytes)?),
            b'b' => Frame::Tables(number(&bytes)?),
            b't' => {
                let head = number(&bytes)? as usize;
                let rows = bytes.len().checked_sub(8).and_then(|left| left.checked_sub(head));
                let rows = bytes.split_off(bytes.len() - rows.ok_or_else(broken)?);
                Frame::Table(WireTable { head: bytes.split_off(8), rows })
            }
            b'n' => Frame::None,
            b'r' => Frame::Rows(bytes),
            b'd' => Frame::Done(bytes == [1]),
            b'f' => Frame::Failed(of_json(&bytes)?),
            _ => return Err(broken()),
        })
    }
}

impl WireTable {
    /// A table to be sent.
    pub(super) fn of(table: &TableData) -> Result<WireTable, ArrowError> {
        let head = TableHeader { name: table.name.clone(), past: table.past.clone(), view: table.view.clone() };
        let mut writer = StreamWriter::try_new(vec![], &table.schema)?;
        table.live.iter().filter(|batch| batch.num_rows() > 0).try_for_each(|batch| writer.write(batch))?;
        Ok(WireTable { head: json(&head), rows: writer.into_inner()? })
    }

    /// Its length.
    pub(super) fn len(&self) -> u64 {
        (self.head.len() + self.rows.len()) as u64
    }

    /// The table that came.
    pub(super) fn into_data(self) -> Result<TableData, EngineError> {
        let wrong = |error: &dyn std::fmt::Display| EngineError::Internal(format!("a table came broken: {error}"));
        let head: TableHeader = serde_json::from_slice(&self.head).map_err(|error| wrong(&error))?;
        let mut rows = WireRows::default();
        let mut live = vec![];
        rows.add(self.rows, |batch| live.push(batch)).map_err(|error| wrong(&error))?;
        let schema = rows.schema().ok_or_else(|| wrong(&"it has no columns"))?;
        Ok(TableData { name: head.name, schema, live, past: head.past, view: head.view })
    }
}

/// Rows that come in pieces.
#[derive(Debug, Default)]
pub(super) struct WireRows {
    decoder: StreamDecoder,
    schema: Option<SchemaRef>,
}

impl WireRows {
    /// Takes a piece, of the columns and what is behind them or of a batch, and gives the batches that are whole.
    pub(super) fn add(&mut self, bytes: Vec<u8>, mut take: impl FnMut(RecordBatch)) -> Result<(), ArrowError> {
        let mut is_behind = self.schema.is_some();
        if self.schema.is_none() {
            // The decoder looks at the columns only when something comes behind them, and there may be no rows.
            self.schema = Some(StreamReader::try_new(bytes.as_slice(), None)?.schema());
        }
        let mut buffer = Buffer::from_vec(bytes);
        while !buffer.is_empty() {
            if let Some(batch) = self.decoder.decode(&mut buffer)? {
                is_behind = false;
                take(batch);
            }
        }
        // Columns of nothing but nulls (`SELECT NULL`) have no bytes, and the decoder gives such rows only when it sees a
        // byte behind them, which it leaves alone.
        if is_behind && let Some(batch) = self.decoder.decode(&mut Buffer::from_vec(vec![0_u8]))? {
            take(batch);
        }
        Ok(())
    }

    /// The columns, once they have come.
    pub(super) fn schema(&self) -> Option<SchemaRef> {
        self.schema.clone()
    }
}

impl From<EngineError> for WireFailure {
    fn from(error: EngineError) -> WireFailure {
        WireFailure { code: error.code().to_owned(), message: error.to_string() }
    }
}

impl From<WireFailure> for EngineError {
    fn from(WireFailure { code, message }: WireFailure) -> EngineError {
        let all: [fn(String) -> EngineError; 5] =
            [EngineError::NotFound, EngineError::Timeout, EngineError::Unavailable, EngineError::Internal, |message| {
                EngineError::invalid(message)
            }];
        let of_code = all.into_iter().find(|of| of(String::new()).code() == code);
        of_code.unwrap_or(EngineError::Internal)(message)
    }
}

fn framed(out: &mut impl Write, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.write_all(&[kind])?;
    out.write_all(&(length as u64).to_le_bytes())?;
    parts.iter().try_for_each(|part| out.write_all(part))
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain records become JSON")
}

fn of_json<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> io::Result<T> {
    serde_json::from_slice(bytes).map_err(io::Error::other)
}

fn number(bytes: &[u8]) -> io::Result<u64> {
    bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)).ok_or_else(broken)
}

fn broken() -> io::Error {
    io::Error::other("what came is no frame")
}

#[cfg(test)]
mod tests {
    use super::{Frame, WireRows, WireTable};
    use crate::engine::fake::finals;
    use crate::engine::{EngineError, TableData};
    use arrow::array::{ArrayRef, NullArray, RecordBatch};
    use arrow::ipc::writer::StreamWriter;
    use std::sync::Arc;

    #[test]
    fn columns_come_without_rows() {
        let batch = finals(&[]);
        let mut writer = StreamWriter::try_new(vec![], &batch.schema()).unwrap();
        let mut rows = WireRows::default();
        rows.add(std::mem::take(writer.get_mut()), |_| panic!("there are no rows")).unwrap();
        assert_eq!(rows.schema(), Some(batch.schema()));
    }

    #[test]
    fn rows_without_a_byte_come_too() {
        let nulls: ArrayRef = Arc::new(NullArray::new(2));
        let batch = RecordBatch::try_from_iter_with_nullable([("a", nulls, true)]).unwrap();
        let mut writer = StreamWriter::try_new(vec![], &batch.schema()).unwrap();
        let (mut rows, mut came) = (WireRows::default(), vec![]);
        rows.add(std::mem::take(writer.get_mut()), |_| panic!("there are no rows yet")).unwrap();
        for count in 1..=3 {
            writer.write(&batch).unwrap();
            rows.add(std::mem::take(writer.get_mut()), |batch| came.push(batch)).unwrap();
            assert_eq!(came, vec![batch.clone(); count]);
        }
    }

    #[test]
    fn frames_come_as_they_were_said() {
        let batch = finals(&[("s1", 12, true)]);
        let table = TableData {
            name: "finals".into(),
            schema: batch.schema(),
            live: vec![batch.clone(), finals(&[])],
            past: vec![],
            view: None,
        };
        let mut bytes = vec![];
        Frame::Table(WireTable::of(&table).unwrap()).write(&mut bytes).unwrap();
        Frame::Failed(EngineError::Timeout("late".into()).into()).write(&mut bytes).unwrap();
        let mut from = bytes.as_slice();
        let Frame::Table(came) = Frame::read(&mut from).unwrap() else { panic!("another frame") };
        let came = came.into_data().unwrap();
        assert_eq!((came.name.as_str(), came.live), ("finals", vec![batch]));
        let Frame::Failed(failure) = Frame::read(&mut from).unwrap() else { panic!("another frame") };
        assert_eq!(EngineError::from(failure), EngineError::Timeout("late".into()));
        assert!(Frame::read(&mut from).is_err(), "there is no more");
    }
}
