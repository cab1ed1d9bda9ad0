//! What stands behind the `|` of a metric.

use super::Parser;
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes;
use crate::habits;
use crate::lexer::TokenKind;
use crate::syntax::{AggregateItem, Dimension, Expr, ExprKind, FunctionItem, Name, Span};
use timeline_core::plan::AggregateMembers;

impl Parser<'_> {
    /// `with NAME = EXPRESSION, ...`, if it stands there.
    pub(super) fn with(&mut self) -> Vec<Dimension> {
        let mut all = vec![];
        if !self.at_word("with") || !matches!(self.nth(1).kind, TokenKind::Word) {
            return all;
        }
        self.bump();
        loop {
            let Some(name) = self.new_name("the name of a column") else { return all };
            if !self.at_sign("=") {
                let message = format!("expected `=`, found {}", self.found());
                let help = format!("write what is shown: `with {0} = latest({0})`", name.text);
                self.fail(Diagnostic::error(codes::SYNTAX, self.file, self.span().range(), message).help(help));
                return all;
            }
            self.bump();
            all.push(Dimension { value: self.binary(1), name: Some(name) });
            if !self.eat_sign(",") {
                return all;
            }
        }
    }

    /// `| aggregate(...)`, if there is one, and whether there is `| keep spans`.
    pub(super) fn pipe(&mut self) -> (Option<AggregateItem>, bool) {
        let mut aggregate: Option<AggregateItem> = None;
        let mut keep_spans = false;
        while self.eat_sign("|") {
            let start = self.span();
            if self.at_word("keep") && self.nth_word(1) == "spans" {
                self.bump();
                self.bump();
                if std::mem::replace(&mut keep_spans, true) {
                    let span = start.to(self.last_span());
                    self.mistake(codes::REPEATED, span, "`keep spans` stands twice", "leave one of them out");
                }
            } else if self.eat_word("aggregate") {
                let new = self.aggregate(start);
                if aggregate.is_some() {
                    let help = "write all functions into one `aggregate(...)`";
                    self.mistake(codes::REPEATED, new.span, "a metric has one aggregate", help);
                } else {
                    aggregate = Some(new);
                }
            } else {
                let word = self.nth_word(0);
                let is_function = ["count", "sum", "avg", "min", "max", "group_by"].contains(&word);
                if is_function {
                    let message = format!("expected `aggregate(...)` or `keep spans`, found `{word}`");
                    let own = if word == "group_by" { "group_by(column), sum" } else { word };
                    let help = format!("write `| aggregate({own})`");
                    self.fail(Diagnostic::error(codes::SYNTAX, self.file, self.span().range(), message).help(help));
                } else if let Some(help) = habits::pipe(word) {
                    let message = format!("expected `aggregate(...)` or `keep spans`, found `{word}`");
                    self.fail(Diagnostic::error(codes::SYNTAX, self.file, self.span().range(), message).help(help));
                } else {
                    self.expected("`aggregate(...)` or `keep spans`");
                }
            }
        }
        (aggregate, keep_spans)
    }

    fn aggregate(&mut self, start: Span) -> AggregateItem {
        let mut item =
            AggregateItem { group_by: vec![], functions: vec![], members: AggregateMembers::All, span: start };
        let open = self.span();
        if !self.expect_sign("(") {
            return item;
        }
        let mut first = true;
        while !self.panicking && !self.at_sign(")") {
            let is_call = self.nth(1).kind == TokenKind::Sign("(");
            match self.nth_word(0) {
                "closed" if first && !is_call => {
                    self.bump();
                    item.members = AggregateMembers::Closed;
                }
                "live" if first && !is_call => {
                    self.bump();
                    item.members = AggregateMembers::Live;
                }
                "group_by" | "groupby" if is_call => self.group_by(&mut item.group_by),
                _ => {
                    if let Some(name) = self.name("`group_by(...)` or a function") {
                        self.function(name, &mut item.functions);
                    }
                }
            }
            first = false;
            if !self.eat_sign(",") {
                break;
            }
        }
        item.span = start.to(self.close(open, ")"));
        item
    }

    fn group_by(&mut self, keys: &mut Vec<Dimension>) {
        self.bump();
        let open = self.bump();
        if self.at_sign(")") {
            let span = self.span();
            self.mistake(codes::ARGUMENTS, span, "`group_by` needs a key", "leave it out for one group of all");
        } else {
            keys.extend(self.dimensions());
        }
        self.close(open, ")");
    }

    fn function(&mut self, mut name: Name, functions: &mut Vec<FunctionItem>) {
        let mut of = vec![];
        // `p99.9`: all of it is the name of what is no function.
        if self.at_sign(".") && self.is_joined() && matches!(self.nth(1).kind, TokenKind::Literal(_)) {
            self.bump();
            name.span = name.span.to(self.bump());
            name.text = name.span.text(self.text).to_owned();
        }
        if self.at_sign("(") {
            let open = self.bump();
            // `count()` is the habit of SQL and means the same; `count(distinct x)` is another one.
            if self.at_word("distinct") && !matches!(self.nth(1).kind, TokenKind::Sign(_)) {
                let message = format!("`{}` is no function of what it reads", name.text);
                let help = "how many values something has is `distinct(x)`";
                self.fail(Diagnostic::error(codes::SYNTAX, self.file, self.span().range(), message).help(help));
            } else if name.text == "distinct" && !self.at_sign(")") {
                of = self.dimensions();
            }
            self.close(open, ")");
        }
        functions.push(FunctionItem { name, of });
    }
}

impl Dimension {
    /// The name, where the dimension is written as nothing but a name.
    pub(crate) fn bare_name(&self) -> Option<&Name> {
        match &self.value {
            Expr { kind: ExprKind::Path(path), .. } => path.last(),
            Expr { kind: ExprKind::Column(name), .. } => Some(name),
            _ => None,
        }
    }
}
