//! What programs of these tests name: tables and modules whose names say what is the matter with them.

use std::sync::Arc;
use timeline_core::Type;
use timeline_core::Value;
use timeline_core::plan::{LookupTable, SourceColumn, TableRow, UserOperator};
use timeline_dsl::{Declared, DeclaredTable, ModuleError, ModuleProblem, Modules, TableError, TableProblem};

/// Gives tables of one row, and no module.
pub(crate) struct Given;

impl Modules for Given {
    fn operator(&self, _: &str, declared: &Declared) -> Result<Arc<UserOperator>, ModuleError> {
        let problem = match declared.from.as_str() {
            "missing.wasm" => ModuleProblem::Unreadable,
            "clock.wasm" => ModuleProblem::Unfit,
            "other.wasm" => ModuleProblem::Signature,
            _ => ModuleProblem::Unsupported,
        };
        Err(ModuleError { problem, message: "no".into(), help: "another one".into() })
    }

    fn table(&self, _: &str, declared: &DeclaredTable) -> Result<Arc<LookupTable>, Box<TableError>> {
        let (problem, message, field) = match declared.file.as_str() {
            "missing.csv" => (TableProblem::Unreadable, "cannot read missing.csv: No such file or directory", None),
            "large.csv" => (TableProblem::TooLarge, "a table has at most 64 MiB, large.csv has 80000000 bytes", None),
            "other.csv" => (TableProblem::Columns, "other.csv has no column `price`", Some("price")),
            "broken.csv" => (
                TableProblem::Row,
                "broken.csv: line 3: `price` is other text where a float is expected",
                Some("price"),
            ),
            "twice.csv" => {
                (TableProblem::Overlap, "twice.csv: line 2 and line 3 both speak of `north` at one instant", None)
            }
            "nobody.csv" => (TableProblem::Unsupported, "the rows of `tariff` cannot be read here", None),
            _ => return Ok(Arc::new(of_one_row(declared))),
        };
        let field = field.map(str::to_owned);
        Err(Box::new(TableError { problem, message: message.into(), help: "another one".into(), field }))
    }
}

fn of_one_row(declared: &DeclaredTable) -> LookupTable {
    let value = |column: &SourceColumn| match column.ty {
        Type::String => Value::text("north"),
        Type::Float => Value::Float(0.5),
        Type::Int => Value::Int(1),
        Type::Bool => Value::Bool(true),
    };
    let row = TableRow {
        key: declared.key.iter().map(value).collect(),
        from: declared.from.as_ref().map(|_| 0),
        until: declared.until.as_ref().map(|_| 1),
        cells: declared.columns.iter().map(|column| Some(value(column))).collect(),
    };
    LookupTable::new(declared.shape(), [row]).expect("one row overlaps none")
}
