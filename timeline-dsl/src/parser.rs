//! Tokens to a tree, whatever the text.
//!
//! After a syntax error the parser is silent until it has found the beginning of the next declaration (or, in a source,
//! of the next clause): one mistake is said once, and what stands behind it is still read.
//! Expressions are read by precedence climbing; chains of one operator are lists, so that only nesting makes the tree
//! deeper, and nesting is limited: no text can overflow the stack.

mod expression;
mod hours;
mod operator;
mod output;
mod source;
mod table;

use crate::diagnostics::codes::{self, DiagnosticCode};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::habits;
use crate::lexer::{Token, TokenKind, lex};
use crate::syntax::{Definition, Item, Literal, Name, ProgramSyntax, Span};

/// How deep parentheses, calls, `!` and `-` may nest.
pub const MAX_NESTING: usize = 100;

/// The most bytes of a program: 1 MiB.
pub const MAX_PROGRAM_BYTES: usize = 1 << 20;

/// The most bytes of tables that a deployed program carries besides, packed and written as text: 32 MiB.
pub const MAX_CARRIED_BYTES: usize = 32 << 20;

/// The bytes of a text that are tables.
fn carried(text: &str) -> usize {
    let length = |(at, _): (usize, &str)| text[at + 1..].find('"').unwrap_or(0);
    text.match_indices("\"data:table/").map(length).sum()
}

/// The words that begin a declaration.
pub(crate) const DECLARATIONS: [&str; 6] = ["source", "let", "metric", "alert", "operator", "table"];

/// Reads a program of declarations.
pub(crate) fn parse(file: usize, text: &str, sink: &mut Diagnostics) -> ProgramSyntax {
    let Some(mut parser) = Parser::new(file, text, sink) else { return ProgramSyntax::default() };
    let mut items = vec![];
    while parser.kind() != &TokenKind::End {
        if let Some(item) = parser.item() {
            items.push(item);
        }
        if parser.panicking {
            parser.recover();
        }
    }
    ProgramSyntax { items }
}

/// Reads a program that is one expression, as the metric of that name.
pub(crate) fn parse_expression(file: usize, text: &str, name: &str, sink: &mut Diagnostics) -> Option<Definition> {
    let mut parser = Parser::new(file, text, sink)?;
    let span = Span::new(0, text.len());
    let value = parser.full();
    let with = parser.with();
    let (aggregate, keep_spans) = parser.pipe();
    if parser.kind() != &TokenKind::End {
        parser.expected("the end of the expression");
    }
    Some(Definition { name: Name { text: name.to_owned(), span }, value, aggregate, with, keep_spans, span })
}

/// Whether a text is one expression rather than declarations; an empty text is not.
pub(crate) fn looks_like_expression(text: &str) -> bool {
    let mut sink = Diagnostics::default();
    let Some(parser) = Parser::new(0, text, &mut sink) else { return false };
    match (parser.kind(), &parser.nth(1).kind) {
        (TokenKind::End, _) => false,
        (TokenKind::Word, TokenKind::Word) => ["over", "split", "scope", "every"].contains(&parser.nth_word(1)),
        (TokenKind::Word, TokenKind::Sign("{" | "=")) => false,
        _ => true,
    }
}

pub(super) struct Parser<'a> {
    file: usize,
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// A syntax error has been said, and nothing more is until [`Parser::recover`].
    panicking: bool,
    sink: &'a mut Diagnostics,
}

impl<'a> Parser<'a> {
    fn new(file: usize, text: &'a str, sink: &'a mut Diagnostics) -> Option<Self> {
        let carried = if text.len() > MAX_PROGRAM_BYTES { carried(text) } else { 0 };
        if carried > MAX_CARRIED_BYTES {
            let message = format!("a program carries at most {MAX_CARRIED_BYTES} bytes of tables, this {carried}");
            let help = "leave out of the tables what is not asked for, or deploy them with programs of their own";
            sink.push(Diagnostic::error(codes::TOO_LONG, file, 0..0, message).help(help));
            return None;
        }
        if text.len() - carried > MAX_PROGRAM_BYTES {
            let message = format!("a program has at most {MAX_PROGRAM_BYTES} bytes, this has {}", text.len() - carried);
            let help = "deploy it as several programs";
            sink.push(Diagnostic::error(codes::TOO_LONG, file, 0..0, message).help(help));
            return None;
        }
        let tokens = lex(file, text, sink);
        Some(Parser { file, text, tokens, at: 0, depth: 0, panicking: false, sink })
    }

    fn nth(&self, n: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + n).min(last)]
    }

    fn kind(&self) -> &TokenKind {
        &self.nth(0).kind
    }

    fn span(&self) -> Span {
        self.nth(0).span
    }

    /// The span of the token before.
    fn last_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    /// The word at that place, or an empty text.
    fn nth_word(&self, n: usize) -> &'a str {
        let token = self.nth(n);
        if token.kind == TokenKind::Word { token.span.text(self.text) } else { "" }
    }

    fn bump(&mut self) -> Span {
        let span = self.span();
        if self.kind() != &TokenKind::End {
            self.at += 1;
        }
        span
    }

    fn at_sign(&self, sign: &str) -> bool {
        !self.panicking && matches!(self.kind(), TokenKind::Sign(s) if *s == sign)
    }

    fn eat_sign(&mut self, sign: &str) -> bool {
        let found = self.at_sign(sign);
        if found {
            self.bump();
        }
        found
    }

    fn at_word(&self, word: &str) -> bool {
        !self.panicking && self.nth_word(0) == word
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.bump();
        }
        found
    }

    /// A name, or an error saying what it would have been.
    fn name(&mut self, what: &str) -> Option<Name> {
        if self.panicking || self.kind() != &TokenKind::Word {
            self.expected(what);
            return None;
        }
        let span = self.bump();
        Some(Name { text: span.text(self.text).to_owned(), span })
    }

    /// A name that is given to something. What cannot be one is said, and read as the name that it may become.
    fn new_name(&mut self, what: &str) -> Option<Name> {
        let start = self.span();
        if let TokenKind::Literal(Literal::Text(text)) = self.kind().clone()
            && !self.panicking
        {
            self.bump();
            let name = habits::as_name(&text);
            let help = format!("a name has letters, digits and `_`, and no quotes: `{name}`");
            self.mistake(codes::SYNTAX, start, "a name stands without quotes", help);
            return Some(Name { text: name, span: start });
        }
        let Name { mut text, mut span } = self.name(what)?;
        // `my-metric`, `job:metric:rate5m` and `my.metric` without a blank in them.
        while let (TokenKind::Sign(sign @ ("-" | "." | ":")), true) = (self.kind().clone(), self.is_joined()) {
            let is_name =
                matches!(self.nth(1).kind, TokenKind::Word) || matches!(self.nth(1).kind, TokenKind::Literal(_));
            if !is_name || self.nth(1).span.range().start != self.span().range().end {
                break;
            }
            self.bump();
            text = format!("{text}{sign}{}", self.bump().text(self.text));
            span = span.to(self.last_span());
        }
        let name = habits::as_name(&text);
        if name != text {
            let help = format!("a name has letters, digits and `_`: `{name}`");
            self.mistake(codes::SYNTAX, span, format!("`{text}` is no name"), help);
        }
        Some(Name { text: name, span })
    }

    /// Whether the token stands right behind the one before.
    fn is_joined(&self) -> bool {
        self.last_span().range().end == self.span().range().start
    }

    /// The sign, or an error.
    fn expect_sign(&mut self, sign: &str) -> bool {
        let found = self.eat_sign(sign);
        if !found {
            self.expected(&format!("`{sign}`"));
        }
        found
    }

    /// The bracket that closes the one at `open`, or an error that shows both.
    fn close(&mut self, open: Span, sign: &str) -> Span {
        if self.at_sign(sign) {
            return self.bump();
        }
        let found = self.found();
        let follows = !self.nth(0).line_start && matches!(self.kind(), TokenKind::Word | TokenKind::Literal(_));
        let default = match follows {
            true => format!("write `,` or `{sign}` before it"),
            false => format!("write `{sign}` before it, or remove the bracket"),
        };
        let help = self.help_for_found().unwrap_or(default);
        // What is missing at the end of a line is missing there.
        let next = self.nth(0);
        let ends = next.kind == TokenKind::End || next.line_start;
        let end = self.last_span().range().end;
        let place = if ends { end..end } else { next.span.range() };
        let d = Diagnostic::error(codes::UNCLOSED, self.file, place, format!("expected `{sign}`, found {found}"))
            .note(self.file, open.range(), "this bracket is not closed")
            .help(help);
        self.fail(d);
        self.last_span()
    }

    /// Says a syntax error and falls silent.
    fn fail(&mut self, diagnostic: Diagnostic) {
        if !self.panicking {
            self.panicking = true;
            // What the lexer could not read, it has said itself.
            if self.kind() != &TokenKind::Bad {
                self.sink.push(diagnostic);
            }
        }
    }

    fn expected(&mut self, what: &str) {
        let message = format!("expected {what}, found {}", self.found());
        let help = self.help_for_found();
        let d = Diagnostic::error(codes::SYNTAX, self.file, self.span().range(), message);
        let default = format!("put {what} here");
        self.fail(d.help(help.unwrap_or(default)));
    }

    /// Says a mistake after which reading can simply go on.
    fn mistake(&mut self, code: DiagnosticCode, span: Span, message: impl Into<String>, help: impl Into<String>) {
        if !self.panicking {
            self.sink.push(Diagnostic::error(code, self.file, span.range(), message).help(help));
        }
    }

    fn found(&self) -> String {
        match self.kind() {
            TokenKind::End => "the end of the program".into(),
            TokenKind::Literal(Literal::Text(_)) => "a string".into(),
            _ => {
                let text = self.span().text(self.text);
                let short: String = text.chars().take(40).collect();
                format!("`{short}`{}", if short.len() < text.len() { "..." } else { "" })
            }
        }
    }

    /// What people of other languages mean by the token.
    fn help_for_found(&self) -> Option<String> {
        let help = match (self.kind(), self.span().text(self.text)) {
            (TokenKind::Sign("="), _) => "`==` compares; `=` stands only behind the name of a definition",
            (TokenKind::Sign("&"), _) | (TokenKind::Word, "and" | "AND") => "write `&&`",
            (TokenKind::Sign("|"), _) => "write `||` for \"or\"; `| aggregate(...)` stands only at the end of a metric",
            (TokenKind::Word, "or" | "OR") => "write `||`",
            (TokenKind::Word, "not" | "NOT") => "write `!`",
            (TokenKind::Sign(";"), _) => "declarations need no separator: remove it",
            (TokenKind::Sign(":"), _) => "a definition is written `let name = expression`",
            (TokenKind::Sign("{"), _) => "events are chosen by a condition: `count(cdn == \"C1\")`",
            (TokenKind::Sign("*"), _) => "a star multiplies; all events of a column are `count(column)`",
            (TokenKind::Word, word) => return habits::word(word, ""),
            _ => return None,
        };
        Some(help.to_owned())
    }

    /// Goes to the next declaration that begins a line.
    fn recover(&mut self) {
        self.panicking = false;
        self.depth = 0;
        while self.kind() != &TokenKind::End && !(self.nth(0).line_start && self.at_declaration()) {
            self.bump();
        }
    }

    /// Whether a declaration begins here, rather than a name that is one of its words.
    fn at_declaration(&self) -> bool {
        DECLARATIONS.contains(&self.nth_word(0))
            && self.nth(1).kind == TokenKind::Word
            && (matches!(self.nth(2).kind, TokenKind::Sign("=" | "{"))
                || self.nth_word(0) == "operator" && self.nth(2).kind == TokenKind::Sign("(")
                || self.nth_word(0) == "table" && self.nth_word(2) == "from")
    }

    fn item(&mut self) -> Option<Item> {
        let start = self.span();
        let word = self.nth_word(0);
        match word {
            "source" => self.source(),
            "operator" => self.operator(),
            "table" => self.table(),
            "let" | "metric" | "alert" => {
                self.bump();
                let definition = self.definition(start)?;
                Some(match word {
                    "let" => Item::Let(definition),
                    "metric" => Item::Metric(definition),
                    _ => Item::Alert(definition),
                })
            }
            _ => {
                let near = self.declaration_meant();
                // What is meant is plain, and what it defines is known below.
                if let (Some(meant @ ("let" | "metric" | "alert")), true) = (near, self.is_definition()) {
                    let message = format!("`{word}` is written `{meant}`");
                    self.mistake(codes::SYNTAX, start, message, format!("write `{meant}`"));
                    self.bump();
                    let definition = self.definition(start)?;
                    return Some(match meant {
                        "let" => Item::Let(definition),
                        "metric" => Item::Metric(definition),
                        _ => Item::Alert(definition),
                    });
                }
                let near = near.map(|w| format!("did you mean `{w}`? "));
                let help = format!(
                    "{}every declaration begins with `source`, `table`, `let`, `metric`, `alert` or `operator`",
                    near.unwrap_or_default()
                );
                let message = format!("expected a declaration, found {}", self.found());
                self.fail(Diagnostic::error(codes::SYNTAX, self.file, start.range(), message).help(help));
                self.bump();
                None
            }
        }
    }

    /// The declaration that is meant by a word that begins none.
    fn declaration_meant(&self) -> Option<&'static str> {
        let word = self.nth_word(0);
        habits::declaration(word).or_else(|| crate::diagnostics::nearest(word, DECLARATIONS))
    }

    /// Whether a word, a name and `=` follow.
    fn is_definition(&self) -> bool {
        self.nth(0).line_start
            && self.kind() == &TokenKind::Word
            && self.nth(1).kind == TokenKind::Word
            && matches!(self.nth(2).kind, TokenKind::Sign("=" | ":" | "-" | "."))
    }

    fn definition(&mut self, start: Span) -> Option<Definition> {
        let word = start.text(self.text);
        let is_metric = word == "metric" || !DECLARATIONS.contains(&word);
        let name = self.new_name("a name")?;
        if !self.eat_sign("=") {
            self.expected("`=`");
            return None;
        }
        let value = self.full();
        let with = if word == "let" { vec![] } else { self.with() };
        let (aggregate, keep_spans) = if is_metric { self.pipe() } else { (None, false) };
        let goes_on =
            DECLARATIONS.contains(&self.nth_word(0)) || self.is_definition() && self.declaration_meant().is_some();
        if !self.panicking && self.kind() != &TokenKind::End && !goes_on {
            self.expected("an operator or the next declaration");
        }
        // A name whose definition is broken is known all the same, or each use would be one more mistake.
        Some(Definition { name, value, aggregate, with, keep_spans, span: start.to(self.last_span()) })
    }
}
