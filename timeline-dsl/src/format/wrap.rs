//! Lines that are too long are broken where they bind loosest.
//!
//! A program is laid out, the too long lines of that layout get line breaks, and it is laid out again, until no line is too
//! long or none of them can be broken. A break that was made is like one that the author made: so a second pass over the
//! result finds nothing to do, and changes nothing.
//!
//! What stands outside of brackets is broken before what stands inside. Of one level, every operand of the loosest
//! operators begins a line, while arguments and columns fill theirs.

use super::layout::{FormatLayout, PieceExtent};
use super::pieces::{FormatPiece, PieceRole};

/// The most columns of a line that can be broken.
const MAX_COLUMNS: usize = 100;

/// The layout of a program without lines that are too long, as far as that can be.
pub(super) fn wrapped(mut pieces: Vec<FormatPiece<'_>>) -> String {
    loop {
        let (text, places) = FormatLayout::new(&pieces).text();
        let breaks = breaks(&pieces, &places);
        if breaks.is_empty() {
            return text;
        }
        for at in breaks {
            pieces[at].lines = 1;
        }
    }
}

/// The pieces before which lines are to be broken.
fn breaks(pieces: &[FormatPiece<'_>], places: &[PieceExtent]) -> Vec<usize> {
    let mut all = vec![];
    let mut first = 0;
    while first < pieces.len() {
        let line = places[first].line;
        let end = (first..pieces.len()).find(|i| places[*i].line != line).unwrap_or(pieces.len());
        // A comment stays where it is, however long.
        let last = (first..end).rev().find(|i| pieces[*i].what != PieceRole::Comment);
        if last.is_some_and(|last| places[last].end > MAX_COLUMNS) {
            all.extend(of_line(pieces, places, first, end));
        }
        first = end;
    }
    all
}

/// The breaks of one line that is too long.
fn of_line(pieces: &[FormatPiece<'_>], places: &[PieceExtent], first: usize, end: usize) -> Vec<usize> {
    // Nothing is broken before the `=` of a definition.
    let is_definition = pieces[first].what == PieceRole::Item && !matches!(pieces[first].text, "source" | "table");
    let from = if is_definition { first + 4 } else { first + 1 };
    let mut depth = 0i32;
    // For each bracket of the line that is open, where lines inside of it begin.
    let mut insides = vec![];
    let mut best: Option<((i32, u8), usize, Vec<usize>)> = None;
    for at in first..end {
        let piece = &pieces[at];
        if matches!(piece.text, ")" | "]") {
            depth -= 1;
            insides.pop();
        }
        if at >= from
            && piece.what != PieceRole::Comment
            && let Some(rank) = rank(pieces, at)
        {
            let key = (depth, rank);
            match &mut best {
                Some((known, _, all)) if *known == key => all.push(at),
                Some((known, _, _)) if *known < key => {}
                _ => best = Some((key, insides.last().copied().unwrap_or(places[first].start), vec![at])),
            }
        }
        if matches!(piece.text, "(" | "[") {
            depth += 1;
            insides.push(places[at].end);
        }
    }
    let Some(((_, rank), inside, all)) = best else { return vec![] };
    if rank == ARGUMENT || rank == COLUMN { filled(places, inside, &all, places[end - 1].end) } else { all }
}

const COLUMN: u8 = 1;
const ARGUMENT: u8 = 5;

/// How loosely what begins with a piece hangs on what stands before it, if a line can be broken there.
fn rank(pieces: &[FormatPiece<'_>], at: usize) -> Option<u8> {
    let (before, piece) = (&pieces[at - 1], &pieces[at]);
    if before.what == PieceRole::Comment {
        return None;
    }
    let next = pieces.get(at + 1).map_or("", |next| next.text);
    match (before.text, piece.text) {
        // Then all clauses begin lines.
        ("{", _) if piece.what != PieceRole::Token => Some(0),
        _ if piece.what == PieceRole::Column => Some(COLUMN),
        _ if piece.what != PieceRole::Token => None,
        (_, "|") => Some(2),
        (_, "split" | "scope") if next == "by" => Some(2),
        (_, "over") if next == "last" => Some(2),
        (_, "every") if next.starts_with(|c: char| c.is_ascii_digit()) => Some(2),
        (_, "||") => Some(3),
        (_, "or") if piece.is_word && (next == "after" || next == "when") => Some(3),
        (_, "&&") => Some(4),
        (",", _) => Some(ARGUMENT),
        (_, "==" | "!=" | "<" | "<=" | ">" | ">=") => Some(6),
        (_, "+") => Some(7),
        (_, "-") if before.is_word || matches!(before.text, ")" | "]") => Some(7),
        (_, "*" | "/") => Some(8),
        ("(", text) if text != ")" => Some(9),
        _ => None,
    }
}

/// Those of the places at which lines are full, where a line that goes on begins at `inside`.
fn filled(places: &[PieceExtent], inside: usize, all: &[usize], end: usize) -> Vec<usize> {
    let mut breaks = vec![];
    let mut shift = 0;
    for (i, at) in all.iter().enumerate() {
        let until = all.get(i + 1).map_or(end, |next| places[*next].start.saturating_sub(1));
        if until.saturating_sub(shift) > MAX_COLUMNS {
            breaks.push(*at);
            shift = places[*at].start.saturating_sub(inside);
        }
    }
    if breaks.is_empty() { all.to_vec() } else { breaks }
}
