//! Lines of JSON.

use super::assemble::{Assembler, Place};
use super::cell::{Arena, Cell};
use super::fields::Members;
use super::{excerpt, json, too_long};
use crate::Code;
use crate::cutter::{RECORD_MAX, is_too_long};
use crate::format::BOM;
use memchr::memchr;

/// Adds every line of the block that is not blank.
pub(crate) fn records(out: &mut Assembler<'_>, arena: &mut Arena<'_>, members: &Members, cells: &mut [Cell]) {
    let block = arena.block;
    let mut start = if out.batch.start.offset == 0 && block.starts_with(BOM) { BOM.len() } else { 0 };
    while start < block.len() {
        let end = memchr(b'\n', &block[start..]).map_or(block.len(), |length| start + length);
        line(out, arena, members, cells, &block[start..end], start);
        start = end + 1;
    }
}

/// Adds one line by the way that takes every line.
pub(crate) fn line(
    out: &mut Assembler<'_>,
    arena: &mut Arena<'_>,
    members: &Members,
    cells: &mut [Cell],
    line: &[u8],
    at: usize,
) {
    if line.trim_ascii().is_empty() {
        return;
    }
    let place = Place { ordinal: at as u32, excerpt: &|| excerpt(line) };
    cells.fill(Cell::default());
    let captured = match std::str::from_utf8(line) {
        _ if is_too_long(line, RECORD_MAX) => Err(too_long()),
        Err(_) => Err((Code::InvalidUtf8, "not UTF-8".into())),
        Ok(text) => json::capture(text, at, members, arena, cells)
            .map_err(|error| (Code::Malformed, format!("not a JSON object: {error}").into())),
    };
    match captured {
        Ok(()) => out.record(arena, cells, place),
        Err(bad) => {
            out.batch.records += 1;
            out.dead(place, None, bad);
        }
    }
}
