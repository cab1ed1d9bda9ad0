//! Operators that users bring: what a module says of the records so far.
//!
//! A record that has all arguments acts on the words of the node ([`crate::incremental`] calls the module): what it says; 0,
//! or why it failed in this session; and then its state, eight bytes to a word. So a checkpoint has the state of every user
//! operator without knowing of any.

use crate::Type;
use crate::incremental::ABSENT;
use crate::incremental::parts::{Compiling, Instruction};
use crate::operators::hold::latest;
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, Op, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer, UserOperator,
};
use std::sync::Arc;

pub(crate) mod meaning;

pub(crate) fn describe<'a>(operator: &'a UserOperator, _of: &[NodeId]) -> OperatorDescription<'a> {
    OperatorDescription {
        name: "user",
        form: Notation::Own,
        parameters: vec![Parameter::Operator(operator)],
        takes: CountedEvents::All,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Declared,
        words: words(operator),
        entry: None,
        asks_order: false,
        charges: None,
    }
}

/// What it says; 0, or why it failed in this session; and then its state.
fn words(operator: &UserOperator) -> Vec<KeptWord> {
    let state = operator.code.initial().chunks(8).map(|chunk| {
        let mut full = [0; 8];
        full[..chunk.len()].copy_from_slice(chunk);
        KeptWord::Given(u64::from_le_bytes(full))
    });
    [KeptWord::Given(ABSENT), KeptWord::Zero].into_iter().chain(state).collect()
}

pub(crate) fn kind(operator: &UserOperator, of: &[NodeId], made: &Made<'_>) -> Option<TimelineKind> {
    let is_record = |id: &NodeId| matches!(made.plan.node(*id).op, Op::Event(_));
    let fits = |(n, kind): (usize, &TimelineKind)| matches!(kind, TimelineKind::Event(ty) if operator.takes(n, *ty));
    let feeds = !of.is_empty()
        && of.len() == operator.parameters.len()
        && of.iter().all(is_record)
        && made.inputs.iter().enumerate().all(fits);
    feeds.then_some(TimelineKind::State(operator.result))
}

pub(crate) fn compile(operator: &Arc<UserOperator>, of: &[NodeId], to: &mut Compiling<'_>) -> Instruction {
    let out = (operator.result == Type::Bool).then(|| to.own_bool());
    Instruction::Latest(latest::Step { columns: to.user(operator, of), at: to.at(), out, ttl: false })
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::{Op, Operate, OperatorFault, UserOperator};
    use crate::{Time, Type, Value};
    use std::sync::Arc;

    /// Adds up what it has seen, and fails at 13.
    #[derive(Debug)]
    struct Sum;

    impl Operate for Sum {
        fn initial(&self) -> &[u8] {
            &[100, 0]
        }

        fn apply(&self, _: Time, arguments: &[Value], state: &mut [u8]) -> Result<Option<Value>, OperatorFault> {
            let [Value::Int(x)] = arguments else { return Ok(None) };
            if *x == 13 {
                return Err(OperatorFault::Trap);
            }
            state[0] += u8::try_from(*x).unwrap_or(0);
            Ok(Some(Value::Int(i64::from(state[0]))))
        }
    }

    #[test]
    fn its_state_is_kept_until_it_fails() {
        let operator = UserOperator {
            name: "sum".into(),
            module: [0; 32],
            parameters: vec![Type::Int],
            result: Type::Int,
            state_bytes: 2,
            code: Arc::new(Sum),
        };
        let op = |p: &mut crate::operators::testing::Bench| Op::User {
            operator: Arc::new(operator),
            of: vec![p.event('n')],
        };
        check(op, "0: b; 1: n=1; 2: n=; 3: n=2; 4: n=13; 5: n=1", "- 101 101 103 - -");
    }
}
