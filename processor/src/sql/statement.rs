//! What a question is, before anything is asked of the processor for it.

use super::bounds::{NESTING_MAX, check_length, check_tokens};
use super::code::Code;
use super::error::cleaned;
use super::words::{cast_exponents, quote_names};
use crate::engine::EngineError;
use datafusion::common::TableReference;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::Statement as Ast;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;

/// A statement that only reads.
pub(super) enum Question {
    /// `SHOW TABLES`.
    Tables,
    /// A query, and what it reads.
    Query { statement: Box<Statement>, reads: Vec<TableReference> },
}

/// Reads one statement; [`EngineError::Invalid`] if it is none, more than one, or no query.
pub(super) fn parse(sql: &str) -> Result<Question, EngineError> {
    check_length(sql)?;
    let dialect = GenericDialect {};
    let mut tokens = Tokenizer::new(&dialect, sql)
        .tokenize_with_location()
        .map_err(|error| EngineError::invalid(format!("SQL: {error}")))?;
    check_tokens(&tokens)?;
    quote_names(&mut tokens);
    let tokens = cast_exponents(tokens);
    let parser = DFParserBuilder::new(tokens).with_dialect(&dialect).with_recursion_limit(NESTING_MAX * 2).build();
    let mut statements = parser.and_then(|mut parser| parser.parse_statements()).map_err(cleaned)?;
    let statement = statements.pop_front().ok_or_else(|| EngineError::invalid("there is no SQL in the question"))?;
    if !statements.is_empty() {
        return Err(EngineError::invalid("one statement at a time: this is more than one"));
    }
    if !is_query(&statement) {
        let word = sql.split_whitespace().next().unwrap_or_default().to_uppercase();
        return Err(Code::OnlyRead.error(format!("`{word}` is refused")));
    }
    if matches!(&statement, Statement::Statement(ast) if matches!(**ast, Ast::ShowTables { .. })) {
        return Ok(Question::Tables);
    }
    let (reads, _) = resolve_table_references(&statement, false).map_err(cleaned)?;
    Ok(Question::Query { statement: Box::new(statement), reads })
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
