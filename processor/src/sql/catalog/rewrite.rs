//! What tools write for PostgreSQL, put as the library takes it.
//!
//! * Names of functions and types lose the schema `pg_catalog`, and casts to its types that are names of objects
//!   (`regclass`) become look-ups.
//! * A query over a table of `pg_catalog` that never has a row here (indexes, constraints, triggers ...) has none
//!   either, whatever it calls on the way: it becomes one that says just that, so that what the library cannot plan
//!   (sub-queries of each row, functions that nothing here needs) does not matter.
//!
//! What is said in the words of standard SQL is left as it is.

use super::empty::is_empty_table;
use super::oids;
use crate::sql::passed_over::is_bytewise;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, CastKind, CharLengthUnits, CharacterLength, DataType, Expr, Function,
    FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, GroupByExpr, Ident, JoinOperator,
    ObjectName, ObjectNamePart, Query, SelectItem, SetExpr, SetOperator, TableFactor, TableWithJoins, TimezoneInfo,
    UnaryOperator, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::ops::ControlFlow;

/// The schema of what PostgreSQL says of itself.
pub(super) const PG_CATALOG: &str = "pg_catalog";

/// Puts a statement as the library takes it; `known` are the names of our own tables.
pub(in crate::sql) fn rewrite(statement: &mut Statement, known: &[String]) {
    match statement {
        Statement::Statement(ast) => _ = ast.visit(&mut Rewrite { known }),
        Statement::Explain(explain) => rewrite(&mut explain.statement, known),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => {}
    }
}

struct Rewrite<'a> {
    known: &'a [String],
}

impl VisitorMut for Rewrite<'_> {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        // `pg_class` is `pg_catalog.pg_class`.
        if let [ObjectNamePart::Identifier(name)] = relation.0.as_slice()
            && name.value.starts_with("pg_")
            && !self.known.contains(&name.value)
            && super::has_table(&name.value)
        {
            relation.0.insert(0, ObjectNamePart::Identifier(Ident::new(PG_CATALOG)));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } = factor {
            unqualify(name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if is_schema_list(query) {
            *query = parsed("SELECT 1 AS r, 'public' AS nspname").unwrap_or_else(|| query.clone());
        }
        if let Some(names) = never_has_rows(&query.body)
            && let Some(nothing) = nothing(&names)
        {
            *query = nothing;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Subquery(query) if never_has_rows(&query.body).is_some() => *expr = null(),
            Expr::Subquery(query) => aggregate(query),
            Expr::Exists { subquery, negated } if never_has_rows(&subquery.body).is_some() => *expr = boolean(*negated),
            Expr::InSubquery { subquery, negated, .. } if never_has_rows(&subquery.body).is_some() => {
                *expr = boolean(*negated);
            }
            Expr::InSubquery { expr: of, subquery, negated } if is_search_path(subquery) => {
                let list = vec![Expr::Value(Value::SingleQuotedString("public".into()).into())];
                *expr = Expr::InList { expr: Box::new(take(of)), list, negated: *negated };
            }
            // `ARRAY(SELECT ...)`, which only what is shown of policies and the like has.
            Expr::Function(Function { args: FunctionArguments::Subquery(_), .. }) => *expr = no_texts(),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => {
                unqualify(&mut function.name);
                if matches!(function.args, FunctionArguments::None) && is_of_session(&function.name.to_string()) {
                    function.args = arguments(vec![]);
                    lower(&mut function.name);
                }
            }
            // Others of them are no names to the parser anyway.
            Expr::Identifier(name)
                if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("current_schema") =>
            {
                *expr = call(&name.value.to_ascii_lowercase(), vec![]);
            }
            Expr::Collate { expr: inner, collation } if is_bytewise(collation) => *expr = take(inner),
            Expr::BinaryOp { left, op, right } => {
                plain_operator(op);
                // What is compared is the number of a table, and not its name.
                number_of(left);
                number_of(right);
            }
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
                if let Some(list) = elements(right) {
                    *expr = Expr::InList { expr: Box::new(take(left)), list, negated: false };
                }
            }
            Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => {
                if let Some(list) = elements(right) {
                    *expr = Expr::InList { expr: Box::new(take(left)), list, negated: true };
                }
            }
            Expr::Cast { .. } => {
                cast(expr);
                cut(expr);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Gives a query for one value of each row, over what the tables are, an aggregate: it has one row at the most, which the
/// library wants to see.
fn aggregate(query: &mut Query) {
    let SetExpr::Select(select) = &mut *query.body else { return };
    let is_catalog = |factor: &TableFactor| match factor {
        TableFactor::Table { name, args: None, .. } => {
            let last = name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.clone());
            last.is_some_and(|name| super::has_table(&name))
        }
        _ => false,
    };
    let reads_catalog = !select.from.is_empty() && select.from.iter().all(|from| is_catalog(&from.relation));
    let is_plain = query.limit_clause.is_none() && query.order_by.is_none() && select.projection.len() == 1;
    if !reads_catalog || !is_plain || select.projection.iter().any(item_aggregates) {
        return;
    }
    if let Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = select.projection.first_mut()
    {
        *expr = call("max", vec![take(expr)]);
    }
}

fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, null())
}

fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

/// No array of texts.
fn no_texts() -> Expr {
    let texts = DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(DataType::Varchar(None)), None));
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(null()), data_type: texts, array: false, format: None }
}

fn boolean(is: bool) -> Expr {
    Expr::Value(Value::Boolean(is).into())
}

fn arguments(args: Vec<Expr>) -> FunctionArguments {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: vec![] })
}

fn call(name: &str, args: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: arguments(args),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

/// Whether a query takes the search path apart, as Grafana does: it gives the schemas whose tables need no schema.
fn is_search_path(query: &Query) -> bool {
    let text = query.to_string();
    text.contains("string_to_array(current_setting('search_path')") && text.contains("generate_series(")
}

/// Whether a query numbers the schemas of the search path, as the JDBC driver does.
fn is_schema_list(query: &Query) -> bool {
    let SetExpr::Select(select) = &*query.body else { return false };
    let [from] = select.from.as_slice() else { return false };
    // Only that one table is written out, and not the whole of what is asked.
    from.joins.is_empty() && from.relation.to_string().starts_with("generate_series(1, array_upper(current_schemas(")
}

/// The name of a table as its number.
fn number_of(expr: &mut Expr) -> bool {
    let Expr::Function(function) = expr else { return false };
    let is_name = function.name.to_string() == REGCLASS;
    if is_name {
        function.name = ObjectName::from(vec![Ident::new("timeline_regclass_number")]);
    }
    is_name
}

/// The function that gives the name of a table.
const REGCLASS: &str = "timeline_regclass";

/// What SQL calls without brackets.
fn is_of_session(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["current_user", "session_user", "user", "current_role", "current_catalog", "current_schema"]
        .contains(&name.as_str())
}

fn lower(name: &mut ObjectName) {
    if let Some(ObjectNamePart::Identifier(last)) = name.0.last_mut() {
        last.value = last.value.to_ascii_lowercase();
    }
}

/// Takes the schema of PostgreSQL off a name.
fn unqualify(name: &mut ObjectName) {
    let is_ours = |part: &ObjectNamePart| {
        matches!(part, ObjectNamePart::Identifier(schema)
            if schema.value.eq_ignore_ascii_case(PG_CATALOG) || schema.value.eq_ignore_ascii_case("information_schema"))
    };
    if name.0.len() == 2 && name.0.first().is_some_and(is_ours) {
        name.0.remove(0);
    }
}

/// `OPERATOR(pg_catalog.~)` is `~`.
fn plain_operator(op: &mut BinaryOperator) {
    let BinaryOperator::PGCustomBinaryOperator(names) = op else { return };
    *op = match names.last().map(String::as_str) {
        Some("~") => BinaryOperator::PGRegexMatch,
        Some("~*") => BinaryOperator::PGRegexIMatch,
        Some("!~") => BinaryOperator::PGRegexNotMatch,
        Some("!~*") => BinaryOperator::PGRegexNotIMatch,
        Some("~~") => BinaryOperator::PGLikeMatch,
        Some("=") => BinaryOperator::Eq,
        Some("<>") => BinaryOperator::NotEq,
        Some("||") => BinaryOperator::StringConcat,
        _ => return,
    };
}

/// The elements of an array that stands there as such: `ARRAY['a', 'b']`, or `'{a,b}'`.
fn elements(array: &Expr) -> Option<Vec<Expr>> {
    match array {
        Expr::Array(array) => Some(array.elem.clone()),
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => elements(inner),
        Expr::Value(value) => {
            let Value::SingleQuotedString(text) = &value.value else { return None };
            let inner = text.strip_prefix('{')?.strip_suffix('}')?;
            if inner.contains(['"', '\\', '{']) {
                return None;
            }
            let texts = inner.split(',').filter(|text| !text.is_empty());
            Some(texts.map(|text| Expr::Value(Value::SingleQuotedString(text.trim().to_owned()).into())).collect())
        }
        _ => None,
    }
    .filter(|list| !list.is_empty())
}

/// A cast to a text of at most so many characters cuts what is longer, as in PostgreSQL; the library passes the number over.
fn cut(expr: &mut Expr) {
    let Expr::Cast { data_type: DataType::Varchar(length), .. } = expr else { return };
    let Some(CharacterLength::IntegerLength { length: most, unit: None | Some(CharLengthUnits::Characters) }) = length
    else {
        return;
    };
    let most = Expr::Value(Value::Number(most.to_string(), false).into());
    *length = None;
    *expr = call("left", vec![take(expr), most]);
}

/// A cast to a type of PostgreSQL's own.
fn cast(expr: &mut Expr) {
    let Expr::Cast { expr: of, data_type, .. } = expr else { return };
    let name = match data_type {
        DataType::Custom(name, _) => {
            let mut name = name.clone();
            unqualify(&mut name);
            name.to_string().trim_matches('"').to_ascii_lowercase()
        }
        DataType::Regclass => "regclass".to_owned(),
        DataType::Array(ArrayElemTypeDef::SquareBracket(inner, _)) => {
            if let DataType::Custom(name, _) = &**inner {
                let mut name = name.clone();
                unqualify(&mut name);
                if let Some(ty) = of_name(name.to_string().trim_matches('"')) {
                    **inner = ty;
                }
            }
            return;
        }
        _ => return,
    };
    let text = match &**of {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    };
    let number = |number: u32| Expr::Value(Value::Number(number.to_string(), false).into());
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (name.as_str(), text) {
        ("regclass" | "regtype" | "regnamespace" | "regproc" | "regrole", Some(text)) if is_number(&text) => {
            *expr = Expr::Value(Value::Number(text, false).into());
        }
        ("regclass", Some(text)) => *expr = number(oids::of_written_table(&text)),
        ("regnamespace", Some(text)) => *expr = number(oids::of_schema(&text)),
        ("regproc", Some(text)) => {
            let name = text.trim_start_matches("pg_catalog.").to_owned();
            *expr = Expr::Value(Value::SingleQuotedString(name).into());
        }
        ("regtype", Some(text)) => *expr = number(oids::of_type(&text)),
        ("regclass", None) => *expr = call(REGCLASS, vec![take(of)]),
        ("regtype", None) => *expr = call("format_type", vec![take(of), null()]),
        ("regnamespace", None) => *expr = call("timeline_regnamespace", vec![take(of)]),
        ("regrole", None) => *expr = call("pg_get_userbyid", vec![take(of)]),
        ("oid" | "int8" | "int4", None) if number_of(of) => *expr = take(of),
        (name, _) => {
            if let Some(ty) = of_name(name) {
                *data_type = ty;
            } else if name.starts_with("reg") {
                *data_type = DataType::Varchar(None);
            }
        }
    }
}

/// A type of PostgreSQL by its short name.
fn of_name(name: &str) -> Option<DataType> {
    Some(match name {
        "text" | "name" | "char" | "bpchar" | "varchar" | "citext" | "json" | "jsonb" | "xml" | "uuid" | "unknown"
        | "cstring" | "pg_node_tree" | "aclitem" | "inet" => DataType::Varchar(None),
        "oid" | "xid" | "cid" | "xid8" | "int8" => DataType::BigInt(None),
        "int4" => DataType::Integer(None),
        "int2" => DataType::SmallInt(None),
        "float8" => DataType::Double(datafusion::sql::sqlparser::ast::ExactNumberInfo::None),
        "float4" => DataType::Real,
        "bool" => DataType::Boolean,
        "timestamptz" => DataType::Timestamp(None, TimezoneInfo::WithTimeZone),
        "timestamp" => DataType::Timestamp(None, TimezoneInfo::None),
        "date" => DataType::Date,
        _ => return None,
    })
}

/// The names of the columns of a query that never has a row, if it is known to be one.
fn never_has_rows(body: &SetExpr) -> Option<Vec<String>> {
    match body {
        SetExpr::Select(select) => {
            let reads_none = select.from.iter().any(from_never_has_rows);
            let is_grouped = match &select.group_by {
                GroupByExpr::All(_) => true,
                GroupByExpr::Expressions(by, _) => !by.is_empty(),
            };
            // An aggregate without groups has a row all the same.
            let aggregates = !is_grouped && select.projection.iter().any(item_aggregates);
            (reads_none && !aggregates).then(|| names(&select.projection)).flatten()
        }
        SetExpr::Query(query) => never_has_rows(&query.body),
        SetExpr::SetOperation { op: SetOperator::Union, left, right, .. } => {
            never_has_rows(right)?;
            never_has_rows(left)
        }
        _ => None,
    }
}

fn from_never_has_rows(from: &TableWithJoins) -> bool {
    let mut none = factor_never_has_rows(&from.relation);
    for join in &from.joins {
        let joined = factor_never_has_rows(&join.relation);
        none = match &join.join_operator {
            JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_) => none || joined,
            JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => none,
            JoinOperator::Right(_) | JoinOperator::RightOuter(_) => joined,
            _ => none && joined,
        };
    }
    none
}

fn factor_never_has_rows(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Table { name, args: None, .. } => {
            let parts: Vec<&str> =
                name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.as_str()).collect();
            match parts.as_slice() {
                [table] | [PG_CATALOG, table] => is_empty_table(table),
                _ => false,
            }
        }
        TableFactor::Derived { subquery, .. } => never_has_rows(&subquery.body).is_some(),
        TableFactor::NestedJoin { table_with_joins, .. } => from_never_has_rows(table_with_joins),
        _ => false,
    }
}

fn item_aggregates(item: &SelectItem) -> bool {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => aggregates(expr),
        _ => false,
    }
}

fn aggregates(expr: &Expr) -> bool {
    match expr {
        Expr::Function(function) => {
            let name = function.name.to_string().to_ascii_lowercase();
            let name = name.rsplit('.').next().unwrap_or_default();
            ["count", "sum", "min", "max", "avg", "array_agg", "string_agg", "bool_or", "bool_and", "json_agg"]
                .contains(&name)
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) => aggregates(expr),
        Expr::BinaryOp { left, right, .. } => aggregates(left) || aggregates(right),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => aggregates(expr),
        _ => false,
    }
}

/// The names of columns as PostgreSQL gives them; none where only the tables say them.
fn names(items: &[SelectItem]) -> Option<Vec<String>> {
    items
        .iter()
        .map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
            SelectItem::UnnamedExpr(expr) => Some(name_of(expr)),
            _ => None,
        })
        .collect()
}

fn name_of(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.clone()).unwrap_or_default(),
        Expr::Function(function) => {
            let last = function.name.0.last().and_then(|part| part.as_ident());
            last.map(|name| name.value.clone()).unwrap_or_default()
        }
        Expr::Cast { expr, .. } | Expr::Collate { expr, .. } | Expr::Nested(expr) => name_of(expr),
        Expr::Case { .. } => "case".into(),
        _ => "?column?".into(),
    }
}

/// A query of columns of these names that has no rows.
fn nothing(names: &[String]) -> Option<Query> {
    let mut seen: Vec<String> = vec![];
    for name in names {
        // The library wants different names.
        let mut own = name.clone();
        while seen.contains(&own) {
            own.push('_');
        }
        seen.push(own);
    }
    let columns = seen.iter().map(|name| format!("CAST(NULL AS VARCHAR) AS \"{}\"", name.replace('"', "\"\"")));
    let sql = format!("SELECT {} WHERE false", columns.collect::<Vec<_>>().join(", "));
    parsed(&sql)
}

fn parsed(sql: &str) -> Option<Query> {
    let mut parser = Parser::new(&GenericDialect {}).try_with_sql(sql).ok()?;
    parser.parse_query().ok().map(|query| *query)
}
