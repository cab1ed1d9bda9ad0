//! `x split by d`: what each value of the dimensions has been charged.
//!
//! Entries are kept in the order of their first coming into force: the first ones in the row, further ones in the heap.
//! An entry is the words of its dimensions, then what it was charged; the charge of the entry in force is biased by
//! `-x` at the instant it came into force, so that its share is the charge plus `x` and nothing is done while `x` grows.
//! Jumps of that instant belong to the entry that comes into force.
//!
//! So many values have an entry as the cap says; all others are charged to the entry of absent values.
//! Once that has happened, one more entry stands behind all that there can be, and is none: the values in force, and how
//! often some without an entry came into force.
//!
//! Under a window the charges are not kept but summed, when asked for, over the pieces that the window still reaches.

use super::code::Code;
use super::compile::Compiled;
use super::layout::INLINE_ENTRIES;
use super::number;
use super::row::{ABSENT, NEVER, Piece, Row};
use super::scope::{of_word, word};
use super::window;
use crate::plan::{Kind, NodeId, Op, Unit};
use crate::{Linear, Time};

/// No entry is in force: the session is new.
pub(super) const NO_ENTRY: u64 = u32::MAX as u64;

/// The words of a split in a row, and how they are divided.
struct Entries {
    at: usize,
    cell: usize,
    dimensions: usize,
    words: usize,
    cap: usize,
}

impl Entries {
    fn of(compiled: &Compiled, node: usize) -> Self {
        let place = compiled.layout.nodes[node];
        let Op::Split { by, cap, .. } = &compiled.plan.nodes[node].op else { unreachable!("only splits come here") };
        let words = compiled.layout.cell_texts[place.cell].0;
        Entries { at: place.at, cell: place.cell, dimensions: by.len(), words, cap: *cap as usize }
    }

    fn count(&self, row: &Row<'_>) -> usize {
        self.slots(row).min(self.cap + 1)
    }

    /// The entries, and the one behind them that is none.
    fn slots(&self, row: &Row<'_>) -> usize {
        let spilled = row.heap.cell(self.cell).map_or(0, |cell| cell.entries.len() / self.words);
        if spilled > 0 { INLINE_ENTRIES + spilled } else { (row.words[self.at] >> 32) as usize }
    }

    /// The place of the entry that is none, if it is there.
    fn overflow(&self, row: &Row<'_>) -> Option<usize> {
        (self.slots(row) > self.cap + 1).then_some(self.cap + 1)
    }

    /// The entry of absent values among the first ones.
    fn absent(&self, row: &Row<'_>, count: usize) -> Option<usize> {
        (0..count).find(|i| self.entry(row, *i)[..self.dimensions].iter().all(|word| *word == ABSENT))
    }

    /// Whether as many values have an entry as the cap says; that of absent ones does not count.
    fn is_full(&self, row: &Row<'_>, count: usize) -> bool {
        count > self.cap || (count == self.cap && self.absent(row, count).is_none())
    }

    fn entry<'a>(&self, row: &'a Row<'_>, i: usize) -> &'a [u64] {
        if i < INLINE_ENTRIES {
            &row.words[self.at + 2 + i * self.words..][..self.words]
        } else {
            let cell = row.heap.cell(self.cell).expect("an entry beyond those in the row is in the heap");
            &cell.entries[(i - INLINE_ENTRIES) * self.words..][..self.words]
        }
    }

    fn entry_mut<'a>(&self, row: &'a mut Row<'_>, compiled: &Compiled, i: usize) -> &'a mut [u64] {
        if i < INLINE_ENTRIES {
            &mut row.words[self.at + 2 + i * self.words..][..self.words]
        } else {
            let cell = row.heap.cell_mut(&compiled.layout, self.cell);
            let at = (i - INLINE_ENTRIES) * self.words;
            if cell.entries.len() < at + self.words {
                cell.entries.resize(at + self.words, 0);
            }
            &mut cell.entries[at..at + self.words]
        }
    }

    /// The entry in force.
    fn current(&self, row: &Row<'_>) -> usize {
        (row.words[self.at] & NO_ENTRY) as usize
    }

    fn set_current(&self, row: &mut Row<'_>, current: usize, inline: usize) {
        row.words[self.at] = (inline as u64) << 32 | current as u64;
    }
}

/// Charges what has come to the dimensions that were in force, and notes those now in force.
pub(super) fn update(compiled: &Compiled, row: &mut Row<'_>, node: usize, switched: bool, fresh: bool) {
    let Op::Split { of, .. } = &compiled.plan.nodes[node].op else { unreachable!("only splits come here") };
    let entries = Entries::of(compiled, node);
    if switched {
        switch(compiled, row, node, *of, &entries);
    }
    if let Op::OverLast { of: inner, window } = compiled.plan.node(*of).op {
        let present = window::piece(compiled, row, inner, entries.current(row) as u32);
        let cell = row.heap.cell_mut(&compiled.layout, entries.cell);
        let next = window::slide(&mut cell.pieces, present, window, fresh, window::unit(compiled, inner));
        row.words[entries.at + 1] = next as u64;
    }
}

fn switch(compiled: &Compiled, row: &mut Row<'_>, node: usize, of: NodeId, entries: &Entries) {
    let Code::Split { by, .. } = &compiled.codes[node] else { unreachable!("only splits come here") };
    let current = entries.current(row);
    let is_new = row.words[entries.at] == NO_ENTRY;
    let holds = |row: &Row<'_>, i: usize| {
        entries.entry(row, i).iter().zip(by).all(|(word, (_, state))| *word == state.get(row.words))
    };
    let overflow = entries.overflow(row);
    if !is_new && holds(row, current) && overflow.is_none() {
        return;
    }
    let count = if is_new { 0 } else { entries.count(row) };
    let found = (0..count).find(|i| holds(row, *i));
    let is_absent = by.iter().all(|(_, state)| state.get(row.words) == ABSENT);
    // Values without an entry are charged to that of absent ones.
    let beyond = found.is_none() && !is_absent && entries.is_full(row, count);
    let next = match found {
        None if beyond => entries.absent(row, count).unwrap_or(count),
        found => found.unwrap_or(count),
    };
    if next != current || is_new {
        let (charges, units) = (charges(compiled, row, of), units(compiled, of));
        if !is_new {
            charge(entries.entry_mut(row, compiled, current), entries.dimensions, charges, units, 1);
        }
        if next == count {
            for (i, (_, state)) in by.iter().enumerate() {
                let word = if beyond { ABSENT } else { state.get(row.words) };
                entries.entry_mut(row, compiled, next)[i] = word;
            }
        }
        charge(entries.entry_mut(row, compiled, next), entries.dimensions, charges, units, -1);
        entries.set_current(row, next, count.max(next + 1).min(INLINE_ENTRIES));
    }
    if beyond || overflow.is_some() {
        let slot = entries.cap + 1;
        let counts = beyond && !(overflow.is_some() && holds(row, slot));
        for (i, (_, state)) in by.iter().enumerate() {
            let word = state.get(row.words);
            entries.entry_mut(row, compiled, slot)[i] = word;
        }
        entries.entry_mut(row, compiled, slot)[entries.dimensions] += u64::from(counts);
    }
}

/// How often values without an entry came into force.
pub(super) fn beyond(compiled: &Compiled, row: &Row<'_>, id: NodeId) -> u64 {
    let entries = Entries::of(compiled, id.index());
    entries.overflow(row).map_or(0, |slot| entries.entry(row, slot)[entries.dimensions])
}

fn charge(entry: &mut [u64], dimensions: usize, charges: [u64; 2], units: [Unit; 2], sign: i64) {
    for (word, (charge, unit)) in entry[dimensions..].iter_mut().zip(charges.into_iter().zip(units)) {
        *word = if unit.is_float() {
            (f64::from_bits(*word) + f64::from_bits(charge) * sign as f64).to_bits()
        } else {
            // Wrapping both ways: the bias cancels, and what is left fits wherever the share itself does.
            word.wrapping_add((charge as i64).wrapping_mul(sign) as u64)
        };
    }
}

/// The units of both sides.
fn units(compiled: &Compiled, of: NodeId) -> [Unit; 2] {
    match compiled.plan.node(of).op {
        Op::Ratio { numerator, denominator } => {
            [window::unit(compiled, numerator), window::unit(compiled, denominator)]
        }
        _ => [window::unit(compiled, of); 2],
    }
}

/// What the input (or both sides of it) has come to.
fn charges(compiled: &Compiled, row: &Row<'_>, of: NodeId) -> [u64; 2] {
    let come_to = |id| match number::before(compiled, row, id).expect("cumulative numbers are never absent") {
        Linear::Exact { value, .. } => value as u64,
        float => word(float),
    };
    match compiled.plan.node(of).op {
        Op::OverLast { .. } => [0, 0],
        Op::Ratio { numerator, denominator } => [come_to(numerator), come_to(denominator)],
        _ => [come_to(of), 0],
    }
}

/// Tells the words of the dimensions of each entry with its share: one number, or the two sides of a ratio.
pub(super) fn shares<T>(
    compiled: &Compiled,
    row: &Row<'_>,
    id: NodeId,
    mut tell: impl FnMut(&[u64], Linear, Option<Linear>) -> T,
) -> Vec<T> {
    let Op::Split { of, .. } = &compiled.plan.node(id).op else { unreachable!("only splits come here") };
    let entries = Entries::of(compiled, id.index());
    let current = entries.current(row);
    let (of_now, second) = match compiled.plan.node(*of).kind {
        Kind::Ratio(_) => number::ratio(compiled, row, *of).map(|(n, d)| (n, Some(d))),
        _ => number::linear(compiled, row, *of).map(|x| (x, None)),
    }
    .expect("cumulative numbers are never absent");
    let units = units(compiled, *of);
    (0..entries.count(row))
        .map(|i| {
            let entry = entries.entry(row, i);
            let (dimensions, charges) = entry.split_at(entries.dimensions);
            let share = |charge: u64, x: Linear, unit| {
                if i == current { biased(charge, x) } else { of_word(charge, unit) }
            };
            let first = match compiled.plan.node(*of).op {
                Op::OverLast { window, .. } => windowed(compiled, row, entries.cell, (window, units[0]), i as u32),
                _ => share(charges[0], of_now, units[0]),
            };
            tell(dimensions, first, second.map(|x| share(charges[1], x, units[1])))
        })
        .collect()
}

fn biased(charge: u64, x: Linear) -> Linear {
    match x {
        Linear::Exact { value, slope } => {
            Linear::Exact { value: i128::from((charge as i64).wrapping_add(value as i64)), slope }
        }
        Linear::Float { value, slope } => Linear::Float { value: f64::from_bits(charge) + value, slope },
    }
}

/// What an entry was charged in `(now - window, now]`.
fn windowed(compiled: &Compiled, row: &Row<'_>, cell: usize, (window, unit): (Time, Unit), entry: u32) -> Linear {
    debug_assert!(cell < compiled.layout.cells);
    let now = row.now();
    let trailing = now.saturating_sub(window);
    let mut sum = of_word(0, unit);
    let pieces = row.heap.cell(cell).map(|cell| &cell.pieces);
    let pieces: &[Piece] = &pieces.map(|p| p.iter().copied().collect::<Vec<_>>()).unwrap_or_default();
    for (i, piece) in pieces.iter().enumerate().filter(|(_, piece)| piece.entry == entry) {
        let end = pieces.get(i + 1).map_or(NEVER, |next| next.start);
        let from = piece.start.max(trailing);
        let to = end.min(now);
        let rises = i128::from(end > now) - i128::from(piece.start <= trailing && trailing < end);
        let inside = if from < to { i128::from(to) - i128::from(from) } else { 0 };
        sum = sum.add(match piece.linear_at(piece.start, unit) {
            Linear::Exact { slope, .. } => Linear::Exact { value: slope * inside, slope: slope * rises },
            Linear::Float { slope, .. } => Linear::Float { value: slope * inside as f64, slope: slope * rises as f64 },
        });
        if i > 0 && piece.start > trailing {
            sum = sum.add(jump(&pieces[i - 1], piece, unit));
        }
    }
    sum
}

/// By how much a piece begins above the end of the one before it.
fn jump(before: &Piece, piece: &Piece, unit: Unit) -> Linear {
    level(piece.linear_at(piece.start, unit)).sub(level(before.linear_at(piece.start, unit)))
}

/// The same value, without its slope.
fn level(x: Linear) -> Linear {
    match x {
        Linear::Exact { value, .. } => Linear::exact(value),
        Linear::Float { value, .. } => Linear::float(value),
    }
}
