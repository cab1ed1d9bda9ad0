//! Clauses that the parser takes and the planner passes over: refused, for without a word the answer would be another one
//! than was asked for.
//!
//! The parser knows the clauses of many dialects, and the planner leaves out those that it does nothing with
//! (`TABLESAMPLE`, `FOR UPDATE`, `WITH ROLLUP`, `PREWHERE` ...), and so it does with what is said beside a call of a
//! function that cannot have it (`lower(x) FILTER (...)`, `corr(DISTINCT x, y)`).
//!
//! **Invariant:** what stands in a statement is part of its answer, or the statement is refused. Comments are no part of
//! it, those that other databases take for hints (`/*+ ... */`) included.

use super::code::QueryCode;
use crate::engine::EngineError;
use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef as Of, CharLengthUnits, CharacterLength, Cte, DataType, DuplicateTreatment, ExactNumberInfo, Expr,
    Function, FunctionArg, FunctionArgumentClause, FunctionArguments, GroupByExpr, LimitClause, NullTreatment,
    ObjectName, ObjectNamePart, Query, Select, SelectFlavor, SetExpr, SetOperator, SetQuantifier, ShowStatementOptions,
    Statement as Ast, TableAlias, TableFactor, Visit, Visitor, WindowType,
};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use std::ops::ControlFlow;

/// Where collations end that order as the bytes do, which is how texts are compared here.
const COLLATIONS: [&str; 5] = ["default", "c", "posix", "ucs_basic", "c.utf-8"];

/// Aggregates that the library calculates of all values though `DISTINCT` is said.
const NEVER_DISTINCT: [&str; 5] =
    ["corr", "approx_percentile", "approx_percentile_cont", "approx_percentile_cont_with_weight", "covar"];

/// Window functions that leave out rows without a value where that is said.
const IGNORE_NULLS: [&str; 5] = ["lag", "lead", "first_value", "last_value", "nth_value"];

type PassedOverClause = ControlFlow<EngineError>;

/// Refuses a text that asks for a version of a table, which the parser does not read.
pub(super) fn check_versions(tokens: &[TokenWithSpan]) -> Result<(), EngineError> {
    let words: Vec<&str> = tokens
        .iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .map(|token| match &token.token {
            Token::Word(word) if word.quote_style.is_none() => word.value.as_str(),
            _ => "",
        })
        .collect();
    let versions = ["SYSTEM_TIME", "SYSTEM_VERSION", "VERSION", "TIMESTAMP"];
    let is_version = |three: &[&str]| match three {
        [first, of, then] => {
            first.eq_ignore_ascii_case("FOR")
                && versions.iter().any(|known| of.eq_ignore_ascii_case(known))
                && then.eq_ignore_ascii_case("AS")
        }
        _ => false,
    };
    match words.windows(3).any(is_version) {
        true => Err(refused("FOR ... AS OF", NO_VERSIONS)),
        false => Ok(()),
    }
}

/// Whether a collation compares texts by their bytes, as is done here.
pub(super) fn is_bytewise(collation: &ObjectName) -> bool {
    let last = collation.0.last().map(|part| part.to_string().replace('"', "")).unwrap_or_default();
    COLLATIONS.contains(&last.to_ascii_lowercase().as_str())
}

/// Refuses a statement with a clause that nothing would be done with. What tools ask of `pg_catalog` is put otherwise
/// before, and collations that change nothing are gone.
pub(super) fn check_clauses(statement: &Statement) -> Result<(), EngineError> {
    match statement {
        Statement::Statement(ast) => done(ast.visit(&mut Clauses)),
        Statement::Explain(explain) => check_clauses(&explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => Ok(()),
    }
}

/// Refuses a statement that says of a call what its function does not heed; `state` knows the functions.
pub(super) fn check_calls(statement: &Statement, state: &SessionState) -> Result<(), EngineError> {
    match statement {
        Statement::Statement(ast) => done(ast.visit(&mut PassedOverCalls { state })),
        Statement::Explain(explain) => check_calls(&explain.statement, state),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => Ok(()),
    }
}

fn done(found: PassedOverClause) -> Result<(), EngineError> {
    match found {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn refused(clause: &str, instead: &str) -> EngineError {
    QueryCode::PassedOver.error(format!("`{clause}` is refused: {instead}"))
}

/// Goes on if there is no such clause.
fn unless(is_there: bool, clause: &str, instead: &str) -> PassedOverClause {
    match is_there {
        true => ControlFlow::Break(refused(clause, instead)),
        false => ControlFlow::Continue(()),
    }
}

const NO_VERSIONS: &str =
    "tables are those of now; `metric_at('NAME', TIMESTAMP '...')` is what a metric was at an instant of events";
const NO_LOCKS: &str = "nothing is written here, so nothing is locked";
const NO_SAMPLE: &str = "all rows would be read; `WHERE random() < 0.01` takes a hundredth of them";
const NO_ORDINALITY: &str = "rows have no numbers; write `row_number() OVER (ORDER BY ...)`";

/// Refuses a list of tables or columns that is bounded, for all of them would be listed.
pub(super) fn check_shown(statement: &Statement) -> Result<(), EngineError> {
    const TABLES: &str = "`SHOW TABLES` lists all; `SELECT table_name FROM information_schema.tables` can be bounded";
    const COLUMNS: &str = "`DESCRIBE NAME` lists all; `SELECT * FROM information_schema.columns` can be bounded";
    let Statement::Statement(ast) = statement else { return Ok(()) };
    let is_bounded = |options: &ShowStatementOptions| {
        options.starts_with.is_some()
            || options.limit.is_some()
            || options.limit_from.is_some()
            || options.filter_position.is_some()
    };
    match &**ast {
        Ast::ShowTables { terse, history, extended, full, external, show_options } => {
            let words = *terse || *history || *extended || *full || *external;
            let mut names = show_options.show_in.iter().filter_map(|place| place.parent_name.as_ref());
            if words || is_bounded(show_options) || names.any(|name| !is_public(name)) {
                return Err(refused("SHOW TABLES ...", TABLES));
            }
        }
        Ast::ShowColumns { extended, full, show_options } if *extended || *full || is_bounded(show_options) => {
            return Err(refused("SHOW COLUMNS ...", COLUMNS));
        }
        Ast::ExplainTable { hive_format: Some(format), .. } => {
            return Err(refused(&format!("DESCRIBE {format}"), COLUMNS));
        }
        _ => {}
    }
    Ok(())
}

/// Whether a name is that of our own schema.
fn is_public(name: &ObjectName) -> bool {
    let parts: Vec<&str> = name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.as_str()).collect();
    matches!(parts.as_slice(), ["public"] | ["timeline", "public"])
}

struct Clauses;

impl Visitor for Clauses {
    type Break = EngineError;

    fn pre_visit_query(&mut self, query: &Query) -> PassedOverClause {
        unless(!query.locks.is_empty(), "FOR UPDATE", NO_LOCKS)?;
        unless(
            query.for_clause.is_some(),
            "FOR XML, FOR JSON",
            "the format of an answer is said beside the statement",
        )?;
        unless(query.settings.is_some(), "SETTINGS", "a statement has no settings here")?;
        unless(query.format_clause.is_some(), "FORMAT", "the format of an answer is said beside the statement")?;
        unless(query.fetch.is_some(), "FETCH", "write `LIMIT`")?;
        let by_group = |limit: &LimitClause| match limit {
            LimitClause::LimitOffset { limit_by, .. } => !limit_by.is_empty(),
            LimitClause::OffsetCommaLimit { .. } => false,
        };
        let by_group = query.limit_clause.as_ref().is_some_and(by_group);
        unless(by_group, "LIMIT ... BY", "write `QUALIFY row_number() OVER (PARTITION BY ...) <= n`")?;
        let with = query.with.iter();
        with.filter(|with| with.recursive).flat_map(|with| &with.cte_tables).try_for_each(recursive)?;
        set_operations(&query.body)
    }

    fn pre_visit_select(&mut self, select: &Select) -> PassedOverClause {
        unless(select.top.is_some(), "TOP", "write `LIMIT`")?;
        unless(select.prewhere.is_some(), "PREWHERE", "write `WHERE`")?;
        unless(!select.connect_by.is_empty(), "CONNECT BY", "write `WITH RECURSIVE`")?;
        unless(!select.distribute_by.is_empty(), "DISTRIBUTE BY", "the order of rows is said by `ORDER BY`")?;
        unless(select.select_modifiers.is_some(), "SELECT modifiers", "leave them out")?;
        unless(select.value_table_mode.is_some(), "SELECT AS", "a row is its columns")?;
        unless(select.exclude.is_some(), "EXCLUDE", "write it behind the `*` that it is of")?;
        let is_bare = matches!(select.flavor, SelectFlavor::FromFirstNoSelect);
        unless(is_bare, "FROM", "without `SELECT` no column is asked for; write `SELECT * FROM`")?;
        let (GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers)) = &select.group_by;
        unless(!modifiers.is_empty(), "GROUP BY ... WITH", "write `GROUP BY ROLLUP (a, b)`, `CUBE` or `GROUPING SETS`")
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> PassedOverClause {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            } => {
                unless(version.is_some(), "AS OF", NO_VERSIONS)?;
                unless(sample.is_some(), "TABLESAMPLE", NO_SAMPLE)?;
                unless(!with_hints.is_empty(), "WITH (...) of a table", NO_LOCKS)?;
                unless(*with_ordinality, "WITH ORDINALITY", NO_ORDINALITY)?;
                unless(!partitions.is_empty(), "PARTITION (...)", "a table is read whole; write `WHERE`")?;
                unless(json_path.is_some(), "a path into a table", "tables have columns")?;
                unless(!index_hints.is_empty(), "USE INDEX", "there are no indexes")?;
                let settings = args.as_ref().is_some_and(|args| args.settings.is_some());
                unless(settings, "SETTINGS", "a function has no settings here")?;
                let is_qualified = args.is_some() && name.0.len() > 1 && !is_of_postgres(name);
                unless(is_qualified, &format!("{name}(...)"), "functions have no schema; write the last name alone")?;
                aliased(alias.as_ref())
            }
            TableFactor::Derived { sample, alias, .. } => {
                unless(sample.is_some(), "TABLESAMPLE", NO_SAMPLE)?;
                aliased(alias.as_ref())
            }
            TableFactor::Function { args, with_ordinality, alias, .. } => {
                unless(*with_ordinality, "WITH ORDINALITY", NO_ORDINALITY)?;
                let is_named = args.iter().any(|arg| !matches!(arg, FunctionArg::Unnamed(_)));
                unless(is_named, "name => value", "arguments of a table's function go by their order")?;
                aliased(alias.as_ref())
            }
            TableFactor::UNNEST { alias, .. } | TableFactor::NestedJoin { alias, .. } => aliased(alias.as_ref()),
            // The planner refuses what it does not know.
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> PassedOverClause {
        match expr {
            Expr::Collate { collation, .. } => {
                let instead = "texts are compared by their bytes, as \"C\" does";
                unless(!is_bytewise(collation), &format!("COLLATE {collation}"), instead)
            }
            // The library looks for the pattern anywhere in a text, and takes `%` and `_` for themselves.
            Expr::SimilarTo { .. } => {
                ControlFlow::Break(refused("SIMILAR TO", "write `~ '^(...)$'`, with `.*` for `%` and `.` for `_`"))
            }
            Expr::Cast { data_type, .. } => of_length(data_type),
            Expr::TypedString(typed) => match &typed.data_type {
                DataType::Varchar(Some(_)) => ControlFlow::Break(refused("VARCHAR(n) '...'", "write the text itself")),
                other => of_length(other),
            },
            Expr::Exists { subquery, .. } => {
                let skips = |limit: &LimitClause| match limit {
                    LimitClause::LimitOffset { offset, .. } => offset.is_some(),
                    LimitClause::OffsetCommaLimit { .. } => true,
                };
                let skips = subquery.limit_clause.as_ref().is_some_and(skips);
                unless(skips, "OFFSET in EXISTS", "count the rows: `(SELECT count(*) ...) > n`")
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Whether a name is of a schema that tools for PostgreSQL write, and that is taken off.
fn is_of_postgres(name: &ObjectName) -> bool {
    let is = |part: &ObjectNamePart| {
        let text = part.to_string().replace('"', "");
        text.eq_ignore_ascii_case("pg_catalog") || text.eq_ignore_ascii_case("information_schema")
    };
    name.0.len() == 2 && name.0.first().is_some_and(is)
}

/// Of a `WITH RECURSIVE` the planner takes what is put together, and nothing that stands behind it.
fn recursive(table: &Cte) -> PassedOverClause {
    let query = &table.query;
    let is_put_together = matches!(&*query.body, SetExpr::SetOperation { op: SetOperator::Union, .. });
    let bounded = query.limit_clause.is_some() || query.order_by.is_some() || query.fetch.is_some();
    unless(is_put_together && bounded, "ORDER BY and LIMIT in WITH RECURSIVE", "say them where the table is read")
}

/// `INTERSECT ALL` and `EXCEPT ALL`, of which the library makes others than SQL has.
fn set_operations(body: &SetExpr) -> PassedOverClause {
    let mut open = vec![body];
    while let Some(SetExpr::SetOperation { op, set_quantifier, left, right }) = open.pop() {
        let counts = matches!(op, SetOperator::Intersect | SetOperator::Except | SetOperator::Minus);
        let all = matches!(set_quantifier, SetQuantifier::All | SetQuantifier::AllByName);
        let instead = "rows that are there several times would be counted wrongly; number them with `row_number()`";
        unless(counts && all, &format!("{op} ALL"), instead)?;
        open.extend([&**left, &**right].into_iter().filter(|side| matches!(side, SetExpr::SetOperation { .. })));
    }
    ControlFlow::Continue(())
}

fn aliased(alias: Option<&TableAlias>) -> PassedOverClause {
    let Some(alias) = alias else { return ControlFlow::Continue(()) };
    let is_typed = alias.columns.iter().any(|column| column.data_type.is_some());
    unless(is_typed, "AS name (column type)", "write the names alone, and `CAST` where they are read")?;
    unless(alias.at.is_some(), "AS name AT index", NO_ORDINALITY)
}

/// Lengths of types that nothing is cut to.
fn of_length(ty: &DataType) -> PassedOverClause {
    match ty {
        DataType::Char(Some(_)) => {
            ControlFlow::Break(refused("CHAR(n)", "texts are not filled with blanks; write `VARCHAR(n)`"))
        }
        DataType::Varchar(Some(CharacterLength::IntegerLength { unit: Some(CharLengthUnits::Octets), .. })) => {
            ControlFlow::Break(refused("VARCHAR(n OCTETS)", "texts are cut to characters; write `VARCHAR(n)`"))
        }
        DataType::Float(ExactNumberInfo::Precision(_) | ExactNumberInfo::PrecisionAndScale(..)) => {
            ControlFlow::Break(refused("FLOAT(n)", "write `DOUBLE` or `REAL`"))
        }
        DataType::Array(Of::AngleBracket(inner) | Of::SquareBracket(inner, _) | Of::Parenthesis(inner)) => {
            let is_cut = matches!(&**inner, DataType::Varchar(Some(_)));
            unless(is_cut, "VARCHAR(n)[]", "cut the texts with `left(text, n)`")?;
            of_length(inner)
        }
        _ => ControlFlow::Continue(()),
    }
}

struct PassedOverCalls<'a> {
    state: &'a SessionState,
}

impl Visitor for PassedOverCalls<'_> {
    type Break = EngineError;

    fn pre_visit_expr(&mut self, expr: &Expr) -> PassedOverClause {
        match expr {
            Expr::Function(function) => self.call(function),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl PassedOverCalls<'_> {
    fn call(&self, function: &Function) -> PassedOverClause {
        let name = function.name.to_string().replace('"', "").to_ascii_lowercase();
        let parameters = !matches!(function.parameters, FunctionArguments::None);
        unless(parameters, &format!("{name}(...)(...)"), "a function has one list of arguments")?;
        let (mut distinct, mut ordered) = (false, false);
        let mut nulls = function.null_treatment;
        if let FunctionArguments::List(list) = &function.args {
            distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct));
            for clause in &list.clauses {
                match clause {
                    FunctionArgumentClause::OrderBy(_) => ordered = true,
                    FunctionArgumentClause::IgnoreOrRespectNulls(said) => nulls = Some(*said),
                    // The planner refuses the others.
                    _ => {}
                }
            }
        }
        if let Some(WindowType::WindowSpec(window)) = &function.over {
            let is_based = window.window_name.is_some();
            unless(is_based, "OVER (window ...)", "a window is named alone, or said in full")?;
        }
        let is_unnest = ["unnest", "unnest_outer"].contains(&name.as_str());
        let is_plain = is_unnest
            || self.state.scalar_functions().contains_key(&name)
            || self.state.higher_order_functions().contains_key(&name);
        if is_plain {
            let of_rows = "it is calculated of each row by itself";
            unless(distinct, &format!("{name}(DISTINCT ...)"), of_rows)?;
            unless(ordered, &format!("{name}(... ORDER BY ...)"), of_rows)?;
            unless(nulls.is_some(), &format!("{name}(...) ... NULLS"), of_rows)?;
            unless(function.filter.is_some(), &format!("{name}(...) FILTER"), "write `CASE WHEN ... THEN ... END`")?;
            unless(function.over.is_some(), &format!("{name}(...) OVER"), of_rows)?;
            return unless(!function.within_group.is_empty(), &format!("{name}(...) WITHIN GROUP"), of_rows);
        }
        let of_all = NEVER_DISTINCT.contains(&name.as_str()) || name.starts_with("regr_") || name.starts_with("covar_");
        let instead = "it is calculated of all values; take the distinct ones first: `FROM (SELECT DISTINCT ...)`";
        unless(distinct && of_all, &format!("{name}(DISTINCT ...)"), instead)?;
        if function.over.is_none() {
            return ControlFlow::Continue(());
        }
        let is_aggregate = self.state.aggregate_functions().contains_key(&name);
        let of_window = self.state.window_functions().contains_key(&name) && !is_aggregate;
        unless(distinct && of_window, &format!("{name}(DISTINCT ...) OVER"), "its rows are those of the window")?;
        let ignores = matches!(nulls, Some(NullTreatment::IgnoreNulls));
        let instead = "of windows only lag, lead, first_value, last_value and nth_value leave such rows out";
        let heeds = IGNORE_NULLS.contains(&name.as_str());
        unless(ignores && !heeds, &format!("{name}(...) IGNORE NULLS OVER"), instead)
    }
}

#[cfg(test)]
mod tests;
