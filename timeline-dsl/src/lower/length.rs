//! Lengths of time that are calculated.
//!
//! A clause such as `over last` takes all that stands behind it, so whoever goes on calculating with what it gives has
//! changed the window instead. What cannot be meant is refused; what can be is said.

use super::Lowering;
use crate::diagnostics::{Severity, codes};
use crate::explain::duration_text;
use crate::syntax::{Expr, ExprKind, Literal};
use timeline_core::Time;

impl Lowering<'_> {
    /// Says so where a length is a quotient of two, which has no unit. It is so many seconds all the same, as it was before
    /// this was refused: a processor goes on with programs that were deployed then.
    pub(super) fn refuse_quotient(&mut self, e: &Expr, found: &Literal) {
        if !matches!(found, Literal::Number(_)) || !has_length(e) {
            return;
        }
        let message = "a quotient of two lengths of time is a number, and no length";
        let help = "write the length itself, for example `5m`; `(x over last 5m) / 5m` calculates with what the window comes to";
        self.error(codes::CALCULATED, e.span, message, help);
    }

    /// Says how long the window of a clause is whose length is calculated without parentheses.
    pub(super) fn warn_of_calculated(&mut self, clause: &str, e: &Expr, length: Time) {
        let text = self.quote(e.span);
        if !matches!(e.kind, ExprKind::Arithmetic(..)) || is_in_parentheses(&text) {
            return;
        }
        let length = duration_text(length);
        let message = format!("`{clause}` takes all of `{text}`: the window is {length} long");
        let help = format!(
            "write `{clause} {length}` if that is meant; `(x {clause} D) / ...` in parentheses goes on calculating with what the \
             window comes to"
        );
        let mut d = self.diagnostic(codes::CALCULATED, e.span, message).label("a calculated length").help(help);
        d.severity = Severity::Warning;
        self.say(d);
    }
}

/// Whether a length of time stands in a calculation.
fn has_length(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Literal(Literal::Duration(_)) => true,
        ExprKind::Negate(of) => has_length(of),
        ExprKind::Arithmetic(first, rest) => has_length(first) || rest.iter().any(|(_, operand)| has_length(operand)),
        _ => false,
    }
}

/// Whether one pair of parentheses is around all of a text.
fn is_in_parentheses(text: &str) -> bool {
    let mut depth = 0;
    let ends = text.char_indices().find(|(_, c)| {
        depth += i32::from(*c == '(') - i32::from(*c == ')');
        depth == 0
    });
    text.starts_with('(') && ends.is_some_and(|(at, _)| at + 1 == text.len())
}

#[cfg(test)]
mod tests {
    use super::is_in_parentheses;

    #[test]
    fn one_pair_is_around_all() {
        for (text, is) in [("(2 * 5m)", true), ("((2) * (5m))", true), ("(2) * (5m)", false), ("2 * (5m)", false)] {
            assert_eq!(is_in_parentheses(text), is, "{text}");
        }
    }
}
