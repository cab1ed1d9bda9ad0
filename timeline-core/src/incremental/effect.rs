//! What one event does to the words of a worker that reads it.
//!
//! Events of records act when they come, derived ones in the pass that ends their instant, before the worker that reads
//! them has its turn. Either way every event of an instant is seen, and none sees another instant's.

use super::code::Bool;
use super::dictionary::Dictionary;
use super::expression;
use super::layout::Layout;
use super::row::{ABSENT, NEVER, Piece, Row, truth};
use crate::number::add_finite;
use crate::{Time, Type};

/// What a worker does with a payload. `predicate`: only payloads that say true count.
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect {
    Latest {
        at: usize,
        ttl: Option<Time>,
    },
    Existed {
        out: Bool,
        predicate: bool,
    },
    Within {
        at: usize,
        window: Time,
        predicate: bool,
    },
    /// The session's end event.
    End,
    /// The event's place in its instant is noted for workers that ask what came before what.
    Gather {
        cell: usize,
        predicate: bool,
    },
    /// `charged`: what it was before the instant is kept, see [`keep`].
    Count {
        at: usize,
        predicate: bool,
        charged: bool,
    },
    CountWithin {
        at: usize,
        cell: usize,
        predicate: bool,
    },
    First {
        at: usize,
    },
    /// The value that is shown comes first, the last payload `n` words later.
    Previous {
        at: usize,
        n: usize,
    },
    /// Values are kept with when they were first seen, the one that was seen last at the end.
    New {
        at: usize,
        out: Bool,
        cell: usize,
        cap: usize,
    },
    Sum {
        at: usize,
        ty: Type,
        charged: bool,
    },
    Extreme {
        at: usize,
        ty: Type,
        greatest: bool,
    },
    Since {
        at: usize,
        predicate: bool,
    },
    /// What the record says is noted for the node, see [`super::mixed`].
    Note {
        node: usize,
    },
    /// A user operator, which reads more of the record than one payload; see [`super::user`].
    User {
        user: usize,
    },
}

/// Where and when an event acts.
pub(super) struct Setting<'a> {
    pub layout: &'a Layout,
    pub dictionary: &'a Dictionary,
    pub time: Time,
}

impl Effect {
    /// Lets an event act.
    #[inline]
    pub(super) fn apply(self, setting: &Setting<'_>, row: &mut Row<'_>, payload: u64) {
        let time = setting.time;
        match self {
            Effect::Latest { at, ttl } => {
                row.words[at] = payload;
                if let Some(ttl) = ttl {
                    let until = if payload == ABSENT { NEVER } else { time.saturating_add(ttl) };
                    row.words[at + 1] = until as u64;
                }
            }
            Effect::Existed { out, predicate } => {
                if matches(payload, predicate) {
                    out.set(row.words, truth::TRUE);
                }
            }
            Effect::Within { at, window, predicate } => {
                if matches(payload, predicate) {
                    row.words[at] = time.saturating_add(window) as u64;
                }
            }
            Effect::End => {
                if matches(payload, true) {
                    row.set_ending();
                }
            }
            other => other.gather(setting, row, payload),
        }
    }

    /// The effects that are no part of the oldest queries, kept out of their way.
    #[inline(never)]
    fn gather(self, setting: &Setting<'_>, row: &mut Row<'_>, payload: u64) {
        let Setting { layout, dictionary, time } = *setting;
        match self {
            Effect::Gather { cell, predicate } if matches(payload, predicate) => {
                let rank = layout.sequence.map_or(0, |at| row.words[at]);
                row.heap.cell_mut(layout, cell).entries.push(rank);
            }
            Effect::Count { at, predicate, charged } if matches(payload, predicate) => {
                keep(row, (at, 1), charged, time);
                row.words[at] += 1;
            }
            Effect::CountWithin { at, cell, predicate } if matches(payload, predicate) => {
                let pieces = &mut row.heap.cell_mut(layout, cell).pieces;
                match pieces.back_mut() {
                    Some(last) if last.start == time => last.value += 1,
                    _ => pieces.push_back(Piece { start: time, value: 1, rest: 0, slope: 0, entry: 0 }),
                }
                row.words[at] += 1;
            }
            Effect::First { at } if row.words[at] == ABSENT => row.words[at] = payload,
            Effect::Previous { at, n } => {
                row.words.copy_within(at + 1..=at + n, at);
                row.words[at + n] = payload;
            }
            Effect::New { at, out, cell, cap } if payload != ABSENT => {
                let kept = &mut row.heap.cell_mut(layout, cell).entries;
                let known = kept.as_chunks::<2>().0.iter().position(|[value, _]| *value == payload);
                let first =
                    known.map_or(time as u64, |place| kept.drain(2 * place..2 * place + 2).next_back().unwrap_or(0));
                kept.extend([payload, first]);
                if kept.len() > 2 * cap {
                    kept.drain(..2);
                    row.words[at] += 1;
                }
                out.set(row.words, u64::from(first as Time == time));
            }
            Effect::Sum { at, ty, charged } if payload != ABSENT => {
                if ty == Type::Float {
                    keep(row, (at, 2), charged, time);
                    let sum = (f64::from_bits(row.words[at]), f64::from_bits(row.words[at + 1]));
                    let (sum, rest) = add_finite(sum, f64::from_bits(payload));
                    (row.words[at], row.words[at + 1]) = (sum.to_bits(), rest.to_bits());
                } else {
                    keep(row, (at, 1), charged, time);
                    row.words[at] = (row.words[at] as i64).saturating_add(payload as i64) as u64;
                }
            }
            Effect::Extreme { at, ty, greatest } if payload != ABSENT => {
                let best = row.words[at];
                let better = best == ABSENT || {
                    let order = expression::order((ty, ty), payload, best, dictionary);
                    if greatest { order.is_gt() } else { order.is_lt() }
                };
                if better {
                    row.words[at] = payload;
                }
            }
            Effect::Since { at, predicate } if matches(payload, predicate) => row.words[at] = time as u64,
            _ => {}
        }
    }
}

/// Notes what so many words were before the events of the instant: behind them are the instant, and the words as they were.
fn keep(row: &mut Row<'_>, (at, words): (usize, usize), charged: bool, time: Time) {
    if charged && row.words[at + words] as Time != time {
        row.words[at + words] = time as u64;
        row.words.copy_within(at..at + words, at + words + 1);
    }
}

/// Whether a payload is a match: of a predicate what says true, of other events what is not null.
#[inline]
pub(super) fn matches(payload: u64, predicate: bool) -> bool {
    if predicate { payload == truth::TRUE } else { payload != ABSENT }
}
