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
//! Where one of the dimensions is a window of the clock, all entries are of the window that is open: it is told when it ends, and
//! the entries begin anew ([`super::every`]). A cap is one of each window.
//!
//! Under a window the charges are not kept but summed, when asked for, over the pieces that the window still reaches.

use super::code::{Instruction, StateSlot};
use super::compile::CompiledPlan;
use super::layout::{INLINE_ENTRIES, RowLayout, sides};
use super::number;
use super::number::{of_words, words};
use super::row::{ABSENT, CumulativePiece, NEVER, Row, truth};
use super::view::ConcurrencyTurns;
use super::window;
use crate::plan::{NodeId, Op, Plan, TimelineKind, Unit};
use crate::{Linear, Time, Type};

/// No entry is in force: the session is new.
pub(crate) const NO_ENTRY: u64 = u32::MAX as u64;

/// The words of a split in a row, and how they are divided: settled once.
#[derive(Clone, Debug)]
pub(crate) struct Entries {
    at: usize,
    cell: usize,
    dimensions: usize,
    words: usize,
    cap: usize,
    /// The dimension that is a window of the clock, if one is.
    window: Option<usize>,
    /// What is charged: a number, or both sides of a ratio; of what is windowed, or counted at once, nothing.
    charged: [Option<(NodeId, Unit)>; 2],
}

impl Entries {
    /// Those of a node, if it is a split.
    pub(crate) fn new(plan: &Plan, layout: &RowLayout, node: usize) -> Option<Self> {
        let place = layout.nodes[node];
        let Op::Split { of, by, cap } = &plan.nodes[node].op else { return None };
        let words = layout.cell_texts[place.cell].0;
        let window = by.iter().position(|id| matches!(plan.node(*id).op, Op::Every(_)));
        let unit = |id: NodeId| match plan.node(id).kind {
            TimelineKind::Number(unit) => Some((id, unit)),
            _ => None,
        };
        let charged = match plan.node(*of).op {
            Op::OverLast { .. } | Op::Concurrency { .. } => [None; 2],
            _ => sides(plan, *of).map(|side| side.and_then(unit)),
        };
        Some(Entries {
            at: place.at,
            cell: place.cell,
            dimensions: by.len(),
            words,
            cap: *cap as usize,
            window,
            charged,
        })
    }

    fn of(compiled: &CompiledPlan, node: usize) -> &Self {
        compiled.entries[node].as_ref().expect("only splits come here")
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

    /// Whether all dimensions but the window are absent.
    fn is_absent(&self, mut value: impl FnMut(usize) -> u64) -> bool {
        (0..self.dimensions).all(|d| self.window == Some(d) || value(d) == ABSENT)
    }

    /// The entry of absent values among the first ones.
    fn absent(&self, row: &Row<'_>, count: usize) -> Option<usize> {
        (0..count).find(|i| {
            let entry = self.entry(row, *i);
            self.is_absent(|d| entry[d])
        })
    }

    /// The entry of the values in force. All entries are of one window.
    fn find(&self, row: &Row<'_>, count: usize, by: &[(u16, StateSlot)]) -> Option<usize> {
        let value = |d: usize| by[d].1.get(row.words);
        (0..count).find(|i| {
            let entry = self.entry(row, *i);
            (0..self.dimensions).all(|d| entry[d] == value(d))
        })
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

    fn entry_mut<'a>(&self, row: &'a mut Row<'_>, compiled: &CompiledPlan, i: usize) -> &'a mut [u64] {
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
pub(crate) fn update(compiled: &CompiledPlan, row: &mut Row<'_>, node: usize, switched: bool, fresh: bool) {
    let Op::Split { of, .. } = &compiled.plan.nodes[node].op else { unreachable!("only splits come here") };
    let entries = Entries::of(compiled, node);
    if switched {
        switch(compiled, row, node, entries);
    }
    if let Op::OverLast { of: inner, window } = compiled.plan.node(*of).op {
        let present = window::piece(compiled, row, inner, entries.current(row) as u32);
        let cell = row.heap.cell_mut(&compiled.layout, entries.cell);
        let next = window::slide(&mut cell.pieces, present, window, fresh, window::unit(compiled, inner));
        row.words[entries.at + 1] = next as u64;
    }
    if let Op::Concurrency { cap, .. } = compiled.plan.node(*of).op {
        turn(compiled, row, *of, entries, cap as usize);
    }
}

/// Notes where a condition whose sessions are counted at once turned for the entry in force: it ends for one and begins for
/// another where the values change. So turns come in pairs, of which the oldest are forgotten beyond the cap.
fn turn(compiled: &CompiledPlan, row: &mut Row<'_>, of: NodeId, entries: &Entries, cap: usize) {
    let now = row.now();
    let is_on = compiled.bool(of).get(row.words) == truth::TRUE;
    let is = is_on.then(|| entries.current(row) as u32);
    let turns = row.heap.cell(entries.cell).map(|cell| &cell.pieces);
    let was = turns.and_then(|turns| turns.back()).filter(|turn| turn.value == 1).map(|turn| turn.entry);
    if was == is {
        return;
    }
    let turns = &mut row.heap.cell_mut(&compiled.layout, entries.cell).pieces;
    let turn = |value, entry| CumulativePiece { start: now, value, rest: 0, slope: 0, entry };
    turns.extend(was.map(|entry| turn(0, entry)).into_iter().chain(is.map(|entry| turn(1, entry))));
    let beyond = turns.len().saturating_sub(2 * cap).div_ceil(2);
    // The oldest spans are over: later ones have begun.
    let forgotten: Vec<CumulativePiece> = turns.drain(..2 * beyond).collect();
    for [start, end] in forgotten.as_chunks::<2>().0 {
        let entry = &mut entries.entry_mut(row, compiled, start.entry as usize)[entries.dimensions..];
        entry[0] = (entry[0] as Time).saturating_add(end.start.saturating_sub(start.start)) as u64;
        entry[1] += 1;
    }
}

/// The turns of each entry, and for how long the condition was true before them.
pub(crate) fn turns(compiled: &CompiledPlan, row: &Row<'_>, id: NodeId) -> Vec<ConcurrencyTurns> {
    let entries = Entries::of(compiled, id.index());
    let before = |i: usize| entries.entry(row, i)[entries.dimensions] as Time;
    let mut all: Vec<ConcurrencyTurns> =
        (0..entries.count(row)).map(|i| ConcurrencyTurns { at: vec![], before: before(i) }).collect();
    let turns = row.heap.cell(entries.cell).into_iter().flat_map(|cell| &cell.pieces);
    turns.for_each(|turn| all[turn.entry as usize].at.push(turn.start));
    all
}

fn switch(compiled: &CompiledPlan, row: &mut Row<'_>, node: usize, entries: &Entries) {
    let by = dimensions(compiled, node);
    let current = entries.current(row);
    let is_new = row.words[entries.at] == NO_ENTRY;
    if is_new {
        // The first entry of a session or a window: there is always room for one.
        let charges = charges(compiled, row, entries);
        for (i, (_, state)) in by.iter().enumerate() {
            row.words[entries.at + 2 + i] = state.get(row.words);
        }
        charge(
            &mut row.words[entries.at + 2 + entries.dimensions..][..entries.words - entries.dimensions],
            &charges,
            -1,
        );
        return entries.set_current(row, 0, 1);
    }
    let holds = |row: &Row<'_>, i: usize| {
        entries.entry(row, i).iter().zip(by).all(|(word, (_, state))| *word == state.get(row.words))
    };
    let overflow = entries.overflow(row);
    if holds(row, current) && overflow.is_none() {
        return;
    }
    let count = entries.count(row);
    let found = entries.find(row, count, by);
    let is_absent = entries.is_absent(|d| by[d].1.get(row.words));
    // Values without an entry are charged to that of absent ones.
    let beyond = found.is_none() && !is_absent && entries.is_full(row, count);
    let next = match found {
        None if beyond => entries.absent(row, count).unwrap_or(count),
        found => found.unwrap_or(count),
    };
    if next != current {
        let charges = charges(compiled, row, entries);
        charge(&mut entries.entry_mut(row, compiled, current)[entries.dimensions..], &charges, 1);
        if next == count {
            for (i, (_, state)) in by.iter().enumerate() {
                let is_told_apart = !beyond || entries.window == Some(i);
                let word = if is_told_apart { state.get(row.words) } else { ABSENT };
                entries.entry_mut(row, compiled, next)[i] = word;
            }
        }
        charge(&mut entries.entry_mut(row, compiled, next)[entries.dimensions..], &charges, -1);
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

/// Whether some value is in force: the session has begun, and so has the window, if it is split by one.
pub(crate) fn is_begun(compiled: &CompiledPlan, row: &Row<'_>, node: usize) -> bool {
    row.words[compiled.layout.nodes[node].at] != NO_ENTRY
}

/// Forgets all entries: what comes is of another window.
pub(crate) fn begin_anew(compiled: &CompiledPlan, row: &mut Row<'_>, node: usize) {
    let entries = Entries::of(compiled, node);
    row.words[entries.at] = NO_ENTRY;
    row.words[entries.at + 2..entries.at + 2 + INLINE_ENTRIES * entries.words].fill(0);
    let Op::Split { of, by, .. } = &compiled.plan.nodes[node].op else { unreachable!("only splits come here") };
    let is_text = |id: &NodeId| compiled.plan.node(*id).kind == TimelineKind::State(Type::String);
    for text in by.iter().enumerate().filter(|(_, id)| is_text(id)).map(|(i, _)| i) {
        (0..INLINE_ENTRIES).for_each(|i| row.words[entries.at + 2 + i * entries.words + text] = ABSENT);
    }
    if let Some(cell) = row.heap.cell_if_any(entries.cell) {
        cell.entries.clear();
        match compiled.plan.node(*of).op {
            // What the look-back still reaches is of no entry any more.
            Op::OverLast { .. } => cell.pieces.iter_mut().for_each(|piece| piece.entry = u32::MAX),
            _ => cell.pieces.clear(),
        }
    }
}

/// How often values without an entry came into force, and how many turns were forgotten.
pub(crate) fn beyond(compiled: &CompiledPlan, row: &Row<'_>, id: NodeId) -> u64 {
    let entries = Entries::of(compiled, id.index());
    let values = entries.overflow(row).map_or(0, |slot| entries.entry(row, slot)[entries.dimensions]);
    let turns = match compiled.plan.counted_at_once(id) {
        Some(_) => (0..entries.count(row)).map(|i| entries.entry(row, i)[entries.dimensions + 1]).sum(),
        None => 0,
    };
    values.saturating_add(turns)
}

/// Adds to what an entry was charged, or takes away from it.
fn charge(entry: &mut [u64], charges: &[Option<(Linear, Unit)>; 2], sign: i64) {
    let mut at = 0;
    for (charge, unit) in charges.iter().flatten() {
        if unit.is_float() {
            let sum = of_words(&entry[at..at + 2], *unit).add(charge.scale(sign));
            entry[at..at + 2].copy_from_slice(&words(sum));
            at += 2;
        } else if let Linear::Exact { value, .. } = charge {
            // Wrapping both ways: the bias cancels, and what is left fits wherever the share itself does.
            entry[at] = entry[at].wrapping_add((*value as i64).wrapping_mul(sign) as u64);
            at += 1;
        }
    }
}

/// What the input (or both sides of it) has come to; of what is windowed nothing is charged.
#[inline]
fn charges(compiled: &CompiledPlan, row: &Row<'_>, entries: &Entries) -> [Option<(Linear, Unit)>; 2] {
    let come_to = |(id, unit): (NodeId, Unit)| {
        let charge = number::before(compiled, row, id).expect("cumulative numbers are never absent");
        (charge.level(), unit)
    };
    entries.charged.map(|side| side.map(come_to))
}

/// How many entries there are, and which one is in force; of entries that are windowed all may be.
pub(crate) fn in_force(compiled: &CompiledPlan, row: &Row<'_>, id: NodeId) -> (usize, Option<usize>) {
    let Op::Split { of, .. } = &compiled.plan.node(id).op else { unreachable!("only splits come here") };
    let entries = Entries::of(compiled, id.index());
    let is_windowed = matches!(compiled.plan.node(*of).op, Op::OverLast { .. });
    (entries.count(row), (!is_windowed).then(|| entries.current(row)))
}

/// Tells the words of the dimensions of each entry that is wanted, with its share: one number, or the two sides of a ratio.
pub(crate) fn shares<T>(
    compiled: &CompiledPlan,
    row: &Row<'_>,
    id: NodeId,
    wanted: impl Fn(usize) -> bool,
    mut tell: impl FnMut(&[u64], Linear, Option<Linear>) -> T,
) -> Vec<T> {
    let Op::Split { of, .. } = &compiled.plan.node(id).op else { unreachable!("only splits come here") };
    let entries = Entries::of(compiled, id.index());
    let current = entries.current(row);
    if compiled.plan.counted_at_once(id).is_some() {
        // One is true, if the condition is.
        let is_on = compiled.bool(*of).get(row.words) == truth::TRUE;
        let share = |i: usize| Linear::exact(i128::from(is_on && i == current));
        let all = (0..entries.count(row)).filter(|i| wanted(*i));
        return all.map(|i| tell(&entries.entry(row, i)[..entries.dimensions], share(i), None)).collect();
    }
    let sides = sides(&compiled.plan, *of).map(|side| {
        let side = side?;
        let now = number::linear(compiled, row, side).expect("cumulative numbers are never absent");
        Some((now, window::unit(compiled, side)))
    });
    (0..entries.count(row))
        .filter(|i| wanted(*i))
        .map(|i| {
            let (dimensions, charges) = entries.entry(row, i).split_at(entries.dimensions);
            if let Op::OverLast { window, .. } = compiled.plan.node(*of).op {
                let share = windowed(compiled, row, entries.cell, (window, window::unit(compiled, *of)), i as u32);
                return tell(dimensions, share, None);
            }
            let (mut at, mut shares) = (0, [None; 2]);
            for (share, (x, unit)) in shares.iter_mut().zip(sides.iter().flatten()) {
                let words = &charges[at..at + if unit.is_float() { 2 } else { 1 }];
                *share = Some(if i == current { biased(words, *x) } else { of_words(words, *unit) });
                at += words.len();
            }
            tell(dimensions, shares[0].expect("a split charges something"), shares[1])
        })
        .collect()
}

/// The share of the entry in force: its charge, which is biased, and what the input has come to.
fn biased(words: &[u64], x: Linear) -> Linear {
    match x {
        Linear::Exact { value, slope } => {
            Linear::Exact { value: i128::from((words[0] as i64).wrapping_add(value as i64)), slope }
        }
        Linear::Float { .. } => of_words(words, Unit::Float).add(x),
    }
}

/// What an entry was charged in `(now - window, now]`.
fn windowed(compiled: &CompiledPlan, row: &Row<'_>, cell: usize, (window, unit): (Time, Unit), entry: u32) -> Linear {
    debug_assert!(cell < compiled.layout.cells);
    let now = row.now();
    let trailing = now.saturating_sub(window);
    let mut sum = of_words(&[0; 2], unit);
    let pieces = row.heap.cell(cell).map(|cell| &cell.pieces);
    let pieces: &[CumulativePiece] = &pieces.map(|p| p.iter().copied().collect::<Vec<_>>()).unwrap_or_default();
    for (i, piece) in pieces.iter().enumerate().filter(|(_, piece)| piece.entry == entry) {
        let end = pieces.get(i + 1).map_or(NEVER, |next| next.start);
        let from = piece.start.max(trailing);
        let to = end.min(now);
        let rises = i128::from(end > now) - i128::from(piece.start <= trailing && trailing < end);
        let inside = if from < to { i128::from(to) - i128::from(from) } else { 0 };
        sum = sum.add(match piece.linear_at(piece.start, unit) {
            Linear::Exact { slope, .. } => Linear::Exact { value: slope * inside, slope: slope * rises },
            Linear::Float { slope, .. } => {
                Linear::Float { value: slope * inside as f64, rest: 0.0, slope: slope * rises as f64 }
            }
        });
        if i > 0 && piece.start > trailing {
            sum = sum.add(jump(&pieces[i - 1], piece, unit));
        }
    }
    sum
}

/// By how much a piece begins above the end of the one before it.
fn jump(before: &CumulativePiece, piece: &CumulativePiece, unit: Unit) -> Linear {
    piece.linear_at(piece.start, unit).level().sub(before.linear_at(piece.start, unit).level())
}

/// The dimensions of a split, with their nodes.
fn dimensions(compiled: &CompiledPlan, node: usize) -> &[(u16, StateSlot)] {
    match &compiled.codes[node] {
        Instruction::Split(split) => &split.by,
        other => unreachable!("only splits come here, not {other:?}"),
    }
}
