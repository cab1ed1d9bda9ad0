//! What a question is, before anything is asked of the processor for it.

use super::StatementTask;
use super::bounds::{NESTING_MAX, check_length, check_tokens};
use super::catalog::rewrite;
use super::code::QueryCode;
use super::error::cleaned;
use super::lists::put_together;
use super::parameters::{put_in, typed};
use super::passed_over::{check_clauses, check_shown, check_versions};
use super::words::{cast_exponents, number_marks, quote_names};
use super::work::{CATALOG, QuestionRequest, SCHEMA};
use crate::engine::EngineError;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::TableReference;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::Statement as Ast;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;

/// A statement that only reads.
pub(super) enum ReadStatement {
    /// `SHOW TABLES`.
    Tables,
    /// `DESCRIBE`, of a table.
    Describe(String),
    /// A query, what it reads, and the types that it says its parameters have, if these are to be described.
    Query { statement: Box<Statement>, reads: Vec<TableReference>, parameters: Vec<Option<DataType>> },
}

/// Reads one statement; [`EngineError::Invalid`] if it is none, more than one, or no query.
pub(super) fn parse(asked: &QuestionRequest) -> Result<ReadStatement, EngineError> {
    let QuestionRequest { sql, known, task, .. } = asked;
    check_length(sql)?;
    let dialect = GenericDialect {};
    let mut tokens = Tokenizer::new(&dialect, sql)
        .tokenize_with_location()
        .map_err(|error| EngineError::invalid(format!("SQL: {error}")))?;
    check_tokens(&tokens)?;
    check_versions(&tokens)?;
    quote_names(&mut tokens);
    number_marks(&mut tokens);
    let tokens = cast_exponents(tokens);
    let parser = DFParserBuilder::new(tokens).with_dialect(&dialect).with_recursion_limit(NESTING_MAX * 2).build();
    let mut statements = parser.and_then(|mut parser| parser.parse_statements()).map_err(cleaned)?;
    let mut statement =
        statements.pop_front().ok_or_else(|| EngineError::invalid("there is no SQL in the question"))?;
    if !statements.is_empty() {
        return Err(EngineError::invalid("one statement at a time: this is more than one"));
    }
    if !is_query(&statement) {
        let word = sql.split_whitespace().next().unwrap_or_default().to_uppercase();
        return Err(QueryCode::OnlyRead.error(format!("`{word}` is refused")));
    }
    check_shown(&statement)?;
    if matches!(&statement, Statement::Statement(ast) if matches!(**ast, Ast::ShowTables { .. })) {
        return Ok(ReadStatement::Tables);
    }
    if let Some(name) = described(&statement) {
        return Ok(ReadStatement::Describe(name));
    }
    let parameters = match task {
        StatementTask::Rows(values) => put_in(&mut statement, values).map(|()| vec![])?,
        StatementTask::Columns(known) => typed(&mut statement, known)?,
    };
    rewrite(&mut statement, known);
    put_together(&mut statement);
    check_clauses(&statement)?;
    let (reads, _) = resolve_table_references(&statement, false).map_err(cleaned)?;
    Ok(ReadStatement::Query { statement: Box::new(statement), reads, parameters })
}

/// The table that a statement asks the columns of.
fn described(statement: &Statement) -> Option<String> {
    let Statement::Statement(ast) = statement else { return None };
    let name = match &**ast {
        Ast::ExplainTable { table_name, .. } => table_name,
        Ast::ShowColumns { show_options, .. } => show_options.show_in.as_ref()?.parent_name.as_ref()?,
        _ => return None,
    };
    let parts: Option<Vec<&str>> =
        name.0.iter().map(|part| part.as_ident().map(|ident| ident.value.as_str())).collect();
    // Of another schema there is no table, whatever it is called.
    match parts?.as_slice() {
        [SCHEMA, table] | [CATALOG, SCHEMA, table] => Some((*table).to_owned()),
        parts => Some(parts.join(".")),
    }
}

fn is_query(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(ast) => matches!(
            **ast,
            Ast::Query(_)
                | Ast::ExplainTable { .. }
                | Ast::ShowTables { .. }
                | Ast::ShowColumns { .. }
                | Ast::ShowFunctions { .. }
        ),
        Statement::Explain(explain) => is_query(&explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    }
}
