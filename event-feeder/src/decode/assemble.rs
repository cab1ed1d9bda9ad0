//! From captured cells to an event, or to dead letters.
//!
//! **Invariant:** a record without usable key and time leaves exactly one dead letter and nothing else; any other
//! leaves one event, and one dead letter for each value that does not fit, whose column then is null: something was
//! reported and nobody knows what, so what was known before is not in force any more.

use super::cell::{Arena, CapturedCell, CapturedKind};
use super::fields::{Fields, ValidityFields};
use super::number::short_integer;
use super::time::{Bad, Odd};
use super::value;
use crate::{Batch, DeadLetter, DecodedEvent, LastTime, Mark, MessageKey, RecordCode, Slice, key_hash};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use timeline_core::record::Order;
use timeline_core::{Time, Type};

/// Why an event from the future is a dead letter: one bad clock must not rush the watermark of all.
const FUTURE: &str = "later than the log received it by more than the source's `future` allows";

/// Where a record stands, and how to show it.
#[derive(Clone, Copy)]
pub(crate) struct RecordOrigin<'a> {
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
    /// The message that the last record stood in, where there are messages.
    pub(crate) mark: usize,
    /// What is known of that message's key.
    pub(crate) judged: Judged,
    /// Whether a comma stands before the fractions of numbers.
    pub(crate) comma: Comma,
    /// What precedes the next record, where times depend on that.
    pub(crate) last: LastTime,
    /// Whether the time that was read last comes twice.
    pub(crate) is_twice: bool,
}

/// Whether a message has the key of its first event.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Judged {
    /// The message, counted from 1.
    message: usize,
    is_misrouted: bool,
}

/// Whether a comma stands before the fractions of numbers in cells of CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comma {
    /// It does not.
    No,
    /// It may, or a point does: cells stand between semicolons, as they do where commas are in numbers.
    Likely,
    /// The program says so.
    Said,
}

impl Comma {
    /// What is so for cells with such a delimiter, where the program names such a decimal sign.
    pub(crate) fn of(delimiter: u8, decimal: Option<u8>) -> Self {
        match (decimal, delimiter) {
            (Some(b','), _) => Comma::Said,
            (Some(_), _) => Comma::No,
            (None, b';') => Comma::Likely,
            (None, _) => Comma::No,
        }
    }
}

impl Assembler<'_> {
    /// Adds one record.
    #[inline]
    pub(crate) fn record(&mut self, arena: &mut Arena<'_>, cells: &[CapturedCell], place: RecordOrigin<'_>) {
        self.batch.records += 1;
        if let Some(bounds) = self.fields.bounds {
            return self.row(bounds, arena, cells, place);
        }
        let key = match self.key(arena, cells) {
            Ok(key) => key,
            Err((field, bad)) => {
                self.pass_over(arena, cells, place);
                return self.dead(place, Some(&self.fields.names[field].clone()), bad);
            }
        };
        let cell = cells[self.fields.time];
        let whole = if cell.is(CapturedKind::Number) { value::whole_time(arena.text(cell), self.fields) } else { None };
        let time = match whole.map_or_else(|| self.time(cell, arena, self.last.time), Ok) {
            Ok(time) => time,
            Err(bad) => return self.dead(place, Some(&self.fields.names[self.fields.time].clone()), bad),
        };
        let message = self.message(place.ordinal);
        if self.is_future(time, message) {
            let name = self.fields.names[self.fields.time].clone();
            return self.dead(place, Some(&name), (RecordCode::Future, FUTURE.into()));
        }
        if self.fields.follows {
            self.follow(time);
        }
        let max = self.batch.max_time.unwrap_or(time);
        let late_in_batch = time < max.saturating_sub(self.fields.lateness);
        self.batch.seen.behind = self.batch.seen.behind.max(max.saturating_sub(time));
        self.batch.seen.least = Some(self.batch.seen.least.unwrap_or(time).min(time));
        let lost_in_batch = late_in_batch && time < max.saturating_sub(self.fields.lost);
        self.batch.max_time = self.batch.max_time.max(Some(time));
        let hash = key_hash(arena.bytes(key));
        if let Some(key) = message.and_then(|mark| mark.key) {
            if self.judged.message != self.mark + 1 {
                let is_misrouted = key != MessageKey::from_hash(hash);
                self.judged = Judged { message: self.mark + 1, is_misrouted };
            }
            self.batch.misrouted += u64::from(self.judged.is_misrouted);
        }
        let order = match self.fields.order {
            None => None,
            Some((field, ty)) => self.order(cells[field], field, ty, arena, place),
        };
        let values_at = self.batch.values.len() as u32;
        let (present, nulls) = self.columns(arena, cells, place);
        self.batch.events.push(DecodedEvent {
            hash,
            time,
            order_bits: order.map_or(0, Order::bits),
            key,
            present,
            nulls,
            values_at,
            ordinal: place.ordinal,
            has_order: order.is_some(),
            late_in_batch,
            lost_in_batch,
        });
    }

    /// Adds one row of a table.
    #[inline(never)]
    fn row(&mut self, bounds: ValidityFields, arena: &Arena<'_>, cells: &[CapturedCell], place: RecordOrigin<'_>) {
        let mut ends = [Time::MIN, Time::MAX];
        // A row begins not before the one ahead of it in the file does, and does not end before it begins.
        let mut preceding = self.last.time;
        for (end, field) in ends.iter_mut().zip([bounds.from, bounds.until]) {
            let before = preceding.take();
            let Some(field) = field else { continue };
            let cell = cells[field];
            if matches!(cell.kind(), CapturedKind::Missing | CapturedKind::Empty | CapturedKind::Null) {
                continue;
            }
            *end = match self.time(cell, arena, before) {
                Ok(time) => time,
                Err(bad) => return self.dead(place, Some(&self.fields.names[field].clone()), bad),
            };
            preceding = Some(*end);
        }
        let [time, until] = ends;
        if self.fields.follows && time != Time::MIN {
            self.follow(time);
        }
        self.batch.seen.order |= until != Time::MAX;
        self.batch.max_time = self.batch.max_time.max(Some(time));
        let values_at = self.batch.values.len() as u32;
        let (present, nulls) = self.columns(arena, cells, place);
        self.batch.events.push(DecodedEvent {
            hash: 0,
            time,
            order_bits: until as u64,
            key: Slice::default(),
            present,
            nulls,
            values_at,
            ordinal: place.ordinal,
            has_order: false,
            late_in_batch: false,
            lost_in_batch: false,
        });
    }

    /// Whether a time is later than the log received its record by more than the source allows.
    #[inline]
    fn is_future(&self, time: Time, message: Option<Mark>) -> bool {
        let received = message.and_then(|mark| mark.received);
        self.fields.future.zip(received).is_some_and(|(future, received)| time > received.saturating_add(future))
    }

    /// Takes note of the time that was read last, of a record that the next one follows.
    #[inline(never)]
    fn follow(&mut self, time: Time) {
        self.last = LastTime { time: Some(time), is_certain: self.last.is_certain || !self.is_twice };
    }

    /// Goes over a record that is no event: if its time can be used, the next one follows it all the same.
    #[cold]
    #[inline(never)]
    fn pass_over(&mut self, arena: &Arena<'_>, cells: &[CapturedCell], place: RecordOrigin<'_>) {
        if !self.fields.follows {
            return;
        }
        let Ok(time) = self.time(cells[self.fields.time], arena, self.last.time) else { return };
        let message = self.message(place.ordinal);
        if !self.is_future(time, message) {
            self.follow(time);
        }
    }

    /// The time that a cell says; `preceding` is what it follows.
    #[inline(never)]
    fn time(&mut self, cell: CapturedCell, arena: &Arena<'_>, preceding: Option<Time>) -> Result<Time, Bad> {
        let text = match self.fields.tick {
            Some(_) => self.number(cell, arena.text(cell))?,
            None => Cow::Borrowed(arena.text(cell)),
        };
        let (time, odd) = value::time(cell.kind(), &text, self.fields, preceding)?;
        self.is_twice = odd == Odd::Twice;
        match odd {
            Odd::No => {}
            Odd::Cut => self.batch.seen.cut += 1,
            Odd::Twice => self.batch.seen.twice += 1,
        }
        Ok(time)
    }

    /// The text of a number with a point before its fraction, whatever the CSV has there.
    #[inline]
    fn number<'t>(&mut self, cell: CapturedCell, text: &'t [u8]) -> Result<Cow<'t, [u8]>, Bad> {
        if self.comma == Comma::No || !cell.is(CapturedKind::Bare) {
            return Ok(Cow::Borrowed(text));
        }
        self.pointed(text)
    }

    #[inline(never)]
    fn pointed<'t>(&mut self, text: &'t [u8]) -> Result<Cow<'t, [u8]>, Bad> {
        let count = |byte| memchr::memchr_iter(byte, text).count();
        let counts = (count(b','), count(b'.'));
        if self.comma == Comma::Likely {
            let signs = &mut self.batch.seen.signs;
            signs.commas += u64::from(counts.0 == 1);
            if counts == (0, 1) && is_grouped(text) {
                signs.thousands += 1;
                signs.example.get_or_insert_with(|| String::from_utf8_lossy(text.trim_ascii()).into());
            }
        }
        match (counts.0, counts.1, self.comma) {
            (1, 0, _) => Ok(Cow::Owned(text.iter().map(|b| if *b == b',' { b'.' } else { *b }).collect())),
            // It groups thousands, perhaps; better no number than one that is a thousandth of what was meant.
            (0, 1.., Comma::Said) => {
                Err((RecordCode::WrongType, "a point in a number whose decimal sign is a comma".into()))
            }
            _ => Ok(Cow::Borrowed(text)),
        }
    }

    /// The message of a record, where there are messages; records come in ascending order.
    #[inline]
    fn message(&mut self, ordinal: u32) -> Option<Mark> {
        let marks = &self.batch.marks;
        while marks.get(self.mark + 1).is_some_and(|next| next.at <= ordinal) {
            self.mark += 1;
        }
        marks.get(self.mark).copied()
    }

    /// Sets a whole record aside (or a value of it, if there is a column).
    #[cold]
    #[inline(never)]
    pub(crate) fn dead(&mut self, place: RecordOrigin<'_>, column: Option<&Arc<str>>, (code, reason): Bad) {
        self.batch.dead.push(DeadLetter {
            origin: self.origin.clone(),
            position: self.batch.position_at(place.ordinal),
            code,
            column: column.cloned(),
            reason,
            record: (place.excerpt)(),
        });
    }

    #[inline]
    fn key(&self, arena: &mut Arena<'_>, cells: &[CapturedCell]) -> Result<Slice, (usize, Bad)> {
        if let [field] = self.fields.key[..] {
            let cell = cells[field];
            if cell.is(CapturedKind::Text) && (1..=value::TEXT_MAX).contains(&(cell.len() as usize)) {
                return Ok(cell.slice());
            }
        }
        self.unusual_key(arena, cells)
    }

    #[inline(never)]
    fn unusual_key(&self, arena: &mut Arena<'_>, cells: &[CapturedCell]) -> Result<Slice, (usize, Bad)> {
        for field in &self.fields.key {
            let cell = cells[*field];
            value::check_key(cell.kind(), arena.text(cell)).map_err(|bad| (*field, bad))?;
        }
        if let [field] = self.fields.key[..] {
            return Ok(match cells[field].kind() {
                CapturedKind::True => slice(arena.push(b"true")),
                CapturedKind::False => slice(arena.push(b"false")),
                _ => cells[field].slice(),
            });
        }
        // Of several values a JSON array of texts: no two lists of values give the same one.
        let texts: Vec<String> = self.fields.key.iter().map(|field| key_text(arena, cells[*field])).collect();
        let joined = serde_json::to_string(&texts).expect("a list of texts is JSON");
        if joined.len() > value::TEXT_MAX {
            return Err((self.fields.key[0], value::long_key()));
        }
        Ok(slice(arena.push(joined.as_bytes())))
    }

    fn order(
        &mut self,
        cell: CapturedCell,
        field: usize,
        ty: Type,
        arena: &Arena<'_>,
        place: RecordOrigin<'_>,
    ) -> Option<Order> {
        if matches!(cell.kind(), CapturedKind::Missing | CapturedKind::Empty | CapturedKind::Null) {
            return None;
        }
        self.batch.seen.order = true;
        if cell.is(CapturedKind::Number)
            && ty == Type::Int
            && let Some(count) = short_integer(arena.text(cell))
        {
            return Some(Order::int(count));
        }
        match self.number(cell, arena.text(cell)).and_then(|text| value::order(cell.kind(), &text, ty)) {
            Ok(order) => Some(order),
            Err(bad) => {
                self.dead(place, Some(&self.fields.names[field].clone()), bad);
                None
            }
        }
    }

    /// Adds the values of the columns; which are present, and which of these are null.
    #[inline]
    fn columns(&mut self, arena: &Arena<'_>, cells: &[CapturedCell], place: RecordOrigin<'_>) -> (u64, u64) {
        let (mut present, mut nulls, mut said, mut unknown) = (0, 0, 0u64, 0);
        for column in &self.fields.columns {
            let (cell, bit) = (cells[column.field], column.bit);
            if cell.is(CapturedKind::Text) && column.plain_text && cell.len() as usize <= value::TEXT_MAX {
                present |= bit;
                self.batch.values.push(cell.slice().pack());
            } else if cell.is(CapturedKind::Null) {
                said |= bit;
                nulls |= bit;
            } else if !cell.is(CapturedKind::Missing) {
                if self.fields.words && column.is_null(cell, arena.text(cell)) {
                    nulls |= bit;
                    continue;
                }
                if cell.is(CapturedKind::Empty) {
                    continue;
                }
                self.batch.seen.columns |= bit;
                match self.word(column.ty, cell, arena.text(cell)) {
                    Ok(word) => {
                        present |= bit;
                        self.batch.values.push(word);
                    }
                    Err(bad) => {
                        unknown |= bit;
                        self.dead(place, Some(&column.name), bad);
                    }
                }
            }
        }
        self.batch.seen.columns |= present | nulls;
        if said != 0 && said.count_ones() as usize * 2 >= self.fields.columns.len().max(3) {
            self.batch.seen.hollow += 1;
        }
        // What does not fit ends a state whatever nulls say: something was reported.
        nulls = nulls & !self.fields.null_is_missing | unknown;
        (present | nulls, nulls)
    }

    /// The word of a value that a column has.
    #[inline]
    fn word(&mut self, ty: Type, cell: CapturedCell, text: &[u8]) -> Result<u64, Bad> {
        if cell.is(CapturedKind::Number)
            && ty == Type::Int
            && let Some(value) = short_integer(text)
        {
            return Ok(value as u64);
        }
        self.other_word(ty, cell, text)
    }

    #[inline(never)]
    fn other_word(&mut self, ty: Type, cell: CapturedCell, text: &[u8]) -> Result<u64, Bad> {
        match ty {
            Type::Float | Type::Int => word(ty, cell, &self.number(cell, text)?),
            Type::String | Type::Bool => word(ty, cell, text),
        }
    }

    /// Ends the batch: the block and what was added become its arena.
    pub(crate) fn finish(mut self, mut block: Vec<u8>, extra: &[u8]) -> Batch {
        block.extend_from_slice(extra);
        self.batch.bytes = block;
        self.batch.last = self.last;
        self.batch
    }
}

/// Whether a number with one point may be a whole one whose thousands it groups: `1.234`.
fn is_grouped(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    let Some(point) = memchr::memchr(b'.', text) else { return false };
    let (whole, rest) = (&text[..point], &text[point + 1..]);
    let digits = whole.iter().chain(rest).all(u8::is_ascii_digit);
    digits && rest.len() == 3 && (1..=3).contains(&whole.len()) && whole[0] != b'0'
}

/// The value that a cell is for a column.
fn word(ty: Type, cell: CapturedCell, text: &[u8]) -> Result<u64, Bad> {
    if cell.is(CapturedKind::Foreign) {
        return Err(value::foreign(text, ty));
    }
    match ty {
        Type::String => value::check_string(cell.kind(), text.len()).map(|()| cell.slice().pack()),
        Type::Float => value::float(cell.kind(), text).map(f64::to_bits),
        Type::Int => value::int_value(cell.kind(), text).map(|value| value as u64),
        Type::Bool => value::bool(cell.kind(), text).map(u64::from),
    }
}

fn key_text(arena: &Arena<'_>, cell: CapturedCell) -> String {
    match cell.kind() {
        CapturedKind::True => "true".into(),
        CapturedKind::False => "false".into(),
        _ => String::from_utf8_lossy(arena.text(cell)).into_owned(),
    }
}

fn slice(range: Range<usize>) -> Slice {
    Slice { at: range.start as u32, len: (range.end - range.start) as u32 }
}
