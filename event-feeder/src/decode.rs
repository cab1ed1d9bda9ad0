//! Decoding: from raw records to packed events, of only the fields that the plan reads.
//!
//! Pure calculation without I/O: several threads decode at once, each with its own [`Decoder`].
//! A format's module *captures* a record's fields as text; what the text means for a key, a time or a column stands in
//! one place for all formats (`assemble` and `value`).
//!
//! **Invariant:** what a record becomes depends on its bytes alone, never on the records around it or on how the log was
//! cut into blocks; only [`crate::Event::late_in_batch`] and offsets speak of the batch.

mod assemble;
mod cell;
mod csv;
mod fields;
mod index;
mod json;
mod lines;
mod names;
mod number;
mod rows;
mod shape;
mod time;
mod value;
mod walk;

pub use fields::fields_read;

use crate::{Batch, Block, Code, DeadLetter, Payload};
use assemble::{Assembler, Judged, Place};
use cell::{Arena, Cell};
use fields::{Fields, Members};
use lines::Lines;
use std::sync::Arc;
use timeline_core::plan::{Column, Plan, Source};

/// How many used batches are kept.
const SPARE_MAX: usize = 8;

/// Decodes blocks of one source.
#[derive(Clone, Debug)]
pub struct Decoder {
    fields: Arc<Fields>,
    lines: Lines,
    /// Of the last CSV header seen.
    layout: Option<csv::Layout>,
    cells: Vec<Cell>,
    /// Memory of batches that are done with.
    spare: Vec<Batch>,
}

impl Decoder {
    /// A decoder of the columns of a source without others; a column's index is its [`timeline_core::plan::ColumnId`].
    ///
    /// # Panics
    ///
    /// With more columns than a plan can have.
    pub fn new(source: &Source, columns: &[Column]) -> Self {
        Self::numbered(source, columns, 0)
    }

    /// A decoder of the records of one of a plan's sources.
    ///
    /// # Panics
    ///
    /// If the plan has no such source.
    pub fn of(plan: &Plan, source: usize) -> Self {
        Self::numbered(plan.source_at(source), &plan.columns, source)
    }

    fn numbered(source: &Source, columns: &[Column], number: usize) -> Self {
        assert!(columns.len() <= timeline_core::plan::ColumnId::MAX_COLUMNS, "a plan has at most 64 columns");
        let fields = Fields::new(source, columns, number);
        let lines = Lines::new(Members::new(&fields), fields.paths.len());
        // One more than there are fields, for what nobody reads.
        let cells = vec![Cell::default(); fields.paths.len() + 1];
        Decoder { fields: Arc::new(fields), lines, layout: None, cells, spare: vec![] }
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
        let fields = self.fields.clone();
        let batch = self.spare.pop().unwrap_or_default();
        let batch = Batch { start: block.start, end: block.end, marks: block.marks, ..batch };
        let mut out = Assembler { fields: &fields, batch, origin: block.origin, mark: 0, judged: Judged::default() };
        match block.payload {
            Payload::Lines(bytes) => {
                let mut arena = Arena::new(&bytes);
                self.lines.records(&mut out, &mut arena, &mut self.cells);
                let extra = arena.extra;
                out.finish(bytes, &extra)
            }
            Payload::Csv { header, bytes } => {
                if !self.layout.as_ref().is_some_and(|layout| layout.is_of(&header)) {
                    self.layout = Some(csv::Layout::new(header, &fields));
                }
                let layout = self.layout.as_ref().expect("made just now");
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
                let place = Place { ordinal: 0, excerpt: &|| excerpt(&bytes) };
                out.dead(place, None, too_long());
                out.finish(vec![], &[])
            }
        }
    }
}

fn too_long() -> time::Bad {
    (Code::TooLong, "longer than a record may be".into())
}

/// What a dead letter keeps of a record.
fn excerpt(record: &[u8]) -> Vec<u8> {
    record[..record.len().min(DeadLetter::KEPT)].to_vec()
}

/// Reads a time of RFC 3339, for guessing.
pub(crate) use time::rfc3339;

#[cfg(test)]
mod tests;
