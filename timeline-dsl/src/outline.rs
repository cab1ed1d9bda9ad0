//! What a text declares, as far as it can be read: sources with their columns, and definitions.
//!
//! Editors and tests ask for it while the text still has mistakes, so nothing here is checked: a column of an unreadable
//! type is a column, and a name that is defined twice stands there twice.

use crate::diagnostics::Diagnostics;
use crate::parser;
use crate::syntax::{ClauseKind, Definition, FieldName, Item, OperatorItem, Span, TableItem};
use timeline_core::Type;
use timeline_core::plan::FieldPath;

/// The declarations of a text, in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outline {
    /// The sources.
    pub sources: Vec<SourceOutline>,
    /// The definitions.
    pub definitions: Vec<DefinitionOutline>,
    /// The tables that it names.
    pub tables: Vec<TableOutline>,
    /// The user operators that it brings.
    pub operators: Vec<OperatorOutline>,
}

/// A declared source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceOutline {
    /// Its name.
    pub name: String,
    /// From `source` to its name.
    pub span: Span,
    /// Fields that no column stands for, though the source reads them: of the key, the time and the order.
    pub fields: Vec<FieldPath>,
    /// Its columns.
    pub columns: Vec<ColumnOutline>,
}

/// A declared column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnOutline {
    /// Its name.
    pub name: String,
    /// Its type, if that can be read.
    pub ty: Option<Type>,
    /// Where it stands in a record.
    pub path: FieldPath,
    /// The declaration.
    pub span: Span,
}

/// A declared table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableOutline {
    /// Its name.
    pub name: String,
    /// From `table` to its file.
    pub span: Span,
    /// The columns of its key, as they are written.
    pub key: Vec<String>,
    /// Its columns.
    pub columns: Vec<ColumnOutline>,
    /// The file of its rows.
    pub file: String,
    /// The place of the file, quotes included.
    pub file_span: Span,
}

/// A declared user operator.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorOutline {
    /// Its name.
    pub name: String,
    /// `ewma(x: float): float`.
    pub form: String,
    /// Its module.
    pub from: String,
    /// The place of the module, quotes included.
    pub from_span: Span,
}

/// A `let`, `metric` or `alert`.
#[derive(Clone, Debug, PartialEq)]
pub struct DefinitionOutline {
    /// `let`, `metric` or `alert`.
    pub what: &'static str,
    /// Its name.
    pub name: String,
    /// The place of the name.
    pub name_span: Span,
    /// The place of its expression.
    pub value: Span,
    /// The whole definition.
    pub span: Span,
}

/// Reads a text that is no bare expression.
pub fn outline(text: &str) -> Outline {
    let mut outline = Outline::default();
    for item in parser::parse(0, text, &mut Diagnostics::default()).items {
        match item {
            Item::Source(source) => {
                let mut found =
                    SourceOutline { name: source.name.text, span: source.span, fields: vec![], columns: vec![] };
                for clause in source.clauses {
                    found.clause(clause.kind, clause.span);
                }
                outline.sources.push(found);
            }
            Item::Table(table) => outline.tables.push(table_outline(table)),
            Item::Operator(operator) => outline.operators.push(declared(operator)),
            Item::Let(d) => outline.definitions.push(definition("let", d)),
            Item::Metric(d) => outline.definitions.push(definition("metric", d)),
            Item::Alert(d) => outline.definitions.push(definition("alert", d)),
        }
    }
    outline
}

impl SourceOutline {
    fn clause(&mut self, kind: ClauseKind, span: Span) {
        let path = |field: FieldName| FieldPath(field.members);
        match kind {
            ClauseKind::Key(parts) => self.fields.extend(parts.into_iter().map(|part| path(part.field))),
            ClauseKind::Time { field, .. } => self.fields.push(path(field)),
            ClauseKind::Order(field) => self.fields.push(path(field)),
            ClauseKind::Column { name, ty, from, .. } => {
                let path = from.map_or_else(|| FieldPath::name(&name.text), path);
                self.columns.push(ColumnOutline { name: name.text, ty, path, span });
            }
            _ => {}
        }
    }
}

fn table_outline(table: TableItem) -> TableOutline {
    let mut found = SourceOutline { name: table.name.text, span: table.span, fields: vec![], columns: vec![] };
    table.clauses.into_iter().for_each(|clause| found.clause(clause.kind, clause.span));
    let SourceOutline { name, span, fields, columns } = found;
    let key = fields.iter().map(FieldPath::dotted).collect();
    TableOutline { name, span, key, columns, file: table.file.text, file_span: table.file.span }
}

fn declared(operator: OperatorItem) -> OperatorOutline {
    let name = |ty: Option<Type>| ty.map_or("?", Type::name);
    let parameters: Vec<String> =
        operator.parameters.iter().map(|(parameter, (ty, _))| format!("{}: {}", parameter.text, name(*ty))).collect();
    OperatorOutline {
        form: format!("{}({}): {}", operator.name.text, parameters.join(", "), name(operator.result.0)),
        name: operator.name.text,
        from: operator.from,
        from_span: operator.from_span,
    }
}

fn definition(what: &'static str, d: Definition) -> DefinitionOutline {
    DefinitionOutline { what, name: d.name.text, name_span: d.name.span, value: d.value.span, span: d.span }
}
