//! A user operator that needs no module: it adds and counts, has nothing to say at times, and fails at last.

use std::sync::Arc;
use timeline_core::plan::{Operate, OperatorFault, UserOperator};
use timeline_core::{Time, Type, Value};

#[derive(Debug)]
struct Adding;

/// Not a whole number of words.
const STATE_BYTES: usize = 12;

impl Operate for Adding {
    fn initial(&self) -> &[u8] {
        // It begins at a sum of 3.
        &[3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    }

    fn apply(&self, time: Time, arguments: &[Value], state: &mut [u8]) -> Result<Option<Value>, OperatorFault> {
        assert_eq!(state.len(), STATE_BYTES);
        let mut sum = i64::from_le_bytes(state[..8].try_into().expect("so many bytes are kept"));
        let count = u32::from_le_bytes(state[8..].try_into().expect("so many bytes are kept")) + 1;
        for argument in arguments {
            sum = sum.wrapping_mul(3).wrapping_add(match argument {
                Value::Float(x) => *x as i64,
                Value::Int(x) => x % 1000,
                Value::Bool(x) => i64::from(*x),
                Value::Str(_) => unreachable!("no user operator takes texts"),
            });
        }
        sum = (sum + time % 2) % 1000;
        state[..8].copy_from_slice(&sum.to_le_bytes());
        state[8..].copy_from_slice(&count.to_le_bytes());
        match (sum.rem_euclid(11), sum.rem_euclid(5)) {
            (0, _) => Err(OperatorFault::Trap),
            (_, 0) => Ok(None),
            _ => Ok(Some(Value::Int(sum + i64::from(count)))),
        }
    }
}

/// One that takes such values.
pub(crate) fn operator(parameters: Vec<Type>) -> Arc<UserOperator> {
    Arc::new(UserOperator {
        name: "adding".into(),
        module: [7; 32],
        parameters,
        result: Type::Int,
        state_bytes: STATE_BYTES as u32,
        code: Arc::new(Adding),
    })
}
