//! User operators: what a record does to the words of one.
//!
//! So a checkpoint has the state of every user operator without knowing of any.

use super::PackedEvent;
use super::dictionary::Dictionary;
use super::expression::Expression;
use super::row::{ABSENT, Row};
use super::{value_of, word_of};
use crate::plan::{NodeId, OperatorFault, UserOperator};
use crate::{Type, Value};
use std::sync::Arc;

/// Words before the state.
pub(crate) const HEAD_WORDS: usize = 2;

/// A user operator in place.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub node: NodeId,
    pub at: usize,
    pub operator: Arc<UserOperator>,
    pub arguments: Vec<OperatorArgument>,
}

/// What an operator reads of a record.
#[derive(Clone, Debug)]
pub(crate) struct OperatorArgument {
    pub ty: Type,
    /// Without any of them the record is no event of the argument, whatever the expression would say.
    pub columns: u64,
    pub value: Expression,
}

/// A user operator that has failed in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorFailure {
    /// The node.
    pub node: NodeId,
    /// Why.
    pub fault: OperatorFault,
}

/// Words of a node that keeps so many bytes.
pub(crate) fn words(operator: &UserOperator) -> usize {
    HEAD_WORDS + (operator.state_bytes as usize).div_ceil(8)
}

/// Lets the operator see a record that has all its arguments, unless it has failed before.
#[inline(never)]
pub(crate) fn apply(
    user: &User,
    dictionary: &mut Dictionary,
    row: &mut Row<'_>,
    event: &PackedEvent<'_>,
    failures: &mut Vec<OperatorFailure>,
) {
    let (at, bytes) = (user.at, user.operator.state_bytes as usize);
    if row.words[at + 1] != 0 {
        return;
    }
    let mut arguments: Vec<Value> = Vec::with_capacity(user.arguments.len());
    for argument in &user.arguments {
        if argument.columns & event.present == 0 {
            return;
        }
        let word = argument.value.eval(event, dictionary);
        let Some(value) = value_of(word, argument.ty, dictionary) else { return };
        arguments.push(value);
    }
    let kept = at + HEAD_WORDS..at + words(&user.operator);
    let mut state: Vec<u8> = row.words[kept.clone()].iter().flat_map(|word| word.to_le_bytes()).collect();
    match user.operator.call(event.time, arguments, &mut state[..bytes]) {
        Ok(value) => {
            row.words[at] = value.map_or(ABSENT, |value| word_of(&value, dictionary));
            put(&state, &mut row.words[kept]);
        }
        Err(fault) => {
            row.words[at] = ABSENT;
            row.words[at + 1] = code(fault);
            failures.push(OperatorFailure { node: user.node, fault });
        }
    }
}

fn put(bytes: &[u8], words: &mut [u64]) {
    for (word, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
        let mut full = [0; 8];
        full[..chunk.len()].copy_from_slice(chunk);
        *word = u64::from_le_bytes(full);
    }
}

/// How a row says why an operator failed: part of the format of checkpoints.
fn code(fault: OperatorFault) -> u64 {
    match fault {
        OperatorFault::Fuel => 1,
        OperatorFault::Memory => 2,
        OperatorFault::Stack => 3,
        OperatorFault::Trap => 4,
        OperatorFault::Result => 5,
    }
}
