//! One pass, continued: what it does for the operators that fewer queries have.
//!
//! They are kept out of the loop over those that nearly all queries have, which is worth a tenth of its time.

use super::code::{Code, Existing};
use super::compile::Compiled;
use super::derived::{self, Happened, Sample};
use super::dictionary::Dictionary;
use super::row::{ABSENT, NEVER, Piece, Row, truth};
use super::{accrue, choose, every, mixed, scope, value_of, word_of};
use crate::{Time, Type};

/// Brings one node up to date; true if it may have changed.
#[inline(never)]
pub(super) fn step(
    compiled: &Compiled,
    dictionary: &mut Dictionary,
    (dirty, happened): (&mut [bool], &mut Happened),
    row: &mut Row<'_>,
    node: usize,
    pending: u64,
    fresh: bool,
) -> bool {
    let now = row.now();
    let is_dirty = |on: u16| dirty[usize::from(on)];
    match &compiled.codes[node] {
        Code::Derived(code) => {
            let any = derived::step(compiled, code, dirty, (happened, node), row, pending);
            if any {
                derived::act(compiled, dictionary, dirty, (happened, node), row);
            }
            any
        }
        Code::Mixed(mixed) => {
            let any = mixed::step(compiled, dictionary, mixed, dirty, (happened, node), row, pending);
            if any {
                derived::act(compiled, dictionary, dirty, (happened, node), row);
            }
            any
        }
        Code::CountWithin { columns, at, cell, window } => {
            let mut changed = columns & pending != 0;
            if let Some(cell) = row.heap.cell_if_any(*cell) {
                let counted = &mut cell.pieces;
                while let Some(piece) = counted.pop_front_if(|piece| piece.start.saturating_add(*window) <= now) {
                    row.words[*at] -= piece.value as u64;
                    changed = true;
                }
                let next = counted.front().map_or(NEVER, |piece| piece.start.saturating_add(*window));
                row.words[at + 1] = next as u64;
            }
            changed
        }
        Code::StateSince { on, of, at } => {
            if !is_dirty(*on) {
                return false;
            }
            let was_true = row.words[*at] as Time == NEVER;
            match (of.get(row.words) == truth::TRUE, was_true) {
                (true, false) => row.words[*at] = NEVER as u64,
                (false, true) => row.words[*at] = now as u64,
                _ => return fresh,
            }
            true
        }
        Code::Longest { on, of, at } => {
            let turned = (is_dirty(*on) && accrue::longest(row, *of, *at, now)) || fresh;
            turned || accrue::overtakes(row.words, *at) == now
        }
        Code::DurationOfPreviousState { on, of, at } => is_dirty(*on) && accrue::previous(row, *of, *at, now, fresh),
        Code::Integral { on: [a, b], of, over, at } => {
            if fresh {
                row.words[at + 2] = now as u64;
            }
            (fresh || is_dirty(*a) || is_dirty(*b)) && (accrue::integral(compiled, row, *of, *over, *at, now) || fresh)
        }
        Code::If { on: [a, b, c], condition, of, out } => {
            (is_dirty(*a) || is_dirty(*b) || is_dirty(*c)) && {
                let value = choose::chosen(row, *condition, *of);
                choose::put(row, *out, value) || fresh
            }
        }
        Code::Coalesce { on: [a, b], of, out } => {
            (is_dirty(*a) || is_dirty(*b)) && {
                let value = choose::coalesced(row, *of);
                choose::put(row, *out, value) || fresh
            }
        }
        Code::Exists { on, of, out } => {
            let is_due = matches!(of, Existing::Ratio { at, .. } if row.words[*at] as Time <= now);
            if !fresh && !is_due && !is_dirty(*on) {
                return false;
            }
            let value = u64::from(choose::exists(compiled, row, *of, now));
            choose::put(row, choose::Out::Bool(*out), value) || fresh
        }
        Code::Apply { function, of, out } => {
            if !fresh && !of.iter().any(|(on, _, _)| is_dirty(*on)) {
                return false;
            }
            let argument = |(_, of, ty): &(u16, Sample, Type)| value_of(of.word(compiled, row), *ty, dictionary);
            let arguments: Vec<_> = of.iter().map(argument).collect();
            let value = function.apply(&arguments).map_or(ABSENT, |value| word_of(&value, dictionary));
            choose::put(row, *out, value) || fresh
        }
        Code::Concurrency { on, of, out, at, cell, cap, keeps } => {
            if !is_dirty(*on) {
                return false;
            }
            let value = u64::from(of.get(row.words) == truth::TRUE);
            let turned = out.get(row.words) != value;
            if turned {
                out.set(row.words, value);
            }
            if turned && *keeps {
                let turn = Piece { start: now, value: value as i64, rest: 0, slope: 0, entry: 0 };
                let turns = &mut row.heap.cell_mut(&compiled.layout, *cell).pieces;
                turns.push_back(turn);
                // The oldest span is over: a later one has begun.
                if turns.len() > 2 * cap
                    && let (Some(start), Some(end)) = (turns.pop_front(), turns.pop_front())
                {
                    row.words[*at] += 1;
                    let before = row.words[at + 1] as Time;
                    row.words[at + 1] = before.saturating_add(end.start.saturating_sub(start.start)) as u64;
                }
            }
            turned || fresh
        }
        Code::Every { at, length } => {
            if !fresh && row.words[at + 1] as Time > now {
                return false;
            }
            let (begin, end) = every::around(*length, now);
            row.words[*at] = begin as u64;
            row.words[at + 1] = end as u64;
            true
        }
        Code::Scope { on: [a, b], of, by, at } => {
            let begun = (fresh || is_dirty(*b)) && scope::update(compiled, row, *of, *by, *at, fresh);
            begun || is_dirty(*a)
        }
        other => unreachable!("{other:?} is part of the loop"),
    }
}
