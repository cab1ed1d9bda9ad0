//! Files of messages that wait to be published, and which of them a checkpoint names.
//!
//! A file has a row a message, in the order in which they are published: `id`, `key`, `time`, `payload`. Files are published
//! in the order in which checkpoints name them. While a destination is away their number is kept small by putting the last
//! ones together, so that an hour of that costs disk and nothing else.

use super::alert_changes::AlertChanges;
use super::message::of_rows;
use super::{Error, Origin, OutputKind, OutputMessage};
use crate::checkpoint::{CheckpointReader, FileKind, FileRef, Putter, segment};
use crate::records::AlertRow;
use crate::results::Pending;
use crate::rows::{self, AlertColumns};
use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::json;
use std::sync::Arc;
use timeline_core::plan::Plan;

/// The most messages of a file.
const ROWS_MAX: usize = 8192;
/// A file ends with the message that brings it to so many bytes of payload.
const BYTES_MAX: usize = 4 << 20;
/// Small files at the end before they are put together.
const FILES_MAX: usize = 24;

/// The files of one output.
#[derive(Clone, Debug)]
pub(crate) struct OutboxFiles {
    pub origin: Origin,
    /// In the order in which they are published.
    pub files: Vec<FileRef>,
    /// How many of the first are left as they are, for they may be published meanwhile.
    pub left_alone: usize,
}

/// The files of a checkpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    /// Of outputs that have a destination.
    pub own: Vec<OutboxFiles>,
    /// Of outputs that have none now: they wait for one.
    pub others: Vec<FileRef>,
}

impl Outbox {
    /// All files, as a checkpoint names them.
    pub(crate) fn files(&self) -> impl Iterator<Item = &FileRef> {
        self.own.iter().flat_map(|own| &own.files).chain(&self.others)
    }

    /// Adds what was told since the last checkpoint.
    pub(crate) fn add(
        &mut self,
        putter: &Putter,
        reader: &CheckpointReader,
        plan: &Plan,
        told: &Pending,
        facts: &AlertChanges,
        changes: &[OutputMessage],
    ) -> Result<(), Error> {
        for OutboxFiles { origin, files, left_alone } in &mut self.own {
            let mut messages = vec![];
            for rows in tables(origin, plan, told, facts) {
                messages.extend(of_rows(origin, plan, &rows));
            }
            if origin.output == OutputKind::Totals {
                messages.extend_from_slice(changes);
            }
            files.extend(write(putter, origin, &messages)?);
            tidy(putter, reader, origin, files, *left_alone)?;
        }
        Ok(())
    }
}

/// The rows that an output tells, but for totals.
fn tables(origin: &Origin, plan: &Plan, told: &Pending, facts: &AlertChanges) -> Vec<RecordBatch> {
    match origin.output {
        // Whoever reads them in order hears of a beginning before its end.
        OutputKind::Alerts => {
            let rows = |alerts: &Vec<AlertRow>| rows::alerts(&[(plan, alerts)], AlertColumns::Named);
            [&facts.began, &facts.ended].map(rows).into()
        }
        OutputKind::Totals => vec![],
        output => vec![told.table(output.name(), plan, origin.partition)],
    }
}

/// The output that a file belongs to, and how many messages it has.
pub(crate) fn facts_of(file: &FileRef) -> Option<(OutputKind, u64)> {
    if file.kind != FileKind::Outbox {
        return None;
    }
    let name = file.metadata.get("output")?.as_str()?;
    let output = OutputKind::ALL.into_iter().find(|output| output.name() == name)?;
    Some((output, file.metadata.get("rows")?.as_u64()?))
}

/// How many messages some files have.
pub(crate) fn count<'a>(files: impl IntoIterator<Item = &'a FileRef>) -> u64 {
    files.into_iter().filter_map(facts_of).map(|(_, rows)| rows).sum()
}

fn write(putter: &Putter, origin: &Origin, messages: &[OutputMessage]) -> Result<Vec<FileRef>, Error> {
    let mut files = vec![];
    let mut rest = messages;
    while !rest.is_empty() {
        let mut bytes = 0;
        let before = |message: &&OutputMessage| {
            let is_room = bytes < BYTES_MAX;
            bytes += message.payload.len();
            is_room
        };
        let count = rest.iter().take(ROWS_MAX).take_while(before).count();
        let (first, others) = rest.split_at(count);
        rest = others;
        let batch = encode(first)?;
        let bytes = segment::encode(&batch.schema(), std::slice::from_ref(&batch))?;
        let metadata = json!({ "output": origin.output.name(), "rows": first.len() });
        files.push(putter.put(FileKind::Outbox, origin.output.name(), &bytes, metadata)?);
    }
    Ok(files)
}

/// Puts the last files together if they are many and small.
fn tidy(
    putter: &Putter,
    reader: &CheckpointReader,
    origin: &Origin,
    files: &mut Vec<FileRef>,
    left_alone: usize,
) -> Result<(), Error> {
    let is_small = |file: &&FileRef| count([*file]) < ROWS_MAX as u64 / 2 && file.length < BYTES_MAX as u64 / 2;
    let small = files.iter().skip(left_alone).rev().take_while(is_small).count();
    if small < FILES_MAX {
        return Ok(());
    }
    let mut messages = vec![];
    for file in files.split_off(files.len() - small) {
        messages.extend(read(reader, &file)?);
        // One that was just written will be named by nobody.
        putter.forget(&file);
    }
    files.extend(write(putter, origin, &messages)?);
    Ok(())
}

fn encode(messages: &[OutputMessage]) -> Result<RecordBatch, Error> {
    let text =
        |of: fn(&OutputMessage) -> &str| Arc::new(StringArray::from_iter_values(messages.iter().map(of))) as ArrayRef;
    let field = |name, ty, nullable| Field::new(name, ty, nullable);
    let schema = Schema::new(vec![
        field("id", DataType::Utf8, false),
        field("key", DataType::Utf8, false),
        field("time", DataType::Int64, true),
        field("payload", DataType::Utf8, false),
    ]);
    let times = Arc::new(Int64Array::from_iter(messages.iter().map(|message| message.time)));
    let columns = vec![text(|m| &m.id), text(|m| &m.key), times, text(|m| &m.payload)];
    Ok(RecordBatch::try_new(Arc::new(schema), columns)?)
}

/// The messages of a file.
pub(crate) fn read(reader: &CheckpointReader, file: &FileRef) -> Result<Vec<OutputMessage>, Error> {
    let mut messages = vec![];
    for batch in segment::decode(&reader.read(file)?)? {
        let text = |name: &str| column::<StringArray>(file, &batch, name);
        let (ids, keys, payloads) = (text("id")?, text("key")?, text("payload")?);
        let times: &Int64Array = column(file, &batch, "time")?;
        messages.extend((0..batch.num_rows()).map(|i| OutputMessage {
            id: ids.value(i).to_owned(),
            key: keys.value(i).to_owned(),
            time: times.is_valid(i).then(|| times.value(i)),
            payload: payloads.value(i).to_owned(),
        }));
    }
    Ok(messages)
}

fn column<'a, T: Array + 'static>(file: &FileRef, batch: &'a RecordBatch, name: &str) -> Result<&'a T, Error> {
    let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref());
    column.ok_or_else(|| Error::Malformed { file: file.name.clone(), reason: format!("no column `{name}`") })
}
