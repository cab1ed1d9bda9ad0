//! The operators: a folder for each family, a file for each operator, and here the table that has them all.
//!
//! The file of an operator has all that is true of it ([`OperatorDescription`]), which kind of timeline it makes, and what the
//! incremental evaluator does for it: an effect of events, a step of the pass, the number that is read off its words. What it
//! means stands beside it, in a file that the reference evaluator reads and that knows nothing of steps (a test sees to that).
//! A new one is a variant of [`Op`], a line of each table here that it belongs to, and its file: what it leaves out does not
//! compile.
//!
//! Steps and effects are flat lists, so that a pass is one loop: no operator is called through a pointer.

use crate::Linear;
use crate::incremental::parts::{
    ApartPass, Compiling, EffectContext, EndEffect, GatherEffect, Gathered, Mixed, NoteEffect, NumberReader, Pass,
    Pulled, PulledOfThree, Row, UserEffect, Written,
};
use crate::plan::{EventExpr, KeptWord, Made, NodeId, Op, OperatorDescription, TimelineKind};
use crate::reference::parts::{Inputs, NodeTimeline};

#[cfg(test)]
mod testing;

/// States and numbers that are always the same, or go by the clock alone.
mod constants {
    pub(crate) mod constant;
    pub(crate) mod constant_number;
    pub(crate) mod during;
    pub(crate) mod every;
}

/// What records say.
mod records {
    pub(crate) mod event;
    pub(crate) mod user;
}

/// States of events: what was said last, and whether something was.
pub(crate) mod hold {
    pub(crate) mod delayed;
    pub(crate) mod delayed_number;
    pub(crate) mod has_existed;
    pub(crate) mod has_existed_within;
    pub(crate) mod held_for;
    pub(crate) mod latest;
    pub(crate) mod since;
}

/// Numbers that go on with time between changes of their input.
mod accrue {
    pub(crate) mod duration_in_cur_state;
    pub(crate) mod duration_of_previous_state;
    pub(crate) mod duration_where;
    pub(crate) mod integral;
    pub(crate) mod longest;
    pub(crate) mod slant;
    pub(crate) mod time_since;
}

/// Comparisons, Kleene logic, choices and functions of what states and numbers say at each instant.
mod logic {
    pub(crate) mod and;
    pub(crate) mod apply;
    pub(crate) mod choose;
    pub(crate) mod coalesce;
    pub(crate) mod compare_numbers;
    pub(crate) mod compare_states;
    pub(crate) mod exists;
    pub(crate) mod lookup;
    pub(crate) mod not;
    pub(crate) mod or;
}

/// Sums, multiples and quotients: pulled when somebody asks.
mod arithmetic {
    pub(crate) mod add;
    pub(crate) mod duration_of;
    pub(crate) mod instant_of;
    pub(crate) mod mul;
    pub(crate) mod number_of;
    pub(crate) mod ratio;
    pub(crate) mod scale;
    pub(crate) mod sub;
}

/// Parts of what has come together: of a scope, of a window, of a value, of all sessions.
mod divide {
    pub(crate) mod concurrency;
    pub(crate) mod extreme_over_last;
    pub(crate) mod over_last;
    pub(crate) mod scope;
    pub(crate) mod split;
}

/// Events that are made of timelines.
mod events {
    pub(crate) mod at;
    pub(crate) mod changes;
    pub(crate) mod each;
    pub(crate) mod either;
    pub(crate) mod fall;
    pub(crate) mod filter;
    pub(crate) mod followed_by;
    pub(crate) mod not_followed_by;
    pub(crate) mod rise;
    pub(crate) mod time_of;
    pub(crate) mod turn;
}

/// What events come to: how many, how much, which one.
mod gather {
    pub(crate) mod count;
    pub(crate) mod count_within;
    pub(crate) mod extreme;
    pub(crate) mod first;
    pub(crate) mod is_new;
    pub(crate) mod max;
    pub(crate) mod min;
    pub(crate) mod previous;
    pub(crate) mod sum;
}

/// An operator in each line: its variant, which of its parts are inputs, in order, whether it is a number, and its file with
/// what that is given.
macro_rules! operators {
    ($($variant:ident $parts:tt reads [$($input:ident),*] $(is $number:ident)? => $family:ident::$file:ident($($argument:expr),*);)+) => {
        impl Op {
            /// All that is true of it.
            pub fn describe(&self) -> OperatorDescription<'_> {
                match self {
                    $(Op::$variant $parts => $family::$file::describe($($argument),*),)+
                }
            }

            /// The nodes that it reads, in order.
            #[expect(unused_variables, reason = "parts that are no inputs")]
            pub fn inputs(&self) -> Vec<NodeId> {
                let mut all = vec![];
                match self {
                    $(Op::$variant $parts => { $($input.read(&mut all);)* })+
                }
                all
            }

            /// The same, to put others in their places.
            #[expect(unused_variables, reason = "parts that are no inputs")]
            pub fn inputs_mut(&mut self) -> Vec<&mut NodeId> {
                let mut all = vec![];
                match self {
                    $(Op::$variant $parts => { $($input.change(&mut all);)* })+
                }
                all
            }

            /// What kind of timeline it makes of inputs of these kinds, if it reads them at all.
            pub(crate) fn kind(&self, made: &Made<'_>) -> Option<TimelineKind> {
                match self {
                    $(Op::$variant $parts => $family::$file::kind($($argument,)* made),)+
                }
            }

            /// What the incremental evaluator does for it.
            pub(crate) fn compile(&self, to: &mut Compiling<'_>) -> Instruction {
                match self {
                    $(Op::$variant $parts => $family::$file::compile($($argument,)* to),)+
                }
            }

            /// Its number, off the words of a row.
            #[expect(unused_variables, reason = "what is no number has none")]
            #[inline]
            pub(crate) fn linear(&self, from: NumberReader<'_>) -> Option<Linear> {
                match self {
                    $(Op::$variant $parts => operators!(@linear [$($number)?] $family::$file($($argument),*) from self),)+
                }
            }

            /// What it means, by the reference evaluator.
            pub(crate) fn meaning(&self, inputs: &Inputs<'_>) -> NodeTimeline {
                match self {
                    $(Op::$variant $parts => $family::$file::meaning::of($($argument,)* inputs),)+
                }
            }
        }
    };
    (@linear [number] $family:ident::$file:ident($($argument:expr),*) $from:ident $op:ident) => {
        $family::$file::linear($($argument,)* $from)
    };
    (@linear [] $family:ident::$file:ident($($argument:expr),*) $from:ident $op:ident) => {
        unreachable!("{:?} is no number, as the builder checked", $op)
    };
}

operators! {
    Event(e) reads [] => records::event(e);
    User { operator, of } reads [of] => records::user(operator, of);
    Constant(value) reads [] => constants::constant(value);
    ConstantNumber { numerator, denominator, unit } reads [] is number
        => constants::constant_number(*numerator, *denominator, *unit);
    Every(every) reads [] => constants::every(every);
    During(hours) reads [] => constants::during(hours);
    Latest { of, ttl } reads [of] => hold::latest(*of, *ttl);
    HasExisted { of } reads [of] => hold::has_existed(*of);
    HasExistedWithin { of, window } reads [of] => hold::has_existed_within(*of, *window);
    HeldFor { of, length } reads [of] => hold::held_for(*of, *length);
    Since { held, begun } reads [held, begun] => hold::since(*held, *begun);
    Delayed { of, length } reads [of] => hold::delayed(*of, *length);
    DelayedNumber { of, length } reads [of] is number => hold::delayed_number(*of, *length);
    DurationWhere { of } reads [of] is number => accrue::duration_where(*of);
    DurationInCurState { of } reads [of] is number => accrue::duration_in_cur_state(*of);
    Longest { of } reads [of] is number => accrue::longest(*of);
    DurationOfPreviousState { of } reads [of] is number => accrue::duration_of_previous_state(*of);
    Integral { of, over } reads [of, over] is number => accrue::integral(*of, *over);
    Slant { of, over } reads [of, over] is number => accrue::slant(*of, *over);
    TimeSince { of } reads [of] is number => accrue::time_since(*of);
    CompareStates { compare, left, right } reads [left, right] => logic::compare_states(*compare, *left, *right);
    CompareNumbers { compare, left, right } reads [left, right] => logic::compare_numbers(*compare, *left, *right);
    Not(of) reads [of] => logic::not(*of);
    And(a, b) reads [a, b] => logic::and(*a, *b);
    Or(a, b) reads [a, b] => logic::or(*a, *b);
    If { condition, then, otherwise } reads [condition, then, otherwise] is number
        => logic::choose(*condition, *then, *otherwise);
    Coalesce(a, b) reads [a, b] is number => logic::coalesce(*a, *b);
    Exists(of) reads [of] => logic::exists(*of);
    Apply { function, of } reads [of] => logic::apply(*function, of);
    Lookup { column, of } reads [of] => logic::lookup(column, of);
    NumberOf(of) reads [of] is number => arithmetic::number_of(*of);
    DurationOf(of) reads [of] is number => arithmetic::duration_of(*of);
    InstantOf(of) reads [of] is number => arithmetic::instant_of(*of);
    Add(a, b) reads [a, b] is number => arithmetic::add(*a, *b);
    Sub(a, b) reads [a, b] is number => arithmetic::sub(*a, *b);
    Scale { of, factor } reads [of] is number => arithmetic::scale(*of, *factor);
    Mul(a, b) reads [a, b] is number => arithmetic::mul(*a, *b);
    Ratio { numerator, denominator } reads [numerator, denominator] => arithmetic::ratio(*numerator, *denominator);
    Scope { of, by } reads [of, by] is number => divide::scope(*of, *by);
    OverLast { of, window } reads [of] is number => divide::over_last(*of, *window);
    ExtremeOverLast { of, window, greatest } reads [of] => divide::extreme_over_last(*of, *window, *greatest);
    Split { of, by, cap } reads [of, by] is number => divide::split(*of, by, *cap);
    Concurrency { of, cap } reads [of] => divide::concurrency(*of, *cap);
    Rise { of } reads [of] => events::rise(*of);
    Fall { of } reads [of] => events::fall(*of);
    Changes { of } reads [of] => events::changes(*of);
    Either(a, b) reads [a, b] => events::either(*a, *b);
    At { event, of } reads [event, of] => events::at(*event, *of);
    TimeOf { event } reads [event] => events::time_of(*event);
    Each { event, value, of } reads [event, of] => events::each(*event, value, of);
    Filter { event, condition, of } reads [event, of] => events::filter(*event, condition, of);
    FollowedBy { first, then, window } reads [first, then] => events::followed_by(*first, *then, *window);
    NotFollowedBy { first, then, window } reads [first, then] => events::not_followed_by(*first, *then, *window);
    Count { of } reads [of] is number => gather::count(*of);
    CountWithin { of, window } reads [of] is number => gather::count_within(*of, *window);
    First { of } reads [of] => gather::first(*of);
    Previous { of, n } reads [of] => gather::previous(*of, *n);
    IsNew { of, cap } reads [of] => gather::is_new(*of, *cap);
    Sum { of } reads [of] is number => gather::sum(*of);
    Min { of } reads [of] => gather::min(*of);
    Max { of } reads [of] => gather::max(*of);
}

/// What a pass does for a node, by what it needs: steps of the loop, steps apart from it, those that intern texts or take
/// what was noted of records, and those that make events.
macro_rules! steps {
    (
        looped { $($looped:ident($looped_step:path),)+ }
        apart { $($apart:ident($apart_step:path),)+ }
        texts { $($texts:ident($texts_step:path),)+ }
        events { $($events:ident($events_step:path),)+ }
    ) => {
        /// What a pass does for one node, with all places resolved.
        #[derive(Clone, Debug)]
        pub(crate) enum Instruction {
            /// Nothing to keep: an event, or a constant number.
            Nothing,
            $($looped($looped_step),)+
            $($apart($apart_step),)+
            $($texts($texts_step),)+
            $($events($events_step),)+
        }

        impl Instruction {
            /// Brings the node up to date; whether it may have changed. Nothing if that is done apart from the loop.
            #[inline(always)]
            pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> Option<bool> {
                match self {
                    Instruction::Nothing => Some(false),
                    $(Instruction::$looped(step) => Some(step.run(pass, row)),)+
                    $(Instruction::$apart(_))|+ | $(Instruction::$texts(_))|+ | $(Instruction::$events(_))|+ => None,
                }
            }

            /// The same, of what is done apart from the loop.
            pub(crate) fn run_apart(&self, pass: &mut ApartPass<'_>, row: &mut Row<'_>) -> bool {
                match self {
                    $(Instruction::$apart(step) => step.run(pass.pass(), row),)+
                    $(Instruction::$texts(step) => step.run(pass, row),)+
                    $(Instruction::$events(step) => {
                        pass.make(row, |pass, pass_events, out, row| step.emit(pass, pass_events, out, row))
                    })+
                    Instruction::Nothing | $(Instruction::$looped(_))|+ => unreachable!("it is part of the loop"),
                }
            }
        }
    };
}

steps! {
    looped {
        Pulled(Pulled),
        PulledOfThree(PulledOfThree),
        Written(Written),
        Constant(constants::constant::Step),
        Latest(hold::latest::Step),
        StateExisted(hold::has_existed::Step),
        EventWithin(hold::has_existed_within::OfEvent),
        StateWithin(hold::has_existed_within::OfState),
        HeldFor(hold::held_for::Step),
        DurationWhere(accrue::duration_where::Step),
        DurationInCurState(accrue::duration_in_cur_state::Step),
        CompareStates(logic::compare_states::Step),
        CompareNumbers(logic::compare_numbers::Step),
        Not(logic::not::Step),
        And(logic::and::Step),
        Or(logic::or::Step),
        OverLast(divide::over_last::Step),
        Split(divide::split::Step),
    }
    apart {
        Longest(accrue::longest::Step),
        DurationOfPreviousState(accrue::duration_of_previous_state::Step),
        Integral(accrue::integral::Step),
        Slant(accrue::slant::Step),
        StateSince(accrue::time_since::Step),
        Since(hold::since::Step),
        Delayed(hold::delayed::Step),
        DelayedNumber(hold::delayed_number::Step),
        If(logic::choose::Step),
        Coalesce(logic::coalesce::Step),
        Exists(logic::exists::Step),
        Every(constants::every::Step),
        During(constants::during::Step),
        Scope(divide::scope::Step),
        ExtremeOverLast(divide::extreme_over_last::Step),
        Concurrency(divide::concurrency::Step),
        CountWithin(gather::count_within::Step),
    }
    texts {
        Apply(logic::apply::Step),
        Lookup(logic::lookup::Step),
        Mixed(Mixed),
    }
    events {
        Gathered(Gathered),
        Turn(events::turn::Step),
        Changes(events::changes::Step),
        Either(events::either::Step),
        At(events::at::Step),
        TimeOf(events::time_of::Step),
        FollowedBy(events::followed_by::Step),
        NotFollowedBy(events::not_followed_by::Step),
    }
}

/// What an event does to the words of a worker that reads it: of what nearly all queries have, and of what fewer do.
macro_rules! effects {
    (usual { $($usual:ident($usual_effect:path),)+ } others { $($other:ident($other_effect:path),)+ }) => {
        /// What a worker does with a payload.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Effect {
            $($usual($usual_effect),)+
            $($other($other_effect),)+
        }

        impl Effect {
            /// Lets an event act; whether that may have changed something that the pass is to see.
            #[inline]
            pub(crate) fn apply(self, setting: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) -> bool {
                match self {
                    $(Effect::$usual(effect) => effect.apply(setting, row, payload),)+
                    $(Effect::$other(_))|+ => {
                        self.apply_apart(setting, row, payload);
                        true
                    }
                }
            }

            /// The effects that are no part of the oldest queries, kept out of their way.
            #[inline(never)]
            fn apply_apart(self, setting: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) {
                match self {
                    $(Effect::$other(effect) => effect.apply(setting, row, payload),)+
                    $(Effect::$usual(_))|+ => unreachable!("it is applied where it comes"),
                }
            }
        }
    };
}

effects! {
    usual {
        Latest(hold::latest::OnPayload),
        HasExisted(hold::has_existed::OnMatch),
        HasExistedWithin(hold::has_existed_within::OnMatch),
        End(EndEffect),
    }
    others {
        Gather(GatherEffect),
        Note(NoteEffect),
        OfUser(UserEffect),
        TimeSince(accrue::time_since::OnMatch),
        Count(gather::count::OnMatch),
        CountWithin(gather::count_within::OnMatch),
        First(gather::first::OnPayload),
        Previous(gather::previous::OnPayload),
        IsNew(gather::is_new::OnPayload),
        Sum(gather::sum::OnPayload),
        Extreme(gather::extreme::OnPayload),
        Slant(accrue::slant::OnPayload),
    }
}

/// A part of an operator that is an input, or several.
trait InputPart {
    fn read(&self, all: &mut Vec<NodeId>);
    fn change<'a>(&'a mut self, all: &mut Vec<&'a mut NodeId>);
}

impl InputPart for NodeId {
    fn read(&self, all: &mut Vec<NodeId>) {
        all.push(*self);
    }

    fn change<'a>(&'a mut self, all: &mut Vec<&'a mut NodeId>) {
        all.push(self);
    }
}

impl InputPart for Option<NodeId> {
    fn read(&self, all: &mut Vec<NodeId>) {
        all.extend(self);
    }

    fn change<'a>(&'a mut self, all: &mut Vec<&'a mut NodeId>) {
        all.extend(self);
    }
}

impl InputPart for Vec<NodeId> {
    fn read(&self, all: &mut Vec<NodeId>) {
        all.extend(self);
    }

    fn change<'a>(&'a mut self, all: &mut Vec<&'a mut NodeId>) {
        all.extend(self);
    }
}

/// What is noted of a record that may be behind an event: its rank, where records make the event the payload, and the columns
/// that are asked for.
fn note(event: NodeId, asked: &EventExpr) -> Vec<KeptWord> {
    let columns = asked.columns();
    let columns = (0..64u8)
        .filter(|column| columns >> column & 1 == 1)
        .map(|column| KeptWord::Column(crate::plan::ColumnId(column)));
    [KeptWord::Rank, KeptWord::Payload(event)].into_iter().chain(columns).collect()
}
