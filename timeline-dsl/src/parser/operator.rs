//! `operator name(x: type, ...): type state N from "module"`.

use super::Parser;
use crate::diagnostics::codes;
use crate::diagnostics::nearest;
use crate::lexer::TokenKind;
use crate::syntax::{Item, Literal, Name, OperatorItem, Span};
use timeline_core::Type;

impl Parser<'_> {
    pub(super) fn operator(&mut self) -> Option<Item> {
        let start = self.bump();
        let name = self.name("the name of the operator")?;
        let open = self.span();
        if !self.expect_sign("(") {
            return None;
        }
        let mut parameters = vec![];
        while !self.panicking && !self.at_sign(")") {
            let parameter = self.name("the name of an argument")?;
            self.expect_sign(":");
            parameters.push((parameter, self.type_name()?));
            if !self.eat_sign(",") {
                break;
            }
        }
        self.close(open, ")");
        self.expect_sign(":");
        let result = self.type_name()?;
        let state = if self.eat_word("state") { Some(self.bytes()?) } else { None };
        if !self.eat_word("from") {
            self.expected("`state BYTES` or `from \"MODULE\"`");
            return None;
        }
        let span = self.span();
        let TokenKind::Literal(Literal::Text(from)) = self.kind().clone() else {
            self.expected("the file of the module, between double quotes");
            return None;
        };
        self.bump();
        Some(Item::Operator(OperatorItem {
            name,
            parameters,
            result,
            state,
            from,
            from_span: span,
            span: start.to(span),
        }))
    }

    /// A type, or nothing if that is no type, which is said.
    fn type_name(&mut self) -> Option<(Option<Type>, Span)> {
        let Name { text, span } = self.name("a type")?;
        let known = [Type::Float, Type::Int, Type::Bool];
        let found = known.into_iter().find(|ty| ty.name() == text);
        if found.is_none() {
            let meant =
                nearest(&text, known.map(Type::name)).map(|m| format!("did you mean `{m}`? ")).unwrap_or_default();
            let help = format!("{meant}user operators take and give float, int and bool");
            self.mistake(codes::TYPE, span, format!("`{text}` is no type of a user operator"), help);
        }
        Some((found, span))
    }

    /// A whole number of bytes.
    fn bytes(&mut self) -> Option<(u32, Span)> {
        let span = self.span();
        if let TokenKind::Literal(Literal::Number(number)) = self.kind()
            && number.whole
            && let Ok(bytes) = span.text(self.text).parse()
        {
            self.bump();
            return Some((bytes, span));
        }
        self.expected("a number of bytes");
        None
    }
}
