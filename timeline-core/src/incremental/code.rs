//! The operations of a plan, with all places resolved: what a pass does for each node.
//!
//! They are flat data, so that a pass is one loop over them; [`super::compile`] makes them.

use super::choose::Out;
use super::derived::{Derived, Sample};
use super::expression::Types;
use super::mixed::Mixed;
use super::row::{ABSENT, truth};
use crate::plan::{Compare, NodeId, Scalar};
use crate::{Time, Type};

/// What a pass does for one node. `on` is the input's number, `at` the node's first word.
#[derive(Clone, Debug)]
pub(super) enum Code {
    /// Nothing to keep: an event, or a constant number.
    Nothing,
    /// A number that is calculated when it is asked for: it may have changed if an input has.
    Pulled {
        inputs: [u16; 2],
    },
    /// The same with a condition.
    PulledOfThree {
        inputs: [u16; 3],
    },
    /// A constant truth value.
    Constant {
        out: Bool,
        value: u64,
    },
    /// The leaf wrote the value; `out` for booleans, `ttl` where a value ends.
    Latest {
        columns: u64,
        at: usize,
        out: Option<Bool>,
        ttl: bool,
    },
    /// The events that it reads wrote its words.
    Written {
        columns: u64,
    },
    StateExisted {
        on: u16,
        of: Bool,
        out: Bool,
    },
    /// The leaf wrote the instant at which it turns false.
    EventWithin {
        columns: u64,
        at: usize,
        out: Bool,
    },
    StateWithin {
        on: u16,
        of: Bool,
        at: usize,
        out: Bool,
        window: Time,
    },
    HeldFor {
        on: u16,
        of: Bool,
        at: usize,
        out: Bool,
        length: Time,
    },
    DurationWhere {
        on: u16,
        of: Bool,
        at: usize,
    },
    DurationInCurState {
        on: u16,
        of: State,
        at: usize,
    },
    Longest {
        on: u16,
        of: Bool,
        at: usize,
    },
    DurationOfPreviousState {
        on: u16,
        of: State,
        at: usize,
    },
    Integral {
        on: [u16; 2],
        of: NodeId,
        over: Option<Bool>,
        at: usize,
    },
    /// Between states.
    If {
        on: [u16; 3],
        condition: Bool,
        of: [State; 2],
        out: Out,
    },
    /// Of states.
    Coalesce {
        on: [u16; 2],
        of: [State; 2],
        out: Out,
    },
    Exists {
        on: u16,
        of: Existing,
        out: Bool,
    },
    /// Of states, and of numbers that change in steps.
    Apply {
        function: Scalar,
        of: Vec<(u16, Sample, Type)>,
        out: Out,
    },
    Concurrency {
        on: u16,
        of: Bool,
        out: Bool,
        at: usize,
        cell: usize,
        cap: usize,
        /// Whether its turns are kept here: where splits read it, they keep them.
        keeps: bool,
    },
    Every {
        at: usize,
        length: Time,
    },
    Scope {
        on: [u16; 2],
        of: NodeId,
        by: State,
        at: usize,
    },
    CompareStates {
        on: [u16; 2],
        compare: Compare,
        types: Types,
        of: [State; 2],
        out: Bool,
    },
    CompareNumbers {
        on: [u16; 2],
        at: usize,
        out: Bool,
    },
    Not {
        on: u16,
        of: Bool,
        out: Bool,
    },
    And {
        on: [u16; 2],
        of: [Bool; 2],
        out: Bool,
    },
    Or {
        on: [u16; 2],
        of: [Bool; 2],
        out: Bool,
    },
    OverLast {
        on: u16,
        at: usize,
    },
    /// The events wrote the count, at `at`, and their times; the next word is when the oldest of these leaves.
    CountWithin {
        columns: u64,
        at: usize,
        cell: usize,
        window: Time,
    },
    /// The word is [`NEVER`] while the state is true, and then when it ceased to be.
    StateSince {
        on: u16,
        of: Bool,
        at: usize,
    },
    /// Events that are made in the pass.
    Derived(Derived),
    /// The same, of what their own records say.
    Mixed(Mixed),
    Split {
        by: Vec<(u16, State)>,
        of: u16,
        at: usize,
    },
}

/// What may have a value or none.
#[derive(Clone, Copy, Debug)]
pub(super) enum Existing {
    State(State),
    Number(NodeId),
    /// The word `at` is when the denominator next crosses zero.
    Ratio {
        of: NodeId,
        at: usize,
    },
}

impl Code {
    /// Whether it can change without an event.
    pub(super) fn is_timed(&self) -> bool {
        matches!(
            self,
            Code::Latest { ttl: true, .. }
                | Code::EventWithin { .. }
                | Code::StateWithin { .. }
                | Code::HeldFor { .. }
                | Code::CompareNumbers { .. }
                | Code::Longest { .. }
                | Code::Every { .. }
                | Code::Exists { of: Existing::Ratio { .. }, .. }
                | Code::OverLast { .. }
                | Code::CountWithin { .. }
                | Code::Derived(Derived::NotFollowedBy { .. })
                | Code::Split { .. }
        )
    }
}

/// Where a truth value stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bool {
    pub word: usize,
    pub shift: u32,
}

impl Bool {
    #[inline]
    pub(super) fn get(self, words: &[u64]) -> u64 {
        words[self.word] >> self.shift & 3
    }

    #[inline]
    pub(super) fn set(self, words: &mut [u64], value: u64) {
        let word = &mut words[self.word];
        *word = *word & !(3 << self.shift) | value << self.shift;
    }
}

/// Where the value of a state stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    Word(usize),
    Bool(Bool),
    Constant(u64),
}

impl State {
    #[inline]
    pub(super) fn get(self, words: &[u64]) -> u64 {
        match self {
            State::Word(at) => words[at],
            State::Constant(word) => word,
            State::Bool(b) => match b.get(words) {
                truth::ABSENT => ABSENT,
                value => value,
            },
        }
    }
}
