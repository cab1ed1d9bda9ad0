//! Modules of user operators: who gives them, and why one cannot be had.
//!
//! The front end reads no files and knows no WebAssembly: its caller gives it a [`Modules`].

use std::sync::Arc;
use timeline_core::plan::{Fault, Operate, UserOperator};
use timeline_core::{Time, Type, Value};

/// What a program says of a user operator: `operator ewma(x: float): float state 16 from "ewma.wasm"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// What the program calls it.
    pub name: String,
    /// The types of its arguments.
    pub parameters: Vec<Type>,
    /// The type of what it says.
    pub result: Type,
    /// How many bytes it keeps for a session.
    pub state_bytes: u32,
    /// Its module: a file, or `data:application/wasm;base64,...` with the bytes themselves.
    pub from: String,
}

/// Why a module cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleProblem {
    /// It cannot be read.
    Unreadable,
    /// It is no module that can be an operator: malformed, too large, with imports.
    Unfit,
    /// Its exports are not those of the declaration.
    Signature,
    /// Nobody here runs modules.
    Unsupported,
}

/// A module that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleError {
    /// What kind of trouble it is.
    pub problem: ModuleProblem,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Gives operators for declarations.
pub trait Modules {
    /// The operator; `program` is the name of the program that declares it, from which files are found.
    fn operator(&self, program: &str, declared: &Declared) -> Result<Arc<UserOperator>, ModuleError>;
}

/// Nobody runs modules.
#[derive(Clone, Copy, Debug)]
pub struct NoModules;

impl Modules for NoModules {
    fn operator(&self, _: &str, _: &Declared) -> Result<Arc<UserOperator>, ModuleError> {
        Err(ModuleError {
            problem: ModuleProblem::Unsupported,
            message: "user operators cannot be run here".into(),
            help: "use a build of `timeline` with the feature `wasm`, which is one of its default features".into(),
        })
    }
}

/// Takes every declaration at its word: for those who ask what expressions are, and run nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trusting;

impl Modules for Trusting {
    fn operator(&self, _: &str, declared: &Declared) -> Result<Arc<UserOperator>, ModuleError> {
        Ok(Arc::new(UserOperator {
            name: declared.name.clone(),
            module: [0; 32],
            parameters: declared.parameters.clone(),
            result: declared.result,
            state_bytes: declared.state_bytes,
            code: Arc::new(NeverRun(vec![0; declared.state_bytes as usize])),
        }))
    }
}

#[derive(Debug)]
struct NeverRun(Vec<u8>);

impl Operate for NeverRun {
    fn initial(&self) -> &[u8] {
        &self.0
    }

    fn apply(&self, _: Time, _: &[Value], _: &mut [u8]) -> Result<Option<Value>, Fault> {
        Err(Fault::Trap)
    }
}
