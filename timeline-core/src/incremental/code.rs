//! What a step of a pass finds and leaves: places of truth values and states, and what is going on.
//!
//! The steps themselves stand with their operators, and the flat list of them ([`Instruction`]) beside these.

use super::compile::CompiledPlan;
use super::dictionary::Dictionary;
use super::row::{ABSENT, NEVER, NOT_SINCE, Row, truth};
use crate::Time;
pub(crate) use crate::operators::Instruction;

/// What a step of a pass may look at.
#[derive(Clone, Copy)]
pub(crate) struct Pass<'a> {
    pub(crate) compiled: &'a CompiledPlan,
    pub(crate) dictionary: &'a Dictionary,
    pub(super) dirty: &'a [bool],
    /// The node whose step it is.
    pub(crate) node: usize,
    /// The columns that events of the instant had.
    pub(crate) pending: u64,
    /// The row's instant.
    pub(crate) now: Time,
    /// Whether it is the session's first one, in which everything is calculated.
    pub(crate) fresh: bool,
}

impl Pass<'_> {
    /// Whether a node may have changed in this pass.
    #[inline(always)]
    pub(crate) fn is_dirty(self, on: u16) -> bool {
        self.dirty[usize::from(on)]
    }

    /// Whether the node itself may have: events that were made in this pass act on it before its turn.
    #[inline(always)]
    pub(crate) fn is_acted_on(self) -> bool {
        self.dirty[self.node]
    }
}

/// A number that is calculated when it is asked for: it may have changed if an input has.
#[derive(Clone, Debug)]
pub(crate) struct Pulled {
    inputs: [u16; 2],
}

impl Pulled {
    pub(crate) fn of(inputs: [u16; 2]) -> Self {
        Pulled { inputs }
    }

    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, _: &mut Row<'_>) -> bool {
        let [a, b] = self.inputs;
        pass.is_dirty(a) || pass.is_dirty(b)
    }
}

/// The same with a condition.
#[derive(Clone, Debug)]
pub(crate) struct PulledOfThree {
    pub(crate) inputs: [u16; 3],
}

impl PulledOfThree {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, _: &mut Row<'_>) -> bool {
        let [a, b, c] = self.inputs;
        pass.is_dirty(a) || pass.is_dirty(b) || pass.is_dirty(c)
    }
}

/// The events that a node reads wrote its words.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) columns: u64,
}

impl Written {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, _: &mut Row<'_>) -> bool {
        self.columns & pass.pending != 0
    }
}

/// Writes a truth value; true if it is another one than before.
#[inline]
pub(crate) fn put(row: &mut Row<'_>, out: Bool, value: u64) -> bool {
    let changed = out.get(row.words) != value;
    if changed {
        out.set(row.words, value);
    }
    changed
}

/// Writes a word; true if it is another one than before.
#[inline(always)]
pub(crate) fn write(row: &mut Row<'_>, at: usize, word: u64) -> bool {
    std::mem::replace(&mut row.words[at], word) != word
}

/// Where a choice between states puts its value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ChoiceSlot {
    Word(usize),
    Bool(Bool),
}

impl ChoiceSlot {
    /// Puts it there; true if it is another one than before.
    #[inline]
    pub(crate) fn put(self, row: &mut Row<'_>, value: u64) -> bool {
        match self {
            ChoiceSlot::Word(at) => write(row, at, value),
            ChoiceSlot::Bool(out) => put(row, out, if value == ABSENT { truth::ABSENT } else { value }),
        }
    }
}

/// Where the instant stands at which a node next changes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    Never,
    Word(usize),
    /// So long after the instant in that word.
    After(usize, Time),
    /// Of two words: so long as the first says after the instant in the second.
    Overtaking(usize),
}

impl Deadline {
    /// What is over already is no change.
    #[inline]
    pub(super) fn get(self, words: &[u64]) -> Time {
        let after = |at: usize, length: Time| match words[at] as Time {
            NOT_SINCE => NEVER,
            since => since.saturating_add(length),
        };
        match self {
            Deadline::Never => NEVER,
            Deadline::Word(at) => words[at] as Time,
            Deadline::After(at, length) => after(at, length),
            Deadline::Overtaking(at) => after(at + 1, words[at] as Time),
        }
    }
}

/// Where a truth value stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bool {
    pub(crate) word: usize,
    pub(crate) shift: u32,
}

impl Bool {
    #[inline]
    pub(crate) fn get(self, words: &[u64]) -> u64 {
        words[self.word] >> self.shift & 3
    }

    #[inline]
    pub(crate) fn set(self, words: &mut [u64], value: u64) {
        let word = &mut words[self.word];
        *word = *word & !(3 << self.shift) | value << self.shift;
    }
}

/// Where the value of a state stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StateSlot {
    Word(usize),
    Bool(Bool),
    Constant(u64),
}

impl StateSlot {
    #[inline]
    pub(crate) fn get(self, words: &[u64]) -> u64 {
        match self {
            StateSlot::Word(at) => words[at],
            StateSlot::Constant(word) => word,
            StateSlot::Bool(b) => match b.get(words) {
                truth::ABSENT => ABSENT,
                value => value,
            },
        }
    }
}
