//! Operators that are nothing but a call of timelines and lengths: what each takes, and the node that it makes.
//!
//! A line of the table is all that the front end has to know of such an operator, beside what people are told of it
//! ([`crate::catalogue`]). Operators with words among their arguments, or with forms that depend on what they are given, are
//! lowered one by one (`lower::call`).

use timeline_core::Time;
use timeline_core::plan::{NodeId, Op};

/// One of them.
#[derive(Debug)]
pub(crate) struct Simple {
    /// Its names: its own first, then synonyms.
    pub(crate) names: &'static [&'static str],
    /// How it is written.
    pub(crate) form: &'static str,
    /// What it takes, in order.
    pub(crate) takes: &'static [SimpleInput],
    /// What it gives.
    pub(crate) gives: SimpleResult,
    /// Its node over these timelines, with these lengths.
    pub(crate) makes: fn(&[NodeId], &[Time]) -> Op,
}

/// What such an operator takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SimpleInput {
    /// A `state<bool>`.
    Condition,
    /// A state of any type.
    State,
    /// An event, or a `state<bool>`.
    Occurrence,
    /// An event; a `state<bool>` stands for its rises.
    Matches,
    /// A length of time.
    Length,
}

/// What such an operator gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SimpleResult {
    /// A state of truth values.
    State,
    /// A state of whatever type its input has.
    Value,
    /// A number that changes in steps.
    Steps,
    /// A number that goes on with time.
    Number,
    /// Events.
    Events,
}

/// Two are the same if they are called the same.
impl PartialEq for Simple {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
    }
}

use SimpleInput::{Condition, Length, Matches, Occurrence, State};

/// All of them.
pub(crate) const SIMPLE: &[Simple] = &[
    Simple {
        names: &["has_existed"],
        form: "`has_existed(EVENT_OR_STATE)`",
        takes: &[Occurrence],
        gives: SimpleResult::State,
        makes: |of, _| Op::HasExisted { of: of[0] },
    },
    Simple {
        names: &["held_for"],
        form: "`held_for(STATE, DURATION)`",
        takes: &[Condition, Length],
        gives: SimpleResult::State,
        makes: |of, lengths| Op::HeldFor { of: of[0], length: lengths[0] },
    },
    Simple {
        names: &["since"],
        form: "`since(STATE, STATE)`",
        takes: &[Condition, Condition],
        gives: SimpleResult::State,
        makes: |of, _| Op::Since { held: of[0], begun: of[1] },
    },
    Simple {
        names: &["delayed"],
        form: "`delayed(STATE_OR_NUMBER, DURATION)`",
        takes: &[State, Length],
        gives: SimpleResult::Value,
        makes: |of, lengths| Op::Delayed { of: of[0], length: lengths[0] },
    },
    Simple {
        names: &["duration_where"],
        form: "`duration_where(STATE)`",
        takes: &[Condition],
        gives: SimpleResult::Number,
        makes: |of, _| Op::DurationWhere { of: of[0] },
    },
    Simple {
        names: &["duration_in_cur_state", "duration_in_current_state"],
        form: "`duration_in_cur_state(STATE)`",
        takes: &[State],
        gives: SimpleResult::Number,
        makes: |of, _| Op::DurationInCurState { of: of[0] },
    },
    Simple {
        names: &["duration_of_previous_state", "duration_in_previous_state"],
        form: "`duration_of_previous_state(STATE)`",
        takes: &[State],
        gives: SimpleResult::Number,
        makes: |of, _| Op::DurationOfPreviousState { of: of[0] },
    },
    Simple {
        names: &["longest"],
        form: "`longest(STATE)`",
        takes: &[Condition],
        gives: SimpleResult::Number,
        makes: |of, _| Op::Longest { of: of[0] },
    },
    Simple {
        names: &["rise"],
        form: "`rise(STATE)`",
        takes: &[Condition],
        gives: SimpleResult::Events,
        makes: |of, _| Op::Rise { of: of[0] },
    },
    Simple {
        names: &["fall"],
        form: "`fall(STATE)`",
        takes: &[Condition],
        gives: SimpleResult::Events,
        makes: |of, _| Op::Fall { of: of[0] },
    },
    Simple {
        names: &["changes"],
        form: "`changes(STATE)`",
        takes: &[State],
        gives: SimpleResult::Events,
        makes: |of, _| Op::Changes { of: of[0] },
    },
    Simple {
        names: &["time_of"],
        form: "`time_of(EVENT)`",
        takes: &[Matches],
        gives: SimpleResult::Events,
        makes: |of, _| Op::TimeOf { event: of[0] },
    },
    Simple {
        names: &["followed_by"],
        form: "`followed_by(EVENT, EVENT, DURATION)`",
        takes: &[Matches, Matches, Length],
        gives: SimpleResult::Events,
        makes: |of, lengths| Op::FollowedBy { first: of[0], then: of[1], window: lengths[0] },
    },
    Simple {
        names: &["not_followed_by"],
        form: "`not_followed_by(EVENT, EVENT, DURATION)`",
        takes: &[Matches, Matches, Length],
        gives: SimpleResult::Events,
        makes: |of, lengths| Op::NotFollowedBy { first: of[0], then: of[1], window: lengths[0] },
    },
    Simple {
        names: &["count"],
        form: "`count(EVENT)`",
        takes: &[Matches],
        gives: SimpleResult::Steps,
        makes: |of, _| Op::Count { of: of[0] },
    },
    Simple {
        names: &["count_within"],
        form: "`count_within(EVENT, DURATION)`",
        takes: &[Matches, Length],
        gives: SimpleResult::Steps,
        makes: |of, lengths| Op::CountWithin { of: of[0], window: lengths[0] },
    },
    Simple {
        names: &["time_since"],
        form: "`time_since(EVENT_OR_STATE)`",
        takes: &[Occurrence],
        gives: SimpleResult::Number,
        makes: |of, _| Op::TimeSince { of: of[0] },
    },
];
