//! Lists that are written as chains: `a IN (1, 2) OR a IN (3) OR ...`, as tools write them by the thousand.
//!
//! The library puts the lists of a chain together pair by pair, and again at every level of every rewriting, so that a few
//! thousand take minutes. They are one list: `IN` is an `OR` of equalities, whatever is null, and `NOT IN` an `AND` of the
//! opposites. What is left of a long chain is given to the library as a tree that is as deep as it must be.
//!
//! **Invariant:** a question means what it meant. Only lists of one column are put together, for any other expression may be
//! another value each time, and only of literals of one kind, for a list is compared as the type that all of it has in common.

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Statement as Ast, UnaryOperator, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Terms of a chain that is left as it is.
const SHORT: usize = 16;
/// Digits of a number that is put into one list with others: far from where types change.
const DIGITS_MAX: usize = 15;

/// Puts the lists of long chains together.
pub(super) fn put_together(statement: &mut Statement) {
    let ast: &mut Ast = match statement {
        Statement::Statement(ast) => ast,
        Statement::Explain(explain) => return put_together(&mut explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => return,
    };
    let _ = ast.visit(&mut Chains);
}

struct Chains;

impl VisitorMut for Chains {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::BinaryOp { op: op @ (BinaryOperator::Or | BinaryOperator::And), .. } = expr else {
            return ControlFlow::Continue(());
        };
        let op = op.clone();
        if is_long(expr, &op) {
            let chain = std::mem::replace(expr, Expr::value(Value::Null));
            let mut terms = merged(terms(chain, &op), op == BinaryOperator::And);
            *expr = tree(&mut terms, &op);
        }
        ControlFlow::Continue(())
    }
}

/// Whether a chain has more than a few terms. Chains grow to the left.
fn is_long(expr: &Expr, of: &BinaryOperator) -> bool {
    let (mut left, mut count) = (expr, 1);
    while let Expr::BinaryOp { left: next, op, .. } = left
        && op == of
        && count <= SHORT
    {
        (left, count) = (next, count + 1);
    }
    count > SHORT
}

/// The terms of a chain, in their order.
fn terms(chain: Expr, of: &BinaryOperator) -> Vec<Expr> {
    let (mut terms, mut open) = (vec![], vec![chain]);
    while let Some(expr) = open.pop() {
        match expr {
            Expr::BinaryOp { left, op, right } if op == *of => open.extend([*right, *left]),
            Expr::Nested(inner) if is_part(&inner, of) => open.push(*inner),
            term => terms.push(term),
        }
    }
    terms
}

/// Whether brackets around it mean nothing in a chain.
fn is_part(expr: &Expr, of: &BinaryOperator) -> bool {
    match expr {
        Expr::BinaryOp { op, .. } => op == of,
        Expr::Nested(inner) => is_part(inner, of),
        expr => matches!(expr, Expr::InList { .. }),
    }
}

/// The terms with one list in the place of the first of each that say the same.
fn merged(terms: Vec<Expr>, of_opposites: bool) -> Vec<Expr> {
    let mut merged: Vec<Expr> = vec![];
    let mut known: HashMap<(Expr, LiteralKind), usize> = HashMap::new();
    for mut term in terms {
        if let Expr::InList { expr, list, negated } = &mut term
            && *negated == of_opposites
            && is_column(expr)
            && let Some(kind) = kind_of(list)
        {
            if let Some(Expr::InList { list: all, .. }) =
                known.get(&((**expr).clone(), kind)).map(|at| &mut merged[*at])
            {
                all.append(list);
                continue;
            }
            known.insert(((**expr).clone(), kind), merged.len());
        }
        merged.push(term);
    }
    merged
}

fn is_column(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        Expr::Cast { expr, .. } | Expr::Nested(expr) => is_column(expr),
        _ => false,
    }
}

/// A kind of literals that are all of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum LiteralKind {
    Text,
    Whole,
    /// With so many digits behind the point.
    Decimal(usize),
}

/// The kind of all of them, if it is one.
fn kind_of(list: &[Expr]) -> Option<LiteralKind> {
    let mut kinds = list.iter().map(literal);
    let first = kinds.next()??;
    kinds.all(|kind| kind == Some(first)).then_some(first)
}

fn literal(expr: &Expr) -> Option<LiteralKind> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(_), .. }) => Some(LiteralKind::Text),
        Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) if text.len() <= DIGITS_MAX => {
            Some(text.split_once('.').map_or(LiteralKind::Whole, |(_, fraction)| LiteralKind::Decimal(fraction.len())))
        }
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => literal(expr).filter(|kind| *kind != LiteralKind::Text),
        _ => None,
    }
}

/// The terms as a tree whose both sides are alike.
fn tree(terms: &mut Vec<Expr>, op: &BinaryOperator) -> Expr {
    let half = terms.len() / 2;
    if half == 0 {
        return terms.pop().unwrap_or_else(|| Expr::value(Value::Null));
    }
    let mut right = terms.split_off(half);
    let (left, right) = (tree(terms, op), tree(&mut right, op));
    Expr::BinaryOp { left: Box::new(left), op: op.clone(), right: Box::new(right) }
}

#[cfg(test)]
mod tests {
    use super::put_together;
    use datafusion::sql::parser::DFParser;

    fn after(condition: &str) -> String {
        let mut statements = DFParser::parse_sql(&format!("SELECT 1 FROM t WHERE {condition}")).expect("it is SQL");
        let mut statement = statements.pop_front().expect("one statement");
        put_together(&mut statement);
        statement.to_string().split_once(" WHERE ").expect("a condition").1.to_owned()
    }

    fn chain(count: usize, with: &str, term: impl Fn(usize) -> String) -> String {
        (0..count).map(term).collect::<Vec<_>>().join(with)
    }

    #[test]
    fn lists_of_one_column_are_one() {
        let of = |i: usize| match i % 3 {
            0 => format!("a IN ({i}, -{i})"),
            1 => format!("(t.b IN ('{i}'))"),
            _ => format!("CAST(a AS BIGINT) IN ({i})"),
        };
        let expected = "a IN (0, -0, 3, -3, 6, -6, 9, -9, 12, -12, 15, -15) OR t.b IN ('1', '4', '7', '10', '13', '16') \
                        OR CAST(a AS BIGINT) IN (2, 5, 8, 11, 14, 17)";
        assert_eq!(after(&chain(18, " OR ", of)), expected);
        let opposite = after(&chain(40, " AND ", |i| format!("a NOT IN ({i})")));
        assert_eq!(opposite, format!("a NOT IN ({})", chain(40, ", ", |i| i.to_string())));
        // In brackets, in each other, in other terms.
        let inner = format!("({})", chain(20, " OR ", |i| format!("b IN ({i})")));
        let outer = after(&chain(20, " AND ", |i| if i == 7 { inner.clone() } else { format!("a NOT IN ({i})") }));
        assert_eq!(outer.matches(" IN ").count(), 2, "{outer}");
        assert_eq!(after(&format!("NOT {inner}")).matches(" IN ").count(), 1);
    }

    #[test]
    fn what_may_mean_something_else_stays() {
        for (kept, with, terms) in [
            (2, " OR ", ["a IN (1)", "a IN ('1')"]),
            (2, " OR ", ["a IN (1.5)", "a IN (1.25)"]),
            (34, " OR ", ["random() IN (1)", "random() IN (2)"]),
            (34, " OR ", ["a IN (NULL)", "a IN (b)"]),
            (34, " OR ", ["a IN (12345678901234567890)", "a IN (12345678901234567891)"]),
            (34, " OR ", ["a NOT IN (1)", "a NOT IN (2)"]),
            (34, " AND ", ["a IN (1)", "a IN (2)"]),
            (34, " OR ", ["a IN (1) AND b = 1", "a IN (2) AND b = 2"]),
        ] {
            let condition = chain(34, with, |i| terms[i % 2].to_owned());
            assert_eq!(after(&condition).matches(" IN ").count(), kept, "{condition}");
        }
        let short = chain(16, " OR ", |i| format!("a IN ({i})"));
        assert_eq!(after(&short), short);
    }
}
