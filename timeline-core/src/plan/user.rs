//! Operators that users bring: a signature, the digest of a module, and whoever runs it.
//!
//! The crate knows no WebAssembly: a plan carries a trait object that its maker gave, and both evaluators call it.
//!
//! # Contract of [`Operate`]
//!
//! 1. [`Operate::apply`] is a function of its arguments and the state alone: no clock, no chance, nothing kept between calls.
//! 2. It ends, whatever the module does, and never panics for what the module does.
//! 3. [`Operate::initial`] has [`UserOperator::state_bytes`] bytes, and so has every state that `apply` is given.
//!
//! **Invariant:** identity is the digest and the signature, never the name: two programs that bring one module share a node,
//! and a changed module is another definition.

use crate::{Time, Type, Value};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The most bytes of state that a user operator keeps for a session.
pub const MAX_STATE_BYTES: u32 = 4096;

/// The most parameters of a user operator.
pub const MAX_PARAMETERS: usize = 16;

/// Runs a user operator's module; see the contract of the module.
pub trait Operate: fmt::Debug + Send + Sync {
    /// The state of a session that has had no event.
    fn initial(&self) -> &[u8];

    /// What the operator says from an event on, `None` for nothing; `state` is that before the event and becomes that after it.
    fn apply(&self, time: Time, arguments: &[Value], state: &mut [u8]) -> Result<Option<Value>, OperatorFault>;
}

/// Why an operator failed in a session, of which it says nothing from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum OperatorFault {
    /// It did more than one event may cost.
    #[error("it used up its fuel")]
    Fuel,
    /// It asked for more memory than it may have.
    #[error("it asked for more memory than it may have")]
    Memory,
    /// It called itself too deeply.
    #[error("its stack overflowed")]
    Stack,
    /// It trapped: a division by zero, an access outside of its memory, `unreachable`.
    #[error("it trapped")]
    Trap,
    /// Its result is no value: an infinity, or a truth value other than 0, 1 and 2.
    #[error("its result is no value")]
    Result,
}

/// A user operator with its signature.
#[derive(Clone, Debug)]
pub struct UserOperator {
    /// What the program calls it.
    pub name: String,
    /// The digest of its module.
    pub module: [u8; 32],
    /// The types of its arguments; no texts.
    pub parameters: Vec<Type>,
    /// The type of what it says; no text.
    pub result: Type,
    /// How many bytes it keeps for a session; at most [`MAX_STATE_BYTES`].
    pub state_bytes: u32,
    /// What runs it.
    pub code: Arc<dyn Operate>,
}

impl UserOperator {
    /// Whether it takes a value of that type as its `n`th argument; whole numbers serve as floats.
    pub fn takes(&self, n: usize, ty: Type) -> bool {
        let wanted = self.parameters.get(n).copied();
        wanted == Some(ty) || (wanted, ty) == (Some(Type::Float), Type::Int)
    }

    /// Applies it to the values of an event.
    pub fn call(
        &self,
        time: Time,
        mut arguments: Vec<Value>,
        state: &mut [u8],
    ) -> Result<Option<Value>, OperatorFault> {
        for (argument, wanted) in arguments.iter_mut().zip(&self.parameters) {
            if let (Value::Int(x), Type::Float) = (&*argument, wanted) {
                *argument = Value::Float(*x as f64);
            }
        }
        match self.code.apply(time, &arguments, state)? {
            Some(Value::Float(x)) if x.is_infinite() => Err(OperatorFault::Result),
            Some(Value::Float(x)) => Ok((!x.is_nan()).then_some(Value::Float(x + 0.0))),
            // The least integer is the word of absence.
            Some(Value::Int(i64::MIN)) => Ok(None),
            value => Ok(value),
        }
    }

    /// The digest as people see it: 16 hexadecimal digits.
    pub fn short_digest(&self) -> String {
        self.module[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What two operators of one meaning have in common.
    fn identity(&self) -> (&[u8; 32], &[Type], Type, u32) {
        (&self.module, &self.parameters, self.result, self.state_bytes)
    }
}

impl PartialEq for UserOperator {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for UserOperator {}

impl Hash for UserOperator {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}
