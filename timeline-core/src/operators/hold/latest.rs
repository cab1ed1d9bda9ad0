//! `latest(e)`: the payload of the last event, with a `ttl` for so long.

use crate::Time;
use crate::incremental::parts::{
    ABSENT, Bool, Compiling, Effect, EffectContext, Instruction, NEVER, Pass, Row, put, truth, write,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId, ttl: Option<Time>) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "latest",
        form: Notation::Own,
        parameters: vec![Parameter::Ttl(ttl)],
        takes: CountedEvents::All,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: ttl.map_or(Timer::Never, Timer::After),
        due: ttl.map_or(DeadlineSlot::Never, |_| DeadlineSlot::Word(1)),
        memory: MemoryClass::Constant,
        words: std::iter::once(KeptWord::Value(of)).chain(ttl.map(|_| KeptWord::Due)).collect(),
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, _ttl: Option<Time>, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Event(ty)] => Some(TimelineKind::State(*ty)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, ttl: Option<Time>, to: &mut Compiling<'_>) -> Instruction {
    let effect = Effect::Latest(OnPayload { at: to.at(), ttl });
    Instruction::Latest(Step { columns: to.read(of, effect), at: to.at(), out: to.truth(), ttl: ttl.is_some() })
}

/// An event says what is in force from now on. Words: the value, and with a `ttl` until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnPayload {
    at: usize,
    ttl: Option<Time>,
}

impl OnPayload {
    #[inline(always)]
    pub(crate) fn apply(self, setting: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) -> bool {
        let mut changed = write(row, self.at, payload);
        if let Some(ttl) = self.ttl {
            let until = if payload == ABSENT { NEVER } else { setting.time.saturating_add(ttl) };
            changed |= write(row, self.at + 1, until as u64);
        }
        changed
    }
}

/// Events wrote the value; `out` for truth values, `ttl` where a value ends.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) columns: u64,
    pub(crate) at: usize,
    pub(crate) out: Option<Bool>,
    pub(crate) ttl: bool,
}

impl Step {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { columns, at, out, ttl } = self;
        let expired = *ttl && row.words[at + 1] as Time <= pass.now;
        if expired {
            row.words[*at] = ABSENT;
            row.words[at + 1] = NEVER as u64;
        }
        // Events that are made in this pass have said so already.
        let changed = expired || columns & pass.pending != 0 || pass.is_acted_on();
        if let (true, Some(out)) = (changed, out) {
            let value = if row.words[*at] == ABSENT { truth::ABSENT } else { row.words[*at] };
            return put(row, *out, value);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn a_value_ends_with_its_time_to_live() {
        check(|p| Op::Latest { of: p.event('n'), ttl: Some(2) }, "0: n=1; 1: n=2; 5: n=", "1 2 2 - - -");
    }

    #[test]
    fn a_null_makes_it_absent() {
        check(|p| Op::Latest { of: p.event('b'), ttl: None }, "0: b; 1: !b; 2: b=", "true false - -");
    }
}
