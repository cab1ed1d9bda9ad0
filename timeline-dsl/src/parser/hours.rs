//! `during("09:00-17:30", mon..fri, in "Europe/Berlin")`: hours, days and a zone, in any order.

use super::Parser;
use crate::diagnostics::codes;
use crate::lexer::TokenKind;
use crate::syntax::{DuringClause, ExprKind, Literal, Name, Span, TextLiteral};

impl Parser<'_> {
    /// What stands in the parentheses of `during`, of which the first was read.
    pub(super) fn during(&mut self, open: Span) -> ExprKind {
        let mut clause = DuringClause::default();
        while !self.panicking && !self.at_sign(")") {
            match self.kind().clone() {
                TokenKind::Literal(Literal::Text(text)) => clause.hours.push(TextLiteral { text, span: self.bump() }),
                TokenKind::Word
                    if self.at_word("in") && matches!(self.nth(1).kind, TokenKind::Literal(Literal::Text(_))) =>
                {
                    let span = self.bump();
                    let zone = self.quoted("a time zone, such as \"Europe/Berlin\"");
                    if clause.zone.is_some() {
                        let help = "write one `during` for each, and join them with `||`";
                        self.mistake(codes::ARGUMENTS, span.to(self.last_span()), "hours are of one time zone", help);
                    }
                    clause.zone = clause.zone.or(zone);
                }
                TokenKind::Word if self.at_word("in") => {
                    self.bump();
                    self.expected("a time zone in quotes, such as \"Europe/Berlin\"");
                }
                TokenKind::Word if self.nth(1).kind != TokenKind::Sign("(") => {
                    let days = self.days();
                    clause.days.push(days);
                }
                _ => self.expected("hours such as \"09:00-17:30\", days such as mon..fri, or `in \"ZONE\"`"),
            }
            if !self.eat_sign(",") {
                break;
            }
        }
        self.close(open, ")");
        if self.panicking { ExprKind::Error } else { ExprKind::During(Box::new(clause)) }
    }

    /// `mon`, or `mon..fri`.
    fn days(&mut self) -> (Name, Option<Name>) {
        let span = self.bump();
        let first = Name { text: span.text(self.text).to_owned(), span };
        let is_dash = self.at_sign("-") && self.nth(1).kind == TokenKind::Word;
        if is_dash {
            let message = "days from one to another are written with `..`";
            let help = format!("write `{}..{}`", first.text, self.nth_word(1));
            self.mistake(codes::HOURS, span.to(self.nth(1).span), message, help);
        }
        if !is_dash && !self.at_sign("..") {
            return (first, None);
        }
        self.bump();
        let last = self.name("the last of the days");
        (first, last)
    }
}
