//! What straight lines between the values of an event enclose beyond steps: the half of `integral(linear(x), where b)` that
//! is known when a line ends.
//!
//! The other half is the integral of the last value: behind it a line is flat as long as nobody knows where it goes. So what
//! is known of an area at an instant never waits for an event, and each event puts right what the steps before it lacked.

use crate::incremental::parts::{
    ABSENT, Bool, Compiling, Effect, EffectContext, Instruction, NOT_SINCE, NumberReader, Pass, Row, keep, truth,
};
use crate::number::add_finite;
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer, Unit,
};
use crate::{Linear, Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId, over: Option<NodeId>) -> OperatorDescription<'static> {
    let moment = over.map(|_| [KeptWord::Since, KeptWord::Zero, KeptWord::Zero]);
    OperatorDescription {
        name: "slant",
        form: Notation::Own,
        parameters: vec![],
        takes: CountedEvents::All,
        moves: false,
        cumulative: Cumulative::Always,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: [KeptWord::Counted, KeptWord::Value(of), KeptWord::Zero]
            .into_iter()
            .chain(moment.into_iter().flatten())
            .collect(),
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, _over: Option<NodeId>, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Event(ty)] | [TimelineKind::Event(ty), TimelineKind::State(Type::Bool)] if ty.is_numeric() => {
            Some(TimelineKind::Number(Unit::Area))
        }
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, over: Option<NodeId>, to: &mut Compiling<'_>) -> Instruction {
    // What is counted is a float, and where it was is kept in as many words more and the instant.
    let counted = to.words() - if over.is_some() { 5 } else { 2 };
    let last = to.at() + counted;
    let said = OnPayload { at: to.at(), last, ty: to.payload(of), charged: counted > 2, is_part: over.is_some() };
    let columns = to.read(of, Effect::Slant(said));
    Instruction::Slant(Step { columns, over: over.map(|over| (to.n(over), to.bool(over))), last })
}

/// A payload ends a line, which began with the last one. `last` is that one's word, and its instant; where lines count only
/// in part, behind these are since when they do, and the moment of what counted before that (two words).
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnPayload {
    at: usize,
    last: usize,
    ty: Type,
    charged: bool,
    is_part: bool,
}

impl OnPayload {
    pub(crate) fn apply(self, setting: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) {
        let OnPayload { at, last, ty, charged, is_part } = self;
        if is_part {
            count_until(row.words, last, setting.time);
        }
        let before = std::mem::replace(&mut row.words[last], payload);
        let begun = std::mem::replace(&mut row.words[last + 1], setting.time as u64) as Time;
        let length = i128::from(setting.time) - i128::from(begun);
        let moment = if is_part { take_moment(row.words, last) } else { length.saturating_mul(length) };
        if payload == ABSENT || before == ABSENT || length == 0 {
            return;
        }
        let float = |word: u64| if ty == Type::Int { word as i64 as f64 } else { f64::from_bits(word) };
        let enclosed = enclosed(float(payload) - float(before), moment, length);
        if enclosed.is_finite() {
            keep(row, (at, 2), charged, setting.time);
            let sum = (f64::from_bits(row.words[at]), f64::from_bits(row.words[at + 1]));
            let (sum, rest) = add_finite(sum, enclosed);
            (row.words[at], row.words[at + 1]) = (sum.to_bits(), rest.to_bits());
        }
    }
}

/// What a line that goes up by so much encloses, where it counts: twice the sum of the instants that do, since it began.
fn enclosed(rise: f64, moment: i128, length: i128) -> f64 {
    if moment == length.saturating_mul(length) {
        // All of it, without what rounding a square would lose.
        return rise * length as f64 / 2.0;
    }
    rise * moment as f64 / (2 * length) as f64
}

/// Adds to the moment what counted up to an instant, from where on more may.
fn count_until(words: &mut [u64], last: usize, at: Time) {
    let since = words[last + 2] as Time;
    if since == NOT_SINCE {
        return;
    }
    let begun = i128::from(words[last + 1] as Time);
    let square = |at: Time| (i128::from(at) - begun).max(0).saturating_mul((i128::from(at) - begun).max(0));
    let moment = (i128::from(words[last + 4] as i64) << 64 | i128::from(words[last + 3])) + square(at) - square(since);
    (words[last + 3], words[last + 4]) = (moment as u64, (moment >> 64) as u64);
    words[last + 2] = at as u64;
}

/// The moment, which begins anew.
fn take_moment(words: &mut [u64], last: usize) -> i128 {
    let moment = i128::from(words[last + 4] as i64) << 64 | i128::from(words[last + 3]);
    (words[last + 3], words[last + 4]) = (0, 0);
    moment
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    columns: u64,
    over: Option<(u16, Bool)>,
    last: usize,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { columns, over, last } = *self;
        if let Some((on, over)) = over
            && (pass.fresh || pass.is_dirty(on))
        {
            let counts = over.get(row.words) == truth::TRUE;
            count_until(row.words, last, pass.now);
            match (counts, row.words[last + 2] as Time == NOT_SINCE) {
                (true, true) => row.words[last + 2] = pass.now as u64,
                (false, false) => row.words[last + 2] = NOT_SINCE as u64,
                _ => {}
            }
        }
        columns & pass.pending != 0
    }
}

pub(crate) fn linear(_of: NodeId, _over: Option<NodeId>, from: NumberReader<'_>) -> Option<Linear> {
    let [value, rest] = [0, 1].map(|word| f64::from_bits(from.row.words[from.at + word]));
    Some(Linear::Float { value, rest, slope: 0.0 })
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn lines_go_from_value_to_value() {
        check(|p| Op::Slant { of: p.event('n'), over: None }, "0: n=2; 4: n=6; 5: n=1", "0 0 0 0 8 5.5");
    }

    #[test]
    fn what_a_line_encloses_is_charged_when_it_ends() {
        let op = |p: &mut crate::operators::testing::Bench| {
            let slant = Op::Slant { of: p.event('n'), over: None };
            Op::Split { of: p.add(slant), by: vec![p.state('s')], cap: 9 }
        };
        check(op, "0: n=2 s=a; 2: n=4 s=b; 4: n=8", "a=0 a=0 a=0,b=2 a=0,b=2 a=0,b=6");
    }

    #[test]
    fn no_line_goes_over_a_gap() {
        let op = |p: &mut crate::operators::testing::Bench| Op::Slant { of: p.event('x'), over: None };
        check(op, "0: x=2; 2: x=; 4: x=6; 4: x=1; 6: x=2", "0 0 0 0 0 0 1");
    }

    #[test]
    fn a_line_counts_where_the_condition_holds() {
        // From 0 to 8 it goes up by 8; of that [2, 6) counts: 16 of what is above the first value.
        let op = |p: &mut crate::operators::testing::Bench| Op::Slant { of: p.event('n'), over: Some(p.state('b')) };
        check(op, "0: n=0 !b; 2: b; 6: !b; 8: n=8; 10: n=6 b; 12: n=8", "0 0 0 0 0 0 0 0 16 16 16 16 18");
    }
}
