//! From captured cells to an event, or to dead letters.
//!
//! **Invariant:** a record without usable key and time leaves exactly one dead letter and nothing else; any other
//! leaves one event, and one dead letter for each value that does not fit.

use super::cell::{Arena, Cell, Kind};
use super::fields::Fields;
use super::time::Bad;
use super::value;
use crate::{Batch, DeadLetter, Event, Slice, key_hash};
use std::ops::Range;
use std::sync::Arc;
use timeline_core::Type;

/// Where a record stands, and how to show it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// From the block's start.
    pub(crate) ordinal: u32,
    /// The record's first bytes, made when it becomes a dead letter.
    pub(crate) excerpt: &'a dyn Fn() -> Vec<u8>,
}

/// Makes one batch.
pub(crate) struct Assembler<'a> {
    pub(crate) fields: &'a Fields,
    pub(crate) batch: Batch,
    pub(crate) origin: Arc<str>,
}

impl Assembler<'_> {
    /// Adds one record.
    #[inline]
    pub(crate) fn record(&mut self, arena: &mut Arena<'_>, cells: &[Cell], place: Place<'_>) {
        self.batch.records += 1;
        let key = match self.key(arena, cells) {
            Ok(key) => key,
            Err((field, bad)) => return self.dead(place, Some(&self.fields.names[field].clone()), bad),
        };
        let cell = cells[self.fields.time];
        let time = match value::time(cell.kind, arena.text(cell), self.fields.unit) {
            Ok(time) => time,
            Err(bad) => return self.dead(place, Some(&self.fields.names[self.fields.time].clone()), bad),
        };
        let late_in_batch = self.batch.max_time.is_some_and(|max| time < max.saturating_sub(self.fields.lateness));
        self.batch.max_time = self.batch.max_time.max(Some(time));
        let mut event = Event {
            hash: key_hash(arena.text(Cell { at: key.at, len: key.len, kind: Kind::Text })),
            time,
            order_bits: 0,
            key,
            present: 0,
            nulls: 0,
            values_at: self.batch.values.len() as u32,
            ordinal: place.ordinal,
            has_order: false,
            late_in_batch,
        };
        if self.fields.order.is_some() {
            self.order(&mut event, arena, cells, place);
        }
        self.columns(&mut event, arena, cells, place);
        self.batch.events.push(event);
    }

    /// Sets a whole record aside (or a value of it, if there is a column).
    #[cold]
    #[inline(never)]
    pub(crate) fn dead(&mut self, place: Place<'_>, column: Option<&Arc<str>>, (code, reason): Bad) {
        self.batch.dead.push(DeadLetter {
            origin: self.origin.clone(),
            position: self.batch.start.plus(u64::from(place.ordinal)),
            code,
            column: column.cloned(),
            reason,
            record: (place.excerpt)(),
        });
    }

    #[inline]
    fn key(&self, arena: &mut Arena<'_>, cells: &[Cell]) -> Result<Slice, (usize, Bad)> {
        if let [field] = self.fields.key[..] {
            let cell = cells[field];
            if cell.kind == Kind::Text && cell.len > 0 {
                return Ok(Slice { at: cell.at, len: cell.len });
            }
        }
        self.unusual_key(arena, cells)
    }

    #[inline(never)]
    fn unusual_key(&self, arena: &mut Arena<'_>, cells: &[Cell]) -> Result<Slice, (usize, Bad)> {
        for field in &self.fields.key {
            let cell = cells[*field];
            value::check_key(cell.kind, arena.text(cell)).map_err(|bad| (*field, bad))?;
        }
        if let [field] = self.fields.key[..] {
            return Ok(match cells[field].kind {
                Kind::True => slice(arena.push(b"true")),
                Kind::False => slice(arena.push(b"false")),
                _ => Slice { at: cells[field].at, len: cells[field].len },
            });
        }
        // Of several values a JSON array of texts: no two lists of values give the same one.
        let texts: Vec<String> = self.fields.key.iter().map(|field| key_text(arena, cells[*field])).collect();
        let joined = serde_json::to_string(&texts).expect("a list of texts is JSON");
        Ok(slice(arena.push(joined.as_bytes())))
    }

    fn order(&mut self, event: &mut Event, arena: &Arena<'_>, cells: &[Cell], place: Place<'_>) {
        let Some((field, ty)) = self.fields.order else { return };
        let cell = cells[field];
        if matches!(cell.kind, Kind::Missing | Kind::Null) {
            return;
        }
        match value::order(cell.kind, arena.text(cell), ty) {
            Ok(order) => (event.order_bits, event.has_order) = (order.bits(), true),
            Err(bad) => self.dead(place, Some(&self.fields.names[field].clone()), bad),
        }
    }

    #[inline]
    fn columns(&mut self, event: &mut Event, arena: &Arena<'_>, cells: &[Cell], place: Place<'_>) {
        let fields = self.fields;
        for (i, column) in fields.columns.iter().enumerate() {
            let cell = cells[column.field];
            if cell.kind == Kind::Missing {
                continue;
            }
            let bit = 1u64 << i;
            if cell.kind == Kind::Null {
                event.present |= bit;
                event.nulls |= bit;
                continue;
            }
            let text = arena.text(cell);
            let word = match column.ty {
                Type::String => value::check_string(cell.kind).map(|()| Slice { at: cell.at, len: cell.len }.pack()),
                Type::Float => value::float(cell.kind, text).map(f64::to_bits),
                Type::Int => value::int(cell.kind, text).map(|value| value as u64),
                Type::Bool => value::bool(cell.kind, text).map(u64::from),
            };
            match word {
                Ok(word) => {
                    event.present |= bit;
                    self.batch.values.push(word);
                }
                Err(bad) => self.dead(place, Some(&column.name), bad),
            }
        }
    }

    /// Ends the batch: the block and what was added become its arena.
    pub(crate) fn finish(mut self, mut block: Vec<u8>, extra: &[u8]) -> Batch {
        block.extend_from_slice(extra);
        self.batch.bytes = block;
        self.batch
    }
}

fn key_text(arena: &Arena<'_>, cell: Cell) -> String {
    match cell.kind {
        Kind::True => "true".into(),
        Kind::False => "false".into(),
        _ => String::from_utf8_lossy(arena.text(cell)).into_owned(),
    }
}

fn slice(range: Range<usize>) -> Slice {
    Slice { at: range.start as u32, len: (range.end - range.start) as u32 }
}
