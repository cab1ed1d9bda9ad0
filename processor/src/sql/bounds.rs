//! How large a statement may be, decided before anything that takes more than its length is done with it.
//!
//! Every node of a statement has a token of its own, so the count of tokens bounds the nodes and, as every level of a
//! tree has a node, the depth. Brackets nest at most as deep as the parser is told. What a text cannot show by its length
//! is how often a `WITH` is put in: thirty of them that each join the one before twice are a billion tables.
//!
//! Of a chain of operators without a bracket each stands upon the one before. Conditions that are joined by `AND` and `OR`
//! the library takes for the lists that they are, so tools may write thousands. Of all other operators it asks the type of
//! a side again at every level, in planning and in each of its rewritings: a few hundred are more than anybody writes, and
//! a few thousand take minutes.
//!
//! The bounds are what a stack of [`super::work::STACK_BYTES`] holds in a build without optimization, by measure, and
//! leave room for what tools write: lists and chains of some thousand terms.

use super::code::QueryCode;
use crate::engine::EngineError;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{ObjectName, Query, Statement as Ast, Visit, Visitor};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Bytes of a statement.
pub(super) const BYTES_MAX: usize = 1 << 20;
/// Tokens of a statement that are no list of values, blanks and comments aside.
pub(super) const TOKENS_MAX: usize = 250_000;
/// Operators of a statement: what can stand one upon the other without a bracket.
pub(super) const OPERATORS_MAX: usize = 12_000;
/// Operators that stand one upon the other, but for `AND` and `OR`: sums, `||`, casts, `IS`, `AT TIME ZONE`.
pub(super) const CHAIN_MAX: usize = 256;
/// Queries that `UNION`, `INTERSECT` and `EXCEPT` put together.
pub(super) const PARTS_MAX: usize = 512;
/// Brackets in brackets, and queries in queries, each `WITH` put in.
pub(super) const NESTING_MAX: usize = 128;
/// Tables of a statement, after each `WITH` is put in.
pub(super) const RELATIONS_MAX: u64 = 512;

/// Refuses a text that is too long.
pub(super) fn check_length(sql: &str) -> Result<(), EngineError> {
    if sql.len() > BYTES_MAX {
        return Err(
            QueryCode::TooLarge.error(format!("the statement has {} bytes, and may have {BYTES_MAX}", sql.len()))
        );
    }
    Ok(())
}

/// Refuses what has too many tokens, or too many of those that make trees deep.
pub(super) fn check_tokens(tokens: &[TokenWithSpan]) -> Result<(), EngineError> {
    let (mut all, mut operators, mut depth, mut in_a_row, mut parts) = (0, 0, 0_usize, 0, 1);
    // How many stand one upon the other so far, in each bracket that is open.
    let mut chains = vec![0];
    for TokenWithSpan { token, .. } in tokens {
        match token {
            Token::Whitespace(_) => continue,
            Token::Word(word) if word.keyword == Keyword::CASE => {
                operators += 1;
                depth += 1;
            }
            Token::Word(word) if word.keyword == Keyword::END => depth = depth.saturating_sub(1),
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            // Between the values of a list nothing is stacked.
            Token::Number(..) | Token::SingleQuotedString(_) | Token::Comma => {}
            Token::Word(word) if word.keyword == Keyword::NoKeyword => {}
            _ => operators += 1,
        }
        all += 1;
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => chains.push(0),
            Token::RParen | Token::RBracket | Token::RBrace if chains.len() > 1 => _ = chains.pop(),
            Token::Word(word) => match word.keyword {
                // What begins another operand, or none of an expression's.
                Keyword::AND | Keyword::OR | Keyword::WHEN | Keyword::THEN | Keyword::ELSE => restart(&mut chains),
                Keyword::SELECT | Keyword::FROM | Keyword::WHERE | Keyword::ON | Keyword::JOIN => restart(&mut chains),
                Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT => parts += 1,
                Keyword::IS | Keyword::AT | Keyword::COLLATE | Keyword::LIKE | Keyword::ILIKE => upon(&mut chains),
                Keyword::IN | Keyword::BETWEEN => upon(&mut chains),
                _ => {}
            },
            Token::Comma | Token::SemiColon => restart(&mut chains),
            Token::Number(..) | Token::SingleQuotedString(_) | Token::Period | Token::Colon => {}
            _ => upon(&mut chains),
        }
        if chains.last().is_some_and(|chain| *chain > CHAIN_MAX) {
            let message = format!("more than {CHAIN_MAX} operators of the statement stand one upon the other");
            return Err(QueryCode::TooLarge.error(message));
        }
        // Signs and negations before one operand are each in the one before.
        in_a_row = if is_sign(token) { in_a_row + 1 } else { 0 };
        if depth > NESTING_MAX || in_a_row > NESTING_MAX {
            return Err(QueryCode::TooLarge.error(format!("the statement is nested more than {NESTING_MAX} deep")));
        }
    }
    if parts > PARTS_MAX {
        let message = format!("the statement puts {parts} queries together, and may put {PARTS_MAX}");
        return Err(QueryCode::TooLarge.error(message));
    }
    if all > TOKENS_MAX {
        return Err(QueryCode::TooLarge.error(format!("the statement has {all} tokens, and may have {TOKENS_MAX}")));
    }
    if operators > OPERATORS_MAX {
        let message = format!("the statement has {operators} operators and words of SQL, and may have {OPERATORS_MAX}");
        return Err(QueryCode::TooLarge.error(message));
    }
    Ok(())
}

fn upon(chains: &mut [usize]) {
    chains.iter_mut().last().into_iter().for_each(|chain| *chain += 1);
}

fn restart(chains: &mut [usize]) {
    chains.iter_mut().last().into_iter().for_each(|chain| *chain = 0);
}

fn is_sign(token: &Token) -> bool {
    match token {
        Token::Minus | Token::Plus | Token::Tilde => true,
        Token::Word(word) => word.keyword == Keyword::NOT,
        _ => false,
    }
}

/// Refuses what reads too many tables.
pub(super) fn check_relations(statement: &Statement) -> Result<(), EngineError> {
    let ast: &Ast = match statement {
        Statement::Statement(ast) => ast,
        Statement::Explain(explain) => return check_relations(&explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => return Ok(()),
    };
    let mut count = Relations { queries: vec![KnownQueries::default()] };
    let _ = ast.visit(&mut count);
    let (relations, depth) = count.queries.first().map_or((0, 0), |query| (query.size.relations, query.size.depth));
    if depth > NESTING_MAX {
        let message =
            format!("the statement is nested {depth} deep with every `WITH` put in, and may be {NESTING_MAX}");
        return Err(QueryCode::TooLarge.error(message));
    }
    if relations > RELATIONS_MAX {
        let message =
            format!("the statement reads {relations} tables with every `WITH` put in, and may read {RELATIONS_MAX}");
        return Err(QueryCode::TooManyRelations.error(message));
    }
    Ok(())
}

/// Counts tables, those of a `WITH` wherever it is named.
struct Relations {
    /// The queries that are open, the innermost last; the first stands for the statement.
    queries: Vec<KnownQueries>,
}

/// How large a query is with everything put in.
#[derive(Clone, Copy, Default)]
struct QuerySize {
    relations: u64,
    /// How many queries stand in each other.
    depth: usize,
}

#[derive(Default)]
struct KnownQueries {
    size: QuerySize,
    /// What each of its `WITH` comes to.
    with: HashMap<String, QuerySize>,
    /// Where its `WITH` are, and their names.
    bodies: Vec<(*const Query, String)>,
}

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        let bodies = tables.map(|table| (std::ptr::from_ref(&*table.query), table.alias.name.value.clone())).collect();
        self.queries.push(KnownQueries { bodies, ..KnownQueries::default() });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let Some(closed) = self.queries.pop() else { return ControlFlow::Continue(()) };
        let Some(around) = self.queries.last_mut() else { return ControlFlow::Continue(()) };
        let with = around.bodies.iter().find(|(body, _)| std::ptr::eq(*body, query)).map(|(_, name)| name.clone());
        let own = QuerySize { relations: closed.size.relations, depth: closed.size.depth + 1 };
        match with {
            Some(name) => _ = around.with.insert(name, QuerySize { relations: own.relations.max(1), ..own }),
            None => around.size.add(own),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let name = relation.to_string().replace('"', "");
        let known = self.queries.iter().rev().find_map(|query| query.with.get(&name)).copied();
        if let Some(query) = self.queries.last_mut() {
            query.size.add(known.unwrap_or(QuerySize { relations: 1, depth: 0 }));
        }
        ControlFlow::Continue(())
    }
}

impl QuerySize {
    /// Takes in what stands in it.
    fn add(&mut self, inner: QuerySize) {
        self.relations = self.relations.saturating_add(inner.relations);
        self.depth = self.depth.max(inner.depth);
    }
}

#[cfg(test)]
mod tests {
    use super::{CHAIN_MAX, NESTING_MAX, OPERATORS_MAX, PARTS_MAX, RELATIONS_MAX, TOKENS_MAX};
    use crate::sql::StatementTask;
    use crate::sql::code::QueryCode;
    use crate::sql::statement::{ReadStatement, parse};
    use crate::sql::work::QuestionRequest;

    /// The code that a statement is refused with, if it is.
    fn refused(sql: &str) -> Option<String> {
        let asked = QuestionRequest {
            sql: sql.to_owned(),
            known: vec![],
            memory_bytes: 1 << 20,
            task: StatementTask::Rows(vec![]),
        };
        let bounded = move || {
            parse(&asked).and_then(|question| match question {
                ReadStatement::Tables | ReadStatement::Describe(_) => Ok(()),
                ReadStatement::Query { statement, .. } => super::check_relations(&statement),
            })
        };
        let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(bounded).expect("a thread");
        let error = thread.join().expect("it does not overflow").err()?.to_string();
        Some(error.chars().take_while(|c| *c != ']').skip(1).collect())
    }

    fn many(count: usize, between: &str, of: impl Fn(usize) -> String) -> String {
        (0..count).map(of).collect::<Vec<_>>().join(between)
    }

    /// Refuses the second, one step beyond the first.
    #[track_caller]
    fn check(allowed: &str, beyond: &str, code: QueryCode) {
        assert_eq!(refused(allowed), None, "{allowed:.80}");
        assert_eq!(refused(beyond), Some(code.name().to_owned()), "{beyond:.80}");
    }

    #[test]
    fn operators_upon_each_other() {
        for (begin, one) in
            [("SELECT a", " + 1"), ("SELECT 'a'", " || 'b'"), ("SELECT 1", "::int"), ("SELECT 1", " IS NULL")]
        {
            let of = |count: usize| format!("{begin}{}", one.repeat(count));
            // Words count as much as signs.
            assert_eq!(refused(&of(CHAIN_MAX / 4)), None, "{one}");
            assert_eq!(refused(&of(CHAIN_MAX + 1)), Some(QueryCode::TooLarge.name().to_owned()), "{one}");
        }
    }

    #[test]
    fn operators_in_all() {
        let of = |count| format!("SELECT 1 WHERE {}", many(count, " AND ", |_| "a".into()));
        check(&of(OPERATORS_MAX / 4), &of(OPERATORS_MAX + 1), QueryCode::TooLarge);
    }

    #[test]
    fn tokens_in_all() {
        let of = |count| format!("SELECT a IN ({})", many(count, ",", |_| "1".into()));
        check(&of(TOKENS_MAX / 4), &of(TOKENS_MAX / 2 + 1), QueryCode::TooLarge);
    }

    #[test]
    fn brackets_in_brackets() {
        let of = |count: usize| format!("SELECT {}1{}", "(".repeat(count), ")".repeat(count));
        check(&of(NESTING_MAX / 2), &of(NESTING_MAX + 1), QueryCode::TooLarge);
        let signs = |count: usize| format!("SELECT {}a", "- ".repeat(count));
        check(&signs(NESTING_MAX / 2), &signs(NESTING_MAX + 1), QueryCode::TooLarge);
    }

    #[test]
    fn queries_put_together() {
        let of = |count| many(count, " UNION ALL ", |i| format!("SELECT {i}"));
        check(&of(NESTING_MAX / 2), &of(PARTS_MAX + 1), QueryCode::TooLarge);
    }

    #[test]
    fn tables_with_every_with_put_in() {
        let with = |count: usize, of: &dyn Fn(usize) -> String| {
            let tables = many(count, ", ", |i| format!("c{} AS ({})", i + 1, of(i)));
            format!("WITH c0 AS (SELECT a FROM t), {tables} SELECT * FROM c{count}")
        };
        let doubled = |count| with(count, &|i| format!("SELECT a.a FROM c{i} a, c{i} b"));
        check(
            &doubled(RELATIONS_MAX.ilog2() as usize - 1),
            &doubled(RELATIONS_MAX.ilog2() as usize + 1),
            QueryCode::TooManyRelations,
        );
        let chained = |count| with(count, &|i| format!("SELECT a FROM c{i}"));
        check(&chained(NESTING_MAX / 2), &chained(NESTING_MAX + 1), QueryCode::TooLarge);
        let joined = |count: u64| format!("SELECT * FROM {}", many(count as usize, ", ", |i| format!("t t{i}")));
        check(&joined(RELATIONS_MAX), &joined(RELATIONS_MAX + 1), QueryCode::TooManyRelations);
    }
}
