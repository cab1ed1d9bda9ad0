//! What a program names and does not hold itself: modules of user operators, and the rows of tables. Who gives them, and why
//! one cannot be had.
//!
//! The front end reads no files and knows no WebAssembly: its caller gives it a [`Modules`].

use std::sync::Arc;
use timeline_core::plan::{
    Csv, FieldPath, LookupTable, Operate, OperatorFault, SourceColumn, TableRow, TableShape, TimeUnit, UserOperator,
};
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

/// What a program says of a table: `table tariff from "tariff.csv" { key zone  from at in s  price: float }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredTable {
    /// What the program calls it.
    pub name: String,
    /// The file of its rows, or a `data:` address with the bytes themselves.
    pub file: String,
    /// The columns of its key; of every one a row has a value.
    pub key: Vec<SourceColumn>,
    /// The columns that it says.
    pub columns: Vec<SourceColumn>,
    /// The field with a row's first instant.
    pub from: Option<FieldPath>,
    /// The field with the first instant behind a row.
    pub until: Option<FieldPath>,
    /// How both are written.
    pub unit: TimeUnit,
    /// How CSV is written, as far as that is said.
    pub csv: Csv,
}

impl DeclaredTable {
    /// What its rows make.
    pub fn shape(&self) -> TableShape {
        let of = |columns: &[SourceColumn]| columns.iter().map(|column| (column.name.clone(), column.ty)).collect();
        TableShape { name: self.name.clone(), key: of(&self.key), columns: of(&self.columns) }
    }
}

/// Why the rows of a table cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableProblem {
    /// The file cannot be read.
    Unreadable,
    /// There is too much of it.
    TooLarge,
    /// It has no column that is declared.
    Columns,
    /// A row that cannot be read.
    Row,
    /// Two rows of one key speak of one instant.
    Overlap,
    /// Nobody here reads tables.
    Unsupported,
}

/// Rows of a table that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    /// What kind of trouble it is.
    pub problem: TableProblem,
    /// What is wrong, with its place in the file.
    pub message: String,
    /// What to do.
    pub help: String,
    /// The field that it is about, as the declaration names it, if it is about one.
    pub field: Option<String>,
}

/// Gives operators and tables for declarations.
pub trait Modules {
    /// The operator; `program` is the name of the program that declares it, from which files are found.
    fn operator(&self, program: &str, declared: &Declared) -> Result<Arc<UserOperator>, ModuleError>;

    /// The rows of a table; `program` likewise. Boxed, for an error has much to say.
    fn table(&self, program: &str, declared: &DeclaredTable) -> Result<Arc<LookupTable>, Box<TableError>> {
        let _ = program;
        Err(Box::new(TableError {
            problem: TableProblem::Unsupported,
            message: format!("the rows of `{}` cannot be read here", declared.name),
            help: "compile the program with the command `timeline`, which reads the file".into(),
            field: None,
        }))
    }
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

    fn table(&self, _: &str, declared: &DeclaredTable) -> Result<Arc<LookupTable>, Box<TableError>> {
        let value = |column: &SourceColumn| match column.ty {
            Type::String => Value::text(""),
            Type::Float => Value::Float(0.0),
            Type::Int => Value::Int(0),
            Type::Bool => Value::Bool(false),
        };
        // One row, so that whether it turns by time is told.
        let row = TableRow {
            key: declared.key.iter().map(value).collect(),
            from: declared.from.as_ref().map(|_| 0),
            until: declared.until.as_ref().map(|_| 1),
            cells: vec![None; declared.columns.len()],
        };
        let table = LookupTable::new(declared.shape(), [row]);
        Ok(Arc::new(table.expect("one row begins before it ends, and overlaps none")))
    }
}

#[derive(Debug)]
struct NeverRun(Vec<u8>);

impl Operate for NeverRun {
    fn initial(&self) -> &[u8] {
        &self.0
    }

    fn apply(&self, _: Time, _: &[Value], _: &mut [u8]) -> Result<Option<Value>, OperatorFault> {
        Err(OperatorFault::Trap)
    }
}
