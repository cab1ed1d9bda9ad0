//! Decoding: from raw records to packed events, of only the fields that the plan reads.
//!
//! Pure calculation without I/O: several threads decode at once, each with its own [`Decoder`].
//! A format's module *captures* a record's fields as text; what the text means for a key, a time or a column stands in
//! one place for all formats (`assemble` and `value`).
//!
//! **Invariant:** what a record becomes depends on its bytes alone, never on the records around it or on how the log was
//! cut into blocks; only [`crate::DecodedEvent::late_in_batch`] and offsets speak of the batch. A local time that comes twice
//! also depends on the time of the record before it (`form`), which each block says of its first one.

mod assemble;
mod cell;
mod csv;
mod fields;
mod form;
mod index;
mod json;
mod lines;
mod names;
mod needs;
mod number;
mod preceding;
mod rows;
mod shape;
mod time;
mod value;
mod walk;

pub use fields::fields_read;
pub use preceding::Preceding;

use crate::sniff::{self, Sniffed};
use crate::table::TableFile;
use crate::{Batch, Block, DeadLetter, LastTime, Payload, RecordCode};
use assemble::{Assembler, Comma, Judged, RecordOrigin};
use cell::{Arena, CapturedCell};
use fields::{ColumnUse, Fields, MemberTree};
use lines::LineDecoder;
use needs::NeedSearch;
use std::sync::Arc;
use timeline_core::plan::{Plan, SourceColumn, SourceDefinition};

/// How many used batches are kept.
const SPARE_MAX: usize = 8;

/// Decodes blocks of one source.
#[derive(Clone, Debug)]
pub struct Decoder {
    fields: Arc<Fields>,
    lines: LineDecoder,
    /// Of the last CSV header seen.
    layout: Option<csv::CsvLayout>,
    cells: Vec<CapturedCell>,
    /// Memory of batches that are done with.
    spare: Vec<Batch>,
    /// Columns that some record had.
    seen: u64,
    /// How many records were looked at for the names that they have.
    looked: u64,
    needs: NeedSearch,
}

impl Decoder {
    /// A decoder of the columns of a source without others; a column's index is its [`timeline_core::plan::ColumnId`].
    ///
    /// # Panics
    ///
    /// With more columns than a plan can have.
    pub fn new(source: &SourceDefinition, columns: &[SourceColumn]) -> Self {
        Self::numbered(source, columns, 0)
    }

    /// A decoder of the records of one of a plan's sources.
    ///
    /// # Panics
    ///
    /// If the plan has no such source.
    pub fn of(plan: &Plan, source: usize) -> Self {
        let needs = NeedSearch::of(plan, source);
        Decoder { needs, ..Self::numbered(plan.source_at(source), &plan.columns, source) }
    }

    fn numbered(source: &SourceDefinition, columns: &[SourceColumn], number: usize) -> Self {
        assert!(columns.len() <= timeline_core::plan::ColumnId::MAX_COLUMNS, "a plan has at most 64 columns");
        Self::with(Fields::new(source, columns, number))
    }

    /// A decoder of the rows of a table: of each an event whose time is the first instant of the row, with the first one behind
    /// it for [`crate::DecodedEvent::order_bits`]; the least and the greatest of all where it says none.
    pub(crate) fn of_table(rows: &TableFile) -> Self {
        Self::with(Fields::of_table(rows))
    }

    fn with(fields: Fields) -> Self {
        let lines = LineDecoder::new(MemberTree::new(&fields), fields.paths.len());
        // One more than there are fields, for what nobody reads.
        let cells = vec![CapturedCell::default(); fields.paths.len() + 1];
        Decoder {
            fields: Arc::new(fields),
            lines,
            layout: None,
            cells,
            spare: vec![],
            seen: 0,
            looked: 0,
            needs: NeedSearch::default(),
        }
    }

    /// Takes back a batch that is done with, so that the next one costs no new memory; gives its bytes for
    /// [`crate::Source::recycle`].
    pub fn recycle(&mut self, batch: Batch) -> Vec<u8> {
        let Batch { bytes, mut events, mut values, .. } = batch;
        if self.spare.len() < SPARE_MAX {
            events.clear();
            values.clear();
            self.spare.push(Batch { events, values, ..Batch::default() });
        }
        bytes
    }

    /// Decodes one block.
    pub fn decode(&mut self, block: Block) -> Batch {
        let payload = (self.looked < LOOKED).then(|| NameSample::of(&block.payload));
        let lacking = self.lacking(&block.payload);
        let mut batch = self.decode_all(block);
        self.seen |= batch.seen.columns;
        self.needs.look(&mut batch);
        if lacking != 0 {
            batch.seen.lacking.insert(Arc::clone(&batch.origin), lacking);
        }
        if let Some(sample) = payload {
            let whole = self.seen == self.fields.all() && !batch.events.is_empty();
            self.looked += batch.records;
            // Names are wanted only for what is missing; a few first records tell them.
            batch.seen.names = (!whole).then(|| sample.names(&batch)).flatten();
        }
        batch
    }

    /// The columns that are read and that records of a block cannot have, for they are not among the names that go before them.
    fn lacking(&self, payload: &Payload) -> u64 {
        let NameSample::Names(names) = NameSample::of(payload) else { return 0 };
        let path = |column: &ColumnUse| &self.fields.paths[column.field];
        let lacks = |column: &&ColumnUse| !names.has(path(column)) && !path(column).selects();
        self.fields.columns.iter().filter(lacks).fold(0, |set, column| set | column.bit)
    }

    fn decode_all(&mut self, block: Block) -> Batch {
        let fields = self.fields.clone();
        let batch = self.spare.pop().unwrap_or_default();
        let origin = Arc::clone(&block.origin);
        let batch = Batch { origin, start: block.start, end: block.end, marks: block.marks, ..batch };
        let (judged, comma) = (Judged::default(), Comma::No);
        let last = LastTime { time: block.preceding, is_certain: false };
        let origin = block.origin;
        let mut out = Assembler { fields: &fields, batch, origin, mark: 0, judged, comma, last, is_twice: false };
        match block.payload {
            Payload::Lines(bytes) => {
                let mut arena = Arena::new(&bytes);
                self.lines.records(&mut out, &mut arena, &mut self.cells);
                let extra = arena.extra;
                out.finish(bytes, &extra)
            }
            Payload::Csv { header, delimiter, bytes } => {
                if !self.layout.as_ref().is_some_and(|layout| layout.is_of(&header, delimiter)) {
                    self.layout = Some(csv::CsvLayout::new(header, delimiter, &fields));
                }
                out.comma = Comma::of(delimiter, fields.decimal);
                let layout = self.layout.as_ref().expect("made just now");
                for (name, places) in &layout.twice_named {
                    let known = (Arc::clone(&out.origin), places.clone());
                    out.batch.seen.twice_named.insert(name.clone(), known);
                }
                let mut arena = Arena::new(&bytes);
                csv::records(&mut out, &mut arena, layout, &mut self.cells);
                let extra = arena.extra;
                out.finish(bytes, &extra)
            }
            Payload::Rows(rows) => {
                let mut arena = Arena::new(&[]);
                rows::records(&mut out, &mut arena, &fields, &rows);
                let extra = arena.extra;
                out.finish(extra, &[])
            }
            Payload::TooLong(bytes) => {
                out.batch.records = 1;
                let place = RecordOrigin { ordinal: 0, excerpt: &|| excerpt(&bytes) };
                out.dead(place, None, too_long());
                out.finish(vec![], &[])
            }
        }
    }
}

/// How many records a decoder looks at for the names that they have.
const LOOKED: u64 = 1000;

/// What tells the names of a block's records once it was decoded.
enum NameSample {
    /// Lines: they are the beginning of the batch's bytes, so many of them.
    Lines(usize),
    /// The names themselves.
    Names(Sniffed),
    Nothing,
}

impl NameSample {
    fn of(payload: &Payload) -> Self {
        match payload {
            Payload::Lines(bytes) => NameSample::Lines(bytes.len()),
            Payload::Csv { header, .. } => NameSample::Names(Sniffed::of_header(header)),
            Payload::Rows(rows) => NameSample::Names(Sniffed::of_schema(rows.schema_ref())),
            Payload::TooLong(_) => NameSample::Nothing,
        }
    }

    fn names(self, batch: &Batch) -> Option<Box<Sniffed>> {
        match self {
            NameSample::Lines(length) => Some(Box::new(sniff::lines(&batch.bytes[..length]))),
            NameSample::Names(names) => Some(Box::new(names)),
            NameSample::Nothing => None,
        }
    }
}

fn too_long() -> time::Bad {
    (RecordCode::TooLong, "longer than a record may be".into())
}

/// What a dead letter keeps of a record.
fn excerpt(record: &[u8]) -> Vec<u8> {
    record[..record.len().min(DeadLetter::KEPT)].to_vec()
}

/// Whether a text is a time of RFC 3339, for guessing.
pub(crate) fn is_rfc3339(text: &[u8]) -> bool {
    time::rfc3339(text).is_ok()
}

#[cfg(test)]
mod tests;
