//! Expressions.
//!
//! From loose to tight: `over last`, `scope by`, `split by`; `||`; `&&`; comparisons; `+ -`; `* /`; `!` and `-`.

use super::{DECLARATIONS, MAX_NESTING, Parser};
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes;
use crate::habits;
use crate::lexer::TokenKind;
use crate::names;
use crate::syntax::{
    Dimension, EveryClause, Expr, ExprKind, Literal, Logic, Name, Sign, Span, SyntaxArgument, WindowLength,
};
use timeline_core::plan::Compare;

/// The most trailing clauses of one expression; two make sense.
const MAX_CLAUSES: usize = 4;

/// What stands between two operands.
#[derive(Clone, Copy, PartialEq)]
enum Infix {
    Logic(Logic),
    Compare(Compare),
    Arithmetic(Sign),
}

impl Infix {
    fn of(sign: &str) -> Option<(u8, Infix)> {
        Some(match sign {
            "||" => (1, Infix::Logic(Logic::Or)),
            "&&" => (2, Infix::Logic(Logic::And)),
            "==" => (3, Infix::Compare(Compare::Eq)),
            "!=" => (3, Infix::Compare(Compare::Ne)),
            "<" => (3, Infix::Compare(Compare::Lt)),
            "<=" => (3, Infix::Compare(Compare::Le)),
            ">" => (3, Infix::Compare(Compare::Gt)),
            ">=" => (3, Infix::Compare(Compare::Ge)),
            "+" => (4, Infix::Arithmetic(Sign::Plus)),
            "-" => (4, Infix::Arithmetic(Sign::Minus)),
            "*" => (5, Infix::Arithmetic(Sign::Times)),
            "/" => (5, Infix::Arithmetic(Sign::Over)),
            _ => return None,
        })
    }
}

impl Parser<'_> {
    /// An expression with its trailing clauses.
    pub(super) fn full(&mut self) -> Expr {
        let mut value = self.binary(1);
        // Each clause makes the tree one deeper, inside each level of nesting.
        for _ in 0..MAX_CLAUSES {
            let start = self.span();
            let kind = match (self.nth_word(0), self.nth_word(1)) {
                _ if self.panicking => return value,
                ("over", "last") => {
                    self.bump();
                    self.bump();
                    let window = self.binary(4);
                    self.refuse_operator_behind_clause();
                    ExprKind::OverLast(Box::new(value.take()), Box::new(window))
                }
                ("split", "by") => {
                    self.bump();
                    self.bump();
                    let dimensions = self.dimensions();
                    value = self.split(value, dimensions);
                    continue;
                }
                ("scope", "by") => {
                    self.bump();
                    self.bump();
                    let by = self.binary(1);
                    ExprKind::ScopeBy(Box::new(value.take()), Box::new(by))
                }
                ("every", _) if matches!(self.nth(1).kind, TokenKind::Literal(_) | TokenKind::Calendar(..)) => {
                    self.bump();
                    let every = self.every();
                    let span = start.to(self.last_span());
                    let name = Some(Name { text: "every".to_owned(), span });
                    let value_of = Expr { kind: ExprKind::Every(Box::new(every)), span };
                    value = self.split(value, vec![Dimension { value: value_of, name }]);
                    continue;
                }
                _ => return value,
            };
            value = Expr { kind, span: value.span.to(self.last_span()) };
        }
        if ["over", "split", "scope", "every"].contains(&self.nth_word(0)) {
            self.too_deep(self.span());
        }
        value
    }

    /// Behind `every`: how long windows are, in which zone, and from when on.
    fn every(&mut self) -> EveryClause {
        let length = match *self.kind() {
            TokenKind::Calendar(count, unit) => WindowLength::Calendar(count, unit, self.bump()),
            _ => WindowLength::Time(self.binary(4)),
        };
        let (mut zone, mut offset) = (None, None);
        loop {
            let is_text = matches!(self.nth(1).kind, TokenKind::Literal(Literal::Text(_)));
            if zone.is_none() && self.at_word("in") && is_text {
                self.bump();
                zone = self.quoted("a time zone, such as \"Europe/Berlin\"");
            } else if offset.is_none() && self.at_word("offset") && matches!(self.nth(1).kind, TokenKind::Literal(_)) {
                self.bump();
                offset = Some(self.binary(4));
            } else {
                return EveryClause { length, zone, offset };
            }
        }
    }

    /// `x over last 5s > 3`: the clause binds loosest.
    fn refuse_operator_behind_clause(&mut self) {
        if self.infix().is_some() {
            let message = format!("`over last` binds looser than {}", self.found());
            let help = "put it in parentheses: `(x over last D) > ...`";
            let d = Diagnostic::error(codes::SYNTAX, self.file, self.span().range(), message).help(help);
            self.fail(d);
        }
    }

    /// A split by further dimensions, with the cap behind them. Windows and dimensions of one metric are one split, in the
    /// order in which they are written.
    fn split(&mut self, of: Expr, dimensions: Vec<Dimension>) -> Expr {
        let start = self.span();
        let is_capped = self.at_word("cap") && matches!(self.nth(1).kind, TokenKind::Word | TokenKind::Literal(_));
        let cap = is_capped.then(|| {
            self.bump();
            Box::new(self.binary(4))
        });
        let span = of.span.to(self.last_span());
        let is_window = |d: &Dimension| matches!(d.value.kind, ExprKind::Every(_));
        let kind = match of.kind {
            ExprKind::SplitBy(inner, known, known_cap)
                if known.iter().all(is_window) != dimensions.iter().all(is_window) =>
            {
                if cap.is_some() && known_cap.is_some() {
                    let help = "rows are windows with values: write one `cap` for all of them, at the end";
                    self.mistake(codes::REPEATED, start.to(self.last_span()), "a split has one cap", help);
                }
                ExprKind::SplitBy(inner, known.into_iter().chain(dimensions).collect(), cap.or(known_cap))
            }
            kind => ExprKind::SplitBy(Box::new(Expr { kind, span: of.span }), dimensions, cap),
        };
        Expr { kind, span }
    }

    /// `a, b as name, ...`
    pub(super) fn dimensions(&mut self) -> Vec<Dimension> {
        let mut all = vec![];
        loop {
            let value = self.binary(1);
            let name = if self.eat_word("as") { self.name("the name of the dimension") } else { None };
            all.push(Dimension { value, name });
            if !self.eat_sign(",") {
                return all;
            }
        }
    }

    /// Operands joined by operators that bind at least as tightly as `min`.
    pub(super) fn binary(&mut self, min: u8) -> Expr {
        let mut left = self.unary();
        left = self.one_of(left, min);
        left = self.habit(left, min);
        while let Some((level, infix)) = self.infix().filter(|(level, _)| *level >= min) {
            let kind = match infix {
                Infix::Logic(logic) => {
                    let mut operands = vec![left.take()];
                    while self.infix() == Some((level, infix)) {
                        self.bump();
                        operands.push(self.binary(level + 1));
                    }
                    ExprKind::Logic(logic, operands)
                }
                Infix::Compare(compare) => {
                    self.bump();
                    let right = self.binary(level + 1);
                    let kind = ExprKind::Compare(compare, Box::new(left.take()), Box::new(right));
                    self.refuse_chain(level);
                    kind
                }
                Infix::Arithmetic(_) => {
                    let mut rest = vec![];
                    while let Some((_, Infix::Arithmetic(sign))) = self.infix().filter(|(l, _)| *l == level) {
                        self.bump();
                        rest.push((sign, self.binary(level + 1)));
                    }
                    ExprKind::Arithmetic(Box::new(left.take()), rest)
                }
            };
            left = Expr { kind, span: left.span.to(self.last_span()) };
            left = self.one_of(left, min);
            left = self.habit(left, min);
        }
        left
    }

    /// A sign or a word of another language between operands is said, and read as the sign that is meant; `is null` and
    /// its like are said, and what they compare means nothing more.
    fn habit(&mut self, left: Expr, min: u8) -> Expr {
        if self.panicking || self.nth(0).line_start && self.kind() == &TokenKind::Word {
            return left;
        }
        let span = self.span();
        let written = span.text(self.text);
        let begins = |kind: &TokenKind| {
            matches!(kind, TokenKind::Word | TokenKind::Literal(_) | TokenKind::Sign("(" | "!" | "-"))
        };
        // A sign that was read as another one is that one.
        let is_own =
            matches!(self.kind(), TokenKind::Word) || matches!(self.kind(), TokenKind::Sign(sign) if *sign == written);
        // Ends of a session are joined with `or`; behind a word at the end of a line is the next declaration.
        let is_end = ["after", "when"].contains(&self.nth_word(1)) || DECLARATIONS.contains(&self.nth_word(1));
        let fits = |meant: &&str| Infix::of(meant).is_some_and(|(level, _)| level >= min);
        if let Some(meant) = habits::infix(written).filter(fits)
            && is_own
            && !is_end
            && begins(&self.nth(1).kind)
        {
            let help = match written {
                "=" => "`==` compares; `=` stands only behind the name of a definition".to_owned(),
                _ => format!("write `{meant}`"),
            };
            self.mistake(codes::SYNTAX, span, format!("`{written}` is written `{meant}`"), help);
            let at = self.at;
            self.tokens[at].kind = TokenKind::Sign(meant);
            return left;
        }
        if self.kind() != &TokenKind::Word || min > 3 {
            return left;
        }
        if written.eq_ignore_ascii_case("not")
            && ["in", "like", "ilike", "between"].contains(&self.nth_word(1).to_ascii_lowercase().as_str())
        {
            let x = left.span.text(self.text);
            let x = if x.len() > habits::REPEATED_MAX { "x" } else { x };
            let message = format!("`{written}` is written `!`, before what it denies");
            let help = match self.nth_word(1).to_ascii_lowercase().as_str() {
                "in" => format!("write `!({x} in (...))`"),
                "between" => format!("write `{x} < a || {x} > b`"),
                _ => format!("write `!starts_with({x}, \"...\")`, or `!contains({x}, \"...\")`"),
            };
            self.mistake(codes::SYNTAX, span, message, help);
            self.bump();
            if self.at_word("in") {
                return self.one_of(left, min);
            }
            self.bump();
            self.binary(4);
            if self.nth_word(0).eq_ignore_ascii_case("and") {
                self.bump();
                self.binary(4);
            }
            return Expr { kind: ExprKind::Error, span: left.span.to(self.last_span()) };
        }
        let last = match written.to_ascii_lowercase().as_str() {
            "is" if ["true", "false"].contains(&self.nth_word(1).to_ascii_lowercase().as_str()) => {
                let x = left.span.text(self.text);
                let x = if x.len() > habits::REPEATED_MAX { "x" } else { x };
                let not = if self.nth_word(1).eq_ignore_ascii_case("false") { "!" } else { "" };
                let span = span.to(self.nth(1).span);
                self.mistake(codes::SYNTAX, span, "a condition stands by itself", format!("write `{not}{x}`"));
                self.bump();
                self.bump();
                return left;
            }
            "is" if self.nth_word(1).eq_ignore_ascii_case("null") => 2,
            "is" if self.nth_word(1).eq_ignore_ascii_case("not") => 3,
            "between" | "like" | "ilike" | "rlike" | "regexp" | "matches" | "has" | "startswith" | "endswith"
                if begins(&self.nth(1).kind) =>
            {
                1
            }
            _ => return left,
        };
        let help = habits::word(written, left.span.text(self.text)).unwrap_or_default();
        for _ in 0..last {
            self.bump();
        }
        if last == 1 {
            self.binary(4);
            if written.eq_ignore_ascii_case("between") && self.nth_word(0).eq_ignore_ascii_case("and") {
                self.bump();
                self.binary(4);
            }
        }
        let span = span.to(self.last_span());
        let message = format!("the language has no `{}`", written.to_ascii_lowercase());
        self.mistake(codes::SYNTAX, span, message, help);
        Expr { kind: ExprKind::Error, span: left.span.to(span) }
    }

    /// `x in (a, b)`, which binds as a comparison does.
    fn one_of(&mut self, mut left: Expr, min: u8) -> Expr {
        if min <= 3 && self.at_word("in") && self.nth(1).kind == TokenKind::Bad {
            // What the lexer could not read, it has said itself.
            self.panicking = true;
            return Expr { kind: ExprKind::Error, span: left.span };
        }
        if min > 3 || self.panicking || !self.at_word("in") || self.nth(1).kind != TokenKind::Sign("(") {
            return left;
        }
        self.bump();
        let open = self.bump();
        let mut list = vec![];
        while !self.panicking && !self.at_sign(")") {
            list.push(self.binary(4));
            if !self.eat_sign(",") {
                break;
            }
        }
        let is_empty = list.is_empty();
        if is_empty && !self.panicking {
            self.expected("a constant");
        }
        self.close(open, ")");
        let of = Box::new(left.take());
        let kind = if is_empty { ExprKind::Error } else { ExprKind::In(of, list) };
        Expr { kind, span: left.span.to(self.last_span()) }
    }

    /// `a < b < c`: says so once and skips the rest of the chain.
    fn refuse_chain(&mut self, level: u8) {
        let mut said = false;
        while let Some((_, Infix::Compare(_))) = self.infix() {
            let span = self.bump();
            self.binary(level + 1);
            if !said {
                let help = "join two comparisons with `&&`, or put the first one in parentheses";
                self.mistake(codes::CHAIN, span, "comparisons do not chain", help);
            }
            said = true;
        }
    }

    fn infix(&self) -> Option<(u8, Infix)> {
        match self.kind() {
            TokenKind::Sign(sign) if !self.panicking => Infix::of(sign),
            _ => None,
        }
    }

    fn unary(&mut self) -> Expr {
        let start = self.span();
        if self.panicking {
            return Expr { kind: ExprKind::Error, span: start };
        }
        if self.depth >= MAX_NESTING {
            self.too_deep(start);
            return Expr { kind: ExprKind::Error, span: start };
        }
        self.depth += 1;
        if self.is_not() {
            self.mistake(codes::SYNTAX, start, format!("`{}` is written `!`", start.text(self.text)), "write `!`");
            let at = self.at;
            self.tokens[at].kind = TokenKind::Sign("!");
        }
        let kind = if self.eat_sign("!") {
            ExprKind::Not(Box::new(self.unary()))
        } else if self.eat_sign("-") {
            ExprKind::Negate(Box::new(self.unary()))
        } else {
            self.primary()
        };
        self.depth = self.depth.saturating_sub(1);
        Expr { kind, span: start.to(self.last_span()) }
    }

    /// `NOT x`, of which `not(x)` is another spelling of `!x`.
    fn is_not(&self) -> bool {
        let word = self.nth_word(0);
        word.eq_ignore_ascii_case("not")
            && match self.nth(1).kind {
                TokenKind::Word | TokenKind::Literal(_) => !self.nth(1).line_start,
                TokenKind::Sign("(") => word != "not",
                _ => false,
            }
    }

    fn too_deep(&mut self, span: Span) {
        let message = format!("more than {MAX_NESTING} levels of nesting");
        let help = "name the inner parts with `let`";
        self.fail(Diagnostic::error(codes::NESTING, self.file, span.range(), message).help(help));
    }

    fn primary(&mut self) -> ExprKind {
        let open = self.span();
        match self.kind().clone() {
            TokenKind::Literal(literal) => {
                self.bump();
                self.unit_apart(literal, open)
            }
            TokenKind::Sign("(") => {
                self.bump();
                let inner = self.full();
                self.close(open, ")");
                inner.kind
            }
            TokenKind::Word => match self.nth_word(0) {
                "true" | "false" if self.nth(1).kind != TokenKind::Sign("(") => {
                    let value = self.bump().text(self.text) == "true";
                    ExprKind::Literal(Literal::Bool(value))
                }
                word if matches!(self.nth(1).kind, TokenKind::Word | TokenKind::Literal(_))
                    && !self.nth(1).line_start
                    && !["in", "over", "split", "scope", "every"].contains(&self.nth_word(1))
                    && habits::beginning(word).is_some() =>
                {
                    let message = format!("expected an expression, found `{word}`");
                    let help = habits::beginning(word).unwrap_or_default();
                    self.fail(Diagnostic::error(codes::SYNTAX, self.file, open.range(), message).help(help));
                    ExprKind::Error
                }
                _ => self.path_or_call(),
            },
            _ => {
                self.expected("an expression");
                ExprKind::Error
            }
        }
    }

    /// `5 minutes`: a number, and the unit behind it.
    fn unit_apart(&mut self, literal: Literal, start: Span) -> ExprKind {
        if let (Literal::Number(_), Some(unit)) = (&literal, habits::unit(self.nth_word(0)))
            && !self.panicking
            && !self.nth(0).line_start
            // Of a source on one line: `lateness 5  s: string`.
            && self.nth(1).kind != TokenKind::Sign(":")
        {
            let span = start.to(self.bump());
            let help = format!("write `{}{unit}`", start.text(self.text));
            self.mistake(codes::DURATION, span, "a duration is written as one word", help);
            return ExprKind::Literal(Literal::Bad);
        }
        ExprKind::Literal(literal)
    }

    fn path_or_call(&mut self) -> ExprKind {
        let Some(first) = self.name("a name") else { return ExprKind::Error };
        if self.at_sign("(") {
            return self.call(first);
        }
        if self.at_sign("[") {
            return self.lookup(first);
        }
        let mut path = vec![first];
        while self.at_sign(".") {
            self.bump();
            match self.name("a name behind the dot") {
                Some(name) => path.push(name),
                None => return ExprKind::Error,
            }
        }
        if self.at_sign("(")
            && let [.., of, function] = &path[..]
        {
            let (function, of) = (&function.text, &of.text);
            let message = format!("`.{function}(...)` is not how an operator is written");
            let help = format!("an operator stands before what it reads: `{function}({of})`");
            let span = path[0].span.to(self.last_span());
            self.fail(Diagnostic::error(codes::SYNTAX, self.file, span.range(), message).help(help));
            return ExprKind::Error;
        }
        ExprKind::Path(path)
    }

    /// `table[key].column`
    fn lookup(&mut self, table: Name) -> ExprKind {
        let open = self.bump();
        let mut key = vec![];
        while !self.panicking && !self.at_sign("]") {
            key.push(self.full());
            if !self.eat_sign(",") {
                break;
            }
        }
        self.close(open, "]");
        let column = if self.eat_sign(".") {
            match self.name("a column of the table") {
                Some(column) => Some(column),
                None => return ExprKind::Error,
            }
        } else {
            None
        };
        if self.panicking { ExprKind::Error } else { ExprKind::Lookup { table, key, column } }
    }

    fn call(&mut self, name: Name) -> ExprKind {
        let open = self.bump();
        if names::is_column(&name.text) {
            return self.column(open);
        }
        if names::is_during(&name.text) {
            return self.during(open);
        }
        let mut arguments = vec![];
        if self.at_sign("*") && self.nth(1).kind == TokenKind::Sign(")") {
            let message = format!("`{}(*)` counts no event", name.text);
            let help = "name what is counted: `count(column)`, `count(column == \"value\")`";
            self.mistake(codes::SYNTAX, self.span(), message, help);
            self.bump();
            self.bump();
            return ExprKind::Error;
        }
        while !self.panicking && !self.at_sign(")") {
            let has_word = match self.nth_word(0) {
                "ttl" | "cap" => matches!(self.nth(1).kind, TokenKind::Word | TokenKind::Literal(_)),
                "where" => {
                    matches!(self.nth(1).kind, TokenKind::Word | TokenKind::Literal(_) | TokenKind::Sign("!" | "("))
                }
                _ => false,
            };
            let word = if has_word { self.name("a word") } else { None };
            arguments.push(SyntaxArgument { word, value: self.full() });
            if !self.eat_sign(",") {
                break;
            }
        }
        self.close(open, ")");
        // What is broken inside is said; what the operator would make of the rest is not.
        if self.panicking { ExprKind::Error } else { ExprKind::Call { name, arguments } }
    }

    /// `col("x")` or `col(x)`: always the column, whatever else has the name.
    fn column(&mut self, open: Span) -> ExprKind {
        let span = self.span();
        let text = match self.kind().clone() {
            TokenKind::Literal(Literal::Text(text)) if !self.panicking => {
                self.bump();
                text
            }
            TokenKind::Literal(Literal::Bad) => {
                self.bump();
                String::new()
            }
            _ => match self.name("the name of a column") {
                Some(name) => {
                    let mut text = name.text;
                    while self.at_sign(".") {
                        self.bump();
                        if let Some(name) = self.name("a name behind the dot") {
                            text = format!("{text}.{}", name.text);
                        }
                    }
                    text
                }
                None => return ExprKind::Error,
            },
        };
        let span = span.to(self.last_span());
        self.close(open, ")");
        if text.is_empty() { ExprKind::Error } else { ExprKind::Column(Name { text, span }) }
    }
}

impl Expr {
    /// The same expression, leaving an [`ExprKind::Error`] behind: operands move into the tree that grows around them.
    fn take(&mut self) -> Expr {
        Expr { kind: std::mem::replace(&mut self.kind, ExprKind::Error), span: self.span }
    }
}
